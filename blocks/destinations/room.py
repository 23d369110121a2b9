"""Whether the columns that a table has hold values as they are; databases round what is too fine without a word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from blocks.destinations.base import LoadBatch, flagged
from tasks.quality.errors import DestinationError
from tasks.quality.typed import ColumnType, read
from tasks.quality.wording import plural

SINGLE_DIGITS, DOUBLE_DIGITS = 6, 15
"""Digits that a float of four bytes, and one of eight, keeps always."""


def check_room(batch: LoadBatch, there: Mapping[str, Any], types: Mapping[str, ColumnType], where: str) -> None:
    """Check that no value would be rounded.

    Args:
        batch: what is to be loaded.
        there: the table's columns and their types, as SQLAlchemy has them.
        types: what the columns that it takes are for us.
        where: the table in words.

    Raises:
        DestinationError: one would; names the column, its type and the first such value.
    """
    finer = {name: test for name, type in types.items() if (test := _too_fine(there[name], type))}
    if not finer:
        return
    table = batch.table
    flags = {
        name: test(table[name], read(table[name], types[name], batch.formats.get(name))).fill_null(False)
        for name, test in finer.items()
    }
    for name, (count, row, value) in flagged(table, flags).items():
        values = plural(count, f"value of '{name}' is", f"values of '{name}' are")
        what = f"{values} finer than its column holds, {there[name]}, e.g. '{value}' in row {row:,}"
        todo = "round them, widen the column, or load with mode replace; nothing was changed"
        raise DestinationError(what, where=where, todo=todo)


def _too_fine(type: Any, ours: ColumnType) -> Callable[[Any, Any], Any] | None:
    """What tells the values (text, value) that a column of this type would round; None where it rounds none."""
    from sqlalchemy import REAL, Float, Numeric
    from sqlalchemy.dialects import mysql

    if ours == "number" and isinstance(type, REAL | mysql.FLOAT):
        return lambda text, value: (_digits(text) > SINGLE_DIGITS) & (value.cast("float32").cast("float64") != value)
    exact = ours == "number" and isinstance(type, Numeric) and not isinstance(type, Float)
    if exact and type.scale is not None and type.scale < DOUBLE_DIGITS:
        scale = int(type.scale)
        return lambda _text, value: value.round(scale) != value
    if ours == "timestamp" and (parts := _parts_of_seconds(type)) is not None:
        return lambda text, _value: text.re_search(rf"\.[0-9]{{{parts}}}[0-9]*[1-9]")
    return None


def _parts_of_seconds(type: Any) -> int | None:
    """How many digits below the second a column of moments keeps; None for as many as we have."""
    from sqlalchemy.dialects import mysql

    if isinstance(type, mysql.DATETIME | mysql.TIMESTAMP):
        return type.fsp or 0
    precision = getattr(type, "precision", None)
    return None if precision is None else int(precision)


def _digits(text: Any) -> Any:
    return text.re_replace(r"[eE].*$", "").re_replace(r"[^0-9]", "").re_replace("^0+", "").length()
