"""Gates that say who may answer: codes, several people, wrong ones, two at once, killed while writing it down."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from pyotp import parse_uri

from blocks.approvers import KEY_FILE, MOST_FAILURES, Approver, Approvers
from tasks.verify import verify
from tests.flows.piloting import elsewhere

GATES = {"quality": "never", "load": {"who": {"roles": ["finance"]}, "people": 2, "signed": True,
                                      "meaning": ["reviewed", "approved"]}}  # fmt: skip


class People:
    """Approvers with their authenticators; each code is of a later step than the last, so that none counts twice."""

    def __init__(self, home):
        self.store = Approvers(home.ledger_url, home.path / KEY_FILE)
        self.addresses = {
            name: self.store.enrol(Approver(name, name.title(), (role,)))
            for name, role in (("ann", "finance"), ("bob", "finance"), ("eve", "it"))
        }

    def code(self, name, steps=0):
        return parse_uri(self.addresses[name]).at(datetime.now(UTC) + timedelta(seconds=30 * steps))


@pytest.fixture
def people(pilot):
    with Approvers(pilot.home.ledger_url, pilot.home.path / KEY_FILE):
        yield People(pilot.home)


@pytest.fixture
def held(pilot, orders, people):
    pilot.start(pilot.pipeline(orders, gates=GATES))
    assert pilot.go() == "Suspended"
    return pilot


def say(pilot, who, code, verdict="go", **more):
    sent = {"verdict": verdict, "answered_by": who, "code": code, **more}
    assert pilot.submit(**sent).status.value == "ACCEPT"
    return pilot.go()


def problem(pilot):
    from flows.drive import refusal

    return refusal(pilot.home, pilot.run)


def test_two_people_sign_and_the_receipt_says_who_when_and_what_it_means(held, people):
    from flows.drive import question_of

    assert say(held, "ann", people.code("ann"), comment="checked") == "Suspended"
    asked = question_of(held.home, held.run)
    assert [v.value for v in asked.verdicts] == ["confirm", "reject", "no-go"]
    assert "Ann \\(ann\\), reviewed" in asked.text
    assert "checked" in asked.text
    assert say(held, "bob", people.code("bob"), "confirm") == "Completed"
    (answer,) = [e for e in held.entries("answer") if e.payload["gate"] == "load-1"]
    assert (answer.actor, answer.method, answer.payload["verdict"]) == ("ann, bob", "signed code", "go")
    signed = answer.payload["signatures"]
    assert [(s["full_name"], s["meaning"]) for s in signed] == [("Ann", "reviewed"), ("Bob", "approved")]
    first, second = held.entries("signature")
    assert first.payload["signature"]["shown"] != second.payload["signature"]["shown"]
    from tasks.ask import shown_of

    for entry in (first, second):
        assert shown_of(held.record(), entry.payload["question"]) == entry.payload["signature"]["shown"]
    receipt = held.record().page_file("receipt.html").read_text()
    assert "Signatures" in receipt
    assert "<td>Bob (bob)</td><td>confirm</td><td>approved</td>" in receipt
    assert len(held.loaded()) == 9

    checks = {check.name: check for check in verify(held.record())}
    assert [check.detail for check in checks.values() if not check.ok or check.unchecked] == []
    assert checks["signatures"].checked == 10
    key = held.home.path / KEY_FILE
    key.rename(key.with_suffix(".away"))
    assert "the key of the approvers is not there" in signed_check(held).unchecked
    key.write_text(key.with_suffix(".away").read_text()[::-1])
    assert "signature of ann at load-1: seal: recorded hmac-sha256:" in signed_check(held).detail


def test_an_answers_file_signs_once_and_leaves_the_gate_to_the_second_person(held, people, prefect_server, monkeypatch):
    import typer
    import yaml

    from flows.commands import HELD, decide_run

    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    file = held.folder / "a.yaml"
    for name, verdict in (("ann", "go"), ("bob", "confirm")):
        file.write_text(yaml.safe_dump({"answered_by": name, "load": {"verdict": verdict, "comment": "checked"}}))
        if verdict == "go":
            with pytest.raises(typer.Exit) as left:
                decide_run(str(held.id), accepts=False, answers=file, code=people.code(name))
            assert left.value.exit_code == HELD
            assert problem(held) == ""
        else:
            decide_run(str(held.id), accepts=False, answers=file, code=people.code(name))
    assert held.run.state_name == "Completed"
    assert [e.actor for e in held.entries("signature")] == ["ann", "bob"]


def signed_check(pilot):
    return next(check for check in verify(pilot.record()) if check.name == "signatures")


def test_wrong_people_and_codes_are_asked_again_with_the_reason_and_written_down(held, people):
    wrong = "000000" if people.code("ann") != "000000" else "000001"
    eves = people.code("eve")
    for who, code, why in (
        ("zoe", "123456", "zoe is no approver; it is for anyone who is finance; 2 different people"),
        ("eve", eves, "eve may not answer this gate"),
        ("eve", eves, "eve has used that code already"),
        ("ann", wrong, "the code for ann is wrong or too old"),
    ):
        assert say(held, who, code) == "Suspended"
        assert why in problem(held)
    say(held, "bob", people.code("bob"), seen="0123456789abcdef")
    assert "answers a question that is not asked any more" in problem(held)
    assert say(held, "ann", people.code("ann")) == "Suspended"
    assert say(held, "ann", people.code("ann", 1), "confirm") == "Suspended"
    assert "ann has answered already" in problem(held)
    for _ in range(MOST_FAILURES):
        people.store.failed("bob", datetime.now(UTC))
    assert say(held, "bob", people.code("bob", 1), "confirm") == "Suspended"
    assert "too many failed attempts in the name of bob" in problem(held)
    refused = held.entries("refused")
    assert [e.actor for e in refused] == ["zoe", "eve", "eve", "ann", "gonogo", "ann", "bob"]
    assert [bool(e.payload.get("failure")) for e in refused] == [True, True, True, True, False, True, True]
    assert not (held.folder / "out.db").exists()


def test_a_rejection_needs_a_reason_and_sets_the_answer_aside_and_stopping_needs_no_leave(held, people):
    from flows.drive import stop_held

    say(held, "ann", people.code("ann"))
    say(held, "bob", people.code("bob"), "reject")
    assert "no reason is given" in problem(held)
    assert say(held, "bob", people.code("bob", 1), "reject", comment="wrong month") == "Suspended"
    assert problem(held) == "bob rejected what ann said: wrong month"
    with held._client() as client:
        stop_held(client, held.home, held.run, "zoe", "stop it")
    assert held.entries("outcome")[0].payload["outcome"] == "no-go"
    *_, signature = held.entries("signature")
    assert (signature.actor, signature.payload["signature"]["meaning"]) == ("zoe", "")


def test_of_two_people_who_sign_at_once_one_counts_and_the_other_is_asked_to_agree(held, people):
    answers, ready = {}, threading.Barrier(2)

    def sign(who):
        ready.wait()
        answers[who] = held.submit(verdict="go", answered_by=who, code=people.code(who)).status.value

    threads = [threading.Thread(target=sign, args=(who,)) for who in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers.values()) == ["ABORT", "ACCEPT"]
    assert held.go() == "Suspended"
    (signature,) = held.entries("signature")
    assert answers[signature.actor] == "ACCEPT"


KILLED = """
import os, signal, sys
from uuid import UUID
import blocks.approvers, blocks.ledger
point = sys.argv[2]

def dies(wrapped, when):
    def call(*args, **kwargs):
        if when == "before": os.kill(os.getpid(), signal.SIGKILL)
        result = wrapped(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    return call

when, _, what = point.partition(" ")
append = blocks.ledger.Ledger.append
def appending(self, run_id, key, *args, **kwargs):
    if key.startswith(what): return dies(append, when)(self, run_id, key, *args, **kwargs)
    return append(self, run_id, key, *args, **kwargs)
if what == "code":
    blocks.approvers.Approvers.use = dies(blocks.approvers.Approvers.use, when)
elif what:
    blocks.ledger.Ledger.append = appending

from flows.drive import execute, held, revive
from flows.home import Home
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    run = client.read_flow_run(UUID(sys.argv[1]))
    if not held(run) and not run.state.is_scheduled(): revive(client, Home.here(), run)
    print(execute(client, run.id).state_name)
"""


def test_killed_between_any_two_steps_of_recording_an_answer_it_counts_once_and_is_not_asked_again(
    held, people, prefect_server, forked
):
    say(held, "ann", people.code("ann"))
    sent = {"verdict": "confirm", "answered_by": "bob", "code": people.code("bob")}
    assert held.submit(**sent).status.value == "ACCEPT"
    environment = elsewhere(prefect_server)
    for point in ("before code", "after code", "after signature", "before answer-load", "after answer-load", ""):
        done = forked.run(KILLED, str(held.id), point, env=environment)
        assert done.returncode == (-9 if point else 0), f"{point}: {done.stderr[-2000:]}"
    assert done.stdout.strip() == "Completed"
    assert [e.actor for e in held.entries("signature")] == ["ann", "bob"]
    assert held.entries("refused") == []
    assert len(held.loaded()) == 9
