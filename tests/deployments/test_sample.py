"""The demo's data is made by the project itself, always the same, and holds every kind of mess."""

import csv
import importlib.util
from collections import Counter
from pathlib import Path

import pytest

from blocks.spec import load_pipeline
from tasks.quality.expressions import columns_of

PIPELINES = Path(__file__).parents[2] / "deployments" / "pipelines"
spec = importlib.util.spec_from_file_location("make_orders", PIPELINES / "make_orders.py")
make_orders = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_orders)


@pytest.fixture(scope="module")
def raw():
    return (PIPELINES / "data" / "orders.csv").read_bytes()


@pytest.fixture(scope="module")
def records(raw):
    return list(csv.reader(raw.decode().splitlines(keepends=True)))


@pytest.fixture(scope="module")
def rows(records):
    header, *lines = records
    return [dict(zip(header, line, strict=True)) for line in lines if len(line) == len(header)]


def holds(rows, column, test):
    return sum(bool(test(row[column])) for row in rows)


def test_the_file_is_made_again_byte_for_byte(raw):
    assert make_orders.make() == raw


def test_it_is_the_size_of_a_small_shop(records, rows):
    assert 2_900 < len(rows) < 3_200
    assert len(records[0]) == len(make_orders.COLUMNS)


def test_some_lines_are_no_rows(records):
    widths = Counter(len(record) for record in records)
    assert min(widths) < len(make_orders.COLUMNS) < max(widths)


@pytest.mark.parametrize(
    ("column", "test", "least"),
    [
        ("phone", lambda v: v == "", 10),
        ("email", lambda v: v.isspace(), 5),
        ("email", lambda v: v.lower() in ("none", "n/a", "null"), 10),
        ("weight_kg", lambda v: v in ("9999", "?"), 10),
        ("delivered_at", lambda v: v == "1900-01-01", 5),
        ("total", lambda v: v == "", 30),
        ("delivered_at", lambda v: v == "", 20),
        ("quantity", str.isalpha, 5),
        ("weight_kg", lambda v: v.endswith("g"), 40),
        ("unit_price", lambda v: "€" in v or "EUR" in v or "," in v, 40),
        ("ordered_at", lambda v: "/" in v, 20),
        ("ordered_at", lambda v: v.endswith("2026") and v[0].isalpha(), 5),
        ("promised_at", lambda v: v in ("2026-02-30", "2026-13-01", "2026-06-31"), 5),
        ("phone", lambda v: v.endswith("-555"), 5),
        ("customer", lambda v: v != v.strip() or "  " in v, 20),
        ("customer", lambda v: v.isupper(), 5),
        ("note", lambda v: "&" in v and ";" in v, 10),
        ("city", lambda v: "Ã" in v or "\ufffd" in v, 10),
        ("zip", lambda v: " " in v, 10),
        ("supplier", lambda v: v.endswith(".") or v.islower() or v.isupper(), 30),
        ("city", lambda v: v and v not in make_orders.CITIES.values(), 30),
        ("channel", lambda v: v not in make_orders.CHANNELS, 5),
        ("quantity", lambda v: v.startswith("-"), 10),
        ("quantity", lambda v: v.isdigit() and int(v) > 100, 4),
        ("weight_kg", lambda v: v in ("inf", "NaN"), 3),
        ("note", lambda v: "4111" in v or "IBAN" in v, 3),
        ("note", lambda v: "<script>" in v or v.startswith("=") or "DROP TABLE" in v or "\n" in v, 3),
    ],
)  # fmt: skip
def test_it_holds_a_mess(rows, column, test, least):
    assert holds(rows, column, test) >= least


def test_some_rows_are_there_twice(rows):
    assert sum(n - 1 for n in Counter(tuple(row.values()) for row in rows).values()) >= 25
    assert sum(n - 1 for n in Counter(row["order_id"] for row in rows).values()) >= 45


def test_some_orders_were_typed_in_twice_with_a_slip(rows):
    twice = Counter((row["customer_id"], row["ordered_at"], row["sku"], row["updated_at"]) for row in rows)
    again = [row for row in rows if row["order_id"].startswith("A-2")]
    assert len(again) == 20
    assert all(twice[row["customer_id"], row["ordered_at"], row["sku"], row["updated_at"]] > 1 for row in again)


def test_fields_contradict_each_other(rows):
    numeric = [
        row
        for row in rows
        if row["total"] and row["unit_price"].replace(".", "").isdigit() and row["quantity"].isdigit()
    ]
    wrong = [
        r
        for r in numeric
        if abs(float(r["unit_price"]) * int(r["quantity"]) - float(r["total"].replace(",", ""))) > 0.01
    ]
    assert 30 <= len(wrong) <= 60
    assert (
        sum(
            row["delivered_at"] < row["ordered_at"]
            for row in rows
            if row["delivered_at"] and row["ordered_at"][4] == "-"
        )
        >= 20
    )
    assert sum(make_orders.CITIES.get(row["zip"], row["city"]) != row["city"] for row in rows) >= 60
    assert len({row["weight_kg"] for row in rows if row["sku"] == "KET-01" and row["supplier"] != "Restposten Süd"}) > 1


def test_some_references_lead_nowhere(rows):
    known = {row["order_id"] for row in rows}
    assert sum(row["reorder_of"] not in known for row in rows if row["reorder_of"]) >= 10


def test_one_column_is_constant_and_one_is_empty(rows):
    assert {row["currency"] for row in rows} == {"EUR"}
    assert {row["fax"] for row in rows} == {""}


@pytest.mark.parametrize("name", ["orders", "orders-to-csv"])
def test_the_sample_pipelines_are_valid_and_find_their_data(name):
    pipeline = load_pipeline(PIPELINES / f"{name}.yaml")
    assert pipeline.name == name
    assert (pipeline.base() / pipeline.source.path).is_file()


def test_the_demo_speaks_of_columns_that_are_there():
    pipeline = load_pipeline(PIPELINES / "orders.yaml")
    assert len(pipeline.goals) == 2
    assert set(pipeline.contract.columns) <= set(make_orders.COLUMNS)
    for expression in (*(g.metric for g in pipeline.goals), *(r.expression for r in pipeline.contract.rules)):
        assert columns_of(expression, make_orders.COLUMNS)
