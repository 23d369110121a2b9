"""The insight report: each business goal against its target, over time and by segment, before and after cleaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.quality.wording import plural
from tasks.reports import numbers
from tasks.reports.charts import Point
from tasks.reports.page import render
from tasks.reports.records import TONES, Link, Seal, tally

if TYPE_CHECKING:
    from tasks.insights.compare import Comparison, PartChange
    from tasks.insights.goals import Goal


@dataclass(frozen=True)
class InsightReport:
    """All goals of one run, on the data as it came (`before`) and as it is now (`after`).

    Attributes:
        generated: the label of the moment, made by the caller: a page has no clock.
    """

    run: str
    pipeline: str
    source: str
    generated: str
    goals: tuple[Comparison, ...]
    links: tuple[Link, ...] = ()
    seal: Seal = field(default_factory=Seal)

    @property
    def snapshots(self) -> tuple[str, str]:
        """Fingerprints of the data before and now; empty without goals."""
        goals = self.goals
        return (goals[0].before.figure.snapshot, goals[0].after.figure.snapshot) if goals else ("", "")


def insight_html(report: InsightReport) -> str:
    """The goals as one self-contained page."""
    return render(
        "insight.html",
        report=report,
        headline=headline(report.goals),
        moved=moved(report.goals),
        tones=TONES,
        points=points,
        targets=targets,
        axis=axis,
        part_name=part_name,
        widest=widest,
        scaled=scaled,
    )


def headline(goals: Sequence[Comparison]) -> str:
    """How many targets are met, in one line."""
    return tally([goal.after.status for goal in goals]) if goals else "No goals were set"


def moved(goals: Sequence[Comparison]) -> str:
    """What cleaning did to the figures, in one sentence."""
    changed = sum(goal.moved for goal in goals)
    if not goals:
        return "Name what matters under 'goals' in the pipeline, and it is measured here before and after cleaning."
    if not changed:
        return "Cleaning changed none of the figures."
    return f"Cleaning changed {numbers.count(changed)} of {plural(len(goals), 'figure')}."


def points(goal: Comparison) -> list[Point]:
    """The trend as a chart takes it."""
    return [Point(period.label, period.before, period.after) for period in goal.trend]


def targets(goal: Goal) -> list[tuple[float, str]]:
    """The target's bounds with their labels."""
    return [(bound, goal.shown(bound)) for bound in goal.target.bounds] if goal.target else []


def axis(goal: Goal) -> Callable[[float | None], str]:
    """How numbers are written on an axis: per cent as the goal says, others without their unit."""
    return goal.shown if goal.unit == "%" else numbers.number


def part_name(part: PartChange) -> str | None:
    """What a segment's value is called; None where it is missing."""
    return "the rest" if part.rest else part.label


def widest(parts: Sequence[PartChange]) -> float:
    """The largest absolute value among the parts, for bars on one scale; 1 when there is none."""
    return max((abs(v) for p in parts for v in (p.before, p.after) if v is not None), default=0.0) or 1.0


def scaled(value: float | None, whole: float) -> float:
    """An absolute value as a share of 100 of the widest."""
    return 100 * abs(value or 0.0) / whole
