"""Standing decisions: read from the ledger's chain of policies, and written there from an answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tasks.quality.errors import AnswerError, PilotMustDecide
from tasks.quality.model import Action, Answer, Issue, Remember
from tasks.quality.policy import MARGIN, Policy, policies_of, sealable, values_in
from tasks.quality.question import Question
from tasks.record import once
from tasks.run import Run

if TYPE_CHECKING:
    from blocks.ledger import Ledger

CHAIN = "~policies"


def in_force(run: Run, today: dt.date, *, signed: bool = False) -> tuple[Policy, ...]:
    """The standing decisions of earlier runs that hold for a run's pipeline on this day.

    At a signed gate only those that were signed.
    """
    with run.open_ledger() as ledger:
        entries = ledger.entries(CHAIN)
    known = (policy for policy in policies_of(entries) if policy.pipeline == run.pipeline and policy.in_force(today))
    own = [policy for policy in known if policy.then.get("run") != run.name]
    if not signed:
        return tuple(own)
    sealed = [entry for entry in entries if entry.payload.get("seal")]
    with run.open_approvers() as approvers:
        true = {e.seq for e in sealed if e.payload["seal"] == approvers.seal(sealable(e.actor, e.payload))}
    return tuple(policy for policy in own if policy.number in true)


def check_remember(run: Run, question: Question, answer: Answer) -> None:
    """Raise when what an answer wants remembered may not be.

    Raises:
        AnswerError: too long, too much, by somebody without the role, or something that cannot be remembered.
    """
    wanted, memory = answer.remember, question.memory
    if wanted is None:
        return
    if memory is None:
        raise AnswerError("answers to this gate are not remembered", where=question.gate, todo="leave 'remember' out")
    if wanted.seconds > memory.longest_seconds:
        days = f"{memory.longest_seconds / 86400:g} days"
        raise AnswerError(f"nothing is remembered for longer than {days}", where=question.gate, todo="say less")
    if wanted.rate is not None and wanted.rate > memory.most:
        raise AnswerError(f"the largest rate is {memory.most:g}", where=question.gate, todo="say less")
    if memory.roles and not set(memory.roles) & set(_roles(run, answer.answered_by)):
        whom = " or ".join(memory.roles)
        raise AnswerError(f"only {whom} may have answers remembered", where=question.gate, todo="leave 'remember' out")
    for action in _actions(question, answer, wanted):
        if action.parameters.get("exclude") or action.parameters.get("change"):
            todo = "name those that are to be remembered under 'issues'"
            raise AnswerError("an edited table of values cannot be remembered", where=action.issue, todo=todo)


@once("remember")
def remember(run: Run, question: Question, answer: Answer) -> tuple[int, ...]:
    """Write down the standing decisions that an answer asks for; gives their numbers."""
    wanted = answer.remember
    if wanted is None:
        return ()
    written = []
    with run.open_ledger() as ledger:
        recorded = ledger.find(run.id, f"answer-{question.gate}")
        since = dt.datetime.fromisoformat(recorded.at) if recorded else dt.datetime.now(dt.UTC)
        until = (since + dt.timedelta(seconds=wanted.seconds)).date().isoformat()
        for name, payload in _policies(run, question, answer, wanted):
            key, told = f"policy-{run.id}-{name}", {**payload, "pipeline": run.pipeline, "until": until}
            if question.who.signed:
                with run.open_approvers() as approvers:
                    told["seal"] = approvers.seal(sealable(answer.answered_by, told))
            entry = ledger.append(CHAIN, key, "policy", told, actor=answer.answered_by, method=answer.method)
            written.append(entry.seq)
        ledger.append(run.id, f"remembered-{question.gate}", "remembered", {"gate": question.gate, "policies": written})
    return tuple(written)


def revoke(ledger: Ledger, number: int, who: str, method: str, comment: str) -> Policy:
    """Let a standing decision hold no more.

    Raises:
        PilotMustDecide: there is none of this number.
    """
    policy = policy_of(ledger, number)
    told = {"policy": number, "comment": comment}
    ledger.append(CHAIN, f"revoked-{number}", "revoked", told, actor=who, method=method)
    return policy


def policy_of(ledger: Ledger, number: int) -> Policy:
    """The standing decision of this number.

    Raises:
        PilotMustDecide: there is none.
    """
    known = {policy.number: policy for policy in policies_of(ledger.entries(CHAIN))}
    if number not in known:
        raise PilotMustDecide(f"no policy {number}", available=[str(n) for n in known], todo="gonogo policies list")
    return known[number]


def _roles(run: Run, names: str) -> tuple[str, ...]:
    with run.open_approvers() as approvers:
        people = [approvers.find(name) for name in names.split(", ")]
    return tuple(role for person in people if person for role in person.roles)


def _actions(question: Question, answer: Answer, wanted: Remember) -> Sequence[Action]:
    for issue in wanted.issues:
        question.choice(issue)
    return [action for action in answer.actions if not wanted.issues or action.issue in wanted.issues]


def _policies(
    run: Run, question: Question, answer: Answer, wanted: Remember
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(name, payload) of the policies that an answer makes."""
    gate = question.gate.rpartition("-")[0]
    where = {"run": run.name, "gate": question.gate, "evidence": question.evidence}
    if question.choices:
        assessment = run.assessment(question.round)
        for action in _actions(question, answer, wanted):
            issue = assessment.issue(action.issue)
            yield f"{question.gate}-{issue.id}", _of_issue(question, issue, action, wanted, where)
    if not wanted.issues:
        most = wanted.rate if wanted.rate is not None else min(1.0, MARGIN * question.case.get("rate", 0.0))
        then = {**where, **question.case}
        told: dict[str, Any] = {
            "columns": (),
            "option": answer.verdict.value,
            "label": "go on",
            "known": (),
            "parameters": {},
        }
        yield question.gate, {**told, "kind": gate, "most": most, "then": then}


def _of_issue(
    question: Question, issue: Issue, action: Action, wanted: Remember, where: Mapping[str, Any]
) -> Mapping[str, Any]:
    choice = question.choice(issue.id)
    option = choice.option(action.option)
    return {
        "kind": issue.kind,
        "columns": () if wanted.any_column else issue.columns,
        "option": option.key,
        "label": option.label,
        "parameters": {name: action.parameters[name] for name in option.needs},
        "known": values_in(option),
        "personal": choice.personal,
        "most": wanted.rate if wanted.rate is not None else min(1.0, MARGIN * issue.rate),
        "then": {**where, "count": issue.count, "checked": issue.checked, "rate": issue.rate},
    }
