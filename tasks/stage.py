"""Stage: see that the batch is durable, and only then tell the source that we have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blocks.sources import Batch
from tasks.quality.model import Snapshot
from tasks.record import stage as stage_of
from tasks.run import Run


def _says(snapshot: Snapshot) -> str:
    return f"snapshot {snapshot.fingerprint[7:19]}"


def _records(snapshot: Snapshot) -> Mapping[str, Any]:
    return {"snapshot": snapshot.fingerprint, "rows": snapshot.rows, "columns": snapshot.columns}


@stage_of("stage", doing="making the batch durable", says=_says, records=_records)
def stage(run: Run, batch: Batch) -> Snapshot:
    """Verify the staged rows against their fingerprint, then acknowledge the batch.

    Raises:
        TamperError: what is on disk is not what was read.
    """
    run.open_staging().verify(batch.snapshot)
    reading = run.reading()
    run.spec().source.acknowledge(batch, reading)
    reading.clear()
    return batch.snapshot
