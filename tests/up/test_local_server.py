"""The embedded server is there while any command uses it, and at no other time."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from functools import partial

import httpx
import pytest

from flows import local
from flows.home import Home
from flows.local import LOG_BYTES, Addresses, answers, authorization, free_port, rotate, running, server, spawn
from flows.up import _secure
from tasks.quality.errors import PilotMustDecide, TryAgain

USE = """
import sys
from pathlib import Path
from flows.home import Home
from flows.local import server
with server(Home(Path(sys.argv[1])), tell=print) as api:
    print("api", api)
    sys.stdin.read()
print("done")
"""


def listens(addresses: Addresses) -> bool:
    host, _, port = addresses.ui.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_a_server_is_there_inside_and_gone_afterwards(home):
    told = []
    with server(home, tell=told.append) as api:
        assert httpx.get(f"{api}/health").json() is True
        assert os.environ["PREFECT_API_URL"] == api
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            assert str(client.api_url).rstrip("/") == api
        addresses = running(home)
        assert addresses
        assert addresses.api == api
        ui = httpx.get(f"{addresses.ui}/ui-settings").json()
        assert ui["api_url"] == api
    assert "PREFECT_API_URL" not in os.environ
    assert not listens(addresses)
    assert not home.server_file.exists()
    assert any("ready after" in line for line in told)


def test_a_server_that_is_too_busy_to_answer_is_waited_for_and_no_second_one_is_started(home, monkeypatch):
    with server(home):
        busy = running(home)
        os.kill(busy.pid, signal.SIGSTOP)
        told = []

        def tell(line):
            told.append(line)
            os.kill(busy.pid, signal.SIGCONT)

        assert local._join_or_start(home, None, tell) == (busy, None)
        assert told == ["waiting for the Prefect server, which is busy …"]
        assert running(home) == busy
        os.kill(busy.pid, signal.SIGSTOP)
        monkeypatch.setattr(local, "START_SECONDS", 0)
        monkeypatch.setattr(local, "answers", partial(answers, timeout_seconds=0.1))
        with pytest.raises(TryAgain, match=rf"does not answer .*wait until it is less busy, or end process {busy.pid}"):
            local._join_or_start(home, None, print)
        os.kill(busy.pid, signal.SIGCONT)
        monkeypatch.undo()


def test_a_secured_server_asks_everybody_and_commands_of_its_home_bring_what_it_asks_for(home):
    from prefect.client.orchestration import get_client

    home.secure(on=True)
    assert home.auth_file.stat().st_mode & 0o777 == 0o600
    with server(home) as api:
        strangers = ({}, authorization("gonogo:guess"), {"authorization": "Bearer " + home.auth})
        for brought in strangers:
            assert httpx.post(f"{api}/flow_runs/count", headers=brought).status_code == 401
        assert httpx.post(f"{api}/flow_runs/count", headers=authorization(home.auth)).json() == 0
        with get_client(sync_client=True) as client:
            assert client.read_work_pools(limit=1) == []
        assert running(home)
        with pytest.raises(TryAgain, match="runs with authentication already"):
            _secure(home, on=False)
    _secure(home, on=False)
    assert not home.auth


def test_the_users_own_server_is_not_told_and_not_secured(home, monkeypatch):
    home.secure(on=True)
    assert home.environment()["PREFECT_API_AUTH_STRING"] == home.auth
    monkeypatch.setenv("PREFECT_API_URL", "http://example.org/api")
    assert "PREFECT_API_AUTH_STRING" not in home.environment()
    with pytest.raises(PilotMustDecide, match="a Prefect server of your own"):
        _secure(home, on=True)


def test_commands_that_start_at_once_share_one_server_and_the_first_to_end_leaves_it_to_the_other(
    home, command, eventually
):
    first, second = command(USE, str(home.path)), command(USE, str(home.path))
    api = first.until("api ")
    assert second.until("api ") == api
    addresses = running(home)
    assert addresses
    said = first.finish() + "".join(second.lines)
    assert sum(line.startswith("starting the Prefect server") for line in said.splitlines()) == 1
    assert answers(addresses)
    second.finish()
    eventually(lambda: not listens(addresses))


def test_a_server_ends_when_its_only_user_is_killed_and_the_next_command_starts_another(home, command, eventually):
    user = command(USE, str(home.path))
    user.until("api ")
    addresses = running(home)
    assert addresses
    user.process.kill()
    eventually(lambda: not listens(addresses))
    assert home.server_file.exists()  # the killed command could not remove it
    with server(home) as api:
        assert httpx.get(f"{api}/health").is_success


def test_the_users_own_server_is_used_and_none_is_started(home, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    monkeypatch.setenv("PREFECT_API_URL", f"http://ann:s3cret@127.0.0.1:{free}/api")
    with pytest.raises(TryAgain, match="PREFECT_API_URL") as refused, server(home):
        pass
    assert "s3cret" not in str(refused.value)
    assert not home.server_file.exists()


def test_a_stranger_on_the_published_port_is_not_taken_for_our_server(home, served):
    other = Addresses.read(served)
    assert other
    Addresses(other.api, other.ui, other.pid, str(home.prefect)).write(home)
    assert running(served)
    assert running(home) is None


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"api": 1})])
def test_an_unreadable_address_file_is_as_good_as_none(home, content):
    home.server_file.write_text(content)
    assert running(home) is None


def test_a_new_home_is_nobody_elses_business(tmp_path):
    Home(tmp_path / "home").secure(on=True)
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0


def test_a_server_that_cannot_start_says_what_it_printed(home):
    (home.prefect / "prefect.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(TryAgain) as failed, server(home):
        pass
    assert "the Prefect server ended with status" in str(failed.value)
    assert "DatabaseError" in str(failed.value)


def test_a_log_that_has_grown_long_is_kept_once_and_whoever_writes_it_goes_on(tmp_path):
    log, start = tmp_path / "worker.log", b"x" * LOG_BYTES
    with log.open("ab", buffering=0) as writer:
        writer.write(start)
        rotate(log)
        assert not (tmp_path / "worker.log.1").exists(), "not yet too long"
        writer.write(b"1\n")
        rotate(log)
        writer.write(b"2\n")
    assert (tmp_path / "worker.log.1").read_bytes() == start + b"1\n"
    assert log.read_bytes() == b"2\n"


def test_a_preferred_port_is_taken_when_it_is_free():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        assert free_port(taken) != taken
    assert free_port(taken) == taken


GARBAGE = """
import threading, time

class Circle:
    def __init__(self):
        self.itself = self
    def __del__(self):
        collected_in.add(threading.current_thread() is threading.main_thread())

collected_in = set()
until = time.monotonic() + 10
while not collected_in and time.monotonic() < until:
    circles = [Circle() for _ in range(5_000)]
    time.sleep(0.01)
print("collected in the main thread:", collected_in)
"""


def test_the_servers_garbage_is_never_collected_in_the_thread_that_answers(tmp_path):
    """It would wait there for a connection of SQLite's that waits for what this thread has to end: for a minute."""
    (tmp_path / "garbage.py").write_text(GARBAGE)
    log, wanted = tmp_path / "log", tmp_path / "wanted"
    with wanted.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        spawn("garbage", log=log, wanted=wanted, env={**os.environ, "PYTHONPATH": str(tmp_path)}).wait(30)
    assert "collected in the main thread: {False}" in log.read_text()


SPARED = """
import httpx
from flows.local import _spare_the_server

_spare_the_server()

from prefect.logging import configuration
from prefect.server.api import server
from prefect.server.api.clients import OrchestrationClient

served = server.create_app(webserver_only=True)
set_up = []
configuration.setup_logging = lambda: set_up.append(True)
applications = {id(OrchestrationClient()._http_client._transport.app) for _ in range(3)}
certificates = {id(httpx.AsyncClient()._transport._pool._ssl_context) for _ in range(3)}
print(applications == {id(served)}, len(set_up), len(certificates))
"""


def test_for_a_notification_the_server_makes_nothing_that_it_has(tmp_path):
    """To make it takes nearly half a second for each, in which the server answers nobody."""
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path)}
    command = [sys.executable, "-c", SPARED]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert told.stdout.split() == ["True", "0", "1"], told.stderr
