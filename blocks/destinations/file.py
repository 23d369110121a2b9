"""Files: Parquet, CSV or NDJSON, plain or compressed; there wholly or not at all, once per run."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal

from pydantic import Field, model_validator

from blocks.destinations.base import DestinationModel, LoadBatch, Receipt, read_receipt, typed
from blocks.probe import Probe, may_write
from blocks.staging import doing, fingerprint_of, publish, sweep, write_table, write_text
from blocks.variables import resolved
from tasks.quality.errors import DestinationError

_FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".json": "json",
    ".ndjson": "json",
    ".jsonl": "json",
}
_PACKED = (".gz", ".zst")
_OPTIONS = {
    "parquet": "FORMAT parquet, COMPRESSION zstd",
    "csv": "FORMAT csv, HEADER true, NULLSTR ''",
    "json": "FORMAT json",
}


class FileDestination(DestinationModel):
    """One file that holds the rows of the last run; Parquet keeps the types, the others are text."""

    EXAMPLE: ClassVar = """
kind: file
path: out/orders.parquet
"""

    kind: Literal["file"] = "file"
    path: str = Field(min_length=1, description="e.g. 'out/orders.parquet'; .csv and .ndjson also as .gz or .zst")
    format: Literal["parquet", "csv", "json"] | None = Field(default=None, description="by default what the name tells")

    @model_validator(mode="after")
    def _has_format(self) -> FileDestination:
        if self.format is None and _told(self.path) is None:
            raise ValueError(
                f"cannot tell the format of '{self.path}'; name it .parquet, .csv or .ndjson, or set 'format'"
            )
        if (self.format or _told(self.path)) == "parquet" and self.path.lower().endswith(_PACKED):
            raise ValueError("Parquet is compressed in itself; leave out .gz or .zst")
        return self

    def describe(self) -> str:
        """The destination in words."""
        return f"file {self.path}"

    def probe(self, base: Path) -> Iterator[Probe]:
        """Whether the file's folder is there, or can be made, and can be written to."""
        yield may_write(self._path(base))

    def _path(self, base: Path) -> Path:
        path = Path(resolved(self.path, "destination.path")).expanduser()
        return path if path.is_absolute() else base / path

    def load(self, batch: LoadBatch, base: Path) -> Receipt:
        """Write the file under a temporary name and rename it; a marker beside it says which run it is of.

        Raises:
            DestinationError: the path is a folder, or values are not of the contract's type.
            TryAgain: the disk is full or the folder cannot be written to.
        """
        path = self._path(base)
        marker = path.with_name(f".{path.name}.gonogo.json")
        if known := _loaded_before(marker, path, batch.run_id):
            return known
        if path.is_dir():
            raise DestinationError(f"'{path}' is a folder", todo="name a file in it")
        ready = typed(batch, self.wrong_types)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with doing("make", path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path)
        try:
            rows = write_table(ready.table, partial, _OPTIONS[self.format or str(_told(self.path))])
            _pack(partial, path)
            receipt = Receipt(self.describe(), "replace", rows, 0, rows, fingerprint_of(partial), ready.as_text)
            write_text(marker, json.dumps({"run_id": batch.run_id, **asdict(receipt)}))
            publish(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        return receipt

    def read_back(self, batch: LoadBatch, base: Path) -> str | None:  # noqa: ARG002  (it holds one batch)
        """The fingerprint of the file as it is now; None when it is gone."""
        path = self._path(base)
        return fingerprint_of(path) if path.is_file() else None


def _told(path: str) -> str | None:
    endings = [ending.lower() for ending in Path(path).suffixes]
    if endings and endings[-1] in _PACKED:
        endings.pop()
    return _FORMATS.get(endings[-1]) if endings else None


def _loaded_before(marker: Path, path: Path, run_id: str) -> Receipt | None:
    """The receipt of this run, if the file is the one that it wrote."""
    if not (marker.exists() and path.is_file()):
        return None
    try:
        said = json.loads(marker.read_text("utf-8"))
        written_by = said.pop("run_id")
        receipt = read_receipt(said | {"already_loaded": True})
    except (ValueError, KeyError, TypeError, AttributeError):  # not a marker: write the file again
        return None
    return receipt if written_by == run_id and receipt.fingerprint == fingerprint_of(path) else None


def _pack(partial: Path, path: Path) -> None:
    """Compress the finished file in place if its name asks for it; the same rows give the same bytes."""
    ending = path.suffix.lower()
    if ending not in _PACKED:
        return
    packed = path.with_name(f".{path.name}.packed.{os.getpid()}")
    try:
        with doing("write", path), partial.open("rb") as plain, packed.open("wb") as out:
            with _packer(out, ending) as writer:
                shutil.copyfileobj(plain, writer, 1 << 20)
            packed.replace(partial)
    finally:
        packed.unlink(missing_ok=True)


def _packer(out: BinaryIO, ending: str) -> Any:
    import zstandard

    if ending == ".gz":
        return gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=0)
    return zstandard.open(out, "wb")
