"""Reading one file of each format into DuckDB as text: `row` (0-based) and `c0`, `c1`, ….

What is no record becomes a row of the piece's `bad` table: `origin`, `line` (1-based), `bytes`, `reason`.
"""

from __future__ import annotations

import codecs
import gzip
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO

from blocks.sources.base import staged_names
from blocks.sources.delimited import (
    LONGEST_RECORD_CHARACTERS,
    SNIFFED_BYTES,
    Record,
    Shape,
    good_records,
    is_plain,
    lines_of,
    shape_of,
    write_good,
)
from tasks.quality.errors import SourceError, did_you_mean

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

    from blocks.sources.records import FileOptions

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
_BUFFER_BYTES = LONGEST_RECORD_CHARACTERS
"""The engine takes sixteen times the longest record by default, which is a gigabyte."""


@dataclass(frozen=True)
class Piece:
    """One file in DuckDB.

    Attributes:
        table: name of the table with `row`, `c0`, `c1`, …
        bad: name of the table of records that could not be read.
        columns: names as staged, in file order.
        renames: (name in the file, name as staged).
    """

    name: str
    table: str
    bad: str
    columns: tuple[str, ...]
    renames: tuple[tuple[str, str], ...]
    rows: int
    quarantined: int
    types: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class OpenFile:
    """One file being read.

    Attributes:
        name: as its rows' origin is called.
        where: the file as the user knows it, for errors.
        path: where it is.
        plain: the same, unpacked.
        number: its place among the files of the source; names its tables.
        scratch: folder for temporary copies, gone after the read.
    """

    tables: Backend
    name: str
    where: str
    path: Path
    plain: Path
    number: int
    scratch: Path


def format_of(path: PurePath) -> str | None:
    """The format that a file's name tells, or None."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in _PACKED:
        endings.pop()
    return _ENDINGS.get(endings[-1]) if endings else None


def format_in(plain: Path) -> str | None:
    """The format that an unpacked file's first bytes tell, whatever its name says, or None."""
    return _STARTS.get(_start(plain))


def plain_file(path: Path, unpacked: Path, where: str) -> Path:
    """The file itself, or its unpacked copy when its first bytes say that it is compressed.

    Raises:
        SourceError: the file is empty, or damaged.
    """
    import zstandard

    if path.stat().st_size == 0:
        raise SourceError("the file is empty (0 bytes)", where=where, todo="export it again")
    start = _start(path)
    ending = next((ending for ending, mark in _PACKED.items() if start.startswith(mark)), None)
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
    if is_plain(text, shape) and _read_fast(file, text, shape):
        return _piece(file, columns, renames, notes=notes)
    spoilt: list[Record] = []
    clean = file.scratch / f"{file.number}.clean"
    with lines_of(text, shape.newline) as lines:
        write_good(lines, shape, spoilt, clean)
    bad = [_bad(record, encoding) for record in spoilt]
    plainly = replace(shape, header=False, newline="\n", start=1)
    if is_plain(clean, plainly) and _read_fast(file, clean, plainly):
        _store_bad(file, bad)
        return _piece(file, columns, renames, notes=notes)
    with lines_of(text, shape.newline) as lines:
        rows = (record.values or () for record in good_records(lines, shape, []))
        return _from_rows(file, columns, renames, rows, bad, notes)


def _bad(record: Record, encoding: str) -> tuple[int, bytes, str]:
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


def _read_fast(file: OpenFile, text: Path, shape: Shape) -> bool:
    """Read with DuckDB; False when it met anything but good records, and nothing is kept then."""
    import duckdb

    fields = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(shape.names)))
    options = (
        f"delim={_text(shape.delimiter)}, quote='\"', escape='\"', header={str(shape.header).lower()}, "
        f"auto_detect=false, columns={{{fields}}}, strict_mode=true, null_padding=false, allow_quoted_nulls=false, "
        f"compression='none', nullstr='', max_line_size={LONGEST_RECORD_CHARACTERS}, "
        f"buffer_size={_BUFFER_BYTES}, store_rejects=true, "
        f"rejects_table='errors{file.number}', rejects_scan='scans{file.number}'"
    )
    query = f'SELECT row_number() OVER () - 1 AS "row", * FROM read_csv({_text(str(text))}, {options})'
    try:
        file.tables.raw_sql(f'CREATE TABLE "t{file.number}" AS {query}')
        rejected = bool(_count(file, f"errors{file.number}"))
    except duckdb.InvalidInputException:
        rejected = True
    if rejected:
        for name in ("t", "errors", "scans"):
            file.tables.raw_sql(f'DROP TABLE IF EXISTS "{name}{file.number}"')
    return not rejected


# --- encoding -------------------------------------------------------------------------------------------------

_ENCODINGS = ("utf-8", "cp1252", "latin-1", "utf-16", "any other that Python knows")
_CANDIDATES = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "shift_jis", "gb18030", "big5", "euc_kr")
_MARK = b"\xef\xbb\xbf"
_START_BYTES = 4


def as_utf8(file: OpenFile, encoding: str | None, notes: list[str]) -> tuple[Path, str]:
    """The file as UTF-8 without byte order mark, and the encoding it had; bad bytes stay as they are.

    Raises:
        SourceError: the encoding is unknown, or not the file's.
    """
    plain, copy = file.plain, file.scratch / f"{file.number}.utf8"
    found = encoding or sniff_encoding(plain)
    try:
        found = codecs.lookup(found).name.removesuffix("-sig")
    except LookupError as error:
        raise SourceError(f"unknown encoding '{found}'", where=file.where, available=_ENCODINGS) from error
    if found == "utf-8" and not _start(plain).startswith(_MARK):
        return plain, found
    try:
        with (
            plain.open(encoding=_without_mark(found), errors="surrogateescape", newline="") as raw,
            copy.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out,
        ):
            shutil.copyfileobj(raw, out, 1 << 20)
    except UnicodeError as error:
        why = error.reason if isinstance(error, UnicodeDecodeError) else str(error)
        todo = "set 'encoding', or leave it out to have it sniffed"
        raise SourceError(f"is not {found}: {why}", where=file.where, available=_ENCODINGS, todo=todo) from error
    if found != "utf-8":
        notes.append(f"{file.name} was read as {found}")
    return copy, found


def sniff_encoding(path: Path) -> str:
    """The encoding of a file: by its mark, else UTF-8 when most lines beyond ASCII are, else the likeliest."""
    with path.open("rb") as file:
        start = file.read(1 << 12)
    if start.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return "utf-32"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if len(start) > 3 and max(places := (start[::2].count(0), start[1::2].count(0))) > len(start) // 5:  # noqa: PLR2004
        return "utf-16-be" if places[0] > places[1] else "utf-16-le"
    if _decodes(path):
        return "utf-8"
    good, bad, sample = _lines_beyond_ascii(path)
    return "utf-8" if bad <= good else _likeliest(sample)


def _decodes(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _lines_beyond_ascii(path: Path) -> tuple[int, int, bytes]:
    """How many lines beyond ASCII are UTF-8, how many are not, and the beginning of these."""
    good = bad = 0
    sample = bytearray()
    with path.open("rb") as file:
        for line in file:
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                good += 1
            except UnicodeDecodeError:
                bad += 1
                if len(sample) < SNIFFED_BYTES:
                    sample += line[:SNIFFED_BYTES]
    return good, bad, bytes(sample)


def _likeliest(sample: bytes) -> str:
    """The likeliest encoding of bytes that are not UTF-8; cp1252, the commonest, unless another reads better."""
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=list(_CANDIDATES)).best()
    western = from_bytes(sample, cp_isolation=["cp1252"]).best()
    if best is None:
        return "cp1252"
    if western and (western.chaos, -western.coherence) <= (best.chaos, -best.coherence):
        return "cp1252"
    return best.encoding


def _without_mark(encoding: str) -> str:
    return "utf-8-sig" if encoding == "utf-8" else encoding


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_START_BYTES)


# --- JSON -----------------------------------------------------------------------------------------------------


def read_json(file: OpenFile, options: FileOptions) -> Piece:
    """Read a JSON file: a list of objects, or an object that holds one; or, after all, one object per line."""
    notes: list[str] = []
    text, _ = as_utf8(file, options.encoding, notes)
    try:
        value = parse(text.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            return read_ndjson(file, options)
        raise SourceError(f"is not JSON: {error}", where=file.where, todo="export it again") from error
    items = list(enumerate(_records(value, options.records, file.where), start=1))
    bad = [(place, _json(item), "not an object") for place, item in items if not isinstance(item, dict)]
    good = [item for _, item in items if isinstance(item, dict)]
    return _from_objects(file, dict.fromkeys(name for item in good for name in item), good, bad, notes)


def read_ndjson(file: OpenFile, options: FileOptions) -> Piece:
    """Read a file of one JSON object per line; other lines are quarantined."""
    notes: list[str] = []
    text, _ = as_utf8(file, options.encoding, notes)
    names: dict[str, None] = {}
    bad: list[tuple[int, bytes, str]] = []
    for line, raw, item in _json_lines(text):
        if isinstance(item, dict):
            names.update(dict.fromkeys(item))
        else:
            bad.append((line, raw, item))
    good = (item for _, _, item in _json_lines(text) if isinstance(item, dict))
    return _from_objects(file, names, good, bad, notes)


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


class _Number(str):
    """A JSON number in the spelling of the file."""

    __slots__ = ()


def parse(text: str) -> Any:
    """JSON whose numbers stay as they are spelt.

    Raises:
        ValueError: it is none, or a key stands twice in an object.
    """
    return json.loads(text, object_pairs_hook=_object, parse_float=_Number, parse_int=_Number, parse_constant=_Number)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    item = dict(pairs)
    if len(item) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"the key '{twice}' stands twice in one object")
    return item


def _records(value: Any, where: str | None, file: str) -> Sequence[Any]:
    for name in where.split(".") if where else ():
        if not isinstance(value, dict) or name not in value:
            there = list(value) if isinstance(value, dict) else []
            raise SourceError(
                f"no '{name}' on the way to '{where}'", where=file, available=there, todo=did_you_mean(name, there)
            )
        value = value[name]
    if isinstance(value, list):
        return value
    lists = [name for name, item in value.items() if isinstance(item, list)] if isinstance(value, dict) else []
    if len(lists) == 1 and not where:
        return list(value[lists[0]])
    if isinstance(value, dict) and not lists:
        return [value]
    raise SourceError("holds no single list of records", where=file, available=lists, todo="name it in 'records'")


def _from_objects(
    file: OpenFile,
    names: Iterable[str],
    objects: Iterable[dict[str, Any]],
    bad: list[tuple[int, bytes, str]],
    notes: Sequence[str],
) -> Piece:
    named = list(names)
    if not named and not bad:
        raise SourceError("holds no records", where=file.where, todo="export it again")
    columns, renames = staged_names(named or [""])
    rows = ([json_text(item.get(name)) for name in named or [""]] for item in objects)
    return _from_rows(file, columns, renames, rows, bad, notes)


def flat(record: Mapping[str, Any], start: str = "") -> dict[str, Any]:
    """Objects in objects as one, their names joined by dots; an empty one is null.

    Raises:
        ValueError: two names become the same.

    >>> flat({"id": 1, "at": {"city": "Kiel", "geo": {}}})
    {'id': 1, 'at.city': 'Kiel', 'at.geo': None}
    """
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and value:
            inner = flat(value, f"{start}{name}.")
        else:
            inner = {f"{start}{name}": None if isinstance(value, dict) else value}
        if twice := found.keys() & inner.keys():
            raise ValueError(f"the name '{min(twice)}' stands for two values")
        found |= inner
    return found


def json_text(value: Any) -> str | None:
    """A value of JSON as the text that is staged: lists and objects as JSON."""
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _json(value).decode("utf-8", "surrogatepass")


def _json(value: Any) -> bytes:
    return compact(value).encode("utf-8", "surrogatepass")


def compact(value: Any) -> str:
    """What `parse` gave as JSON again, without white space."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{compact(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


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
    query = f'SELECT row_number() OVER () - 1 AS "row", {picked} FROM read_parquet({_text(str(file.plain))})'
    try:
        file.tables.raw_sql(f'CREATE TABLE "t{file.number}" AS {query}')
    except duckdb.Error as error:
        raise SourceError(f"is damaged Parquet: {_first_line(error)}", where=file.where) from error
    types = {column: str(row[1]).lower() for column, row in zip(columns, schema, strict=True)}
    return _piece(file, columns, renames, types=types)


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
    return _from_rows(file, columns, renames, grid[1:] if header else grid, [], notes)


def _excel_text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


# --- common ---------------------------------------------------------------------------------------------------

Reader = Callable[[OpenFile, "FileOptions"], Piece]
FORMATS: Mapping[str, Reader] = {
    "csv": read_csv,
    "json": read_json,
    "ndjson": read_ndjson,
    "parquet": read_parquet,
    "excel": read_excel,
}


def _from_rows(
    file: OpenFile,
    columns: Sequence[str],
    renames: tuple[tuple[str, str], ...],
    rows: Iterable[Sequence[str | None]],
    bad: Sequence[tuple[int, bytes, str]],
    notes: Sequence[str] = (),
) -> Piece:
    import pyarrow as pa

    schema = pa.schema([("row", pa.int64()), *((f"c{place}", pa.string()) for place in range(len(columns)))])
    batches = (_batch(chunk, schema) for chunk in _chunks(rows, 10_000))
    _store(file, "t", pa.RecordBatchReader.from_batches(schema, batches))
    _store_bad(file, bad)
    return _piece(file, columns, renames, notes=notes)


def _store_bad(file: OpenFile, bad: Sequence[tuple[int, bytes, str]]) -> None:
    import pyarrow as pa

    lines = [{"origin": file.name, "line": line, "bytes": raw, "reason": reason} for line, raw, reason in bad]
    fields = pa.schema([("origin", pa.string()), ("line", pa.int64()), ("bytes", pa.binary()), ("reason", pa.string())])
    _store(file, "bad", pa.Table.from_pylist(lines, schema=fields))


def _store(file: OpenFile, name: str, rows: Any) -> None:
    file.tables.con.register("arriving", rows)
    file.tables.raw_sql(f'CREATE TABLE "{name}{file.number}" AS SELECT * FROM arriving')
    file.tables.con.unregister("arriving")


def _chunks(rows: Iterable[Sequence[str | None]], size: int) -> Iterator[list[tuple[int, Sequence[str | None]]]]:
    chunk = []
    for row in enumerate(rows):
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _batch(chunk: list[tuple[int, Sequence[str | None]]], schema: Any) -> Any:
    import pyarrow as pa

    columns = zip(*(row for _, row in chunk), strict=True)
    cells = [strings(column) for column in columns]
    return pa.RecordBatch.from_arrays([pa.array([row for row, _ in chunk], pa.int64()), *cells], schema=schema)


def strings(values: Sequence[str | None]) -> Any:
    r"""The values as an Arrow array; a lone surrogate, which no UTF-8 file can hold, is spelt `\ud800`."""
    import pyarrow as pa

    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        spelt = (None if value is None else value.encode("utf-8", "backslashreplace").decode() for value in values)
        return pa.array(list(spelt), pa.string())


def _piece(
    file: OpenFile,
    columns: Sequence[str],
    renames: tuple[tuple[str, str], ...],
    types: Mapping[str, str] = MappingProxyType({}),
    notes: Sequence[str] = (),
) -> Piece:
    table, bad = f"t{file.number}", f"bad{file.number}"
    there = {row[0] for row in file.tables.raw_sql("SELECT table_name FROM duckdb_tables()").fetchall()}
    bad = bad if bad in there else ""
    rows = _count(file, table)
    quarantined = _count(file, bad) if bad else 0
    return Piece(file.name, table, bad, tuple(columns), renames, rows, quarantined, types, tuple(notes))


def _count(file: OpenFile, table: str) -> int:
    return int(file.tables.raw_sql(f'SELECT count(*) FROM "{table}"').fetchone()[0])


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
