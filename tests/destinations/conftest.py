"""Every destination as a fixture: what holds for one holds for all."""

from __future__ import annotations

import subprocess
import uuid

import pytest

from tests.destinations.places import Bucket, Database, File
from tests.services.process import folder

FILES = ("out.parquet", "out.csv", "out.ndjson", "out.csv.gz", "out.json.zst")
DATABASES = ["sqlite", "duckdb", *(pytest.param(name, marks=pytest.mark.service) for name in ("postgres", "mariadb"))]


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


@pytest.fixture
def small_disk():
    """A disk of two megabytes; where nobody may mount one, what needs it is skipped."""
    with folder("gonogo-small-") as path:
        path.chmod(0o755)
        command = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs", str(path)]
        mounted = subprocess.run(command, capture_output=True, text=True)
        if mounted.returncode:
            pytest.skip(f"no small disk can be mounted: {mounted.stderr.strip()}")
        yield path
        subprocess.run(["umount", "--lazy", str(path)], check=True)


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


@pytest.fixture(params=[*DATABASES, *FILES, pytest.param("s3", marks=pytest.mark.service)])
def place(request, tmp_path) -> Database | File:
    """Each kind of place there is."""
    return File(tmp_path, request.param) if request.param in FILES else request.getfixturevalue(request.param)
