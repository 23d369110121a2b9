"""The scores, cell by cell, on tables small enough to count by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring import Unusable, altered, normal, read, same_value, scored

CLEAN = {"a": ["1", "2", "3", "4"], "b": ["x", "y", "z", "N/A"]}
DIRTY = {"a": ["1 kg", "2", "3", "4"], "b": ["x", "y", "q", "N/A"]}

TABLES = st.integers(0, 6).flatmap(
    lambda n: st.tuples(*[st.lists(st.sampled_from(["", "a", "1", "1.0", "N/A"]), min_size=n, max_size=n)] * 3)
)


def test_scores_count_cells_as_defined():
    repaired = {"a": ["1", "2", "3.0", "4"], "b": ["x", "y", "w", ""]}
    found = scored(DIRTY, CLEAN, repaired, {(1, "b")})
    assert found.errors == {(0, "a"), (2, "b")}
    assert found.changed == {(0, "a"), (2, "a"), (2, "b"), (3, "b")}
    assert found.correct == {(0, "a")}
    assert (found.repair.precision, found.repair.recall, found.damaged) == (1 / 4, 1 / 2, 2)
    assert (found.detection.precision, found.detection.recall) == (2 / 5, 1.0)
    assert found.detection.f1 == pytest.approx(4 / 7)


def test_lenient_scores_forgive_changes_that_keep_the_value():
    repaired = {"a": ["1.0", "2", "3.0", "4"], "b": ["x", "y", "z", ""]}
    strict, lenient = (scored(DIRTY, CLEAN, repaired, {(2, "a")}, eq=eq) for eq in ("strict", "lenient"))
    assert (strict.damaged, strict.repair.precision) == (2, 1 / 4)
    assert (lenient.damaged, lenient.repair.precision, lenient.repair.recall) == (0, 1.0, 1.0)
    assert lenient.detected == {(0, "a"), (2, "b")}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("12.0", "12", True),
        ("1e3", "1000", True),
        ("5.", "5", True),
        ("01907", "1907", False),
        ("N/A", "", True),
        ("unknown", "-", True),
        ("x", "", False),
        ("1e99999999999999999999", "1", False),
    ],
)
def test_values_are_the_same_when_they_mean_the_same(one, other, same):
    assert same_value(one, other) is same


def test_white_space_and_entities_are_no_differences():
    assert normal(" R&amp;D \t\n x") == normal("R&D x")
    assert not altered({"a": [" R&amp;D  x"]}, {"a": ["R&D x"]})


def test_every_cell_of_a_row_that_left_a_clean_table_is_altered():
    assert altered(CLEAN, CLEAN | {"a": ["1", "2", "3", "5"]}, {1}) == {(3, "a"), (1, "a"), (1, "b")}


def test_nothing_to_find_and_nothing_found_is_perfect():
    found = scored(CLEAN, CLEAN, CLEAN)
    assert (found.detection.f1, found.repair.f1, found.damaged) == (1.0, 1.0, 0)


def test_writing_where_nothing_is_wrong_is_not():
    found = scored(CLEAN, CLEAN, CLEAN | {"b": ["x", "y", "z", "w"]})
    assert (found.repair.precision, found.repair.recall, found.repair.f1, found.damaged) == (0.0, 0.0, 0.0, 1)


@given(TABLES, st.sampled_from(["strict", "lenient"]))
def test_what_is_correct_was_wrong_and_changed(tables, eq):
    dirty, clean, repaired = ({"a": values} for values in tables)
    found = scored(dirty, clean, repaired, eq=eq)
    assert found.correct <= found.errors & found.changed
    assert found.changed <= found.detected
    assert scored(dirty, clean, clean, eq=eq).repair.f1 == 1.0
    assert scored(dirty, clean, dirty, eq=eq).changed == frozenset()


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is empty"), ("a,a\n1,2\n", "one name"), ("a,b\n1,2\n3\n", "record 3 has 1 fields, the header 2")],
)
def test_files_that_cannot_be_compared_are_refused(tmp_path, text, said):
    file = tmp_path / "dirty.csv"
    file.write_text(text)
    with pytest.raises(Unusable, match=said):
        read(file)
