"""Text files in whatever encoding, as UTF-8."""

from __future__ import annotations

import codecs
import shutil
from pathlib import Path

from blocks.sources.delimited import SNIFFED_BYTES
from blocks.sources.pieces import OpenFile, start_of
from tasks.quality.errors import SourceError

_CHUNK_BYTES = 1 << 20
_ENCODINGS = ("utf-8", "cp1252", "latin-1", "utf-16", "any other that Python knows")
_CANDIDATES = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "shift_jis", "gb18030", "big5", "euc_kr")
_MARK = b"\xef\xbb\xbf"


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
    if found == "utf-8" and not start_of(plain).startswith(_MARK):
        return plain, found
    try:
        with (
            plain.open(encoding=_without_mark(found), errors="surrogateescape", newline="") as raw,
            copy.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out,
        ):
            shutil.copyfileobj(raw, out, _CHUNK_BYTES)
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
