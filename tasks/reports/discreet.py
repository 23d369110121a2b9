"""What a report tells of personal data: that it is there and where, but not what it says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import replace

from tasks.quality.model import Assessment, Cell, Change, Issue, Option

PERSONAL = "personal_data"
"""The kind of issue that says where personal data is."""

KEPT = 2
"""Characters at the end that stay readable, so that two values can be told apart."""


def discreet(assessment: Assessment) -> Assessment:
    """The assessment with stars in place of what columns with personal data hold, in samples and previews."""
    columns = {name for issue in assessment.issues if issue.kind == PERSONAL for name in issue.columns}
    if not columns:
        return assessment
    return replace(assessment, issues=tuple(_issue(issue, columns) for issue in assessment.issues))


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
    told = issue.why if not hidden or issue.kind == PERSONAL else re.sub("'[^']*'", "'…'", issue.why)
    options = tuple(_option(option, columns, quoted=bool(hidden)) for option in issue.options)
    return replace(issue, why=told, sample=_cells(issue.sample, columns), options=options)


def _option(option: Option, columns: AbstractSet[str], *, quoted: bool) -> Option:
    seen = option.preview
    if seen is not None:
        changes, surprising = _changes(seen.changes, columns), _changes(seen.surprising, columns)
        seen = replace(seen, changes=changes, surprising=surprising)
    why = re.sub("'[^']*'", "'…'", option.why) if quoted else option.why
    return replace(option, why=why, preview=seen)


def _cells(cells: Iterable[Cell], columns: AbstractSet[str]) -> tuple[Cell, ...]:
    return tuple(replace(cell, value=starred(cell.value)) if cell.column in columns else cell for cell in cells)


def _changes(changes: Iterable[Change], columns: AbstractSet[str]) -> tuple[Change, ...]:
    def hidden(change: Change) -> Change:
        return replace(change, before=starred(change.before), after=starred(change.after))

    return tuple(hidden(change) if change.column in columns else change for change in changes)
