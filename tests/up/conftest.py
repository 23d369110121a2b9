"""A home whose Prefect database is made once: a server on a copy of it starts in three seconds, not eight."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.home import Home
from flows.local import server

REPOSITORY = Path(__file__).parents[2]
OURS = ("PREFECT_", "GONOGO_")


@contextmanager
def no_settings() -> Iterator[None]:
    """Without the settings of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(OURS)]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="module", autouse=True)
def _no_settings() -> Iterator[None]:
    from prefect.events.worker import EventsWorker

    EventsWorker.drain_all(timeout=5)  # it stays with the first server that this process used
    with no_settings():
        yield


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Prefect folder with a database in which nothing has happened."""
    home = Home(tmp_path_factory.mktemp("seed"))
    with no_settings(), server(home):
        pass
    return home.prefect


@pytest.fixture
def home(tmp_path: Path, seed: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)  # that of `served`
    return seeded(tmp_path / "home", seed)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, seed: Path) -> Iterator[Home]:
    """A home with its server, for a module."""
    home = seeded(tmp_path_factory.mktemp("served"), seed)
    with server(home):
        yield home


def seeded(path: Path, seed: Path) -> Home:
    home = Home(path)
    shutil.copytree(seed, home.prefect, dirs_exist_ok=True)
    return home


class Command:
    """Another process with a script that prints lines, told to go on by closing its input."""

    def __init__(self, script: str, *args: str, **env: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", script, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=REPOSITORY,
            env=clean | env,
        )
        self.lines: list[str] = []

    def until(self, wanted: str) -> str:
        """The next line in which `wanted` stands."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            if wanted in line:
                return line.rstrip("\n")
        raise AssertionError(f"{wanted!r} was not printed:\n{''.join(self.lines)}")

    def finish(self) -> str:
        """Let it come to its end; what it printed."""
        rest, _ = self.process.communicate(timeout=30)
        return "".join(self.lines) + rest


@pytest.fixture
def command() -> Iterator[Callable[..., Command]]:
    started: list[Command] = []

    def start(script: str, *args: str, **env: str) -> Command:
        started.append(Command(script, *args, **env))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


def eventually(what: Callable[[], object], *, within_seconds: float = 20) -> None:
    """Wait until something holds."""
    until = time.monotonic() + within_seconds
    while not what():
        assert time.monotonic() < until, f"not within {within_seconds} s"
        time.sleep(0.1)


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., None]:
    return eventually


@contextmanager
def site(home: Home, pipelines: Path) -> Iterator[dict[str, str]]:
    """`gonogo up` in a process of its own; gives the environment of commands that join it."""
    environment = {**os.environ, "GONOGO_HOME": str(home.path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "flows.cli", "up", "--pipelines", str(pipelines), "--port", "0"]
    said = home.path / "up.log"
    with said.open("w") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
    try:
        eventually(lambda: "Ctrl-C stops everything" in said.read_text(), within_seconds=90)
        yield environment
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
