"""What the gonogo commands do: find the run, start what is needed, show the outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import typer
from rich.console import Console

from flows.answers import AnswersFile, accept_recommended
from flows.home import Home
from tasks.quality.errors import AnswerError, PilotMustDecide
from tasks.quality.model import Answer
from tasks.quality.question import Question

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

HELD = 3
"""Exit status of a command that leaves its run held at a gate."""

FAILED = 1

Answerer = Callable[[Question], Answer | None]


@dataclass(frozen=True)
class Cockpit:
    """What a command works with: the home, a client of the server, and the terminal."""

    home: Home
    client: SyncPrefectClient
    console: Console

    def find(self, name: str) -> FlowRun:
        """The run that a person calls `name`."""
        from blocks.ledger import Ledger

        with Ledger(self.home.ledger_url) as ledger:
            return self.client.read_flow_run(UUID(ledger.resolve(name)))


def run_pipeline(pipeline: Path, *, accepts: bool, answers: Path | None, name: str | None) -> None:
    """Start a run and carry it to its end, or to a gate that nobody answers."""
    from blocks.spec import load_or_default

    load_or_default(pipeline)  # what is wrong with the file is said before anything starts
    given = _given(answers, accepts=accepts)
    with _cockpit() as cockpit:
        from flows.drive import start

        _carry(cockpit, start(cockpit.client, pipeline, name), given)


def decide_run(name: str, *, accepts: bool, answers: Path | None) -> None:
    """Answer a held run, and carry it on unless somebody else does."""
    given = _given(answers, accepts=accepts)
    with _cockpit() as cockpit:
        from flows.drive import gate_of

        run = cockpit.find(name)
        gate_of(run)  # refuses a run that is not held
        _carry(cockpit, run.id, given)


def resume_run(name: str, *, accepts: bool, answers: Path | None) -> None:
    """Carry on a run whose process died or that failed."""
    given = _given(answers, accepts=accepts)
    with _cockpit() as cockpit:
        from flows.drive import revive

        run = cockpit.find(name)
        revive(cockpit.client, cockpit.home, run)
        _carry(cockpit, run.id, given)


def _given(answers: Path | None, *, accepts: bool) -> Answerer | None:
    """The answerer that the options name; None when a person is to be asked."""
    if answers and accepts:
        raise typer.BadParameter("choose one of --answers and --accept-recommended")
    if answers:
        return AnswersFile(answers)
    return accept_recommended if accepts else None


@contextmanager
def _cockpit() -> Iterator[Cockpit]:
    console = Console(highlight=False)
    home = Home.here()
    home.activate()
    from prefect.client.orchestration import get_client

    from flows.local import server

    with server(home, tell=lambda text: console.print(f"[dim]{text}[/]")), get_client(sync_client=True) as client:
        yield Cockpit(home, client, console)


def _carry(cockpit: Cockpit, run_id: UUID, given: Answerer | None) -> None:
    from flows.drive import carry, carrying, held
    from flows.terminal import progress
    from tasks.announce import listening

    with carrying(cockpit.home, run_id, "terminal") as mine, progress(cockpit.console) as shown, listening(shown):
        answer = _Attendant(cockpit, shown.rest, given)
        run = carry(cockpit.client, cockpit.home, run_id, answer) if mine else answer.once(run_id)
    _conclude(cockpit, run)
    if held(run):
        raise typer.Exit(HELD)
    if run.state and run.state.is_failed():
        raise typer.Exit(FAILED)
