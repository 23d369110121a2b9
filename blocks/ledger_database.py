"""The ledger's database, SQLite or PostgreSQL: opened when first used, safe for several processes at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tasks.quality.errors import TryAgain
from tasks.quality.secrets import mask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine, Table
    from sqlalchemy.exc import OperationalError

_BUSY_SECONDS = 30
_BUSY_PAUSE_SECONDS = 0.02


class LedgerDatabase:
    """Some tables of it, made where they are not there.

    Args:
        url: an SQLAlchemy URL, e.g. `sqlite:////home/ann/.gonogo/ledger.db`.
    """

    GUARDS: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Kind of database → statements that follow when the tables are made."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._made = False

    def _tables(self) -> Iterable[Table]:
        """The tables that are used."""
        raise NotImplementedError

    @contextmanager
    def _transaction(self, *, write: bool = True) -> Iterator[Connection]:
        """One transaction; of several that write, one goes after the other.

        Raises:
            TryAgain: the database is away, locked or full.
        """
        from sqlalchemy.exc import OperationalError

        try:
            engine = _engine(self._url)
            if not self._made:
                self._make_tables(engine)
                self._made = True
            with _begun(engine, write=write) as connection:
                yield connection
        except OperationalError as error:
            raise _away(self._url, error) from error

    def _make_tables(self, engine: Engine) -> None:
        """Of several processes that come first, one makes them."""
        wanted = tuple(self._tables())
        if engine.dialect.name == "sqlite" and engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        with engine.connect() as connection:
            if all(engine.dialect.has_table(connection, table.name) for table in wanted):
                return
        with _begun(engine, write=True) as connection:
            for table in wanted:
                table.create(connection, checkfirst=True)
            for statement in self.GUARDS.get(engine.dialect.name, ()):
                connection.exec_driver_sql(statement)


@contextmanager
def _begun(engine: Engine, *, write: bool) -> Iterator[Connection]:
    with engine.connect() as connection:
        if write and connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif write and connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7407646)")
        yield connection
        connection.commit()


@cache
def _engine(url: str) -> Engine:
    """An engine that keeps no connection open, so it is good for all who use the database in this process."""
    from sqlalchemy import create_engine, event, make_url
    from sqlalchemy.pool import NullPool

    parsed = make_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    engine = create_engine(parsed, poolclass=NullPool, connect_args={"timeout": _BUSY_SECONDS} if sqlite else {})
    if sqlite:
        event.listen(engine, "connect", _sqlite_connected)
    return engine


def _away(url: str, error: OperationalError) -> TryAgain:
    why = mask(str(error.orig))
    return TryAgain(f"the ledger cannot be used: {why}", where=mask(url), todo="run it again when it can")


def _sqlite_connected(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions are begun by us: the driver's own begin too late
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous=FULL")


def _write_ahead(connection: Any) -> None:
    """Switch to write-ahead logging once; SQLite does not wait its turn for this, so we do."""
    import sqlite3

    deadline = time.monotonic() + _BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_PAUSE_SECONDS)
