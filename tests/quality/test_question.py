"""A gate takes what it offered, and says precisely why it does not take anything else."""

from __future__ import annotations

import pytest

from tasks.quality.errors import AnswerError
from tasks.quality.model import Action, Option, Verdict
from tasks.quality.question import Choice, Question, answer_of, grouped, sealed, values_of

MISSING = Choice(
    issue="missing-value-price",
    title="Missing values in price",
    hint="37 of 3,000 rows",
    options=(
        Option("median", "constant", "fill with the median (12)", {"value": "12"}),
        Option("constant", "constant", "fill with a value of yours", needs=("value",)),
        Option("keep", "keep", "keep as it is"),
    ),
    recommended="median",
)
TWINS = Choice(
    issue="exact-duplicate-rows",
    title="Duplicate rows",
    hint="12 rows",
    options=(Option("keep-first", "keep_first", "keep the first"), Option("keep", "keep", "keep as it is")),
    recommended="keep-first",
)


@pytest.fixture
def question() -> Question:
    return Question(
        gate="quality-1",
        title="2 issues in orders",
        text="",
        verdicts=(Verdict.GO, Verdict.RESOLVE, Verdict.NO_GO),
        meaning={},
        choices=(MISSING, TWINS),
    )


def said(**more):
    return {"verdict": "go", "answered_by": "ann", **more}


def test_a_bare_go_takes_every_recommendation(question):
    answer = answer_of(question, said(), method="test")
    assert [(a.issue, a.option) for a in answer.actions] == [
        ("missing-value-price", "median"),
        ("exact-duplicate-rows", "keep-first"),
    ]
    assert answer.actions[0].parameters["value"] == "12"


def test_the_rest_can_be_kept_as_it_is(question):
    answer = answer_of(question, said(actions={"exact-duplicate-rows": "keep-first"}, rest="keep"), method="test")
    assert [a.option for a in answer.actions] == ["keep", "keep-first"]


def test_an_action_can_be_named_by_key_or_by_what_the_form_shows(question):
    by_label = answer_of(question, said(actions={"missing-value-price": "keep as it is"}), method="test")
    by_key = answer_of(question, said(actions={"missing-value-price": "keep"}), method="test")
    assert by_label == by_key


def test_no_go_carries_no_actions(question):
    assert answer_of(question, said(verdict="no-go"), method="test").actions == ()


def test_a_parameter_that_only_the_pilot_knows_is_asked_for(question):
    with pytest.raises(AnswerError, match=r"needs 'value'.*missing-value-price"):
        answer_of(question, said(actions={"missing-value-price": "constant"}), method="test")
    answer = answer_of(
        question, said(actions={"missing-value-price": {"action": "constant", "value": "0"}}), method="t"
    )
    assert answer.actions[0].parameters["value"] == "0"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"verdict": "goo"}, "unknown verdict 'goo'.*go, resolve, no-go.*Did you mean 'go'"),
        ({"verdict": None}, "no verdict"),
        ({"answered_by": "  "}, "nobody is named"),
        (
            {"actions": {"missing-value-prise": "keep"}},
            "no issue 'missing-value-prise'.*Did you mean 'missing-value-price'",
        ),
        ({"actions": {"missing-value-price": "medain"}}, "unknown action 'medain'.*Did you mean 'median'"),
        ({"actions": {"missing-value-price": {"action": "constant", "valeu": "0", "value": "1"}}}, "'valeu' is wrong"),
        (
            {"actions": {"missing-value-price": {"action": "constant", "value": "\ud800"}}},
            r"^'\\ud800' in value holds half a character.* in missing-value-price",
        ),
        ({"actions": ["keep"]}, "not a mapping"),
        ({"rest": "whatever"}, "unknown rest"),
        ({"verdcit": "go"}, "unknown key 'verdcit'"),
        ({"hold": "maybe"}, "'maybe' is neither yes nor no in quality-1, hold"),
        ({"actions": {"missing-value-price": None}}, "no action is written in missing-value-price; available"),
    ],
)
def test_an_answer_that_cannot_be_taken_says_why_and_what_could_be(question, wrong, message):
    with pytest.raises(AnswerError, match=message):
        answer_of(question, said() | wrong, method="test")


def test_typed_values_are_yaml_lines_per_issue(question):
    assert values_of(question, "missing-value-price: 0") == {"missing-value-price": {"": "0"}}
    assert values_of(question, "") == {}
    taken = answer_of(
        question, said(actions={"missing-value-price": {"action": "constant", "": "0"}}), method="test"
    ).actions[0]
    assert taken == Action("missing-value-price", "constant", {"value": "0"})


@pytest.mark.parametrize("typed", ["NO", "off", "007", "12:30", "1.50", "1_000", "0x1F", "2026-01-05", "1e3", ".inf"])
def test_a_typed_value_is_filled_in_as_it_is_written(question, typed):
    given = values_of(question, f"missing-value-price: {typed}")["missing-value-price"]
    (taken, *_) = answer_of(
        question, said(actions={"missing-value-price": {"action": "constant", **given}}), method="test"
    ).actions
    assert taken.parameters == {"value": typed}


@pytest.mark.parametrize(
    ("written", "holds"), [("Yes", True), ("on", True), (True, True), ("true", True), ("No", False), (None, False)]
)
def test_yes_is_yes_however_it_is_written(question, written, holds):
    assert answer_of(question, said(hold=written), method="test").hold is holds


TWICE = "missing-value-price: 3\nmissing-value-price: 4"


@pytest.mark.parametrize("typed", ["just words", "a: [1", "unknown-issue: 3", TWICE, "? [a]\n: 3"])
def test_typed_values_that_cannot_be_read_are_refused(question, typed):
    with pytest.raises(AnswerError):
        values_of(question, typed)


def test_the_seal_covers_what_can_be_answered_and_what_was_found(question):
    from dataclasses import replace

    seal = sealed(question, "37 of 3,000").evidence
    assert seal == sealed(sealed(question, "37 of 3,000"), "37 of 3,000").evidence
    assert seal != sealed(question, "38 of 3,000").evidence
    assert seal != sealed(replace(question, choices=question.choices[:1]), "37 of 3,000").evidence
    assert seal == sealed(replace(question, title="the same in another run"), "37 of 3,000").evidence


def test_a_question_with_quiet_hours_can_be_kept_and_is_the_same_again(question):
    """A gate keeps what it shows; quiet hours are times of day, which JSON does not know."""
    import json
    from dataclasses import asdict, replace
    from datetime import time

    from pydantic import TypeAdapter

    from tasks.quality.ledger import canonical
    from tasks.quality.timing import Quiet, Times

    asked = replace(question, times=Times(quiet=Quiet(time(20), time(7, 30), "Europe/Berlin", weekend=True)))
    kept = json.loads(canonical(asdict(asked)))
    assert TypeAdapter(Question).validate_python(kept).times == asked.times


SPELLING = Choice(
    issue="typo-city",
    title="Typos in city",
    hint="3 rows",
    options=(
        Option("map", "map_values", "map 2 values", {"values": {"Koln": "Köln", "Bon": "Bonn"}}),
        Option("keep", "keep", "keep as it is"),
    ),
    recommended="map",
)


def edit(question, **edits):
    from dataclasses import replace

    asked = replace(question, choices=(SPELLING,))
    return answer_of(asked, said(actions={"typo-city": {"action": "map", **edits}}), method="test").actions[0]


def test_a_table_of_values_can_be_edited(question):
    parameters = edit(question, exclude=["Bon"], change={"Koln": "Cologne"}).parameters
    assert parameters == {
        "values": {"Koln": "Köln", "Bon": "Bonn"}, "exclude": ["Bon"], "change": {"Koln": "Cologne"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ({"exclude": ["Bonn"]}, "'Bonn' is not among the values.*typo-city; available: Bon, Koln; Did you mean 'Bon'"),
        ({"change": {"Kolm": "Köln"}}, "'Kolm' is not among the values.*Did you mean 'Koln'"),
        ({"exclude": [3]}, r"'exclude\.0' is wrong"),
        ({"file": "x.csv"}, "a file cannot be read from here"),
    ],
)
def test_an_edit_that_names_no_value_of_the_table_is_refused(question, edits, message):
    with pytest.raises(AnswerError, match=message):
        edit(question, **edits)


def test_a_refused_edit_quotes_no_personal_data(question):
    from dataclasses import replace

    asked = replace(question, choices=(replace(SPELLING, personal=True),))
    for edits in ({"exclude": ["Bonn"]}, {"change": {"Kolm": "Köln"}}):
        actions = {"typo-city": {"action": "map", **edits}}
        with pytest.raises(AnswerError, match=r"personal data in typo-city.*gonogo map") as refused:
            answer_of(asked, said(actions=actions), method="test")
        assert not any(value in refused.value.message for value in ("Bon", "Kol"))


def test_going_against_a_recommendation_needs_a_comment(question):
    from dataclasses import replace

    asked = replace(question, comment="against")
    assert answer_of(asked, said(), method="test").comment == ""
    with pytest.raises(
        AnswerError, match=r"no comment says why 'keep the first' is not done about exact-duplicate-rows"
    ):
        answer_of(asked, said(actions={"exact-duplicate-rows": "keep"}), method="test")
    with pytest.raises(AnswerError, match=r"about missing-value-price, nor about 1 more"):
        answer_of(asked, said(rest="keep"), method="test")
    assert answer_of(asked, said(rest="keep", comment="known"), method="test").comment == "known"
    assert answer_of(asked, said(verdict="no-go"), method="test").actions == ()
    with pytest.raises(AnswerError, match="no comment"):
        answer_of(replace(question, comment="always"), said(), method="test")


def test_issues_are_grouped_the_group_of_the_most_important_first():
    from dataclasses import replace

    a, b, c = (replace(TWINS, issue=name, group=group) for name, group in (("a", "G"), ("b", "H"), ("c", "G")))
    assert grouped((a, b, c)) == {"G": [a, c], "H": [b]}
