"""Folders for rows under way, which outlive neither their use nor the process that made them."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir, mkdtemp

_PREFIX = ".gonogo-scratch-"


@contextmanager
def scratch(inside: Path | None = None) -> Iterator[Path]:
    """A new folder that only this user can read, removed afterwards.

    A process that is killed removes nothing, and rows must not lie about: whoever makes such a folder removes those
    beside it whose makers are gone. A maker holds a lock on its folder, which the system frees with the process.

    Args:
        inside: where to make it; by default in the temporary folder (`TMPDIR`).

    Raises:
        OSError: it cannot be made.
    """
    where = Path(gettempdir()) if inside is None else inside
    for left in where.glob(f"{_PREFIX}*"):
        if (lock := _locked(left, fcntl.LOCK_EX | fcntl.LOCK_NB)) is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)
    folder, lock = _made(where)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _made(where: Path) -> tuple[Path, int | None]:
    """A new folder and its lock; another process may have taken it for an abandoned one before it was locked."""
    while True:
        folder = Path(mkdtemp(prefix=_PREFIX, dir=where))
        lock = _locked(folder, fcntl.LOCK_EX)
        if folder.exists():
            return folder, lock
        if lock is not None:
            os.close(lock)


def _locked(folder: Path, how: int) -> int | None:
    """The lock of a folder, held until it is closed; None where somebody else holds it, or where there are no locks."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, how)
    except OSError:
        os.close(lock)
        return None
    return lock
