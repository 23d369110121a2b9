"""Ranges of a table are read side by side: the same rows in the same order as at once, all from one moment."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from blocks.sources import DatabaseSource
from tasks.quality.errors import NothingNew, SourceError, SpecError
from tests.sources.test_source_database import Place, rows

pytestmark = pytest.mark.service
MANY = "SELECT n AS id, 'text ' || n AS t, n % 7 AS seven, timestamp '2026-01-01' + n * interval '1 min' AS at"


@pytest.fixture
def place(tmp_path, postgres_url):
    made = Place(tmp_path, postgres_url)
    made.execute(
        f"CREATE TABLE {{t}} AS {MANY} FROM generate_series(1, 5000) n", "ALTER TABLE {t} ADD PRIMARY KEY (id)"
    )
    yield made
    made.execute("DROP TABLE {t}")


def ranges(column, parts):
    return {"column": column, "parts": parts}


@pytest.mark.parametrize("parts", [1, 2, 7, 32])
def test_ranges_of_the_key_give_the_same_bytes_as_the_whole(place, parts):
    whole = place.read("r1").snapshot
    assert place.read("r2", ranges=ranges("id", parts)).snapshot.fingerprint == whole.fingerprint
    assert place.read("r3", ranges=ranges("at", parts)).snapshot.fingerprint == whole.fingerprint
    place.execute("ALTER TABLE {t} ADD COLUMN j jsonb DEFAULT '{}'")  # is not copied, but fetched
    fetched = place.read("r4").snapshot.fingerprint
    assert place.read("r5", ranges=ranges("id", parts), chunk_rows=100).snapshot.fingerprint == fetched


def test_the_key_need_not_be_among_the_columns_nor_be_unique(place):
    batch = place.read(columns=["id"], ranges=ranges("seven", 3))
    assert rows(batch) == [(str(n),) for some in ((0, 1), (2, 3), (4, 5, 6)) for n in range(1, 5001) if n % 7 in some]


KEYS = {
    "smallint": ["-32768", "32767", "0", "5"],
    "bigint": [str(-(2**63)), str(2**63 - 1), "0", "5"],
    "numeric": ["-1e400", "1e400", "NaN", "0.5", "1e30"],
    "real": ["-3.4e38", "3.4e38", "NaN", "Infinity", "-Infinity", "0.5"],
    "float8": ["-1.7e308", "1.7e308", "NaN", "Infinity", "-Infinity", "0.5", "7"],
    "date": ["-infinity", "infinity", "0044-03-15 BC", "10000-01-01", "2026-01-01", "2026-01-02", "2027-01-01"],
    "timestamp": ["-infinity", "infinity", "0044-03-15 BC", "10000-01-01", "2026-01-01 10:00", "2026-03-01"],
    "timestamptz": ["-infinity", "infinity", "0001-01-01 00:00+14", "9999-12-31 23:59-14", "2026-01-01", "2026-03-01"],
}


@pytest.mark.parametrize("type", KEYS)
@pytest.mark.parametrize("parts", [1, 3, 4])
def test_every_value_that_a_key_can_have_is_in_one_range(place, type, parts):
    values = ", ".join(f"('{value}'::{type})" for value in KEYS[type] * 2)
    query = f"SELECT coalesce(k::text, 'none') AS text, k FROM (VALUES {values}, (NULL), (NULL)) v (k)"
    place.execute(f"CREATE VIEW {place.table}_v AS {query}")
    try:
        at_once, ranged = (
            rows(place.read(run, table=f"{place.table}_v", columns=["text"], **more))
            for run, more in (("r1", {}), ("r2", {"ranges": ranges("k", parts)}))
        )
    finally:
        place.execute(f"DROP VIEW {place.table}_v")
    assert sorted(ranged) == sorted(at_once)
    assert len(ranged) == 2 * len(KEYS[type]) + 2


@pytest.mark.parametrize("values", ["(1) LIMIT 0", "(NULL), (NULL)", "(5), (5)", "(NULL), (5)"])
def test_few_values_or_none_are_read_all_the_same(place, values):
    query = f"SELECT k::int AS k FROM (VALUES {values.replace(' LIMIT 0', '')}) v (k) {'LIMIT 0' * ('LIMIT' in values)}"
    assert rows(place.read("r2", query=query, ranges=ranges("k", 4))) == rows(place.read("r1", query=query))


def test_a_query_keeps_its_parameters_and_only_what_is_new_is_read(place):
    query = f"SELECT id, at FROM {place.table} WHERE seven = :seven"
    source = place.source(query=query, parameters={"seven": 3}, incremental={"column": "at"}, ranges=ranges("id", 4))
    first = source.read(place.reading("r1"))
    assert [row[0] for row in rows(first)] == [str(n) for n in range(3, 5001, 7)]
    source.acknowledge(first, place.reading("r1"))
    with pytest.raises(NothingNew):
        source.read(place.reading("r2"))
    last = max(n for n in range(3, 5001, 7))
    place.execute(f"INSERT INTO {{t}} SELECT -n, '', 3, at FROM {{t}}, generate_series(1, 3) n WHERE id = {last}")
    second = source.read(place.reading("r3"))
    assert sorted(row[0] for row in rows(second)) == ["-1", "-2", "-3"]
    source.acknowledge(second, place.reading("r3"))
    with pytest.raises(NothingNew):
        source.read(place.reading("r4"))


def test_all_ranges_see_one_moment_whatever_is_written_before_they_begin(place, monkeypatch):
    whole = place.read("r1").snapshot.fingerprint
    opened = DatabaseSource._open

    def after_others_wrote(source, base, of=None):
        if of is not None:
            place.execute("UPDATE {t} SET t = 'changed'", "DELETE FROM {t} WHERE id % 2 = 0")
            place.execute("INSERT INTO {t} SELECT coalesce(max(id), 0) + 1, 'new', 1, now() FROM {t}")
        return opened(source, base, of)

    monkeypatch.setattr(DatabaseSource, "_open", after_others_wrote)
    assert place.read("r2", ranges=ranges("id", 3)).snapshot.fingerprint == whole
    monkeypatch.undo()
    assert place.read("r3", ranges=ranges("id", 3)).snapshot.rows < 5000


def test_a_range_that_fails_ends_the_others(place):
    query = (
        "SELECT n, CASE n WHEN 1 THEN 1 / (n - 1) WHEN 100 THEN length(pg_sleep(60)::text) END AS x "
        "FROM generate_series(1, 100) n"
    )
    began = time.monotonic()
    with pytest.raises(SourceError, match="division by zero"):
        place.read(query=query, ranges=ranges("n", 2))
    assert time.monotonic() - began < 30
    assert not list((place.folder / "staging" / "r1" / "source.landing").iterdir())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ranges": ranges("ide", 2)}, r"no column 'ide' in source\.ranges; available: id, t, .*Did you mean 'id'"),
        ({"ranges": ranges("t", 2)}, r"column 't' is text, neither a number nor a time .*available: id, seven, at"),
        ({"ranges": ranges("b", 2), "query": "SELECT true AS b"}, "column 'b' is bool, neither a number nor a time"),
        ({"ranges": ranges("b", 2), "query": "SELECT 1 AS a"}, r"no column 'b' in source\.ranges; available: a"),
    ],
)
def test_a_key_that_is_none_is_said_with_what_could_be_one(place, given, said):
    with pytest.raises(SourceError, match=said):
        place.read(**given)
    assert not list(place.source(**given).probe(place.folder))[-1].ok


@pytest.mark.parametrize("parts", [0, -1, 33, "many"])
def test_a_number_of_ranges_that_cannot_be_is_refused(parts):
    with pytest.raises(ValidationError, match="parts"):
        DatabaseSource.model_validate({"url": "sqlite:///x.db", "table": "t", "ranges": ranges("id", parts)})


@pytest.mark.parametrize("server", ["sqlite", "mariadb"])
def test_databases_whose_connections_cannot_share_a_moment_say_so(tmp_path, request, server):
    url = "sqlite:///shop.db" if server == "sqlite" else request.getfixturevalue("mariadb_url")
    place = Place(tmp_path, url)
    place.execute("CREATE TABLE {t} (id INTEGER PRIMARY KEY)")
    said = r"(sqlite|mysql|mariadb) does not let several connections read one snapshot.*leave 'ranges' out"
    with pytest.raises(SpecError, match=said):
        place.read(ranges=ranges("id", 2))
    assert not list(place.source(ranges=ranges("id", 2)).probe(tmp_path))[-1].ok
    place.execute("DROP TABLE {t}")


def test_a_read_that_is_killed_leaves_nothing_half_and_is_done_again(place):
    place.execute("INSERT INTO {t} SELECT n, 'x', 1, now() FROM generate_series(5001, 300000) n")
    code = f"""
from pathlib import Path
from blocks.sources import DatabaseSource, Reading
from blocks.staging import Staging
import os, signal
def progress(what, done, total):
    if done:
        os.kill(os.getpid(), signal.SIGKILL)
reading = Reading(Staging({str(place.folder / "staging")!r}), "r1", "orders", Path({str(place.folder)!r}), progress)
DatabaseSource(url={place.url!r}, table={place.table!r}, ranges={ranges("id", 4)}).read(reading)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL
    landing = place.folder / "staging" / "r1" / "source.landing"
    assert [path.name for path in landing.iterdir() if not path.name.startswith(".rows.parquet.")] == []
    again = place.read("r1", ranges=ranges("id", 4)).snapshot
    assert again.fingerprint == place.read("r2").snapshot.fingerprint
    assert again.rows == 300_000
