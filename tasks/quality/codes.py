"""Columns as numbers: each distinct value of a column has a code, so that whole tables are compared without their text.

A column is read and encoded once per table, when it is first asked for. Rows are in the order of `_row`, whatever
order the engine gives them in. A code is the place of its value among the column's; what is computed of codes may not
depend on which place that is. −1 stands for null.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import ibis
import pyarrow as pa
import pyarrow.compute
from ibis import _

from tasks.quality.model import ROW, ColumnProfile, Dataset
from tasks.quality.parallel import side_by_side
from tasks.quality.profile import BLANK, number
from tasks.quality.queries import lent, quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.signedinteger[Any]]

CELLS_AT_ONCE = 10_000_000
"""Cells that are encoded together; of them only the codes are kept."""

PART_ROWS, MOST_PARTS = 1_000_000, 100
"""Rows that are looked at together, or read by one query, unless these would be too many queries."""

PARTS_BY_VALUE, ROWS_OF_A_PART = 16, 10_000
"""Rows are counted in so many parts, unless these would be small."""

WIDE_ROWS = 100_000
"""Rows from which a column that has a value for every other one of them is not read as a whole unless it must be."""

BATCH_ROWS = 122_880
BATCH_CHARACTERS = 200_000_000
"""Rows and characters of one batch that the engine gives, at most."""


@dataclass(frozen=True)
class Coded:
    """One column.

    Attributes:
        codes: per row the place of its value in `values`, −1 for null; as small as they can be.
        values: the distinct values.
    """

    codes: Numbers
    values: pa.Array

    @cached_property
    def counts(self) -> Numbers:
        """Rows per value."""
        import numpy as np

        present = self.codes if self.codes.size and self.codes.min() >= 0 else self.codes[self.codes >= 0]
        return np.bincount(present, minlength=len(self.values))

    @cached_property
    def nothing(self) -> NDArray[np.bool_]:
        """Per value whether it holds nothing but white space; the last one, −1, is null, which holds nothing."""
        import numpy as np

        blank = pa.compute.match_substring_regex(self.values, BLANK).to_numpy(zero_copy_only=False)
        found: NDArray[np.bool_] = np.r_[blank.astype(bool), True]
        return found

    def told(self, codes: Numbers) -> pa.Array:
        """The values of some codes."""
        return self.values.take(pa.array(codes, mask=codes < 0))

    def places(self, wanted: Iterable[str | None]) -> dict[str | None, int]:
        """The code of each value, −1 for null and where it is not there."""
        return dict(_codes_in(self.values, wanted))


Alike: TypeAlias = tuple[str, str | None, str | None, int, int]
"""Cells that change alike: their column, before, after, how many they are, `_row` of the first."""


@dataclass(frozen=True)
class Changed:
    """Cells of one column that would be others: `_row` of each, and counted alike."""

    rows: Numbers
    alike: list[Alike]


@dataclass(frozen=True)
class CodedRows:
    """Rows of a table: `_row` of each, in numbers as small as can be, and some columns by name."""

    rows: Numbers
    columns: Mapping[str, Coded]

    def mapped(self, column: str, pairs: Mapping[str | None, str | None]) -> CodedRows:
        """Another value for some of a column's."""
        import numpy as np

        own = self.columns[column]
        values, place = _with(own.values, pairs.values())
        after = np.arange(-1, len(own.values))  # of null first
        known = {old: code for old, code in _codes_in(own.values, pairs) if code >= 0 or old is None}
        for old, code in known.items():
            after[code + 1] = place[pairs[old]]
        return self._with_column(column, after[own.codes.astype(np.int64) + 1], values)

    def overwritten(self, column: str, at: Numbers, values: pa.Array) -> CodedRows:
        """Another value in some rows, by `_row`."""
        import numpy as np

        own = self.columns[column]
        known, place = _with(own.values, values.to_pylist())
        codes = own.codes.astype(np.int64)
        there, found = self._placed(at)
        codes[found] = np.array([place[value] for value in values.to_pylist()], np.int64)[there]
        return self._with_column(column, codes, known)

    def changed(self, column: str, at: Numbers, values: pa.Array) -> Changed:
        """The cells in some rows that would be others.

        Args:
            column: whose cells.
            at: `_row` of each.
            values: what would be written there.
        """
        import numpy as np

        own = self.columns[column]
        new = values.dictionary_encode()
        known = dict(_codes_in(own.values, new.dictionary.to_pylist()))
        as_own = np.array([known[value] if known[value] >= 0 else -2 for value in new.dictionary.to_pylist()] + [-1])
        there, found = self._placed(at)
        after = new.indices.fill_null(-1).to_numpy(zero_copy_only=False)[there].astype(np.int64)
        before = own.codes[found].astype(np.int64)
        other = np.flatnonzero(as_own[after] != before)
        other = other[np.argsort(found[other], kind="stable")]
        width = len(new.dictionary) + 1
        pairs, first, n = np.unique(
            (before[other] + 1) * width + after[other] + 1, return_index=True, return_counts=True
        )
        olds, news = (
            own.told(pairs // width - 1),
            new.dictionary.take(pa.array(pairs % width - 1, mask=pairs % width == 0)),
        )
        rows = self.numbered(found[other])
        alike = zip(olds.to_pylist(), news.to_pylist(), n.tolist(), rows[first].tolist(), strict=True)
        return Changed(rows, [(column, *told) for told in alike])

    def first_rows(self, column: str, values: Iterable[str | None]) -> dict[str | None, int]:
        """The first row that holds each of some values, where there is one."""
        import numpy as np

        own = self.columns[column]
        first = np.full(len(own.values) + 1, -1, np.int64)  # the last one is of null
        first[own.codes[::-1]] = self.rows[::-1]
        places = {value: code for value, code in _codes_in(own.values, values) if value is None or code >= 0}
        return {value: int(first[code]) for value, code in places.items() if first[code] >= 0}

    def numbered(self, places: Numbers | NDArray[np.bool_]) -> Numbers:
        """`_row` of the rows at some places, as the engine has it."""
        import numpy as np

        return self.rows[places].astype(np.int64)

    def without(self, gone: Numbers) -> CodedRows:
        """Without some rows, by `_row`."""
        import numpy as np

        stay = np.ones(self.rows.size, bool)
        stay[self._placed(gone)[1]] = False
        columns = {name: Coded(column.codes[stay], column.values) for name, column in self.columns.items()}
        return CodedRows(self.rows[stay], columns)

    def _placed(self, rows: Numbers) -> tuple[NDArray[np.bool_], Numbers]:
        """Which of some rows are there, and where these are."""
        import numpy as np

        place = np.searchsorted(self.rows, rows.astype(self.rows.dtype))  # numpy would make all of them wider instead
        there = place < self.rows.size
        there[there] = self.rows[place[there]] == rows[there]
        return there, place[there]

    def _with_column(self, name: str, codes: Numbers, values: pa.Array) -> CodedRows:
        return CodedRows(self.rows, {**self.columns, name: Coded(codes, values)})


def _with(values: pa.Array, more: Iterable[str | None]) -> tuple[pa.Array, dict[str | None, int]]:
    """The values with others after them, and the code of each of the others."""
    place: dict[str | None, int] = dict(_codes_in(values, more)) | {None: -1}
    added = [value for value, code in place.items() if code < 0 and value is not None]
    place |= {value: len(values) + i for i, value in enumerate(added)}
    return pa.concat_arrays([values, pa.array(added, pa.string())]), place


def _codes_in(values: pa.Array, wanted: Iterable[str | None]) -> Iterator[tuple[str | None, int]]:
    """The code of each value, −1 for null and where it is not there."""
    listed = list(dict.fromkeys(wanted))
    found = pa.compute.index_in(pa.array(listed, pa.string()), values, skip_nulls=True).fill_null(-1)
    yield from zip(listed, found.to_pylist(), strict=True)


class Codes:
    """The columns of one table."""

    def __init__(self, data: Dataset) -> None:
        self._data = data
        self._known: dict[str, Coded] = {}
        self._rows: Numbers | None = None

    @property
    def rows(self) -> Numbers:
        """`_row` of each row, in numbers as small as can be."""
        if self._rows is None:
            self._read(())
        return self._rows  # type: ignore[return-value]

    def places(self, rows: Numbers) -> Numbers:
        """Where rows are that are there, by `_row`."""
        import numpy as np

        known = self.rows
        as_numbered = known.size and int(known[-1]) - int(known[0]) + 1 == known.size
        return rows - known[0] if as_numbered else np.searchsorted(known, rows)

    def of(self, names: Sequence[str]) -> CodedRows:
        """All rows, and some columns; where there is room others are read with them, which are asked for later."""
        unknown = [name for name in dict.fromkeys(names) if name not in self._known]
        width = max(1, CELLS_AT_ONCE // max(self._data.profile.rows, 1))
        if unknown and self._data.profile.rows > WIDE_ROWS:
            others = [c.name for c in self._data.profile.columns if c.name not in self._known and not is_wide(c)]
            more = [name for name in others if name not in unknown]
            unknown += more[: -len(unknown) % width]
        for start in range(0, len(unknown), width):
            self._read(unknown[start : start + width])
        return CodedRows(self.rows, {name: self._known[name] for name in names})

    def some(self, names: Sequence[str], at: Numbers) -> Mapping[str, Numbers]:
        """Columns of the rows at some places, in order, without their other rows: equal numbers for equal values."""
        table = self._data.table.select(ROW, *names)
        with lent(self._data.table.get_backend().con, {"_some": pa.table({ROW: self.of(()).numbered(at)})}):
            wanted = self._data.table.get_backend().table("_some")
            told = table.semi_join(wanted, ROW).to_pyarrow()
        order = _order(told[ROW].to_numpy())
        read = {name: _together(told[name].cast(pa.string()).dictionary_encode().chunks).codes for name in names}
        return read if order is None else {name: codes[order] for name, codes in read.items()}

    def _read(self, names: Sequence[str]) -> None:
        import numpy as np

        rows = [np.empty(0, np.int8)]
        parts: dict[str, list[pa.DictionaryArray]] = {name: [_NOTHING] for name in names}
        for part in self._parts(names):
            own = part[ROW].to_numpy()
            rows.append(own.astype(np.min_scalar_type(-int(own.max(initial=0)) - 1)))
            for name in names:
                parts[name] += part[name].chunks
        found = np.concatenate(rows)
        order = _order(found)
        self._rows = found if order is None else found[order]
        for name, column in zip(names, side_by_side(lambda name: _together(parts.pop(name)), names), strict=True):
            self._known[name] = column if order is None else _renumbered(Coded(column.codes[order], column.values))

    def _parts(self, names: Sequence[str]) -> Iterator[pa.Table]:
        """The rows in parts, with dictionaries for texts."""
        if self._data.encoded is not None:
            yield from self._data.encoded(names)
            return
        table = self._data.table.select(ROW, *names)  # not `only`, of which all is asked for as `*`
        for part in self._cut(table):
            if batches := [_encoded(batch) for batch in part.to_pyarrow_batches(chunk_size=self._batch(names))]:
                yield pa.Table.from_batches(batches)

    def _batch(self, names: Sequence[str]) -> int:
        """Rows of one batch."""
        characters = sum(self._data.profile.column(name).mean_length for name in names)
        return max(1, min(BATCH_ROWS, int(BATCH_CHARACTERS / max(characters, 1))))

    def _cut(self, table: ibis.Table) -> Iterator[ibis.Table]:
        """A table in parts, because the engine makes a result as a whole before it gives the first batch of it."""
        if self._data.profile.rows <= PART_ROWS:
            yield table
            return
        (ends,) = self._data.table.agg(low=_[ROW].min(), high=_[ROW].max()).to_pyarrow().to_pylist()
        step = max(PART_ROWS, (ends["high"] - ends["low"]) // MOST_PARTS + 1)
        for start in range(ends["low"], ends["high"] + 1, step):
            yield table.filter(table[ROW].between(start, start + step - 1))


def _encoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """With dictionaries for texts."""
    columns = [
        column if name == ROW else column.cast(pa.string()).dictionary_encode()
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


_NO_VALUES = pa.array([], pa.string())
_NOTHING = _NO_VALUES.dictionary_encode()


def _together(parts: Sequence[pa.DictionaryArray]) -> Coded:
    """One column, whose parts have dictionaries of their own."""
    import numpy as np

    same = pa.chunked_array(parts).unify_dictionaries()
    values = same.chunk(same.num_chunks - 1).dictionary
    codes = np.empty(len(same), np.min_scalar_type(-max(len(values), 1)))
    start = 0
    for chunk in same.chunks:
        codes[start : start + len(chunk)] = chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        start += len(chunk)
    return Coded(codes, values)


def _order(rows: Numbers) -> Numbers | None:
    """The places of row numbers from the smallest on; None where they are in order."""
    import numpy as np

    return None if (rows[1:] > rows[:-1]).all() else np.argsort(rows)


def _renumbered(column: Coded) -> Coded:
    """With codes in order of appearance, as if the rows had come in the order that they are in."""
    import numpy as np

    known, first = np.unique(column.codes, return_index=True)
    known, first = known[known >= 0], first[known >= 0]
    appeared = known[np.argsort(first)]
    place = np.full(len(column.values) + 1, -1, column.codes.dtype)
    place[appeared] = np.arange(appeared.size)
    return Coded(place[column.codes], column.values.take(pa.array(appeared)))


def parts(size: int) -> Iterator[slice]:
    """So many rows in parts, one empty one where there are none: what is computed of a part is forgotten with it."""
    yield from (slice(start, min(start + PART_ROWS, size)) for start in range(0, max(size, 1), PART_ROWS))


def is_wide(column: ColumnProfile) -> bool:
    """Whether a column of many rows has so many values that only those that are looked at are read.

    Where it is determined, it is by columns with nearly as many values, whose values are looked at with all their rows.
    """
    return column.rows > WIDE_ROWS and column.distinct_count > column.present_count / 2


def codes(data: Dataset) -> Codes:
    """The codes of a table, kept with it."""
    own: Codes = data.kept.setdefault("codes", Codes(data))
    return own


def count_single_pairs(one: Coded, other: Coded, least: float = 0.0) -> int:
    """How many pairs of values, nulls among them, just one row holds; some number below `least` if they are fewer."""
    import numpy as np

    width = len(other.values) + 1
    if (len(one.values) + 1) * width <= one.codes.size:
        return int((np.bincount((one.codes.astype(np.int64) + 1) * width + other.codes + 1) == 1).sum())
    single, still = 0, one.codes.size
    for rows in _parts_by_value(one):
        pairs = (one.codes[rows].astype(np.int64) + 1) * width + other.codes[rows] + 1
        pairs.sort()
        times = np.diff(np.flatnonzero(np.r_[pairs[:1] == pairs[:1], pairs[1:] != pairs[:-1], True]))
        found = int((times == 1).sum())
        single, still = single + found, still - pairs.size + found
        if still < least:
            break
    return single


def _parts_by_value(column: Coded) -> Iterator[Numbers]:
    """The rows in parts, all of one value in the same one."""
    import numpy as np

    parts = max(1, min(PARTS_BY_VALUE, column.codes.size // ROWS_OF_A_PART))
    part_of = column.codes % parts
    for part in range(parts):
        yield np.flatnonzero(part_of == part)


def suspect_rows(data: Dataset, column: str, sql: str) -> pa.Table:
    """`_row`, `column`, `value` that a query selects, which judges rows by one value alone: asked of values."""
    import numpy as np

    table = codes(data).of([column])
    own = table.columns[column]
    places = pa.array(range(-1, len(own.values)), pa.int64())
    values = pa.chunked_array([pa.array([None], pa.string()), own.values])
    asked = f"WITH snapshot AS (SELECT * FROM _values) SELECT {quoted(ROW)} FROM ({sql})"
    connection = data.table.get_backend().con
    with lent(connection, {"_values": pa.table({ROW: places, column: values})}):
        found = connection.execute(asked).fetchnumpy()[ROW]
    suspect = np.zeros(len(own.values) + 1, bool)
    suspect[found] = True
    at = np.flatnonzero(suspect[own.codes])
    names = pa.repeat(pa.scalar(column), at.size)
    return pa.table({ROW: table.numbered(at), "column": names, "value": own.told(own.codes[at])})


def numbers(data: Dataset, columns: Sequence[Coded]) -> list[NDArray[np.float64]]:
    """Per column the number that each value is by `profile.number`, nan for none; the last one, −1, is null's."""
    return _of_values(data, columns, _numbers_sql())


@cache
def _numbers_sql() -> str:
    values = ibis.table({"value": "string"}, name="_values")
    return str(ibis.to_sql(values.select(number=number(values["value"])), dialect="duckdb"))


MIXING = 0x5851F42D4C957F2D
"""A large odd number, by which hashes are told apart by their place."""


def row_hashes(rows: slice, columns: Sequence[Coded], hashed: Sequence[Numbers]) -> Numbers:
    """A number for each of some rows that depends on nothing but what is in its columns, whose `hashes` these are."""
    import numpy as np

    found = np.zeros(rows.stop - rows.start, np.int64)
    for column, of_values in zip(columns, hashed, strict=True):
        found *= MIXING
        found += of_values[column.codes[rows]]
    found ^= found >> 32
    return found


def hashes(data: Dataset, columns: Sequence[Coded]) -> list[Numbers]:
    """Per column a number for each value, and at last one for null, that depend on nothing but the value."""
    return _of_values(data, columns, "SELECT hash(value)::BIT::BIGINT FROM _values")


def _of_values(data: Dataset, columns: Sequence[Coded], sql: str) -> list[NDArray[Any]]:
    """Per column what a query says of each of its values, and at last what it says of null."""
    import numpy as np

    every = pa.chunked_array([*(column.values for column in columns), pa.array([None], pa.string())])
    connection = data.table.get_backend().con
    with lent(connection, {"_values": pa.table({"value": every})}):
        told = connection.execute(sql).to_arrow_table().column(0).to_numpy()
    ends = np.cumsum([0, *(len(column.values) for column in columns)])
    return [np.r_[told[start:end], told[-1:]] for start, end in pairwise(ends)]
