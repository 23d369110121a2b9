"""Insight: the user's business goals on the data as it came and as it is now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tasks.insights.compare import Comparison, compare
from tasks.insights.evaluate import Insight, evaluate
from tasks.quality.typed import column_types, date_formats
from tasks.quality.wording import plural
from tasks.record import stage, write_page
from tasks.report import now, seal
from tasks.reports.insight import InsightReport, insight_html
from tasks.reports.records import Link
from tasks.run import Examined, Goals, Run

if TYPE_CHECKING:
    from blocks.spec import PipelineSpec


def _says(goals: Goals) -> str:
    return (
        f"{goals.met} of {plural(goals.targets, 'target')} met, {plural(goals.goals, 'goal')} measured"
        if goals.goals
        else "no goals are set"
    )


def _records(goals: Goals) -> Mapping[str, Any]:
    return {"figures": [{"goal": n, "value": v, "sql": sql, "snapshot": f} for n, v, sql, f in goals.figures]}


@stage("insight", doing="measuring the business goals, before and after", says=_says, records=_records)
def insight(run: Run, first: Examined, last: Examined, *, round: int) -> Goals:
    """Measure every goal on the first and the last snapshot, and write the insight report."""
    goals = compared(run, run.spec(), first.round, last.round)
    run.keep_all("goals", goals)
    links = (Link("Quality report", f"quality-{last.round}.html"), Link("Column profile", f"profile-{last.round}.html"))
    told = InsightReport(run.name, run.pipeline, run.source, now(), goals, links, seal(run))
    write_page(run, "insight.html", insight_html(told), round=round)
    return Goals(
        goals=len(goals),
        targets=sum(goal.goal.target is not None for goal in goals),
        met=sum(goal.after.status == "met" for goal in goals),
        figures=tuple(_figure(goal) for goal in goals),
        page=run.page("insight.html"),
    )


def compared(run: Run, spec: PipelineSpec, first: int, last: int) -> tuple[Comparison, ...]:
    """Every goal of a spec on the tables that were looked at in the first and the last round."""
    after = _measured(run, spec, last)
    return compare(_measured(run, spec, first, like=after), after)


def _measured(run: Run, spec: PipelineSpec, round: int, like: tuple[Insight, ...] = ()) -> tuple[Insight, ...]:
    profile, snapshot = run.profile(round), run.assessment(round).snapshot
    types, formats = column_types(profile, spec.contract), date_formats(spec.contract)
    with run.open_staging().open(snapshot) as tables:
        return evaluate(spec.goals, tables.table("snapshot"), types, snapshot.fingerprint, formats=formats, like=like)


def _figure(goal: Comparison) -> tuple[str, float | None, str, str]:
    figure = goal.after.figure
    return goal.goal.name, figure.value, figure.sql, figure.snapshot
