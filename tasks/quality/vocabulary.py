"""The words of a column's values: how most of them write each word, and which stand first and last.

What a value of several words should be is read off the others, though it is in the column once: BARBARA MILLER where
others are Barbara Jones and Ann Miller; Miller, Barbara; 12 Mill Rd. amid 7 Mill Road and 3 Bay Road.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

from tasks.quality.patterns import MOSTLY, shape
from tasks.quality.profile import pattern_of

Counts: TypeAlias = Mapping[str, int]
"""Values and how many rows hold each."""

KNOWN, NEARLY = 3, 0.9
"""Rows that must hold a word for it to be known, and the share of them that must write it in one way."""

SHORTEST_WORD = 4
"""Letters from which on the case of a word hardly ever tells it from another."""

_WORD = re.compile(r"[^\W\d_]+")


def recased(values: Counts, share: float, rows: int = 0) -> dict[str, str]:
    """Values in capitals or small letters where few are, and the same as the other values write their words.

    Every word must be known from others, and one letter alone is none: WALL·E is a film. Where all others are in one
    case, one known word is enough, or the pattern that most have around single letters: 10X20 amid 12x30, not 2 IU amid
    5 mg.

    Args:
        values: of one column.
        share: of the rows with letters, which values in such a case may have at most.
        rows: of the column, if it has other values, too.

    >>> recased({"Ann Jones": 9, "Bob Miller": 9, "ANN MILLER": 1, "IBM CORP": 1, "cID mOORE": 1}, 0.2)
    {'ANN MILLER': 'Ann Miller', 'cID mOORE': 'Cid Moore'}
    """
    lettered = {value: n for value, n in values.items() if value.upper() != value.lower()}
    odd: set[str] = set()
    for in_case in (str.isupper, str.islower, _turned_round):
        own = [value for value in lettered if in_case(value)]
        if sum(lettered[value] for value in own) <= share * sum(lettered.values()):
            odd.update(own)
    usual = {value: n for value, n in lettered.items() if value not in odd}
    known = _known(usual) if odd else {}
    one = next((change for change in (str.upper, str.lower) if all(v == change(v) for v in usual)), None)
    form = _sized_form(usual, rows) if odd and one else ""
    locked = sorted(filter(_turned_round, odd))
    pairs = {}
    for value in sorted(odd.difference(locked)):
        words = list(_WORD.finditer(value))
        sure = [word for word in words if _key(word) in known]
        lengths = [len(word[0]) for word in words]
        if len(sure) == len(words) > 1 and min(lengths) > 1 and max(lengths) >= SHORTEST_WORD:
            pairs[value] = _WORD.sub(lambda word: known[_key(word)], value)
        elif one and (
            any(len(word[0]) > 1 for word in sure) or (max(lengths, default=0) == 1 and pattern_of(one(value)) == form)
        ):
            pairs[value] = one(value)
    if locked and _capitalised(usual):
        pairs |= {value: value.swapcase() for value in locked}
    return {old: new for old, new in pairs.items() if new != old}


TURNED_ROUND = r"\b[a-z][A-Z]{4,}\b"
"""A word as the key that locks capitals makes it: jONES; eGFR is none."""

_TURNED_ROUND = re.compile(TURNED_ROUND)

_CAPITALISED = re.compile(r"[A-Z](?:[a-z]|\W+(?:[A-Z](?=[a-z]))?)*")
"""Words of which no letter but the first is a capital."""


def _capitalised(values: Counts) -> bool:
    """Whether nearly all values are such words."""
    return sum(n for value, n in values.items() if _CAPITALISED.fullmatch(value)) >= NEARLY * sum(values.values())


def _turned_round(value: str) -> bool:
    """Whether capitals and small letters are exchanged: aNN jONES."""
    return _TURNED_ROUND.search(value) is not None and _CAPITALISED.fullmatch(value.swapcase()) is not None


def _sized_form(values: Counts, rows: int) -> str:
    """The pattern with digits that most of so many rows have, or of the values' own; empty where none has."""
    told = Counter[str]()
    for value, n in values.items():
        told[pattern_of(value)] += n
    form, n = told.most_common(1)[0]
    return form if "9" in form and 2 * n > max(rows, told.total()) else ""


def _known(values: Counts) -> dict[tuple[bool, str], str]:
    """How nearly all values with a word write it: at their beginning, where sentences have a capital, and elsewhere."""
    found: dict[tuple[bool, str], Counter[str]] = {}
    for value, n in values.items():
        for word in _WORD.finditer(value):
            found.setdefault(_key(word), Counter())[word[0]] += n
    often = {key: (*written.most_common(1)[0], written.total()) for key, written in found.items()}
    return {key: word for key, (word, n, total) in often.items() if n >= max(KNOWN, NEARLY * total)}


def _key(word: re.Match[str]) -> tuple[bool, str]:
    return word.start() == 0, word[0].casefold()


def turned(values: Counts, share: float) -> dict[str, str]:
    """Names that begin with what others end with, as "Miller, Ann" amid "Ann Jones", and the same as others are.

    Each word behind the comma begins other values, or is an initial; what stands before it does not; and most values
    with a comma are such. Else the comma may say something.

    Args:
        values: of one column.
        share: of the rows, which values with a comma may have at most.

    >>> turned({"Ann Jones": 9, "Bob Miller": 9, "Miller, Ann": 1}, 0.1)
    {'Miller, Ann': 'Ann Miller'}
    """
    parted = {value: [part.strip() for part in value.split(",")] for value in values if "," in value}
    if not parted or sum(values[value] for value in parted) > share * sum(values.values()):
        return {}
    first, last = Counter[str](), Counter[str]()
    for value, n in values.items():
        if value not in parted and len(words := value.split()) > 1:
            first[words[0]] += n
            last[words[-1]] += n
    pairs = {}
    for value, parts in parted.items():
        if len(parts) == 2 and all(parts):  # noqa: PLR2004
            family, given = parts[0].split()[0], parts[1].split()[0]
            known = first[given] >= KNOWN and first[given] > last[given] and first[family] <= last[family]
            names = all(first[word] >= KNOWN or _INITIAL.fullmatch(word) for word in parts[1].split())
            if known and names and not _JOINING.search(value):
                pairs[value] = f"{parts[1]} {parts[0]}"
    return dict(sorted(pairs.items())) if 2 * len(pairs) > len(parted) else {}


_INITIAL = re.compile(r"\w\.?")
_JOINING = re.compile(r"&|\b(?:and|und|et|y|e|en|i)\b", re.IGNORECASE)
"""Signs and words of a list of several things."""

_SEPARATOR = re.compile(r"\s*[,;|/]\s*")


def relisted(values: Counts, share: float) -> dict[str, str]:
    """Values that are lists, separated otherwise than nearly all are, and the same with the usual separator.

    All parts must be known from other values, and no value may have both separators: Sci-Fi/Fantasy, Drama says that
    the two say something else.

    Args:
        values: of one column.
        share: of the rows with a list, which lists in another way may have at most.

    >>> relisted({"red, blue": 9, "blue, green": 9, "green": 9, "red/green": 1}, 0.1)
    {'red/green': 'red, green'}
    """
    lists = {value: marks for value in values if (marks := _SEPARATOR.findall(value))}
    rows = Counter[str]()
    for value, marks in lists.items():
        if len(set(marks)) == 1:
            rows[marks[0]] += values[value]
    if len(rows) < 2:  # noqa: PLR2004
        return {}
    usual = min(rows, key=lambda mark: (-rows[mark], mark))
    both = {mark.strip() for marks in lists.values() if usual in marks for mark in marks} - {usual.strip()}
    odd = [value for value, marks in lists.items() if usual not in marks and not both & {m.strip() for m in marks}]
    if sum(values[value] for value in odd) > share * sum(values[value] for value in lists):
        return {}
    known = Counter[str]()
    for value, n in values.items():
        if value not in lists or set(lists[value]) == {usual}:
            known.update(dict.fromkeys(value.split(usual), n))
    parted = {value: _SEPARATOR.split(value) for value in odd}
    return {old: usual.join(parts) for old, parts in parted.items() if all(known[part] >= KNOWN for part in parts)}


TO_DIGITS = str.maketrans("oOlIiSsZzB", "0011155228")
"""Letters that are taken for digits."""

_RUN = re.compile(r"[0-9]+|[^0-9]+")


def recoded(values: Counts, times: int) -> dict[str, str]:
    """Codes with letters for digits that they look like, or without zeros, and the far more frequent ones meant.

    Args:
        values: of one column.
        times: how many times more frequent what is meant must be.

    >>> recoded({"L003": 30, "L040": 30, "LO40": 1, "L3": 2, "L77": 1}, 10)
    {'LO40': 'L040', 'L3': 'L003'}
    """
    lengths, rows = Counter[int](), Counter[str]()
    for value, n in values.items():
        lengths[len(value)] += n
    if max(lengths.values(), default=0) < MOSTLY * lengths.total():
        return {}
    shapes = {value: shape(value) for value in values}
    for value, n in values.items():
        rows[shapes[value]] += n
    usual = min(rows, key=lambda form: (-rows[form], form), default="")
    if "9" not in usual or "a" not in usual or rows[usual] < MOSTLY * rows.total():
        return {}
    runs = [len(run) if run[0] == "9" else 0 for run in _RUN.findall(usual)]
    pairs = {}
    for value, n in values.items():
        if shapes[value] == usual:
            continue
        if len(value) == len(usual):
            new = "".join(s.translate(TO_DIGITS) if u == "9" else s for s, u in zip(value, usual, strict=True))
        elif len(own := _RUN.findall(value)) == len(runs):
            new = "".join(run.zfill(width) for run, width in zip(own, runs, strict=True))
        else:
            continue
        if shape(new) == usual and values.get(new, 0) >= times * n:
            pairs[value] = new
    return pairs


def in_full(values: Counts, share: float) -> dict[str, str]:
    """Values that are beginnings of others, all of one length as Jan and Feb are, and the words that they begin.

    Two at least, for half of the words; each begins one word only, which is far more frequent.

    Args:
        values: of one column.
        share: of the rows, which abbreviations may have at most.

    >>> in_full({"January": 30, "February": 30, "May": 30, "Jan.": 1, "Feb": 2}, 0.1)
    {'Jan.': 'January', 'Feb': 'February'}
    """
    total = sum(values.values())
    often = [value for value, n in values.items() if n >= SPARSE * total]
    by_length: dict[int, dict[str, str]] = {}
    for value, n in values.items():
        start = value.rstrip(".")
        if value in often or len(start) < SHORTEST_START or not start.isalpha():
            continue
        begun = [word for word in often if word.casefold().startswith(start.casefold()) and word.isalpha()]
        if len(begun) == 1 and len(begun[0]) >= len(start) + 2 and values[begun[0]] >= FAR_MORE * n:
            by_length.setdefault(len(start), {})[value] = begun[0]
    pairs = max(by_length.values(), key=len, default={})
    long = [word for word in often if len(word) >= SHORTEST_START + 2]
    systematic = len(set(pairs.values())) >= max(2, len(long) / 2)
    return pairs if systematic and sum(values[old] for old in pairs) <= share * total else {}


SHORTEST_START = 3
SPARSE, FAR_MORE = 0.05, 10
"""Share of the rows that an abbreviation has at most, and how much more frequent the whole word must be."""


def spelled_out(values: Counts) -> dict[str, str]:
    """Values whose first or last word is shortened, and the same with the word that others have there.

    The short form has letters of the word in their order, from the first on, and of no other frequent one. Half of
    what stands beside it, three at least, stands beside the whole word, too.

    >>> roads = {f"{n} {place} Road": 40 for n in (1, 2) for place in ("Mill", "Bay", "Elm")}
    >>> spelled_out(roads | {"3 Mill Rd.": 1, "4 Bay Rd.": 1, "5 Elm Rd": 1})["5 Elm Rd"]
    '5 Elm Road'
    """
    pairs: dict[str, str] = {}
    for place in (0, -1):
        beside: dict[str, dict[tuple[str, ...], list[tuple[str, str]]]] = {}
        rows = Counter[str]()
        for value, n in values.items():
            if len(words := [word for word in value.split() if _WORD.search(word)]) > 1:
                written = words.pop(place)
                word, rest = written.rstrip("."), tuple(each.casefold() for each in words)
                rows[word] += n
                beside.setdefault(word, {}).setdefault(rest, []).append((value, written))
        for short, word in _shortened(rows).items():
            shared = beside[short].keys() & beside[word].keys()
            if len(shared) >= max(KNOWN, len(beside[short]) / 2):
                olds = [pair for own in beside[short].values() for pair in own]
                pairs |= {old: _replaced(old, written, word, place) for old, written in olds}
    return dict(sorted(pairs.items()))


def _shortened(rows: Counter[str]) -> dict[str, str]:
    """Each rare word that shortens one frequent word only, and that word."""
    total = rows.total()
    frequent = [word for word, n in rows.items() if n >= SPARSE * total and len(word) >= SHORTEST_WORD]
    found = {}
    for short, n in rows.items():
        if n <= SPARSE * total and (letters := short.casefold()).isalpha():
            whole = [word for word in frequent if rows[word] >= FAR_MORE * n and _shortens(letters, word.casefold())]
            if len(whole) == 1:
                found[short] = whole[0]
    return found


def _shortens(letters: str, word: str) -> bool:
    """Whether letters are some of a word's, in their order, from the first on, and at least two fewer.

    >>> _shortens("rd", "road"), _shortens("roa", "road"), _shortens("dr", "road")
    (True, False, False)
    """
    left = iter(word)
    return letters[0] == word[0] and len(letters) <= len(word) - 2 and all(letter in left for letter in letters)


def _replaced(value: str, written: str, word: str, place: int) -> str:
    before, _written, after = value.partition(written) if place == 0 else value.rpartition(written)
    return before + word + after
