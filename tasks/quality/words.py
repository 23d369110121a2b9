"""Words that stand where a value should be."""

from __future__ import annotations

import unicodedata

NULL_WORDS = (
    "n/a", "#n/a", "n.a.", "null", "(null)", "<null>", "nan", "<na>", "nil", "?", "??", "-", "--", "---", ".",
)  # fmt: skip
"""Words that can mean nothing but "no value", compared trimmed and in lower case."""

AMBIGUOUS_WORDS = (
    "na", "none", "unknown", "missing", "empty", "undefined", "not available", "not applicable", "error", "tbd",
    "#ref!", "#value!",
)  # fmt: skip
"""Words that often mean "no value" and sometimes a value: Namibia, no allergies, an unknown soldier."""

NO_VALUE = frozenset((*NULL_WORDS, *AMBIGUOUS_WORDS))
"""Words that say nothing about what a column holds or how it is written."""


def unaccented(text: str) -> str:
    """A text without case and accents, as names are compared.

    >>> unaccented("FÉVR")
    'fevr'
    """
    if text.isascii():
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def bare(text: str) -> str:
    """A name or key without case, spaces and punctuation.

    >>> bare("Order-ID "), bare("order_id")
    ('orderid', 'orderid')
    """
    return "".join(c for c in text.casefold() if c.isalnum())
