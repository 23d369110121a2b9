"""Who carries a run right now: locks that the operating system frees with the process that holds them."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from flows.home import Home

Role = Literal["flow", "terminal", "reading"]


@contextmanager
def holding(home: Home, name: str, role: Role, wait: Callable[[], None] | None = None) -> Iterator[bool]:
    """Hold a role in a run, or of a pipeline, while inside.

    Args:
        home: whose.
        name: the run's id, or the pipeline's name.
        role: which.
        wait: called before another holder is waited for; without it none is.

    Yields:
        False when another process on this machine has it, and is not waited for.
    """
    home.locks.mkdir(parents=True, exist_ok=True)
    with (home.locks / f"{name}.{role}").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if wait is None:
                yield False
                return
            wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield True


@contextmanager
def executing(home: Home, run_id: str) -> Iterator[None]:
    """Be the one process that executes a run's flow.

    Raises:
        Abort: another process is executing it, a worker's or a terminal's: Prefect then ends this one, and the run's
            state stays what the other makes of it.
    """
    from prefect.exceptions import Abort

    with holding(home, run_id, "flow") as mine:
        if not mine:
            raise Abort("another process is executing this run")
        yield


@contextmanager
def reading(home: Home, pipeline: str, wait: Callable[[], None]) -> Iterator[None]:
    """Be the one run of a pipeline on this machine that reads its source, so that each goes on where the last ended."""
    with holding(home, pipeline, "reading", wait):
        yield


def taken(home: Home, run_id: str, role: Role) -> bool:
    """Whether a process on this machine has the role now."""
    with holding(home, run_id, role) as free:
        return not free
