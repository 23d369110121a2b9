"""The embedded Prefect server: one per home, started by whichever command comes first, alive while any command uses it.

Every command that uses the server holds a shared lock, which the system frees however the command ends. The server
watches that lock and ends when nobody holds it, so nothing is left behind a killed command, and a command that starts
the server can end before one that joined it.
"""

from __future__ import annotations

import base64
import fcntl
import gc
import itertools
import json
import os
import runpy
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from flows.home import Home
from tasks.quality.errors import TryAgain
from tasks.quality.secrets import mask

START_SECONDS = 180.0
"""A first start makes the database: about 8 s on two quiet cores, 3 s from then on, and over a minute on busy ones."""

STOP_SECONDS = 5.0
LOG_BYTES = 10_000_000
"""A log that has grown longer is kept as the one before, and begins anew."""

_TOLD_EVERY_SECONDS = 5.0
_WATCH_SECONDS = 0.25
_COLLECT_SECONDS = 1
_COLLECT_ALL_SECONDS = 60
_LOG_TAIL_LINES = 20

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Addresses:
    """What `server.json` says: where the server that runs now is reached, and who owns it.

    Attributes:
        api: the Prefect API, which is what PREFECT_API_URL means.
        ui: the Prefect UI.
        pid: the server's process.
        prefect_home: the folder of the server's data, by which a stranger on the same port is told apart.
        pages: the report pages, while `gonogo up` runs.
        up: the process of `gonogo up`, while it runs.
    """

    api: str
    ui: str
    pid: int
    prefect_home: str
    pages: str = ""
    up: int = 0

    def write(self, home: Home) -> None:
        """Publish these addresses; readers see the old ones or the new ones."""
        temporary = home.server_file.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        temporary.replace(home.server_file)

    @classmethod
    def read(cls, home: Home) -> Addresses | None:
        """The published addresses; None when there are none that can be read."""
        try:
            return cls(**json.loads(home.server_file.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None


def running(home: Home) -> Addresses | None:
    """The server that answers for this home now."""
    addresses = Addresses.read(home)
    return addresses if addresses and answers(addresses, auth=home.auth) else None


def answers(addresses: Addresses, *, auth: str = "", timeout_seconds: float = 5.0) -> bool:
    """Whether the server at these addresses is up and keeps its data in the home that published them.

    Args:
        addresses: where.
        auth: what it asks for, if it asks.
        timeout_seconds: how long it may take.
    """
    import httpx

    try:
        verified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # by nobody: the default reads every certificate there is
        with httpx.Client(timeout=timeout_seconds, trust_env=False, verify=verified) as client:
            if client.get(f"{addresses.api}/health").status_code != httpx.codes.OK:
                return False
            known = client.get(f"{addresses.api}/admin/settings", headers=authorization(auth)).json()
            return str(known["home"]) == addresses.prefect_home
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False


def authorization(auth: str) -> dict[str, str]:
    """The header by which a client brings what a server asks for."""
    return {"authorization": f"Basic {base64.b64encode(auth.encode()).decode()}"} if auth else {}


@contextmanager
def server(
    home: Home, *, port: int | None = None, tell: Tell = lambda _: None, meanwhile: Callable[[], None] | None = None
) -> Iterator[str]:
    """Have a Prefect server for a while: the user's own, the one that runs for this home, or a new one.

    Args:
        home: whose server; its folder is made when it is not there.
        port: of a new server; a free one when None.
        tell: hears what is happening, a line at a time.
        meanwhile: what this process has to load anyway; done while a new server starts.

    Yields:
        The API's URL; PREFECT_API_URL says the same inside, in the environment and in Prefect's settings.

    Raises:
        TryAgain: the server does not answer; what it printed last is in the message.
    """
    if given := os.environ.get("PREFECT_API_URL"):
        _expect_answer(given)
        yield given
        return
    for folder in (home.path, home.prefect, home.locks, home.logs):
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        users = stack.enter_context(sharing(home.locks / "server.users"))
        addresses, process = _join_or_start(home, port, tell, meanwhile)
        if process:
            stack.callback(_leave, home, process, users)
        stack.enter_context(_settings(addresses.api, home))
        if addresses.pages and not os.environ.get("GONOGO_REPORTS_URL"):
            stack.enter_context(variable("GONOGO_REPORTS_URL", addresses.pages))
        yield addresses.api


def spawn(
    module: str, *args: str, log: Path, wanted: Path, env: Mapping[str, str], descriptors: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start `python -m module args…` in a session of its own; it ends soon after nobody shares the lock `wanted`.

    Args:
        module: what runs.
        args: its arguments.
        log: takes what it prints.
        wanted: the lock.
        env: its environment.
        descriptors: open files of this process that it gets, under the same numbers.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    rotate(log)
    command = [sys.executable, "-P", "-m", "flows.local", str(wanted), module, *args]
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 (our own interpreter and modules)
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            start_new_session=True,
            pass_fds=descriptors,
        )


def end(process: subprocess.Popen[bytes], *, patience_seconds: float = STOP_SECONDS) -> None:
    """Ask a spawned process to stop, wait, then kill what is left of it and of its children."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(patience_seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def sharing(path: Path) -> Iterator[IO[str]]:
    """Want what the spawned processes of this lock do, together with others; they end when nobody does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)  # waits while a process that nobody wanted is ending
        yield lock


def rotate(log: Path) -> None:
    """Keep a log that has grown too long as `NAME.log.1`, in place of an older one, and begin it anew.

    Processes that append to it go on doing so; a line that is written meanwhile may be lost.
    """
    if log.exists() and log.stat().st_size > LOG_BYTES:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)


def tail(log: Path, lines: int = _LOG_TAIL_LINES) -> str:
    """The last lines of a log, without secrets."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return mask("\n".join(text.splitlines()[-lines:]))


def listening(preferred: int | None = None) -> socket.socket:
    """A socket that listens on loopback: on the preferred port, or on one that the system names."""
    for port in [preferred, 0] if preferred else [0]:
        with suppress(OSError):
            return socket.create_server(("127.0.0.1", port))
    raise TryAgain("no free port on 127.0.0.1")


def free_port(preferred: int | None = None) -> int:
    """A loopback port nobody listens on: the preferred one, or one that the system names."""
    with listening(preferred) as probe:
        return int(probe.getsockname()[1])


def environment(home: Home) -> dict[str, str]:
    """The environment of a Prefect process of this home; what the user set goes before what the home sets."""
    given = {name: value for name, value in os.environ.items() if name != "GONOGO_HOME"}
    return {**home.environment(), **given}


def _expect_answer(api: str) -> None:
    import httpx

    try:
        httpx.get(f"{api.rstrip('/')}/health", timeout=10)  # any answer will do; what it means is Prefect's business
    except httpx.HTTPError as error:
        raise TryAgain(
            f"the Prefect server at {mask(api)} does not answer: {type(error).__name__}",
            where="PREFECT_API_URL",
            todo="start it, or unset PREFECT_API_URL to use the embedded server",
        ) from error


def _join_or_start(
    home: Home, port: int | None, tell: Tell, meanwhile: Callable[[], None] | None = None
) -> tuple[Addresses, subprocess.Popen[bytes] | None]:
    with (home.locks / "server.start").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        there = running(home) or _busy(home, tell)
        return (there, None) if there else _start(home, port or free_port(), tell, meanwhile)


def _busy(home: Home, tell: Tell) -> Addresses | None:
    """The server of this home that answers late: a second one on the same data would lock the first one out.

    Raises:
        TryAgain: it does not answer at all, although its process is there.
    """
    addresses, begun = Addresses.read(home), time.monotonic()
    while addresses and _serves(addresses.pid):
        tell("waiting for the Prefect server, which is busy …")
        if answers(addresses, auth=home.auth):
            return addresses
        if time.monotonic() - begun > START_SECONDS:
            what = f"the Prefect server of {home.path} does not answer"
            raise TryAgain(
                what, where=addresses.api, todo=f"wait until it is less busy, or end process {addresses.pid}"
            )
    return None


def _serves(pid: int) -> bool:
    """Whether a process is a server that we started; where that cannot be told, it is not."""
    try:
        return b"flows.local" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _start(
    home: Home, port: int, tell: Tell, meanwhile: Callable[[], None] | None
) -> tuple[Addresses, subprocess.Popen[bytes]]:
    env = _server_environment(home, port)
    addresses = Addresses(env["PREFECT_API_URL"], env["PREFECT_UI_URL"], 0, env["PREFECT_HOME"])
    log = home.logs / "server.log"
    first = "" if (home.prefect / "prefect.db").exists() else " for the first time, which takes a little longer"
    tell(f"starting the Prefect server{first} …")
    begun = time.monotonic()
    start = ("server", "start", "--host", "127.0.0.1", "--port", str(port))
    process = spawn("prefect", *start, log=log, wanted=home.locks / "server.users", env=env)
    try:
        with _settings(addresses.api, home):
            import prefect.client.orchestration  # noqa: F401 (two seconds that pass while the server starts)

            if meanwhile:
                meanwhile()
        _await_health(home, addresses, process, tell)
    except BaseException:
        end(process)
        raise
    tell(f"Prefect server ready after {time.monotonic() - begun:.1f} s: {addresses.ui}")
    addresses = Addresses(addresses.api, addresses.ui, process.pid, addresses.prefect_home)
    addresses.write(home)
    return addresses, process


def _server_environment(home: Home, port: int) -> dict[str, str]:
    root = f"http://127.0.0.1:{port}"
    env = environment(home)
    if not any("DATABASE_CONNECTION_URL" in name for name in env):
        env["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = f"sqlite+aiosqlite:///{home.prefect / 'prefect.db'}"
    return env | {"PREFECT_API_URL": f"{root}/api", "PREFECT_UI_URL": root, "PREFECT_SERVER_UI_API_URL": f"{root}/api"}


def _await_health(home: Home, addresses: Addresses, process: subprocess.Popen[bytes], tell: Tell) -> None:
    log = home.logs / "server.log"
    begun = told = time.monotonic()
    while not answers(addresses, auth=home.auth):
        now = time.monotonic()
        if (status := process.poll()) is not None:
            raise TryAgain(f"the Prefect server ended with status {status}", todo=f"{log} ends with:\n{tail(log)}")
        if now - begun > START_SECONDS:
            raise TryAgain(
                f"the Prefect server did not answer within {START_SECONDS:.0f} s", todo=f"{log} ends with:\n{tail(log)}"
            )
        if now - told > _TOLD_EVERY_SECONDS:
            told = now
            tell(f"still starting the Prefect server ({now - begun:.0f} s) …")
        time.sleep(0.05)


def _leave(home: Home, process: subprocess.Popen[bytes], users: IO[str]) -> None:
    """Stop the server unless others use it; then it ends by itself when they are done."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        process.returncode = 0  # not ours to wait for any more
        return
    home.server_file.unlink(missing_ok=True)
    end(process)


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def _settings(api: str, home: Home) -> Iterator[None]:
    """Point this process at an API: its environment, for Prefect not yet imported, and Prefect's settings if it is."""
    auth, certificates = home.auth, str(one_certificate(home.prefect))
    with ExitStack() as stack:
        stack.enter_context(variable("PREFECT_API_URL", api))
        stack.enter_context(variable("PREFECT_API_SSL_CERT_FILE", certificates))
        if auth:
            stack.enter_context(variable("PREFECT_API_AUTH_STRING", auth))
        if "prefect" in sys.modules:
            from prefect.settings import (
                PREFECT_API_AUTH_STRING,
                PREFECT_API_SSL_CERT_FILE,
                PREFECT_API_URL,
                temporary_settings,
            )

            named = {PREFECT_API_URL: api, PREFECT_API_SSL_CERT_FILE: certificates}
            stack.enter_context(temporary_settings({**named, PREFECT_API_AUTH_STRING: auth or None}))
        yield


def one_certificate(folder: Path) -> Path:
    """A file of certificates with one in it, for clients of a server that speaks no TLS.

    Prefect makes some thirty clients a run. Each reads the file of certificates, whatever its server speaks: with all
    there are that takes 50 ms each.
    """
    import certifi

    path = folder / "certificate.pem"
    if not path.exists():
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        first = Path(certifi.where()).read_text("utf-8").partition(begin)[2].partition(end)[0]
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(f"{begin}{first}{end}\n", "utf-8")
        temporary.replace(path)
    return path


def _end_when_unwanted(lock: Path) -> None:
    """End this process and its children when nobody shares the lock.

    The lock is kept until the end, so that whoever shares it next waits until this process is gone.
    """
    with lock.open("a") as wanted:
        while True:
            time.sleep(_WATCH_SECONDS)
            with suppress(BlockingIOError):
                fcntl.flock(wanted, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_SECONDS)
        os.killpg(os.getpid(), signal.SIGKILL)


def _collect_apart() -> None:
    """Collect garbage in a thread of its own instead of in the one that happens to allocate.

    What SQLite is asked to forget waits for its connection, which may itself wait for another one's write lock. A
    collection in the thread of Prefect's event loop, which has to end that write, held the server up for the minute
    after which SQLite gives up.
    """
    for seconds in itertools.count(1):
        time.sleep(_COLLECT_SECONDS)
        gc.collect(1 if seconds % _COLLECT_ALL_SECONDS else 2)


def _spare_the_server() -> None:
    """Let Prefect's server make once what it would make for each notification, and answer nobody meanwhile.

    It asks for the application that it serves, and is given the one there is: but to learn whether the settings are
    those it was made with, and to set up logging again, takes 0.4 s. And it reads all certificates there are.
    """
    from httpx._transports import default
    from prefect.server.api import server

    default.create_ssl_context = lru_cache(default.create_ssl_context)  # type: ignore[attr-defined]
    make, made = server.create_app, list[Any]()

    def create_app(*args: Any, **kwargs: Any) -> Any:
        if args or kwargs or not made:
            made[:] = [make(*args, **kwargs)]
        return made[0]

    server.create_app = create_app


def _main(wanted: str, module: str, *args: str) -> None:
    """What `spawn` starts: a module that ends when it is not wanted any more."""
    threading.Thread(target=_end_when_unwanted, args=(Path(wanted),), daemon=True).start()
    gc.disable()
    threading.Thread(target=_collect_apart, daemon=True).start()
    if (module, *args[:2]) == ("prefect", "server", "start"):
        _spare_the_server()
    sys.argv = [module, *args]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
