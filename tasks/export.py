"""Export: a run's refined rows, flagged cells, changed cells and removed rows as CSV, for anyone to check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
from ibis import _

from blocks.staging import connected, write_csv
from tasks.quality.detect import flagged_cells
from tasks.quality.errors import PilotMustDecide
from tasks.quality.model import ROW, Dataset
from tasks.quarantine import returned_rows
from tasks.run import Run

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend


def refined(run: Run, path: Path, *, escape_formulas: bool = False) -> int:
    """The rows as they are now, `_row` first."""
    last = run.snapshots()[-1]
    with run.open_staging().open(last) as tables:
        return write_csv(tables.table("snapshot").order_by(ROW), path, escape_formulas=escape_formulas)


def findings(run: Run, path: Path, *, escape_formulas: bool = False) -> int:
    """`row,column,kind,value` of every cell that was suspect in the data as it came.

    Raises:
        PilotMustDecide: the run was not assessed.
    """
    if not run.rounds():
        raise PilotMustDecide(f"{run.name} was stopped before issues were looked for", todo="start another run")
    first = run.assessment(1)
    with run.open_staging().open(first.snapshot) as tables:
        data = Dataset(tables.table("snapshot"), tables.table("domains"), first.profile, run.spec().contract)
        cells = flagged_cells(data, first.issues)
        position = ibis.array(list(data.columns)).index(cells.column)
        return write_csv(cells.order_by("row", position, "kind"), path, escape_formulas=escape_formulas)


def changes(run: Run, path: Path, *, escape_formulas: bool = False) -> int:
    """`row,column,before,after,decision` of every changed cell, in the order of the decisions.

    The corrections of rows that came back from quarantine are told under the decision that had put them there.
    """
    back = [entry.payload["cells_uri"] for entry in run.entries() if entry.kind == "returned"]
    with connected() as tables:
        cells = _together(tables, [*(change.cells_uri for change in run.changes()), *back], _NO_CELLS)
        renamed = cells.rename(row=ROW).order_by("decision", "row", "column")
        return write_csv(renamed, path, escape_formulas=escape_formulas)


def rows(run: Run, path: Path, *, escape_formulas: bool = False) -> int:
    """`row,disposition,into,reason,decision` of every row that left the table."""
    made = run.changes()
    with connected() as tables:
        left = _together(tables, [change.rows_uri for change in made], _NO_ROWS)
        left = left.filter(~left[ROW].isin(sorted(returned_rows(run)) or [-1]))
        told = left.select(row=_[ROW], disposition=_.disposition, into=_.into, reason=_.reason, decision=_.decision)
        return write_csv(told.order_by("decision", "row"), path, escape_formulas=escape_formulas)


Export = Callable[..., int]
EXPORTS: Mapping[str, Export] = {"refined": refined, "findings": findings, "changes": changes, "rows": rows}

_NO_CELLS = {ROW: "int64", "column": "string", "before": "string", "after": "string", "decision": "int64"}
_NO_ROWS = {ROW: "int64", "disposition": "string", "into": "int64", "reason": "string", "decision": "int64"}


def _together(tables: Backend, uris: Sequence[str], empty: Mapping[str, str]) -> ibis.Table:
    parts = [tables.read_parquet(uri).select(*empty).cast(dict(empty)) for uri in uris]
    if not parts:
        return ibis.memtable([], schema=dict(empty))
    return ibis.union(*parts) if len(parts) > 1 else parts[0]
