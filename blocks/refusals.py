"""What databases refuse, in words and without secrets, grouped by what to do about it.

Databases say why in codes (SQLSTATE, SQLite's names). Only a connection that never came to be has none; then the
driver's words are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tasks.quality.errors import (
    DestinationError,
    GonogoError,
    PilotMustDecide,
    SourceError,
    TryAgain,
    Unavailable,
)
from tasks.quality.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError


class _Refusal(NamedTuple):
    error: type[GonogoError]
    what: str
    todo: str


_LOCKED = _Refusal(TryAgain, "the database is locked", "close what holds it, then {again}")
_FULL = _Refusal(TryAgain, "the disk is full", "free some space, then {again}")
_BROKEN = _Refusal(TryAgain, "the disk cannot be read or written", "check it, then {again}")
_AWAY = _Refusal(Unavailable, "the database cannot be reached", "start it, then {again}")
_STRANGER = _Refusal(PilotMustDecide, "the database refuses this user or password", "check them, then {again}")
_FORBIDDEN = _Refusal(PilotMustDecide, "not allowed", "check the rights, then {again}")
_ABSENT = _Refusal(PilotMustDecide, "there is no such database or schema", "create it, then {again}")
_NO_DATABASE = _Refusal(PilotMustDecide, "the file is not a sound SQLite database", "name another, or restore it")

_BY_CODE = {
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR": _BROKEN,
    "SQLITE_READONLY": _FORBIDDEN,
    "SQLITE_PERM": _FORBIDDEN,
    "SQLITE_AUTH": _FORBIDDEN,
    "SQLITE_CANTOPEN": _FORBIDDEN,
    "SQLITE_NOTADB": _NO_DATABASE,
    "SQLITE_CORRUPT": _NO_DATABASE,
    "08": _AWAY,  # connection exception
    "57P": _AWAY,  # shut down, or starting
    "53100": _FULL,
    "53": _LOCKED,  # too many connections, out of memory
    "55P03": _LOCKED,
    "40": _LOCKED,  # deadlock or serialization failure
    "28": _STRANGER,
    "42501": _FORBIDDEN,
    "25006": _FORBIDDEN,  # read-only
    "3D": _ABSENT,
    "3F": _ABSENT,
}
"""By SQLSTATE or its beginning, or SQLite's name or its beginning."""

_BY_WORDS = (
    ("authentication failed", _STRANGER),
    ("no password supplied", _STRANGER),
    ("access denied", _STRANGER),
    ("does not exist", _ABSENT),
    ("unknown database", _ABSENT),
    ("", _AWAY),
)


@dataclass(frozen=True)
class Side:
    """Which way data goes, for what is said about it.

    Attributes:
        error: raised for what a person has to mend.
        again: what to do once it is mended.
        refused: what the database did when it says no more than that.
        todo: what then is to be done.
    """

    error: type[PilotMustDecide]
    again: str
    refused: str
    todo: str


LOADING = Side(DestinationError, "load again", "the database refuses the rows", "nothing was changed")
READING = Side(
    SourceError, "run it again", "the database refuses the query", "check the table, the query and the rights"
)


@contextmanager
def told(where: str, side: Side) -> Iterator[None]:
    """Turn what the database refuses into an error that says what to do.

    Raises:
        TryAgain: it may do it later.
        Unavailable: it cannot be reached.
        PilotMustDecide: of the side's kind: it will not do it.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        refusal = _refusal(error, _Refusal(side.error, side.refused, side.todo))
        why = mask(str(error.orig)).strip().partition("\n")[0]
        kind = side.error if refusal.error is PilotMustDecide else refusal.error
        raise kind(f"{refusal.what}: {why}", where=where, todo=refusal.todo.format(again=side.again)) from error


def _refusal(error: DBAPIError, otherwise: _Refusal) -> _Refusal:
    from sqlalchemy.exc import OperationalError

    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None)
    if code is not None:
        known = [refusal for start, refusal in _BY_CODE.items() if str(code).startswith(start)]
        return known[0] if known else otherwise
    if error.statement is None and isinstance(error, OperationalError):
        words = str(error.orig).lower()
        return next(refusal for part, refusal in _BY_WORDS if part in words)
    return otherwise
