"""A Redis server of its own, from the system's packages: `python -m tests.services.redis`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.services.process import folder, free_port, listens, program, running, serve


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """Yields the URL of an empty server."""
    server, port = program("redis-server"), free_port()
    with folder("gonogo-redis-") as path:
        command = [
            server,
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(path),
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        with running(command, path / "log", lambda: listens(port)):
            yield f"redis://127.0.0.1:{port}/0"


if __name__ == "__main__":
    serve(redis)
