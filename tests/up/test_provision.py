"""Provisioning makes Prefect what it should be, says what it changed, and changes nothing the second time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from flows.notices import notices
from flows.provision import POOL, provision
from tasks.announce import HEARD_HERE_ONLY, Happened
from tasks.quality.errors import PilotMustDecide

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # in the library that sends to Slack

ORDERS = """\
name: {name}
description: Orders of the shop
source: {{kind: file, path: orders.csv}}
destination: {{kind: file, path: refined.parquet}}
schedule: {schedule}
"""
DAILY = "{cron: '0 6 * * *', timezone: Europe/Berlin}"
HOURLY = "{interval: 1h}"
PAGES = {"pages_url": "http://127.0.0.1:9", "outbox_token": "t"}


@pytest.fixture
def client(served):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The pipelines: one daily, one hourly."""
    write(tmp_path, "daily", DAILY)
    write(tmp_path, "hourly", HOURLY)
    return tmp_path


def write(folder: Path, name: str, schedule: str) -> Path:
    file = folder / f"{name}.yaml"
    file.write_text(ORDERS.format(name=name, schedule=schedule))
    return file


def everything(client) -> dict[str, object]:
    """All that provisioning has to do with, with the moments of the last change."""
    asked = {
        "automations": client.request("POST", "/automations/filter", json={}),
        "deployments": client.request("POST", "/deployments/filter", json={"sort": "NAME_ASC"}),
        "blocks": client.request("POST", "/block_documents/filter", json={}),
        "pools": client.request("POST", "/work_pools/filter", json={}),
    }
    volatile = {"updated", "block_type", "status", "last_polled"}
    return {
        kind: [{k: v for k, v in one.items() if k not in volatile} for one in answer.json()]
        for kind, answer in asked.items()
    }


def deployment(client, name: str):
    return client.read_deployment_by_name(f"gonogo/{name}")


def test_the_second_time_nothing_is_changed_and_nothing_is_there_twice(served, client, folder):
    first = provision(served, folder, **PAGES)
    assert f"work pool {POOL} made" in first
    assert "pipeline daily deployed" in first
    assert "pipeline hourly deployed" in first
    before = everything(client)
    assert provision(served, folder, **PAGES) == []
    assert everything(client) == before
    names = [automation["name"] for automation in before["automations"]]
    assert sorted(names) == sorted(notice.name for notice in notices())


def test_a_pipeline_is_deployed_by_module_with_its_file_and_schedule(served, client, folder):
    provision(served, folder, **PAGES)
    daily = deployment(client, "daily")
    assert daily.entrypoint == "flows.pipeline.pipeline"
    assert daily.parameters == {"pipeline": str(folder / "daily.yaml")}
    assert daily.work_pool_name == POOL
    assert daily.tags == ["gonogo", "pipeline:daily"]
    assert daily.description == "Orders of the shop"
    assert (daily.schedules[0].schedule.cron, daily.schedules[0].schedule.timezone) == ("0 6 * * *", "Europe/Berlin")
    assert deployment(client, "hourly").schedules[0].schedule.interval == timedelta(hours=1)


def test_a_changed_file_changes_its_deployment_and_no_other(served, client, folder):
    provision(served, folder, **PAGES)
    write(folder, "daily", "{cron: '30 7 * * *'}")
    assert provision(served, folder, **PAGES) == ["pipeline daily updated"]
    assert deployment(client, "daily").schedules[0].schedule.cron == "30 7 * * *"
    assert len(deployment(client, "daily").schedules) == 1


def test_what_a_person_switched_off_stays_off(served, client, folder):
    provision(served, folder, **PAGES)
    daily = deployment(client, "daily")
    client.update_deployment_schedule(daily.id, daily.schedules[0].id, active=False)
    reminder = client.read_automations_by_name("gonogo: reminder")[0]
    client.pause_automation(reminder.id)
    file = folder / "daily.yaml"
    file.write_text(file.read_text().replace("Orders of", "All orders of"))
    said = provision(served, folder, **PAGES, remind_after=timedelta(hours=1))
    assert said == ["automation 'gonogo: reminder' updated", "pipeline daily updated"]
    assert deployment(client, "daily").schedules[0].active is False
    updated = client.read_automations_by_name("gonogo: reminder")[0]
    assert (updated.id, updated.enabled, updated.trigger.within) == (reminder.id, False, timedelta(hours=1))
    client.resume_automation(reminder.id)
    provision(served, folder, **PAGES)


def test_a_file_that_is_gone_pauses_its_deployment_until_it_is_back(served, client, folder):
    provision(served, folder, **PAGES)
    away = (folder / "daily.yaml").rename(folder / "daily.away")
    assert provision(served, folder, **PAGES) == [f"pipeline daily paused: {folder / 'daily.yaml'} is gone"]
    assert deployment(client, "daily").paused
    assert provision(served, folder, **PAGES) == []
    away.rename(folder / "daily.yaml")
    assert provision(served, folder, **PAGES) == ["pipeline daily deployed again: its file is back"]
    assert not deployment(client, "daily").paused
    assert deployment(client, "daily").tags == ["gonogo", "pipeline:daily"]


def test_a_pipeline_with_a_new_name_leaves_its_old_deployment_paused(served, client, folder):
    provision(served, folder, **PAGES)
    file = folder / "daily.yaml"
    file.write_text(file.read_text().replace("name: daily", "name: nightly"))
    said = provision(served, folder, **PAGES)
    assert said == ["pipeline nightly deployed", "pipeline daily paused: daily.yaml is called nightly now"]


def test_files_that_cannot_be_deployed_are_named_and_do_not_stop_the_others(served, client, folder):
    (folder / "broken.yaml").write_text("name: [")
    (folder / "empty.yml").write_text("")
    (folder / "zz-copy.yaml").write_text((folder / "hourly.yaml").read_text())
    (folder / "readme.txt").write_text("not a pipeline")
    write(folder, "another", DAILY)
    said = "\n".join(provision(served, folder, **PAGES))
    assert "pipeline another deployed" in said
    assert "broken.yaml not deployed" in said
    assert "empty.yml not deployed" in said
    assert "zz-copy.yaml not deployed: hourly.yaml has the name 'hourly' already" in said
    assert "readme" not in said


def test_what_a_pipeline_asks_no_more_is_removed_and_what_another_folder_asks_stays(served, client, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    elsewhere, daily = write(other, "elsewhere", DAILY), folder / "daily.yaml"
    asked, plain = "gates: {quality: {remind: 1h}, load: {remind: 1h}}\n", daily.read_text()
    for file in (elsewhere, daily):
        file.write_text(file.read_text() + asked)
    provision(served, other, **PAGES)
    assert "automation 'gonogo: daily: remind load' made" in provision(served, folder, **PAGES)
    daily.write_text(plain + "gates: {load: {remind: 1h}}\n")
    gone = "removed: its pipeline does not ask for it any more"
    assert provision(served, folder, **PAGES) == [f"automation 'gonogo: daily: remind quality' {gone}"]
    daily.unlink()
    assert f"automation 'gonogo: daily: remind load' {gone}" in provision(served, folder, **PAGES)
    names = {automation["name"] for automation in everything(client)["automations"]}
    assert {name for name in names if ": remind " in name} == {
        "gonogo: elsewhere: remind quality",
        "gonogo: elsewhere: remind load",
    }
    elsewhere.unlink()
    provision(served, other, **PAGES)


def test_no_folder_is_said(served, tmp_path):
    assert f"no folder {tmp_path / 'none'}: no pipelines deployed" in provision(served, tmp_path / "none", **PAGES)


def test_without_a_place_to_send_them_there_are_no_automations(served, client, tmp_path):
    provision(served, tmp_path, **PAGES)
    said = provision(served, tmp_path)
    assert said == [f"automation '{n.name}' removed: there is nowhere to send it" for n in notices()]
    assert everything(client)["automations"] == []


def test_every_event_that_is_sent_is_announced_by_some_notification():
    told = {event for notice in notices() for event in notice.events}
    assert set(Happened) - HEARD_HERE_ONLY <= told


def test_the_second_group_of_a_gate_is_told_where_it_is_and_quiet_gates_have_no_reminding_automation(tmp_path):
    from blocks.spec import load_pipeline
    from flows.notices import escalations_of, notices_of

    file = write(tmp_path, "daily", DAILY)
    gates = (
        "{load: {remind: 1h, escalate: {after: 8h, to: {roles: [head]}, slack: heads}}, quality: {remind: 1h, quiet: "
    )
    file.write_text(file.read_text() + f"gates: {gates}{{start: '20:00', end: '07:00'}}}}}}\n")
    spec = load_pipeline(file)
    ((block, notice),) = escalations_of(spec)
    assert (block, notice.events, notice.gate) == ("heads", (Happened.GATE_ESCALATED,), "load")
    assert [n.name for n in notices_of(spec)] == ["gonogo: daily: remind load"]


def test_the_slack_address_is_kept_as_a_secret(served, client, tmp_path):
    address = "https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/cccccccccccccccccccccccc"
    said = provision(served, tmp_path, **PAGES, slack_webhook=address)
    assert "cccc" not in "\n".join(said)
    assert "cccc" not in str(everything(client))
    assert "cccc" not in "".join(log.read_text() for log in served.logs.iterdir())
    assert provision(served, tmp_path, **PAGES) == []  # it was saved, and stays in use
    by_name = {notice.name: client.read_automations_by_name(notice.name)[0] for notice in notices()}
    assert {name: len(automation.actions) for name, automation in by_name.items() if "progress" in name} == {
        "gonogo: progress": 1
    }
    assert all(len(automation.actions) == 2 for name, automation in by_name.items() if "progress" not in name)


def test_an_address_that_is_none_of_slacks_is_refused_without_repeating_it(served, tmp_path):
    with pytest.raises(PilotMustDecide, match="not the address of a Slack webhook") as refused:
        provision(served, tmp_path, **PAGES, slack_webhook="hooks.example/secret")
    assert "secret" not in str(refused.value)
