"""Voting: tables in which several sources describe the same entities, and what most of them say."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa
import pyarrow.compute
from ibis import _
from pydantic import Field

from tasks.quality.codes import Coded, codes, count_single_pairs
from tasks.quality.model import ROW, CellWrites, ColumnProfile, Dataset, Effect
from tasks.quality.months import are_month_names
from tasks.quality.profile import is_missing
from tasks.quality.records import is_unique
from tasks.quality.registry import KindSettings
from tasks.quality.words import NO_VALUE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VOICE = math.lcm(*range(1, 17))
"""The weight of a source's vote, so that up to 16 sources that copy from one another share one voice exactly."""

FEWEST_SOURCES, MOST_SOURCES = 3, 1000
"""How many names a column must hold to be read as sources."""


class ConflictingSourceSettings(KindSettings):
    """What makes a table look like several sources' reports on the same things.

    Attributes:
        sources_per_entity: rows per entity, on average, from which voting makes sense.
        unique_share: share of rows that are their source's only word on their entity.
        agreement: in each other column, the share of values that the most frequent one of its entity has;
            it must also exceed what the column's own most frequent value would reach by this, halved.
        copied_cells: sources that agree in every one of at least so many cells count as one voice.
        minimum_votes: votes that a value needs to win.
    """

    sources_per_entity: float = Field(3, ge=2)
    unique_share: float = Field(0.98, gt=0, le=1)
    agreement: float = Field(0.5, gt=0, le=1)
    copied_cells: int = Field(100, ge=1)
    minimum_votes: int = Field(2, ge=1)


def source_pairs(data: Dataset, settings: ConflictingSourceSettings) -> list[tuple[str, str]]:
    """(entity, source) columns by which rows are nearly unique; at most ten are looked at."""
    rows = data.profile.rows
    slack = 2 - settings.unique_share
    filled = [c for c in data.profile.columns if c.distinct_count > 1 and c.missing_rate <= 1 - settings.unique_share]
    entities = [c for c in filled if c.distinct_count * settings.sources_per_entity <= rows]
    named = [c for c in filled if c.kind == "text" and FEWEST_SOURCES <= c.distinct_count <= MOST_SOURCES]
    sources = [c for c in named if not _are_periods(c)]
    likely = [
        (e.name, s.name)
        for e in entities
        for s in sources
        if e is not s
        and e.distinct_count * s.distinct_count >= settings.unique_share * rows
        and e.top[0][1] <= s.distinct_count * slack
        and s.top[0][1] <= e.distinct_count * slack
    ]
    least = settings.unique_share * rows
    return [pair for pair in likely[:10] if _only_word(data, pair, least) >= least]


_PERIODS = frozenset(
    ["", *"yqmwdh", "fy", "kw", "wk", "year", "quarter", "month", "week", "day", "visit", "wave", "period"]
)
"""What periods are numbered with: 2024-07, W09, Q3, month 3."""


def _are_periods(column: ColumnProfile) -> bool:
    """Whether names are of months, or most of numbered periods.

    >>> from types import SimpleNamespace as Column
    >>> [_are_periods(Column(top=[(name, 1) for name in names])) for names in (["W08", "W09"], ["site 1", "site 2"])]
    [True, False]
    """
    names = [name for name, _n in column.top]
    numbered = [name for name in names if re.search("[0-9]", name)]
    words = {re.sub(r"[\W\d_]", "", name).casefold() for name in numbered}
    return (2 * len(numbered) > len(names) and words <= _PERIODS) or are_month_names(frozenset(names))


def _only_word(data: Dataset, pair: tuple[str, str], least: float) -> int:
    one, other = codes(data).of(pair).columns.values()
    return count_single_pairs(one, other, least)


def described_columns(
    data: Dataset, entity: str, source: str, settings: ConflictingSourceSettings
) -> tuple[str, ...] | None:
    """The columns that sources disagree on; None when some column is not about the entity at all."""
    others = [
        c for c in data.profile.columns if c.name not in (entity, source) and c.distinct_count > 1 and not is_unique(c)
    ]
    if not others:
        return None
    names = [c.name for c in others]
    by_source = _majority_share(data, source, names)
    about = [c for c in others if by_source.get(c.name, 1.0) < settings.unique_share]
    share = _majority_share(data, entity, [c.name for c in about])
    for c in about:
        usual = c.top[0][1] / (c.rows - c.null_count)
        if share.get(c.name, 0.0) < max(settings.agreement, (1 + usual) / 2):
            return None
    return tuple(c.name for c in about if share[c.name] < 1) or None


def statements(
    table: ibis.Table, entity: str, source: str, columns: Sequence[str], shapes: Mapping[str, str]
) -> ibis.Table:
    """`_row`, `entity`, `source`, `column`, `value`, `written` of every cell that holds something."""
    cells = [
        ibis.struct({"column": name, "value": _said(table[name], shapes.get(name)), "written": table[name]})
        for name in columns
    ]
    long = table.select(ROW, entity=table[entity], source=table[source], cell=ibis.array(cells).unnest())
    return long.unpack("cell").filter(
        ~is_missing(_.value), ~is_missing(_.entity), ~_.value.lower().isin(sorted(NO_VALUE))
    )


def _said(text: Any, shape: str | None) -> Any:
    """The part of a value that has its column's usual shape, else the value."""
    return text if shape is None else text.re_search(shape).ifelse(text.re_extract(shape, 0), text)


def _majority_share(data: Dataset, group: str, columns: Sequence[str]) -> dict[str, float]:
    """Per column the share of what is said in it that the most frequent value of its group has, 0 to 1."""
    import numpy as np

    table = codes(data).of([group, *columns]).columns
    own = table[group]
    grouped = ~own.nothing[own.codes]
    shares: dict[str, float] = {}
    for name in columns:
        said = grouped & ~_silent(table[name])[table[name].codes]
        pairs = own.codes[said].astype(np.int64) * len(table[name].values) + table[name].codes[said]
        votes, n = np.unique(pairs, return_counts=True)
        if votes.size:
            first = np.flatnonzero(np.diff(votes // len(table[name].values), prepend=-1))
            shares[name] = int(np.maximum.reduceat(n, first).sum()) / int(n.sum())
    return shares


def _silent(column: Coded) -> NDArray[np.bool_]:
    """Per value whether it says nothing, as null, which is the last one."""
    import numpy as np

    words = pa.compute.is_in(pa.compute.utf8_lower(column.values), pa.array(sorted(NO_VALUE)))
    found: NDArray[np.bool_] = column.nothing | np.r_[words.to_numpy(zero_copy_only=False), False]
    return found


def dominant_shapes(data: Dataset, columns: Sequence[str]) -> dict[str, str]:
    """Per column, a pattern of the shape that most values have, when that says more than "a word, a number"."""
    domain = data.domains.filter(data.domains.column.isin(columns))
    shape = domain.value.re_replace("[0-9]+", "9").re_replace("[A-Za-z]+", "a")
    counts = (
        domain.mutate(shape=shape).group_by("column", "shape").agg(n=_.n.sum()).order_by("column", _.n.desc(), "shape")
    )
    shapes: dict[str, str] = {}
    for record in counts.to_pyarrow().to_pylist():
        name = record["column"]
        usual = record["n"] * 2 > data.profile.column(name).present_count
        if usual and re.search(r"9[^9a\s]+9", record["shape"]):
            shapes[name] = _pattern(record["shape"])
    return shapes


def _pattern(shape: str) -> str:
    r"""A regular expression of a shape, in the dialect that all engines share.

    >>> _pattern("9:9 a.a.")
    '[0-9]+:[0-9]+ [A-Za-z]+\\.[A-Za-z]+\\.'
    """
    parts = {"9": "[0-9]+", "a": "[A-Za-z]+"}
    return "".join(parts.get(char, re.sub(r"[][\\.+*?(){}|^$]", r"\\\g<0>", char)) for char in shape)


def copying(long: ibis.Table, least: int) -> dict[str, int]:
    """The weight of each source that agrees with others in every cell they share, of which are `least` or more."""
    word = long.group_by("entity", "column", "source").agg(value=_.value.min())
    other = word.view()
    met = word.join(
        other, [word.entity == other.entity, word.column == other.column, word.source != other.source]
    ).select(source=word.source, other=other.source, same=word.value == other.value)
    pairs = met.group_by("source", "other").agg(n=_.count(), same=_.same.sum())
    alike = pairs.filter(_.n >= least, _.n == _.same).group_by("source").agg(copies=_.count()).order_by("source")
    return {record["source"]: VOICE // (1 + record["copies"]) for record in alike.to_pyarrow().to_pylist()}


def winners(
    long: ibis.Table, copies: Mapping[str, int], minimum_votes: int, shapes: Mapping[str, str], majority: float = 0
) -> ibis.Table:
    """`entity`, `column`, `said`: the value with most votes, where no other has as many.

    Args:
        long: what sources say (`statements`).
        copies: the weights of sources that copy (`copying`).
        minimum_votes: how many must say it.
        shapes: the usual shape of a column's values; what has another is no candidate.
        majority: the share of all voices that it needs, 0 to 1.
    """
    group = ["entity", "column"]
    votes = _votes(long, copies).group_by(*group, "value").agg(weight=_.weight.sum(), n=_.count())
    votes = votes.mutate(voices=_.weight.sum().over(group_by=group))
    for name, shape in shapes.items():
        votes = votes.filter((_["column"] != name) | _["value"].re_search(f"^(?:{shape})$"))
    most = votes.mutate(most=_.weight.max().over(group_by=group)).filter(_.weight == _.most)
    alone = most.group_by(*group).agg(
        said=_.value.min(), n=_.n.max(), tied=_.count(), share=_.most.max() / _.voices.max()
    )
    return alone.filter(_.tied == 1, _.n >= minimum_votes, _.share >= majority).select(*group, "said")


def disputed_share(long: ibis.Table) -> float:
    """How much of what several sources tell they tell differently, 0 to 1."""
    told = long.group_by("entity", "column").agg(n=_.count(), values=_.value.nunique()).filter(_.n > 1)
    (found,) = told.agg(n=_.count(), disputed=(_.values > 1).sum()).to_pyarrow().to_pylist()
    return int(found["disputed"] or 0) / found["n"] if found["n"] else 0.0


def closest(long: ibis.Table, trusted: str) -> ibis.Table:
    """`entity`, `column`, `said`: the trusted source's value; where it is silent, that of its closest peer.

    Sources rank by the share of cells in which they agree with the trusted one, two more counted as half right.
    """
    word = long.group_by("entity", "column", "source").agg(value=_.value.min(), values=_.value.nunique())
    word = word.filter(_.values == 1).drop("values")
    truth = word.filter(word.source == trusted).select("entity", "column", truth="value")
    met = word.join(truth, ["entity", "column"]).group_by("source").agg(same=(_.value == _.truth).sum(), n=_.count())
    ranked = met.select("source", rank=ibis.ifelse(_.source == trusted, 2.0, (_.same + 1) / (_.n + 2)))
    place = ibis.row_number().over(group_by=["entity", "column"], order_by=[ibis.desc("rank"), "source"])
    best = word.join(ranked, "source").mutate(place=place).filter(_.place == 0)
    return best.select("entity", "column", said="value")


def outvoted(long: ibis.Table, winners: ibis.Table, copies: Mapping[str, int]) -> ibis.Table:
    """The cells that differ from what most say; all that say something where nobody wins.

    Beside `_row`, `column`, `value`: whether its dispute is `settled`, and the share of voices `against` the cell.
    """
    group = ["entity", "column"]
    votes = _votes(long, copies).group_by(*group, "value").agg(own=_.weight.sum())
    voices = votes.mutate(voices=_.own.sum().over(group_by=group))
    spread = long.group_by(*group).agg(spread=_.value.nunique()).filter(_.spread > 1)
    disputed = long.join(spread, group).inner_join(voices, [*group, "value"]).left_join(winners, group)
    against = disputed.filter(_.said.isnull() | (_.said != _.written))
    return against.select(ROW, "column", value="written", settled=_.said.notnull(), against=1 - _.own / _.voices)


def silent(data: Dataset, p: tuple[str, str, Sequence[str]], long: ibis.Table, winners: ibis.Table) -> ibis.Table:
    """The cells in which a source says nothing where others elect a value, or are in dispute; as `outvoted`.

    `p` are the columns of the entity and the source, and those that are described.
    """
    entity, _source, columns = p
    group = ["entity", "column"]
    cells = [ibis.struct({"column": name, "value": data.table[name]}) for name in columns]
    every = data.table.select(ROW, entity=data.table[entity], cell=ibis.array(cells).unnest()).unpack("cell")
    gaps = every.anti_join(long, [ROW, "column"])
    spread = long.group_by(*group).agg(spread=_.value.nunique()).filter(_.spread > 1).select(*group)
    told = gaps.semi_join(ibis.union(spread, winners.select(*group)), group).left_join(winners, group)
    return told.select(ROW, "column", "value", settled=_.said.notnull(), against=ibis.literal(1.0))


def agreement(long: ibis.Table, winners: ibis.Table, most: int = 12) -> list[tuple[str, int, int]]:
    """How much of what is elected each source says: its name, cells in which it agrees, cells; the likest first.

    They are in order of the share of cells that agree, two more counted as half right.
    """
    met = long.join(winners, ["entity", "column"]).group_by("source")
    told = met.agg(same=(_.value == _.said).sum(), n=_.count()).mutate(rank=(_.same + 1) / (_.n + 2))
    first = told.order_by(_["rank"].desc(), "source").limit(most).to_pyarrow().to_pylist()
    return [(record["source"], int(record["same"]), int(record["n"])) for record in first]


def _votes(long: ibis.Table, copies: Mapping[str, int]) -> ibis.Table:
    """What sources say, each with the `weight` of its voice."""
    voice = ibis.literal(VOICE, "int64")
    return long.mutate(weight=long.source.cases(*copies.items(), else_=voice) if copies else voice)


def dictated(table: ibis.Table, entity: str, columns: Iterable[str], word: ibis.Table) -> tuple[Effect, ...]:
    """Write `said` of `word` (`entity`, `column`, `said`) into all rows of its entity."""
    return tuple(CellWrites(name, _written(table, entity, name, word)) for name in columns)


def _written(table: ibis.Table, entity: str, column: str, word: ibis.Table) -> ibis.Table:
    said = word.filter(word.column == column).select("entity", after="said")
    cells = table.select(ROW, entity=table[entity], before=table[column]).join(said, "entity")
    return cells.filter(_.before.isnull() | (_.before != _.after)).select(ROW, "after")
