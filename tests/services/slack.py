"""A Slack of the tests' own that speaks its HTTP API and Socket Mode: `python -m tests.services.slack`.

It takes what Slack takes and refuses what Slack refuses: tokens of the wrong kind, channels that the app is not in,
blocks beyond their limits, triggers older than three seconds, threads and messages that are not there. People click and
submit with `click` and `submit`, which give what the app acknowledged. What it answers next can be put into `answers`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.services.process import serve

BOT = "xoxb-0000-tests-own-bot"
APP = "xapp-1-tests-own-app"
CHANNEL = "C0TESTS"
TRIGGER_SECONDS = 3.0
ACK_SECONDS = 10.0
SCOPES = {
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "chat.postEphemeral": "chat:write",
    "files.getUploadURLExternal": "files:write",
    "files.completeUploadExternal": "files:write",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
}


@dataclass(frozen=True)
class Said:
    """One scripted answer.

    Attributes:
        does: whether what was asked is done before this is answered.
        cut: whether the connection is cut instead of answering.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    does: bool = False
    cut: bool = False


BUSY = Said(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "1"})
BROKEN = Said(503, None)
LOST = Said(does=True, cut=True)
"""It is done, but nobody hears so."""


class RefusedError(Exception):
    """What Slack answers with `ok: false`."""


class Slack(ThreadingHTTPServer):
    """The server, and all that its users see."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: dict[str, dict[str, Any]] = {}
        self.whispers: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, deque[Said]] = defaultdict(deque)
        self.away = False
        self.scopes = set(SCOPES.values())
        self.uploads: dict[str, dict[str, Any]] = {}
        self.triggers: dict[str, tuple[str, float]] = {}
        self.sockets: list[Any] = []
        self.acks: dict[str, dict[str, Any]] = {}
        self.lock = threading.RLock()
        self.acked = threading.Condition(self.lock)
        self.numbers = itertools.count(1)
        self.ws_port = 0
        self.tickets: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/"

    # What people see.

    def thread(self, root: dict[str, Any]) -> list[dict[str, Any]]:
        """The replies to a message."""
        return [each for each in self.all() if each.get("thread_ts") == root["ts"] and each is not root]

    def all(self) -> list[dict[str, Any]]:
        with self.lock:
            return [self.messages[ts] for ts in sorted(self.messages)]

    def roots(self) -> list[dict[str, Any]]:
        return [each for each in self.all() if not each.get("thread_ts")]

    def with_buttons(self) -> list[dict[str, Any]]:
        return [each for each in self.all() if buttons(each)]

    def everything(self) -> str:
        """All that was ever sent here, as text."""
        with self.lock:
            return json.dumps([self.calls, self.whispers, self.views, list(self.acks.values())], ensure_ascii=False)

    # What people do.

    def click(self, user: str, message: dict[str, Any], action: str, *, wait: bool = True) -> str:
        """Press a button; the envelope's id."""
        button = next(each for each in buttons(message) if each["action_id"] == action)
        trigger = f"{next(self.numbers)}.0.{uuid.uuid4().hex}"
        self.triggers[trigger] = (user, time.monotonic())
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": "typed-name", "name": "typed-name", "team_id": "T1"},
            "team": {"id": "T1", "domain": "tests"},
            "channel": {"id": CHANNEL, "name": "data"},
            "container": {"type": "message", "message_ts": message["ts"], "channel_id": CHANNEL, "is_ephemeral": False},
            "message": message,
            "trigger_id": trigger,
            "response_url": f"{self.url}response",
            "actions": [{**button, "action_ts": f"{time.time():.6f}", "type": "button", "block_id": "gate"}],
        }
        return self.send({"payload": payload, "type": "interactive", "accepts_response_payload": False}, wait=wait)

    def view_for(self, user: str, seconds: float = 10) -> dict[str, Any]:
        """The modal that is open for somebody, waited for."""
        until = time.monotonic() + seconds
        while True:
            found = [view for view in self.views if view["for"] == user]
            if found:
                return found[-1]
            assert time.monotonic() < until, f"no modal for {user}; whispers: {self.whispers}"
            time.sleep(0.02)

    def submit(self, user: str, view: dict[str, Any], *, wait: bool = True, **chosen: Any) -> dict[str, Any]:
        """Submit a modal with its preselected values, and with those that are given by block id; what was answered."""
        state = {"values": _state(view, chosen)}
        payload = {
            "type": "view_submission",
            "user": {"id": user, "username": "typed-name", "name": "typed-name", "team_id": "T1"},
            "team": {"id": "T1", "domain": "tests"},
            "trigger_id": f"{next(self.numbers)}.0.x",
            "view": {**view["view"], "id": view["id"], "state": state, "hash": "1.x", "type": "modal"},
        }
        id = self.send({"payload": payload, "type": "interactive", "accepts_response_payload": True}, wait=wait)
        return self.acks.get(id, {}).get("payload") or {}

    def send(self, envelope: dict[str, Any], *, id: str = "", wait: bool = True) -> str:
        """Send an envelope to the app, and wait until it is acknowledged."""
        id = id or str(uuid.uuid4())
        self.last = (id, envelope)
        with self.lock:
            self.acks.pop(id, None)
        self._deliver(json.dumps({"envelope_id": id, **envelope}))
        with self.acked:
            done = self.acked.wait_for(lambda: id in self.acks, ACK_SECONDS if wait else 0)
        assert done or not wait, "the app did not acknowledge: Slack would say that something went wrong"
        return id

    def _deliver(self, text: str) -> None:
        """Send a text through one of the connections that are open, whichever that is."""
        from websockets.exceptions import ConnectionClosed

        until = time.monotonic() + ACK_SECONDS
        while True:
            for socket in reversed(list(self.sockets)):
                with contextlib.suppress(ConnectionClosed):
                    socket.send(text)
                    return
            assert time.monotonic() < until, "no app is connected"
            time.sleep(0.05)

    def again(self) -> None:
        """Send the last envelope once more, as Slack does when it believes that it was lost."""
        id, envelope = self.last
        self.send(envelope, id=id)

    def refresh(self) -> None:
        """Ask the app to connect anew, as Slack does every now and then."""
        for socket in list(self.sockets):
            socket.send(json.dumps({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}}))

    def cut(self) -> None:
        """Break every connection without a word."""
        for socket in list(self.sockets):
            socket.socket.shutdown(2)

    # What the API does.

    def auth_test(self, _given: dict[str, Any]) -> dict[str, Any]:
        return {
            "url": "https://tests.slack.com/",
            "team": "Tests",
            "user": "gonogo",
            "team_id": "T1",
            "user_id": "UBOT",
        }

    def apps_connections_open(self, _given: dict[str, Any]) -> dict[str, Any]:
        ticket = uuid.uuid4().hex
        self.tickets.add(ticket)
        return {"url": f"ws://127.0.0.1:{self.ws_port}/link/?ticket={ticket}&app_id=A1"}

    def chat_postMessage(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        _checked(given, most=50)
        with self.lock:
            if (thread := given.get("thread_ts")) and thread not in self.messages:
                raise RefusedError("thread_not_found")
            message = self._add({name: given[name] for name in ("text", "blocks", "metadata") if name in given}, thread)
            message["broadcast"] = bool(given.get("reply_broadcast"))
        return {"channel": CHANNEL, "ts": message["ts"], "message": message}

    def chat_update(self, given: dict[str, Any]) -> dict[str, Any]:
        _checked(given, most=50)
        with self.lock:
            if given["ts"] not in self.messages:
                raise RefusedError("message_not_found")
            self.messages[given["ts"]] |= {"text": given["text"], "blocks": given["blocks"], "edited": True}
        return {"channel": CHANNEL, "ts": given["ts"], "text": given["text"]}

    def chat_postEphemeral(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.whispers.append(given)
        return {"message_ts": f"{time.time():.6f}"}

    def conversations_history(self, given: dict[str, Any]) -> dict[str, Any]:
        oldest = float(given.get("oldest") or 0)
        found = [each for each in reversed(self.all()) if not each.get("thread_ts") and float(each["ts"]) > oldest]
        return _page(found, given)

    def conversations_replies(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["ts"] not in self.messages:
            raise RefusedError("thread_not_found")
        root = self.messages[given["ts"]]
        return _page([root, *self.thread(root)], given)

    def files_getUploadURLExternal(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        id = f"F{next(self.numbers):04}"
        self.uploads[id] = {"name": given["filename"], "length": int(given["length"]), "alt": given.get("alt_txt", "")}
        return {"file_id": id, "upload_url": f"http://127.0.0.1:{self.server_port}/upload/v1/{id}"}

    def files_completeUploadExternal(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        files = json.loads(given["files"]) if isinstance(given["files"], str) else given["files"]
        with self.lock:
            for file in files:
                if "data" not in self.uploads.get(file["id"], {}):
                    raise RefusedError("file_not_found")
            if given.get("channel_id"):
                if given["channel_id"] != CHANNEL:
                    raise RefusedError("channel_not_found")
                shared = [{"id": f["id"], "title": f["title"], **self.uploads[f["id"]]} for f in files]
                self._add({"text": given.get("initial_comment", ""), "files": shared}, given.get("thread_ts"))
        return {"files": [{"id": f["id"], "title": f["title"]} for f in files]}

    def views_open(self, given: dict[str, Any]) -> dict[str, Any]:
        user, opened = self.triggers.pop(given["trigger_id"], ("", 0.0))
        if not user:
            raise RefusedError("invalid_trigger_id")
        if time.monotonic() - opened > TRIGGER_SECONDS:
            raise RefusedError("expired_trigger_id")
        view = given["view"]
        _checked_view(view)
        self.views.append({"id": f"V{next(self.numbers):04}", "for": user, "view": view})
        return {"view": {**view, "id": self.views[-1]["id"]}}

    def _add(self, message: dict[str, Any], thread: str | None) -> dict[str, Any]:
        ts = f"{time.time():.3f}{next(self.numbers) % 1000:03}"
        self.messages[ts] = {"ts": ts, "type": "message", **message, **({"thread_ts": thread} if thread else {})}
        return self.messages[ts]

    # Socket Mode.

    def connected(self, socket: Any) -> None:
        ticket = dict(parse_qsl(urlsplit(socket.request.path).query)).get("ticket")
        if ticket not in self.tickets:
            socket.close(1008, "wrong ticket")
            return
        self.tickets.discard(ticket)
        socket.send(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}}))
        with self.lock:
            self.sockets.append(socket)
        try:
            for text in socket:
                said = json.loads(text)
                with self.acked:
                    self.acks[said["envelope_id"]] = said
                    self.acked.notify_all()
        except Exception:  # noqa: BLE001  (cut, as a test wants it)
            pass
        finally:
            with self.lock:
                self.sockets.remove(socket)


class _Handler(BaseHTTPRequestHandler):
    server: Slack
    protocol_version = "HTTP/1.1"

    def log_message(self, *_told: Any) -> None:
        """It says nothing."""

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        slack, parts = self.server, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if parts.path.startswith("/upload/v1/"):
            self._take_file(parts.path.rpartition("/")[2], body)
            return
        method, given = parts.path.removeprefix("/api/"), self._given(parts.query, body)
        slack.calls.append((method, given))
        scripted = slack.answers[method].popleft() if slack.answers[method] else None
        if slack.away or (scripted and not scripted.does):
            self._say(scripted or BROKEN)
            return
        said = self._done(method, given)
        self._say(scripted or Said(body=said))

    def _given(self, query: str, body: bytes) -> dict[str, Any]:
        given: dict[str, Any] = dict(parse_qsl(query))
        if "json" in self.headers.get("Content-Type", ""):
            given |= json.loads(body or b"{}")
        else:
            given |= dict(parse_qsl(body.decode()))
        for name in ("blocks", "view", "metadata"):
            if isinstance(given.get(name), str):
                given[name] = json.loads(given[name])
        return given

    def _done(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        wanted = APP if method == "apps.connections.open" else BOT
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token != wanted:
            wrong = "not_allowed_token_type" if token in (APP, BOT) else "invalid_auth"
            return {"ok": False, "error": wrong if token else "not_authed"}
        if (scope := SCOPES.get(method)) and scope not in self.server.scopes:
            return {"ok": False, "error": "missing_scope", "needed": scope, "provided": ",".join(self.server.scopes)}
        if given.get("channel", CHANNEL) != CHANNEL:
            return {"ok": False, "error": "channel_not_found"}
        try:
            return {"ok": True, **getattr(self.server, method.replace(".", "_"))(given)}
        except AttributeError:
            return {"ok": False, "error": "unknown_method"}
        except RefusedError as error:
            return {"ok": False, "error": str(error)}

    def _take_file(self, id: str, body: bytes) -> None:
        upload = self.server.uploads[id]
        fits = len(body) == upload["length"]
        if fits:
            upload["data"] = body.hex()
        self._say(Said(200 if fits else 400, f"OK - {len(body)}"))

    def _say(self, said: Said) -> None:
        if said.cut:
            self.close_connection = True
            self.connection.close()
            return
        body = b"" if said.body is None else json.dumps(said.body).encode()
        self.send_response(said.status)
        promised = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(body)), **said.headers}
        for name, value in promised.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def buttons(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The buttons of a message."""
    rows = (block for block in message.get("blocks", ()) if block["type"] == "actions")
    return [element for row in rows for element in row["elements"] if element["type"] == "button"]


def words(message: dict[str, Any]) -> str:
    """What a message or modal says, in all its blocks, as Slack was given it."""
    told = message.get("blocks", message.get("view", {}).get("blocks", []))
    return "\n".join([message.get("text", ""), *(text["text"] for text in _texts(told))])


def _texts(part: Any) -> Iterator[dict[str, Any]]:
    """Every text object within blocks."""
    if isinstance(part, dict):
        if part.get("type") in ("mrkdwn", "plain_text") and "text" in part:
            yield part
        for value in part.values():
            yield from _texts(value)
    elif isinstance(part, (list, tuple)):
        for each in part:
            yield from _texts(each)


def _page(found: list[dict[str, Any]], given: dict[str, Any]) -> dict[str, Any]:
    start, size = (
        int(given.get("cursor") or 0),
        min(int(given.get("limit") or 100), 3),
    )  # small, so that pages are turned
    shown = [dict(each) for each in found[start : start + size]]
    if str(given.get("include_all_metadata")).lower() not in ("1", "true"):
        for each in shown:
            each.pop("metadata", None)
    more = str(start + size) if start + size < len(found) else ""
    return {"messages": shown, "has_more": bool(more), "response_metadata": {"next_cursor": more}}


def _checked(given: dict[str, Any], *, most: int) -> None:
    if not str(given.get("text", "")).strip() and not given.get("blocks"):
        raise RefusedError("no_text")
    if len(str(given.get("text", ""))) > 40_000:
        raise RefusedError("msg_too_long")
    _check_blocks(given.get("blocks", []), most)


def _checked_view(view: dict[str, Any]) -> None:
    for name in ("title", "submit", "close"):
        if len(view.get(name, {}).get("text", "")) > 24:
            raise RefusedError("invalid_arguments")
    if len(view.get("private_metadata", "")) > 3000 or len(json.dumps(view)) > 250_000:
        raise RefusedError("view_too_large")
    _check_blocks(view["blocks"], 100)


def _check_blocks(blocks: list[dict[str, Any]], most: int) -> None:
    """Refuse what Slack's reference of blocks does not allow."""
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    fits = len(blocks) <= most and len(ids) == len(set(ids)) and all(len(id) <= 255 for id in ids)
    for block in blocks:
        fits = fits and _fits(block)
    if not fits or any(not 1 <= len(text["text"]) <= 3000 for text in _texts(blocks)):
        raise RefusedError("invalid_blocks")


def _fits(block: dict[str, Any]) -> bool:
    kind = block["type"]
    if kind == "header":
        return block["text"]["type"] == "plain_text" and len(block["text"]["text"]) <= 150
    if kind == "context":
        return 1 <= len(block["elements"]) <= 10
    if kind == "actions":
        return 1 <= len(block["elements"]) <= 25 and all(map(_button_fits, block["elements"]))
    if kind == "input":
        return (
            len(block["label"]["text"]) <= 2000 and len(block.get("hint", {}).get("text", "")) <= 2000 and _input(block)
        )
    return kind in ("section", "divider")


def _button_fits(button: dict[str, Any]) -> bool:
    confirm = button.get("confirm", {})
    limits = (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30))
    short = all(len(confirm[name]["text"]) <= most for name, most in limits) if confirm else True
    return short and len(button["text"]["text"]) <= 75 and len(button.get("value", "")) <= 2000


def _input(block: dict[str, Any]) -> bool:
    element = block["element"]
    options = element.get("options", [])
    fits = all(len(o["text"]["text"]) <= 75 and 1 <= len(o["value"]) <= 150 for o in options)
    values = [o["value"] for o in options]
    if element["type"] in ("static_select", "radio_buttons", "checkboxes"):
        most = {"static_select": 100, "radio_buttons": 10, "checkboxes": 10}[element["type"]]
        given = element.get("initial_option")
        fits = (
            fits and 1 <= len(options) <= most and len(values) == len(set(values)) and (not given or given in options)
        )
    return fits


def _state(view: dict[str, Any], chosen: dict[str, Any]) -> dict[str, Any]:
    """The values of a modal's inputs as Slack sends them; texts come escaped, as they do from Slack."""
    values: dict[str, Any] = {}
    known = [block["block_id"] for block in view["view"]["blocks"] if block["type"] == "input"]
    assert set(chosen) <= set(known), f"{sorted(set(chosen) - set(known))} is not among {known}"
    for block in (each for each in view["view"]["blocks"] if each["type"] == "input"):
        element, id = block["element"], block["block_id"]
        said = chosen.get(id)
        told: dict[str, Any] = {"type": element["type"]}
        if element["type"] == "plain_text_input":
            told["value"] = said if said is not None else element.get("initial_value")
        elif element["type"] == "checkboxes":
            told["selected_options"] = element["options"] if said else element.get("initial_options", [])
        else:
            picked = next((o for o in element["options"] if o["value"] == said), None) if said else None
            assert picked or not said, f"{said} is not among {[o['value'] for o in element['options']]}"
            told["selected_option"] = picked or element.get("initial_option")
        values[id] = {element["action_id"]: told}
        empty = told.get("value", told.get("selected_option", told.get("selected_options")))
        assert block.get("optional") or empty, f"{id} is required: Slack would not let it be submitted"
    return values


@contextlib.contextmanager
def running_slack() -> Iterator[Slack]:
    """The server in threads."""
    from websockets.sync.server import serve as serve_socket

    with Slack() as slack, serve_socket(slack.connected, "127.0.0.1", 0) as socket:
        slack.ws_port = socket.socket.getsockname()[1]
        threading.Thread(target=socket.serve_forever, daemon=True).start()
        threading.Thread(target=slack.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield slack
        finally:
            slack.shutdown()
            socket.shutdown()


@contextlib.contextmanager
def slack() -> Iterator[str]:
    """Yields the address of the API."""
    with running_slack() as made:
        yield made.url


if __name__ == "__main__":
    serve(slack)
