"""How a column's times are written, of day or of dates in ISO 8601: the way that most have, and one for all."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from pydantic import field_validator

from tasks.quality.clocks import Clock, in_utc, model, read_clock, written_like
from tasks.quality.model import ColumnProfile
from tasks.quality.universal import Edits
from tasks.quality.values import rows_of

NOON, PAST_NOON = 12, 0.2
"""Times without a date are surely of the day where a fifth of them are past noon and none past midnight: of lengths
of time up to one that is so long, some would be longer."""

_DATED = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]")
_PATTERN = re.compile("^(?:9-9-9[a ])?9(?::|a)9")
_LENGTH = re.compile(r"[-+]?[0-9]+:[0-5][0-9](?::[0-5][0-9])?")
_END_OF_DAY = ("24:00", "24:00:00")


class WrittenTimes(Edits):
    """How times are written anew.

    Attributes:
        layout: a time of zeros, in the way that all get: "00:00", "0:00 AM" (hours of one digit have no zero), "00h00",
            with a T or space before it for those that follow a date: "T00:00:00Z", " 00:00:00.000+00:00".
        convert: where all get a Z, write times of other offsets in UTC; else they stay as they are.
        fill: where all get seconds, write 00 for those that are missing though others have some; else they stay.
    """

    layout: str
    convert: bool = False
    fill: bool = False

    @field_validator("layout")
    @classmethod
    def _is_one(cls, layout: str) -> str:
        model(layout.removeprefix(_gap(layout)))
        return layout


@dataclass(frozen=True)
class Timed:
    """A text that is a time of day, or one of a date; `gap` stands between the two."""

    clock: Clock
    day: dt.date | None = None
    gap: str = ""


Told: TypeAlias = Sequence[tuple[str, int, Timed]]
"""Values, their rows, and the times that they are."""


def read_time(text: str) -> Timed | None:
    """A text as a time of day or of a date in ISO 8601; None when it is none.

    A time zone without a date is none, either: "10:00-11:30" is a span of time.

    >>> read_time("2024-05-03T10:11Z").day, read_time("10:11").day, read_time("10:00-11:30")
    (datetime.date(2024, 5, 3), None, None)
    """
    if not _DATED.match(text):
        clock = read_clock(text)
        return Timed(clock) if clock and not clock.zone else None
    try:
        day = dt.date.fromisoformat(text[:10])
    except ValueError:
        return None
    clock = read_clock(text[11:])
    return Timed(clock, day, text[10]) if clock else None


def mixes(column: ColumnProfile) -> bool:
    """Whether most patterns of a column may be times, and not all of them are dates with a time in one way."""
    timed = [p for p in column.patterns if _PATTERN.match(p.text)]
    alike = column.kind == "date" and len(timed) == 1 and column.min_length == column.max_length
    return sum(p.rows for p in timed) > column.present_count / 2 and not alike


def times_in(values: Mapping[str, int]) -> Told:
    """The values that are times."""
    return [(text, n, timed) for text, n in values.items() if (timed := read_time(text))]


@dataclass(frozen=True)
class Ways:
    """How a column's times are written.

    Attributes:
        usual: the times that are written as most are.
        others: the times of each other way.
        plan: how all would be written as most are.
    """

    usual: Told
    others: Sequence[Told]
    plan: WrittenTimes

    @property
    def odd(self) -> Told:
        """The times that are not written as most are."""
        return [each for own in self.others for each in own]


def ways_of(told: Told) -> Ways:
    """The ways of writing of some times, one at least."""
    members = sorted(_by_layout(told).items(), key=lambda each: (-rows_of(each[1]), each[0]))
    layout, most = members[0]
    padded = _padded(most)
    usual = [each for each in most if each[2].clock.padded in (None, padded)]
    unlike = [each for each in most if each[2].clock.padded not in (None, padded)]
    others = [own for own in (unlike, *(own for _layout, own in members[1:])) if own]
    return Ways(usual, others, WrittenTimes(layout=layout if padded else layout.replace("00", "0", 1)))


def _gap(layout: str) -> str:
    return layout[:1] if layout[:1] in ("T", " ") else ""


def _by_layout(told: Told) -> Mapping[str, Told]:
    """The times by their layout; fractions of which some say something are no way of writing."""
    layouts: dict[str, list[tuple[str, int, Timed]]] = {}
    for each in told:
        layouts.setdefault(each[2].gap + each[2].clock.layout, []).append(each)
    if not _tell(timed.clock.part for _text, _n, timed in told):
        return layouts
    merged: dict[str, list[tuple[str, int, Timed]]] = {}
    for layout, own in layouts.items():
        merged.setdefault(re.sub("[.,]0+", "", layout), []).extend(own)
    return merged


def _tell(digits: Iterable[str]) -> bool:
    """Whether some of these are more than zeros."""
    return any(each.strip(".,0") for each in digits)


def _padded(members: Told) -> bool:
    """Whether hours of one digit have a zero; where there are none, 24-hour clocks have it."""
    padded = [(n, timed.clock.padded) for _text, n, timed in members if timed.clock.padded is not None]
    if not padded:
        return not members[0][2].clock.half
    return 2 * sum(n for n, zero in padded if zero) >= sum(n for n, _zero in padded)


def of_day(ways: Ways, values: Iterable[str]) -> bool:
    """Whether a column's times are surely times of day, and on which clock; its values may be lengths of time, too.

    They are where most name the half of the day. Else the clock has 24 hours where a fifth of the usual times are past
    noon, which only matters where there is no date or others name the half of the day.
    """
    clocks = [timed.clock for _text, _n, timed in ways.usual]
    if any(clock.half for clock in clocks):
        return True
    dated = all(timed.day for _text, _n, timed in ways.usual)
    if dated and not any(timed.clock.half for _text, _n, timed in ways.odd):
        return True
    past = sum(n for _text, n, timed in ways.usual if timed.clock.hour > NOON)
    return past >= PAST_NOON * rows_of(ways.usual) and (dated or not any(map(_is_length, values)))


def _is_length(text: str) -> bool:
    """Whether a text can only be a length of time: "36:10"."""
    return bool(_LENGTH.fullmatch(text)) and text not in _END_OF_DAY and read_clock(text) is None


def rewritten(told: Told, plan: WrittenTimes) -> dict[str, str]:
    """The times that are surely the same in the plan's way of writing, and how they are written then.

    Args:
        told: all times of a column: seconds or fractions that are zero are left out or added if all of them are.
        plan: how they are to be written.
    """
    gap = _gap(plan.layout)
    like = model(plan.layout.removeprefix(gap))
    fractions = _tell(timed.clock.part for _text, _n, timed in told)
    seconds = fractions or _tell(timed.clock.second for _text, _n, timed in told)
    pairs = {}
    for text, _n, timed in told:
        moved = _in_utc(timed, text) if plan.convert and like.zone.strip() == "Z" else timed
        clock = moved.clock if fractions else replace(moved.clock, part=like.part)
        if bool(clock.second) != bool(like.second):
            if seconds and not (plan.fill and like.second):
                continue
            clock = replace(clock, second=like.second)
        new = written_like(clock, like)
        if new and bool(moved.gap) == bool(gap) and (whole := f"{moved.day or ''}{gap}{new}") != text:
            pairs[text] = whole
    return pairs


def _in_utc(timed: Timed, text: str) -> Timed:
    """The same moment in UTC, where a time names an offset; seconds as they are written."""
    clock = timed.clock
    moment = in_utc(timed.day, text[11:], "UTC") if timed.day and clock.zone else None
    read = read_time(moment) if moment else None
    return replace(read, clock=replace(read.clock, second=clock.second, part=clock.part)) if read else timed
