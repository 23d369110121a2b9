"""Other processes that are there at once: children of one that has imported all that a run needs.

Python takes three seconds to import that; a child of a process that has it takes a tenth. To a script a child is a
process like any other: it has its own environment, arguments, output and exit status, and may be killed.
"""

from __future__ import annotations

import atexit
import importlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TOO_LONG = 124
"""The exit status of a child that is ended because it takes too long, as that of `timeout`."""

REPOSITORY = Path(__file__).parents[2]
_HEAVY = (
    "blocks.approvers",
    "blocks.destinations",
    "blocks.ledger",
    "blocks.slack",
    "blocks.sources",
    "data_profiling",
    "duckdb",
    "fastapi.security",
    "flows.cli",
    "flows.drive",
    "flows.pipeline",
    "flows.slack",
    "graphviz",
    "ibis.backends.duckdb",
    "matplotlib.backends.backend_agg",
    "prefect.client.orchestration",
    "prefect.concurrency.sync",
    "prefect.events.worker",
    "prefect.flow_engine",
    "prefect.logging.configuration",
    "ruamel.yaml",
    "sqlalchemy.dialects.sqlite",
    "tasks.quality.registry",
)


class Forked:
    """The process that children are forked from."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.services.forked"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "GONOGO_"))}
        self._process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**clean, "DO_NOT_TRACK": "1"},
        )

    def start(self, script: str, *args: str, env: Mapping[str, str]) -> Child:
        """Start a child that runs a script."""
        folder = tempfile.TemporaryDirectory(prefix="gonogo-forked-")
        pid = self._ask(script=script, args=args, env=dict(env), folder=folder.name)
        return Child(self, pid, folder)

    def run(self, script: str, *args: str, env: Mapping[str, str], timeout: float = 180) -> Child:
        """Run a script until it ends."""
        child = self.start(script, *args, env=env)
        child.wait(timeout)
        return child

    def close(self) -> None:
        """End it, after its children."""
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def _ask(self, **asked: Any) -> int:
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


class Child:
    """A process that runs a script, as `subprocess` has it."""

    def __init__(self, parent: Forked, pid: int, folder: tempfile.TemporaryDirectory[str]) -> None:
        self._parent, self._folder, self.pid, self.returncode = parent, folder, pid, 0

    def wait(self, timeout: float = 180) -> int:
        """Its exit status; what it printed can be read from then on."""
        self.returncode = self._parent._ask(wait=self.pid, seconds=timeout)
        return self.returncode

    def kill(self) -> None:
        os.kill(self.pid, 9)

    @property
    def stdout(self) -> str:
        return self._said("stdout")

    @property
    def stderr(self) -> str:
        return self._said("stderr")

    def _said(self, name: str) -> str:
        return Path(self._folder.name, name).read_text(errors="replace")


def _serve() -> None:
    """Answer what is asked, a line each."""
    children, fork = {}, multiprocessing.get_context("fork")
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            child = children.pop(asked["wait"])
            child.join(asked["seconds"])
            if child.is_alive():
                child.kill()
                child.join()
                print(_TOO_LONG, flush=True)
            else:
                print(child.exitcode, flush=True)
        else:
            child = fork.Process(target=_become, args=(asked,))
            child.start()
            children[child.pid] = child
            print(child.pid, flush=True)


def _become(asked: dict[str, Any]) -> None:
    from prefect.context import refresh_global_settings_context

    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(asked["folder"], name), os.O_WRONLY | os.O_CREAT, 0o644), number)
    os.environ.clear()
    os.environ.update(asked["env"])
    refresh_global_settings_context()
    sys.argv = ["-c", *asked["args"]]
    try:
        exec(compile(asked["script"], "<script>", "exec"), {"__name__": "__main__"})
    finally:
        atexit._run_exitfuncs()  # a child of `multiprocessing` ends without


if __name__ == "__main__":
    for module in _HEAVY:
        importlib.import_module(module)
    assert threading.active_count() == 1, "a thread would not be there in children"
    _serve()
