"""Verify: check a run's promises against what is on disk now, and recompute every number that can be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from blocks.staging import fingerprint_of
from tasks.quality.errors import GonogoError
from tasks.quality.ledger import Entry
from tasks.quality.verify import Check, chain, conservation, decided, lineage, same
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
        same("snapshot fingerprints", _snapshots(run), "snapshots"),
        same("change set fingerprints", _change_sets(run), "files"),
        same("issue counts", _issue_counts(run, entries), "counts, queried again"),
        same("goal figures", _figures(run, entries), "figures, queried again"),
    )


def _snapshots(run: Run) -> Iterator[tuple[str, object, object]]:
    for snapshot in run.snapshots():
        yield snapshot.id, snapshot.fingerprint, _fingerprint(snapshot.uri)


def _change_sets(run: Run) -> Iterator[tuple[str, object, object]]:
    for made in run.changes():
        yield f"cells of decision {made.decision}", made.cells_fingerprint, _fingerprint(made.cells_uri)
        yield f"rows of decision {made.decision}", made.rows_fingerprint, _fingerprint(made.rows_uri)


def _issue_counts(run: Run, entries: tuple[Entry, ...]) -> Iterator[tuple[str, object, object]]:
    by_print = {snapshot.fingerprint: snapshot for snapshot in run.snapshots()}
    for entry in entries:
        if entry.kind != "stage" or entry.payload["stage"] != "assess":
            continue
        with run.open_staging().open(by_print[entry.payload["snapshot"]]) as tables:
            for issue in entry.payload["issues"]:
                query = f"SELECT count(*) FROM ({issue['sql']})"
                yield f"{entry.key}, {issue['id']}", issue["count"], tables.raw_sql(query).fetchone()[0]


def _figures(run: Run, entries: tuple[Entry, ...]) -> Iterator[tuple[str, object, object]]:
    by_print = {snapshot.fingerprint: snapshot for snapshot in run.snapshots()}
    for entry in entries:
        if entry.kind != "stage" or entry.payload["stage"] != "insight":
            continue
        for figure in entry.payload["figures"]:
            if not figure["sql"]:
                continue
            with run.open_staging().open(by_print[figure["snapshot"]]) as tables:
                row = tables.raw_sql(figure["sql"]).fetchone()
            yield f"goal {figure['goal']}", figure["value"], row[0] if row else None


def _fingerprint(uri: str) -> str:
    try:
        return fingerprint_of(Path(uri))
    except GonogoError:
        return GONE
