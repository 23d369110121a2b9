"""What nearly all values of a column are: of one type, or written in a few patterns; and what differs from that."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import or_
from string import ascii_letters, digits
from typing import Any

from tasks.quality.model import ColumnProfile, Pattern
from tasks.quality.numerals import read_numeral
from tasks.quality.profile import DATE, NUMBER, is_missing, pattern
from tasks.quality.typed import ColumnType, read
from tasks.quality.words import NO_VALUE

FEWEST_ALIKE = 3
FEWEST_ROWS = 20
"""A column with fewer values has no way of writing that one could break."""

MOSTLY = 0.8
"""Share of a column's rows that values in one way of writing and its variants must have together."""

YEAR = re.compile("^(?:1[0-9]|20)[0-9]{2}$")

FAR_RARER = 20
"""So many times rarer than another way of writing the same digits and letters is no way of its own."""

Suspect = Callable[[Any], Any]
"""What a column's text must be for its cell to be suspect, as an expression; null is never suspect."""


def too_few(column: ColumnProfile) -> bool:
    """Whether a column has too few values for a way of writing."""
    return column.present_count < FEWEST_ROWS


def breach(suspects: int, rows: int) -> float:
    """How sure it is that what breaks a column's way of writing is wrong: 1 − 10 × the share that does.

    >>> breach(1, 100), breach(20, 100)
    (0.9, 0.0)
    """
    return round(max(0.0, 1 - 10 * suspects / rows), 4) if rows else 0.0


def usual_type(column: ColumnProfile, share: float) -> ColumnType | None:
    """The type that so large a share of a column's values has, but not all; words for null aside."""
    present, counted = column.present_count, _counted_words(column)
    if present in (column.numeric_count, column.date_count):
        return None
    types: tuple[tuple[ColumnType, int], ...] = (
        ("integer", column.integer_count),
        ("number", column.numeric_count),
        ("date", column.date_count),
    )
    return next((t for t, n in types if share * (present - counted) <= n < present), None)


def _counted_words(column: ColumnProfile) -> int:
    return sum(n for value, n in column.top if value.strip().lower() in NO_VALUE)


def contrary(type_: ColumnType, format_: str | None) -> Suspect:
    """Whether a value cannot be read as a type that the contract wants."""
    return lambda value: _says_something(value) & read(value, type_, format_).isnull()


def not_like(type_: ColumnType) -> Suspect:
    """Whether a value is not written as nearly all others of its column, which are of a type; digits alone are."""
    sound = DATE if type_ == "date" else NUMBER
    return lambda value: _says_something(value) & ~value.re_search(sound) & ~value.re_search("^[0-9]+$")


def _says_something(value: Any) -> Any:
    return ~is_missing(value) & ~value.strip().lower().isin(sorted(NO_VALUE))


def against(promised: str) -> Suspect:
    """Whether a value is not wholly what the contract's regular expression (RE2) matches."""
    return lambda value: ~is_missing(value) & ~value.re_search(f"^(?:{promised})$")


def usual_patterns(column: ColumnProfile, *, covering: float, least: float, most: int) -> tuple[Pattern, ...]:
    """The patterns that nearly all values of a column have; none when there is no such way, or it is a type.

    Values that have the same with other signs count neither for nor against it.

    Args:
        column: whose values.
        covering: the share of the values that they must cover together.
        least: the share of the values that each must have.
        most: how many there may be.
    """
    aside = other_signs(column)
    signed = sum(p.rows for p in column.patterns if p.text in aside)
    present = column.present_count - _counted_words(column) - signed
    if usual_type(column, 0.9) is not None or present < FEWEST_ROWS:
        return ()
    words = Counter[str]()
    for value, n in column.top:
        if value.strip().lower() in NO_VALUE:
            words[_pattern_of(value)] += n
    telling = [replace(p, rows=p.rows - words[p.text]) for p in column.patterns]
    usual = tuple(p for p in telling if p.rows >= max(least * present, FEWEST_ALIKE) and p.text not in aside)
    covered = sum(p.rows for p in usual)
    if not usual or len(usual) > most or not covering * present <= covered < present + signed:
        return ()
    return usual


def with_spaces(column: ColumnProfile, usual: Sequence[Pattern]) -> list[str]:
    """These patterns, and the same with spaces around them or several in a row: untidy, but no other way of writing."""
    texts = {pattern.text for pattern in usual}
    return sorted(texts | {each.text for each in column.patterns if " ".join(each.text.split()) in texts})


def other_signs(column: ColumnProfile) -> dict[str, str]:
    """Each pattern of the same runs of digits and letters as a far more frequent one, with other signs, and that one.

    Of values of letters only, and of web addresses, it is the same but for spaces, doubled signs and a comma for a
    point; of a pattern of digits only, all digits in one run are such, too. Numbers have signs of their own, and so
    have powers; whole numbers lose quotes, stars and square brackets around them only, years round ones, too. None
    where these patterns do not make up most of a column.
    """
    known = [p for p in column.patterns if re.search("[9@:/]", p.text) and not _POWER.search(p.text)]
    years = all(YEAR.match(value.strip("()")) for value, _n in column.top)
    found, rows = {}, dict[str, int]()
    crossed = any("9#" in pattern.text for pattern in column.patterns)
    for odd in column.patterns:
        text = odd.text.translate(_SQUARED) if years else odd.text
        if crossed and "#" in text:
            continue
        often = [p for p in known if p.rows >= FAR_RARER * odd.rows and _same_but_for_signs(text, p.text)]
        if often:
            usual = max(often, key=lambda p: (p.rows, p.text))
            found[odd.text] = usual.text
            rows |= {odd.text: odd.rows, usual.text: usual.rows}
    return found if sum(rows.values()) >= MOSTLY * column.present_count else {}


def _same_but_for_signs(odd: str, usual: str) -> bool:
    runs, own = re.findall("[9a]", odd), re.findall("[9a]", usual)
    if usual == "9":
        return odd != usual and _WRAPPED.fullmatch(odd) is not None
    if "9" not in own or "://" in usual:
        return _LOOSE.sub(r"\1", odd.replace(" ", "").replace(",", ".")) == usual
    if read_numeral(usual) or _POWER.search(odd):
        return False
    return len(own) > 1 and (runs == own or (odd == "9" and "a" not in own))


_WRAPPED = re.compile(r"""["'#*\[\u201c\u201e]*9["'*\]\u201d\u201c]*""")
_SQUARED = str.maketrans("()", "[]")
_POWER = re.compile(r"^[-+\u2212]|[+^]|9a-9$")
_LOOSE = re.compile(r"([@:;,.])\1+")


def _pattern_of(value: str) -> str:
    """`tasks.quality.profile.pattern` of a word."""
    return re.sub(r"[^\W\d_]+", "a", re.sub("[0-9]+", "9", value))


STRUCTURE = "@:/\\_#=&;|"
"""Signs that no sentence or name has by chance: an address without its @ is none."""


def unusual(usual: Sequence[str], but: Collection[str] = ()) -> Suspect:
    """Whether a value has another pattern, and is none of some.

    Where only letters are usual, it has a digit within a word, too, or lacks a sign of structure that all others have.
    """
    structure = [sign for sign in STRUCTURE if all(sign in text for text in usual)]
    has_digits = any("9" in text for text in usual)
    numbers = any(read_numeral(text) for text in usual)

    def suspect(value: Any) -> Any:
        odd = ~is_missing(value) & ~pattern(value).isin(usual) & ~value.strip().lower().isin(sorted(NO_VALUE))
        if numbers:  # a number of another size is no breach
            odd &= ~value.re_search(r"^[-+]?[0-9][0-9., ']*(?:%|[eE][-+]?[0-9]+)?$")
        if but:
            odd &= value.notin(sorted(but))
        if has_digits:
            return odd
        broken = value.re_search(r"\p{L}[0-9]+\p{L}")
        return odd & reduce(or_, (~value.contains(sign) for sign in structure), broken)

    return suspect


def trust(usual: Sequence[Pattern]) -> float:
    """How much a breach of these patterns says: the more of them are usual, the less."""
    return (1.0, 1.0, 0.9, 0.8, 0.7)[min(len(usual), 4)]


def expression(text: str) -> str:
    r"""A regular expression of a pattern.

    >>> expression("9-a")
    '[0-9]+\\-\\p{L}+'
    """
    parts = {"9": "[0-9]+", "a": r"\p{L}+"}
    return "".join(parts.get(sign, re.escape(sign)) for sign in text)


SHAPE = 0.05
"""Share of a column's most frequent values that must have a shape for it to be usual."""


def usual_shapes(column: ColumnProfile, usual: Collection[str]) -> tuple[str, ...]:
    """The shapes ("999-9999") that values of these patterns usually have."""
    shapes: Counter[str] = Counter()
    for value, n in column.top:
        if _pattern_of(value) in usual:
            shapes[shape(value)] += n
    return tuple(sorted(text for text, n in shapes.items() if n >= SHAPE * shapes.total()))


def shape(value: str) -> str:
    """A value with 9 for each digit and a for each letter.

    >>> shape("AB 12/7")
    'aa 99/9'
    """
    if value.isascii():
        return value.translate(_SHAPES)
    return re.sub(r"[^\W\d_]", "a", re.sub("[0-9]", "9", value))


_SHAPES = str.maketrans(ascii_letters + digits, "a" * len(ascii_letters) + "9" * len(digits))


LONGEST_WRITTEN = 1_000
"""Longer values are no codes, and stay as they are."""


def written_like(text: str, usual: Sequence[str]) -> str | None:
    """A value with the signs of the first pattern that has the same runs of digits and letters; None without one.

    A text of digits only may be one run of all the digits of a shape.

    >>> written_like("AB 12/7", ("9-9", "a-9-9")), written_like("AB12", ("a-9-9",)), written_like("12007", ("99-999",))
    ('AB-12-7', None, '12-007')
    """
    runs = re.findall(r"[0-9]+|[^\W\d_]+", text) if len(text) <= LONGEST_WRITTEN else []
    kinds = ["9" if run[0] in "0123456789" else "a" for run in runs]
    for shape in usual:
        if re.findall("[9a]", shape) == kinds:
            return _signed(shape, runs)
        if "a" not in shape and len(runs) == 1 and text == runs[0] and shape.count("9") == len(text):
            return _signed(shape, text)
    return None


def _signed(shape: str, runs: Sequence[str]) -> str:
    signs = re.split("[9a]", shape)
    return signs[0] + "".join(run + sign for run, sign in zip(runs, signs[1:], strict=True))


def with_usual_signs(values: Iterable[str], usual: Mapping[str, str], shapes: Sequence[str]) -> dict[str, str]:
    """Values of rare patterns, and the same with the signs of usual ones; some with a shape that no usual value has.

    Args:
        values: any.
        usual: each rare pattern, and the far more frequent one (`other_signs`).
        shapes: that values of the latter usually have; digits in one run are parted where there is one shape only.
    """
    pairs = {}
    for text in values:
        own = usual.get(_pattern_of(text))
        written = own and (written_like(text, [own]) or (len(shapes) == 1 and written_like(text, shapes)))
        if written:
            pairs[text] = written
    return pairs


def is_bracketed(text: str) -> bool:
    """Whether a value stands in brackets as a whole.

    >>> is_bracketed("[1886]"), is_bracketed("(555) 0142")
    (True, False)
    """
    own = text.strip()
    return own[:1] + own[-1:] in ("[]", "()", "{}")


def fits(written: str, usual: Collection[str], shapes: Collection[str]) -> bool:
    """Whether a value has a usual shape, or is words and signs in a usual pattern."""
    return shape(written) in shapes or ("9" not in (own := _pattern_of(written)) and own in usual)
