"""What waits is told with its gate, time, people and what it blocks; each has its page, beside its neighbours."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from tasks.quality.approval import Who
from tasks.quality.inbox import waiting
from tasks.quality.model import Verdict
from tasks.quality.question import Question
from tasks.quality.timing import Times
from tasks.reports.inbox import inbox_html, safe_markdown, waiting_html

NOW = datetime(2026, 1, 2, 6, 0, tzinfo=UTC)
SINCE = "2026-01-02T03:00:00+00:00"


def asked(number: int, gate: str = "quality-1", text: str = "**12 issues**", **more):
    question = Question(gate, f"Go on with run {number}?", text, (Verdict.GO,), {"go": "go on"}, "12 issues.", **more)
    known = {"run_id": f"id-{number}", "run": f"orders-{number}", "pipeline": "orders"}
    return waiting(question, since=SINCE, destination="table orders", **known)


@pytest.mark.parametrize(
    ("gate", "blocks"),
    [
        ("source", "looking for issues, and the load into table orders"),
        ("quality-2", "measuring the goals, and the load into table orders"),
        ("load-1", "the load into table orders"),
        ("hold-1", "all later stages, and the load into table orders"),
    ],
)
def test_what_cannot_go_on_is_named(gate, blocks):
    assert asked(1, gate).blocks == blocks


def test_a_deadline_is_told_with_what_happens_then():
    each = asked(1, times=Times(deadline_seconds=3600.0, overdue="no-go"))
    assert (each.due, each.overdue) == ("2026-01-02T04:00:00+00:00", "no-go")
    assert "due 2026-01-02 04:00 UTC, then no-go" in inbox_html([each], NOW)
    assert asked(1).due == ""


def test_who_may_answer_is_told():
    assert asked(1).for_whom == "anybody"
    who = Who(names=("ann",), roles=("finance",), people=2, signed=True)
    assert asked(1, who=who).for_whom == "ann, or anyone who is finance; 2 different people"


def test_the_list_tells_how_long_for_whom_and_what():
    page = inbox_html([asked(1), asked(2, "load-1")], NOW)
    assert "2 decisions wait" in page
    assert all(said in page for said in ("3 h", "anybody", "12 issues.", "the load into table orders", "inbox/id-2"))
    assert "Nothing waits for a decision" in inbox_html([], NOW)


def test_each_page_leads_to_the_one_before_and_the_one_after():
    three = [asked(1), asked(2), asked(3)]
    pages = [waiting_html(three, each.run_id, NOW, "http://ui") for each in three]
    links = [re.findall(r'<a rel="(prev|next)" href="([^"]+)"', page) for page in pages]
    assert links == [[("next", "id-2")], [("prev", "id-1"), ("next", "id-3")], [("prev", "id-2")]]
    assert "http://ui/runs/flow-run/id-2" in pages[1]
    assert "gonogo decide orders-2" in pages[1]
    assert waiting_html(three, "id-4", NOW) is None


def test_the_question_is_shown_as_it_was_asked_and_runs_nothing():
    shown = safe_markdown(
        "| a |\n|---|\n| `b` |\n\n**bold** <script>alert(1)</script> [x](javascript:alert(1)) ![i](http://x)"
    )
    assert '<table class="data">' in shown
    assert "<strong>bold</strong>" in shown
    assert "<script" not in shown
    assert 'href="javascript' not in shown
    assert "<img" not in shown
