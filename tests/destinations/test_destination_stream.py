"""A topic gets all rows of a run in one transaction, once, whatever is killed."""

import json
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from blocks.destinations import StreamDestination
from blocks.destinations.base import content_fingerprint
from tasks.quality.errors import DestinationError, Unavailable
from tests.destinations.places import batch
from tests.services.kafka import GUEST, GUEST_PASSWORD
from tests.services.kafka import kafka as kafka_on
from tests.sources.topics import Topic

pytestmark = pytest.mark.service
REPOSITORY = Path(__file__).parents[2]
TYPES = {"n": "integer", "x": "number", "day": "date", "yes": "boolean"}
ROWS = {
    "n": ["1", "2", None],
    "x": ["1.50", None, "1e30"],
    "day": ["2026-01-02", "", None],
    "yes": ["true", "no", None],
    "zip 🦔": ["00501", '"q" \\', None],
}


@pytest.fixture(scope="module")
def topic(tmp_path_factory, kafka_servers):
    return Topic(tmp_path_factory.mktemp("topic"), kafka_servers)


@pytest.fixture
def own(tmp_path, kafka_servers):
    return Topic(tmp_path, kafka_servers)


def to(made, **more):
    return StreamDestination.model_validate({"servers": made.servers, "topic": made.name, **more})


def load(topic, given, **more):
    return to(topic, **more).load(given, topic.folder)


def there(topic):
    """What another reader finds: partition, key, value, run."""
    return [
        (each.partition(), each.key(), json.loads(each.value()), dict(each.headers())["gonogo-run"].decode())
        for each in topic.messages()
    ]


def test_rows_become_messages_with_their_types_and_keys(own):
    given = batch(ROWS, TYPES)
    receipt = load(own, given, key="n")
    found = sorted(there(own), key=lambda each: str(each[1]))
    assert [value for _, _, value, _ in found] == [
        {"n": None, "x": 1e30, "day": None, "yes": None, "zip 🦔": None},
        {"n": 1, "x": 1.5, "day": "2026-01-02", "yes": True, "zip 🦔": "00501"},
        {"n": 2, "x": None, "day": None, "yes": False, "zip 🦔": '"q" \\'},
    ]
    assert [(key, run) for _, key, _, run in found] == [(None, "run-1"), (b"1", "run-1"), (b"2", "run-1")]
    assert (receipt.mode, receipt.rows_written, receipt.rows_before, receipt.rows_after) == ("append", 3, 0, 3)
    assert to(own).read_back(given.run_id, own.folder) == receipt.fingerprint
    again = load(own, batch({"n": ["9"]}, TYPES), key="n")
    assert again == replace(receipt, already_loaded=True)
    assert len(there(own)) == 3
    more = load(own, batch({"n": ["7", "8"]}, run="run-2"), key=["n", "n"])
    assert (more.rows_written, more.rows_before, more.rows_after) == (2, 3, 5)
    assert {key for _, key, _, run in there(own) if run == "run-2"} == {b'["7", "7"]', b'["8", "8"]'}
    assert to(own).read_back(given.run_id, own.folder) == receipt.fingerprint, "other loads change nothing in it"
    own.admin.delete_records([TopicPartition(own.name, n, -1) for n in range(3)])
    assert to(own).read_back(given.run_id, own.folder) != receipt.fingerprint
    with pytest.raises(DestinationError, match=r"what was sent to a topic cannot be taken back.*gonogo-run: run-1"):
        to(own).undo("run-1", own.folder)


def test_a_load_that_fails_leaves_nothing_to_be_seen(own):
    columns = {"n": [str(n) for n in range(3000)]}
    too_large = batch({**columns, "t": [*["x"] * 2999, "x" * 2_000_000]})
    with pytest.raises(DestinationError, match=r"the cluster refuses: .*[Mm]essage.*size"):
        load(own, too_large)
    assert there(own) == []
    with pytest.raises(DestinationError, match="1 value of 'n' is no integer without loss"):
        load(own, batch({"n": ["x"]}, {"n": "integer"}, declared=("n",)), wrong_types="refuse")
    receipt = load(own, batch(columns))
    assert (receipt.rows_before, receipt.rows_after, len(there(own))) == (0, 3000, 3000)
    empty = load(own, batch({"n": []}, run="run-2"))
    assert (empty.rows_written, empty.rows_after) == (0, 3000)


def test_a_load_says_where_a_transaction_of_another_keeps_it_from_being_read_back(own, monkeypatch):
    given = batch({"n": [str(n) for n in range(100)]})
    with own.transaction("abort") as other:
        other.produce(own.name, "{}", partition=1)
        other.flush(10)
        monkeypatch.setattr("blocks.streams.SILENT_SECONDS", 2)
        with pytest.raises(Unavailable, match=f"nothing for 2 s of {own.name}/1 before offset "):
            load(own, given, key="n")
    again = load(own, given, key="n")
    assert (again.already_loaded, again.rows_after, len(there(own))) == (True, 100, 100)


def test_messages_whose_transaction_has_not_ended_for_their_partition_yet_are_waited_for(own):
    settings = to(own).settings(own.folder, "destination")
    with own.transaction("commit") as other, ThreadPoolExecutor() as pool:
        other.produce(own.name, '{"n": 1}', partition=1, headers=[("gonogo-run", "run-1")])
        other.flush(10)
        held = pool.submit(to(own).held, settings, "run-1", ["n"], {f"{own.name}/1": (0, 1)})
        time.sleep(1)
        other.commit_transaction(10)
        assert held.result() == content_fingerprint([[1]])
        other.begin_transaction()


def test_what_a_broker_refuses_on_the_way_is_told_and_not_that_the_rest_was_in_vain(tmp_path, kafka_broker):
    own = Topic(tmp_path, kafka_broker.servers)
    own.admin.incremental_alter_configs(
        [
            ConfigResource(
                "TOPIC",
                own.name,
                incremental_configs=[
                    ConfigEntry("max.message.bytes", "500", incremental_operation=AlterConfigOpType.SET)
                ],
            )
        ]
    )[ConfigResource("TOPIC", own.name)].result()
    with pytest.raises(DestinationError, match=r"the cluster refuses: .*Message size too large.*nothing was changed"):
        load(own, batch({"n": [random.Random(1).randbytes(2000).hex()]}))
    assert there(own) == []
    own.remove()


def test_one_who_may_not_write_is_told_so_before_and_by_a_load(tmp_path, kafka_broker):
    own = Topic(tmp_path, kafka_broker.servers)
    guest = {"servers": kafka_broker.secure, "tls": True, "ca_file": str(kafka_broker.ca)}
    guest |= {"username": GUEST, "password": GUEST_PASSWORD}
    *_, last = to(own, **guest).probe(tmp_path)
    assert (last.ok, f"no topic '{own.name}'" in last.said, "let this user see it" in last.said) == (False, True, True)
    load(own, batch({"n": ["1"]}))
    own.allow(GUEST, "TOPIC", own.name, "READ")
    own.allow(GUEST, "TRANSACTIONAL_ID", "gonogo-", "WRITE")
    *_, last = to(own, **guest).probe(tmp_path)
    denied = f"not allowed to write to {own.name}, {own.name}.gonogo-loads; let this user write there (ACL Write)"
    assert (last.ok, last.said) == (False, denied)
    with pytest.raises(DestinationError, match=r"not allowed: .*check the rights \(ACLs\), then load again") as refused:
        load(own, batch({"n": ["2"]}, run="run-2"), **guest)
    assert GUEST_PASSWORD not in str(refused.value)
    own.allow(GUEST, "TOPIC", own.name, "WRITE")
    assert all(step.ok for step in to(own, **guest).probe(tmp_path))
    assert load(own, batch({"n": ["2"]}, run="run-2"), **guest).rows_after == 2
    own.remove()


def test_what_is_wrong_is_said(topic, monkeypatch):
    monkeypatch.setattr("blocks.streams.CONNECT_SECONDS", 1)
    with pytest.raises(DestinationError, match=rf"no topic '{topic.name}x'.*Did you mean '{topic.name}'"):
        to(topic, topic=f"{topic.name}x").load(batch({"n": ["1"]}), topic.folder)
    with pytest.raises(DestinationError, match=r"no column 'm' in destination\.key; available: n"):
        load(topic, batch({"n": ["1"]}), key="m")
    away = to(topic, servers="127.0.0.1:9")
    with pytest.raises(Unavailable, match="the cluster cannot be reached"):
        away.load(batch({"n": ["1"]}), topic.folder)
    assert to(topic, topic=f"{topic.name}x").read_back("run-1", topic.folder) is None
    assert [step.ok for step in away.probe(topic.folder)] == [False]
    steps = list(to(topic).probe(topic.folder))
    assert [step.said for step in steps[1:]] == ["3 partitions", "it would be made", "allowed"]


def test_a_broker_whose_disk_is_full_is_told_and_takes_the_load_once_there_is_space(small_disk, tmp_path, monkeypatch):
    monkeypatch.setattr("blocks.streams.CONNECT_SECONDS", 2)
    drawn = random.Random(1)
    large = batch({"n": [drawn.randbytes(200).hex() for _ in range(60_000)]}, run="run-2")
    said = r"no broker serves partition \d of .*in kafka://.*e\.g\. as its disk is full, then load again"
    with kafka_on(small_disk) as broker:
        topic = Topic(tmp_path, broker.servers)
        load(topic, batch({"n": ["1", "2"]}))
        for _ in range(2):  # in the middle of it, and before it begins
            with pytest.raises(Unavailable, match=said):
                load(topic, large, patience_seconds=3)
        assert [step.ok for step in to(topic).probe(tmp_path)] == [True, False]
        subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
        broker.kill()  # it takes a disk up again when it starts
        broker.start()
        monkeypatch.undo()
        receipt = load(topic, large)
        assert (receipt.already_loaded, receipt.rows_before, receipt.rows_after) == (False, 2, 60_002)
        assert len(there(topic)) == 60_002


KILLED = """
import json, os, signal, sys
from pathlib import Path
import confluent_kafka.admin, duckdb, ibis.backends.duckdb, pyarrow.compute
import blocks.destinations.stream as stream
from blocks.destinations import StreamDestination
from blocks.destinations.base import content_fingerprint
from tests.destinations.places import batch

seen = []

def killing(at):
    def counted(own):
        def wrapped(*given, **more):
            seen.append(own.__name__)
            if len(seen) == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return own(*given, **more)
        return wrapped
    for owner, name in [
        (stream, "typed"), (stream.StreamLoad, "commit"),
        (stream.StreamLoad, "_put"), (stream.StreamDestination, "held"),
    ]:
        setattr(owner, name, counted(getattr(owner, name)))

servers, name = sys.argv[1:]
at, ended = 0, False
while not ended:
    at += 1
    for attempt in (at, 10**9):
        if not (child := os.fork()):
            killing(attempt)
            destination = StreamDestination(servers=servers, topic=name)
            given = batch({"n": [f"{at}-{n}" for n in range(2)]}, run=f"run-{at}")
            receipt = destination.load(given, Path())
            print(at, receipt.already_loaded, receipt.rows_written, receipt.rows_after, flush=True)
            os._exit(3 if len(seen) < attempt else 0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (-9, 3), status
        ended = ended or (attempt == at and status == 3)
"""


def test_a_run_is_loaded_once_wherever_the_process_is_killed(own):
    command = [sys.executable, "-c", KILLED, own.servers, own.name]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, env=dict(os.environ))
    assert done.returncode == 0, done.stderr[-3000:]
    told = [line.split() for line in done.stdout.splitlines()]
    runs = int(told[-1][0])
    assert runs > 5, "it was killed at every step"
    assert "True" in {known for _, known, *_ in told[:-1]}, "once it was killed between commit and receipt"
    assert sorted(value["n"] for _, _, value, _ in there(own)) == sorted(
        f"{run}-{n}" for run in range(1, runs + 1) for n in range(2)
    )
    assert int(told[-1][3]) == 2 * runs
