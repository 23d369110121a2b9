"""Resolve: carry out decisions, one after the other, each accounted for row by row and written down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from tasks.announce import Happened
from tasks.quality.carry import carry_out
from tasks.quality.errors import PilotMustDecide
from tasks.quality.model import ChangeSet, Decision, Snapshot
from tasks.quality.wording import plural
from tasks.record import once, quoted, tell
from tasks.route import Leg
from tasks.run import Run
from tasks.steps import Steps

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

    from blocks.staging import Staging


@once("resolve")
def resolve(run: Run, snapshot: Snapshot, leg: Leg) -> Snapshot:
    """Carry out the decisions of one module; the result is one new snapshot.

    A decision that cannot be carried out changes nothing: it is written down as failed and announced, its issue
    stays, and the others go on.
    """
    staging = run.open_staging()
    tell(run, Happened.STAGE_STARTED, f"resolve-{leg.module}-{leg.round}", leg.summary, stage=leg.module)
    with staging.open(snapshot) as tables:
        done = list(_carried_out(run, staging, tables, leg))
        if not done:
            return snapshot
        refined = staging.write(run.id, f"{leg.module}-{leg.round}", tables.table("snapshot"), parent=snapshot)
    _write_down(run, snapshot, refined, leg, done)
    return refined


def _carried_out(run: Run, staging: Staging, tables: Backend, leg: Leg) -> Iterator[ChangeSet]:
    assessment = run.assessment(leg.round)
    steps, contract = Steps(tables), run.contract(leg.round)
    for decision in leg.decisions:
        data, issue = steps.data(contract, assessment.snapshot.fingerprint), assessment.issue(decision.issue)
        try:
            applied = carry_out(data, issue, decision.remedy, decision.parameters, decision.number)
        except PilotMustDecide as problem:
            _fail(run, decision, problem.message)
            continue
        yield steps.carried_out(staging, run.id, f"decision-{decision.number}", decision.number, applied)


def _fail(run: Run, decision: Decision, why: str) -> None:
    with run.open_ledger() as ledger:
        payload = {"decision": decision.number, "issue": decision.issue, "reason": why}
        ledger.append(run.id, f"failed-{decision.number}", "failed", payload)
    title = quoted(run, f"decision {decision.number} could not be carried out: {why}")
    text = quoted(run, decision.label)
    tell(run, Happened.DECISION_FAILED, f"failed-{decision.number}", title, text=text, stage=decision.module)


def _write_down(run: Run, before: Snapshot, after: Snapshot, leg: Leg, done: list[ChangeSet]) -> None:
    with run.open_ledger() as ledger:
        for changes in done:
            payload = asdict(changes) | {"snapshot_before": before.fingerprint, "snapshot_after": after.fingerprint}
            ledger.append(run.id, f"changes-{changes.decision}", "changes", payload)
        made = {
            "snapshot": after.id,
            "fingerprint": after.fingerprint,
            "parent": before.fingerprint,
            "rows": after.rows,
        }
        ledger.append(run.id, f"refined-{after.id}", "refined", made)
    cells = sum(changes.cells_changed for changes in done)
    rows = sum(changes.dropped + changes.quarantined + changes.merged for changes in done)
    effect = f"{plural(cells, 'cell')} changed, {plural(rows, 'row')} left"
    text = f"{leg.module}: {plural(len(done), 'decision')} carried out, {effect}"
    tell(run, Happened.STAGE_COMPLETED, f"resolve-{leg.module}-{leg.round}", text, stage=leg.module)
