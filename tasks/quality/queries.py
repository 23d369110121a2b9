"""Parts that queries over snapshots are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import ibis
from ibis.expr.operations import DatabaseTable

from tasks.quality.model import ROW, Dataset, Issue

_CELL = {ROW: "int64", "column": "string", "value": "string"}


def suspects(data: Dataset, issue: Issue) -> ibis.Table:
    """`_row`, `column`, `value`: what the issue's query selects from the table as it is now."""
    return data.table.get_backend().sql(issue.sql, schema=_CELL)


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
