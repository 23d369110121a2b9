"""Every destination as a fixture: what holds for one holds for all."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.destinations.places import Bucket, Database, File, Messages, saved
from tests.sources.topics import Topic

FILES = ("out.parquet", "out.csv", "out.ndjson", "out.csv.gz", "out.json.zst")
DATABASES = ["sqlite", "duckdb", *(pytest.param(name, marks=pytest.mark.service) for name in ("postgres", "mariadb"))]
SAVED = "saved "
BY_BLOCK = [
    "saved out.parquet",
    *(pytest.param(f"{SAVED}{name}", marks=pytest.mark.service) for name in ("postgres", "s3")),
]


@pytest.fixture
def sqlite(tmp_path) -> Database:
    return Database(tmp_path, "sqlite:///deep/out.db")


@pytest.fixture
def postgres(tmp_path, postgres_url):
    import sqlalchemy as sa

    place = Database(tmp_path, postgres_url, schema=f"s {uuid.uuid4().hex[:12]}")
    place.execute(f'CREATE SCHEMA "{place.schema}"')
    yield place
    with sa.create_engine(postgres_url, poolclass=sa.pool.NullPool).begin() as connection:
        connection.exec_driver_sql(f'DROP SCHEMA "{place.schema}" CASCADE')


@pytest.fixture
def duckdb(tmp_path) -> Database:
    return Database(tmp_path, "duckdb:///deep/out.duckdb")


@pytest.fixture
def mariadb(tmp_path, mariadb_url):
    import sqlalchemy as sa

    schema = f"s {uuid.uuid4().hex[:12]}"
    own = sa.create_engine(mariadb_url, poolclass=sa.pool.NullPool)
    with own.begin() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE `{schema}`")
    yield Database(tmp_path, mariadb_url, schema=schema)
    with own.begin() as connection:
        connection.exec_driver_sql(f"DROP DATABASE `{schema}`")


@pytest.fixture(params=DATABASES)
def database(request) -> Database:
    """A table of each kind of database."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=[name for name in DATABASES if name != "duckdb"])
def shared(request) -> Database:
    """A table of each kind of database that many may read at once."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def s3(tmp_path, s3_endpoint) -> Bucket:
    place = Bucket(tmp_path, s3_endpoint, f"b-{uuid.uuid4().hex[:12]}")
    place.client.create_bucket(Bucket=place.bucket)
    return place


def named(request, name) -> Database | File | Bucket:
    """A place by its name, which is that of a file, of a fixture, or begins with `saved `."""
    wanted = name.removeprefix(SAVED)
    place = File(request.getfixturevalue("tmp_path"), wanted) if "." in wanted else request.getfixturevalue(wanted)
    if name == wanted:
        return place
    block = f"contract-{uuid.uuid4().hex[:12]}"
    written = place.destination()
    settings = json.loads(written.model_dump_json(exclude_unset=True, by_alias=True))
    request.getfixturevalue("saved_blocks").save("destination", written.kind, block, **settings)
    return saved(place, block)


@pytest.fixture
def kafka(tmp_path, kafka_servers):
    topic = Topic(tmp_path, kafka_servers)
    yield Messages(topic)
    topic.remove()


PLACES = [*DATABASES, *FILES, pytest.param("s3", marks=pytest.mark.service), *BY_BLOCK]


@pytest.fixture(params=PLACES)
def table(request) -> Database | File | Bucket:
    """Each kind of place whose rows a load can replace, and an undo bring back."""
    return named(request, request.param)


@pytest.fixture(params=[*PLACES, pytest.param("kafka", marks=pytest.mark.service)])
def place(request) -> Database | File | Bucket | Messages:
    """Each kind of place there is."""
    return named(request, request.param)
