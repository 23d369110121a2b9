"""One kind of issue in a small table, and what its recommendation makes of a column; without weighing all others."""

from __future__ import annotations

from dataclasses import replace

from tasks.quality.detect import _detected
from tasks.quality.effects import apply
from tasks.quality.model import Dataset, Issue, Option
from tasks.quality.registry import Settings, find_kind, find_remedy, kinds
from tests.quality.opened import values


def issues(data: Dataset) -> list[Issue]:
    return [issue for kind in kinds() for issue in _detected(kind, data, Settings(kind.settings()))]


def found(data: Dataset, name: str, *, missing_ok: bool = False) -> Issue | None:
    """The one issue of a kind, with its options."""
    issues = every(data, name)
    if missing_ok and not issues:
        return None
    (issue,) = issues
    return issue


def every(data: Dataset, name: str) -> list[Issue]:
    """The issues of a kind, with their options."""
    kind = find_kind(name)
    issues = _detected(kind, data, Settings(kind.settings()))
    assert [issue.why for issue in issues if issue.failed] == []
    return [_advised(issue, tuple(kind.recommend(data, issue))) for issue in issues]


def _advised(issue: Issue, options: tuple[Option, ...]) -> Issue:
    return replace(issue, options=options, recommended=next((o.key for o in options if o.safe), "keep"))


def recommended_values(data: Dataset, issue: Issue, column: str) -> list[str | None]:
    return chosen_values(data, issue, issue.recommended, column)


def chosen_values(data: Dataset, issue: Issue, key: str, column: str, **parameters: object) -> list[str | None]:
    """A column as an option makes it, with what the pilot adds to its parameters."""
    option = issue.option(key)
    remedy = find_remedy(option.remedy)
    effects = remedy.effects(data, issue, remedy.parameters(**option.parameters, **parameters))
    return values(apply(data, effects).table, column)
