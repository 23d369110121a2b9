"""What a pilot sees and types at a terminal: progress of the stages, and each gate's question."""

from __future__ import annotations

import getpass
import select
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.status import Status
from rich.table import Table

from flows.editor import Editor, short
from tasks.announce import Announcement, Happened
from tasks.edits import Line
from tasks.quality.errors import AnswerError
from tasks.quality.model import Answer, Assessment, Change, Issue, Option, Verdict
from tasks.quality.question import KEEP, RECOMMENDED, Choice, Question, answer_of, grouped, is_table
from tasks.quality.wording import plural
from tasks.reports.outlook import Outlook, Teller, effect

if TYPE_CHECKING:
    from tasks.insights.goals import Goal

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
    Happened.SOURCE_NOT_TOLD: "[red]✗[/]",
    Happened.RUN_STOPPED: "[red]■[/]",
    Happened.LOAD_COMMITTED: "[green]✓[/]",
    Happened.RUN_FINISHED: "[green]■[/]",
}


def _line(heard: Announcement) -> str:
    seconds = heard.facts.get("seconds")
    took = f"  [dim]{seconds:.1f} s[/]" if seconds is not None else ""
    mark = "[red]✗[/]" if heard.facts.get("refused") else _MARKS.get(heard.happened, "·")
    return f"{mark} {escape(heard.title)}{took}"


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
        lines: gives the table of values of (issue, option key), which the pilot may then edit.
        starred: gives the table of an issue as it may be shown.
        goals: the user's goals, for the units of their figures.
        chosen: issue → action that the pilot chose when the gate was asked before, and will choose now.
    """

    def __init__(
        self,
        console: Console,
        answered: Callable[[], bool],
        read: Callable[[], str | None] | None = None,
        *,
        lines: Callable[[str, str], tuple[Line, ...]] | None = None,
        starred: Callable[[str, tuple[Line, ...]], tuple[Line, ...]] | None = None,
        goals: Sequence[Goal] = (),
        chosen: dict[str, object] | None = None,
    ) -> None:
        self._console, self._answered = console, answered
        self._chosen = {} if chosen is None else chosen
        self._read = read or self._read_line
        self._lines, self._starred, self._goals = lines, starred, goals
        self.code = ""
        self._rest = RECOMMENDED
        self._hold = False

    def ask(self, question: Question, assessment: Assessment | None, problem: str = "") -> Answer | None:
        """The pilot's answer, or None when the gate is to stay open.

        Raises:
            Elsewhere: somebody answered in the Prefect UI or at another terminal.
        """
        self._show(question, assessment, problem)
        if self._chosen:
            what = f"what you chose before stands for {plural(len(self._chosen), 'issue')}"
            self._console.print(f"[cyan]→[/] {what}; choose again to change it")
        while (typed := self._next(_menu(question))) not in (None, "q"):
            try:
                if verdict := _verdict(question, typed):
                    return self._answer(question, verdict)
                if typed.lower() == "l" and question.choices:
                    self._list(question, assessment)
                elif not self._turned(question, typed.lower()):
                    self._consider(question, assessment, typed)
            except AnswerError as error:
                self._console.print(f"[red]{escape(error.message)}[/]")
        return None

    def _answer(self, question: Question, verdict: Verdict) -> Answer:
        comment = self._next("Comment (Enter for none): ") or ""
        remember = self._remembered(question, verdict)
        name = self._name(question)
        said = {
            "verdict": verdict.value,
            "answered_by": name,
            "comment": comment,
            "actions": self._chosen,
            "rest": self._rest,
            "remember": remember,
            "hold": self._hold,
        }
        method = AT_TERMINAL if name == getpass.getuser() else "unverified, at a terminal"
        answer = answer_of(question, said, method=method, tables=self._table if self._lines else None)
        if question.who.signed:  # asked for when all else can be taken: it is good for half a minute
            self.code = self._next(f"Code, with which you sign: {question.who.meaning(len(question.agreed))}: ") or ""
        return answer

    def _remembered(self, question: Question, verdict: Verdict) -> str:
        """For how long the same is to be done without asking."""
        if question.memory is None or verdict is Verdict.NO_GO:
            return ""
        return self._next("Do the same without asking from now on, for how long, e.g. 30d (Enter: no): ") or ""

    def _name(self, question: Question) -> str:
        """Who answers: the operating-system user, or at a strict gate who they say to be."""
        user = getpass.getuser()
        if not question.who.strict:
            return user
        return self._next(f"Your name, for {question.who.told} (Enter for {user}): ") or user

    def _turned(self, question: Question, typed: str) -> bool:
        """Turn a switch: what becomes of issues that the pilot does not choose for, or whether the run holds again."""
        if typed == "a" and question.choices:
            self._rest = KEEP if self._rest == RECOMMENDED else RECOMMENDED
            told = "as recommended" if self._rest == RECOMMENDED else "left as they are"
            self._console.print(f"[cyan]→[/] all the rest: {told}")
        elif typed == "h":
            self._hold = not self._hold
            then = "holds again before its next stage" if self._hold else "goes on"
            self._console.print(f"[cyan]→[/] after your answer the run {then}")
        return typed == "h" or (typed == "a" and bool(question.choices))

    def _table(self, issue: str, option: str) -> dict[str, str | None]:
        return {line.old: line.new for line in self._lines(issue, option)} if self._lines else {}

    def _show(self, question: Question, assessment: Assessment | None, problem: str) -> None:
        self._console.print()
        if problem:
            self._console.print(f"[red]Not taken:[/] {escape(problem)}")
        self._console.print(
            Panel(escape(question.summary), title=f"[bold]{escape(question.title)}", title_align="left")
        )
        for signature in question.agreed:
            self._console.print(f"[cyan]signed[/] {escape(signature.line)}", soft_wrap=True)
        if question.choices:
            self._list(question, assessment)
        if question.report_url:
            self._console.print(f"[dim]Report:[/] {escape(question.report_url)}", soft_wrap=True)

    def _list(self, question: Question, assessment: Assessment | None) -> None:
        teller = Teller(assessment, self._goals) if assessment else None
        self._console.print(issues_table(question, teller, self._chosen, self._rest))

    def _consider(self, question: Question, assessment: Assessment | None, typed: str) -> None:
        if not typed.isdigit() or not 0 < int(typed) <= len(question.choices):
            raise AnswerError(f"'{typed}' is none of the answers", where=question.gate, available=_keys(question))
        choice = _listed(question)[int(typed) - 1]
        issue = assessment.issue(choice.issue) if assessment else None
        self._console.print(_issue_panel(choice, issue, Teller(assessment, self._goals) if assessment else None))
        number = self._next(f"Action 1–{len(choice.options)} (Enter: {self._stands(choice)}): ")
        if not number:
            return
        if not number.isdigit() or not 0 < int(number) <= len(choice.options):
            raise AnswerError(f"no action '{number}'", where=choice.issue, available=[f"1–{len(choice.options)}"])
        option = choice.options[int(number) - 1]
        given: dict[str, object] = {need: self._next(f"{need}: ") or "" for need in option.needs}
        if self._lines and is_table(option) and not option.needs:
            lines = self._lines(choice.issue, option.key)
            shown = self._starred(choice.issue, lines) if self._starred else lines
            given |= Editor(self._console, self._next, lines, shown).edits()
        self._chosen[choice.issue] = {"action": option.key, **given}
        self._console.print(f"[cyan]→[/] {escape(choice.title)}: {escape(option.label)}[dim]{_edited(given)}[/]")

    def _stands(self, choice: Choice) -> str:
        """What becomes of an issue when no action is chosen for it now."""
        if choice.issue in self._chosen:
            return "as you have chosen"
        recommended = self._rest == RECOMMENDED and choice.recommended != KEEP
        return f"as recommended, {choice.option(choice.recommended).label}" if recommended else "keep as it is"

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


def _edited(given: Mapping[str, Any]) -> str:
    parts = [f"{plural(len(given['exclude']), 'line')} left out"] if given.get("exclude") else []
    parts += [f"{plural(len(given['change']), 'target')} changed"] if given.get("change") else []
    return f"; {', '.join(parts)}" if parts else ""


def _listed(question: Question) -> list[Choice]:
    """The choices as they are listed and numbered: group by group."""
    return [choice for group in grouped(question.choices).values() for choice in group]


def issues_table(
    question: Question,
    teller: Teller | None = None,
    chosen: Mapping[str, Any] = MappingProxyType({}),
    rest: str = RECOMMENDED,
) -> Table:
    """A gate's issues, numbered as the pilot types them, with the actions that stand and what these would bring.

    Args:
        question: the gate's.
        teller: tells what an action would bring.
        chosen: issue → what the pilot chose.
        rest: what becomes of the others: recommended, or keep.
    """
    table = Table(box=None, header_style="dim", pad_edge=False)
    changed = chosen or rest != RECOMMENDED
    for heading, justify in (("#", "right"), ("issue", "left"), ("stands" if changed else "recommended", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    group = ""
    for number, choice in enumerate(_listed(question), start=1):
        if choice.group != group:
            group = choice.group
            table.add_row("", f"[bold]{escape(group)}[/]", "")
        own = chosen.get(choice.issue)
        option = choice.option(str(own["action"]) if own else choice.recommended if rest == RECOMMENDED else KEEP)
        brief = teller.outlook(choice.issue, option).brief if teller and option.key != KEEP else ""
        shown = "[dim]keep[/]" if option.key == KEEP else escape(option.label)
        shown += f" [cyan](chosen{_edited(own)})[/]" if own else ""
        shown += f"\n[dim]{escape(short(brief, 200))}[/]" if brief else ""
        table.add_row(str(number), f"{escape(choice.title)}\n[dim]{escape(choice.hint)}[/]", shown)
    return table


def _issue_panel(choice: Choice, issue: Issue | None, teller: Teller | None) -> Panel:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for heading in ("", "action", "would bring", "for example"):
        table.add_column(heading)
    for number, option in enumerate(choice.options, start=1):
        previewed = issue.option(option.key) if issue else option
        mark = " [green](recommended)[/]" if option.key == choice.recommended else ""
        told = teller.outlook(choice.issue, previewed) if teller else None
        brought = "\n".join(_brought(told)) if told else escape(effect_of(previewed))
        table.add_row(str(number), escape(option.label) + mark, brought, _example(previewed))
    return Panel(table, title=escape(choice.title), subtitle=escape(choice.hint), title_align="left")


def _brought(told: Outlook) -> Iterator[str]:
    """What an option would bring, line by line."""
    yield escape(told.effect) + (f" [dim]({told.sure} sure)[/]" if told.sure else "")
    yield from (f"[bold]{escape(line)}[/]" for line in told.goals)
    for word, lines, style in (
        ("clears", told.clears, "green"),
        ("creates", told.creates, "red"),
        ("leaves", (told.leaves,) if told.leaves else (), "yellow"),
        ("not computed:", told.unknown, "dim"),
    ):
        if lines:
            yield f"[{style}]{word}[/] {escape(short('; '.join(lines), 160))}"


def effect_of(option: Option) -> str:
    """What an option would do, in numbers."""
    if option.preview is None:
        return "not known before it runs" if option.needs else "nothing"
    return effect(option.preview)


def _example(option: Option) -> str:
    if option.preview is None:
        return ""
    shown = [*option.preview.changes[:_SAMPLE], *option.preview.surprising[:1]]
    return escape("\n".join(f"{_changed(c)}{_times(c)}" for c in shown))


def _changed(change: Change) -> str:
    """A value before and after; what differs in spaces only is shown with them."""
    before, after = short(change.before), short(change.after)
    if before == after and change.before != change.after:
        before, after = (short((value or "").replace(" ", "␣")) for value in (change.before, change.after))
    return f"{before} → {after}"


def _times(change: Change) -> str:
    return f" ×{change.cells:,}" if change.cells > 1 else ""


_LETTERS = {
    "g": Verdict.GO,
    "r": Verdict.RESOLVE,
    "c": Verdict.CONFIRM,
    "x": Verdict.REJECT,
    "n": Verdict.NO_GO,
}


def _verdict(question: Question, typed: str) -> Verdict | None:
    verdict = _LETTERS.get(typed.lower()) or next((each for each in Verdict if each.value == typed.lower()), None)
    return verdict if verdict in question.verdicts else None


def _keys(question: Question) -> list[str]:
    letters = [letter for letter, verdict in _LETTERS.items() if verdict in question.verdicts]
    numbers = [f"1–{len(question.choices)}", "l", "a"] if question.choices else []
    return [*letters, *numbers, "h", "q"]


def _menu(question: Question) -> str:
    meanings = "   ".join(
        f"[{letter}] {verdict.value}" + (f": {meaning}" if (meaning := question.meaning.get(verdict.value)) else "")
        for letter, verdict in _LETTERS.items()
        if verdict in question.verdicts
    )
    look = (
        f"   [1-{len(question.choices)}] look at an issue, choose its action   [l] list them again   "
        "[a] all the rest: recommended or not"
        if question.choices
        else ""
    )
    return f"{meanings}{look}   [h] hold again after this   [q] leave it held\n> "
