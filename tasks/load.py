"""Load: commit the refined rows to the destination, once, or leave it as it was and say why."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from tasks.announce import Happened
from tasks.quality.errors import PilotMustDecide, TryAgain
from tasks.quality.typed import column_types, date_formats
from tasks.quality.wording import plural
from tasks.record import stage, tell
from tasks.reports.records import landed
from tasks.run import Examined, Loaded, Run

if TYPE_CHECKING:
    import ibis

    from blocks.destinations import LoadBatch
    from tasks.quality.model import Snapshot


def _says(loaded: Loaded) -> str:
    """What was loaded; why not is asked about, for it may quote rows, which what is announced does not."""
    there = f"{plural(loaded.rows, 'row')} in {loaded.destination}"
    return there if loaded.loaded else "refused; the destination is as it was"


def to_be_loaded(
    run: Run, table: ibis.Table, snapshot: Snapshot, round: int, load_id: str, agreed: tuple[str, ...] = ()
) -> LoadBatch:
    """Rows of a run as its destination takes them, with the types of the refined columns."""
    from blocks.destinations import LoadBatch

    contract = run.spec().contract
    return LoadBatch(
        table=table,
        types=column_types(run.profile(round), contract),
        formats=date_formats(contract),
        declared=tuple(contract.columns),
        run_id=load_id,
        fingerprint=snapshot.fingerprint,
        pipeline=run.pipeline,
        additions="freeze" if contract.frozen else contract.additions,
        agreed=agreed,
    )


@stage(
    "load", doing="committing to the destination", says=_says, records=asdict, refused=lambda loaded: not loaded.loaded
)
def load(
    run: Run,
    examined: Examined,
    *,
    agreed: tuple[str, ...] = (),
    round: int,  # noqa: ARG001  (the attempt makes it another stage)
) -> Loaded:
    """Load a snapshot; a destination that refuses is an outcome, and the gate asks again with the reason.

    Args:
        run: whose snapshot it is.
        examined: the snapshot.
        agreed: columns that the destination's table lacks and that the pilot lets it have.
        round: the attempt's number.
    """
    from blocks.destinations import NewColumns

    spec = run.spec()
    try:
        with run.open_staging().open(examined.snapshot) as tables:
            batch = to_be_loaded(run, tables.table("snapshot"), examined.snapshot, examined.round, run.id, agreed)
            receipt = spec.destination.load(replace(batch, in_order=True), spec.base())
    except NewColumns as problem:
        return Loaded(False, problem=problem.message, new_columns=problem.columns)
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
        f"{run.name}: {plural(receipt.rows_written, 'row')} committed to {receipt.destination}",
        text="; ".join(f"{name}: {value}" for name, value in landed(asdict(receipt)).facts),
    )
    return Loaded(True, receipt.rows_written, receipt.destination)
