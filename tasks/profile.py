"""Profile: one scan gives the value domains, from which the statistics follow; and the ydata profile for people."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from tasks.quality.detect import issues_of
from tasks.quality.model import ROW, Dataset, Snapshot
from tasks.quality.privacy import TALLIES
from tasks.quality.profile import domains
from tasks.quality.profile import profile as statistics
from tasks.quality.wording import plural
from tasks.record import stage, write_page
from tasks.reports.discreet import PERSONAL, alike
from tasks.reports.profile_page import profile_html, sample_step
from tasks.run import Profiled, Run

if TYPE_CHECKING:
    import ibis

LONGEST = 1_000
"""Characters of a value that the profiler gets: it draws and repeats the frequent ones, 10 MB each in gigabytes."""


def _says(profiled: Profiled) -> str:
    return f"{plural(profiled.snapshot.rows, 'row')} × {plural(len(profiled.snapshot.columns), 'column')} measured"


def _records(profiled: Profiled) -> Mapping[str, Any]:
    return {"snapshot": profiled.snapshot.fingerprint, "domains": profiled.domains}


@stage("profile", doing="measuring every column", says=_says, records=_records)
def profile(run: Run, snapshot: Snapshot, *, round: int) -> Profiled:
    """Measure every column once per distinct value, and make the ydata profile of the rows."""
    staging = run.open_staging()
    with staging.open(snapshot) as tables:
        fingerprint = staging.write_domains(run.id, snapshot, domains(tables.table("snapshot")))
    with staging.open(snapshot) as tables:
        table = tables.table("snapshot")
        run.keep(f"profile-{round}", statistics(table, tables.table("domains"), snapshot.fingerprint))
        page = f"profile-{round}.html"
        data = Dataset(table, tables.table("domains"), run.profile(round), run.spec().contract)
        hidden = _hidden(run, data)
        if TALLIES in data.kept:
            run.keep(f"personal-{round}", data.kept[TALLIES])
        write_page(run, page, _ydata(run, table, snapshot, round, hidden))
    return Profiled(snapshot, round, fingerprint, run.page(page))


def _hidden(run: Run, data: Dataset) -> frozenset[str]:
    """The columns whose values the page must not show."""
    spec = run.spec()
    if spec.show_personal_data:
        return frozenset()
    known = {name for name in data.columns if data.contract.column(name).personal}
    return frozenset(known.union(*(issue.columns for issue in issues_of(data, PERSONAL, spec.settings))))


def _ydata(run: Run, table: ibis.Table, snapshot: Snapshot, round: int, hidden: AbstractSet[str]) -> str:
    every = sample_step(snapshot.rows)
    sample = table.filter(table[ROW] % every == 0) if every > 1 else table
    long = [column.name for column in run.profile(round).columns if column.max_length > LONGEST]
    sample = sample.mutate(*(_cut(sample[name]).name(name) for name in long)) if long else sample
    frame = sample.order_by(ROW).drop(ROW).to_pandas()
    for name in [name for name in frame.columns if name in hidden]:
        frame[name] = alike(frame[name])
    notes = [f"every {every}th of {snapshot.rows:,} rows"] if every > 1 else []
    notes += [f"only the first {LONGEST:,} characters of values in {', '.join(long)}"] if long else []
    notes += [f"stars for the personal data in {', '.join(sorted(hidden))}"] if hidden else []
    return profile_html(frame, f"{run.name}, round {round}", "; ".join(notes))


def _cut(text: ibis.expr.types.StringValue) -> ibis.expr.types.StringValue:
    """A text of at most so many characters; what was longer says how long, so that different ones hardly look alike."""
    length = text.length()
    return (length > LONGEST).ifelse(text.left(LONGEST) + "… (" + length.cast("string") + " characters)", text)
