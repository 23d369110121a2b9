"""One resolver subflow per quality module, e.g. the Missing Value Module: apply what was decided, nothing else.

A module that appears in `tasks.quality.registry.MODULES` has its subflow; none is written by hand.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from prefect import Flow, flow

from tasks.quality.model import Snapshot
from tasks.quality.registry import MODULES, module_title
from tasks.record import PLAIN
from tasks.resolve import resolve
from tasks.route import Leg
from tasks.run import Run


def _resolver(module: str) -> Flow[[Run, Snapshot, Leg], dict[str, Any]]:
    @flow(
        name=module_title(module),
        flow_run_name=f"{module}: {{leg.summary}}",
        persist_result=True,
        result_serializer=PLAIN,
        validate_parameters=False,
    )
    def resolver(run: Run, snapshot: Snapshot, leg: Leg) -> dict[str, Any]:
        return asdict(resolve(run, snapshot, leg))  # a subflow that is reused in a replay gives plain data

    return resolver


RESOLVERS = {module: _resolver(module) for module in MODULES}
