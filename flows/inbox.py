"""The inbox at the terminal: what waits, for whom, how long and what it blocks; and answers to several runs at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.commands import FAILED, cockpit
from flows.home import Home
from tasks.quality.errors import GonogoError
from tasks.quality.inbox import Waiting, since
from tasks.quality.secrets import mask
from tasks.reports.trace import moment


def list_pending(*, as_json: bool) -> None:
    """List the gates that wait for an answer, the longest waiting first."""
    console, home = Console(highlight=False), Home.here()
    home.activate()
    from tasks.pending import pending

    found = pending(str(home.staging), home.ledger_url)
    if found:  # by the ledger; whether the runs are still there, Prefect knows
        with cockpit(console) as at:
            from flows.drive import held_runs

            held = {str(run.id) for run in held_runs(at.client)}
        found = tuple(each for each in found if each.run_id in held)
    if as_json:
        console.print_json(json.dumps([_plain(each) for each in found]))
    elif found:
        console.print(_table(found))
        console.print("\nAnswer with [bold]gonogo decide RUN[/], or in the Prefect UI (gonogo up).")
    else:
        console.print("No run waits for an answer.")


def each_apart(names: Sequence[str], answer: Callable[[str], None]) -> None:
    """Answer several runs, each by itself: one that cannot be answered is told, and the others are answered.

    The exit status is the first one that is not 0.
    """
    if len(names) == 1:
        answer(names[0])
        return
    console, statuses = Console(highlight=False), []
    for name in names:
        console.print(f"\n[bold]{escape(name)}[/]")
        statuses.append(_status(console, name, answer))
    if status := next(filter(None, statuses), 0):
        raise typer.Exit(status)


def _status(console: Console, name: str, answer: Callable[[str], None]) -> int:
    try:
        answer(name)
    except typer.Exit as exit:
        return exit.exit_code
    except GonogoError as error:
        console.print(f"[red]{escape(name)} was not answered: {escape(mask(error.message))}[/]", soft_wrap=True)
        return FAILED
    return 0


def _plain(each: Waiting) -> dict[str, Any]:
    told = {name: value for name, value in asdict(each).items() if name != "question"}
    asks = {"title": each.question.title, "summary": each.question.summary, "evidence": each.question.evidence}
    return (
        told | asks | {"waits_seconds": int((datetime.now(UTC) - datetime.fromisoformat(each.since)).total_seconds())}
    )


def _table(found: Sequence[Waiting]) -> Table:
    table, now = Table(box=None, header_style="dim", pad_edge=False), datetime.now(UTC)
    for heading in ("run", "gate", "waits", "for", "asks", "blocks"):
        table.add_column(heading, overflow="fold")
    for each in found:
        due = f"\n[yellow]due {moment(each.due)}, then {each.overdue}[/]" if each.due else ""
        told = (each.for_whom, each.question.summary or each.question.title, mask(each.blocks))
        table.add_row(escape(each.run), each.gate, since(each.since, now) + due, *map(escape, told))
    return table
