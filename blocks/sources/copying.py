"""PostgreSQL's COPY as a way to read: the same text that the rows would be written as, many times faster.

The server writes what costs it least, and the few types that it spells otherwise than we do are respelt here, a column
at a time. One thread fetches, while what was fetched before is parsed; of statements side by side each has one thread.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from blocks.ahead import ahead
from blocks.databases import of_driver

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection

BLOCK_BYTES = 4 << 20
_LEAST_BYTES = 1 << 19

_AS_IT_IS = frozenset({20, 21, 23, 25, 1043, 19, 2950, 1082, 1700})
"""Types that the server spells as we do: integers, texts, uuid, date, numeric."""

_CAST = frozenset({16, 1042})
"""Types that a cast to text spells as we do: boolean, blank-padded text."""

_FLOAT8, _TIMESTAMP = 701, 1114
_SMALLEST, _LARGEST = 1e-4, 1e15
"""Numbers between them are spelt with all their digits, there as here."""

_WHOLE_MOMENT = 26
_FRACTION = re.compile(r"\.(\d+)")
_FRACTION_PLACE = 19


def copyable(connection: Connection, statement: Any, values: Mapping[str, Any]) -> bool:
    """Whether PostgreSQL can copy all columns of a statement out as text."""
    if connection.dialect.driver != "psycopg":
        return False
    known = _AS_IT_IS | _CAST | _SPELT.keys()
    return all(column.type_code in known for column in described(connection, statement, values))


def copied(
    connection: Connection, statement: Any, values: Mapping[str, Any], at_once: int = 1
) -> Iterator[pa.RecordBatch]:
    """The rows as text, in batches `c0`, `c1`, … of some megabytes.

    Args:
        connection: in its transaction.
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
                columns = [_spelt(column, type) for column, type in zip(batch.columns, types, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _blocks(
    connection: Connection, statement: Any, values: Mapping[str, Any], types: list[int], size: int
) -> Generator[io.BytesIO]:
    """The rows as delimited text, as the server sends it."""
    from psycopg import Error

    inner, bound = _compiled(connection, statement, values)
    names = [f"c{place}" for place in range(len(types))]
    picked = ", ".join(
        f"q.{name}::text" if type in _CAST else f"q.{name}" for name, type in zip(names, types, strict=True)
    )
    query = f"COPY (SELECT {picked} FROM ({inner}) q ({', '.join(names)})) TO STDOUT (FORMAT csv)"
    query = query if bound else query.replace("%%", "%")  # psycopg looks for values only where there are some
    driver: Any = connection.connection.driver_connection
    waiting = io.BytesIO()
    try:
        driver.execute("SET LOCAL datestyle = 'ISO'; SET LOCAL extra_float_digits = 1")
        with driver.cursor().copy(query.encode(), bound) as copy:
            for row in copy:
                waiting.write(row)
                if waiting.tell() >= size:
                    yield waiting
                    waiting = io.BytesIO()
    except Error as error:
        raise of_driver(error, connection) from error
    if waiting.tell():
        yield waiting


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
        read_options=csv.ReadOptions(column_names=names, block_size=block.getbuffer().nbytes + 1),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


# --- what the server spells otherwise ---------------------------------------------------------------------------


def _spelt(column: pa.Array, type: int) -> pa.Array:
    spell = _SPELT.get(type)
    return spell(column) if spell else column


def _floats(column: pa.Array) -> pa.Array:
    """As Python spells them: 2 is 2.0, 1e+15 is 1000000000000000.0, NaN is nan."""
    import pyarrow as pa
    import pyarrow.compute as pc

    number = column.cast(pa.float64())
    size = pc.abs(number)
    alike = pc.or_(pc.equal(number, 0), pc.and_(pc.greater_equal(size, _SMALLEST), pc.less(size, _LARGEST)))
    whole = pc.and_(alike, pc.equal(pc.floor(number), number))
    told = _respelt(column, whole, lambda values: pc.binary_join_element_wise(values, ".0", ""))
    return _respelt(told, pc.invert(alike), lambda values: _each(values, lambda value: str(float(value))))


def _moments(column: pa.Array) -> pa.Array:
    """With six digits below the second, or none."""
    import pyarrow.compute as pc

    place = pc.find_substring(column, ".")
    plain = pc.and_(pc.equal(place, _FRACTION_PLACE), pc.invert(pc.ends_with(column, "C")))
    odd = pc.and_(pc.greater_equal(place, 0), pc.invert(plain))
    told = _respelt(column, plain, lambda values: pc.utf8_rpad(values, _WHOLE_MOMENT, "0"))
    return _respelt(told, odd, lambda values: _each(values, _filled_up))


def _filled_up(moment: str) -> str:
    return _FRACTION.sub(lambda found: f".{found[1]:0<6}", moment)


def _respelt(column: pa.Array, which: pa.Array, spell: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """The column, with some of its values spelt otherwise."""
    import pyarrow.compute as pc

    return pc.replace_with_mask(column, which, spell(column.filter(which))) if pc.any(which).as_py() else column


def _each(values: pa.Array, spell: Callable[[str], str]) -> pa.Array:
    import pyarrow as pa

    return pa.array(list(map(spell, values.to_pylist())), pa.string())


_SPELT: Mapping[int, Callable[[Any], Any]] = {_FLOAT8: _floats, _TIMESTAMP: _moments}
