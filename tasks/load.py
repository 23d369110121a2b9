"""Load: commit the refined rows to the destination, once, or leave it as it was and say why."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from tasks.announce import Happened
from tasks.quality.errors import PilotMustDecide, TryAgain
from tasks.quality.typed import column_types, date_formats
from tasks.record import stage, tell
from tasks.run import Examined, Loaded, Run

if TYPE_CHECKING:
    import ibis

    from blocks.destinations import LoadBatch
    from tasks.quality.model import Snapshot


def _says(loaded: Loaded) -> str:
    return f"{loaded.rows:,} rows in {loaded.destination}" if loaded.loaded else f"refused: {loaded.problem}"


@stage("load", doing="committing to the destination", says=_says, records=asdict)
def load(run: Run, examined: Examined, *, round: int) -> Loaded:  # noqa: ARG001  (the attempt makes it another stage)
    """Load a snapshot; a destination that refuses is an outcome, and the gate asks again with the reason."""
    spec = run.spec()
    try:
        with run.open_staging().open(examined.snapshot) as tables:
            batch = batch_of(run, tables.table("snapshot"), examined.snapshot, examined.round)
            receipt = spec.destination.load(batch, spec.base())
    except (PilotMustDecide, TryAgain) as problem:
        return Loaded(False, problem=problem.message)
    run.keep("receipt", receipt)
    with run.open_ledger() as ledger:
        ledger.append(run.id, "commit", "commit", {**asdict(receipt), "snapshot": examined.snapshot.fingerprint})
    tell(
        run,
        Happened.LOAD_COMMITTED,
        "commit",
        f"{run.name}: {receipt.rows_written:,} rows committed to {receipt.destination}",
    )
    return Loaded(True, receipt.rows_written, receipt.destination)


def batch_of(run: Run, table: ibis.Table, snapshot: Snapshot, round: int) -> LoadBatch:
    """A table of the run as a destination is given it, when `round` was the last look at its columns."""
    from blocks.destinations import LoadBatch

    contract = run.spec().contract
    return LoadBatch(
        table=table,
        types=column_types(run.profile(round), contract),
        formats=date_formats(contract),
        declared=tuple(contract.columns),
        run_id=run.id,
        fingerprint=snapshot.fingerprint,
        pipeline=run.pipeline,
    )
