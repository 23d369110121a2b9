"""A pipeline's schedule makes Prefect schedule runs (this broke once with a newer SQLAlchemy), and so does an event."""

from __future__ import annotations

import time


def test_a_schedule_yields_scheduled_runs(served, tmp_path):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter

    from flows.provision import provision

    (tmp_path / "orders.csv").write_text("id\n1\n")
    (tmp_path / "orders.yaml").write_text(
        "name: scheduled-orders\nsource: {kind: file, path: orders.csv}\nschedule: {interval: 1h}\n"
        "destination: {kind: file, path: out.csv}\n"
    )
    provision(served, tmp_path)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("gonogo/scheduled-orders")
        wanted = FlowRunFilter.model_validate({"deployment_id": {"any_": [deployment.id]}})
        deadline = time.monotonic() + 60
        while not (runs := client.read_flow_runs(flow_run_filter=wanted, sort="EXPECTED_START_TIME_ASC", limit=5)):
            assert time.monotonic() < deadline, "no run was scheduled within a minute"
            time.sleep(0.5)
    assert all(run.state_name == "Scheduled" for run in runs)


def test_an_event_starts_a_run_until_the_pipeline_names_it_no_more(served, tmp_path):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.events import emit_event

    from flows.provision import provision

    plain = "name: waiting\nsource: {kind: file, path: orders.csv}\ndestination: {kind: file, path: out.csv}\n"
    file = tmp_path / "waiting.yaml"
    file.write_text(plain + "trigger: {event: orders.arrived, resource: shop.*}\n")
    assert "automation 'gonogo: start waiting' made" in provision(served, tmp_path)
    assert provision(served, tmp_path) == []
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("gonogo/waiting")
        wanted = FlowRunFilter.model_validate({"deployment_id": {"any_": [deployment.id]}})
        deadline = time.monotonic() + 60
        while not (runs := client.read_flow_runs(flow_run_filter=wanted, sort="ID_DESC", limit=5)):
            assert time.monotonic() < deadline, "no run was started within a minute"
            emit_event("orders.arrived", {"prefect.resource.id": "elsewhere"})
            emit_event("orders.arrived", {"prefect.resource.id": "shop.orders"})
            time.sleep(1)
    assert runs[0].created_by.type == "AUTOMATION"
    file.write_text(plain)
    assert "automation 'gonogo: start waiting' removed" in provision(served, tmp_path)
