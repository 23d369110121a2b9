"""What is read of one file: its columns, its rows as they stream by, and what is no record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa
    from ibis.backends.duckdb import Backend

BATCH_ROWS = 10_000
_START_BYTES = 4

Bad: TypeAlias = tuple[int, bytes, str]
"""Line (from 1), bytes, and why they are no record."""


class Unreadable(Exception):
    """Rows turned out to be otherwise than a file's fast reader takes them for, after some of them were given."""


@dataclass(frozen=True)
class OpenFile:
    """One file being read.

    Attributes:
        name: as its rows' origin is called.
        where: the file as the user knows it, for errors.
        path: where it is.
        plain: the same, unpacked.
        number: its place among the files of the source.
        scratch: folder for temporary copies, gone after the read.
        careful: look whether the fast reader takes every row, before any is given.
    """

    tables: Backend
    name: str
    where: str
    path: Path
    plain: Path
    number: int
    scratch: Path
    careful: bool = False


@dataclass(frozen=True)
class Piece:
    """One file that was looked through.

    Attributes:
        columns: names as staged, in file order.
        renames: (name in the file, name as staged).
        batches: its rows, a text for every column, as often as they are asked for.
        bad: what could not be read.
        types: in the file, per column.
    """

    name: str
    columns: tuple[str, ...]
    renames: tuple[tuple[str, str], ...]
    batches: Callable[[], Iterator[pa.RecordBatch]]
    bad: Sequence[Bad] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def start_of(path: Path) -> bytes:
    """The first bytes of a file, which tell its kind."""
    with path.open("rb") as file:
        return file.read(_START_BYTES)


def scanned(file: OpenFile, query: str) -> Iterator[pa.RecordBatch]:
    """What the engine gives for a query, as it goes on.

    Raises:
        Unreadable: the engine met something that it cannot read.
    """
    import duckdb
    import pyarrow as pa

    try:
        yield from file.tables.con.sql(query).to_arrow_reader(BATCH_ROWS)
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise Unreadable(str(error).strip().partition("\n")[0]) from error


def texts(rows: Iterable[Sequence[str | None]], width: int) -> Iterator[pa.RecordBatch]:
    """Rows of so many texts as record batches."""
    import pyarrow as pa

    names = [f"c{place}" for place in range(width)]
    coming = iter(rows)
    while chunk := list(islice(coming, BATCH_ROWS)):
        yield pa.RecordBatch.from_arrays([strings(column) for column in zip(*chunk, strict=True)], names=names)


def strings(values: Sequence[str | None]) -> Any:
    r"""The values as an Arrow array; a lone surrogate, which no UTF-8 file can hold, is spelt `\ud800`."""
    import pyarrow as pa

    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        spelt = (None if value is None else value.encode("utf-8", "backslashreplace").decode() for value in values)
        return pa.array(list(spelt), pa.string())
