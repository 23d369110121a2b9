"""Quarantine: rows that decisions took out, as a table with the reasons, and records of the source that are no rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import ibis
from ibis import _

from blocks.sources import Batch
from tasks.quality.model import ROW, Decision, Disposition, Snapshot
from tasks.run import Run

WAS = "was:"
"""What the name of a column begins with in the rows that left, before its name."""

Row: TypeAlias = Mapping[str, str | None]


@dataclass(frozen=True)
class Held:
    """A row in quarantine: which decision took it out, why, and what it held then, in the source's columns."""

    row: int
    decision: int
    reason: str
    values: Row


@dataclass(frozen=True)
class InQuarantine:
    """What one decision put into quarantine; `returned` of its `rows` came back."""

    decision: Decision
    reason: str
    rows: int
    returned: int


def in_quarantine(run: Run) -> tuple[InQuarantine, ...]:
    """What each decision put into quarantine, by number."""
    decisions, back = {d.number: d for d in run.decisions()}, run.history().returned
    reasons = {held.decision: held.reason for held in held_rows(run, returned=True).values()}
    return tuple(
        InQuarantine(decisions[c.decision], reasons.get(c.decision, ""), c.quarantined, back.get(c.decision, 0))
        for c in run.changes()
        if c.quarantined
    )


def malformed(run: Run) -> tuple[Mapping[str, Any], ...]:
    """`origin`, `line`, `reason`, `text` of the records of the source that were no rows."""
    batch = run.recall(Batch, "batch")
    if not batch.quarantine:
        return ()
    with run.open_staging().open(batch.snapshot, {"bad": batch.quarantine}) as tables:
        bad = tables.table("bad").order_by("origin", "line").to_pyarrow().to_pylist()
    told = ("origin", "line", "reason")
    return tuple({n: b[n] for n in told} | {"text": b["bytes"].decode("utf-8", "backslashreplace")} for b in bad)


def held_rows(run: Run, *, returned: bool = False) -> dict[int, Held]:
    """The rows in quarantine by `_row`; with `returned` also those that came back."""
    source, back = run.staged(), frozenset() if returned else returned_rows(run)
    found: dict[int, Held] = {}
    with run.open_staging().open(source) as tables:
        for changes in (c for c in run.changes() if c.quarantined):
            left = tables.read_parquet(changes.rows_uri).filter(_.disposition == Disposition.QUARANTINED.value)
            for row in _in_source_columns(left, tables.table("snapshot"), source).to_pyarrow().to_pylist():
                values = {name: row[f"c{i}"] for i, name in enumerate(source.columns)}
                if row["at_row"] not in back:
                    found[row["at_row"]] = Held(row["at_row"], changes.decision, row["why"], values)
    return dict(sorted(found.items()))


def _in_source_columns(left: ibis.Table, source: ibis.Table, snapshot: Snapshot) -> ibis.Table:
    """The rows as they left; columns that were dropped before are as they came from the source."""
    theirs = source.rename(**{f"source_{i}": name for i, name in enumerate(snapshot.columns)}).rename(source_row=ROW)
    joined = left.join(theirs, left[ROW] == theirs.source_row)
    values = {
        f"c{i}": joined[WAS + name] if WAS + name in left.columns else joined[f"source_{i}"]
        for i, name in enumerate(snapshot.columns)
    }
    return joined.select(at_row=joined[ROW], why=joined.reason, **values)


def returned_rows(run: Run) -> frozenset[int]:
    """Rows that came back from quarantine."""
    uris = [entry.payload["rows_uri"] for entry in run.entries() if entry.kind == "returned"]
    if not uris:
        return frozenset()
    with run.open_staging().open(run.staged()) as tables:
        return frozenset(row for uri in uris for row in tables.read_parquet(uri).to_pyarrow()[ROW].to_pylist())
