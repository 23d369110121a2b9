"""Tables of old and new values that a pilot may edit, whole, computed from the data that they are about."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tasks.quality.errors import AnswerError, did_you_mean
from tasks.quality.model import Assessment, Dataset, Issue, Option, ValueMap
from tasks.quality.question import Tables, is_table
from tasks.quality.registry import find_remedy
from tasks.reports.discreet import starred
from tasks.run import Run


@dataclass(frozen=True)
class Line:
    """One old value, what it becomes (None empties the cell), and the rows that hold it."""

    old: str
    new: str | None
    rows: int


def tables(run: Run, round: int) -> Tables:
    """What an answer's edits are checked against: (issue, option) → old value → new value."""

    def table(issue: str, option: str) -> dict[str, str | None]:
        return {line.old: line.new for line in value_table(run, round, issue, option)}

    return table


def editable(issue: Issue, key: str = "") -> Option:
    """The option of this key, or the recommended or first one, that is a table of values.

    Raises:
        AnswerError: there is none, or this one is none.
    """
    options = [option for option in issue.options if is_table(option) and not option.needs]
    keys = [option.key for option in options]
    if key and key not in keys:
        known = key in [option.key for option in issue.options]
        what = f"'{key}' is no table of values" if known else f"unknown action '{key}'"
        raise AnswerError(what, where=issue.id, available=keys, todo=did_you_mean(key, keys))
    if not options:
        todo = "see what can be done in the quality report"
        raise AnswerError("none of its actions is a table of old and new values", where=issue.id, todo=todo)
    wanted = key or issue.recommended
    return next((option for option in options if option.key == wanted), options[0])


def issue_of(assessment: Assessment, id: str) -> Issue:
    """The issue with this id.

    Raises:
        AnswerError: there is none; says which are there.
    """
    ids = [issue.id for issue in assessment.issues]
    if id not in ids:
        raise AnswerError(
            f"no issue '{id}'", where="the last look at the data", available=ids, todo=did_you_mean(id, ids)
        )
    return assessment.issue(id)


def value_table(run: Run, round: int, issue: str, option: str) -> tuple[Line, ...]:
    """The whole table of an action, the most frequent old values first.

    Raises:
        AnswerError: the issue or the option is not there, or is no table of values.
    """
    assessment = run.assessment(round)
    told = issue_of(assessment, issue)
    chosen = editable(told, option)
    remedy = find_remedy(chosen.remedy)
    with run.open_staging().open(assessment.snapshot) as opened:
        data = Dataset(opened.table("snapshot"), opened.table("domains"), run.profile(round), run.contract(round))
        effects = remedy.effects(data, told, remedy.parameters(**chosen.parameters))
        maps = [effect for effect in effects if isinstance(effect, ValueMap)]
        return tuple(sorted((line for e in maps for line in _lines(data, e)), key=lambda line: (-line.rows, line.old)))


def discreet_lines(run: Run, round: int, issue: str, lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The lines with stars if the issue is about a column with personal data and the pipeline does not show it."""
    found = run.assessment(round)
    if run.hidden_columns(found).isdisjoint(issue_of(found, issue).columns):
        return lines
    return tuple(replace(line, old=starred(line.old) or "", new=starred(line.new)) for line in lines)


def _lines(data: Dataset, effect: ValueMap) -> list[Line]:
    own = data.domains.filter(data.domains.column == effect.column).select("value", "n")
    pairs = {old: new for old, new in effect.pairs if old is not None}
    there = own.to_pyarrow().to_pydict()
    return [Line(v, pairs[v], n) for v, n in zip(there["value"], there["n"], strict=True) if v in pairs]
