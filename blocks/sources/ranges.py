"""Ranges of a key: the conditions by which a table is read in parts that together are the whole of it, once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from blocks.sources.copying import described
from blocks.spool import in_turn
from tasks.quality.errors import SourceError, SpecError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection

MOST_PARTS = 32
WHERE = "source.ranges"

_TIMES = ("0001-01-02", "9999-12-30")
_LIMITS: Mapping[int, tuple[str, str] | None] = {
    20: None,
    21: None,
    23: None,
    700: ("-3e38", "3e38"),
    701: ("-1e300", "1e300"),
    1082: _TIMES,
    1114: _TIMES,
    1184: _TIMES,
    1700: ("-1e300", "1e300"),
}
"""PostgreSQL's number of a type → between what its ranges end: not at NaN, infinity, or times unknown to Python."""


class Ranges(BaseModel):
    """Read a large table in parts side by side, each on a connection of its own, all of them in the same snapshot.

    Rows come in the order of their ranges, those without a value in the first one. A query is asked once per range, so
    it had better be one whose rows can be found by the column. Only PostgreSQL lets several connections see one state
    of the database.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str = Field(min_length=1, description="a number, a date or a time, best one with an index")
    parts: int = Field(ge=1, le=MOST_PARTS, description="how many ranges, and connections at once")


def check_key(connection: Connection, everything: Any, values: Mapping[str, Any], column: str) -> int:
    """PostgreSQL's number of the column's type, if ranges can be made of it.

    Args:
        connection: in its transaction.
        everything: a SELECT of all columns.
        values: of its parameters.
        column: the ranges are made of.

    Raises:
        SpecError: this is another database.
        SourceError: there is no such column, or it is neither a number nor a time.
    """
    if connection.dialect.driver != "psycopg":
        what = f"{connection.dialect.name} does not let several connections read one snapshot, as ranges need"
        raise SpecError(what, where=WHERE, available=("postgresql+psycopg",), todo="leave 'ranges' out")
    there = {each.name: each for each in described(connection, everything, values)}
    if column not in there:
        raise SourceError(f"no column '{column}'", where=WHERE, available=there, todo=did_you_mean(column, there))
    if there[column].type_code not in _LIMITS:
        what = f"column '{column}' is {there[column].type_display}, neither a number nor a time"
        able = [name for name, each in there.items() if each.type_code in _LIMITS]
        raise SourceError(what, where=WHERE, available=able, todo="name such a column, or leave 'ranges' out")
    return int(there[column].type_code)


def ranged(connection: Connection, statement: Any, values: Mapping[str, Any], ranges: Ranges, type: int) -> list[Any]:
    """The statement for each range that there is; every row is in one of them.

    Args:
        connection: in its transaction.
        statement: a SELECT.
        values: of its parameters.
        ranges: how many are wanted at most.
        type: as `check_key` gives it.
    """
    from sqlalchemy import column, func

    key: Any = column(ranges.column)
    found = statement.with_only_columns(func.min(key), func.max(key), maintain_column_froms=True).order_by(None)
    if limits := _LIMITS[type]:
        found = found.where(key >= as_it_is("gonogo_first", limits[0]), key <= as_it_is("gonogo_last", limits[1]))
    first, last = connection.execute(found, values).one()
    between = [] if first is None else _between(first, last, ranges.parts)
    if not between:
        return [statement]
    middle = [
        statement.where(key >= as_it_is("gonogo_from", low), key < as_it_is("gonogo_to", high))
        for low, high in pairwise(between)
    ]
    start = statement.where((key < as_it_is("gonogo_to", between[0])) | key.is_(None))
    return [start, *middle, statement.where(key >= as_it_is("gonogo_from", between[-1]))]


def side_by_side(
    connection: Connection,
    statements: Sequence[Any],
    opened: Callable[[str], AbstractContextManager[Connection]],
    read: Callable[[Connection, Any], Iterator[pa.RecordBatch]],
    folder: Path,
) -> Generator[pa.RecordBatch]:
    """What is read for one statement after the other, while all of them are read at once in one snapshot.

    Args:
        connection: whose snapshot it is.
        statements: SELECTs of the same columns.
        opened: another connection in a snapshot.
        read: a statement on a connection, as batches of text columns.
        folder: for what waits for its turn.
    """
    snapshot = str(connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one())
    at_work: list[Any] = []
    given_up = threading.Event()

    def part(statement: Any) -> Iterator[pa.RecordBatch]:
        with opened(snapshot) as own:
            at_work.append(own.connection.driver_connection)
            if not given_up.is_set():
                yield from read(own, statement)

    def give_up() -> None:
        given_up.set()
        for driver in at_work:
            driver.cancel()

    return in_turn([partial(part, statement) for statement in statements], folder, give_up)


def _between(first: Any, last: Any, parts: int) -> list[Any]:
    """Where a range ends and the next one begins.

    >>> _between(1, 9, 4), _between(1, 2, 4), _between(5, 5, 4)
    ([3, 5, 7], [2], [])
    """
    width = last - first
    steps = (width * n // parts if isinstance(first, int) else width * n / parts for n in range(1, parts))
    return sorted({first + step for step in steps} - {first})


def as_it_is(name: str, value: Any) -> Any:
    """A value for the database to read as what it is compared with: no cast is written around it."""
    from sqlalchemy import bindparam
    from sqlalchemy.types import NullType

    return bindparam(name, value, type_=NullType())
