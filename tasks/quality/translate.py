"""SQL expressions as Ibis expressions, node by node: what has no builder here cannot be written.

Text gives way to what it is used as: where a number, a date or a truth value is needed a text column is read as
one, and is null where it cannot be. A division by zero is null. Sums do not depend on the order of the rows. What is
left between numbers only because a float64 rounds them is no difference.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, TypeAlias

import ibis
from ibis.common.annotations import ValidationError
from ibis.common.exceptions import IbisError
from sqlglot import exp

from tasks.quality.errors import SpecError, did_you_mean
from tasks.quality.model import ROW
from tasks.quality.typed import DTYPES, ColumnType, read

SCALARS = (
    "abs", "ceil", "coalesce", "concat", "contains", "date_diff", "date_trunc", "day", "ends_with", "floor",
    "greatest", "hour", "if", "least", "left", "length", "ln", "lower", "mod", "month", "nullif", "power",
    "quarter", "regexp_matches", "replace", "right", "round", "sqrt", "starts_with", "substring", "trim",
    "upper", "week", "year",
)  # fmt: skip
"""Functions of one row's values."""

AGGREGATES = ("avg", "count", "count_if", "max", "median", "min", "sum")
"""Functions of all rows' values; only a metric may use them."""

_EXACT_FROM, _EXACT_BELOW = 1e-24, 1e15
"""Between which the largest of the values lies that are summed as decimals; others are summed as they are."""

_DIGITS = 15
"""Decimal digits that every float64 keeps."""

_UP = 0.5 - 1e-9
"""Makes of rounding a rounding up, but for what is a power of ten up to the order in which it was added up."""

_TINIEST = 1e-300
"""Added where a logarithm follows: zero has none."""

_PLACES = 12
"""Places of the decimals that are summed."""

_ALL_DIGITS_BELOW = 1000
"""From which on these places are all that a float64 keeps."""

_REST_SCALE = 1e24
"""What these places leave of a value is below 10^-12; times this it is a decimal again, of 36 places."""

Value: TypeAlias = Any
"""An Ibis value; the library is untyped."""


@dataclass(frozen=True)
class Scope:
    """What an expression is built over: a table of text (or typed already), its types, and the expression itself."""

    table: ibis.Table
    types: Mapping[str, ColumnType]
    text: str
    formats: Mapping[str, str] = field(default_factory=dict)
    where: Value = None
    reads: dict[str, ColumnType] = field(default_factory=dict)
    """Text columns that the expression turned out to read as something else; filled while it is built."""
    computed: dict[Any, tuple[Value, Value]] = field(default_factory=dict)
    """What is computed already → with all its digits, and how large it would be if nothing cancelled out."""
    named: Mapping[exp.Expr, str] = field(default_factory=dict)
    """Parts of the expression that the table has as columns already."""

    def column(self, name: str) -> Value:
        """A column by name, read as its type.

        Raises:
            SpecError: no such column.
        """
        found = find_column(name, self.table.columns, self.text)
        column = self.table[found]
        if not column.type().is_string():
            return column
        return read(column, self.types.get(found, "text"), self.formats.get(found))


def find_column(name: str, columns: Iterable[str], where: str = "") -> str:
    """A column by its name, or by its name in another case when only one column is called so.

    Raises:
        SpecError: no such column.
    """
    known = [column for column in columns if column != ROW]
    if name in known:
        return name
    same = [column for column in known if column.casefold() == name.casefold()]
    if len(same) == 1:
        return same[0]
    raise SpecError(f"no column '{name}'", where=quoted(where), available=known, todo=did_you_mean(name, known))


def refuse_function(name: str, text: str) -> NoReturn:
    """Raise for a function that is not known here."""
    known = (*SCALARS, *AGGREGATES)
    todo = did_you_mean(name.lower(), known)
    raise SpecError(f"unknown function '{name}'", where=quoted(text), available=known, todo=todo)


def refuse(node: exp.Expr, text: str, why: str, todo: str) -> NoReturn:
    """Raise for a part of an expression, which the message shows."""
    raise SpecError(f"'{node.sql('duckdb')[:80]}' {why}", where=quoted(text), todo=todo)


def quoted(text: str) -> str:
    """An expression as a message shows it."""
    return f"expression '{text if len(text) <= 120 else text[:119] + '…'}'" if text else ""  # noqa: PLR2004


Builder: TypeAlias = Callable[[Any, Scope], Value]
BUILDERS: dict[type[exp.Expr], Builder] = {}


def _builds(*nodes: type[exp.Expr]) -> Callable[[Builder], Builder]:
    def register(builder: Builder) -> Builder:
        BUILDERS.update(dict.fromkeys(nodes, builder))
        return builder

    return register


def build(node: exp.Expr | None, scope: Scope) -> Value:
    """The value of a part of an expression."""
    if node is None:
        raise SpecError("a function lacks a value", where=quoted(scope.text), todo="name what it works on")
    try:
        built = BUILDERS[type(node)](node, scope)
    except (IbisError, ValidationError) as error:
        refuse(node, scope.text, "cannot be computed", f"check the types: {error}".partition("\n")[0])
    return ~built if node.args.get("negate") else built


@_builds(exp.Column)
def _column(node: exp.Column, scope: Scope) -> Value:
    return scope.column(node.name)


@_builds(exp.Paren)
def _paren(node: exp.Paren, scope: Scope) -> Value:
    return build(node.this, scope)


@_builds(exp.Literal)
def _literal(node: exp.Literal, scope: Scope) -> Value:
    if node.is_string:
        return ibis.literal(node.this)
    if node.is_int:
        return ibis.literal(int(node.this)) if abs(int(node.this)) < 2**63 else ibis.literal(float(node.this))
    try:
        return ibis.literal(float(node.this))
    except ValueError:
        refuse(node, scope.text, "is not a number", "write it like 1234.5")


@_builds(exp.Boolean)
def _boolean(node: exp.Boolean, scope: Scope) -> Value:  # noqa: ARG001
    return ibis.literal(bool(node.this))


@_builds(exp.Null)
def _null(node: exp.Null, scope: Scope) -> Value:  # noqa: ARG001
    return ibis.null()


@_builds(exp.Interval)
def _interval(node: exp.Interval, scope: Scope) -> Value:
    unit = _unit(node, scope, ("second", "minute", "hour", "day", "week", "month", "quarter", "year"))
    try:
        amount = int(node.this.name)
    except (AttributeError, ValueError):
        refuse(node, scope.text, "is not a whole number of units", "write INTERVAL 3 DAY")
    return ibis.interval(3 * amount, unit="month") if unit == "quarter" else ibis.interval(amount, unit=unit)


@_builds(exp.Neg)
def _negative(node: exp.Neg, scope: Scope) -> Value:
    return -_float(node.this, scope)


@_builds(exp.Add, exp.Sub)
def _plus_minus(node: exp.Add | exp.Sub, scope: Scope) -> Value:
    left, right = (build(side, scope) for side in (node.left, node.right))
    if right.type().is_interval():
        moment = _as_temporal(left, node.left, scope)
        return moment + right if isinstance(node, exp.Add) else moment - right
    if isinstance(node, exp.Sub) and (_is_temporal(left) or _is_temporal(right)):
        return _days_between(_as_temporal(right, node.right, scope), _as_temporal(left, node.left, scope))
    left, right = (_as_float(*side, scope) for side in ((left, node.left), (right, node.right)))
    return _added(left, right, scope, subtract=isinstance(node, exp.Sub))


def _added(left: Value, right: Value, scope: Scope, *, subtract: bool) -> Value:
    (total, size), (more, its_size) = _in_full(left, scope), _in_full(right, scope)
    return _computed(total - more if subtract else total + more, size + its_size, scope)


def _in_full(value: Value, scope: Scope) -> tuple[Value, Value]:
    """A value with all digits that were computed, and how large it would be if nothing cancelled out."""
    return scope.computed.get(value.op(), (value, value.abs()))


def _computed(total: Value, size: Value, scope: Scope) -> Value:
    """What arithmetic comes to, as far as the largest of all that goes into it can tell."""
    told = _told(total, size)
    scope.computed[told.op()] = total, size
    return told


def _told(total: Value, size: Value) -> Value:
    """A total without the digits that are no data, but how the float64s are rounded whose sizes add up to `size`."""
    digits = ((size + _TINIEST).log10() + _UP).try_cast("int32")  # null for infinity, which stays what it is
    return total.round(ibis.greatest(_DIGITS - digits, 0).cast("int32"))


@_builds(exp.Mul)
def _times(node: exp.Mul, scope: Scope) -> Value:
    (left, size), (right, its_size) = (_in_full(_float(side, scope), scope) for side in (node.left, node.right))
    return _computed(left * right, size * its_size, scope)


@_builds(exp.Div)
def _divided(node: exp.Div, scope: Scope) -> Value:
    return _float(node.left, scope) / _float(node.right, scope).nullif(0)


@_builds(exp.IntDiv)
def _whole_divided(node: exp.IntDiv, scope: Scope) -> Value:
    return number_of(node.left, scope) // number_of(node.right, scope).nullif(0)


@_builds(exp.Mod)
def _remainder(node: exp.Mod, scope: Scope) -> Value:
    return number_of(node.this, scope) % number_of(node.expression, scope).nullif(0)


@_builds(exp.Pow)
def _power(node: exp.Pow, scope: Scope) -> Value:
    return _finite(_float(node.this, scope) ** _float(node.expression, scope))


@_builds(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)
def _compared(node: exp.Binary, scope: Scope) -> Value:
    left, right = _alike([node.left, node.right], scope)
    return _COMPARE[type(node)](left, right)


_COMPARE: dict[type[exp.Expr], Callable[[Value, Value], Value]] = {
    exp.EQ: lambda a, b: a == b,
    exp.NEQ: lambda a, b: a != b,
    exp.LT: lambda a, b: a < b,
    exp.LTE: lambda a, b: a <= b,
    exp.GT: lambda a, b: a > b,
    exp.GTE: lambda a, b: a >= b,
    exp.NullSafeEQ: lambda a, b: a.identical_to(b),
    exp.NullSafeNEQ: lambda a, b: ~a.identical_to(b),
}


@_builds(exp.And)
def _and(node: exp.And, scope: Scope) -> Value:
    return truth_of(node.left, scope) & truth_of(node.right, scope)


@_builds(exp.Or)
def _or(node: exp.Or, scope: Scope) -> Value:
    return truth_of(node.left, scope) | truth_of(node.right, scope)


@_builds(exp.Not)
def _not(node: exp.Not, scope: Scope) -> Value:
    return ~truth_of(node.this, scope)


@_builds(exp.Is)
def _is(node: exp.Is, scope: Scope) -> Value:
    if isinstance(node.expression, exp.Null):
        return build(node.this, scope).isnull()
    if isinstance(node.expression, exp.Boolean):
        return truth_of(node.this, scope).identical_to(ibis.literal(bool(node.expression.this)))
    refuse(node, scope.text, "is not understood", "write IS NULL, IS TRUE or IS FALSE")


@_builds(exp.In)
def _in(node: exp.In, scope: Scope) -> Value:
    value, *members = _alike([node.this, *node.expressions], scope)
    return value.isin(members)


@_builds(exp.Between)
def _between(node: exp.Between, scope: Scope) -> Value:
    value, low, high = _alike([node.this, node.args["low"], node.args["high"]], scope)
    return (value >= low) & (value <= high)


@_builds(exp.Like, exp.ILike)
def _like(node: exp.Like | exp.ILike, scope: Scope) -> Value:
    value, pattern = _string(node.this, scope), _text_literal(node.expression, scope)
    return value.like(pattern) if isinstance(node, exp.Like) else value.ilike(pattern)


@_builds(exp.Case)
def _case(node: exp.Case, scope: Scope) -> Value:
    branches = node.args["ifs"]
    given = [_alike([node.this, branch.this], scope) for branch in branches] if node.this else []
    tests = [a == b for a, b in given] or [truth_of(branch.this, scope) for branch in branches]
    default = node.args.get("default")
    results = _alike([*(branch.args["true"] for branch in branches), *([default] if default else [])], scope)
    return ibis.cases(*zip(tests, results, strict=False), else_=results[-1] if default else ibis.null())


@_builds(exp.If)
def _if(node: exp.If, scope: Scope) -> Value:
    otherwise = node.args.get("false") or exp.Null()
    yes, no = _alike([node.args["true"], otherwise], scope)
    return truth_of(node.this, scope).ifelse(yes, no)


@_builds(exp.Coalesce)
def _coalesce(node: exp.Coalesce, scope: Scope) -> Value:
    return ibis.coalesce(*_alike([node.this, *node.expressions], scope))


@_builds(exp.Nullif)
def _nullif(node: exp.Nullif, scope: Scope) -> Value:
    return ibis.ifelse(*_nullif_parts(*_alike([node.this, node.expression], scope)))


def _nullif_parts(value: Value, other: Value) -> tuple[Value, Value, Value]:
    return (value == other).fill_null(False), ibis.null(value.type()), value


@_builds(exp.Greatest, exp.Least)
def _extreme(node: exp.Greatest | exp.Least, scope: Scope) -> Value:
    values = _alike([node.this, *node.expressions], scope)
    return ibis.greatest(*values) if isinstance(node, exp.Greatest) else ibis.least(*values)


@_builds(exp.Cast, exp.TryCast)
def _cast(node: exp.Cast, scope: Scope) -> Value:
    target = _CASTS.get(node.to.this.name)
    if target is None:
        refuse(node, scope.text, "casts to an unknown type", "types: TEXT, INTEGER, DOUBLE, DATE, TIMESTAMP, BOOLEAN")
    value = build(node.this, scope)
    if value.type().is_null():
        return ibis.null(DTYPES[target])
    if value.type().is_string():
        return read(value, target)
    if target == "integer" and value.type().is_floating():
        return value.round().try_cast("int64")
    return value.try_cast(DTYPES[target])


_CASTS: dict[str, ColumnType] = {
    **dict.fromkeys(("TEXT", "VARCHAR"), "text"),
    **dict.fromkeys(("TINYINT", "SMALLINT", "INT", "BIGINT"), "integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE", "DECIMAL"), "number"),
    **dict.fromkeys(("TIMESTAMP", "DATETIME"), "timestamp"),
    "DATE": "date",
    "BOOLEAN": "boolean",
}


@_builds(exp.Abs, exp.Ceil, exp.Floor, exp.Sqrt, exp.Ln)
def _of_number(node: exp.Func, scope: Scope) -> Value:
    return _OF_NUMBER[type(node)](number_of(node.this, scope))


_OF_NUMBER: dict[type[exp.Expr], Callable[[Value], Value]] = {
    exp.Abs: lambda x: x.abs(),
    exp.Ceil: lambda x: x.ceil(),
    exp.Floor: lambda x: x.floor(),
    exp.Sqrt: lambda x: (x >= 0).ifelse(x, ibis.null(x.type())).sqrt(),
    exp.Ln: lambda x: (x > 0).ifelse(x, ibis.null(x.type())).ln(),
}


@_builds(exp.Round)
def _round(node: exp.Round, scope: Scope) -> Value:
    decimals = node.args.get("decimals")
    return number_of(node.this, scope).round(_whole_literal(decimals, scope) if decimals else 0)


@_builds(exp.Lower, exp.Upper, exp.Trim, exp.Length)
def _of_text(node: exp.Func, scope: Scope) -> Value:
    if node.args.get("expression") or node.args.get("position"):
        refuse(node, scope.text, "takes one value here", "write trim(column)")
    return _OF_TEXT[type(node)](_string(node.this, scope))


_OF_TEXT: dict[type[exp.Expr], Callable[[Value], Value]] = {
    exp.Lower: lambda x: x.lower(),
    exp.Upper: lambda x: x.upper(),
    exp.Trim: lambda x: x.strip(),
    exp.Length: lambda x: x.length(),
}


@_builds(exp.Substring)
def _substring(node: exp.Substring, scope: Scope) -> Value:
    length = node.args.get("length")
    start = _whole_literal(node.args["start"], scope)
    if start < 1:
        refuse(node, scope.text, "starts before the first character", "count from 1")
    return _string(node.this, scope).substr(start - 1, _whole_literal(length, scope) if length else None)


@_builds(exp.Left, exp.Right)
def _side(node: exp.Left | exp.Right, scope: Scope) -> Value:
    text, length = _string(node.this, scope), _whole_literal(node.expression, scope)
    return text.left(length) if isinstance(node, exp.Left) else text.right(length)


@_builds(exp.Replace)
def _replace(node: exp.Replace, scope: Scope) -> Value:
    return _string(node.this, scope).replace(_string(node.expression, scope), _string(node.args["replacement"], scope))


@_builds(exp.Concat, exp.DPipe)
def _concat(node: exp.Concat | exp.DPipe, scope: Scope) -> Value:
    parts = node.expressions if isinstance(node, exp.Concat) else [node.left, node.right]
    first, *rest = (_string(part, scope) for part in parts)
    for part in rest:
        first = first.concat(part)
    return first


@_builds(exp.StartsWith, exp.EndsWith, exp.Contains)
def _text_test(node: exp.Func, scope: Scope) -> Value:
    text, part = _string(node.this, scope), _string(node.expression, scope)
    return {exp.StartsWith: text.startswith, exp.EndsWith: text.endswith, exp.Contains: text.contains}[type(node)](part)


@_builds(exp.RegexpLike)
def _regex(node: exp.RegexpLike, scope: Scope) -> Value:
    pattern = _text_literal(node.expression, scope)
    try:
        check_pattern(pattern)
    except ValueError as error:
        refuse(node, scope.text, f"does not work: {error}", "see RE2's syntax")
    return _string(node.this, scope).re_search(pattern)


@_builds(exp.Year, exp.Quarter, exp.Month, exp.Week, exp.Day)
def _date_part(node: exp.Func, scope: Scope) -> Value:
    moment = _temporal(node.this, scope)
    name = "week_of_year" if isinstance(node, exp.Week) else node.key
    return getattr(moment, name)()


@_builds(exp.Hour)
def _hour(node: exp.Hour, scope: Scope) -> Value:
    return _temporal(node.this, scope).cast("timestamp").hour()


@_builds(exp.TimestampTrunc, exp.DateTrunc)
def _truncated(node: exp.Func, scope: Scope) -> Value:
    return _temporal(node.this, scope).truncate(_unit(node, scope, ("day", "week", "month", "quarter", "year")))


@_builds(exp.DateDiff)
def _date_difference(node: exp.DateDiff, scope: Scope) -> Value:
    unit = _unit(node, scope, ("hour", "day", "week", "month", "quarter", "year"))
    later, earlier = _temporal(node.this, scope), _temporal(node.expression, scope)
    return later.cast("timestamp").delta(earlier.cast("timestamp"), unit=unit)


@_builds(exp.Filter)
def _filtered(node: exp.Filter, scope: Scope) -> Value:
    condition = truth_of(node.expression.this, scope)
    return build(node.this, replace(scope, where=condition))


@_builds(exp.Count)
def _count(node: exp.Count, scope: Scope) -> Value:
    if isinstance(node.this, exp.Star):
        return scope.table.count(where=scope.where)
    if isinstance(node.this, exp.Distinct):
        if len(node.this.expressions) != 1:
            refuse(node, scope.text, "counts several columns", "count one, or join them with ||")
        return build(node.this.expressions[0], scope).nunique(where=scope.where)
    return build(node.this, scope).count(where=scope.where)


@_builds(exp.CountIf)
def _count_if(node: exp.CountIf, scope: Scope) -> Value:
    truth = truth_of(node.this, scope)
    return scope.table.count(where=truth if scope.where is None else truth & scope.where)


@_builds(exp.Sum)
def _sum(node: exp.Sum, scope: Scope) -> Value:
    return _exact_sum(_argument(node, scope), scope.where)


@_builds(exp.Avg)
def _average(node: exp.Avg, scope: Scope) -> Value:
    value = _argument(node, scope)
    return _exact_sum(value, scope.where).cast("float64") / value.count(where=scope.where).nullif(0)


@_builds(exp.Median)
def _median(node: exp.Median, scope: Scope) -> Value:
    return number_of(_one(node, scope), scope).median(where=scope.where)


@_builds(exp.Min, exp.Max)
def _least_most(node: exp.Min | exp.Max, scope: Scope) -> Value:
    value = number_of(_one(node, scope), scope)
    return value.min(where=scope.where) if isinstance(node, exp.Min) else value.max(where=scope.where)


def prepared(tree: exp.Expr, scope: Scope) -> Scope:
    """The scope over a table that has what is summed as columns: a sum names its values often."""
    nodes = dict.fromkeys(_one(node, scope) for node in tree.find_all(exp.Sum, exp.Avg))
    names = {node: f"_value_{n}" for n, node in enumerate(nodes, start=1)}
    values = {name: number_of(node, scope) for node, name in names.items()}
    return replace(scope, table=scope.table.mutate(**values), named=names) if values else scope


def _argument(node: exp.Sum | exp.Avg, scope: Scope) -> Value:
    what = _one(node, scope)
    return scope.table[scope.named[what]] if what in scope.named else number_of(what, scope)


def _one(node: exp.Expr, scope: Scope) -> exp.Expr:
    if not node.this or isinstance(node.this, exp.Distinct) or node.expressions:
        refuse(node, scope.text, "takes one value per row", "DISTINCT works in count(DISTINCT …) only")
    return node.this  # type: ignore[no-any-return]


def _exact_sum(value: Value, where: Value) -> Value:
    """The sum, the same whatever the order of the rows: of decimals, and of what is left of the values beside them."""
    if not value.type().is_floating():
        return value.sum(where=where)
    size, decimal = value.abs(), f"decimal(38, {_PLACES})"
    left = (size < _ALL_DIGITS_BELOW).ifelse((value - value.round(_PLACES)) * _REST_SCALE, 0.0)
    kept, rest = (part.try_cast(decimal).sum(where=where).cast("float64") for part in (value, left))
    exact = kept + rest / _REST_SCALE
    found = size.max(where=where).between(_EXACT_FROM, _EXACT_BELOW).ifelse(exact, value.sum(where=where))
    return _told(found, size.sum(where=where))


# --- types ---------------------------------------------------------------------------------------------------


def number_of(node: exp.Expr, scope: Scope) -> Value:
    """The value of a part of an expression that must be a number."""
    return as_number(build(node, scope), node, scope)


def _float(node: exp.Expr, scope: Scope) -> Value:
    return _as_float(build(node, scope), node, scope)


def _as_float(value: Value, node: exp.Expr, scope: Scope) -> Value:
    """A number that arithmetic can't make overflow, as it would a 64-bit integer: one bad row must not stop a run."""
    return as_number(value, node, scope).cast("float64")


def truth_of(node: exp.Expr, scope: Scope) -> Value:
    """The value of a part of an expression that must be true or false."""
    return as_boolean(build(node, scope), node, scope)


def _temporal(node: exp.Expr, scope: Scope) -> Value:
    return _as_temporal(build(node, scope), node, scope)


def _string(node: exp.Expr, scope: Scope) -> Value:
    value = build(node, scope)
    return value if value.type().is_string() else value.cast("string")


def as_number(value: Value, node: exp.Expr, scope: Scope) -> Value:
    """A value read as a number; yes and no count as 1 and 0."""
    if value.type().is_numeric() and not value.type().is_boolean():
        return value
    if value.type().is_null():
        return ibis.null("float64")
    if value.type().is_boolean():
        return value.cast("int64")
    if value.type().is_string():
        return _read_text(value, node, "number", scope)
    refuse(node, scope.text, "is a date where a number is needed", "take a part: year(…), date_diff('day', a, b)")


def as_boolean(value: Value, node: exp.Expr, scope: Scope) -> Value:
    """A value read as true or false."""
    if value.type().is_boolean():
        return value
    if value.type().is_null():
        return ibis.null("boolean")
    if value.type().is_string() and not _is_text_literal(node):
        return _read_text(value, node, "boolean", scope)
    refuse(node, scope.text, "is neither true nor false", "compare it, e.g. … > 0")


def _as_temporal(value: Value, node: exp.Expr, scope: Scope) -> Value:
    if _is_temporal(value):
        return value
    if value.type().is_null():
        return ibis.null("timestamp")
    if value.type().is_string():
        return _read_text(value, node, "timestamp", scope)
    refuse(node, scope.text, "is not a date", "use a column of dates, or DATE '2026-01-31'")


def _is_temporal(value: Value) -> bool:
    return bool(value.type().is_temporal()) and not value.type().is_time()


def _alike(nodes: list[exp.Expr], scope: Scope) -> list[Value]:
    """The values in one type, so that they can be compared: text gives way to booleans, dates and numbers."""
    values = [build(node, scope) for node in nodes]
    types = [value.type() for value in values if not value.type().is_null()]
    for needed, convert in (
        (_is_temporal, _as_temporal),
        (lambda v: v.type().is_boolean(), _as_boolean_like),
        (lambda v: v.type().is_numeric(), as_number),
    ):
        if any(needed(value) for value in values):
            values = [convert(value, node, scope) for value, node in zip(values, nodes, strict=True)]
            return [v.cast("timestamp") for v in values] if convert is _as_temporal and _mixed(values) else values
    return [value if value.type().is_string() or not types else value.cast("string") for value in values]


def _mixed(values: list[Value]) -> bool:
    return len({str(value.type()) for value in values}) > 1


def _as_boolean_like(value: Value, node: exp.Expr, scope: Scope) -> Value:
    if _is_text_literal(node):
        return _read_literal(node, "boolean", scope)
    if value.type().is_integer() and isinstance(node, exp.Literal):
        return ibis.literal(node.this != "0")
    return as_boolean(value, node, scope)


def _read_text(value: Value, node: exp.Expr, type: ColumnType, scope: Scope) -> Value:
    if _is_text_literal(node):
        return _read_literal(node, type, scope)
    if isinstance(node, exp.Column):
        scope.reads[find_column(node.name, scope.table.columns)] = type
    return read(value, type)


def _is_text_literal(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def _read_literal(node: exp.Expr, type: ColumnType, scope: Scope) -> Value:
    text = node.name.strip()
    try:
        return _LITERALS[type](text)
    except (ValueError, KeyError):
        refuse(
            node, scope.text, f"is not a {type}, as what it is compared with", "write the value as the column's type"
        )


_LITERALS: dict[ColumnType, Callable[[str], Value]] = {
    "number": lambda text: ibis.literal(float(text)),
    "timestamp": lambda text: ibis.literal(dt.datetime.fromisoformat(text), "timestamp"),
    "boolean": lambda text: ibis.literal({"true": True, "yes": True, "false": False, "no": False}[text.lower()]),
}


def _days_between(earlier: Value, later: Value) -> Value:
    """Days from one to the other; whole ones for dates."""
    if earlier.type().is_date() and later.type().is_date():
        return later.delta(earlier, unit="day")
    seconds = later.cast("timestamp").epoch_seconds() - earlier.cast("timestamp").epoch_seconds()
    return seconds / ibis.literal(86400.0)


def _finite(value: Value) -> Value:
    return (value.isnan() | value.isinf()).ifelse(ibis.null("float64"), value)


def _unit(node: exp.Expr, scope: Scope, units: tuple[str, ...]) -> str:
    unit = str(node.args["unit"].name if node.args.get("unit") else "").lower().removesuffix("s")
    if unit not in units:
        refuse(node, scope.text, f"has no unit known here ('{unit}')", f"units: {', '.join(units)}")
    return unit


def _text_literal(node: exp.Expr, scope: Scope) -> str:
    if not _is_text_literal(node):
        refuse(node, scope.text, "must be a text in single quotes", "write the pattern itself")
    return str(node.this)


def _whole_literal(node: exp.Expr, scope: Scope) -> int:
    if not (isinstance(node, exp.Literal) and node.is_int):
        refuse(node, scope.text, "must be a whole number", "write the number itself")
    return int(node.this)


def check_pattern(pattern: str) -> None:
    """Raise when the engine's regular expressions (RE2) cannot read it: no look-around, no back-references.

    Raises:
        ValueError: RE2's own words.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        raise ValueError(f"'{pattern}' is not a regular expression that RE2 reads ({error})") from error
