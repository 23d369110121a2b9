"""Numbers as a reader sees them. Rates round towards doubt: 99.97 % is never shown as 100 %."""

from __future__ import annotations

import math
from decimal import ROUND_DOWN, Decimal

from tasks.quality.wording import plural, score_text

__all__ = ["ARROW", "MINUS", "NOTHING", "change", "count", "number", "plural", "rate", "score"]

score = score_text
MINUS = "\N{MINUS SIGN}"
ARROW = "→"
NOTHING = "\N{EN DASH}"


def count(value: float) -> str:
    """A count with thousands separators.

    >>> count(1234567)
    '1,234,567'
    """
    return f"{int(value):,}".replace("-", MINUS)


def rate(value: float) -> str:
    """A share (0 to 1) in per cent; only all is "100%", only none is "0%".

    >>> rate(0), rate(0.00001), rate(0.1234), rate(0.9999), rate(1)
    ('0%', '<0.1%', '12.3%', '99.9%', '100%')
    """
    if value in (0, 1):
        return f"{value:.0%}"
    return "<0.1%" if 0 < value < 0.001 else f"{_down(value * 100)}%"  # noqa: PLR2004


def number(value: float | None) -> str:
    """A measured number with at most six significant digits, or `NOTHING` for none.

    >>> number(1234567.891), number(0.000012345), number(12.0), number(None) == NOTHING
    ('1,234,568', '1.2345e-05', '12', True)
    """
    if value is None or not math.isfinite(value):
        return NOTHING if value is None else str(value)
    if value == int(value) and abs(value) < 1e15:  # noqa: PLR2004
        return count(value)
    if abs(value) >= 1000:  # noqa: PLR2004
        return f"{value:,.{2 if abs(value) < 100_000 else 0}f}".replace("-", MINUS)  # noqa: PLR2004
    return f"{value:.6g}".replace("-", MINUS, 1) if value < 0 else f"{value:.6g}"


def change(before: float, after: float) -> str:
    """A difference with its sign, in the unit of both.

    >>> change(71.4, 96.8), change(5, 5)
    ('+25.4', '±0')
    """
    difference = round(after - before, 6)
    if not difference:
        return "±0"
    return f"{'+' if difference > 0 else MINUS}{number(round(abs(difference), 1) or abs(difference))}"


def _down(value: float) -> str:
    return str(Decimal(repr(round(value, 9))).quantize(Decimal("0.1"), rounding=ROUND_DOWN))
