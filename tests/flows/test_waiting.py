"""A gate that nobody answers, by a clock that is moved, looked after by processes that come and go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.flows.piloting import elsewhere

WAITING = ("reminded", "escalated", "overdue")

LOOK_AFTER = """
import os, signal, sys
from datetime import datetime
from flows.drive import adopt
from flows.home import Home
import blocks.ledger, tasks.wait


def dies(*_args, **_kwargs): os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "tell": tasks.wait.tell = dies
if sys.argv[2] == "append": blocks.ledger.Ledger.append = dies
print(*adopt(Home.here(), datetime.fromisoformat(sys.argv[1])), sep="\\n")
"""


@pytest.fixture
def look_after(pilot, prefect_server, forked):
    """Look after all runs at a moment, in a process that knows nothing of those before; what it did for the pilot's."""
    environment = elsewhere(prefect_server)

    def look(moment: datetime, killed: str = "") -> list[str]:
        done = forked.run(LOOK_AFTER, moment.isoformat(), killed, env=environment)
        assert done.returncode == (-9 if killed else 0), done.stderr[-2000:]
        return [line for line in done.stdout.splitlines() if pilot.run.name in line]

    return look


def told(pilot) -> list[str]:
    """What was told of the waiting, in order."""
    with pilot.record().open_told() as kept:
        words = [each.happened.rpartition(".")[2] for each in kept.of(str(pilot.id))]
    return [word for word in words if word in WAITING]


def test_quiet_hours_a_second_group_and_the_deadline_survive_restarts(pilot, orders, look_after):
    now = datetime.now(UTC)
    quiet = {"start": f"{now + timedelta(hours=1):%H:%M}", "end": f"{now + timedelta(hours=5):%H:%M}"}
    gate = {
        "ask": "always",
        "quiet": quiet,
        "remind": "2h",
        "escalate": {"after": "3h", "to": {"roles": ["head"]}},
        "deadline": "8h",
    }
    pilot.start(pilot.pipeline(orders, gates={"quality": gate}))
    assert pilot.go() == "Suspended"
    name = pilot.run.name

    assert look_after(now + timedelta(hours=4)) == [], "it is quiet"
    for killed_before in ("tell", "append"):
        assert look_after(now + timedelta(hours=5, minutes=1), killed_before) == []
    assert look_after(now + timedelta(hours=5, minutes=1)) == [
        f"{name}: reminded of quality-1",
        f"{name}: nobody answers quality-1; anyone who is head is asked",
    ]
    assert look_after(now + timedelta(hours=5, minutes=2)) == [], "once"
    assert f"{name}: nobody answered quality-1 in time; it goes on waiting" in look_after(now + timedelta(hours=9))
    assert look_after(now + timedelta(hours=30)) == [], "nobody is reminded after the deadline"
    assert [len(pilot.entries(kind)) for kind in ("escalated", "overdue")] == [1, 1]
    assert told(pilot) == ["reminded", "escalated", "reminded", "overdue"]
    assert pilot.answer() == "Suspended", "it can still be answered"
    assert pilot.gate == "load-1"


def test_who_is_asked_second_may_answer_a_strict_gate_from_then_on(pilot, orders, look_after):
    from blocks.approvers import Approver
    from flows.drive import refusal

    with pilot.home.approvers() as approvers:
        approvers.enrol(Approver("ann", roles=("finance",)))
        approvers.enrol(Approver("zoe", roles=("head",)))
    gate = {"who": {"roles": ["finance"]}, "escalate": {"after": "1h", "to": {"roles": ["head"]}}}
    pilot.start(pilot.pipeline(orders, gates={"quality": "never", "load": gate}))
    assert pilot.go() == "Suspended"
    assert pilot.answer(answered_by="zoe") == "Suspended"
    assert "zoe may not answer this gate" in refusal(pilot.home, pilot.run)
    (said,) = look_after(datetime.now(UTC) + timedelta(hours=1))
    assert "anyone who is head is asked" in said
    assert pilot.answer(answered_by="zoe") == "Completed"
    assert pilot.entries("answer")[-1].actor == "zoe"


def test_nobody_is_reminded_of_a_gate_whose_answer_is_not_recorded_yet_nor_is_a_second_group_asked(pilot, orders):
    from flows.drive import see_to

    gate = {
        "remind": "1h",
        "quiet": {"start": "00:00", "end": "00:01"},
        "escalate": {"after": "1h", "to": {"roles": ["head"]}},
        "deadline": "1h",
    }
    pilot.start(pilot.pipeline(orders, gates={"quality": gate}))
    pilot.go()
    with pilot._client() as client:
        as_the_timer_saw_it = pilot.run
        late = datetime.now(UTC) + timedelta(hours=3)
        assert pilot.submit(verdict="go", answered_by="ann").status.value == "ACCEPT"
        assert list(see_to(client, pilot.home, as_the_timer_saw_it, late)) == []
    for kind in WAITING:
        assert pilot.entries(kind) == []
