"""A run in one line, whatever has become of it."""

from __future__ import annotations

import pytest

from tasks.quality.chronicle import chronicle, open_gate
from tasks.quality.ledger import link

COMMIT = ("commit", "commit", {"rows_written": 7, "mode": "replace"})
LOADED = ("outcome", "outcome", {"outcome": "loaded", "note": ""})
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
    line = chronicle(told(HOLD, ("answer-load-1", "answer", {"gate": "load-1"}), COMMIT, LOADED))
    assert (line.run, line.pipeline, line.rows_read, line.rows_loaded) == ("orders-1", "orders", 12, 7)
    assert (line.before, line.after, line.issues_before, line.issues_after) == (71.0, 98.0, 2, 0)
    assert (line.decisions, line.undone, line.cells_changed, line.rows_left) == (1, 0, 4, 3)
    assert (line.people, line.outcome) == (("ann (test)",), "loaded")
    assert line.ended > line.opened


def returned(rows, **loaded):
    payload = {"rows": rows, "rows_by_decision": {"1": rows}, "gate": "", "snapshot": "returned-1-abc"}
    return "returned-1", "returned", payload | {"loaded": loaded}


def test_what_was_taken_back_is_in_the_destination_no_more():
    back = ("unloaded-1", "unloaded", {"load": "commit", "comment": "wrong file"})
    line = chronicle(told(COMMIT, LOADED, back))
    assert (line.rows_loaded, line.outcome, line.note) == (0, "taken back", "by ann: wrong file")


@pytest.mark.parametrize(("mode", "written"), [("replace", 9), ("append", 2)])
def test_rows_that_came_back_after_the_load_are_in_the_destination_too(mode, written):
    loaded = ("commit", "commit", {"rows_written": 7, "mode": mode})
    steps = loaded, LOADED, returned(2, rows_written=written, mode=mode)
    line = chronicle(told(*steps))
    assert (line.rows_loaded, line.rows_left) == (9, 1)
    partly = chronicle(told(*steps, ("unloaded-1", "unloaded", {"load": "returned-1", "comment": ""})))
    assert (partly.rows_loaded, partly.outcome) == (7, "loaded"), "the rest is still there"


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
