"""The conductor: looks at an answer, names the resolver subflow that runs next, and keeps the diary."""

from __future__ import annotations

from pydantic import TypeAdapter

from flows.gate import notice
from flows.resolve import RESOLVERS
from tasks.quality.model import Answer, Snapshot
from tasks.route import route
from tasks.run import Examined, Run

_SNAPSHOT = TypeAdapter(Snapshot)


def conduct(run: Run, examined: Examined, answer: Answer) -> Snapshot:
    """Carry out an answer's decisions, module after module; give the snapshot that results.

    A gate that was answered by revising the table has no decisions: the revised table is what results.
    """
    if revised := run.revised(answer.gate):
        return revised
    snapshot = examined.snapshot
    for leg in route(run, examined, answer):
        notice(run)
        snapshot = _SNAPSHOT.validate_python(RESOLVERS[leg.module](run, snapshot, leg))
    return snapshot
