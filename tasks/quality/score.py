"""The quality score: 0 (everything is suspect) to 100 (nothing is).

For each dimension, `score = 100 × (1 − suspect cells / cells) × (1 − suspect rows / rows)`, where a cell or row
counts once however many of the dimension's issues suspect it; issues of severity "info" never count, and one about
the table as a whole (a missing column, too few rows) counts as one column's cells. A dimension
is measured when a kind of issue exists for it. The overall score is the product of the shares over all measured
dimensions, `100 × Π (score / 100)`: the share of the table that no dimension objects to, were objections
independent. An empty table scores 100.

>>> round(combined([90.0, 100.0, 80.0]), 1)
72.0
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import ibis
from ibis import _

from tasks.quality.model import ROW, Dataset, Dimension, DimensionScore, Issue, Score, Severity
from tasks.quality.queries import kept, suspects, union
from tasks.quality.registry import kinds

AT_ONCE = 1_000_000
"""Cells or rows that are told apart together, at most: the engine keeps them all in memory."""

FORMULA = (
    "Per dimension: 100 × (1 − suspect cells ÷ all cells) × (1 − suspect rows ÷ all rows), each cell and row counted "
    "once; issues marked info never count, and one about the table as a whole counts as one column's cells. Overall: "
    "the product of the dimensions' shares."
)


def score(data: Dataset, issues: Sequence[Issue]) -> Score:
    """Score a snapshot by its issues; queries are made only where several issues may select the same cell or row."""
    rows = data.profile.rows
    cells = rows * len(data.columns)
    measured = sorted({kind.dimension for kind in kinds()}, key=list(Dimension).index)
    dimensions = tuple(_dimension(data, d, _counting(issues, d), cells, rows) for d in measured)
    return Score(combined(d.score for d in dimensions), dimensions, cells, rows)


def combined(scores: Iterable[float]) -> float:
    """The overall score of these dimension scores."""
    return round(100 * math.prod(score / 100 for score in scores), 2)


def _counting(issues: Iterable[Issue], dimension: Dimension) -> list[Issue]:
    return [i for i in issues if i.dimension == dimension and i.severity is not Severity.INFO and not i.failed]


def _dimension(data: Dataset, dimension: Dimension, issues: Sequence[Issue], cells: int, rows: int) -> DimensionScore:
    whole = sum(bool(issue.about) for issue in issues)
    own = sum(_distinct(data, group, (ROW, "column")) for group in _overlapping(issues))
    suspect_cells = min(own + whole * rows, cells)
    suspect_rows = _distinct(data, [i for i in issues if i.unit == "row" and not i.about], (ROW,))
    share = (1 - suspect_cells / max(cells, 1)) * (1 - suspect_rows / max(rows, 1))
    return DimensionScore(dimension, round(100 * share, 2), suspect_cells, suspect_rows)


def _overlapping(issues: Iterable[Issue]) -> list[list[Issue]]:
    """The issues of cells in groups that share no column, so that only cells of one group can be the same."""
    groups: list[tuple[set[str], list[Issue]]] = []
    for issue in (i for i in issues if i.unit == "cell"):
        touched = [group for group in groups if group[0].intersection(issue.columns)]
        merged = (set(issue.columns).union(*(g[0] for g in touched)), [*(i for g in touched for i in g[1]), issue])
        groups = [group for group in groups if group not in touched] + [merged]
    return [group for _columns, group in groups]


def _distinct(data: Dataset, issues: Sequence[Issue], by: tuple[str, ...]) -> int:
    """How many different cells or rows the issues select."""
    if len(issues) <= 1:
        return sum(issue.count for issue in issues)
    together = union([_selected(data, issue).select(*by) for issue in issues])
    slices = -(-sum(issue.count for issue in issues) // AT_ONCE)
    parts = [together.filter(_[ROW] % slices == place) for place in range(slices)] if slices > 1 else [together]
    return sum(int(part.distinct().count().to_pyarrow().as_py()) for part in parts)


def _selected(data: Dataset, issue: Issue) -> ibis.Table:
    """What the issue's query selects; each query runs by itself, for all in one may need more memory than there is."""
    return kept(data, issue.sql) if issue.count <= AT_ONCE else suspects(data, issue)
