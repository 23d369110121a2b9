"""What stands of a run's history after decisions were undone and rows came back; and what verify makes of it."""

from __future__ import annotations

import pytest

from tasks.quality.history import history, revision_at, snapshots
from tasks.quality.ledger import link
from tasks.quality.verify import chain, conservation, decided, lineage

STAGED = 10


def made(number: int, *, quarantined: int = 0, rows_in: int = STAGED) -> dict:
    gone = {"dropped": 0, "quarantined": quarantined, "merged": 0}
    return {"decision": number, "rows_in": rows_in, "rows_out": rows_in - quarantined, **gone}


def told(*steps: tuple[str, str, dict]):
    """A run's entries: two decisions that put 2 and 3 rows into quarantine, then these steps."""
    read = {"stage": "extract", "rows_read": 12, "rows_staged": STAGED, "quarantined": 2, "snapshot": "s0"}
    before = [
        ("stage-extract", "stage", read),
        ("answer-quality-1", "answer", {"gate": "quality-1"}),
        ("decision-1", "decision", {"number": 1, "gate": "quality-1"}),
        ("decision-2", "decision", {"number": 2, "gate": "quality-1"}),
        ("changes-1", "changes", made(1, quarantined=2)),
        ("changes-2", "changes", made(2, quarantined=3, rows_in=8)),
        ("refined-missing-1", "refined", {"snapshot": "missing-1", "fingerprint": "s1", "parent": "s0"}),
    ]
    entries = []
    for key, kind, payload in (*before, *steps):
        previous = entries[-1] if entries else None
        entries.append(
            link(previous, run_id="r", key=key, kind=kind, payload=payload, actor="ann", method="test", at="now")
        )
    return entries


def undone(decision: int, *changes: dict, dropped=(), gate="quality-2"):
    gone = [{"decision": number, "why": "because"} for number in dropped]
    table = {"snapshot": f"undo-{decision}", "fingerprint": f"u{decision}", "parent": "s0"}
    return f"undone-{decision}", "undone", {
        "decision": decision, "changes": list(changes), "dropped": gone, "gate": gate, **table,
    }  # fmt: skip


def returned(rows: int, decision: int = 2, loaded: dict | None = None):
    table = {"snapshot": "returned-1", "fingerprint": "b1", "parent": "s1", "gate": "load-1", "loaded": loaded}
    return "returned-1", "returned", {"rows": rows, "rows_by_decision": {str(decision): rows}, **table}


def commit(rows: int):
    return "commit", "commit", {"rows_written": rows, "mode": "append"}


def test_an_undone_decision_stands_no_more_and_later_ones_as_they_were_carried_out_again():
    stands = history(told(undone(1, made(2, quarantined=4))))
    assert [d["number"] for d in stands.decisions] == [2]
    assert [(c["decision"], c["quarantined"]) for c in stands.changes] == [(2, 4)]
    assert stands.undone == {1: "undone by ann"}


def test_what_went_with_an_undone_decision_is_told():
    stands = history(told(undone(1, dropped=[2])))
    assert stands.decisions == stands.changes == ()
    assert stands.undone[2] == "gone with decision 1"


def test_a_gate_whose_table_was_revised_names_the_last_revision():
    entries = told(undone(1, made(2, quarantined=4)), returned(1))
    assert revision_at(entries, "quality-2").kind == "undone"
    assert revision_at(entries, "load-1").kind == "returned"
    assert revision_at(entries, "quality-1") is None
    assert snapshots(entries) == ("missing-1", "undo-1", "returned-1")


@pytest.mark.parametrize(
    "steps",
    [
        (commit(5),),
        (undone(1, made(2, quarantined=3)), commit(7)),
        (returned(2), commit(7)),
        (commit(5), returned(2, loaded={"rows_written": 2, "mode": "append"})),
        (commit(5), returned(2, loaded={"rows_written": 7, "mode": "replace"})),
    ],
)
def test_every_row_is_accounted_for_there_and_back(steps):
    entries = told(*steps)
    for check in (conservation(entries), decided(entries), lineage(entries), chain(entries)):
        assert check.ok, check.detail


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ((undone(1, made(2, quarantined=3)), commit(5)), "5 rows were loaded, 7 should have been"),
        ((commit(5), returned(2, loaded={"rows_written": 7, "mode": "append"})), "7 rows were loaded, 2 should"),
        ((returned(4),), "4 rows came back of the 3 that decision 2 had in quarantine"),
        ((undone(1, {**made(2, quarantined=3), "rows_out": 9}),), "decision 2: 10 rows in, 12 accounted for"),
    ],
)
def test_a_row_too_many_or_too_few_is_a_fault(steps, fault):
    assert fault in conservation(told(*steps)).detail


def test_an_undo_of_no_decision_and_a_table_from_nowhere_are_faults():
    assert "undoes no decision" in decided(told(undone(7))).detail
    key, kind, payload = undone(1)
    assert "no snapshot of this run" in lineage(told((key, kind, {**payload, "parent": "elsewhere"}))).detail
