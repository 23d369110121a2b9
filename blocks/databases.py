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

BUSY_SECONDS = 30
"""How long a locked SQLite file is waited for."""

CONNECT_SECONDS = 10

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
def connected(url: URL, where: str) -> Iterator[Connection]:
    """A connection; on SQLite transactions are left to whoever uses it. Raises SpecError: its driver is not here."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import NoSuchModuleError
    from sqlalchemy.pool import NullPool

    backend = url.get_backend_name()
    options: dict[str, Any] = {"timeout": BUSY_SECONDS} if backend == "sqlite" else {}
    if backend == "postgresql":
        options = {"connect_timeout": CONNECT_SECONDS, "client_encoding": "utf8"}  # COPY's bytes go as they are
    elif backend in ("mysql", "mariadb"):
        options = {"connect_timeout": CONNECT_SECONDS, "charset": "utf8mb4"}
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
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _leave_transactions_to_us(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver's own would end the transaction before DDL
