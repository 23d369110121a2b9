"""The ledger's store: append-only tables in SQLite or PostgreSQL, safe for several processes at once."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, quote_plus

from tasks.quality.errors import PilotMustDecide, SpecError, TryAgain, did_you_mean
from tasks.quality.ledger import Entry, canonical, link
from tasks.quality.model import Action, Answer, Verdict
from tasks.quality.secrets import MASK, mask, redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine, RowMapping, Table

_BUSY_SECONDS = 30

_EXACT = ("sql", "parameters", "facts")
"""What verify queries again and a replay carries out: it comes from the data and the pilot, never from a connection."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


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


class Ledger:
    """Every run's diary.

    Args:
        url: an SQLAlchemy URL, e.g. `sqlite:////home/ann/.gonogo/ledger.db`, in which `${NAME}` stands for an
            environment variable, so that it can be passed on without a password; tables are made when first needed.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine: Engine | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

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

        See `append_once`.
        """
        return self.append_once(run_id, key, kind, payload, actor=actor, method=method)[0]

    def append_once(
        self,
        run_id: str,
        key: str,
        kind: str,
        payload: Mapping[str, Any],
        *,
        actor: str = "gonogo",
        method: str = "system",
    ) -> tuple[Entry, bool]:
        """The entry under this key, and whether it was written by this call or was there before.

        Secrets in the payload are masked, but for what is data and is needed as it is (`sql`, `parameters`, `facts`).

        Raises:
            TryAgain: the database is away, locked, read-only or full.
            ValueError: an unknown kind, or a payload that JSON cannot hold.
        """
        plain = redact(json.loads(canonical(payload)), _EXACT)
        actor, method = (_UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text) for text in (actor, method))
        with self._transaction() as connection:
            if existing := self._find(connection, run_id, key):
                return existing, False
            previous = self._last(connection, run_id)
            at = datetime.now(UTC).isoformat(timespec="microseconds")
            entry = link(previous, run_id=run_id, key=key, kind=kind, payload=plain, actor=actor, method=method, at=at)
            row = {**entry.__dict__, "payload": canonical(entry.payload)}
            connection.execute(_table().insert().values(row))
            return entry, True

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
        return Answer(gate, Verdict(said["verdict"]), entry.actor, entry.method, str(said["comment"]), actions)

    def submissions(self, run_id: str, gate: str) -> Iterable[Entry]:
        """Answers that identified people handed in for a gate."""
        return [e for e in self.entries(run_id) if e.kind == "submission" and e.payload["gate"] == gate]

    def runs(self) -> tuple[RunSummary, ...]:
        """Every run, the latest first."""
        from sqlalchemy import and_, func, select

        table, first = _table(), _table().alias("first")
        counted = select(table.c.run_id, func.count().label("n"), func.max(table.c.seq).label("seq"))
        ends = counted.group_by(table.c.run_id).subquery()
        last = and_(table.c.run_id == ends.c.run_id, table.c.seq == ends.c.seq)
        opened = and_(first.c.run_id == ends.c.run_id, first.c.key == "opened")
        columns = (ends.c.run_id, ends.c.n, table.c.kind, table.c.hash, first.c.payload, first.c.at)
        told = select(*columns).select_from(ends.join(table, last).outerjoin(first, opened))
        with self._transaction(write=False) as connection:
            summaries = [_summary(*row) for row in connection.execute(told)]
        return tuple(sorted(summaries, key=lambda s: (s.opened_at, s.run_id), reverse=True))

    def resolve(self, name: str) -> str:
        """The id of the run that is meant: its name, its id or the start of it, or "latest".

        Raises:
            PilotMustDecide: no run, or several, are meant by it.
        """
        runs = self.runs()
        if not runs:
            raise PilotMustDecide("there is no run yet", where=_told(self._url), todo="start one with 'gonogo run'")
        if name == "latest":
            return runs[0].run_id
        meant = [r for r in runs if name == r.name] or [r for r in runs if r.run_id.startswith(name)]
        if len(meant) == 1:
            return meant[0].run_id
        names = [r.name for r in (meant or runs)]
        if meant:
            raise PilotMustDecide(f"'{name}' means {len(meant)} runs", available=[r.run_id for r in meant])
        todo = did_you_mean(name, names) or "list them with 'gonogo runs'"
        raise PilotMustDecide(f"no run '{name}'", available=names[:8], todo=todo)

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

    @contextmanager
    def _transaction(self, *, write: bool = True) -> Iterator[Connection]:
        with _explained(self._url):
            if self._engine is None:
                self._engine = _engine(self._url)
            with self._engine.connect() as connection:
                if write:
                    _begin(connection)
                yield connection
                connection.commit()


def _summary(run_id: str, count: int, last_kind: str, head: str, opened: str | None, at: str | None) -> RunSummary:
    said = _payload(opened or "{}")
    name, pipeline = str(said.get("name", run_id)), str(said.get("pipeline", ""))
    return RunSummary(run_id, name, pipeline, at or "", count, last_kind, head)


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Tell what the database or the disk refuses in words, without the password.

    Raises:
        TryAgain: it refused.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        why = _without_password(str(error.orig), url).strip().partition("\n")[0]
        raise TryAgain(f"the ledger cannot be used: {why}", where=_told(url), todo=_todo(why)) from None
    except OSError as error:
        why = error.strerror or str(error)
        raise TryAgain(f"the ledger cannot be made: {why}", where=_told(url), todo="check the folder") from error


def _todo(why: str) -> str:
    known = {
        "locked": "another process writes to it for long: try again",
        "full": "free some space, then run it again",
        "readonly": "let this user write to the file and its folder, then run it again",
        "not a database": "it is something else or damaged: restore it, or name another one in GONOGO_LEDGER",
        "malformed": "it is damaged: restore it from a copy",
    }
    return next((todo for sign, todo in known.items() if sign in why), "see that it is reached, then run it again")


def _told(url: str) -> str:
    """The address without its secrets."""
    return _without_password(_resolved(url), url)


def _without_password(text: str, url: str) -> str:
    """The text without the address's password, however oddly it is written; the rest is masked as any text is."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        password = str(make_url(_resolved(url)).password or "")
    except ArgumentError:
        password = ""
    for secret in (password, quote_plus(password), quote(password)):
        text = text.replace(secret, MASK) if secret else text
    return mask(text)


def _resolved(url: str) -> str:
    return _VARIABLE.sub(lambda found: os.environ.get(found[1], found[0]), url)


def _begin(connection: Connection) -> None:
    """Begin a transaction in which nobody else writes."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7407646)")


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


_SQLITE = [
    f"CREATE TRIGGER IF NOT EXISTS gonogo_ledger_no_{verb} BEFORE {verb} ON gonogo_ledger "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    for verb in ("UPDATE", "DELETE")
]
_SQLITE_NO_REPLACE = (  # INSERT OR REPLACE deletes without firing the trigger on DELETE
    "CREATE TRIGGER IF NOT EXISTS gonogo_ledger_no_REPLACE BEFORE INSERT ON gonogo_ledger WHEN EXISTS "
    "(SELECT 1 FROM gonogo_ledger WHERE run_id = NEW.run_id AND (key = NEW.key OR seq >= NEW.seq)) "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
)
_POSTGRESQL = [
    (
        "CREATE OR REPLACE FUNCTION gonogo_ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
    ),
    (
        "CREATE OR REPLACE TRIGGER gonogo_ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON gonogo_ledger "
        "FOR EACH STATEMENT EXECUTE FUNCTION gonogo_ledger_append_only()"
    ),
]
_APPEND_ONLY = {"sqlite": [*_SQLITE, _SQLITE_NO_REPLACE], "postgresql": _POSTGRESQL}


def _engine(url: str) -> Engine:
    """The engine, with the tables and the triggers that keep them append-only.

    Raises:
        SpecError: the address is no database URL, or its driver is not installed.
    """
    from sqlalchemy import create_engine, event, inspect, make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    try:
        parsed = make_url(_resolved(url))
        sqlite = parsed.get_backend_name() == "sqlite"
        engine = create_engine(parsed, poolclass=NullPool, connect_args={"timeout": _BUSY_SECONDS} if sqlite else {})
    except (ArgumentError, NoSuchModuleError) as error:
        todo = "write e.g. sqlite:////home/ann/ledger.db or postgresql+psycopg://ann:${PASSWORD}@host/ledger"
        raise SpecError("the ledger's address is no database URL", where="GONOGO_LEDGER", todo=todo) from error
    except ModuleNotFoundError as error:
        raise SpecError(f"the ledger needs {error.name}", where=_told(url), todo="install gonogo[postgres]") from error
    if sqlite:
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _sqlite_connected)
    if not inspect(engine).has_table("gonogo_ledger"):
        _create(engine)
    return engine


def _create(engine: Engine) -> None:
    with engine.connect() as connection:
        _begin(connection)
        _table().create(connection, checkfirst=True)
        for statement in _APPEND_ONLY.get(engine.dialect.name, []):
            connection.exec_driver_sql(statement)
        connection.commit()


def _sqlite_connected(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions are begun by us: the driver's own begin too late
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _entry(row: RowMapping) -> Entry:
    return Entry(**{**{str(name): value for name, value in row.items()}, "payload": _payload(row["payload"])})


def _payload(text: str) -> dict[str, Any]:
    """A payload as stored; what somebody made unreadable is an entry like any other, and breaks the chain."""
    try:
        payload = json.loads(text)
        canonical(payload)
    except ValueError:
        return {"unreadable": text}
    return payload if isinstance(payload, dict) else {"unreadable": text}
