"""What stands beside a value: whether its rows are, by their other columns, rows of another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tasks.quality.codes import Coded, codes, hashes, is_wide, parts, row_hashes
from tasks.quality.model import ColumnProfile, Dataset

if TYPE_CHECKING:
    from tasks.quality.codes import Numbers

MOST_COLUMNS = 30
"""Other columns that are looked at."""

ROWS_BESIDE = 50_000
"""Rows in which it is counted what stands beside frequent values; of more, those of some hashes."""

NEARLY, FEWEST = 0.8, 5
"""Share of a frequent value's rows that say one thing in a column, and how many rows must say something there."""

USUAL = 0.2
"""Share of all rows with a value from which on it tells nothing."""

EXPLAINS = 100
"""A column that differs in the same way, as a code and the state it begins with, explains a difference for good."""


def support(data: Dataset, name: str, pairs: Mapping[str, str]) -> dict[str, int]:
    """Per rare value, how many cells say that its rows are rows of the frequent one, minus those that deny it.

    A column speaks when four fifths of the frequent value's rows have one value in it that is not usual elsewhere.

    Args:
        data: the table.
        name: the column of both values.
        pairs: rare value → frequent value, both of them values of the column.
    """
    import numpy as np

    others = [c.name for c in data.profile.columns if c.name != name and _may_speak(c)][:MOST_COLUMNS]
    if not others:
        return {}
    table = codes(data).of((name, *others)).columns
    own = table[name]
    place = own.places([*pairs, *pairs.values()])
    number = {new: n for n, new in enumerate(dict.fromkeys(pairs.values()))}
    group, meant = (np.full(len(own.values) + 1, -1) for _ in range(2))  # the last one is of null
    group[[place[new] for new in number]] = [*number.values()]
    meant[[place[old] for old in pairs]] = [number[new] for new in pairs.values()]
    sample = _sampled(data)
    beside, rows = sample[group[own.codes[sample]] >= 0], np.flatnonzero(meant[own.codes] >= 0)
    told: dict[str, int] = {}
    for other in (table[column] for column in others):
        usual = _usual(other, group[own.codes[beside]], other.codes[beside], len(number))
        for old, vote in _votes(own, other, rows, usual[meant[own.codes[rows]]], pairs):
            told[old] = told.get(old, 0) + vote
    return told


def _may_speak(column: ColumnProfile) -> bool:
    return 1 < column.distinct_count <= 0.9 * column.rows and not is_wide(column)


def _sampled(data: Dataset) -> Numbers:
    """The places of the rows in which it is counted, kept with the table; chosen by what is in them."""
    import numpy as np

    if "rows beside" not in data.kept:
        every = -(-data.profile.rows // ROWS_BESIDE)
        names = [c.name for c in data.profile.columns if not is_wide(c)] if every > 1 else []
        columns = list(codes(data).of(names).columns.values())
        hashed = hashes(data, columns) if columns else []
        chosen = [row_hashes(rows, columns, hashed) % every == 0 for rows in parts(data.profile.rows)]
        data.kept["rows beside"] = np.flatnonzero(np.concatenate(chosen))
    places: Numbers = data.kept["rows beside"]
    return places


def _usual(other: Coded, groups: Numbers, said: Numbers, count: int) -> Numbers:
    """Per group the code that nearly all its rows have in another column; −1 for none."""
    import numpy as np

    there = ~other.nothing[said]
    width = len(other.values)
    combined, n = np.unique(groups[there] * width + said[there], return_counts=True)
    group, code = combined // max(width, 1), combined % max(width, 1)
    totals = np.bincount(group, weights=n, minlength=count)[group]
    nearly = (n >= NEARLY * totals) & (totals >= FEWEST)
    found = np.full(count + 1, -1)
    found[group[nearly]] = code[nearly]
    return found


def _votes(
    own: Coded, other: Coded, rows: Numbers, usual: Numbers, pairs: Mapping[str, str]
) -> Iterator[tuple[str, int]]:
    """What the cells of another column say for, or against, each rare value."""
    import numpy as np

    said = other.codes[rows].astype(np.int64)
    speaking = (usual >= 0) & (said >= 0)
    cells = np.stack([own.codes[rows].astype(np.int64), usual, said])[:, speaking]
    each, times = np.unique(cells, axis=1, return_counts=True)
    for (old_code, usual_code, said_code), n in zip(each.T.tolist(), times.tolist(), strict=True):
        old = own.values[old_code].as_py()
        weight = int(other.counts[usual_code] <= USUAL * own.codes.size)
        if usual_code != said_code:
            told = (other.values[said_code].as_py(), other.values[usual_code].as_py())
            weight = -(EXPLAINS if same_edit((old, pairs[old]), told) else weight)
        yield old, weight * n


def same_edit(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two pairs of texts differ by the same letters.

    >>> same_edit(("ak_hf-1", "al_hf-1"), ("ak", "al")), same_edit(("Bon", "Bonn"), ("ak", "al"))
    (True, False)
    """
    from rapidfuzz.distance import Levenshtein

    def edits(pair: tuple[str, str]) -> list[tuple[str, str]]:
        steps = Levenshtein.opcodes(*pair)
        return [
            (pair[0][s.src_start : s.src_end], pair[1][s.dest_start : s.dest_end]) for s in steps if s.tag != "equal"
        ]

    return edits(one) == edits(other)
