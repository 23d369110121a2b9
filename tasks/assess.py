"""Assess: find the issues of a snapshot, what could be done about each, and what that would change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tasks.quality.detect import assess as find_issues
from tasks.quality.model import Dataset
from tasks.quality.question import KEEP
from tasks.record import stage
from tasks.run import Examined, Profiled, Run, assessment_of, profile_of


def _payload(examined: Examined) -> Mapping[str, Any]:
    return {
        "snapshot": examined.snapshot.fingerprint,
        "score": examined.score,
        "issues": [dict(issue) for issue in examined.counts],
    }


@stage(
    "assess",
    doing="looking for issues and previewing every remedy",
    says=lambda e: f"score {e.score:.1f}; {e.issues} issues, {e.recommended} with a recommendation",
    records=_payload,
)
def assess(run: Run, profiled: Profiled, *, round: int) -> Examined:
    """Run every detector, ask for recommendations, preview every option, and score the snapshot."""
    spec, staging = run.spec(), run.open_staging()
    with staging.open(profiled.snapshot) as tables:
        data = Dataset(tables.table("snapshot"), tables.table("domains"), profile_of(run, round), spec.contract)
        assessment = find_issues(data, profiled.snapshot, spec.settings, today=datetime.now(UTC).date())
    staging.write_json(run.id, f"assessment-{round}", assessment)
