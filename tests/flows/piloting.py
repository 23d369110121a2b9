"""A pilot for tests: starts a run, executes it in this process until it holds, and answers as the form would."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from uuid import UUID

import yaml

REPOSITORY = Path(__file__).parents[2]


def elsewhere(prefect_server: str) -> dict[str, str]:
    """The environment of another process that works with the tests' server."""
    return {**os.environ, "PREFECT_API_URL": prefect_server, "PREFECT_LOGGING_TO_API_ENABLED": "false"}


class Pilot:
    def __init__(self, folder: Path, home: Path) -> None:
        from flows.home import Home

        self.folder, self.home = folder, Home(home)
        self.id: UUID | None = None

    def pipeline(self, data: Path, **sections) -> Path:
        from blocks.spec import slug

        spec = {
            "name": slug(data.stem),
            "source": {"kind": "file", "path": str(data)},
            "destination": {"kind": "database", "url": f"sqlite:///{self.folder / 'out.db'}", "table": "orders"},
            **sections,
        }
        path = self.folder / f"{data.stem}.yaml"
        path.write_text(yaml.safe_dump(spec))
        return path

    def start(self, pipeline: Path, name: str | None = None) -> Pilot:
        from flows.drive import start

        with self._client() as client:
            self.id = start(client, pipeline, name)
        return self

    @property
    def run(self):
        with self._client() as client:
            return client.read_flow_run(self.id)

    @property
    def gate(self) -> str:
        from flows.drive import gate_of

        return gate_of(self.run)[0]

    def go(self):
        """Execute until the run holds or ends; its state's name."""
        from flows.drive import execute

        with self._client() as client:
            return execute(client, self.id).state_name

    def submit(self, **form):
        """Send a form as the Prefect UI does; the server's response."""
        with self._client() as client:
            return client.resume_flow_run(self.id, run_input=form)

    def answer(self, method: str = "test", **said) -> str:
        """Answer the held gate and execute on; the state's name."""
        from flows.drive import hand_in, question_of
        from tasks.quality.question import answer_of

        said = {"verdict": "go", "answered_by": "ann", "comment": "as tested", **said}
        with self._client() as client:
            run = client.read_flow_run(self.id)
            hand_in(client, self.home, run, answer_of(question_of(self.home, run), said, method=method))
        return self.go()

    def retry(self) -> str:
        from flows.drive import revive

        with self._client() as client:
            revive(client, self.home, client.read_flow_run(self.id))
        return self.go()

    def to_the_end(self) -> str:
        state = self.run.state_name if self.run.state_name == "Suspended" else self.go()
        while state == "Suspended":
            state = self.answer()
        return state

    def entries(self, kind: str = ""):
        from blocks.ledger import Ledger

        with Ledger(self.home.ledger_url) as ledger:
            return [entry for entry in ledger.entries(str(self.id)) if not kind or entry.kind == kind]

    def record(self):
        from tasks.run import recall_run

        return recall_run(str(self.home.staging), str(self.id))

    def loaded(self, table: str = "orders"):
        with sqlite3.connect(self.folder / "out.db") as connection:
            return connection.execute(f'SELECT * FROM "{table}"').fetchall()

    @staticmethod
    def _client():
        from prefect.client.orchestration import get_client

        return get_client(sync_client=True)
