"""Queries for suspect cells: the rows they select, and how many these are without looking at rows."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from tasks.quality.model import ROW
from tasks.quality.queries import asked, cells_in, cells_where, rows_where
from tests.quality.opened import opened

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)
VALUES = st.lists(st.none() | TEXT, min_size=1, max_size=12)
NAMES = st.sampled_from(["a", 'a "b"', "it's", "value", "n", "column", "select"])


@given(NAMES, VALUES, st.sets(TEXT))
@example("it's", ["'", '"', "x\ny", None, "'"], {"'", "x\ny"})
@example("n", ["", " ", None], {""})
@example("a", ["b"], set())
def test_listed_values_are_found_and_counted(name, values, others):
    wanted = others | {value for value in values[::2] if value is not None}
    there = [(row, name, value) for row, value in enumerate(values) if value in wanted]
    with opened({name: values}) as data:
        query = cells_in(name, wanted)
        assert asked(data, f"SELECT * FROM ({query}) ORDER BY {ROW}") == there
        assert rows_where(data, name, query) == len(there)


@given(NAMES, VALUES)
def test_values_are_counted_as_the_query_of_their_cells_finds_them(name, values):
    with opened({name: values}) as data:
        query = cells_where(data, name, lambda text: text.length() > 2)
        there = [(row, name, value) for row, value in enumerate(values) if value is not None and len(value) > 2]
        assert asked(data, f"SELECT * FROM ({query}) ORDER BY {ROW}") == there
        assert rows_where(data, name, query) == len(there)
