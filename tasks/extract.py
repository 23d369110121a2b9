"""Extract: read the source into staging as the text it was; what cannot be read goes to quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from blocks.sources import Batch
from blocks.sources.base import Progress
from blocks.spec import PipelineSpec
from blocks.staging import LOOKUPS, connected, distinct_values, fingerprint_of
from tasks.announce import Happened
from tasks.quality.errors import NothingNew, SourceError, SpecError, Unavailable, did_you_mean
from tasks.quality.wording import plural
from tasks.record import stage, tell
from tasks.run import Nothing, Run


def _says(batch: Batch | Nothing) -> str:
    if isinstance(batch, Nothing):
        return batch.why
    quarantined = f", {batch.quarantined:,} malformed in quarantine" if batch.quarantined else ""
    renamed = f", {plural(len(batch.renames), 'column')} renamed" if batch.renames else ""
    return (
        f"{plural(batch.snapshot.rows, 'row')}, {plural(len(batch.snapshot.columns), 'column')}{quarantined}{renamed}"
    )


def records(batch: Batch | Nothing) -> Mapping[str, Any]:
    """What the ledger is told of a batch."""
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
        "lookups": batch.lookups,
        "malformed": fingerprint_of(Path(batch.quarantine)) if batch.quarantine else "",
        "places": fingerprint_of(Path(batch.places)) if batch.places else "",
    }


@stage("extract", doing="reading the source", says=_says, records=records)
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
    batch = _looked_up(run, batch, progress)
    run.keep("batch", batch)
    return batch


def wait_to_read(run: Run) -> None:
    """Say that another run of the pipeline is at the source."""
    told = "waiting until another run of this pipeline has read"
    tell(run, Happened.STAGE_STARTED, "stage-extract", told, stage="extract")


def _looked_up(run: Run, batch: Batch, progress: Progress) -> Batch:
    """The batch, once the values are kept that its references may refer to in other tables."""
    spec, staging, notes, parts = run.spec(), run.open_staging(), list(batch.notes), list[str]()
    wanted = _referred_to(spec, batch)
    for number, (name, columns) in enumerate(wanted.items(), start=1):
        source, reading = spec.lookups[name], replace(run.reading(progress), name=f"lookup-{number}")
        found = source.read(reading).snapshot
        for column in columns:
            if column not in found.columns:
                todo = did_you_mean(column, found.columns)
                raise SourceError(f"no column '{column}'", where=f"lookup {name}", available=found.columns, todo=todo)
            parts.append(distinct_values(found.uri, column, f"{name}.{column}"))
        notes.append(f"looked up {', '.join(columns)} in {name}: {plural(found.rows, 'row')} of {source.describe()}")
    if not parts:
        return batch
    with connected() as tables:
        values = tables.sql(" UNION ALL ".join(parts)).order_by("column", "value")
        _uri, fingerprint, _rows = staging.write_aux(run.id, Path(LOOKUPS).stem, values)
    for number in range(1, len(wanted) + 1):
        staging.forget(run.id, f"lookup-{number}")
    return replace(batch, notes=tuple(notes), lookups=fingerprint)


def _referred_to(spec: PipelineSpec, batch: Batch) -> dict[str, list[str]]:
    """Lookup → its columns that the contract's references are to."""
    wanted: dict[str, list[str]] = {}
    for reference in spec.contract.references:
        name, dot, column = reference.to.partition(".")
        if not dot or reference.to in batch.snapshot.columns:
            continue
        if name not in spec.lookups:
            todo = f"name the table under 'lookups'. {did_you_mean(name, spec.lookups)}".strip()
            raise SpecError(f"no lookup '{name}'", where="contract.references", available=spec.lookups, todo=todo)
        if column not in wanted.setdefault(name, []):
            wanted[name].append(column)
    return wanted
