"""What was tried to see whether a connection works."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Probe:
    """One step.

    Attributes:
        what: what was tried, e.g. "list the bucket orders".
        ok: whether it worked.
        said: what was found, or why not and what to do about it.
    """

    what: str
    ok: bool
    said: str


def may_write(path: Path) -> Probe:
    """Whether a file may be written, or made with the folders that it is in; nothing is made."""
    what, folder = f"write {path}", next(parent for parent in path.absolute().parents if parent.exists())
    if path.is_dir():
        return Probe(what, False, "it is a folder; name a file in it")
    if os.access(path if path.exists() else folder, os.W_OK):
        return Probe(what, True, "it is there" if path.exists() else "it would be made")
    return Probe(what, False, f"not allowed to write to {folder}; check its rights")
