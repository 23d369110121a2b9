"""Values that stand for one thing in several spellings, typing errors, and values that are not allowed.

What is recommended is a table of old and new values; the new value is always one that the column has already, one made
of words that it has, or one that the contract names. Recommended are only lines that hardly any sound table would have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import ibis
from ibis import _
from pydantic import Field

from tasks.quality.beside import support
from tasks.quality.contract import Contract
from tasks.quality.maps import map_options, mapped
from tasks.quality.model import ColumnProfile, Dataset, Dimension, Effect, Finding, Issue, Option, Severity
from tasks.quality.patterns import too_few
from tasks.quality.profile import is_blank, may_hold
from tasks.quality.queries import cells_where, rows_where
from tasks.quality.registry import KindSettings, Parameters, Settings, kind, remedy
from tasks.quality.slips import (
    TypoSettings,
    careless,
    codes_apart,
    in_a_word,
    is_nearest,
    misread_digits,
    misspelled,
    misspells,
    most_of_a_slip,
    reread,
    slipped,
)
from tasks.quality.values import LONGEST, has_letter, telling_values
from tasks.quality.vocabulary import TURNED_ROUND, in_full, recased, recoded, relisted, spelled_out, turned
from tasks.quality.wording import plural
from tasks.quality.words import fingerprint, joined

MOST_VALUES = 100_000
"""A column with more distinct values is no list of names; its spellings are not compared."""

FEWEST_ROWS = 20

OFTEN = 5
"""A value of a list of categories occurs more often."""

FEW = 0.1
"""Share of a column's rows that are written unlike the others, at most."""

MOST_CATEGORIES, MOST_NAMES = 100, 1_000
"""Values of a list whose typing errors are known, and of one in which only case and punctuation differ."""


def _named_values(data: Dataset) -> dict[str, dict[str, int]]:
    """The values with a letter of every column that may hold names, the most frequent first."""
    return telling_values(data, _nameable(data), has_letter, frequent_first=True)


def _nameable(data: Dataset) -> list[str]:
    """Columns of words that repeat themselves: only there one value can be another's spelling."""
    return [
        c.name
        for c in data.profile.columns
        if c.kind in ("text", "boolean")
        and c.present_count >= FEWEST_ROWS
        and c.distinct_count <= min(MOST_VALUES, 0.9 * c.rows)
    ]


# --- inconsistent spelling ----------------------------------------------------------------------------------


class SpellingSettings(KindSettings):
    """How much more frequent the usual spelling must be to be written unasked.

    Attributes:
        times: so many times.
        times_in_list: the same in a list of categories, whose frequent values make up nearly all of the column.
    """

    times: int = Field(50, ge=2)
    times_in_list: int = Field(10, ge=2)


@kind(
    "Inconsistent spelling",
    dimension=Dimension.CONSISTENCY,
    settings=SpellingSettings,
    recommend=map_options,
)
def inconsistent_spelling(data: Dataset, settings: Settings[SpellingSettings]) -> Iterable[Finding]:
    """Values that differ from a more frequent one in case, accents, punctuation, spaces or word order only.

    Or one is a letter and the other the word that begins with it, in a column of nothing else: M and Male. Certain are
    those whose usual spelling is far more frequent, those that differ in spaces between the same words only, and those
    of which all words are written so in other values, too; the others may be meant, and so may three letters or fewer
    whose case alone differs (Co is not CO), unless all of the column is in one case. Confidence: the share of certain
    cells.
    """
    for name, named in _named_values(data).items():
        column = data.profile.column(name)
        truths = _yes_and_no(column)
        counts = named | dict(column.top) if truths else named
        coded = truths or _letters_and_words(column, counts)
        reworded = recased(counts, FEW, column.present_count) | turned(counts, FEW) | relisted(counts, FEW)
        told = {old: new for old, new in reworded.items() if new in counts}
        alike = _spelled_alike({value: n for value, n in counts.items() if value not in coded}, fingerprint)
        apart = {value: n for value, n in counts.items() if value not in coded.keys() | alike}
        pairs = coded | told | _spelled_alike(apart, joined) | alike
        if pairs:
            chosen, usual = settings.of(name), {value: n for value, n in counts.items() if value not in pairs}
            listed = _is_list(column, usual, OFTEN, MOST_NAMES)
            times = _times(chosen, pairs, counts) if listed else chosen.times
            in_one_case = _in_one_case(usual)
            certain = {
                old: new
                for old, new in pairs.items()
                if (old in coded and FAR_MORE * sum(counts[each] for each in coded) <= sum(counts.values()))
                or (alike.get(old) == new and "".join(old.split()) == "".join(new.split()))
                or (counts[new] >= times * counts[old] and not _a_sign_of_its_own(old, new, in_one_case))
                or told.get(old) == new
            }
            cells = sum(counts[old] for old in pairs)
            sure = round(0.9 * sum(counts[old] for old in certain) / cells, 4)
            yield mapped(data, name, pairs, certain, counts, OTHERWISE if coded else DIFFER, sure, 0.9)


CARELESS = 20
"""Variants of a list's names from which on no case or punctuation in it is meant."""


def _times(chosen: SpellingSettings, pairs: Mapping[str, str], counts: Mapping[str, int]) -> int:
    """How much more frequent a usual spelling of a list must be: half as much where very many have rare variants."""
    many = len(pairs) >= CARELESS and sum(counts[old] for old in pairs) <= FEW * sum(counts.values())
    return -(-chosen.times_in_list // 2) if many else chosen.times_in_list


TRUTHS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}


def _yes_and_no(column: ColumnProfile) -> dict[str, str]:
    """Each other way of writing yes or no, and the usual one; only in a column of nothing else.

    The two usual ways belong together, as Yes and No do. A letter stands for a word that begins with it only.
    """
    said: dict[bool, dict[str, int]] = {True: {}, False: {}}
    for value, n in column.top:
        if (truth := TRUTHS.get(value.strip().casefold())) is None:
            return {}
        said[truth][value] = n
    usual = {truth: max(own, key=lambda value: (own[value], value)) for truth, own in said.items() if own}
    together = {value.strip().casefold() for value in usual.values()} in _TOGETHER
    if not together or column.distinct_count > len(column.top):
        return {}
    return {
        value: usual[truth]
        for truth, own in said.items()
        for value in own
        if value != usual[truth]
        and (len(bare := value.strip()) > 1 or not bare.isalpha() or _begin(bare, usual[truth]))
    }


_TOGETHER = ({"true", "false"}, {"t", "f"}, {"yes", "no"}, {"y", "n"}, {"1", "0"})


def _begin(letter: str, word: str) -> bool:
    return letter.casefold() == word.strip()[:1].casefold()


MOST_CODES, FAR_MORE = 12, 5
"""Letters that stand for words, and how much more frequent the one way of writing must be than the other."""

WORDS_OF_TWO = frozenset({"female", "male", "yes", "no", "true", "false"})
"""Words of which one alone tells what its letter means."""


def _letters_and_words(column: ColumnProfile, counts: Mapping[str, int]) -> dict[str, str]:
    """Each word and the letter that is written for it, or each letter and its word, whichever are fewer cells.

    Only where all values are letters or words, each letter begins one word, and each word begins with such a letter:
    "Absent" amid grades from A to F is no A.
    """
    letters: dict[str, list[str]] = {}
    words: dict[str, list[str]] = {}
    if not 2 < len(counts) <= 4 * MOST_CODES or 10 * sum(counts.values()) < 9 * column.present_count:  # noqa: PLR2004
        return {}
    for value in counts:
        bare = value.strip().casefold()
        (letters if len(bare) == 1 else words).setdefault(bare[:1], []).append(value)
    distinct = {first: {value.strip().casefold() for value in own} for first, own in words.items()}
    told = distinct.keys() == letters.keys() or (
        distinct.keys() <= letters.keys() and all(own <= WORDS_OF_TWO for own in distinct.values())
    )
    if not 2 <= len(letters) <= MOST_CODES or not told or any(len(own) > 1 for own in distinct.values()):  # noqa: PLR2004
        return {}
    rows = [sum(counts[value] for own in side.values() for value in own) for side in (letters, words)]
    if rows[0] == rows[1] or not words:
        return {}
    rare, usual = (words, letters) if rows[0] > rows[1] else (letters, words)
    if not rare.keys() <= usual.keys():
        return {}
    return {value: max(usual[first], key=lambda each: counts[each]) for first, own in rare.items() for value in own}


SHORTEST_NAME = 4
"""Letters from which on the case of a value hardly ever tells it from another."""


def _a_sign_of_its_own(old: str, new: str, in_one_case: bool) -> bool:  # noqa: FBT001  (what is known of the column)
    """Whether two short values may be different signs although their case alone differs.

    A word of three letters, as Jan, is none in capitals, in small letters or with both exchanged; a code, as eng, may
    be, unless all are in one case; and GBp is not GBP anywhere.
    """
    if len(old) >= SHORTEST_NAME or old.casefold() != new.casefold():
        return False
    if old in (new.upper(), new.lower(), new.swapcase()):
        word = len(new) == SHORTEST_NAME - 1 and new == new.capitalize()
        return not word and not in_one_case
    return old != new.capitalize() or not in_one_case


def _in_one_case(values: Collection[str]) -> bool:
    return all(v == v.upper() for v in values) or all(v == v.lower() for v in values)


def _spelled_alike(counts: Mapping[str, int], key: Callable[[str], str]) -> dict[str, str]:
    """Each variant and the usual spelling of what has one key; none of two that are equally frequent."""
    groups: dict[str, list[str]] = {}
    for value in counts:
        groups.setdefault(key(value), []).append(value)
    return {old: first for first, *others in groups.values() for old in others if counts[first] > counts[old]}


DIFFER = (
    "value differs in case, accents or punctuation from a more frequent one",
    "values differ in case, accents or punctuation from a more frequent one",
)
OTHERWISE = ("value is written otherwise than usual", "values are written otherwise than usual")
AWAY = (
    "value is one or two edits away from a more frequent one",
    "values are one or two edits away from a more frequent one",
)
"""What is wrong with one value, and with several."""


# --- case, order and abbreviations of words -----------------------------------------------------------------------


class WordingSettings(KindSettings):
    """Attributes: share: how many of a column's rows may be written otherwise, 0 to 1; of more, no way is the usual."""

    share: float = Field(FEW, gt=0, lt=0.5)


def _worded(data: Dataset, such: Callable[[str], object]) -> list[str]:
    """The columns of text with some pattern that is such."""
    return [
        c.name
        for c in data.profile.columns
        if c.kind == "text" and not too_few(c) and c.distinct_count <= MOST_VALUES and may_hold(c, such)
    ]


CASED = (
    "value is in capitals or small letters, unlike the others that have its words",
    "values are in capitals or small letters, unlike the others that have their words",
)
TURNED = (
    "value begins with what others end with, and a comma",
    "values begin with what others end with, and a comma",
)
LISTED = (
    "value is a list whose parts are separated otherwise than in the others",
    "values are lists whose parts are separated otherwise than in the others",
)
SHORT = ("value has a word shortened that others have whole", "values have a word shortened that others have whole")


@kind("Unusual case", dimension=Dimension.CONSISTENCY, settings=WordingSettings, recommend=map_options)
def unusual_case(data: Dataset, settings: Settings[WordingSettings]) -> Iterable[Finding]:
    """Values in capitals or small letters where few are, all words of which others write otherwise; and aNN jONES.

    A value that the column has in its usual case, too, is an inconsistent spelling where values repeat themselves.
    """
    for name, counts in telling_values(data, _oddly_cased(data), has_letter).items():
        rows = data.profile.column(name).present_count
        yield from _reworded(data, name, recased(counts, settings.of(name).share, rows), counts, CASED)


def _oddly_cased(data: Dataset) -> list[str]:
    """Columns of text with values in capitals, in small letters or with both exchanged, and others that are not."""
    names = _worded(data, lambda pattern: "a" in pattern)
    if not names:
        return []
    there = data.domains.filter(data.domains.column.isin(names), data.domains.value.length() <= LONGEST)
    upper, lower = there.value.upper(), there.value.lower()
    said = there.filter(upper != lower).select(
        "column", high=there.value == upper, low=there.value == lower, round=there.value.re_search(TURNED_ROUND)
    )
    tallies = {way: said[way].sum() for way in ("high", "low", "round")}
    ways = said.group_by("column").agg(values=_.count(), **tallies).order_by("column")
    return [
        way["column"] for way in ways.to_pyarrow().to_pylist() if any(0 < way[each] < way["values"] for each in tallies)
    ]


def _has_comma(pattern: str) -> bool:
    return "a, a" in pattern


def _is_word(pattern: str) -> bool:
    return pattern in ("a", "a.")


def _has_words(pattern: str) -> bool:
    return "a a" in pattern


@kind("Inverted names", dimension=Dimension.CONSISTENCY, settings=WordingSettings, recommend=map_options)
def inverted_names(data: Dataset, settings: Settings[WordingSettings]) -> Iterable[Finding]:
    """Few values as "Miller, Ann" amid many as "Ann Jones": other values begin with what stands behind the comma.

    Where values repeat themselves, "Miller, Ann" beside "Ann Miller" is an inconsistent spelling.
    """
    for name, counts in telling_values(data, _worded(data, _has_comma), has_letter).items():
        yield from _reworded(data, name, turned(counts, settings.of(name).share), counts, TURNED)


@kind("Other separators", dimension=Dimension.CONSISTENCY, settings=WordingSettings, recommend=map_options)
def other_separators(data: Dataset, settings: Settings[WordingSettings]) -> Iterable[Finding]:
    """Values that are lists, as "red/green" amid "red, blue" and "green, red", whose parts are all in others.

    Where values repeat themselves, what is in the column with the usual separator is an inconsistent spelling.
    """
    for name, counts in telling_values(data, _worded(data, _has_separator), has_letter).items():
        yield from _reworded(data, name, relisted(counts, settings.of(name).share), counts, LISTED)


def _has_separator(pattern: str) -> bool:
    return re.search("a ?[,;|/] ?a", pattern) is not None


@kind("Abbreviated words", dimension=Dimension.CONSISTENCY, settings=WordingSettings, recommend=map_options)
def abbreviated_words(data: Dataset, settings: Settings[WordingSettings]) -> Iterable[Finding]:
    """Values that shorten a word that others with the same words have whole: 12 Mill Rd., Jan amid January and Feb.

    Of a value of several words it is the first or the last one.
    """
    short = [
        name for name in _worded(data, _is_word) if data.profile.column(name).distinct_count <= 2 * MOST_CATEGORIES
    ]
    for name, counts in telling_values(data, sorted({*short, *_worded(data, _has_words)}), has_letter).items():
        if pairs := spelled_out(counts) | in_full(counts, settings.of(name).share):
            yield mapped(data, name, pairs, pairs, counts, SHORT, 0.9, 0.9)


def _reworded(
    data: Dataset, name: str, pairs: Mapping[str, str], counts: Mapping[str, int], differ: tuple[str, str]
) -> Iterator[Finding]:
    new_ones = {old: new for old, new in pairs.items() if new not in counts} if name in _nameable(data) else pairs
    if new_ones:
        yield mapped(data, name, new_ones, new_ones, counts, differ, 0.9, 0.9)


# --- typo of a frequent value -----------------------------------------------------------------------------------


@kind("Typing errors", dimension=Dimension.ACCURACY, settings=TypoSettings, recommend=map_options)
def typo(data: Dataset, settings: Settings[TypoSettings]) -> Iterable[Finding]:
    """Rare values one or two edits away from a far more frequent value of their column; digits are never edited.

    A line is certain when other columns say the same (what nearly all rows of the frequent value share, this row has,
    too), or when the column is a list of categories, frequent values make up nearly all of it, and the rare one is
    there once: the same slip is seldom made twice. None is certain that is as near to another value that is not rare.
    In a short list nearly all of whose rare values are slips of its names, each is one, and so is 0ther amid other.
    Names of places and people differ by a letter and are both right; such columns are no lists. Codes with digits
    differ by a letter, too (100L is not 100A). Certain are letters that look like the digits of a frequent value
    without any letter, and codes that are a frequent one but for zeros, or letters like them: L3 and LOO3 amid L003.
    Confidence: the share of certain cells.
    """
    values = _named_values(data)
    least = min((settings.of(name).times for name in values), default=1)
    digits = telling_values(
        data, list(values), lambda value: value.re_search("[0-9]") & ~has_letter(value), least=least
    )
    for name, counts in values.items():
        chosen = settings.of(name)
        misread = misread_digits(counts, digits[name], chosen) | recoded(counts, chosen.times)
        misread |= {} if digits[name] else reread(counts, chosen.times)
        apart, again = relisted(counts, FEW), careless(counts, chosen)
        near = {old: new for old, new in (misspelled(counts, chosen) | again).items() if old not in apart}
        pairs = near | misread
        if not pairs:
            continue
        listed = _is_list(data.profile.column(name), counts, chosen.most)
        supported = support(data, name, pairs)
        most = most_of_a_slip(counts, chosen)
        common = [value for value, n in counts.items() if n > most]
        slips = {old: new for old, new in pairs.items() if listed and slipped(counts[old], counts[new])}
        slips = {old: new for old, new in slips.items() if is_nearest(old, new, common) and in_a_word(old, new)} | again
        certain = {
            old: new
            for old, new in pairs.items()
            if old in misread or (supported.get(old, 0) >= (0 if old in slips else 1) and not codes_apart(old, new))
        }
        sure = round(0.9 * sum(counts[old] for old in certain) / sum(counts[old] for old in pairs), 4)
        yield mapped(data, name, pairs, certain, counts, AWAY, sure, 0.9)


def _is_list(column: ColumnProfile, counts: Mapping[str, int], most: int, longest: int = MOST_CATEGORIES) -> bool:
    """Whether values that occur more than so often, not too many of them, make up nearly all of a column."""
    frequent = [n for n in counts.values() if n > most]
    return len(frequent) <= longest and sum(frequent) >= 0.9 * sum(counts.values()) and column.present_count >= 100  # noqa: PLR2004


# --- not in the allowed set -------------------------------------------------------------------------------------


def _allowed_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    facts = issue.facts
    if pairs := facts["nearest"]:
        left = issue.count - facts["mapped"]
        leaves = f"{plural(left, 'cell that is near', 'cells that are near')} to no allowed value" if left else ""
        why = "each has one allowed value within two edits, or differs in case and punctuation only"
        label = "write the nearest allowed value"
        yield Option("nearest", "map_values", label, {"values": pairs}, why, leaves, 0.9, safe=True)
    yield Option("map", "map_values", "write values of yours", needs=("values",))
    yield Option("to-other", "suspects_to_value", "write one value of yours instead", needs=("value",))
    yield Option("to-null", "suspects_to_null", "to null")
    if facts["strange"]:
        why = "nothing is changed; they are allowed in this run, and for good once they are in the contract"
        yield Option("extend", "extend_set", f"allow {_quoted(facts['strange'])}", {"values": facts["strange"]}, why)


MOST_ALLOWED, MOST_NAMED = 200, 4


def _quoted(values: Sequence[str]) -> str:
    more = f" and {len(values) - MOST_NAMED:,} more" if len(values) > MOST_NAMED else ""
    return ", ".join(f"'{value[:30]}'" for value in values[:MOST_NAMED]) + more


class Allowed(Parameters):
    """Attributes: values: what the contract's set allows, too."""

    values: tuple[str, ...] = Field(min_length=1)


@remedy("Extend the allowed set", parameters=Allowed)
def extend_set(data: Dataset, issue: Issue, p: Allowed) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Change nothing, and allow more values in what follows of this run."""
    return ()


def extended(contract: Contract, column: str, values: Sequence[str]) -> Contract:
    """The contract with more values in a column's allowed set."""
    promised = contract.column(column)
    allowed = tuple(dict.fromkeys((*(promised.allowed or ()), *values)))
    own = promised.model_copy(update={"allowed": allowed})
    return contract.model_copy(update={"columns": {**contract.columns, column: own}})


@kind("Not in the allowed set", dimension=Dimension.VALIDITY, recommend=_allowed_options)
def not_allowed(data: Dataset, settings: Settings[KindSettings]) -> Iterable[Finding]:  # noqa: ARG001
    """Values that the contract's list of allowed values does not have."""
    for column in data.profile.columns:
        allowed = data.contract.column(column.name).allowed
        if allowed is None:
            continue
        suspect = _not_among(allowed)
        cells = cells_where(data, column.name, suspect)
        count = rows_where(data, column.name, cells)
        if not count:
            continue
        own = data.domains.filter(data.domains.column == column.name)
        found = (
            own.filter(suspect(own.value)).order_by(ibis.desc("n"), "value").limit(MOST_VALUES).to_pyarrow().to_pylist()
        )
        counts = {record["value"]: record["n"] for record in found}
        nearest = _nearest(counts, allowed)
        shown = ", ".join(f"'{value}' {n:,}×" for value, n in list(counts.items())[:5])
        yield Finding(
            (column.name,),
            cells,
            count,
            column.present_count,
            f"{plural(len(counts), 'value is', 'values are')} not among the {len(allowed)} that the contract allows: "
            f"{shown}",
            Severity.HIGH,
            facts={
                "nearest": nearest,
                "mapped": sum(counts[old] for old in nearest),
                "strange": [value for value in counts if value not in nearest][:MOST_ALLOWED],
            },
            confidence=0.95,
        )


def _not_among(allowed: Sequence[str]) -> Any:
    return lambda value: value.notnull() & ~is_blank(value) & ~value.isin(list(allowed))


def _nearest(counts: Mapping[str, int], allowed: Sequence[str]) -> dict[str, str]:
    """Values that mean an allowed one beyond doubt: the same fingerprint, or one allowed value within two edits."""
    from rapidfuzz.distance import OSA

    prints: dict[str, list[str]] = {}
    for value in allowed:
        prints.setdefault(fingerprint(value), []).append(value)
    pairs = {}
    for old in counts:
        same = prints.get(fingerprint(old), [])
        edits = min(2, len(old.strip()) // 4)
        near = same or [
            v for v in allowed if OSA.distance(old.strip(), v, score_cutoff=edits) <= edits and misspells(old, v)
        ]
        if len(near) == 1:
            pairs[old] = near[0]
    return dict(sorted(pairs.items()))
