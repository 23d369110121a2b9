"""What a run promised can be proven afterwards, and every way of breaking it is noticed and named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import typer

from blocks.ledger import Ledger
from blocks.staging import fingerprint_of
from tasks.kept import kept
from tasks.quality.errors import PilotMustDecide, Unavailable
from tasks.replay import replay
from tasks.trace import rows_of_key, trace
from tasks.verify import verify
from tests.flows.conftest import ORDERS
from tests.flows.piloting import Pilot

CONTRACT = {"key": "id", "columns": {"quantity": {"type": "integer", "minimum": 0}}}
GOALS = [
    {"name": "Revenue", "metric": "sum(total)", "target": {"at_least": 10}, "grain": "day", "segments": ["quantity"]}
]
DATED = "".join(f"{line},{'2026-01-0' + line[0] if line[0].isdigit() else 'day'}\n" for line in ORDERS.splitlines())


@pytest.fixture(scope="module")
def finished(prefect_server, tmp_path_factory):
    """A run that was decided upon and loaded."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GONOGO_HOME", str(folder / "home"))
        patch.delenv("GONOGO_REPORTS_URL", raising=False)
        pilot = Pilot(folder, folder / "home")
        data = folder / "orders.csv"
        data.write_text(DATED)
        pilot.start(pilot.pipeline(data, contract=CONTRACT, goals=GOALS))
        pilot.go()
        assert pilot.answer(actions={"exact-duplicate-rows-id-customer-price": "keep-first"}) == "Suspended"
        assert pilot.to_the_end() == "Completed"
    return pilot


@pytest.fixture
def proven(finished, monkeypatch):
    """The finished run; what a test breaks is put back afterwards."""
    monkeypatch.setenv("GONOGO_HOME", str(finished.home.path))
    kept = finished.folder.with_name(f"{finished.folder.name}-kept")
    shutil.copytree(finished.folder, kept)
    yield finished
    shutil.rmtree(finished.folder)
    kept.rename(finished.folder)


@dataclass
class Found:
    """What the checks say."""

    broken: list[str]
    unchecked: list[str]


def check(pilot, head=None) -> Found:
    checks = verify(pilot.record(), head)
    broken = [f"{c.name}: {c.detail}" for c in checks if not c.ok]
    return Found(broken, [f"{c.name}: {c.unchecked}" for c in checks if c.unchecked])


def in_ledger(pilot, *statements: str) -> None:
    """Write to the ledger's database as somebody who may drop its triggers."""
    with sqlite3.connect(pilot.home.path / "ledger.db") as ledger:
        for verb in ("UPDATE", "DELETE"):
            ledger.execute(f"DROP TRIGGER IF EXISTS gonogo_ledger_no_{verb}")
        for statement in statements:
            ledger.execute(statement)


def in_destination(pilot, statement: str) -> None:
    with sqlite3.connect(pilot.folder / "out.db") as destination:
        destination.execute(statement)


def rewritten(pilot, name: str, change) -> None:
    path = pilot.home.staging / str(pilot.id) / f"{name}.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def test_everything_holds_and_every_sort_of_number_is_computed_again(proven):
    checks = {c.name: c for c in verify(proven.record(), proven.entries()[-1].hash)}
    assert [c.detail for c in checks.values() if not c.ok or c.unchecked] == []
    families = ("issue counts", "contract checks", "column statistics", "quality scores", "goal figures", "evidence")
    assert all(checks[name].checked for name in families)
    assert (checks["destination"].checked, checks["printed ledger heads"].checked > 2) == (1, True)


def test_an_edited_ledger_entry_is_named_and_nothing_else_of_it_is_believed(proven):
    number = next(e.seq for e in proven.entries() if e.kind == "decision")
    in_ledger(proven, f"UPDATE gonogo_ledger SET actor = 'mallory' WHERE seq = {number}")
    (told,) = check(proven).broken
    assert told == f"ledger chain: entry {number} (decision-1): its content was changed after it was written"


def test_a_removed_entry_is_named(proven):
    in_ledger(proven, "DELETE FROM gonogo_ledger WHERE key = 'decision-1'")
    (told,) = check(proven).broken
    assert "is missing" in told


def test_a_ledger_that_was_cut_off_or_written_anew_does_not_hold_the_heads_that_the_pages_print(proven):
    for last, told in ((len(proven.entries()), "receipt.html: recorded no hash of it"), (0, "receipt.html prints")):
        in_ledger(proven, f"DELETE FROM gonogo_ledger WHERE seq = {last or len(proven.entries())}")
        assert any(told in broken for broken in check(proven).broken)


@pytest.mark.parametrize("page", ["receipt.html", "insight.html", "quality-2.html", "quality-1.json", "profile-1.html"])
def test_a_page_on_which_a_number_was_changed_is_named(proven, page):
    file = proven.record().page_file(page)
    file.write_text(file.read_text().replace("9", "8", 1))
    (told,) = check(proven).broken
    assert told.startswith(f"pages: {page}: recorded sha256:")
    file.unlink()
    assert f"pages: {page}: " in check(proven).broken[0]


def test_pages_of_runs_whose_ledger_holds_no_hashes_of_them_could_not_be_checked(proven):
    with Ledger(proven.home.ledger_url) as ledger:
        ledger.append("older", "opened", "opened", {"name": "orders-older", "pipeline": "orders"})
        run = replace(proven.record(), id="older", name="orders-older")
        told = {check.name: check for check in verify(run)}["pages"]
    assert (told.ok, told.checked) == (True, 0)
    assert told.unchecked.startswith("insight.html: the ledger holds no hash of it")


@pytest.mark.parametrize(
    ("record", "change", "named"),
    [
        ("profile-1", lambda p: p["columns"][2].update(distinct_count=99), "column statistics"),
        ("assessment-1", lambda a: a["score"].update(overall=99.0), "quality scores"),
        ("assessment-1", lambda a: a["issues"][0].update(recommended="keep"), "evidence"),
        ("question-quality-1", lambda q: q["choices"][0].update(recommended="drop"), "evidence"),
        ("checks-1", lambda checks: checks[0].update(failures=7), "contract checks"),
        ("checks-2", lambda checks: checks[0].update(failures=1, sql=f"{checks[0]['sql']} LIMIT 0"), "contract checks"),
        ("checks-1", lambda checks: [c.update(failures=0, sql=f"{c['sql']} LIMIT 0") for c in checks], "kept records"),
        ("assessment-2", lambda a: a["issues"][0].update(count=99), "kept records"),
        ("pipeline", lambda spec: spec["goals"][0]["target"].update(at_least=5), "kept records"),
        ("pipeline", lambda spec: spec["contract"]["columns"]["quantity"].update(minimum=-9), "kept records"),
        ("run", lambda run: run.update(source="file other.csv"), "kept records"),
        ("receipt", lambda receipt: receipt.update(rows_before=7), "kept records"),
        ("batch", lambda batch: batch["origins"][0].update(name="other.csv"), "kept records"),
        ("snapshot-missing-1", lambda snapshot: snapshot.update(rows=99), "snapshot fingerprints"),
        ("goals", lambda goals: goals[0].update(sentence="Revenue is 104."), "goals before and after"),
        ("goals", lambda goals: goals[0]["after"].update(status="missed"), "goals before and after"),
        ("goals", lambda goals: goals[0]["before"]["figure"].update(value=1.0), "goals before and after"),
        ("goals", lambda goals: _told_otherwise(goals[0]), "goals before and after"),
        ("goals", lambda goals: goals[0]["segments"][0]["parts"][0].update(after=1.0), "goals before and after"),
        ("goals", lambda goals: goals[0]["trend"][0].update(before=1.0), "goals before and after"),
        ("goals", lambda goals: goals.clear(), "goals before and after"),
    ],
)
def test_a_record_that_was_changed_no_longer_agrees_with_what_is_computed_from_the_data(proven, record, change, named):
    rewritten(proven, record, change)
    assert named in [told.partition(":")[0] for told in check(proven).broken]


def test_what_earlier_versions_did_not_tell_the_ledger_is_not_missed(proven):
    opened, *rest = proven.entries()
    less = {name: told for name, told in opened.payload.items() if name != "source"}
    values = list(kept(proven.record(), [replace(opened, payload=less), *rest]))
    assert [what for what, told, found in values if told != found] == []
    assert "run.json: source" not in [what for what, _told, _found in values]


@pytest.mark.parametrize("record", ["run", "pipeline", "goals", "batch", "assessment-1"])
@pytest.mark.parametrize("content", ["[]", "{", '{"name": 1}'])
def test_a_record_that_is_none_any_more_is_broken_whatever_is_made_of_it(proven, record, content, capsys):
    from flows.proof import verify_runs

    (proven.home.staging / str(proven.id) / f"{record}.json").write_text(content)
    assert status(verify_runs, "latest", None, every=True, as_json=False) == 1
    assert f"{record}.json" in capsys.readouterr().out


def test_the_values_that_were_counted_are_as_they_were(proven):
    staging = proven.home.staging / str(proven.id)
    (staging / "duplicates-1.domains.parquet").write_bytes((staging / "missing-1.parquet").read_bytes())
    assert any("snapshot fingerprints: values of duplicates-1" in told for told in check(proven).broken)


def _told_otherwise(goal):
    """The figure before, and all that is made of it, in agreement."""
    goal["before"]["figure"]["value"], goal["change"] = 100.0, 3.0
    goal["sentence"] = goal["sentence"].replace("112", "100")


def test_a_changed_destination_is_told_with_when_it_was_loaded(proven):
    in_destination(proven, "UPDATE orders SET price = 1000 WHERE id = 1")
    (told,) = check(proven).broken
    at = proven.entries("commit")[0].at[:16].replace("T", " ")
    assert told.startswith(f"destination: table orders in sqlite:///{proven.folder}/out.db: ")
    assert f"rows loaded {at} UTC: recorded rows:" in told


def test_a_destination_that_is_gone_is_broken_and_one_that_cannot_be_reached_could_not_be_checked(proven, monkeypatch):
    from blocks.destinations import DatabaseDestination

    def away(*_: object) -> None:
        raise Unavailable("the database cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(DatabaseDestination, "read_back", away)
        found = check(proven)
    assert found.broken == []
    assert found.unchecked[0].endswith("the database cannot be reached")
    (proven.folder / "out.db").unlink()
    assert "found it is gone" in check(proven).broken[0]


def test_a_table_that_a_later_run_has_replaced_could_not_be_checked(proven):
    in_destination(proven, "DELETE FROM orders")
    with Ledger(proven.home.ledger_url) as ledger:
        ledger.append("later", "opened", "opened", {"name": "orders-later", "pipeline": "orders"})
        ledger.append("later", "commit", "commit", proven.entries("commit")[0].payload)
    found = check(proven)
    assert found.broken == []
    assert "orders-later has loaded into it since" in found.unchecked[0]


def test_the_exit_status_tells_a_machine(proven, capsys):
    from flows.proof import verify_runs

    verify_runs("latest", None, every=True, as_json=False)
    assert "1 run: 1 holds, 0 do not" in capsys.readouterr().out
    shutil.rmtree(proven.home.staging / str(proven.id))
    assert status(verify_runs, "latest", None, every=False, as_json=True) == 2
    (told,) = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "could not check"


def test_a_broken_run_among_sound_ones_is_exit_status_1(proven):
    from flows.proof import verify_runs

    Path(proven.record().snapshots()[-1].uri).write_bytes(b"other rows")
    assert status(verify_runs, "latest", None, every=True, as_json=False) == 1


def status(command, *args, **options) -> int:
    with pytest.raises(typer.Exit) as exit:
        command(*args, **options)
    return exit.value.exit_code


# --- trace --------------------------------------------------------------------------------------------------------


def test_a_cell_leads_from_its_line_in_the_source_to_the_destination(proven):
    story = trace(proven.record(), 1, "price")
    assert (story.place.origin, story.place.place) == ("orders.csv", "line 3")
    assert story.came == (("price", "N/A"),)
    assert story.adds_up
    (changed,) = [step for step in story.steps if step.happened == "changed"]
    assert (changed.before, changed.after, changed.issue) == ("N/A", None, "disguised-missing-price")
    assert (changed.who.name, changed.who.method, changed.who.gate) == ("ann", "test", "quality-1")
    assert "disguised-missing-price" in [step.issue for step in story.steps if step.happened == "suspected"]
    assert story.delivered[0].who.gate == "load-1"
    assert story.stands == (("price", None),)


def test_every_row_and_cell_of_a_run_adds_up(proven):
    run = proven.record()
    stories = [trace(run, row) for row in range(9)]
    assert all(story.adds_up for story in stories)
    (dropped,) = [story for story in stories if story.left]
    assert (dropped.row, dropped.left.happened, dropped.left.into, dropped.delivered) == (6, "dropped", 5, ())
    assert ("took in", 6) in [(step.happened, step.into) for step in stories[5].steps]


def test_a_row_is_found_by_a_key_and_what_cannot_be_found_says_what_there_is(proven):
    run = proven.record()
    assert rows_of_key(run, "id", "4") == 3
    with pytest.raises(PilotMustDecide, match="3 rows have quantity=1"):
        rows_of_key(run, "quantity", "1")
    with pytest.raises(PilotMustDecide, match="no row has id=99"):
        rows_of_key(run, "id", "99")
    with pytest.raises(PilotMustDecide, match="Did you mean 'price'"):
        rows_of_key(run, "prise", "1")
    with pytest.raises(PilotMustDecide, match="available: 0 to 8"):
        trace(run, 9)


def test_a_line_of_a_file_that_has_changed_since_is_not_claimed(proven):
    (proven.folder / "orders.csv").write_text("id\n1\n")
    assert trace(proven.record(), 1, "price").place.place.startswith("record 2 (the file is not there any more")


def test_the_command_tells_it_to_people_and_machines(proven, capsys):
    from flows.trace import trace_cell

    trace_cell("latest", None, "price", "id=2", as_json=False)
    assert "price in row 1 of" in capsys.readouterr().out
    trace_cell("latest", 1, "price", "", as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["came"], told["stands"], told["adds_up"]) == ({"price": "N/A"}, {"price": None}, True)


# --- replay -------------------------------------------------------------------------------------------------------


def test_every_table_comes_out_again_byte_for_byte_and_nothing_of_the_run_is_touched(proven):
    staging = proven.home.staging / str(proven.id)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in staging.iterdir() if path.is_file()}
    made = list(replay(proven.record()))
    assert all(redone.same for redone in made)
    assert {"source", "source.domains", "missing-1", "cells of decision 1", "rows of decision 1"} <= {
        r.name for r in made
    }
    assert before == {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in staging.iterdir() if p.is_file()}
    assert len(proven.entries()) == len(proven.record().entries())


def test_the_first_difference_is_told_by_row_and_column(proven):
    import duckdb

    run = proven.record()
    for uri, cell in ((run.snapshots()[1].uri, "price"), (run.changes()[0].cells_uri, "before")):
        row = duckdb.sql(f"SELECT min(_row) FROM read_parquet('{uri}')").fetchone()[0]
        changed = f'SELECT * REPLACE (CASE _row WHEN {row} THEN \'forged\' ELSE "{cell}" END AS "{cell}")'
        duckdb.sql(f"COPY ({changed} FROM read_parquet('{uri}')) TO '{uri}.new' (FORMAT parquet)")
        Path(f"{uri}.new").replace(uri)
        fingerprint = fingerprint_of(Path(uri))
        name = "missing-1" if cell == "price" else "cells of decision 1"
        found = {r.name: r for r in replay(_with(run, uri, fingerprint))}
        assert list(found)[-1] == name
        assert found[name].difference.startswith(f"row {row}: {cell} was 'forged', and is ")


def _with(run, uri, fingerprint):
    """The run with a ledger that was written anew to hold what was forged."""
    told = {change.cells_uri: change.cells_fingerprint for change in run.changes()}
    before = told.get(uri) or next(s.fingerprint for s in run.snapshots() if s.uri == uri)
    with sqlite3.connect(Path(run.ledger.removeprefix("sqlite:///"))) as ledger:
        for verb in ("UPDATE", "DELETE"):
            ledger.execute(f"DROP TRIGGER IF EXISTS gonogo_ledger_no_{verb}")
        ledger.execute("UPDATE gonogo_ledger SET payload = replace(payload, ?, ?)", (before, fingerprint))
    return run


def test_the_command_stops_at_the_first_difference_with_status_1(proven, capsys):
    from flows.proof import replay_run

    replay_run("latest", as_json=False)
    assert "files come out as they were" in capsys.readouterr().out
    Path(proven.record().snapshots()[0].uri).write_bytes(b"other rows")
    assert status(replay_run, "latest", as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["same"], told["made"][-1]["difference"]) == (False, "the source's rows were changed")


# --- history ------------------------------------------------------------------------------------------------------


def test_the_history_tells_of_a_run_to_people_and_machines(proven, capsys, monkeypatch):
    from flows.history import list_history

    monkeypatch.setenv("COLUMNS", "200")
    list_history("orders", 20, as_json=False)
    said = capsys.readouterr().out
    assert all(word in said for word in (proven.run.name, "9 → 8", "ann", "loaded"))
    list_history("", 0, as_json=True)
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["run_id"], told["outcome"], told["head"]) == (str(proven.id), "loaded", proven.entries()[-1].hash)
    with pytest.raises(PilotMustDecide, match="Did you mean 'orders'"):
        list_history("order", 20, as_json=False)


# --- audit --------------------------------------------------------------------------------------------------------


def test_the_bundle_holds_the_run_and_its_exit_status_is_that_of_the_checks(proven, tmp_path):
    from flows.audit import write_audit

    forms = {"pdf": False, "html": False, "json": False}
    write_audit("latest", forms, tmp_path / "a.json")
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["verdict"].startswith("all ")
    assert [a["who"] for a in told["answers"] if a["gate"] == "quality-1"] == ["ann"]
    assert {page["name"] for page in told["pages"]} >= {"quality-1.html", "receipt.html", "insight.html"}
    assert [d["status"] for d in told["decisions"]] == ["carried out"] * len(told["decisions"])
    assert (told["account"]["read"], told["receipts"][0]["rows_written"]) == (9, 8)
    assert len(told["entries"]) == len(proven.entries())
    in_destination(proven, "DELETE FROM orders")
    assert status(write_audit, "latest", forms | {"pdf": True}, tmp_path / "b") == 1
    assert (tmp_path / "b").read_bytes().startswith(b"%PDF")
    with pytest.raises(typer.BadParameter):
        write_audit("latest", dict.fromkeys(forms, True), None)
