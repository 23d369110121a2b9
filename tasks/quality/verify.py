"""The promises as checks over a run's ledger: each says what it looked at, and names the first thing that is wrong.

What could not be looked at is said, too, and is neither: a check that found nothing wrong in what it could look at is
`ok`, and `unchecked` says what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tasks.quality.history import REVISIONS, ROWS_GONE, History, history, loads
from tasks.quality.ledger import Entry, broken
from tasks.quality.wording import plural

SHOWN = 60
"""Characters of a recorded or found value that a check tells."""


@dataclass(frozen=True)
class Check:
    """One promise and whether it holds.

    Attributes:
        checked: how many things were looked at.
        detail: what was checked, or the first thing that is wrong.
        unchecked: what could not be checked, and why.
    """

    name: str
    ok: bool
    checked: int
    detail: str
    unchecked: str = ""


def chain(entries: Sequence[Entry], head: str | None = None) -> Check:
    """Every entry carries the hash of the one before, and has not been changed."""
    if fault := broken(entries, head):
        return Check("ledger chain", False, len(entries), f"entry {fault.seq} ({fault.key}): {fault.why}")
    told = f"; it holds the printed head {head[:19]}…" if head else ""
    last = entries[-1].hash[:19] if entries else "none"
    return Check("ledger chain", True, len(entries), f"{plural(len(entries), 'entry', 'entries')}, head {last}…{told}")


def decided(entries: Sequence[Entry]) -> Check:
    """Every change has a decision, every decision an answered gate, and every gate one answer."""
    answers = [e.payload["gate"] for e in entries if e.kind == "answer"]
    decisions = {e.payload["number"]: e for e in entries if e.kind == "decision"}
    faults = [
        f"gate {gate} has {answers.count(gate)} answers" for gate in dict.fromkeys(answers) if answers.count(gate) > 1
    ]
    faults += [f"decision {n} has no answered gate" for n, e in decisions.items() if e.payload["gate"] not in answers]
    changes = list(change_sets(entries))
    faults += [f"{key} has no decision" for key, made in changes if made["decision"] not in decisions]
    undone = [e for e in entries if e.kind == "undone"]
    faults += [f"{e.key} undoes no decision" for e in undone if e.payload["decision"] not in decisions]
    detail = f"{plural(len(changes), 'change set')}, {plural(len(decisions), 'decision')}, "
    detail += plural(len(answers), "answered gate")
    detail += f", {len(undone)} undone" if undone else ""
    return _check("every change has a decision", faults, len(changes) + len(decisions), detail)


def change_sets(entries: Sequence[Entry]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every change set there ever was, those of decisions that were carried out again as well: where, and what."""
    for entry in entries:
        if entry.kind == "changes":
            yield entry.key, entry.payload
        elif entry.kind == "undone":
            yield from ((f"{entry.key}, decision {made['decision']}", made) for made in entry.payload["changes"])


def conservation(entries: Sequence[Entry]) -> Check:
    """No row is lost and none appears: at every step, and from the source to the destination, and on the way back."""
    stands = history(entries)
    steps = [made for _key, made in change_sets(entries)]
    faults = [*_unbalanced(steps), *_too_many_returned(stands)]
    read = next((e.payload for e in entries if e.key == "stage-extract"), None)
    if read is None:
        return _check("conservation of rows", faults, len(steps), "nothing was extracted yet")
    if "why" in read:
        faults += [f"{e.key} loaded rows, but nothing was read" for e in entries if _receipt(e)]
        return _check("conservation of rows", faults, 1, f"nothing was read: {read['why']}")
    if read["rows_read"] != read["rows_staged"] + read["quarantined"]:
        faults.append(f"{read['rows_read']} read, but {read['rows_staged']} staged + {read['quarantined']} malformed")
    commits = [_commit(entries[: n + 1], read["rows_staged"]) for n, e in enumerate(entries) if _receipt(e)]
    for written, due in commits:
        if written != due:
            faults.append(f"{plural(written, 'row was', 'rows were')} loaded, {due} should have been")
    faults += _never_loaded(entries)
    gone, left = stands.gone, _left(read["rows_staged"], stands)
    where = "loaded" if loads(entries) else "in the last snapshot"
    where += "; the load was taken back;" if commits and not loads(entries) else ""
    parts = " + ".join(f"{n:,} {name}" for name, n in gone.items())
    back = f" ({stands.rows_returned:,} came back)" if stands.rows_returned else ""
    malformed = read["quarantined"]
    detail = f"{read['rows_read']:,} read = {left:,} {where}{back} + {parts} + {malformed:,} malformed in quarantine"
    return _check("conservation of rows", faults, len(steps) + 1, detail)


def _left(staged: int, stands: History) -> int:
    return staged - sum(stands.gone.values())


def _receipt(entry: Entry) -> Mapping[str, Any] | None:
    """What a destination took, if an entry says that it took anything."""
    if entry.kind == "commit":
        return entry.payload
    return entry.payload["loaded"] if entry.kind == "returned" else None


def _commit(entries: Sequence[Entry], staged: int) -> tuple[int, int]:
    """How many rows the last entry loaded, and how many it had to: all, or those that had come back alone."""
    receipt = _receipt(entries[-1]) or {}
    alone = entries[-1].kind == "returned" and receipt["mode"] != "replace"
    due = int(entries[-1].payload["rows"]) if alone else _left(staged, history(entries))
    return int(receipt["rows_written"]), due


def _never_loaded(entries: Sequence[Entry]) -> Iterator[str]:
    """Loads that were taken back although they did not stand."""
    for n, entry in enumerate(entries):
        if entry.kind == "unloaded" and entry.payload["load"] not in [load.key for load in loads(entries[:n])]:
            yield f"{entry.key} takes back '{entry.payload['load']}', which was not loaded"


def _too_many_returned(stands: History) -> Iterator[str]:
    quarantined = {made["decision"]: made["quarantined"] for made in stands.changes}
    for number, rows in stands.returned.items():
        if rows > quarantined.get(number, 0):
            there = f"the {quarantined.get(number, 0)} that decision {number} had in quarantine"
            yield f"{plural(rows, 'row came', 'rows came')} back of {there}"


def lineage(entries: Sequence[Entry]) -> Check:
    """Every snapshot names the one it was made from, back to the source."""
    staged = next((e.payload.get("snapshot") for e in entries if e.key == "stage-extract"), None)
    known, faults = {staged}, []
    made = [e for e in entries if e.kind in ("refined", *REVISIONS)]
    for entry in made:
        if entry.payload["parent"] not in known:
            faults.append(f"{entry.key}: its parent {str(entry.payload['parent'])[:19]}… is no snapshot of this run")
        known.add(entry.payload["fingerprint"])
    return _check(
        "snapshot lineage", faults, len(made) + bool(staged), f"{len(made) + bool(staged)} snapshots in a chain"
    )


@dataclass(frozen=True)
class Unknown:
    """What stands for a value that could not be looked at, and why."""

    why: str


def same(name: str, compared: Iterable[tuple[str, object, object]], many: str, one: str = "") -> Check:
    """Things that must be equal: (what it is, as recorded, as found now or `Unknown`); and how they are called."""
    pairs = list(compared)
    known = [pair for pair in pairs if not isinstance(pair[2], Unknown)]
    unknown = [f"{thing}: {now.why}" for thing, _then, now in pairs if isinstance(now, Unknown)]
    faults = [f"{thing}: recorded {_short(then)}, found {_short(now)}" for thing, then, now in known if then != now]
    check = _check(name, faults, len(known), plural(len(known), one or many, many))
    more = f"; and {len(unknown) - 1} more" if len(unknown) > 1 else ""
    return replace(check, unchecked=unknown[0] + more) if unknown else check


def printed(entries: Sequence[Entry], heads: Iterable[tuple[str, str]]) -> Check:
    """Every ledger head that was printed outside the ledger, (where, head), is the hash of an entry."""
    known, found = {entry.hash for entry in entries}, list(heads)
    faults = [f"{where} prints {head[:19]}…, which is not in the ledger" for where, head in found if head not in known]
    return _check("printed ledger heads", faults, len(found), f"{len(found)} heads printed in reports")


def _unbalanced(steps: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for step in steps:
        out = step["rows_out"] + sum(step[name] for name in ROWS_GONE)
        if step["rows_in"] != out:
            yield f"decision {step['decision']}: {plural(step['rows_in'], 'row')} in, {out} accounted for"


def _check(name: str, faults: Sequence[str], checked: int, detail: str) -> Check:
    return Check(name, not faults, checked, faults[0] if faults else detail)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
