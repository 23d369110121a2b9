"""Files on this machine: one file, every readable file of a folder, or every file that a pattern matches."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from blocks.sources.base import Batch, Probe, Reading
from blocks.sources.formats import format_of
from blocks.sources.records import FORMATS_TODO, FileOptions, Landed, read_files
from tasks.quality.errors import GonogoError, SourceError, Unavailable, did_you_mean

MOST_NAMED = 8


class FileSource(FileOptions):
    """CSV, TSV, JSON, NDJSON, Parquet, Excel; gzip or Zstandard; several files in the order of their paths."""

    kind: Literal["file"] = "file"
    path: str = Field(min_length=1, description="file, folder, or pattern such as 'in/*.csv'")

    def describe(self) -> str:
        """The source in words."""
        return f"file {self.path}"

    def read(self, reading: Reading) -> Batch:
        """Read every file into one snapshot.

        Raises:
            SourceError: nothing there can be read as described; the message says what is there.
            Unavailable: a file or folder is not there, or not for us to read.
        """
        files = [Landed(path, path.name, str(path)) for path in self.files(reading.base)]
        return read_files(files, self, reading)

    def probe(self, base: Path) -> Iterator[Probe]:
        """Whether there are files."""
        what = f"look for {self.path}"
        try:
            found = self.files(base)
        except GonogoError as error:
            yield Probe(what, False, error.message)
        else:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            yield Probe(what, True, f"{found[0].name}{more}, {sum(path.stat().st_size for path in found):,} bytes")

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
        raise Unavailable(
            f"no file '{wanted.name}'", where=str(wanted.parent), available=there, todo=did_you_mean(wanted.name, there)
        )

    def _readable(self, path: Path) -> bool:
        return not path.name.startswith(".") and (self.format is not None or format_of(path) is not None)


def _names(folder: Path) -> list[str]:
    try:
        there = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []
    return there if len(there) <= MOST_NAMED else [*there[:MOST_NAMED], f"and {len(there) - MOST_NAMED} more"]
