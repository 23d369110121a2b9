"""A MariaDB server of its own, from the system's packages: `python -m tests.services.mariadb`."""

from __future__ import annotations

import contextlib
import getpass
import subprocess
from collections.abc import Iterator

from tests.services.process import folder, free_port, program, running, serve

_PASSWORD = "s3cret-Passw0rd"


@contextlib.contextmanager
def mariadb(megabytes: int | None = None) -> Iterator[str]:
    """Yields the URL of an empty database; a password that must never be shown is in it.

    Args:
        megabytes: how much its tables may hold together, from 24; by default as much as the disk does.
    """
    server, install = program("mariadbd", "/usr/sbin"), program("mariadb-install-db")
    user, port = getpass.getuser(), free_port()
    with folder("gonogo-mariadb-") as path:
        data, socket = path / "data", path / "socket"
        (path / "tmp").mkdir()  # a server that starts removes other servers' temporary tables from where its own are
        own = ["--no-defaults", f"--datadir={data}", f"--tmpdir={path / 'tmp'}", f"--user={user}"]
        if megabytes:
            own += ["--skip-innodb-file-per-table", f"--innodb-data-file-path=all:12M:autoextend:max:{megabytes}M"]
        subprocess.run([install, *own, "--skip-test-db"], check=True, capture_output=True)
        (path / "init.sql").write_text(
            f"CREATE DATABASE shop CHARACTER SET utf8mb4;\n"
            f"CREATE USER gonogo@'127.0.0.1' IDENTIFIED BY '{_PASSWORD}';\n"
            f"GRANT ALL ON *.* TO gonogo@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        command = [
            server,
            *own,
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            f"--port={port}",
            f"--socket={socket}",
            f"--init-file={path / 'init.sql'}",
            "--innodb-buffer-pool-size=64M",
            "--innodb-flush-log-at-trx-commit=0",
            "--skip-innodb-doublewrite",
        ]
        with running(command, path / "log", lambda: _answers(port)):
            yield f"mysql+pymysql://gonogo:{_PASSWORD}@127.0.0.1:{port}/shop"


def _answers(port: int) -> bool:
    import pymysql

    try:
        pymysql.connect(host="127.0.0.1", port=port, user="gonogo", password=_PASSWORD, database="shop").close()
    except pymysql.err.OperationalError:
        return False
    return True


if __name__ == "__main__":
    serve(mariadb)
