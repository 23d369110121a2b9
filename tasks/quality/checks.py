"""The contract against a table: which promises are broken, where, and the query that says so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import ibis
from ibis import _

from tasks.quality.contract import Bound, ColumnContract, Contract, Determination, Rule
from tasks.quality.errors import SpecError, did_you_mean
from tasks.quality.expressions import columns_of, predicate
from tasks.quality.model import ROW, Cell, Profile
from tasks.quality.profile import is_missing
from tasks.quality.queries import as_sql
from tasks.quality.typed import DTYPES, ColumnType, column_types, date_formats, read

if TYPE_CHECKING:
    import pandera.ibis

SAMPLE = 10
"""Cells shown of each broken promise."""

LONGEST = 40
"""Characters of an allowed value that its promise's title shows."""

AT_ONCE = 60
"""Checks counted in one query; a query with more takes longer to plan than to run."""

CheckName: TypeAlias = Literal[
    "present",
    "type",
    "required",
    "unique",
    "allowed",
    "minimum",
    "maximum",
    "pattern",
    "key",
    "key_present",
    "order",
    "dependency",
    "rule",
]


@dataclass(frozen=True)
class ContractCheck:
    """One promise of the contract and what the table makes of it.

    Attributes:
        name: which promise.
        title: the promise in words, e.g. "price is at least 0".
        columns: the columns it is about.
        rule: the name of the cross-field rule, or empty.
        failures: cells (or rows, for key and rules) that break it.
        checked: cells (or rows) it could be checked on.
        sample: the first failing cells by `_row`.
        sql: selects `_row`, `column`, `value` of every failing cell from `snapshot`; `value` is null for rows.
        problem: why it could not be checked, e.g. a column that is not there.
    """

    name: CheckName
    title: str
    columns: tuple[str, ...]
    failures: int
    checked: int
    rule: str = ""
    sample: tuple[Cell, ...] = ()
    sql: str = ""
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether the promise holds; one that could not be checked does not."""
        return not self.failures and not self.problem


@dataclass(frozen=True)
class _Promise:
    """A promise before it is counted: per row, whether it is broken (null: cannot say)."""

    name: CheckName
    title: str
    columns: tuple[str, ...]
    broken: Any
    rule: str = ""


def check_contract(table: ibis.Table, contract: Contract, profile: Profile | None = None) -> tuple[ContractCheck, ...]:
    """Check every promise, in the order of the contract: columns, key, orders, dependencies, rules.

    Args:
        table: `_row` and text columns.
        contract: the promises.
        profile: types of the columns that the contract leaves open, for the rules; text without it.
    """
    types = column_types(profile, contract) if profile else declared_types(contract)
    found = [
        *_column_promises(table, contract),
        *_key_promises(table, contract),
        *_order_promises(table, contract, types),
        *_dependency_promises(table, contract),
        *_rule_promises(table, contract, types),
    ]
    promises = [item for item in found if isinstance(item, _Promise)]
    counted = iter(_counted(table, promises))
    return tuple(item if isinstance(item, ContractCheck) else next(counted) for item in found)


def declared_types(contract: Contract) -> dict[str, ColumnType]:
    """The types that the contract names or that its bounds ask for."""
    return {name: column.reads_as for name, column in contract.columns.items() if column.reads_as is not None}


def _column_promises(table: ibis.Table, contract: Contract) -> Iterator[_Promise | ContractCheck]:
    for name, column in contract.columns.items():
        if name not in table.columns or name == ROW:
            yield _absent("present", f"{name} is there", name, table)
        else:
            yield from _promises(table[name], name, column)


def _promises(text: Any, name: str, column: ColumnContract) -> Iterator[_Promise]:
    missing = is_missing(text)
    present = missing.ifelse(ibis.null("string"), text)
    if column.required:
        yield _Promise("required", f"{name} is never missing", (name,), missing)
    if column.reads_as is not None and column.reads_as != "text":
        value = read(text, column.reads_as, column.format)
        yield _Promise("type", f"{name} is {_ARTICLE[column.reads_as]}", (name,), _unless(missing, value.isnull()))
        yield from _bounds(value, name, column)
    if column.allowed is not None:
        title = f"{name} is one of {_listed(column.allowed)}"
        yield _Promise("allowed", title, (name,), present.notin(column.allowed))
    if column.pattern is not None:
        title = f"{name} matches {column.pattern}"
        yield _Promise("pattern", title, (name,), ~present.re_search(f"^(?:{column.pattern})$"))
    if column.unique:
        repeated = present.count().over(ibis.window(group_by=present)) > 1
        yield _Promise("unique", f"{name} is unique", (name,), _unless(missing, repeated))


def _bounds(value: Any, name: str, column: ColumnContract) -> Iterator[_Promise]:
    if column.minimum is not None:
        title = f"{name} is at least {column.minimum}"
        yield _Promise("minimum", title, (name,), _below(value, column.minimum))
    if column.maximum is not None:
        title = f"{name} is at most {column.maximum}"
        yield _Promise("maximum", title, (name,), _above(value, column.maximum))


def comparable(value: Any, bound: Bound) -> tuple[Any, Any]:
    """A value and a bound in one type; a bound that is a day means the whole day, in UTC."""
    if isinstance(bound, dt.datetime):
        return value, ibis.literal(
            bound.astimezone(dt.UTC).replace(tzinfo=None) if bound.tzinfo else bound, "timestamp"
        )
    if isinstance(bound, dt.date):
        return value.date() if value.type().is_timestamp() else value, ibis.literal(bound, "date")
    return value, ibis.literal(bound)


def _below(value: Any, bound: Bound) -> Any:
    value, least = comparable(value, bound)
    return value < least


def _above(value: Any, bound: Bound) -> Any:
    value, most = comparable(value, bound)
    return value > most


def _key_promises(table: ibis.Table, contract: Contract) -> Iterator[_Promise | ContractCheck]:
    if not contract.key:
        return
    named = ", ".join(contract.key)
    if absent := [name for name in contract.key if name not in table.columns or name == ROW]:
        yield _absent("key", f"{named} tells rows apart", absent[0], table, contract.key)
        return
    missing = _any([is_missing(table[name]) for name in contract.key])
    repeated = table.count().over(ibis.window(group_by=[table[name] for name in contract.key])) > 1
    yield _Promise("key_present", f"{named} is never missing", contract.key, missing)
    yield _Promise("key", f"{named} tells rows apart", contract.key, _unless(missing, repeated))


def _order_promises(
    table: ibis.Table, contract: Contract, types: Mapping[str, ColumnType]
) -> Iterator[_Promise | ContractCheck]:
    for first, last in contract.orders:
        title = f"{first} is not after {last}"
        absent = [name for name in (first, last) if name not in table.columns or name == ROW]
        if absent:
            yield _absent("order", title, absent[0], table, (first, last))
            continue
        formats = date_formats(contract)
        values = [_sortable(table[name], types.get(name, "text"), formats.get(name)) for name in (first, last)]
        yield _Promise("order", title, (first, last), _later(*values))


def _sortable(text: Any, type_: ColumnType, format_: str | None) -> Any:
    """A value as a moment or a number; null where the column holds neither."""
    if type_ in ("date", "timestamp"):
        return read(text, "timestamp", format_)
    return read(text, "number") if type_ in ("integer", "number") else ibis.null("float64")


def _later(first: Any, last: Any) -> Any:
    alike = first.type().is_timestamp() == last.type().is_timestamp()
    return first > last if alike else ibis.null("boolean")


def _dependency_promises(table: ibis.Table, contract: Contract) -> Iterator[_Promise | ContractCheck]:
    for promise in contract.dependencies:
        columns = (promise.column, *promise.of)
        if absent := [name for name in columns if name not in table.columns or name == ROW]:
            yield _absent("dependency", _one_of_each(promise), absent[0], table, columns)
            continue
        missing = _any([is_missing(table[name]) for name in columns])
        yield _Promise("dependency", _one_of_each(promise), columns, _contradicted(table, promise, missing))


def _one_of_each(promise: Determination) -> str:
    return f"rows with the same {' and '.join(promise.of)} have the same {promise.column}"


def _contradicted(table: ibis.Table, promise: Determination, missing: Any) -> Any:
    """Whether rows that agree in what determines a value differ, and not more than half of them have the row's own."""
    present = missing.ifelse(ibis.null(table[promise.column].type()), table[promise.column])
    alike = [table[name] for name in promise.of]
    group, same = ibis.window(group_by=alike), ibis.window(group_by=[*alike, present])
    differ = present.min().over(group) != present.max().over(group)
    return _unless(missing, differ & (2 * present.count().over(same) <= present.count().over(group)))


def _rule_promises(
    table: ibis.Table, contract: Contract, types: Mapping[str, ColumnType]
) -> Iterator[_Promise | ContractCheck]:
    for rule in contract.rules:
        title = rule.message or _in_words(rule)
        try:
            columns = columns_of(rule.expression, table.columns)
            holds = predicate(table, rule.expression, types, date_formats(contract))
        except SpecError as error:
            yield ContractCheck("rule", title, (), 0, 0, rule.name, problem=error.message)
        else:
            yield _Promise("rule", title, columns, ~holds, rule.name)


def _in_words(rule: Rule) -> str:
    return f"{rule.name}: {rule.message or rule.expression}"


def _absent(
    name: CheckName, title: str, column: str, table: ibis.Table, columns: tuple[str, ...] = ()
) -> ContractCheck:
    there = [known for known in table.columns if known != ROW]
    problem = SpecError(f"no column '{column}'", where="the table", available=there, todo=did_you_mean(column, there))
    return ContractCheck(name, title, columns or (column,), 0, 0, problem=problem.message)


def _counted(table: ibis.Table, promises: Sequence[_Promise]) -> Iterator[ContractCheck]:
    for start in range(0, len(promises), AT_ONCE):
        some = promises[start : start + AT_ONCE]
        try:
            counts = _counts(table, some)
        except Exception:  # noqa: BLE001  (one of them cannot be computed; alone, each says so for itself)
            yield from (_alone(table, promise) for promise in some)
        else:
            yield from (_outcome(table, promise, *count) for promise, count in zip(some, counts, strict=True))


def _counts(table: ibis.Table, promises: Sequence[_Promise]) -> list[tuple[int, int]]:
    """Failures and checked rows of each promise, in one query."""
    judged = table.select(ROW, **{f"c{i}": promise.broken for i, promise in enumerate(promises)})
    failures = {f"f{i}": _[f"c{i}"].fill_null(False).sum() for i in range(len(promises))}
    checked = {f"n{i}": _[f"c{i}"].count() for i in range(len(promises))}
    (record,) = judged.agg(**failures, **checked).to_pyarrow().to_pylist()
    return [(record[f"f{i}"] or 0, record[f"n{i}"]) for i in range(len(promises))]


def _alone(table: ibis.Table, promise: _Promise) -> ContractCheck:
    try:
        ((failures, checked),) = _counts(table, [promise])
        return _outcome(table, promise, failures, checked)
    except Exception as error:  # noqa: BLE001  (the engine's error, whatever it is, is the outcome)
        problem = f"could not be checked: {error}".partition("\n")[0]
        return ContractCheck(promise.name, promise.title, promise.columns, 0, 0, promise.rule, problem=problem)


def _outcome(table: ibis.Table, promise: _Promise, failures: int, checked: int) -> ContractCheck:
    cells = failing(table, promise)
    sample = cells.order_by(ROW).limit(SAMPLE).to_pyarrow().to_pylist() if failures else []
    return ContractCheck(
        promise.name,
        promise.title,
        promise.columns,
        failures,
        checked,
        promise.rule,
        tuple(Cell(found[ROW], found["column"] or "", found["value"]) for found in sample),
        as_sql(cells),
    )


def failing(table: ibis.Table, promise: _Promise) -> ibis.Table:
    """`_row`, `column`, `value` of what breaks a promise; rows have neither column nor value."""
    single = len(promise.columns) == 1 and not promise.rule
    column = ibis.literal(promise.columns[0]) if single else ibis.null("string")
    value = table[promise.columns[0]] if single else ibis.null("string")
    judged = table.select(ROW, column=column, value=value, broken=promise.broken)
    return judged.filter(_.broken).drop("broken")


def _unless(unknown: Any, broken: Any) -> Any:
    return unknown.ifelse(ibis.null("boolean"), broken)


def _any(flags: Sequence[Any]) -> Any:
    joined = flags[0]
    for flag in flags[1:]:
        joined = joined | flag
    return joined


_ARTICLE: dict[ColumnType, str] = {
    "integer": "a whole number",
    "number": "a number",
    "date": "a date",
    "timestamp": "a date with a time",
    "boolean": "yes or no",
}


def _listed(values: Sequence[str]) -> str:
    shown = ", ".join(value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…" for value in values[:SAMPLE])
    return shown if len(values) <= SAMPLE else f"{shown} and {len(values) - SAMPLE} more"


# --- the same contract for the user's own code -----------------------------------------------------------------


def to_pandera(contract: Contract) -> pandera.ibis.DataFrameSchema:
    """The contract as a pandera schema for the typed table (`tasks.quality.typed.typed_view`)."""
    from pandera.ibis import Check, DataFrameSchema

    types = declared_types(contract)
    return DataFrameSchema(
        {name: _pandera_column(column) for name, column in contract.columns.items()},
        checks=[
            *(
                Check(_in_order(*pair), name="order", error=f"{pair[0]} is not after {pair[1]}")
                for pair in contract.orders
            ),
            *(Check(_agreeing(each), name="dependency", error=_one_of_each(each)) for each in contract.dependencies),
            *(Check(_holds(rule, types), name=rule.name, error=_in_words(rule)) for rule in contract.rules),
        ],
        unique=list(contract.key) or None,
        strict=False,
    )


def _pandera_column(column: ColumnContract) -> Any:
    from pandera.ibis import Column

    dtype = ibis.dtype(DTYPES[column.reads_as]) if column.reads_as else None
    checks = list(_pandera_checks(column))
    return Column(dtype, checks, nullable=not column.required, description=column.description or None)


def _pandera_checks(column: ColumnContract) -> Iterator[Any]:
    from pandera.ibis import Check

    if column.allowed is not None:
        yield Check(_on(lambda v: v.cast("string").isin(column.allowed)), name="allowed")
    if column.pattern is not None:
        yield Check(_on(lambda v: v.cast("string").re_search(f"^(?:{column.pattern})$")), name="pattern")
    if (least := column.minimum) is not None:
        yield Check(_on(lambda v: ~_below(v, least)), name="minimum")
    if (most := column.maximum) is not None:
        yield Check(_on(lambda v: ~_above(v, most)), name="maximum")
    if column.unique:
        yield Check(_on(lambda v: v.count() == v.nunique()), name="unique")


def _on(test: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda data: test(data.table[data.key])


def _in_order(first: str, last: str) -> Callable[[Any], Any]:
    return lambda data: (data.table[first] <= data.table[last]).fill_null(True)


def _agreeing(promise: Determination) -> Callable[[Any], Any]:
    def test(data: Any) -> Any:
        missing = _any([data.table[name].isnull() for name in (promise.column, *promise.of)])
        judged = data.table.select(broken=_contradicted(data.table, promise, missing))
        return ~judged.broken.fill_null(False).any()

    return test


def _holds(rule: Rule, types: Mapping[str, ColumnType]) -> Callable[[Any], Any]:
    return lambda data: predicate(data.table, rule.expression, types).fill_null(True)
