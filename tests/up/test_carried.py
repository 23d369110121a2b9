"""A run that a worker carries is answered and revised at a terminal meanwhile; both go on as one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from prefect.client.base import PrefectHttpxSyncClient

from blocks.ledger import Ledger
from flows.home import Home
from flows.local import running
from tests.up.conftest import site

PIPELINE = """
name: orders
source: {kind: file, path: orders.csv}
destination: {kind: database, url: "sqlite:///out.db", table: orders}
gates: {load: never}
"""
ORDERS = "id,price,quantity\n1,10,2\n2,N/A,1\n3,5,3\n4,,2\n5,7,n/a\n6,9,1\n6,9,1\n7,11,2\n8,12,1\n"


@pytest.fixture
def gonogo(environment, forked):
    """A command at a terminal, which joins what `gonogo up` runs."""
    script = "from flows.cli import main; main()"
    return lambda *words: forked.run(script, *words, env=environment)


@pytest.fixture
def environment(home: Home, tmp_path: Path):
    """`gonogo up` with the pipeline; gives the environment of commands that join it."""
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (folder / "orders.yaml").write_text(PIPELINE)
    (folder / "orders.csv").write_text(ORDERS)
    with site(home, folder) as environment:
        yield environment


def test_a_decision_is_undone_while_a_worker_carries_the_run_and_every_answer_counts_once(
    home, gonogo, tmp_path, eventually
):
    api = PrefectHttpxSyncClient(base_url=running(home).api, timeout=60, trust_env=False)  # asks a busy server again
    deployment = api.get("/deployments/name/gonogo/orders").json()["id"]
    run = api.post(f"/deployments/{deployment}/create_flow_run", json={}).json()["id"]

    def waits_at(gate: str) -> None:
        def there() -> bool:
            state = api.get(f"/flow_runs/{run}").json()["state"]
            assert state["type"] not in ("FAILED", "CRASHED"), state
            return (state["state_details"].get("pause_key") or "").startswith(f"{gate}-a")

        eventually(there, within_seconds=120)

    def decide(**said):
        file = tmp_path / "a.yaml"
        file.write_text(yaml.safe_dump({"answered_by": "ann", **said}))
        return gonogo("decide", run, "--answers", str(file))

    waits_at("quality-1")
    assert gonogo("hold", run, "--comment", "look first").returncode == 0
    decided = {"disguised-missing-price": "to-null", "disguised-missing-quantity": "quarantine"}
    answer = {"verdict": "resolve", "actions": decided, "rest": "keep", "comment": "so"}
    assert decide(quality=answer).returncode == 3
    waits_at("hold-1")
    assert decide(hold={"verdict": "go"}).returncode == 3
    waits_at("quality-2")

    undone = gonogo("undo", run, "--decision", "2", "--drop", "--comment", "a mistake")
    assert undone.returncode == 0, undone.stderr
    assert "goes on where it is carried, and asks again" in undone.stdout
    waits_at("quality-3")
    decide(quality={"verdict": "go", "rest": "keep", "comment": "so"})
    eventually(lambda: api.get(f"/flow_runs/{run}").json()["state"]["type"] == "COMPLETED", within_seconds=60)

    with Ledger(home.ledger_url) as ledger:
        entries = ledger.entries(run)
    answers = [e.payload["gate"] for e in entries if e.kind == "answer" and e.actor == "ann"]
    assert answers == ["quality-1", "hold-1", "quality-3"]
    assert [e.payload["decision"] for e in entries if e.kind == "undone"] == [2]
    assert [e.payload["rows_written"] for e in entries if e.kind == "commit"] == [9]
    assert gonogo("verify", run).returncode == 0
