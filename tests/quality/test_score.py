"""The score says which share of the table no dimension objects to, each cell and row counted once."""

from __future__ import annotations

import ibis
import pytest

from tasks.quality.model import ROW, Dimension, Issue, Severity
from tasks.quality.registry import kinds
from tasks.quality.score import AT_ONCE, combined, score
from tests.quality.opened import opened

TEN = {"a": [str(n) for n in range(10)], "b": [str(n) for n in range(10)]}


def suspicion(data, rows, column="a", *, dimension=Dimension.COMPLETENESS, severity=Severity.LOW, unit="cell", **more):
    """An issue that suspects one column's cells in these rows, or the rows themselves."""
    value = data.table[column] if unit == "cell" else ibis.null("string")
    named = ibis.literal(column) if unit == "cell" else ibis.null("string")
    cells = data.table.filter(data.table[ROW].isin(rows)).select(ROW, column=named, value=value)
    sql = str(ibis.to_sql(cells, dialect="duckdb"))
    return Issue(
        f"i-{column}-{unit}", "any", "missing", dimension, severity, (column,), len(rows), 10, unit, "t", "w", sql,
        **more,
    )  # fmt: skip


def of(result, dimension):
    return next(d for d in result.dimensions if d.dimension is dimension)


def test_a_dimension_scores_the_share_of_cells_that_are_not_suspect():
    with opened(TEN) as data:
        found = of(score(data, [suspicion(data, [0, 1])]), Dimension.COMPLETENESS)
    assert (found.suspect_cells, found.suspect_rows, found.score) == (2, 0, 90.0)


def test_a_cell_that_two_issues_suspect_counts_once():
    with opened(TEN) as data:
        both = [suspicion(data, [0, 1]), suspicion(data, [1, 2]), suspicion(data, [5], "b")]
        found = of(score(data, both), Dimension.COMPLETENESS)
    assert (found.suspect_cells, found.score) == (4, 80.0)


def test_rows_and_cells_lower_a_dimension_together():
    with opened(TEN) as data:
        uniqueness = Dimension.UNIQUENESS
        issues = [
            suspicion(data, [0, 1], unit="row", dimension=uniqueness),
            suspicion(data, [1, 2], "b", unit="row", dimension=uniqueness),
            suspicion(data, [0, 1], dimension=uniqueness),
        ]
        found = of(score(data, issues), uniqueness)
    assert (found.suspect_cells, found.suspect_rows) == (2, 3)
    assert found.score == round(100 * (1 - 2 / 20) * (1 - 3 / 10), 2)


def test_information_and_crashed_detectors_lower_nothing():
    with opened(TEN) as data:
        issues = [suspicion(data, [0], severity=Severity.INFO), suspicion(data, [1], failed=True)]
        assert score(data, issues).overall == 100


def test_what_is_measured_is_what_a_kind_exists_for():
    with opened(TEN) as data:
        measured = [d.dimension for d in score(data, []).dimensions]
    assert set(measured) == {kind.dimension for kind in kinds()}
    assert measured == sorted(measured, key=list(Dimension).index)


def test_the_overall_score_is_the_product_of_the_shares():
    with opened(TEN) as data:
        issues = [suspicion(data, [0, 1]), suspicion(data, [0], unit="row", dimension=Dimension.UNIQUENESS)]
        result = score(data, issues)
    assert result.overall == combined(d.score for d in result.dimensions) == 81.0


@pytest.mark.parametrize("columns", [{"a": []}, {"a": [], "b": []}])
def test_a_table_without_rows_scores_100(columns):
    with opened(columns) as data:
        assert score(data, []).overall == 100


@pytest.mark.parametrize("at_once", [AT_ONCE, 7])
def test_hundreds_of_issues_in_one_column_are_counted_once(monkeypatch, at_once):
    monkeypatch.setattr("tasks.quality.score.AT_ONCE", at_once)
    with opened(TEN) as data:
        found = of(score(data, [suspicion(data, [n % 10]) for n in range(300)]), Dimension.COMPLETENESS)
    assert found.suspect_cells == 10
