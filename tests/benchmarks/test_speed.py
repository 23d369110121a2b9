"""The speed benchmark's own tools: its table, what it measures, and what it says of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import contenders
import duckdb
import messy
import pytest
import speed
from contenders import Measured
from timing import Clock, timed

ROWS = 400
COLUMNS = 5


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("speed") / "orders.parquet"
    messy.write(path, ROWS, COLUMNS)
    return path


def test_a_seed_gives_one_table_whatever_the_threads():
    found = []
    for threads in (1, 4):
        with duckdb.connect() as connection:
            connection.execute(f"SET threads = {threads}")
            found.append(connection.execute(f"{messy.query(5000, 20, 3)} ORDER BY _row").fetchall())
            other = connection.execute(f"{messy.query(5000, 20, 4)} ORDER BY _row").fetchall()
    assert found[0] == found[1]
    assert found[0] != other


def test_the_table_is_as_messy_as_it_says():
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS {messy.query(50_000)}")

        def share(predicate: str) -> float:
            return connection.execute(f"SELECT count(*) FILTER ({predicate}) / count(*) FROM t").fetchone()[0]

        types = {kind for _name, kind, *_rest in connection.execute("DESCRIBE t").fetchall()[1:]}
        assert types == {"VARCHAR"}
        distinct = connection.execute("SELECT count(*) FROM (SELECT DISTINCT * EXCLUDE (_row) FROM t)").fetchone()[0]
        assert 0.005 < 1 - distinct / 50_000 < 0.015
        assert 0.01 < share("customer <> trim(customer)") < 0.03
        assert 0.05 < share("ordered_at LIKE '%.%'") < 0.09
        assert 0.02 < share("ordered_at LIKE '%,%'") < 0.04
        assert 0.2 < share("discount IN ('N/A', '-', 'none')") < 0.4
        assert 0.1 < share("weight LIKE '% kg'") < 0.2
        plain = "try_cast(total AS DECIMAL(12, 2)) = try_cast(quantity AS INT) * try_cast(unit_price AS DECIMAL(12, 2))"
        assert 0.9 < share(plain) < 0.99


def test_more_columns_are_more_blocks_with_other_values():
    with duckdb.connect() as connection:
        found = connection.execute(messy.query(200, 45))
        names = [column[0] for column in found.description]
        rows = found.fetchall()
    assert len(names) == len(set(names)) == 46
    assert names[:3] == ["_row", "order_id", "customer_id"]
    assert names[21:23] == ["order_id_2", "customer_id_2"]
    cities = [names.index(name) for name in ("city", "city_2")]
    assert [row[cities[0]] for row in rows] != [row[cities[1]] for row in rows]


@pytest.mark.parametrize("name", ["summarize", "rewrite", "value_map", "pandas", "pandera"])
def test_every_contender_that_is_here_is_measured(table, name):
    measured = Measured()
    contenders.CONTENDERS[name](table, measured)
    assert measured.seconds == pytest.approx(sum(measured.parts.values()))
    assert measured.seconds > 0
    assert measured.said
    assert not list(table.parent.glob("*.copy"))


def test_an_absent_peer_is_said_to_be_absent(monkeypatch, table):
    monkeypatch.setitem(__import__("sys").modules, "great_expectations", None)
    with pytest.raises(contenders.NotInstalled, match="not installed"):
        contenders.great_expectations(table, Measured())


def test_the_peak_is_that_of_this_process():
    code = "from contenders import peak_mb; low = peak_mb(); block = b'x' * (400 << 20); print(peak_mb() - low)"
    told = subprocess.run([sys.executable, "-c", code], cwd=speed.HERE, capture_output=True, text=True, check=True)
    assert 390 < float(told.stdout) < 410


def test_the_clock_counts_each_moment_once():
    clock = Clock()
    started = time.perf_counter()
    with clock.step("detect", "typo"), clock.doing("engine", "SELECT 1"):
        with clock.doing("planning"):
            time.sleep(0.02)
        with clock.step("inner"):
            time.sleep(0.01)
    records = clock.plain()
    whole = sum(record[activity] for record in records for activity in ("engine", "planning", "python"))
    assert whole == pytest.approx(time.perf_counter() - started, abs=0.01)
    (typo,) = [record for record in records if record["what"] == "typo"]
    assert typo["planning"] >= 0.02
    assert clock.slowest()[0]["sql"] == "SELECT 1"


def test_ours_are_measured_from_the_file_to_the_next_snapshot(table):
    found, carried_out = Measured(), Measured()
    with timed() as clock:
        contenders.assessment(table, found)
    contenders.remedies(table, carried_out)
    assert list(found.parts) == ["domains", "statistics", "assess"]
    assert "could not check" not in found.said.lower()
    assert set(carried_out.parts) == {"measure again", "carry out", "snapshot"}
    assert "trim" in carried_out.said or "map_values" in carried_out.said
    steps = {(record["step"], record["what"]) for record in clock.plain()}
    assert {("detect", "typo"), ("detect", "missing_value"), ("previews with consequences", "")} <= steps
    assert "SELECT" in clock.slowest()[0]["sql"]


def test_the_command_measures_in_processes_and_prints_one_object(tmp_path, capsys):
    command = ["--rows", "300", "600", "--columns", "4", "--only", "rewrite", "--repeat", "2", "--json"]
    assert speed.main([*command, "--data", str(tmp_path)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(size["rows"], size["columns"]) for size in told["sizes"]] == [(300, 4), (600, 4)]
    contenders_of = told["sizes"][0]["contenders"]
    assert set(contenders_of) == {"summarize", "rewrite"}
    assert len(contenders_of["rewrite"]["runs"]) == 2
    assert contenders_of["summarize"]["times_summarize"] == 1.0
    assert contenders_of["rewrite"]["peak_mb"] > 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orders-300-4-1.parquet", "orders-600-4-1.parquet"]


def _size(**seconds: list[float]) -> speed.Size:
    outcomes = {name: speed.Outcome(s, [100.0] * len(s), said="x") for name, s in seconds.items()}
    return speed.Size(1000, 20, 1.0, outcomes)


def test_medians_and_ratios_decide_which_goals_are_met():
    size = _size(summarize=[1.0, 3.0, 2.0], assessment=[7.0, 9.0], pandas=[90.0], rewrite=[2.0], value_map=[4.0])
    told = "\n".join(speed.report(size))
    assert "met     assessment: at most 4 × SUMMARIZE; it is 4.00" in told
    assert "met     assessment: at most a tenth of the pandas version; it is 0.09" in told
    assert "NOT MET value_map: at most 1.5 × one Parquet rewrite; it is 2.00" in told


def test_growth_is_told_beside_the_growth_of_the_table():
    smaller = _size(summarize=[1.0], assessment=[3.0])
    larger = speed.Size(10_000, 20, 1.0, _size(summarize=[5.0], assessment=[24.0]).outcomes)
    assert list(speed.growth([smaller, larger])) == [
        "from 1,000 × 20 to 10,000 × 20: cells ×10.0; summarize ×5.0, assessment ×8.0",
        "  met     assessment: no faster than rows × columns",
    ]
