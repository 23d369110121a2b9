"""A run in one line, from its ledger: when, how much, how good before and after, who decided, what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tasks.quality.history import REVISIONS, history, rows_there, taken_back
from tasks.quality.ledger import Entry

T = TypeVar("T")

TAKEN_BACK = "taken back"
"""The outcome of a run that was loaded and of which the destination has nothing any more."""


@dataclass(frozen=True)
class Chronicle:
    """One run.

    Attributes:
        opened, ended: UTC, ISO 8601; `ended` is empty while it is under way.
        rows_read: records of the source, None before anything was read.
        rows_loaded: that the destination has, 0 after they were taken back; None when nothing was loaded.
        before, after: the quality score of the first and of the last look; None without one.
        issues_before, issues_after: how many were found.
        decisions: how many stand; `undone` do not.
        cells_changed, rows_left: what the decisions that stand did; rows that came back are not counted.
        people: who answered, with the method, in the order of their first answer.
        outcome: "loaded", "taken back", "no-go", "nothing new", or what it waits for.
        note: why it ended so.
    """

    run_id: str
    run: str
    pipeline: str
    opened: str
    ended: str
    rows_read: int | None
    rows_loaded: int | None
    before: float | None
    after: float | None
    issues_before: int | None
    issues_after: int | None
    decisions: int
    undone: int
    cells_changed: int
    rows_left: int
    people: tuple[str, ...]
    outcome: str
    note: str
    head: str


def chronicle(entries: Sequence[Entry]) -> Chronicle:
    """The run that these entries are of, in their order; there is at least one."""
    opened = entries[0]
    ended = next((e for e in reversed(entries) if e.kind == "outcome"), None)
    looks = [e.payload for e in entries if e.kind == "stage" and e.payload["stage"] == "assess"]
    read = next((e.payload for e in entries if e.key == "stage-extract"), {})
    scores, issues = [look["score"] for look in looks], [len(look["issues"]) for look in looks]
    stands = history(entries)
    outcome, note = outcome_of(entries)
    return Chronicle(
        run_id=opened.run_id,
        run=str(opened.payload.get("name", opened.run_id)),
        pipeline=str(opened.payload.get("pipeline", "")),
        opened=opened.at,
        ended=ended.at if ended else "",
        rows_read=read.get("rows_read"),
        rows_loaded=rows_there(entries),
        before=_first(scores),
        after=_first(reversed(scores)),
        issues_before=_first(issues),
        issues_after=_first(reversed(issues)),
        decisions=len(stands.decisions),
        undone=len(stands.undone),
        cells_changed=sum(made["cells_changed"] for made in stands.changes),
        rows_left=sum(stands.gone.values()),
        people=_people(entries),
        outcome=outcome,
        note=note,
        head=entries[-1].hash,
    )


def outcome_of(entries: Sequence[Entry]) -> tuple[str, str]:
    """What came of a run, or what it waits for; and why, if that was said."""
    if back := taken_back(entries):
        comment = f": {back.payload['comment']}" if back.payload["comment"] else ""
        return TAKEN_BACK, f"by {back.actor}{comment}"
    ended = next((e.payload for e in reversed(entries) if e.kind == "outcome"), None)
    if ended:
        return str(ended["outcome"]), str(ended["note"])
    asked = open_gate(entries)
    return f"waits at {asked.payload['gate']}" if asked else "under way", ""


def open_gate(entries: Sequence[Entry]) -> Entry | None:
    """The entry of the gate that waits for an answer, if one does."""
    answered = {e.payload["gate"] for e in entries if e.kind == "answer"}
    for number in range(len(entries) - 1, -1, -1):
        entry = entries[number]
        if entry.kind in ("outcome", *REVISIONS):
            return None  # what was asked before is answered by it
        if entry.kind == "hold":
            return None if entry.payload["gate"] in answered else entry
    return None


def _people(entries: Iterable[Entry]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(person for e in entries if e.kind == "answer" for person in _answered(e)))


def _answered(answer: Entry) -> list[str]:
    signed = answer.payload.get("signatures") or ({"name": answer.actor, "method": answer.method},)
    return [f"{each['name']} ({each['method']})" for each in signed]


def _first(found: Iterable[T]) -> T | None:
    return next(iter(found), None)
