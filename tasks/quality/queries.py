"""Parts that queries over snapshots are made of."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ibis
from ibis.expr.operations import DatabaseTable

from tasks.quality.model import ROW, Dataset, Issue

_NUMBERS = itertools.count()
_CELL = {ROW: "int64", "column": "string", "value": "string"}


def suspects(data: Dataset, issue: Issue) -> ibis.Table:
    """`_row`, `column`, `value`: what the issue's query selects from the table as it is now."""
    if issue.sql in data.kept:
        return kept(data, issue.sql)
    return data.table.get_backend().sql(issue.sql, schema=_CELL)


def kept(data: Dataset, sql: str) -> ibis.Table:
    """The result of a query over `snapshot` and `domains`, computed once: Ibis takes longer to plan than to run it."""
    if sql not in data.kept:
        backend, name = data.table.get_backend(), f"kept_{next(_NUMBERS)}"
        backend.raw_sql(f"CREATE TEMP TABLE {name} AS {sql}")
        data.kept[sql] = backend.table(name)
    table: ibis.Table = data.kept[sql]
    return table


def cells_where(data: Dataset, column: str, suspect: Callable[[Any], Any]) -> ibis.Table:
    """`_row`, `column`, `value` of the cells whose value is suspect, as `Finding.cells` wants them."""
    table = only(data.table, (ROW, column))
    return table.filter(suspect(table[column])).select(ROW, column=ibis.literal(column), value=table[column])


def rows_where(data: Dataset, column: str, suspect: Callable[[Any], Any]) -> int:
    """How many rows hold a suspect value, from the value domains; null is never one."""
    own = data.domains.filter(data.domains.column == column)
    return int(own.filter(suspect(own.value)).n.sum().to_pyarrow().as_py() or 0)


def quoted(name: str) -> str:
    """A name as SQL has it: in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text as SQL has it: in single quotes."""
    return "'" + value.replace("'", "''") + "'"


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
