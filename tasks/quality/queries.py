"""Parts that queries over snapshots are made of."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import pyarrow as pa
from ibis.expr.operations import DatabaseTable

from tasks.quality.model import ROW, Dataset, Issue

_NUMBERS = itertools.count()
_CELL = ibis.schema({ROW: "int64", "column": "string", "value": "string"})


def suspects(data: Dataset, issue: Issue) -> ibis.Table:
    """`_row`, `column`, `value`: what the issue's query selects from the table as it is now."""
    if issue.sql in data.kept:
        return kept(data, issue.sql)
    return data.table.get_backend().sql(issue.sql, schema=_CELL)


def kept(
    data: Dataset, query: ibis.Table | str, cheaper: ibis.Table | str | None = None, *, column: str | None = None
) -> ibis.Table:
    """The result of a query over `snapshot` and `domains`, computed once: Ibis takes longer to plan than to run it.

    Args:
        data: the table.
        query: an expression, or the text of a query for cells.
        cheaper: the same result, made from what is kept already; or a query for it.
        column: the one that all cells are of: its name is not stored beside each, which takes as much as a value.
    """
    sql, schema = (query, _CELL) if isinstance(query, str) else (as_sql(query), query.schema())
    if isinstance(cheaper, ibis.Table) and isinstance(cheaper.op(), DatabaseTable):
        data.kept.setdefault(sql, cheaper)
    if sql not in data.kept:
        backend, name = data.table.get_backend(), f"kept_{next(_NUMBERS)}"
        made_by = cheaper or sql if not isinstance(cheaper, ibis.Table) else as_sql(cheaper)
        if column is None:
            backend.raw_sql(f"CREATE TEMP TABLE {name} AS {made_by}")
        else:
            backend.raw_sql(f'CREATE TEMP TABLE {name}_cells AS SELECT {quoted(ROW)}, "value" FROM ({made_by})')
            named = f'{quoted(ROW)}, {text(column)} AS "column", "value"'
            backend.raw_sql(f"CREATE TEMP VIEW {name} AS SELECT {named} FROM {name}_cells")
        data.kept[sql] = _held(backend, name, schema)
    table: ibis.Table = data.kept[sql]
    return table


def as_sql(table: ibis.Table) -> str:
    """The query of a table over what a connection holds, as `ibis.to_sql` has it, which takes twice as long."""
    return str(table.get_backend().compile(table, pretty=True))


def ready(table: ibis.Table) -> str:
    """The query of an expression, of which all that it needs is there for as long as the expression."""
    backend: Any = table.get_backend()
    backend._run_pre_execute_hooks(table)  # noqa: SLF001  (registers memtables, as every execution does)
    return str(backend.compile(table))


def now(data: Dataset, sql: str) -> str:
    """A query over `snapshot` and `domains`, or one for its result where that is kept."""
    known = data.kept.get(sql)
    return sql if known is None else f"SELECT * FROM {known.get_name()}"


def asked(data: Dataset, sql: str, tables: Mapping[str, pa.Table] | None = None) -> list[tuple[Any, ...]]:
    """The rows of a query, which may also read these tables: without an expression, which takes longer to plan."""
    connection = data.table.get_backend().con
    with lent(connection, tables or {}):
        found: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
    return found


def stored(data: Dataset, table: pa.Table) -> ibis.Table:
    """A table that the engine keeps for as long as the dataset is open."""
    backend, name = data.table.get_backend(), f"kept_{next(_NUMBERS)}"
    with lent(backend.con, {"_stored": table}):
        backend.raw_sql(f"CREATE TEMP TABLE {name} AS SELECT * FROM _stored")
    return _held(backend, name, ibis.Schema.from_pyarrow(table.schema))


def _held(backend: Any, name: str, schema: ibis.Schema) -> ibis.Table:
    """A table that the engine has, without asking it what columns that has."""
    return DatabaseTable(name, schema=schema, source=backend).to_expr()


def looked_up(backend: Any, pairs: Mapping[str | None, str | None]) -> Callable[[ibis.Value], ibis.Value]:
    """A function of texts that the engine keeps: what stands beside a value in these pairs, else the value itself.

    Of the ways to write some thousand pairs it is the only one that neither joins, which mixes up the rows, nor
    compares each value with all: an enumeration finds a value's place by hashing it.
    """
    name = f"looked_up_{next(_NUMBERS)}"
    texts = [old for old in pairs if old is not None]
    places = pa.table({"place": range(len(texts)), "old": pa.array(texts, pa.string())})
    after = [*(pairs[old] for old in texts), pairs.get(None)]
    told = pa.table({"place": range(len(after)), "new": pa.array(after, pa.string())})
    with lent(backend.con, {"_places": places, "_told": told}):
        backend.raw_sql(f"CREATE TEMP TYPE {name} AS ENUM (SELECT old FROM _places ORDER BY place)")
        backend.raw_sql(f"SET VARIABLE {name} = (SELECT list(new ORDER BY place) FROM _told)")
    new, place = f"getvariable('{name}')", f"enum_code(TRY_CAST(v AS {name}))"
    backend.raw_sql(
        f"CREATE TEMP MACRO {name}(v) AS CASE WHEN v IS NULL THEN {new}[{len(after)}] "
        f"WHEN {place} IS NULL THEN v ELSE {new}[{place} + 1] END"
    )
    found: Callable[[ibis.Value], ibis.Value] = ibis.udf.scalar.builtin(
        _after, name=name, signature=((dt.string,), dt.string)
    )
    return found


def _after(before: str) -> str:  # type: ignore[empty-body]
    """What a text becomes."""


@contextmanager
def lent(connection: Any, tables: Mapping[str, pa.Table]) -> Iterator[None]:
    """Tables that a connection can read for as long as this is open."""
    for name, table in tables.items():
        connection.register(name, table)
    try:
        yield
    finally:
        for name in tables:
            connection.unregister(name)


def cells_where(data: Dataset, column: str, suspect: Callable[[Any], Any]) -> str:
    """A query for `_row`, `column`, `value` of the cells whose value is suspect, as `Finding.cells` wants them."""
    rows = only(data.table, (ROW, column))
    return as_sql(rows.filter(suspect(rows[column])).select(ROW, column=ibis.literal(column), value=rows[column]))


def cells_of(rows: ibis.Table, columns: Sequence[str]) -> ibis.Table:
    """`_row`, `column`, `value` of the rows' cells in these columns."""
    cells = [ibis.struct({"column": ibis.literal(name), "value": rows[name]}) for name in columns]
    return rows.select(ROW, cell=ibis.array(cells).unnest()).unpack("cell").select(ROW, "column", "value")


def cells_in(column: str, values: Iterable[str]) -> str:
    """The same query for the cells that hold one of some values: of thousands Ibis would take long to make it."""
    listed = ",\n    ".join(text(value) for value in sorted(values)) or "NULL"
    cell = quoted(column)
    return (
        f'SELECT\n  {quoted(ROW)},\n  {text(column)} AS "column",\n  {cell} AS "value"\nFROM "snapshot"\n'
        f"WHERE\n  {cell} IN (\n    {listed}\n  )"
    )


def rows_where(data: Dataset, column: str, cells: str) -> int:
    """How many cells such a query selects: it is asked of the value domains, each value once; null is none."""
    values = f'SELECT n AS {quoted(ROW)}, value AS {quoted(column)} FROM domains WHERE "column" = {text(column)}'
    ((count,),) = asked(data, f"WITH snapshot AS ({values}) SELECT sum({quoted(ROW)}) FROM ({cells})")
    return int(count or 0)


def quoted(name: str) -> str:
    """A name as SQL has it: in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text as SQL has it: in single quotes."""
    return "'" + value.replace("'", "''") + "'"


def is_in(name: str, names: Iterable[str]) -> bool:
    """Whether the engine would take the name for one of these: it does not tell cases apart."""
    return name.casefold() in {other.casefold() for other in names}


def unused(name: str, names: Sequence[str]) -> str:
    """A name for a helper column beside columns that may have any name."""
    while is_in(name, names):
        name += "_"
    return name


def apart(rows: ibis.Table) -> ibis.Table:
    """The same rows, found before anything is computed of them.

    Otherwise the engine may compute it of the whole table first, or each step again wherever the next uses it. A limit
    that is never reached keeps it from doing so.
    """
    return rows.limit(2**62)


def union(tables: Sequence[ibis.Table]) -> ibis.Table:
    """All tables end to end, nested as shallowly as can be: hundreds of them are no trouble."""
    while len(tables) > 1:
        pairs = [tables[i : i + 2] for i in range(0, len(tables), 2)]
        tables = [ibis.union(*pair) if len(pair) > 1 else pair[0] for pair in pairs]
    return tables[0]


def only(table: ibis.Table, columns: Iterable[str]) -> ibis.Table:
    """The table with these columns alone, in the table's order.

    Of a stored table only these columns are spoken of at all: expressions over a table of hundreds of columns take
    Ibis twenty times as long to compile.
    """
    wanted = set(columns)
    names = [name for name in table.columns if name in wanted]
    stored = table.op()
    if not isinstance(stored, DatabaseTable):
        return table.select(*names)
    schema = ibis.schema({name: stored.schema[name] for name in names})
    return DatabaseTable(stored.name, schema=schema, source=stored.source, namespace=stored.namespace).to_expr()
