"""Columns' distinct values, pulled out of the domains to be read one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ibis

from tasks.quality.model import Dataset
from tasks.quality.profile import is_blank
from tasks.quality.words import NO_VALUE

LONGEST = 200
"""Longer values are no numbers, dates or names."""


def has_letter(text: Any) -> Any:
    """Whether a value has a letter in any script, as names have."""
    return text.re_search(r"\p{L}")


def telling_values(
    data: Dataset,
    columns: Sequence[str],
    such: Callable[[Any], Any] = lambda text: ~is_blank(text),
    *,
    frequent_first: bool = False,
    least: int = 1,
) -> dict[str, dict[str, int]]:
    """Per column its distinct values with their counts, without words for null; one query for all columns.

    Args:
        data: the table.
        columns: whose values; each is in the result.
        such: which values, as an expression.
        frequent_first: in the order of their counts, else in that of the values.
        least: only values that occur so often.
    """
    found: dict[str, dict[str, int]] = {name: {} for name in columns}
    if not columns:
        return found
    value = data.domains.value
    there = data.domains.filter(data.domains.column.isin(list(columns)), such(value), value.length() <= LONGEST)
    if least > 1:
        there = there.filter(there.n >= least)
    keys = ("column", ibis.desc("n"), "value") if frequent_first else ("column", "value")
    table = there.order_by(*keys).to_pyarrow()
    for name, text, n in zip(*(table[c].to_pylist() for c in ("column", "value", "n")), strict=True):
        if text.strip().lower() not in NO_VALUE:
            found[name][text] = n
    return found


def rows_of(told: Iterable[tuple[str, int, object]]) -> int:
    """The rows that hold some values, each told with its rows and what was read from it."""
    return sum(n for _text, n, _read in told)
