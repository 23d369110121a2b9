"""Values of one column that stand in another: strangers that are at home elsewhere, and values spilled to an end."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
from ibis import _

from tasks.quality.model import ROW, ColumnProfile, Dataset
from tasks.quality.profile import is_blank, is_missing, number
from tasks.quality.queries import apart, cells_of, only
from tasks.quality.words import NO_VALUE

MOST_STRANGERS = 2_000
SHARED = 0.5
"""Columns that share more of their values than this, as two times of day do, are of one sort: none is a stranger."""

FEWEST_SPILLED = 3
MOST_SPILLED = 500
"""Distinct values of a column that may have been spilled: codes, states, categories."""

MOST_WORDS = 4
MOST_SOURCES = 40
LONGEST_SPILL = 200
NUMERIC, HALF = 0.8, 0.5
"""Share of a column's values that are numbers where it is a column of numbers: if it looks like text, and if not."""

GAPS_SCREENED = 2_000


def strangers(data: Dataset, times: int) -> dict[tuple[str, str], list[str]]:
    """(where they stand, where they are at home) → values that are rare here and frequent there.

    A number is no stranger among numbers, and a word for null is at home in no column.
    """
    numeric = [c for c in data.profile.columns if _is_numeric(c)]
    odd = [c.name for c in numeric if c.numeric_count < c.present_count]
    blank = [c.name for c in data.profile.columns if c.blank_count]
    here = data.domains.filter(~data.domains.column.isin([c.name for c in numeric if c.name not in odd]))
    home = data.domains.filter(data.domains.n >= times).select(home="column", value="value", often="n")
    met = apart(here.join(home, "value").filter(_.column != _.home, _.n * times <= _.often))
    if odd:
        met = met.filter(~(met.column.isin(odd) & number(met.value).notnull()))
    if blank:
        met = met.filter(~(met.column.isin(blank) & is_blank(met.value)))
    found: dict[tuple[str, str], list[str]] = {}
    for cell in met.order_by("column", "home", "value").limit(50 * MOST_STRANGERS).to_pyarrow().to_pylist():
        if cell["value"].strip().lower() not in NO_VALUE:
            found.setdefault((cell["column"], cell["home"]), []).append(cell["value"])
    few = {pair: values for pair, values in found.items() if len(values) <= MOST_STRANGERS and pair[::-1] in found}
    alike = _of_one_sort(data, few) if few else set()
    return {pair: values for pair, values in few.items() if pair not in alike}


def _is_numeric(column: ColumnProfile) -> bool:
    """Whether a column is one of numbers, even if some cells are not."""
    share = NUMERIC if column.kind == "text" else HALF
    return column.numeric_count > share * column.present_count


def _of_one_sort(data: Dataset, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the pairs of columns that share most of their values."""
    met = data.domains.filter(data.domains.column.isin(sorted({name for pair in pairs for name in pair})))
    home = met.select(home="column", value="value")
    both = met.join(home, "value").filter(_.column != _.home).group_by("column", "home").agg(shared=_.count())
    distinct = {c.name: c.distinct_count for c in data.profile.columns}
    return {
        (pair["column"], pair["home"])
        for pair in both.to_pyarrow().to_pylist()
        if pair["shared"] > SHARED * min(distinct[pair["column"]], distinct[pair["home"]])
    }


def may_have_spilled(column: ColumnProfile) -> bool:
    """Whether a column has gaps, and few enough values to tell them at the end of other columns' cells."""
    listed = 2 <= column.distinct_count <= MOST_SPILLED  # noqa: PLR2004  (anything has one value)
    return listed and column.missing_count >= FEWEST_SPILLED and column.kind not in ("integer", "number", "boolean")


@dataclass(frozen=True)
class Spill:
    """Values of one column that stand behind those of another.

    Attributes:
        words: how many words they have.
        rows: how many rows have one.
        share: of the rows without a target.
        known: rows in which what would remain is a value that the source has elsewhere.
        cells: `_row`, `column`, `value` of both columns in these rows.
    """

    source: str
    target: str
    words: int
    rows: int
    share: float
    known: int
    cells: ibis.Table


def spill(
    data: Dataset, target: ColumnProfile, sources: Sequence[ColumnProfile], known: Collection[str], share: float
) -> Spill | None:
    """The spill from the column that most of the gaps point to.

    Args:
        data: the table.
        target: the column with gaps.
        sources: the columns whose cells may end with its values; the first is taken among equals, and of the first 40.
        known: the values.
        share: how many of the gaps it must explain at least, 0 to 1.
    """
    source, words, met = _likely(data, target, sources[:MOST_SOURCES], known)
    if met < share or _ending_anyway(data, target, source, words, known) > HALF * met:
        return None
    there = spilled(data, source, target.name, known, words)
    rows = int(there.count().to_pyarrow().as_py())
    if rows < max(FEWEST_SPILLED, share * target.missing_count):
        return None
    heads = there.select(head=head(there[source], words))
    elsewhere = data.domains.filter(data.domains.column == source).select(head="value")
    again = int(heads.semi_join(elsewhere, "head").count().to_pyarrow().as_py())
    cells = cells_of(there, (source, target.name))
    return Spill(source, target.name, words, rows, rows / target.missing_count, again, cells)


def _likely(
    data: Dataset, target: ColumnProfile, sources: Sequence[ColumnProfile], known: Collection[str]
) -> tuple[str, int, float]:
    """The source, how many words its last value has, and in what share of the first gaps it is so."""
    words = min(MOST_WORDS, max(len(text.split()) for text in known))
    table = only(data.table, (ROW, target.name, *(c.name for c in sources)))
    gaps = table.filter(is_missing(table[target.name])).order_by(ROW).limit(GAPS_SCREENED).to_pyarrow()
    tallies = [
        (_count_ending(gaps[source.name].to_pylist(), known, length), -place, -length)
        for place, source in enumerate(sources)
        for length in range(1, words + 1)
    ]
    met, place, length = max(tallies)
    return sources[-place].name, -length, met / max(gaps.num_rows, 1)


def _ending_anyway(data: Dataset, target: ColumnProfile, source: str, words: int, known: Collection[str]) -> float:
    """In what share of the first rows that have a target the source ends with one of its values ("FC Paris"), too."""
    table = only(data.table, (ROW, target.name, source))
    filled = table.filter(~is_missing(table[target.name])).order_by(ROW).limit(GAPS_SCREENED).to_pyarrow()
    return _count_ending(filled[source].to_pylist(), known, words) / max(int(filled.num_rows), 1)


def _count_ending(values: Sequence[str | None], known: Collection[str], words: int) -> int:
    """How many of the values end with a known one of so many words; what ends in other letters is not taken apart."""
    letters = min(map(len, known))
    endings = {text[-letters:] for text in known}
    likely = (value for value in values if value and value.rstrip()[-letters:] in endings)
    return sum(_tail_of(value, words) in known for value in likely)


def _tail_of(value: str, words: int) -> str:
    """A value's last words as they are written, if something stands before them."""
    found = re.search(_form(words), value) if len(value) <= LONGEST_SPILL else None
    return found[2] if found else ""


def spilled(data: Dataset, source: str, target: str, known: Collection[str], words: int) -> ibis.Table:
    """`_row` and both columns of the rows without a target whose source ends with one of its known values."""
    table = only(data.table, (ROW, target, source))
    ending = tail(table[source], words)
    return table.filter(is_missing(table[target]) & (ending != "") & ending.isin(sorted(known)))


def head(value: Any, words: int) -> Any:
    """What stands before a value's last words, as an expression."""
    return value.re_extract(_form(words), 1)


def tail(value: Any, words: int) -> Any:
    """A value's last words, if something stands before them, as an expression."""
    return value.re_extract(_form(words), 2)


def _form(words: int) -> str:
    return r"^(.*[^\s,;])[\s,;]+(" + r"\s+".join([r"\S+"] * words) + r")\s*$"
