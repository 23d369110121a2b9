"""What a report tells of personal data: that it is there and where, but not what it says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace

from tasks.quality.contract import Contract
from tasks.quality.model import Assessment, Cell, Change, ColumnProfile, Decision, Issue, Muted, Option

PERSONAL = "personal_data"
"""The kind of issue that says where personal data is."""

KEPT = 2
"""Characters at the end that stay readable, so that two values can be told apart."""


def alike(values: Iterable[str | None]) -> list[str | None]:
    """The values with stars; a number tells different ones apart, so what is counted of them stays true.

    >>> alike(["ann@a.de", "bob@a.de", None, " ", "ann@a.de"])
    ['***@*.de #1', '***@*.de #2', None, ' ', '***@*.de #1']
    """
    numbers: dict[str, int] = {}
    return [
        f"{starred(value)} #{numbers.setdefault(value, len(numbers) + 1)}" if value and value.strip() else value
        for value in values
    ]


_QUOTED = re.compile(r"(?<!\w)'.*?'(?!\w)", re.DOTALL)
_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_BRACKETED = re.compile(r"\(.*\)$", re.DOTALL)


def personal_columns(assessment: Assessment, contract: Contract) -> frozenset[str]:
    """The columns with personal data: found, found but muted, or known to the contract."""
    found: tuple[Issue | Muted, ...] = (*assessment.issues, *assessment.muted)
    named = {name for each in found if each.kind == PERSONAL for name in each.columns}
    return frozenset(named | {name for name, promised in contract.columns.items() if promised.personal})


def discreet(assessment: Assessment, columns: AbstractSet[str]) -> Assessment:
    """The assessment with stars in place of what these columns hold, in samples, previews, reasons and labels."""
    if not columns:
        return assessment
    return replace(assessment, issues=tuple(_issue(issue, columns) for issue in assessment.issues))


def retold(assessment: Assessment, columns: AbstractSet[str]) -> Assessment:
    """The same for a page on which nothing is decided: without their values in queries, facts and parameters, too.

    The queries themselves are in the ledger; no number of these columns is told that is a value of theirs.
    """
    shown = discreet(assessment, columns)
    if not columns:
        return shown
    profile = replace(shown.profile, columns=tuple(_profiled(column, columns) for column in shown.profile.columns))
    return replace(shown, profile=profile, issues=tuple(_unsaid(issue, columns) for issue in shown.issues))


def _profiled(column: ColumnProfile, columns: AbstractSet[str]) -> ColumnProfile:
    if column.name not in columns:
        return column
    top = tuple((starred(value) or "", n) for value, n in column.top)
    return replace(column, top=top, minimum=None, maximum=None, mean=None, median=None, histogram=())


def _unsaid(issue: Issue, columns: AbstractSet[str]) -> Issue:
    if not columns & set(issue.columns):
        return issue
    options = tuple(replace(option, parameters={}) for option in issue.options)
    return replace(issue, sql=_query(issue), facts={}, options=options)


def decided(decision: Decision, columns: AbstractSet[str]) -> Decision:
    """A decision for a page on which nothing is decided: without what these columns hold."""
    if not columns & set(decision.columns):
        return decision
    return replace(decision, sql=_query(decision), facts={}, parameters={})


def _query(told: Issue | Decision) -> str:
    """What selects the cells, with the names of the columns for its only literals."""
    named = {*told.columns, ""}
    return _LITERAL.sub(lambda found: found[0] if found[1] in named else "'…'", told.sql)


def starred(value: str | None) -> str | None:
    """A value whose letters and digits are stars but for the last two.

    >>> starred("ann.b@example.org"), starred("+49 170 123"), starred(None)
    ('***.*@*******.*rg', '+** *** *23', None)
    """
    if value is None or len(value) <= KEPT:
        return value if value is None else "*" * len(value)
    return re.sub(r"[^\W_]", "*", value[:-KEPT]) + value[-KEPT:]


def _issue(issue: Issue, columns: AbstractSet[str]) -> Issue:
    hidden = columns & set(issue.columns)
    told = issue.why if not hidden or issue.kind == PERSONAL else unquoted(issue.why)
    options = tuple(
        _option(option, columns, hidden=bool(hidden) and issue.kind != PERSONAL) for option in issue.options
    )
    return replace(issue, why=told, sample=_cells(issue.sample, columns), options=tuple(_apart(options)))


def _apart(options: Iterable[Option]) -> Iterator[Option]:
    """The options with a number where only what is hidden told them apart: a form chooses by the label."""
    seen: dict[str, int] = {}
    for option in options:
        number = seen[option.label] = seen.get(option.label, 0) + 1
        yield option if number == 1 else replace(option, label=f"{option.label} ({number})")


def _option(option: Option, columns: AbstractSet[str], *, hidden: bool) -> Option:
    seen = option.preview
    if seen is not None:
        changes, surprising = _changes(seen.changes, columns), _changes(seen.surprising, columns)
        seen = replace(seen, changes=changes, surprising=surprising)
    if not hidden:
        return replace(option, preview=seen)
    label = _BRACKETED.sub("(…)", unquoted(option.label))
    return replace(option, label=label, why=unquoted(option.why), leaves=unquoted(option.leaves), preview=seen)


def unquoted(text: str) -> str:
    """The text without what stands in quotation marks.

    >>> unquoted("no action 'ann@x.org' here")
    "no action '…' here"
    """
    return _QUOTED.sub("'…'", text)


def _cells(cells: Iterable[Cell], columns: AbstractSet[str]) -> tuple[Cell, ...]:
    return tuple(replace(cell, value=starred(cell.value)) if cell.column in columns else cell for cell in cells)


def _changes(changes: Iterable[Change], columns: AbstractSet[str]) -> tuple[Change, ...]:
    def hidden(change: Change) -> Change:
        return replace(change, before=starred(change.before), after=starred(change.after))

    return tuple(hidden(change) if change.column in columns else change for change in changes)
