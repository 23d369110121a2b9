"""Carrying a run through in this process: no worker, no new interpreter, about a second per gate.

A held run is suspended in Prefect, so it belongs to nobody: whoever answers first is the answer, in the UI or
at a terminal, and when this process dies the run is still held and anyone can take it on. A lock that the
operating system frees with the process says whether somebody is carrying a run right now.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flows.home import Home
from flows.locks import taken
from tasks.announce import TAG, pipeline_tag
from tasks.open import NAMED
from tasks.quality.approval import DEADLINE, STOPPING
from tasks.quality.errors import PilotMustDecide, SpecError, TryAgain, Unavailable
from tasks.quality.model import Answer
from tasks.quality.question import Question, answer_of
from tasks.run import adapter

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State

TERMINAL = "terminal"
"""The deployment of runs that a terminal carries: it has no work pool, so no worker takes them."""

NO_CODE = "no code"
"""What a no-go that needs no leave sends where a form asks for a code."""

_KEY = re.compile(r"(?P<gate>.+)-a\d+-(?P<tries>\d+)")
_RESUME_TRIES = 50
_FOLLOW_SECONDS = 0.25
_STARTING_SECONDS = 120
"""How long a worker's process may take from being submitted to holding the run's lock, on a machine that is busy."""


@dataclass(frozen=True)
class Given:
    """An answer with the code that signs it, where the gate is signed."""

    answer: Answer
    code: str = ""


def start(client: SyncPrefectClient, pipeline_file: Path, name: str | None = None) -> UUID:
    """Create a run of this pipeline that the caller is going to carry."""
    from flows.pipeline import pipeline

    flow_id = client.create_flow(pipeline)
    deployment = client.create_deployment(flow_id=flow_id, name=TERMINAL, tags=[TAG])
    parameters = {"pipeline": str(pipeline_file.resolve())}
    tags = [TAG, *_pipeline_tags(pipeline_file), *([NAMED] if name else [])]
    return client.create_flow_run_from_deployment(deployment, parameters=parameters, name=name, tags=tags).id


def _pipeline_tags(file: Path) -> list[str]:
    """The tag of the pipeline; none where its file cannot be read, which the run itself will tell."""
    from blocks.spec import load_or_default

    with suppress(SpecError):
        return [pipeline_tag(load_or_default(str(file)).name)]
    return []


def carry(
    client: SyncPrefectClient, home: Home, run_id: UUID, answer: Callable[[FlowRun, Question], Given | None]
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
        run = client.read_flow_run(run_id)
        if not held(run) and not ended(run):
            if _granted(client, run_id):
                execute(client, run_id)
            run = _followed(client, home, run_id)
        if not held(run):
            return run
        given = answer(run, question_of(home, run))
        run = client.read_flow_run(run_id)
        if given is not None and held(run):
            hand_in(client, home, run, given.answer, given.code)
        elif held(run):
            return run


def _granted(client: SyncPrefectClient, run_id: UUID) -> bool:
    """Ask for a run that is due, as a worker does before it starts a process for it: the server grants it to one."""
    from prefect.states import Pending

    mine = f"taken up by process {os.getpid()} on {platform.node()}"  # a request that was sent again is known by it
    told: State[Any] | None = client.set_flow_run_state(run_id, Pending(message=mine)).state
    return told is not None and told.message == mine


def _followed(client: SyncPrefectClient, home: Home, run_id: UUID) -> FlowRun:
    """The run as it is when no process is at it any more: a worker may have been first.

    It says so before its process has the run's lock; one that dies in between is not awaited long.
    """
    until = time.monotonic() + _STARTING_SECONDS
    while taken(home, str(run_id), "flow") or (_going(client, run_id) and time.monotonic() < until):
        time.sleep(_FOLLOW_SECONDS)
    return client.read_flow_run(run_id)


def _going(client: SyncPrefectClient, run_id: UUID) -> bool:
    state = client.read_flow_run(run_id).state
    return bool(state and (state.is_running() or state.is_pending()))


def execute(client: SyncPrefectClient, run_id: UUID) -> FlowRun:
    """Run the flow in this process until it ends or holds."""
    from prefect.exceptions import Abort, Pause
    from prefect.flow_engine import run_flow
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from flows.pipeline import pipeline

    run = client.read_flow_run(run_id)
    silent = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}  # its thread is waited for, a second at the end of each flow
    with suppress(Pause, Abort), temporary_settings(silent):  # held, or somebody else ended it: the state says which
        run_flow(pipeline, flow_run=run, parameters=run.parameters, return_type="state")
    return client.read_flow_run(run_id)


def held(run: FlowRun) -> bool:
    """Whether a run waits at a gate."""
    key = run.state.state_details.pause_key if run.state and run.state.is_paused() else None
    return bool(key and _KEY.fullmatch(key))  # another key is a suspension by the Prefect UI itself


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
    asked, _ = asked_of(home, run)
    return adapter(Question).validate_python(asked)


def asked_of(home: Home, run: FlowRun) -> tuple[Any, str]:
    """The question that a held run asks as it is kept, and its hash."""
    from blocks.staging import Staging
    from tasks.ask import question_file
    from tasks.quality.ledger import digest

    (gate, tries), staging = gate_of(run), Staging(str(home.staging))
    try:
        asked = staging.read_json(str(run.id), question_file(gate, tries))
    except Unavailable:
        asked = staging.read_json(str(run.id), question_file(gate))
    return asked, digest(asked)


def hand_in(client: SyncPrefectClient, home: Home, run: FlowRun, answer: Answer, code: str = "") -> None:
    """Give a held run its answer, as the Prefect form would.

    Args:
        client: a client of the server that knows the run.
        home: where the run's memory lies.
        run: the run as it is held.
        answer: to its question.
        code: of the answering person's authenticator, where the gate is signed.

    Raises:
        PilotMustDecide: somebody else answered first, or the server refuses the answer.
    """
    from blocks.ledger import Ledger
    from flows.form import seen, submission
    from tasks.ask import submit

    question, (_, shown) = question_of(home, run), asked_of(home, run)
    signed = {"code": code or NO_CODE, "seen": seen(shown)} if question.who.signed else {}
    with Ledger(home.ledger_url) as ledger:
        submit(str(run.id), ledger, answer)
    _resume(client, run, submission(question, answer) | signed)


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


def held_runs(client: SyncPrefectClient) -> list[FlowRun]:
    """Every run that waits at a gate, the longest waiting first."""
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    paused = FlowRunFilter.model_validate({"state": {"type": {"any_": ["PAUSED"]}}, "tags": {"all_": [TAG]}})
    found = client.read_flow_runs(flow_run_filter=paused, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=200)
    return sorted(
        filter(held, found), key=lambda run: run.state.timestamp if run.state else datetime.min.replace(tzinfo=UTC)
    )


def ended(run: FlowRun) -> bool:
    """Whether a run will do nothing more by itself."""
    return bool(run.state and run.state.is_final())


def refusal(home: Home, run: FlowRun) -> str:
    """Why the last answer to a held run's gate did not end the matter, or an empty string."""
    from blocks.ledger import Ledger
    from tasks.quality.approval import standing

    gate, _ = gate_of(run)
    with Ledger(home.ledger_url) as ledger:
        return standing(ledger.entries(str(run.id)), gate).problem


def stop_held(client: SyncPrefectClient, home: Home, run: FlowRun, who: str, comment: str) -> None:
    """End a held run: answer its gate with no-go, and let it write its receipt.

    Raises:
        PilotMustDecide: somebody else has just answered.
    """
    said = {"verdict": "no-go", "answered_by": who, "comment": comment}
    answer = answer_of(question_of(home, run), said, method=STOPPING)
    hand_in(client, home, run, answer)
    if not has_worker(home, run):
        execute(client, run.id)


def has_worker(home: Home, run: FlowRun) -> bool:
    """Whether a worker that is running now carries this run on by itself."""
    from flows.local import running

    addresses = running(home)
    return bool(run.work_pool_name and addresses and addresses.up)


def revive(client: SyncPrefectClient, home: Home, run: FlowRun) -> None:
    """Let a run whose process died, or that failed, be executed again; what it did stays done.

    Raises:
        PilotMustDecide: it is finished, cancelled, or being executed right now.
    """
    from prefect.states import AwaitingRetry

    state = run.state
    if state is None or state.is_completed() or state.is_cancelled():
        raise PilotMustDecide(f"{run.name} has ended ({run.state_name})", todo="start another run")
    if taken(home, str(run.id), "flow"):
        raise PilotMustDecide(f"{run.name} is being executed right now", todo=f"gonogo show {run.name}")
    if not held(run) and not state.is_scheduled():
        client.set_flow_run_state(run.id, AwaitingRetry(), force=True)


def reopen(client: SyncPrefectClient, run: FlowRun) -> None:
    """Let a held run be executed again without an answer: its table was revised, and it will ask about the new one."""
    from prefect.states import AwaitingRetry

    client.set_flow_run_state(run.id, AwaitingRetry(), force=True)


def adopt(home: Home, now: datetime | None = None) -> list[str]:
    """Carry on runs that lost their process; remind of gates that wait, ask second groups, see to deadlines.

    The worker executes the runs that it knows; the others are executed by a process of their own.

    Args:
        home: whose runs.
        now: the moment, for what is due; by default the clock's.

    Returns:
        What was done, a line per run.
    """
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        revived = [line for run in _orphans(client, home) if (line := _adopted(client, home, run))]
        moment = now or datetime.now(UTC)
        return revived + [line for run in held_runs(client) for line in see_to(client, home, run, moment)]


_LOST_SECONDS = 20
_MOST_REVIVALS = 5


def _orphans(client: SyncPrefectClient, home: Home) -> list[FlowRun]:
    """Runs of this machine that should be executing, but no process is at it."""
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    going = {"state": {"type": {"any_": ["RUNNING", "PENDING", "CRASHED", "SCHEDULED"]}}, "tags": {"all_": [TAG]}}
    newest = FlowRunSort.EXPECTED_START_TIME_DESC
    found = client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(going), sort=newest, limit=200)
    return [run for run in found if _lost(home, run)]


def _lost(home: Home, run: FlowRun) -> bool:
    state, id = run.state, str(run.id)
    if state is None or run.run_count == 0 or not (home.staging / id).exists():
        return False
    waits_for_worker = state.is_scheduled() and bool(run.work_pool_name)
    patience = _STARTING_SECONDS if state.is_pending() and run.work_pool_name else _LOST_SECONDS
    old = (datetime.now(UTC) - state.timestamp).total_seconds() > patience
    return old and not waits_for_worker and not taken(home, id, "flow") and not taken(home, id, "terminal")


def see_to(client: SyncPrefectClient, home: Home, run: FlowRun, now: datetime) -> Iterator[str]:
    """Do what is due at a held run's gate, each once, whatever is started again: it is in the ledger.

    Yields:
        What was done, a line each.
    """
    from tasks.run import recall_run
    from tasks.wait import due, escalate, miss, remind

    if run.state is None or not (home.staging / str(run.id)).exists():
        return
    known, question = recall_run(str(home.staging), str(run.id)), question_of(home, run)
    for what in due(known, question, now):
        if what == "overdue" and question.times.overdue == "no-go":
            if not _stopped(client, home, run, question):
                return
        elif not _waits_still(client, run):
            return
        if what == "overdue":
            yield miss(known, question)
        else:
            yield escalate(known, question) if what == "escalated" else remind(known, question, what)


def _waits_still(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Whether a run that was seen at a gate is there still: an answer that was just submitted is not recorded yet."""
    now = client.read_flow_run(run.id)
    return held(now) and gate_of(now) == gate_of(run)


def _stopped(client: SyncPrefectClient, home: Home, run: FlowRun, question: Question) -> bool:
    """Answer no-go for a deadline; False when a person was faster: the server takes exactly one answer."""
    said = {"verdict": "no-go", "answered_by": "deadline", "comment": "nobody answered in time"}
    try:
        hand_in(client, home, run, answer_of(question, said, method=DEADLINE))
    except PilotMustDecide:
        return False
    return True


def _adopted(client: SyncPrefectClient, home: Home, run: FlowRun) -> str:
    if run.run_count > _MOST_REVIVALS:
        return ""
    revive(client, home, run)
    if not run.work_pool_name:
        command = [sys.executable, "-m", "flows.cli", "resume", str(run.id)]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    return f"{run.name} lost its process and goes on where it was"
