"""What a source gave is read once, and the source learns what became of it."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest

from blocks.sources import FileSource, Outcome, Reading
from blocks.staging import Staging
from flows.locks import reading
from tasks.announce import listening
from tasks.audit import audit
from tasks.quality.errors import Abort, NothingNew, PilotMustDecide
from tasks.replay import replay
from tasks.trace import trace
from tasks.verify import verify

NEVER = {"quality": "never", "load": "never"}


def watched(pilot, folder, **more):
    source = {"kind": "file", "path": f"{folder}/*.csv", "once": True, **more}
    return pilot.pipeline(folder / "orders.csv", source=source, gates=NEVER)


def test_a_folder_is_watched_each_file_is_loaded_once_and_archived(pilot, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    pipeline = watched(pilot, folder, after="archive", archive=str(tmp_path / "done"))
    (folder / "monday.csv").write_text("id,price\n1,10\n2,20\n")
    pilot.start(pipeline)
    assert pilot.go() == "Completed"
    assert [path.name for path in (tmp_path / "done").iterdir()] == ["monday.csv"]
    assert [e.payload["done"] for e in pilot.entries("settled")] == [f"1 file moved to {tmp_path / 'done'}"]
    (folder / "again.csv").write_text("id,price\n1,10\n2,20\n")
    (folder / "tuesday.csv").write_text("id,price\n3,30\n")
    pilot.start(pipeline)
    assert pilot.go() == "Completed"
    assert [row[0] for row in pilot.loaded()] == [3]
    pilot.start(pipeline)
    assert pilot.go() == "Completed"
    (outcome,) = pilot.entries("outcome")
    assert (outcome.payload["outcome"], pilot.entries("commit")) == ("nothing new", [])
    assert "read before" in outcome.payload["note"]
    idle = pilot.record()
    assert idle.page_file("receipt.html").exists()
    checks = {check.name: check for check in verify(idle)}
    assert all(check.ok and not check.unchecked for check in checks.values()), checks
    assert "nothing was read: no new file" in checks["conservation of rows"].detail
    assert list(replay(idle)) == []
    bundle = audit(idle, tuple(checks.values()), "all hold")
    assert (bundle.outcome, bundle.snapshots, bundle.account) == ("nothing new", (), None)
    with pytest.raises(PilotMustDecide, match="the run had nothing to read: no new file"):
        trace(idle, 1)


def test_files_of_a_stopped_run_stay_where_they_are_and_are_tagged(pilot, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("id,price\n1,10\n2,20\n")
    source = {"kind": "file", "path": f"{folder}/*.csv", "after": "tag"}
    pilot.start(pilot.pipeline(folder / "orders.csv", source=source))
    pilot.go()
    assert pilot.answer(verdict="no-go", comment="not yet") == "Completed"
    tag = json.loads((folder / ".a.csv.gonogo.json").read_text())
    assert (tag["loaded"], tag["run_id"]) == (False, str(pilot.id))


def test_a_source_that_cannot_be_told_leaves_the_run_as_it_ended(pilot, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("id,price\n1,10\n2,20\n")
    (tmp_path / "taken").write_text("a file where the folder should be")
    pilot.start(watched(pilot, folder, after="archive", archive=str(tmp_path / "taken")))
    assert pilot.go() == "Completed"
    (settled,) = pilot.entries("settled")
    assert "cannot move" in settled.payload["problem"]
    assert pilot.entries("outcome")[0].payload["outcome"] == "loaded"
    assert (folder / "a.csv").exists()


def test_a_run_waits_until_another_of_its_pipeline_has_read(pilot, tmp_path):
    folder, said = tmp_path / "in", []
    folder.mkdir()
    (folder / "a.csv").write_text("id,price\n1,10\n")
    pilot.start(watched(pilot, folder))
    with ExitStack() as other:
        other.enter_context(reading(pilot.home, "orders", said.clear))

        def hear(each) -> None:
            said.append(each.title)
            if each.title == "waiting until another run of this pipeline has read":
                other.close()

        with listening(hear):
            assert pilot.go() == "Completed"
    assert "waiting until another run of this pipeline has read" in said
    assert [row[0] for row in pilot.loaded()] == [1]


def test_of_two_runs_that_read_the_same_one_is_acknowledged(tmp_path):
    (tmp_path / "a.csv").write_text("id\n1\n")
    source, staging = FileSource(path="a.csv", once=True), Staging(str(tmp_path / "staging"))
    first, second = (Reading(staging, run, "orders", tmp_path) for run in ("r1", "r2"))
    batches = source.read(first), source.read(second)
    source.acknowledge(batches[0], first)
    source.acknowledge(batches[0], first)  # said again after a kill: no harm
    with pytest.raises(Abort, match=r"run r1 has read the same part of file a.csv meanwhile; stop this run"):
        source.acknowledge(batches[1], second)
    with pytest.raises(NothingNew):
        source.read(Reading(staging, "r3", "orders", tmp_path))


def test_archiving_twice_moves_once_and_takes_no_changed_file(tmp_path):
    source = FileSource(path="*.csv", after="archive", archive="done")
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("id\n1\n")
    at = Reading(Staging(str(tmp_path / "staging")), "r1", "orders", tmp_path)
    batch = source.read(at)
    (tmp_path / "b.csv").write_text("id\n2\n")
    told = Outcome("r1", "orders", loaded=True, rows=2, destination="somewhere")
    assert source.settle(batch, told, at) == "1 file moved to done"
    assert source.settle(batch, told, at) == "0 files moved to done"
    assert [path.name for path in tmp_path.glob("*.csv")] == ["b.csv"]
