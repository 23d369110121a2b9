"""The dirt of our own: it is where its truth says, the same for a seed, of every sort, and on tables that are clean."""

from __future__ import annotations

import random

import pytest
from dirt import PLANS, SORTS, dirtied, other_dates, out_of_date, pair, write_pairs
from scoring import Unusable, normal, read
from tables import DOMAINS, iban

ROWS = 400


@pytest.mark.parametrize("domain", DOMAINS)
def test_dirt_is_where_its_truth_says(domain):
    dirty, clean, types = pair(domain, ROWS, 7)
    cells = [(column, row) for column, values in clean.items() for row in range(len(values))]
    wrong = {(c, r) for c, r in cells if normal(dirty[c][r]) != normal(clean[c][r])}
    assert wrong == {(c, r) for c, r in cells if types[c][r]}
    assert 0.001 < len(wrong) / len(cells) < 0.3


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_seed_gives_one_table_and_another_seed_another(domain):
    assert pair(domain, ROWS, 7) == pair(domain, ROWS, 7)
    assert pair(domain, ROWS, 7)[1] != pair(domain, ROWS, 8)[1]


def test_every_sort_of_dirt_falls_somewhere():
    planned = {kind for plan in PLANS.values() for fall in plan for kind in fall.kinds}
    assert planned == set(SORTS)
    fallen = {
        kind
        for seed in range(4)
        for domain in DOMAINS
        for column in pair(domain, ROWS, seed)[2].values()
        for kind in column
    }
    assert fallen - {""} == set(SORTS)


@pytest.mark.parametrize("kind", sorted(set(SORTS) - {"swapped", "spilled", "out of date"}))
def test_a_sort_changes_its_cell_or_leaves_it(kind):
    rng = random.Random(kind)
    values = ["Zoë & Meier", "12.5", "1,234", "1234.50", "7", "", "90 min", "2.50 kg", "2024-03-01", "3 May 1999"]
    values += ["M", "02134", "2024-03-01 13:10:00", "-12.5", "3"]
    dirt = SORTS[kind](rng, [values])
    made = [dirt(rng, (value,)) for _ in range(20) for value in values]
    assert all(cells is None or len(cells) == 1 for cells in made)
    assert any(cells not in (None, (value,)) for cells, value in zip(made, values * 20, strict=True))


def test_dates_are_the_same_day_in_another_way():
    rng = random.Random(1)
    dirt = other_dates(rng, [[]])
    assert {dirt(rng, ("2024-03-05",)) for _ in range(50)} <= {
        ("5 Mar 2024",), ("March 5, 2024",), ("05.03.2024",), ("2024/03/05",),
    }  # fmt: skip
    assert dirt(rng, ("not a day",)) is None


def test_sources_differ_in_how_often_they_are_wrong():
    rng = random.Random(3)
    sources = [f"s{n % 7}" for n in range(7000)]
    entities = [f"e{n // 7}" for n in range(7000)]
    dirt = out_of_date(rng, [sources, entities, [f"{n // 7 % 50}" for n in range(7000)]])
    wrong = [0] * 7
    for n, (source, entity) in enumerate(zip(sources, entities, strict=True)):
        wrong[n % 7] += dirt(rng, (source, entity, "x")) is not None
    assert min(wrong) < 60
    assert max(wrong) > 150


def test_tables_keep_the_dependencies_they_claim():
    people, orders = (DOMAINS[domain](random.Random(1), ROWS) for domain in ("people", "orders"))
    assert len(set(zip(people["zip"], people["city"], strict=True))) == len(set(people["zip"]))
    assert len(set(zip(people["city"], people["state"], strict=True))) > len(set(people["city"]))
    for quantity, price, total in zip(orders["quantity"], orders["price"], orders["total"], strict=True):
        assert f"{int(quantity) * float(price):.2f}" == total


def test_ibans_have_their_check_digits():
    assert iban("DE", "370400440532013000") == "DE89370400440532013000"
    for number in DOMAINS["transactions"](random.Random(1), 50)["iban"]:
        assert int("".join(str(int(sign, 36)) for sign in number[4:] + number[:4])) % 97 == 1


def test_a_column_can_be_spared():
    clean = DOMAINS["people"](random.Random(1), ROWS)
    some = [dirtied(random.Random(seed), PLANS["people"][2:3], clean)[1]["zip"] for seed in range(30)]
    assert 0 < sum(not any(column) for column in some) < 15


def test_pairs_are_written_as_the_benchmark_reads_them(tmp_path):
    (directory,) = write_pairs(tmp_path, 50, 2, ["parts"])
    assert directory.name == "parts-2"
    assert [read(directory / f"{name}.csv") for name in ("dirty", "clean", "types")] == [*pair("parts", 50, 2)]


def test_an_unknown_domain_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(Unusable, match="no domain 'person'; domains: people, orders"):
        write_pairs(tmp_path, 10, 1, ["person"])
