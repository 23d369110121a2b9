"""Carrying a run through in this process: no worker, no new interpreter, about a second per gate.

A held run is suspended in Prefect, so it belongs to nobody: whoever answers first is the answer, in the UI or
at a terminal, and when this process dies the run is still held and anyone can take it on. A lock that the
operating system frees with the process says whether somebody is carrying a run right now.
"""

from __future__ import annotations

import fcntl
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from pydantic import TypeAdapter

from flows.home import Home
from tasks.quality.errors import PilotMustDecide, TryAgain
from tasks.quality.model import Answer
from tasks.quality.question import Question

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State

TERMINAL = "terminal"
"""The deployment of runs that a terminal carries: it has no work pool, so no worker takes them."""

_KEY = re.compile(r"(?P<gate>.+)-a\d+-(?P<tries>\d+)")
_RESUME_TRIES = 50


def start(client: SyncPrefectClient, pipeline_file: Path, name: str | None = None) -> UUID:
    """Create a run of this pipeline that the caller is going to carry."""
    from flows.pipeline import pipeline

    flow_id = client.create_flow(pipeline)
    deployment = client.create_deployment(flow_id=flow_id, name=TERMINAL, tags=["gonogo"])
    parameters = {"pipeline": str(pipeline_file.resolve())}
    return client.create_flow_run_from_deployment(deployment, parameters=parameters, name=name, tags=["gonogo"]).id


@contextmanager
def carrying(home: Home, run_id: UUID | str, what: Literal["flow", "terminal"]) -> Iterator[bool]:
    """Hold the right to execute a run's flow, or to attend it at a terminal; False when another process has it."""
    home.locks.mkdir(parents=True, exist_ok=True)
    with (home.locks / f"{run_id}.{what}").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def carry(
    client: SyncPrefectClient, home: Home, run_id: UUID, answer: Callable[[FlowRun, Question], Answer | None]
) -> FlowRun:
    """Run until the end, or until a gate that `answer` leaves open (it gives None).

    Args:
        client: a client of the server that knows the run.
        home: where the run's memory lies.
        run_id: the run.
        answer: asked at each gate; may itself notice that somebody else answered, and give None.

    Returns:
        The run as it is then: finished, failed or held.
    """
    while True:
        run = execute(client, run_id)
        if not held(run):
            return run
        given = answer(run, question_of(home, run))
        run = client.read_flow_run(run_id)
        if given is not None and held(run):
            hand_in(client, home, run, given)
        elif held(run):
            return run


def execute(client: SyncPrefectClient, run_id: UUID) -> FlowRun:
    """Run the flow in this process until it ends or holds."""
    from prefect.exceptions import Abort, Pause
    from prefect.flow_engine import run_flow

    from flows.pipeline import pipeline

    run = client.read_flow_run(run_id)
    try:
        run_flow(pipeline, flow_run=run, parameters=run.parameters, return_type="state")
    except (Pause, Abort):
        pass  # held, or somebody else ended it: the state says which
    return client.read_flow_run(run_id)


def held(run: FlowRun) -> bool:
    """Whether a run waits at a gate."""
    return bool(run.state and run.state.is_paused() and run.state.state_details.pause_key)


def gate_of(run: FlowRun) -> tuple[str, int]:
    """The gate that a held run waits at, and how many answers it has refused.

    Raises:
        PilotMustDecide: the run is not held at a gate.
    """
    key = str(run.state.state_details.pause_key) if run.state else ""
    if not held(run) or not (match := _KEY.fullmatch(key)):
        state = run.state.name if run.state else "unknown"
        raise PilotMustDecide(f"run {run.name} is not held at a gate, it is {state}")
    return match["gate"], int(match["tries"])


def question_of(home: Home, run: FlowRun) -> Question:
    """What a held run asks."""
    from blocks.staging import Staging
    from tasks.ask import question_file

    gate, _ = gate_of(run)
    return TypeAdapter(Question).validate_python(Staging(str(home.staging)).read_json(str(run.id), question_file(gate)))


def hand_in(client: SyncPrefectClient, home: Home, run: FlowRun, answer: Answer) -> None:
    """Give a held run its answer, as the Prefect form would.

    Raises:
        PilotMustDecide: somebody else answered first, or the server refuses the answer.
    """
    from blocks.ledger import Ledger
    from flows.form import submission
    from tasks.ask import submit

    question = question_of(home, run)
    with Ledger(home.ledger_url) as ledger:
        submit(str(run.id), ledger, answer)
    _resume(client, run, submission(question, answer))


def _resume(client: SyncPrefectClient, run: FlowRun, sent: dict[str, Any]) -> None:
    from prefect.client.schemas.responses import SetStateStatus

    for _ in range(_RESUME_TRIES):
        response = client.resume_flow_run(run.id, run_input=sent)
        if response.status is SetStateStatus.ACCEPT:
            return
        reason = str(getattr(response.details, "reason", ""))
        if response.status is SetStateStatus.ABORT:
            raise PilotMustDecide("somebody else has answered already", where=run.name, todo=f"gonogo show {run.name}")
        if "schema" not in reason.lower() or "not found" not in reason.lower():
            raise PilotMustDecide(f"the answer was refused: {reason}", where=run.name)
        time.sleep(0.1)  # just after suspending, the server may not have the form yet
    raise TryAgain("the server has no form for this gate", where=run.name, todo=f"gonogo resume {run.name}")
