"""The real servers that tests run against start, answer and go away by themselves."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.process import listens

REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.service


def test_postgres_answers(postgres_url):
    import sqlalchemy as sa

    with sa.create_engine(postgres_url, poolclass=sa.pool.NullPool).connect() as connection:
        assert connection.exec_driver_sql("SHOW server_encoding").scalar_one() == "UTF8"


def test_redis_answers(redis_url):
    import redis

    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def test_chromium_shows_a_page(browser):
    page = browser.new_page()
    page.set_content("<h1>hello</h1>")
    assert page.inner_text("h1") == "hello"
    page.close()


@pytest.mark.parametrize("name", ["postgres", "redis"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_service_runs_until_it_is_told_to_stop_and_takes_its_server_with_it(name, how, request):
    request.getfixturevalue(f"{name}_url")  # skips where it isn't installed
    command = [sys.executable, "-m", f"tests.services.{name}"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as service:
        port = int(re.search(r":(\d+)/", service.stdout.readline())[1])
        os.kill(service.pid, how)
        assert service.wait(30) == 0
    assert not listens(port)
