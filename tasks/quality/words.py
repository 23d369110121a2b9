"""Words that stand where a value should be."""

from __future__ import annotations

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


def bare(text: str) -> str:
    """A name or key without case, spaces and punctuation.

    >>> bare("Order-ID "), bare("order_id")
    ('orderid', 'orderid')
    """
    return "".join(c for c in text.casefold() if c.isalnum())
