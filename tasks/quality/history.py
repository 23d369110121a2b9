"""What stands of a run's history: pilots undo decisions and bring rows back, and the ledger forgets nothing.

A revision is one entry, written whole or not at all:

- `undone`: a decision is taken back. `snapshot` is the table without it; `changes` are the change sets of the decisions
  after it, carried out anew; those in `dropped` went with it.
- `rewound`: the run went back to an earlier table, or looks at the same one under another contract; the decisions in
  `dropped` do not stand any more.
- `returned`: rows came back from quarantine. `snapshot` is the table with them.

A gate that waited while its table was revised is answered by the revision: look again, ask again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.quality.ledger import Entry

REVISIONS = ("undone", "returned", "rewound")
"""Kinds of entries that make another table of the run's last one."""

ROWS_GONE = ("dropped", "quarantined", "merged")
"""Where a change set's rows went."""


@dataclass(frozen=True)
class History:
    """What stands.

    Attributes:
        decisions: payloads of the decisions in force, by number.
        changes: payloads of their change sets, as last carried out.
        undone: decision → who took it back, or with which decision it went.
        returned: decision → rows that it had put into quarantine and that are back.
    """

    decisions: tuple[Mapping[str, Any], ...]
    changes: tuple[Mapping[str, Any], ...]
    undone: Mapping[int, str]
    returned: Mapping[int, int]

    @property
    def rows_returned(self) -> int:
        """Rows that came back from quarantine."""
        return sum(self.returned.values())

    @property
    def gone(self) -> dict[str, int]:
        """Rows that are not in the table, by where they are; what came back is no longer in quarantine."""
        gone = {name: sum(made[name] for made in self.changes) for name in ROWS_GONE}
        return gone | {"quarantined": gone["quarantined"] - self.rows_returned}


def history(entries: Sequence[Entry]) -> History:
    """What stands after these entries of one run."""
    decisions: dict[int, Mapping[str, Any]] = {}
    changes: dict[int, Mapping[str, Any]] = {}
    undone: dict[int, str] = {}
    returned: dict[int, int] = {}
    for entry in entries:
        said = entry.payload
        if entry.kind == "decision":
            decisions[said["number"]] = said
        elif entry.kind == "changes":
            changes[said["decision"]] = said
        elif entry.kind == "undone":
            gone = {said["decision"]: f"undone by {entry.actor}"}
            gone |= {each["decision"]: f"gone with decision {said['decision']}" for each in said["dropped"]}
            undone |= gone
            changes |= {each["decision"]: each for each in said["changes"]}
        elif entry.kind == "rewound":
            undone |= {each["decision"]: f"{each['why']} by {entry.actor}" for each in said["dropped"]}
        elif entry.kind == "returned":
            for number, rows in said["rows_by_decision"].items():
                returned[int(number)] = returned.get(int(number), 0) + rows
    standing = [number for number in sorted(decisions) if number not in undone]
    return History(
        tuple(decisions[number] for number in standing),
        tuple(changes[number] for number in standing if number in changes),
        undone,
        returned,
    )


@dataclass(frozen=True)
class Load:
    """What a destination took and still has: the ledger's entry, what the destination knows it by, its receipt."""

    key: str
    id: str
    at: str
    receipt: Mapping[str, Any]


def loads(entries: Sequence[Entry]) -> tuple[Load, ...]:
    """The loads of a run that were not taken back, in their order."""
    standing: dict[str, Load] = {}
    for entry in entries:
        if entry.kind == "commit":
            standing[entry.key] = Load(entry.key, entry.run_id, entry.at, entry.payload)
        elif entry.kind == "returned" and entry.payload["loaded"]:
            known_by = load_id(entry.run_id, str(entry.payload["snapshot"]))
            standing[entry.key] = Load(entry.key, known_by, entry.at, entry.payload["loaded"])
        elif entry.kind == "unloaded":
            standing.pop(str(entry.payload["load"]), None)
    return tuple(standing.values())


def deliveries(entries: Sequence[Entry]) -> tuple[Load, ...]:
    """What a destination should hold of a run: of loads that replace each other, the last one."""
    standing = loads(entries)
    last = max((n for n, load in enumerate(standing) if load.receipt["mode"] == "replace"), default=0)
    return standing[last:]


def rows_there(entries: Sequence[Entry]) -> int | None:
    """Rows that the destination took of a run and still has; None when it never took any."""
    there = [int(load.receipt["rows_written"]) for load in deliveries(entries)]
    return sum(there) if there or taken_back(entries) else None


def taken_back(entries: Sequence[Entry]) -> Entry | None:
    """The entry of the take-back after which the destination has nothing of a run, if it has nothing for that."""
    last = next((entry for entry in reversed(entries) if entry.kind == "unloaded"), None)
    return None if loads(entries) else last


def returned_unmeasured(entries: Sequence[Entry]) -> int:
    """Rows that came back from quarantine after the goals were measured last."""
    measured = max((e.seq for e in entries if e.kind == "stage" and e.payload["stage"] == "insight"), default=0)
    return sum(int(e.payload["rows"]) for e in entries if e.kind == "returned" and e.seq > measured > 0)


def load_id(run_id: str, snapshot: str) -> str:
    """What a destination knows rows by that came back from quarantine, as this snapshot."""
    return f"{run_id}-{snapshot.rpartition('-')[2]}"


def revision_at(entries: Sequence[Entry], gate: str) -> Entry | None:
    """The last revision of the table that a gate was asking about, if there was one."""
    return next((e for e in reversed(entries) if e.kind in REVISIONS and e.payload["gate"] == gate), None)


def snapshots(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Ids of the snapshots made after the source's, in the order in which they were made."""
    made = ("refined", "undone", "returned")
    return tuple(str(entry.payload["snapshot"]) for entry in entries if entry.kind in made)
