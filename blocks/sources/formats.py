"""Reading one file of each format as text, record by record; what is no record goes into the piece's `bad`."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, BinaryIO

from blocks.sources.base import staged_names
from blocks.sources.delimited import (
    LONGEST_RECORD_CHARACTERS,
    Record,
    Shape,
    good_records,
    is_plain,
    lines_of,
    shape_of,
    write_good,
)
from blocks.sources.encodings import as_utf8
from blocks.sources.json_stream import ExtraData, Found, elements
from blocks.sources.json_values import compact, json_text, parse
from blocks.sources.options import FileOptions
from blocks.sources.pieces import Bad, OpenFile, Piece, Unreadable, scanned, start_of, texts
from tasks.quality.errors import SourceError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

_ENDINGS = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".txt": "csv", ".psv": "csv",
    ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson",
    ".parquet": "parquet", ".pq": "parquet",
    ".xlsx": "excel", ".xlsm": "excel", ".xls": "excel", ".xlsb": "excel", ".ods": "excel",
}  # fmt: skip
_PACKED = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
_STARTS = {b"PAR1": "parquet", b"PK\x03\x04": "excel", b"\xd0\xcf\x11\xe0": "excel"}
_CONTROL = bytes(set(range(32)) - set(b"\t\n\f\r"))
_MOST_CONTROL = 0.1
_CHUNK_BYTES = 1 << 20
_LINE_BYTES = 2 << 20
"""The longest line that is tried at first: what the engine takes in memory grows with it."""

_BUFFER_BYTES = 8 << 20


def format_of(path: PurePath) -> str | None:
    """The format that a file's name tells, or None."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in _PACKED:
        endings.pop()
    return _ENDINGS.get(endings[-1]) if endings else None


def format_in(plain: Path) -> str | None:
    """The format that an unpacked file's first bytes tell, whatever its name says, or None."""
    return _STARTS.get(start_of(plain))


def packing_of(start: bytes) -> str | None:
    """The ending of compressed files that begin like this, or None."""
    return next((ending for ending, mark in _PACKED.items() if start.startswith(mark)), None)


def plain_file(path: Path, unpacked: Path, where: str) -> Path:
    """The file itself, or its unpacked copy when its first bytes say that it is compressed.

    Raises:
        SourceError: the file is empty, or damaged.
    """
    import zstandard

    if path.stat().st_size == 0:
        raise SourceError("the file is empty (0 bytes)", where=where, todo="export it again")
    ending = packing_of(start_of(path))
    if ending is None:
        return path
    try:
        with path.open("rb") as packed, unpacked.open("wb") as out:
            if ending == ".gz":
                shutil.copyfileobj(gzip.GzipFile(fileobj=packed), out, _CHUNK_BYTES)
            else:
                _unpack_zstandard(packed, out)
    except (EOFError, gzip.BadGzipFile, zstandard.ZstdError, OSError) as error:
        raise SourceError(f"damaged {ending[1:]} file: {error}", where=where, todo="fetch it again") from error
    if unpacked.stat().st_size == 0:
        raise SourceError("nothing is in the compressed file", where=where, todo="export it again")
    return unpacked


# --- delimited text -------------------------------------------------------------------------------------------


def read_csv(file: OpenFile, options: FileOptions) -> Piece:
    """Read delimited text; lines with too few or too many values, bad quotes or bad bytes are quarantined."""
    notes: list[str] = []
    name = file.name
    text, encoding = as_utf8(file, options.encoding, notes)
    shape = shape_of(text, delimiter=options.delimiter, header=options.header)
    if shape is None:
        raise SourceError(
            "the file holds only white space, or no record at all", where=file.where, todo="export it again"
        )
    if options.encoding is None and _is_binary(text):
        raise SourceError("is no text", where=file.where, todo="set 'format' if it is one of ours")
    if not shape.header:
        notes.append(f"{name} has no header; its columns are numbered")
    if shape.start > 1:
        notes.append(f"{name} begins in line {shape.start}; what stands above is in quarantine")
    columns, renames = staged_names(list(shape.names))
    if (batches := _fast(file, text, shape)) is not None:
        return Piece(name, tuple(columns), renames, batches, notes=tuple(notes))
    spoilt: list[Record] = []
    clean = file.scratch / f"{file.number}.clean"
    with lines_of(text, shape.newline) as lines:
        write_good(lines, shape, spoilt, clean)
    bad = [_bad(record, encoding) for record in spoilt]
    plainly = replace(shape, header=False, newline="\n", start=1)
    batches = _fast(replace(file, careful=True), clean, plainly) or partial(_one_by_one, text, shape)
    return Piece(name, tuple(columns), renames, batches, bad, notes=tuple(notes))


def _one_by_one(text: Path, shape: Shape) -> Iterator[pa.RecordBatch]:
    with lines_of(text, shape.newline) as lines:
        rows = (record.values or () for record in good_records(lines, shape, []))
        yield from texts(rows, len(shape.names))


def _bad(record: Record, encoding: str) -> Bad:
    codec = encoding if encoding not in ("utf-16", "utf-32") else f"{encoding}-le"
    return record.line, record.text.rstrip("\r\n").encode(codec, "surrogateescape"), record.reason


def _unpack_zstandard(packed: BinaryIO, out: BinaryIO) -> None:
    """Unpack frame by frame, because zstandard's own readers take a file that was cut short for a whole one."""
    import zstandard

    frame = None
    while chunk := packed.read(_CHUNK_BYTES):
        while chunk:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            out.write(frame.decompress(chunk))
            chunk, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None:
        raise EOFError("it ends within a frame")


def _is_binary(text: Path) -> bool:
    with text.open("rb") as file:
        start = file.read(1 << 12)
    return len(start) - len(start.translate(None, _CONTROL)) > _MOST_CONTROL * len(start)


def _fast(file: OpenFile, text: Path, shape: Shape) -> Callable[[], Iterator[pa.RecordBatch]] | None:
    """The rows as DuckDB reads them, where it reads as we do; looked at, if care is to be taken."""
    if not is_plain(text, shape):
        return None
    queries = [_scan(text, shape, line_bytes) for line_bytes in (_LINE_BYTES, LONGEST_RECORD_CHARACTERS)]
    query = next(filter(partial(_holds, file), queries), None) if file.careful else queries[0]
    return None if query is None else partial(scanned, file, f"FROM {query}")


def _scan(text: Path, shape: Shape, line_bytes: int) -> str:
    fields = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(shape.names)))
    return (
        f"read_csv({_text(str(text))}, delim={_text(shape.delimiter)}, quote='\"', escape='\"', "
        f"header={str(shape.header).lower()}, auto_detect=false, columns={{{fields}}}, strict_mode=true, "
        "null_padding=false, allow_quoted_nulls=false, compression='none', nullstr='', "
        f"max_line_size={line_bytes}, buffer_size={max(_BUFFER_BYTES, line_bytes)})"
    )


def _holds(file: OpenFile, query: str) -> bool:
    """Whether DuckDB reads all of it without a complaint."""
    try:
        for _ in scanned(file, f"SELECT count(COLUMNS(*)) FROM {query}"):
            pass
    except Unreadable:
        return False
    return True


# --- JSON -----------------------------------------------------------------------------------------------------


def read_json(file: OpenFile, options: FileOptions) -> Piece:
    """Read a JSON file: a list of objects, or an object that holds one; or, after all, one object per line."""
    notes: list[str] = []
    text, _ = as_utf8(file, options.encoding, notes)
    path = options.records.split(".") if options.records else []
    found, names, bad = Found(), dict[str, None](), list[Bad]()
    try:
        for place, item in enumerate(elements(text, path, found), start=1):
            if isinstance(item, dict):
                names.update(dict.fromkeys(item))
            else:
                bad.append((place, _bytes(item), "not an object"))
    except ExtraData:
        return read_ndjson(file, options)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"is not JSON: {error}", where=file.where, todo="export it again") from error
    if _is_one_record(found, options.records, file.where):
        return _from_objects(file, found.members, lambda: [found.members], [], notes)

    def good() -> Iterator[dict[str, Any]]:
        return (item for item in elements(text, path, Found()) if isinstance(item, dict))

    return _from_objects(file, names, good, bad, notes)


def read_ndjson(file: OpenFile, options: FileOptions) -> Piece:
    """Read a file of one JSON object per line; other lines are quarantined."""
    notes: list[str] = []
    text, _ = as_utf8(file, options.encoding, notes)
    names: dict[str, None] = {}
    bad: list[Bad] = []
    for line, raw, item in _json_lines(text):
        if isinstance(item, dict):
            names.update(dict.fromkeys(item))
        else:
            bad.append((line, raw, item))

    def good() -> Iterator[dict[str, Any]]:
        return (item for _, _, item in _json_lines(text) if isinstance(item, dict))

    return _from_objects(file, names, good, bad, notes)


def _bytes(value: Any) -> bytes:
    return compact(value).encode("utf-8", "surrogatepass")


def _json_lines(text: Path) -> Iterator[tuple[int, bytes, dict[str, Any] | str]]:
    """Line number, bytes, and the object in them or why there is none."""
    with text.open("rb") as lines:
        for line, ended in enumerate(lines, start=1):
            raw = ended.rstrip(b"\r\n")
            if not raw.strip():
                continue
            try:
                item = parse(raw.decode("utf-8"))
            except (ValueError, RecursionError) as error:
                yield line, raw, f"not JSON: {error}"
            else:
                yield line, raw, item if isinstance(item, dict) else "not an object"


def _is_one_record(found: Found, where: str | None, file: str) -> bool:
    """Whether an object without lists is the only record, rather than the elements of one list."""
    if found.lacking:
        name, there = found.lacking
        raise SourceError(
            f"no '{name}' on the way to '{where}'", where=file, available=there, todo=did_you_mean(name, there)
        )
    if found.is_object and not found.lists:
        return True
    if len(found.lists) == 1 and not (where and found.is_object):
        return False
    raise SourceError("holds no single list of records", where=file, available=found.lists, todo="name it in 'records'")


def _from_objects(
    file: OpenFile,
    names: Iterable[str],
    objects: Callable[[], Iterable[dict[str, Any]]],
    bad: Sequence[Bad],
    notes: Sequence[str],
) -> Piece:
    named = list(names)
    if not named and not bad:
        raise SourceError("holds no records", where=file.where, todo="export it again")
    columns, renames = staged_names(named or [""])

    def batches() -> Iterator[pa.RecordBatch]:
        rows = ([json_text(item.get(name)) for name in named or [""]] for item in objects())
        return texts(rows, len(columns))

    return Piece(file.name, tuple(columns), renames, batches, bad, notes=tuple(notes))


# --- tables with types ----------------------------------------------------------------------------------------


def read_parquet(file: OpenFile, options: FileOptions) -> Piece:  # noqa: ARG001  (a Reader)
    """Read a Parquet file; every value becomes its text, nested ones JSON. The types are kept for the contract."""
    import duckdb

    try:
        schema = file.tables.raw_sql(f"DESCRIBE SELECT * FROM read_parquet({_text(str(file.plain))})").fetchall()
    except duckdb.Error as error:
        raise SourceError(f"is not Parquet: {_first_line(error)}", where=file.where) from error
    columns, renames = staged_names([row[0] for row in schema])
    picked = ", ".join(f'{_cast(row[0], row[1])} AS "c{place}"' for place, row in enumerate(schema))

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from scanned(file, f"SELECT {picked} FROM read_parquet({_text(str(file.plain))})")
        except Unreadable as error:
            raise SourceError(f"is damaged Parquet: {error}", where=file.where) from error

    types = {column: str(row[1]).lower() for column, row in zip(columns, schema, strict=True)}
    return Piece(file.name, tuple(columns), renames, batches, types=types)


def _cast(name: str, type: str) -> str:
    column = '"' + name.replace('"', '""') + '"'
    if type == "BLOB":
        return f"hex({column})"
    if type == "TIMESTAMP WITH TIME ZONE":
        return f"make_timestamp(epoch_us({column}))::VARCHAR || '+00'"  # a plain cast would write this machine's zone
    nested = type.endswith("]") or type.startswith(("STRUCT", "MAP"))
    return f"CAST({'to_json(' + column + ')' if nested else column} AS VARCHAR)"


def read_excel(file: OpenFile, options: FileOptions) -> Piece:
    """Read one sheet of an Excel or OpenDocument file; whole numbers have no '.0', dates are ISO, errors null."""
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_path(str(file.plain))
    except (python_calamine.CalamineError, OSError) as error:
        raise SourceError(f"is not a spreadsheet: {error}", where=file.where) from error
    if options.sheet is not None and options.sheet not in book.sheet_names:
        todo = did_you_mean(options.sheet, book.sheet_names)
        raise SourceError(f"no sheet '{options.sheet}'", where=file.where, available=book.sheet_names, todo=todo)
    name = options.sheet or book.sheet_names[0]
    grid = [[_excel_text(cell) for cell in row] for row in book.get_sheet_by_name(name).to_python(skip_empty_area=True)]
    if not grid:
        raise SourceError(f"sheet '{name}' is empty", where=file.where, available=book.sheet_names)
    header = options.header if options.header is not None else True
    names = [cell or "" for cell in grid[0]] if header else ["" for _ in grid[0]]
    columns, renames = staged_names(names)
    notes = [f"sheet '{name}' of {', '.join(book.sheet_names)}"] if len(book.sheet_names) > 1 else []
    rows = grid[1:] if header else grid
    return Piece(file.name, tuple(columns), renames, lambda: texts(rows, len(columns)), notes=tuple(notes))


def _excel_text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


# --- common ---------------------------------------------------------------------------------------------------

Reader = Callable[[OpenFile, FileOptions], Piece]
FORMATS: Mapping[str, Reader] = {
    "csv": read_csv,
    "json": read_json,
    "ndjson": read_ndjson,
    "parquet": read_parquet,
    "excel": read_excel,
}


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
