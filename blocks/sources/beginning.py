"""What the beginning of a file tells: whether it can be read, as which format, and with which columns.

So a connection is tried without fetching a file that may be large.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from blocks.scratch import scratch
from blocks.sources.encodings import as_utf8
from blocks.sources.formats import FORMATS, format_in, format_of, packing_of
from blocks.sources.json_stream import Found, elements
from blocks.sources.options import FileOptions
from blocks.sources.pieces import OpenFile, Piece
from blocks.sources.records import FORMATS_TODO, MEMORY
from blocks.staging import connected
from tasks.quality.errors import SourceError
from tasks.quality.wording import plural

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

BEGINNING_BYTES = 1 << 20
_MOST_NAMED = 8
_IN_LINES = ("csv", "ndjson")


@dataclass(frozen=True)
class Beginning:
    """The first bytes of a file, `BEGINNING_BYTES` of them or all that there are.

    Attributes:
        name: its ending tells the format.
        where: the file as the user knows it, for errors.
    """

    content: bytes
    name: str
    where: str


def told_by(file: Beginning, options: FileOptions) -> str:
    """What the beginning of a file says, in words.

    Raises:
        SourceError: it cannot be read as described.
    """
    plain = _unpacked(file)
    whole = max(len(plain), len(file.content)) < BEGINNING_BYTES
    with scratch() as folder, connected(MEMORY) as tables:
        path = folder / "beginning"
        path.write_bytes(plain)
        starts_as = format_in(path)
        known = options.format or starts_as or format_of(PurePath(file.name))
        if known is None:
            raise SourceError(f"cannot tell the format of '{file.name}'", where=file.where, todo=FORMATS_TODO)
        if whole or known in _IN_LINES:
            if not whole:
                path.write_bytes(_whole_lines(plain, quoted=known == "csv"))
            return _rows(FORMATS[known](_opened(file, path, tables), options), known, whole=whole)
        if known == "json":
            path.write_bytes(plain[: plain.rfind(b"}") + 1] or plain)
            return _first_record(_opened(file, path, tables), options)
        if starts_as != known:
            what = f"'{file.name}' does not begin as {known} does"
            raise SourceError(what, where=file.where, todo="export it again, or set 'format'")
        return f"it begins as {known} does; what is in it shows once it is fetched wholly"


def _whole_lines(plain: bytes, *, quoted: bool) -> bytes:
    """Up to the last end of a line, of one that is not within quotes where values may be quoted; else as it is."""
    end = last = plain.rfind(b"\n")
    quotes = plain.count(b'"', 0, end) if quoted and end >= 0 else 0
    while quotes % 2:
        before = plain.rfind(b"\n", 0, end)
        quotes -= plain.count(b'"', before + 1, end)
        end = before
    return plain[: end + 1] or plain[: last + 1] or plain


def _unpacked(file: Beginning) -> bytes:
    """The beginning of what is in the file, if it is compressed."""
    import zstandard

    if not file.content:
        raise SourceError("the file is empty (0 bytes)", where=file.where, todo="export it again")
    ending = packing_of(file.content)
    try:
        if ending == ".gz":
            return zlib.decompressobj(wbits=31).decompress(file.content, BEGINNING_BYTES)
        if ending == ".zst":
            return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(file.content)).read(BEGINNING_BYTES)
    except (zlib.error, zstandard.ZstdError) as error:
        what = f"damaged {str(ending)[1:]} file: {error}"
        raise SourceError(what, where=file.where, todo="fetch it again") from error
    return file.content


def _opened(file: Beginning, path: Path, tables: Backend) -> OpenFile:
    return OpenFile(tables, file.name, file.where, path, path, 0, path.parent, careful=True)


def _rows(piece: Piece, known: str, *, whole: bool) -> str:
    rows = sum(batch.num_rows for batch in piece.batches())
    if not rows and piece.bad:
        line, _bytes, reason = min(piece.bad)
        raise SourceError(f"none of {plural(len(piece.bad), 'record')} can be read: line {line}: {reason}")
    bad = f"; {plural(len(piece.bad), 'other')} cannot be read, and would go to quarantine" if piece.bad else ""
    first = "" if whole else f"its first {plural(BEGINNING_BYTES, 'byte')} are "
    return f"{known}, {first}{plural(rows, 'row')} with {_columns(piece.columns)}{bad}"


def _first_record(file: OpenFile, options: FileOptions) -> str:
    text, _encoding = as_utf8(file, options.encoding, [])
    path = options.records.split(".") if options.records else []
    try:
        first = next(elements(text, path, Found()), None)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"is not JSON: {error}", where=file.where, todo="export it again") from error
    if isinstance(first, dict):
        return f"json, its first record with {_columns(tuple(first))}"
    return "json, in whose first bytes is no record"


def _columns(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{plural(len(names), 'column')}: {', '.join(names[:_MOST_NAMED])}{more}"
