"""What the table is made of: columns, types, rows and age against the contract and the runs before."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator

import ibis
from pydantic import Field

from tasks.quality.contract import Contract
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
from tasks.quality.queries import only
from tasks.quality.records import whole_rows
from tasks.quality.registry import KindSettings, Parameters, Settings, kind, remedy
from tasks.quality.typed import date_formats, read

# --- schema drift -------------------------------------------------------------------------------------------


class DriftSettings(KindSettings):
    """Attributes: additional: report columns that neither the contract nor the last run has."""

    additional: bool = True


class Rename(Parameters):
    """Attributes: column: what it is called here; to: what it shall be called."""

    column: str = Field(min_length=1)
    to: str = Field(min_length=1)


class Column(Parameters):
    """Attributes: column: its name."""

    column: str = Field(min_length=1)


def _drift_options(data: Dataset, issue: Issue) -> Iterator[Option]:
    facts = issue.facts
    name = facts["column"]
    if facts["change"] == "gone":
        for place, candidate in enumerate(facts["candidates"], start=1):
            why = "its name is nearly the same and nothing else is called so"
            parameters = {"column": candidate, "to": name}
            yield Option(f"rename-{place}", "rename_column", f"rename {candidate} to {name}", parameters, why)
        yield Option("add", "add_column", f"add {name} without values", {"column": name})
    elif name in data.columns:
        yield Option("drop-column", "drop_named_column", f"leave {name} out", {"column": name})


@kind("Schema drift", dimension=Dimension.CONSISTENCY, settings=DriftSettings, recommend=_drift_options)
def schema_drift(data: Dataset, settings: Settings[DriftSettings]) -> Iterable[Finding]:
    """Columns that the contract or the last run has and this table has not, or the other way round.

    A column that is gone concerns every row; an additional one is information. Keeping it accepts it for this run;
    what shall hold for the next ones is written into the contract.
    """
    promised = _promised(data.contract)
    before = tuple(c.name for c in data.before.columns) if data.before else ()
    known = dict.fromkeys((*promised, *before))
    for name in known:
        if name not in data.columns:
            where = "the contract" if name in promised else "the last run"
            yield _drifted(data, name, "gone", f"{where} has a column {name}, this table has not", known)
    if settings.default.additional and known and ((promised and len(promised) >= len(data.columns) / 2) or before):
        for name in data.columns:
            if name not in known:
                yield _drifted(data, name, "new", f"nothing said before that there is a column {name}", known)


def _promised(contract: Contract) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*contract.columns, *contract.key)))


def _drifted(data: Dataset, name: str, change: str, why: str, known: Iterable[str]) -> Finding:
    rows = data.profile.rows
    strange = [column for column in data.columns if column not in known]
    return Finding(
        (),
        whole_rows(data.table),
        rows,
        rows,
        why,
        Severity.HIGH if change == "gone" else Severity.INFO,
        unit="row",
        title=f"Column {name} is {'missing' if change == 'gone' else 'new'}",
        facts={"column": name, "change": change, "candidates": _similar(name, strange) if change == "gone" else []},
    )


def _similar(name: str, strange: Iterable[str]) -> list[str]:
    """Columns that may be the missing one: the same letters and digits, or one in four edited, the likest first."""
    from rapidfuzz.distance import OSA

    def bare(text: str) -> str:
        return "".join(c for c in text.casefold() if c.isalnum())

    wanted = bare(name)
    near = [(OSA.distance(wanted, bare(other)), other) for other in strange]
    return [other for edits, other in sorted(near) if edits <= max(len(wanted), 1) / 4][:3]


@remedy("Rename a column", parameters=Rename)
def rename_column(data: Dataset, issue: Issue, p: Rename) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Give a column the name that the contract has for it; nothing where it has it already."""
    if p.to in data.columns and p.column not in data.columns:
        return ()
    return (ColumnRename(p.column, p.to),)


@remedy("Add a column", parameters=Column)
def add_column(data: Dataset, issue: Issue, p: Column) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Add a column without values; nothing where it is there already."""
    if p.column in data.columns:
        return ()
    return (ColumnAdd(p.column, data.table.limit(0).select(ROW), None, None),)


@remedy("Leave a column out", parameters=Column)
def drop_named_column(data: Dataset, issue: Issue, p: Column) -> tuple[Effect, ...]:  # noqa: ARG001  (a Remedier)
    """Take a column out; nothing where it is gone already."""
    return (ColumnDrop(p.column),) if p.column in data.columns else ()


# --- volume and distribution ----------------------------------------------------------------------------------


class ShiftSettings(KindSettings):
    """How much a table may change from run to run.

    Attributes:
        rows: share by which the number of rows may grow or shrink, 0 to 1 and more.
        gaps: by how much the share of missing values of a column may rise, 0 to 1.
        psi: population stability index of a column's most frequent values from which it has shifted (0.25: clearly).
    """

    rows: float = Field(0.5, gt=0)
    gaps: float = Field(0.1, gt=0, le=1)
    psi: float = Field(0.25, gt=0)


@kind("Volume or distribution shift", dimension=Dimension.TIMELINESS, settings=ShiftSettings)
def shift(data: Dataset, settings: Settings[ShiftSettings]) -> Iterable[Finding]:
    """Far more or fewer rows, more gaps, or other values than in the last run that was loaded.

    The index compares the shares of the twenty most frequent values and of the rest (PSI = Σ (p − q) · ln(p / q)).
    Keeping it accepts this run as the new normal; a no-go asks for another extract.
    """
    if data.before is None or not data.before.rows or not data.profile.rows:
        return
    change = data.profile.rows / data.before.rows - 1
    if abs(change) > settings.default.rows:
        rows = data.profile.rows
        why = f"{rows:,} rows, {data.before.rows:,} in the last run ({change:+.0%})"
        yield Finding(
            (), whole_rows(data.table), rows, rows, why, Severity.INFO, unit="row", title="Volume shift",
            facts={"rows": rows, "before": data.before.rows},
        )  # fmt: skip
    for column in data.profile.columns:
        yield from _shifted(data, data.before, column, settings.of(column.name))


def _shifted(data: Dataset, before: Profile, column: ColumnProfile, chosen: ShiftSettings) -> Iterator[Finding]:
    last = next((c for c in before.columns if c.name == column.name), None)
    if last is None or not last.present_count or not column.present_count:
        return
    gaps, index = column.missing_rate - last.missing_rate, stability(last, column)
    told = []
    if gaps > chosen.gaps:
        told.append(f"{column.missing_rate:.1%} are missing, {last.missing_rate:.1%} were")
    if index > chosen.psi and last.distinct_count <= len(last.top):
        told.append(f"its values have other shares than before (PSI {index:.2f})")
    if told:
        table = only(data.table, (ROW, column.name))
        cells = table.filter(table[column.name].notnull())
        yield Finding(
            (column.name,),
            cells.select(ROW, column=ibis.literal(column.name), value=cells[column.name]),
            column.rows - column.null_count,
            column.rows,
            "; ".join(told),
            Severity.INFO,
            title=f"Shift in {column.name}",
            facts={"psi": round(index, 4), "gaps": round(gaps, 4)},
        )


def stability(before: ColumnProfile, after: ColumnProfile) -> float:
    """The population stability index of a column between two runs, over its most frequent values before.

    A share of nothing counts as one in ten thousand, so that the index is finite.
    """
    least = 1e-4
    now = dict(after.top)
    shares = [(n / before.present_count, now.get(value, 0) / after.present_count) for value, n in before.top]
    rest = (1 - sum(p for p, _q in shares), 1 - sum(q for _p, q in shares))
    pairs = [(max(p, least), max(q, least)) for p, q in (*shares, rest)]
    return sum((q - p) * math.log(q / p) for p, q in pairs)


# --- staleness ------------------------------------------------------------------------------------------------


@kind("Stale data", dimension=Dimension.TIMELINESS)
def stale(data: Dataset, settings: Settings[KindSettings]) -> Iterable[Finding]:  # noqa: ARG001
    """A newest date that is older than the contract's `freshness` allows, counted from the day of the run."""
    promise = data.contract.freshness
    if promise is None or promise.column not in data.columns or data.today == dt.date.min:
        return
    table = only(data.table, (promise.column,))
    moments = read(table[promise.column], "timestamp", date_formats(data.contract).get(promise.column))
    newest = table.agg(newest=moments.max()).to_pyarrow()["newest"].to_pylist()[0]
    if newest is None or (data.today - newest.date()).days <= promise.days:
        return
    rows = data.profile.rows
    age = (data.today - newest.date()).days
    yield Finding(
        (promise.column,),
        whole_rows(data.table),
        rows,
        rows,
        f"the newest {promise.column} is {newest.date()}, {age:,} days ago; {promise.days:,} are allowed",
        Severity.HIGH,
        unit="row",
        title=f"Stale data: {promise.column}",
        facts={"newest": newest.date().isoformat(), "days": age},
    )
