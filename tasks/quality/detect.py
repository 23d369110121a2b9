"""Detection: run every kind of issue over a snapshot, ask what is recommended, preview every option.

A detector that crashes is a finding itself ("could not check"), never "no issue".
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import ibis
from ibis import _
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.quality import universal
from tasks.quality.effects import preview
from tasks.quality.errors import SpecError, did_you_mean
from tasks.quality.model import ROW, Assessment, Cell, Dataset, Finding, Issue, Option, Severity, Snapshot
from tasks.quality.registry import Kind, KindSettings, Settings, find_kind, find_remedy, kinds
from tasks.quality.score import score

EVIDENCE = 10
"""Suspect cells shown per issue."""

_ORDER = (Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO)


class Mute(BaseModel):
    """Do not raise a kind, for one column or all, with a reason and at most until a day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str | None = None
    reason: str = Field(min_length=1)
    until: dt.date | None = None

    def holds(self, columns: Iterable[str], today: dt.date) -> bool:
        """Whether a finding about these columns is muted today."""
        return (self.column is None or self.column in columns) and (self.until is None or today <= self.until)


def assess(
    data: Dataset,
    snapshot: Snapshot,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    today: dt.date = dt.date.min,
) -> Assessment:
    """Find, recommend, preview and score.

    Args:
        data: the snapshot, opened.
        snapshot: where it is.
        settings: per kind, its settings, `columns` (settings per column) and `mute` (a list).
        today: the day on which mutes may expire.

    Raises:
        SpecError: settings that do not exist.
    """
    configured = {name: configure(name, given) for name, given in (settings or {}).items()}
    issues: dict[str, Issue] = {}
    for kind in kinds():
        chosen, mutes = configured.get(kind.name, (Settings(kind.settings()), ()))
        for issue in _detected(kind, data, chosen):
            if not any(mute.holds(issue.columns, today) for mute in mutes):
                issues[unique_id(issue.id, issues)] = issue
    named = [replace(issue, id=id) for id, issue in issues.items()]
    ordered = sorted(named, key=lambda i: (_ORDER.index(i.severity), -i.count, i.id))
    return Assessment(snapshot, data.profile, tuple(_advised(data, issue) for issue in ordered), score(data, ordered))


def configure(name: str, given: Mapping[str, Any]) -> tuple[Settings[KindSettings], tuple[Mute, ...]]:
    """A kind's settings and mutes from a pipeline's `settings` section.

    Raises:
        SpecError: the kind or a setting does not exist, or has no such value.
    """
    kind = find_kind(name)
    base = {k: v for k, v in given.items() if k not in ("columns", "mute")}
    try:
        default = kind.settings(**base)
        columns = {c: kind.settings(**{**base, **own}) for c, own in (given.get("columns") or {}).items()}
        mutes = tuple(Mute.model_validate(mute) for mute in given.get("mute") or ())
    except ValidationError as error:
        first = error.errors()[0]
        wrong, there = ".".join(map(str, first["loc"])), [*kind.settings.model_fields, "columns", "mute"]
        todo = did_you_mean(wrong, there)
        raise SpecError(f"'{wrong}': {first['msg']}", where=f"settings.{name}", available=there, todo=todo) from error
    return Settings(default, columns), mutes


def flagged_cells(data: Dataset, issues: Sequence[Issue]) -> ibis.Table:
    """`row`, `column`, `kind`, `value` of every suspect cell; a suspect row in each of its issue's columns."""
    backend = data.table.get_backend()
    parts = [part for issue in issues if not issue.failed for part in _flagged(backend, data, issue)]
    if not parts:
        text = ibis.null("string")
        return data.table.limit(0).select(row=_[ROW], column=text, kind=text, value=text)
    return ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0]


def _flagged(backend: Any, data: Dataset, issue: Issue) -> Iterator[ibis.Table]:
    found = backend.sql(issue.sql)
    kind = ibis.literal(issue.kind)
    if issue.unit == "cell":
        yield found.select(row=_[ROW], column=_.column, kind=kind, value=_.value)
        return
    rows = data.table.semi_join(found, ROW)
    for column in issue.columns:
        yield rows.select(row=rows[ROW], column=ibis.literal(column), kind=kind, value=rows[column])


def _detected(kind: Kind, data: Dataset, settings: Settings[Any]) -> Iterator[Issue]:
    try:
        yield from [_issue(kind, data, finding) for finding in kind.detect(data, settings) if finding.count]
    except Exception as error:  # noqa: BLE001  (any crash is itself the finding: nothing is known about this kind)
        yield _could_not_check(kind, error)


def _issue(kind: Kind, data: Dataset, finding: Finding) -> Issue:
    sql = str(ibis.to_sql(finding.cells, dialect="duckdb"))
    where = ", ".join(finding.columns)
    return Issue(
        id="-".join([slug(kind.name), *(slug(column) for column in finding.columns[:3])])[:80].strip("-"),
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
    )


def _sample(data: Dataset, sql: str) -> tuple[Cell, ...]:
    first = f'SELECT {ROW}, "column", "value" FROM ({sql}) ORDER BY {ROW}, "column" LIMIT {EVIDENCE}'
    found = data.table.get_backend().raw_sql(first).fetchall()
    return tuple(Cell(row, column or "", value) for row, column, value in found)


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
        why=f"the detector failed ({type(error).__name__}: {_first_line(error)}); nothing is known",
        sql='SELECT _row, NULL AS "column", NULL AS "value" FROM snapshot WHERE FALSE',
        failed=True,
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]


def _advised(data: Dataset, issue: Issue) -> Issue:
    own = () if issue.failed else tuple(find_kind(issue.kind).recommend(data, issue))
    options = tuple(_previewed(data, issue, option) for option in own)
    safe = next((option.key for option in options if option.safe), "keep")
    return replace(issue, options=(*options, *universal.options(issue, _suspect_rows(data, issue))), recommended=safe)


def _suspect_rows(data: Dataset, issue: Issue) -> int:
    if issue.unit == "row" or len(issue.columns) <= 1:
        return issue.count
    rows = f"SELECT count(DISTINCT {ROW}) FROM ({issue.sql})"
    return int(data.table.get_backend().raw_sql(rows).fetchone()[0])


def _previewed(data: Dataset, issue: Issue, option: Option) -> Option:
    if option.needs or option.preview is not None:
        return option
    remedy = find_remedy(option.remedy)
    return replace(option, preview=preview(data, remedy.effects(data, issue, remedy.parameters(**option.parameters))))


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
