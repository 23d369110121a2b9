"""A database source stages what it read as the database said it, once, from one moment, and writes nothing."""

import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from blocks.sources import DatabaseSource, Reading
from blocks.staging import Staging
from tasks.quality.errors import NothingNew, SourceError, SpecError, TryAgain, Unavailable

SERVERS = ["sqlite", *(pytest.param(name, marks=pytest.mark.service) for name in ("postgres", "mariadb"))]


class Place:
    """A database in which tables of a test's own can be made."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.table = f"orders_{uuid.uuid4().hex[:8]}"

    def engine(self):
        url = self.url.replace("sqlite:///", f"sqlite:///{self.folder}/")
        return sa.create_engine(url, poolclass=sa.pool.NullPool)

    def execute(self, *statements: str) -> None:
        with self.engine().begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement.replace("{t}", self.table).replace("%", "%%"))

    def source(self, **more) -> DatabaseSource:
        what = {} if "query" in more else {"table": self.table}
        return DatabaseSource.model_validate({"url": self.url, **what, **more})

    def reading(self, run: str = "r1") -> Reading:
        return Reading(Staging(str(self.folder / "staging")), run, "orders", self.folder)

    def read(self, run: str = "r1", **more):
        return self.source(**more).read(self.reading(run))


@pytest.fixture(params=SERVERS)
def place(request, tmp_path):
    if request.param == "sqlite":
        made = Place(tmp_path, "sqlite:///shop.db")
    else:
        made = Place(tmp_path, request.getfixturevalue(f"{request.param}_url"))
    made.execute("CREATE TABLE {t} (id INTEGER PRIMARY KEY, city VARCHAR(40), changed INTEGER)")
    made.execute("INSERT INTO {t} VALUES (2, 'Kiel', 10), (1, NULL, 10), (3, 'Jena', 20)")
    yield made
    made.execute("DROP TABLE {t}")


def rows(batch):
    return [tuple(row.values())[1:] for row in pq.read_table(batch.snapshot.uri).to_pylist()]


def test_a_table_is_read_as_text_in_the_order_of_its_key_with_its_types(place):
    batch = place.read(chunk_rows=2)
    assert batch.snapshot.columns == ("id", "city", "changed")
    assert rows(batch) == [("1", None, "10"), ("2", "Kiel", "10"), ("3", "Jena", "20")]
    assert batch.types["id"].startswith("int")
    assert batch.types["city"].startswith("varchar(40)")
    assert [(o.name, o.rows) for o in batch.origins] == [(place.table, 3)]
    assert batch == place.read(chunk_rows=2), "an attempt that was killed finds the same"


def test_a_query_takes_parameters_and_gives_its_columns(place):
    query = f"SELECT city, id * 2 AS twice FROM {place.table} WHERE changed >= :since ORDER BY id;"
    batch = place.read(query=query, parameters={"since": 20})
    assert (batch.snapshot.columns, rows(batch)) == (("city", "twice"), [("Jena", "6")])


def test_a_query_may_have_percent_signs(place):
    batch = place.read(query=f"SELECT 7 % 4 AS rest, '100%' AS share, id FROM {place.table} WHERE id = 1")
    assert rows(batch) == [("3", "100%", "1")]
    batch = place.read("r2", query=f"SELECT '100%' AS share FROM {place.table} WHERE id = :id", parameters={"id": 1})
    assert rows(batch) == [("100%",)]


def test_only_what_is_new_is_read_and_equal_watermarks_lose_nothing(place):
    source = place.source(incremental={"column": "changed"})
    first = source.read(place.reading("r1"))
    assert [row[0] for row in rows(first)] == ["1", "2", "3"]
    source.acknowledge(first, place.reading("r1"))
    with pytest.raises(NothingNew, match="was not read before"):
        source.read(place.reading("r2"))
    place.execute("INSERT INTO {t} VALUES (4, 'Ulm', 20), (5, 'Bonn', 30), (6, 'late', 15), (7, 'never', NULL)")
    second = source.read(place.reading("r3"))
    assert [row[0] for row in rows(second)] == ["4", "5"]
    source.acknowledge(second, place.reading("r3"))
    assert second.since["value"] == "20"
    assert second.position["value"] == "30"


def test_times_are_watermarks_too(place):
    place.execute("DROP TABLE {t}", "CREATE TABLE {t} (id INTEGER PRIMARY KEY, at TIMESTAMP NULL)")
    place.execute("INSERT INTO {t} VALUES (1, '2026-01-01 10:00:00'), (2, '2026-01-02 10:00:00')")
    source = place.source(incremental={"column": "at", "first": "2026-01-02"})
    batch = source.read(place.reading("r1"))
    assert [row[0] for row in rows(batch)] == ["2"]
    source.acknowledge(batch, place.reading("r1"))
    place.execute("INSERT INTO {t} VALUES (3, '2026-01-02 10:00:00'), (4, '2026-01-03 00:00:00')")
    assert [row[0] for row in rows(source.read(place.reading("r2")))] == ["3", "4"]


def test_the_source_is_never_written_to(place):
    for query in (f"DELETE FROM {place.table}", f"SELECT 1; DROP TABLE {place.table}"):
        with pytest.raises(SourceError, match="the database refuses the query"):
            place.read(query=query)
    assert len(rows(place.read())) == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"table": "orders"}, r"no table 'orders'.*available: .*orders_"),
        ({"columns": ["cty"]}, r"no column 'cty'.*available: id, city, changed.*Did you mean 'city'"),
        ({"incremental": {"column": "chnged"}}, r"no column 'chnged'.*Did you mean 'changed'"),
        ({"query": "SELECT nothing FROM nowhere"}, "the database refuses the query"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(place, given, said):
    with pytest.raises(SourceError, match=said) as raised:
        place.read(**given)
    assert "s3cret" not in raised.value.message
    probes = list(place.source(**given).probe(place.folder))
    assert [probe.ok for probe in probes][-1] is False


def test_a_probe_tells_the_columns(place):
    connect, read = place.source().probe(place.folder)
    assert connect.ok
    assert "read-only" in connect.said
    assert read.said == "columns id, city, changed"


@pytest.mark.service
@pytest.mark.parametrize("backend", ["postgresql+psycopg", "mysql+pymysql"])
def test_a_server_that_is_away_is_said_without_the_password(tmp_path, backend):
    source = DatabaseSource(url=f"{backend}://ann:s3cret-Passw0rd@127.0.0.1:9/x", table="t")
    with pytest.raises(Unavailable, match="the database cannot be reached") as raised:
        source.read(Reading(Staging(str(tmp_path)), "r", "p", tmp_path))
    assert "s3cret" not in raised.value.message + source.describe() + source.identity()


@pytest.mark.service
@pytest.mark.parametrize("server", ["postgres_url", "mariadb_url"])
def test_a_wrong_password_is_said(tmp_path, request, server):
    url = request.getfixturevalue(server).replace("s3cret-Passw0rd", "wrong-Passw0rd")
    with pytest.raises(SourceError, match="refuses this user or password") as raised:
        DatabaseSource(url=url, table="t").read(Reading(Staging(str(tmp_path)), "r", "p", tmp_path))
    assert "wrong-Passw0rd" not in raised.value.message


LIMITED = {
    "postgres_url": (
        "?options=-c%20statement_timeout%3D200",
        "SELECT n, pg_sleep(0.01)::text FROM generate_series(1, 999) n",
    ),
    "mariadb_url": (
        "?init_command=SET%20max_statement_time%3D0.2",
        "SELECT count(*) AS n FROM seq_1_to_100000 a, seq_1_to_100000 b WHERE a.seq * b.seq % 7 = 1",
    ),
}


@pytest.mark.service
@pytest.mark.parametrize("server", LIMITED)
def test_a_server_that_gives_up_because_it_took_too_long_is_to_be_tried_again(tmp_path, request, server):
    limit, query = LIMITED[server]
    source = DatabaseSource(url=request.getfixturevalue(server) + limit, query=query)
    with pytest.raises(
        TryAgain, match=r"gave up, for it took too long: .*raise its time limit, then run it again"
    ) as told:
        source.read(Reading(Staging(str(tmp_path)), "r", "p", tmp_path))
    assert "s3cret" not in told.value.message


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    (tmp_path / "shop.db").touch()
    with pytest.raises(Unavailable, match=r"no file 'shp\.db'.*Did you mean 'shop\.db'"):
        DatabaseSource(url="sqlite:///shp.db", table="t").read(Reading(Staging(str(tmp_path)), "r", "p", tmp_path))
    assert not (tmp_path / "shp.db").exists()
    with pytest.raises(SpecError, match="ABSENT_PASSWORD is not set"):
        next(DatabaseSource(url="mysql://a:${ABSENT_PASSWORD}@h/x", table="t")._open(tmp_path))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "either a 'table' or a 'query'"),
        ({"table": "t", "query": "SELECT 1"}, "either a 'table' or a 'query'"),
        ({"query": "SELECT 1", "columns": ["a"]}, "belong to a table"),
        ({"table": "t", "parameters": {"a": 1}}, "belong to a query"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(given, said):
    with pytest.raises(ValidationError, match=said):
        DatabaseSource.model_validate({"url": "sqlite:///x.db", **given})


@pytest.mark.service
def test_every_type_says_what_the_database_says(tmp_path, postgres_url):
    place = Place(tmp_path, postgres_url)
    values = {
        "smallint '7'": "7",
        "bigint '9223372036854775807'": "9223372036854775807",
        "numeric '12345678901234567890.1200'": "12345678901234567890.1200",
        "numeric 'NaN'": "NaN",
        "float8 '0.1'": "0.1",
        "float8 '-Infinity'": "-inf",
        "true": "true",
        "text 'é🙂 \"quoted\"'": 'é🙂 "quoted"',
        "date '2026-02-03'": "2026-02-03",
        "time '10:11:12.5'": "10:11:12.500000",
        "timestamp '2026-02-03 10:11:12'": "2026-02-03 10:11:12",
        "timestamptz '2026-02-03 10:11:12+00' AT TIME ZONE 'UTC'": "2026-02-03 10:11:12",
        "bytea '\\x00ff'": "00ff",
        "jsonb '{\"b\": [1, null]}'": '{"b": [1, null]}',
        "jsonb '{\"a\": 12345678901234567890.10}'": '{"a": 12345678901234567890.10}',
        'json \'{"a": 1, "b": 1e400, "a": 2.0}\'': '{"a": 1, "b": 1e400, "a": 2.0}',
        "jsonb 'null'": "null",
        "ARRAY[1, 2]": "[1, 2]",
        "uuid '6f1a2c3e-0000-4000-8000-000000000000'": "6f1a2c3e-0000-4000-8000-000000000000",
        "NULL::int": None,
    }
    columns = ", ".join(f"{value} AS c{i}" for i, value in enumerate(values))
    (row,) = rows(place.read(query=f"SELECT {columns}"))
    assert list(row) == list(values.values())


@pytest.mark.service
def test_rows_that_are_copied_out_say_the_same_as_rows_that_are_fetched(tmp_path, postgres_url):
    place = Place(tmp_path, postgres_url)
    floats = ["0.1", "5", "-0", "1e15", "1e16", "123456789012345680", "1e-5", "NaN", "-Infinity", "1e22", "2.5e300"]
    listed = ", ".join(f"(float8 '{x}')" for x in floats)
    columns = (
        "x, x > 1 AS b, date '2026-02-03' AS d, numeric '1.20' AS n, "
        "timestamp '2026-02-03 10:11:12' + x::int8 % 2 * interval '500 ms' AS at, 'a\"b\n' || chr(10) AS t, '' AS e"
    )
    query = f"SELECT {columns} FROM (VALUES {listed}) v (x) WHERE x::text <> :not AND abs(x) < 1e17"
    copied = rows(place.read("r1", query=query, parameters={"not": "%s"}))
    fetched = rows(place.read("r2", query=query.replace(" FROM", ", '1'::jsonb FROM", 1), parameters={"not": "%s"}))
    assert copied == [row[:-1] for row in fetched]
    assert len(copied) == 6


MOMENTS = {
    "timestamp '2026-02-03 10:11:12'": "2026-02-03 10:11:12",
    "timestamp '2026-02-03 10:11:12.5'": "2026-02-03 10:11:12.500000",
    "timestamp '2026-02-03 10:11:12.000001'": "2026-02-03 10:11:12.000001",
    "timestamp '10000-01-01 00:00:00.25'": "10000-01-01 00:00:00.250000",
    "timestamp '0044-03-15 00:00:00.5 BC'": "0044-03-15 00:00:00.500000 BC",
    "timestamp 'infinity'": "infinity",
    "timestamptz '2026-02-03 10:11:12.5+00'": "2026-02-03 11:11:12.500000+01:00",
    "timestamptz '2026-07-03 10:11:12.123456+00'": "2026-07-03 12:11:12.123456+02:00",
    "timestamptz '1800-01-01 00:00:00.123+00'": "1800-01-01 00:53:28.123000+00:53:28",
    "timestamptz '10000-01-01 00:00:00.25+00'": "10000-01-01 01:00:00.250000+01:00",
    "timestamptz '294276-12-31 00:00:00+01'": "294276-12-31 00:00:00+01:00",
    "timestamptz '0044-03-15 00:00:00+01 BC'": "0044-03-14 23:53:28+00:53:28 BC",
    "timestamptz '-infinity'": "-infinity",
    "timestamptz 'infinity'": "infinity",
    "date '2026-02-03'": "2026-02-03",
    "date '10000-01-01'": "10000-01-01",
    "date '0044-03-15 BC'": "0044-03-15 BC",
    "date '-infinity'": "-infinity",
    "time '10:11:12.5'": "10:11:12.500000",
    "time '24:00'": "24:00:00",
    "interval '1 year 2 mons 3 days 04:05:06.5'": "1 year 2 mons 3 days 04:05:06.5",
    "interval '-30 days'": "-30 days",
}


@pytest.mark.service
@pytest.mark.parametrize("more", ["", ", '1'::jsonb"], ids=["copied", "fetched"])
def test_moments_are_told_in_full_and_those_that_python_has_not_as_the_server_spells_them(tmp_path, postgres_url, more):
    place = Place(tmp_path, postgres_url)
    place.execute("ALTER ROLE gonogo SET datestyle = 'German'", "ALTER ROLE gonogo SET intervalstyle = 'iso_8601'")
    place.execute("ALTER ROLE gonogo SET timezone = 'Europe/Berlin'")
    listed = ", ".join(f"{moment} AS c{i}" for i, moment in enumerate(MOMENTS))
    try:
        (row,) = rows(place.read(query=f"SELECT {listed}{more}"))
    finally:
        place.execute("ALTER ROLE gonogo RESET ALL")
    assert dict(zip(MOMENTS, row, strict=False)) == MOMENTS


@pytest.mark.service
def test_moments_that_python_has_not_are_told_within_arrays_and_ranges_too(tmp_path, postgres_url):
    place = Place(tmp_path, postgres_url)
    query = "SELECT ARRAY[timestamptz 'infinity', NULL] AS a, daterange('2026-01-01', 'infinity') AS r"
    assert rows(place.read(query=query)) == [('["infinity", null]', "[2026-01-01, infinity)")]


@pytest.mark.service
def test_a_watermark_may_be_a_moment_that_python_has_not(tmp_path, postgres_url):
    place = Place(tmp_path, postgres_url)
    place.execute("CREATE TABLE {t} (id INT, until TIMESTAMPTZ)")
    place.execute("INSERT INTO {t} VALUES (1, '0044-03-15 BC'), (2, '2026-01-01'), (3, 'infinity')")
    source = place.source(incremental={"column": "until"})
    batch = source.read(place.reading("r1"))
    assert [row[0] for row in rows(batch)] == ["1", "2", "3"]
    source.acknowledge(batch, place.reading("r1"))
    place.execute("INSERT INTO {t} VALUES (4, '10000-01-01'), (5, 'infinity')")
    assert [row[0] for row in rows(source.read(place.reading("r2")))] == ["5"]
    place.execute("DROP TABLE {t}")


@pytest.mark.service
def test_days_and_times_of_mariadb_that_python_has_not_are_told_as_the_server_spells_them(tmp_path, mariadb_url):
    place = Place(tmp_path, mariadb_url)
    place.execute("CREATE TABLE {t} (id INT, d DATE, at DATETIME(6), t TIME(2))")
    place.execute("INSERT INTO {t} VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '-838:59:59.25')")
    place.execute("INSERT INTO {t} VALUES (2, '2026-02-00', '2026-02-03 10:11:12.5', '10:11:12')")
    assert rows(place.read()) == [
        ("1", "0000-00-00", "0000-00-00 00:00:00.000000", "-838:59:59.250000"),
        ("2", "2026-02-00", "2026-02-03 10:11:12.500000", "10:11:12"),
    ]
    place.execute("DROP TABLE {t}")


@pytest.mark.service
def test_a_query_that_fails_after_many_rows_fails_the_read_and_leaves_nothing_half(tmp_path, postgres_url):
    place = Place(tmp_path, postgres_url)
    with pytest.raises(SourceError, match="the database refuses the query: division by zero"):
        place.read(query="SELECT n, 1 / (150000 - n) AS x FROM generate_series(1, 200000) n")
    assert list((tmp_path / "staging" / "r1" / "source.landing").iterdir()) == []


@pytest.mark.service
def test_rows_of_one_column_are_all_there_those_without_a_value_too(tmp_path, postgres_url):
    place = Place(tmp_path, postgres_url)
    found = rows(place.read(query="SELECT t FROM (VALUES ('a'), (NULL), (''), (NULL)) v (t)"))
    assert [row[0] for row in found] == ["a", None, "", None]


@pytest.mark.service
@pytest.mark.parametrize("ranges", [None, {"column": "id", "parts": 4}])
def test_rows_that_come_while_we_read_are_not_seen_and_memory_does_not_grow_with_them(tmp_path, postgres_url, ranges):
    place = Place(tmp_path, postgres_url)
    place.execute("CREATE TABLE {t} AS SELECT n AS id, repeat('x', 200) || n AS t FROM generate_series(1, 200000) n")
    code = f"""
import resource, sys
from pathlib import Path
import sqlalchemy as sa
from blocks.sources import DatabaseSource, Reading
from blocks.staging import Staging
told = []
def progress(what, done, total):
    if not told:
        with sa.create_engine({postgres_url!r}).begin() as other:
            other.exec_driver_sql("INSERT INTO {place.table} SELECT -n, 'late' FROM generate_series(1, 1000) n")
    told.append(done)
reading = Reading(Staging({str(tmp_path / "staging")!r}), "r", "p", Path({str(tmp_path)!r}), progress)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
batch = DatabaseSource(url={postgres_url!r}, table={place.table!r}, chunk_rows=5000, ranges={ranges}).read(reading)
print(batch.snapshot.rows, len(told), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    staged, chunks, megabytes = map(int, done.stdout.split())
    assert staged == 200_000
    assert chunks >= 5
    assert megabytes < 350
    place.execute("DROP TABLE {t}")


@pytest.mark.service
def test_a_read_that_is_killed_leaves_nothing_half_and_is_done_again(tmp_path, postgres_url):
    place = Place(tmp_path, postgres_url)
    place.execute("CREATE TABLE {t} AS SELECT n AS id FROM generate_series(1, 300000) n")
    code = f"""
from pathlib import Path
from blocks.sources import DatabaseSource, Reading
from blocks.staging import Staging
import os, signal
def progress(what, done, total):
    if done:
        os.kill(os.getpid(), signal.SIGKILL)
reading = Reading(Staging({str(tmp_path / "staging")!r}), "r1", "orders", Path({str(tmp_path)!r}), progress)
DatabaseSource(url={postgres_url!r}, table={place.table!r}, chunk_rows=1000).read(reading)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "staging" / "r1" / "source.landing" / "rows.parquet").exists()
    at = place.reading()
    batch = place.source().read(at)
    assert batch.snapshot.rows == 300_000
    at.clear()
    assert sorted(path.name for path in (tmp_path / "staging" / "r1").iterdir()) == [
        "snapshot-source.json",
        "source.parquet",
    ]
    place.execute("DROP TABLE {t}")
