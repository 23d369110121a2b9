"""On which line of a file a record stands: looked up when somebody asks, so that reading stays fast."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from blocks.scratch import scratch
from blocks.sources.delimited import good_records, lines_of, shape_of
from blocks.sources.encodings import as_utf8
from blocks.sources.formats import format_in, format_of, plain_file
from blocks.sources.options import FileOptions
from blocks.sources.pieces import OpenFile
from blocks.staging import connected


def line_of(file: Path, number: int, options: FileOptions) -> int | None:
    """The line on which the record begins that is the `number`th row (from 1); None where lines mean nothing."""
    with scratch() as folder, connected() as tables:
        plain = plain_file(file, folder / "plain", str(file))
        if (options.format or format_in(plain) or format_of(file)) != "csv":
            return None
        opened = OpenFile(tables, file.name, str(file), file, plain, 0, folder)
        text, _encoding = as_utf8(opened, options.encoding, [])
        shape = shape_of(text, delimiter=options.delimiter, header=options.header)
        if shape is None:
            return None
        with lines_of(text, shape.newline) as lines:
            record = next(islice(good_records(lines, shape, []), number - 1, None), None)
    return record.line if record else None
