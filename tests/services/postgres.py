"""A PostgreSQL server of its own, from the system's packages: `python -m tests.services.postgres`."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
from collections.abc import Iterator

from tests.services.process import folder, free_port, listens, program, running, serve

_BINARIES = "/usr/lib/postgresql/*/bin"
FAST = signal.SIGINT  # to PostgreSQL: end open connections, and stop


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Yields the URL of an empty database; a password that must never be shown is in it."""
    initdb, server = program("initdb", _BINARIES), program("postgres", _BINARIES)
    owner = pwd.getpwnam("postgres").pw_uid if os.geteuid() == 0 else None  # it refuses to run as root
    port = free_port()
    with folder("gonogo-postgres-", owner) as path:
        data, secret = path / "data", path / "password"
        secret.write_text("s3cret-Passw0rd")
        secret.chmod(0o644)
        init = [
            initdb,
            "-D",
            str(data),
            "-U",
            "gonogo",
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        as_owner = {} if owner is None else {"user": owner, "group": owner, "extra_groups": []}
        subprocess.run(init, check=True, capture_output=True, **as_owner)
        command = [server, "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", str(path), "-F"]
        with running(command, path / "log", lambda: listens(port), stop=FAST, **as_owner):
            _wait(port)
            yield f"postgresql+psycopg://gonogo:s3cret-Passw0rd@127.0.0.1:{port}/postgres"


def _wait(port: int) -> None:
    import time

    import psycopg

    for _ in range(200):
        try:
            psycopg.connect(
                host="127.0.0.1", port=port, user="gonogo", password="s3cret-Passw0rd", dbname="postgres"
            ).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("PostgreSQL does not answer")


if __name__ == "__main__":
    serve(postgres)
