"""What an option would clear and create is what happens when it is carried out; and it is told which is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.quality import consequences
from tasks.quality.checks import check_contract
from tasks.quality.consequences import goal_effect
from tasks.quality.contract import Contract
from tasks.quality.detect import assess, issues_of
from tasks.quality.effects import apply
from tasks.quality.model import Issue, Option
from tasks.quality.watched import Reach, watched
from tests.quality.opened import again, contents, opened, snapshot, unprofiled
from tests.quality.test_kinds_contract import TABLES, effects_of, ready

PROMISES = Contract.model_validate({
    "columns": {
        "price": {"type": "number", "minimum": 0, "required": True},
        "city": {"allowed": ["Köln", "Bonn"]},
        "gone": {"required": True},
    },
    "key": "id",
    "rules": [{"name": "total", "expression": "price * 2 = double"}],
})  # fmt: skip


def orders(rows: int = 60) -> dict[str, list[str | None]]:
    price = [str(n % 9 + 1) for n in range(rows)]
    double = [str(2 * int(p)) for p in price]
    price[7], price[8], double[11] = "N/A", "N/A", None
    city = [["Köln", "Bonn", "Bonn "][n % 13 % 3] for n in range(rows)]
    city[3], city[4] = None, "n/a"
    ids = [f"k{n}" for n in range(rows)]
    ids[20] = ids[21]
    note = ["-"] * 3 + [f"x{n % 17}" for n in range(rows - 3)]
    return {"id": ids, "price": price, "double": double, "city": city, "note": note}


ALL = {**TABLES, "promises": (orders, PROMISES)}


def weighed(columns, contract):
    with opened(columns(), contract) as data:
        checks = check_contract(data.table, contract, data.profile)
        yield data, checks, assess(data, snapshot(data), checks=checks)


@pytest.fixture(scope="module", params=ALL)
def found(request):
    yield from weighed(*ALL[request.param])


def counts(backend, queries) -> dict[str, int]:
    return {query.name: backend.raw_sql(f"SELECT count(*) FROM ({query.sql})").fetchone()[0] for query in queries}


def gaps(data, assessment) -> dict[str, str]:
    from tasks.quality.detect import issue_id

    return {c.name: issue_id("missing_value", (c.name,)) for c in data.profile.columns if not c.missing_count}


def queries_of(data, assessment, checks):
    return watched(data, assessment.issues, checks, gaps(data, assessment))


def test_what_an_option_clears_and_creates_is_what_happens(found):
    data, checks, assessment = found
    queries = queries_of(data, assessment, checks)
    before = counts(data.table.get_backend(), queries)
    assert before == {query.name: query.count for query in queries}
    told, counted = 0, {}
    for issue, option in ready(assessment):
        seen = option.preview
        after = apply(data, effects_of(data, issue, option)).table
        dropped = {*seen.columns_dropped, *(old for old, _new in seen.columns_renamed)}
        asked = [q for q in queries if not dropped & q.reads and q.name not in seen.unknown]
        listed = {q.name for q in asked if q.reach is Reach.LISTED}
        known, wanted = counted.setdefault(contents(after), {}), [q for q in asked if q.name not in listed]
        if new := [q for q in wanted if q.name not in known]:
            known |= counts(unprofiled(after), new)
        now = {q.name: known[q.name] for q in wanted}
        expected = {name: n - before[name] for name, n in now.items() if n != before[name]}
        said = {**{k: -n for k, n in seen.clears.items()}, **seen.creates}
        away = set(seen.columns_dropped)
        gone = {q.name: -q.count for q in queries if q.about and away.issuperset(q.about) and q.count}
        absent = {f"contract: {name} is there": 1 for name in dropped if name in data.contract.columns}
        said_of_rows = {name: n for name, n in said.items() if name not in listed}
        assert said_of_rows == {**expected, **gone, **absent}, (issue.id, option.key)
        told += len(said)
    assert told >= 3


def test_what_is_recommended_clears_its_own_issue_when_looked_at_again(found):
    data, _checks, assessment = found
    for issue in assessment.issues:
        option = issue.option(issue.recommended)
        if option.key == "keep":
            continue
        after = again(data, apply(data, effects_of(data, issue, option)).table)
        left = {i.id: i.count for i in issues_of(after, issue.kind, {})}
        assert issue.count - option.preview.clears.get(issue.id, 0) == left.get(issue.id, 0), (issue.id, option.key)


METRICS = {
    "revenue": "sum(price * double)",
    "orders": "count(distinct id)",
    "typical": "avg(price)",
    "share": "count_if(city = 'Köln') / count(*)",
    "absent": "sum(nothing_like_it)",
}


def test_a_goal_s_value_after_an_option_is_what_it_is_measured_to_be_then():
    from tasks.insights.evaluate import evaluate
    from tasks.insights.goals import Goal
    from tasks.quality.typed import column_types

    goals = [Goal(name=name, metric=metric) for name, metric in METRICS.items()]

    def measured(data):
        found = evaluate(goals, data.table, column_types(data.profile, data.contract), "x")
        return {insight.goal.name: insight.figure.value for insight in found}

    told = set()
    with opened(orders()) as data:
        assessment = assess(data, snapshot(data), metrics=METRICS)
        now = measured(data)
        assert assessment.goals == pytest.approx(now)
        for issue, option in ready(assessment):
            after = measured(again(data, apply(data, effects_of(data, issue, option)).table))
            said = {**now, **option.preview.goals}
            assert said == pytest.approx(after), (issue.id, option.key)
            told |= {name for name in option.preview.goals if said[name] != now[name]}
    assert told == set(METRICS) - {"absent"}


def test_issues_that_move_a_goal_come_first():
    columns, contract = TABLES["orders"]
    with opened(columns(), contract) as data:
        plain, aimed = (assess(data, snapshot(data), metrics=m) for m in ({}, {"revenue": "sum(total)"}))
    was, ids = [i.id for i in plain.issues], [i.id for i in aimed.issues]
    moving = [i.id for i in aimed.issues if goal_effect(i, aimed.goals)]
    assert moving == ids[: len(moving)] == ["conditional-missing-total"]
    assert ids[len(moving) :] == [id for id in was if id not in moving]
    assert was[0] not in moving


def test_what_is_too_much_work_is_named_and_not_guessed(monkeypatch):
    monkeypatch.setattr(consequences, "MOST_CELLS", 0)
    monkeypatch.setattr(consequences, "MOST_SUSPECTS", 0)
    with opened(orders(), PROMISES) as data:
        checks = check_contract(data.table, PROMISES, data.profile)
        assessment = assess(data, snapshot(data), checks=checks, metrics={"revenue": "sum(price)"})
        reach = {q.name: q.reach for q in queries_of(data, assessment, checks)}
        for issue, option in ready(assessment):
            seen = option.preview
            assert not set(seen.unknown) & {*seen.clears, *seen.creates, *seen.goals}
            if option.remedy == "drop":
                assert set(seen.unknown) == {*(n for n in reach if n in seen.unknown), "revenue"}
                assert issue.id in seen.unknown
                assert seen.goals == {}
    assert any(r is Reach.TABLE for r in reach.values())


def test_the_sample_shows_what_happens_most_and_what_is_least_expected():
    from tasks.quality.consequences import FREQUENT

    names = [f"name{n:02}" for n in range(30)]
    values = [f" {name}" for n, name in enumerate(names) for _ in range(2 + n % 5)] + ["      a"]
    with opened({"name": values}) as data:
        (issue,) = [i for i in assess(data, snapshot(data)).issues if i.kind == "untidy_text"]
    seen = issue.option("tidy").preview
    assert [c.cells for c in seen.changes] == [6] * FREQUENT
    shown = (*seen.changes, *seen.surprising)
    assert [values[change.row] for change in shown] == [change.before for change in shown]
    assert seen.surprising[0].before == "      a"
    assert (seen.cells_changed, seen.rows_changed) == (len(values), len(values))


@pytest.mark.parametrize(
    ("rest", "reach"),
    [
        ("""FROM "snapshot" AS "t0" WHERE "t0"."a" = 'GROUP'""", Reach.VALUE),
        ("""FROM (SELECT * FROM "snapshot" AS "t1") AS "t0" WHERE "t0"."a" = 'it''s "b"'""", Reach.VALUE),
        ("""FROM "snapshot" AS "t0" WHERE "t0"."b" > "t0"."a" """, Reach.ROW),
        ("""FROM "snapshot" AS "t0" WHERE "t0"."_row" IN (1, 2)""", Reach.LISTED),
        ("""FROM "snapshot" AS "t0" WHERE "t0"."_row" % 2 > 0""", Reach.TABLE),
        ("""FROM "snapshot" AS "t0" WHERE "t0"."a" = (SELECT max("a") FROM "snapshot")""", Reach.TABLE),
        ("""FROM "snapshot" AS "t0" WHERE "t0"."a" IN (SELECT "value" FROM "domains")""", Reach.TABLE),
        ("""FROM "snapshot" AS "t0" QUALIFY count(*) OVER (PARTITION BY "t0"."a") > 1""", Reach.TABLE),
    ],
)
def test_a_query_s_reach_is_read_from_it_and_never_overstated(rest, reach):
    issue = replace(AN_ISSUE, sql=f"""SELECT "t0"."_row", 'a' AS "column", "t0"."a" AS "value" {rest}""")
    with opened({"a": ["1"], "b": ["2"]}) as data:
        (found,) = watched(data, [issue], (), {})
    assert found.reach is reach


AN_ISSUE = Issue("x", "x", "missing", "validity", "low", ("a",), 1, 1, "cell", "x", "x", "")  # type: ignore[arg-type]


def test_an_option_that_needs_something_has_no_consequences_yet(found):
    _data, _checks, assessment = found
    waiting: list[Option] = [o for i in assessment.issues for o in i.options if o.needs]
    assert all(option.preview is None for option in waiting)


def test_a_misspelt_word_in_another_case_is_still_misspelt():
    city = [*["Berlin", "Hamburg", "Munich"] * 60, "Berlni", "Hmaburg", " Munich ", "Berlin "]
    with opened({"city": city}) as data:
        issues = {issue.kind: issue for issue in assess(data, snapshot(data)).issues}
    words, spaces = issues["typo"], issues["untidy_text"]
    assert words.option(words.recommended).preview.clears[words.id] == 2
    for key in ("lower", "upper"):
        assert words.id not in spaces.option(key).preview.clears
