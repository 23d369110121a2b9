"""Halves of characters: code points that stand for a character in pairs only, and that no text file can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def whole_characters(given: object) -> object:
    r"""What a model was given, when each text in it can be written into a file; lists and mappings are looked into.

    Raises:
        ValueError: a text holds a lone surrogate; says where and which.

    >>> whole_characters({"values": {"a": "b\ud800"}})
    Traceback (most recent call last):
    ValueError: 'b\ud800' in values.a holds half a character (a lone surrogate); write it whole or leave it out
    """
    if isinstance(given, Mapping):
        for name, value in given.items():
            for place, text in _texts(value, str(name)):
                _check(text, place)
    return given


def _texts(value: object, place: str) -> Iterator[tuple[str, str]]:
    """The texts of a value and where each stands; models within it look after their own."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from ((place, text) for text in (key,) if isinstance(text, str))
            yield from ((f"{place}.{key}", text) for text in (each,) if isinstance(text, str))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"{place}[{n}]", text) for n, text in enumerate(value) if isinstance(text, str))


def _check(text: str, place: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        told = f"'{_spelt(text)}' in {_spelt(place)} holds half a character (a lone surrogate)"
        raise ValueError(f"{told}; write it whole or leave it out") from None


def _spelt(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
