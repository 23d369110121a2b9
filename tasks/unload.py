"""A run's last load is taken back from the destination, and the ledger says so.

The destination does it once: when the process dies before the ledger knows, saying it again finds it done.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from tasks.quality.errors import PilotMustDecide
from tasks.quality.history import loads
from tasks.run import Run

if TYPE_CHECKING:
    from blocks.destinations import TakenBack


def unload(run: Run, *, who: str, method: str, comment: str = "") -> TakenBack:
    """Take back what the destination took last of a run.

    Args:
        run: that ended.
        who: takes it back.
        method: how we know who it is.
        comment: why.

    Raises:
        PilotMustDecide: nothing of the run is loaded, or the destination cannot take it back any more.
    """
    entries = run.entries()
    standing = loads(entries)
    if not standing:
        taken = any(entry.kind == "unloaded" for entry in entries)
        what = "was taken back already" if taken else "was not loaded"
        raise PilotMustDecide(f"{run.name} {what}", todo=f"gonogo show {run.name}")
    if not any(entry.kind == "outcome" for entry in entries):
        raise PilotMustDecide(f"{run.name} is still under way", todo=f"gonogo resume {run.name}")
    last, spec = standing[-1], run.spec()
    took = spec.destination.undo(last.id, spec.base())
    number = sum(entry.kind == "unloaded" for entry in entries) + 1
    told = {"load": last.key, "comment": comment, **asdict(took)}
    with run.open_ledger() as ledger:
        ledger.append(run.id, f"unloaded-{number}", "unloaded", told, actor=who, method=method)
    return took
