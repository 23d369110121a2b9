"""What is due at a gate that nobody answers: reminders, escalation, the deadline; none of them in quiet hours.

Times count from when the gate opened. What falls into quiet hours is due when they are over, the deadline as well:
nobody was asked to answer then.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from tasks.quality.approval import ANYBODY, Who

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: object) -> object:
    """A length of time written as "2d", "4h", "90s" or "1d 12h"; anything else is left for pydantic to judge.

    >>> duration("1d 12h")
    datetime.timedelta(days=1, seconds=43200)
    """
    if not isinstance(text, str) or text.startswith("P"):
        return text
    parts = re.fullmatch(r"\s*(?:[0-9]+\s*[smhdw]\s*)+", text)
    found = re.findall(r"([0-9]+)\s*([smhdw])", text)
    if not parts:
        raise ValueError(f"'{text}' is no length of time; write e.g. 30m, 4h, 2d or 1w")
    return sum((dt.timedelta(**{_UNITS[unit]: int(amount)}) for amount, unit in found), dt.timedelta())


@dataclass(frozen=True)
class Quiet:
    """Hours in which nobody is to be disturbed.

    Attributes:
        start: when they begin, each day.
        end: when they are over; earlier than `start` it is the next day's.
        weekend: whether Saturday and Sunday are quiet, too.
    """

    start: dt.time
    end: dt.time
    timezone: str = "UTC"
    weekend: bool = False

    def over(self, moment: dt.datetime) -> dt.datetime:
        """The moment, or the end of the quiet hours that it falls into.

        >>> night = Quiet(dt.time(20), dt.time(7), "Europe/Berlin")
        >>> night.over(dt.datetime(2026, 5, 4, 21, 0, tzinfo=dt.UTC)).isoformat()
        '2026-05-05T05:00:00+00:00'
        """
        there = moment.astimezone(ZoneInfo(self.timezone))
        while (end := self._end(there)) is not None:
            there = end
        return there.astimezone(dt.UTC)

    def _end(self, there: dt.datetime) -> dt.datetime | None:
        """When the quiet hours of this local moment end; None when there are none."""
        time, day = there.timetz().replace(tzinfo=None), there.date()
        if self.weekend and day.weekday() >= _SATURDAY:
            return self._at(day + dt.timedelta(days=1), dt.time.min, there)
        if self.start <= self.end:
            return self._at(day, self.end, there) if self.start <= time < self.end else None
        if time >= self.start:
            return self._at(day + dt.timedelta(days=1), self.end, there)
        return self._at(day, self.end, there) if time < self.end else None

    @staticmethod
    def _at(day: dt.date, time: dt.time, there: dt.datetime) -> dt.datetime:
        return dt.datetime.combine(day, time, there.tzinfo)


_SATURDAY = 5


@dataclass(frozen=True)
class Times:
    """When what happens while nobody answers.

    Attributes:
        remind_seconds: until a reminder, and between reminders; None where an automation reminds.
        escalate_seconds: until a second group is asked, too.
        escalate_to: who that is; at a gate that says who may answer they then may.
        deadline_seconds: until it is too late.
        overdue: what then happens: keep waiting, or no-go; never go.
    """

    remind_seconds: float | None = None
    escalate_seconds: float | None = None
    escalate_to: Who = ANYBODY
    deadline_seconds: float | None = None
    overdue: Literal["wait", "no-go"] = "wait"
    quiet: Quiet | None = None

    def due(self, opened: dt.datetime, now: dt.datetime, done: Collection[str]) -> Iterator[str]:
        """What is due now and not done: "reminded-2", "escalated", "overdue"; of several reminders the last.

        Args:
            opened: when the gate began to ask.
            now: the moment.
            done: what was done already.
        """
        if self.remind_seconds:
            number = self._count(opened, now, self.remind_seconds)
            if number and f"reminded-{number}" not in done and "overdue" not in done:
                yield f"reminded-{number}"
        for name, seconds in (("escalated", self.escalate_seconds), ("overdue", self.deadline_seconds)):
            if seconds is not None and name not in done and now >= self._moment(opened, seconds):
                yield name

    def _count(self, opened: dt.datetime, now: dt.datetime, seconds: float) -> int:
        passed = range(int((now - opened).total_seconds() // seconds), 0, -1)
        return next((number for number in passed if now >= self._moment(opened, number * seconds)), 0)

    def _moment(self, opened: dt.datetime, seconds: float) -> dt.datetime:
        moment = opened + dt.timedelta(seconds=seconds)
        return self.quiet.over(moment) if self.quiet else moment


NOTHING_DUE = Times()
"""A gate that waits as long as it takes."""
