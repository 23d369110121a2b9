"""Personal data that anyone could read: addresses, numbers of phones, cards, accounts and machines, national ids.

What looks like it is checked as far as its standard allows (check digits, lengths, ranges that are given out), so that
ordinary numbers are not taken for it. The cells are not wrong and nothing is recommended: whether they may be loaded,
only masked, or not at all is the pilot's decision. A column that the contract calls `personal: true` is known and not
reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import ibis
import pyarrow as pa
from ibis import _
from pydantic import Field

from tasks.quality.identifiers import EMAIL, FORMS, HINTS, LONGEST, NAMES, SHORTEST, WITHIN, Family, Form, any_of
from tasks.quality.model import (
    ROW,
    CellWrites,
    Change,
    ColumnProfile,
    Dataset,
    Dimension,
    Effect,
    Finding,
    Issue,
    Option,
    Preview,
    Severity,
)
from tasks.quality.pseudonyms import can_hash, with_hashes
from tasks.quality.queries import cells_where, lent, rows_where, suspects
from tasks.quality.registry import KindSettings, Parameters, Settings, kind, remedy
from tasks.quality.sequences import words
from tasks.quality.wording import some_of

SAMPLE = 5
MOST_BY_CHANCE = 1e-6
"""Values that would all pass a check with a greater probability are not believed to be what they look like, unless
their column's name says so."""

HARDLY_BY_CHANCE = 0.05
"""An arbitrary text of a form that is valid no more often than this is taken for personal data by itself."""

GRAVE = ("card", "iban", "ssn", "nino", "steuer_id", "dni", "nir", "bsn")
"""What can be used to harm the person."""


class PersonalSettings(KindSettings):
    """What is reported.

    Attributes:
        share: of a column's values that must hold personal data of one sort, 0 to 1; 0: one is enough.
        sorts: what is looked for.
    """

    share: float = Field(0.0, ge=0, le=1)
    sorts: tuple[Family, ...] = tuple(NAMES)


class Masked(Parameters):
    """Attributes: keep: how many characters at the end stay readable; of an e-mail address, its domain does."""

    keep: int = Field(4, ge=0, le=6)


class Hashed(Parameters):
    """Attributes: space: hashes of different spaces cannot be compared; name e.g. who gets the data."""

    space: str = Field("", max_length=60)


class Tokenised(Hashed):
    """Attributes: prefix: what tokens begin with, by default what the values are."""

    prefix: str = Field("", max_length=20, pattern="^[A-Za-z0-9_-]*$")


def _personal_options(data: Dataset, issue: Issue) -> Iterator[Option]:
    keep = issue.facts["keeps"]
    yield _option(
        data, issue, "mask", "mask_values", f"mask them: {keep} stays readable", Masked(), "masks may be equal"
    )
    if can_hash(data):
        why = "equal values stay equal, also across tables and runs; the key never leaves this installation"
        yield _option(data, issue, "tokenise", "tokenise", "write short tokens instead", Tokenised(), why)
        yield _option(data, issue, "hash", "keyed_hash", "write keyed hashes instead (HMAC-SHA-256)", Hashed(), why)
    column = data.profile.column(issue.columns[0])
    cells = column.rows - column.null_count
    gone = tuple(Change(c.row, c.column, c.value, None) for c in issue.sample[:SAMPLE])
    seen = Preview(rows_changed=cells, cells_changed=cells, columns_dropped=issue.columns, changes=gone)
    yield Option("drop-column", "drop_column", "drop the column", preview=seen)


def _option(
    data: Dataset, issue: Issue, key: str, remedy_: str, label: str, parameters: Parameters, why: str
) -> Option:
    """An option that changes every suspect cell: what it changes is known, only a sample has to be computed."""
    shown = issue.sample[:SAMPLE]
    texts = {"place": list(range(len(shown))), "value": [cell.value for cell in shown]}
    rows = ibis.memtable(texts, schema={"place": "int64", "value": "string"})
    pseudonymised = _REWRITES[remedy_](data, issue, parameters, rows).order_by("place")
    found = data.table.get_backend().to_pyarrow(pseudonymised.select("after"))["after"].to_pylist()
    changes = tuple(Change(c.row, c.column, c.value, after) for c, after in zip(shown, found, strict=True))
    seen = Preview(rows_changed=issue.count, cells_changed=issue.count, changes=changes)
    return Option(key, remedy_, label, parameters.model_dump(mode="json"), why, preview=seen)


@kind(
    "Exposed personal data",
    dimension=Dimension.CONFIDENTIALITY,
    settings=PersonalSettings,
    recommend=_personal_options,
)
def personal_data(data: Dataset, settings: Settings[PersonalSettings]) -> Iterable[Finding]:
    """E-mail addresses, phone and card numbers, bank accounts, public IP addresses and national ids, validated.

    Nothing is wrong with the cells, so the confidence is 0. Severity is low for what can harm the person (cards,
    accounts, national ids), information for the rest, and high where the contract says `personal: false`.
    """
    columns = [c for c in data.profile.columns if data.contract.column(c.name).personal is not True and _may_hold(c)]
    tallies = personal_tallies(data, [c.name for c in columns])
    for column in columns:
        chosen = settings.of(column.name)
        for family, forms in _believed(column, tallies.get(column.name, {})).items():
            if family in chosen.sorts:
                yield from _exposed(data, column, family, forms, chosen.share)


def _exposed(
    data: Dataset, column: ColumnProfile, family: Family, forms: Sequence[Form], share: float
) -> Iterator[Finding]:
    cells = cells_where(data, column.name, _suspect(family, forms))
    count = rows_where(data, column.name, cells)
    if not count or count < share * column.present_count:
        return
    forbidden = data.contract.column(column.name).personal is False
    name = NAMES[family][0].upper() + NAMES[family][1:]
    yield Finding(
        (column.name,),
        cells,
        count,
        column.present_count,
        f"{some_of(count, column.present_count, 'value', 'holds', 'hold')} {NAMES[family]}"
        + (", but the contract says that nothing personal is here" if forbidden else ""),
        Severity.HIGH if forbidden else Severity.LOW if family in GRAVE else Severity.INFO,
        title=f"{name} in {column.name}",
        facts={"sort": family, "keeps": "the domain" if family == "email" else "the end"},
    )


def _may_hold(column: ColumnProfile) -> bool:
    """Whether a column's values can be anything personal by their type and lengths."""
    return column.max_length >= SHORTEST and column.kind not in ("empty", "number", "date", "boolean")


def _suspect(family: Family, forms: Sequence[Form]) -> Callable[[Any], Any]:
    valid = any_of(tuple(forms))
    if family == "email":
        return lambda text: (text.contains("@") & (text.length() <= WITHIN) & valid(text)).fill_null(False)
    return lambda text: (text.length().between(SHORTEST, LONGEST) & valid(text)).fill_null(False)


def personal_among(connection: Any, values: Iterable[str | None]) -> frozenset[str]:
    """The texts of a form that hardly anything but personal data has: what can be said of one cell alone."""
    texts = pa.array(sorted({value for value in values if value is not None}), pa.string())
    with lent(connection, {"_values": pa.table({"value": texts})}):
        return frozenset(value for (value,) in connection.execute(_of_personal_form()).fetchall())


@cache
def _of_personal_form() -> str:
    """A query for `value` of `_values`: planned once, which takes much longer than asking it."""
    hardly = tuple(form for form in FORMS if form.chance <= HARDLY_BY_CHANCE and form.alone <= 1)
    values = ibis.table({"value": "string"}, name="_values")
    return str(ibis.to_sql(values.filter(any_of(hardly)(values["value"]).fill_null(False)), dialect="duckdb"))


Tallies: TypeAlias = Mapping[str, Mapping[str, int]]
"""Per column and form: rows and different values that are valid, and different ones of the shape."""

TALLIES = "tallies of personal data"
"""Under what a dataset keeps them (`Dataset.kept`): the profile needs them as well as the assessment."""


def personal_tallies(data: Dataset, columns: Sequence[str]) -> Tallies:
    """What the columns hold that looks like personal data; counted once for a table."""
    if TALLIES not in data.kept:
        data.kept[TALLIES] = _tallies(data, columns) if columns else {}
    tallies: Tallies = data.kept[TALLIES]
    return tallies


def _tallies(data: Dataset, columns: Sequence[str]) -> dict[str, dict[str, int]]:
    """The tallies; what is checked, which is slow to plan, are only the forms whose shape occurs."""
    own = data.domains.filter(data.domains.column.isin(list(columns)))
    whole = [form for form in FORMS if form.family != "email"]
    shapes = "|".join(f"(?:{form.shape})" for form in whole)
    likely = own.filter(own["value"].length().between(SHORTEST, LONGEST), own["value"].re_search(shapes))
    mail = own.filter(own["value"].contains("@"), own["value"].length() <= WITHIN)
    found: dict[str, dict[str, int]] = {}
    for rows, forms in ((mail, [form for form in FORMS if form.family == "email"]), (likely, whole)):
        shaped = {f"{form.name}_shaped": form.shaped(rows["value"]).sum() for form in forms}
        _add(found, rows.group_by("column").agg(**shaped))
        if met := [form for form in forms if any(tally.get(f"{form.name}_shaped") for tally in found.values())]:
            told = {f"{form.name}_valid": form.valid(rows["value"]) for form in met}
            judged = rows.select("column", "n", **told)
            sums = {f"{form.name}_rows": judged.n.sum(where=judged[f"{form.name}_valid"]) for form in met}
            _add(found, judged.group_by("column").agg(**sums, **{name: judged[name].sum() for name in told}))
    return found


def _add(found: dict[str, dict[str, int]], tallied: ibis.Table) -> None:
    for record in tallied.to_pyarrow().to_pylist():
        found.setdefault(record.pop("column"), {}).update({name: int(n) for name, n in record.items() if n})


def _believed(column: ColumnProfile, tally: Mapping[str, int]) -> dict[Family, list[Form]]:
    """The sorts of personal data that a column holds, each with the forms that it has."""
    named = set(words(column.name))
    found: dict[Family, list[Form]] = {}
    for form in FORMS:
        valid, shaped = tally.get(f"{form.name}_valid", 0), tally.get(f"{form.name}_shaped", 0)
        hinted = not HINTS[form.family].isdisjoint(named)
        often = tally.get(f"{form.name}_rows", 0) >= form.alone * column.present_count
        told = hinted or (often and form.chance**valid <= MOST_BY_CHANCE)
        if valid and valid >= form.pure * shaped and told:
            found.setdefault(form.family, []).append(form)
    return found


# --- remedies -----------------------------------------------------------------------------------------------------


def _masked(data: Dataset, issue: Issue, p: Parameters, rows: ibis.Table) -> ibis.Table:  # noqa: ARG001  (a rewrite)
    keep, value, family = p.model_dump()["keep"], rows["value"], issue.facts["sort"]
    if family == "email":
        return rows.mutate(after=value.re_replace(EMAIL, r"***@\2"))
    if family == "ip":
        return rows.mutate(after=value.re_replace(r"[0-9A-Fa-f]+([.:])[0-9A-Fa-f]*\s*$", r"*\1*"))
    text = value.strip()
    hidden = text.left(ibis.greatest(text.length() - keep, 0)).re_replace(r"[\p{L}0-9]", "*")
    return rows.mutate(after=hidden + text.right(keep))


def _hashed(data: Dataset, issue: Issue, p: Parameters, rows: ibis.Table) -> ibis.Table:  # noqa: ARG001  (a rewrite)
    return with_hashes(data, rows, "value", p.model_dump()["space"]).rename(after="hash")


TOKEN_LENGTH = 16
"""Hexadecimal digits of a token: among a million values two are the same with a probability of 3 in 10⁸."""


def _tokens(data: Dataset, issue: Issue, p: Parameters, rows: ibis.Table) -> ibis.Table:
    prefix = p.model_dump()["prefix"] or f"{issue.facts['sort']}-"
    hashed = with_hashes(data, rows, "value", p.model_dump()["space"])
    return hashed.mutate(after=ibis.literal(prefix) + hashed["hash"].left(TOKEN_LENGTH)).drop("hash")


_REWRITES: Mapping[str, Callable[[Dataset, Issue, Parameters, ibis.Table], ibis.Table]] = {
    "mask_values": _masked,
    "keyed_hash": _hashed,
    "tokenise": _tokens,
}
"""Remedy → rows with `value` → the same rows with `after`."""


def _rewritten(data: Dataset, issue: Issue, remedy_: str, p: Parameters) -> tuple[Effect, ...]:
    rows = _REWRITES[remedy_](data, issue, p, suspects(data, issue).select(ROW, "value"))
    return (CellWrites(issue.columns[0], rows.select(ROW, after=_["after"])),)


@remedy("Mask", parameters=Masked)
def mask_values(data: Dataset, issue: Issue, p: Masked) -> tuple[Effect, ...]:
    """Write stars for all letters and digits but the last ones; of an e-mail address the domain stays."""
    return _rewritten(data, issue, "mask_values", p)


@remedy("Hash with a key", parameters=Hashed)
def keyed_hash(data: Dataset, issue: Issue, p: Hashed) -> tuple[Effect, ...]:
    """Write HMAC-SHA-256 of each value; the key lies beside the staged data and is recorded nowhere."""
    return _rewritten(data, issue, "keyed_hash", p)


@remedy("Tokenise", parameters=Tokenised)
def tokenise(data: Dataset, issue: Issue, p: Tokenised) -> tuple[Effect, ...]:
    """Write a short token for each value: the beginning of its keyed hash; equal values get equal tokens."""
    return _rewritten(data, issue, "tokenise", p)
