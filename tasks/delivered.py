"""What a run delivered, read back from its destination now and compared with the receipts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.quality.errors import ChangedSince, GonogoError
from tasks.quality.history import Load, deliveries, loads
from tasks.quality.ledger import Entry
from tasks.quality.verify import Unknown
from tasks.quality.wording import plural
from tasks.recount import Compared
from tasks.run import Run


def delivered(run: Run, entries: Sequence[Entry]) -> Iterator[Compared]:
    """The fingerprint of every load, as its receipt tells it and as the destination gives it now."""
    spec = run.spec()
    for load in deliveries(entries):
        what, told = _told(load), str(load.receipt["fingerprint"])
        try:
            found = spec.destination.read_back(load.id, spec.base())
        except ChangedSince as error:
            yield what, told, error.message
            continue
        except GonogoError as error:
            yield what, told, Unknown(error.message)
            continue
        if found != told and (later := _loaded_since(run, load)):
            yield what, told, Unknown(f"{later} has loaded into it since")
        else:
            yield what, told, found or "it is gone"


def _told(load: Load) -> str:
    """What was loaded, and when."""
    rows, at = load.receipt["rows_written"], load.at[:16].replace("T", " ")
    return f"{load.receipt['destination']}: {plural(rows, 'row')} loaded {at} UTC"


def _loaded_since(run: Run, load: Load) -> str:
    """The name of another run that loaded into the same destination later, if one did."""
    if load.receipt["mode"] in ("append", "history"):  # what a load brought, the later ones leave as it is
        return ""
    with run.open_ledger() as ledger:
        for other in ledger.runs():
            later = [each for each in loads(ledger.entries(other.run_id)) if each.at > load.at]
            if other.run_id != run.id and any(_same_place(each, load) for each in later):
                return other.name
    return ""


def _same_place(load: Load, other: Load) -> bool:
    return bool(load.receipt["destination"] == other.receipt["destination"])
