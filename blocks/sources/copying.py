"""PostgreSQL's COPY as a way to read: the same text that the rows would be written as, many times faster.

The server writes what costs it least, and the few types that it spells otherwise than we do are respelt here, a column
at a time. One thread fetches, while what was fetched before is parsed; of statements side by side each has one thread.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from blocks.ahead import ahead
from blocks.databases import of_driver
from blocks.sources.postgres_values import AS_IT_IS, CAST, SPELT, respelt

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection

BLOCK_BYTES = 4 << 20
_LEAST_BYTES = 1 << 19


def copyable(connection: Connection, statement: Any, values: Mapping[str, Any]) -> bool:
    """Whether PostgreSQL can copy all columns of a statement out as text."""
    if connection.dialect.driver != "psycopg":
        return False
    known = AS_IT_IS | CAST | SPELT.keys()
    return all(column.type_code in known for column in described(connection, statement, values))


def copied(
    connection: Connection, statement: Any, values: Mapping[str, Any], at_once: int = 1
) -> Iterator[pa.RecordBatch]:
    """The rows as text, in batches `c0`, `c1`, … of some megabytes.

    Args:
        connection: in its transaction, with the `SETTINGS` of `postgres_values`.
        statement: a SELECT.
        values: of its parameters.
        at_once: how many statements are copied out side by side, and share the memory.
    """
    import pyarrow as pa

    size = max(BLOCK_BYTES // at_once, _LEAST_BYTES)
    types = [column.type_code for column in described(connection, statement, values)]
    fetched = _blocks(connection, statement, values, types, size)
    with closing(fetched if at_once > 1 else ahead(fetched)) as blocks:  # many wait for the server anyway
        for block in blocks:
            for batch in _parsed(block, len(types)).to_batches():
                columns = [respelt(column, type) for column, type in zip(batch.columns, types, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _blocks(
    connection: Connection, statement: Any, values: Mapping[str, Any], types: list[int], size: int
) -> Generator[io.BytesIO]:
    """The rows as delimited text, as the server sends it."""
    from psycopg import Error

    inner, bound = _compiled(connection, statement, values)
    names = [f"c{place}" for place in range(len(types))]
    picked = ", ".join(
        f"q.{name}::text" if type in CAST else f"q.{name}" for name, type in zip(names, types, strict=True)
    )
    query = f"COPY (SELECT {picked} FROM ({inner}) q ({', '.join(names)})) TO STDOUT (FORMAT csv)"
    query = query if bound else query.replace("%%", "%")  # psycopg looks for values only where there are some
    driver: Any = connection.connection.driver_connection
    waiting = io.BytesIO()
    try:
        with driver.cursor().copy(query.encode(), bound):
            while driver.wait(_arrived(driver.pgconn, waiting)):
                if waiting.tell() >= size:
                    yield waiting
                    waiting = io.BytesIO()
    except Error as error:
        raise of_driver(error, connection) from error
    if waiting.tell():
        yield waiting


def _arrived(connection: Any, into: io.BytesIO) -> Generator[Any, int, bool]:
    """Write down the rows that are here, and wait only for the first one; tells whether there may be more.

    psycopg's own way asks for each row anew, which takes half as long again.
    """
    from psycopg.errors import error_from_result
    from psycopg.generators import fetch_many
    from psycopg.pq import ExecStatus
    from psycopg.waiting import Wait

    before = into.tell()
    while True:
        size, row = connection.get_copy_data(1)
        if size > 0:
            into.write(row)
        elif size < 0:
            (result,) = yield from fetch_many(connection)
            if result.status != ExecStatus.COMMAND_OK:
                raise error_from_result(result)
            return False
        elif into.tell() > before:
            return True
        else:
            while not (yield Wait.R):
                pass
            connection.consume_input()


def described(connection: Connection, statement: Any, values: Mapping[str, Any]) -> Any:
    """The statement's columns, as the driver describes them."""
    inner, bound = _compiled(connection, statement.limit(0), values)
    driver: Any = connection.connection.driver_connection
    return connection.exec_driver_sql(inner, bound).cursor.description if driver else ()


def _compiled(connection: Connection, statement: Any, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    return str(compiled), {**compiled.params, **values}


def _parsed(block: io.BytesIO, width: int) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    names = [f"c{place}" for place in range(width)]
    return csv.read_csv(
        pa.BufferReader(block.getbuffer()),
        read_options=csv.ReadOptions(column_names=names, block_size=block.getbuffer().nbytes + 1, use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
