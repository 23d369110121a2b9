"""Databases that SQLAlchemy knows: their addresses and connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.staging import doing
from blocks.variables import resolved
from tasks.quality.errors import SpecError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL
    from sqlalchemy.exc import DatabaseError

BUSY_SECONDS = 30
"""How long a locked SQLite file is waited for."""

CONNECT_SECONDS = 10
PATIENCE_SECONDS = 600.0
"""How long a server may say nothing, unless it is told otherwise."""

SILENT = "the server said nothing"
"""How it is told that patience has ended."""

_LOOK_SECONDS = 0.1
_DRIVERS = {
    "postgresql": ("postgresql+psycopg", "pip install 'gonogo[postgres]'"),
    "postgres": ("postgresql+psycopg", "pip install 'gonogo[postgres]'"),
    "mysql": ("mysql+pymysql", "pip install 'gonogo[mysql]'"),
    "mariadb": ("mariadb+pymysql", "pip install 'gonogo[mysql]'"),
}
"""Backend → the driver that is taken when the address names none, and where it comes from."""


def database_url(address: str, base: Path, where: str) -> URL:
    """An address as SQLAlchemy's URL, with variables resolved and the driver that gonogo brings.

    Args:
        address: may hold `${NAME}`.
        base: the folder that a relative SQLite file starts from.
        where: the setting, for errors.

    Raises:
        SpecError: it is no address of a database.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(resolved(address, where))
    except ArgumentError as error:
        todo = "write e.g. sqlite:///out.db or postgresql+psycopg://user:${PASSWORD}@host/database"
        raise SpecError("this is not a database URL", where=where, todo=todo) from error
    if url.get_backend_name() in ("sqlite", "duckdb"):
        return _beside(url, base, where)
    return url.set(drivername=_DRIVERS[url.drivername][0]) if url.drivername in _DRIVERS else url


def _beside(url: URL, base: Path, where: str) -> URL:
    """The address of an SQLite or DuckDB file, from `base` when it is relative."""
    if url.database in (None, "", ":memory:"):
        todo = f"write e.g. {url.get_backend_name()}:///out.db"
        raise SpecError("the database would only keep the table in memory", where=where, todo=todo)
    return url if str(url.database).startswith("file:") else url.set(database=str(base / str(url.database)))


@contextmanager
def connected(url: URL, where: str, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[Connection]:
    """A connection; on SQLite transactions are left to whoever uses it.

    Args:
        url: whole.
        where: the setting, for errors.
        patience_seconds: how long the server may say nothing while it is waited for.

    Raises:
        SpecError: its driver is not here.
    """
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import NoSuchModuleError
    from sqlalchemy.pool import NullPool

    backend = url.get_backend_name()
    options: dict[str, Any] = {"timeout": BUSY_SECONDS} if backend == "sqlite" else {}
    if backend == "postgresql":
        options = {"connect_timeout": CONNECT_SECONDS, "client_encoding": "utf8"}  # COPY's bytes go as they are
    elif backend in ("mysql", "mariadb"):
        options = {"connect_timeout": CONNECT_SECONDS, "charset": "utf8mb4"}
        if url.get_driver_name() == "pymysql":
            options |= {"read_timeout": min(CONNECT_SECONDS, patience_seconds), "write_timeout": patience_seconds}
    if backend in ("sqlite", "duckdb") and url.database and not url.database.startswith("file:"):
        folder = Path(url.database).parent
        with doing("make", folder):
            folder.mkdir(parents=True, exist_ok=True)
    try:
        engine: Engine = create_engine(url, poolclass=NullPool, connect_args=options, hide_parameters=True)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        todo = _DRIVERS.get(backend, ("", "install its SQLAlchemy driver"))[1]
        raise SpecError(f"no driver for {backend}", where=where, todo=todo) from error
    if backend == "sqlite":
        event.listen(engine, "connect", _leave_transactions_to_us)
    if backend == "postgresql" and engine.dialect.driver == "psycopg":
        patient = _patient(patience_seconds)
        event.listen(engine, "do_connect", lambda _dialect, _record, args, given: patient.connect(*args, **given))
    if engine.dialect.driver == "pymysql":
        event.listen(engine, "connect", lambda taken, _record: _wait(taken, patience_seconds))
        event.listen(engine, "invalidate", _await_no_more_rows)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _leave_transactions_to_us(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver's own would end the transaction before DDL


def _wait(connection: Any, seconds: float) -> None:
    """Let PyMySQL, which has one timeout for a greeting and for an answer, wait longer for an answer."""
    connection._read_timeout = seconds  # noqa: SLF001  (nothing public sets it)


def _await_no_more_rows(connection: Any, *_why: object) -> None:
    """Let PyMySQL, which reads a result to its end whenever it is closed, not do so where the connection was lost."""
    if connection._result is not None:  # noqa: SLF001  (nothing public has it)
        connection._result.unbuffered_active = False  # noqa: SLF001  (the same)


def of_driver(error: Any, connection: Connection) -> DatabaseError:
    """An error of psycopg's own as SQLAlchemy's; of errors that followed from one another, the first."""
    from psycopg import Error
    from sqlalchemy.exc import DatabaseError

    while isinstance(error.__context__, Error):
        error = error.__context__
    if lost := bool(connection.connection.driver_connection.closed):  # type: ignore[union-attr]
        connection.invalidate(error)
    return DatabaseError(None, None, error, connection_invalidated=lost)


def _patient(seconds: float) -> Any:
    """The class of psycopg's connections that are closed when the server says nothing for so long."""
    import psycopg
    from psycopg.errors import _WaitTimeout

    own = psycopg.Connection.wait  # called once a row

    class Patient(psycopg.Connection[Any]):
        def wait(self, gen: Any, interval: float = _LOOK_SECONDS, timeout: float | None = seconds) -> Any:
            try:
                return own(self, gen, interval, timeout)
            except _WaitTimeout:
                self.close()
            raise psycopg.OperationalError(f"{SILENT} for {seconds:g} s")

    return Patient
