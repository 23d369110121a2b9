"""Value domains and column statistics: one scan of the table, then everything from the domains.

A domain holds each distinct value of a column with its count, so strings are parsed once per distinct value
and never per row. Statistics are exact and do not depend on threads: sums are made of whole numbers.
"""

from __future__ import annotations

import bisect
import itertools
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from operator import itemgetter
from typing import Any, TypeAlias

import ibis
import ibis.expr.datatypes as dt
import pyarrow as pa
from ibis import _

from tasks.quality.lettering import patterns
from tasks.quality.model import ROW, ColumnProfile, Pattern, Profile
from tasks.quality.parallel import side_by_side
from tasks.quality.queries import lent, only, ready

BLANK = r"^[\s\x0b\x1c-\x1f\x85\p{Z}]*$"
"""Values without a visible character: nothing, or white space in the sense of Unicode."""

INTEGER = r"^[+-]?(?:0|[1-9][0-9]{0,17})$"
"""Whole numbers that fit 64 bits. `007` and longer rows of digits are codes: a number would lose characters."""

NUMBER = r"^[+-]?(?:(?:0|[1-9][0-9]{0,17})(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$"
"""Plain and scientific decimals: `12`, `-0.5`, `.5`, `1e5`; not `007`, `12.`, `1,234`, `NaN` or `inf`."""

DATE = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
"""ISO 8601 dates, and date with time of day; the date must also exist in the calendar."""

BOOLEANS = ("true", "false", "yes", "no", "t", "f", "y", "n")
"""Words read as yes or no, in any case; 1 and 0 are integers."""

TOP_VALUES = 20
TOP_LENGTH = 200
PATTERNS = 50
PATTERN_LENGTH = 100
BINS = 20
MOST_PARTS = 40
"""A query that unites more tables than this takes longer to plan than to run."""

_FINE = 2**53
"""Steps into which the largest magnitude of a column is divided when its numbers are summed; as fine as float64."""


def is_blank(text: ibis.expr.types.StringValue) -> ibis.expr.types.BooleanValue:
    """Whether a value holds nothing but white space (or nothing); null for null."""
    return text.re_search(BLANK)


def is_ascii(text: ibis.expr.types.StringValue) -> ibis.expr.types.BooleanValue:
    """Whether every character of a value is one byte."""
    return text.length() == strlen(text)


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator, unused-ignore]
def strlen(text: str) -> int:  # type: ignore[empty-body]
    """Bytes of a text."""


def is_missing(text: ibis.expr.types.StringValue) -> ibis.expr.types.BooleanValue:
    """Whether a value is null or blank."""
    return text.isnull() | is_blank(text)


def number(text: ibis.expr.types.StringValue) -> ibis.expr.types.FloatingValue:
    """The value as float64, null where it is not a number by `NUMBER` or too large."""
    parsed = text.re_search(NUMBER).ifelse(text, ibis.null()).try_cast("float64")
    return parsed.isinf().ifelse(ibis.null(), parsed)


def domains(table: ibis.Table) -> ibis.Table:
    """Every distinct value that is not null with its count: `column`, `value`, `n`.

    Sorted by column position, `n` descending, value.
    """
    names = [name for name in table.columns if name != ROW]
    if not names:
        return _no_domains()
    size = math.ceil(len(names) / MOST_PARTS)
    numbered = list(enumerate(names))
    parts = [_counts(table, numbered[start : start + size]) for start in range(0, len(names), size)]
    counts = _union(parts)
    return (
        counts.mutate(column=ibis.array(names)[counts.position])
        .order_by("position", ibis.desc("n"), "value")
        .select("column", "value", "n")
    )


def profile(table: ibis.Table, domains: ibis.Table, snapshot: str) -> Profile:
    """Statistics of every column, from the value domains.

    Lengths are of all values that are not null; minimum to histogram are of the values that are numbers.
    """
    rows, known = int(table.count().to_pyarrow().as_py()), _Domains(domains)
    counts = {record["column"]: record for record in known.records(_count_values)}
    top, patterns = _top_values(known), _patterns(known)
    numeric = {name: record for name, record in counts.items() if record["numeric_count"]}
    numbers = _number_statistics(known, numeric) if numeric else {}
    return Profile(
        snapshot,
        rows,
        tuple(
            replace(
                _column(name, rows, counts.get(name, {}), top.get(name, ()), numbers.get(name, {})),
                patterns=tuple(found for found, _count in patterns.get(name, ())),
                pattern_count=next((count for _found, count in patterns.get(name, ())), 0),
            )
            for name in table.columns
            if name != ROW
        ),
    )


def changed_domains(
    table: ibis.Table, before: ibis.Table, changed: Collection[str], renamed: Mapping[str, str]
) -> ibis.Table:
    """The domains after a change of some columns: only these are counted again.

    Args:
        table: as it is now, with as many rows as before.
        before: the domains before.
        changed: columns whose cells are others, or that are new.
        renamed: former name → name.
    """
    kept = [name for name in table.columns if name != ROW and name not in changed]
    former = {name: old for old, name in renamed.items()}
    old = before.filter(before.column.isin([former.get(name, name) for name in kept]))
    if renamed:
        old = old.mutate(column=old.column.cases(*renamed.items(), else_=old.column))
    own = [name for name in table.columns if name in changed]
    return old.union(domains(only(table, (ROW, *own)))) if own else old


def changed_profile(
    table: ibis.Table, domains: ibis.Table, before: Profile, changed: Collection[str], renamed: Mapping[str, str]
) -> Profile:
    """The statistics after a change of some columns: only these are computed again; arguments as `changed_domains`."""
    own = [name for name in table.columns if name in changed]
    anew = (
        profile(only(table, (ROW, *own)), domains.filter(domains.column.isin(own)), before.snapshot) if own else before
    )
    former = {name: old for old, name in renamed.items()}
    columns = (
        anew.column(name) if name in own else replace(before.column(former.get(name, name)), name=name)
        for name in table.columns
        if name != ROW
    )
    return Profile(before.snapshot, before.rows, tuple(columns))


def _no_domains() -> ibis.Table:
    return ibis.memtable([], schema={"column": "string", "value": "string", "n": "int64"})


def _counts(table: ibis.Table, numbered: Sequence[tuple[int, str]]) -> ibis.Table:
    """`position`, `value`, `n` of some columns: grouped as it is, or several columns laid end to end."""
    if len(numbered) == 1:
        position, name = numbered[0]
        long = table.select(position=ibis.literal(position, "int16"), value=table[name])
    else:
        cells = [ibis.struct({"position": ibis.literal(i, "int16"), "value": table[name]}) for i, name in numbered]
        long = table.select(cell=ibis.array(cells).unnest()).unpack("cell")
    return long.filter(_.value.notnull()).group_by("position", "value").agg(n=_.count())


def _union(tables: Sequence[ibis.Table]) -> ibis.Table:
    """All tables end to end, nested as shallowly as can be."""
    while len(tables) > 1:
        pairs = [tables[i : i + 2] for i in range(0, len(tables), 2)]
        tables = [ibis.union(*pair) if len(pair) > 1 else pair[0] for pair in pairs]
    return tables[0]


_Query: TypeAlias = Callable[[], ibis.Table]
"""A query over `_DOMAINS` and tables that are lent with it: the same for every table, so it is planned but once."""

_DOMAINS = ibis.table({"column": "string", "value": "string", "n": "int64"}, name="_domains")


class _Domains:
    """Value domains that planned queries are asked of."""

    def __init__(self, domains: ibis.Table) -> None:
        self._connection: Any = domains.get_backend().con
        self._sql = ready(domains)

    def records(self, query: _Query, **tables: pa.Table) -> list[dict[str, Any]]:
        """What a query selects, which may also read these tables; in no order."""
        with lent(self._connection, tables):
            told = self._asked(query).to_arrow_table()
        records: list[dict[str, Any]] = told.cast(_planned(query)[1]).to_pylist()
        return records

    def batches(self, query: _Query, rows: int) -> Iterator[pa.RecordBatch]:
        """What a query selects, so many rows at once."""
        yield from self._asked(query).to_arrow_reader(rows)

    def _asked(self, query: _Query) -> Any:
        return self._connection.execute(f"WITH _domains AS ({self._sql}) SELECT * FROM ({_planned(query)[0]})")


@cache
def _planned(query: _Query) -> tuple[str, pa.Schema]:
    """The SQL of a query, and the types of what it selects: the engine gives sums as decimals."""
    table = query()
    return str(ibis.to_sql(table, dialect="duckdb")), table.schema().to_pyarrow()


def _count_values() -> ibis.Table:
    value = _DOMAINS.value
    numeric, dated = _begins(value, "+", ":"), _begins(value, "0", ":")
    date = value.re_search(DATE).ifelse(value.substr(0, 10), ibis.null()).try_cast("date").notnull()
    parsed = _DOMAINS.select(
        "column",
        "n",
        blank=_begins(value, "!", "\x7f").ifelse(False, is_blank(value)),
        number=numeric.ifelse(number(value), ibis.null()),
        whole=numeric.ifelse(value.re_search(INTEGER), False),
        date=dated.ifelse(date, False),
        boolean=value.lower().isin(BOOLEANS),
        length=value.length(),
    )
    return parsed.group_by("column").agg(
        present=_.n.sum(),
        distinct_count=_.count(),
        blank_count=_.n.sum(where=_.blank),
        numeric_count=_.n.sum(where=_.number.notnull()),
        integer_count=_.n.sum(where=_.whole),
        date_count=_.n.sum(where=_.date),
        boolean_count=_.n.sum(where=_.boolean),
        min_length=_.length.min(),
        max_length=_.length.max(),
        characters=(_.length * _.n).sum(),
        minimum=_.number.min(),
        maximum=_.number.max(),
    )


def _begins(text: ibis.expr.types.StringValue, first: str, beyond: str) -> ibis.expr.types.BooleanValue:
    """Whether a text begins with one of these characters, which is known much sooner than what a pattern says."""
    return (text >= first) & (text < beyond)


def _top_values(domains: _Domains) -> dict[str, tuple[tuple[str, int], ...]]:
    return {
        record["column"]: tuple((each["value"][:TOP_LENGTH], -each["fewer"]) for each in record["top"])
        for record in domains.records(_most_frequent)
    }


def _most_frequent() -> ibis.Table:
    ranked = ibis.struct({"fewer": -_DOMAINS.n, "value": _DOMAINS.value})
    return _DOMAINS.group_by("column").agg(top=_smallest(ranked, TOP_VALUES))


_RANKED = dt.Struct({"fewer": "int64", "value": "string"})


@ibis.udf.agg.builtin(name="min", signature=((_RANKED, dt.int64), dt.Array(_RANKED)))  # type: ignore[untyped-decorator, unused-ignore]
def _smallest(ranked: object, most: int) -> object:
    """The smallest so many, in order."""


def pattern(text: ibis.expr.types.StringValue) -> ibis.expr.types.StringValue:
    """How a value is written: runs of digits as `9`, of letters as `a`, the rest as it is; of its beginning only."""
    return text.substr(0, PATTERN_LENGTH).re_replace("[0-9]+", "9").re_replace(r"\p{L}+", "a")


def pattern_of(text: str) -> str:
    """The same of one text of ASCII, outside the engine: of other letters each may know more than the other.

    >>> pattern_of("N/A"), pattern_of("O-17 ab")
    ('a/a', 'a-9 a')
    """
    return re.sub("[A-Za-z]+", "a", re.sub("[0-9]+", "9", text))


def may_hold(column: ColumnProfile, such: Callable[[str], object]) -> bool:
    """Whether some value of a column may have such a pattern; where patterns tell too little, it may.

    Nearly every column of very many values has few patterns, and its values need not be searched for what none of
    them can be.
    """
    known = 0 < column.pattern_count == len(column.patterns) and column.max_length <= PATTERN_LENGTH
    return not known or any(such(pattern.text) for pattern in column.patterns)


def _patterns(domains: _Domains) -> dict[str, list[tuple[Pattern, int]]]:
    """Per column its most frequent patterns, each beside the number of all."""
    found: dict[str, list[tuple[Pattern, int]]] = {}
    ranked = domains.records(_frequent_patterns, _plain=_plain_patterns(domains))
    for record in sorted(ranked, key=itemgetter("place")):
        each = Pattern(record["pattern"], int(record["values"]), int(record["rows"]))
        found.setdefault(record["column"], []).append((each, record["patterns"]))
    return found


def _frequent_patterns() -> ibis.Table:
    there = _DOMAINS.filter(~_is_plain(), ~is_blank(_DOMAINS.value)).select(
        "column", "n", pattern=pattern(_DOMAINS.value)
    )
    told = there.group_by("column", "pattern").agg(values=_.count(), rows=_.n.sum().cast("int64"))
    both = told.union(ibis.table(told.schema(), name="_plain"))
    alike = both.group_by("column", "pattern").agg(values=_["values"].sum(), rows=_.rows.sum())
    place = ibis.row_number().over(group_by="column", order_by=[ibis.desc("rows"), "pattern"])
    return alike.mutate(place=place, patterns=_.count().over(group_by="column")).filter(_.place < PATTERNS)


def _is_plain() -> ibis.expr.types.BooleanValue:
    return is_ascii(_DOMAINS.value) & (_DOMAINS.value.length() <= PATTERN_LENGTH)


def _plain_values() -> ibis.Table:
    return _DOMAINS.filter(_is_plain())


def _plain_patterns(domains: _Domains) -> pa.Table:
    """`column`, `pattern`, `values`, `rows` of short values of ASCII that are not blank, batch by batch."""
    empty = pa.table({name: pa.array([], type) for name, type in _PATTERN_COUNTS.items()})
    return pa.concat_tables([empty, *side_by_side(_pattern_counts, domains.batches(_plain_values, _BATCH))])


_PATTERN_COUNTS = {"column": pa.string(), "pattern": pa.string(), "values": pa.int64(), "rows": pa.int64()}
_BATCH, _DENSE = 200_000, 4_000_000


def _pattern_counts(batch: pa.RecordBatch) -> pa.Table:
    import numpy as np

    written = patterns(batch["value"]).dictionary_encode()
    columns = batch["column"].dictionary_encode()
    width = max(len(written.dictionary), 1)
    both = columns.indices.to_numpy().astype(np.int64) * width + written.indices.to_numpy()
    if width * len(columns.dictionary) > _DENSE:
        there, both = np.unique(both, return_inverse=True)
    else:
        there = np.arange(width * len(columns.dictionary))
    values = np.bincount(both, minlength=there.size)
    rows = np.bincount(both, weights=batch["n"].to_numpy(), minlength=there.size)  # exact: no table has 2**53 rows
    there, values, rows = there[values > 0], values[values > 0], rows[values > 0].astype(np.int64)
    texts = written.dictionary.take(pa.array(there % width))
    told = (columns.dictionary.take(pa.array(there // width)), texts, pa.array(values), pa.array(rows))
    counted = pa.table(dict(zip(_PATTERN_COUNTS, told, strict=True)))
    visible = [bool(text.strip()) for text in texts.to_pylist()]
    return counted.filter(pa.array(visible, pa.bool_()))


def _number_statistics(domains: _Domains, numeric: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Mean, median and histogram of each column in `numeric`, which tells their bounds."""
    bounds = [
        {"column": name, "low": r["minimum"], "high": r["maximum"], "scale": _scale(r["minimum"], r["maximum"])}
        for name, r in sorted(numeric.items())
    ]
    bounded = {"_bounds": pa.Table.from_pylist(bounds, _BOUNDS)}
    found: dict[str, dict[str, Any]] = {b["column"]: {**b, "bins": [0] * BINS, "sum": 0} for b in bounds}
    for record in domains.records(_bins, **bounded):
        column = found[record["column"]]
        column["bins"][record["bin"]] = int(record["n"])
        column["sum"] += int(record["sum"])
    middle = [{"column": name, **_middle(column["bins"])} for name, column in found.items()]
    for record in domains.records(_medians, **bounded, _middle=pa.Table.from_pylist(middle, _MIDDLE)):
        found[record["column"]]["median"] = record["low"] / 2 + record["high"] / 2
    return found


_BOUNDS = pa.schema({"column": pa.string(), "low": pa.float64(), "high": pa.float64(), "scale": pa.float64()})
_MIDDLE = pa.schema({
    "column": pa.string(), "first": pa.int64(), "last": pa.int64(), "low_rank": pa.int64(), "high_rank": pa.int64(),
})  # fmt: skip


def _scale(low: float, high: float) -> float:
    """A power of two no smaller than any magnitude: dividing by it is exact."""
    return math.ldexp(1.0, min(math.frexp(max(abs(low), abs(high), math.ulp(0.0)))[1], 1023))


def _placed() -> ibis.Table:
    """Each number with its bin, and its part of the sum in steps of the column's scale."""
    bounds = ibis.table(ibis.Schema.from_pyarrow(_BOUNDS), name="_bounds")
    joined = _DOMAINS.join(bounds, "column").mutate(x=number(_.value)).filter(_.x.notnull())
    # Halves, so that the width of a column from -1e308 to 1e308 is still a number.
    share = (joined.x / 2 - joined.low / 2) / (joined.high / 2 - joined.low / 2)
    at = (joined.high > joined.low).ifelse((share * BINS).floor(), 0).clip(0, BINS - 1)
    steps = (joined.x / joined.scale * _FINE).round().cast("decimal(38, 0)")
    return joined.select("column", "n", "x", bin=at.cast("int64"), steps=steps * joined.n.cast("decimal(18, 0)"))


def _bins() -> ibis.Table:
    return _placed().group_by("column", "bin").agg(n=_.n.sum(), sum=_.steps.sum())


def _middle(bins: Sequence[int]) -> dict[str, int]:
    """The bins that hold the two middle numbers, and the numbers' ranks counted from the first of these bins."""
    total, running = sum(bins), list(itertools.accumulate(bins))
    ranks = (total + 1) // 2, total // 2 + 1
    first, last = (bisect.bisect_left(running, rank) for rank in ranks)
    below = running[first] - bins[first]
    return {"first": first, "last": last, "low_rank": ranks[0] - below, "high_rank": ranks[1] - below}


def _medians() -> ibis.Table:
    """The two middle numbers of each column; only the bins they are in are sorted."""
    inside = _placed().join(ibis.table(ibis.Schema.from_pyarrow(_MIDDLE), name="_middle"), "column")
    inside = inside.filter(_.bin.between(_.first, _.last))
    running = inside.mutate(upto=_.n.sum().over(group_by="column", order_by="x", rows=(None, 0)))
    return running.group_by("column").agg(
        low=_.x.min(where=_.upto >= _.low_rank), high=_.x.min(where=_.upto >= _.high_rank)
    )


def _column(
    name: str, rows: int, counts: Mapping[str, Any], top: tuple[tuple[str, int], ...], numbers: Mapping[str, Any]
) -> ColumnProfile:
    present = counts.get("present", 0)
    return ColumnProfile(
        name,
        rows,
        null_count=rows - present,
        **{field: int(counts.get(field) or 0) for field in _COUNTS},  # type: ignore[arg-type]
        mean_length=counts["characters"] / present if present else 0.0,
        minimum=numbers.get("low"),
        maximum=numbers.get("high"),
        mean=_mean(numbers) if numbers else None,
        median=numbers.get("median"),
        top=top,
        histogram=_histogram(numbers) if numbers else (),
    )


_COUNTS = (
    "blank_count",
    "distinct_count",
    "numeric_count",
    "integer_count",
    "date_count",
    "boolean_count",
    "min_length",
    "max_length",
)


def _mean(numbers: Mapping[str, Any]) -> float:
    mean = float(Fraction(numbers["sum"], sum(numbers["bins"]) * _FINE) * Fraction(numbers["scale"]))
    return float(min(max(mean, numbers["low"]), numbers["high"]))


def _histogram(numbers: Mapping[str, Any]) -> tuple[tuple[float, float, int], ...]:
    """(from, to, rows) of `BINS` equal bins; one bin when all numbers are the same."""
    low, high, bins = numbers["low"], numbers["high"], numbers["bins"]
    if low == high:
        return ((low, high, sum(bins)),)
    edges = [low + (high / BINS - low / BINS) * i for i in range(BINS)] + [high]
    return tuple((edges[i], edges[i + 1], bins[i]) for i in range(BINS))
