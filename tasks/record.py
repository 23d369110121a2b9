"""How a verb becomes a stage: done once, written into the ledger, announced.

A suspended flow runs again from the top, so a stage must not happen twice: its result is persisted under a key
of its inputs, the run and its name. What it did is appended to the ledger under a key of its own before the
result is persisted; when a run is killed in between, the stage runs again and the ledger keeps the first entry.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import INPUTS, RUN_ID, CacheKeyFnPolicy
from prefect.serializers import JSONSerializer
from prefect.tasks import Task

from blocks.staging import fingerprint_of, write_text
from tasks.announce import HEARD_HERE_ONLY, Announcement, Happened, announce
from tasks.quality.question import Question
from tasks.quality.secrets import mask
from tasks.reports.discreet import unquoted
from tasks.run import Run

ONCE = INPUTS + RUN_ID + CacheKeyFnPolicy(cache_key_fn=lambda context, _: context.task.name)

PLAIN = JSONSerializer(jsonlib="json")
"""Results as JSON that names the records' classes; the default library writes dataclasses without them."""

P = ParamSpec("P")
R = TypeVar("R")


def once(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A Prefect task whose result is kept for the run: replays get the result, not the side effects."""

    def wrap(function: Callable[P, R]) -> Task[P, R]:
        made: Task[P, R] = task(
            name=name, task_run_name=name, persist_result=True, cache_policy=ONCE, result_serializer=PLAIN
        )(function)
        return made

    return wrap


def stage(
    name: str,
    *,
    doing: str,
    says: Callable[[R], str],
    records: Callable[[R], Mapping[str, Any]],
    refused: Callable[[R], bool] = lambda _result: False,
) -> Callable[[Callable[Concatenate[Run, P], R]], Task[Concatenate[Run, P], R]]:
    """Make a verb a stage.

    Args:
        name: the stage's name in the ledger, the announcements and the UI.
        doing: what it does while it lasts, e.g. "measuring every column".
        says: the numbers of its result in one line.
        records: its ledger entry's payload.
        refused: whether its result is that it could not be done.
    """

    def wrap(verb: Callable[Concatenate[Run, P], R]) -> Task[Concatenate[Run, P], R]:
        @functools.wraps(verb)
        def staged(run: Run, *args: P.args, **kwargs: P.kwargs) -> R:
            number = kwargs.get("round")
            key = f"stage-{name}" + (f"-{number}" if number else "")
            tell(run, Happened.STAGE_STARTED, key, doing, stage=name)
            started = time.monotonic()
            result = verb(run, *args, **kwargs)
            seconds = time.monotonic() - started
            with run.open_ledger() as ledger:
                ledger.append(run.id, key, "stage", {"stage": name, **records(result)})
            facts = {"seconds": seconds, "refused": refused(result)}
            tell(run, Happened.STAGE_COMPLETED, key, f"{name}: {says(result)}", stage=name, facts=facts)
            return result

        return once(name)(staged)

    return wrap


def write_page(run: Run, name: str, text: str, *, round: int = 0) -> None:
    """Write a report page and its hash in the ledger, once, however often the stage that does it begins.

    Args:
        run: whose page it is.
        name: its file's name.
        text: what it says.
        round: of a page that is made anew in later rounds.
    """
    key = f"page-{name}" + (f"-{round}" if round else "")
    with run.open_ledger() as ledger:
        if ledger.find(run.id, key):
            return
        write_text(run.page_file(name), text)
        ledger.append(run.id, key, "page", {"page": name, "hash": fingerprint_of(run.page_file(name))})


def tell(run: Run, happened: Happened, key: str, title: str, **more: Any) -> None:
    """Announce something about a run, with the head of its ledger."""
    head, key = _head(run, happened), f"{happened}-{key}"
    announcement = Announcement(happened, run.id, run.name, run.pipeline, key, title, ledger_head=head, **more)
    if happened not in HEARD_HERE_ONLY:
        _keep(run, announcement)
    announce(announcement)


def quoted(run: Run, text: str) -> str:
    """The text as messages may say it: without what it quotes, unless the pipeline allows personal data in them."""
    return text if run.spec().notify.personal_data else unquoted(text)


def summary_of(run: Run, question: Question) -> str:
    """A question's summary as messages may say it: why a load failed may quote the rows that were refused."""
    if not question.failed or run.spec().notify.personal_data:
        return question.summary
    return "The load failed; the destination is as it was. Why is on the run's page."


def _keep(run: Run, announcement: Announcement) -> None:
    """Keep it for those who tell it on, however often they are killed: an event may be lost with its process."""
    names = ("happened", "title", "text", "gate", "report_url")
    said = {name: mask(str(getattr(announcement, name))) for name in names}
    with run.open_told() as told:
        told.add(run.id, announcement.key, {**said, "head": announcement.ledger_head})


def _head(run: Run, happened: Happened) -> str:
    if happened in HEARD_HERE_ONLY:
        return ""
    with run.open_ledger() as ledger:
        return ledger.head(run.id)
