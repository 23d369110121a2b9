"""Stage: see that the batch is durable, keep how it was read, and only then tell the source that we have it."""

from __future__ import annotations

from blocks.sources import Batch
from tasks.quality.model import Snapshot
from tasks.record import stage as stage_of
from tasks.run import Run


@stage_of(
    "stage",
    doing="making the batch durable",
    says=lambda snapshot: f"snapshot {snapshot.fingerprint[7:19]}",
    records=lambda snapshot: {"snapshot": snapshot.fingerprint, "rows": snapshot.rows, "columns": snapshot.columns},
)
def stage(run: Run, batch: Batch) -> Snapshot:
    """Verify the staged rows against their fingerprint, then acknowledge the batch.

    Raises:
        TamperError: what is on disk is not what was read.
    """
    run.open_staging().verify(batch.snapshot)
    run.keep("batch", batch)
    run.spec().source.acknowledge(batch)
    return batch.snapshot
