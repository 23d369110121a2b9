"""Detection: run every kind of issue over a snapshot, ask what is recommended, preview every option.

A detector that crashes is a finding itself ("could not check"), never "no issue".
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import ibis
from ibis import _
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.quality import universal
from tasks.quality.codes import suspect_rows
from tasks.quality.consequences import goal_effect, weigh
from tasks.quality.effects import check, preview
from tasks.quality.errors import SpecError, did_you_mean
from tasks.quality.mining import dependencies
from tasks.quality.model import (
    ROW,
    Assessment,
    Cell,
    Dataset,
    Effect,
    Finding,
    Issue,
    Muted,
    Option,
    Severity,
    Snapshot,
)
from tasks.quality.notes import notes
from tasks.quality.queries import as_sql, asked, cells_of, kept, lent, now, quoted, suspects, union
from tasks.quality.registry import Kind, KindSettings, Settings, find_kind, find_remedy, kinds
from tasks.quality.score import score
from tasks.quality.watched import judges_values, watched
from tasks.quality.whatif import writes_only

if TYPE_CHECKING:
    from tasks.quality.checks import ContractCheck

EVIDENCE = 10
"""Suspect cells shown per issue."""

MOST_KEPT = 2_000_000
"""Suspect cells of an issue that are kept while it is weighed; more are queried again."""

MANY_ROWS = 20_000
"""Rows from which a query that judges values is asked of the distinct ones."""

GAP = "missing_value"
"""The kind whose issue a first gap in a column raises."""

Written: TypeAlias = dict[tuple[str, str], tuple[Effect, ...]]
"""(issue, option) → what the option would write."""

_ORDER = (Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO)


class Mute(BaseModel):
    """Do not raise a kind, for one column or all, with a reason and at most until a day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str | None = None
    reason: str = Field(min_length=1)
    until: dt.date | None = None

    def holds(self, columns: Iterable[str], today: dt.date) -> bool:
        """Whether a finding about these columns is muted today."""
        return self.names(columns) and (self.until is None or today <= self.until)

    def names(self, columns: Iterable[str]) -> bool:
        """Whether a finding about these columns is meant, on whatever day."""
        return self.column is None or self.column in columns


def assess(
    data: Dataset,
    snapshot: Snapshot,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    today: dt.date = dt.date.min,
    checks: Sequence[ContractCheck] = (),
    metrics: Mapping[str, str] | None = None,
) -> Assessment:
    """Find, recommend, preview with the consequences elsewhere, and score.

    Args:
        data: the snapshot, opened.
        snapshot: where it is.
        settings: per kind, its settings, `columns` (settings per column) and `mute` (a list).
        today: the day on which mutes may expire.
        checks: the contract against the snapshot; previews say which of its promises an option breaks.
        metrics: the user's goals by name; issues whose recommended option moves one come first.

    Raises:
        SpecError: settings that do not exist.
    """
    data = replace(data, today=today)
    configured = {name: configure(name, given) for name, given in (settings or {}).items()}
    issues: dict[str, Issue] = {}
    muted: list[Muted] = []
    for kind in kinds():
        chosen, mutes = configured.get(kind.name, (Settings(kind.settings()), ()))
        for issue in _detected(kind, data, chosen):
            if mute := _mute(issue, mutes, today):
                muted.append(Muted(kind.name, issue.columns, issue.count, mute.reason, mute.until))
            else:
                issues[unique_id(issue.id, issues)] = issue
    named = [replace(issue, id=id) for id, issue in issues.items()]
    ordered = sorted(named, key=lambda i: (_ORDER.index(i.severity), -i.count, i.id))
    effects: Written = {}
    advised = [_advised(data, issue, effects) for issue in ordered]
    gaps = dict(_gaps(data, configured.get(GAP, (Settings(find_kind(GAP).settings()), ()))))
    weighed, goals = weigh(data, advised, effects, watched(data, advised, checks, gaps), metrics or {})
    put = tuple(sorted(weighed, key=lambda issue: -goal_effect(issue, goals)))
    told = notes(data, dependencies(data))
    return Assessment(snapshot, data.profile, put, score(data, ordered), tuple(muted), told, goals)


def issues_of(data: Dataset, kind: str, settings: Mapping[str, Mapping[str, Any]]) -> tuple[Issue, ...]:
    """What one kind finds, muted or not, without what could be done about it."""
    return _detected(find_kind(kind), data, configure(kind, settings.get(kind, {}))[0])


def _gaps(data: Dataset, chosen: tuple[Settings[Any], Sequence[Mute]]) -> Iterator[tuple[str, str]]:
    """The columns in which a first gap would be an issue, and its id."""
    settings, mutes = chosen
    for column in data.profile.columns:
        muted = any(mute.column in (None, column.name) for mute in mutes)
        if not column.missing_count and not muted and not settings.of(column.name).threshold:
            yield column.name, issue_id(GAP, (column.name,))


class _Given(BaseModel):
    """What `settings` may say about a kind beside the kind's own settings, which are the extra fields."""

    model_config = ConfigDict(frozen=True, extra="allow")

    columns: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    mute: tuple[Mute, ...] = ()


def configure(name: str, given: Mapping[str, Any]) -> tuple[Settings[KindSettings], tuple[Mute, ...]]:
    """A kind's settings and mutes from a pipeline's `settings` section.

    Raises:
        SpecError: the kind or a setting does not exist, or has no such value.
    """
    kind, place = find_kind(name), f"settings.{name}"
    known = [*kind.settings.model_fields, *_Given.model_fields]
    chosen = _validated(_Given, {k: v for k, v in given.items() if v is not None}, place, known)
    base = chosen.model_extra or {}
    default = _validated(kind.settings, base, place, known)
    columns = {
        column: _validated(kind.settings, {**base, **own}, f"{place}.columns.{column}", [*kind.settings.model_fields])
        for column, own in chosen.columns.items()
    }
    return Settings(default, columns), chosen.mute


def without_column(settings: Mapping[str, Mapping[str, Any]], columns: Sequence[str]) -> tuple[str, ...]:
    """What settings say about columns that are not there: a sentence each, with the name that may be meant."""
    return tuple(
        f"settings.{kind}.{place}: there is no column '{column}', so this changes nothing."
        + (f" {meant}" if (meant := did_you_mean(column, columns)) else "")
        for kind, given in settings.items()
        for place, column in _columns_named(kind, given)
        if column not in columns
    )


def expired(settings: Mapping[str, Mapping[str, Any]], issues: Sequence[Issue]) -> tuple[str, ...]:
    """What settings muted until a day that is over, where it is an issue again: a sentence each.

    An issue that was raised although a mute names it was raised because that mute's last day was over.
    """
    return tuple(
        f"settings.{kind}.mute: the mute of {mute.column or 'all columns'} ended with {mute.until} ({mute.reason}), "
        f"so it is raised again: {'; '.join(again)}."
        for kind, given in settings.items()
        for mute in configure(kind, given)[1]
        if (again := [i.title for i in issues if i.kind == kind and not i.failed and mute.names(i.columns)])
    )


def _columns_named(kind: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    own, mutes = configure(kind, given)
    yield from (("columns", column) for column in own.columns)
    yield from (("mute", mute.column) for mute in mutes if mute.column is not None)


M = TypeVar("M", bound=BaseModel)


def _validated(model: type[M], given: Mapping[str, Any], place: str, known: Sequence[str]) -> M:
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        wrong = ".".join(map(str, first["loc"]))
        todo = did_you_mean(wrong, known)
        told = first["msg"].removeprefix("Value error, ")
        what = f"'{wrong}': {told}" if wrong else told
        raise SpecError(what, where=place, available=known, todo=todo) from error


def _mute(issue: Issue, mutes: Iterable[Mute], today: dt.date) -> Mute | None:
    """The mute that holds for an issue; a detector that crashed is never silent."""
    return None if issue.failed else next((mute for mute in mutes if mute.holds(issue.columns, today)), None)


def flagged_cells(data: Dataset, issues: Sequence[Issue]) -> ibis.Table:
    """`row`, `column`, `kind`, `value` of every suspect cell; a suspect row in each of its issue's columns."""
    parts = [part for issue in issues if not issue.failed for part in _flagged(data, issue)]
    if not parts:
        text = ibis.null("string")
        return data.table.limit(0).select(row=_[ROW], column=text, kind=text, value=text)
    return union(parts).distinct()


def _flagged(data: Dataset, issue: Issue) -> Iterator[ibis.Table]:
    found, kind = suspects(data, issue), ibis.literal(issue.kind)
    if issue.unit == "cell":
        yield found.select(row=_[ROW], column=_.column, kind=kind, value=_.value)
    elif issue.columns:
        long = cells_of(data.table.semi_join(found, ROW), issue.columns)
        yield long.select(row=long[ROW], column=long.column, kind=kind, value=long["value"])


def _detected(kind: Kind, data: Dataset, settings: Settings[Any]) -> tuple[Issue, ...]:
    found: list[Issue] = []
    try:
        found.extend(
            _issue(data, kind, finding) for finding in kind.detect(data, settings) if finding.count or finding.about
        )
    except Exception as error:  # noqa: BLE001  (any crash is itself the finding: the rest of this kind is unknown)
        found.append(_could_not_check(kind, error))
    return tuple(found)


def _issue(data: Dataset, kind: Kind, finding: Finding) -> Issue:
    where = ", ".join(finding.columns)
    sql = finding.sql or (finding.cells if isinstance(finding.cells, str) else as_sql(finding.cells))
    if finding.count <= MOST_KEPT:
        _kept(data, finding, sql)
    return Issue(
        id=issue_id(kind.name, (finding.about,) if finding.about else finding.columns),
        kind=kind.name,
        module=kind.module,
        dimension=kind.dimension,
        severity=finding.severity,
        columns=finding.columns,
        count=finding.count,
        checked=finding.checked,
        unit=finding.unit,
        title=finding.title or (f"{kind.title} in {where}" if where else kind.title),
        why=finding.why,
        sql=sql,
        facts=finding.facts,
        sample=_sample(data, sql),
        confidence=finding.confidence,
        about=finding.about,
    )


def _kept(data: Dataset, finding: Finding, sql: str) -> None:
    """The suspects; of a long table whose values come back they are found by asking each value once."""
    column = finding.columns[0] if finding.unit == "cell" and len(finding.columns) == 1 else None
    if finding.sql:
        kept(data, sql, finding.cells)
    elif column and _comes_back(data, column) and judges_values(data.columns, sql, finding.columns):
        with lent(data.table.get_backend().con, {"_suspects": suspect_rows(data, column, sql)}):
            kept(data, sql, "SELECT * FROM _suspects", column=column)
    else:
        kept(data, sql, column=column)


def _comes_back(data: Dataset, column: str) -> bool:
    """Whether a column of a long table has each value twice or more."""
    return data.profile.rows >= MANY_ROWS and 2 * data.profile.column(column).distinct_count <= data.profile.rows


def _sample(data: Dataset, sql: str) -> tuple[Cell, ...]:
    first = f'SELECT {quoted(ROW)}, "column", "value" FROM ({now(data, sql)}) ORDER BY 1, 2 LIMIT {EVIDENCE}'
    return tuple(Cell(row, column or "", value) for row, column, value in asked(data, first))


def _could_not_check(kind: Kind, error: Exception) -> Issue:
    return Issue(
        id=f"could-not-check-{slug(kind.name)}",
        kind=kind.name,
        module=kind.module,
        dimension=kind.dimension,
        severity=Severity.HIGH,
        columns=(),
        count=0,
        checked=0,
        unit="row",
        title=f"Could not check: {kind.title}",
        why=f"the detector failed ({_spoken(error)}); what it would have found is not known",
        sql='SELECT _row, NULL AS "column", NULL AS "value" FROM snapshot WHERE FALSE',
        failed=True,
    )


def _spoken(error: Exception) -> str:
    """An error in one line."""
    first = str(error).strip().partition("\n")[0][:300]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _advised(data: Dataset, issue: Issue, effects: Written) -> Issue:
    """The issue with what can be done about it; the first safe option whose preview worked is recommended."""
    own, trouble = ((), "") if issue.failed else _recommended(data, issue)
    options = tuple(_previewed(data, issue, option, effects) for option in own)
    safe = next((option.key for option in options if option.safe), "keep")
    rest = universal.options(data, issue, _suspect_rows(data, issue))
    return replace(issue, why=issue.why + trouble, options=(*options, *rest), recommended=safe)


def _recommended(data: Dataset, issue: Issue) -> tuple[tuple[Option, ...], str]:
    try:
        return tuple(find_kind(issue.kind).recommend(data, issue)), ""
    except Exception as error:  # noqa: BLE001  (the issue stands, and says why so little is offered)
        return (), f"; what could be done about it could not be computed ({_spoken(error)})"


def _suspect_rows(data: Dataset, issue: Issue) -> int:
    if issue.failed or issue.unit == "row" or len(issue.columns) <= 1:
        return issue.count
    return int(universal.suspect_rows(data, issue).count().to_pyarrow().as_py())


def _previewed(data: Dataset, issue: Issue, option: Option, effects: Written) -> Option:
    """The option with what it would write; previews of cells that are written are made in `weigh`."""
    if option.needs:
        return option
    remedy = find_remedy(option.remedy)
    try:
        written = remedy.effects(data, issue, remedy.parameters(**option.parameters))
        seen = option.preview
        if writes_only(written):
            check(data, written)
        elif seen is None:
            seen = preview(data, written)
    except Exception as error:  # noqa: BLE001  (said in the option; what cannot be previewed is never recommended)
        trouble = f"it could not be previewed ({_spoken(error)})"
        return replace(option, safe=False, why=f"{option.why}; {trouble}" if option.why else trouble)
    effects[issue.id, option.key] = written
    return replace(option, preview=seen)


def issue_id(kind: str, columns: Sequence[str]) -> str:
    """The id of a kind's issue about these columns."""
    return "-".join([slug(kind), *(slug(column) for column in columns[:3])])[:80].strip("-")


def slug(name: str) -> str:
    """The name in `[a-z0-9-]`, never empty.

    >>> slug("Order by"), slug("价格")
    ('order-by', 'u4ef7-u683c')
    """
    spelled = "".join(c if c.isascii() else f"-u{ord(c):x}-" for c in name.lower())
    return re.sub(r"[^a-z0-9]+", "-", spelled).strip("-") or "x"


def unique_id(id: str, taken: Mapping[str, Any]) -> str:
    """The id, with a number when it is taken."""
    number, free = 2, id
    while free in taken:
        free, number = f"{id}-{number}", number + 1
    return free
