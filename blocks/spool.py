"""Parts that are made side by side, and taken one after the other."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

MOST_WAITING_BYTES = 1 << 30
"""What may wait on disk for its part's turn; the part whose turn it is goes on in any case."""


def in_turn(
    parts: Sequence[Callable[[], Iterator[pa.RecordBatch]]],
    folder: Path,
    give_up: Callable[[], None] = lambda: None,
) -> Generator[pa.RecordBatch]:
    """The batches of all parts in the parts' order, whichever thread was the faster one.

    Every part has a thread of its own. What it gives waits in a file without a name, so memory does not grow and
    nothing is left behind, whatever is killed. What goes wrong in any part is raised at once.

    Args:
        parts: each gives its batches in a thread.
        folder: where the files are.
        give_up: makes parts end that wait for something; called when somebody stops taking, or a part failed.
    """
    with ExitStack() as files, ThreadPoolExecutor(max(1, len(parts)), "part") as threads:
        waiting = _Waiting([files.enter_context(TemporaryFile(dir=folder)).fileno() for _ in parts])
        try:
            for number, part in enumerate(parts):
                threads.submit(waiting.fill, number, part)
            for number in range(len(parts)):
                yield from waiting.taken(number)
        finally:
            if waiting.stop():
                give_up()


class _Stopped(Exception):
    """Nobody takes what is made any more."""


class _Waiting:
    """What was made and not taken yet: per part, places in its file."""

    def __init__(self, files: Sequence[int]) -> None:
        self._files = files
        self._places: list[deque[tuple[int, int, pa.Schema]]] = [deque() for _ in files]
        self._open = set(range(len(files)))
        self._turn = self._bytes = 0
        self._error: BaseException | None = None
        self._stopped = False
        self._changed = threading.Condition()

    def fill(self, number: int, part: Callable[[], Iterator[pa.RecordBatch]]) -> None:
        """Make all that a part has."""
        error: BaseException | None = None
        try:
            at = 0
            for batch in part():
                at += self._put(number, at, batch)
        except _Stopped:
            pass
        except BaseException as raised:  # noqa: BLE001  (raised where it is taken)
            error = raised
        with self._changed:
            self._open.discard(number)
            self._error = self._error or error
            self._changed.notify_all()

    def _put(self, number: int, at: int, batch: pa.RecordBatch) -> int:
        data = memoryview(batch.serialize())
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or number == self._turn or self._bytes < MOST_WAITING_BYTES)
            if self._stopped:
                raise _Stopped
        size = written = len(data)
        while written:
            written -= os.pwrite(self._files[number], data[-written:], at + size - written)
        with self._changed:
            self._places[number].append((at, size, batch.schema))
            self._bytes += size
            self._changed.notify_all()
        return size

    def taken(self, number: int) -> Iterator[pa.RecordBatch]:
        """What a part made, as it comes."""
        import pyarrow as pa

        places = self._places[number]
        while True:
            with self._changed:
                self._turn = number
                self._changed.notify_all()
                self._changed.wait_for(lambda: places or self._error or number not in self._open)
                if self._error:
                    raise self._error
                if not places:
                    os.ftruncate(self._files[number], 0)
                    return
                at, size, schema = places.popleft()
                self._bytes -= size
            yield pa.ipc.read_record_batch(os.pread(self._files[number], size, at), schema)

    def stop(self) -> bool:
        """Let the parts end; whether some of them were not at their end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            return bool(self._open)
