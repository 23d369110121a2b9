"""A Slack app at work for tests: tells and listens in the test's own process, against the tests' own Slack."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pyotp import parse_uri

from blocks.approvers import KEY_FILE, Approver, Approvers
from tests.services.slack import APP, BOT, CHANNEL, Slack, words

ANN, BOB, EVE, ZOE = "U0ANN", "U0BOB", "U0EVE", "U0ZOE"


class Desk:
    """Threads and reception of one app; `tell` brings every thread up to date."""

    def __init__(self, pilot, slack: Slack, name: str = "gonogo-notify", *, buttons: bool = True) -> None:
        from prefect.client.orchestration import get_client

        from blocks.slack import SlackApp
        from flows.reception import Reception
        from flows.slack import Connection
        from flows.threads import Threads

        app_token = APP if buttons else None
        app = SlackApp(bot_token=BOT, app_token=app_token, channel=CHANNEL, base_url=slack.url)
        self.pilot, self.slack, self.said = pilot, slack, []
        self.threads = Threads(pilot.home, name, app, "http://ui.example", self.said.append)
        self.reception = Reception(self.threads, lambda: get_client(sync_client=True))
        self.connection = Connection(self.threads.slack, self.reception, self.said.append) if buttons else None
        if self.connection:
            self.connection.tend()
        self.tell()

    def tell(self) -> None:
        with self.pilot._client() as client:
            self.threads._looked = 0.0
            self.threads.tend(client)

    def close(self) -> None:
        if self.connection and self.connection._socket:
            self.connection._socket.close()

    def gate(self, name: str):
        """A gate's message as it is now."""
        self.tell()
        return self.message(f"gate-{name}")

    def message(self, key: str):
        """The one message that carries a key, as it is now."""
        (found,) = [m for m in self.slack.all() if _key(m).endswith(f"/{key}")]
        return dict(found)

    def until(self, what: Callable[[], object], within_seconds: float = 20) -> None:
        until = time.monotonic() + within_seconds
        while not what():
            assert time.monotonic() < until, f"whispers: {self.slack.whispers}; said: {self.said}"
            time.sleep(0.05)

    def answered(self) -> None:
        """Wait until the run was given an answer."""
        self.until(lambda: self.pilot.run.state_name != "Suspended")

    def whispered(self, person: str) -> str:
        """What was last told to one person, waited for."""
        self.until(lambda: any(w["user"] == person for w in self.slack.whispers))
        return [w["text"] for w in self.slack.whispers if w["user"] == person][-1].replace("\u2060", "")


class People:
    """Approvers with their Slack ids and authenticators."""

    def __init__(self, home) -> None:
        self.store = Approvers(home.ledger_url, home.path / KEY_FILE)
        who = (("ann", "finance", ANN), ("bob", "finance", BOB), ("eve", "it", EVE))
        self.addresses = {
            name: self.store.enrol(Approver(name, name.title(), (role,), "", id)) for name, role, id in who
        }

    def code(self, name: str, steps: int = 0) -> str:
        return parse_uri(self.addresses[name]).at(datetime.now(UTC) + timedelta(seconds=30 * steps))


def _key(message) -> str:
    return str(message.get("metadata", {}).get("event_payload", {}).get("key", ""))


def said(message) -> str:
    """What a message says, without the invisible joiners."""
    return words(message).replace("\u2060", "")
