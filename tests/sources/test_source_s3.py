"""Objects of S3 are read wholly and once, from a server; what goes wrong there is said without secrets."""

import gzip
import http.server
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import ValidationError

import blocks.s3 as connection
import blocks.sources.s3 as module
from blocks.sources.base import Outcome, Reading
from blocks.sources.s3 import S3Source, _expression
from blocks.staging import Staging
from tasks.quality.errors import Abort, NothingNew, SourceError, SpecError, TryAgain, Unavailable
from tasks.quality.secrets import mask
from tests.services.process import free_port
from tests.services.s3 import ACCESS_KEY, GUEST, SECRET_KEY, client

REPOSITORY = Path(__file__).parents[2]
ORDERS = b"id,city\n1,Bremen\n2,Kiel\n"
MORE = b"id,city\n3,Jena\n"


class Bucket:
    """A bucket of its own, as its owner has it and as a source sees it."""

    def __init__(self, endpoint, folder):
        self.endpoint, self.folder, self.name = endpoint, folder, f"gonogo-{uuid.uuid4().hex[:12]}"
        self.owner, self.told = client(endpoint), []
        self.owner.create_bucket(Bucket=self.name)

    def put(self, **objects):
        for key, content in objects.items():
            self.owner.put_object(Bucket=self.name, Key=key, Body=content)

    def keys(self):
        return sorted(item["Key"] for item in self.owner.list_objects_v2(Bucket=self.name).get("Contents", ()))

    def tags(self, key):
        found = self.owner.get_object_tagging(Bucket=self.name, Key=key)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def keep_versions(self):
        self.owner.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def source(self, **settings):
        keys = {"access_key": "${TEST_S3_ACCESS}", "secret_key": "${TEST_S3_SECRET}"}
        own = {"bucket": self.name, "endpoint": self.endpoint, "addressing": "path", **keys}
        return S3Source.model_validate({**own, **settings})

    def reading(self, run="r1"):
        staging = Staging(str(self.folder / "staging"))
        return Reading(staging, run, "orders", self.folder, lambda *told: self.told.append(told))

    def read(self, run="r1", **settings):
        return self.source(**settings).read(self.reading(run))

    def empty(self):
        while items := self._versions():
            for item in items:
                self.owner.delete_object(Bucket=self.name, Key=item["Key"], VersionId=item["VersionId"])
        self.owner.delete_bucket(Bucket=self.name)

    def _versions(self):
        page = self.owner.list_object_versions(Bucket=self.name)
        return [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """Nothing of this machine's own credentials, and no one asked for any outside of it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("TEST_S3_ACCESS", ACCESS_KEY)
    monkeypatch.setenv("TEST_S3_SECRET", SECRET_KEY)


@pytest.fixture
def bucket(tmp_path, s3_endpoint):
    made = Bucket(s3_endpoint, tmp_path)
    yield made
    made.empty()


def rows(batch):
    return [tuple(row.values())[1:] for row in pq.read_table(batch.snapshot.uri).to_pylist()]


def told(*, loaded=True):
    return Outcome("r1", "orders", loaded=loaded, rows=2, destination="somewhere")


# --- reading ------------------------------------------------------------------------------------------------------


@pytest.mark.service
def test_an_object_is_read_and_its_origin_is_its_key_and_etag(bucket):
    bucket.put(**{"in/orders.csv": ORDERS})
    batch = bucket.read(key="in/orders.csv")
    etag = bucket.owner.head_object(Bucket=bucket.name, Key="in/orders.csv")["ETag"].strip('"')
    assert rows(batch) == [("1", "Bremen"), ("2", "Kiel")]
    assert [(o.name, o.fingerprint, o.rows) for o in batch.origins] == [("in/orders.csv", f"etag:{etag}", 2)]
    assert (batch.position, bucket.told[0]) == ({}, ("fetching in/orders.csv", len(ORDERS), len(ORDERS)))
    staging = bucket.folder / "staging" / "r1"
    assert [path.name for path in (staging / "source.landing").iterdir()] == ["listing.json"]
    bucket.reading().clear()
    assert not (staging / "source.landing").exists()


@pytest.mark.service
def test_a_prefix_is_read_in_the_order_of_the_keys_whatever_their_format(bucket):
    table = io.BytesIO()
    pq.write_table(pa.table({"id": [4], "city": ["Hof"]}), table)
    bucket.put(**{"in/b.csv.gz": gzip.compress(MORE), "in/2026/a.parquet": table.getvalue(), "in/c.csv": ORDERS})
    bucket.put(**{"in/_SUCCESS": b"", "in/folder/": b"", "in/.hidden.csv": MORE, "other.csv": MORE})
    batch = bucket.read(prefix="in/")
    assert rows(batch) == [("4", "Hof"), ("3", "Jena"), ("1", "Bremen"), ("2", "Kiel")]
    assert [origin.name for origin in batch.origins] == ["in/2026/a.parquet", "in/b.csv.gz", "in/c.csv"]
    assert batch.notes == ("left out, as their names tell no format: in/_SUCCESS",)
    assert len(bucket.read(run="r2", prefix="").origins) == 4


@pytest.mark.service
def test_a_pattern_stays_within_a_folder_unless_it_says_otherwise(bucket):
    bucket.put(**{f"in/2026/{name}.csv": b"id\n" + name.encode() for name in ("a", "b", "c1", "[x]")})
    bucket.put(**{"in/2026/deep/d.csv": b"id\nd", "in/2026/notes.md": b"no data", "in/2025/a.csv": b"id\nold"})

    def read(pattern):
        return [row[0] for row in rows(bucket.read(run=uuid.uuid4().hex, pattern=pattern))]

    assert read("in/2026/*.csv") == ["[x]", "a", "b", "c1"]
    assert read("in/202?/[!b-z[].csv") == ["old", "a"]
    assert read("in/2026/**/*.csv") == ["[x]", "a", "b", "c1", "d"]
    assert read("in/2026/[[]x].csv") == ["[x]"]


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("a+b (1).csv", "a+b (1).csv", True),
        ("*.csv", "x/y.csv", False),
        ("**", "x/y.csv", True),
        ("[ab", "[ab", True),
        ("[!a].csv", "a.csv", False),
        ("?.csv", "/.csv", False),
        ("[\\d].csv", "7.csv", False),
        ("[!a].csv", "/.csv", False),
        ("[a--b&&c].csv", "&.csv", True),
        ("[]x].csv", "].csv", True),
    ],
)
def test_a_pattern_means_what_it_says(pattern, key, matches):
    assert bool(re.fullmatch(_expression(pattern), key)) is matches


@pytest.mark.service
def test_more_objects_than_one_page_of_a_listing_are_read(bucket, monkeypatch):
    monkeypatch.setattr(module, "PAGE_OBJECTS", 3)
    bucket.put(**{f"in/{number:02d}.csv": b"id\n%d\n" % number for number in range(10)})
    batch = bucket.read(prefix="in/")
    assert [row[0] for row in rows(batch)] == [str(number) for number in range(10)]


@pytest.mark.service
def test_an_object_larger_than_a_part_is_fetched_in_ranges_and_is_the_same(bucket, monkeypatch):
    text = b"id,name\n" + b"".join(b"%d,name %d\n" % (i, i * 7) for i in range(5000))
    bucket.put(**{"big.csv": text})
    whole = bucket.read(key="big.csv")
    monkeypatch.setattr(module, "PART_BYTES", 10_000)
    asked = watch(monkeypatch)
    parts = bucket.read(run="r2", key="big.csv")
    assert parts.snapshot.fingerprint == whole.snapshot.fingerprint
    assert sorted(asked) == [("big.csv", start) for start in range(0, len(text), 10_000)]
    fetched = [done for doing, done, total in bucket.told if (doing, total) == ("fetching big.csv", len(text))]
    assert fetched == [len(text), *range(10_000, len(text), 10_000), len(text)]


@pytest.mark.service
def test_an_older_version_is_read_and_the_origin_names_the_version(bucket):
    bucket.keep_versions()
    old = bucket.owner.put_object(Bucket=bucket.name, Key="a.csv", Body=ORDERS)["VersionId"]
    new = bucket.owner.put_object(Bucket=bucket.name, Key="a.csv", Body=MORE)["VersionId"]
    batch = bucket.read(key="a.csv", version=old)
    assert rows(batch) == [("1", "Bremen"), ("2", "Kiel")]
    assert batch.origins[0].fingerprint.endswith(f" version:{old}")
    for number, settings in enumerate(({"key": "a.csv"}, {"pattern": "*.csv"})):
        batch = bucket.read(run=f"n{number}", **settings)
        assert rows(batch) == [("3", "Jena")]
        assert batch.origins[0].fingerprint.endswith(f" version:{new}")
    with pytest.raises(Unavailable, match="no version 'nonsense'"):
        bucket.read(run="r3", key="a.csv", version="nonsense")


def watch(monkeypatch, before=None):
    """What is asked for from now on, as (key, first byte); `before` is called before each."""
    asked, real = [], module._Fetch._get

    def get(self, one, start, *more):
        if before:
            before(one.key, start)
        asked.append((one.key, start))
        real(self, one, start, *more)

    monkeypatch.setattr(module._Fetch, "_get", get)
    return asked


@pytest.mark.service
@pytest.mark.parametrize("happens", ["changed", "gone"])
def test_an_object_that_changes_while_it_is_read_is_noticed_and_can_be_read_again(bucket, monkeypatch, happens):
    monkeypatch.setattr(module, "PART_BYTES", 10)
    monkeypatch.setattr(module, "WORKERS", 1)
    bucket.put(**{"in/a.csv": ORDERS, "in/b.csv": MORE})

    def meanwhile(key, start):
        if (key, start) == ("in/a.csv", 10):
            if happens == "gone":
                bucket.owner.delete_object(Bucket=bucket.name, Key=key)
            else:
                bucket.put(**{key: ORDERS.replace(b"Kiel", b"Hamm")})

    with monkeypatch.context() as patched:
        watch(patched, meanwhile)
        said = r"the object changed, or went, while it was read in s3://.*/in/a.csv; read again"
        with pytest.raises(SourceError, match=said):
            bucket.read(prefix="in/")
    again = rows(bucket.read(prefix="in/"))
    assert again == ([("1", "Bremen"), ("2", "Hamm"), ("3", "Jena")] if happens == "changed" else [("3", "Jena")])


@pytest.mark.service
def test_an_object_that_cannot_be_read_is_named_and_a_better_one_is_read_by_the_same_run(bucket):
    bucket.put(**{"in/a.csv": ORDERS, "in/b.csv": b""})
    with pytest.raises(SourceError, match=r"the file is empty .* in s3://.*/in/b.csv"):
        bucket.read(prefix="in/")
    bucket.put(**{"in/b.csv": MORE})
    assert len(rows(bucket.read(prefix="in/"))) == 3


# --- each once ----------------------------------------------------------------------------------------------------


@pytest.mark.service
def test_each_object_is_read_once_until_its_content_changes(bucket):
    settings = {"prefix": "in/", "once": True}

    notes = []

    def run(name):
        source, at = bucket.source(**settings), bucket.reading(name)
        batch = source.read(at)
        source.acknowledge(batch, at)
        notes[:] = batch.notes
        return [origin.name for origin in batch.origins]

    bucket.put(**{"in/a.csv": ORDERS})
    assert run("r1") == ["in/a.csv"]
    with pytest.raises(NothingNew, match="no new object: 1 read before"):
        run("r2")
    bucket.put(**{"in/b.csv": MORE, "in/a.csv": ORDERS})
    assert run("r3") == ["in/b.csv"]
    bucket.put(**{"in/a.csv": MORE})
    assert run("r4") == ["in/a.csv"]
    assert notes == ["changed since they were read before, and read again: in/a.csv"]
    for key in ("in/a.csv", "in/b.csv"):
        bucket.owner.delete_object(Bucket=bucket.name, Key=key)
    with pytest.raises(NothingNew, match="no object is there"):
        run("r5")


@pytest.mark.service
def test_of_two_runs_that_read_the_same_one_is_acknowledged(bucket):
    bucket.put(**{"in/a.csv": ORDERS})
    source, first, second = bucket.source(prefix="in/", once=True), bucket.reading("r1"), bucket.reading("r2")
    batches = source.read(first), source.read(second)
    source.acknowledge(batches[0], first)
    source.acknowledge(batches[0], first)
    with pytest.raises(Abort, match=r"run r1 has read the same part of s3://"):
        source.acknowledge(batches[1], second)


@pytest.mark.service
def test_a_read_that_is_made_again_is_about_the_same_objects(bucket):
    bucket.put(**{"in/a.csv": ORDERS})
    first = bucket.read(prefix="in/", once=True)
    bucket.put(**{"in/b.csv": MORE})
    assert bucket.read(prefix="in/", once=True) == first


KILLED = """
import os, signal, sys, threading
from pathlib import Path
import blocks.sources.s3 as module
from blocks.sources.base import Reading
from blocks.staging import Staging

module.PART_BYTES, module.WORKERS = 1000, 2
real, lock, heard = module.publish, threading.Lock(), []

def publish(*paths):
    real(*paths)
    with lock:
        heard.append(paths)
        if len(heard) == 5:
            os.kill(os.getpid(), signal.SIGKILL)

module.publish = publish
source = module.S3Source.model_validate_json(sys.argv[1])
source.read(Reading(Staging(sys.argv[2]), "r1", "orders", Path()))
"""


@pytest.mark.service
def test_killed_in_mid_download_the_read_goes_on_with_the_parts_that_are_not_here(bucket, monkeypatch):
    text = b"id,name\n" + b"".join(b"%d,name %d\n" % (i, i * 7) for i in range(800))
    bucket.put(**{"in/a.csv": ORDERS, "in/big.csv": text.replace(b"id,name", b"id,city")})
    undisturbed = bucket.read(run="r0", prefix="in/")
    source = bucket.source(prefix="in/")
    command = [sys.executable, "-c", KILLED, source.model_dump_json(), str(bucket.folder / "staging")]
    killed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    bucket.put(**{"in/late.csv": MORE})
    monkeypatch.setattr(module, "PART_BYTES", 1000)
    asked = watch(monkeypatch)
    batch = bucket.read(prefix="in/")
    parts = 1 + -(-len(text) // 1000)
    assert 0 < len(asked) <= parts - 4
    assert ("in/a.csv", 0) not in asked
    assert (batch.snapshot.fingerprint, batch.origins) == (undisturbed.snapshot.fingerprint, undisturbed.origins)


# --- what became of it --------------------------------------------------------------------------------------------


@pytest.mark.service
@pytest.mark.parametrize("loaded", [True, False])
def test_objects_are_tagged_with_what_became_of_them_and_keep_their_own_tags(bucket, loaded):
    bucket.put(**{"in/a.csv": ORDERS, "in/b.csv": MORE})
    own = {"TagSet": [{"Key": "team", "Value": "sales"}]}
    bucket.owner.put_object_tagging(Bucket=bucket.name, Key="in/a.csv", Tagging=own)
    source, at = bucket.source(prefix="in/", after="tag"), bucket.reading()
    batch = source.read(at)
    bucket.put(**{"in/b.csv": ORDERS})
    for _ in range(2):
        assert source.settle(batch, told(loaded=loaded), at) == "1 object tagged; 1 changed since, and left as they are"
    outcome = "loaded" if loaded else "stopped"
    assert bucket.tags("in/a.csv") == {"team": "sales", "gonogo-run": "r1", "gonogo-outcome": outcome}
    assert bucket.tags("in/b.csv") == {}


@pytest.mark.service
def test_the_version_that_was_read_is_tagged_though_there_is_a_newer_one(bucket):
    bucket.keep_versions()
    read = bucket.owner.put_object(Bucket=bucket.name, Key="a.csv", Body=ORDERS)["VersionId"]
    source, at = bucket.source(pattern="*.csv", after="tag"), bucket.reading()
    batch = source.read(at)
    bucket.put(**{"a.csv": MORE})
    assert source.settle(batch, told(), at) == "1 object tagged"
    found = bucket.owner.get_object_tagging(Bucket=bucket.name, Key="a.csv", VersionId=read)["TagSet"]
    assert {"Key": "gonogo-outcome", "Value": "loaded"} in found
    assert bucket.tags("a.csv") == {}


@pytest.mark.service
def test_an_object_with_all_the_tags_it_may_have_is_left_and_said(bucket):
    bucket.put(**{"a.csv": ORDERS})
    many = {"TagSet": [{"Key": f"k{i}", "Value": "v"} for i in range(10)]}
    bucket.owner.put_object_tagging(Bucket=bucket.name, Key="a.csv", Tagging=many)
    source, at = bucket.source(key="a.csv", after="tag"), bucket.reading()
    with pytest.raises(SourceError, match="the object has 10 tags, and 10 at most"):
        source.settle(source.read(at), told(), at)


@pytest.mark.service
def test_objects_are_moved_once_with_what_is_known_about_them(bucket):
    bucket.put(**{"in/2026/b.csv": MORE, "in/c.csv": MORE})
    about = {"ContentType": "text/csv", "Metadata": {"from": "shop"}}
    bucket.owner.put_object(Bucket=bucket.name, Key="in/a.csv", Body=ORDERS, **about)
    source, at = bucket.source(prefix="in/", after="move", move_to="done/"), bucket.reading()
    batch = source.read(at)
    bucket.put(**{"in/c.csv": ORDERS})
    assert source.settle(batch, told(loaded=False), at) == ""
    assert source.settle(batch, told(), at) == "2 objects moved to done/; 1 changed since, and left as they are"
    assert source.settle(batch, told(), at) == "0 objects moved to done/; 1 changed since, and left as they are"
    assert bucket.keys() == ["done/2026/b.csv", "done/a.csv", "in/c.csv"]
    moved = bucket.owner.head_object(Bucket=bucket.name, Key="done/a.csv")
    assert (moved["ContentType"], moved["Metadata"]["from"]) == ("text/csv", "shop")
    bucket.owner.delete_object(Bucket=bucket.name, Key="in/c.csv")
    with pytest.raises(NothingNew, match="no object is there"):
        source.read(bucket.reading("r2"))


@pytest.mark.service
def test_a_move_that_was_killed_after_its_copy_is_finished_and_leaves_one_object(bucket):
    bucket.put(**{"in/a.csv": ORDERS})
    source, at = bucket.source(pattern="in/*.csv", after="move", move_to="done"), bucket.reading()
    batch = source.read(at)
    source.settle(batch, told(), at)
    bucket.put(**{"in/a.csv": ORDERS})  # as it was before it would have been deleted
    assert source.settle(batch, told(), at) == "1 object moved to done"
    assert bucket.keys() == ["done/a.csv"]
    bucket.put(**{"in/a.csv": MORE})
    source.settle(source.read(bucket.reading("r2")), told(), at)
    etag = bucket.owner.head_object(Bucket=bucket.name, Key="done/a.csv")["Metadata"]["gonogo-etag"]
    assert len(bucket.keys()) == 2
    assert etag == batch.origins[0].fingerprint.removeprefix("etag:")


@pytest.mark.service
def test_objects_are_not_moved_to_where_they_would_be_read_again(bucket):
    bucket.put(**{"in/a.csv": ORDERS})
    for settings in ({"prefix": "in/", "move_to": "in/done"}, {"pattern": "**/*.csv", "move_to": "done"}):
        with pytest.raises(SourceError, match=r"'in/a.csv' would be moved to .*choose another 'move_to'"):
            bucket.read(after="move", **settings)


# --- what goes wrong ----------------------------------------------------------------------------------------------


@pytest.mark.service
@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        (
            {"key": "in/order.csv"},
            Unavailable,
            r"no object 'in/order.csv' .*available: in/orders.csv; Did you mean 'in/o",
        ),
        ({"prefix": "on/"}, Unavailable, r"no object 'on/' .*available: in/; Did you mean 'in/'"),
        ({"pattern": "in/*.parquet"}, Unavailable, r"no object 'in/\*.parquet' .*available: in/orders.csv"),
        ({"key": "in/orders.csv", "bucket": "{name}x"}, SourceError, r"no bucket 'gonogo-.*Did you mean 'gonogo-"),
        (
            {"prefix": "in/", "bucket": "{name}x"},
            SourceError,
            r"no bucket 'gonogo-.*available: .*Did you mean 'gonogo-",
        ),
        (
            {"prefix": "in/", "bucket": "no bucket!"},
            SpecError,
            'the settings don\'t do: .*Invalid bucket name "no bucket!"',
        ),
        ({"prefix": "in/", "endpoint": "nonsense"}, SpecError, "no address of a server in source.endpoint"),
        ({"prefix": "in/", "secret_key": "${ABSENT}"}, SpecError, "variable ABSENT is not set in source.secret_key"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(bucket, settings, error, said):
    bucket.put(**{"in/orders.csv": ORDERS})
    named = {name: value.replace("{name}", bucket.name) for name, value in settings.items()}
    with pytest.raises(error, match=said) as raised:
        bucket.read(**named)
    assert SECRET_KEY not in raised.value.message


@pytest.mark.service
def test_nothing_readable_is_said_with_what_is_there(bucket):
    bucket.put(**{"in/notes.md": b"no data"})
    with pytest.raises(SourceError, match=r"no readable object .*available: in/notes.md; readable are .csv"):
        bucket.read(prefix="in/")
    bucket.put(**{"in/notes.md": ORDERS})
    assert len(rows(bucket.read(prefix="in/", format="csv"))) == 2


@pytest.mark.service
def test_who_may_not_read_is_told_so_and_what_to_do(bucket, monkeypatch):
    bucket.put(**{"a.csv": ORDERS})
    listing = {
        "Effect": "Allow",
        "Principal": GUEST[0],
        "Action": "s3:ListBucket",
        "Resource": [f"arn:aws:s3:::{bucket.name}"],
    }
    bucket.owner.put_bucket_policy(
        Bucket=bucket.name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [listing]})
    )
    cases = [
        (GUEST, {"prefix": ""}, "not allowed: AccessDenied"),
        (GUEST, {"key": "a.csv"}, "not allowed: AccessDenied"),
        (
            ("AKIAUNKNOWN000000000", "unknown-Passw0rd"),
            {"prefix": ""},
            "does not accept these keys: InvalidAccessKeyId",
        ),
        (
            ("AKIAUNKNOWN000000000", "unknown-Passw0rd"),
            {"key": "a.csv"},
            "does not accept these keys: InvalidAccessKeyId",
        ),
        ((ACCESS_KEY, "wrong-Passw0rd"), {"key": "a.csv"}, "does not accept these keys: SignatureDoesNotMatch"),
    ]
    for number, ((access, secret), settings, said) in enumerate(cases):
        monkeypatch.setenv("TEST_S3_ACCESS", access)
        monkeypatch.setenv("TEST_S3_SECRET", secret)
        with pytest.raises(SourceError, match=said) as raised:
            bucket.read(run=f"x{number}", **settings)
        assert secret not in raised.value.message
        steps = list(bucket.source(**settings).probe(bucket.folder))
        assert [step.ok for step in steps][-1] is False
        assert said in mask(steps[-1].said), "what is no secret is not masked at the terminal"


@pytest.mark.service
def test_a_probe_says_who_asks_and_what_is_there(bucket):
    bucket.put(**{"in/a.csv": ORDERS, "in/b.csv": MORE})
    steps = list(bucket.source(pattern="in/*.csv").probe(bucket.folder))
    assert [step.ok for step in steps] == [True] * 4
    size = len(ORDERS) + len(MORE)
    assert [step.said for step in steps] == [
        "in the settings",
        "the bucket is there",
        f"2 objects, {size} bytes",
        "csv, 2 rows with 2 columns: id, city",
    ]
    assert not (bucket.folder / "staging").exists()
    (*_, last) = bucket.source(key="in/c.csv").probe(bucket.folder)
    assert (last.ok, "no object 'in/c.csv'" in last.said) == (False, True)
    (*_, last) = bucket.source(key="in/a.csv", bucket=f"{bucket.name}x").probe(bucket.folder)
    assert (last.ok, "Did you mean" in last.said) == (False, True)


@pytest.mark.service
@pytest.mark.parametrize("after", [{"after": "tag"}, {"after": "move", "move_to": "done/"}])
def test_every_request_says_that_the_requester_pays(bucket, monkeypatch, after):
    heard = []

    def client(source):
        made = own(source)
        made.meta.events.register("before-send.s3", lambda request, **_: heard.append(request))
        return made

    own = S3Source.client
    monkeypatch.setattr(S3Source, "client", client)
    bucket.put(**{"in/a.csv": ORDERS})
    source, at = bucket.source(prefix="in/", requester_pays=True, **after), bucket.reading()
    assert all(step.ok for step in source.probe(bucket.folder))
    source.settle(source.read(at), told(), at)
    paid = [each for each in heard if not each.url.endswith(f"/{bucket.name}")]  # whether it is there costs nothing
    assert {"GET", "HEAD", "PUT"} <= {each.method for each in paid}
    assert {each.headers.get("x-amz-request-payer") for each in paid} == {b"requester"}


@pytest.mark.service
def test_credentials_are_found_as_other_tools_of_aws_find_them(bucket, monkeypatch):
    bucket.put(**{"a.csv": ORDERS})
    none = {"access_key": None, "secret_key": None}
    with pytest.raises(SpecError, match=r"no credentials found in source; set access_key"):
        bucket.read(key="a.csv", **none)
    (bucket.folder / "credentials").write_text(
        f"[shop]\naws_access_key_id={ACCESS_KEY}\naws_secret_access_key={SECRET_KEY}\n"
    )
    with pytest.raises(SpecError, match=r"no profile 'shpo' in source.profile; available: shop; Did you mean 'shop'"):
        bucket.read(key="a.csv", profile="shpo", **none)
    first, *_ = bucket.source(key="a.csv", profile="shop", **none).probe(bucket.folder)
    assert (first.ok, first.said) == (True, "in ~/.aws/credentials")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    assert len(rows(bucket.read(key="a.csv", **none))) == 2


class _Refusing(http.server.BaseHTTPRequestHandler):
    """Answers as S3 answers when it refuses, which no server can be brought to do at will."""

    def log_message(self, *_told):
        pass

    def do_HEAD(self):
        self.answer(400, b"")

    def do_GET(self):
        code, status = self.server.code, self.server.status
        said = f"<Error><Code>{code}</Code><Message>{code} {os.environ['TEST_S3_SECRET']}</Message></Error>"
        self.answer(status, said.encode())

    def answer(self, status, content):
        self.server.asked += 1
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(handler, **settings):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads, server.block_on_close, server.asked = True, False, 0
        for name, value in settings.items():
            setattr(server, name, value)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def at(server):
    port = server if isinstance(server, int) else server.server_port
    keys = {"access_key": "${TEST_S3_ACCESS}", "secret_key": "${TEST_S3_SECRET}"}
    return {"bucket": "orders", "endpoint": f"http://127.0.0.1:{port}", "addressing": "path", **keys}


def reading(tmp_path):
    return Reading(Staging(str(tmp_path / "staging")), "r1", "orders", tmp_path)


@pytest.mark.parametrize(
    ("code", "status", "error", "said"),
    [
        ("ExpiredToken", 400, SourceError, "the credentials have expired: ExpiredToken.*renew them"),
        ("RequestTimeTooSkewed", 403, SourceError, "this machine's clock and the server's differ.*set the clock"),
        ("InvalidObjectState", 403, SourceError, "archive class.*restore it from the archive"),
        ("SlowDown", 503, TryAgain, "too busy.*try again later"),
        ("InternalError", 500, TryAgain, "too busy, or at fault: InternalError"),
        ("QuotaExceeded", 403, TryAgain, "no space left, or none for us: QuotaExceeded.*free some, or raise the quota"),
        ("507", 507, TryAgain, "no space left, or none for us: 507.*free some, or raise the quota"),
        ("NewFangled", 400, SourceError, "the server refuses: NewFangled"),
    ],
)
def test_what_a_server_refuses_is_said_by_what_to_do_about_it(tmp_path, monkeypatch, code, status, error, said):
    monkeypatch.setattr(connection, "ATTEMPTS", 1)
    with serving(_Refusing, code=code, status=status) as server:
        settings = {"prefix": "in/"} if status == 403 else {"key": "a.csv"}
        source = S3Source.model_validate({**at(server), **settings})
        with pytest.raises(error, match=said) as raised:
            source.read(reading(tmp_path))
    assert SECRET_KEY not in raised.value.message


def test_a_busy_server_is_asked_again(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "ATTEMPTS", 2)
    with serving(_Refusing, code="SlowDown", status=503) as server:
        with pytest.raises(TryAgain):
            S3Source.model_validate({**at(server), "prefix": "in/"}).read(reading(tmp_path))
        assert server.asked == 2


@pytest.mark.parametrize("settings", [{"key": "a.csv"}, {"prefix": "in/"}])
def test_a_server_of_another_kind_is_told_from_one_of_s3(tmp_path, monkeypatch, settings):
    monkeypatch.setattr(connection, "ATTEMPTS", 1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "a.csv").write_bytes(ORDERS)

    class Site(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_told):
            pass

    with serving(Site) as server, pytest.raises(Unavailable, match=r"what answers at http://.* is no S3 server"):
        S3Source.model_validate({**at(server), **settings}).read(reading(tmp_path))


def test_an_absent_or_slow_server_is_said_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "ATTEMPTS", 1)
    source = S3Source.model_validate({**at(free_port()), "prefix": "in/"})
    with pytest.raises(Unavailable, match=r"the server cannot be reached at http://127.*check 'endpoint'"):
        source.read(reading(tmp_path))

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.over.wait(20)

    over = threading.Event()
    with serving(Slow, over=over) as server:
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"cannot be reached.*Read timeout"):
            S3Source.model_validate({**at(server), "prefix": "in/", "patience_seconds": 0.3}).read(reading(tmp_path))
        over.set()
    assert time.monotonic() - began < 10


def test_an_answer_that_breaks_off_is_asked_for_again(tmp_path, monkeypatch):
    class Breaking(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_told):
            pass

        def begin(self):
            self.send_response(200)
            self.send_header("ETag", '"e1"')
            self.send_header("Content-Length", str(len(ORDERS)))
            self.end_headers()

        def do_HEAD(self):
            self.begin()

        def do_GET(self):
            self.begin()
            self.server.asked += 1
            self.wfile.write(ORDERS if self.server.asked > self.server.breaks else ORDERS[:5])
            self.close_connection = True

    source = {"key": "a.csv"}
    with serving(Breaking, breaks=2) as server:
        batch = S3Source.model_validate({**at(server), **source}).read(reading(tmp_path))
        assert (len(rows(batch)), server.asked) == (2, 3)
    monkeypatch.setattr(module, "ATTEMPTS", 2)
    with serving(Breaking, breaks=9) as server, pytest.raises(Unavailable, match="cannot be reached"):
        S3Source.model_validate({**at(server), **source}).read(reading(tmp_path / "again"))


# --- settings -----------------------------------------------------------------------------------------------------


def test_the_example_is_valid_and_words_hold_no_secret(monkeypatch):
    source = S3Source.model_validate(yaml.safe_load(S3Source.EXAMPLE))
    assert source.describe() == "s3://shop-exports/in/2026/*.csv.gz"
    other = source.model_copy(
        update={"endpoint": "https://ann:s3cret-Passw0rd@s3.example.org", "secret_key": "abc-literal"}
    )
    assert other.describe() == "s3://shop-exports/in/2026/*.csv.gz at https://ann:***@s3.example.org"
    assert other.hidden("it was abc-literal\nsecond line") == "it was ***"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "exactly one of 'key', 'prefix' and 'pattern'"),
        ({"key": "a", "prefix": "b"}, "exactly one of"),
        ({"prefix": "a", "version": "1"}, "'version' is of one object"),
        ({"key": "a", "after": "move"}, "'after: move' and 'move_to: PREFIX' go together"),
        ({"key": "a", "move_to": "b"}, "go together"),
        ({"key": "a", "version": "1", "after": "move", "move_to": "b"}, "a version stays where it is"),
        ({"key": "a", "access_key": "${A}"}, "access_key and secret_key go together"),
        ({"key": "a", "session_token": "${A}"}, "session_token is beside them"),
        ({"key": "a", "access_key": "${A}", "secret_key": "${B}", "profile": "p"}, "not both"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        S3Source.model_validate({"bucket": "orders", **settings})
