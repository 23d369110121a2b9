"""How a column's numbers are written: the way that most of them have, and every other number written in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from statistics import median
from typing import Any, Literal, TypeAlias

from pydantic import Field

from tasks.quality.model import ColumnProfile
from tasks.quality.numerals import CLEAR, UNITS, Numeral, code_like, decimal_mark, digits, quiet, read_numeral, shortest
from tasks.quality.universal import Edits

MOST, FEW = 0.5, 0.3
"""What more than half of a column has is its way of writing; zeros that less than three in ten have are slips."""

_NAMED = frozenset(UNITS) | {unit for _quantity, unit, _factor in UNITS.values()}
"""Units that are known, as they are written and as they are called."""

SCATTERED = 0.2
"""A decimal comma that fewer of a column's numbers have may be none: "4,6" amid whole numbers can be two of them."""

SLIPS = 0.05
"""What so few of a column's numbers have may be a slip, as one in twenty."""

MOST_DECIMALS = 12
MOST_PATTERNS = 400
MOST_LISTED = 2_000

Told: TypeAlias = Sequence[tuple[str, int, Numeral]]
"""Values, their rows, and the numerals that they are."""


Single: TypeAlias = Literal["thousands", "decimals", "leave"]


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
        single: what the other mark is where three digits follow and nothing else tells: "1,234" may be one thousand
            ("thousands") or one and a bit ("decimals"), or it may stay as it is ("leave").
    """

    mark: Literal[".", ","] = "."
    unit: str = ""
    suffix: str = ""
    shorten: bool = True
    grouped: bool = False
    decimals: int = Field(0, ge=0, le=MOST_DECIMALS)
    percent: Literal["strip", "divide"] = "strip"
    convert: bool = False
    single: Single = "thousands"


def mixes(column: ColumnProfile) -> bool:
    """Whether most patterns of a column are numbers, and more than one of them, or one with a word."""
    numeric = [p for p in column.patterns if read_numeral(p.text)]
    return (
        column.pattern_count <= MOST_PATTERNS
        and (len(numeric) > 1 or any("a" in p.text for p in numeric))
        and sum(p.rows for p in numeric) > column.present_count / 2
    )


def numbers_in(values: Mapping[str, int]) -> Told:
    """The values that are numerals.

    A few with a letter behind their digits that is no unit are none, and with an l: either may be a digit that was
    misread. Nor are years in brackets, which are no negative numbers.
    """
    told = [(text, n, numeral) for text, n in values.items() if (numeral := read_numeral(text))]
    rows = sum(n for _t, n, _m in told)
    for misread in (_named_by, lambda m: m.suffix == "l"):
        if sum(n for _t, n, m in told if misread(m)) <= SLIPS * rows:
            told = [each for each in told if not misread(each[2])]
    if sum(n for text, n, _m in told if _YEAR.match(text)) >= CLEAR * rows:
        told = [each for each in told if not each[0].lstrip().startswith("(")]
    return told


def plan_for(told: Told) -> CanonicalNumber | None:
    """How these numbers would be written alike; None for codes and for separators that contradict one another."""
    mark = decimal_mark((numeral.body, n) for _t, n, numeral in told)
    if mark is None or any(code_like(m.body) for _t, _n, m in told):
        return None
    if any(_digits(m, mark) is None or _named_by(m) for _t, _n, m in told):
        return None
    single = _single(told, mark)
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
    own = suffix if keeps else ""
    usual_ones = [(m, n) for _t, n, m in told if m.suffix == own and not m.prefix and not m.power]
    decimals, shorten = _decimals_of(usual_ones, mark, single) if usual_ones else (0, True)
    return CanonicalNumber(
        mark=mark,
        unit=unit,
        suffix=suffix if keeps else "",
        shorten=shorten,
        grouped=_mostly_grouped(told, mark, single),
        decimals=decimals,
        single=single,
    )


def _named_by(numeral: Numeral) -> bool:
    """Whether what is glued to a number is part of a name, not its unit: house 12a, room 1.05b, the 1950s, 3rd class.

    >>> [_named_by(read_numeral(text)) for text in ("12a", "1950s", "3rd class", "12 oz", "90m", "30s")]
    [True, True, True, False, False, False]
    """
    glued = numeral.suffix.casefold()
    if re.match(r"(?:st|nd|rd|th)\b", glued):
        return True
    if len(glued) != 1 or not glued.isalpha():
        return False
    return glued not in UNITS or (glued == "s" and re.fullmatch("[12][0-9]{2}0", numeral.body) is not None)


def _digits(numeral: Numeral, mark: str, single: Single = "thousands") -> str | None:
    """A numeral's digits with a decimal point, also where it is written with the other mark beyond doubt."""
    if single != "thousands" and _SINGLE[mark].match(numeral.body):
        return digits(numeral.body, _OTHER[mark]) if single == "decimals" else None
    own = digits(numeral.body, mark)
    return own if own is not None else digits(numeral.body, _OTHER[mark])


_YEAR = re.compile("^(?:1[0-9]|20)[0-9]{2}$")
_OTHER = {".": ",", ",": "."}
_SINGLE = {".": re.compile("^[1-9][0-9]{0,2},[0-9]{3}$"), ",": re.compile(r"^[1-9][0-9]{0,2}\.[0-9]{3}$")}
"""Mark → numbers in which the other one may separate a thousand or be a mark, too."""


def _single(told: Told, mark: str) -> Single:
    """What the other mark is in these numbers where three digits follow it and nothing else tells.

    It separates thousands where it does so beyond doubt in others, where most are written so, or none has three
    decimals. Else it is the decimal mark of another system if only then they are as large as the others.
    """
    bodies = [(m.body, n) for _t, n, m in told]
    doubtful: Counter[str] = Counter()
    for body, n in bodies:
        if _SINGLE[mark].match(body):
            doubtful[body] += n
    others = [(number, n) for body, n in bodies if body not in doubtful and (number := digits(body, mark))]
    rows = sum(n for _number, n in others)
    beyond_doubt = any(_OTHER[mark] in body and body not in doubtful and digits(body, mark) for body, _n in bodies)
    if not doubtful or beyond_doubt or doubtful.total() >= rows:
        return "thousands"
    of_three = sum(n for number, n in others if len(number.partition(".")[2]) == 3)  # noqa: PLR2004
    if of_three <= SLIPS * rows:
        return "thousands"
    most = max(Decimal(number) for number, _n in others)
    read = [(Decimal(body.replace(_OTHER[mark], ".")), Decimal(body.replace(_OTHER[mark], ""))) for body in doubtful]
    return "decimals" if all(decimal <= most < thousands for decimal, thousands in read) else "leave"


def _rows_per(told: Told, what: Callable[[Numeral], str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for _text, n, numeral in told:
        counts[what(numeral)] += n
    return counts


def _decimals_of(numerals: Sequence[tuple[Numeral, int]], mark: str, single: Single) -> tuple[int, bool]:
    """How many decimals nearly all numbers have (else 0), and whether zeros behind a whole number are slips."""
    lengths: Counter[int] = Counter()
    whole = zeros = 0
    for numeral, n in numerals:
        fraction = (_digits(numeral, mark, single) or "").partition(".")[2]
        lengths[len(fraction)] += n
        whole += n * (not fraction)
        zeros += n * (bool(fraction) and not fraction.strip("0"))
    rows = sum(lengths.values())
    usual, n = min(lengths.items(), key=lambda each: (-each[1], each[0]))
    fixed = usual if n >= CLEAR * rows and usual <= MOST_DECIMALS else 0
    return fixed, not fixed and 0 < zeros < FEW * rows and whole + zeros >= CLEAR * rows


def _mostly_grouped(told: Told, mark: str, single: Single) -> bool:
    """Whether most numbers from a thousand on have their thousands separated."""
    read = [(n, m.body, _digits(m, mark, single) or "") for _t, n, m in told]
    large = [each for each in read if len(each[2].partition(".")[0]) > 3]  # noqa: PLR2004
    separated = sum(n for n, body, number in large if len(re.sub("[0-9]", "", body)) > number.count("."))
    return bool(large) and separated > MOST * sum(n for n, _body, _number in large)


def forms_of(told: Told) -> Counter[str]:
    """The rows of each way in which the numbers are written, runs of digits as one zero."""
    return _rows_per(told, lambda m: f"'{m.prefix}{re.sub('[0-9]+', '0', m.body)}{m.suffix}'")


def facts_about(told: Told, plan: CanonicalNumber) -> dict[str, Any]:
    """What speaks for the plan and what against it."""
    units = _rows_per(told, lambda m: m.unit)
    slipped = _slipped(told, plan)
    slips = {m.unit for _t, _n, m in told if m.suffix in slipped}
    rows = sum(units.values())
    odd = {unit for unit, n in units.items() if unit not in UNITS and n <= 0.02 * rows}
    others = sorted(set(units) - {plan.unit, "", "%"} - slips - odd)
    percents = "%" in units and "" in units
    bare, signed = _medians(told, "", plan), _medians(told, "%" if percents else plan.unit, plan)
    same = bare is None or signed is None or not bare or 1 / 5 <= signed / bare <= 5  # noqa: PLR2004
    known = UNITS.get(plan.unit)
    convertible = bool(others) and known is not None and all(UNITS.get(u, ("",))[0] == known[0] for u in others)
    because = "every number has the same unit" if plan.unit not in ("", "%") else "only the way of writing changes"
    if percents:
        because = "the numbers with and without a percent sign are as large as one another, so the sign says nothing"
    why_not = "" if same else "numbers with and without unit differ in size: look at them first"
    if plan.mark == "," and sum(n for _t, n, m in told if "," in m.body) < SCATTERED * rows:
        why_not = "a comma that few of the numbers have may separate two of them: look at them first"
    if plan.unit not in ("", "%", plan.suffix.strip(), *_NAMED) and units[plan.unit] < MOST * rows:
        why_not = f"'{plan.unit}' is no unit that is known, and most numbers have none: it may say something"
    few = sum(units[u] for u in others) <= 0.05 * rows
    convert = convertible and few and _fits(told, plan, others)
    safe = not why_not and (convert or not others)
    return {
        "classes": dict(forms_of(told).most_common(20)),
        "others": others,
        "percents": percents,
        "convertible": convertible,
        "convert": convert,
        "usual": _usual_example(told, plan),
        "because": why_not or because,
        "safe": safe,
        "sure": 0.95 if safe else 0.3,
    }


def _usual_example(told: Told, plan: CanonicalNumber) -> str:
    return next((text for text, _n, m in told if m.suffix == plan.suffix and _canonical(m, plan, ()) == text), "1")


def _fits(told: Told, plan: CanonicalNumber, others: Iterable[str]) -> bool:
    """Whether numbers in other units are as large as the others when they are converted."""
    own = _medians(told, plan.unit, plan) or 0.0
    for unit in others:
        theirs = (_medians(told, unit, plan) or 0.0) * float(UNITS[unit][2] / UNITS[plan.unit][2])
        if not own / 5 <= theirs <= 5 * own:
            return False
    return True


def _medians(told: Told, unit: str, plan: CanonicalNumber) -> float | None:
    read = ((m, _digits(m, plan.mark, plan.single)) for _t, _n, m in told)
    found = [float(d) for m, d in read if d and m.unit == unit and not m.power]
    return median(found) if found else None


def otherwise(plan: CanonicalNumber, changed: Collection[str]) -> Callable[[Any], Any]:
    """Which values the plan writes otherwise, as an expression: few are listed, many are told by their form."""
    if len(changed) <= MOST_LISTED:
        few = sorted(changed)
        return lambda value: value.isin(few)
    whole = r"[1-9][0-9]{0,2}(?:[^0-9][0-9]{3})*" if plan.grouped else r"(?:0|[1-9][0-9]*)"
    plain = rf"^-?{whole}(?:\.[0-9]*[1-9])?" if plan.shorten else rf"^-?{whole}(?:[.,][0-9]+)?"
    form = plain + (re.escape(plan.suffix) if plan.suffix else "") + "$"
    return lambda value: ~value.re_search(form) & value.re_search("[0-9]") & ~value.re_search("[0-9][eE][-+]?[0-9]")


def rewritten(told: Told, plan: CanonicalNumber) -> dict[str, str]:
    """The values that the plan writes otherwise, and how."""
    slipped = _slipped(told, plan)
    written = ((text, _canonical(numeral, plan, slipped)) for text, _n, numeral in told)
    return {text: new for text, new in written if new is not None and new != text}


def _canonical(numeral: Numeral, plan: CanonicalNumber, slipped: Collection[str]) -> str | None:
    """A numeral as the plan writes it; None where it has another unit that is not to be converted, or an exponent.

    Exponents are how programs write numbers that are very small or large, and every program reads them; the noise of
    binary fractions is what programs write, too, where nothing stands before or behind it.
    """
    value = _digits(numeral, plan.mark, plan.single)
    bare = not numeral.prefix and not numeral.suffix
    if value is None or numeral.power or (bare and quiet(value) != value):
        return None
    unit = plan.unit if numeral.suffix in slipped else numeral.unit
    shortens = plan.shorten
    if plan.suffix.strip() == "%" and not unit and "." in value and Decimal(value) <= 1:
        return None  # amid percentages it may be a share
    if unit not in ("", plan.unit, "%"):
        if not plan.convert or unit not in UNITS or UNITS[unit][0] != UNITS.get(plan.unit, ("?",))[0]:
            return None
        value, shortens = f"{Decimal(value) * UNITS[unit][2] / UNITS[plan.unit][2]:f}", True
    if unit == "%" and plan.percent == "divide":
        value, shortens = f"{Decimal(value) / 100:f}", True
    written = shortest(value) if shortens else quiet(value)
    if plan.decimals and written != numeral.body:
        whole, _point, rest = written.partition(".")
        written = f"{whole}.{rest:0<{plan.decimals}}"
    if plan.grouped:
        whole, point, rest = written.partition(".")
        written = f"{int(whole):,}{point}{rest}"
    if plan.mark == "," and (plan.suffix or plan.grouped):
        written = written.translate(str.maketrans(",.", ".,"))
    return ("-" if numeral.negative and written != "0" else "") + written + plan.suffix


def _slipped(told: Told, plan: CanonicalNumber) -> frozenset[str]:
    """The rare suffixes that are the usual one with a typing error."""
    if not plan.suffix:
        return frozenset()
    rows = _rows_per(told, lambda m: m.suffix)
    rare = (suffix for suffix, n in rows.items() if n <= SLIPS * rows[plan.suffix])
    return frozenset(suffix for suffix in rare if _slips(suffix, plan.suffix))


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
