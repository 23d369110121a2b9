"""Real servers as fixtures. Where one is not installed its tests are skipped, saying so; in CI they fail instead.

GONOGO_TEST_POSTGRES, GONOGO_TEST_MARIADB, GONOGO_TEST_REDIS, GONOGO_TEST_S3 and GONOGO_TEST_KAFKA name servers that run
already (`docker/compose.test.yaml` has them). A broker that is killed by a test is always the tests' own.
"""

from __future__ import annotations

import os
import subprocess
from functools import partial

import pytest

from tests.services.chromium import chromium
from tests.services.forked import Forked
from tests.services.kafka import kafka
from tests.services.mariadb import mariadb
from tests.services.postgres import postgres
from tests.services.prefect import SavedBlocks, prefect
from tests.services.process import NotInstalledError, folder
from tests.services.redis import redis
from tests.services.registry import registry
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


@pytest.fixture(scope="module")
def small_mariadb():
    """One whose tables may hold little."""
    yield from _service(partial(mariadb, megabytes=24))


@pytest.fixture(scope="session")
def kafka_broker():
    """A broker of the tests' own, which may be killed and started again."""
    yield from _service(kafka)


@pytest.fixture(scope="session")
def kafka_servers(request):
    """The address of a broker."""
    given = os.environ.get("GONOGO_TEST_KAFKA")
    return given or request.getfixturevalue("kafka_broker").servers


@pytest.fixture(scope="session")
def schema_registry():
    yield from _service(registry)


@pytest.fixture(scope="session")
def sftp_server():
    yield from _service(sftp)


@pytest.fixture(scope="session")
def redis_url():
    yield from _service(redis, "GONOGO_TEST_REDIS")


@pytest.fixture(scope="session")
def s3_endpoint():
    yield from _service(s3, "GONOGO_TEST_S3")


@pytest.fixture(scope="session")
def prefect_server():
    with prefect() as address:
        yield address


@pytest.fixture(scope="session")
def forked():
    """What other processes are forked from, so that none has to import all there is."""
    made = Forked()
    yield made
    made.close()


@pytest.fixture(scope="session")
def block_types(prefect_server):
    return SavedBlocks()


@pytest.fixture
def saved_blocks(block_types):
    """Saves sources and destinations as the Prefect UI does, until the test ends."""
    yield block_types
    block_types.clear()


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


@pytest.fixture(scope="module")
def browser():
    """A browser per module: while Playwright runs, its event loop makes Prefect's sync calls asynchronous."""
    yield from _service(chromium)
