"""Whatever the issue, a pilot can keep it, flag it, put its rows into quarantine or drop them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.quality.contract import Contract
from tasks.quality.detect import assess
from tasks.quality.effects import apply, preview
from tasks.quality.errors import PilotMustDecide
from tasks.quality.model import ROW, ColumnAdd
from tasks.quality.registry import find_remedy
from tasks.quality.universal import free_name
from tests.quality.opened import again, opened, records, snapshot, values

GAPS = {"city": ["Bonn", None, "Köln", None], "n": ["1", "2", "3", "4"]}


@pytest.fixture
def gaps():
    with opened(GAPS) as data:
        issue = next(i for i in assess(data, snapshot(data)).issues if i.id == "missing-value-city")
        yield data, issue


def chosen(data, issue, name, **parameters):
    remedy = find_remedy(name)
    return remedy.effects(data, issue, remedy.parameters(**parameters))


def test_keeping_changes_nothing(gaps):
    data, issue = gaps
    assert chosen(data, issue, "keep") == ()
    assert issue.option("keep").preview == preview(data, ())


def test_a_flag_is_a_column_of_true_and_false(gaps):
    data, issue = gaps
    applied = apply(data, chosen(data, issue, "flag"))
    assert applied.columns_added == ("missing_value_city_flag",)
    assert values(applied.table, "missing_value_city_flag") == ["false", "true", "false", "true"]
    assert records(applied.cells) == []


def test_a_flag_can_be_named_and_never_takes_a_name_that_is_taken(gaps):
    data, issue = gaps
    for asked, given in (("odd", "odd"), ("CITY", "CITY_2"), ("_ROW", "_ROW_2")):
        (effect,) = chosen(data, issue, "flag", column=asked)
        assert isinstance(effect, ColumnAdd)
        assert effect.column == given


def test_flagging_twice_makes_two_columns(gaps):
    data, issue = gaps
    once = again(data, apply(data, chosen(data, issue, "flag")).table)
    assert apply(once, chosen(once, issue, "flag")).columns_added == ("missing_value_city_flag_2",)


def test_adding_a_column_that_is_there_is_refused(gaps):
    data, _ = gaps
    with pytest.raises(PilotMustDecide, match="there is a column 'City' already"):
        apply(data, [ColumnAdd("City", data.table.select(ROW), "true", "false")])


@pytest.mark.parametrize(("name", "disposition"), [("quarantine", "quarantined"), ("drop", "dropped")])
def test_suspect_rows_leave_with_their_values_and_the_reason(gaps, name, disposition):
    data, issue = gaps
    applied = apply(data, chosen(data, issue, name), decision=3)
    assert values(applied.table, ROW) == [0, 2]
    assert records(applied.rows) == [
        {
            ROW: row,
            "disposition": disposition,
            "into": None,
            "reason": issue.title,
            "was:city": None,
            "was:n": n,
            "decision": 3,
        }
        for row, n in ((1, "2"), (3, "4"))
    ]


def test_the_rows_are_those_that_are_suspect_now_not_those_that_were(gaps):
    data, issue = gaps
    filled = again(data, apply(data, chosen(data, issue, "constant", value="?")).table)
    assert records(apply(filled, chosen(filled, issue, "drop")).rows) == []


def test_previews_are_what_the_engine_counts(gaps):
    data, issue = gaps
    for name in ("flag", "quarantine", "drop", "keep"):
        seen = replace(issue.option(name).preview, clears={}, creates={}, unknown=())
        assert seen == preview(data, chosen(data, issue, name))


def test_free_names_do_not_tell_cases_apart():
    assert free_name("Flag", ["flag", "FLAG_2"]) == "Flag_3"


ODD = {"n": ["1", "x", "3", "x"], "city": ["Bonn", "Ulm", "Kiel", "Jena"]}


@pytest.mark.parametrize(
    ("name", "parameters", "after"),
    [("suspects_to_null", {}, ["1", None, "3", None]), ("suspects_to_value", {"value": "0"}, ["1", "0", "3", "0"])],
)
def test_suspect_cells_are_emptied_or_get_one_value_in_each_of_the_issues_columns(name, parameters, after):
    contract = Contract.model_validate({"columns": {"n": {"type": "integer"}}})
    with opened(ODD, contract) as data:
        issue = next(i for i in assess(data, snapshot(data)).issues if i.kind == "wrong_type")
        (effect,) = chosen(data, issue, name, **parameters)
        assert values(apply(data, [effect]).table, "n") == after
        both = replace(issue, columns=("city", "n"))
        table = apply(data, chosen(data, both, name, **parameters)).table
        assert (values(table, "n"), values(table, "city")) == (after, ODD["city"]), "only cells of the query"
