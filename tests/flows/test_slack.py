"""Answers from Slack: one thread per run, buttons and modals, the right person, once, whatever breaks or is killed."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from blocks.approvers import MOST_FAILURES
from tasks.verify import verify
from tests.flows.piloting import elsewhere
from tests.flows.slacking import ANN, BOB, EVE, ZOE, Desk, People, said
from tests.services.slack import APP, BOT, BUSY, CHANNEL, LOST, buttons, running_slack

REPOSITORY = Path(__file__).parents[2]
SIGNED = {"quality": "never", "load": {"who": {"roles": ["finance"]}, "people": 2, "signed": True}}
FINANCE = {"quality": "never", "load": {"who": {"roles": ["finance"]}}}
HOSTILE = "<!channel> *b* & `c` <https://evil.example|x> @here http://evil.example"


@pytest.fixture
def slack():
    with running_slack() as made:
        yield made


@pytest.fixture
def people(pilot):
    return People(pilot.home)


@pytest.fixture
def desk(pilot, slack, people):
    made = Desk(pilot, slack)
    yield made
    made.close()


def held(pilot, data, gates=None, **sections):
    pilot.start(pilot.pipeline(data, **({"gates": gates} if gates else {}), **sections))
    assert pilot.go() == "Suspended"
    return pilot


def answers(pilot):
    return [(e.payload["gate"], e.payload["verdict"], e.actor, e.method) for e in pilot.entries("answer")]


def test_a_run_is_one_thread_and_is_piloted_from_it(pilot, slack, desk, orders):
    held(pilot, orders)
    asked = desk.gate("quality-1")
    assert "4 issues in orders-" in said(asked)
    assert f"<http://ui.example/runs/flow-run/{pilot.id}|Review in Prefect>" in said(asked)
    assert [b["action_id"] for b in buttons(asked)] == ["gonogo-recommended", "gonogo-no-go", "gonogo-open"]
    assert "2 recommended actions; 2 issues left as before" in said(asked)
    slack.click(ANN, asked, "gonogo-open")
    view = slack.view_for(ANN)
    headers = [b["text"]["text"] for b in view["view"]["blocks"] if b["type"] == "header"]
    assert headers == ["Missing Value", "Duplicates"]
    chosen = [
        b["element"]["initial_option"]["value"]
        for b in view["view"]["blocks"]
        if b.get("block_id", "").startswith("issue-")
    ]
    assert chosen == ["to-null", "to-null", "keep", "keep"]
    refused = slack.submit(ANN, view, verdict="resolve", **{"issue-2": "constant"})
    assert refused["response_action"] == "errors"
    assert "needs 'value'" in refused["errors"]["values"]
    assert slack.submit(ANN, view, verdict="resolve", **{"issue-3": "keep-first"}, comment="twice & twice") == {}
    desk.answered()
    assert "ann has answered (Slack, member U0ANN); the run takes it up" in said(desk.gate("quality-1"))
    assert pilot.go() == "Suspended"
    decided = desk.gate("quality-1")
    assert buttons(decided) == []
    assert "resolve by ann (Slack, member U0ANN), " in said(decided)
    assert "twice &amp; twice" in said(decided)
    slack.click(BOB, desk.gate("quality-2"), "gonogo-go")
    desk.answered()
    assert pilot.go() == "Suspended"
    slack.click(BOB, desk.gate("load-1"), "gonogo-go")
    desk.answered()
    assert pilot.go() == "Completed"
    desk.tell()
    (root,) = slack.roots()
    assert "✅ loaded" in said(root)
    assert answers(pilot)[1:] == [
        ("quality-1", "resolve", "ann", "Slack, member U0ANN"),
        ("quality-2", "go", "bob", "Slack, member U0BOB"),
        ("load-1", "go", "bob", "Slack, member U0BOB"),
    ]
    assert {e.actor for e in pilot.entries("decision") if e.payload["gate"] == "quality-1"} == {"ann"}
    assert len(pilot.loaded()) == 8
    thread = slack.thread(root)
    assert len(thread) == len(slack.all()) - 1
    assert any("✓ extract: 9 rows, 5 columns" in said(m) for m in thread)
    charts = [m["files"][0] for m in thread if m.get("files")]
    assert [chart["title"] for chart in charts] == ["Quality, round 1", "Quality, round 2"]
    assert all(bytes.fromhex(chart["data"]).startswith(b"\x89PNG") for chart in charts)
    assert not any(buttons(m) for m in slack.all())
    assert [check.detail for check in verify(pilot.record()) if not check.ok] == []
    assert desk.said == ["connected to Slack: clicks come"]
    before = len(slack.calls)
    desk.tell()
    assert [method for method, _ in slack.calls[before:]] == []  # nothing is said again


def test_a_gate_that_was_decided_elsewhere_says_so_and_takes_no_click_any_more(pilot, slack, desk, orders):
    held(pilot, orders)
    asked = desk.gate("quality-1")
    slack.click(ANN, asked, "gonogo-open")
    view = slack.view_for(ANN)
    assert pilot.submit(verdict="go", answered_by="zed", comment="as seen in the UI").status.value == "ACCEPT"
    assert buttons(desk.gate("quality-1")) == []  # before the run has even noticed
    slack.click(BOB, asked, "gonogo-no-go")
    assert "quality-1 does not wait any more" in desk.whispered(BOB)
    assert pilot.go() == "Suspended"
    assert "go by zed (form, unverified), " in said(desk.gate("quality-1"))
    late = slack.submit(ANN, view, verdict="no-go")
    assert late["response_action"] == "update"
    assert "quality-1 is decided already: go by zed" in said({"blocks": late["view"]["blocks"]})
    slack.click(BOB, asked, "gonogo-open")
    desk.until(lambda: "is decided already: go by zed" in desk.whispered(BOB))
    pilot.answer(method="operating-system user, at a terminal")
    assert "go by ann (operating-system user, at a terminal)" in said(desk.gate("load-1"))
    assert len(slack.views) == 1


def test_two_people_sign_with_codes_and_a_wrong_one_is_asked_again_with_the_reason(pilot, slack, desk, people, orders):
    held(pilot, orders, SIGNED)
    asked = desk.gate("load-1")
    assert [b["action_id"] for b in buttons(asked)] == ["gonogo-open"]  # a button alone signs nothing
    slack.click(ANN, asked, "gonogo-open")
    wrong = "000000" if people.code("ann") != "000000" else "000001"
    assert slack.submit(ANN, slack.view_for(ANN), verdict="go", code=wrong) == {}
    desk.answered()
    assert pilot.go() == "Suspended"
    again = desk.gate("load-1")
    assert "the code for ann is wrong or too old" in said(again)
    slack.click(ANN, again, "gonogo-open")
    desk.until(lambda: len(slack.views) == 2)
    assert slack.submit(ANN, slack.view_for(ANN), verdict="go", code=people.code("ann"), comment="checked") == {}
    desk.answered()
    assert pilot.go() == "Suspended"
    confirm = desk.gate("load-1")
    assert "Do you agree with ann?" in said(confirm)
    assert any("go by Ann (ann), approved" in said(m) for m in slack.all())
    slack.click(ANN, confirm, "gonogo-open")
    assert "ann has answered already; somebody else has to agree" in desk.whispered(ANN)
    slack.click(BOB, confirm, "gonogo-open")
    view = slack.view_for(BOB)
    assert "signed: Ann (ann), approved" in said(view)
    assert slack.submit(BOB, view, verdict="confirm", code=people.code("bob")) == {}
    desk.answered()
    assert pilot.go() == "Completed"
    desk.tell()
    (*_, answer) = pilot.entries("answer")
    methods = [(s["name"], s["method"], bool(s["seal"])) for s in answer.payload["signatures"]]
    assert methods == [
        ("ann", "signed code, Slack, member U0ANN", True),
        ("bob", "signed code, Slack, member U0BOB", True),
    ]
    assert [(e.actor, bool(e.payload.get("failure"))) for e in pilot.entries("refused")] == [("ann", True)]
    assert [check.detail for check in verify(pilot.record()) if not check.ok or check.unchecked] == []
    with desk.threads.memory() as memory:
        assert memory.waiting() == {}  # no code is kept


def test_who_may_not_answer_is_told_why_written_down_and_has_to_wait_in_the_end(pilot, slack, desk, orders):
    held(pilot, orders, FINANCE)
    asked = desk.gate("load-1")
    slack.click(ZOE, asked, "gonogo-go")
    assert "Slack member U0ZOE is no approver, so this was not taken" in desk.whispered(ZOE)
    slack.click(EVE, asked, "gonogo-open")
    assert "eve may not answer this gate; it is for anyone who is finance" in desk.whispered(EVE)
    slack.click(EVE, asked, "gonogo-no-go")
    desk.until(lambda: len(pilot.entries("attempt")) == 3)
    for _ in range(MOST_FAILURES - 1):
        slack.click(ZOE, asked, "gonogo-open")
    desk.until(lambda: len(pilot.entries("attempt")) == MOST_FAILURES + 2)
    slack.click(ZOE, asked, "gonogo-go")
    desk.until(lambda: "too many failed attempts" in desk.whispered(ZOE))
    assert {(e.actor, e.method) for e in pilot.entries("attempt")} == {
        (ZOE, "Slack, member U0ZOE"),
        (EVE, "Slack, member U0EVE"),
    }
    assert slack.views == []
    assert pilot.run.state_name == "Suspended"
    assert pilot.entries("submission") == []
    assert buttons(desk.gate("load-1"))
    from tasks.audit import audit

    told = [a for a in audit(pilot.record(), (), "").answers if a.verdict == "refused"]
    assert any("is no approver" in a.comment for a in told)
    slack.click(ANN, asked, "gonogo-go")
    desk.answered()
    assert pilot.go() == "Completed"
    assert answers(pilot)[-1] == ("load-1", "go", "ann", "Slack, member U0ANN")
    assert "typed-name" not in json.dumps([e.payload for e in pilot.entries()])


def test_somebody_made_no_approver_any_more_between_form_and_submission_is_refused(pilot, slack, desk, people, orders):
    held(pilot, orders, FINANCE)
    slack.click(ANN, desk.gate("load-1"), "gonogo-open")
    view = slack.view_for(ANN)
    people.store.remove("ann")
    answer = slack.submit(ANN, view, verdict="go")
    assert answer["response_action"] == "update"
    assert "is no approver" in said({"blocks": answer["view"]["blocks"]})
    assert pilot.run.state_name == "Suspended"


def test_of_two_people_who_press_at_once_one_counts_and_the_other_hears_so(pilot, slack, desk, orders):
    held(pilot, orders, FINANCE)
    asked, ready = desk.gate("load-1"), threading.Barrier(2)

    def press(who, what):
        ready.wait()
        slack.click(who, asked, what)

    threads = [threading.Thread(target=press, args=each) for each in ((ANN, "gonogo-go"), (BOB, "gonogo-no-go"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.answered()
    desk.until(lambda: slack.whispers)
    pilot.go()
    (answer,) = [a for a in answers(pilot) if a[0] == "load-1"]
    (told,) = slack.whispers
    assert {answer[2], told["user"]} in ({"ann", BOB}, {"bob", ANN})
    assert "does not wait any more" in said(told)


def test_a_double_click_and_an_envelope_that_comes_again_count_once(pilot, slack, desk, orders):
    held(pilot, orders)
    asked = desk.gate("quality-1")
    slack.click(ANN, asked, "gonogo-recommended")
    slack.again()
    slack.click(ANN, asked, "gonogo-recommended")
    desk.answered()
    assert pilot.go() == "Suspended"
    slack.again()
    time.sleep(0.3)
    assert [a[0] for a in answers(pilot)[1:]] == ["quality-1"]
    assert len(pilot.entries("submission")) == 1
    assert pilot.entries("refused") == []
    slack.click(BOB, desk.gate("quality-2"), "gonogo-open")
    view = slack.view_for(BOB)
    assert slack.submit(BOB, view, verdict="no-go") == {}
    slack.again()
    desk.answered()
    pilot.go()
    assert [a[:3] for a in answers(pilot)[1:]] == [("quality-1", "resolve", "ann"), ("quality-2", "no-go", "bob")]


def test_slack_that_is_away_hurts_no_run_and_everything_is_told_once_when_it_is_back(pilot, slack, desk, orders):
    slack.away = True
    held(pilot, orders)
    desk.tell()
    assert len(desk.said) == 2
    assert "Slack is away or busy: it gave no sensible answer in chat.postMessage" in desk.said[-1]
    assert "Slack (gonogo-notify) is told later" in pilot.home.outbox.read_text()
    pilot.answer()
    slack.away = False
    desk.threads._rests_until = 0
    slack.answers["chat.postMessage"] += [LOST, BUSY, LOST]
    slack.answers["files.completeUploadExternal"].append(LOST)
    slack.answers["chat.update"].append(BUSY)
    began = time.monotonic()
    for _ in range(6):
        desk.threads._rests_until = 0
        desk.tell()
    assert time.monotonic() - began > 2  # as long as Slack asked to wait, twice
    keys = [m.get("metadata", {}).get("event_payload", {}).get("key") for m in slack.all() if not m.get("files")]
    assert len(keys) == len(set(keys))
    assert [m["files"][0]["title"] for m in slack.all() if m.get("files")] == ["Quality, round 1", "Quality, round 2"]
    assert len(slack.roots()) == 1
    assert "Slack takes messages again" in desk.said
    assert "go by ann" in said(desk.gate("quality-1"))


def test_a_connection_that_is_renewed_or_cut_is_made_anew(pilot, slack, desk, orders):
    held(pilot, orders)
    asked = desk.gate("quality-1")
    first = slack.sockets[-1]
    slack.refresh()
    desk.until(lambda: slack.sockets and slack.sockets[-1] is not first)
    second = slack.sockets[-1]
    slack.cut()
    desk.until(lambda: slack.sockets and slack.sockets[-1] is not second and second not in slack.sockets, 30)
    slack.click(ANN, asked, "gonogo-recommended")
    desk.answered()


def test_a_modal_that_comes_too_late_is_told(pilot, slack, desk, orders, monkeypatch):
    held(pilot, orders)
    monkeypatch.setattr("tests.services.slack.TRIGGER_SECONDS", -1)
    slack.click(ANN, desk.gate("quality-1"), "gonogo-open")
    assert "more than three seconds passed" in desk.whispered(ANN)


def test_what_data_and_people_say_is_no_mention_link_or_markup_in_slack(pilot, slack, desk, tmp_path):
    data = tmp_path / "orders.csv"
    rows = "".join(f"{n},{HOSTILE},{n}\n" for n in range(30))
    data.write_text(f"id,{HOSTILE},price\n{rows}31,x,N/A\n")
    held(pilot, data)
    slack.click(ANN, desk.gate("quality-1"), "gonogo-open")
    slack.submit(ANN, slack.view_for(ANN), verdict="no-go", comment=HOSTILE)
    desk.answered()
    pilot.go()
    desk.tell()
    marked = [text for message in slack.all() for text in mrkdwn(message)]
    marked += [text for view in slack.views for text in mrkdwn(view["view"])]
    own = ("http://ui.example", pilot.home.reports.as_uri())
    for text in marked:
        plain = "".join(part for part in text.split("\u2060"))
        assert not any(mark in plain for mark in ("<!", "<@", "*b*", "`c`", "<https://evil"))
        assert "://evil" not in text
        assert all(part.startswith(own) for part in text.split("<")[1:])
    assert any("&lt;!channel&gt;" in text for text in marked)


def mrkdwn(part):
    """Every text that Slack would mark up."""
    if isinstance(part, dict):
        if part.get("type") == "mrkdwn":
            assert part["verbatim"] is True
            yield part["text"]
        if part.get("type") == "message":
            yield part.get("text", "")
        for value in part.values():
            yield from mrkdwn(value)
    elif isinstance(part, list):
        for each in part:
            yield from mrkdwn(each)


@pytest.mark.parametrize("allowed", [False, True])
def test_personal_data_of_rows_is_in_no_message_unless_the_pipeline_allows_it(pilot, slack, desk, tmp_path, allowed):
    names = ["ann.smith", "bob.jones", "cid.brown", "dan.white", "eve.black", "fay.green", "gus.gray", "hal.pink"]
    data = tmp_path / "people.csv"
    rows = [f"{n},{name}@firm.example,{n * 7}" for n, name in enumerate(names * 5)]
    data.write_text("id,email,price\n" + "\n".join([*rows, "90,ann.smith(at)firm.example,N/A", "91,,5"]) + "\n")
    held(pilot, data, show_personal_data=True, notify={"personal_data": allowed})
    slack.click(ANN, desk.gate("quality-1"), "gonogo-open")
    slack.submit(ANN, slack.view_for(ANN), verdict="resolve", comment="see")
    desk.answered()
    pilot.go()
    desk.tell()
    told = slack.everything().replace("\u2060", "")
    assert any(name in told for name in names) is allowed
    assert "email" in told


@pytest.mark.parametrize("allowed", [False, True])
def test_a_load_that_fails_quotes_its_rows_only_where_that_is_allowed(pilot, slack, desk, tmp_path, allowed):
    from blocks.told import Told

    data = tmp_path / "people.csv"
    data.write_text("email,price\nann.smith@firm.example,1\nann.smith@firm.example,2\nbob@firm.example,3\n")
    into = {
        "kind": "database",
        "url": f"sqlite:///{tmp_path / 'out.db'}",
        "table": "t",
        "mode": "merge",
        "key": ["email"],
    }
    held(pilot, data, {"quality": "never"}, destination=into, notify={"personal_data": allowed})
    slack.click(ANN, desk.gate("load-1"), "gonogo-go")
    desk.answered()
    assert pilot.go() == "Suspended"
    assert pilot.gate == "load-2"
    assert "The load failed" in said(desk.gate("load-2"))
    assert ("ann.smith" in slack.everything().replace("\u2060", "")) is allowed
    with Told(pilot.home.ledger_url) as told:
        assert any("ann.smith" in each.text for each in told.of(str(pilot.id))) is allowed


def test_an_app_tells_the_pipelines_that_name_it_only(pilot, slack, people, orders):
    shop = Desk(pilot, slack, "shop", buttons=False)
    held(pilot, orders)
    shop.tell()
    assert slack.all() == []
    held(pilot, orders, notify={"to": ["gonogo-slack-app/shop"], "events": ["gate"]})
    asked = shop.gate("quality-1")
    assert buttons(asked) == []  # no app token: links only
    assert "Review in Prefect" in said(asked)
    pilot.answer(verdict="no-go")
    shop.tell()
    assert "no-go by ann (test)" in said(shop.gate("quality-1"))
    assert not any("stopped at" in said(m) for m in slack.all())


def test_a_failed_run_and_a_gate_that_nobody_answers_are_told_once(pilot, slack, desk, orders):
    from datetime import datetime, timedelta

    from prefect.states import Failed

    import flows.threads

    held(pilot, orders)
    desk.tell()

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=2)

    with pytest.MonkeyPatch.context() as clock:
        clock.setattr(flows.threads, "datetime", Later)
        for _ in range(2):
            desk.threads._swept = 0
            desk.tell()
    assert sum("Nobody has answered for" in said(m) for m in slack.all()) == 1
    with pilot._client() as client:
        client.set_flow_run_state(pilot.id, Failed(message="postgresql://ann:s3cret@db"), force=True)
    desk.tell()
    desk.tell()
    assert sum("gonogo resume orders-" in said(m) for m in slack.all()) == 1
    assert "✖ failed" in said(slack.roots()[0])
    assert "s3cret" not in slack.everything()


LISTENER = """
import os, signal, sys, time
import blocks.slack, flows.drive, flows.reception, flows.slack
from blocks.slack import SlackApp
from blocks.slack_memory import SlackMemory
point = sys.argv[2]
when, _, what = point.partition(" ")

def dies(wrapped):
    def call(*args, **kwargs):
        if when == "before": os.kill(os.getpid(), signal.SIGKILL)
        result = wrapped(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call

places = {"take": (SlackMemory, "take"), "ack": (flows.reception, "_acknowledge"),
          "submission": (flows.drive, "_resume"), "strike": (SlackMemory, "strike"),
          "post": (blocks.slack.Slack, "post"), "upload": (blocks.slack.Slack, "upload")}
if what:
    owner, name = places[what]
    setattr(owner, name, dies(getattr(owner, name)))
flows.slack.app_named = lambda name: SlackApp.model_validate_json(sys.argv[1])
from flows.home import Home
flows.slack.listen(Home.here(), "gonogo-notify", "http://ui.example")
"""


@pytest.fixture
def listener(slack, prefect_server, forked):
    """Starts a listener that kills itself at a point."""
    from blocks.slack import SlackApp

    app = SlackApp(bot_token=BOT, app_token=APP, channel=CHANNEL, base_url=slack.url).model_dump_json()
    return lambda point="": forked.start(LISTENER, app, point, env=elsewhere(prefect_server))


def until(what, within_seconds=60):
    end = time.monotonic() + within_seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_killed_between_any_two_steps_nothing_is_sent_twice_and_an_answer_counts_once(
    pilot, slack, people, orders, listener
):
    held(pilot, orders, FINANCE)
    for point in ("before post", "after post", "after post", "after upload"):
        process = listener(point)
        assert process.wait(60) == -9
    process = listener()
    until(slack.with_buttons)
    process.kill()
    process.wait()
    until(lambda: not slack.sockets)
    keys = [json.dumps(m.get("metadata") or m["files"][0]["name"]) for m in slack.all()]
    assert len(keys) == len(set(keys))
    assert any(m.get("files") for m in slack.all())
    (asked,) = slack.with_buttons()
    pressed = dict(asked)

    # Killed before it was noted, Slack says so, and the person presses again; from then on nothing is lost.
    for point in ("before take", "before ack", "before submission", "before strike"):
        process = listener(point)
        if point in ("before take", "before ack"):
            until(lambda: slack.sockets)
            slack.click(ANN, pressed, "gonogo-go", wait=False)
        assert process.wait(60) == -9, point
        until(lambda: not slack.sockets)
        assert slack.acks == {}
    process = listener()
    until(lambda: pilot.run.state_name != "Suspended")
    until(lambda: slack.with_buttons() == [])
    assert pilot.go() == "Completed"
    until(lambda: "go by ann (Slack, member U0ANN)" in said(asked))
    process.kill()
    process.wait()
    assert [a for a in answers(pilot) if a[0] == "load-1"] == [("load-1", "go", "ann", "Slack, member U0ANN")]
    assert len(pilot.entries("submission")) == 1
    assert slack.whispers == []
    assert len(pilot.loaded()) == 9


@pytest.fixture
def saved(prefect_server):
    """Saves an app as the Prefect UI does."""
    from prefect.client.orchestration import get_client

    from blocks.saved import block_type, register
    from blocks.slack import KIND, SIDE, SLUG, SlackApp

    with get_client(sync_client=True) as client:
        list(register(client, SIDE, {KIND: SlackApp}))
    made = []

    def save(name, slack, **settings):
        told = {"bot_token": BOT, "app_token": APP, "channel": CHANNEL, "base_url": slack.url, **settings}
        block_type(SIDE, SlackApp)(**told).save(name, overwrite=True)
        made.append(name)

    yield save
    with get_client(sync_client=True) as client:
        for name in set(made):
            client.delete_block_document(client.read_block_document_by_name(name, SLUG).id)


def test_a_connection_is_tried_and_told_in_plain_words(home, saved, slack, prefect_server, monkeypatch):
    from typer.testing import CliRunner

    from flows.cli import app

    monkeypatch.setenv("PREFECT_API_URL", prefect_server)

    def tried(**settings):
        saved("shop", slack, **settings)
        done = CliRunner().invoke(app, ["test-connection", "shop"])
        assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
        return done.exit_code, " ".join(done.output.split())

    status, said = tried()
    assert status == 0, said
    assert "✓ auth.test, as the bot: it is gonogo in Tests" in said
    assert "✓ conversations.history of C0TESTS: it can be read" in said
    assert "✓ apps.connections.open, for buttons: clicks would come" in said
    status, said = tried(bot_token=APP, app_token=BOT)
    assert status == 1
    assert said.count("that is another kind of token in") == 3
    assert "the bot's begins with xoxb-, the app's with xapp-" in said
    slack.scopes -= {"channels:history"}
    status, said = tried(app_token=None, channel="C0OTHER")
    assert "it lacks channels:history" in said
    assert "no app token, so messages have links only" in said
    slack.scopes |= {"channels:history"}
    assert "the app sees no such channel" in tried(channel="C0OTHER")[1]
    assert "Slack cannot be reached" in tried(base_url="http://127.0.0.1:9/api/")[1]
    assert not any(method == "chat.postMessage" for method, _ in slack.calls)


def test_the_manifest_asks_for_what_the_app_needs(slack):
    import yaml

    from blocks.slack import SCOPES
    from tests.services.slack import SCOPES as NEEDED

    manifest = yaml.safe_load((REPOSITORY / "deployments" / "slack-app.yaml").read_text())
    assert manifest["oauth_config"]["scopes"]["bot"] == list(SCOPES)
    assert set(NEEDED.values()) <= set(SCOPES)
    assert manifest["settings"]["socket_mode_enabled"] is True
