"""The vote of determinants on a column's cells, as one query.

It is SQL, not an Ibis expression: with five determinants Ibis takes a third of a second to plan it, for each column
that others determine, and again wherever it is used. All names are quoted; no value of the data is in the text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from tasks.quality.model import ROW
from tasks.quality.profile import BLANK, NUMBER, PATTERN_LENGTH
from tasks.quality.queries import quoted, text
from tasks.quality.words import NO_VALUE

RARE, MUCH_RARER = 2, 20
"""A value is rare when it occurs twice at most, or the other is so many times more frequent."""

GROUP = 3
"""Rows that a group needs before it says anything."""

AGREEING = 0.8
"""Share of a row's fellows that must say the same."""

DOUBTS = ("0.5", "0.25", "1.98", "1.0")
"""What speaks for a cell's value before any vote: of a gap; a rare value that reads like a slip; one that is at home
elsewhere in the column; any other. A gap is at home where the column has many."""

TRUSTED = "0.5"
"""The most that speaks for it where a strict voter whose witnesses know the row says otherwise."""

PROMISED = "0.9"
"""The most that speaks for it where a voter that the contract names says otherwise: it is suspect, whatever it is."""

AMOUNT = r"^\s*[€$£¥]?\s*[-+]?[0-9][0-9.,]*\s*(?:[%€$£¥]|\p{L}{1,3}\.?)?\s*$"
"""A number, maybe with a sign of currency, a percent sign or a short unit."""

COMPARED = 200
"""Characters of two values that are compared."""


@dataclass(frozen=True)
class Voter:
    """What has a vote: columns that make groups of the rows which are equal in them.

    Attributes:
        columns: a row belongs to no group where the first is missing.
        weight: how often the groups are right, 0 to 1.
        witnesses: columns that its groups tell as well. Each knows a row in which it holds what the row's group tells;
            a row that some do not know and none knows is a stranger in its group.
        strict: the rows that differ do so at random, as errors do. Its vote is trusted where witnesses know the row,
            unless they would know it in the group that it came from, too, if it were in the wrong one.
        promised: the contract names it.
    """

    columns: tuple[str, ...]
    weight: float
    witnesses: tuple[str, ...] = ()
    strict: bool = False
    promised: bool = False


def votes_sql(
    column: str,
    voters: Sequence[Voter],
    blank: Collection[str],
    *,
    gaps_at_home: bool = False,
) -> str:
    """A query for `_row`, `before`, `after`, `confidence` of every cell that some group says otherwise.

    Args:
        column: whose cells are voted on.
        voters: whose groups say what it should be.
        blank: columns that hold blank values; in the others none is looked for, row by row.
        gaps_at_home: the column has so many gaps that one is no error by itself.
    """
    numbers = range(len(voters))
    joins = " ".join(
        f"LEFT JOIN r{i} ON d.x{i} = r{i}.x{i} AND d.before IS NOT DISTINCT FROM r{i}.before" for i in numbers
    )
    steps = [
        f"base AS NOT MATERIALIZED ({_base(column, voters, blank)})",
        *(step for i in numbers for step in _telling(i)),
        f"doubted AS MATERIALIZED ({_doubted(numbers)})",
        *(_ranked(i) for i in numbers),
        *_heard(voters),
        f"judged AS ({_judged(voters, joins)})",
        f"proposed AS ({_proposed(numbers, column)})",
        f"weighed AS ({_weighed(voters)})",
    ]
    return (
        f"WITH {', '.join(steps)} "
        f"SELECT {ROW}, written AS before, candidate AS after, "
        f"round(votes_for / (votes_for + votes_against + {_doubt(voters, gaps_at_home)}), 6) AS confidence FROM weighed"
    )


def slips_sql(pairs: str) -> str:
    """A query for `slip` of every pair: whether `before` reads like a slip of `candidate`.

    Args:
        pairs: name of a table with `before` and `candidate`, in whose order the answers come.
    """
    return f"SELECT coalesce({_slip()}, FALSE) AS slip FROM {pairs}"


def says_nothing(value: str) -> bool:
    """Whether a value is a word for "no value".

    >>> says_nothing("not_applicable"), says_nothing("0")
    (True, False)
    """
    return value.replace("_", " ").strip(" ").lower() in NO_VALUE


def _present(name: str, blank: Collection[str]) -> str:
    """A column's value, null where it is blank."""
    own = quoted(name)
    return f"CASE WHEN regexp_matches({own}, {text(BLANK)}) THEN NULL ELSE {own} END" if name in blank else own


def _base(column: str, voters: Sequence[Voter], blank: Collection[str]) -> str:
    keys = [f"{_key(voter.columns, blank)} AS x{i}" for i, voter in enumerate(voters)]
    witnesses = [f"{_present(name, blank)} AS w{k}" for k, name in enumerate(_witnesses(voters))]
    own = f"{ROW}, {quoted(column)} AS written, {_present(column, blank)} AS before"
    return f"SELECT {', '.join([own, *keys, *witnesses])} FROM snapshot"


def _key(columns: Sequence[str], blank: Collection[str]) -> str:
    """What rows of one group share; null where the first column is missing."""
    first, *others = columns
    if not others:
        return _present(first, blank)
    parts = " || ".join(f"length({name}) || ':' || {name}" for name in (f"coalesce({quoted(n)}, '')" for n in others))
    return f"{_present(first, blank)} || '|' || {parts}"


def _telling(i: int) -> tuple[str, str, str]:
    """Each group's values with their rows `n`; the groups that say one thing although a row differs; who differs.

    Most of such a group's values are the same one, for with three rows or more four fifths of the others are more
    than half: none is as frequent.
    """
    counted = f"SELECT x{i}, before, count(*) AS n FROM base WHERE x{i} IS NOT NULL GROUP BY x{i}, before"
    split = (
        f"SELECT x{i}, max(n) AS most FROM c{i} GROUP BY x{i} "
        f"HAVING count(*) > 1 AND sum(n) >= {GROUP} AND max(n) >= {AGREEING} * (sum(n) - 1)"
    )
    differing = f"SELECT c{i}.x{i}, before FROM c{i} JOIN s{i} ON c{i}.x{i} = s{i}.x{i} WHERE n < most"
    return f"c{i} AS MATERIALIZED ({counted})", f"s{i} AS ({split})", f"d{i} AS ({differing})"


def _doubted(numbers: Sequence[int]) -> str:
    """The rows that differ from what some group says."""
    differing = (
        f"SELECT base.* FROM base SEMI JOIN d{i} ON base.x{i} = d{i}.x{i} "
        f"AND base.before IS NOT DISTINCT FROM d{i}.before"
        for i in numbers
    )
    return " UNION ".join(differing)


def _ranked(i: int) -> str:
    """Of each doubted row's group: its `total`, its most frequent value and that one's rows."""
    return (
        f"r{i} AS (SELECT *, sum(n) OVER (PARTITION BY x{i}) AS total, first_value(n) OVER ranked AS most, "
        f"first_value(before) OVER ranked AS usual FROM c{i} SEMI JOIN doubted ON c{i}.x{i} = doubted.x{i} "
        f"WINDOW ranked AS (PARTITION BY x{i} ORDER BY n DESC, before NULLS LAST))"
    )


def _witnesses(voters: Sequence[Voter]) -> list[str]:
    """All of them, each once."""
    return [*dict.fromkeys(name for voter in voters for name in voter.witnesses)]


def _heard(voters: Sequence[Voter]) -> Iterator[str]:
    """How many of each voter's witnesses know a doubted row, how many tell its group apart, how many do not know it.

    What they hold is counted in one long table: an aggregate for each voter and witness takes too much memory.
    """
    places = {name: k for k, name in enumerate(_witnesses(voters))}
    pairs = [(i, places[name]) for i, voter in enumerate(voters) for name in voter.witnesses]
    if not pairs:
        return
    held = ", ".join(f"{{'i': {i}, 'k': {k}, 'x': x{i}, 'held': w{k}}}" for i, k in pairs)
    rest = ", ".join(f"{{'k': {k}, 'held': w{k}}}" for k in places.values())
    yield f"asked AS MATERIALIZED (SELECT {ROW}, before, unnest([{held}], recursive := true) FROM doubted)"
    groups = "SELECT DISTINCT i, k, x FROM asked WHERE held IS NOT NULL"
    counted = (
        f"SELECT i, k, x, held, count(*) AS n FROM (SELECT unnest([{held}], recursive := true) FROM base) AS every "
        f"SEMI JOIN ({groups}) AS asked USING (i, k, x) GROUP BY ALL"
    )
    totals = "sum(n) OVER part AS total, max(n) OVER part AS most"
    yield f"known AS (SELECT *, {totals} FROM ({counted}) WINDOW part AS (PARTITION BY i, k, x))"
    beside = ""
    if any(voter.strict for voter in voters):
        held_beside = (
            f"SELECT before, k, held, count(*) AS n FROM (SELECT before, unnest([{rest}], recursive := true) "
            "FROM base SEMI JOIN doubted ON base.before = doubted.before) GROUP BY ALL"
        )
        yield f"beside AS (SELECT *, sum(n) OVER (PARTITION BY before, k) AS times FROM ({held_beside}))"
        beside = "LEFT JOIN beside USING (before, k, held) "
    tests = {
        "known": "known.n = most",
        "apart": "known.n = most AND 2 * (beside.n - 1) <= times - 1",
        "strange": "known.n < most",
    }
    sums = ", ".join(
        f"count(*) FILTER (i = {i} AND most >= {AGREEING} * (total - 1) AND {test}) AS {name}{i}"
        for i, voter in enumerate(voters)
        for name, test in tests.items()
        if voter.strict or name != "apart"
    )
    yield f"heard AS (SELECT {ROW}, {sums} FROM asked JOIN known USING (i, k, x, held) {beside}GROUP BY {ROW})"


def _judged(voters: Sequence[Voter], joins: str) -> str:
    """What each group's other rows say, whether they say this value, too, and whether few of them do.

    The group of a stranger says nothing; one whose witnesses know the row may be trusted, those that tell the group
    apart from the rows which say the doubted value.
    """
    found = []
    for i, voter in enumerate(voters):
        n, most, usual = (f"r{i}.{name}" for name in ("n", "most", "usual"))
        fellows = f"(r{i}.total - 1)"
        agree = f"({most} - CASE WHEN d.before IS NOT DISTINCT FROM {usual} THEN 1 ELSE 0 END)"
        heard = f"{fellows} >= {GROUP - 1} AND {agree} >= {AGREEING} * {fellows}"
        trusted = f"coalesce(apart{i} > strange{i}, FALSE)" if voter.strict and voter.witnesses else "FALSE"
        if voter.witnesses:
            heard += f" AND (coalesce(known{i}, 0) > 0 OR coalesce(strange{i}, 0) = 0)"
        found.append(
            f"CASE WHEN {heard} THEN {usual} END AS says{i}, "
            f"coalesce({n} >= 2 AND d.before IS NOT NULL, FALSE) AS again{i}, "
            f"coalesce({n} * 5 <= {most}, FALSE) AS few{i}, "
            f"{trusted} AS trusted{i}"
        )
    told = f"LEFT JOIN heard ON d.{ROW} = heard.{ROW}" if _witnesses(voters) else ""
    return f"SELECT d.{ROW}, d.written, d.before, {', '.join(found)} FROM doubted AS d {joins} {told}"


def _proposed(numbers: Sequence[int], column: str) -> str:
    """The first other value that a group says, with how often both occur and whether one reads like a slip.

    A word that means "no value" is never said of a value that is there.
    """
    known = f'SELECT "value", n FROM domains WHERE "column" = {text(column)}'
    others = ", ".join(f"CASE WHEN says{i} IS DISTINCT FROM before THEN says{i} END" for i in numbers)
    candidates = f"SELECT *, coalesce({others}) AS candidate FROM judged"
    words = ", ".join(text(word) for word in sorted(NO_VALUE))
    both = (
        f"SELECT c.*, old.n AS times, new.n AS usual FROM ({candidates}) AS c LEFT JOIN ({known}) AS old "
        f'ON c.before = old."value" LEFT JOIN ({known}) AS new ON c.candidate = new."value" '
        "WHERE c.candidate IS NOT NULL "
        f"AND (before IS NULL OR lower(trim(replace(candidate, '_', ' '))) NOT IN ({words}))"
    )
    rare = f"(times <= {RARE} OR times * {MUCH_RARER} <= usual)"
    return f"SELECT *, coalesce({_slip()}, FALSE) AS slip, coalesce({rare}, FALSE) AS rare FROM ({both}) AS both_values"


def _slip() -> str:
    """One edit or a third, or half where it is written unlike the other; never all of it, nor from amount to amount."""
    old, new = (f"substr({side}, 1, {COMPARED})" for side in ("before", "candidate"))
    edits, longest = f"levenshtein({old}, {new})", f"greatest(length({old}), length({new}))"
    numbers = " AND ".join(
        f"(regexp_matches({side}, {text(NUMBER)}) OR regexp_matches({side}, {text(AMOUNT)}))"
        for side in ("before", "candidate")
    )
    odd = f"{_pattern('before')} <> {_pattern('candidate')}"
    near = f"{edits} <= 1 OR {edits} <= 0.34 * {longest} OR ({odd} AND {edits} <= 0.5 * {longest})"
    return f"({near}) AND {edits} < {longest} AND NOT ({numbers}) AND NOT ({_a_word_more(old, new)})"


def _a_word_more(old: str, new: str) -> str:
    """Whether the one is the other, which has no digit, with a word of letters before or behind it: West Seattle."""
    more = "regexp_matches({}, '^[A-Za-z]{{3,}}[ -]|[ -][A-Za-z]{{3,}}$')"
    whole = "NOT regexp_matches({0}, '[0-9]') AND (starts_with({1}, {0} || ' ') OR starts_with({1}, {0} || '-') OR "
    whole += "ends_with({1}, ' ' || {0}) OR ends_with({1}, '-' || {0}))"
    return " OR ".join(f"({whole.format(*both)} AND {more.format(both[1])})" for both in ((old, new), (new, old)))


def _pattern(side: str) -> str:
    digits = f"regexp_replace(substr({side}, 1, {PATTERN_LENGTH}), '[0-9]+', '9', 'g')"
    return f"regexp_replace({digits}, '\\p{{L}}+', 'a', 'g')"


def _weighed(voters: Sequence[Voter]) -> str:
    """Votes for the candidate, and for the cell's own or a third value."""
    agree, against = [], []
    for i, voter in enumerate(voters):
        agree.append(f"CASE WHEN says{i} = candidate THEN {voter.weight!r} ELSE 0 END")
        again = f"again{i} AND NOT (slip AND rare AND few{i})"
        against.append(f"CASE WHEN says{i} <> candidate OR ({again}) THEN {voter.weight!r} ELSE 0 END")
    return f"SELECT *, {' + '.join(agree)} AS votes_for, {' + '.join(against)} AS votes_against FROM proposed"


def _doubt(voters: Sequence[Voter], gaps_at_home: bool) -> str:  # noqa: FBT001  (see `votes_sql`)
    """What speaks for a value before any vote: see `tasks.quality.rules.broken_dependency`."""
    gap, slip, at_home, other = DOUBTS
    own = (
        f"CASE WHEN before IS NULL THEN {at_home if gaps_at_home else gap} WHEN rare AND slip THEN {slip} "
        f"WHEN times > {RARE} THEN {at_home} ELSE {other} END"
    )
    trusted = [f"(trusted{i} AND says{i} = candidate)" for i, voter in enumerate(voters) if voter.strict]
    promised = [f"says{i} = candidate" for i, voter in enumerate(voters) if voter.promised]
    for saying, most in ((trusted, TRUSTED), (promised, PROMISED)):
        if saying:
            own = f"CASE WHEN before IS NOT NULL AND ({' OR '.join(saying)}) THEN least({own}, {most}) ELSE {own} END"
    return own
