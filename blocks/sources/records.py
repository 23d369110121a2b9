"""Files of records that are here, whoever brought them, read into one snapshot.

Every value is staged as the text it was; what cannot be read as a record goes to quarantine with its line number
and its bytes. Format, delimiter, encoding and header are sniffed from the first `SNIFFED_BYTES`; each can be set.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from blocks.sources.base import Batch, Origin, Reading, SourceModel
from blocks.sources.formats import FORMATS, OpenFile, Piece, format_in, format_of, plain_file
from blocks.staging import connected, fingerprint_of
from tasks.quality.errors import SourceError, Unavailable
from tasks.quality.model import ROW
from tasks.quality.wording import plural

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

_SCRATCH = ".read-"
_MOST_TABLES = 16
"""Each takes memory by the column, however few its rows are; the rows of more files are put aside."""

FORMATS_TODO = (
    "readable are .csv, .tsv, .txt, .json, .ndjson, .jsonl, .parquet, .xlsx, .xls, .ods, each also as .gz or .zst; "
    "or set 'format'"
)


class FileOptions(SourceModel):
    """How files are read; what is not set is sniffed."""

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


@dataclass(frozen=True)
class Landed:
    """A file that is here.

    Attributes:
        name: what its rows' origin is called; its ending tells the format.
        where: the file as the user knows it, for errors.
        fingerprint: what the source knows it by; by default the SHA-256 of its bytes.
    """

    path: Path
    name: str
    where: str
    fingerprint: str = ""


def read_files(files: Sequence[Landed], options: FileOptions, reading: Reading) -> Batch:
    """Read files, in their order, into one snapshot; columns are united by name.

    Raises:
        SourceError: a file cannot be read as described; the message says what is there.
        Unavailable: a file is not for us to read.
    """
    folder = reading.staging.folder(reading.run_id)
    for left in folder.glob(f"{_SCRATCH}*"):  # by a run that was killed here
        shutil.rmtree(left, ignore_errors=True)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix=_SCRATCH, dir=folder)))
        tables = stack.enter_context(connected())
        parts = _Parts(tables, scratch) if len(files) > _MOST_TABLES else None
        pieces: list[Piece] = []
        for number, file in enumerate(files):
            reading.progress(f"reading {file.name}", number, len(files))
            piece = _piece(tables, file, options, scratch, number)
            pieces.append(parts.aside(piece) if parts else piece)
        reading.progress("writing the snapshot", len(files), len(files))
        return _staged(tables, pieces, files, options, reading, parts)


def kind_of(file: Landed, options: FileOptions) -> str:
    """The format that a file is read in.

    Raises:
        SourceError: the file is empty or damaged, or nothing tells its format.
        Unavailable: it is not for us to read.
    """
    with TemporaryDirectory(prefix="gonogo-") as scratch:
        return _opened(file, options, Path(scratch) / "plain")[1]


def _opened(file: Landed, options: FileOptions, unpacked: Path) -> tuple[Path, str]:
    """The file, unpacked, and its format."""
    try:
        plain = plain_file(file.path, unpacked, file.where)
        known = options.format or format_in(plain) or format_of(Path(file.name))
    except PermissionError as error:
        raise Unavailable(f"not allowed to read '{file.name}'", where=file.where, todo="check its rights") from error
    if known is None:
        raise SourceError(f"cannot tell the format of '{file.name}'", where=file.where, todo=FORMATS_TODO)
    return plain, known


def _piece(tables: Backend, file: Landed, options: FileOptions, scratch: Path, number: int) -> Piece:
    plain, known = _opened(file, options, scratch / f"{number}.plain")
    return FORMATS[known](OpenFile(tables, file.name, file.where, file.path, plain, number, scratch), options)


@dataclass
class _Parts:
    """Pieces whose tables were put aside into files; a column has the same number in all of them."""

    tables: Backend
    scratch: Path
    rows: int = 0
    columns: dict[str, int] = field(default_factory=dict)

    def aside(self, piece: Piece) -> Piece:
        """The piece without its tables."""
        picked = [f'"row" + {self.rows} AS "row"']
        for number, name in enumerate(piece.columns):
            picked.append(f'"c{number}" AS "n{self.columns.setdefault(name, len(self.columns))}"')
        path = self.scratch / f"{piece.table}.part"
        self.tables.raw_sql(f"COPY (SELECT {', '.join(picked)} FROM \"{piece.table}\") TO '{path}' (FORMAT parquet)")
        self.rows += piece.rows
        if piece.quarantined:
            self.tables.raw_sql(f'CREATE TABLE IF NOT EXISTS bad AS SELECT * FROM "{piece.bad}" LIMIT 0')
            self.tables.raw_sql(f'INSERT INTO bad SELECT * FROM "{piece.bad}"')
        for name in filter(None, (piece.table, piece.bad)):
            self.tables.raw_sql(f'DROP TABLE "{name}"')
        return replace(piece, table="", bad="bad" if piece.quarantined else "")

    def all(self) -> str:
        """All rows."""
        columns = "".join(f', "n{number}" AS {_identifier(name)}' for name, number in self.columns.items())
        return f"SELECT \"row\" AS {ROW}{columns} FROM read_parquet('{self.scratch}/*.part', union_by_name = true)"


def _staged(
    tables: Backend,
    pieces: Sequence[Piece],
    files: Sequence[Landed],
    options: FileOptions,
    reading: Reading,
    parts: _Parts | None,
) -> Batch:
    names, notes = _united(pieces)
    first, origins = 0, []
    for piece, file in zip(pieces, files, strict=True):
        known = file.fingerprint or fingerprint_of(file.path)
        origins.append(Origin(piece.name, known, first, piece.rows, piece.quarantined))
        first += piece.rows
    renames = tuple(dict.fromkeys(rename for piece in pieces for rename in piece.renames))
    quarantined = sum(piece.quarantined for piece in pieces)
    if quarantined and not first:
        raise SourceError(
            f"none of {plural(quarantined, 'record')} can be read: {_first_reason(tables, pieces)}",
            where=options.describe(),
            todo="look at the file, or set 'format', 'delimiter' or 'encoding'",
        )
    staging, name = reading.staging, reading.name
    rows = tables.sql(parts.all() if parts else _union(pieces, origins, names))
    snapshot = staging.write(reading.run_id, name, rows, renames=renames, source=options.describe())
    uri = ""
    if bad := dict.fromkeys(f'SELECT * FROM "{piece.bad}"' for piece in pieces if piece.quarantined):
        uri, _, _ = staging.write_aux(reading.run_id, f"{name}.quarantine", tables.sql(" UNION ALL ".join(bad)))
    types = {name: type for piece in pieces for name, type in piece.types.items()}
    notes += [note for piece in pieces for note in piece.notes]
    return Batch(snapshot, tuple(origins), quarantined, uri, renames, types, tuple(dict.fromkeys(notes)))


def _first_reason(tables: Backend, pieces: Sequence[Piece]) -> str:
    bad = next(piece.bad for piece in pieces if piece.quarantined)
    line, reason = tables.raw_sql(f'SELECT line, reason FROM "{bad}" ORDER BY line LIMIT 1').fetchone()
    return f"line {line}: {reason}"


def _united(pieces: Sequence[Piece]) -> tuple[list[str], list[str]]:
    """All columns in the order in which they are first met, and a note where files differ."""
    names = list(dict.fromkeys(column for piece in pieces for column in piece.columns))
    notes = [
        f"{piece.name} lacks {', '.join(lacking)}; null there"
        for piece in pieces
        if (lacking := [name for name in names if name not in piece.columns])
    ]
    return names, notes


def _union(pieces: Sequence[Piece], origins: list[Origin], names: list[str]) -> str:
    return " UNION ALL ".join(_select(piece, origin, names) for piece, origin in zip(pieces, origins, strict=True))


def _select(piece: Piece, origin: Origin, names: list[str]) -> str:
    place = {name: f'"c{number}"' for number, name in enumerate(piece.columns)}
    columns = [f"{place.get(name, 'NULL::VARCHAR')} AS {_identifier(name)}" for name in names]
    return f'SELECT "row" + {origin.first_row} AS {ROW}, {", ".join(columns)} FROM "{piece.table}"'


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
