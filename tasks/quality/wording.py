"""How counts, rates and scores are said, everywhere alike. Rates round towards doubt: 99.97 % is never 100 %."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any


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


def with_own(label: str, parameters: Mapping[str, Any], needs: Sequence[str], most: int = 4) -> str:
    """What an action is called, with what the pilot added to it: parameters of their own, lines edited in a table.

    Args:
        label: what it is called.
        parameters: its parameters.
        needs: those that only the pilot could supply.
        most: lines of a table, and values of a list, that are named; the others are counted.

    >>> with_own("fill with a value of yours", {"value": "0"}, ["value"])
    "fill with a value of yours (value: '0')"
    >>> with_own("write the usual value", {"values": {"a": "A"}, "exclude": ["b", "c"], "change": {"a": None}}, [])
    "write the usual value (without 'b', 'c'; 'a' becomes nothing)"
    """
    parts = [f"{name}: {_several(parameters[name], most)}" for name in needs if parameters.get(name) not in (None, "")]
    if excluded := parameters.get("exclude"):
        parts.append(f"without {_several(excluded, most)}")
    if changed := parameters.get("change"):
        parts.append(_several(changed, most))
    return f"{label} ({'; '.join(parts)})" if parts else label


def _several(value: Any, most: int) -> str:
    if isinstance(value, Mapping):
        told = [f"'{old}' becomes {'nothing' if new is None else _said(new)}" for old, new in value.items()]
    elif isinstance(value, (list, tuple)):
        told = [_said(each) for each in value]
    else:
        return _said(value)
    return ", ".join(told[:most]) + (f" and {len(told) - most:,} more" if len(told) > most else "")


def _said(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def rate(value: float) -> str:
    """A share (0 to 1) in per cent; only all is "100%", only none is "0%".

    >>> rate(0), rate(0.00001), rate(0.1234), rate(0.9999), rate(1)
    ('0%', '<0.1%', '12.3%', '99.9%', '100%')
    """
    if value in (0, 1):
        return f"{value:.0%}"
    return "<0.1%" if 0 < value < 0.001 else f"{_down(value * 100)}%"  # noqa: PLR2004


def score_text(value: float) -> str:
    """A score from 0 to 100 with one decimal; only 100 is said to be 100.

    >>> score_text(88.56), score_text(99.97), score_text(100.0)
    ('88.6', '99.9', '100')
    """
    return "100" if value == 100 else f"{min(value, 99.9):.1f}"  # noqa: PLR2004


def _down(value: float) -> str:
    return str(Decimal(repr(round(value, 9))).quantize(Decimal("0.1"), rounding=ROUND_DOWN))
