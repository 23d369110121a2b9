"""The orchestrator: the whole journey of one run on one screen. Prefect is its engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import count
from typing import Any

from prefect import flow

from flows.broken import cancelled, failed
from flows.conductor import conduct
from flows.gate import Stopped, ask, step, through
from flows.home import Home
from flows.locks import executing, reading
from tasks.assess import assess
from tasks.close import close, idle, stop
from tasks.extract import extract, wait_to_read
from tasks.insight import insight
from tasks.load import load
from tasks.open import open_run, run_name
from tasks.profile import profile
from tasks.quality.model import Snapshot, Verdict
from tasks.questions import load_question, quality_question, source_question
from tasks.record import PLAIN
from tasks.report import report
from tasks.run import Examined, Loaded, Nothing, Run
from tasks.stage import stage


@flow(
    name="gonogo",
    flow_run_name=run_name,
    persist_result=True,
    result_serializer=PLAIN,
    on_failure=[failed],
    on_cancellation=[cancelled],
)
def pipeline(pipeline: str) -> dict[str, Any]:
    """Take one pipeline from its source to its destination, holding wherever the pilot decides.

    Args:
        pipeline: a pipeline's YAML file, or a data file to run with sensible defaults.
    """
    home = Home.here()
    run = open_run(pipeline, str(home.path))
    with executing(home, run.id):
        return through(run, lambda: travelled(run))


def travelled(run: Run) -> dict[str, Any]:
    """The outcome of a journey, also of one that the pilot ended."""
    seen = list[Examined]()
    try:
        return journey(run, seen)
    except Stopped as stopped:
        return stop(run, seen, stopped.gate, stopped.answered_by, stopped.comment, again=stopped.again)


def journey(run: Run, seen: list[Examined]) -> dict[str, Any]:
    """Source → staging → quality rounds until the pilot says go → insight → load, or `Stopped` on the way."""
    snapshot = take(run)
    if isinstance(snapshot, Nothing):
        return idle(run, snapshot.why)
    ask(run, source_question(run, snapshot))
    seen.append(examine(run, snapshot, 1))
    rounds, attempts = count(1), count(1)
    while True:
        refine(run, seen, rounds)
        if loaded := deliver(run, seen, attempts):
            return close(run, seen, loaded)


def take(run: Run) -> Snapshot | Nothing:
    """Source → staging; runs that were started at once read one after the other, each on from where the last ended."""
    with nullcontext() if run.is_staged() else reading(Home.here(), run.pipeline, lambda: wait_to_read(run)):
        batch = step(run, extract)
        return batch if isinstance(batch, Nothing) else step(run, stage, batch)


def refine(run: Run, seen: list[Examined], rounds: Iterator[int]) -> None:
    """Ask what shall be done about the quality, do it and look again, until the pilot says go."""
    for round in rounds:
        answer = ask(run, quality_question(run, seen[-1], round=round))
        snapshot = conduct(run, seen[-1], answer)
        if snapshot != seen[-1].snapshot or run.looks_again(answer.gate):
            seen.append(examine(run, snapshot, seen[-1].round + 1))
        if answer.verdict is Verdict.GO:
            return


def deliver(run: Run, seen: list[Examined], attempts: Iterator[int]) -> Loaded | None:
    """Measure the goals, ask, and load; None when the pilot revised the table instead: it is looked at again."""
    goals = step(run, insight, seen[0], seen[-1], round=seen[-1].round)
    loaded = Loaded(False)
    for attempt in attempts:
        answer = ask(run, load_question(run, seen, goals, loaded, attempt=attempt))
        if answer.verdict is Verdict.RESOLVE:
            seen.append(examine(run, conduct(run, seen[-1], answer), seen[-1].round + 1))
            break
        loaded = step(run, load, seen[-1], agreed=loaded.new_columns, round=attempt)
        if loaded.loaded:
            return loaded
    return None


def examine(run: Run, snapshot: Snapshot, round: int) -> Examined:
    """Measure a snapshot: profile, issues with their previews, score; and report it."""
    profiled = step(run, profile, snapshot, round=round)
    assessed = step(run, assess, profiled, round=round)
    return step(run, report, assessed, round=round)
