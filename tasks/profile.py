"""Profile: one scan gives the value domains; statistics, and the ydata profile for people, follow."""

from __future__ import annotations

from tasks.quality.model import Profile, Snapshot
from tasks.quality.profile import domains
from tasks.quality.profile import profile as statistics
from tasks.record import stage
from tasks.reports.profile_page import profile_html
from tasks.run import Profiled, Run

SAMPLE_ROWS = 10_000
"""Rows that the ydata profile is made of at most: every k-th row of a larger table, k rounded up."""


@stage(
    "profile",
    doing="measuring every column",
    says=lambda p: f"{p.snapshot.rows:,} rows, {len(p.snapshot.columns):,} columns",
    records=lambda p: {"snapshot": p.snapshot.fingerprint, "page": p.page, "domains": p.domains},
)
def profile(run: Run, snapshot: Snapshot, *, round: int) -> Profiled:
    """Measure every column of a snapshot, once per distinct value, and make the ydata profile of it."""
    staging = run.open_staging()
    with staging.open(snapshot) as tables:
        fingerprint = staging.write_domains(run.id, snapshot, domains(tables.table("snapshot")))
    with staging.open(snapshot) as tables:
        measured = statistics(tables.table("snapshot"), tables.table("domains"), snapshot.fingerprint)
        staging.write_json(run.id, f"profile-{round}", measured)
        page = _ydata(run, snapshot, tables, round)
    return Profiled(snapshot, round, fingerprint, page)
