"""What Prefect must know before runs can be started, scheduled and announced; done again, it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from blocks.spec import REMIND_AFTER
from flows.home import Home
from flows.triggers import triggers
from tasks.announce import Happened
from tasks.quality.errors import PilotMustDecide, SpecError, TryAgain
from tasks.quality.secrets import mask

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.client.schemas.schedules import SCHEDULE_TYPES
    from prefect.events.schemas.automations import AutomationCore, EventTrigger

    from blocks.spec import Gate, PipelineSpec, Trigger

POOL = "gonogo"
TAG = "gonogo"
GONE = "gonogo-file-gone"
"""Marks a deployment that was paused because its file disappeared, so that it wakes when the file is back."""

ENTRYPOINT = "flows.pipeline.pipeline"
FLOW = "gonogo"

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
        progress: only for those who watch the outbox; not sent to Slack.
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
            "An answer was refused, or a decision could not be carried out; the gate asks again.",
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
        and not notice.tagged  # Prefect's own events know no pipeline
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


def provision(
    home: Home,
    pipelines: Path,
    *,
    slack_webhook: str | None = None,
    pages_url: str = "",
    outbox_token: str = "",
    remind_after: timedelta = REMIND_AFTER,
) -> list[str]:
    """Make the work pool, the notification blocks, the automations and the deployments what they should be.

    Args:
        home: for the environment of runs.
        pipelines: folder whose YAML files are deployed.
        slack_webhook: notify people there; without one, a Slack block saved earlier is used.
        pages_url: the page server, which keeps the outbox; without one, there is no outbox.
        outbox_token: what the page server asks for.
        remind_after: how long a gate may be open before a reminder, at least 10 s.

    Returns:
        What was changed or could not be done, a line each; nothing when all was as it should be.

    Raises:
        TryAgain: the server refuses or is away.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    home.path.mkdir(parents=True, exist_ok=True)
    try:
        with get_client(sync_client=True) as client:
            channels = _channels(slack_webhook, pages_url, outbox_token)
            return [
                *_pool(client),
                *_block_types(client),
                *_automations(client, channels, notices(remind_after)),
                *_deployments(client, pipelines),
                *_pipelines_own(client, pipelines, channels),
                *_triggers(client, pipelines),
            ]
    except (httpx.HTTPError, PrefectHTTPStatusError) as error:
        raise TryAgain(f"the Prefect server refused: {mask(str(error))}", todo="see logs/server.log") from error


def _pool(client: SyncPrefectClient) -> Iterator[str]:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        try:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process", description="Runs of gonogo"))
        except ObjectAlreadyExists:
            return
        yield f"work pool {POOL} made"


def _block_types(client: SyncPrefectClient) -> Iterator[str]:
    """Every kind of source and destination as a form under Blocks in the UI."""
    from blocks import destinations, sources
    from blocks.saved import kinds, register

    for side, models in (("source", kinds(sources.Single)), ("destination", kinds(destinations.Single))):
        yield from (f"block type {name} made" for name in register(client, side, models))


@dataclass(frozen=True)
class Channels:
    """Block documents of the places that notifications go to."""

    outbox: UUID | None
    slack: UUID | None
    others: tuple[UUID, ...] = ()

    def of(self, notice: Notice) -> list[UUID]:
        """Where this notification goes."""
        people = () if notice.progress else (self.slack, *self.others)
        return [block for block in (*people, self.outbox) if block]


def _channels(slack_webhook: str | None, pages_url: str, outbox_token: str) -> Channels:
    from blocks.notify import outbox_block, slack_block

    outbox = outbox_block(f"{pages_url}/outbox", outbox_token) if pages_url else None
    return Channels(outbox, slack_block(slack_webhook))


def _automations(client: SyncPrefectClient, channels: Channels, wanted: Sequence[Notice]) -> Iterator[str]:
    for notice in wanted:
        found = client.read_automations_by_name(notice.name)
        for extra in found[1:]:
            client.delete_automation(extra.id)
        automation = automation_of(notice, channels.of(notice))
        if not automation.actions:
            if found:
                client.delete_automation(found[0].id)
                yield f"automation '{notice.name}' removed: there is nowhere to send it"
        elif not found:
            client.create_automation(automation)
            yield f"automation '{notice.name}' made"
        elif _essence(found[0]) != _essence(automation):
            automation.enabled = found[0].enabled
            client.update_automation(found[0].id, automation)
            yield f"automation '{notice.name}' updated"


def automation_of(notice: Notice, blocks: Sequence[UUID]) -> AutomationCore:
    """The Prefect automation that sends this notification to these blocks."""
    from prefect.events.actions import SendNotification
    from prefect.events.schemas.automations import AutomationCore

    return AutomationCore(
        name=notice.name,
        description=notice.says,
        enabled=True,
        trigger=_trigger(notice),
        actions=[SendNotification(block_document_id=b, subject=notice.subject, body=notice.body) for b in blocks],
    )


def _trigger(notice: Notice) -> EventTrigger:
    from prefect.events.schemas.automations import EventTrigger, Posture

    labels = {"gonogo.pipeline": notice.pipeline, "gonogo.gate": notice.gate}
    match = {"prefect.resource.id": notice.about} | {label: value for label, value in labels.items() if value}
    common: dict[str, Any] = {"match": match, "threshold": 1}
    if notice.tagged:
        common["match_related"] = {"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}
    if not notice.unless:
        return EventTrigger(posture=Posture.Reactive, expect=_plain(notice.events), within=timedelta(0), **common)
    return EventTrigger(
        posture=Posture.Proactive,
        after=_plain(notice.events),
        expect=_plain(notice.unless),
        for_each={"prefect.resource.id"},
        within=notice.within,
        **common,
    )


def _plain(events: Sequence[str]) -> set[str]:
    return {str(event) for event in events}


def _essence(automation: AutomationCore) -> dict[str, Any]:
    """What makes two automations the same, whoever switched them off."""
    from prefect.events.schemas.automations import EventTrigger

    trigger = automation.trigger
    assert isinstance(trigger, EventTrigger)  # noqa: S101 (ours have no other)
    sets = {name: sorted(getattr(trigger, name)) for name in ("after", "expect", "for_each")}
    matches = {name: getattr(trigger, name).model_dump() for name in ("match", "match_related")}
    sends = [a.model_dump(mode="json", include={"block_document_id", "subject", "body"}) for a in automation.actions]
    timing = {"posture": trigger.posture, "within": trigger.within, "threshold": trigger.threshold}
    return {"description": automation.description, **sets, **matches, **timing, "actions": sends}


@dataclass(frozen=True)
class Wanted:
    """A deployment as it should be."""

    name: str
    description: str
    file: str
    schedule: SCHEDULE_TYPES | None
    trigger: Trigger | None = None


def _deployments(client: SyncPrefectClient, folder: Path) -> Iterator[str]:
    folder = folder.expanduser().resolve()
    wanted, problems = _read(folder)
    yield from problems
    existing = {deployment.name: deployment for deployment in _deployed(client)}
    for name, should_be in wanted.items():
        yield from _deploy(client, should_be, existing.get(name))
    for name, there in existing.items():
        if name not in wanted:
            yield from _retire(client, there, wanted)


def _pipelines_own(client: SyncPrefectClient, folder: Path, everyones: Channels) -> Iterator[str]:
    """The notifications that pipelines ask for themselves: to their own Slack block, after their own times."""
    from blocks.notify import saved_slack_block
    from blocks.spec import YAML_SUFFIXES, load_pipeline

    folder = folder.expanduser().resolve()
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in YAML_SUFFIXES) if folder.is_dir() else []
    for file in files:
        try:
            spec = load_pipeline(file)
        except SpecError:
            continue  # told where its deployment is made
        slack = saved_slack_block(spec.notify.slack) if spec.notify.slack else None
        if spec.notify.slack and slack is None:
            yield f"{file.name}: no Slack webhook block '{spec.notify.slack}'; save one under Blocks in the Prefect UI"
        others, problems = _others(spec)
        yield from (f"{file.name}: {problem}" for problem in problems)
        own = notices_of(spec)
        reminders = [notice for notice in own if notice.unless]
        rest = [notice for notice in own if not notice.unless]
        whose = slack if spec.notify.slack else everyones.slack
        yield from _automations(client, Channels(everyones.outbox, whose, others), reminders)
        yield from _automations(client, Channels(None, slack, others), rest)
        for block, notice in escalations_of(spec):
            there = saved_slack_block(block)
            if there is None:
                yield f"{file.name}: no Slack webhook block '{block}'; save one under Blocks in the Prefect UI"
            yield from _automations(client, Channels(None, there), [notice])


def _others(spec: PipelineSpec) -> tuple[tuple[UUID, ...], list[str]]:
    """The blocks beside Slack that a pipeline notifies, and what is wrong with those that can't be used."""
    from blocks.notify import saved_block

    found, problems = [], []
    for named in dict.fromkeys(spec.notify.to):
        try:
            block = saved_block(named)
        except PilotMustDecide as error:
            problems.append(error.message)
            continue
        if block is None:
            problems.append(f"no notification block '{named}'; save one under Blocks in the Prefect UI")
        else:
            found.append(block)
    return tuple(found), problems


def _triggers(client: SyncPrefectClient, folder: Path) -> Iterator[str]:
    """The automations that start pipelines when something has happened."""
    deployed = {deployment.name: deployment.id for deployment in _deployed(client)}
    yield from triggers(client, _read(folder.expanduser().resolve())[0], deployed)


def _read(folder: Path) -> tuple[dict[str, Wanted], list[str]]:
    """What the folder's files ask for, by name, and what is wrong with those that can't be deployed."""
    from blocks.spec import YAML_SUFFIXES, load_pipeline

    wanted: dict[str, Wanted] = {}
    if not folder.is_dir():
        return wanted, [f"no folder {folder}: no pipelines deployed"]
    problems = []
    for file in sorted(path for path in folder.iterdir() if path.suffix.lower() in YAML_SUFFIXES):
        try:
            spec = load_pipeline(file)
        except SpecError as error:
            problems.append(f"{file.name} not deployed: {mask(error.message)}")
            continue
        if spec.name in wanted:
            other = Path(wanted[spec.name].file).name
            problems.append(f"{file.name} not deployed: {other} has the name '{spec.name}' already")
            continue
        wanted[spec.name] = Wanted(spec.name, spec.description, str(file), _schedule(spec), spec.trigger)
    return wanted, problems


def _schedule(spec: PipelineSpec) -> SCHEDULE_TYPES | None:
    from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule

    if spec.schedule is None:
        return None
    if spec.schedule.cron:
        return CronSchedule(cron=spec.schedule.cron, timezone=spec.schedule.timezone)
    assert spec.schedule.interval  # noqa: S101 (the spec has one of the two)
    return IntervalSchedule(interval=spec.schedule.interval, timezone=spec.schedule.timezone)


def _deployed(client: SyncPrefectClient) -> list[DeploymentResponse]:
    """The deployments that a worker of ours serves."""
    from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
    from prefect.client.schemas.sorting import DeploymentSort

    pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
    by_name = DeploymentSort.NAME_ASC
    found: list[DeploymentResponse] = []
    while more := client.read_deployments(work_pool_filter=pool, limit=200, offset=len(found), sort=by_name):
        found += more
    return found


def _deploy(client: SyncPrefectClient, wanted: Wanted, there: DeploymentResponse | None) -> Iterator[str]:
    back = there is not None and GONE in there.tags
    if there and _same(there, wanted) and not back:
        return
    if there is None:
        _create(client, wanted)
        yield f"pipeline {wanted.name} deployed"
        return
    _update(client, wanted, there)
    if back:
        client.resume_deployment(there.id)
    yield f"pipeline {wanted.name} " + ("deployed again: its file is back" if back else "updated")


def _create(client: SyncPrefectClient, wanted: Wanted) -> None:
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    client.create_deployment(
        flow_id=client.create_flow_from_name(FLOW),
        name=wanted.name,
        description=wanted.description,
        parameters={"pipeline": wanted.file},
        parameter_openapi_schema=_parameter_schema(),
        entrypoint=ENTRYPOINT,
        work_pool_name=POOL,
        tags=[TAG],
        schedules=[DeploymentScheduleCreate(schedule=wanted.schedule)] if wanted.schedule else [],
    )


def _update(client: SyncPrefectClient, wanted: Wanted, there: DeploymentResponse) -> None:
    from prefect.client.schemas.actions import DeploymentScheduleUpdate, DeploymentUpdate

    changed: dict[str, Any] = {}
    if not _on_time(there, wanted):  # sending the same again would switch it on, whoever switched it off
        changed["schedules"] = (
            [DeploymentScheduleUpdate(schedule=wanted.schedule, active=True)] if wanted.schedule else []
        )
    update = DeploymentUpdate(
        description=wanted.description,
        parameters={"pipeline": wanted.file},
        parameter_openapi_schema=_parameter_schema(),
        entrypoint=ENTRYPOINT,
        tags=sorted({*there.tags, TAG} - {GONE}),
        **changed,
    )
    client.update_deployment(there.id, update)


def _parameter_schema() -> dict[str, Any]:
    from prefect.utilities.callables import parameter_schema

    from flows.pipeline import pipeline

    return parameter_schema(pipeline).model_dump_for_openapi()


def _same(there: DeploymentResponse, wanted: Wanted) -> bool:
    return (
        there.parameters == {"pipeline": wanted.file}
        and (there.description or "") == wanted.description
        and there.entrypoint == ENTRYPOINT
        and TAG in there.tags
        and _on_time(there, wanted)
    )


def _timing(schedules: Sequence[SCHEDULE_TYPES | None]) -> list[tuple[object, ...]]:
    """What makes schedules the same; the server adds an anchor of its own to intervals."""
    names = ("cron", "interval", "rrule", "timezone")
    return [tuple(getattr(schedule, name, None) for name in names) for schedule in schedules if schedule]


def _on_time(there: DeploymentResponse, wanted: Wanted) -> bool:
    return _timing([own.schedule for own in there.schedules]) == _timing([wanted.schedule])


def _retire(client: SyncPrefectClient, there: DeploymentResponse, wanted: dict[str, Wanted]) -> Iterator[str]:
    """Pause a deployment whose file is gone, or now has another name; runs that it has started go on."""
    file = Path(str(there.parameters.get("pipeline", "")))
    renamed = next((other.name for other in wanted.values() if other.file == str(file)), None)
    if GONE in there.tags or (file.is_file() and renamed is None):
        return
    from prefect.client.schemas.actions import DeploymentUpdate

    client.update_deployment(there.id, DeploymentUpdate(tags=[*there.tags, GONE], paused=True))
    why = f"{file.name} is called {renamed} now" if renamed else f"{file} is gone"
    yield f"pipeline {there.name} paused: {why}"


def _length(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
