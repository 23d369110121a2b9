"""Kill a load, or its undoing, at a moment: every case in a child of one process that has imported all there is.

    python -m tests.destinations.killing < cases.json

A case names a place, a moment, and whether a load or an undo dies. Of each the child's exit status is printed, and how
many rows are there afterwards.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb_sqlalchemy  # noqa: F401
import psycopg  # noqa: F401
import pymysql  # noqa: F401
import sqlalchemy  # noqa: F401

from tests.destinations.places import batch, place_of

AFTER = "after "
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


if __name__ == "__main__":
    cases = json.load(sys.stdin)
    if any(case["place"][0] == "saved" for case in cases):
        importlib.import_module("prefect.client.orchestration")
    print(json.dumps([killed(case) for case in cases]))
