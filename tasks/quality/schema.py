"""What the table is made of: columns, types, rows and age against the contract and the last run.

The last run is the last one of the pipeline that was loaded. What is accepted in a run is not asked again in it, and
becomes what the next run is compared with once it is loaded.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import ibis
from ibis import _
from pydantic import Field

from tasks.quality.model import (
    ROW,
    ColumnAdd,
    ColumnDrop,
    ColumnProfile,
    ColumnRename,
    Dataset,
    Dimension,
    Effect,
    Finding,
    Issue,
    Option,
    Profile,
    Severity,
)
from tasks.quality.profile import BOOLEANS, DATE, INTEGER, is_missing, number
from tasks.quality.queries import cells_where, rows_where, text
from tasks.quality.records import whole_rows
from tasks.quality.registry import KindSettings, Parameters, Settings, kind, remedy
from tasks.quality.shifts import shifts
from tasks.quality.typed import date_formats, read
from tasks.quality.wording import plural, rate, some_of
from tasks.quality.words import bare

FEWEST_ROWS = 20


def _of_table(data: Dataset, about: str, holds: str, why: str, severity: Severity, **more: Any) -> Finding:
    """A finding about the table as a whole; `holds` is SQL that says of the table whether it is so."""
    rows = data.profile.rows
    sql = (
        f'SELECT "{ROW}", CAST(NULL AS VARCHAR) AS "column", CAST(NULL AS VARCHAR) AS "value" '
        f'FROM "snapshot" WHERE {holds}'
    )
    return Finding((), whole_rows(data.table), rows, rows, why, severity, unit="row", sql=sql, about=about, **more)


# --- schema drift -------------------------------------------------------------------------------------------


class DriftSettings(KindSettings):
    """Attributes: additional: report columns that the last run had not, and the contract does not name."""

    additional: bool = True


class Rename(Parameters):
    """Attributes: column: what it is called here; to: what it shall be called."""

    column: str = Field(min_length=1)
    to: str = Field(min_length=1)


class Column(Parameters):
    """Attributes: column: its name."""

    column: str = Field(min_length=1)


class Columns(Parameters):
    """Attributes: columns: the only ones that the table shall have."""

    columns: tuple[str, ...] = Field(min_length=1)


def _drift_options(data: Dataset, issue: Issue) -> Iterator[Option]:
    facts, name = issue.facts, issue.facts["column"]
    if facts["change"] == "gone":
        for place, candidate in enumerate(facts["candidates"], start=1):
            parameters = {"column": candidate["column"], "to": name}
            label, sure = f"rename {candidate['column']} to {name}", candidate["sure"]
            safe = bool(facts["certain"]) and place == 1
            yield Option(f"rename-{place}", "rename_column", label, parameters, candidate["why"], "", sure, safe)
        yield Option("add", "add_column", f"add {name} without values", {"column": name})
    elif facts["change"] == "new":
        yield Option("drop-column", "drop_named_column", f"leave {name} out", {"column": name})
    if facts["wanted"] and set(facts["wanted"]) != set(data.columns) and facts["change"] != "type":
        label = "leave out and add columns until there are those of " + facts["source"]
        yield Option("freeze", "freeze", label, {"columns": facts["wanted"]})
    yield from _accept(issue)


def _accept(issue: Issue) -> Iterator[Option]:
    if issue.facts["source"] != CONTRACT:
        yield Option("accept", "accept_baseline", "accept: this is how it is from now on", why="nothing is changed")
    yield from _again(issue)


def _again(issue: Issue) -> Iterator[Option]:
    if issue.facts.get("change") != "new":
        yield Option("extract-again", "extract_again", EXTRACT_AGAIN, why=NOTHING_LOADED)


CONTRACT, LAST_RUN = "the contract", "the last run"
EXTRACT_AGAIN = "extract again: end this run"
NOTHING_LOADED = "nothing is loaded, and the next run reads what this one read, and what is new"


@kind("Schema drift", dimension=Dimension.CONSISTENCY, settings=DriftSettings, recommend=_drift_options)
def schema_drift(data: Dataset, settings: Settings[DriftSettings]) -> Iterable[Finding]:
    """Columns that the contract or the last run has and this table has not, new columns, and columns of another type.

    A missing column concerns the whole table. A new one is information, unless the contract is `frozen`. A column has
    another type when more than half of its values cannot be read as what all of them were in the last run; single such
    values are of the wrong type. No cell is known to be wrong, so the confidence is 0.
    """
    promised = tuple(dict.fromkeys((*data.contract.columns, *data.contract.key)))
    before = tuple(c.name for c in data.before.columns) if data.before else ()
    source = CONTRACT if data.contract.frozen else LAST_RUN
    wanted = promised if data.contract.frozen else before
    for name in dict.fromkeys((*promised, *before)):
        if name not in data.columns and not (data.contract.frozen and name not in promised):
            yield _gone(data, name, CONTRACT if name in promised else LAST_RUN, wanted, {*promised, *before})
    for name in data.columns if wanted and (settings.default.additional or data.contract.frozen) else ():
        if name not in wanted and (data.contract.frozen or name not in promised):
            yield _new(data, name, source, wanted)
    for column in data.before.columns if data.before else ():
        if column.name in data.columns:
            yield from _retyped(data, column)


def _gone(data: Dataset, name: str, source: str, wanted: Sequence[str], known: Iterable[str]) -> Finding:
    candidates = _candidates(data, name, [c for c in data.columns if c not in known])
    sure = [candidate for candidate in candidates if candidate["sure"] is not None]
    there = '(SELECT struct_keys(s) FROM "snapshot" AS s LIMIT 1)'
    return _of_table(
        data,
        name,
        f"NOT list_contains({there}, {text(name)})",
        f"{source} has a column {name}, this table has not",
        Severity.HIGH if source == CONTRACT else Severity.MEDIUM,
        title=f"Column {name} is missing",
        facts={
            "column": name,
            "change": "gone",
            "candidates": candidates,
            "certain": len(sure) == 1,
            "source": source,
            "wanted": list(wanted),
        },
    )


def _candidates(data: Dataset, name: str, strange: Sequence[str]) -> list[dict[str, Any]]:
    """Columns that may be the missing one, the likest first: by name, or by what they hold."""
    from rapidfuzz.distance import OSA

    wanted = bare(name)
    found: list[tuple[float, str, dict[str, Any]]] = []
    for other in strange:
        edits = OSA.distance(wanted, bare(other))
        if not edits:
            why, sure = "their names differ in case and punctuation only", 0.95
        elif edits <= len(wanted) / 4:
            why, sure = f"their names differ in {edits} letters", None
        elif _holds_the_same(data, name, other):
            why, sure = f"it holds what {name} held in the last run", None
        else:
            continue
        found.append((edits, other, {"column": other, "why": why, "sure": sure}))
    return [each for _edits, _other, each in sorted(found, key=lambda f: f[:2])][:3]


def _holds_the_same(data: Dataset, name: str, other: str) -> bool:
    """Whether most of the frequent values that a column had are frequent in another one now."""
    then = next((c for c in data.before.columns if c.name == name), None) if data.before else None
    now = data.profile.column(other)
    if then is None or then.kind != now.kind or then.distinct_count < 3:  # noqa: PLR2004  (anything has two values)
        return False
    had, has = ({value for value, n in c.top if n > 1 and value.strip()} for c in (then, now))
    return len(had) >= 3 and len(had & has) >= 0.8 * len(had)  # noqa: PLR2004


def _new(data: Dataset, name: str, source: str, wanted: Sequence[str]) -> Finding:
    frozen, rows = data.contract.frozen, data.profile.rows
    facts = {"column": name, "change": "new", "source": source, "wanted": list(wanted)}
    return Finding(
        (name,),
        cells_where(data, name, lambda _text: ibis.literal(True)),
        rows,
        rows,
        f"{source} has no column {name}" + (", and it is frozen" if frozen else ""),
        Severity.HIGH if frozen else Severity.INFO,
        title=f"Column {name} is new",
        facts=facts,
    )


_UNLIKE: Mapping[str, Any] = {
    "integer": lambda text: ~text.re_search(INTEGER),
    "number": lambda text: number(text).isnull(),
    "date": lambda text: ~text.re_search(DATE),
    "boolean": lambda text: ~text.lower().isin(BOOLEANS),
}


def _retyped(data: Dataset, then: ColumnProfile) -> Iterator[Finding]:
    name, now, was = then.name, data.profile.column(then.name), then.kind
    like = {"integer": now.integer_count, "number": now.numeric_count, "date": now.date_count}
    like["boolean"] = now.boolean_count
    if was not in like or then.present_count < FEWEST_ROWS or 2 * like[was] >= now.present_count:
        return

    def unlike(text: Any) -> Any:
        return ~is_missing(text) & _UNLIKE[was](text)

    cells = cells_where(data, name, unlike)
    count = rows_where(data, name, cells)
    yield Finding(
        (name,),
        cells,
        count,
        now.present_count,
        f"{some_of(count, now.present_count, 'value', 'is', 'are')} no {was}, as all were in the last run",
        Severity.MEDIUM,
        title=f"Column {name} has another type",
        facts={"column": name, "change": "type", "source": LAST_RUN, "wanted": []},
    )


@remedy("Rename a column", parameters=Rename)
def rename_column(data: Dataset, issue: Issue, p: Rename) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Give a column the name that it should have; nothing where it has it already."""
    if p.to in data.columns and p.column not in data.columns:
        return ()
    return (ColumnRename(p.column, p.to),)


@remedy("Add a column", parameters=Column)
def add_column(data: Dataset, issue: Issue, p: Column) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Add a column without values; nothing where it is there already."""
    return () if p.column in data.columns else (_without_values(data, p.column),)


@remedy("Leave a column out", parameters=Column)
def drop_named_column(data: Dataset, issue: Issue, p: Column) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Take a column out; nothing where it is gone already."""
    return (ColumnDrop(p.column),) if p.column in data.columns else ()


@remedy("Freeze the columns", parameters=Columns)
def freeze(data: Dataset, issue: Issue, p: Columns) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Leave out every column but these, and add those that are missing, without values."""
    added = [_without_values(data, name) for name in p.columns if name not in data.columns]
    return (*added, *(ColumnDrop(name) for name in data.columns if name not in p.columns))


def _without_values(data: Dataset, name: str) -> ColumnAdd:
    return ColumnAdd(name, data.table.limit(0).select(ROW), None, None)


@remedy("Accept as the new baseline")
def accept_baseline(data: Dataset, issue: Issue, p: Parameters) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Change nothing, and compare what follows in this run with the table as it is."""
    return ()


@remedy("Extract again")
def extract_again(data: Dataset, issue: Issue, p: Parameters) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """End this run without loading anything; the next one reads what this one read, and what is new."""
    return ()


def accepted(before: Profile, now: Profile, facts: Iterable[Mapping[str, Any]]) -> Profile:
    """What the last run had, but as it is now where the pilot accepted that.

    Args:
        before: statistics of the last run.
        now: statistics of the table as it was when the pilot decided.
        facts: those of the issues that were answered with `accept_baseline`.
    """
    columns = {c.name: c for c in before.columns}
    rows, known = before.rows, {c.name: c for c in now.columns}
    for told in facts:
        name = told.get("column")
        if name in known:
            columns[name] = known[name]
        elif name is not None:
            columns.pop(name, None)
        else:
            rows = now.rows
    return replace(before, rows=rows, columns=tuple(columns.values()))


# --- volume and distribution ----------------------------------------------------------------------------------


class ShiftSettings(KindSettings):
    """How much a table may change from run to run.

    Attributes:
        rows: share by which the number of rows may grow or shrink; 0.5 allows for half as many more or fewer.
        gaps: by how much the share of missing values of a column may rise, 0 to 1.
        psi: population stability index of a column's frequent values from which it has shifted.
        ks: Kolmogorov-Smirnov distance from which a column's numbers have shifted, 0 to 1.
    """

    rows: float = Field(0.5, gt=0)
    gaps: float = Field(0.1, gt=0, le=1)
    psi: float = Field(0.25, gt=0)
    ks: float = Field(0.2, gt=0, le=1)


def _shift_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    yield from _accept(issue)


@kind("Volume or distribution shift", dimension=Dimension.TIMELINESS, settings=ShiftSettings, recommend=_shift_options)
def shift(data: Dataset, settings: Settings[ShiftSettings]) -> Iterable[Finding]:
    """Far more or fewer rows, more gaps, or other values than in the last run.

    Suspect are the gaps, or the values that have a greater share than before; ids and dates move by nature and are left
    out. No cell is known to be wrong, so the confidence is 0; a no-go asks for another extract.
    """
    before, now = data.before, data.profile
    if before is None or not before.rows:
        return
    yield from _volume(data, before, settings.default)
    if not now.rows:
        return
    there = [c.name for c in before.columns if c.name in data.columns]
    for name in there:
        yield from _gaps(data, before.column(name), settings.of(name))
    limits = {name: (settings.of(name).psi, settings.of(name).ks) for name in there}
    for name, moved in shifts(data, before, limits).items():
        cells = cells_where(data, name, moved.grown)
        count = rows_where(data, name, cells)
        shown = ", ".join(f"'{value[:30]}'" for value in moved.values[:3]) or "some values"
        yield Finding(
            (name,),
            cells,
            count,
            now.column(name).present_count,
            f"{shown} have a greater share than in the last run ({moved.measure} {moved.value:.2f})",
            Severity.INFO,
            title=f"Other values in {name}",
            facts={"column": name, "source": LAST_RUN, "measure": moved.measure, "value": moved.value},
        )


def _volume(data: Dataset, before: Profile, chosen: ShiftSettings) -> Iterator[Finding]:
    now = data.profile.rows
    change = now / before.rows - 1
    if abs(change) <= chosen.rows:
        return
    least, most = before.rows * (1 - chosen.rows), before.rows * (1 + chosen.rows)
    yield _of_table(
        data,
        "number of rows",
        f'(SELECT count(*) FROM "snapshot") NOT BETWEEN {least!r} AND {most!r}',
        f"{plural(now, 'row')}, {before.rows:,} in the last run ({change:+.0%})",
        Severity.MEDIUM,
        title=f"Far {'more' if change > 0 else 'fewer'} rows",
        facts={"rows": now, "before": before.rows, "source": LAST_RUN},
    )


def _gaps(data: Dataset, then: ColumnProfile, chosen: ShiftSettings) -> Iterator[Finding]:
    now = data.profile.column(then.name)
    risen, pooled = now.missing_rate - then.missing_rate, (now.missing_count + then.missing_count)
    share = pooled / (now.rows + then.rows)
    by_chance = 4 * math.sqrt(share * (1 - share) * (1 / now.rows + 1 / then.rows))
    if risen > chosen.gaps and risen > by_chance:
        yield Finding(
            (then.name,),
            cells_where(data, then.name, is_missing),
            now.missing_count,
            now.rows,
            f"{rate(now.missing_rate)} are missing, {rate(then.missing_rate)} were in the last run",
            Severity.LOW,
            title=f"More gaps in {then.name}",
            facts={"column": then.name, "source": LAST_RUN, "measure": "gaps", "value": round(risen, 4)},
        )


# --- staleness ------------------------------------------------------------------------------------------------


def _stale_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    yield from _again(issue)


@kind("Stale data", dimension=Dimension.TIMELINESS, recommend=_stale_options)
def stale(data: Dataset, settings: Settings[KindSettings]) -> Iterable[Finding]:  # noqa: ARG001
    """A newest date that is older than the contract's `freshness` allows on the day of the run.

    Days in the future do not make data fresh. No cell is wrong, so the confidence is 0.
    """
    promise = data.contract.freshness
    if promise is not None and promise.column in data.columns and data.today != dt.date.min:
        yield from _too_old(data, promise.column, promise.days)


def _too_old(data: Dataset, column: str, days: int) -> Iterator[Finding]:
    written, tomorrow = date_formats(data.contract).get(column), data.today + dt.timedelta(days=1)

    def moment(text: Any) -> Any:
        return read(text, "timestamp", written)

    own = data.domains.filter(data.domains.column == column).select(moment=moment(_["value"]))
    known = own.filter(own.moment.date() <= tomorrow)
    newest = known.agg(newest=known.moment.max()).to_pyarrow()["newest"].to_pylist()[0]
    if newest is None or (data.today - newest.date()).days <= days:
        return
    age = (data.today - newest.date()).days

    def is_newest(text: Any) -> Any:
        return (moment(text) == ibis.literal(newest, "timestamp")).fill_null(False)

    cells = cells_where(data, column, is_newest)
    yield Finding(
        (column,),
        cells,
        rows_where(data, column, cells),
        data.profile.column(column).present_count,
        f"the newest {column} is {newest.date()}, {plural(age, 'day')} ago; {days:,} are allowed",
        Severity.HIGH,
        title=f"Stale data: {column}",
        facts={"column": column, "newest": newest.isoformat(), "days": age, "source": CONTRACT},
    )
