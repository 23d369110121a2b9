"""Work that goes on while its first results are already used."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")
_END = object()


def ahead(parts: Iterable[Part], most: int = 2) -> Generator[Part]:
    """The same parts in the same order, made in a thread up to `most` ahead of whoever takes them.

    What goes wrong there is raised where its part would have come; nothing is made any more once nobody takes.

    >>> list(ahead(n * n for n in range(4)))
    [0, 1, 4, 9]
    """
    coming = iter(parts)
    with ThreadPoolExecutor(1, "ahead") as thread:
        waiting: deque[Future[Part | object]] = deque(thread.submit(next, coming, _END) for _ in range(most))
        try:
            while (part := waiting.popleft().result()) is not _END:
                waiting.append(thread.submit(next, coming, _END))
                yield part  # type: ignore[misc]
        finally:
            for each in waiting:
                each.cancel()
