"""What the beginning of a file tells, of whatever format, whole or cut off."""

from __future__ import annotations

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from blocks.sources import FileSource
from blocks.sources.beginning import BEGINNING_BYTES, Beginning, told_by
from tasks.quality.errors import SourceError

CSV = b"id,city\n" + "1,Köln\n".encode() * 200_000
RECORDS = [{"id": n, "city": "Köln"} for n in range(60_000)]
SPACED = json.dumps(RECORDS, ensure_ascii=False).encode()
LINES = b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in RECORDS)


def parquet(rows: int) -> bytes:
    out = io.BytesIO()
    pq.write_table(
        pa.table({"id": range(rows), "city": ["Köln"] * rows}), out, compression="none", use_dictionary=False
    )
    return out.getvalue()


def told(name: str, content: bytes, **options) -> str:
    return told_by(Beginning(content[:BEGINNING_BYTES], name, f"/in/{name}"), FileSource(path=name, **options))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", CSV[:22], "csv, 2 rows with 2 columns: id, city"),
        ("a.csv", CSV, "csv, its first 1,048,576 bytes are 131,071 rows with 2 columns: id, city"),
        ("a.csv.gz", gzip.compress(CSV), "csv, its first 1,048,576 bytes are 131,071 rows with 2 columns: id, city"),
        (
            "a.csv.zst",
            zstandard.compress(CSV),
            "csv, its first 1,048,576 bytes are 131,071 rows with 2 columns: id, city",
        ),
        ("a.csv", b"id,city\n1,Bonn\n2\n3,Ulm\n", "csv, 2 rows with 2 columns: id, city; 1 other cannot be read, and"),
        ("a.json", b'[{"id": 1}, {"id": 2}]', "json, 2 rows with 1 column: id"),
        ("a.json", SPACED, "json, its first record with 2 columns: id, city"),
        ("a.ndjson", LINES, "ndjson, its first 1,048,576 bytes are 34,183 rows with 2 columns: id, city"),
        ("a.parquet", parquet(2), "parquet, 2 rows with 2 columns: id, city"),
        ("a.parquet", parquet(200_000), "it begins as parquet does; what is in it shows once it is fetched wholly"),
        ("a.dat", parquet(2), "parquet, 2 rows with 2 columns: id, city"),
    ],
)
def test_a_file_that_can_be_read_is_told_with_its_columns(name, content, said):
    assert told(name, content).startswith(said)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", r"the file is empty \(0 bytes\) in /in/a.csv; export it again"),
        ("a.md", b"# notes", r"cannot tell the format of 'a.md' in /in/a.md; readable are .csv"),
        ("a.parquet", CSV, "'a.parquet' does not begin as parquet does"),
        ("a.parquet", b"no parquet", "is not Parquet"),
        ("a.json", b"<html>" * 200_000, "is not JSON"),
        ("a.csv.gz", gzip.compress(CSV)[:20] + b"x" * 3000, "damaged gz file"),
        ("a.ndjson", b"no\njson\n", "none of 2 records can be read: line 1: not JSON"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_the_reason(name, content, said):
    with pytest.raises(SourceError, match=said):
        told(name, content)


def test_records_that_are_named_are_looked_for():
    content = b'{"meta": {"n": 2}, "data": ' + SPACED + b"}"
    assert told("a.json", content, records="data") == "json, its first record with 2 columns: id, city"
    assert told("a.csv", CSV, format="csv", header=False).endswith("columns: column_1, column_2")


def test_a_beginning_that_ends_within_a_quoted_value_tells_of_no_line_that_cannot_be_read():
    long = b'1,"' + b"a line\n" * 20_000 + b'"\n'
    assert told("a.csv", b"id,note\n" + long * 10) == (
        "csv, its first 1,048,576 bytes are 7 rows with 2 columns: id, note"
    )
