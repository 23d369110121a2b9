"""What stands beside values: rows of rare ones that are, by their other columns, rows of frequent ones."""

from __future__ import annotations

from random import Random

import pytest

from tasks.quality import beside
from tasks.quality.beside import support
from tests.quality.opened import opened

CITIES = {"Berlin": "10115", "Hamburg": "20095", "Munich": "80331"}
ROWS = [(city, CITIES[city], str(n % 50)) for n in range(100) for city in CITIES]
ODD = [("Berlln", "10115", "3"), ("Berlln", "10115", "4"), ("Hamburq", "80331", "1"), ("Munlch", None, "2")]
PAIRS = {"Berlln": "Berlin", "Hamburq": "Hamburg", "Munlch": "Munich"}


def table(rows):
    return dict(zip(("city", "zip", "day"), map(list, zip(*rows, strict=True)), strict=True))


@pytest.mark.parametrize("most", [beside.ROWS_BESIDE, 120], ids=["all rows", "some rows"])
def test_each_cell_that_most_of_the_frequent_rows_have_speaks_for_it_and_another_one_against(monkeypatch, most):
    monkeypatch.setattr(beside, "ROWS_BESIDE", most)
    monkeypatch.setattr(beside, "USUAL", 0.4)
    with opened(table(ROWS + ODD)) as data:
        assert support(data, "city", PAIRS) == {"Berlln": 2, "Hamburq": -1}


def test_what_a_fifth_of_all_rows_have_says_nothing():
    with opened(table(ROWS + ODD)) as data:
        assert support(data, "city", PAIRS) == {"Berlln": 0, "Hamburq": 0}


def test_rows_are_chosen_by_what_is_in_them(monkeypatch):
    monkeypatch.setattr(beside, "ROWS_BESIDE", 40)
    rows = [(f"{city}{n % 9}", f"{zip_}{n % 9}", day) for n, (city, zip_, day) in enumerate(ROWS)]
    rows += [(f"{city}x", zip_, day) for city, zip_, day in rows[:9]]
    pairs = {f"{city}x": city for city, _zip, _day in rows[:9]}
    told = []
    for seed in (1, 2):
        with opened(table(Random(seed).sample(rows, len(rows)))) as data:
            told.append(support(data, "city", pairs))
    assert told[0] == told[1]


def test_a_column_that_differs_by_the_same_letters_explains_the_difference():
    rows = [(f"al_hf-{n % 4}", "al", str(n % 9)) for n in range(40)] + [("bx_hf-1", "bx", "1")] * 40
    with opened({**table([*rows, ("ak_hf-1", "ak", "1")])}) as data:
        assert support(data, "city", {"ak_hf-1": "al_hf-1"}) == {"ak_hf-1": -beside.EXPLAINS}
