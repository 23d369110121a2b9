"""What happens in a run reaches people through Prefect: event, automation, block, outbox or Slack."""

from __future__ import annotations

import http.server
import json
import secrets
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from blocks.pages import Settings
from flows.home import Home
from flows.local import end, environment, listening, sharing, spawn
from flows.provision import provision
from tasks.announce import Announcement, Happened, announce

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # in the library that sends to Slack

REPORT = "http://127.0.0.1:4280/run/quality-1.html"
HEAD = "sha256:5f3a"
PIPELINE = """
name: orders
source: {kind: file, path: orders.csv}
destination: {kind: file, path: out.parquet}
notify: {to: [custom-webhook/shop, custom-webhook/absent, secret/password], events: [gate, failed]}
"""


class Slack:
    """Takes what a Slack webhook block posts; `json://` is the address of a plain JSON hook."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []
        heard = self.heard

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def plain(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture(scope="module")
def slack() -> Iterator[Slack]:
    slack = Slack()
    yield slack
    slack.server.shutdown()


@pytest.fixture(scope="module")
def shop(served: Home) -> Iterator[Slack]:
    """A hook of a pipeline's own, which somebody saved as a block of Prefect's."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock
    from prefect.blocks.system import Secret

    hook = Slack()
    said = {"about": "{{subject}}", "said": "{{body}}"}
    CustomWebhookNotificationBlock(name="shop", url=hook.plain, json_data=said).save("shop")
    Secret(value="s3cret").save("password")
    yield hook
    hook.server.shutdown()


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipelines")
    (folder / "orders.yaml").write_text(PIPELINE)
    return folder


@pytest.fixture(scope="module")
def told(served: Home, slack: Slack, shop: Slack, pipelines: Path) -> Iterator[Home]:
    """A home with a page server that keeps the outbox, and everything provisioned; reminders after ten seconds."""
    token = secrets.token_urlsafe()
    settings = Settings(str(served.reports), served.ledger_url, str(served.outbox), token)
    env = environment(served) | settings.environment()
    wanted = served.locks / "pages.test"
    with sharing(wanted), listening() as given:
        log, number, port = served.logs / "pages.log", given.fileno(), given.getsockname()[1]
        start = ("flows.pages", "--descriptor", str(number))
        pages = spawn(*start, log=log, wanted=wanted, env=env, descriptors=[number])
        said = provision(
            served,
            pipelines,
            pages_url=f"http://127.0.0.1:{port}",
            outbox_token=token,
            slack_webhook=slack.address,
            remind_after=timedelta(seconds=10),
        )
        missing = [line for line in said if line.startswith("orders.yaml: ")]
        assert "no notification block 'custom-webhook/absent'" in missing[0]
        assert "a block of kind 'secret' notifies nobody" in missing[1]
        yield served
        end(pages)


def outbox(home: Home) -> list[dict[str, str]]:
    return [json.loads(line) for line in home.outbox.read_text().splitlines()] if home.outbox.exists() else []


def subjects(home: Home) -> list[str]:
    return [message["subject"] for message in outbox(home)]


def a_run(*, gate: str = "quality-1", tags: list[str] | None = None) -> str:
    """A flow run for events to be about, held at a gate if one is named."""
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.states import Running

    @flow(name="tiny")
    def tiny() -> None: ...

    with get_client(sync_client=True) as client:
        run = client.create_flow_run(tiny, name="orders-7f3a", tags=["gonogo", *(tags or [])]).id
        client.set_flow_run_state(run, Running(), force=True)
    if gate:
        held_at(str(run), gate)
    return str(run)


def held_at(run: str, gate: str) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Suspended

    with get_client(sync_client=True) as client:
        state = Suspended(timeout_seconds=3600, pause_key=f"{gate}-a0")
        client.set_flow_run_state(uuid.UUID(run), state, force=True)


def happens(happened: Happened, run: str, title: str, *, gate: str = "", text: str = "") -> None:
    key = f"{happened}-{title}"
    more = {"gate": gate, "report_url": REPORT if gate else "", "ledger_head": HEAD}
    announce(Announcement(happened, run, "orders-7f3a", "orders", key, title, text, **more))


def test_an_open_gate_is_announced_with_the_numbers_what_is_asked_and_where_to_answer(told, slack, eventually):
    run = a_run()
    happens(Happened.GATE_OPENED, run, "Quality: go?", gate="quality-1", text="12 issues, score 71. Choose a verdict.")
    eventually(lambda: "Decision needed: Quality: go?" in subjects(told))
    body = next(m["body"] for m in outbox(told) if m["subject"] == "Decision needed: Quality: go?")
    assert "12 issues, score 71. Choose a verdict." in body
    ui = json.loads(told.server_file.read_text())["ui"]
    assert f"Run: {ui}/runs/flow-run/{run} – press Resume there" in body
    assert f"Report: {REPORT}" in body
    assert f"Ledger head: {HEAD}" in body
    eventually(lambda: any("Quality: go?" in str(heard) for heard in slack.heard))


def test_what_data_says_reaches_slack_without_mention_link_or_markup_and_a_plain_hook_as_it_is(
    told, slack, shop, eventually
):
    run = a_run()
    hostile = "<!channel> <https://evil.example|click> *bold* `code` & http://evil.example"
    happens(Happened.GATE_OPENED, run, f"Value {hostile}", gate="quality-1", text=f"column {hostile}")
    happens(Happened.RUN_FINISHED, run, "not asked for", text="the pipeline wants to hear of gates only")
    eventually(lambda: any("Value" in heard["about"] for heard in shop.heard))
    eventually(lambda: any("Value" in str(heard) for heard in slack.heard))
    eventually(lambda: "not asked for" in subjects(told))
    (own,) = (heard for heard in shop.heard if "Value" in heard["about"])
    (everyones,) = (heard for heard in slack.heard if "Value" in str(heard))
    ui = json.loads(told.server_file.read_text())["ui"]
    for message in (own["about"] + own["said"], str(everyones)):
        assert f"{ui}/runs/flow-run/{run}" in message
        assert REPORT in message
    assert own["about"] == f"Decision needed: Value {hostile}"
    assert own["said"].startswith(f"column {hostile}\n")
    assert "‹!channel›" in everyones["title"]
    assert not any(
        mark in str(everyones) for mark in ("<", ">", "&amp;", "*bold*", "`code`", "http://evil", "https://evil")
    )
    assert all(line["subject"] != own["about"] or hostile in line["body"] for line in outbox(told))
    assert not any("not asked for" in heard["about"] for heard in shop.heard)


def test_a_gate_that_stays_open_is_reminded_of_and_one_that_the_run_has_left_is_not(told, eventually):
    run, gone = a_run(gate="load-1"), a_run(gate="")
    happens(Happened.GATE_OPENED, run, "answered", gate="load-1")
    happens(Happened.GATE_OPENED, gone, "of a cancelled run", gate="load-1")
    eventually(lambda: "Decision needed: answered" in subjects(told))
    held_at(run, "load-2")  # and that the first gate was answered, Prefect never heard
    happens(Happened.GATE_OPENED, run, "left open", gate="load-2", text="Load 1,200 rows?")
    eventually(lambda: "Still waiting for a decision: left open" in subjects(told), within_seconds=40)
    for not_waiting in ("answered", "of a cancelled run"):
        assert f"Still waiting for a decision: {not_waiting}" not in subjects(told)
    body = next(m["body"] for m in outbox(told) if m["subject"] == "Still waiting for a decision: left open")
    assert "Nobody has answered for 10 s. Load 1,200 rows?" in body
    assert f"/runs/flow-run/{run} – press Resume there" in body


def test_the_outcome_and_a_refused_answer_are_told_and_progress_only_to_the_outbox(told, slack, eventually):
    run = a_run()
    happens(Happened.STAGE_COMPLETED, run, "profile: 1,200 rows measured")
    happens(Happened.ANSWER_REJECTED, run, "Answer to quality-1 not taken", gate="quality-1", text="unknown action")
    happens(Happened.RUN_FINISHED, run, "orders-7f3a: loaded", text="71 → 98")
    wanted = {"profile: 1,200 rows measured", "Answer to quality-1 not taken", "orders-7f3a: loaded"}
    eventually(lambda: wanted <= set(subjects(told)))
    eventually(lambda: any("orders-7f3a: loaded" in str(heard) for heard in slack.heard))
    assert not any("rows measured" in str(heard) for heard in slack.heard)


def test_the_same_announcement_sent_again_is_not_told_again(told, eventually):
    run = a_run()
    for _ in range(2):
        happens(Happened.RUN_STOPPED, run, "stopped once")
    happens(Happened.RUN_STOPPED, run, "and later")
    eventually(lambda: {"stopped once", "and later"} <= set(subjects(told)))
    assert subjects(told).count("stopped once") == 1


def test_a_failed_run_is_told_also_to_its_pipelines_own_hook_without_quoting_the_failure(told, shop, eventually):
    from prefect.client.orchestration import get_client
    from prefect.states import Failed

    with get_client(sync_client=True) as client:
        for tags in ([], ["pipeline:orders"], ["pipeline:others"]):
            run = uuid.UUID(a_run(gate="", tags=tags))
            client.set_flow_run_state(run, Failed(message="postgresql://ann:s3cret@db"), force=True)
    eventually(lambda: subjects(told).count("Run orders-7f3a: Failed") == 3)
    eventually(lambda: "Run orders-7f3a: Failed" in [heard["about"] for heard in shop.heard])
    assert [heard["about"] for heard in shop.heard].count("Run orders-7f3a: Failed") == 1
    eventually(lambda: "Run orders-7f3a: Failed" in subjects(told))
    body = next(m["body"] for m in outbox(told) if m["subject"] == "Run orders-7f3a: Failed")
    assert "gonogo resume orders-7f3a" in body
    assert "s3cret" not in str(outbox(told))


def test_no_log_tells_the_token_or_the_hook(told, slack):
    logs = "".join(log.read_text() for log in told.logs.iterdir())
    assert slack.address.removeprefix("json:") not in logs
    assert "Bearer" not in logs
