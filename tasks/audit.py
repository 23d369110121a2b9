"""Audit: gather everything about a run that an auditor asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from blocks.sources import Batch
from blocks.staging import connected, fingerprint_of
from tasks.quality.approval import signature_of
from tasks.quality.chronicle import chronicle
from tasks.quality.errors import Unavailable
from tasks.quality.history import ROWS_GONE, deliveries
from tasks.quality.ledger import Entry, canonical
from tasks.quality.verify import Check
from tasks.report import now
from tasks.reports.audit import Answered, Audit, Decided, Kept
from tasks.reports.records import RowAccount, account
from tasks.run import Run
from tasks.steps import escaped

VERSIONS = ("gonogo", "prefect", "duckdb", "ibis-framework", "pyarrow", "pandas", "sqlalchemy")


def audit(run: Run, checks: tuple[Check, ...], verdict: str) -> Audit:
    """The bundle of a run, with what its checks said."""
    entries = run.entries()
    line, spec = chronicle(entries), run.spec()
    batch = _batch(run)
    return Audit(
        run=run.name,
        run_id=run.id,
        pipeline=run.pipeline,
        source=run.source,
        destination=spec.destination.describe(),
        outcome=line.outcome,
        note=line.note,
        opened=line.opened,
        ended=line.ended,
        generated=now(),
        verdict=verdict,
        checks=checks,
        answers=tuple(_answers(entries)),
        decisions=tuple(_decisions(run, entries)),
        account=_account(run, batch) if batch else None,
        origins=tuple((o.name, o.rows, o.quarantined, o.fingerprint) for o in batch.origins) if batch else (),
        snapshots=tuple(Kept(s.id, s.fingerprint, s.rows, s.parent or "") for s in run.snapshots()) if batch else (),
        pages=tuple(_pages(Path(run.reports))),
        receipts=tuple(_receipts(run, entries)),
        versions=dict(_versions()),
        entries=entries,
    )


def _batch(run: Run) -> Batch | None:
    try:
        return run.recall(Batch, "batch")
    except Unavailable:
        return None


def _account(run: Run, batch: Batch) -> RowAccount:
    gone = {"malformed": batch.quarantined, "returned": run.history().rows_returned}
    return account(run.snapshots()[-1].rows, run.changes(), read=batch.rows_read, **gone)


def _answers(entries: Sequence[Entry]) -> Iterator[Answered]:
    for entry in entries:
        said = entry.payload
        if entry.kind == "answer":
            told = ("", entry.at, str(said.get("evidence", "")), str(said["comment"]))
            yield Answered(str(said["gate"]), str(said["verdict"]), entry.actor, entry.method, *told)
        elif entry.kind == "signature":
            signed = signature_of(entry)
            printed = f"{signed.full_name} ({signed.name})" if signed.full_name != signed.name else signed.name
            told = (signed.meaning, signed.signed_at, signed.evidence, signed.comment)
            yield Answered(str(said["gate"]), signed.verdict, printed, signed.method, *told)
        elif entry.kind in ("refused", "attempt"):
            why = str(said["reason"])
            yield Answered(str(said["gate"]), "refused", entry.actor, entry.method, "", entry.at, "", why)


def _decisions(run: Run, entries: Sequence[Entry]) -> Iterator[Decided]:
    stands = run.history()
    failed = {e.payload["decision"]: e.payload["reason"] for e in entries if e.kind == "failed"}
    changes = {int(made["decision"]): made for made in stands.changes}
    for entry in (e for e in entries if e.kind == "decision"):
        said, number = entry.payload, int(entry.payload["number"])
        made = changes.get(number)
        status = failed.get(number) or stands.undone.get(number) or ("carried out" if made else "not carried out")
        done = _done(made) if made else {}
        yield Decided(
            number=number,
            gate=str(said["gate"]),
            issue=str(said["issue"]),
            action=str(said["label"]),
            columns=tuple(said["columns"]),
            parameters=canonical(said["parameters"]),
            who=entry.actor,
            method=entry.method,
            at=entry.at,
            status=str(status),
            **done,
        )


def _done(made: Mapping[str, Any]) -> dict[str, Any]:
    """What a change set did, in rows and cells."""
    rows = {name: made[name] for name in ("rows_in", "rows_out", *ROWS_GONE)}
    return {**rows, "cells": made["cells_changed"], "cells_by_column": cells_by_column(str(made["cells_uri"]))}


def cells_by_column(uri: str) -> tuple[tuple[str, int], ...]:
    """How many cells a change set changed in each column."""
    import duckdb

    query = f"SELECT \"column\", count(*) FROM read_parquet('{escaped(uri)}') GROUP BY 1 ORDER BY 2 DESC, 1"
    try:
        with connected() as tables:
            return tuple((str(column), int(n)) for column, n in tables.raw_sql(query).fetchall())
    except duckdb.Error:  # it is gone, or no Parquet: its fingerprint says so among the checks
        return ()


def _pages(folder: Path) -> Iterator[Kept]:
    for page in sorted([*folder.glob("*.html"), *folder.glob("*.json")]):
        yield Kept(page.name, fingerprint_of(page))


def _receipts(run: Run, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    """What the destination holds of the run."""
    for load in deliveries(entries):
        yield {**run.committed(load.receipt), "at": load.at}


def _versions() -> Iterator[tuple[str, str]]:
    import platform

    yield "python", platform.python_version()
    for name in VERSIONS:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
