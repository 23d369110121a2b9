"""Databases: modes, one transaction, once per run, and errors that say what to do and keep secrets."""

import contextlib
import datetime as dt
import json
import math
import os
import pwd
import sqlite3
import subprocess
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from blocks.destinations import DatabaseDestination, copying, loading, tables
from blocks.destinations.markers import Markers
from tasks.quality.errors import DestinationError, SpecError, TryAgain, Unavailable
from tasks.quality.secrets import mask
from tests.destinations.places import Database, batch

SECRET = "s3cret-Passw0rd"
PEOPLE = {"id": ["1", "2"], "name": ["ann", "bob"]}
INTEGER = {"id": "integer"}


def people(ids: Sequence[str], name: str, run: str):
    return batch({"id": list(ids), "name": [name] * len(ids)}, INTEGER, run=run)


# --- modes --------------------------------------------------------------------------------------------------------


def test_append_adds_to_what_is_there(database):
    database.load(people("12", "old", "run-1"), mode="append")
    receipt = database.load(people("2", "new", "run-2"), mode="append")
    assert database.rows() == [(1, "old"), (2, "new"), (2, "old")]
    assert (receipt.rows_before, receipt.rows_written, receipt.rows_after) == (2, 1, 3)


def test_merge_replaces_the_rows_with_the_same_key_and_adds_the_others(database):
    database.load(people("123", "old", "run-1"), mode="merge", key="id")
    receipt = database.load(people("34", "new", "run-2"), mode="merge", key="id")
    assert database.rows() == [(1, "old"), (2, "old"), (3, "new"), (4, "new")]
    assert (receipt.rows_before, receipt.rows_written, receipt.rows_after) == (3, 2, 4)


@pytest.mark.parametrize(("mode", "key"), [("append", ()), ("merge", "id"), ("history", "id")])
def test_a_load_among_other_rows_is_read_back_and_a_changed_or_missing_row_shows(database, mode, key):
    more = {"mode": mode, "key": key}
    database.load(people("12", "old", "run-1"), **more)
    receipt = database.load(people("34", "new", "run-2"), **more)

    def read_back():
        return database.destination(**more).read_back("run-2", database.folder)

    if mode == "append" and "mysql" in database.url:
        with pytest.raises(DestinationError, match="its rows cannot be told from others any more"):
            read_back()
        return
    database.execute("UPDATE {out} SET name = 'bob' WHERE id = 1")
    assert read_back() == receipt.fingerprint
    database.execute("UPDATE {out} SET name = 'bob' WHERE id = 4")
    assert read_back() != receipt.fingerprint
    database.execute("DELETE FROM {out} WHERE id = 3")
    assert read_back() != receipt.fingerprint


def test_rows_that_a_later_load_came_beside_are_read_back_where_the_database_tells_them(database):
    receipt = database.load(people("12", "old", "run-1"), mode="append")
    database.load(people("3", "new", "run-2"), mode="append")
    if "mysql" in database.url:
        with pytest.raises(DestinationError, match="its rows cannot be told from others any more"):
            database.destination(mode="append").read_back("run-1", database.folder)
    else:
        assert database.destination(mode="append").read_back("run-1", database.folder) == receipt.fingerprint


def test_merge_on_several_columns(database):
    for run, value in (("run-1", "old"), ("run-2", "new")):
        rows = {"a": ["x", "x"], "b b": ["1", "2" if run == "run-1" else "3"], "v": [value, value]}
        database.load(batch(rows, run=run), mode="merge", key=["a", "b b"])
    assert database.rows() == [("x", "1", "new"), ("x", "2", "old"), ("x", "3", "new")]


def test_columns_are_matched_by_name_not_by_place(database):
    database.load(batch(PEOPLE, INTEGER))
    for run, mode in (("run-2", "append"), ("run-3", "merge")):
        database.load(batch({"name": ["cid"], "id": ["3"]}, INTEGER, run=run), mode=mode, key="id")
    assert database.rows() == [(1, "ann"), (2, "bob"), (3, "cid")]


@pytest.mark.parametrize("mode", ["append", "merge"])
def test_append_and_merge_need_the_same_columns_and_say_which_differ(database, mode):
    database.load(batch(PEOPLE))
    said = r"the table lacks price, qty; the data lacks name in .*out; available: id, name; .*nothing was changed"
    with pytest.raises(DestinationError, match=said):
        database.load(batch({"id": ["3"], "price": ["1"], "qty": ["2"]}, run="run-2"), mode=mode, key="id")
    assert len(database.rows()) == 2


def test_append_reads_the_values_as_the_types_that_the_table_has(database):
    database.load(batch({"code": ["a1"], "n": ["5"], "x": ["0.5"]}, {"n": "integer", "x": "number"}))
    looks_like = {"code": "integer", "n": "text", "x": "integer"}
    database.load(batch({"code": ["12"], "n": ["6"], "x": ["3"]}, looks_like, run="run-2"), mode="append")
    assert database.rows() == [("12", 6, 3.0), ("a1", 5, 0.5)]


def test_append_refuses_values_that_the_tables_type_cannot_hold(database):
    database.load(batch({"n": ["5"]}, {"n": "integer"}))
    with pytest.raises(DestinationError, match=r"1 value of 'n' is no integer without loss, e.g. 'six' in row 1"):
        database.load(batch({"n": ["6", "six"]}, run="run-2"), mode="append")
    assert database.rows() == [(5,)]


BEYOND = {
    "postgres": {
        "d": ("DATE", "date", ["infinity", "-infinity", "10000-01-01", "0044-03-15 BC", "2026-02-03", None]),
        "at": (
            "TIMESTAMP",
            "timestamp",
            ["infinity", "-infinity", "10000-01-01 00:00:00.25", "0044-03-15 00:00:00 BC", "2026-02-03 10:11:12.5", ""],
        ),
        "zoned": (
            "TIMESTAMPTZ",
            "timestamp",
            [
                "infinity",
                "-infinity",
                "10000-01-01 00:00:00.250000+00:00",
                "0044-03-15 00:00:00+00:00 BC",
                "2026-02-03T10:11:12+02:00",
                " ",
            ],
        ),
    },
    "mariadb": {
        "d": ("DATE", "date", ["0000-00-00", "2026-02-00", "2026-00-01", "2026-02-03", "2026-02-04", None]),
        "at": (
            "DATETIME(6)",
            "timestamp",
            [
                "0000-00-00 00:00:00.000000",
                "2026-02-00",
                "0000-00-00 00:00:00",
                "2026-02-03 10:11:12.5",
                "2026-01-01",
                "",
            ],
        ),
    },
}
HELD = {
    "postgres": {
        "d": ["infinity", "-infinity", "10000-01-01", "0044-03-15 BC", "2026-02-03", None],
        "at": [
            "infinity",
            "-infinity",
            "10000-01-01 00:00:00.25",
            "0044-03-15 00:00:00 BC",
            "2026-02-03 10:11:12.5",
            None,
        ],
        "zoned": [
            "infinity",
            "-infinity",
            "10000-01-01 00:00:00.25+00",
            "0044-03-15 00:00:00+00 BC",
            "2026-02-03 08:11:12+00",
            None,
        ],
    },
    "mariadb": {
        "d": ["0000-00-00", "2026-02-00", "2026-00-01", "2026-02-03", "2026-02-04", None],
        "at": [
            "0000-00-00 00:00:00.000000",
            "2026-02-00 00:00:00.000000",
            "0000-00-00 00:00:00.000000",
            "2026-02-03 10:11:12.500000",
            "2026-01-01 00:00:00.000000",
            None,
        ],
    },
}


@pytest.mark.service
@pytest.mark.parametrize("server", ["postgres", "mariadb"])
@pytest.mark.parametrize("mode", ["append", "merge", "history"])
def test_moments_that_python_has_not_arrive_as_they_are_where_the_column_holds_them(server, mode, request):
    place: Database = request.getfixturevalue(server)
    given, more = BEYOND[server], {"mode": mode, "key": () if mode == "append" else "id"}
    own = ", ".join(f"{name} {type}" for name, (type, _, _) in given.items())
    exact = "TIMESTAMP" if server == "postgres" else "DATETIME(6)"
    history = f", valid_from {exact} NULL, valid_to {exact} NULL" if mode == "history" else ""
    place.execute(f"CREATE TABLE {{out}} (id BIGINT, {own}{history})")
    values = {"id": list("012345"), **{name: values for name, (_, _, values) in given.items()}}
    types = {"id": "integer", **{name: type for name, (_, type, _) in given.items()}}
    receipt = place.load(batch(values, types), **more)
    assert receipt.as_text == ()
    told = ", ".join(f"CAST({name} AS CHAR(40))" for name in given)
    held = zip(*place.execute(f"SELECT {told} FROM {{out}} ORDER BY id"), strict=True)
    held = [[value.strip() if value else value for value in column] for column in held]
    assert dict(zip(given, held, strict=True)) == HELD[server]
    if mode != "append" or server == "postgres":
        assert place.destination(**more).read_back("run-1", place.folder) == receipt.fingerprint
    place.undo("run-1", **more)
    assert place.execute("SELECT count(*) FROM {out}") == [(0,)]


def test_moments_that_neither_holds_are_refused_by_an_append_and_text_in_a_new_table(database):
    odd = "0000-00-00" if "postgres" in database.url else "infinity"
    declared = batch({"d": ["2026-02-03", odd]}, {"d": "date"}, run="run-2", declared=("d",))
    assert database.load(declared).as_text == (("d", 1),)
    database.execute("DROP TABLE {out}")
    database.load(batch({"d": ["2026-02-03"]}, {"d": "date"}), mode="append")
    with pytest.raises(DestinationError, match=rf"1 value of 'd' is no date without loss, e\.g\. '{odd}' in row 1"):
        database.load(batch({"d": ["2026-02-03", odd]}, {"d": "date"}, run="run-3"), mode="append")
    assert len(database.rows()) == 1


@pytest.mark.service
def test_moments_arrive_in_utc_wherever_the_user_of_postgres_lives(postgres):
    postgres.execute("CREATE TABLE {out} (at TIMESTAMPTZ)")
    postgres.execute("ALTER ROLE gonogo SET timezone = 'Europe/Berlin'")
    try:
        given = batch({"at": ["2026-02-03 10:11:12+00:00", "2026-07-03T10:11:12+02:00"]}, {"at": "timestamp"})
        receipt = postgres.load(given, mode="append")
        assert postgres.destination(mode="append").read_back("run-1", postgres.folder) == receipt.fingerprint
    finally:
        postgres.execute("ALTER ROLE gonogo RESET timezone")
    found = postgres.execute("SELECT (at AT TIME ZONE 'UTC')::text FROM {out} ORDER BY at")
    assert found == [("2026-02-03 10:11:12",), ("2026-07-03 08:11:12",)]


def test_merge_refuses_a_key_that_is_not_unique_or_not_there(database):
    database.load(people("1", "old", "run-1"))
    with pytest.raises(DestinationError, match=r"the key id is not unique: \(2,\) is there 2 times"):
        database.load(people("122", "new", "run-2"), mode="merge", key="id")
    with pytest.raises(DestinationError, match=r"1 row has no 'id', a key column"):
        database.load(batch({"id": ["1", None], "name": ["x", "y"]}, INTEGER, run="run-3"), mode="merge", key="id")
    with pytest.raises(DestinationError, match=r"no key column 'nam'.*Did you mean 'name'"):
        database.load(people("1", "new", "run-4"), mode="merge", key="nam")
    assert database.rows() == [(1, "old")]


def test_merge_without_a_key_is_no_destination():
    with pytest.raises(ValidationError, match=r"mode merge needs 'key'"):
        DatabaseDestination(url="sqlite:///out.db", table="out", mode="merge")


# --- replacing ----------------------------------------------------------------------------------------------------


def test_views_and_indexes_survive_a_replace_by_the_same_columns(database):
    database.load(people("1", "old", "run-1"))
    database.execute("CREATE UNIQUE INDEX of_out ON {out} (id)")
    database.execute("CREATE VIEW {schema}seen AS SELECT name FROM {out}")
    database.load(people("2", "new", "run-2"))
    assert database.execute("SELECT * FROM {schema}seen") == [("new",)]
    with pytest.raises(DestinationError, match=r"the database refuses the rows: .*(?i:unique|duplicate)"):
        database.load(people("33", "newer", "run-3"))
    assert database.rows() == [(2, "new")]


def test_a_table_of_other_columns_and_unknown_types_is_replaced(database):
    odd = {"sqlite": "p", "duckdb": "p INTEGER[]"}.get(database.url.partition(":")[0], "p point")
    database.load(people("1", "x", "run-0"))
    database.execute("DROP TABLE {out}")
    database.execute(f"CREATE TABLE {{out}} ({odd}, id bigint)")
    database.load(people("1", "new", "run-1"))
    assert database.rows() == [(1, "new")]


# --- once ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["append", "merge", "replace"])
def test_a_run_is_loaded_once_whatever_others_did_since(database, mode):
    first = database.load(people("1", "mine", "run-1"), mode=mode, key="id")
    database.execute("DELETE FROM {out}")
    assert database.load(people("1", "mine", "run-1"), mode=mode, key="id") == replace(first, already_loaded=True)
    assert database.rows() == []


def test_a_run_can_be_loaded_into_another_table(database):
    database.load(people("1", "mine", "run-1"))
    assert not database.load(people("1", "mine", "run-1"), table="elsewhere").already_loaded


def test_two_loads_of_one_run_at_once_are_one(database):
    receipts, together = [], threading.Barrier(2)

    def load():
        together.wait()
        receipts.append(database.load(people("123", "mine", "run-1"), mode="append"))

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(receipt.already_loaded for receipt in receipts) == [False, True]
    assert len(database.rows()) == 3


# --- wholly -------------------------------------------------------------------------------------------------------


def test_readers_see_the_old_table_or_the_new_one_and_never_a_half(database, monkeypatch):
    """Look from another connection at each step of the load, the last of which is just before the commit."""
    database.load(people("12", "old", "run-1"))
    seen, write, fill = [], Markers.write, tables.fill

    def looking(step):
        def looked(*arguments):
            seen.append(database.rows())
            done = step(*arguments)
            seen.append(database.rows())
            return done

        return looked

    monkeypatch.setattr(tables, "fill", looking(fill))
    monkeypatch.setattr(Markers, "write", looking(write))
    database.load(people("34567", "new", "run-2"))
    assert seen == [[(1, "old"), (2, "old")]] * 4
    assert len(database.rows()) == 5


def test_readers_that_never_stop_see_whole_tables_only(shared):
    database = shared
    database.load(people("1234", "a", "run-0"))
    seen, done = set(), threading.Event()

    def look():
        while not done.is_set():
            seen.add(tuple(sorted({(len(rows), rows[0][1] if rows else None) for rows in [database.rows()]})))

    reader = threading.Thread(target=look)
    reader.start()
    for i in range(1, 16):
        database.load(people("1234" if i % 2 else "123", "b" if i % 2 else "c", f"run-{i}"))
    done.set()
    reader.join()
    assert seen <= {((4, "a"),), ((4, "b"),), ((3, "c"),)}


def test_a_load_that_fails_on_the_way_leaves_no_trace(database, monkeypatch):
    database.load(people("12", "old", "run-1"))

    def fail(*_):
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(Markers, "write", fail)
        with pytest.raises(RuntimeError):
            database.load(batch({"other": ["x"]}, run="run-2"))
    assert database.rows() == [(1, "old"), (2, "old")]
    assert not database.load(batch({"other": ["x"]}, run="run-2")).already_loaded
    assert database.rows() == [("x",)]


def test_a_stage_table_is_gone_after_the_load(database):
    database.load(people("1", "x", "run-1"))
    assert sorted(sa.inspect(database.engine()).get_table_names(schema=database.schema)) == ["gonogo_commits", "out"]


# --- errors -------------------------------------------------------------------------------------------------------


def test_an_address_may_name_environment_variables(sqlite, monkeypatch):
    with pytest.raises(SpecError, match=r"the environment variable WHERE_TO is not set in destination.url; export WHE"):
        sqlite.load(people("1", "x", "run-1"), url="sqlite:///${WHERE_TO}.db")
    monkeypatch.setenv("WHERE_TO", "there")
    sqlite.load(people("1", "x", "run-1"), url="sqlite:///${WHERE_TO}.db")
    assert (sqlite.folder / "there.db").exists()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_no_destination(sqlite, url):
    with pytest.raises(SpecError, match=r"only keep the table in memory"):
        sqlite.load(people("1", "x", "run-1"), url=url)


def test_what_is_no_address_is_not_repeated_for_it_may_hold_a_secret(sqlite):
    destination = sqlite.destination(url=f"ann:{SECRET}@db/orders")
    with pytest.raises(SpecError, match=r"not a database URL in destination.url; write e.g.") as caught:
        destination.load(people("1", "x", "run-1"), sqlite.folder)
    assert SECRET not in str(caught.value) + destination.describe()


def test_an_unknown_kind_of_database_says_so(sqlite):
    with pytest.raises(SpecError, match=r"no driver for nonesuch"):
        sqlite.load(people("1", "x", "run-1"), url="nonesuch://host/db")


def test_a_missing_driver_says_what_to_install(sqlite, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SpecError, match=r"no driver for postgresql.*pip install 'gonogo\[postgres\]'"):
        sqlite.load(people("1", "x", "run-1"), url="postgresql://ann:pw@127.0.0.1:1/db")


def test_a_server_that_is_away_says_where_and_keeps_the_password(sqlite):
    from tests.services.process import free_port

    port = free_port()
    with pytest.raises(Unavailable, match=rf"cannot be reached.*127\.0\.0\.1.*{port}.*start it") as caught:
        sqlite.load(people("1", "x", "run-1"), url=f"postgresql://ann:{SECRET}@127.0.0.1:{port}/db")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_locked_database_is_to_be_tried_again(sqlite, monkeypatch):
    sqlite.load(people("1", "old", "run-1"))
    monkeypatch.setattr("blocks.databases.BUSY_SECONDS", 0)
    with sqlite3.connect(sqlite.folder / "deep/out.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TryAgain, match=r"the database is locked.*close what holds it"):
            sqlite.load(people("2", "new", "run-2"))
    other.close()


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.service) for name in ("postgres", "mariadb")])
def server(request):
    """A table of each kind of database server."""
    return request.getfixturevalue(request.param)


LOCKING = {"postgres": "LOCK TABLE {out} IN ACCESS EXCLUSIVE MODE", "mariadb": "LOCK TABLES {out} WRITE"}
LIMITS = {"postgres": "options=-c%20statement_timeout%3D{}", "mariadb": "init_command=SET%20max_statement_time%3D{}"}


@pytest.mark.parametrize("columns", [{}, {"other": ["x"]}], ids=["same", "other"])
def test_a_table_that_somebody_else_locked_is_to_be_tried_again(server, columns, request, monkeypatch):
    server.load(people("1", "old", "run-1"))
    monkeypatch.setattr(loading, "WAIT_SECONDS", 1)
    kind = request.node.callspec.params["server"]
    with server.engine().connect() as other:
        other.exec_driver_sql(server.said(LOCKING[kind]))
        with pytest.raises(TryAgain, match=r"the database is locked: .*close what holds it, then load again"):
            server.load(batch({"id": ["2"], "name": ["new"], **columns}, INTEGER, run="run-2"))
    assert server.rows() == [(1, "old")]
    assert server.load(people("2", "new", "run-2")).rows_after == 1


@pytest.mark.parametrize("mode", ["replace", "append", "merge", "history"])
def test_a_server_that_gives_up_because_it_took_too_long_leaves_the_old_table(server, mode, request):
    server.load(people("12", "old", "run-1"), mode=mode, key="id")
    before, tables = server.rows(), server.tables()
    kind = request.node.callspec.params["server"]
    rows, limit = (300_000, "20") if kind == "postgres" else (3, "0.3")
    many = batch({"id": [str(n) for n in range(rows)], "name": ["new"] * rows}, INTEGER, run="run-2")
    with server.engine().connect() as other:
        if kind == "mariadb":  # which crashes where a limit of milliseconds ends a query that makes a temporary table
            other.exec_driver_sql(server.said("LOCK TABLES {out} READ"))
        with pytest.raises(
            TryAgain, match=r"gave up, for it took too long: .*raise its time limit, then load again"
        ) as told:
            server.load(many, mode=mode, key="id", url=f"{server.url}?{LIMITS[kind].format(limit)}")
    assert SECRET not in "".join(traceback.format_exception(told.value))
    assert server.rows() == before
    assert [name for name in server.tables() if name not in tables and not name.startswith("gonogo_")] == []


@pytest.mark.service
def test_mariadb_says_that_a_user_may_not_write(mariadb):
    mariadb.load(people("1", "old", "run-1"))
    user = f"reader_{mariadb.schema.removeprefix('s ')}"
    mariadb.execute(f"CREATE USER {user} IDENTIFIED BY 'pw-{SECRET}'")
    mariadb.execute(f"GRANT SELECT ON `{mariadb.schema}`.* TO {user}")
    url = mariadb.url.replace(f"gonogo:{SECRET}@", f"{user}:pw-{SECRET}@").replace("/shop", "/")
    with pytest.raises(DestinationError, match=r"not allowed: .*denied.*check the rights, then load again") as told:
        mariadb.load(people("2", "new", "run-2"), url=url)
    assert SECRET not in "".join(traceback.format_exception(told.value))
    assert mariadb.rows() == [(1, "old")]
    mariadb.execute(f"DROP USER {user}")


@pytest.mark.service
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("gonogo:s3cret-Passw0rd@", "gonogo:wr0ng-s3cret@"), "refuses this user or password, and says: .*check them"),
        (("/shop", "/nonesuch"), "no such database or schema: .*nonesuch.*create it"),
    ],
)
def test_mariadb_says_why_it_lets_nobody_in(mariadb, change, said):
    with pytest.raises(DestinationError, match=said) as caught:
        mariadb.load(people("1", "x", "run-1"), url=mariadb.url.replace(*change))
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert "wr0ng" not in shown


def test_a_duckdb_file_that_another_process_holds_is_to_be_tried_again(duckdb):
    duckdb.load(people("1", "old", "run-1"))
    holds = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", holds, str(duckdb.folder / "deep/out.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(TryAgain, match=r"the database is locked: .*close what holds it, then load again"):
            duckdb.load(people("2", "new", "run-2"))
        other.stdin.close()
    assert duckdb.rows() == [(1, "old")]
    assert duckdb.load(people("2", "new", "run-2")).rows_after == 1


def test_a_file_that_is_no_database_says_so(sqlite):
    (sqlite.folder / "notes.db").write_text("hello, I am a text file and no database " * 50)
    with pytest.raises(DestinationError, match=r"not a sound database"):
        sqlite.load(people("1", "x", "run-1"), url="sqlite:///notes.db")


def test_a_read_only_database_says_so(sqlite):
    sqlite.load(people("1", "old", "run-1"))
    url = f"sqlite:///file:{sqlite.folder}/deep/out.db?mode=ro&uri=true"
    with pytest.raises(DestinationError, match=r"not allowed: .*readonly"):
        sqlite.load(people("2", "new", "run-2"), url=url)


def test_a_folder_that_cannot_be_made_says_so(sqlite):
    (sqlite.folder / "deep").write_text("a file")
    with pytest.raises(TryAgain, match=r"cannot make .*deep"):
        sqlite.load(people("1", "x", "run-1"), url="sqlite:///deep/er/out.db")


def test_a_full_disk_leaves_the_old_table(sqlite, monkeypatch):
    sqlite.load(people("12", "old", "run-1"))
    alone = loading.alone

    @contextlib.contextmanager
    def alone_on_a_full_disk(connection, name):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.rollback()
        with alone(connection, name):
            yield

    monkeypatch.setattr(loading, "alone", alone_on_a_full_disk)
    with pytest.raises(TryAgain, match=r"the disk is full.*free some space"):
        sqlite.load(batch({"id": [str(i) * 50 for i in range(5000)]}, run="run-2"))
    assert sqlite.rows() == [(1, "old"), (2, "old")]


@pytest.mark.parametrize("url", ["sqlite:///out.db", "duckdb:///out.duckdb"])
def test_a_disk_that_is_full_in_truth_leaves_the_old_table_and_takes_the_next_load(small_disk, url):
    place = Database(small_disk, url)
    place.load(people("12", "old", "run-1"))
    with pytest.raises(TryAgain, match=r"the disk is full: .*free some space, then load again"):
        place.load(batch({"id": [f"{n:09}" * 20 for n in range(30_000)]}, run="run-2"))
    assert place.rows() == [(1, "old"), (2, "old")]
    assert place.load(people("3", "new", "run-2")).rows_after == 1


@pytest.mark.service
def test_a_server_whose_disk_is_full_leaves_the_old_table(postgres, small_disk):
    postgres.load(people("12", "old", "run-1"))
    os.chown(small_disk, *[pwd.getpwnam("postgres").pw_uid] * 2)
    with sa.create_engine(postgres.url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool).connect() as own:
        own.exec_driver_sql(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
        try:
            with pytest.raises(TryAgain, match=r"the disk is full: .*No space left.*free some space, then load again"):
                postgres.load(
                    batch({"other": [f"{n:09}" * 20 for n in range(30_000)]}, run="run-2"),
                    url=f"{postgres.url}?options=-c%20default_tablespace%3Dsmall",
                )
            assert postgres.rows() == [(1, "old"), (2, "old")]
            assert postgres.load(people("3", "new", "run-2")).rows_after == 1
        finally:
            own.exec_driver_sql("DROP TABLESPACE small")


@pytest.mark.service
@pytest.mark.parametrize("mode", ["replace", "append"])
def test_a_mariadb_whose_tables_may_grow_no_more_keeps_the_old_one(small_mariadb, tmp_path, mode):
    place = Database(tmp_path, small_mariadb, schema="shop")
    place.load(people("12", "old", f"{mode}-1"))
    there = place.rows()
    with pytest.raises(TryAgain, match=r"the disk is full: .*is full.*in table shop.out .*free some space, then load"):
        place.load(people([*map(str, range(200_000))], "new" * 40, f"{mode}-2"), mode=mode)
    assert place.rows() == there
    assert place.load(people("3", "new", f"{mode}-2"), mode=mode).rows_written == 1


@pytest.mark.service
def test_a_row_that_is_longer_than_mariadb_takes_is_named(mariadb):
    mariadb.load(batch({"t": ["old"]}))
    most = int(mariadb.execute("SELECT @@max_allowed_packet")[0][0])
    with pytest.raises(
        DestinationError, match=rf"loaded row 1 has {most + 1:,} bytes, and the server takes {most:,} at"
    ):
        mariadb.load(batch({"t": ["new", "x" * (most + 1)]}, run="run-2"))
    assert mariadb.rows() == [("old",)]
    assert mariadb.load(batch({"t": ["new"]}, run="run-2")).rows_after == 1


def test_the_table_of_markers_is_no_destination(database):
    with pytest.raises(DestinationError, match=r"keep which runs were loaded"):
        database.load(people("1", "x", "run-1"), table="GONOGO_commits")


def test_no_secret_is_in_a_receipt_or_a_marker(sqlite, monkeypatch):
    monkeypatch.setenv("NAME", "out")
    url = "sqlite:///${NAME}.db?password=" + SECRET
    destination = sqlite.destination(url=url)
    assert SECRET not in destination.describe()
    receipt = sqlite.load(people("1", "x", "run-1"))
    assert SECRET not in json.dumps(receipt.__dict__)


# --- PostgreSQL ---------------------------------------------------------------------------------------------------


@pytest.mark.service
def test_postgres_receipts_markers_and_errors_never_hold_the_password(postgres):
    receipt = postgres.load(people("1", "x", "run-1"))
    stored = postgres.execute(f'SELECT * FROM "{postgres.schema}".gonogo_commits')
    assert SECRET in postgres.url
    assert SECRET not in repr(receipt) + repr(stored)


@pytest.mark.service
def test_postgres_says_where_a_nul_character_is(postgres):
    rows = ["ok"] * 5_500 + ["a\x00b"]
    with pytest.raises(DestinationError, match=r"'c' has a NUL character in loaded row 5,500, which PostgreSQL cannot"):
        postgres.load(batch({"c": rows}))


EVERY_TYPE = {
    "t": ["plain", "é🎈", 'a,"b"', "two\nlines", "\\.", "\\N", None, None],
    "i": ["0", "-1", str(2**63 - 1), str(-(2**63)), "7", None, "8", None],
    "n": ["0.1", "-0.0", "1e-99", "123456789012345", "1e99", None, "2", None],
    "d": ["0001-01-01", "1999-12-31", "2000-01-01", "9999-12-31", "2026-02-28", None, "1970-01-01", None],
    "m": [
        "0001-01-01 00:00:00", "1999-12-31 23:59:59.999999", "2000-01-01", "9999-12-31 23:59:59.999999",
        "2026-02-28T10:00:00.5", None, "1970-01-01 00:00:00", None,
    ],
    "b": ["true", "false", "yes", "no", "1", None, "0", None],
}  # fmt: skip
TYPES = {"i": "integer", "n": "number", "d": "date", "m": "timestamp", "b": "boolean"}


@pytest.mark.service
@pytest.mark.parametrize("narrower", [None, "m TYPE timestamptz", "t TYPE varchar(9)"])
def test_postgres_holds_every_value_as_it_was_whatever_types_its_table_has(postgres, narrower):
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, None: None}
    rows = [
        (t, i and int(i), n and float(n), d and dt.date.fromisoformat(d), m and dt.datetime.fromisoformat(m), known[b])
        for t, i, n, d, m, b in zip(*EVERY_TYPE.values(), strict=True)
    ]
    postgres.load(batch({name: values[:0] for name, values in EVERY_TYPE.items()}, TYPES, run="run-0"))
    if narrower:
        postgres.execute(f"ALTER TABLE {{out}} ALTER COLUMN {narrower}")
    receipt = postgres.load(batch(EVERY_TYPE, TYPES), mode="append")
    found = postgres.execute("SELECT t, i, n, d, m::timestamp, b FROM {out}")
    assert sorted(found, key=repr) == sorted(rows, key=repr)
    assert math.copysign(1, next(n for _, i, n, *_ in found if i == -1)) == -1
    assert receipt.fingerprint == postgres.destination(mode="append").read_back("run-1", postgres.folder)


@pytest.mark.service
def test_postgres_begins_anew_as_text_when_the_last_value_of_many_would_be_lost(postgres):
    postgres.load(people("12", "old", "run-1"))
    ids = [str(n) for n in range(50_000)] + ["1.5"]
    many = {"id": ids, "lost0": ["x"] * len(ids)}
    receipt = postgres.load(replace(batch(many, INTEGER, run="run-2"), declared=("id",)))
    assert (receipt.rows_before, receipt.rows_after, receipt.as_text) == (2, len(ids), (("id", 1),))
    assert postgres.execute("SELECT count(DISTINCT id), max(lost0) FROM {out} WHERE id ~ '^[0-9.]+$'") == [
        (len(ids), "x")
    ]
    assert postgres.undo("run-2").rows_restored == 2
    with pytest.raises(
        DestinationError, match=r"1 value of 'id' is no integer without loss, e\.g\. '1\.5' in row 50,000"
    ):
        postgres.load(replace(batch(many, INTEGER, run="run-3"), declared=("id",)), wrong_types="refuse")
    assert postgres.rows() == [(1, "old"), (2, "old")]


@pytest.mark.service
def test_postgres_takes_long_rows_in_parts(postgres, monkeypatch):
    monkeypatch.setattr(copying, "MOST_BYTES", 1000)
    texts = [str(n) * 300 for n in range(10)] + ["x"] * 1000
    assert postgres.load(batch({"a": texts, "n": [str(n) for n in range(1010)]}, {"n": "integer"})).rows_after == 1010
    assert postgres.execute("SELECT a FROM {out} ORDER BY n") == [(text,) for text in texts]


@pytest.mark.service
def test_postgres_keeps_letters_in_a_database_of_another_encoding(postgres):
    name = f"latin_{postgres.schema.removeprefix('s ')}"
    with sa.create_engine(postgres.url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool).connect() as own:
        own.exec_driver_sql(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        try:
            place = Database(postgres.folder, postgres.url.replace("/postgres", f"/{name}"))
            place.load(batch({"a": ["Müller", None]}))
            assert place.execute("SELECT a, length(a) FROM {out}") == [("Müller", 6), (None, None)]
            with pytest.raises(DestinationError, match="no equivalent in encoding"):
                place.load(batch({"a": ["🎈"]}, run="run-2"))
        finally:
            own.exec_driver_sql(f"DROP DATABASE {name}")


@pytest.mark.service
def test_postgres_names_are_at_most_63_bytes(postgres):
    postgres.load(batch({"é" * 31: ["x"]}))
    with pytest.raises(DestinationError, match=r"the column name 'é+…' is longer than 63 bytes in postgresql"):
        postgres.load(batch({"é" * 32: ["x"]}, run="run-2"))
    with pytest.raises(DestinationError, match=r"the table name 't+…' is longer than 63 bytes"):
        postgres.load(batch({"a": ["x"]}, run="run-2"), table="t" * 64)


@pytest.mark.service
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("gonogo:s3cret-Passw0rd@", "gonogo:wr0ng-s3cret@"), "refuses this user or password, and says: .*check them"),
        (("/postgres", "/nonesuch"), "no such database or schema: .*nonesuch.*create it"),
    ],
)
def test_postgres_says_why_it_lets_nobody_in(postgres, change, said):
    with pytest.raises(DestinationError, match=said) as caught:
        postgres.load(people("1", "x", "run-1"), url=postgres.url.replace(*change))
    assert mask(str(caught.value)) == str(caught.value), "no word of the reason is taken for a password"
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert "wr0ng" not in shown


@pytest.mark.service
def test_postgres_says_that_a_schema_is_not_there(postgres):
    with pytest.raises(DestinationError, match=r"no such database or schema: .*nonesuch"):
        postgres.load(people("1", "x", "run-1"), schema="nonesuch")


@pytest.mark.service
def test_postgres_says_that_a_user_may_not_write(postgres):
    postgres.load(people("1", "old", "run-1"))
    user = f"reader_{postgres.schema.removeprefix('s ')}"
    postgres.execute(f"CREATE USER {user} PASSWORD 'pw-{SECRET}'")
    postgres.execute(f'GRANT USAGE ON SCHEMA "{postgres.schema}" TO {user}')
    postgres.execute(f'GRANT SELECT ON ALL TABLES IN SCHEMA "{postgres.schema}" TO {user}')
    url = postgres.url.replace(f"gonogo:{SECRET}@", f"{user}:pw-{SECRET}@")
    with pytest.raises(DestinationError, match=r"not allowed: permission denied for.*check the rights"):
        postgres.load(people("2", "new", "run-2"), url=url)
    assert postgres.rows() == [(1, "old")]
    postgres.execute(f"DROP OWNED BY {user}; DROP USER {user}")


@pytest.mark.service
@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_postgres_is_reached_by_its_short_names(postgres, scheme):
    postgres.load(people("1", "x", "run-1"), url=postgres.url.replace("postgresql+psycopg", scheme))
    assert postgres.rows() == [(1, "x")]


def test_two_tables_of_one_database_do_not_mix(tmp_path):
    place = Database(tmp_path, "sqlite:///out.db")
    place.load(people("1", "x", "run-1"))
    place.load(people("12", "x", "run-2"), table="two")
    assert place.rows() == [(1, "x")]


@pytest.mark.parametrize(
    ("column", "type", "fits", "finer"),
    [
        ("DECIMAL(5, 2)", "number", ["1.50", "-0.29", "2e2"], "2.255"),
        ("REAL", "number", ["0.1", "12345.6", "0.5"], "0.123456789"),
        ("TIMESTAMP(0)", "timestamp", ["2026-01-02T03:04:05", "2026-01-02T03:04:05.000"], "2026-01-02T03:04:05.25"),
        ("TIMESTAMP(3)", "timestamp", ["2026-01-02T03:04:05.123"], "2026-01-02T03:04:05.1234"),
    ],
)
def test_values_that_a_table_s_column_would_round_are_refused(database, column, type, fits, finer):
    keeps = "sqlite" in database.url or ("duckdb" in database.url and type == "timestamp")
    own = column.replace("REAL", "FLOAT").replace("TIMESTAMP", "DATETIME") if "mysql" in database.url else column
    (database.folder / "deep").mkdir(exist_ok=True)
    database.execute(f"CREATE TABLE {{out}} (c {own})")
    if keeps:
        fits = [*fits, finer]
        assert database.load(batch({"c": fits}, {"c": type}), mode="append").rows_after == len(fits)
        return
    said = rf"1 value of 'c' is finer than its column holds.*e\.g\. '{finer}' in row 1"
    with pytest.raises(DestinationError, match=said):
        database.load(batch({"c": [fits[0], finer]}, {"c": type}), mode="append")
    assert database.rows() == []
    assert database.load(batch({"c": [*fits, None]}, {"c": type}), mode="append").rows_after == len(fits) + 1
