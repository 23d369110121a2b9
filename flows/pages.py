"""The page server as `gonogo up` starts it: with the pages that are made when somebody asks for them."""

from __future__ import annotations

from datetime import UTC, datetime

from blocks.pages import Live, Settings, prefect_states, serve
from flows.home import Home
from tasks.pending import pending
from tasks.quality.inbox import Waiting
from tasks.reports.inbox import inbox_html, waiting_html
from tasks.reports.trace import trace_html
from tasks.run import recall_run
from tasks.trace import trace


def story(run_id: str, row: int, column: str) -> str:
    """The page of a cell's or row's story."""
    return trace_html(trace(recall_run(str(Home.here().staging), run_id), row, column))


def inbox(settings: Settings, run_id: str) -> str | None:
    """The page of what waits, or of one run's question; None when that run does not wait."""
    found, now = _waiting(settings), datetime.now(UTC)
    return waiting_html(found, run_id, now, settings.ui) if run_id else inbox_html(found, now)


def _waiting(settings: Settings) -> tuple[Waiting, ...]:
    """What waits; of a run that Prefect knows to be over, the ledger may not have heard."""
    found = pending(str(Home.here().staging), settings.ledger)
    states = prefect_states(settings.api, [each.run_id for each in found])
    over = ("failed", "crashed", "cancelled", "cancelling", "completed")
    return tuple(each for each in found if states.get(each.run_id) not in over)


if __name__ == "__main__":
    serve(Live(story, inbox))
