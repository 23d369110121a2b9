"""Topics of Apache Kafka, read in bounded batches: each message is staged exactly once.

A read begins with a plan: the offsets that it goes from and to. Messages land in files as they come, and a read that
was killed goes on after the last that landed; what is delivered again is known by topic, partition and offset. Where
the next read goes on is kept once staging is durable, as the position of the pipeline, which holds, and then as the
offsets of the consumer group, for whoever watches it.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from blocks.probe import Probe
from blocks.registry import Registry
from blocks.sources.base import Batch, Reading, SourceModel
from blocks.sources.fetching import Bounds, Fetch, Plan, gone
from blocks.sources.messages import (
    HEADERS,
    KEY,
    TIME,
    Decode,
    Landing,
    Wanted,
    csv_decoder,
    json_decoder,
    record_texts,
    staged,
)
from blocks.staging import write_text
from blocks.streams import (
    CONNECT_SECONDS,
    Cluster,
    Telling,
    administered,
    ends,
    few,
    forbidden,
    offsets_of,
    partition,
    patient,
    topics_of,
)
from blocks.variables import resolved
from tasks.quality.errors import GonogoError, NothingNew, SourceError, did_you_mean
from tasks.quality.ledger import canonical
from tasks.quality.secrets import mask
from tasks.quality.wording import plural

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

Offsets = Mapping[str, int]
"""topic/partition → offset."""

_STARTS = ("earliest", "latest", "stored")


class StreamSource(Cluster, SourceModel):
    """Topics of Apache Kafka, in bounded batches: each message once, from where the last read ended.

    Beside the fields of a message there are the columns `message_key`, `message_time` (UTC) and `message_headers`
    (JSON), where messages have them. Fields of objects in objects are columns such as `address.city`.
    """

    HIDDEN: ClassVar = ("registry",)
    EXAMPLE: ClassVar = """
kind: stream
servers: kafka-1.example.org:9093,kafka-2.example.org:9093
topics: [orders]
group: shop-orders      # its offsets follow what is durably staged
start: earliest         # of the first read; later ones go on where the last one ended
format: avro
registry: https://reader:${REGISTRY_PASSWORD}@registry.example.org
tls: true
username: reader
password: ${KAFKA_PASSWORD}
"""

    kind: Literal["stream"] = "stream"
    topics: tuple[str, ...] = Field(min_length=1, description="names of the topics")
    group: str | None = Field(
        default=None, min_length=1, description="consumer group whose offsets are kept; by default gonogo-PIPELINE"
    )
    start: str = Field(
        default="earliest",
        description="where the first read begins: earliest, latest, stored (where the group is), or a time in ISO 8601",
    )
    most_messages: int | None = Field(
        default=None, ge=1, description="of one batch, from all partitions alike; by default all that are there"
    )
    for_seconds: float | None = Field(
        default=None, gt=0, description="read this long, what comes meanwhile, too; by default what is there at first"
    )
    format: Literal["json", "avro", "protobuf", "csv", "text"] = Field(
        default="json", description="of the messages; avro and protobuf as a schema registry has them"
    )
    registry: str | None = Field(default=None, description="address of the schema registry, for avro and protobuf")
    columns: tuple[str, ...] = Field(default=(), description="csv: names of the values; a message is one record")
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="csv: what is between values")
    flatten: bool = Field(default=True, description="objects in objects become columns such as 'address.city'")
    keep: tuple[Literal["key", "time", "headers"], ...] = Field(
        default=("key", "time", "headers"), description="what of a message itself becomes a column, too"
    )
    patience_seconds: float = Field(default=60, gt=0, description="how long the cluster may be silent during a read")

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("start")
    @classmethod
    def _a_time_or_a_word(cls, start: str) -> str:
        if start not in _STARTS:
            try:
                dt.datetime.fromisoformat(start)
            except ValueError:
                hint = did_you_mean(start, _STARTS)
                raise ValueError(f"'{start}' is none of {', '.join(_STARTS)}, and no time. {hint}".strip()) from None
        return start

    @model_validator(mode="after")
    def _fits_the_format(self) -> StreamSource:
        if (self.format in ("avro", "protobuf")) != bool(self.registry):
            raise ValueError("'format: avro' or 'protobuf' and 'registry' go together")
        if (self.format == "csv") != bool(self.columns):
            raise ValueError("'format: csv' and 'columns' go together")
        return self

    def describe(self) -> str:
        """The source in words, without secrets."""
        what = f"topic {self.topics[0]}" if len(self.topics) == 1 else f"topics {', '.join(self.topics)}"
        return f"{what} of {self.address()}"

    def identity(self) -> str:
        """The topics and the group: brokers come and go."""
        return f"stream {json.dumps(sorted(self.topics))} {self.group or ''}"

    def read(self, reading: Reading) -> Batch:
        """Read the messages that the plan of this read is for.

        Raises:
            SourceError: there is no such topic or group, the cluster refuses us, or no message can be decoded.
            Unavailable: the cluster or the registry cannot be reached.
            NothingNew: there is no message that was not read before.
        """
        folder = reading.landing()
        plan = self._planned(folder, reading)
        binary = self.format in ("avro", "protobuf")
        landing = Landing(folder, tuple(plan.begin), plan.begin, binary, json=self.format == "json")
        ended = self._fetched(plan, landing, reading)
        position = {"topics": dict(plan.topics), "offsets": dict(ended.offsets)}
        notes = (*plan.notes, *ended.notes)
        if not landing.total:
            if position != plan.since:  # 'latest' means the end as it is now
                self._keep_place(plan.since, position, reading)
            raise NothingNew("; ".join((f"no message of {self.describe()} was not read before", *notes)))
        batch = staged(landing, plan.topics, self._wanted(), reading)
        return replace(batch, notes=notes, since=dict(plan.since), position=position)

    def acknowledge(self, batch: Batch, reading: Reading) -> None:
        """Keep where the next read goes on, in the pipeline's position and then in the consumer group.

        Raises:
            Abort: another run has read the same messages meanwhile, and was acknowledged.
            SourceError: the group has members of its own.
            Unavailable: the cluster cannot be reached.
        """
        self._keep_place(batch.since, batch.position, reading)

    def unread(self, batch: Batch, reading: Reading) -> bool:
        """Let the next read begin where this one did; the first read of all began where the group or the topic did."""
        return bool(batch.since) and super().unread(batch, reading)

    def probe(self, base: Path) -> Iterator[Probe]:
        """Whether the cluster answers, has the topics, and the group is ours to keep offsets in."""
        what, telling = f"connect to {self.address()}", self._telling()
        try:
            with administered(self.settings(base, "source"), telling) as admin:
                brokers = admin.list_topics(timeout=CONNECT_SECONDS).brokers
                yield Probe(what, True, f"{len(brokers)} brokers answer" if len(brokers) > 1 else "1 broker answers")
                what = f"find {self.describe()}"
                places = [f"{t}/{p}" for t, (_, ps) in topics_of(admin, self.topics, telling).items() for p in ps]
                low, high = (offsets_of(admin, dict.fromkeys(places, spec)) for spec in ends())
                waiting = sum(high[place] - low[place] for place in places)
                yield Probe(what, True, f"{plural(len(places), 'partition')}, about {plural(waiting, 'message')}")
                what = f"read {self.describe()}"
                denied = forbidden(admin, self.topics, "READ")
                todo = f"not allowed to read {', '.join(denied)}; let this user read there (ACL Read)"
                yield Probe(what, not denied, todo if denied else "allowed")
                if self.group:
                    what = f"keep offsets in group {self.group}"
                    self._check_group(admin, self.group)
                    yield Probe(what, True, "nobody else uses it now")
            if self.registry:
                what = f"ask the schema registry {mask(self.registry)}"
                yield Probe(what, True, Registry(self.registry).probe())
        except GonogoError as error:
            yield Probe(what, False, error.message)

    # --- planning -----------------------------------------------------------------------------------------------

    def _planned(self, folder: Path, reading: Reading) -> Plan:
        """The plan of this read; the one that it had before it was killed, if it was."""
        path = folder / "plan.json"
        if not path.exists():
            with administered(self.settings(reading.base, "source"), self._telling()) as admin:
                plan = self._plan(admin, reading)
            write_text(path, canonical(plan.__dict__))
        return Plan(**json.loads(path.read_text("utf-8")))

    def _plan(self, admin: AdminClient, reading: Reading) -> Plan:
        since = reading.position(self.identity())
        found = topics_of(admin, self.topics, self._telling())
        self._check_group(admin, self._group(reading))
        places = [f"{topic}/{part}" for topic, (_, parts) in sorted(found.items()) for part in parts]
        low, high = (offsets_of(admin, dict.fromkeys(places, spec)) for spec in ends())
        end = offsets_of(admin, dict.fromkeys(places, ends()[1]), committed=True)
        topics = {topic: known for topic, (known, _) in found.items()}
        notes: list[str] = []
        if since:
            begin = self._gone_on(since, topics, low, high, notes)
        else:
            begin = self._started(admin, low, high, reading, notes)
        for place, offset in begin.items():
            if offset < low[place]:
                notes.append(gone(place, offset, low[place]))
        begin = {place: max(offset, low[place]) for place, offset in begin.items()}
        if waiting := sum(high[place] - end[place] for place in places):
            left = ("message of open transactions is", "messages of open transactions are")
            notes.append(f"about {plural(waiting, *left)} left to the next read")
        until = {place: max(end[place], begin[place]) for place in places}
        if self.most_messages is not None and self.for_seconds is None:
            share = shared(self.most_messages, {place: until[place] - begin[place] for place in places})
            until = {place: begin[place] + share[place] for place in places}
        return Plan(dict(since), topics, begin, until, notes, time.time())

    def _gone_on(
        self, since: Mapping[str, Any], topics: Mapping[str, str], low: Offsets, high: Offsets, notes: list[str]
    ) -> dict[str, int]:
        """Where each partition goes on after the last read; new ones, and those of a new topic, at their beginning."""
        begin = {}
        for place in low:
            topic = place.rpartition("/")[0]
            known = since["offsets"].get(place)
            anew = topic in since["topics"] and since["topics"][topic] != topics[topic]
            begin[place] = low[place] if known is None or anew else int(known)
            if anew:
                note = f"topic {topic} was deleted and made anew since the last read; it is read from its beginning"
                notes += [note] if note not in notes else []
            elif known is None and low[place]:
                notes.append(gone(place, 0, low[place]))
            elif known is not None and known > high[place]:
                what = f"{place} ends at offset {high[place]:,}, but was read up to {known:,}: messages were lost there"
                todo = "look into the cluster; to read what is there, give the pipeline another 'group'"
                raise SourceError(what, where=self.describe(), todo=todo)
        return begin

    def _started(
        self, admin: AdminClient, low: Offsets, high: Offsets, reading: Reading, notes: list[str]
    ) -> dict[str, int]:
        """Where the first read begins."""
        from confluent_kafka.admin import OffsetSpec

        if self.start == "earliest":
            return dict(low)
        if self.start == "latest":
            return dict(high)
        if self.start == "stored":
            return self._stored(admin, low, self._group(reading), notes)
        when = dt.datetime.fromisoformat(self.start)
        when = when if when.tzinfo else when.replace(tzinfo=dt.UTC)
        spec = OffsetSpec.for_timestamp(int(when.timestamp() * 1000))
        found = offsets_of(admin, dict.fromkeys(low, spec))
        return {place: offset if offset >= 0 else high[place] for place, offset in found.items()}

    def _stored(self, admin: AdminClient, low: Offsets, group: str, notes: list[str]) -> dict[str, int]:
        from confluent_kafka import ConsumerGroupTopicPartitions

        asked = ConsumerGroupTopicPartitions(group, [partition(place) for place in low])
        found = patient(lambda: _only(admin.list_consumer_group_offsets([asked], request_timeout=CONNECT_SECONDS)))
        kept = {f"{each.topic}/{each.partition}": each.offset for each in found.topic_partitions}
        stored = {place: offset for place, offset in kept.items() if offset >= 0}
        if not stored:
            listed = admin.list_consumer_groups(request_timeout=CONNECT_SECONDS).result()
            there = sorted(each.group_id for each in listed.valid)
            todo = did_you_mean(group, there) or "name another 'group', or another 'start'"
            what = f"group '{group}' has stored no offset of {', '.join(self.topics)}"
            raise SourceError(what, where=self.address(), available=few(there), todo=todo)
        if without := [place for place in low if place not in stored]:
            notes.append(f"group {group} has stored no offset of {', '.join(without)}: read from the beginning")
        return {place: stored.get(place, low[place]) for place in low}

    # --- fetching -----------------------------------------------------------------------------------------------

    def _fetched(self, plan: Plan, landing: Landing, reading: Reading) -> _Ended:
        """Have what is planned in the landing folder, and where it ends."""
        path = landing.folder / "fetched.json"
        if not path.exists():
            settings = {**self.settings(reading.base, "source"), "group.id": self._group(reading)}
            bounds = Bounds(self.for_seconds, self.most_messages, self.patience_seconds)
            fetch = Fetch(settings, plan, bounds, landing, self._telling(), reading.progress)
            write_text(path, canonical(_Ended(fetch.run(), fetch.notes).__dict__))
        return _Ended(**json.loads(path.read_text("utf-8")))

    def _wanted(self) -> Wanted:
        own = {"key": KEY, "time": TIME, "headers": HEADERS}
        return Wanted(
            self._decoder(),
            engine=self.format == "json",
            keep=tuple(own[each] for each in self.keep),
            where=self.describe(),
        )

    def _decoder(self) -> Decode | None:
        if self.format == "text":
            return None
        if self.format == "json":
            return json_decoder(flatten=self.flatten)
        if self.format == "csv":
            return csv_decoder(self.columns, self.delimiter)
        registry = Registry(str(self.registry))
        return lambda body: record_texts(registry.read(body), flatten=self.flatten)

    # --- the group ----------------------------------------------------------------------------------------------

    def _group(self, reading: Reading) -> str:
        return resolved(self.group, "source.group") if self.group else f"gonogo-{reading.pipeline}"

    def _check_group(self, admin: AdminClient, group: str) -> None:
        """See that nobody else keeps offsets in the group, as they would overwrite each other's."""
        from confluent_kafka import KafkaException

        try:
            members = patient(
                lambda: _only(admin.describe_consumer_groups([group], request_timeout=CONNECT_SECONDS)).members
            )
        except KafkaException as error:
            if error.args[0].name() == "GROUP_ID_NOT_FOUND":
                return
            if error.args[0].name() == "GROUP_AUTHORIZATION_FAILED":
                todo = "let this user read and describe the group (ACLs), or name another 'group'"
                raise SourceError(
                    f"not allowed to keep offsets in group '{group}'", where=self.describe(), todo=todo
                ) from error
            raise
        if members:
            what = f"group '{group}' is used by {len(members)} other consumers, e.g. {members[0].client_id}"
            raise SourceError(what, where=self.describe(), todo="name a 'group' of the pipeline's own")

    def _keep_place(self, since: Mapping[str, Any], position: Mapping[str, Any], reading: Reading) -> None:
        reading.staging.advance(reading.pipeline, self.identity(), reading.run_id, since=since, position=position)
        with administered(self.settings(reading.base, "source"), self._telling()) as admin:
            group = self._group(reading)
            self._check_group(admin, group)
            _commit(admin, group, position["offsets"], self._telling())

    def _telling(self) -> Telling:
        return Telling(self.describe(), self.address(), SourceError, "run it again")


@dataclass(frozen=True)
class _Ended:
    """Where a read ended, by place, and what was noticed on the way."""

    offsets: dict[str, int]
    notes: list[str]


def shared(most: int, waiting: Mapping[str, int]) -> dict[str, int]:
    """How many messages of each partition are read, when there are at most so many: all partitions get on.

    >>> shared(10, {"a": 2, "b": 100, "c": 5})
    {'a': 2, 'b': 4, 'c': 4}
    """
    share, left = {}, most
    for number, place in enumerate(sorted(waiting, key=lambda place: (waiting[place], place))):
        share[place] = min(waiting[place], left // (len(waiting) - number))
        left -= share[place]
    return {place: share[place] for place in waiting}


def _commit(admin: AdminClient, group: str, offsets: Offsets, telling: Telling) -> None:
    """Keep a group's offsets."""
    from confluent_kafka import ConsumerGroupTopicPartitions

    asked = ConsumerGroupTopicPartitions(group, [partition(place, offset) for place, offset in offsets.items()])
    done = patient(lambda: _only(admin.alter_consumer_group_offsets([asked], request_timeout=CONNECT_SECONDS)))
    for each in done.topic_partitions:
        if each.error:
            raise telling.of(each.error)


def _only(asked: Mapping[str, Future[Any]]) -> Any:
    (future,) = asked.values()
    return future.result()
