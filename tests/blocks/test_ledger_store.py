"""The ledger's store: appended once, by whoever comes first, and never changed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from blocks.ledger import Ledger
from tasks.quality.errors import PilotMustDecide, TryAgain
from tasks.quality.ledger import broken

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'ledger.db'}"


def test_the_first_entry_under_a_key_stays(url):
    with Ledger(url) as ledger:
        first = ledger.append("r", "stage-extract", "stage", {"rows": 1})
        again = ledger.append("r", "stage-extract", "stage", {"rows": 2})
        assert again == first
        assert ledger.entries("r") == (first,)


def test_secrets_are_masked_before_they_are_stored(url, tmp_path):
    with Ledger(url) as ledger:
        ledger.append("r", "opened", "opened", {"url": "postgresql://ann:hunter2@db/x"})
    assert b"hunter2" not in (tmp_path / "ledger.db").read_bytes()


def test_what_is_decided_about_data_stays_as_it_is_whatever_it_is_called(url):
    decided = {
        "parameters": {"values": {"SECRETARY": "Secretary", "tokn: A12": "token: A12"}},
        "facts": {"certain": {"SECRETARY": "Secretary"}},
        "sql": "SELECT 1 WHERE \"token\" = 'abc'",
        "comment": "password: hunter2",
    }
    with Ledger(url) as ledger:
        written = ledger.append("r", "decision-1", "decision", decided).payload
        assert {name: written[name] for name in ("parameters", "facts", "sql")} == {
            name: decided[name] for name in ("parameters", "facts", "sql")
        }
        assert written["comment"] == "password: ***"
        answer = ledger.append("r", "answer-1", "answer", {"actions": [{"parameters": decided["parameters"]}]}).payload
        assert answer["actions"][0]["parameters"] == decided["parameters"]
        contract = {"columns": {"token": {"type": "text"}, "secretary": {"required": True}}}
        opened = ledger.append("r", "opened", "opened", {"spec": {"contract": contract, "url": "a://b:c@d"}}).payload
        assert opened == {"spec": {"contract": contract, "url": "a://b:***@d"}}


@pytest.mark.parametrize("statement", ["UPDATE gonogo_ledger SET actor='eve'", "DELETE FROM gonogo_ledger"])
def test_the_database_refuses_changes(url, tmp_path, statement):
    with Ledger(url) as ledger:
        ledger.append("r", "a", "stage", {})
    with (
        sqlite3.connect(tmp_path / "ledger.db") as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)


def test_who_goes_around_the_database_is_found_out(url, tmp_path):
    with Ledger(url) as ledger:
        for n in range(3):
            ledger.append("r", f"k{n}", "stage", {"n": n})
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("DROP TRIGGER gonogo_ledger_no_UPDATE")
        connection.execute("UPDATE gonogo_ledger SET payload='{\"n\":9}' WHERE seq=2")
    with Ledger(url) as ledger:
        assert broken(ledger.entries("r")).seq == 2


def test_several_processes_append_one_chain_and_each_key_once(url):
    script = (
        "import sys\nfrom blocks.ledger import Ledger\n"
        "with Ledger(sys.argv[1]) as ledger:\n"
        "    for n in range(20):\n"
        "        ledger.append('r', f'shared-{n}', 'stage', {'by': sys.argv[2]})\n"
        "        ledger.append('r', f'{sys.argv[2]}-{n}', 'stage', {})\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, url, name], cwd=REPOSITORY) for name in ("a", "b", "c")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    with Ledger(url) as ledger:
        entries = ledger.entries("r")
    assert len(entries) == 80
    assert broken(entries) is None


def test_a_run_is_found_by_name_by_the_start_of_its_id_and_as_the_latest(url):
    with Ledger(url) as ledger:
        ledger.append("aaa1", "opened", "opened", {"name": "orders-1", "pipeline": "orders"})
        ledger.append("aab2", "opened", "opened", {"name": "orders-2", "pipeline": "orders"})
        assert ledger.resolve("orders-1") == "aaa1"
        assert ledger.resolve("aab") == "aab2"
        assert ledger.resolve("latest") == "aab2"
        with pytest.raises(PilotMustDecide, match="means 2 runs"):
            ledger.resolve("aa")
        with pytest.raises(PilotMustDecide, match=r"no run 'order-1'.*Did you mean 'orders-1'"):
            ledger.resolve("order-1")


def test_a_database_that_is_not_there_is_told_without_its_password():
    with Ledger("postgresql+psycopg://ann:hunter2@127.0.0.1:1/x") as ledger, pytest.raises(TryAgain) as told:
        ledger.append("r", "a", "stage", {})
    assert "hunter2" not in str(told.value)
    assert "127.0.0.1" in str(told.value)


@pytest.mark.service
def test_postgresql_keeps_a_ledger_as_well(postgres_url):
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError

    with Ledger(postgres_url) as ledger:
        first = ledger.append("r", "a", "stage", {"n": 1})
        assert ledger.append("r", "a", "stage", {"n": 2}) == first
        ledger.append("r", "b", "stage", {})
        assert broken(ledger.entries("r")) is None
    engine = create_engine(postgres_url)
    with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.exec_driver_sql("DELETE FROM gonogo_ledger")
    engine.dispose()


def test_the_last_loaded_run_of_a_pipeline_before_a_moment(url):
    def ran(ledger, run, pipeline, outcome):
        ledger.append(run, "opened", "opened", {"name": run, "pipeline": pipeline})
        return ledger.append(run, "outcome", "outcome", {"outcome": outcome}).at if outcome else ""

    with Ledger(url) as ledger:
        ran(ledger, "r1", "orders", "loaded")
        second = ran(ledger, "r2", "orders", "loaded")
        ran(ledger, "r3", "orders", "no-go")
        ran(ledger, "r4", "other", "loaded")
        ran(ledger, "r5", "orders", "")
        assert ledger.last_loaded("orders", "9999") == "r2"
        assert ledger.last_loaded("orders", second) == "r1"
        assert ledger.last_loaded("nothing", "9999") is None
        ledger.append("r2", "unloaded-1", "unloaded", {"load": "commit"})
        assert ledger.last_loaded("orders", "9999") == "r1", "what was taken back is not what the last run was like"
