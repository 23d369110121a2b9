"""An SFTP server of its own, from the system's OpenSSH.

It lets in the user who runs it, by a key that is made for it, and, where that is root, any other by the same key;
`known_hosts` names the server's key.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.services.process import folder, free_port, listens, program, running

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {path}/host
PidFile {path}/pid
AuthorizedKeysFile {path}/client.pub
PasswordAuthentication no
UsePAM no
StrictModes no
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Sftp:
    """A server that serves this machine's files to whoever has the key."""

    address: str
    known_hosts: Path
    key: Path


@contextlib.contextmanager
def sftp() -> Iterator[Sftp]:
    """Yields the server's address without a path, e.g. `sftp://root@127.0.0.1:2222`."""
    server, keygen, port = program("sshd", "/usr/sbin"), program("ssh-keygen"), free_port()
    with folder("gonogo-sftp-") as path:
        path.chmod(0o755)
        for name in ("host", "client"):
            subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(path / name)], check=True)
        (path / "config").write_text(_CONFIG.format(port=port, path=path))
        kind, key, *_ = (path / "host.pub").read_text().split()
        (path / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where sshd as root separates privileges
        with running([server, "-D", "-e", "-f", str(path / "config")], path / "log", lambda: listens(port)):
            yield Sftp(f"sftp://{getpass.getuser()}@127.0.0.1:{port}", path / "known_hosts", path / "client")
