"""A run's thread in Slack, told from what was announced and from the ledger: the same whenever it is told.

What is said of rows goes by the pipeline: unless its `notify` allows `personal_data`, labels and reasons show no
values of columns with personal data, and texts that may quote a row are left out; they are on the run's page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tasks.announce import Happened
from tasks.ask import question_file, shown_of
from tasks.quality.approval import Standing, standing
from tasks.quality.history import revision_at
from tasks.quality.ledger import Entry, digest
from tasks.quality.model import Assessment
from tasks.quality.question import Choice, Question
from tasks.record import quoted, summary_of
from tasks.reports.discreet import discreet, personal_columns, unquoted
from tasks.reports.slack import SHOWN, Asked, Message, Picture, gate, leg, line, link, root, waited
from tasks.run import Run
from tasks.sign import confirming

if TYPE_CHECKING:
    from blocks.spec import PipelineSpec
    from blocks.told import Telling

_ENDS: dict[str, str] = {Happened.RUN_FINISHED: "loaded", Happened.RUN_STOPPED: "stopped"}
_DEALT_WITH = ("refused", "signature", "answer")


@dataclass(frozen=True)
class Desk:
    """What is known of a run beside its ledger.

    Attributes:
        ui: address of the Prefect UI.
        buttons: whether clicks come.
        state: the run's state in Prefect, in lower case.
        attempt: which one it is.
        held: whether it waits for an answer.
        sent: keys of what was said before.
        now: the moment.
        remind_seconds: after how long people are reminded, unless the gate says it.
    """

    ui: str
    buttons: bool
    state: str
    attempt: int
    held: bool
    sent: Collection[str]
    now: datetime
    remind_seconds: float


def thread(run: Run, desk: Desk) -> Iterator[Message | Picture]:
    """Everything that a run's thread says by now, in order, its first message first.

    What was said before is said again, in the words of now: whoever tells it changes what differs and adds the rest.
    """
    with run.open_told() as store:
        told = store.of(run.id)
    entries, spec = run.entries(), run.spec()
    page = link(f"{desk.ui}/runs/flow-run/{run.id}" if desk.ui else "", "Open in Prefect")
    report = next((each.report_url for each in reversed(told) if each.report_url), "")
    yield root(run.name, run.pipeline, run.source, _state(entries, desk), (page, link(report, "Report")))
    opened = {each.gate for each in told if each.happened == Happened.GATE_OPENED}
    for number, each in _legs(told, opened):
        if isinstance(each, list):
            yield leg(f"leg-{number}", [f"✓ {one.title}" for one in each])
            yield from (picture for one in each if (picture := _measured(one)))
        else:
            yield from _event(run, desk, spec, entries, each)
    yield from _failed(run, desk, spec, entries, page)


def _legs(told: Sequence[Telling], opened: Collection[str]) -> Iterator[tuple[int, list[Telling] | Telling]]:
    """What was announced, the stages between two other things together, each with the number of its first."""
    done: list[Telling] = []
    for each in told:
        unasked = each.happened == Happened.GATE_ANSWERED and each.gate not in opened
        if each.happened == Happened.STAGE_COMPLETED or unasked:
            done.append(each)
            continue
        if done:
            yield done[0].number, done
            done = []
        yield each.number, each
    if done:
        yield done[0].number, done


def put_to(run: Run, name: str, now: Standing) -> tuple[Question, str]:
    """What a gate asks at this point of its standing, and the hash of it."""
    question = run.recall(Question, question_file(name))
    if not now.signatures:
        return question, shown_of(run, question_file(name))
    asked = confirming(question, now)
    return asked, digest(asdict(asked))


def private(run: Run, question: Question) -> Question:
    """The question as a message may show it: without what personal data says, unless the pipeline allows it."""
    spec = run.spec()
    question = replace(question, summary=summary_of(run, question))
    if spec.notify.personal_data:
        return question
    if not spec.show_personal_data or not question.choices:
        return question
    found = run.assessment(question.round)
    hidden = personal_columns(found, spec.contract)
    shown = discreet(found, hidden)
    told = (
        _private(choice, shown) if set(found.issue(choice.issue).columns) & hidden else choice
        for choice in question.choices
    )
    return replace(question, choices=tuple(told))


def _private(choice: Choice, shown: Assessment) -> Choice:
    issue = shown.issue(choice.issue)
    labels = {option.key: option.label for option in issue.options}
    options = tuple(replace(option, label=labels.get(option.key, unquoted(option.label))) for option in choice.options)
    return replace(choice, hint=issue.why, options=options, outlooks={})


def _event(run: Run, desk: Desk, spec: PipelineSpec, entries: Sequence[Entry], each: Telling) -> Iterator[Message]:
    """What one announcement is in the thread; a gate's answer is told by the gate's own message."""
    about = spec.notify.events
    links = (link(each.report_url, "Report"),)
    key = f"told-{each.number}"
    if each.happened == Happened.GATE_OPENED and "gate" in about:
        yield from _gate(run, desk, entries, each)
    elif each.happened in (Happened.GATE_REMINDED, Happened.GATE_ESCALATED, Happened.GATE_OVERDUE) and "gate" in about:
        yield line(key, each.title, broadcast=True)
    elif each.happened == Happened.DECISION_FAILED or (each.happened == Happened.ANSWER_REJECTED and "gate" in about):
        yield line(key, each.title, each.text)
    elif each.happened == Happened.SOURCE_NOT_TOLD or (each.happened == Happened.GATE_SIGNED and "gate" in about):
        yield line(key, each.title)
    elif each.happened == Happened.LOAD_COMMITTED and "loaded" in about:
        yield line(key, each.title, each.text)
    elif _ENDS.get(each.happened, "") in about:
        yield line(key, each.title, _outcome(each.text), (*links, f"ledger {each.head[:19]}"))


def _gate(run: Run, desk: Desk, entries: Sequence[Entry], each: Telling) -> Iterator[Message]:
    now = standing(entries, each.gate)
    question, shown = put_to(run, each.gate, now)
    decided = _decided(desk, entries, each.gate)
    over = decided or ("" if desk.held else _under_way(desk, entries, each.gate))
    if over and not decided and f"gate-{each.gate}" not in desk.sent:
        return  # it has just been opened; the run is about to wait
    review = link(f"{desk.ui}/runs/flow-run/{run.id}" if desk.ui else "", "Review in Prefect")
    yield gate(
        Asked(
            question=private(run, question),
            run=run.name,
            where=where(run.id, each.gate, shown),
            links=(
                review if over or not review else f"{review} (press Resume there)",
                link(question.report_url or each.report_url, "Report"),
            ),
            problem=quoted(run, now.problem),
            over=over,
            buttons=desk.buttons,
        )
    )
    seconds = (desk.now - datetime.fromisoformat(each.at)).total_seconds()
    own = getattr(run.spec().gates, each.gate.partition("-")[0], None)
    after = own.remind.total_seconds() if own and own.remind else desk.remind_seconds
    if not over and seconds > after and question.times.quiet is None:  # once said, it stays said
        yield line(f"reminder-{each.gate}", waited(after, question.title), broadcast=True)


def where(run_id: str, name: str, shown: str) -> str:
    """What a button carries: the run, its gate, and the beginning of the hash of what it asks."""
    return f"{run_id} {name} {shown.removeprefix('sha256:')[:SHOWN]}"


def _decided(desk: Desk, entries: Sequence[Entry], name: str) -> str:
    """What became of a gate that waits no more; empty while it does, or while its answer is on its way."""
    answer = next((e for e in entries if e.kind == "answer" and e.payload["gate"] == name), None)
    if answer is not None:
        said = f"{answer.payload['verdict']} by {answer.actor} ({answer.method})"
        comment = str(answer.payload["comment"])
        return f"{said}, {_moment(answer.at)}" + (f": {comment}" if comment else "")
    if revision_at(entries, name):
        return "The table was made anew instead; it is asked about again."
    if desk.state in ("cancelled", "cancelling") or any(entry.kind == "outcome" for entry in entries):
        return "The run has ended."
    return ""


def _under_way(desk: Desk, entries: Sequence[Entry], name: str) -> str:
    """What a gate says that neither waits nor is decided."""
    if desk.state in ("failed", "crashed"):
        return "The run has failed; it asks again when it goes on."
    about = ("submission", *_DEALT_WITH)
    last = next((e for e in reversed(entries) if e.kind in about and e.payload.get("gate") == name), None)
    if last is not None and last.kind == "submission":
        return f"{last.actor} has answered ({last.method}); the run takes it up"
    return "Answered; the run takes it up"


def _state(entries: Sequence[Entry], desk: Desk) -> str:
    """The run's state in a few words."""
    ended = next((entry for entry in reversed(entries) if entry.kind == "outcome"), None)
    if ended is not None:
        return {"loaded": "✅ loaded", "no-go": "⏹ stopped"}.get(
            str(ended.payload["outcome"]), str(ended.payload["outcome"])
        )
    if desk.held:
        return "⏸ held: waits for a decision"
    if desk.state in ("failed", "crashed", "cancelled", "cancelling"):
        return f"✖ {desk.state}"
    return "▶ running"


def _failed(run: Run, desk: Desk, spec: PipelineSpec, entries: Sequence[Entry], page: str) -> Iterator[Message]:
    failed = desk.state in ("failed", "crashed") and not any(entry.kind == "outcome" for entry in entries)
    if failed and "failed" in spec.notify.events:
        told = f"Nothing is lost and nothing was loaded twice. When it is mended: gonogo resume {run.name}"
        yield line(f"failed-{desk.attempt}", f"{run.name}: {desk.state}", told, (page,), broadcast=True)


def _measured(each: Telling) -> Picture | None:
    name, _, number = each.key.rpartition("stage-assess-")
    if not name or not number.isdigit():
        return None
    return Picture(f"chart-{number}", f"Quality, round {number}", int(number))


def _outcome(text: str) -> str:
    """The figures of a receipt, without its decisions, which may name values, and its links."""
    told = [
        each
        for each in text.splitlines()
        if not each.startswith("  ") or each.split()[0] in ("rows", "quality", "goal")
    ]
    return "\n".join(" ".join(each.split()) for each in told)


def _moment(at: str) -> str:
    return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
