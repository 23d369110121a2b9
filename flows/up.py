"""Everything local, until Ctrl-C: Prefect server and UI, worker, report pages, and the notifications as they come."""

from __future__ import annotations

import contextvars
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.markup import escape

from blocks.links import EVERYTHING, VALID_SECONDS, key_in, signed
from blocks.spec import REMIND_AFTER
from flows.home import Home
from flows.local import (
    Addresses,
    end,
    environment,
    free_port,
    listening,
    rotate,
    running,
    server,
    sharing,
    spawn,
    tail,
    variable,
)
from flows.provision import POOL, provision
from tasks.quality.errors import GonogoError, PilotMustDecide, TryAgain, Unavailable
from tasks.quality.secrets import mask
from tasks.reports.escape import printable

SERVER_PORT = 4200
PAGES_PORT = 4280
QUERY_SECONDS = 2
"""How often the worker asks for runs: how long a start or an answer in the UI waits at most."""

ADOPT_SECONDS = 5.0
APPS_SECONDS = 10.0
_TICK_SECONDS = 0.25
_STEADY_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass
class Child:
    """A process that is started again when it ends, after a pause that grows while it keeps ending."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0

    def tend(self, say: Callable[[str], None]) -> None:
        """Start it when it is due; say so when it ended."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.started + self.pause_seconds:
                self.process, self.started = self.start(), now
        elif (status := self.process.poll()) is not None:
            end(self.process)  # what it left behind
            self.failures = 1 if now - self.started > _STEADY_SECONDS else self.failures + 1
            self.process, self.started = None, now
            last = tail(self.log, 1)
            say(f"the {self.name} ended with status {status}{': ' + last if last else ''}; {self._next()} ({self.log})")

    def stop(self) -> None:
        """Stop it; it is started again only by `tend`."""
        if self.process:
            end(self.process)
        self.process, self.started = None, 0.0

    @property
    def pause_seconds(self) -> float:
        """How long to wait before the next start."""
        return min(2.0 ** (self.failures - 1), _LONGEST_PAUSE_SECONDS) if self.failures else 0.0

    def _next(self) -> str:
        return f"it is started again in {self.pause_seconds:.0f} s"


@dataclass
class Outbox:
    """The notifications that come from now on."""

    path: Path
    position: int = field(default=0)

    def __post_init__(self) -> None:
        self.position = self.path.stat().st_size if self.path.exists() else 0

    def new(self) -> Iterator[dict[str, Any]]:
        """Notifications since the last call."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.position)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self.position += len(line)
                yield json.loads(line)


@dataclass
class _Site:
    """What runs, and how to start each part of it."""

    home: Home
    say: Callable[[str], None]
    port: int | None
    pages_socket: socket.socket
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    api: str = ""
    serving: ExitStack = field(default_factory=ExitStack)

    @property
    def ui(self) -> str:
        """The Prefect UI."""
        own = Addresses.read(self.home)
        return own.ui if own and own.api == self.api else self.api.removesuffix("/api")

    @property
    def pages(self) -> str:
        """The page server."""
        return f"http://127.0.0.1:{self.pages_socket.getsockname()[1]}"

    @property
    def door(self) -> str:
        """A link that opens all of its pages for some days."""
        until = int(time.time()) + VALID_SECONDS
        return signed(f"{self.pages}/", key_in(self.home.path), EVERYTHING, until)

    def listener(self, name: str) -> Child:
        """What tells runs in a Slack app and takes answers there."""
        log = f"slack-{name}.log"
        return Child(f"Slack app {name}", partial(self._start_listener, name, log), self.home.logs / log)

    def children(self) -> list[Child]:
        logs = self.home.logs
        return [
            Child("page server", self._start_pages, logs / "pages.log"),
            Child("worker", self._start_worker, logs / "worker.log"),
        ]

    def serve(self) -> None:
        """Join the server that runs, or start one: on another port where somebody took this one meanwhile."""
        try:
            self.api = self.serving.enter_context(server(self.home, port=self.port, tell=self.say))
        except TryAgain:
            if not self.port or free_port(self.port) == self.port:
                raise
            self.say(f"port {self.port} is in use meanwhile; the Prefect server takes another")
            self.port = None
            self.api = self.serving.enter_context(server(self.home, tell=self.say))
        own = Addresses.read(self.home)
        published = own if own and own.api == self.api else Addresses(self.api, self.ui, 0, "")
        replace(published, pages=self.pages, up=os.getpid()).write(self.home)

    def leave(self) -> None:
        """Take back what `serve` published, and leave the server: it ends unless others use it."""
        own = Addresses.read(self.home)
        if own and own.up == os.getpid():
            replace(own, pages="", up=0).write(self.home) if own.pid else self.home.server_file.unlink()
        self.serving.close()

    def lost(self) -> bool:
        """Whether nobody listens any more where the embedded server was."""
        own = Addresses.read(self.home)
        if own is None or not own.pid:
            return own is None
        host, _, port = own.api.removeprefix("http://").removesuffix("/api").partition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return False

    def _start_pages(self) -> subprocess.Popen[bytes]:
        from blocks.pages import Settings

        home = self.home
        settings = Settings(
            reports=str(home.reports),
            ledger=home.ledger_url,
            outbox=str(home.outbox),
            token=self.token,
            key=key_in(home.path).hex(),
            api=self.api,
            ui=self.ui,
        )
        env = environment(home) | settings.environment()
        given = self.pages_socket.fileno()
        return self._spawn("flows.pages", "--descriptor", str(given), log="pages.log", env=env, descriptors=[given])

    def _start_listener(self, name: str, log: str) -> subprocess.Popen[bytes]:
        more = {"PREFECT_API_URL": self.api, "PREFECT_UI_URL": self.ui, "GONOGO_REPORTS_URL": self.pages}
        return self._spawn("flows.slack", name, log=log, env=environment(self.home) | more)

    def _start_worker(self) -> subprocess.Popen[bytes]:
        more = {"PREFECT_API_URL": self.api, "PREFECT_UI_URL": self.ui, "GONOGO_REPORTS_URL": self.pages}
        env = environment(self.home) | {"PREFECT_WORKER_QUERY_SECONDS": str(QUERY_SECONDS)} | more
        name = f"gonogo-{socket.gethostname()}-{os.getpid()}"
        start = ("worker", "start", "--pool", POOL, "--type", "process", "--name", name, "--install-policy", "never")
        return self._spawn("prefect", *start, log="worker.log", env=env)

    def _spawn(
        self, module: str, *args: str, log: str, env: dict[str, str], descriptors: Sequence[int] = ()
    ) -> subprocess.Popen[bytes]:
        path, wanted = self.home.logs / log, _alive(self.home)
        return spawn(module, *args, log=path, wanted=wanted, env=env, descriptors=descriptors)


def up(
    home: Home,
    pipelines: Path,
    *,
    port: int | None = None,
    slack_webhook: str | None = None,
    remind_after: timedelta = REMIND_AFTER,
    secure: bool | None = None,
    console: Console,
    adopt: Callable[[], list[str]] | None = None,
) -> None:
    """Run everything until Ctrl-C (or SIGTERM); a second one says where the first one is.

    Args:
        home: whose.
        pipelines: folder of the pipelines to deploy.
        port: of the Prefect server; by default 4200, or a free one; 0: a free one.
        slack_webhook: where people are notified, beside the terminal.
        remind_after: how long a gate may wait before a reminder.
        secure: whether the Prefect server, and with it its UI, asks who comes; by default as it was last time.
        console: what is going on is printed here.
        adopt: called every few seconds, carries on runs that lost their process and says which.

    Raises:
        TryAgain: the port is taken, or the server does not start.
        PilotMustDecide: the server that is to ask is the user's own.
    """
    if secure is not None:
        _secure(home, on=secure)
    home.activate()
    say = _teller(console)
    with _only_one(home) as only:
        if not only:
            _say_where(home, say)
            return
        adopting = _Adopting(adopt, say)
        try:
            with _stoppable(), _running(home, port, say) as (site, children):
                for line in provision(
                    home,
                    pipelines,
                    slack_webhook=slack_webhook,
                    pages_url=site.pages,
                    outbox_token=site.token,
                    remind_after=remind_after,
                ):
                    say(line)
                _welcome(site, console)
                _attend(site, children, console, adopting)
        except KeyboardInterrupt:
            console.print("stopped; held runs stay held, and everything goes on with the next [bold]gonogo up[/]")
            adopting.abandon()


def _secure(home: Home, *, on: bool) -> None:
    """Switch authentication on or off; a server that runs already cannot be told."""
    if on and "PREFECT_API_URL" in os.environ:
        todo = "set PREFECT_SERVER_API_AUTH_STRING where it runs, and PREFECT_API_AUTH_STRING here"
        raise PilotMustDecide("PREFECT_API_URL names a Prefect server of your own", todo=todo)
    if bool(home.auth) == on:
        return
    if there := running(home):
        todo = f"end what uses it (process {there.pid} and whatever gonogo runs), and start again"
        how = "without authentication" if on else "with authentication"
        raise TryAgain(f"a Prefect server runs {how} already", where=there.ui, todo=todo)
    home.secure(on=on)


@contextmanager
def _running(home: Home, port: int | None, say: Callable[[str], None]) -> Iterator[tuple[_Site, list[Child]]]:
    """The server and its children, all stopped at the end."""
    with ExitStack() as stack:
        site = _Site(home, say, _server_port(home, port, say), stack.enter_context(_pages_socket(say)))
        children = site.children()
        stack.enter_context(sharing(_alive(home)))
        stack.enter_context(variable("GONOGO_REPORTS_URL", site.pages))
        stack.callback(site.leave)
        site.serve()
        for child in children:
            child.tend(say)
        stack.callback(_stop, children)  # those, too, that come later
        yield site, children
        say("stopping …")


def _stop(children: list[Child]) -> None:
    for child in reversed(children):
        child.stop()


@dataclass
class _Apps:
    """The Slack apps that are saved: each gets a listener, and loses it when it is saved no more."""

    site: _Site
    children: list[Child]
    running: dict[str, Child] = field(default_factory=dict)
    looked: float = 0.0

    def tend(self) -> None:
        """Look now and then which apps there are."""
        from prefect.exceptions import PrefectException

        from blocks.slack import saved_apps

        if time.monotonic() - self.looked < APPS_SECONDS:
            return
        self.looked = time.monotonic()
        try:
            saved = saved_apps()
        except (Unavailable, PrefectException):
            return  # the server is starting again
        for name in set(saved) - set(self.running):
            self.running[name] = self.site.listener(name)
            self.children.append(self.running[name])
            self.site.say(f"Slack app {name}: runs are told there")
        for name in set(self.running) - set(saved):
            gone = self.running.pop(name)
            self.children.remove(gone)
            gone.stop()
            self.site.say(f"Slack app {name} is saved no more")


def _attend(site: _Site, children: list[Child], console: Console, adopting: _Adopting) -> None:
    """Keep everything running and print what happens, for ever."""
    outbox, apps = Outbox(site.home.outbox), _Apps(site, children)
    while True:
        if site.lost():
            _serve_again(site, children)
        apps.tend()
        for child in children:
            child.tend(site.say)
        for log in site.home.logs.glob("*.log"):
            rotate(log)
        for message in outbox.new():
            _show(console, message)
        adopting.tend()
        time.sleep(_TICK_SECONDS)


def _serve_again(site: _Site, children: list[Child]) -> None:
    """Replace a server that ended; where its address changed, what knows the old one is started again."""
    site.say("the Prefect server ended; starting it again. Held runs stay held")
    before = site.api
    site.leave()
    site.serving = ExitStack()
    site.serve()
    if site.api != before:
        for child in children:
            child.stop()


@dataclass
class _Adopting:
    """Calls `adopt` now and then beside everything else: it may carry a run for a while."""

    adopt: Callable[[], list[str]] | None
    say: Callable[[str], None]
    thread: threading.Thread | None = None
    ended: float = 0.0

    def tend(self) -> None:
        """Start the next call when one is due."""
        if self.adopt is None or (self.thread and self.thread.is_alive()):
            return
        if time.monotonic() - self.ended < ADOPT_SECONDS:
            return
        context = contextvars.copy_context()  # Prefect's settings are in it
        self.thread = threading.Thread(target=context.run, args=(self._call,), name="adopt", daemon=True)
        self.thread.start()

    def abandon(self) -> None:
        """End this process when a run is under way in it: as after a kill, the run is adopted next time."""
        if self.thread and self.thread.is_alive():
            self.thread.join(1)
        if self.thread and self.thread.is_alive():
            sys.stdout.flush()
            os._exit(0)

    def _call(self) -> None:
        import httpx
        from prefect.exceptions import PrefectException

        try:
            for line in self.adopt() if self.adopt else ():
                self.say(line)
        except (GonogoError, PrefectException, httpx.HTTPError) as error:  # tried again in a few seconds
            self.say(f"could not look after runs that lost their process: {error}")
        finally:
            self.ended = time.monotonic()


@contextmanager
def _only_one(home: Home) -> Iterator[bool]:
    """Whether this is the one `gonogo up` of this home."""
    home.locks.mkdir(parents=True, exist_ok=True)
    with (home.locks / "up").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal interrupt once; what then stops everything is not interrupted again."""
    stops = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup has it
        stops.append(signal.SIGHUP)

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        for number in stops:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in stops}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _server_port(home: Home, asked: int | None, say: Callable[[str], None]) -> int | None:
    """The port of a new server; the one that was asked for must be free, unless a server of this home runs there."""
    if asked == 0:
        return free_port()
    port = free_port(asked or SERVER_PORT)
    own = Addresses.read(home)
    if port == (asked or SERVER_PORT) or (own and own.api == f"http://127.0.0.1:{asked or SERVER_PORT}/api"):
        return port
    if asked:
        raise TryAgain(f"port {asked} is in use", todo="name another with --port, or leave it out")
    say(f"port {SERVER_PORT} is in use; the Prefect server takes {port}")
    return port


def _pages_socket(say: Callable[[str], None]) -> socket.socket:
    """What the page server answers on; who comes while it is starting again waits."""
    found = listening(PAGES_PORT)
    if (port := found.getsockname()[1]) != PAGES_PORT:
        say(f"port {PAGES_PORT} is in use; the report pages take {port}")
    return found


def _alive(home: Home) -> Path:
    return home.locks / "up.alive"


def _teller(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {escape(mask(text))}", soft_wrap=True)


def _say_where(home: Home, say: Callable[[str], None]) -> None:
    own = Addresses.read(home)
    say("gonogo up is running already" + (f" (process {own.up})" if own and own.up else ""))
    if own:
        say(f"Prefect UI   {own.ui}")
        until = int(time.time()) + VALID_SECONDS
        say(f"report pages {signed(f'{own.pages}/', key_in(home.path), EVERYTHING, until)}")


def _welcome(site: _Site, console: Console) -> None:
    console.print(f"\n  [bold]Prefect UI[/]    {escape(site.ui)}", soft_wrap=True)
    console.print(f"  [bold]Report pages[/]  {escape(site.door)}", soft_wrap=True)
    console.print(f"  [bold]Home[/]          {escape(str(site.home.path))}", soft_wrap=True)
    if site.home.auth:
        where = escape(str(site.home.auth_file))
        console.print(f"  [bold]Password[/]      the UI asks for the line in {where}", soft_wrap=True)
    console.print("\n  Start a pipeline under Deployments in the UI. Ctrl-C stops everything.\n")


def _show(console: Console, message: dict[str, Any]) -> None:
    """Print a notification; its text came with data in it, so nothing of it is markup."""
    at = str(message.get("at", ""))[11:19]
    console.print(f"[dim]{at}[/] [bold]{_plain(message['subject'])}[/]", soft_wrap=True)
    for line in str(message["body"]).splitlines():
        if line.strip():
            console.print(f"         {_plain(line)}", soft_wrap=True)


def _plain(text: str) -> str:
    """A text made safe for a terminal."""
    return escape(printable(text))
