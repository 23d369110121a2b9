"""Goals before and after cleaning: what moved, and one plain sentence made of the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from tasks.insights.evaluate import MOST_PERIODS, Insight, Period, days_between, label_of
from tasks.insights.goals import Goal, same
from tasks.quality.wording import plural


@dataclass(frozen=True)
class PeriodChange:
    """One period of a trend, before and after cleaning; `absent` where neither has rows of it."""

    label: str
    before: float | None
    after: float | None
    absent: bool = False


@dataclass(frozen=True)
class PartChange:
    """One value of a segment, before and after cleaning; `label` None where it is missing."""

    label: str | None
    before: float | None
    after: float | None
    share: float | None
    rows: int
    rest: bool = False


@dataclass(frozen=True)
class SegmentChange:
    """A goal's metric by one column's values, before and after cleaning, in the order of after."""

    column: str
    parts: tuple[PartChange, ...]
    sql: str


@dataclass(frozen=True)
class UnusedChange:
    """Rows that a figure could not take in, before and after; sample and query are of after, if any are left."""

    reason: str
    before: int
    after: int
    sample: tuple[int, ...]
    sql: str


@dataclass(frozen=True)
class Comparison:
    """One goal before and after cleaning.

    Attributes:
        goal: as the user wrote it, with more decimals where figures would look alike that are not.
        change: after minus before, None where either is undefined; 0 where they differ by rounding only.
        sentence: the outcome in words, from the numbers only.
    """

    goal: Goal
    before: Insight
    after: Insight
    change: float | None
    sentence: str
    trend: tuple[PeriodChange, ...] = ()
    segments: tuple[SegmentChange, ...] = ()
    unused: tuple[UnusedChange, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether cleaning changed the figure."""
        return self.change != 0 and self.before.figure.value != self.after.figure.value

    @property
    def older(self) -> int:
        """Periods that are older than those of the trend, which shows the latest of both sides."""
        shown = {period.label for period in self.trend}
        trends = [insight.trend for insight in (self.before, self.after) if insight.trend]
        return max((t.older + sum(p.label not in shown for p in t.periods) for t in trends), default=0)


def compare(before: Sequence[Insight], after: Sequence[Insight]) -> tuple[Comparison, ...]:
    """Pair the insights of two snapshots by goal, in the order of `after`.

    `before` is best evaluated `like` after, so that both are broken down by the same values.
    """
    earlier = {insight.goal.name: insight for insight in before}
    return tuple(_compared(earlier[insight.goal.name], insight) for insight in after)


def reading(insight: Insight, before: Insight | None = None) -> str:
    """What an insight says, in one sentence; with what it was before, if that is given."""
    goal, value = _telling(insight, before), insight.figure.value
    if insight.problem:
        return f"{goal.name} could not be computed: {insight.problem.partition('; ')[0]}."
    if value is None:
        return f"{goal.name} is undefined: {_why_undefined(insight)}."
    said = f"{goal.name} is {goal.shown(value)}{_against(insight, value, goal)}"
    return f"{said}; {_moved(insight, before, goal)}." if before is not None else f"{said}."


def _telling(insight: Insight, before: Insight | None = None) -> Goal:
    """The goal with the decimals that it takes to see what is said of its figure: that it misses, that it moved."""
    goal, value = insight.goal, insight.figure.value
    if value is None:
        return goal
    pairs = []
    if goal.target and (insight.status == "missed" or goal.target.strict):
        pairs += [pair for bound in goal.target.bounds for pair in ((value, bound), (value - bound, 0.0))]
    if before is not None and before.figure.value is not None:
        pairs += [(value, before.figure.value), (_change(before.figure.value, value) or 0.0, 0.0)]
    return goal.telling_apart(*pairs)


def _why_undefined(insight: Insight) -> str:
    rows = insight.rows_used + insight.rows_unused
    if not rows:
        return "there are no rows"
    if insight.unmatched:
        return f"no row matches its filter ({insight.unmatched})"
    if not insight.rows_used:
        return f"none of {plural(rows, 'row')} could be used{' in full' if insight.in_part else ''}"
    return "its expression has no value, e.g. after a division by zero"


def _against(insight: Insight, value: float, goal: Goal) -> str:
    target = goal.target
    if target is None:
        return ""
    bounds = " and ".join(goal.shown(bound) for bound in target.bounds)
    if insight.status == "met":
        return f" and meets its target ({target.words} {bounds})"
    nearest = min(target.bounds, key=lambda bound: abs(bound - value))
    return f" and misses its target ({target.words} {bounds}) by {goal.shown(abs(value - nearest))}"


def _moved(insight: Insight, before: Insight, goal: Goal) -> str:
    was, value = before.figure.value, insight.figure.value
    if before.problem or was is None:
        return "before cleaning it could not be computed"
    if not _change(was, value):
        return "cleaning did not change it"
    return f"before cleaning it read as {goal.shown(was)}{_from_rows(insight, before)}"


def _from_rows(insight: Insight, before: Insight) -> str:
    """From how many rows a figure was before cleaning, if from others than now."""
    if not before.in_part:
        other = insight.rows_used != before.rows_used
        return f" from {plural(before.rows_used, 'row')} instead of {insight.rows_used:,}" if other else ""
    rows, now = before.rows_used + before.rows_unused, insight.rows_used + insight.rows_unused
    unused = f", {before.rows_unused:,} of them not used in full" if before.rows_unused else ""
    instead = f" instead of {now:,}" if rows != now else ""
    return f" from {plural(rows, 'row')}{instead}{unused}" if instead or unused else ""


def _change(was: float | None, value: float | None) -> float | None:
    if was is None or value is None:
        return None
    return 0.0 if same(was, value) else value - was


def _compared(before: Insight, after: Insight) -> Comparison:
    return Comparison(
        _telling(after, before),
        before,
        after,
        _change(before.figure.value, after.figure.value),
        reading(after, before),
        _trend(before, after),
        _segments(before, after),
        _unused(before, after),
    )


def _trend(before: Insight, after: Insight) -> tuple[PeriodChange, ...]:
    """The latest periods that either has, oldest first: each side knows its own value of all of them."""
    was, now = ({p.start: p for p in insight.trend.periods} if insight.trend else {} for insight in (before, after))
    trend = after.trend or before.trend
    starts = sorted({*was, *now})[-MOST_PERIODS:]
    gaps = [_absent(*ends, trend.unit) for ends in pairwise(starts)] if trend else []
    if len(starts) + sum(len(gap) for gap in gaps) > MOST_PERIODS:
        gaps = [gap and (PeriodChange("…", None, None, absent=True),) for gap in gaps]
    return tuple(
        period
        for gap, start in zip(((), *gaps), starts, strict=False)
        for period in (*gap, _period(was.get(start), now.get(start)))
    )


def _absent(first: str, last: str, unit: str) -> tuple[PeriodChange, ...]:
    """The periods between two that neither side has, as many as could be shown at most."""
    days = islice(days_between(first, last, unit), MOST_PERIODS)
    return tuple(PeriodChange(label_of(day, unit), None, None, absent=True) for day in days)


def _period(was: Period | None, now: Period | None) -> PeriodChange:
    label = next(period.label for period in (now, was) if period)
    return PeriodChange(label, was.value if was else None, now.value if now else None)


def _segments(before: Insight, after: Insight) -> tuple[SegmentChange, ...]:
    earlier = {segment.column: {(p.label, p.rest): p.value for p in segment.parts} for segment in before.segments}
    return tuple(
        SegmentChange(
            segment.column,
            tuple(
                PartChange(
                    p.label, earlier.get(segment.column, {}).get((p.label, p.rest)), p.value, p.share, p.rows, p.rest
                )
                for p in segment.parts
            ),
            segment.sql,
        )
        for segment in after.segments
    )


def _unused(before: Insight, after: Insight) -> tuple[UnusedChange, ...]:
    was, now = ({unused.reason: unused for unused in insight.unused} for insight in (before, after))
    return tuple(
        UnusedChange(
            reason,
            was[reason].rows if reason in was else 0,
            now[reason].rows if reason in now else 0,
            (now.get(reason) or was[reason]).sample,
            (now.get(reason) or was[reason]).sql,
        )
        for reason in dict.fromkeys((*was, *now))
    )
