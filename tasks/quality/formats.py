"""How values are written: numbers with units, dates and times in several ways, odd patterns, spaces, damaged letters.

What a value means is read from the value and its column, never guessed: a date that can be two days is an issue,
not a conversion. Recommended is what keeps the meaning exactly: a unit that the whole column shares, a separator,
a date with one reading, spaces around a value, letters whose wrong decoding can be undone.

Confidence of findings: where a column is written in one way, the share of its values that break the way is how
often the way is wrong, so a breach is wrong with `1 − 10 × that share`; a date that can be n days is read wrongly
in n − 1 of n cases. Of numbers some of which may be meant as they are written it is weighed by their share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any, Literal, NamedTuple, TypeAlias

from ibis import _
from pydantic import Field

from tasks.quality import addresses, canonical, layouts, misplaced, patterns, tidying, times
from tasks.quality.canonical import CanonicalNumber
from tasks.quality.casting import cast_text
from tasks.quality.damage import damaged_values, read_again, redecoded
from tasks.quality.layouts import Layouts, ParsedDates
from tasks.quality.maps import map_options, mapped
from tasks.quality.misplaced import Spill
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
    Pattern,
    Severity,
)
from tasks.quality.months import Locale
from tasks.quality.numerals import MEASURES
from tasks.quality.patterns import Suspect, breach, too_few, usual_type
from tasks.quality.profile import NUMBER, is_missing, pattern
from tasks.quality.queries import cells_in, cells_of, cells_where, only, rows_where, suspects
from tasks.quality.registry import KindSettings, Parameters, Settings, kind, remedy
from tasks.quality.tidying import LONGEST, Tidy
from tasks.quality.times import Ways, WrittenTimes
from tasks.quality.universal import Edits, edited
from tasks.quality.values import rows_of, telling_values
from tasks.quality.wording import plural, some_of

MOST_VALUES = 300_000
"""Distinct values per column that are read one by one."""

RARELY = 0.1
"""Other spaces and tags that are in more of a column's rows are its way of writing."""

MOST_CASED = 50_000
"""Distinct values of a column up to which it is offered to write all in one case: each is a line of a table."""


# --- mixed number formats -----------------------------------------------------------------------------------


class MixedNumberSettings(KindSettings):
    """Attributes: share: how many of a column's values must be numbers with or without unit, 0 to 1."""

    share: float = Field(0.95, gt=0.5, le=1)


def _number_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    facts = issue.facts
    base = {name: facts[name] for name in CanonicalNumber.model_fields if name in facts}
    unit = facts["unit"]
    label = "write them as plain numbers" + (f" ({unit})" if unit else "")
    if facts["prefix"] or facts["suffix"] or facts["grouped"]:
        label = f"write them as most are, '{facts['usual']}'"
    leaves = "values in other units stay as they are" if facts["others"] else ""
    safe, sure = bool(facts["safe"]), facts["sure"]
    yield Option("canonical", "canonical_number", label, base, facts["because"], leaves, sure, safe)
    if facts["bare"]:
        label, why = "write only the numbers without a unit alike", "no unit is lost"
        leaves = "numbers with a unit stay as they are"
        yield Option("bare", "canonical_number", label, {**base, **canonical.BARE}, why, leaves, 0.95, safe=True)
    if facts["convertible"] and not facts["convert"]:
        yield from _conversions(unit, base)
    if facts["percents"]:
        divided = {**base, "percent": "divide"}
        why = "22% is 0.22, and is then as large as the others" if facts["divide"] else ""
        label, sure = "write percentages as parts of one", 0.95 if facts["divide"] else 0.0
        yield Option("divide", "canonical_number", label, divided, why, confidence=sure, safe=facts["divide"])


def _conversions(unit: str, base: Mapping[str, Any]) -> Iterator[Option]:
    """All units into one; where nobody can know how many bytes are meant, by each way of counting them."""
    label, converted = f"convert all to {unit}", {**base, "convert": True}
    if MEASURES[unit][0] != "data":
        why = "the factors between these units are exact"
        yield Option("convert", "canonical_number", label, converted, why, confidence=0.9)
        return
    why = "nothing in the column says how many they counted"
    for thousand in (1000, 1024):
        counted, key = {**converted, "thousand": thousand}, f"convert-{thousand}"
        yield Option(key, "canonical_number", f"{label}, {thousand:,} KB to the MB", counted, why, confidence=0.5)


@kind(
    "Mixed number formats",
    dimension=Dimension.CONSISTENCY,
    settings=MixedNumberSettings,
    recommend=_number_options,
)
def mixed_number_format(data: Dataset, settings: Settings[MixedNumberSettings]) -> Iterable[Finding]:
    """Numbers of one column written with and without units, percent signs, separators or needless zeros."""
    likely = [c.name for c in data.profile.columns if not too_few(c) and canonical.mixes(c)]
    for name, values in telling_values(data, likely).items():
        numbers, total = canonical.numbers_in(values), sum(values.values())
        rows = sum(n for _t, n, _m in numbers)
        if len(values) > MOST_VALUES or not numbers or rows < settings.of(name).share * total:
            continue
        if plan := canonical.plan_for(numbers):
            yield from _mixed_numbers(data, data.profile.column(name), numbers, plan)


def _mixed_numbers(
    data: Dataset, column: ColumnProfile, numbers: canonical.Told, plan: CanonicalNumber
) -> Iterator[Finding]:
    forms, facts = canonical.forms_of(numbers), canonical.facts_about(numbers, plan)
    plan = plan.model_copy(update={"convert": facts["fits"]})
    if changed := canonical.rewritten(numbers, plan):
        few = len(changed) <= canonical.MOST_LISTED
        cells = cells_in(column.name, changed) if few else cells_where(data, column.name, canonical.otherwise(plan))
        shown = ", ".join(f"{name} {n:,}×" for name, n in forms.most_common(5))
        yield Finding(
            (column.name,),
            cells,
            rows_where(data, column.name, cells),
            column.rows,
            f"numbers are written in {len(forms)} ways: {shown}",
            Severity.MEDIUM,
            facts={**plan.model_dump(exclude={"exclude", "change"}), **facts},
            confidence=canonical.confidence(numbers, plan, facts),
        )


@remedy("Canonical numbers", parameters=CanonicalNumber)
def canonical_number(data: Dataset, issue: Issue, p: CanonicalNumber) -> tuple[Effect, ...]:
    """Write every number of the column in one way: one unit, one separator, no percent signs, no needless zeros."""
    column = issue.columns[0]
    numbers = canonical.numbers_in(telling_values(data, [column])[column])
    return (edited(column, canonical.rewritten(numbers, p), p),)


# --- mixed and ambiguous dates ------------------------------------------------------------------------------


TURNED_DATES = (
    "date has day and month in each other's place",
    "dates have day and month in each other's place",
)


class MixedDateSettings(KindSettings):
    """Attributes: share: how many of a column's values must be dates, 0 to 1."""

    share: float = Field(0.9, gt=0.5, le=1)


def _date_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    facts = issue.facts
    named = {"locale": facts["locale"]} if facts["locale"] != "en" else {}
    if facts["ambiguous"]:
        names = {"dmy": "day/month/year", "mdy": "month/day/year", "ymd": "year/month/day", "ydm": "year/day/month"}
        for order in facts["orders"]:
            label, given = f"they are {names[order]}; write all as 2026-01-31", {"order": order, **named}
            yield Option(f"as-{order}", "parse_dates", label, given, "you know how they are meant")
        return
    plan = facts["plan"]
    label = f"write them as most are ({facts['usual']})"
    leaves = f"{facts['left']:,} that have several readings, or a time written otherwise" if facts["left"] else ""
    if facts["as_most"]:
        safe, why = bool(facts["safe"]), "each has one reading only"
        yield Option("as-most", "parse_dates", label, plan, why, leaves, 0.95, safe)
    if plan["layout"] != "iso" or not facts["as_most"]:
        yield Option("iso", "parse_dates", "write all as 2026-01-31", {"order": plan["order"], **named}, leaves=leaves)
    if facts["timed"]:
        label, open_ = "write the times, too, as 2026-01-31T13:00:00Z", "times that a change of clocks leaves open"
        yield Option("utc", "parse_dates", label, named, leaves=open_, needs=("timezone",))
    if pattern := facts["extracts"]:
        label = f"keep only the part that is written as most are ({facts['usual']})"
        yield Option("extract", "extract", label, {"pattern": pattern}, leaves="what stands beside it is lost")


@kind("Mixed or ambiguous dates", dimension=Dimension.VALIDITY, settings=MixedDateSettings, recommend=_date_options)
def mixed_dates(data: Dataset, settings: Settings[MixedDateSettings]) -> Iterable[Finding]:
    """Dates of one column in several formats, and dates that can be read as more than one day.

    Those of a layout can not whose other dates show the order of day and month, nearly all the same one.
    """
    for name, _values, found in _dated(data, settings):
        column = data.profile.column(name)
        if found.others:
            yield _mixed_dates(column, found)
        if found.ambiguous:
            yield _ambiguous_dates(column, found)


def _dated(data: Dataset, settings: Settings[MixedDateSettings]) -> Iterator[tuple[str, Mapping[str, int], Layouts]]:
    """The columns of dates that may be written in several ways, with their values; they are read once."""
    known: dict[str, tuple[Mapping[str, int], int, Layouts]] | None = data.kept.get(_DATED)
    if known is None:
        known = data.kept[_DATED] = {}
        likely = [c.name for c in data.profile.columns if not too_few(c) and layouts.mixes(c)]
        for name, values in telling_values(data, likely).items():
            locale = layouts.language_of(values) if len(values) <= MOST_VALUES else None
            if locale and (dates := layouts.dates_in(values, locale)):
                known[name] = values, rows_of(dates), layouts.layouts_of(dates, locale)
    for name, (told, rows, found) in known.items():
        if rows >= settings.of(name).share * sum(told.values()):
            yield name, told, found


_DATED = "columns of dates"


@kind("Turned dates", dimension=Dimension.ACCURACY, settings=MixedDateSettings, recommend=map_options)
def turned_dates(data: Dataset, settings: Settings[MixedDateSettings]) -> Iterable[Finding]:
    """Dates whose day and month have changed places: 03/24/2024 where nearly all others are day/month/year.

    They are no dates in the order that nine tenths of those show which show one, and the day of the other order is
    written in it, with confidence 0.9. What else was turned with them cannot be told: 03/04/2024 is a date both ways.
    """
    for name, values, found in _dated(data, settings):
        if found.turned:
            yield mapped(data, name, found.turned, found.turned, values, TURNED_DATES, 0.9, 0.9)


def _mixed_dates(column: ColumnProfile, found: Layouts) -> Finding:
    few, total = rows_of(found.others), sum(map(rows_of, found.members.values()))
    told = [each for own in found.members.values() for each in own]
    written = layouts.rewritten(told, found.plan)
    left = sum(n for text, n, _w in found.others if text not in written)
    shown = ", ".join(f"'{own[0][0]}' {rows_of(own):,}×" for own in found.members.values())
    return Finding(
        (column.name,),
        cells_in(column.name, {text for text, _n, _w in found.others}),
        few,
        column.rows,
        f"dates are written in {len(found.members)} ways: {shown}",
        Severity.MEDIUM,
        title=f"Mixed date formats in {column.name}",
        facts={
            "ambiguous": False,
            "plan": found.plan.model_dump(exclude={"exclude", "change"}),
            "locale": found.plan.locale,
            "timed": any(written.time for _text, _n, written in told),
            "extracts": layouts.extracts(found),
            "usual": found.members[found.usual][0][0],
            "left": left,
            "as_most": layouts.keeps_most(found),
            "safe": layouts.keeps_most(found) and few <= 0.2 * total and left < few,
        },
        confidence=0.9 if few <= 0.2 * total else 0.4,
    )


def _ambiguous_dates(column: ColumnProfile, found: Layouts) -> Finding:
    ambiguous = found.ambiguous
    orders = sorted({order for _t, _n, written in ambiguous for order in written.readings})
    example, _rows, written = max(ambiguous, key=lambda each: (each[1], each[0]))
    days = " or ".join(day.isoformat() for day in sorted(written.days))
    readings = median([len(w.days) for _t, _n, w in ambiguous])
    return Finding(
        (column.name,),
        cells_in(column.name, {text for text, _n, _w in ambiguous}),
        rows_of(ambiguous),
        column.rows,
        f"'{example}' is {days}; nothing in the column says which",
        Severity.MEDIUM,
        title=f"Ambiguous dates in {column.name}",
        facts={"ambiguous": True, "orders": orders, "locale": found.plan.locale},
        confidence=round(1 - 1 / readings, 4),
    )


@remedy("Parse dates", parameters=ParsedDates)
def parse_dates(data: Dataset, issue: Issue, p: ParsedDates) -> tuple[Effect, ...]:
    """Write every date that has one reading, or one in the order the pilot names, in one format."""
    column = issue.columns[0]
    dates = layouts.dates_in(telling_values(data, [column])[column], p.locale)
    return (edited(column, layouts.rewritten(dates, p), p),)


# --- mixed times --------------------------------------------------------------------------------------------


class MixedTimeSettings(KindSettings):
    """Attributes: share: how many of a column's values must be times, 0 to 1."""

    share: float = Field(0.9, gt=0.5, le=1)


def _time_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    facts = issue.facts
    plan = facts["plan"]
    leaves = f"{facts['left']:,} whose time would not surely be the same" if facts["left"] else ""
    if facts["left"] < issue.count:
        label, why = f"write them as most are ({facts['usual']})", "each is exactly the same time in another way"
        yield Option("as-most", "write_times", label, plan, why, leaves, 0.95, bool(facts["safe"]))
    if facts["moved"]:
        label, lost = "the same, and write times of other offsets in UTC", "which time it was where it was is lost"
        yield Option("utc", "write_times", label, {**plan, "convert": True}, "they are the same moments", lost)
    if facts["filled"]:
        label, lost = "the same, and write :00 where seconds are missing", "which seconds they were is not known"
        yield Option("seconds", "write_times", label, {**plan, "fill": True}, leaves=lost)


@kind("Mixed times", dimension=Dimension.CONSISTENCY, settings=MixedTimeSettings, recommend=_time_options)
def mixed_times(data: Dataset, settings: Settings[MixedTimeSettings]) -> Iterable[Finding]:
    """Times of one column, of day or of dates in ISO 8601, that are written in several ways.

    Lengths of time look alike and are left alone: times without a date are of the day where they name its half, or
    where a fifth of them are past noon and none past midnight.
    """
    likely = [c.name for c in data.profile.columns if not too_few(c) and times.mixes(c)]
    for name, values in telling_values(data, likely).items():
        told = times.times_in(values) if len(values) <= MOST_VALUES else ()
        if told and rows_of(told) >= settings.of(name).share * sum(values.values()):
            ways = times.ways_of(told)
            if ways.others and times.of_day(ways, values):
                yield _mixed_times(data.profile.column(name), ways)


def _mixed_times(column: ColumnProfile, ways: Ways) -> Finding:
    odd, told = ways.odd, [*ways.usual, *ways.odd]
    few, rare = rows_of(odd), rows_of(odd) <= 0.2 * rows_of(told)
    written, *more = (
        times.rewritten(told, ways.plan.model_copy(update=such)) for such in ({}, {"convert": True}, {"fill": True})
    )
    left = sum(n for text, n, _timed in odd if text not in written)
    shown = ", ".join(f"'{own[0][0]}' {rows_of(own):,}×" for own in (ways.usual, *ways.others))
    return Finding(
        (column.name,),
        cells_in(column.name, {text for text, _n, _timed in odd}),
        few,
        column.rows,
        f"times are written in {1 + len(ways.others)} ways: {shown}",
        Severity.MEDIUM,
        facts={
            "plan": ways.plan.model_dump(include={"layout"}),
            "usual": ways.usual[0][0],
            "left": left,
            "moved": more[0].keys() > written.keys(),
            "filled": more[1].keys() > written.keys(),
            "safe": rare and left < few,
        },
        confidence=0.9 if rare else 0.4,
    )


@remedy("Write times", parameters=WrittenTimes)
def write_times(data: Dataset, issue: Issue, p: WrittenTimes) -> tuple[Effect, ...]:
    """Write every time of the column in one way, where it surely is the same time then."""
    column = issue.columns[0]
    told = times.times_in(telling_values(data, [column])[column])
    return (edited(column, times.rewritten(told, p), p),)


# --- wrong type ---------------------------------------------------------------------------------------------


class WrongTypeSettings(KindSettings):
    """Attributes: share: how many of a column's values must be of one type for the others to be wrong, 0 to 1."""

    share: float = Field(0.9, gt=0.5, le=1)


_TYPE_NAMES = {
    "integer": "whole number",
    "number": "number",
    "date": "date",
    "timestamp": "time",
    "boolean": "yes or no",
}


def _type_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    type_ = issue.facts["type"]
    name = _TYPE_NAMES[type_]
    yield Option("to-null", "suspects_to_null", f"to null what is no {name}")
    why = "what has one reading is written so; what has none or several stays as it is"
    yield Option("cast", "cast", f"read each as a {name}", {"type": type_}, why)
    if type_ in ("integer", "number"):
        yield Option("strip", "strip", "take out all but digits, point and sign")


@kind("Wrong type", dimension=Dimension.VALIDITY, settings=WrongTypeSettings, recommend=_type_options)
def wrong_type(data: Dataset, settings: Settings[WrongTypeSettings]) -> Iterable[Finding]:
    """Values that are no number, date or yes/no where the contract wants one, or where nearly all others are.

    Numbers with units or separators are not counted as wrong (they are `mixed_number_format`), nor are digits alone.
    Confidence: 1 − 10 × the share that is wrong; 0.9 × the share of these that are digits but for a sign, at least.
    """
    for column in data.profile.columns:
        promised = data.contract.column(column.name)
        type_ = promised.reads_as or patterns.usual_type(column, settings.of(column.name).share)
        if not type_ or type_ == "text" or not column.present_count:
            continue
        wrong = patterns.contrary(type_, promised.format) if promised.reads_as else patterns.not_like(type_)
        cells = cells_where(data, column.name, wrong)
        count = rows_where(data, column.name, cells)
        if not count or (not promised.reads_as and too_few(column)):
            continue
        said = "the contract says so" if promised.reads_as else f"the other {column.present_count - count:,} are"
        sure = 0.95 if promised.reads_as else breach(count, column.present_count)
        if sure < GARBLED_SURE and type_ in ("integer", "number"):
            garbled = rows_where(data, column.name, cells_where(data, column.name, partial(_garbled, wrong)))
            sure = max(sure, round(GARBLED_SURE * garbled / count, 4))
        yield Finding(
            (column.name,),
            cells,
            count,
            column.present_count,
            f"{some_of(count, column.present_count, 'value', 'is', 'are')} no {_TYPE_NAMES[type_]}; {said}",
            Severity.HIGH if promised.reads_as else Severity.MEDIUM,
            facts={"type": type_},
            confidence=sure,
        )


GARBLED_SURE = 0.9


def _garbled(wrong: Suspect, value: Any) -> Any:
    return wrong(value) & value.re_search(_GARBLED)


_GARBLED = r"^[-+]?(?:[0-9]+[.]?)?[oOlIxX#?*][0-9.]*$"
"""A number with one sign that is no digit, in place of one."""


class Cast(Edits):
    """How suspect values are read.

    Attributes:
        type: what they become.
        on_failure: what has no reading, or several, stays ("keep") or becomes null ("null").
        locale: the language of the values: what months are called in it, and whether decimals follow a comma.
    """

    type: Literal["integer", "number", "date", "timestamp", "boolean"]
    on_failure: Literal["keep", "null"] = "keep"
    locale: Locale = "en"


@remedy("Cast", parameters=Cast)
def cast(data: Dataset, issue: Issue, p: Cast) -> tuple[Effect, ...]:
    """Read the suspect values as another type: numbers without separators and units, dates in ISO 8601, true, false."""
    told = suspects(data, issue).select("value").distinct().order_by("value").limit(MOST_VALUES)
    read = {text: cast_text(text, p.type, p.locale) for text in told.to_pyarrow()["value"].to_pylist() if text}
    return (edited(issue.columns[0], {old: new for old, new in read.items() if new or p.on_failure == "null"}, p),)


class Strip(Parameters):
    """Attributes: characters: what is taken out, "" for all but digits, point and sign, where a number remains."""

    characters: str = ""


@remedy("Strip characters", parameters=Strip)
def strip(data: Dataset, issue: Issue, p: Strip) -> tuple[Effect, ...]:
    """Take characters out of the suspect cells."""
    found = suspects(data, issue)
    if p.characters:
        rest = found.select(ROW, before=_["value"], after=_["value"].translate(p.characters, ""))
        return (CellWrites(issue.columns[0], rest.filter(rest.after != rest.before).drop("before")),)
    rest = found.select(ROW, after=_["value"].re_replace("[^0-9.+-]", ""))
    return (CellWrites(issue.columns[0], rest.filter(rest.after.re_search(NUMBER))),)


# --- lost leading zeros --------------------------------------------------------------------------------------


class LeadingZerosSettings(KindSettings):
    """Attributes: share: how many of a column's values must have the usual number of digits, 0 to 1."""

    share: float = Field(0.8, gt=0.5, le=1)


WIDEST_CODE = 18
PADDED = 3
"""So many distinct values of the usual width that begin with a zero show that the column's values are codes."""


def _pad_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    facts = issue.facts
    why = f"{facts['twins']:,} of {plural(facts['values'], 'value')} are in the column with their zeros, too"
    label, parameters = f"write zeros before them, up to {facts['width']} digits", {"width": facts["width"]}
    yield Option("pad", "pad", label, parameters, why, confidence=issue.confidence, safe=facts["certain"])


@kind("Lost leading zeros", dimension=Dimension.VALIDITY, settings=LeadingZerosSettings, recommend=_pad_options)
def lost_leading_zeros(data: Dataset, settings: Settings[LeadingZerosSettings]) -> Iterable[Finding]:
    """Codes of digits that are shorter than the others of their column, some of which begin with zeros.

    Spreadsheets and programs take 02134 for a number; where the contract does, too, it is one. Certain where half of
    the shorter values, two at least, are in the column with their zeros, too; else a digit may be lost elsewhere.
    """
    likely = [
        c.name
        for c in data.profile.columns
        if not too_few(c)
        and c.min_length < c.max_length
        and _of_digits(c) >= 0.95 * c.present_count
        and data.contract.column(c.name).reads_as in (None, "text")
    ]
    for name, widths in _widths(data, likely).items():
        width = max(widths, key=lambda each: (widths[each]["rows"], each))
        shorter = [own for each, own in widths.items() if each < width]
        count, column = sum(own["rows"] for own in shorter), data.profile.column(name)
        usual = widths[width]["rows"] >= settings.of(name).share * sum(own["rows"] for own in widths.values())
        if not count or not usual or widths[width]["padded"] < PADDED:
            continue
        values = sum(own["distinct"] for own in shorter)
        twins = _twins(data, name, width)
        certain = twins > 1 and 2 * twins >= values
        yield Finding(
            (name,),
            cells_where(data, name, partial(_shorter, width)),
            count,
            column.present_count,
            f"{plural(count, 'value has', 'values have')} fewer digits than nearly all others ({width}), and zeros say "
            f"something here: {plural(widths[width]['padded'], 'other value begins', 'other values begin')} with one",
            Severity.MEDIUM if certain else Severity.LOW,
            facts={"width": width, "twins": twins, "values": values, "certain": certain},
            confidence=0.9 if certain else 0.4,
        )


def _of_digits(column: ColumnProfile) -> int:
    """The rows of a column that hold digits only."""
    return sum(p.rows for p in column.patterns if p.text == "9")


def _shorter(width: int, value: Any) -> Any:
    """Whether a text is digits, and fewer than so many."""
    return (value.length() < width) & value.re_search("^[0-9]+$")


def _widths(data: Dataset, columns: Sequence[str]) -> dict[str, dict[int, dict[str, int]]]:
    """Per column and number of digits: how many `rows`, `distinct` values, and of these `padded` with zeros."""
    found: dict[str, dict[int, dict[str, int]]] = {}
    if not columns:
        return found
    digits = data.domains.filter(_.column.isin(list(columns)), _.value.re_search("^[0-9]+$"))
    counted = digits.group_by("column", width=_.value.length()).agg(
        rows=_.n.sum(), distinct=_.count(), padded=_.value.startswith("0").sum()
    )
    for own in counted.filter(_.width <= WIDEST_CODE).order_by("column", "width").to_pyarrow().to_pylist():
        found.setdefault(own.pop("column"), {})[own.pop("width")] = own
    return found


def _twins(data: Dataset, name: str, width: int) -> int:
    """How many shorter values are in the column with zeros before them, too."""
    own = data.domains.filter(data.domains.column == name)
    padded = own.filter(_shorter(width, own.value)).select(value=own.value.lpad(width, "0"))
    return int(padded.semi_join(own.select("value"), "value").count().execute())


class Padded(Edits):
    """Attributes: width: how many digits a value gets; zeros are written before it."""

    width: int = Field(ge=2, le=WIDEST_CODE)


@remedy("Write leading zeros", parameters=Padded)
def pad(data: Dataset, issue: Issue, p: Padded) -> tuple[Effect, ...]:
    """Write zeros before suspect values of digits until they have so many."""
    told = suspects(data, issue).select("value").distinct().order_by("value").limit(MOST_VALUES)
    new = {text: text.zfill(p.width) for text in told.to_pyarrow()["value"].to_pylist()}
    return (edited(issue.columns[0], new, p),)


# --- codes of digits that something else was made of -------------------------------------------------------------


class BrokenCodeSettings(KindSettings):
    """Attributes: share: how many of a column's values must be digits, and as many, 0 to 1."""

    share: float = Field(0.8, gt=0.5, le=1)


SHORTEST_CODE = 6
_IN_GROUPS = r"^[0-9]+(?:[ \x{a0}'-][0-9]+)+$"
_SCIENTIFIC = r"^[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}$"


def _code_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    facts = issue.facts
    if whole := facts["whole"]:
        lost = plural(facts["lost"], "value that lost digits", "values that lost digits") if facts["lost"] else ""
        label, why = "write their digits as the others", f"all {facts['width']} digits are there"
        yield Option("digits", "map_values", label, {"values": whole}, why, lost, issue.confidence, True)
    yield Option("to-null", "suspects_to_null", "to null")
    yield Option("map", "map_values", "write codes of yours", needs=("values",))


@kind("Broken codes", dimension=Dimension.ACCURACY, settings=BrokenCodeSettings, recommend=_code_options)
def broken_codes(data: Dataset, settings: Settings[BrokenCodeSettings]) -> Iterable[Finding]:
    """Codes of digits, all equally long, of which few are in groups or in scientific notation: 4.00638E+12.

    Spreadsheets show long numbers so, and save what they show. Where all digits are there they can be read again;
    others have lost some for good, and only their source has them.
    """
    likely = [
        c.name
        for c in data.profile.columns
        if not too_few(c)
        and c.max_length > c.min_length
        and settings.of(c.name).share * c.present_count <= _of_digits(c) < c.present_count
    ]
    widths = _widths(data, likely)
    for name, counts in telling_values(data, list(widths), _otherwise_written).items():
        column, own = data.profile.column(name), widths[name]
        width = max(own, key=lambda each: (own[each]["rows"], each))
        told = {text: _digits_of(text, width, zeros=own[width]["padded"] >= PADDED) for text in counts}
        suspect = {text: digits for text, digits in told.items() if digits is not None}
        usual = own[width]["rows"] >= settings.of(name).share * column.present_count
        if width < SHORTEST_CODE or not usual or not suspect:
            continue
        whole = {text: digits for text, digits in sorted(suspect.items()) if digits}
        lost, count = sum(counts[text] for text in suspect if not suspect[text]), sum(counts[text] for text in suspect)
        yield Finding(
            (name,),
            cells_in(name, suspect),
            count,
            column.present_count,
            f"nearly all are {width} digits; {plural(count, 'other is', 'others are')} in groups or in scientific "
            f"notation{f', {lost:,} without all of their digits' if lost else ''}",
            Severity.HIGH if lost else Severity.MEDIUM,
            facts={"width": width, "whole": whole, "lost": lost},
            confidence=0.9,
        )


def _otherwise_written(text: Any) -> Any:
    return text.re_search(_IN_GROUPS) | text.re_search(_SCIENTIFIC)


def _digits_of(text: str, width: int, *, zeros: bool) -> str | None:
    """The digits of a code that is written otherwise; empty where some are lost, None where it is no such code.

    Args:
        text: digits in groups, or a number in scientific notation.
        width: how many digits a code has.
        zeros: some codes begin with zeros, which a number has not.

    >>> [_digits_of(text, 13, zeros=False) for text in ("4 006381 333931", "4.006381333931E+12", "4.00638E+12", "4e+9")]
    ['4006381333931', '4006381333931', '', None]
    """
    mantissa, exponent, power = text.casefold().partition("e")
    digits = "".join(sign for sign in mantissa if sign.isdigit())
    if not exponent:
        return digits if len(digits) == width else None
    size = int(power) + 1
    if size > width or (size < width and not zeros):
        return None
    return digits.zfill(width) if len(digits) == size else ""


# --- pattern violation --------------------------------------------------------------------------------------


class PatternSettings(KindSettings):
    """When a pattern is unusual.

    Attributes:
        share: how many of a column's values the usual patterns must cover, 0 to 1.
        usual: a pattern that so many of the values have is usual, 0 to 1.
        most_usual: a column with more usual patterns than this has no way of writing.
    """

    share: float = Field(0.95, gt=0.5, le=1)
    usual: float = Field(0.02, gt=0, lt=0.5)
    most_usual: int = Field(4, ge=1)


class Extract(Parameters):
    """Attributes: pattern: a regular expression (RE2); what it finds in a suspect value is kept."""

    pattern: str = Field(min_length=1)


def _pattern_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    yield Option("to-null", "suspects_to_null", "to null")
    if usual := issue.facts.get("usual"):
        why = "the same digits and letters, with the usual signs between them"
        yield Option("normalise", "normalise", "write them in the usual way", {"usual": usual}, why)
    if known := issue.facts.get("expression"):
        yield Option("extract", "extract", "keep only the part that is written as usual", {"pattern": known})
    else:
        yield Option("extract", "extract", "keep what a regular expression of yours finds", needs=("pattern",))


@kind("Pattern violation", dimension=Dimension.VALIDITY, settings=PatternSettings, recommend=_pattern_options)
def pattern_violation(data: Dataset, settings: Settings[PatternSettings]) -> Iterable[Finding]:
    """Values written unlike nearly all others of their column, or against the contract's pattern.

    Where digits are usual, any rare pattern is suspect; where only letters are, a digit within a word, or that a sign
    such as @ or /, which all others have, is not there.
    """
    for column in data.profile.columns:
        own = settings.of(column.name)
        if promised := data.contract.column(column.name).pattern:
            yield from _unlike(data, column, patterns.against(promised), (), promised=True)
        elif not too_few(column) and (
            usual := patterns.usual_patterns(column, covering=own.share, least=own.usual, most=own.most_usual)
        ):
            suspect = patterns.unusual(patterns.with_spaces(column, usual), _other_signs(data, column).pairs)
            yield from _unlike(data, column, suspect, usual, promised=False)


def _unlike(
    data: Dataset, column: ColumnProfile, suspect: Suspect, usual: Sequence[Pattern], *, promised: bool
) -> Iterator[Finding]:
    cells = cells_where(data, column.name, suspect)
    count = rows_where(data, column.name, cells)
    if not count:
        return
    shown = ", ".join(f"'{p.text}' {p.rows:,}×" for p in usual)
    why = (
        "the contract's pattern does not match"
        if promised
        else f"nearly all are written {shown} (9: digits, a: letters)"
    )
    yield Finding(
        (column.name,),
        cells,
        count,
        column.present_count,
        why,
        Severity.HIGH if promised else Severity.LOW,
        facts=_usual_facts(usual),
        confidence=0.95 if promised else round(patterns.trust(usual) * breach(count, column.present_count), 4),
    )


def _usual_facts(usual: Sequence[Pattern]) -> dict[str, Any]:
    facts: dict[str, Any] = {"usual": [p.text for p in usual]} if usual else {}
    if len(usual) == 1 and "9" in usual[0].text:
        facts["expression"] = patterns.expression(usual[0].text)
    return facts


class Normalised(Edits):
    """Attributes: usual: the patterns that values may get, the first that fits; 9 stands for digits, a for letters."""

    usual: tuple[str, ...] = Field(min_length=1)


@remedy("Write in the usual pattern", parameters=Normalised)
def normalise(data: Dataset, issue: Issue, p: Normalised) -> tuple[Effect, ...]:
    """Write suspect values with the signs that usual ones have between the same runs of digits and letters."""
    told = suspects(data, issue).select("value").distinct().order_by("value").limit(MOST_VALUES)
    values = [text for text in told.to_pyarrow()["value"].to_pylist() if text]
    new = {text: found for text in values if (found := patterns.written_like(text, p.usual)) is not None}
    return (edited(issue.columns[0], new, p),)


@remedy("Keep what a pattern finds", parameters=Extract)
def extract(data: Dataset, issue: Issue, p: Extract) -> tuple[Effect, ...]:
    """Keep of each suspect cell the part that the pattern finds, where it finds one."""
    found = suspects(data, issue).select(ROW, before=_["value"], after=_["value"].re_extract(p.pattern, 0))
    return (CellWrites(issue.columns[0], found.filter(found.after != "", found.after != found.before).drop("before")),)


# --- unusual signs ------------------------------------------------------------------------------------------

SIGNS = (
    "value has the digits and letters of a usual one with other signs between them",
    "values have the digits and letters of usual ones with other signs between them",
)


@kind("Unusual signs", dimension=Dimension.CONSISTENCY, recommend=map_options)
def unusual_signs(data: Dataset, settings: Settings[KindSettings]) -> Iterable[Finding]:  # noqa: ARG001
    """Values as 555.0142 or 5550142 amid 555-0142: in a pattern that is twenty times more frequent with other signs.

    Certain are those that have a usual number of digits and letters in each part then; of addresses of letters only,
    those with a space too many, a doubled sign or a comma for a point; and where values repeat themselves, of these
    those that the column has as usual, too. None is that stands in brackets as a whole where others do: a year that is
    inferred. Confidence: the share of certain cells.
    """
    for column in data.profile.columns:
        if too_few(column) or not (found := _other_signs(data, column)).pairs:
            continue
        cells = sum(found.counts[old] for old in found.pairs)
        sure = round(0.9 * sum(found.counts[old] for old in found.certain) / cells, 4)
        yield mapped(data, column.name, found.pairs, found.certain, found.counts, SIGNS, sure, 0.9)


ON_PURPOSE = 3
"""Values in brackets from which on they are put there on purpose."""


class _OtherSigns(NamedTuple):
    """Values in other signs, as usual ones are written; those that are certain; and how many rows hold each."""

    pairs: Mapping[str, str]
    certain: Mapping[str, str]
    counts: Mapping[str, int]


def _other_signs(data: Dataset, column: ColumnProfile) -> _OtherSigns:
    """What two kinds ask of a column, found once."""
    key = f"other signs: {column.name}"
    if key not in data.kept:
        data.kept[key] = _signed_otherwise(data, column)
    found: _OtherSigns = data.kept[key]
    return found


def _signed_otherwise(data: Dataset, column: ColumnProfile) -> _OtherSigns:
    usual = patterns.other_signs(column)
    if usual_type(column, 0.9) is not None or (layouts.mixes(column) and layouts.holds_dates(column)):
        usual = {odd: own for odd, own in usual.items() if own == "9"}
    if not usual:
        return _OtherSigns({}, {}, {})
    counts = telling_values(data, [column.name], lambda text: pattern(text).isin(sorted(usual)))[column.name]
    shapes = patterns.usual_shapes(column, set(usual.values()))
    pairs = patterns.with_usual_signs(counts, usual, shapes)
    certain = {old: new for old, new in pairs.items() if patterns.fits(new, usual.values(), shapes)}
    bracketed = [old for old in certain if patterns.is_bracketed(old)]
    if sum(counts[old] for old in bracketed) >= ON_PURPOSE:
        certain = {old: new for old, new in certain.items() if old not in bracketed}
    if certain and 2 * column.distinct_count <= column.present_count:
        there = telling_values(data, [column.name], lambda text: text.isin(sorted(certain.values())))[column.name]
        certain = {old: new for old, new in certain.items() if new in there}
    return _OtherSigns(pairs, certain, counts)


# --- broken e-mail addresses --------------------------------------------------------------------------------


class BrokenAddressSettings(KindSettings):
    """Attributes: share: how many of a column's values must have an @ for it to be one of addresses, 0 to 1."""

    share: float = Field(0.9, gt=0.5, le=1)


@kind(
    "Broken e-mail addresses",
    dimension=Dimension.VALIDITY,
    settings=BrokenAddressSettings,
    recommend=map_options,
)
def broken_address(data: Dataset, settings: Settings[BrokenAddressSettings]) -> Iterable[Finding]:
    """E-mail addresses to which no mail would come, but for what was meant: "ann (at) example.org", "ann@gmial.com".

    What stands around an address, an @ or a dot in words, a comma for a dot are written as they are read. A domain is
    a slip of one that is far more frequent in the column, of which it differs in one letter, not in the first.
    """
    likely = [
        c.name
        for c in data.profile.columns
        if not too_few(c) and _with_at(c) >= settings.of(c.name).share * c.present_count
    ]
    whole = f"^{addresses.EMAIL}$"
    for name, odd in telling_values(data, likely, lambda text: ~text.re_search(whole)).items():
        pairs = {text: new for text in odd if (new := addresses.mended(text))}
        counts = {text: odd[text] for text in pairs}
        if slips := addresses.slips(_mail_domains(data, name)):
            told = telling_values(data, [name], lambda text: _mail_domain(text).isin(sorted(slips)))[name]
            counts |= told
            pairs |= {text: text[: text.index("@") + 1] + slips[text.partition("@")[2].lower()] for text in told}
        if pairs:
            yield mapped(data, name, pairs, pairs, counts, _BROKEN, 0.95, 0.95)


def _with_at(column: ColumnProfile) -> int:
    return sum(p.rows for p in column.patterns if "@" in p.text)


_BROKEN = ("address is broken", "addresses are broken")


def _mail_domain(text: Any) -> Any:
    return text.re_extract(f"^{addresses.EMAIL}$", 0).re_extract("@(.*)$", 1).lower()


def _mail_domains(data: Dataset, name: str) -> dict[str, int]:
    """The domains of a column's addresses, with their rows."""
    own = data.domains.filter(data.domains.column == name)
    told = own.group_by(domain=_mail_domain(own.value)).agg(n=own.n.sum()).order_by("domain").to_pyarrow()
    return {domain: n for domain, n in zip(*(told[c].to_pylist() for c in ("domain", "n")), strict=True) if domain}


# --- spaces, case and escapes -------------------------------------------------------------------------------


def _tidy_options(data: Dataset, issue: Issue) -> Iterator[Option]:
    facts = issue.facts
    edges, inner, entities = (bool(facts[name]) for name in ("edges", "inner", "entities"))
    odd, tags = (0 < facts[name] <= RARELY * data.profile.rows for name in ("odd", "tags"))
    long = f"{plural(facts['long'], 'cell')} of more than {LONGEST:,} characters" if facts["long"] else ""
    if edges or entities or odd or tags:
        label = _both(
            "take the spaces around values off" if edges else "",
            "unescape" if entities else "",
            "write plain spaces" if odd else "",
            "take HTML tags off" if tags else "",
        )
        leaves = _both("several spaces within a value" if inner else "", long)
        chosen = {"trim": edges, "unescape": entities, "plain": odd, "untag": tags}
        safe = facts["long"] < issue.count
        yield Option("tidy", "tidy", label, chosen, "nothing readable changes", leaves, 0.99, safe)
    if inner:
        collapsed = {"collapse": True, "unescape": entities, "plain": odd, "untag": tags}
        yield Option("collapse", "tidy", "and one space for several", collapsed, leaves=long)
    if data.profile.column(issue.columns[0]).distinct_count > MOST_CASED:
        return
    yield Option("lower", "tidy", "trim, and write all in lower case", {"case": "lower"}, leaves=long)
    yield Option("upper", "tidy", "trim, and write all in upper case", {"case": "upper"}, leaves=long)
    yield Option("title", "tidy", "trim, and begin each word with a capital", {"case": "title"}, leaves=long)


def _both(*said: str) -> str:
    return " and ".join(filter(None, said))


@kind("Spaces and escapes", dimension=Dimension.CONSISTENCY, recommend=_tidy_options)
def untidy_text(data: Dataset, settings: Settings[KindSettings]) -> Iterable[Finding]:  # noqa: ARG001
    """Values with spaces that are too many or not plain, characters that nobody sees, HTML entities or tags.

    Nothing is wrong with what such a value says, so the confidence is 0: it is untidy, not untrue. Spaces that do not
    break and tags of a column that has many are its own.
    """
    found = tidying.untidy_rows(data)
    told = {
        "edges": "spaces around them",
        "inner": "several spaces in a row",
        "entities": "HTML entities",
        "odd": "spaces that are not plain, or characters that nobody sees",
        "tags": "HTML tags",
    }
    for column in data.profile.columns:
        if counts := found.get(column.name):
            yield Finding(
                (column.name,),
                cells_where(data, column.name, lambda text: ~is_missing(text) & tidying.is_untidy(text)),
                counts["rows"],
                column.rows,
                ", ".join(f"{counts[name]:,} have {blemish}" for name, blemish in told.items() if counts[name]),
                Severity.LOW,
                facts={name: n for name, n in counts.items() if name != "rows"},
            )


@remedy("Tidy text", parameters=Tidy)
def tidy(data: Dataset, issue: Issue, p: Tidy) -> tuple[Effect, ...]:
    """Trim, collapse, unescape or change the case of the column's values."""
    column = issue.columns[0]
    return (edited(column, tidying.rewritten(data, column, p), p),)


# --- encoding damage ----------------------------------------------------------------------------------------


def _damage_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    if values := issue.facts["redecoded"]:
        why = "the wrong decoding can be undone exactly"
        left = issue.count - issue.facts["mended"]
        leaves = f"{plural(left, 'cell whose', 'cells whose')} letters are lost" if left else ""
        yield Option("redecode", "map_values", "decode them again", {"values": values}, why, leaves, 0.98, True)
    label = "decode them again, from encodings of yours"
    yield Option("redecode-as", "redecode", label, needs=("read_as", "written_in"))
    yield Option("map", "map_values", "write values of yours", needs=("values",))


@kind("Encoding damage", dimension=Dimension.ACCURACY, recommend=_damage_options)
def encoding_damage(data: Dataset, settings: Settings[KindSettings]) -> Iterable[Finding]:  # noqa: ARG001
    """Letters that were lost or read in the wrong encoding: a replacement character, "Ã©" for "é"."""
    found = damaged_values(data)
    for column in data.profile.columns:
        if damaged := found.get(column.name):
            mended = {text: back for text in damaged if (back := redecoded(text))}
            count = sum(damaged.values())
            yield Finding(
                (column.name,),
                cells_in(column.name, damaged),
                count,
                column.rows,
                f"{plural(count, 'value holds', 'values hold')} letters that were damaged on their way",
                Severity.MEDIUM,
                facts={"redecoded": mended, "mended": sum(damaged[text] for text in mended)},
                confidence=0.95,
            )


Encoding: TypeAlias = Literal[
    "utf-8", "latin-1", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257", "iso8859-2", "iso8859-5",
    "iso8859-7", "iso8859-9", "iso8859-15", "mac-roman", "cp437", "cp850", "cp866", "koi8-r", "shift_jis", "euc_jp",
    "euc_kr", "gb18030", "big5",
]  # fmt: skip


class Redecoded(Edits):
    """What was confused.

    Attributes:
        read_as: the encoding in which the letters were read.
        written_in: the one in which they had been written.
    """

    read_as: Encoding
    written_in: Encoding


@remedy("Decode again", parameters=Redecoded)
def redecode(data: Dataset, issue: Issue, p: Redecoded) -> tuple[Effect, ...]:
    """Turn suspect letters back into the bytes that they were read from, and read these as they had been written."""
    told = suspects(data, issue).select("value").distinct().order_by("value").limit(MOST_VALUES)
    texts = [text for text in told.to_pyarrow()["value"].to_pylist() if text]
    new = {text: back for text in texts if (back := read_again(text, p.read_as, p.written_in))}
    return (edited(issue.columns[0], new, p),)


# --- values in each other's place -----------------------------------------------------------------------------


class SwappedSettings(KindSettings):
    """Attributes: times: how many times more frequent a value must be in the column that it belongs to."""

    times: int = Field(4, ge=2)


def _swap_options(data: Dataset, issue: Issue) -> Iterator[Option]:
    a, b = issue.columns
    why = "each value is at home in the other column and a stranger in its own, " + plural(
        issue.count // 2, "time at once", "times at once"
    )
    # once, amid values of one sort, it may be a way back, a reversal, or somebody with two first names
    sure = issue.count // 2 > 1 or _is_digited(data.profile.column(a)) != _is_digited(data.profile.column(b))
    yield Option("swap", "swap_back", f"give {a} and {b} back their values", {}, why, "", issue.confidence, sure)


def _is_digited(column: ColumnProfile) -> bool:
    """Whether most of a column's values have digits."""
    return 2 * sum(p.rows for p in column.patterns if "9" in p.text) > column.present_count


@kind(
    "Values in each other's place",
    dimension=Dimension.ACCURACY,
    settings=SwappedSettings,
    recommend=_swap_options,
)
def swapped_values(data: Dataset, settings: Settings[SwappedSettings]) -> Iterable[Finding]:
    """Two cells of a row that hold values of each other's column, and of no other row's in their own.

    Both must be strangers where they stand and at home where they don't, so the confidence is 0.95. In one row alone,
    of columns without digits, it may be meant so, as a way back; then nothing is recommended.
    """
    found = misplaced.strangers(data, settings.default.times)
    for (a, b), values in found.items():
        others = found.get((b, a))
        if a < b and others:
            table = only(data.table, (ROW, a, b))
            cells = cells_of(table.filter(table[a].isin(values), table[b].isin(others)), (a, b))
            if count := int(cells.count().to_pyarrow().as_py()):
                why = f"in {plural(count // 2, 'row')} {a} holds a value of {b}, and {b} one of {a}"
                yield Finding((a, b), cells, count, 2 * data.profile.rows, why, Severity.MEDIUM, confidence=0.95)


@remedy("Swap back")
def swap_back(data: Dataset, issue: Issue, p: Parameters) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Give the two cells of each suspect row each other's value."""
    a, b = issue.columns
    table = only(data.table, (ROW, a, b)).semi_join(suspects(data, issue), ROW)
    return (CellWrites(a, table.select(ROW, after=table[b])), CellWrites(b, table.select(ROW, after=table[a])))


# --- value spilled into a neighbour ---------------------------------------------------------------------------


class SpilledSettings(KindSettings):
    """Attributes: share: of the rows where one column is empty, how many must have its value at the other's end."""

    share: float = Field(0.5, gt=0, le=1)


class Split(Parameters):
    """Attributes: source: where both values stand; target: the column that the last words belong to."""

    source: str
    target: str
    words: int = Field(1, ge=1, le=4)


def _spill_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    facts = issue.facts
    words = facts["words"]
    label = f"move the last {'word' if words == 1 else f'{words} words'} to {facts['target']}"
    parameters = {name: facts[name] for name in ("source", "target", "words")}
    why = f"{facts['known']:,} of {issue.count // 2:,} leave a value that {facts['source']} has elsewhere"
    yield Option("split", "split", label, parameters, why, "", facts["sure"], bool(facts["safe"]))


@kind(
    "Value spilled into a neighbour",
    dimension=Dimension.CONSISTENCY,
    settings=SpilledSettings,
    recommend=_spill_options,
)
def spilled_value(data: Dataset, settings: Settings[SpilledSettings]) -> Iterable[Finding]:
    """An empty cell whose value stands at the end of another column's cell in the same row ("Portland OR").

    Confidence: the share of the empty cells for which that is so.
    """
    texts = [c for c in data.profile.columns if c.kind == "text" and c.present_count]
    targets = [c.name for c in data.profile.columns if misplaced.may_have_spilled(c)]
    for name, values in telling_values(data, targets).items():
        sources = [c for c in texts if c.name != name]
        if values and sources:
            target = data.profile.column(name)
            if found := misplaced.spill(data, target, sources, values, settings.of(name).share):
                yield _spilled(target, found)


def _spilled(target: ColumnProfile, found: Spill) -> Finding:
    rows, gaps = found.rows, target.missing_count
    return Finding(
        (found.source, found.target),
        found.cells,
        2 * rows,
        2 * target.rows,
        f"{some_of(rows, gaps, 'gap', 'has', 'have')} the value of {found.target} at the end of {found.source}",
        Severity.MEDIUM,
        facts={
            "source": found.source,
            "target": found.target,
            "words": found.words,
            "known": found.known,
            "sure": round(found.share, 4),
            "safe": found.share >= 0.8,  # noqa: PLR2004  (not by chance)
        },
        confidence=round(found.share, 4),
    )


@remedy("Split a value", parameters=Split)
def split(data: Dataset, issue: Issue, p: Split) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Move the last words of one column into the empty cell of another, where they are one of its values."""
    known = telling_values(data, [p.target])[p.target]
    rows = misplaced.spilled(data, p.source, p.target, known, p.words)
    return (
        CellWrites(p.source, rows.select(ROW, after=misplaced.head(rows[p.source], p.words))),
        CellWrites(p.target, rows.select(ROW, after=misplaced.tail(rows[p.source], p.words))),
    )
