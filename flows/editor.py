"""A table of old and new values at a terminal: look at it, leave lines out, change targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.maps import corrections
from tasks.edits import Line
from tasks.quality.errors import AnswerError
from tasks.quality.wording import plural
from tasks.reports.escape import visible

_SHOWN = 20
_EDITING = (
    "Enter: take it so   x 3 5: leave lines out   3 = new: change a target   f FILE: take a corrected CSV   m: more\n> "
)


class Editor:
    """Lets the pilot look at a table of old and new values, leave lines out and change targets.

    Args:
        console: where to show it.
        ask: gives what is typed after a prompt, or None at the end of input.
        lines: the whole table.
        shown: the same lines as others may see them, with stars for personal data; by default they are shown whole.
    """

    def __init__(
        self,
        console: Console,
        ask: Callable[[str], str | None],
        lines: Sequence[Line],
        shown: Sequence[Line] | None = None,
    ) -> None:
        self._console, self._ask, self._lines = console, ask, lines
        self._stars = None if shown is None or shown == lines else shown
        self._excluded: list[str] = []
        self._changed: dict[str, str | None] = {}
        self._first = 0

    def edits(self) -> dict[str, object]:
        """What the pilot wants otherwise; empty when the table is taken as it is."""
        self._show()
        while typed := self._ask(_EDITING):
            try:
                self._do(typed)
            except AnswerError as error:
                self._console.print(f"[red]{escape(error.message)}[/]")
        edits = {"exclude": self._excluded, "change": self._changed}
        return {name: value for name, value in edits.items() if value}

    def _do(self, typed: str) -> None:
        word, _, rest = typed.partition(" ")
        if typed == "m":
            self._first = self._first + _SHOWN if self._first + _SHOWN < len(self._lines) else 0
        elif typed == "--personal":
            self._stars = None
        elif word == "x":
            for number in rest.replace(",", " ").split():
                self._exclude(self._line(number))
        elif word == "f":
            table = {line.old: line.new for line in self._lines}
            self._take(corrections(Path(rest.strip()).expanduser(), table, personal=self._stars is not None))
        else:
            number, equals, new = typed.partition("=")
            if not equals:
                raise AnswerError(f"'{typed}' is none of the answers", available=("x 3", "3 = new", "f FILE", "m"))
            self._change(self._line(number.strip()), new.strip() or None)
        self._show()

    def _line(self, number: str) -> Line:
        if not number.isdigit() or not 0 < int(number) <= len(self._lines):
            raise AnswerError(f"no line '{number}'", available=(f"1 to {len(self._lines)}",))
        return self._lines[int(number) - 1]

    def _exclude(self, line: Line) -> None:
        """Leave a line out, or take it in again."""
        self._changed.pop(line.old, None)
        if line.old in self._excluded:
            self._excluded.remove(line.old)
        else:
            self._excluded.append(line.old)

    def _change(self, line: Line, new: str | None) -> None:
        self._changed.pop(line.old, None)
        if line.old in self._excluded:
            self._excluded.remove(line.old)
        if new != line.new:
            self._changed[line.old] = new

    def _take(self, edits: Mapping[str, Any]) -> None:
        self._excluded, self._changed = list(edits["exclude"]), dict(edits["change"])

    def _show(self) -> None:
        table = Table(box=None, header_style="dim", pad_edge=False)
        for heading, justify in (("#", "right"), ("old", "left"), ("new", "left"), ("rows", "right")):
            table.add_column(heading, justify=justify)  # type: ignore[arg-type]
        page = slice(self._first, self._first + _SHOWN)
        shown = (self._stars or self._lines)[page]
        for number, (line, seen) in enumerate(zip(self._lines[page], shown, strict=True), start=self._first + 1):
            table.add_row(str(number), escape(short(seen.old, 40)), self._target(line, seen), f"{line.rows:,}")
        self._console.print(table)
        if self._stars:
            self._console.print("[yellow]Stars stand for personal data.[/] --personal: show what is there")
        more = len(self._lines) - len(shown)
        self._console.print(f"[dim]{plural(len(self._lines), 'line')}{f', {more:,} not shown (m)' if more else ''}[/]")

    def _target(self, line: Line, seen: Line) -> str:
        if line.old in self._excluded:
            return "[yellow]left out[/]"
        if line.old in self._changed:
            return f"[yellow]{escape(short(self._changed[line.old], 40))}[/]"
        return escape(short(seen.new, 40))


def short(value: str | None, width: int = 24) -> str:
    """A value on one line, cut to the width."""
    if value is None:
        return "∅"
    line = visible(" ".join(value.split()) or value, 10 * width)
    return line if len(line) <= width else line[: width - 1] + "…"
