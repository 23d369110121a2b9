"""What a run delivered, read back from its destination now and compared with the receipts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.load import batch_of
from tasks.quality.errors import GonogoError
from tasks.quality.ledger import Entry
from tasks.quality.verify import Unknown
from tasks.recount import Compared
from tasks.run import Run


@dataclass(frozen=True)
class Delivery:
    """One load: its receipt, when it was, the snapshot, and the rows if they were not the whole snapshot."""

    receipt: Mapping[str, Any]
    at: str
    snapshot: str
    rows_uri: str = ""

    @property
    def told(self) -> str:
        """What was loaded, and when."""
        rows, at = self.receipt["rows_written"], self.at[:16].replace("T", " ")
        return f"{self.receipt['destination']}: {rows:,} rows loaded {at} UTC"


def deliveries(entries: Sequence[Entry]) -> tuple[Delivery, ...]:
    """What a destination should hold of a run: of loads that replace each other, the last one."""
    found = [Delivery(e.payload, e.at, e.payload["snapshot"]) for e in entries if e.kind == "commit"]
    for entry in (e for e in entries if e.kind == "returned" and e.payload["loaded"]):
        receipt, snapshot = entry.payload["loaded"], entry.payload["fingerprint"]
        if receipt["mode"] == "replace":
            found = [Delivery(receipt, entry.at, snapshot)]
        else:
            found.append(Delivery(receipt, entry.at, snapshot, entry.payload["rows_uri"]))
    return tuple(found)


def delivered(run: Run, entries: Sequence[Entry]) -> Iterator[Compared]:
    """The fingerprint of every load, as its receipt tells it and as the destination gives it now."""
    import duckdb

    for delivery in deliveries(entries):
        told = str(delivery.receipt["fingerprint"])
        try:
            found = _read_back(run, delivery)
        except GonogoError as error:
            yield delivery.told, told, Unknown(error.message)
            continue
        except duckdb.Error as error:
            yield delivery.told, told, Unknown(f"its snapshot is unreadable ({type(error).__name__})")
            continue
        if found != told and (later := _loaded_since(run, delivery)):
            yield delivery.told, told, Unknown(f"{later} has loaded into it since")
        else:
            yield delivery.told, told, found or "it is gone"


def _read_back(run: Run, delivery: Delivery) -> str | None:
    snapshot = next(s for s in run.snapshots() if s.fingerprint == delivery.snapshot)
    spec = run.spec()
    views = {"alone": delivery.rows_uri} if delivery.rows_uri else {}
    with run.open_staging().open(snapshot, views) as tables:
        whole = tables.table("snapshot")
        rows = tables.table("alone").select(*whole.columns) if views else whole
        return spec.destination.read_back(batch_of(run, rows, snapshot, run.rounds()), spec.base())


def _loaded_since(run: Run, delivery: Delivery) -> str:
    """The name of another run that loaded into the same destination later, if one did."""
    if delivery.receipt["mode"] == "append":
        return ""
    with run.open_ledger() as ledger:
        for other in ledger.runs():
            loads = [e for e in ledger.entries(other.run_id) if e.kind == "commit" and e.at > delivery.at]
            same = any(load.payload["destination"] == delivery.receipt["destination"] for load in loads)
            if other.run_id != run.id and same:
                return other.name
    return ""
