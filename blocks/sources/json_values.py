"""Values of JSON, with numbers as they are spelt, and the text that is staged for them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any


class _Number(str):
    """A JSON number in the spelling of the file."""

    __slots__ = ()


def parse(text: str) -> Any:
    """JSON whose numbers stay as they are spelt.

    Raises:
        ValueError: it is none, or a key stands twice in an object.
    """
    return DECODER.decode(text)


def repeated(name: str) -> str:
    """What is said of a key that stands twice in an object."""
    return f"the key '{name}' stands twice in one object"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    item = dict(pairs)
    if len(item) < len(pairs):
        raise ValueError(
            repeated(next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1))
        )
    return item


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_Number, parse_int=_Number, parse_constant=_Number)
"""Leaves numbers as they are spelt."""


def flat(record: Mapping[str, Any], start: str = "") -> dict[str, Any]:
    """Objects in objects as one, their names joined by dots; an empty one is null.

    Raises:
        ValueError: two names become the same.

    >>> flat({"id": 1, "at": {"city": "Kiel", "geo": {}}})
    {'id': 1, 'at.city': 'Kiel', 'at.geo': None}
    """
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and value:
            inner = flat(value, f"{start}{name}.")
        else:
            inner = {f"{start}{name}": None if isinstance(value, dict) else value}
        if twice := found.keys() & inner.keys():
            raise ValueError(f"the name '{min(twice)}' stands for two values")
        found |= inner
    return found


def json_text(value: Any) -> str | None:
    """A value of JSON as the text that is staged: lists and objects as JSON."""
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return compact(value)


def compact(value: Any) -> str:
    """What `parse` gave as JSON again, without white space."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{compact(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
