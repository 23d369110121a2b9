"""E-mail addresses that nobody can write to, and what they must have been."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ADDRESS = r"[^\s@,;:<>()\[\]\"]+@(?:%s+\.)+%s{2,}"
EMAIL = _ADDRESS % (r"[\p{L}0-9-]", r"\p{L}")
"""An address, in RE2."""

FAR_MORE = 20
"""So much more frequent than its slip is a domain."""

SHORTEST_NAME = 5
"""Letters of a domain's name from which on one that differs in a letter is a slip of it."""

_EMAIL = re.compile(_ADDRESS % (r"[\w-]", r"[^\W\d_]"))
_NAMED = re.compile(r"[^<>]*<\s*([^<>]+?)\s*>")
_AT, _DOT = (re.compile(rf"\s*[\[({{]\s*{word}\s*[\])}}]\s*", re.IGNORECASE) for word in ("(?:at|@)", r"(?:dot|\.)"))
_AT_WORD, _DOT_WORD = re.compile(r"\s+at\s+", re.IGNORECASE), re.compile(r"\s+dot\s+", re.IGNORECASE)
_AROUND = re.compile(r"\s*([@.])\s*")
_SEVERAL = re.compile(r"([@.])\1+")


def mended(text: str) -> str | None:
    """The address that a text must be, with nothing guessed; None where it is none, or already is one.

    >>> mended("mailto:ann@example.org"), mended("ann (at) example,org"), mended("Ann <ann@example.org>;")
    ('ann@example.org', 'ann@example.org', 'ann@example.org')
    >>> mended("ann@example"), mended("ann example.org"), mended("ann@a.org, bob@b.org")
    (None, None, None)
    """
    told = text.strip().strip(",;").strip()
    if _EMAIL.fullmatch(text):
        return None
    if told.lower().startswith("mailto:"):
        told = told[len("mailto:") :]
    if found := _NAMED.fullmatch(told):
        told = found[1]
    told = _DOT.sub(".", _AT.sub("@", told))
    if "@" not in told:
        told = _DOT_WORD.sub(".", _AT_WORD.sub("@", told, count=1))
    told = _SEVERAL.sub(r"\1", _AROUND.sub(r"\1", told)).strip(".")
    name, at, domain = told.partition("@")
    told = name + at + domain.replace(",", ".")
    return told if _EMAIL.fullmatch(told) else None


def slips(domains: Mapping[str, int]) -> dict[str, str]:
    """Domains that are a slip of a far more frequent one: the same but for one letter, not the first.

    >>> slips({"gmail.com": 90, "gmial.com": 2, "mail.com": 1, "gmail.co": 1, "gmx.com": 1})
    {'gmial.com': 'gmail.com'}
    """
    often = [domain for domain, n in domains.items() if n >= FAR_MORE and len(_name(domain)) >= SHORTEST_NAME]
    found = {}
    for domain, n in domains.items():
        near = [other for other in often if domains[other] >= FAR_MORE * n and _one_slip(domain, other)]
        if len(near) == 1:
            found[domain] = near[0]
    return found


def _name(domain: str) -> str:
    return domain.rpartition(".")[0]


def _one_slip(old: str, new: str) -> bool:
    """Whether two domains under one top level differ by a slip in a letter that is not their first."""
    from rapidfuzz.distance import OSA

    a, b = _name(old), _name(new)
    alike = old.rpartition(".")[2] == new.rpartition(".")[2] and a[:1] == b[:1] and (a + b).isalpha()
    return alike and OSA.distance(a, b, score_cutoff=1) == 1
