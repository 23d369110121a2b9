"""The trace command: one cell's story, or one row's, from its source to its destination."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.commands import run_id_of
from flows.home import Home
from tasks.quality.trace import Story
from tasks.reports.trace import title, trace_lines
from tasks.run import recall_run

_COLOURS = {"ok": "green", "no": "red", "held": "yellow"}


def trace_cell(name: str, row: int | None, column: str, key: str, *, as_json: bool) -> None:
    """Find the row, and tell its story, or that of its cell."""
    from tasks.trace import rows_of_key, trace

    if (row is None) == (not key):
        raise typer.BadParameter("name the row: --row N, or --key column=value")
    home = Home.here()
    run = recall_run(str(home.staging), run_id_of(home, name))
    if row is None:
        of, equals, value = key.partition("=")
        if not equals:
            raise typer.BadParameter("write --key column=value")
        row = rows_of_key(run, of, value)
    story = trace(run, row, column)
    console = Console(highlight=False)
    if as_json:
        console.print_json(json.dumps(_plain(story)))
    else:
        _tell(console, story)


def _plain(story: Story) -> dict[str, object]:
    return asdict(story) | {"adds_up": story.adds_up, "came": dict(story.came), "stands": dict(story.stands)}


def _tell(console: Console, story: Story) -> None:
    console.print(f"[bold]{escape(title(story))}[/]")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for line in trace_lines(story):
        colour = _COLOURS.get(line.tone, "default")
        text = f"[strike]{escape(line.text)}[/]" if line.undone else escape(line.text)
        table.add_row(f"[{colour}]{line.what}[/]", text)
        if line.detail:
            table.add_row("", f"[dim]{escape(line.detail)}[/]")
    console.print(table)
