"""The start page: every run with its state, its score before and after, and links to its pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.reports.page import render
from tasks.reports.records import Link

_STATES = {
    "ok": "loaded completed done",
    "held": "held paused suspended waiting",
    "low": "running scheduled pending",
    "no": "failed crashed stopped cancelled no-go",
}
TONES = {state: tone for tone, states in _STATES.items() for state in states.split()}
"""The colour of each state; any other state is shown in grey."""


@dataclass(frozen=True)
class RunLine:
    """One run on the start page; `note` says what it waits for or why it ended."""

    run: str
    pipeline: str
    state: str
    started: str
    rows: int | None = None
    before: float | None = None
    after: float | None = None
    note: str = ""
    links: tuple[Link, ...] = ()


def index_html(runs: Sequence[RunLine]) -> str:
    """The start page with the runs in the order given."""
    states = sorted(Counter(run.state.lower() for run in runs).items())
    held = [run for run in runs if TONES.get(run.state.lower()) == "held"]
    return render("index.html", runs=runs, states=states, tones=TONES, held=held)
