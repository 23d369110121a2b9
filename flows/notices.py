"""What people are told: which events cause a notification, and what it says, as Jinja templates over the event.

The event carries its words plain and, beside that, as each kind of channel needs them (`tasks.announce`): who sends
them to a chat or as HTML takes those. So every channel escapes for itself, and no other shows what was escaped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from blocks.spec import REMIND_AFTER
from tasks.announce import Happened

if TYPE_CHECKING:
    from blocks.spec import Gate, PipelineSpec

_REPORT_LINK = "{% if event.payload.report_url %}\nReport: {{ event.payload.report_url }}{% endif %}"
_HEAD = "{% if event.payload.ledger_head %}\nLedger head: {{ event.payload.ledger_head }}{% endif %}"
_RUN_LINKS = "\nRun: {{ flow_run|ui_url }}" + _REPORT_LINK + _HEAD
_ANSWER_LINKS = "\nRun: {{ flow_run|ui_url }} – press Resume there" + _REPORT_LINK + _HEAD


def _while_held(text: str) -> str:
    """The text as long as the run is held at the event's gate, else nothing, which is not sent.

    Prefect evaluates events side by side and may lose one when its database is busy, so that an answer can be missed;
    and a run that was cancelled never answers. The key that a run is held under begins with its gate.
    """
    here = "(flow_run.state.state_details.pause_key or '').startswith(event.payload.gate ~ '-a')"
    loud = "not event.payload.quiet"  # of a gate with quiet hours the scheduled check reminds
    held = f"{loud} and flow_run and flow_run.state.type == 'PAUSED' and {here}"
    return f"{{% if {held} %}}{text}{{% endif %}}"


@dataclass(frozen=True)
class Notice:
    """A notification: which events cause it, and what it says, as Jinja templates over the event.

    Attributes:
        events: any of these causes it; with `unless`, any of these without one of those in time.
        about: pattern of the resources the events are about.
        unless: events about the same resource that make it needless.
        within: how long they may take; Prefect needs at least 10 s.
        progress: only for those who watch the outbox; people are not told.
        tagged: only for events of runs with gonogo's tag; needed for Prefect's own events.
        pipeline: only for events of this pipeline.
        gate: only for events of this gate ("source", "quality", "load").
    """

    name: str
    says: str
    events: tuple[str, ...]
    subject: str
    body: str
    about: str
    unless: tuple[str, ...] = ()
    within: timedelta = timedelta(0)
    progress: bool = False
    tagged: bool = False
    pipeline: str = ""
    gate: str = ""


_MANNERS = {
    "sendgrid-email": "html",
    "slack-webhook": "chat",
    "ms-teams-webhook": "chat",
    "mattermost-webhook": "chat",
    "discord-webhook": "chat",
}
"""Kind of block → how words have to be written for it; for any other, e.g. a webhook, plain."""


def worded(template: str, kind: str) -> str:
    r"""A notification's template for one kind of block.

    >>> worded("{{ event.payload.title }}", "slack-webhook")
    '{{ event.payload.chat.title }}'
    >>> worded("{{ flow_run.name }}\n", "sendgrid-email")
    '{{ flow_run.name | e }}<br>\n'
    """
    manner = _MANNERS.get(kind, "")
    if not manner:
        return template
    for word in ("title", "text"):
        template = template.replace(f"event.payload.{word} ", f"event.payload.{manner}.{word} ")
    if manner == "html":
        return template.replace("flow_run.name", "flow_run.name | e").replace("\n", "<br>\n")
    return template.replace("flow_run.name", "flow_run.name | replace('<', '‹') | replace('>', '›')")


def notices(remind_after: timedelta = REMIND_AFTER) -> tuple[Notice, ...]:
    """Every notification there is."""
    told = "{{ event.payload.title }}"
    text = "{{ event.payload.text }}"
    return (
        Notice(
            "gonogo: decision needed",
            "A gate is open and asks for an answer, or one of several people has given theirs.",
            (Happened.GATE_OPENED, Happened.GATE_SIGNED),
            f"Decision needed: {told}",
            text + _ANSWER_LINKS,
            "gonogo.gate.*",
        ),
        Notice(
            "gonogo: reminder",
            "A gate was not answered in time.",
            (Happened.GATE_OPENED,),
            _while_held(f"Still waiting for a decision: {told}"),
            _while_held(f"Nobody has answered for {_length(remind_after)}. {text}" + _ANSWER_LINKS),
            "gonogo.gate.*",
            unless=(Happened.GATE_ANSWERED,),
            within=remind_after,
        ),
        Notice(
            "gonogo: still waiting",
            "A gate with quiet hours was not answered in time, its deadline has passed, or a second group is asked.",
            (Happened.GATE_REMINDED, Happened.GATE_ESCALATED, Happened.GATE_OVERDUE),
            told,
            text + _ANSWER_LINKS,
            "gonogo.gate.*",
        ),
        Notice(
            "gonogo: answer not taken",
            "An answer was refused, and its gate asks again; or a decision could not be carried out.",
            (Happened.ANSWER_REJECTED, Happened.DECISION_FAILED),
            told,
            text + _ANSWER_LINKS,
            "gonogo.*",
        ),
        Notice(
            "gonogo: source not told",
            "A run ended, but its source could not be told: files to archive or objects to tag stay as they are.",
            (Happened.SOURCE_NOT_TOLD,),
            told,
            text + _RUN_LINKS,
            "gonogo.*",
        ),
        Notice(
            "gonogo: outcome",
            "A run was loaded, finished or stopped.",
            (Happened.LOAD_COMMITTED, Happened.RUN_FINISHED, Happened.RUN_STOPPED),
            told,
            text + _RUN_LINKS,
            "gonogo.run.*",
        ),
        Notice(
            "gonogo: progress",
            "A stage is done or a gate was answered; for those who watch the outbox.",
            (Happened.RUN_OPENED, Happened.STAGE_COMPLETED, Happened.GATE_ANSWERED),
            told,
            text,
            "gonogo.*",
            progress=True,
        ),
        Notice(
            "gonogo: run failed",
            "A run of gonogo failed or lost its process.",
            ("prefect.flow-run.Failed", "prefect.flow-run.Crashed"),
            "Run {{ flow_run.name }}: {{ flow_run.state.name }}",
            # Prefect's message stays away: it quotes errors of drivers, which may quote addresses with passwords.
            "Nothing is lost and nothing was loaded twice; the reason is on its page: {{ flow_run|ui_url }}\n"
            "When it is mended: gonogo resume {{ flow_run.name }}",
            "prefect.flow-run.*",
            tagged=True,
        ),
    )


def notices_of(spec: PipelineSpec) -> tuple[Notice, ...]:
    """What one pipeline's `notify` section and its gates' `remind` ask for beside the rest."""
    families = {
        "decision needed": "gate",
        "still waiting": "gate",
        "answer not taken": "gate",
        "outcome": "loaded",
        "source not told": "loaded",
        "run failed": "failed",
    }
    own = [
        replace(notice, name=f"gonogo: {spec.name}: {short}", pipeline=spec.name)
        for notice in notices()
        if (spec.notify.slack or spec.notify.to)
        and families.get(short := notice.name.removeprefix("gonogo: ")) in spec.notify.events
    ]
    for name, gate in _gates(spec):
        if gate.remind and not gate.quiet:
            reminder = next(notice for notice in notices(gate.remind) if notice.unless)
            own.append(replace(reminder, name=f"gonogo: {spec.name}: remind {name}", pipeline=spec.name, gate=name))
    return tuple(own)


def escalations_of(spec: PipelineSpec) -> tuple[tuple[str, Notice], ...]:
    """(Slack block, notification) of the second groups that a pipeline's gates tell."""
    about = next(notice for notice in notices() if Happened.GATE_ESCALATED in notice.events)
    only = replace(about, says="A second group is asked.", events=(Happened.GATE_ESCALATED,), pipeline=spec.name)
    return tuple(
        (gate.escalate.slack, replace(only, name=f"gonogo: {spec.name}: escalate {name}", gate=name))
        for name, gate in _gates(spec)
        if gate.escalate and gate.escalate.slack
    )


def _gates(spec: PipelineSpec) -> tuple[tuple[str, Gate], ...]:
    return (("source", spec.gates.source), ("quality", spec.gates.quality), ("load", spec.gates.load))


def _length(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
