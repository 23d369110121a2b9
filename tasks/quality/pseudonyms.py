"""Keyed hashes that the engine computes: the same value always gives the same one, and none tells its value.

HMAC-SHA-256 (RFC 2104) with a key that lies beside the staged data and nowhere else: it is in no parameter, no ledger
entry, no report and no query. Whoever opens a table lends it (`lend`) as a table of the same connection; where nobody
did, nothing is offered that would need it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import ibis

from tasks.quality.errors import PilotMustDecide
from tasks.quality.model import Dataset

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

SCHEMA, TABLE = "gonogo", "pseudonym_key"
_BLOCK = 64
_INNER, _OUTER = 0x36, 0x5C


def lend(backend: Backend, key: bytes) -> None:
    """Let queries over this connection compute keyed hashes.

    Raises:
        ValueError: the key is shorter than 16 bytes.
    """
    if len(key) < 16:  # noqa: PLR2004  (shorter ones can be guessed)
        raise ValueError("a key for pseudonyms has 16 bytes or more")
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in block).hex() for pad in (_INNER, _OUTER))
    backend.raw_sql(f"CREATE SCHEMA {SCHEMA}")
    backend.raw_sql(f"CREATE TABLE {SCHEMA}.{TABLE} AS SELECT '{inner}' AS inner_pad, '{outer}' AS outer_pad")


def can_hash(data: Dataset) -> bool:
    """Whether a key was lent to the connection that the table is in."""
    return SCHEMA in data.table.get_backend().list_databases()


def with_hashes(data: Dataset, rows: ibis.Table, value: str, space: str = "") -> ibis.Table:
    """The rows with `hash`, 64 hexadecimal digits, of a column of theirs.

    Args:
        data: whose connection has the key.
        rows: any rows in that connection.
        value: the column of `rows`; spaces around its values make no difference.
        space: hashes of different spaces cannot be compared.

    Raises:
        PilotMustDecide: no key was lent.
    """
    if not can_hash(data):
        raise PilotMustDecide("there is no key for pseudonyms here", todo="mask the values, or drop the column")
    keyed = rows.cross_join(data.table.get_backend().table(TABLE, database=SCHEMA))
    message = _hex(ibis.literal(f"{space}\x1f") + keyed[value].strip())
    inner = _sha256(_unhex(keyed.inner_pad + message))
    return keyed.mutate(hash=_sha256(_unhex(keyed.outer_pad + inner))).drop("inner_pad", "outer_pad")


@ibis.udf.scalar.builtin(name="hex")  # type: ignore[untyped-decorator]
def _hex(text: str) -> str:  # type: ignore[empty-body]
    """DuckDB's own: the bytes of a text."""


@ibis.udf.scalar.builtin(name="unhex")  # type: ignore[untyped-decorator]
def _unhex(text: str) -> ibis.dtype("binary"):  # type: ignore[valid-type]
    """DuckDB's own."""


@ibis.udf.scalar.builtin(name="sha256")  # type: ignore[untyped-decorator]
def _sha256(data: ibis.dtype("binary")) -> str:  # type: ignore[valid-type,empty-body]
    """DuckDB's own."""


def expected(key: bytes, text: str, space: str = "") -> Any:
    """The hash of one text, computed without the engine."""
    import hmac

    return hmac.new(key, f"{space}\x1f{text.strip()}".encode(), hashlib.sha256).hexdigest()
