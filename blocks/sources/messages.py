"""Messages of a stream: landed in Parquet files as they come, then decoded into one snapshot.

JSON messages that are flat are decoded by the engine; whatever could be spelt otherwise there (nested objects, numbers
such as 1.50 or 1e5) and every other format is decoded one by one, a chunk at a time. What cannot be decoded goes to
quarantine with its bytes, its topic and partition as origin, and its offset as line.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.scratch import scratch
from blocks.sources.base import Batch, Origin, Reading, staged_names
from blocks.sources.json_values import flat, json_text, parse
from blocks.sources.pieces import strings
from blocks.staging import connected, doing, publish
from tasks.quality.errors import NothingNew, SourceError
from tasks.quality.model import ROW, Snapshot
from tasks.quality.queries import lent, quoted, text
from tasks.quality.wording import plural

if TYPE_CHECKING:
    from confluent_kafka import Message
    from ibis.backends.duckdb import Backend

Decode = Callable[[bytes], Mapping[str, str | None]]
"""A message's bytes → name → text. Raises ValueError: why they are no record."""

KEY, TIME, HEADERS, BODY = "message_key", "message_time", "message_headers", "message"
MOST_NAMES = 5000

_PART_ROWS = 100_000
_PART_BYTES = 32 << 20
_CHUNK_ROWS = 10_000
_MEMORY = "150MB"
_FLAT = r"^\s*\{[^\[{]*$"
_ODD_NUMBER = (
    r"[:,]\s*-?(?:[0-9]*\.[0-9]*0\s*[,}]|[0-9]+(?:\.[0-9]+)?[eE]|[0-9]*\.[0-9]{15}|[0-9]{15,}\.|0\.0000|0\s*[,}]|[NI])"
)
"""Numbers that the engine would spell otherwise than the message does: 1.50, 1e5, 0.00001, -0, NaN, many digits."""

_NUMBER = r"([:,]\s*)(-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|NaN|Infinity))(\s*[,}])"
_SPELT = f"""CASE WHEN odd THEN regexp_replace(text, '{_NUMBER}', '\\1"\\2"\\3', 'g') ELSE text END"""
"""A flat message with its numbers in quotes if one is odd, so that they stay as they are spelt.

What looks like a number within a string ends that string where none may end, so the message is no JSON then, and is
decoded one by one.
"""


_VALID = f"""SELECT valid, CASE WHEN valid THEN to_json(json_keys(text))::VARCHAR END AS keys
FROM (SELECT text, flat AND json_valid({_SPELT}) AS valid FROM arriving)"""
"""Whether the engine decodes a message as it is meant, and the keys of its object as JSON."""


@dataclass
class Landing:
    """The messages of one read that are here, each once; a read that was killed goes on after the last of them.

    Attributes:
        places: "topic/partition" in the order of their rows.
        begins: place → its first offset.
        next: place → the offset that is expected next.
        counts: place → messages that are here.
        binary: whether values are no text.
        json: whether the engine may decode them.
    """

    folder: Path
    places: tuple[str, ...]
    begins: Mapping[str, int]
    binary: bool
    json: bool
    next: dict[str, int] = field(init=False)
    counts: dict[str, int] = field(init=False)
    _writer: ThreadPoolExecutor = field(init=False)
    _looks: Backend | None = None
    _arrived: list[Any] = field(default_factory=list)
    _bytes: int = 0
    _rows: int = 0
    _writing: Future[None] | None = None

    def __post_init__(self) -> None:
        self.next, self.counts = dict(self.begins), dict.fromkeys(self.places, 0)
        if parts := self.parts():
            with _engine() as tables:
                query = f'SELECT tp, max("offset") + 1, count(*) FROM {_read(parts)} GROUP BY tp'
                for number, expected, count in tables.raw_sql(query).fetchall():
                    self.next[self.places[number]], self.counts[self.places[number]] = expected, count

    @property
    def total(self) -> int:
        """Messages that came so far."""
        return sum(self.counts.values())

    def parts(self) -> list[Path]:
        """The files, in the order in which they were written."""
        return sorted(self.folder.glob("part-*.parquet"))

    def add(self, place: str, messages: list[Message], until: int | None) -> int:
        """Take a partition's messages, in its order: those before `until` that are not here yet; gives their bytes."""
        import numpy as np
        from confluent_kafka import Message

        offsets = list(map(Message.offset, messages))
        late = until is not None and offsets[-1] >= until
        if offsets[0] < self.next[place] or late or (np.diff(offsets) <= 0).any():
            messages = list(_once(messages, self.next[place], until))
            offsets = list(map(Message.offset, messages))
        if not messages:
            return 0
        batch = _arrived(self.places.index(place), self.counts[place], offsets, messages, self.binary)
        size = int(batch["text"].nbytes + batch["value"].nbytes)
        self._arrived.append(batch)
        self.next[place], self.counts[place] = offsets[-1] + 1, self.counts[place] + len(messages)
        self._bytes += size
        self._rows += len(messages)
        if self._rows >= _PART_ROWS or self._bytes >= _PART_BYTES:
            self._flush()
        return size

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While messages are added; afterwards all of them are in files."""
        looks = _engine() if self.json else nullcontext()
        with looks as self._looks, ThreadPoolExecutor(max_workers=1) as self._writer:
            yield
            self._flush()
            self._wait()

    def _flush(self) -> None:
        self._wait()
        if self._arrived:
            path = self.folder / f"part-{len(self.parts()):06}.parquet"
            self._writing = self._writer.submit(_write_part, path, self._arrived, self._looks)
            self._arrived, self._bytes, self._rows = [], 0, 0

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()
            self._writing = None


def _once(messages: Iterable[Message], expected: int, until: int | None) -> Iterator[Message]:
    """The messages from the one that is expected, without those that are delivered again."""
    for message in messages:
        if message.offset() >= expected and (until is None or message.offset() < until):
            expected = message.offset() + 1
            yield message


def _arrived(place: int, seen: int, offsets: list[int], messages: list[Message], binary: bool) -> Any:  # noqa: FBT001
    """A partition's messages as a record batch; `seq` counts them from 0."""
    import numpy as np
    import pyarrow as pa
    from confluent_kafka import Message

    count, values = len(messages), list(map(Message.value, messages))
    moments = np.fromiter(chain.from_iterable(map(Message.timestamp, messages)), "int64", 2 * count).reshape(count, 2)
    times = pa.array(np.ascontiguousarray(moments[:, 1]), mask=moments[:, 0] == 0)
    body, raw = (pa.nulls(count, pa.string()), pa.array(values, pa.binary())) if binary else _texts(values)
    headers = list(map(Message.headers, messages))
    told = pa.array([each and _headers(each) for each in headers], pa.string()) if any(headers) else None
    return pa.record_batch(
        {
            "tp": pa.array(np.full(count, place, "int32")),
            "offset": pa.array(offsets, pa.int64()),
            "seq": pa.array(np.arange(seen, seen + count, dtype="int64")),
            "time": times,
            "key": _keys(list(map(Message.key, messages))),
            "headers": pa.nulls(count, pa.string()) if told is None else told,
            "text": body,
            "value": raw,
        }
    )


def _write_part(path: Path, arrived: Sequence[Any], engine: Backend | None) -> None:
    """Write what arrived, partition by partition, with what the engine makes of it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    by_place: dict[int, list[Any]] = {}
    for batch in arrived:
        by_place.setdefault(batch["tp"][0].as_py(), []).append(batch)
    partial = path.with_name(f".{path.name}.partial")
    tables = [_looked_at(pa.Table.from_batches(by_place[place]), engine) for place in sorted(by_place)]
    options: dict[str, Any] = {"compression": "lz4", "use_dictionary": ["keys"], "write_statistics": ["tp"]}
    with doing("write", path), pq.ParquetWriter(partial, tables[0].schema, **options) as writer:
        for table in tables:
            writer.write_table(table)
    publish(partial, path)


def _looked_at(table: Any, engine: Backend | None) -> Any:
    """Messages with what is to be known of them: whether the engine can decode them, how, and what keys they have."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, pattern in (("flat", _FLAT), ("odd", _ODD_NUMBER)):
        table = table.append_column(name, pc.match_substring_regex(table["text"], pattern))
    if engine is None:
        found = {"valid": pa.nulls(table.num_rows, pa.bool_()), "keys": pa.nulls(table.num_rows, pa.string())}
    else:
        with lent(engine.con, {"arriving": table.select(["text", "flat", "odd"])}):
            found = engine.con.sql(_VALID).to_arrow_table()
    for name in ("valid", "keys"):
        table = table.append_column(name, found[name])
    return table


def _texts(values: list[bytes | None]) -> tuple[Any, Any]:
    """The values as text where they are UTF-8, and the others as they are."""
    import pyarrow as pa

    try:
        return pa.array(values, pa.string()), pa.nulls(len(values), pa.binary())
    except pa.ArrowInvalid:
        good = [None if value is None or not _is_text(value) else value for value in values]
        rest = [value if known is None else None for value, known in zip(values, good, strict=True)]
        return pa.array(good, pa.string()), pa.array(rest, pa.binary())


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _keys(keys: list[bytes | str | None]) -> Any:
    """Keys as text; where they are no UTF-8, in hexadecimal."""
    import pyarrow as pa

    try:
        return pa.array(keys, pa.string())
    except pa.ArrowInvalid:
        return pa.array([_spelt(key) for key in keys], pa.string())


def _spelt(value: bytes | str | None) -> str | None:
    """Bytes as text; where they are no UTF-8, in hexadecimal.

    >>> _spelt(b"abc"), _spelt(bytes([255])), _spelt(None)
    ('abc', 'ff', None)
    """
    if not isinstance(value, bytes):
        return value
    return value.decode() if _is_text(value) else value.hex()


def _headers(headers: Sequence[tuple[str, bytes | None]]) -> str:
    """Headers as a JSON object; those of one name as a list.

    >>> _headers([("trace", b"a"), ("hop", b"1"), ("hop", b"2")])
    '{"trace": "a", "hop": ["1", "2"]}'
    """
    found: dict[str, list[str | None]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(_spelt(value))
    return json.dumps({n: each if len(each) > 1 else each[0] for n, each in found.items()}, ensure_ascii=False)


# --- decoding -------------------------------------------------------------------------------------------------


def json_decoder(*, flatten: bool) -> Decode:
    """Objects in JSON, with or without the number of a schema in front."""

    def decode(body: bytes) -> Mapping[str, str | None]:
        body = body[5:] if body[:1] == b"\0" else body
        try:
            item = parse(body.decode("utf-8"))
        except UnicodeDecodeError:
            raise ValueError("not UTF-8") from None
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not JSON: {error}") from error
        if not isinstance(item, dict):
            raise ValueError("not an object")  # noqa: TRY004  (of the message)
        return record_texts(item, flatten=flatten)

    return decode


def csv_decoder(columns: Sequence[str], delimiter: str) -> Decode:
    """One record of delimited text; what is empty is null."""

    def decode(body: bytes) -> Mapping[str, str | None]:
        try:
            lines = io.StringIO(body.decode("utf-8"), newline="")
            records = [record for record in csv.reader(lines, delimiter=delimiter, strict=True) if record]
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError("not UTF-8" if isinstance(error, UnicodeDecodeError) else f"not CSV: {error}") from error
        if len(records) != 1:
            raise ValueError(f"{plural(len(records), 'record')}, 1 is expected")
        if len(records[0]) != len(columns):
            raise ValueError(f"{plural(len(records[0]), 'value')}, {len(columns)} are expected")
        return {name: value or None for name, value in zip(columns, records[0], strict=True)}

    return decode


def record_texts(record: Mapping[str, Any], *, flatten: bool) -> dict[str, str | None]:
    """A record's values as text; objects in it as columns of their own, or as JSON."""
    return {name: json_text(value) for name, value in (flat(record) if flatten else record).items()}


@dataclass(frozen=True)
class Wanted:
    """What is to be made of messages.

    Attributes:
        decode: decodes one; None when the text itself is the record.
        engine: whether the engine may decode what it spells alike.
        keep: of KEY, TIME, HEADERS.
        where: the source in words.
    """

    decode: Decode | None
    engine: bool
    keep: tuple[str, ...]
    where: str


def staged(landing: Landing, topic_ids: Mapping[str, str], wanted: Wanted, reading: Reading) -> Batch:
    """Decode what has landed into one snapshot, in the order of partitions and offsets.

    Raises:
        NothingNew: nothing has landed but tombstones, or nothing at all.
        SourceError: no message can be decoded.
    """
    reading.progress("decoding messages", landing.total, landing.total)
    with _engine() as tables, scratch(landing.folder) as folder:
        tables.raw_sql(f"CREATE VIEW landed AS SELECT * FROM {_read(landing.parts())}")
        work = _Work(tables, folder, wanted, landing)
        work.decode()
        origins = work.origins(topic_ids)
        rows, quarantined = sum(origin.rows for origin in origins), sum(origin.quarantined for origin in origins)
        if not rows:
            raise _none_of(tables, quarantined, wanted.where)
        names, renames = staged_names(work.names)
        snapshot = work.write(reading, names, origins, renames)
        aside = {"places": work.places(origins)}
        if quarantined:
            aside["quarantine"] = work.quarantine()
        addresses = {
            what: reading.staging.write_aux(reading.run_id, f"{reading.name}.{what}", tables.sql(query))[0]
            for what, query in aside.items()
        }
    quarantine = addresses.get("quarantine", "")
    return Batch(snapshot, origins, quarantined, quarantine, renames, places=addresses["places"])


def _none_of(tables: Backend, messages: int, where: str) -> NothingNew | SourceError:
    query = 'SELECT reason FROM bad WHERE NOT tombstone ORDER BY tp, "offset" LIMIT 1'
    first = tables.raw_sql(query).fetchone()
    if first is None:
        return NothingNew(f"{messages:,} tombstones and no record", where=where)
    todo = "look at the topic, or set 'format' and 'registry'"
    return SourceError(f"none of {plural(messages, 'message')} can be decoded: {first[0]}", where=where, todo=todo)


class _Work:
    """The decoding of landed messages within one connection: `good` and `bad` are its outcome."""

    def __init__(self, tables: Backend, scratch: Path, wanted: Wanted, landing: Landing) -> None:
        self._tables, self._scratch, self._wanted, self._landing = tables, scratch, wanted, landing
        self._fields: dict[str, tuple[int, tuple[int, int]]] = {}
        self._exprs: list[str] = []
        self._bad = False
        self._mixed = True
        self.names: list[str] = []

    def decode(self) -> None:
        """Make the views `good` and `bad`."""
        if self._wanted.decode is None:
            self._fields = {BODY: (0, (0, 0))}
            good, slow = [f'SELECT {_META}, text AS "{BODY}" FROM landed WHERE text IS NOT NULL'], "text IS NULL"
        else:
            keys = self._engine_keys() if self._wanted.engine else []
            good, slow = [], "NOT coalesce(valid, false)" if keys else "true"
            paths = ", ".join(text('$."' + key + '"') for key in keys)
            fields = ", ".join(f"found[{i + 1}] AS {quoted(_column(self._place(k)))}" for i, k in enumerate(keys))
            if keys:
                found = f"json_extract_string({_SPELT}, [{paths}]) AS found"
                good = [f"SELECT {_META}, {fields} FROM (SELECT {_META}, {found} FROM landed WHERE valid)"]
        pieces = self._one_by_one(slow)
        if pieces["good"]:
            good.append(f"SELECT * FROM read_parquet({_list(pieces['good'])}, union_by_name = true)")
        none = f"SELECT {_META} FROM landed WHERE false"
        self._tables.raw_sql(f"CREATE VIEW good AS {' UNION ALL BY NAME '.join(good or [none])}")
        bad = f"SELECT * FROM read_parquet({_list(pieces['bad'])})" if pieces["bad"] else _NO_BAD
        self._tables.raw_sql(f"CREATE VIEW bad AS {bad}")
        self._bad = bool(pieces["bad"])
        self._mixed = bool(pieces["good"])
        self._columns()

    def _place(self, name: str, at: tuple[int, int] = (0, 0)) -> int:
        """The number of a column; it is first met in the message at this partition and offset."""
        if name not in self._fields and len(self._fields) >= MOST_NAMES:
            what = f"the messages have more than {MOST_NAMES:,} different names"
            raise SourceError(what, where=self._wanted.where, todo="set 'flatten: false' or 'format: text'")
        number, first = self._fields.get(name, (len(self._fields), at))
        self._fields[name] = (number, min(first, at))
        return number

    def _engine_keys(self) -> list[str]:
        """The keys of the objects that the engine decodes; none when it cannot tell one of them."""
        query = 'SELECT keys, min(row(tp, "offset")) AS at FROM landed WHERE valid GROUP BY keys'
        found = [(json.loads(each), tuple(at)) for each, at in self._tables.raw_sql(query).fetchall()]
        found = [(each, at) for each, at in found if each]
        if any(len(set(each)) < len(each) or any(set(key) & set('"\\*') for key in each) for each, _ in found):
            return []
        for each, at in sorted(found, key=lambda known: known[1]):
            for key in each:
                self._place(key, at)
        return list(self._fields)

    def _one_by_one(self, which: str) -> dict[str, list[Path]]:
        """Decode messages one by one into files of those that are records and those that are not."""
        pieces: dict[str, list[Path]] = {"good": [], "bad": []}
        query = f"SELECT {_META}, coalesce(value, encode(text)) AS body FROM landed WHERE {which}"
        for number, chunk in enumerate(self._tables.con.sql(query).to_arrow_reader(_CHUNK_ROWS)):
            for what, table in self._decoded(chunk).items():
                if table.num_rows:
                    path = self._scratch / f"{what}-{number:06}.parquet"
                    _write(table, path)
                    pieces[what].append(path)
        return pieces

    def _decoded(self, chunk: Any) -> dict[str, Any]:
        import pyarrow as pa

        rows, good, bad = chunk.to_pylist(), list[int](), list[dict[str, Any]]()
        cells: dict[int, list[str | None]] = {}
        for row_number, row in enumerate(rows):
            try:
                record = self._record(row["body"])
            except ValueError as error:
                bad.append(_spoilt(row, str(error)))
                continue
            for name, value in record.items():
                column = cells.setdefault(self._place(name, (row["tp"], row["offset"])), [])
                column += [None] * (len(good) - len(column))
                column.append(value)
            good.append(row_number)
        meta = chunk.select([name for name in chunk.schema.names if name != "body"]).take(pa.array(good, pa.int64()))
        filled = {_column(n): strings([*values, *[None] * (len(good) - len(values))]) for n, values in cells.items()}
        table = pa.Table.from_batches([meta])
        for name, values in filled.items():
            table = table.append_column(name, values)
        return {"good": table, "bad": pa.Table.from_pylist(bad, schema=_bad_schema())}

    def _record(self, body: bytes | None) -> Mapping[str, str | None]:
        if body is None or self._wanted.decode is None:
            raise ValueError("not UTF-8")
        return self._wanted.decode(body)

    def _columns(self) -> None:
        """The columns in the order in which messages show them, then those of the message itself that say anything."""
        order = sorted(self._fields, key=lambda name: (self._fields[name][1], self._fields[name][0]))
        kept = [f"count({_OWN[name]})" for name in self._wanted.keep]
        counts = self._tables.raw_sql(f"SELECT {', '.join(kept)} FROM good").fetchone() if kept else ()
        own = [name for name, count in zip(self._wanted.keep, counts, strict=True) if count]
        self._exprs = [quoted(_column(self._fields[name][0])) for name in order] + [_SHOWN[name] for name in own]
        if self._wanted.decode is None:
            self._exprs[0] = quoted(BODY)
        self.names = [*order, *own]

    def origins(self, topic_ids: Mapping[str, str]) -> tuple[Origin, ...]:
        """Each partition that gave something."""
        landing = self._landing
        bad = dict(self._tables.raw_sql("SELECT tp, count(*) FROM bad GROUP BY tp").fetchall())
        first, found = 0, []
        for number, place in enumerate(landing.places):
            if landing.counts[place]:
                rows, topic = landing.counts[place] - bad.get(number, 0), place.rpartition("/")[0]
                known_by = f"{topic_ids[topic]}:{landing.begins[place]}-{landing.next[place] - 1}"
                found.append(Origin(place, known_by, first, rows, bad.get(number, 0)))
                first += rows
        return tuple(found)

    def write(
        self, reading: Reading, names: Sequence[str], origins: Sequence[Origin], renames: Sequence[tuple[str, str]]
    ) -> Snapshot:
        """Write the snapshot, partition by partition; what the engine decoded comes in order by itself."""
        about: dict[str, Any] = {"renames": renames, "source": self._wanted.where}
        if names:
            return reading.staging.write_rows(reading.run_id, reading.name, names, self._in_order(), **about)
        rows = self._tables.sql(f"SELECT {self._row(origins)} AS {quoted(ROW)} FROM good")
        return reading.staging.write(reading.run_id, reading.name, rows, **about)

    def _in_order(self) -> Iterator[Any]:
        picked, order = ", ".join(self._exprs), ' ORDER BY "offset"' if self._mixed else ""
        for number in range(len(self._landing.places)):
            query = f"SELECT {picked} FROM good WHERE tp = {number}{order}"
            yield from self._tables.con.sql(query).to_arrow_reader(_CHUNK_ROWS)

    def places(self, origins: Sequence[Origin]) -> str:
        """The query for where each row is from."""
        if self._mixed:
            return f"{self._placed(self._row(origins))} ORDER BY {quoted(ROW)}"
        row = "0" if self._bad else self._row(origins)
        parts = [f"{self._placed(row)} WHERE tp = {number}" for number in range(len(self._landing.places))]
        in_order = " UNION ALL ".join(parts)
        numbered = f"* REPLACE (row_number() OVER () - 1 AS {quoted(ROW)})"
        return f"SELECT {numbered} FROM ({in_order})" if self._bad else in_order

    def _placed(self, row: str) -> str:
        return f'SELECT {row} AS {quoted(ROW)}, {self._origin()} AS origin, "offset"::VARCHAR AS place FROM good'

    def quarantine(self) -> str:
        """The query for what could not be decoded."""
        return f'SELECT {self._origin()} AS origin, "offset" AS line, bytes, reason FROM bad ORDER BY tp, "offset"'

    def _row(self, origins: Sequence[Origin]) -> str:
        if self._bad:
            return 'row_number() OVER (ORDER BY tp, "offset") - 1'
        starts = {origin.name: origin.first_row for origin in origins}
        return f"[{', '.join(str(starts.get(place, 0)) for place in self._landing.places)}][tp + 1] + seq"

    def _origin(self) -> str:
        return f"[{', '.join(text(place) for place in self._landing.places)}][tp + 1]"


def _spoilt(row: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """A row of the table of what could not be decoded; a tombstone is a key without a value."""
    none = row["body"] is None
    reason = f"a tombstone: no value for the key {row['key']!r}" if none else reason
    return {"tp": row["tp"], "offset": row["offset"], "bytes": row["body"] or b"", "reason": reason, "tombstone": none}


_META = 'tp, "offset", seq, time, key, headers'
_OWN = {KEY: "key", TIME: "time", HEADERS: "headers"}
_SHOWN = {
    KEY: "key",
    TIME: "strftime(make_timestamp(time * 1000), '%Y-%m-%dT%H:%M:%S.%g') || 'Z'",
    HEADERS: "headers",
}
_NO_BAD = (
    "SELECT 0::INT AS tp, 0::BIGINT AS \"offset\", ''::BLOB AS bytes, '' AS reason, false AS tombstone WHERE false"
)


def _column(number: int) -> str:
    return f"c{number}"


def _bad_schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            ("tp", pa.int32()),
            ("offset", pa.int64()),
            ("bytes", pa.binary()),
            ("reason", pa.string()),
            ("tombstone", pa.bool_()),
        ]
    )


@contextmanager
def _engine() -> Iterator[Backend]:
    with connected(_MEMORY) as tables:
        yield tables


def _write(table: Any, path: Path) -> None:
    import pyarrow.parquet as pq

    with doing("write", path):
        pq.write_table(table, path, compression="lz4")


def _read(paths: Sequence[Path]) -> str:
    return f"read_parquet({_list(paths)})"


def _list(paths: Sequence[Path]) -> str:
    return f"[{', '.join(text(str(path)) for path in paths)}]"
