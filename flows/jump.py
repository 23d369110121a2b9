"""Going back and forth: an earlier stage again, with another contract or other goals; straight to the load; what if."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.commands import answer_with, cockpit, run_id_of, run_pipeline
from flows.home import Home
from flows.revise import METHOD, revise
from tasks.branch import branch
from tasks.quality.chronicle import outcome_of
from tasks.quality.errors import AnswerError, PilotMustDecide, Unavailable
from tasks.quality.history import returned_unmeasured, rows_there
from tasks.quality.model import Answer
from tasks.quality.question import Question, answer_of
from tasks.quality.wording import plural, score_text
from tasks.rewind import Rewound, rewind
from tasks.run import Run, recall_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.quality.question import Tables

LOAD = "load"


def jump(name: str, to: str, contract: Path | None, goals: Path | None, comment: str) -> None:
    """Let a held run go back, or straight to the load."""
    parts = sections(contract, goals)
    if to == LOAD:
        _skip(name, parts, comment)
        return
    console = Console(highlight=False)
    method, who = METHOD.format("gonogo jump"), getpass.getuser()
    revise(
        name,
        lambda run, gate: rewind(run, to, parts, gate=gate, who=who, method=method, comment=comment),
        lambda done: _tell(console, done),
    )


def branch_off(name: str, start: str, contract: Path | None, goals: Path | None, called: str | None) -> None:
    """Start a what-if run from a table of a run, and carry it."""
    home = Home.here()
    run = recall_run(str(home.staging), run_id_of(home, name))
    folder, number = home.path / "what-if", 1
    while (folder / f"{run.name}-{number}").exists():
        number += 1
    own = called or f"{run.name}-what-if-{number}"
    pipeline = branch(run, start, folder / f"{run.name}-{number}", sections(contract, goals))
    Console(highlight=False).print(f"Afterwards: gonogo compare {run.name} {own}", markup=False, soft_wrap=True)
    run_pipeline(pipeline, accepts=False, answers=None, name=own)


def compare(one: str, other: str) -> None:
    """Put two runs side by side: rows, score, issues, changes, goals."""
    home = Home.here()
    runs = [recall_run(str(home.staging), run_id_of(home, name)) for name in (one, other)]
    left, right = (dict(_figures(run)) for run in runs)
    table = Table(box=None, header_style="dim", pad_edge=False)
    for heading in ("", *(run.name for run in runs)):
        table.add_column(escape(heading))
    for name in dict.fromkeys((*left, *right)):
        table.add_row(escape(name), *(escape(side.get(name, "–")) for side in (left, right)))
    Console(highlight=False).print(table)


def sections(contract: Path | None, goals: Path | None) -> dict[str, Any]:
    """Sections of other pipelines' files."""
    from blocks.spec import load_pipeline

    named = {"contract": contract, "goals": goals}
    return {part: getattr(load_pipeline(path), part) for part, path in named.items() if path is not None}


def _skip(name: str, parts: dict[str, Any], comment: str) -> None:
    if parts:
        raise PilotMustDecide("another contract or other goals are looked at first", todo="--to assess")

    def onwards(question: Question, _: Tables) -> Answer | None:
        if not question.gate.startswith("quality-"):
            return None
        why = comment or "skipped: straight to the load"
        said = {"verdict": "go", "answered_by": getpass.getuser(), "rest": "keep", "comment": why}
        return answer_of(question, said, method=METHOD.format("gonogo jump"))

    with cockpit(carries=True) as at:
        from flows.drive import gate_of

        run = at.find(name)
        gate, _ = gate_of(run)
        if not gate.startswith("quality-"):
            raise AnswerError(f"{run.name} waits at {gate}, from where nothing is skipped", todo="answer it")
        answer_with(at, run.id, onwards)


def _tell(console: Console, done: Rewound) -> None:
    where = {"assess": "It looks at its table again", "source": "It is back at the table as it came"}
    console.print(f"{where.get(done.to, f'It is back at {done.to}')}: {plural(done.snapshot.rows, 'row')}.")
    if done.changed:
        console.print(f"Another way from now on: {' and '.join(done.changed)}.")
    if done.dropped:
        console.print(f"These do not stand any more: {', '.join(f'decision {d.number}' for d in done.dropped)}.")


def _figures(run: Run) -> Iterator[tuple[str, str]]:
    from tasks.insights.compare import Comparison

    entries, stands = run.entries(), run.history()
    yield "outcome", outcome_of(entries)[0]
    assessed = [e.payload for e in entries if e.kind == "stage" and e.payload["stage"] == "assess"]
    if assessed:
        staged = run.snapshots()[0].rows
        yield "rows", f"{staged:,} → {staged - sum(stands.gone.values()):,}"
        yield "score", " → ".join(score_text(look["score"]) for look in (assessed[0], assessed[-1]))
        yield "issues", f"{len(assessed[0]['issues'])} → {len(assessed[-1]['issues'])}"
        yield "contract checks that fail", f"{assessed[0]['checks_failed']} → {assessed[-1]['checks_failed']}"
    if (there := rows_there(entries)) is not None:
        yield "rows in the destination", f"{there:,}"
    yield "decisions", str(len(stands.decisions))
    yield "cells changed", f"{sum(made['cells_changed'] for made in stands.changes):,}"
    yield from ((f"rows {name}", f"{rows:,}") for name, rows in stands.gone.items())
    try:
        goals = run.recall_all(Comparison, "goals")
    except Unavailable:
        goals = ()
    old = f" (before {plural(back, 'row')} came back)" if (back := returned_unmeasured(entries)) else ""
    yield from ((f"goal {goal.goal.name}", goal.goal.shown(goal.after.figure.value) + old) for goal in goals)
