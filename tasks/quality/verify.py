"""The promises as checks over a run's ledger: each says what it looked at, and names the first thing that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.quality.ledger import Entry, broken

ROWS_GONE = ("dropped", "quarantined", "merged")


@dataclass(frozen=True)
class Check:
    """One promise and whether it holds.

    Attributes:
        checked: how many things were looked at.
        detail: what was checked, or the first thing that is wrong.
    """

    name: str
    ok: bool
    checked: int
    detail: str


def chain(entries: Sequence[Entry], head: str | None = None) -> Check:
    """Every entry carries the hash of the one before, and has not been changed."""
    if fault := broken(entries, head):
        return Check("ledger chain", False, len(entries), f"entry {fault.seq} ({fault.key}): {fault.why}")
    told = f"; it holds the printed head {head[:19]}…" if head else ""
    last = entries[-1].hash[:19] if entries else "none"
    return Check("ledger chain", True, len(entries), f"{len(entries)} entries, head {last}…{told}")


def decided(entries: Sequence[Entry]) -> Check:
    """Every change has a decision, every decision an answered gate, and every gate one answer."""
    answers = [e.payload["gate"] for e in entries if e.kind == "answer"]
    decisions = {e.payload["number"]: e for e in entries if e.kind == "decision"}
    faults = [
        f"gate {gate} has {answers.count(gate)} answers" for gate in dict.fromkeys(answers) if answers.count(gate) > 1
    ]
    faults += [f"decision {n} has no answered gate" for n, e in decisions.items() if e.payload["gate"] not in answers]
    changes = [e for e in entries if e.kind == "changes"]
    faults += [f"{e.key} has no decision" for e in changes if e.payload["decision"] not in decisions]
    detail = f"{len(changes)} change sets, {len(decisions)} decisions, {len(answers)} answered gates"
    return _check("every change has a decision", faults, len(changes) + len(decisions), detail)


def conservation(entries: Sequence[Entry]) -> Check:
    """No row is lost and none appears: at every step, and from the source to the destination."""
    steps = [e.payload for e in entries if e.kind == "changes"]
    faults = list(_unbalanced(steps))
    read = next((e.payload for e in entries if e.key == "stage-extract"), None)
    committed = next((e.payload for e in entries if e.kind == "commit"), None)
    if read is None:
        return _check("conservation of rows", faults, len(steps), "nothing was extracted yet")
    if read["rows_read"] != read["rows_staged"] + read["quarantined"]:
        faults.append(f"{read['rows_read']} read, but {read['rows_staged']} staged + {read['quarantined']} malformed")
    gone = {name: sum(step[name] for step in steps) for name in ROWS_GONE}
    left = read["rows_staged"] - sum(gone.values())
    if committed and committed["rows_written"] != left:
        faults.append(f"{committed['rows_written']} rows were loaded, {left} should have been")
    where = "loaded" if committed else "in the last snapshot"
    parts = " + ".join(f"{n:,} {name}" for name, n in gone.items())
    malformed = read["quarantined"]
    detail = f"{read['rows_read']:,} read = {left:,} {where} + {parts} + {malformed:,} malformed in quarantine"
    return _check("conservation of rows", faults, len(steps) + 1, detail)


def lineage(entries: Sequence[Entry]) -> Check:
    """Every snapshot names the one it was made from, back to the source."""
    staged = next((e.payload["snapshot"] for e in entries if e.key == "stage-extract"), None)
    known, faults = {staged}, []
    refined = [e for e in entries if e.kind == "refined"]
    for entry in refined:
        if entry.payload["parent"] not in known:
            faults.append(f"{entry.key}: its parent {str(entry.payload['parent'])[:19]}… is no snapshot of this run")
        known.add(entry.payload["fingerprint"])
    return _check(
        "snapshot lineage", faults, len(refined) + bool(staged), f"{len(refined) + bool(staged)} snapshots in a chain"
    )


def same(name: str, compared: Iterable[tuple[str, object, object]], what: str) -> Check:
    """Things that must be equal: (what it is, as recorded, as found now)."""
    pairs = list(compared)
    faults = [f"{thing}: recorded {_short(then)}, found {_short(now)}" for thing, then, now in pairs if then != now]
    return _check(name, faults, len(pairs), f"{len(pairs)} {what}")


def _unbalanced(steps: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for step in steps:
        out = step["rows_out"] + sum(step[name] for name in ROWS_GONE)
        if step["rows_in"] != out:
            yield f"decision {step['decision']}: {step['rows_in']} rows in, {out} accounted for"


def _check(name: str, faults: Sequence[str], checked: int, detail: str) -> Check:
    return Check(name, not faults, checked, faults[0] if faults else detail)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"  # noqa: PLR2004
