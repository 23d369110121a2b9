"""PostgreSQL's COPY as a way to read: the same text that the rows would be written as, many times faster."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection

BLOCK_BYTES = 8 << 20

_AS_IT_IS = frozenset({20, 21, 23, 25, 1042, 1043, 19, 2950, 1082, 16, 1700})
"""Types whose text the server writes as we do: integers, texts, uuid, date, boolean, numeric."""

_FLOAT8, _TIMESTAMP = 701, 1114

_FLOAT = """CASE WHEN {0} IN ('Infinity', '-Infinity') THEN replace({0}::text, 'Infinity', 'inf')
WHEN {0} = 'NaN' THEN 'nan' WHEN abs({0}) < 1e15 AND {0} = trunc({0}) THEN {0}::text || '.0'
WHEN abs({0}) >= 1e15 AND abs({0}) < 1e16 THEN trim_scale({0}::numeric)::text || '.0' ELSE {0}::text END"""

_MOMENT = """CASE WHEN {0} = date_trunc('second', {0}) THEN {0}::text
ELSE to_char({0}, 'YYYY-MM-DD HH24:MI:SS.US') END"""


def copyable(connection: Connection, statement: Any, values: Mapping[str, Any]) -> list[str]:
    """The names of a statement's columns, if PostgreSQL can copy all of them out as text; none otherwise."""
    if connection.dialect.driver != "psycopg":
        return []
    described = _described(connection, statement, values)
    known = _AS_IT_IS | {_FLOAT8, _TIMESTAMP}
    return [column.name for column in described] if all(column.type_code in known for column in described) else []


def copied(connection: Connection, statement: Any, values: Mapping[str, Any], columns: int) -> Iterator[pa.Table]:
    """The rows as text, in tables `c0`, `c1`, … of some megabytes.

    Args:
        connection: in its transaction.
        statement: a SELECT.
        values: of its parameters.
        columns: how many there are.
    """
    from psycopg import Error
    from sqlalchemy.exc import DatabaseError

    described = _described(connection, statement, values)
    inner, bound = _compiled(connection, statement, values)
    names = [f"c{i}" for i in range(columns)]
    written = ", ".join(_written(f"q.{name}", column.type_code) for name, column in zip(names, described, strict=True))
    query = f"COPY (SELECT {written} FROM ({inner}) q ({', '.join(names)})) TO STDOUT (FORMAT csv)"
    driver: Any = connection.connection.driver_connection
    waiting = io.BytesIO()
    try:
        with driver.cursor().copy(query.encode(), bound) as copy:
            for row in copy:
                waiting.write(row)
                if waiting.tell() >= BLOCK_BYTES:
                    yield _parsed(waiting, names)
                    waiting = io.BytesIO()
    except Error as error:
        raise DatabaseError(None, None, error) from error
    if waiting.tell():
        yield _parsed(waiting, names)


def _described(connection: Connection, statement: Any, values: Mapping[str, Any]) -> Any:
    inner, bound = _compiled(connection, statement.limit(0), values)
    driver: Any = connection.connection.driver_connection
    return connection.exec_driver_sql(inner, bound).cursor.description if driver else ()


def _compiled(connection: Connection, statement: Any, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    return str(compiled), {**compiled.params, **values}


def _written(column: str, type_code: int) -> str:
    if type_code == _FLOAT8:
        return _FLOAT.format(column)
    return _MOMENT.format(column) if type_code == _TIMESTAMP else f"{column}::text"


def _parsed(waiting: io.BytesIO, names: list[str]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    waiting.seek(0)
    return csv.read_csv(
        waiting,
        read_options=csv.ReadOptions(column_names=names, block_size=2 * BLOCK_BYTES),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
