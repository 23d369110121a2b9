"""A destination that refuses: it is as it was, the run is held with the reason, and go tries again."""

import shutil
import sqlite3

import pytest
from rich.console import Console

from blocks import databases
from flows.story import conclude
from flows.terminal import _line
from tasks.announce import Happened, listening
from tasks.verify import verify
from tests.services.s3 import ACCESS_KEY, SECRET_KEY, client, s3


def test_a_load_that_fails_holds_the_run_with_the_reason_and_go_tries_again(pilot, orders, monkeypatch, capsys):
    from flows.drive import question_of

    said = []

    monkeypatch.setattr(databases, "BUSY_SECONDS", 0)
    with sqlite3.connect(pilot.folder / "out.db") as own:
        own.execute("CREATE TABLE orders AS SELECT 1 AS old")
    own.close()
    pilot.start(pilot.pipeline(orders, gates={"quality": "never"}))
    assert pilot.go() == "Suspended"
    with sqlite3.connect(pilot.folder / "out.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with listening(said.append):
            assert pilot.answer() == "Suspended"
    other.close()
    told = [_line(each) for each in said if each.happened is Happened.STAGE_COMPLETED]
    assert [line.partition(" ")[0] for line in told] == ["[red]✗[/]"]
    conclude(Console(), pilot.home, pilot.run)
    assert "the database is locked" in capsys.readouterr().out
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


@pytest.mark.service
def test_a_load_into_storage_that_is_full_holds_the_run_with_the_reason_and_go_tries_again(pilot, orders, small_disk):
    from flows.drive import question_of

    with s3(small_disk) as endpoint:
        client(endpoint).create_bucket(Bucket="lake")
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free))
        keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
        lake = {"kind": "s3", "bucket": "lake", "prefix": "orders", "endpoint": endpoint, "addressing": "path", **keys}
        pilot.start(pilot.pipeline(orders, destination=lake, gates={"quality": "never"}))
        assert pilot.go() == "Suspended"
        assert pilot.answer() == "Suspended"
        asked = question_of(pilot.home, pilot.run)
        assert asked.gate == "load-2"
        assert "the destination is as it was: the server has no space left, or none for us" in asked.summary
        assert "free some, or raise the quota, then try again" in asked.text
        assert SECRET_KEY not in repr(asked)
        assert pilot.entries("commit") == []
        ballast.unlink()
        assert pilot.answer() == "Completed"
        assert [entry.payload["rows_after"] for entry in pilot.entries("commit")] == [9]
