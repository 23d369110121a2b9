"""Files at addresses are fetched wholly, from servers that are known; what goes wrong is said without a password."""

import gzip
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from blocks.sources import FileSource, Outcome, Reading
from blocks.staging import Staging
from tasks.quality.errors import NothingNew, SourceError, SpecError, TryAgain, Unavailable
from tests.services.process import folder

ORDERS = "id,city\n1,Bremen\n2,Kiel\n"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_told):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/secret.csv":
            self.send_error(403)
            return
        if self.path == "/slow.csv":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"id\n1\n")
            self.wfile.flush()
            time.sleep(30)
            return
        super().do_GET()


@contextmanager
def served(folder):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        server.asked, server.daemon_threads, server.block_on_close = [], True, False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@pytest.fixture
def site(tmp_path):
    (tmp_path / "site").mkdir()
    with served(tmp_path / "site") as server:
        server.folder = tmp_path / "site"
        server.url = f"http://127.0.0.1:{server.server_port}"
        yield server


def reading(tmp_path, run="r1"):
    return Reading(Staging(str(tmp_path / "staging")), run, "orders", tmp_path)


def rows(batch):
    return [tuple(row.values())[1:] for row in pq.read_table(batch.snapshot.uri).to_pylist()]


def test_a_compressed_file_is_read_over_http_and_its_origin_is_its_address(tmp_path, site):
    (site.folder / "orders.csv.gz").write_bytes(gzip.compress(ORDERS.encode()))
    source = FileSource(path=f"{site.url}/orders.csv.gz")
    at = reading(tmp_path)
    batch = source.read(at)
    at.clear()
    assert rows(batch) == [("1", "Bremen"), ("2", "Kiel")]
    assert [origin.name for origin in batch.origins] == ["orders.csv.gz"]
    assert not (tmp_path / "staging" / "r1" / "source.landing").exists()
    looked, read = source.probe(tmp_path)
    assert (looked.ok, looked.said) == (True, "orders.csv.gz")
    assert (read.ok, read.what, read.said) == (True, "read orders.csv.gz", "csv, 2 rows with 2 columns: id, city")


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        ("{url}/absent.csv", Unavailable, "no file 'absent.csv'"),
        ("http://ann:s3cret-Passw0rd@127.0.0.1:9/a.csv", Unavailable, "cannot be fetched"),
        ("gopherx://host/a.csv", SpecError, "'gopherx' is no kind of address"),
        ("{url}/empty.csv", SourceError, "the file is empty"),
    ],
)
def test_what_cannot_be_fetched_is_said_without_the_password(tmp_path, site, path, error, said):
    (site.folder / "empty.csv").write_bytes(b"")
    with pytest.raises(error, match=said) as raised:
        FileSource(path=path.format(url=site.url)).read(reading(tmp_path))
    assert "s3cret" not in raised.value.message


def test_a_probe_reads_no_more_than_the_beginning(tmp_path, site):
    (site.folder / "large.csv").write_bytes(b"id,city\n" + b"1,Bremen\n" * 2_000_000)
    looked, read = FileSource(path=f"{site.url}/large.csv").probe(tmp_path)
    assert (looked.ok, looked.said) == (True, "large.csv")
    assert (read.ok, read.said) == (True, "csv, its first 1,048,576 bytes are 116,507 rows with 2 columns: id, city")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("notes.bin", b"\x00\x01\x02", "cannot tell the format of 'notes.bin'"),
        ("secret.csv", b"id\n1\n", "the server refuses us (HTTP 403)"),
        ("empty.csv", b"", "the file is empty (0 bytes)"),
    ],
)
def test_a_probe_says_what_keeps_a_file_from_being_read(tmp_path, site, name, content, said):
    (site.folder / name).write_bytes(content)
    *_, last = FileSource(path=f"{site.url}/{name}").probe(tmp_path)
    assert not last.ok
    assert said in last.said


@pytest.mark.service
def test_a_file_of_an_sftp_server_that_is_not_ours_to_read_is_named(sftp_server, monkeypatch):
    monkeypatch.setenv("GONOGO_KNOWN_HOSTS", str(sftp_server.known_hosts))
    address = sftp_server.address.replace("root@", "nobody@")  # nothing is denied to root
    with folder("gonogo-denied-") as path:
        path.chmod(0o755)
        (path / "a.csv").write_text(ORDERS)
        (path / "a.csv").chmod(0o600 if os.geteuid() == 0 else 0)
        source = FileSource(path=f"{address}{path}/*.csv", key_file=str(sftp_server.key))
        looked, read = source.probe(path)
        assert (looked.ok, looked.said) == (True, "a.csv")
        assert (read.ok, read.what) == (False, "read a.csv")
        assert "not allowed to read 'a.csv'" in read.said
        assert "check its rights there" in read.said
        with pytest.raises(
            Unavailable, match=r"not allowed to read 'a.csv' in sftp://nobody@.*a\.csv; check its rights"
        ):
            source.read(reading(path))


def test_a_server_that_falls_silent_is_left_in_time(tmp_path, site, monkeypatch):
    monkeypatch.setattr("blocks.sources.remote._SECONDS", 0.3)
    with pytest.raises(Unavailable, match=r"cannot be fetched: .*[Tt]imeout"):
        FileSource(path=f"{site.url}/slow.csv").read(reading(tmp_path))


@pytest.mark.service
def test_a_pattern_is_read_over_sftp_from_a_server_that_is_known(tmp_path, sftp_server, monkeypatch):
    monkeypatch.setenv("GONOGO_KNOWN_HOSTS", str(sftp_server.known_hosts))
    (tmp_path / "out").mkdir()
    for name, text in (("b.csv", "id,city\n3,Jena\n"), ("a.csv", ORDERS), ("notes.md", "no data")):
        (tmp_path / "out" / name).write_text(text)
    source = FileSource(path=f"{sftp_server.address}{tmp_path}/out/*", key_file=str(sftp_server.key))
    batch = source.read(reading(tmp_path))
    assert rows(batch) == [("1", "Bremen"), ("2", "Kiel"), ("3", "Jena")]
    assert [origin.name for origin in batch.origins] == ["a.csv", "b.csv"]
    absent = FileSource(path=f"{sftp_server.address}{tmp_path}/out/c.csv", key_file=str(sftp_server.key))
    with pytest.raises(Unavailable, match=r"no file 'c.csv'.*available: a.csv, b.csv"):
        absent.read(reading(tmp_path))


@pytest.fixture
def outbox(tmp_path, sftp_server, monkeypatch):
    """Makes sources of a folder on an SFTP server, in which there are two files."""
    monkeypatch.setenv("GONOGO_KNOWN_HOSTS", str(sftp_server.known_hosts))
    (tmp_path / "out").mkdir()
    for name, text in (("a.csv", ORDERS), ("b.csv", "id,city\n3,Jena\n")):
        (tmp_path / "out" / name).write_text(text)
    path = f"{sftp_server.address}{tmp_path}/out/*"
    return lambda **more: FileSource(path=path, key_file=str(sftp_server.key), **more)


def told(*, loaded=True):
    return Outcome("r1", "orders", loaded=loaded, rows=3, destination="somewhere")


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.service
@pytest.mark.parametrize("once", [True, False])
def test_files_of_an_sftp_server_are_archived_there_once_as_they_were_read(tmp_path, outbox, once):
    source, at = outbox(after="archive", archive="done", once=once), reading(tmp_path)
    batch = source.read(at)
    (tmp_path / "out" / "b.csv").write_text("id,city\n4,Ulm\n")
    assert source.settle(batch, told(loaded=False), at) == ""
    assert source.settle(batch, told(), at) == "1 file moved to done"
    assert source.settle(batch, told(), at) == "0 files moved to done"
    assert names(tmp_path / "out") == ["b.csv", "done/a.csv"]
    assert (tmp_path / "out" / "done" / "a.csv").read_text() == ORDERS
    second = source.read(reading(tmp_path, "r2"))
    assert rows(second) == [("4", "Ulm")]
    (tmp_path / "out" / "done" / "b.csv").write_text("of before")
    assert source.settle(second, told(), reading(tmp_path, "r2")) == "1 file moved to done"
    assert names(tmp_path / "out") == ["done/a.csv", "done/b-2.csv", "done/b.csv"]
    assert source.settle(second, told(), reading(tmp_path, "r2")) == "0 files moved to done"


@pytest.mark.service
def test_files_of_an_sftp_server_are_tagged_beside_them_and_the_tags_are_no_data(tmp_path, outbox):
    source, at = outbox(after="tag", once=True), reading(tmp_path)
    batch = source.read(at)
    for loaded in (False, True):
        assert source.settle(batch, told(loaded=loaded), at) == "2 files tagged"
        tag = json.loads((tmp_path / "out" / ".a.csv.gonogo.json").read_text())
        assert (tag["run_id"], tag["loaded"], tag["rows"]) == ("r1", loaded, 3)
    assert names(tmp_path / "out") == [".a.csv.gonogo.json", ".b.csv.gonogo.json", "a.csv", "b.csv"]
    source.acknowledge(batch, at)
    with pytest.raises(NothingNew):
        source.read(reading(tmp_path, "r2"))


@pytest.mark.service
@pytest.mark.parametrize(("after", "how"), [("archive", "moved"), ("tag", "tagged")])
def test_an_sftp_server_that_takes_nothing_is_to_be_tried_again(tmp_path, outbox, after, how):
    more = {"archive": "../a.csv/done"} if after == "archive" else {}
    source, at = outbox(after=after, **more), reading(tmp_path)
    batch = source.read(at)
    for name in (".a.csv.gonogo.json.part", "../a.csv"):  # a folder where a file is to be, and the other way round
        place = tmp_path / "out" / name
        place.mkdir() if after == "tag" else place.write_text("")
    with pytest.raises(TryAgain, match=rf"it cannot be {how}: .* in /.*/out/a\.csv; check the rights and the space"):
        source.settle(batch, told(), at)
    assert (tmp_path / "out" / "a.csv").read_text() == ORDERS


def test_files_of_a_web_server_are_left_as_they_are(site):
    with pytest.raises(ValidationError, match="only those of SFTP can be moved or tagged; leave out 'after'"):
        FileSource(path=f"{site.url}/a.csv", after="tag")


@pytest.mark.service
def test_an_sftp_server_that_is_not_known_is_not_trusted(tmp_path, sftp_server, monkeypatch):
    (tmp_path / "known_hosts").write_text("")
    monkeypatch.setenv("GONOGO_KNOWN_HOSTS", str(tmp_path / "known_hosts"))
    source = FileSource(path=f"{sftp_server.address}{tmp_path}/a.csv", key_file=str(sftp_server.key))
    with pytest.raises(Unavailable, match=r"is not in .*known_hosts.*ssh-keyscan"):
        source.read(reading(tmp_path))


def test_a_read_that_was_killed_fetches_again_only_what_is_not_here(tmp_path, site):
    (site.folder / "a.csv").write_text(ORDERS)
    code = f"""
from pathlib import Path
from blocks.sources import FileSource, Outcome, Reading
from blocks.sources import remote
from blocks.staging import Staging
at = Reading(Staging({str(tmp_path / "staging")!r}), "r1", "orders", Path({str(tmp_path)!r}))
remote.fetched(remote.Address({site.url + "/a.csv"!r}), at)
print("fetched", flush=True)
remote.fetched(remote.Address({site.url + "/slow.csv"!r}), at)
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"fetched\n"
    time.sleep(1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    before = site.asked.count("/a.csv")
    batch = FileSource(path=f"{site.url}/a.csv").read(reading(tmp_path))
    assert rows(batch) == [("1", "Bremen"), ("2", "Kiel")]
    assert site.asked.count("/a.csv") == before
