"""Scores of a repaired table against a dirty/clean pair, cell by cell: the definitions of Raha and Baran.

Every value is text; HTML entities are unescaped and white space is collapsed and trimmed first, so that differences
in these are neither errors nor changes. With E the cells that are dirty, C those that were changed, D those that were
detected (flagged or changed) and K those of C in E that are right now:

- detection: precision |D∩E| / |D|, recall |D∩E| / |E| (Mahdavi et al., Raha, SIGMOD 2019)
- repair: precision |K| / |C|, recall |K| / |E| (Mahdavi and Abedjan, Baran, VLDB 2020)
- damaged: |C − E|, cells that were right and are not any more

`lenient` judges changes by value: a change of a right cell that keeps its value (an equal number, another word for
null) counts for nothing, and a repair is right when its value is.
"""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path

Table = Mapping[str, Sequence[str]]
Cell = tuple[int, str]

_SPACE = re.compile(r"[\t\n ]+")
_NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d*)?(?:\.\d+)?(?:[eE][+-]?\d+)?$|[+-]?[1-9]\d*\.$")
_NULLS = frozenset(
    ("", "n/a", "na", "nan", "null", "none", "nil", "#n/a", "<na>", "(null)", "?", "-", "--", "---", "missing",
     "not available", "empty", "unknown", "undefined")
)  # fmt: skip


class Unusable(Exception):
    """What cannot be scored, and why."""


def read(path: Path) -> dict[str, list[str]]:
    """A CSV file as columns of text; nothing is taken for null.

    Raises:
        Unusable: it is empty, two columns have one name, or its records have not the same length.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise Unusable(f"{path} is empty")
    names = rows[0]
    if len(set(names)) < len(names):
        raise Unusable(f"{path}: two columns have one name; columns: {', '.join(names)}")
    if odd := [number for number, row in enumerate(rows, start=1) if len(row) != len(names)]:
        raise Unusable(f"{path}: record {odd[0]} has {len(rows[odd[0] - 1])} fields, the header {len(names)}")
    return {name: list(values) for name, values in zip(names, zip(*rows[1:], strict=True), strict=True)}


@lru_cache(maxsize=1_000_000)
def normal(value: str) -> str:
    """The value as it is compared.

    >>> normal("  Tom &amp;  Jerry ")
    'Tom & Jerry'
    """
    return _SPACE.sub(" ", html.unescape(value)).strip("\t\n ")


def same_value(a: str, b: str) -> bool:
    """Whether two normal values mean the same: equal text, equal numbers, or two words for null.

    >>> same_value("12.0", "12"), same_value("N/A", ""), same_value("01907", "1907")
    (True, True, False)
    """
    return _number(a) == _number(b) or (a.lower() in _NULLS and b.lower() in _NULLS)


def _number(value: str) -> Decimal | str:
    if any(c.isdigit() for c in value) and _NUMBER.match(value):
        try:
            return Decimal(value)
        except InvalidOperation:
            return value
    return value


@dataclass(frozen=True)
class Measure:
    """Precision, recall and their harmonic mean; an empty denominator gives 0, or 1 where there was nothing to find."""

    precision: float
    recall: float

    @classmethod
    def of(cls, right: int, made: int, wanted: int) -> Measure:
        """From counts: right ones, ones made, ones wanted."""
        return cls(right / made if made else float(not wanted), right / wanted if wanted else float(not made))

    @property
    def f1(self) -> float:
        """Harmonic mean."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True)
class Scores:
    """What a run made of a dirty table."""

    errors: frozenset[Cell]
    changed: frozenset[Cell]
    detected: frozenset[Cell]
    correct: frozenset[Cell]

    @property
    def detection(self) -> Measure:
        """Of the cells flagged or changed."""
        return Measure.of(len(self.detected & self.errors), len(self.detected), len(self.errors))

    @property
    def repair(self) -> Measure:
        """Of the cells changed."""
        return Measure.of(len(self.correct), len(self.changed), len(self.errors))

    @property
    def damaged(self) -> int:
        """Right cells that were changed."""
        return len(self.changed - self.errors)


def scored(
    dirty: Table, clean: Table, repaired: Table, flagged: Collection[Cell] = (), *, eq: str = "strict"
) -> Scores:
    """Compare three tables of the same columns and rows."""
    errors, changed, correct, neutral = set(), set(), set(), set()
    for column in dirty:
        for row, (was, right, now) in enumerate(zip(dirty[column], clean[column], repaired[column], strict=True)):
            if was == right == now:
                continue
            before, truth, after = normal(was), normal(right), normal(now)
            cell = (row, column)
            wrong = before != truth
            if wrong:
                errors.add(cell)
            if after == before:
                continue
            if eq == "lenient" and not wrong and same_value(after, truth):
                neutral.add(cell)
                continue
            changed.add(cell)
            if wrong and (after == truth or (eq == "lenient" and same_value(after, truth))):
                correct.add(cell)
    detected = (set(flagged) | changed) - neutral
    return Scores(frozenset(errors), frozenset(changed), frozenset(detected), frozenset(correct))


def altered(before: Table, after: Table, left: Collection[int] = ()) -> frozenset[Cell]:
    """Cells whose normal value is another one, and every cell of the rows that left the table."""
    rows = {
        (row, column)
        for column in before
        for row, (a, b) in enumerate(zip(before[column], after[column], strict=True))
        if a != b and normal(a) != normal(b)
    }
    return frozenset(rows | {(row, column) for row in left for column in before})
