"""The ledger's entries: a chain in which every entry carries the hash of the one before.

An entry's hash covers everything in it, so a changed, removed or inserted entry breaks the chain. What repeats
from run to run (the payload) holds no time and no id, those are in the envelope; but for signatures, and the hashes of
what exactly was shown: a question, a page. Those are one run's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass, replace
from datetime import time
from enum import Enum
from typing import Any

GENESIS = "sha256:" + "0" * 64
"""What the first entry of a run carries as the hash before it."""

KINDS = {
    "opened": "a run began, with this pipeline",
    "stage": "a stage was done, with these numbers",
    "page": "a report page was written, with this hash",
    "hold": "a gate asked, on this evidence",
    "submission": "an identified person handed in an answer",
    "refused": "an answer could not be taken",
    "attempt": "somebody who may not answer tried to",
    "signature": "one of the people that a strict gate needs said this",
    "answer": "a gate was answered",
    "decision": "a remedy was decided",
    "routing": "which module carries out which decision",
    "changes": "a decision was carried out, with this effect",
    "refined": "a module's decisions made this snapshot",
    "undone": "a decision was taken back; the table was made anew without it",
    "rewound": "the run went back to an earlier table, or looks again with another contract or goals",
    "returned": "corrected rows came back from quarantine",
    "failed": "a decision could not be carried out; nothing was changed",
    "reminded": "somebody was reminded of a gate that waits",
    "escalated": "a second group was asked to answer a gate",
    "overdue": "a gate's deadline passed unanswered",
    "request": "a pilot asked the run to hold or stop",
    "heeded": "the request was heeded before this stage",
    "commit": "the destination has the data",
    "unloaded": "the destination's last load was taken back",
    "settled": "the source was told what became of its batch",
    "lineage": "an OpenLineage backend was told of the run, or could not be",
    "outcome": "the run ended",
    "remembered": "an answer was made standing decisions",
    "policy": "a standing decision was made",
    "revoked": "a standing decision holds no more",
    "approver": "somebody was made, changed or removed as an approver",
}
"""Every kind of entry there is."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Entry:
    """One line of a run's diary.

    Attributes:
        seq: 1-based position in the run.
        key: unique within the run; appending the same key again changes nothing.
        at: UTC time, ISO 8601.
        previous: hash of the entry before, `GENESIS` for the first.
    """

    run_id: str
    seq: int
    key: str
    kind: str
    payload: Mapping[str, Any]
    actor: str
    method: str
    at: str
    previous: str
    hash: str


@dataclass(frozen=True)
class Broken:
    """The first entry that does not hold, and why."""

    seq: int
    key: str
    why: str


def canonical(value: Any) -> str:
    """The value as JSON with one spelling: sorted keys, no spaces; dataclasses as objects, enums as their values.

    Lone surrogates are escaped, so the text can be encoded and stored anywhere.

    Raises:
        ValueError: a number that JSON cannot hold (NaN, infinity).
        TypeError: a value that is not plain data.

    >>> canonical({"b": 1, "a": (True, None)})
    '{"a":[true,null],"b":1}'
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def digest(value: Any) -> str:
    """The SHA-256 of the value's canonical JSON, as `sha256:<hex>`."""
    return "sha256:" + hashlib.sha256(canonical(value).encode()).hexdigest()


def link(
    previous: Entry | None,
    *,
    run_id: str,
    key: str,
    kind: str,
    payload: Mapping[str, Any],
    actor: str,
    method: str,
    at: str,
) -> Entry:
    """The entry that follows `previous`.

    Raises:
        ValueError: an unknown kind, or a payload that JSON cannot hold.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown ledger kind '{kind}'; kinds: {', '.join(KINDS)}")
    seq, before = (previous.seq + 1, previous.hash) if previous else (1, GENESIS)
    unsealed = Entry(run_id, seq, key, kind, json.loads(canonical(payload)), actor, method, at, before, "")
    return replace(unsealed, hash=_hash(unsealed))


def broken(entries: Sequence[Entry], head: str | None = None) -> Broken | None:
    """The first entry that does not hold, or None.

    Args:
        entries: one run's entries by `seq`.
        head: the hash that a report or notification printed; without it a cut-off end cannot be noticed.
    """
    previous: Entry | None = None
    for entry in entries:
        if why := _fault(previous, entry):
            return Broken(entry.seq, entry.key, why)
        previous = entry
    if head and all(entry.hash != head for entry in entries):
        last = previous.seq if previous else 0
        return Broken(last, previous.key if previous else "", f"the printed head {head} is not among the entries")
    return None


def _fault(previous: Entry | None, entry: Entry) -> str:
    expected = previous.seq + 1 if previous else 1
    if entry.seq != expected:
        return f"entry {expected} is missing"
    if entry.previous != (previous.hash if previous else GENESIS):
        return "it does not carry the hash of the entry before"
    return "" if entry.kind in KINDS and _hash(entry) == entry.hash else "its content was changed after it was written"


def _hash(entry: Entry) -> str:
    """Covers the hash before it, the envelope and the payload."""
    told = ("run_id", "seq", "key", "kind", "actor", "method", "at")
    return digest([entry.previous, {name: getattr(entry, name) for name in told}, entry.payload])


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, time):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not a ledger value")
