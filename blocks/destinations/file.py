"""Files: Parquet, CSV or NDJSON, plain or compressed; there wholly or not at all, once per run.

Beside the file lie a marker, which says of which run it is, and the former file, for the last load to be taken back.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal

from pydantic import Field, model_validator

from blocks.destinations.base import (
    DestinationModel,
    LoadBatch,
    Receipt,
    TakenBack,
    WrongTypes,
    changed_since,
    not_loaded,
    read_receipt,
    taken_back_before,
    typed,
)
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

    @property
    def replaces(self) -> bool:
        """Whether all that the destination has gives way to what is loaded."""
        return True

    def probe(self, base: Path) -> Iterator[Probe]:
        """Whether the file's folder is there, or can be made, and can be written to."""
        yield may_write(self._path(base))

    def _path(self, base: Path) -> Path:
        path = Path(resolved(self.path, "destination.path")).expanduser()
        return path if path.is_absolute() else base / path

    @contextmanager
    def prepare(self, batch: LoadBatch, base: Path) -> Iterator[FileLoad]:
        """Look whether the file is of this run already; what is written lies under a temporary name.

        Raises:
            DestinationError: the path is a folder, values are not of the contract's type, or the load was taken back.
            TryAgain: the disk is full or the folder cannot be written to.
        """
        path = self._path(base)
        if path.is_dir():
            raise DestinationError(f"'{path}' is a folder", todo="name a file in it")
        options = _OPTIONS[self.format or str(_told(self.path))]
        under_way = FileLoad(self.describe(), path, batch, self.wrong_types, options)
        try:
            yield under_way
        finally:
            with suppress(NotADirectoryError):
                under_way.partial.unlink(missing_ok=True)

    def read_back(self, run_id: str, base: Path) -> str | None:  # noqa: ARG002  (it holds one load)
        """The fingerprint of the file as it is now; None when it is gone."""
        return _print(self._path(base))

    def undo(self, run_id: str, base: Path) -> TakenBack:
        """Put the former file back, or remove the file where there was none.

        Raises:
            DestinationError: the file is not of this run, or was changed since.
            TryAgain: the folder cannot be written to.
        """
        path = self._path(base)
        marker = _read_marker(_marker(path))
        if marker is None or marker["run_id"] != run_id:
            raise not_loaded(self.describe(), run_id)
        receipt, before = read_receipt(marker["receipt"]), marker["before"]
        told = TakenBack(self.describe(), receipt.rows_after, receipt.rows_before, receipt.rows_before)
        if not marker.get("undone"):
            if _print(path) != receipt.fingerprint or _print(_former(path)) != before:
                raise changed_since(self.describe())
            write_text(_marker(path), json.dumps(marker | {"undone": True}))
        if _print(path) == receipt.fingerprint and before != receipt.fingerprint:
            if before is None:
                path.unlink()
            else:
                publish(_former(path), path)
        return told


class FileLoad:
    """A file under way."""

    def __init__(self, name: str, path: Path, batch: LoadBatch, wrong_types: WrongTypes, options: str) -> None:
        self._name, self._path, self._batch, self._wrong_types = name, path, batch, wrong_types
        self._options, self._rows, self._as_text = options, 0, tuple[tuple[str, int], ...]()
        self.partial = path.with_name(f".{path.name}.{os.getpid()}")

    @property
    def known(self) -> Receipt | None:
        """The receipt of this run, if the file is the one that it wrote."""
        marker = _read_marker(_marker(self._path))
        if marker is None or marker["run_id"] != self._batch.run_id:
            return None
        if marker.get("undone"):
            raise taken_back_before(self._name, self._batch.run_id)
        receipt = read_receipt(marker["receipt"] | {"already_loaded": True})
        return receipt if receipt.fingerprint == _print(self._path) else None

    def write(self) -> None:
        """Write the file under a temporary name."""
        ready = typed(self._batch, self._wrong_types)
        with doing("make", self._path.parent):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        sweep(self._path)
        self._rows = write_table(ready.table, self.partial, self._options)
        self._as_text = ready.as_text
        _pack(self.partial, self._path)

    def commit(self) -> Receipt:
        """Keep the former file, say of which run the new one is, and give it its name."""
        before, known = _print(self._path), _read_marker(_marker(self._path))
        were = read_receipt(known["receipt"]) if known and before else None
        rows_before = were.rows_after if were and were.fingerprint == before else 0
        fingerprint = fingerprint_of(self.partial)
        receipt = Receipt(self._name, "replace", self._rows, rows_before, self._rows, fingerprint, self._as_text)
        _keep(self._path)
        said = {"run_id": self._batch.run_id, "before": before, "receipt": asdict(receipt)}
        write_text(_marker(self._path), json.dumps(said))
        publish(self.partial, self._path)
        return receipt


def _marker(path: Path) -> Path:
    return path.with_name(f".{path.name}.gonogo.json")


def _former(path: Path) -> Path:
    return path.with_name(f".{path.name}.gonogo-former")


def _print(path: Path) -> str | None:
    return fingerprint_of(path) if path.is_file() else None


def _keep(path: Path) -> None:
    """Keep the file that is there as the former one, as another name of the same bytes."""
    former = _former(path)
    with doing("write", former):
        former.unlink(missing_ok=True)
        if path.is_file():
            former.hardlink_to(path)


def _read_marker(marker: Path) -> dict[str, Any] | None:
    """What a marker says; nothing if it is none: then the file is written again."""
    try:
        said = json.loads(marker.read_text("utf-8"))
        read_receipt(said["receipt"])
        return {"run_id": said["run_id"], "before": said["before"], **said}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _told(path: str) -> str | None:
    endings = [ending.lower() for ending in Path(path).suffixes]
    if endings and endings[-1] in _PACKED:
        endings.pop()
    return _FORMATS.get(endings[-1]) if endings else None


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
