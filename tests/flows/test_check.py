"""`gonogo check`: what is due, once, for a scheduler: reminders, deadlines, and runs that lost their process."""

import time

import httpx
import pytest

from flows.cli import server_away
from flows.commands import check_runs
from tests.services.api import Said, running_api


@pytest.fixture
def check(pilot, prefect_server, monkeypatch, capsys):
    """Run the command; gives what it says about the pilot's run, a line each."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)

    def checked() -> list[str]:
        capsys.readouterr()
        check_runs()
        said = capsys.readouterr().out.splitlines()
        assert said, "it says when nothing was due"
        return [line for line in said if pilot.run.name in line]

    return checked


def test_what_is_due_is_done_once_and_a_deadline_ends_the_run(pilot, orders, check):
    from flows import drive
    from flows.drive import execute

    gate = {"ask": "always", "remind": "1s", "deadline": "2s", "overdue": "no-go"}
    pilot.start(pilot.pipeline(orders, gates={"quality": gate}))
    assert pilot.go() == "Suspended"
    said, until = [], time.monotonic() + 60
    while not pilot.entries("overdue") and time.monotonic() < until:
        said += check()
        time.sleep(0.1)
    assert f"{pilot.run.name}: nobody answered quality-1 in time; no-go, as its pipeline says" in said
    assert len(said) == len(set(said)) == len(pilot.entries("reminded")) + len(pilot.entries("overdue"))
    assert len(pilot.entries("overdue")) == 1
    assert drive.held(pilot.run) is False
    assert check() == [], "what was done is not done again"
    with pilot._client() as client:
        assert execute(client, pilot.id).state_name == "Completed"
    (answer,) = (e for e in pilot.entries("answer") if e.payload["gate"] == "quality-1")
    assert (answer.actor, answer.payload["verdict"]) == ("deadline", "no-go")
    assert pilot.entries("outcome")[0].payload["outcome"] == "no-go"


def test_a_run_that_lost_its_process_goes_on(pilot, orders, check, monkeypatch):
    from prefect.states import Running

    from flows import drive

    started = []
    monkeypatch.setattr(drive, "_LOST_SECONDS", 0)
    monkeypatch.setattr(drive.subprocess, "Popen", lambda command, **_: started.append(command))
    pilot.start(pilot.pipeline(orders))
    assert pilot.go() == "Suspended"
    with pilot._client() as client:  # as a process that was killed leaves it
        client.set_flow_run_state(pilot.id, Running(), force=True)
    assert check() == [f"{pilot.run.name} lost its process and goes on where it was"]
    assert started == [[drive.sys.executable, "-m", "flows.cli", "resume", str(pilot.id)]]
    assert pilot.go() == "Suspended"
    assert pilot.gate == "quality-1"


def test_a_server_that_is_away_or_overloaded_is_told_of_in_one_line_and_other_errors_are_not_hidden():
    with running_api() as server:
        server.answers.append(Said(503))
        said = httpx.get(server.url, trust_env=False)
    with pytest.raises(httpx.HTTPError) as busy:
        said.raise_for_status()
    with pytest.raises(httpx.HTTPError) as away:
        httpx.get(server.url, trust_env=False, timeout=5)
    told = "the Prefect server did not answer as it should ({}); nothing is lost: try again, or gonogo resume RUN"
    assert server_away(busy.value) == told.format("it said 503")
    assert server_away(away.value) in (told.format("ConnectError"), told.format("ConnectTimeout"))
    assert server_away(ValueError("a fault of ours")) is None
