"""Values beyond what can be: out of bounds, impossible dates, starts after ends, cut-off text.

A value outside the contract's bounds is wrong because the contract says so; an outlier is only far from the others,
which is no error: it is shown, and nothing is recommended.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from functools import reduce
from operator import or_
from typing import Any

import ibis
from ibis import _
from pydantic import Field

from tasks.quality.contract import AnyBound, Bound, ColumnContract, Contract
from tasks.quality.fences import Fences, Method, clear_of, fences, is_code
from tasks.quality.formulas import plain_number, style
from tasks.quality.missing import DATE_SENTINELS, NUMBER_SENTINELS
from tasks.quality.model import (
    ROW,
    CellWrites,
    ColumnProfile,
    Dataset,
    Dimension,
    Effect,
    Finding,
    Issue,
    Option,
    Severity,
)
from tasks.quality.profile import NUMBER, number
from tasks.quality.queries import cells_of, cells_where, only, rows_where, suspects
from tasks.quality.registry import KindSettings, Parameters, Settings, kind, remedy
from tasks.quality.schema import EXTRACT_AGAIN, NOTHING_LOADED
from tasks.quality.sequences import Ordered, in_order, late, readers, words
from tasks.quality.typed import ColumnType, read
from tasks.quality.wording import plural
from tasks.quality.words import NO_VALUE

FEWEST_ROWS = 30

Suspect = Callable[[Any], Any]
"""What a column's text must be for its cell to be suspect, as an expression; null is never suspect."""


def _found(
    data: Dataset,
    column: ColumnProfile,
    suspect: Suspect,
    why: Callable[[int], str],
    severity: Severity,
    *,
    most: float = math.inf,
    **more: Any,
) -> Iterator[Finding]:
    """The finding about a column's suspect cells, when there are any and at most so many."""
    cells = cells_where(data, column.name, suspect)
    count = rows_where(data, column.name, cells)
    if 0 < count <= most:
        yield Finding((column.name,), cells, count, column.present_count, why(count), severity, **more)


# --- out of range -------------------------------------------------------------------------------------------


class RangeSettings(KindSettings):
    """What is beyond what can be, where the contract names no bounds.

    Attributes:
        negative: a column of amounts with so few negative numbers, 0 to 1, should have none; 0 does not look for them.
        earliest: the first year in which a date can be.
        latest: the last year in which a date can be.
        years: so many years away from nearly all others, a date is suspect.
    """

    negative: float = Field(0.01, ge=0, lt=0.5)
    earliest: int = 1000
    latest: int = 2200
    years: int = Field(50, ge=1)


SIGNED = frozenset(
    (
        "adjustment", "altitude", "anomaly", "balance", "bias", "cash", "change", "charge", "correction", "credit",
        "debit", "degree", "degrees", "delta", "deviation", "diff", "difference", "drift", "earnings", "elevation",
        "error", "flow", "gain", "gap", "growth", "income", "lat", "latitude", "lng", "lon",
        "long", "longitude", "loss", "margin", "net", "offset", "pnl", "profit", "refund", "residual", "result",
        "return", "returns", "score", "shift", "sentiment", "skew", "slope", "surplus", "temp", "temperature", "trend",
        "variance", "variation", "x", "y", "yield", "z", "zscore",
    )
)  # fmt: skip
"""Words in the names of columns whose numbers have a sign by nature."""


class Clip(Parameters):
    """What is beyond a bound becomes the bound.

    Attributes:
        minimum: the smallest number or earliest date that stays.
        maximum: the largest number or latest date that stays.
    """

    minimum: AnyBound = None
    maximum: AnyBound = None


def _range_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    facts = issue.facts
    if facts.get("clip"):
        why = "nothing says that the bound is the right value"
        yield Option("clip", "clip", "write the bound instead", facts["clip"], why)
    yield Option("to-null", "suspects_to_null", "to null", why="what was meant is not known")
    if facts.get("negative"):
        yield Option("absolute", "absolute", "take the sign off", why="if only the sign is wrong")
    if wider := facts.get("widen"):
        why = "nothing is changed; they are allowed in this run, and for good once they are in the contract"
        yield Option("widen", "widen", f"allow all {_said_between(wider['minimum'], wider['maximum'])}", wider, why)


@kind("Out of range", dimension=Dimension.VALIDITY, settings=RangeSettings, recommend=_range_options)
def out_of_range(data: Dataset, settings: Settings[RangeSettings]) -> Iterable[Finding]:
    """Values beyond the contract's bounds, stray negative amounts, days that no calendar has, impossible years.

    A negative number is suspect where hardly any other is, where it is as large as the others are without their sign,
    and where the column's name does not say that it has one. Confidence: 0.95 against the contract and for days and
    years that cannot be; 0.7 for a year far from nearly all others; 0.4 for a negative number, which may be a
    correction.
    """
    bounded = {name: c for name, c in data.contract.columns.items() if (c.minimum, c.maximum) != (None, None)}
    for column in data.profile.columns:
        if column.name in bounded and column.present_count:
            yield from _beyond_bounds(data, column, bounded[column.name])
    others = [c for c in data.profile.columns if c.name not in bounded and c.present_count >= FEWEST_ROWS]
    for column in others:
        yield from _negatives(data, column, settings.of(column.name))
    yield from _impossible_dates(data, [c for c in others if _holds_dates(c)], settings)


def _beyond_bounds(data: Dataset, column: ColumnProfile, promised: ColumnContract) -> Iterator[Finding]:
    type_, minimum, maximum = promised.reads_as or "number", promised.minimum, promised.maximum

    def beyond(text: Any) -> Any:
        below, above = _beyond(read(text, type_, promised.format), minimum, maximum)
        return below | above

    said = _said_between(minimum, maximum)
    clip_ = {"minimum": _plain(minimum), "maximum": _plain(maximum)}
    negative = isinstance(minimum, (int, float)) and minimum >= 0
    yield from _found(
        data,
        column,
        beyond,
        lambda n: f"{plural(n, 'value is', 'values are')} not {said}, as the contract says",
        Severity.HIGH,
        facts={"clip": clip_, "negative": negative, "widen": _wider(data, column.name, promised)},
        confidence=0.95,
    )


def _said_between(minimum: object, maximum: object) -> str:
    if minimum is not None and maximum is not None:
        return f"between {minimum} and {maximum}"
    return f"{minimum} at least" if maximum is None else f"{maximum} at most"


def _wider(data: Dataset, name: str, promised: ColumnContract) -> dict[str, Any]:
    """The contract's bounds, each as far away as the column's values go beyond it."""
    own = data.domains.filter(data.domains.column == name)
    value = read(own["value"], promised.reads_as or "number", promised.format)
    below, above = _beyond(value, promised.minimum, promised.maximum)
    ends = own.agg(minimum=value.min(where=below), maximum=value.max(where=above)).to_pyarrow().to_pylist()[0]
    bounds = {"minimum": promised.minimum, "maximum": promised.maximum}
    return {side: _plain(bound if ends[side] is None else _as(bound, ends[side])) for side, bound in bounds.items()}


def _as(bound: Bound | None, value: Any) -> Bound:
    """A value as bounds of its column are written: a day where these are days, a whole number where it is one."""
    if isinstance(value, dt.datetime):
        return value if isinstance(bound, dt.datetime) else value.date()
    if isinstance(value, dt.date):
        return value
    number_ = float(value)
    return int(number_) if number_.is_integer() and math.isfinite(number_) else number_


def _beyond(value: Any, minimum: Bound | None, maximum: Bound | None) -> tuple[Any, Any]:
    """Whether a typed value is below the minimum, and whether it is above the maximum; false where it is null."""
    from tasks.quality.checks import comparable

    below, above = ibis.literal(False), ibis.literal(False)
    if minimum is not None:
        own, least = comparable(value, minimum)
        below = (own < least).fill_null(False)
    if maximum is not None:
        own, most = comparable(value, maximum)
        above = (own > most).fill_null(False)
    return below, above


def _plain(bound: Bound | None) -> Any:
    return bound.isoformat() if isinstance(bound, dt.date) else bound


def _negatives(data: Dataset, column: ColumnProfile, chosen: RangeSettings) -> Iterator[Finding]:
    """A few negative numbers that would be like the others without their sign."""
    numeric, middle = column.numeric_count, column.median
    if column.minimum is None or column.minimum >= 0 or middle is None or middle <= 0 or column.maximum is None:
        return
    if numeric < 0.9 * column.present_count or not SIGNED.isdisjoint(words(column.name)) or _shows_many(column, chosen):
        return
    least, most = middle / 10, column.maximum

    def negative(text: Any) -> Any:
        return (number(text) < 0).fill_null(False) & ~number(text).isin(NUMBER_SENTINELS).fill_null(False)

    def strange(text: Any) -> Any:
        return negative(text) & ~number(text).abs().between(least, most)

    if not rows_where(data, column.name, cells_where(data, column.name, strange)):
        yield from _found(
            data,
            column,
            negative,
            lambda n: f"{plural(n, 'number is', 'numbers are')} negative, {numeric - n:,} are not",
            Severity.LOW,
            most=chosen.negative * numeric,
            title=f"Negative numbers in {column.name}",
            facts={"negative": True},
            confidence=0.4,
        )


def _shows_many(column: ColumnProfile, chosen: RangeSettings) -> bool:
    """Whether the histogram alone shows that more numbers are negative than would be suspect."""
    return sum(n for _low, high, n in column.histogram if high < 0) > chosen.negative * column.numeric_count


# Dates are told by their form; what separates day, month and year may be any of these signs.
_SEPARATOR = "[-/. ]"
_ISO = rf"^\s*([0-9]{{4}}){_SEPARATOR}([0-9]{{1,2}}){_SEPARATOR}([0-9]{{1,2}})(?:[T ].*)?\s*$"
_YEAR_LAST = rf"^\s*([0-9]{{1,2}}){_SEPARATOR}([0-9]{{1,2}}){_SEPARATOR}([0-9]{{4}})(?:[T ,].*)?\s*$"
_LONGEST_DATE = 40
_CORE = 0.98
"""Share of a column's dates that lie in its usual years; half of the rest is before them, half after."""


def _holds_dates(column: ColumnProfile) -> bool:
    dated = sum(p.rows for p in column.patterns if p.text.startswith(("9-9-9", "9/9/9", "9.9.9")))
    return dated >= 0.9 * column.present_count


def _impossible_dates(
    data: Dataset, columns: Sequence[ColumnProfile], settings: Settings[RangeSettings]
) -> Iterator[Finding]:
    sound = [c.name for c in columns if c.date_count == c.present_count]
    years = _years(data, sound, all_days=True)
    years |= _years(data, [c.name for c in columns if c.name not in sound], all_days=False)
    for column in columns:
        chosen = settings.of(column.name)
        known = years.get(column.name, {})
        no_day = bool(known.get(None)) and not data.contract.column(column.name).reads_as  # else of the wrong type
        early_late = sorted(y for y in known if y is not None and not chosen.earliest <= y <= chosen.latest)
        possible = {y: n for y, n in known.items() if y is not None and y not in early_late}
        far = _far_years(possible, chosen.years)
        suspect = (*early_late, *far)
        if not (no_day or suspect) or not possible:
            continue
        yield from _found(
            data,
            column,
            _in_years(suspect, no_day=no_day),
            _said_of_dates(known, early_late, far, no_day=no_day),
            Severity.MEDIUM,
            most=0.05 * column.present_count,
            title=f"Impossible dates in {column.name}",
            confidence=0.95 if no_day or early_late else 0.7,
        )


def _years(data: Dataset, columns: Sequence[str], *, all_days: bool) -> dict[str, dict[int | None, int]]:
    """Rows per year of each column, under null those of days that no calendar has; one query for all columns.

    Where the profile says that all values are days in ISO 8601, their beginnings are all that has to be read.
    """
    if not columns:
        return {}
    own = data.domains.filter(data.domains.column.isin(list(columns)))
    dated = own.filter(~own["value"].left(10).isin(DATE_SENTINELS))
    if all_days:
        year = dated["value"].left(4).try_cast("int64")
    else:
        dated = dated.filter(_is_dated(dated["value"]))
        year = _is_day(dated["value"]).ifelse(_year(dated["value"]), ibis.null("int64"))
    counted = dated.select("column", "n", year=year).group_by("column", "year").agg(n=_.n.sum())
    found: dict[str, dict[int | None, int]] = {}
    for record in counted.order_by("column", "year").to_pyarrow().to_pylist():
        found.setdefault(record["column"], {})[record["year"]] = int(record["n"])
    return found


def _is_dated(text: Any) -> Any:
    return (text.length() <= _LONGEST_DATE) & (text.re_search(_ISO) | text.re_search(_YEAR_LAST))


def _is_day(text: Any) -> Any:
    """Whether a text in the form of a date is a day of the calendar, in whatever order it has day and month."""
    iso, last = text.re_search(_ISO), text.re_search(_YEAR_LAST)
    readings = (
        (iso, text.re_replace(_ISO, r"\1-\2-\3")),
        (last, text.re_replace(_YEAR_LAST, r"\3-\2-\1")),
        (last, text.re_replace(_YEAR_LAST, r"\3-\1-\2")),
    )
    return reduce(or_, (form & written.try_cast("date").notnull() for form, written in readings))


def _year(text: Any) -> Any:
    iso = text.re_search(_ISO)
    return iso.ifelse(text.re_extract(_ISO, 1), text.re_extract(_YEAR_LAST, 3)).try_cast("int64")


def _far_years(years: Mapping[int, int], reach: int) -> list[int]:
    """Years farther from the usual ones than `reach`, and than three times what these span."""
    total, running, core = sum(years.values()), 0, []
    for year in sorted(years):
        before, running = running, running + years[year]
        if running > (1 - _CORE) / 2 * total and before < (1 + _CORE) / 2 * total:
            core.append(year)
    if not core or total < FEWEST_ROWS:
        return []
    far = max(reach, 3 * (core[-1] - core[0]))
    return [year for year in sorted(years) if not core[0] - far <= year <= core[-1] + far]


def _in_years(years: Sequence[int], *, no_day: bool) -> Suspect:
    def suspect(text: Any) -> Any:
        dated = _is_dated(text) & ~text.left(10).isin(DATE_SENTINELS)
        wrong = _is_day(text) & _year(text).isin(years) if years else ibis.literal(False)
        return (dated & (wrong | ~_is_day(text) if no_day else wrong)).fill_null(False)

    return suspect


def _said_of_dates(
    known: Mapping[int | None, int], early_late: Sequence[int], far: Sequence[int], *, no_day: bool
) -> Callable[[int], str]:
    parts = [f"{known[None]:,} are days that no calendar has"] if no_day else []
    years = [f"{known[year]:,} in the year {year}" for year in (*early_late, *far)][:5]
    return lambda n: f"of {plural(n, 'suspect date')} {'; '.join([*parts, *years])}"


@remedy("Clip to bounds", parameters=Clip)
def clip(data: Dataset, issue: Issue, p: Clip) -> tuple[Effect, ...]:
    """Write the bound into suspect cells beyond it, as the column's other values are written."""
    column = issue.columns[0]
    promised = data.contract.column(column)
    dated = any(isinstance(bound, dt.date) for bound in (p.minimum, p.maximum))
    type_: ColumnType = (promised.reads_as or "timestamp") if dated else "number"
    found = suspects(data, issue)
    below, above = _beyond(read(found["value"], type_, promised.format), p.minimum, p.maximum)
    low, high = (_bound_text(data, column, bound, promised.format) for bound in (p.minimum, p.maximum))
    written = found.select(ROW, after=ibis.cases((below, low), (above, high), else_=ibis.null("string")))
    return (CellWrites(column, written.filter(_.after.notnull())),)


def _bound_text(data: Dataset, column: str, bound: Bound | None, format_: str | None) -> Any:
    if bound is None:
        return ibis.null("string")
    if isinstance(bound, dt.date):
        return ibis.literal(bound.strftime(format_) if format_ else bound.isoformat())
    decimals, fixed = style(data, column, "bound")
    own = -int(Decimal(str(bound)).as_tuple().exponent) if isinstance(bound, float) and bound % 1 else 0
    return ibis.literal(plain_number(float(bound), max(decimals, own), fixed))


class Widened(Clip):
    """What is allowed.

    Attributes:
        minimum: the smallest number or earliest date allowed; null: any.
        maximum: the largest number or latest date allowed; null: any.
    """


@remedy("Widen the bounds", parameters=Widened)
def widen(data: Dataset, issue: Issue, p: Widened) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Change nothing, and allow numbers or dates between other bounds in what follows of this run."""
    return ()


def widened(contract: Contract, column: str, minimum: object, maximum: object) -> Contract:
    """The contract with other bounds of a column."""
    bounds = Widened.model_validate({"minimum": minimum, "maximum": maximum})
    own = contract.column(column).model_copy(update={"minimum": bounds.minimum, "maximum": bounds.maximum})
    return contract.model_copy(update={"columns": {**contract.columns, column: own}})


@remedy("Take the sign off")
def absolute(data: Dataset, issue: Issue, p: Parameters) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Write suspect negative numbers without their sign."""
    found = suspects(data, issue)
    negative = found.filter(found["value"].re_search(r"^\s*-"))
    return (CellWrites(issue.columns[0], negative.select(ROW, after=negative["value"].re_replace(r"^\s*-\s*", ""))),)


# --- start after end ----------------------------------------------------------------------------------------


class OrderSettings(KindSettings):
    """Attributes: share: of the complete rows that must be in order for the others to be suspect, 0 to 1."""

    share: float = Field(0.99, gt=0.5, le=1)


def _order_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    first, last = issue.columns
    yield Option("swap", "swap_back", f"swap {first} and {last}", why="if they were entered the wrong way round")
    yield Option("to-null", "suspects_to_null", "both to null", why="which of the two is wrong is not known")


@kind("Start after end", dimension=Dimension.VALIDITY, settings=OrderSettings, recommend=_order_options)
def start_after_end(data: Dataset, settings: Settings[OrderSettings]) -> Iterable[Finding]:
    """Rows in which one column is after another that it never is after, by the contract or in nearly all other rows.

    What was mined must be backed by the columns' names, or by chance explaining it badly. One of the two cells is
    wrong at least, so the confidence is 0.5 by the contract, and 0.5 × the share of rows in order otherwise.
    """
    for pair in in_order(data, settings.default.share):
        if pair.broken:
            yield _disordered(data, pair)


def _disordered(data: Dataset, pair: Ordered) -> Finding:
    names = (pair.first, pair.last)
    table = only(data.table, (ROW, *names))
    rows = table.filter(late(table, *names, readers(data, names)).fill_null(False))
    sound = 1 - pair.broken / pair.complete
    return Finding(
        names,
        cells_of(rows, names),
        2 * pair.broken,
        2 * pair.complete,
        f"in {pair.broken:,} of {plural(pair.complete, 'row')} {pair.first} is after {pair.last}; {pair.why}",
        Severity.HIGH if pair.promised else Severity.MEDIUM,
        title=f"{pair.first} after {pair.last}",
        confidence=0.5 if pair.promised else round(0.5 * sound, 4),
    )


# --- outliers ----------------------------------------------------------------------------------------------


class OutlierSettings(KindSettings):
    """From where on a number is an outlier.

    Attributes:
        method: "iqr": so many interquartile ranges beyond the quartiles; "mad": a modified Z-score beyond k.
        k: how far; 3 is far out for "iqr" (Tukey), 3.5 is usual for "mad" (Iglewicz and Hoaglin).
        group: a column; numbers are compared with those of rows that are equal in it, by interquartile ranges.
    """

    method: Method = "iqr"
    k: float = Field(3.0, gt=0)
    group: str = ""


class Winsorised(Parameters):
    """Attributes: low: numbers below it become the smallest one that is not; high: and above it, the largest."""

    low: float
    high: float


def _outlier_options(data: Dataset, issue: Issue) -> Iterator[Option]:
    if "low" in issue.facts:
        low, high = issue.facts["low"], issue.facts["high"]
        beyond = {"low": low, "high": high}
        yield Option("winsorise", "winsorise", "write the nearest number that is no outlier", beyond)
        decimals, _fixed = style(data, issue.columns[0], "bound")
        inside = {"minimum": _towards(low, decimals, ROUND_CEILING), "maximum": _towards(high, decimals, ROUND_FLOOR)}
        yield Option("clip", "clip", f"clip to {inside['minimum']:g} … {inside['maximum']:g}", inside)
        yield Option("clip-at", "clip_at", "clip further away or nearer, at a k of yours", needs=("k",))
    middle = data.profile.column(issue.columns[0]).median
    if middle is not None:
        text = plain_number(middle, *style(data, issue.columns[0], "median"))
        yield Option("median", "suspects_to_value", f"write the median ({text})", {"value": text})
    yield Option("to-null", "suspects_to_null", "to null")


def _towards(number_: float, decimals: int, rounding: str) -> float:
    """The fence with as many decimals as the column has, on its inner side."""
    with localcontext() as context:
        context.prec = 700
        return float(Decimal(repr(number_)).quantize(Decimal(1).scaleb(-decimals), rounding=rounding))


@kind("Outliers", dimension=Dimension.ACCURACY, settings=OutlierSettings, recommend=_outlier_options)
def outlier(data: Dataset, settings: Settings[OutlierSettings]) -> Iterable[Finding]:
    """Numbers far from the others of their column or group: information, not an error; only a look is recommended.

    Nothing says that they are wrong, so the confidence is 0.
    """
    numeric = [c for c in data.profile.columns if _is_measured(c)]
    grouped = [c for c in numeric if settings.of(c.name).group]
    for name, fence in column_fences(data, settings, [c for c in numeric if c not in grouped]).items():
        yield from _far_from(data, data.profile.column(name), fence)
    for column in grouped:
        yield from _far_in_group(data, column, settings.of(column.name))


def column_fences(
    data: Dataset, settings: Settings[OutlierSettings], columns: Sequence[ColumnProfile]
) -> dict[str, Fences]:
    """The fences of the columns that may have numbers beyond them, as the settings of `outlier` have it."""
    chosen = {c.name: settings.of(c.name) for c in columns}
    asked = {
        c.name: (own.method, own.k)
        for c in columns
        if (own := chosen[c.name]).method != "iqr" or not clear_of(c, own.k)
    }
    found = fences(data, asked)
    bounds = {c.name: (c.minimum or 0.0, c.maximum or 0.0) for c in columns}
    return {n: f for n, f in found.items() if not (f.low <= bounds[n][0] and bounds[n][1] <= f.high)}


def _is_measured(column: ColumnProfile) -> bool:
    """Whether a column holds numbers that vary: more than a few different ones."""
    enough = column.numeric_count >= max(FEWEST_ROWS, 0.9 * column.present_count)
    return enough and column.distinct_count > 10 and not is_code(column)  # noqa: PLR2004


def _far_from(data: Dataset, column: ColumnProfile, fence: Fences) -> Iterator[Finding]:
    def far(text: Any) -> Any:
        return ((number(text) < fence.low) | (number(text) > fence.high)).fill_null(False)

    shown = f"below {fence.low:g} or above {fence.high:g}; half of all are between {fence.first:g} and {fence.last:g}"
    facts = {"low": fence.low, "high": fence.high, "first": fence.first, "last": fence.last}
    yield from _found(
        data, column, far, lambda n: f"{plural(n, 'number is', 'numbers are')} {shown}", Severity.INFO, facts=facts
    )


def _far_in_group(data: Dataset, column: ColumnProfile, chosen: OutlierSettings) -> Iterator[Finding]:
    name = column.name
    if chosen.group not in data.columns or chosen.group == name:
        return
    table = only(data.table, (ROW, name, chosen.group))
    rows = table.select(ROW, value=table[name], group=table[chosen.group], x=number(table[name])).filter(_.x.notnull())
    spread = rows.group_by("group").agg(first=_.x.quantile(0.25), last=_.x.quantile(0.75), n=_.count())
    known = spread.filter(_.n >= FEWEST_ROWS, _.last > _.first)
    reach = chosen.k * (known["last"] - known["first"])
    apart = known.select("group", low=known["first"] - reach, high=known["last"] + reach)
    far = rows.join(apart, "group").filter((_.x < _.low) | (_.x > _.high))
    if count := int(far.count().to_pyarrow().as_py()):
        yield Finding(
            (name,),
            far.select(ROW, column=ibis.literal(name), value=_["value"]),
            count,
            column.present_count,
            f"{plural(count, 'number is', 'numbers are')} far from the others with the same {chosen.group}",
            Severity.INFO,
            facts={"group": chosen.group},
        )


@remedy("Winsorise", parameters=Winsorised)
def winsorise(data: Dataset, issue: Issue, p: Winsorised) -> tuple[Effect, ...]:
    """Write the smallest or largest number of the column that is within the fences into those beyond them."""
    column = issue.columns[0]
    own = data.domains.filter(data.domains.column == column)
    inside = own.select("value", x=number(own["value"])).filter(_.x.between(p.low, p.high))
    ends = [inside.order_by(key, "value").limit(1).to_pyarrow()["value"].to_pylist() for key in ("x", ibis.desc("x"))]
    if not all(ends):
        return ()
    x = number(own["value"])
    beyond = own.select("value", after=ibis.cases((x < p.low, ends[0][0]), (x > p.high, ends[1][0])))
    table = only(data.table, (ROW, column))
    written = table.join(beyond.filter(_.after.notnull()), table[column] == beyond["value"])
    return (CellWrites(column, written.select(ROW, "after")),)


class ClippedAt(Parameters):
    """Attributes: k: interquartile ranges, or modified Z-scores, from the middle; method: which of the two."""

    k: float = Field(gt=0)
    method: Method = "iqr"


@remedy("Clip outliers", parameters=ClippedAt)
def clip_at(data: Dataset, issue: Issue, p: ClippedAt) -> tuple[Effect, ...]:
    """Write the number that is so far from the middle into suspect cells that are further away."""
    column = issue.columns[0]
    found = fences(data, {column: (p.method, p.k)}).get(column)
    if found is None:
        return ()
    decimals, _fixed = style(data, column, "bound")
    low, high = _towards(found.low, decimals, ROUND_CEILING), _towards(found.high, decimals, ROUND_FLOOR)
    return clip(data, issue, Clip(minimum=low, maximum=high))


# --- infinite, not a number, cut off ------------------------------------------------------------------------


class TruncatedSettings(KindSettings):
    """When texts look cut off.

    Attributes:
        least: texts shorter than this are never cut off.
        times: how many times more texts must have the greatest length than on average have one just below it.
        values: how many different texts must have the greatest length.
    """

    least: int = Field(20, ge=2)
    times: int = Field(10, ge=2)
    values: int = Field(10, ge=2)


INFINITE = ("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", "∞", "-∞")
FAILED = ("1.#inf", "-1.#inf", "1.#ind", "-1.#ind", "1.#qnan", "-nan", "nan(ind)", "-nan(ind)", "#num!", "#div/0!")
"""What programs write where a computation had no result; "NaN" and the like are disguised nulls."""

NEIGHBOURS = 9
"""Lengths below the greatest one that it is compared with."""


def _cut_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    if issue.facts["what"] == "cut off":
        yield Option("to-null", "suspects_to_null", "to null", why="what was cut off is lost; ask for a wider field")
        yield Option("extract-again", "extract_again", EXTRACT_AGAIN, why=f"once the field is wider; {NOTHING_LOADED}")
        return
    failed = issue.facts["failed"]
    why = "a computation failed there" if failed else "some of them may say that there is no limit"
    sure = 0.9 if failed else None
    yield Option("to-null", "suspects_to_null", "to null", why=why, confidence=sure, safe=failed)


@kind(
    "Infinite numbers and cut-off text",
    dimension=Dimension.VALIDITY,
    settings=TruncatedSettings,
    recommend=_cut_options,
)
def truncated(data: Dataset, settings: Settings[TruncatedSettings]) -> Iterable[Finding]:
    """Infinity and its like among numbers, and many different texts of exactly the greatest length there is.

    Confidence: 0.9 for the marks of failed computations, 0.7 for infinity and numbers too large to be computed with;
    for texts the share of those at the greatest length that are more than the lengths below it let expect.
    """
    for column in data.profile.columns:
        if 0.5 * column.present_count <= column.numeric_count < column.present_count:
            yield from _infinite(data, column)
    texts = [c for c in data.profile.columns if _may_be_cut(c, settings.of(c.name))]
    for name, lengths in _lengths(data, texts).items():
        yield from _piled_up(data, data.profile.column(name), lengths, settings.of(name))


def _infinite(data: Dataset, column: ColumnProfile) -> Iterator[Finding]:
    words_ = sorted({*INFINITE, *FAILED} - NO_VALUE)

    def infinite(text: Any) -> Any:
        too_large = text.re_search(NUMBER) & number(text).isnull()
        return (text.strip().lower().isin(words_) | too_large).fill_null(False)

    def met() -> int:
        """Values that no failed computation writes."""
        others = cells_where(data, column.name, lambda text: infinite(text) & ~text.strip().lower().isin(FAILED))
        return rows_where(data, column.name, others)

    for finding in _found(
        data,
        column,
        infinite,
        lambda n: f"{plural(n, 'value is', 'values are')} infinite or no number, {column.numeric_count:,} are numbers",
        Severity.MEDIUM,
        title=f"Infinite numbers in {column.name}",
    ):
        facts = {"what": "infinite", "failed": not (others := met())}
        yield replace(finding, facts=facts, confidence=0.7 if others else 0.9)


def _may_be_cut(column: ColumnProfile, chosen: TruncatedSettings) -> bool:
    most = column.max_length
    varies = column.min_length < most and column.mean_length <= 0.9 * most
    return column.kind == "text" and most >= chosen.least and varies and column.distinct_count >= chosen.values


def _lengths(data: Dataset, columns: Sequence[ColumnProfile]) -> dict[str, dict[int, int]]:
    """Per column how many different texts have each of its greatest lengths; one query for all columns."""
    if not columns:
        return {}
    most = {c.name: c.max_length for c in columns}
    own = data.domains.filter(data.domains.column.isin(sorted(most))).select("column", length=_["value"].length())
    longest = own.mutate(most=own.length.max().over(group_by="column"))
    near = longest.filter(_.length >= _.most - NEIGHBOURS).group_by("column", "length").agg(values=_.count())
    found: dict[str, dict[int, int]] = {name: {} for name in most}
    for record in near.order_by("column", "length").to_pyarrow().to_pylist():
        found[record["column"]][record["length"]] = record["values"]
    return found


def _piled_up(
    data: Dataset, column: ColumnProfile, lengths: Mapping[int, int], chosen: TruncatedSettings
) -> Iterator[Finding]:
    most = column.max_length
    there, expected = lengths.get(most, 0), (sum(lengths.values()) - lengths.get(most, 0)) / NEIGHBOURS
    if there < chosen.values or there < chosen.times * expected or there > 0.5 * column.distinct_count:
        return
    yield from _found(
        data,
        column,
        lambda text: text.length() == most,
        lambda n: f"{plural(n, 'text has', 'texts have')} exactly {most} characters, hardly any has a little less",
        Severity.MEDIUM,
        title=f"Text cut off in {column.name}",
        facts={"what": "cut off"},
        confidence=round(1 - expected / there, 4),
    )
