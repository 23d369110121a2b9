"""Rows that differ from what their groups say, found and weighed on the codes of columns (`tasks.quality.codes`).

It is what `tasks.quality.ballot.votes_sql` asks, but for the text: all rows are compared as numbers, and the engine
is asked of pairs of values alone whether one reads like a slip of the other, of each pair once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
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


def forget_groups(data: Dataset) -> None:
    """Let go of what groups say of the table as it is, which takes some ten bytes for each row."""
    data.kept.pop(_GROUPS, None)


_BALLOT = "ballot: "
_GROUPS = "groups"


def _voted(data: Dataset, ballot: Ballot, table: CodedRows) -> Votes:
    """The doubted rows for which some group says another value, as `ballot.votes_sql` weighs them."""
    import numpy as np

    own, grouped = table.columns[ballot.column], _Grouped(data, table.columns, ballot.blank)

    def counted(voter: Voter) -> _Groups:
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


def _heard(told: Sequence[_Judgement], ballot: Ballot, grouped: _Grouped, at: Numbers) -> list[_Judgement]:
    """What voters say of rows that are no strangers in their groups; and whom more witnesses know than do not."""
    import numpy as np

    own, held = grouped.held(ballot.column), grouped.held
    strictly = dict.fromkeys(name for voter in ballot.voters if voter.strict for name in voter.witnesses)
    apart = {name: _are_apart(own, held(name), at) for name in strictly}

    def heard(place: int) -> _Judgement:
        voter, judged = ballot.voters[place], told[place]
        known, telling, strange = (np.zeros(at.size, np.int64) for _ in range(3))
        about = np.flatnonzero(judged.says >= 0)
        for name in voter.witnesses:
            found = grouped.told(voter.columns, name, at[about])
            tells = (held(name)[at[about]] >= 0) & (found["most"] >= AGREEING * (found["total"] - 1))
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


def _are_apart(own: _Held, held: _Held, at: Numbers) -> NDArray[np.bool_]:
    """Of some rows, whether few of the others that have their value of a column hold the same in another one."""
    import numpy as np

    width, here = held.ends + 1, own[at].astype(np.int64)
    pairs, place = np.unique(here * width + held[at] + 1, return_inverse=True)
    wanted, n = pa.array(pairs), np.zeros(pairs.size + 1, np.int64)
    total = np.zeros(own.ends + 1, np.int64)  # of no value first
    for part in parts(own.size):
        values = own[part].astype(np.int64)
        met = pa.compute.index_in(pa.array(values * width + held[part] + 1), wanted).fill_null(pairs.size)
        n += np.bincount(met.to_numpy(), minlength=n.size)
        total += np.bincount(values + 1, minlength=total.size)
    return (here < 0) | (2 * (n[place] - 1) <= total[here + 1] - 1)


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


@dataclass(frozen=True)
class _Held:
    """What rows hold: a number below `ends` each, −1 for nothing.

    Attributes:
        codes: of all rows.
        nothing: of each code whether that is nothing, too; the last one is of −1.
    """

    codes: Numbers
    ends: int
    nothing: NDArray[np.bool_] | None = None

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self.codes.size

    def __getitem__(self, rows: Numbers | slice) -> Numbers:
        """What some rows hold: a copy of what all do would be too large to keep."""
        import numpy as np

        found: Numbers = self.codes[rows]
        return found if self.nothing is None else np.where(self.nothing[found], found.dtype.type(-1), found)


def _joined(first: _Held, others: Sequence[Coded]) -> _Held:
    """What rows hold of several columns; nothing where the first one is missing."""
    import numpy as np

    key = first
    for more in others:
        empty = more.values.index("").as_py()  # null and nothing make the same group
        width = len(more.values) + 1
        ends = key.ends * width
        both = np.empty(key.size, np.min_scalar_type(-max(ends, 1)))
        for part in parts(key.size):
            codes = np.where(more.codes[part] == empty, -1, more.codes[part]) if empty >= 0 else more.codes[part]
            own = key[part].astype(np.int64)
            both[part] = np.where(own >= 0, own * width + codes + 1, -1)
        if ends > max(DENSE, both.size):
            both = np.unique(both, return_inverse=True)[1] - int(both.min(initial=0) < 0)
            ends = int(both.max(initial=-1)) + 1
        key = _Held(both, ends)
    return key


class _Grouped:
    """What the groups of a table's rows say of its columns; of the table as it is each pair is counted once.

    Args:
        data: the table as it is.
        coded: all that is asked about, as it is or as it would be.
        blank: columns that hold blank values, which are gaps.
    """

    def __init__(self, data: Dataset, coded: Mapping[str, Coded], blank: Collection[str]) -> None:
        self._coded, self._blank = coded, blank
        self._as_it_is = codes(data).of(list(coded)).columns
        self._known: _Known = data.kept.setdefault(_GROUPS, {}).setdefault(frozenset(blank), _Known())
        self._others = _Known()
        self._keys: dict[tuple[str, ...], _Held] = {}

    def held(self, name: str) -> _Held:
        """What rows hold of a column."""
        column = self._coded[name]
        return _Held(column.codes, len(column.values), column.nothing if name in self._blank else None)

    def of(self, columns: tuple[str, ...], name: str) -> _Groups:
        """What the groups of all rows that are equal in these columns say of another one."""
        known = self._known_of(*columns, name).groups
        if (columns, name) not in known:
            known[columns, name] = _Groups(self._key(columns), self.held(name), self._total(columns))
        return known[columns, name]

    def told(self, columns: tuple[str, ...], name: str, at: Numbers) -> dict[str, Numbers]:
        """What the groups of some rows say of a column, as `_Groups.of` tells it."""
        return self.of(columns, name).of(self._key(columns)[at], self.held(name)[at])

    def _key(self, columns: tuple[str, ...]) -> _Held:
        """What rows of one group share."""
        if columns not in self._keys:
            first, *others = columns
            self._keys[columns] = _joined(self.held(first), [self._coded[name] for name in others])
        return self._keys[columns]

    def _total(self, columns: tuple[str, ...]) -> Numbers:
        """The rows of each group."""
        known = self._known_of(*columns).totals
        if columns not in known:
            known[columns] = _sizes(self._key(columns))
        return known[columns]

    def _known_of(self, *names: str) -> _Known:
        """Where it is kept what is counted of some columns: of others than they are now, for this object alone."""
        as_it_is = all(self._coded[name] is self._as_it_is[name] for name in names)
        return self._known if as_it_is else self._others


@dataclass(frozen=True)
class _Known:
    """What is counted of groups, by the columns that make them: their rows, and what they say of another column."""

    totals: dict[tuple[str, ...], Numbers] = field(default_factory=dict)
    groups: dict[tuple[tuple[str, ...], str], _Groups] = field(default_factory=dict)


def _sizes(key: _Held) -> Numbers:
    """How many rows hold each number from 0 on, in numbers as small as can be."""
    import numpy as np

    total = np.zeros(key.ends + 1, np.int64)
    for part in parts(key.size):
        total += np.bincount(key[part].astype(np.intp) + 1, minlength=total.size)
    return total[1:].astype(np.min_scalar_type(key.size))


class _Groups:
    """The rows grouped by one determinant, and what each group says of a column; −1 is said, too.

    Args:
        key: the group of each row.
        said: what each row says.
        total: of each group its rows.

    Attributes:
        differing: places of the rows that differ from what their group says.
    """

    def __init__(self, key: _Held, said: _Held, total: Numbers) -> None:
        import numpy as np

        self._total, self._width = total, said.ends + 1
        some = np.zeros(total.size + 1, said.codes.dtype)  # what one row of each group says; the last group has no key
        for part in parts(key.size):
            some[key[part].astype(np.intp)] = said[part]
        differing = np.zeros(key.size, bool)
        for part in parts(key.size):
            own = key[part].astype(np.intp)
            differing[part] = (some[own] != said[part]) & (own >= 0)
        at = np.flatnonzero(differing)
        unlike, n, place = _counted(self._pair(key[at], said[at]), total.size * self._width)
        differs = self._count(unlike, n, some)
        differing[at] = differs[np.searchsorted(self._pairs, unlike)][place]
        alike = self._pair(self._grouped, some[self._grouped])
        odd = np.zeros(some.size, bool)
        odd[self._grouped[differs[np.searchsorted(self._pairs, alike)]]] = True
        for part in parts(key.size if odd.any() else 0):
            own = key[part].astype(np.intp)
            differing[part] |= odd[own] & (some[own] == said[part])
        self.differing = np.flatnonzero(differing).astype(total.dtype)

    def _count(self, unlike: Numbers, n: Numbers, some: Numbers) -> NDArray[np.bool_]:
        """Count each split group's values; which of them are not the most frequent one, where the group tells.

        Args:
            unlike: what rows say that do not say the same as some row of their group, as `_pair` has it, in order.
            n: how many rows say so; all others of a group say the same as that row.
            some: what that row says.
        """
        import numpy as np

        first = self._first(unlike)
        self._grouped = unlike[first] // self._width
        rest = self._total[self._grouped] - (np.add.reduceat(n, first) if n.size else n)
        pairs = np.r_[unlike, self._pair(self._grouped, some[self._grouped])]
        order = np.argsort(pairs)
        self._pairs, n = pairs[order], np.r_[n, rest][order]
        first = self._first(self._pairs)
        most = np.maximum.reduceat(n, first) if n.size else n
        group = np.repeat(np.arange(first.size), np.diff(np.r_[first, n.size]))
        usual = n == most[group]
        self._usual = np.zeros(most.size, some.dtype)
        self._usual[group[usual]] = self._pairs[usual] % self._width - 1
        self._split = np.zeros(some.size, bool)
        self._split[self._grouped] = True
        total = self._total[self._grouped].astype(np.int64)
        telling = (total >= GROUP) & (5 * most >= 4 * (total - 1))
        self._n, self._most = n.astype(self._total.dtype), most.astype(self._total.dtype)
        differs: NDArray[np.bool_] = telling[group] & ~usual
        return differs

    def _first(self, pairs: Numbers) -> Numbers:
        """Where each group begins in pairs in order."""
        import numpy as np

        group = pairs // self._width
        return np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if group.size else np.zeros(0, np.int64)

    def _pair(self, key: Numbers, said: Numbers) -> Numbers:
        """A group and a value as one number."""
        import numpy as np

        return key.astype(np.int64) * self._width + said + 1

    def of(self, key: Numbers, said: Numbers) -> dict[str, Numbers]:
        """Of some of these rows: rows of the group that say the same (0 without a group), all, the commonest value's.

        Args:
            key: of each row the number of its group, −1 for none.
            said: of each row what it says.
        """
        import numpy as np

        there, split = key >= 0, self._split[key]
        total = np.where(there, self._total[key] if self._total.size else 0, 0).astype(np.int64)
        usual = np.where(there, said, -1).astype(np.int64)
        found = {"n": total.copy(), "total": total, "most": total.copy(), "usual": usual}
        inside = np.flatnonzero(split)
        if inside.size:
            group = np.searchsorted(self._grouped, key[inside])
            found["n"][inside] = self._n[np.searchsorted(self._pairs, self._pair(key[inside], said[inside]))]
            found["most"][inside] = self._most[group]
            found["usual"][inside] = self._usual[group]
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
