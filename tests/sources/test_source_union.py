"""Several sources are one table; each learns what became of its own part."""

import json

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from blocks.sources import Outcome, Reading, UnionSource
from blocks.staging import Staging
from tasks.quality.errors import NothingNew


@pytest.fixture
def shops(tmp_path):
    for name, text in (
        ("north.csv", "id,price\n1,10\n2,20\n"),
        ("south.csv", "id,note\n3,cheap\nbroken\n"),
    ):
        (tmp_path / name).write_text(text)
    return tmp_path


def union(**more):
    source = {"kind": "file", "once": True, "after": "tag"}
    shops = {"north": {**source, "path": "north.csv"}, "south": {**source, "path": "south.csv"}}
    return UnionSource.model_validate({"sources": shops, **more})


def reading(folder, run="r1"):
    return Reading(Staging(str(folder / "staging")), run, "orders", folder)


def rows(batch):
    return [tuple(row.values()) for row in pq.read_table(batch.snapshot.uri).to_pylist()]


def test_columns_are_united_and_each_row_says_where_it_came_from(shops):
    batch = union().read(reading(shops))
    assert batch.snapshot.columns == ("origin", "id", "price", "note")
    assert rows(batch) == [
        (0, "north", "1", "10", None),
        (1, "north", "2", "20", None),
        (2, "south", "3", None, "cheap"),
    ]
    assert [(o.name, o.first_row, o.rows) for o in batch.origins] == [
        ("north: north.csv", 0, 2),
        ("south: south.csv", 2, 1),
    ]
    (bad,) = pq.read_table(batch.quarantine).to_pylist()
    assert (bad["origin"], bad["bytes"]) == ("south: south.csv", b"broken")
    assert "north lacks note; null there" in batch.notes


def test_a_column_that_is_called_like_the_origin_is_kept(shops):
    (shops / "north.csv").write_text("id,Origin\n1,sea\n")
    batch = union().read(reading(shops))
    assert batch.snapshot.columns == ("origin", "id", "Origin_2", "note")
    assert ("Origin", "Origin_2") in batch.renames


def test_each_source_goes_on_where_it_was_and_learns_what_became_of_its_part(shops):
    source, at = union(), reading(shops)
    batch = source.read(at)
    source.acknowledge(batch, at)
    source.acknowledge(batch, at)
    assert sorted(path.name for path in (shops / "staging" / "r1").iterdir()) == [
        "snapshot-source.json",
        "source.parquet",
        "source.quarantine.parquet",
    ]
    assert (
        source.settle(batch, Outcome("r1", "orders", True, 3, "there"), at)
        == "north: 1 file tagged; south: 1 file tagged"
    )
    assert json.loads((shops / ".south.csv.gonogo.json").read_text())["rows"] == 3
    (shops / "south.csv").write_text("id,note\n4,dear\n")
    (shops / "staging" / "r2").mkdir()
    again = source.read(reading(shops, "r2"))
    assert rows(again) == [(0, "south", "4", "dear")]
    source.acknowledge(again, reading(shops, "r2"))
    with pytest.raises(NothingNew, match=r"no source has anything new: north: .*; south: "):
        source.read(reading(shops, "r3"))


def test_one_source_is_no_union():
    with pytest.raises(ValidationError, match="name two sources or more"):
        UnionSource.model_validate({"sources": {"a": {"kind": "file", "path": "a.csv"}}})
