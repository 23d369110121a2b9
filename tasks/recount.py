"""Every number of a report again: from its own expression, on its own snapshot."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

from tasks.quality.checks import ContractCheck
from tasks.quality.errors import GonogoError
from tasks.quality.ledger import Entry
from tasks.quality.model import Assessment, Dataset, Note, Profile
from tasks.quality.profile import profile
from tasks.quality.score import score
from tasks.quality.verify import Unknown
from tasks.quality.wording import plural
from tasks.run import Run

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

Compared: TypeAlias = tuple[str, object, object]
"""What it is, as it was told, as it comes out now."""


@dataclass(frozen=True)
class Claim:
    """A number that was told.

    Attributes:
        snapshot: fingerprint of the snapshot that it is about.
        find: computes it from the snapshot again.
    """

    what: str
    told: object
    snapshot: str
    find: Callable[[Backend], object]


def issue_counts(_run: Run, entries: Sequence[Entry]) -> Iterator[Claim]:
    """How many cells or rows each issue's query selects."""
    for look in stages(entries, "assess"):
        for issue in look["issues"]:
            yield _counted(issue["id"], issue["count"], look["snapshot"], issue["sql"])


def figures(_run: Run, entries: Sequence[Entry]) -> Iterator[Claim]:
    """What the goals come to."""
    for told in stages(entries, "insight"):
        for figure in told["figures"]:
            if figure["sql"]:
                yield Claim(figure["goal"], figure["value"], figure["snapshot"], _first(figure["sql"]))


def contract_checks(run: Run, _entries: Sequence[Entry]) -> Iterator[Claim]:
    """How many cells or rows break each promise of the contract."""
    for round in range(1, run.rounds() + 1):
        snapshot = run.assessment(round).snapshot.fingerprint
        for check in run.recall_all(ContractCheck, f"checks-{round}"):
            if check.sql and not check.problem:
                yield _counted(f"{check.title} (round {round})", check.failures, snapshot, check.sql)


def notes(run: Run, _entries: Sequence[Entry]) -> Iterator[Claim]:
    """The figures of each note."""
    for round in range(1, run.rounds() + 1):
        found = run.assessment(round)
        for note in found.notes:
            if note.sql and note.figures:
                what = f"note on {', '.join(note.columns) or 'the table'} (round {round})"
                yield Claim(what, dict(note.figures), found.snapshot.fingerprint, _noted(note))


def statistics(run: Run, _entries: Sequence[Entry]) -> Iterator[Claim]:
    """The statistics of every column, measured again."""
    for round in range(1, run.rounds() + 1):
        told = run.profile(round)
        yield Claim(f"statistics of round {round}", "as told", told.snapshot, _measured(told))


def scores(run: Run, entries: Sequence[Entry]) -> Iterator[Claim]:
    """The quality score of every round, from the queries of its issues."""
    for round, look in enumerate(stages(entries, "assess"), start=1):
        found = run.assessment(round)
        kept = replace(found.score, overall=look["score"])
        yield Claim(f"score of round {round}", found.score, look["snapshot"], _scored(run, found))
        yield Claim(f"score of round {round}, as the ledger has it", kept, look["snapshot"], _scored(run, found))


FAMILIES: Mapping[str, Callable[[Run, Sequence[Entry]], Iterator[Claim]]] = {
    "issue counts": issue_counts,
    "contract checks": contract_checks,
    "column statistics": statistics,
    "quality scores": scores,
    "notes": notes,
    "goal figures": figures,
}
"""Families of numbers in reports, by name."""


def recounted(run: Run, claims: Iterable[Claim]) -> Iterator[Compared]:
    """Each claim beside what it comes to now; each snapshot is opened once for claims that follow one another."""
    import duckdb

    by_print = {snapshot.fingerprint: snapshot for snapshot in run.snapshots()}
    for fingerprint, about in groupby(claims, key=lambda claim: claim.snapshot):
        if fingerprint not in by_print:
            yield f"snapshot {fingerprint[:19]}…", "a snapshot of the run", "none of its snapshots"
            continue
        try:
            with run.open_staging().open(by_print[fingerprint]) as tables:
                yield from ((claim.what, claim.told, _found(tables, claim)) for claim in about)
        except (GonogoError, duckdb.Error, OSError) as error:
            yield f"snapshot {fingerprint[:19]}…", "readable", Unknown(f"unreadable ({type(error).__name__})")


def stages(entries: Sequence[Entry], stage: str) -> Iterator[Mapping[str, Any]]:
    """What a stage wrote down, each time that it was done."""
    yield from (e.payload for e in entries if e.kind == "stage" and e.payload["stage"] == stage)


def _found(tables: Backend, claim: Claim) -> object:
    """What a claim comes to: as told, when only the last digits differ, which the order of a sum may move."""
    found = claim.find(tables)
    return claim.told if close(claim.told, found) else found


def close(told: object, found: object) -> bool:
    """Whether two values are the same, but for the last digits of their numbers."""
    if isinstance(told, Mapping) and isinstance(found, Mapping):
        return told.keys() == found.keys() and all(close(told[name], found[name]) for name in told)
    if isinstance(told, float | int) and isinstance(found, float | int):
        return math.isclose(told, found, rel_tol=1e-9)
    return told == found


def _counted(what: str, told: int, snapshot: str, sql: str) -> Claim:
    return Claim(what, told, snapshot, _first(f"SELECT count(*) FROM ({sql})"))


def _first(sql: str) -> Callable[[Backend], object]:
    """The first value of the first row of a query."""

    def find(tables: Backend) -> object:
        row = tables.raw_sql(sql).fetchone()
        return row[0] if row else None

    return find


def _noted(note: Note) -> Callable[[Backend], object]:
    def find(tables: Backend) -> object:
        (row,) = tables.raw_sql(note.sql).to_arrow_table().to_pylist()
        return {name: None if value is None else float(value) for name, value in row.items()}

    return find


def _measured(told: Profile) -> Callable[[Backend], object]:
    def find(tables: Backend) -> object:
        now = profile(tables.table("snapshot"), tables.table("domains"), told.snapshot)
        differing = [c.name for c, found in zip(told.columns, now.columns, strict=True) if c != found]
        if now.rows != told.rows:
            return f"{plural(now.rows, 'row')}, where {told.rows:,} were told"
        return f"other statistics of {', '.join(differing)}" if differing else "as told"

    return find


def _scored(run: Run, told: Assessment) -> Callable[[Backend], object]:
    def find(tables: Backend) -> object:
        data = Dataset(tables.table("snapshot"), tables.table("domains"), told.profile, run.spec().contract)
        return score(data, told.issues)

    return find
