"""PostgreSQL's COPY as a way to load: in its binary form where the table's types are ours, else as CSV.

The server takes binary rows in two thirds of the time that it needs for the same rows as text. They are put together
by Arrow, a batch at a time: every cell is its length and its bytes, and a row is its cells end to end. One thread makes
the next rows, while the server takes the last ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from blocks.ahead import ahead
from blocks.databases import of_driver
from blocks.destinations.base import Typed
from tasks.quality.errors import DestinationError

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection, Table

BATCH_ROWS = 20_000
MOST_BYTES = 16 << 20
"""A batch of long rows is sent in parts of at most this size, a row at least."""

_SAME = {
    16: "bool",
    20: "int64",
    25: "string",
    701: "double",
    1043: "string",
    1082: "date32[day]",
    1114: "timestamp[us]",
}
"""The server's number of a type → Arrow's name of the same."""

_START = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_END = b"\xff\xff"
_NULL = -1
_DAYS_TO_2000 = 10_957
_MICROSECONDS_TO_2000 = 946_684_800_000_000


def copied(connection: Connection, into: Table, rows: Typed) -> int:
    """Copy the rows of a batch into a table; gives how many they were.

    Raises:
        DestinationError: a text has a NUL character.
        DatabaseError: the server refuses a row.
        Lost: the batch was trusted, and should not have been.
    """
    from psycopg import Error, sql

    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in into.c)
    place = sql.Identifier(*(part for part in (into.schema, into.name) if part))
    driver: Any = connection.connection.driver_connection
    written = 0
    try:
        found = driver.execute(sql.SQL("SELECT {} FROM {} LIMIT 0").format(names, place)).description
        binary = _alike([column.type_code for column in found], rows.schema)
        form = sql.SQL("binary" if binary else "csv")
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT {})").format(place, names, form)
        parts = ahead(_parts(rows, _binary if binary else _csv))
        with driver.cursor().copy(statement) as copy, closing(parts):
            if binary:
                copy.write(_START)
            for part, count in parts:
                copy.write(part)
                written += count
            if binary:
                copy.write(_END)
    except Error as error:
        _refuse_nul(rows)
        raise of_driver(error, connection) from error
    return written


def _parts(rows: Typed, write: Callable[[pa.RecordBatch], memoryview]) -> Iterator[tuple[memoryview, int]]:
    """The rows as COPY reads them, and how many they are."""
    for batch in rows.batches(BATCH_ROWS):
        size = max(1, batch.num_rows * MOST_BYTES // max(batch.nbytes, MOST_BYTES))
        for first in range(0, batch.num_rows, size):
            part = batch.slice(first, size)
            yield write(part), part.num_rows


def _csv(batch: pa.RecordBatch) -> memoryview:
    """A batch as CSV: null as nothing, and in quotes what needs them; the engine has no empty text (`typed`)."""
    import pyarrow as pa
    from pyarrow import csv

    alone = batch.num_columns == 1  # a line that is \. alone would end the data
    options = csv.WriteOptions(include_header=False, quoting_style="all_valid" if alone else "needed")
    out = pa.BufferOutputStream()
    csv.write_csv(batch, out, options)
    return memoryview(out.getvalue())


def _refuse_nul(rows: Typed) -> None:
    """Say where the one character is that PostgreSQL's text cannot hold."""
    first = 0
    for batch in rows.batches(BATCH_ROWS):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            for i, value in enumerate(column.to_pylist()):
                if isinstance(value, str) and "\x00" in value:
                    raise DestinationError(
                        f"'{name}' has a NUL character in loaded row {first + i:,}, which PostgreSQL cannot hold",
                        todo="remove it; nothing was loaded",
                    )
        first += batch.num_rows


# --- the binary form --------------------------------------------------------------------------------------------


def _alike(types: Sequence[int], schema: pa.Schema) -> bool:
    """Whether the server holds all columns in the way in which we have them."""
    return all(_SAME.get(type) == str(field.type) for type, field in zip(types, schema, strict=True))


def _binary(batch: pa.RecordBatch) -> memoryview:
    """A batch in the server's binary form, without its start and end."""
    import pyarrow as pa
    import pyarrow.compute as pc

    width = pa.scalar(batch.num_columns.to_bytes(2, "big"), pa.binary())
    cells = [part for column in batch.columns for part in _cells(column)]
    rows = pc.binary_join_element_wise(width, *cells, b"", null_handling="replace", null_replacement=b"")
    return memoryview(rows.buffers()[2])


def _cells(column: pa.Array) -> tuple[pa.Array, ...]:
    """What makes up each cell: its length and its bytes; null has a length only."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(column.type):
        lengths = pc.fill_null(pc.binary_length(column), _NULL).to_numpy(zero_copy_only=False)
        return _records(lengths.astype(">i4")), column.cast(pa.binary())
    numbers = _numbers(column)
    cells = np.empty(len(numbers), [("length", ">i4"), ("value", numbers.dtype)])
    cells["length"], cells["value"] = numbers.dtype.itemsize, numbers
    null = pa.scalar(_NULL.to_bytes(4, "big", signed=True), pa.binary())
    return (pc.if_else(column.is_valid(), _records(cells), null) if column.null_count else _records(cells),)


def _numbers(column: pa.Array) -> Any:
    """What the server holds of each value, the highest byte first; of null anything."""
    import pyarrow as pa

    def plain(kind: pa.DataType) -> Any:
        return column.cast(kind).fill_null(0).to_numpy(zero_copy_only=False)

    if pa.types.is_boolean(column.type):
        return plain(pa.uint8())
    if pa.types.is_floating(column.type):
        return plain(pa.float64()).astype(">f8")
    if pa.types.is_date(column.type):
        return (plain(pa.int32()) - _DAYS_TO_2000).astype(">i4")
    since = _MICROSECONDS_TO_2000 if pa.types.is_timestamp(column.type) else 0
    return (plain(pa.int64()) - since).astype(">i8")


def _records(cells: Any) -> pa.Array:
    """The bytes of each element of a NumPy array."""
    import numpy as np
    import pyarrow as pa

    width, rows = cells.dtype.itemsize, len(cells)
    places = np.arange(0, (rows + 1) * width, width, dtype="int32")
    return pa.BinaryArray.from_buffers(pa.binary(), rows, [None, pa.py_buffer(places), pa.py_buffer(cells)])
