"""Numbers as people write them: signs, thousands and decimal separators, currencies, units, percent signs.

A numeral is read without guessing: "1,234" alone may be one thousand or one and a bit, so what a comma means is
decided by the whole column (`decimal_mark`), and a column whose values disagree is not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

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
    (?P<suffix>\s*[^\W\d_][^\d]*|\s*[%\u2030\u00b0][^\d]*|\s*\p)?
    (?(minus)\))\s*$""".replace(r"\p", "[\u20ac$\u00a3\u00a5\u20b9]"),
    re.VERBOSE,
)
_GROUPED = {
    ",": re.compile(r"^[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?$"),
    ".": re.compile(r"^[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?$"),
    " ": re.compile(r"^[1-9][0-9]{0,2}(?:[ \u00a0\u202f][0-9]{3})+(?:[.,][0-9]+)?$"),
    "'": re.compile(r"^[1-9][0-9]{0,2}(?:['\u2019][0-9]{3})+(?:\.[0-9]+)?$"),
}
_PLAIN = re.compile(r"^(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)$")
_COMMA = re.compile(r"^[0-9]+,[0-9]+$")

UNITS: Mapping[str, tuple[str, str, Decimal]] = {
    spelling: (quantity, unit, Decimal(factor))
    for quantity, unit, factor, spellings in (
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
        ("volume", "ml", "0.001", "ml milliliter milliliters millilitre millilitres"),
        ("volume", "cl", "0.01", "cl centiliter centiliters centilitre centilitres"),
        ("volume", "l", "1", "l liter liters litre litres ltr"),
        ("time", "s", "1", "s sec secs second seconds"),
        ("time", "min", "60", "min mins minute minutes"),
        ("time", "h", "3600", "h hr hrs hour hours std"),
        ("time", "d", "86400", "d day days"),
        ("data", "kb", "1", "kb kilobyte kilobytes"),
        ("data", "mb", "1000", "mb megabyte megabytes"),
        ("data", "gb", "1000000", "gb gigabyte gigabytes"),
        ("speed", "km/h", "1", "km/h kmh kph"),
        ("power", "w", "1", "w watt watts"),
        ("power", "kw", "1000", "kw kilowatt kilowatts"),
        ("euro", "EUR", "1", "eur € euro euros"),
        ("dollar", "USD", "1", "usd $ us$ dollar dollars"),
        ("sterling", "GBP", "1", "gbp £"),
        ("yen", "JPY", "1", "jpy ¥ yen"),
        ("franc", "CHF", "1", "chf sfr"),
    )
    for spelling in spellings.split()
}
"""Spelling → quantity, unit, how many of the quantity's base unit it is. Units of different quantities, such as
avoirdupois and metric weights, are never converted into each other: their factor is no short decimal."""


@dataclass(frozen=True)
class Numeral:
    """One number as it is written; `body` are its digits and separators."""

    negative: bool
    prefix: str
    body: str
    power: str
    suffix: str

    @property
    def unit(self) -> str:
        """The unit it is written with in its usual spelling, e.g. "oz" for " Ounces."; "" without one."""
        told = (self.suffix or self.prefix).strip().casefold()
        word = re.split(r"[\s,;()]+", told, maxsplit=1)[0].strip(".")
        return UNITS[word][1] if word in UNITS else word


def read_numeral(text: str) -> Numeral | None:
    """A text as a numeral; None for anything else.

    >>> read_numeral("12.0 oz.")
    Numeral(negative=False, prefix='', body='12.0', power='', suffix=' oz.')
    >>> read_numeral("AA-3859") is None
    True
    """
    found = _NUMERAL.match(text) if len(text) <= LONGEST else None
    if found is None or (found["prefix"] and found["suffix"]):
        return None
    minus = bool(found["minus"]) or "-" in (found["sign"] or "") + (found["sign2"] or "").replace("\u2212", "-")
    suffix = (found["suffix"] or "").rstrip(") ") if found["minus"] else (found["suffix"] or "")
    return Numeral(minus, found["prefix"] or "", found["body"], found["power"] or "", suffix)


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
