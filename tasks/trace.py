"""Trace: the story of one cell or row, put together from what the stages have left in ledger and staging."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from blocks.sources import Batch
from tasks.quality.errors import GonogoError, PilotMustDecide, did_you_mean
from tasks.quality.history import loads
from tasks.quality.ledger import Entry
from tasks.quality.model import ROW, ChangeSet, Issue, Snapshot
from tasks.quality.trace import Delivered, Place, Step, Story, Who, column_path
from tasks.run import Run
from tasks.steps import escaped

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

ROWS_TOLD = 10


def trace(run: Run, row: int, column: str = "") -> Story:
    """The story of a cell, or without a column of all cells of a row.

    Raises:
        PilotMustDecide: the run has no such row or column; says which there are.
    """
    teller = _Teller(run, row)
    with run.open_staging().open(teller.source) as tables:
        return teller.story(tables, column)


def rows_of_key(run: Run, column: str, value: str) -> int:
    """The one row whose cell is this value, in the table as it is now or, if none, as it came.

    Raises:
        PilotMustDecide: there is no such column, or none or several rows have the value.
    """
    looks = dict.fromkeys((run.snapshots()[-1], run.snapshots()[0]))
    known = [look for look in looks if column in look.columns]
    if not known:
        columns = list(dict.fromkeys(name for look in looks for name in look.columns))
        todo = did_you_mean(column, columns)
        raise PilotMustDecide(f"no column '{column}'", where=run.name, available=columns, todo=todo)
    for look in known:
        with run.open_staging().open(look) as tables:
            table = tables.table("snapshot")
            found = table.filter(table[column] == value).select(ROW).order_by(ROW).limit(ROWS_TOLD + 1)
            rows = [str(row) for row in found.to_pyarrow()[ROW].to_pylist()]
        if len(rows) == 1:
            return int(rows[0])
        if rows:
            more = f"more than {ROWS_TOLD}" if len(rows) > ROWS_TOLD else str(len(rows))
            todo = "name one of them with --row"
            raise PilotMustDecide(f"{more} rows have {column}={value}", available=rows[:ROWS_TOLD], todo=todo)
    raise PilotMustDecide(f"no row has {column}={value}", where=run.name, todo="name the row with --row")


@dataclass(frozen=True)
class _Teller:
    run: Run
    row: int

    @cached_property
    def source(self) -> Snapshot:
        """The table as it came."""
        return self.run.staged()

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        return self.run.entries()

    @cached_property
    def changes(self) -> tuple[tuple[ChangeSet, str, str], ...]:
        """Every change set by decision: when it was carried out, and why it does not stand, if it does not."""
        at = {e.payload["decision"]: e.at for e in self.entries if e.kind == "changes"}
        undone, standing = self.run.history().undone, {c.decision: c for c in self.run.changes()}
        gone = {
            e.payload["decision"]: ChangeSet(**{k: v for k, v in e.payload.items() if k in ChangeSet.__annotations__})
            for e in self.entries
            if e.kind == "changes" and e.payload["decision"] in undone
        }
        both = sorted({**gone, **standing}.items())
        return tuple((made, at.get(number, ""), undone.get(number, "")) for number, made in both)

    def story(self, tables: Backend, column: str) -> Story:
        """Everything that is known of the cell or row."""
        columns = self._columns(column)
        came = self._cells(tables, self.source, [path[0] for path in columns])
        if came is None:
            last = self.source.rows - 1
            raise PilotMustDecide(f"no row {self.row}", where=self.run.name, available=(f"0 to {last}",))
        snapshots = self.run.snapshots()
        stands = self._cells(tables, snapshots[-1], [path[-1] for path in columns])
        steps = tuple(self._steps(tables, columns))
        return Story(
            run=self.run.name,
            row=self.row,
            column=columns[0][-1] if column else "",
            place=self._place(tables),
            came=tuple(came.items()),
            steps=steps,
            stands=tuple((stands or {}).items()),
            delivered=tuple(self._delivered(tables)),
            head=self.entries[-1].hash,
        )

    def _columns(self, column: str) -> list[tuple[str, ...]]:
        """The names that each column, or the one that is asked for by any of them, has had."""
        standing = [made for made, _at, undone in self.changes if not undone]
        renames = [(old, new) for made in standing for old, new in made.columns_renamed]
        added = [name for made in standing for name in made.columns_added]
        paths = [column_path(name, renames) for name in (*self.source.columns, *added)]
        if not column:
            return paths
        for path in [p for p in paths if p[-1] == column] + [p for p in paths if column in p]:
            return [path]
        names = [path[-1] for path in paths]
        raise PilotMustDecide(
            f"no column '{column}'", where=self.run.name, available=names, todo=did_you_mean(column, names)
        )

    def _cells(self, tables: Backend, snapshot: Snapshot, columns: Sequence[str]) -> dict[str, str | None] | None:
        there = [name for name in columns if name in snapshot.columns]
        found = tables.read_parquet(snapshot.uri).filter(_row_is(self.row)).select(ROW, *there).to_pyarrow().to_pylist()
        return {name: found[0][name] for name in there} if found else None

    def _place(self, tables: Backend) -> Place:
        batch = self.run.recall(Batch, "batch")
        origin = next(o for o in batch.origins if o.first_row <= self.row < o.first_row + o.rows)
        if batch.places:
            own = tables.read_parquet(batch.places).filter(_row_is(self.row)).to_pyarrow().to_pylist()
            if own:
                return Place(own[0]["origin"], str(own[0]["place"]), origin.fingerprint)
        spec, number = self.run.spec(), self.row - origin.first_row + 1
        try:
            place = spec.source.place(origin, number, spec.base())
        except (GonogoError, OSError):  # whatever keeps it from being looked up, its number is known
            place = f"record {number:,}"
        return Place(origin.name, place, origin.fingerprint)

    # --- what became of it ------------------------------------------------------------------------------------------

    def _steps(self, tables: Backend, columns: Sequence[tuple[str, ...]]) -> Iterator[Step]:
        names = {name for path in columns for name in path}
        yield from self._suspected(names)
        for made, at, undone in self.changes:
            for step in self._of_change_set(tables, made, names):
                yield self._decided(step, made.decision, at, undone)
        yield from self._came_back(tables, names)

    def _suspected(self, names: set[str]) -> Iterator[Step]:
        """Why the cell was looked at: the issues that select it, each in the first round that found it."""
        told: set[str] = set()
        for round in range(1, self.run.rounds() + 1):
            found = self.run.assessment(round)
            fresh = [issue for issue in found.issues if issue.id not in told and self._is_about(issue, names)]
            with self.run.open_staging().open(found.snapshot) as own:
                for issue in fresh:
                    if self._selected(own, issue, names):
                        told.add(issue.id)
                        column = issue.columns[0] if issue.unit == "cell" and issue.columns else ""
                        yield Step("suspected", column, issue=issue.id, action=f"{issue.title} (round {round})")

    @staticmethod
    def _is_about(issue: Issue, names: set[str]) -> bool:
        return bool(issue.sql) and not issue.about and (issue.unit == "row" or bool(names.intersection(issue.columns)))

    def _selected(self, tables: Backend, issue: Issue, names: set[str]) -> bool:
        listed = ", ".join(f"'{escaped(name)}'" for name in sorted(names))
        cell = f'AND ("column" IS NULL OR "column" IN ({listed}))'
        sql = f"SELECT count(*) FROM ({issue.sql}) WHERE _row = {int(self.row)} {cell}"
        return bool(tables.raw_sql(sql).fetchone()[0])

    def _of_change_set(self, tables: Backend, made: ChangeSet, names: set[str]) -> Iterator[Step]:
        cells = tables.read_parquet(made.cells_uri).filter(_row_is(self.row)).to_pyarrow().to_pylist()
        for cell in (cell for cell in cells if cell["column"] in names):
            yield Step("changed", cell["column"], before=cell["before"], after=cell["after"])
        yield from (Step("column dropped", name) for name in made.columns_dropped if name in names)
        added = [name for name in made.columns_added if name in names]
        yield from (Step("column added", name, after=self._first_value(tables, name)) for name in added)
        renamed = [(old, new) for old, new in made.columns_renamed if old in names]
        yield from (Step("column renamed", new, before=old, after=new) for old, new in renamed)
        rows = tables.read_parquet(made.rows_uri)
        left = rows.filter(_row_is(self.row)).select("disposition", "into", "reason").to_pyarrow().to_pylist()
        for gone in left:
            yield Step(gone["disposition"], "", action=gone["reason"], into=gone["into"])
        took = rows.filter(rows.into == self.row).select(ROW).order_by(ROW).to_pyarrow()[ROW].to_pylist()
        yield from (Step("took in", "", into=other) for other in took)

    def _first_value(self, tables: Backend, column: str) -> str | None:
        """A new column's value in this row: in the first snapshot that has it and the row."""
        for snapshot in self.run.snapshots():
            if column in snapshot.columns and (cells := self._cells(tables, snapshot, [column])):
                return cells[column]
        return None

    def _came_back(self, tables: Backend, names: set[str]) -> Iterator[Step]:
        for entry in (e for e in self.entries if e.kind == "returned"):
            rows = tables.read_parquet(entry.payload["rows_uri"]).filter(_row_is(self.row)).count().to_pyarrow().as_py()
            if not rows:
                continue
            who = Who(entry.actor, entry.method, entry.at, str(entry.payload["gate"]), "", entry.payload["comment"])
            file = f"corrected in {entry.payload['file']}"
            yield Step("came back", "", action=file, who=who, at=entry.at)
            cells = tables.read_parquet(entry.payload["cells_uri"]).filter(_row_is(self.row)).to_pyarrow().to_pylist()
            for cell in (cell for cell in cells if cell["column"] in names):
                yield Step("changed", cell["column"], cell["before"], cell["after"], action=file, who=who, at=entry.at)

    def _decided(self, step: Step, number: int, at: str, undone: str) -> Step:
        """The step with the decision behind it."""
        decision = next(e for e in self.entries if e.kind == "decision" and e.payload["number"] == number)
        said = decision.payload
        reason = f"{said['label']} ({step.action})" if step.action else said["label"]
        who = self._who(str(said["gate"]), decision)
        return replace(step, decision=number, issue=said["issue"], action=reason, who=who, at=at, undone=undone)

    def _who(self, gate: str, entry: Entry) -> Who:
        answer = next((e for e in self.entries if e.kind == "answer" and e.payload["gate"] == gate), entry)
        said = answer.payload
        return Who(entry.actor, entry.method, answer.at, gate, said.get("evidence", ""), said.get("comment", ""))

    # --- where it went ----------------------------------------------------------------------------------------------

    def _delivered(self, tables: Backend) -> Iterator[Delivered]:
        taken = {e.payload["load"]: e for e in self.entries if e.kind == "unloaded"}
        standing = {load.key for load in loads(self.entries)}
        for entry, receipt, uri in self._loads():
            if tables.read_parquet(uri).filter(_row_is(self.row)).count().to_pyarrow().as_py():
                who = self._let_go(entry) if entry.kind == "commit" else None
                back = None if entry.key in standing else self._took_back(taken[entry.key])
                yield Delivered(receipt["destination"], entry.at, who, entry.hash, back)

    def _loads(self) -> Iterator[tuple[Entry, Mapping[str, Any], str]]:
        """Each load, those that were taken back as well: its entry, its receipt, and the file of the rows that went."""
        by_print = {snapshot.fingerprint: snapshot.uri for snapshot in self.run.snapshots()}
        for entry in self.entries:
            said = entry.payload
            if entry.kind == "commit":
                yield entry, said, by_print[said["snapshot"]]
            elif entry.kind == "returned" and said["loaded"]:
                whole = said["loaded"]["mode"] == "replace"
                yield entry, said["loaded"], by_print[said["fingerprint"]] if whole else said["rows_uri"]

    @staticmethod
    def _took_back(entry: Entry) -> Who:
        return Who(entry.actor, entry.method, entry.at, "", "", entry.payload["comment"])

    def _let_go(self, commit: Entry) -> Who | None:
        """Who said go at the last load gate before the commit."""
        before = self.entries[: commit.seq]
        gates = [e for e in before if e.kind == "answer" and str(e.payload["gate"]).startswith("load-")]
        return self._who(str(gates[-1].payload["gate"]), gates[-1]) if gates else None


def _row_is(row: int) -> Any:
    from ibis import _

    return _[ROW] == row
