"""The table as effects would make it, as queries over the table as it is: nothing is written, nothing is copied.

What effects write is applied by `tasks.quality.effects`; the few shapes that nearly all remedies have are spelled out
here as SQL, because hundreds of them are asked about and building each as an expression takes longer than asking it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.compute
from ibis import _

from tasks.quality.codes import Alike, Changed, CodedRows, codes
from tasks.quality.doubts import Ballot, ballot_of, count_suspects
from tasks.quality.effects import apply
from tasks.quality.model import (
    ROW,
    CellWrites,
    ColumnAdd,
    ColumnDrop,
    ColumnRename,
    Dataset,
    Disposition,
    Effect,
    Issue,
    RowExits,
    ValueMap,
)
from tasks.quality.queries import asked, now, only, quoted, ready, text

_BITS = 62
"""Sets of rows in one number."""

_BATCH_ROWS = 1_000_000


@dataclass(frozen=True)
class Plan:
    """One thing that can be done about an issue, under one key or several.

    Attributes:
        rank: what is computed first: 0 recommended, 1 the module's own, 2 what every issue offers.
        suspects: it takes out the issue's suspect rows; it has no other effects.
        previewed: how much it changes is known already.
    """

    issue: Issue
    keys: tuple[str, ...]
    rank: int
    effects: tuple[Effect, ...] = ()
    suspects: bool = False
    previewed: bool = True

    @cached_property
    def dropped(self) -> frozenset[str]:
        """Columns that it takes out."""
        return frozenset(e.column for e in self.effects if isinstance(e, ColumnDrop))

    @cached_property
    def added(self) -> frozenset[str]:
        """Names that the table has afterwards and has not now."""
        names = {e.column for e in self.effects if isinstance(e, ColumnAdd)}
        return frozenset(names | {e.to for e in self.effects if isinstance(e, ColumnRename)})

    @cached_property
    def touched(self) -> frozenset[str]:
        """Columns that it writes to, of those that stay."""
        return frozenset(e.column for e in self.effects if isinstance(e, (ValueMap, CellWrites))) - self.dropped

    @cached_property
    def exits(self) -> tuple[RowExits, ...]:
        """Rows that leave, but for the issue's own suspects."""
        return tuple(e for e in self.effects if isinstance(e, RowExits))

    @property
    def takes_rows(self) -> bool:
        """Whether any row may leave."""
        return self.suspects or bool(self.exits)

    @property
    def merges(self) -> bool:
        """Whether rows may survive others."""
        return any(e.disposition is Disposition.MERGED for e in self.exits)

    @property
    def one_column(self) -> ValueMap | CellWrites | None:
        """What it writes, if that is one column's cells and nothing else."""
        only_one = self.effects[0] if len(self.effects) == 1 else None
        return only_one if isinstance(only_one, (ValueMap, CellWrites)) else None

    @property
    def written(self) -> tuple[CellWrites, ...] | None:
        """What it writes by row, if it writes to no column otherwise or twice."""
        writes = [e for e in self.effects if isinstance(e, (ValueMap, CellWrites)) and e.column not in self.dropped]
        by_row = tuple(e for e in writes if isinstance(e, CellWrites))
        return by_row if len(writes) == len(by_row) == len(self.touched) else None


def writes_only(effects: Sequence[Effect]) -> bool:
    """Whether effects do nothing but write: a value map for one column, or cells of rows, each column once."""
    by_row = len({e.column for e in effects if isinstance(e, CellWrites)}) == len(effects) > 0
    return by_row or (len(effects) == 1 and isinstance(effects[0], ValueMap))


class Engine:
    """Asks queries about a dataset, and about what plans would make of it."""

    def __init__(self, data: Dataset) -> None:
        self.data = data
        self._backend: Any = data.table.get_backend()
        self._known: dict[int, str] = {}
        self._alive: list[ibis.Table] = []

    def rows(self, sql: str, **tables: pa.Table) -> list[tuple[Any, ...]]:
        """The rows of a query that may also read these tables."""
        return asked(self.data, sql, tables)

    def batches(self, sql: str) -> Iterator[list[Any]]:
        """The columns of a query's rows as numbers, batch by batch."""
        for batch in self._backend.con.execute(sql).to_arrow_reader(_BATCH_ROWS):
            yield [column.to_numpy() for column in batch.columns]

    def sql(self, table: ibis.Table) -> str:
        """The query of an expression; what it needs is kept for as long as this engine."""
        if id(table) not in self._known:
            self._known[id(table)] = ready(table)
            self._alive.append(table)
        return self._known[id(table)]

    def votes(self, sql: str) -> bool:
        """Whether a query is about what groups say."""
        return ballot_of(self.data, sql) is not None

    def rows_afterwards(
        self, plan: Plan, columns: Sequence[str], sql: str, *, domains: bool = False
    ) -> list[tuple[Any, ...]]:
        """The rows of a query of the table as a plan would make it; the query reads these columns only."""
        after, tables = self._after(plan, columns)
        more = f", domains AS ({_domains(columns)})" if domains else ""
        return self.rows(
            f"WITH _afterwards AS ({after}), snapshot AS (SELECT * FROM _afterwards){more} {sql}", **tables
        )

    def count_afterwards(
        self, plan: Plan, columns: Sequence[str], queries: Sequence[str], *, domains: bool
    ) -> tuple[int, ...]:
        """How much each query selects from the table as a plan would make it."""
        ballots = [ballot_of(self.data, query) for query in queries]
        if all(ballots) and not any(isinstance(e, (ColumnDrop, ColumnRename)) for e in plan.effects):
            return self._suspects_afterwards(plan, [ballot for ballot in ballots if ballot])
        counts = ", ".join(f"(SELECT count(*) FROM ({query}))" for query in queries)
        return tuple(self.rows_afterwards(plan, columns, f"SELECT {counts}", domains=domains)[0])

    def _suspects_afterwards(self, plan: Plan, ballots: Sequence[Ballot]) -> tuple[int, ...]:
        """The same for votes, which are counted on codes."""
        read = dict.fromkeys(column for ballot in ballots for column in ballot.columns)
        table = self._coded_afterwards(plan, codes(self.data).of(tuple(read)))
        return tuple(count_suspects(self.data, ballot, table) for ballot in ballots)

    def _coded_afterwards(self, plan: Plan, table: CodedRows) -> CodedRows:
        for effect in plan.effects:
            if isinstance(effect, ValueMap) and effect.column in table.columns:
                table = table.mapped(effect.column, dict(reversed(effect.pairs)))
            if isinstance(effect, CellWrites) and effect.column in table.columns:
                written = self._ask(self._written(effect))
                table = table.overwritten(effect.column, written[ROW].to_numpy(), written["after"].combine_chunks())
        for gone in self._leaving(plan):
            table = table.without(gone.to_numpy())
        return table

    def _leaving(self, plan: Plan) -> Iterator[pa.ChunkedArray]:
        """`_row` of the rows that a plan takes out."""
        leaving = [self.sql(e.rows) for e in plan.exits] + ([now(self.data, plan.issue.sql)] if plan.suspects else [])
        for sql in leaving:
            yield self._ask(f"SELECT {quoted(ROW)} FROM ({sql})")[ROW]

    def _written(self, effect: CellWrites) -> str:
        return f"SELECT {quoted(ROW)}, CAST(after AS VARCHAR) AS after FROM ({self.sql(effect.values)})"

    def _ask(self, sql: str) -> pa.Table:
        return self._backend.con.execute(sql).to_arrow_table()

    def count_met(self, plan: Plan, queries: Sequence[str]) -> tuple[int, ...]:
        """How many of the cells or rows that each query selects a plan changes, takes out or lets survive."""
        none = ibis.null("string")
        parts = [e.rows.select(at_row=_[ROW], column=none) for e in plan.exits]
        parts += [e.rows.filter(_.into.notnull()).select(at_row=_.into.cast("int64"), column=none) for e in plan.exits]
        if plan.touched:
            parts.append(self._cells(plan).select(at_row=_[ROW], column=_.column))
        met = self.sql(parts[0] if len(parts) == 1 else ibis.union(*parts))
        same = (
            f'WHERE met.at_row = s.{quoted(ROW)} AND (s."column" IS NULL OR met."column" IS NULL '
            'OR s."column" = met."column")'
        )
        counts = ", ".join(
            f"(SELECT count(*) FROM ({now(self.data, query)}) AS s WHERE EXISTS (SELECT 1 FROM met {same}))"
            for query in queries
        )
        return tuple(self.rows(f"WITH met AS ({met}) SELECT {counts}")[0])

    def changes(self, plan: Plan) -> tuple[list[Alike], int | None]:
        """The cells that a plan changes alike, and in how many rows they are, where that is known."""
        import numpy as np

        if plan.written is not None:
            gone = [rows.combine_chunks() for rows in self._leaving(plan)]
            found = [self._changed(each, gone) for each in plan.written]
            rows = [each.rows for each in found]
            count = rows[0].size if len(rows) == 1 else np.unique(np.concatenate(rows)).size
            return [alike for each in found for alike in each.alike], count
        cells = self._cells(plan)
        kept = cells.filter(cells.column.isin(sorted(plan.touched)))
        alike = kept.group_by("column", "before", "after").agg(n=_.count(), row=_[ROW].min())
        return self.rows(self.sql(alike)), None

    def _changed(self, written: CellWrites, gone: Iterable[pa.Array]) -> Changed:
        made = self._ask(self._written(written))
        for rows in gone:
            made = made.filter(pa.compute.invert(pa.compute.is_in(made[ROW], rows)))
        table = codes(self.data).of([written.column])
        return table.changed(written.column, made[ROW].to_numpy(), made["after"].combine_chunks())

    def first_rows(self, column: str, values: Iterable[str | None]) -> dict[str | None, int]:
        """The first row that holds each value."""
        return codes(self.data).of([column]).first_rows(column, values)

    def _cells(self, plan: Plan) -> ibis.Table:
        return apply(self._narrow(plan, ()), plan.effects).cells

    def _after(self, plan: Plan, columns: Sequence[str]) -> tuple[str, dict[str, pa.Table]]:
        """The query that gives `_row` and these columns as they would be, and the tables that it needs."""
        names, row = [quoted(name) for name in (ROW, *columns)], quoted(ROW)
        if plan.suspects:
            return (
                f"SELECT {', '.join(names)} FROM snapshot ANTI JOIN ({now(self.data, plan.issue.sql)}) USING ({row})",
                {},
            )
        if all(isinstance(e, (RowExits, ColumnAdd)) for e in plan.effects):
            gone = " UNION ALL ".join(f"SELECT {row} FROM ({self.sql(e.rows)})" for e in plan.exits)
            return f"SELECT {', '.join(names)} FROM snapshot ANTI JOIN ({gone}) USING ({row})", {}
        if written := plan.one_column:
            return self._overwritten(written, columns)
        table = apply(self._narrow(plan, columns), plan.effects).table.select(ROW, *columns)
        return self.sql(table), {}

    def _overwritten(self, written: ValueMap | CellWrites, columns: Sequence[str]) -> tuple[str, dict[str, pa.Table]]:
        cell, row = quoted(written.column), quoted(ROW)
        others = ", ".join(f"s.{quoted(name)}" for name in (ROW, *columns) if name != written.column)
        if isinstance(written, CellWrites):
            new, tables = f"SELECT {row} AS old, CAST(after AS VARCHAR) AS new FROM ({self.sql(written.values)})", {}
            on = f"s.{row} = v.old"
        else:
            new, on = "SELECT old, new, TRUE AS there FROM _pairs", f"s.{cell} IS NOT DISTINCT FROM v.old"
            pairs = dict(reversed(written.pairs))
            sides = {"old": pa.array(pairs.keys(), pa.string()), "new": pa.array(pairs.values(), pa.string())}
            tables = {"_pairs": pa.table(sides)}
        there = "v.old IS NOT NULL" if isinstance(written, CellWrites) else "v.there"
        after = f"CASE WHEN {there} THEN v.new ELSE s.{cell} END AS {cell}"
        return f"SELECT {others}, {after} FROM snapshot AS s LEFT JOIN ({new}) AS v ON {on}", tables

    def _narrow(self, plan: Plan, names: Iterable[str]) -> Dataset:
        """The dataset with these columns and those that the plan writes to or drops, alone."""
        return replace(self.data, table=only(self.data.table, {ROW, *names, *plan.touched, *plan.dropped}))


class SharedRows:
    """Sets of rows as bits, so that it is counted for all of them at once which rows they share."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._bits = engine, 0
        self._parts: list[tuple[str, int]] = []

    def add(self, sql: str, columns: Sequence[str] = ()) -> tuple[int, ...]:
        """The bits of what a query selects: one per column of its cells, or one for whole rows."""
        first, width = self._bits, max(len(columns), 1)
        named = ", ".join(text(name) for name in columns)
        bit = f'list_position([{named}], "column") - 1' if width > 1 else "0"
        self._parts.append((f"SELECT {quoted(ROW)}, {bit} FROM ({now(self._engine.data, sql)})", first))
        self._bits += width
        return tuple(range(first, self._bits))

    def counted(self, rows: Sequence[tuple[int, ...]], cells: Sequence[tuple[int, ...]]) -> list[list[int]]:
        """For each set of rows, how many cells of each set of cells are in them."""
        import numpy as np

        marks, times = self._marked()
        bits = [(marks[b // _BITS] >> (b % _BITS)) & 1 for b in range(self._bits)]
        there = np.array([sum(bits[b] for b in each) for each in cells], dtype=np.float64)
        taken = np.array([np.bitwise_or.reduce([bits[b] for b in each]) for each in rows], dtype=np.float64)
        return [[int(n) for n in row] for row in (taken * times) @ there.T]

    def _marked(self) -> tuple[list[Any], Any]:
        """The sets that some row is in, in numbers of `_BITS` sets each, and how many rows are in just these sets."""
        import numpy as np

        table = codes(self._engine.data)
        marks = [np.zeros(table.rows.size, np.int64) for _first in range(0, self._bits, _BITS)]
        for sql, first in self._parts:
            for at, bits in self._engine.batches(sql):
                places = table.places(at)
                for bit in np.unique(bits):
                    chunk, shift = divmod(first + int(bit), _BITS)
                    marks[chunk][places[bits == bit]] |= 1 << shift
        alike = pa.table({f"m{i}": mark for i, mark in enumerate(marks)})
        counted = alike.group_by(alike.column_names).aggregate([([], "count_all")])
        times = counted["count_all"].to_numpy().astype(np.float64)  # exact: no table has 2**53 rows
        return [counted[name].to_numpy() for name in alike.column_names], times


def _domains(columns: Sequence[str]) -> str:
    return " UNION ALL ".join(
        f'SELECT {text(name)} AS "column", {quoted(name)} AS value, count(*) AS n FROM snapshot '
        f"WHERE {quoted(name)} IS NOT NULL GROUP BY 2"
        for name in columns
    )


def by_name(found: Mapping[int, int], names: Sequence[str], sign: int, most: int) -> dict[str, int]:
    """The counts of one sign by name, as positive numbers, the largest first."""
    counts = sorted(((-abs(n), names[place]) for place, n in found.items() if n * sign > 0))
    return {name: -size for size, name in counts[:most]}
