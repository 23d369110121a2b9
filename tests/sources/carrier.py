"""Carries a source's batch from read to acknowledgement, as `extract` and `stage` do, in a process that can be killed.

Run as a script it reads one request a line and answers each by a line. Every request is carried out by a child of its
own, forked from a process that has all imports, so that it costs a tenth of a second. A step is whatever changes what
is durable: a file that gets its name or goes, and the functions that the request names. The child kills itself just
before the step that it is told.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
ORIGIN = "source_of_row"
"""What a union's column is called in which it says where a row came from; it is left out of what is told."""

_TOLD = ("TEST_", "AWS_", "GONOGO_")
_STEPS = ("os.rename", "shutil.rmtree")


@dataclass(frozen=True)
class Carried:
    """What became of runs of a pipeline.

    Attributes:
        status: of the process; -9 when it was killed.
        said: per run "staged", "nothing new", or why not.
        rows: per run the staged rows, without their numbers.
        steps: how many there were.
    """

    status: int
    said: tuple[str, ...] = ()
    rows: tuple[tuple[tuple[str | None, ...], ...], ...] = ()
    steps: int = 0


class Carrier:
    """The process that children are forked from."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.sources.carrier"]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def carry(
        self,
        source: Any,
        folder: Path,
        *runs: str,
        root: str = "staging",
        kill_at: int = 0,
        most_bytes: int = 0,
        steps: Sequence[str] = (),
        prefect_server: str = "",
    ) -> Carried:
        """Let a child read, stage and acknowledge for each run.

        Args:
            source: its settings.
            folder: that relative addresses start from.
            root: of staging, in the folder.
            kill_at: the step before which it dies; 0: it does not.
            most_bytes: that a file may have, as on a full disk; 0: any.
            steps: functions that are steps, too, e.g. "blocks.sources.stream._commit".
            prefect_server: that saved blocks are looked up in. A test's own is known to Prefect's settings, which no
                other process has.
        """
        asked = {
            "source": source.model_dump(mode="json"),
            "folder": str(folder),
            "root": str(folder / root),
            "runs": runs,
            "kill_at": kill_at,
            "most_bytes": most_bytes,
            "steps": list(steps),
            "environment": {name: value for name, value in os.environ.items() if name.startswith(_TOLD)},
            "prefect_server": prefect_server,
        }
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        told = json.loads(self._process.stdout.readline())
        rows = tuple(tuple(map(tuple, each)) for each in told.pop("rows", ()))
        return Carried(told["status"], tuple(told.get("said", ())), rows, told.get("steps", 0))

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


def _serve() -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    _warm_up()
    server = ""
    with ExitStack() as prefect:
        for line in sys.stdin:
            asked = json.loads(line)
            if asked["prefect_server"] not in ("", server):
                server = asked["prefect_server"]
                prefect.enter_context(temporary_settings({PREFECT_API_URL: server}))
            print(json.dumps(_forked(asked)), flush=True)


def _forked(asked: dict[str, Any]) -> dict[str, Any]:
    """What a child says, and how it ended."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        with os.fdopen(tell, "w") as answer:
            json.dump(_carried(asked), answer)
        os._exit(0)
    os.close(tell)
    with os.fdopen(told) as answer:
        text = answer.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {**(json.loads(text) if status == 0 else {}), "status": status}


def _warm_up() -> None:
    """Import, and read something, so that no child has to."""
    import boto3
    import confluent_kafka.admin
    import fsspec.implementations.sftp
    import httpx
    import prefect.client.orchestration
    import psycopg
    import pymysql
    import sqlalchemy as sa

    assert all((boto3, confluent_kafka, fsspec, httpx, prefect, psycopg, pymysql))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.csv").write_text("id\n1\n")
        with sa.create_engine(f"sqlite:///{folder}/a.db").begin() as connection:
            connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        for source in ({"kind": "file", "path": "a.csv"}, {"kind": "database", "url": "sqlite:///a.db", "table": "t"}):
            _carry(_source(source), source["kind"], {"root": f"{folder}/staging", "folder": folder})


def _source(settings: dict[str, Any]) -> Any:
    from pydantic import TypeAdapter

    from blocks.sources import SourceSpec

    return TypeAdapter(SourceSpec).validate_python(settings)


def _carried(asked: dict[str, Any]) -> dict[str, Any]:
    from tasks.quality.errors import GonogoError, NothingNew

    os.environ.update(asked["environment"])
    source = _source(asked["source"])
    if asked["most_bytes"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["most_bytes"], resource.RLIM_INFINITY))
    count, said, rows = _watched(asked), [], []
    for run in asked["runs"]:
        try:
            rows.append(_carry(source, run, asked))
            said.append("staged")
        except NothingNew:
            said.append("nothing new")
        except GonogoError as error:
            said.append(f"{type(error).__name__}: {error.message}")
    return {"said": said, "rows": rows, "steps": next(count) - 1}


def _carry(source: Any, run: str, asked: dict[str, Any]) -> list[list[str | None]]:
    import pyarrow.parquet as pq
    from pydantic import TypeAdapter

    from blocks.sources import Batch, Outcome, Reading
    from blocks.staging import Staging
    from tasks.quality.errors import Unavailable

    staging = Staging(asked["root"])
    reading = Reading(staging, run, "orders", Path(asked["folder"]))
    try:
        batch = TypeAdapter(Batch).validate_python(staging.read_json(run, "batch"))
    except Unavailable:
        batch = source.read(reading)
        staging.write_json(run, "batch", asdict(batch))
    staging.verify(batch.snapshot)
    source.acknowledge(batch, reading)
    reading.clear()
    source.settle(batch, Outcome(run, "orders", loaded=True, rows=batch.snapshot.rows, destination="here"), reading)
    rows = pq.read_table(batch.snapshot.uri).to_pylist()
    return [[value for name, value in row.items() if name not in ("_row", ORIGIN)] for row in rows]


def _watched(asked: dict[str, Any]) -> itertools.count:
    """Count steps from now on; the counter gives one more than there were."""
    count = itertools.count(1)

    def step() -> None:
        if next(count) == asked["kill_at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STEPS and str(arguments[0]).startswith(asked["root"]) and ".read-" not in str(arguments[0]):
            step()

    sys.addaudithook(hear)
    for name in asked["steps"]:
        owner, _, own = name.rpartition(".")
        _watch(import_module(owner), own, step)
    return count


def _watch(module: Any, name: str, step: Any) -> None:
    real = getattr(module, name)

    def watched(*given: Any, **named: Any) -> Any:
        step()
        result = real(*given, **named)
        step()
        return result

    setattr(module, name, watched)


if __name__ == "__main__":
    _serve()
