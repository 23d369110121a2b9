"""One resolver subflow per quality module, e.g. the Missing Value Module: apply what was decided, nothing else.

A module that appears in `tasks.quality.registry.MODULES` has its subflow; none is written by hand.
"""

from __future__ import annotations

from prefect import Flow, flow

from tasks.quality.model import Snapshot
from tasks.quality.registry import MODULES, module_title
from tasks.resolve import resolve
from tasks.route import Leg
from tasks.run import Run


def _resolver(module: str) -> Flow[[Run, Snapshot, Leg], Snapshot]:
    @flow(
        name=module_title(module),
        flow_run_name=f"{module}: {{leg.summary}}",
        persist_result=True,
        result_serializer="json",
        validate_parameters=False,
    )
    def resolver(run: Run, snapshot: Snapshot, leg: Leg) -> Snapshot:
        return resolve(run, snapshot, leg)

    return resolver


RESOLVERS = {module: _resolver(module) for module in MODULES}
