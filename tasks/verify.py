"""Verify: check a run's promises against what is on disk now, and recompute every number that can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from blocks.staging import LOOKUPS, fingerprint_of
from tasks.quality.errors import GonogoError
from tasks.quality.ledger import Entry
from tasks.quality.verify import Check, chain, change_sets, conservation, decided, lineage, same
from tasks.run import Run

GONE = "it is gone"


def verify(run: Run, head: str | None = None) -> tuple[Check, ...]:
    """Check the ledger, the files it names, and every count and figure by running its query again.

    Args:
        run: what to check.
        head: the ledger head that a report or notification printed.
    """
    with run.open_ledger() as ledger:
        entries = ledger.entries(run.id)
    return (
        chain(entries, head),
        decided(entries),
        conservation(entries),
        lineage(entries),
        same("snapshot fingerprints", _snapshots(run, entries), "snapshots"),
        same("change set fingerprints", _change_sets(entries), "files"),
        same("issue counts", _issue_counts(run, entries), "counts, queried again"),
        same("goal figures", _figures(run, entries), "figures, queried again"),
    )


def _snapshots(run: Run, entries: tuple[Entry, ...]) -> Iterator[tuple[str, object, object]]:
    for snapshot in run.snapshots():
        yield snapshot.id, snapshot.fingerprint, _fingerprint(snapshot.uri)
    for extracted in _stages(entries, "extract"):
        if extracted.get("lookups"):
            yield "lookups", extracted["lookups"], _fingerprint(str(Path(run.staging) / run.id / LOOKUPS))


def _change_sets(entries: tuple[Entry, ...]) -> Iterator[tuple[str, object, object]]:
    for key, made in change_sets(entries):
        yield f"cells of {key}", made["cells_fingerprint"], _fingerprint(made["cells_uri"])
        yield f"rows of {key}", made["rows_fingerprint"], _fingerprint(made["rows_uri"])
    for entry in (e for e in entries if e.kind == "returned"):
        yield f"rows of {entry.key}", entry.payload["rows_fingerprint"], _fingerprint(entry.payload["rows_uri"])
        yield f"cells of {entry.key}", entry.payload["cells_fingerprint"], _fingerprint(entry.payload["cells_uri"])


def _issue_counts(run: Run, entries: tuple[Entry, ...]) -> Iterator[tuple[str, object, object]]:
    for entry in _stages(entries, "assess"):
        queries = [(issue["id"], issue["count"], f"SELECT count(*) FROM ({issue['sql']})") for issue in entry["issues"]]
        yield from _again(run, entry["snapshot"], queries)


def _figures(run: Run, entries: tuple[Entry, ...]) -> Iterator[tuple[str, object, object]]:
    for entry in _stages(entries, "insight"):
        for figure in entry["figures"]:
            if figure["sql"]:
                yield from _again(run, figure["snapshot"], [(figure["goal"], figure["value"], figure["sql"])])


def _stages(entries: tuple[Entry, ...], stage: str) -> Iterator[Mapping[str, Any]]:
    yield from (e.payload for e in entries if e.kind == "stage" and e.payload["stage"] == stage)


def _again(
    run: Run, fingerprint: str, queries: Iterable[tuple[str, object, str]]
) -> Iterator[tuple[str, object, object]]:
    """Run queries on a snapshot again: (what it is, as recorded, as it comes out now)."""
    import duckdb

    by_print = {snapshot.fingerprint: snapshot for snapshot in run.snapshots()}
    try:
        with run.open_staging().open(by_print[fingerprint]) as tables:
            for name, recorded, query in queries:
                row = tables.raw_sql(query).fetchone()
                yield name, recorded, row[0] if row else None
    except (GonogoError, duckdb.Error, KeyError) as error:
        yield f"snapshot {fingerprint[:19]}…", "readable", f"unreadable ({type(error).__name__})"


def _fingerprint(uri: str) -> str:
    try:
        return fingerprint_of(Path(uri))
    except GonogoError:
        return GONE
