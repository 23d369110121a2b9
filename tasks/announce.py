"""The one catalogue of announcements: every stage and gate says here what happened, and automations react.

Nothing calls a notifier directly. An announcement becomes a Prefect event, a line in the run's log, and is
handed to whoever listens in this process (the terminal's progress display).
"""

from __future__ import annotations

import html
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tasks.quality.secrets import mask
from tasks.reports.escape import bare, printable

TAG = "gonogo"
"""Tag of every run, by which Prefect's own events about it are known."""

_PIPELINE = "pipeline:"


def pipeline_tag(pipeline: str) -> str:
    """Tag of a pipeline's runs: Prefect's own events know no pipeline.

    >>> pipeline_tag("orders")
    'pipeline:orders'
    """
    return f"{_PIPELINE}{pipeline}"


def tagged_pipeline(tags: Iterable[str]) -> str:
    """The pipeline that a run's tags name, or an empty string."""
    return next((tag.removeprefix(_PIPELINE) for tag in tags if tag.startswith(_PIPELINE)), "")


class Happened(StrEnum):
    """What can be announced; the value is the Prefect event's name."""

    RUN_OPENED = "gonogo.run.opened"
    STAGE_STARTED = "gonogo.stage.started"
    STAGE_PROGRESS = "gonogo.stage.progress"
    STAGE_COMPLETED = "gonogo.stage.completed"
    GATE_OPENED = "gonogo.gate.opened"
    GATE_ANSWERED = "gonogo.gate.answered"
    GATE_SIGNED = "gonogo.gate.signed"
    GATE_REMINDED = "gonogo.gate.reminded"
    GATE_ESCALATED = "gonogo.gate.escalated"
    GATE_OVERDUE = "gonogo.gate.overdue"
    DECISION_FAILED = "gonogo.decision.failed"
    ANSWER_REJECTED = "gonogo.answer.rejected"
    LOAD_COMMITTED = "gonogo.load.committed"
    SOURCE_NOT_TOLD = "gonogo.source.not-told"
    RUN_STOPPED = "gonogo.run.stopped"
    RUN_FINISHED = "gonogo.run.finished"


HEARD_HERE_ONLY = {Happened.STAGE_STARTED, Happened.STAGE_PROGRESS}
"""Chatter for the terminal; it never becomes an event."""


@dataclass(frozen=True)
class Announcement:
    """What happened, in which run, with which numbers.

    Attributes:
        key: unique within the run; the same key is the same event, however often it is sent.
        title: one line.
        text: what happened, the numbers, and what is asked; plain text.
        gate: the gate it is about, or empty.
        ledger_head: the head of the run's ledger, so that it is also known outside the database.
        quiet: automations don't remind of it: it has quiet hours, which they don't know.
    """

    happened: Happened
    run_id: str
    run: str
    pipeline: str
    key: str
    title: str
    text: str = ""
    stage: str = ""
    gate: str = ""
    report_url: str = ""
    ledger_head: str = ""
    quiet: bool = False
    done: int = 0
    total: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


Listener = Callable[[Announcement], None]
_listeners: ContextVar[tuple[Listener, ...]] = ContextVar("listeners", default=())


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hand every announcement made inside to `listener`."""
    token = _listeners.set((*_listeners.get(), listener))
    try:
        yield
    finally:
        _listeners.reset(token)


def announce(announcement: Announcement) -> None:
    """Make an announcement heard: here, in the run's log, and as a Prefect event."""
    for listener in _listeners.get():
        listener(announcement)
    if announcement.happened in HEARD_HERE_ONLY:
        return
    _log(announcement)
    _emit(announcement)


def _log(announcement: Announcement) -> None:
    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        logger = get_run_logger()
    except MissingContextError:
        return
    logger.info(mask(" — ".join(part for part in (announcement.title, announcement.text) if part)))


def _emit(announcement: Announcement) -> None:
    from prefect.events import emit_event

    run_id = announcement.run_id
    subject = f"gonogo.gate.{run_id}.{announcement.gate}" if announcement.gate else f"gonogo.run.{run_id}"
    said = {"title": printable(mask(announcement.title)), "text": printable(mask(announcement.text))}
    payload = {
        **said,
        "chat": {name: bare(text) for name, text in said.items()},
        "html": {name: html.escape(text) for name, text in said.items()},
        "run": announcement.run,
        "pipeline": announcement.pipeline,
        "stage": announcement.stage,
        "gate": announcement.gate,
        "report_url": announcement.report_url,
        "ledger_head": announcement.ledger_head,
        "quiet": announcement.quiet,
    }
    emit_event(
        event=announcement.happened.value,
        resource={
            "prefect.resource.id": subject,
            "prefect.resource.name": announcement.run,
            "gonogo.pipeline": announcement.pipeline,
            "gonogo.gate": announcement.gate.partition("-")[0] or "none",
        },
        related=[{"prefect.resource.id": f"prefect.flow-run.{run_id}", "prefect.resource.role": "flow-run"}],
        payload=payload,
        id=uuid.uuid5(uuid.UUID(run_id), announcement.key),
    )
