"""Waiting at a gate: what is due by now, done once: a reminder, a second group, a deadline that has passed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tasks.announce import Happened
from tasks.quality.question import Question
from tasks.record import summary_of, tell
from tasks.run import Run

WAITING = ("reminded", "escalated", "overdue")


def due(run: Run, question: Question, now: datetime) -> Iterator[str]:
    """What is due at a gate that waits, by the run's diary."""
    entries = [entry for entry in run.entries() if entry.payload.get("gate") == question.gate]
    opened = next((entry.at for entry in entries if entry.kind == "hold"), None)
    if opened is None or any(entry.kind == "answer" for entry in entries):
        return
    done = {entry.key.replace(f"-{question.gate}", "", 1) for entry in entries if entry.kind in WAITING}
    yield from question.times.due(datetime.fromisoformat(opened), now, done)


def remind(run: Run, question: Question, what: str) -> str:
    """Remind of a gate, once under this number."""
    title = f"Still waiting for a decision: {question.title}"
    _once(run, question, "reminded", what.removeprefix("reminded"), Happened.GATE_REMINDED, title)
    return f"{run.name}: reminded of {question.gate}"


def escalate(run: Run, question: Question) -> str:
    """Ask the second group; at a gate that says who may answer they may from now on."""
    to = question.times.escalate_to
    whom = to.told if to.names or to.roles else "the second group"
    _once(
        run,
        question,
        "escalated",
        "",
        Happened.GATE_ESCALATED,
        f"Nobody answers; now it is for {whom}: {question.title}",
    )
    return f"{run.name}: nobody answers {question.gate}; {whom} is asked"


def miss(run: Run, question: Question) -> str:
    """Write down that a deadline passed, and what that means."""
    then = "no-go, as its pipeline says" if question.times.overdue == "no-go" else "it goes on waiting"
    title = f"Nobody answered {question.gate} of {run.name} in time; {then}"
    _once(run, question, "overdue", "", Happened.GATE_OVERDUE, title, overdue=question.times.overdue)
    return f"{run.name}: nobody answered {question.gate} in time; {then}"


def _once(run: Run, question: Question, kind: str, number: str, happened: Happened, title: str, **more: Any) -> None:
    """Tell, then write it down: killed in between, it is told again under the same key, which is the same event."""
    gate, key = question.gate, f"{kind}-{question.gate}{number}"
    tell(run, happened, key, title, text=summary_of(run, question), gate=gate, report_url=question.report_url)
    with run.open_ledger() as ledger:
        ledger.append(run.id, key, kind, {"gate": gate, **more})
