"""A table or a query of a database that SQLAlchemy knows, read in one consistent, read-only transaction.

Rows come in chunks through a server-side cursor and are written as they come, so memory does not grow with them. Every
value is staged as text that says exactly what the database said: decimals with all their digits, floats in the shortest
text that reads back the same, dates and times in ISO 8601, bytes in hexadecimal, arrays and JSON as JSON.

A large table of PostgreSQL can be read in ranges of a key side by side, each on a connection of its own in the same
snapshot; the rows are staged range after range.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from blocks.databases import PATIENCE_SECONDS, connected, database_url
from blocks.probe import Probe
from blocks.refusals import READING, told
from blocks.row_file import write_rows
from blocks.sources.base import Batch, Origin, Reading, SourceModel, staged_names
from blocks.sources.copying import copied, copyable
from blocks.sources.pieces import texts
from blocks.sources.postgres_values import SETTINGS, read_exactly
from blocks.sources.ranges import Ranges, as_it_is, check_key, ranged, side_by_side
from blocks.staging import doing, publish, write_text
from tasks.quality.errors import GonogoError, NothingNew, SourceError, Unavailable, did_you_mean
from tasks.quality.ledger import canonical
from tasks.quality.secrets import mask

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

MOST_NAMED = 8
_HASH_DIGITS = 32


class Incremental(BaseModel):
    """Read only what is new: rows whose value of a column is larger than any that was read before.

    Rows with the largest value itself are known one by one, so that those which come later with the same value are
    read, too, and none is read twice. Rows without a value are never new.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str = Field(min_length=1, description="a column that only grows: a number, a date, a time")
    first: str | None = Field(default=None, description="where the first read begins; by default at the beginning")


class DatabaseSource(SourceModel):
    """A table, or what a query gives."""

    HIDDEN: ClassVar = ("url",)
    EXAMPLE: ClassVar = """
kind: database
url: postgresql+psycopg://reader:${SHOP_PASSWORD}@db.example.org/shop
query: SELECT * FROM sales.orders WHERE region = :region
parameters: {region: north}
incremental: {column: updated_at}   # each run reads what is new
ranges: {column: id, parts: 4}      # PostgreSQL: four connections at once, in one snapshot
"""

    kind: Literal["database"] = "database"
    url: str = Field(min_length=1, description="SQLAlchemy URL; write passwords as ${NAME} of an environment variable")
    table: str | None = Field(default=None, min_length=1, description="a table or view; or give a query")
    schema_name: str | None = Field(default=None, alias="schema", description="of the table")
    columns: tuple[str, ...] = Field(default=(), description="of the table; by default all")
    query: str | None = Field(default=None, min_length=1, description="one SELECT, instead of a table")
    parameters: Mapping[str, str | int | float | bool | None] = Field(
        default_factory=dict, description="values of the query's ':name' parameters"
    )
    incremental: Incremental | None = Field(default=None, description="read only what is new")
    ranges: Ranges | None = Field(default=None, description="read ranges of a key side by side (PostgreSQL)")
    chunk_rows: int = Field(default=20_000, ge=1, description="rows that are held in memory at once")
    patience_seconds: float = Field(
        default=PATIENCE_SECONDS, gt=0, description="how long the database may say nothing while it is waited for"
    )

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True)

    @model_validator(mode="after")
    def _one_of_both(self) -> DatabaseSource:
        if (self.table is None) == (self.query is None):
            raise ValueError("name either a 'table' or a 'query'")
        if self.query is not None and (self.columns or self.schema_name):
            raise ValueError("'columns' and 'schema' belong to a table; a query says them itself")
        if self.table is not None and self.parameters:
            raise ValueError("'parameters' belong to a query")
        return self

    def describe(self) -> str:
        """The source in words, without its password."""
        what = f"table {self._name()}" if self.table else "a query"
        return f"{what} of {mask(self.url) if '://' in self.url else 'a database'}"

    def identity(self) -> str:
        """The address, and what is read there."""
        asked = json.dumps([self.query, dict(self.parameters)]) if self.query else self._name()
        return f"{mask(self.url)} {asked}"

    def read(self, reading: Reading) -> Batch:
        """Read the rows into staging.

        Raises:
            SourceError: there is no such table or column, or the database refuses the query.
            Unavailable: the database cannot be reached.
            NothingNew: there is no row that was not read before.
        """
        since = reading.position(self.identity()) if self.incremental else {}
        file, about = reading.landing() / "rows.parquet", reading.landing() / "rows.json"
        if not about.exists():
            with told(self.describe(), READING), self._open(reading.base) as connection:
                landed = self._land(connection, file, since, reading)
            write_text(about, canonical(landed.__dict__))
        landed = _Landed(**json.loads(about.read_text("utf-8")))
        if not landed.rows and self.incremental:
            raise NothingNew(f"no row of {self.describe()} was not read before")
        return self._staged(landed, file, since, reading)

    def probe(self, base: Path) -> Iterator[Probe]:
        """Whether the database answers, lets us read without writing, and has what is asked for."""
        what = f"connect to {mask(self.url) if '://' in self.url else 'the database'}"
        try:
            with told(self.describe(), READING), self._open(base) as connection:
                yield Probe(what, True, f"{connection.dialect.name} answers; the transaction is read-only")
                what = f"read from {self._name() if self.table else 'the query'}"
                asked, values = self._asked(connection, {}, self._largest(connection))
                if self.ranges:
                    check_key(connection, self._everything(connection), values, self.ranges.column)
                result = connection.execute(asked.limit(1), values)
                named, first = ", ".join(result.keys()), result.all()
            yield Probe(what, True, f"columns {named}" + ("" if first else "; there is no row"))
        except GonogoError as error:
            yield Probe(what, False, error.message)

    # --- reading ------------------------------------------------------------------------------------------------

    def _open(self, base: Path, of: str | None = None) -> _Snapshot:
        url = database_url(self.url, base, "source.url")
        if url.get_backend_name() == "sqlite" and not str(url.database).startswith("file:"):
            path = Path(str(url.database))
            if not path.is_file():
                there = sorted(p.name for p in path.parent.glob("*") if p.is_file()) if path.parent.is_dir() else []
                todo = did_you_mean(path.name, there)
                raise Unavailable(
                    f"no file '{path.name}'", where=str(path.parent), available=there[:MOST_NAMED], todo=todo
                )
        return _Snapshot(url, of, self.patience_seconds)

    def _land(self, connection: Connection, file: Path, since: Mapping[str, Any], reading: Reading) -> _Landed:
        """Write the rows, as text, into a Parquet file in the landing folder."""
        until, types = self._largest(connection), self._types(connection)
        statement, values = self._asked(connection, since, until)
        names = list(connection.execute(statement.limit(0), values).keys())
        mark = _Mark(names, self.incremental, since, until)
        read = partial(self._batches, values=values, mark=mark)
        if self.ranges:
            key = check_key(connection, self._everything(connection), values, self.ranges.column)
            parts = ranged(connection, statement, values, self.ranges, key)
            opened = partial(self._open, reading.base)
            batches = side_by_side(connection, parts, opened, partial(read, at_once=len(parts)), file.parent)
        else:
            batches = read(connection, statement)
        staged, _renames = staged_names(names)
        growing = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            with doing("write", file), closing(batches):
                rows = write_rows(growing, staged, self._watched(batches, reading))
            publish(growing, file)
        finally:
            growing.unlink(missing_ok=True)
        return _Landed(rows, names, types, mark.position())

    def _batches(
        self, connection: Connection, statement: Any, values: Mapping[str, Any], mark: _Mark, at_once: int = 1
    ) -> Generator[pa.RecordBatch]:
        """The rows that are new, as text, by the fastest way that there is."""
        if not self.incremental and copyable(connection, statement, values):
            yield from copied(connection, statement, values, at_once)
            return
        result = connection.execute(statement, values)
        for chunk in result.partitions(max(1, self.chunk_rows // at_once)):
            told_rows = ([as_text(value) for value in row] for row in chunk)
            yield from texts(filter(mark.new, told_rows), len(result.keys()))

    def _watched(self, batches: Iterator[pa.RecordBatch], reading: Reading) -> Iterator[pa.RecordBatch]:
        rows = 0
        for batch in batches:
            rows += batch.num_rows
            reading.progress(f"reading {self._name() or 'the query'}", rows, 0)
            yield batch

    def _staged(self, landed: _Landed, file: Path, since: Mapping[str, Any], reading: Reading) -> Batch:
        names, renames = staged_names(landed.names)
        snapshot = reading.staging.take(
            reading.run_id, reading.name, file, names, landed.rows, renames=renames, source=self.describe()
        )
        known_as = dict(zip(landed.names, names, strict=True))
        types = {known_as[name]: type for name, type in landed.types.items() if name in known_as}
        notes = () if landed.types or self.query else ("the database does not say the columns' types",)
        origin = Origin(self._name() or "query", snapshot.fingerprint, 0, landed.rows, 0)
        batch = Batch(snapshot, (origin,), 0, renames=renames, types=types, notes=notes)
        return replace(batch, since=dict(since), position=landed.position) if self.incremental else batch

    def _own(self, connection: Connection) -> Any:
        """The table with its columns, or the query as a table."""
        from sqlalchemy import column
        from sqlalchemy import text as sql
        from sqlalchemy.sql import table

        if self.table:
            return table(self.table, *map(column, self._found(connection)), schema=self.schema_name)
        return sql(str(self.query).strip().rstrip(";")).columns().subquery("gonogo_query")

    def _everything(self, connection: Connection) -> Any:
        from sqlalchemy import select
        from sqlalchemy import text as sql

        return select(sql("*")).select_from(self._own(connection))

    def _asked(self, connection: Connection, since: Mapping[str, Any], until: Any) -> tuple[Any, dict[str, Any]]:
        """The statement and its values, for rows from where the last read ended to `until`."""
        from sqlalchemy import column, inspect, select

        order: list[Any] = []
        if self.table:
            own = self._own(connection)
            asked = select(*(own.c[name] for name in self.columns or own.c.keys()))
            key = inspect(connection).get_pk_constraint(self.table, schema=self.schema_name)
            order = [own.c[name] for name in key.get("constrained_columns") or ()]
        else:
            asked = self._everything(connection)
        if self.incremental:
            watched: Any = column(self.incremental.column)
            first = since.get("value", self.incremental.first)
            asked = asked.where(watched <= as_it_is("gonogo_until", until))
            asked = asked.where(watched >= as_it_is("gonogo_since", first)) if first is not None else asked
            order = [watched, *order]
        return asked.order_by(*order) if order else asked, dict(self.parameters)

    def _largest(self, connection: Connection) -> Any:
        """The column's largest value now: rows that come while we read belong to the next read."""
        from sqlalchemy import column, func, select

        if not self.incremental:
            return None
        largest: Any = select(func.max(column(self.incremental.column))).select_from(self._own(connection))
        return connection.execute(largest, dict(self.parameters)).scalar_one()

    def _found(self, connection: Connection) -> dict[str, str]:
        """The table's columns with their types; all that is asked for is there."""
        from sqlalchemy import inspect

        inspector = inspect(connection)
        name, schema = str(self.table), self.schema_name
        if schema and schema not in (there := inspector.get_schema_names()):
            raise SourceError(
                f"no schema '{schema}'", where=self.describe(), available=there, todo=did_you_mean(schema, there)
            )
        names = sorted({*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)})
        if name not in names:
            shown = names if len(names) <= MOST_NAMED else [*names[:MOST_NAMED], f"and {len(names) - MOST_NAMED} more"]
            todo = did_you_mean(name, names)
            raise SourceError(f"no table '{name}'", where=self.describe(), available=shown, todo=todo)
        columns = {each["name"]: str(each["type"]).lower() for each in inspector.get_columns(name, schema=schema)}
        for column in (*self.columns, *([self.incremental.column] if self.incremental else ())):
            if column not in columns:
                todo = did_you_mean(column, columns)
                raise SourceError(f"no column '{column}'", where=self._name(), available=columns, todo=todo)
        return columns

    def _types(self, connection: Connection) -> dict[str, str]:
        return self._found(connection) if self.table else {}

    def _name(self) -> str:
        return f"{self.schema_name}.{self.table}" if self.schema_name else self.table or ""


@dataclass(frozen=True)
class _Landed:
    """What lies in the landing folder: rows, columns as the database calls them, their types, the position after."""

    rows: int
    names: list[str]
    types: dict[str, str]
    position: dict[str, Any]


class _Mark:
    """Which rows are new, and up to where they go."""

    def __init__(self, names: Sequence[str], given: Incremental | None, since: Mapping[str, Any], until: Any) -> None:
        if given and given.column not in names:
            raise SourceError(
                f"no column '{given.column}'",
                where="source.incremental",
                available=names,
                todo=did_you_mean(given.column, names) or "read it, too",
            )
        self._place = names.index(given.column) if given else None
        self._names = names
        known = [name for name in since.get("columns", names) if name in names]
        self._known = [names.index(name) for name in known]
        self._since, self._until = since, as_text(until)
        self._seen = frozenset(since.get("seen", ()))
        same = self._until == since.get("value") and list(names) == list(since.get("columns", names))
        self._last: set[str] = set(self._seen) if same else set()

    def new(self, row: Sequence[str | None]) -> bool:
        """Whether a row was not read before."""
        if self._place is None:
            return True
        value = row[self._place]
        if value not in (self._until, self._since.get("value")):
            return True
        if value == self._since.get("value") and _hash([row[place] for place in self._known]) in self._seen:
            self._last.update({_hash(row)} if value == self._until else ())
            return False
        if value == self._until:
            self._last.add(_hash(row))
        return True

    def position(self) -> dict[str, Any]:
        """Where the next read goes on."""
        if self._place is None:
            return {}
        return {"value": self._until, "seen": sorted(self._last), "columns": list(self._names)}


def _hash(row: Sequence[str | None]) -> str:
    return hashlib.sha256(json.dumps(list(row)).encode()).hexdigest()[:_HASH_DIGITS]


_IN_POSTGRES = (
    "synchronize_seqscans = off",  # rows come as they lie, whoever reads them, too
    "max_parallel_workers_per_gather = 0",
    "idle_in_transaction_session_timeout = 0",  # of a snapshot whose ranges are read elsewhere
    *SETTINGS,
)


class _Snapshot:
    """A connection whose transaction sees one state of the database, or that of a snapshot, and may not write."""

    def __init__(self, url: URL, of: str | None, patience_seconds: float) -> None:
        self._of, self._open = of, connected(url, "source.url", patience_seconds)

    def __enter__(self) -> Connection:
        connection = self._open.__enter__()
        try:
            backend = connection.dialect.name
            if backend == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                if self._of is not None:
                    connection.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{self._of}'")
                for setting in _IN_POSTGRES:
                    connection.exec_driver_sql(f"SET LOCAL {setting}")
                if connection.dialect.driver == "psycopg":
                    read_exactly(connection.connection.driver_connection)
            elif backend == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only = ON")
                connection.exec_driver_sql("BEGIN")
            elif backend in ("mysql", "mariadb"):
                connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            return connection.execution_options(stream_results=True, max_row_buffer=1000)
        except BaseException as error:
            self._open.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(self, *raised: object) -> None:
        self._open.__exit__(*raised)  # type: ignore[arg-type]


def as_text(value: Any) -> str | None:
    """A value of a database as the text that is staged.

    >>> as_text(Decimal("1E+3")), as_text(0.1), as_text(True), as_text(bytes([0, 255]))
    ('1000', '0.1', 'true', '00ff')
    """
    if value is None or isinstance(value, str):
        return value
    for kind, write in _TEXTS:
        if isinstance(value, kind):
            return write(value)
    return str(value)


def _duration(value: dt.timedelta) -> str:
    """As MySQL spells a time, which may be negative, or longer than a day.

    >>> _duration(dt.timedelta(hours=838, seconds=3)), _duration(-dt.timedelta(seconds=1.25))
    ('838:00:03', '-00:00:01.250000')
    """
    seconds, below = divmod(abs(value) // dt.timedelta(microseconds=1), 1_000_000)
    minutes, second = divmod(seconds, 60)
    sign, fraction = "-" if value < dt.timedelta() else "", f".{below:06}" if below else ""
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}:{second:02}{fraction}"


_TEXTS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (bool, lambda value: "true" if value else "false"),
    (Decimal, lambda value: f"{value:f}" if value.is_finite() else str(value)),
    (dt.datetime, lambda value: value.isoformat(" ")),
    ((dt.date, dt.time), lambda value: value.isoformat()),
    (dt.timedelta, _duration),
    ((bytes, bytearray, memoryview), lambda value: bytes(value).hex()),
    ((dict, list, tuple), lambda value: json.dumps(value, ensure_ascii=False, default=as_text)),
)
"""Type → its text; of a value's types the first one holds."""
