"""Tables of old and new values as files: written out for the pilot, read back with the pilot's corrections."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tasks.edits import Line
from tasks.quality.errors import AnswerError, did_you_mean
from tasks.quality.spreadsheet import escaped, unescaped
from tasks.quality.universal import not_replaced
from tasks.quality.wording import plural

HEADER = ("old", "new", "rows")
COUNTS = ("rows", "n")
"""Names of the column of counts; it is for reading only."""


def table_csv(lines: Iterable[Line], *, raw: bool = False) -> str:
    """A table as CSV: old, new (nothing empties the cell) and rows; safe to open in a spreadsheet unless `raw`."""
    safe = str if raw else escaped
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows((safe(line.old), safe(line.new or ""), line.rows) for line in lines)
    return file.getvalue()


def corrections(path: Path, table: Mapping[str, str | None], *, personal: bool = False) -> dict[str, object]:
    """The edits that make a table what a corrected file says: lines left out are excluded, new targets are changes.

    Args:
        path: of the file.
        table: old value → new value.
        personal: whether no value is to be quoted.

    Raises:
        AnswerError: the file cannot be read or does not fit the table; says in which line, and what would.
    """
    wanted = dict(_read(path, table, personal=personal))
    exclude = [old for old in table if old not in wanted]
    change = {old: new for old, new in wanted.items() if new != (table[old] or None)}
    return {"exclude": exclude, "change": change}


def _read(path: Path, table: Mapping[str, str | None], *, personal: bool) -> Iterator[tuple[str, str | None]]:
    seen: dict[str, int] = {}
    for number, written, new in _lines(path):
        old = written if written in table and unescaped(written) not in table else unescaped(written)
        where = f"{path}, line {number}"
        if old in seen:
            told = "this value" if personal else f"'{old}'"
            raise AnswerError(f"{told} is in line {seen[old]} already", where=where, todo="keep one")
        if old not in table:
            raise not_replaced(old, table, where, personal=personal)
        seen[old] = number
        yield old, new or None


def _lines(path: Path) -> Iterator[tuple[int, str, str]]:
    records = csv_records(path)
    _number, header = next(records, (1, []))
    old, new = _places(path, header)
    for number, record in records:
        check_width(path, number, record, max(old, new) + 1)
        yield number, record[old], unescaped(record[new])


def _places(path: Path, header: Sequence[str]) -> tuple[int, int]:
    names = [name.strip().lower() for name in header]
    for name in ("old", "new"):
        if name not in names:
            todo = did_you_mean(name, names) or "the first line names the columns: old,new"
            raise AnswerError(f"no column '{name}'", where=f"{path}, line 1", available=header, todo=todo)
    if unknown := [name for name in names if name not in (*HEADER, *COUNTS)]:
        raise AnswerError(f"unknown column '{unknown[0]}'", where=f"{path}, line 1", available=HEADER)
    return names.index("old"), names.index("new")


def csv_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The records of a CSV file in UTF-8, each with the number of the line in which it begins; empty lines left out.

    Raises:
        AnswerError: it cannot be read; says in which line.
    """
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    before = 0
    try:
        for record in reader:
            number, before = before + 1, reader.line_num
            if record:
                yield number, record
    except csv.Error as error:
        raise AnswerError(f"this is not CSV: {error}", where=f"{path}, line {reader.line_num}") from error


def check_width(path: Path, number: int, record: Sequence[str], width: int) -> None:
    """Raise when a record has too few fields.

    Raises:
        AnswerError: says in which line.
    """
    if len(record) < width:
        what = f"{plural(len(record), 'field')} where {width} are needed"
        raise AnswerError(what, where=f"{path}, line {number}", todo="quote values that hold commas")


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise AnswerError(f"cannot read {path}: {error.strerror}", todo="check the path") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise AnswerError("this is not UTF-8", where=f"{path}, line {line}", todo="save it as UTF-8 CSV") from error
