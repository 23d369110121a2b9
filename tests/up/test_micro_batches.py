"""Micro-batches of a stream: an event of Prefect starts the next bounded run, which reads on from the last one."""

from __future__ import annotations

import datetime as dt
import sqlite3
import uuid
from pathlib import Path

import pytest
from prefect.client.base import PrefectHttpxSyncClient

from blocks.ledger import Ledger
from flows.home import Home
from flows.local import running
from tests.sources.topics import Topic
from tests.up.conftest import site

pytestmark = pytest.mark.service

PIPELINE = """
name: readings
source: {{kind: stream, servers: "{servers}", topics: [{topic}]}}
destination: {{kind: database, url: "sqlite:///out.db", table: readings, mode: append}}
trigger: {{event: readings.arrived, resource: "plant.*"}}
gates: {{quality: never, load: never}}
"""


class Plant:
    """Readings in a topic, the events that tell of them, and what becomes of the runs that those start."""

    def __init__(self, home: Home, folder: Path, topic: Topic) -> None:
        self.home, self.out, self.topic = home, folder / "out.db", topic
        self.api = PrefectHttpxSyncClient(base_url=running(home).api, timeout=60, trust_env=False)

    def tell(self, resource: str = "plant.north") -> None:
        """Somebody else's program tells Prefect that readings have arrived."""
        about = {"prefect.resource.id": resource}
        said = {"id": str(uuid.uuid4()), "occurred": dt.datetime.now(dt.UTC).isoformat()}
        self.api.post("/events", json=[{**said, "event": "readings.arrived", "resource": about}]).raise_for_status()

    def ended(self) -> list[tuple[str, str]]:
        """How the runs ended, in the order in which they began: Prefect's state, and the outcome in the ledger."""
        runs = self.api.post("/flow_runs/filter", json={"sort": "EXPECTED_START_TIME_ASC"}).json()
        with Ledger(self.home.ledger_url) as ledger:
            told = [(run["state"]["type"], ledger.last(run["id"], "outcome")) for run in runs]
        return [(state, outcome.payload["outcome"] if outcome else "") for state, outcome in told]

    def loaded(self) -> list[int]:
        with sqlite3.connect(self.out) as own:
            rows = own.execute("SELECT n FROM readings ORDER BY n").fetchall()
        own.close()
        return [int(n) for (n,) in rows]


@pytest.fixture
def plant(home: Home, tmp_path: Path, kafka_servers: str):
    folder, topic = tmp_path / "pipelines", Topic(tmp_path, kafka_servers)
    folder.mkdir()
    (folder / "readings.yaml").write_text(PIPELINE.format(servers=topic.servers, topic=topic.name))
    with site(home, folder):
        yield Plant(home, folder, topic)


def test_each_event_starts_a_run_that_reads_on_and_several_at_once_read_one_after_the_other(plant, eventually):
    def then(*outcomes: str) -> None:
        expected = [("COMPLETED", outcome) for outcome in outcomes]
        eventually(lambda: sorted(plant.ended()) == expected, within_seconds=120)

    plant.topic.numbers(*range(5))
    plant.tell("elsewhere")
    plant.tell()
    then("loaded")
    assert plant.loaded() == [*range(5)]
    plant.tell()
    then("loaded", "nothing new")
    plant.topic.numbers(*range(5, 30))
    for _ in range(3):
        plant.tell()
    then("loaded", "loaded", "nothing new", "nothing new", "nothing new")
    assert plant.loaded() == [*range(30)]
