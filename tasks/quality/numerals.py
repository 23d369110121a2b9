"""Numbers as people write them: signs, thousands and decimal separators, currencies, units, percent signs.

A numeral is read without guessing: "1,234" alone may be one thousand or one and a bit, so what a comma means is
decided by the whole column (`decimal_mark`), and a column whose values disagree is not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from tasks.quality.words import unquoted

CLEAR = 0.8
"""What four fifths of a column's numbers have is the column's way."""

EXACT, NOISE = 15, 8
"""A binary fraction holds so many decimal digits; where so many more vanish by rounding to them, they were noise."""

LONGEST = 60
"""Longer texts are no numerals; their rest is never looked at."""

_NUMERAL = re.compile(
    r"""^\s*(?P<minus>\()?
    (?P<sign>[-+\u2212])?\s?(?P<prefix>\p|Rs\.?|kr\.?|USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR|KRW)?\s?(?P<sign2>[-+\u2212])?
    (?P<body>[0-9]+(?:[.,'\u2019 \u00a0\u202f][0-9]+)*|[.,][0-9]+)
    (?P<power>[eE][-+]?[0-9]{1,3})?
    (?:(?P<behind>[-\u2212])|(?P<suffix>\s*[^\W\d_][^\d]*|\s*[%\u2030\u00b0\u2103\u2109][^\d]*|\s*\p))?
    (?(minus)\))\s*$""".replace(r"\p", "[\u20ac$\u00a3\u00a5\u20b9]"),
    re.VERBOSE,
)
_GROUPED = {
    ",": re.compile(r"^[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?$"),
    ".": re.compile(r"^[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?$"),
    " ": re.compile(r"^[1-9][0-9]{0,2}(?:[ \u00a0\u202f][0-9]{3})+(?:[.,][0-9]+)?$"),
    "'": re.compile(r"^[1-9][0-9]{0,2}(?:['\u2019][0-9]{3})+(?:\.[0-9]+)?$"),
}
_OUT_OF = re.compile(r"^\s*(?P<body>[0-9]+(?:\.[0-9]+)?)(?P<suffix>\s?/\s?[1-9][0-9]*)\s*$")
_PLAIN = re.compile(r"^(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)$")
_COMMA = re.compile(r"^[0-9]+,[0-9]+$")

_MEASURES = (
    ("mass", "mg", "0.001", "mg milligram milligrams"),
    ("mass", "g", "1", "g gr gram grams gramm"),
    ("mass", "kg", "1000", "kg kgs kilo kilos kilogram kilograms"),
    ("mass", "t", "1000000", "t tonne tonnes"),
    ("weight", "oz", "1", "oz ounce ounces"),
    ("weight", "lb", "16", "lb lbs pound pounds"),
    ("length", "mm", "0.001", "mm millimeter millimeters millimetre millimetres"),
    ("length", "cm", "0.01", "cm centimeter centimeters centimetre centimetres"),
    ("length", "m", "1", "m meter meters metre metres"),
    ("length", "km", "1000", "km kilometer kilometers kilometre kilometres"),
    ("distance", "in", "1", "in inch inches"),
    ("distance", "ft", "12", "ft foot feet"),
    ("distance", "mi", "63360", "mi mile miles"),
    ("area", "m\u00b2", "1", "m\u00b2 sqm"),
    ("area", "ha", "10000", "ha hectare hectares"),
    ("area", "km\u00b2", "1000000", "km\u00b2"),
    ("volume", "ml", "0.001", "ml milliliter milliliters millilitre millilitres"),
    ("volume", "cl", "0.01", "cl centiliter centiliters centilitre centilitres"),
    ("volume", "l", "1", "l liter liters litre litres ltr"),
    ("time", "ms", "0.001", "ms msec millisecond milliseconds"),
    ("time", "s", "1", "s sec secs second seconds"),
    ("time", "min", "60", "min mins minute minutes"),
    ("time", "h", "3600", "h hr hrs hour hours std"),
    ("time", "d", "86400", "d day days"),
    ("time", "week", "604800", "wk wks week weeks"),
    ("age", "month", "1", "month months mth mths"),
    ("age", "year", "12", "year years yr yrs"),
    ("data", "KB", "1", "kb kilobyte kilobytes"),
    ("data", "MB", "1000", "mb megabyte megabytes"),
    ("data", "GB", "1000000", "gb gigabyte gigabytes"),
    ("data", "TB", "1000000000", "tb terabyte terabytes"),
    ("speed", "km/h", "1", "km/h kmh kph"),
    ("miles per hour", "mph", "1", "mph"),
    ("metres per second", "m/s", "1", "m/s"),
    ("knots", "knot", "1", "kts knot knots"),
    ("power", "W", "1", "w watt watts"),
    ("power", "kW", "1000", "kw kilowatt kilowatts"),
    ("horse power", "hp", "1", "hp"),
    ("energy", "Wh", "1", "wh"),
    ("energy", "kWh", "1000", "kwh"),
    ("calories", "kcal", "1", "kcal"),
    ("joules", "kJ", "1", "kj"),
    ("voltage", "V", "1", "volt volts"),
    ("voltage", "kV", "1000", "kv"),
    ("current", "A", "1", "amp amps ampere amperes"),
    ("charge", "mAh", "1", "mah"),
    ("resistance", "ohm", "1", "ohm ohms"),
    ("frequency", "Hz", "1", "hz hertz"),
    ("frequency", "kHz", "1000", "khz"),
    ("frequency", "MHz", "1000000", "mhz"),
    ("frequency", "GHz", "1000000000", "ghz"),
    ("pulse", "bpm", "1", "bpm"),
    ("rotation", "rpm", "1", "rpm"),
    ("sound", "dB", "1", "db decibel decibels"),
    ("pressure", "hPa", "1", "hpa"),
    ("pressure", "mbar", "1", "mbar millibar millibars"),
    ("pressure", "kPa", "10", "kpa"),
    ("pressure", "bar", "1000", "bar bars"),
    ("mercury", "mmHg", "1", "mmhg"),
    ("pounds per square inch", "psi", "1", "psi"),
    ("concentration", "mg/L", "1", "mg/l"),
    ("concentration", "mg/dL", "10", "mg/dl"),
    ("concentration", "g/L", "1000", "g/l"),
    ("concentration", "g/dL", "10000", "g/dl"),
    ("molarity", "mmol/L", "1", "mmol/l"),
    ("parts per million", "ppm", "1", "ppm"),
    ("parts per billion", "ppb", "1", "ppb"),
    ("celsius", "\u00b0C", "1", "\u00b0c \u00bac \u2103 celsius \u00b0celsius"),
    ("fahrenheit", "\u00b0F", "1", "\u00b0f \u00baf \u2109 fahrenheit \u00b0fahrenheit"),
    ("kelvin", "K", "1", "kelvin"),
    ("angle", "\u00b0", "1", "\u00b0"),
    ("latitude", "\u00b0N", "1", "\u00b0n \u00b0north"),
    ("longitude", "\u00b0E", "1", "\u00b0e \u00b0east"),
    ("picture", "px", "1", "px pixel pixels"),
    ("pieces", "pcs", "1", "pcs piece pieces"),
    ("euro", "EUR", "1", "eur \u20ac euro euros"),
    ("dollar", "USD", "1", "usd $ us$ dollar dollars"),
    ("sterling", "GBP", "1", "gbp \u00a3"),
    ("yen", "JPY", "1", "jpy \u00a5 yen"),
    ("franc", "CHF", "1", "chf sfr"),
)
UNITS: Mapping[str, str] = {spelling: unit for _quantity, unit, _factor, own in _MEASURES for spelling in own.split()}
"""Spelling → unit. Letters that say other things behind numbers, too, are none: 60 K, 12 A, 5 C; nor are degrees south
and west, which are negative numbers."""

MEASURES: Mapping[str, tuple[str, Decimal]] = {
    unit: (quantity, Decimal(factor)) for quantity, unit, factor, _own in _MEASURES
}
"""Unit → quantity, and how many of its base unit it is. Units of different quantities are never converted into each
other: avoirdupois and metric weights have no short factor, and temperatures none at all."""

_IN_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
WORDS: Mapping[str, str] = {word: str(number) for number, word in enumerate(_IN_WORDS.split())}
"""Number in words → its digits."""


@dataclass(frozen=True)
class Numeral:
    """One number as it is written; `body` are its digits and separators. It may be in quotes, as text is."""

    negative: bool
    prefix: str
    body: str
    power: str
    suffix: str
    quoted: bool = field(default=False, repr=False, compare=False)

    @property
    def unit(self) -> str:
        """The unit it is written with in its usual spelling, e.g. "oz" for " Ounces."; "" without one."""
        told = re.sub(r"\s*/\s*", "/", (self.suffix or self.prefix).strip().casefold())
        told = re.sub(r"^(?:\u00b0|deg(?:ree)?s?\b)\s*", "\u00b0", told)
        word = re.split(r"[\s,;()]+", told, maxsplit=1)[0].strip(".")
        return UNITS.get(word, word)


def read_numeral(text: str) -> Numeral | None:
    """A text as a numeral; None for anything else.

    >>> read_numeral("12.0 oz.")
    Numeral(negative=False, prefix='', body='12.0', power='', suffix=' oz.')
    >>> read_numeral("AA-3859") is None, read_numeral("(12.50)") == read_numeral("12.50-") == read_numeral("-12.50")
    (True, True)
    >>> read_numeral("'12.50") == read_numeral('"12.50"') == read_numeral("12.50")
    True
    """
    inner = unquoted(text.strip())
    found = _NUMERAL.match(inner) if len(text) <= LONGEST else None
    if found is None or (found["prefix"] and found["suffix"]):
        return None
    signs = [sign for sign in (found["sign"], found["sign2"], found["behind"]) if sign]
    if found["behind"] and (found["minus"] or len(signs) > 1):
        return None
    minus = bool(found["minus"]) or any(sign in "-\u2212" for sign in signs)
    suffix = (found["suffix"] or "").rstrip(") ") if found["minus"] else (found["suffix"] or "")
    return Numeral(minus, found["prefix"] or "", found["body"], found["power"] or "", suffix, inner != text.strip())


def read_score(text: str) -> Numeral | None:
    """Points out of so many as a numeral with these as its unit; None for anything else.

    >>> read_score("3/5")
    Numeral(negative=False, prefix='', body='3', power='', suffix='/5')
    """
    found = _OUT_OF.match(text) if len(text) <= LONGEST else None
    return Numeral(False, "", found["body"], "", re.sub(r"\s", "", found["suffix"])) if found else None


_SUM = r"^\s*([0-9]{1,4})\s*(?:LARGE)\.?(?:\s*,|\s+and\b)?\s*([0-9]{1,2})\s*(?:SMALL)\.?\s*$"
_SUMS = tuple(
    (re.compile(_SUM.replace("LARGE", large).replace("SMALL", small), re.IGNORECASE), many, unit)
    for large, small, many, unit in (
        ("h|hr|hrs|hours?|std", "m|min|mins|minutes?", 60, " min"),
        ("m|min|mins|minutes?", "s|secs?|seconds?", 60, " s"),
        ("ft|feet|foot|'", "in|inch|inches|\"|''", 12, " in"),
        ("lbs?|pounds?", "oz|ounces?", 16, " oz"),
    )
)
"""What is told in two units of one quantity: how it is written, how many of the small one are a large one, and it."""


def read_sum(text: str) -> Numeral | None:
    """What is told in two units as a numeral in the smaller one; None for anything else.

    >>> read_sum("1h 32m"), read_sum("5 ft 11 in").body, read_sum("1 h 75 min")
    (Numeral(negative=False, prefix='', body='92', power='', suffix=' min'), '71', None)
    """
    for written, many, unit in _SUMS if len(text) <= LONGEST else ():
        if (found := written.match(text)) and int(found[2]) < many:
            return Numeral(False, "", str(int(found[1]) * many + int(found[2])), "", unit)
    return None


def read_word(text: str) -> Numeral | None:
    """A number in words as a numeral; None for anything else.

    >>> read_word("Three ")
    Numeral(negative=False, prefix='', body='3', power='', suffix='')
    """
    digits_ = WORDS.get(text.strip().lower()) if len(text) <= LONGEST else None
    return Numeral(False, "", digits_, "", "") if digits_ else None


def decimal_mark(bodies: Iterable[tuple[str, int]]) -> str | None:
    """What separates decimals in these numerals, each with its rows: "." or ","; None when they contradict one another.

    A single sign before three digits says nothing; "1.234,5", "3,75", "0.125" and "1,234.5" do. A mark that four fifths
    of the telling rows have is the column's, the others are foreign to it.
    """
    marks = {".": 0, ",": 0}
    for body, rows in bodies:
        if _PLAIN.match(body):
            marks["."] += rows * ("." in body and not _GROUPED["."].match(body))
        elif _COMMA.match(body):
            marks[","] += rows * (not _GROUPED[","].match(body))
        elif re.search(r",[0-9]{3}(?:\.|$)", body):
            marks["."] += rows
        elif re.search(r"\.[0-9]{3}(?:,|$)", body):
            marks[","] += rows
    total = sum(marks.values())
    return next((mark for mark, rows in marks.items() if rows >= CLEAR * total), None)


def digits(body: str, mark: str) -> str | None:
    """The digits with a decimal point, without separators; None where they are not written in this way.

    >>> digits("1,234.50", "."), digits("1.234,5", ","), digits("1,5", ".")
    ('1234.50', '1234.5', None)
    """
    if mark == "," and _COMMA.match(body):
        return body.replace(",", ".")
    if mark == "." and _PLAIN.match(body):
        return body
    if mark == "," and body.isdigit():
        return body
    grouping = next((sign for sign, shape in _GROUPED.items() if sign != mark and shape.match(body)), None)
    if grouping is None:
        return None
    whole = re.sub(r"[^0-9.,]" if grouping in " '" else re.escape(grouping), "", body)
    return whole.replace(",", ".") if mark == "," else (None if "," in whole else whole)


def code_like(body: str) -> bool:
    """Whether leading zeros say that this is a code: a number would lose them."""
    return len(body) > 1 and body[0] == "0" and body[1].isdigit()


def shortest(number: str) -> str:
    """A decimal without needless zeros and without the noise of binary fractions; every digit of others is kept.

    >>> shortest("12.0"), shortest("0.055999999999999994"), shortest("-.50"), shortest("0.2876820724517809")
    ('12', '0.056', '-0.5', '0.2876820724517809')
    """
    text = f"{Decimal(quiet(number)):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def quiet(number: str) -> str:
    """A decimal without the noise of binary fractions; as it is written if it has none.

    >>> quiet("0.30000000000000004"), quiet("0.18154273708397020"), quiet("1.50")
    ('0.3', '0.18154273708397020', '1.50')
    """
    if "." not in number:
        return number
    value = Decimal(number)
    with localcontext() as context:
        context.prec = EXACT
        rounded = (+value).normalize()
    told, left = (len(each.as_tuple().digits) for each in (value, rounded))
    return f"{rounded:f}" if told > EXACT and told - left >= NOISE else number
