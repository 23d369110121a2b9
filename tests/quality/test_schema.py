"""What the table is made of is held against the contract and the last run; what is accepted is not asked again."""

from __future__ import annotations

import datetime as dt
import math
import random
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tasks.quality.contract import Contract
from tasks.quality.detect import _advised, _detected, assess, configure
from tasks.quality.effects import apply, preview
from tasks.quality.errors import PilotMustDecide
from tasks.quality.model import ROW, ColumnRename, Dimension, Severity
from tasks.quality.registry import find_kind, find_remedy
from tasks.quality.schema import accepted
from tasks.quality.score import score
from tests.quality.opened import again, opened, snapshot, values

TODAY = dt.date(2026, 1, 31)


@contextmanager
def following(before, columns, contract=None):
    """A table, and what the last run had."""
    with opened(columns, contract) as data, opened(before) as last:
        yield replace(data, before=replace(last.profile, snapshot="another"), today=TODAY)


def issues(data, kind, **chosen):
    return [_advised(data, issue, {}) for issue in _detected(find_kind(kind), data, configure(kind, chosen)[0])]


def remedied(data, issue, key):
    option = issue.option(key)
    chosen = find_remedy(option.remedy)
    return apply(data, chosen.effects(data, issue, chosen.parameters(**option.parameters)))


def count(data, issue):
    return data.table.get_backend().raw_sql(f"SELECT count(*) FROM ({issue.sql})").fetchone()[0]


def promised(*names, **more):
    return Contract.model_validate({"columns": {name: {} for name in names}, **more})


# --- schema drift -------------------------------------------------------------------------------------------------


def test_a_column_that_the_contract_has_and_the_table_has_not_is_an_issue_of_the_whole_table():
    with opened({"a": ["1", "2"]}, promised("a", "price")) as data:
        (issue,) = issues(data, "schema_drift")
        assert (issue.id, issue.about, issue.severity) == ("schema-drift-price", "price", Severity.HIGH)
        assert issue.count == count(data, issue) == 2
        assert {"rename-1"}.isdisjoint(option.key for option in issue.options)
        added = remedied(data, issue, "add")
        assert added.columns_added == ("price",)
        assert values(added.table, "price") == [None, None]
        after = again(data, added.table)
        assert count(after, issue) == 0
        assert issues(after, "schema_drift") == []


def test_an_issue_of_the_whole_table_counts_as_one_column_s_cells():
    columns = {name: ["1", "2"] for name in "abcd"}
    with opened(columns, promised(*"abcd", "price")) as data:
        found = score(data, issues(data, "schema_drift"))
        (consistency,) = [d for d in found.dimensions if d.dimension is Dimension.CONSISTENCY]
        assert (consistency.suspect_cells, consistency.suspect_rows, consistency.score) == (2, 0, 75.0)


def test_a_missing_column_is_an_issue_of_a_table_without_rows_too():
    with opened({"a": []}, promised("a", "b")) as data:
        (issue,) = issues(data, "schema_drift")
        assert (issue.count, issue.about) == (0, "b")


@pytest.mark.parametrize("name", ["Order ID", "ORDER_ID", "orderId"])
def test_a_name_that_differs_in_case_and_punctuation_only_is_recommended_to_be_changed(name):
    with opened({name: ["1", "2"], "x": ["3", "4"]}, promised("order_id")) as data:
        found = assess(data, snapshot(data))
        issue = found.issue("schema-drift-order-id")
        assert issue.recommended == "rename-1"
        option = issue.option("rename-1")
        assert option.preview.columns_renamed == ((name, "order_id"),)
        assert option.preview.clears == {issue.id: 2}
        renamed = remedied(data, issue, "rename-1")
        assert (renamed.columns_renamed, renamed.columns_dropped, renamed.columns_added) == (
            ((name, "order_id"),), (), (),
        )  # fmt: skip
        assert renamed.table.columns == (ROW, "order_id", "x")
        assert renamed.cells.count().to_pyarrow().as_py() == 0


def test_likely_names_are_offered_the_likest_first():
    with opened({"prise": ["1"], "pricee": ["2"], "weight": ["3"]}, promised("price")) as data:
        (issue,) = issues(data, "schema_drift")
        assert issue.recommended == "keep"
        names = [o.parameters["column"] for o in issue.options if o.remedy == "rename_column"]
        assert names == ["pricee", "prise"]


def test_two_names_that_could_be_meant_are_a_question():
    with opened({"Order ID": ["1"], "order-id": ["2"]}, promised("order_id")) as data:
        (issue,) = issues(data, "schema_drift")
        assert issue.recommended == "keep"


def test_a_column_that_holds_what_a_missing_one_held_may_be_it():
    before = {"state": ["open", "shut", "lost", "sold"] * 9}
    with following(before, {"zustand": ["sold", "open", "lost", "shut"] * 9, "n": ["1", "2", "3", "4"] * 9}) as data:
        gone = next(i for i in issues(data, "schema_drift") if i.about == "state")
        (option,) = [o for o in gone.options if o.remedy == "rename_column"]
        assert option.parameters == {"column": "zustand", "to": "state"}
        assert not option.safe


def test_a_new_column_is_information_unless_the_contract_is_frozen():
    columns = {"a": ["1", "2"], "b": ["3", None]}
    with opened(columns, promised("a")) as data:
        assert issues(data, "schema_drift") == []
    with following({"a": ["1", "2"]}, columns) as data:
        (issue,) = issues(data, "schema_drift")
        assert (issue.severity, issue.columns, issue.recommended) == (Severity.INFO, ("b",), "keep")
        assert issues(data, "schema_drift", additional=False) == []
    with opened(columns, promised("a", frozen=True)) as data:
        (issue,) = issues(data, "schema_drift")
        assert (issue.severity, issue.count) == (Severity.HIGH, 2)
        assert remedied(data, issue, "drop-column").table.columns == (ROW, "a")


def test_freezing_leaves_out_and_adds_until_there_are_the_promised_columns():
    with opened({"a": ["1"], "b": ["2"]}, promised("a", "c", frozen=True)) as data:
        gone, new = issues(data, "schema_drift")
        for issue in (gone, new):
            frozen = remedied(data, issue, "freeze")
            assert set(frozen.table.columns) == {ROW, "a", "c"}
            assert issues(again(data, frozen.table), "schema_drift") == []


def test_a_column_of_another_type_than_before_is_an_issue_and_a_stray_value_is_not():
    before = {"n": [str(n) for n in range(30)], "day": ["2024-01-02"] * 30, "ok": ["yes", "no"] * 15}
    stray = [*(str(n) for n in range(29)), "x"]
    with following(before, {"n": stray, "day": ["02.01.2024"] * 30, "ok": ["1", "2"] * 15}) as data:
        found = {i.columns: i for i in issues(data, "schema_drift")}
        assert set(found) == {("day",), ("ok",)}
        assert found[("day",)].count == count(data, found[("day",)]) == 30


def test_what_is_accepted_is_not_asked_again():
    before = {"a": ["1"] * 30, "left": ["2"] * 30, "n": [str(n) for n in range(30)]}
    with following(before, {"a": ["1"] * 99, "extra": ["x"] * 99, "n": [f"n{n}" for n in range(99)]}) as data:
        found = [*issues(data, "schema_drift"), *issues(data, "shift")]
        assert {i.about or i.columns for i in found} == {"left", ("extra",), ("n",), "number of rows"}
        for issue in found:
            option = issue.option("accept")
            chosen = find_remedy(option.remedy)
            assert preview(data, chosen.effects(data, issue, chosen.parameters())).cells_changed == 0
        now = replace(data, before=accepted(data.before, data.profile, [i.facts for i in found]))
        assert [*issues(now, "schema_drift"), *issues(now, "shift")] == []
        one = replace(data, before=accepted(data.before, data.profile, [found[0].facts]))
        assert len([*issues(one, "schema_drift"), *issues(one, "shift")]) == len(found) - 1


def test_the_contract_is_not_accepted_away():
    with opened({"a": ["1"]}, promised("price", "a")) as data:
        (issue,) = issues(data, "schema_drift")
        assert "accept" not in [option.key for option in issue.options]


def test_names_that_need_quoting_are_looked_for_as_they_are():
    with opened({"a": ["1"]}, promised('it\'s "here"', "a")) as data:
        (issue,) = issues(data, "schema_drift")
        assert count(data, issue) == 1
        assert count(again(data, remedied(data, issue, "add").table), issue) == 0


# --- renaming, as an effect -----------------------------------------------------------------------------------------


def test_a_column_can_take_a_name_that_differs_in_case_but_no_other_column_s():
    with opened({"Price": ["1"], "qty": ["2"]}) as data:
        assert apply(data, [ColumnRename("Price", "price")]).table.columns == (ROW, "price", "qty")
        with pytest.raises(PilotMustDecide, match="there is a column 'QTY' already"):
            apply(data, [ColumnRename("Price", "QTY")])
        with pytest.raises(PilotMustDecide, match=r"no column 'prise'.*mean 'Price'"):
            apply(data, [ColumnRename("prise", "p")])


# --- volume and distribution ------------------------------------------------------------------------------------------


def test_far_fewer_or_more_rows_are_an_issue_of_the_whole_table():
    columns = {"a": ["1"] * 40}
    for before in (10, 100):
        with following({"a": ["1"] * before}, columns) as data:
            (issue,) = issues(data, "shift")
            assert (issue.about, issue.severity, issue.count) == ("number of rows", Severity.MEDIUM, 40)
            assert count(data, issue) == 40
    for before in (30, 79):
        with following({"a": ["1"] * before}, columns) as data:
            assert issues(data, "shift") == []
            assert issues(data, "shift", rows=0.1) != []


def test_a_table_that_has_lost_all_its_rows_is_an_issue():
    with following({"a": ["1"] * 30}, {"a": []}) as data:
        (issue,) = issues(data, "shift")
        assert (issue.about, issue.count) == ("number of rows", 0)


def test_more_gaps_than_before_are_the_suspects():
    before = {"a": [*["x"] * 97, None, None, ""]}
    with following(before, {"a": [*["x"] * 70, *[None] * 30]}) as data:
        (issue,) = issues(data, "shift")
        assert (issue.count, issue.severity) == (30, Severity.LOW)
        assert count(data, issue) == 30
    with following(before, {"a": [*["x"] * 3, None]}) as data:
        assert [i for i in issues(data, "shift") if not i.about] == [], "four rows tell nothing"


def test_values_with_a_greater_share_than_before_are_the_suspects():
    before = {"size": ["small"] * 300 + ["large"] * 300 + ["huge"] * 60}
    with following(before, {"size": ["small"] * 60 + ["large"] * 300 + ["tiny"] * 300}) as data:
        (issue,) = issues(data, "shift")
        assert issue.severity is Severity.INFO
        assert issue.count == count(data, issue) == 300
        assert issue.facts["measure"] == "PSI"
    with following(before, {"size": ["small"] * 320 + ["large"] * 280 + ["huge"] * 60}) as data:
        assert issues(data, "shift") == []


def test_numbers_that_have_moved_are_the_suspects():
    before = {"load": [f"{n % 97}.5" for n in range(500)]}
    with following(before, {"load": [f"{n % 97 + (60 if n % 2 else 0)}.5" for n in range(500)]}) as data:
        (issue,) = issues(data, "shift")
        assert issue.facts["measure"] == "KS"
        assert 0 < issue.count == count(data, issue) < 500
        lowest = min(float(c.value) for c in issue.sample)
        assert lowest > 50
    with following(before, {"load": [f"{(n * 7) % 97}.5" for n in range(480)]}) as data:
        assert issues(data, "shift") == []


def test_ids_and_dates_move_by_nature():
    before = {"id": [str(n) for n in range(300)], "day": [f"2024-01-{n % 28 + 1:02}" for n in range(300)]}
    now = {"id": [str(n + 300) for n in range(300)], "day": [f"2024-02-{n % 28 + 1:02}" for n in range(300)]}
    with following(before, now) as data:
        assert issues(data, "shift") == []


@pytest.mark.parametrize("seed", range(15))  # chance itself is tested: it must be the same every time
def test_two_samples_of_the_same_are_no_shift(seed):
    rng = random.Random(seed)
    words = [f"w{n}" for n in range(rng.randint(2, 12))]
    sizes = (rng.randint(30, 200), rng.randint(30, 200))
    drawn = [{"w": rng.choices(words, k=k), "n": [f"{rng.gauss(0, 1):.3f}" for _ in range(k)]} for k in sizes]
    with following(*drawn) as data:
        assert [i.title for i in issues(data, "shift", rows=math.inf)] == []


# --- staleness ------------------------------------------------------------------------------------------------------

DAYS = ["2025-12-01", "2026-01-02", "2026-01-02", None, "soon"]


def fresh(days, **column):
    return Contract.model_validate({"columns": {"day": column}, "freshness": {"column": "day", "days": days}})


def test_the_newest_day_is_held_against_the_contract():
    for days, stale in ((28, True), (29, False)):
        with opened({"day": DAYS}, fresh(days)) as data:
            found = issues(replace(data, today=TODAY), "stale")
            assert bool(found) is stale
    with opened({"day": DAYS}, fresh(28)) as data:
        (issue,) = issues(replace(data, today=TODAY), "stale")
        assert (issue.count, issue.severity) == (2, Severity.HIGH)
        assert [cell.row for cell in issue.sample] == [1, 2], "the newest ones are the evidence"


def test_days_to_come_do_not_make_data_fresh():
    with opened({"day": [*DAYS, "3020-01-01"]}, fresh(10)) as data:
        (issue,) = issues(replace(data, today=TODAY), "stale")
        assert issue.facts["days"] == 29


def test_the_contract_s_format_is_read():
    with opened({"day": ["31.12.2025", "01.02.2025"]}, fresh(10, type="date", format="%d.%m.%Y")) as data:
        (issue,) = issues(replace(data, today=TODAY), "stale")
        assert [cell.value for cell in issue.sample] == ["31.12.2025"]


def test_nobody_is_asked_about_age_without_a_day():
    with opened({"day": DAYS}, fresh(0)) as data:
        assert issues(data, "stale") == []
