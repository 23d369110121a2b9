"""A contract says what it cannot mean at once, and a table is held to what it does mean."""

import datetime as dt
from contextlib import nullcontext

import ibis
import pandera.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tasks.quality.checks import ContractCheck, check_contract, declared_types, to_pandera
from tasks.quality.contract import ColumnContract, Contract, Rule
from tasks.quality.typed import date_formats, typed_view

ROWS = {
    "id": ["1", "2", "2", "", "5"],
    "price": ["9.5", "-1", "abc", None, " 3 "],
    "state": ["open", "shut", "ajar", "", "open"],
    "day": ["2026-01-01", "2026-02-30", "2027-01-01", None, "2026-12-31"],
    "mail": ["a@b.de", "nope", "c@d.de", " ", "e@f.de"],
}


@pytest.fixture
def db():
    return ibis.duckdb.connect()


@pytest.fixture
def orders(db):
    return snapshot(db, ROWS)


def snapshot(db, columns):
    rows = len(next(iter(columns.values())))
    schema = {"_row": "int64"} | dict.fromkeys(columns, "string")
    return db.create_table("snapshot", ibis.memtable({"_row": list(range(rows)), **columns}, schema=schema))


def only(checks, name):
    (found,) = [check for check in checks if check.name == name]
    return found


def column(**promised):
    return Contract.model_validate({"columns": promised})


@pytest.mark.parametrize(
    ("promise", "name", "rows", "checked"),
    [
        ({"id": {"required": True}}, "required", [3], 5),
        ({"id": {"unique": True}}, "unique", [1, 2], 4),
        ({"price": {"type": "number"}}, "type", [2], 4),
        ({"day": {"type": "date"}}, "type", [1], 4),
        ({"price": {"minimum": 0}}, "minimum", [1], 3),
        ({"day": {"maximum": "2026-12-31"}}, "maximum", [2], 3),
        ({"state": {"allowed": ["open", "shut"]}}, "allowed", [2], 4),
        ({"mail": {"pattern": r"[^@\s]+@[^@\s]+"}}, "pattern", [1], 4),
    ],
)
def test_each_promise_names_the_cells_that_break_it(orders, promise, name, rows, checked):
    check = only(check_contract(orders, column(**promise)), name)
    assert ([cell.row for cell in check.sample], check.failures, check.checked) == (rows, len(rows), checked)
    assert not check.passed


def test_a_pattern_holds_for_the_whole_value(db):
    table = snapshot(db, {"code": ["A1", "xA1", "A1x", "A1\n"]})
    assert only(check_contract(table, column(code={"pattern": "A1|B2"})), "pattern").failures == 3


def test_a_bound_that_is_a_day_means_the_whole_day(db):
    table = snapshot(db, {"at": ["2026-12-31T23:59:59", "2027-01-01T00:00:00"]})
    contract = column(at={"type": "timestamp", "maximum": dt.date(2026, 12, 31)})
    assert [cell.row for cell in only(check_contract(table, contract), "maximum").sample] == [1]


def test_dates_are_read_as_the_contract_says_they_are_written(db):
    table = snapshot(db, {"day": ["31/12/2026", "2026-12-31"]})
    contract = column(day={"type": "date", "format": "%d/%m/%Y"})
    assert [cell.row for cell in only(check_contract(table, contract), "type").sample] == [1]


def test_the_key_tells_rows_apart_and_is_never_missing(orders):
    checks = check_contract(orders, Contract(key=("id",)))
    assert only(checks, "key_present").failures == 1
    assert [cell.row for cell in only(checks, "key").sample] == [1, 2]


def test_a_rule_is_broken_where_it_is_false_and_says_nothing_where_it_is_unknown(orders):
    contract = Contract(rules=(Rule(name="cheap", expression="price < 5", message="nothing costs 5 or more"),))
    check = only(check_contract(orders, contract), "rule")
    assert (check.rule, check.title, check.failures, check.checked) == ("cheap", "nothing costs 5 or more", 1, 3)
    assert [cell.row for cell in check.sample] == [0]


@pytest.mark.parametrize(
    ("promised", "rows", "checked"),
    [
        ({"from": {"type": "date"}, "to": {"type": "date", "format": "%d/%m/%Y"}}, [1], 2),
        ({"from": {"type": "date"}, "to": {}}, [], 0),
    ],
)
def test_an_order_is_broken_where_the_first_is_after_the_last(db, promised, rows, checked):
    columns = {"from": ["2026-01-01", "2026-03-01", "soon"], "to": ["01/02/2026", "01/02/2026", "01/02/2026"]}
    contract = Contract.model_validate({"columns": promised, "orders": [["from", "to"]]})
    check = only(check_contract(snapshot(db, columns), contract), "order")
    assert ([cell.row for cell in check.sample], check.failures, check.checked) == (rows, len(rows), checked)
    assert len(db.raw_sql(check.sql).fetchall()) == len(rows)


def test_a_dependency_is_broken_where_most_rows_alike_have_another_value(db):
    zips = [*["1"] * 4, *["2"] * 2, *["3"] * 2, "4", None, None]
    towns = ["Ulm", "Ulm", "Bonn", "Ulm", "Kiel", "Bonn", "Bonn", "Bonn", "Kiel", "Ulm", "Bonn"]
    contract = Contract.model_validate({"dependencies": [{"column": "town", "of": "zip"}]})
    check = only(check_contract(snapshot(db, {"zip": zips, "town": towns}), contract), "dependency")
    assert check.title == "rows with the same zip have the same town"
    assert ([cell.row for cell in check.sample], check.failures, check.checked) == ([2, 4, 5], 3, 9)
    assert len(db.raw_sql(check.sql).fetchall()) == 3


def test_what_is_promised_about_the_table_is_read_from_yaml():
    import yaml

    text = """
    columns: {mail: {personal: true}, note: {personal: false}}
    orders: [[start date, end date]]
    freshness: {column: end date, days: 2}
    frozen: true
    """
    contract = Contract.model_validate(yaml.safe_load(text))
    assert (contract.column("mail").personal, contract.column("note").personal) == (True, False)
    assert contract.column("other").personal is None
    assert contract.orders == (("start date", "end date"),)
    assert (contract.freshness.days, contract.frozen) == (2, True)
    assert Contract.model_validate_json(contract.model_dump_json()) == contract


@pytest.mark.parametrize(
    ("promise", "said"),
    [
        ({"orders": [["a", "a"]]}, "before itself"),
        ({"orders": [["a"]]}, "orders"),
        ({"freshness": {"column": "a", "days": -1}}, "days"),
        ({"columns": {"a\udfff": {}}}, r"'a\\udfff' in columns holds half a character"),
    ],
)
def test_a_promise_about_the_table_that_makes_no_sense_is_refused(promise, said):
    with pytest.raises(ValidationError, match=said):
        Contract.model_validate(promise)


def test_the_query_of_a_check_gives_its_failures_again(db, orders):
    contract = Contract.model_validate(
        {"columns": {"price": {"type": "number", "minimum": 0}, "id": {"unique": True}}, "key": "id",
         "rules": [{"name": "r", "expression": "price < 5"}]}
    )  # fmt: skip
    for check in check_contract(orders, contract):
        assert len(db.raw_sql(check.sql).fetchall()) == check.failures


@pytest.mark.parametrize(
    "contract",
    [
        {"columns": {"prise": {"required": True}}},
        {"key": ["prise"]},
        {"rules": [{"name": "r", "expression": "prise > 0"}]},
        {"orders": [["prise", "id"]]},
        {"dependencies": [{"column": "id", "of": "prise"}]},
    ],
)
def test_a_column_that_is_not_there_fails_and_says_what_is(orders, contract):
    (check,) = check_contract(orders, Contract.model_validate(contract))
    assert not check.passed
    assert "available: id, price, state, day, mail" in check.problem
    assert "Did you mean 'price'?" in check.problem


def test_checks_come_in_the_order_of_the_contract(orders):
    contract = Contract.model_validate(
        {"columns": {"gone": {}, "price": {"type": "number", "minimum": 0}, "id": {"required": True}}, "key": ["id"]}
    )
    names = [check.name for check in check_contract(orders, contract)]
    assert names == ["present", "type", "minimum", "required", "key_present", "key"]


def test_checks_survive_json(orders):
    contract = Contract.model_validate({"columns": {"price": {"type": "number"}, "gone": {}}})
    checks = check_contract(orders, contract)
    adapter = TypeAdapter(tuple[ContractCheck, ...])
    assert adapter.validate_json(adapter.dump_json(checks)) == checks


def test_a_wide_contract_is_checked_whole(db):
    table = snapshot(db, {f"c{i}": ["1", ""] for i in range(200)})
    contract = Contract(columns={f"c{i}": ColumnContract(required=True) for i in range(200)})
    assert [check.failures for check in check_contract(table, contract)] == [1] * 200


def test_an_empty_contract_promises_nothing_and_an_empty_table_breaks_nothing(db, orders):
    assert check_contract(orders, Contract()) == ()
    empty = orders.filter(orders._row < 0)
    price = {"type": "number", "required": True, "unique": True}
    contract = Contract.model_validate({"columns": {"price": price}, "key": "id"})
    assert all(check.passed for check in check_contract(empty, contract))


@pytest.mark.parametrize(
    ("promise", "said"),
    [
        ({"minimum": 5, "maximum": 1}, "greater than maximum"),
        ({"minimum": 5, "maximum": "2026-01-01"}, "both be numbers or both be dates"),
        ({"type": "text", "minimum": 5}, "does not suit 'type: text'"),
        ({"type": "date", "minimum": 5}, "must be a date"),
        ({"allowed": []}, "allows nothing"),
        ({"allowed": [True]}, "in quotes: 'true'"),
        ({"allowed": [1.5]}, "in quotes"),
        ({"pattern": "(?=x)"}, "RE2"),
        ({"pattern": "("}, "RE2"),
        ({"format": "%d"}, "type: date"),
        ({"minimum": float("nan")}, "no bound"),
        ({"requird": True}, "Extra inputs"),
        ({"allowed": ["small", "gr\ud800ß"]}, r"'gr\\ud800ß' in allowed\[1\] holds half a character"),
    ],
)
def test_a_promise_that_makes_no_sense_is_refused(promise, said):
    with pytest.raises(ValidationError, match=said):
        ColumnContract.model_validate(promise)


def test_a_rule_must_be_an_expression_over_one_row():
    with pytest.raises(ValidationError, match="one row"):
        Rule(name="r", expression="sum(price) > 0")


def test_two_rules_cannot_share_a_name():
    rule = {"name": "r", "expression": "a > 0"}
    with pytest.raises(ValidationError, match="'r' is named twice"):
        Contract.model_validate({"rules": [rule, rule]})


@given(
    minimum=st.none() | st.integers(-9, 0) | st.dates(dt.date(2000, 1, 1), dt.date(2010, 1, 1)),
    allowed=st.none() | st.lists(st.text(), min_size=1).map(tuple),
    flags=st.booleans(),
)
def test_a_contract_survives_json(minimum, allowed, flags):
    column = ColumnContract(minimum=minimum, allowed=allowed, required=flags, unique=flags)
    contract = Contract(columns={"a": column}, key=("a",))
    assert Contract.model_validate_json(contract.model_dump_json()) == contract


CLEAN = {
    "id": ["1", "2", "3"], "price": ["1", "2.5", ""], "state": ["open", "shut", "open"],
    "day": ["2026-01-01", "2026-01-02", "2026-01-01"], "mail": ["a@b", "c@d", "e@f"],
}  # fmt: skip
CONTRACT = Contract.model_validate(
    {
        "columns": {
            "id": {"type": "integer", "required": True, "unique": True},
            "price": {"type": "number", "minimum": 0, "maximum": 100},
            "state": {"allowed": ["open", "shut"], "required": True},
            "day": {"type": "date", "minimum": "2026-01-01"},
            "mail": {"pattern": "[^@]+@[^@]+"},
        },
        "key": ["id"],
        "rules": [{"name": "cheap", "expression": "price < 5 or state = 'shut'"}],
        "orders": [["id", "price"]],
        "dependencies": [{"column": "day", "of": ["state"]}],
    }
)


def test_the_pandera_schema_passes_a_table_that_keeps_the_contract(db):
    table = snapshot(db, CLEAN)
    typed = typed_view(table, declared_types(CONTRACT))
    assert to_pandera(CONTRACT).validate(typed, lazy=True).count().to_pyarrow().as_py() == 3
    assert all(check.passed for check in check_contract(table, CONTRACT))


@pytest.mark.parametrize(
    ("column", "values", "check"),
    [
        ("id", ["1", "1", "3"], "unique"),
        ("id", ["1", "", "3"], "not_nullable"),
        ("price", ["-1", "2", "3"], "minimum"),
        ("price", ["1", "2", "300"], "maximum"),
        ("price", ["8", "2", "3"], "cheap"),
        ("price", ["1", "1.5", ""], "id is not after price"),
        ("state", ["ajar", "shut", "open"], "allowed"),
        ("day", ["2025-01-01", "2026-01-01", ""], "minimum"),
        ("mail", ["nope", "a@b", "c@d"], "pattern"),
        ("day", ["2026-01-01", "2026-01-02", "2026-01-03"], "rows with the same state have the same day"),
    ],
)
def test_the_pandera_schema_refuses_what_the_checks_refuse(db, column, values, check):
    table = snapshot(db, CLEAN | {column: values})
    typed = typed_view(table, declared_types(CONTRACT))
    with pytest.raises(pandera.errors.SchemaErrors) as refused:
        to_pandera(CONTRACT).validate(typed, lazy=True)
    assert check in str(refused.value)
    assert not all(found.passed for found in check_contract(table, CONTRACT))


@pytest.mark.parametrize(
    ("day", "refused"),
    [("13.02.2026", nullcontext()), ("13.02.2025", pytest.raises(pandera.errors.SchemaErrors, match="minimum"))],
)
def test_the_pandera_schema_takes_dates_in_the_format_that_the_contract_names(db, day, refused):
    promised = {"type": "date", "format": "%d.%m.%Y", "required": True, "minimum": "2026-01-01"}
    contract = Contract.model_validate({"columns": {"day": promised}})
    typed = typed_view(snapshot(db, {"day": [day]}), declared_types(contract), date_formats(contract))
    with refused:
        to_pandera(contract).validate(typed, lazy=True)


def test_a_rule_that_the_engine_cannot_compute_says_so_and_stops_no_other(db):
    table = snapshot(db, {"day": ["2026-01-01"], "price": ["1"]})
    rules = [
        {"name": "far", "expression": "day + INTERVAL 2000000000 YEAR > day"},
        {"name": "cheap", "expression": "price < 5"},
    ]
    far, cheap = check_contract(table, Contract.model_validate({"rules": rules}))
    assert (far.passed, cheap.passed, cheap.checked) == (False, True, 1)
    assert "could not be checked" in far.problem
