"""The tables that are right are the same for a seed, and what is altered in one is told."""

from __future__ import annotations

import csv
import random

import pytest
from sound import TINY, accept, made
from sound_tables import TABLES


@pytest.mark.parametrize("name", TABLES)
def test_a_seed_gives_one_table_with_so_many_rows(name):
    one, same, other = (TABLES[name](random.Random(seed), 30) for seed in (1, 1, 2))
    assert one == same != other
    assert {len(values) for values in one.values()} == {30}


def test_every_table_is_made_large_and_tiny(tmp_path):
    files = made(tmp_path, 1, 40, ["codes", "logs"])
    assert [name for name, _path in files] == ["codes-1-40", f"codes-1-{TINY[1]}", "logs-1-40", f"logs-1-{TINY[1]}"]


def test_what_is_altered_is_counted_and_told(tmp_path):
    path = tmp_path / "gaps.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("k", "v"), *((f"k{n}", "N/A" if n == 3 else str(n * 7)) for n in range(25))])
    found = accept("gaps", path)
    assert (found.altered, found.cells, found.per_10000) == (1, 50, 200.0)
    assert found.told == ("1 × disguised_missing in v: 'N/A' written ''",)
