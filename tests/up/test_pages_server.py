"""The page server shows runs and their pages, nothing else, and takes notifications from those who know the token."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import uvicorn

from blocks.ledger import Ledger
from blocks.links import EVERYTHING, grant, key_in, signed
from blocks.pages import MESSAGE_BYTES, Live, Settings, app
from tasks.quality.errors import PilotMustDecide

RUN = "6f2d1c3a-0000-4000-8000-00000000abcd"
OTHER = "6f2d1c3a-1111-4000-8000-00000000abcd"
KEY = b"k" * 32
SOON, PAST = int(time.time()) + 3600, int(time.time()) - 1


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    pages = tmp_path / "reports" / RUN
    pages.mkdir(parents=True)
    for name in ("quality-1.html", "quality-2.html", "quality-10.html", "receipt.html", "odd<i>.html", ".hidden.html"):
        (pages / name).write_text(f"<p>{name}</p>")
    (pages / "quality-1.json").write_text("{}")
    (pages / "notes.txt").write_text("not a page")
    (tmp_path / "secret.html").write_text("secret")
    (pages / "link.html").symlink_to(tmp_path / "secret.html")
    return Settings(
        reports=str(tmp_path / "reports"),
        ledger=f"sqlite:///{tmp_path / 'ledger.db'}",
        outbox=str(tmp_path / "outbox.jsonl"),
        token="knock",
        key=KEY.hex(),
        ui="http://127.0.0.1:4200",
    )


@dataclass
class Client:
    """Sends paths as they are written; a well-meaning client would tidy them."""

    port: int

    def get(self, path: str, headers: Mapping[str, str | bytes] | None = None) -> Reply:
        everything = {"cookie": f"gonogo-{EVERYTHING[:8]}={grant(KEY, EVERYTHING, SOON)}"}
        return self.send("GET", path, b"", {**everything, **(headers or {})})

    def knock(self, path: str, cookie: str = "") -> Reply:
        """As somebody who has no cookie but this one."""
        return self.send("GET", path, b"", {"cookie": cookie} if cookie else {})

    def post(self, message: object, token: str) -> Reply:
        content = message if isinstance(message, bytes) else json.dumps(message).encode()
        return self.send("POST", "/outbox", content, {"authorization": f"Bearer {token}".encode()})

    def send(self, method: str, path: str, content: bytes, headers: Mapping[str, str | bytes]) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, content, dict(headers))
        answer = connection.getresponse()
        return Reply(answer.status, answer.read().decode(), {k.lower(): v for k, v in answer.getheaders()})


@dataclass
class Reply:
    status: int
    text: str
    headers: Mapping[str, str]


def told_story(run: str, row: int, column: str) -> str:
    if column == "none":
        raise PilotMustDecide("no column 'none' <b>", where=run)
    return f"{run} {row} {column}"


def asked(settings: Settings, run: str) -> str | None:
    return None if run.endswith("0") else f"inbox {run}"


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[Settings], Client]]:
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(settings: Settings) -> Client:
        config = uvicorn.Config(
            app(settings, Live(told_story, asked)), host="127.0.0.1", port=0, log_level="critical", ws="none"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        running.append((server, thread))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        return Client(server.servers[0].sockets[0].getsockname()[1])

    yield start
    for server, _ in running:
        server.should_exit = True
    for _, thread in running:
        thread.join()


@pytest.fixture
def client(serve: Callable[[Settings], Client], settings: Settings) -> Client:
    return serve(settings)


def tell_the_story(settings: Settings, *entries: tuple[str, str, dict[str, object]], run: str = RUN) -> None:
    with Ledger(settings.ledger) as ledger:
        ledger.append(run, "opened", "opened", {"name": "orders-7f3a", "pipeline": "orders"})
        for key, kind, payload in entries:
            ledger.append(run, key, kind, payload)


def test_nobody_without_a_link_is_shown_anything(client):
    for path in ("/", "/kinds.html", "/inbox", f"/inbox/{RUN}", f"/{RUN}/quality-1.html", f"/{RUN}/trace?row=1", "/x"):
        refused = client.knock(path)
        assert (refused.status, "signed link" in refused.text) == (403, True), path


def test_a_link_becomes_a_cookie_that_opens_its_run_and_nothing_else(client):
    link = signed(f"/{RUN}/quality-1.html", KEY, RUN, SOON)
    opened = client.knock(link)
    assert (opened.status, opened.headers["location"]) == (303, f"/{RUN}/quality-1.html")
    cookie, *told = opened.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=lax", f"Path=/{RUN}/"} <= set(told)
    assert client.knock(f"/{RUN}/quality-2.html", cookie).text == "<p>quality-2.html</p>"
    assert client.knock(f"/{RUN}/trace?row=3&column=a", cookie).text == f"{RUN} 3 a"
    for path in ("/", "/inbox", f"/{OTHER}/quality-1.html"):
        assert client.knock(path, cookie).status == 403, path
    everything = client.knock(signed("/inbox", KEY, EVERYTHING, SOON)).headers["set-cookie"].partition(";")[0]
    assert client.knock(f"/{RUN}/quality-1.html", everything).status == 200
    kept = client.knock(signed(f"/{RUN}/trace", KEY, RUN, SOON) + "&row=3&column=a%26b")
    assert kept.headers["location"] == f"/{RUN}/trace?row=3&column=a%26b"


@pytest.mark.parametrize(
    "link",
    [
        signed("", KEY, RUN, PAST),
        signed("", KEY, OTHER, SOON),
        signed("", b"x" * 32, RUN, SOON),
        signed("", KEY, RUN, SOON).replace(str(SOON), str(SOON + 1)),
        signed("", KEY, RUN, SOON)[:-1],
        f"?until={'9' * 5000}&sign=a",
        "?until=١&sign=a",
        "?until=-1&sign=",
        "?until=&sign=",
    ],
    ids=[
        "expired",
        "of another run",
        "of another key",
        "prolonged",
        "cut",
        "endless",
        "odd digits",
        "negative",
        "empty",
    ],
)
def test_a_link_that_was_forged_or_has_expired_opens_nothing(client, link):
    path = f"/{RUN}/quality-1.html" + link.encode("ascii", "ignore").decode()
    assert client.knock(path).status == 403
    value = link.removeprefix("?until=").replace("&sign=", ".").encode("ascii", "ignore").decode()
    assert client.knock(f"/{RUN}/quality-1.html", f"gonogo-{RUN[:8]}={value}").status == 403


def test_without_a_key_nothing_is_shown(serve, settings):
    client = serve(replace(settings, key=""))
    assert client.knock(signed("/", b"", EVERYTHING, SOON)).status == 403


def test_the_key_is_made_once_for_its_owner_only(tmp_path):
    key = key_in(tmp_path / "home")
    assert len(key) == 32
    assert key_in(tmp_path / "home") == key
    assert (tmp_path / "home" / "pages.key").stat().st_mode & 0o777 == 0o600


def test_the_guide_to_the_kinds_is_served_and_linked_from_the_start_page(client):
    assert 'href="kinds.html"' in client.get("/").text
    page = client.get("/kinds.html")
    assert page.status == 200
    assert 'id="missing_value"' in page.text
    assert page.headers["content-type"] == "text/html; charset=utf-8"


def test_the_story_of_a_cell_is_told_when_it_is_asked_for(client):
    assert client.get(f"/{RUN}/trace?row=3&column=a%20b").text == f"{RUN} 3 a b"
    refused = client.get(f"/{RUN}/trace?row=3&column=none")
    assert (refused.status, refused.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert refused.text.startswith("no column 'none' <b> in ")


@pytest.mark.parametrize("asked", ["", "?row=-1", "?row=1.5", "?row=" + "9" * 30, "?row=1%20OR%201"])
def test_a_story_is_only_told_of_a_row(client, asked):
    assert client.get(f"/{RUN}/trace{asked}").status == 404
    assert client.get("/..%2f..%2fetc/trace?row=1").status == 404


def test_the_inbox_is_served_whole_and_run_by_run(client):
    assert 'href="inbox"' in client.get("/").text
    assert client.get("/inbox").text == "inbox "
    assert client.get(f"/inbox/{RUN}").text == f"inbox {RUN}"
    for nobody in (RUN[:-1] + "0", "no-run", "..%2f" + RUN):
        assert client.get(f"/inbox/{nobody}").status == 404


def test_a_page_is_served_as_what_it_is_and_never_guessed(client):
    page = client.get(f"/{RUN}/quality-1.html")
    assert page.text == "<p>quality-1.html</p>"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert client.get(f"/{RUN}/quality-1.json").headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        f"/{RUN}",
        f"/{RUN}/",
        f"/{RUN}/../secret.html",
        f"/{RUN}/..%2f..%2fsecret.html",
        f"/{RUN}/%2e%2e/secret.html",
        "/../secret.html",
        "/%2e%2e/secret.html",
        f"/{RUN}/..\\secret.html",
        f"/{RUN}/notes.txt",
        f"/{RUN}/.hidden.html",
        f"/{RUN}/odd%3Ci%3E.html",
        f"/{RUN}/link.html",
        f"/{RUN}/none.html",
        f"/{RUN}/quality-1.html%00.txt",
        f"/{uuid.UUID(int=0)}/quality-1.html",
        "/outbox.jsonl",
        "/docs",
    ],
)
def test_nothing_but_pages_of_runs_is_served(client, path):
    answer = client.get(path)
    assert answer.status == (200 if path == "/" else 404)
    for text in ("secret", "not a page", "quality-1.html", "notes.txt"):
        assert text not in answer.text


def test_a_page_asked_for_under_another_hosts_name_is_refused(client):
    assert client.get("/", headers={"host": "evil.example"}).status == 400


def test_the_start_page_of_no_runs_says_so(client):
    assert "No runs yet" in client.get("/").text


def test_the_start_page_shows_a_held_run_with_its_score_and_its_pages_in_order(client, settings):
    tell_the_story(
        settings,
        ("stage-assess-1", "stage", {"stage": "assess", "score": 71.5}),
        ("hold-quality-1", "hold", {"gate": "quality-1"}),
    )
    page = client.get("/").text
    assert "1 run waits for a decision" in page
    assert "waits at quality-1" in page
    assert "orders-7f3a" in page
    places = [page.index(f'href="{RUN}/{name}"') for name in ("quality-1.html", "quality-2.html", "quality-10.html")]
    assert places == sorted(places)
    assert f"http://127.0.0.1:4200/runs/flow-run/{RUN}" in page
    assert "hidden" not in page.split("<body", 1)[1].partition("<table")[2]


def test_the_start_page_tells_ended_runs_from_those_under_way(client, settings):
    tell_the_story(settings, ("outcome", "outcome", {"outcome": "loaded", "rows": 1200}))
    tell_the_story(
        settings,
        ("hold-quality-1", "hold", {"gate": "quality-1"}),
        ("answer-quality-1", "answer", {"gate": "quality-1"}),
        run=str(uuid.UUID(int=7)),
    )
    page = client.get("/").text
    assert "loaded" in page
    assert "1,200" in page or "1\u202f200" in page
    assert "running" in page


def test_the_start_page_tells_what_became_of_a_load_afterwards(client, settings):
    back = {"rows": 2, "rows_by_decision": {"1": 2}, "loaded": None, "gate": "load-1"}
    tell_the_story(settings, ("undone-1", "undone", {"rows": 1200, "gate": ""}), ("returned-1", "returned", back))
    assert "1,202" in client.get("/").text.replace("\u202f", ",")
    tell_the_story(settings, ("unloaded-1", "unloaded", {"load": "commit", "comment": "wrong file"}))
    page = client.get("/").text
    assert "taken back" in page
    assert "wrong file" in page


def test_what_came_with_data_is_shown_and_not_run(client, settings):
    with Ledger(settings.ledger) as ledger:
        ledger.append(RUN, "opened", "opened", {"name": "<script>alert(1)</script>", "pipeline": "orders"})
    assert "<script>alert(1)" not in client.get("/").text


def test_a_notification_with_the_token_becomes_a_line(client, settings):
    for subject in ("one\nline", "zwei ✓"):
        sent = client.post({"subject": subject, "body": "b", "more": 1}, "knock")
        assert sent.status == 200
    lines = [json.loads(line) for line in Path(settings.outbox).read_text().splitlines()]
    assert [line["subject"] for line in lines] == ["one\nline", "zwei ✓"]
    assert set(lines[0]) == {"at", "subject", "body"}


@pytest.mark.parametrize("token", ["", "knoc", "knock!", "KNOCK", "ünïcode"])
def test_a_notification_without_the_token_is_refused(client, settings, token):
    sent = client.post({"subject": "a", "body": "b"}, token)
    assert sent.status == 401
    assert not Path(settings.outbox).exists()


def test_without_a_token_no_notification_is_taken(serve, settings):
    assert serve(replace(settings, token="")).post({"subject": "a", "body": "b"}, "").status == 401


@pytest.mark.parametrize("content", ["", "{", "[]", '{"subject": "a"}', '{"subject": 1, "body": "b"}', "\udcff"])
def test_a_notification_that_is_none_is_refused(client, settings, content):
    sent = client.post(content.encode(errors="surrogateescape"), "knock")
    assert sent.status == 400
    assert not Path(settings.outbox).exists()


def test_a_notification_that_says_nothing_is_not_kept(client, settings):
    assert client.post({"subject": "", "body": ""}, "knock").status == 200
    assert not Path(settings.outbox).exists()


def test_a_notification_has_a_size(client):
    sent = client.post({"subject": "a", "body": "b" * MESSAGE_BYTES}, "knock")
    assert sent.status == 413
