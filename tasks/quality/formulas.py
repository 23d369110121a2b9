"""Formulas that hold among three columns of numbers, and how computed numbers are written.

A formula is `target = left operator right`, rounded as the target is written. All are screened on the first rows, the
best are counted on the whole table.
"""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import ibis
from pydantic import Field

from tasks.quality.codes import codes, numbers, parts
from tasks.quality.model import ColumnProfile, Dataset
from tasks.quality.profile import number
from tasks.quality.registry import Parameters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_ROWS = 30
MOST_COLUMNS = 40
ROWS_TO_SCREEN = 1_000
FORMULAS_TO_TRY = 8
SLACK = 0.1


class Formula(Parameters):
    """`target = left operator right`, rounded half away from zero to `decimals`."""

    target: str
    left: str
    operator: Literal["*", "+", "-", "/"]
    right: str
    decimals: int = Field(ge=0, le=12)


def mined(
    data: Dataset, targets: Sequence[ColumnProfile], share: Callable[[str], float]
) -> Iterator[tuple[ColumnProfile, Formula, dict[str, int]]]:
    """For each target the formula that holds most often, if it holds in `share(target)` of the complete rows.

    With it, how many rows are `complete`, in how many of them it `holds`, and how many `gaps` it would fill.
    """
    columns = [
        c
        for c in data.profile.columns
        if c.present_count and c.numeric_count >= 0.9 * c.present_count and c.distinct_count > 2  # noqa: PLR2004  (two values fit any formula)
    ][:MOST_COLUMNS]
    wanted = [c for c in columns if c in targets]
    if not wanted or len(columns) <= 2:  # noqa: PLR2004  (a formula speaks of three)
        return
    table = _Table(data, [c.name for c in columns])
    first = table.numbers([c.name for c in columns], slice(ROWS_TO_SCREEN))
    for target in wanted:
        least = share(target.name)
        formulas = _screened(first, target.name, style(data, target.name, "derived")[0], least - SLACK)
        if best := _best_formula(table, target.name, formulas, least):
            yield (target, *best)


class _Table:
    """The rows of a table with what its columns are as numbers, a part of the rows at a time."""

    def __init__(self, data: Dataset, names: Sequence[str]) -> None:
        self._columns = codes(data).of(names).columns
        read = numbers(data, [self._columns[name] for name in names])
        self._numbers = dict(zip(names, read, strict=True))

    def numbers(self, names: Collection[str], rows: slice) -> dict[str, NDArray[np.float64]]:
        """Columns' numbers in some rows, nan where there is none."""
        return {name: self._numbers[name][self._columns[name].codes[rows]] for name in names}

    def usual(self, name: str) -> float:
        """A column's most frequent number, of several the smallest; nan where there is none."""
        import numpy as np

        there = np.flatnonzero(~np.isnan(self._numbers[name]))
        counts = self._columns[name].counts[there]
        return float(self._numbers[name][there[counts == counts.max()]].min()) if there.size else np.nan

    def missing(self, name: str, rows: slice) -> NDArray[np.bool_]:
        """Whether a column's cells in some rows are null or blank."""
        return self._columns[name].nothing[self._columns[name].codes[rows]]

    def parts(self) -> Iterator[slice]:
        """All rows, part by part."""
        return parts(next(iter(self._columns.values())).codes.size)


def broken(data: Dataset, formula: Formula) -> NDArray[np.signedinteger[Any]]:
    """`_row` of the complete rows in which a formula does not hold."""
    import numpy as np

    names = (formula.target, formula.left, formula.right)
    table = _Table(data, names)
    off = [np.flatnonzero(_off(table.numbers(names, rows), formula)) + rows.start for rows in table.parts()]
    return codes(data).of(names).numbered(np.concatenate(off))


def _screened(first: Mapping[str, Any], target: str, decimals: int, share: float) -> list[Formula]:
    """The formulas that hold often in the first rows, best first; only these are tried on the whole table."""
    import numpy as np

    wanted, others = first[target][:, None], [name for name in first if name != target]
    parts = np.stack([first[name] for name in others], axis=1)
    found: list[tuple[float, Formula]] = []
    with np.errstate(all="ignore"):
        for left, name in enumerate(others):
            for sign, compute in _COMPUTED.items():
                results = compute(parts[:, left : left + 1], parts)
                complete = (~np.isnan(results - wanted)).sum(axis=0)
                holds = (abs(results - wanted) <= tolerance(decimals)).sum(axis=0)
                for right in np.flatnonzero((complete > 0) & (holds >= share * complete)):
                    if right > left or (right != left and sign in "-/"):
                        named = {"target": target, "left": name, "operator": sign, "right": others[right]}
                        found.append((-holds[right] / complete[right], Formula(**named, decimals=decimals)))
    return [formula for _holds, formula in sorted(found, key=lambda each: each[0])[:FORMULAS_TO_TRY]]


_COMPUTED: Mapping[str, Callable[[Any, Any], Any]] = {
    "*": operator.mul,
    "+": operator.add,
    "-": operator.sub,
    "/": operator.truediv,
}


def tolerance(decimals: int) -> float:
    """How far a computed number may be off when it was rounded to so many decimals."""
    return float(0.5000001 * 10.0**-decimals)


def _best_formula(
    table: _Table, target: str, formulas: Sequence[Formula], share: float
) -> tuple[Formula, dict[str, Any]] | None:
    """The formula that holds most often, if it holds often enough, with its counts.

    It holds for values beside the most frequent one, too: that 0 = 1 ÷ 1000, rounded, says nothing of the columns.
    """
    if not formulas:
        return None
    best: Formula | None = None
    held: Counter[str] = Counter()
    for formula, tally in zip(formulas, _tallies(table, target, formulas), strict=True):
        complete, holds = tally["complete"], tally["holds"]
        enough = complete >= FEWEST_ROWS and holds >= share * complete and 2 * tally["varies"] >= tally["various"]
        if enough and holds / complete > (held["holds"] / held["complete"] if held else 0):
            best, held = formula, tally
    return (best, {what: held[what] for what in ("complete", "holds", "gaps")}) if best else None


def _tallies(table: _Table, target: str, formulas: Sequence[Formula]) -> list[Counter[str]]:
    """Per formula the rows that are `complete`, in which it `holds`, and the `gaps` that it would fill.

    Of the complete rows `various` ones do not have the target's most frequent number; in those of them it `varies`
    that the formula holds.
    """
    import numpy as np

    names = {target, *(name for f in formulas for name in (f.left, f.right))}
    counts: list[Counter[str]] = [Counter() for _formula in formulas]
    usual = table.usual(target)
    for rows in table.parts():
        told, missing = table.numbers(names, rows), table.missing(target, rows)
        for tally, formula in zip(counts, formulas, strict=True):
            known = _known(told, formula)
            complete, off = known & ~np.isnan(told[target]), _off(told, formula)
            various = complete & (told[target] != usual)
            tally["complete"] += int(complete.sum())
            tally["holds"] += int(complete.sum()) - int(off.sum())
            tally["various"] += int(various.sum())
            tally["varies"] += int((various & ~off).sum())
            tally["gaps"] += int((known & missing).sum())
    return counts


def _known(told: Mapping[str, NDArray[np.float64]], formula: Formula) -> NDArray[np.bool_]:
    """In which rows the right side of a formula is a number."""
    import numpy as np

    left, right = told[formula.left], told[formula.right]
    known: NDArray[np.bool_] = ~np.isnan(left) & ~np.isnan(right) & ((right != 0) | (formula.operator != "/"))
    return known


def _off(told: Mapping[str, NDArray[np.float64]], formula: Formula) -> NDArray[np.bool_]:
    """In which complete rows a formula does not hold."""
    import numpy as np

    with np.errstate(all="ignore"):
        apart = abs(told[formula.target] - _COMPUTED[formula.operator](told[formula.left], told[formula.right]))
        off: NDArray[np.bool_] = _known(told, formula) & (apart > tolerance(formula.decimals))
    return off


def result(table: ibis.Table, formula: Formula) -> ibis.Value:
    """`left operator right` per row, unrounded; null where one of them is no number."""
    left, right = number(table[formula.left]), number(table[formula.right])
    if formula.operator == "*":
        return left * right
    if formula.operator == "/":
        return left / right.nullif(0)
    return left + right if formula.operator == "+" else left - right


def plain_number(value: float, decimals: int, fixed: bool = False) -> str:  # noqa: FBT001, FBT002  (a style's parts)
    """A number as plain text with at most so many decimals, or with all of them.

    >>> plain_number(12.0, 2), plain_number(0.125, 2), plain_number(12.5, 2, True)
    ('12', '0.12', '12.50')
    """
    text = f"{Decimal(repr(round(value, decimals))):.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text and not fixed else text


def written(value: ibis.Value, decimals: int, fixed: bool) -> ibis.Value:  # noqa: FBT001  (a style's parts)
    """`plain_number` for the engine; null for what is too large to be written out."""
    text = value.round(decimals).try_cast(f"decimal(38, {decimals})").cast("string")
    return text if fixed or not decimals else text.re_replace(r"\.?0+$", "")


def style(data: Dataset, name: str, statistic: str) -> tuple[int, bool]:
    """How many decimals a computed number gets in a column, and whether all of them are written.

    As many as the column's most frequent values have, all of them when all have as many. A column of whole numbers
    keeps what a median (one decimal) or a mean (two) needs beyond them, unless the contract says that it is whole.
    """
    column, promised = data.profile.column(name), data.contract.columns.get(name)
    lengths: Counter[int] = Counter()
    for value, n in column.top:
        if re.fullmatch(r"\s*[-+]?[0-9]*\.?[0-9]+\s*", value):
            lengths[len(value.strip().partition(".")[2])] += n
    decimals = max(lengths, default=0)
    if decimals or (promised and promised.type == "integer"):
        usual = lengths.most_common(1)[0][0] if lengths else 0
        fixed = lengths[usual] >= 0.9 * lengths.total()
        return (min(usual, 12), True) if fixed else (min(decimals, 12), False)
    return {"median": 1, "mean": 2}.get(statistic, 0), False


_SIGNS = {"*": "×", "+": "+", "-": "−", "/": "÷"}


def spoken(formula: Mapping[str, Any]) -> str:
    """The formula for people: total = quantity × price."""
    return f"{formula['target']} = {formula['left']} {_SIGNS[formula['operator']]} {formula['right']}"
