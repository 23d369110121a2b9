"""A server that freezes, or is killed, amid a load: told in time, the destination as it was, and then loaded once."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy.exc
from sqlalchemy import make_url

from blocks.destinations import StreamDestination
from tasks.quality.errors import Unavailable
from tests.destinations.places import batch
from tests.services.process import frozen
from tests.sources.topics import Topic

OLD = {"id": ["1", "2"], "name": ["old", "old"]}
MANY = {"id": [str(n) for n in range(40_000)], "name": ["x" * 500] * 40_000}
LONGEST_SECONDS = 20
"""Of a load that ends because a server says nothing for a second, on a machine that is busy."""

FILL, MARKED = "blocks.destinations.tables:fill", "blocks.destinations.markers:Markers.write"
COPIED = "blocks.destinations.copying:_binary"
COMMITTED = "sqlalchemy.engine:Connection.commit"
SAID = {"postgres": "the server said nothing for 1 s in table s ", "mariadb": "(20"}
PUBLISHED = "blocks.destinations.s3:S3Destination.publish"


def once(monkeypatch, moment: str, deed: Callable[[], Any]) -> None:
    """Do something just before a function is called for the first time: `module:name[.method]`."""
    module, _, path = moment.partition(":")
    *outer, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for part in outer:
        owner = getattr(owner, part)
    own, done = getattr(owner, name), []

    def wrapped(*given: Any, **named: Any) -> Any:
        if not done:
            done.append(deed())
        return own(*given, **named)

    monkeypatch.setattr(owner, name, wrapped)


def refused(place, **more) -> Unavailable:
    """What is said of a load that fails, in time."""
    started = time.monotonic()
    with pytest.raises(Unavailable) as raised:
        place.load(batch(MANY, run="run-2"), **more)
    assert time.monotonic() - started < LONGEST_SECONDS
    return raised.value


def loaded_once(place, *, all_sent: bool = False) -> None:
    """The destination is as it was; the load done again holds, and can be taken back.

    When all had been sent, a server that goes on may well do it; then the load is known.
    """
    there = place.rows()
    assert there == [("1", "old"), ("2", "old")] or (all_sent and len(there) == 40_000)
    receipt = place.load(batch(MANY, run="run-2"))
    assert (receipt.rows_before, receipt.rows_after) == (2, 40_000)
    assert receipt.already_loaded or len(there) == 2
    assert not receipt.already_loaded or all_sent  # maybe done since it was looked at
    assert len(place.rows()) == 40_000
    place.undo("run-2")
    assert place.rows() == [("1", "old"), ("2", "old")]


@pytest.mark.service
@pytest.mark.parametrize(
    ("server", "moment"),
    [
        *(("postgres", moment) for moment in (FILL, COPIED, MARKED, COMMITTED)),
        *(("mariadb", moment) for moment in (FILL, MARKED, COMMITTED)),
    ],
)
def test_a_database_freezes(request, monkeypatch, server, moment):
    place = request.getfixturevalue(server)
    place.load(batch(OLD))
    with contextlib.ExitStack() as stack:
        once(monkeypatch, moment, lambda: stack.enter_context(frozen(make_url(place.url).port)))
        error = refused(place, patience_seconds=1)
    assert f"the database has fallen silent: {SAID[server]}" in error.message
    assert "look after it, or raise 'patience_seconds', then load again" in error.message
    loaded_once(place, all_sent=moment == COMMITTED)


@pytest.mark.service
@pytest.mark.parametrize("moment", ["blocks.destinations.s3:S3Load._bring", PUBLISHED])
def test_s3_freezes(s3, monkeypatch, moment):
    s3.load(batch(OLD))
    with contextlib.ExitStack() as stack:
        once(monkeypatch, moment, lambda: stack.enter_context(frozen(int(s3.endpoint.rpartition(":")[2]))))
        error = refused(s3, patience_seconds=0.3)
    assert "the server cannot be reached at http://127.0.0.1:" in error.message
    assert "may answer later" in error.message
    loaded_once(s3, all_sent=moment == PUBLISHED)


def eventually(what: Callable[[], object]) -> None:
    """Wait until a database that starts answers."""
    until = time.monotonic() + 30
    while True:
        try:
            what()
        except sqlalchemy.exc.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.1)
        else:
            return


@pytest.mark.service
@pytest.mark.parametrize("moment", [COPIED, MARKED])
def test_postgresql_crashes(postgres, monkeypatch, moment):
    """When one of its processes is killed it ends all connections, and starts again by itself."""
    postgres.load(batch(OLD))

    def crash() -> None:
        others = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
        os.kill(postgres.execute(others)[0][0], signal.SIGKILL)
        with pytest.raises(sqlalchemy.exc.OperationalError):  # else a short load may end before the server does
            postgres.execute("SELECT pg_sleep(60)")

    once(monkeypatch, moment, crash)
    error = refused(postgres)
    assert "the connection to the database was lost: " in error.message
    assert "look after it, then load again" in error.message
    eventually(postgres.exists)
    loaded_once(postgres)


@pytest.mark.service
def test_kafka_freezes(tmp_path, monkeypatch, kafka_broker):
    topic = Topic(tmp_path, kafka_broker.servers)
    destination = StreamDestination(servers=topic.servers, topic=topic.name)
    destination.load(batch(OLD), tmp_path)
    with contextlib.ExitStack() as stack:
        broker = int(topic.servers.rpartition(":")[2])
        once(monkeypatch, "blocks.destinations.stream:StreamLoad._send", lambda: stack.enter_context(frozen(broker)))
        started = time.monotonic()
        with pytest.raises(Unavailable, match=r"the cluster has taken nothing for 1 s in topic .*raise 'patience_sec"):
            destination.model_copy(update={"patience_seconds": 1}).load(batch(MANY, run="run-2"), tmp_path)
        assert time.monotonic() - started < LONGEST_SECONDS
    receipt = destination.load(batch(MANY, run="run-2"), tmp_path)
    assert (receipt.already_loaded, receipt.rows_before, receipt.rows_after) == (False, 2, 40_002)
    topic.remove()
