"""Lineage: tell an OpenLineage backend of a run's begin, end or failure; what it does not take is no trouble."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from tasks.quality.checks import ContractCheck
from tasks.quality.errors import GonogoError, Unavailable
from tasks.quality.history import rows_there
from tasks.quality.ledger import Entry
from tasks.quality.secrets import mask
from tasks.quality.trace import column_path
from tasks.run import Run

if TYPE_CHECKING:
    from blocks.lineage import Receiver
    from tasks.reports.lineage import Column, Moment, Place, Told

ENDS: dict[str, Moment] = {"loaded": "COMPLETE", "nothing new": "COMPLETE", "no-go": "ABORT"}
"""How OpenLineage calls the outcomes."""


def tell_begin(run: Run) -> None:
    """Tell that the run has begun, if anybody is to be told."""
    if to := _receiver(run):
        _tell(run, to, "START", "lineage-start")


def tell_end(run: Run, outcome: str) -> None:
    """Tell how the run ended; and what was not taken at its begin, once more."""
    if to := _receiver(run):
        _begin_again(run, to)
        _tell(run, to, ENDS[outcome], "lineage-end")


def tell_broken(run: Run, moment: Literal["FAIL", "ABORT"], problem: str, attempt: int) -> None:
    """Tell that an attempt of the run failed, or was cancelled; when it is resumed, its end is told as well."""
    if to := _receiver(run):
        _begin_again(run, to)
        _tell(run, to, moment, f"lineage-{moment.lower()}-{attempt}", mask(problem))


def _begin_again(run: Run, to: Receiver) -> None:
    begin = [e.payload["delivered"] for e in run.entries() if e.key == "lineage-start"]
    if begin and not begin[0]:
        _tell(run, to, "START", "lineage-start-again")


def _receiver(run: Run) -> Receiver | None:
    from blocks.lineage import receiver

    spec = run.spec()
    try:
        return receiver(spec.lineage, spec.base())
    except GonogoError as error:  # a variable that is not set now
        with run.open_ledger() as ledger:
            ledger.append(run.id, "lineage-unknown", "lineage", {"delivered": False, "problem": error.message})
        return None


def _tell(run: Run, to: Receiver, moment: Moment, key: str, note: str = "") -> None:
    from tasks.reports.lineage import event

    problem = ""
    try:
        to.send(event(moment, _told(run, to.namespace, moment, note)))
    except GonogoError as error:
        problem = error.message
    except Exception as error:  # noqa: BLE001  (it is written down, and no reason for a run to fail)
        problem = f"{type(error).__name__}: {mask(str(error))}"
    with run.open_ledger() as ledger:
        payload = {"event": moment, "to": to.name, "delivered": not problem, "problem": problem}
        ledger.append(run.id, key, "lineage", payload)


def _told(run: Run, namespace: str, moment: Moment, note: str) -> Told:
    from tasks.reports.lineage import Told

    spec, entries = run.spec(), run.entries()
    told = Told(
        run_id=run.id,
        at=entries[0].at,
        namespace=namespace,
        pipeline=run.pipeline,
        description=spec.description,
        version=version("gonogo"),
        inputs=tuple(_places(spec.source, spec.base())),
        output=place_of(spec.destination, spec.base()),
    )
    if moment == "START":
        return told
    if end := next((e for e in entries if e.kind == "outcome"), None):
        told = replace(told, at=end.at, outcome=end.payload["outcome"], note=end.payload["note"], head=end.hash)
    else:
        at, outcome = datetime.now(UTC).isoformat(), "failed" if moment == "FAIL" else "cancelled"
        told = replace(told, at=at, outcome=outcome, note=note, head=entries[-1].hash)
    return replace(told, **_measured(run, entries), decisions=tuple(_decisions(run, entries)))


def _measured(run: Run, entries: Sequence[Entry]) -> dict[str, Any]:
    """Profiles, checks and columns of the first and last look, as far as the run got."""
    last = run.rounds()
    loaded = rows_there(entries)
    if not last:
        return {}
    try:
        return {
            "before": run.profile(1),
            "after": None if loaded is None else run.profile(last),
            "checks_before": run.recall_all(ContractCheck, "checks-1"),
            "checks_after": () if loaded is None else run.recall_all(ContractCheck, f"checks-{last}"),
            "columns": tuple(_columns(run, last)),
            "rows_loaded": loaded,
        }
    except Unavailable:
        return {}


def _columns(run: Run, last: int) -> Iterator[Column]:
    """Each column that was loaded: where it is from, and what the decisions did to it."""
    from tasks.audit import cells_by_column
    from tasks.reports.lineage import Column

    changes, decisions = run.changes(), {d.number: d for d in run.decisions()}
    renames = [(old, new) for made in changes for old, new in made.columns_renamed]
    paths = {path[-1]: path for path in (column_path(c, renames) for c in run.snapshots()[0].columns)}
    touched = {made.decision: {column for column, _n in cells_by_column(made.cells_uri)} for made in changes}
    sources = {name: path[0] for path in paths.values() for name in path}
    for column in run.profile(last).columns:
        path = paths.get(column.name, (column.name,))
        mine = [decisions[n] for n, columns in touched.items() if columns.intersection(path)]
        others = dict.fromkeys(sources[c] for d in mine for c in d.columns if c in sources and c not in path)
        source = path[0] if column.name in paths else ""
        yield Column(column.name, source, tuple(d.label for d in mine), tuple(others))


def _decisions(run: Run, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    made = {changes.decision: changes for changes in run.changes()}
    answers = {e.payload["gate"]: e for e in entries if e.kind == "answer"}
    for entry in (e for e in entries if e.kind == "decision" and e.payload["number"] in made):
        said, done = entry.payload, made[entry.payload["number"]]
        answer = answers.get(said["gate"])
        yield {
            "number": said["number"],
            "issue": said["issue"],
            "action": said["label"],
            "columns": list(said["columns"]),
            "decidedBy": entry.actor,
            "method": entry.method,
            "decidedAt": answer.at if answer else entry.at,
            "evidence": str(answer.payload.get("evidence", "")) if answer else "",
            "cellsChanged": done.cells_changed,
            "rowsRemoved": done.dropped + done.quarantined + done.merged,
        }


def _places(source: Any, base: Path) -> Iterator[Place]:
    """The datasets of a source; one that is made of others has theirs."""
    if members := getattr(source, "sources", None):
        yield from (place_of(member, base) for member in members.values())
    else:
        yield place_of(source, base)


def place_of(place: Any, base: Path) -> Place:
    """A source or destination by the names that OpenLineage gives to such: no secret is in them."""
    from tasks.reports.lineage import Place

    settings = place.model_dump()
    address = str(settings.get("url") or settings.get("path") or "")
    if "://" not in address:
        return Place("file", mask(str((base / address).absolute()))) if address else Place(place.kind, place.describe())
    url = urlsplit(address)
    host = url.netloc.rpartition("@")[2]
    if "table" not in settings:
        return Place(f"{url.scheme}://{host}", url.path.lstrip("/") or "/")
    scheme = url.scheme.partition("+")[0].replace("postgresql", "postgres")
    table = ".".join(filter(None, (settings.get("schema_name") or settings.get("schema"), settings["table"])))
    if scheme == "sqlite":
        return Place("file", f"{(base / url.path.removeprefix('/')).absolute()}.{table}")
    return Place(f"{scheme}://{host}", ".".join(filter(None, (url.path.lstrip("/"), table))))
