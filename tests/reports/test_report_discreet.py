"""Reports say where personal data is, and not what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.quality.detect import assess
from tasks.quality.model import Assessment
from tasks.reports.discreet import discreet, starred
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
    shown = discreet(found)
    assert said(shown, "mail")
    assert not [value for value in said(shown, "mail") if any(name in value for name in NAMES)]
    assert said(shown, "size") == said(found, "size")


def test_what_can_be_decided_stays_the_same(found):
    for issue, shown in zip(found.issues, discreet(found).issues, strict=True):
        assert (issue.id, issue.count, issue.sql, issue.facts) == (shown.id, shown.count, shown.sql, shown.facts)
        for one, other in zip(issue.options, shown.options, strict=True):
            assert (one.key, one.parameters, one.safe) == (other.key, other.parameters, other.safe)


def test_without_personal_data_nothing_is_hidden(found):
    plain = replace(found, issues=tuple(i for i in found.issues if i.kind != "personal_data"))
    assert discreet(plain) is plain


def test_stars_keep_the_length_and_the_end():
    assert starred("4111 1111 1111 1234") == "**** **** **** **34"
    assert starred("ab") == "**"
    assert starred("") == ""
