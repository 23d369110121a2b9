"""What a Kafka cluster says while it takes up its work is waited for; anything else is told at once."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from blocks.streams import patient


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        (KafkaError.UNKNOWN_LEADER_EPOCH, 2),  # of a topic that was made a moment ago
        (KafkaError.FENCED_LEADER_EPOCH, 2),
        (KafkaError.NOT_LEADER_FOR_PARTITION, 2),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, 1),
    ],
)
def test_it_asks_again_while_a_broker_takes_up_its_work(code, asked):
    answers = iter([KafkaException(KafkaError(code)), "offsets"])
    times = 0

    def ask() -> str:
        nonlocal times
        times += 1
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    if asked == 1:
        with pytest.raises(KafkaException):
            patient(ask)
    else:
        assert patient(ask) == "offsets"
    assert times == asked
