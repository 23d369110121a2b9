"""The ledger's store: append-only tables in SQLite or PostgreSQL, safe for several processes at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from blocks.ledger_database import LedgerDatabase
from tasks.quality.approval import Signature
from tasks.quality.errors import PilotMustDecide, did_you_mean
from tasks.quality.history import taken_back
from tasks.quality.ledger import Entry, canonical, link
from tasks.quality.model import Action, Answer, Remember, Verdict
from tasks.quality.secrets import redact
from tasks.quality.wording import plural

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping, Table

JOURNAL = "~"
"""Begins the name of a chain that is no run's: "~approvers", "~policies"."""

_APPEND_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER IF NOT EXISTS gonogo_ledger_no_{verb} BEFORE {verb} ON gonogo_ledger "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        (
            "CREATE OR REPLACE FUNCTION gonogo_ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
        ),
        (
            "CREATE OR REPLACE TRIGGER gonogo_ledger_append_only BEFORE UPDATE OR DELETE ON gonogo_ledger "
            "FOR EACH ROW EXECUTE FUNCTION gonogo_ledger_append_only()"
        ),
    ],
}


_ABOUT_DATA: Mapping[str, tuple[str, ...]] = {
    "opened": ("contract", "goals"),
    "answer": ("parameters",),
    "decision": ("facts", "parameters", "sql"),
    "policy": ("known", "parameters"),
    "rewound": ("contract", "goals"),
}
"""Kind of entry → keys under which data and its columns are named."""


@dataclass(frozen=True)
class RunSummary:
    """A run as the ledger knows it."""

    run_id: str
    name: str
    pipeline: str
    opened_at: str
    entries: int
    last_kind: str
    head: str


class Ledger(LedgerDatabase):
    """Every run's diary.

    Args:
        url: an SQLAlchemy URL, e.g. `sqlite:////home/ann/.gonogo/ledger.db`; tables are made when first needed.
    """

    GUARDS = _APPEND_ONLY

    def append(
        self,
        run_id: str,
        key: str,
        kind: str,
        payload: Mapping[str, Any],
        *,
        actor: str = "gonogo",
        method: str = "system",
    ) -> Entry:
        """Write an entry, unless the run has one under this key: the first one written stays, and is given back.

        Secrets in the payload are masked, but not in what is decided about data: a word such as "Secretary" in a table
        of values would be written as stars.

        Raises:
            TryAgain: the database is away, locked or full.
        """
        with self._transaction() as connection:
            if existing := self._find(connection, run_id, key):
                return existing
            previous = self._last(connection, run_id)
            at = datetime.now(UTC).isoformat(timespec="microseconds")
            plain = redact(json.loads(canonical(payload)), exact=_ABOUT_DATA.get(kind, ()))
            entry = link(previous, run_id=run_id, key=key, kind=kind, payload=plain, actor=actor, method=method, at=at)
            row = {**entry.__dict__, "payload": canonical(entry.payload)}
            connection.execute(_table().insert().values(row))
            return entry

    def entries(self, run_id: str) -> tuple[Entry, ...]:
        """A run's entries in order."""
        from sqlalchemy import select

        table = _table()
        with self._transaction(write=False) as connection:
            rows = connection.execute(select(table).where(table.c.run_id == run_id).order_by(table.c.seq))
            return tuple(_entry(row) for row in rows.mappings())

    def find(self, run_id: str, key: str) -> Entry | None:
        """The entry under this key, if there is one."""
        with self._transaction(write=False) as connection:
            return self._find(connection, run_id, key)

    def last(self, run_id: str, kind: str) -> Entry | None:
        """The run's last entry of a kind, if there is one."""
        from sqlalchemy import select

        table = _table()
        wanted = select(table).where(table.c.run_id == run_id, table.c.kind == kind).order_by(table.c.seq.desc())
        with self._transaction(write=False) as connection:
            row = connection.execute(wanted.limit(1)).mappings().first()
        return _entry(row) if row else None

    def head(self, run_id: str) -> str:
        """The hash of the run's last entry, or an empty string."""
        with self._transaction(write=False) as connection:
            last = self._last(connection, run_id)
        return last.hash if last else ""

    def answer(self, run_id: str, gate: str) -> Answer | None:
        """What was answered at a gate, if it was answered."""
        entry = self.find(run_id, f"answer-{gate}")
        if entry is None:
            return None
        said = entry.payload
        actions = tuple(Action(**action) for action in said["actions"])
        signed = tuple(Signature(**signature) for signature in said.get("signatures", ()))
        wanted, who = Remember.recalled(said.get("remember")), (entry.actor, entry.method)
        verdict, comment = Verdict(said["verdict"]), str(said["comment"])
        return Answer(gate, verdict, *who, comment, actions, signed, wanted, bool(said.get("hold")))

    def submissions(self, run_id: str, gate: str) -> Iterable[Entry]:
        """Answers that identified people handed in for a gate."""
        return [e for e in self.entries(run_id) if e.kind == "submission" and e.payload["gate"] == gate]

    def runs(self) -> tuple[RunSummary, ...]:
        """Every run, the latest first."""
        from sqlalchemy import func, select

        table = _table()
        counted = select(table.c.run_id, func.count().label("n"), func.max(table.c.seq).label("last")).group_by(
            table.c.run_id
        )
        with self._transaction(write=False) as connection:
            found = [(r.run_id, r.n) for r in connection.execute(counted) if not r.run_id.startswith(JOURNAL)]
            summaries = [self._summary(connection, run_id, n) for run_id, n in found]
        return tuple(sorted(summaries, key=lambda s: s.opened_at, reverse=True))

    def last_loaded(self, pipeline: str, before: str) -> str | None:
        """The id of the pipeline's last run that was loaded before a moment (ISO 8601, UTC) and not taken back."""
        from sqlalchemy import select

        table = _table()
        ended = select(table).where(table.c.kind == "outcome", table.c.at < before).order_by(table.c.at.desc())
        with self._transaction(write=False) as connection:
            outcomes = [_entry(row) for row in connection.execute(ended).mappings()]
        for run_id in (each.run_id for each in outcomes if each.payload["outcome"] == "loaded"):
            opened = self.find(run_id, "opened")
            mine = opened is not None and opened.payload.get("pipeline") == pipeline
            if mine and not taken_back(self.entries(run_id)):
                return run_id
        return None

    def loads_of(self, snapshot: str) -> tuple[str, ...]:
        """The ids of the runs that loaded a snapshot with this fingerprint, the first one first."""
        from sqlalchemy import select

        table = _table()
        told = table.c.payload.contains(json.dumps(snapshot), autoescape=True)
        wanted = select(table).where(table.c.kind == "commit", told).order_by(table.c.at)
        with self._transaction(write=False) as connection:
            found = [_entry(row) for row in connection.execute(wanted).mappings()]
        return tuple(dict.fromkeys(e.run_id for e in found if e.payload.get("snapshot") == snapshot))

    def resolve(self, name: str) -> str:
        """The id of the run that is meant: its name, its id or the start of it, or "latest".

        Raises:
            PilotMustDecide: no run, or several, are meant by it.
        """
        runs = self.runs()
        if name == "latest" and runs:
            return runs[0].run_id
        meant = [r for r in runs if name == r.name] or [r for r in runs if r.run_id.startswith(name)]
        if len(meant) == 1:
            return meant[0].run_id
        names = [r.name for r in (meant or runs)]
        if meant:
            raise PilotMustDecide(f"'{name}' means {plural(len(meant), 'run')}", available=[r.run_id for r in meant])
        todo = did_you_mean(name, names) or "list them with 'gonogo history'"
        raise PilotMustDecide(f"no run '{name}'", available=names[:8], todo=todo)

    def _summary(self, connection: Connection, run_id: str, count: int) -> RunSummary:
        opened, last = self._find(connection, run_id, "opened"), self._last(connection, run_id)
        said = opened.payload if opened else {}
        name, pipeline = str(said.get("name", run_id)), str(said.get("pipeline", ""))
        at = opened.at if opened else ""
        return RunSummary(run_id, name, pipeline, at, count, last.kind if last else "", last.hash if last else "")

    def _find(self, connection: Connection, run_id: str, key: str) -> Entry | None:
        from sqlalchemy import select

        table = _table()
        row = connection.execute(select(table).where(table.c.run_id == run_id, table.c.key == key)).mappings().first()
        return _entry(row) if row else None

    def _last(self, connection: Connection, run_id: str) -> Entry | None:
        from sqlalchemy import select

        table = _table()
        newest = select(table).where(table.c.run_id == run_id).order_by(table.c.seq.desc()).limit(1)
        row = connection.execute(newest).mappings().first()
        return _entry(row) if row else None

    def _tables(self) -> Iterable[Table]:
        return (_table(),)


@cache
def _table() -> Table:
    from sqlalchemy import Column, Integer, MetaData, String, Table, Text, UniqueConstraint

    names = ("kind", "payload", "actor", "method", "at", "previous", "hash")
    return Table(
        "gonogo_ledger",
        MetaData(),
        Column("run_id", String(64), primary_key=True),
        Column("seq", Integer, primary_key=True, autoincrement=False),
        Column("key", String(200), nullable=False),
        *(Column(name, Text, nullable=False) for name in names),
        UniqueConstraint("run_id", "key"),
    )


def _entry(row: RowMapping) -> Entry:
    return Entry(**{**{str(name): value for name, value in row.items()}, "payload": json.loads(row["payload"])})
