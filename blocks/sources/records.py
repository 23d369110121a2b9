"""Files of records that are here, whoever brought them, read into one snapshot.

Every value is staged as the text it was; what cannot be read as a record goes to quarantine with its line number
and its bytes. Format, delimiter, encoding and header are sniffed from the first `SNIFFED_BYTES`; each can be set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.scratch import scratch
from blocks.sources.base import Batch, Origin, Reading
from blocks.sources.formats import FORMATS, format_in, format_of, plain_file
from blocks.sources.options import FileOptions
from blocks.sources.pieces import OpenFile, Piece, Unreadable
from blocks.staging import connected, fingerprint_of
from tasks.quality.errors import SourceError, Unavailable
from tasks.quality.wording import plural

if TYPE_CHECKING:
    import pyarrow as pa
    from ibis.backends.duckdb import Backend

MEMORY = "250MB"
"""Enough for the engine where it only reads."""

FORMATS_TODO = (
    "readable are .csv, .tsv, .txt, .json, .ndjson, .jsonl, .parquet, .xlsx, .xls, .ods, each also as .gz or .zst; "
    "or set 'format'"
)


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
    with scratch(folder) as own, connected(MEMORY) as tables:
        try:
            return _read(tables, files, options, reading, own, careful=False)
        except Unreadable:  # found on the way, when rows were written already
            return _read(tables, files, options, reading, own, careful=True)


def _read(
    tables: Backend,
    files: Sequence[Landed],
    options: FileOptions,
    reading: Reading,
    folder: Path,
    *,
    careful: bool,
) -> Batch:
    pieces = []
    for number, file in enumerate(files):
        reading.progress(f"reading {file.name}", number, len(files))
        plain, known = _opened(file, options, folder / f"{number}.plain")
        opened = OpenFile(tables, file.name, file.where, file.path, plain, number, folder, careful)
        pieces.append(FORMATS[known](opened, options))
    reading.progress("writing the snapshot", len(files), len(files))
    return _staged(tables, pieces, files, options, reading)


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


def _staged(
    tables: Backend, pieces: Sequence[Piece], files: Sequence[Landed], options: FileOptions, reading: Reading
) -> Batch:
    names, notes = _united(pieces)
    quarantined = sum(len(piece.bad) for piece in pieces)
    counts = [0] * len(pieces)
    coming = _rows(pieces, names, counts)
    if (first := next(coming, None)) is None and quarantined:
        raise SourceError(
            f"none of {plural(quarantined, 'record')} can be read: {_first_reason(pieces)}",
            where=options.describe(),
            todo="look at the file, or set 'format', 'delimiter' or 'encoding'",
        )
    renames = tuple(dict.fromkeys(rename for piece in pieces for rename in piece.renames))
    rows = coming if first is None else chain([first], coming)
    staging, name = reading.staging, reading.name
    snapshot = staging.write_rows(reading.run_id, name, names, rows, renames=renames, source=options.describe())
    origins, row = [], 0
    for piece, file, count in zip(pieces, files, counts, strict=True):
        known = file.fingerprint or fingerprint_of(file.path)
        origins.append(Origin(piece.name, known, row, count, len(piece.bad)))
        row += count
    uri = _quarantine(tables, pieces, reading) if quarantined else ""
    types = {name: type for piece in pieces for name, type in piece.types.items()}
    notes += [note for piece in pieces for note in piece.notes]
    return Batch(snapshot, tuple(origins), quarantined, uri, renames, types, tuple(dict.fromkeys(notes)))


def _rows(pieces: Sequence[Piece], names: Sequence[str], counts: list[int]) -> Iterator[pa.RecordBatch]:
    """The rows of all pieces with a text or null for every name; `counts` has how many each piece gave."""
    import pyarrow as pa

    for number, piece in enumerate(pieces):
        place = {name: at for at, name in enumerate(piece.columns)}
        for batch in filter(len, piece.batches()):
            counts[number] += batch.num_rows
            cells = [
                batch.column(place[name]) if name in place else pa.nulls(batch.num_rows, pa.string()) for name in names
            ]
            yield pa.RecordBatch.from_arrays(cells, names=list(names))


def _quarantine(tables: Backend, pieces: Sequence[Piece], reading: Reading) -> str:
    """Keep what could not be read; gives its address."""
    import pyarrow as pa

    fields = pa.schema([("origin", pa.string()), ("line", pa.int64()), ("bytes", pa.binary()), ("reason", pa.string())])
    lines = [
        {"origin": piece.name, "line": line, "bytes": raw, "reason": reason}
        for piece in pieces
        for line, raw, reason in piece.bad
    ]
    tables.con.register("bad", pa.Table.from_pylist(lines, schema=fields))
    return reading.staging.write_aux(reading.run_id, f"{reading.name}.quarantine", tables.table("bad"))[0]


def _first_reason(pieces: Sequence[Piece]) -> str:
    line, _bytes, reason = min(next(piece.bad for piece in pieces if piece.bad))
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
