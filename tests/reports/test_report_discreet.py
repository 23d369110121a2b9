"""Reports say where personal data is, and not what it says."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from tasks.quality.contract import Contract
from tasks.quality.detect import assess
from tasks.quality.model import Assessment, Decision
from tasks.reports.discreet import alike, decided, discreet, personal_columns, retold, starred
from tests.quality.opened import opened, snapshot

NAMES = ["ann", "bob", "cyd", "dee"]


@pytest.fixture(scope="module")
def found() -> Assessment:
    mails = [f" {NAMES[n % 4]}{n}@example.org" if n % 5 else f"{NAMES[n % 4]}{n}@example.org" for n in range(40)]
    with opened({"mail": mails, "size": [" small" if n % 9 else "small" for n in range(40)]}) as data:
        return assess(data, snapshot(data))


def said(assessment: Assessment, column: str) -> list[str]:
    """Every value of a column that samples and previews show."""
    cells = [c.value for i in assessment.issues for c in i.sample if c.column == column]
    seen = [o.preview for i in assessment.issues for o in i.options if o.preview]
    pairs = [v for p in seen for c in (*p.changes, *p.surprising) if c.column == column for v in (c.before, c.after)]
    return [value for value in (*cells, *pairs) if value]


def test_values_of_columns_with_personal_data_are_stars_wherever_they_are_shown(found):
    assert any("ann" in value for value in said(found, "mail"))
    shown = discreet(found, {"mail"})
    assert said(shown, "mail")
    assert not [value for value in said(shown, "mail") if any(name in value for name in NAMES)]
    assert said(shown, "size") == said(found, "size")


def test_what_can_be_decided_stays_the_same(found):
    for issue, shown in zip(found.issues, discreet(found, {"mail"}).issues, strict=True):
        assert (issue.id, issue.count, issue.sql, issue.facts) == (shown.id, shown.count, shown.sql, shown.facts)
        for one, other in zip(issue.options, shown.options, strict=True):
            assert (one.key, one.parameters, one.safe) == (other.key, other.parameters, other.safe)


def test_a_page_says_nothing_of_them_in_queries_facts_parameters_and_column_statistics_either(found):
    shown = retold(found, {"mail"})
    told = json.dumps(asdict(shown), default=str)
    assert "bob1" in json.dumps(asdict(found), default=str)
    assert [name for name in NAMES if f"{name}1" in told or f"{name}2" in told] == []
    assert "small" in told
    made = Decision(
        1, "quality-1", "i", "k", "m", "r", "o", "l", ("mail",), {"v": "bob1"}, {"v": "bob1"}, "IN ('bob1')", "x"
    )
    assert "bob1" not in json.dumps(asdict(decided(made, {"mail"})))
    assert decided(made, {"size"}) == made
    for one, other in zip(found.issues, shown.issues, strict=True):
        assert (one.id, one.count, one.title) == (other.id, other.count, other.title)
        if "mail" not in one.columns:
            assert one.sql == other.sql


def test_options_that_only_hidden_values_told_apart_are_numbered(found):
    """A form in the Prefect UI chooses an option by its label."""
    (untidy,) = [issue for issue in found.issues if issue.kind == "untidy_text" and issue.columns == ("mail",)]
    one, *rest = untidy.options
    twins = tuple(replace(one, key=f"{name}-first", label=f"prefer '{name}'") for name in NAMES[:2])
    (shown,) = discreet(replace(found, issues=(replace(untidy, options=(*twins, *rest)),)), {"mail"}).issues
    assert [option.label for option in shown.options[:2]] == ["prefer '…'", "prefer '…' (2)"]
    assert len({option.label for option in shown.options}) == len(shown.options)


def test_labels_and_reasons_do_not_say_what_is_hidden():
    mails = ["o'neil@example.org"] * 6 + [f"ann{n}@example.org" for n in range(6)] + [None]
    with opened({"mail": mails}) as data:
        assessment = assess(data, snapshot(data))
    assert any("neil" in option.label for issue in assessment.issues for option in issue.options)
    columns = personal_columns(assessment, Contract())
    assert columns == {"mail"}
    told = [
        text
        for issue in discreet(assessment, columns).issues
        for text in (issue.title, issue.why, *(t for o in issue.options for t in (o.label, o.why, o.leaves)))
    ]
    assert "fill with the most frequent value (…)" in told
    assert not [text for text in told if "neil" in text or "ann" in text]


def test_what_is_muted_or_known_to_the_contract_is_hidden_as_well(found):
    mute = {"personal_data": {"mute": [{"reason": "we know"}]}}
    with opened({"mail": [f"ann{n}@example.org" for n in range(9)]}) as data:
        muted = assess(data, snapshot(data), mute)
    assert personal_columns(muted, Contract()) == {"mail"}
    known = Contract.model_validate({"columns": {"name": {"personal": True}, "size": {"personal": False}}})
    assert personal_columns(found, known) == {"mail", "name"}


def test_counts_of_hidden_values_stay_true():
    values = ["ann@a.de", "bob@a.de", "ann@a.de", None, ""]
    assert len(set(alike(values))) == len(set(values))
    assert "ann" not in "".join(value or "" for value in alike(values))


def test_without_personal_data_nothing_is_hidden(found):
    plain = replace(found, issues=tuple(i for i in found.issues if i.kind != "personal_data"))
    assert discreet(plain, personal_columns(plain, Contract())) is plain


def test_stars_keep_the_length_and_the_end():
    assert starred("4111 1111 1111 1234") == "**** **** **** **34"
    assert starred("ab") == "**"
    assert starred("") == ""
