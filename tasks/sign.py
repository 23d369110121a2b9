"""Signing a strict gate: who it is, whether they may, what exactly they sign, and whether enough others agree."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from tasks.announce import Happened
from tasks.ask import answer_payload, identified, question_file, shown_of
from tasks.quality.approval import (
    SIGNED,
    SLACK,
    UNVERIFIED,
    WITHOUT_LEAVE,
    Person,
    Signature,
    Standing,
    complete,
    sealable,
    standing,
)
from tasks.quality.errors import AnswerError
from tasks.quality.ledger import canonical, digest
from tasks.quality.model import Action, Answer, Remember, Verdict
from tasks.quality.question import Question, sealed
from tasks.record import once, summary_of, tell
from tasks.reports.escape import markdown, visible
from tasks.run import Run

if TYPE_CHECKING:
    from blocks.approvers import Approver, Approvers

EVIDENCE_SHOWN = 16
"""Hexadecimal digits of the question's hash that a form carries, so that what was signed is what was shown."""

CONFIRM_MEANS = {
    "confirm": "agree with what is below",
    "reject": "set it aside, with a reason; the gate asks anew",
    "no-go": "stop here; everything is kept, nothing is loaded",
}


class Impostor(AnswerError):
    """The answer cannot be taken because of who gave it: it is recorded as a failed attempt."""


@dataclass(frozen=True)
class Claim:
    """Who somebody says to be, with what they handed in.

    Attributes:
        name: that they gave.
        purpose: what a code is used for: this one submission.
        at: when it was handed in.
        seen: the beginning of the hash of the question that it answers; empty where the form carries none.
    """

    name: str
    verdict: str
    comment: str
    purpose: str
    at: datetime
    code: str = ""
    seen: str = ""


def asked_now(run: Run, question: Question, now: Standing) -> tuple[Question, str]:
    """What the gate asks at this point, and the name that it is kept under: the question, or to confirm an answer."""
    if not now.signatures:
        return question, question_file(question.gate)
    asked, name = confirming(question, now), question_file(question.gate, now.tries)
    run.open_staging().write_json(run.id, name, asdict(asked))
    return asked, name


def confirming(question: Question, now: Standing) -> Question:
    """Ask another person whether they agree with what was answered."""
    said, first = now.given, now.signatures[0]
    lines = [f"- signed: {markdown(signature.line, 300)}" for signature in now.signatures]
    lines += [f"- comment: {markdown(said['comment'], 600)}"] if said["comment"] else []
    lines += [f"- {_choice(question, Action(**action))}" for action in said["actions"]]
    if wanted := said.get("remember"):
        lines.append(f"- **remembered** for {wanted['seconds'] / 86400:g} days: the same will be done without asking")
    told = f"{first.name} says **{said['verdict']}** ({question.meaning.get(said['verdict'], '')})"
    summary = (
        f"{first.name} says {said['verdict']}; it takes {question.who.people} different people. {question.summary}"
    )
    return sealed(
        replace(
            question,
            title=f"{question.title} Do you agree with {first.name}?",
            text="\n\n".join([told, "\n".join(lines), question.text]),
            summary=visible(summary, 600),
            verdicts=(Verdict.CONFIRM, Verdict.REJECT, Verdict.NO_GO),
            meaning=CONFIRM_MEANS,
            choices=(),
            comment="never",
            memory=None,
            needs_person=True,
            agreed=now.signatures,
        ),
        question.evidence,
        now.signatures,
    )


def identify(run: Run, asked: Question, claim: Claim, now: Standing) -> Person:
    """Who handed this in, if it is somebody who may answer; a code is used up, whatever comes of the answer.

    Raises:
        Impostor: it is nobody who may, or who has not shown that they are.
    """
    if claim.verdict == Verdict.NO_GO and _without_leave(run, asked, claim):
        return Person(claim.name)
    with run.open_approvers() as approvers:
        return _person(run, approvers, asked, claim, now)


def known_in_slack(run: Run, asked: Question, member: str, at: datetime, now: Standing) -> Approver:
    """The approver who is this member of Slack, if they may answer; who is refused here is not asked for a form.

    Raises:
        Impostor: it is nobody who may.
    """
    whose = f"slack {member}"
    with run.open_approvers() as approvers:
        if until := approvers.blocked_until(whose, at):
            what = f"too many failed attempts by Slack member {member}; answers wait until {until:%H:%M} UTC"
            raise Impostor(what, where=asked.gate)
        known = approvers.in_slack(member)
        why = "" if known else f"Slack member {member} is no approver, so this was not taken"
        if known and asked.who.strict:
            why = _barred(run, asked, known.person) or _again(known.person, now)
        if known is None or why:
            approvers.failed(whose, at)
            todo = "" if known else f"ask whoever runs gonogo for: gonogo approvers slack NAME {member}"
            raise Impostor(why, where=asked.gate, todo=todo)
    return known


def record_attempt(run: Run, gate: str, member: str, why: str, key: str) -> None:
    """Write down that somebody in Slack tried to answer who may not; the gate goes on asking."""
    payload = {"gate": gate, "reason": why, "failure": why, "member": member}
    with run.open_ledger() as ledger:
        ledger.append(
            run.id, f"attempt-{digest(key)[7:39]}", "attempt", payload, actor=member, method=slack_method(member)
        )


def slack_method(member: str) -> str:
    """How we know who it is: by the id that Slack gives to who clicked.

    >>> slack_method("U024BE7LH")
    'Slack, member U024BE7LH'
    """
    return f"{SLACK}, member {member}"


def sign(run: Run, asked: Question, kept_as: str, claim: Claim, person: Person, answer: Answer) -> Signature:
    """What a person's answer to a strict gate is as a signature.

    Raises:
        AnswerError: it was given to another question, or lacks its reason.
    """
    now, shown = standing(run.entries(), asked.gate), shown_of(run, kept_as)
    if claim.seen and not shown.removeprefix("sha256:").startswith(claim.seen):
        raise AnswerError(
            "this answers a question that is not asked any more", where=asked.gate, todo="look at it anew"
        )
    if answer.verdict is Verdict.REJECT and not answer.comment:
        raise AnswerError("no reason is given for rejecting it", where=asked.gate, todo="say why in the comment")
    method = identified(run, answer).method
    signed = asked.who.signed and method not in WITHOUT_LEAVE
    signature = Signature(
        name=person.name,
        full_name=person.printed,
        method=_signed_by(method) if signed else method,
        verdict=answer.verdict.value,
        comment=answer.comment,
        meaning=asked.who.meaning(len(now.signatures)) if signed else "",
        signed_at=claim.at.isoformat(timespec="microseconds"),
        evidence=asked.evidence,
        shown=shown,
        answer=digest(now.given if now.signatures else answer_payload(answer)),
    )
    if not signed:
        return signature
    with run.open_approvers() as approvers:
        return replace(signature, seal=approvers.seal(sealable(signature, run.id, asked.gate)))


@once("record signature")
def record_signature(run: Run, asked: Question, tries: int, signature: Signature, answer: Answer, kept_as: str) -> None:
    """Write down what one of the people whom a strict gate needs said; announce it when others have to agree."""
    gate, key = asked.gate, f"signature-{asked.gate}-{tries}"
    payload = {"gate": gate, "signature": asdict(signature), "given": answer_payload(answer), "question": kept_as}
    with run.open_ledger() as ledger:
        ledger.append(run.id, key, "signature", payload, actor=signature.name, method=signature.method)
    if complete(asked.who, standing(run.entries(), gate)):
        return
    told = f"{gate}: {signature.verdict} by {signature.line}; now somebody else has to answer"
    tell(run, Happened.GATE_SIGNED, key, told, text=summary_of(run, asked), gate=gate, report_url=asked.report_url)


def agreed(question: Question, now: Standing) -> Answer:
    """The answer that enough people gave together."""
    said, signatures = now.given, now.signatures
    return Answer(
        question.gate,
        Verdict(said["verdict"]),
        ", ".join(signature.name for signature in signatures),
        "; ".join(dict.fromkeys(signature.method for signature in signatures)),
        said["comment"],
        tuple(Action(**action) for action in said["actions"]),
        signatures,
        Remember.recalled(said.get("remember")),
        bool(said.get("hold")),
    )


def _signed_by(method: str) -> str:
    """How we know who signed: by the code, and by Slack where it came from there."""
    return f"{SIGNED}, {method}" if method.startswith(SLACK) else SIGNED


def _without_leave(run: Run, asked: Question, claim: Claim) -> bool:
    answer = Answer(asked.gate, Verdict.NO_GO, claim.name, UNVERIFIED, claim.comment)
    return identified(run, answer).method in WITHOUT_LEAVE


def _person(run: Run, approvers: Approvers, asked: Question, claim: Claim, now: Standing) -> Person:
    if until := approvers.blocked_until(claim.name, claim.at):
        what = f"too many failed attempts in the name of {claim.name}; answers in it wait until {until:%H:%M} UTC"
        raise Impostor(what, where=asked.gate)
    known = approvers.find(claim.name)
    why, todo = "" if known else f"{claim.name} is no approver; it is for {asked.who.told}", ""
    if known and asked.who.signed:
        try:
            approvers.use(known.name, claim.code, claim.purpose, claim.at)
        except AnswerError as error:
            why, todo = error.what, error.todo
    if known and not why:
        why = _barred(run, asked, known.person) or _again(known.person, now)
    if known is None or why:
        approvers.failed(claim.name, claim.at)
        raise Impostor(why, where=asked.gate, todo=todo)
    return known.person


def _barred(run: Run, asked: Question, person: Person) -> str:
    """Why this person may not answer; those of the second group may once it was asked."""
    why, second = asked.who.bars(person), asked.times.escalate_to
    if why and (second.names or second.roles) and not second.bars(person):
        with run.open_ledger() as ledger:
            return "" if ledger.find(run.id, f"escalated-{asked.gate}") else why
    return why


def _again(person: Person, now: Standing) -> str:
    if all(person.name != signature.name for signature in now.signatures):
        return ""
    return f"{person.name} has answered already; somebody else has to agree"


def _choice(question: Question, action: Action) -> str:
    choice = question.choice(action.issue)
    option = choice.option(action.option)
    own = {name: v for name, v in action.parameters.items() if v and name in (*option.needs, "exclude", "change")}
    typed = f" ({markdown(canonical(own), 600)})" if own else ""
    return f"{markdown(choice.title, 160)}: {markdown(option.label, 160)}{typed}"
