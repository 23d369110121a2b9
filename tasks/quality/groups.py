"""What groups of rows say of a column, counted on codes (`tasks.quality.codes`): rows that hold the same are a group.

What is asked of the table as it is is counted once for all that ask it: columns that vote on one column are witnesses
in the votes on others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute

from tasks.quality.ballot import GROUP
from tasks.quality.codes import Coded, codes, parts
from tasks.quality.model import Dataset

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.quality.codes import Numbers

DENSE, SPARSE = 4_000_000, 8
"""Pairs of codes that are counted in one array, without sorting them, unless it has so many places for each."""

_KEPT = "groups"


@dataclass(frozen=True)
class Held:
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


def _joined(first: Held, others: Sequence[Coded]) -> Held:
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
        key = Held(both, ends)
    return key


class Grouped:
    """What the groups of a table's rows say of its columns; of the table as it is each pair is counted once.

    Args:
        data: the table as it is.
        coded: all that is asked about, as it is or as it would be.
        blank: columns that hold blank values, which are gaps.
    """

    def __init__(self, data: Dataset, coded: Mapping[str, Coded], blank: Collection[str]) -> None:
        self._coded, self._blank = coded, blank
        self._as_it_is = codes(data).of(list(coded)).columns
        self._known: _Known = data.kept.setdefault(_KEPT, {}).setdefault(frozenset(blank), _Known())
        self._others = _Known()
        self._keys: dict[tuple[str, ...], Held] = {}

    def held(self, name: str) -> Held:
        """What rows hold of a column."""
        column = self._coded[name]
        return Held(column.codes, len(column.values), column.nothing if name in self._blank else None)

    def of(self, columns: tuple[str, ...], name: str) -> Groups:
        """What the groups of all rows that are equal in these columns say of another one."""
        known = self._known_of(*columns, name).groups
        if (columns, name) not in known:
            known[columns, name] = Groups(self._key(columns), self.held(name), self._total(columns))
        return known[columns, name]

    def told(self, columns: tuple[str, ...], name: str, at: Numbers) -> dict[str, Numbers]:
        """What the groups of some rows say of a column, as `Groups.of` tells it."""
        return self.of(columns, name).of(self._key(columns)[at], self.held(name)[at])

    def are_apart(self, column: str, other: str, at: Numbers) -> NDArray[np.bool_]:
        """Of some rows, whether few of the others that hold the same in a column do so in the other one, too."""
        import numpy as np

        own, held, total = self._key((column,)), self.held(other), self._total((column,))
        width, here = held.ends + 1, own[at].astype(np.int64)
        pairs, place = np.unique(here * width + held[at] + 1, return_inverse=True)
        wanted, n = pa.array(pairs), np.zeros(pairs.size + 1, np.int64)
        for part in parts(own.size):
            met = pa.array(own[part].astype(np.int64) * width + held[part] + 1)
            found = pa.compute.index_in(met, wanted).fill_null(pairs.size)
            n += np.bincount(found.to_numpy(), minlength=n.size)
        return (here < 0) | (2 * (n[place] - 1) <= total[here].astype(np.int64) - 1)

    def _key(self, columns: tuple[str, ...]) -> Held:
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
    groups: dict[tuple[tuple[str, ...], str], Groups] = field(default_factory=dict)


def _sizes(key: Held) -> Numbers:
    """How many rows hold each number from 0 on, in numbers as small as can be."""
    import numpy as np

    total = np.zeros(key.ends + 1, np.int64)
    for part in parts(key.size):
        total += np.bincount(key[part].astype(np.intp) + 1, minlength=total.size)
    return total[1:].astype(np.min_scalar_type(key.size))


class Groups:
    """The rows grouped by one determinant, and what each group says of a column; −1 is said, too.

    Args:
        key: the group of each row.
        said: what each row says.
        total: of each group its rows.

    Attributes:
        differing: places of the rows that differ from what their group says.
    """

    def __init__(self, key: Held, said: Held, total: Numbers) -> None:
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
        differs, rest_differ = self._count(unlike, n, some)
        differing[at] = differs[place]
        odd = np.zeros(some.size, bool)
        odd[self._grouped[rest_differ]] = True
        for part in parts(key.size if odd.any() else 0):
            own = key[part].astype(np.intp)
            differing[part] |= odd[own] & (some[own] == said[part])
        self.differing = np.flatnonzero(differing).astype(total.dtype)

    def _count(self, unlike: Numbers, n: Numbers, some: Numbers) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Count each split group's values; which are not the most frequent one, where the group tells.

        Those of `unlike`, and of each split group what all its other rows say.

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
        differs = np.empty(order.size, bool)
        differs[order] = telling[group] & ~usual
        return differs[: unlike.size], differs[unlike.size :]

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


def forget_groups(data: Dataset) -> None:
    """Let go of what groups say of the table as it is, which takes some ten bytes for each row."""
    data.kept.pop(_KEPT, None)
