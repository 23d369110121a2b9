"""Schemas from a registry that speaks the REST protocol of Confluent's, and the records that they describe.

A message begins with a zero byte and the schema's number in four bytes; in Protobuf the place of the message type in
its file follows. Avro is read by fastavro. Protobuf schemas are fetched as the compiled descriptors that a registry
gives with `format=serialized`, so nothing has to be compiled here.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from blocks.variables import resolved
from tasks.quality.errors import SourceError, Unavailable
from tasks.quality.secrets import mask

if TYPE_CHECKING:
    import httpx

Record = Mapping[str, Any]
Reader = Callable[[bytes], Record]

_HEAD = 5
_NOT_FOUND = 404
_SERVER_ERROR = 500
_TOO_MANY = 429
_REFUSED = (401, 403)
_WELL_KNOWN = ("descriptor", "any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers")
"""Files that every Protobuf schema may import without naming where they are; those that are imported first."""


@dataclass
class Registry:
    """A schema registry; every schema is fetched once.

    Args:
        url: may hold a user and a password.
    """

    url: str
    seconds: float = 10
    _readers: dict[int, Reader | str] = field(default_factory=dict)

    def read(self, message: bytes) -> Record:
        """The record in a message.

        Raises:
            ValueError: it is no such message, the registry does not know its schema, or the record does not fit it.
            SourceError, Unavailable: the registry refuses us, or is away.
        """
        if len(message) < _HEAD or message[0]:
            raise ValueError("does not begin with the number of a schema")
        number = int.from_bytes(message[1:_HEAD], "big")
        if number not in self._readers:
            self._readers[number] = self._reader(number)
        reader = self._readers[number]
        if isinstance(reader, str):
            raise ValueError(reader)  # noqa: TRY004  (it says why there is none)
        return reader(message[_HEAD:])

    def probe(self) -> str:
        """What the registry holds, in words."""
        subjects = self._get("/subjects")
        return f"{len(subjects):,} subjects" if subjects is not None else "it answers"

    def _reader(self, number: int) -> Reader | str:
        found = self._get(f"/schemas/ids/{number}")
        if found is None:
            return f"the registry has no schema {number}"
        kind = found.get("schemaType", "AVRO")
        if kind == "AVRO":
            return self._avro(found)
        if kind == "PROTOBUF":
            return self._protobuf(number)
        return f"schema {number} is of a kind that cannot be read: {kind}"

    def _avro(self, found: Mapping[str, Any]) -> Reader:
        import fastavro

        named: dict[str, Any] = {}
        for reference in self._referred(found, ""):
            fastavro.parse_schema(json.loads(reference["schema"]), named_schemas=named)
        schema = fastavro.parse_schema(json.loads(found["schema"]), named_schemas=named)

        def read(body: bytes) -> Record:
            stream = io.BytesIO(body)
            try:
                record = fastavro.schemaless_reader(stream, schema, None)
            except (EOFError, IndexError, ValueError, TypeError, OverflowError, MemoryError) as error:
                raise ValueError(f"does not fit its schema: {error or type(error).__name__}") from error
            if stream.read(1):
                raise ValueError("does not fit its schema: bytes are left over")
            plain = avro_plain(record)
            return plain if isinstance(plain, dict) else {"value": plain}

        return read

    def _protobuf(self, number: int) -> Reader | str:
        from google.protobuf import descriptor_pb2, descriptor_pool
        from google.protobuf.message import DecodeError

        found = self._get(f"/schemas/ids/{number}?format=serialized") or {}
        files = [*self._referred(found, "?format=serialized"), {**found, "name": ""}]
        pool = descriptor_pool.DescriptorPool()
        for known in _well_known():
            pool.Add(known)
        try:
            for each in files:
                file = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(each["schema"], validate=True))
                file.name = each["name"] or file.name
                pool.Add(file)
            main = pool.FindFileByName(file.name)
        except (binascii.Error, DecodeError):
            return f"the registry does not give schema {number} compiled (format=serialized)"
        except (KeyError, TypeError, RuntimeError) as error:
            return f"schema {number} cannot be understood: {error}"
        return lambda body: _protobuf_record(main, body)

    def _referred(self, schema: Mapping[str, Any], how: str) -> list[Mapping[str, Any]]:
        """The schemas that a schema refers to, those that they refer to first."""
        found: dict[str, Mapping[str, Any]] = {}
        for reference in schema.get("references") or ():
            place = f"/subjects/{quote(reference['subject'], safe='')}/versions/{reference['version']}{how}"
            inner = self._get(place)
            if inner is None:
                raise SourceError(f"the registry has no schema '{reference['name']}'", where=mask(self.url))
            for each in self._referred(inner, how):
                found.setdefault(each["name"], each)
            found[reference["name"]] = {**inner, "name": reference["name"]}
        return list(found.values())

    def _get(self, path: str) -> Any:
        """An answer of the registry; None when it has no such thing."""
        import httpx

        where = mask(self.url)
        try:
            answer = httpx.get(resolved(self.url, "source.registry").rstrip("/") + path, timeout=self.seconds)
        except httpx.HTTPError as error:
            why = mask(str(error)) or type(error).__name__
            todo = "start it, or check 'registry', then run it again"
            raise Unavailable(f"the schema registry cannot be reached: {why}", where=where, todo=todo) from error
        if answer.status_code == _NOT_FOUND:
            return None
        self._check(answer, where)
        try:
            return answer.json()
        except ValueError as error:
            raise SourceError("this is no schema registry: it answers no JSON", where=where) from error

    @staticmethod
    def _check(answer: httpx.Response, where: str) -> None:
        code = answer.status_code
        if code in _REFUSED:
            todo = "write the user and password into the address: https://user:${PASSWORD}@host"
            raise SourceError("the schema registry refuses us", where=where, todo=todo)
        if code >= _SERVER_ERROR or code == _TOO_MANY:
            raise Unavailable(f"the schema registry is not ready (HTTP {code})", where=where, todo="try again later")
        if not answer.is_success:
            raise SourceError(f"the schema registry answers HTTP {code}", where=where, todo="check 'registry'")


def avro_plain(value: Any) -> Any:
    """A value of Avro as one of JSON: decimals with all their digits, times in ISO 8601, bytes in hexadecimal.

    >>> avro_plain({"price": Decimal("1.50"), "at": dt.date(2026, 1, 2), "raw": bytes([0, 255])})
    {'price': '1.50', 'at': '2026-01-02', 'raw': '00ff'}
    """
    if isinstance(value, dict):
        return {str(name): avro_plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [avro_plain(each) for each in value]
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() else str(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)


def _protobuf_record(file: Any, body: bytes) -> Record:
    from google.protobuf import json_format, message_factory
    from google.protobuf.message import DecodeError

    place, start = _message_place(body)
    descriptor: Any = None
    inner = file.message_types_by_name
    for index in place:
        types = list(inner.values())
        if index >= len(types):
            raise ValueError("names a message type that its schema does not have")
        descriptor = types[index]
        inner = descriptor.nested_types_by_name
    message = message_factory.GetMessageClass(descriptor)()
    try:
        message.ParseFromString(body[start:])
        record: dict[str, Any] = json_format.MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    except (DecodeError, UnicodeDecodeError, json_format.Error) as error:
        raise ValueError(f"does not fit its schema: {error}") from error
    return {each.name: record.get(each.name) for each in descriptor.fields} | record


def _message_place(body: bytes) -> tuple[list[int], int]:
    """Which message type of its file a message is, as the indexes of nested types, and where it begins.

    >>> _message_place(bytes([0, 99])), _message_place(bytes([4, 2, 0, 99]))
    (([0], 1), ([1, 0], 3))
    """
    count, at = _zigzag(body, 0)
    if count == 0:
        return [0], at
    place = []
    for _ in range(count):
        index, at = _zigzag(body, at)
        place.append(index)
    if count < 0 or min(place) < 0:
        raise ValueError("does not say which message type it is")
    return place, at


def _zigzag(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(body) or shift > 28:  # noqa: PLR2004  (an int has no more bits)
            raise ValueError("does not say which message type it is")
        byte = body[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at


def _well_known() -> list[Any]:
    """The well-known files, compiled."""
    from importlib import import_module

    from google.protobuf import descriptor_pb2

    modules = (import_module(f"google.protobuf.{name}_pb2") for name in _WELL_KNOWN)
    return [descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb) for module in modules]
