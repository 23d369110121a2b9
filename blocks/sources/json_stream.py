"""A JSON file read record by record, in memory that does not grow with it.

What is looked for is the list of records: the file itself, a member of it, or what a path of names leads to. Its
elements are decoded one after the other; all the rest is looked at, too, so that a file is known to be JSON at its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from json import JSONDecodeError
from pathlib import Path
from typing import IO, Any

from blocks.sources.json_values import DECODER, repeated

_WINDOW_CHARACTERS = 1 << 20
_MARGIN_CHARACTERS = 16
"""A value that ends so near to the end of what was read may go on behind it, as 1 does in 1e+5."""

_WHITE = re.compile(r"[ \t\n\r]*")


class NotJson(ValueError):
    """The file is no JSON; says where."""


class ExtraData(NotJson):
    """Something follows the file's one value."""


@dataclass
class Found:
    """What was found while a file was looked through.

    Attributes:
        lists: names of lists in the object in which one was looked for; "" for a list that stands there itself.
        members: all else in that object.
        is_object: whether there is one.
        lacking: name on the path that is not there, and what is there instead.
    """

    lists: list[str] = field(default_factory=list)
    members: dict[str, Any] = field(default_factory=dict)
    is_object: bool = False
    lacking: tuple[str, list[str]] | None = None


def elements(text: Path, path: Sequence[str], found: Found) -> Iterator[Any]:
    """The elements of every list in the place that the path leads to, in the file's order; `found` is then complete.

    Raises:
        NotJson: the file is no JSON, or a key stands twice in an object.
        ExtraData: more than one value is in it.
        RecursionError: values in values, too deep.
    """
    with text.open(encoding="utf-8") as file:
        window = _Window(file)
        yield from _at(window, path, found)
        if window.next():
            raise window.error("Extra data", ExtraData)


def _at(window: _Window, path: Sequence[str], found: Found) -> Iterator[Any]:
    start = window.next()
    if path:
        if start != "{":
            window.value()
            found.lacking = path[0], []
            return
        there = []
        for name in _members(window):
            there.append(name)
            if name == path[0]:
                yield from _at(window, path[1:], found)
            else:
                window.value()
        if path[0] not in there:
            found.lacking = path[0], there
    elif start == "[":
        found.lists.append("")
        yield from _listed(window)
    elif start == "{":
        found.is_object = True
        for name in _members(window):
            if window.next() == "[":
                found.lists.append(name)
                yield from _listed(window)
            else:
                found.members[name] = window.value()
    else:
        window.value()


def _members(window: _Window) -> Iterator[str]:
    """The names of an object, each when its value is next."""
    seen: set[str] = set()
    for _ in _parts(window, "}"):
        if window.next() != '"':
            raise window.error("Expecting property name enclosed in double quotes")
        name = window.value()
        if name in seen:
            raise NotJson(repeated(name))
        seen.add(name)
        if window.next() != ":":
            raise window.error("Expecting ':' delimiter")
        window.take()
        yield name


def _listed(window: _Window) -> Iterator[Any]:
    for _ in _parts(window, "]"):
        yield window.value()


def _parts(window: _Window, end: str) -> Iterator[None]:
    """Stop where each part of an object or a list begins."""
    window.take()
    if window.next() == end:
        window.take()
        return
    while True:
        yield
        if (delimiter := window.next()) not in (",", end):
            raise window.error("Expecting ',' delimiter")
        window.take()
        if delimiter == end:
            return


class _Window:
    """A part of a text, and a place in it that moves on."""

    def __init__(self, file: IO[str]) -> None:
        self._file, self._text, self._at = file, "", 0
        self._before = self._lines = self._column = 0

    def next(self) -> str:
        """The next character that is no white space, which is not taken yet; empty at the end."""
        while True:
            white = _WHITE.match(self._text, self._at)
            self._at = white.end() if white else self._at
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self) -> None:
        """Take one character."""
        self._at += 1

    def value(self) -> Any:
        """Take a whole value."""
        self.next()
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except JSONDecodeError as error:
                cut = error.pos >= len(self._text) - _MARGIN_CHARACTERS or error.msg.startswith("Unterminated")
                if not (cut and self._more()):
                    raise self.error(error.msg, at=error.pos) from error
            except ValueError as error:
                raise NotJson(str(error)) from error
            else:
                if end < len(self._text) - _MARGIN_CHARACTERS or not self._more():
                    self._at = end
                    return value

    def error(self, said: str, kind: type[NotJson] = NotJson, at: int | None = None) -> NotJson:
        """What is wrong, and where, as the standard library says it."""
        place = self._at if at is None else at
        lines = self._text.count("\n", 0, place)
        start = self._text.rfind("\n", 0, place) + 1
        column = place - start + 1 + (0 if lines else self._column)
        return kind(f"{said}: line {self._lines + lines + 1} column {column} (char {self._before + place})")

    def _more(self) -> bool:
        """Read on, forgetting what was taken; False at the end. A value that is not whole yet is read twice as far."""
        came = self._file.read(max(_WINDOW_CHARACTERS, len(self._text) - self._at))
        if came:
            gone, self._text = self._text[: self._at], self._text[self._at :] + came
            self._before, self._at = self._before + len(gone), 0
            self._lines += gone.count("\n")
            self._column = len(gone) - gone.rfind("\n") - 1 + (0 if "\n" in gone else self._column)
        return bool(came)
