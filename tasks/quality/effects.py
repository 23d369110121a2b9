"""Applying effects: what a remedy would write becomes a new table, the cells it changed and the rows it took.

Remedies only say what to write; this is the one place that writes, so that counting, previewing, accounting and
tracing are the same for all of them. Everything is a lazy Ibis expression; nothing is computed before it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import ibis
import pyarrow as pa
from ibis import _

from tasks.quality.errors import ConservationError, PilotMustDecide, did_you_mean
from tasks.quality.model import (
    ROW,
    CellWrites,
    Change,
    ColumnAdd,
    ColumnDrop,
    ColumnRename,
    Dataset,
    Effect,
    Preview,
    RowExits,
    ValueMap,
)
from tasks.quality.queries import asked, is_in, looked_up, only, quoted, ready, unused
from tasks.quality.wording import plural

SAMPLE = 5
"""Changes and rows shown per preview."""

FEW = 5_000
"""Value maps up to this size are looked up, which leaves the rows in their order; larger ones are joined as a table."""


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
    columns_renamed: tuple[tuple[str, str], ...] = ()
    columns_written: tuple[str, ...] = ()
    takes_rows: bool = False


def apply(data: Dataset, effects: Sequence[Effect], decision: int = 0) -> Applied:
    """Apply effects in order; the first effect that takes a row out has it.

    Raises:
        PilotMustDecide: an effect names a column that is not there, or adds one that is.
    """
    check(data, effects)
    exits = _exits(effects)
    table = reduce(_written, effects, data.table)
    if exits is not None:
        table = table.anti_join(exits, ROW)
    dropped, added = _columns(effects, ColumnDrop), _columns(effects, ColumnAdd)
    if dropped:
        table = table.drop(*dropped)
    if renamed := _renames(effects):
        table = table.rename({to: column for column, to in renamed})
    return Applied(
        table,
        _in_order(data, _changed(data, effects, exits), _touched(effects)).mutate(
            decision=ibis.literal(decision, "int64")
        ),
        _left(data, exits).mutate(decision=ibis.literal(decision, "int64")),
        dropped,
        added,
        renamed,
        tuple(column for column in _touched(effects) if column not in dropped),
        exits is not None,
    )


def preview(data: Dataset, effects: Sequence[Effect], sample: int = SAMPLE) -> Preview:
    """What the effects would do: exact counts, the most frequent changes first, each with its first row.

    Raises:
        PilotMustDecide: an effect names a column that is not there, or adds one that is.
    """
    check(data, effects)
    exits = _exits(effects)
    cells, rows, changes = 0, 0, tuple[Change, ...]()
    if _touched(effects):
        cells, rows, changes = _changes(data, _changed(data, effects, exits), sample)
    removed, first = _removed(data, exits, sample) if exits is not None else (0, ())
    dropped, added = _columns(effects, ColumnDrop), _columns(effects, ColumnAdd)
    return Preview(rows, cells, removed, dropped, added, changes, first, columns_renamed=_renames(effects))


def conserve(rows_in: int, rows_out: int, *, dropped: int, quarantined: int, merged: int) -> None:
    """Check that no row was lost and none appeared.

    Raises:
        ConservationError: rows in != rows out + dropped + quarantined + merged.
    """
    if rows_in != rows_out + dropped + quarantined + merged:
        raise ConservationError(
            f"{plural(rows_in, 'row')} in, but {rows_out:,} out + {dropped:,} dropped + {quarantined:,} quarantined + "
            f"{merged:,} merged",
            todo="nothing was changed; please report this",
        )


def check(data: Dataset, effects: Iterable[Effect]) -> None:
    """Raise when effects cannot be applied.

    Raises:
        PilotMustDecide: an effect names a column that is not there, or adds one that is.
    """
    for effect in effects:
        if isinstance(effect, (ValueMap, CellWrites, ColumnDrop, ColumnRename)) and effect.column not in data.columns:
            raise PilotMustDecide(
                f"no column '{effect.column}'",
                where="the table as it is now",
                available=data.columns,
                todo=did_you_mean(effect.column, data.columns) or "an earlier decision may have dropped it",
            )
        new, others = _newly_named(effect, data.table.columns)
        if new and is_in(new, others):
            raise PilotMustDecide(
                f"there is a column '{new}' already",
                where="the table as it is now",
                available=data.columns,
                todo="name the new column otherwise",
            )


def _newly_named(effect: Effect, columns: Iterable[str]) -> tuple[str, list[str]]:
    """The name that an effect gives to a column, if any, and the names that it may not be."""
    if isinstance(effect, ColumnAdd):
        return effect.column, list(columns)
    if isinstance(effect, ColumnRename):
        return effect.to, [name for name in columns if name != effect.column]
    return "", []


def _columns(effects: Iterable[Effect], of: type[ColumnDrop | ColumnAdd]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(e.column for e in effects if isinstance(e, of)))


def _renames(effects: Iterable[Effect]) -> tuple[tuple[str, str], ...]:
    return tuple({e.column: e.to for e in effects if isinstance(e, ColumnRename)}.items())


def _touched(effects: Iterable[Effect]) -> tuple[str, ...]:
    """The columns whose cells the effects may change."""
    return tuple(dict.fromkeys(e.column for e in effects if isinstance(e, (ValueMap, CellWrites, ColumnDrop))))


def _written(table: ibis.Table, effect: Effect) -> ibis.Table:
    if isinstance(effect, ValueMap):
        return _mapped(table, effect)
    if isinstance(effect, CellWrites):
        return _overwritten(table, effect)
    return _added(table, effect) if isinstance(effect, ColumnAdd) else table


def _mapped(table: ibis.Table, effect: ValueMap) -> ibis.Table:
    """The table with all pairs of a value map written at once; of pairs with the same old value the first holds."""
    pairs = dict(reversed(effect.pairs))
    if not pairs:
        return table
    if len(pairs) <= FEW:
        return table.mutate(looked_up(table.get_backend(), pairs)(table[effect.column]).name(effect.column))
    return _by_join(table, effect.column, pairs)


def _by_join(table: ibis.Table, column: str, pairs: Mapping[str | None, str | None]) -> ibis.Table:
    names = table.columns
    old, new = unused("_old", names), unused("_new", names)
    texts = [before for before in pairs if before is not None]
    known = ibis.memtable(
        pa.table({old: pa.array(texts, pa.string()), new: pa.array([pairs[t] for t in texts], pa.string())})
    )
    joined = table.left_join(known, table[column] == known[old])
    after = joined[old].notnull().ifelse(joined[new], joined[column])
    if None in pairs:
        after = joined[column].isnull().ifelse(ibis.literal(pairs[None], "string"), after)
    return joined.mutate(after.name(column)).select(*names)


def _overwritten(table: ibis.Table, effect: CellWrites) -> ibis.Table:
    names = table.columns
    row, value = unused("_written_row", names), unused("_after", names)
    values = effect.values.select(**{row: _[ROW], value: _.after.cast("string")})
    joined = table.left_join(values, table[ROW] == values[row])
    after = joined[row].notnull().ifelse(joined[value], joined[effect.column])
    return joined.mutate(after.name(effect.column)).select(*names)


def _added(table: ibis.Table, effect: ColumnAdd) -> ibis.Table:
    names = table.columns
    row = unused("_flagged_row", names)
    flagged = effect.rows.select(**{row: _[ROW]}).distinct()
    joined = table.left_join(flagged, table[ROW] == flagged[row])
    there, elsewhere = ibis.literal(effect.value, "string"), ibis.literal(effect.otherwise, "string")
    value = joined[row].notnull().ifelse(there, elsewhere)
    return joined.mutate(value.name(effect.column)).select(*names, effect.column)


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


def _changed(data: Dataset, effects: Sequence[Effect], exits: ibis.Table | None) -> ibis.Table:
    """Every cell that is another one afterwards, in rows that stay; each column apart, without the others' weight."""
    parts = [_differing(data, effects, exits, column) for column in _touched(effects)]
    if not parts:
        return _cells(data.table.limit(0), "", ibis.null("string"), ibis.null("string"))
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def _in_order(data: Dataset, cells: ibis.Table, columns: Sequence[str]) -> ibis.Table:
    place = [ibis.array(list(data.columns)).index(cells.column)] if len(columns) > 1 else []
    return cells.order_by(ROW, *place)


def _differing(data: Dataset, effects: Sequence[Effect], exits: ibis.Table | None, column: str) -> ibis.Table:
    before = unused("_before", (ROW, column))
    cells = only(data.table, (ROW, column)).mutate(**{before: _[column]})
    if column in _columns(effects, ColumnDrop):
        after = cells.mutate(ibis.null("string").name(column))
    else:
        own = [e for e in effects if isinstance(e, (ValueMap, CellWrites)) and e.column == column]
        after = reduce(_written, own, cells)
    if exits is not None:
        after = after.anti_join(exits, ROW)
    differ = after.filter(~after[before].identical_to(after[column]))
    return _cells(differ, column, differ[before], differ[column])


def _cells(table: ibis.Table, column: str, before: ibis.Value, after: ibis.Value) -> ibis.Table:
    return table.select(table[ROW], column=ibis.literal(column), before=before, after=after)


def _left(data: Dataset, exits: ibis.Table | None) -> ibis.Table:
    if exits is None:
        text = ibis.null("string")
        none = data.table.limit(0)
        exits = none.select(ROW, disposition=text, into=ibis.null("int64"), reason=text)
    told = ("disposition", "into", "reason")
    names = {name: unused(f"_exit_{name}", data.table.columns) for name in (ROW, *told)}
    leaving = exits.select(**{new: _[old] for old, new in names.items()})
    joined = data.table.join(leaving, data.table[ROW] == leaving[names[ROW]])
    former = {f"was:{column}": joined[column] for column in data.columns}
    return joined.order_by(ROW).select(ROW, **{name: joined[names[name]] for name in told}, **former)


def _changes(data: Dataset, cells: ibis.Table, sample: int) -> tuple[int, int, tuple[Change, ...]]:
    sql, row = ready(cells), quoted(ROW)
    most = asked(
        data,
        f'WITH alike AS (SELECT min({row}) AS first, "column", before, after, count(*) AS n FROM ({sql}) GROUP BY ALL) '
        'SELECT *, sum(n) OVER (), min("column") OVER () = max("column") OVER () FROM alike '
        f'ORDER BY n DESC, first, "column" LIMIT {sample}',
    )
    if not most:
        return 0, 0, ()
    *_first, total, of_one_column = most[0]
    rows = total if of_one_column else asked(data, f"SELECT count(DISTINCT {row}) FROM ({sql})")[0][0]
    return int(total), int(rows), tuple(Change(*told[:4]) for told in most)


def _removed(data: Dataset, exits: ibis.Table, sample: int) -> tuple[int, tuple[int, ...]]:
    row, there, gone = quoted(ROW), ready(only(data.table, (ROW,))), ready(exits)
    found = asked(
        data,
        f"SELECT {row}, count(*) OVER () FROM ({there}) SEMI JOIN ({gone}) USING ({row}) ORDER BY 1 LIMIT {sample}",
    )
    return (found[0][1] if found else 0), tuple(place for place, _rows in found)
