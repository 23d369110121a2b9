"""The user's SQL expressions, read by a SQL parser and limited to what is harmless: columns in, a value out.

What can be written: column names (in double quotes where they are no plain words), numbers, 'texts', dates
(DATE '2026-01-31'), TRUE, FALSE, NULL; + - * / // % ^ and ||; = <> < <= > >= IS [NOT] DISTINCT FROM; AND, OR, NOT;
IN (…), BETWEEN, LIKE, ILIKE, IS [NOT] NULL; CASE, IF, COALESCE; CAST; INTERVAL; and the functions in `SCALARS`. A
metric also takes the functions in `AGGREGATES`, with DISTINCT in COUNT and with FILTER (WHERE …). There is no
subquery, no statement, no table function, no window, no file and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

import ibis
import sqlglot
from sqlglot import exp

from tasks.quality.errors import SpecError
from tasks.quality.model import ROW
from tasks.quality.translate import (
    AGGREGATES,
    BUILDERS,
    SCALARS,
    Scope,
    Value,
    as_boolean,
    as_number,
    build,
    find_column,
    number_of,
    prepared,
    quoted,
    refuse,
    refuse_function,
    truth_of,
)
from tasks.quality.typed import ColumnType
from tasks.quality.wording import plural

LONGEST = 4000
"""Characters of the longest expression that is read."""

AGGREGATE_NODES = (exp.Count, exp.CountIf, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median)


@dataclass(frozen=True)
class Metric:
    """A metric over one table.

    Attributes:
        table: what `value` is an expression over: the table, with more columns.
        value: the figure, float64.
        used: per row, whether the figure could take it in; where not, one of the columns it needs cannot be read.
        columns: the columns that the metric names, as the table spells them, with the type that each is read as.
        sums: whether the metric of the whole is the sum of the metrics of its parts.
        in_part: whether a row that is not used may still be in a part of the figure, as with two sums.
        filters: what each FILTER says, and its truth per row.
    """

    table: ibis.Table
    value: Value
    used: Value
    columns: Mapping[str, ColumnType]
    sums: bool
    in_part: bool = False
    filters: tuple[tuple[str, Value], ...] = ()


def predicate(
    table: ibis.Table, text: str, types: Mapping[str, ColumnType], formats: Mapping[str, str] | None = None
) -> Value:
    """The truth of an expression per row: true, false, or null where it is unknown.

    Args:
        table: `_row` and text columns.
        text: the expression.
        types: column → type; text without one.
        formats: column → how its dates are written.

    Raises:
        SpecError: the expression is not understood, or names a column that is not there.
    """
    tree = check_predicate(text)
    scope = Scope(table, types, text, formats or {})
    return as_boolean(build(tree, scope), tree, scope)


def matching(table: ibis.Table, truth: Value) -> ibis.Table:
    """`_row` of the rows in which a predicate is true."""
    return table.filter(truth).select(ROW)


def metric(
    table: ibis.Table, text: str, types: Mapping[str, ColumnType], formats: Mapping[str, str] | None = None
) -> Metric:
    """A figure over all rows; the same expression can be used per group of `metric.table.group_by(…)`.

    Raises:
        SpecError: the expression is not understood, or names a column that is not there.
    """
    tree = check_metric(text)
    scope = Scope(table, types, text, formats or {})
    over = prepared(tree, scope)
    value = as_number(build(tree, over), tree, over).cast("float64")
    used = _used(tree, scope)
    named = {name: scope.reads.get(name, types.get(name, "text")) for name in columns_of(text, table.columns)}
    return Metric(over.table, value, used, named, _sums(tree), _in_part(tree), tuple(_filters(tree, scope)))


def value_of(
    table: ibis.Table, text: str, types: Mapping[str, ColumnType], formats: Mapping[str, str] | None = None
) -> Value:
    """The value of an expression per row, e.g. to derive a column.

    Raises:
        SpecError: the expression is not understood, or names a column that is not there.
    """
    tree = _parsed(text)
    _refuse_aggregates(tree, text)
    return build(tree, Scope(table, types, text, formats or {}))


def check_predicate(text: str) -> exp.Expr:
    """Read an expression over one row's columns.

    Raises:
        SpecError: it is not understood, or has more in it than is allowed.
    """
    tree = _parsed(text)
    _refuse_aggregates(tree, text)
    return tree


def check_metric(text: str) -> exp.Expr:
    """Read an expression over all rows: at least one aggregate, and no column outside of one.

    Raises:
        SpecError: it is not understood, or has more in it than is allowed.
    """
    tree = _parsed(text)
    if not tree.find(*AGGREGATE_NODES):
        what = f"{quoted(text)} gives one value per row, not one figure"
        raise SpecError(what, available=AGGREGATES, todo="wrap it, e.g. sum(…)")
    for aggregate in tree.find_all(*AGGREGATE_NODES):
        if aggregate.find_ancestor(*AGGREGATE_NODES):
            refuse(aggregate, text, "stands inside another aggregate", "compute it in one step")
        if (outer := aggregate.find_ancestor(exp.Filter)) and outer.this is not aggregate:
            refuse(aggregate, text, "stands inside a FILTER", "filter by one row's columns only")
    for column in tree.find_all(exp.Column):
        if not column.find_ancestor(*AGGREGATE_NODES, exp.Filter):
            refuse(column, text, "stands outside of an aggregate", f"wrap it: {', '.join(AGGREGATES)}")
    return tree


def columns_of(text: str, columns: Iterable[str]) -> tuple[str, ...]:
    """The columns that an expression names, as the table spells them, in the order of appearance.

    Raises:
        SpecError: one of them is not there.
    """
    known = tuple(columns)
    named = [find_column(node.name, known, text) for node in _parsed(text).find_all(exp.Column, bfs=False)]
    return tuple(dict.fromkeys(named))


@lru_cache(maxsize=256)
def _parsed(text: str) -> exp.Expr:
    if not text.strip():
        raise SpecError("an expression is empty", todo="write one over the table's columns, e.g. quantity > 0")
    if len(text) > LONGEST:
        raise SpecError(f"an expression has {plural(len(text), 'character')}", todo=f"shorten it to {LONGEST:,}")
    tree = _parse(text)
    for node in tree.walk():
        _check_node(node, text)
    return tree


def _parse(text: str) -> exp.Expr:
    try:
        trees = sqlglot.parse(text, dialect="duckdb", error_level=sqlglot.ErrorLevel.IMMEDIATE)
    except sqlglot.errors.ParseError as error:
        found = error.errors[0] if error.errors else {}
        at = f" at character {found['col']}, near '{found.get('highlight') or ''}'" if found.get("col") else ""
        raise SpecError(f"{quoted(text)} is not a SQL expression{at}", todo="check brackets and commas") from error
    except sqlglot.errors.SqlglotError as error:
        todo = "check the quotes: 'text', \"column\""
        raise SpecError(f"{quoted(text)} is not a SQL expression", todo=todo) from error
    except RecursionError as error:
        raise SpecError(f"{quoted(text)} is nested too deeply", todo="split it") from error
    if len(trees) != 1 or trees[0] is None:
        raise SpecError(f"{quoted(text)} has more than one part", todo="write one expression, without ';'")
    return trees[0]


def _check_node(node: exp.Expr, text: str) -> None:
    if isinstance(node, exp.Query | exp.Subquery | exp.DDL | exp.DML | exp.Command):
        refuse(node, text, "is a query or a statement", "write an expression over this table's columns")
    if isinstance(node, exp.Anonymous):
        refuse_function(node.name, text)
    if type(node) not in BUILDERS and not isinstance(node, _PARTS):
        _refuse_node(node, text)
    if isinstance(node, exp.Column) and node.table:
        refuse(node, text, "names a table", f"name the column alone: {node.name}")
    if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
        refuse(node, text, "stands for all columns", "name one; only count(*) takes a star")
    if isinstance(node, exp.In) and not node.expressions:
        refuse(node, text, "is no list", "write the values: IN ('a', 'b')")


_PARTS = (exp.Identifier, exp.DataType, exp.Var, exp.Star, exp.Where, exp.Distinct)
"""Nodes that are read together with the one they belong to."""


def _refuse_node(node: exp.Expr, text: str) -> NoReturn:
    if isinstance(node, exp.Alias):
        refuse(node, text, "has a second name or a missing operator", "write one expression")
    if isinstance(node, exp.Window):
        refuse(node, text, "is a window function", "compare or aggregate columns instead")
    if isinstance(node, exp.Func):
        refuse_function(node.sql_name().lower(), text)
    refuse(node, text, "is not part of what can be written here", f"functions: {', '.join(SCALARS)}")


def _refuse_aggregates(tree: exp.Expr, text: str) -> None:
    for node in tree.find_all(*AGGREGATE_NODES):
        refuse(node, text, "is over all rows, but this looks at one row", "use an aggregate in a goal's metric")


def _used(tree: exp.Expr, scope: Scope) -> Value:
    """Per row, whether everything that the aggregates look at is known."""
    used = scope.table[ROW].notnull()
    for aggregate in tree.find_all(*AGGREGATE_NODES):
        used = used & _known(aggregate, scope)
    return used


def _in_part(tree: exp.Expr) -> bool:
    """Whether its aggregates look at different values, so that a row may be in one and not in another."""
    looked_at = {
        (node.this, node.parent.expression if isinstance(node.parent, exp.Filter) else None)
        for node in tree.find_all(*AGGREGATE_NODES)
    }
    return len(looked_at) > 1


def _filters(tree: exp.Expr, scope: Scope) -> Iterator[tuple[str, Value]]:
    for condition in dict.fromkeys(node.expression.this for node in tree.find_all(exp.Filter)):
        yield condition.sql("duckdb"), truth_of(condition, scope)


def _known(aggregate: exp.Expr, scope: Scope) -> Value:
    there = _looked_at(aggregate, scope)
    if not isinstance(aggregate.parent, exp.Filter):
        return there
    condition = truth_of(aggregate.parent.expression.this, scope)
    return condition.notnull() & (~condition | there)


def _looked_at(aggregate: exp.Expr, scope: Scope) -> Value:
    if isinstance(aggregate, exp.Count):  # a count of values is meant to leave gaps out
        return ibis.literal(True)
    built = truth_of if isinstance(aggregate, exp.CountIf) else number_of
    return built(aggregate.this, scope).notnull()


def _sums(tree: exp.Expr) -> bool:
    """Whether the whole is the sum of its parts: a sum or count, times or divided by constants, added up."""
    if isinstance(tree, exp.Paren | exp.Neg | exp.Filter):
        return _sums(tree.this)
    if isinstance(tree, exp.Add | exp.Sub):
        return _sums(tree.left) and _sums(tree.right)
    if isinstance(tree, exp.Mul):
        return (_sums(tree.left) and _constant(tree.right)) or (_constant(tree.left) and _sums(tree.right))
    if isinstance(tree, exp.Div):
        return _sums(tree.left) and _constant(tree.right)
    if isinstance(tree, exp.Count):
        return not isinstance(tree.this, exp.Distinct)
    return isinstance(tree, exp.Sum | exp.CountIf)


def _constant(tree: exp.Expr) -> bool:
    return not tree.find(exp.Column, *AGGREGATE_NODES)
