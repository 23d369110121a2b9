"""A stream source stages each message once, from where the last read ended, whatever is killed meanwhile."""

import datetime as dt
import decimal
import io
import time
from pathlib import Path

import fastavro
import pyarrow.parquet as pq
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import NewPartitions
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from pydantic import ValidationError

from blocks.sources import StreamSource
from tasks.quality.errors import NothingNew, SourceError, SpecError, Unavailable
from tests.services.kafka import GUEST, GUEST_PASSWORD, PASSWORD, USER
from tests.sources.topics import Topic, column, numbers

pytestmark = pytest.mark.service
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def topic(tmp_path, kafka_servers):
    return Topic(tmp_path, kafka_servers)


def test_each_read_goes_on_where_the_last_one_ended_and_the_group_follows(topic):
    topic.numbers(*range(10))
    source, reading = topic.source(), topic.reading()
    first = source.read(reading)
    assert topic.stored(f"gonogo-{topic.name}") == [-1001] * 3, "nothing is committed before it is staged"
    assert source.read(reading) == first, "an attempt that was killed finds the same"
    source.acknowledge(first, reading)
    source.acknowledge(first, reading)
    assert topic.stored(f"gonogo-{topic.name}") == [4, 3, 3]
    with pytest.raises(NothingNew, match=f"no message of topic {topic.name} of kafka://.* was not read before"):
        topic.read("r2")
    topic.numbers(10, 11)
    second = topic.read("r3")
    assert (numbers(first), numbers(second)) == (list(range(10)), [10, 11])
    places = [tuple(row.values()) for row in pq.read_table(second.places).to_pylist()]
    assert places == [(0, f"{topic.name}/0", "4"), (1, f"{topic.name}/1", "3")]


def test_a_read_begins_where_it_is_told_to(topic):
    topic.numbers(1, 2, 3, timestamp=1_700_000_000_000)
    topic.numbers(4, 5, timestamp=1_700_000_100_000)
    since = dt.datetime.fromtimestamp(1_700_000_050, dt.UTC).isoformat()
    assert numbers(topic.source(start=since).read(topic.reading("time"))) == [4, 5]
    member = Consumer({"bootstrap.servers": topic.servers, "group.id": f"{topic.name}-others"})
    member.commit(offsets=[TopicPartition(topic.name, 0, 1), TopicPartition(topic.name, 1, 2)], asynchronous=False)
    member.close()
    stored = topic.source(start="stored", group=f"{topic.name}-others").read(topic.reading("stored"))
    assert numbers(stored) == [3, 4]
    assert stored.notes == (
        f"group {topic.name}-others has stored no offset of {topic.name}/2: read from the beginning",
    )
    with pytest.raises(SourceError, match=rf"stored no offset of .*available: .*Did you mean '{topic.name}-others'"):
        topic.source(start="stored", group=f"{topic.name}-other").read(topic.reading("wrong"))
    with pytest.raises(NothingNew):
        topic.read("latest-1", start="latest")
    topic.numbers(6)
    assert numbers(topic.read("latest-2", start="latest")) == [6]


def test_a_read_ends_where_it_is_told_to(topic):
    topic.numbers(*range(9))
    assert len(numbers(topic.read("r1", most_messages=4))) == 4
    assert len(numbers(topic.read("r2", most_messages=4))) == 4
    assert len(numbers(topic.read("r3", most_messages=4))) == 1
    late = []

    def progress(*_):
        if not late:
            late.append(topic.numbers(20, 21))

    topic.numbers(10)
    began = time.monotonic()
    timed = topic.source(for_seconds=2.5).read(topic.reading("r4", progress=progress))
    assert time.monotonic() - began >= 2
    assert numbers(timed) == [10, 20, 21]


def test_a_read_that_has_no_time_left_goes_on_with_the_rest_the_next_time(topic):
    topic.numbers(*range(9))
    few = topic.read("r1", for_seconds=60, most_messages=4)
    assert few.snapshot.rows == 4
    late = topic.source(for_seconds=0.001)
    with pytest.raises(NothingNew):
        late.read(topic.reading("r2"))
    assert sorted(numbers(few) + numbers(topic.read("r3"))) == list(range(9))


def test_new_partitions_and_a_topic_made_anew_are_read_from_their_beginning(topic):
    topic.numbers(1, 2, 3)
    topic.read("r1", start="latest") if False else topic.read("r1")
    topic.admin.create_partitions([NewPartitions(topic.name, 4)])[topic.name].result()
    topic.partitions = 4
    topic.numbers(4, partition=3)
    assert numbers(topic.read("r2")) == [4]
    topic.remove()
    while topic.name in topic.admin.list_topics(timeout=10).topics:
        time.sleep(0.1)
    topic.make()
    topic.numbers(7, partition=0)
    batch = topic.read("r3")
    assert numbers(batch) == [7]
    said = f"topic {topic.name} was deleted and made anew since the last read; it is read from its beginning"
    assert batch.notes == (said,)


def test_what_retention_removed_is_announced(topic):
    topic.numbers(*range(6), partition=0)
    topic.read("r1", most_messages=2)
    asked = topic.admin.delete_records([TopicPartition(topic.name, 0, 5)])
    assert [future.result().low_watermark for future in asked.values()] == [5]
    batch = topic.read("r2")
    assert numbers(batch) == [5]
    gone = f"{topic.name}/0: retention removed 3 messages (offsets 2 to 4) before they were read"
    assert batch.notes == (gone,)


def test_what_retention_removes_between_plan_and_read_is_announced_too(topic):
    topic.numbers(*range(6), partition=0)
    topic.numbers(9, partition=1)
    source, reading = topic.source(), topic.reading()
    source._planned(reading.landing(), reading)
    asked = topic.admin.delete_records([TopicPartition(topic.name, 0, 4), TopicPartition(topic.name, 1, 1)])
    assert len([future.result() for future in asked.values()]) == 2
    batch = source.read(reading)
    assert numbers(batch) == [4, 5]
    assert sorted(batch.notes) == [
        f"{topic.name}/0: retention removed 4 messages (offsets 0 to 3) before they were read",
        f"{topic.name}/1: retention removed 1 message (offset 0) before it was read",
    ]


def test_only_what_was_committed_is_read(topic):
    for number, ends in ((1, "commit"), (2, "abort"), (3, "commit")):
        with topic.transaction(ends) as made:
            made.produce(topic.name, f'{{"n": {number}}}', partition=0)
    with topic.transaction("commit") as left_open:
        left_open.produce(topic.name, '{"n": 4}', partition=0)
        left_open.flush(10)
        topic.numbers(5, partition=1)
        batch = topic.read("r1")
        assert numbers(batch) == [1, 3, 5]
        assert batch.notes == ("about 1 message of open transactions is left to the next read",)
    assert numbers(topic.read("r2")) == [4]


# --- schemas --------------------------------------------------------------------------------------------------


def framed(number: int, body: bytes, inner: bytes = b"") -> bytes:
    return b"\0" + number.to_bytes(4, "big") + inner + body


def test_avro_is_read_by_the_schema_that_each_message_names(topic, schema_registry):
    city = {"type": "record", "name": "City", "fields": [{"name": "name", "type": "string"}]}
    cents = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
    day = {"type": "int", "logicalType": "date"}
    old = {"type": "record", "name": "O", "fields": [{"name": "n", "type": "long"}]}
    new = {
        "type": "record",
        "name": "O",
        "fields": [
            *old["fields"],
            {"name": "at", "type": "City"},
            {"name": "price", "type": cents},
            {"name": "day", "type": day},
        ],
    }
    schema_registry.put("cities", city)
    first = schema_registry.put("orders", old)
    second = schema_registry.put("orders-2", new, references=[("City", "cities")])

    def written(schema, record, named=None):
        body = io.BytesIO()
        fastavro.schemaless_writer(body, fastavro.parse_schema(schema, named_schemas=dict(named or {})), record)
        return body.getvalue()

    named: dict = {}
    fastavro.parse_schema(city, named_schemas=named)
    record = {"n": 2, "at": {"name": "Kiel"}, "price": decimal.Decimal("1.50"), "day": dt.date(2026, 1, 2)}
    good = [framed(first, written(old, {"n": 1})), framed(second, written(new, record, named))]
    bad = [b"x", framed(999, b""), framed(second, b"\x02\x80")]
    topic.produce(*good, *bad, partition=0)
    batch = topic.read("r1", format="avro", registry=schema_registry.url, keep=[])
    assert [list(row.values())[1:] for row in pq.read_table(batch.snapshot.uri).to_pylist()] == [
        ["1", None, None, None],
        ["2", "Kiel", "1.50", "2026-01-02"],
    ]
    assert batch.snapshot.columns == ("n", "at.name", "price", "day")
    assert [row["bytes"] for row in pq.read_table(batch.quarantine).to_pylist()] == bad
    reasons = [row["reason"] for row in pq.read_table(batch.quarantine).to_pylist()]
    assert reasons[:2] == ["does not begin with the number of a schema", "the registry has no schema 999"]
    assert reasons[2].startswith("does not fit its schema")
    assert schema_registry.asked.count(f"/schemas/ids/{first}") == 1


def protobuf_file(name, package, **messages):
    file = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax="proto3")
    for message, fields in messages.items():
        made = file.message_type.add(name=message)
        for number, (field, type) in enumerate(fields.items(), start=1):
            kind = {"type_name": type, "type": 11} if type.startswith(".") else {"type": int(type)}
            made.field.add(name=field, number=number, label=1, **kind)
    return file


def test_protobuf_is_read_by_the_compiled_schema_that_the_registry_gives(topic, schema_registry):
    cities = protobuf_file("cities.proto", "shop", City={"name": "9"})
    fields = {"n": "3", "at": ".shop.City", "when": ".google.protobuf.Timestamp"}
    orders = protobuf_file("orders.proto", "shop", Other={"x": "9"}, Order=fields)
    orders.dependency.extend(["cities.proto", "google/protobuf/timestamp.proto"])
    schema_registry.put("proto-cities", cities)
    number = schema_registry.put("proto-orders", orders, references=[("cities.proto", "proto-cities")])
    from google.protobuf import timestamp_pb2

    pool = descriptor_pool.DescriptorPool()
    stamp = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(stamp)
    for file in (stamp, cities, orders):
        pool.Add(file)
    order = message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Order"))
    body = order(n=5, at={"name": "Kiel"}, when={"seconds": 1_700_000_000}).SerializeToString()
    second_type = bytes([2, 2])  # one index, 1, as zigzag varints
    bad = [framed(number, b"\xff", second_type), framed(number, b"", b"")]
    topic.produce(framed(number, body, second_type), *bad, partition=0)
    batch = topic.read("r1", format="protobuf", registry=schema_registry.url, keep=[])
    (row,) = pq.read_table(batch.snapshot.uri).to_pylist()
    assert row == {"_row": 0, "n": "5", "at.name": "Kiel", "when": "2023-11-14T22:13:20Z"}
    assert batch.quarantined == 2


def test_a_registry_that_is_away_or_refuses_is_said_and_nothing_is_quarantined(topic, schema_registry):
    topic.produce(framed(1, b"\x02"))
    with pytest.raises(Unavailable, match="the schema registry cannot be reached") as raised:
        topic.read("r1", format="avro", registry="http://ann:s3cret-Passw0rd@127.0.0.1:9")
    assert "s3cret" not in raised.value.message
    schema_registry.refuse = 401
    try:
        with pytest.raises(SourceError, match="the schema registry refuses us"):
            topic.read("r1", format="avro", registry=schema_registry.url)
    finally:
        schema_registry.refuse = 0


# --- what goes wrong ------------------------------------------------------------------------------------------


def test_what_is_not_there_is_said_with_what_is(topic, monkeypatch):
    monkeypatch.setattr("blocks.streams.CONNECT_SECONDS", 1)
    said = rf"no topic '{topic.name}x'.*available: .*orders-.*Did you mean '{topic.name}'"
    with pytest.raises(SourceError, match=said):
        topic.read(topics=[f"{topic.name}x"])
    away = topic.source(servers="127.0.0.1:9")
    with pytest.raises(Unavailable, match=r"the cluster cannot be reached.*kafka://127.0.0.1:9; start it"):
        away.read(topic.reading())
    assert [probe.ok for probe in away.probe(topic.folder)] == [False]
    assert [probe.ok for probe in topic.source(group=f"{topic.name}-g").probe(topic.folder)] == [True] * 4


def test_a_group_that_others_use_is_left_alone(topic):
    topic.numbers(1)
    member = Consumer({"bootstrap.servers": topic.servers, "group.id": f"{topic.name}-busy", "client.id": "billing"})
    member.subscribe([topic.name])
    while not member.assignment():
        member.poll(0.2)
    with pytest.raises(SourceError, match=r"is used by 1 other consumers, e\.g\. billing in .*; name a 'group' of"):
        topic.read(group=f"{topic.name}-busy")
    member.close()


def test_one_who_may_not_read_is_told_so_before_and_by_a_read(tmp_path, kafka_broker):
    topic = Topic(tmp_path, kafka_broker.servers)
    topic.numbers(1, 2, 3)
    guest = {"servers": kafka_broker.secure, "tls": True, "ca_file": str(kafka_broker.ca)}
    source = topic.source(**guest, username=GUEST, password=GUEST_PASSWORD)
    topic.allow(GUEST, "TOPIC", topic.name, "DESCRIBE")
    *_, last = source.probe(tmp_path)
    assert (last.ok, last.said) == (False, f"not allowed to read {topic.name}; let this user read there (ACL Read)")
    with pytest.raises(
        SourceError, match=rf"not allowed to keep offsets in group 'gonogo-{topic.name}'.*let this user"
    ):
        source.read(topic.reading())
    topic.allow(GUEST, "GROUP", f"gonogo-{topic.name}", "READ")
    with pytest.raises(SourceError, match=r"not allowed: .*check the rights \(ACLs\), then run it again"):
        source.read(topic.reading())
    topic.allow(GUEST, "TOPIC", topic.name, "READ")
    assert all(step.ok for step in source.probe(tmp_path))
    assert numbers(source.read(topic.reading())) == [1, 2, 3]


def test_a_cluster_that_wants_tls_and_a_password(topic, kafka_broker, monkeypatch):
    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    secure = {"servers": kafka_broker.secure, "tls": True, "ca_file": str(kafka_broker.ca), "username": USER}
    mine = Topic(topic.folder, kafka_broker.servers)
    mine.numbers(1)
    source = mine.source(**secure, password="${KAFKA_PASSWORD}")
    assert numbers(source.read(mine.reading())) == [1]
    with pytest.raises(SourceError, match="the cluster refuses this user or password") as raised:
        mine.source(**secure, password="wrong-Passw0rd").read(mine.reading("r2"))
    assert "wrong-Passw0rd" not in raised.value.message
    with pytest.raises(SourceError, match="TLS fails"):
        mine.source(**{**secure, "ca_file": None}, password=PASSWORD).read(mine.reading("r3"))
    with pytest.raises(SpecError, match="ABSENT_PASSWORD is not set"):
        mine.source(**secure, password="${ABSENT_PASSWORD}").read(mine.reading("r4"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"topics": []}, "at least 1 item"),
        ({"start": "earlyest"}, "Did you mean 'earliest'"),
        ({"format": "avro"}, "'registry' go together"),
        ({"registry": "http://r"}, "'registry' go together"),
        ({"format": "csv"}, "'columns' go together"),
        ({"username": "ann"}, "'username' and 'password' go together"),
        ({"ca_file": "ca.pem"}, "belong to 'tls: true'"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(given, said):
    with pytest.raises(ValidationError, match=said):
        StreamSource.model_validate({"servers": "h:9", "topics": ["t"], **given})


# --- exactly once ---------------------------------------------------------------------------------------------


def test_a_broker_that_is_killed_in_the_midst_of_a_read_comes_back_and_nothing_is_lost_or_twice(tmp_path, kafka_broker):
    topic, killed = Topic(tmp_path, kafka_broker.servers), []
    padding = "x" * 1000
    topic.produce(*(f'{{"n": {n}, "p": "{padding}"}}' for n in range(40_000)))

    def progress(_doing, done, total):
        if not killed and done:
            killed.append(done)
            kafka_broker.kill()
            kafka_broker.start()

    batch = topic.source(keep=[]).read(topic.reading(progress=progress))
    assert killed[0] < 40_000
    assert numbers(batch) == list(range(40_000))
    assert column(batch, "p")[-1] == padding
