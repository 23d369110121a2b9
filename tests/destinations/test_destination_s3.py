"""S3: partitions, append, one manifest at a time, what is kept and what goes; what a reader does with the manifest."""

import json
import random
from dataclasses import replace

import duckdb
import pytest

from tasks.quality.errors import DestinationError, TryAgain
from tests.destinations.places import Bucket, batch
from tests.services.s3 import GUEST
from tests.services.s3 import s3 as s3_on

pytestmark = pytest.mark.service


def keys(place) -> list[str]:
    return [each["Key"] for each in place.client.list_objects_v2(Bucket=place.bucket).get("Contents", ())]


def test_rows_are_appended_in_partitions_and_taken_back(s3):
    s3.load(batch({"id": ["1", "2"], "land": ["DE", None]}), mode="append", partition_by="land")
    more = replace(batch({"id": ["3"], "land": ["FR"], "city": ["Lyon"]}, run="run-2"), additions="evolve")
    receipt = s3.load(more, mode="append", partition_by="land")
    assert (receipt.rows_before, receipt.rows_written, receipt.rows_after, receipt.added) == (2, 1, 3, ("city",))
    assert [file["key"] for file in s3.manifest()["files"]] == [
        "a b/out/data/run-1/land=DE/data_0.parquet",
        "a b/out/data/run-1/land=__HIVE_DEFAULT_PARTITION__/data_0.parquet",
        "a b/out/data/run-2/land=FR/data_0.parquet",
    ]
    taken = s3.undo("run-2", mode="append")
    assert (taken.rows_removed, taken.rows_restored, taken.rows_after) == (1, 0, 2)
    assert s3.rows() == [("1", "DE"), ("2", None)]


def test_files_go_once_no_load_and_no_undo_needs_them(s3):
    for run in ("run-1", "run-2", "run-3"):
        s3.load(batch({"id": [run]}, run=run))
    there = [key.split("/")[3] for key in keys(s3) if "/data/" in key]
    assert there == ["run-2", "run-3"]


def test_of_two_loads_at_once_one_is_to_be_tried_again(s3):
    destination = s3.destination()
    with destination.prepare(batch({"id": ["1"]}), s3.folder) as first:
        first.write()
        s3.load(batch({"id": ["2"]}, run="run-2"))
        with pytest.raises(TryAgain, match="another load came first"):
            first.commit()
    assert s3.rows() == [("2",)]


def test_columns_that_are_not_agreed_are_refused(s3):
    s3.load(batch({"id": ["1"]}), mode="append")
    with pytest.raises(DestinationError, match="the table lacks city"):
        s3.load(batch({"id": ["2"], "city": ["Ulm"]}, run="run-2"), mode="append")
    with pytest.raises(DestinationError, match="no column 'lnd'"):
        s3.load(batch({"id": ["2"]}, run="run-2"), partition_by="lnd")
    assert s3.rows() == [("1",)]


def test_a_reader_follows_the_manifest(s3, tmp_path):
    """As the module's documentation says, with the bucket fetched into a folder."""
    s3.load(batch({"id": ["1", "2"], "land": ["DE", "FR"]}, {"id": "integer"}), mode="append", partition_by="land")
    s3.load(batch({"id": ["3"], "land": ["DE"]}, {"id": "integer"}, run="run-2"), mode="append", partition_by="land")
    for key in keys(s3):
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        s3.client.download_file(s3.bucket, key, str(tmp_path / key))
    with duckdb.connect() as reader:
        listed = f"(SELECT unnest(files) AS f FROM read_json('{tmp_path}/a b/out/_manifest.json'))"
        reader.execute(f"SET VARIABLE files = (SELECT list('{tmp_path}/' || f.key) FROM {listed})")
        rows = reader.execute("SELECT * FROM read_parquet(getvariable('files'), union_by_name = true) ORDER BY id")
        assert rows.fetchall() == [(1, "DE"), (2, "FR"), (3, "DE")]


def test_what_cannot_be_reached_or_is_refused_is_said_without_the_secret(s3):
    for settings, error, said in (
        ({"secret_key": "wr0ng-s3cret"}, DestinationError, "does not accept these keys"),
        ({"bucket": "nonesuch"}, DestinationError, "no bucket 'nonesuch'"),
        ({"endpoint": "http://127.0.0.1:9"}, TryAgain, "cannot be reached"),
    ):
        with pytest.raises(error, match=said) as raised:
            s3.load(batch({"id": ["1"]}), **settings)
        assert "s3cret" not in raised.value.message
        assert not list(s3.destination(**settings).probe(s3.folder))[-1].ok
    assert all(probe.ok for probe in s3.destination().probe(s3.folder))


def allow(place, *actions) -> None:
    """Let the guest do this in the bucket, and nothing else."""
    own = [f"arn:aws:s3:::{place.bucket}", f"arn:aws:s3:::{place.bucket}/*"]
    allowed = {"Effect": "Allow", "Principal": GUEST[0], "Action": [*actions], "Resource": own}
    policy = {"Version": "2012-10-17", "Statement": [allowed]}
    place.client.put_bucket_policy(Bucket=place.bucket, Policy=json.dumps(policy))


def test_who_may_read_and_not_write_is_told_so_and_the_table_is_as_it_was(s3):
    s3.load(batch({"id": ["1"]}))
    allow(s3, "s3:GetObject", "s3:ListBucket")
    guest = {"access_key": GUEST[0], "secret_key": GUEST[1]}
    with pytest.raises(DestinationError, match=r"not allowed: AccessDenied, .*check the rights of these credentials"):
        s3.load(batch({"id": ["2"]}, run="run-2"), **guest)
    assert s3.rows() == [("1",)]
    *_, last = s3.destination(**guest).probe(s3.folder)
    assert (last.what, last.ok) == ("write to s3://" + s3.bucket + "/a b/out, and take it back", False)


@pytest.mark.parametrize("megabytes", [3, 12])
def test_a_server_that_is_full_keeps_the_table_as_it_was_and_nothing_of_the_load(small_disk, tmp_path, megabytes):
    """One that takes the files in parts, as large ones are sent, too."""
    drawn = random.Random(1)
    rows = [drawn.randbytes(500).hex() for _ in range(megabytes * 2000)]
    large = batch({"id": rows, "part": [str(n % 2 if n > 500 else 2) for n in range(len(rows))]}, run="run-2")
    with s3_on(small_disk) as endpoint:
        place = Bucket(tmp_path, endpoint, "small")
        place.client.create_bucket(Bucket=place.bucket)
        place.load(batch({"id": ["1", "2"]}))
        before = keys(place)
        with pytest.raises(
            TryAgain, match=r"the server has no space left.*No space left on device in s3://.*free some"
        ):
            place.load(large, partition_by="part")
        assert (place.rows(), keys(place)) == ([("1",), ("2",)], before)
        assert place.load(batch({"id": ["3"]}, run="run-2")).rows_after == 1
