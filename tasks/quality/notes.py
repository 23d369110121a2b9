"""Notes: what is worth knowing about the data and is no issue. They lower no score and offer no remedy."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import ibis
from ibis import _

from tasks.quality.mining import Dependency
from tasks.quality.model import ColumnProfile, Dataset, Note
from tasks.quality.profile import number
from tasks.quality.queries import only
from tasks.quality.records import is_unique

MOST_CORRELATED = 20
"""Columns of numbers whose correlations are computed: all pairs of them, in one query."""

CORRELATED = 0.9
SKEWED = 10.0
MANY = 0.9
FEWEST_ROWS = 30
MOST_DEPENDENCIES = 20


def notes(data: Dataset, dependencies: tuple[Dependency, ...] = ()) -> tuple[Note, ...]:
    """Strong correlations, skew, high cardinality, columns that could be keys, and mined dependencies."""
    return (*_keys(data), *_dependencies(data, dependencies), *_correlations(data), *_skew(data), *_cardinality(data))


def _keys(data: Dataset) -> Iterator[Note]:
    for column in data.profile.columns:
        if is_unique(column):
            text = f"every row has its own {column.name}: it could be the key"
            own = data.domains.filter(data.domains.column == column.name)
            yield Note(
                "key", (column.name,), text, {"distinct": column.distinct_count}, _sql(own.agg(distinct=_.count()))
            )


def _dependencies(data: Dataset, dependencies: tuple[Dependency, ...]) -> Iterator[Note]:
    for d in dependencies[:MOST_DEPENDENCIES]:
        by = " and ".join(d.columns)
        text = f"{by} determines {d.dependent} in {d.holding:,} of {d.groups:,} groups ({d.accuracy:.1%} of their rows)"
        table = only(data.table, (*d.columns, d.dependent))
        counted = table.group_by(*d.columns, d.dependent).agg(n=_.count()).group_by(*d.columns).agg(
            n=_.n.sum(), most=_.n.max()
        )  # fmt: skip
        query = _sql(counted.agg(rows=_.n.sum(), agreeing=_.most.sum()))
        yield Note("dependency", (*d.columns, d.dependent), text, {"accuracy": d.accuracy, "groups": d.groups}, query)


def _correlations(data: Dataset) -> Iterator[Note]:
    numeric = [c for c in data.profile.columns if _is_numeric(c) and not is_unique(c)][:MOST_CORRELATED]
    pairs = list(combinations([c.name for c in numeric], 2))
    if not pairs:
        return
    table = only(data.table, [c.name for c in numeric])
    numbers = table.select(**{f"c{i}": number(table[c.name]) for i, c in enumerate(numeric)})
    place = {c.name: f"c{i}" for i, c in enumerate(numeric)}
    wanted = {f"r{i}": numbers[place[a]].corr(numbers[place[b]], how="pop") for i, (a, b) in enumerate(pairs)}
    found = numbers.agg(**wanted).to_pyarrow().to_pylist()[0]
    for i, (a, b) in enumerate(pairs):
        r = found[f"r{i}"]
        if r is not None and abs(r) >= CORRELATED:
            text = f"{a} and {b} go together (r = {r:.2f})"
            query = _sql(table.agg(r=number(table[a]).corr(number(table[b]), how="pop")))
            yield Note("correlation", (a, b), text, {"r": round(r, 6)}, query)


def _skew(data: Dataset) -> Iterator[Note]:
    for c in data.profile.columns:
        if _is_numeric(c) and c.mean is not None and c.median and c.minimum is not None and c.minimum >= 0:
            ratio = c.mean / c.median
            if ratio >= SKEWED:
                text = f"{c.name} is skewed: its mean is {ratio:,.0f} times its median"
                own = data.domains.filter(data.domains.column == c.name)
                x = number(own.value)
                query = _sql(own.agg(mean=(x * own.n).sum() / own.n.sum(where=x.notnull())))
                yield Note("skew", (c.name,), text, {"mean": c.mean, "median": c.median}, query)


def _cardinality(data: Dataset) -> Iterator[Note]:
    for c in data.profile.columns:
        if (
            c.kind == "text"
            and c.present_count >= FEWEST_ROWS
            and not is_unique(c)
            and c.distinct_count >= MANY * c.present_count
        ):
            text = f"{c.name} has {c.distinct_count:,} different values in {c.present_count:,} rows"
            own = data.domains.filter(data.domains.column == c.name)
            yield Note(
                "high cardinality", (c.name,), text, {"distinct": c.distinct_count}, _sql(own.agg(distinct=_.count()))
            )


def _is_numeric(column: ColumnProfile) -> bool:
    return column.numeric_count >= max(FEWEST_ROWS, 0.9 * column.present_count) and column.distinct_count > 2  # noqa: PLR2004


def _sql(query: ibis.Table) -> str:
    return str(ibis.to_sql(query, dialect="duckdb"))
