"""The evidence of every answered gate: that what was shown is what was sealed, and who answered it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tasks.ask import answer_payload, question_file, shown_of
from tasks.quality.approval import Signature, sealable, signature_of
from tasks.quality.errors import GonogoError, Unavailable
from tasks.quality.ledger import Entry, digest
from tasks.quality.question import Question, sealed
from tasks.quality.verify import Unknown
from tasks.questions import load_substance, quality_substance, source_substance
from tasks.recount import Compared
from tasks.run import Run


def evidence(run: Run, entries: Sequence[Entry]) -> Iterator[Compared]:
    """The evidence of every gate that asked: sealed again from the stored question, and as the answer names it."""
    for asked in (entry for entry in entries if entry.kind == "hold"):
        gate = str(asked.payload["gate"])
        yield f"evidence of {gate}", asked.payload["evidence"], _sealed_again(run, entries, asked)
    shown = {entry.payload["gate"]: entry.payload["evidence"] for entry in entries if entry.kind == "hold"}
    for answer in (entry for entry in entries if entry.kind == "answer" and entry.payload["gate"] in shown):
        gate = answer.payload["gate"]
        yield f"evidence that {answer.actor} answered at {gate}", shown[gate], answer.payload["evidence"]


def identities(run: Run, entries: Sequence[Entry]) -> Iterator[Compared]:
    """Who answered: an identified person handed in exactly the recorded answer, and the decisions are theirs."""
    answers = {str(entry.payload["gate"]): entry for entry in entries if entry.kind == "answer"}
    handed_in = [entry for entry in entries if entry.kind == "submission"]
    with run.open_ledger() as ledger:
        for gate, entry in answers.items():
            yield f"who answered {gate}", True, bool(entry.actor and entry.method)
            theirs = [e.payload["answer"] for e in handed_in if _same_person(e, entry)]
            answer = ledger.answer(run.id, gate)
            if theirs and answer is not None:
                said = digest(answer_payload(answer) | {"answered_by": answer.answered_by})
                yield f"answer that {entry.actor} handed in at {gate}", said, said if said in theirs else theirs[-1]
    for decision in (entry for entry in entries if entry.kind == "decision"):
        by = answers.get(str(decision.payload["gate"]))
        if by is not None:  # that there is one is another check
            who = (by.actor, by.method, by.actor)
            yield decision.key, who, (decision.actor, decision.method, decision.payload["answered_by"])


def signatures(run: Run, entries: Sequence[Entry]) -> Iterator[Compared]:
    """What was signed: each seal made again, over the evidence, the question and the answer that are kept."""
    asked = {e.payload["gate"]: e.payload["evidence"] for e in entries if e.kind == "hold"}
    given: dict[tuple[str, str], Signature] = {}
    for entry in (e for e in entries if e.kind == "signature"):
        signature, gate = signature_of(entry), str(entry.payload["gate"])
        what = f"signature of {signature.name} at {gate}"
        given[gate, signature.name] = signature
        yield f"{what}: who", (entry.actor, entry.method), (signature.name, signature.method)
        yield f"{what}: the question as it was shown", signature.shown, _shown(run, str(entry.payload["question"]))
        if signature.meaning:
            yield f"{what}: seal", signature.seal, _seal(run, signature, gate)
        if signature.verdict not in ("confirm", "reject"):
            yield f"{what}: evidence", asked.get(gate), signature.evidence
            yield f"{what}: answer", signature.answer, digest(entry.payload["given"])
    for entry in (e for e in entries if e.kind == "answer"):
        for said in entry.payload.get("signatures", ()):
            gate = str(entry.payload["gate"])
            yield f"{said['name']} at {gate}, as answered", Signature(**said), given.get((gate, said["name"]))


def _seal(run: Run, signature: Signature, gate: str) -> object:
    try:
        with run.open_approvers() as approvers:
            return approvers.seal(sealable(signature, run.id, gate))
    except GonogoError as error:  # the key is elsewhere, as it may be where an auditor looks
        return Unknown(error.message)


def _shown(run: Run, name: str) -> object:
    try:
        return shown_of(run, name)
    except Unavailable as error:
        return Unknown(error.message)


def _same_person(submission: Entry, answer: Entry) -> bool:
    return (submission.payload["gate"], submission.actor, submission.method) == (
        answer.payload["gate"],
        answer.actor,
        answer.method,
    )


def _sealed_again(run: Run, entries: Sequence[Entry], asked: Entry) -> object:
    """The evidence's hash, computed anew from the question and the records that it was about."""
    try:
        question = run.recall(Question, question_file(str(asked.payload["gate"])))
        return sealed(replace(question, evidence=""), *_substance(run, entries, asked, question)).evidence
    except Unavailable as error:
        return Unknown(error.message)


def _substance(run: Run, entries: Sequence[Entry], asked: Entry, question: Question) -> tuple[Any, ...]:
    family = question.gate.partition("-")[0]
    if family == "source":
        return source_substance(run, run.staged())
    if family == "quality":
        return quality_substance(run, question.round)
    if family == "load":
        last = next(e for e in reversed(entries[: asked.seq]) if e.key.startswith("stage-insight-"))
        figures = [[f["goal"], f["value"], f["sql"], f["snapshot"]] for f in last.payload["figures"]]
        return load_substance(run, int(last.key.rpartition("-")[2]), figures)
    return ()
