"""Rows of text in the order in which they come, numbered, as the Parquet file of a snapshot.

Where a row group ends is told by its rows alone, so the same rows give the same bytes however they were cut into
batches. A row group is written while the next one is collected.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.quality.model import ROW

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 122_880
GROUP_BYTES = 64 << 20
"""A row group of long rows ends earlier, with the unit in which it gets as large as this."""

_UNIT_ROWS = 2_048
_CELL_BYTES = 4
"""What a cell takes beside its text, at least."""


def write_rows(path: Path, columns: Sequence[str], batches: Iterable[pa.RecordBatch]) -> int:
    """Write rows, each with a text for every column; gives how many they were.

    Raises:
        OSError: the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(ROW, pa.int64()), *((name, pa.string()) for name in columns)])
    options: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": 3,
        "store_schema": False,
        "write_statistics": [ROW],
    }
    with pq.ParquetWriter(path, schema, **options) as writer, ThreadPoolExecutor(1, "rows") as thread:
        groups, rows = _Groups(), 0
        writing: Future[None] | None = None
        for batch in batches:
            groups.add(batch)
            while (group := groups.full()) is not None:
                writing = _following(writing, thread, writer, group, rows)
                rows += group.num_rows
        while (group := groups.rest()) is not None:
            writing = _following(writing, thread, writer, group, rows)
            rows += group.num_rows
        if writing is not None:
            writing.result()
    return rows


def _following(
    before: Future[None] | None, thread: ThreadPoolExecutor, writer: Any, group: pa.Table, first: int
) -> Future[None]:
    if before is not None:
        before.result()
    return thread.submit(_write_group, writer, group, first)


def _write_group(writer: Any, group: pa.Table, first: int) -> None:
    import numpy as np
    import pyarrow as pa

    numbers = pa.array(np.arange(first, first + group.num_rows, dtype="int64"))
    whole = group.combine_chunks()
    table = pa.Table.from_arrays([numbers, *whole.columns], schema=writer.schema)
    writer.write_table(table, row_group_size=group.num_rows)


class _Groups:
    """Rows that wait for their row group to be full."""

    def __init__(self) -> None:
        self._waiting: deque[pa.RecordBatch] = deque()
        self._rows = self._bytes = 0

    def add(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self._waiting.append(batch)
            self._rows, self._bytes = self._rows + batch.num_rows, self._bytes + batch.nbytes

    def full(self) -> pa.Table | None:
        """The next row group, if all its rows are here."""
        if self._rows < GROUP_ROWS and self._bytes < GROUP_BYTES:
            return None
        rows = self._next_rows()
        return None if rows is None else self._take(rows)

    def rest(self) -> pa.Table | None:
        """The next row group at the end of all rows."""
        if not self._rows:
            return None
        return self._take(self._next_rows() or self._rows)

    def _next_rows(self) -> int | None:
        """How many rows the next row group has; None when it goes on with rows that are not here yet."""
        if self._bytes < GROUP_BYTES:  # what it takes in memory is never less than what is counted
            return GROUP_ROWS if self._rows >= GROUP_ROWS else None
        table, taken = self._table(), 0
        for first in range(0, min(self._rows, GROUP_ROWS), _UNIT_ROWS):
            unit = table.slice(first, _UNIT_ROWS)
            if unit.num_rows < _UNIT_ROWS:
                return None
            taken += _size(unit)
            if taken >= GROUP_BYTES:
                return first + _UNIT_ROWS
        return GROUP_ROWS if self._rows >= GROUP_ROWS else None

    def _take(self, rows: int) -> pa.Table:
        import pyarrow as pa

        taken, left = [], rows
        while left:
            batch = self._waiting.popleft()
            if batch.num_rows > left:
                self._waiting.appendleft(batch.slice(left))
                batch = batch.slice(0, left)
            taken.append(batch)
            left -= batch.num_rows
        self._rows, self._bytes = self._rows - rows, sum(batch.nbytes for batch in self._waiting)
        return pa.Table.from_batches(taken)

    def _table(self) -> pa.Table:
        import pyarrow as pa

        return pa.Table.from_batches(list(self._waiting))


def _size(unit: pa.Table) -> int:
    """What counts of a unit's rows: the same however they were cut."""
    import pyarrow.compute as pc

    texts = sum(pc.sum(pc.binary_length(column)).as_py() or 0 for column in unit.columns)
    return int(texts + _CELL_BYTES * unit.num_rows * unit.num_columns)
