"""Numbers as a reader sees them."""

from __future__ import annotations

import math

MINUS = "\N{MINUS SIGN}"
ARROW = "→"
NOTHING = "\N{EN DASH}"


def count(value: float) -> str:
    """A count with thousands separators.

    >>> count(1234567)
    '1,234,567'
    """
    return f"{int(value):,}".replace("-", MINUS)


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
