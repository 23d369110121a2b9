"""The real servers that tests run against start, answer and go away by themselves."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.process import listens
from tests.services.s3 import GUEST, client

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


def test_s3_keeps_what_it_is_given_and_knows_who_asks(s3_endpoint):
    from botocore.exceptions import ClientError

    owner = client(s3_endpoint)
    owner.create_bucket(Bucket="answers")
    owner.put_object(Bucket="answers", Key="a", Body=b"hello")
    assert owner.get_object(Bucket="answers", Key="a")["Body"].read() == b"hello"
    with pytest.raises(ClientError, match="AccessDenied"):
        client(s3_endpoint, *GUEST).get_object(Bucket="answers", Key="a")
    owner.delete_object(Bucket="answers", Key="a")
    owner.delete_bucket(Bucket="answers")


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
