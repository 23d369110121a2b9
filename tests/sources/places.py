"""The places that the tests read from: each is filled with tools that aren't gonogo's.

A new kind of source is one class here and one line in `PLACES`; everything in `test_source_contract.py` holds for it.
"""

from __future__ import annotations

import csv
import io
import json
import os
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from blocks.sources import (
    ApiSource,
    DatabaseSource,
    FileSource,
    S3Source,
    SavedSource,
    StreamSource,
    UnionSource,
)
from tests.services.api import Said, running_api
from tests.services.prefect import SavedBlocks
from tests.services.process import free_port
from tests.sources.carrier import ORIGIN
from tests.sources.topics import Topic

Row = Mapping[str, str]
SECRET = "s3cret-Passw0rd"
WRONG = "wrong-Passw0rd"


class Place:
    """Where a source reads from.

    Attributes:
        kind: of the source.
        service: the fixture of the server that it needs.
        steps: functions that change what is durable elsewhere than in files; tests kill the process around them.
        has_bad_records: whether anything in it can be no record.
        troubles: names of what can go wrong with it: absent, slow, full, refuses.
        prefect_server: that its source is looked up in.
    """

    kind: ClassVar[str]
    service: ClassVar[str] = ""
    steps: ClassVar[tuple[str, ...]] = ()
    has_bad_records: ClassVar[bool] = True
    troubles: ClassVar[tuple[str, ...]] = ("absent", "refuses")
    prefect_server = ""

    def __init__(self, folder: Path, server: Any = None) -> None:
        self.folder, self.server, self.stack = folder, server, ExitStack()
        self.added = 0
        self.prepare()

    def prepare(self) -> None:
        """Make the place, empty."""

    def close(self) -> None:
        """Remove what was made."""
        self.stack.close()

    def source(self, root: str = "staging", **more: Any) -> Any:
        """The source; it reads everything once. `root` names the staging area: what is known of reads is kept by it."""
        raise NotImplementedError

    def add(self, *rows: Row) -> None:
        """Put rows there, after those that are there."""
        raise NotImplementedError

    def spoil(self) -> None:
        """Put one thing there that is no record, and holds the bytes `spoilt`."""
        raise NotImplementedError

    def trouble(self, name: str) -> Any:
        """The source with something wrong about it."""
        raise NotImplementedError


class Folder(Place):
    """Files of a folder on this machine."""

    kind = "file"

    def prepare(self) -> None:
        (self.folder / "in").mkdir()

    def source(self, root: str = "staging", **more: Any) -> FileSource:
        return FileSource.model_validate({"path": "in/*.csv", "once": True, **more})

    def add(self, *rows: Row) -> None:
        self.put(_csv(rows))

    def spoil(self) -> None:
        self.put(b"id,city\n98,Ulm\n99,spoilt,too,many\n")

    def put(self, content: bytes) -> None:
        self.added += 1
        (self.folder / "in" / f"{self.added:03d}.csv").write_bytes(content)

    def trouble(self, name: str) -> FileSource:
        if name == "absent":
            return self.source(path="no/*.csv")
        (self.folder / "in" / "001.csv").write_bytes(b"")
        return self.source()


class Sftp(Folder):
    """Files of a folder of an SFTP server, which knows us by a key."""

    service = "sftp_server"
    troubles = ("absent", "slow", "full", "refuses")

    def prepare(self) -> None:
        os.environ["GONOGO_KNOWN_HOSTS"] = str(self.server.known_hosts)
        self.stack.callback(os.environ.pop, "GONOGO_KNOWN_HOSTS")
        super().prepare()

    def source(self, root: str = "staging", **more: Any) -> FileSource:
        path = f"{self.server.address}{self.folder}/in/*.csv"
        own = {"path": path, "key_file": str(self.server.key), "once": True}
        return FileSource.model_validate({**own, **more})

    def trouble(self, name: str) -> FileSource:
        if name == "refuses":
            from cryptography.hazmat.primitives import serialization
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

            kinds = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
            (self.folder / "stranger").write_bytes(Ed25519PrivateKey.generate().private_bytes(*kinds))
            return self.source(key_file=str(self.folder / "stranger"))
        says = b"Exceeded MaxStartups\r\n" if name == "full" else b""
        port = free_port() if name == "absent" else self.stack.enter_context(silent(says, first=True))
        return self.source(path=f"sftp://ann:{SECRET}@127.0.0.1:{port}{self.folder}/in/*.csv")


class Shops(Folder):
    """Files of two folders, as one table."""

    kind = "union"

    def prepare(self) -> None:
        for name in ("in", "web"):
            (self.folder / name).mkdir()

    def source(self, root: str = "staging", **more: Any) -> UnionSource:
        shops = {name: {"kind": "file", "path": f"{name}/*.csv", "once": True} for name in ("in", "web")}
        return UnionSource.model_validate({"sources": shops, "origin": ORIGIN, **more})

    def put(self, content: bytes) -> None:
        self.added += 1
        folder = "in" if self.added == 1 else "web"
        (self.folder / folder / f"{self.added:03d}.csv").write_bytes(content)

    def trouble(self, name: str) -> UnionSource:
        if name == "absent":
            shops = {n: {"kind": "file", "path": path} for n, path in (("in", "in/*.csv"), ("web", "no/*.csv"))}
            return self.source(sources=shops)
        (self.folder / "web" / "002.csv").write_bytes(b"")
        return self.source()


class Sqlite(Place):
    """A table of an SQLite file."""

    kind = "database"
    has_bad_records = False
    url = "sqlite:///shop.db"

    def prepare(self) -> None:
        self.table = f"orders_{uuid.uuid4().hex[:8]}"
        self.columns = ["id", "city"]
        if self.url.startswith("sqlite"):
            self.execute("PRAGMA journal_mode = WAL")  # who reads keeps nobody from writing
        self.execute(f"CREATE TABLE {self.table} (id INTEGER PRIMARY KEY, city VARCHAR(40))")

    def execute(self, statement: str, *rows: Any) -> None:
        import sqlalchemy as sa

        url = self.url.replace("sqlite:///", f"sqlite:///{self.folder}/")
        with sa.create_engine(url, poolclass=sa.pool.NullPool).begin() as connection:
            connection.execute(sa.text(statement), *rows)

    def source(self, root: str = "staging", **more: Any) -> DatabaseSource:
        own = {"url": self.url, "table": self.table, "incremental": {"column": "id"}}
        return DatabaseSource.model_validate({**own, **more})

    def add(self, *rows: Row) -> None:
        for name in [name for name in rows[0] if name not in self.columns]:
            self.columns.append(name)
            self.execute(f"ALTER TABLE {self.table} ADD COLUMN {name} VARCHAR(40)")
        names = list(rows[0])
        values = ", ".join(f":{name}" for name in names)
        given = [{**row, "id": int(row["id"])} for row in rows]
        self.execute(f"INSERT INTO {self.table} ({', '.join(names)}) VALUES ({values})", given)

    def trouble(self, name: str) -> DatabaseSource:
        if name == "absent":
            return self.source(url="sqlite:///no.db")
        (self.folder / "text.db").write_text("no database, but a text that is long enough to be read as one" * 99)
        return self.source(url="sqlite:///text.db")


class Postgres(Sqlite):
    """A table of a PostgreSQL server."""

    service = "postgres_url"
    troubles = ("absent", "slow", "full", "refuses")

    @property
    def url(self) -> str:
        return str(self.server)

    def close(self) -> None:
        self.execute(f"DROP TABLE {self.table}")
        super().close()

    def trouble(self, name: str) -> DatabaseSource:
        at = self.url.partition("@")[2]
        if name in ("absent", "slow"):
            port = free_port() if name == "absent" else self.stack.enter_context(silent())
            return self.source(url=f"postgresql://ann:{SECRET}@127.0.0.1:{port}/x")
        if name == "refuses":
            return self.source(url=f"postgresql://gonogo:{WRONG}@{at}")
        user = f"full_{uuid.uuid4().hex[:8]}"
        self.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{SECRET}' CONNECTION LIMIT 0")
        self.stack.callback(self.execute, f"DROP ROLE {user}")
        return self.source(url=f"postgresql://{user}:{SECRET}@{at}")


class MariaDb(Postgres):
    """A table of a MariaDB server."""

    service = "mariadb_url"

    def trouble(self, name: str) -> DatabaseSource:
        at = self.url.partition("@")[2]
        if name in ("absent", "slow"):
            port = free_port() if name == "absent" else self.stack.enter_context(silent())
            return self.source(url=f"mysql://ann:{SECRET}@127.0.0.1:{port}/x")
        if name == "refuses":
            return self.source(url=f"mysql://gonogo:{WRONG}@{at}")
        user = f"full_{uuid.uuid4().hex[:8]}"
        self.execute(f"CREATE USER {user}@'127.0.0.1' IDENTIFIED BY '{SECRET}' WITH MAX_USER_CONNECTIONS 1")
        self.stack.callback(self.execute, f"DROP USER {user}@'127.0.0.1'")
        import sqlalchemy as sa

        nowhere = f"mysql+pymysql://{user}:{SECRET}@{at.partition('/')[0]}"
        self.stack.enter_context(sa.create_engine(nowhere, poolclass=sa.pool.NullPool).connect())
        return self.source(url=f"mysql://{user}:{SECRET}@{at}")


class Bucket(Place):
    """Objects of an S3 server."""

    kind = "s3"
    service = "s3_endpoint"
    troubles = ("absent", "slow", "full", "refuses")

    def prepare(self) -> None:
        from tests.services.s3 import ACCESS_KEY, SECRET_KEY, client

        os.environ |= {"TEST_S3_ACCESS": ACCESS_KEY, "TEST_S3_SECRET": SECRET_KEY, "TEST_S3_WRONG": WRONG}
        self.name, self.owner = f"contract-{uuid.uuid4().hex[:12]}", client(self.server)
        self.owner.create_bucket(Bucket=self.name)

    def close(self) -> None:
        for item in self.owner.list_objects_v2(Bucket=self.name).get("Contents", ()):
            self.owner.delete_object(Bucket=self.name, Key=item["Key"])
        self.owner.delete_bucket(Bucket=self.name)
        super().close()

    def source(self, root: str = "staging", **more: Any) -> S3Source:
        keys = {"access_key": "${TEST_S3_ACCESS}", "secret_key": "${TEST_S3_SECRET}"}
        own = {"bucket": self.name, "endpoint": self.server, "addressing": "path", "prefix": "in/", "once": True}
        return S3Source.model_validate({**own, **keys, **more})

    def add(self, *rows: Row) -> None:
        self.put(_csv(rows))

    def spoil(self) -> None:
        self.put(b"id,city\n98,Ulm\n99,spoilt,too,many\n")

    def put(self, content: bytes) -> None:
        self.added += 1
        self.owner.put_object(Bucket=self.name, Key=f"in/{self.added:03d}.csv", Body=content)

    def trouble(self, name: str) -> S3Source:
        if name == "refuses":
            return self.source(secret_key="${TEST_S3_WRONG}")
        if name == "absent":
            return self.source(endpoint=f"http://127.0.0.1:{free_port()}")
        busy = b"HTTP/1.1 503 x\r\nContent-Type: application/xml\r\nContent-Length: 48\r\n\r\n"
        busy += b"<Error><Code>SlowDown</Code><Message/></Error>\r\n"
        port = self.stack.enter_context(silent(b"" if name == "slow" else busy))
        return self.source(endpoint=f"http://127.0.0.1:{port}", patience_seconds=0.3)


class Stream(Place):
    """A topic of a Kafka cluster that wants TLS and a password; what is added goes to one partition after the other."""

    kind = "stream"
    service = "kafka_broker"
    steps = ("blocks.sources.stream._commit",)
    troubles = ("absent", "slow", "full", "refuses")

    def prepare(self) -> None:
        os.environ |= {"TEST_KAFKA_PASSWORD": SECRET, "TEST_KAFKA_WRONG": WRONG}
        self.topic = Topic(self.folder, self.server.servers)

    def close(self) -> None:
        self.topic.remove()
        super().close()

    def source(self, root: str = "staging", **more: Any) -> StreamSource:
        secure = {"servers": self.server.secure, "tls": True, "ca_file": str(self.server.ca), "username": "gonogo"}
        own = {"topics": [self.topic.name], "keep": [], "password": "${TEST_KAFKA_PASSWORD}"}
        return StreamSource.model_validate({**own, **secure, **more})

    def add(self, *rows: Row) -> None:
        self.topic.produce(*(json.dumps(row) for row in rows), partition=min(self.added, 2))
        self.added += 1

    def spoil(self) -> None:
        self.topic.produce("spoilt", partition=0)

    def trouble(self, name: str) -> StreamSource:
        if name == "refuses":
            return self.source(password="${TEST_KAFKA_WRONG}")
        port = free_port() if name == "absent" else self.stack.enter_context(silent(b"full" if name == "full" else b""))
        return self.source(servers=f"127.0.0.1:{port}")


class WebApi(Place):
    """Records of an HTTP API, two on a page."""

    kind = "api"
    troubles = ("absent", "slow", "full", "refuses")

    def prepare(self) -> None:
        os.environ["TEST_API_TOKEN"] = SECRET
        self.api = self.stack.enter_context(running_api())

    def source(self, root: str = "staging", **more: Any) -> ApiSource:
        own = {"url": f"{self.api.url}/next", "incremental": {"field": "id", "param": "id_after"}, "retries": 0}
        return ApiSource.model_validate(
            {**own, "authentication": {"kind": "bearer", "token": "${TEST_API_TOKEN}"}, **more}
        )

    def add(self, *rows: Row) -> None:
        self.api.records += rows

    def spoil(self) -> None:
        self.api.records.append("spoilt")

    def trouble(self, name: str) -> ApiSource:
        if name == "refuses":
            self.api.allows = lambda _heard: False
            return self.source()
        if name == "full":
            self.api.answers.extend([Said(429, {"Retry-After": "9999"})] * 2)
            return self.source()
        port = free_port() if name == "absent" else self.stack.enter_context(silent())
        return self.source(url=f"http://ann:{WRONG}@127.0.0.1:{port}/x", timeout_seconds=0.3)


class Saved(Place):
    """A place whose source is named: its settings, secrets included, are a block that the Prefect server keeps."""

    kind = "saved"
    blocks: SavedBlocks

    def prepare(self) -> None:
        self.block = f"contract-{uuid.uuid4().hex[:12]}"
        super().prepare()

    def source(self, root: str = "staging", **more: Any) -> SavedSource:
        written = super().source(root, **more)
        settings = json.loads(os.path.expandvars(written.model_dump_json(exclude_unset=True, by_alias=True)))
        self.blocks.save("source", written.kind, self.block, **settings)
        return SavedSource(name=self.block)


class SavedFolder(Saved, Folder):
    """Files of a folder, by a block's name."""


class SavedApi(Saved, WebApi):
    """Records of an HTTP API, by the name of a block that has its token."""


class SavedPostgres(Saved, Postgres):
    """A table of a PostgreSQL server, by the name of a block that has its password."""


class SavedBucket(Saved, Bucket):
    """Objects of an S3 server, by the name of a block that has the keys."""


class SavedStream(Saved, Stream):
    """A topic of a Kafka cluster, by the name of a block that has the password."""


WRITTEN_OUT = (WebApi, Folder, Sftp, Shops, Sqlite, Postgres, MariaDb, Bucket, Stream)
PLACES = (*WRITTEN_OUT, SavedFolder, SavedApi, SavedPostgres, SavedBucket, SavedStream)


def _params() -> Iterator[Any]:
    for place in PLACES:
        yield pytest.param(place, marks=[pytest.mark.service] if place.service else [], id=place.__name__.lower())


@pytest.fixture(params=_params())
def place(request, tmp_path) -> Iterator[Place]:
    """Every kind of place."""
    server = request.getfixturevalue(request.param.service) if request.param.service else None
    if issubclass(request.param, Saved):
        request.param.blocks = request.getfixturevalue("saved_blocks")
        request.param.prefect_server = request.getfixturevalue("prefect_server")
    made = request.param(tmp_path, server)
    yield made
    made.close()


@contextmanager
def silent(says: bytes = b"", *, first: bool = False) -> Iterator[int]:
    """A port that takes connections, and says nothing, or always the same: when asked, or `first` of all."""

    def answer(taken: socket.socket) -> None:
        with taken:
            if first and says:
                taken.sendall(says)
                return
            while says and taken.recv(1 << 16):
                taken.sendall(says)
            over.wait(30)

    def accept() -> None:
        while True:
            try:
                taken, _ = door.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=[taken], daemon=True).start()

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield door.getsockname()[1]
        over.set()
        door.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _csv(rows: tuple[Row, ...]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
