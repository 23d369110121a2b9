"""Secrets never leave: whatever is logged, stored or shown goes through `mask` or `redact` first.

What looks like a secret is masked; a false alarm costs a word in a message, a miss costs the secret.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

MASK = "***"

_URL_PASSWORD = re.compile(r"(?P<head>(?<![a-zA-Z0-9+.\-])[a-zA-Z][a-zA-Z0-9+.\-]*://[^\s/:]*):[^\s]*@")
_URL_TOKEN = re.compile(r"(?P<head>(?<![a-zA-Z0-9+.\-])https?://)[^\s/:@]{16,}@")
_HOOKS = re.compile(
    r"(?P<head>hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/"
    r"|discord(?:app)?\.com/api/webhooks/|webhook\.office\.com/webhookb2/|api\.telegram\.org/bot"
    r"|(?<![a-zA-Z0-9])(?:slack|discord|msteams|tgram)://)[^\s\"'<>|]+"
)
_AUTHORIZATION = re.compile(r"(?i)(?P<head>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=\-]{6,}")
_KNOWN_TOKEN = re.compile(
    r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|xapp-|sk-|sk_live_|AKIA|ASIA|eyJ[\w\-]+\.eyJ)[\w.\-]{12,}"
)
_NAMED = re.compile(
    r"(?i)(?P<head>\b(?:\w*(?:password|passwd|passphrase|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key"
    r"|account[_-]?key|private[_-]?key|authorization|signature)|sas|sig)"
    r"\b\\?[\"']?\s*[=:]\s*)"
    r"(?P<secret>\\\"(?:[^\"\\]|\\\\.)*\\\"|\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'|\\?[\"']?[^\s\"'&,;}\\]+)"
)
_KEY = re.compile(
    r"(?i)password|passwd|passphrase|\bpwd\b|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key"
    r"|authorization|credential|webhook"
)


def is_secret(name: str) -> bool:
    """Whether what is kept under this name is a secret.

    >>> is_secret("secret_key"), is_secret("bucket")
    (True, False)
    """
    return bool(_KEY.search(name))


def mask(text: str) -> str:
    """The text with every password, token and webhook address replaced by `***`.

    >>> mask("could not reach postgresql://ann:s3cret@db/x?password=abc")
    'could not reach postgresql://ann:***@db/x?password=***'
    """
    if "@" in text:
        text = _URL_PASSWORD.sub(rf"\g<head>:{MASK}@", text)
        text = _URL_TOKEN.sub(rf"\g<head>{MASK}@", text)
    text = _HOOKS.sub(rf"\g<head>{MASK}", text)
    text = _AUTHORIZATION.sub(rf"\g<head>{MASK}", text)
    text = _KNOWN_TOKEN.sub(MASK, text)
    return _NAMED.sub(_quoted, text)


def redact(value: Any, exact: Collection[str] = ()) -> Any:
    """The value, a JSON-like tree, with secrets masked in its texts and under telling keys.

    Args:
        value: the tree.
        exact: keys under which everything stays as it is, because it is data and no setting.

    >>> redact({"url": "s3://k:v@host", "api_key": "abc", "rows": 3})
    {'url': 's3://k:***@host', 'api_key': '***', 'rows': 3}
    """
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {key: item if key in exact else _redacted(key, item, exact) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(item, exact) for item in value]
    return value


def _redacted(key: object, item: Any, exact: Collection[str]) -> Any:
    return _hidden(item) if is_secret(str(key)) else redact(item, exact)


def _hidden(value: Any) -> Any:
    """The value with every text in it masked, whatever it says; numbers are counts."""
    if isinstance(value, str):
        return MASK if value else value
    if isinstance(value, Mapping):
        return {key: _hidden(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_hidden(item) for item in value]
    return value


def _quoted(found: re.Match[str]) -> str:
    """The name with its value masked inside the quotes it had."""
    quotes = re.match(r"\\?[\"']|", found["secret"])
    quote = quotes[0] if quotes else ""
    return f"{found['head']}{quote}{MASK}{quote if found['secret'][1:].endswith(quote) else ''}"
