"""Files: CSV, TSV, JSON, NDJSON, Parquet, Excel; gzip or Zstandard; one file, a folder, or a pattern.

Every value is staged as the text it was; what cannot be read as a record goes to quarantine with its line number
and its bytes. Delimiter, encoding and header are sniffed from the first `SNIFFED_BYTES`; each can be set instead.
"""

from __future__ import annotations

import glob
import shutil
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from blocks.sources.base import Batch, Origin, Progress, SourceModel
from blocks.sources.formats import FORMATS, OpenFile, Piece, format_in, format_of, plain_file
from blocks.staging import connected, fingerprint_of
from tasks.quality.errors import SourceError, Unavailable, did_you_mean
from tasks.quality.model import ROW

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

    from blocks.staging import Staging

MOST_NAMED = 8
_SCRATCH = ".read-"


class FileSource(SourceModel):
    """One file, every readable file of a folder, or every file that a pattern matches, in the order of their paths."""

    kind: Literal["file"] = "file"
    path: str = Field(min_length=1, description="file, folder, or pattern such as 'in/*.csv'")
    format: Literal["csv", "json", "ndjson", "parquet", "excel"] | None = Field(
        default=None, description="by default the one that the file's name tells"
    )
    delimiter: str | None = Field(default=None, min_length=1, max_length=1, description="by default sniffed")
    encoding: str | None = Field(default=None, description="by default sniffed; any name that Python knows")
    header: bool | None = Field(
        default=None, description="whether the first record names the columns; by default sniffed"
    )
    sheet: str | None = Field(default=None, description="Excel sheet; by default the first")
    records: str | None = Field(default=None, description="JSON: name of the list of records, e.g. 'data.items'")

    def describe(self) -> str:
        """The source in words."""
        return f"file {self.path}"

    def read(self, staging: Staging, run_id: str, base: Path, progress: Progress) -> Batch:
        """Read every file into one snapshot named `source`.

        Raises:
            SourceError: nothing there can be read as described; the message says what is there.
            Unavailable: a file or folder is not there, or not for us to read.
        """
        folder = staging.folder(run_id)
        for left in folder.glob(f"{_SCRATCH}*"):  # by a run that was killed here
            shutil.rmtree(left, ignore_errors=True)
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(TemporaryDirectory(prefix=_SCRATCH, dir=folder)))
            tables = stack.enter_context(connected())
            files = self.files(base)
            pieces: list[Piece] = []
            for number, path in enumerate(files):
                progress(f"reading {path.name}", number, len(files))
                pieces.append(self._piece(tables, path, scratch, number))
            progress("writing the snapshot", len(files), len(files))
            return self._staged(staging, run_id, tables, pieces)

    def acknowledge(self, batch: Batch) -> None:
        """Nothing to tell: a file stays as it is."""

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
                raise SourceError("no readable file", where=str(wanted), available=_names(wanted), todo=_FORMATS_TODO)
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

    def _piece(self, tables: Backend, path: Path, scratch: Path, number: int) -> Piece:
        try:
            plain = plain_file(path, scratch / f"{number}.plain")
            known = self.format or format_in(plain) or format_of(path)
            if known is None:
                raise SourceError(
                    f"cannot tell the format of '{path.name}'", where=str(path.parent), todo=_FORMATS_TODO
                )
            return FORMATS[known](OpenFile(tables, path, plain, number, scratch), self)
        except PermissionError as error:
            raise Unavailable(
                f"not allowed to read '{path.name}'", where=str(path.parent), todo="check its rights"
            ) from error

    def _staged(self, staging: Staging, run_id: str, tables: Backend, pieces: list[Piece]) -> Batch:
        names, notes = _united(pieces)
        first, origins = 0, []
        for piece in pieces:
            origins.append(Origin(piece.name, fingerprint_of(piece.path), first, piece.rows, piece.quarantined))
            first += piece.rows
        renames = tuple(dict.fromkeys(rename for piece in pieces for rename in piece.renames))
        quarantined = sum(piece.quarantined for piece in pieces)
        if quarantined and not first:
            raise SourceError(
                f"none of {quarantined:,} records can be read: {_first_reason(tables, pieces)}",
                where=self.path,
                todo="look at the file, or set 'format', 'delimiter' or 'encoding'",
            )
        rows = tables.sql(_union(pieces, origins, names))
        snapshot = staging.write(run_id, "source", rows, renames=renames, source=self.describe())
        uri = ""
        if bad := [f'SELECT * FROM "{piece.bad}"' for piece in pieces if piece.quarantined]:
            uri, _, _ = staging.write_aux(run_id, "source.quarantine", tables.sql(" UNION ALL ".join(bad)))
        types = {name: type for piece in pieces for name, type in piece.types.items()}
        notes += [note for piece in pieces for note in piece.notes]
        return Batch(snapshot, tuple(origins), quarantined, uri, renames, types, tuple(dict.fromkeys(notes)))


_FORMATS_TODO = (
    "readable are .csv, .tsv, .txt, .json, .ndjson, .jsonl, .parquet, .xlsx, .xls, .ods, each also as .gz or .zst; "
    "or set 'format'"
)


def _first_reason(tables: Backend, pieces: list[Piece]) -> str:
    bad = next(piece.bad for piece in pieces if piece.quarantined)
    line, reason = tables.raw_sql(f'SELECT line, reason FROM "{bad}" ORDER BY line LIMIT 1').fetchone()
    return f"line {line}: {reason}"


def _names(folder: Path) -> list[str]:
    try:
        there = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []
    return there if len(there) <= MOST_NAMED else [*there[:MOST_NAMED], f"and {len(there) - MOST_NAMED} more"]


def _united(pieces: list[Piece]) -> tuple[list[str], list[str]]:
    """All columns in the order in which they are first met, and a note where files differ."""
    names = list(dict.fromkeys(column for piece in pieces for column in piece.columns))
    notes = [
        f"{piece.name} lacks {', '.join(lacking)}; null there"
        for piece in pieces
        if (lacking := [name for name in names if name not in piece.columns])
    ]
    return names, notes


def _union(pieces: list[Piece], origins: list[Origin], names: list[str]) -> str:
    return " UNION ALL ".join(_select(piece, origin, names) for piece, origin in zip(pieces, origins, strict=True))


def _select(piece: Piece, origin: Origin, names: list[str]) -> str:
    place = {name: f'"c{number}"' for number, name in enumerate(piece.columns)}
    columns = [f"{place.get(name, 'NULL::VARCHAR')} AS {_identifier(name)}" for name in names]
    return f'SELECT "row" + {origin.first_row} AS {ROW}, {", ".join(columns)} FROM "{piece.table}"'


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
