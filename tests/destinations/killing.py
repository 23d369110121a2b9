"""Kill a load, or its undoing, at a moment: every case in a child of one process that has imported all there is.

    python -m tests.destinations.killing

It reads a JSON list of cases a line, and answers each line by one. A case names a place, a moment, and whether a load
or an undo dies. Of each the child's exit status is told, and how many rows are there afterwards.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3  # noqa: F401
import duckdb_sqlalchemy  # noqa: F401
import prefect.client.orchestration  # noqa: F401
import psycopg  # noqa: F401
import pymysql  # noqa: F401
import sqlalchemy  # noqa: F401

from tests.destinations.places import batch, place_of

AFTER = "after "
REPOSITORY = Path(__file__).parents[2]
MANY = [str(i) for i in range(7_000)]
NEW = {"other": {"other": MANY}, "same": {"id": MANY, "name": MANY}}


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def deadly(moment: str) -> None:
    """Let the process die before, or after, a function is called: `[after ]module:name[.method]`."""
    module, _, path = moment.removeprefix(AFTER).partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    own = getattr(owner, name)
    setattr(owner, name, (lambda *a, **k: (own(*a, **k), die())) if moment.startswith(AFTER) else die)


def child(work: Callable[[], object]) -> int:
    """The exit status of a child that does some work."""
    pid = os.fork()
    if pid == 0:
        done = 1
        try:
            work()
            done = 0
        finally:
            os._exit(done)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed(case: dict[str, Any]) -> list[Any]:
    """The status of a child that dies at the case's moment, and the rows that are there then."""
    folder, seen = Path(case["folder"]), Path(case["folder"]) / "seen"
    place = place_of(case["place"], folder)

    def deed() -> None:
        if case["verb"] == "known":
            assert place.load(batch(NEW["other"], run="run-2")).already_loaded
            return
        deadly(case["moment"])
        place.undo("run-2") if case["verb"] == "undo" else place.load(batch(NEW[case["columns"]], run="run-2"))

    status = child(deed)
    child(lambda: seen.write_text(json.dumps(len(place.rows()) if place.exists() else None)))
    return [status, json.loads(seen.read_text())]


class Killing:
    """The process whose children are killed."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "tests.destinations.killing"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, cwd=REPOSITORY, text=True, env=environment, **pipes)

    def of(self, cases: list[dict[str, Any]]) -> list[list[Any]]:
        """What `killed` says of each case, one after the other."""
        print(json.dumps(cases), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


def warm_up() -> None:
    """Load something, so that no child has to import what that takes."""
    with tempfile.TemporaryDirectory() as folder:
        for spec in (["out.csv.gz"], ["out.parquet"], ["sqlite:///out.db"], ["duckdb:///out.duckdb"]):
            place_of(spec, Path(folder)).load(batch(NEW["same"]))


if __name__ == "__main__":
    warm_up()
    for line in sys.stdin:
        print(json.dumps([killed(case) for case in json.loads(line)]), flush=True)
