"""What an option would bring, in words: plain text, the same for pages, Markdown and terminals, each escaping it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.quality.model import Assessment, Option, Preview
from tasks.quality.wording import plural, rate
from tasks.reports import numbers

if TYPE_CHECKING:
    from tasks.insights.goals import Goal

NAMED = 5
"""Issues named per line; the rest is counted."""


@dataclass(frozen=True)
class Outlook:
    """What one option would bring.

    Attributes:
        effect: cells and rows, e.g. "245 cells in 240 rows".
        clears: one line per issue or promise that would be suspect less often, the own issue first.
        creates: one line per issue or promise that would be suspect more often.
        goals: one line per goal that it would move.
        unmoved: goals that it would leave as they are.
        unknown: what could not be computed.
        leaves: what it would not fix.
        sure: how sure it is that what is written is right, in per cent; empty where nobody can know.
    """

    effect: str
    clears: tuple[str, ...] = ()
    creates: tuple[str, ...] = ()
    goals: tuple[str, ...] = ()
    unmoved: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    leaves: str = ""
    sure: str = ""

    @property
    def brief(self) -> str:
        """The whole in one line: effect, goals, what it creates, what was not computed, how sure it is."""
        parts = [self.effect, *self.goals, f"creates {'; '.join(self.creates)}" if self.creates else ""]
        parts += [f"not computed: {'; '.join(self.unknown)}" if self.unknown else ""]
        return ". ".join(part for part in (*parts, f"{self.sure} sure" if self.sure else "") if part)


class Teller:
    """Says what the options of one assessment would bring.

    Args:
        assessment: what the options are about.
        goals: the user's goals, for their units; without them figures are shown as plain numbers.
    """

    def __init__(self, assessment: Assessment, goals: Sequence[Goal] = ()) -> None:
        self._counts = {issue.id: (issue.title, issue.count, issue.unit) for issue in assessment.issues}
        self._now = assessment.goals
        self._goals = {goal.name: goal for goal in goals}

    def outlook(self, issue: str, option: Option) -> Outlook:
        """What an option of this issue would bring."""
        sure = "" if option.confidence is None else rate(option.confidence)
        preview = option.preview
        if preview is None:
            what = "not known before it runs" if option.needs else "nothing was previewed"
            return Outlook(what, leaves=option.leaves, sure=sure)
        moved = {name: after for name, after in preview.goals.items() if after != self._now.get(name)}
        return Outlook(
            effect=effect(preview),
            clears=tuple(self._changed(issue, preview.clears, "fewer")),
            creates=tuple(self._changed(issue, preview.creates, "more")),
            goals=tuple(self._moved(name, after) for name, after in moved.items()),
            unmoved=tuple(name for name in preview.goals if name not in moved),
            unknown=tuple(self._listed([self._title(name) for name in preview.unknown])),
            leaves=option.leaves,
            sure=sure,
        )

    def _changed(self, own: str, counts: Mapping[str, int], how: str) -> Iterator[str]:
        ordered = sorted(counts.items(), key=lambda told: (told[0] != own, -told[1], told[0]))
        yield from self._listed([self._line(own, name, n, how) for name, n in ordered])

    def _line(self, own: str, name: str, n: int, how: str) -> str:
        title, count, unit = self._counts.get(name, (self._title(name), 0, "failure" if ": " in name else "cell"))
        if how == "fewer":
            whole = "all" if n == count else f"{numbers.count(n)} of {numbers.count(count)}" if count else ""
            return f"{'this issue' if name == own else title}: {whole or plural(n, unit)}"
        new = "" if name in self._counts or ": " in name else " (new)"
        return f"{'this issue' if name == own else title}{new}: {plural(n, unit)}"

    def _title(self, name: str) -> str:
        return self._counts[name][0] if name in self._counts else name

    def _moved(self, name: str, after: float | None) -> str:
        before = self._now.get(name)
        rate = f" ({numbers.change(0, 100 * (after - before) / abs(before))} %)" if before and after is not None else ""
        return f"{name} {self._shown(name, before)} {numbers.ARROW} {self._shown(name, after)}{rate}"

    def _shown(self, name: str, value: float | None) -> str:
        goal = self._goals.get(name)
        return goal.shown(value) if goal else "undefined" if value is None else numbers.number(value)

    @staticmethod
    def _listed(lines: Sequence[str]) -> list[str]:
        more = len(lines) - NAMED
        return [*lines[:NAMED], f"and {numbers.count(more)} more"] if more > 0 else list(lines)


def effect(preview: Preview) -> str:
    """What a preview counts: "changes 3 cells in 3 rows, drops price", or "changes nothing"."""
    rows = plural(preview.rows_changed, "row")
    parts = [
        f"changes {plural(preview.cells_changed, 'cell')} in {rows}" if preview.cells_changed else "",
        f"takes out {plural(preview.rows_removed, 'row')}" if preview.rows_removed else "",
        f"drops {', '.join(preview.columns_dropped)}" if preview.columns_dropped else "",
        f"adds {', '.join(preview.columns_added)}" if preview.columns_added else "",
        f"renames {', '.join(map(' to '.join, preview.columns_renamed))}" if preview.columns_renamed else "",
    ]
    return ", ".join(part for part in parts if part) or "changes nothing"
