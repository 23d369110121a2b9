"""What a run promised can be proven afterwards, and every way of breaking it is noticed and named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from tasks.quality.errors import Unavailable
from tasks.verify import verify
from tests.flows.conftest import ORDERS
from tests.flows.piloting import Pilot

CONTRACT = {"key": "id", "columns": {"quantity": {"type": "integer", "minimum": 0}}}
GOALS = [{"name": "Revenue", "metric": "sum(total)", "target": {"at_least": 10}}]


@pytest.fixture(scope="module")
def finished(prefect_server, tmp_path_factory):
    """A run that was decided upon and loaded."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GONOGO_HOME", str(folder / "home"))
        patch.delenv("GONOGO_REPORTS_URL", raising=False)
        pilot = Pilot(folder, folder / "home")
        data = folder / "orders.csv"
        data.write_text(ORDERS)
        pilot.start(pilot.pipeline(data, contract=CONTRACT, goals=GOALS))
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
    last = len(proven.entries())
    in_ledger(proven, f"DELETE FROM gonogo_ledger WHERE seq = {last}")
    assert any("receipt.html prints" in told for told in check(proven).broken)


@pytest.mark.parametrize(
    ("record", "change", "named"),
    [
        ("profile-1", lambda p: p["columns"][2].update(distinct_count=99), "column statistics"),
        ("assessment-1", lambda a: a["score"].update(overall=99.0), "quality scores"),
        ("assessment-1", lambda a: a["issues"][0].update(recommended="keep"), "evidence"),
        ("question-quality-1", lambda q: q["choices"][0].update(recommended="drop"), "evidence"),
        ("checks-1", lambda checks: checks[0].update(failures=7), "contract checks"),
    ],
)
def test_a_record_that_was_changed_no_longer_agrees_with_what_is_computed_from_the_data(proven, record, change, named):
    rewritten(proven, record, change)
    assert named in [told.partition(":")[0] for told in check(proven).broken]


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
    from blocks.ledger import Ledger

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
    assert "1 runs: 1 hold, 0 do not" in capsys.readouterr().out
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
