"""What databases refuse, in words and without secrets, grouped by what to do about it.

Databases say why in codes (SQLSTATE, SQLite's names, MySQL's numbers; DuckDB in words). Only a connection that never
came to be has none; then the driver's words are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from blocks.databases import SILENT
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


class Refusal(NamedTuple):
    """What a server's refusal means, and what to do; `{again}` in it stands for what was tried."""

    error: type[GonogoError]
    what: str
    todo: str


_LOCKED = Refusal(TryAgain, "the database is locked", "close what holds it, then {again}")
_FULL = Refusal(TryAgain, "the disk is full", "free some space, then {again}")
_BROKEN = Refusal(TryAgain, "the disk cannot be read or written", "check it, then {again}")
_SLOW = Refusal(TryAgain, "the database gave up, for it took too long", "raise its time limit, then {again}")
_AWAY = Refusal(Unavailable, "the database cannot be reached", "start it, then {again}")
_LOST = Refusal(Unavailable, "the connection to the database was lost", "look after it, then {again}")
_SILENT = Refusal(
    Unavailable, "the database has fallen silent", "look after it, or raise 'patience_seconds', then {again}"
)
_STRANGER = Refusal(PilotMustDecide, "the database refuses this user or password, and says", "check them, then {again}")
_FORBIDDEN = Refusal(PilotMustDecide, "not allowed", "check the rights, then {again}")
_ABSENT = Refusal(PilotMustDecide, "there is no such database or schema", "create it, then {again}")
_NO_DATABASE = Refusal(PilotMustDecide, "the file is not a sound database", "name another, or restore it")

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
    "57014": _SLOW,
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
    "MYSQL-1021": _FULL,
    "MYSQL-1114": _FULL,  # the table is full
    "MYSQL-1205": _LOCKED,
    "MYSQL-1213": _LOCKED,
    "MYSQL-1040": _LOCKED,  # too many connections
    "MYSQL-1203": _LOCKED,  # too many of this user
    "MYSQL-1226": _LOCKED,  # as many as this user may have
    "MYSQL-1969": _SLOW,
    "MYSQL-3024": _SLOW,
    "MYSQL-1044": _FORBIDDEN,
    "MYSQL-1142": _FORBIDDEN,
    "MYSQL-1143": _FORBIDDEN,
    "MYSQL-1227": _FORBIDDEN,
    "MYSQL-1290": _FORBIDDEN,  # read-only
    "MYSQL-1792": _FORBIDDEN,  # the same
    "MYSQL-1049": _ABSENT,
    "MYSQL-2006": _LOST,
    "MYSQL-2013": _LOST,
    "DUCKDB-IO Error: Could not set lock": _LOCKED,
    "DUCKDB-IO Error: Could not read": _BROKEN,
    "DUCKDB-IO Error: Could not write": _FULL,
    "DUCKDB-IO Error: Could not fsync": _BROKEN,
    "DUCKDB-IO Error: The file": _NO_DATABASE,
    "DUCKDB-IO Error: Cannot open file": _FORBIDDEN,
    "DUCKDB-Out of Memory Error": _FULL,
    "DUCKDB-TransactionContext Error: Conflict": _LOCKED,
}
"""By SQLSTATE, SQLite's name, MySQL's number, or DuckDB's words; or the beginning of it."""

_NO_SPACE = "No space left on device"
_SILENCE = (SILENT, "(timed out)", "TimeoutError('timed out')")
"""PostgreSQL's connections say it as ours do; MySQL's when they wait for an answer, and when nobody takes rows."""

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
        refusal = _refusal(error, Refusal(side.error, side.refused, side.todo))
        why = mask(str(error.orig)).strip().partition("\n")[0]
        kind = side.error if refusal.error is PilotMustDecide else refusal.error
        raise kind(f"{refusal.what}: {why}", where=where, todo=refusal.todo.format(again=side.again)) from error


def _refusal(error: DBAPIError, otherwise: Refusal) -> Refusal:
    from sqlalchemy.exc import OperationalError

    code, said = _code(error.orig), str(error.orig)
    if _NO_SPACE in said:  # DuckDB says it also of a commit that failed, or of a checkpoint
        return _FULL
    if any(words in said for words in _SILENCE):
        return _SILENT
    if code is not None:
        known = [refusal for start, refusal in _BY_CODE.items() if str(code).startswith(start)]
        return known[0] if known else otherwise
    if error.connection_invalidated:
        return _LOST
    if error.statement is None and isinstance(error, OperationalError):
        return next(refusal for part, refusal in _BY_WORDS if part in said.lower())
    return otherwise


def _code(error: Any) -> str | None:
    """What the database calls what it refused; none when it did not come to that."""
    made_by = type(error).__module__.partition(".")[0].lstrip("_")
    if made_by == "duckdb":
        return f"DUCKDB-{error}"
    if made_by in ("pymysql", "MySQLdb") and error.args and error.args[0] not in _NEVER_CONNECTED:
        return f"MYSQL-{error.args[0]}"
    return getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)


_NEVER_CONNECTED = (1045, 1698, 2002, 2003)
"""Numbers of MySQL's that say that nobody was let in."""
