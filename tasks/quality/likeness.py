"""Likeness: pairs of records that differ as two spellings of one would, found in bounded work."""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import pyarrow as pa
from ibis import _
from pydantic import Field

from tasks.quality.lettering import beginnings
from tasks.quality.model import ROW, ColumnProfile, Dataset
from tasks.quality.profile import is_ascii
from tasks.quality.queries import apart, kept, stored, union
from tasks.quality.records import chance_of_agreement, is_unique, plain_text
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
    met = union([_met(data, name, settings) for name in names[:_BLOCKINGS]]).distinct()
    alike = _alike(data, met, scales, settings, evidence).order_by("a", "b").limit(_MOST_PAIRS)
    return [(record["a"], record["b"]) for record in alike.to_pyarrow().to_pylist()]


@dataclass(frozen=True)
class _Scale:
    """How one column is compared, and how much it tells when two rows agree in it."""

    column: str
    words: bool
    weight: float


def _met(data: Dataset, column: str, settings: NearDuplicateSettings) -> ibis.Table:
    """`a`, `b` of the rows to compare: those in small blocks of equal beginnings, the smallest blocks first."""
    values = stored(data, _in_small_blocks(data, column, settings.block_size))
    sizes = values.group_by("block").agg(n=_.n.sum())
    work = sizes.mutate(work=(_.n * (_.n - 1) / 2).sum().over(order_by=[_.n, _.block], rows=(None, 0)))
    blocks = values.semi_join(work.filter(_.work <= settings.pairs), "block").select("value", "block")
    rows = data.table.select(ROW, value=data.table[column]).join(blocks, "value").select(ROW, "block")
    left = kept(data, str(ibis.to_sql(rows, dialect="duckdb")))
    right = left.view()
    return left.join(right, [left.block == right.block, left[ROW] < right[ROW]]).select(a=left[ROW], b=right[ROW])


_BEGINNING = 6
"""Letters and digits that values of one block begin with."""


def _in_small_blocks(data: Dataset, column: str, most: int) -> pa.Table:
    """`value`, `n`, `block` of the values that begin as others, in blocks of up to so many rows.

    The values are read twice where there are such blocks: they are never all in memory.
    """
    import numpy as np

    blocks, rows = (np.concatenate(parts) for parts in zip(*_block_sizes(data, column), strict=True))
    known, place = np.unique(blocks, return_inverse=True)
    sizes = np.bincount(place, weights=rows)  # exact: no table has 2**53 rows
    small = known[(known > 0) & (sizes > 1) & (sizes <= most)]
    parts = [_NONE_MET]
    if small.size:
        parts += [part.filter(pa.array(np.isin(part["block"], small))) for part in _beginnings(data, column)]
    return pa.concat_tables(parts)


def _block_sizes(data: Dataset, column: str) -> Iterator[tuple[Any, Any]]:
    """The blocks of each part of a column's values, and the rows of each."""
    import numpy as np

    yield np.empty(0, np.int64), np.empty(0)
    for part in _beginnings(data, column):
        blocks, place = np.unique(part["block"], return_inverse=True)
        yield blocks, np.bincount(place, weights=part["n"])


def _beginnings(data: Dataset, column: str) -> Iterator[pa.Table]:
    """`value`, `n`, `block` of a column's values, part by part; block 0 is of values without letters and digits."""
    domain = data.domains.filter(data.domains.column == column)
    plain = is_ascii(domain.value)
    start = domain.value.lower().re_replace("[^a-z0-9]+", "")
    for values, text in ((domain.filter(~plain), start), (domain.filter(plain), domain.value)):
        for batch in values.select("value", "n", text=text).to_pyarrow_batches(chunk_size=_BATCH):
            yield pa.table([batch["value"], batch["n"], beginnings(batch["text"], _BEGINNING)], schema=_NONE_MET.schema)


_BATCH = 100_000
_NONE_MET = pa.table(
    {"value": pa.array([], pa.string()), "n": pa.array([], pa.int64()), "block": pa.array([], pa.int64())}
)


def _alike(
    data: Dataset, met: ibis.Table, scales: Sequence[_Scale], settings: NearDuplicateSettings, evidence: float
) -> ibis.Table:
    """`a`, `b` of the pairs that are alike though not the same, and share too much for chance."""
    sides = apart(_side_by_side(data, met, scales))
    same = [(sides[f"a{i}"] == sides[f"b{i}"]).fill_null(False) for i in range(len(scales))]
    shared = ibis.array([like.ifelse(s.weight, 0.0) for s, like in zip(scales, same, strict=True)]).sort()
    weighed = apart(sides.mutate(shared=shared))
    telling = _total(weighed.shared[len(scales) - k] for k in range(1, min(3, len(scales)) + 1))
    likely = apart(weighed.filter(telling >= evidence))
    liked = apart(likely.select("a", "b", **{f"s{i}": _likeness(likely, i, s) for i, s in enumerate(scales)}))
    likeness = [liked[f"s{i}"] for i in range(len(scales))]
    scored = apart(
        liked.select(
            "a",
            "b",
            filled=_total(like.notnull().cast("float64") for like in likeness),
            total=_total(like.fill_null(0.0) for like in likeness),
            least=ibis.least(*[like.fill_null(1.0) for like in likeness]),
        )
    )
    return scored.filter(
        _.filled * 2 > len(scales), _.total >= _.filled * settings.similarity, _.least >= settings.column_similarity
    ).select("a", "b")


def _side_by_side(data: Dataset, met: ibis.Table, scales: Sequence[_Scale]) -> ibis.Table:
    """`a`, `b` with their comparable values `a0`, `b0`, `a1`, ...; without rows that equal one another exactly."""
    rows = apart(data.table.semi_join(met.select(_.a.name(ROW)).union(met.select(_.b.name(ROW))), ROW))
    whole = ibis.struct({f"f{i}": rows[name] for i, name in enumerate(data.columns)}).hash()
    plain = rows.select(ROW, whole=whole, **_comparable(rows, scales))
    known = kept(data, str(ibis.to_sql(plain, dialect="duckdb")))
    first, second = (
        known.rename({side: ROW, **{f"{side}{name}": name for name in known.columns if name != ROW}})
        for side in ("a", "b")
    )
    return met.join(first, "a").join(second, "b").filter(_.awhole != _.bwhole)


def _comparable(rows: ibis.Table, scales: Sequence[_Scale]) -> dict[str, Any]:
    return {str(i): plain_text(rows[s.column]).left(_COMPARED_LENGTH).nullif("") for i, s in enumerate(scales)}


def _likeness(sides: ibis.Table, i: int, scale: _Scale) -> Any:
    """1 for equal, less for a small edit of words that leaves the digits alone, 0 for different, null for a gap."""
    a, b = sides[f"a{i}"], sides[f"b{i}"]
    if not scale.words:
        return (a == b).cast("float64")
    digits = a.re_replace("[^0-9]", "") == b.re_replace("[^0-9]", "")
    longest = ibis.greatest(a.length(), b.length())
    edit = 1 - a.levenshtein(b).cast("float64") / longest
    return ibis.cases((a == b, 1.0), (digits, edit), (a != b, 0.0), else_=ibis.null("float64"))


def _total(terms: Iterable[Any]) -> Any:
    return functools.reduce(operator.add, terms)
