"""Staging keeps a table wholly or not at all, and the same rows as the same bytes."""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
import pytest

import blocks.staging as staging_module
from blocks.staging import Staging, connected, encoded, fingerprint_of, write_csv, write_table, write_text
from tasks.quality.errors import Abort, SpecError, TamperError, TryAgain, Unavailable
from tasks.quality.model import Snapshot
from tasks.quality.profile import domains


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(str(tmp_path / "staging"))


def small(values: str = "xyz") -> ibis.Table:
    return ibis.memtable(pd.DataFrame({"_row": range(len(values)), "a": list(values)}))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- snapshots ----------------------------------------------------------------------------------------------------


def test_a_snapshot_is_what_was_written_sorted_by_row(staging):
    table = ibis.memtable(pd.DataFrame({"b": ["z", None, ""], "_row": [2, 0, 1]}))
    snapshot = staging.write("run", "source", table)
    assert (snapshot.id, snapshot.rows, snapshot.columns, snapshot.parent) == ("source", 3, ("b",), None)
    assert duckdb.sql(f"FROM '{snapshot.uri}'").fetchall() == [(0, None), (1, ""), (2, "z")]
    assert snapshot.fingerprint == "sha256:" + hashlib.sha256(Path(snapshot.uri).read_bytes()).hexdigest()


@pytest.mark.parametrize("most_bytes", [500_000_000, 3_000, 0], ids=["at once", "in parts", "row group by row group"])
def test_columns_of_a_snapshot_are_read_as_dictionaries_whatever_their_names(staging, monkeypatch, most_bytes):
    monkeypatch.setattr("blocks.staging._BYTES_AT_ONCE", most_bytes)
    rows = 300_000
    cells = {"a": ["x", None, ""], "a.b": ["y", "z", "y"], 'say "hi"': ["é" * 50, "1", "0"]}
    held = {name: [values[n % 3] for n in range(rows)] for name, values in cells.items()}
    snapshot = staging.write("run", "source", ibis.memtable(pa.table({"_row": range(rows), **held})))
    for names in (["a"], ["a.b"], [*cells]):
        parts = list(encoded(snapshot, names))
        assert (len(parts) > 1) is (most_bytes < 500_000_000)
        assert [n for part in parts for n in part["_row"].to_pylist()] == list(range(rows))
        for name in names:
            assert all(pa.types.is_dictionary(part[name].type) for part in parts)
            assert [value for part in parts for value in part[name].to_pylist()] == held[name]


def test_of_a_snapshot_without_rows_no_part_is_read(staging):
    empty = ibis.memtable({"_row": [], "a": []}, schema={"_row": "int64", "a": "string"})
    assert list(encoded(staging.write("run", "source", empty), ["a"])) == []


def test_a_manifest_says_what_a_snapshot_is_and_where_it_came_from(staging):
    first = staging.write("run", "source", small(), renames=[("A", "a")])
    second = staging.write("run", "missing-1", small("xy"), parent=first)
    assert second.parent == first.fingerprint
    manifest = staging.read_json("run", "snapshot-source")
    assert manifest["about"] == {"renames": [["A", "a"]]}
    assert manifest["engine"]["duckdb"] == duckdb.__version__
    assert (manifest["rows"], manifest["columns"], manifest["fingerprint"]) == (3, ["a"], first.fingerprint)


def test_a_table_without_rows_and_names_of_any_kind_are_kept(staging):
    table = ibis.memtable(
        {"_row": [], 'say "hi"': [], "order by": []},
        schema={"_row": "int64", 'say "hi"': "string", "order by": "string"},
    )
    snapshot = staging.write("run", "source", table)
    assert (snapshot.rows, snapshot.columns) == (0, ('say "hi"', "order by"))


def test_writing_the_same_rows_again_changes_nothing(staging):
    first, again = (staging.write("run", "source", small()) for _ in range(2))
    assert first == again
    assert names(staging.folder("run")) == ["snapshot-source.json", "source.parquet"]


def test_other_rows_under_a_known_name_are_refused_and_the_old_ones_stay(staging):
    snapshot = staging.write("run", "source", small())
    with pytest.raises(Abort, match="other rows under the name 'source'"):
        staging.write("run", "source", small("abc"))
    staging.verify(snapshot)
    assert names(staging.folder("run")) == ["snapshot-source.json", "source.parquet"]


@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_the_same_rows_give_the_same_bytes_whatever_the_threads(staging, tmp_path, threads):
    query = (
        "SELECT i AS _row, (hash(i) % 1000)::VARCHAR AS a, md5(i::VARCHAR) AS b, "
        "CASE WHEN i % 7 > 0 THEN 'x' END AS c FROM range(300000) t(i)"
    )
    fingerprints = set()
    for run, order in enumerate(["i", "i DESC", "hash(i)"]):
        with connected() as backend:
            backend.raw_sql("SET threads = 1" if run == 0 else f"SET threads = {threads}")
            backend.raw_sql(f"CREATE TABLE t AS {query} ORDER BY {order}")
            snapshot = staging.write(f"run{run}", "source", backend.table("t"))
            fingerprints.add(snapshot.fingerprint)
    assert len(fingerprints) == 1


@pytest.mark.parametrize("size", [122_880, 50_000, 2_048])
def test_rows_that_are_in_order_give_the_same_bytes_as_rows_that_are_sorted(staging, tmp_path, size):
    file, query = tmp_path / "rows.parquet", "SELECT i AS _row, md5(i::VARCHAR) AS a FROM range(300000) t(i)"
    duckdb.sql(f"COPY ({query}) TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE {size})")
    with connected() as backend:
        read = f"SELECT * FROM read_parquet('{file}')"
        written = [
            staging.write(f"run{run}", "source", backend.sql(sql))
            for run, sql in enumerate([read, f"{read} WHERE _row >= 0", f"{read} ORDER BY _row DESC"])
        ]
    assert len({snapshot.fingerprint for snapshot in written}) == 1


def test_rows_that_a_join_mixed_up_are_written_in_order(staging):
    with connected() as backend:
        backend.raw_sql("CREATE TABLE t AS SELECT i AS _row, (i % 1000)::VARCHAR AS a FROM range(1000000) t(i)")
        backend.raw_sql("CREATE TABLE u AS SELECT i::VARCHAR AS b FROM range(500) t(i)")
        snapshot = staging.write("run", "source", backend.sql("SELECT _row, a, b FROM t LEFT JOIN u ON a = b"))
    assert duckdb.sql(f"FROM '{snapshot.uri}'").fetchnumpy()["_row"].tolist() == list(range(1_000_000))


def test_a_changed_file_is_noticed_and_named(staging):
    snapshot = staging.write("run", "source", small())
    staging.verify(snapshot)
    with Path(snapshot.uri).open("r+b") as file:
        file.seek(8)
        file.write(b"\xff")
    with pytest.raises(TamperError, match=rf"expected {snapshot.fingerprint}, found sha256:.*source.parquet"):
        staging.verify(snapshot)


def test_a_file_that_is_gone_says_so(staging):
    snapshot = staging.write("run", "source", small())
    Path(snapshot.uri).unlink()
    for act in (lambda: staging.verify(snapshot), lambda: staging.open(snapshot).__enter__()):
        with pytest.raises(Unavailable, match=r"source.parquet"):
            act()


def test_an_address_that_is_no_folder_is_refused_without_repeating_it():
    with pytest.raises(SpecError, match=r"'s3://' addresses.*a local folder") as error:
        Staging("s3://key:secret@bucket/x")
    assert "secret" not in str(error.value)


# --- opening ------------------------------------------------------------------------------------------------------


def test_an_opened_snapshot_has_its_views(staging):
    snapshot = staging.write("run", "source", small())
    with staging.open(snapshot) as backend:
        assert backend.list_tables() == ["snapshot"]
    domains = ibis.memtable(pd.DataFrame({"column": ["a"], "value": ["x"], "n": [1]}))
    staging.write_domains("run", snapshot, domains)
    uri, _, rows = staging.write_aux("run", "cells", ibis.memtable(pd.DataFrame({"_row": [1]})))
    assert rows == 1
    with staging.open(snapshot, {"the cells": uri}) as backend:
        assert sorted(backend.list_tables()) == ["domains", "snapshot", "the cells"]
        assert backend.table("snapshot").count().execute() == 3


def test_a_connection_is_closed_and_leaves_no_files(staging, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    snapshot = staging.write("run", "source", small())
    before = set(tmp_path.iterdir())
    with pytest.raises(RuntimeError), staging.open(snapshot) as backend:
        raise RuntimeError
    with pytest.raises(duckdb.ConnectionException):
        backend.raw_sql("SELECT 1")
    assert set(tmp_path.iterdir()) == before


def test_what_does_not_fit_into_memory_is_spilled(staging):
    with connected() as backend:
        backend.raw_sql("SET memory_limit = '150MB'")
        backend.raw_sql("SET threads = 1")
        table = backend.sql(
            "SELECT i AS _row, repeat(md5(i::VARCHAR), 8) AS a FROM range(1500000) t(i) ORDER BY hash(i)"
        )
        assert staging.write("run", "source", table).rows == 1_500_000


@pytest.mark.parametrize(("asked", "room"), [("", "953.6 MiB"), ("64MiB", "64.0 MiB")])
def test_what_several_threads_have_no_room_for_is_written_by_one(tmp_path, monkeypatch, asked, room):
    monkeypatch.setenv("GONOGO_ENGINE_MEMORY", asked)
    seen = []

    def copied(backend, copy):  # whether several threads have too little room together is chance
        seen.append(settings(backend))
        if seen[-1][0] > 1:
            backend.raw_sql("SET memory_limit = '10MiB'")
        try:
            return write(backend, copy)
        finally:
            backend.raw_sql(f"SET memory_limit = '{seen[-1][1]}'")

    def settings(backend):
        return backend.raw_sql("SELECT current_setting('threads'), current_setting('memory_limit')").fetchone()

    write = staging_module._copied
    monkeypatch.setattr(staging_module, "_copied", copied)
    with connected("64MiB") as backend:
        backend.raw_sql("SET threads = 4")
        table = backend.sql(
            "SELECT i AS _row, 'value ' || i * 7919 % 1000003 AS a, 'other ' || i % 700001 AS b FROM range(900000) t(i)"
        )
        assert write_table(domains(table), tmp_path / "values", "FORMAT parquet") == 900_000 + 700_001
        assert seen == [(4, "64.0 MiB"), (1, room)]
        assert settings(backend) == seen[0]


@pytest.mark.parametrize("folder", ["o'brien", "a [1] *", "ü 🙂"])
def test_any_folder_name_will_do(tmp_path, folder):
    staging = Staging(str(tmp_path / folder))
    snapshot = staging.write("run", "source", small())
    with staging.open(snapshot) as backend:
        assert backend.table("snapshot").count().execute() == 3


# --- what the system refuses --------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(TryAgain, match=r"cannot make .*file/run"):
        Staging(str(tmp_path / "file")).write("run", "source", small())


def test_a_disk_without_space_leaves_no_half_file(tmp_path):
    code = f"""
import resource, signal, sys
from blocks.staging import Staging, connected
from tasks.quality.errors import TryAgain
staging = Staging({str(tmp_path)!r})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with connected() as backend:
    table = backend.sql("SELECT i AS _row, md5(i::VARCHAR) AS a FROM range(200000) t(i)")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        staging.write("run", "source", table)
    except TryAgain as error:
        print("TryAgain", error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path.cwd())
    assert "TryAgain cannot write" in done.stdout, done.stderr
    assert names(tmp_path / "run") == []


def test_what_a_killed_process_left_half_written_is_swept_and_the_rest_stays(staging):
    folder = staging.folder("run")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (folder / f".source.parquet.{dead.pid}").write_text("half")
    (folder / f".source.parquet.{os.getppid()}").write_text("of a process that lives")
    staging.write("run", "source", small())
    assert names(folder) == [f".source.parquet.{os.getppid()}", "snapshot-source.json", "source.parquet"]


def test_a_process_killed_while_writing_leaves_nothing_under_the_name(tmp_path):
    code = f"""
import os, signal
import blocks.staging as module
module.publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
import ibis, pandas as pd
module.Staging({str(tmp_path)!r}).write("run", "source", ibis.memtable(pd.DataFrame({{"_row": [0], "a": ["x"]}})))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path.cwd()).returncode == -signal.SIGKILL
    assert "source.parquet" not in names(tmp_path / "run")
    snapshot = Staging(str(tmp_path)).write("run", "source", small())
    assert names(tmp_path / "run") == ["snapshot-source.json", "source.parquet"]
    Staging(str(tmp_path)).verify(snapshot)


# --- JSON, text, CSV ----------------------------------------------------------------------------------------------


def test_json_comes_back_as_it_was_and_is_replaced(staging):
    for value in ({"a": [1, None, "é🙂"]}, {"b": "x\ud800"}):
        staging.write_json("run", "x", value)
        assert staging.read_json("run", "x") == value
    with pytest.raises(Unavailable, match=r"y.json is not in staging"):
        staging.read_json("run", "y")


def test_text_is_written_with_its_rights(tmp_path):
    write_text(tmp_path / "new" / "key", "x", mode=0o600)
    assert (tmp_path / "new" / "key").stat().st_mode & 0o777 == 0o600
    assert names(tmp_path / "new") == ["key"]


def test_csv_keeps_null_apart_from_empty_and_can_disarm_formulas(tmp_path):
    table = ibis.memtable(pd.DataFrame({"a": ["=1+1", None, "", 'x "y", z\n'], "n": [1, 2, 3, 4]}))
    assert write_csv(table, tmp_path / "a.csv") == 4
    assert (tmp_path / "a.csv").read_text() == 'a,n\n=1+1,1\n,2\n"",3\n"x ""y"", z\n",4\n'
    write_csv(table, tmp_path / "b.csv", escape_formulas=True)
    assert (tmp_path / "b.csv").read_text().startswith("a,n\n'=1+1,1\n,2\n")


def test_the_fingerprint_of_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(Unavailable, match="nothing is not there"):
        fingerprint_of(tmp_path / "nothing")


def test_a_snapshot_goes_through_json_unharmed(staging):
    snapshot = staging.write("run", "source", small())
    staging.write_json("run", "kept", snapshot.__dict__)
    kept = staging.read_json("run", "kept")
    assert Snapshot(**{**kept, "columns": tuple(kept["columns"])}) == snapshot


def test_the_engine_keeps_to_its_memory(monkeypatch):
    monkeypatch.setenv("GONOGO_ENGINE_MEMORY", "300MB")
    with connected() as backend:
        (limit,) = backend.raw_sql("SELECT current_setting('memory_limit')").fetchone()
    assert limit == "286.1 MiB"


def test_a_table_is_written_in_more_memory_unless_the_user_says_how_much(staging, monkeypatch):
    seen: list[str] = []

    def limit(backend) -> str:
        return backend.raw_sql("SELECT current_setting('memory_limit')").fetchone()[0]

    def written(table, path, options):
        seen.append(limit(backend))
        return write_table(table, path, options)

    monkeypatch.setattr("blocks.staging.write_table", written)
    for run, asked in enumerate(["", "300MB"]):
        monkeypatch.setenv("GONOGO_ENGINE_MEMORY", asked)
        with connected() as backend:
            before = limit(backend)
            staging.write(f"run{run}", "source", backend.sql("SELECT i AS _row, 'x' AS a FROM range(9) t(i)"))
            assert limit(backend) == before
    assert seen == ["953.6 MiB", "286.1 MiB"]


def test_an_amount_of_memory_that_is_none_is_said(monkeypatch):
    monkeypatch.setenv("GONOGO_ENGINE_MEMORY", "lots")
    with pytest.raises(SpecError, match="'lots' is no amount of memory"), connected():
        pass
