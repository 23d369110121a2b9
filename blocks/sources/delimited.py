"""Delimited text (RFC 4180): split into records, and sniffed for delimiter and header.

What a record is, in the cases that standards leave open:

- Lines end with LF or CRLF, also mixed; with CR only where the file has no LF. Any other CR is text.
- A quote counts only as the first character of a value; elsewhere it is text (`5" pipe`).
- A quote that is never closed, or is closed before its value ends, spoils its own line and no other.
- Nothing between delimiters is null; `""` is an empty text. A blank line is nothing; in a file of one column, null.
- Empty values beyond the last column (`1,2,,`) are nothing.
"""

from __future__ import annotations

import io
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

from tasks.quality.wording import plural

SNIFFED_BYTES = 1 << 18
LONGEST_RECORD_CHARACTERS = 64 << 20
DELIMITERS = ",;\t|"

_CHUNK_BYTES = 1 << 22
_CLOSE = re.compile(r'([^"]*+(?:""[^"]*+)*)"(?!")')
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_YEAR = re.compile(r"(19|20)\d\d")
_SEPARATOR_LINE = re.compile(r'"?sep=.?"?')

Values: TypeAlias = list[str | None]


class Record(NamedTuple):
    """One record; `values` is None when it is spoilt, and `reason` says why."""

    line: int
    text: str
    values: Values | None
    reason: str = ""

    @property
    def is_blank(self) -> bool:
        """Whether nothing stands on the line."""
        return self.values == [None]


@dataclass(frozen=True)
class Shape:
    """How a file's text is to be read.

    Attributes:
        names: of the columns, as in the file; empty where it gives none.
        start: line of the first record that counts; what stands above it is a title, no data.
    """

    delimiter: str
    newline: str
    header: bool
    names: tuple[str, ...]
    start: int


def split(lines: Iterable[str], delimiter: str) -> Iterator[Record]:
    r"""The records of delimited text, given as lines with their ends.

    >>> [record.values for record in split(["a,b\n", "1,\n", '"2', '3",""\n'], ",")]
    [['a', 'b'], ['1', None], ['23', '']]
    """
    ahead = _Ahead(lines)
    while (line := ahead.take()) is not None:
        yield _record(line, ahead, delimiter)


def fitted(record: Record, width: int) -> Record:
    """The record with `width` values, or spoilt."""
    values = record.values
    if values is None or len(values) == width:
        return record
    while len(values) > width and values[-1] is None:
        values.pop()
    if len(values) == width:
        return record
    return record._replace(values=None, reason=f"{plural(len(values), 'value')} where {width} are expected")


def shape_of(path: Path, *, delimiter: str | None, header: bool | None) -> Shape | None:
    """The shape of a UTF-8 file by its first `SNIFFED_BYTES`; None when no record is in them."""
    sample = _sample(path)
    newline = "\r" if "\r" in sample and "\n" not in sample else "\n"
    delimiter = delimiter or sniff_delimiter(sample, newline)
    records = [record for record in _whole(sample, delimiter, newline) if not record.is_blank]
    if not sample.strip() or not records:
        return None
    width = Counter(len(record.values or ()) for record in records).most_common(1)[0][0]
    titles = 0
    while titles < len(records) - 1 and _is_title(records[titles], width):
        titles += 1
    first, *rest = ([*(value or "" for value in record.values or ())] for record in records[titles:])
    header = sniff_header([first, *rest]) if header is None else header
    while len(first) > width and not first[-1].strip():
        first.pop()
    first += [""] * (width - len(first))
    return Shape(delimiter, newline, header, tuple(first if header else [""] * len(first)), records[titles].line)


def sniff_delimiter(sample: str, newline: str = "\n") -> str:
    r"""The delimiter that splits most records alike, into many columns, the first one too; else a comma.

    >>> sniff_delimiter("a;b;c\n1;2,5;3\n")
    ';'
    """

    def alike(delimiter: str) -> float:
        records = (record for record in _whole(sample, delimiter, newline) if not record.is_blank)
        widths = [len(record.values or ()) for record in records]
        width, count = Counter(widths).most_common(1)[0] if widths else (1, 0)
        if width == 1:
            return 0.0
        return count / len(widths) * (width if widths[0] == width else 1)

    best = max(DELIMITERS, key=lambda delimiter: (alike(delimiter), -DELIMITERS.index(delimiter)))
    return best if alike(best) > 0 else ","


def sniff_header(records: Sequence[Sequence[str]]) -> bool:
    """Whether the first record names the columns.

    It does not when it holds a number in every column whose other values are all numbers (or, alone in its file, holds
    numbers only); years above other numbers are names.

    >>> sniff_header([["id", "price"], ["1", "2.5"]]), sniff_header([["1", "2.5"], ["2", "3"]])
    (True, False)
    >>> sniff_header([["city", "2019", "2020"], ["Oslo", "1.5", "7"]])
    True
    """
    first, rest = records[0], [record for record in records[1:] if len(record) == len(records[0])]
    if not rest:
        return not all(_is_number(value) for value in first)
    columns = [[record[place] for record in rest if record[place]] for place in range(len(first))]
    numeric = [place for place, values in enumerate(columns) if values and all(map(_is_number, values))]
    if not numeric or not all(_is_number(first[place]) for place in numeric):
        return True
    return len(numeric) < len(first) and all(
        _YEAR.fullmatch(first[place]) and not all(map(_YEAR.fullmatch, columns[place])) for place in numeric
    )


def is_plain(path: Path, shape: Shape) -> bool:
    """Whether DuckDB's fast reader is sure to read a file as `split` does.

    It reads otherwise: spaces between a quote and a delimiter, NUL, lone CR, and mixed line ends in one column.
    """
    delimiter = shape.delimiter.encode()
    if shape.start != 1 or shape.newline == "\r" or delimiter in (b" ", b'"'):
        return False
    spaced = (delimiter + b' "', b'\n "', b'  "', b'" ' + delimiter, b'" \n', b'" \r', b'"  ', b'" "')
    returns = ends = newlines = 0
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            seen = tail + chunk
            if b"\0" in chunk or ((b' "' in seen or b'" ' in seen) and any(mark in seen for mark in spaced)):
                return False
            newlines += chunk.count(b"\n") if len(shape.names) == 1 else 0
            if b"\r" in seen:
                returns += chunk.count(b"\r")
                ends += chunk.count(b"\r\n") + (tail.endswith(b"\r") and chunk.startswith(b"\n"))
            if returns > ends + seen.endswith(b"\r"):
                return False
            tail = seen[-2:]
    mixed = bool(returns) and newlines > ends  # which matters in one column only
    return not (returns > ends or mixed or tail.endswith(b'" '))


def good_records(lines: Iterable[str], shape: Shape, spoilt: list[Record]) -> Iterator[Record]:
    """The records below the header, each with a value for every column; all others are put into `spoilt`."""
    for record in split(lines, shape.delimiter):
        yield from _judged(record, shape, spoilt)


def write_good(lines: Iterable[str], shape: Shape, spoilt: list[Record], path: Path) -> None:
    """Write what `good_records` gives as UTF-8, each record ended by LF, without looking at values."""
    ahead, ordinary = _Ahead(lines), _patterns(shape.delimiter, len(shape.names))[0]
    with path.open("w", encoding="utf-8", newline="") as out:
        while (line := ahead.take()) is not None:
            number, text = line
            if number > shape.start and ordinary.fullmatch(text) and _is_utf8(text):
                out.write(_ended(text))
                continue
            record = _record(line, ahead, shape.delimiter)
            out.writelines(_ended(good.text) for good in _judged(record, shape, spoilt))


def _judged(record: Record, shape: Shape, spoilt: list[Record]) -> Iterator[Record]:
    """The record if it is good; `spoilt` has it if it is bad, and nothing if it is a blank line or the header."""
    width = len(shape.names)
    if (record.is_blank and width > 1) or (shape.header and record.line == shape.start):
        return
    checked = fitted(record, width)
    if record.line < shape.start:
        checked = record._replace(values=None, reason="stands above the header")
    elif not _is_utf8(record.text):
        checked = record._replace(values=None, reason="bytes that are no text")
    if checked.values is None:
        spoilt.append(checked)
    else:
        yield checked


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def lines_of(path: Path, newline: str) -> io.TextIOWrapper:
    """The lines of a UTF-8 file; bytes that are not UTF-8 come as lone surrogates. The caller closes it."""
    return path.open(encoding="utf-8", errors="surrogateescape", newline=newline)


@cache
def _patterns(delimiter: str, width: int | None = None) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A record that is one line with nothing odd about it, of `width` values if given; and one value of it.

    No group in it is possessive: before Python 3.11.5 the search goes on amid what such a group has not matched
    (CPython's issue 106052).
    """
    mark = re.escape(delimiter)
    value = rf'(?:"[^"]*+(?:""[^"]*+)*"(?!")|(?!")[^{mark}\r\n]*+)'
    times = "*" if width is None else f"{{{width - 1}}}"
    return re.compile(rf"{value}(?:{mark}{value}){times}(?:\r?\n)?"), re.compile(rf"(?:^|{mark})({value})")


def _record(line: tuple[int, str], ahead: _Ahead, delimiter: str) -> Record:
    number, text = line
    if '"' not in text:
        return Record(number, text, [value or None for value in _body(text).split(delimiter)])
    whole, value = _patterns(delimiter)
    if whole.fullmatch(text):
        return Record(number, text, [_meant(found) for found in value.findall(text)])
    return _quoted(line, ahead, delimiter)


def _meant(value: str) -> str | None:
    return value[1:-1].replace('""', '"') if value[:1] == '"' else value or None


class _Ahead:
    """Lines with their numbers, which can be given back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._number = 0
        self._back: deque[tuple[int, str]] = deque()

    def take(self) -> tuple[int, str] | None:
        if self._back:
            return self._back.popleft()
        text = next(self._lines, None)
        if text is None:
            return None
        self._number += 1
        return self._number, text

    def give_back(self, lines: Sequence[tuple[int, str]]) -> None:
        self._back.extendleft(reversed(lines))


def _quoted(first: tuple[int, str], ahead: _Ahead, delimiter: str) -> Record:
    taken, text, place = [first], first[1], 0
    values: Values = []

    def spoilt(reason: str) -> Record:
        ahead.give_back(taken[1:])
        return Record(*first, None, reason)

    while True:
        if text.startswith('"', place):
            parts, place, length = [], place + 1, 0
            while not (close := _CLOSE.match(text, place)):
                parts.append(text[place:])
                length += len(text)
                following = ahead.take() if length < LONGEST_RECORD_CHARACTERS else None
                if following is None:
                    return spoilt("a quote is never closed")
                taken.append(following)
                text, place = following[1], 0
            values.append("".join([*parts, close[1]]).replace('""', '"'))
            place = close.end()
        else:
            end = text.find(delimiter, place)
            end = end if end >= 0 else len(_body(text))
            values.append(text[place:end] or None)
            place = end
        if text.startswith(delimiter, place):
            place += len(delimiter)
        elif text[place:] in ("", "\n", "\r\n", "\r"):
            return Record(first[0], "".join(line for _, line in taken), values)
        else:
            return spoilt("text follows a closing quote")


def _body(text: str) -> str:
    if text.endswith("\r\n"):
        return text[:-2]
    return text[:-1] if text.endswith(("\n", "\r")) else text


def _ended(text: str) -> str:
    """The record ended by LF; by CRLF after a CR that is text, which LF would make part of the end."""
    body = _body(text)
    return body + ("\r\n" if body.endswith("\r") else "\n")


def _sample(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(SNIFFED_BYTES)
    text = raw.decode("utf-8", "replace")
    if len(raw) < SNIFFED_BYTES:
        return text
    end = max(text.rfind("\n"), text.rfind("\r") if "\n" not in text else -1)
    return text[: end + 1] or text


def _whole(sample: str, delimiter: str, newline: str) -> list[Record]:
    lines = io.StringIO(sample, newline=newline)
    return [record for record in split(lines, delimiter) if record.values is not None]


def _is_title(record: Record, width: int) -> bool:
    return width > 1 and (len(record.values or ()) == 1 or bool(_SEPARATOR_LINE.fullmatch(_body(record.text))))


def _is_number(value: str) -> bool:
    return bool(_NUMBER.fullmatch(value.strip()))
