"""Where gonogo keeps what it remembers on this machine, and the environment that its Prefect processes share."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.quality.errors import TryAgain

if TYPE_CHECKING:
    from blocks.approvers import Approvers

_RECORDER = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "2",
}
"""The server writes down every two seconds what happened to tasks.

By default it does so event by event, just while the run asks for its resolver's subflow: SQLite refused that each time,
and Prefect's client asked again two seconds later.
"""

PRIVATE = 0o700
"""What a new home lets others do: nothing, for it holds copies of data and reports of them."""


@dataclass(frozen=True)
class Home:
    """One folder: staging, reports, the ledger, and the embedded Prefect server's own data."""

    path: Path

    @classmethod
    def here(cls) -> Home:
        """The folder that GONOGO_HOME names, by default `~/.gonogo`."""
        return cls(Path(os.environ.get("GONOGO_HOME") or "~/.gonogo").expanduser().absolute())

    @property
    def staging(self) -> Path:
        """Snapshots, change sets and assessments, a folder per run."""
        return self.path / "staging"

    @property
    def reports(self) -> Path:
        """Report pages, a folder per run."""
        return self.path / "reports"

    @property
    def ledger_url(self) -> str:
        """The ledger's database; GONOGO_LEDGER names another one."""
        return os.environ.get("GONOGO_LEDGER") or f"sqlite:///{self.path / 'ledger.db'}"

    def approvers(self) -> Approvers:
        """The people who may answer; use as a context manager."""
        from blocks.approvers import KEY_FILE, Approvers

        return Approvers(self.ledger_url, self.path / KEY_FILE)

    @property
    def locks(self) -> Path:
        """Which process carries which run."""
        return self.path / "locks"

    @property
    def logs(self) -> Path:
        """What the servers print."""
        return self.path / "logs"

    @property
    def outbox(self) -> Path:
        """Notifications, a JSON object per line, when no other notifier is configured."""
        return self.path / "outbox.jsonl"

    @property
    def server_file(self) -> Path:
        """Addresses of the server that runs now."""
        return self.path / "server.json"

    @property
    def auth_file(self) -> Path:
        """What the embedded Prefect server asks for, `name:password`; there only when it is to ask."""
        return self.path / "server.auth"

    @property
    def auth(self) -> str:
        """What the embedded Prefect server asks for; empty when it asks for nothing."""
        return self.auth_file.read_text("utf-8").strip() if self.auth_file.exists() else ""

    def secure(self, *, on: bool) -> None:
        """Let the embedded Prefect server ask who comes, from its next start on, or let it ask nobody."""
        if not on:
            self.auth_file.unlink(missing_ok=True)
        elif not self.auth:
            self.path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            self.auth_file.touch(mode=0o600)
            self.auth_file.write_text(f"gonogo:{secrets.token_urlsafe(24)}\n", "utf-8")

    @property
    def prefect(self) -> Path:
        """The embedded Prefect server's data and the results of tasks."""
        return self.path / "prefect"

    @property
    def reports_url(self) -> str:
        """Where report pages are reached: on the page server, or as files."""
        return os.environ.get("GONOGO_REPORTS_URL") or self.reports.as_uri()

    def environment(self) -> dict[str, str]:
        """Settings of every process of the embedded Prefect: its folder, no telemetry, quiet consoles."""
        return {
            "GONOGO_HOME": str(self.path),
            "PREFECT_HOME": str(self.prefect),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
            "PREFECT_CLI_PROMPT": "false",
            **_RECORDER,
            **self._authentication(),
        }

    def _authentication(self) -> dict[str, str]:
        """What its server asks for and its clients bring; a server of the user's own is never told."""
        if not self.auth or "PREFECT_API_URL" in os.environ:
            return {}
        return {"PREFECT_SERVER_API_AUTH_STRING": self.auth, "PREFECT_API_AUTH_STRING": self.auth}

    def activate(self) -> None:
        """Make the folder and this process's environment; call before Prefect is imported.

        Raises:
            TryAgain: the folder cannot be made.
        """
        try:
            self.path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        except OSError as error:
            raise TryAgain(
                f"cannot make {self.path}: {error.strerror}", todo="set GONOGO_HOME to another folder"
            ) from error
        given = {name for name in os.environ if name.startswith("PREFECT_")}
        os.environ.update({name: value for name, value in self.environment().items() if name not in given})
