"""Pairs of columns of which one comes before the other: start and end, minimum and maximum, ordered and shipped.

A pair is believed when the contract promises it, or when nearly all complete rows are in order and either the columns'
names say so or chance does not explain it: dates of one period that have nothing to do with each other are in order in
half of the rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any

import ibis
from ibis import _

from tasks.quality.dates import read_date, shown_order
from tasks.quality.model import ColumnProfile, Dataset
from tasks.quality.profile import number
from tasks.quality.queries import only
from tasks.quality.typed import read

FEWEST_ROWS = 50
MOST_DATES = 12
MOST_NUMBERS = 24
BY_CHANCE = 0.9
"""A pair of dates that unrelated columns would have in order more often than this proves nothing."""

READ = 0.95
"""Share of a column's values that must be dates of one format."""

MOST_VALUES = 2_000

NAMES = (
    ("start", "end"), ("start", "stop"), ("start", "finish"), ("begin", "end"), ("from", "to"), ("from", "until"),
    ("from", "till"), ("from", "through"), ("first", "last"), ("open", "close"), ("opened", "closed"),
    ("opening", "closing"), ("birth", "death"), ("born", "died"), ("ordered", "shipped"), ("order", "ship"),
    ("order", "delivery"), ("ordered", "delivered"), ("order", "due"), ("shipped", "delivered"), ("ship", "delivery"),
    ("shipped", "received"), ("sent", "received"), ("created", "updated"), ("created", "modified"),
    ("created", "closed"), ("created", "resolved"), ("created", "deleted"), ("hired", "left"), ("hire", "termination"),
    ("joined", "left"), ("admission", "discharge"), ("admitted", "discharged"), ("departure", "arrival"),
    ("departed", "arrived"), ("checkin", "checkout"), ("issued", "expires"), ("issue", "expiry"), ("issued", "due"),
    ("invoice", "due"), ("pickup", "dropoff"), ("purchase", "delivery"), ("purchased", "delivered"), ("loan", "return"),
    ("borrowed", "returned"), ("submitted", "approved"), ("requested", "completed"), ("valid_from", "valid_to"),
)  # fmt: skip
"""Words in two names, of which the first one's column comes before the second one's."""

SCALES = (("min", "max"), ("minimum", "maximum"), ("low", "high"), ("lower", "upper"), ("lowest", "highest"))
"""Words in two names that are equal otherwise, of which the first one's number is the smaller one."""

_WORDS = re.compile(r"[a-z]+|[0-9]+")


@dataclass(frozen=True)
class Ordered:
    """Two columns in order.

    Attributes:
        complete: rows in which both can be read.
        broken: of these, rows in which the first is after the second.
        promised: the contract says so.
        why: what says that the order is no accident.
    """

    first: str
    last: str
    complete: int
    broken: int
    promised: bool
    why: str


def words(name: str) -> tuple[str, ...]:
    """The words of a column's name.

    >>> words("startDate"), words("Valid_From 2")
    (('start', 'date'), ('valid', 'from', '2'))
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return tuple(_WORDS.findall(spaced.casefold()))


def named_in_order(first: str, last: str, pairs: Sequence[tuple[str, str]] = NAMES) -> bool:
    """Whether two columns' names say that one comes before the other.

    >>> named_in_order("order_date", "ship date"), named_in_order("ship date", "order_date")
    (True, False)
    """
    a, b = set(words(first)), set(words(last))
    return any(start in a and end in b and start not in b and end not in a for start, end in pairs)


def named_alike_in_order(first: str, last: str) -> bool:
    """Whether two names differ in a pair of words only: price_min and price_max, start_km and end_km.

    >>> named_alike_in_order("price_min", "price_max"), named_alike_in_order("min_age", "max_price")
    (True, False)
    """
    a, b = words(first), words(last)
    if len(a) != len(b):
        return False
    differing = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
    return len(differing) == 1 and differing[0] in {*SCALES, *NAMES}


def in_order(data: Dataset, share: float) -> Iterator[Ordered]:
    """The pairs that the contract promises, and those in which at least this share of complete rows is in order."""
    promised = [pair for pair in data.contract.orders if set(pair) <= set(data.columns)]
    dates = _formats(data, [c.name for c in _dated(data)], promised)
    mined = [pair for pair in _pairs(data, list(dates)) if pair not in promised and pair[::-1] not in promised]
    reads = _reads(dates, {name for pair in (*promised, *mined) for name in pair})
    counts = _counts(data, [*promised, *mined], reads)
    for pair in promised:
        yield Ordered(*pair, *counts[pair], promised=True, why="the contract says so")
    believed = [pair for pair in mined if counts[pair][0] >= FEWEST_ROWS and _holds(*counts[pair], share)]
    days = _days(data, reads, [p for p in believed if not _named(*p)])
    for first, last in believed:
        if _named(first, last):
            yield Ordered(first, last, *counts[first, last], promised=False, why="their names say so, too")
        elif (first in days and last in days) and (chance := by_chance(days[first], days[last])) <= BY_CHANCE:
            why = f"by chance it would be {chance:.0%}"
            yield Ordered(first, last, *counts[first, last], promised=False, why=why)


def late(table: ibis.Table, first: str, last: str, reads: Mapping[str, Any]) -> Any:
    """Whether the first column is after the last one; null where one of them cannot be read."""
    return reads[first](table[first]) > reads[last](table[last])


def readers(data: Dataset, columns: Sequence[str]) -> dict[str, Any]:
    """How each of these columns is read when it is compared: as numbers, or as dates in its format."""
    return _reads(_formats(data, columns, [tuple(columns)]), set(columns))


def by_chance(first: Mapping[int, int], last: Mapping[int, int]) -> float:
    """How often a day of one column is not after one of another, if they have nothing to do with each other.

    >>> by_chance({1: 1, 3: 1}, {2: 1, 4: 1})
    0.75
    """
    running, met = 0, 0
    for day in sorted({*first, *last}):
        running += first.get(day, 0)
        met += running * last.get(day, 0)
    total = sum(first.values()) * sum(last.values())
    return met / total if total else 1.0


def date_format(data: Dataset, column: ColumnProfile) -> str | None:
    """How a column's dates are written for `strptime`, "" for ISO 8601; None where it is no column of dates."""
    promised = data.contract.column(column.name)
    if promised.reads_as in ("date", "timestamp"):
        return promised.format or ""
    if column.present_count and column.date_count >= READ * column.present_count:
        return ""
    if not any(re.match(r"^9[-/.]9[-/.]9$", p.text) for p in column.patterns[:1]):
        return None
    own = data.domains.filter(data.domains.column == column.name)
    top = own.order_by(ibis.desc("n"), "value").limit(MOST_VALUES).to_pyarrow().to_pylist()
    told = [(d, r["n"]) for r in top if (d := read_date(r["value"])) is not None]
    order = shown_order(told)
    layouts = {d.layout for d, _n in told}
    if order is None or len(layouts) != 1 or sum(n for _d, n in told) < READ * sum(r["n"] for r in top):
        return None
    sign, short = re.sub("0", "", layouts.pop())[:1], any(d.short_year for d, _n in told)
    return sign.join({"y": "%y" if short else "%Y", "m": "%m", "d": "%d"}[letter] for letter in order)


def _formats(data: Dataset, columns: Sequence[str], pairs: Sequence[tuple[str, ...]]) -> dict[str, str]:
    """The formats of the columns of dates; what is paired with a date is read as one, too."""
    found = {name: f for name in columns if (f := date_format(data, data.profile.column(name))) is not None}
    for pair in pairs:
        if not set(pair).isdisjoint(found):
            found |= {name: "" for name in pair if name not in found}
    return found


def _dated(data: Dataset) -> list[ColumnProfile]:
    likely = [
        c
        for c in data.profile.columns
        if data.contract.column(c.name).reads_as in ("date", "timestamp")
        or (c.present_count and c.date_count >= READ * c.present_count)
        or any(re.match(r"^9[-/.]9[-/.]9$", p.text) for p in c.patterns[:1])
    ]
    return likely[:MOST_DATES]


def _pairs(data: Dataset, dates: Sequence[str]) -> list[tuple[str, str]]:
    """Dates, all with all, and numbers whose names differ in a word of order only."""
    numbers = [
        c.name for c in data.profile.columns if c.numeric_count >= READ * c.present_count > 0 and c.name not in dates
    ]
    named = [pair for pair in permutations(numbers, 2) if named_alike_in_order(*pair)] if len(numbers) > 1 else []
    both = [pair for a, b in combinations(dates, 2) for pair in ((a, b), (b, a))]
    return [*both, *named]


def _named(first: str, last: str) -> bool:
    return named_in_order(first, last) or named_alike_in_order(first, last)


def _reads(dates: Mapping[str, str], columns: set[str]) -> dict[str, Any]:
    return {name: _moments(dates[name]) if name in dates else number for name in sorted(columns)}


def _moments(format_: str) -> Any:
    return lambda text: read(text, "timestamp", format_ or None)


def _counts(
    data: Dataset, pairs: Sequence[tuple[str, str]], reads: Mapping[str, Any]
) -> dict[tuple[str, str], tuple[int, int]]:
    """Complete rows of each pair, and those in which the first is after the last; one query for all pairs."""
    if not pairs:
        return {}
    table = only(data.table, reads)
    place = {name: f"c{i}" for i, name in enumerate(reads)}
    parsed = table.select(**{place[name]: read_(table[name]) for name, read_ in reads.items()})
    tallies: dict[str, Any] = {}
    for i, (a, b) in enumerate(pairs):
        off = parsed[place[a]] > parsed[place[b]]
        tallies |= {f"n{i}": off.count(), f"off{i}": off.sum()}
    found = parsed.agg(**tallies).to_pyarrow().to_pylist()[0]
    return {pair: (int(found[f"n{i}"] or 0), int(found[f"off{i}"] or 0)) for i, pair in enumerate(pairs)}


def _holds(complete: int, broken: int, share: float) -> bool:
    return 0 < broken <= (1 - share) * complete


def _days(data: Dataset, reads: Mapping[str, Any], pairs: Sequence[tuple[str, str]]) -> dict[str, dict[int, int]]:
    """Rows per day of the columns of dates in these pairs."""
    found: dict[str, dict[int, int]] = {}
    for name in sorted({name for pair in pairs for name in pair}):
        own = data.domains.filter(data.domains.column == name)
        day = reads[name](own["value"])
        if not day.type().is_timestamp():
            continue
        dated = own.select(day=day.epoch_seconds() // 86_400, n=_.n).filter(_.day.notnull())
        rows = dated.group_by("day").agg(n=_.n.sum()).to_pyarrow().to_pylist()
        found[name] = {int(r["day"]): int(r["n"]) for r in rows}
    return found
