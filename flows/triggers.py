"""Events that start pipelines: an automation of Prefect for each pipeline whose YAML names one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import Automation, AutomationCore

    from blocks.spec import Trigger

_START = "gonogo: start "


class Triggered(Protocol):
    """A deployed pipeline."""

    @property
    def trigger(self) -> Trigger | None:
        """What starts it."""
        ...


def triggers(
    client: SyncPrefectClient, pipelines: Mapping[str, Triggered], deployed: Mapping[str, UUID]
) -> Iterator[str]:
    """Make the automations that start pipelines what they should be; those of pipelines that are gone go, too.

    Args:
        client: of the Prefect server.
        pipelines: name → what its file says.
        deployed: name → deployment, of those whose file is gone, too.

    Returns:
        What was changed, a line each.
    """
    for name, deployment in deployed.items():
        known = client.read_automations_by_name(f"{_START}{name}")
        wanted = pipelines[name].trigger if name in pipelines else None
        if wanted:
            yield from _set(client, _automation(name, wanted, deployment), known[0] if known else None)
        for extra in known[1:] if wanted else known:
            client.delete_automation(extra.id)
            yield f"automation '{extra.name}' removed"


def _set(client: SyncPrefectClient, wanted: AutomationCore, known: Automation | None) -> Iterator[str]:
    if known is None:
        client.create_automation(wanted)
        yield f"automation '{wanted.name}' made"
    elif (known.trigger, known.actions) != (wanted.trigger, wanted.actions):
        wanted.enabled = known.enabled
        client.update_automation(known.id, wanted)
        yield f"automation '{wanted.name}' updated"


def _automation(name: str, trigger: Trigger, deployment: UUID) -> AutomationCore:
    from prefect.events.actions import RunDeployment
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    about = {"prefect.resource.id": trigger.resource} if trigger.resource else {}
    return AutomationCore(
        name=f"{_START}{name}",
        description=f"Starts the pipeline {name}.",
        enabled=True,
        trigger=EventTrigger(
            posture=Posture.Reactive,
            expect={trigger.event},
            match=ResourceSpecification.model_validate(about),
            threshold=1,
        ),
        actions=[RunDeployment(source="selected", deployment_id=deployment)],
    )
