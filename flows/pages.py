"""The page server as `gonogo up` starts it: with the pages that are made when somebody asks for them."""

from __future__ import annotations

from blocks.pages import serve
from flows.home import Home
from tasks.reports.trace import trace_html
from tasks.run import recall_run
from tasks.trace import trace


def story(run_id: str, row: int, column: str) -> str:
    """The page of a cell's or row's story."""
    return trace_html(trace(recall_run(str(Home.here().staging), run_id), row, column))


if __name__ == "__main__":
    serve(story)
