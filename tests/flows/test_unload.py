"""A load is taken back, and a table that lacks columns gets them only when the pilot says so."""

import json
import sqlite3
from html import escape

import pytest

from tasks.announce import Happened, listening
from tasks.audit import audit
from tasks.quality.errors import PilotMustDecide
from tasks.reports.records import landed
from tasks.reports.trace import trace_lines
from tasks.trace import trace
from tasks.undo import undo
from tasks.unload import unload
from tasks.verify import verify


def shown_again(run, capsys):
    from flows.commands import show_run

    show_run(run.name)
    shown = capsys.readouterr().out
    assert "\nloaded " not in shown, "what the destination has no more is not told as loaded"
    assert "Fingerprint" not in shown
    return shown


def test_columns_are_asked_about_and_a_load_is_taken_back(pilot, tmp_path, capsys):
    from flows.commands import show_run
    from flows.history import list_history
    from flows.jump import _figures
    from flows.revise import unload_run

    data, to = tmp_path / "cities.csv", {"kind": "database", "url": f"sqlite:///{tmp_path / 'out.db'}", "table": "t"}
    spec = {"destination": to | {"mode": "append"}, "gates": {"quality": {"ask": "never"}, "load": {"ask": "never"}}}
    data.write_text("id,city\n1,Ulm\n2,Bonn\n")
    pilot.start(pilot.pipeline(data, **spec))
    assert pilot.to_the_end() == "Completed"
    data.write_text("id,city,land\n3,Kiel,SH\n")
    pilot.start(pilot.pipeline(data, **spec))
    said = []
    with listening(said.append):
        assert pilot.to_the_end() == "Completed", "the second attempt was asked about, and somebody said go"
    first, second = [e.payload for e in pilot.entries("stage") if e.payload["stage"] == "load"]
    assert (first["loaded"], first["new_columns"]) == (False, ["land"])
    assert second["loaded"]
    assert "the table lacks land" in first["problem"]
    assert pilot.loaded("t") == [(1, "Ulm", None), (2, "Bonn", None), (3, "Kiel", "SH")]
    (commit,) = (pilot.record().committed(entry.payload) for entry in pilot.entries("commit"))
    assert (commit["added"], commit["rows_before"], commit["rows_after"]) == (["land"], 2, 3)
    assert commit["seconds"] > 0

    run = pilot.record()
    show_run(run.name)
    shown, page = capsys.readouterr().out, run.page_file("receipt.html").read_text()
    for told in ("2 → 3", "new columns     land", f"Fingerprint     {commit['fingerprint']}", "took "):
        assert told in shown
    for told in ("before: 2", "empty in the rows that were there", commit["fingerprint"], escape(landed(commit).took)):
        assert told in page
    (heard,) = (each for each in said if each.happened is Happened.LOAD_COMMITTED)
    assert f"took: {landed(commit).took}; rows there: 2 → 3; new columns: land; fingerprint: rows:" in heard.text

    unload_run(run.name, comment="wrong file")
    assert "1 row was taken out of table t" in capsys.readouterr().out
    assert pilot.loaded("t") == [(1, "Ulm"), (2, "Bonn")]
    (entry,) = pilot.entries("unloaded")
    assert (entry.payload["load"], entry.payload["comment"]) == ("commit", "wrong file")
    assert " ".join(shown_again(run, capsys).split()).count("loaded, and taken back") == 1
    list_history("", 1, as_json=True)
    (line,) = json.loads(capsys.readouterr().out)
    assert (line["rows_loaded"], line["outcome"]) == (0, "taken back")
    assert dict(_figures(run))["outcome"] == "taken back"
    assert dict(_figures(run))["rows in the destination"] == "0"
    lines = [(line.what, line.undone) for line in trace_lines(trace(run, 0))]
    assert lines[-2:] == [("loaded", True), ("taken back", False)]
    checks = verify(run)
    assert audit(run, checks, "holds").receipts == ()
    with pytest.raises(PilotMustDecide, match="and its decisions with it; run the pipeline again"):
        undo(run, 1, lambda doubt: False, who="ann", method="test")
    assert [check.name for check in checks if not check.ok] == []
    assert "the load was taken back" in next(c for c in checks if c.name == "conservation of rows").detail
    with pytest.raises(PilotMustDecide, match="was taken back already"):
        unload(run, who="ann", method="test")


def test_rows_that_are_there_already_are_not_added_again_without_a_word(pilot, orders):
    from flows.drive import question_of
    from flows.revise import unload_run

    to = {"kind": "database", "url": f"sqlite:///{pilot.folder / 'out.db'}", "table": "orders", "mode": "append"}
    pipeline = pilot.pipeline(orders, destination=to, gates={"quality": {"ask": "never"}})

    def asked(name):
        assert (pilot.start(pipeline, name).go(), pilot.gate) == ("Suspended", "load-1")
        return question_of(pilot.home, pilot.run).summary

    assert "already" not in asked("first")
    assert pilot.answer() == "Completed"
    assert "The same rows are there already, from first: they would be added again." in asked("second")
    unload_run("first", comment="wrong file")
    assert "already" not in asked("third")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE t SET valid_to = NULL WHERE id = 1", ["two versions of id=1 are current"] * 2),
        ("UPDATE t SET city = 'Trier' WHERE id = 1 AND valid_to IS NOT NULL", ["rows:", "the versions that it ended"]),
    ],
)
def test_a_history_that_somebody_wrote_to_fits_no_run_that_has_a_part_in_it(pilot, tmp_path, change, told):
    to = {"kind": "database", "url": f"sqlite:///{tmp_path / 'out.db'}", "table": "t", "mode": "history", "key": "id"}
    spec = {"destination": to, "gates": {"quality": {"ask": "never"}, "load": {"ask": "never"}}}
    data, runs = tmp_path / "cities.csv", []
    for city in ("Ulm", "Kiel"):
        data.write_text(f"id,city\n1,{city}\n2,Bonn\n")
        pilot.start(pilot.pipeline(data, **spec))
        assert pilot.to_the_end() == "Completed"
        runs.append(pilot.record())
    assert [check.name for run in runs for check in verify(run) if not check.ok or check.unchecked] == []
    with sqlite3.connect(tmp_path / "out.db") as connection:
        connection.execute(change)
    for run, words in zip(runs, told, strict=True):
        (broken,) = [check for check in verify(run) if not check.ok]
        assert (broken.name, words in broken.detail.partition("found")[2]) == ("destination", True)
