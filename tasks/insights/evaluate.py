"""Goals measured on one snapshot: every figure with the query that gives it again."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import ibis
from ibis import _

from tasks.insights.goals import Goal, Grain
from tasks.quality.errors import SpecError
from tasks.quality.expressions import Metric, metric
from tasks.quality.model import ROW
from tasks.quality.profile import is_missing
from tasks.quality.translate import find_column
from tasks.quality.typed import ColumnType, read

MOST_PARTS = 10
"""Values of a segment that are shown; the others are one part, "the rest"."""

MOST_PERIODS = 400
"""Periods of a trend at most; older ones are left out and counted."""

SAMPLE = 12
"""Rows shown of those that could not be used."""

Status = Literal["met", "missed", "undefined", "no target"]


@dataclass(frozen=True)
class Figure:
    """One number, the query that gives it again, and the fingerprint of the data it was computed from."""

    value: float | None
    sql: str
    snapshot: str


@dataclass(frozen=True)
class Period:
    """One period of a trend by its first day (ISO 8601) and its name, e.g. "2026-Q1"."""

    start: str
    label: str
    value: float | None
    rows: int


@dataclass(frozen=True)
class Trend:
    """A goal's metric by period, oldest first; `undated` rows have no date that can be read."""

    column: str
    unit: str
    periods: tuple[Period, ...]
    undated: int
    sql: str
    snapshot: str
    older: int = 0


@dataclass(frozen=True)
class Part:
    """One value of a segment.

    Attributes:
        label: the value; None where it is missing; "" with `rest` for all values not shown.
        share: part of the whole, 0 to 1, where the metric of the whole is the sum of its parts.
    """

    label: str | None
    value: float | None
    rows: int
    share: float | None = None
    rest: bool = False


@dataclass(frozen=True)
class Segment:
    """A goal's metric by the values of one column, the rest last.

    The largest figures come first where figures add up, else those of most rows.
    """

    column: str
    parts: tuple[Part, ...]
    values: int
    sql: str
    snapshot: str


@dataclass(frozen=True)
class Unused:
    """Rows that the figure could not take in, why, and the first of them by `_row`."""

    reason: str
    rows: int
    sample: tuple[int, ...]
    sql: str


@dataclass(frozen=True)
class Insight:
    """One goal on one snapshot.

    Attributes:
        goal: as the user wrote it.
        figure: the metric over the whole table.
        status: against the target.
        rows_used: rows that the figure took in.
        rows_unused: rows in which something it needs is missing or cannot be read.
        problem: why it could not be computed; the figure is then undefined.
        in_part: whether a part of the figure may still have taken in rows that count as unused.
        unmatched: the FILTER that no row matches, where the figure is undefined.
    """

    goal: Goal
    figure: Figure
    status: Status
    rows_used: int = 0
    rows_unused: int = 0
    unused: tuple[Unused, ...] = ()
    trend: Trend | None = None
    segments: tuple[Segment, ...] = ()
    problem: str = ""
    in_part: bool = False
    unmatched: str = ""


def evaluate(
    goals: Sequence[Goal],
    table: ibis.Table,
    types: Mapping[str, ColumnType],
    snapshot: str,
    *,
    formats: Mapping[str, str] | None = None,
    like: Sequence[Insight] = (),
) -> tuple[Insight, ...]:
    """Measure every goal; one that cannot be computed says why and never stops the others.

    Args:
        goals: what is to be known.
        table: `_row` and text columns.
        types: column → type (`tasks.quality.typed.column_types`); text without one.
        snapshot: the table's fingerprint; every figure carries it.
        formats: column → how its dates are written (`tasks.quality.typed.date_formats`).
        like: insights to compare with: segments are broken down by the values that these show.
    """
    shown = {insight.goal.name: insight.segments for insight in like}
    return tuple(
        _evaluated(_Measure(goal, table, types, snapshot, formats or {}, shown.get(goal.name, ()))) for goal in goals
    )


@dataclass(frozen=True)
class _Measure:
    goal: Goal
    table: ibis.Table
    types: Mapping[str, ColumnType]
    snapshot: str
    formats: Mapping[str, str]
    like: tuple[Segment, ...]

    def over(self, table: ibis.Table) -> Metric:
        return metric(table, self.goal.metric, self.types, self.formats)


def _evaluated(measure: _Measure) -> Insight:
    try:
        return _insight(measure)
    except SpecError as error:
        return _uncomputed(measure, error.message)
    except Exception as error:  # noqa: BLE001  (the engine's error, whatever it is, is this goal's outcome)
        return _uncomputed(measure, f"the engine refused it: {error}".partition("\n")[0])


def _uncomputed(measure: _Measure, problem: str) -> Insight:
    return Insight(measure.goal, Figure(None, "", measure.snapshot), _status(measure.goal, None), problem=problem)


def _insight(measure: _Measure) -> Insight:
    goal, table, found = measure.goal, measure.table, measure.over(measure.table)
    figures = found.table.agg(value=found.value)
    value = _finite(figures.to_pyarrow()["value"][0].as_py())
    used = found.used.fill_null(False).sum()
    (record,) = table.agg(used=used, rows=table.count()).to_pyarrow().to_pylist()
    rows_used = int(record["used"] or 0)
    figure = Figure(value, _sql(figures), measure.snapshot)
    insight = Insight(goal, figure, _status(goal, value), rows_used, record["rows"] - rows_used)
    return replace(
        insight,
        unused=tuple(_unused(measure, found)) if insight.rows_unused else (),
        trend=_trend(measure, goal.grain) if goal.grain else None,
        segments=tuple(_segment(measure, column, found, value) for column in goal.segments),
        in_part=found.in_part,
        unmatched=_unmatched(table, found) if value is None else "",
    )


def _unmatched(table: ibis.Table, found: Metric) -> str:
    """The first FILTER that is true in no row."""
    matched = ((said, table.filter(truth).count().to_pyarrow().as_py()) for said, truth in found.filters)
    return next((said for said, rows in matched if not rows), "")


def _status(goal: Goal, value: float | None) -> Status:
    if goal.target is None:
        return "no target"
    if value is None:
        return "undefined"
    return "met" if goal.target.met(value) else "missed"


def _unused(measure: _Measure, found: Metric) -> Iterator[Unused]:
    """Why rows were left out: per column missing or unreadable; a row can be left out for several reasons."""
    table, left_out = measure.table, ~found.used.fill_null(False)
    explained = ibis.literal(False)
    for reason, because in _reasons(measure, found.columns):
        explained = explained | because
        yield from _rows_because(table.filter(left_out & because), reason)
    yield from _rows_because(table.filter(left_out & ~explained), "the expression has no value there")


def _reasons(measure: _Measure, columns: Mapping[str, ColumnType]) -> Iterator[tuple[str, Any]]:
    for name, type in columns.items():
        text = measure.table[name]
        missing = is_missing(text)
        yield f"{name} is missing", missing
        if type != "text":
            unreadable = read(text, type, measure.formats.get(name)).isnull()
            yield f"{name} cannot be read as {_NOUN[type]}", ~missing & unreadable


_NOUN: dict[ColumnType, str] = {
    "integer": "a whole number",
    "number": "a number",
    "date": "a date",
    "timestamp": "a date with a time",
    "boolean": "yes or no",
}


def _rows_because(rows: ibis.Table, reason: str) -> Iterator[Unused]:
    selected = rows.select(ROW)
    count = int(selected.count().to_pyarrow().as_py())
    if count:
        sample = selected.order_by(ROW).limit(SAMPLE).to_pyarrow()[ROW].to_pylist()
        yield Unused(reason, count, tuple(sample), _sql(selected))


def _trend(measure: _Measure, grain: Grain) -> Trend:
    name = find_column(grain.column, measure.table.columns, measure.goal.metric)
    as_type = measure.types.get(name, "text")
    moment = read(
        measure.table[name], as_type if as_type in ("date", "timestamp") else "timestamp", measure.formats.get(name)
    )
    dated = measure.table.mutate(_period=moment.truncate(grain.unit).cast("date"))
    found = measure.over(dated)
    query = found.table.group_by("_period").agg(value=found.value, rows=found.table.count())
    query = query.order_by(ibis.desc("_period")).rename(period="_period")
    records = query.to_pyarrow().to_pylist()
    there = [r for r in records if r["period"] is not None]
    undated = sum(r["rows"] for r in records if r["period"] is None)
    shown = tuple(_period(r, grain.unit) for r in there[:MOST_PERIODS][::-1])
    return Trend(name, grain.unit, shown, undated, _sql(query), measure.snapshot, len(there) - len(shown))


def _period(record: Mapping[str, Any], unit: str) -> Period:
    day = record["period"]
    return Period(day.isoformat(), label_of(day, unit), _finite(record["value"]), record["rows"])


def days_between(first: str, last: str, unit: str) -> Iterator[dt.date]:
    """The first days of the periods between two, which are given by theirs.

    >>> [str(day) for day in days_between("2025-10-01", "2026-04-01", "quarter")]
    ['2026-01-01']
    """
    day, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    while (day := _following(day, unit)) < end:
        yield day


def _following(day: dt.date, unit: str) -> dt.date:
    if unit in _DAYS:
        return day + dt.timedelta(days=_DAYS[unit])
    months = day.month - 1 + _MONTHS[unit]
    return dt.date(day.year + months // 12, months % 12 + 1, 1)


_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def label_of(day: dt.date, unit: str) -> str:
    """What the period of a unit is called that begins on a day, e.g. "2026-Q1"."""
    year, week, _weekday = day.isocalendar()
    labels: dict[str, str] = {
        "day": day.isoformat(),
        "week": f"{year}-W{week:02}",
        "month": f"{day:%Y-%m}",
        "quarter": f"{day.year}-Q{(day.month + 2) // 3}",
        "year": str(day.year),
    }
    return labels[unit]


def _segment(measure: _Measure, column: str, found: Metric, total: float | None) -> Segment:
    """The metric per value: the ten that weigh most, then all others together, as one more figure."""
    name = find_column(column, measure.table.columns, measure.goal.metric)
    table = measure.table.mutate(_part=read(measure.table[name], "text"))
    per_value = _by_part(measure, table)
    like = next((segment for segment in measure.like if segment.column == name), None)
    query = _chosen(per_value, like, adds_up=found.sums)
    parts = [_part(r["segment"], r, total, adds_up=found.sums) for r in query.to_pyarrow().to_pylist()]
    values = int(per_value.count().to_pyarrow().as_py())
    if values > len(parts):
        parts.append(_rest(measure, table, [part.label for part in parts], total, adds_up=found.sums))
    return Segment(name, tuple(parts), values, _sql(query), measure.snapshot)


def _chosen(per_value: ibis.Table, like: Segment | None, *, adds_up: bool) -> ibis.Table:
    """The values to show: those of another segment, or the weightiest; the weightiest first."""
    weights = [_.value.abs().desc(nulls_first=False), _.rows.desc()]
    by = weights if adds_up else weights[::-1]
    ranked = per_value.order_by(*by, _["_part"].asc(nulls_first=False)).rename(segment="_part")
    if like is None:
        return ranked.limit(MOST_PARTS)
    labels = [part.label for part in like.parts if not part.rest]
    return ranked.filter(_among(ranked["segment"], labels))


def _among(value: Any, labels: Sequence[str | None]) -> Any:
    return value.isin([label for label in labels if label is not None]).fill_null(None in labels)


def _by_part(measure: _Measure, table: ibis.Table) -> ibis.Table:
    found = measure.over(table)
    return found.table.group_by("_part").agg(value=found.value, rows=found.table.count())


def _rest(measure: _Measure, table: ibis.Table, shown: list[str | None], total: float | None, *, adds_up: bool) -> Part:
    rest = table.filter(~_among(table["_part"], shown))
    found = measure.over(rest)
    (record,) = found.table.agg(value=found.value, rows=found.table.count()).to_pyarrow().to_pylist()
    return replace(_part("", record, total, adds_up=adds_up), rest=True)


def _part(label: str | None, record: Mapping[str, Any], total: float | None, *, adds_up: bool) -> Part:
    value = _finite(record["value"])
    share = value / total if adds_up and value is not None and total else None
    return Part(label, value, record["rows"], share)


def _finite(value: float | None) -> float | None:
    return float(value) + 0.0 if value is not None and math.isfinite(value) else None  # no -0.0


def _sql(query: ibis.Table) -> str:
    sql: str = ibis.to_sql(query)
    return str(sql)
