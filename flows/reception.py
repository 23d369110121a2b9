"""Taking what people click and submit in Slack: who it is, noted before Slack hears so, and handed in once.

An answer from Slack goes the way of every other: it is handed in like the Prefect form (`flows.drive.hand_in`), and the
gate itself checks, refuses and records it. What is decided here is who it is: the member whom Slack says to have
clicked, looked up among the approvers. Nothing that was typed names anybody.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from blocks.slack import SlackRefusal
from blocks.slack_memory import SlackMemory
from flows.threads import Threads, recalled
from tasks.edits import tables
from tasks.quality.approval import standing
from tasks.quality.errors import AnswerError, GonogoError, PilotMustDecide, TryAgain, Unavailable
from tasks.quality.question import Question, answer_of
from tasks.quality.secrets import mask
from tasks.reports.escape import slack
from tasks.reports.slack import BUTTON, OPEN, link, quick
from tasks.run import Run
from tasks.sign import Impostor, known_in_slack, record_attempt, slack_method
from tasks.thread import private, put_to, where

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from slack_sdk.socket_mode.client import BaseSocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest


_WHERE = re.compile(r"(?P<run>[0-9a-f-]{36}) (?P<gate>[a-z0-9-]{1,60}) (?P<shown>[0-9a-f]{16})")
"""What a button and a modal carry."""


class Reception:
    """Takes what people click and submit in Slack.

    Args:
        threads: of the same app; told when somebody has answered.
        connect: gives a client of the Prefect server, as a context manager.
    """

    def __init__(self, threads: Threads, connect: Callable[[], Any]) -> None:
        self.threads, self.home, self.slack = threads, threads.home, threads.slack
        self._connect, self._one_by_one, self._problem = connect, threading.Lock(), ""

    def heard(self, socket: BaseSocketModeClient, request: SocketModeRequest) -> None:
        """Take one envelope; it is acknowledged when what it says cannot be lost any more, else Slack says so."""
        takes = {"block_actions": self._clicked, "view_submission": self._submitted}
        take = takes.get(str(request.payload.get("type", "")), _acknowledge)
        try:
            take(socket, request)
        except GonogoError as error:
            self.threads.say(mask(error.message))

    def finish(self) -> None:
        """Hand in what was received but not handed in: the process was killed, or Prefect was away."""
        with self._memory() as memory:
            waiting = list(memory.waiting())
        for id in waiting:
            self._hand_in(id)

    def _clicked(self, socket: BaseSocketModeClient, request: SocketModeRequest) -> None:
        payload = request.payload
        action, member = payload["actions"][0], str(payload["user"]["id"])
        pressed, place = str(action["action_id"]), _WHERE.fullmatch(str(action.get("value", "")))
        if not pressed.startswith(BUTTON) or place is None:
            _acknowledge(socket, request)
            return
        if pressed == OPEN:
            _acknowledge(socket, request)
            with self._telling(member, place["run"], GonogoError):
                self._open(place, member, str(payload["trigger_id"]))
            return
        id = f"click {payload['container']['message_ts']} {action['action_ts']} {member}"
        body = {**place.groupdict(), "member": member, "pressed": pressed.removeprefix(BUTTON)}
        fresh = self._take(id, body)
        _acknowledge(socket, request)
        if fresh:
            self._hand_in(id)

    def _open(self, place: re.Match[str], member: str, trigger: str) -> None:
        from flows.modal import modal

        run, question, shown = self._asked(place["run"], place["gate"], "")
        self._person(run, place["gate"], question, member, trigger)
        review = link(f"{self.threads.ui}/runs/flow-run/{run.id}" if self.threads.ui else "", "Review in Prefect")
        links = (review, link(question.report_url, "Report"))
        self.slack.open_modal(trigger, modal(private(run, question), where(run.id, place["gate"], shown), links))

    def _submitted(self, socket: BaseSocketModeClient, request: SocketModeRequest) -> None:
        from flows.modal import CALLBACK, note, said_in

        payload, view = request.payload, request.payload["view"]
        place, member = _WHERE.fullmatch(str(view.get("private_metadata", ""))), str(payload["user"]["id"])
        if view.get("callback_id") != CALLBACK or place is None:
            _acknowledge(socket, request)
            return
        id = f"view {view['id']} {member}"
        if self._known(id):
            _acknowledge(socket, request)
            return
        try:
            run, question, _ = self._asked(place["run"], place["gate"], place["shown"])
            person = self._person(run, place["gate"], question, member, id)
            said, code = said_in(question, view["state"]["values"])
            answer_of(question, {**said, "answered_by": person}, method="", tables=tables(run, question.round))
        except AnswerError as error:
            if isinstance(error, Impostor):
                answer = {"response_action": "update", "view": note("Not taken", error.message)}
            else:
                answer = {"response_action": "errors", "errors": {_block_of(error, view): error.message[:1900]}}
            _acknowledge(socket, request, answer)
            return
        except GonogoError as error:
            _acknowledge(socket, request, {"response_action": "update", "view": note("Not taken", error.message)})
            return
        body = {**place.groupdict(), "member": member, "said": said, "code": code}
        fresh = self._take(id, body)
        _acknowledge(socket, request)
        if fresh:
            self._hand_in(id)

    def _hand_in(self, id: str) -> None:
        """Hand in what was received under this id, once; who gave it hears why when it can't be taken."""
        with self._one_by_one, self._memory() as memory:
            body = memory.waiting().get(id)
            if body is None:
                return
            try:
                with self._telling(body["member"], body["run"]):
                    self._answer(body, id)
            except TryAgain as error:  # `finish` tries again
                if self._problem != error.message:
                    self._problem = error.message
                    self.threads.say(f"handed in later: {mask(error.message)}")
                return
            self._problem = ""
            memory.strike(id)
            self.threads.due.add(body["run"])

    def _answer(self, body: Mapping[str, Any], id: str) -> None:
        """Give the run its answer, as its form would.

        Raises:
            PilotMustDecide: it cannot be taken; says why.
            TryAgain: Prefect or the ledger is away.
        """
        from flows.drive import asked_of, gate_of, hand_in, held

        run, member, gate = recalled(self.home, body["run"]), str(body["member"]), str(body["gate"])
        if run is None:
            raise PilotMustDecide("the run is not there any more", where=body["run"])
        before = self._handed_in(run, gate, member) > body["handed_in"]  # killed before it was struck off
        with self.client() as client:
            flow_run = client.read_flow_run(UUID(run.id))
            here = held(flow_run) and gate_of(flow_run)[0] == gate
            if before and (not here or standing(run.entries(), gate).tries > body["tries"]):
                return
            _, question, _ = self._asked(run.id, gate, body["shown"])
            person = self._person(run, gate, question, member, id)
            if not here:
                raise _late(run, gate)
            if not asked_of(self.home, flow_run)[1].removeprefix("sha256:").startswith(body["shown"]):
                raise PilotMustDecide("the gate asks something else by now", where=run.name, todo="look at it anew")
            said = {**(body.get("said") or _pressed(question, str(body.get("pressed", "")))), "answered_by": person}
            edits = tables(run, question.round)
            answer = answer_of(question, said, method=slack_method(member), tables=edits)
            hand_in(client, self.home, flow_run, answer, str(body.get("code", "")))

    def _handed_in(self, run: Run, gate: str, member: str) -> int:
        """How many answers this member has handed in at a gate."""
        with run.open_ledger() as ledger:
            return sum(entry.method == slack_method(member) for entry in ledger.submissions(run.id, gate))

    def _asked(self, run_id: str, name: str, shown: str) -> tuple[Run, Question, str]:
        """What a gate that waits asks now, and the hash of it.

        Raises:
            PilotMustDecide: it does not wait any more, or asks something else than what was shown.
        """
        run = recalled(self.home, run_id)
        if run is None:
            raise PilotMustDecide("the run is not there any more", where=run_id)
        entries = run.entries()
        if {f"answer-{name}", "outcome"} & {entry.key for entry in entries}:
            raise _late(run, name)
        question, shown_now = put_to(run, name, standing(entries, name))
        if not shown_now.removeprefix("sha256:").startswith(shown):
            raise PilotMustDecide("the gate asks something else by now", where=run.name, todo="look at it anew")
        return run, question, shown_now

    def _person(self, run: Run, name: str, question: Question, member: str, id: str) -> str:
        """The name of the approver who is this member; who may not answer is written down.

        Raises:
            Impostor: it is nobody who may.
        """
        now = datetime.now(UTC)
        try:
            return known_in_slack(run, question, member, now, standing(run.entries(), name)).name
        except AnswerError as error:
            record_attempt(run, name, member, error.what, id)
            raise

    def _take(self, id: str, body: dict[str, Any]) -> bool:
        """Note what came, with how far its gate was; False when it came before."""
        run = recalled(self.home, body["run"])
        tries = standing(run.entries(), body["gate"]).tries if run else 0
        handed_in = self._handed_in(run, body["gate"], body["member"]) if run else 0
        with self._memory() as memory:
            return memory.take(id, body | {"tries": tries, "handed_in": handed_in})

    def _known(self, id: str) -> bool:
        with self._memory() as memory:
            return memory.knows(id)

    @contextmanager
    def _telling(self, member: str, run_id: str, what: type[GonogoError] = PilotMustDecide) -> Iterator[None]:
        """Tell the person who clicked, and nobody else, why it was not taken."""
        try:
            yield
        except what as error:
            with self._memory() as memory:
                root = memory.sent(run_id).get("run")
            try:
                self.slack.whisper(member, slack(f"Not taken: {error.message}"), thread=root.ts if root else "")
            except (TryAgain, SlackRefusal) as unheard:
                self.threads.say(f"{mask(error.message)}; and {member} could not be told: {unheard.message}")

    @contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        """A client of the Prefect server; an `Unavailable` says that it is away."""
        import httpx
        from prefect.exceptions import ObjectNotFound

        try:
            with self._connect() as client:
                yield client
        except ObjectNotFound as error:
            raise PilotMustDecide(
                "the Prefect server does not know that any more", todo="see 'gonogo pending'"
            ) from error
        except httpx.HTTPError as error:
            raise Unavailable(f"the Prefect server does not answer: {mask(str(error))}") from error

    def _memory(self) -> SlackMemory:
        return self.threads.memory()


def _acknowledge(
    socket: BaseSocketModeClient, request: SocketModeRequest, payload: dict[str, Any] | None = None
) -> None:
    from slack_sdk.socket_mode.response import SocketModeResponse

    socket.send_socket_mode_response(SocketModeResponse(request.envelope_id, payload))


def _pressed(question: Question, action: str) -> dict[str, str]:
    """What a button says.

    Raises:
        PilotMustDecide: the gate has no such button.
    """
    for each in quick(question):
        if each.action == action:
            return each.said
    raise PilotMustDecide(f"the gate takes no '{action}' without its form", where=question.gate, todo="open it")


def _late(run: Run, name: str) -> PilotMustDecide:
    """Somebody was faster: say who."""
    with run.open_ledger() as ledger:
        entry = ledger.find(run.id, f"answer-{name}")
    if entry is None:
        return PilotMustDecide(
            f"{name} does not wait any more; somebody else has answered, or the run went on", where=run.name
        )
    said = f"{entry.payload['verdict']} by {entry.actor} ({entry.method})"
    return PilotMustDecide(f"{name} is decided already: {said}", where=run.name)


def _block_of(error: AnswerError, view: Mapping[str, Any]) -> str:
    """The input that an error is shown at."""
    there = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    guess = "comment" if "comment" in error.what else "remember" if "remember" in error.where else ""
    guess = guess or ("values" if "value" in error.what or "needs" in error.what else "verdict")
    return guess if guess in there else "verdict"
