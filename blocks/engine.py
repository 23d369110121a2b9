"""The engine: DuckDB by way of Ibis, which remembers the SQL of what it was asked before."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import ibis.expr.operations as ops
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

_MOST_QUERIES, _LONGEST_QUERY = 2_000, 20_000


class Engine(Backend):  # type: ignore[misc, unused-ignore]
    """A DuckDB backend for Ibis whose connections share the SQL of expressions.

    A table is measured again after each decision, by the same few hundred expressions, and Ibis takes a third of the
    time for writing them as SQL unless the table is large.
    """

    _written: ClassVar[dict[tuple[Any, ...], str]] = {}

    @cached_property
    def db_identity(self) -> str:
        """The same for all: what tables are named and hold is all that the SQL of an expression depends on."""
        return type(self).__qualname__

    def compile(
        self,
        expr: ir.Expr,
        /,
        *,
        limit: int | None = None,
        params: Mapping[ir.Expr, Any] | None = None,
        pretty: bool = False,
    ) -> str:
        """The SQL of an expression, as `ibis.backends.sql.SQLBackend.compile` gives it."""
        asked = expr.op(), limit, pretty
        if not params and asked in self._written:
            return self._written[asked]
        query = str(super().compile(expr, limit=limit, params=params, pretty=pretty))
        if not params and len(query) <= _LONGEST_QUERY and not expr.op().find(ops.InMemoryTable):
            if len(self._written) >= _MOST_QUERIES:
                self._written.clear()
            self._written[asked] = query
        return query
