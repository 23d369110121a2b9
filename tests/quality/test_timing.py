"""What is due at a gate, by a clock that the tests move."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from tasks.quality.timing import Quiet, Times

MONDAY = datetime(2026, 5, 4, 16, tzinfo=UTC)  # 18:00 in Berlin
NIGHT = Quiet(time(20), time(7), "Europe/Berlin", weekend=True)
HOUR = 3600


def after(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("quiet", "moment", "over"),
    [
        (NIGHT, "2026-05-04T19:59+02:00", "2026-05-04T19:59+02:00"),
        (NIGHT, "2026-05-04T20:00+02:00", "2026-05-05T07:00+02:00"),
        (NIGHT, "2026-05-05T06:59+02:00", "2026-05-05T07:00+02:00"),
        (NIGHT, "2026-05-08T21:00+02:00", "2026-05-11T07:00+02:00"),  # Friday night: Monday morning
        (NIGHT, "2026-05-10T12:00+02:00", "2026-05-11T07:00+02:00"),
        (NIGHT, "2026-03-27T21:00+01:00", "2026-03-30T07:00+02:00"),  # the clocks change in between
        (Quiet(time(12), time(13)), "2026-05-04T12:30+00:00", "2026-05-04T13:00+00:00"),
        (Quiet(time(12), time(13)), "2026-05-04T13:00+00:00", "2026-05-04T13:00+00:00"),
        (Quiet(time(0), time(0)), "2026-05-04T00:00+00:00", "2026-05-04T00:00+00:00"),
    ],
)
def test_quiet_hours_end(quiet, moment, over):
    assert quiet.over(datetime.fromisoformat(moment)) == datetime.fromisoformat(over)


def test_reminders_come_one_after_the_other_and_missed_ones_only_once():
    times = Times(remind_seconds=4 * HOUR)
    assert list(times.due(MONDAY, after(3.9), ())) == []
    assert list(times.due(MONDAY, after(4), ())) == ["reminded-1"]
    assert list(times.due(MONDAY, after(5), {"reminded-1"})) == []
    assert list(times.due(MONDAY, after(13), {"reminded-1"})) == ["reminded-3"]


def test_escalation_and_deadline_are_due_once():
    times = Times(escalate_seconds=HOUR, deadline_seconds=2 * HOUR)
    assert list(times.due(MONDAY, after(1), ())) == ["escalated"]
    assert list(times.due(MONDAY, after(2), {"escalated"})) == ["overdue"]
    assert list(times.due(MONDAY, after(9), {"escalated", "overdue"})) == []
    assert list(times.due(MONDAY, after(9), ())) == ["escalated", "overdue"]


def test_nothing_is_due_in_quiet_hours():
    times = Times(remind_seconds=4 * HOUR, escalate_seconds=3 * HOUR, deadline_seconds=6 * HOUR, quiet=NIGHT)
    assert list(times.due(MONDAY, after(12.9), ())) == []
    assert list(times.due(MONDAY, after(13), ())) == ["reminded-3", "escalated", "overdue"]


def test_nobody_is_reminded_after_the_deadline():
    assert list(Times(remind_seconds=HOUR).due(MONDAY, after(9), {"overdue"})) == []
