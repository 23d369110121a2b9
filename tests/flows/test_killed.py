"""kill -9 at every moment: the run goes on where it was, asks nothing twice and loads nothing twice."""

from __future__ import annotations

import sqlite3

import pytest

from tests.flows.piloting import elsewhere

CARRIER = """
import os, signal, sys
from uuid import UUID
run_id, kill_at = sys.argv[1], int(sys.argv[2])
heard = 0

def listen(announcement):
    global heard
    heard += 1
    if heard == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)

from flows.drive import execute, hand_in, held, question_of, revive
from flows.home import Home
from prefect.client.orchestration import get_client
from tasks.announce import listening
from tasks.quality.question import answer_of


home = Home.here()
with get_client(sync_client=True) as client, listening(listen):
    run = client.read_flow_run(UUID(run_id))
    if not held(run) and run.run_count:
        revive(client, home, run)
    while True:
        if held(run):
            asked = question_of(home, run)
            said = {"verdict": "go", "answered_by": "ann", "comment": "as tested"}
            hand_in(client, home, run, answer_of(asked, said, method="test"))
        run = execute(client, run.id)
        if not held(run):
            break
print(run.state_name)
"""


@pytest.fixture
def carry(pilot, prefect_server, forked):
    """Carry a run in a process that kills itself; its exit status and last word."""

    def carried(kill_at: int, script: str = CARRIER) -> tuple[int, str]:
        done = forked.run(script, str(pilot.id), str(kill_at), env=elsewhere(prefect_server))
        return done.returncode, done.stdout.strip() or done.stderr[-2000:]

    return carried


def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_happened(pilot, carry, orders):
    pipeline = pilot.pipeline(orders)
    undisturbed = pilot.start(pipeline)
    assert undisturbed.to_the_end() == "Completed"
    expected_rows = sorted(pilot.loaded())
    expected_prints = [snapshot.fingerprint for snapshot in pilot.record().snapshots()]
    expected_keys = sorted(entry.key for entry in pilot.entries())
    (pilot.folder / "out.db").unlink()

    pilot.start(pipeline)
    kills = 0
    for kill_at in (1, 2, 3, 2, 4, 3, 5, 4, 6, 2, 3, 2, 3, 2, 100):
        status, said = carry(kill_at)  # at its announcement of this number
        if status == 0:
            assert said == "Completed"
            break
        assert status == -9, said
        kills += 1
    assert kills >= 8
    assert sorted(pilot.loaded()) == expected_rows
    assert [snapshot.fingerprint for snapshot in pilot.record().snapshots()] == expected_prints
    keys = [entry.key for entry in pilot.entries()]
    assert len(keys) == len(set(keys))
    assert sorted(keys) == expected_keys
    assert len(pilot.entries("commit")) == 1


def test_killed_inside_the_load_the_destination_is_old_or_new_and_loaded_once(pilot, carry, orders):
    script = CARRIER.replace(
        "home = Home.here()",
        "home = Home.here()\n"
        "from blocks.destinations.markers import Markers\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "if kill_at: Markers.write = die",
    )
    pilot.start(pilot.pipeline(orders))
    for kill_at, status in ((1000, -9), (0, 0)):
        ended, said = carry(kill_at, script)
        assert ended == status, said
        if status:
            with sqlite3.connect(pilot.folder / "out.db") as connection:
                assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name='orders'").fetchone() == (0,)
    assert len(pilot.loaded()) == pilot.record().snapshots()[-1].rows
    assert len(pilot.entries("commit")) == 1


def test_killed_around_handing_an_answer_in_it_is_given_once_and_by_whom_it_was(pilot, carry, orders):
    """At a terminal: written down that it is handed in, given to Prefect, taken by the flow."""
    script = CARRIER.replace(
        "home = Home.here()",
        "home = Home.here()\n"
        "from flows import drive\n"
        "resume = drive._resume\n"
        "def dies(*args):\n"
        "    if kill_at == 2: resume(*args)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "if kill_at: drive._resume = dies",
    ).replace(", listening(listen)", "")
    pilot.start(pilot.pipeline(orders, gates={"load": "never"}))
    for killed in (1, 2, 0):
        ended, word = carry(killed, script)
        assert ended == (-9 if killed else 0), word
    assert word == "Completed"
    (answer,) = (e for e in pilot.entries("answer") if e.payload["gate"] == "quality-1")
    assert (answer.actor, answer.method) == ("ann", "test")
    assert len(pilot.entries("submission")) == 1
    assert len(pilot.entries("commit")) == 1
