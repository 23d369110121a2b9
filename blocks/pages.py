"""The page server, on loopback: the runs, their report pages, and the outbox that notifications are put into."""

from __future__ import annotations

import argparse
import hmac
import json
import os
import re
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, urlencode

from blocks.ledger import Ledger, RunSummary
from blocks.links import COOKIE, EVERYTHING, allows
from tasks.quality.chronicle import outcome_of
from tasks.quality.errors import GonogoError
from tasks.quality.guide import guide
from tasks.quality.history import REVISIONS, taken_back
from tasks.quality.secrets import mask
from tasks.reports.escape import printable
from tasks.reports.index import RunLine, index_html
from tasks.reports.kinds import kinds_html
from tasks.reports.records import Link

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from tasks.quality.ledger import Entry

SETTINGS = "GONOGO_PAGES"
"""Environment variable with the settings as JSON; the ledger's address and the token never are arguments."""

OK = 200
Next: TypeAlias = Callable[["Request"], Awaitable["Response"]]
"""What answers a request that is let in."""

MESSAGE_BYTES = 64 * 1024
RUNS_SHOWN = 200

_SHUT = (
    "This page is opened by a signed link. Those of notifications and of 'gonogo show RUN' open a run for seven days; "
    "'gonogo up' prints one for everything. This one has expired, or is none."
)

_RUN_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ROW = re.compile(r"[0-9]{1,18}")
_PAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.(?:html|json)")
_TYPES = {".html": "text/html; charset=utf-8", ".json": "application/json"}
_HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-cache"}
_TITLES = {"quality": "Quality", "profile": "Profile", "insight": "Insight", "receipt": "Receipt"}
_STATES = {"failed", "crashed", "cancelled", "cancelling", "scheduled", "pending"}
"""Of Prefect's states, those that the ledger can't know; the others are told by the ledger."""


@dataclass(frozen=True)
class Settings:
    """What the page server serves.

    Attributes:
        reports: folder with a folder of pages per run.
        ledger: the ledger database's address.
        outbox: the file that notifications are appended to, a JSON object per line.
        token: what a sender of notifications must know; without one, none is taken.
        key: in hex, what signs links (`blocks.links`); without one, no page is shown to anybody.
        api: the Prefect API, asked for the states of runs.
        ui: the Prefect UI, linked to.
    """

    reports: str
    ledger: str
    outbox: str
    token: str = ""
    key: str = ""
    api: str = ""
    ui: str = ""

    def environment(self) -> dict[str, str]:
        """The environment by which the server's process gets these settings."""
        return {SETTINGS: json.dumps(asdict(self))}


@dataclass(frozen=True)
class Live:
    """Makers of the pages that are made when somebody asks for them.

    Attributes:
        trace: the page of a cell's story, from a run's id, a row and a column; a `GonogoError` says why there is none.
        inbox: the page of what waits for an answer, or of one run's question, from its id; None when it does not wait.
    """

    trace: Callable[[str, int, str], str]
    inbox: Callable[[Settings, str], str | None]


def app(settings: Settings, live: Live) -> Starlette:
    """The page server's application.

    Args:
        settings: what is served.
        live: makes the pages that are not files.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import HTMLResponse, PlainTextResponse
    from starlette.routing import Route

    def index(_: Request) -> Response:
        return HTMLResponse(index_html(run_lines(settings)), headers=_HEADERS)

    def page(request: Request) -> Response:
        found = page_file(Path(settings.reports), request.path_params["run_id"], request.path_params["name"])
        if found is None:
            return PlainTextResponse("There is no such page.", 404, headers=_HEADERS)
        return _file(found)

    def kinds(_: Request) -> Response:
        return HTMLResponse(kinds_html(guide()), headers=_HEADERS)

    def story(request: Request) -> Response:
        status, said = _told(live, request.path_params["run_id"], request.query_params)
        return (HTMLResponse if status == OK else PlainTextResponse)(said, status, headers=_HEADERS)

    def inbox(request: Request) -> Response:
        run_id = request.path_params.get("run_id", "")
        found = live.inbox(settings, run_id) if not run_id or _RUN_ID.fullmatch(run_id) else None
        if found is None:
            return PlainTextResponse("That run does not wait for an answer (any more).", 404, headers=_HEADERS)
        return HTMLResponse(found, headers=_HEADERS)

    async def outbox(request: Request) -> Response:
        status, said = await _take(request, settings)
        return PlainTextResponse(said, status, headers=_HEADERS)

    return Starlette(
        routes=[
            Route("/", index),
            Route("/kinds.html", kinds),
            Route("/outbox", outbox, methods=["POST"]),
            Route("/inbox", inbox),
            Route("/inbox/{run_id}", inbox),
            Route("/{run_id}/trace", story),
            Route("/{run_id}/{name}", page),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
            Middleware(BaseHTTPMiddleware, dispatch=partial(_guarded, settings)),
        ],
    )


async def _guarded(settings: Settings, request: Request, call_next: Next) -> Response:
    """Let those in who have a link or a cookie for what they ask; a link becomes a cookie, and leaves the address."""
    from starlette.responses import PlainTextResponse, RedirectResponse

    path = request.url.path
    if path == "/outbox":  # has a token of its own
        return await call_next(request)
    first = path.split("/")[1]
    scopes = (EVERYTHING, first) if _RUN_ID.fullmatch(first) else (EVERYTHING,)
    key, now = bytes.fromhex(settings.key), time.time()
    asked = request.query_params
    link = f"{asked.get('until', '')}.{asked.get('sign', '')}"
    if scope := _opened(key, link, scopes, now):
        answer = RedirectResponse(_unsigned(request), 303, headers=_HEADERS)
        place, seconds = "/" if scope == EVERYTHING else f"/{scope}/", int(asked["until"]) - int(now)
        answer.set_cookie(_cookie(scope), link, max_age=seconds, path=place, httponly=True, samesite="lax")
        return answer
    if any(_opened(key, request.cookies.get(_cookie(scope), ""), (scope,), now) for scope in scopes):
        return await call_next(request)
    return PlainTextResponse(_SHUT, 403, headers=_HEADERS)


def _opened(key: bytes, given: str, scopes: Sequence[str], now: float) -> str:
    """The scope that a grant is for, or an empty string."""
    return next((scope for scope in scopes if key and allows(key, given, scope, now)), "")


def _cookie(scope: str) -> str:
    return f"{COOKIE}-{scope[:8]}"


def _unsigned(request: Request) -> str:
    """The path and query that were asked for, without the signature."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in ("until", "sign")]
    return quote(request.url.path) + (f"?{urlencode(kept)}" if kept else "")


def _told(live: Live, run_id: str, asked: Mapping[str, str]) -> tuple[int, str]:
    """The page of a cell's story, or why there is none; with its HTTP status."""
    row = asked.get("row", "")
    if not _RUN_ID.fullmatch(run_id) or not _ROW.fullmatch(row):
        return 404, "There is no such page."
    try:
        return OK, live.trace(run_id, int(row), asked.get("column", ""))
    except GonogoError as error:
        return 404, printable(mask(error.message))


def page_file(reports: Path, run_id: str, name: str) -> Path | None:
    """The file of a run's page, if it is one that may be served: in the run's own folder, HTML or JSON."""
    if not _RUN_ID.fullmatch(run_id) or not _PAGE.fullmatch(name):
        return None
    file = reports / run_id / name
    inside = file.resolve().is_relative_to((reports / run_id).resolve()) and not (reports / run_id).is_symlink()
    return file if inside and file.is_file() else None


def run_lines(settings: Settings) -> list[RunLine]:
    """The latest runs, newest first, as the start page shows them."""
    with Ledger(settings.ledger) as ledger:
        runs = sorted(ledger.runs(), key=lambda run: (run.opened_at, run.run_id), reverse=True)[:RUNS_SHOWN]
        states = prefect_states(settings.api, [run.run_id for run in runs])
        return [_line(settings, run, ledger.entries(run.run_id), states.get(run.run_id, "")) for run in runs]


def prefect_states(api: str, run_ids: Sequence[str]) -> dict[str, str]:
    """The state of each run in lower case, as far as Prefect can be asked."""
    import httpx

    if not api or not run_ids:
        return {}
    wanted = {"flow_runs": {"id": {"any_": list(run_ids)}}, "limit": RUNS_SHOWN}
    try:
        found = httpx.post(f"{api}/flow_runs/filter", json=wanted, timeout=3, auth=_auth()).raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return {}
    return {run["id"]: str(run["state_name"] or "").lower() for run in found}


def _auth() -> tuple[str, str] | None:
    """What Prefect's server asks for, as Prefect's own clients are told it."""
    name, colon, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
    return (name, password) if colon else None


def _line(settings: Settings, run: RunSummary, entries: Sequence[Entry], prefect: str) -> RunLine:
    assessed = [e.payload for e in entries if e.kind == "stage" and e.payload.get("stage") == "assess"]
    scores = [float(payload["score"]) for payload in assessed if "score" in payload]
    state, note = _state(entries)
    return RunLine(
        run=run.name,
        pipeline=run.pipeline,
        state=prefect if prefect in _STATES and state in ("running", "held") else state,
        started=_moment(run.opened_at),
        rows=_rows(entries),
        before=scores[0] if scores else None,
        after=scores[-1] if len(scores) > 1 else None,
        note=note,
        links=tuple(_links(settings, run.run_id)),
    )


def _rows(entries: Sequence[Entry]) -> int | None:
    """Rows of the run's last table, as far as the ledger tells."""
    rows: int | None = None
    for entry in entries:
        if isinstance(told := entry.payload.get("rows"), int):
            rows = (rows or 0) + told if entry.kind == "returned" else told
    return rows


def _state(entries: Sequence[Entry]) -> tuple[str, str]:
    """What the ledger says of a run, and what it waits for or why it ended."""
    if taken_back(entries):
        return outcome_of(entries)
    ended = [e for e in entries if e.kind == "outcome"]
    if ended:
        return str(ended[-1].payload.get("outcome", "ended")), str(ended[-1].payload.get("note", ""))
    answered = {e.payload.get("gate") for e in entries if e.kind in ("answer", *REVISIONS)}
    open_gates = [e.payload.get("gate") for e in entries if e.kind == "hold" and e.payload.get("gate") not in answered]
    return ("held", f"waits at {open_gates[-1]}") if open_gates else ("running", "")


def _links(settings: Settings, run_id: str) -> Iterator[Link]:
    folder = Path(settings.reports) / run_id
    for file in sorted(folder.glob("*.html"), key=_order) if folder.is_dir() else ():
        if page_file(Path(settings.reports), run_id, file.name):
            yield Link(_title(file.stem), f"{run_id}/{file.name}")
    if settings.ui:
        yield Link("Prefect", f"{settings.ui}/runs/flow-run/{run_id}")


def _order(file: Path) -> tuple[int, str, int]:
    name, _, number = file.stem.partition("-")
    rank = list(_TITLES).index(name) if name in _TITLES else len(_TITLES)
    return rank, name, int(number) if number.isdigit() else 0


def _title(stem: str) -> str:
    name, _, number = stem.partition("-")
    return f"{_TITLES.get(name, name)} {number}".strip()


def _moment(at: str) -> str:
    return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at else ""


def _file(path: Path) -> Response:
    from starlette.responses import FileResponse

    return FileResponse(path, media_type=_TYPES[path.suffix], headers=_HEADERS)


async def _take(request: Request, settings: Settings) -> tuple[int, str]:
    """Put a notification into the outbox, if its sender knows the token: the HTTP status, and why."""
    sent = request.headers.get("authorization", "").encode()
    if not settings.token or not hmac.compare_digest(sent, f"Bearer {settings.token}".encode()):
        return 401, "A token is needed."
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MESSAGE_BYTES:
            return 413, f"A notification has at most {MESSAGE_BYTES} bytes."
    try:
        message = json.loads(bytes(body))
    except ValueError:
        return 400, "A notification is JSON."
    if not isinstance(message, Mapping) or not all(isinstance(message.get(k), str) for k in ("subject", "body")):
        return 400, "A notification has a subject and a body."
    if not message["subject"] and not message["body"]:
        return 200, "nothing to tell"
    append(Path(settings.outbox), message)
    return 200, "taken"


def append(outbox: Path, message: Mapping[str, Any]) -> None:
    """Add a notification to the outbox file, as one line in one write."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    line = json.dumps({"at": at, "subject": message["subject"], "body": message["body"]}, ensure_ascii=False) + "\n"
    descriptor = os.open(outbox, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def serve(live: Live) -> None:
    """Serve pages until told to stop, on a socket that the starting process listens on and hands over."""
    import uvicorn

    parser = argparse.ArgumentParser(description=f"Settings are in ${SETTINGS}, as JSON.")
    parser.add_argument("--descriptor", type=int, required=True, help="number of the listening socket")
    listening = socket.socket(fileno=parser.parse_args().descriptor)
    settings = Settings(**json.loads(os.environ[SETTINGS]))
    config = uvicorn.Config(app(settings, live), log_level="warning", timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[listening])
