"""A topic of Apache Kafka, written in one transaction: readers of committed messages see all rows of a run, or none.

The commit marker, which says what a run brought, is a record of a compacted topic beside it, `TOPIC.gonogo-loads`, and
is written in the same transaction. An attempt that died, even between its commit and its receipt, is found by it: the
next one first ends whatever the former left, as both have one transactional id, and then looks for the marker.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn

from pydantic import Field, field_validator

from blocks.destinations.base import (
    DestinationModel,
    LoadBatch,
    Receipt,
    content_fingerprint,
    names,
    read_receipt,
    row_digest,
    summed,
    typed,
)
from blocks.probe import Probe
from blocks.streams import (
    CONNECT_SECONDS,
    Cluster,
    Complaints,
    Telling,
    administered,
    consumed,
    ends,
    forbidden,
    offsets_of,
    patient,
    topics_of,
)
from tasks.quality.errors import Abort, DestinationError, GonogoError, Unavailable, did_you_mean
from tasks.quality.wording import plural

if TYPE_CHECKING:
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient

RUN = "gonogo-run"
"""The header of every message that says which run brought it."""

_LOADS = ".gonogo-loads"
_CHUNK_ROWS = 5_000
_POLL_SECONDS = 0.1
_LONGEST_TRANSACTION_MS = 900_000
"""The longest that brokers allow unless they are told otherwise."""

Ranges = Mapping[str, tuple[int, int]]


class StreamDestination(Cluster, DestinationModel):
    """A topic of Apache Kafka: each row a message, a JSON object; all rows of a run in one transaction.

    Rows are added to those that are there. A receipt counts the rows that loads of gonogo brought to the topic; its
    fingerprint is that of the run's messages as they are read back.
    """

    EXAMPLE: ClassVar = """
kind: stream
servers: kafka-1.example.org:9093
topic: orders-refined
key: [order_id]         # the messages' key: equal keys go to one partition, in order
tls: true
username: writer
password: ${KAFKA_PASSWORD}
"""

    kind: Literal["stream"] = "stream"
    topic: str = Field(min_length=1, max_length=200, description="name of the topic; it has to be there")
    key: tuple[str, ...] = Field(default=(), description="columns whose value is the key; several as a JSON list")

    patience_seconds: float = Field(
        default=120, gt=0, description="how long the cluster may take nothing while it loads"
    )

    @field_validator("key", mode="before")
    @classmethod
    def _one_or_many(cls, key: object) -> object:
        return (key,) if isinstance(key, str) else key

    def describe(self) -> str:
        """The destination in words, without secrets."""
        return f"topic {self.topic} of {self.address()}"

    @property
    def replaces(self) -> bool:
        """Whether all that the destination has gives way to what is loaded."""
        return False

    @contextmanager
    def prepare(self, batch: LoadBatch, base: Path) -> Iterator[StreamLoad]:
        """Be the only one who loads into the topic, and look whether the run was loaded before.

        Raises:
            DestinationError: there is no such topic, the cluster refuses the rows, or they do not fit the contract.
            Unavailable: the cluster cannot be reached.
            TryAgain: another load into the topic has begun meanwhile.
            Abort: the topic holds something else than was sent.
        """
        from confluent_kafka import KafkaException, Producer

        self._check_key(names(batch))
        settings, telling, complaints = self.settings(base, "destination"), self._telling(), Complaints()
        with administered(settings, telling) as admin:
            topics_of(admin, [self.topic], telling)
            self._make_loads(admin)
            own = {
                "transactional.id": f"gonogo-{self.topic}",
                "transaction.timeout.ms": _LONGEST_TRANSACTION_MS,
                "linger.ms": 20,
                "compression.type": "lz4",
                "error_cb": complaints,
            }
            with telling.told(complaints):
                producer = Producer({**settings, **own})
                producer.init_transactions(self.patience_seconds)
                try:
                    yield StreamLoad(self, batch, admin, producer, settings)
                except BaseException:
                    with suppress(KafkaException):  # the broker ends it, too
                        producer.abort_transaction(CONNECT_SECONDS)
                    raise

    def read_back(self, run_id: str, base: Path) -> str | None:
        """The fingerprint of the messages that the run brought, as the topic holds them now; None without a marker.

        Raises:
            Unavailable: the cluster cannot be reached.
        """
        settings, telling = self.settings(base, "destination"), self._telling()
        with administered(settings, telling) as admin:
            there = admin.list_topics(timeout=CONNECT_SECONDS).topics
            if self.topic not in there or self.loads not in there:
                return None
            marker = self.markers(admin, settings).get(run_id)
            return self.held(settings, run_id, marker["columns"], marker["ranges"]) if marker else None

    def undo(self, run_id: str, base: Path) -> NoReturn:  # noqa: ARG002  (of the contract)
        """Messages cannot be taken back.

        Raises:
            DestinationError: always.
        """
        todo = f"tell those who read it; its messages have the header {RUN}: {run_id}"
        raise DestinationError("what was sent to a topic cannot be taken back", where=self.describe(), todo=todo)

    def probe(self, base: Path) -> Iterator[Probe]:
        """Whether the cluster answers, and has the topic."""
        what, telling = f"connect to {self.address()}", self._telling()
        try:
            with administered(self.settings(base, "destination"), telling) as admin:
                yield Probe(what, True, "it answers")
                what = f"find topic {self.topic}"
                ((_, parts),) = topics_of(admin, [self.topic], telling).values()
                yield Probe(what, True, plural(len(parts), "partition"))
                what = f"find topic {self.loads}, which keeps what runs brought"
                there = self.loads in admin.list_topics(timeout=CONNECT_SECONDS).topics
                yield Probe(what, True, "it is there" if there else "it would be made")
                what = f"write to topic {self.topic}"
                known = [self.topic, self.loads] if there else [self.topic]
                denied = forbidden(admin, known, "WRITE")
                todo = f"not allowed to write to {', '.join(denied)}; let this user write there (ACL Write)"
                yield Probe(what, not denied, todo if denied else "allowed")
        except GonogoError as error:
            yield Probe(what, False, error.message)

    # --- markers ------------------------------------------------------------------------------------------------

    @property
    def loads(self) -> str:
        """The topic of the markers."""
        return f"{self.topic}{_LOADS}"

    def markers(self, admin: AdminClient, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Run → its marker, the last load last."""
        place = f"{self.loads}/0"
        first, last = (offsets_of(admin, {place: spec}, committed=True)[place] for spec in ends())
        found: dict[str, dict[str, Any]] = {}
        for message in consumed(settings, {place: (first, last)}, self._telling()):
            found.pop(run := message.key().decode(), None)
            found[run] = json.loads(message.value())
        return found

    def held(self, settings: dict[str, Any], run_id: str, columns: Sequence[str], ranges: Ranges) -> str:
        """The fingerprint of a run's messages as the topic holds them."""
        sent = (RUN, run_id.encode())
        rows = (
            json.loads(message.value())
            for message in consumed(settings, ranges, self._telling())
            if message.topic() == self.topic and sent in (message.headers() or ())
        )
        return content_fingerprint([row.get(name) for name in columns] for row in rows)

    def _make_loads(self, admin: AdminClient) -> None:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import NewTopic

        if self.loads in admin.list_topics(timeout=CONNECT_SECONDS).topics:
            return
        new = NewTopic(self.loads, 1, -1, config={"cleanup.policy": "compact"})
        try:
            admin.create_topics([new], request_timeout=CONNECT_SECONDS)[self.loads].result()
        except KafkaException as error:
            if error.args[0].name() == "TOPIC_ALREADY_EXISTS":
                return
            todo = "create it, with one partition and cleanup.policy=compact, then load again"
            raise DestinationError(
                f"topic {self.loads} cannot be made: {error.args[0].str()}", where=self.describe(), todo=todo
            ) from error
        patient(lambda: offsets_of(admin, {f"{self.loads}/0": ends()[0]}))

    def _check_key(self, columns: Sequence[str]) -> None:
        for name in self.key:
            if name not in columns:
                todo = did_you_mean(name, columns)
                raise DestinationError(f"no column '{name}'", where="destination.key", available=columns, todo=todo)

    def _telling(self) -> Telling:
        return Telling(self.describe(), self.address(), DestinationError, "load again")


class StreamLoad:
    """A load under way; nobody who reads committed messages sees anything of it before its commit."""

    def __init__(
        self,
        destination: StreamDestination,
        batch: LoadBatch,
        admin: AdminClient,
        producer: Producer,
        settings: dict[str, Any],
    ) -> None:
        self._to, self._batch, self._admin, self._producer = destination, batch, admin, producer
        self._settings, self._rows, self._fingerprint = settings, 0, summed(())
        self._as_text: tuple[tuple[str, int], ...] = ()
        self._markers = destination.markers(admin, settings)
        self._first: dict[str, int] = {}

    @property
    def known(self) -> Receipt | None:
        """The receipt of this run when it was loaded before."""
        marker = self._markers.get(self._batch.run_id)
        return read_receipt(marker["receipt"] | {"already_loaded": True}) if marker else None

    def write(self) -> None:
        """Send the rows in a transaction."""
        ready = typed(self._batch, self._to.wrong_types)
        self._as_text = ready.as_text
        ((_, parts),) = topics_of(self._admin, [self._to.topic], self._to._telling()).values()  # noqa: SLF001  (one module)
        places = [f"{self._to.topic}/{part}" for part in parts]
        self._first = offsets_of(self._admin, dict.fromkeys(places, ends()[1]))
        self._producer.begin_transaction()
        digests = (self._send(row) for row in _rows(ready.table))
        self._fingerprint = summed(digests)
        self._arrive()

    def _send(self, row: Mapping[str, Any]) -> bytes:
        self._put(self._to.topic, json.dumps(row, ensure_ascii=False), _key(row, self._to.key))
        self._rows += 1
        return row_digest(list(row.values()))

    def commit(self) -> Receipt:
        """Commit the rows and the marker in one step, and read the rows back."""
        last = offsets_of(self._admin, dict.fromkeys(self._first, ends()[1]))
        ranges = {place: (self._first[place], last[place]) for place in last}
        were = list(self._markers.values())
        before = int(were[-1]["receipt"]["rows_after"]) if were else 0
        receipt = Receipt(
            self._to.describe(), "append", self._rows, before, before + self._rows, self._fingerprint, self._as_text
        )
        columns = names(self._batch)
        marker = {"ranges": ranges, "columns": columns, "receipt": asdict(receipt), "pipeline": self._batch.pipeline}
        loads = f"{self._to.loads}/0"
        place = offsets_of(self._admin, {loads: ends()[1]})[loads]
        self._put(self._to.loads, json.dumps(marker), self._batch.run_id)
        self._producer.commit_transaction(self._to.patience_seconds)
        seen = {**ranges, loads: (place, place + 1)}  # who asks from now on finds the marker, too
        held = self._to.held(self._settings, self._batch.run_id, columns, seen)
        if held != receipt.fingerprint:
            what = f"the topic holds {held}, but {receipt.fingerprint} was sent"
            raise Abort(what, where=self._to.describe(), todo="look into the topic; the run is loaded")
        return replace(receipt, fingerprint=held)

    def _arrive(self) -> None:
        """Wait until the cluster has taken what was sent."""
        while waiting := len(self._producer):
            if self._producer.flush(self._to.patience_seconds) >= waiting:
                raise self._silent()

    def _put(self, topic: str, value: str, key: str | None) -> None:
        from confluent_kafka import KafkaException

        started = time.monotonic()
        while True:
            try:
                self._producer.produce(topic, value, key=key, headers=[(RUN, self._batch.run_id)])
                self._producer.poll(0)
            except BufferError:
                if time.monotonic() - started > self._to.patience_seconds:
                    raise self._silent() from None
                self._producer.poll(_POLL_SECONDS)
            except KafkaException as error:
                if error.args[0].name() == "_STATE":  # it cannot go on; its commit is refused with the reason
                    self._producer.commit_transaction(CONNECT_SECONDS)
                raise
            else:
                return

    def _silent(self) -> Unavailable:
        from confluent_kafka import KafkaException

        with suppress(KafkaException):
            topics_of(self._admin, [self._to.topic], self._to._telling())  # noqa: SLF001  (one module)
        what = f"the cluster has taken nothing for {self._to.patience_seconds:g} s"
        todo = "look after it, or raise 'patience_seconds', then load again"
        return Unavailable(what, where=self._to.describe(), todo=todo)


def _rows(table: Any) -> Iterator[dict[str, Any]]:
    """The rows as values of JSON: numbers and truth values as such, dates and times in ISO 8601."""
    for chunk in table.to_pyarrow_batches(chunk_size=_CHUNK_ROWS):
        for row in chunk.to_pylist():
            yield {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _key(row: Mapping[str, Any], columns: Sequence[str]) -> str | None:
    """The key of a row's message: a value as its text, several as a JSON list; null when all are.

    >>> _key({"a": 1, "b": None}, ["a"]), _key({"a": 1, "b": None}, ["a", "b"]), _key({"a": None}, ["a"])
    ('1', '[1, null]', None)
    """
    values = [row[name] for name in columns]
    if all(value is None for value in values):
        return None
    if len(values) > 1:
        return json.dumps(values, ensure_ascii=False)
    return values[0] if isinstance(values[0], str) else json.dumps(values[0])
