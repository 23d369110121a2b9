"""One value read as another type, and written as values of that type are."""

from __future__ import annotations

import re
from decimal import Decimal

from tasks.quality.dates import read_date
from tasks.quality.months import DECIMAL_MARK, Locale
from tasks.quality.numerals import digits, read_numeral, shortest
from tasks.quality.typed import ColumnType

YES, NO = frozenset(("true", "t", "yes", "y", "1", "on")), frozenset(("false", "f", "no", "n", "0", "off"))


def cast_text(text: str, type_: ColumnType, locale: Locale = "en") -> str | None:
    """A text in a language as a value of a type; None where it has no reading, or several.

    >>> cast_text("1,234 pcs", "integer"), cast_text("12.5", "integer"), cast_text("Yes ", "boolean")
    ('1234', None, 'true')
    >>> cast_text("31 Jan 2026", "date"), cast_text("03/04/2026", "date")
    ('2026-01-31', None)
    >>> cast_text("1.234,50 €", "number", "de"), cast_text("1,5", "number"), cast_text("5. März 2026", "date", "de")
    ('1234.5', None, '2026-03-05')
    """
    if type_ in ("integer", "number"):
        return _number(text, DECIMAL_MARK[locale], whole=type_ == "integer")
    if type_ in ("date", "timestamp"):
        return _moment(text, locale, timed=type_ == "timestamp")
    if type_ == "boolean":
        word = text.strip().casefold()
        return "true" if word in YES else "false" if word in NO else None
    return text


def _number(text: str, mark: str, *, whole: bool) -> str | None:
    numeral = read_numeral(text)
    said = digits(numeral.body, mark) if numeral and not numeral.power else None
    if numeral is None or said is None or "%" in numeral.suffix:
        return None
    if mark == "." and re.fullmatch("[0-9]+,[0-9]{1,2}", numeral.body):
        return None
    value = shortest(said)
    if whole and Decimal(value) % 1:
        return None
    return f"-{value}" if numeral.negative and value != "0" else value


def _moment(text: str, locale: Locale, *, timed: bool) -> str | None:
    written = read_date(text, locale)
    if written is None or len(written.days) != 1:
        return None
    (day,) = written.days
    return f"{day.isoformat()} {written.time}" if timed and written.time else day.isoformat()
