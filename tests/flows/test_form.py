"""A gate's form: what it asks itself, and what it takes a rule for."""

from __future__ import annotations

import pytest

from flows.form import MOST_SELECTS, form, said_in
from tasks.quality.model import Option, Verdict
from tasks.quality.question import Choice, Question, answer_of

MORE = 5
ISSUES = [f"missing-value-c{n}" for n in range(MOST_SELECTS + MORE)]


@pytest.fixture
def question():
    options = (Option("zero", "constant", "fill with 0", {"value": "0"}), Option("keep", "keep", "keep as it is"))
    choices = tuple(
        Choice(issue=issue, title=issue, hint="3 rows", options=options, recommended="zero") for issue in ISSUES
    )
    return about(choices)


def about(choices):
    verdicts = (Verdict.GO, Verdict.NO_GO)
    return Question(gate="quality-1", title="orders", text="", verdicts=verdicts, meaning={}, choices=choices)


def actions(question, **filled_in):
    sent = form(question)(verdict="go", answered_by="ann", **filled_in)
    answer = answer_of(question, said_in(question, sent), method="form")
    return [(action.issue, action.option) for action in answer.actions]


def test_the_first_issues_are_asked_about_and_the_others_follow_the_recommendation(question):
    fields = form(question).model_fields
    selects = [field for field in fields.values() if field.title in ISSUES]
    assert len(selects) == MOST_SELECTS
    assert f"{MORE} other issues" in fields["rest"].title
    assert actions(question) == [(issue, "zero") for issue in ISSUES]


def test_the_others_are_kept_where_the_rule_says_so(question):
    kept = actions(question, rest="keep")
    assert kept == [(issue, "zero") for issue in ISSUES[:MOST_SELECTS]] + [(i, "keep") for i in ISSUES[MOST_SELECTS:]]


def test_a_form_that_asks_about_all_has_no_rule_for_others(question):
    assert "rest" not in form(about(question.choices[:MOST_SELECTS])).model_fields
