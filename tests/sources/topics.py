"""Topics of a test's own, written to with tools that aren't gonogo's."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    PartitionMetadata,
    ResourcePatternType,
    ResourceType,
)

from blocks.sources import Reading, StreamSource
from blocks.staging import Staging


@dataclass
class Topic:
    """A topic of three partitions, and where what is read of it is staged."""

    folder: Path
    servers: str
    name: str = field(default_factory=lambda: f"orders-{uuid.uuid4().hex[:8]}")
    partitions: int = 3

    def __post_init__(self):
        self.admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        self.make()

    def make(self, **settings: str) -> None:
        new = NewTopic(self.name, self.partitions, 1, config=settings)
        self.admin.create_topics([new])[self.name].result()
        while not all(each.leader > -1 for each in self._known().values()):  # brokers hear of it a moment later
            pass

    def _known(self) -> dict[int, PartitionMetadata]:
        return self.admin.list_topics(self.name, timeout=10).topics[self.name].partitions or {-1: PartitionMetadata()}

    def allow(self, user: str, kind: str, names: str, operation: str) -> None:
        """Let somebody do this with what is called so, or whose name begins so."""
        who = (f"User:{user}", "*", AclOperation[operation], AclPermissionType.ALLOW)
        (made,) = self.admin.create_acls(
            [AclBinding(ResourceType[kind], names, ResourcePatternType.PREFIXED, *who)]
        ).values()
        made.result()

    def remove(self) -> None:
        self.admin.delete_topics([self.name])[self.name].result()

    def produce(self, *values: str | bytes | None, partition: int | None = None, **more: Any) -> None:
        producer = Producer({"bootstrap.servers": self.servers, "log_level": 0})
        for number, value in enumerate(values):
            where = number % self.partitions if partition is None else partition
            producer.produce(self.name, value, partition=where, **more)
        assert producer.flush(30) == 0

    @contextmanager
    def transaction(self, ends: Literal["commit", "abort"]) -> Iterator[Producer]:
        """A producer in a transaction, which has ended so for every reader afterwards."""
        settings = {"bootstrap.servers": self.servers, "transactional.id": f"{self.name}-{uuid.uuid4()}"}
        producer = Producer(settings)
        producer.init_transactions(10)
        producer.begin_transaction()
        yield producer
        getattr(producer, f"{ends}_transaction")(10)
        Producer(settings).init_transactions(10)  # waits until all partitions have heard of the end

    def messages(self, isolation: str = "read_committed") -> list[Message]:
        """What another reader finds, one partition after the other as they come."""
        settings = {"bootstrap.servers": self.servers, "group.id": "reader", "isolation.level": isolation}
        at_once = {"enable.partition.eof": True, "fetch.wait.max.ms": 10}
        consumer = Consumer({**settings, **at_once, "auto.offset.reset": "earliest"})
        consumer.assign([TopicPartition(self.name, n, 0) for n in range(self.partitions)])
        found, ended = list[Message](), set[int]()
        while len(ended) < self.partitions:
            for message in consumer.consume(500, 0.02):
                if message.error():
                    ended.add(message.partition())
                else:
                    found.append(message)
        consumer.close()
        return found

    def numbers(self, *numbers: int, **more: Any) -> None:
        self.produce(*(f'{{"n": {number}}}' for number in numbers), **more)

    def source(self, **more: Any) -> StreamSource:
        return StreamSource.model_validate({"servers": self.servers, "topics": [self.name], **more})

    def reading(self, run: str = "r1", **more: Any) -> Reading:
        return Reading(Staging(str(self.folder / "staging")), run, self.name, self.folder, **more)

    def read(self, run: str = "r1", **more: Any):
        """What a run reads, acknowledged."""
        source, reading = self.source(**more), self.reading(run)
        batch = source.read(reading)
        source.acknowledge(batch, reading)
        reading.clear()
        return batch

    def stored(self, group: str) -> list[int]:
        """The group's offset of each partition."""
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": group, "log_level": 0})
        kept = consumer.committed([TopicPartition(self.name, n) for n in range(self.partitions)], timeout=10)
        consumer.close()
        return [each.offset for each in kept]


def column(batch, name: str = "n") -> list[str | None]:
    return pq.read_table(batch.snapshot.uri)[name].to_pylist()


def numbers(batch) -> list[int]:
    return sorted(map(int, column(batch)))
