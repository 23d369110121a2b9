"""Words that stand where a value should be."""

from __future__ import annotations

import re
import unicodedata

NULL_WORDS = (
    "n/a", "#n/a", "n.a.", "null", "(null)", "<null>", "nan", "<na>", "nil", "?", "??", "-", "--", "---", ".",
    "(blank)", "<blank>", "(empty)", "<empty>", "(missing)", "<missing>",
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


CLOSING = {'"': '"', "'": "'", "\u201c": "\u201d", "\u201e": "\u201c", "\u2018": "\u2019", "\u00ab": "\u00bb"}
"""Quotes, each with the one that ends what it begins."""

APOSTROPHES = frozenset("'\u2019")


def unquoted(text: str) -> str:
    """A text without quotes around it, or without the apostrophe by which spreadsheets are told to leave it alone.

    >>> unquoted('"12.5"'), unquoted("'007"), unquoted("5'"), unquoted("'")
    ('12.5', '007', "5'", "'")
    """
    first, inner = text[:1], text[1:]
    if len(inner) > 1 and inner[-1] == CLOSING.get(first):
        return inner[:-1]
    return inner if inner and first in APOSTROPHES else text


def joined(value: str) -> str:
    """What "dark blue" and "darkblue" share."""
    return "".join(value.casefold().split())


def fingerprint(value: str) -> str:
    """What all spellings of a name share: its words without case, accents and punctuation, in order (OpenRefine).

    An underscore separates words, "and" is "&". Signs that say something stay: a question mark is doubt, brackets are
    an editor's, a plus or hash is a name's, and so is a minus behind a letter or three, as in grades and groups of
    blood.

    >>> fingerprint("Müller,Jörg."), fingerprint("jorg MULLER"), fingerprint("C++"), fingerprint("AB-")
    ('jorg muller', 'jorg muller', 'c++', 'ab-')
    """
    plain = unaccented(value)
    if not _SEPARATORS.isdisjoint(plain):
        plain = _SEPARATOR.sub(" ", plain)
    if _GRADE.fullmatch(plain):
        return plain
    if value.isascii():
        kept = plain.translate(_APART if "-" in plain else _DROPPED)
    else:
        kept = _SIGN.sub(" " if "-" in plain else "", plain)
    words = kept.split()
    if not _AND.isdisjoint(words):
        words = ["&" if word in _AND else word for word in words]
    return (" ".join(sorted(set(words))) if len(words) > 1 else kept.strip()) or value


_GRADE = re.compile("[a-z]{1,3}[-−]")
_SEPARATORS = frozenset(",;|_")
_SEPARATOR = re.compile(r"(?<![0-9])[,;|_]|[,;|_](?![0-9])")
_AND = frozenset({"and", "und", "et"})
_SIGN = re.compile(r"[^\w\s+#%?&/\[\]]|_")
_DROPPED = {code: None for code in range(128) if _SIGN.match(chr(code))}
_APART = dict.fromkeys(_DROPPED, " ")
