"""An HTTP API of the tests' own that pages in every style, throttles, breaks and lies: `python -m tests.services.api`.

What it answers next can be put into `answers`; without that it answers by the path:

- `/page`, `/offset`, `/cursor`, `/link`, `/next`: pages of `size` records, in the style of that name, each with what
  tells of the next page; `/bare`: pages without; `/csv`: the records of a page as CSV. `since` and `id_after` filter.
- `/lies/html`, `/lies/type`, `/lies/total`, `/lies/endless`, `/lies/twice`, `/lies/back`, `/lies/huge`, `/lies/text`
- `/moved`, `/around`, `/away`: redirections to `/page`, to itself, and to `elsewhere`
- `/token`: OAuth 2 client credentials
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from tests.services.process import serve

SECRET = "s3cret-Passw0rd"
CLIENT = ("gonogo", SECRET)
PAGES = ("page", "offset", "cursor", "link", "next")


@dataclass(frozen=True)
class Said:
    """One answer; of its body as many bytes are sent as `cut` says, whatever was promised."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    cut: int | None = None


@dataclass(frozen=True)
class Heard:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Api(ThreadingHTTPServer):
    """The server: its records and what it was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.records: list[Any] = []
        self.size = 2
        self.heard: list[Heard] = []
        self.answers: deque[Said] = deque()
        self.allows: Callable[[Heard], bool] = lambda _heard: True
        self.elsewhere = ""
        self.tokens: list[str] = []
        self.lasts: float | None = 3600
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def asked(self, start: str = "") -> list[str]:
        """Paths with their queries that were asked for."""
        return [
            f"{heard.path}{'?' if heard.query else ''}{urlencode(heard.query)}"
            for heard in self.heard
            if heard.path.startswith(start)
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Api
    protocol_version = "HTTP/1.1"

    def log_message(self, *_told: Any) -> None:
        """It says nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        heard = Heard(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
        self.server.heard.append(heard)
        said = self._said(heard)
        promised = {"Content-Type": "application/json", "Content-Length": str(len(said.body)), **said.headers}
        self.send_response(said.status)
        for name, value in promised.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said.body[: said.cut])
        self.close_connection = self.close_connection or said.cut is not None

    def _said(self, heard: Heard) -> Said:
        if heard.path == "/token":
            return _token(self.server, heard)
        if self.server.answers:
            return self.server.answers.popleft()
        if not self.server.allows(heard):
            return Said(401, body=b'{"message": "who are you?"}')
        name = heard.path.strip("/").replace("/", "_")
        answer = globals().get(f"_{name}")
        return answer(self.server, heard) if answer else Said(404, body=b"<h1>not here</h1>")


def _wanted(api: Api, heard: Heard) -> list[Any]:
    given = {**heard.query, **(heard.json if heard.body else {})}
    records = list(api.records)
    if "since" in given:
        records = [r for r in records if not isinstance(r, dict) or str(r["changed"]) >= given["since"]]
    if "id_after" in given:
        records = [r for r in records if not isinstance(r, dict) or int(r["id"]) >= int(given["id_after"])]
    return records


def _part(api: Api, heard: Heard, start: int, size: int = 0) -> tuple[list[Any], int]:
    """Records from a place on, and how many there are."""
    records = _wanted(api, heard)
    return records[start : start + (size or api.size)], len(records)


def _given(heard: Heard, name: str, otherwise: Any) -> int:
    return int({**heard.query, **(heard.json if heard.body else {})}.get(name, otherwise))


def _json(value: Any, **headers: str) -> Said:
    return Said(
        headers={name.replace("_", "-"): text for name, text in headers.items()}, body=json.dumps(value).encode()
    )


def _page(api: Api, heard: Heard) -> Said:
    number = _given(heard, "page", 1)
    part, total = _part(api, heard, (number - 1) * api.size)
    return _json({"data": part, "page": number, "total_pages": -(-total // api.size)})


def _offset(api: Api, heard: Heard) -> Said:
    start = _given(heard, "offset", 0)
    size = min(api.size, _given(heard, "limit", api.size))
    part, total = _part(api, heard, start, size)
    return _json({"meta": {"offset": start, "limit": size, "total": total}, "items": part})


def _cursor(api: Api, heard: Heard) -> Said:
    start = _given(heard, "cursor", 0)
    part, total = _part(api, heard, start)
    more = str(start + api.size) if start + api.size < total else None
    return _json({"orders": part, "meta": {"next_cursor": more}})


def _link(api: Api, heard: Heard) -> Said:
    start = _given(heard, "from", 0)
    part, total = _part(api, heard, start)
    links = [f'<{_again(api, heard, {"from": 0})}>; rel="first"']
    links += [f'<{_again(api, heard, {"from": start + api.size})}>; rel="next"'] if start + api.size < total else []
    return _json(part, Link=", ".join(links))


def _next(api: Api, heard: Heard) -> Said:
    start = _given(heard, "from", 0)
    part, total = _part(api, heard, start)
    more = _again(api, heard, {"from": start + api.size}) if start + api.size < total else None
    return _json({"count": total, "next": more, "results": part})


def _again(api: Api, heard: Heard, more: dict[str, Any]) -> str:
    return f"{api.url}{heard.path}?{urlencode({**heard.query, **more})}"


def _bare(api: Api, heard: Heard) -> Said:
    start = _given(heard, "offset", (_given(heard, "page", 1) - 1) * api.size)
    return _json(_part(api, heard, start)[0])


def _csv(api: Api, heard: Heard) -> Said:
    part, _ = _part(api, heard, (_given(heard, "page", 1) - 1) * api.size)
    text = "id,city\n" + "".join(f"{record['id']},{record['city']}\n" for record in part)
    return Said(headers={"Content-Type": "text/csv; charset=utf-8"}, body=text.encode())


def _lies_html(_api: Api, _heard: Heard) -> Said:
    return Said(headers={"Content-Type": "application/json"}, body=b"<html><body>Please log in</body></html>")


def _lies_type(api: Api, heard: Heard) -> Said:
    return Said(headers={"Content-Type": "text/html"}, body=_bare(api, heard).body)


def _lies_total(api: Api, heard: Heard) -> Said:
    return _json({"total": 1000, "items": _part(api, heard, 0)[0]})


def _lies_endless(api: Api, heard: Heard) -> Said:
    number = _given(heard, "cursor", 0)
    return _json({"items": [{"id": number}], "next_cursor": str(number + 1)})


def _lies_twice(api: Api, heard: Heard) -> Said:
    return _json({"items": api.records[: api.size], "next": f"{api.url}{heard.path}?page={len(api.heard)}"})


def _lies_back(api: Api, heard: Heard) -> Said:
    number = _given(heard, "page", 1)
    return _json({"items": [{"id": number}], "next": f"{api.url}{heard.path}?page={3 - number}"})


def _lies_huge(_api: Api, _heard: Heard) -> Said:
    return _json([{"id": "1", "text": "x" * 100_000}])


def _lies_text(api: Api, heard: Heard) -> Said:
    return _json({"items": [*_part(api, heard, 0, 99)[0], "no record", 7]})


def _moved(api: Api, heard: Heard) -> Said:
    return Said(307 if heard.body else 302, {"Location": f"/page?{urlencode(heard.query)}"}, b"")


def _around(_api: Api, heard: Heard) -> Said:
    return Said(302, {"Location": f"/around?n={_given(heard, 'n', 0) + 1}"}, b"")


def _away(api: Api, _heard: Heard) -> Said:
    return Said(302, {"Location": api.elsewhere}, b"")


def _token(api: Api, heard: Heard) -> Said:
    form = {name: values[0] for name, values in parse_qs(heard.body.decode()).items()}
    basic = base64.b64encode(":".join(CLIENT).encode()).decode()
    known = heard.headers.get("authorization") == f"Basic {basic}" or form.get("client_secret") == SECRET
    if not known or form.get("grant_type") != "client_credentials":
        return Said(401, body=b'{"error": "invalid_client"}')
    api.tokens.append(f"token-{len(api.tokens) + 1}-{SECRET}")
    lasts = {} if api.lasts is None else {"expires_in": api.lasts}
    return _json({"access_token": api.tokens[-1], "token_type": "Bearer", **lasts})


@contextlib.contextmanager
def running_api(certificate: tuple[Path, Path] | None = None) -> Iterator[Api]:
    """The server in a thread; with a certificate and its key it speaks TLS."""
    with Api() as api:
        if certificate:
            import ssl

            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            api.socket, api.scheme = context.wrap_socket(api.socket, server_side=True), "https"
        threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield api
        finally:
            api.shutdown()


@contextlib.contextmanager
def api() -> Iterator[str]:
    """Yields the address of a server with some orders."""
    with running_api() as made:
        made.records = [
            {"id": str(n), "city": city, "changed": f"2026-01-0{n}", "address": {"zip": f"0{n}", "geo": {"lat": n}}}
            for n, city in enumerate(("Bremen", "Kiel", "Jena", "Ulm", "Bonn"), start=1)
        ]
        yield made.url


if __name__ == "__main__":
    serve(api)
