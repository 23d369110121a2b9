"""What the gonogo commands do: find the run, start what is needed, show the outcome."""

from __future__ import annotations

import gc
import getpass
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape

from flows.answers import AnswersFile, accept_recommended
from flows.home import Home
from tasks.quality.errors import PilotMustDecide
from tasks.quality.ledger import digest
from tasks.quality.model import Answer
from tasks.quality.question import Question, Tables, remember_of
from tasks.quality.wording import plural

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

    from flows.drive import Given
    from flows.terminal import Progress

HELD = 3
"""Exit status of a command that leaves its run held at a gate."""

FAILED = 1
"""Exit status of a command whose run failed, or whose check does not hold."""

Answerer = Callable[[Question, Tables], Answer | None]


@dataclass(frozen=True)
class Cockpit:
    """What a command works with: the home, a client of the server, and the terminal."""

    home: Home
    client: SyncPrefectClient
    console: Console

    def find(self, name: str) -> FlowRun:
        """The run that a person calls `name`.

        Raises:
            PilotMustDecide: there is none, or the server does not know it.
        """
        from prefect.exceptions import ObjectNotFound

        run_id = run_id_of(self.home, name)
        try:
            return self.client.read_flow_run(UUID(run_id))
        except ObjectNotFound as error:
            todo = "its data and ledger are still there: gonogo show, verify, export"
            raise PilotMustDecide(f"the Prefect server does not know run {name}", where=run_id, todo=todo) from error


def run_pipeline(pipeline: Path, *, accepts: bool, answers: Path | None, name: str | None) -> None:
    """Start a run and carry it to its end, or to a gate that nobody answers."""
    from blocks.spec import load_or_default

    load_or_default(pipeline)  # what is wrong with the file is said before anything starts
    given = _given(answers, accepts=accepts)
    with cockpit(carries=True) as at:
        from flows.drive import start

        _carry(at, start(at.client, pipeline, name), given)


def decide_run(name: str, *, accepts: bool, answers: Path | None, code: str = "", remember: str = "") -> None:
    """Answer a held run, and carry it on unless somebody else does."""
    given = _given(answers, accepts=accepts)
    if remember and given is None:
        raise typer.BadParameter("--remember goes with --answers or --accept-recommended; at a terminal you are asked")
    with cockpit(carries=True) as at:
        from flows.drive import gate_of

        run = at.find(name)
        gate_of(run)  # refuses a run that is not held
        _carry(at, run.id, given, code, remember)


def resume_run(name: str, *, accepts: bool, answers: Path | None) -> None:
    """Carry on a run whose process died or that failed."""
    given = _given(answers, accepts=accepts)
    with cockpit(carries=True) as at:
        from flows.drive import revive

        run = at.find(name)
        revive(at.client, at.home, run)
        _carry(at, run.id, given)


def request(name: str, what: str, comment: str) -> None:
    """Ask a run to hold or stop before its next stage; a held run stops at once."""
    from blocks.ledger import Ledger

    with cockpit() as at:
        from flows.drive import ended, held, stop_held

        run = at.find(name)
        if ended(run):
            raise PilotMustDecide(f"{run.name} has ended already ({run.state_name})")
        with Ledger(at.home.ledger_url) as ledger:
            asked = sum(entry.kind == "request" for entry in ledger.entries(str(run.id)))
            payload = {"request": what, "comment": comment}
            who = getpass.getuser()
            key = f"request-{asked + 1}-{digest([who, payload])[7:15]}"  # two who ask at once are both heard
            ledger.append(str(run.id), key, "request", payload, actor=who, method="operating-system user")
        if held(run) and what == "stop":
            stop_held(at.client, at.home, run, getpass.getuser(), comment)
            at.console.print(f"{run.name} is stopped; nothing was loaded, everything is kept.")
        elif held(run):
            at.console.print(f"{run.name} is held already; it will be held again before its next stage.")
        else:
            at.console.print(f"{run.name} will {what} before its next stage.")


def run_id_of(home: Home, name: str) -> str:
    """The id of the run that a person calls `name`.

    Raises:
        PilotMustDecide: there is none, or several.
    """
    from blocks.ledger import Ledger

    with Ledger(home.ledger_url) as ledger:
        return ledger.resolve(name)


@contextmanager
def cockpit(console: Console | None = None, *, carries: bool = False) -> Iterator[Cockpit]:
    """Everything that a command on runs works with; starts the embedded server when none runs.

    Args:
        console: the terminal.
        carries: the command will carry a run; what that needs is loaded while the server starts.
    """
    console, home = console or Console(highlight=False), Home.here()
    home.activate()
    from flows.local import server

    with ExitStack() as stack:
        with console.status("getting the Prefect server ready …") as status:
            meanwhile = _load if carries else None
            stack.enter_context(server(home, tell=lambda text: status.update(escape(text)), meanwhile=meanwhile))
            from prefect.client.orchestration import get_client

            client = stack.enter_context(get_client(sync_client=True))
            stack.callback(_deliver)
        yield Cockpit(home, client, console)


def _load() -> None:
    """Load what carrying a run needs: the stages, the kinds of issues and the profiler, which take seconds."""
    gc.disable()  # nothing of it is garbage, and looking for some takes a sixth of the time
    try:
        import flows.pipeline  # noqa: F401
        from tasks.quality.registry import kinds
        from tasks.reports import profile_page

        kinds()
        profile_page.load()
        gc.freeze()
    finally:
        gc.enable()


def _deliver() -> None:
    """Hand over the events and log lines that are still on their way, before the server may stop."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    EventsWorker.drain_all(timeout=5)
    APILogWorker.drain_all(timeout=5)


def _given(answers: Path | None, *, accepts: bool) -> Answerer | None:
    """The answerer that the options name; None when a person is to be asked."""
    if answers and accepts:
        raise typer.BadParameter("choose one of --answers and --accept-recommended")
    if answers:
        return AnswersFile(answers)
    return accept_recommended if accepts else None


def answer_with(at: Cockpit, run_id: UUID, given: Answerer) -> None:
    """Carry a run on, answering as `given` says."""
    _carry(at, run_id, given)


def carry_on(at: Cockpit, run_id: UUID) -> None:
    """Carry a run on, asking at the terminal, if there is one."""
    _carry(at, run_id, None)


def _carry(at: Cockpit, run_id: UUID, given: Answerer | None, code: str = "", remember: str = "") -> None:
    from flows.drive import carry, held
    from flows.locks import holding
    from flows.story import conclude
    from flows.terminal import progress
    from tasks.announce import listening

    with holding(at.home, str(run_id), "terminal") as mine, progress(at.console) as shown, listening(shown):
        if not mine:
            todo = "answer there, or in the Prefect UI"
            raise PilotMustDecide("another terminal is carrying this run", where=str(run_id), todo=todo)
        try:
            run = carry(at.client, at.home, run_id, _Attendant(at, shown, given, code, remember))
        except KeyboardInterrupt:
            told = f"\nInterrupted; nothing is lost. Go on with [bold]gonogo resume {run_id}[/]"
            at.console.print(told, highlight=False, soft_wrap=True)
            raise
    conclude(at.console, at.home, run)
    if held(run):
        raise typer.Exit(HELD)
    if run.state and (run.state.is_failed() or run.state.is_crashed()):
        raise typer.Exit(FAILED)


@dataclass
class _Attendant:
    """Answers a held run's gates as the command's options say, or by asking the person at the terminal."""

    at: Cockpit
    shown: Progress
    given: Answerer | None
    code: str = ""
    remember: str = ""
    tried: tuple[str, ...] = ()
    chosen: dict[str, dict[str, object]] = field(default_factory=dict)

    def __call__(self, run: FlowRun, question: Question) -> Given | None:
        """The answer, or None when the gate is to stay open or was answered elsewhere."""
        from flows.drive import refusal
        from tasks.edits import tables
        from tasks.run import recall_run

        self.shown.rest()
        problem = refusal(self.at.home, run)
        if self.given is None:
            return self._asked(run, question, problem)
        if question.gate in self.tried:
            if problem:
                raise PilotMustDecide(f"the answer was not taken: {problem}", where=f"{run.name}, gate {question.gate}")
            return None  # it was taken, and somebody else has to agree
        self.tried = (*self.tried, question.gate)
        answer = self.given(question, tables(recall_run(str(self.at.home.staging), str(run.id)), question.round))
        if answer and self.remember:  # what is meant is the gate that was named, not those that follow
            answer = replace(answer, remember=remember_of(question, self.remember))
            self.remember = ""
        if answer is None and isinstance(self.given, AnswersFile):
            known = ", ".join(self.given.gates) or "none"
            told = f"{self.given.path} has no answer for {question.gate}, at which the run holds; it has: {known}"
            self.at.console.print(f"[yellow]{escape(told)}[/]", soft_wrap=True)
        return self._signed(question, answer) if answer else None

    def _signed(self, question: Question, answer: Answer) -> Given | None:
        """The answer with its code, which is good for one gate; without one the gate is left to a person."""
        from flows.drive import Given

        if not question.who.signed:
            return Given(answer)
        code, self.code = self.code, ""
        if not code and sys.stdin.isatty():
            meaning = question.who.meaning(len(question.agreed))
            code = typer.prompt(f"{question.gate}: code of {answer.answered_by}, who signs: {meaning}")
        return Given(answer, code) if code else None

    def _asked(self, run: FlowRun, question: Question, problem: str) -> Given | None:
        from flows.drive import Given, held
        from flows.terminal import Elsewhere, Prompt
        from tasks.edits import discreet_lines, value_table
        from tasks.report import shown
        from tasks.run import recall_run

        if not (sys.stdin.isatty() and self.at.console.is_terminal):
            return None
        key = run.state.state_details.pause_key if run.state else None

        def answered() -> bool:
            now = self.at.client.read_flow_run(run.id)
            return not held(now) or now.state is None or now.state.state_details.pause_key != key

        known = recall_run(str(self.at.home.staging), str(run.id))
        lines, starred = (partial(told, known, question.round) for told in (value_table, discreet_lines))
        chosen = self.chosen.setdefault(question.gate, {})  # an answer that is refused is given again, corrected
        goals = known.spec().goals
        prompt = Prompt(self.at.console, answered, lines=lines, starred=starred, goals=goals, chosen=chosen)
        try:
            answer = prompt.ask(question, shown(known, question.round) if question.choices else None, problem)
            return Given(answer, prompt.code) if answer else None
        except Elsewhere:
            self.at.console.print("\n[cyan]→[/] answered elsewhere")
            return None


def write_answers(name: str) -> None:
    """Print a commented answers file for what a held run asks."""
    from flows.answers import template

    with cockpit(Console(stderr=True, highlight=False)) as at:
        from flows.drive import question_of

        run = at.find(name)
        typer.echo(template(question_of(at.home, run), run.name), nl=False)


def show_run(name: str) -> None:
    """Tell a run's story from the ledger."""
    from flows.story import tell_story

    home = Home.here()
    tell_story(Console(highlight=False), home, run_id_of(home, name))


def write_map(
    name: str, issue: str, option: str, out: Path | None, *, raw: bool = False, personal: bool = False
) -> None:
    """Write the whole table of values of an issue's action, to a file or to the terminal.

    What columns with personal data hold is written as stars unless `personal`.
    """
    from blocks.staging import write_text
    from flows.maps import table_csv
    from tasks.edits import discreet_lines, editable, issue_of, value_table
    from tasks.report import shown
    from tasks.run import recall_run

    home = Home.here()
    run = recall_run(str(home.staging), run_id_of(home, name))
    round = run.rounds()
    if not round:
        raise PilotMustDecide(f"{run.name} has not looked for issues yet", todo=f"gonogo show {run.name}")
    chosen = editable(issue_of(run.assessment(round), issue), option)
    whole = value_table(run, round, issue, chosen.key)
    lines = whole if personal else discreet_lines(run, round, issue, whole)
    console = Console(stderr=out is None, highlight=False)
    if lines != whole:
        told = "[yellow]Stars stand for personal data, and can't be given back:[/] --personal writes what is there."
        console.print(told, soft_wrap=True)
    if out is None:
        typer.echo(table_csv(lines, raw=raw), nl=False)
        return
    write_text(out, table_csv(lines, raw=raw))
    label = shown(run, round).issue(issue).option(chosen.key).label
    console.print(f"{escape(label)}: {plural(len(lines), 'line')} → {escape(str(out))}", soft_wrap=True)
    todo = f"actions: {{{issue}: {{action: {chosen.key}, file: {out.name}}}}}"
    console.print(f"Correct it, and name it in an answers file: {escape(todo)}", soft_wrap=True)


def suggest_pipeline(data: Path, out: Path | None) -> None:
    """Print a commented pipeline for a source, or write it to a file that is not there yet."""
    from blocks.spec import default_pipeline, load_pipeline
    from tasks.suggest import suggest, write

    spec = load_pipeline(data) if data.suffix in (".yaml", ".yml") else default_pipeline(data)
    text = suggest(spec, beside=out.parent if out else None)
    if out is None:
        print(text, end="")  # noqa: T201  (the output itself, for a file or a pipe)
        return
    write(text, out)
    Console(highlight=False).print(f"{escape(str(out))} written; gonogo run {escape(str(out))}", soft_wrap=True)


def list_kinds(name: str, html: Path | None, markdown: Path | None) -> None:
    """Tell every kind of issue with its settings and remedies, or one; at the terminal, or as files."""
    from blocks.staging import write_text
    from flows.story import tell_kinds
    from tasks.quality.guide import guide
    from tasks.reports.kinds import kinds_html, kinds_markdown

    console = Console(highlight=False)
    for path, told in ((html, kinds_html), (markdown, kinds_markdown)):
        if path is not None:
            write_text(path, told(guide(name)))
            console.print(f"{escape(str(path))} written", soft_wrap=True)
    if html is None and markdown is None:
        tell_kinds(console, name)


def export_run(name: str, files: Mapping[str, Path | None], *, escape_formulas: bool) -> None:
    """Write what was asked for as CSV, and say where it is."""
    from tasks.export import EXPORTS
    from tasks.run import recall_run

    home, console = Home.here(), Console(highlight=False)
    wanted = {what: path for what, path in files.items() if path is not None}
    if not wanted:
        raise typer.BadParameter(f"name a file for at least one of {', '.join(f'--{what}' for what in files)}")
    run = recall_run(str(home.staging), run_id_of(home, name))
    for what, path in wanted.items():
        rows = EXPORTS[what](run, path, escape_formulas=escape_formulas)
        console.print(f"{what}: {plural(rows, 'row')} → {escape(str(path))}", soft_wrap=True)


def check_runs() -> None:
    """Do what is due at all runs, once, and say what was done."""
    with cockpit() as at:
        from flows.drive import adopt

        done = adopt(at.home)
        for line in done or ["Nothing was due."]:
            at.console.print(escape(line), soft_wrap=True)


def start_all(pipelines: Path, port: int | None, slack_webhook: str | None, *, secure: bool | None) -> None:
    """Start the Prefect server, the worker and the report pages, until Ctrl-C."""
    from flows.drive import adopt
    from flows.up import up

    home = Home.here()
    up(
        home,
        pipelines,
        port=port,
        slack_webhook=slack_webhook,
        secure=secure,
        console=Console(highlight=False),
        adopt=partial(adopt, home),
    )
