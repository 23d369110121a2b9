"""Secrets never leave: whatever is logged, stored or shown goes through `mask` or `redact` first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"

_URL_PASSWORD = re.compile(r"(?P<head>[a-zA-Z][a-zA-Z0-9+.\-]*://[^\s/:@]*):(?P<secret>[^\s]*)@(?=[^\s@]*)")
_SLACK = re.compile(r"(?P<head>hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/)[^\s\"'<>|]+")
_BEARER = re.compile(r"(?i)(?P<head>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=\-]{6,}")
_NAMED = re.compile(
    r"(?i)(?P<head>\b\w*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|authorization|sas|signature)"
    r"\b[\"']?\s*[=:]\s*[\"']?)(?P<secret>[^\s\"'&,;}]+)"
)
_KEY = re.compile(
    r"(?i)password|passwd|\bpwd\b|secret|token|api[_-]?key|access[_-]?key|authorization|credential|webhook"
)


def mask(text: str) -> str:
    """The text with every password, token and webhook address replaced by `***`.

    >>> mask("could not reach postgresql://ann:s3cret@db/x?password=abc")
    'could not reach postgresql://ann:***@db/x?password=***'
    """
    text = _URL_PASSWORD.sub(rf"\g<head>:{MASK}@", text)
    text = _SLACK.sub(rf"\g<head>{MASK}", text)
    text = _BEARER.sub(rf"\g<head>{MASK}", text)
    return _NAMED.sub(rf"\g<head>{MASK}", text)


def redact(value: Any) -> Any:
    """The value, a JSON-like tree, with secrets masked in its texts and under telling keys.

    >>> redact({"url": "s3://k:v@host", "api_key": "abc", "rows": 3})
    {'url': 's3://k:***@host', 'api_key': '***', 'rows': 3}
    """
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {key: MASK if _telling(key, item) else redact(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(item) for item in value]
    return value


def _telling(key: object, item: object) -> bool:
    return isinstance(item, str) and bool(item) and bool(_KEY.search(str(key)))
