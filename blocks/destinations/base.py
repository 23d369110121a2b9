"""The contract of every destination: take a batch wholly and once, or leave everything as it was.

A new kind of destination is one file with a pydantic model that has `kind`, `describe` and `load`, and a line in
`blocks/destinations/__init__.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from blocks.probe import Probe
from tasks.quality.errors import DestinationError
from tasks.quality.model import ROW
from tasks.quality.profile import is_missing
from tasks.quality.typed import ColumnType, typed_view

if TYPE_CHECKING:
    from pathlib import Path

    import ibis

WrongTypes: TypeAlias = Literal["text", "refuse"]

_EXACT_DIGITS = 15
_PRINTED_DIGITS = 17
_LAST_YEAR = 9999


@dataclass(frozen=True)
class LoadBatch:
    """What is to be loaded.

    Attributes:
        table: `_row` and text columns; `_row` itself is not loaded.
        types: column → text, integer, number, date, timestamp or boolean.
        formats: column → how its dates are written.
        declared: columns whose type the contract names; the others' was inferred.
        run_id: a second load of the same run is a no-op.
        fingerprint: of the snapshot.
    """

    table: ibis.Table
    types: Mapping[str, ColumnType]
    run_id: str
    fingerprint: str
    pipeline: str
    formats: Mapping[str, str] = field(default_factory=dict)
    declared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """What the destination holds now.

    Attributes:
        destination: in words, without secrets.
        fingerprint: of the rows as read back from the destination, whatever their order.
        as_text: columns loaded as text although the contract types them, and how many values are not so.
        already_loaded: this run was loaded before; nothing was written now.
    """

    destination: str
    mode: str
    rows_written: int
    rows_before: int
    rows_after: int
    fingerprint: str
    as_text: tuple[tuple[str, int], ...] = ()
    already_loaded: bool = False


@dataclass(frozen=True)
class Typed:
    """A batch with the types that hold; `as_text`: columns that the contract types, and how many values are not so."""

    table: ibis.Table
    types: dict[str, ColumnType]
    as_text: tuple[tuple[str, int], ...]


class Destination(Protocol):
    """What a destination can do."""

    kind: Any

    def describe(self) -> str:
        """The destination in words, without secrets."""
        ...

    def load(self, batch: LoadBatch, base: Path) -> Receipt:
        """Take the batch wholly and once; `base` is the folder that relative addresses start from."""
        ...

    def read_back(self, batch: LoadBatch, base: Path) -> str | None:
        """The fingerprint of a batch that was loaded, from what the destination holds now; None when it is gone."""
        ...

    def probe(self, base: Path) -> Iterator[Probe]:
        """Try the connection step by step, changing nothing."""
        ...


class DestinationModel(BaseModel):
    """Base of the destinations' settings as a pipeline's YAML gives them."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True)

    HIDDEN: ClassVar[tuple[str, ...]] = ()
    """Settings that may hold a password although their names do not say so."""

    EXAMPLE: ClassVar[str] = ""
    """YAML of such a destination."""

    wrong_types: WrongTypes = Field(
        default="text", description="when values are not of the contract's type: load the column as text, or refuse"
    )


def read_receipt(said: Mapping[str, Any]) -> Receipt:
    """A receipt from the JSON that a commit marker holds."""
    return TypeAdapter(Receipt).validate_python(said)


def names(batch: LoadBatch) -> tuple[str, ...]:
    """The columns to be loaded.

    Raises:
        DestinationError: there is none.
    """
    found = tuple(name for name in batch.table.columns if name != ROW)
    if not found:
        raise DestinationError("no column is left to load", todo="keep at least one")
    return found


def typed(batch: LoadBatch, wrong_types: WrongTypes, fixed: Mapping[str, ColumnType] | None = None) -> Typed:
    """The batch with typed columns, in `_row` order and without `_row`.

    A column in which a present value would not survive its type is text, so nothing is lost on the way: numbers
    keep their digits, times their microseconds.

    Args:
        batch: what is to be loaded.
        wrong_types: what to do where values are not of the type that the contract declares.
        fixed: types that the destination's columns already have; they overrule the batch's, and hold.

    Raises:
        DestinationError: there are such values, and they are to be refused; or they do not fit a fixed type.
    """
    wanted = {**batch.types, **(fixed or {})}
    types = {name: wanted[name] for name in names(batch) if wanted.get(name, "text") != "text"}
    failing = _failing(batch.table, typed_view(batch.table, types, batch.formats), types)
    for name, found in failing.items():
        if name in (fixed or {}):
            raise _wrong(name, types[name], found, "resolve them, or load with mode replace")
        if name in batch.declared and wrong_types == "refuse":
            raise _wrong(name, types[name], found, "resolve them, quarantine their rows, or change the contract's type")
    holding = {name: type for name, type in types.items() if name not in failing}
    table = typed_view(batch.table, holding, batch.formats).order_by(ROW).drop(ROW)
    as_text = tuple((name, found[0]) for name, found in failing.items() if name in batch.declared)
    return Typed(table, {name: holding.get(name, "text") for name in table.columns}, as_text)


def content_fingerprint(rows: Iterable[Sequence[object]]) -> str:
    """A fingerprint of rows whatever their order: the sum of each row's SHA-256 modulo 2^256, as `rows:<hex>`.

    A row is the JSON list of its values as text, null as null: dates and times in ISO 8601, whole floats without
    a point. So the same rows have the same fingerprint in every database.

    >>> content_fingerprint([(1, "a"), (2, None)]) == content_fingerprint([(2, None), (1, "a")])
    True
    """
    return summed(map(row_digest, rows))


def row_digest(row: Sequence[object]) -> bytes:
    """The SHA-256 of one row, as `content_fingerprint` reads it."""
    text = json.dumps([None if value is None else _plain(value) for value in row])
    return hashlib.sha256(text.encode()).digest()


def summed(digests: Iterable[bytes]) -> str:
    """The fingerprint of rows with these digests."""
    total = sum(int.from_bytes(digest, "big") for digest in digests)
    return f"rows:{total % (1 << 256):064x}"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _wrong(name: str, type: ColumnType, found: tuple[int, int, str], todo: str) -> DestinationError:
    count, row, value = found
    what = f"{count:,} values of '{name}' are no {type} without loss, e.g. '{value}' in row {row:,}"
    return DestinationError(what, todo=f"{todo}; nothing was loaded")


def _failing(text: ibis.Table, view: ibis.Table, types: Mapping[str, ColumnType]) -> dict[str, tuple[int, int, str]]:
    """Per column that has any: values that were lost in the typed view: how many, the first one's row, its text."""
    if not types:
        return {}
    columns = list(types)
    both = _beside(text, view, columns)
    lost = {
        i: ~is_missing(both[name]) & ~_survives(both[name], both[f"_typed_{i}"], types[name]).fill_null(False)
        for i, name in enumerate(columns)
    }
    counts = both.agg(**{f"n{i}": flag.sum() for i, flag in lost.items()}).to_pyarrow().to_pylist()[0]
    found = {}
    for i, name in enumerate(columns):
        if counts[f"n{i}"]:
            first = (
                both.filter(lost[i]).order_by(ROW).limit(1).select(ROW, value=both[name]).to_pyarrow().to_pylist()[0]
            )
            found[name] = (int(counts[f"n{i}"]), int(first[ROW]), str(first["value"])[:60])
    return found


def _survives(text: Any, value: Any, type: ColumnType) -> Any:
    """Whether a value still says what its text said; null where it could not be read."""
    if type == "number":
        return value.notnull() & _keeps_digits(text, value)
    if type == "timestamp":
        return _in_calendar(value) & ~text.re_search(r"\.[0-9]{6}0*[1-9]")
    return _in_calendar(value) if type == "date" else value.notnull()


def _keeps_digits(text: Any, value: Any) -> Any:
    """Float64 keeps 15 digits always; 17 are what it prints, so a fraction with as many was one before."""
    digits = _digits(text)
    printed = text.contains(".") & (digits.length() <= _PRINTED_DIGITS)
    return (digits.length() <= _EXACT_DIGITS) | printed | (digits == _digits(value.cast("string")))


def _digits(number: Any) -> Any:
    """The significant digits of a number's text."""
    mantissa = number.re_replace(r"[eE].*$", "").re_replace(r"[^0-9]", "")
    return mantissa.re_replace(r"^0+|0+$", "")


def _in_calendar(value: Any) -> Any:
    """Whether a date is one that databases and Python have too."""
    return value.year().between(1, _LAST_YEAR)


def _beside(text: ibis.Table, view: ibis.Table, columns: Sequence[str]) -> ibis.Table:
    read = view.select(_typed_row=view[ROW], **{f"_typed_{i}": view[name] for i, name in enumerate(columns)})
    return text.join(read, text[ROW] == read["_typed_row"])
