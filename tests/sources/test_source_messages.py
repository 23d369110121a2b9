"""Messages become rows exactly as they say, or go to quarantine with their bytes; nothing is lost, nothing is twice."""

import json

import pyarrow.parquet as pq
import pytest
from confluent_kafka import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.sources import Reading
from blocks.sources.messages import Landing, Wanted, csv_decoder, json_decoder, staged
from blocks.sources.stream import shared
from blocks.staging import Staging
from tasks.quality.errors import NothingNew, SourceError

KEEP = ("message_key", "message_time", "message_headers")


def message(offset, value, key=None, headers=None, at=(1, 1_767_225_600_123)):
    value = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return Message(topic="t", partition=0, offset=offset, value=value, key=key, headers=headers, timestamp=at)


def messages(values):
    return [message(offset, value) for offset, value in enumerate(values)]


def land(folder, found, until=None, place="t/0", **more):
    folder.mkdir(exist_ok=True)
    landing = Landing(folder, ("t/0", "t/1"), {"t/0": 0, "t/1": 0}, binary=more.pop("binary", False), json=True)
    with landing.writing():
        landing.add(place, list(found), until)
    return landing


def read(tmp_path, landing, decode="json", *, engine=True, keep=()):
    decode = json_decoder(flatten=True) if decode == "json" else decode
    run = f"r{len(list(tmp_path.glob('staging/*')))}"
    reading = Reading(Staging(str(tmp_path / "staging")), run, "p", tmp_path)
    return staged(landing, {"t": "id"}, Wanted(decode, engine and decode is not None, tuple(keep), "topic t"), reading)


def rows(batch):
    return [{k: v for k, v in row.items() if k != "_row"} for row in pq.read_table(batch.snapshot.uri).to_pylist()]


def quarantined(batch):
    return [tuple(row.values()) for row in pq.read_table(batch.quarantine).to_pylist()]


def rows_of(tmp_path, values, **more):
    return rows(read(tmp_path, land(tmp_path / "landing", messages(values)), **more))


NUMBERS = ["0", "-0", "7", "1.5", "1.50", "10", "10.0", "1e5", "1E+2", "0.00001", "-12.3e-4"]
NUMBERS += ["123456789012345678901234567890", "0.1234567890123456789"]


@pytest.mark.parametrize("engine", [True, False])
def test_every_value_is_the_text_it_was(tmp_path, engine):
    others = ['""', '"a\\u0041 \\"q\\" \\n"', "true", "false", "null", '"x: 1.50, y"', '"12.50"', '"é🙂"']
    values = [f'{{"a": {value}}}' for value in NUMBERS + others]
    found = [row["a"] for row in rows_of(tmp_path, values, engine=engine)]
    assert found == [*NUMBERS, "", 'aA "q" \n', "true", "false", None, "x: 1.50, y", "12.50", "é🙂"]


_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True, allow_infinity=True), st.text(max_size=8),
    st.decimals(allow_nan=False, allow_infinity=False, places=2).map(lambda d: f"{d:f}"), st.sampled_from(NUMBERS),
)  # fmt: skip
_keys = st.text("aAbB_ .-1é\"\\*$'", min_size=1, max_size=4)


@settings(max_examples=25)
@given(st.lists(st.dictionaries(_keys, _scalars, min_size=1, max_size=4), min_size=1, max_size=12))
def test_the_engine_decodes_as_we_do_one_by_one(tmp_path_factory, records):
    tmp_path = tmp_path_factory.mktemp("read")
    values = [json.dumps(record, ensure_ascii=bool(n % 2)) for n, record in enumerate(records)]
    landing = land(tmp_path / "landing", messages(values))
    fast, slow = read(tmp_path, landing), read(tmp_path, landing, engine=False)
    assert rows(fast) == rows(slow)
    assert fast.snapshot.columns == slow.snapshot.columns
    assert fast.snapshot.fingerprint == slow.snapshot.fingerprint


def test_objects_in_objects_become_columns_and_lists_stay_json(tmp_path):
    values = ['{"id": 1, "at": {"city": "Kiel", "geo": {"lat": 54.30}}, "tags": [1, "b", 2.0]}', '{"at": {}, "id": 2}']
    assert rows_of(tmp_path, values) == [
        {"id": "1", "at.city": "Kiel", "at.geo.lat": "54.30", "tags": '[1,"b",2.0]', "at": None},
        {"id": "2", "at.city": None, "at.geo.lat": None, "tags": None, "at": None},
    ]


BAD = {
    "not UTF-8": b'{"a": "\xff"}',
    "not JSON": b'{"a": 1',
    "not JSON: the key 'a' stands twice": b'{"a": 1, "a": 2}',
    "the name 'a.b' stands for two values": b'{"a": {"b": 1}, "a.b": 2}',
    "not an object": b"[1]",
}


@pytest.mark.parametrize("reason", BAD)
def test_what_cannot_be_decoded_is_quarantined_with_its_bytes(tmp_path, reason):
    batch = read(tmp_path, land(tmp_path / "landing", messages(['{"id": 1}', BAD[reason], '{"id": 2}'])))
    assert [row["id"] for row in rows(batch)] == ["1", "2"]
    ((origin, offset, raw, told),) = quarantined(batch)
    assert (origin, offset, raw) == ("t/0", 1, BAD[reason])
    assert told.startswith(reason)
    assert [(o.name, o.first_row, o.rows, o.quarantined) for o in batch.origins] == [("t/0", 0, 2, 1)]


def test_a_tombstone_is_quarantined_with_its_key(tmp_path):
    batch = read(tmp_path, land(tmp_path / "landing", [message(0, '{"id": 1}'), message(1, None, key=b"k7")]))
    assert quarantined(batch) == [("t/0", 1, b"", "a tombstone: no value for the key 'k7'")]


def test_only_tombstones_are_nothing_new_and_only_bad_messages_are_an_error(tmp_path):
    with pytest.raises(NothingNew, match="2 tombstones and no record"):
        read(tmp_path, land(tmp_path / "landing", [message(0, None), message(1, None)]))
    with pytest.raises(SourceError, match=r"none of 1 message can be decoded: not JSON.*set 'format'"):
        read(tmp_path, land(tmp_path / "other", [message(0, "x,y")]))


def test_key_time_and_headers_are_columns_where_messages_have_them(tmp_path):
    found = [
        message(0, '{"id": 1}', key=b"a", headers=[("trace", b"x"), ("hop", b"1"), ("hop", b"\xff")]),
        message(1, '{"message_key": 2}', key=b"\xff\x00", at=(0, 0)),
    ]
    batch = read(tmp_path, land(tmp_path / "landing", found), keep=KEEP)
    headers = '{"trace": "x", "hop": ["1", "ff"]}'
    assert [tuple(row.values()) for row in rows(batch)] == [
        ("1", None, "a", "2026-01-01T00:00:00.123Z", headers),
        (None, "2", "ff00", None, None),
    ]
    assert batch.snapshot.columns == ("id", "message_key", "message_key_2", "message_time", "message_headers")
    assert batch.renames == (("message_key", "message_key_2"),)
    bare = read(tmp_path, land(tmp_path / "other", [message(0, '{"id": 1}', at=(0, 0))]), keep=KEEP)
    assert bare.snapshot.columns == ("id",)


def test_text_is_one_column_and_csv_has_the_columns_that_are_named(tmp_path):
    assert rows_of(tmp_path, ["a b", "", "é"], decode=None) == [{"message": "a b"}, {"message": ""}, {"message": "é"}]
    values = ['1,"a, b"\r\n', "2,", "3", "4,x\n5,y", '"']
    batch = read(tmp_path, land(tmp_path / "csv", messages(values)), decode=csv_decoder(["id", "name"], ","))
    assert rows(batch) == [{"id": "1", "name": "a, b"}, {"id": "2", "name": None}]
    assert [told for *_, told in quarantined(batch)] == [
        "1 value, 2 are expected",
        "2 records, 1 is expected",
        "not CSV: unexpected end of data",
    ]


def test_each_message_lands_once_in_the_order_of_partitions_and_offsets(tmp_path):
    landing = land(tmp_path / "landing", messages(f'{{"n": {n}}}' for n in range(5)))
    with landing.writing():
        landing.add("t/1", [message(0, '{"n": 90}'), message(2, '{"n": 92}'), message(2, '{"n": 92}')], None)
        landing.add("t/0", [message(n, f'{{"n": {n}}}') for n in (3, 4, 5, 5, 6, 4, 9)], 9)
    again = Landing(tmp_path / "landing", ("t/0", "t/1"), {"t/0": 0, "t/1": 0}, binary=False, json=True)
    assert (again.next, again.counts) == (landing.next, landing.counts) == ({"t/0": 7, "t/1": 3}, {"t/0": 7, "t/1": 2})
    batch = read(tmp_path, again)
    assert [row["n"] for row in rows(batch)] == ["0", "1", "2", "3", "4", "5", "6", "90", "92"]
    places = [tuple(row.values()) for row in pq.read_table(batch.places).to_pylist()]
    assert places == [*((n, "t/0", str(n)) for n in range(7)), (7, "t/1", "0"), (8, "t/1", "2")]
    assert [(o.name, o.first_row, o.rows) for o in batch.origins] == [("t/0", 0, 7), ("t/1", 7, 2)]


def test_rows_follow_one_another_where_messages_between_them_are_quarantined(tmp_path):
    landing = land(tmp_path / "landing", messages(['{"n": 0}', "?", '{"n": 2}']))
    with landing.writing():
        landing.add("t/1", messages(["?", '{"n": 91}']), None)
    batch = read(tmp_path, landing)
    assert pq.read_table(batch.snapshot.uri).to_pylist() == [
        {"_row": i, "n": n} for i, n in enumerate(("0", "2", "91"))
    ]
    assert [(o.first_row, o.rows, o.quarantined) for o in batch.origins] == [(0, 2, 1), (2, 1, 1)]


@pytest.mark.parametrize("waiting", [{}, {"a": 0}, {"a": 7, "b": 0, "c": 100}, {"a": 1, "b": 1, "c": 1, "d": 900}])
@pytest.mark.parametrize("most", [1, 2, 10, 5000])
def test_a_bound_is_shared_by_all_partitions(most, waiting):
    share = shared(most, waiting)
    assert share.keys() == waiting.keys()
    assert sum(share.values()) == min(most, sum(waiting.values()))
    assert all(0 <= share[place] <= waiting[place] for place in waiting)
