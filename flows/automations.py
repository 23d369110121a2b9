"""The automations of Prefect that tell people: everyone's, and those that pipelines ask for themselves."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from blocks.notify import Place
from flows.notices import Notice, escalations_of, notices_of, worded
from tasks.announce import TAG, pipeline_tag
from tasks.quality.errors import PilotMustDecide

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger

    from blocks.spec import PipelineSpec

_PAGE = 200
_OWN = re.compile(r"gonogo: (?P<pipeline>[^:]+): ")
"""Begins the names of automations that a pipeline asks for itself."""


@dataclass(frozen=True)
class Channels:
    """The blocks that notifications go to."""

    outbox: Place | None
    slack: Place | None
    others: tuple[Place, ...] = ()

    def of(self, notice: Notice) -> list[Place]:
        """Where this notification goes."""
        people = () if notice.progress else (self.slack, *self.others)
        return [block for block in (*people, self.outbox) if block]


def channels(slack_webhook: str | None, pages_url: str, outbox_token: str) -> Channels:
    """Everyone's channels: the outbox where there is a page server, and a Slack webhook where there is one."""
    from blocks.notify import outbox_block, slack_block

    outbox = outbox_block(f"{pages_url}/outbox", outbox_token) if pages_url else None
    return Channels(outbox, slack_block(slack_webhook))


def automations(client: SyncPrefectClient, channels: Channels, wanted: Sequence[Notice]) -> Iterator[str]:
    """Make these notifications' automations what they should be; gives what was changed, a line each."""
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


def automation_of(notice: Notice, places: Sequence[Place]) -> AutomationCore:
    """The Prefect automation that sends this notification to these blocks, to each in the words of its kind."""
    from prefect.events.actions import SendNotification
    from prefect.events.schemas.automations import AutomationCore

    return AutomationCore(
        name=notice.name,
        description=notice.says,
        enabled=True,
        trigger=_trigger(notice),
        actions=[
            SendNotification(
                block_document_id=place.block,
                subject=worded(notice.subject, place.kind),
                body=worded(notice.body, place.kind),
            )
            for place in places
        ],
    )


def _trigger(notice: Notice) -> EventTrigger:
    from prefect.events.schemas.automations import EventTrigger, Posture

    labels = {"gonogo.pipeline": "" if notice.tagged else notice.pipeline, "gonogo.gate": notice.gate}
    match = {"prefect.resource.id": notice.about} | {label: value for label, value in labels.items() if value}
    common: dict[str, Any] = {"match": match, "threshold": 1}
    if notice.tagged:  # Prefect's own events know a run's tags
        tags = [TAG, *([pipeline_tag(notice.pipeline)] if notice.pipeline else [])]
        related = [{"prefect.resource.id": f"prefect.tag.{tag}", "prefect.resource.role": "tag"} for tag in tags]
        common["match_related"] = related if len(related) > 1 else related[0]
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
    from prefect.events.schemas.events import ResourceSpecification

    trigger = automation.trigger
    assert isinstance(trigger, EventTrigger)  # noqa: S101 (ours have no other)
    sets = {name: sorted(getattr(trigger, name)) for name in ("after", "expect", "for_each")}
    related = trigger.match_related if isinstance(trigger.match_related, list) else [trigger.match_related]
    matches = [ResourceSpecification.model_validate(each).model_dump() for each in (trigger.match, *related)]
    sends = [a.model_dump(mode="json", include={"block_document_id", "subject", "body"}) for a in automation.actions]
    timing = {"posture": trigger.posture, "within": trigger.within, "threshold": trigger.threshold}
    return {"description": automation.description, **sets, "matches": matches, **timing, "actions": sends}


def pipelines_own(
    client: SyncPrefectClient, specs: Mapping[str, PipelineSpec], gone: Collection[str], everyones: Channels
) -> Iterator[str]:
    """Make the automations that pipelines ask for themselves, and remove those that none asks for any more.

    Args:
        client: of the Prefect server.
        specs: the pipelines, by the name of their file.
        gone: names of pipelines whose file is gone.
        everyones: where everybody is told.

    Returns:
        What was changed or could not be done, a line each.
    """
    wanted = set[str]()
    for file, spec in specs.items():
        told = [*notices_of(spec), *(notice for _, notice in escalations_of(spec))]
        wanted |= {notice.name for notice in told}
        yield from _own(client, file, spec, everyones)
    whose = {spec.name for spec in specs.values()} | set(gone)
    for there in _all(client):
        named = _OWN.match(there.name)
        if named and named["pipeline"] in whose and there.name not in wanted:
            client.delete_automation(there.id)
            yield f"automation '{there.name}' removed: its pipeline does not ask for it any more"


def _all(client: SyncPrefectClient) -> list[Automation]:
    from prefect.client.schemas.sorting import AutomationSort

    found: list[Automation] = []
    by_name = AutomationSort.NAME_ASC
    while more := client.read_automations(sort=by_name, limit=_PAGE, offset=len(found)):
        found += more
    return found


def _own(client: SyncPrefectClient, file: str, spec: PipelineSpec, everyones: Channels) -> Iterator[str]:
    """A pipeline's own notifications: to its own blocks, after its own times."""
    from blocks.notify import saved_slack_block

    slack = saved_slack_block(spec.notify.slack) if spec.notify.slack else None
    if spec.notify.slack and slack is None:
        yield f"{file}: no Slack webhook block '{spec.notify.slack}'; save one under Blocks in the Prefect UI"
    others, problems = _others(spec)
    yield from (f"{file}: {problem}" for problem in problems)
    own = notices_of(spec)
    reminders = [notice for notice in own if notice.unless]
    rest = [notice for notice in own if not notice.unless]
    whose = slack if spec.notify.slack else everyones.slack
    yield from automations(client, Channels(everyones.outbox, whose, others), reminders)
    yield from automations(client, Channels(None, slack, others), rest)
    for block, notice in escalations_of(spec):
        there = saved_slack_block(block)
        if there is None:
            yield f"{file}: no Slack webhook block '{block}'; save one under Blocks in the Prefect UI"
        yield from automations(client, Channels(None, there), [notice])


def _others(spec: PipelineSpec) -> tuple[tuple[Place, ...], list[str]]:
    """The blocks beside Slack that a pipeline notifies, and what is wrong with those that can't be used."""
    from blocks.notify import saved_block
    from blocks.slack import SLUG, saved_apps

    found, problems = [], []
    apps = (
        {f"{SLUG}/{name}" for name in saved_apps()} if any(to.startswith(f"{SLUG}/") for to in spec.notify.to) else ()
    )
    for named in dict.fromkeys(spec.notify.to):
        if named in apps:  # tells of runs by itself: flows/slack.py
            continue
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
