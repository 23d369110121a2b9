"""Goals: value against target, by period and by segment, with the rows that could not be used; before and after."""

import datetime as dt
import math
from dataclasses import replace

import ibis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tasks.insights.compare import Comparison, compare, reading
from tasks.insights.evaluate import MOST_PARTS, MOST_PERIODS, Figure, Insight, evaluate
from tasks.insights.goals import Goal, Target

DIRTY = {
    "price": ["10", "x", "30", "5", "7", None],
    "city": ["Berlin", "Bonn", "Berlin", None, "Bonn", "Ulm"],
    "day": ["2026-01-31", "2026-02-28", "2026-01-01", "2027-04-01", "soon", None],
}
CLEAN = DIRTY | {"price": ["10", "20", "30", "5", "7", "8"]}


@pytest.fixture
def db():
    return ibis.duckdb.connect()


def table_of(db, columns, name="snapshot"):
    rows = len(next(iter(columns.values())))
    schema = {"_row": "int64"} | dict.fromkeys(columns, "string")
    return db.create_table(name, ibis.memtable({"_row": list(range(rows)), **columns}, schema=schema))


def goal(**given):
    return Goal.model_validate({"name": "Revenue", "metric": "sum(price)"} | given)


def insight(table, types=None, **given):
    (found,) = evaluate([goal(**given)], table, types or {}, "sha256:1")
    return found


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (">= 52", "met"),
        (">= 52.01", "missed"),
        ("<= 52", "met"),
        ("< 52", "missed"),
        ("> 51", "met"),
        ("= 52", "met"),
        ("between 50 and 60", "met"),
        ("between 60 and 70", "missed"),
        ({"at_least": 52}, "met"),
        ({"equals": 51}, "missed"),
        ({"between": [0, 51.9]}, "missed"),
        (">= 1_000", "missed"),
        (None, "no target"),
    ],
)
def test_a_figure_meets_or_misses_its_target(db, target, status):
    found = insight(table_of(db, DIRTY), target=target)
    assert (found.figure.value, found.status) == (52, status)


def test_a_percentage_is_a_share(db):
    assert insight(table_of(db, DIRTY), metric="avg(price > 5)", target=">= 75 %").status == "met"


def test_a_figure_without_rows_is_undefined(db):
    found = insight(table_of(db, DIRTY).filter(ibis._._row > 99), target=">= 1")
    assert (found.figure.value, found.status, found.rows_used, found.rows_unused) == (None, "undefined", 0, 0)
    assert reading(found) == "Revenue is undefined: there are no rows."


def test_rows_that_could_not_be_used_are_counted_by_reason(db):
    found = insight(table_of(db, DIRTY))
    assert (found.rows_used, found.rows_unused) == (4, 2)
    reasons = [(unused.reason, unused.rows, unused.sample) for unused in found.unused]
    assert reasons == [("price is missing", 1, (5,)), ("price cannot be read as a number", 1, (1,))]


def test_every_figure_carries_its_snapshot_and_a_query_that_gives_it_again(db):
    found = insight(table_of(db, DIRTY), grain={"column": "day"}, segments=["city"])
    assert found.figure.snapshot == found.trend.snapshot == found.segments[0].snapshot == "sha256:1"
    assert db.raw_sql(found.figure.sql).fetchone() == (52.0,)
    assert len(db.raw_sql(found.trend.sql).fetchall()) == len(found.trend.periods) + 1
    assert len(db.raw_sql(found.segments[0].sql).fetchall()) == len(found.segments[0].parts)
    for unused in found.unused:
        assert len(db.raw_sql(unused.sql).fetchall()) == unused.rows


@pytest.mark.parametrize(
    ("unit", "labels"),
    [
        ("day", ["2026-01-01", "2026-01-31", "2026-02-28", "2027-04-01"]),
        ("week", ["2026-W01", "2026-W05", "2026-W09", "2027-W13"]),
        ("month", ["2026-01", "2026-02", "2027-04"]),
        ("quarter", ["2026-Q1", "2027-Q2"]),
        ("year", ["2026", "2027"]),
    ],
)
def test_a_trend_runs_through_the_periods_and_counts_rows_without_a_date(db, unit, labels):
    trend = insight(table_of(db, DIRTY), grain={"column": "day", "unit": unit}).trend
    assert ([period.label for period in trend.periods], trend.undated) == (labels, 2)


def test_a_trend_gives_the_metric_of_each_period(db):
    trend = insight(table_of(db, DIRTY), grain="day").trend
    assert [(period.label, period.value, period.rows) for period in trend.periods] == [
        ("2026-01", 40, 2),
        ("2026-02", None, 1),
        ("2027-04", 5, 1),
    ]


def test_a_segment_shows_what_each_value_contributes(db):
    (segment,) = insight(table_of(db, CLEAN), segments="city").segments
    assert [(part.label, part.value, part.rows, part.share) for part in segment.parts] == [
        ("Berlin", 40, 2, 0.5),
        ("Bonn", 27, 2, 0.3375),
        ("Ulm", 8, 1, 0.1),
        (None, 5, 1, 0.0625),
    ]


def test_many_values_end_in_a_rest_that_closes_the_sum(db):
    columns = {"price": [str(i) for i in range(30)], "city": [f"c{i:02}" for i in range(29)] + [None]}
    (segment,) = insight(table_of(db, columns), segments=["city"]).segments
    assert (len(segment.parts), segment.values, segment.parts[-1].rest) == (MOST_PARTS + 1, 30, True)
    assert [part.label for part in segment.parts[:2]] == [None, "c28"]
    assert sum(part.value for part in segment.parts) == sum(range(30))
    assert math.isclose(sum(part.share for part in segment.parts), 1)
    assert sum(part.rows for part in segment.parts) == 30


def test_shares_are_not_given_where_they_would_mean_nothing(db):
    (segment,) = insight(table_of(db, CLEAN), metric="avg(price)", segments=["city"]).segments
    assert [(part.label, part.share) for part in segment.parts] == [
        ("Berlin", None),
        ("Bonn", None),
        ("Ulm", None),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"metric": "sum(prise)"}, "no column 'prise'"),
        ({"grain": "dya"}, "no column 'dya'"),
        ({"segments": ["town"]}, "no column 'town'"),
    ],
)
def test_a_goal_that_cannot_be_computed_says_why_and_stops_no_other(db, given, said):
    broken, fine = evaluate(
        [goal(target="> 0", **given), goal(name="Orders", metric="count(*)")], table_of(db, DIRTY), {}, "sha256:1"
    )
    assert broken.status == "undefined"
    assert said in broken.problem
    assert said in reading(broken)
    assert fine.figure.value == 6


def test_before_and_after_are_compared_value_by_value(db):
    goals = [goal(target=">= 75", unit="EUR", grain="day", segments=["city"])]
    after = evaluate(goals, table_of(db, CLEAN, "clean"), {}, "sha256:2")
    before = evaluate(goals, table_of(db, DIRTY, "dirty"), {}, "sha256:1", like=after)
    (found,) = compare(before, after)
    assert found.change == 28
    assert [(p.label, p.before, p.after) for p in found.trend][:2] == [("2026-01", 40, 40), ("2026-02", None, 20)]
    assert [(p.label, p.before, p.after) for p in found.segments[0].parts][1] == ("Bonn", 7, 27)
    assert [(u.reason, u.before, u.after) for u in found.unused] == [
        ("price is missing", 1, 0),
        ("price cannot be read as a number", 1, 0),
    ]
    assert found.sentence == (
        "Revenue is 80 EUR and meets its target (at least 75 EUR); "
        "before cleaning it read as 52 EUR from 4 rows instead of 6."
    )


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("sum(price)", "52 from 4 rows instead of 6"),
        ("sum(price) / count(*)", "8.67 from 6 rows, 2 of them not used in full"),
        ("max(price) - min(price) + 0 * count(city)", None),
        ("max(price) + sum(price)", "82 from 4 rows instead of 6"),
    ],
)
def test_rows_are_said_to_be_used_only_where_the_whole_figure_uses_them(db, metric, said):
    goals = [goal(metric=metric)]
    before, after = (evaluate(goals, table_of(db, each, n), {}, n) for n, each in (("a", DIRTY), ("b", CLEAN)))
    (found,) = compare(before, after)
    assert found.sentence.endswith(f"; before cleaning it read as {said}." if said else "; cleaning did not change it.")


def test_a_goal_without_a_target_has_no_status_even_if_it_is_undefined(db):
    table = table_of(db, DIRTY)
    assert insight(table, metric="sum(city)").status == "no target"
    assert insight(table, metric="sum(nope)").status == "no target"
    assert insight(table, metric="sum(nope)", target="> 0").status == "undefined"


def trends(db, before, after, unit="day"):
    """The trends of sum(v) of two tables that have one row on each of some days, and what they come to side by side."""
    goals = [goal(metric="sum(v)", grain={"column": "day", "unit": unit})]
    tables = (table_of(db, {"day": days, "v": ["1"] * len(days)}, f"days-{len(days)}") for days in (before, after))
    (found,) = compare(*(evaluate(goals, table, {}, "a") for table in tables))
    return found


def test_both_sides_show_the_same_periods(db):
    days = [str(dt.date(2024, 1, 1) + dt.timedelta(days=n)) for n in range(MOST_PERIODS + 50)]
    found = trends(db, days, days[:-30])
    assert len(found.trend) == MOST_PERIODS
    assert all(period.before == 1 for period in found.trend)
    assert [period.after for period in found.trend] == [1] * (MOST_PERIODS - 30) + [None] * 30
    assert found.older == 50


def test_periods_without_rows_keep_their_place(db):
    found = trends(db, ["2026-01-26", "2026-02-17"], ["2026-01-26"], unit="week")
    assert [(p.label, p.before, p.absent) for p in found.trend] == [
        ("2026-W05", 1, False),
        ("2026-W06", None, True),
        ("2026-W07", None, True),
        ("2026-W08", 1, False),
    ]


def test_a_gap_too_long_to_be_shown_is_one_place(db):
    found = trends(db, ["0001-01-01", "2026-01-01", "2026-01-02"], ["2026-01-01"])
    assert [(p.label, p.absent) for p in found.trend] == [
        ("0001-01-01", False),
        ("…", True),
        ("2026-01-01", False),
        ("2026-01-02", False),
    ]


def test_both_sides_show_the_same_values_of_a_segment(db):
    few = {"price": [str(i) for i in range(20)], "city": [f"c{i:02}" for i in range(20)]}
    many = {"price": [str(100 - i) for i in range(20)], "city": [f"c{i:02}" for i in range(20)]}
    goals = [goal(segments=["city"])]
    after = evaluate(goals, table_of(db, few, "few"), {}, "b")
    before = evaluate(goals, table_of(db, many, "many"), {}, "a", like=after)
    (found,) = compare(before, after)
    assert all(part.before is not None for part in found.segments[0].parts)
    assert sum(part.before for part in found.segments[0].parts) == before[0].figure.value


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Revenue is 52."),
        (
            {"target": ">= 60", "unit": "EUR", "decimals": 2},
            "Revenue is 52.00 EUR and misses its target (at least 60.00 EUR) by 8.00 EUR.",
        ),
        ({"target": "between 10 and 20"}, "Revenue is 52 and misses its target (between 10 and 20) by 32."),
        (
            {"metric": "avg(price > 5)", "unit": "%", "target": "< 75 %"},
            "Revenue is 75.0 % and misses its target (below 75.0 %) by 0.0 %.",
        ),
        (
            {"metric": "sum(price) FILTER (WHERE price > 99)"},
            "Revenue is undefined: no row matches its filter (price > 99).",
        ),
        (
            {"metric": "sum(price) / count(*) FILTER (WHERE city = 'Rome')"},
            "Revenue is undefined: no row matches its filter (city = 'Rome').",
        ),
        (
            {"metric": "sum(price) FILTER (WHERE price > 9) / (count(*) - 6)"},
            "Revenue is undefined: its expression has no value, e.g. after a division by zero.",
        ),
        ({"metric": "sum(city)"}, "Revenue is undefined: none of 6 rows could be used."),
    ],
)
def test_a_reading_is_one_plain_sentence_of_the_numbers(db, given, said):
    assert reading(insight(table_of(db, DIRTY), **given)) == said


def test_an_identity_in_cents_is_met_before_and_after(db):
    columns = {"a": ["0.30", "4521.37", "x"], "b": ["0.10", "4000.18", "1"], "c": ["0.20", "521.19", "2"]}
    given = {"name": "Gap", "metric": "sum(a) - sum(b) - sum(c)", "target": "= 0", "decimals": 2}
    fine = {name: texts[:2] for name, texts in columns.items()}
    goals = [goal(**given)]
    after = evaluate(goals, table_of(db, fine, "clean"), {}, "b")
    (found,) = compare(evaluate(goals, table_of(db, fine, "dirty"), {}, "a"), after)
    assert found.sentence == "Gap is 0.00 and meets its target (equals 0.00); cleaning did not change it."
    assert (found.after.status, found.change, found.moved) == ("met", 0, False)
    (moved,) = compare(evaluate(goals, table_of(db, columns, "mixed"), {}, "a"), after)
    assert (moved.moved, moved.change) == (True, 3)


@pytest.mark.parametrize("tenths", range(1, 1000, 7))
def test_a_target_in_per_cent_is_met_by_just_that_share(tenths):
    share = tenths / 1000
    assert goal(target=f"<= {tenths // 10}.{tenths % 10} %").target.met(share)
    assert goal(target=f">= {tenths // 10}.{tenths % 10} %").target.met(share)
    assert not goal(target=f"< {tenths // 10}.{tenths % 10} %").target.met(share)


def test_a_small_figure_is_not_taken_for_another():
    assert not Target(equals=5e-12).met(4.7e-12)
    assert not Target(equals=0).met(4.7e-12)


@pytest.mark.parametrize(
    ("given", "value", "status", "said"),
    [
        (
            {"target": ">= 1", "decimals": 1},
            1000 / 1000.4,
            "missed",
            "0.9996 and misses its target (at least 1.0000) by 0.0004",
        ),
        ({"target": "> 1", "decimals": 1}, 1.004, "met", "1.004 and meets its target (above 1.000)"),
        ({"target": ">= 1", "decimals": 1}, 1.004, "met", "1.0 and meets its target (at least 1.0)"),
        ({"target": "<= 1000"}, 1000.004, "missed", "1,000.004 and misses its target (at most 1,000.000) by 0.004"),
        (
            {"target": "<= 33.3 %", "unit": "%"},
            0.33304,
            "missed",
            "33.304 % and misses its target (at most 33.300 %) by 0.004 %",
        ),
        ({"target": "< 75 %", "unit": "%"}, 0.75, "missed", "75.0 % and misses its target (below 75.0 %) by 0.0 %"),
    ],
)
def test_what_is_said_does_not_contradict_what_is_shown(given, value, status, said):
    found = Insight(goal(**given), Figure(value, "", "a"), status)
    assert reading(found) == f"Revenue is {said}."


def test_a_small_change_is_shown_as_one():
    was, now = (Insight(goal(decimals=2), Figure(value, "", "a"), "no target") for value in (52.001, 52.004))
    (found,) = compare([was], [now])
    assert found.sentence == "Revenue is 52.004; before cleaning it read as 52.001."
    assert found.goal.shown(found.change) == "0.003"


def test_nothing_has_no_sign():
    assert [goal(decimals=2).shown(v) for v in (-1e-12, -0.0, -0.004, -0.006)] == ["0.00", "0.00", "0.00", "-0.01"]
    assert goal(unit="%").shown(-1e-9) == "0.0 %"


def test_comparisons_survive_json(db):
    goals = [goal(target="between 1 and 3", grain="day", segments=["city"]), goal(name="Broken", metric="sum(nope)")]
    found = evaluate(goals, table_of(db, DIRTY), {}, "sha256:1")
    compared = compare(found, found)
    adapter = TypeAdapter(tuple[Comparison, ...])
    assert adapter.validate_json(adapter.dump_json(compared)) == compared


def test_the_same_data_gives_the_same_insight(db):
    table = table_of(db, DIRTY)
    goals = [goal(grain="day", segments=["city"])]
    assert evaluate(goals, table, {}, "a") == evaluate(goals, table, {}, "a")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"target": "100"}, "write '>= 100000'"),
        ({"target": 100}, "say how 100 is meant"),
        ({"target": {}}, "exactly one"),
        ({"target": {"at_least": 1, "at_most": 2}}, "exactly one"),
        ({"target": "between 5 and 1"}, "swap them"),
        ({"target": {"at_least": float("nan")}}, "finite"),
        ({"metric": "price"}, "one value per row"),
        ({"metric": "sum(price"}, "not a SQL expression"),
        ({"grain": {"column": "day", "unit": "hour"}}, "'day', 'week'"),
        ({"name": ""}, "at least 1 character"),
        ({"tagret": 1}, "Extra inputs"),
    ],
)
def test_a_goal_that_makes_no_sense_is_refused(given, said):
    with pytest.raises(ValidationError, match=said.replace("(", r"\(")):
        goal(**given)


@given(value=st.floats(-1e9, 1e9), bound=st.floats(-1e9, 1e9))
def test_a_floor_and_its_strict_ceiling_share_the_numbers_out(value, bound):
    assert Target(at_least=bound).met(value) is not Target(below=bound).met(value)
    assert Target(at_most=bound).met(value) is not Target(above=bound).met(value)


def test_a_target_of_zero_is_a_target(db):
    table = table_of(db, {"price": ["-1", "0"]})
    assert [insight(table, target=t).status for t in ("<= 0", ">= 0", "> 0", "< 0")] == [
        "met",
        "missed",
        "missed",
        "met",
    ]
    assert replace(insight(table, target="= 0")).status == "missed"


def test_a_goal_that_the_engine_cannot_compute_says_so(db):
    table = table_of(db, {"price": ["1"], "day": ["2026-01-01"]})
    found = insight(table, {"day": "date"}, metric="avg(day + INTERVAL 2000000000 YEAR > day)")
    assert "the engine refused it" in found.problem
