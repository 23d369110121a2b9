"""A destination that refuses: it is as it was, the run is held with the reason, and go tries again."""

import sqlite3

from blocks import databases
from tasks.verify import verify


def test_a_load_that_fails_holds_the_run_with_the_reason_and_go_tries_again(pilot, orders, monkeypatch):
    from flows.drive import question_of

    monkeypatch.setattr(databases, "BUSY_SECONDS", 0)
    with sqlite3.connect(pilot.folder / "out.db") as own:
        own.execute("CREATE TABLE orders AS SELECT 1 AS old")
    own.close()
    pilot.start(pilot.pipeline(orders, gates={"quality": "never"}))
    assert pilot.go() == "Suspended"
    with sqlite3.connect(pilot.folder / "out.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert pilot.answer() == "Suspended"
    other.close()
    asked = question_of(pilot.home, pilot.run)
    assert asked.gate == "load-2"
    assert asked.summary.startswith("The load failed and the destination is as it was: the database is locked: ")
    assert "close what holds it, then load again" in asked.text
    assert pilot.loaded() == [(1,)]
    assert pilot.entries("commit") == []

    assert pilot.answer() == "Completed"
    assert len(pilot.loaded()) == 9
    (commit,) = pilot.entries("commit")
    assert (commit.payload["rows_before"], commit.payload["rows_after"]) == (1, 9)
    assert [check.name for check in verify(pilot.record()) if not check.ok] == []
