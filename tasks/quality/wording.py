"""How counts and scores are said in sentences, everywhere alike."""

from __future__ import annotations


def plural(count: int, one: str, many: str = "") -> str:
    """A count and its noun.

    >>> plural(1, "row"), plural(1200, "row"), plural(2, "entry", "entries")
    ('1 row', '1,200 rows', '2 entries')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def some_of(count: int, total: int, noun: str, one: str, many: str) -> str:
    """How many of all, and the verb for so many.

    >>> some_of(1, 20, "value", "is", "are"), some_of(3, 20, "value", "is", "are")
    ('1 of 20 values is', '3 of 20 values are')
    """
    return f"{count:,} of {plural(total, noun)} {one if count == 1 else many}"


def score_text(value: float) -> str:
    """A score from 0 to 100 with one decimal; only 100 is said to be 100.

    >>> score_text(88.56), score_text(99.97), score_text(100.0)
    ('88.6', '99.9', '100')
    """
    return "100" if value == 100 else f"{min(value, 99.9):.1f}"  # noqa: PLR2004
