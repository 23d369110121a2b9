"""Rows that differ from what their groups say, found and weighed on the codes of columns (`tasks.quality.codes`).

It is what `tasks.quality.ballot.votes_sql` asks, but for the text: all rows are compared as numbers, and the engine
is asked of pairs of values alone whether one reads like a slip of the other, of each pair once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
    RARE,
    TRUSTED,
    Voter,
    says_nothing,
    slips_sql,
    votes_sql,
)
from tasks.quality.codes import Coded, CodedRows, codes, parts
from tasks.quality.model import ROW, Dataset
from tasks.quality.parallel import side_by_side
from tasks.quality.queries import asked, stored, text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.quality.codes import Numbers

DENSE, SPARSE = 4_000_000, 8
"""Pairs of codes that are counted in one array, without sorting them, unless it has so many places for each."""

MOST_ROWS_TOGETHER = 4_000_000
"""Of more rows one voter after the other is asked, which takes some thirty bytes for each row."""


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
        known = data.kept[key] = _voted(ballot, codes(data).of(ballot.columns), _slips(data))
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
    return int((_voted(ballot, table, _slips(data)).confidence >= ballot.least).sum())


_BALLOT = "ballot: "


def _voted(ballot: Ballot, table: CodedRows, slips: _Slips) -> Votes:
    """The doubted rows for which some group says another value, as `ballot.votes_sql` weighs them."""
    import numpy as np

    coded = table.columns
    own = coded[ballot.column]
    present = _present(ballot.column, coded, ballot.blank)

    def grouped(voter: Voter) -> _Groups:
        return _Groups(_key(voter.columns, coded, ballot.blank), present)

    groups = [*side_by_side(grouped, ballot.voters, _threads(present.size))]
    at = np.flatnonzero(_any([group.differing for group in groups], present.size))
    before = present[at].astype(np.int64)
    told = [_judged(group.of(at), before) for group in groups]
    doubted = np.flatnonzero(_any([(each.says >= 0) & (each.says != before) for each in told], at.size))
    at, before, told = at[doubted], before[doubted], [each.of(doubted) for each in told]
    told = _heard(told, ballot, [group.key for group in groups], at, coded)
    candidate = np.full(at.size, -1, np.int64)
    for says in (each.says for each in reversed(told)):
        candidate = np.where((says >= 0) & (says != before), says, candidate)
    some = np.flatnonzero((candidate >= 0) & ((before < 0) | ~_says_nothing(own, candidate)))
    at, before, candidate = at[some], before[some], candidate[some]
    sure = _confidence(ballot, [each.of(some) for each in told], before, candidate, own, slips)
    return Votes(table.rows[at], own.told(own.codes[at]), own.told(candidate), sure)


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


def _heard(
    told: Sequence[_Judgement], ballot: Ballot, keys: Sequence[Numbers], at: Numbers, coded: Mapping[str, Coded]
) -> list[_Judgement]:
    """What voters say of rows that are no strangers in their groups; and whom more witnesses know than do not."""
    import numpy as np

    held = {name: _present(name, coded, ballot.blank) for voter in ballot.voters for name in voter.witnesses}
    strictly = dict.fromkeys(name for voter in ballot.voters if voter.strict for name in voter.witnesses)
    own = _present(ballot.column, coded, ballot.blank)
    apart = {name: 2 * (n["n"] - 1) <= n["total"] - 1 for name in strictly for n in [_told_by(own, at, held[name])]}

    def heard(place: int) -> _Judgement:
        voter, judged = ballot.voters[place], told[place]
        known, telling, strange = (np.zeros(at.size, np.int64) for _ in range(3))
        about = np.flatnonzero(judged.says >= 0)
        for name in voter.witnesses:
            found = _told_by(keys[place], at[about], held[name])
            tells = (held[name][at[about]] >= 0) & (found["most"] >= AGREEING * (found["total"] - 1))
            knows = tells & (found["n"] == found["most"])
            known[about] += knows
            strange[about] += tells & ~knows
            if voter.strict:
                telling[about] += knows & apart[name][about]
            else:
                about = about[~knows]  # one that knows a row is enough
        says = np.where((known == 0) & (strange > 0), -1, judged.says)
        return replace(judged, says=says, trusted=telling > strange)

    return [*side_by_side(heard, range(len(told)), _threads(own.size))]


def _told_by(key: Numbers, at: Numbers, held: Numbers) -> dict[str, Numbers]:
    """What the groups of some rows hold in a column, as `_Groups.of` tells it."""
    import numpy as np

    wanted = np.zeros(int(key.max(initial=-1)) + 2, bool)
    wanted[key[at]] = True
    wanted[-1] = False  # rows without a key
    fellows = np.zeros(key.size, bool)
    for part in parts(key.size):
        fellows[part] = wanted[key[part]]
    fellows[at] = True
    groups = _Groups(key[fellows], held[fellows])
    return groups.of(np.cumsum(fellows, dtype=np.int32)[at] - 1)


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
    trusted = np.zeros(before.size, bool)
    for weight, each in zip(weights, told, strict=True):
        against = (each.says >= 0) & (each.says != candidate) | (each.again & ~(slip & rare & each.few))
        votes_for = votes_for + np.where(each.says == candidate, weight, 0)
        votes_against = votes_against + np.where(against, weight, 0)
        trusted |= each.trusted & (each.says == candidate)
    gap, odd, at_home, other = (int(Decimal(doubt) * one) for doubt in DOUBTS)
    gap = at_home if ballot.gaps_at_home else gap
    doubt = np.select([before < 0, rare & slip, times > RARE], [gap, odd, at_home], other)
    doubt = np.where(trusted & (before >= 0), np.minimum(doubt, int(Decimal(TRUSTED) * one)), doubt)
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


def _present(name: str, coded: Mapping[str, Coded], blank: Collection[str]) -> Numbers:
    """A column's codes, −1 where it holds nothing."""
    import numpy as np

    column = coded[name]
    if name not in blank:
        return column.codes
    return np.where(column.nothing[column.codes], column.codes.dtype.type(-1), column.codes)


def _key(columns: Sequence[str], coded: Mapping[str, Coded], blank: Collection[str]) -> Numbers:
    """What rows of one group share, as one number; −1 where the first column is missing."""
    import numpy as np

    first, *others = columns
    key = _present(first, coded, blank)
    size = len(coded[first].values)
    for name in others:
        more = coded[name]
        empty = more.values.index("").as_py()  # null and nothing make the same group
        width = len(more.values) + 1
        both = np.empty(key.size, np.min_scalar_type(-max(size * width, 1)))
        for part in parts(key.size):
            codes = np.where(more.codes[part] == empty, -1, more.codes[part]) if empty >= 0 else more.codes[part]
            both[part] = np.where(key[part] >= 0, key[part].astype(np.int64) * width + codes + 1, -1)
        key, size = both, size * width
        if size > max(DENSE, both.size):
            key = np.unique(both, return_inverse=True)[1] - int(both.min(initial=0) < 0)
            size = int(key.max(initial=-1)) + 1
    return key


class _Groups:
    """The rows grouped by one determinant, and what each group says of the column; −1 is said, too."""

    def __init__(self, key: Numbers, said: Numbers) -> None:
        import numpy as np

        self.key, self._said = key, said
        size = int(key.max(initial=-1)) + 1
        self._total = np.zeros(size, np.int64)
        some = np.zeros(size + 1, said.dtype)
        for part in parts(key.size):
            present = key[part][key[part] >= 0]
            self._total += np.bincount(present, minlength=size)
            some[key[part]] = said[part]
        split = np.zeros(size + 1, bool)
        for part in parts(key.size):
            split[key[part][some[key[part]] != said[part]]] = True
        split[-1] = False  # rows without a key
        self._split = split
        self._width = int(said.max(initial=-1)) + 2
        self.differing = self._differing(size)
        """Whether each row differs from what its group says."""

    def _differing(self, size: int) -> NDArray[np.bool_]:
        """Count each split group's values; which rows differ from the most frequent one, where the group tells."""
        import numpy as np

        ends = size * self._width
        inside = np.zeros(self.key.size, bool)
        for part in parts(inside.size):
            inside[part] = self._split[self.key[part]]
        keys = np.empty(int(inside.sum()), np.min_scalar_type(-max(ends, 1)))
        start = 0
        for part in parts(self.key.size):
            own = self._pair(self.key[part][inside[part]], self._said[part][inside[part]])
            keys[start : start + own.size] = own
            start += own.size
        self._pairs, self._n, place = _counted(keys, ends)
        group = self._pairs // self._width
        starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if group.size else group
        self._most = np.zeros(size, np.int64)
        self._most[group[starts]] = np.maximum.reduceat(self._n, starts) if group.size else self._n
        self._usual = np.full(size, -1, np.int64)
        usual = self._n == self._most[group]
        self._usual[group[usual]] = self._pairs[usual] % self._width - 1
        telling = (self._total >= GROUP) & (5 * self._most >= 4 * (self._total - 1))
        differs = telling[group] & (self._n < self._most[group])
        inside[inside] = differs[place]
        return inside

    def _pair(self, key: Numbers, said: Numbers) -> Numbers:
        """A group and a value as one number."""
        import numpy as np

        return key.astype(np.int64) * self._width + said + 1

    def of(self, rows: Numbers) -> dict[str, Numbers]:
        """Of each row: rows of its group that say the same (0 without a group), all rows, and the commonest value's."""
        import numpy as np

        key, said = self.key[rows].astype(np.int64), self._said[rows].astype(np.int64)
        there, split = key >= 0, self._split[key]
        total = np.where(there, self._total[key] if self._total.size else 0, 0)
        found = {"n": total.copy(), "total": total, "most": total.copy(), "usual": np.where(there, said, -1)}
        inside = np.flatnonzero(split)
        if inside.size:
            found["n"][inside] = self._n[np.searchsorted(self._pairs, self._pair(key[inside], said[inside]))]
            found["most"][inside] = self._most[key[inside]]
            found["usual"][inside] = self._usual[key[inside]]
        return found


def _counted(keys: Numbers, ends: int) -> tuple[Numbers, Numbers, Numbers]:
    """The distinct keys in order, how often each occurs, and the place of each key among them."""
    import numpy as np

    if ends <= min(DENSE, SPARSE * keys.size):
        times = np.zeros(ends, np.int64)
        for part in parts(keys.size):
            times += np.bincount(keys[part], minlength=ends)
        there = np.flatnonzero(times)
        place = (np.cumsum(times > 0) - 1).astype(np.int32)
        return there, times[there], place[keys] if keys.size else keys
    met = pa.array(keys).dictionary_encode()  # hashing takes a fifth of the time of sorting
    distinct, codes = met.dictionary.to_numpy(), met.indices.to_numpy()
    order = np.argsort(distinct)
    place = np.empty(order.size, np.int32)
    place[order] = np.arange(order.size)
    return distinct[order], np.bincount(codes, minlength=order.size)[order], place[codes]
