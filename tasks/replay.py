"""Replay: every table of a run made anew from its source and its decisions, and compared byte for byte.

Everything is made in a folder of its own, each table from the one that was made before it; only the source's snapshot,
the reference tables and rows that a pilot brought back are taken as they lie in staging. Nothing is written to the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.scratch import scratch
from blocks.staging import LOOKUPS, Staging, connected, fingerprint_of
from tasks.quality.carry import carry_out
from tasks.quality.errors import GonogoError
from tasks.quality.history import history
from tasks.quality.ledger import Entry
from tasks.quality.model import ROW, ChangeSet, Decision, Snapshot
from tasks.quality.profile import domains
from tasks.run import Run, adapter
from tasks.steps import Repeated, Steps, escaped
from tasks.undo import base_before

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

KEY = "pseudonyms.key"
SHOWN = 300
"""Characters of a difference that are told."""


@dataclass(frozen=True)
class Redone:
    """One file made anew.

    Attributes:
        name: which table or change set.
        recorded: its fingerprint as the run has it.
        found: the fingerprint of what was made now.
        difference: the first row or cell that differs, or what kept it from being made; empty when nothing does.
    """

    name: str
    recorded: str
    found: str
    difference: str = ""

    @property
    def same(self) -> bool:
        """Whether the bytes are the same."""
        return self.recorded == self.found and not self.difference


def replay(run: Run) -> Iterator[Redone]:
    """Make every table of a run anew, in the order in which they were made, up to the first that is another one."""
    with scratch() as folder:
        again = _Again(run, Staging(str(folder)))
        again.borrow(folder)
        for redone in again.everything():
            yield redone
            if redone.difference:
                return


@dataclass
class _Again:
    """The tables made so far, by the fingerprints that the run knows them by."""

    run: Run
    staging: Staging
    made: dict[str, Snapshot] = field(default_factory=dict)

    def borrow(self, folder: Path) -> None:
        """What is not made but given: the key of pseudonyms, and the reference tables."""
        own = self.staging.folder(self.run.id)
        root = Path(self.run.staging)
        for given, place in ((root / KEY, folder / KEY), (root / self.run.id / LOOKUPS, own / LOOKUPS)):
            if given.exists():
                place.symlink_to(given.resolve())

    def everything(self) -> Iterator[Redone]:
        """Every file of the run, in order."""
        entries = self.run.entries()
        for entry in entries:
            if entry.kind == "stage" and entry.payload["stage"] == "extract" and entry.payload.get("snapshot"):
                yield self._source(str(entry.payload["snapshot"]))
            elif entry.kind == "stage" and entry.payload["stage"] == "profile":
                yield self._domains(entry)
            elif entry.kind == "refined":
                yield from self._refined(entries, entry)
            elif entry.kind == "undone":
                yield from self._undone(entries, entry)
            elif entry.kind == "returned":
                yield self._returned(entry)

    def _source(self, recorded: str) -> Redone:
        source = self.run.staged()
        try:
            found = fingerprint_of(Path(source.uri))
        except GonogoError as error:
            return Redone(source.id, recorded, "", error.message)
        self.made[recorded] = source
        return Redone(source.id, recorded, found, "" if found == recorded else "the source's rows were changed")

    def _domains(self, entry: Entry) -> Redone:
        snapshot = self.made[str(entry.payload["snapshot"])]
        beside = _named_apart(snapshot)
        with self.staging.open(snapshot) as tables:
            found = self.staging.write_domains(self.run.id, beside, domains(tables.table("snapshot")))
        recorded, name = str(entry.payload["domains"]), f"{snapshot.id}.domains"
        return self._compared(name, recorded, found, self._stored(name), self._own(f"{beside.id}.domains"))

    def _refined(self, entries: Sequence[Entry], entry: Entry) -> Iterator[Redone]:
        """A module's decisions of a round, one after the other."""
        payload, name = entry.payload, str(entry.payload["snapshot"])
        parent = self.made[str(payload["parent"])]
        since = max((e.seq for e in entries if e.kind == "refined" and e.seq < entry.seq), default=0)
        told = [e.payload for e in entries if e.kind == "changes" and since < e.seq < entry.seq]
        decisions = _decisions(entries)
        round = int(name.rpartition("-")[2])
        assessment = self.run.assessment(round)
        with self.staging.open(parent) as tables:
            steps, contract = Steps(tables), self.run.contract(round, before=entry.seq)
            for made in told:
                decision = decisions[int(made["decision"])]
                data, issue = steps.data(contract, assessment.snapshot.fingerprint), assessment.issue(decision.issue)
                applied = carry_out(data, issue, decision.remedy, decision.parameters, decision.number)
                changes = steps.carried_out(
                    self.staging, self.run.id, f"decision-{decision.number}", decision.number, applied
                )
                yield from self._change_set(made, changes)
            yield self._snapshot(entry, tables, parent)

    def _undone(self, entries: Sequence[Entry], entry: Entry) -> Iterator[Redone]:
        """All decisions but the undone one and those that went with it, from the last table before it."""
        before = entries[: entry.seq - 1]
        number, gone = int(entry.payload["decision"]), {int(each["decision"]) for each in entry.payload["dropped"]}
        base, last = base_before(self.run, before, number)
        told, decisions = {int(made["decision"]): made for made in entry.payload["changes"]}, _decisions(entries)
        carried = [int(c["decision"]) for c in history(before).changes if int(c["decision"]) > last]
        with self.staging.open(self.made[base.fingerprint]) as tables:
            steps, repeated = Steps(tables), Repeated(self.run, before=entry.seq, without=number)
            for each in (n for n in carried if n != number and n not in gone):
                applied = repeated.applied(steps, decisions[each])
                if each in told:
                    name = f"{entry.key}-decision-{each}"
                    yield from self._change_set(
                        told[each], steps.carried_out(self.staging, self.run.id, name, each, applied)
                    )
                else:
                    steps.take(applied)
            yield self._snapshot(entry, tables, self.made[base.fingerprint])

    def _returned(self, entry: Entry) -> Redone:
        """The table with the rows that came back, as they were written down."""
        last = self.made[str(entry.payload["parent"])]
        names = ", ".join('"' + name.replace('"', '""') + '"' for name in (ROW, *last.columns))
        with self.staging.open(last, {"came": entry.payload["rows_uri"]}) as tables:
            tables.raw_sql(f"CREATE VIEW whole AS SELECT {names} FROM snapshot UNION ALL SELECT {names} FROM came")
            return self._snapshot(entry, tables, last, "whole")

    def _snapshot(self, entry: Entry, tables: Backend, parent: Snapshot, table: str = "snapshot") -> Redone:
        name, recorded = str(entry.payload["snapshot"]), str(entry.payload["fingerprint"])
        snapshot = self.staging.write(self.run.id, name, tables.table(table), parent=parent)
        self.made[recorded] = snapshot
        return self._compared(name, recorded, snapshot.fingerprint, self._stored(name), snapshot.uri)

    def _change_set(self, told: Any, made: ChangeSet) -> Iterator[Redone]:
        for what in ("cells", "rows"):
            name = f"{what} of decision {made.decision}"
            found, uri = asdict(made)[f"{what}_fingerprint"], asdict(made)[f"{what}_uri"]
            yield self._compared(name, told[f"{what}_fingerprint"], found, told[f"{what}_uri"], uri)

    def _compared(self, name: str, recorded: str, found: str, stored: str, own: str) -> Redone:
        return Redone(name, recorded, found, "" if recorded == found else first_difference(stored, own))

    def _stored(self, name: str) -> str:
        return str(Path(self.run.staging) / self.run.id / f"{name}.parquet")

    def _own(self, name: str) -> str:
        return str(self.staging.folder(self.run.id) / f"{name}.parquet")


def first_difference(stored: str, own: str) -> str:
    """The first row, by its values, that one of two Parquet files has and the other has not.

    Empty when they hold the same rows in other bytes, as another version of the engine may write them.
    """
    import duckdb

    with connected() as tables:
        try:
            for name, uri in (("then", stored), ("now", own)):
                tables.raw_sql(f"CREATE VIEW \"{name}\" AS SELECT * FROM read_parquet('{escaped(uri)}')")
            then, now = tables.table("then"), tables.table("now")
            if then.columns != now.columns:
                return f"columns were {', '.join(then.columns)}, and are {', '.join(now.columns)}"
            return _difference(_only(tables, "then", "now"), _only(tables, "now", "then"))
        except duckdb.Error as error:
            return f"what the run has cannot be read ({type(error).__name__})"


def _only(tables: Backend, one: str, other: str) -> dict[str, Any]:
    """The first row that one has and the other has not, if there is one."""
    only = f'SELECT * FROM (SELECT * FROM "{one}" EXCEPT ALL SELECT * FROM "{other}") ORDER BY ALL LIMIT 1'
    found = tables.raw_sql(only).to_arrow_table().to_pylist()
    return found[0] if found else {}


def _difference(then: dict[str, Any], now: dict[str, Any]) -> str:
    """Two rows that differ in words, cell by cell where they are the same row."""
    if then and now and then[ROW] == now[ROW]:
        cells = [f"{name} was {then[name]!r}, and is {now[name]!r}" for name in then if then[name] != now[name]]
        return f"row {then[ROW]}: {'; '.join(cells)[:SHOWN]}"
    alone = [("the run has", then)] if then else [("made now", now)] if now else []
    told = [f"only {whose} row {row[ROW]}: {list(row.values())[1:]}" for whose, row in alone]
    return told[0][:SHOWN] if told else ""


def _decisions(entries: Sequence[Entry]) -> dict[int, Decision]:
    """Every decision there ever was, by number."""
    fields = Decision.__annotations__
    said = [e.payload for e in entries if e.kind == "decision"]
    return {int(each["number"]): _decision({k: v for k, v in each.items() if k in fields}) for each in said}


def _decision(plain: dict[str, Any]) -> Decision:
    return adapter(Decision).validate_python(plain)


def _named_apart(snapshot: Snapshot) -> Snapshot:
    """The snapshot under a name of its own, so that what is written beside it replaces nothing that it is read with."""
    return replace(snapshot, id=f"again-{snapshot.id}")
