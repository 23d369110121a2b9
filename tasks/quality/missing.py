"""What is not there: nulls and blanks, words that mean null, empty columns, gaps that other columns fill.

Nothing is invented: a fill is computed from the column's own present values, from other columns of the same row,
or given by the pilot, and none of the guesses is recommended. Recommended is only what takes nothing away: words
that can mean nothing but null become null, and a value that two others determine is computed from them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations, permutations
from typing import Any, Literal

import ibis
from ibis import _
from pydantic import Field

from tasks.quality.errors import AnswerError, did_you_mean
from tasks.quality.formulas import Formula, mined, plain_number, result, spoken, style, written
from tasks.quality.model import (
    ROW,
    CellWrites,
    Change,
    ColumnDrop,
    ColumnProfile,
    Dataset,
    Dimension,
    Effect,
    Finding,
    Issue,
    Option,
    Preview,
    Severity,
    ValueMap,
)
from tasks.quality.profile import TOP_LENGTH, is_missing, may_hold, number, pattern_of
from tasks.quality.queries import apart, only
from tasks.quality.registry import KindSettings, Parameters, Settings, kind, remedy
from tasks.quality.wording import plural, rate, some_of
from tasks.quality.words import AMBIGUOUS_WORDS, NULL_WORDS

NUMBER_SENTINELS = (-1, -9, -99, -999, -9999, 99, 999, 9999, 99999, 999999)
DATE_SENTINELS = ("1900-01-01", "1970-01-01", "9999-12-31", "0001-01-01", "1899-12-30")

MOST_COLUMNS_TO_PAIR = 40
WORDS_NAMED = 4
SENTINEL_ROWS = 3
"""Three nines or more, so often, and far from all other numbers of the column, are no number."""

SAMPLE = 5


# --- missing value ----------------------------------------------------------------------------------------


class MissingValueSettings(KindSettings):
    """Attributes: threshold: missing rate, 0 to 1, above which the issue is raised."""

    threshold: float = Field(default=0.0, ge=0, le=1)


def _fill_options(data: Dataset, issue: Issue) -> Iterator[Option]:
    column = data.profile.column(issue.columns[0])
    if column.kind in ("integer", "number") and column.mean is not None and column.median is not None:
        for name, number_ in (("median", column.median), ("mean", column.mean)):
            text = plain_number(number_, *style(data, column.name, name))
            yield _constant(issue, name, f"fill with the {name} ({text})", text)
            label = f"fill with the {name} of a group"
            yield Option(f"{name}-by-group", "by_group", label, {"statistic": name}, needs=("group",))
    if mode := _mode(column):
        common, count = mode
        why = f"it is in {count:,} of {plural(column.present_count, 'row')}"
        yield _constant(issue, "mode", f"fill with the most frequent value ({_short(common)})", common, why)
        label = "fill with the most frequent value of a group"
        yield Option("mode-by-group", "by_group", label, {"statistic": "mode"}, needs=("group",))
    yield Option("constant", "constant", "fill with a value of yours", needs=("value",))
    yield _computed(column.name)
    for name, where, unreached in (("forward", "above", "leading"), ("back", "below", "trailing")):
        filled = issue.count - issue.facts[unreached]
        counted = Preview(rows_changed=filled, cells_changed=filled)
        label = f"fill with the value {where}"
        yield Option(f"{name}-fill", f"{name}_fill", label, {"order": ROW}, preview=counted)
    if column.missing_rate >= 0.5:  # noqa: PLR2004  (more gaps than values)
        yield _dropped(column, issue)


def _constant(issue: Issue, key: str, label: str, value: str, why: str = "") -> Option:
    changes = tuple(Change(cell.row, cell.column, cell.value, value) for cell in issue.sample[:SAMPLE])
    seen = Preview(rows_changed=issue.count, cells_changed=issue.count, changes=changes)
    return Option(key, "constant", label, {"value": value}, why, preview=seen)


def _computed(column: str) -> Option:
    label = "compute them from other columns, by an expression of yours"
    return Option("compute", "recompute", label, {"column": column}, needs=("expression",))


def _dropped(column: ColumnProfile, issue: Issue) -> Option:
    cells = column.rows - column.null_count
    changes = tuple(Change(c.row, c.column, c.value, None) for c in issue.sample[:SAMPLE] if c.value is not None)
    seen = Preview(rows_changed=cells, cells_changed=cells, columns_dropped=(column.name,), changes=changes)
    return Option("drop-column", "drop_column", "drop the column", preview=seen)


def _mode(column: ColumnProfile) -> tuple[str, int] | None:
    """The most frequent value that says something and is known to its end, if it is there more than once."""
    telling = ((v, n) for v, n in column.top if v.strip() and v.strip().lower() not in NULL_WORDS)
    value, count = next(telling, ("", 0))
    return (value, count) if count > 1 and len(value) < TOP_LENGTH else None


@kind("Missing values", dimension=Dimension.COMPLETENESS, settings=MissingValueSettings, recommend=_fill_options)
def missing_value(data: Dataset, settings: Settings[MissingValueSettings]) -> Iterable[Finding]:
    """Cells that are null or hold nothing but white space."""
    raised = [
        c
        for c in data.profile.columns
        if c.missing_count and c.present_count and c.missing_rate > settings.of(c.name).threshold
    ]
    unreached = _unreached(data, [c.name for c in raised])
    for column in raised:
        count, share, required = column.missing_count, column.missing_rate, _required(data, column.name)
        why = f"{some_of(count, column.rows, 'row', 'holds', 'hold')} nothing ({rate(share)})" + (
            ", but the contract requires it" if required else ""
        )
        severity = Severity.HIGH if required else Severity.MEDIUM if share >= 0.05 else Severity.LOW  # noqa: PLR2004
        cells = suspects(data, column.name, partial(_gap, column.name))
        yield Finding((column.name,), cells, count, column.rows, why, severity, facts=unreached[column.name])


def _unreached(data: Dataset, columns: Sequence[str]) -> Mapping[str, dict[str, int]]:
    """Per column, how many rows come before its first present value ("leading") and after its last ("trailing")."""
    if not columns:
        return {}
    table = only(data.table, (ROW, *columns))
    blank = {name: data.profile.column(name).blank_count for name in columns}
    there = {name: ~is_missing(table[name]) if blank[name] else table[name].notnull() for name in columns}
    ends = {
        f"{i} {end}": getattr(table[ROW], end)(where=there[name])
        for i, name in enumerate(columns)
        for end in ("min", "max")
    }
    (found,) = table.agg(**ends).to_pyarrow().to_pylist()
    outside = {
        **{f"{i} leading": (_[ROW] < found[f"{i} min"]).sum() for i in range(len(columns))},
        **{f"{i} trailing": (_[ROW] > found[f"{i} max"]).sum() for i in range(len(columns))},
    }
    (rows,) = only(data.table, (ROW,)).agg(**outside).to_pyarrow().to_pylist()
    return {name: {end: int(rows[f"{i} {end}"]) for end in ("leading", "trailing")} for i, name in enumerate(columns)}


# --- disguised missing --------------------------------------------------------------------------------------


class DisguisedMissingSettings(KindSettings):
    """Attributes: words: words that mean null beside the built-in ones; sentinels: look for 9999 and the like."""

    words: tuple[str, ...] = ()
    sentinels: bool = True


def _null_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    counts, certain = issue.facts["values"], issue.facts["certain"]
    if certain:
        yield _to_null(issue, "to-null", certain, issue.why, safe=True)
    if len(certain) < len(counts):
        key = "all-to-null" if certain else "to-null"
        yield _to_null(issue, key, sorted(counts), "some of them can be values, too", safe=False)


def _to_null(issue: Issue, key: str, values: Sequence[str], why: str, *, safe: bool) -> Option:
    cells = sum(issue.facts["values"][value] for value in values)
    changes = tuple(Change(c.row, c.column, c.value, None) for c in issue.sample if c.value in values)[:SAMPLE]
    seen = Preview(rows_changed=cells, cells_changed=cells, changes=changes)
    return Option(key, "to_null", f"to null: {_list(values)}", {"values": list(values)}, why, safe=safe, preview=seen)


@kind(
    "Disguised missing values",
    dimension=Dimension.COMPLETENESS,
    settings=DisguisedMissingSettings,
    recommend=_null_options,
)
def disguised_missing(data: Dataset, settings: Settings[DisguisedMissingSettings]) -> Iterable[Finding]:
    """Words such as N/A, and numbers or dates such as 9999 that stand out from their column.

    A word that the contract allows is a value. Any other is certain where the contract lists the values or says that
    they are no text, and amid values that all have digits, in a column with gaps: where what is not there is left
    empty, no word is needed for it.
    """
    words, met = _word_values(data, settings), _sentinels(data)
    for column in data.profile.columns:
        chosen = settings.of(column.name)
        allowed = data.contract.column(column.name).allowed or ()
        found = {word: n for word, n in words.get(column.name, ()) if word not in allowed}
        standing_out = _standing_out(data, column, met.get(column.name, {})) if chosen.sentinels else {}
        counts = {**found, **standing_out}
        if not counts:
            continue
        strangers = _no_values(data, column, found)
        certain = sorted(v for v in counts if v in found and (strangers or _certain(v, column, chosen.words)))
        certain += sorted(v for v, n in standing_out.items() if _surely_stands_for_nothing(v, n, column))
        shown = ", ".join(
            f"'{_short(value)}' {n:,}×" for value, n in sorted(counts.items(), key=lambda i: (-i[1], i[0]))[:6]
        )
        facts = {"values": dict(sorted(counts.items())), "certain": certain}
        cells = suspects(data, column.name, partial(_one_of, column.name, sorted(counts)))
        count = sum(counts.values())
        severity = Severity.MEDIUM if certain else Severity.LOW
        sure = round(0.9 * sum(counts[v] for v in certain) / count, 4)
        why = f"{shown} instead of null"
        yield Finding((column.name,), cells, count, column.rows, why, severity, facts=facts, confidence=sure)


def _surely_stands_for_nothing(number_: str, rows: int, column: ColumnProfile) -> bool:
    """Whether a number that stands out is all nines and neither rare nor what most rows have, as "no limit" may be."""
    return bool(re.fullmatch("-?9{3,}", number_)) and rows >= SENTINEL_ROWS and 2 * rows < column.present_count


# --- empty or constant column ---------------------------------------------------------------------------------


def _drop_options(data: Dataset, issue: Issue) -> Iterator[Option]:
    yield _dropped(data.profile.column(issue.columns[0]), issue)


@kind("Empty or constant column", dimension=Dimension.COMPLETENESS, recommend=_drop_options)
def empty_or_constant_column(data: Dataset, settings: Settings[KindSettings]) -> Iterable[Finding]:  # noqa: ARG001
    """Columns without a value, or whose every value is the same."""
    for column in data.profile.columns:
        if column.rows and not column.present_count:
            yield _empty(data, column)
        elif column.present_count > 1 and any(n == column.present_count for _value, n in column.top):
            yield _same(data, column)


def _empty(data: Dataset, column: ColumnProfile) -> Finding:
    name, required = column.name, _required(data, column.name)
    return Finding(
        columns=(name,),
        cells=suspects(data, name, lambda table: is_missing(table[name])),
        count=column.rows,
        checked=column.rows,
        why=f"none of {plural(column.rows, 'row')} holds anything"
        + (", but the contract requires it" if required else ""),
        severity=Severity.HIGH if required else Severity.LOW,
        title=f"Empty column {name}",
    )


def _same(data: Dataset, column: ColumnProfile) -> Finding:
    name, present = column.name, column.present_count
    value = next(value for value, n in column.top if n == present)
    rows = f"all {present:,} rows" if not column.missing_count else f"all {present:,} rows that hold anything"
    return Finding(
        columns=(name,),
        cells=suspects(data, name, lambda table: ~is_missing(table[name])),
        count=present,
        checked=column.rows,
        why=f"{rows} hold '{_short(value)}'",
        severity=Severity.INFO,
        title=f"Constant column {name}",
    )


# --- conditional missing ------------------------------------------------------------------------------------


class ConditionalMissingSettings(KindSettings):
    """Attributes: share: how often two columns must be filled together, or a formula must hold, 0 to 1."""

    share: float = Field(default=0.95, gt=0.5, le=1)


def _derive_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    if formula := issue.facts.get("formula"):
        why = f"it holds in {issue.facts['holds']:,} of {issue.facts['complete']:,} complete rows"
        yield Option("derive", "derive", f"compute {spoken(formula)}", formula, why, safe=issue.facts["exact"])
    yield _computed(issue.columns[0])


@kind(
    "Conditionally missing values",
    dimension=Dimension.COMPLETENESS,
    settings=ConditionalMissingSettings,
    recommend=_derive_options,
)
def conditional_missing(data: Dataset, settings: Settings[ConditionalMissingSettings]) -> Iterable[Finding]:
    """Cells that are missing although others of the row say that they should be there, or what they should be."""
    derivable = list(_derivable(data, settings))
    yield from derivable
    explained = {finding.columns[0] for finding in derivable}
    yield from (finding for finding in _unpaired(data, settings) if finding.columns[0] not in explained)


# --- remedies -----------------------------------------------------------------------------------------------


class Constant(Parameters):
    """Attributes: value: what is written."""

    value: str = Field(min_length=1)


class ByGroup(Parameters):
    """Attributes: statistic: what is computed; group: the column whose equal values make a group."""

    statistic: Literal["mean", "median", "mode"]
    group: str = Field(min_length=1)


class Ordered(Parameters):
    """Attributes: order: column that orders the rows; group: fill only from rows with the same value here."""

    order: str = ROW
    group: str = ""


class Dropped(Parameters):
    """Attributes: rate: the column goes when so large a share of it is missing, 0 to 1, and stays otherwise."""

    rate: float = Field(0.0, ge=0, le=1)


class ToNull(Parameters):
    """Attributes: values: exactly these values become null."""

    values: tuple[str, ...] = Field(min_length=1)


@remedy("Fill with a value", parameters=Constant)
def constant(data: Dataset, issue: Issue, p: Constant) -> tuple[Effect, ...]:
    """Write one value into every suspect cell that is missing."""
    return tuple(_writes(data, column, ibis.literal(p.value)) for column in issue.columns[:1])


@remedy("Fill with a group's statistic", parameters=ByGroup)
def by_group(data: Dataset, issue: Issue, p: ByGroup) -> tuple[Effect, ...]:
    """Write the mean, median or most frequent value of the row's group; groups without one stay as they are."""
    column = issue.columns[0]
    _column(data, p.group)
    table = only(data.table, (ROW, column, p.group))
    grouped = table.filter(~is_missing(table[p.group])).select(ROW, group=_[p.group], value=_[column])
    gaps = grouped.filter(is_missing(grouped.value))
    statistics = _statistics(data, column, grouped.filter(~is_missing(grouped.value)), p.statistic)
    filled = gaps.join(statistics, gaps.group == statistics.of)
    return (CellWrites(column, filled.select(ROW, after=filled.fill)),)


def _statistics(data: Dataset, column: str, present: ibis.Table, statistic: str) -> ibis.Table:
    """`of`, `fill`: the statistic of each group."""
    if statistic == "mode":
        counted = present.group_by("group", "value").agg(n=_.count())
        placed = counted.mutate(place=ibis.row_number().over(group_by="group", order_by=[ibis.desc("n"), "value"]))
        return placed.filter(_.place == 0).select(of=_.group, fill=_["value"])
    exact = number(present["value"]).try_cast("decimal(38, 9)")  # sums of floats would depend on the order of rows
    found = (exact.mean() if statistic == "mean" else exact.median()).cast("float64")
    text = written(found, *style(data, column, statistic))
    return present.group_by(of=present.group).agg(fill=text).filter(_.fill.notnull())


@remedy("Fill with the value above", parameters=Ordered)
def forward_fill(data: Dataset, issue: Issue, p: Ordered) -> tuple[Effect, ...]:
    """Write the nearest present value of an earlier row; without one the cell stays as it is."""
    return _carried(data, issue, p, backwards=False)


@remedy("Fill with the value below", parameters=Ordered)
def back_fill(data: Dataset, issue: Issue, p: Ordered) -> tuple[Effect, ...]:
    """Write the nearest present value of a later row; without one the cell stays as it is."""
    return _carried(data, issue, p, backwards=True)


@remedy("Drop the column", parameters=Dropped)
def drop_column(data: Dataset, issue: Issue, p: Dropped) -> tuple[Effect, ...]:
    """Take the column out; what it held stays in the change set."""
    return tuple(ColumnDrop(name) for name in issue.columns[:1] if data.profile.column(name).missing_rate >= p.rate)


@remedy("Words to null", parameters=ToNull)
def to_null(data: Dataset, issue: Issue, p: ToNull) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Write null wherever the column holds one of the values."""
    return tuple(ValueMap(column, tuple((value, None) for value in p.values)) for column in issue.columns[:1])


@remedy("Compute from other columns", parameters=Formula)
def derive(data: Dataset, issue: Issue, p: Formula) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Write `left operator right` where the target is missing and both are numbers."""
    for name in (p.target, p.left, p.right):
        _column(data, name)
    table = only(data.table, (ROW, p.target, p.left, p.right))
    _, fixed = style(data, p.target, "derived")
    gaps = apart(table.filter(is_missing(table[p.target])))
    results = gaps.select(ROW, after=written(result(gaps, p), p.decimals, fixed))
    return (CellWrites(p.target, results.filter(results.after.notnull())),)


# --- how it is found and written -----------------------------------------------------------------------------


def suspects(data: Dataset, column: str, suspect: Callable[[ibis.Table], ibis.Value], *others: str) -> ibis.Table:
    """`_row`, `column`, `value` of a column's suspect cells; `suspect` may look at the column and the others."""
    table = only(data.table, (ROW, column, *others))
    return table.filter(suspect(table)).select(ROW, column=ibis.literal(column), value=table[column])


def _required(data: Dataset, column: str) -> bool:
    promised = data.contract.columns.get(column)
    return bool(promised and promised.required)


def _word_values(data: Dataset, settings: Settings[DisguisedMissingSettings]) -> Mapping[str, list[tuple[str, int]]]:
    """Per column, its values that are null words, with counts; one query for all columns."""
    own = {word.strip().lower() for each in (settings.default, *settings.columns.values()) for word in each.words}
    wanted = sorted({*NULL_WORDS, *AMBIGUOUS_WORDS, *own})
    forms, plain = {pattern_of(word) for word in wanted}, all(word.isascii() for word in wanted)
    columns = [c.name for c in data.profile.columns if not plain or may_hold(c, lambda form: form.strip() in forms)]
    found: dict[str, list[tuple[str, int]]] = {}
    if not columns:
        return found
    known = data.domains.filter(data.domains.column.isin(columns), data.domains.value.strip().lower().isin(wanted))
    for cell in known.order_by("column", "value").to_pyarrow().to_pylist():
        word, own_words = cell["value"].strip().lower(), settings.of(cell["column"]).words
        if word in NULL_WORDS or word in AMBIGUOUS_WORDS or word in {w.strip().lower() for w in own_words}:
            found.setdefault(cell["column"], []).append((cell["value"], cell["n"]))
    return found


def _certain(value: str, column: ColumnProfile, own: Sequence[str]) -> bool:
    """Whether a word can mean nothing but null here.

    The pilot named it, or it stands amid numbers and dates, or it is a null word that is neither written like a name
    ("Nan", "Null"), nor as a code amid others of as many letters, as large (NAN beside LHR, nan beside deu), nor a
    sign amid other signs ("-" beside "+").
    """
    word = value.strip()
    if word.lower() in {w.strip().lower() for w in own}:
        return True
    if column.numeric_count + column.date_count > column.present_count / 2:
        return True
    if word.isalpha() and column.min_length == column.max_length and _are_codes(column, word):
        return False
    signs = [v for v, _n in column.top if v.strip() and v.strip().lower() not in NULL_WORDS and not _spelled(v)]
    return word.lower() in NULL_WORDS and not (word.isalpha() and word.istitle()) and (_spelled(word) or not signs)


def _are_codes(column: ColumnProfile, word: str) -> bool:
    """Whether the frequent values of a column are letters as large as the word; small ones name things only once."""
    if word.isupper():
        return all(v.isalpha() and v.isupper() for v, _n in column.top)
    return column.distinct_count == column.rows and all(v.isalpha() and v.islower() for v, _n in column.top)


DIGITED, FEWEST_DIGITED = 0.98, 20
"""Share of the values that say something that must have a digit, and how many rows, for words to be strangers."""


def _no_values(data: Dataset, column: ColumnProfile, found: Mapping[str, int]) -> bool:
    """Whether the contract, or the column's other values, show that words which may mean null are no values."""
    promised = data.contract.column(column.name)
    if promised.allowed or promised.reads_as not in (None, "text"):
        return True
    return column.missing_count > 0 and _all_have_digits(column, found)


def _all_have_digits(column: ColumnProfile, found: Mapping[str, int]) -> bool:
    """Whether hardly a value of the column is without a digit, but for words that may mean null."""
    words = sum(n for value, n in found.items() if not re.search("[0-9]", value))
    with_digits = sum(p.rows for p in column.patterns if "9" in p.text)
    return with_digits >= max(FEWEST_DIGITED, DIGITED * (column.present_count - words))


def _spelled(value: str) -> bool:
    return any(c.isalnum() for c in value)


def _sentinels(data: Dataset) -> Mapping[str, dict[str, int]]:
    """Per column of numbers or dates, its repeated values that are sentinels of them; one query for all columns."""
    columns = [c.name for c in data.profile.columns if _is_measured(c)]
    if not columns:
        return {}
    domains = data.domains.filter(data.domains.column.isin(columns), data.domains.n > 1)
    value = domains.value
    met = domains.filter(number(value).isin(NUMBER_SENTINELS) | value.left(10).isin(DATE_SENTINELS))
    found: dict[str, dict[str, int]] = {}
    for cell in met.order_by("column", "value").to_pyarrow().to_pylist():
        found.setdefault(cell["column"], {})[cell["value"]] = cell["n"]
    return found


def _is_measured(column: ColumnProfile) -> bool:
    """Whether nearly all values are numbers, or dates."""
    return 0 < 0.9 * column.present_count <= max(column.date_count, column.numeric_count)


def _standing_out(data: Dataset, column: ColumnProfile, repeated: Mapping[str, int]) -> dict[str, int]:
    """Sentinels beyond the range of all other values of a column of numbers, or of dates."""
    low, high = column.minimum, column.maximum
    dates = column.date_count >= 0.9 * column.present_count
    if not repeated:
        return {}
    places = {value: _place(value, dates=dates) for value in repeated if dates == (value[:10] in DATE_SENTINELS)}
    if not dates and not {low, high}.intersection(places.values()):
        return {}
    domain = data.domains.filter((data.domains.column == column.name) & ~data.domains.value.isin(sorted(places)))
    scale = domain.value.left(10).try_cast("date").epoch_seconds() / 86_400 if dates else number(domain.value)
    span = domain.agg(low=scale.min(), high=scale.max(), n=_.count()).to_pyarrow().to_pylist()[0]
    if span["n"] < FEWEST_OTHERS or span["low"] is None:
        places = {value: place for value, place in places.items() if span["n"] > 1 and _BELOW_ALL.fullmatch(value)}
    return {v: repeated[v] for v, place in places.items() if _beyond(place, span["low"], span["high"], dates=dates)}


FEWEST_OTHERS = 5
"""Other values that most sentinels need to stand out from; −999 stands out from two, as 0 and 1."""

_BELOW_ALL = re.compile("-9{3,}")


def _place(value: str, *, dates: bool) -> float:
    import datetime as dt

    return dt.date.fromisoformat(value[:10]).toordinal() - 719_163 if dates else float(value)


FAR_BELOW, LEAST_BELOW = 10, -999
"""How many times farther from zero than all others a sentinel is amid negative numbers, and what it is at most."""


def _beyond(value: float, low: float, high: float, *, dates: bool) -> bool:
    """Whether a value is far outside.

    Of numbers: below zero amid none, far below others that are, or twice the highest. Of dates: a decade from all.
    """
    if dates:
        return not low - 3650 <= value <= high + 3650
    if value < 0:
        return low >= 0 or (value <= LEAST_BELOW and value < FAR_BELOW * low)
    return value > 0 and high >= 0 and value > 2 * high + 1


def _derivable(data: Dataset, settings: Settings[ConditionalMissingSettings]) -> Iterator[Finding]:
    gappy = [c for c in data.profile.columns if c.missing_count]
    for target, formula, held in mined(data, gappy, lambda name: settings.of(name).share):
        if held["gaps"]:
            yield _derived(data, target, formula, held)


def _derived(data: Dataset, target: ColumnProfile, formula: Formula, held: dict[str, Any]) -> Finding:
    said = spoken(formula.model_dump())
    share = held["holds"] / held["complete"]
    return Finding(
        columns=(target.name,),
        cells=suspects(
            data,
            target.name,
            lambda table: is_missing(table[target.name]) & result(table, formula).notnull(),
            formula.left,
            formula.right,
        ),
        count=held["gaps"],
        checked=target.rows,
        why=f"{held['gaps']:,} are missing that {said} gives; "
        f"it holds in {rate(share)} of {held['complete']:,} complete rows",
        severity=Severity.MEDIUM,
        title=f"Derivable missing values in {target.name}",
        facts={"formula": formula.model_dump(), "exact": math.isclose(share, 1) or share >= 0.99, **held},  # noqa: PLR2004
    )


def _unpaired(data: Dataset, settings: Settings[ConditionalMissingSettings]) -> Iterator[Finding]:
    """Columns that are filled together nearly always: where one is and the other is not."""
    columns = [c for c in data.profile.columns if 0.05 <= c.missing_rate <= 0.95][:MOST_COLUMNS_TO_PAIR]  # noqa: PLR2004
    pairs = list(combinations(columns, 2))
    if not pairs:
        return
    table = only(data.table, [c.name for c in columns])
    there = {c.name: ~is_missing(table[c.name]) for c in columns}
    present = table.select(**{f"c{i}": there[c.name] for i, c in enumerate(columns)})
    place = {c.name: f"c{i}" for i, c in enumerate(columns)}
    tallies = {f"p{i}": (present[place[a.name]] & present[place[b.name]]).sum() for i, (a, b) in enumerate(pairs)}
    found = present.agg(**tallies).to_pyarrow().to_pylist()[0]
    both = {frozenset((a.name, b.name)): int(found[f"p{i}"] or 0) for i, (a, b) in enumerate(pairs)}
    best: dict[str, tuple[float, ColumnProfile, int]] = {}
    for a, b in permutations(columns, 2):
        together = both[frozenset((a.name, b.name))]
        alone = b.present_count - together
        with_b, without_b = together / a.present_count, 1 - alone / max(a.missing_count, 1)
        gaps, share = a.present_count - together, settings.of(b.name).share
        if gaps and with_b >= share and without_b >= share and with_b > best.get(b.name, (0.0,))[0]:
            best[b.name] = (with_b, a, gaps)
    for name, (share, a, gaps) in best.items():
        why = f"{plural(gaps, 'row has', 'rows have')} {a.name} but no {name}; "
        why += f"in {rate(share)} of rows with {a.name} both are there"
        cells = suspects(data, name, partial(_alone, a.name, name), a.name)
        yield Finding((name, a.name), cells, gaps, a.present_count, why, Severity.LOW)


def _gap(name: str, table: ibis.Table) -> ibis.Value:
    return is_missing(table[name])


def _one_of(name: str, values: Sequence[str], table: ibis.Table) -> ibis.Value:
    return table[name].isin(values)


def _alone(a: str, b: str, table: ibis.Table) -> ibis.Value:
    return ~is_missing(table[a]) & is_missing(table[b])


def _writes(data: Dataset, column: str, value: ibis.Value) -> CellWrites:
    table = only(data.table, (ROW, column))
    return CellWrites(column, table.filter(is_missing(table[column])).select(ROW, after=value))


def _carried(data: Dataset, issue: Issue, p: Ordered, *, backwards: bool) -> tuple[Effect, ...]:
    column = issue.columns[0]
    for name in (p.order, p.group):
        if name not in (ROW, ""):
            _column(data, name)
    table = only(data.table, (ROW, column, p.order, p.group))
    text = table[p.order].cast("string")
    kept = table.filter(~is_missing(table[p.group])) if p.group else table
    rows = kept.select(
        ROW,
        _group=table[p.group] if p.group else ibis.literal(""),
        _number=number(text),
        _text=text,
        _value=is_missing(table[column]).ifelse(ibis.null("string"), table[column]),
    )
    keys = [ibis.desc("_number"), ibis.desc("_text"), ibis.desc(ROW)] if backwards else ["_number", "_text", ROW]
    placed = rows.mutate(_place=ibis.row_number().over(group_by="_group", order_by=keys))
    so_far = ibis.window(group_by="_group", order_by="_place", preceding=(None, 0))
    here = placed["_value"].notnull().ifelse(placed["_place"], ibis.null("int64"))
    anchored = placed.mutate(_anchor=here.max().over(so_far))
    behind = ibis.window(group_by=["_group", "_anchor"], order_by="_place")
    carried = anchored.mutate(_carried=anchored["_value"].first().over(behind))
    gaps = carried.filter(carried["_value"].isnull() & carried["_carried"].notnull())
    return (CellWrites(column, gaps.select(ROW, after=gaps["_carried"])),)


def _column(data: Dataset, name: str) -> ibis.Value:
    if name not in data.columns:
        raise AnswerError(f"no column '{name}'", available=data.columns, todo=did_you_mean(name, data.columns))
    return data.table[name]


def _list(values: Sequence[str]) -> str:
    more = f" and {len(values) - WORDS_NAMED} more" if len(values) > WORDS_NAMED else ""
    return ", ".join(f"'{_short(value)}'" for value in values[:WORDS_NAMED]) + more


def _short(value: str, most: int = 30) -> str:
    line = " ".join(value.split())
    return line if len(line) <= most else line[: most - 1] + "…"
