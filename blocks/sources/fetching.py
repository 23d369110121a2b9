"""The consumer at work: it lands what a read of topics is planned to have, and survives brokers that go and come."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from blocks.sources.base import Progress
from blocks.sources.messages import Landing
from blocks.streams import Complaints, Telling, administered, ends, offsets_of, partition
from tasks.quality.errors import GonogoError, SourceError, Unavailable
from tasks.quality.wording import plural

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message

_BATCH_BYTES = 16 << 20
_BATCH_MESSAGES = 10_000
_FIRST_MESSAGES = 200
_TURN_SECONDS = 0.05
_SETTINGS = {
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "queued.max.messages.kbytes": 32 << 10,
    "fetch.queue.backoff.ms": 10,
    "fetch.wait.max.ms": 50,  # at the end of a partition the broker would wait for more: half a second by default
}


@dataclass(frozen=True)
class Plan:
    """What a read goes from and to, by place.

    Attributes:
        since: the position that it began from.
        topics: topic → id.
        started: when, in seconds since 1970.
    """

    since: dict[str, Any]
    topics: dict[str, str]
    begin: dict[str, int]
    until: dict[str, int]
    notes: list[str]
    started: float


@dataclass(frozen=True)
class Bounds:
    """When a read ends, beside its plan.

    Attributes:
        seconds: that it goes on, for what comes meanwhile; None: it ends where the plan does.
        messages: that it has at most, when it goes on.
        patience_seconds: how long the cluster may be silent.
    """

    seconds: float | None
    messages: int | None
    patience_seconds: float


@dataclass
class Fetch:
    """One read under way.

    Attributes:
        settings: of the cluster and the group.
        notes: what was noticed on the way.
    """

    settings: Mapping[str, Any]
    plan: Plan
    bounds: Bounds
    landing: Landing
    telling: Telling
    progress: Progress
    notes: list[str] = field(default_factory=list)
    _complaints: Complaints = field(default_factory=Complaints)
    _open: set[str] = field(default_factory=set)
    _bytes_each: float = _BATCH_BYTES / _FIRST_MESSAGES

    def run(self) -> dict[str, int]:
        """Consume until everything planned is here, or the time is over; gives where the next read goes on, by place.

        Raises:
            SourceError: the cluster refuses us.
            Unavailable: it is silent for too long.
        """
        from confluent_kafka import Consumer

        at = self.landing.next
        self._open = {place for place in at if self._timed or at[place] < self.plan.until[place]}
        if self._open and self._left() > 0:
            with self.telling.told(self._complaints):
                consumer = Consumer({**self.settings, **_SETTINGS, "error_cb": self._complaints})
                try:
                    with self.landing.writing():
                        consumer.assign([partition(place, at[place]) for place in sorted(self._open)])
                        self._consume(consumer)
                finally:
                    consumer.close()
        return dict(at) if self._timed else {place: max(self.plan.until[place], at[place]) for place in at}

    @property
    def _timed(self) -> bool:
        return self.bounds.seconds is not None

    def _left(self) -> float:
        """Seconds that are left; none when there are enough messages."""
        if self.bounds.seconds is None:
            return _TURN_SECONDS
        enough = self.bounds.messages is not None and self.landing.total >= self.bounds.messages
        return 0 if enough else self.plan.started + self.bounds.seconds - time.time()

    def _wanted(self) -> int:
        """How many messages are taken at once: few large ones, many small ones."""
        fit = int(min(max(_BATCH_BYTES / self._bytes_each, 1), _BATCH_MESSAGES))
        if self._timed and self.bounds.messages is not None:
            return min(fit, self.bounds.messages - self.landing.total)
        return fit

    def _consume(self, consumer: Consumer) -> None:
        heard, total = time.monotonic(), sum(self.plan.until.values()) - sum(self.plan.begin.values())
        what = f"reading {', '.join(self.plan.topics)}"
        while self._open and (left := self._left()) > 0:
            messages = consumer.consume(self._wanted(), timeout=min(left, _TURN_SECONDS))
            if messages:
                heard = time.monotonic()
                self._take(consumer, messages)
                self.progress(what, self.landing.total, 0 if self._timed else total)
            elif not self._timed and time.monotonic() - heard > self.bounds.patience_seconds:
                raise self._silent()
            self._heed()
        if self._timed and not self.landing.total and (told := self._complaints.worst()):
            raise self.telling.of(told)

    def _take(self, consumer: Consumer, taken: list[Message]) -> None:
        """Land messages, and then heed the events that came with them, as these are about what follows."""
        from confluent_kafka import Message

        messages, events = taken, list(filter(Message.error, taken))
        if events:
            messages = [message for message in taken if message.error() is None]
        size = 0
        for place, own in _by_place(messages).items():
            until = None if self._timed else self.plan.until[place]
            size += self.landing.add(place, own, until)
            if until is not None and own[-1].offset() >= until - 1:
                self._close(consumer, place)
        for event in events:
            self._event(consumer, event, event.error())
        if size:
            self._bytes_each = max(size / len(messages), 1.0)

    def _close(self, consumer: Consumer, place: str) -> None:
        if place in self._open:
            self._open.discard(place)
            consumer.pause([partition(place)])

    def _event(self, consumer: Consumer, message: Message, error: KafkaError) -> None:
        place = f"{message.topic()}/{message.partition()}"
        if error.name() == "_PARTITION_EOF":
            if not self._timed and message.offset() >= self.plan.until[place]:
                self._close(consumer, place)
        elif error.name() in ("_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE"):
            self._removed(consumer, place)
        elif not error.retriable():
            raise self.telling.of(error)

    def _removed(self, consumer: Consumer, place: str) -> None:
        """Go on where the partition begins now, as retention has removed what was to be read."""
        with administered(dict(self.settings), self.telling) as admin:
            low = offsets_of(admin, {place: ends()[0]})[place]
        expected = self.landing.next[place]
        if low <= expected:
            todo = "look into the cluster: messages were lost there"
            raise SourceError(f"{place} has no offset {expected:,} any more", where=self.telling.where, todo=todo)
        self.notes.append(gone(place, expected, low))
        self.landing.next[place] = low
        if low >= self.plan.until[place] and not self._timed:
            self._close(consumer, place)
        else:  # a partition whose offset was refused takes no seek
            consumer.incremental_unassign([partition(place)])
            consumer.incremental_assign([partition(place, low)])

    def _heed(self) -> None:
        told = self._complaints.worst()
        if told is not None and not isinstance(error := self.telling.of(told), Unavailable) and not told.retriable():
            raise error

    def _silent(self) -> GonogoError:
        if told := self._complaints.worst():
            return self.telling.of(told)
        what = f"no message came for {self.bounds.patience_seconds:g} seconds"
        return Unavailable(what, where=self.telling.where, todo="run it again; what came is kept")


def _by_place(messages: list[Message]) -> dict[str, list[Message]]:
    """The messages of each partition, which come in runs."""
    from confluent_kafka import Message

    found: dict[str, list[Message]] = {}
    for topic, own in groupby(messages, Message.topic):
        for number, run in groupby(own, Message.partition):
            found.setdefault(f"{topic}/{number}", []).extend(run)
    return found


def gone(place: str, first: int, low: int) -> str:
    """The note that messages were removed before anybody read them."""
    which = f"offset {first:,}" if low - first == 1 else f"offsets {first:,} to {low - 1:,}"
    told = "it was" if low - first == 1 else "they were"
    return f"{place}: retention removed {plural(low - first, 'message')} ({which}) before {told} read"
