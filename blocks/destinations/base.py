"""The contract of every destination: prepare, write, commit once; undo the last load.

What is written before the commit nobody sees, and a load that ends without a commit leaves everything as it was. The
commit writes a marker of the run, so that the same run is never loaded twice. A new kind of destination is one file
with a `DestinationModel` that has `kind`, `describe`, `prepare`, `undo` and `probe`, and a line in
`blocks/destinations/__init__.py`.
"""

from __future__ import annotations

import hashlib
import json
import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias

import ibis
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from blocks.probe import Probe
from tasks.quality.errors import DestinationError
from tasks.quality.model import ROW
from tasks.quality.profile import is_missing
from tasks.quality.typed import ColumnType, read, typed_view
from tasks.quality.wording import plural

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

WrongTypes: TypeAlias = Literal["text", "refuse"]
Additions: TypeAlias = Literal["evolve", "freeze", "ask"]
"""What becomes of columns that the destination's table lacks: they are added, refused, or the pilot is asked."""

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
        additions: what the contract says about columns that the destination's table lacks.
        agreed: such columns that the pilot was asked about, and agreed to add.
        in_order: the table comes in `_row` order by itself, as snapshots do.
        trusted: whether all values are of their types is looked at while they are read, instead of before (`Lost`).
    """

    table: ibis.Table
    types: Mapping[str, ColumnType]
    run_id: str
    fingerprint: str
    pipeline: str
    formats: Mapping[str, str] = field(default_factory=dict)
    declared: tuple[str, ...] = ()
    additions: Additions = "freeze"
    agreed: tuple[str, ...] = ()
    in_order: bool = False
    trusted: bool = False


@dataclass(frozen=True)
class Receipt:
    """What the destination holds now.

    Attributes:
        destination: in words, without secrets.
        rows_written: of the batch; those that history already had as they are count, too.
        fingerprint: of the load's rows as read back from the destination, whatever their order.
        as_text: columns loaded as text although the contract types them, and how many values are not so.
        already_loaded: this run was loaded before; nothing was written now.
        added: columns that the table got with this load.
        seconds: how long the load took; 0 where it was found loaded before, as nobody knows any more.
    """

    destination: str
    mode: str
    rows_written: int
    rows_before: int
    rows_after: int
    fingerprint: str
    as_text: tuple[tuple[str, int], ...] = ()
    already_loaded: bool = False
    added: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class TakenBack:
    """What the destination holds after its last load was undone.

    Attributes:
        rows_removed: that the load had brought.
        rows_restored: that it had replaced, and that are back.
    """

    destination: str
    rows_removed: int
    rows_restored: int
    rows_after: int


class Lost(Exception):
    """A batch was trusted that has values which their types would lose; load it again without trust."""


@dataclass(frozen=True)
class Typed:
    """A batch with the types that hold.

    Attributes:
        as_text: columns that the contract types, and how many values are not so.
        trusted: the last column of the table says which rows have values that their types would lose.
    """

    table: ibis.Table
    types: dict[str, ColumnType]
    as_text: tuple[tuple[str, int], ...]
    trusted: bool = False

    @property
    def schema(self) -> pa.Schema:
        """Of the batches."""
        return self.table.select(*self.types).schema().to_pyarrow()

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """The rows as they stream by, at most so many at once.

        Raises:
            Lost: the batch was trusted, and should not have been.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        schema = self.schema
        for batch in self.table.to_pyarrow_batches(chunk_size=rows):
            if self.trusted and pc.any(batch.column(batch.num_columns - 1)).as_py():
                raise Lost
            yield pa.RecordBatch.from_arrays(batch.columns[: len(schema)], schema=schema)


class Load(Protocol):
    """A load that was prepared: nobody sees anything of it before its commit."""

    @property
    def known(self) -> Receipt | None:
        """The receipt of this run when it was loaded before: then there is nothing to write."""
        ...

    def write(self) -> None:
        """Bring the rows to the destination, unseen."""
        ...

    def commit(self) -> Receipt:
        """Make the rows and the marker of the run visible in one step."""
        ...


class Destination(Protocol):
    """What a destination can do."""

    kind: Any

    def describe(self) -> str:
        """The destination in words, without secrets."""
        ...

    @property
    def replaces(self) -> bool:
        """Whether all that the destination has gives way to what is loaded."""
        ...

    def prepare(self, batch: LoadBatch, base: Path) -> AbstractContextManager[Load]:
        """Be alone at the destination, and look whether the batch fits; left without a commit, nothing was changed.

        Args:
            batch: what is to be loaded.
            base: the folder that relative addresses start from.
        """
        ...

    def load(self, batch: LoadBatch, base: Path) -> Receipt:
        """Prepare, write, commit: take the batch wholly and once."""
        ...

    def undo(self, run_id: str, base: Path) -> TakenBack:
        """Take back what a run loaded, wholly and once; done again, it changes nothing and says the same.

        Raises:
            DestinationError: it was not loaded, was changed since, or what was there before is not kept any more.
        """
        ...

    def read_back(self, run_id: str, base: Path) -> str | None:
        """The fingerprint of what a run loaded, from what the destination holds now; None when it is gone.

        Raises:
            ChangedSince: a fingerprint does not tell it, but it is not as the run left it.
            DestinationError: what the run loaded cannot be told from the rest.
            Unavailable: the destination cannot be reached.
        """
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

    @abstractmethod
    def prepare(self, batch: LoadBatch, base: Path) -> AbstractContextManager[Load]:
        """As the contract says."""

    def load(self, batch: LoadBatch, base: Path) -> Receipt:
        """Prepare, write, commit: take the batch wholly and once.

        Raises:
            DestinationError: the destination refuses the batch; it is as it was.
            TryAgain: it may take it later.
        """
        started = time.perf_counter()
        with self.prepare(batch, base) as under_way:
            if receipt := under_way.known:
                return receipt
            under_way.write()
            receipt = under_way.commit()
        return replace(receipt, seconds=round(time.perf_counter() - started, 3))


class NewColumns(DestinationError):
    """The destination's table lacks columns of the data, and the pilot is to say whether they are added."""

    columns: tuple[str, ...] = ()


def may_add(batch: LoadBatch, lacking: Sequence[str], where: str) -> None:
    """Check that the contract, or the pilot, lets the destination's table have these columns, too.

    Raises:
        NewColumns: the pilot is to be asked.
        DestinationError: the contract freezes the table.
    """
    if batch.additions == "evolve" or set(lacking) <= {*batch.agreed}:
        return
    what = f"the table lacks {', '.join(lacking)}"
    if batch.additions == "freeze":
        todo = "drop such columns, set the contract's 'additions: evolve', or use mode replace; nothing was changed"
        raise DestinationError(what, where=where, todo=todo)
    error = NewColumns(what, where=where, todo="go adds what it lacks, empty in the rows that are there")
    error.columns = tuple(lacking)
    raise error


def taken_back_before(destination: str, run_id: str) -> DestinationError:
    """A run whose load was undone is not loaded again: who undid it did so for a reason."""
    todo = "start another run of the pipeline"
    return DestinationError(f"the load of run {run_id} was taken back", where=destination, todo=todo)


def changed_since(destination: str) -> DestinationError:
    """What was loaded is not there any more as it was."""
    todo = "correct it there by hand; nothing was changed"
    return DestinationError("what was loaded was changed since", where=destination, todo=todo)


def loaded_since(destination: str) -> DestinationError:
    """What was loaded is not all that is there any more."""
    todo = "take that one back first, or correct the table by hand; nothing was changed"
    return DestinationError("another run was loaded since", where=destination, todo=todo)


def not_loaded(destination: str, run_id: str) -> DestinationError:
    """There is no marker of the run."""
    return DestinationError(
        f"run {run_id} is not loaded there", where=destination, todo="there is nothing to take back"
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


def typed(
    batch: LoadBatch,
    wrong_types: WrongTypes,
    fixed: Mapping[str, ColumnType] | None = None,
    beyond: Mapping[ColumnType, str] | None = None,
) -> Typed:
    """The batch with typed columns, in `_row` order and without `_row`.

    A column in which a present value would not survive its type is text, so nothing is lost on the way: numbers
    keep their digits, times their microseconds. Where the destination's type holds more than ours, the column keeps its
    type, and its values come as text.

    Args:
        batch: what is to be loaded.
        wrong_types: what to do where values are not of the type that the contract declares.
        fixed: types that the destination's columns already have; they overrule the batch's, and hold.
        beyond: type → a regular expression of texts that the destination holds as such although we do not.

    Raises:
        DestinationError: there are such values, and they are to be refused; or they do not fit a fixed type.
    """
    wanted = {**batch.types, **(fixed or {})}
    types = {name: wanted[name] for name in names(batch) if wanted.get(name, "text") != "text"}
    failing = {} if batch.trusted else _failing(batch, types)
    spelt = _beyond_ours(batch, {name: types[name] for name in failing}, beyond or {})
    failing = {name: found for name, found in failing.items() if name not in spelt}
    for name, found in failing.items():
        if name in (fixed or {}):
            raise _wrong(name, types[name], found, "resolve them, or load with mode replace")
        if name in batch.declared and wrong_types == "refuse":
            raise _wrong(name, types[name], found, "resolve them, quarantine their rows, or change the contract's type")
    holding = {name: type for name, type in types.items() if name not in failing}
    if batch.trusted:
        view = _looked_at(batch, holding)
    else:
        view = typed_view(
            _spelt(batch.table, spelt), {n: t for n, t in holding.items() if n not in spelt}, batch.formats
        )
    table = (view if batch.in_order else view.order_by(ROW)).drop(ROW)
    as_text = tuple((name, found[0]) for name, found in failing.items() if name in batch.declared)
    return Typed(table, {name: holding.get(name, "text") for name in names(batch)}, as_text, batch.trusted)


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
    noun = (f"value of '{name}' is", f"values of '{name}' are")
    what = f"{plural(count, *noun)} no {type} without loss, e.g. '{value}' in row {row:,}"
    return DestinationError(what, todo=f"{todo}; nothing was loaded")


def _failing(batch: LoadBatch, types: Mapping[str, ColumnType]) -> dict[str, tuple[int, int, str]]:
    """Per column that has any: values that their type would lose: how many, the first one's row, its text."""
    if not types:
        return {}
    table = batch.table
    lost = {name: _lost(table[name], type, batch.formats.get(name)) for name, type in types.items()}
    return flagged(table, lost)


def flagged(table: ibis.Table, flags: Mapping[str, Any]) -> dict[str, tuple[int, int, str]]:
    """Per column whose flag is true anywhere: in how many rows, the first one, and the beginning of its text."""
    counts = table.agg(**{f"n{i}": flag.sum() for i, flag in enumerate(flags.values())}).to_pyarrow().to_pylist()[0]
    found = {}
    for i, (name, flag) in enumerate(flags.items()):
        if counts[f"n{i}"]:
            picked = table.filter(flag).order_by(ROW).limit(1).select(ROW, value=table[name])
            (first,) = picked.to_pyarrow().to_pylist()
            found[name] = (int(counts[f"n{i}"]), int(first[ROW]), str(first["value"])[:60])
    return found


def _beyond_ours(
    batch: LoadBatch, failing: Mapping[str, ColumnType], beyond: Mapping[ColumnType, str]
) -> dict[str, ColumnType]:
    """Of the columns that have values which their type would lose, those whose destination holds them all."""
    if not (able := {n: t for n, t in failing.items() if t in beyond and n not in batch.formats}):
        return {}
    table = batch.table
    left = {n: _lost(table[n], t, None) & ~table[n].strip().re_search(beyond[t]) for n, t in able.items()}
    counts = table.agg(**{f"n{i}": flag.sum() for i, flag in enumerate(left.values())}).to_pyarrow().to_pylist()[0]
    return {name: type for i, (name, type) in enumerate(able.items()) if not counts[f"n{i}"]}


def _spelt(table: ibis.Table, types: Mapping[str, ColumnType]) -> ibis.Table:
    """The table with such columns spelt plainly: as we read them, in UTC, and as they are where we cannot."""
    spelt = [
        ibis.cases(
            (_lost(table[name], type, None), table[name].strip()), else_=read(table[name], type).cast("string")
        ).name(name)
        for name, type in types.items()
    ]
    return table.mutate(*spelt) if spelt else table


def _looked_at(batch: LoadBatch, types: Mapping[str, ColumnType]) -> ibis.Table:
    """The batch with typed columns, and one more: whether a row has a value that its type would lose."""
    table, columns = batch.table, names(batch)
    values = [read(table[name], types.get(name, "text"), batch.formats.get(name)).name(name) for name in columns]
    lost = (_lost(table[name], type, batch.formats.get(name)) for name, type in types.items())
    free = next(name for name in map("lost{}".format, range(len(columns) + 1)) if name not in columns)
    return table.select(ROW, *values, reduce(or_, lost, ibis.literal(value=False)).name(free))


def _lost(text: Any, type: ColumnType, format: str | None) -> Any:
    """Whether a value is there that its type would lose; what is dear to find out is asked of few values."""
    survives = _survives(text, read(text, type, format), type)
    return ibis.cases((survives, False), else_=~is_missing(text))


def _survives(text: Any, value: Any, type: ColumnType) -> Any:
    """Whether a value still says what its text said; null where it could not be read."""
    if type == "number":
        return value.notnull() & _keeps_digits(text, value)
    if type == "timestamp":
        finer = text.contains(".").ifelse(text.re_search(r"\.[0-9]{6}0*[1-9]"), False)
        return _in_calendar(value) & ~finer
    return _in_calendar(value) if type == "date" else value.notnull()


def _keeps_digits(text: Any, value: Any) -> Any:
    """Float64 keeps 15 digits always; 17 are what it prints, so a fraction with as many was one before."""
    digits = _digits(text)
    printed = text.contains(".") & (digits.length() <= _PRINTED_DIGITS)
    exact = (digits.length() <= _EXACT_DIGITS) | printed | (digits == _digits(value.cast("string")))
    return (text.length() <= _EXACT_DIGITS).ifelse(True, exact)


def _digits(number: Any) -> Any:
    """The significant digits of a number's text."""
    mantissa = number.re_replace(r"[eE].*$", "").re_replace(r"[^0-9]", "")
    return mantissa.re_replace(r"^0+|0+$", "")


def _in_calendar(value: Any) -> Any:
    """Whether a date is one that databases and Python have too."""
    return value.year().between(1, _LAST_YEAR)
