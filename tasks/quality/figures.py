"""What the user's metrics would come to if an option were carried out: asked of the table as it would be.

A metric is read as the columns' types would be afterwards: those that the contract names, else the ones that every
value would then have, just as it will be measured once the option is carried out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, TypeAlias

import ibis
from pydantic import TypeAdapter

from tasks.quality.errors import SpecError
from tasks.quality.expressions import columns_of, metric
from tasks.quality.model import ROW, ColumnProfile, Dataset, Profile
from tasks.quality.profile import BOOLEANS, DATE, INTEGER, is_missing, number
from tasks.quality.typed import ColumnType, column_types, date_formats
from tasks.quality.whatif import Engine, Plan

Types: TypeAlias = Mapping[str, ColumnType]
Ask: TypeAlias = Callable[[str], Sequence[tuple[Any, ...]]]


@dataclass(frozen=True)
class _Metric:
    name: str
    expression: str
    columns: tuple[str, ...]


class Figures:
    """The metrics of one table, and of what plans would make of it; one that cannot be computed has no value.

    Attributes:
        now: metric → its value in the table as it is.
    """

    def __init__(self, data: Dataset, metrics: Mapping[str, str], engine: Engine) -> None:
        self._data, self._engine = data, engine
        self._known: dict[tuple[str, tuple[str, ...]], str] = {}
        self._metrics = tuple(_readable(data.columns, metrics))
        self._types = column_types(data.profile, data.contract)
        values = self._values(self._metrics, engine.rows, self._types)
        self.now: dict[str, float | None] = {name: values.get(name) for name in metrics}

    def moved_by(self, plan: Plan) -> tuple[_Metric, ...]:
        """The metrics that a plan may move."""
        changed = plan.touched | plan.dropped
        return tuple(m for m in self._metrics if plan.takes_rows or changed.intersection(m.columns))

    def cells(self, plan: Plan) -> int:
        """How many cells are read to know what the metrics come to after a plan."""
        return self._data.profile.rows * sum(max(len(m.columns), 1) for m in self.moved_by(plan))

    def after(self, plan: Plan) -> dict[str, float | None]:
        """What the metrics that a plan may move come to after it."""
        moved = self.moved_by(plan)
        columns = sorted({c for m in moved for c in m.columns} - plan.dropped)
        ask = partial(self._engine.rows_afterwards, plan, columns)
        types = dict(self._types) | self._types_after(plan, columns, ask)
        there = [m for m in moved if not plan.dropped.intersection(m.columns)]
        return dict.fromkeys((m.name for m in moved), None) | self._values(there, ask, types)

    def _values(self, metrics: Sequence[_Metric], ask: Ask, types: Types) -> dict[str, float | None]:
        """The value of each metric, asked at once; when the engine refuses, one after the other."""
        if not metrics:
            return {}
        try:
            parts = [f"({self._sql(m, types)})" for m in metrics]
            (values,) = ask(f"SELECT {', '.join(parts)}")
        except Exception:  # noqa: BLE001  (whatever the engine refuses: there is no figure; its report says why)
            if len(metrics) == 1:
                return {metrics[0].name: None}
            return {name: v for m in metrics for name, v in self._values([m], ask, types).items()}
        return {m.name: _finite(value) for m, value in zip(metrics, values, strict=True)}

    def _sql(self, each: _Metric, types: Types) -> str:
        key = (each.name, tuple(types.get(column, "text") for column in each.columns))
        if key not in self._known:
            table = _snapshot(each.columns)
            found = metric(table, each.expression, types, date_formats(self._data.contract))
            self._known[key] = _duckdb(found.table.agg(value=found.value))
        return self._known[key]

    def _types_after(self, plan: Plan, columns: Sequence[str], ask: Ask) -> dict[str, ColumnType]:
        """The types of the columns that a plan may give another one: it writes to them, or takes unreadable rows."""
        open_ = [c for c in columns if self._data.contract.column(c).reads_as is None]
        asked = [c for c in open_ if c in plan.touched or (plan.takes_rows and self._types.get(c) == "text")]
        found: dict[str, ColumnType] = {}
        for column in asked:
            (counts,) = ask(_kinds(column))
            told = dict(zip(_COUNTED, (int(n or 0) for n in counts), strict=True))
            profiled = TypeAdapter(ColumnProfile).validate_python({"name": column, "distinct_count": 0, **told})
            found |= column_types(Profile("", profiled.rows, (profiled,)), self._data.contract)
        return found


_COUNTED = (
    "rows",
    "null_count",
    "blank_count",
    "integer_count",
    "numeric_count",
    "date_count",
    "boolean_count",
    "max_length",
)


@lru_cache(maxsize=1024)
def _kinds(column: str) -> str:
    """The query of what the type of a column is told by (`_COUNTED`), as in its profile."""
    table = _snapshot([column])
    text = table[column]
    day = text.re_search(DATE).ifelse(text.substr(0, 10), ibis.null()).try_cast("date")
    counts = (
        table.count(),
        text.isnull().sum(),
        (is_missing(text) & text.notnull()).sum(),
        text.re_search(INTEGER).sum(),
        number(text).notnull().sum(),
        day.notnull().sum(),
        text.lower().isin(BOOLEANS).sum(),
        text.length().max(),
    )
    return _duckdb(table.agg(**dict(zip(_COUNTED, counts, strict=True))))


def _finite(value: Any) -> float | None:
    return float(value) + 0.0 if value is not None and math.isfinite(value) else None  # no -0.0


def _readable(columns: Sequence[str], metrics: Mapping[str, str]) -> Iterator[_Metric]:
    for name, expression in metrics.items():
        try:
            yield _Metric(name, expression, columns_of(expression, columns))
        except SpecError:  # it names a column that is not there, which the insight report says
            continue


def _snapshot(columns: Sequence[str]) -> ibis.Table:
    return ibis.table({ROW: "int64", **dict.fromkeys(columns, "string")}, name="snapshot")


def _duckdb(query: ibis.Table) -> str:
    return str(ibis.to_sql(query, dialect="duckdb"))
