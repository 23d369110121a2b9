"""Messages for Slack in its blocks: what happened in a run, what a gate asks, and the buttons that answer it.

Every text that came from elsewhere goes through `escape.slack` where it may be marked up, and stands as plain text
where it may not; nothing of it is parsed for names or addresses (`verbatim`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tasks.quality.inbox import length
from tasks.quality.model import Verdict
from tasks.quality.question import KEEP, Question
from tasks.quality.wording import plural
from tasks.reports.escape import safe_url, slack, visible

Block: TypeAlias = dict[str, Any]

BUTTON = "gonogo-"
OPEN = f"{BUTTON}open"
SHOWN = 16
"""Hexadecimal digits of the question's hash that a button carries."""

_SECTION = 2900
_CONFIRM = 290


@dataclass(frozen=True)
class Message:
    """One message of a run's thread; the one with the key "run" begins it.

    Attributes:
        text: for notifications and screen readers.
        broadcast: whether it is shown in the channel, too.
    """

    key: str
    text: str
    blocks: tuple[Block, ...]
    broadcast: bool = False


@dataclass(frozen=True)
class Picture:
    """One chart of a run's thread: how good the table of a round is."""

    key: str
    title: str
    round: int


@dataclass(frozen=True)
class Quick:
    """An answer that one button gives.

    Attributes:
        said: in the words that `answer_of` takes.
        means: what it brings, shown before it counts.
    """

    action: str
    label: str
    said: dict[str, str]
    means: str
    style: str = ""


@dataclass(frozen=True)
class Asked:
    """A gate as its message shows it.

    Attributes:
        where: run, gate and the beginning of the hash of what is asked: what a button carries.
        problem: why the last answer was not taken.
        over: what became of it, once it is decided or on its way; then there are no buttons.
        buttons: whether clicks come.
        links: of the run's page and the report.
    """

    question: Question
    run: str
    where: str
    links: tuple[str, ...]
    problem: str = ""
    over: str = ""
    buttons: bool = False


def section(text: str) -> Block:
    """A paragraph of Slack's markup."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:3000] or " ", "verbatim": True}}


def context(parts: Iterable[str]) -> Block:
    """A small line."""
    told = " · ".join(part for part in parts if part)[:3000] or " "
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": told, "verbatim": True}]}


def plain(text: str, most: int) -> Block:
    """Text that is shown as it is, without emoji."""
    return {"type": "plain_text", "text": visible(text.strip() or "–", most), "emoji": False}


def link(url: str, label: str) -> str:
    """A link of ours, or the label alone where the address is none that may be linked to.

    >>> link("https://pages.example/q.html?until=1&sign=2", "Report")
    '<https://pages.example/q.html?until=1&amp;sign=2|Report>'
    """
    address = safe_url(url)
    if not address.startswith("http"):
        return ""
    for mark, code in (("|", "%7C"), ("<", "%3C"), (">", "%3E"), ("&", "&amp;")):
        address = address.replace(mark, code)
    return f"<{address}|{slack(label, 80)}>"


def lines(text: str) -> str:
    """Plain text of several lines, escaped line by line."""
    told = [slack(line, _SECTION) for line in text.splitlines() if line.strip()]
    return "\n".join(told)[:_SECTION]


def root(run: str, pipeline: str, source: str, state: str, links: Sequence[str]) -> Message:
    """The message that begins a run's thread, with the state it is in."""
    told = f"*{slack(pipeline, 100)}* · {slack(source, 300)}\n{slack(state, 300)}"
    blocks = ({"type": "header", "text": plain(run, 150)}, section(told), context(links))
    return Message("run", f"{slack(run, 100)}: {slack(state, 300)}", blocks)


def leg(key: str, done: Sequence[str]) -> Message:
    """What was done between two gates, a line each."""
    told = [slack(line, 400) for line in done]
    return Message(key, told[-1], (section("\n".join(told)[:_SECTION]),))


def line(key: str, title: str, text: str = "", links: Sequence[str] = (), *, broadcast: bool = False) -> Message:
    """Something that happened, with its numbers and links."""
    blocks = [section(f"*{slack(title, 600)}*" + (f"\n{lines(text)}" if text.strip() else ""))]
    return Message(key, slack(title, 600), (*blocks, *([context(links)] if any(links) else [])), broadcast)


def gate(asked: Asked) -> Message:
    """What a gate asks, with buttons where clicks come; once it is decided, who decided."""
    question = asked.question
    told = [section(f"*{slack(question.title, 400)}*\n{slack(question.summary, 1800)}")]
    if question.who.strict:
        told.append(
            context(
                [f"For {slack(question.who.told, 400)}", *(f"signed: {slack(s.line, 300)}" for s in question.agreed)]
            )
        )
    if asked.over:
        told.append(section(f"*{slack(asked.over, 1200)}*"))
    elif asked.problem:
        told.append(section(f"*Not taken:* {slack(asked.problem, 1200)}"))
    told.append(context(asked.links))
    if asked.buttons and not asked.over:
        told.append({"type": "actions", "block_id": "gate", "elements": _buttons(question, asked.where)})
    head = slack(asked.over, 300) if asked.over else f"Decision needed: {slack(question.title, 300)}"
    return Message(f"gate-{question.gate}", head, tuple(told), broadcast=True)


def quick(question: Question) -> tuple[Quick, ...]:
    """The answers that need no form: none where a code or a comment is asked for."""
    if question.who.signed or question.comment == "always":
        return ()
    means = question.meaning
    no = Quick("no-go", "No-go", {"verdict": "no-go"}, means.get("no-go", "stop here"), "danger")
    if Verdict.CONFIRM in question.verdicts:
        return Quick("confirm", "I agree", {"verdict": "confirm"}, means.get("confirm", ""), "primary"), no
    wanted = sum(choice.recommended != KEEP for choice in question.choices)
    if not wanted:
        return Quick("go", "Go", {"verdict": "go"}, means.get("go", "go on"), "primary"), no
    verdict = Verdict.RESOLVE if Verdict.RESOLVE in question.verdicts else Verdict.GO
    left = len(question.choices) - wanted
    told = f"{plural(wanted, 'recommended action')}; {plural(left, 'issue')} left as before. Then: {{}}"
    said = {"verdict": verdict.value, "rest": "recommended"}
    return Quick("recommended", "Apply recommended", said, told.format(means.get(verdict.value, "")), "primary"), no


def _buttons(question: Question, where: str) -> list[Block]:
    made = [_button(each, where) for each in quick(question)]
    label = (
        "Answer and sign" if question.who.signed else "Open questions" if question.choices else "Answer with a comment"
    )
    style = {} if made else {"style": "primary"}
    return [*made, {"type": "button", "action_id": OPEN, "text": plain(label, 75), "value": where, **style}]


def _button(answer: Quick, where: str) -> Block:
    confirm = {
        "title": plain(f"{answer.label}?", 100),
        "text": plain(answer.means or answer.label, _CONFIRM),
        "confirm": plain(answer.label, 30),
        "deny": plain("Back", 30),
        **({"style": answer.style} if answer.style else {}),
    }
    made = {"type": "button", "action_id": f"{BUTTON}{answer.action}", "text": plain(answer.label, 75), "value": where}
    return made | {"confirm": confirm} | ({"style": answer.style} if answer.style else {})


def waited(seconds: float, title: str) -> str:
    """What a reminder says."""
    return f"Nobody has answered for {length(seconds)}: {title}"
