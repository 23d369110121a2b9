"""Rows that differ from what their groups say, found and weighed on the codes of columns (`tasks.quality.codes`).

It is what `tasks.quality.ballot.votes_sql` asks, but for the text: all rows are compared as numbers, and the engine
is asked of pairs of values alone whether one reads like a slip of the other, of each pair once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from tasks.quality.ballot import (
    AGREEING,
    DOUBTS,
    GROUP,
    MUCH_RARER,
    PROMISED,
    RARE,
    TRUSTED,
    Voter,
    says_nothing,
    slips_sql,
    votes_sql,
)
from tasks.quality.codes import Coded, CodedRows, codes
from tasks.quality.groups import Grouped, Groups
from tasks.quality.model import ROW, Dataset
from tasks.quality.parallel import side_by_side
from tasks.quality.queries import asked, stored, text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.quality.codes import Numbers

MOST_ROWS_TOGETHER = 4_000_000
"""Of more rows one voter after the other is asked."""


@dataclass(frozen=True)
class Ballot:
    """Whose cells are voted on, and by what.

    Attributes:
        voters: whose groups say what it should be.
        blank: columns that hold blank values, which are gaps.
        least: cells that are wrong with at least this confidence are suspect.
        gaps_at_home: the column has so many gaps that one is no error by itself.
    """

    column: str
    voters: tuple[Voter, ...]
    blank: frozenset[str]
    least: float = 0.0
    gaps_at_home: bool = False

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All that it reads."""
        heard = (name for voter in self.voters for name in (*voter.columns, *voter.witnesses))
        return tuple(dict.fromkeys((self.column, *heard)))

    @cached_property
    def sql(self) -> str:
        """The query for the votes, of the whole table."""
        return votes_sql(self.column, self.voters, self.blank, gaps_at_home=self.gaps_at_home)


@dataclass(frozen=True)
class Votes:
    """Cells that some group says otherwise.

    Attributes:
        rows: `_row` of each.
        before, after: what is written there, and what the groups say.
        confidence: how sure it is that the cell is wrong, 0 to 1.
    """

    rows: Numbers
    before: pa.Array
    after: pa.Array
    confidence: NDArray[np.float64]

    def sure(self, least: float) -> Votes:
        """Those that are wrong with at least this confidence."""
        there = self.confidence >= least
        mask = pa.array(there)
        return Votes(self.rows[there], self.before.filter(mask), self.after.filter(mask), self.confidence[there])

    def writes(self, data: Dataset) -> ibis.Table:
        """`_row`, `after`: what the groups say, kept with the dataset."""
        return stored(data, pa.table({ROW: self.rows, "after": self.after}))

    def cells(self, data: Dataset, column: str) -> ibis.Table:
        """`_row`, `column`, `value`: what is written there, kept with the dataset."""
        names = pa.repeat(pa.scalar(column), self.rows.size)
        return stored(data, pa.table({ROW: self.rows, "column": names, "value": self.before}))


def votes_on(data: Dataset, ballot: Ballot) -> Votes:
    """Every cell that some group says otherwise, found once."""
    key = f"votes: {ballot.sql}"
    if (known := data.kept.get(key)) is None:
        known = data.kept[key] = _voted(data, ballot, codes(data).of(ballot.columns))
    votes: Votes = known
    return votes


def suspects_sql(data: Dataset, ballot: Ballot) -> str:
    """The query for the cells that are suspect; it is remembered what it asks."""
    told = f'{ROW}, {text(ballot.column)} AS "column", before AS "value"'
    sql = f"SELECT {told} FROM ({ballot.sql}) AS votes WHERE confidence >= {ballot.least!r}"
    data.kept[_BALLOT + sql] = ballot
    return sql


def ballot_of(data: Dataset, sql: str) -> Ballot | None:
    """What a query of `suspects_sql` asks."""
    return data.kept.get(_BALLOT + sql)


def count_suspects(data: Dataset, ballot: Ballot, table: CodedRows) -> int:
    """How many cells of a table, which the dataset may become, are suspect."""
    return int((_voted(data, ballot, table).confidence >= ballot.least).sum())


_BALLOT = "ballot: "


def _voted(data: Dataset, ballot: Ballot, table: CodedRows) -> Votes:
    """The doubted rows for which some group says another value, as `ballot.votes_sql` weighs them."""
    import numpy as np

    own, grouped = table.columns[ballot.column], Grouped(data, table.columns, ballot.blank)

    def counted(voter: Voter) -> Groups:
        return grouped.of(voter.columns, ballot.column)

    differing = np.zeros(own.codes.size, bool)
    for groups in side_by_side(counted, ballot.voters, _threads(differing.size)):
        differing[groups.differing] = True
    at = np.flatnonzero(differing)
    before = grouped.held(ballot.column)[at].astype(np.int64)
    told = [_judged(grouped.told(voter.columns, ballot.column, at), before) for voter in ballot.voters]
    doubted = np.flatnonzero(_any([(each.says >= 0) & (each.says != before) for each in told], at.size))
    at, before, told = at[doubted], before[doubted], [each.of(doubted) for each in told]
    told = _heard(told, ballot, grouped, at)
    candidate = np.full(at.size, -1, np.int64)
    for says in (each.says for each in reversed(told)):
        candidate = np.where((says >= 0) & (says != before), says, candidate)
    some = np.flatnonzero((candidate >= 0) & ((before < 0) | ~_says_nothing(own, candidate)))
    at, before, candidate = at[some], before[some], candidate[some]
    sure = _confidence(ballot, [each.of(some) for each in told], before, candidate, own, _slips(data))
    return Votes(table.numbered(at), own.told(own.codes[at]), own.told(candidate), sure)


def _threads(rows: int) -> int | None:
    """How many voters are asked of so many rows at once: of too many one, which takes less memory."""
    return 1 if rows > MOST_ROWS_TOGETHER else None


@dataclass(frozen=True)
class _Judgement:
    """What one voter's groups say of some rows: a value, this value again, that few say this value; is it trusted?"""

    says: Numbers
    again: NDArray[np.bool_]
    few: NDArray[np.bool_]
    trusted: NDArray[np.bool_]

    def of(self, places: Numbers) -> _Judgement:
        return _Judgement(self.says[places], self.again[places], self.few[places], self.trusted[places])


def _judged(group: Mapping[str, Numbers], before: Numbers) -> _Judgement:
    import numpy as np

    n, most, usual = group["n"], group["most"], group["usual"]
    fellows, agree = group["total"] - 1, most - (usual == before)
    telling = (n > 0) & (fellows >= GROUP - 1) & (agree >= AGREEING * fellows)
    again, few = (n >= 2) & (before >= 0), (n > 0) & (n * 5 <= most)  # noqa: PLR2004
    return _Judgement(np.where(telling, usual, -1), again, few, np.zeros(before.size, bool))


def _heard(told: Sequence[_Judgement], ballot: Ballot, grouped: Grouped, at: Numbers) -> list[_Judgement]:
    """What voters say of rows that are no strangers in their groups; and whom more witnesses know than do not."""
    import numpy as np

    strictly = dict.fromkeys(name for voter in ballot.voters if voter.strict for name in voter.witnesses)
    apart = {name: grouped.are_apart(ballot.column, name, at) for name in strictly}

    def heard(place: int) -> _Judgement:
        voter, judged = ballot.voters[place], told[place]
        known, telling, strange = (np.zeros(at.size, np.int64) for _ in range(3))
        about = np.flatnonzero(judged.says >= 0)
        for name in voter.witnesses:
            found = grouped.told(voter.columns, name, at[about])
            tells = (grouped.held(name)[at[about]] >= 0) & (found["most"] >= AGREEING * (found["total"] - 1))
            knows = tells & (found["n"] == found["most"])
            known[about] += knows
            strange[about] += tells & ~knows
            if voter.strict:
                telling[about] += knows & apart[name][about]
            else:
                about = about[~knows]  # one that knows a row is enough
        says = np.where((known == 0) & (strange > 0), -1, judged.says)
        return replace(judged, says=says, trusted=telling > strange)

    return [*side_by_side(heard, range(len(told)), _threads(grouped.held(ballot.column).size))]


def _confidence(
    ballot: Ballot, told: Sequence[_Judgement], before: Numbers, candidate: Numbers, own: Coded, slips: _Slips
) -> NDArray[np.float64]:
    """Votes for the candidate ÷ (these + votes for the cell's own or a third value + doubt), divided as decimals."""
    import numpy as np

    times, usual = np.where(before >= 0, own.counts[before], 0), own.counts[candidate]
    rare = (before >= 0) & ((times <= RARE) | (times * MUCH_RARER <= usual))
    slip = slips.among(own, before, candidate)
    one, weights = _decimals([repr(voter.weight) for voter in ballot.voters])
    votes_for = votes_against = np.zeros(before.size, np.int64)
    trusted, promised = np.zeros(before.size, bool), np.zeros(before.size, bool)
    for voter, weight, each in zip(ballot.voters, weights, told, strict=True):
        against = (each.says >= 0) & (each.says != candidate) | (each.again & ~(slip & rare & each.few))
        votes_for = votes_for + np.where(each.says == candidate, weight, 0)
        votes_against = votes_against + np.where(against, weight, 0)
        trusted |= each.trusted & (each.says == candidate)
        promised |= voter.promised & (each.says == candidate)
    gap, odd, at_home, other = (int(Decimal(doubt) * one) for doubt in DOUBTS)
    gap = at_home if ballot.gaps_at_home else gap
    doubt = np.select([before < 0, rare & slip, times > RARE], [gap, odd, at_home], other)
    for saying, most in ((trusted, TRUSTED), (promised, PROMISED)):
        doubt = np.where(saying & (before >= 0), np.minimum(doubt, int(Decimal(most) * one)), doubt)
    return _rounded((votes_for / one) / ((votes_for + votes_against + doubt) / one))


def _decimals(written: Sequence[str]) -> tuple[int, list[int]]:
    """A power of ten, at least a hundred, and the numbers as whole multiples of its fraction."""
    numbers = [Decimal(each) for each in written]
    one = 10 ** max(2, *(-int(number.as_tuple().exponent) for number in numbers))
    return one, [int(number * one) for number in numbers]


def _rounded(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """To six decimals, halves away from zero, as the engine rounds."""
    import numpy as np

    scaled = shares * 1e6
    whole: NDArray[np.float64] = np.trunc(scaled)
    return (whole + (scaled - whole >= 0.5)) / 1e6  # noqa: PLR2004


class _Slips:
    """Which values read like slips of others; the engine is asked of each pair once."""

    def __init__(self, data: Dataset) -> None:
        self._data = data
        self._known: dict[tuple[str, str], bool] = {}

    def among(self, column: Coded, before: Numbers, candidate: Numbers) -> NDArray[np.bool_]:
        """Of each pair of codes; a gap is no slip."""
        import numpy as np

        pairs, place = np.unique(before * len(column.values) + candidate, return_inverse=True)
        pairs_before, pairs_after = np.divmod(pairs, max(len(column.values), 1))
        sides = (column.told(codes).to_pylist() for codes in (pairs_before, pairs_after))
        listed = list(zip(*sides, strict=True))
        self._ask([pair for pair in listed if pair[0] is not None and pair not in self._known])
        return np.array([self._known.get(pair, False) for pair in listed], bool)[place]

    def _ask(self, pairs: Sequence[tuple[str, str]]) -> None:
        if not pairs:
            return
        sides = [pa.array(side, pa.string()) for side in zip(*pairs, strict=True)]
        table = pa.table(dict(zip(("before", "candidate"), sides, strict=True)))
        told = asked(self._data, slips_sql("_pairs"), {"_pairs": table})
        self._known |= dict(zip(pairs, (slip for (slip,) in told), strict=True))


def _slips(data: Dataset) -> _Slips:
    own: _Slips = data.kept.setdefault("slips", _Slips(data))
    return own


def _says_nothing(column: Coded, found: Numbers) -> NDArray[np.bool_]:
    """Of each code whether its value is a word for "no value"."""
    import numpy as np

    distinct, place = np.unique(found, return_inverse=True)
    told = column.told(distinct).to_pylist()
    return np.array([value is not None and says_nothing(value) for value in told], bool)[place]


def _any(masks: Sequence[NDArray[np.bool_]], size: int) -> NDArray[np.bool_]:
    import numpy as np

    found = np.zeros(size, bool)
    for mask in masks:
        found |= mask
    return found
