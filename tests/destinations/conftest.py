"""Every destination as a fixture: what holds for one holds for all."""

from __future__ import annotations

import uuid

import pytest

from tests.destinations.places import Database, File

FILES = ("out.parquet", "out.csv", "out.ndjson", "out.csv.gz", "out.json.zst")
POSTGRES = pytest.param("postgres", marks=pytest.mark.service)


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


@pytest.fixture(params=["sqlite", POSTGRES])
def database(request) -> Database:
    """A table of each kind of database."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["sqlite", POSTGRES, *FILES])
def place(request, tmp_path) -> Database | File:
    """Each kind of place there is."""
    return File(tmp_path, request.param) if request.param in FILES else request.getfixturevalue(request.param)
