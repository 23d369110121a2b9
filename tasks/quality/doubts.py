"""Rows that differ from what their groups say, found on the codes of columns (`tasks.quality.codes`).

It is what `tasks.quality.ballot.votes_sql` asks, but for the text: all rows are compared as numbers, and only what is
known about the few doubted ones goes to the engine, which weighs them by the very same query.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from tasks.quality.ballot import GROUP, votes_of_doubted, votes_sql
from tasks.quality.codes import Coded, CodedRows, blank_codes, codes
from tasks.quality.model import ROW, Dataset
from tasks.quality.queries import kept, lent, text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.quality.codes import Numbers

DENSE = 4_000_000
"""Pairs of codes that are counted in one array, without sorting them."""

TOLD = ("n", "total", "most")


@dataclass(frozen=True)
class Ballot:
    """Whose cells are voted on, and by what.

    Attributes:
        determinants: each with the columns that make its groups, and how often its groups are right, 0 to 1.
        blank: columns that hold blank values, which are gaps.
        least: cells that are wrong with at least this confidence are suspect.
    """

    column: str
    determinants: tuple[tuple[tuple[str, ...], float], ...]
    blank: frozenset[str]
    least: float = 0.0

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All that it reads."""
        return tuple(dict.fromkeys((self.column, *(c for columns, _weight in self.determinants for c in columns))))

    @cached_property
    def sql(self) -> str:
        """The query for the votes, of the whole table."""
        return votes_sql(self.column, self.determinants, self.blank)


def doubted(ballot: Ballot, table: CodedRows) -> dict[str, pa.Table]:
    """What `ballot.votes_of_doubted` reads: the doubted rows with what their groups say; how frequent values are."""
    import numpy as np

    coded = table.columns
    own = coded[ballot.column]
    before = _present(ballot.column, coded, ballot.blank)
    groups = [_Groups(_key(columns, coded, ballot.blank), before) for columns, _weight in ballot.determinants]
    at = np.flatnonzero(_any([group.differing() for group in groups], before.size))
    told: dict[str, Any] = {ROW: table.rows[at], "written": own.told(own.codes[at]), "before": own.told(before[at])}
    values = [before[at]]
    for i, group in enumerate(groups):
        about = group.of(at)
        told |= {f"{name}{i}": pa.array(about[name], mask=about["n"] == 0) for name in TOLD}
        told[f"usual{i}"] = own.told(about["usual"])
        values.append(about["usual"])
    known = np.unique(np.concatenate(values))
    known = known[known >= 0]
    return {"doubted": pa.table(told), "known": pa.table({"value": own.told(known), "n": own.counts[known]})}


def votes_on(data: Dataset, ballot: Ballot) -> ibis.Table:
    """`_row`, `before`, `after`, `confidence` of every cell that some group says otherwise, computed once."""
    if ballot.sql not in data.kept:
        found = doubted(ballot, codes(data).of(ballot.columns))
        names = {name: f"_{name}" for name in found}
        connection = data.table.get_backend().con
        with lent(connection, {names[name]: table for name, table in found.items()}):
            return kept(data, ballot.sql, _tail(ballot, names))
    return kept(data, ballot.sql)


def suspects_sql(data: Dataset, ballot: Ballot) -> str:
    """The query for the cells that are suspect; it is remembered what it asks."""
    told = f'{ROW}, {text(ballot.column)} AS "column", before AS "value"'
    sql = f"SELECT {told} FROM ({ballot.sql}) AS votes WHERE confidence >= {ballot.least!r}"
    data.kept[_BALLOT + sql] = ballot
    return sql


def ballot_of(data: Dataset, sql: str) -> Ballot | None:
    """What a query of `suspects_sql` asks."""
    return data.kept.get(_BALLOT + sql)


def count_suspects(connection: Any, ballot: Ballot, table: CodedRows) -> int:
    """How many cells of a table are suspect."""
    found = doubted(ballot, table)
    if not found["doubted"].num_rows:
        return 0
    names = {name: f"_{name}" for name in found}
    with lent(connection, {names[name]: table for name, table in found.items()}):
        asked = f"SELECT count(*) FROM ({_tail(ballot, names)}) WHERE confidence >= {ballot.least!r}"
        return int(connection.execute(asked).fetchone()[0])


_BALLOT = "ballot: "


def _tail(ballot: Ballot, names: Mapping[str, str]) -> str:
    """The query for the votes, of the doubted rows alone."""
    return votes_of_doubted([weight for _columns, weight in ballot.determinants], names["doubted"], names["known"])


def _any(masks: Sequence[NDArray[np.bool_]], size: int) -> NDArray[np.bool_]:
    import numpy as np

    found = np.zeros(size, bool)
    for mask in masks:
        found |= mask
    return found


def _present(name: str, coded: Mapping[str, Coded], blank: Collection[str]) -> Numbers:
    """A column's codes, −1 where it holds nothing."""
    import numpy as np

    column = coded[name]
    if name not in blank:
        return column.codes
    nothing = blank_codes(column)
    return (
        np.where(np.isin(column.codes, nothing), column.codes.dtype.type(-1), column.codes)
        if nothing.size
        else column.codes
    )


def _key(columns: Sequence[str], coded: Mapping[str, Coded], blank: Collection[str]) -> Numbers:
    """What rows of one group share, as one number; −1 where the first column is missing."""
    import numpy as np

    first, *others = columns
    key = _present(first, coded, blank)
    for name in others:
        more = coded[name]
        empty = more.values.index("").as_py()  # null and nothing make the same group
        codes = np.where(more.codes == empty, -1, more.codes) if empty >= 0 else more.codes
        width = len(more.values) + 1
        both = np.where(key >= 0, key.astype(np.int64) * width + codes + 1, -1)
        key = (
            both
            if both.max(initial=0) <= max(DENSE, both.size)
            else np.unique(both, return_inverse=True)[1] - int(both.min() < 0)
        )
    return key


class _Groups:
    """The rows grouped by one determinant, and what each group says of the column; −1 is said, too."""

    def __init__(self, key: Numbers, said: Numbers) -> None:
        import numpy as np

        self._key, self._there = key, key >= 0
        self._said = said
        size = int(key.max(initial=-1)) + 1
        self._total = np.bincount(key[self._there] if not self._there.all() else key, minlength=size)
        some = np.zeros(size + 1, said.dtype)
        some[key] = said
        split = np.zeros(size + 1, bool)
        split[key[some[key] != said]] = True
        split[-1] = False  # rows without a key
        self._split = split
        self._width = int(said.max(initial=-1)) + 2
        self._rows = np.flatnonzero(split[key])
        self._pairs(self._keys(self._rows), size)

    def _keys(self, rows: Numbers) -> Numbers:
        import numpy as np

        return self._key[rows].astype(np.int64) * self._width + self._said[rows] + 1

    def _pairs(self, keys: Numbers, size: int) -> None:
        """Each split group's values with their rows; which of them is most frequent, and whether the group tells."""
        import numpy as np

        if size * self._width <= DENSE:
            counted = np.bincount(keys)
            self._pair = np.flatnonzero(counted)
            self._n = counted[self._pair]
        else:
            self._pair, self._n = np.unique(keys, return_counts=True)
        group = self._pair // self._width
        starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if group.size else group
        most = np.maximum.reduceat(self._n, starts) if group.size else self._n
        self._most = np.zeros(size, np.int64)
        self._most[group[starts]] = most
        self._usual = np.full(size, -1, np.int64)
        usual = self._n == self._most[group]
        self._usual[group[usual]] = self._pair[usual] % self._width - 1
        telling = (self._total >= GROUP) & (5 * self._most >= 4 * (self._total - 1))
        self._differs = telling[group] & (self._n < self._most[group])

    def _place(self, keys: Numbers) -> Numbers:
        import numpy as np

        return np.searchsorted(self._pair, keys)

    def differing(self) -> NDArray[np.bool_]:
        """Whether each row differs from what its group says."""
        import numpy as np

        found = np.zeros(self._key.size, bool)
        if self._differs.any():
            found[self._rows] = self._differs[self._place(self._keys(self._rows))]
        return found

    def of(self, rows: Numbers) -> dict[str, Numbers]:
        """Of each row: rows of its group that say the same (0 without a group), all rows, and the commonest value's."""
        import numpy as np

        key, said = self._key[rows].astype(np.int64), self._said[rows].astype(np.int64)
        there, split = key >= 0, self._split[key]
        total = np.where(there, self._total[key] if self._total.size else 0, 0)
        found = {"n": total.copy(), "total": total, "most": total.copy(), "usual": np.where(there, said, -1)}
        inside = np.flatnonzero(split)
        if inside.size:
            found["n"][inside] = self._n[self._place(self._keys(rows[inside]))]
            found["most"][inside] = self._most[key[inside]]
            found["usual"][inside] = self._usual[key[inside]]
        return found
