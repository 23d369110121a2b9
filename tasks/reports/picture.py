"""The quality of a table as a picture for a chat: a bar per dimension, and how it was before."""

from __future__ import annotations

import io

from tasks.quality.model import Assessment
from tasks.quality.wording import score_text
from tasks.reports.charts import tone_of

_TONES = {"good": "#2e7d4f", "fair": "#c98a1b", "poor": "#b3372f"}
_INK, _PALE = "#1f2933", "#e4e7eb"
_DOTS_PER_INCH = 150


def score_png(title: str, now: Assessment, before: Assessment | None = None) -> bytes:
    """A PNG of the scores (0 to 100) overall and by dimension; a tick stands where each was before."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names, values, earlier = ["overall"], [now.score.overall], [before.score.overall if before else None]
    was = {each.dimension: each.score for each in before.score.dimensions} if before else {}
    for each in now.score.dimensions:
        names.append(each.dimension.value)
        values.append(each.score)
        earlier.append(was.get(each.dimension))
    figure = Figure(figsize=(7.2, 0.9 + 0.36 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(names))
    axes.barh(places, [100] * len(names), color=_PALE, height=0.6)
    axes.barh(places, values, color=[_TONES[tone_of(value)] for value in values], height=0.6)
    for place, value, old in zip(places, values, earlier, strict=True):
        told = score_text(value) if old is None else f"{score_text(old)} → {score_text(value)}"
        axes.text(101, place, told, va="center", ha="left", color=_INK, fontsize=9)
        if old is not None:
            axes.plot([old, old], [place - 0.4, place + 0.4], color=_INK, linewidth=1.5)
    axes.set_yticks(places, names, color=_INK)
    axes.set_xlim(0, 118)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.tick_params(length=0, colors=_INK)
    axes.invert_yaxis()
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_title(title, loc="left", color=_INK, fontsize=11, parse_math=False)
    told_into = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(told_into, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return told_into.getvalue()
