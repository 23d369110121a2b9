"""Kafka clusters: how to reach one, and what it refuses in words, grouped by what to do about it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, Field, model_validator

from blocks.refusals import Refusal
from blocks.variables import resolved
from tasks.quality.errors import GonogoError, PilotMustDecide, TryAgain, Unavailable, did_you_mean
from tasks.quality.secrets import mask

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, TopicPartition
    from confluent_kafka.admin import AdminClient, OffsetSpec

CONNECT_SECONDS = 10
MOST_NAMED = 8
SILENT_SECONDS = 60
_BATCH = 5_000
_DETAILS = re.compile(r" \(after \d+ms in state.*\)$")
_PAUSE_SECONDS = 0.2
_TAKE_SECONDS = 0.02
_TURN_SECONDS = 1.0

T = TypeVar("T")


class Cluster(BaseModel):
    """How a Kafka cluster is reached: TLS when `tls` is set, SASL when there is a `username`."""

    servers: str = Field(min_length=1, description="host:port of one broker or several, with commas between them")
    tls: bool = Field(default=False, description="speak TLS, and check the brokers' certificates")
    ca_file: str | None = Field(default=None, description="certificates to trust; by default the system's")
    certificate_file: str | None = Field(default=None, description="own certificate, where the brokers want one")
    key_file: str | None = Field(default=None, description="its private key")
    key_password: str | None = Field(default=None, description="of the private key; write ${NAME} of a variable")
    username: str | None = Field(default=None, description="for SASL")
    password: str | None = Field(default=None, description="for SASL; write ${NAME} of an environment variable")
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="PLAIN", description="of SASL, as the brokers have it"
    )

    @model_validator(mode="after")
    def _all_or_nothing(self) -> Cluster:
        if (self.username is None) != (self.password is None):
            raise ValueError("'username' and 'password' go together")
        if not self.tls and (self.ca_file or self.certificate_file or self.key_file):
            raise ValueError("certificates belong to 'tls: true'")
        return self

    def address(self) -> str:
        """The cluster in words, without secrets."""
        return f"kafka://{mask(self.servers)}"

    def settings(self, base: Path, side: str) -> dict[str, Any]:
        """The cluster as librdkafka's settings, with variables resolved.

        Args:
            base: the folder that relative files start from.
            side: "source" or "destination", for errors.
        """
        found: dict[str, Any] = {
            "bootstrap.servers": resolved(self.servers, f"{side}.servers"),
            "security.protocol": f"{'SASL_' if self.username else ''}{'SSL' if self.tls else 'PLAINTEXT'}",
            "client.id": "gonogo",
            "socket.connection.setup.timeout.ms": CONNECT_SECONDS * 1000,
            "log_level": 0,  # what goes wrong is told, not logged
        }
        if self.username:
            found |= {
                "sasl.mechanism": self.mechanism,
                "sasl.username": resolved(self.username, f"{side}.username"),
                "sasl.password": resolved(str(self.password), f"{side}.password"),
            }
        files = {"ca.location": "ca_file", "certificate.location": "certificate_file", "key.location": "key_file"}
        for name, setting in files.items():
            if given := getattr(self, setting):
                found[f"ssl.{name}"] = str(base / Path(resolved(given, f"{side}.{setting}")).expanduser())
        if self.key_password:
            found["ssl.key.password"] = resolved(self.key_password, f"{side}.key_password")
        return found


@dataclass
class Complaints:
    """What librdkafka tells beside the call that fails, as an unreachable broker or a refused password."""

    told: list[KafkaError] = field(default_factory=list)

    def __call__(self, error: KafkaError) -> None:
        """Take a complaint."""
        self.told.append(error)

    def worst(self) -> KafkaError | None:
        """The complaint that says most: a refusal rather than silence."""
        grave = [error for error in self.told if _refusal(error).error is not Unavailable]
        return (grave or self.told or [None])[-1]


_AWAY = Refusal(Unavailable, "the cluster cannot be reached", "start it, or check 'servers', then {again}")
_STRANGER = Refusal(PilotMustDecide, "the cluster refuses this user or password, and says", "check them, then {again}")
_FORBIDDEN = Refusal(PilotMustDecide, "not allowed", "check the rights (ACLs), then {again}")
_TLS = Refusal(PilotMustDecide, "TLS fails", "check 'tls' and the certificates, then {again}")
_ABSENT = Refusal(PilotMustDecide, "there is no such topic or partition", "create it, then {again}")
_NO_LEADER = "_NOENT"
"""What librdkafka says of partitions that had no leader yet when it last looked."""

_SOON = (
    "COORDINATOR_LOAD_IN_PROGRESS",
    "COORDINATOR_NOT_AVAILABLE",
    "NOT_COORDINATOR",
    "LEADER_NOT_AVAILABLE",
    "NOT_LEADER_FOR_PARTITION",
    "FENCED_LEADER_EPOCH",
    "UNKNOWN_LEADER_EPOCH",
    "CONCURRENT_TRANSACTIONS",
    _NO_LEADER,
)
"""What is said while a broker takes up its work, as after a restart, or a topic's partitions as it is made."""

_LATER = Refusal(TryAgain, "the cluster is not ready", "{again} later")
_OTHER = Refusal(PilotMustDecide, "the cluster refuses", "nothing was changed")

_BY_NAME = {
    "_TRANSPORT": _AWAY,
    "_ALL_BROKERS_DOWN": _AWAY,
    "_TIMED_OUT": _AWAY,
    "_RESOLVE": _AWAY,
    "REQUEST_TIMED_OUT": _AWAY,
    "_AUTHENTICATION": _STRANGER,
    "SASL_AUTHENTICATION_FAILED": _STRANGER,
    "_SSL": _TLS,
    "TOPIC_AUTHORIZATION_FAILED": _FORBIDDEN,
    "GROUP_AUTHORIZATION_FAILED": _FORBIDDEN,
    "CLUSTER_AUTHORIZATION_FAILED": _FORBIDDEN,
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": _FORBIDDEN,
    "UNKNOWN_TOPIC_OR_PART": _ABSENT,
    "_UNKNOWN_TOPIC": _ABSENT,
    "_UNKNOWN_PARTITION": _ABSENT,
}
"""By the name of librdkafka's error."""


def _refusal(error: KafkaError) -> Refusal:
    known = _BY_NAME.get(error.name())
    return known or (_LATER if error.retriable() or error.name() in _SOON else _OTHER)


def patient(ask: Callable[[], T]) -> T:
    """An answer of the cluster, asked for again while a broker takes up its work."""
    from confluent_kafka import KafkaException

    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].name() not in _SOON or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)


@dataclass(frozen=True)
class Telling:
    """How refusals are told.

    Attributes:
        where: the source or destination in words.
        cluster: its address in words.
        error: raised for what a person has to mend.
        again: what to do once it is mended.
    """

    where: str
    cluster: str
    error: type[PilotMustDecide]
    again: str

    def of(self, error: KafkaError) -> GonogoError:
        """The error that says what was refused and what to do."""
        refusal = _refusal(error)
        kind = self.error if refusal.error is PilotMustDecide else refusal.error
        why = _DETAILS.sub("", mask(error.str()).strip().partition("\n")[0])
        return kind(f"{refusal.what}: {why}", where=self.where, todo=refusal.todo.format(again=self.again))

    @contextmanager
    def told(self, complaints: Complaints | None = None) -> Iterator[None]:
        """Turn what the cluster refuses into an error that says what to do.

        Raises:
            TryAgain: it may do it later.
            Unavailable: it cannot be reached.
            PilotMustDecide: of the side's kind: it will not do it.
        """
        from confluent_kafka import KafkaException

        try:
            yield
        except KafkaException as raised:
            error = raised.args[0]
            if _refusal(error) is _AWAY and complaints and (worse := complaints.worst()):
                error = worse
            raise self.of(error) from raised


@contextmanager
def administered(settings: dict[str, Any], telling: Telling) -> Iterator[AdminClient]:
    """A client that asks the cluster about itself."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    complaints = Complaints()
    try:
        client = AdminClient({**settings, "error_cb": complaints})
    except KafkaException as error:  # a certificate that is not there, or no certificate
        raise telling.of(error.args[0]) from error
    with telling.told(complaints):
        _meet(client, complaints)
        yield client


def _meet(client: AdminClient, complaints: Complaints) -> None:
    """Wait until the cluster answers, but not when it has refused us."""
    from confluent_kafka import KafkaException

    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            client.list_topics(timeout=_TURN_SECONDS)
        except KafkaException:
            client.poll(0)
            worst = complaints.worst()
            if time.monotonic() > deadline or (worst and _refusal(worst).error is not Unavailable):
                raise
        else:
            return


def few(names: Sequence[str]) -> list[str]:
    """The first of many names, and how many more there are."""
    more = len(names) - MOST_NAMED
    return [*names[:MOST_NAMED], f"and {more} more"] if more > 0 else list(names)


def topics_of(admin: AdminClient, wanted: Iterable[str], telling: Telling) -> dict[str, tuple[str, list[int]]]:
    """Topic → its id and partitions; every one is there, and served by a broker.

    Raises:
        SourceError, DestinationError: a topic is not there; says which are.
        Unavailable: no broker serves one of the partitions.
    """
    from confluent_kafka import TopicCollection

    there = sorted(name for name in admin.list_topics(timeout=CONNECT_SECONDS).topics if not name.startswith("__"))
    for name in wanted:
        if name not in there:
            todo = did_you_mean(name, there) or "create it, name another, or let this user see it (ACL Describe)"
            raise telling.error(f"no topic '{name}'", where=telling.cluster, available=few(there), todo=todo)
    asked, deadline = TopicCollection(list(wanted)), time.monotonic() + CONNECT_SECONDS
    while True:
        described = patient(
            lambda: {n: f.result() for n, f in admin.describe_topics(asked, request_timeout=CONNECT_SECONDS).items()}
        )
        left = [
            f"{each.id} of {name}" for name, topic in described.items() for each in topic.partitions if not each.leader
        ]
        if not left:
            break
        if time.monotonic() > deadline:  # else another broker may take it over
            todo = f"start its broker, or see in its log why it left it, e.g. as its disk is full, then {telling.again}"
            raise Unavailable(f"no broker serves partition {', '.join(few(left))}", where=telling.cluster, todo=todo)
        time.sleep(_PAUSE_SECONDS)
    return {
        name: (str(topic.topic_id), sorted(partition.id for partition in topic.partitions))
        for name, topic in described.items()
    }


def forbidden(admin: AdminClient, topics: Iterable[str], operation: str) -> list[str]:
    """Those topics which we may not, e.g., "READ" or "WRITE", as far as the brokers tell."""
    from confluent_kafka import TopicCollection
    from confluent_kafka.admin import AclOperation

    asked = admin.describe_topics(
        TopicCollection(list(topics)), include_authorized_operations=True, request_timeout=CONNECT_SECONDS
    )
    may = {name: future.result().authorized_operations for name, future in asked.items()}
    return [name for name, known in may.items() if known is not None and AclOperation[operation] not in known]


def consumed(settings: dict[str, Any], ranges: Mapping[str, tuple[int, int]], telling: Telling) -> Iterator[Message]:
    """The committed messages of a topic's partitions ("topic/partition") from one offset to before another.

    A partition ends where it is told to, not where the consumer is told that it has come to an end: brokers say that a
    transaction is committed before all partitions know, and until then it ends before the transaction's messages.

    Raises:
        Unavailable: the cluster says nothing for a while, or keeps messages back for a transaction that does not end.
    """
    from confluent_kafka import Consumer, KafkaException

    own = {
        "group.id": "gonogo",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "fetch.wait.max.ms": 10,  # at the end of a partition the broker would wait for more: half a second by default
    }
    left = {place: until for place, (first, until) in ranges.items() if first < until}
    complaints, heard = Complaints(), time.monotonic()
    with telling.told(complaints):
        consumer = Consumer({**settings, **own, "error_cb": complaints})
        try:
            consumer.assign([partition(place, ranges[place][0]) for place in left])
            while left:
                for message in consumer.consume(_BATCH, timeout=_TAKE_SECONDS):
                    error = message.error()
                    if error and error.name() != "_PARTITION_EOF":
                        if error.retriable() or error.name() == "GROUP_AUTHORIZATION_FAILED":
                            continue  # no offset is kept in the group
                        raise KafkaException(error)
                    heard, place = time.monotonic(), f"{message.topic()}/{message.partition()}"
                    after = message.offset() if error else message.offset() + 1
                    if error is None and after <= ranges[place][1]:
                        yield message
                    if after >= ranges[place][1]:
                        left.pop(place, None)
                if time.monotonic() - heard > SILENT_SECONDS:
                    raise _silent(left, telling)
        finally:
            consumer.close()


def _silent(left: Mapping[str, int], telling: Telling) -> Unavailable:
    places = ", ".join(few([f"{place} before offset {until:,}" for place, until in left.items()]))
    what = f"the cluster has sent nothing for {SILENT_SECONDS} s of {places}"
    todo = "end the transaction of another producer if one is open there (`kafka-transactions.sh list` tells)"
    return Unavailable(what, where=telling.where, todo=f"look after it, {todo}, then {telling.again}")


def partition(place: str, offset: int | None = None) -> TopicPartition:
    """A partition by its "topic/partition"."""
    from confluent_kafka import TopicPartition

    topic, _, number = place.rpartition("/")
    return TopicPartition(topic, int(number)) if offset is None else TopicPartition(topic, int(number), offset)


def ends() -> tuple[OffsetSpec, OffsetSpec]:
    """What asks for the first offset, and for the one after the last."""
    from confluent_kafka.admin import OffsetSpec

    return OffsetSpec.earliest(), OffsetSpec.latest()


def offsets_of(admin: AdminClient, asked: Mapping[str, OffsetSpec], *, committed: bool = False) -> dict[str, int]:
    """Place → offset; the latest are those after the last message, of committed transactions only if so asked."""
    from confluent_kafka import IsolationLevel, KafkaException

    isolation = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    wanted = {partition(place): spec for place, spec in asked.items()}

    def ask() -> dict[str, int]:
        found = admin.list_offsets(wanted, isolation_level=isolation, request_timeout=CONNECT_SECONDS)
        try:
            return {f"{each.topic}/{each.partition}": future.result().offset for each, future in found.items()}
        except KafkaException as error:
            if error.args[0].name() == _NO_LEADER:  # for which the client does not look again by itself
                for topic in {each.topic for each in wanted}:
                    admin.list_topics(topic, timeout=CONNECT_SECONDS)
            raise

    return patient(ask)
