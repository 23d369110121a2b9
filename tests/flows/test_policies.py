"""Decision memory: a run with nothing new to decide runs through, labelled so; outside of the band it asks."""

from __future__ import annotations

import yaml

from flows.policies import list_policies, revoke_policy, show_policy
from tasks.policies import CHAIN

MISSING = "id,price\n" + "".join(f"{n},{n % 7 + 1}\n" for n in range(40)) + "40,\n41,N/A\n"


def test_what_was_remembered_is_done_again_without_asking_until_it_differs(pilot, tmp_path, capsys):
    from flows.drive import question_of, refusal

    data = tmp_path / "prices.csv"
    data.write_text(MISSING)
    gates = {"quality": {"remember": {"longest": "60d"}}}
    pipeline = pilot.pipeline(data, gates=gates)
    pilot.start(pipeline)
    pilot.go()
    assert pilot.answer(verdict="resolve", remember="90d") == "Suspended"
    assert "longer than 60 days" in refusal(pilot.home, pilot.run)
    while pilot.gate.startswith("quality"):
        pilot.answer(verdict="resolve" if pilot.gate == "quality-1" else "go", remember={"for": "30d"})
    assert pilot.answer(remember="30d") == "Completed"
    assert pilot.entries("remembered")

    pilot.start(pipeline)
    assert pilot.go() == "Completed"
    answers = {e.payload["gate"]: e for e in pilot.entries("answer")}
    assert answers["quality-1"].method.startswith("automatic: policy 1 by ann, until ")
    assert answers["quality-1"].actor == "pipeline prices"
    assert answers["load-1"].method.startswith("automatic: policy ")
    assert [e.payload["cells_changed"] for e in pilot.entries("changes")] == [1]

    data.write_text(MISSING + "".join(f"{n},N/A\n" for n in range(42, 60)))
    pilot.start(pipeline)
    assert pilot.go() == "Suspended"
    assert pilot.gate == "quality-1"
    hints = [choice.hint for choice in question_of(pilot.home, pilot.run).choices]
    assert any("Not the same as in policy 1 by ann" in hint and "then 1 of 42, now 19 of 60" in hint for hint in hints)

    _looks_again_without_being_passed(pilot, data, pipeline)
    list_policies(everything=False)
    assert "to null: 'N/A'" in capsys.readouterr().out
    show_policy(1)
    assert "count 1" in capsys.readouterr().out
    revoke_policy(1, "no more")
    list_policies(everything=True)
    assert "revoked by" in capsys.readouterr().out


def _looks_again_without_being_passed(pilot, data, pipeline):
    """Who goes back in a run is asked, whatever is remembered."""
    from flows.drive import reopen
    from flows.revise import _gate
    from tasks.rewind import rewind

    data.write_text(MISSING)
    pilot.start(pipeline_asking_at_load(pipeline))
    assert pilot.go() == "Suspended"
    assert pilot.gate == "load-1"
    rewind(pilot.record(), "quality-1", {}, gate=_gate(pilot.run), who="ann", method="test")
    with pilot._client() as client:
        reopen(client, pilot.run)
    assert pilot.go() == "Suspended"
    assert pilot.gate.startswith("quality-")


def pipeline_asking_at_load(pipeline):
    """The same pipeline, whose load nobody may have remembered."""
    own = yaml.safe_load(pipeline.read_text())
    own["gates"]["load"] = {"signed": True, "remember": "never"}
    pipeline.write_text(yaml.safe_dump(own))
    return pipeline


def test_only_who_has_the_role_may_have_an_answer_remembered(pilot, orders):
    from blocks.approvers import Approver
    from flows.drive import refusal

    with pilot.home.approvers() as approvers:
        approvers.enrol(Approver("ann", roles=("steward",)))
    pilot.start(pilot.pipeline(orders, gates={"quality": {"remember": {"roles": "steward"}}, "load": "never"}))
    pilot.go()
    assert pilot.answer(answered_by="bob", remember="30d") == "Suspended"
    assert "only steward may have answers remembered" in refusal(pilot.home, pilot.run)
    assert pilot.answer(remember="30d") == "Completed"


def test_a_signed_gate_is_passed_by_no_standing_decision_that_somebody_wrote_into_the_database(tmp_path):
    from datetime import date

    from blocks.approvers import Approver
    from tasks.policies import CHAIN, in_force
    from tasks.quality.policy import sealable
    from tasks.run import Run

    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    run = Run("r", "r", "orders", "", "", str(tmp_path / "staging"), url, "", "")
    with run.open_approvers() as approvers:
        approvers.enrol(Approver("ann"))
        payload = {
            "pipeline": "orders", "kind": "quality", "columns": [], "option": "go", "label": "go on", "most": 0.0,
            "until": "2026-12-31", "parameters": {}, "known": [], "then": {},
        }  # fmt: skip
        signed = payload | {"seal": approvers.seal(sealable("ann", payload))}
    with run.open_ledger() as ledger:
        for name, told in (("forged", payload), ("true", signed), ("changed", signed | {"until": "2027-12-31"})):
            ledger.append(CHAIN, name, "policy", told, actor="ann", method="signed code")
        ledger.append(CHAIN, "stolen", "policy", signed, actor="eve", method="signed code")
    today = date(2026, 5, 4)
    assert [policy.number for policy in in_force(run, today, signed=True)] == [2]
    assert [policy.number for policy in in_force(run, today)] == [1, 2, 3, 4]
    assert in_force(run, date(2027, 1, 1), signed=True) == ()


def test_what_a_standing_decision_knows_of_personal_data_is_told_only_when_asked_for(pilot, tmp_path, capsys):
    data = tmp_path / "prices.csv"
    data.write_text(MISSING)
    contract = {"columns": {"id": {}, "price": {"personal": True}}}
    pilot.start(pilot.pipeline(data, contract=contract, gates={"quality": {"remember": {"longest": "60d"}}}))
    pilot.go()
    pilot.answer(verdict="resolve", remember="30d")
    with pilot.record().open_ledger() as ledger:
        made = next(entry for entry in ledger.entries(CHAIN) if "price" in entry.payload["columns"])
        payload = {**made.payload, "known": ["Ann Smith"], "parameters": {"value": "Bob Jones"}}
        number = ledger.append(CHAIN, "another", "policy", payload, actor="ann", method="test").seq
    assert made.payload["personal"] is True
    show_policy(number)
    told = capsys.readouterr().out
    assert "1 value of personal data (--personal tells them)" in told
    assert not {"Ann", "Smith", "Bob"} & set(told.replace("=", " ").split())
    show_policy(number, personal=True)
    told = capsys.readouterr().out
    assert "Ann Smith" in told
    assert "Bob Jones" in told
