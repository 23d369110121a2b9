"""Rows go into quarantine and come back corrected, under the decisions that were made, once, and accounted for."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path

import pytest

from blocks.sources import Batch
from tasks.quality.chronicle import chronicle
from tasks.quality.errors import AnswerError, DestinationError, PilotMustDecide
from tasks.replay import replay
from tasks.trace import trace
from tasks.unload import unload
from tasks.verify import verify

ORDERS = """id,city,quantity,reason
1,Bonn,2,a
2, Bonn,1,b
3,Ulm,3,c
4,Ulm,n/a,d
5, Kiel,n/a,e
6,Kiel,1,f
"""
CONTRACT = {"key": "id", "columns": {"quantity": {"type": "integer", "minimum": 0}}}


@pytest.fixture
def start(pilot, tmp_path):
    """A run held at its load gate: spaces trimmed, two rows in quarantine."""

    def begin(**sections):
        data = tmp_path / "orders.csv"
        data.write_text(ORDERS)
        pilot.start(pilot.pipeline(data, contract=CONTRACT, **sections))
        pilot.go()
        found = {issue.id: [o.key for o in issue.options] for issue in pilot.record().assessment(1).issues}
        tidy = next(id for id, keys in found.items() if "tidy" in keys)
        actions = {"disguised-missing-quantity": "quarantine", tidy: "tidy"}
        assert pilot.answer(rest="keep", actions=actions) == "Suspended"
        assert pilot.gate == "load-1"
        return pilot

    return begin


def exported(pilot, tmp_path):
    from flows.quarantine import export_quarantine

    path = tmp_path / "rows.csv"
    export_quarantine(str(pilot.id), path, None)
    return path


def corrected(path, **quantities):
    """The exported file with another quantity in the rows of these ids."""
    lines = list(csv.DictReader(path.open()))
    for line in lines:
        line["quantity"] = quantities.get("id" + line["id"], line["quantity"])
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, lines[0].keys())
        writer.writeheader()
        writer.writerows(lines)
    return path


def give_back(pilot, path, gate="load-1"):
    from flows.quarantine import read_rows
    from tasks.restore import restore

    run = pilot.record()
    rows = read_rows(path, run.snapshots()[0].columns)
    return restore(run, rows, file=path.name, who="ann", method="test", gate=gate)


def table(pilot):
    run = pilot.record()
    with run.open_staging().open(run.snapshots()[-1]) as tables:
        return tables.table("snapshot").order_by("_row").to_pyarrow().to_pylist()


def failing(pilot):
    return [f"{check.name}: {check.detail}" for check in verify(pilot.record()) if not check.ok]


def test_what_is_in_quarantine_is_listed_with_its_reason_and_decision(start, capsys):
    from flows.quarantine import list_quarantine

    pilot = start()
    list_quarantine(str(pilot.id))
    said = capsys.readouterr().out
    assert "Disguised missing values in quantity" in said
    assert "2 rows wait" in said


def test_the_rows_are_written_whole_beside_columns_that_are_called_alike(start, tmp_path, capsys):
    pilot = start()
    lines = exported(pilot, tmp_path).read_text().splitlines()
    assert "no decision of the run can be undone any more: undo first" in " ".join(capsys.readouterr().out.split())
    assert lines[0] == "_row,_reason,decision,id,city,quantity,reason"
    number = next(c.decision for c in pilot.record().changes() if c.quarantined)
    assert lines[1:] == [
        f"3,Disguised missing values in quantity,{number},4,Ulm,n/a,d",
        f"4,Disguised missing values in quantity,{number},5,Kiel,n/a,e",
    ], "as they were when they left: what was decided before is done"


@pytest.mark.parametrize("raw", [False, True])
def test_cells_that_a_spreadsheet_would_run_are_made_text_and_come_back_as_they_were(tmp_path, raw):
    from flows.quarantine import _csv, read_rows

    cells = ["=cmd|' /C calc'!A0", "'=1", "-5", "+49 30", "@x", "\t=1", "plain"]
    path = tmp_path / "rows.csv"
    path.write_text(_csv(["_row", "a"], [[n, cell] for n, cell in enumerate(cells)], raw=raw))
    assert any(line.partition(",")[2].startswith("=") for line in path.read_text().splitlines()) is raw
    assert [row["a"] for row in read_rows(path, ["a"], raw=raw).values()] == cells


def test_corrected_rows_come_back_under_the_decisions_and_the_run_asks_about_the_table_with_them(start, tmp_path):
    from flows.drive import reopen

    pilot = start()
    path = corrected(exported(pilot, tmp_path), id4="7", id5="8")
    path.write_text(path.read_text().replace(",Kiel,", ",  Kiel ,"))
    returned = give_back(pilot, path)
    assert (returned.rows, returned.unchanged, returned.already) == (2, 0, 0)
    assert [(r["_row"], r["city"], r["quantity"]) for r in table(pilot)][3:5] == [(3, "Ulm", "7"), (4, "Kiel", "8")]
    assert failing(pilot) == []
    with pilot._client() as client:
        reopen(client, pilot.run)
    assert pilot.go() == "Suspended"
    assert pilot.gate == "quality-2"
    pilot.answer(rest="keep")
    assert pilot.answer() == "Completed"
    assert len(pilot.loaded()) == 6
    assert failing(pilot) == []
    assert all(redone.same for redone in replay(pilot.record()))
    (entry,) = pilot.entries("returned")
    assert (entry.actor, entry.method, entry.payload["file"]) == ("ann", "test", "rows.csv")
    assert sum(entry.payload["rows_by_decision"].values()) == 2


def test_the_same_file_twice_returns_nothing_twice(start, tmp_path):
    pilot = start()
    path = corrected(exported(pilot, tmp_path), id4="7")
    assert give_back(pilot, path).rows == 1
    again = give_back(pilot, path)
    assert (again.rows, again.unchanged, again.already) == (0, 1, 1)
    assert len(table(pilot)) == 5
    assert len(pilot.entries("returned")) == 1
    assert exported(pilot, tmp_path).read_text().count("\n") == 2, "one row is left there"
    assert failing(pilot) == []


@pytest.mark.parametrize(
    ("quantities", "change", "why"),
    [
        ({}, {"4,Ulm": "4,Jena"}, r"row 3: decision \d \(quarantine 2 rows\) would have it quarantined"),
        ({"id4": "-1"}, {}, "row 3: it breaks the contract: quantity is at least 0"),
        ({"id4": "four"}, {}, "row 3: it breaks the contract: quantity is a whole number"),
        ({"id4": "5", "id5": "6"}, {"5,Kiel": "1,Kiel"}, "row 4: it breaks the contract: id tells rows apart"),
    ],
)
def test_a_row_that_breaks_again_is_refused_with_the_reason_and_none_comes_back(
    start, tmp_path, quantities, change, why
):
    pilot = start()
    path = corrected(exported(pilot, tmp_path), **quantities)
    for old, new in change.items():
        path.write_text(path.read_text().replace(old, new))
    before = ([entry.hash for entry in pilot.entries()], table(pilot))
    with pytest.raises(PilotMustDecide, match=why):
        give_back(pilot, path)
    assert ([entry.hash for entry in pilot.entries()], table(pilot)) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,quantity\n4,7\n", r"no column '_row'.*line 1"),
        ("_row,quantitty\n3,7\n", r"unknown column 'quantitty'.*line 1.*Did you mean 'quantity'"),
        ("_row,quantity\nx,7\n", r"'x' is no row number.*line 2"),
        ("_row,quantity\n3,7\n3,8\n", r"row 3 is there twice.*line 3"),
        ("_row,quantity\n3\n", r"1 field where 2 are needed.*line 2"),
    ],
)
def test_a_file_of_another_shape_says_in_which_line(tmp_path, content, message):
    from flows.quarantine import read_rows

    path = tmp_path / "rows.csv"
    path.write_text(content)
    with pytest.raises(AnswerError, match=message):
        read_rows(path, ("id", "quantity"))


def test_a_row_that_is_not_in_quarantine_is_named(start, tmp_path):
    pilot, path = start(), tmp_path / "rows.csv"
    path.write_text("_row,quantity\n0,7\n")
    with pytest.raises(PilotMustDecide, match=r"row 0 is not in quarantine.*available: 3, 4"):
        give_back(pilot, path)


@pytest.mark.parametrize(("mode", "written"), [("append", 1), ("merge", 1), ("replace", 5)])
def test_a_destination_that_has_the_others_takes_the_rows_as_it_takes_rows(start, tmp_path, mode, written):
    url = f"sqlite:///{tmp_path / 'out.db'}"
    key = {"key": "id"} if mode == "merge" else {}
    pilot = start(destination={"kind": "database", "url": url, "table": "orders", "mode": mode, **key})
    assert pilot.answer() == "Completed"
    path = corrected(exported(pilot, tmp_path), id4="7")
    assert give_back(pilot, path, gate="").receipt.rows_written == written
    assert sorted(pilot.loaded())[3] == (4, "Ulm", 7, "d")
    assert len(pilot.loaded()) == 5
    assert give_back(pilot, path, gate="").rows == 0
    assert len(pilot.loaded()) == 5
    assert failing(pilot) == []
    assert chronicle(pilot.entries()).rows_loaded == 5
    loads = {row: len(trace(pilot.record(), row).delivered) for row in (0, 3)}
    assert loads == {0: 2 if mode == "replace" else 1, 3: 1}


def test_the_story_tells_what_is_there_since_rows_came_back_and_that_the_goals_are_older(start, tmp_path, capsys):
    from flows.commands import show_run
    from flows.jump import _figures

    pilot = start(goals=[{"name": "Pieces", "metric": "sum(quantity)"}])
    pilot.answer()
    show_run(str(pilot.id))
    assert "not since" not in capsys.readouterr().out
    assert _said_of(pilot) == ("6 → 4", "4", "7")
    receipt = give_back(pilot, corrected(exported(pilot, tmp_path), id4="7"), gate="").receipt
    show_run(str(pilot.id))
    told = capsys.readouterr().out
    assert all(words in told for words in ("measured before 1 row came back, and not since", "loaded          5 rows"))
    assert f"{receipt.fingerprint}, read back" in told
    assert told.count("read back from the destination") == 1, "what was replaced is there no more"
    assert _said_of(pilot) == ("6 → 5", "5", "7 (before 1 row came back)")
    assert dict(_figures(pilot.record()))["rows quarantined"] == "1"
    assert failing(pilot) == [], "the goals are as they were measured"


def _said_of(pilot):
    from flows.jump import _figures

    figures = dict(_figures(pilot.record()))
    return figures["rows"], figures["rows in the destination"], figures["goal Pieces"]


def test_a_destination_that_refuses_leaves_the_rows_in_quarantine(start, tmp_path):
    url = f"sqlite:///{tmp_path / 'out.db'}"
    pilot = start(destination={"kind": "database", "url": url, "table": "orders", "mode": "append"})
    pilot.answer()
    with sqlite3.connect(tmp_path / "out.db") as connection:
        connection.execute("ALTER TABLE orders ADD COLUMN more TEXT")
    before = [entry.hash for entry in pilot.entries()]
    with pytest.raises(DestinationError, match="the data lacks more"):
        give_back(pilot, corrected(exported(pilot, tmp_path), id4="7"), gate="")
    assert [entry.hash for entry in pilot.entries()] == before
    assert len(table(pilot)) == 4


def test_what_another_run_has_replaced_since_is_not_overwritten(start, tmp_path):
    first = start()
    first.answer()
    run, path = first.record(), corrected(exported(first, tmp_path), id4="7")
    start().answer()
    from flows.quarantine import read_rows
    from tasks.restore import restore

    def back():
        restore(run, read_rows(path, run.snapshots()[0].columns), file="rows.csv", who="ann", method="test")

    with pytest.raises(PilotMustDecide, match=r"has replaced what .* had loaded"):
        back()
    assert len(first.loaded()) == 4
    unload(first.record(), who="ann", method="test")
    back()
    assert len(first.loaded()) == 5, "what the other run had loaded was taken back"


def test_a_decision_before_rows_came_back_is_not_undone(start, tmp_path):
    from tasks.undo import undo

    pilot = start()
    give_back(pilot, corrected(exported(pilot, tmp_path), id4="7"))
    with pytest.raises(PilotMustDecide, match="rows have come back from quarantine since"):
        undo(pilot.record(), 1, lambda doubt: False, who="ann", method="test", gate="load-1")


def test_exports_and_the_story_tell_what_came_back(start, tmp_path, capsys):
    from flows.commands import export_run, show_run

    pilot = start()
    give_back(pilot, corrected(exported(pilot, tmp_path), id4="7"))
    files = {name: tmp_path / f"{name}.csv" for name in ("refined", "changes", "rows")}
    export_run(str(pilot.id), files, escape_formulas=False)
    assert "3,4,Ulm,7,d" in files["refined"].read_text()
    assert "3,quantity,n/a,7," in files["changes"].read_text()
    assert [line.split(",")[0] for line in files["rows"].read_text().splitlines()] == ["row", "4"]
    show_run(str(pilot.id))
    assert "came back       1 row from quarantine" in capsys.readouterr().out


def test_malformed_records_are_listed_and_written_too(pilot, tmp_path, capsys):
    from flows.quarantine import export_quarantine, list_quarantine

    data = tmp_path / "bad.csv"
    data.write_text("id,city\n1,Bonn\n2,Ulm,too,much\n3,Kiel\n")
    pilot.start(pilot.pipeline(data))
    pilot.go()
    list_quarantine(str(pilot.id))
    assert "1 malformed record " in capsys.readouterr().out
    export_quarantine(str(pilot.id), tmp_path / "rows.csv", tmp_path / "malformed.csv")
    lines = list(csv.DictReader((tmp_path / "malformed.csv").open()))
    assert [line["line"] for line in lines] == ["3"]
    assert "2,Ulm,too,much" in lines[0]["text"]
    assert failing(pilot) == []
    kept = Path(pilot.record().recall(Batch, "batch").quarantine)
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    assert failing(pilot)[0].startswith("kept records: batch.json: malformed: recorded sha256:")
