"""Go or no-go: hold the run, show the evidence, take a valid answer, record it, once.

The ledger answers first: a gate that was answered is never asked again, whatever Prefect remembers. Only the
parent flow can hold, so everything here is called from `flows/pipeline.py`'s body; what has side effects is a
task and happens once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import State
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.flow_runs import suspend_flow_run
from prefect.input.run_input import keyset_from_base_key
from prefect.states import Cancelled, Running
from prefect.tasks import Task

from flows.form import Submitted, form, said_in, submitted
from tasks.ask import (
    hold_question,
    identified,
    keep_question,
    open_gate,
    record_answer,
    refuse_answer,
    requests_before,
    shown_of,
    suspended_outside,
)
from tasks.edits import tables
from tasks.policies import check_remember, remember
from tasks.quality.approval import UNVERIFIED, Standing, complete, standing
from tasks.quality.errors import AnswerError, PilotMustDecide
from tasks.quality.history import revision_at
from tasks.quality.model import Answer, Verdict
from tasks.quality.question import Question, answer_of, wants_again
from tasks.run import Run
from tasks.sign import Impostor, agreed, asked_now, identify, record_signature, sign

P = ParamSpec("P")
R = TypeVar("R")


class Stopped(Exception):
    """The pilot ended the run: nothing goes on, everything is kept."""

    def __init__(self, gate: str, answered_by: str, comment: str = "", *, again: bool = False) -> None:
        super().__init__(f"stopped at {gate} by {answered_by}")
        self.gate, self.answered_by, self.comment, self.again = gate, answered_by, comment, again


class Held(Pause):
    """The run waits at a gate of ours."""


def through(run: Run, journey: Callable[[], R]) -> R:
    """Go on a journey that repeats nothing, and begin it again where somebody suspends the run in Prefect itself.

    Prefect notices that at any time, between any two tasks; the run then holds before its next stage instead.
    """
    while True:
        try:
            return journey()
        except Held:
            raise
        except Pause:
            _take_over(run)


def step(run: Run, stage: Task[Concatenate[Run, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run one stage, unless the pilot asked to hold or stop before it.

    Raises:
        Stopped: the pilot asked the run to stop.
    """
    number = kwargs.get("round")
    notice(run)
    _heed(run, f"{stage.name}-{number}" if number else stage.name)
    return stage(run, *args, **kwargs)


def ask(run: Run, question: Question) -> Answer:
    """Hold until the question is answered, and give the answer.

    Raises:
        Stopped: the answer is no-go, or wants another extract.
    """
    answer = _recorded(run, question.gate) or (_passed if question.unasked else _held)(run, question)
    if answer.remember:
        remember(run, question, answer)
    if answer.verdict is Verdict.NO_GO:
        raise Stopped(question.gate, answer.answered_by, answer.comment)
    if again := wants_again(question, answer):
        raise Stopped(question.gate, answer.answered_by, again, again=True)
    return answer


def notice(run: Run) -> None:
    """Notice that somebody suspended this run in Prefect itself, and that Prefect let it go on."""
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(UUID(run.id)).state
    if state is not None and state.is_paused():
        _take_over(run)


def _take_over(run: Run) -> None:
    """Make of a suspension in Prefect itself a wish to hold: the run holds with a form, and it is written down.

    Of one that was taken over already Prefect may tell once more. Subflows that were suspended are ended, for Prefect
    would take them up in every replay.
    """
    if context := FlowRunContext.get():
        context.flow_run_suspension_request.mark_requested(None)  # type: ignore[arg-type]
    children = {"parent_flow_run_id": {"any_": [run.id]}, "state": {"type": {"any_": ["PAUSED"]}}}
    with get_client(sync_client=True) as client:
        wanted = FlowRunFilter.model_validate(children)
        suspended = client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.ID_DESC, limit=200)
        own = client.read_flow_run(UUID(run.id)).state
        if not suspended and not (own and own.is_paused()):
            return
        suspended_outside(run)
        for child in suspended:
            ended: State[Any] = Cancelled(message="suspended in Prefect: the run holds before its next stage instead")
            client.set_flow_run_state(child.id, ended, force=True)
        client.set_flow_run_state(UUID(run.id), Running(), force=True)


def _heed(run: Run, before: str) -> None:
    for request in requests_before(run, before):
        if request.kind == "stop":
            raise Stopped(f"before {before}", request.asked_by, request.comment)
        ask(run, hold_question(request, before))


def _recorded(run: Run, gate: str) -> Answer | None:
    """What the ledger says was answered: by a person at the gate, or by revising the table that it asked about."""
    with run.open_ledger() as ledger:
        if answer := ledger.answer(run.id, gate):
            return answer
        revision = revision_at(ledger.entries(run.id), gate)
    if revision is None:
        return None
    return Answer(gate, Verdict.RESOLVE, revision.actor, revision.method, str(revision.payload["comment"]))


def _passed(run: Run, question: Question) -> Answer:
    """The answer of a gate that is not asked: what standing decisions say, or go, and nothing is changed."""
    keep_question(run, question)
    said = question.passes or {"verdict": "go", "rest": "keep"}
    said = {**said, "answered_by": f"pipeline {run.pipeline}", "comment": question.unasked}
    return record_answer(run, question, answer_of(question, said, method=question.unasked))


def _held(run: Run, question: Question) -> Answer:
    open_gate(run, question)
    while True:
        now = standing(run.entries(), question.gate)
        if question.who.strict and complete(question.who, now):
            return record_answer(run, question, agreed(question, now))
        asked, kept_as = asked_now(run, question, now)
        submitted = _suspend(run, asked, shown_of(run, kept_as), now)
        try:
            answer = _taken(run, asked, kept_as, submitted, now)
        except Impostor as error:
            name = submitted.claim.name
            refuse_answer(run, question.gate, now.tries, error.message, who=name, failure=error.what)
        except AnswerError as error:
            refuse_answer(run, question.gate, now.tries, error.message)
        else:
            if not question.who.strict:
                return record_answer(run, question, answer)


def _taken(run: Run, asked: Question, kept_as: str, submitted: Submitted, now: Standing) -> Answer:
    """The answer that was submitted; at a strict gate it is written down as its person's signature.

    Raises:
        AnswerError: it cannot be taken.
    """
    claim = submitted.claim
    person = identify(run, asked, claim, now) if asked.who.strict else None
    said = said_in(asked, submitted.form)
    answer = answer_of(asked, said, method=UNVERIFIED, tables=tables(run, asked.round))
    check_remember(run, asked, answer)
    if person is None:
        return identified(run, answer)
    signature = sign(run, asked, kept_as, claim, person, answer)
    record_signature(run, asked, now.tries, signature, answer, kept_as)
    return answer


def _suspend(run: Run, asked: Question, shown: str, now: Standing) -> Submitted:
    """Hold, unless something was submitted that nobody has dealt with yet; return only with what was submitted.

    The form is stored before the run is suspended: a run killed in between would otherwise be held with a form
    that nobody can submit. Whether a form was submitted is asked of the forms: Prefect may have forgotten that the run
    was held, in a retry or when a process that started late writes what it knew of the run, and would hold it for ever.
    """
    attempt = runtime.flow_run.run_count  # a key that an earlier attempt used can never be resumed again
    model = form(asked, now.problem, shown)
    for each in range(1, attempt + 1):
        if came := submitted(run.id, model, f"{asked.gate}-a{each}-{now.tries}"):
            return came
    key = f"{asked.gate}-a{attempt}-{now.tries}"
    model.save(keyset_from_base_key(f"suspended-{key}"))
    try:
        suspend_flow_run(wait_for_input=model, key=key)
    except Pause as pause:
        raise Held(state=pause.state) from pause
    if came := submitted(run.id, model, key):
        return came
    raise PilotMustDecide(f"the run was resumed without an answer to {asked.gate}", todo="gonogo resume, and answer")
