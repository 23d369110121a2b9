"""The contract of every destination: take a batch wholly and once, or leave everything as it was.

A new kind of destination is one file with a pydantic model that has `kind`, `describe` and `load`, and a line in
`blocks/destinations/__init__.py`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tasks.quality.errors import DestinationError, SpecError
from tasks.quality.model import ROW
from tasks.quality.profile import is_missing
from tasks.quality.typed import ColumnType, typed_view

if TYPE_CHECKING:
    from pathlib import Path

    import ibis

WrongTypes: TypeAlias = Literal["text", "refuse"]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


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


class DestinationModel(BaseModel):
    """Base of the destinations' settings as a pipeline's YAML gives them."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True)

    wrong_types: WrongTypes = Field(
        default="text", description="when values are not of the contract's type: load the column as text, or refuse"
    )


def read_receipt(said: Mapping[str, Any]) -> Receipt:
    """A receipt from the JSON that a commit marker holds."""
    return TypeAdapter(Receipt).validate_python(said)


def resolved(text: str, where: str) -> str:
    """The text with each `${NAME}` replaced by the environment variable.

    Raises:
        SpecError: a variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise SpecError(f"the environment variable {match[1]} is not set", where=where, todo=f"export {match[1]}=…")
        return os.environ[match[1]]

    return _VARIABLE.sub(value, text)


def typed(batch: LoadBatch, wrong_types: WrongTypes) -> Typed:
    """The batch with typed columns, in `_row` order and without `_row`.

    A column in which a present value would not survive its type is text, so nothing is lost on the way.

    Raises:
        DestinationError: values are not of the type which the contract declares, and that is to be refused.
    """
    types = {name: type for name, type in batch.types.items() if type != "text" and name in batch.table.columns}
    failing = _failing(batch.table, typed_view(batch.table, types, batch.formats), list(types))
    refused = {name: found for name, found in failing.items() if name in batch.declared}
    if refused and wrong_types == "refuse":
        name, (count, row, value) = next(iter(refused.items()))
        raise DestinationError(
            f"{count:,} values of '{name}' are no {types[name]}, e.g. '{value}' in row {row:,}",
            todo="resolve them, quarantine their rows, or change the contract's type; nothing was loaded",
        )
    holding = {name: type for name, type in types.items() if name not in failing}
    table = typed_view(batch.table, holding, batch.formats).order_by(ROW).drop(ROW)
    as_text = tuple((name, count) for name, (count, _row, _value) in refused.items())
    return Typed(table, {name: holding.get(name, "text") for name in table.columns}, as_text)


def content_fingerprint(rows: Iterable[Sequence[object]]) -> str:
    """A fingerprint of rows whatever their order: the sum of each row's SHA-256, as `rows:<hex>`.

    >>> content_fingerprint([(1, "a"), (2, None)]) == content_fingerprint([(2, None), (1, "a")])
    True
    """
    total = 0
    for row in rows:
        text = "\x1f".join("\x00" if value is None else _plain(value) for value in row)
        total += int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(), "big")
    return f"rows:{total % (1 << 256):064x}"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _failing(text: ibis.Table, view: ibis.Table, columns: Sequence[str]) -> dict[str, tuple[int, int, str]]:
    """Per column that has any: values that were lost in the typed view: how many, the first one's row, its text."""
    if not columns:
        return {}
    both = _beside(text, view, columns)
    lost = {i: ~is_missing(both[name]) & both[f"_typed_{i}"].isnull() for i, name in enumerate(columns)}
    counts = both.agg(**{f"n{i}": flag.sum() for i, flag in lost.items()}).to_pyarrow().to_pylist()[0]
    found = {}
    for i, name in enumerate(columns):
        if counts[f"n{i}"]:
            first = (
                both.filter(lost[i]).order_by(ROW).limit(1).select(ROW, value=both[name]).to_pyarrow().to_pylist()[0]
            )
            found[name] = (int(counts[f"n{i}"]), int(first[ROW]), str(first["value"])[:60])
    return found


def _beside(text: ibis.Table, view: ibis.Table, columns: Sequence[str]) -> ibis.Table:
    read = view.select(_typed_row=view[ROW], **{f"_typed_{i}": view[name] for i, name in enumerate(columns)})
    return text.join(read, text[ROW] == read["_typed_row"])
