"""A run in one line, whatever has become of it."""

from __future__ import annotations

import pytest

from tasks.quality.chronicle import chronicle, open_gate
from tasks.quality.ledger import link

HOLD = ("hold-load-1", "hold", {"gate": "load-1"})


def told(*steps, actor="ann"):
    read = {"stage": "extract", "rows_read": 12, "rows_staged": 10, "quarantined": 2}
    made = {"decision": 1, "cells_changed": 4, "dropped": 1, "quarantined": 2, "merged": 0}
    look = {"stage": "assess", "score": 71.0, "issues": [{"id": "a"}, {"id": "b"}]}
    start = [
        ("opened", "opened", {"name": "orders-1", "pipeline": "orders"}),
        ("stage-extract", "stage", read),
        ("stage-assess-1", "stage", look),
        ("hold-quality-1", "hold", {"gate": "quality-1"}),
        ("answer-quality-1", "answer", {"gate": "quality-1"}),
        ("decision-1", "decision", {"number": 1}),
        ("changes-1", "changes", made),
        ("stage-assess-2", "stage", look | {"score": 98.0, "issues": []}),
    ]
    entries = []
    for key, kind, payload in (*start, *steps):
        previous, at = (entries[-1] if entries else None), f"2026-01-01T00:00:{len(entries):02}"
        method = "test"
        entries.append(
            link(previous, run_id="r", key=key, kind=kind, payload=payload, actor=actor, method=method, at=at)
        )
    return entries


def test_a_loaded_run_tells_rows_scores_issues_people_and_outcome():
    loaded = ("commit", "commit", {"rows_written": 7}), ("outcome", "outcome", {"outcome": "loaded", "note": ""})
    line = chronicle(told(HOLD, ("answer-load-1", "answer", {"gate": "load-1"}), *loaded))
    assert (line.run, line.pipeline, line.rows_read, line.rows_loaded) == ("orders-1", "orders", 12, 7)
    assert (line.before, line.after, line.issues_before, line.issues_after) == (71.0, 98.0, 2, 0)
    assert (line.decisions, line.undone, line.cells_changed, line.rows_left) == (1, 0, 4, 3)
    assert (line.people, line.outcome) == (("ann (test)",), "loaded")
    assert line.ended > line.opened


def test_a_run_under_way_tells_what_it_waits_for():
    assert chronicle(told()).outcome == "under way"
    assert chronicle(told(HOLD)).outcome == "waits at load-1"


def test_a_run_that_has_only_begun_has_a_line_too():
    line = chronicle(told()[:1])
    assert (line.rows_read, line.before, line.people, line.decisions) == (None, None, (), 0)


@pytest.mark.parametrize(
    "step",
    [
        ("answer-load-1", "answer", {"gate": "load-1"}),
        ("undone-1", "undone", {"decision": 1, "dropped": [], "changes": [], "gate": "load-1"}),
        ("outcome", "outcome", {"outcome": "no-go", "note": ""}),
    ],
)
def test_a_gate_that_was_answered_in_any_way_waits_no_more(step):
    assert open_gate(told(HOLD)).key == "hold-load-1"
    assert open_gate(told(HOLD, step)) is None


def test_each_of_several_people_who_sign_is_told_once():
    ann, bob = ({"name": name, "method": "test"} for name in ("ann", "bob"))
    both = ("answer-load-1", "answer", {"gate": "load-1", "signatures": [bob, ann]})
    assert chronicle(told(HOLD, both)).people == ("ann (test)", "bob (test)")
