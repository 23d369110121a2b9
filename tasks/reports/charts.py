"""Small charts as inline SVG: coloured by the page's CSS classes, titled for who cannot see them.

Every function returns safe markup; lengths are in the chart's own units.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from markupsafe import Markup

from tasks.quality.wording import score_text
from tasks.reports.escape import visible
from tasks.reports.numbers import count, number


class Part(NamedTuple):
    """One part of a whole: `tone` is a CSS class."""

    label: str
    value: float
    tone: str = "accent"


class Point(NamedTuple):
    """One point of a trend: `None` where there was nothing to measure."""

    label: str
    before: float | None
    after: float | None


Box: TypeAlias = tuple[float, float, float, float]

Shown: TypeAlias = Callable[[float | None], str]
"""How a number is written beside a chart."""

_FIGURE = Markup('<svg class="{}" viewBox="0 0 {} {}" role="img"{}><title>{}</title>{}</svg>')
_STRETCH = Markup(' preserveAspectRatio="none"')


def _figure(kind: str, size: tuple[float, float], title: str, body: Iterable[str], *, stretch: bool = False) -> Markup:
    width, height = map(_n, size)
    inside = Markup("").join(body)
    return _FIGURE.format(kind, width, height, _STRETCH if stretch else Markup(""), visible(title, 400), inside)


def _rect(tone: str, box: Box, *, radius: float = 0, title: str = "") -> Markup:
    x, y, width, height = box
    places = (_n(x), _n(y), _n(max(width, 0)), _n(max(height, 0)), _n(radius))
    head = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="{}"').format(tone, *places)
    return head + (Markup("><title>{}</title></rect>").format(visible(title)) if title else Markup("/>"))


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _text(tone: str, x: float, y: float, text: str, anchor: str = "start") -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(tone, _n(x), _n(y), anchor, text)


def ring(value: float, before: float | None = None) -> Markup:
    """A score (0 to 100) as a ring with its number inside; `before` is the thin inner ring."""
    title = f"Quality {score_text(value)} of 100" + ("" if before is None else f", before {score_text(before)}")
    parts = [_circle("track", 52, 100), _circle(f"arc {tone_of(value)}", 52, value)]
    if before is not None:
        parts += [_circle("track thin", 43, 100), _circle("arc thin was", 43, before)]
    parts += [_text("ring-value", 60, 67, score_text(value), "middle"), _text("ring-unit", 60, 83, "of 100", "middle")]
    return _figure("ring", (120, 120), title, parts)


def tone_of(value: float) -> str:
    """The tone of a score: good from 90, fair from 70, else poor."""
    return "good" if value >= 90 else "fair" if value >= 70 else "poor"  # noqa: PLR2004


def _circle(tone: str, radius: float, share: float) -> Markup:
    around = 2 * math.pi * radius
    drawn = around * min(max(share, 0), 100) / 100
    markup = Markup(
        '<circle class="{}" cx="60" cy="60" r="{}" stroke-dasharray="{} {}" transform="rotate(-90 60 60)"/>'
    )
    return markup.format(tone, _n(radius), _n(drawn), _n(around)) if drawn else Markup("")


def bar(value: float, title: str, *, tone: str = "accent", mark: float | None = None) -> Markup:
    """A share of 100 as one bar; `mark` is a tick, e.g. the value before."""
    shown = min(max(value, 0), 100)
    parts = [_rect("track", (0, 0, 100, 8)), _rect(tone, (0, 0, max(shown, 0.8) if value else 0, 8))]
    if mark is not None:
        parts.append(_rect("mark", (min(max(mark, 0), 99.2), 0, 0.8, 8)))
    return _figure("bar", (100, 8), title, parts, stretch=True)


def stacked(parts: Sequence[Part], title: str) -> Markup:
    """Parts of a whole on one line; parts of nothing are left out, tiny ones stay visible."""
    whole = sum(part.value for part in parts) or 1
    x, drawn = 0.0, []
    for part in parts:
        if part.value:
            width = max(100 * part.value / whole, 0.6)
            drawn.append(_rect(part.tone, (x, 0, width - 0.2, 10), title=f"{part.label}: {number(part.value)}"))
            x += width
    return _figure("stacked", (max(x, 100), 10), title, drawn, stretch=True)


def histogram(bins: Sequence[tuple[float, float, int]], title: str) -> Markup:
    """Counts of numbers per bin (lower, upper, count)."""
    tallest = max((n for _, _, n in bins), default=0) or 1
    width = 120 / max(len(bins), 1)
    drawn = []
    for i, (lower, upper, n) in enumerate(bins):
        height = max(27 * n / tallest, 1) if n else 0
        label = f"{number(lower)} to {number(upper)}: {count(n)}"
        drawn.append(_rect("accent", (i * width, 28 - height, max(width - 1, 0.5), height), title=label))
    return _figure("histogram", (120, 28), title, [*drawn, _rect("axis", (0, 28, 120, 0.5))], stretch=True)


def bullet(
    value: float, targets: Sequence[tuple[float, str]], title: str, *, before: float | None = None, met: bool = True
) -> Markup:
    """A value against its target (two for a range), each with its label: bars are now and before, lines the target."""
    values = [0.0, value, *(target for target, _ in targets), *([] if before is None else [before])]
    at = _scale(min(values), max(values) * 1.08 or 1.0, 0, 1000)
    parts = [_rect("track", (0, 8, 1000, 26), radius=4), _span("good" if met else "poor", at(0), at(value), 8, 26)]
    if before is not None:
        parts.append(_span("was", at(0), at(before), 18, 6))
    for target, label in targets:
        parts += [_rect("target", (at(target) - 1.5, 2, 3, 38)), _target_label(at(target), label)]
    return _figure("bullet", (1000, 58), title, parts)


def _target_label(x: float, target: str) -> Markup:
    anchor = "start" if x < 80 else "end" if x > 920 else "middle"  # noqa: PLR2004  (near an edge)
    return _text("label", x, 55, visible(f"target {target}", 40), anchor)


def _span(tone: str, start: float, end: float, y: float, height: float) -> Markup:
    return _rect(tone, (min(start, end), y, abs(end - start), height), radius=2)


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    return Scale(low, (high - low) or 1.0, start, end - start)


class Scale(NamedTuple):
    """A linear scale from numbers to lengths."""

    low: float
    span: float
    start: float
    length: float

    def __call__(self, value: float) -> float:
        """The length at which `value` is drawn."""
        return self.start + self.length * (value - self.low) / self.span


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers that cover `low` to `high`.

    >>> ticks(0, 87)
    [0.0, 25.0, 50.0, 75.0, 100.0]
    """
    raw = (high - low) / about or abs(high) / about or 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.floor(low / step)
    last = math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def trend(points: Sequence[Point], title: str, *, shown: Shown = number) -> Markup:
    """Values over time: the line is after cleaning, the dashed line before; gaps are gaps."""
    values = [v for p in points for v in (p.before, p.after) if v is not None] or [0.0]
    marks = ticks(min(0.0, *values), max(values))
    y, x = _scale(marks[0], marks[-1], 214, 10), _scale(0, max(len(points) - 1, 1), 116, 966)
    grid = [_gridline(y(m), visible(shown(m), 24)) for m in marks]
    dates = [_text("label", x(i), 236, visible(points[i].label, 14), "middle") for i in _spread(len(points), 6)]
    lines = [
        _line("line was", [(x(i), y(p.before)) if p.before is not None else None for i, p in enumerate(points)]),
        _line("line", [(x(i), y(p.after)) if p.after is not None else None for i, p in enumerate(points)]),
    ]
    dots = [_dot(x(i), y(p.after), p, shown) for i, p in enumerate(points) if p.after is not None]
    return _figure("trend", (1000, 242), title, [*grid, *dates, *lines, *dots])


def _gridline(y: float, label: str) -> Markup:
    markup = Markup('<line class="grid" x1="108" x2="990" y1="{0}" y2="{0}"/>').format(_n(y))
    return markup + _text("label", 98, y + 4, label, "end")


def _spread(size: int, most: int) -> list[int]:
    if size <= most:
        return list(range(size))
    return list(range(0, size, -(-(size - 1) // (most - 1))))


def _line(tone: str, places: Iterable[tuple[float, float] | None]) -> Markup:
    path, joined = [], False
    for place in places:
        if place is not None:
            path.append(f"{'L' if joined else 'M'}{_n(place[0])} {_n(place[1])}")
        joined = place is not None
    return Markup('<path class="{}" d="{}"/>').format(tone, "".join(path)) if path else Markup("")


def _dot(x: float, y: float, point: Point, shown: Shown) -> Markup:
    before = "" if point.before is None else f" (before {shown(point.before)})"
    title = visible(f"{point.label}: {shown(point.after)}{before}")
    return Markup('<circle class="dot" cx="{}" cy="{}" r="3"><title>{}</title></circle>').format(_n(x), _n(y), title)
