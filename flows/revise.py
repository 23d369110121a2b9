"""Revising a run's table from outside its flow: a decision is undone, rows come back from quarantine.

A held run's gate asks about a table that is no more, so the run goes on by itself: it looks at the new table, and asks
again. A run that has ended has no gate; its new table is there for `gonogo export`.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from flows.commands import carry_on, cockpit, run_id_of
from flows.home import Home
from tasks.quality.errors import PilotMustDecide
from tasks.quality.wording import plural
from tasks.run import Run, recall_run
from tasks.undo import Ask, Doubt, Undone, undo
from tasks.unload import unload

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

T = TypeVar("T")

METHOD = "operating-system user, {}"
GATES = ("quality", "load")
"""Families of gates that ask about the refined table."""


def revise(
    name: str,
    change: Callable[[Run, str], T],
    tell: Callable[[T], None],
    changed: Callable[[T], bool] = lambda _: True,
) -> None:
    """Change a run's table, and let the run go on where it waits.

    Args:
        name: what a person calls the run.
        change: makes the new table; takes the run and the gate that it is held at ("" when it has ended).
        tell: says what was changed.
        changed: whether anything was, so that the run has to look again.

    Raises:
        PilotMustDecide: the run is under way, or held before there is anything to change.
    """
    home = Home.here()
    run = recall_run(str(home.staging), run_id_of(home, name))
    if any(entry.kind == "outcome" for entry in run.entries()):
        tell(change(run, ""))
        return
    with cockpit(carries=True) as at:
        from flows.drive import has_worker, reopen
        from flows.locks import holding, taken

        with holding(home, run.id, "flow") as mine:
            held = at.find(name)
            if not mine:
                raise PilotMustDecide(f"{run.name} is being executed", todo=f"gonogo hold {run.name}")
            done = change(run, _gate(held))
            tell(done)
        if not changed(done):
            return
        reopen(at.client, held)
        if has_worker(home, held) or taken(home, run.id, "terminal"):
            at.console.print(f"{escape(run.name)} goes on where it is carried, and asks again.")
        else:
            carry_on(at, held.id)


def _gate(held: FlowRun) -> str:
    from flows.drive import gate_of

    gate, _ = gate_of(held)
    if gate.rpartition("-")[0] not in GATES:
        raise PilotMustDecide(f"{held.name} is held at {gate}, which asks about no table", todo="answer it first")
    return gate


def undo_decision(name: str, number: int, *, keep: bool, drop: bool, comment: str) -> None:
    """Undo one decision of a run."""
    if keep and drop:
        raise typer.BadParameter("choose one of --keep and --drop")
    console, who = Console(highlight=False), getpass.getuser()
    ask = _always(keep=keep) if keep or drop else _asking(console)
    method = METHOD.format("gonogo undo")
    revise(
        name,
        lambda run, gate: undo(run, number, ask, who=who, method=method, gate=gate, comment=comment),
        lambda undone: _tell(console, undone),
    )


def unload_run(name: str, *, comment: str) -> None:
    """Take a run's last load back."""
    home, console = Home.here(), Console(highlight=False)
    run = recall_run(str(home.staging), run_id_of(home, name))
    taken = unload(run, who=getpass.getuser(), method=METHOD.format("gonogo unload"), comment=comment)
    console.print(
        f"{plural(taken.rows_removed, 'row was', 'rows were')} taken out of {escape(taken.destination)}.",
        soft_wrap=True,
    )
    if taken.rows_restored:
        console.print(f"{plural(taken.rows_restored, 'former row is', 'former rows are')} there again.")
    console.print(
        f"It has {plural(taken.rows_after, 'row')} now. The source was told of the load, and is not told otherwise."
    )
    console.print(f"The refined rows are kept: [bold]gonogo export {escape(run.name)} --refined F.csv[/]")


def _always(*, keep: bool) -> Ask:
    def decide(doubt: Doubt) -> bool:
        if keep and not doubt.possible:
            what = f"decision {doubt.decision.number} cannot be kept: {doubt.why}"
            raise PilotMustDecide(what, todo="nothing was changed; --drop lets such decisions go")
        return keep

    return decide


def _asking(console: Console) -> Ask:
    """Ask at the terminal about each decision in doubt.

    Raises:
        PilotMustDecide: there is nobody to ask.
    """

    def decide(doubt: Doubt) -> bool:
        decision = doubt.decision
        said = f"decision {decision.number} ({decision.issue}: {decision.label}): {doubt.why}"
        if not sys.stdin.isatty():
            raise PilotMustDecide(said, todo="nothing was changed; say --keep or --drop, or undo at a terminal")
        console.print(escape(said), soft_wrap=True)
        if not doubt.possible:
            typer.confirm("It goes, too. Go on?", abort=True)
            return False
        return typer.confirm("Carry it out again all the same?", default=False)

    return decide


def _tell(console: Console, undone: Undone) -> None:
    decision = undone.decision
    console.print(f"Decision {decision.number} ({escape(decision.issue)}: {escape(decision.label)}) is undone.")
    if undone.kept:
        numbers = ", ".join(str(changes.decision) for changes in undone.kept)
        console.print(f"Carried out again without it: decisions {numbers}.")
    for doubt in undone.dropped:
        console.print(f"Decision {doubt.decision.number} went with it: {escape(doubt.why)}.", soft_wrap=True)
    console.print(f"The table has {plural(undone.snapshot.rows, 'row')} now.")
