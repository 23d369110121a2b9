"""Resolve: carry out decisions, one after the other, each accounted for row by row and written down."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tasks.announce import Happened
from tasks.quality.effects import apply, conserved
from tasks.quality.errors import PilotMustDecide
from tasks.quality.model import Assessment, ChangeSet, Dataset, Decision, Disposition, Snapshot
from tasks.quality.profile import domains, profile
from tasks.quality.registry import find_remedy
from tasks.record import once, tell
from tasks.route import Leg
from tasks.run import Run

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

    from blocks.staging import Staging
    from tasks.quality.contract import Contract


@once("resolve")
def resolve(run: Run, snapshot: Snapshot, leg: Leg) -> Snapshot:
    """Carry out the decisions of one module; the result is one new snapshot.

    A decision that cannot be carried out changes nothing: it is written down as failed, announced, and the gate
    shows it again; the others go on.
    """
    staging, assessment = run.open_staging(), run.assessment(leg.round)
    done: list[ChangeSet] = []
    with staging.open(snapshot) as tables:
        for number, decision in enumerate(leg.decisions, start=1):
            tell(
                run,
                Happened.STAGE_PROGRESS,
                "resolve",
                decision.label,
                stage=leg.module,
                done=number,
                total=len(leg.decisions),
            )
            try:
                done.append(_carry_out(run, staging, tables, assessment, decision, run.spec().contract))
            except PilotMustDecide as problem:
                _fail(run, decision, problem.message)
        if not done:
            return snapshot
        refined = staging.write(run.id, f"{leg.module}-{leg.round}", tables.table("snapshot"), parent=snapshot)
    _write_down(run, snapshot, refined, leg, done)
    return refined


def _carry_out(
    run: Run, staging: Staging, tables: Backend, assessment: Assessment, decision: Decision, contract: Contract
) -> ChangeSet:
    table, values = tables.table("snapshot"), tables.table("domains")
    data = Dataset(table, values, profile(table, values, assessment.snapshot.fingerprint), contract)
    remedy = find_remedy(decision.remedy)
    effects = remedy.effects(data, assessment.issue(decision.issue), remedy.parameters(**decision.parameters))
    applied = apply(data, effects, decision.number)
    cells = staging.write_aux(run.id, f"decision-{decision.number}-cells", applied.cells)
    rows = staging.write_aux(run.id, f"decision-{decision.number}-rows", applied.rows)
    rows_in = table.count().execute()
    _replace(tables, decision.number, applied.table)
    ...
