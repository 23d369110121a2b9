"""The three questions of a run: is this the data you meant, what shall be done about it, shall it be loaded?

Each is made once, from what is in staging, so that a replay asks exactly the same, and sealed with the hash of
the evidence that it shows. A gate that the pipeline does not ask says so in `unasked`, and is passed with that reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from blocks.sources import Batch
from blocks.spec import Below, Gate
from tasks.ask import GO_MEANS
from tasks.insights.compare import Comparison
from tasks.quality.checks import ContractCheck
from tasks.quality.model import ROW, Snapshot, Verdict
from tasks.quality.question import Question, choices, sealed
from tasks.record import once
from tasks.report import quality_report
from tasks.reports.escape import markdown, visible
from tasks.reports.quality import quality_markdown
from tasks.run import Examined, Goals, Loaded, Run

QUALITY_MEANS = {
    "go": "carry out the actions below and go on",
    "resolve": "carry them out, measure again and ask again",
    "no-go": "stop here; everything is kept, nothing is loaded",
}
GO_OR_NOT = (Verdict.GO, Verdict.NO_GO)
CHECKS_SHOWN = 20
SAMPLE_ROWS = 5
SAMPLE_COLUMNS = 8


@once("ask about the source")
def source_question(run: Run, snapshot: Snapshot) -> Question:
    """Ask whether this is the data that was meant: rows, columns, a sample."""
    batch, gate = run.recall(Batch, "batch"), run.spec().gates.source
    bad = f", {batch.quarantined:,} malformed records in quarantine" if batch.quarantined else ""
    summary = f"{snapshot.rows:,} rows and {len(snapshot.columns):,} columns from {run.source}{bad}."
    notes = [f"- {markdown(note)}" for note in batch.notes]
    renamed = [f"- column {markdown(old or '(no name)')} is here {markdown(new)}" for old, new in batch.renames]
    return sealed(
        Question(
            gate="source",
            title=f"Is this the data you meant? {run.name}",
            text="\n\n".join([f"**{markdown(summary)}**", "\n".join([*notes, *renamed]), _sample(run, snapshot)]),
            summary=visible(summary),
            verdicts=GO_OR_NOT,
            meaning=GO_MEANS,
            unasked=_unasked(gate, None),
            **_deadline(gate),
        ),
        (snapshot.fingerprint, batch.origins, batch.quarantined, batch.renames),
    )


@once("ask about the quality")
def quality_question(run: Run, examined: Examined, *, round: int) -> Question:
    """Ask what shall be done about each issue; in the last round there is no further one to ask for."""
    gate, found = run.spec().gates.quality, run.assessment(examined.round)
    last = round >= gate.rounds
    issues = f"{examined.issues} issue{'s' if examined.issues != 1 else ''}"
    failed = f" {examined.checks_failed} contract checks fail." if examined.checks_failed else ""
    asked = (Verdict.GO, Verdict.NO_GO) if last else (Verdict.GO, Verdict.RESOLVE, Verdict.NO_GO)
    summary = (
        f"Score {examined.score:.1f} of 100: {issues} in {examined.snapshot.rows:,} rows, "
        f"{examined.recommended} with a safe recommendation.{failed}"
    )
    return sealed(
        Question(
            gate=f"quality-{round}",
            title=f"{issues} in {run.name}: what shall be done?",
            text=_links(examined) + quality_markdown(replace(quality_report(run, examined), links=())),
            summary=summary,
            verdicts=asked,
            meaning={verdict.value: QUALITY_MEANS[verdict.value] for verdict in asked},
            choices=choices(found.issues),
            report_url=examined.page,
            round=examined.round,
            unasked=_unasked(gate, examined.score),
            **_deadline(gate),
        ),
        (found.snapshot.fingerprint, found.profile, found.issues, found.score),
        run.recall_all(ContractCheck, f"checks-{examined.round}"),
    )


@once("ask about the load")
def load_question(run: Run, seen: Sequence[Examined], measured: Goals, before: Loaded, *, attempt: int) -> Question:
    """Ask whether the refined rows shall be loaded: score before and after, goals, what was changed.

    Args:
        run: whose rows they are.
        seen: the tables that were looked at.
        measured: what the goals came to.
        before: what became of the attempt before.
        attempt: the number of this one.
    """
    problem, adding = before.problem, ", ".join(before.new_columns)
    means = f"add {adding} to the table, and load" if adding else "load the refined rows"
    first, last, gate = seen[0], seen[-1], run.spec().gates.load
    destination = run.spec().destination.describe()
    goals = run.recall_all(Comparison, "goals")
    changes = run.changes()
    cells = sum(change.cells_changed for change in changes)
    gone = first.snapshot.rows - last.snapshot.rows
    failed = f"The load failed and the destination is as it was: {problem}. " if problem else ""
    met = f" {measured.met} of {measured.targets} targets are met." if measured.targets else ""
    summary = (
        f"{failed}{last.snapshot.rows:,} rows for {destination}. Score {first.score:.1f} → {last.score:.1f}; "
        f"{len(changes)} decisions changed {cells:,} cells, {gone:,} rows left the table.{met}"
    )
    lines = [f"- {markdown(goal.sentence, 400)}" for goal in goals]
    broken = [check for check in run.recall_all(ContractCheck, f"checks-{last.round}") if not check.passed]
    lines += [
        f"- contract: {markdown(c.title, 200)}: {c.problem or f'{c.failures:,} fail'}" for c in broken[:CHECKS_SHOWN]
    ]
    links = f"[Insight report]({run.page('insight.html')}) · [Quality report]({last.page})\n\n"
    return sealed(
        Question(
            gate=f"load-{attempt}",
            title=f"Load {run.name}?",
            text="\n\n".join([links + f"**{markdown(summary, 600)}**", "\n".join(lines)]),
            summary=visible(summary, 600),
            verdicts=GO_OR_NOT,
            meaning={"go": means, "no-go": "do not load; everything is kept"},
            report_url=run.page("insight.html"),
            needs_person=bool(problem),
            unasked="" if problem else _unasked(gate, last.score),
            **_deadline(gate),
        ),
        (first.snapshot.fingerprint, first.score, last.snapshot.fingerprint, last.score, measured.figures, broken),
    )


def _unasked(gate: Gate, score: float | None) -> str:
    """Why the pipeline passes a gate without asking, or an empty string when it asks."""
    if gate.asks(score):
        return ""
    if isinstance(gate.ask, Below):
        return f"automatic: the pipeline asks below {gate.ask.below:g}, the score is {score:.1f}"
    return "automatic: the pipeline never asks here"


def _deadline(gate: Gate) -> dict[str, Any]:
    return {"deadline_seconds": gate.deadline.total_seconds() if gate.deadline else None, "overdue": gate.overdue}


def _links(examined: Examined) -> str:
    return f"[Quality report]({examined.page}) · [Column profile]({examined.profile_page})\n\n"


def _sample(run: Run, snapshot: Snapshot) -> str:
    columns = snapshot.columns[:SAMPLE_COLUMNS]
    with run.open_staging().open(snapshot) as tables:
        table = tables.table("snapshot").order_by(ROW).limit(SAMPLE_ROWS)
        rows = table.select(ROW, *columns).to_pyarrow().to_pylist()
    more = len(snapshot.columns) - len(columns)
    heading = f"| {' | '.join(markdown(name, 40) for name in columns)} |\n|{'---|' * len(columns)}\n"
    body = "\n".join("| " + " | ".join(markdown(row[name] or "", 40) for name in columns) + " |" for row in rows)
    return heading + body + (f"\n\n… and {more} more columns" if more > 0 else "")
