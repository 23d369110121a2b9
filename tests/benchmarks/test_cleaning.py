"""The cleaning benchmark from end to end: what it says, keeps and refuses."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import cleaning
import pytest
from piloted import rounds_by_default
from scoring import read, scored

SCRIPT = Path(cleaning.__file__)
CITIES = (("10115", "Berlin"), ("20095", "Hamburg"), ("80331", "Munich"), ("50667", "Cologne"))
ROWS = 160
TYPOS = {3: "Colonge", 17: "Hamburgg", 42: "Munihc"}


@pytest.fixture(scope="module")
def towns(tmp_path_factory) -> Path:
    """A table whose errors are plain: three typos of towns, and words for null."""
    directory = tmp_path_factory.mktemp("pairs") / "towns"
    directory.mkdir()
    clean = [(f"K{n:03}", *CITIES[n % 4], "" if n % 20 == 9 else f"{n % 7 + 1}.5") for n in range(ROWS)]
    dirty = [(a, b, TYPOS.get(n, c), d or "N/A") for n, (a, b, c, d) in enumerate(clean)]
    types = [("", "", "typo" * (n in TYPOS), "null" * (d[3] == "N/A")) for n, d in enumerate(dirty)]
    for name, rows in (("clean", clean), ("dirty", dirty), ("types", types)):
        with (directory / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("id", "zip", "town", "weight"), *rows])
    return directory


def test_a_pair_is_cleaned_scored_and_explained(towns, tmp_path, capsys):
    assert cleaning.main([str(towns), "--out", str(tmp_path), "--why"]) == 0
    told = capsys.readouterr().out
    assert "towns: 160 rows × 4 columns, 11 errors" in told
    assert "typo                          3 errors   detected 1.000   repaired 1.000" in told
    assert "altered when clean: 0.00 of 10,000 cells (0)" in told
    refined, flagged = read(tmp_path / "towns" / "refined.csv"), read(tmp_path / "towns" / "flagged.csv")
    assert refined.pop("_row") == [str(n) for n in range(ROWS)]
    assert refined == read(towns / "clean.csv")
    assert {(int(r), c) for r, c in zip(*flagged.values(), strict=True)} >= {(row, "town") for row in TYPOS}


def test_the_object_has_what_was_promised_and_the_scores_of_the_files_it_keeps(towns, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(towns.parent)
    assert cleaning.main([towns.name, "--json", "--rounds", "1", "--out", str(tmp_path)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"towns"}
    scores = told["towns"]
    assert set(scores) == {"detection", "repair", "damaged", "altered_per_10000_when_clean", "seconds"}
    assert scores["repair"] == {"P": 1.0, "R": 1.0, "F1": 1.0}
    assert (scores["damaged"], scores["altered_per_10000_when_clean"]) == (0, 0.0)
    refined, flagged = read(tmp_path / "towns" / "refined.csv"), read(tmp_path / "towns" / "flagged.csv")
    cells = {(int(r), c) for r, c in zip(*flagged.values(), strict=True)}
    again = scored(read(towns / "dirty.csv"), read(towns / "clean.csv"), refined, cells)
    assert scores["detection"]["F1"] == pytest.approx(again.detection.f1, abs=1e-4)
    assert scores["repair"]["F1"] == pytest.approx(again.repair.f1, abs=1e-4)


def test_a_row_that_leaves_keeps_its_cells_and_counts_as_altered_when_clean(tmp_path):
    rows = [(f"K{n:03}", f"{n * 37 % 101}", f"note {n * 53 % 97}", "xyzw"[n % 4]) for n in range(60)]
    for name in ("dirty", "clean"):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("code", "size", "note", "kind"), *rows, *rows[7:12]])
    result = cleaning.score(cleaning.pair_in(tmp_path, "rows"), eq="strict", rounds=1)
    assert result.piloted.left == {60, 61, 62, 63, 64}
    assert [values[60] for values in result.piloted.table.values()] == list(rows[7])
    assert result.scores.changed == frozenset()
    assert len(result.altered) == 5 * 4


def test_rounds_are_those_of_a_pipeline_unless_said_otherwise():
    assert rounds_by_default() == 5


@pytest.mark.parametrize(
    ("there", "said"),
    [(["dirty.csv"], "no clean.csv in"), ([], "no dirty.csv and no clean.csv in"), (["clean.csv"], "no dirty.csv in")],
)
def test_a_directory_without_a_file_is_refused_with_what_is_there(tmp_path, there, said):
    for name in there:
        (tmp_path / name).write_text("a\n1\n")
    done = subprocess.run([sys.executable, SCRIPT, tmp_path, "--json"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_tables_of_other_shapes_are_refused(tmp_path, capsys):
    (tmp_path / "dirty.csv").write_text("a,b\n1,2\n")
    (tmp_path / "clean.csv").write_text("a,b\n1,2\n3,4\n")
    assert cleaning.main([str(tmp_path)]) == 2
    assert "dirty.csv is 1 rows × 2 columns, clean.csv is 2 rows × 2 columns" in capsys.readouterr().err


def test_directories_of_one_name_are_told_apart():
    assert cleaning._names([Path("/x/a"), Path("/y/a")]) == ["x/a", "y/a"]
    assert cleaning._names([Path("/x/a"), Path("/x/b")]) == ["a", "b"]
