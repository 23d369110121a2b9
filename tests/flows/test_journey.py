"""A run from its source to its destination: what it asks, what it takes, what it never does twice."""

from __future__ import annotations

import io
import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flows.piloting import elsewhere


def test_a_run_stops_at_its_gates_and_loads_what_was_decided(pilot, orders):
    pilot.start(pilot.pipeline(orders))
    assert pilot.go() == "Suspended"
    assert pilot.gate == "quality-1"
    assert pilot.answer(verdict="resolve", comment="as recommended") == "Suspended"
    assert pilot.gate == "quality-2"
    assert pilot.answer() == "Suspended"
    assert pilot.gate == "load-1"
    assert pilot.answer() == "Completed"
    assert [e.payload["verdict"] for e in pilot.entries("answer")] == ["go", "resolve", "go", "go"]
    assert len(pilot.loaded()) == pilot.record().snapshots()[-1].rows
    assert all(row[2] != "N/A" for row in pilot.loaded())


def test_the_story_of_a_held_run_says_where_it_waits(pilot, orders):
    from rich.console import Console

    from flows.story import tell_story

    pilot.start(pilot.pipeline(orders))
    pilot.go()
    screen = io.StringIO()
    tell_story(Console(file=screen, width=120), pilot.home, str(pilot.id))
    assert "waits at quality-1" in screen.getvalue()


def test_nothing_changes_without_a_decision(pilot, orders):
    pilot.start(pilot.pipeline(orders))
    pilot.go()
    pilot.answer(rest="keep")
    assert pilot.answer() == "Completed"
    assert pilot.entries("changes") == []
    assert len(pilot.loaded()) == 9


def test_a_decision_that_cannot_be_carried_out_says_why_where_the_run_is_followed(pilot, orders):
    from flows.answers import accept_recommended
    from flows.drive import question_of
    from tasks.announce import listening

    said = []
    pilot.start(pilot.pipeline(orders, gates={"load": "never"}))
    pilot.go()
    action = {"action": "compute", "expression": "nosuch + 1"}
    with listening(lambda announcement: said.append(announcement.title)):
        assert pilot.answer(actions={"missing-value-price": action}) == "Suspended"
    (told,) = [title for title in said if "could not be carried out" in title]
    assert "no column" in told
    assert "available: id, customer, price" in told
    question = question_of(pilot.home, pilot.run)
    assert "1 decision could not be carried out" in question.summary
    assert (question.gate, accept_recommended(question)) == ("load-1", None), "a person has to know of it"


def test_a_table_without_a_row_replaces_another_only_when_a_person_says_so(pilot, orders):
    from flows.answers import accept_recommended
    from flows.drive import question_of

    pipeline = pilot.pipeline(orders, gates={"quality": {"ask": "never"}, "load": {"ask": "never"}})
    assert pilot.start(pipeline).go() == "Completed"
    assert len(pilot.loaded()) == 9
    orders.write_text(orders.read_text().splitlines(keepends=True)[0])
    pilot.start(pipeline, "emptied")
    assert (pilot.go(), pilot.gate) == ("Suspended", "load-1")
    question = question_of(pilot.home, pilot.run)
    assert "There is no row: what the destination has gives way to nothing." in question.summary
    assert accept_recommended(question) is None
    assert len(pilot.loaded()) == 9
    assert pilot.answer() == "Completed"
    assert pilot.loaded() == []


def test_no_go_loads_nothing_and_keeps_everything(pilot, orders):
    pilot.start(pilot.pipeline(orders))
    pilot.go()
    assert pilot.answer(verdict="no-go", comment="wrong month") == "Completed"
    (outcome,) = pilot.entries("outcome")
    assert outcome.payload["outcome"] == "no-go"
    assert "wrong month" in outcome.payload["note"]
    assert not (pilot.folder / "out.db").exists()
    assert pilot.record().page_file("receipt.html").exists()


def test_the_server_refuses_what_the_form_does_not_offer_and_the_run_stays_held(pilot, orders):
    pilot.start(pilot.pipeline(orders))
    pilot.go()
    response = pilot.submit(verdict="perhaps", answered_by="bob")
    assert response.status.value == "REJECT"
    assert pilot.run.state_name == "Suspended"
    assert pilot.submit(answered_by="bob").status.value == "REJECT", "a verdict is required"


def test_an_answer_that_lacks_a_parameter_is_asked_again_with_the_reason(pilot, orders):
    from flows.drive import refusal

    pilot.start(pilot.pipeline(orders))
    pilot.go()
    sent = {"verdict": "resolve", "answered_by": "bob", "issue_missing_value_price": "fill with a value of yours"}
    sent["comment"] = "known"
    assert pilot.submit(**sent).status.value == "ACCEPT"
    assert pilot.go() == "Suspended"
    assert pilot.gate == "quality-1"
    assert "needs 'value'" in refusal(pilot.home, pilot.run)
    assert pilot.entries("answer")[-1].payload["gate"] == "source", "the bad answer was not recorded as one"
    assert pilot.submit(**sent, values="missing-value-price: 4").status.value == "ACCEPT"
    assert pilot.go() == "Suspended"
    assert pilot.gate == "quality-2"
    (decision,) = [e for e in pilot.entries("decision") if e.payload["issue"] == "missing-value-price"]
    assert decision.payload["parameters"]["value"] == "4"
    assert decision.actor == "bob"


def test_of_several_people_who_answer_at_once_exactly_one_is_heard(pilot, orders):
    pilot.start(pilot.pipeline(orders))
    pilot.go()
    answers, ready = [], threading.Barrier(4)

    def answer(name):
        ready.wait()
        answers.append((name, pilot.submit(verdict="go", answered_by=name).status.value))

    people = [threading.Thread(target=answer, args=(name,)) for name in ("ann", "bob", "cid", "dan")]
    for person in people:
        person.start()
    for person in people:
        person.join()
    accepted = [name for name, status in answers if status == "ACCEPT"]
    assert len(accepted) == 1
    pilot.go()
    quality = [e for e in pilot.entries("answer") if e.payload["gate"] == "quality-1"]
    assert [e.actor for e in quality] == accepted


def test_the_loser_of_a_race_is_told(pilot, orders):
    from flows.drive import hand_in, question_of
    from tasks.quality.errors import PilotMustDecide
    from tasks.quality.question import answer_of

    pilot.start(pilot.pipeline(orders))
    pilot.go()
    with pilot._client() as client:
        late = client.read_flow_run(pilot.id)
        question = question_of(pilot.home, late)
        assert pilot.submit(verdict="go", answered_by="ann").status.value == "ACCEPT"
        answer = answer_of(question, {"verdict": "no-go", "answered_by": "bob"}, method="test")
        with pytest.raises(PilotMustDecide, match="somebody else has answered"):
            hand_in(client, pilot.home, late, answer)


def test_a_failed_run_that_is_retried_asks_no_gate_again(pilot, orders, monkeypatch):
    import tasks.insight

    pilot.start(pilot.pipeline(orders))
    pilot.go()
    with monkeypatch.context() as broken:
        broken.setattr(tasks.insight, "compare", lambda *_: 1 / 0)
        assert pilot.answer() == "Failed"
    assert pilot.retry() == "Suspended"
    assert pilot.gate == "load-1"
    assert pilot.answer() == "Completed"
    gates = [e.payload["gate"] for e in pilot.entries("answer")]
    assert gates == ["source", "quality-1", "load-1"]


def test_a_run_that_another_process_executes_is_left_to_it_and_does_not_fail(pilot, orders):
    from flows.locks import holding

    pilot.start(pilot.pipeline(orders))
    pilot.go()
    assert pilot.submit(verdict="go", answered_by="ann", comment="so").status.value == "ACCEPT"
    with holding(pilot.home, str(pilot.id), "flow"):  # a worker's process, say
        assert pilot.go() == "Running"
    assert pilot.go() == "Suspended"
    assert pilot.gate == "load-1"


LATE = """
import sys
from uuid import UUID
from prefect.client.orchestration import get_client
from flows.drive import execute
with get_client(sync_client=True) as client:
    execute(client, UUID(sys.argv[1]))
"""


def test_a_run_that_a_worker_is_just_taking_up_is_left_to_it_and_followed_to_its_gate(
    pilot, orders, prefect_server, monkeypatch, forked
):
    from prefect.states import Pending

    import flows.drive

    environment = elsewhere(prefect_server)
    pilot.start(pilot.pipeline(orders))
    with pilot._client() as client:
        client.set_flow_run_state(pilot.id, Pending())  # as a worker does before it starts a process
        late = forked.start(LATE, str(pilot.id), env=environment)
        monkeypatch.setattr(flows.drive, "execute", lambda *_: pytest.fail("it was executed twice"))
        left = flows.drive.carry(client, pilot.home, pilot.id, lambda run, question: None)
    assert (late.wait(), left.state_name, left.run_count) == (0, "Suspended", 1)
    assert pilot.gate == "quality-1"


def test_an_answer_counts_when_prefect_has_forgotten_that_the_run_was_held(pilot, orders):
    """A process that starts late, a worker's where a terminal was first, writes the run's policies as it knew them."""
    pilot.start(pilot.pipeline(orders))
    late = pilot.run.empirical_policy
    assert pilot.go() == "Suspended"
    with pilot._client() as client:
        client.update_flow_run(pilot.id, empirical_policy=late)
    assert pilot.submit(verdict="go", answered_by="ann", comment="so").status.value == "ACCEPT"
    assert pilot.go() == "Suspended"
    assert pilot.gate == "load-1"
    assert [e.actor for e in pilot.entries("answer") if e.payload["gate"] == "quality-1"] == ["ann"]
    assert pilot.answer() == "Completed"


def test_a_run_that_is_asked_to_hold_holds_before_its_next_stage(pilot, orders):
    from blocks.ledger import Ledger

    pilot.start(pilot.pipeline(orders))
    pilot.go()
    with Ledger(pilot.home.ledger_url) as ledger:
        payload = {"request": "hold", "comment": "let me look"}
        ledger.append(str(pilot.id), "request-1", "request", payload, actor="bob", method="test")
    assert pilot.answer() == "Suspended"
    assert pilot.gate == "hold-1"
    assert pilot.answer() == "Suspended"
    assert pilot.gate == "load-1"
    assert pilot.answer() == "Completed"


def test_a_run_that_is_asked_to_stop_stops_before_its_next_stage(pilot, orders):
    from blocks.ledger import Ledger

    pilot.start(pilot.pipeline(orders))
    pilot.go()
    with Ledger(pilot.home.ledger_url) as ledger:
        ledger.append(
            str(pilot.id), "request-1", "request", {"request": "stop", "comment": ""}, actor="bob", method="test"
        )
    assert pilot.answer() == "Completed"
    assert pilot.entries("outcome")[0].payload["outcome"] == "no-go"
    assert not (pilot.folder / "out.db").exists()


def test_a_gate_that_the_pipeline_never_asks_is_passed_and_labelled_so(pilot, orders):
    pilot.start(pilot.pipeline(orders, gates={"quality": "never", "load": {"ask": {"below": 10}}}))
    assert pilot.go() == "Completed"
    methods = {e.payload["gate"]: e.method for e in pilot.entries("answer")}
    assert methods["quality-1"] == "automatic: the pipeline never asks here"
    assert methods["load-1"].startswith("automatic: the pipeline asks below 10")
    assert pilot.entries("decision") == []


def test_the_source_gate_shows_what_came(pilot, orders):
    from flows.drive import question_of

    pilot.start(pilot.pipeline(orders, name="shop", gates={"source": "always"}))
    assert pilot.go() == "Suspended"
    assert pilot.gate == "source"
    assert "9 rows and 5 columns" in question_of(pilot.home, pilot.run).summary
    assert pilot.run.name == pilot.record().name == f"shop-{str(pilot.id)[:6]}", "named by its pipeline, not its file"


def test_the_last_round_offers_no_further_one(pilot, orders):
    from flows.drive import question_of

    pilot.start(pilot.pipeline(orders, gates={"quality": {"rounds": 1}}))
    pilot.go()
    assert [v.value for v in question_of(pilot.home, pilot.run).verdicts] == ["go", "no-go"]
    assert pilot.submit(verdict="resolve", answered_by="ann").status.value == "REJECT"


def test_a_destination_that_refuses_holds_the_run_at_its_gate_with_the_reason(pilot, orders):
    from flows.drive import question_of

    out = pilot.folder / "out.db"
    out.mkdir()
    pilot.start(pilot.pipeline(orders))
    pilot.go()
    pilot.answer()
    assert pilot.answer() == "Suspended"
    assert pilot.gate == "load-2"
    assert "The load failed and the destination is as it was" in question_of(pilot.home, pilot.run).summary
    out.rmdir()
    assert pilot.answer() == "Completed"
    assert len(pilot.loaded()) == 9


def test_same_input_and_answers_give_the_same_bytes_and_the_same_ledger(pilot, orders):
    from tasks.quality.ledger import canonical

    told = []
    for _ in range(2):
        pilot.start(pilot.pipeline(orders))
        assert pilot.to_the_end() == "Completed"
        entries = [(e.key, e.kind, _without_ids(canonical(_repeating(e)), pilot)) for e in pilot.entries()]
        (pilot.folder / "out.db").unlink()
        told.append(([s.fingerprint for s in pilot.record().snapshots()], entries))
    (prints, entries), (prints_again, entries_again) = told
    assert prints == prints_again
    for entry, again in zip(entries, entries_again, strict=True):
        assert entry == again


def _repeating(entry):
    """What repeats from run to run: a page prints when it was written, so its hash is one run's."""
    return {name: told for name, told in entry.payload.items() if (entry.kind, name) != ("page", "hash")}


def test_a_held_run_has_no_process_and_no_thread_of_its_own(pilot, orders):
    from flows.locks import taken

    before = threading.active_count()
    pilot.start(pilot.pipeline(orders))
    pilot.go()
    assert pilot.run.state_name == "Suspended"
    assert not taken(pilot.home, str(pilot.id), "flow")
    assert threading.active_count() <= before + 3  # Prefect's own event and log workers, one each


def test_verify_holds_for_a_finished_run_and_names_what_was_tampered_with(pilot, orders):

    from tasks.verify import verify

    pilot.start(pilot.pipeline(orders))
    pilot.to_the_end()
    run = pilot.record()
    assert [c.name for c in verify(run) if not c.ok] == []
    Path(run.snapshots()[-1].uri).write_bytes(b"other rows")
    assert "snapshot fingerprints" in [c.name for c in verify(run) if not c.ok]


def _without_ids(text, pilot):
    own = text.replace(str(pilot.id), "ID").replace(pilot.run.name, "NAME")
    return re.sub(r'"shown":"sha256:[0-9a-f]{64}"', "", own)  # the question as it was shown, with the run's own links


@pytest.mark.parametrize(("overdue", "state"), [("no-go", "Completed"), ("wait", "Suspended")])
def test_a_missed_deadline_is_recorded_and_never_a_silent_go(pilot, orders, overdue, state):
    from flows.drive import see_to

    gate = {
        "ask": "always",
        "deadline": "2d",
        "overdue": overdue,
        "escalate": {"after": "1d", "to": {"roles": ["head"]}},
    }
    pilot.start(pilot.pipeline(orders, gates={"quality": gate}))
    pilot.go()
    opened = datetime.now(UTC)
    with pilot._client() as client:

        def after(days):
            return list(see_to(client, pilot.home, pilot.run, opened + timedelta(days=days)))

        assert after(0.9) == []
        assert after(1) == [f"{pilot.run.name}: nobody answers quality-1; anyone who is head is asked"]
        assert after(1.5) == [], "once"
        (told,) = after(2)
        assert f"nobody answered quality-1 in time; {'no-go' if overdue == 'no-go' else 'it goes on waiting'}" in told
        if overdue == "no-go":
            assert pilot.submit(verdict="go", answered_by="ann").status.value == "ABORT", "too late"
            pilot.go()
        else:
            assert after(3) == []
    assert pilot.run.state_name == state
    assert [e.payload["overdue"] for e in pilot.entries("overdue")] == [overdue]
    assert not (pilot.folder / "out.db").exists()


def test_an_answer_at_the_last_second_is_never_overwritten_by_the_deadline(pilot, orders):
    from flows.drive import see_to

    pilot.start(pilot.pipeline(orders, gates={"quality": {"deadline": "1h", "overdue": "no-go"}}))
    pilot.go()
    with pilot._client() as client:
        as_the_timer_saw_it = pilot.run
        assert pilot.submit(verdict="go", answered_by="ann").status.value == "ACCEPT"
        late = datetime.now(UTC) + timedelta(hours=2)
        assert list(see_to(client, pilot.home, as_the_timer_saw_it, late)) == []
    pilot.go()
    assert pilot.entries("answer")[-1].actor == "ann"
    assert pilot.entries("overdue") == []
