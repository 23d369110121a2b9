"""Holding anywhere, going back to an earlier stage, and trying something else in a run of its own."""

from __future__ import annotations

import getpass
import uuid
from pathlib import Path

import pytest
import typer
import yaml

from tasks.quality.errors import AnswerError, PilotMustDecide
from tasks.replay import replay
from tasks.verify import verify


def test_a_run_that_prefect_itself_suspends_holds_before_its_next_stage_and_goes_on_when_answered(pilot, orders):
    from prefect.states import Suspended

    from tasks.announce import Happened, listening

    pilot.start(pilot.pipeline(orders, gates={"quality": "never", "load": "never"}))

    def suspend(heard):
        if heard.happened is Happened.STAGE_COMPLETED and heard.stage == "profile":
            with pilot._client() as client:
                client.set_flow_run_state(pilot.id, Suspended(pause_key=str(uuid.uuid4())), force=True)

    with listening(suspend):
        assert pilot.go() == "Suspended"
    assert pilot.gate == "hold-1"
    (request,) = pilot.entries("request")
    assert (request.actor, request.payload["comment"]) == ("somebody in the Prefect UI", "suspended in Prefect")
    assert not [e for e in pilot.entries("stage") if e.payload["stage"] == "assess"]
    assert pilot.answer() == "Completed"


def test_what_prefect_suspends_between_stages_and_tells_once_more_later_holds_once(pilot, orders):
    """Prefect hears of a suspension in a thread of its own, and interrupts the run at whatever task comes next."""
    from prefect._flow_run_suspension import mark_flow_run_suspension_requested
    from prefect.states import Suspended

    from tasks.announce import Happened, listening

    pilot.start(pilot.pipeline(orders, gates={"quality": "never", "load": "never"}))
    state = Suspended(pause_key=str(uuid.uuid4()))

    def suspend(heard):
        if heard.happened is Happened.GATE_ANSWERED and "source" in heard.key and not pilot.entries("request"):
            with pilot._client() as client:
                client.set_flow_run_state(pilot.id, state, force=True)
            assert mark_flow_run_suspension_requested(pilot.id, state)
        if heard.happened is Happened.STAGE_COMPLETED and heard.stage == "insight":
            assert mark_flow_run_suspension_requested(pilot.id, state), "of what was taken over long ago"

    with listening(suspend):
        assert pilot.go() == "Suspended"
        assert pilot.gate == "hold-1"
        assert pilot.answer() == "Completed"
    assert len(pilot.entries("request")) == 1


@pytest.mark.parametrize("whom", ["run", "subflow"])
def test_a_suspension_while_a_resolver_works_is_recorded_and_the_run_holds_after_it(pilot, orders, whom):
    from prefect.context import TaskRunContext
    from prefect.states import Suspended

    from tasks.announce import Happened, listening

    pilot.start(pilot.pipeline(orders, gates={"load": "never"}))
    pilot.go()
    suspended = []

    def suspend(heard):
        if heard.happened is Happened.STAGE_STARTED and "resolve-missing" in heard.key and not suspended:
            suspended.append(pilot.id if whom == "run" else TaskRunContext.get().task_run.flow_run_id)
            with pilot._client() as client:
                state = Suspended(pause_key=str(uuid.uuid4()))
                client.set_flow_run_state(suspended[0], state, force=True)

    with listening(suspend):
        assert pilot.answer() == "Suspended"
    assert pilot.gate == "hold-1"
    assert suspended
    (request,) = pilot.entries("request")
    assert request.payload["comment"] == "suspended in Prefect"
    assert pilot.answer() == "Completed"
    assert len(pilot.entries("request")) == 1, "it is not asked about again in the replay"
    assert len(pilot.entries("refined")) == len({entry.key for entry in pilot.entries("refined")})
    assert [check.name for check in verify(pilot.record()) if not check.ok] == []


def test_a_run_jumps_straight_to_the_load_and_from_elsewhere_it_does_not(pilot, prefect_server, orders, monkeypatch):
    from flows.jump import jump

    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    pilot.start(pilot.pipeline(orders, goals=[{"name": "Revenue", "metric": "sum(price)"}]))
    pilot.go()
    with pytest.raises(PilotMustDecide, match=r"another contract or other goals are looked at first; --to assess"):
        jump(pilot.run.name, "load", orders.with_suffix(".yaml"), None, "")
    with pytest.raises(typer.Exit):  # it is held at the next gate
        jump(pilot.run.name, "load", None, None, "nothing of it matters")
    assert pilot.gate == "load-1"
    (answer,) = (e for e in pilot.entries("answer") if e.payload["gate"] == "quality-1")
    assert (answer.payload["verdict"], answer.payload["comment"]) == ("go", "nothing of it matters")
    assert (answer.actor, answer.method) == (getpass.getuser(), "operating-system user, gonogo jump")
    assert all(action["option"] == "keep" for action in answer.payload["actions"])
    assert pilot.entries("changes") == []
    with pytest.raises(AnswerError, match=r"waits at load-1, from where nothing is skipped; answer it"):
        jump(pilot.run.name, "load", None, None, "")
    assert pilot.answer() == "Completed"
    assert len(pilot.loaded()) == 9


def test_of_two_who_ask_a_run_to_hold_at_once_both_are_heard_and_a_held_run_stops_at_once(
    pilot, prefect_server, orders, monkeypatch, capsys
):
    from blocks.ledger import Ledger
    from flows.commands import request

    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    pilot.start(pilot.pipeline(orders))
    pilot.go()
    with monkeypatch.context() as at_once:  # neither sees what the other has written
        at_once.setattr(Ledger, "entries", lambda *_: ())
        request(str(pilot.id), "hold", "the month is not closed")
        request(str(pilot.id), "hold", "let me look")
    assert [e.payload["comment"] for e in pilot.entries("request")] == ["the month is not closed", "let me look"]
    assert "held already; it will be held again" in capsys.readouterr().out
    assert pilot.answer() == "Suspended"
    assert pilot.gate == "hold-1"
    assert pilot.answer() == "Suspended"
    assert pilot.gate == "hold-2"
    request(str(pilot.id), "stop", "enough")
    assert pilot.entries("outcome")[0].payload["outcome"] == "no-go"
    assert pilot.entries("answer")[-1].payload["comment"] == "enough"


def test_an_answer_can_say_that_the_run_holds_again_before_its_next_stage(pilot, orders):
    pilot.start(pilot.pipeline(orders))
    pilot.go()
    assert pilot.answer(rest="keep", hold=True) == "Suspended"
    assert pilot.gate == "hold-1"
    assert pilot.entries("request")[0].payload["comment"] == "as the answer to quality-1 says"
    assert pilot.answer() == "Suspended"
    assert pilot.gate == "load-1"


def test_a_run_goes_back_looks_again_under_another_contract_and_branches_off(pilot, orders, tmp_path, capsys):
    from flows.drive import question_of, reopen
    from flows.jump import compare, sections
    from flows.revise import _gate
    from tasks.branch import branch
    from tasks.rewind import places, rewind

    pipeline = pilot.pipeline(orders)
    other = yaml.safe_load(pipeline.read_text())
    other["contract"] = {"columns": {"price": {"type": "number", "maximum": 11}}}
    other["goals"] = [{"name": "Revenue", "metric": "sum(price)"}]
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(other))

    def back(to, **parts):
        run = pilot.record()
        done = rewind(run, to, parts, gate=_gate(pilot.run), who=getpass.getuser(), method="test")
        with pilot._client() as client:
            reopen(client, pilot.run)
        assert pilot.go() == "Suspended"
        return done

    pilot.start(pipeline)
    pilot.go()
    first = len(question_of(pilot.home, pilot.run).choices)
    assert pilot.answer(verdict="resolve") == "Suspended"
    assert places(pilot.record()) == ("assess", "source", "quality-1", "quality-2")
    done = back("quality-1")
    assert [d.number for d in done.dropped] == [d.payload["number"] for d in pilot.entries("decision")]
    assert pilot.gate == "quality-3"
    assert len(question_of(pilot.home, pilot.run).choices) == first, "the table is as it was"
    assert pilot.record().decisions() == ()

    back("assess", **sections(tmp_path / "other.yaml", tmp_path / "other.yaml"))
    assert pilot.gate == "quality-4"
    assert any("price" in c.issue and "range" in c.issue for c in question_of(pilot.home, pilot.run).choices)
    assert "2 contract checks fail" in question_of(pilot.home, pilot.run).summary
    assert pilot.answer(verdict="go") == "Suspended"
    assert pilot.gate == "load-1"
    run = pilot.record()
    assert [c.name for c in verify(run) if not c.ok] == [redone.name for redone in replay(run) if not redone.same] == []

    _check_that_a_changed_pipeline_shows(run, pilot.entries("rewound")[-1].payload["spec"])

    what_if = branch(run, "source", tmp_path / "what-if", {})
    assert pilot.answer() == "Completed"
    loaded = len(pilot.loaded())
    assert [c.name for c in verify(run) if not c.ok] == []
    pilot.start(what_if)
    pilot.go()
    assert pilot.answer(rest="keep") == "Suspended"
    assert pilot.answer() == "Completed"
    assert (tmp_path / "what-if" / "refined.parquet").exists()
    assert len(pilot.loaded()) == loaded, "the what-if loads elsewhere"
    compare(run.name, pilot.run.name)
    told = capsys.readouterr().out
    assert run.name in told
    assert f"9 → {loaded}" in told
    assert "goal Revenue" in told


def _check_that_a_changed_pipeline_shows(run, name):
    kept = Path(run.spec_uri).with_name(name)
    written = kept.read_text()
    kept.write_text(written.replace('"maximum": 11', '"maximum": 12'))
    assert kept.read_text() != written
    assert f"hash of {name}" in next(c for c in verify(run) if not c.ok).detail
    kept.write_text(written)
