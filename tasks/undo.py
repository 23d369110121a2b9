"""Undo one decision: the table is made anew without it, and what was decided after it is carried out again.

A later decision stands by itself when its precondition still holds: it can be carried out, and the query of its issue
selects the cells (or rows) that it selected when the decision was carried out first, leaving out the rows that the
undone decision had changed or taken out. In those rows anything may differ: that is what undoing is for. About every
other decision the pilot is asked; one that cannot be carried out any more goes with the undone one.

Nothing is written before all is known, and then one ledger entry says it all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tasks.quality.errors import PilotMustDecide
from tasks.quality.history import REVISIONS, loads
from tasks.quality.ledger import Entry, digest
from tasks.quality.model import ChangeSet, Decision, Snapshot
from tasks.run import Run
from tasks.steps import Repeated, Steps, escaped

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend


@dataclass(frozen=True)
class Doubt:
    """A later decision that does not stand by itself, and why; `possible`: it could be carried out nevertheless."""

    decision: Decision
    why: str
    possible: bool


@dataclass(frozen=True)
class Undone:
    """What came of it: the table without the decision, and the decisions that stand or went with it."""

    decision: Decision
    snapshot: Snapshot
    kept: tuple[ChangeSet, ...]
    dropped: tuple[Doubt, ...]


Ask = Callable[[Doubt], bool]
"""Whether a decision in doubt is to be carried out again."""


def undo(run: Run, number: int, ask: Ask, *, who: str, method: str, gate: str = "", comment: str = "") -> Undone:
    """Take a decision back.

    Args:
        run: not loaded, and not being executed.
        number: the decision's.
        ask: asked about each later decision in doubt.
        who: takes it back.
        method: how we know who it is.
        gate: that the run is held at; it asks again, about the new table.
        comment: why.

    Raises:
        PilotMustDecide: there is no such decision, it was undone already, or it cannot be undone any more.
    """
    entries = run.entries()
    decision = _undoable(run, entries, number)
    base, before = base_before(run, entries, number)
    staging, done = run.open_staging(), sum(entry.kind == "undone" for entry in entries)
    with staging.open(base) as tables:
        again = _Again(run, tables, base.uri, number, _touched(run, number))
        carried = {changes.decision for changes in run.changes() if changes.decision > before}
        dropped = tuple(again.decide(decision, [d for d in run.decisions() if d.number in carried], ask))
        name = f"undo-{done + 1}-{digest([number, [doubt.decision.number for doubt in dropped]])[7:15]}"
        kept = tuple(again.carried_out(name))
        snapshot = staging.write(run.id, name, tables.table("snapshot"), parent=base)
    told = {
        "decision": number,
        "gate": gate,
        "comment": comment,
        "snapshot": snapshot.id,
        "fingerprint": snapshot.fingerprint,
        "parent": base.fingerprint,
        "rows": snapshot.rows,
        "changes": [asdict(changes) for changes in kept],
        "dropped": [{"decision": d.decision.number, "why": d.why} for d in dropped],
    }
    with run.open_ledger() as ledger:
        ledger.append(run.id, f"undone-{done + 1}", "undone", told, actor=who, method=method)
    return Undone(decision, snapshot, kept, dropped)


def _undoable(run: Run, entries: Sequence[Entry], number: int) -> Decision:
    """The decision, if it can be undone.

    Raises:
        PilotMustDecide: it cannot.
    """
    standing = {decision.number: decision for decision in run.decisions()}
    if any(entry.kind == "commit" for entry in entries):
        where, again = run.spec().destination.describe(), "run the pipeline again, and decide otherwise"
        todo = f"gonogo unload {run.name} takes the load back; then {again}" if loads(entries) else again
        raise PilotMustDecide(f"{run.name} was loaded into {where}, and its decisions with it", todo=todo)
    if number in (undone := run.history().undone):
        raise PilotMustDecide(f"decision {number} does not stand any more: {undone[number]}", where=run.name)
    if number not in standing:
        known = [f"{n} ({decision.label})" for n, decision in standing.items()]
        raise PilotMustDecide(f"no decision {number}", where=run.name, available=known, todo=f"gonogo show {run.name}")
    if any(entry.kind == "returned" for entry in entries):
        todo = "start another run of the pipeline, and decide otherwise"
        raise PilotMustDecide("rows have come back from quarantine since", where=run.name, todo=todo)
    if number not in [changes.decision for changes in run.changes()]:
        raise PilotMustDecide(f"decision {number} was not carried out; there is nothing to undo", where=run.name)
    return standing[number]


def base_before(run: Run, entries: Sequence[Entry], number: int) -> tuple[Snapshot, int]:
    """The last snapshot that was made before a decision, and the last decision that is in it."""
    base, last = run.staged(), 0
    carried = 0
    for entry in entries:
        if entry.kind in REVISIONS or carried >= number:
            break
        if entry.kind == "changes":
            carried = int(entry.payload["decision"])
        elif entry.kind == "refined" and carried < number:
            base, last = run.recall(Snapshot, f"snapshot-{entry.payload['snapshot']}"), carried
    return base, last


def _touched(run: Run, number: int) -> str:
    """The query of the rows that a decision changed or took out."""
    made = next(changes for changes in run.changes() if changes.decision == number)
    cells, rows = (f"SELECT _row FROM read_parquet('{escaped(uri)}')" for uri in (made.cells_uri, made.rows_uri))
    return f"{cells} UNION {rows}"


class _Again:
    """Two tables side by side: as decisions made it, and as they make it without the undone one."""

    def __init__(self, run: Run, tables: Backend, uri: str, undone: int, touched: str) -> None:
        self._run, self._tables, self._touched = run, tables, touched
        self._start = f"SELECT * FROM read_parquet('{escaped(uri)}')"
        self._before = Steps(tables, "before", self._start)
        self._after = Steps(tables, "after", self._start)
        self._as_decided, self._repeated = Repeated(run), Repeated(run, without=undone)
        self._again: list[tuple[Decision, bool]] = []

    def decide(self, undone: Decision, decisions: Sequence[Decision], ask: Ask) -> Iterator[Doubt]:
        """Step both tables through the decisions; gives those that go with the undone one."""
        for decision in decisions:
            if decision.number == undone.number:
                self._then(decision)
            elif decision.number < undone.number:
                self._then(decision)
                self._now(decision)
                self._again.append((decision, False))
            elif doubt := self._doubt(decision, ask):
                yield doubt
            else:
                self._again.append((decision, True))

    def carried_out(self, name: str) -> Iterator[ChangeSet]:
        """Carry out what stands, writing down what each decision does now; leaves the table as `snapshot`."""
        steps = Steps(self._tables, "again", self._start)
        for decision, written in self._again:
            applied = self._repeated.applied(steps, decision)
            if written:
                file = f"{name}-decision-{decision.number}"
                yield steps.carried_out(self._run.open_staging(), self._run.id, file, decision.number, applied)
            else:
                steps.take(applied)

    def _doubt(self, decision: Decision, ask: Ask) -> Doubt | None:
        """Step through a later decision; what speaks against it when it goes with the undone one."""
        selected = self._then(decision)
        why, applied = self._differs(decision, selected), None
        self._after.use()
        try:
            applied = self._repeated.applied(self._after, decision)
        except PilotMustDecide as problem:
            why = f"it cannot be carried out any more: {problem.message}"
        if why:
            doubt = Doubt(decision, why, possible=applied is not None)
            if not ask(doubt) or applied is None:
                return doubt
        if applied is not None:
            self._after.take(applied)
        return None

    def _then(self, decision: Decision) -> str:
        """Step the table as it was; gives the name of what the decision's issue selected from it."""
        self._before.use()
        name = f"selected_{decision.number}"
        self._tables.raw_sql(f"CREATE TEMP TABLE {name} AS {decision.sql}")
        self._before.take(self._as_decided.applied(self._before, decision))
        return name

    def _now(self, decision: Decision) -> None:
        self._after.use()
        self._after.take(self._repeated.applied(self._after, decision))

    def _differs(self, decision: Decision, selected: str) -> str:
        """How what the issue selects now differs from what it selected then, in rows that the undone one left alone."""
        import duckdb

        self._after.use()
        then, now = (f'SELECT _row, "column" FROM ({query}) WHERE _row NOT IN ({self._touched})'
                     for query in (f"SELECT * FROM {selected}", decision.sql))  # fmt: skip
        try:
            fewer, more = (self._after.count(f"({a} EXCEPT {b})") for a, b in ((then, now), (now, then)))
        except duckdb.Error as error:
            return f"its issue cannot be looked for any more: {str(error).partition(chr(10))[0]}"
        parts = [f"{more:,} more"] if more else []
        parts += [f"{fewer:,} fewer"] if fewer else []
        return f"its issue selects {' and '.join(parts)} than it did, beside what is undone" if parts else ""
