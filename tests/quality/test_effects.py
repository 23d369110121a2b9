"""Effects are applied by one engine: exactly what they say is written, and every cell and row is accounted for."""

from __future__ import annotations

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.quality.effects import FEW, apply, conserve, preview
from tasks.quality.errors import ConservationError, PilotMustDecide
from tasks.quality.model import ROW, CellWrites, ColumnAdd, ColumnDrop, Disposition, RowExits, ValueMap
from tasks.quality.typed import typed_view
from tests.quality.opened import again, opened, records, values

CITIES = {"city": ["Bonn", "bonn", None, "Köln", "bonn"], "n": ["1", "2", "3", "4", "5"]}


def test_a_value_map_writes_new_wherever_old_stands():
    with opened(CITIES) as data:
        applied = apply(data, [ValueMap("city", (("bonn", "Bonn"),))], decision=7)
        assert values(applied.table, "city") == ["Bonn", "Bonn", None, "Köln", "Bonn"]
        assert records(applied.cells) == [
            {"_row": 1, "column": "city", "before": "bonn", "after": "Bonn", "decision": 7},
            {"_row": 4, "column": "city", "before": "bonn", "after": "Bonn", "decision": 7},
        ]


def test_a_value_map_can_fill_nulls_and_write_nulls():
    with opened(CITIES) as data:
        applied = apply(data, [ValueMap("city", ((None, "?"), ("Köln", None)))])
        assert values(applied.table, "city") == ["Bonn", "bonn", "?", None, "bonn"]


@pytest.mark.parametrize("name", ["self", "exprs", "args", "kwargs", "table"])
def test_a_column_may_be_called_as_parameters_are(name):
    many = tuple((f"v{n}", "v") for n in range(FEW + 1))
    with opened({name: ["a", "b", "v7"], "n": ["1", "2", "3"]}) as data:
        assert values(apply(data, [ValueMap(name, (("a", "A"),))]).table, name) == ["A", "b", "v7"]
        assert values(apply(data, [ValueMap(name, many)]).table, name) == ["a", "b", "v"]
        told = ibis.memtable({ROW: [1], "after": ["B"]})
        assert values(apply(data, [CellWrites(name, told)]).table, name) == ["a", "B", "v7"]
        assert preview(data, [ColumnDrop(name)]).columns_dropped == (name,)
        assert typed_view(data.table, {name: "text", "n": "integer"}).columns == (ROW, name, "n")


def test_writing_what_is_there_already_is_no_change():
    with opened(CITIES) as data:
        same = data.table.select(ROW, after=data.table.city)
        assert records(apply(data, [CellWrites("city", same)]).cells) == []


def test_a_row_that_leaves_is_kept_as_it_was_and_leaves_once():
    with opened(CITIES) as data:
        gone = data.table.filter(data.table.city == "bonn").select(ROW, into=ibis.literal(0))
        effects = [RowExits(Disposition.MERGED, gone, "same"), RowExits(Disposition.DROPPED, gone, "again")]
        applied = apply(data, effects, decision=1)
        assert values(applied.table, "n") == ["1", "3", "4"]
        left = records(applied.rows)
        assert [(r["_row"], r["disposition"], r["into"], r["reason"]) for r in left] == [
            (1, "merged", 0, "same"),
            (4, "merged", 0, "same"),
        ]
        assert left[0]["was:city"] == "bonn"


def test_a_dropped_column_counts_its_values_as_changed():
    with opened(CITIES) as data:
        applied = apply(data, [ColumnDrop("city")])
        assert applied.table.columns == (ROW, "n")
        assert [(r["_row"], r["before"], r["after"]) for r in records(applied.cells)] == [
            (0, "Bonn", None),
            (1, "bonn", None),
            (3, "Köln", None),
            (4, "bonn", None),
        ]


def test_an_added_column_flags_rows():
    with opened(CITIES) as data:
        flagged = data.table.filter(data.table.n == "3").select(ROW)
        applied = apply(data, [ColumnAdd("flag", flagged, "true", "false")])
        assert values(applied.table, "flag") == ["false", "false", "true", "false", "false"]
        assert applied.columns_added == ("flag",)


def test_an_effect_on_a_column_that_is_gone_is_refused_with_what_there_is():
    with (
        opened(CITIES) as data,
        pytest.raises(PilotMustDecide, match=r"no column 'citi'.*city, n.*mean 'city'"),
    ):
        apply(data, [ValueMap("citi", (("a", "b"),))])


def test_a_preview_counts_exactly_and_shows_the_most_frequent_change_first():
    with opened(CITIES) as data:
        seen = preview(data, [ValueMap("city", (("bonn", "Bonn"), ("Köln", "Cologne")))])
        assert (seen.cells_changed, seen.rows_changed, seen.rows_removed) == (3, 3, 0)
        assert [(c.before, c.after) for c in seen.changes] == [("bonn", "Bonn"), ("Köln", "Cologne")]


@pytest.mark.parametrize("column", ["order by", 'a "quoted" one', "a.b", "SELECT", "ünïcode 🎈"])
def test_columns_may_have_any_name(column):
    with opened({column: ["x", "y"]}) as data:
        assert values(apply(data, [ValueMap(column, (("x", "z"),))]).table, column) == ["z", "y"]


def test_rows_that_do_not_add_up_are_refused():
    conserve(10, 7, dropped=1, quarantined=1, merged=1)
    with pytest.raises(ConservationError, match="10 rows in, but 7 out"):
        conserve(10, 7, dropped=1, quarantined=1, merged=0)


texts = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


@settings(max_examples=25)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=8), st.dictionaries(texts, texts, max_size=4))
def test_a_value_map_touches_only_its_column_and_its_values(rows, mapping):
    columns = {"a": [row[0] for row in rows], "b": [row[1] for row in rows]}
    with opened(columns) as data:
        once = apply(data, [ValueMap("a", tuple(mapping.items()))])
        assert values(once.table, "a") == [mapping.get(value, value) for value in columns["a"]]
        assert values(once.table, "b") == columns["b"]
        changed = [place for place, value in enumerate(columns["a"]) if mapping.get(value, value) != value]
        assert [r["_row"] for r in records(once.cells)] == changed
        if not set(mapping.values()) & set(mapping):
            twice = apply(again(data, once.table), [ValueMap("a", tuple(mapping.items()))])
            assert records(twice.cells) == []


@pytest.mark.parametrize("size", [1, FEW + 1], ids=["looked up", "joined"])
def test_values_of_any_characters_are_written(size):
    odd = ("", "it's", 'say "hi"', "nul\0", "a\\b", "${x}", "é", "e\u0301", "🙂", "x" * 100_000)
    pairs = [*zip(odd, reversed(odd), strict=True), *((f"k{n}", None) for n in range(size))]
    with opened({"a": [*odd, "other", None]}) as data:
        assert values(apply(data, [ValueMap("a", tuple(pairs))]).table, "a") == [*reversed(odd), "other", None]


@pytest.mark.parametrize("size", [3, FEW], ids=["looked up", "joined"])
def test_a_map_is_carried_out_at_once_and_its_first_pair_holds(size):
    more = tuple((f"k{n}", f"v{n}") for n in range(size))
    with opened({"a": ["x", "y", None, "k1"]}) as data:
        applied = apply(data, [ValueMap("a", (("x", "y"), ("y", None), (None, "x"), ("x", "never"), *more))])
        assert values(applied.table, "a") == ["y", None, "x", "v1"]
        assert len(records(applied.cells)) == 4


def test_cells_of_rows_that_leave_are_not_changes():
    with opened(CITIES) as data:
        gone = data.table.filter(data.table.n == "2").select(ROW, into=ibis.null("int64"))
        effects = [ValueMap("city", (("bonn", "Bonn"),)), RowExits(Disposition.DROPPED, gone, "odd")]
        applied, seen = apply(data, effects), preview(data, effects)
        assert [cell[ROW] for cell in records(applied.cells)] == [4]
        assert records(applied.rows)[0]["was:city"] == "bonn"
        assert (seen.cells_changed, seen.rows_removed, seen.removed) == (1, 1, (1,))


def test_several_columns_change_in_one_go_and_rows_count_once():
    with opened(CITIES) as data:
        seen = preview(data, [ValueMap("city", (("bonn", "Bonn"),)), ValueMap("n", (("2", "20"),))])
        assert (seen.cells_changed, seen.rows_changed) == (3, 2)


def test_a_preview_of_nothing_is_nothing():
    with opened(CITIES) as data:
        assert preview(data, [ValueMap("city", (("absent", "x"),))]) == preview(data, [])


HELPERS = ("_old", "_NEW", "_written_row", "_after", "_flagged_row", "_Before", "_exit__row", "was:_old", "disposition")


def test_columns_may_be_called_as_the_engine_calls_its_own():
    many = tuple((str(n), "x") for n in range(50))
    with opened({name: ["1", "a", None] for name in HELPERS}) as data:
        some = data.table.filter(data.table[ROW] == 1).select(ROW, after=ibis.literal("w"), into=ibis.null("int64"))
        for name in HELPERS:
            effects = [
                ValueMap(name, many),
                CellWrites(name, some.select(ROW, "after")),
                ColumnAdd("new", some.select(ROW), "true", "false"),
            ]
            assert values(apply(data, effects).table, name) == ["x", "w", None]
            assert preview(data, effects).cells_changed == 2
            left = records(apply(data, [*effects, RowExits(Disposition.DROPPED, some.select(ROW, "into"), "r")]).rows)
            assert [row[f"was:{name}"] for row in left] == ["a"]
