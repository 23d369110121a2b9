"""Starting a real server for tests: on a free loopback port, in a folder of its own, stopped by its own process id."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path


class NotInstalledError(RuntimeError):
    """The server's program is not on this machine."""


def program(name: str, *folders: str) -> str:
    """Where a program is; folders may hold patterns, the newest version wins."""
    found = [str(path) for folder in folders for path in sorted(Path("/").glob(f"{folder.lstrip('/')}/{name}"))]
    where = shutil.which(name) or (found[-1] if found else None)
    if where is None:
        raise NotInstalledError(f"{name} is not installed")
    return where


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def folder(prefix: str, owner: int | None = None) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix=prefix))
    if owner is not None:
        os.chown(path, owner, owner)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running(
    command: list[str], log: Path, ready: Callable[[], bool], seconds: float = 60, stop=signal.SIGTERM, **options
) -> Iterator[int]:
    """Run a command until the block ends, when it gets the signal `stop`; wait until `ready`; gives its process id."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **options)
    try:
        deadline = time.monotonic() + seconds
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield process.pid
    finally:
        crashed = process.poll() in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS)
        process.send_signal(stop)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if crashed:
            raise RuntimeError(f"{command[0]} crashed:\n{log.read_text(errors='replace')[-9000:]}")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def frozen(port: int) -> Iterator[None]:
    """Stop the processes of the server on a port where they are, without ending them; they go on after the block."""
    import psutil

    servers = {
        each.pid
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.pid
    }
    assert servers, f"nobody listens on {port}"
    family = [each for pid in servers for each in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))]
    for each in family:
        each.suspend()
    try:
        yield
    finally:
        for each in family:
            each.resume()


def serve(service: Callable[[], contextlib.AbstractContextManager[str]]) -> None:
    """Run a service until Ctrl-C or SIGTERM, as `python -m tests.services.NAME` does."""
    for each in (signal.SIGINT, signal.SIGTERM):  # the first is ignored by what a shell started in the background
        signal.signal(each, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt), service() as address:
            print(address, flush=True)
            signal.pause()
    except NotInstalledError as error:
        sys.exit(str(error))
