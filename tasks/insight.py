"""Insight: the user's business goals on the data as it came and as it is now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blocks.staging import write_text
from tasks.insights.compare import Comparison, compare
from tasks.insights.evaluate import Insight, evaluate
from tasks.quality.model import Snapshot
from tasks.quality.typed import column_types, date_formats
from tasks.quality.wording import plural
from tasks.record import stage
from tasks.report import now, seal
from tasks.reports.insight import InsightReport, insight_html
from tasks.reports.records import Link
from tasks.run import Examined, Goals, Run


def _says(goals: Goals) -> str:
    return (
        f"{goals.met} of {plural(goals.targets, 'target')} met, {plural(goals.goals, 'goal')} measured"
        if goals.goals
        else "no goals are set"
    )


def _records(goals: Goals) -> Mapping[str, Any]:
    return {"figures": [{"goal": n, "value": v, "sql": sql, "snapshot": f} for n, v, sql, f in goals.figures]}


@stage("insight", doing="measuring the business goals, before and after", says=_says, records=_records)
def insight(run: Run, first: Examined, last: Examined, *, round: int) -> Goals:  # noqa: ARG001  (one stage per round)
    """Measure every goal on the first and the last snapshot, and write the insight report."""
    after = _measured(run, last)
    before = _measured(run, first, like=after)
    compared = compare(before, after)
    run.keep_all("goals", compared)
    links = (Link("Quality report", f"quality-{last.round}.html"), Link("Column profile", f"profile-{last.round}.html"))
    told = InsightReport(run.name, run.pipeline, run.source, now(), compared, links, seal(run))
    write_text(run.page_file("insight.html"), insight_html(told))
    return Goals(
        goals=len(compared),
        targets=sum(goal.goal.target is not None for goal in compared),
        met=sum(goal.after.status == "met" for goal in compared),
        figures=tuple(_figure(goal) for goal in compared),
        page=run.page("insight.html"),
    )


def _measured(run: Run, examined: Examined, like: tuple[Insight, ...] = ()) -> tuple[Insight, ...]:
    spec, profile = run.spec(), run.profile(examined.round)
    snapshot: Snapshot = examined.snapshot
    types, formats = column_types(profile, spec.contract), date_formats(spec.contract)
    with run.open_staging().open(snapshot) as tables:
        return evaluate(spec.goals, tables.table("snapshot"), types, snapshot.fingerprint, formats=formats, like=like)


def _figure(goal: Comparison) -> tuple[str, float | None, str, str]:
    figure = goal.after.figure
    return goal.goal.name, figure.value, figure.sql, figure.snapshot
