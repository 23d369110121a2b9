"""Extract: read the source into staging as the text it was; what cannot be read goes to quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blocks.sources import Batch
from tasks.announce import Happened
from tasks.record import stage, tell
from tasks.run import Run


def _says(batch: Batch) -> str:
    quarantined = f", {batch.quarantined:,} malformed in quarantine" if batch.quarantined else ""
    renamed = f", {len(batch.renames)} columns renamed" if batch.renames else ""
    return f"{batch.snapshot.rows:,} rows, {len(batch.snapshot.columns):,} columns{quarantined}{renamed}"


def _records(batch: Batch) -> Mapping[str, Any]:
    return {
        "rows_read": batch.rows_read,
        "rows_staged": batch.snapshot.rows,
        "quarantined": batch.quarantined,
        "snapshot": batch.snapshot.fingerprint,
        "origins": [{**origin.__dict__} for origin in batch.origins],
        "renames": batch.renames,
        "notes": batch.notes,
    }


@stage("extract", doing="reading the source", says=_says, records=_records)
def extract(run: Run) -> Batch:
    """Read one bounded batch of the source into staging.

    Raises:
        SourceError: it cannot be read as described.
        Unavailable: it is not there.
    """

    def progress(doing: str, done: int, total: int) -> None:
        tell(run, Happened.STAGE_PROGRESS, "extract", doing, stage="extract", done=done, total=total)

    spec = run.spec()
    return spec.source.read(run.open_staging(), run.id, spec.base(), progress)
