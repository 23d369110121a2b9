"""Resolve: carry out decisions, one after the other, each accounted for row by row and written down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from tasks.announce import Happened
from tasks.quality.carry import carry_out
from tasks.quality.effects import Applied, conserve
from tasks.quality.errors import PilotMustDecide
from tasks.quality.model import ChangeSet, Dataset, Decision, Disposition, Snapshot
from tasks.quality.profile import domains, profile
from tasks.record import once, tell
from tasks.reports.numbers import plural
from tasks.route import Leg
from tasks.run import Run

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
    assessment, contract = run.assessment(leg.round), run.spec().contract
    _measure(tables, "before")
    for decision in leg.decisions:
        table, values = tables.table("snapshot"), tables.table("domains")
        data = Dataset(table, values, profile(table, values, assessment.snapshot.fingerprint), contract)
        try:
            issue = assessment.issue(decision.issue)
            applied = carry_out(data, issue, decision.remedy, decision.parameters, decision.number)
        except PilotMustDecide as problem:
            _fail(run, decision, problem.message)
            continue
        yield _accounted(run, staging, tables, decision, applied)


def _accounted(run: Run, staging: Staging, tables: Backend, decision: Decision, applied: Applied) -> ChangeSet:
    """Write what the decision did, count it, and let the following decisions see the table as it is now."""
    cells_uri, cells_print, cells = staging.write_aux(run.id, f"decision-{decision.number}-cells", applied.cells)
    rows_uri, rows_print, _ = staging.write_aux(run.id, f"decision-{decision.number}-rows", applied.rows)
    rows_in = _count(tables, "snapshot")
    _succeed(tables, f"after_{decision.number}", applied)
    gone = {
        d: _count(tables, f"read_parquet('{_escaped(rows_uri)}') WHERE disposition = '{d.value}'") for d in Disposition
    }
    rows_out = _count(tables, "snapshot")
    counts = {d.value: n for d, n in gone.items()}
    conserve(rows_in, rows_out, **counts)
    changed = f"(SELECT DISTINCT _row FROM read_parquet('{_escaped(cells_uri)}'))"
    return ChangeSet(
        decision=decision.number,
        cells_changed=cells,
        rows_changed=_count(tables, changed),
        rows_in=rows_in,
        rows_out=rows_out,
        **counts,
        columns_dropped=applied.columns_dropped,
        columns_added=applied.columns_added,
        cells_uri=cells_uri,
        cells_fingerprint=cells_print,
        rows_uri=rows_uri,
        rows_fingerprint=rows_print,
    )


def _succeed(tables: Backend, name: str, applied: Applied) -> None:
    tables.create_table(name, applied.table, temp=True)
    tables.raw_sql(f'CREATE OR REPLACE VIEW snapshot AS SELECT * FROM "{name}"')
    _measure(tables, name)


def _measure(tables: Backend, name: str) -> None:
    tables.create_table(f"{name}_domains", domains(tables.table("snapshot")), temp=True)
    tables.raw_sql(f'CREATE OR REPLACE VIEW domains AS SELECT * FROM "{name}_domains"')


def _count(tables: Backend, what: str) -> int:
    return int(tables.raw_sql(f"SELECT count(*) FROM {what}").fetchone()[0])


def _escaped(uri: str) -> str:
    return uri.replace("'", "''")


def _fail(run: Run, decision: Decision, why: str) -> None:
    with run.open_ledger() as ledger:
        payload = {"decision": decision.number, "issue": decision.issue, "reason": why}
        ledger.append(run.id, f"failed-{decision.number}", "failed", payload)
    title = f"decision {decision.number} could not be carried out: {decision.label}"
    tell(run, Happened.DECISION_FAILED, f"failed-{decision.number}", title, text=why, stage=decision.module)


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
    text = f"{leg.module}: {plural(len(done), 'decision')} carried out, {cells:,} cells changed, {rows:,} rows left"
    tell(run, Happened.STAGE_COMPLETED, f"resolve-{leg.module}-{leg.round}", text, stage=leg.module)
