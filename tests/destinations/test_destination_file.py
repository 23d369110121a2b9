"""Files: there wholly or not at all, written once per run, the same rows as the same bytes."""

import json
import os

import pytest
from pydantic import ValidationError

from blocks.destinations import FileDestination
from blocks.staging import fingerprint_of
from tasks.quality.errors import DestinationError, SpecError, TryAgain
from tests.destinations.conftest import FILES
from tests.destinations.places import File, batch

ROWS = {"id": ["1", "2"], "name": ["ann", None]}


@pytest.fixture(params=FILES)
def file(request, tmp_path) -> File:
    return File(tmp_path, request.param)


def beside(file: File) -> list[str]:
    return sorted(path.name for path in file.path.parent.iterdir())


def test_only_the_file_and_its_marker_are_left(file):
    receipt = file.load(batch(ROWS))
    assert beside(file) == [f".{file.name}.gonogo.json", file.name]
    assert receipt.fingerprint == fingerprint_of(file.path)
    assert json.loads((file.path.parent / f".{file.name}.gonogo.json").read_text())["run_id"] == "run-1"


def test_the_same_rows_are_the_same_bytes(file):
    file.load(batch(ROWS))
    before = file.path.read_bytes()
    file.load(batch(ROWS, run="run-2"))
    assert file.path.read_bytes() == before


def test_a_file_that_someone_changed_is_written_again(file):
    file.load(batch(ROWS))
    file.path.write_bytes(b"mine")
    assert not file.load(batch(ROWS)).already_loaded
    assert len(file.rows()) == 2


@pytest.mark.parametrize("marker", ["", "{", "[]", "{}", '{"run_id": "run-1"}'])
def test_a_marker_that_is_none_is_written_again(tmp_path, marker):
    file = File(tmp_path, "out.csv")
    file.load(batch(ROWS))
    (file.path.parent / ".out.csv.gonogo.json").write_text(marker)
    assert not file.load(batch(ROWS)).already_loaded
    assert file.load(batch(ROWS)).already_loaded


def test_the_format_can_be_set_where_the_name_does_not_tell(tmp_path):
    destination = FileDestination(path="out.data", format="csv")
    destination.load(batch(ROWS), tmp_path)
    assert (tmp_path / "out.data").read_text() == "id,name\n1,ann\n2,\n"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("out.xyz", "cannot tell the format of 'out.xyz'; name it .parquet"),
        ("out", "cannot tell the format"),
        ("out.gz", "cannot tell the format"),
        ("out.parquet.gz", "Parquet is compressed in itself"),
    ],
)
def test_a_name_that_does_not_work_is_told_before_anything_runs(path, said):
    with pytest.raises(ValidationError, match=said):
        FileDestination(path=path)


def test_names_are_read_in_any_case(tmp_path):
    FileDestination(path="OUT.CSV").load(batch(ROWS), tmp_path)
    assert (tmp_path / "OUT.CSV").read_text().startswith("id,name")


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(DestinationError, match=r"is a folder; name a file in it"):
        FileDestination(path="out.csv").load(batch(ROWS), tmp_path)


def test_a_folder_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "made").write_text("a file")
    with pytest.raises(TryAgain, match=r"cannot make .*made"):
        File(tmp_path, "out.csv").load(batch(ROWS))


def test_a_path_may_name_environment_variables(tmp_path, monkeypatch):
    with pytest.raises(SpecError, match=r"the environment variable DAY is not set in destination.path"):
        FileDestination(path="${DAY}.csv").load(batch(ROWS), tmp_path)
    monkeypatch.setenv("DAY", "monday")
    FileDestination(path="${DAY}.csv").load(batch(ROWS), tmp_path)
    assert (tmp_path / "monday.csv").exists()


def test_dates_in_text_files_are_iso(tmp_path):
    file = File(tmp_path, "out.csv")
    rows = {"d": ["03/04/2024"], "t": ["2024-01-02 03:04"]}
    file.load(batch(rows, {"d": "date", "t": "timestamp"}, formats={"d": "%d/%m/%Y"}))
    assert file.rows() == [("2024-04-03", "2024-01-02 03:04:00")]


def test_a_full_disk_leaves_the_old_file_and_takes_the_next_load(small_disk, file):
    file = File(small_disk, file.name)
    file.load(batch(ROWS))
    before, there = file.path.read_bytes(), beside(file)
    with pytest.raises(TryAgain, match=r"cannot write .*No space left on device.*free some space"):
        file.load(batch({"id": [os.urandom(40).hex() for _ in range(60_000)]}, run="run-2"))
    assert (file.path.read_bytes(), beside(file)) == (before, there)
    assert file.load(batch({"id": ["7"]}, run="run-2")).rows_after == 1
