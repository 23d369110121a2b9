"""How a column's numbers are written: the way that most of them have, and every other number written in it."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any, Literal, TypeAlias

from pydantic import Field

from tasks.quality.model import ColumnProfile
from tasks.quality.numerals import (
    CLEAR,
    MEASURES,
    UNITS,
    Numeral,
    code_like,
    decimal_mark,
    digits,
    quiet,
    read_numeral,
    read_score,
    read_sum,
    read_word,
    shortest,
)
from tasks.quality.patterns import YEAR
from tasks.quality.universal import Edits
from tasks.quality.values import rows_of

MOST, FEW = 0.5, 0.3
"""What more than half of a column has is its way of writing; zeros that less than three in ten have are slips."""

SCATTERED = 0.2
"""A decimal comma that fewer of a column's numbers have may be none: "4,6" amid whole numbers can be two of them."""

FEWEST_POINTS = 3
"""Fewer different points "out of 5" are no scale."""

SLIPS = 0.05
"""What so few of a column's numbers have may be a slip, as one in twenty."""

ODD = 0.02
"""Words that are no units, and that fewer of a column's numbers have, say nothing about the others."""

SURE, UNSURE = 0.95, 0.3
"""How sure it is that numbers are written otherwise by mistake, and where their unit or mark may say something."""

MOST_DECIMALS = 12
MOST_PATTERNS = 400
MOST_LISTED = 2_000

Told: TypeAlias = Sequence[tuple[str, int, Numeral]]
"""Values, their rows, and the numerals that they are."""


Sizes: TypeAlias = Counter[float]
"""Numbers and their rows."""

Single: TypeAlias = Literal["thousands", "decimals", "leave"]


class CanonicalNumber(Edits):
    """How numbers are written anew.

    Attributes:
        mark: what separates decimals in the data.
        writes: what separates them afterwards; by default a point, or the mark that they have where something is
            written before or behind numbers, or thousands are separated.
        unit: the unit that every number without another one has, "" for none.
        prefix: what is written before the number, as a currency's sign, "" for nothing.
        suffix: what is written behind the number, "" for nothing.
        shorten: take needless zeros off (12.0 → 12).
        grouped: separate thousands.
        separator: what separates them; by default the one of comma and point that does not separate decimals.
        decimals: write at least so many decimals, as the column's other numbers have.
        plus: leave the plus in front of numbers that have one.
        percent: what becomes of a percent sign: left out ("strip"), the number divided by a hundred ("divide"), or
            neither ("leave").
        convert: convert other units of the same quantity; else values in them stay as they are.
        thousand: how many KB are one MB, MB one GB and GB one TB.
        single: what the other mark is where three digits follow and nothing else tells: "1,234" may be one thousand
            ("thousands") or one and a bit ("decimals"), or it may stay as it is ("leave").
    """

    mark: Literal[".", ","] = "."
    writes: Literal[".", ",", ""] = ""
    unit: str = ""
    prefix: str = ""
    suffix: str = ""
    shorten: bool = True
    grouped: bool = False
    separator: Literal[".", ",", " ", "\u00a0", "\u202f", "'", "\u2019", ""] = ""
    decimals: int = Field(0, ge=0, le=MOST_DECIMALS)
    plus: bool = False
    percent: Literal["strip", "divide", "leave"] = "strip"
    convert: bool = False
    thousand: Literal[1000, 1024] = 1000
    single: Single = "thousands"

    @property
    def written(self) -> str:
        """What separates decimals afterwards."""
        return self.writes or (self.mark if self.prefix or self.suffix or self.grouped else ".")

    @property
    def separating(self) -> str:
        """What separates thousands afterwards, where they are."""
        return self.separator or _OTHER[self.written]


def mixes(column: ColumnProfile) -> bool:
    """Whether most patterns of a column are numbers, and more than one of them, or one with a word, or beside words."""
    numeric = [p for p in column.patterns if _read(p.text) or _read(re.sub("^a(?= ?9)", "EUR", p.text))]
    words = column.distinct_count <= MOST_LISTED and any(p.text == "a" for p in column.patterns)
    return (
        column.pattern_count <= MOST_PATTERNS
        and (words or len(numeric) > 1 or any("a" in p.text for p in numeric))
        and sum(p.rows for p in numeric) > column.present_count / 2
    )


def _read(text: str) -> Numeral | None:
    return read_numeral(text) or read_score(text) or read_sum(text) or read_word(text)


def numbers_in(values: Mapping[str, int]) -> Told:
    """The values that are numerals; what only looks like one beside the others is none."""
    told = [(text, n, numeral) for text, n in values.items() if (numeral := _read(text))]
    rows = rows_of(told)
    for misread in (_named_by, lambda m: m.suffix == "l"):
        if sum(n for _t, n, m in told if misread(m)) <= SLIPS * rows:
            told = [each for each in told if not misread(each[2])]
    for doubtful, accepted in _DOUBTFUL:
        odd = [each for each in told if doubtful(each[0], each[2])]
        others = [each for each in told if not doubtful(each[0], each[2])]
        told = told if odd and accepted(odd, others) else others
    return told


def _no_years(_odd: Told, others: Told) -> bool:
    """Whether the other numbers are no years, which in brackets are no negative numbers; '98 is a year, too."""
    years = sum(n for text, n, _m in others if YEAR.match(text))
    return not others or years < CLEAR * rows_of(others)


def _minuses(odd: Told, others: Told) -> bool:
    """Whether signs behind numbers are minuses: cents stand before them, or more than a few others have one in front.

    Else they can be codes (100-), ranges without an end (65-) or marks (2-).
    """
    if all(re.search("[.,][0-9]{2}$", m.body) for _t, _n, m in odd):
        return True
    negative = rows_of([each for each in others if each[2].negative])
    return negative >= rows_of(odd) and negative > SLIPS * rows_of(others)


def _one_scale(odd: Told, others: Told) -> bool:
    """Whether these are points of the scale that most numbers are on, which they reach half of at least: 3/5.

    Else they can be fractions, days of a month or numbers of series.
    """
    plain = _plain(others)
    units = {m.unit for _t, _n, m in odd}
    if len(units) > 1 or len(odd) < FEWEST_POINTS or not plain or rows_of(odd) >= rows_of(others):
        return False
    best = Decimal(units.pop()[1:])
    return best / 2 <= max(plain) <= best and _within(odd, plain)


def _in_small_units(odd: Told, others: Told) -> bool:
    """Whether most other numbers are in the smaller of the two units: 1h 32m amid 95 min."""
    units = {m.unit for _t, _n, m in odd}
    alike = rows_of([each for each in others if each[2].unit in units])
    return len(units) == 1 and alike > MOST * rows_of(others) and alike > rows_of(odd)


def _counted(odd: Told, others: Told) -> bool:
    """Whether words are numbers as the others are: whole, few enough to be counted, and as large as these."""
    plain = _plain(others)
    whole = sum(n for _t, n, m in others if m.body.isdigit())
    return len(others) <= MOST_LISTED and whole >= CLEAR * rows_of(others) and bool(plain) and _within(odd, plain)


def _plain(told: Told) -> list[Decimal]:
    """The numbers that have nothing before or behind them, and a decimal point if a mark."""
    bare = (digits(m.body, ".") for _t, _n, m in told if not (m.prefix or m.suffix or m.power or m.negative))
    return [Decimal(number) for number in bare if number]


def _within(odd: Told, plain: Collection[Decimal]) -> bool:
    return all(min(plain) <= Decimal(m.body) <= max(plain) for _t, _n, m in odd)


_DOUBTFUL: tuple[tuple[Callable[[str, Numeral], bool], Callable[[Told, Told], bool]], ...] = (
    (lambda text, _m: text.lstrip().startswith("("), _no_years),
    (lambda _text, m: m.quoted, _no_years),
    (lambda text, _m: text.rstrip().endswith(("-", "\u2212")), _minuses),
    (lambda _text, m: m.suffix.startswith("/"), _one_scale),
    (lambda text, _m: read_sum(text) is not None, _in_small_units),
    (lambda text, _m: text.strip().isalpha(), _counted),
)
"""Numerals of which one cannot know alone, and what the column's other numbers must be like for them to be numbers."""


def plan_for(told: Told) -> CanonicalNumber | None:
    """How these numbers would be written alike; None for codes, separators that contradict one another and one way."""
    if _alike(told):
        return None
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
    own = (prefix, suffix) if keeps else ("", "")
    usual_ones = [(m, n) for _t, n, m in told if (m.prefix, m.suffix) == own and not m.power]
    decimals, shorten = _decimals_of(usual_ones, mark, single) if usual_ones else (0, True)
    return CanonicalNumber(
        mark=mark,
        writes="" if _scattered(told, mark) else mark,
        unit=unit,
        prefix=_before(told, prefix) if keeps and prefix else "",
        suffix=suffix if keeps else "",
        shorten=shorten,
        grouped=_mostly_grouped(told, mark, single),
        separator=_separator(told, mark),
        decimals=decimals,
        plus=_told_by_a_plus(told),
        single=single,
    )


def _separator(told: Told, mark: str) -> str:
    """What separates thousands in most numbers in which something does; nothing where it is the usual sign."""
    signs = Counter[str]()
    for _text, n, numeral in told:
        if _digits(numeral, mark) is not None:
            signs.update(dict.fromkeys(re.findall(r"(?<=[0-9])[^0-9](?=[0-9]{3}(?![0-9]))", numeral.body), n))
    del signs[mark]
    usual = min(signs, key=lambda sign: (-signs[sign], sign), default="")
    return "" if usual == _OTHER[mark] else usual


def _told_by_a_plus(told: Told) -> bool:
    """Whether so many numbers above zero have a plus, beside others below it, that it is their way of writing."""
    above = [(text, n) for text, n, m in told if not m.negative]
    signed = sum(n for text, n in above if text.lstrip().startswith("+"))
    return len(above) < len(told) and signed > FEW * sum(n for _text, n in above)


_BEFORE = re.compile(r"[-+\u2212(\"'\u2018\u2019\u201c\u201e\u00ab]")
"""Signs and quotes in front of a prefix."""


def _before(told: Told, prefix: str) -> str:
    """A prefix with the space, if any, that most numbers have between the two."""
    gaps = Counter[str]()
    for text, n, m in told:
        if m.prefix == prefix:
            gaps[_BEFORE.sub("", text.partition(m.body)[0]).lstrip()] += n
    return min(gaps, key=lambda gap: (-gaps[gap], gap))


def _alike(told: Told) -> bool:
    """Whether all numbers are written in one way, but for their digits, with no letters."""
    first = told[0][0]
    way = re.sub("[0-9]+", "0", first)
    return not any(map(str.isalpha, first)) and all(re.sub("[0-9]+", "0", text) == way for text, _n, _m in told)


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
    """The rows of each way in which the numbers are written, runs of digits as one zero, without the sign in front."""
    counts: Counter[str] = Counter()
    for text, n, _numeral in told:
        way = re.sub("[0-9]+", "0", text.strip().lstrip("+-\u2212"))
        counts[f"'{way}'"] += n
    return counts


def facts_about(told: Told, plan: CanonicalNumber) -> dict[str, Any]:
    """What speaks for the plan and what against it, and whether a part of it is certain all the same."""
    units = _rows_per(told, lambda m: m.unit)
    others = _others(told, plan, units)
    quantity = _quantity(plan.unit)
    convertible = bool(others) and quantity != "" and all(_quantity(u) == quantity for u in others)
    fits = convertible and sum(units[u] for u in others) <= SLIPS * rows_of(told) and _fits(told, plan, others)
    convert = fits and quantity != "data"
    doubt = _doubt(told, plan, units)
    changes = rewritten(told, plan.model_copy(update={"convert": convert}))
    safe = not doubt and (convert or not others or _apart(told, plan, units)) and bool(changes)
    divide = not safe and _shares(told, plan, units)
    bare = (
        not (safe or divide)
        and not (plan.prefix or plan.suffix)
        and units[""] > MOST * rows_of(told)
        and not _scattered(told, plan.mark)
    )
    return {
        "classes": dict(forms_of(told).most_common(20)),
        "others": others,
        "percents": "%" in units and "" in units,
        "divide": divide,
        "convertible": convertible,
        "fits": fits,
        "convert": convert,
        "usual": _usual_example(told, plan),
        "because": doubt or _reason(plan, units, others),
        "safe": safe,
        "bare": bare and bool(rewritten(told, plan.model_copy(update=BARE))),
        "sure": SURE if safe else UNSURE,
    }


def _shares(told: Told, plan: CanonicalNumber, units: Mapping[str, int]) -> bool:
    """Whether few numbers have a percent sign amid parts of one, and are as large as these, divided by a hundred."""
    parts, percents = _sizes(told, "", plan), _sizes(told, "%", plan)
    if set(units) != {"", "%"} or units["%"] > FEW * rows_of(told) or max(parts, default=2.0) > 1:
        return False
    return max(percents, default=101.0) <= 100 and _as_large(parts, Counter({p / 100: n for p, n in percents.items()}))  # noqa: PLR2004


def _reason(plan: CanonicalNumber, units: Mapping[str, int], others: Collection[str]) -> str:
    if "%" in units and "" in units:
        return "the numbers with and without a percent sign are as large as one another, so the sign says nothing"
    same = plan.unit not in ("", "%") and not others
    return "every number has the same unit" if same else "only the way of writing changes"


BARE = {"unit": "", "percent": "leave"}
"""What a plan is told for numbers with a unit to stay as they are."""


def confidence(told: Told, plan: CanonicalNumber, facts: Mapping[str, Any]) -> float:
    """How sure it is that what the plan writes otherwise is wrong, by the share of it that is certain."""
    if not facts["bare"]:
        return float(facts["sure"])
    certain, all_ = (len(rewritten(told, each)) for each in (plan.model_copy(update=BARE), plan))
    return round(UNSURE + (SURE - UNSURE) * min(1.0, certain / all_), 4)


def _others(told: Told, plan: CanonicalNumber, units: Mapping[str, int]) -> list[str]:
    """The units that are not the plan's, without slips and odd words."""
    slipped = _slipped(told, plan)
    slips = {m.unit for _t, _n, m in told if m.suffix in slipped}
    odd = {unit for unit, n in units.items() if unit not in MEASURES and n <= ODD * rows_of(told)}
    return sorted(set(units) - {plan.unit, "", "%"} - slips - odd)


def _apart(told: Told, plan: CanonicalNumber, units: Mapping[str, int]) -> bool:
    """Whether numbers with the plan's unit can be written alike beside those with others.

    Its prefix or suffix stays, no number is without unit, which could be any of them, and no more words are lost.
    """
    if not (plan.prefix or plan.suffix) or units[""] or not (plan.unit == "%" or plan.unit in MEASURES):
        return False
    words = len(plan.suffix.split())
    return all(len(m.suffix.split()) <= words for _t, _n, m in told if m.unit == plan.unit)


def _quantity(unit: str) -> str:
    return MEASURES[unit][0] if unit in MEASURES else ""


def _doubt(told: Told, plan: CanonicalNumber, units: Mapping[str, int]) -> str:
    """Why the plan's unit or mark may say something, "" if nothing speaks for it."""
    percents = "%" in units and "" in units
    known = plan.unit in ("", "%", plan.suffix.strip()) or plan.unit in MEASURES or plan.unit.startswith("/")
    if not known and units[plan.unit] < MOST * rows_of(told):
        return f"'{plan.unit}' is no unit that is known, and most numbers have none: it may say something"
    if _scattered(told, plan.mark):
        return "a comma that few of the numbers have may separate two of them: look at them first"
    if not _as_large(_sizes(told, "", plan), _sizes(told, "%" if percents else plan.unit, plan)):
        return "numbers with and without unit differ in size: look at them first"
    return ""


def _scattered(told: Told, mark: str) -> bool:
    return mark == "," and sum(n for _t, n, m in told if "," in m.body) < SCATTERED * rows_of(told)


def _as_large(some: Sizes, others: Sizes) -> bool:
    """Whether numbers are about as large as others, and the middle one of the fewer is among the others."""
    fewer, more = sorted((some, others), key=Counter.total)
    if not fewer or not _middle(some):
        return True
    return 1 / 5 <= _middle(others) / _middle(some) <= 5 and min(more) <= _middle(fewer) <= max(more)  # noqa: PLR2004


def _middle(sizes: Sizes) -> float:
    """The median over the rows; 0 of none."""
    ordered = sorted(sizes)
    until = list(accumulate(sizes[size] for size in ordered))
    half = sizes.total() / 2
    return (ordered[bisect_left(until, half)] + ordered[bisect_right(until, half)]) / 2 if ordered else 0.0


def _usual_example(told: Told, plan: CanonicalNumber) -> str:
    return next((text for text, _n, m in told if m.suffix == plan.suffix and _canonical(m, plan, ()) == text), "1")


def _fits(told: Told, plan: CanonicalNumber, others: Iterable[str]) -> bool:
    """Whether numbers in other units are as large as the others when they are converted."""
    own = _middle(_sizes(told, plan.unit, plan))
    for unit in others:
        theirs = _middle(_sizes(told, unit, plan)) * float(_conversion(unit, plan))
        if not own / 5 <= theirs <= 5 * own:
            return False
    return True


def _sizes(told: Told, unit: str, plan: CanonicalNumber) -> Sizes:
    """The numbers with a unit, without their signs, and their rows."""
    sizes: Sizes = Counter()
    for _text, n, numeral in told:
        number = _digits(numeral, plan.mark, plan.single)
        if number and numeral.unit == unit and not numeral.power:
            sizes[float(number)] += n
    return sizes


def _factor(unit: str, plan: CanonicalNumber) -> Decimal | None:
    """What a number with a unit is multiplied by; None where it stays as it is."""
    if unit == "%" and plan.percent != "strip":
        return Decimal("0.01") if plan.percent == "divide" else None
    if unit in ("", "%", plan.unit):
        return Decimal(1)
    alike = _quantity(unit) != "" and _quantity(unit) == _quantity(plan.unit)
    return _conversion(unit, plan) if plan.convert and alike else None


def _conversion(unit: str, plan: CanonicalNumber) -> Decimal:
    """How many of the plan's unit another one of its quantity is."""
    (quantity, own), (_same, into) = MEASURES[unit], MEASURES[plan.unit]
    if quantity == "data":
        return Decimal(plan.thousand) ** ((own.adjusted() - into.adjusted()) // 3)
    return own / into


def otherwise(plan: CanonicalNumber) -> Callable[[Any], Any]:
    """Which values the plan writes otherwise, as an expression that tells them by their form."""
    apart = f"[1-9][0-9]{{0,2}}(?:{re.escape(plan.separating)}[0-9]{{3}})*"
    whole = f"(?:0|{apart})" if plan.grouped else "(?:0|[1-9][0-9]*)"
    decimals = re.escape(plan.written) + ("[0-9]*[1-9]" if plan.shorten else "[0-9]+")
    sign = "[-+]?" if plan.plus else "-?"
    form = f"^{sign}{re.escape(plan.prefix)}{whole}(?:{decimals})?{re.escape(plan.suffix)}$"
    return lambda value: ~value.re_search(form) & value.re_search("[0-9]") & ~value.re_search("[0-9][eE][-+]?[0-9]")


def rewritten(told: Told, plan: CanonicalNumber) -> dict[str, str]:
    """The values that the plan writes otherwise, and how."""
    slipped = _slipped(told, plan)
    noisy = all(
        any(_is_bare(m) == bare and _has_noise(_digits(m, plan.mark, plan.single)) for _t, _n, m in told)
        for bare in (False, True)
    )
    written = ((text, _canonical(numeral, plan, slipped, noisy=noisy)) for text, _n, numeral in told)
    signed = ((text, new if new is None else _plus(text, plan) + new) for text, new in written)
    return {text: new for text, new in signed if new is not None and new != text}


def _plus(text: str, plan: CanonicalNumber) -> str:
    """The plus that stays in front of a number."""
    return "+" if plan.plus and text.lstrip().startswith("+") else ""


def _is_bare(numeral: Numeral) -> bool:
    return not (numeral.prefix or numeral.suffix or numeral.quoted)


def _has_noise(number: str | None) -> bool:
    return number is not None and quiet(number) != number


def _canonical(numeral: Numeral, plan: CanonicalNumber, slipped: Collection[str], *, noisy: bool = False) -> str | None:
    """A numeral as the plan writes it; None where it has another unit that is not to be converted, or an exponent.

    Exponents are how programs write numbers that are very small or large, and every program reads them; the noise of
    binary fractions is what programs write, too, where nothing stands before or behind it. Where a column is `noisy`
    with such numbers, those with something before or behind them keep theirs.
    """
    value = _digits(numeral, plan.mark, plan.single)
    if value is None or numeral.power or (_is_bare(numeral) and _has_noise(value)):
        return None
    unit = plan.unit if numeral.suffix in slipped else numeral.unit
    if plan.suffix.strip() == "%" and not unit and "." in value and Decimal(value) <= 1:
        return None  # amid percentages it may be a share
    if unit == plan.unit and plan.suffix and _inflected(numeral, value, plan.suffix):
        return None
    factor = _factor(unit, plan)
    if factor is None:
        return None
    if noisy and factor == 1 and _has_noise(value):
        written = value
    else:
        product = value if factor == 1 else f"{Decimal(value) * factor:f}"
        written = shortest(product) if plan.shorten or factor != 1 else quiet(product)
    apart = _marked(written, plan)
    if plan.decimals and numeral.body != (apart if plan.prefix else written):
        whole, _point, rest = written.partition(".")
        apart = _marked(f"{whole}.{rest:0<{plan.decimals}}", plan)
    return ("-" if numeral.negative and apart != "0" else "") + plan.prefix + apart + plan.suffix


def _marked(number: str, plan: CanonicalNumber) -> str:
    """A number with the marks that the plan has for decimals and thousands."""
    whole, point, rest = number.partition(".")
    apart = f"{int(whole):,}".replace(",", plan.separating) if plan.grouped else whole
    return f"{apart}{plan.written if point else ''}{rest}"


def _inflected(numeral: Numeral, number: str, usual: str) -> bool:
    """Whether a unit differs from the usual one because it is of one, or of several: 1 day amid days.

    Short forms of a unit have no plural of their own: 9 kgs amid kg.

    >>> [_inflected(read_numeral(text), text[0], " days") for text in ("1 day", "2 day", "1 DAYS", "1 daxs")]
    [True, False, False, False]
    >>> _inflected(read_numeral("2 days"), "2", " day"), _inflected(read_numeral("2 kgs"), "2", " kg")
    (True, False)
    """
    own, often = (re.sub(r"[\s.]", "", each).casefold() for each in (numeral.suffix, usual))
    one, several = (own, often) if Decimal(number) == 1 else (often, own)
    longest = max((len(each) for each, unit in UNITS.items() if unit == UNITS.get(one)), default=0)
    if own == several and longest > len(several):
        return False
    return several in (f"{one}s", f"{one}es") or (one, several) == ("foot", "feet")


def _slipped(told: Told, plan: CanonicalNumber) -> frozenset[str]:
    """The rare suffixes that are the usual one with a typing error, and no unit of their own."""
    if not plan.suffix:
        return frozenset()
    rows = _rows_per(told, lambda m: m.suffix)
    known = {m.suffix for _t, _n, m in told if m.unit in MEASURES and m.unit != plan.unit}
    rare = (suffix for suffix, n in rows.items() if n <= SLIPS * rows[plan.suffix] and suffix not in known)
    return frozenset(suffix for suffix in rare if _slips(suffix, plan.suffix))


def _slips(suffix: str, usual: str) -> bool:
    """Whether a suffix is the usual one with a typing error, which may not be a digit that became a letter.

    >>> _slips(" patixnts", " patients"), _slips(" g", " kg"), _slips("x patients", " patients"), _slips("mm/s", "mm/h")
    (True, False, False, False)
    """
    from rapidfuzz.distance import OSA

    edits = 0 if "/" in suffix else len(usual.strip()) // 3
    if suffix[:1].isspace() != usual[:1].isspace() and len(suffix) > len(usual):
        return False
    return edits > 0 and OSA.distance(suffix.strip(), usual.strip(), score_cutoff=edits) <= edits
