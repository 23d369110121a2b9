"""Extract: read the source into staging as the text it was; what cannot be read goes to quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from blocks.sources import Batch
from tasks.announce import Happened
from tasks.quality.errors import NothingNew, Unavailable
from tasks.record import stage, tell
from tasks.run import Nothing, Run


def _says(batch: Batch | Nothing) -> str:
    if isinstance(batch, Nothing):
        return batch.why
    quarantined = f", {batch.quarantined:,} malformed in quarantine" if batch.quarantined else ""
    renamed = f", {len(batch.renames)} columns renamed" if batch.renames else ""
    return f"{batch.snapshot.rows:,} rows, {len(batch.snapshot.columns):,} columns{quarantined}{renamed}"


def _records(batch: Batch | Nothing) -> Mapping[str, Any]:
    if isinstance(batch, Nothing):
        return {"rows_read": 0, "why": batch.why}
    return {
        "rows_read": batch.rows_read,
        "rows_staged": batch.snapshot.rows,
        "quarantined": batch.quarantined,
        "snapshot": batch.snapshot.fingerprint,
        "origins": [{**origin.__dict__} for origin in batch.origins],
        "renames": batch.renames,
        "notes": batch.notes,
        "since": batch.since,
        "position": batch.position,
    }


@stage("extract", doing="reading the source", says=_says, records=_records)
def extract(run: Run) -> Batch | Nothing:
    """Read one bounded batch of the source into staging.

    Raises:
        SourceError: it cannot be read as described.
        Unavailable: it is not there.
    """

    def progress(doing: str, done: int, total: int) -> None:
        tell(run, Happened.STAGE_PROGRESS, "extract", doing, stage="extract", done=done, total=total)

    with suppress(Unavailable):  # what an attempt that was killed had read
        return run.recall(Batch, "batch")
    try:
        batch: Batch = run.spec().source.read(run.reading(progress))
    except NothingNew as nothing:
        return Nothing(nothing.message)
    run.keep("batch", batch)
    return batch
