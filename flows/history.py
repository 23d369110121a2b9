"""The history command: every run of a pipeline, or of all, in a line each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

from flows.home import Home
from tasks.quality.chronicle import TAKEN_BACK, Chronicle, chronicle
from tasks.quality.errors import PilotMustDecide, did_you_mean
from tasks.quality.wording import score_text
from tasks.reports import numbers

_COLOURS = {"loaded": "green", "no-go": "red", TAKEN_BACK: "yellow", "nothing new": "default"}


def list_history(pipeline: str, limit: int, *, as_json: bool) -> None:
    """Print the latest runs, the last one first."""
    from blocks.ledger import Ledger

    console = Console(highlight=False)
    with Ledger(Home.here().ledger_url) as ledger:
        runs = ledger.runs()
        known = sorted({run.pipeline for run in runs})
        if pipeline and pipeline not in known:
            todo = did_you_mean(pipeline, known) or "gonogo history lists the runs of all pipelines"
            raise PilotMustDecide(f"no run of a pipeline '{pipeline}'", available=known, todo=todo)
        wanted = [run for run in runs if pipeline in ("", run.pipeline)]
        told = [chronicle(ledger.entries(run.run_id)) for run in wanted[: limit or None]]
    if as_json:
        console.print_json(json.dumps([asdict(each) for each in told]))
        return
    if not told:
        console.print("No runs yet. Start one: [bold]gonogo run DATA.csv[/]")
        return
    console.print(_table(told))
    if len(wanted) > len(told):
        console.print(f"[dim]and {len(wanted) - len(told):,} earlier runs: --limit 0 lists all[/]")


def _table(told: list[Chronicle]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    headings = ("run", "opened", "rows", "quality", "issues", "decisions", "who", "outcome")
    for heading in headings:
        justify: JustifyMethod = "right" if heading in ("rows", "decisions") else "left"
        table.add_column(heading, justify=justify, overflow="fold")
    for each in told:
        table.add_row(*_cells(each))
    return table


def _cells(each: Chronicle) -> Iterator[str]:
    yield escape(each.run)
    yield each.opened[:16].replace("T", " ")
    rows = [each.rows_read, each.rows_loaded]
    yield " → ".join(f"{n:,}" for n in rows if n is not None) or numbers.NOTHING
    yield _arrow(*(None if score is None else score_text(score) for score in (each.before, each.after)))
    yield _arrow(*(None if n is None else f"{n:,}" for n in (each.issues_before, each.issues_after)))
    yield f"{each.decisions:,}" + (f" [yellow](−{each.undone:,})[/]" if each.undone else "")
    names = dict.fromkeys(person.partition(" (")[0] for person in each.people)
    yield escape(", ".join(names)) or numbers.NOTHING
    note = f" [dim]{escape(each.note)}[/]" if each.note else ""
    yield f"[{_COLOURS.get(each.outcome, 'yellow')}]{escape(each.outcome)}[/]{note}"


def _arrow(before: str | None, after: str | None) -> str:
    told = [each for each in dict.fromkeys((before, after)) if each is not None]
    return " → ".join(told) or numbers.NOTHING
