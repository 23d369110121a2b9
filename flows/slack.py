"""A Slack app at work: tells runs, and takes what people answer there: `python -m flows.slack NAME`."""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from blocks.slack import Slack, app_named
from flows.home import Home
from flows.reception import Reception
from flows.threads import REST_SECONDS, SWEEP_SECONDS, Threads
from tasks.quality.errors import GonogoError, SpecError, TryAgain
from tasks.quality.secrets import mask

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

TICK_SECONDS = 0.5


@contextmanager
def _alone(home: Home, name: str) -> Iterator[None]:
    """Be the one listener of this app in this home; waits until another one is gone."""
    home.locks.mkdir(parents=True, exist_ok=True)
    with (home.locks / f"slack.{name}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def listen(home: Home, name: str, ui: str, *, say: Callable[[str], None] = print) -> None:
    """Tell threads and take answers, until the app's settings change."""
    from prefect.client.orchestration import get_client

    app = app_named(name)
    threads = Threads(home, name, app, ui, say)
    reception = Reception(threads, lambda: get_client(sync_client=True))
    connection = Connection(threads.slack, reception, say) if app.app_token else None
    with _alone(home, name):
        while True:
            try:
                with reception.client() as client:
                    _attend(client, threads, reception, connection)
            except (TryAgain, SpecError) as error:
                say(mask(error.message))
                time.sleep(REST_SECONDS)
            else:
                say("the app's settings have changed")
                return


def _attend(client: SyncPrefectClient, threads: Threads, reception: Reception, connection: Connection | None) -> None:
    """Tell and take until the app is saved with other settings."""
    checked = time.monotonic()
    while True:
        if connection:
            connection.tend()
        reception.finish()
        threads.tend(client)
        if time.monotonic() - checked > SWEEP_SECONDS:
            checked = time.monotonic()
            if app_named(threads.name) != threads.app:
                return
        time.sleep(TICK_SECONDS)


class Connection:
    """The connection by which clicks come; the library keeps it, once it was made."""

    def __init__(self, slack: Slack, reception: Reception, say: Callable[[str], None]) -> None:
        self._slack, self._reception, self._say = slack, reception, say
        self._socket: Any = None
        self._next = 0.0
        self._told = ""

    def tend(self) -> None:
        """Connect, if it is not done; when Slack is away, later."""
        from slack_sdk.errors import SlackClientError

        if self._socket is not None or time.monotonic() < self._next:
            return
        socket = self._slack.socket()
        socket.socket_mode_request_listeners.append(self._reception.heard)
        try:
            self._slack.try_socket()
            socket.connect()
        except (GonogoError, SlackClientError, OSError) as error:
            self._next = time.monotonic() + REST_SECONDS
            if self._told != str(error):
                self._told = str(error)
                self._say(f"no clicks come: {mask(str(error))}")
            socket.close()
            return
        self._socket = socket
        self._say("connected to Slack: clicks come")


def main() -> None:
    """What `gonogo up` starts for each app."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    name = parser.parse_args().name
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(asctime)s %(name)s: %(message)s")
    home = Home.here()
    home.activate()
    listen(home, name, os.environ.get("PREFECT_UI_URL", ""), say=lambda text: print(text, flush=True))  # noqa: T201


if __name__ == "__main__":
    main()
