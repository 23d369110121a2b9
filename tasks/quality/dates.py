"""Dates as people write them, and how many days one text may mean.

A text is read in every way in which it makes a date: "03/04/24" is three of them. Which one was meant is never
guessed from the text; a column's other values may tell the order of day and month, else the pilot does.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, TypeAlias

from tasks.quality.months import Locale, month_names, months
from tasks.quality.words import unaccented, unquoted

Order: TypeAlias = Literal["ymd", "dmy", "mdy", "ydm"]

LONGEST = 40
_TIME = (
    r"(?:(?P<gap>[T ,]+)(?P<time>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
    r"\s?(?:[AaPp]\.?[Mm]\.?)?\s?(?:Z|[+-][0-9]{2}:?[0-9]{2})?))?$"
)
_YEAR = r"(?P<y>[0-9]{4}|[0-9]{2})"
_NUMERIC = re.compile(r"^(?P<a>[0-9]{1,4})(?P<sep>[-/. ])(?P<b>[0-9]{1,2})(?P=sep)(?P<c>[0-9]{1,4})" + _TIME)
_DAY_FIRST = re.compile(
    r"^(?P<d>[0-9]{1,2})(?:st|nd|rd|th)?(?P<sep>[-/. ]+(?:de )?)(?P<m>[^\W\d_]{3,10})\.?(?P<sep2>[-/., ]+(?:de )?)"
    + _YEAR
    + _TIME
)
_MONTH_FIRST = re.compile(
    r"^(?P<m>[^\W\d_]{3,9})\.?(?P<sep>[-/ ]+)(?P<d>[0-9]{1,2})(?:st|nd|rd|th)?(?P<sep2>,? +|[-/])" + _YEAR + _TIME
)
_COMPACT = re.compile(r"^(?P<y>(?:19|20)[0-9]{2})(?P<m>[01][0-9])(?P<d>[0-3][0-9])$")

_SERIAL = re.compile("^[1-9][0-9]{4}$")
SERIAL_ZERO = dt.date(1899, 12, 30)
"""The day before the first that spreadsheets count from, as they believe in a 29th of February 1900."""

EITHER = "x"
"""In layouts: a month whose short name is its full one, such as May; no time of day has this letter."""

PIVOT = 69
"""Two-digit years up to 68 are of this century (POSIX `strptime`)."""


@dataclass(frozen=True)
class Written:
    """One text that can be read as a date.

    Attributes:
        layout: how it is written, apart from the order of its numbers: "0-0-0", "0 a 0", with "T" for a time, and with
            "00" at its end where the year has two digits.
        readings: each possible order of day, month and year, with the day that it gives.
        time: the time of day as it is written, "" without one.
        short_year: the year has two digits.
    """

    layout: str
    readings: Mapping[Order, dt.date]
    time: str = ""
    short_year: bool = False

    @property
    def days(self) -> frozenset[dt.date]:
        """The different days that it may mean."""
        return frozenset(self.readings.values())


@cache
def dated(year: int, month: int, day: int) -> dt.date | None:
    """The day, None where there is no such day."""
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def read_date(text: str, locale: Locale = "en") -> Written | None:
    """A text as the dates it may mean, with months called as in a language; None when it means none.

    >>> sorted(read_date("03/04/24").readings), sorted(read_date("2024-03-04").readings)
    (['dmy', 'mdy', 'ymd'], ['ymd'])
    >>> read_date("13.02.2024").days
    frozenset({datetime.date(2024, 2, 13)})
    >>> read_date("5 de março de 2024", "pt").days
    frozenset({datetime.date(2024, 3, 5)})
    >>> read_date('"2024-03-04"').layout, read_date("'2024-03-04").layout
    ('"0000-0-0"', "'0000-0-0")
    """
    whole = text.strip()
    inner = unquoted(whole)
    found = _read(inner, locale)
    if found is None or inner == whole:
        return found
    before, _inner, behind = whole.partition(inner)
    return replace(found, layout=f"{before}{found.layout}{behind}")


def _read(text: str, locale: Locale) -> Written | None:
    if not 6 <= len(text) <= LONGEST:  # noqa: PLR2004  (1/1/24 is the shortest)
        return None
    if found := _NUMERIC.match(text):
        return _numeric(found)
    if found := _DAY_FIRST.match(text) or _MONTH_FIRST.match(text):
        return _named(found, locale)
    if found := _COMPACT.match(text):
        day = dated(int(found["y"]), int(found["m"]), int(found["d"]))
        return Written("00000000", {"ymd": day}) if day else None
    return None


def read_serial(text: str, first: dt.date, last: dt.date) -> Written | None:
    """A spreadsheet's number of a day between two days; None when it is none.

    >>> read_serial("45123", dt.date(2023, 1, 1), dt.date(2023, 12, 31)).days
    frozenset({datetime.date(2023, 7, 16)})
    """
    if not _SERIAL.match(text.strip()):
        return None
    day = SERIAL_ZERO + dt.timedelta(days=int(text))
    return Written("serial", {"ymd": day}) if first <= day <= last else None


def month_word(text: str) -> str | None:
    """What stands where a date has its month's name, whatever it is; None for all that is written otherwise."""
    found = _DAY_FIRST.match(text.strip()) or _MONTH_FIRST.match(text.strip()) if len(text) <= LONGEST else None
    return found["m"] if found else None


def _numeric(found: re.Match[str]) -> Written | None:
    a, b, c = found["a"], found["b"], found["c"]
    readings: dict[Order, dt.date] = {}
    orders: tuple[tuple[Order, str, str, str], ...]
    if len(a) == 4:  # noqa: PLR2004  (a year in full)
        orders = (("ymd", a, b, c),) if found["sep"] != "/" or len(c) <= 2 else ()  # noqa: PLR2004
    elif len(c) == 4:  # noqa: PLR2004
        orders = (("dmy", c, b, a), ("mdy", c, a, b))
    elif len(a) <= 2 and len(c) == 2:  # noqa: PLR2004  (a year of two digits)
        orders = (("dmy", c, b, a), ("mdy", c, a, b), ("ymd", a, b, c))
    else:
        return None
    for order, year, month, day in orders:
        if (len(day) <= 2 and len(month) <= 2) and (read := dated(_year(year), int(month), int(day))):  # noqa: PLR2004
            readings[order] = read
    if not readings:
        return None
    short = len(a) < 4 and len(c) < 4  # noqa: PLR2004
    first, last = "0000" if len(a) == 4 else "0", "00" if short else "0"  # noqa: PLR2004
    layout = f"{first}{found['sep']}0{found['sep']}{last}" + _time_layout(found)
    return Written(layout, readings, found["time"] or "", short)


def _named(found: re.Match[str], locale: Locale) -> Written | None:
    word = unaccented(found["m"])
    month = months(locale).get(word)
    day = dated(_year(found["y"]), month, int(found["d"])) if month else None
    if day is None or month is None:
        return None
    first = found.start("d") < found.start("m")
    full, short = (unaccented(month_names(locale, short=short)[month - 1]) for short in (False, True))
    name = EITHER if full == short else "a" if len(word) <= len(short) else "aa"  # May, Jan or January
    parts = ("0", found["sep"], name) if first else (name, found["sep"], "0")
    short_year = len(found["y"]) == 2  # noqa: PLR2004
    layout = "".join(parts) + found["sep2"] + ("00" if short_year else "0") + _time_layout(found)
    return Written(layout, {"dmy" if first else "mdy": day}, found["time"] or "", short_year)


def _time_layout(found: re.Match[str]) -> str:
    return "" if not found["time"] else ("T" if "T" in found["gap"] else " ") + re.sub("[0-9]+", "0", found["time"])


def time_layout(layout: str) -> str:
    """What a layout says of the time, with what stands before it; "" without one.

    >>> time_layout("0/0/0 0:0"), time_layout("0000-0-0T0:0:0Z"), time_layout("0 aa 0")
    (' 0:0', 'T0:0:0Z', '')
    """
    found = re.search("[T ]0:0.*$", layout)
    return found[0] if found else ""


def _year(text: str) -> int:
    year = int(text)
    return year if len(text) > 2 else year + (1900 if year >= PIVOT else 2000)  # noqa: PLR2004


def shown_order(written: Iterable[tuple[Written, int]]) -> Order | None:
    """The one order that a layout's unambiguous dates show; None when they disagree."""
    shown = shown_orders(written)
    return next(iter(shown)) if len(shown) == 1 else None


def shown_orders(written: Iterable[tuple[Written, int]]) -> Counter[Order]:
    """The orders that a layout's unambiguous dates show, with the rows that do.

    A date shows the order of day and month when its other readings are no dates.
    """
    shown: Counter[Order] = Counter()
    for each, rows in written:
        if len(each.readings) == 1:
            (order,) = each.readings
            shown[order] += rows
    return shown


def written_as(
    day: dt.date, layout: str, order: Order, *, padded: bool, short_year: bool, locale: Locale = "en"
) -> str:
    """A day in a layout without time, as the column's other values are written.

    >>> written_as(dt.date(2024, 3, 4), "0/0/0", "mdy", padded=False, short_year=True)
    '3/4/24'
    >>> written_as(dt.date(2024, 3, 4), "aa 0, 0", "mdy", padded=False, short_year=False)
    'March 4, 2024'
    >>> written_as(dt.date(2024, 3, 4), "0. aa 0", "dmy", padded=False, short_year=False, locale="de")
    '4. März 2024'
    """
    month, number = (f"{day.month:02}", f"{day.day:02}") if padded else (str(day.month), str(day.day))
    if "a" in layout:
        month = month_names(locale, short="aa" not in layout)[day.month - 1]
    year = f"{day.year % 100:02}" if short_year else f"{day.year:04}"
    parts = iter([{"y": year, "m": month, "d": number}[letter] for letter in order])
    return re.sub("0+|a+", lambda _found: next(parts), layout)
