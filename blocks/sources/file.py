"""Files on this machine or at an address: one, the readable ones of a folder, or those that a pattern matches."""

from __future__ import annotations

import glob
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from blocks.probe import Probe
from blocks.sources import remote
from blocks.sources.base import Batch, Origin, Outcome, Reading
from blocks.sources.beginning import BEGINNING_BYTES, Beginning, told_by
from blocks.sources.formats import format_of
from blocks.sources.options import FileOptions
from blocks.sources.records import FORMATS_TODO, Landed, read_files
from blocks.staging import doing, fingerprint_of, write_text
from blocks.variables import resolved
from tasks.quality.errors import GonogoError, NothingNew, SourceError, Unavailable, did_you_mean
from tasks.quality.ledger import canonical
from tasks.quality.secrets import mask
from tasks.quality.wording import plural

MOST_NAMED = 8


class FileSource(FileOptions):
    """CSV, TSV, JSON, NDJSON, Parquet, Excel; gzip or Zstandard; several files in the order of their paths.

    A path with `://` is an address that fsspec knows, e.g. `https://host/orders.csv` or
    `sftp://user:${PASSWORD}@host/out/*.csv`; its files are fetched first.
    """

    EXAMPLE: ClassVar = """
kind: file
path: in/*.csv          # a file, a folder, a pattern, or an address such as sftp://ann@host/out/*.csv
once: true              # each file once, known by its content
after: archive          # move what was loaded
archive: done
"""

    kind: Literal["file"] = "file"
    path: str = Field(
        min_length=1,
        description="file, folder, or pattern such as 'in/*.csv'; or an address, its password written as ${NAME}",
    )
    once: bool = Field(default=False, description="read each file once, known by its content, however it is called")
    after: Literal["keep", "archive", "tag"] = Field(
        default="keep",
        description="when the run has ended: leave the files; move those that were loaded to the folder 'archive'; or "
        "write beside each a hidden '.NAME.gonogo.json' that says what became of it",
    )
    archive: str | None = Field(
        default=None, description="folder that loaded files are moved to; over SFTP one of the server, beside the files"
    )
    key_file: str | None = Field(
        default=None, description="private key for SFTP; by default those of the SSH agent and of ~/.ssh"
    )

    @model_validator(mode="after")
    def _archive_is_named(self) -> FileSource:
        if (self.after == "archive") != bool(self.archive):
            raise ValueError("'after: archive' and 'archive: FOLDER' go together")
        if self.after != "keep" and self.is_remote and not remote.can_settle(self.path):
            raise ValueError("of files at an address only those of SFTP can be moved or tagged; leave out 'after'")
        return self

    @property
    def is_remote(self) -> bool:
        """Whether the files have to be fetched."""
        return "://" in self.path

    def describe(self) -> str:
        """The source in words."""
        return f"file {mask(self.path) if self.is_remote else self.path}"

    def read(self, reading: Reading) -> Batch:
        """Read every file into one snapshot.

        Raises:
            SourceError: nothing there can be read as described; the message says what is there.
            Unavailable: a file or folder is not there, or not for us to read.
            NothingNew: every file was read before.
        """
        if self.is_remote:
            landed = remote.fetched(self._address(reading.base), reading)
        else:
            landed = [Landed(path, path.name, str(path)) for path in self.files(reading.base)]
        return self._new(landed, reading) if self.once else read_files(landed, self, reading)

    def _new(self, landed: Sequence[Landed], reading: Reading) -> Batch:
        since = reading.position(self.identity())
        read = dict(since.get("read", {}))
        new = []
        for file in landed:
            content = fingerprint_of(file.path)
            if content not in read:
                read[content] = file.name
                new.append(replace(file, fingerprint=content))
        if not new:
            raise NothingNew(f"no new file: {len(landed):,} read before", where=self.describe())
        return replace(read_files(new, self, reading), since=since, position={"read": read})

    def settle(self, batch: Batch, outcome: Outcome, reading: Reading) -> str:
        """Archive or tag the files that the batch was read from, where they still are what was read.

        Raises:
            TryAgain: a folder or file cannot be written to.
        """
        if self.after == "keep" or (self.after == "archive" and not outcome.loaded):
            return ""
        read = {(origin.name, origin.fingerprint) for origin in batch.origins}
        settled = self._settled_there if self.is_remote else self._settled_here
        files = plural(settled(read, canonical(outcome.__dict__), reading), "file")
        return f"{files} moved to {self.archive}" if self.after == "archive" else f"{files} tagged"

    def _settled_there(self, read: set[tuple[str, str]], said: str, reading: Reading) -> int:
        address = self._address(reading.base)
        if self.after == "archive":
            return remote.put_away(address, read, str(self.archive))
        return remote.tagged(address, read, said)

    def _settled_here(self, read: set[tuple[str, str]], said: str, reading: Reading) -> int:
        try:
            there = self.files(reading.base)
        except GonogoError:  # archived already
            return 0
        names = {name for name, _fingerprint in read}
        done = [path for path in there if path.name in names and (path.name, fingerprint_of(path)) in read]
        for path in done:
            if self.after == "archive":
                self._put_away(path, reading)
            else:
                write_text(path.with_name(f".{path.name}.gonogo.json"), said)
        return len(done)

    def _put_away(self, path: Path, reading: Reading) -> None:
        folder = reading.base / Path(str(self.archive)).expanduser()
        target, number = folder / path.name, 2
        with doing("move", path):
            folder.mkdir(parents=True, exist_ok=True)
            while target.exists():
                target, number = folder / f"{path.stem}-{number}{path.suffix}", number + 1
            shutil.move(path, target)

    def place(self, origin: Origin, number: int, base: Path) -> str:
        """The record's line, where the file is still what was read; else its number."""
        from blocks.sources.lines import line_of

        if self.is_remote:
            return f"record {number:,}"
        for path in self._kept(origin, base):
            if fingerprint_of(path) == origin.fingerprint:
                line = line_of(path, number, self)
                return f"line {line:,}" if line else f"record {number:,}"
        return f"record {number:,} (the file is not there any more as it was read)"

    def _kept(self, origin: Origin, base: Path) -> list[Path]:
        """Where the file of an origin may be: where it was read from, or in the archive."""
        archived = [base / Path(self.archive).expanduser() / origin.name] if self.archive else []
        try:
            there = [path for path in self.files(base) if path.name == origin.name]
        except GonogoError:
            there = []
        return [path for path in (*there, *archived) if path.is_file()]

    def probe(self, base: Path) -> Iterator[Probe]:
        """Whether there are files, and whether the first can be read."""
        what = f"look for {self.describe()}"
        try:
            if self.is_remote:
                names = remote.listed(address := self._address(base))
                yield Probe(what, True, _first_of(names))
                what = f"read {names[0]}"
                yield Probe(what, True, told_by(remote.beginning(address), self))
                return
            found = self.files(base)
            size = sum(path.stat().st_size for path in found)
            yield Probe(what, True, f"{_first_of([path.name for path in found])}, {plural(size, 'byte')}")
            what = f"read {found[0].name}"
            yield Probe(what, True, told_by(_beginning(found[0]), self))
        except GonogoError as error:
            yield Probe(what, False, error.message)

    def files(self, base: Path) -> list[Path]:
        """The files that `path` means, sorted.

        Raises:
            Unavailable: there is none.
        """
        wanted = Path(self.path).expanduser()
        wanted = wanted if wanted.is_absolute() else base / wanted
        if wanted.is_file():
            return [wanted]
        if wanted.is_dir():
            try:
                found = sorted(path for path in wanted.iterdir() if path.is_file() and self._readable(path))
            except PermissionError as error:
                raise Unavailable("not allowed to look into it", where=str(wanted), todo="check its rights") from error
            if not found:
                raise SourceError("no readable file", where=str(wanted), available=_names(wanted), todo=FORMATS_TODO)
            return found
        found = sorted(path for path in map(Path, glob.glob(str(wanted), recursive=True)) if path.is_file())  # noqa: PTH207  (Path.glob takes no absolute pattern)
        if found:
            return found
        there = _names(wanted.parent)
        todo = did_you_mean(wanted.name, there) or ("" if there else "check the path")
        raise Unavailable(f"no file '{wanted.name}'", where=str(wanted.parent), available=there, todo=todo)

    def _address(self, base: Path) -> remote.Address:
        key = str(base / Path(resolved(self.key_file, "source.key_file")).expanduser()) if self.key_file else None
        return remote.Address(resolved(self.path, "source.path"), self.format is not None, key)

    def _readable(self, path: Path) -> bool:
        return not path.name.startswith(".") and (self.format is not None or format_of(path) is not None)


def _beginning(path: Path) -> Beginning:
    try:
        with path.open("rb") as file:
            return Beginning(file.read(BEGINNING_BYTES), path.name, str(path))
    except PermissionError as error:
        raise Unavailable(f"not allowed to read '{path.name}'", where=str(path), todo="check its rights") from error


def _first_of(names: Sequence[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _names(folder: Path) -> list[str]:
    try:
        there = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []
    return there if len(there) <= MOST_NAMED else [*there[:MOST_NAMED], f"and {len(there) - MOST_NAMED} more"]
