"""What a pilot sees at the terminal before deciding: what each action would bring, here and elsewhere."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest
from rich.console import Console

from flows.terminal import Prompt, _changed
from tasks.insights.goals import Goal
from tasks.quality.detect import assess
from tasks.quality.model import Change, Verdict
from tasks.quality.question import Question, choices
from tests.quality.opened import opened, snapshot
from tests.quality.test_kinds_contract import TABLES

REVENUE = Goal(name="revenue", metric="sum(total)", unit="EUR", decimals=2)


def asked(*typed: str, chosen: dict[str, object] | None = None):
    columns, contract = TABLES["orders"]
    with opened(columns(), contract) as data:
        found = assess(data, snapshot(data), metrics={REVENUE.name: REVENUE.metric})
    question = Question("quality-1", "t", "", (Verdict.GO, Verdict.NO_GO), {}, choices=choices(found.issues))
    waiting, screen = iter(typed), io.StringIO()
    console = Console(file=screen, width=200)
    prompt = Prompt(console, lambda: False, lambda: next(waiting, None), goals=(REVENUE,), chosen=chosen)
    answer = prompt.ask(question, found)
    return found, answer, screen.getvalue()


def test_each_action_says_what_it_would_clear_create_and_move():
    found, answer, screen = asked("1", "", "q")
    first = found.issues[0]
    assert first.id == "conditional-missing-total"
    preview = first.option(first.recommended).preview
    before, after = REVENUE.shown(found.goals["revenue"]), REVENUE.shown(preview.goals["revenue"])
    assert f"revenue {before} → {after} (+" in screen
    assert "clears this issue: all" in screen
    assert answer is None


def test_what_is_chosen_there_is_the_answer():
    found, _answer, _ = asked("q")
    options = sorted(found.issues[0].options, key=lambda o: o.key != found.issues[0].recommended)
    place = next(n for n, option in enumerate(options, 1) if n > 1 and not option.needs)
    _found, answer, _ = asked("1", str(place), "g", "for now")
    (action,) = [a for a in answer.actions if a.issue == found.issues[0].id]
    assert action.option == options[place - 1].key
    assert answer.comment == "for now"


def test_what_differs_in_spaces_only_is_shown_with_them():
    assert _changed(Change(0, "city", "Oslo ", "Oslo", 3)) == "Oslo␣ → Oslo"
    assert _changed(Change(0, "city", "New  York", "New York", 1)) == "New␣␣York → New␣York"
    assert _changed(Change(0, "city", "New York ", "Oslo", 1)) == "New York → Oslo"


def test_what_was_chosen_for_an_answer_that_was_refused_need_not_be_chosen_again():
    chosen: dict[str, object] = {}
    found, _answer, screen = asked("2", "1", "q", chosen=chosen)
    assert "you chose before" not in screen
    _found, answer, screen = asked("2", "", "g", "", chosen=chosen)
    assert "what you chose before stands for 1 issue" in screen
    assert "(Enter: as you have chosen): " in screen
    assert found.issues[1].id in {action.issue for action in answer.actions}


def test_what_stands_when_nothing_is_chosen_is_said_and_words_are_taken_for_letters():
    found, answer, screen = asked("1", "", "a", "1", "", "17%", "no-go", "enough")
    first = found.issues[0]
    label = first.option(first.recommended).label
    assert f"(Enter: as recommended, {label}): " in screen
    assert "(Enter: keep as it is): " in screen
    assert f"'17%' is none of the answers in quality-1; available: g, n, 1–{len(found.issues)}, l, a, h, q" in screen
    assert (answer.verdict, answer.comment) == (Verdict.NO_GO, "enough")


def test_going_against_what_is_recommended_is_asked_about_and_the_run_can_hold_again():
    from dataclasses import replace

    from flows.terminal import Prompt
    from tasks.quality.approval import Who
    from tasks.quality.policy import Memory

    columns, contract = TABLES["orders"]
    with opened(columns(), contract) as data:
        found = assess(data, snapshot(data))
    plain = Question("quality-1", "t", "", (Verdict.GO, Verdict.NO_GO), {}, choices=choices(found.issues))
    question = replace(plain, comment="against", memory=Memory(), who=Who(signed=True, meanings=("reviewed",)))
    typed = iter(["a", "h", "g", "", "", "", "g", "known", "30d", "ann", "123456"])
    screen = io.StringIO()
    prompt = Prompt(Console(file=screen, width=200), lambda: False, lambda: next(typed, None))
    answer = prompt.ask(question, found)
    assert "no comment says why" in screen.getvalue()
    assert "Code, with which you sign: reviewed" in screen.getvalue()
    assert {action.option for action in answer.actions} == {"keep"}
    assert (answer.answered_by, answer.method, answer.hold) == ("ann", "unverified, at a terminal", True)
    assert (answer.remember.seconds, prompt.code) == (30 * 86400, "123456")


@pytest.mark.parametrize("module", ["commands", "inbox", "revise", "jump", "quarantine"])
def test_commands_do_not_load_prefect_before_it_is_told_where_its_home_is(module):
    """Its settings are read when it is loaded: its log would fill the terminal of who pilots a run."""
    look = f"import sys, flows.{module}; print('prefect' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.strip() == "False"


def test_issues_are_numbered_as_they_are_listed_and_listed_again_with_what_stands():
    found, _answer, screen = asked("l", "q")
    numbers = [int(n) for n in re.findall(r"^ *(\d+)  ", screen, re.MULTILINE)]
    assert numbers == [*range(1, len(found.issues) + 1)] * 2
    assert "recommended" in screen
    titles = dict(re.findall(r"^ *(\d+)  (.*?)  ", screen, re.MULTILINE))
    issues = {number: next(issue for issue in found.issues if issue.title == title) for number, title in titles.items()}
    number, issue = next((number, issue) for number, issue in issues.items() if issue.recommended != "keep")
    option = issue.option(issue.recommended)
    _found, answer, screen = asked(number, "1", "l", "a", "l", "g", "seen")
    _before, _first, again, last = screen.split("#  issue ")
    assert f"{option.label} (chosen)" in again
    assert again.count("(chosen)") == last.count("(chosen)") == 1
    kept = len(re.findall(r"  keep +$", last, re.MULTILINE))
    assert kept == len(found.issues) - 1
    assert {a.issue for a in answer.actions if a.option != "keep"} == {issue.id}
