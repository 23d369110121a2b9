"""The Parquet file of a snapshot: rows as they come, numbered, the same bytes however they are cut into batches."""

import hashlib
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from blocks import row_file
from blocks.row_file import write_rows

COLUMNS = ("city", "note")


def table(rows, length=3):
    cities = [None if number % 5 == 0 else f"city {number % 11}" for number in range(rows)]
    return pa.table(
        {"city": pa.array(cities, pa.string()), "note": ["x" * (number % length) for number in range(rows)]}
    )


def written(path, whole, cuts):
    places = [0, *sorted(cut for cut in cuts if cut < whole.num_rows), whole.num_rows]
    parts = (whole.slice(a, b - a) for a, b in pairwise(places))
    batches = (batch for part in parts for batch in part.combine_chunks().to_batches())
    assert write_rows(path, COLUMNS, batches) == whole.num_rows
    return hashlib.sha256(path.read_bytes()).hexdigest()


def groups(path):
    about = pq.ParquetFile(path).metadata
    return [about.row_group(number).num_rows for number in range(about.num_row_groups)]


def test_rows_are_numbered_in_the_order_in_which_they_come(tmp_path):
    whole = table(300_000)
    written(tmp_path / "a.parquet", whole, [1, 70_001])
    found = pq.read_table(tmp_path / "a.parquet")
    assert found["_row"].to_pylist() == list(range(300_000))
    assert found.drop_columns("_row").equals(whole)
    assert groups(tmp_path / "a.parquet") == [122_880, 122_880, 54_240]


def test_no_row_is_a_file_with_its_columns(tmp_path):
    assert write_rows(tmp_path / "a.parquet", COLUMNS, []) == 0
    assert pq.read_schema(tmp_path / "a.parquet").names == ["_row", *COLUMNS]


@pytest.fixture(scope="module")
def long_rows():
    return table(20_000, 40)


@seed(4)
@settings(max_examples=25)
@given(cuts=st.lists(st.integers(1, 19_999), max_size=6))
def test_the_bytes_do_not_depend_on_how_rows_are_cut(tmp_path_factory, long_rows, cuts):
    folder = tmp_path_factory.mktemp("cut")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(row_file, "GROUP_BYTES", 150_000)
        first, again = (written(folder / f"{n}.parquet", long_rows, each) for n, each in enumerate(([], cuts)))
    assert first == again
    assert all(rows % 2048 == 0 for rows in groups(folder / "0.parquet")[:-1])
    assert len(groups(folder / "0.parquet")) > 3


def test_a_disk_that_refuses_is_told(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        write_rows(tmp_path / "absent" / "a.parquet", COLUMNS, table(9).to_batches())


def test_what_goes_wrong_in_the_source_is_told_and_nothing_goes_on(tmp_path):
    def batches():
        yield from table(200_000).to_batches()
        raise KeyError("the source")

    with pytest.raises(KeyError, match="the source"):
        write_rows(tmp_path / "a.parquet", COLUMNS, batches())
