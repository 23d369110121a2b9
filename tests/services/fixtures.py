"""Real servers as fixtures. Where one is not installed its tests are skipped, saying so; in CI they fail instead.

GONOGO_TEST_POSTGRES, GONOGO_TEST_MARIADB, GONOGO_TEST_REDIS and GONOGO_TEST_S3 name servers that run already
(`docker/compose.test.yaml` has them).
"""

from __future__ import annotations

import os

import pytest

from tests.services.chromium import chromium
from tests.services.mariadb import mariadb
from tests.services.postgres import postgres
from tests.services.process import NotInstalledError
from tests.services.redis import redis
from tests.services.s3 import s3
from tests.services.sftp import sftp


def _service(start, running=None):
    if given := os.environ.get(running or ""):
        yield given
        return
    try:
        with start() as address:
            yield address
    except NotInstalledError as error:
        if os.environ.get("GONOGO_REQUIRE_SERVICES"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def postgres_url():
    yield from _service(postgres, "GONOGO_TEST_POSTGRES")


@pytest.fixture(scope="session")
def mariadb_url():
    yield from _service(mariadb, "GONOGO_TEST_MARIADB")


@pytest.fixture(scope="session")
def sftp_server():
    yield from _service(sftp)


@pytest.fixture(scope="session")
def redis_url():
    yield from _service(redis, "GONOGO_TEST_REDIS")


@pytest.fixture(scope="session")
def s3_endpoint():
    yield from _service(s3, "GONOGO_TEST_S3")


@pytest.fixture(scope="module")
def browser():
    """A browser per module: while Playwright runs, its event loop makes Prefect's sync calls asynchronous."""
    yield from _service(chromium)
