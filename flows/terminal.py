"""What a pilot sees and types at a terminal: progress of the stages, and each gate's question."""

from __future__ import annotations

import getpass
import select
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.status import Status
from rich.table import Table

from tasks.announce import Announcement, Happened
from tasks.quality.errors import AnswerError
from tasks.quality.model import Answer, Assessment, Change, Issue, Option, Verdict
from tasks.quality.question import Choice, Question, answer_of

AT_TERMINAL = "operating-system user, at a terminal"
_SAMPLE = 3


class Progress:
    """Shows the stages as they are announced: a spinner while one lasts, a line when it is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def __call__(self, heard: Announcement) -> None:
        """Show one announcement."""
        if heard.happened is Happened.STAGE_STARTED:
            self._spin(f"[bold]{heard.stage}[/]  {escape(heard.title)} …")
        elif heard.happened is Happened.STAGE_PROGRESS:
            share = f"{heard.done:,} of {heard.total:,}" if heard.total else f"{heard.done:,}"
            self._spin(f"[bold]{heard.stage}[/]  {escape(heard.title)}  {share}")
        else:
            self.rest()
            self._console.print(_line(heard))

    def rest(self) -> None:
        """Stop the spinner; the terminal is free for a question."""
        if self._status:
            self._status.stop()
            self._status = None

    def _spin(self, text: str) -> None:
        if not self._console.is_terminal:
            return
        if self._status is None:
            self._status = self._console.status(text)
            self._status.start()
        self._status.update(text)


_MARKS = {
    Happened.STAGE_COMPLETED: "[green]✓[/]",
    Happened.GATE_OPENED: "[yellow]?[/]",
    Happened.GATE_ANSWERED: "[cyan]→[/]",
    Happened.ANSWER_REJECTED: "[red]✗[/]",
    Happened.RUN_STOPPED: "[red]■[/]",
    Happened.LOAD_COMMITTED: "[green]✓[/]",
    Happened.RUN_FINISHED: "[green]■[/]",
}


def _line(heard: Announcement) -> str:
    seconds = heard.facts.get("seconds")
    took = f"  [dim]{seconds:.1f} s[/]" if seconds is not None else ""
    return f"{_MARKS.get(heard.happened, '·')} {escape(heard.title)}{took}"


@contextmanager
def progress(console: Console) -> Iterator[Progress]:
    """A progress display that leaves the terminal clean, whatever happens."""
    shown = Progress(console)
    try:
        yield shown
    finally:
        shown.rest()


class Elsewhere(Exception):
    """The gate was answered elsewhere while the terminal was waiting."""


class Prompt:
    """Asks one gate's question at the terminal.

    Args:
        console: where to show it.
        answered: called every second while waiting; true when the gate was answered elsewhere.
        read: gives the next typed line, or None at the end of input.
    """

    def __init__(
        self, console: Console, answered: Callable[[], bool], read: Callable[[], str | None] | None = None
    ) -> None:
        self._console, self._answered = console, answered
        self._read = read or self._read_line

    def ask(self, question: Question, assessment: Assessment | None, problem: str = "") -> Answer | None:
        """The pilot's answer, or None when the gate is to stay open.

        Raises:
            Elsewhere: somebody answered in the Prefect UI or at another terminal.
        """
        self._show(question, problem)
        chosen: dict[str, object] = {}
        while (typed := self._next(_menu(question))) not in (None, "q"):
            try:
                if verdict := _verdict(question, typed):
                    return self._answer(question, verdict, chosen)
                self._consider(question, assessment, typed, chosen)
            except AnswerError as error:
                self._console.print(f"[red]{escape(error.message)}[/]")
        return None

    def _answer(self, question: Question, verdict: Verdict, chosen: dict[str, object]) -> Answer:
        comment = self._next("Comment (Enter for none): ") or ""
        said = {"verdict": verdict.value, "answered_by": getpass.getuser(), "comment": comment, "actions": chosen}
        return answer_of(question, said, method=AT_TERMINAL)

    def _show(self, question: Question, problem: str) -> None:
        self._console.print()
        if problem:
            self._console.print(f"[red]Not taken:[/] {escape(problem)}")
        self._console.print(
            Panel(escape(question.summary), title=f"[bold]{escape(question.title)}", title_align="left")
        )
        if question.choices:
            self._console.print(issues_table(question))
        if question.report_url:
            self._console.print(f"[dim]Report:[/] {escape(question.report_url)}", soft_wrap=True)

    def _consider(
        self, question: Question, assessment: Assessment | None, typed: str, chosen: dict[str, object]
    ) -> None:
        if not typed.isdigit() or not 0 < int(typed) <= len(question.choices):
            raise AnswerError(f"'{typed}' is none of the answers", where=question.gate, available=_keys(question))
        choice = question.choices[int(typed) - 1]
        issue = assessment.issue(choice.issue) if assessment else None
        self._console.print(_issue_panel(choice, issue))
        number = self._next(f"Action 1–{len(choice.options)} (Enter: leave as it is): ")
        if not number:
            return
        if not number.isdigit() or not 0 < int(number) <= len(choice.options):
            raise AnswerError(f"no action '{number}'", where=choice.issue, available=[str(len(choice.options))])
        option = choice.options[int(number) - 1]
        given = {need: self._next(f"{need}: ") or "" for need in option.needs}
        chosen[choice.issue] = {"action": option.key, **given}
        self._console.print(f"[cyan]→[/] {escape(choice.title)}: {escape(option.label)}")

    def _next(self, prompt: str) -> str | None:
        self._console.print(prompt, end="", markup=False, highlight=False, soft_wrap=True)
        line = self._read()
        return None if line is None else line.strip()

    def _read_line(self) -> str | None:
        while not select.select([sys.stdin], [], [], 1.0)[0]:
            if self._answered():
                raise Elsewhere
        line = sys.stdin.readline()
        return line or None


def issues_table(question: Question) -> Table:
    """A gate's issues with their recommended actions, numbered as the pilot types them."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for heading, justify in (("#", "right"), ("issue", "left"), ("recommended", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for number, choice in enumerate(question.choices, start=1):
        recommended = choice.options[0].label if choice.recommended != "keep" else "[dim]keep[/]"
        shown = recommended if recommended.startswith("[dim]") else escape(recommended)
        table.add_row(str(number), f"{escape(choice.title)}\n[dim]{escape(choice.hint)}[/]", shown)
    return table


def _issue_panel(choice: Choice, issue: Issue | None) -> Panel:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for heading in ("", "action", "would change", "for example"):
        table.add_column(heading)
    for number, option in enumerate(choice.options, start=1):
        previewed = issue.option(option.key) if issue else option
        mark = " [green](recommended)[/]" if option.key == choice.recommended else ""
        table.add_row(str(number), escape(option.label) + mark, effect_of(previewed), _example(previewed))
    return Panel(table, title=escape(choice.title), subtitle=escape(choice.hint), title_align="left")


def effect_of(option: Option) -> str:
    """What an option would do, in numbers."""
    preview = option.preview
    if preview is None:
        return "not known before it runs" if option.needs else "nothing"
    parts = [
        f"{preview.cells_changed:,} cells" if preview.cells_changed else "",
        f"{preview.rows_removed:,} rows leave" if preview.rows_removed else "",
        f"drops {', '.join(preview.columns_dropped)}" if preview.columns_dropped else "",
        f"adds {', '.join(preview.columns_added)}" if preview.columns_added else "",
    ]
    return escape(", ".join(part for part in parts if part) or "nothing")


def _example(option: Option) -> str:
    changes: Iterable[Change] = option.preview.changes[:_SAMPLE] if option.preview else ()
    return escape("\n".join(f"{_short(change.before)} → {_short(change.after)}" for change in changes))


def _short(value: str | None, width: int = 24) -> str:
    if value is None:
        return "∅"
    line = " ".join(value.split())
    return line if len(line) <= width else line[: width - 1] + "…"


_LETTERS = {"g": Verdict.GO, "r": Verdict.RESOLVE, "n": Verdict.NO_GO}


def _verdict(question: Question, typed: str) -> Verdict | None:
    verdict = _LETTERS.get(typed.lower())
    return verdict if verdict in question.verdicts else None


def _keys(question: Question) -> list[str]:
    letters = [letter for letter, verdict in _LETTERS.items() if verdict in question.verdicts]
    return [*letters, *(["1"] if question.choices else []), "q"]


def _menu(question: Question) -> str:
    meanings = "   ".join(
        f"[{letter}] {question.meaning.get(verdict.value, verdict.value)}"
        for letter, verdict in _LETTERS.items()
        if verdict in question.verdicts
    )
    look = f"   [1-{len(question.choices)}] look at an issue, choose its action" if question.choices else ""
    return f"{meanings}{look}   [q] leave it held\n> "
