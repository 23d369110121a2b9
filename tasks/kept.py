"""What staging keeps of a run as JSON, beside what the ledger says of it and what comes out when it is made again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from blocks.sources import Batch
from tasks.extract import records
from tasks.insight import compared
from tasks.insights.compare import Comparison, compare
from tasks.quality.checks import ContractCheck
from tasks.quality.errors import GonogoError, TamperError, Unavailable
from tasks.quality.ledger import Entry, canonical, digest
from tasks.quality.secrets import redact
from tasks.quality.verify import Unknown
from tasks.recount import Compared, close, stages
from tasks.run import Run, adapter

_AS_WRITTEN = ("contract", "goals")
"""Sections of a pipeline that are data and hold no secret."""

MISSING = "nothing"
"""What stands for a value that is not there."""


def kept(run: Run, entries: Sequence[Entry]) -> Iterator[Compared]:
    """The records that say of a run what its ledger says, too: value by value."""
    yield from _opened(run, entries)
    yield from _rewound(run, entries)
    yield from _batch(run, entries)
    yield from _assessed(run, entries)
    yield from _receipt(run, entries)


def goals(run: Run, entries: Sequence[Entry]) -> Iterator[Compared]:
    """The goals before and after: what was measured, measured again, and what is told of that, told again."""
    import duckdb

    measured = next((e for e in reversed(entries) if e.key.startswith("stage-insight-")), None)
    if measured is None:
        return
    try:
        told = run.recall_all(Comparison, "goals")
        found = compared(run, run.spec(measured.seq), 1, int(measured.key.rpartition("-")[2]))
    except TamperError as error:
        yield "goals.json", "whole", error.message
        return
    except (GonogoError, duckdb.Error, OSError) as error:
        yield "goals.json", "whole", Unknown(f"unreadable ({type(error).__name__})")
        return
    retold = compare([goal.before for goal in told], [goal.after for goal in told])
    for sort, again in (("before", found), ("after", found), ("", retold)):
        yield from _same_goals(sort, told, again)


def _same_goals(sort: str, told: Sequence[Comparison], again: Sequence[Comparison]) -> Iterator[Compared]:
    """One side of every goal, or with no side named the whole of it."""
    sides = [[(goal.goal.name, getattr(goal, sort) if sort else goal) for goal in goals] for goals in (told, again)]
    plain = [{name: adapter(type(each)).dump_python(each, mode="json") for name, each in side} for side in sides]
    yield from each_value(f"goals.json, {sort or 'told'}", *plain)


def each_value(what: str, told: object, found: object) -> Iterator[Compared]:
    """Two trees of plain data, value by value; numbers may differ in their last digits."""
    if isinstance(told, Mapping) and isinstance(found, Mapping):
        for name in dict.fromkeys((*told, *found)):
            yield from each_value(f"{what}: {name}", told.get(name, MISSING), found.get(name, MISSING))
    elif isinstance(told, list) and isinstance(found, list) and len(told) == len(found):
        for number, (one, other) in enumerate(zip(told, found, strict=True), start=1):
            yield from each_value(f"{what} {number}", one, other)
    else:
        yield what, told, told if close(told, found) else found


def _opened(run: Run, entries: Sequence[Entry]) -> Iterator[Compared]:
    """Who the run is, and its pipeline as it was opened; earlier versions told the ledger less of it."""
    opened = next((e.payload for e in entries if e.kind == "opened"), {})
    for name in ("name", "pipeline", "source"):
        if name in opened:
            yield f"run.json: {name}", opened[name], redact(getattr(run, name))
    if "spec" in opened:
        file = Path(run.spec_uri)
        yield from each_value(file.name, opened["spec"], redact(_plain(file), exact=_AS_WRITTEN))


def _rewound(run: Run, entries: Sequence[Entry]) -> Iterator[Compared]:
    """The pipelines that the run went another way with; such a file has the start of its hash in its name."""
    for entry in (e for e in entries if e.kind == "rewound"):
        name = str(entry.payload["spec"])
        plain = _plain(Path(run.spec_uri).with_name(name))
        yield f"hash of {name}", name, f"pipeline-{digest(plain)[7:19]}.json"


def _batch(run: Run, entries: Sequence[Entry]) -> Iterator[Compared]:
    """What was read, from where, and the files beside it: of records that were none, and of the rows' places."""
    for extracted in (each for each in stages(entries, "extract") if "why" not in each):
        told = {name: value for name, value in extracted.items() if name != "stage"}
        try:
            found = redact(json.loads(canonical(records(run.recall(Batch, "batch")))))
        except Unavailable as error:
            yield "batch.json", "whole", error.message
        else:
            yield from each_value("batch.json", told, {name: found.get(name, MISSING) for name in told})


def _assessed(run: Run, entries: Sequence[Entry]) -> Iterator[Compared]:
    """What every round found: each issue with its count and its query, and how many checks of the contract fail."""
    for round, look in enumerate(stages(entries, "assess"), start=1):
        issues = [{"id": i.id, "count": i.count, "sql": i.sql} for i in run.assessment(round).issues]
        told = [{name: issue[name] for name in ("id", "count", "sql")} for issue in look["issues"]]
        yield from each_value(f"assessment-{round}.json, issue", told, redact(issues))
        failed = sum(not check.passed for check in run.recall_all(ContractCheck, f"checks-{round}"))
        yield f"checks-{round}.json, failed", look["checks_failed"], failed


def _receipt(run: Run, entries: Sequence[Entry]) -> Iterator[Compared]:
    """What the destination said when it had taken the rows; how long it took is in no ledger."""
    for entry in (e for e in entries if e.kind == "commit"):
        told = {name: value for name, value in entry.payload.items() if name != "snapshot"}
        try:
            found = redact(run.recall(dict, "receipt"))
        except Unavailable as error:
            yield "receipt.json", "whole", Unknown(error.message)
        else:
            yield from each_value("receipt.json", told, {name: found.get(name, MISSING) for name in told})


def _plain(file: Path) -> Any:
    """A file of JSON as the ledger takes such a value; what it is instead, where it is none."""
    try:
        return json.loads(canonical(json.loads(file.read_text("utf-8"))))
    except FileNotFoundError:
        return "it is gone"
    except ValueError:
        return "no JSON"
