"""Value domains and column statistics."""

import math
import statistics
from collections import Counter

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.quality.model import ROW, ColumnProfile, Profile
from tasks.quality.profile import (
    BINS,
    MOST_PARTS,
    TOP_LENGTH,
    changed_domains,
    changed_profile,
    domains,
    profile,
)


def snapshot(columns):
    rows = len(next(iter(columns.values())))
    data = {ROW: pa.array(range(rows), pa.int64())} | {name: pa.array(v, pa.string()) for name, v in columns.items()}
    return ibis.memtable(pa.table(data))


def profiled(columns) -> Profile:
    table = snapshot(columns)
    return profile(table, domains(table), "s1")


def column(values) -> ColumnProfile:
    return profiled({"c": values}).column("c")


def test_domains_hold_each_distinct_value_with_its_count_in_column_then_count_then_value_order():
    found = domains(snapshot({"b": ["x", "y", "y", None], "a": ["2", "1", "", ""]})).to_pyarrow().to_pylist()

    assert [(r["column"], r["value"], r["n"]) for r in found] == [
        ("b", "y", 2),
        ("b", "x", 1),
        ("a", "", 2),
        ("a", "1", 1),
        ("a", "2", 1),
    ]


def test_more_columns_than_one_query_can_unite_are_laid_end_to_end():
    columns = {f"c{i}": [str(i), "same", None] for i in range(2 * MOST_PARTS + 7)}
    found = domains(snapshot(columns)).to_pyarrow()

    assert found["column"].to_pylist() == [name for name in columns for _ in range(2)]
    assert found["n"].to_pylist() == [1] * len(found)


def test_a_table_of_row_numbers_only_has_an_empty_domain_and_no_columns():
    table = ibis.memtable(pa.table({ROW: pa.array([0, 1], pa.int64())}))

    assert domains(table).to_pyarrow().num_rows == 0
    assert profile(table, domains(table), "s1") == Profile("s1", 2, ())


def test_a_header_without_rows_is_profiled_as_empty_columns():
    found = column([])

    assert (found.rows, found.distinct_count, found.kind, found.mean) == (0, 0, "empty", None)


def test_nulls_and_blanks_are_told_apart_and_every_unicode_space_is_blank():
    found = column(["a", None, "", " ", "\t\n", "\u00a0\u2003", "\u3000", "\x85"])

    assert (found.null_count, found.blank_count, found.present_count, found.distinct_count) == (1, 6, 1, 7)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", "+3", "0"], "integer"),
        (["1", "2.5", ".5", "1e5", "-0.1E-3"], "number"),
        (["00123", "07001"], "text"),
        (["12.", "1"], "text"),
        (["1,234", "5"], "text"),
        (["NaN", "inf", "-Infinity"], "text"),
        (["12345678901234567890"], "text"),
        (["1e999"], "text"),
        (["2024-02-29", "2023-12-31T23:59:59Z", "2023-01-01 08:15+02:00"], "date"),
        (["2023-02-29"], "text"),
        (["31/12/2023"], "text"),
        (["Yes", "no", "TRUE", "f"], "boolean"),
        (["1", "yes"], "text"),
        ([None, ""], "empty"),
    ],
)
def test_a_column_is_what_all_its_values_can_be_read_as(values, kind):
    assert column(values).kind == kind


def test_words_among_numbers_do_not_disturb_the_statistics_of_the_numbers():
    found = column(["1", "2", "3", "10", "ten", None, ""])

    assert (found.numeric_count, found.minimum, found.maximum, found.mean, found.median) == (4, 1, 10, 4.0, 2.5)


def test_a_histogram_has_twenty_equal_bins_that_hold_every_number():
    found = column([str(i) for i in range(101)])

    assert len(found.histogram) == BINS
    assert found.histogram[0][0] == 0
    assert found.histogram[-1][1] == 100
    assert sum(n for _, _, n in found.histogram) == 101


def test_equal_numbers_make_a_histogram_of_one_bin():
    assert column(["7", "7.0", "7"]).histogram == ((7.0, 7.0, 3),)


def test_numbers_at_the_edge_of_floating_point_are_still_counted():
    found = column(["1.7e308", "-1.7e308", "5e-324", "0"])

    assert math.isfinite(found.mean)
    assert math.isfinite(found.median)
    assert sum(n for _, _, n in found.histogram) == 4


def test_the_most_frequent_values_come_first_and_long_ones_are_cut():
    found = column(["b", "a", "a", "b", "c", "x" * 500])

    assert found.top == (("a", 2), ("b", 2), ("c", 1), ("x" * TOP_LENGTH, 1))
    assert (found.min_length, found.max_length) == (1, 500)


def test_column_names_that_look_like_sql_are_only_names():
    names = ["order by", 'quote"d', "; drop table x; --", "value", "n", "column", "position", "cell", "🙂"]
    found = profiled({name: ["1", "2"] for name in names})

    assert [c.name for c in found.columns] == names
    assert {c.integer_count for c in found.columns} == {2}


numbers = st.floats(-1e12, 1e12).map("{:.6f}".format) | st.integers(-99, 99).map(str)


@settings(max_examples=25)
@given(st.lists(st.none() | numbers | st.sampled_from(["", " ", "x", "n/a"]), min_size=1, max_size=60))
def test_statistics_agree_with_python(values):
    found = column(values)
    held = [v for v in values if v is not None]
    parsed = [float(v) for v in held if v.strip() not in {"", "x", "n/a"}]

    assert found.null_count == len(values) - len(held)
    assert found.distinct_count == len(set(held))
    assert dict(found.top) == dict(sorted(Counter(held).items(), key=lambda x: (-x[1], x[0]))[:20])
    assert found.numeric_count == len(parsed)
    if parsed:
        assert found.mean == pytest.approx(statistics.fmean(parsed), rel=1e-9, abs=1e-9)
        assert found.median == pytest.approx(statistics.median(parsed))
        assert sum(n for _, _, n in found.histogram) == len(parsed)


@settings(max_examples=20)
@given(st.data(), st.lists(st.none() | numbers, min_size=1, max_size=40))
def test_the_order_of_rows_does_not_matter(data, values):
    assert column(values) == column(data.draw(st.permutations(values)))


def test_measuring_only_what_changed_gives_what_measuring_all_gives():
    before = snapshot({"a": ["x", "y", None], "b": ["1", "2", "2"], "c": ["p", "p", "q"]})
    after = snapshot({"a": ["x", "z", "z"], "d": ["p", "p", "q"], "b": ["1", "2", "2"], "e": [None, "n", "n"]})
    changed, renamed = {"a", "e"}, {"c": "d"}

    kept = changed_domains(after, domains(before), changed, renamed)
    statistics_ = changed_profile(after, kept, profile(before, domains(before), "s1"), changed, renamed)

    assert sorted(kept.to_pandas().itertuples(index=False)) == sorted(
        domains(after).to_pandas().itertuples(index=False)
    )
    assert statistics_ == profile(after, domains(after), "s1")
