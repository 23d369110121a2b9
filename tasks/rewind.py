"""Going back to an earlier stage: an earlier table of the run, or the same one with another contract or other goals.

Nothing is forgotten: one ledger entry says where the run went back to, and which decisions do not stand any more. The
gate that waited is answered by it: the run looks at that table, and asks again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.quality.errors import PilotMustDecide, did_you_mean
from tasks.quality.ledger import Entry, digest
from tasks.quality.model import Decision, Snapshot
from tasks.quality.question import Question
from tasks.run import Run

if TYPE_CHECKING:
    from blocks.spec import PipelineSpec

SAME, SOURCE = "assess", "source"
"""The table as it is now, looked at again; and as it came."""


@dataclass(frozen=True)
class Rewound:
    """Where a run went back to, and the decisions that went."""

    to: str
    snapshot: Snapshot
    dropped: tuple[Decision, ...]
    changed: tuple[str, ...]


def places(run: Run) -> tuple[str, ...]:
    """Where a run can go back to: its quality gates, its source, or its table as it is."""
    asked = [str(e.payload["gate"]) for e in run.entries() if e.kind in ("hold", "answer")]
    return (SAME, SOURCE, *dict.fromkeys(gate for gate in asked if gate.startswith("quality-")))


def rewind(
    run: Run, to: str, parts: Mapping[str, Any], *, gate: str, who: str, method: str, comment: str = ""
) -> Rewound:
    """Let a held run go back.

    Args:
        run: held at a gate.
        to: one of `places`.
        parts: sections of the pipeline that are another way from now on: "contract", "goals".
        gate: that the run is held at.
        who: wants it.
        method: how we know who it is.
        comment: why.

    Raises:
        PilotMustDecide: the run cannot go back there.
    """
    entries = run.entries()
    if not gate:
        raise PilotMustDecide(f"{run.name} has ended", todo=f"branch off: gonogo branch {run.name} --start {to}")
    if any(entry.kind == "returned" for entry in entries) and to != SAME:
        raise PilotMustDecide("rows have come back from quarantine since", where=run.name, todo="start another run")
    table = table_at(run, to)
    since = _since(entries, to)
    dropped = tuple(decision for decision in run.decisions() if decision.number in since)
    number = sum(entry.kind == "rewound" for entry in entries) + 1
    told = {
        "gate": gate,
        "to": to,
        "comment": comment,
        "snapshot": table.id,
        "fingerprint": table.fingerprint,
        "parent": table.fingerprint,
        "rows": table.rows,
        "dropped": [{"decision": decision.number, "why": f"gone back to {to}"} for decision in dropped],
        "changed": sorted(parts),
        "spec": _keep_spec(run, run.spec().model_copy(update=dict(parts))),
        "sections": {name: run.spec().model_copy(update=dict(parts)).to_public()[name] for name in sorted(parts)},
    }
    with run.open_ledger() as ledger:
        ledger.append(run.id, f"rewound-{number}", "rewound", told, actor=who, method=method)
    return Rewound(to, table, dropped, tuple(sorted(parts)))


def table_at(run: Run, to: str) -> Snapshot:
    """The table that a place means.

    Raises:
        PilotMustDecide: the run was never there.
    """
    known = places(run)
    if to not in known:
        raise PilotMustDecide(f"{run.name} was never at '{to}'", available=known, todo=did_you_mean(to, known))
    if to == SOURCE:
        return run.staged()
    round = run.rounds() if to == SAME else run.recall(Question, f"question-{to}").round
    return run.assessment(round).snapshot


def _since(entries: Sequence[Entry], to: str) -> set[int]:
    """Numbers of the decisions that were made at a place, or later."""
    decisions = [entry for entry in entries if entry.kind == "decision"]
    if to == SAME:
        return set()
    first = 0 if to == SOURCE else min(e.seq for e in entries if e.payload.get("gate") == to)
    return {int(entry.payload["number"]) for entry in decisions if entry.seq > first}


def _keep_spec(run: Run, spec: PipelineSpec) -> str:
    """Keep a spec beside the run's first one; gives its file's name."""
    from blocks.spec import write_opened

    name = f"pipeline-{digest(spec.model_dump(mode='json'))[7:19]}.json"
    write_opened(spec, Path(run.spec_uri).with_name(name))
    return name
