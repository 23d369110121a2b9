"""Assess: find the issues of a snapshot, what could be done about each, and what that would change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from blocks.staging import encoded
from tasks.quality.checks import ContractCheck, check_contract
from tasks.quality.detect import assess as find_issues
from tasks.quality.errors import Unavailable
from tasks.quality.model import Dataset, Profile
from tasks.quality.privacy import TALLIES, Tallies
from tasks.quality.question import KEEP
from tasks.quality.schema import accept_baseline, accepted
from tasks.quality.wording import plural, score_text
from tasks.record import stage
from tasks.run import Examined, Profiled, Run, recall_run


def _records(examined: Examined) -> Mapping[str, Any]:
    return {
        "snapshot": examined.snapshot.fingerprint,
        "score": examined.score,
        "issues": [{"id": id, "count": count, "sql": sql} for id, count, sql in examined.found],
        "checks_failed": examined.checks_failed,
    }


def _says(examined: Examined) -> str:
    checks = failing(examined.checks_failed)
    found = f"{plural(examined.issues, 'issue')}, {examined.recommended} with a recommendation"
    told = f"score {score_text(examined.score)}; {found}"
    return f"{told}; {checks}" if checks else told


def failing(checks: int) -> str:
    """How many checks of the contract fail, in words; an empty string when none does."""
    return plural(checks, "contract check fails", "contract checks fail") if checks else ""


def last_run(run: Run, round: int) -> Profile | None:
    """Statistics of the last run of the pipeline that was loaded, in the same round or its last one.

    Where the pilot accepted in this run that something is another way now, it is as it was when they did.
    """
    with run.open_ledger() as ledger:
        opened = ledger.find(run.id, "opened")
        last = ledger.last_loaded(run.pipeline, opened.at) if opened else None
    if last is None:
        return None
    try:
        earlier = recall_run(run.staging, last)
        before = earlier.profile(min(round, earlier.rounds()))
        for decision in run.decisions():
            if decision.remedy == accept_baseline.__name__:
                before = accepted(before, run.profile(decision.round), [decision.facts])
    except Unavailable:
        return None
    return before


def _tallied(run: Run, round: int) -> dict[str, Tallies]:
    """What the profile counted of personal data in this round, if it did."""
    try:
        return {TALLIES: run.recall(dict, f"personal-{round}")}
    except Unavailable:
        return {}


@stage("assess", doing="looking for issues, previewing every remedy", says=_says, records=_records)
def assess(run: Run, profiled: Profiled, *, round: int) -> Examined:
    """Check the contract, run every detector, ask for recommendations, preview every option with its consequences."""
    spec = run.spec()
    with run.open_staging().open(profiled.snapshot) as tables:
        table = tables.table("snapshot")
        contract = run.contract(round)
        data = Dataset(
            table,
            tables.table("domains"),
            run.profile(round),
            contract,
            last_run(run, round),
            encoded=partial(encoded, profiled.snapshot),
        )
        data.kept.update(_tallied(run, round))
        checks: tuple[ContractCheck, ...] = check_contract(table, contract, data.profile)
        found = find_issues(
            data,
            profiled.snapshot,
            spec.settings,
            today=datetime.now(UTC).date(),
            checks=checks,
            metrics={goal.name: goal.metric for goal in spec.goals},
        )
    run.keep(f"assessment-{round}", found)
    run.keep_all(f"checks-{round}", checks)
    return Examined(
        snapshot=profiled.snapshot,
        round=round,
        score=found.score.overall,
        issues=len(found.issues),
        recommended=sum(issue.recommended != KEEP for issue in found.issues),
        checks_failed=sum(not check.passed for check in checks),
        found=tuple((issue.id, issue.count, issue.sql) for issue in found.issues),
        page=run.page(f"quality-{round}.html"),
        profile_page=profiled.page,
    )
