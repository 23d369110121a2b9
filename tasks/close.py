"""The end of a run: its receipt, and its outcome in the ledger; the same for a load and for a no-go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from blocks.sources import Batch, Outcome
from tasks.announce import Happened
from tasks.insights.compare import Comparison
from tasks.lineage import tell_end
from tasks.quality.approval import Signature, signature_of
from tasks.quality.errors import GonogoError, Unavailable
from tasks.record import once, tell, write_page
from tasks.report import now, seal
from tasks.reports.receipt import GoalLine, ReceiptReport, receipt_html, receipt_markdown, receipt_text
from tasks.reports.records import Link, account, landed
from tasks.run import Examined, Loaded, Run


@once("close")
def close(run: Run, seen: Sequence[Examined], loaded: Loaded) -> dict[str, Any]:
    """Write the receipt of a run that was loaded; the result is what the flow returns."""
    outcome = _end(run, seen, "loaded", loaded)
    tell(
        run,
        Happened.RUN_FINISHED,
        "outcome",
        f"{run.name}: loaded",
        text=outcome["text"],
        report_url=run.page("receipt.html"),
    )
    return outcome


@once("stop")
def stop(
    run: Run, seen: Sequence[Examined], gate: str, stopped_by: str, comment: str, *, again: bool = False
) -> dict[str, Any]:
    """Write the receipt of a run that was stopped: nothing was loaded, everything is kept.

    When the source is to be read `again`, the next run's read begins where this one's did.
    """
    why = f"stopped at {gate} by {stopped_by}" + (f": {comment}" if comment else "")
    nothing = Loaded(False, destination=run.spec().destination.describe())
    outcome = _end(run, seen, "no-go", nothing, why, stopped_by, again=again)
    tell(
        run,
        Happened.RUN_STOPPED,
        "outcome",
        f"{run.name}: {why}",
        text=outcome["text"],
        report_url=run.page("receipt.html"),
    )
    return outcome


@once("idle")
def idle(run: Run, why: str) -> dict[str, Any]:
    """Write the receipt of a run whose source had nothing new."""
    outcome = _end(run, (), "nothing new", Loaded(False, destination=run.spec().destination.describe()), why)
    tell(run, Happened.RUN_FINISHED, "outcome", f"{run.name}: {why}", report_url=run.page("receipt.html"))
    return outcome


def _end(
    run: Run,
    seen: Sequence[Examined],
    outcome: str,
    loaded: Loaded,
    note: str = "",
    actor: str = "gonogo",
    *,
    again: bool = False,
) -> dict[str, Any]:
    scores = {"score_before": seen[0].score, "score_after": seen[-1].score} if seen else {}
    payload = {"outcome": outcome, "rows": loaded.rows, "note": note, **scores}
    with run.open_ledger() as ledger:
        ledger.append(run.id, "outcome", "outcome", payload, actor=actor)
    _settle(run, loaded, again=again)
    tell_end(run, outcome)
    receipt = _receipt(run, seen, outcome, loaded, note)
    write_page(run, "receipt.html", receipt_html(receipt))
    _show(receipt)
    return {**payload, "run": run.name, "destination": loaded.destination, "text": receipt_text(receipt)}


def _settle(run: Run, loaded: Loaded, *, again: bool) -> None:
    """Tell the source what became of its batch; that it cannot be told changes nothing for the run."""
    batch = _or_none(run, Batch, "batch")
    if batch is None:
        return
    became = Outcome(run.id, run.pipeline, loaded.loaded, loaded.rows, loaded.destination)
    done = problem = ""
    try:
        done = run.spec().source.settle(batch, became, run.reading())
        if again:
            same = run.spec().source.unread(batch, run.reading())
            told = "the next run reads the same again" if same else "the next run reads on: there is no way back"
            done = f"{done}; {told}" if done else told
    except GonogoError as error:
        problem = error.message
        tell(run, Happened.SOURCE_NOT_TOLD, "settle", f"{run.name}: the source was not told: {problem}")
    if done or problem:
        with run.open_ledger() as ledger:
            ledger.append(run.id, "settled", "settled", {"done": done, "problem": problem})


def _receipt(run: Run, seen: Sequence[Examined], outcome: str, loaded: Loaded, note: str) -> ReceiptReport:
    batch = _or_none(run, Batch, "batch")
    committed = _or_none(run, dict, "receipt") if loaded.loaded else None
    rows = seen[-1].snapshot.rows if seen else batch.snapshot.rows if batch else 0
    try:
        goals = run.recall_all(Comparison, "goals")
    except Unavailable:
        goals = ()
    return ReceiptReport(
        run=run.name,
        pipeline=run.pipeline,
        source=run.source,
        generated=now(),
        outcome=outcome,
        destination=loaded.destination,
        account=account(
            rows,
            run.changes(),
            malformed=batch.quarantined if batch else 0,
            read=batch.rows_read if batch else None,
            returned=run.history().rows_returned,
        ),
        landed=landed(committed) if committed else None,
        columns=len(seen[-1].snapshot.columns) if seen else 0,
        note=note,
        before=seen[0].score if seen else None,
        after=seen[-1].score if seen else None,
        decisions=run.decisions(),
        changes=run.changes(),
        signatures=tuple(_signatures(run)),
        goals=tuple(_goal(goal) for goal in goals),
        links=tuple(Link(f"Quality, round {e.round}", f"quality-{e.round}.html") for e in seen),
        seal=seal(run),
    )


def _signatures(run: Run) -> Iterator[tuple[str, Signature]]:
    for entry in run.entries():
        if entry.kind == "signature":
            yield str(entry.payload["gate"]), signature_of(entry)


def _goal(goal: Comparison) -> GoalLine:
    return GoalLine(goal.goal.name, goal.sentence, goal.after.status)


def _or_none(run: Run, kind: Any, name: str) -> Any:
    try:
        return run.recall(kind, name)
    except Unavailable:
        return None


def _show(receipt: ReceiptReport) -> None:
    from prefect.artifacts import create_markdown_artifact

    create_markdown_artifact(receipt_markdown(receipt), key="receipt", description=receipt.outcome)
