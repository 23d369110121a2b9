"""Times of day as people write them, and the moments that they are."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from tasks.quality.errors import did_you_mean

_CLOCK = re.compile(
    r"(?P<hour>[0-9]{1,2})(?P<mark>:|\s?[hH]\s?)(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?P<part>[.,][0-9]+)?)?"
    r"(?P<half>\s?[AaPp]\.?[Mm]\.?)?(?P<zone>\s?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?))?"
)
_NOON = 12
_LAST_HOUR, _LAST_MINUTE, _LEAP_SECOND = 23, 59, 60
_MORNING, _AFTERNOON = str.maketrans("Pp", "Aa"), str.maketrans("Aa", "Pp")


@dataclass(frozen=True)
class Clock:
    """A time of day as it is written.

    Attributes:
        hour: of the 24-hour clock, whichever it is written in.
        minute: of the hour.
        second: its two digits, "" without.
        part: the fraction of the second with the sign before it, "" without.
        mark: what stands between hour and minute.
        half: how the morning would be marked (" AM", "a.m."), "" on a 24-hour clock.
        zone: "Z" or an offset, with a space where there is one before it; "" without.
        padded: whether an hour of one digit has a zero before it; None for an hour that needs two.
    """

    hour: int
    minute: int
    second: str = ""
    part: str = ""
    mark: str = ":"
    half: str = ""
    zone: str = ""
    padded: bool | None = None

    @property
    def layout(self) -> str:
        """How it is written, with zeros for its digits, two of them for any hour."""
        second, part = (":00", self.part[:1] + "0" * len(self.part[1:])) if self.second else ("", "")
        return f"00{self.mark}00{second}{part}{self.half}{_zone_layout(self.zone)}"


def read_clock(text: str) -> Clock | None:
    """A text as a time of day; None when it is none.

    >>> read_clock("11:45 p.m."), read_clock("9h05").padded, read_clock("24:00")
    (Clock(hour=23, minute=45, second='', part='', mark=':', half=' a.m.', zone='', padded=None), False, None)
    """
    found = _CLOCK.fullmatch(text)
    hour = _hour(found) if found else None
    return None if found is None or hour is None or not _exists(found) else _clock(found, hour)


def model(layout: str) -> Clock:
    """The clock that a layout is, as others may be written.

    Raises:
        ValueError: it is no layout; says what one looks like.

    >>> model("0:00 AM").half
    ' AM'
    """
    found = _CLOCK.fullmatch(layout)
    if found is None or layout != _zeros(layout) or "-" in layout or "P" in (found["half"] or "").upper():
        raise ValueError(f"'{layout}' is no way of writing times; write e.g. 00:00, 0:00 AM or 00:00:00Z")
    return _clock(found, int(found["hour"]))


def written_like(clock: Clock, like: Clock) -> str | None:
    """A time with its seconds in another one's way of writing; None where that would not surely be the same time.

    It surely isn't where an hour up to twelve names no half of the day, though the other does; where one names a time
    zone and the other none; and where an offset is not UTC, but the other is written with a Z.

    >>> written_like(Clock(23, 45, half=" AM"), model("00:00")), written_like(Clock(0, 5), model("0:00 a.m."))
    ('23:45', '12:05 a.m.')
    >>> written_like(Clock(9, 5), model("0:00 AM")) is None
    True
    """
    zone, hour, half = _zone_like(clock.zone, like.zone), clock.hour, like.half
    if zone is None or (half and not clock.half and 1 <= hour <= _NOON):
        return None
    if half:
        half, hour = half if hour < _NOON else half.translate(_AFTERNOON), hour % _NOON or _NOON
    second = f":{clock.second}" if clock.second else ""
    return f"{hour:0{1 if like.padded is False else 2}}{like.mark}{clock.minute:02}{second}{clock.part}{half}{zone}"


def _zeros(text: str) -> str:
    return re.sub("[0-9]", "0", text)


@cache
def _zone_layout(zone: str) -> str:
    return _zeros(zone).replace("-", "+")


def _exists(found: re.Match[str]) -> bool:
    return int(found["minute"]) <= _LAST_MINUTE and int(found["second"] or 0) <= _LEAP_SECOND


def _clock(found: re.Match[str], hour: int) -> Clock:
    written, mark, minute, second, part, half, zone = found.groups("")
    half = half.translate(_MORNING) if half else ""
    padded = len(written) > 1 if int(written) < 10 else None  # noqa: PLR2004  (one digit)
    return Clock(hour, int(minute), second, part, mark, half, zone, padded)


def _zone_like(zone: str, like: str) -> str | None:
    """A zone in the way of another one; None where only one of them is there, or the same offset has no such name."""
    offset = _UTC if zone.strip() == "Z" else re.sub("[: ]", "", zone.strip())
    if not zone or not like:
        return None if zone or like else ""
    if like.strip() == "Z":
        return like if offset.ljust(5, "0") == _UTC else None
    digits = iter(offset[1:].ljust(4, "0"))
    written = re.sub("0", lambda _zero: next(digits), like).replace("+", offset[0])
    return written if not any(int(digit) for digit in digits) else None


_UTC = "+0000"


def check_zone(name: str) -> str:
    """The name, when it is a time zone's.

    Raises:
        ValueError: it is none; says which may be meant.

    >>> check_zone("Europe/Berln")
    Traceback (most recent call last):
    ValueError: no time zone 'Europe/Berln'; Did you mean 'Europe/Berlin'?
    """
    known = available_timezones()
    if name not in known:
        meant = did_you_mean(name, sorted(known)) or "name one of the IANA database, e.g. Europe/Berlin"
        raise ValueError(f"no time zone '{name}'; {meant}")
    return name


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def in_utc(day: dt.date, time: str, zone: str) -> str | None:
    """A day and a time on it as the moment in UTC; a time that names no offset is one of the zone.

    None where it is no time, or where the zone's clocks show it twice or never.

    >>> in_utc(dt.date(2026, 1, 31), "1:30 p.m.", "Europe/Berlin"), in_utc(dt.date(2026, 1, 31), "13:30-05:00", "UTC")
    ('2026-01-31T12:30:00Z', '2026-01-31T18:30:00Z')
    >>> in_utc(dt.date(2026, 3, 29), "02:30", "Europe/Berlin") is None
    True
    """
    clock = read_clock(time.strip())
    if clock is None:
        return None
    try:
        local = dt.datetime(day.year, day.month, day.day, clock.hour, clock.minute, int(clock.second or 0))  # noqa: DTZ001
        moment = _moment(local, clock.zone.strip(), zone)
    except (ValueError, OverflowError):
        return None
    part = clock.part.replace(",", ".")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{part}Z".rjust(20 + len(part), "0") if moment else None


def _hour(found: re.Match[str]) -> int | None:
    hour = int(found["hour"])
    if not found["half"]:
        return hour if hour <= _LAST_HOUR else None
    if not 1 <= hour <= _NOON:
        return None
    return hour % _NOON + (_NOON if found["half"].strip()[0] in "pP" else 0)


def _moment(local: dt.datetime, offset: str, zone: str) -> dt.datetime | None:
    if offset == "Z":
        return local
    if offset:
        sign, digits = (-1 if offset[0] == "-" else 1), offset[1:].replace(":", "")
        return local - sign * dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    one, other = (local.replace(tzinfo=_zone(zone), fold=fold) for fold in (0, 1))
    if one.utcoffset() != other.utcoffset():
        return None
    return one.astimezone(dt.UTC).replace(tzinfo=None)
