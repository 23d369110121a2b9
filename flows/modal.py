"""A gate's question as a modal in Slack, and a submitted modal as an answer: the same questions as the form's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flows.form import HOLD, HOLDING, MOST_SELECTS, OUTLOOKS_SHOWN, REMEMBER, WHY, others, said, signs
from tasks.quality.model import Verdict
from tasks.quality.question import Choice, Question, grouped
from tasks.reports.escape import slack
from tasks.reports.slack import Block, context, plain, section

CALLBACK = "gonogo-answer"
_SAID = "said"
_TITLE, _LABEL, _HINT, _OPTION = 24, 1900, 1900, 75


def modal(question: Question, where: str, links: Sequence[str], verdict: str = "") -> Block:
    """The modal for a question; who answers is not asked: it is whoever submits.

    Args:
        question: what is asked.
        where: run, gate and the beginning of the hash of what is asked; comes back with the answer.
        links: of the run's page and the report.
        verdict: preselected.
    """
    blocks = [section(f"*{slack(question.title, 400)}*\n{slack(question.summary, 1800)}"), context(links)]
    blocks += [context([f"signed: {slack(signed.line, 300)}"]) for signed in question.agreed]
    blocks.append(_verdicts(question, verdict))
    asked = question.choices[:MOST_SELECTS]
    numbers = {choice.issue: number for number, choice in enumerate(question.choices)}
    for group, choices in grouped(asked).items():
        blocks += [{"type": "header", "text": plain(group or "Issues", 150)}]
        blocks += [_select(choice, numbers[choice.issue]) for choice in choices]
    if more := len(question.choices) - len(asked):
        rest = (("recommended", "Take what is recommended"), ("keep", "Leave them as they are"))
        blocks.append(_choose("rest", others(more), rest, "recommended"))
    if asked:
        hint = "Only for actions that need a value, a line each: missing-value-price: 0"
        blocks.append(_text("values", "Values", hint, lines=True))
    blocks.append(_text("comment", "Comment", WHY[question.comment], lines=True, optional=question.comment != "always"))
    if question.memory is not None:
        blocks.append(_text("remember", "Remember", REMEMBER))
    if Verdict.CONFIRM not in question.verdicts:
        option = {"text": plain(HOLDING, _OPTION), "value": "hold"}
        boxes = {"type": "checkboxes", "action_id": _SAID, "options": [option]}
        blocks.append(_input("hold", HOLD, boxes))
    if question.who.signed:
        blocks.append(_text("code", "Code", signs(question), optional=False))
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": where,
        "title": plain(f"Answer {question.gate}", _TITLE),
        "submit": plain("Sign" if question.who.signed else "Answer", _TITLE),
        "close": plain("Not now", _TITLE),
        "blocks": blocks,
    }


def note(title: str, text: str) -> Block:
    """A modal that only says something."""
    close = plain("Close", _TITLE)
    return {"type": "modal", "title": plain(title, _TITLE), "close": close, "blocks": [section(slack(text))]}


def said_in(question: Question, values: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> tuple[dict[str, Any], str]:
    """What a submitted modal says, in the words that `answer_of` takes but for who answers; and the code, if any.

    Raises:
        AnswerError: the typed values cannot be read.
    """
    given = {"comment": "", **{name: _given(block.get(_SAID, {})) for name, block in values.items()}}
    return said(question, given, lambda number, _choice: given[f"issue-{number}"]), given.get("code", "")


def _given(element: Mapping[str, Any]) -> str:
    """What an input says: what was typed, or the value that was chosen."""
    if "selected_options" in element:
        return " ".join(str(option["value"]) for option in element["selected_options"] or ())
    if "selected_option" in element:
        return str((element["selected_option"] or {}).get("value", ""))
    return str(element.get("value") or "")


def _verdicts(question: Question, verdict: str) -> Block:
    options = tuple((v.value, f"{v.value}: {question.meaning.get(v.value, '')}") for v in question.verdicts)
    return _choose("verdict", "Verdict", options, verdict, kind="radio_buttons")


def _select(choice: Choice, number: int) -> Block:
    options = tuple((option.key, option.label) for option in choice.options)
    told = [f"{option.label}: {brief}" for option in choice.options if (brief := choice.outlooks.get(option.key))]
    hint = " · ".join([choice.hint, *told[:OUTLOOKS_SHOWN]])
    return _choose(f"issue-{number}", choice.title, options, choice.options[0].key, hint=hint)


def _choose(
    name: str,
    label: str,
    options: Sequence[tuple[str, str]],
    first: str,
    *,
    kind: str = "static_select",
    hint: str = "",
) -> Block:
    made = [{"text": plain(told, _OPTION), "value": value} for value, told in options]
    chosen = [option for option in made if option["value"] == first]
    element = {"type": kind, "action_id": _SAID, "options": made, **({"initial_option": chosen[0]} if chosen else {})}
    return _input(name, label, element, hint=hint, optional=False)


def _text(name: str, label: str, hint: str, *, lines: bool = False, optional: bool = True) -> Block:
    element = {"type": "plain_text_input", "action_id": _SAID, "multiline": lines}
    return _input(name, label, element, hint=hint, optional=optional)


def _input(name: str, label: str, element: Block, *, hint: str = "", optional: bool = True) -> Block:
    made = {"type": "input", "block_id": name, "label": plain(label, _LABEL), "element": element, "optional": optional}
    return made | ({"hint": plain(hint, _HINT)} if hint.strip() else {})
