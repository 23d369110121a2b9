"""How a column's dates are written: its layouts, what they show of the order of day and month, and one for all."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from pydantic import field_validator, model_validator

from tasks.quality.clocks import check_zone, in_utc
from tasks.quality.dates import (
    EITHER,
    Order,
    Written,
    dated,
    month_word,
    read_date,
    read_serial,
    shown_orders,
    time_layout,
    written_as,
)
from tasks.quality.model import ColumnProfile
from tasks.quality.months import Locale, language
from tasks.quality.universal import Edits
from tasks.quality.values import rows_of

SHOWING = 10
"""So many dates that can be read in one order only show the order of day and month, if none contradicts."""

TURNED = 0.1
"""Of the dates that can be read in one order only, so many may be in the other one, turned by somebody's program."""

SETTLED = 0.2
"""Share of a column's dates that must show where two-digit years stand before it holds for the others."""

SERIALS = 0.1
"""So many numbers for each date may be a spreadsheet's days."""

ISO = "0000-0-0"
"""How layouts of dates in ISO 8601 begin."""

Told: TypeAlias = Sequence[tuple[str, int, Written]]
"""Values, their rows, and the dates that they may be."""


class ParsedDates(Edits):
    """How dates are written anew.

    Attributes:
        layout: "iso" (2026-01-31), or the layout that most have, e.g. "0/0/0" or "0 aa 0" (`tasks.quality.dates`);
            with a time, e.g. "0/0/0 0:0", dates whose time is written in another way stay as they are.
        write_order: the order in which day, month and year are written.
        order: how dates that can be read in several ways are meant; null leaves them as they are.
        padded: days and months have two digits.
        short_year: years have two digits.
        locale: in which language months are named, where the data and the layout name them.
        timezone: where dates have a time: the IANA time zone of those that name none ("Europe/Berlin"); all are then
            written as moments in UTC (2026-01-31T13:00:00Z), but for times that a change of clocks leaves open.
    """

    layout: str = "iso"
    write_order: Order = "ymd"
    order: Order | None = None
    padded: bool = True
    short_year: bool = False
    locale: Locale = "en"
    timezone: str = ""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return zone and check_zone(zone)

    @model_validator(mode="after")
    def _moments_are_iso(self) -> ParsedDates:
        if self.timezone and self.layout != "iso":
            raise ValueError(f"moments of a time zone are written in ISO 8601: leave layout '{self.layout}' out")
        return self


_DATE_PATTERN = re.compile(
    r"^9[-/. ]9[-/. ]9(?:$|[T ,])|^9(?:a)?[-/., ]+(?:a )?a\.?[-/., ]+(?:a )?9|^a\.?[-/ ]+9(?:a)?(?:,? +|[-/])9|^9$"
)


def mixes(column: ColumnProfile) -> bool:
    """Whether most patterns of a column may be dates, and not all of them in ISO 8601."""
    dated = [p for p in column.patterns if _DATE_PATTERN.match(p.text)]
    several = any(p.text != "9" for p in dated) and sum(p.rows for p in dated) > column.present_count / 2
    return several and column.kind != "date"


def holds_dates(column: ColumnProfile) -> bool:
    """Whether some of a column's most frequent values can be read as dates; AB-2024-00123 cannot."""
    often = dict(column.top)
    return bool(dates_in(often, language_of(often)))


def dates_in(values: Mapping[str, int], locale: Locale = "en") -> Told:
    """The values that may be dates; of a few numbers amid days those that a spreadsheet writes for days among them."""
    told = [(text, n, written) for text, n in values.items() if (written := read_date(text, locale))]
    days = [day for _text, _n, written in told for day in written.days if len(written.days) == 1]
    if not days or any(written.time for _text, _n, written in told):
        return told
    first, last = min(days), max(days)
    serials = [(text, n, written) for text, n in values.items() if (written := read_serial(text, first, last))]
    return [*told, *serials] if rows_of(serials) <= SERIALS * rows_of(told) else told


def language_of(values: Mapping[str, int]) -> Locale:
    """The language in which the values name months; English where they name none."""
    words: dict[str, int] = {}
    for text, n in values.items():
        if word := month_word(text):
            words[word] = words.get(word, 0) + n
    return language(words.items())


@dataclass(frozen=True)
class Layouts:
    """How a column's dates are written.

    Attributes:
        members: the dates of each layout.
        usual: the layout that most have.
        others: the dates of all other layouts.
        ambiguous: the dates that may be several days, as nothing shows the order of their day and month.
        turned: dates that are none in the order that nearly all others of their layout show, and the same in it.
        plan: how all would be written as most are.
    """

    members: Mapping[str, Told]
    usual: str
    others: Told
    ambiguous: Told
    turned: Mapping[str, str]
    plan: ParsedDates


def layouts_of(told: Told, locale: Locale = "en") -> Layouts:
    """The layouts of some dates, one at least."""
    members = _by_layout(told)
    shown = {layout: _settled(own) for layout, own in members.items()}
    usual = min(members, key=lambda layout: (-rows_of(members[layout]), layout))
    likely = {layout: replace(settled, order=settled.order or settled.most) for layout, settled in shown.items()}
    return Layouts(
        members,
        usual,
        [each for layout, own in members.items() if layout != usual for each in own],
        [each for layout, own in members.items() for each in _undecided(own, likely[layout])],
        {old: new for layout, own in members.items() for old, new in _turned(own, shown[layout], locale)},
        _plan_for(usual, shown[usual].order, members[usual]).model_copy(update={"locale": locale}),
    )


def _by_layout(told: Told) -> Mapping[str, Told]:
    """The dates by their layout; "May" is a short or a full name like the other months of its column.

    Where most years have four digits, they say of which century those of two are.
    """
    layouts: dict[str, list[tuple[str, int, Written]]] = {}
    for each in told:
        layouts.setdefault(each[2].layout, []).append(each)
    for layout in [name for name in layouts if EITHER in name]:
        full, short = layout.replace(EITHER, "aa"), layout.replace(EITHER, "a")
        like = short if len(layouts.get(short, ())) > len(layouts.get(full, ())) else full
        moved = [(text, n, replace(written, layout=like)) for text, n, written in layouts.pop(layout)]
        layouts.setdefault(like, []).extend(moved)
    long = [each for each in told if not each[2].short_year]
    if 2 * rows_of(long) <= rows_of(told):
        return layouts
    years = [day.year for _text, _n, written in long for day in written.days]
    span = range(min(years), max(years) + 1)
    return {layout: [(text, n, _within(written, span)) for text, n, written in own] for layout, own in layouts.items()}


def _within(written: Written, span: range) -> Written:
    """A date with a two-digit year in the one century in which it is in a span of years; in no order without one."""
    if not written.short_year:
        return written
    readings = {}
    for order, day in written.readings.items():
        centuries = [year for year in range(day.year % 100, span.stop, 100) if year in span]
        if len(centuries) == 1 and (found := dated(centuries[0], day.month, day.day)):
            readings[order] = found
    return replace(written, readings=readings)


@dataclass(frozen=True)
class _Settled:
    """What a layout's dates show together: the order of day and month, and that the year comes last.

    Attributes:
        order: that all show which show one.
        most: that nearly all show, where some show another one.
    """

    order: Order | None
    year_last: bool
    most: Order | None = None


def _settled(members: Told) -> _Settled:
    """Ten dates or more that can be read in one order only settle it, if none contradicts.

    Where a two-digit year stands is settled when a fifth of the dates show it: fewer may have come from elsewhere.
    """
    total = rows_of(members)
    shown = shown_orders((written, n) for _t, n, written in members)
    last = sum(n for _t, n, written in members if "ymd" not in written.readings)
    most, often = min(shown.items(), key=lambda each: (-each[1], each[0]), default=(None, 0))
    rows = shown.total()
    nearly = often >= SHOWING and rows - often <= TURNED * rows
    return _Settled(
        most if often == rows >= min(SHOWING, SETTLED * total) else None,
        last >= SETTLED * total,
        most if often < rows and nearly else None,
    )


def _turned(members: Told, shown: _Settled, locale: Locale) -> Iterator[tuple[str, str]]:
    """The dates that are none in the order that nearly all show, and the same day written in it."""
    if shown.most is None:
        return
    padded = _are_padded([each for each in members if shown.most in each[2].readings])
    for text, _n, written in members:
        if len(written.readings) == 1 and shown.most not in written.readings:
            (day,) = written.readings.values()
            layout = written.layout.removesuffix(time_layout(written.layout))
            new = written_as(day, layout, shown.most, padded=padded, short_year=written.short_year, locale=locale)
            kept = text.strip()
            yield text, new + kept[len(kept) - len(written.time) - 1 :] if written.time else new


def _undecided(members: Told, shown: _Settled) -> Told:
    """The dates that may still be several days."""
    return [each for each in members if len(_possible(each[2], shown)) > 1]


def _possible(written: Written, shown: _Settled) -> Mapping[Order, dt.date]:
    """The readings that remain, one for each day."""
    remain = {
        order: day
        for order, day in written.readings.items()
        if len(written.readings) == 1
        or (order == "ymd" and not shown.year_last)
        or (order != "ymd" and shown.order in (None, order))
    }
    return {order: day for order, day in remain.items() if day not in [d for o, d in remain.items() if o < order]}


def _plan_for(usual: str, order: Order | None, members: Told) -> ParsedDates:
    """How all dates would be written as most are; ISO where most are or where nothing settles the usual layout."""
    if order is None or usual == "00000000" or usual.startswith(ISO):
        return ParsedDates()
    padded, short = _are_padded(members), members[0][2].short_year
    return ParsedDates(layout=usual, write_order=order, padded=padded, short_year=short)


def _are_padded(members: Told) -> bool:
    """Whether no day and month has a digit only."""
    dates = (text[: len(text) - len(written.time)] for text, _n, written in members)
    return not any(re.search(r"(?<![0-9])[0-9](?![0-9])", text) for text in dates)


def rewritten(told: Told, plan: ParsedDates) -> dict[str, str]:
    """The dates of other layouts that have one reading, or one in the plan's order, and how the plan writes them."""
    pairs = {}
    for layout, members in _by_layout(told).items():
        shown = _settled(members)
        for text, _n, written in members if layout != plan.layout else ():
            if not (day := _day(written, shown, plan.order)) or not _told_alike(written, plan):
                continue
            new = _date_text(day, written, plan)
            if new and (plan.timezone or plan.layout != "iso" or not text.strip().startswith(day.isoformat())):
                pairs[text] = new
    return pairs


def extracts(found: Layouts) -> str:
    """A regular expression of the usual layout, when some of the others hold it within themselves; "" otherwise."""
    pieces = re.findall("0+|a+|[^0a]+", found.usual)
    signs = {"0": "[0-9]+", "a": r"\p{L}+"}
    expression = "".join(signs.get(piece[0], re.escape(piece)) for piece in pieces)
    known = re.compile(expression.replace(r"\p{L}", r"[^\W\d_]"))
    within = any((part := known.search(text)) and part[0] != text.strip() for text, _n, _w in found.others)
    return expression if within else ""


def keeps_most(found: Layouts) -> bool:
    """Whether the plan writes dates as most are, and leaves these alone."""
    return found.plan.layout == found.usual or (found.plan.layout == "iso" and found.usual.startswith(ISO))


def _told_alike(written: Written, plan: ParsedDates) -> bool:
    """Whether a date's time is written as the plan has it; without a plan for times it stays as it is."""
    wanted = time_layout(plan.layout)
    return not wanted or time_layout(written.layout)[1:] == wanted[1:]


def _day(written: Written, shown: _Settled, order: Order | None) -> dt.date | None:
    possible = _possible(written, shown)
    if len(possible) == 1:
        return next(iter(possible.values()))
    return written.readings.get(order) if order else None


def _date_text(day: dt.date, written: Written, plan: ParsedDates) -> str | None:
    if plan.timezone and written.time:
        return in_utc(day, written.time, plan.timezone)
    time = time_layout(plan.layout)
    layout = plan.layout.removesuffix(time)
    text = (
        day.isoformat()
        if plan.layout == "iso"
        else written_as(
            day, layout, plan.write_order, padded=plan.padded, short_year=plan.short_year, locale=plan.locale
        )
    )
    return f"{text}{time[:1] or ' '}{written.time}" if written.time else text
