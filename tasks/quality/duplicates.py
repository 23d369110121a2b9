"""Rows that say the same thing twice, and rows that describe one thing differently.

The suspects of exact duplicates are the extra copies, never the first; of key duplicates and near-duplicates
all rows in conflict; of conflicting sources the cells that most sources contradict. Identical rows that leave
lose nothing (`dropped`, into the row kept); a row whose values live on in a survivor is `merged` into it.

Chance is reckoned before anything is raised: few answers, many rows, and identical rows are no mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations
from typing import Any, Literal

import ibis
from ibis import _
from pydantic import Field

from tasks.quality.errors import AnswerError, did_you_mean
from tasks.quality.likeness import NearDuplicateSettings, compared_columns, near_pairs
from tasks.quality.model import (
    ROW,
    ColumnProfile,
    Dataset,
    Dimension,
    Disposition,
    Effect,
    Finding,
    Issue,
    Option,
    RowExits,
    Severity,
)
from tasks.quality.profile import is_missing
from tasks.quality.queries import as_sql, asked, kept, quoted
from tasks.quality.records import (
    AT,
    INTO,
    N,
    Rule,
    chance_of_agreement,
    check_columns,
    components,
    count_rows,
    grouped,
    is_numbering,
    is_unique,
    leaving,
    merged,
    pairs_by_chance,
    placed_in,
    plain_text,
    repeats,
    sharing,
    whole_rows,
)
from tasks.quality.registry import KindSettings, Parameters, Settings, kind, remedy
from tasks.quality.voting import (
    FEWEST_SOURCES,
    ConflictingSourceSettings,
    agreement,
    closest,
    copying,
    described_columns,
    dictated,
    disputed_share,
    dominant_shapes,
    outvoted,
    silent,
    source_pairs,
    statements,
    winners,
)
from tasks.quality.wording import plural, rate

TELLING = 0.5
"""Columns in which rows agree less than this by chance say something when they do agree."""

MOST_TELLING = 60
"""So many columns say whether rows agree; hundreds would only take longer to say it."""

FEW_DISPUTES, CLEAR_MAJORITY = 0.05, 2 / 3
"""Where sources hardly ever disagree, as after a vote, what two thirds do not settle is left to the pilot."""

PARTS = 16
"""Pairs of columns are judged by the rows of one in so many values first."""

PAIRS_AT_ONCE = 3_000_000
"""Pairs of values that the engine tells apart in one query, at most: it keeps a hash of each."""

FEWEST_KEYED_ROWS = 20
"""No key is mined from fewer rows: nearly all columns of a short table are nearly unique."""


# --- exact duplicate rows ---------------------------------------------------------------------------------


class ExactDuplicateSettings(KindSettings):
    """When identical rows are worth a word.

    Attributes:
        chance: raise nothing when this share of the repeats, or more, is what chance alone would bring.
        safe_chance: recommend to keep the first only when chance explains no more than this share.
        safe_share: and only when no more than this share of the rows repeat another: of a table that holds the same
            thing many times over, equal rows may well be several things.
    """

    chance: float = Field(0.5, ge=0, le=1)
    safe_chance: float = Field(0.01, ge=0, le=1)
    safe_share: float = Field(0.1, ge=0, le=1)


def _exact_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    safe = bool(issue.facts["safe"])
    why = "the copies are identical"
    yield Option("keep-first", "keep_first", "keep the first of each", why=why, safe=safe)
    yield Option("keep-last", "keep_last", "keep the last of each", why=why)


@kind(
    "Exact duplicate rows",
    dimension=Dimension.UNIQUENESS,
    settings=ExactDuplicateSettings,
    recommend=_exact_options,
)
def exact_duplicate_rows(data: Dataset, settings: Settings[ExactDuplicateSettings]) -> Iterable[Finding]:
    """Rows that repeat an earlier row in every column, more often than chance would have it.

    Chance: the pairs of rows that would agree if values fell independently, reckoned from the value domains
    over the three most telling columns only, as further columns usually follow from these.
    """
    by = data.columns
    if len(by) <= 1 or any(is_unique(c) for c in data.profile.columns):
        return
    copies = _copies(kept(data, repeats(data), repeats(data, by_domains=True)))
    count = count_rows(copies)
    share = min(1.0, pairs_by_chance(data, by) / count) if count else 1.0
    if share >= settings.default.chance:
        return
    by_chance = share > settings.default.safe_chance
    safe = not by_chance and count <= settings.default.safe_share * data.profile.rows
    yield Finding(
        columns=by,
        cells=whole_rows(copies),
        count=count,
        checked=data.profile.rows,
        title=f"{plural(count, 'row repeats', 'rows repeat')} an earlier row exactly "
        f"({rate(count / data.profile.rows)})",
        why="every column is the same; chance would bring "
        + (f"about {share:.0%} of them" if by_chance else "next to none"),
        severity=Severity.HIGH if safe else Severity.INFO,
        unit="row",
        facts={"chance_share": round(share, 6), "safe": safe},
        sql=as_sql(whole_rows(_copies(repeats(data)))),
    )


def _copies(repeated: ibis.Table) -> ibis.Table:
    """All but the first of rows that are the same."""
    return repeated.filter(_[ROW] != _["first"])


# --- key duplicates ---------------------------------------------------------------------------------------


class KeyDuplicateSettings(KindSettings):
    """What counts as a key when the contract names none.

    Attributes:
        distinct_share: a column (or two) with this share of distinct values may be meant as a key.
        agreement: rows that share a key must agree in this share of the other, telling columns.
        mine: look for a key at all when the contract names none.
    """

    distinct_share: float = Field(0.95, gt=0, le=1)
    agreement: float = Field(0.6, ge=0, le=1)
    mine: bool = True


def _key_options(data: Dataset, issue: Issue) -> Iterator[Option]:
    key = list(issue.facts["key"])
    merge = {"columns": key, "default": "most_frequent"}
    formatting = bool(issue.facts["formatting_only"])
    why = "the rows differ in upper and lower case or spaces only" if formatting else "the commonest value per column"
    yield Option("survivorship", "survivorship", "merge the rows of each key", merge, why, safe=formatting)
    orders = _order_candidates(data, key)
    latest = Option("keep-latest", "keep_latest", "keep the latest row of each key", {"columns": key}, needs=("order",))
    if orders:
        parameters = {"columns": key, "order": orders[0]}
        label = f"keep the row with the latest {orders[0]} of each key"
        latest = Option("keep-latest", "keep_latest", label, parameters, "it is filled in every row")
    yield latest
    yield Option("keep-first", "keep_first", "keep the first row of each key", {"columns": key})
    yield Option("keep-last", "keep_last", "keep the last row of each key", {"columns": key})


@kind("Key duplicates", dimension=Dimension.UNIQUENESS, settings=KeyDuplicateSettings, recommend=_key_options)
def key_duplicates(data: Dataset, settings: Settings[KeyDuplicateSettings]) -> Iterable[Finding]:
    """Rows that share a key but differ elsewhere; the key is the contract's or, without one, mined.

    A mined key is a column (else a pair) that is filled in every row and nearly always unique, whose repeats
    agree in most other columns: two records of one thing, not two things of one name. Nothing is mined when
    some column already tells all rows apart, unless it merely numbers them.
    """
    key = tuple(data.contract.key)
    if key:
        check_columns(data, key)
        if set(key) >= set(data.columns):
            return
    elif settings.default.mine:
        key = _mined_key(data, settings.default)
    if not key:
        return
    conflict = _conflicts(data, sharing(data, key), key)
    count = count_rows(conflict)
    if not count:
        return
    named = " + ".join(key)
    mined = not data.contract.key
    formatting = _differ_in_formatting_only(data, conflict, key)
    yield Finding(
        columns=key,
        cells=whole_rows(conflict),
        count=count,
        checked=data.profile.rows,
        title=f"{plural(count, 'row shares its', 'rows share their')} {named} with another row "
        f"({rate(count / data.profile.rows)})",
        why=(f"{named} tells nearly all rows apart and its repeats agree almost everywhere" if mined else "")
        or f"the contract says that {named} is the key",
        severity=Severity.MEDIUM if mined else Severity.HIGH,
        unit="row",
        facts={"key": list(key), "mined": mined, "formatting_only": formatting},
        sql=as_sql(whole_rows(_conflicts(data, grouped(data, key), key))),
    )


# --- conflicting sources ----------------------------------------------------------------------------------


def _source_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    facts = issue.facts
    shared = {name: facts[name] for name in ("entity", "source", "shapes", "copies", "minimum_votes", "majority")}
    shared["columns"] = list(issue.facts["described"])
    why = f"{facts['sources_per_entity']} sources per {facts['entity']} on average; ties stay, gaps are filled"
    open_ = int(facts["unsettled"])
    left = plural(open_, "cell whose dispute no vote settles", "cells whose dispute no vote settles") if open_ else ""
    label, sure = "write what most sources say", issue.confidence
    yield Option("vote", "vote", label, shared, why, left, sure, safe=bool(facts["safe"]))
    known = ", ".join(f"{name} {rate(same / cells)} of {cells:,}" for name, same, cells in facts["agreement"])
    why = f"you know best whom; of the cells that a vote settles, they say the same in: {known}"
    yield Option("trust", "trust", f"trust one {facts['source']}", shared, why, needs=("trusted",))


@kind(
    "Conflicting sources",
    dimension=Dimension.CONSISTENCY,
    settings=ConflictingSourceSettings,
    recommend=_source_options,
)
def conflicting_sources(data: Dataset, settings: Settings[ConflictingSourceSettings]) -> Iterable[Finding]:
    """Values on which several sources that describe one entity disagree, and gaps that most of them fill.

    An entity column and a source column of names are taken for such when (entity, source) is nearly unique and *every*
    other column, unless the source alone decides it, mostly agrees within an entity. Periods (W09, 2024-07, June) are
    no sources: what is said of a later one may have changed.

    Confidence: the mean share of the voices that say otherwise than a suspect cell; of a gap, all of them.
    """
    options = settings.default
    for entity, source in source_pairs(data, options):
        described = described_columns(data, entity, source, options)
        if described is None:
            continue
        shapes = dominant_shapes(data, described)
        spoken = statements(data.table, entity, source, described, shapes)
        copies = copying(spoken, options.copied_cells)
        majority = CLEAR_MAJORITY if disputed_share(spoken) < FEW_DISPUTES else 0.0
        elected = winners(spoken, copies, options.minimum_votes, shapes, majority)
        against = outvoted(spoken, elected, copies)
        if not count_rows(against):
            return
        cells = ibis.union(against, silent(data, (entity, source, described), spoken, elected))
        tally = cells.agg(n=_.count(), settled=_.settled.sum(), sure=_.against.mean()).to_pyarrow().to_pylist()[0]
        count, settled = int(tally["n"]), int(tally["settled"])
        entities = data.profile.column(entity).distinct_count
        checked = data.profile.rows * len(described)
        yield Finding(
            columns=tuple(described),
            cells=cells.select(ROW, "column", "value"),
            count=count,
            checked=checked,
            confidence=round(tally["sure"], 4),
            title=f"{plural(count, 'cell is', 'cells are')} not what most sources say ({rate(count / checked)})",
            why=f"{source} names {plural(data.profile.column(source).distinct_count, 'source')} that describe "
            f"{plural(entities, f'value of {entity}', f'values of {entity}')} and disagree",
            severity=Severity.HIGH,
            facts={
                "entity": entity,
                "source": source,
                "described": list(described),
                "shapes": shapes,
                "copies": copies,
                "minimum_votes": options.minimum_votes,
                "majority": majority,
                "sources_per_entity": round(data.profile.rows / entities, 1),
                "unsettled": count - settled,
                "agreement": [list(told) for told in agreement(spoken, elected)],
                "safe": settled > 0 and data.profile.rows >= FEWEST_SOURCES * entities and len(described) > 1,
            },
        )
        return


# --- near-duplicate records -------------------------------------------------------------------------------


def _near_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    pairs = {"pairs": [list(pair) for pair in issue.facts["pairs"]]}
    yield Option(
        "merge", "merge", "merge each pair into its first row", pairs, "the commonest, then longest value wins"
    )


@kind("Near-duplicate records", dimension=Dimension.UNIQUENESS, settings=NearDuplicateSettings, recommend=_near_options)
def near_duplicate_records(data: Dataset, settings: Settings[NearDuplicateSettings]) -> Iterable[Finding]:
    """Records that differ only as two spellings of one would: small edits in words, none in numbers.

    Columns that are different in every row are set aside. Rows are compared when they share a value of a
    blocking column (the five most telling), and reported when what they share exactly is too much for chance.
    """
    options = settings.default
    pairs = near_pairs(data, options)
    if not pairs:
        return
    rows = sorted({row for pair in pairs for row in pair})
    cells = whole_rows(data.table.filter(data.table[ROW].isin(rows)))
    yield Finding(
        columns=tuple(compared_columns(data)),
        cells=cells,
        count=len(rows),
        checked=data.profile.rows,
        title=f"{plural(len(rows), 'row looks', 'rows look')} like another spelling of a row "
        f"({rate(len(rows) / data.profile.rows)})",
        why=f"{plural(len(pairs), 'pair agrees', 'pairs agree')} but for small edits in words",
        severity=Severity.LOW,
        unit="row",
        facts={"pairs": [list(pair) for pair in pairs]},
    )


# --- remedies ---------------------------------------------------------------------------------------------


class KeepOne(Parameters):
    """Which rows belong together: those equal in `columns` (none: in all); and what orders them (none: position)."""

    columns: list[str] = Field(default_factory=list)
    order: str | None = None


class KeepLatest(Parameters):
    """Which rows belong together, and the column whose largest value is the latest: numbers or ISO dates."""

    columns: list[str] = Field(min_length=1)
    order: str


class Survivorship(Parameters):
    """Which rows belong together, and which value survives per column."""

    columns: list[str] = Field(min_length=1)
    default: Rule = "most_frequent"
    rules: dict[str, Rule] = Field(default_factory=dict)
    order: str | None = None


class Vote(Parameters):
    """Who speaks (`source`) about what (`entity`) in which columns, and what a value needs to win.

    Attributes:
        entity: the column of the things that are described.
        source: the column that says who describes them.
        columns: what is described.
        shapes: the usual shape of a column's values; what has another is no candidate.
        copies: the weight of sources that copy from one another, of 720,720.
        minimum_votes: so many sources at least.
        majority: so large a share of all voices at least, 0 to 1.
    """

    entity: str
    source: str
    columns: list[str] = Field(min_length=1)
    shapes: dict[str, str] = Field(default_factory=dict)
    copies: dict[str, int] = Field(default_factory=dict)
    minimum_votes: int = Field(2, ge=1)
    majority: float = Field(0.0, ge=0, le=1)


class Trust(Vote):
    """As for a vote, and the source whose word holds.

    Attributes:
        trusted: the source, as the source column names it.
        otherwise: where it is silent, its "closest" peer speaks, or cells stay ("keep").
    """

    trusted: str
    otherwise: Literal["closest", "keep"] = "closest"


class Merge(Parameters):
    """Pairs of rows by position, without those the pilot knows to be different, and which value survives."""

    pairs: list[tuple[int, int]]
    exclude: list[tuple[int, int]] = Field(default_factory=list)
    default: Rule = "most_frequent"
    rules: dict[str, Rule] = Field(default_factory=dict)


@remedy("Keep the first", parameters=KeepOne)
def keep_first(data: Dataset, issue: Issue, p: KeepOne) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Keep the first row of each group and drop the others."""
    return _keep(data, p.columns, p.order, last=False, reason="repeats the row that was kept first")


@remedy("Keep the last", parameters=KeepOne)
def keep_last(data: Dataset, issue: Issue, p: KeepOne) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Keep the last row of each group and drop the others."""
    return _keep(data, p.columns, p.order, last=True, reason="repeats the row that was kept last")


@remedy("Keep the latest", parameters=KeepLatest)
def keep_latest(data: Dataset, issue: Issue, p: KeepLatest) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Keep the row with the largest value of a column in each group and drop the others."""
    return _keep(data, p.columns, p.order, last=True, reason=f"another row has a later {p.order}")


@remedy("Survivorship", parameters=Survivorship)
def survivorship(data: Dataset, issue: Issue, p: Survivorship) -> tuple[Effect, ...]:  # noqa: ARG001
    """Merge each group into its first row, choosing every column's value by a rule."""
    check_columns(data, [*p.columns, *p.rules, *([p.order] if p.order else [])])
    members = placed_in(grouped(data, p.columns), p.columns, p.order, last=False)
    return merged(data, members, p.default, p.rules)


@remedy("Vote", parameters=Vote)
def vote(data: Dataset, issue: Issue, p: Vote) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Write what most sources say of an entity into all its rows; ties are left alone, gaps are filled."""
    return dictated(data.table, p.entity, p.columns, _elected(_spoken(data, p), p))


@remedy("Trust one source", parameters=Trust)
def trust(data: Dataset, issue: Issue, p: Trust) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Write what one source says of an entity into all its rows; where it is silent, the source most like it."""
    spoken = _spoken(data, p)
    own = spoken.filter(_.source == p.trusted)
    if not count_rows(own):
        names = [value for value, _n in data.profile.column(p.source).top]
        todo = did_you_mean(p.trusted, names)
        raise AnswerError(f"no source '{p.trusted}' in {p.source}", available=names, todo=todo)
    if p.otherwise == "keep":
        return dictated(data.table, p.entity, p.columns, closest(own, p.trusted))
    return dictated(data.table, p.entity, p.columns, closest(spoken, p.trusted))


@remedy("Merge pairs", parameters=Merge)
def merge(data: Dataset, issue: Issue, p: Merge) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Merge rows that are paired, directly or through others, into the first of them."""
    excluded = {frozenset(pair) for pair in p.exclude}
    there = _still_there(data.table, p.pairs)
    into = components([(a, b) for a, b in p.pairs if {a, b} <= there and frozenset((a, b)) not in excluded])
    if not into:
        return ()
    pairs = ibis.memtable([{ROW: row, INTO: first, AT: row} for row, first in sorted(into.items())])
    return merged(data, data.table.join(pairs, ROW), p.default, p.rules)


def _still_there(table: ibis.Table, pairs: Iterable[tuple[int, int]]) -> set[int]:
    """The paired rows that an earlier decision has not taken out."""
    rows = sorted({row for pair in pairs for row in pair})
    return set(table.filter(table[ROW].isin(rows))[ROW].to_pyarrow().to_pylist())


def _keep(data: Dataset, by: Sequence[str], order: str | None, *, last: bool, reason: str) -> tuple[Effect, ...]:
    check_columns(data, [*by, *([order] if order else [])])
    if by or order:
        members = grouped(data, by) if by else data.table.semi_join(repeats(data), ROW)
        out = leaving(placed_in(members, by or data.columns, order, last=last))
    else:
        same = kept(data, repeats(data))
        stays = same["last"] if last else same["first"]
        out = same.filter(same[ROW] != stays).select(ROW, into=stays)
    return (RowExits(Disposition.DROPPED, out, reason),)


def _elected(spoken: ibis.Table, p: Vote) -> ibis.Table:
    return winners(spoken, p.copies, p.minimum_votes, p.shapes, p.majority)


def _spoken(data: Dataset, p: Vote) -> ibis.Table:
    check_columns(data, [p.entity, p.source, *p.columns])
    return statements(data.table, p.entity, p.source, p.columns, p.shapes)


# --- keys -------------------------------------------------------------------------------------------------


def _conflicts(data: Dataset, rows: ibis.Table, key: Sequence[str]) -> ibis.Table:
    """Of the rows that share their key, those of the keys whose rows are not copies of one another."""
    return unlike(rows, key, {name: rows[name] for name in data.columns if name not in key})


def unlike(rows: ibis.Table, key: Sequence[str], values: Mapping[str, Any]) -> ibis.Table:
    """The rows of the keys under which some of the values differ."""
    content = ibis.struct({f"f{i}": value.fill_null("") for i, value in enumerate(values.values())})
    spread = rows.mutate(**{N: content}).group_by(*key).agg(**{AT: _[N].nunique()}).filter(_[AT] > 1)
    return rows.semi_join(spread, list(key))


def _differ_in_formatting_only(data: Dataset, conflict: ibis.Table, key: Sequence[str]) -> bool:
    plain = {name: plain_text(conflict[name]) for name in data.columns if name not in key}
    return not count_rows(unlike(conflict, key, plain))


def _mined_key(data: Dataset, settings: KeyDuplicateSettings) -> tuple[str, ...]:
    profiles, rows = data.profile.columns, data.profile.rows
    if rows < FEWEST_KEYED_ROWS or any(is_unique(c) and not is_numbering(c) for c in profiles):
        return ()
    filled = [c for c in profiles if not c.missing_count and not is_unique(c) and c.distinct_count > 1]
    filled = sorted(filled, key=lambda c: -c.distinct_count)[:5]
    candidates = [(c.name,) for c in filled if c.distinct_count >= settings.distinct_share * rows]
    chance = chance_of_agreement(data)
    for key in chain(candidates, _near_unique_pairs(data, filled, settings.distinct_share)):
        if _repeats_agree(data, key, chance, settings.agreement):
            return key
    return ()


def _near_unique_pairs(data: Dataset, columns: Sequence[ColumnProfile], share: float) -> Iterator[tuple[str, str]]:
    """Pairs of columns that tell nearly all rows apart, not all; each is counted when it is its turn."""
    rows = data.profile.rows
    likely = [(a, b) for a, b in combinations(columns, 2) if a.distinct_count * b.distinct_count >= share * rows]
    pairs = [(a.name, b.name) for a, b in likely if max(a.distinct_count, b.distinct_count) < share * rows]
    for pair, few in zip(pairs, _repeats(data, pairs, PARTS), strict=True):
        if rows - few >= share * rows:
            (repeats,) = _repeats(data, [pair], 1)
            if repeats and rows - repeats >= share * rows:
                yield pair


def _repeats(data: Dataset, pairs: Sequence[tuple[str, str]], parts: int) -> tuple[int, ...]:
    """How many rows hold a pair of values that another one holds, but for one of each such pair.

    Only rows of one in so many values of a pair's first column are looked at. Values are compared by their hashes: one
    repeat too many would change nothing.
    """
    at_once = PAIRS_AT_ONCE * parts // max(data.profile.rows, 1)
    slices = 1 if at_once else -(-data.profile.rows // (PAIRS_AT_ONCE * parts))
    found: list[int] = []
    for start in range(0, len(pairs), max(at_once, 1)):
        some = pairs[start : start + max(at_once, 1)]
        counted = (_repeats_in(data, some, f"% {parts * slices} = {parts * place}") for place in range(slices))
        found += map(sum, zip(*counted, strict=True))
    return tuple(found)


def _repeats_in(data: Dataset, pairs: Sequence[tuple[str, str]], which: str) -> tuple[int, ...]:
    """`_repeats` among the rows for which this holds of the hash of a pair's first column."""
    seconds: dict[str, list[str]] = {}
    for one, other in pairs:
        seconds.setdefault(one, []).append(other)
    found: dict[tuple[str, str], int] = {}
    for one, others in seconds.items():
        counts = ", ".join(f"count(*) - count(DISTINCT hash({quoted(one)}, {quoted(other)}))" for other in others)
        (row,) = asked(data, f"SELECT {counts} FROM snapshot WHERE hash({quoted(one)}) {which}")
        found |= {(one, other): n for other, n in zip(others, row, strict=True)}
    return tuple(found[pair] for pair in pairs)


def _repeats_agree(data: Dataset, key: tuple[str, ...], chance: Mapping[str, float], enough: float) -> bool:
    """Whether rows that share the key agree elsewhere beyond what chance, or half of the key, would bring."""
    others = [
        c.name
        for c in data.profile.columns
        if c.name not in key and c.distinct_count > 1 and not is_unique(c) and chance[c.name] < TELLING
    ][:MOST_TELLING]
    if len(others) <= 1:
        return False
    agreed = _agreement(sharing(data, key), key, others)
    halves = [_agreement(data.table, (part,), others) for part in key] if len(key) > 1 else []
    telling = [
        agreed[name] for name in others if name in agreed and all(half.get(name, 0.0) < TELLING for half in halves)
    ]
    return len(telling) > 1 and sum(telling) / len(telling) >= enough


def _agreement(table: ibis.Table, by: Sequence[str], columns: Sequence[str]) -> dict[str, float]:
    """Share of neighbours, equal in `by`, that agree in a column which both fill."""
    window = ibis.window(group_by=list(by), order_by=[ROW])
    values = {
        f"v{i}": is_missing(table[name]).ifelse(ibis.null("string"), table[name]) for i, name in enumerate(columns)
    }
    pairs = table.select(**{v: value == value.lag().over(window) for v, value in values.items()})
    (found,) = pairs.agg(**{v: pairs[v].cast("float64").mean() for v in values}).to_pyarrow().to_pylist()
    return {name: found[f"v{i}"] for i, name in enumerate(columns) if found[f"v{i}"] is not None}


def _order_candidates(data: Dataset, key: Sequence[str]) -> list[str]:
    """Filled date columns, which can say what is latest."""
    return [c.name for c in data.profile.columns if c.kind == "date" and not c.missing_count and c.name not in key]
