"""Quantiles of columns of numbers, exact and the same in any order of rows, and fences far from the middle.

A quantile is the smallest number that at least so large a share of the column's numbers are not above. Only the part
of a column is sorted in which its profile's histogram says that the quantile lies.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import ibis
from ibis import _

from tasks.quality.model import ColumnProfile, Dataset
from tasks.quality.profile import number

Method: TypeAlias = Literal["iqr", "mad"]

TO_SIGMA = 0.6745
"""Median absolute deviation of a normal distribution, in standard deviations."""

_END = sys.float_info.max
_WANTED = {"column": "string", "place": "int64", "low": "float64", "high": "float64", "rank": "int64"}


@dataclass(frozen=True)
class Fences:
    """Where the middle of a column is, and beyond which numbers are far from it.

    Attributes:
        low, high: numbers beyond them are far.
        first, last: quartiles; with the method "mad" the median less and plus one median absolute deviation.
    """

    low: float
    high: float
    first: float
    last: float


CODE_DIGITS = 5


def is_code(column: ColumnProfile) -> bool:
    """Whether a column's whole numbers all have as many digits, five or more: postcodes and phones measure nothing."""
    return column.kind == "integer" and column.min_length == column.max_length >= CODE_DIGITS


def fences(data: Dataset, chosen: Mapping[str, tuple[Method, float]]) -> dict[str, Fences]:
    """The fences of each column, by its method and its k; none where the middle half is a single number.

    - "iqr": k interquartile ranges beyond the quartiles (Tukey, Exploratory Data Analysis, 1977; 3 is "far out").
    - "mad": modified Z-scores beyond k (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993; they use 3.5).
    """
    quartiles = quantiles(data, [c for c, (method, _k) in chosen.items() if method == "iqr"], (0.25, 0.75))
    spreads = _spreads(data, [c for c, (method, _k) in chosen.items() if method == "mad"])
    found: dict[str, Fences] = {}
    for name, (_method, k) in chosen.items():
        if name in quartiles:
            first, last = quartiles[name]
            reach = k * (last - first)
        elif name in spreads:
            first, last, spread = spreads[name]
            reach = (k / TO_SIGMA - 1) * spread
        else:
            continue
        if first < last and math.isfinite(reach):
            found[name] = Fences(first - reach, last + reach, first, last)
    return found


def quantiles(data: Dataset, columns: Sequence[str], shares: Sequence[float]) -> dict[str, tuple[float, ...]]:
    """Each column's quantiles; columns without numbers are left out."""
    wanted = [
        {"column": c.name, "place": place, **_bracket(c, rank), "rank": rank}
        for c in (data.profile.column(name) for name in columns)
        if c.numeric_count
        for place, rank in enumerate(_ranks(c.numeric_count, shares))
    ]
    return _at_ranks(_numbers(data, columns), wanted) if wanted else {}


def clear_of(column: ColumnProfile, k: float) -> bool:
    """Whether the histogram alone shows that no number lies beyond k interquartile ranges."""
    if not column.histogram or column.minimum is None or column.maximum is None:
        return False
    first, last = (_bracket(column, rank) for rank in _ranks(column.numeric_count, (0.25, 0.75)))
    reach = k * max(0.0, last["low"] - first["high"])
    return first["high"] - reach <= column.minimum and column.maximum <= last["low"] + reach


def _spreads(data: Dataset, columns: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Each column's median less and plus the median absolute deviation, and the deviation."""
    medians = {name: middle for name, (middle,) in quantiles(data, columns, (0.5,)).items()}
    if not medians:
        return {}
    known = ibis.memtable(
        [{"column": name, "middle": middle} for name, middle in medians.items()],
        schema={"column": "string", "middle": "float64"},
    )
    far = _numbers(data, list(medians)).join(known, "column").select("column", "n", x=(_.x - _.middle).abs())
    wanted = [
        {"column": name, "place": 0, "low": -_END, "high": _END, "rank": rank}
        for name in medians
        for rank in _ranks(data.profile.column(name).numeric_count, (0.5,))
    ]
    found = _at_ranks(far, wanted)
    return {name: (medians[name] - spread, medians[name] + spread, spread) for name, (spread,) in found.items()}


def _numbers(data: Dataset, columns: Sequence[str]) -> ibis.Table:
    own = data.domains.filter(data.domains.column.isin(list(columns)))
    return own.select("column", "n", x=number(own["value"])).filter(_.x.notnull())


def _ranks(count: int, shares: Iterable[float]) -> list[int]:
    return [max(1, math.ceil(share * count)) for share in shares]


def _bracket(column: ColumnProfile, rank: int) -> dict[str, float]:
    """Between which numbers the one of this rank lies: its bin, and the bins beside it, whose edges are rounded."""
    running = 0
    bins = column.histogram
    for place, (_low, _high, n) in enumerate(bins):
        running += n
        if running >= rank:
            low = bins[place - 1][0] if place else -_END
            high = bins[place + 1][1] if place + 1 < len(bins) else _END
            return {"low": low, "high": high}
    return {"low": -_END, "high": _END}


def _at_ranks(numbers: ibis.Table, wanted: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, ...]]:
    """Per column the numbers of the wanted ranks, counted from the smallest one; `numbers` has `column`, `n`, `x`."""
    asked = numbers.join(ibis.memtable([dict(w) for w in wanted], schema=_WANTED), "column")
    below = asked.group_by("column", "place").agg(below=_.n.sum(where=_.x < _.low))
    inside = asked.filter(asked.x.between(asked.low, asked.high))
    running = inside.mutate(upto=_.n.sum().over(group_by=["column", "place"], order_by="x", rows=(None, 0)))
    reached = running.join(below, ["column", "place"])
    there = reached.filter(reached.upto + reached.below.fill_null(0) >= reached["rank"])
    found = there.group_by("column", "place").agg(x=_.x.min()).order_by("column", "place")
    ordered: dict[str, list[float]] = {}
    for record in found.to_pyarrow().to_pylist():
        ordered.setdefault(record["column"], []).append(record["x"])
    return {name: tuple(each) for name, each in ordered.items()}
