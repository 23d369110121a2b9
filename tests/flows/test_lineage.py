"""A backend hears of a run; one that is away is told again at the end, and never holds the run up."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path

import pytest

from blocks.lineage import Lineage, receiver
from tasks.lineage import place_of
from tasks.quality.errors import SpecError, Unavailable
from tests.reports.test_report_lineage import check_against_the_models


class Backend:
    """Takes OpenLineage events over HTTP; `refusals` of the first ones are refused."""

    def __init__(self, refusals: int = 0) -> None:
        self.heard: list[tuple[str, str, dict]] = []
        left = iter(range(refusals))
        heard = self.heard

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["content-length"])))
                refused = next(left, None) is not None
                if not refused:
                    heard.append((self.path, self.headers.get("authorization", ""), event))
                self.send_response(503 if refused else 201)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def backend():
    backend = Backend(refusals=1)
    yield backend
    backend.server.shutdown()
    backend.server.server_close()


def test_a_run_tells_its_begin_again_and_its_end_with_columns_and_decisions(pilot, orders, backend, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", backend.url)
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "s3cret")
    pilot.start(pilot.pipeline(orders, contract={"key": "id"}))
    assert pilot.to_the_end() == "Completed"
    told = {entry.key: entry.payload for entry in pilot.entries("lineage")}
    assert told["lineage-start"]["delivered"] is False
    assert told["lineage-start"]["problem"].endswith("did not take the event: status 503")
    assert told["lineage-start-again"]["delivered"] is told["lineage-end"]["delivered"] is True
    assert "s3cret" not in json.dumps(told)
    assert [(path, key) for path, key, _ in backend.heard] == [("/api/v1/lineage", "Bearer s3cret")] * 2
    begin, end = (event for _, _, event in backend.heard)
    for event in (begin, end):
        check_against_the_models(event)
    assert (begin["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert begin["run"]["runId"] == end["run"]["runId"] == str(pilot.id)
    assert end["outputs"][0]["name"] == f"{pilot.folder}/out.db.orders"
    price = end["outputs"][0]["facets"]["columnLineage"]["fields"]["price"]["inputFields"][0]
    assert (price["name"], price["field"]) == (str(orders), "price")
    decisions = end["run"]["facets"]["gonogo_decisions"]["decisions"]
    assert {d["decidedBy"] for d in decisions} == {"ann"}
    assert sum(d["cellsChanged"] for d in decisions) == sum(c.cells_changed for c in pilot.record().changes())


def test_a_run_that_fails_says_why_and_one_that_is_stopped_that_it_was(pilot, orders, tmp_path):
    events = tmp_path / "events.ndjson"

    def told():
        return [json.loads(line) for line in events.read_text().splitlines()]

    away = orders.rename(tmp_path / "away.csv")
    pilot.start(pilot.pipeline(orders, lineage={"file": str(events)}, gates={"quality": "never"}))
    assert pilot.go() == "Failed"
    begin, failed = told()
    check_against_the_models(failed)
    assert (begin["eventType"], failed["eventType"]) == ("START", "FAIL")
    assert "no file 'orders.csv'" in failed["run"]["facets"]["errorMessage"]["message"]
    assert failed["run"]["facets"]["gonogo_decisions"]["outcome"] == "failed"
    assert failed["eventTime"] >= begin["eventTime"]
    away.rename(orders)
    assert pilot.retry() == "Suspended"
    assert pilot.answer(verdict="no-go", comment="not today") == "Completed"
    ended = told()[-1]
    check_against_the_models(ended)
    assert [event["eventType"] for event in told()] == ["START", "FAIL", "ABORT"]
    assert {event["run"]["runId"] for event in told()} == {str(pilot.id)}
    assert "not today" in ended["run"]["facets"]["gonogo_decisions"]["note"]
    assert [entry.key for entry in pilot.entries("lineage")] == ["lineage-start", "lineage-fail-1", "lineage-end"]


def test_a_run_that_is_cancelled_in_prefect_is_told_as_such(pilot, orders, tmp_path):
    from prefect.states import Cancelled

    from flows.broken import cancelled
    from flows.pipeline import pipeline

    assert pipeline.on_cancellation_hooks == [cancelled], "a worker calls it when it has ended the run's process"
    events = tmp_path / "events.ndjson"
    pilot.start(pilot.pipeline(orders, lineage={"file": str(events)}))
    assert pilot.go() == "Suspended"
    cancelled(pipeline, pilot.run, Cancelled(message="no more time"))
    *_, last = (json.loads(line) for line in events.read_text().splitlines())
    check_against_the_models(last)
    assert last["eventType"] == "ABORT"
    facet = last["run"]["facets"]["gonogo_decisions"]
    assert (facet["outcome"], facet["note"]) == ("cancelled", "no more time")


def test_nobody_is_told_unless_somebody_is_named_and_the_pipeline_holds_over_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("OPENLINEAGE_URL", raising=False)
    assert receiver(Lineage(), tmp_path) is None
    monkeypatch.setenv("OPENLINEAGE_URL", "http://user:pw@away.example.org:5000/")
    assert receiver(Lineage(), tmp_path).name == "http://away.example.org:5000"
    assert receiver(Lineage(file="l.ndjson"), tmp_path).name == str(tmp_path / "l.ndjson")
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    assert receiver(Lineage(file="l.ndjson"), tmp_path) is None


def test_what_cannot_be_sent_says_so_without_secrets(monkeypatch, tmp_path):
    from tasks.reports.lineage import event
    from tests.reports.test_report_lineage import told

    away = receiver(Lineage(url="http://ann:pw@127.0.0.1:9", api_key="k"), tmp_path)
    with pytest.raises(Unavailable) as failed:
        away.send(event("START", told()))
    assert str(failed.value) == "http://127.0.0.1:9 did not take the event: ConnectionError"
    with pytest.raises(SpecError, match="LINEAGE_KEY is not set"):
        receiver(Lineage(url="http://a", api_key="${LINEAGE_KEY}"), tmp_path)
    file = receiver(Lineage(file="deep/l.ndjson"), tmp_path)
    for _ in range(2):
        file.send(event("START", told()))
    lines = (tmp_path / "deep/l.ndjson").read_text().splitlines()
    assert [json.loads(line)["eventType"] for line in lines] == ["START", "START"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(Unavailable, match="did not take the event"):
        receiver(Lineage(file="folder"), tmp_path).send(event("START", told()))


def test_datasets_have_the_names_that_openlineage_gives_them_and_no_passwords():
    from blocks.destinations import DatabaseDestination, FileDestination
    from blocks.sources import FileSource

    url = "postgresql+psycopg://ann:${PASSWORD}@db.example.org:5432/shop"
    table = place_of(DatabaseDestination(url=url, table="orders", schema="sales"), Path("/p"))
    assert (table.namespace, table.name) == ("postgres://db.example.org:5432", "shop.sales.orders")
    local = place_of(FileDestination(path="out/o.parquet"), Path("/p"))
    assert (local.namespace, local.name) == ("file", "/p/out/o.parquet")
    far = place_of(FileSource(path="sftp://ann:pw@files.example.org/in/o.csv"), Path("/p"))
    assert (far.namespace, far.name) == ("sftp://files.example.org", "in/o.csv")
