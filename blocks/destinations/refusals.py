"""What databases refuse, in words and without secrets, grouped by what to do about it.

Databases say why in codes (SQLSTATE, SQLite's names). Only a connection that never came to be has none; then the
driver's words are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from tasks.quality.errors import DestinationError, GonogoError, TryAgain, Unavailable
from tasks.quality.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError


class _Refusal(NamedTuple):
    error: type[GonogoError]
    what: str
    todo: str


_LOCKED = _Refusal(TryAgain, "the database is locked", "close what holds it, then load again")
_FULL = _Refusal(TryAgain, "the disk is full", "free some space, then load again")
_BROKEN = _Refusal(TryAgain, "the disk cannot be read or written", "check it, then load again")
_AWAY = _Refusal(Unavailable, "the database cannot be reached", "start it, then load again")
_STRANGER = _Refusal(DestinationError, "the database refuses this user or password", "check them, then load again")
_FORBIDDEN = _Refusal(DestinationError, "not allowed", "check the rights, then load again")
_ABSENT = _Refusal(DestinationError, "there is no such database or schema", "create it, then load again")
_NO_DATABASE = _Refusal(DestinationError, "the file is not a sound SQLite database", "name another, or restore it")
_ROWS = _Refusal(DestinationError, "the database refuses the rows", "nothing was changed")

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


@contextmanager
def told(where: str) -> Iterator[None]:
    """Turn what the database refuses into an error that says what to do.

    Raises:
        TryAgain: it may take the rows later.
        Unavailable: it cannot be reached.
        DestinationError: it will not take them.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        refusal = _refusal(error)
        why = mask(str(error.orig)).strip().partition("\n")[0]
        raise refusal.error(f"{refusal.what}: {why}", where=where, todo=refusal.todo) from error


def _refusal(error: DBAPIError) -> _Refusal:
    from sqlalchemy.exc import OperationalError

    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None)
    if code is not None:
        known = [refusal for start, refusal in _BY_CODE.items() if str(code).startswith(start)]
        return known[0] if known else _ROWS
    if error.statement is None and isinstance(error, OperationalError):
        words = str(error.orig).lower()
        return next(refusal for part, refusal in _BY_WORDS if part in words)
    return _ROWS
