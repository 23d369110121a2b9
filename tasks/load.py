"""Load: commit the refined rows to the destination, once, or leave it as it was and say why."""

from __future__ import annotations

from dataclasses import asdict

from tasks.announce import Happened
from tasks.quality.errors import PilotMustDecide, TryAgain
from tasks.quality.typed import column_types, date_formats
from tasks.record import stage, tell
from tasks.run import Examined, Loaded, Run


def _says(loaded: Loaded) -> str:
    return f"{loaded.rows:,} rows in {loaded.destination}" if loaded.loaded else f"refused: {loaded.problem}"


@stage("load", doing="committing to the destination", says=_says, records=asdict)
def load(run: Run, examined: Examined, *, round: int) -> Loaded:  # noqa: ARG001  (the attempt makes it another stage)
    """Load a snapshot; a destination that refuses is an outcome, and the gate asks again with the reason."""
    from blocks.destinations import LoadBatch

    spec = run.spec()
    types = column_types(run.profile(examined.round), spec.contract)
    try:
        with run.open_staging().open(examined.snapshot) as tables:
            batch = LoadBatch(
                table=tables.table("snapshot"),
                types=types,
                formats=date_formats(spec.contract),
                declared=tuple(spec.contract.columns),
                run_id=run.id,
                fingerprint=examined.snapshot.fingerprint,
                pipeline=run.pipeline,
            )
            receipt = spec.destination.load(batch, spec.base())
    except (PilotMustDecide, TryAgain) as problem:
        return Loaded(False, problem=problem.message)
    run.keep("receipt", receipt)
    with run.open_ledger() as ledger:
        told = {name: value for name, value in asdict(receipt).items() if name != "seconds"}
        ledger.append(run.id, "commit", "commit", {**told, "snapshot": examined.snapshot.fingerprint})
    tell(
        run,
        Happened.LOAD_COMMITTED,
        "commit",
        f"{run.name}: {receipt.rows_written:,} rows committed to {receipt.destination}",
    )
    return Loaded(True, receipt.rows_written, receipt.destination)
