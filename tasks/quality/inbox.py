"""What waits for an answer: at which gate, for whom, since when, and what cannot go on before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.quality.question import Question

_NEXT = {
    "source": "looking for issues, and the load into {}",
    "quality": "measuring the goals, and the load into {}",
    "load": "the load into {}",
    "hold": "all later stages, and the load into {}",
}
"""What a family of gates blocks."""


@dataclass(frozen=True)
class Waiting:
    """One gate that waits.

    Attributes:
        since: when it asked, UTC, ISO 8601.
        due: when its deadline passes, or empty; `overdue` is what happens then.
        blocks: what cannot go on.
        question: what it asks, in full.
    """

    run_id: str
    run: str
    pipeline: str
    gate: str
    since: str
    due: str
    overdue: str
    for_whom: str
    blocks: str
    question: Question


def waiting(question: Question, *, run_id: str, run: str, pipeline: str, since: str, destination: str) -> Waiting:
    """A question as it waits since a moment (ISO 8601)."""
    due, times = "", question.times
    if times.deadline_seconds:
        due = (datetime.fromisoformat(since) + timedelta(seconds=times.deadline_seconds)).isoformat()
    blocked = _NEXT.get(question.gate.partition("-")[0], _NEXT["hold"]).format(destination)
    told = {"since": since, "due": due, "overdue": times.overdue if due else "", "blocks": blocked}
    return Waiting(run_id, run, pipeline, question.gate, for_whom=_for_whom(question), question=question, **told)


def _for_whom(question: Question) -> str:
    """Who may answer, and who has already agreed."""
    agreed = " and ".join(signature.name for signature in question.agreed)
    may = question.who.told if question.who.strict else "anybody"
    return f"{may}; {agreed} agreed" if agreed else may


def length(seconds: float) -> str:
    """How long something has waited, in one unit.

    >>> length(59), length(3 * 3600), length(50 * 3600)
    ('0 min', '3 h', '2 days')
    """
    minutes = max(int(seconds // 60), 0)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"  # noqa: PLR2004


def since(moment: str, now: datetime) -> str:
    """How long ago a moment (ISO 8601) was."""
    return length((now - datetime.fromisoformat(moment)).total_seconds())
