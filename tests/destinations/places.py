"""The places that the tests load into, each of which can be read back with tools that aren't gonogo's."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from confluent_kafka import TopicPartition

from blocks.destinations import (
    DatabaseDestination,
    FileDestination,
    LoadBatch,
    S3Destination,
    SavedDestination,
    StreamDestination,
)
from tests.sources.topics import Topic


def batch(
    columns: dict[str, list[str | None]],
    types: dict[str, str] | None = None,
    *,
    run: str = "run-1",
    declared: tuple[str, ...] = (),
    formats: dict[str, str] | None = None,
) -> LoadBatch:
    """Text columns as a batch, without a type unless `types` names one."""
    rows = len(next(iter(columns.values()), []))
    arrays = {"_row": pa.array(range(rows), pa.int64())} | {n: pa.array(v, pa.string()) for n, v in columns.items()}
    given = {name: (types or {}).get(name, "text") for name in columns}
    table = ibis.memtable(pa.table(arrays))
    return LoadBatch(table, given, run, f"sha256:{run}", "orders", formats or {}, declared)


class Place:
    """Whatever is loaded into: how its destination is asked."""

    def load(self, batch, **more):
        return self.destination(**more).load(batch, self.folder)

    def undo(self, run, **more):
        return self.destination(**more).undo(run, self.folder)


@dataclass
class Database(Place):
    """A table `out` of a database; `url` may be relative to the folder."""

    folder: Path
    url: str
    schema: str | None = None
    keeps_types: bool = True
    keeps_numbers: ClassVar = True
    keeps_columns: ClassVar = True
    mode: ClassVar = "replace"

    @property
    def spec(self) -> list[str | None]:
        return [self.url, self.schema]

    @property
    def allows_all_names(self) -> bool:
        return "mysql" not in self.url

    def destination(self, **more) -> DatabaseDestination:
        return DatabaseDestination.model_validate({"url": self.url, "table": "out", "schema": self.schema, **more})

    def exists(self) -> bool:
        import sqlalchemy as sa

        return sa.inspect(self.engine()).has_table("out", schema=self.schema)

    def tables(self) -> list[str]:
        import sqlalchemy as sa

        return sorted(sa.inspect(self.engine()).get_table_names(schema=self.schema))

    def alter(self) -> None:
        """Somebody else changes a value."""
        self.execute("UPDATE {out} SET id = '99'")

    def engine(self):
        import sqlalchemy as sa

        url = self.url
        for kind in ("sqlite", "duckdb"):
            url = url.replace(f"{kind}:///", f"{kind}:///{self.folder}/")
        return sa.create_engine(url, poolclass=sa.pool.NullPool)

    def execute(self, statement: str) -> list[tuple]:
        """SQL as the user's own; `{out}` stands for the table, `{schema}` for its schema and a dot."""
        said = self.said(statement)
        with self.engine().begin() as connection:
            result = connection.exec_driver_sql(said)
            return [tuple(row) for row in result] if result.returns_rows else []

    def said(self, statement: str) -> str:
        """SQL with the names that `execute` knows."""
        schema = f'"{self.schema}".' if self.schema else ""
        said = statement.replace("{out}", f'{schema}"out"').replace("{schema}", schema)
        return said.replace('"', "`") if "mysql" in self.url else said

    def columns(self) -> list[str]:
        with self.engine().connect() as connection:
            return list(connection.execute(self._everything()).keys())

    def rows(self) -> list[tuple]:
        import sqlalchemy as sa

        table = sa.Table("out", sa.MetaData(), schema=self.schema, autoload_with=self.engine())
        every = sa.select(table) if "mysql" not in self.url else self._everything()
        with self.engine().connect() as connection:
            return sorted((tuple(row) for row in connection.execute(every)), key=repr)

    def _everything(self):
        import sqlalchemy as sa

        return sa.select(sa.literal_column("*")).select_from(sa.table("out", schema=self.schema))


@dataclass
class File(Place):
    """One file."""

    folder: Path
    name: str
    keeps_types: bool = field(init=False)

    def __post_init__(self):
        self.keeps_types = self.name.endswith(".parquet")
        self.keeps_columns = "json" not in self.name
        self.keeps_numbers = self.keeps_types or not self.keeps_columns

    allows_all_names: ClassVar = True
    mode: ClassVar = "replace"

    @property
    def spec(self) -> list[str | None]:
        return [self.name]

    @property
    def path(self) -> Path:
        return self.folder / "made" / self.name

    def destination(self, **more) -> FileDestination:
        return FileDestination.model_validate({"path": f"made/{self.name}", **more})

    def exists(self) -> bool:
        return self.path.exists()

    def alter(self) -> None:
        """Somebody else writes another file."""
        other = File(self.folder, f"other-{self.name}")
        other.load(batch({"id": ["99"]}))
        other.path.replace(self.path)

    def columns(self) -> list[str]:
        return list(self._read()[0])

    def rows(self) -> list[tuple]:
        return sorted(self._read()[1], key=repr)

    def _read(self) -> tuple[list[str], list[tuple]]:
        if self.keeps_types:
            table = pq.read_table(self.path)
            return table.column_names, [tuple(row.values()) for row in table.to_pylist()]
        text = self._text()
        if ".csv" in self.name:
            header, *rows = csv.reader(io.StringIO(text, newline=""))
            return header, [tuple(cell or None for cell in row) for row in rows]
        records = [json.loads(line) for line in text.splitlines()]
        return list(records[0]) if records else [], [tuple(record.values()) for record in records]

    def _text(self) -> str:
        packed = self.path.read_bytes()
        if self.name.endswith(".gz"):
            packed = gzip.decompress(packed)
        elif self.name.endswith(".zst"):
            packed = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed)).read()
        return packed.decode()


@dataclass
class Bucket(Place):
    """A table in a bucket of an S3 server."""

    folder: Path
    endpoint: str
    bucket: str
    keeps_types: ClassVar = True
    keeps_numbers: ClassVar = True
    keeps_columns: ClassVar = True
    mode: ClassVar = "replace"
    allows_all_names: ClassVar = True

    @property
    def spec(self) -> list[str | None]:
        return ["s3", self.endpoint, self.bucket]

    @property
    def client(self):
        from tests.services.s3 import client

        return client(self.endpoint)

    def destination(self, **more) -> S3Destination:
        from tests.services.s3 import ACCESS_KEY, SECRET_KEY

        own = {"bucket": self.bucket, "endpoint": self.endpoint, "addressing": "path", "prefix": "a b/out"}
        return S3Destination(**{**own, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, **more})

    def manifest(self) -> dict:
        return json.loads(self.client.get_object(Bucket=self.bucket, Key="a b/out/_manifest.json")["Body"].read())

    def exists(self) -> bool:
        return bool(self.manifest()["files"])

    def alter(self) -> None:
        """Somebody else writes over one of the files."""
        self.client.put_object(Bucket=self.bucket, Key=self.manifest()["files"][0]["key"], Body=self._other())

    def _other(self) -> bytes:
        out = io.BytesIO()
        pq.write_table(pa.table({"id": ["99"]}), out)
        return out.getvalue()

    def columns(self) -> list[str]:
        return self._tables()[0].column_names

    def rows(self) -> list[tuple]:
        return sorted((tuple(row.values()) for table in self._tables() for row in table.to_pylist()), key=repr)

    def _tables(self) -> list[pa.Table]:
        keys = [file["key"] for file in self.manifest()["files"]]
        return [
            pq.read_table(io.BytesIO(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()))
            for key in keys
        ]


@dataclass
class Messages(Place):
    """A topic of Kafka."""

    topic: Topic
    keeps_types: ClassVar = False
    keeps_numbers: ClassVar = True
    keeps_columns: ClassVar = False
    mode: ClassVar = "append"
    allows_all_names: ClassVar = True

    @property
    def folder(self) -> Path:
        return self.topic.folder

    def destination(self, **more) -> StreamDestination:
        return StreamDestination(**{"servers": self.topic.servers, "topic": self.topic.name, **more})

    def alter(self) -> None:
        """Somebody removes what is there."""
        topic = self.topic
        for removed in topic.admin.delete_records(
            [TopicPartition(topic.name, n, -1) for n in range(topic.partitions)]
        ).values():
            removed.result()

    def columns(self) -> list[str]:
        return list(self._read()[0])

    def rows(self) -> list[tuple]:
        return sorted((tuple(each.values()) for each in self._read()), key=repr)

    def _read(self) -> list[dict]:
        return [json.loads(message.value()) for message in self.topic.messages()]


class Saved:
    """A place whose destination is named: its settings, secrets included, are a block that a Prefect server keeps."""

    block: str

    @property
    def spec(self) -> list[str | None]:
        return ["saved", self.block, *super().spec]

    def destination(self, **more) -> SavedDestination:
        return SavedDestination(name=self.block, settings=more)


class SavedDatabase(Saved, Database):
    """A table of a database, by a block's name."""


class SavedFile(Saved, File):
    """One file, by a block's name."""


class SavedBucket(Saved, Bucket):
    """A table in a bucket, by a block's name."""


SAVED = {Database: SavedDatabase, File: SavedFile, Bucket: SavedBucket}


def saved(place: Database | File | Bucket, block: str) -> SavedDatabase | SavedFile | SavedBucket:
    """The same place, whose destination is saved as a block."""
    same = SAVED[type(place)](*(getattr(place, field.name) for field in fields(place) if field.init))
    same.block = block
    return same


def place_of(spec: list[str | None], folder: Path) -> Database | File | Bucket:
    """A place by its `spec`."""
    if spec[0] == "saved":
        return saved(place_of(spec[2:], folder), spec[1])
    if spec[0] == "s3":
        return Bucket(folder, *spec[1:])
    return Database(folder, *spec) if "://" in str(spec[0]) else File(folder, *spec)
