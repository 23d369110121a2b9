"""Notes say what is worth knowing, with figures that their queries give, in any order of rows."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from tasks.quality import notes as module
from tasks.quality.detect import assess
from tasks.quality.mining import dependencies
from tasks.quality.notes import notes
from tests.quality.opened import opened, records, snapshot

RNG = random.Random(5)
BASE = [RNG.gauss(50, 10) for _ in range(300)]
TABLE = {
    "id": [f"r{n}" for n in range(300)],
    "name": [f"n{n if n % 20 else 1}" for n in range(300)],
    "x": [f"{b:.2f}" for b in BASE],
    "y": [f"{3 * b + RNG.gauss(0, 1):.2f}" if n % 30 else None for n, b in enumerate(BASE)],
    "noise": [f"{RNG.random():.3f}" for _ in BASE],
    "income": [f"{math.exp(RNG.gauss(0, 2)):.2f}" for _ in BASE],
    "zip": [f"{10115 + n % 12}" for n in range(300)],
    "city": ["Bonn", "Kiel", "Ulm", "Jena", "Gera", "Köln"][0:6] * 50,
}


def told(data):
    return {(note.kind, note.columns): note for note in notes(data, dependencies(data))}


def test_what_is_worth_knowing_is_told():
    with opened(TABLE) as data:
        found = told(data)
    assert ("key", ("id",)) in found
    assert ("high cardinality", ("name",)) in found
    assert ("correlation", ("x", "y")) in found
    assert ("skew", ("income",)) in found
    assert ("dependency", ("zip", "city")) in found
    assert not [columns for kind, columns in found if kind == "correlation" and "noise" in columns]
    assert ("skew", ("noise",)) not in found


def test_figures_are_what_their_query_gives():
    with opened(TABLE) as data:
        for note in notes(data, dependencies(data)):
            (row,) = records(data.table.get_backend().sql(note.sql))
            assert {name: float(n) for name, n in row.items()} == note.figures, note.text
            assert note.figures


def test_correlation_and_skew_are_those_of_the_textbook():
    import numpy as np

    with opened(TABLE) as data:
        found = told(data)
    pairs = [(float(x), float(y)) for x, y in zip(TABLE["x"], TABLE["y"], strict=True) if y is not None]
    r = np.corrcoef(*np.array(pairs).T)[0, 1]
    assert found["correlation", ("x", "y")].figures["r"] == pytest.approx(r, abs=1e-4)
    income = np.array([float(v) for v in TABLE["income"]])
    skewness = ((income - income.mean()) ** 3).mean() / income.std() ** 3
    assert found["skew", ("income",)].figures["skewness"] == pytest.approx(skewness, abs=0.01)


def test_notes_do_not_depend_on_the_order_of_rows():
    order = list(range(300))
    random.Random(9).shuffle(order)
    shuffled = {name: [cells[i] for i in order] for name, cells in TABLE.items()}
    with opened(TABLE) as data, opened(shuffled) as other:
        assert notes(data) == notes(other)


def test_an_assessment_has_notes_and_its_score_does_not_know_them():
    with opened({"id": [f"a{n}" for n in range(40)], "n": ["7", "8"] * 20}) as data:
        found = assess(data, snapshot(data))
    assert [note.kind for note in found.notes][:1] == ["key"]
    assert found.score.overall == 100


def test_a_table_that_is_the_last_run_s_is_worth_a_word():
    with opened({"a": ["1", "1"]}) as data:
        assert notes(data) == ()
        (note,) = notes(replace(data, before=data.profile))
        assert (note.kind, note.figures) == ("unchanged", {"rows": 2})


def test_a_family_that_cannot_be_computed_says_so(monkeypatch):
    def broken(_data):
        raise RuntimeError("no memory\nat all")
        yield

    monkeypatch.setattr(module, "_correlations", broken)
    with opened(TABLE) as data:
        found = notes(data)
    (failed,) = [note for note in found if note.kind == "failed"]
    assert failed.text == "notes on correlations could not be computed (RuntimeError: no memory)"
    assert len(found) > 2


def test_wide_tables_have_no_more_notes_than_can_be_read():
    wide = {f"c{n}": [f"{n}-{k}" for k in range(40)] for n in range(60)}
    wide |= {f"v{n}": [f"{k * n % 37}.{k % 3}" for k in range(40)] for n in range(60)}
    with opened(wide) as data:
        kinds = [note.kind for note in notes(data)]
    assert max(kinds.count(kind) for kind in set(kinds)) <= module.MOST_OF_A_KIND


@pytest.mark.parametrize("extreme", ["1e308", "-1e308", "5e-324", "0"])
def test_extreme_numbers_are_computed_with(extreme):
    with opened({"a": [*TABLE["x"], extreme], "b": [*TABLE["income"], "1"], "c": [extreme] * 301}) as data:
        assert "failed" not in [note.kind for note in notes(data)]
