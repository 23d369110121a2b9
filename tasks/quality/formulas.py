"""Formulas that hold among three columns of numbers, and how computed numbers are written.

A formula is `target = left operator right`, rounded as the target is written. All are screened on the first rows, the
best are counted on the whole table.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import ibis
from pydantic import Field

from tasks.quality.model import ROW, ColumnProfile, Dataset
from tasks.quality.profile import is_missing, number
from tasks.quality.queries import only
from tasks.quality.registry import Parameters

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
    first = _first_numbers(data, [c.name for c in columns])
    for target in wanted:
        least = share(target.name)
        formulas = _screened(first, target.name, style(data, target.name, "derived")[0], least - SLACK)
        if best := _best_formula(data, target.name, formulas, least):
            yield (target, *best)


def _first_numbers(data: Dataset, columns: Sequence[str]) -> Mapping[str, Any]:
    """The columns' numbers in the first rows, as arrays; nan where there is none."""
    table = only(data.table, (ROW, *columns)).order_by(ROW).limit(ROWS_TO_SCREEN)
    read = table.select(**{f"c{i}": number(table[name]) for i, name in enumerate(columns)}).to_pandas()
    return {name: read[f"c{i}"].to_numpy(dtype="float64", na_value=math.nan) for i, name in enumerate(columns)}


def _screened(first: Mapping[str, Any], target: str, decimals: int, share: float) -> list[Formula]:
    """The formulas that hold often in the first rows, best first; only these are tried on the whole table."""
    import numpy as np

    wanted, others = first[target][:, None], [name for name in first if name != target]
    parts = np.stack([first[name] for name in others], axis=1)
    found: list[tuple[float, Formula]] = []
    with np.errstate(all="ignore"):
        for left, name in enumerate(others):
            for operator, results in _results(parts[:, left : left + 1], parts).items():
                complete = (~np.isnan(results - wanted)).sum(axis=0)
                holds = (abs(results - wanted) <= tolerance(decimals)).sum(axis=0)
                for right in np.flatnonzero((complete > 0) & (holds >= share * complete)):
                    if right > left or (right != left and operator in "-/"):
                        named = {"target": target, "left": name, "operator": operator, "right": others[right]}
                        found.append((-holds[right] / complete[right], Formula(**named, decimals=decimals)))
    return [formula for _holds, formula in sorted(found, key=lambda each: each[0])[:FORMULAS_TO_TRY]]


def _results(left: Any, right: Any) -> dict[Literal["*", "+", "-", "/"], Any]:
    return {"*": left * right, "+": left + right, "-": left - right, "/": left / right}


def tolerance(decimals: int) -> float:
    """How far a computed number may be off when it was rounded to so many decimals."""
    return float(0.5000001 * 10.0**-decimals)


def _best_formula(
    data: Dataset, target: str, formulas: Sequence[Formula], share: float
) -> tuple[Formula, dict[str, Any]] | None:
    """The formula that holds most often, if it holds often enough, with its counts."""
    if not formulas:
        return None
    counts = _tallies(data, target, formulas)
    best: Formula | None = None
    held: dict[str, Any] = {}
    for place, formula in enumerate(formulas):
        complete, holds, gaps = (int(counts[f"{what}{place}"] or 0) for what in ("complete", "holds", "gaps"))
        enough = complete >= FEWEST_ROWS and holds >= share * complete
        if enough and holds / complete > (held["holds"] / held["complete"] if held else 0):
            best, held = formula, {"complete": complete, "holds": holds, "gaps": gaps}
    return (best, held) if best else None


def _tallies(data: Dataset, target: str, formulas: Sequence[Formula]) -> Mapping[str, Any]:
    table = only(data.table, {target, *(name for f in formulas for name in (f.left, f.right))})
    wanted, missing = number(table[target]), is_missing(table[target])
    tallies: dict[str, ibis.Value] = {}
    for place, formula in enumerate(formulas):
        outcome = result(table, formula)
        tallies[f"complete{place}"] = (wanted.notnull() & outcome.notnull()).sum()
        tallies[f"holds{place}"] = ((wanted - outcome).abs() <= tolerance(formula.decimals)).sum()
        tallies[f"gaps{place}"] = (missing & outcome.notnull()).sum()
    counts: Mapping[str, Any] = table.agg(**tallies).to_pyarrow().to_pylist()[0]
    return counts


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
