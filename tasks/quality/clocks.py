"""Times of day as people write them, and the moments that they are."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from tasks.quality.errors import did_you_mean

_CLOCK = re.compile(
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]+))?)?"
    r"\s?(?:(?P<half>[AaPp])\.?[Mm]\.?)?\s?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_NOON = 12


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
    found = _CLOCK.fullmatch(time.strip())
    if found is None or (hour := _hour(found)) is None:
        return None
    try:
        local = dt.datetime(day.year, day.month, day.day, hour, int(found["minute"]), int(found["second"] or 0))  # noqa: DTZ001
        moment = _moment(local, found["zone"], zone)
    except (ValueError, OverflowError):
        return None
    part = f".{found['part']}" if found["part"] else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{part}Z".rjust(20 + len(part), "0") if moment else None


def _hour(found: re.Match[str]) -> int | None:
    hour = int(found["hour"])
    if not found["half"]:
        return hour
    if not 1 <= hour <= _NOON:
        return None
    return hour % _NOON + (_NOON if found["half"] in "pP" else 0)


def _moment(local: dt.datetime, offset: str | None, zone: str) -> dt.datetime | None:
    if offset == "Z":
        return local
    if offset:
        sign, digits = (-1 if offset[0] == "-" else 1), offset[1:].replace(":", "")
        return local - sign * dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    one, other = (local.replace(tzinfo=_zone(zone), fold=fold) for fold in (0, 1))
    if one.utcoffset() != other.utcoffset():
        return None
    return one.astimezone(dt.UTC).replace(tzinfo=None)
