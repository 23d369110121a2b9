"""What a pilot can do about any issue: keep it, flag it, quarantine or drop its rows, map or overwrite its values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import ibis
from ibis import _
from pydantic import Field

from tasks.quality.errors import AnswerError, did_you_mean
from tasks.quality.model import (
    ROW,
    CellWrites,
    ColumnAdd,
    Dataset,
    Disposition,
    Effect,
    Issue,
    Option,
    Preview,
    RowExits,
    ValueMap,
)
from tasks.quality.queries import suspects
from tasks.quality.registry import Parameters, remedy
from tasks.quality.wording import plural


class Keep(Parameters):
    """Attributes: reason: why the issue is accepted; it is written into the ledger."""

    reason: str = ""


class Flag(Parameters):
    """Attributes: column: name of the new column, "true" in suspect rows and "false" elsewhere."""

    column: str = ""


class Edits(Parameters):
    """A pilot's changes to a table of old and new values, for every remedy that is such a table.

    Attributes:
        exclude: old values that stay as they are.
        change: old value → the new value that the pilot wants instead; null empties the cell.
    """

    exclude: tuple[str, ...] = ()
    change: Mapping[str, str | None] = Field(default_factory=dict)


class Replacements(Edits):
    """Attributes: values: old value → new value; null empties the cell."""

    values: Mapping[str, str | None] = Field(min_length=1)


class OneValue(Parameters):
    """Attributes: value: what is written into every suspect cell."""

    value: str = Field(min_length=1)


@remedy("Replace values", parameters=Replacements)
def map_values(data: Dataset, issue: Issue, p: Replacements) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Write the new value wherever the issue's column holds an old one."""
    return (edited(issue.columns[0], p.values, p),)


def edited(column: str, values: Mapping[str, str | None], edits: Edits, *, personal: bool = False) -> ValueMap:
    """The value map with the pilot's edits; values that would become themselves are left out.

    Raises:
        AnswerError: an edit names an old value that the map does not have; quotes none where they are `personal`.
    """
    for old in (*edits.exclude, *edits.change):
        if old not in values:
            raise not_replaced(old, values, column, personal=personal)
    wanted = {**values, **edits.change}
    return ValueMap(column, tuple((old, new) for old, new in wanted.items() if new != old and old not in edits.exclude))


def not_replaced(old: str, values: Iterable[str], where: str, *, personal: bool) -> AnswerError:
    """What to say of an old value that a table does not have; values of `personal` data are not quoted."""
    exactly = "old values are written exactly as they are in the data"
    if personal:
        what = "a value is not among those that are replaced, which are personal data"
        return AnswerError(what, where=where, todo=f"{exactly}; gonogo map RUN ISSUE --personal writes them")
    known, what = sorted(values), f"'{old}' is not among the values that are replaced"
    return AnswerError(what, where=where, available=known[:20], todo=did_you_mean(old, known) or exactly)


@remedy("Suspect values to null")
def suspects_to_null(data: Dataset, issue: Issue, p: Parameters) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Write null into every suspect cell."""
    return _overwritten(data, issue, None)


@remedy("One value for suspect cells", parameters=OneValue)
def suspects_to_value(data: Dataset, issue: Issue, p: OneValue) -> tuple[Effect, ...]:
    """Write one value into every suspect cell."""
    return _overwritten(data, issue, p.value)


def _overwritten(data: Dataset, issue: Issue, value: str | None) -> tuple[Effect, ...]:
    found, after = suspects(data, issue), ibis.literal(value, "string")
    return tuple(CellWrites(c, found.filter(_.column == c).select(ROW, after=after)) for c in issue.columns)


@remedy("Keep as it is", parameters=Keep)
def keep(data: Dataset, issue: Issue, p: Keep) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Accept the issue; nothing is changed."""
    return ()


@remedy("Flag", parameters=Flag)
def flag(data: Dataset, issue: Issue, p: Flag) -> tuple[Effect, ...]:
    """Add a column that is "true" in suspect rows and "false" in the others."""
    name = free_name(p.column or _flag_name(issue), data.table.columns)
    return (ColumnAdd(name, suspect_rows(data, issue), "true", "false"),)


@remedy("Quarantine rows")
def quarantine(data: Dataset, issue: Issue, p: Parameters) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Take the suspect rows out into quarantine, with the reason; they can come back."""
    return (_exits(data, issue, Disposition.QUARANTINED),)


@remedy("Drop rows")
def drop(data: Dataset, issue: Issue, p: Parameters) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Take the suspect rows out for good; what they held stays in the change set."""
    return (_exits(data, issue, Disposition.DROPPED),)


def suspect_rows(data: Dataset, issue: Issue) -> ibis.Table:
    """`_row` of the rows that the issue's query selects from the table as it is now."""
    return suspects(data, issue).select(ROW).distinct()


def options(data: Dataset, issue: Issue, rows: int) -> tuple[Option, ...]:
    """The options of every issue, previewed by what is known: `rows` is how many rows are suspect."""
    kept = Option("keep", "keep", "keep as it is", preview=Preview())
    if issue.failed:
        return (kept,)
    named = free_name(_flag_name(issue), data.table.columns)
    which = plural(rows, "row")
    first = tuple(dict.fromkeys(cell.row for cell in issue.sample))[:5]
    gone = Preview(rows_removed=rows, removed=first)
    return (
        Option("flag", "flag", f"flag {which} in a new column", preview=Preview(columns_added=(named,))),
        Option("quarantine", "quarantine", f"quarantine {which}", preview=gone),
        Option("drop", "drop", f"drop {which}", preview=gone),
        kept,
    )


def _exits(data: Dataset, issue: Issue, disposition: Disposition) -> RowExits:
    rows = suspect_rows(data, issue).mutate(into=ibis.null("int64"))
    return RowExits(disposition, rows, issue.title)


def _flag_name(issue: Issue) -> str:
    return f"{issue.id.replace('-', '_')}_flag"


def free_name(name: str, taken: Iterable[str]) -> str:
    """The name, with a number when a column has it already; upper and lower case are no difference.

    >>> free_name("flag", ["_row", "FLAG"])
    'flag_2'
    """
    used = {column.casefold() for column in taken}
    number, free = 2, name
    while free.casefold() in used:
        free, number = f"{name}_{number}", number + 1
    return free
