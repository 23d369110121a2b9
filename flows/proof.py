"""The commands that prove: verify, and what it says at the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape

from flows.commands import FAILED, cockpit, run_id_of
from flows.home import Home
from tasks.quality.verify import Check
from tasks.quality.wording import plural
from tasks.run import Run, recall_run

if TYPE_CHECKING:
    from tasks.replay import Redone

UNCHECKED = 2
"""Exit status of a check that found nothing wrong in what it could look at, but could not look at everything."""


def verify_runs(name: str, head: str | None, *, every: bool, as_json: bool) -> None:
    """Check a run or all runs; exit status 0 when all holds, 1 when something does not, 2 when it cannot be told."""
    if every and head:
        raise typer.BadParameter("a head is of one run; name it, or leave out --head")
    home, console = Home.here(), Console(highlight=False)
    told = {}
    for run_id in _all_runs(home) if every else [run_id_of(home, name)]:
        run, checks = _verified(home, run_id, head)
        told[run] = checks
        if not as_json:
            (_tell_briefly if every else _tell)(console, run, checks)
    if as_json:
        console.print_json(json.dumps([_plain(run, checks) for run, checks in told.items()]))
    elif every:
        console.print(_sum(told))
    if status := max((status_of(checks) for checks in told.values()), key=_gravity, default=0):
        raise typer.Exit(status)


def replay_run(name: str, *, as_json: bool) -> None:
    """Make every table of a run anew and compare; exit status 1 at the first difference."""
    from tasks.replay import replay

    home, console = Home.here(), Console(highlight=False)
    run = recall_run(str(home.staging), run_id_of(home, name))
    done = []
    for redone in replay(run):
        done.append(redone)
        if not as_json:
            console.print(_redone(redone), soft_wrap=True)
    different = [redone for redone in done if redone.difference]
    if as_json:
        console.print_json(json.dumps({"run": run.name, "same": not different, "made": [asdict(r) for r in done]}))
    elif different:
        console.print(f"{escape(run.name)}: [red]{escape(different[0].name)} is another one; stopped there[/]")
    elif not done:
        console.print(f"{escape(run.name)}: nothing was read, so there is nothing to make anew")
    else:
        same = plural(len(done), "file comes out as it was", "files come out as they were")
        console.print(f"{escape(run.name)}: [green]{same}[/]")
    if different:
        raise typer.Exit(FAILED)


def _redone(redone: Redone) -> str:
    if redone.difference:
        return f"[red]✗[/] {escape(redone.name)}: {escape(redone.difference)}"
    if not redone.same:
        return f"[yellow]≈[/] {escape(redone.name)}: the same rows in other bytes"
    return f"[green]✓[/] {escape(redone.name)}: {redone.found[:19]}…"


def status_of(checks: Sequence[Check]) -> int:
    """The exit status that tells what became of the checks."""
    if not all(check.ok for check in checks):
        return FAILED
    return UNCHECKED if any(check.unchecked for check in checks) else 0


def _gravity(status: int) -> int:
    return (0, UNCHECKED, FAILED).index(status)


def _all_runs(home: Home) -> Iterator[str]:
    from blocks.ledger import Ledger

    with Ledger(home.ledger_url) as ledger:
        yield from (run.run_id for run in ledger.runs())


def _verified(home: Home, run_id: str, head: str | None) -> tuple[str, tuple[Check, ...]]:
    """The run's name and its checks; a run whose staging is gone or unreadable cannot be checked."""
    from tasks.quality.errors import TamperError, Unavailable
    from tasks.verify import verify

    try:
        run = recall_run(str(home.staging), run_id)
        with blocks_of(run):
            return run.name, verify(run, head)
    except Unavailable as error:
        return run_id, (Check("staging", True, 0, "", error.message),)
    except TamperError as error:
        return run_id, (Check("staging", False, 0, error.message),)


def blocks_of(run: Run) -> AbstractContextManager[object]:
    """A Prefect server, where the destination is a block that is saved there."""
    return cockpit() if run.spec().destination.kind == "saved" else nullcontext()


def _tell(console: Console, name: str, checks: Sequence[Check]) -> None:
    """Each check with what it looked at, and the sum of them."""
    for check in checks:
        console.print(f"{_mark(check)} {check.name}: {escape(_detail(check))}", soft_wrap=True)
    console.print(f"{escape(name)}: {_verdict(checks)}")


def _tell_briefly(console: Console, name: str, checks: Sequence[Check]) -> None:
    """One line for a run, and one for each check that does not hold."""
    console.print(f"{escape(name)}: {_verdict(checks)}")
    for check in checks:
        if not check.ok or check.unchecked:
            console.print(f"  {_mark(check)} {check.name}: {escape(_detail(check))}", soft_wrap=True)


def _mark(check: Check) -> str:
    if not check.ok:
        return "[red]✗[/]"
    return "[yellow]?[/]" if check.unchecked else "[green]✓[/]"


def _detail(check: Check) -> str:
    return f"{check.detail}; could not check {check.unchecked}" if check.unchecked else check.detail


def _verdict(checks: Sequence[Check]) -> str:
    colour = {0: "green", FAILED: "red", UNCHECKED: "yellow"}[status_of(checks)]
    return f"[{colour}]{verdict(checks)}[/]"


def verdict(checks: Sequence[Check]) -> str:
    """What became of the checks, in words."""
    failed, unknown = sum(not check.ok for check in checks), sum(bool(check.unchecked) for check in checks)
    if failed:
        return f"{failed} of {plural(len(checks), 'check')} {'fails' if failed == 1 else 'fail'}"
    if unknown:
        return f"nothing is wrong, but {unknown} of {plural(len(checks), 'check')} could not look at everything"
    return f"all {len(checks)} checks hold"


def _sum(told: Mapping[str, Sequence[Check]]) -> str:
    statuses = [status_of(checks) for checks in told.values()]
    hold, fail, open_ = (statuses.count(status) for status in (0, FAILED, UNCHECKED))
    holds = "holds" if hold == 1 else "hold"
    rest = f"{hold} {holds}, {fail} do not, {open_} could not be checked wholly"
    return f"\n{plural(len(statuses), 'run')}: {rest}"


def _plain(run: str, checks: Sequence[Check]) -> dict[str, Any]:
    words = {0: "holds", FAILED: "broken", UNCHECKED: "could not check"}
    return {"run": run, "verdict": words[status_of(checks)], "checks": [asdict(check) for check in checks]}
