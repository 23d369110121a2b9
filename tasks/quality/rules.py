"""What columns say about one another: dependencies, rules of the contract, references, totals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import ibis
import pyarrow as pa
from pydantic import Field

from tasks.quality.ballot import Voter
from tasks.quality.contract import ControlTotal, Reference, Rule
from tasks.quality.doubts import Ballot, suspects_sql, votes_on
from tasks.quality.errors import AnswerError
from tasks.quality.expressions import columns_of, predicate, value_of
from tasks.quality.formulas import Formula, broken, mined, result, spoken, style, tolerance, written
from tasks.quality.groups import forget_groups
from tasks.quality.mining import Dependency, dependencies
from tasks.quality.model import (
    ROW,
    CellWrites,
    ColumnProfile,
    Dataset,
    Dimension,
    Effect,
    Finding,
    Issue,
    Option,
    Severity,
)
from tasks.quality.profile import is_missing, number
from tasks.quality.queries import apart, as_sql, only, quoted, stored, suspects
from tasks.quality.records import check_columns, count_rows, whole_rows
from tasks.quality.registry import KindSettings, Parameters, Settings, kind, remedy
from tasks.quality.typed import ColumnType, column_types, date_formats
from tasks.quality.wording import plural, rate
from tasks.quality.words import bare

# --- broken dependency ----------------------------------------------------------------------------------------


class DependencySettings(KindSettings):
    """When a mined dependency is believed.

    Attributes:
        share: how many of a determinant's groups must hold, 0 to 1.
        suspect: how sure it must be that a cell is wrong for it to be reported.
        certain: how sure for its repair to be recommended.
    """

    share: float = Field(0.95, gt=0.5, le=1)
    suspect: float = Field(0.5, gt=0, lt=1)
    certain: float = Field(0.6, gt=0, lt=1)


class Determinant(Parameters):
    """What has a vote.

    Attributes:
        columns: rows that are equal in these make a group.
        accuracy: how often groups are right, 0 to 1.
        witnesses: columns that they determine as well. A row that several do not know is a stranger in its group.
        strict: rows that differ do so at random, as errors do; where witnesses know the row there is little doubt.
        promised: the contract says so; what differs is suspect, whatever it is.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    accuracy: float = Field(gt=0, le=1)
    witnesses: tuple[str, ...] = ()
    strict: bool = False
    promised: bool = False


class Majority(Parameters):
    """What the determinants' groups say is written.

    Attributes:
        determinants: what determines the column; each has a vote.
        least: only cells that are wrong with at least this confidence are written.
    """

    determinants: tuple[Determinant, ...] = Field(min_length=1)
    least: float = Field(0.6, gt=0, lt=1)


MOST_DETERMINANTS = 5
MOST_WITNESSES = 3
FEW_STRAYS, AS_MANY = 0.015, 3
"""Errors put values that are at home elsewhere into so many of the rows at most, or into so many times as many of them
as they do in another column: what is one customer's name in all rows, but one town in few, are towns of theirs."""

TELLING = 0.25
"""A column of which more rows than this share hold the commonest value is no witness: any row may hold it."""

GAPS_AT_HOME = 0.1
"""In a column with a larger share of gaps, nothing is meant as often as it is forgotten."""


def _majority_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    facts = issue.facts
    by = " and ".join(dict.fromkeys(d["columns"][0] for d in facts["determinants"]))
    why = f"rows with the same {by} say so"
    if facts["certain_cells"]:
        left = issue.count - facts["certain_cells"]
        leaves = f"{plural(left, 'cell')} of which it is less sure" if left else ""
        parameters = {"determinants": facts["determinants"], "least": facts["certain"]}
        label = f"write what most rows of the same {by} say"
        yield Option("majority", "group_majority", label, parameters, why, leaves, facts["sure"], True)
    if facts["certain_cells"] < issue.count:
        parameters = {"determinants": facts["determinants"], "least": facts["suspect"]}
        label = f"the same for all {issue.count:,} suspect cells"
        yield Option("majority-all", "group_majority", label, parameters, why, confidence=facts["suspect"])


@kind(
    "Broken dependency",
    dimension=Dimension.INTEGRITY,
    settings=DependencySettings,
    recommend=_majority_options,
)
def broken_dependency(data: Dataset, settings: Settings[DependencySettings]) -> Iterable[Finding]:
    """Cells that differ from what rows with the same value in other columns say, when it is this cell that is to blame.

    Each column that determines this one, but for errors, gives a vote: the value of four fifths or more of the other
    rows that share its value. Confidence: votes for another value ÷ (these + votes for the cell's own + doubt), each
    vote weighing what its column is right in. Doubt is ¼ for a rare value that reads like a slip of the other, 1 for
    another rare one and for numbers, ½ for a gap, 1.98 for a value that is at home elsewhere in the column, as gaps
    are where there are many; but for a value ½ at most where a column has the vote that is broken at random alone, as
    by errors, and the other columns that it determines know the row, and 0.9 where the contract promises the
    dependency. A value that occurs twice in a group speaks for
    itself, no word for "no value" takes the place of one, and a row that no other column knows is a stranger in its
    group, which is not heard.
    """
    determined = _promised(data)
    for name, determinant in _mined(data, dependencies(data, settings.default.share)):
        own = determined.setdefault(name, [])
        if len(own) < MOST_DETERMINANTS:
            own.append(determinant)
    for column in data.profile.columns:
        if determinants := determined.get(column.name):
            yield from _broken(data, column.name, determinants, settings.of(column.name))
    forget_groups(data)


def _mined(data: Dataset, mined: Sequence[Dependency]) -> Iterator[tuple[str, Determinant]]:
    """What determines which column, with the other columns that bear witness.

    None does so strictly with amounts, which may well be others for once, as a price that was reduced.
    """
    alike: dict[tuple[str, ...], list[Dependency]] = {}
    for dependency in mined:
        alike.setdefault(dependency.columns, []).append(dependency)
    for dependency in mined:
        others = [other for other in alike[dependency.columns] if other is not dependency]
        witnesses = [other.dependent for other in others if _tells(data.profile.column(other.dependent))]
        yield (
            dependency.dependent,
            Determinant(
                columns=dependency.columns,
                accuracy=dependency.accuracy,
                witnesses=tuple(witnesses[:MOST_WITNESSES]),
                strict=_by_errors(dependency, others) and data.profile.column(dependency.dependent).kind != "number",
            ),
        )


def _by_errors(dependency: Dependency, others: Sequence[Dependency]) -> bool:
    """Whether errors alone break a dependency, as they break the others of its determinant."""
    most = max([FEW_STRAYS, *(AS_MANY * other.strays for other in others)])
    return dependency.strict and dependency.strays <= most


def _tells(column: ColumnProfile) -> bool:
    """Whether a column's values tell rows apart."""
    return column.top[0][1] <= TELLING * column.present_count


def _promised(data: Dataset) -> dict[str, list[Determinant]]:
    """What the contract says determines a column; it is believed almost without doubt."""
    determined: dict[str, list[Determinant]] = {}
    for promise in data.contract.dependencies:
        if {promise.column, *promise.of} <= set(data.columns):
            determined.setdefault(promise.column, []).append(
                Determinant(columns=promise.of, accuracy=0.99, promised=True)
            )
    return determined


def _broken(
    data: Dataset, name: str, determinants: Sequence[Determinant], chosen: DependencySettings
) -> Iterator[Finding]:
    ballot = _ballot(data, name, determinants, chosen.suspect)
    suspects = votes_on(data, ballot).sure(chosen.suspect)
    if not suspects.rows.size:
        return
    likely = suspects.confidence[suspects.confidence >= chosen.certain]
    count, certain = suspects.rows.size, likely.size
    sure = math.fsum(likely) / certain if certain else 0.0
    named = ", ".join(f"{' + '.join(d.columns)} ({rate(d.accuracy)})" for d in determinants)
    yield Finding(
        (name, *dict.fromkeys(column for d in determinants for column in d.columns)),
        suspects.cells(data, name),
        count,
        data.profile.rows,
        f"{plural(count, 'cell differs', 'cells differ')} from what rows of the same {named} say",
        Severity.MEDIUM,
        title=f"Broken dependency of {name}",
        facts={
            "determinants": [d.model_dump(mode="json") for d in determinants],
            "certain_cells": certain,
            "certain": chosen.certain,
            "suspect": chosen.suspect,
            "sure": round(sure, 4),
        },
        confidence=round(sure or chosen.suspect, 4),
        sql=suspects_sql(data, ballot),
    )


def _ballot(data: Dataset, name: str, determinants: Sequence[Determinant], least: float) -> Ballot:
    blank = frozenset(column.name for column in data.profile.columns if column.blank_count)
    gaps_at_home = data.profile.column(name).missing_rate > GAPS_AT_HOME
    voters = tuple(Voter(d.columns, d.accuracy, d.witnesses, d.strict, d.promised) for d in determinants)
    return Ballot(name, voters, blank, least, gaps_at_home)


@remedy("Majority of the group", parameters=Majority)
def group_majority(data: Dataset, issue: Issue, p: Majority) -> tuple[Effect, ...]:
    """Write what rows with the same determinants say into the cells that are to blame."""
    votes = votes_on(data, _ballot(data, issue.columns[0], p.determinants, p.least))
    return (CellWrites(issue.columns[0], votes.sure(p.least).writes(data)),)


# --- cross-field rule -------------------------------------------------------------------------------------------


class FormulaSettings(KindSettings):
    """How formulas are found.

    Attributes:
        mine: look for formulas.
        share: of the complete rows in which one must hold, in one of its forms (total = quantity × price, price =
            total ÷ quantity): the strictest form that holds in nearly as many rows is then the one that is checked.
    """

    mine: bool = True
    share: float = Field(0.95, gt=0.5, le=1)


DECIMALS_OF_A_QUOTIENT = 6
ALMOST = 0.05
"""So much less often than a form of a formula that holds may a stricter one of the same columns hold."""


class Recompute(Parameters):
    """What is computed.

    Attributes:
        column: what is written anew.
        expression: SQL over the row's columns that gives its value.
        decimals: how many decimals a number gets; null: as many as the column's values have.
    """

    column: str
    expression: str
    decimals: int | None = Field(None, ge=0, le=12)


def _rule_options(data: Dataset, issue: Issue) -> Iterator[Option]:
    solutions = issue.facts["solutions"]
    for place, (column, expression) in enumerate(solutions.items(), 1):
        why = f"if the other columns are right, {column} is {expression}"
        decimals = max(style(data, column, "mean")[0], DECIMALS_OF_A_QUOTIENT if "/" in expression else 0)
        parameters = {"column": column, "expression": expression, "decimals": decimals}
        yield Option(f"recompute-{place}", "recompute", f"compute {column} from the others", parameters, why)
    if not solutions:
        yield Option("recompute", "recompute", "compute one column from others", needs=("column", "expression"))


@kind("Cross-field rule", dimension=Dimension.INTEGRITY, settings=FormulaSettings, recommend=_rule_options)
def cross_field_rule(data: Dataset, settings: Settings[FormulaSettings]) -> Iterable[Finding]:
    """Rows that break a rule of the contract, or a formula that holds in nearly all rows (total = quantity × price).

    Which of the columns is wrong cannot be known from a formula, so nothing is recommended, and each cell of a row is
    wrong with a confidence of one out of the rule's columns.
    """
    types, formats = column_types(data.profile, data.contract), date_formats(data.contract)
    for rule in data.contract.rules:
        yield from _rule_broken(data, rule, types, formats)
    if settings.default.mine:
        yield from _formulas_broken(data, settings)


def _rule_broken(
    data: Dataset, rule: Rule, types: Mapping[str, ColumnType], formats: Mapping[str, str]
) -> Iterator[Finding]:
    columns = columns_of(rule.expression, data.columns)  # an unknown column is said by the contract's checks
    table = only(data.table, (ROW, *columns))
    rows = whole_rows(table.filter(~predicate(table, rule.expression, types, formats)))
    if count := count_rows(rows):
        yield Finding(
            columns,
            rows,
            count,
            data.profile.rows,
            f"{plural(count, 'row breaks', 'rows break')} the contract's rule: {rule.expression}",
            Severity.HIGH,
            unit="row",
            title=rule.message or f"Rule broken: {rule.name}",
            facts={"rule": rule.name, "solutions": solved(rule.expression)},
        )


def solved(expression: str) -> dict[str, str]:
    """What each column must be for an equation to hold, for equations of one column and the rest.

    >>> solved("total = quantity * price")
    {'total': 'quantity * price'}
    >>> solved("start <= stop")
    {}
    """
    import sqlglot
    from sqlglot import exp

    tree = sqlglot.parse_one(expression, dialect="duckdb").unnest()
    if not isinstance(tree, exp.EQ):
        return {}
    sides = ((tree.left, tree.right), (tree.right, tree.left))
    return {
        one.name: other.sql(dialect="duckdb")
        for one, other in sides
        if isinstance(one, exp.Column) and one.name not in {c.name for c in other.find_all(exp.Column)}
    }


def _formulas_broken(data: Dataset, settings: Settings[FormulaSettings]) -> Iterator[Finding]:
    promised = [set(columns_of(rule.expression, data.columns)) for rule in data.contract.rules]
    for formula, held in _strictest(data, settings):
        columns = (formula.target, formula.left, formula.right)
        if held["holds"] == held["complete"] or any(set(columns) <= named for named in promised):
            continue
        table = only(data.table, (ROW, *columns))
        off = (number(table[formula.target]) - result(table, formula)).abs() > tolerance(formula.decimals)
        rows = broken(data, formula)
        yield Finding(
            columns,
            whole_rows(stored(data, pa.table({ROW: rows}))),
            rows.size,
            held["complete"],
            f"{spoken(formula.model_dump())} holds in {held['holds']:,} of {held['complete']:,} complete rows",
            Severity.MEDIUM,
            unit="row",
            title=f"{plural(rows.size, 'row')} in which {spoken(formula.model_dump())} does not hold",
            facts={"formula": formula.model_dump(), "solutions": _rearranged(formula)},
            sql=as_sql(whole_rows(table.filter(off.fill_null(False)))),
        )


def _strictest(data: Dataset, settings: Settings[FormulaSettings]) -> list[tuple[Formula, dict[str, int]]]:
    """The formulas that hold, one for the same three columns.

    A whole number that is computed from a total and a price is rounded, and so holds where the total is a little off:
    a product tells more than a quotient, and a sum more than a difference.
    """
    found = sorted(
        mined(data, data.profile.columns, lambda name: settings.of(name).share - ALMOST),
        key=lambda each: "*+-/".index(each[1].operator),
    )
    strictest: dict[frozenset[str], tuple[Formula, dict[str, int]]] = {}
    for _target, formula, held in found:
        strictest.setdefault(_columns_of(formula), (formula, held))
    holding = {
        _columns_of(formula)
        for target, formula, held in found
        if held["holds"] >= settings.of(target.name).share * held["complete"]
    }
    return [form for columns, form in strictest.items() if columns in holding]


def _columns_of(formula: Formula) -> frozenset[str]:
    return frozenset((formula.target, formula.left, formula.right))


_INVERSE = {"*": "/", "/": "*", "+": "-", "-": "+"}


def _rearranged(formula: Formula) -> dict[str, str]:
    """What each of the three columns is by the formula."""
    target, left, right = (quoted(name) for name in (formula.target, formula.left, formula.right))
    sign, inverse = formula.operator, _INVERSE[formula.operator]
    second = f"{target} {inverse} {left}" if sign in "*+" else f"{left} {sign} {target}"
    rounded = {formula.target: f"ROUND({left} {sign} {right}, {formula.decimals})"}
    return rounded | {formula.left: f"{target} {inverse} {right}", formula.right: second}


@remedy("Compute again", parameters=Recompute)
def recompute(data: Dataset, issue: Issue, p: Recompute) -> tuple[Effect, ...]:
    """Write what an expression gives into one column of the suspect rows; where it gives nothing, the cell stays."""
    check_columns(data, (p.column,))
    types, formats = column_types(data.profile, data.contract), date_formats(data.contract)
    rows = apart(data.table.semi_join(suspects(data, issue), ROW))
    value = value_of(rows, p.expression, types, formats)
    decimals, fixed = style(data, p.column, "mean") if p.decimals is None else (p.decimals, False)
    said = written(value.cast("float64"), decimals, fixed) if value.type().is_numeric() else value.cast("string")
    found = rows.select(ROW, before=rows[p.column], after=said)
    changed = found.filter(found.after.notnull() & ~found.after.identical_to(found.before))
    return (CellWrites(p.column, changed.drop("before")),)


# --- orphan keys and totals ---------------------------------------------------------------------------------------


def _orphan_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    if pairs := issue.facts.get("nearest"):
        why = "each has one existing key that differs in case, spaces and punctuation only"
        yield Option("nearest", "map_values", "write the existing key", {"values": pairs}, why, "", 0.95, safe=True)
    if "total" in issue.facts:
        difference = issue.facts["total"] - issue.facts["found"]
        label, why = f"add the difference ({difference:+,.2f}) to one row", "you know which row is short, and why"
        yield Option("adjust", "adjust", label, {"difference": difference}, why, needs=("row", "reason"))
    else:
        yield Option("map", "map_values", "write keys of yours", needs=("values",))
        yield Option("default-parent", "suspects_to_value", "write a key of yours", needs=("value",))


class Adjusted(Parameters):
    """What reconciles a total.

    Attributes:
        difference: what the row's number grows by.
        row: the row's position in the source, from 0.
        reason: why it is this row; it is written into the ledger.
    """

    difference: float
    row: int = Field(ge=0)
    reason: str = Field(min_length=1)


@remedy("Adjust to the control total", parameters=Adjusted)
def adjust(data: Dataset, issue: Issue, p: Adjusted) -> tuple[Effect, ...]:
    """Add the difference to the control total to the number of one row; nothing where they reconcile already."""
    column = issue.columns[0]
    table = only(data.table, (ROW, column))
    if not count_rows(suspects(data, issue)) or _reconciled(data, issue):
        return ()
    told = table.filter(table[ROW] == p.row).select(ROW, before=number(table[column]))
    after = told.select(ROW, after=written(told.before + p.difference, *style(data, column, "mean")))
    if not count_rows(after.filter(after.after.notnull())):
        raise AnswerError(f"row {p.row} has no number in {column}", todo="name a row that the issue's query selects")
    return (CellWrites(column, after),)


def _reconciled(data: Dataset, issue: Issue) -> bool:
    wanted, tolerance_ = float(issue.facts["total"]), float(issue.facts["tolerance"])
    return abs(_sum(data, issue.columns[0]) - wanted) <= tolerance_


def _sum(data: Dataset, column: str) -> float:
    """The sum of a column's numbers, exactly."""
    values = only(data.table, (column,))[column]
    exact = number(values).try_cast("decimal(38, 9)").sum().cast("float64")
    return float(exact.to_pyarrow().as_py() or 0.0)


@kind("Orphan keys and control totals", dimension=Dimension.INTEGRITY, recommend=_orphan_options)
def unreconciled(data: Dataset, settings: Settings[KindSettings]) -> Iterable[Finding]:  # noqa: ARG001
    """Keys that refer to nothing, and sums that differ from the control total in the contract."""
    for reference in data.contract.references:
        known = _referred_to(data, reference)
        if reference.column in data.columns and (known is not None or not reference.to):
            yield from _orphans(data, reference, known)
    for total in data.contract.totals:
        if total.column in data.columns:
            yield from _differing_total(data, total)


def _orphans(data: Dataset, reference: Reference, known: ibis.Table | None) -> Iterator[Finding]:
    name = reference.column
    table = only(data.table, (ROW, name))
    present = table.filter(~is_missing(table[name]))
    if known is not None:
        there = known.select(known="value")
        orphans = present.anti_join(there, present[name] == there.known)
    else:
        orphans = present.filter(~present[name].isin(list(reference.values)))
    count = count_rows(orphans)
    if not count:
        return
    where = f"in {reference.to}" if reference.to else f"among the {len(reference.values):,} that there are"
    yield Finding(
        (name,),
        orphans.select(ROW, column=ibis.literal(name), value=orphans[name]),
        count,
        data.profile.column(name).present_count,
        f"{plural(count, f'value of {name} is', f'values of {name} are')} not {where}",
        Severity.HIGH,
        title=f"Orphan keys in {name}",
        facts={"nearest": _nearest_keys(reference, known, orphans)},
        confidence=0.9,
    )


def _referred_to(data: Dataset, reference: Reference) -> ibis.Table | None:
    """The values of the column that a reference is to: of the table, or of a lookup; None where there is none."""
    if reference.to in data.columns:
        return data.domains.filter(data.domains.column == reference.to)
    backend = data.table.get_backend()
    if "." not in reference.to or LOOKUPS not in backend.list_tables():
        return None
    lookups = backend.table(LOOKUPS)
    return lookups.filter(lookups.column == reference.to)


LOOKUPS = "lookups"
"""The view of the values of other tables: `column` (as a reference names it), `value`."""

MOST_KEYS = 100_000


def _nearest_keys(reference: Reference, known: ibis.Table | None, orphans: ibis.Table) -> dict[str, str]:
    """Orphans that are an existing key but for case, spaces and punctuation."""
    strange = orphans.select(value=orphans[reference.column]).distinct().order_by("value").limit(MOST_KEYS)
    keys = list(reference.values)
    if known is not None:
        keys = known.order_by("value").limit(MOST_KEYS).to_pyarrow()["value"].to_pylist()
    prints: dict[str, list[str]] = {}
    for key in keys:
        prints.setdefault(bare(key), []).append(key)
    pairs = {}
    for value in strange.to_pyarrow()["value"].to_pylist():
        near = prints.get(bare(value), [])
        if len(near) == 1 and bare(value):
            pairs[value] = near[0]
    return pairs


def _differing_total(data: Dataset, total: ControlTotal) -> Iterator[Finding]:
    table = only(data.table, (ROW, total.column))
    numbers = table.filter(~is_missing(table[total.column]))
    found = _sum(data, total.column)
    if abs(found - total.equals) <= total.tolerance:
        return
    count = data.profile.column(total.column).present_count
    yield Finding(
        (total.column,),
        numbers.select(ROW, column=ibis.literal(total.column), value=numbers[total.column]),
        count,
        count,
        f"they add up to {found:,.2f}, the control total is {total.equals:,.2f}: {found - total.equals:+,.2f}",
        Severity.HIGH,
        title=f"Control total of {total.column} differs",
        facts={"total": total.equals, "found": found, "tolerance": total.tolerance},
    )
