"""Tables of databases: how they look, how rows get into them fast, and a fingerprint of what is in them."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from blocks.destinations.base import Typed, content_fingerprint
from blocks.destinations.copying import copied
from tasks.quality.errors import DestinationError
from tasks.quality.typed import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection, Table
    from sqlalchemy.sql import Select

CHUNK_ROWS = 5_000
STREAM_ROWS = 50_000
FORMER = "gonogo_former_"
"""What the name of the table begins with that keeps what a load replaced."""

KEYS = "gonogo_keys_"
"""The same of the table that keeps the keys which a merge loaded."""

NEW = "gonogo_new_"
"""The same of the table that is to take another's place."""

GONE = "gonogo_gone_"
"""The same of a table that is about to be dropped."""

LONGEST_NAME = 60
_BITS = 1 << 128
_UNCOMMITTED = 1 << 54
"""DuckDB numbers the rows of a transaction's own from here on, and from nought once it is committed."""

DDL_COMMITS = ("mysql", "mariadb", "oracle")
"""Databases that end a transaction where a table is made or renamed."""


def table(name: str, types: Mapping[str, str], schema: str | None = None, **more: Any) -> Table:
    """A table with columns of our types."""
    from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Double, MetaData, Table, Text
    from sqlalchemy.dialects.mysql import DATETIME, LONGTEXT

    kinds: dict[str, Any] = {
        "integer": BigInteger(),
        "number": Double(),
        "date": Date(),
        "timestamp": DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb"),
        "boolean": Boolean(),
    }
    long = Text().with_variant(LONGTEXT(), "mysql", "mariadb")
    columns = (Column(c, kinds.get(type, long)) for c, type in types.items())
    return Table(name, MetaData(), *columns, schema=schema, **more)


def exactly(connection: Connection) -> dict[str, Any]:
    """Options of a table in which texts are equal only when they are the same, letter case and last blanks included."""
    if connection.dialect.name not in ("mysql", "mariadb"):
        return {}
    collation = "utf8mb4_nopad_bin" if getattr(connection.dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
    return {f"{connection.dialect.name}_collate": collation, f"{connection.dialect.name}_charset": "utf8mb4"}


def present(connection: Connection, name: str, schema: str | None) -> dict[str, Any] | None:
    """The columns of a table with their types, if it is there."""
    from sqlalchemy import inspect
    from sqlalchemy.exc import SAWarning

    inspector = inspect(connection)
    if not inspector.has_table(name, schema=schema):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of types that it doesn't know: they are none of ours
        columns = inspector.get_columns(name, schema=schema)
    plain = _unquoted if connection.dialect.name in ("mysql", "mariadb") else str
    return {plain(column["name"]): column["type"] for column in columns}


def _unquoted(name: str) -> str:
    """A name as SQLAlchemy reads it from MySQL's own statement, in which a backtick is doubled."""
    return name.replace("``", "`")


def named(name: str, columns: Sequence[str], schema: str | None = None) -> Table:
    """A table of which only the columns' names matter."""
    from sqlalchemy import Column, MetaData, Table

    return Table(name, MetaData(), *(Column(each) for each in columns), schema=schema)


def held(type: Any) -> ColumnType | None:
    """The type of a table's column as one of ours; none for kinds that the database itself must judge."""
    from sqlalchemy import Boolean, Date, DateTime, Integer, Numeric, String
    from sqlalchemy.dialects.mysql import TINYINT

    known: tuple[tuple[Any, ColumnType], ...] = (
        (Boolean, "boolean"),
        (Integer, "integer"),
        (Numeric, "number"),
        (DateTime, "timestamp"),
        (Date, "date"),
        (String, "text"),
    )
    if isinstance(type, TINYINT) and type.display_width == 1:
        return "boolean"
    return next((ours for theirs, ours in known if isinstance(type, theirs)), None)


def beyond(connection: Connection) -> Mapping[ColumnType, str]:
    """Type → a regular expression of what the database holds as such although we do not.

    In PostgreSQL infinity, years BC and after 9999; in MySQL and MariaDB days and months of nought, if they are set so.
    """
    if connection.dialect.driver == "psycopg":
        return {"date": _in_postgres(""), "timestamp": _in_postgres(_TIME_IN_UTC)}
    if connection.dialect.name in ("mysql", "mariadb"):
        day = "([0-9]{4}-00-[0-9]{2}|[0-9]{4}-[0-9]{2}-00)"
        return {"date": f"^{day}$", "timestamp": rf"^{day}( 00:00:00(\.0+)?)?$"}
    return {}


_TIME_IN_UTC = r"( [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(\+00(:00)?)?)?"


def _in_postgres(time: str) -> str:
    day = f"-[0-9]{{2}}-[0-9]{{2}}{time}"
    return f"^(-?infinity|[0-9]{{5,6}}{day}|[0-9]{{4,6}}{day} BC)$"


def same_columns(connection: Connection, there: Mapping[str, Any], wanted: Table) -> bool:
    """Whether a table that is there is as one that we would make."""
    from sqlalchemy.exc import CompileError

    if connection.dialect.name in ("mysql", "mariadb"):  # they tell a boolean as a number
        kinds = {c.name: held(c.type.dialect_impl(connection.dialect)) for c in wanted.c}
        return kinds == {name: held(type) for name, type in there.items()}
    try:
        compiled = {c.name: _said(c.type, connection) for c in wanted.c}
        return compiled == {name: _said(type, connection) for name, type in there.items()}
    except CompileError:  # a type that SQLAlchemy doesn't know, and so not one of ours
        return False


def _said(type: Any, connection: Connection) -> str:
    said = str(type.compile(connection.dialect))
    return _SAME_IN_DUCKDB.get(said, said) if connection.dialect.name == "duckdb" else said


_SAME_IN_DUCKDB = {"TEXT": "VARCHAR", "DOUBLE PRECISION": "DOUBLE"}


def beside(name: str, start: str) -> str:
    """The name of a table that belongs to another one; short enough for every database."""
    known_by = (
        name if len(f"{start}{name}".encode()) <= LONGEST_NAME else hashlib.sha256(name.encode()).hexdigest()[:24]
    )
    return f"{start}{known_by}"


def copy_empty(connection: Connection, name: str, like: str, there: Mapping[str, Any], schema: str | None) -> None:
    """Make a table with the columns of another one, and no rows; what was there by its name is dropped."""
    drop(connection, name, schema)
    new, old = (_quoted(connection, named(each, (), schema)) for each in (name, like))
    if connection.dialect.name in ("mysql", "mariadb"):
        connection.exec_driver_sql(f"CREATE TABLE {new} LIKE {old}")
    elif connection.dialect.name in ("postgresql", "duckdb"):
        connection.exec_driver_sql(f"CREATE TABLE {new} AS SELECT * FROM {old} WHERE 1 = 0")
    else:
        _typed_alike(name, there, schema).create(connection)


def _typed_alike(name: str, there: Mapping[str, Any], schema: str | None) -> Table:
    from sqlalchemy import Column, LargeBinary, MetaData, Table
    from sqlalchemy.types import NullType

    columns = (Column(each, LargeBinary() if isinstance(type, NullType) else type) for each, type in there.items())
    return Table(name, MetaData(), *columns, schema=schema)


def drop(connection: Connection, name: str, schema: str | None) -> None:
    """Drop a table if it is there."""
    named(name, (), schema).drop(connection, checkfirst=True)


def add_columns(connection: Connection, to: Table, lacking: Sequence[str]) -> None:
    """Add columns of a table that is as it shall be to the one that is there."""
    from sqlalchemy.schema import CreateColumn

    target, quote = _quoted(connection, to), connection.dialect.identifier_preparer.quote
    if lacking and connection.dialect.name == "duckdb":
        types = {name: to.c[name].type.compile(connection.dialect) for name in lacking}
        _remake(connection, to, ", ".join(["*", *(f"CAST(NULL AS {types[n]}) AS {quote(n)}" for n in lacking)]))
        return
    for name in lacking:
        column = CreateColumn(to.c[name]).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {target} ADD COLUMN {column}")


def drop_columns(connection: Connection, of: Table, names: Sequence[str]) -> None:
    """Drop columns."""
    target, quote = _quoted(connection, of), connection.dialect.identifier_preparer.quote
    if names and connection.dialect.name == "duckdb":
        _remake(connection, of, f"* EXCLUDE ({', '.join(map(quote, names))})")
        return
    for name in names:
        connection.exec_driver_sql(f"ALTER TABLE {target} DROP COLUMN {quote(name)}")


def _quoted(connection: Connection, table: Table) -> str:
    return connection.dialect.identifier_preparer.format_table(table)


def _remake(connection: Connection, of: Table, picked: str) -> None:
    """Make a DuckDB table anew with other columns: one that is altered takes no rows in the same transaction.

    Raises:
        DestinationError: it has constraints, which would be lost.
    """
    constraints = (
        "SELECT count(*) FROM duckdb_constraints() WHERE database_name = current_database() "
        "AND table_name = $1 AND schema_name = coalesce($2, current_schema())"
    )
    found: Any = connection.exec_driver_sql(constraints, (of.name, of.schema)).scalar_one()
    if found:
        todo = "change its columns yourself, then load again; nothing was changed"
        raise DestinationError(f"the table has {found} constraints, which other columns would lose", todo=todo)
    target = _quoted(connection, of)
    connection.exec_driver_sql(f"CREATE TEMP TABLE gonogo_remade AS SELECT {picked} FROM {target}")
    connection.exec_driver_sql(f"DROP TABLE {target}")
    connection.exec_driver_sql(f"CREATE TABLE {target} AS SELECT * FROM gonogo_remade")
    connection.exec_driver_sql("DROP TABLE gonogo_remade")


def rename(connection: Connection, moves: Sequence[tuple[Table, Table]]) -> None:
    """Rename tables, all in one step (MySQL, MariaDB)."""
    said = ", ".join(f"{_quoted(connection, old)} TO {_quoted(connection, new)}" for old, new in moves)
    connection.exec_driver_sql(f"RENAME TABLE {said}")


def set_comment(connection: Connection, on: Table, comment: str) -> None:
    """Write a table's comment."""
    from sqlalchemy.schema import SetTableComment

    on.comment = comment
    connection.execute(SetTableComment(on))


def comment(connection: Connection, name: str, schema: str | None) -> str:
    """A table's comment; an empty string when it has none, or is not there."""
    from sqlalchemy import inspect
    from sqlalchemy.exc import NoSuchTableError

    try:
        return str(inspect(connection).get_table_comment(name, schema=schema)["text"] or "")
    except NoSuchTableError:
        return ""


def count(connection: Connection, of: Table) -> int:
    """How many rows a table has."""
    from sqlalchemy import func, select

    return int(connection.execute(select(func.count()).select_from(of)).scalar_one())


# --- rows into a table ------------------------------------------------------------------------------------------


def fill(connection: Connection, into: Table, rows: Typed) -> int:
    """Bring the rows of a batch into a table by the database's fastest way; gives how many they were."""
    ways = {"psycopg": copied, "duckdb_sqlalchemy": _scanned}
    return ways.get(connection.dialect.driver, _inserted)(connection, into, rows)


def _inserted(connection: Connection, into: Table, rows: Typed) -> int:
    from sqlalchemy.exc import DBAPIError

    written, most = 0, _most_bytes(connection)
    for batch in rows.batches(CHUNK_ROWS):
        if batch.num_rows:
            lines = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            try:
                connection.execute(into.insert(), [dict(zip(into.c.keys(), line, strict=True)) for line in lines])
            except DBAPIError:
                if most:
                    _check_size(batch, most, written)
                raise
        written += batch.num_rows
    return written


def _most_bytes(connection: Connection) -> int:
    """How long a statement may be that the server takes; 0 where there is no such limit."""
    if connection.dialect.name not in ("mysql", "mariadb"):
        return 0
    return int(connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one())


def _check_size(batch: pa.RecordBatch, most: int, before: int) -> None:
    """Look for a row that is longer than the server takes: it hardly ever says so, but hangs up.

    Raises:
        DestinationError: there is one.
    """
    rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
    for number, row in enumerate(rows, start=before):
        if (size := sum(len(cell.encode()) for cell in row if isinstance(cell, str))) >= most:
            what = (
                f"loaded row {number:,} has {size:,} bytes, and the server takes {most:,} at once (max_allowed_packet)"
            )
            todo = "set a larger max_allowed_packet there, or quarantine the row; nothing was changed"
            raise DestinationError(what, todo=todo)


def _scanned(connection: Connection, into: Table, rows: Typed) -> int:
    """DuckDB reads the rows as they stream by."""
    import pyarrow as pa

    own: Any = connection.connection.driver_connection
    target = _quoted(connection, into)
    own.register("gonogo_arriving", pa.RecordBatchReader.from_batches(rows.schema, rows.batches(STREAM_ROWS)))
    try:
        done = own.execute(f"INSERT INTO {target} BY NAME SELECT * FROM gonogo_arriving").fetchone()
    finally:
        own.unregister("gonogo_arriving")
    return int(done[0])


# --- which rows, and what they are ------------------------------------------------------------------------------


def before_rows(connection: Connection, into: Table) -> dict[str, Any]:
    """What tells the rows that are inserted from now on from those that are there; nothing where nothing does."""
    from sqlalchemy import func, literal_column, select

    if connection.dialect.name == "postgresql":
        return {"xid": connection.exec_driver_sql("SELECT pg_current_xact_id()::xid::text").scalar_one()}
    if connection.dialect.name in ("sqlite", "duckdb"):
        last: Any = connection.execute(select(func.max(literal_column("rowid"))).select_from(into)).scalar_one()
        none = 0 if connection.dialect.name == "sqlite" else -1  # SQLite's first row has number 1, DuckDB's has 0
        now = none if last is None else int(last)
        return {"after": count(connection, into) - 1 if now >= _UNCOMMITTED else now, "now": now}
    return {}


def rows_since(told: Mapping[str, Any], most: int | None = None) -> Any:
    """The condition of rows that came after `before_rows`; `most` is how many they were, once that is committed."""
    from sqlalchemy import and_, literal_column, true

    if "xid" in told:
        return literal_column("xmin") == literal_column(f"'{int(told['xid'])}'::xid")
    if "after" in told:
        rowid: Any = literal_column("rowid")
        if most is None:
            return rowid > told["now"]
        return and_(rowid > told["after"], rowid <= told["after"] + most)
    return true()


def fingerprint(connection: Connection, rows: Select[Any]) -> str:
    """A fingerprint of rows whatever their order; equal rows have the same one in the same kind of database.

    The database adds up a hash of each row where it has one (PostgreSQL, DuckDB); elsewhere the rows are fetched.
    """
    from sqlalchemy import BigInteger, String, cast, func, literal_column, select
    from sqlalchemy.exc import DBAPIError

    row: Any = literal_column("r")
    if connection.dialect.name == "duckdb":
        digest: Any = func.md5_number_lower(cast(row, String))
        total = connection.execute(select(func.sum(digest)).select_from(rows.subquery("r"))).scalar_one()
        return f"rows:{int(total or 0) % _BITS:032x}"
    if connection.dialect.name == "postgresql":
        digest = func.hash_record_extended(row, 0, type_=BigInteger)
        try:
            with connection.begin_nested():
                total = connection.execute(select(func.sum(digest)).select_from(rows.subquery("r"))).scalar_one()
            return f"rows:{int(total or 0) % _BITS:032x}"
        except DBAPIError:  # a type without a hash, or a server before version 14: the rows are fetched
            pass
    return content_fingerprint(connection.execute(rows.execution_options(yield_per=CHUNK_ROWS)))
