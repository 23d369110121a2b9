"""The ydata profile (fg-data-profiling, minimal mode) as one offline page.

Sampling is the caller's: up to `SAMPLE_ROWS` rows are given whole; above that, every k-th row by `_row` with
k = ceil(rows / SAMPLE_ROWS) (`sample_step`), and the note says so. It is a look, not a proof: every figure of
the quality report is counted over all rows.

The profiler escapes the values that it shows but not the names of columns, and allows itself anything a page
can do. So names are given to it in look-alike characters, and the page gets a policy under which only the
profiler's own two scripts run and nothing is fetched.
"""

from __future__ import annotations

import html
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any

from tasks.quality.model import ROW
from tasks.reports.escape import printable, visible
from tasks.reports.page import policy, render

if TYPE_CHECKING:
    import pandas as pd

SAMPLE_ROWS = 10_000
"""Rows that are profiled at most."""

CATEGORIES = 50
"""Distinct values up to which text is profiled as categories, if each occurs twice on average."""

NUMBER = r"-?(?:0|[1-9]\d{0,14})(?:\.\d+)?(?:[eE][+-]?\d{1,2})?"
"""Text that a float64 holds without loss: no leading zero, no separator, at most 15 digits before the point."""

_LOOKALIKES = str.maketrans("<>&\"'`{}\\", "‹›＆″′ˋ❴❵⧵")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_CLOCK = re.compile(
    r"<tr>\s*<th>(?:Analysis started|Analysis finished|Duration|Download configuration)</th>.*?</tr>", re.DOTALL
)
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def sample_step(rows: int, most: int = SAMPLE_ROWS) -> int:
    """Take every how-manieth row so that at most `most` remain.

    >>> sample_step(10_000), sample_step(10_001), sample_step(1_000_000)
    (1, 2, 100)
    """
    return max(-(-rows // most), 1)


def load() -> None:
    """Load the profiler, which takes seconds; the first page would wait for it."""
    with _quiet():
        import data_profiling  # noqa: F401


def profile_html(frame: pd.DataFrame, title: str, sampled_note: str = "") -> str:
    """The profile of a frame as one self-contained page; the same frame gives the same page.

    Args:
        frame: text columns as staged (`_row` is left out); columns that are wholly numbers are profiled as numbers.
        title: stands at the top.
        sampled_note: how the frame was sampled, e.g. "every 50th of 1,000,000 rows"; empty when it is whole.
    """
    shown = frame.drop(columns=[ROW], errors="ignore").reset_index(drop=True)
    if shown.empty:
        missing = "column" if len(frame) and not len(shown.columns) else "row"
        return _notice(title, f"The table has no {missing}s, so there is nothing to profile.")
    names = _safe_names([str(name) for name in shown.columns])
    try:
        page = _profiled(typed(shown.set_axis(names, axis=1)), title, sampled_note)
    except Exception as error:  # noqa: BLE001  (a third party's fault on odd data is told on the page, not hidden)
        return _notice(title, f"The profiler could not describe this table ({type(error).__name__}: {error}).")
    return _tidy(page, names)


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with text columns as numbers where every present value is one, and as categories where values are few.

    Blank counts as missing. A column with one value that a float64 would change (`007`, twenty digits) stays text.
    """
    return frame.apply(_typed_column, axis=0)


def _typed_column(column: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
        return column
    words = column.astype("object").where(column.notna(), None)
    present = words[column.notna()].astype(str).str.strip()
    present = present[present != ""]
    if len(present) and present.str.fullmatch(NUMBER, flags=re.ASCII).all():
        numbers: pd.Series[Any] = pd.to_numeric(present)
        return numbers.reindex(column.index)
    return words.astype("category") if 0 < present.nunique() <= min(CATEGORIES, len(present) / 2) else words


def _profiled(frame: pd.DataFrame, title: str, note: str) -> str:
    with _quiet():
        from data_profiling import ProfileReport

        report = ProfileReport(
            frame,
            minimal=True,
            progress_bar=False,
            pool_size=1,
            title=_lookalike(title),
            dataset={"description": _lookalike(note)},
            html={"minify_html": False, "use_local_assets": True, "inline": True},
            vars={kind: {"characters": False, "words": False, "length": False} for kind in ("text", "cat")},
            plot={"histogram": {"bins": 20}},
        )
        return str(report.to_html())


@contextmanager
def _quiet() -> Iterator[None]:
    """No telemetry, no progress bar (the profiler shows one whatever it is told), no warnings, repeatable plots."""
    os.environ["YDATA_PROFILING_NO_ANALYTICS"] = "true"
    os.environ["YDATA_SUPPRESS_BANNER"] = "true"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import matplotlib as mpl

        mpl.use("agg")
        from data_profiling.model.pandas import summary_pandas

        loud = summary_pandas.tqdm
        summary_pandas.tqdm = partial(loud, disable=True)
        try:
            with mpl.rc_context({"svg.hashsalt": "gonogo", "svg.fonttype": "none"}):
                yield
        finally:
            summary_pandas.tqdm = loud


def _safe_names(names: list[str]) -> list[str]:
    safe: dict[str, None] = {}
    for i, name in enumerate(names, start=1):
        shown = _lookalike(name).strip() or "blank name"
        safe[shown if shown not in safe and name.strip() else f"{shown} (column {i})"] = None
    return list(safe)


def _lookalike(text: str) -> str:
    return visible(text, 120).translate(_LOOKALIKES)


def _tidy(page: str, names: list[str]) -> str:
    for i, name in enumerate(names):
        page = page.replace(str(hash(name)), f"c{i}")
    page = _CONTROLS.sub(lambda found: printable(found[0]), _CLOCK.sub("", page))
    page = re.sub(r'<meta name="(?:date|url|description|author)"[^>]*>|<dc:date>[^<]*</dc:date>', "", page)
    return page.replace("<head>", f"<head>\n{_policy_tag(page)}", 1)


def _policy_tag(page: str) -> str:
    assets = resources.files("data_profiling").joinpath("report/presentation/flavours/html/templates/wrapper/assets")
    ours = {assets.joinpath(name).read_text("utf-8").strip() for name in ("bootstrap.bundle.min.js", "script.js")}
    scripts = tuple(script for script in _SCRIPT.findall(page) if script.strip() in ours)
    rules = policy(scripts=scripts).replace("style-src 'none'", "style-src 'unsafe-inline'")
    return f'<meta http-equiv="Content-Security-Policy" content="{html.escape(rules, quote=False)}; font-src data:">'


def _notice(title: str, text: str) -> str:
    return render("notice.html", title=title, heading="No profile", text=visible(text, 600))
