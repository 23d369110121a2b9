"""Signed links to report pages: whoever has one may read what it is for, until it expires.

A link carries a moment and a signature over what it is for (one run, or everything) and that moment. Opened, it becomes
a cookie of the same strength, so that pages can link to each other. The key lies in the home, for its owner only.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

EVERYTHING = "everything"
VALID_SECONDS = 7 * 24 * 3600
COOKIE = "gonogo"
KEY_FILE = "pages.key"
LONGEST_MOMENT = 18
"""Digits of a moment."""

_KEY_BYTES = 32


def key_in(home: Path) -> bytes:
    """The key that signs links, made when there is none; several processes get the same one."""
    path = home / KEY_FILE
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{KEY_FILE}.{os.getpid()}")
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        partial.write_bytes(secrets.token_bytes(_KEY_BYTES))
        with suppress(FileExistsError):
            path.hardlink_to(partial)
        partial.unlink()
    return path.read_bytes()


def grant(key: bytes, scope: str, until: int) -> str:
    """What proves that its bearer may read this until then (seconds since 1970): a cookie's value."""
    return f"{until}.{hmac.new(key, f'{scope}|{until}'.encode(), sha256).hexdigest()}"


def signed(address: str, key: bytes, scope: str, until: int) -> str:
    """The address as a link that lets its bearer read what the scope covers."""
    moment, _, signature = grant(key, scope, until).partition(".")
    return f"{address}?{urlencode({'until': moment, 'sign': signature})}"


def allows(key: bytes, given: str, scope: str, now: float) -> bool:
    """Whether a grant is ours, for this scope, and has not expired."""
    moment, _, _signature = given.partition(".")
    if not (moment.isascii() and moment.isdecimal()) or len(moment) > LONGEST_MOMENT or int(moment) < now:
        return False
    return hmac.compare_digest(given.encode(), grant(key, scope, int(moment)).encode())
