"""Text that came from data, made harmless for Markdown and Slack and visible to a reader.

HTML needs nothing from here but `visible` and `printable`: the templates escape every value.
"""

from __future__ import annotations

import html
import re
import unicodedata

ELLIPSIS = "…"
JOINER = "\N{WORD JOINER}"

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#!|~$])")
_MARKDOWN_START = re.compile(r"^(\s*)(?:([-+:=])|(\d+)([.)]))")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LINK = re.compile(r"(?i)(:(?=//)|www(?=\.)|@|(?:mailto|xmpp|tel|javascript|data|vbscript)(?=:))")
_DOMAIN = re.compile(r"(?<=\w)\.(?=[^\W\d_])")
_LOOKALIKES = {"*": "∗", "`": "ˋ", "~": "∼"}
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_LINES = {"\n": "⏎", "\r": "␍", "\t": "⇥", "\u2028": "⏎", "\u2029": "⏎", "\x85": "⏎", "\x0b": "␋", "\x0c": "␌"}


def printable(text: str) -> str:
    r"""The text without what a page cannot show: controls become pictures, direction overrides their code.

    Line breaks and tabs stay. Lone surrogates, which no file can hold, become U+FFFD.

    >>> printable("a\x00b\u202ec")
    'a␀b[U+202E]c'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_picture, text))


def visible(text: str, limit: int = 200) -> str:
    r"""The text on one line with line breaks and controls made visible, at most `limit` characters.

    >>> visible("one\ntwo\tthree")
    'one⏎two⇥three'
    >>> visible("abcdefgh", limit=4)
    'abc…'
    """
    cut = text if len(text) <= limit else text[: limit - 1] + ELLIPSIS
    return printable("".join(_LINES.get(c, c) for c in cut))


def markdown(text: str, limit: int = 400) -> str:
    r"""The text as Markdown that shows exactly it: no markup, no HTML, no link, no table cell of its own.

    Works inside a GFM table cell and at the start of a line. Addresses get an invisible word joiner, because
    some renderers link bare ones after unescaping.

    >>> print(markdown("a|b <script> [x](y)"))
    a\|b &lt;script&gt; \[x\]\(y\)
    """
    shown = _unlinked(visible(text, limit).strip())
    escaped = _MARKDOWN.sub(r"\\\1", "".join(_ENTITIES.get(c, c) for c in shown))
    return _MARKDOWN_START.sub(_guard_start, escaped)


def slack(text: str, limit: int = 2900) -> str:
    """The text for a Slack message: no mention, no link, no formatting.

    The limit is what one Slack section takes. Slack has no escape character but for `&`, `<`, `>`; its formatting
    marks are replaced by look-alikes.

    >>> slack("<!channel> now & order_id")
    '&lt;!channel&gt; now &amp; order_id'
    """
    shown = _DOMAIN.sub("." + JOINER, _unlinked(visible(text, limit)))
    shown = _EDGE_UNDERSCORE.sub("ˍ", "".join(_LOOKALIKES.get(c, c) for c in shown))
    return "".join(_ENTITIES.get(c, c) for c in shown)


def bare(text: str, limit: int = 2900) -> str:
    """The text for a chat whose sender escapes by itself: no mention, no link, no formatting, and no entity.

    >>> bare("<!channel> now & [here](https://evil.example)").replace(JOINER, "")
    '‹!channel› now & [here](https://evil.example)'
    """
    return html.unescape(slack(text, limit).replace("&lt;", "‹").replace("&gt;", "›")).replace("](", f"]{JOINER}(")


def safe_url(url: str) -> str:
    r"""The address if a page may link to it (http, https, file, or relative), else an empty string.

    >>> safe_url("quality.html"), safe_url("java\nscript:alert(1)")
    ('quality.html', '')
    """
    bare = "".join(c for c in url if c.isprintable()).strip()
    scheme = re.match(r"([^/?#]*?):", html.unescape(bare))
    return bare if bare == url and (not scheme or scheme[1].lower() in ("http", "https", "file")) else ""


def _picture(c: str) -> str:
    if c in "\n\t":
        return c
    category = unicodedata.category(c)
    if category == "Cc":
        return chr(0x2400 + ord(c)) if ord(c) < 0x20 else "␡" if c == "\x7f" else f"[U+{ord(c):04X}]"  # noqa: PLR2004
    if category == "Cs":
        return "\N{REPLACEMENT CHARACTER}"
    hidden = category in ("Zl", "Zp") or (category == "Cf" and c not in "\u200d\u00ad")
    return f"[U+{ord(c):04X}]" if hidden else c


def _unlinked(text: str) -> str:
    return _LINK.sub(lambda found: found[0] + JOINER, text)


def _guard_start(found: re.Match[str]) -> str:
    return f"{found[1]}\\{found[2]}" if found[2] else f"{found[1]}{found[3]}\\{found[4]}"
