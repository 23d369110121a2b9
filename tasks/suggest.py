"""Suggest: a commented pipeline for a data file, with the contract that the data keeps by itself, but for errors.

Nothing is promised that hardly holds: a promise stands in the contract when at least `HOLDS` of the values keep it (of
what there must be, and may be, `FIRM`), and its comment says how many do not. What would only be a guess is written as
a comment, for the user to take in. Words that mean "no value" are none. Where the source has types of its own, they are
what the contract begins with: digits in a column of text are no numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from blocks.scratch import scratch
from blocks.sources import Reading
from blocks.spec import PipelineSpec
from blocks.staging import Staging
from tasks.quality.formulas import mined
from tasks.quality.mining import dependencies
from tasks.quality.model import ColumnProfile, Dataset, Pattern
from tasks.quality.profile import domains, is_missing, profile
from tasks.quality.records import is_numbering, is_unique
from tasks.quality.sequences import date_format
from tasks.quality.slips import one_edit_away
from tasks.quality.typed import ColumnType, read
from tasks.quality.wording import plural
from tasks.quality.words import NO_VALUE

HOLDS, FIRM = 0.95, 0.995
SELDOM = 0.0005
"""Values that so few of a column have, or one, may be errors."""

FEWEST_ROWS = 20
MOST_ALLOWED = 12
MOST_DEPENDENCIES = 20
_TYPES: tuple[tuple[str, ColumnType], ...] = (
    (r"u?(big|small|tiny|medium|huge)?int(eger)?[0-9]*\b|(big|small)?serial", "integer"),
    (r"numeric|decimal|number|double|float|real", "number"),
    (r"timestamp|datetime", "timestamp"),
    (r"date$", "date"),
    (r"bool", "boolean"),
    (r".*(char|text|clob|string)|uuid|enum|name$", "text"),
)
"""How types of databases and of Parquet are called, and what they are here."""


def suggest(spec: PipelineSpec, beside: Path | None = None) -> str:
    """The YAML of a pipeline whose contract is what its source shows.

    Args:
        spec: says what the source is; its contract is not looked at.
        beside: the folder where the YAML shall be, as paths in it start from there; the source's own by default.

    Raises:
        SourceError: the source cannot be read.
        Unavailable: it is not there.
    """
    with scratch() as folder:
        staging = Staging(str(folder))
        batch = spec.source.read(Reading(staging, "suggest", spec.name, spec.base()))
        with staging.open(batch.snapshot) as tables:
            staging.write_domains("suggest", batch.snapshot, domains(tables.table("snapshot")))
        with staging.open(batch.snapshot) as tables:
            table, values = tables.table("snapshot"), tables.table("domains")
            data = Dataset(table, values, profile(table, values, batch.snapshot.fingerprint), spec.contract)
            return "\n".join([*_head(spec, data, beside), *_contract(data, batch.types), *_tail(spec)]) + "\n"


def _head(spec: PipelineSpec, data: Dataset, beside: Path | None) -> Iterator[str]:
    source = {"kind": spec.source.kind, **spec.source.model_dump(mode="json", exclude_unset=True)}
    if beside is not None and beside.resolve() != spec.base().resolve():
        source = _anchored(source, spec.base().resolve())
    size = f"{plural(data.profile.rows, 'row')} × {plural(len(data.columns), 'column')}"
    yield f"# Suggested from {size} of {spec.source.describe()}."
    yield "# Read every line: what the data shows is not always what you mean. It runs as it is."
    yield f"name: {_text(spec.name)}"
    yield ""
    yield yaml.safe_dump({"source": source}, sort_keys=False, allow_unicode=True, width=1000)


def _anchored(source: Any, folder: Path) -> Any:
    """A source's settings with paths that no longer depend on where the pipeline's file is."""
    if not isinstance(source, dict):
        return source
    own = {name: _anchored(value, folder) for name, value in source.items()}
    if own.get("kind") == "file" and "://" not in own["path"]:
        own["path"] = str(folder / own["path"])
    return own


def _tail(spec: PipelineSpec) -> Iterator[str]:
    destination = spec.destination.model_dump(mode="json", exclude_defaults=True)
    yield "# What you want to know; measured before and after, and in every preview:"
    yield "# goals:"
    yield "#   - name: Rows"
    yield "#     metric: count(*)"
    yield "#     target: '>= 1000'"
    yield ""
    yield "destination:"
    yield f"  kind: {spec.destination.kind}"
    yield from (f"  {name}: {_text(str(value))}" for name, value in destination.items() if name != "kind")


def _contract(data: Dataset, types: Mapping[str, str]) -> Iterator[str]:
    yield "# What the data promises, as far as it keeps the promise itself."
    yield "contract:"
    keys = [c for c in data.profile.columns if is_unique(c)]
    for place, column in enumerate(sorted(keys, key=lambda c: (c.date_count > 0, is_numbering(c)))):
        sign = "" if place == 0 else "# or "
        yield f"  {sign}key: [{_text(column.name)}]  # filled in every row and never twice"
    yield "  columns:"
    for column in data.profile.columns:
        yield from _column(data, column, types.get(column.name, ""))
    yield from _dependencies(data)
    yield from _rules(data)
    yield ""


def _column(data: Dataset, column: ColumnProfile, said: str) -> Iterator[str]:
    lines = list(_promises(data, column, said))
    yield f"    {_text(column.name)}:" + (" {}" if not any(not line.startswith("#") for line in lines) else "")
    yield from (f"      {line}" for line in lines)


def known_type(said: str) -> ColumnType | None:
    """What a type of a database or of Parquet is here; none when it is something else.

    >>> known_type("bigint"), known_type("numeric(10, 2)"), known_type("timestamp with time zone"), known_type("jsonb")
    ('integer', 'number', 'timestamp', None)
    >>> known_type("varchar(20)"), known_type("date"), known_type("double precision"), known_type("interval")
    ('text', 'date', 'number', None)
    """
    return next((type_ for pattern, type_ in _TYPES if re.match(pattern, said)), None)


def _promises(data: Dataset, column: ColumnProfile, said: str) -> Iterator[str]:
    present, own = column.present_count, known_type(said)
    if not present:
        yield f"type: {own}  # as the source says ({said}); nothing is in it" if own else "# nothing is in it"
        return
    missing = column.missing_count + sum(n for value, n in column.top if _means_nothing(value))
    if column.rows >= FEWEST_ROWS and missing <= (1 - HOLDS) * column.rows:
        yield _firm(f"required: true{_but(missing, 'are missing')}", missing, column.rows)
    if own == "text":
        yield from _texts(column)
        return
    if own is not None:
        yield f"type: {own}  # as the source says: {said}"
        yield from _bounds(column, own)
        return
    for type_, n in (("integer", column.integer_count), ("number", column.numeric_count)):
        if n >= HOLDS * present:
            yield f"type: {type_}{_but(present - n, 'are not')}"
            yield from _bounds(column, type_)
            return
    written = date_format(data, column)
    yield from _texts(column) if written is None else _dates(data, column, written)


def _dates(data: Dataset, column: ColumnProfile, written: str) -> Iterator[str]:
    type_: ColumnType = "timestamp" if not written and column.max_length > len("2026-01-31") else "date"
    values = data.domains.filter(data.domains.column == column.name)
    unread = values.filter(~is_missing(values.value) & read(values.value, type_, written or None).isnull())
    yield f"type: {type_}{_but(int(unread.n.sum().fill_null(0).execute()), 'are not')}"
    if written:
        yield f"format: {_text(written)}"


def _bounds(column: ColumnProfile, type_: str) -> Iterator[str]:
    if type_ in ("integer", "number") and column.minimum is not None and column.maximum is not None:
        least = min(0, column.minimum)
        yield f"# minimum: {least:.15g}  # from {column.minimum:.15g} to {column.maximum:.15g}"


def _texts(column: ColumnProfile) -> Iterator[str]:
    present = column.present_count - sum(n for value, n in column.top if _means_nothing(value))
    frequent = [(v, n) for v, n in column.top if n >= max(2, SELDOM * present) and not _means_nothing(v)]
    covered = sum(n for _value, n in frequent)
    listed = 2 <= len(frequent) <= MOST_ALLOWED and covered >= HOLDS * present  # noqa: PLR2004
    if listed and present >= FEWEST_ROWS:
        values = ", ".join(json.dumps(value, ensure_ascii=False) for value, _n in frequent)
        line = f"allowed: [{values}]{_but(present - covered, 'are not among them')}"
        if slip := one_edit_away(frequent):
            yield f"# {line}  # '{slip[0]}' may be a slip of '{slip[1]}'"
        else:
            yield _firm(line, present - covered, present)
        return
    usual = _usual_pattern(column)
    if usual is not None:
        expression = "".join({"9": r"\d+", "a": r"\p{L}+"}.get(c, _escaped(c)) for c in usual.text)
        yield f"pattern: {_text(expression)}{_but(column.present_count - usual.rows, 'are written otherwise')}"


def _means_nothing(value: str) -> bool:
    return value.strip().lower() in NO_VALUE


def _firm(line: str, broken: int, values: int) -> str:
    """The line, as a comment where too many values break what it says."""
    return line if broken <= (1 - FIRM) * values else f"# {line}"


def _usual_pattern(column: ColumnProfile) -> Pattern | None:
    usual = column.patterns[0] if column.patterns else None
    telling = usual is not None and "9" in usual.text and column.present_count >= FEWEST_ROWS
    return usual if usual is not None and telling and usual.rows >= HOLDS * column.present_count else None


def _escaped(sign: str) -> str:
    return f"\\{sign}" if sign in r".^$*+?{}[]\|()" else sign


def _but(count: int, what: str) -> str:
    return f"  # {count:,} {what}" if count else ""


def _dependencies(data: Dataset) -> Iterator[str]:
    found = [d for d in dependencies(data) if not d.given][:MOST_DEPENDENCIES]
    if not found:
        return
    yield "  # Columns that others determine. They are found by themselves, too; here they hold without doubt:"
    yield "  # dependencies:"
    for d in found:
        held = f"holds in {d.holding:,} of {plural(d.groups, 'group')}"
        yield f"  #   - {{column: {_text(d.dependent)}, of: {_text(d.determinant)}}}  # {held}"


def _rules(data: Dataset) -> Iterator[str]:
    met: set[frozenset[str]] = set()
    rules = []
    found = sorted(mined(data, data.profile.columns, lambda _name: HOLDS), key=lambda f: "*+-/".index(f[1].operator))
    for target, formula, held in found:
        columns = frozenset((target.name, formula.left, formula.right))
        if columns in met:
            continue
        met.add(columns)
        names = {n: '"' + n.replace('"', '""') + '"' for n in columns}
        side = f"{names[formula.left]} {formula.operator} {names[formula.right]}"
        expression = f"round({side}, {formula.decimals}) = {names[target.name]}"
        rules.append((f"{target.name} is {formula.left} {formula.operator} {formula.right}", expression, held))
    if rules:
        yield "  rules:"
    for name, expression, held in rules:
        yield f"    - name: {_text(name)}"
        yield f"      expression: {_text(expression)}{_but(held['complete'] - held['holds'], 'rows break it')}"


def _text(value: str) -> str:
    """A YAML scalar that is this text whatever is in it."""
    if "\\" in value and "\n" not in value:
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value, ensure_ascii=False)


def write(text: str, out: Path) -> None:
    """Write a suggestion where nothing is yet.

    Raises:
        PilotMustDecide: there is a file of that name.
    """
    from blocks.staging import write_text
    from tasks.quality.errors import PilotMustDecide

    if out.exists():
        raise PilotMustDecide(f"{out} is there already", todo="name another file with --out, or remove it")
    write_text(out, text)
