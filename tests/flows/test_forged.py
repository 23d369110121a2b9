"""Somebody who reaches Prefect's API sends forms that claim more than they may, or sends them again."""

from tasks.quality.approval import UNVERIFIED


def test_a_submission_that_is_forged_or_sent_again_counts_as_what_it_is(pilot, orders):
    pilot.start(pilot.pipeline(orders))
    assert pilot.go() == "Suspended"
    assert pilot.submit(verdict="confirm", answered_by="cfo").status.value == "REJECT", "no verdict of this gate"
    honest = {"verdict": "go", "answered_by": "cfo", "comment": "let it go"}
    for forged in ({"method": "signed code"}, {"signatures": [{"name": "cfo"}]}, {"answered_by": ["cfo", "ann"]}):
        assert pilot.submit(**honest | forged).status.value == "REJECT", forged
    assert pilot.submit(**honest).status.value == "ACCEPT"
    assert pilot.submit(**honest).status.value == "ABORT", "it is answered already"
    assert pilot.go() == "Suspended"
    (answer,) = (e for e in pilot.entries("answer") if e.payload["gate"] == "quality-1")
    assert (answer.actor, answer.method) == ("cfo", UNVERIFIED)
    assert "signatures" not in answer.payload
    assert pilot.entries("signature") == pilot.entries("submission") == []

    assert pilot.gate == "load-1"
    planted = honest | {"values": "{price: {action: drop-column}}"}
    assert pilot.submit(**planted).status.value == "REJECT", "this gate does not ask about values"
    decided = len(pilot.entries("decision"))
    assert pilot.submit(**honest).status.value == "ACCEPT"
    assert pilot.go() == "Completed"
    assert len(pilot.entries("decision")) == decided
