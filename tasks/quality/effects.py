"""Applying effects: what a remedy would write becomes a new table, the cells it changed and the rows it took.

Remedies only say what to write; this is the one place that writes, so that counting, previewing, accounting and
tracing are the same for all of them. Everything is a lazy Ibis expression; nothing is computed before it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import ibis
from ibis import _

from tasks.quality.errors import ConservationError, PilotMustDecide, did_you_mean
from tasks.quality.model import (
    ROW,
    CellWrites,
    Change,
    ColumnAdd,
    ColumnDrop,
    Dataset,
    Effect,
    Preview,
    RowExits,
    ValueMap,
)

SAMPLE = 5


@dataclass(frozen=True)
class Applied:
    """What effects make of a table.

    Attributes:
        table: `_row` and the columns as they are afterwards.
        cells: `_row`, `column`, `before`, `after`, `decision` of every cell whose value is another one now.
        rows: `_row`, `disposition`, `into`, `reason`, `decision` and the former values of every row that left.
    """

    table: ibis.Table
    cells: ibis.Table
    rows: ibis.Table
    columns_dropped: tuple[str, ...]
    columns_added: tuple[str, ...]


def apply(data: Dataset, effects: Sequence[Effect], decision: int = 0) -> Applied:
    """Apply effects in order.

    Raises:
        PilotMustDecide: an effect names a column that is not there.
    """
    _check(data, effects)
    exits = _exits(effects)
    table = reduce(_written, effects, data.table)
    if exits is not None:
        table = table.anti_join(exits, ROW)
    dropped = tuple(dict.fromkeys(e.column for e in effects if isinstance(e, ColumnDrop)))
    added = tuple(dict.fromkeys(e.column for e in effects if isinstance(e, ColumnAdd)))
    return Applied(
        table.drop(*dropped) if dropped else table,
        _changed(data, effects, table, dropped).mutate(decision=ibis.literal(decision, "int64")),
        _left(data, exits).mutate(decision=ibis.literal(decision, "int64")),
        dropped,
        added,
    )


def preview(data: Dataset, effects: Sequence[Effect], sample: int = SAMPLE) -> Preview:
    """What the effects would do: exact counts, the most frequent changes first.

    Raises:
        PilotMustDecide: an effect names a column that is not there.
    """
    _check(data, effects)
    touched = dict.fromkeys(e.column for e in effects if isinstance(e, (ValueMap, CellWrites, ColumnDrop)))
    narrow = replace(data, table=data.table.select(ROW, *touched))  # planning a query costs by its columns
    applied = apply(narrow, effects)
    writes = any(isinstance(e, (ValueMap, CellWrites, ColumnDrop)) for e in effects)
    cells, rows, changes = _changes(applied.cells, sample) if writes else (0, 0, ())
    removed, first = _removed(applied.rows, sample) if any(isinstance(e, RowExits) for e in effects) else (0, ())
    return Preview(rows, cells, removed, applied.columns_dropped, applied.columns_added, changes, first)


def conserve(rows_in: int, rows_out: int, *, dropped: int, quarantined: int, merged: int) -> None:
    """Check that no row was lost and none appeared.

    Raises:
        ConservationError: rows in != rows out + dropped + quarantined + merged.
    """
    if rows_in != rows_out + dropped + quarantined + merged:
        raise ConservationError(
            f"{rows_in:,} rows in, but {rows_out:,} out + {dropped:,} dropped + {quarantined:,} quarantined + "
            f"{merged:,} merged",
            todo="nothing was changed; please report this",
        )


def _check(data: Dataset, effects: Iterable[Effect]) -> None:
    for effect in effects:
        if isinstance(effect, (ValueMap, CellWrites, ColumnDrop)) and effect.column not in data.columns:
            raise PilotMustDecide(
                f"no column '{effect.column}'",
                where="the table as it is now",
                available=data.columns,
                todo=did_you_mean(effect.column, data.columns) or "an earlier decision may have dropped it",
            )


def _written(table: ibis.Table, effect: Effect) -> ibis.Table:
    if isinstance(effect, ValueMap):
        return _mapped(table, effect)
    if isinstance(effect, CellWrites):
        return _overwritten(table, effect)
    return _added(table, effect) if isinstance(effect, ColumnAdd) else table


def _mapped(table: ibis.Table, effect: ValueMap) -> ibis.Table:
    """The table with a value map as one join on the old value, so its size does not matter."""
    names = table.columns
    pairs = [(old, new) for old, new in effect.pairs if old is not None]
    after = table[effect.column]
    if pairs:
        olds, news = zip(*pairs, strict=True)
        known = ibis.memtable({"_old": olds, "_new": news}, schema={"_old": "string", "_new": "string"})
        table = table.left_join(known, after == known["_old"])
        after = table["_old"].notnull().ifelse(table["_new"], table[effect.column])
    for old, new in effect.pairs:
        if old is None:
            after = table[effect.column].isnull().ifelse(ibis.literal(new, "string"), after)
    return table.mutate(**{effect.column: after}).select(*names)


def _overwritten(table: ibis.Table, effect: CellWrites) -> ibis.Table:
    names = table.columns
    values = effect.values.select(_written_row=_[ROW], _after=_.after.cast("string"))
    joined = table.left_join(values, table[ROW] == values["_written_row"])
    after = joined["_written_row"].notnull().ifelse(joined["_after"], joined[effect.column])
    return joined.mutate(**{effect.column: after}).select(*names)


def _added(table: ibis.Table, effect: ColumnAdd) -> ibis.Table:
    names = table.columns
    flagged = effect.rows.select(_flagged_row=_[ROW]).distinct()
    joined = table.left_join(flagged, table[ROW] == flagged["_flagged_row"])
    value = joined["_flagged_row"].notnull().ifelse(effect.value, effect.otherwise)
    return (
        joined.select(*names).mutate()
        if effect.column in names
        else joined.mutate(**{effect.column: value}).select(*names, effect.column)
    )


def _exits(effects: Sequence[Effect]) -> ibis.Table | None:
    """`_row`, `disposition`, `into`, `reason`: once per row; the first effect that takes a row has it."""
    leaving = [
        e.rows.select(
            ROW,
            into=_.into.cast("int64"),
            disposition=ibis.literal(e.disposition.value),
            reason=ibis.literal(e.reason),
            rank=ibis.literal(rank),
        )
        for rank, e in enumerate(effects)
        if isinstance(e, RowExits)
    ]
    if not leaving:
        return None
    together = ibis.union(*leaving) if len(leaving) > 1 else leaving[0]
    first = together.mutate(place=ibis.row_number().over(group_by=ROW, order_by=[_["rank"], _.into]))
    return first.filter(_.place == 0).select(ROW, "disposition", "into", "reason")


def _changed(data: Dataset, effects: Sequence[Effect], table: ibis.Table, dropped: tuple[str, ...]) -> ibis.Table:
    touched = dict.fromkeys(e.column for e in effects if isinstance(e, (ValueMap, CellWrites)))
    parts = [_differing(data.table, table, column) for column in touched if column not in dropped]
    for column in dropped:
        kept = data.table.semi_join(table, ROW).filter(_[column].notnull())
        parts.append(_cells(kept, column, kept[column], ibis.null("string")))
    if not parts:
        return _cells(data.table.limit(0), "", ibis.null("string"), ibis.null("string"))
    cells = ibis.union(*parts) if len(parts) > 1 else parts[0]
    position = ibis.array(list(data.columns)).index(cells.column) if len(parts) > 1 else ibis.literal(0)
    return cells.order_by(ROW, position)


def _differing(before: ibis.Table, after: ibis.Table, column: str) -> ibis.Table:
    old = before.select(ROW, _before=before[column])
    new = after.select(_new_row=after[ROW], _after=after[column])
    both = old.join(new, old[ROW] == new["_new_row"])
    differ = both.filter(~both["_before"].identical_to(both["_after"]))
    return _cells(differ, column, differ["_before"], differ["_after"])


def _cells(table: ibis.Table, column: str, before: ibis.Value, after: ibis.Value) -> ibis.Table:
    return table.select(table[ROW], column=ibis.literal(column), before=before, after=after)


def _left(data: Dataset, exits: ibis.Table | None) -> ibis.Table:
    if exits is None:
        text = ibis.null("string")
        none = data.table.limit(0)
        exits = none.select(ROW, disposition=text, into=ibis.null("int64"), reason=text)
    places = exits.select(_exit_row=_[ROW], _disposition=_.disposition, _into=_.into, _reason=_.reason)
    joined = data.table.join(places, data.table[ROW] == places["_exit_row"]).order_by(ROW)
    former = {f"was:{column}": joined[column] for column in data.columns}
    return joined.select(
        joined[ROW], disposition=joined["_disposition"], into=joined["_into"], reason=joined["_reason"], **former
    )


def _changes(cells: ibis.Table, sample: int) -> tuple[int, int, tuple[Change, ...]]:
    counts = cells.agg(cells=_.count(), rows=_[ROW].nunique()).to_pyarrow().to_pylist()[0]
    alike = cells.group_by("column", "before", "after").agg(n=_.count(), row=_[ROW].min())
    most = alike.order_by(ibis.desc("n"), "row", "column").limit(sample).to_pyarrow().to_pylist()
    changes = tuple(Change(r["row"], r["column"], r["before"], r["after"]) for r in most)
    return int(counts["cells"]), int(counts["rows"]), changes


def _removed(rows: ibis.Table, sample: int) -> tuple[int, tuple[int, ...]]:
    count = int(rows.count().to_pyarrow().as_py())
    first = rows.order_by(ROW).limit(sample).select(ROW).to_pyarrow()[ROW].to_pylist() if count else []
    return count, tuple(first)
