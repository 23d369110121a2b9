"""One HTML page from one template: self-contained, escaped, and forbidden by its own policy to load anything."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tasks.quality.secrets import mask
from tasks.quality.wording import plural, rate, score_text
from tasks.reports import charts, escape, numbers

if TYPE_CHECKING:
    from jinja2 import Environment

CELL_LIMIT = 160
"""Characters of one value that a page shows."""


def render(template: str, **context: Any) -> str:
    """The page that `templates/<template>` makes of the context, ending in one line break."""
    css, js = asset("report.css"), asset("report.js")
    page = _environment().get_template(template)
    return page.render(css=css, js=js, policy=policy(scripts=(js,), styles=(css,)), **context).rstrip() + "\n"


@cache
def asset(name: str) -> Markup:
    """One of our own style sheets or scripts, ready to stand in a page."""
    return Markup(resources.files("tasks.reports").joinpath("assets", name).read_text("utf-8"))  # noqa: S704  (ours)


def policy(*, scripts: tuple[str, ...] = (), styles: tuple[str, ...] = ()) -> str:
    """A Content-Security-Policy that allows exactly these inline scripts and styles, and no network at all."""
    return (
        f"default-src 'none'; img-src data:; script-src {_hashes(scripts)}; style-src {_hashes(styles)}; "
        "base-uri 'none'; form-action 'none'"
    )


def cell(value: object, limit: int = CELL_LIMIT) -> Markup:
    """A value from data as it is shown in a table: nothing, blanks and controls are made visible."""
    if value is None:
        return Markup('<span class="nothing">null</span>')
    text = str(value)
    if not text.strip():
        blank = "empty" if not text else f"{plural(len(text), 'blank')}"
        return Markup('<span class="nothing">{}</span>').format(blank)
    edged = "·" * (len(text) - len(text.lstrip(" "))) + text.strip(" ") + "·" * (len(text) - len(text.rstrip(" ")))
    more = Markup(' <span class="nothing">({} characters)</span>').format(numbers.count(len(text)))
    shown = Markup("<bdi>{}</bdi>").format(escape.visible(edged, limit))
    return shown + more if len(edged) > limit else shown


def shortened(text: str, limit: int) -> str:
    """The text, or its first `limit` characters and a line that says so."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n… {numbers.count(len(text) - limit)} more characters: the whole is in the JSON report"


def _hashes(texts: tuple[str, ...]) -> str:
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"


def _finalize(value: object) -> object:
    return escape.printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tasks.reports"),
        autoescape=True,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "cell": cell,
        "count": numbers.count,
        "masked": mask,
        "number": numbers.number,
        "rate": rate,
        "score": score_text,
        "shortened": shortened,
        "url": escape.safe_url,
        "visible": escape.visible,
    }
    environment.globals |= {"plural": plural, "change": numbers.change, "charts": charts}
    return environment
