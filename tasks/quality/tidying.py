"""Untidy text: spaces around a value, several spaces in a row, HTML entities; and the same text without them.

Which values are untidy the engine says (RE2), what becomes of them is computed here: both mean the same by a space.
"""

from __future__ import annotations

import html
import re
from functools import reduce
from operator import or_
from typing import Any, Literal

from ibis import _

from tasks.quality.damage import redecoded
from tasks.quality.model import Dataset
from tasks.quality.profile import is_blank, may_hold
from tasks.quality.universal import Edits

EDGE = r"^[\s\p{Z}]+|[\s\p{Z}]+$"
INNER = r"[\s\p{Z}]{2,}"
ODD = r"[\t\x{a0}\x{ad}\x{2000}-\x{200b}\x{202f}\x{205f}\x{2060}\x{3000}\x{feff}]"
TAG = r"(?i)</?(?:a|b|big|br|div|em|font|h[1-6]|hr|i|li|ol|p|small|span|strong|table|td|th|tr|u|ul)(?:\s[^<>]*)?/?>"
ENTITY = r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});"
BLEMISHES = {"edges": EDGE, "inner": INNER, "entities": ENTITY, "odd": ODD, "tags": TAG}

INVISIBLE = "\u00ad\u200b\u2060\ufeff"
"""What is no space, and is seen by nobody: a hyphen for the end of a line, spaces of no width."""

LONGEST = 100_000
"""Longer values stay as they are: a table of old and new ones is held in memory, and read by people."""

SPACES = (
    "\t\n\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
r"""The characters that `[\s\p{Z}]` is in RE2."""

_SEVERAL = re.compile(f"[{SPACES}]{{2,}}")
_ENTITY, _TAG, _LINE = re.compile(ENTITY), re.compile(TAG), re.compile(r"(?i)</?(?:br|div|h[1-6]|hr|li|p|tr)\b")
_ODD = {*SPACES, *INVISIBLE} - set(" \n\f\r\u1680\u2028\u2029")
_PLAIN = {ord(sign): "" if sign in INVISIBLE else " " for sign in _ODD}
_SIGNS = frozenset("&<") | _ODD
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]{1,2}\b)?")


class Tidy(Edits):
    """Which blemishes are mended.

    Attributes:
        trim: spaces before and after the value.
        collapse: several spaces in a row become one.
        unescape: HTML entities such as &amp; become the characters they stand for.
        plain: tabs and spaces that do not break or are narrow become plain ones, and what nobody sees goes.
        untag: HTML tags such as <b> go; a space is left of those that end a line.
        case: all letters "lower" or "upper", each word with a capital ("title"), or "keep".
    """

    trim: bool = True
    collapse: bool = False
    unescape: bool = False
    plain: bool = False
    untag: bool = False
    case: Literal["keep", "lower", "upper", "title"] = "keep"


def is_untidy(value: Any) -> Any:
    """Whether a value has any of the blemishes, as an expression."""
    return reduce(or_, (value.re_search(form) for form in BLEMISHES.values()))


def untidy_rows(data: Dataset) -> dict[str, dict[str, int]]:
    """Per column with untidy values how many rows have one, each of the blemishes, and a "long" one that stays."""
    columns = [column.name for column in data.profile.columns if may_hold(column, _may_be_untidy)]
    if not columns:
        return {}
    domains = data.domains.filter(data.domains.column.isin(columns))
    value = domains.value
    flags = {name: value.re_search(form) for name, form in BLEMISHES.items()}
    there = domains.filter(~is_blank(value)).select("column", "n", too_long=value.length() > LONGEST, **flags)
    untidy = reduce(or_, (there[name] for name in BLEMISHES))
    sums = {"rows": untidy, "long": untidy & there.too_long, **{name: there[name] for name in BLEMISHES}}
    counted = there.group_by("column").agg(**{name: there.n.sum(where=flag) for name, flag in sums.items()})
    records = counted.filter(_["rows"] > 0).to_pyarrow().to_pylist()
    return {record["column"]: {name: int(record[name] or 0) for name in sums} for record in records}


def _may_be_untidy(pattern: str) -> bool:
    return pattern != pattern.strip(SPACES) or not _SIGNS.isdisjoint(pattern) or _SEVERAL.search(pattern) is not None


def rewritten(data: Dataset, column: str, p: Tidy) -> dict[str, str]:
    """The column's values that are written otherwise, and how; only for a change of case tidy ones are looked at.

    Those that were read in the wrong encoding stay as they are: of a damaged letter a part may be what nobody sees.
    """
    value = data.domains.value
    there = data.domains.filter(data.domains.column == column, value.length() <= LONGEST, ~is_blank(value))
    if p.case == "keep":
        there = there.filter(is_untidy(there["value"]))
    olds = there.select("value").order_by("value").to_pyarrow()["value"].to_pylist()
    return {old: new for old in olds if (new := tidied(old, p)) != old and redecoded(old) is None}


def tidied(text: str, p: Tidy) -> str:
    r"""A text without the blemishes.

    >>> tidied(" R&amp;D  lab ", Tidy(unescape=True)), tidied("it&#39;s  A", Tidy(unescape=True, collapse=True))
    ('R&D  lab', "it's A")
    >>> tidied("it's o'NEIL", Tidy(case="title"))
    "It's O'Neil"
    >>> tidied("<b>Ann</b>\u00a0Lee", Tidy(plain=True, untag=True))
    'Ann Lee'
    """
    if p.untag:
        text = _TAG.sub(lambda found: " " if _LINE.match(found[0]) else "", text)
    if p.unescape:
        text = _ENTITY.sub(_sign, text)
    if p.plain:
        text = text.translate(_PLAIN)
    if p.trim:
        text = text.strip(SPACES)
    if p.collapse:
        text = _SEVERAL.sub(" ", text)
    if p.case == "keep":
        return text
    if p.case == "title":
        return _WORD.sub(lambda found: found[0][:1].upper() + found[0][1:].lower(), text)
    return text.lower() if p.case == "lower" else text.upper()


def _sign(entity: re.Match[str]) -> str:
    """The character of an entity, a plain space for one that does not break; nothing is made of one without any."""
    sign = html.unescape(entity[0])
    return {"\u00a0": " ", "\ufffd": entity[0], "": entity[0]}.get(sign, sign)
