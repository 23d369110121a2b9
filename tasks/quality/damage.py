"""Letters that were damaged on their way: read in one encoding, written in another.

Text that was UTF-8 and was read as Windows-1252 or Latin-1 ("Ã©" for "é") can be turned back exactly, since
the wrong reading can be undone; where a replacement character stands, what was there is gone.
"""

from __future__ import annotations

import re
import unicodedata

from tasks.quality.model import Dataset
from tasks.quality.profile import is_ascii

LOST = "\ufffd"
SIGNS = "\ufffd\u00c2\u00c3\u00c4\u00c5\u00c6\u00d0\u00d1\u00e2\u00ef\u00f0"
"""What damaged text contains: the replacement character, or a letter that starts a wrongly read sequence."""

SUSPECT = (
    r"[\x{FFFD}\x{0080}-\x{009F}\x{0300}-\x{036F}\x{E000}-\x{F8FF}"
    r"\x{00C2}-\x{00C6}\x{00D0}\x{00D1}\x{00E2}\x{00EF}\x{00F0}]"
)
"""A regular expression (RE2) that every damaged value matches; most that match are sound."""

_SEQUENCE = re.compile("[\u00c2-\u00df][\u0080-\u00bf\u0152-\u2122]|[\u00e0-\u00ef].{2}|[\u00f0-\u00f4].{3}", re.DOTALL)
_MOST = 100_000

MOST_VALUES = 300_000
"""Suspect values of all columns together that are read one by one."""


def damaged_values(data: Dataset) -> dict[str, dict[str, int]]:
    """Per column its damaged values with their counts, in their order."""
    value = data.domains.value  # nearly all are sound by their length alone, which is known sooner
    likely = data.domains.filter(~is_ascii(value), value.re_search(SUSPECT)).order_by("column", "value")
    found: dict[str, dict[str, int]] = {}
    for cell in likely.limit(MOST_VALUES).to_pyarrow().to_pylist():
        if is_damaged(cell["value"]):
            found.setdefault(cell["column"], {})[cell["value"]] = cell["n"]
    return found


def redecoded(text: str) -> str | None:
    r"""The text as it was before it was read in the wrong encoding; None when nothing says that it was.

    >>> redecoded("caf\u00c3\u00a9"), redecoded("caf\u00e9")
    ('café', None)
    """
    if len(text) > _MOST or not _SEQUENCE.search(text):
        return None
    for encoding in ("cp1252", "latin-1"):
        if back := read_again(text, encoding, "utf-8"):
            return back
    return None


def read_again(text: str, read_as: str, written_in: str) -> str | None:
    r"""The text as its writer meant it, who wrote in another encoding than it was read in; None where that can't be.

    >>> read_again("РџСЂРёРІРµС‚", "cp1251", "utf-8"), read_again("Привет", "cp1252", "utf-8")
    ('Привет', None)
    """
    try:
        back = text.encode(read_as).decode(written_in)
    except UnicodeError:
        return None
    return back if back != text and LOST not in back else None


def is_damaged(text: str) -> bool:
    r"""Whether a value shows damage: a lost or private character, a control, a stray mark, a wrong reading.

    >>> is_damaged("Cirug\ufffd_a"), is_damaged("na\u00efve")
    (True, False)
    """
    if redecoded(text) is not None:
        return True
    composed = unicodedata.normalize("NFC", text[:_MOST])
    return any(
        c == LOST or unicodedata.category(c) in ("Co", "Cs") or "\x80" <= c <= "\x9f" or _stray(c) for c in composed
    )


def _stray(sign: str) -> bool:
    """A combining mark that no letter took up, as Latin script has them only by accident."""
    return "\u0300" <= sign <= "\u036f"
