"""How far the values of columns have moved between two runs, from what was kept of the earlier one.

- PSI, the population stability index, over the values that were most frequent before and the rest together:
  Σ (q − p) · ln(q / p), where p are the shares before and q those now; 0.25 is commonly taken for a clear shift. A
  share of nothing counts as one in ten thousand, so that the index is finite.
- KS, the Kolmogorov-Smirnov distance of numbers: the greatest difference between the shares below a number, at the
  edges of the earlier histogram.

Both must also be greater than chance makes them between two samples of these sizes: the index three times its
expectation, (bins − 1) · (1/n + 1/m), the distance 1.95 · √(1/n + 1/m), which chance exceeds once in a thousand times.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from operator import or_
from typing import Any, Literal

import ibis
from ibis import _

from tasks.quality.model import ColumnProfile, Dataset, Profile
from tasks.quality.profile import TOP_LENGTH, is_missing, number

LEAST_SHARE = 1e-4
COVERED = 0.8
"""Share of a column's rows that its most frequent values must have had for their shares to be compared."""

NUMERIC = 0.9
SAME = 0.95
"""A column of whole numbers with so many different ones is an id: it moves by nature."""

_GROWN = 5
"""What grew by more than this part of the whole shift is suspect."""


@dataclass(frozen=True)
class Shift:
    """A column that has moved.

    Attributes:
        measure: what was measured, and `value`, what it came to.
        values: what has a greater share now, of the values that were frequent; all others, if `rest`.
        kept: the values that were frequent.
        ranges: what has a greater share now, of numbers: from, up to and without; null is open.
    """

    measure: Literal["PSI", "KS"]
    value: float
    values: tuple[str, ...] = ()
    rest: bool = False
    kept: tuple[str, ...] = ()
    ranges: tuple[tuple[float | None, float | None], ...] = ()

    def grown(self, text: Any) -> Any:
        """Whether a value is one of those that have a greater share now."""
        if self.measure == "KS":
            x = number(text)
            parts = [
                (x >= low if low is not None else ibis.literal(True))
                & (x < high if high is not None else ibis.literal(True))
                for low, high in self.ranges
            ]
            return (x.notnull() & reduce(or_, parts, ibis.literal(False))).fill_null(False)
        told = text.isin(self.values) if self.values else ibis.literal(False)
        rest = ~text.isin(self.kept) & ~is_missing(text) if self.rest else ibis.literal(False)
        return (told | rest).fill_null(False)


def shifts(data: Dataset, before: Profile, limits: Mapping[str, tuple[float, float]]) -> dict[str, Shift]:
    """The columns whose PSI or KS is beyond its limit, (psi, ks), and beyond chance; two queries for all of them."""
    pairs = [(then, data.profile.column(then.name)) for then in before.columns if then.name in limits]
    compared = [(then, now) for then, now in pairs if _telling(then) and _telling(now)]
    numbers = [(then, now) for then, now in compared if _are_numbers(then, now)]
    texts = [(then, now) for then, now in compared if (then, now) not in numbers and _are_categories(then)]
    counts, bins = _counts(data, [then for then, _now in texts]), _bins(data, [then for then, _now in numbers])
    found: dict[str, Shift] = {}
    for then, now in texts:
        if moved := _moved_values(then, now, counts.get(then.name, {}), limits[then.name][0]):
            found[then.name] = moved
    for then, now in numbers:
        if shifted := _moved_numbers(then, now, bins.get(then.name, {}), limits[then.name][1]):
            found[then.name] = shifted
    return found


def stability(pairs: Iterable[tuple[float, float]]) -> float:
    """The population stability index of (share before, share now).

    >>> round(stability([(0.5, 0.5), (0.5, 0.5)]), 3), round(stability([(0.9, 0.1), (0.1, 0.9)]), 3)
    (0.0, 3.516)
    """
    least = [(max(p, LEAST_SHARE), max(q, LEAST_SHARE)) for p, q in pairs]
    return sum((q - p) * math.log(q / p) for p, q in least)


def _telling(column: ColumnProfile) -> bool:
    return column.present_count > 0 and column.kind != "date"


def _are_numbers(then: ColumnProfile, now: ColumnProfile) -> bool:
    numeric = all(c.numeric_count >= NUMERIC * c.present_count for c in (then, now))
    ids = all(c.kind == "integer" and c.distinct_count >= SAME * c.present_count for c in (then, now))
    return numeric and not ids and len(then.histogram) > 1 and then.distinct_count > len(then.top)


def _are_categories(then: ColumnProfile) -> bool:
    told = sum(n for _value, n in then.top)
    return told >= COVERED * (then.rows - then.null_count) and all(len(value) < TOP_LENGTH for value, _n in then.top)


def _counts(data: Dataset, columns: Sequence[ColumnProfile]) -> dict[str, dict[str, int]]:
    """Rows that each of the values has now that were frequent before."""
    asked = [{"column": c.name, "value": value} for c in columns for value, _n in c.top]
    if not asked:
        return {}
    wanted = ibis.memtable(asked, schema={"column": "string", "value": "string"})
    found: dict[str, dict[str, int]] = {}
    for record in data.domains.join(wanted, ["column", "value"]).to_pyarrow().to_pylist():
        found.setdefault(record["column"], {})[record["value"]] = record["n"]
    return found


def _bins(data: Dataset, columns: Sequence[ColumnProfile]) -> dict[str, dict[int, int]]:
    """Numbers now in each bin of the earlier histogram, counted from 0; -1 are below it, one past the last above."""
    bounds = [
        {"column": c.name, "low": c.histogram[0][0], "high": c.histogram[-1][1], "bins": len(c.histogram)}
        for c in columns
    ]
    if not bounds:
        return {}
    known = ibis.memtable(bounds, schema={"column": "string", "low": "float64", "high": "float64", "bins": "int64"})
    numbers = data.domains.select("column", "n", x=number(data.domains.value)).filter(_.x.notnull())
    joined = numbers.join(known, "column")
    share = (joined.x / 2 - joined.low / 2) / (joined.high / 2 - joined.low / 2)
    inside = (share * joined.bins).floor().clip(0, joined.bins - 1).cast("int64")
    at = ibis.cases((joined.x < joined.low, -1), (joined.x > joined.high, joined.bins), else_=inside)
    counted = joined.select("column", "n", at=at).group_by("column", "at").agg(n=_.n.sum())
    found: dict[str, dict[int, int]] = {}
    for record in counted.to_pyarrow().to_pylist():
        found.setdefault(record["column"], {})[record["at"]] = int(record["n"])
    return found


def _moved_values(then: ColumnProfile, now: ColumnProfile, counts: Mapping[str, int], limit: float) -> Shift | None:
    were, are = then.rows - then.null_count, now.rows - now.null_count
    shares = [(n / were, counts.get(value, 0) / are) for value, n in then.top]
    rest = (max(0.0, 1 - sum(p for p, _q in shares)), max(0.0, 1 - sum(q for _p, q in shares)))
    index = stability([*shares, rest])
    if index <= max(limit, 3 * len(shares) * (1 / were + 1 / are)):
        return None
    grown = [value for (value, _n), (p, q) in zip(then.top, shares, strict=True) if q > p and _weighs(p, q, index)]
    strange = rest[1] > rest[0] and _weighs(*rest, index)
    return Shift("PSI", round(index, 4), tuple(sorted(grown)), strange, tuple(value for value, _n in then.top))


def _weighs(before: float, now: float, index: float) -> bool:
    return stability([(before, now)]) * _GROWN >= index / 2


def _moved_numbers(then: ColumnProfile, now: ColumnProfile, bins: Mapping[int, int], limit: float) -> Shift | None:
    were, are, last = then.numeric_count, now.numeric_count, len(then.histogram)
    before = [0.0, *(n / were for _low, _high, n in then.histogram), 0.0]
    after = [bins.get(place, 0) / are for place in range(-1, last + 1)]
    distance = max(abs(p - q) for p, q in zip(accumulate(before), accumulate(after), strict=True))
    if distance <= max(limit, 1.95 * math.sqrt(1 / were + 1 / are)):
        return None
    edges = [None, *(low for low, _high, _n in then.histogram), math.nextafter(then.histogram[-1][1], math.inf), None]
    grown = [place for place in range(last + 2) if (after[place] - before[place]) * _GROWN >= distance]
    return Shift("KS", round(distance, 4), ranges=tuple((edges[place], edges[place + 1]) for place in grown))
