"""Telling runs in Slack, a thread for each: what was announced and what the ledger says, each message once.

Nothing is missed while this or Slack is away: what is told comes from what is kept, and a message is told again only
where it says something else by now.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from blocks.notify import BLOCK
from blocks.pages import append
from blocks.slack import SLUG, Slack, SlackApp, SlackRefusal
from blocks.slack_memory import SlackMemory
from blocks.spec import REMIND_AFTER
from blocks.told import Told
from flows.home import Home
from tasks.quality.errors import GonogoError, TryAgain, Unavailable
from tasks.quality.ledger import digest
from tasks.quality.secrets import mask
from tasks.reports.slack import Message, Picture
from tasks.run import Run, recall_run

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

    from tasks.thread import Desk

STATES_SECONDS = 2.0
"""How often Prefect is asked for the states of runs."""

SWEEP_SECONDS = 60.0
"""How often every thread is looked at anew: for reminders."""

REST_SECONDS = 10.0
"""How long Slack is left alone after it was away."""

_GONE = ("message_not_found", "cant_update_message", "edit_window_closed")
"""Why a message can't be changed that need not be."""


class Threads:
    """Tells runs in one app, a thread for each.

    Args:
        home: whose runs.
        name: that the app was saved under.
        app: its settings.
        ui: address of the Prefect UI.
        say: where it is said what goes wrong.
    """

    def __init__(self, home: Home, name: str, app: SlackApp, ui: str, say: Callable[[str], None] = print) -> None:
        self.home, self.name, self.app, self.ui, self.say = home, name, app, ui, say
        self.slack = Slack(app)
        self.due: set[str] = set()
        self._states: dict[str, str] = {}
        self._position: int | None = None
        self._looked = self._swept = self._rests_until = 0.0
        self._problem = ""

    def tend(self, client: SyncPrefectClient) -> None:
        """Tell what is new; what cannot be told now is told later."""
        self._look(client)
        if time.monotonic() < self._rests_until:
            return
        for run_id in sorted(self.due):
            self.due.discard(run_id)
            try:
                self._tell(client, run_id)
            except (TryAgain, SlackRefusal) as error:
                self.due.add(run_id)
                self._rest(error)
                return
        if self._problem:
            self._problem = ""
            self.say("Slack takes messages again")
        self._keep_position()

    def wants(self, run: Run) -> bool:
        """Whether a run's pipeline is told here: it names the app, or the app is everyone's."""
        return self.name == BLOCK or f"{SLUG}/{self.name}" in run.spec().notify.to

    def _look(self, client: SyncPrefectClient) -> None:
        """See what has happened since."""
        with self.memory() as memory, Told(self.home.ledger_url) as told:
            if self._position is None:
                self._position = memory.position()
                if self._position is None:  # new: what was before stays untold, but for what waits
                    from flows.drive import held_runs

                    self._position = told.last()
                    memory.note("", "position", str(self._position))
                    self.due |= {str(run.id) for run in held_runs(client)}
            for number, run_id in told.after(self._position):
                self._position = number
                self.due.add(run_id)
            if time.monotonic() - self._looked < STATES_SECONDS:
                return
            self._looked, followed = time.monotonic(), memory.followed()
        if time.monotonic() - self._swept > SWEEP_SECONDS:
            self._swept = time.monotonic()
            self.due |= set(followed)
        self.due |= self._changed(client, followed)

    def _changed(self, client: SyncPrefectClient, followed: tuple[str, ...]) -> set[str]:
        """Runs whose state in Prefect is another: held, failed, or going on."""
        from prefect.client.schemas.filters import FlowRunFilter
        from prefect.client.schemas.sorting import FlowRunSort

        if not followed:
            return set()
        wanted = FlowRunFilter.model_validate({"id": {"any_": list(followed)}})
        newest = FlowRunSort.EXPECTED_START_TIME_DESC
        runs = client.read_flow_runs(flow_run_filter=wanted, sort=newest, limit=200)
        found = {str(run.id): _state_of(run) for run in runs}
        changed = {run_id for run_id, state in found.items() if self._states.get(run_id) != state}
        self._states |= found
        return changed

    def _tell(self, client: SyncPrefectClient, run_id: str) -> None:
        """Bring a run's thread up to date."""
        from tasks.thread import thread

        run = recalled(self.home, run_id)
        if run is None or not self.wants(run):
            return
        root = ""
        with self.memory() as memory:
            desk = self._desk(client, run_id, memory)
            for message in thread(run, desk):
                ts = self._put(memory, run, message, root)
                root = root or ts
            if desk.state == "cancelled" or any(entry.kind == "outcome" for entry in run.entries()):
                memory.note(run_id, "over", "1")

    def _desk(self, client: SyncPrefectClient, run_id: str, memory: SlackMemory) -> Desk:
        from prefect.exceptions import ObjectNotFound

        from flows.drive import held
        from tasks.thread import Desk

        try:
            run = client.read_flow_run(UUID(run_id))
        except ObjectNotFound:
            state, attempt, waits = "", 0, False
        else:
            state, attempt, waits = str(run.state_name or "").lower(), run.run_count, held(run)
        sent = frozenset(memory.sent(run_id))
        remind_seconds = REMIND_AFTER.total_seconds()
        return Desk(self.ui, bool(self.app.app_token), state, attempt, waits, sent, datetime.now(UTC), remind_seconds)

    def _put(self, memory: SlackMemory, run: Run, message: Message | Picture, root: str) -> str:
        """Send a message unless it is there, or change it when it says something else now; its ts."""
        sent = memory.sent(run.id).get(message.key)
        key = f"{run.id}/{message.key}"
        printed = message.title if isinstance(message, Picture) else digest([message.text, message.blocks])
        if sent and sent.ts and sent.printed == printed:
            return sent.ts
        name = f"quality-{message.round}-{run.id}.png" if isinstance(message, Picture) else ""
        ts = sent.ts if sent else ""
        if sent and not ts:  # it was tried before, and nobody knows what became of it
            ts = self.slack.find(key, sent.since, thread=root, name=name)
        if not ts:
            memory.note(run.id, message.key)
            ts = self._send(run, message, key, root, name)
        elif isinstance(message, Message):
            self._change(ts, key, message)
        memory.note(run.id, message.key, ts, printed)
        return ts

    def _send(self, run: Run, message: Message | Picture, key: str, root: str, name: str) -> str:
        if isinstance(message, Message):
            return self.slack.post(key, message.text, message.blocks, thread=root, broadcast=message.broadcast)
        from tasks.reports.picture import score_png

        before = run.assessment(message.round - 1) if message.round > 1 else None
        picture = score_png(message.title, run.assessment(message.round), before)
        try:
            return self.slack.upload(name, message.title, picture, thread=root)
        except SlackRefusal as error:  # the rest is told without charts
            self.say(f"no chart was sent: {error.message}")
            return "refused"

    def _change(self, ts: str, key: str, message: Message) -> None:
        try:
            self.slack.update(ts, key, message.text, message.blocks)
        except SlackRefusal as error:
            if error.code not in _GONE:
                raise

    def _rest(self, error: GonogoError) -> None:
        """Leave Slack alone for a while; say so where people look who have Slack no more, once."""
        self._rests_until = time.monotonic() + REST_SECONDS
        if self._problem:
            return
        self._problem = mask(error.message)
        self.say(self._problem)
        append(self.home.outbox, {"subject": f"Slack ({self.name}) is told later", "body": self._problem})

    def _keep_position(self) -> None:
        with self.memory() as memory:
            if self._position != memory.position():
                memory.note("", "position", str(self._position))

    def memory(self) -> SlackMemory:
        """What the app has sent and received; use as a context manager."""
        return SlackMemory(self.home.ledger_url, self.name)


def recalled(home: Home, run_id: str) -> Run | None:
    """A run by its id; None when its staging is gone."""
    try:
        return recall_run(str(home.staging), run_id)
    except Unavailable:
        return None


def _state_of(run: FlowRun) -> str:
    return f"{run.state_name} {run.state.id if run.state else ''}"
