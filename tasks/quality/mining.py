"""Mining: what a table says about itself. Here: columns that determine others, but for errors.

A dependency is looked for among all pairs of columns on the rows of some of the determinant's values, whole groups
of them, or, where it has few values, on some of the rows of each; so large tables cost little more than middle-sized
ones. What is mined is counted on the whole table by those who use it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from tasks.quality.codes import Coded, codes, hashes, is_wide, parts, row_hashes
from tasks.quality.model import ColumnProfile, Dataset
from tasks.quality.parallel import side_by_side

ROWS_TO_MINE = 20_000
MOST_COLUMNS = 60
FEWEST_VALUES = 100
"""Values of a determinant that must be left for the others not to be looked at."""

NEARLY_UNIQUE = 0.9
"""A column with this share of distinct values is determined by none."""

FEWEST_GROUPS = 5
GROUP = 3
"""Rows that a group needs before it says anything."""

AGREEING = 0.8
"""Share of a group's rows that must say the same for the group to hold."""

COVERED = 0.2
"""Share of the rows that must be in such groups."""

EXPLAINED = 0.3
"""Share of the rows without the column's commonest value that must be in groups which say their value: a column
that is nearly constant is not determined by everything."""

SPARSE = 8
"""Numbers are counted in one array, without sorting them, unless it has so many places for each."""

FEWEST_ERRORS, FEWEST_ERRORS_OF_SOME = 5, 20
"""Differing rows from which they can be told to be errors: of all rows, and of some of them."""

AS_OFTEN = 2
"""So many times as often as by chance may differing rows of one group say the same, or be in one group, at most."""

CHANCE = 0.05
"""And in addition so many pairs of rows for each differing one."""

EXPLAINING = 0.05
"""Share of the differing rows that another column's values must go with to explain them."""


@dataclass(frozen=True)
class Dependency:
    """`determinant` → `dependent`, as counted on the rows looked at.

    Attributes:
        given: another column, "" for none: rows that differ do so because of its value, so groups are of both.
        groups: values of the determinant with enough rows.
        holding: those of them in which nearly all rows say the same.
        accuracy: share of the groups' rows that say what most of their group do.
        strict: the others are spread over groups and values as errors are, where real exceptions come back.
        strays: share of the groups' rows that say something else which is at home in the column.
    """

    determinant: str
    dependent: str
    groups: int
    holding: int
    accuracy: float
    given: str = ""
    strict: bool = False
    strays: float = 0.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The determinant, and what else its groups are made by."""
        return (self.determinant, self.given) if self.given else (self.determinant,)

    @property
    def share(self) -> float:
        """`holding` out of `groups`."""
        return self.holding / self.groups


def dependencies(data: Dataset, share: float = 0.95) -> tuple[Dependency, ...]:
    """The dependencies between two columns that hold in at least this share of groups, the most accurate first."""
    if (known := data.kept.get(f"dependencies {share}")) is not None:
        return tuple(known)
    determinants = [c for c in data.profile.columns if _may_determine(c)][:MOST_COLUMNS]
    dependents = [c.name for c in data.profile.columns if _may_depend(c)][:MOST_COLUMNS]
    wide = [c.name for c in data.profile.columns if is_wide(c) and c.name in dependents] if determinants else []
    names = tuple(dict.fromkeys((*(c.name for c in determinants), *dependents))) if determinants else ()
    coded = codes(data).of([name for name in names if name not in wide]).columns
    sampled = list(_sampled(data, determinants, coded))
    telling = {c.name for c in determinants if _by_value(c)}
    fewest = {c.name: _fewest_errors(c) for c in determinants}
    seen = _Seen(data, wide, [rows for name, rows in sampled if name in telling])

    def determined_by(looked_at: tuple[str, Any]) -> list[Dependency]:
        determinant, rows = looked_at
        told = {n: each.codes[rows] for n, each in coded.items() if n == determinant or n in dependents}
        told = {**told, **seen.of(rows)} if determinant in telling else told
        return _determined_by(told, determinant, share, fewest[determinant])

    found = chain.from_iterable(side_by_side(determined_by, sampled))
    ordered = tuple(sorted(found, key=lambda d: (-d.accuracy, -d.groups, d.determinant, d.dependent)))
    data.kept[f"dependencies {share}"] = ordered
    return ordered


def _may_determine(column: ColumnProfile) -> bool:
    """Whether a column's values come back often enough to say something, and are no amounts."""
    rows = column.present_count
    return 2 <= column.distinct_count <= rows / 2 and rows >= GROUP * FEWEST_GROUPS and column.max_length <= 1000  # noqa: PLR2004


def _may_depend(column: ColumnProfile) -> bool:
    """Whether a column has some values, that come back at all: of a nearly unique one no group says anything."""
    few = column.distinct_count <= NEARLY_UNIQUE * column.present_count
    return few and column.distinct_count >= 2 and column.present_count >= GROUP * FEWEST_GROUPS  # noqa: PLR2004


class _Seen:
    """Columns of the rows that are looked at, and of no others."""

    def __init__(self, data: Dataset, columns: Sequence[str], looked_at: Sequence[Any]) -> None:
        import numpy as np

        self._at = np.unique(np.concatenate(looked_at)) if columns and looked_at else np.empty(0, np.int64)
        self._codes = codes(data).some(columns, self._at) if self._at.size else {}

    def of(self, rows: Any) -> dict[str, Any]:
        """What they hold in these rows."""
        import numpy as np

        place = np.searchsorted(self._at, rows)
        return {name: own[place] for name, own in self._codes.items()}


def _sampled(
    data: Dataset, determinants: Sequence[ColumnProfile], coded: Mapping[str, Coded]
) -> Iterator[tuple[str, Any]]:
    """Per determinant, the rows of some of its values."""
    import numpy as np

    few = [c for c in determinants if _every(c) > 1]
    columns = list(coded.values()) if few else []
    hashed = dict(zip(coded, hashes(data, columns), strict=True)) if few else {}
    of_rows = np.empty(data.profile.rows if few else 0, np.int64)
    for part in parts(of_rows.size):
        of_rows[part] = row_hashes(part, columns, list(hashed.values()))
    ordered = np.argsort(of_rows)
    del of_rows
    for column in determinants:
        own, every = coded[column.name], _every(column)
        looked_at = ~own.nothing[own.codes] if column.blank_count else own.codes >= 0
        if every > 1 and _by_value(column):
            looked_at &= (abs(hashed[column.name]) % every == 0)[own.codes]
        rows = np.flatnonzero(looked_at) if every == 1 or _by_value(column) else ordered[looked_at[ordered]][::every]
        yield column.name, rows[: 4 * ROWS_TO_MINE].copy()  # a part of them would keep them all


def _every(column: ColumnProfile) -> int:
    """One row of how many is looked at."""
    return -(-column.present_count // ROWS_TO_MINE)


def _by_value(column: ColumnProfile) -> bool:
    """Whether all rows of some values are looked at; of few values, each has some of its rows looked at.

    The rows are chosen by what is in them, so that their order changes nothing: rows that hold the same are as good
    as one another.
    """
    return column.distinct_count >= FEWEST_VALUES * _every(column)


def _fewest_errors(column: ColumnProfile) -> float:
    """Rows that differ from which they may be told to be errors; amounts go with something by coincidence."""
    if column.kind == "number":
        return math.inf
    return FEWEST_ERRORS_OF_SOME if _every(column) > 1 else FEWEST_ERRORS


def _determined_by(told: Mapping[str, Any], determinant: str, share: float, fewest: float) -> list[Dependency]:
    import numpy as np

    if not told[determinant].size:
        return []
    own, found = np.unique(told[determinant], return_inverse=True)[1], []
    for name, other in told.items():
        if name == determinant:
            continue
        dependency, differing = _counted(own, other, determinant, name, fewest)
        if dependency is not None and dependency.share >= share:
            given = _explaining(told, differing, (determinant, name))
            found.append(replace(dependency, given=given, strict=dependency.strict and not given))
    return found


def _counted(own: Any, other: Any, determinant: str, dependent: str, fewest: float) -> tuple[Dependency | None, Any]:
    """How well groups of equal `own` say `other`, and which rows differ from their group.

    None when too few groups do, or only because nearly all rows say one thing.
    """
    import numpy as np

    told = other >= 0
    x, y = own[told].astype(np.int64), other[told].astype(np.int64)
    if not x.size:
        return None, told
    width = int(y.max()) + 1
    pairs, n = _times(x * width + y, (int(x.max()) + 1) * width)
    group, said = pairs // width, pairs % width
    totals = np.bincount(group, weights=n)
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    most = np.maximum.reduceat(n, starts)
    usually = np.flatnonzero(n == np.repeat(most, np.diff(np.r_[starts, n.size])))
    first = usually[np.r_[True, group[usually][1:] != group[usually][:-1]]]
    majority, total = said[first], totals[group[first]]
    large = total >= GROUP
    if large.sum() < FEWEST_GROUPS or total[large].sum() < COVERED * x.size:
        return None, told
    holding = most >= AGREEING * total
    times = np.bincount(y)
    others = y.size - times.max()
    told_alike = large & holding
    by_value = np.bincount(majority[told_alike], weights=most[told_alike], minlength=times.size)
    explained = by_value.sum() - by_value[times == times.max()].max()  # of values equally common, whichever is first
    if not others or explained < EXPLAINED * others:
        return None, told
    accuracy = float(most[large].sum() / total[large].sum())
    groups, held = int(large.sum()), int(told_alike.sum())
    says = np.full(totals.size, -1)
    says[group[first][told_alike]] = majority[told_alike]
    differing = np.zeros(own.size, bool)
    differing[told] = (says[x] >= 0) & (says[x] != y)
    odd = np.isin(group, group[first][large])
    odd[first] = False
    strict = bool(n[odd].sum() >= fewest) and _at_random(group[odd], said[odd], n[odd], totals)
    strays = float(n[odd & (times[said] - n >= GROUP)].sum() / total[large].sum())
    found = Dependency(determinant, dependent, groups, held, round(accuracy, 6), strict=strict, strays=round(strays, 6))
    return found, differing


def _at_random(group: Any, said: Any, n: Any, totals: Any) -> bool:
    """Whether rows that differ are spread as errors are.

    By chance, two rows are both of one group as often as groups of these sizes have it, and two of one group say the
    same as often as two of all do. Real exceptions come back: the second town of a customer who moved.

    Args:
        group: of the rows that differ; each group and what they say once.
        said: what they say.
        n: how many they are.
        totals: rows per group, of all rows.
    """
    import numpy as np

    differ = np.bincount(group, weights=n, minlength=totals.size)
    rows, together = differ.sum(), (differ * (differ - 1)).sum() / 2
    alike = (n * (n - 1)).sum() / 2
    once = ((np.bincount(said, weights=n) / rows) ** 2).sum()
    sizes = ((totals[totals >= GROUP] / totals[totals >= GROUP].sum()) ** 2).sum()
    slack = CHANCE * rows
    return bool(
        alike <= AS_OFTEN * together * once + slack and together <= AS_OFTEN * (rows * (rows - 1) / 2) * sizes + slack
    )


def _times(numbers: Any, ends: int) -> tuple[Any, Any]:
    """The distinct numbers, all below `ends`, in order, and how often each occurs."""
    import numpy as np

    if ends > SPARSE * numbers.size:
        return np.unique(numbers, return_counts=True)
    times = np.bincount(numbers)
    there = np.flatnonzero(times)
    return there, times[there]


def _explaining(codes: Mapping[str, Any], differing: Any, but: Sequence[str]) -> str:
    """The column whose values go with most of the differing rows: nearly all rows with such a value differ."""
    import numpy as np

    if differing.sum() < GROUP:
        return ""
    best = (0, "")
    for name, other in codes.items():
        if name in but:
            continue
        told = other >= 0
        rows = np.bincount(other[told])
        differ = np.bincount(other[told], weights=differing[told], minlength=rows.size)
        systematic = (rows >= GROUP) & (differ >= AGREEING * rows)
        best = max(best, (int(differ[systematic].sum()), name))
    return best[1] if best[0] >= max(GROUP, EXPLAINING * differing.sum()) else ""
