"""Who may answer, and how far a gate is after each thing that was said."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from tasks.quality.approval import Person, Signature, Who, complete, sealable, standing
from tasks.quality.ledger import link

ANN = Signature("ann", "Ann Smith", "signed code", "go", "fine", "reviewed", "2026-05-04T12:00:00+00:00", "e", "s", "a")
BOB = replace(ANN, name="bob", full_name="bob", verdict="confirm", meaning="approved")
TWO = Who(people=2)


def said(*signatures):
    """A diary in which these were signed; a text is why something was refused."""
    entries = []
    for n, each in enumerate(signatures):
        kind, payload = "refused", {"gate": "load-1", "reason": each}
        if isinstance(each, Signature):
            kind, payload = (
                "signature",
                {"gate": "load-1", "signature": asdict(each), "given": {"verdict": each.verdict}},
            )
        last = entries[-1] if entries else None
        envelope = {"run_id": "r", "key": str(n), "actor": "x", "method": "y", "at": "z"}
        entries.append(link(last, kind=kind, payload=payload, **envelope))
    return entries


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (Who(), True),
        (Who(names=("ann",)), True),
        (Who(names=("bob",)), False),
        (Who(roles=("finance", "it")), True),
        (Who(names=("bob",), roles=("finance",)), True),
        (Who(roles=("it",)), False),
    ],
)
def test_names_and_roles_say_who_may(who, may):
    assert (who.bars(Person("ann", roles=("finance",))) == "") is may


def test_a_gate_is_strict_when_it_says_anything_about_people():
    assert not Who().strict
    assert all(who.strict for who in (Who(names=("ann",)), Who(roles=("it",)), Who(people=2), Who(signed=True)))


def test_the_first_signature_may_mean_another_thing_than_the_second():
    who = Who(people=3, meanings=("reviewed", "approved"))
    assert [who.meaning(n) for n in range(3)] == ["reviewed", "approved", "approved"]


def test_as_many_different_people_as_it_takes_have_to_agree():
    one = standing(said(ANN), "load-1")
    assert (one.tries, complete(TWO, one)) == (1, False)
    two = standing(said(ANN, BOB), "load-1")
    assert complete(TWO, two)
    assert two.given == {"verdict": "go"}, "what the first one said"
    assert standing(said(ANN), "load-2").tries == 0


def test_what_was_refused_counts_as_a_try_and_is_shown():
    now = standing(said("wrong code", ANN, "wrong person"), "load-1")
    assert (now.tries, now.problem, now.signatures) == (3, "wrong person", (ANN,))


def test_who_rejects_sets_the_answer_aside():
    now = standing(said(ANN, replace(BOB, verdict="reject", comment="too early")), "load-1")
    assert (now.tries, now.signatures, now.problem) == (2, (), "bob rejected what ann said: too early")


def test_one_no_go_is_enough():
    now = standing(said(ANN, replace(BOB, verdict="no-go")), "load-1")
    assert complete(TWO, now)
    assert now.given == {"verdict": "no-go"}


def test_a_seal_covers_everything_that_was_signed():
    sealed = sealable(ANN, "r", "load-1")
    assert sealed != sealable(ANN, "r", "load-2")
    for name in vars(ANN):
        other = replace(ANN, **{name: "other"})
        assert (sealable(other, "r", "load-1") == sealed) is (name == "seal")


def test_a_signature_is_printed_with_name_meaning_moment_and_method():
    assert ANN.line == "Ann Smith (ann), reviewed, 2026-05-04 12:00:00 UTC, signed code"


def test_who_is_to_agree_sees_everything_that_was_chosen_with_its_values():
    from tasks.quality.model import Verdict
    from tasks.quality.question import Question
    from tasks.sign import confirming
    from tests.quality.test_question import MISSING, TWINS

    asked = Question("load-1", "t", "the evidence", (Verdict.GO,), {}, choices=(MISSING, TWINS), who=TWO)
    first, other = (
        {"issue": MISSING.issue, "option": "constant", "parameters": {"value": "0", "by": None}},
        {"issue": TWINS.issue, "option": "keep-first", "parameters": {}},
    )
    given = {"verdict": "go", "comment": "<b>", "actions": [first, other]}
    text = confirming(asked, replace(standing(said(ANN), "load-1"), given=given)).text
    assert "Missing values in price: fill with a value of yours" in text
    assert '"value":"0"' in text.replace("\\", "")
    assert "Duplicate rows: keep the first" in text
    assert "<b>" not in text
    assert text.endswith("the evidence")
