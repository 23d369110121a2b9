"""Records: which rows belong together, which of them stays, and how alike rows are by chance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import ibis
from ibis import _

from tasks.quality.errors import AnswerError, did_you_mean
from tasks.quality.model import (
    ROW,
    CellWrites,
    ColumnProfile,
    Dataset,
    Disposition,
    Effect,
    RowExits,
)
from tasks.quality.profile import is_missing, number
from tasks.quality.queries import kept, only, union

Rule: TypeAlias = Literal["most_frequent", "longest", "first", "last", "max", "min"]
"""Which of a group's values survives."""


SPACES = r"[\s\x0b\x1c-\x1f\x85\p{Z}]+"
"""White space in the sense of Unicode, however much of it."""

N, AT, INTO = "__n", "__at", "__into"
"""Names of computed columns that stand beside a source's own: a count, a place in a group, the row that stays."""


def sharing(data: Dataset, by: Sequence[str]) -> ibis.Table:
    """`grouped`, of one column found with the value domains, which need not be counted again."""
    if len(by) > 1:
        return grouped(data, by)
    (name,) = by
    found = _coming_back(data, name)
    return found.filter(~is_missing(found[name])) if data.profile.column(name).blank_count else found


def grouped(data: Dataset, by: Sequence[str]) -> ibis.Table:
    """The rows whose values of `by` are all there and occur more than once."""
    table = data.table
    gaps = [table[name] for name in by if data.profile.column(name).missing_count]
    present = table.filter(*[~is_missing(value) for value in gaps]) if gaps else table
    repeated = present.group_by(*by).agg(**{N: _.count()}).filter(_[N] > 1)
    return present.semi_join(repeated, list(by))


def repeats(data: Dataset, *, by_domains: bool = False) -> ibis.Table:
    """`_row`, `first`, `last`: every row that equals another in all columns, and the first and last of its like.

    Args:
        data: the table.
        by_domains: ask the value domains for what comes back, which need not be counted again for it.
    """
    likely = _likely_alike(data, by_domains=by_domains)
    same = ibis.window(group_by=list(data.columns))
    found = likely.select(ROW, first=likely[ROW].min().over(same), last=likely[ROW].max().over(same))
    return found.filter(_["first"] != _["last"])


def _likely_alike(data: Dataset, *, by_domains: bool) -> ibis.Table:
    """Some of the rows, among which are all that equal another.

    Those whose value comes back in the column that tells most rows apart; where none tells half of them apart, those
    whose hash of all columns does.
    """
    table = data.table
    telling = max(data.profile.columns, key=lambda column: column.distinct_count)
    if 2 * telling.distinct_count >= data.profile.rows:
        if by_domains:
            gaps = [table.filter(table[telling.name].isnull())] if telling.null_count > 1 else []
            return union([_coming_back(data, telling.name), *gaps])
        own = only(table, (telling.name,))
        repeated = own.group_by(telling.name).agg(**{N: _.count()}).filter(_[N] > 1).select(value=telling.name)
        return table.semi_join(repeated, table[telling.name].identical_to(repeated["value"]))
    columns = {f"f{i}": table[name] for i, name in enumerate(data.columns)}
    hashed = table.mutate(**{N: ibis.struct(columns).hash()})
    alike = hashed.group_by(N).agg(copies=_.count()).filter(_.copies > 1)
    return hashed.semi_join(alike, N)


MOST_KEPT = 100_000
"""Rows that are kept to be asked again: all their columns."""


def _coming_back(data: Dataset, name: str) -> ibis.Table:
    """The rows whose value of a column another one holds, too, null aside; few are found but once."""
    values = data.domains.filter(data.domains["column"] == name, data.domains.n > 1).select("value")
    found, column = data.table.semi_join(values, [(name, "value")]), data.profile.column(name)
    most = 2 * (column.rows - column.null_count - column.distinct_count)
    return kept(data, found) if most <= MOST_KEPT else found


def placed_in(members: ibis.Table, by: Sequence[str], order: str | None, *, last: bool) -> ibis.Table:
    """The members with `AT`, their place in their group, and `INTO`, the `_row` of the group's first (or last).

    Ordered by number, then text, then position; what cannot be ordered comes first.
    """
    keys = [members[ROW]] if order is None else [number(members[order]), members[order], members[ROW]]
    ranking = [key.desc() if last else key.asc(nulls_first=True) for key in keys]
    window = ibis.window(group_by=list(by), order_by=ranking)
    return members.mutate(**{AT: ibis.row_number().over(window), INTO: members[ROW].first().over(window)})


def leaving(members: ibis.Table) -> ibis.Table:
    """The members that are not the one their group goes into: `_row`, `into`."""
    return members.filter(_[ROW] != _[INTO]).select(ROW, into=INTO)


def merged(data: Dataset, members: ibis.Table, default: Rule, rules: Mapping[str, Rule]) -> tuple[Effect, ...]:
    """Write each group's surviving values into the row it goes `into`, and take the other members out."""
    check_columns(data, rules)
    writes = [
        CellWrites(name, _surviving(data.table, members, name, rules.get(name, default)))
        for name in _differing(members, data.columns)
    ]
    return (*writes, RowExits(Disposition.MERGED, leaving(members), "merged into another row of the same thing"))


def _differing(members: ibis.Table, columns: Sequence[str]) -> list[str]:
    """The columns in which some group has more than one value, or a gap beside a value."""
    values = {f"v{i}": is_missing(members[name]).ifelse("", members[name]) for i, name in enumerate(columns)}
    spread = members.select(INTO, **values).group_by(INTO).agg(**{v: _[v].nunique() > 1 for v in values})
    (found,) = spread.agg(**{v: spread[v].any() for v in values}).to_pyarrow().to_pylist()
    return [name for i, name in enumerate(columns) if found[f"v{i}"]]


def _surviving(table: ibis.Table, members: ibis.Table, column: str, rule: Rule) -> ibis.Table:
    """`_row`, `after`: the value of a column that survives in each group, where the survivor has another."""
    said = members.filter(~is_missing(members[column])).select(into=INTO, at=AT, value=members[column])
    tally = said.group_by("into", "value").agg(n=_.count(), first=_["at"].min(), last=_["at"].max())
    best = tally.mutate(rank=ibis.row_number().over(group_by="into", order_by=_ranking(tally, rule)))
    best = best.filter(_["rank"] == 0).select("into", after="value")
    changed = best.join(table.select(ROW, before=table[column]), [("into", ROW)])
    return changed.filter(_.before.isnull() | (_.before != _.after)).select(_["into"].name(ROW), "after")


def _ranking(tally: ibis.Table, rule: Rule) -> list[Any]:
    """What makes one value better than another; ties are settled by the values, never by position."""
    value, length = tally.value, tally.value.length()
    return {
        "most_frequent": [tally.n.desc(), length.desc(), value],
        "longest": [length.desc(), tally.n.desc(), value],
        "first": [tally["first"]],
        "last": [tally["last"].desc()],
        "max": [number(value).desc(), value.desc()],
        "min": [number(value), value],
    }[rule]


def components(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Each paired row and the first row it is connected with.

    >>> components([(4, 2), (2, 7), (8, 9)])
    {4: 2, 2: 2, 7: 2, 8: 8, 9: 8}
    """
    parent: dict[int, int] = {}

    def root(row: int) -> int:
        while parent.setdefault(row, row) != row:
            row = parent[row]
        return row

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return {row: root(row) for row in parent}


def chance_of_agreement(data: Dataset) -> dict[str, float]:
    """Per column, how often two rows picked at random hold the same."""
    rows = max(data.profile.rows, 1)
    squares = data.domains.group_by("column").agg(pairs=(_.n.cast("float64") * _.n).sum())
    found = {record["column"]: record["pairs"] for record in squares.to_pyarrow().to_pylist()}
    return {c.name: (found.get(c.name, 0.0) + float(c.null_count) ** 2) / rows**2 for c in data.profile.columns}


def pairs_by_chance(data: Dataset, columns: Iterable[str]) -> float:
    """Pairs of rows that would agree if values fell independently, by the three most telling columns only."""
    chance = chance_of_agreement(data)
    telling = sorted(chance[name] for name in columns)[:3]
    return math.comb(data.profile.rows, 2) * math.prod(telling)


def plain_text(text: Any) -> Any:
    """A value without its case and its spacing."""
    return text.lower().re_replace(SPACES, " ").strip()


def is_unique(column: ColumnProfile) -> bool:
    """Whether a column tells all rows apart."""
    return column.rows > 1 and column.distinct_count == column.rows and not column.blank_count


def is_numbering(column: ColumnProfile) -> bool:
    """Whether a unique column does no more than count the rows."""
    whole = column.kind == "integer" and column.minimum is not None and column.maximum is not None
    return whole and column.maximum - column.minimum + 1 == column.rows  # type: ignore[operator]


def check_columns(data: Dataset, names: Iterable[str]) -> None:
    """Raise when a column is not in the table.

    Raises:
        AnswerError: names the columns there are.
    """
    for name in names:
        if name not in data.columns:
            raise AnswerError(
                f"no column '{name}'", where="the table", available=data.columns, todo=did_you_mean(name, data.columns)
            )


def whole_rows(table: ibis.Table) -> ibis.Table:
    """A finding's `cells` for whole rows."""
    return table.select(ROW, column=ibis.null("string"), value=ibis.null("string"))


def count_rows(table: ibis.Table) -> int:
    """The number of rows."""
    return int(table.count().to_pyarrow().as_py())
