"""Which values of a column read like slips of other ones: edits of the keyboard, and signs that look alike.

Everything is told by how often each value is in the column; what other columns say is asked elsewhere.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from pydantic import Field

from tasks.quality.months import are_month_names
from tasks.quality.registry import KindSettings
from tasks.quality.vocabulary import TO_DIGITS
from tasks.quality.words import NO_VALUE, fingerprint, joined

MOST_EDITS = 3
FAR_RARER = 50


class TypoSettings(KindSettings):
    """What a typing error looks like.

    Attributes:
        times: how many times more frequent the right value must be.
        most: an erroneous value occurs no more often than this, unless the right one is 50 times more frequent.
        letters_per_edit: one edit is allowed per so many letters, three at most.
    """

    times: int = Field(10, ge=2)
    most: int = Field(5, ge=1)
    letters_per_edit: int = Field(5, ge=2)


MOST_COMPARED = 20_000_000
"""Pairs of values that are compared per column; of more, those of the most frequent values."""


def codes_apart(old: str, new: str) -> bool:
    """Whether two values with digits differ in a letter or two that stand by themselves, as course 100L and 100A.

    >>> codes_apart("100L", "100A"), codes_apart("Route 66a", "Rout 66a")
    (True, False)
    """
    if not (_DIGIT.search(old) and _DIGIT.search(new)):
        return False
    one, other = (Counter(_LETTERS.findall(value)) for value in (old, new))
    differing = [*(one - other), *(other - one)]
    return bool(differing) and all(len(letters) <= 2 for letters in differing)  # noqa: PLR2004


_DIGIT, _NO_LETTER, _LETTERS = re.compile("[0-9]"), re.compile("[2479]"), re.compile(r"[^\W\d_]+")

ONCE = 20
"""How much more frequent the right value is where nothing else speaks for it."""


def slipped(rare: int, frequent: int) -> bool:
    """Whether a value is frequent enough beside one that is there once, where nothing else speaks for it."""
    return rare == 1 and frequent >= ONCE


def one_edit_away(values: Sequence[tuple[str, int]]) -> tuple[str, str] | None:
    """A value, and a far more frequent one that it is but an edit away from, if there are any: xl beside al.

    >>> one_edit_away([("al", 90), ("ny", 60), ("xl", 4)]), one_edit_away([("al", 90), ("ny", 60), ("xl", 5)])
    (('xl', 'al'), None)
    """
    from rapidfuzz.distance import OSA

    pairs = ((rare, usual) for rare, n in values for usual, often in values if often >= ONCE * n)
    return next((pair for pair in pairs if OSA.distance(*pair, score_cutoff=1) == 1), None)


def is_nearest(rare: str, frequent: str, common: Sequence[str]) -> bool:
    """Whether a rare value is as near to no other value that is not rare itself."""
    from rapidfuzz.distance import OSA

    edits = OSA.distance(rare, frequent)
    return all(OSA.distance(rare, other, score_cutoff=edits) > edits for other in common if other != frequent)


def most_of_a_slip(counts: Mapping[str, int], chosen: TypoSettings) -> int:
    """How often a value may occur that is a slip."""
    return max(chosen.most, max(counts.values(), default=0) // FAR_RARER)


def misspelled(counts: Mapping[str, int], chosen: TypoSettings) -> dict[str, str]:
    """Each rare value and the one frequent value that it is near to; none when several are as near."""
    import numpy as np
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    frequent = [v for v, n in counts.items() if n >= chosen.times and len(v) >= 4]  # noqa: PLR2004
    most = most_of_a_slip(counts, chosen)
    rare = [v for v, n in counts.items() if n <= most and len(v) >= 3]  # noqa: PLR2004
    if not frequent or not rare:
        return {}
    frequent = frequent[: max(1, MOST_COMPARED // len(rare))]
    distances = process.cdist(
        rare, frequent, scorer=OSA.distance, score_cutoff=MOST_EDITS, dtype=np.uint8, workers=os.cpu_count() or 1
    )
    pairs = _looking_alike(rare, frequent)
    for place, old in enumerate(rare):
        if old in pairs:
            continue
        letters = max(len(old), 4)  # as many as the frequent ones have: of three one was left out
        allowed = min(MOST_EDITS, (letters + 1) // chosen.letters_per_edit)
        near = np.flatnonzero(distances[place] <= allowed)
        best = [frequent[i] for i in near if distances[place][i] == distances[place][near].min()]
        far = chosen.times if counts[old] <= chosen.most else FAR_RARER
        likely = len(best) == 1 and counts[best[0]] >= far * counts[old] and misspells(old, best[0])
        if likely and not are_two_words(old, best[0]):
            pairs[old] = best[0]
    return pairs


LOOKS = str.maketrans("013568|", "olesbbl"), str.maketrans("013568|", "oiesbbi")
"""Digits that are taken for letters, and the other way round, by people and by character recognition."""


LETTERED = 0.1
"""Where more values have letters than this share of those without, letters belong there: room B12 is not room 812."""

SPARSE = 0.01
"""Share of the numbers of one length that a column's codes take up at most."""


def misread_digits(counts: Mapping[str, int], digits: Mapping[str, int], chosen: TypoSettings) -> dict[str, str]:
    """Rare values with letters that look like the digits of a frequent value, where hardly a value has letters.

    Of numbers that are as long, few must be frequent: another digit would hardly have made one, too.
    """
    if sum(counts.values()) > LETTERED * sum(digits.values()):
        return {}
    lengths = Counter(map(len, digits))
    read = {old: old.translate(TO_DIGITS) for old, n in counts.items() if n <= chosen.most}
    return {
        old: new
        for old, new in read.items()
        if digits.get(new, 0) >= chosen.times * counts[old] and lengths[len(new)] <= SPARSE * 10 ** len(new)
    }


def _looking_alike(rare: Sequence[str], frequent: Sequence[str]) -> dict[str, str]:
    """Rare values with digits that look like a frequent value without any."""
    words = _without_digits(frequent)
    told = {old: _seen_as(old, words) for old in rare if re.search("[0-9|]", old)}
    return {old: new for old, new in told.items() if new}


def _without_digits(values: Sequence[str]) -> dict[str, str]:
    """Values without digits by their letters; of two that differ in case the first."""
    return {value.casefold(): value for value in reversed(values) if not _DIGIT.search(value)}


def _seen_as(value: str, words: Mapping[str, str]) -> str | None:
    """The one word that a value with signs for letters looks like."""
    told = {words[seen] for looks in LOOKS if (seen := value.casefold().translate(looks)) in words}
    return told.pop() if len(told) == 1 else None


REREAD = 2
"""How much more frequent a word must be than what has digits in its letters' place."""

DIGITS_STRAY = 0.02
"""Share of a column's rows with other digits, from which on digits belong to its words."""


def reread(counts: Mapping[str, int], times: int) -> dict[str, str]:
    """Words with signs of others that look alike, as 0ther amid other, where hardly a value else has digits.

    However many there are: who reads a letter wrongly reads it so again. Of "rn" for "m" only few, as words have both.

    Args:
        counts: the values of one column and how many rows hold each.
        times: how many times more frequent the right word must be where letters alone differ.

    >>> reread({"other": 9, "0ther": 4, "farm": 20, "farrn": 1, "no": 9, "n0": 1}, 10)
    {'0ther': 'other', 'n0': 'no', 'farrn': 'farm'}
    """
    words = _without_digits(list(counts))
    digits = {old for old in counts if _DIGIT.search(old)}
    most = DIGITS_STRAY * sum(counts.values())
    pairs = {}
    if sum(counts[old] for old in digits if _NO_LETTER.search(old)) <= most:
        told = {old: _seen_as(old, words) for old in sorted(digits)}
        pairs = {old: new for old, new in told.items() if new and counts[new] >= REREAD * counts[old]}
    if sum(counts[old] for old in digits - pairs.keys()) > most:
        pairs = {}
    for old, n in counts.items():
        one = words.get(old.casefold().replace("rn", "m")) if "rn" in old.casefold() else None
        if one and counts[one] >= times * n:
            pairs[old] = one
    return pairs


MOST_NAMES, NAMED, MOST_RARE = 12, 0.02, 1_000
"""Names of a short list, the share of its rows that each has at least, and the other values beside them at most."""

NEARLY, FEWEST_SLIPS, MOSTLY, FEWEST_AGAIN = 0.9, 3, 0.8, 4
"""Share of the rows that have a name of the list; rare values that are slips, the share of rare ones they are, and how
many of them come back where slips do."""

SHORT = 4
"""Letters of a word in which one may be a slip; shorter ones may be signs."""

TRUTHS = frozenset(("yes", "no")), frozenset(("true", "false"))
"""Two names that are a list of their own, of which no short word is a third."""


def careless(counts: Mapping[str, int], chosen: TypoSettings) -> dict[str, str]:
    """The slips in a short list of names, nearly all of whose rare values are such: who is careless is so again.

    Of yes, true and false each is one; ns amid no may say "not sure". One that comes back where others do not may be a
    name of its own, as hypotension amid hypertension; where most come back, so does a slip.

    >>> careless({"control": 90, "treated": 80, "coxtrol": 4, "teated": 1, "treatd": 1, "controll": 1}, TypoSettings())
    {'teated': 'treated', 'treatd': 'treated', 'controll': 'control'}
    """
    from rapidfuzz.distance import OSA

    rows = sum(counts.values())
    names = [v for v, n in counts.items() if n >= max(chosen.times, NAMED * rows)]
    rare = [v for v in counts if v not in names and v.strip().casefold() not in NO_VALUE]
    short = 0 < len(names) <= MOST_NAMES and len(rare) <= MOST_RARE
    if not short or sum(counts[v] for v in names) < NEARLY * rows:
        return {}
    truths = {name.casefold() for name in names} in TRUTHS
    found = {}
    for old in rare:
        told = {name: OSA.distance(old.casefold(), name.casefold()) for name in names}
        new = min(told, key=lambda name: (told[name], name))
        allowed = min(MOST_EDITS, max(int(truths), (len(new) + 1) // chosen.letters_per_edit))
        alone = sum(edits == told[new] for edits in told.values()) == 1
        if 0 < told[new] <= allowed and alone and (truths or (in_a_word(old, new) and not are_two_words(old, new))):
            found[old] = new
    many = len(found) >= max(FEWEST_SLIPS, MOSTLY * len(rare))
    sure = {old: new for old, new in found.items() if many or (truths and len(new) > len("no"))}
    again = [old for old in sure if counts[old] > 1]
    if not (truths or len(again) >= max(FEWEST_AGAIN, len(sure) / 2)):
        sure = {old: new for old, new in sure.items() if counts[old] == 1}
    return {old: new for old, new in sure.items() if counts[new] >= chosen.times * counts[old]}


def in_a_word(old: str, new: str) -> bool:
    """Whether only words of the new value differ that are no signs: Stage II is not Stage III, nor XXL XXS.

    >>> in_a_word("buy vidoe", "buy video"), in_a_word("byy video", "buy video"), in_a_word("Size XXS", "Size XXL")
    (True, True, False)
    """
    known = re.findall(r"\w+", old.casefold())
    differing = [word for word in re.findall(r"\w+", new) if word.casefold() not in known]
    return misspells(old, new) and all(map(_is_word, differing))


def _is_word(text: str) -> bool:
    return len(text) >= SHORT or (len(text) == SHORT - 1 and text.islower() and not _ROMAN.fullmatch(text))


_ROMAN = re.compile("[ivxlcdm]+")


_NEGATIONS = (
    "un", "in", "im", "il", "ir", "non", "dis", "mis", "a", "an", "de", "re", "nicht", "on", "niet", "nie", "ne",
)  # fmt: skip
"""What words begin with that say another thing than the rest, in English, German, French, Spanish, Dutch and Polish."""

_BEGINNINGS = (
    ("hypo", "hyper"), ("intra", "inter"), ("endo", "exo"), ("pre", "peri"), ("pre", "post"), ("ante", "anti"),
    ("micro", "macro"), ("under", "over"),
)  # fmt: skip
_ENDINGS = (
    ("ee", "er"), ("ee", "or"), ("ite", "ate"), ("ide", "ate"), ("ite", "ide"), ("in", ""), ("olone", "one"),
    ("ine", "idine"), ("ane", "ene"), ("ene", "yne"), ("ane", "yne"),
)  # fmt: skip
"""What tells words from one another: who trains and who is trained, salts of two acids, she and he."""

_COUNTRIES = (
    ("iran", "iraq", "irak"), ("austria", "australia"), ("niger", "nigeria"), ("slovakia", "slovenia"),
    ("mali", "malta"), ("gambia", "zambia"), ("ireland", "iceland"), ("guinea", "guyana"), ("libya", "liberia"),
    ("mauritius", "mauritania"),
)  # fmt: skip
"""Names of countries that look like slips of one another."""


def are_two_words(old: str, new: str) -> bool:
    """Whether two values differ in what makes another word of one, so that neither is a slip of the other.

    >>> are_two_words("undelivered", "delivered"), are_two_words("hypotension", "hypertension")
    (True, True)
    >>> are_two_words("Nitrite", "Nitrate"), are_two_words("Iran", "Iraq"), are_two_words("delvered", "delivered")
    (True, True, False)
    """
    one, other = (Counter(re.findall(r"\w+", value.casefold())) for value in (old, new))
    mine, theirs = [*(one - other).elements()], [*(other - one).elements()]
    return len(mine) == len(theirs) == 1 and _are_apart(*sorted((mine[0], theirs[0]), key=len))


def _are_apart(short: str, long: str) -> bool:
    negated = len(short) >= SHORT and any(long == begin + short for begin in _NEGATIONS)
    begun = any({short, long} == {a + rest, b + rest} for a, b, rest in _rests(short, _BEGINNINGS, str.removeprefix))
    ended = any({short, long} == {rest + a, rest + b} for a, b, rest in _rests(short, _ENDINGS, str.removesuffix))
    named = any({short, long} <= {*names} for names in _COUNTRIES) or are_month_names(frozenset({short, long}))
    return negated or begun or ended or named


def _rests(
    word: str, pairs: Sequence[tuple[str, str]], without: Callable[[str, str], str]
) -> Iterator[tuple[str, str, str]]:
    """The pairs of which a word has one, and what remains of it."""
    for pair in pairs:
        for part in pair:
            if len(rest := without(word, part)) >= SHORT and (rest != word or not part):
                yield *pair, rest


WORN = 0.34
"""Share of the letters of the words that differ, which are edited at most: Bearded is not Border."""


def misspells(old: str, new: str) -> bool:
    """Whether an edit may be a typing error: digits are the same, and more than case, spaces and punctuation differs.

    Words that differ keep most of their letters, and none of a letter or two is there beside the same words.

    >>> misspells("Bon", "Bonn"), misspells("Road 1", "Road 2"), misspells("K0eln", "Koeln")
    (True, False, True)
    >>> misspells("Bearded Collie", "Border Collie"), misspells("Coffee Lake-R", "Coffee Lake")
    (False, False)
    """
    from rapidfuzz.distance import OSA

    inside = re.sub(r"(?<=[^\W\d_])[0-9](?=[^\W\d_])", "", old)
    same_digits = re.findall("[0-9]+", inside) == re.findall("[0-9]+", new)
    if not same_digits or fingerprint(old) == fingerprint(new) or joined(old) == joined(new):
        return False
    one, other = (Counter(re.findall(r"\w+", value.casefold())) for value in (old, new))
    more, less = one - other, other - one
    if not more or not less:
        return sum(map(len, more or less)) >= SHORT
    letters = max(sum(map(len, words.elements())) for words in (more, less))
    return OSA.distance(old.casefold(), new.casefold()) <= max(1.0, WORN * letters)
