"""Expressions: what can be written means what SQL means by it; what can't is refused with a way out."""

import math
import random

import ibis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.quality.errors import SpecError
from tasks.quality.expressions import (
    check_metric,
    check_predicate,
    columns_of,
    matching,
    metric,
    predicate,
    value_of,
)
from tasks.quality.translate import AGGREGATES, SCALARS
from tasks.quality.typed import typed_view

COLUMNS = {
    "price": ["1.5", "x", "3", "0.1"],
    "qty": ["1", "2", "", "3"],
    "d": ["2026-01-31", "2026-02-28", "2026-01-01", None],
    "e": ["2026-02-01", "2026-02-30", "2026-01-09", "2026-01-01"],
    "ok": ["yes", "no", "no", ""],
    "Order By": ["a", "b", "A", "a"],
}
TYPES = {"qty": "integer", "d": "date", "ok": "boolean"}
YES, NO, UNKNOWN = True, False, None


def table_of(columns, db=None):
    rows = len(next(iter(columns.values())))
    schema = {"_row": "int64"} | dict.fromkeys(columns, "string")
    rowed = ibis.memtable({"_row": list(range(rows)), **columns}, schema=schema)
    return (db or ibis.duckdb.connect()).create_table("snapshot", rowed)


@pytest.fixture(scope="module")
def table():
    return table_of(COLUMNS)


def truth(table, text, types=TYPES):
    return table.select(v=predicate(table, text, types)).to_pyarrow()["v"].to_pylist()


def figure(table, text, types=TYPES):
    found = metric(table, text, types)
    return found.table.agg(v=found.value).to_pyarrow()["v"][0].as_py()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("qty * price = 3", [NO, UNKNOWN, UNKNOWN, NO]),
        ("price > 1", [YES, UNKNOWN, YES, NO]),
        ("PRICE > 1", [YES, UNKNOWN, YES, NO]),
        ("d BETWEEN '2026-01-01' AND DATE '2026-02-01'", [YES, NO, YES, UNKNOWN]),
        ("\"Order By\" IN ('a', 'b')", [YES, YES, NO, YES]),
        ("\"order by\" NOT LIKE 'a%'", [NO, YES, YES, NO]),
        ("\"order by\" ILIKE 'A'", [YES, NO, YES, YES]),
        ("d IS NULL", [NO, NO, NO, YES]),
        ("d IS NOT NULL AND NOT ok", [NO, YES, YES, NO]),
        ("ok OR qty > 2", [YES, NO, UNKNOWN, YES]),
        ("ok = 'yes'", [YES, NO, NO, UNKNOWN]),
        ("ok IS TRUE", [YES, NO, NO, NO]),
        ("d + INTERVAL 1 DAY = e", [YES, UNKNOWN, NO, UNKNOWN]),
        ("e - d <= 1", [YES, UNKNOWN, NO, UNKNOWN]),
        ("date_diff('day', d, e) = 8", [NO, UNKNOWN, YES, UNKNOWN]),
        ("year(d) = 2026 AND quarter(d) = 1 AND month(d) = 1", [YES, NO, YES, UNKNOWN]),
        ("date_trunc('month', d) = DATE '2026-01-01'", [YES, NO, YES, UNKNOWN]),
        ("coalesce(price, '0') = 'x'", [NO, YES, NO, NO]),
        ("coalesce(qty, 0) = 0", [NO, NO, YES, NO]),
        ("nullif(qty, 1) IS NULL", [YES, NO, YES, NO]),
        ("greatest(qty, 2) = 2", [YES, YES, YES, NO]),
        ("power(qty, 2) >= 4", [NO, YES, UNKNOWN, YES]),
        ("round(price, 0) = 2", [YES, UNKNOWN, NO, NO]),
        ("regexp_matches(price, '^[0-9]')", [YES, NO, YES, YES]),
        ("CASE WHEN qty > 1 THEN 'many' ELSE 'one' END = 'many'", [NO, YES, NO, YES]),
        ("CASE qty WHEN 1 THEN 'one' END = 'one'", [YES, UNKNOWN, UNKNOWN, UNKNOWN]),
        ("if(ok, 1, 0) = 1", [YES, NO, NO, NO]),
        ("CAST(price AS DOUBLE) > 2", [NO, UNKNOWN, YES, NO]),
        ("qty % 2 = 1 OR qty // 2 = 1", [YES, YES, UNKNOWN, YES]),
        ("upper(trim(\"Order By\")) || left(price, 1) = 'A1'", [YES, NO, NO, NO]),
        ("qty NOT IN (1, 2)", [NO, NO, UNKNOWN, YES]),
        ("1 / (qty - 1) > 0", [UNKNOWN, YES, UNKNOWN, YES]),
        ('length("Order By") = 1', [YES, YES, YES, YES]),
    ],
)
def test_a_predicate_is_true_false_or_unknown_as_in_sql(table, text, expected):
    assert truth(table, text) == expected


def test_rows_match_where_a_predicate_is_true(table):
    found = matching(table, predicate(table, "price > 1", TYPES))
    assert sorted(found.to_pyarrow()["_row"].to_pylist()) == [0, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("count(*)", 4),
        ("count(d)", 3),
        ('count(DISTINCT "Order By")', 3),
        ("sum(price * qty)", 1.8),
        ("sum(price) FILTER (WHERE qty >= 2)", 0.1),
        ("count(*) FILTER (WHERE ok) / count(*)", 0.25),
        ("avg(price)", 4.6 / 3),
        ("median(price)", 1.5),
        ("max(qty) - min(qty)", 2),
        ("avg(d <= e)", 1),
        ("100.0 * count_if(e - d <= 3) / count(d)", 100 / 3),
        ("sum(CASE WHEN qty > 1 THEN price ELSE 0 END)", 0.1),
        ("sum(price) / 0", None),
        ("sum(price) / (count(*) - 4)", None),
        ("sum(qty) FILTER (WHERE qty > 100)", None),
        ("round(sum(price), 1)", 4.6),
    ],
)
def test_a_metric_is_one_figure_over_all_rows(table, text, expected):
    found = figure(table, text)
    assert found == expected or math.isclose(found, expected, rel_tol=1e-12)


@pytest.mark.parametrize(
    ("text", "unused"),
    [
        ("sum(price)", [1]),
        ("sum(price * qty)", [1, 2]),
        ("count(d)", []),
        ("count(*) FILTER (WHERE ok)", [3]),
        ("avg(price) FILTER (WHERE qty > 1)", [1, 2]),
        ("sum(coalesce(qty, 0))", []),
    ],
)
def test_a_metric_says_which_rows_it_could_not_use(table, text, unused):
    used = metric(table, text, TYPES).used
    assert sorted(matching(table, ~used).to_pyarrow()["_row"].to_pylist()) == unused


def test_a_metric_says_how_it_read_its_columns(table):
    assert metric(table, "sum(price) FILTER (WHERE \"order by\" = 'a' AND d < e)", TYPES).columns == {
        "price": "number",
        "Order By": "text",
        "d": "date",
        "e": "timestamp",
    }


@pytest.mark.parametrize(
    ("text", "adds_up"),
    [
        ("sum(a)", True),
        ("count(*)", True),
        ("(sum(a) - count(b)) / 100", True),
        ("-2 * sum(a)", True),
        ("avg(a)", False),
        ("count(DISTINCT a)", False),
        ("sum(a) / count(*)", False),
        ("max(a)", False),
        ("sum(a) FILTER (WHERE b > 1)", True),
    ],
)
def test_shares_are_given_only_where_parts_add_up(text, adds_up):
    assert metric(table_of({"a": ["1"], "b": ["2"]}), text, {}).sums is adds_up


def cents(number):
    return f"{number // 100}.{number % 100:02}"


@pytest.fixture(scope="module", params=[10**5, 10**7, 10**9, 10**11])
def split(request):
    """Amounts of up to a billion that are the sum of two others, to the cent."""
    chance = random.Random(request.param)
    parts = [(chance.randint(1, request.param), chance.randint(1, request.param)) for _ in range(500)]
    texts = {
        "a": [cents(b + c) for b, c in parts],
        "b": [cents(b) for b, _ in parts],
        "c": [cents(c) for _, c in parts],
    }
    return table_of(texts)


@pytest.mark.parametrize(
    "text",
    [
        "sum(a) - sum(b) - sum(c)",
        "sum(a) - (sum(b) + sum(c))",
        "sum(a - b - c)",
        "sum(a - b) - sum(c)",
        "avg(a) - avg(b) - avg(c)",
        "sum(3 * a) - sum(b * 3) - 3 * sum(c)",
        "count_if(a <> b + c)",
    ],
)
def test_a_difference_of_what_is_alike_to_the_cent_is_none(split, text):
    numbers = dict.fromkeys("abc", "number")
    assert figure(split, text, numbers) == 0
    assert figure(split, "sum(a) - sum(b) - sum(c) + 0.01", numbers) == 0.01


@pytest.mark.parametrize(
    "text", ["count_if(t <> p * q)", "sum(p * q) - sum(t)", "sum(t - q * p)", "avg(q * p) - avg(t)"]
)
@pytest.mark.parametrize("top", [10**4, 10**6, 10**8])
def test_a_product_is_what_it_is_to_the_cent(top, text):
    chance = random.Random(top)
    factors = [(chance.randint(1, top), chance.randint(1, 5000)) for _ in range(300)]
    texts = {"p": [cents(p) for p, _ in factors], "q": [str(q) for _, q in factors]}
    table = table_of(texts | {"t": [cents(p * q) for p, q in factors]})
    assert figure(table, text, dict.fromkeys("pqt", "number")) == 0


def test_a_long_chain_stays_a_short_query(table):
    found = metric(table, f"sum({' * '.join(['price'] * 9)} + {' - '.join(['qty'] * 40)})", TYPES)
    assert len(ibis.to_sql(found.table.agg(v=found.value))) < 100_000


@pytest.mark.parametrize("top", [10**5, 10**7, 10**9])
def test_what_is_booked_and_booked_back_comes_to_nothing(top):
    booked = [random.Random(top).randint(1, top) for _ in range(500)]
    table = table_of({"v": [*map(cents, booked), f"-{cents(sum(booked))}"]})
    assert figure(table, "sum(v)", {"v": "number"}) == 0


@pytest.mark.parametrize("value", ["1.6e-19", "4.7e-12", "0.000123456789012345", "12.5", "999.999999999999"])
def test_numbers_of_every_size_add_up(value):
    table = table_of({"v": [value] * 1000})
    assert math.isclose(figure(table, "sum(v)", {"v": "number"}), 1000 * float(value), rel_tol=1e-14)
    assert math.isclose(figure(table, "avg(v)", {"v": "number"}), float(value), rel_tol=1e-14)


def test_a_sum_is_the_same_in_every_order_of_the_rows():
    chance = random.Random(1)
    values = [f"{chance.uniform(-1, 1) * 10 ** chance.randint(-14, 9):.6g}" for _ in range(5000)]
    sums = {figure(table_of({"v": chance.sample(values, len(values))}), "sum(v)", {"v": "number"}) for _ in range(5)}
    assert len(sums) == 1


def test_a_number_beyond_all_bounds_stops_no_sum():
    table = table_of({"v": ["1e99", "1"], "w": ["5", "2"]})
    assert figure(table, "sum(power(v, 9) + w)", {"v": "number", "w": "number"}) == 3
    assert figure(table, "sum(w) - sum(v * v * v * v)", {"v": "number", "w": "number"}) == -math.inf


def test_days_between_dates_can_be_added_to(table):
    assert figure(table, "sum(e - d + 1 - qty)") == 2 - 1


REFUSED = [
    "DROP TABLE snapshot",
    "DELETE FROM snapshot",
    "UPDATE snapshot SET a = 1",
    "INSERT INTO t VALUES (1)",
    "ATTACH 'x.db'",
    "COPY snapshot TO 'x.csv'",
    "PRAGMA database_list",
    "SET threads = 1",
    "INSTALL httpfs",
    "SELECT 1",
    "(SELECT 1) = 1",
    "price IN (SELECT price FROM snapshot)",
    "EXISTS (SELECT 1)",
    "read_csv('/etc/passwd') = 1",
    "read_text('x') = 'y'",
    "getenv('HOME') = 'x'",
    "snapshot.price > 1",
    "main.snapshot.price > 1",
    "price > 1; DROP TABLE snapshot",
    "price > 1 x",
    "current_date > d",
    "now() > d",
    "random() > 0.5",
    "row_number() OVER () > 1",
    "sum(price) OVER () > 1",
    "sum(price) > 1",
    "*",
    "price[1] = 1",
    "{'a': 1} = 1",
    "[1, 2] = 1",
    "$1 = 2",
    "? = 2",
    "x -> x",
    "price COLLATE nocase = 'x'",
    "'abc'",
    "",
    "price >",
    "'x",
    "(price",
    "price LIKE qty",
    "qty LIKE 'x' ESCAPE 'y'",
    "CAST(price AS JSON) = 1",
    "d + 1 > 2",
    "price = ",
    "d > 'tomorrow'",
    "ok = 'maybe'",
    "regexp_matches(price, '(?=x)')",
    "(" * 900 + "1" + ")" * 900,
    "price > 1" + " " * 5000,
    "abs() > 1",
    "SHOW TABLES",
    "CALL x()",
    "price IS price",
    "EXPLAIN SELECT 1",
]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40] or "empty")
def test_what_is_not_an_expression_over_one_row_is_refused(table, text):
    with pytest.raises(SpecError):
        predicate(table, text, TYPES)


@pytest.mark.parametrize(
    "text",
    [
        "price",
        "sum(price) + qty",
        "sum(sum(price))",
        "sum(price) OVER ()",
        "count(*) FILTER (WHERE sum(price) > 1)",
        "sum(DISTINCT price)",
        "sum(*)",
        "count(DISTINCT price, qty)",
        "count()",
        "sum()",
        "SELECT sum(price) FROM snapshot",
        "string_agg(price)",
        "1 + 1",
        "min(d)",
        "sum(price) FILTER (WHERE true) OVER ()",
    ],
)
def test_what_is_not_one_figure_is_refused(table, text):
    with pytest.raises(SpecError):
        metric(table, text, TYPES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "prise > 1",
            "no column 'prise' in expression 'prise > 1'; available: price, qty, d, e, ok, Order By; Did you mean",
        ),
        ("roundd(price) > 1", "Did you mean 'round'?"),
        ("price > ", "not a SQL expression at character"),
        ("t.price > 1", "name the column alone: price"),
        ("sum(price) > 1", "this looks at one row"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_there_is(table, text, said):
    with pytest.raises(SpecError) as refused:
        predicate(table, text, TYPES)
    assert said in str(refused.value)


def test_a_column_in_two_cases_must_be_named_exactly():
    table = table_of({"Price": ["1"], "qty": ["2"]})
    assert columns_of("price + QTY > 0", table.columns) == ("Price", "qty")
    assert columns_of("b + a", ["a", "A", "b"]) == ("b", "a")
    with pytest.raises(SpecError, match="no column 'aB'"):
        columns_of("aB", ["ab", "AB"])


def test_hostile_column_names_are_only_names():
    name = '"; DROP TABLE snapshot; --'
    table = table_of({name: ["1", "2"]})
    quoted = '"' + name.replace('"', '""') + '"'
    assert truth(table, f"{quoted} > 1", {}) == [NO, YES]
    assert figure(table, f"sum({quoted})", {}) == 3


def test_row_is_no_column_of_the_data(table):
    with pytest.raises(SpecError, match="no column '_row'"):
        predicate(table, "_row > 1", {})


def test_the_query_of_a_metric_gives_it_again():
    db = ibis.duckdb.connect()
    table = table_of(COLUMNS, db)
    found = metric(table, "sum(price * qty)", TYPES)
    query = found.table.agg(v=found.value)
    assert db.raw_sql(ibis.to_sql(query)).fetchone() == (1.8,)


def test_a_value_per_row_can_be_derived(table):
    derived = table.select(v=value_of(table, "round(price * 2, 1)", TYPES))
    assert derived.to_pyarrow()["v"].to_pylist() == [3.0, None, 6.0, 0.2]


def test_an_expression_works_on_typed_columns_too(table):
    typed = typed_view(table, TYPES | {"price": "number"})
    assert typed.select(v=predicate(typed, "qty * price = 3", {})).to_pyarrow()["v"].to_pylist() == [NO, None, None, NO]


def test_comments_are_read_over():
    assert check_predicate("price > 1 -- cheap\n AND /* not */ qty > 1")


@pytest.mark.parametrize("name", SCALARS)
def test_every_function_that_is_offered_is_understood(table, name):
    arguments = {
        "contains": "price, '1'",
        "ends_with": "price, '1'",
        "starts_with": "price, '1'",
        "regexp_matches": "price, '1'",
        "replace": "price, '1', '2'",
        "substring": "price, 1, 2",
        "left": "price, 1",
        "right": "price, 1",
        "concat": "price, qty",
        "coalesce": "price, qty",
        "greatest": "qty, price",
        "least": "qty, price",
        "nullif": "qty, 1",
        "mod": "qty, 2",
        "power": "qty, 2",
        "if": "ok, 1, 2",
        "date_diff": "'day', d, e",
        "date_trunc": "'month', d",
    }.get(name, "d" if name in ("day", "hour", "month", "quarter", "week", "year") else "price")
    assert table.select(v=value_of(table, f"{name}({arguments})", TYPES)).to_pyarrow().num_rows == 4


@pytest.mark.parametrize("name", AGGREGATES)
def test_every_aggregate_that_is_offered_is_understood(table, name):
    assert figure(table, f"{name}({'ok' if name == 'count_if' else 'price'})") is not None
    assert check_metric(f"{name}(a) FILTER (WHERE b)")


@given(st.lists(st.integers(-(10**12), 10**12).map(lambda cents: cents / 100), min_size=1, max_size=40), st.randoms())
def test_a_sum_is_the_same_in_any_order(values, random):
    shuffled = sorted(values, key=lambda _: random.random())
    one, other = (figure(table_of({"a": [repr(v) for v in some]}), "sum(a)", {}) for some in (values, shuffled))
    assert one == other
    assert math.isclose(one, math.fsum(values), rel_tol=1e-12, abs_tol=1e-6)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_never_crashes(text):
    table = table_of({"a": ["1"]})
    try:
        found = predicate(table, text, {})
    except SpecError:
        return
    table.select(v=found).to_pyarrow()


def test_large_whole_numbers_do_not_overflow():
    table = table_of({"a": ["9223372036854775807"] * 2})
    assert truth(table, "a * a > a + a", {"a": "integer"}) == [YES, YES]
    assert figure(table, "sum(a)", {"a": "integer"}) == 2.0 * 9223372036854775807
