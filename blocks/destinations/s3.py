"""Parquet under a prefix of an S3 bucket, made visible by a manifest.

Each run's files lie under `<prefix>/data/<run>/`, partitioned if you like. `<prefix>/_manifest.json` lists the files
that are the table; one PUT of it commits a load, on condition that nobody else committed meanwhile (where the server
knows conditions). What is not listed is no part of the table. The files of the time before the last load are kept until
the next one, so that it can be taken back. To read the table:

    -- DuckDB
    SET VARIABLE files = (SELECT list('s3://BUCKET/' || f.key) FROM
        (SELECT unnest(files) AS f FROM read_json('s3://BUCKET/PREFIX/_manifest.json')));
    SELECT * FROM read_parquet(getvariable('files'), union_by_name = true);

    # pandas
    fs = pyarrow.fs.S3FileSystem()
    listed = json.load(fs.open_input_stream("BUCKET/PREFIX/_manifest.json"))["files"]
    pandas.concat(pandas.read_parquet(f"BUCKET/{file['key']}", filesystem=fs) for file in listed)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from blocks.destinations.base import (
    DestinationModel,
    LoadBatch,
    Receipt,
    TakenBack,
    changed_since,
    loaded_since,
    may_add,
    names,
    not_loaded,
    read_receipt,
    taken_back_before,
    typed,
)
from blocks.probe import Probe
from blocks.s3 import S3Connection, code_of, is_gone, is_lost, plain
from blocks.scratch import scratch
from blocks.staging import write_table
from tasks.quality.errors import DestinationError, GonogoError, TryAgain, did_you_mean
from tasks.quality.queries import quoted
from tasks.quality.wording import plural

MANIFEST = "_manifest.json"
_DELETED_AT_ONCE = 1000
_OPTIONS = "FORMAT parquet, COMPRESSION zstd"


class S3Destination(DestinationModel, S3Connection):
    """Parquet files in an S3 bucket, partitioned, made visible by a manifest."""

    SIDE: ClassVar = "destination"
    REFUSED: ClassVar = DestinationError
    HIDDEN: ClassVar = ("access_key", "secret_key", "session_token")
    EXAMPLE: ClassVar = """
kind: s3
bucket: lake
prefix: sales/orders
partition_by: [country]
mode: append            # or replace
endpoint: https://minio.example.org   # by default AWS
access_key: ${LAKE_KEY}
secret_key: ${LAKE_SECRET}
"""

    kind: Literal["s3"] = "s3"
    prefix: str = Field(min_length=1, description="where the table lies in the bucket, e.g. 'sales/orders'")
    mode: Literal["append", "replace"] = "replace"
    partition_by: tuple[str, ...] = Field(default=(), description="columns with few values; a folder for each of them")

    @field_validator("prefix")
    @classmethod
    def _plain(cls, prefix: str) -> str:
        return prefix.strip("/")

    @field_validator("partition_by", mode="before")
    @classmethod
    def _one_or_many(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else given

    def describe(self) -> str:
        """The destination in words."""
        return f"{self.address(self.prefix)}{self.at}"

    @property
    def replaces(self) -> bool:
        """Whether all that the destination has gives way to what is loaded."""
        return self.mode == "replace"

    def probe(self, base: Path) -> Iterator[Probe]:  # noqa: ARG002  (part of the contract)
        """Whether the bucket is there, what is in the table's place, and whether an object may be written there."""
        what = "connect"
        try:
            client = self.client()
            yield from self.knock(client)
            what = f"read {self.address(self._manifest())}"
            with self.told(self.describe(), client):
                manifest, _etag = self.read(client)
            yield Probe(what, True, plural(manifest["rows"], "row") if manifest["files"] else "there is no table yet")
            what, key = f"write to {self.address(self.prefix)}, and take it back", f"{self.prefix}/_probe"
            with self.told(self.describe(), client):
                client.put_object(Bucket=self.bucket, Key=key, Body=b"", **self.paid)
                client.delete_object(Bucket=self.bucket, Key=key, **self.paid)
            yield Probe(what, True, "allowed")
        except GonogoError as error:
            yield Probe(what, False, error.message)

    @contextmanager
    def prepare(self, batch: LoadBatch, base: Path) -> Iterator[S3Load]:  # noqa: ARG002  (part of the contract)
        """Read the manifest, and look whether the run is in it and whether the batch fits.

        Raises:
            DestinationError: the batch does not fit, or the server refuses.
            TryAgain: the server is away or busy, or another load came first.
        """
        for name in self.partition_by:
            if name not in (there := names(batch)):
                todo = did_you_mean(name, there)
                raise DestinationError(f"no column '{name}'", where="partition_by", available=there, todo=todo)
        client = self.client()
        with self.told(self.describe(), client), scratch() as folder:
            under_way = S3Load(self, client, batch, folder)
            try:
                yield under_way
            except BaseException:
                under_way.leave()
                raise

    def read_back(self, run_id: str, base: Path) -> str | None:  # noqa: ARG002  (part of the contract)
        """The fingerprint of the run's files as they are now; None when the manifest lists none of them.

        Raises:
            DestinationError: the server refuses.
            TryAgain: the server is away or busy.
        """
        client = self.client()
        with self.told(self.describe(), client):
            manifest, _etag = self.read(client)
            files = _brought(manifest, run_id, self.prefix)
            return self.fingerprint(client, files) if files else None

    def undo(self, run_id: str, base: Path) -> TakenBack:  # noqa: ARG002  (part of the contract)
        """List the files of the time before the load again.

        Raises:
            DestinationError: the run is not the last one, or its files were changed since.
            TryAgain: the server is away or busy, or another load came first.
        """
        client = self.client()
        with self.told(self.describe(), client):
            manifest, etag = self.read(client)
            load = manifest["loads"].get(run_id)
            if load is None:
                raise not_loaded(self.describe(), run_id)
            if "taken" in load:
                return TakenBack(**load["taken"])
            if manifest["last"] != run_id:
                raise loaded_since(self.describe())
            receipt, former = read_receipt(load["receipt"]), manifest["former"]
            if self.fingerprint(client, _brought(manifest, run_id, self.prefix)) != receipt.fingerprint:
                raise changed_since(self.describe())
            restored = former["rows"] if self.mode == "replace" else 0
            taken = TakenBack(self.describe(), receipt.rows_written, restored, former["rows"])
            loads = manifest["loads"] | {run_id: load | {"taken": asdict(taken)}}
            self.publish(client, {**former, "loads": loads, "last": "", "former": None}, etag)
            return taken

    # --- the manifest ---------------------------------------------------------------------------------------------

    def _manifest(self) -> str:
        return f"{self.prefix}/{MANIFEST}"

    def read(self, client: Any) -> tuple[dict[str, Any], str | None]:
        """The manifest and its ETag; an empty one where there is none."""
        from botocore.exceptions import ClientError

        try:
            found = client.get_object(Bucket=self.bucket, Key=self._manifest(), **self.paid)
        except ClientError as error:
            if not is_gone(error):
                raise
            return {"files": [], "columns": {}, "rows": 0, "loads": {}, "last": "", "former": None}, None
        return json.loads(found["Body"].read()), str(found["ETag"])

    def publish(self, client: Any, manifest: Mapping[str, Any], etag: str | None) -> None:
        """Write the manifest in place of the one that had this ETag, where the server knows conditions.

        Raises:
            TryAgain: another load came first.
        """
        from botocore.exceptions import ClientError

        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        body = json.dumps(manifest, indent=1).encode()
        given = {"Bucket": self.bucket, "Key": self._manifest(), "Body": body, "ContentType": "application/json"}
        try:
            client.put_object(**given, **condition, **self.paid)
        except ClientError as error:
            if is_lost(error):
                raise TryAgain("another load came first", where=self.describe(), todo="load again") from error
            if code_of(error) != "NotImplemented":
                raise
            client.put_object(**given, **self.paid)

    def fingerprint(self, client: Any, keys: Sequence[str]) -> str:
        """A fingerprint of objects as the server has them now: their keys, sizes and ETags."""
        from botocore.exceptions import ClientError

        hash = hashlib.sha256()
        for key in sorted(keys):
            try:
                found = client.head_object(Bucket=self.bucket, Key=key, **self.paid)
            except ClientError as error:
                if not is_gone(error):
                    raise
                continue
            told = [key.removeprefix(self.prefix), found["ContentLength"], plain(found["ETag"])]
            hash.update(json.dumps(told).encode())
        return f"sha256:{hash.hexdigest()}"


class S3Load:
    """A load under way: files that no manifest lists."""

    def __init__(self, to: S3Destination, client: Any, batch: LoadBatch, folder: Path) -> None:
        self._to, self._client, self._batch, self._folder = to, client, batch, folder
        self._manifest, self._etag = to.read(client)
        self._files: list[dict[str, Any]] = []
        self._published = False
        self._added: tuple[str, ...] = ()

    @property
    def known(self) -> Receipt | None:
        """The receipt of this run, if the manifest has it."""
        load = self._manifest["loads"].get(self._batch.run_id)
        if load and "taken" in load:
            raise taken_back_before(self._to.describe(), self._batch.run_id)
        return read_receipt(load["receipt"] | {"already_loaded": True}) if load else None

    def write(self) -> None:
        """Write the files, and bring them to the bucket."""
        appends = self._to.mode == "append" and bool(self._manifest["files"])
        self._ready = typed(self._batch, self._to.wrong_types, self._agreeing() if appends else {})
        split = ", ".join(map(quoted, self._to.partition_by))
        options = f"{_OPTIONS}, PARTITION_BY ({split}), WRITE_PARTITION_COLUMNS true" if split else _OPTIONS
        target = self._folder / "table" if split else self._folder / "table" / "rows.parquet"
        (self._folder / "table").mkdir()
        self._rows = write_table(self._ready.table, target, options)
        for path in sorted((self._folder / "table").rglob("*.parquet")):
            self._bring(path)

    def commit(self) -> Receipt:
        """Put the manifest that lists the files; then the files go that neither it nor an undo needs."""
        before, run_id = self._manifest, self._batch.run_id
        appends = self._to.mode == "append"
        former = {name: before[name] for name in ("files", "columns", "rows")}
        found = self._to.fingerprint(self._client, [file["key"] for file in self._files])
        rows = self._rows + (before["rows"] if appends else 0)
        receipt = Receipt(
            self._to.describe(),
            self._to.mode,
            self._rows,
            before["rows"],
            rows,
            found,
            self._ready.as_text,
            added=self._added,
        )
        manifest = {
            "files": [*(before["files"] if appends else []), *self._files],
            "columns": {**(before["columns"] if appends else {}), **self._ready.types},
            "rows": rows,
            "last": run_id,
            "loads": before["loads"] | {run_id: {"receipt": asdict(replace(receipt, seconds=0.0))}},
            "former": former,
        }
        self._published = True
        self._to.publish(self._client, manifest, self._etag)
        self._sweep(manifest)
        return receipt

    def leave(self) -> None:
        """Remove what was brought, unless a manifest may list it: whether that arrived is not always known."""
        from botocore.exceptions import BotoCoreError, ClientError

        if not self._published:
            with suppress(BotoCoreError, ClientError):  # a server that is away keeps them: no manifest lists them
                self._remove([file["key"] for file in self._files])

    def _agreeing(self) -> dict[str, Any]:
        """The types that the table's columns have.

        Raises:
            DestinationError: the data lacks columns, or has others that may not be added.
        """
        there, columns = self._manifest["columns"], names(self._batch)
        if missing := [name for name in there if name not in columns]:
            todo = "use mode replace, or make the columns agree; nothing was changed"
            what = f"the data lacks {', '.join(missing)}"
            raise DestinationError(what, where=self._to.describe(), available=tuple(there), todo=todo)
        if lacks := [name for name in columns if name not in there]:
            may_add(self._batch, lacks, self._to.describe())
            self._added = tuple(lacks)
        return dict(there)

    def _bring(self, path: Path) -> None:
        import pyarrow.parquet as pq

        key = f"{self._to.prefix}/data/{self._batch.run_id}/{path.relative_to(self._folder / 'table')}"
        with path.open("rb") as file:
            self._client.upload_fileobj(file, self._to.bucket, key, ExtraArgs=self._to.paid)
        self._files.append({"key": key, "rows": pq.read_metadata(path).num_rows})

    def _sweep(self, manifest: Mapping[str, Any]) -> None:
        """Remove files that were kept for taking the load before this one back."""
        needed = {file["key"] for file in (*manifest["files"], *manifest["former"]["files"])}
        kept = (self._manifest["former"] or {"files": []})["files"]
        self._remove([file["key"] for file in kept if file["key"] not in needed])

    def _remove(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), _DELETED_AT_ONCE):
            gone = [{"Key": key} for key in keys[start : start + _DELETED_AT_ONCE]]
            self._client.delete_objects(Bucket=self._to.bucket, Delete={"Objects": gone}, **self._to.paid)


def _brought(manifest: Mapping[str, Any], run_id: str, prefix: str) -> list[str]:
    start = f"{prefix}/data/{run_id}/"
    return [file["key"] for file in manifest["files"] if file["key"].startswith(start)]
