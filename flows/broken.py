"""What becomes known of a run that broke: Prefect calls these when its flow failed, or was cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from flows.home import Home
from flows.locks import taken
from tasks.lineage import tell_broken
from tasks.run import recall_run

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun, State


def failed(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001  (as Prefect calls hooks)
    """Tell the lineage backend that the run failed; it can be resumed."""
    _tell(flow_run, state, "FAIL")


def cancelled(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001  (as Prefect calls hooks)
    """Tell the lineage backend that somebody cancelled the run in Prefect."""
    _tell(flow_run, state, "ABORT")


def _tell(run: FlowRun, state: State[Any], moment: Literal["FAIL", "ABORT"]) -> None:
    home, id = Home.here(), str(run.id)
    if not (home.staging / id).exists() or taken(home, id, "flow"):  # it never began; another process carries it
        return
    tell_broken(recall_run(str(home.staging), id), moment, state.message or state.name or "", run.run_count)
