"""A run in one line, from its ledger: when, how much, how good before and after, who decided, what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tasks.quality.history import REVISIONS, history
from tasks.quality.ledger import Entry

T = TypeVar("T")


@dataclass(frozen=True)
class Chronicle:
    """One run.

    Attributes:
        opened, ended: UTC, ISO 8601; `ended` is empty while it is under way.
        rows_read: records of the source, None before anything was read.
        rows_loaded: None when nothing was loaded.
        before, after: the quality score of the first and of the last look; None without one.
        issues_before, issues_after: how many were found.
        decisions: how many stand; `undone` do not.
        cells_changed, rows_left: what the decisions that stand did; rows that came back are not counted.
        people: who answered, with the method, in the order of their first answer.
        outcome: "loaded", "no-go", "nothing new", or what it waits for.
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
    gone = sum(made["dropped"] + made["quarantined"] + made["merged"] for made in stands.changes)
    return Chronicle(
        run_id=opened.run_id,
        run=str(opened.payload.get("name", opened.run_id)),
        pipeline=str(opened.payload.get("pipeline", "")),
        opened=opened.at,
        ended=ended.at if ended else "",
        rows_read=read.get("rows_read"),
        rows_loaded=_loaded(entries),
        before=_first(scores),
        after=_first(reversed(scores)),
        issues_before=_first(issues),
        issues_after=_first(reversed(issues)),
        decisions=len(stands.decisions),
        undone=len(stands.undone),
        cells_changed=sum(made["cells_changed"] for made in stands.changes),
        rows_left=gone - stands.rows_returned,
        people=_people(entries),
        outcome=str(ended.payload["outcome"]) if ended else _waiting(entries),
        note=str(ended.payload["note"]) if ended else "",
        head=entries[-1].hash,
    )


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


def _loaded(entries: Iterable[Entry]) -> int | None:
    found = [e.payload["rows_written"] for e in entries if e.kind == "commit"]
    return int(found[-1]) if found else None


def _people(entries: Iterable[Entry]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(person for e in entries if e.kind == "answer" for person in _answered(e)))


def _answered(answer: Entry) -> list[str]:
    signed = answer.payload.get("signatures") or ({"name": answer.actor, "method": answer.method},)
    return [f"{each['name']} ({each['method']})" for each in signed]


def _waiting(entries: Sequence[Entry]) -> str:
    asked = open_gate(entries)
    return f"waits at {asked.payload['gate']}" if asked else "under way"


def _first(found: Iterable[T]) -> T | None:
    return next(iter(found), None)
