"""What is not there: nulls and blanks, words that mean null, empty columns, gaps that other columns fill.

Nothing is invented: a fill is computed from the column's own present values, from other columns of the same row,
or given by the pilot, and none of the guesses is recommended. Recommended is only what takes nothing away: words
that can mean nothing but null become null, and a value that two others determine is computed from them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import combinations, permutations
from typing import Any, Literal

import ibis
from ibis import _
from pydantic import Field

from tasks.quality.errors import AnswerError, did_you_mean
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
from tasks.quality.profile import is_missing, number
from tasks.quality.registry import KindSettings, Parameters, Settings, kind, remedy

NULL_WORDS = (
    "n/a", "#n/a", "n.a.", "null", "(null)", "<null>", "nan", "<na>", "nil", "?", "??", "-", "--", "---",
)  # fmt: skip
"""Words that can mean nothing but "no value", compared trimmed and in lower case."""

AMBIGUOUS_WORDS = (
    "na", "none", "unknown", "missing", "empty", "undefined", "not available", "not applicable", "error", "tbd",
    "#ref!", "#value!",
)  # fmt: skip
"""Words that often mean "no value" and sometimes a value: Namibia, no allergies, an unknown soldier."""

NUMBER_SENTINELS = ("-1", "-9", "-99", "-999", "-9999", "99", "999", "9999", "99999", "999999")
DATE_SENTINELS = ("1900-01-01", "1970-01-01", "9999-12-31", "0001-01-01", "1899-12-30")

FEWEST_ROWS_TO_DERIVE = 30
MOST_COLUMNS_TO_PAIR = 40
MOST_COLUMNS_TO_DERIVE = 12
WORDS_NAMED = 4
MOST_COLUMNS_TO_PREVIEW = 30
SAMPLE = 5


# --- missing value ----------------------------------------------------------------------------------------


class MissingValueSettings(KindSettings):
    """Attributes: threshold: missing rate, 0 to 1, above which the issue is raised."""

    threshold: float = Field(default=0.0, ge=0, le=1)


def _fill_options(data: Dataset, issue: Issue) -> Iterator[Option]:
    column = data.profile.column(issue.columns[0])
    if column.kind in ("integer", "number") and column.mean is not None and column.median is not None:
        for name, number_ in (("median", column.median), ("mean", column.mean)):
            text = plain_number(number_, _decimals(column))
            yield _constant(issue, name, f"fill with the {name} ({text})", text)
            label = f"fill with the {name} of a group"
            yield Option(f"{name}-by-group", "by_group", label, {"statistic": name}, needs=("group",))
    if column.top and column.top[0][1] > 1:
        common, count = column.top[0]
        why = f"it is in {count:,} of {column.present_count:,} rows"
        yield _constant(issue, "mode", f"fill with the most frequent value ({_short(common)})", common, why)
        label = "fill with the most frequent value of a group"
        yield Option("mode-by-group", "by_group", label, {"statistic": "mode"}, needs=("group",))
    yield Option("constant", "constant", "fill with a value of yours", needs=("value",))
    unseen = Preview() if _gappy(data) > MOST_COLUMNS_TO_PREVIEW else None
    why = "how many cells it fills is counted when it is carried out" if unseen else ""
    yield Option("forward-fill", "forward_fill", "fill with the value above", {"order": ROW}, why, preview=unseen)
    yield Option("back-fill", "back_fill", "fill with the value below", {"order": ROW}, why, preview=unseen)
    if column.missing_rate >= 0.5:  # noqa: PLR2004  (more gaps than values)
        yield _dropped(column, issue)


def _constant(issue: Issue, key: str, label: str, value: str, why: str = "") -> Option:
    changes = tuple(Change(cell.row, cell.column, cell.value, value) for cell in issue.sample[:SAMPLE])
    seen = Preview(rows_changed=issue.count, cells_changed=issue.count, changes=changes)
    return Option(key, "constant", label, {"value": value}, why, preview=seen)


def _dropped(column: ColumnProfile, issue: Issue) -> Option:
    cells = column.rows - column.null_count
    changes = tuple(Change(c.row, c.column, c.value, None) for c in issue.sample[:SAMPLE] if c.value is not None)
    seen = Preview(rows_changed=cells, cells_changed=cells, columns_dropped=(column.name,), changes=changes)
    return Option("drop-column", "drop_column", "drop the column", preview=seen)


def _gappy(data: Dataset) -> int:
    return sum(column.missing_count > 0 for column in data.profile.columns)


@kind("Missing values", dimension=Dimension.COMPLETENESS, settings=MissingValueSettings, recommend=_fill_options)
def missing_value(data: Dataset, settings: Settings[MissingValueSettings]) -> Iterable[Finding]:
    """Cells that are null or hold nothing but white space."""
    for column in data.profile.columns:
        count, rate = column.missing_count, column.missing_rate
        if not count or not column.present_count or rate <= settings.of(column.name).threshold:
            continue
        required = _required(data, column.name)
        why = f"{count:,} of {column.rows:,} rows ({rate:.1%}) hold nothing" + (
            ", but the contract requires it" if required else ""
        )
        severity = Severity.HIGH if required else Severity.MEDIUM if rate >= 0.05 else Severity.LOW  # noqa: PLR2004
        cells = suspects(data, column.name, is_missing(data.table[column.name]))
        yield Finding((column.name,), cells, count, column.rows, why, severity)


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
    return Option(key, "to_null", f"to null: {_list(values)}", {"values": list(values)}, why, safe, preview=seen)


@kind(
    "Disguised missing values",
    dimension=Dimension.COMPLETENESS,
    settings=DisguisedMissingSettings,
    recommend=_null_options,
)
def disguised_missing(data: Dataset, settings: Settings[DisguisedMissingSettings]) -> Iterable[Finding]:
    """Words such as N/A, and numbers or dates such as 9999 that stand out from their column."""
    words = _word_values(data, settings)
    for column in data.profile.columns:
        chosen = settings.of(column.name)
        found = dict(words.get(column.name, ()))
        standing_out = _sentinels(data, column) if chosen.sentinels else {}
        counts = {**found, **standing_out}
        if not counts:
            continue
        certain = sorted(v for v in found if _certain(v, column, chosen.words))
        shown = ", ".join(
            f"'{_short(value)}' {n:,}×" for value, n in sorted(counts.items(), key=lambda i: (-i[1], i[0]))[:6]
        )
        facts = {"values": dict(sorted(counts.items())), "certain": certain}
        cells = suspects(data, column.name, data.table[column.name].isin(sorted(counts)))
        count = sum(counts.values())
        severity = Severity.MEDIUM if certain else Severity.LOW
        yield Finding((column.name,), cells, count, column.rows, f"{shown} instead of null", severity, facts=facts)


# --- empty or constant column ---------------------------------------------------------------------------------


def _drop_options(data: Dataset, issue: Issue) -> Iterator[Option]:
    yield _dropped(data.profile.column(issue.columns[0]), issue)


@kind("Empty or constant column", dimension=Dimension.COMPLETENESS, recommend=_drop_options)
def empty_or_constant_column(data: Dataset, settings: Settings[KindSettings]) -> Iterable[Finding]:  # noqa: ARG001
    """Columns without a value, or with one value in every row."""
    for column in data.profile.columns:
        if column.rows < 2 or column.distinct_count > 1:  # noqa: PLR2004  (one row is no evidence)
            continue
        cell = data.table[column.name]
        if not column.present_count:
            cells = suspects(data, column.name, is_missing(cell))
            why = f"none of {column.rows:,} rows holds anything"
            yield Finding(
                (column.name,), cells, column.rows, column.rows, why, Severity.LOW, title=f"Empty column {column.name}"
            )
        elif not column.missing_count:
            cells = suspects(data, column.name, cell.notnull())
            why = f"all {column.rows:,} rows hold '{_short(column.top[0][0])}'"
            yield Finding(
                (column.name,),
                cells,
                column.rows,
                column.rows,
                why,
                Severity.INFO,
                title=f"Constant column {column.name}",
            )


# --- conditional missing ------------------------------------------------------------------------------------


class ConditionalMissingSettings(KindSettings):
    """Attributes: share: how often two columns must be filled together, or a formula must hold, 0 to 1."""

    share: float = Field(default=0.95, gt=0.5, le=1)


def _derive_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    if formula := issue.facts.get("formula"):
        why = f"it holds in {issue.facts['holds']:,} of {issue.facts['complete']:,} complete rows"
        yield Option("derive", "derive", f"compute {_spoken(formula)}", formula, why, safe=issue.facts["exact"])


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


class ToNull(Parameters):
    """Attributes: values: exactly these values become null."""

    values: tuple[str, ...] = Field(min_length=1)


class Formula(Parameters):
    """`target = left operator right`, rounded half to even to `decimals`."""

    target: str
    left: str
    operator: Literal["*", "+", "-"]
    right: str
    decimals: int = Field(ge=0, le=12)


@remedy("Fill with a value", parameters=Constant)
def constant(data: Dataset, issue: Issue, p: Constant) -> tuple[Effect, ...]:
    """Write one value into every suspect cell that is missing."""
    return tuple(_writes(data, column, ibis.literal(p.value)) for column in issue.columns[:1])


@remedy("Fill with a group's statistic", parameters=ByGroup)
def by_group(data: Dataset, issue: Issue, p: ByGroup) -> tuple[Effect, ...]:
    """Write the mean, median or most frequent value of the row's group; groups without one stay as they are."""
    column = issue.columns[0]
    group = _column(data, p.group)
    present = data.table.filter(~is_missing(data.table[column])).select(_group=group, _value=data.table[column])
    if p.statistic == "mode":
        counted = present.group_by("_group", "_value").agg(n=_.count())
        placed = counted.mutate(place=ibis.row_number().over(group_by="_group", order_by=[ibis.desc("n"), "_value"]))
        statistics = placed.filter(_.place == 0).select("_group", _fill=_["_value"])
    else:
        value = number(present["_value"])
        decimals = _decimals(data.profile.column(column))
        statistic = (value.mean() if p.statistic == "mean" else value.median()).round(decimals)
        text = statistic.cast(f"decimal(38, {decimals})").cast("string")
        statistics = present.group_by("_group").agg(_fill=text).filter(_["_fill"].notnull())
    gaps = data.table.filter(is_missing(data.table[column])).select(ROW, _key=group)
    filled = gaps.join(statistics, gaps["_key"] == statistics["_group"])
    return (CellWrites(column, filled.select(ROW, after=filled["_fill"])),)


@remedy("Fill with the value above", parameters=Ordered)
def forward_fill(data: Dataset, issue: Issue, p: Ordered) -> tuple[Effect, ...]:
    """Write the nearest present value of an earlier row; without one the cell stays as it is."""
    return _carried(data, issue, p, backwards=False)


@remedy("Fill with the value below", parameters=Ordered)
def back_fill(data: Dataset, issue: Issue, p: Ordered) -> tuple[Effect, ...]:
    """Write the nearest present value of a later row; without one the cell stays as it is."""
    return _carried(data, issue, p, backwards=True)


@remedy("Drop the column")
def drop_column(data: Dataset, issue: Issue, p: Parameters) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Take the column out; what it held stays in the change set."""
    return tuple(ColumnDrop(column) for column in issue.columns[:1])


@remedy("Words to null", parameters=ToNull)
def to_null(data: Dataset, issue: Issue, p: ToNull) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Write null wherever the column holds one of the values."""
    return tuple(ValueMap(column, tuple((value, None) for value in p.values)) for column in issue.columns[:1])


@remedy("Compute from other columns", parameters=Formula)
def derive(data: Dataset, issue: Issue, p: Formula) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Write `left operator right` where the target is missing and both are numbers."""
    result = _result(data, p).round(p.decimals).cast(f"decimal(38, {p.decimals})").cast("string")
    gaps = data.table.mutate(_computed=result).filter(is_missing(_column(data, p.target)) & _["_computed"].notnull())
    return (CellWrites(p.target, gaps.select(ROW, after=gaps["_computed"])),)


# --- how it is found and written -----------------------------------------------------------------------------


def suspects(data: Dataset, column: str, suspect: ibis.Value) -> ibis.Table:
    """`_row`, `column`, `value` of a column's suspect cells."""
    return data.table.filter(suspect).select(ROW, column=ibis.literal(column), value=data.table[column])


def plain_number(value: float, decimals: int) -> str:
    """A number as plain text with at most so many decimals.

    >>> plain_number(12.0, 2), plain_number(0.125, 2)
    ('12', '0.12')
    """
    text = f"{Decimal(repr(round(value, decimals))):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _required(data: Dataset, column: str) -> bool:
    promised = data.contract.columns.get(column)
    return bool(promised and promised.required)


def _decimals(column: ColumnProfile) -> int:
    return max((len(value.partition(".")[2]) for value, _n in column.top if "e" not in value.lower()), default=0)


def _word_values(data: Dataset, settings: Settings[DisguisedMissingSettings]) -> Mapping[str, list[tuple[str, int]]]:
    """Per column, its values that are null words, with counts; one query for all columns."""
    own = {word.strip().lower() for each in (settings.default, *settings.columns.values()) for word in each.words}
    wanted = sorted({*NULL_WORDS, *AMBIGUOUS_WORDS, *own})
    known = data.domains.filter(data.domains.value.strip().lower().isin(wanted))
    found: dict[str, list[tuple[str, int]]] = {}
    for cell in known.order_by("column", "value").to_pyarrow().to_pylist():
        word, own_words = cell["value"].strip().lower(), settings.of(cell["column"]).words
        if word in NULL_WORDS or word in AMBIGUOUS_WORDS or word in {w.strip().lower() for w in own_words}:
            found.setdefault(cell["column"], []).append((cell["value"], cell["n"]))
    return found


def _certain(value: str, column: ColumnProfile, own: Sequence[str]) -> bool:
    """Whether a word can mean nothing but null here: unambiguous, or amid numbers and dates, or named by the pilot."""
    word = value.strip().lower()
    amid_numbers = column.numeric_count + column.date_count > column.present_count / 2
    return word in NULL_WORDS or amid_numbers or word in {w.strip().lower() for w in own}


def _sentinels(data: Dataset, column: ColumnProfile) -> dict[str, int]:
    """Sentinel numbers and dates, repeated, and beyond the range of all other values of a column of their type."""
    present = column.present_count
    if present and column.numeric_count >= 0.9 * present:
        return _standing_out(data, column.name, NUMBER_SENTINELS, dates=False)
    if present and column.date_count >= 0.9 * present:
        return _standing_out(data, column.name, DATE_SENTINELS, dates=True)
    return {}


def _standing_out(data: Dataset, column: str, sentinels: Sequence[str], *, dates: bool) -> dict[str, int]:
    domain = data.domains.filter(data.domains.column == column)
    met = domain.filter(domain.value.isin(sentinels)).select("value", "n").to_pyarrow().to_pylist()
    repeated = {cell["value"]: cell["n"] for cell in met if cell["n"] > 1}
    if not repeated:
        return {}
    others = domain.filter(~domain.value.isin(list(repeated)))
    scale = others.value.left(10).try_cast("date").epoch_seconds() / 86_400 if dates else number(others.value)
    span = others.agg(low=scale.min(), high=scale.max(), n=_.count()).to_pyarrow().to_pylist()[0]
    if span["n"] < 5 or span["low"] is None:  # noqa: PLR2004  (too few others to stand out from)
        return {}
    return {
        value: n
        for value, n in repeated.items()
        if _beyond(_place(value, dates=dates), span["low"], span["high"], dates=dates)
    }


def _place(value: str, *, dates: bool) -> float:
    import datetime as dt

    return dt.date.fromisoformat(value).toordinal() - 719_163 if dates else float(value)


def _beyond(value: float, low: float, high: float, *, dates: bool) -> bool:
    """Whether a value is far outside: below zero amid none, twice the highest, or a decade away from every date."""
    if dates:
        return not low - 3650 <= value <= high + 3650
    return (value < 0 <= low) or (value > 0 and high >= 0 and value > 2 * high + 1)


def _derivable(data: Dataset, settings: Settings[ConditionalMissingSettings]) -> Iterator[Finding]:
    columns = [
        c
        for c in data.profile.columns
        if c.present_count and c.numeric_count >= 0.9 * c.present_count and c.distinct_count > 2  # noqa: PLR2004  (two values fit any formula)
    ]
    targets = [c for c in columns if c.missing_count]
    if len(columns) > MOST_COLUMNS_TO_DERIVE or not targets:
        return
    for target in targets:
        others = [c.name for c in columns if c is not target]
        if best := _best_formula(data, target, others, settings.of(target.name).share):
            yield _derived(data, target, *best)


def _best_formula(
    data: Dataset, target: ColumnProfile, others: Sequence[str], share: float
) -> tuple[Formula, dict[str, Any]] | None:
    decimals = _decimals(target)
    formulas = [
        Formula(target=target.name, left=left, operator=operator, right=right, decimals=decimals)
        for operator, pairs in (
            ("*", combinations(others, 2)),
            ("+", combinations(others, 2)),
            ("-", permutations(others, 2)),
        )
        for left, right in pairs
    ]
    if not formulas:
        return None
    counts = data.table.agg(**_tallies(data, target.name, formulas)).to_pyarrow().to_pylist()[0]
    best: Formula | None = None
    held: dict[str, Any] = {}
    for place, formula in enumerate(formulas):
        complete, holds, gaps = (counts[f"{what}{place}"] or 0 for what in ("complete", "holds", "gaps"))
        enough = complete >= FEWEST_ROWS_TO_DERIVE and gaps and holds >= share * complete
        if enough and holds / complete > (held["holds"] / held["complete"] if held else 0):
            best, held = formula, {"complete": complete, "holds": holds, "gaps": gaps}
    return (best, held) if best else None


def _tallies(data: Dataset, target: str, formulas: Sequence[Formula]) -> dict[str, ibis.Value]:
    wanted, missing = number(data.table[target]), is_missing(data.table[target])
    tallies: dict[str, ibis.Value] = {}
    for place, formula in enumerate(formulas):
        result = _result(data, formula)
        close = (wanted - result).abs() <= 0.5000001 * 10.0**-formula.decimals
        tallies[f"complete{place}"] = (wanted.notnull() & result.notnull()).sum()
        tallies[f"holds{place}"] = close.sum()
        tallies[f"gaps{place}"] = (missing & result.notnull()).sum()
    return tallies


def _derived(data: Dataset, target: ColumnProfile, formula: Formula, held: dict[str, Any]) -> Finding:
    suspect = is_missing(data.table[target.name]) & _result(data, formula).notnull()
    spoken = _spoken(formula.model_dump())
    share = held["holds"] / held["complete"]
    return Finding(
        columns=(target.name,),
        cells=suspects(data, target.name, suspect),
        count=held["gaps"],
        checked=target.rows,
        why=f"{held['gaps']:,} are missing that {spoken} gives; "
        f"it holds in {share:.1%} of {held['complete']:,} complete rows",
        severity=Severity.MEDIUM,
        title=f"Derivable missing values in {target.name}",
        facts={"formula": formula.model_dump(), "exact": math.isclose(share, 1) or share >= 0.99, **held},  # noqa: PLR2004
    )


def _unpaired(data: Dataset, settings: Settings[ConditionalMissingSettings]) -> Iterator[Finding]:
    """Columns that are filled together nearly always: where one is and the other is not."""
    columns = [c for c in data.profile.columns if 0.05 <= c.missing_rate <= 0.95][:MOST_COLUMNS_TO_PAIR]  # noqa: PLR2004
    pairs = list(permutations(columns, 2))
    if not pairs:
        return
    there = {c.name: ~is_missing(data.table[c.name]) for c in columns}
    both = {f"p{i}": (there[a.name] & there[b.name]).sum() for i, (a, b) in enumerate(pairs)}
    counts = data.table.agg(**both).to_pyarrow().to_pylist()[0]
    best: dict[str, tuple[float, ColumnProfile, int]] = {}
    for i, (a, b) in enumerate(pairs):
        together, alone = int(counts[f"p{i}"] or 0), b.present_count - int(counts[f"p{i}"] or 0)
        with_b, without_b = together / a.present_count, 1 - alone / max(a.missing_count, 1)
        gaps, share = a.present_count - together, settings.of(b.name).share
        if gaps and with_b >= share and without_b >= share and with_b > best.get(b.name, (0.0,))[0]:
            best[b.name] = (with_b, a, gaps)
    for name, (share, a, gaps) in best.items():
        suspect = there[a.name] & ~there[name]
        why = f"{gaps:,} rows have {a.name} but no {name}; in {share:.1%} of rows with {a.name} both are there"
        yield Finding((name, a.name), suspects(data, name, suspect), gaps, a.present_count, why, Severity.LOW)


def _result(data: Dataset, formula: Formula) -> ibis.Value:
    left, right = number(_column(data, formula.left)), number(_column(data, formula.right))
    if formula.operator == "*":
        return left * right
    return left + right if formula.operator == "+" else left - right


def _writes(data: Dataset, column: str, value: ibis.Value) -> CellWrites:
    return CellWrites(column, data.table.filter(is_missing(data.table[column])).select(ROW, after=value))


def _carried(data: Dataset, issue: Issue, p: Ordered, *, backwards: bool) -> tuple[Effect, ...]:
    column = issue.columns[0]
    order = data.table[ROW] if p.order == ROW else _column(data, p.order)
    group = _column(data, p.group) if p.group else ibis.literal("")
    missing = is_missing(data.table[column])
    value = missing.ifelse(ibis.null("string"), data.table[column])
    rows = data.table.select(ROW, _group=group, _order=order, _value=value)
    keys = [ibis.desc("_order"), ibis.desc(ROW)] if backwards else ["_order", ROW]
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


def _spoken(formula: Mapping[str, Any]) -> str:
    return f"{formula['target']} = {formula['left']} {formula['operator'].replace('*', '×')} {formula['right']}"


def _list(values: Sequence[str]) -> str:
    more = f" and {len(values) - WORDS_NAMED} more" if len(values) > WORDS_NAMED else ""
    return ", ".join(f"'{_short(value)}'" for value in values[:WORDS_NAMED]) + more


def _short(value: str, most: int = 30) -> str:
    line = " ".join(value.split())
    return line if len(line) <= most else line[: most - 1] + "…"
