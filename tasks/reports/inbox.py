"""The inbox: what waits for an answer, as a page that lists it, and a page for each with the question in full."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from tasks.quality.inbox import Waiting, since
from tasks.reports.page import render
from tasks.reports.trace import moment

_FILE_LINK = re.compile(r"\[([^\]]*)\]\(file:[^)]*\)")


def inbox_html(waiting: Sequence[Waiting], now: datetime) -> str:
    """The page that lists what waits, in the order given."""
    lines = [(each, since(each.since, now), moment(each.due)) for each in waiting]
    return render("inbox.html", lines=lines)


def waiting_html(waiting: Sequence[Waiting], run_id: str, now: datetime, ui: str = "") -> str | None:
    """The page of one that waits, with its neighbours in the order given; None when the run does not wait."""
    place = next((i for i, each in enumerate(waiting) if each.run_id == run_id), None)
    if place is None:
        return None
    each = waiting[place]
    return render(
        "waiting.html",
        each=each,
        place=place + 1,
        of=len(waiting),
        waited=since(each.since, now),
        due=moment(each.due),
        text=safe_markdown(each.question.text),
        previous=waiting[place - 1] if place else None,
        next=waiting[place + 1] if place + 1 < len(waiting) else None,
        report=each.question.report_url.partition("?")[0].rpartition("/")[2],
        resume=f"{ui}/runs/flow-run/{each.run_id}" if ui else "",
    )


def safe_markdown(text: str) -> Markup:
    """A question's Markdown as HTML: tables, lists and links; no HTML of its own, and no address that runs anything."""
    from markdown_it import MarkdownIt

    plain = _FILE_LINK.sub(r"\1", text)  # a page that is served leads to no file
    shown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image").render(plain)
    shown = shown.replace("<table>", '<div class="scroll"><table class="data">').replace("</table>", "</table></div>")
    return Markup(shown)  # noqa: S704  (the library escapes all of it, and refuses addresses that are no links)
