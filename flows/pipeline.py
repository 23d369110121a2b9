"""The orchestrator: the whole journey of one run on one screen. Prefect is its engine."""

from __future__ import annotations

from itertools import count
from typing import Any

from prefect import flow

from flows.conductor import conduct
from flows.gate import Stopped, ask, step
from flows.home import Home
from flows.locks import executing
from tasks.assess import assess
from tasks.close import close, stop
from tasks.extract import extract
from tasks.insight import insight
from tasks.load import load
from tasks.open import open_run, run_name
from tasks.profile import profile
from tasks.quality.model import Snapshot, Verdict
from tasks.questions import load_question, quality_question, source_question
from tasks.record import PLAIN
from tasks.report import report
from tasks.run import Examined, Run
from tasks.stage import stage


@flow(name="gonogo", flow_run_name=run_name, persist_result=True, result_serializer=PLAIN)
def pipeline(pipeline: str) -> dict[str, Any]:
    """Take one pipeline from its source to its destination, holding wherever the pilot decides.

    Args:
        pipeline: a pipeline's YAML file, or a data file to run with sensible defaults.
    """
    home, seen = Home.here(), list[Examined]()
    run = open_run(pipeline, str(home.path))
    with executing(home, run.id):
        try:
            return journey(run, seen)
        except Stopped as stopped:
            return stop(run, seen, stopped.gate, stopped.answered_by, stopped.comment)


def journey(run: Run, seen: list[Examined]) -> dict[str, Any]:
    """Source → staging → quality rounds until the pilot says go → insight → load, or `Stopped` on the way."""
    snapshot = step(run, stage, step(run, extract))
    ask(run, source_question(run, snapshot))
    seen.append(examine(run, snapshot, 1))
    for round in count(1):
        answer = ask(run, quality_question(run, seen[-1], round=round))
        snapshot = conduct(run, seen[-1], answer)
        if snapshot != seen[-1].snapshot:
            seen.append(examine(run, snapshot, round + 1))
        if answer.verdict is Verdict.GO:
            break
    goals = step(run, insight, seen[0], seen[-1])
    problem = ""
    for attempt in count(1):
        ask(run, load_question(run, seen, goals, attempt=attempt, problem=problem))
        loaded = step(run, load, seen[-1], round=attempt)
        if loaded.loaded:
            break
        problem = loaded.problem
    return close(run, seen, loaded)


def examine(run: Run, snapshot: Snapshot, round: int) -> Examined:
    """Measure a snapshot: profile, issues with their previews, score; and report it."""
    profiled = step(run, profile, snapshot, round=round)
    assessed = step(run, assess, profiled, round=round)
    return step(run, report, assessed, round=round)
