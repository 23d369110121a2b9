"""Parts that are made side by side come in their order, whichever thread is the faster one."""

import threading

import pyarrow as pa
import pytest

from blocks import spool
from blocks.spool import in_turn

PATIENCE_SECONDS = 30


def batches(*texts):
    return (pa.RecordBatch.from_arrays([pa.array([text])], names=["c0"]) for text in texts)


def texts(taken):
    return [text for batch in taken for text in batch.column(0).to_pylist()]


def test_the_last_part_may_be_ready_first(tmp_path):
    ready = [threading.Event() for _ in range(3)]

    def part(number):
        if number < 2:
            assert ready[number + 1].wait(PATIENCE_SECONDS)
        yield from batches(f"{number}a", None, f"{number}b")
        ready[number].set()

    taken = texts(in_turn([lambda n=n: part(n) for n in range(3)], tmp_path))
    assert taken == ["0a", None, "0b", "1a", None, "1b", "2a", None, "2b"]
    assert list(tmp_path.iterdir()) == []


def test_no_more_waits_than_may_and_the_part_whose_turn_it_is_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "MOST_WAITING_BYTES", 1)
    made = []

    def part(number):
        for batch in batches(*map(str, range(100))):
            made.append(number)
            yield batch

    coming = in_turn([lambda n=n: part(n) for n in range(3)], tmp_path)
    first = [next(coming) for _ in range(100)]
    assert made.count(1) + made.count(2) <= 6
    assert texts([*first, *coming]) == 3 * list(map(str, range(100)))


@pytest.mark.parametrize("failing", [0, 1])
def test_what_goes_wrong_is_raised_at_once_and_the_others_are_told_to_give_up(tmp_path, failing):
    told = threading.Event()

    def fails():
        yield from batches("a")
        raise ValueError("no more")

    def waits():
        assert told.wait(PATIENCE_SECONDS)
        yield from batches("b")

    parts = [waits, waits]
    parts[failing] = fails
    with pytest.raises(ValueError, match="no more"):
        texts(in_turn(parts, tmp_path, told.set))
    assert told.is_set()


def test_nothing_is_made_any_more_once_nobody_takes(tmp_path):
    told, made = threading.Event(), []

    def endless():
        for number in range(10**9):
            made.append(number)
            yield from batches("x")

    coming = in_turn([endless, endless], tmp_path, told.set)
    next(coming)
    coming.close()
    assert told.is_set()
    assert len(made) < 10**6
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("part")]


def test_no_part_is_no_batch(tmp_path):
    assert list(in_turn([], tmp_path)) == []
