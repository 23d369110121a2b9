"""A server that takes connections and then says nothing more, as one whose machine hangs: read in time, or told so."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import make_url

from blocks.sources import ApiSource, DatabaseSource, Reading, S3Source, StreamSource
from blocks.staging import Staging
from tasks.quality.errors import Unavailable
from tests.services.process import frozen
from tests.sources.topics import Topic

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 1
ROWS = 60_000
LONGEST_SECONDS = 20
"""Of a read that ends because a server says nothing for a second, on a machine that is busy."""


@dataclass
class Freezing:
    """Freezes a server as soon as something is read, and lets it go on after the test."""

    port: int
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    done: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, _doing: str, read: int, _total: int) -> None:
        with self.lock:  # finding the server takes a while: who comes meanwhile waits until it is frozen
            if read and not self.done:
                self.stack.enter_context(frozen(self.port))
                self.done = True


def told(source: Any, folder: Path, port: int) -> str:
    """What is said when the server freezes amid a read; afterwards everything is read, once."""
    freezing = Freezing(port)
    with freezing.stack:
        started = time.monotonic()
        with pytest.raises(Unavailable) as raised:
            source.read(Reading(Staging(str(folder / "staging")), "r1", "orders", folder, freezing))
        assert freezing.done
        assert time.monotonic() - started < LONGEST_SECONDS
        assert not (folder / "staging/r1/source.parquet").exists()
    batch = source.read(Reading(Staging(str(folder / "staging")), "r1", "orders", folder))
    ids = pq.read_table(batch.snapshot.uri, columns=["id"])["id"].to_pylist()
    assert sorted(map(int, ids)) == list(range(1, batch.snapshot.rows + 1))
    assert raised.value.todo
    return f"{batch.snapshot.rows}: {raised.value.message}"


SERIES = f"SELECT g AS id, repeat('x', 1000) AS text FROM generate_series(1, {ROWS}) g"


@pytest.mark.service
@pytest.mark.parametrize("incremental", [None, {"column": "id"}], ids=["copied", "fetched"])
def test_postgresql(tmp_path, postgres_url, incremental):
    source = DatabaseSource(url=postgres_url, query=SERIES, incremental=incremental, patience_seconds=PATIENCE)
    said = told(source, tmp_path, make_url(postgres_url).port)
    assert said.startswith(f"{ROWS}: the database has fallen silent: the server said nothing for 1 s in a query")
    assert "look after it, or raise 'patience_seconds', then run it again" in said


@pytest.mark.service
def test_mariadb(tmp_path, mariadb_url):
    series = f"SELECT seq AS id, REPEAT('x', 1000) AS text FROM seq_1_to_{ROWS}"
    source = DatabaseSource(url=mariadb_url, query=series, patience_seconds=PATIENCE)
    said = told(source, tmp_path, make_url(mariadb_url).port)
    assert said.startswith(f"{ROWS}: the database has fallen silent: ")
    assert "look after it, or raise 'patience_seconds', then run it again" in said


@pytest.mark.service
def test_s3(tmp_path, s3_endpoint, monkeypatch):
    from blocks.sources.s3 import _Fetch
    from tests.services.s3 import ACCESS_KEY, SECRET_KEY, client

    get, calls = _Fetch._get, itertools.count(1)

    def get_or_freeze(fetch, *part):
        if next(calls) == 5:  # else all may be here before anybody is told of the first
            fetch.reading.progress("fetching", 1, 1)
        return get(fetch, *part)

    monkeypatch.setattr(_Fetch, "_get", get_or_freeze)
    owner, bucket = client(s3_endpoint), f"frozen-{uuid.uuid4().hex[:12]}"
    owner.create_bucket(Bucket=bucket)
    for number in range(40):
        lines = "".join(f"{each},{'x' * 1000}\n" for each in range(number * 1000 + 1, number * 1000 + 1001))
        owner.put_object(Bucket=bucket, Key=f"in/{number:02d}.csv", Body=f"id,text\n{lines}".encode())
    keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "addressing": "path"}
    source = S3Source(bucket=bucket, prefix="in/", endpoint=s3_endpoint, patience_seconds=0.3, **keys)
    said = told(source, tmp_path, int(s3_endpoint.rpartition(":")[2]))
    assert said.startswith("40000: the server cannot be reached at http://127.0.0.1:")
    assert "Read timeout" in said
    assert "may answer later" in said


@pytest.mark.service
def test_kafka(tmp_path, kafka_broker):
    topic = Topic(tmp_path, kafka_broker.servers)
    topic.produce(*(f'{{"id": {each}, "text": "{"x" * 1000}"}}' for each in range(1, ROWS + 1)), partition=0)
    source = StreamSource(servers=kafka_broker.servers, topics=[topic.name], keep=[], patience_seconds=PATIENCE)
    said = told(source, tmp_path, int(kafka_broker.servers.rpartition(":")[2]))
    topic.remove()
    assert said.startswith(f"{ROWS}: no message came for 1 seconds in topic {topic.name}")
    assert "run it again; what came is kept" in said


def test_an_api(tmp_path):
    with served_apart() as (url, port):
        source = ApiSource(url=f"{url}/next", timeout_seconds=0.3, retries=1)
        said = told(source, tmp_path, port)
    assert said.startswith("5: the API cannot be reached: timed out in http://127.0.0.1:")
    assert "check the address and the network, or try again later" in said


@contextlib.contextmanager
def served_apart() -> Iterator[tuple[str, int]]:
    """The tests' API in a process of its own, which can be frozen."""
    command = [sys.executable, "-m", "tests.services.api"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        yield url, int(url.rpartition(":")[2])
        process.terminate()
