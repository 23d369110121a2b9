"""What a change is watched for: the queries of issues, of the contract's promises, and of gaps that do not exist yet.

How a query can be asked again over a table that does not exist depends on what it looks at. One that judges each row
by one column's value alone can be asked of values; one that judges each row by itself can be asked of the rows that
leave; one that lists row numbers is about what was found in them; every other must be asked of the whole table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from tasks.quality.model import ROW, Dataset, Issue

if TYPE_CHECKING:
    from tasks.quality.checks import ContractCheck

CONTRACT = "contract: "
"""What the name of a promise begins with."""


class Reach(Enum):
    """What a query looks at to judge one row."""

    VALUE = "the value of one column"
    ROW = "the row alone"
    LISTED = "a list of row numbers"
    TABLE = "other rows, too"


@dataclass(frozen=True)
class Watched:
    """One query whose count a change may alter.

    Attributes:
        name: an issue's id, or `contract: ` and the promise.
        sql: selects `_row`, `column`, `value` from `snapshot` (and `domains`).
        count: cells or rows that it selects now.
        columns: the columns that its cells are in; none where it selects whole rows.
        about: the columns that it is about.
        reads: the columns of the table that it may look at.
        misspelt: it lists words by their letters: in another case they are what they were.
    """

    name: str
    sql: str
    count: int
    columns: tuple[str, ...]
    about: tuple[str, ...]
    reads: frozenset[str]
    reach: Reach
    domains: bool = False
    misspelt: bool = False


def watched(
    data: Dataset, issues: Sequence[Issue], checks: Sequence[ContractCheck], gaps: Mapping[str, str]
) -> tuple[Watched, ...]:
    """Everything to watch: issues in their order, promises in theirs, then the columns that have no gap yet.

    Args:
        data: the table that the queries are about.
        issues: what was found in it.
        checks: the contract against it.
        gaps: column → id of the issue that gaps in it would raise, where there are none now.
    """
    found = [(i.id, i.sql, i.count, i.columns if i.unit == "cell" else (), i.columns) for i in issues if not i.failed]
    found += [(f"{CONTRACT}{c.title}", c.sql, c.failures, _cells_of(c), c.columns) for c in checks if c.sql]
    found += [(id, _gap_sql(column), 0, (column,), (column,)) for column, id in gaps.items()]
    words = {issue.id for issue in issues if issue.kind == "typo"}
    asked = (_watched(data.columns, *each) for each in found)
    return tuple(replace(each, misspelt=each.name in words) for each in asked)


def judges_values(names: Sequence[str], sql: str, about: tuple[str, ...]) -> bool:
    """Whether a query judges each row by the value of the one column that it is about, alone."""
    return _watched(names, "", sql, 0, about, about).reach is Reach.VALUE


def _watched(
    names: Sequence[str], name: str, sql: str, count: int, columns: tuple[str, ...], about: tuple[str, ...]
) -> Watched:
    bare, mentioned = _without_literals(sql)
    domains = "domains" in mentioned
    reads = frozenset(names) if domains else frozenset(names) & mentioned
    return Watched(name, sql, count, columns, about, reads, _reach(bare, reads, about), domains)


def _cells_of(check: ContractCheck) -> tuple[str, ...]:
    return check.columns if len(check.columns) == 1 and not check.rule else ()


@lru_cache(maxsize=1024)
def _gap_sql(column: str) -> str:
    import ibis

    from tasks.quality.profile import is_missing

    table = ibis.table({ROW: "int64", column: "string"}, name="snapshot")
    gaps = table.filter(is_missing(table[column])).select(ROW, column=ibis.literal(column), value=table[column])
    return str(ibis.to_sql(gaps, dialect="duckdb"))


_PART = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
_BEYOND_THE_ROW = re.compile(
    r"\b(?:WITH|JOIN|GROUP|OVER|DISTINCT|QUALIFY|HAVING|LIMIT|WINDOW|EXISTS|INTERSECT|EXCEPT|RECURSIVE|USING|PIVOT|"
    r"RANDOM|NOW|CURRENT_\w+)\b"
)
_FROM_TABLE = re.compile(r"\bFROM\s+\x01")
_FROM = re.compile(r"\bFROM\b")
_UNION = re.compile(r"\bUNION\b(\s+ALL\b)?")
_ROW_NAMED = re.compile(r"\x02(?!\s*(?:,|AS\s+\x02|FROM\b))(\s*\)?\s*(?:IN\b|=))?")


def _without_literals(sql: str) -> tuple[str, frozenset[str]]:
    r"""The query with its texts and names blanked out (the table as \x01, `_row` as \x02), and every name in it."""
    names: set[str] = set()

    def blank(found: re.Match[str]) -> str:
        if found[0].startswith("'"):
            return "''"
        name = found[0][1:-1].replace('""', '"')
        names.add(name)
        return {"snapshot": "\x01", ROW: "\x02"}.get(name, '""')

    return _PART.sub(blank, sql), frozenset(names)


def _reach(bare: str, reads: frozenset[str], about: tuple[str, ...]) -> Reach:
    """What a query looks at; where that is not certain, at the whole table."""
    unions = _UNION.findall(bare)
    froms, of_table = len(_FROM.findall(bare)), len(_FROM_TABLE.findall(bare))
    nested = len(re.findall(r"\bFROM\s+\(", bare))
    alone = of_table == 1 + len(unions) and froms == of_table + nested and all(unions)
    if _BEYOND_THE_ROW.search(bare) or not alone:
        return Reach.TABLE
    if judged := _ROW_NAMED.findall(bare):
        return Reach.LISTED if all(judged) else Reach.TABLE
    return Reach.VALUE if len(reads) == 1 and reads == frozenset(about) else Reach.ROW
