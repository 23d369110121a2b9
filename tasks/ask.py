"""Opening a gate, refusing an answer, recording the answer: each once, in the ledger and announced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from tasks.announce import Happened
from tasks.quality.approval import UNVERIFIED
from tasks.quality.ledger import digest
from tasks.quality.model import Answer, Verdict
from tasks.quality.question import Question, sealed
from tasks.record import once, quoted, summary_of, tell
from tasks.reports.escape import markdown
from tasks.run import Run

if TYPE_CHECKING:
    from blocks.ledger import Ledger

GO_MEANS = {"go": "go on", "no-go": "stop here; everything is kept, nothing is loaded"}


@dataclass(frozen=True)
class Request:
    """A pilot's wish between gates: hold or stop."""

    number: int
    kind: str
    asked_by: str
    comment: str


@once("open gate")
def open_gate(run: Run, question: Question) -> str:
    """Write down what is asked and on which evidence, and say so; returns the evidence's hash."""
    with run.open_ledger() as ledger:
        asked = ledger.find(run.id, f"hold-{question.gate}") is not None
    if not asked:  # what was shown stays as it was shown
        run.open_staging().write_json(run.id, question_file(question.gate), asdict(question))
    shown = shown_of(run, question_file(question.gate))
    with run.open_ledger() as ledger:
        issues = [choice.issue for choice in question.choices]
        payload = {"gate": question.gate, "evidence": question.evidence, "shown": shown, "issues": issues}
        ledger.append(run.id, f"hold-{question.gate}", "hold", payload)
    whom = f" It is for {question.who.told}.{_missing(run, question)}" if question.who.strict else ""
    text = f"{summary_of(run, question)}{whom} Press Resume on the run's page, choose a verdict and submit."
    tell(
        run,
        Happened.GATE_OPENED,
        question.gate,
        question.title,
        text=text,
        gate=question.gate,
        report_url=question.report_url,
        quiet=question.times.quiet is not None,
    )
    return question.evidence


def keep_question(run: Run, question: Question) -> None:
    """Keep a question that nobody is asked: its decisions can be undone, and the run can go back to it."""
    run.open_staging().write_json(run.id, question_file(question.gate), asdict(question))


@once("refuse answer")
def refuse_answer(run: Run, gate: str, tries: int, problem: str, who: str = "", failure: str = "") -> None:
    """Write down that an answer was not taken, and why; the gate asks again.

    Args:
        run: the run.
        gate: its gate.
        tries: submissions that were dealt with before.
        problem: why.
        who: in whose name it came.
        failure: what was wrong with who it was, where that is the reason.
    """
    key = f"refused-{gate}-{tries}"
    payload = {"gate": gate, "reason": problem} | ({"failure": failure} if failure else {})
    with run.open_ledger() as ledger:
        ledger.append(run.id, key, "refused", payload, actor=who or "gonogo", method="unverified" if who else "system")
    tell(run, Happened.ANSWER_REJECTED, key, f"Answer to {gate} not taken", text=quoted(run, problem), gate=gate)


@once("record answer")
def record_answer(run: Run, question: Question, answer: Answer) -> Answer:
    """Write the answer into the ledger; the first answer recorded for a gate is the answer."""
    with run.open_ledger() as ledger:
        payload = answer_payload(answer) | {"evidence": question.evidence}
        if answer.signatures:
            payload["signatures"] = [asdict(signature) for signature in answer.signatures]
        ledger.append(
            run.id, f"answer-{answer.gate}", "answer", payload, actor=answer.answered_by, method=answer.method
        )
        recorded = ledger.answer(run.id, question.gate) or answer
        if recorded.hold:
            wish = {"request": "hold", "comment": f"as the answer to {question.gate} says"}
            key, who = f"request-{question.gate}", recorded.answered_by
            ledger.append(run.id, key, "request", wish, actor=who, method=recorded.method)
    said = f"{recorded.verdict.value} by {recorded.answered_by} ({recorded.method})"
    tell(
        run,
        Happened.GATE_ANSWERED,
        question.gate,
        f"{question.gate}: {said}",
        text=recorded.comment,
        gate=question.gate,
    )
    return recorded


def answer_payload(answer: Answer) -> dict[str, Any]:
    """The answer as the ledger keeps it; who gave it, and how we know, are in the entry's envelope."""
    return {
        "gate": answer.gate,
        "verdict": answer.verdict.value,
        "comment": answer.comment,
        "actions": [asdict(action) for action in answer.actions],
        **({"remember": asdict(answer.remember)} if answer.remember else {}),
        **({"hold": True} if answer.hold else {}),
    }


def submit(run_id: str, ledger: Ledger, answer: Answer) -> None:
    """Write down that an identified person hands in this answer, before the gate takes it."""
    fingerprint = digest(answer_payload(answer) | {"answered_by": answer.answered_by})
    key = f"submission-{answer.gate}-{fingerprint.removeprefix('sha256:')[:16]}"
    payload = {"gate": answer.gate, "answer": fingerprint}
    ledger.append(run_id, key, "submission", payload, actor=answer.answered_by, method=answer.method)


def suspended_outside(run: Run) -> None:
    """Write down that somebody suspended the run in Prefect itself: it is to hold before its next stage."""
    with run.open_ledger() as ledger:
        number = sum(entry.kind == "request" for entry in ledger.entries(run.id)) + 1
        wish = {"request": "hold", "comment": "suspended in Prefect"}
        key, who = f"request-{number}-suspended", "somebody in the Prefect UI"
        ledger.append(run.id, key, "request", wish, actor=who, method=UNVERIFIED)


def requests_before(run: Run, before: str) -> tuple[Request, ...]:
    """The pilot's requests that hold or stop the run before this stage, oldest first.

    A request is heeded before one stage only, the first that is not yet done; replays find the same one.
    """
    with run.open_ledger() as ledger:
        if ledger.find(run.id, f"stage-{before}"):
            return ()
        return tuple(_heeded(run, ledger, before))


def hold_question(request: Request, before: str) -> Question:
    """Ask whether a run goes on that a pilot held."""
    why = f": {request.comment}" if request.comment else ""
    return sealed(
        Question(
            gate=f"hold-{request.number}",
            title=f"Held before {before}. Go on?",
            text=f"**{markdown(request.asked_by)}** asked to hold this run{markdown(why)}.",
            summary=f"{request.asked_by} asked to hold this run{why}.",
            verdicts=(Verdict.GO, Verdict.NO_GO),
            meaning=GO_MEANS,
        )
    )


def question_file(gate: str, tries: int = 0) -> str:
    """The name under which a gate's question is kept in staging; what is to be confirmed has the number of its try."""
    return f"question-{gate}" + (f"--{tries}" if tries else "")


def shown_of(run: Run, name: str) -> str:
    """SHA-256 of a question exactly as it is kept, and shown."""
    return digest(run.open_staging().read_json(run.id, name))


def _heeded(run: Run, ledger: Ledger, before: str) -> Iterator[Request]:
    for number, entry in enumerate((e for e in ledger.entries(run.id) if e.kind == "request"), start=1):
        heeded = ledger.append(run.id, f"heeded-{number}", "heeded", {"request": number, "before": before})
        if heeded.payload["before"] == before:
            yield Request(number, str(entry.payload["request"]), entry.actor, str(entry.payload.get("comment", "")))


def _missing(run: Run, question: Question) -> str:
    """What is to be done when there are fewer approvers than a gate needs, or nothing."""
    with run.open_approvers() as approvers:
        able = sum(not question.who.bars(approver.person) for approver in approvers.all())
    few = f" Only {able} of the {question.who.people} people it needs are enrolled: gonogo approvers add NAME."
    return "" if able >= question.who.people else few


def identified(run: Run, answer: Answer) -> Answer:
    """The answer with how we know who gave it: from the terminal that handed it in, if one did."""
    fingerprint = digest(answer_payload(answer) | {"answered_by": answer.answered_by})
    with run.open_ledger() as ledger:
        for entry in ledger.submissions(run.id, answer.gate):
            if entry.payload["answer"] == fingerprint:
                return replace(answer, method=entry.method)
    return answer
