"""Notes: what is worth knowing about the data and is no issue. They lower no score and offer no remedy.

Outliers are issues of severity "info" (`tasks.quality.ranges`), as something can be done about them. The figures of a
note are what its query gives: sums are of whole numbers, so that they do not depend on the order of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations, islice
from typing import Any

from ibis import _

from tasks.quality.codes import codes, numbers, parts
from tasks.quality.fences import is_code
from tasks.quality.mining import Dependency
from tasks.quality.model import ColumnProfile, Dataset, Note
from tasks.quality.profile import number
from tasks.quality.queries import as_sql, only
from tasks.quality.records import is_unique
from tasks.quality.wording import plural

MOST_OF_A_KIND = 20
"""Notes of one kind at most."""

MOST_CORRELATED = 15
MOST_CELLS = 15_000_000
"""Columns of numbers, and cells of them, whose correlations are looked at."""

CORRELATED, LIKELY = 0.9, 0.7
"""Correlation worth a note, and from which on it is computed exactly: gaps count as the mean at first."""

MOST_PAIRS = 30
SKEWED, LIKELY_SKEWED = 3.0, 1.5
MANY = 0.9
FEWEST_ROWS = 30
MOST_ROWS = 200_000
"""Up to here the figures of dependencies are counted; in larger tables a note tells no figures."""


def notes(data: Dataset, dependencies: Sequence[Dependency] = ()) -> tuple[Note, ...]:
    """Columns that could be keys, mined dependencies, strong correlations, skew, high cardinality, an unchanged table.

    A family of notes that cannot be computed says so in a note of its own.
    """
    families: Mapping[str, Callable[[Dataset], Iterator[Note]]] = {
        "the last run": _unchanged,
        "keys": _keys,
        "dependencies": partial(_dependencies, dependencies),
        "correlations": _correlations,
        "skew": _skew,
        "cardinality": _cardinality,
    }
    return tuple(note for name, family in families.items() for note in _told(name, family, data))


def _told(name: str, family: Callable[[Dataset], Iterator[Note]], data: Dataset) -> list[Note]:
    try:
        return list(islice(family(data), MOST_OF_A_KIND))
    except Exception as error:  # noqa: BLE001  (a note more or less must not stop an assessment; it is said)
        why = str(error).strip().partition("\n")[0][:200]
        return [Note("failed", (), f"notes on {name} could not be computed ({type(error).__name__}: {why})", {}, "")]


def _unchanged(data: Dataset) -> Iterator[Note]:
    if data.before is not None and data.before.snapshot and data.before.snapshot == data.profile.snapshot:
        text = "the table is exactly that of the last run that was loaded"
        yield Note("unchanged", (), text, {"rows": data.profile.rows}, 'SELECT count(*) AS "rows" FROM "snapshot"')


def _keys(data: Dataset) -> Iterator[Note]:
    for column in data.profile.columns:
        if is_unique(column):
            yield _distinct(data, column, "key", f"every row has its own {column.name}: it could be the key")


def _cardinality(data: Dataset) -> Iterator[Note]:
    for c in data.profile.columns:
        many = c.present_count >= FEWEST_ROWS and c.distinct_count >= MANY * c.present_count
        if c.kind == "text" and many and not is_unique(c):
            text = f"{c.name} has {plural(c.distinct_count, 'different value')} in {plural(c.present_count, 'row')}"
            yield _distinct(data, c, "high cardinality", text)


def _distinct(data: Dataset, column: ColumnProfile, kind: Any, text: str) -> Note:
    own = data.domains.filter(data.domains.column == column.name)
    return Note(kind, (column.name,), text, {"distinct": column.distinct_count}, as_sql(own.agg(distinct=_.count())))


def _dependencies(dependencies: Sequence[Dependency], data: Dataset) -> Iterator[Note]:
    for d in dependencies:
        table = only(data.table, (*d.columns, d.dependent)).filter(
            *[_[name].notnull() for name in (*d.columns, d.dependent)]
        )
        counted = table.group_by(*d.columns, d.dependent).agg(n=_.count())
        groups = counted.group_by(*d.columns).agg(rows=_.n.sum(), agreeing=_.n.max())
        sql = as_sql(groups.agg(rows=_["rows"].sum(), agreeing=_.agreeing.sum()))
        text, figures = f"{' and '.join(d.columns)} determines {d.dependent}", dict[str, float]()
        if data.profile.rows <= MOST_ROWS:
            figures = _figures(data, sql)
            text += _but_for(int(figures["agreeing"]), int(figures["rows"]))
        yield Note("dependency", (*d.columns, d.dependent), text, figures, sql)


def _but_for(agreeing: int, rows: int) -> str:
    if agreeing == rows:
        return f" in all {plural(rows, 'row')}"
    return f", but for errors: {agreeing:,} of {plural(rows, 'row')} say what most of their group do"


# --- correlation ------------------------------------------------------------------------------------------------

_STEPS = 2**28
"""Steps into which the greatest distance from the mean is divided; products of two fit 64 bits, their sums 128."""

_FEWER_STEPS = 2**19
"""The same, so that the sums over as many rows as are looked at fit 64 bits."""


def _correlations(data: Dataset) -> Iterator[Note]:
    affordable = min(MOST_CORRELATED, MOST_CELLS // max(data.profile.rows, 1))
    columns = [c for c in data.profile.columns if _varies(c) and not is_unique(c)][:affordable]
    if len(columns) < 2:  # noqa: PLR2004  (a correlation is of two)
        return
    for a, b in _likely(data, columns):
        sql = _correlation(data, a, b)
        figures = _figures(data, sql)
        if figures["r"] is not None and abs(figures["r"]) >= CORRELATED:
            text = f"{a.name} and {b.name} go together (r = {figures['r']:.2f})"
            yield Note("correlation", (a.name, b.name), text, figures, sql)


def _likely(data: Dataset, columns: Sequence[ColumnProfile]) -> list[tuple[ColumnProfile, ColumnProfile]]:
    """The pairs that may be strongly correlated, the strongest first; gaps count as the mean."""
    import numpy as np

    pairs = list(combinations(range(len(columns)), 2))
    coded = [*codes(data).of([c.name for c in columns]).columns.values()]
    steps = [
        np.nan_to_num(_step(of_value, c, _FEWER_STEPS)).astype(np.int64)
        for c, of_value in zip(columns, numbers(data, coded), strict=True)
    ]
    own, mixed = Counter[int](), Counter[tuple[int, int]]()
    for rows in parts(data.profile.rows):
        told = [of_value[each.codes[rows]] for of_value, each in zip(steps, coded, strict=True)]
        own.update({i: int(x @ x) for i, x in enumerate(told)})
        mixed.update({(i, j): int(told[i] @ told[j]) for i, j in pairs})
    strength = {(i, j): abs(mixed[i, j]) / max(own[i] * own[j], 1) ** 0.5 for i, j in pairs}
    ordered = sorted(strength, key=lambda pair: (-round(strength[pair], 6), pair))
    return [(columns[i], columns[j]) for i, j in ordered[:MOST_PAIRS] if strength[i, j] >= LIKELY]


def _correlation(data: Dataset, a: ColumnProfile, b: ColumnProfile) -> str:
    """The query for Pearson's r of two columns, over the rows in which both are numbers."""
    sums = "count(*) AS n, sum(c0) AS x, sum(c1) AS y, sum(c0 * c0) AS xx, sum(c1 * c1) AS yy, sum(c0 * c1) AS xy"
    both = f"SELECT {sums} FROM ({_centred(data, (a, b))}) WHERE c0 IS NOT NULL AND c1 IS NOT NULL"
    spread = "sqrt(CAST(n * xx - x * x AS DOUBLE)) * sqrt(CAST(n * yy - y * y AS DOUBLE))"
    return f"SELECT round(CAST(n * xy - x * y AS DOUBLE) / nullif({spread}, 0), 4) AS r FROM ({both})"


def _centred(data: Dataset, columns: Sequence[ColumnProfile]) -> str:
    """The query for the columns as whole numbers around their means: `c0`, `c1` …; null where there is no number."""
    table = only(data.table, [c.name for c in columns])
    steps = {f"c{i}": _step(number(table[c.name]), c, _STEPS).cast("int64") for i, c in enumerate(columns)}
    return as_sql(table.select(**steps))


def _step(x: Any, column: ColumnProfile, steps: int) -> Any:
    """Numbers, of an expression or an array, as whole steps from the column's mean."""
    mean, low, high = column.mean or 0.0, column.minimum or 0.0, column.maximum or 0.0
    reach = max(high / 2 - mean / 2, mean / 2 - low / 2)
    return ((x / 2 - mean / 2) / reach * steps).round()


def _varies(column: ColumnProfile) -> bool:
    enough = column.numeric_count >= max(FEWEST_ROWS, MANY * column.present_count)
    spread = column.distinct_count > 2 and column.minimum != column.maximum  # noqa: PLR2004
    return enough and spread and not is_code(column)


# --- skew -------------------------------------------------------------------------------------------------------

_FINE = 2**20
"""Steps as above; products of three fit 64 bits."""


def _skew(data: Dataset) -> Iterator[Note]:
    for c in data.profile.columns:
        if not _varies(c) or abs(_rough_skew(c)) < LIKELY_SKEWED:
            continue
        sql = _skewness(data, c)
        figures = _figures(data, sql)
        if figures["skewness"] is not None and abs(figures["skewness"]) >= SKEWED:
            side = "a few are far larger" if figures["skewness"] > 0 else "a few are far smaller"
            text = f"{c.name} is skewed ({figures['skewness']:.1f}): most are near {c.median:,g}, {side}"
            yield Note("skew", (c.name,), text, figures, sql)


def _rough_skew(column: ColumnProfile) -> float:
    """The skewness that the histogram shows, its bins taken as one number each."""
    total = column.numeric_count
    middles = [(low / 2 + high / 2, n) for low, high, n in column.histogram]
    scale = max(abs(column.minimum or 0.0), abs(column.maximum or 0.0)) or 1.0
    mean = sum(x / scale * n for x, n in middles) / total
    square, cube = (sum((x / scale - mean) ** k * n for x, n in middles) / total for k in (2, 3))
    return float(cube / square**1.5) if square > 0 else 0.0


def _skewness(data: Dataset, column: ColumnProfile) -> str:
    """The query for the moment coefficient of skewness of a column, from its value domain."""
    own = data.domains.filter(data.domains.column == column.name)
    distance = _step(number(own["value"]), column, _FINE).cast("int64")
    inner = as_sql(own.select(n=own.n, d=distance).filter(_.d.notnull()))
    sums = ", ".join(f"sum(CAST(n AS HUGEINT) * {' * '.join(['d'] * k)}) AS s{k}" for k in (1, 2, 3))
    means = f"SELECT sum(n) AS n, {sums} FROM ({inner})"
    doubles = ", ".join(f"CAST({name} AS DOUBLE) AS {name}" for name in ("n", "s1", "s2", "s3"))
    parts = f"SELECT s1 / n AS m, s2 / n AS q, s3 / n AS k FROM (SELECT {doubles} FROM ({means}))"
    cube = "k - 3 * m * q + 2 * m * m * m"
    return f"SELECT round(({cube}) / nullif(pow(q - m * m, 1.5), 0), 2) AS skewness FROM ({parts})"


# --- queries ------------------------------------------------------------------------------------------------------


def _figures(data: Dataset, sql: str) -> dict[str, Any]:
    """The one row that a query gives, by its columns' names."""
    cursor = data.table.get_backend().raw_sql(sql)
    names = [column[0] for column in cursor.description]
    return {name: int(n) if isinstance(n, int) else n for name, n in zip(names, cursor.fetchone(), strict=True)}
