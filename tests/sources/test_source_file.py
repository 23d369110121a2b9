"""A file source stages every value as the text it was, quarantines what is no record, and says what it can't."""

import codecs
import csv
import datetime as dt
import gzip
import io
import json
import os
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import duckdb
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from blocks.sources import Batch, FileSource, Reading
from blocks.sources.delimited import Shape, fitted, is_plain, lines_of, shape_of, sniff_delimiter, split
from blocks.sources.encodings import sniff_encoding
from blocks.staging import Staging, connected
from tasks.quality.errors import SourceError, Unavailable

SHARED = Path("/work/shared")


class Reader:
    """Reads files that are written into one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs, self.told = folder, 0, []

    def put(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, path: str | Path = "a.csv", content: bytes | str | None = None, **settings: object) -> Batch:
        if content is not None:
            self.put(str(path), content)
        self.runs += 1
        source = FileSource(path=str(path), **settings)
        return source.read(
            Reading(Staging(str(self.folder / "staging")), f"r{self.runs}", "orders", self.folder, self._progress)
        )

    def _progress(self, *told: object) -> None:
        self.told.append(told)


@pytest.fixture
def files(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def cells(batch: Batch) -> list[tuple[str | None, ...]]:
    table = duckdb.sql(f"SELECT * FROM read_parquet('{batch.snapshot.uri}')")
    assert table.columns == ["_row", *batch.snapshot.columns]
    assert [str(type) for type in table.types] == ["BIGINT"] + ["VARCHAR"] * len(batch.snapshot.columns)
    rows = table.fetchall()
    assert [row[0] for row in rows] == list(range(batch.snapshot.rows))
    return [row[1:] for row in rows]


def quarantined(batch: Batch) -> list[tuple[str, int, bytes, str]]:
    if not batch.quarantine:
        assert batch.quarantined == 0
        return []
    rows = duckdb.sql(f"SELECT origin, line, bytes, reason FROM read_parquet('{batch.quarantine}')").fetchall()
    assert len(rows) == batch.quarantined
    return rows


# --- delimited text: what comes through ---------------------------------------------------------------------------


def test_nothing_is_null_but_quoted_nothing_is_empty_and_null_words_are_text(files):
    batch = files.read(content='a,b,c\n,"",NA\nNULL,None," "\n')
    assert cells(batch) == [(None, "", "NA"), ("NULL", "None", " ")]


def test_numbers_keep_their_spelling(files):
    assert cells(files.read(content="a,b\n007,1.50\n1e5,+3\n")) == [("007", "1.50"), ("1e5", "+3")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_sniffed(files, delimiter):
    content = "id,name,price\n1,x,2.5\n2,y,3.5\n".replace(",", delimiter)
    assert cells(files.read(content=content)) == [("1", "x", "2.5"), ("2", "y", "3.5")]


def test_a_decimal_comma_does_not_hide_the_semicolon(files):
    assert files.read(content="a;b;c\n1,5;2,5;3,5\n2,5;1,5;4,5\n").snapshot.columns == ("a", "b", "c")


def test_one_column_needs_no_delimiter_and_a_blank_line_in_it_is_null(files):
    assert cells(files.read(content='name\nAda\n\n""\nBob\n')) == [("Ada",), (None,), ("",), ("Bob",)]


def test_blank_lines_between_records_are_nothing(files):
    assert cells(files.read(content="a,b\n1,2\n\n\n3,4\n\n")) == [("1", "2"), ("3", "4")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_line_end_is_understood(files, end):
    assert cells(files.read(content=f"a,b{end}1,2{end}3,4{end}")) == [("1", "2"), ("3", "4")]


def test_mixed_line_ends_and_a_missing_last_one_are_understood(files):
    assert cells(files.read(content="a,b\r\n1,2\n3,4\r\n5,6")) == [("1", "2"), ("3", "4"), ("5", "6")]


def test_quoted_values_keep_newlines_delimiters_and_quotes(files):
    batch = files.read(content='a,b\r\n1,"x\r\ny, ""z"""\r\n2,"p\nq"\r\n')
    assert cells(batch) == [("1", 'x\r\ny, "z"'), ("2", "p\nq")]


def test_a_quote_inside_a_value_and_a_lone_carriage_return_are_text(files):
    assert cells(files.read(content='a,b\n1,5" pipe\n2,x\ry\n')) == [("1", '5" pipe'), ("2", "x\ry")]


@pytest.mark.parametrize("bad", ["", "bad\n"])
def test_a_carriage_return_at_the_end_of_a_value_is_text(files, bad):
    assert cells(files.read(content=f"a,b\n1,x\r\r\n{bad}2,y\n3,z\r\r")) == [("1", "x\r"), ("2", "y"), ("3", "z\r")]


def test_nul_is_text(files):
    assert cells(files.read(content="name,note\nAda,x\0y\nBob,plain text\n")) == [
        ("Ada", "x\0y"),
        ("Bob", "plain text"),
    ]


def test_spaces_are_kept(files):
    assert cells(files.read(content="a,b\n x , \n")) == [(" x ", " ")]


def test_cells_of_many_megabytes_are_read(files):
    big = "x" * 10_000_000 + "\n" + "y" * 1_000_000
    assert cells(files.read(content=f'a,b\n1,"{big}"\n2,3\n')) == [("1", big), ("2", "3")]


def test_a_large_cell_of_many_lines_next_to_a_bad_line_is_read(files):
    big = "\n".join(["some text, and more"] * 100_000)
    quoted = big.replace('"', '""')
    batch = files.read(content=f'a,b\n1,"{quoted}"\n2\n3,4\n')
    assert cells(batch) == [("1", big), ("3", "4")]
    assert [(line, raw) for _, line, raw, _ in quarantined(batch)] == [(100_002, b"2")]


def test_hundreds_of_columns_are_read(files):
    names = [f"column {number}" for number in range(700)]
    content = ",".join(names) + "\n" + ",".join(map(str, range(700))) + "\n"
    batch = files.read(content=content)
    assert batch.snapshot.columns == tuple(names)
    assert cells(batch) == [tuple(map(str, range(700)))]


def test_markup_sql_emoji_and_formulas_are_only_text(files):
    values = [
        "<script>alert(1)</script>",
        "**bold** [x](javascript:x)",
        "'; DROP TABLE t; --",
        "🙂 é",
        "=1+1",
        "{{ x }}",
    ]
    out = io.StringIO()
    csv.writer(out).writerows([["a", "b"], *([value, value] for value in values)])
    assert cells(files.read(content=out.getvalue())) == [(value, value) for value in values]


# --- delimited text: names ----------------------------------------------------------------------------------------


def test_names_that_cannot_be_kept_are_renamed_and_told(files):
    batch = files.read(content="a,a,,_row,order by,A, b \n1,2,3,4,5,6,x\n")
    assert batch.snapshot.columns == ("a", "a_2", "column_3", "_row_source", "order by", "A_3", "b")
    assert batch.renames == (("a", "a_2"), ("", "column_3"), ("_row", "_row_source"), ("A", "A_3"), (" b ", "b"))
    assert cells(batch) == [("1", "2", "3", "4", "5", "6", "x")]


@pytest.mark.parametrize("name", ['say ""hi""', "x'; DROP TABLE t; --", "a\nb", "é🙂", "select", "%s {0}"])
def test_any_text_can_be_a_name(files, name):
    batch = files.read(content=f'"{name}",b\n1,x\n')
    assert batch.snapshot.columns == (name.replace('""', '"'), "b")
    assert cells(batch) == [("1", "x")]


def test_numbers_above_numbers_are_no_header(files):
    batch = files.read(content="1,2.5\n3,4\n")
    assert batch.snapshot.columns == ("column_1", "column_2")
    assert cells(batch) == [("1", "2.5"), ("3", "4")]
    assert any("no header" in note for note in batch.notes)


def test_years_above_numbers_are_a_header(files):
    assert files.read(content="city,2019,2020\nOslo,1.5,7\n").snapshot.columns == ("city", "2019", "2020")


@pytest.mark.parametrize(("header", "rows"), [(True, 1), (False, 2)])
def test_whether_there_is_a_header_can_be_said(files, header, rows):
    assert files.read(content="1,2\n3,4\n", header=header).snapshot.rows == rows


def test_a_title_above_the_header_goes_to_quarantine(files):
    batch = files.read(content="Sales report\n\nid,name,price\n1,x,2\n2,y,3\n")
    assert batch.snapshot.columns == ("id", "name", "price")
    assert cells(batch) == [("1", "x", "2"), ("2", "y", "3")]
    assert quarantined(batch) == [("a.csv", 1, b"Sales report", "stands above the header")]


def test_a_spreadsheet_separator_line_is_no_header(files):
    batch = files.read(content="sep=;\na;b\n1;2\n3;4\n")
    assert (batch.snapshot.columns, cells(batch)) == (("a", "b"), [("1", "2"), ("3", "4")])


def test_a_delimiter_at_the_end_of_every_line_but_the_header_costs_nothing(files):
    assert cells(files.read(content="a,b\n1,2,\n3,4,\n"))[0][:2] == ("1", "2")


@pytest.mark.parametrize("content", ["a,b\n", "a,b", '"a","b"\r\n'])
def test_a_header_alone_is_a_table_without_rows(files, content):
    batch = files.read(content=content)
    assert (batch.snapshot.columns, cells(batch)) == (("a", "b"), [])


# --- delimited text: what goes to quarantine ----------------------------------------------------------------------


def test_lines_with_too_few_or_too_many_values_are_quarantined_with_their_bytes(files):
    batch = files.read(content="a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert cells(batch) == [("1", "2"), ("7", "8")]
    assert quarantined(batch) == [
        ("a.csv", 3, b"3", "1 value where 2 are expected"),
        ("a.csv", 4, b"4,5,6", "3 values where 2 are expected"),
    ]
    assert batch.rows_read == 4


def test_empty_values_beyond_the_last_column_are_no_reason_for_quarantine(files):
    assert cells(files.read(content="a,b\n1,2\n3,4,,\n5,6\n")) == [("1", "2"), ("3", "4"), ("5", "6")]


@pytest.mark.parametrize("bad", ['1,"x', '1,"x"y', '"1,x', '1,"x" '])
@pytest.mark.parametrize("after", ["2,3\n4,5\n", '2,3\n4,"5"\n', "2,3\n4,5"])
def test_a_bad_quote_spoils_its_own_line_only(files, bad, after):
    batch = files.read(content=f"a,b\n{bad}\n{after}")
    assert cells(batch) == [("2", "3"), ("4", "5")]
    assert [(line, raw) for _, line, raw, _ in quarantined(batch)] == [(2, bad.encode())]


def test_line_numbers_count_the_lines_inside_quotes(files):
    batch = files.read(content='a,b\n1,"x\ny\nz"\nbad\n3,4\n')
    assert [(line, raw) for _, line, raw, _ in quarantined(batch)] == [(5, b"bad")]


def test_stray_bad_bytes_spoil_their_line_only_and_are_kept(files):
    batch = files.read(content="a,b\né,1\nü,2\n".encode() + b'x\xff,"3\n4"\n' + b"5,6\n")
    assert cells(batch) == [("é", "1"), ("ü", "2"), ("5", "6")]
    assert quarantined(batch) == [("a.csv", 4, b'x\xff,"3\n4"', "bytes that are no text")]


def test_a_file_in_which_nothing_can_be_read_says_so(files):
    with pytest.raises(SourceError, match="none of 2 records can be read: line 2: 3 values where 2 are expected"):
        files.read(content='a,b\n1,2,3\n4,"x"y\n')


# --- encodings ----------------------------------------------------------------------------------------------------

TEXT = "name,town\nMüller,Köln\nJosé,Málaga\nZoë,Besançon\n"
ROWS = [("Müller", "Köln"), ("José", "Málaga"), ("Zoë", "Besançon")]


@pytest.mark.parametrize(
    ("encoding", "found"),
    [("utf-8", ""), ("utf-8-sig", ""), ("latin-1", "cp1252"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
     ("utf-16-be", "utf-16-be"), ("utf-32", "utf-32")],
)  # fmt: skip
def test_the_encoding_is_sniffed_and_told_when_it_is_not_utf_8(files, encoding, found):
    batch = files.read(content=TEXT.encode(encoding))
    assert batch.snapshot.columns == ("name", "town")
    assert cells(batch) == ROWS
    assert batch.notes == ((f"a.csv was read as {found}",) if found else ())


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Привет мир, город Москва, улица\n" * 3, "cp1251"), ("日本語のテキスト、東京都\n" * 3, "shift_jis"),
     ("price 5 € “quoted” – dash\n" * 3, "cp1252"), ("café\n", "cp1252")],
)  # fmt: skip
def test_the_likeliest_of_the_old_encodings_is_taken(files, text, encoding):
    found = sniff_encoding(files.put("a.txt", text.encode(encoding)))
    assert codecs.lookup(found).name == codecs.lookup(encoding).name


def test_the_encoding_can_be_said(files):
    content = "a,b\nľ,ř\n".encode("cp1250")
    assert cells(files.read(content=content, encoding="cp1250")) == [("ľ", "ř")]


def test_bytes_that_the_said_encoding_has_no_sign_for_spoil_their_line_only(files):
    batch = files.read(content=b"a,b\n1,\xe9\n2,\x81\n3,x\n", encoding="cp1252")
    assert cells(batch) == [("1", "é"), ("3", "x")]
    assert quarantined(batch) == [("a.csv", 3, b"2,\x81", "bytes that are no text")]


def test_quarantine_keeps_the_bytes_of_the_files_own_encoding(files):
    batch = files.read(content="a,b\né,1\nü\n".encode("utf-16"))
    assert quarantined(batch)[0][2] == "ü".encode("utf-16-le")


def test_an_unknown_encoding_says_what_is_known(files):
    with pytest.raises(SourceError, match=r"unknown encoding 'klingon'.*utf-8.*cp1252"):
        files.read(content=TEXT, encoding="klingon")


def test_a_wrong_encoding_says_so(files):
    with pytest.raises(SourceError, match="is not utf-16"):
        files.read(content=b"a,b\n1,2\n3", encoding="utf-16")


# --- the fast way and the exact way agree -------------------------------------------------------------------------

ALPHABET = st.sampled_from(["a", "b", "é", ",", '"', "\n", " ", "\r", "\t", "\0", "🙂", "'", "\\", ";", "NA"])
VALUE = st.lists(ALPHABET, max_size=5).map("".join)


def test_a_value_may_begin_with_the_end_of_a_line_in_a_file_that_is_read_with_care(files):
    batch = files.read(content='a,b\n,"\nx\0"\n"""","\n"\n', delimiter=",", header=True, encoding="utf-8")
    assert ([tuple(row) for row in cells(batch)], batch.quarantined) == ([(None, "\nx\0"), ('"', "\n")], 0)


@settings(max_examples=150)
@given(
    rows=st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(VALUE, min_size=width, max_size=width), min_size=1, max_size=6)
    ),
    end=st.sampled_from(["\n", "\r\n"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_whatever_a_csv_writer_writes_is_read_again(files, rows, end, delimiter, quoting):
    assume(quoting == csv.QUOTE_ALL or "\r" not in str.join("", map("".join, rows)))  # which Python does not quote
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end, delimiter=delimiter, quoting=quoting)
    names = [f"h{place}" for place in range(len(rows[0]))]
    writer.writerows([names, *rows])
    batch = files.read(content=out.getvalue(), delimiter=delimiter, header=True, encoding="utf-8")
    assert batch.snapshot.columns == tuple(names)
    assert [tuple(value or "" for value in row) for row in cells(batch)] == [tuple(row) for row in rows]
    assert batch.quarantined == 0


@settings(max_examples=200)
@given(text=st.lists(ALPHABET, max_size=40).map("".join), width=st.integers(1, 3))
def test_any_text_is_read_as_the_exact_way_reads_it_and_no_line_is_lost(files, text, width):
    path = files.put("a.csv", ",".join(f"h{place}" for place in range(width)) + "\n" + text)
    shape = shape_of(path, delimiter=",", header=True)
    assert shape is not None
    wide = len(shape.names)
    with lines_of(path, shape.newline) as lines:
        records = [record for record in split(lines, ",") if wide == 1 or not record.is_blank]
    below = [fitted(record, wide)[2] for record in records if record.line > shape.start]
    whole = [tuple(values) for values in below if values is not None]
    if len(records) > 1 and not whole:
        with pytest.raises(SourceError, match="none of"):
            files.read(path, delimiter=",", header=True, encoding="utf-8")
    else:
        batch = files.read(path, delimiter=",", header=True, encoding="utf-8")
        assert cells(batch) == whole
        assert batch.quarantined == len(records) - 1 - len(whole)


@given(lines=st.lists(st.lists(ALPHABET, max_size=8).map("".join), max_size=8))
def test_records_together_are_the_whole_text(lines):
    text = "\n".join(lines)
    records = list(split(io.StringIO(text, newline="\n"), ","))
    assert "".join(record.text for record in records) == text
    assert [record.line for record in records] == sorted(record.line for record in records)


@pytest.mark.parametrize("text", ['a,b\n1, "x"\n', 'a,b\n"x" ,1\n', "a,b\n1,\0\n", "a,b\n1,x\ry\n", "\na,b\n1,2\n"])
def test_what_the_fast_way_would_read_otherwise_is_read_exactly(files, text):
    path = files.put("a.csv", text)
    shape = shape_of(path, delimiter=",", header=True)
    assert shape is not None
    assert not is_plain(path, shape)


def test_ordinary_text_is_read_fast(files):
    path = files.put("a.csv", 'a,b\r\n1,"x,""y"""\r\n')
    assert is_plain(path, Shape(",", "\n", header=True, names=("a", "b"), start=1))


def test_the_delimiter_of_one_column_is_a_comma():
    assert sniff_delimiter("name\nAda\nBob\n") == ","


# --- real files ---------------------------------------------------------------------------------------------------

REAL = sorted([*SHARED.glob("messy/*.csv"), *SHARED.glob("benchmark/*/dirty.csv")])


@pytest.mark.skipif(not REAL, reason="the shared data is not here")
@pytest.mark.parametrize("path", REAL, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_cell_of_a_real_file_is_what_pandas_reads(files, path):
    expected = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[])
    batch = files.read(path)
    assert batch.quarantined == 0
    assert batch.snapshot.columns == tuple(expected.columns)
    assert [tuple(value or "" for value in row) for row in cells(batch)] == list(
        expected.itertuples(index=False, name=None)
    )


# --- JSON ---------------------------------------------------------------------------------------------------------


def test_json_values_become_the_text_they_were(files):
    content = (
        '[{"n":1.0,"big":123456789012345678901234567890,"e":1E5,"t":true,"z":null,"s":"007","o":{"a":[1,2.50,"é"]}}]'
    )
    batch = files.read("a.json", content)
    assert batch.snapshot.columns == ("n", "big", "e", "t", "z", "s", "o")
    assert cells(batch) == [("1.0", "123456789012345678901234567890", "1E5", "true", None, "007", '{"a":[1,2.50,"é"]}')]


def test_objects_with_different_keys_are_united_in_the_order_met(files):
    batch = files.read("a.json", '[{"a":1},{"b":2,"a":3},{}]')
    assert (batch.snapshot.columns, cells(batch)) == (("a", "b"), [("1", None), ("3", "2"), (None, None)])


@pytest.mark.parametrize(
    ("content", "records"),
    [('{"count":2,"items":[{"a":1},{"a":2}]}', None), ('{"data":{"items":[{"a":1},{"a":2}]}}', "data.items"),
     ('{"a":1}\n{"a":2}\n', None)],
)  # fmt: skip
def test_json_records_are_found_inside_an_object_or_line_by_line(files, content, records):
    assert cells(files.read("a.json", content, records=records)) == [("1",), ("2",)]


def test_a_wrong_record_path_says_what_is_there(files):
    with pytest.raises(SourceError, match=r"no 'itms'.*items.*Did you mean 'items'"):
        files.read("a.json", '{"items":[{"a":1}]}', records="itms")


def test_two_lists_in_one_object_are_asked_about(files):
    with pytest.raises(SourceError, match=r"no single list of records.*available: a, b"):
        files.read("a.json", '{"a":[{"x":1}],"b":[{"x":1}]}')


def test_items_that_are_no_objects_are_quarantined(files):
    batch = files.read("a.json", '[{"a":1},7,"x",[1]]')
    assert cells(batch) == [("1",)]
    assert [(line, raw) for _, line, raw, _ in quarantined(batch)] == [(2, b"7"), (3, b'"x"'), (4, b"[1]")]


def test_lines_that_are_no_json_objects_are_quarantined(files):
    batch = files.read("a.ndjson", b'{"a":1}\nxx\n\n[1]\n{"b":"\xc3\xa9"}\n{"a":"\xff"}\n{"a":1,"a":2}\n{"a"')
    assert (batch.snapshot.columns, cells(batch)) == (("a", "b"), [("1", None), (None, "é")])
    assert [(line, raw) for _, line, raw, _ in quarantined(batch)] == [
        (2, b"xx"), (4, b"[1]"), (6, b'{"a":"\xff"}'), (7, b'{"a":1,"a":2}'), (8, b'{"a"'),
    ]  # fmt: skip


def test_half_of_a_surrogate_pair_is_spelt_out(files):
    assert cells(files.read("a.json", '[{"a":"x\\ud800"}]')) == [("x\\ud800",)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_json_in_other_encodings_is_read(files, encoding):
    assert cells(files.read("a.json", '[{"a":"é"}]'.encode(encoding))) == [("é",)]


@pytest.mark.parametrize("content", ["[]", "{not json", "[{}]", "[" * 100_000, '[{"a":1,"a":2}]'])
def test_json_without_records_says_why_not(files, content):
    with pytest.raises(SourceError):
        files.read("a.json", content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=75)
@given(values=st.lists(JSON, min_size=1, max_size=4))
def test_any_json_value_can_be_had_back_from_its_text(files, values):
    batch = files.read("a.ndjson", "\n".join(json.dumps({"v": value}) for value in values))
    for (text,), value in zip(cells(batch), values, strict=True):
        if isinstance(value, str) or value is None:
            assert text == value
        else:
            assert json.loads(text) == value


# --- Parquet and spreadsheets -------------------------------------------------------------------------------------


def test_parquet_values_become_text_and_their_types_are_told(files):
    moment = dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    table = pa.table({
        "i": pa.array([2**60, None]), "d": pa.array([dt.date(2020, 1, 2), None]), "l": [[1, 2], None],
        "z": pa.array([moment, None], pa.timestamp("us", "UTC")), "t": pa.array(["007", ""]),
        "b": pa.array([True, None]), "_row": pa.array([1.5, None]), "x": pa.array([b"\x01\xff", None]),
    })  # fmt: skip
    pq.write_table(table, files.folder / "a.parquet")
    batch = files.read("a.parquet")
    assert cells(batch) == [
        (str(2**60), "2020-01-02", "[1,2]", "2020-01-02 03:04:05+00", "007", "true", "1.5", "01FF"),
        (None, None, None, None, "", None, None, None),
    ]
    assert batch.types["i"] == "bigint"
    assert batch.renames == (("_row", "_row_source"),)


def test_a_spreadsheet_is_read_as_it_is_meant(files):
    book = openpyxl.Workbook()
    book.active.append(["i", "f", "d", "dt", "b", "s", None])
    book.active.append([1, 1.5, dt.date(2020, 1, 2), dt.datetime(2020, 1, 2, 3, 4), True, "007", "x"])
    book.create_sheet("other").append(["a"])
    book.save(files.folder / "a.xlsx")
    batch = files.read("a.xlsx")
    assert batch.snapshot.columns == ("i", "f", "d", "dt", "b", "s", "column_7")
    assert cells(batch) == [("1", "1.5", "2020-01-02", "2020-01-02T03:04:00", "true", "007", "x")]
    assert batch.notes == ("sheet 'Sheet' of Sheet, other",)
    assert files.read("a.xlsx", sheet="other").snapshot.columns == ("a",)
    with pytest.raises(SourceError, match=r"no sheet 'othr'.*Sheet, other.*Did you mean 'other'"):
        files.read("a.xlsx", sheet="othr")


@pytest.mark.parametrize("name", ["a.parquet", "a.xlsx"])
def test_a_file_that_is_not_what_its_name_says_says_so(files, name):
    with pytest.raises(SourceError, match=r"is not Parquet|is not a spreadsheet"):
        files.read(name, "a,b\n1,2\n")


# --- packing, names, folders --------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize(("name", "content"), [("a.csv", "a\n1\n"), ("a.json", '[{"a":1}]'), ("a.ndjson", '{"a":1}')])
def test_packed_text_is_unpacked(files, pack, name, content):
    ending = ".gz" if pack is gzip.compress else ".zst"
    assert cells(files.read(name + ending, pack(content.encode()))) == [("1",)]


def test_bytes_count_more_than_a_name(files):
    assert cells(files.read("a.csv", gzip.compress(b"a\n1\n"))) == [("1",)]
    assert cells(files.read("b.csv.gz", b"a\n1\n")) == [("1",)]
    duckdb.sql(f"COPY (SELECT 1 AS a) TO '{files.folder / 'c.csv'}' (FORMAT parquet)")
    assert cells(files.read("c.csv")) == [("1",)]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.json", "a.parquet", "a.xlsx"])
def test_a_file_of_no_bytes_says_so(files, name):
    with pytest.raises(SourceError, match="empty"):
        files.read(name, b"")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [("a.csv.gz", gzip.compress(b"", mtime=0), "nothing is in"),
     ("a.csv.gz", gzip.compress(b"a,b\n" * 9999, mtime=0)[:-12], "damaged gz"),
     ("a.csv.zst", zstandard.compress(os.urandom(9999))[:-99], "damaged zst"), ("a.csv", b" \n\n ", "white space"),
     ("a.csv", bytes(range(32)) * 99, "no text"), ("a.png", b"x", "cannot tell the format")],
)  # fmt: skip
def test_what_cannot_be_read_says_why(files, name, content, says):
    with pytest.raises(SourceError, match=says):
        files.read(name, content)


def test_a_missing_file_says_what_is_there(files):
    files.put("orders.csv", "a\n1\n")
    with pytest.raises(Unavailable, match=r"no file 'ordes.csv'.*orders.csv.*Did you mean 'orders.csv'"):
        files.read("ordes.csv")


def test_a_folder_without_readable_files_says_what_is_there(files):
    files.put("in/photo.png", b"x")
    with pytest.raises(SourceError, match=r"no readable file.*photo.png"):
        files.read("in")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_is_not_for_us_says_so(files):
    files.put("a.csv", "a\n1\n").chmod(0)
    with pytest.raises(Unavailable, match="not allowed"):
        files.read("a.csv")


@pytest.mark.parametrize("path", ["in", "in/*.csv", "in/**/*.csv"])
def test_files_of_a_folder_are_read_in_the_order_of_their_paths(files, path):
    files.put("in/b.csv", "a,b\n3,4\n")
    files.put("in/a.csv", "a,b\n1,2\nbad\n")
    files.put("in/.hidden.csv", "z\n9\n")
    batch = files.read(path)
    assert cells(batch) == [("1", "2"), ("3", "4")]
    assert [(origin.name, origin.first_row, origin.rows, origin.quarantined) for origin in batch.origins] == [
        ("a.csv", 0, 1, 1), ("b.csv", 1, 1, 0),
    ]  # fmt: skip
    assert [origin for origin, *_ in quarantined(batch)] == ["a.csv"]
    assert files.told[0] == ("reading a.csv", 0, 2)


def test_columns_that_a_file_lacks_are_null_there_and_told(files):
    files.put("in/1.csv", "a,b\n1,2\n")
    files.put("in/2.csv", "b,c\n3,4\n")
    batch = files.read("in")
    assert (batch.snapshot.columns, cells(batch)) == (("a", "b", "c"), [("1", "2", None), (None, "3", "4")])
    assert batch.notes == ("1.csv lacks c; null there", "2.csv lacks a; null there")


def test_brackets_and_quotes_in_a_path_are_only_characters(files):
    assert cells(files.read("o'b [1] *.csv", "a\n1\n")) == [("1",)]


# --- the contract of a source -------------------------------------------------------------------------------------


def test_reading_again_gives_the_same_bytes_and_leaves_no_scratch(files):
    source = FileSource(path=str(files.put("a.csv", "a,b\n1,2\nbad\n")))
    staging = Staging(str(files.folder / "staging"))
    left = staging.folder("r") / ".gonogo-scratch-killed"
    left.mkdir()
    first, again = (source.read(Reading(staging, "r", "orders", files.folder)) for _ in range(2))
    assert first == again
    assert sorted(path.name for path in staging.folder("r").iterdir()) == [
        "snapshot-source.json", "source.parquet", "source.quarantine.parquet",
    ]  # fmt: skip


def test_acknowledging_moves_nothing(files):
    batch = files.read(content="a\n1\n")
    reading = Reading(Staging(str(files.folder / "staging")), "r1", "orders", files.folder)
    FileSource(path="a.csv").acknowledge(batch, reading)
    assert (files.folder / "a.csv").exists()


def test_an_unknown_kind_or_setting_is_refused_with_what_is_available():
    with pytest.raises(ValidationError, match="Input should be 'file'"):
        FileSource(kind="api", path="x")
    with pytest.raises(ValidationError, match="delimeter"):
        FileSource(path="x", delimeter=";")


def test_good_lines_of_a_large_file_with_bad_ones_are_all_there_in_order(files):
    lines = [f'{number},"name, {number}",\r\n' if number % 3 else f"{number},é,x\n" for number in range(50_000)]
    lines[777], lines[40_000] = '777,"never closed\n', "40000,too few\n"
    batch = files.read(content="id,name,note\n" + "".join(lines))
    kept = [number for number in range(50_000) if number not in (777, 40_000)]
    assert [row[0] for row in cells(batch)] == [str(number) for number in kept]
    assert [line for _, line, _, _ in quarantined(batch)] == [779, 40_002]


def test_many_files_are_the_same_in_whatever_memory(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for number in range(40):
        more = {"late": "x"} if number > 30 else {}
        lines = [json.dumps({f"c{i}": f"{number} {i}" for i in range(30)} | more)] + ["no record"] * (number % 7 == 0)
        (tmp_path / "in" / f"{number:03d}.ndjson").write_text("\n".join(lines))
    monkeypatch.setenv("GONOGO_ENGINE_MEMORY", "60MB")
    source = FileSource(path="in/*.ndjson")
    many = source.read(Reading(Staging(str(tmp_path / "staging")), "many", "p", tmp_path))
    monkeypatch.setenv("GONOGO_ENGINE_MEMORY", "2GB")
    few = source.read(Reading(Staging(str(tmp_path / "staging")), "few", "p", tmp_path))
    assert (many.snapshot.fingerprint, many.snapshot.columns) == (few.snapshot.fingerprint, few.snapshot.columns)
    assert (many.origins, many.notes, many.quarantined) == (few.origins, few.notes, 6)
    assert pq.read_table(many.quarantine) == pq.read_table(few.quarantine)


def test_a_bad_line_after_many_good_ones_is_found_while_the_rows_are_written(files):
    files.put("1.csv", "id,name\n" + "".join(f"{number},good\n" for number in range(300_000)) + "7,one,too many\n")
    files.put("2.csv", "id,name\n1,good\n")
    batch = files.read("*.csv")
    assert [origin.rows for origin in batch.origins] == [300_000, 1]
    assert [line for _, line, _, _ in quarantined(batch)] == [300_002]
    assert [row[0] for row in cells(batch)] == [*map(str, range(300_000)), "1"]


def test_a_line_of_megabytes_is_read_like_any_other(files):
    batch = files.read(content=f"id,text\n1,{'long ' * 1_000_000}\n2,short\n")
    assert [len(row[1]) for row in cells(batch)] == [5_000_000, 5]
    assert batch.quarantined == 0


def test_the_bytes_do_not_depend_on_threads_or_memory(files, monkeypatch):
    lines = (f"{number},name {number % 7},{'x' * (number % 90)}\n" for number in range(200_000))
    content = "id,name,note\n" + "".join(lines)
    found = set()
    for memory, threads in (("90MB", 1), ("2GB", 4)):
        monkeypatch.setenv("GONOGO_ENGINE_MEMORY", memory)
        monkeypatch.setattr("blocks.sources.records.connected", partial(threaded, threads))
        found.add(files.read(content=content).snapshot.fingerprint)
    assert len(found) == 1


@contextmanager
def threaded(threads, memory):
    with connected(memory) as tables:
        tables.raw_sql(f"SET threads = {threads}")
        yield tables
