"""What Prefect must know before runs can be started, scheduled and announced; done again, it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.spec import REMIND_AFTER
from flows.automations import automations, channels, pipelines_own
from flows.home import Home
from flows.notices import notices
from flows.triggers import triggers
from tasks.announce import TAG, pipeline_tag
from tasks.quality.errors import SpecError, TryAgain
from tasks.quality.secrets import mask

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.client.schemas.schedules import SCHEDULE_TYPES

    from blocks.spec import PipelineSpec, Trigger
    from flows.automations import Channels

POOL = "gonogo"
GONE = "gonogo-file-gone"
"""Marks a deployment that was paused because its file disappeared, so that it wakes when the file is back."""

ENTRYPOINT = "flows.pipeline.pipeline"
FLOW = "gonogo"


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
            everyones = channels(slack_webhook, pages_url, outbox_token)
            return [
                *_pool(client),
                *_block_types(client),
                *automations(client, everyones, notices(remind_after)),
                *_deployments(client, pipelines),
                *_pipelines_own(client, pipelines, everyones),
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
    """Every kind of source and destination, and the Slack app, as forms under Blocks in the UI."""
    from blocks import destinations, sources
    from blocks.saved import kinds, register
    from blocks.slack import SIDE, SlackApp

    sides = {"source": kinds(sources.Single), "destination": kinds(destinations.Single), SIDE: kinds(SlackApp)}
    for side, models in sides.items():
        yield from (f"block type {name} made" for name in register(client, side, models))


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
    """The notifications that pipelines ask for themselves; what is wrong with their files is told elsewhere."""
    specs, _ = _specs(folder.expanduser().resolve())
    gone = [deployment.name for deployment in _deployed(client) if GONE in deployment.tags]
    yield from pipelines_own(client, specs, gone, everyones)


def _triggers(client: SyncPrefectClient, folder: Path) -> Iterator[str]:
    """The automations that start pipelines when something has happened."""
    deployed = {deployment.name: deployment.id for deployment in _deployed(client)}
    yield from triggers(client, _read(folder.expanduser().resolve())[0], deployed)


def _read(folder: Path) -> tuple[dict[str, Wanted], list[str]]:
    """What the folder's files ask for, by name, and what is wrong with those that can't be deployed."""
    specs, problems = _specs(folder)
    wanted = (
        Wanted(spec.name, spec.description, str(folder / file), _schedule(spec), spec.trigger)
        for file, spec in specs.items()
    )
    return {each.name: each for each in wanted}, problems


def _specs(folder: Path) -> tuple[dict[str, PipelineSpec], list[str]]:
    """The folder's pipelines by file, and what is wrong with those that can't be deployed."""
    from blocks.spec import YAML_SUFFIXES, load_pipeline

    if not folder.is_dir():
        return {}, [f"no folder {folder}: no pipelines deployed"]
    found: dict[str, PipelineSpec] = {}
    problems, names = [], dict[str, str]()
    for file in sorted(path for path in folder.iterdir() if path.suffix.lower() in YAML_SUFFIXES):
        try:
            spec = load_pipeline(file)
        except SpecError as error:
            problems.append(f"{file.name} not deployed: {mask(error.message)}")
            continue
        if other := names.get(spec.name):
            problems.append(f"{file.name} not deployed: {other} has the name '{spec.name}' already")
            continue
        names[spec.name] = file.name
        found[file.name] = spec
    return found, problems


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
        tags=[TAG, pipeline_tag(wanted.name)],
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
        tags=sorted({*there.tags, TAG, pipeline_tag(wanted.name)} - {GONE}),
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
        and {TAG, pipeline_tag(wanted.name)} <= set(there.tags)
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
