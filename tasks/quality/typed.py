"""Text read as types: what a staged table's columns are when one computes with them.

A value that cannot be read is null; nothing is guessed, rounded or cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import ibis

from tasks.quality.model import ROW, ColumnProfile, Profile
from tasks.quality.profile import is_missing

if TYPE_CHECKING:
    from tasks.quality.contract import Contract

ColumnType: TypeAlias = Literal["text", "integer", "number", "date", "timestamp", "boolean"]

DTYPES: dict[ColumnType, str] = {
    "text": "string",
    "integer": "int64",
    "number": "float64",
    "date": "date",
    "timestamp": "timestamp",
    "boolean": "boolean",
}
"""The engine's type of each column type."""

_INTEGER = r"^\s*[+-]?[0-9]{1,19}\s*$"
_NUMBER = r"^\s*[+-]?([0-9]{1,200}\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?\s*$"
_DAY = r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]00:00(:00(\.0+)?)?)?\s*$"
_MOMENT = (
    r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?)?\s*$"
)
_TRUE = ("true", "yes", "t", "y", "1")
_FALSE = ("false", "no", "f", "n", "0")
_DAY_LENGTH = 10


def typed_view(
    table: ibis.Table, types: Mapping[str, ColumnType], formats: Mapping[str, str] | None = None
) -> ibis.Table:
    """The table with each column read as its type; columns without one stay text, blank cells become null.

    Args:
        table: `_row` and text columns.
        types: column → type.
        formats: column → how its dates are written (`%d/%m/%Y`); ISO 8601 without it.
    """
    written = formats or {}
    columns = [
        read(table[name], types.get(name, "text"), written.get(name)).name(name)
        for name in table.columns
        if name != ROW
    ]
    return table.select(ROW, *columns) if ROW in table.columns else table.select(*columns)


def read(text: Any, type: ColumnType, format: str | None = None) -> Any:
    """A text value as a type; null where it cannot be read as one without loss.

    Integers and numbers are plain decimals (leading zeros are read); dates and times are ISO 8601 or `format`,
    times with an offset become UTC.
    """
    if type == "text":
        begun = (text >= "!") & (text < "\x80")  # most values begin so, and no blank one does
        return ibis.cases((begun, text), (is_missing(text), ibis.null("string")), else_=text)
    if format is not None and type in ("date", "timestamp"):
        return _formatted(text.strip(), format, type)
    return _READERS[type](text)


def column_types(profile: Profile, contract: Contract) -> dict[str, ColumnType]:
    """The type of every column: the contract's, else the one that every present value has, else text."""
    return {c.name: contract.column(c.name).reads_as or _inferred(c) for c in profile.columns}


def date_formats(contract: Contract) -> dict[str, str]:
    """The formats in which the contract says that dates are written."""
    return {name: column.format for name, column in contract.columns.items() if column.format is not None}


def _inferred(column: ColumnProfile) -> ColumnType:
    if column.kind == "date":
        return "date" if column.max_length <= _DAY_LENGTH else "timestamp"
    return "text" if column.kind == "empty" else column.kind


def _only(text: Any, pattern: str) -> Any:
    return text.re_search(pattern).ifelse(text, ibis.null("string"))


def _boolean(text: Any) -> Any:
    word = text.strip().lower()
    return ibis.cases((word.isin(_TRUE), True), (word.isin(_FALSE), False), else_=ibis.null("boolean"))


def _moment(text: Any) -> Any:
    """In UTC where an offset is named: DuckDB's cast to a timestamp reads it, and leaves it out."""
    in_utc = _of_microseconds(_microseconds(text.try_cast("timestamp('UTC')")))
    return ibis.cases((text.like(["%:%+%", "%:%-%"]), in_utc), else_=text.try_cast("timestamp"))


_READERS: dict[ColumnType, Callable[[Any], Any]] = {
    "integer": lambda text: _only(text, _INTEGER).try_cast("int64"),
    "number": lambda text: _only(text, _NUMBER).try_cast("float64"),
    "date": lambda text: _only(text, _DAY).try_cast("timestamp").date(),
    "timestamp": lambda text: _moment(_only(text, _MOMENT)),
    "boolean": _boolean,
}


def _formatted(text: Any, format: str, type: ColumnType) -> Any:
    parsed = _try_strptime(text, format)
    return parsed.date() if type == "date" else parsed


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def _try_strptime(text: str, format: str) -> ibis.dtype("timestamp"):  # type: ignore[valid-type]
    """DuckDB's own: null where the text is not written in the format."""


@ibis.udf.scalar.builtin(name="epoch_us")  # type: ignore[untyped-decorator]
def _microseconds(moment: ibis.dtype("timestamp('UTC')")) -> int:  # type: ignore[empty-body, valid-type]
    """DuckDB's own: since 1970, whatever time zone the session has."""


@ibis.udf.scalar.builtin(name="make_timestamp")  # type: ignore[untyped-decorator]
def _of_microseconds(microseconds: int) -> ibis.dtype("timestamp"):  # type: ignore[valid-type]
    """DuckDB's own: the moment so long since 1970."""
