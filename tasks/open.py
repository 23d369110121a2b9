"""Opening a run: its spec is read once, so that later edits of the YAML never reach a run under way."""

from __future__ import annotations

import hashlib
from pathlib import Path

from prefect import runtime

from tasks.announce import Happened
from tasks.record import once, tell
from tasks.run import Run


@once("open")
def open_run(pipeline: str, home: str) -> Run:
    """Read the pipeline, keep its spec with the run, and write the run's first ledger entry.

    Args:
        pipeline: a pipeline's YAML, or a data file to run with sensible defaults.
        home: folder of staging, reports and the ledger.

    Raises:
        SpecError: the pipeline cannot be read; the message names the lines and the fixes.
    """
