"""Verify: check a run's promises against what is there now, and recompute every number that was told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from blocks.staging import LOOKUPS, fingerprint_of
from tasks.delivered import delivered
from tasks.evidence import evidence, identities, signatures
from tasks.kept import goals, kept
from tasks.quality.errors import GonogoError
from tasks.quality.ledger import Entry
from tasks.quality.model import ROW, Snapshot
from tasks.quality.verify import Check, Unknown, chain, change_sets, conservation, decided, lineage, printed, same
from tasks.recount import FAMILIES, Compared, recounted, stages
from tasks.run import Run

GONE = "it is gone"

_HEAD = re.compile(r'(?:<dt>Ledger head</dt><dd class="mono">|"ledger_head": ")(sha256:[0-9a-f]{64})')


def verify(run: Run, head: str | None = None) -> tuple[Check, ...]:
    """Check the ledger, the files it names, every number by computing it again, and what the destination holds.

    Args:
        run: what to check.
        head: the ledger head that a report or notification printed.
    """
    with run.open_ledger() as ledger:
        entries = ledger.entries(run.id)
    sound = chain(entries, head)
    if not sound.ok:
        return (sound,)  # nothing that such a ledger says can be relied on
    of_ledger = (
        sound,
        printed(entries, _printed_heads(run)),
        same("pages", _pages(run, entries), "pages as they were written", "page as it was written"),
        decided(entries),
        same("identities", identities(run, entries), "answers and decisions"),
        same("signatures", signatures(run, entries), "seals, questions and answers that were signed"),
        conservation(entries),
        lineage(entries),
    )
    if not any(extracted.get("snapshot") for extracted in stages(entries, "extract")):
        return of_ledger  # nothing was read
    return (
        *of_ledger,
        same("evidence", evidence(run, entries), "hashes, sealed again"),
        same("snapshot fingerprints", _snapshots(run, entries), "facts of snapshots", "fact of snapshots"),
        same("change set fingerprints", _change_sets(entries), "files", "file"),
        same("kept records", kept(run, entries), "values"),
        *(same(name, recounted(run, claims(run, entries)), "computed again") for name, claims in FAMILIES.items()),
        same("goals before and after", goals(run, entries), "values computed again"),
        same("destination", delivered(run, entries), "loads read back", "load read back"),
    )


def _printed_heads(run: Run) -> Iterator[tuple[str, str]]:
    """The ledger heads in the footers of the run's report pages."""
    for page in _page_files(run):
        for found in _HEAD.findall(page.read_text("utf-8", "replace")):
            yield page.name, found


def _pages(run: Run, entries: Sequence[Entry]) -> Iterator[Compared]:
    """The hash of every page of the run, as the ledger was told it when the page was written."""
    written = [entry for entry in entries if entry.kind == "page"]
    told = {str(entry.payload["page"]): entry.payload["hash"] for entry in written}
    since = {entry.hash for entry in entries if written and entry.seq >= written[0].seq}
    newer = {name for name, head in _printed_heads(run) if head in since}
    there = {page.name for page in _page_files(run)}
    for name in sorted({*told, *there}):
        found = _fingerprint(str(run.page_file(name)))
        if name in told or name in newer:
            yield name, told.get(name, "no hash of it"), found
        else:
            yield name, "", Unknown("the ledger holds no hash of it: an earlier version wrote it")


def _page_files(run: Run) -> list[Path]:
    folder = Path(run.reports)
    return sorted([*folder.glob("*.html"), *folder.glob("*.json")])


def _snapshots(run: Run, entries: tuple[Entry, ...]) -> Iterator[Compared]:
    for snapshot in run.snapshots():
        yield snapshot.id, snapshot.fingerprint, _fingerprint(snapshot.uri)
        yield f"rows and columns of {snapshot.id}", (snapshot.rows, snapshot.columns), _shape(snapshot)
    recorded = {str(e.payload["snapshot"]): e.payload["fingerprint"] for e in entries if "fingerprint" in e.payload}
    for snapshot in run.snapshots()[1:]:
        yield f"record of {snapshot.id}", recorded.get(snapshot.id), snapshot.fingerprint
    by_print = {snapshot.fingerprint: snapshot for snapshot in run.snapshots()}
    for profiled in stages(entries, "profile"):
        if about := by_print.get(profiled["snapshot"]):
            domains = Path(about.uri).with_name(f"{about.id}.domains.parquet")
            yield f"values of {about.id}", profiled["domains"], _fingerprint(str(domains))
    for extracted in stages(entries, "extract"):
        yield "record of the source", extracted.get("snapshot"), run.snapshots()[0].fingerprint
        if extracted.get("lookups"):
            yield "lookups", extracted["lookups"], _fingerprint(str(Path(run.staging) / run.id / LOOKUPS))


def _change_sets(entries: tuple[Entry, ...]) -> Iterator[Compared]:
    for key, made in change_sets(entries):
        yield f"cells of {key}", made["cells_fingerprint"], _fingerprint(made["cells_uri"])
        yield f"rows of {key}", made["rows_fingerprint"], _fingerprint(made["rows_uri"])
    for entry in (e for e in entries if e.kind == "returned"):
        yield f"rows of {entry.key}", entry.payload["rows_fingerprint"], _fingerprint(entry.payload["rows_uri"])
        yield f"cells of {entry.key}", entry.payload["cells_fingerprint"], _fingerprint(entry.payload["cells_uri"])


def _shape(snapshot: Snapshot) -> object:
    """How many rows and which columns a snapshot's file has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.read_metadata(snapshot.uri)
    except (OSError, pa.ArrowInvalid) as error:
        return Unknown(f"unreadable ({type(error).__name__})")
    return file.num_rows, tuple(name for name in file.schema.to_arrow_schema().names if name != ROW)


def _fingerprint(uri: str) -> str:
    try:
        return fingerprint_of(Path(uri))
    except GonogoError:
        return GONE
