"""`gonogo up`: everything local, kept running, printed, and gone within seconds after Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import httpx
import psutil
import pytest
from rich.console import Console

from blocks.links import EVERYTHING, key_in, signed
from flows.home import Home
from flows.local import LOG_BYTES, Addresses, answers, free_port, listening, running, server
from flows.up import Child, Outbox, _Site, _stoppable, up
from tasks.quality.errors import TryAgain
from tests.up.conftest import REPOSITORY

UP = """
import sys
from pathlib import Path
from rich.console import Console
from flows import up
from blocks.links import EVERYTHING, key_in, signed
from flows.home import Home
up.SERVER_PORT, up.PAGES_PORT, up.ADOPT_SECONDS, up.APPS_SECONDS = int(sys.argv[3]), int(sys.argv[4]), 0.5, 0.5
adopted = iter([["orders-7f3a: carried on"]])
up.up(Home(Path(sys.argv[1])), Path(sys.argv[2]), secure=True, console=Console(width=200),
      adopt=lambda: next(adopted, []))
print("over")
"""

TINY = """
import os
import time
from pathlib import Path
from prefect import flow

@flow(name="tiny")
def tiny(into: str, seconds: float = 0) -> None:
    Path(into).write_text(os.environ["GONOGO_REPORTS_URL"] + " " + os.environ["GONOGO_HOME"])
    time.sleep(seconds)
"""

PIPELINE = """\
name: orders
source: {kind: file, path: orders.csv}
destination: {kind: file, path: refined.parquet}
"""


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture
def pipelines(tmp_path: Path) -> Path:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (folder / "orders.yaml").write_text(PIPELINE)
    return folder


@pytest.fixture
def flows_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "tinyflow.py").write_text(TINY)
    return f"{tmp_path / 'modules'}{os.pathsep}{REPOSITORY}"


@pytest.fixture
def started(home: Home, pipelines: Path, ports: tuple[int, int], flows_of_the_test: str, command) -> Iterator:
    process = command(UP, str(home.path), str(pipelines), *map(str, ports), PYTHONPATH=flows_of_the_test)
    process.until("Ctrl-C stops everything")
    yield process
    for left in psutil.Process().children(recursive=True):
        left.kill()


def descendants(process) -> list[psutil.Process]:
    return psutil.Process(process.process.pid).children(recursive=True)


def one(processes: list[psutil.Process], word: str) -> psutil.Process:
    return next(process for process in processes if word in (process.as_dict(["cmdline"])["cmdline"] or ()))


def run_by_the_worker(home: Home, into: Path, eventually: Callable[..., None], seconds: float = 0) -> str:
    """Deploy the tiny flow, start it as the UI would, and give what it wrote."""
    from prefect.client.orchestration import get_client

    with server(home), get_client(sync_client=True) as client:
        flow = client.create_flow_from_name("tiny")
        deployment = client.create_deployment(flow, "tiny", entrypoint="tinyflow.tiny", work_pool_name="gonogo")
        client.create_flow_run_from_deployment(deployment, parameters={"into": str(into), "seconds": seconds})
        eventually(into.exists, within_seconds=40)
    return into.read_text()


def test_everything_runs_heals_itself_and_is_gone_after_ctrl_c(home, started, ports, tmp_path, eventually):
    said = "".join(started.lines)
    assert f"http://127.0.0.1:{ports[0]}" in said
    assert f"http://127.0.0.1:{ports[1]}" in said
    assert "pipeline orders deployed" in said
    addresses = running(home)
    assert addresses
    assert (addresses.ui, addresses.pages) == (f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}")
    assert addresses.up == started.process.pid
    assert f"the UI asks for the line in {home.auth_file}" in said
    assert home.auth not in said
    assert httpx.post(f"{addresses.api}/flow_runs/count").status_code == 401

    started.until("orders-7f3a: carried on")  # what adopt says is printed
    assert run_by_the_worker(home, tmp_path / "ran", eventually) == f"{addresses.pages} {home.path}"
    assert httpx.get(addresses.pages).status_code == 403
    door = signed(f"{addresses.pages}/", key_in(home.path), EVERYTHING, int(time.time()) + 60)
    assert "No runs yet" in httpx.get(door, follow_redirects=True).text
    home.outbox.write_text(
        json.dumps({"at": "2026-01-01T10:11:12", "subject": "[b]<x> o.csv", "body": "one\ntwo"}) + "\n"
    )
    assert "10:11:12 [b]<x> o.csv" in started.until("10:11:12")

    one(descendants(started), "flows.pages").kill()
    assert "it is started again in 1 s" in started.until("the page server ended")
    assert httpx.get(addresses.pages, timeout=120).status_code == 403, "who comes while it starts again waits"

    pages = home.logs / "pages.log"
    with pages.open("ab") as log:
        log.truncate(LOG_BYTES + 1)
    eventually((home.logs / "pages.log.1").exists)
    eventually(lambda: pages.stat().st_size < LOG_BYTES)

    psutil.Process(addresses.pid).kill()
    started.until("the Prefect server ended; starting it again")
    eventually(lambda: (again := running(home)) and again.pid != addresses.pid and again.pages)
    assert running(home).api == addresses.api

    run_by_the_worker(home, tmp_path / "under way", eventually, seconds=600)
    everything = descendants(started)
    assert one(everything, "prefect.engine")
    started.process.send_signal(signal.SIGINT)
    rest = started.finish()
    assert "stopped" in rest
    assert rest.rstrip().endswith("over")
    assert not [process for process in everything if process.is_running()]
    assert not home.server_file.exists()


def test_a_slack_app_that_is_saved_is_connected_again_when_its_listener_dies(home, started, eventually):
    from prefect.client.orchestration import get_client

    from blocks.saved import block_type
    from blocks.slack import SIDE, SLUG, SlackApp
    from tests.services.slack import APP, BOT, CHANNEL, running_slack

    with running_slack() as slack, server(home), get_client(sync_client=True) as client:
        app = block_type(SIDE, SlackApp)(bot_token=BOT, app_token=APP, channel=CHANNEL, base_url=slack.url)
        app.save("shop")
        started.until("Slack app shop: runs are told there")
        eventually(lambda: slack.sockets, within_seconds=60)
        one(descendants(started), "flows.slack").kill()
        assert "it is started again in 1 s" in started.until("the Slack app shop ended")
        eventually(lambda: not slack.sockets)
        eventually(lambda: slack.sockets, within_seconds=60)
        client.delete_block_document(client.read_block_document_by_name("shop", SLUG).id)
        started.until("Slack app shop is saved no more")
        eventually(lambda: not slack.sockets)
    logs = "".join(log.read_text() for log in home.logs.iterdir())
    assert BOT not in logs
    assert APP not in logs


def test_a_second_one_says_where_the_first_is_and_nothing_outlives_a_kill(
    home, started, command, pipelines, ports, eventually
):
    second = command(UP, str(home.path), str(pipelines), *map(str, ports)).finish()
    assert "gonogo up is running already" in second
    assert str(started.process.pid) in second
    assert f"http://127.0.0.1:{ports[0]}" in second
    assert f"http://127.0.0.1:{ports[1]}" in second

    everything = descendants(started)
    assert len(everything) >= 3
    started.process.kill()
    eventually(lambda: not [process for process in everything if process.is_running() and process.status() != "zombie"])


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(home, pipelines):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        with pytest.raises(TryAgain, match=f"port {taken} is in use"):
            up(home, pipelines, port=taken, console=Console(quiet=True))
    assert Addresses.read(home) is None


def test_two_started_at_once_get_report_pages_of_their_own(monkeypatch):
    from flows import up as module

    said: list[str] = []
    monkeypatch.setattr(module, "PAGES_PORT", free_port())
    with module._pages_socket(said.append) as first, module._pages_socket(said.append) as second:
        assert first.getsockname()[1] == module.PAGES_PORT != second.getsockname()[1]
        assert said == [f"port {module.PAGES_PORT} is in use; the report pages take {second.getsockname()[1]}"]


def test_a_server_whose_port_was_taken_after_it_was_chosen_takes_another(home):
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as stranger, listening() as pages:
        taken = stranger.getsockname()[1]
        site = _Site(home, said.append, taken, pages)
        site.serve()
        try:
            assert answers(Addresses.read(home), auth=home.auth)
            assert site.api not in ("", f"http://127.0.0.1:{taken}/api")
            assert f"port {taken} is in use meanwhile; the Prefect server takes another" in said
        finally:
            site.leave()


def test_a_closed_terminal_stops_it_unless_it_was_told_not_to():
    """As `nohup` tells a command."""
    before = signal.getsignal(signal.SIGHUP)
    try:
        for ignored in (True, False):
            signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
            with nullcontext() if ignored else pytest.raises(KeyboardInterrupt), _stoppable():
                signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_port_0_is_a_free_one_and_not_the_usual_one(home, monkeypatch):
    from flows import up as module

    said: list[str] = []
    monkeypatch.setattr(module, "SERVER_PORT", free_port())
    assert module._server_port(home, None, said.append) == module.SERVER_PORT
    assert module._server_port(home, 0, said.append) not in (0, module.SERVER_PORT)
    assert said == []


def test_a_child_that_keeps_ending_is_started_less_and_less_often(tmp_path):
    import subprocess
    import sys

    said: list[str] = []

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-S", "-c", "raise SystemExit(7)"], start_new_session=True)

    child = Child("worker", start, tmp_path / "worker.log")
    pauses = []
    for _ in range(7):
        child.started = -1000.0  # the pause is over
        child.tend(said.append)
        assert child.process
        child.process.wait()
        child.tend(said.append)
        pauses.append(child.pause_seconds)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert "the worker ended with status 7" in said[0]


def test_the_outbox_gives_each_whole_line_once(tmp_path):
    path = tmp_path / "outbox.jsonl"
    path.write_text('{"subject": "old"}\n')
    outbox = Outbox(path)
    assert list(outbox.new()) == []
    with path.open("a") as file:
        file.write('{"subject": "new"}\n{"subject": "ha')
        file.flush()
        assert list(outbox.new()) == [{"subject": "new"}]
        file.write('lf"}\n')
        file.flush()
    assert list(outbox.new()) == [{"subject": "half"}]
    assert path.stat().st_size == outbox.position
