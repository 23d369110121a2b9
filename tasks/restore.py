"""Corrected rows come back from quarantine, under the decisions that were made.

A row goes the way that it would have gone from the source: all decisions are carried out again on the source with the
corrected rows in it; of the result the corrected rows are taken, the others stay as they are. A row that a decision
would take out again, or that breaks a promise of the contract, is refused, and then none comes back. Lines that are as
they were in quarantine stay there, and rows that are back already are left alone: the same file twice is no harm.

When the run was loaded, the destination takes the rows, too: one that appends or merges takes them alone; one that
replaces takes the whole table again, unless another run has replaced it since. One ledger entry says it all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from tasks.load import to_be_loaded
from tasks.quality.checks import check_contract
from tasks.quality.errors import PilotMustDecide, did_you_mean
from tasks.quality.history import load_id, loads
from tasks.quality.ledger import digest
from tasks.quality.model import ROW, Snapshot
from tasks.quarantine import Held, Row, held_rows, returned_rows
from tasks.run import Run
from tasks.steps import Repeated, Steps, escaped

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

    from blocks.destinations import Receipt

REFUSALS_TOLD = 10


@dataclass(frozen=True)
class Returned:
    """What came of it.

    Attributes:
        rows: that came back now.
        unchanged: lines that are as they were in quarantine, and stay there.
        already: lines of rows that had come back before.
        receipt: what the destination took, if the run was loaded.
    """

    rows: int
    unchanged: int
    already: int
    snapshot: Snapshot | None = None
    receipt: Receipt | None = None


def restore(
    run: Run, corrected: Mapping[int, Row], *, file: str, who: str, method: str, gate: str = "", comment: str = ""
) -> Returned:
    """Bring corrected rows back.

    Args:
        run: not being executed.
        corrected: `_row` → column of the source → value.
        file: where they are from.
        who: brings them back.
        method: how we know who it is.
        gate: that the run is held at; it asks again, about the table with the rows.
        comment: why.

    Raises:
        PilotMustDecide: a row is not in quarantine or cannot come back, or the destination refuses; nothing changed.
    """
    held, back = held_rows(run), returned_rows(run)
    _check_known(run, corrected, held.keys() | back)
    changed = [held[row] for row in sorted(corrected.keys() - back) if _differs(corrected[row], held[row].values)]
    already = len(corrected.keys() & back)
    unchanged = len(corrected) - already - len(changed)
    if not changed:
        return Returned(0, unchanged, already)
    rows = {each.row: {**each.values, **corrected[each.row]} for each in changed}
    number = sum(entry.kind == "returned" for entry in run.entries()) + 1
    name = f"returned-{number}-{digest([[row, values] for row, values in rows.items()])[7:15]}"
    told, snapshot, receipt = _brought_back(run, name, changed, rows)
    payload = {"file": file, "gate": gate, "comment": comment, **told}
    with run.open_ledger() as ledger:
        ledger.append(run.id, f"returned-{number}", "returned", payload, actor=who, method=method)
    return Returned(len(rows), unchanged, already, snapshot, receipt)


def _check_known(run: Run, corrected: Mapping[int, Row], known: set[int]) -> None:
    for row in corrected:
        if row not in known:
            todo = did_you_mean(str(row), map(str, known)) or f"gonogo quarantine export {run.name} FILE lists them"
            some = [str(each) for each in sorted(known)[:REFUSALS_TOLD]]
            raise PilotMustDecide(f"row {row} is not in quarantine", where=run.name, available=some, todo=todo)


def _differs(now: Row, then: Row) -> bool:
    return any((value or None) != (then[name] or None) for name, value in now.items())


def _brought_back(
    run: Run, name: str, changed: Sequence[Held], rows: Mapping[int, Row]
) -> tuple[dict[str, Any], Snapshot, Receipt | None]:
    """Make the table with the rows, write it, and load it if the run was; what the ledger is told."""
    staging, source, last = run.open_staging(), run.staged(), run.snapshots()[-1]
    with staging.open(source, {"refined": last.uri}) as tables:
        tables.con.register("arriving", _as_table(rows, source.columns))
        tables.raw_sql("CREATE TEMP TABLE corrected AS SELECT * FROM arriving")
        refused = dict(_taken_out_again(run, tables, source)) or dict(_breaking(run, tables, last))
        if refused:
            raise _refusal(refused)
        whole, came = tables.table("snapshot"), tables.table("came")
        cells_uri, cells_print, _n = staging.write_aux(run.id, f"{name}-cells", _cells(came, changed))
        rows_uri, rows_print, _n = staging.write_aux(run.id, f"{name}-rows", came.order_by(ROW))
        snapshot = staging.write(run.id, name, whole, parent=last)
        receipt = _loaded(run, whole, came, snapshot)
    by_decision: dict[str, int] = {}
    for each in changed:
        by_decision[str(each.decision)] = by_decision.get(str(each.decision), 0) + 1
    told = {
        "rows": len(rows),
        "rows_by_decision": by_decision,
        "rows_uri": rows_uri,
        "rows_fingerprint": rows_print,
        "cells_uri": cells_uri,
        "cells_fingerprint": cells_print,
        "snapshot": snapshot.id,
        "fingerprint": snapshot.fingerprint,
        "parent": last.fingerprint,
        "loaded": asdict(receipt) if receipt else None,
    }
    return told, snapshot, receipt


def _as_table(rows: Mapping[int, Row], columns: Sequence[str]) -> pa.Table:
    texts = {name: pa.array([row[name] for row in rows.values()], pa.string()) for name in columns}
    return pa.table({ROW: pa.array(rows.keys(), pa.int64()), **texts})


def _taken_out_again(run: Run, tables: Backend, source: Snapshot) -> Iterator[tuple[int, str]]:
    """Carry out all decisions with the rows in the source; `came` is what becomes of them, if none leaves."""
    others = f"SELECT * FROM read_parquet('{escaped(source.uri)}') WHERE _row NOT IN (SELECT _row FROM corrected)"
    start = f"SELECT * FROM ({others} UNION ALL BY NAME SELECT * FROM corrected) ORDER BY _row"
    steps, repeated = Steps(tables, "again", start), Repeated(run)
    carried = {changes.decision for changes in run.changes()}
    mine = tables.table("corrected")
    for decision in (d for d in run.decisions() if d.number in carried):
        applied = repeated.applied(steps, decision)
        for gone in applied.rows.semi_join(mine, ROW).select(ROW, "disposition", "into").to_pyarrow().to_pylist():
            into = f" into row {gone['into']}" if gone["into"] is not None else ""
            yield gone[ROW], f"decision {decision.number} ({decision.label}) would have it {gone['disposition']}{into}"
        steps.take(applied)
    tables.raw_sql("CREATE TEMP TABLE came AS SELECT * FROM snapshot WHERE _row IN (SELECT _row FROM corrected)")


def _breaking(run: Run, tables: Backend, last: Snapshot) -> Iterator[tuple[int, str]]:
    """The rows that break a promise of the contract; `snapshot` is the refined table with them from now on."""
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in (ROW, *last.columns))
    refined = f"SELECT {names} FROM read_parquet('{escaped(last.uri)}')"
    tables.raw_sql(f"CREATE OR REPLACE VIEW snapshot AS {refined} UNION ALL SELECT {names} FROM came")
    rounds = run.rounds()
    for check in check_contract(tables.table("snapshot"), run.contract(rounds + 1), run.profile(rounds)):
        if check.failures:
            broken = f"SELECT DISTINCT _row FROM ({check.sql}) WHERE _row IN (SELECT _row FROM came) ORDER BY 1"
            yield from ((row, f"it breaks the contract: {check.title}") for (row,) in tables.raw_sql(broken).fetchall())


def _refusal(refused: Mapping[int, str]) -> PilotMustDecide:
    told = [f"row {row}: {why}" for row, why in sorted(refused.items())]
    more = f"; and {len(told) - REFUSALS_TOLD} more" if len(told) > REFUSALS_TOLD else ""
    which = "1 row cannot come back" if len(told) == 1 else f"{len(told)} rows cannot come back"
    todo = "correct them, or leave them out of the file; nothing was changed"
    return PilotMustDecide(f"{which}: {'; '.join(told[:REFUSALS_TOLD])}{more}", todo=todo)


def _cells(came: ibis.Table, changed: Sequence[Held]) -> ibis.Table:
    """`_row`, `column`, `before`, `after`, `decision` of every cell that is another one than when its row left."""
    now = {row[ROW]: row for row in came.to_pyarrow().to_pylist()}
    cells = [
        (each.row, name, before, now[each.row][name], each.decision)
        for each in changed
        for name, before in each.values.items()
        if name in came.columns and now[each.row][name] != before
    ]
    types = (pa.int64(), pa.string(), pa.string(), pa.string(), pa.int64())
    sides = list(zip(*cells, strict=True)) or [() for _ in types]
    arrays = [pa.array(side, type) for side, type in zip(sides, types, strict=True)]
    return ibis.memtable(pa.table(dict(zip((ROW, "column", "before", "after", "decision"), arrays, strict=True))))


# --- the destination --------------------------------------------------------------------------------------------


def _loaded(run: Run, whole: ibis.Table, came: ibis.Table, snapshot: Snapshot) -> Receipt | None:
    """Give the rows to the destination, if it has the others; it takes a snapshot once."""
    committed = loads(run.entries())
    if not committed:
        return None
    spec = run.spec()
    replaces = getattr(spec.destination, "mode", "replace") == "replace"
    if replaces:
        _check_not_replaced(run, str(committed[0].receipt["destination"]), committed[0].at)
    table = whole if replaces else came.select(*whole.columns)
    batch = to_be_loaded(run, table, snapshot, run.rounds(), load_id(run.id, snapshot.id))
    return spec.destination.load(batch, spec.base())


def _check_not_replaced(run: Run, destination: str, at: str) -> None:
    with run.open_ledger() as ledger:
        for other in ledger.runs():
            since = [load for load in loads(ledger.entries(other.run_id)) if load.at > at]
            if other.run_id != run.id and any(load.receipt["destination"] == destination for load in since):
                raise PilotMustDecide(
                    f"{other.name} has replaced what {run.name} had loaded into {destination}",
                    todo="correct the rows in the source, and run the pipeline again; nothing was changed",
                )
