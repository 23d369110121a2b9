"""Pending: the gates that wait for an answer, from the ledger and the questions that were stored when they asked."""

from __future__ import annotations

from blocks.ledger import Ledger
from tasks.ask import question_file
from tasks.quality.chronicle import open_gate
from tasks.quality.errors import Unavailable
from tasks.quality.inbox import Waiting, waiting
from tasks.quality.question import Question
from tasks.run import Run, recall_run


def pending(staging: str, ledger: str) -> tuple[Waiting, ...]:
    """Every gate that waits, the longest waiting first."""
    with Ledger(ledger) as known:
        runs = [each.run_id for each in known.runs()]
    found = (_waiting(staging, run_id) for run_id in runs)
    return tuple(sorted((each for each in found if each), key=lambda each: each.since))


def _waiting(staging: str, run_id: str) -> Waiting | None:
    """The gate that a run waits at, if it does; a run whose staging is gone waits for nobody."""
    try:
        run = recall_run(staging, run_id)
        asked = open_gate(run.entries())
        return _asked(run, str(asked.payload["gate"]), asked.at) if asked else None
    except Unavailable:
        return None


def _asked(run: Run, gate: str, at: str) -> Waiting:
    question = run.recall(Question, question_file(gate))
    told = {"run_id": run.id, "run": run.name, "pipeline": run.pipeline, "since": at}
    return waiting(question, destination=run.spec().destination.describe(), **told)
