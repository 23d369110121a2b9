"""Every kind and remedy there is keeps the promises that all of them make; a crash is a finding, not silence."""

from __future__ import annotations

import datetime as dt
import re

import ibis
import pytest
from pydantic import TypeAdapter

from tasks.quality import registry
from tasks.quality.detect import assess, configure, expired, flagged_cells, without_column
from tasks.quality.effects import apply, conserve
from tasks.quality.errors import SpecError
from tasks.quality.model import ROW, Assessment, Dimension, Finding, Muted, Option, Severity
from tasks.quality.registry import find_remedy, kinds, remedies
from tasks.quality.score import combined, score
from tests.quality.opened import again, opened, records, snapshot

HOSTILE = [
    "<script>alert(1)</script>",
    "'; DROP TABLE snapshot; --",
    '"',
    "a\nb",
    "🎈",
    "[x](javascript:1)",
    "=1+1",
    "\\",
]


def messy(rows: int = 64) -> dict[str, list[str | None]]:
    """A table in which every kind of the modules that exist has something to find, with awkward names and cells."""
    quantity = [str(n % 7 + 1) for n in range(rows)]
    price = [f"{n % 11 + 0.5:.2f}" for n in range(rows)]
    total = [f"{int(q) * float(p):.2f}" for q, p in zip(quantity, price, strict=True)]
    columns: dict[str, list[str | None]] = {
        "order by": [f"k{n}" for n in range(rows)],
        'the "name"': [HOSTILE[n % len(HOSTILE)] + str(n // 8) for n in range(rows)],
        "a.b": [None if n % 5 == 0 else f"v{n}" for n in range(rows)],
        "quantity": list(quantity),
        "price": ["N/A" if n == 9 else p for n, p in enumerate(price)],
        "total": [None if n in (3, 40) else t for n, t in enumerate(total)],
        "empty": [None] * rows,
        "one": ["k"] * rows,
    }
    for column in columns.values():
        column += [column[1], column[2]]  # two rows again
    return columns


@pytest.fixture(scope="module")
def found():
    with opened(messy()) as data:
        yield data, assess(data, snapshot(data))


def test_an_assessment_is_plain_data(found):
    _, assessment = found
    adapter = TypeAdapter(Assessment)
    assert adapter.validate_json(adapter.dump_json(assessment)) == assessment


def test_every_issue_counts_what_its_query_selects(found):
    data, assessment = found
    assert len(assessment.issues) > 6
    for issue in assessment.issues:
        cells = data.table.get_backend().sql(issue.sql)
        assert cells.columns == (ROW, "column", "value"), issue.id
        assert cells.count().execute() == issue.count, issue.id
        assert issue.count <= issue.checked or issue.unit == "row"


def test_ids_and_option_keys_can_be_named_in_a_form(found):
    _, assessment = found
    ids = [issue.id for issue in assessment.issues]
    assert len(ids) == len(set(ids))
    for issue in assessment.issues:
        keys = [option.key for option in issue.options]
        assert len(keys) == len(set(keys))
        assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in (issue.id, *keys))
        labels = [option.label for option in issue.options]
        assert len(labels) == len(set(labels)), labels
        assert {"keep", "flag", "quarantine", "drop"} <= set(keys)
        assert issue.recommended in keys


def test_every_option_does_what_its_preview_says_and_accounts_for_every_row(found):
    data, assessment = found
    tried = 0
    for issue in assessment.issues:
        for option in issue.options:
            if option.needs:
                continue
            remedy = find_remedy(option.remedy)
            applied = apply(data, remedy.effects(data, issue, remedy.parameters(**option.parameters)), decision=1)
            cells, rows = records(applied.cells), records(applied.rows)
            seen = option.preview
            assert (len(cells), len(rows)) == (seen.cells_changed, seen.rows_removed), (issue.id, option.key)
            assert seen.columns_dropped == applied.columns_dropped
            assert seen.columns_added == applied.columns_added
            gone = {d: sum(r["disposition"] == d for r in rows) for d in ("dropped", "quarantined", "merged")}
            conserve(data.profile.rows, applied.table.count().execute(), **gone)
            _only_these_cells_changed(data, applied, cells)
            tried += 1
    assert tried > 40


def test_what_is_recommended_leaves_nothing_to_recommend(found):
    data, assessment = found
    for issue in assessment.issues:
        if issue.recommended == "keep":
            continue
        option = issue.option(issue.recommended)
        remedy = find_remedy(option.remedy)
        applied = apply(data, remedy.effects(data, issue, remedy.parameters(**option.parameters)))
        after = again(data, applied.table)
        left = {i.id: i.recommended for i in assess(after, snapshot(after)).issues}
        assert left.get(issue.id, "keep") == "keep", issue.id


def test_every_flagged_cell_names_a_column_of_the_table(found):
    data, assessment = found
    cells = records(flagged_cells(data, assessment.issues))
    assert {cell["column"] for cell in cells} <= set(data.columns)
    assert {cell["kind"] for cell in cells} <= {kind.name for kind in kinds()}


def test_every_kind_and_remedy_explains_itself():
    for registered in (*kinds(), *remedies()):
        assert registered.doc.endswith("."), registered.name
        assert registered.title


def test_a_detector_that_crashes_is_a_finding(monkeypatch):
    def crash(data, settings):
        raise RuntimeError("no such luck")

    broken = registry.Kind(
        "broken", "missing", Dimension.COMPLETENESS, "Broken", "Crashes.", crash, registry.nothing_to_recommend,
        registry.KindSettings,
    )  # fmt: skip
    monkeypatch.setitem(registry._KINDS, "broken", broken)
    with opened({"a": ["1", "2"]}) as data:
        (issue,) = [i for i in assess(data, snapshot(data)).issues if i.kind == "broken"]
    assert issue.failed
    assert issue.severity is Severity.HIGH
    assert "no such luck" in issue.why
    assert [option.key for option in issue.options] == ["keep"]


def test_a_kind_can_be_muted_for_a_column_with_a_reason_and_an_end():
    mute = {"missing_value": {"mute": [{"column": "a", "reason": "known", "until": "2026-06-30"}]}}
    with opened({"a": ["x", None], "b": ["x", None]}) as data:
        before = assess(data, snapshot(data), mute, today=dt.date(2026, 6, 30))
        after = assess(data, snapshot(data), mute, today=dt.date(2026, 7, 1))
    assert [i.id for i in before.issues if i.kind == "missing_value"] == ["missing-value-b"]
    assert len([i for i in after.issues if i.kind == "missing_value"]) == 2


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("missing_valeu", {}, "unknown issue kind 'missing_valeu'.*Did you mean 'missing_value'"),
        ("missing_value", {"treshold": 1}, "treshold.*threshold, columns, mute.*Did you mean 'threshold'"),
        ("missing_value", {"threshold": 7}, "less than or equal to 1"),
        ("missing_value", {"mute": [{"column": "a"}]}, "reason"),
    ],
)
def test_settings_that_do_not_exist_are_refused_with_what_does(kind, given, message):
    with pytest.raises(SpecError, match=message):
        configure(kind, given)


def test_the_score_counts_each_cell_once_and_information_never(found):
    data, assessment = found
    completeness = next(d for d in assessment.score.dimensions if d.dimension is Dimension.COMPLETENESS)
    suspects = set()
    for issue in assessment.issues:
        if issue.dimension is Dimension.COMPLETENESS and issue.severity is not Severity.INFO:
            suspects |= {(c[ROW], c["column"]) for c in records(data.table.get_backend().sql(issue.sql))}
    assert completeness.suspect_cells == len(suspects)
    assert completeness.score == round(100 * (1 - len(suspects) / assessment.score.cells), 2)
    assert assessment.score.overall == combined(d.score for d in assessment.score.dimensions)


def test_an_empty_table_scores_100():
    with opened({"a": []}) as data:
        assert score(data, ()).overall == 100
        assert assess(data, snapshot(data)).issues == ()


def test_many_columns_and_few_rows_are_no_trouble():
    with opened({f"c{n}": ["x", None if n % 2 else "y", "N/A"] for n in range(120)}) as data:
        assert len(assess(data, snapshot(data)).issues) >= 120


def _only_these_cells_changed(data, applied, cells):
    before = {r[ROW]: r for r in records(data.table)}
    changed = {(c[ROW], c["column"]): c["after"] for c in cells}
    for row in records(applied.table):
        for column in data.columns:
            if column in row:
                expected = changed.get((row[ROW], column), before[row[ROW]][column])
                assert row[column] == expected


def _registered(monkeypatch, detect, recommend=registry.nothing_to_recommend):
    kind = registry.Kind(
        "broken", "missing", Dimension.COMPLETENESS, "Broken", "Crashes.", detect, recommend, registry.KindSettings
    )
    monkeypatch.setitem(registry._KINDS, "broken", kind)


def _one(data, settings):
    cells = data.table.limit(1).select(ROW, column=ibis.literal("a"), value=data.table.a)
    yield Finding(("a",), cells, 1, 2, "it is so")


def _broken(data):
    return [issue for issue in assess(data, snapshot(data)).issues if issue.kind == "broken"]


def test_what_was_found_before_a_crash_is_kept(monkeypatch):
    def crash(data, settings):
        yield from _one(data, settings)
        raise RuntimeError

    _registered(monkeypatch, crash)
    with opened({"a": ["1", "2"]}) as data:
        assert [(issue.failed, issue.count) for issue in _broken(data)] == [(True, 0), (False, 1)]


def test_a_crash_is_never_muted():
    def crash(data, settings):
        raise RuntimeError

    with pytest.MonkeyPatch.context() as monkeypatch, opened({"a": ["1", "2"]}) as data:
        _registered(monkeypatch, crash)
        muted = {"broken": {"mute": [{"reason": "I know"}]}}
        assert [issue.failed for issue in assess(data, snapshot(data), muted).issues if issue.kind == "broken"] == [
            True
        ]


def test_an_issue_stands_when_nothing_can_be_recommended_for_it(monkeypatch):
    def crash(data, issue):
        raise ValueError("no idea")

    _registered(monkeypatch, _one, crash)
    with opened({"a": ["1", "2"]}) as data:
        (issue,) = _broken(data)
    assert "no idea" in issue.why
    assert {option.key for option in issue.options} == {"flag", "quarantine", "drop", "keep"}


def test_what_cannot_be_previewed_says_so_and_is_not_recommended(monkeypatch):
    def unsafe(data, issue):
        yield Option("sure", "constant", "write it", {"valeu": "1"}, "I am sure", safe=True)

    _registered(monkeypatch, _one, unsafe)
    with opened({"a": ["1", "2"]}) as data:
        (issue,) = _broken(data)
    option = issue.option("sure")
    assert issue.recommended == "keep"
    assert not option.safe
    assert option.why.startswith("I am sure; it could not be previewed (ValidationError")


def test_a_mute_that_expired_is_told_where_its_issue_is_raised_again():
    mute = {"missing_value": {"mute": [{"column": "a", "reason": "known", "until": "2026-06-30"}]}}
    with opened({"a": ["x", None, "z"], "b": ["x", None, "z"]}) as data:
        during = assess(data, snapshot(data), mute, today=dt.date(2026, 6, 30))
        after = assess(data, snapshot(data), mute, today=dt.date(2026, 7, 1))
    assert expired(mute, during.issues) == ()
    (told,) = expired(mute, after.issues)
    assert told == (
        "settings.missing_value.mute: the mute of a ended with 2026-06-30 (known), "
        "so it is raised again: Missing values in a."
    )


def test_what_is_muted_is_told_with_its_reason():
    mute = {"missing_value": {"mute": [{"column": "a", "reason": "known", "until": "2026-06-30"}]}}
    with opened({"a": ["x", None], "b": ["x", None]}) as data:
        (muted,) = assess(data, snapshot(data), mute, today=dt.date(2026, 6, 1)).muted
    assert muted == Muted("missing_value", ("a",), 1, "known", dt.date(2026, 6, 30))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"columns": {"a": {"treshold": 1}}},
            r"treshold.*settings\.missing_value\.columns\.a.*Did you mean 'threshold'",
        ),
        ({"columns": ["a"]}, r"'columns': .*settings\.missing_value"),
        ({"columns": {"a": {"mute": []}}}, "'mute'"),
    ],
)
def test_settings_of_a_column_are_checked_as_well(given, message):
    with pytest.raises(SpecError, match=message):
        configure("missing_value", given)


def test_ids_stay_unique_when_names_become_alike():
    with opened({"a b": ["x", None], "a-b": ["x", None], "a.b": ["x", None], "价": ["x", None]}) as data:
        ids = {issue.id for issue in assess(data, snapshot(data)).issues if issue.kind == "missing_value"}
    assert ids == {"missing-value-a-b", "missing-value-a-b-2", "missing-value-a-b-3", "missing-value-u4ef7"}


def test_settings_of_a_column_that_is_not_there_are_told():
    given = {
        "missing_value": {"columns": {"prise": {"threshold": 0.5}, "qty": {"threshold": 0.1}}},
        "disguised_missing": {"mute": [{"column": "Qty", "reason": "known"}, {"reason": "all"}]},
    }
    told = without_column(given, ["price", "qty"])
    assert [said.partition(":")[0] for said in told] == [
        "settings.missing_value.columns",
        "settings.disguised_missing.mute",
    ]
    assert "'prise'" in told[0]
    assert told[0].endswith("Did you mean 'price'?")
