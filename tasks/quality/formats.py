"""How values are written: numbers with units, dates in several formats, odd patterns, spaces, damaged letters.

What a value means is read from the value and its column, never guessed: a date that can be two days is an issue,
not a conversion. Recommended is what keeps the meaning exactly: a unit that the whole column shares, a separator,
a date with one reading, spaces around a value, letters whose wrong decoding can be undone.

Confidence of findings: where a column is written in one way, the share of its values that break the way is how
often the way is wrong, so a breach is wrong with `1 − 10 × that share`; a date that can be n days is read wrongly
in n − 1 of n cases.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Literal

import ibis
from ibis import _
from pydantic import Field

from tasks.quality.damage import SUSPECT, is_damaged, redecoded
from tasks.quality.dates import MAY, Order, Written, read_date, shown_order, written_as
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
    Pattern,
    Severity,
)
from tasks.quality.numerals import UNITS, Numeral, code_like, decimal_mark, digits, read_numeral, shortest
from tasks.quality.profile import DATE, NUMBER, is_blank, is_missing, pattern
from tasks.quality.queries import cells_where, only, rows_where, suspects
from tasks.quality.registry import KindSettings, Parameters, Settings, kind, remedy
from tasks.quality.typed import ColumnType, read
from tasks.quality.universal import Edits, edited
from tasks.quality.words import NO_VALUE

FEWEST_ALIKE = 3
FEWEST_ROWS = 20
"""A column with fewer values has no way of writing that one could break."""

MOST_VALUES = 300_000
"""Distinct values per column that are read one by one."""

MOST_CLASSES = 40
MOST, FEW, CLEAR = 0.5, 0.3, 0.8
"""A way of writing that more than half of a column has is its way; what less than three in ten have is a slip, if four
fifths are clear."""

SHOWING = 10
"""So many dates that can be read in one order only show the order of day and month, if none contradicts."""

SETTLED = 0.2
"""Share of a column's dates that must show where two-digit years stand before it holds for the others."""


def breach(suspects: int, rows: int) -> float:
    """How sure it is that what breaks a column's way of writing is wrong: 1 − 10 × the share that does.

    >>> breach(1, 100), breach(20, 100)
    (0.9, 0.0)
    """
    return round(max(0.0, 1 - 10 * suspects / rows), 4) if rows else 0.0


def _values(data: Dataset, columns: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
    """The columns' distinct values with their counts, without blanks and words for null; one query for all."""
    found: dict[str, list[tuple[str, int]]] = {name: [] for name in columns}
    if not columns:
        return found
    value = data.domains.value
    there = data.domains.filter(data.domains.column.isin(columns), ~is_blank(value), value.length() <= 200)  # noqa: PLR2004
    table = there.order_by("column", "value").to_pyarrow()
    for name, text, n in zip(*(table[c].to_pylist() for c in ("column", "value", "n")), strict=True):
        if text.strip().lower() not in NO_VALUE:
            found[name].append((text, n))
    return found


def _few(column: ColumnProfile) -> bool:
    return column.present_count < FEWEST_ROWS


# --- mixed number formats -----------------------------------------------------------------------------------


class MixedNumberSettings(KindSettings):
    """Attributes: share: how many of a column's values must be numbers with or without unit, 0 to 1."""

    share: float = Field(0.95, gt=0.5, le=1)


class CanonicalNumber(Edits):
    """How numbers are written anew.

    Attributes:
        mark: what separates decimals in the data.
        unit: the unit that every number without another one has, "" for none.
        suffix: what is written behind the number, "" for nothing.
        shorten: take needless zeros off (12.0 → 12).
        grouped: separate thousands.
        decimals: write at least so many decimals, as the column's other numbers have.
        percent: what becomes of a percent sign: left out ("strip"), or the number divided by a hundred ("divide").
        convert: convert other units of the same quantity; else values in them stay as they are.
    """

    mark: Literal[".", ","] = "."
    unit: str = ""
    suffix: str = ""
    shorten: bool = True
    grouped: bool = False
    decimals: int = Field(0, ge=0, le=12)
    percent: Literal["strip", "divide"] = "strip"
    convert: bool = False


def _number_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    facts = issue.facts
    base = {name: facts[name] for name in CanonicalNumber.model_fields if name in facts}
    unit = facts["unit"]
    label = "write them as plain numbers" + (f" ({unit})" if unit else "")
    if facts["suffix"] or facts["grouped"]:
        label = f"write them as most are, '{facts['usual']}'"
    leaves = "values in other units stay as they are" if facts["others"] else ""
    safe, sure = bool(facts["safe"]), facts["sure"]
    yield Option("canonical", "canonical_number", label, base, facts["because"], leaves, sure, safe)
    if facts["convertible"] and not facts["convert"]:
        converted = {**base, "convert": True}
        why = "the factors between these units are exact"
        yield Option("convert", "canonical_number", f"convert all to {facts['unit']}", converted, why, confidence=0.9)
    if facts["percents"]:
        divided = {**base, "percent": "divide"}
        yield Option("divide", "canonical_number", "write percentages as parts of one", divided)


@kind(
    "Mixed number formats",
    dimension=Dimension.CONSISTENCY,
    settings=MixedNumberSettings,
    recommend=_number_options,
)
def mixed_number_format(data: Dataset, settings: Settings[MixedNumberSettings]) -> Iterable[Finding]:
    """Numbers of one column written with and without units, percent signs, separators or needless zeros."""
    likely = [c.name for c in data.profile.columns if not _few(c) and _mixes_numbers(c)]
    for name, values in _values(data, likely).items():
        column = data.profile.column(name)
        told = [(text, n, numeral) for text, n in values if (numeral := read_numeral(text))]
        rows, total = sum(n for _t, n, _m in told), sum(n for _t, n in values)
        if len(values) > MOST_VALUES or not told or rows < settings.of(name).share * total:
            continue
        if plan := _number_plan(told):
            yield from _numbers_found(data, column, told, plan)


def _mixes_numbers(column: ColumnProfile) -> bool:
    """Whether most patterns of a column are numbers, and more than one of them, or one with a word."""
    numeric = [p for p in column.patterns if read_numeral(p.text)]
    return (
        column.pattern_count <= 10 * MOST_CLASSES
        and (len(numeric) > 1 or any("a" in p.text for p in numeric))
        and sum(p.rows for p in numeric) > column.present_count / 2
    )


_Told = Sequence[tuple[str, int, Numeral]]


def _number_plan(told: _Told) -> CanonicalNumber | None:
    """How these numbers would be written alike; None for codes and for separators that contradict one another."""
    mark = decimal_mark((numeral.body, n) for _t, n, numeral in told)
    if mark is None or any(code_like(m.body) for _t, _n, m in told):
        return None
    if any(_digits(m, mark) is None for _t, _n, m in told):
        return None
    units = _rows_per(told, lambda m: m.unit)
    spelled = _rows_per(told, lambda m: m.prefix + "\0" + m.suffix)
    rows = sum(units.values())
    usual, of_usual = min(spelled.items(), key=lambda each: (-each[1], each[0]))
    prefix, _zero, suffix = usual.partition("\0")
    told_units = {unit: n for unit, n in units.items() if unit}
    unit = min(told_units, key=lambda u: (-told_units[u], u)) if told_units else ""
    keeps = bool(prefix or suffix) and of_usual > MOST * rows
    if keeps and prefix:
        return None
    usual_ones = [(m, n) for _t, n, m in told if m.suffix == (suffix if keeps else "") and not m.prefix]
    decimals, shorten = _decimals_of(usual_ones, mark) if usual_ones else (0, True)
    return CanonicalNumber(
        mark=mark,
        unit=unit,
        suffix=suffix if keeps else "",
        shorten=shorten,
        grouped=_mostly_grouped(told, mark),
        decimals=decimals,
    )


def _digits(numeral: Numeral, mark: str) -> str | None:
    """A numeral's digits with a decimal point, also where it is written with the other mark beyond doubt."""
    own = digits(numeral.body, mark)
    if own is not None:
        return own
    return digits(numeral.body, "," if mark == "." else ".")


def _rows_per(told: _Told, what: Any) -> Counter[str]:
    counts: Counter[str] = Counter()
    for _text, n, numeral in told:
        counts[what(numeral)] += n
    return counts


def _decimals_of(numerals: Sequence[tuple[Numeral, int]], mark: str) -> tuple[int, bool]:
    """How many decimals nearly all numbers have (else 0), and whether zeros behind a whole number are slips."""
    lengths: Counter[int] = Counter()
    whole = zeros = 0
    for numeral, n in numerals:
        fraction = (_digits(numeral, mark) or "").partition(".")[2]
        lengths[len(fraction)] += n
        whole += n * (not fraction)
        zeros += n * (bool(fraction) and not fraction.strip("0"))
    rows = sum(lengths.values())
    usual, n = min(lengths.items(), key=lambda each: (-each[1], each[0]))
    fixed = usual if n >= CLEAR * rows else 0
    return fixed, not fixed and 0 < zeros < FEW * rows and whole + zeros >= CLEAR * rows


def _mostly_grouped(told: _Told, mark: str) -> bool:
    """Whether most numbers from a thousand on have their thousands separated."""
    large = [(n, m.body) for _t, n, m in told if len((_digits(m, mark) or "").partition(".")[0]) > 3]  # noqa: PLR2004
    separated = sum(n for n, body in large if not re.fullmatch(r"[0-9]+(?:[.,][0-9]{1,2}|[.,][0-9]{4,})?", body))
    return bool(large) and separated > MOST * sum(n for n, _body in large)


def _numbers_found(data: Dataset, column: ColumnProfile, told: _Told, plan: CanonicalNumber) -> Iterator[Finding]:
    classes = _rows_per(told, _affix)
    facts = _number_facts(told, plan, classes)
    plan = plan.model_copy(update={"convert": facts["convert"]})
    pairs = dict(_rewritten(told, plan))
    if not pairs:
        return
    changed = {text for text, new in pairs.items() if new != text}
    predicate = _affixed(plan, changed)
    count = rows_where(data, column.name, predicate)
    shown = ", ".join(f"{name} {n:,}×" for name, n in classes.most_common(5))
    yield Finding(
        (column.name,),
        cells_where(data, column.name, predicate),
        count,
        column.rows,
        f"numbers are written in {len(classes)} ways: {shown}",
        Severity.MEDIUM,
        facts={**plan.model_dump(exclude={"exclude", "change"}), **facts},
        confidence=facts["sure"],
    )


def _affix(numeral: Numeral) -> str:
    body = re.sub("[0-9]+", "0", numeral.body)
    return f"'{numeral.prefix}{body}{numeral.suffix}'"


def _number_facts(told: _Told, plan: CanonicalNumber, classes: Counter[str]) -> dict[str, Any]:
    units = _rows_per(told, lambda m: m.unit)
    slips = {m.unit for _t, _n, m in told if plan.suffix and _slips(m.suffix, plan.suffix)}
    rows = sum(units.values())
    odd = {unit for unit, n in units.items() if unit not in UNITS and n <= 0.02 * rows}
    others = sorted(set(units) - {plan.unit, "", "%"} - slips - odd)
    percents = "%" in units and "" in units
    bare, signed = _medians(told, "", plan.mark), _medians(told, "%" if percents else plan.unit, plan.mark)
    same = bare is None or signed is None or not bare or 1 / 5 <= signed / bare <= 5  # noqa: PLR2004
    known = UNITS.get(plan.unit)
    convertible = bool(others) and known is not None and all(UNITS.get(u, ("",))[0] == known[0] for u in others)
    because = "every number has the same unit" if plan.unit not in ("", "%") else "only the way of writing changes"
    if percents:
        because = "the numbers with and without a percent sign are as large as one another, so the sign says nothing"
    few = sum(units[u] for u in others) <= 0.05 * rows
    convert = convertible and few and _fits(told, plan, others)
    sure = 0.95 if same and (convert or not others) else 0.3
    return {
        "classes": dict(classes.most_common(20)),
        "others": others,
        "percents": percents,
        "convertible": convertible,
        "convert": convert,
        "usual": _usual_example(told, plan),
        "because": because if same else "numbers with and without unit differ in size: look at them first",
        "safe": same and (convert or not others),
        "sure": sure,
    }


def _usual_example(told: _Told, plan: CanonicalNumber) -> str:
    return next((text for text, _n, m in told if m.suffix == plan.suffix and _canonical(m, plan) == text), "1")


def _fits(told: _Told, plan: CanonicalNumber, others: Iterable[str]) -> bool:
    """Whether numbers in other units are as large as the others when they are converted."""
    own = _medians(told, plan.unit, plan.mark) or 0.0
    for unit in others:
        theirs = (_medians(told, unit, plan.mark) or 0.0) * float(UNITS[unit][2] / UNITS[plan.unit][2])
        if not own / 5 <= theirs <= 5 * own:
            return False
    return True


def _medians(told: _Told, unit: str, mark: str) -> float | None:
    found = [float(d) for _t, _n, m in told if m.unit == unit and (d := _digits(m, mark))]
    return median(found) if found else None


def _affixed(plan: CanonicalNumber, changed: Iterable[str]) -> Any:
    """Which values the plan would write otherwise: few are listed, many are told by their form."""
    few = sorted(changed)
    if len(few) <= 2_000:  # noqa: PLR2004
        return lambda value: value.isin(few)
    whole = r"[1-9][0-9]{0,2}(?:[^0-9][0-9]{3})*" if plan.grouped else r"(?:0|[1-9][0-9]*)"
    plain = rf"^-?{whole}(?:\.[0-9]*[1-9])?" if plan.shorten else rf"^-?{whole}(?:[.,][0-9]+)?"
    form = plain + (re.escape(plan.suffix) if plan.suffix else "") + "$"
    return lambda value: ~value.re_search(form) & value.re_search("[0-9]")


def _rewritten(told: _Told, plan: CanonicalNumber) -> Iterator[tuple[str, str]]:
    for text, _n, numeral in told:
        new = _canonical(numeral, plan)
        if new is not None and new != text:
            yield text, new


def _canonical(numeral: Numeral, plan: CanonicalNumber) -> str | None:
    """A numeral as the plan writes it; None where it has another unit that is not to be converted."""
    number = _digits(numeral, plan.mark)
    if number is None:
        return None
    from decimal import Decimal

    unit = plan.unit if plan.suffix and _slips(numeral.suffix, plan.suffix) else numeral.unit
    value = f"{Decimal(number + numeral.power):f}" if numeral.power else number
    noisy = plan.shorten or len(value.replace(".", "")) > 15  # noqa: PLR2004  (binary fractions)
    if unit not in ("", plan.unit, "%"):
        if not plan.convert or unit not in UNITS or UNITS[unit][0] != UNITS.get(plan.unit, ("?",))[0]:
            return None
        value, noisy = f"{Decimal(value) * UNITS[unit][2] / UNITS[plan.unit][2]:f}", True
    if unit == "%" and plan.percent == "divide":
        value, noisy = f"{Decimal(value) / 100:f}", True
    written = shortest(value) if noisy else value
    if plan.decimals and written != numeral.body:
        whole, _point, rest = written.partition(".")
        written = f"{whole}.{rest:0<{plan.decimals}}"
    if plan.grouped:
        whole, point, rest = written.partition(".")
        written = f"{int(whole):,}{point}{rest}"
    if plan.mark == "," and (plan.suffix or plan.grouped):
        written = written.translate(str.maketrans(",.", ".,"))
    return ("-" if numeral.negative and written != "0" else "") + written + plan.suffix


def _slips(suffix: str, usual: str) -> bool:
    """Whether a suffix is the usual one with a typing error, which may not be a digit that became a letter.

    >>> _slips(" patixnts", " patients"), _slips(" g", " kg"), _slips("x patients", " patients")
    (True, False, False)
    """
    from rapidfuzz.distance import OSA

    edits = len(usual.strip()) // 3
    if suffix[:1].isspace() != usual[:1].isspace() and len(suffix) > len(usual):
        return False
    return edits > 0 and OSA.distance(suffix.strip(), usual.strip(), score_cutoff=edits) <= edits


@remedy("Canonical numbers", parameters=CanonicalNumber)
def canonical_number(data: Dataset, issue: Issue, p: CanonicalNumber) -> tuple[Effect, ...]:
    """Write every number of the column in one way: one unit, one separator, no percent signs, no needless zeros."""
    column = issue.columns[0]
    values = _values(data, [column])[column]
    told = [(text, n, numeral) for text, n in values if (numeral := read_numeral(text))]
    return (edited(column, dict(_rewritten(told, p)), p),)


# --- mixed and ambiguous dates ------------------------------------------------------------------------------


class MixedDateSettings(KindSettings):
    """Attributes: share: how many of a column's values must be dates, 0 to 1."""

    share: float = Field(0.9, gt=0.5, le=1)


class ParsedDates(Edits):
    """How dates are written anew.

    Attributes:
        layout: "iso" (2026-01-31), or the layout that most have, e.g. "0/0/0" or "0 aa 0" (`tasks.quality.dates`).
        write_order: the order in which day, month and year are written.
        order: how dates that can be read in several ways are meant; null leaves them as they are.
        padded: days and months have two digits.
        short_year: years have two digits.
    """

    layout: str = "iso"
    write_order: Order = "ymd"
    order: Order | None = None
    padded: bool = True
    short_year: bool = False


def _date_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    facts = issue.facts
    if facts["ambiguous"]:
        names = {"dmy": "day/month/year", "mdy": "month/day/year", "ymd": "year/month/day", "ydm": "year/day/month"}
        for order in facts["orders"]:
            label = f"they are {names[order]}; write all as 2026-01-31"
            yield Option(f"as-{order}", "parse_dates", label, {"order": order}, "you know how they are meant")
        return
    plan = facts["plan"]
    label = f"write them as most are ({facts['usual']})"
    leaves = "dates with several readings stay as they are" if facts["left"] else ""
    yield Option("as-most", "parse_dates", label, plan, "each has one reading only", leaves, 0.95, bool(facts["safe"]))
    if plan["layout"] != "iso":
        yield Option("iso", "parse_dates", "write all as 2026-01-31", {"order": plan["order"]}, leaves=leaves)


@kind("Mixed or ambiguous dates", dimension=Dimension.VALIDITY, settings=MixedDateSettings, recommend=_date_options)
def mixed_dates(data: Dataset, settings: Settings[MixedDateSettings]) -> Iterable[Finding]:
    """Dates of one column in several formats, and dates that can be read as more than one day."""
    likely = [c.name for c in data.profile.columns if not _few(c) and _holds_dates(c) and c.kind != "date"]
    for name, values in _values(data, likely).items():
        told = [(text, n, written) for text, n in values[:MOST_VALUES] if (written := read_date(text))]
        rows, total = sum(n for _t, n, _w in told), sum(n for _t, n in values)
        if len(values) <= MOST_VALUES and told and rows >= settings.of(name).share * total:
            yield from _dates_found(data, data.profile.column(name), told)


_DATE_PATTERN = re.compile(
    r"^9[-/. ]9[-/. ]9(?:$|[T ,])|^9(?:a)?[-/., ]+a\.?[-/., ]+9|^a\.?[-/ ]+9(?:a)?(?:,? +|[-/])9|^9$"
)


def _holds_dates(column: ColumnProfile) -> bool:
    dated = [p for p in column.patterns if _DATE_PATTERN.match(p.text)]
    return any(p.text != "9" for p in dated) and sum(p.rows for p in dated) > column.present_count / 2


_ToldDates = Sequence[tuple[str, int, Written]]


def _dates_found(data: Dataset, column: ColumnProfile, told: _ToldDates) -> Iterator[Finding]:
    layouts = _layouts(told)
    settled = {layout: _settled(members) for layout, members in layouts.items()}
    ambiguous = [
        (text, n, written)
        for layout, members in layouts.items()
        for text, n, written in members
        if len(_possible(written, settled[layout])) > 1
    ]
    rows = {layout: sum(n for _t, n, _w in members) for layout, members in layouts.items()}
    usual = min(rows, key=lambda layout: (-rows[layout], layout))
    minority = [each for layout, members in layouts.items() if layout != usual for each in members]
    if minority:
        yield _mixed_dates(data, column, told, usual, settled, layouts, minority)
    if ambiguous:
        yield _ambiguous_dates(data, column, ambiguous)


def _layouts(told: _ToldDates) -> dict[str, list[tuple[str, int, Written]]]:
    """The dates by their layout; "May" is a short or a full name like the other months of its column."""
    layouts: dict[str, list[tuple[str, int, Written]]] = {}
    for each in told:
        layouts.setdefault(each[2].layout, []).append(each)
    for layout in [name for name in layouts if MAY in name]:
        full, short = layout.replace(MAY, "aa"), layout.replace(MAY, "a")
        like = short if len(layouts.get(short, ())) > len(layouts.get(full, ())) else full
        moved = [(text, n, replace(written, layout=like)) for text, n, written in layouts.pop(layout)]
        layouts.setdefault(like, []).extend(moved)
    return layouts


@dataclass(frozen=True)
class _Settled:
    """What a layout's dates show together: the order of day and month, and that the year comes last."""

    order: Order | None
    year_last: bool


def _settled(members: _ToldDates) -> _Settled:
    """Ten dates or more that can be read in one order only settle it, if none contradicts.

    Where a two-digit year stands is settled when a fifth of the dates show it: fewer may have come from elsewhere.
    """
    total = sum(n for _t, n, _w in members)
    order, rows = shown_order((written, n) for _t, n, written in members)
    last = sum(n for _t, n, written in members if "ymd" not in written.readings)
    return _Settled(order if rows >= min(SHOWING, SETTLED * total) else None, last >= SETTLED * total)


def _possible(written: Written, settled: _Settled) -> Mapping[Order, Any]:
    """The readings that remain, one for each day."""
    remain = {
        order: day
        for order, day in written.readings.items()
        if len(written.readings) == 1
        or (order == "ymd" and not settled.year_last)
        or (order != "ymd" and settled.order in (None, order))
    }
    return {order: day for order, day in remain.items() if day not in [d for o, d in remain.items() if o < order]}


def _mixed_dates(
    data: Dataset,
    column: ColumnProfile,
    told: _ToldDates,
    usual: str,
    settled: Mapping[str, _Settled],
    layouts: Mapping[str, _ToldDates],
    minority: _ToldDates,
) -> Finding:
    texts = sorted(text for text, _n, _w in minority)
    total, few = sum(n for _t, n, _w in told), sum(n for _t, n, _w in minority)
    plan = _date_plan(usual, settled[usual].order, layouts[usual])
    shown = ", ".join(f"'{members[0][0]}' {sum(n for _t, n, _w in members):,}×" for members in layouts.values())
    predicate = _listed(texts)
    left = sum(n for _t, n, w in minority if len(_possible(w, settled[w.layout])) > 1)
    return Finding(
        (column.name,),
        cells_where(data, column.name, predicate),
        rows_where(data, column.name, predicate),
        column.rows,
        f"dates are written in {len(layouts)} ways: {shown}",
        Severity.MEDIUM,
        title=f"Mixed date formats in {column.name}",
        facts={
            "ambiguous": False,
            "plan": plan.model_dump(exclude={"exclude", "change"}),
            "usual": layouts[usual][0][0],
            "left": left,
            "safe": few <= 0.2 * total and left < few,
        },
        confidence=0.9 if few <= 0.2 * total else 0.4,
    )


def _date_plan(usual: str, order: Order | None, members: _ToldDates) -> ParsedDates:
    """How all dates would be written as most are; ISO where the usual layout has times or is not settled."""
    if order is None or usual in ("00000000", "0000-0-0") or members[0][2].time:
        return ParsedDates()
    padded = not any(re.search(r"(?<![0-9])[0-9](?![0-9])", text) for text, _n, _w in members)
    return ParsedDates(layout=usual, write_order=order, padded=padded, short_year=members[0][2].short_year)


def _ambiguous_dates(data: Dataset, column: ColumnProfile, ambiguous: _ToldDates) -> Finding:
    texts = sorted(text for text, _n, _w in ambiguous)
    predicate = _listed(texts)
    orders = sorted({order for _t, _n, written in ambiguous for order in written.readings})
    example, _rows, written = max(ambiguous, key=lambda each: (each[1], each[0]))
    days = " or ".join(day.isoformat() for day in sorted(written.days))
    readings = median([len(w.days) for _t, _n, w in ambiguous])
    return Finding(
        (column.name,),
        cells_where(data, column.name, predicate),
        rows_where(data, column.name, predicate),
        column.rows,
        f"'{example}' is {days}; nothing in the column says which",
        Severity.MEDIUM,
        title=f"Ambiguous dates in {column.name}",
        facts={"ambiguous": True, "orders": orders},
        confidence=round(1 - 1 / readings, 4),
    )


def _listed(values: Sequence[str]) -> Any:
    return lambda value: value.isin(values)


@remedy("Parse dates", parameters=ParsedDates)
def parse_dates(data: Dataset, issue: Issue, p: ParsedDates) -> tuple[Effect, ...]:
    """Write every date that has one reading, or one in the order the pilot names, in one format."""
    column = issue.columns[0]
    told = [(text, n, w) for text, n in _values(data, [column])[column] if (w := read_date(text))]
    pairs = {}
    for layout, members in _layouts(told).items():
        settled = _settled(members)
        for text, _n, written in members if layout != p.layout else ():
            day = _day(written, settled, p.order)
            if day is not None:
                pairs[text] = _date_text(day, written, p)
    return (edited(column, pairs, p),)


def _day(written: Written, settled: _Settled, order: Order | None) -> Any:
    possible = _possible(written, settled)
    if len(possible) == 1:
        return next(iter(possible.values()))
    return written.readings.get(order) if order else None


def _date_text(day: Any, written: Written, p: ParsedDates) -> str:
    text = (
        day.isoformat()
        if p.layout == "iso"
        else written_as(day, p.layout, p.write_order, padded=p.padded, short_year=p.short_year)
    )
    return f"{text} {written.time}" if written.time else text


# --- wrong type ---------------------------------------------------------------------------------------------


class WrongTypeSettings(KindSettings):
    """Attributes: share: how many of a column's values must be of one type for the others to be wrong, 0 to 1."""

    share: float = Field(0.9, gt=0.5, le=1)


class Cast(Parameters):
    """Attributes: type: what every value must be readable as."""

    type: ColumnType


class Strip(Parameters):
    """Attributes: type: what the value must be readable as without the characters that are taken out."""

    type: ColumnType


def _type_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    type_ = {"type": issue.facts["type"]}
    yield Option("to-null", "cast", "to null what is no " + _TYPE_NAMES[issue.facts["type"]], type_)
    if issue.facts["type"] in ("integer", "number"):
        yield Option("strip", "strip", "take out all but digits, point and sign", type_)


_TYPE_NAMES = {
    "integer": "whole number",
    "number": "number",
    "date": "date",
    "timestamp": "time",
    "boolean": "yes or no",
}


@kind("Wrong type", dimension=Dimension.VALIDITY, settings=WrongTypeSettings, recommend=_type_options)
def wrong_type(data: Dataset, settings: Settings[WrongTypeSettings]) -> Iterable[Finding]:
    """Values that are no number, date or yes/no where the contract wants one, or where nearly all others are.

    Numbers with units or separators are not counted as wrong (they are `mixed_number_format`), nor are digits alone.
    """
    for column in data.profile.columns:
        promised = data.contract.column(column.name)
        type_ = promised.reads_as or _usual_type(column, settings.of(column.name).share)
        if not type_ or type_ == "text" or not column.present_count:
            continue
        wrong = _contrary(type_, promised.format) if promised.reads_as else _not_like(type_)
        count = rows_where(data, column.name, wrong)
        if not count or (not promised.reads_as and _few(column)):
            continue
        said = "the contract says so" if promised.reads_as else f"the other {column.present_count - count:,} are"
        yield Finding(
            (column.name,),
            cells_where(data, column.name, wrong),
            count,
            column.present_count,
            f"{count:,} of {column.present_count:,} values are no {_TYPE_NAMES[type_]}; {said}",
            Severity.HIGH if promised.reads_as else Severity.MEDIUM,
            facts={"type": type_, "promised": bool(promised.reads_as)},
            confidence=0.95 if promised.reads_as else breach(count, column.present_count),
        )


def _usual_type(column: ColumnProfile, share: float) -> ColumnType | None:
    present, counted = column.present_count, _counted_words(column)
    if present in (column.numeric_count, column.date_count):
        return None
    types: tuple[tuple[ColumnType, int], ...] = (
        ("integer", column.integer_count),
        ("number", column.numeric_count),
        ("date", column.date_count),
    )
    return next((t for t, n in types if share * (present - counted) <= n < present), None)


def _counted_words(column: ColumnProfile) -> int:
    return sum(n for value, n in column.top if value.strip().lower() in NO_VALUE)


def _contrary(type_: ColumnType, format_: str | None) -> Any:
    return lambda value: (
        ~is_missing(value) & ~value.strip().lower().isin(sorted(NO_VALUE)) & read(value, type_, format_).isnull()
    )


def _not_like(type_: ColumnType) -> Any:
    sound = DATE if type_ == "date" else NUMBER

    def wrong(value: Any) -> Any:
        says = ~is_missing(value) & ~value.strip().lower().isin(sorted(NO_VALUE))
        return says & ~value.re_search(sound) & ~value.re_search("^[0-9]+$")

    return wrong


@remedy("To null what cannot be read", parameters=Cast)
def cast(data: Dataset, issue: Issue, p: Cast) -> tuple[Effect, ...]:
    """Write null into the suspect cells that cannot be read as the type."""
    return tuple(_nulled(data, issue, column, p.type) for column in issue.columns[:1])


def _nulled(data: Dataset, issue: Issue, column: str, type_: ColumnType) -> CellWrites:
    table = only(data.table, (ROW, column))
    wrong = _contrary(type_, data.contract.column(column).format) if issue.facts["promised"] else _not_like(type_)
    return CellWrites(column, table.filter(wrong(table[column])).select(ROW, after=ibis.null("string")))


@remedy("Strip characters", parameters=Strip)
def strip(data: Dataset, issue: Issue, p: Strip) -> tuple[Effect, ...]:
    """Take everything but digits, point and sign out of the suspect cells, where a number remains."""
    column = issue.columns[0]
    table = only(data.table, (ROW, column))
    wrong = _contrary(p.type, None) if issue.facts["promised"] else _not_like(p.type)
    kept = table.filter(wrong(table[column])).select(ROW, after=_[column].re_replace("[^0-9.+-]", ""))
    return (CellWrites(column, kept.filter(kept.after.re_search(NUMBER))),)


# --- pattern violation --------------------------------------------------------------------------------------


class PatternSettings(KindSettings):
    """When a pattern is unusual.

    Attributes:
        share: how many of a column's values the usual patterns must cover, 0 to 1.
        usual: a pattern that so many of the values have is usual, 0 to 1.
        most_usual: a column with more usual patterns than this has no way of writing.
    """

    share: float = Field(0.95, gt=0.5, le=1)
    usual: float = Field(0.02, gt=0, lt=0.5)
    most_usual: int = Field(4, ge=1)


class Extract(Parameters):
    """Attributes: pattern: a regular expression (RE2); what it finds in a suspect value is kept."""

    pattern: str = Field(min_length=1)


def _pattern_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    yield Option("to-null", "pattern_to_null", "to null")
    if expression := issue.facts.get("expression"):
        yield Option("extract", "extract", "keep only the part that is written as usual", {"pattern": expression})
    else:
        yield Option("extract", "extract", "keep what a regular expression of yours finds", needs=("pattern",))


@kind("Pattern violation", dimension=Dimension.VALIDITY, settings=PatternSettings, recommend=_pattern_options)
def pattern_violation(data: Dataset, settings: Settings[PatternSettings]) -> Iterable[Finding]:
    """Values written unlike nearly all others of their column, or against the contract's pattern.

    Where digits are usual, any rare pattern is suspect; where letters are, only a digit within a word.
    """
    for column in data.profile.columns:
        chosen = settings.of(column.name)
        if promised := data.contract.column(column.name).pattern:
            form = f"^(?:{promised})$"
            yield from _unlike(data, column, lambda v, f=form: ~is_missing(v) & ~v.re_search(f), (), promised=True)
        elif not _few(column) and (usual := _usual_patterns(column, chosen)):
            texts = [p.text for p in usual]
            yield from _unlike(data, column, _unusual(texts), usual, promised=False)


def _usual_patterns(column: ColumnProfile, chosen: PatternSettings) -> tuple[Pattern, ...]:
    """The patterns that nearly all values of a column have; none when there is no such way, or it is a type."""
    present = column.present_count - _counted_words(column)
    if _usual_type(column, 0.9) is not None or present < FEWEST_ROWS:
        return ()
    words = Counter[str]()
    for value, n in column.top:
        if value.strip().lower() in NO_VALUE:
            words[_pattern_of(value)] += n
    telling = [replace(p, rows=p.rows - words[p.text]) for p in column.patterns]
    usual = tuple(p for p in telling if p.rows >= max(chosen.usual * present, FEWEST_ALIKE))
    covered = sum(p.rows for p in usual)
    if not usual or len(usual) > chosen.most_usual or not chosen.share * present <= covered < present:
        return ()
    return usual


def _pattern_of(value: str) -> str:
    """`tasks.quality.profile.pattern` of a word."""
    return re.sub(r"[^\W\d_]+", "a", re.sub("[0-9]+", "9", value))


def _unusual(usual: Sequence[str]) -> Any:
    digits_ = any("9" in text for text in usual)

    def suspect(value: Any) -> Any:
        odd = ~is_missing(value) & ~pattern(value).isin(usual) & ~value.strip().lower().isin(sorted(NO_VALUE))
        if all(read_numeral(text) for text in usual):  # a number of another size is no breach
            odd &= ~value.re_search(r"^[-+]?[0-9][0-9., ']*%?$")
        return odd if digits_ else odd & value.re_search(r"\p{L}[0-9]+\p{L}")

    return suspect


def _unlike(
    data: Dataset, column: ColumnProfile, suspect: Any, usual: Sequence[Pattern], *, promised: bool
) -> Iterator[Finding]:
    count = rows_where(data, column.name, suspect)
    if not count:
        return
    shown = ", ".join(f"'{p.text}' {p.rows:,}×" for p in usual)
    why = (
        "the contract's pattern does not match"
        if promised
        else f"nearly all are written {shown} (9: digits, a: letters)"
    )
    trust = (1.0, 1.0, 0.9, 0.8)[len(usual)] if len(usual) <= 3 else 0.7  # noqa: PLR2004
    yield Finding(
        (column.name,),
        cells_where(data, column.name, suspect),
        count,
        column.present_count,
        why,
        Severity.HIGH if promised else Severity.LOW,
        facts={"expression": _expression(usual[0].text)} if len(usual) == 1 and "9" in usual[0].text else {},
        confidence=0.95 if promised else round(trust * breach(count, column.present_count), 4),
    )


def _expression(text: str) -> str:
    r"""A regular expression of a pattern.

    >>> _expression("9-a")
    '[0-9]+\\-\\p{L}+'
    """
    parts = {"9": "[0-9]+", "a": r"\p{L}+"}
    return "".join(parts.get(sign, re.escape(sign)) for sign in text)


@remedy("Pattern violations to null")
def pattern_to_null(data: Dataset, issue: Issue, p: Parameters) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Write null into the suspect cells."""
    rows = suspects(data, issue).select(ROW, after=ibis.null("string"))
    return (CellWrites(issue.columns[0], rows),)


@remedy("Keep what a pattern finds", parameters=Extract)
def extract(data: Dataset, issue: Issue, p: Extract) -> tuple[Effect, ...]:
    """Keep of each suspect cell the part that the pattern finds, where it finds one."""
    found = suspects(data, issue).select(ROW, before=_["value"], after=_["value"].re_extract(p.pattern, 0))
    return (CellWrites(issue.columns[0], found.filter(found.after != "", found.after != found.before).drop("before")),)


# --- spaces, case and escapes -------------------------------------------------------------------------------

EDGE = r"^[\s\p{Z}]+|[\s\p{Z}]+$"
INNER = r"[\s\p{Z}]{2,}"
ENTITY = r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});"


class Tidy(Parameters):
    """Which blemishes are mended.

    Attributes:
        trim: spaces before and after the value.
        collapse: several spaces in a row become one.
        unescape: HTML entities such as &amp; become the characters they stand for.
        case: all letters "lower" or "upper", or "keep".
    """

    trim: bool = True
    collapse: bool = False
    unescape: bool = False
    case: Literal["keep", "lower", "upper"] = "keep"


def _tidy_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    facts = issue.facts
    entities = bool(facts["entities"])
    if facts["edges"] or entities:
        label = " and ".join(
            [*(["take the spaces around values off"] if facts["edges"] else []), *(["unescape"] if entities else [])]
        )
        leaves = "several spaces within a value" if facts["inner"] else ""
        chosen = {"trim": bool(facts["edges"]), "unescape": entities}
        yield Option("tidy", "tidy", label, chosen, "nothing readable changes", leaves, 0.99, True)
    if facts["inner"]:
        yield Option("collapse", "tidy", "and one space for several", {"collapse": True, "unescape": entities})
    yield Option("lower", "tidy", "trim, and write all in lower case", {"case": "lower"})
    yield Option("upper", "tidy", "trim, and write all in upper case", {"case": "upper"})


@kind("Spaces and escapes", dimension=Dimension.CONSISTENCY, recommend=_tidy_options)
def untidy_text(data: Dataset, settings: Settings[KindSettings]) -> Iterable[Finding]:  # noqa: ARG001
    """Values with spaces around them, several spaces in a row, or HTML entities such as &amp;.

    Nothing is wrong with what such a value says, so the confidence is 0: it is untidy, not untrue.
    """
    value = data.domains.value
    flags = {"edges": value.re_search(EDGE), "inner": value.re_search(INNER), "entities": value.re_search(ENTITY)}
    there = data.domains.filter(~is_blank(value), flags["edges"] | flags["inner"] | flags["entities"])
    sums = {name: _.n.sum(where=there["value"].re_search(form)) for name, form in _UNTIDY.items()}
    counted = there.group_by("column").agg(n=_.n.sum(), **sums).order_by("column").to_pyarrow().to_pylist()
    known = {record["column"]: record for record in counted}
    for column in data.profile.columns:
        if record := known.get(column.name):
            facts = {name: int(record[name] or 0) for name in _UNTIDY}
            told = {"edges": "spaces around them", "inner": "several spaces in a row", "entities": "HTML entities"}
            shown = ", ".join(f"{n:,} have {told[name]}" for name, n in facts.items() if n)
            yield Finding(
                (column.name,),
                cells_where(data, column.name, _is_untidy),
                int(record["n"]),
                column.rows,
                shown,
                Severity.LOW,
                facts=facts,
            )


_UNTIDY = {"edges": EDGE, "inner": INNER, "entities": ENTITY}


def _is_untidy(value: Any) -> Any:
    return ~is_missing(value) & (value.re_search(EDGE) | value.re_search(INNER) | value.re_search(ENTITY))


@remedy("Tidy text", parameters=Tidy)
def tidy(data: Dataset, issue: Issue, p: Tidy) -> tuple[Effect, ...]:
    """Trim, collapse, unescape or change the case of the column's values."""
    column = issue.columns[0]
    table = only(data.table, (ROW, column))
    cells = table.filter(~is_missing(table[column])).select(ROW, before=_[column], after=_tidied(table[column], p))
    return (CellWrites(column, cells.filter(cells.after != cells.before).drop("before")),)


def _tidied(value: Any, p: Tidy) -> Any:
    if p.unescape:
        value = _unescape(value)
    if p.trim:
        value = value.re_replace(EDGE, "")
    if p.collapse:
        value = value.re_replace(INNER, " ")
    return {"keep": lambda v: v, "lower": lambda v: v.lower(), "upper": lambda v: v.upper()}[p.case](value)


def _unescape(value: Any) -> Any:
    entities = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&#39;": "'", "&nbsp;": " "}
    for entity, sign in entities.items():
        value = value.replace(entity, sign)
    return value.replace("&amp;", "&")


# --- encoding damage ----------------------------------------------------------------------------------------


def _damage_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    if values := issue.facts["redecoded"]:
        why = "the wrong decoding can be undone exactly"
        left = issue.count - issue.facts["mended"]
        leaves = f"{left:,} cells whose letters are lost" if left else ""
        yield Option("redecode", "map_values", "decode them again", {"values": values}, why, leaves, 0.98, True)


@kind("Encoding damage", dimension=Dimension.ACCURACY, recommend=_damage_options)
def encoding_damage(data: Dataset, settings: Settings[KindSettings]) -> Iterable[Finding]:  # noqa: ARG001
    """Letters that were lost or read in the wrong encoding: a replacement character, "Ã©" for "é"."""
    likely = data.domains.filter(data.domains.value.re_search(SUSPECT)).order_by("column", "value")
    found: dict[str, list[tuple[str, int]]] = {}
    for cell in likely.limit(MOST_VALUES).to_pyarrow().to_pylist():
        if is_damaged(cell["value"]):
            found.setdefault(cell["column"], []).append((cell["value"], cell["n"]))
    for column in data.profile.columns:
        if damaged := found.get(column.name):
            texts = [text for text, _n in damaged]
            mended = {text: back for text in texts if (back := redecoded(text))}
            count = sum(n for _t, n in damaged)
            yield Finding(
                (column.name,),
                cells_where(data, column.name, _listed(texts)),
                count,
                column.rows,
                f"{count:,} values hold letters that were damaged on their way",
                Severity.MEDIUM,
                facts={"redecoded": mended, "mended": sum(n for text, n in damaged if text in mended)},
                confidence=0.95,
            )


# --- values in each other's place -----------------------------------------------------------------------------


class SwappedSettings(KindSettings):
    """Attributes: times: how many times more frequent a value must be in the column that it belongs to."""

    times: int = Field(4, ge=2)


def _swap_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    a, b = issue.columns
    why = f"each value is at home in the other column and a stranger in its own, {issue.count // 2:,} times at once"
    yield Option("swap", "swap_back", f"give {a} and {b} back their values", {}, why, "", issue.confidence, True)


@kind(
    "Values in each other's place",
    dimension=Dimension.ACCURACY,
    settings=SwappedSettings,
    recommend=_swap_options,
)
def swapped_values(data: Dataset, settings: Settings[SwappedSettings]) -> Iterable[Finding]:
    """Two cells of a row that hold values of each other's column, and of no other row's in their own.

    Both must be strangers where they stand and at home where they don't, so the confidence is 0.95.
    """
    strangers = _strangers(data, settings.default.times)
    for (a, b), values in strangers.items():
        others = strangers.get((b, a))
        if a < b and others:
            table = only(data.table, (ROW, a, b))
            rows = table.filter(table[a].isin(values), table[b].isin(others))
            pair = ibis.array([ibis.struct({"column": ibis.literal(c), "value": rows[c]}) for c in (a, b)])
            cells = rows.select(ROW, cell=pair.unnest()).unpack("cell").select(ROW, "column", "value")
            if count := int(cells.count().to_pyarrow().as_py()):
                why = f"in {count // 2:,} rows {a} holds a value of {b}, and {b} one of {a}"
                yield Finding((a, b), cells, count, 2 * data.profile.rows, why, Severity.MEDIUM, confidence=0.95)


MOST_STRANGERS = 2_000
SHARED = 0.5
"""Columns that share more of their values than this, as two times of day do, are of one sort: none is a stranger."""


def _strangers(data: Dataset, times: int) -> dict[tuple[str, str], list[str]]:
    """(where they stand, where they are at home) → values that are rare here and frequent there; numbers aside."""
    numeric = [c.name for c in data.profile.columns if c.numeric_count > c.present_count / 2 and c.kind != "text"]
    here = data.domains.filter(~data.domains.column.isin(numeric), ~is_blank(data.domains.value))
    home = here.select(home="column", value="value", often="n")
    both = here.join(home, "value").filter(_.column != _.home)
    distinct = {c.name: c.distinct_count for c in data.profile.columns}
    apart = {
        (pair["column"], pair["home"])
        for pair in both.group_by("column", "home").agg(shared=_.count()).to_pyarrow().to_pylist()
        if pair["shared"] <= SHARED * min(distinct[pair["column"]], distinct[pair["home"]])
    }
    met = both.filter(_.often >= times, _.n * times <= _.often)
    found: dict[tuple[str, str], list[str]] = {}
    for cell in met.order_by("column", "home", "value").limit(50 * MOST_STRANGERS).to_pyarrow().to_pylist():
        found.setdefault((cell["column"], cell["home"]), []).append(cell["value"])
    return {pair: values for pair, values in found.items() if pair in apart and len(values) <= MOST_STRANGERS}


@remedy("Swap back")
def swap_back(data: Dataset, issue: Issue, p: Parameters) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Give the two cells of each suspect row each other's value."""
    a, b = issue.columns
    table = only(data.table, (ROW, a, b)).semi_join(suspects(data, issue), ROW)
    return (CellWrites(a, table.select(ROW, after=table[b])), CellWrites(b, table.select(ROW, after=table[a])))


# --- value spilled into a neighbour ---------------------------------------------------------------------------


class SpilledSettings(KindSettings):
    """Attributes: share: of the rows where one column is empty, how many must have its value at the other's end."""

    share: float = Field(0.5, gt=0, le=1)


class Split(Parameters):
    """Attributes: source: where both values stand; target: the column that the last words belong to."""

    source: str
    target: str
    words: int = Field(1, ge=1, le=4)


FEWEST_SPILLED = 3
MOST_WORDS = 4
LONGEST_SPILL = 200
GAPS_SCREENED = 2_000
MOST_SPILL_TARGETS = 500
"""Distinct values of a column that may have been spilled: codes, states, categories."""


def _spill_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    facts = issue.facts
    words = facts["words"]
    label = f"move the last {'word' if words == 1 else f'{words} words'} to {facts['target']}"
    parameters = {name: facts[name] for name in ("source", "target", "words")}
    why = f"{facts['known']:,} of {issue.count // 2:,} leave a value that {facts['source']} has elsewhere"
    yield Option("split", "split", label, parameters, why, "", facts["sure"], bool(facts["safe"]))


@kind(
    "Value spilled into a neighbour",
    dimension=Dimension.CONSISTENCY,
    settings=SpilledSettings,
    recommend=_spill_options,
)
def spilled_value(data: Dataset, settings: Settings[SpilledSettings]) -> Iterable[Finding]:
    """An empty cell whose value stands at the end of another column's cell in the same row ("Portland OR").

    Confidence: the share of the empty cells for which that is so.
    """
    for target in data.profile.columns:
        if target.missing_count < FEWEST_SPILLED or not 2 <= target.distinct_count <= MOST_SPILL_TARGETS:  # noqa: PLR2004
            continue
        if target.kind in ("integer", "number", "boolean"):
            continue
        known = frozenset(text for text, _n in _values(data, [target.name])[target.name])
        sources = [c for c in data.profile.columns if c.name != target.name and c.kind == "text" and c.present_count]
        if not known or not sources:
            continue
        yield from _spills(data, target, sources[:40], known, settings.of(target.name).share)


def _spills(
    data: Dataset, target: ColumnProfile, sources: Sequence[ColumnProfile], known: Collection[str], share: float
) -> Iterator[Finding]:
    words = min(MOST_WORDS, max(len(text.split()) for text in known))
    table = only(data.table, (ROW, target.name, *(c.name for c in sources)))
    gaps = table.filter(is_missing(table[target.name])).order_by(ROW).limit(GAPS_SCREENED).to_pyarrow()
    tallies = [
        (sum(_tail_of(value, length) in known for value in gaps[source.name].to_pylist()), -place, -length)
        for place, source in enumerate(sources)
        for length in range(1, words + 1)
    ]
    screened, source, length = max(tallies)
    if screened < share * gaps.num_rows:
        return
    found = _spilled(data, target, sources[-source], known, -length)
    if found.count >= 2 * max(FEWEST_SPILLED, share * target.missing_count):
        yield found


def _tail_of(value: str | None, words: int) -> str:
    """A value's last words as they are written, if something stands before them."""
    found = re.search(_tail(words), value) if value and len(value) <= LONGEST_SPILL else None
    return found[2] if found else ""


def _ends_with(value: Any, known: Collection[str], words: int) -> Any:
    """Whether a value's last words are one of the known values, with something before them."""
    ending = value.re_extract(_tail(words), 2)
    return (ending != "") & ending.isin(sorted(known))


def _tail(words: int) -> str:
    return r"^(.*[^\s,;])[\s,;]+(" + r"\s+".join([r"\S+"] * words) + r")\s*$"


def _spilled(
    data: Dataset, target: ColumnProfile, source: ColumnProfile, known: Collection[str], words: int
) -> Finding:
    table = only(data.table, (ROW, target.name, source.name))
    spilled = table.filter(is_missing(table[target.name]) & _ends_with(table[source.name], known, words))
    rows = int(spilled.count().to_pyarrow().as_py())
    heads = spilled.select(head=spilled[source.name].re_extract(_tail(words), 1))
    elsewhere = data.domains.filter(data.domains.column == source.name).select(head="value")
    again = int(heads.semi_join(elsewhere, "head").count().to_pyarrow().as_py())
    pair = ibis.array(
        [ibis.struct({"column": ibis.literal(c), "value": spilled[c]}) for c in (source.name, target.name)]
    )
    cells = spilled.select(ROW, cell=pair.unnest()).unpack("cell")
    share = rows / target.missing_count
    return Finding(
        (source.name, target.name),
        cells.select(ROW, "column", "value"),
        2 * rows,
        2 * target.rows,
        f"{rows:,} of {target.missing_count:,} rows without {target.name} have its value at the end of {source.name}",
        Severity.MEDIUM,
        facts={
            "source": source.name,
            "target": target.name,
            "words": words,
            "known": again,
            "sure": round(share, 4),
            "safe": share >= 0.8,  # noqa: PLR2004  (not by chance)
        },
        confidence=round(share, 4),
    )


@remedy("Split a value", parameters=Split)
def split(data: Dataset, issue: Issue, p: Split) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Move the last words of one column into the empty cell of another, where they are one of its values."""
    known = [text for text, _n in _values(data, [p.target])[p.target]]
    table = only(data.table, (ROW, p.target, p.source))
    rows = table.filter(is_missing(table[p.target]) & _ends_with(table[p.source], known, p.words))
    tail = _tail(p.words)
    return (
        CellWrites(p.source, rows.select(ROW, after=rows[p.source].re_extract(tail, 1))),
        CellWrites(p.target, rows.select(ROW, after=rows[p.source].re_extract(tail, 2))),
    )
