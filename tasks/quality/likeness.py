"""Likeness: pairs of records that differ as two spellings of one would, found in bounded work."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pydantic import Field

from tasks.quality.lettering import beginnings
from tasks.quality.model import ROW, ColumnProfile, Dataset
from tasks.quality.parallel import side_by_side
from tasks.quality.queries import asked, lent, quoted, text
from tasks.quality.records import SPACES, chance_of_agreement, is_unique
from tasks.quality.registry import KindSettings


class NearDuplicateSettings(KindSettings):
    """How alike two records must be, and how much work may be done to find them.

    Attributes:
        similarity: mean likeness of the columns both fill: 1 - edit distance / length of the longer.
        column_similarity: likeness that no column may fall below.
        block_size: rows that share a blocking value; larger blocks are not compared.
        pairs: most pairs compared per blocking column; the smallest blocks come first.
        chance: pairs as alike as this that chance may bring before it is silent.
    """

    similarity: float = Field(0.9, gt=0, le=1)
    column_similarity: float = Field(0.75, ge=0, le=1)
    block_size: int = Field(20, ge=2)
    pairs: int = Field(50_000, ge=1)
    chance: float = Field(0.01, gt=0)


_MOST_COMPARED = 40
_COMPARED_LENGTH = 100
_MOST_PAIRS = 1000
_BLOCKINGS = 5


def compared_columns(data: Dataset) -> list[str]:
    """The columns that records are compared by: neither constant nor a number of the row; the most telling 40."""
    chance = chance_of_agreement(data)
    names = [c.name for c in data.profile.columns if c.distinct_count > 1 and not _is_row_id(c)]
    return sorted(names, key=lambda name: chance[name])[:_MOST_COMPARED]


def _is_row_id(column: ColumnProfile) -> bool:
    return is_unique(column) and all(re.search(r"\d", value) for value, _n in column.top)


def near_pairs(data: Dataset, settings: NearDuplicateSettings) -> list[tuple[int, int]]:
    """(row, row) of the records that are alike, smaller row first; at most a thousand, in order."""
    names = compared_columns(data)
    if min(len(names), data.profile.rows) <= 1:
        return []
    chance = chance_of_agreement(data)
    words = {c.name for c in data.profile.columns if c.kind == "text"}
    scales = [_Scale(name, name in words, -math.log(max(chance[name], 1e-12))) for name in names]
    evidence = math.log(math.comb(data.profile.rows, 2) / settings.chance)
    met = pa.concat_tables([_met(data, name, settings) for name in names[:_BLOCKINGS]])
    return asked(data, _alike_sql(data, scales, settings, evidence), {"_met": met}) if met.num_rows else []


@dataclass(frozen=True)
class _Scale:
    """How one column is compared, and how much it tells when two rows agree in it."""

    column: str
    words: bool
    weight: float


# --- rows that are compared ------------------------------------------------------------------------------------


def _met(data: Dataset, column: str, settings: NearDuplicateSettings) -> pa.Table:
    """`a`, `b` of the rows to compare: those in small blocks of equal beginnings, the smallest blocks first."""
    values = _in_small_blocks(data, column, settings)
    connection, cell = data.table.get_backend().con, quoted(column)
    sql = f'SELECT s.{quoted(ROW)} AS "row", b.block FROM snapshot AS s JOIN _blocks AS b ON s.{cell} = b.value'
    with lent(connection, {"_blocks": values.select(["value", "block"])}):
        told = connection.execute(sql).fetchnumpy() if values.num_rows else {}
    return pa.table(dict(zip("ab", _pairs(told["row"], told["block"]) if told else ([], []), strict=True)), schema=_MET)


def _pairs(rows: Any, blocks: Any) -> tuple[Any, Any]:
    """Every two rows of each block, the smaller one first."""
    import numpy as np

    order = np.lexsort((rows, blocks))
    rows, blocks = rows[order], blocks[order]
    starts = np.flatnonzero(np.r_[True, blocks[1:] != blocks[:-1]]) if rows.size else np.empty(0, np.int64)
    sizes = np.diff(np.r_[starts, rows.size])
    found = [(rows[:0], rows[:0])]
    for size in np.unique(sizes):
        members = rows[starts[sizes == size][:, None] + np.arange(size)]
        first, second = np.triu_indices(size, 1)
        found.append((members[:, first].ravel(), members[:, second].ravel()))
    left, right = (np.concatenate(sides) for sides in zip(*found, strict=True))
    return left, right


_BEGINNING = 6
"""Letters and digits that values of one block begin with."""


def _in_small_blocks(data: Dataset, column: str, settings: NearDuplicateSettings) -> pa.Table:
    """`value`, `n`, `block` of the values that begin as others, in small blocks; the smallest, up to so many pairs.

    The values are read twice where there are such blocks: they are never all in memory.
    """
    import numpy as np

    known, sizes = _sizes_of_blocks(_beginnings(data, column), settings.block_size + 1)
    small = (known != 0) & (sizes > 1) & (sizes <= settings.block_size)
    known, sizes = known[small], sizes[small].astype(np.int64)
    order = np.lexsort((known, sizes))
    wanted = known[order[np.cumsum((sizes * (sizes - 1) / 2)[order]) <= settings.pairs]]
    parts = [_NONE_MET]
    if wanted.size:
        parts += [part.filter(pa.array(np.isin(part["block"], wanted))) for part in _beginnings(data, column)]
    return pa.concat_tables(parts)


def _sizes_of_blocks(values: Iterable[pa.Table], most: int) -> tuple[Any, Any]:
    """The blocks and how many rows each has, counted up to a number that is as good as any larger one."""
    import numpy as np

    def counted(block: Any, rows: Any) -> tuple[Any, Any]:
        met = pa.array(block).dictionary_encode()
        n = np.bincount(met.indices.to_numpy(), weights=rows, minlength=len(met.dictionary))
        return met.dictionary.to_numpy(), np.minimum(n, most).astype(np.min_scalar_type(most))

    def together(parts: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
        return counted(*(np.concatenate(side) for side in zip(*parts, strict=True)))

    parts = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for part in values:
        parts.append(counted(part["block"].to_numpy(), part["n"].to_numpy()))
        if sum(block.size for block, _rows in parts[1:]) > max(_BATCH, parts[0][0].size):
            parts = [together(parts)]
    return together(parts)


def _beginnings(data: Dataset, column: str) -> Iterator[pa.Table]:
    """`value`, `n`, `block` of a column's values, part by part; block 0 is of values without letters and digits."""
    plain = "regexp_replace(lower(value), '[^a-z0-9]+', '', 'g')"  # of ASCII in any case
    ascii_ = f"CASE WHEN strlen(value) = length(value) THEN value ELSE {plain} END"
    sql = f'SELECT value, n, {ascii_} AS text FROM domains WHERE "column" = {text(column)}'

    def read(batch: pa.RecordBatch) -> pa.Table:
        return pa.table([batch["value"], batch["n"], beginnings(batch["text"], _BEGINNING)], schema=_NONE_MET.schema)

    yield from side_by_side(read, data.table.get_backend().con.execute(sql).to_arrow_reader(_BATCH))


_BATCH = 100_000
_NONE_MET = pa.table(
    {"value": pa.array([], pa.string()), "n": pa.array([], pa.int64()), "block": pa.array([], pa.int64())}
)
_MET = pa.schema({"a": pa.int64(), "b": pa.int64()})


# --- rows that are alike ---------------------------------------------------------------------------------------


def _alike_sql(data: Dataset, scales: Sequence[_Scale], settings: NearDuplicateSettings, evidence: float) -> str:
    """A query for `a`, `b` of the pairs in `_met` that are alike though not the same, and share too much for chance.

    It is SQL, not an Ibis expression, which takes ten times as long to plan. The most telling columns that two rows
    share are looked at before anything is compared letter by letter.
    """
    row, numbers = quoted(ROW), range(len(scales))
    cells = ", ".join(
        f"nullif(left({_plain(quoted(s.column))}, {_COMPARED_LENGTH}), '') AS c{i}" for i, s in enumerate(scales)
    )
    whole = f"hash({', '.join(quoted(name) for name in data.columns)})"
    sides = ", ".join(f"x.c{i} AS a{i}, y.c{i} AS b{i}" for i in numbers)
    shares = ", ".join(f"CASE WHEN a{i} = b{i} THEN {s.weight!r}::DOUBLE ELSE 0 END" for i, s in enumerate(scales))
    telling = " + ".join(f"shared[{len(scales) - k}]" for k in range(min(3, len(scales))))
    likeness = ", ".join(f"{_likeness(i, s)} AS s{i}" for i, s in enumerate(scales))
    filled = " + ".join(f"CASE WHEN s{i} IS NULL THEN 0 ELSE 1 END" for i in numbers)
    total = " + ".join(f"coalesce(s{i}, 0.0)" for i in numbers)
    least = ", ".join(f"coalesce(s{i}, 1.0)" for i in numbers)
    return f"""
        WITH met AS MATERIALIZED (SELECT DISTINCT a, b FROM _met),
        known AS MATERIALIZED (
            SELECT {row} AS at, {whole} AS whole, {cells} FROM snapshot
            WHERE {row} IN (SELECT a FROM met UNION ALL SELECT b FROM met)
        ), sides AS MATERIALIZED (
            SELECT a, b, {sides} FROM met JOIN known AS x ON a = x.at JOIN known AS y ON b = y.at
            WHERE x.whole <> y.whole
        ), weighed AS MATERIALIZED (SELECT *, list_sort([{shares}]) AS shared FROM sides),
        likely AS MATERIALIZED (SELECT * FROM weighed WHERE {telling} >= {evidence!r}::DOUBLE),
        liked AS MATERIALIZED (SELECT a, b, {likeness} FROM likely),
        scored AS (SELECT a, b, {filled} AS filled, {total} AS total, least({least}) AS least FROM liked)
        SELECT a, b FROM scored
        WHERE filled * 2 > {len(scales)} AND total >= filled * {settings.similarity!r}::DOUBLE
            AND least >= {settings.column_similarity!r}::DOUBLE
        ORDER BY a, b LIMIT {_MOST_PAIRS}
    """


def _plain(cell: str) -> str:
    """`records.plain_text` of a cell."""
    return f"trim(regexp_replace(lower({cell}), {text(SPACES)}, ' ', 'g'))"


def _likeness(i: int, scale: _Scale) -> str:
    """1 for equal, less for a small edit of words that leaves the digits alone, 0 for different, null for a gap."""
    a, b = f"a{i}", f"b{i}"
    if not scale.words:
        return f"CAST({a} = {b} AS DOUBLE)"
    digits = " = ".join(f"regexp_replace({side}, '[^0-9]', '', 'g')" for side in (a, b))
    edit = f"1 - CAST(levenshtein({a}, {b}) AS DOUBLE) / greatest(length({a}), length({b}))"
    return f"CASE WHEN {a} = {b} THEN 1.0 WHEN {digits} THEN {edit} WHEN {a} <> {b} THEN 0.0 END"
