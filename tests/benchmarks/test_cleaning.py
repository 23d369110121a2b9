"""The cleaning benchmark's own tools: scores by definition, dirt with its truth, and a run from end to end."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks import cleaning
from tests.benchmarks.dirt import DOMAINS, write_pairs
from tests.benchmarks.scoring import altered_per_10000, scored

CLEAN = {"a": ["1", "2", "3", "4"], "b": ["x", "y", "z", "N/A"]}
DIRTY = {"a": ["1 kg", "2", "3", "4"], "b": ["x", "y", "q", "N/A"]}


def test_scores_count_cells_as_defined():
    repaired = {"a": ["1", "2", "3.0", "4"], "b": ["x", "y", "w", ""]}
    found = scored(DIRTY, CLEAN, repaired, {(1, "b")})
    assert found.errors == {(0, "a"), (2, "b")}
    assert found.changed == {(0, "a"), (2, "a"), (2, "b"), (3, "b")}
    assert (found.repair.precision, found.repair.recall, found.damaged) == (1 / 4, 1 / 2, 2)
    assert (found.detection.precision, found.detection.recall) == (2 / 5, 1.0)


def test_lenient_scores_forgive_changes_that_keep_the_value():
    repaired = {"a": ["1.0", "2", "3.0", "4"], "b": ["x", "y", "z", ""]}
    strict, lenient = (scored(DIRTY, CLEAN, repaired, eq=eq) for eq in ("strict", "lenient"))
    assert (strict.damaged, strict.repair.precision) == (2, 1 / 4)
    assert (lenient.damaged, lenient.repair.precision, lenient.repair.recall) == (0, 1.0, 1.0)


def test_white_space_and_entities_are_no_differences():
    assert altered_per_10000({"a": [" R&amp;D  x", "b"]}, {"a": ["R&D x", "c"]}) == 5_000


def test_nothing_to_find_and_nothing_found_is_perfect():
    found = scored(CLEAN, CLEAN, CLEAN)
    assert (found.detection.f1, found.repair.f1) == (1.0, 1.0)


@pytest.mark.parametrize("domain", DOMAINS)
def test_dirt_is_where_its_truth_says_and_the_same_for_a_seed(tmp_path, domain):
    one, two = (tmp_path / name for name in ("one", "two"))
    for folder in (one, two):
        write_pairs(folder, 300, 7)
    files = {n: cleaning.read(one / f"{domain}-7" / f"{n}.csv") for n in ("dirty", "clean", "types")}
    assert files["dirty"] == cleaning.read(two / f"{domain}-7" / "dirty.csv")
    wrong = [
        (c, r)
        for c, values in files["clean"].items()
        for r, value in enumerate(values)
        if files["dirty"][c][r] != value
    ]
    assert wrong
    assert {(c, r) for c, kinds in files["types"].items() for r, kind in enumerate(kinds) if kind} == set(wrong)


def test_a_pair_is_cleaned_and_scored_from_end_to_end(tmp_path, capsys):
    people = write_pairs(tmp_path / "pairs", 400, 1)[0]
    assert cleaning.main([str(people), "--json", "--out", str(tmp_path / "out"), "--rounds", "2"]) == 0
    told = json.loads(capsys.readouterr().out)["people-1"]
    assert set(told) >= {"detection", "repair", "damaged", "altered_per_10000_when_clean", "seconds"}
    assert told["damaged"] == 0
    assert told["detection"]["P"] > 0.9
    assert told["altered_per_10000_when_clean"] <= 5
    refined = cleaning.read(tmp_path / "out" / "people-1" / "refined.csv")
    assert refined["_row"] == [str(n) for n in range(400)]


def test_a_directory_without_a_file_is_refused_with_what_is_there(tmp_path, capsys):
    (tmp_path / "dirty.csv").write_text("a\n1\n")
    assert cleaning.main([str(tmp_path)]) == 2
    assert "no clean.csv" in capsys.readouterr().err
