"""Text that a spreadsheet would run as a formula, made text for it; and made again what it was.

A cell is escaped with an apostrophe before it when it begins as a formula does. So that every text comes back as it
was, one that begins with apostrophes and then as a formula gets one more. Plain numbers, also negative ones, are left.
"""

from __future__ import annotations

import re
from typing import Any

NUMBER = r"[+-]?(?:[0-9]+(?:[.,][0-9]+)*|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?%?"
STARTS = r"[=+\-@\t\r\n＝＋－＠]"
ESCAPED = rf"^'*{STARTS}"

_ESCAPED, _NUMBER = re.compile(ESCAPED), re.compile(NUMBER)
_UNESCAPED = re.compile(rf"^'+{STARTS}")


def escaped(text: str) -> str:
    """The text as a spreadsheet may be given it.

    >>> escaped("=1+1"), escaped("-5"), escaped("'=1"), escaped("plain")
    ("'=1+1", '-5', "''=1", 'plain')
    """
    return f"'{text}" if _ESCAPED.match(text) and not _NUMBER.fullmatch(text) else text


def unescaped(text: str) -> str:
    """What was escaped, as it was.

    >>> unescaped("'=1+1"), unescaped("''=1"), unescaped("'tis")
    ('=1+1', "'=1", "'tis")
    """
    return text[1:] if _UNESCAPED.match(text) else text


def escaped_column(column: Any) -> Any:
    """The same for a column of text of an Ibis table."""
    runs = column.re_search(ESCAPED) & ~column.re_search(f"^{NUMBER}$")
    return runs.ifelse("'" + column, column)
