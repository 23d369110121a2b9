"""What every kind of issue and every remedy promises, asked of each that is registered, over tables that bite.

A new kind needs nothing here but a table in `TABLES` in which it finds something.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tasks.quality.contract import Contract
from tasks.quality.detect import assess, flagged_cells
from tasks.quality.effects import apply, conserve, preview
from tasks.quality.model import ROW, Assessment, CellWrites, Dataset, Issue, Option
from tasks.quality.queries import suspects
from tasks.quality.registry import find_remedy, kinds, remedies
from tests.quality.opened import again, contents, opened, records, snapshot

NAMES = ["order by", '"quoted"', "a.b", "_old", "_Before", "value", "column", "群 🎈", "'; --"]
CELLS = ["<b>x</b>", "'; DROP TABLE snapshot; --", '"', "a\nb", "🎈", "=1+1", "\\", "{{ x }}", "%s", " ", "", "n/a"]
ROWS = 60


def orders() -> dict[str, list[str | None]]:
    """Gaps, words for null, sentinels, a formula, an empty and a constant column, columns filled together."""
    quantity = [str(n % 7 + 1) for n in range(ROWS)]
    price = [f"{n % 11 + 0.5:.2f}" for n in range(ROWS)]
    total = [f"{int(q) * float(p):.2f}" for q, p in zip(quantity, price, strict=True)]
    return {
        "order by": [f"{CELLS[n % 8]} {n}" for n in range(ROWS)],
        "quantity": ["N/A" if n == 9 else q for n, q in enumerate(quantity)],
        '"price"': list(price),
        "total": [None if n in (3, 40) else t for n, t in enumerate(total)],
        "a.b": [None if n % 3 else CELLS[n % 8] for n in range(ROWS)],
        "b.a": [None if n % 3 or n == 3 else str(n) for n in range(ROWS)],
        "age": ["9999" if n in (7, 8) else str(20 + n % 31) for n in range(ROWS)],
        "nothing": [None if n % 2 else " " for n in range(ROWS)],
        "always": ["<i>"] * ROWS,
    }


def customers() -> dict[str, list[str | None]]:
    """Rows that repeat wholly, and rows that repeat their key only."""
    town = [["Bonn", "Köln", "Trier", "Kiel", "Ulm", "Jena", "Gera"][n * n % 7] for n in range(ROWS)]
    columns: dict[str, list[str | None]] = {
        "id": [f"c{n}" for n in range(ROWS)],
        "mail": [f"p{n * 13}@example.org" for n in range(ROWS)],
        "town": list(town),
    }
    for column in columns.values():
        column += [column[1], column[2], column[5], column[11]]
    columns["town"][-2:] = ["Bon", "Köln "]
    columns["mail"][7] = "p91 (at) example.org"
    return columns


def people() -> dict[str, list[str | None]]:
    """Two records of one person, one of them with a typing error."""
    given = ("Anna", "Bernd", "Clara", "David", "Emma", "Felix", "Greta", "Hans")
    family = ("Abendroth", "Birnbaum", "Castellani", "Donnerstag", "Eichhorn", "Fischer", "Grünwald")
    columns: dict[str, list[str | None]] = {
        "id": [str(3 * n) for n in range(200)],
        "name": [f"{given[n % 8]} {family[n % 7]}" for n in range(200)],
        "street": [f"{n % 151} Mill Lane" for n in range(200)],
        "town": [f"town {n % 113}" for n in range(200)],
        "phone": [f"+49 {n * 7 % 181}" for n in range(200)],
    }
    for column in columns.values():
        column.append(column[2])
    columns["id"][-1], columns["name"][-1] = "2000", "Clara Castelani"
    return columns


def sources() -> dict[str, list[str | None]]:
    """Several sources that describe one entity each, and disagree."""
    rows = [(f"F{n:03}", f"site{s}") for n in range(30) for s in range(5)]
    leave = [f"{6 + int(f[1:]) % 12}:{int(f[1:]) * 7 % 60:02} a.m." for f, _s in rows]
    gate = [f"{'ABCDE'[int(f[1:]) % 5]}{int(f[1:]) * 3 % 40}" for f, _s in rows]
    leave[2], leave[33], gate[17], gate[71] = "5:55 a.m.", None, "Z9", "Z8"
    return {"flight": [f for f, _s in rows], "src": [s for _f, s in rows], "leave": leave, "gate": gate}


def parcels() -> dict[str, list[str | None]]:
    """Numbers with and without units, dates and times in two ways, odd patterns, spaces, damage, a spilled value."""
    states = ["OR", "CA", "NY", "TX"]
    notes = ["<b>fine</b>", "late ", "a  b", "caf\u00c3\u00a9", "R&amp;D"]
    columns: dict[str, list[str | None]] = {
        "weight": [f"{n % 9 + 1}.5" if n % 4 else f"{n % 9 + 1}.5 kg" for n in range(ROWS)],
        "sent on": [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(ROWS)],
        "due": [f"{n % 12 + 1}/{n % 12 + 1}/2024" for n in range(ROWS)],
        "paid": [f"{n % 28 + 1:02}/{n % 12 + 1:02}/2024" for n in range(ROWS)],
        "from": [f"{n % 24:02}:{n % 4}5" for n in range(ROWS)],
        "count": [str(n % 13) for n in range(ROWS)],
        "code": [f"AB-{n:03}" for n in range(ROWS)],
        "zip": [f"{n % 6:02}{n % 3}01"[n % 12 == 1 :] for n in range(ROWS)],
        "note": [f"{notes[n % 5]} x{n}" for n in range(ROWS)],
        "town": [
            ["Salem", "Fresno", "Albany", "Austin"][n % 4] + f" {states[n % 4]}" * (n % 10 == 3) for n in range(ROWS)
        ],
        "state": [None if n % 10 == 3 else states[n % 4] for n in range(ROWS)],
    }
    columns["sent on"][3:5] = ["Jan 5, 2024", "7 Feb 2024"]
    columns["due"][5], columns["paid"][8] = "3/4/2024", "09/24/2024"
    columns["from"][4:6] = ["11:45 PM", "8h05"]
    columns["count"][7] = "twelve"
    columns["code"][9] = "A9B?"
    return columns


def sales() -> dict[str, list[str | None]]:
    """Spellings, slips, values that are not allowed, broken dependencies, formulas, references and totals."""
    towns = ["Hamburg", "Bremen", "Kassel", "Potsdam", "Dresden", "Leipzig"]
    rows = 240
    columns: dict[str, list[str | None]] = {
        "branch": [f"B{n % 6}" for n in range(rows)],
        "town": [towns[n % 6] for n in range(rows)],
        "zip": [f"{10000 + 1111 * (n % 6)}" for n in range(rows)],
        "size": [["small", "large"][n * 7 % 11 % 2] for n in range(rows)],
        "quantity": [str(n % 7 + 1) for n in range(rows)],
        "price": [f"{n % 11 + 0.5:.2f}" for n in range(rows)],
        "boss": ["B0" if n % 50 else "B 1" for n in range(rows)],
    }
    columns["total"] = [
        f"{int(q or 0) * float(p or 0):.2f}" for q, p in zip(columns["quantity"], columns["price"], strict=True)
    ]
    columns["town"][7], columns["town"][20], columns["town"][31] = "Bremn", "KASSEL", "Dresden"
    columns["size"][9] = "smal"
    columns["branch"][100], columns["town"][100] = columns["town"][100], columns["branch"][100]
    columns["total"][50] = "1.00"
    return columns


def readings() -> dict[str, list[str | None]]:
    """Numbers out of bounds and far away, impossible years, ends before starts, infinity, cut-off text, e-mail."""
    rows = 160
    columns: dict[str, list[str | None]] = {
        "degrees": [str(n % 21 + 5) for n in range(rows)],
        "paid": [f"{n % 37 + 1}.25" for n in range(rows)],
        "start date": [f"2024-03-{n % 20 + 1:02}" for n in range(rows)],
        "end date": [f"2024-04-{n % 20 + 1:02}" for n in range(rows)],
        "note": ["abcdefghijklmnopqrst"[n // 8] * 31 if n % 4 == 0 else "x" * (n % 23 + 1) for n in range(rows)],
        "mail": [f"person{n}@example.org" for n in range(rows)],
        "ratio": [f"0.{n % 9 + 1}" for n in range(rows)],
    }
    columns["degrees"][3], columns["degrees"][4] = "900", "99"
    columns["paid"][7] = "-3.25"
    columns["end date"][9] = "2024-01-01"
    columns["end date"][11] = "9024-03-02"
    columns["ratio"][5] = "inf"
    return columns


def addresses() -> dict[str, list[str | None]]:
    """Names in capitals and turned, shortened words, lists and codes with other signs, codes that are numbers now."""
    given, family = ("Ann", "Bob", "Carla", "Dieter"), ("Miller", "Jones", "Stone", "Field", "Usher", "Lopez", "Grant")
    kinds, places = ("Street", "Road", "Avenue"), ("Mill", "Bay", "Elm", "Oak", "Ash", "Fir", "Fig")
    rows = 140
    columns: dict[str, list[str | None]] = {
        "contact": [f"{given[n % 4]} {family[n // 4 % 7]}{' jun.' * (n > 90)}" for n in range(rows)],
        "where": [f"{n} {places[n % 7]} {kinds[n % 3]}" for n in range(rows)],
        "call": [f"{200 + n}-{n * 37 % 10000:04}" for n in range(rows)],
        "tags": [("blue, red", "green, red", "blue, green", "sky")[n % 4] for n in range(rows)],
        "part": [f"{4006381000000 + 7919 * n}" for n in range(rows)],
    }
    columns["contact"][3:7] = ["CARLA STONE LOPEZ", "Berger, Ann", "Stone, Carla", "dieter lopez"]
    columns["where"][7:11] = ["3 Mill St.", "4 Bay St", "5 Elm St.", "6 Oak Street"]
    columns["call"][11:13] = ["341.0041", "342 0042"]
    columns["tags"][13] = "blue/green/red"
    columns["part"][14:16] = ["4 006381 333931", "4.00638E+12"]
    return columns


def members() -> dict[str, list[str | None]]:
    """Personal data of several sorts, alone and within texts."""
    return {
        "mail": [f"person{n}@example.org" for n in range(ROWS)],
        "note": [None if n % 2 else f"ask a{n}@b.org, or call" for n in range(ROWS)],
        "phone": [f"+49 170 12345{n:02}" for n in range(ROWS)],
        "konto": ["DE89 3704 0044 0532 0130 00" if n % 3 else "GB82 WEST 1234 5698 7654 32" for n in range(ROWS)],
        "card": ["4111 1111 1111 1111" if n % 2 else "none" for n in range(ROWS)],
    }


def delivery() -> dict[str, list[str | None]]:
    """Missing, new and retyped columns, gaps and other values than before, nothing recent."""
    return {
        "Order-ID": [f"o{n}" for n in range(ROWS)],
        "when": [f"2025-0{n % 9 + 1}-11" for n in range(ROWS)],
        "price": [f"{n % 7} EUR" for n in range(ROWS)],
        "size": ["large" if n % 9 else "small" for n in range(ROWS)],
        "load": [f"{n % 40 + 70}" for n in range(ROWS)],
        "gap": [None if n % 3 else "x" for n in range(ROWS)],
        "extra": [f"e{n % 4}" for n in range(ROWS)],
    }


def delivered_before() -> dict[str, list[str | None]]:
    """What the run before `delivery` had."""
    rows = 10 * ROWS
    return {
        "Order-ID": [f"p{n}" for n in range(rows)],
        "when": [f"2024-0{n % 9 + 1}-11" for n in range(rows)],
        "price": [f"{n % 7}" for n in range(rows)],
        "size": ["small" if n % 9 else "large" for n in range(rows)],
        "load": [f"{n % 90}" for n in range(rows)],
        "gap": ["x"] * rows,
        "left": ["y", "z"] * (rows // 2),
    }


TABLES = {
    "orders": (orders, Contract()),
    "customers": (customers, Contract.model_validate({"key": ["id"]})),
    "sources": (sources, Contract()),
    "people": (people, Contract()),
    "parcels": (parcels, Contract()),
    "addresses": (addresses, Contract()),
    "readings": (
        readings,
        Contract.model_validate(
            {
                "columns": {"degrees": {"minimum": 0, "maximum": 50}},
                "orders": [["start date", "end date"]],
            }
        ),
    ),
    "members": (members, Contract.model_validate({"columns": {"card": {"personal": False}}})),
    "delivery": (
        delivery,
        Contract.model_validate(
            {"columns": {"order_id": {}, "tax": {}}, "freshness": {"column": "when", "days": 30}},
        ),
    ),
    "sales": (
        sales,
        Contract.model_validate(
            {
                "columns": {"size": {"allowed": ["small", "large"]}},
                "rules": [{"name": "few", "expression": "quantity < 7"}],
                "dependencies": [{"column": "town", "of": "branch"}],
                "references": [{"column": "boss", "to": "branch"}],
                "totals": [{"column": "total", "equals": 100}],
            }
        ),
    ),
}


BEFORE = {"delivery": delivered_before}
"""What the last run of a table had."""

TODAY = dt.date(2026, 1, 1)


@contextmanager
def prepared(name: str) -> Iterator[Dataset]:
    columns, contract = TABLES[name]
    with opened(columns(), contract) as data:
        if name not in BEFORE:
            yield data
            return
        with opened(BEFORE[name]()) as last:
            yield replace(data, before=replace(last.profile, snapshot="before"))


@pytest.fixture(scope="module", params=TABLES)
def found(request) -> Iterator[tuple]:
    with prepared(request.param) as data:
        yield data, assess(data, snapshot(data), today=TODAY)


_COUNTED = ("rows_changed", "cells_changed", "rows_removed")


def effects_of(data, issue: Issue, option: Option):
    remedy = find_remedy(option.remedy)
    return remedy.effects(data, issue, remedy.parameters(**option.parameters))


def ready(assessment: Assessment) -> Iterator[tuple[Issue, Option]]:
    """Every option that needs nothing more from the pilot."""
    for issue in assessment.issues:
        yield from ((issue, option) for option in issue.options if not option.needs)


def test_every_kind_finds_something_in_some_table_and_none_crashes():
    met = set()
    for name in TABLES:
        with prepared(name) as data:
            issues = assess(data, snapshot(data), today=TODAY).issues
        assert [issue.why for issue in issues if issue.failed] == []
        met |= {issue.kind for issue in issues}
    assert {kind.name for kind in kinds()} - met == set(), "add a table to TABLES in which this kind finds something"


def test_what_an_issue_says_is_what_its_query_selects(found):
    data, assessment = found
    for issue in assessment.issues:
        cells = records(data.table.get_backend().sql(issue.sql))
        rows = {row[ROW]: row for row in records(data.table)}
        assert len(cells) == issue.count == len({(c[ROW], c["column"]) for c in cells}), issue.id
        assert issue.count <= issue.checked, issue.id
        for cell in cells:
            if issue.unit == "cell":
                assert cell["column"] in issue.columns, issue.id
                assert cell["value"] == rows[cell[ROW]][cell["column"]], issue.id
            else:
                assert (cell["column"], cell["value"]) == (None, None), issue.id
        shown = {(c[ROW], c["column"] or "", c["value"]) for c in cells}
        assert {(c.row, c.column, c.value) for c in issue.sample} <= shown, issue.id
        assert len(issue.sample) == min(10, issue.count)


def test_names_are_safe_in_forms_keys_and_files(found):
    _, assessment = found
    ids = [issue.id for issue in assessment.issues]
    assert len(set(ids)) == len(ids)
    for issue in assessment.issues:
        keys = [option.key for option in issue.options]
        assert len(set(keys)) == len(keys)
        assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in (issue.id, *keys)), issue.id
        assert {"keep", "flag", "quarantine", "drop"} <= set(keys)
        assert sum(option.safe for option in issue.options) <= 1
        assert issue.recommended == next((o.key for o in issue.options if o.safe), "keep")
        for option in issue.options:
            model = find_remedy(option.remedy).parameters
            assert set(option.needs) <= set(model.model_fields)
            assert set(option.parameters) <= set(model.model_fields)


def test_an_assessment_goes_through_json_and_comes_out_the_same_twice(found):
    data, assessment = found
    adapter = TypeAdapter(Assessment)
    assert adapter.validate_json(adapter.dump_json(assessment)) == assessment
    assert assess(replace(data, kept={}), snapshot(data), today=TODAY) == assessment


def test_issues_are_in_order_of_weight(found):
    _, assessment = found
    weights = [(list("hmli").index(i.severity.value[0]), -i.count, i.id) for i in assessment.issues]
    assert weights == sorted(weights)


def test_every_preview_is_what_happens(found):
    data, assessment = found
    for issue, option in ready(assessment):
        seen, real = option.preview, preview(data, effects_of(data, issue, option))
        assert seen is not None, (issue.id, option.key, option.why)
        for fact in (*_COUNTED, "columns_dropped", "columns_added", "columns_renamed", "removed"):
            assert getattr(seen, fact) == getattr(real, fact), (issue.id, option.key, fact)
        changed = {
            (c[ROW], c["column"], c["after"]) for c in records(apply(data, effects_of(data, issue, option)).cells)
        }
        assert {(c.row, c.column, c.after) for c in seen.changes} <= changed


def test_every_remedy_touches_only_what_it_says(found):
    data, assessment = found
    before = {row[ROW]: row for row in records(data.table)}
    for issue, option in ready(assessment):
        effects = effects_of(data, issue, option)
        for effect in effects:
            if isinstance(effect, CellWrites):
                written = [row[ROW] for row in records(effect.values)]
                assert len(written) == len(set(written)), (issue.id, option.key)
        applied = apply(data, effects, decision=5)
        cells, left, after = records(applied.cells), records(applied.rows), records(applied.table)
        gone = {d: sum(row["disposition"] == d for row in left) for d in ("dropped", "quarantined", "merged")}
        conserve(len(before), len(after), **gone)
        assert {row[ROW] for row in after} | {row[ROW] for row in left} == set(before)
        assert {row["decision"] for row in (*cells, *left)} <= {5}
        changes = {(c[ROW], c["column"]): c["after"] for c in cells}
        assert len(changes) == len(cells)
        for row in after:
            for column in set(data.columns) & set(row):
                expected = changes.get((row[ROW], column), before[row[ROW]][column])
                assert row[column] == expected, (issue.id, option.key, column)
        for row in left:
            assert {c: row[f"was:{c}"] for c in data.columns} == {c: before[row[ROW]][c] for c in data.columns}


def test_every_remedy_is_done_when_it_is_done(found):
    """A second time changes no cell and takes no row; what flags or drops a column cannot be asked twice."""
    data, assessment = found
    opened_again = {}
    for issue, option in ready(assessment):
        if option.remedy in {"flag", "drop_column"}:
            continue
        table = apply(data, effects_of(data, issue, option)).table
        if (held := contents(table)) not in opened_again:
            opened_again[held] = again(data, table)
        after = opened_again[held]
        twice = preview(after, effects_of(after, issue, option))
        if option.remedy in {"quarantine", "drop"}:
            left = {row[ROW] for row in records(suspects(after, issue))}
            assert twice.rows_removed == len(left), "only what is suspect now leaves"
        else:
            assert (twice.cells_changed, twice.rows_removed) == (0, 0), (issue.id, option.key)


def test_every_flagged_cell_is_a_cell_of_the_table(found):
    data, assessment = found
    rows = {row[ROW]: row for row in records(data.table)}
    cells = records(flagged_cells(data, assessment.issues))
    assert all(rows[cell["row"]][cell["column"]] == cell["value"] for cell in cells)
    assert len({tuple(cell.values()) for cell in cells}) == len(cells)
    assert {cell["kind"] for cell in cells} == {issue.kind for issue in assessment.issues if issue.columns}


def test_every_kind_and_remedy_has_a_title_a_sentence_and_defaults():
    for registered in (*kinds(), *remedies()):
        assert registered.title
        assert registered.doc.endswith("."), registered.name
        assert re.fullmatch(r"[a-z_]+", registered.name)
    for kind in kinds():
        assert kind.settings(), "every setting has a default"


cell = st.none() | st.sampled_from(CELLS) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data(), st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True), st.integers(0, 12))
def test_any_table_can_be_assessed_and_every_option_carried_out(draw, names, rows):
    columns = {name: draw.draw(st.lists(cell, min_size=rows, max_size=rows)) for name in names}
    with opened(columns) as data:
        assessment = assess(data, snapshot(data))
        assert [issue.why for issue in assessment.issues if issue.failed] == []
        for issue, option in ready(assessment):
            applied = apply(data, effects_of(data, issue, option))
            seen = option.preview
            assert seen is not None, (issue.id, option.key, option.why)
            assert len(records(applied.cells)) == seen.cells_changed
            assert len(records(applied.rows)) == seen.rows_removed
            assert len(records(applied.table)) == rows - seen.rows_removed
        records(flagged_cells(data, assessment.issues))
