"""A gate's question as a form in the Prefect UI, and a submitted form as an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.input import RunInput
from prefect.input.actions import read_flow_run_input
from prefect.input.run_input import Keyset, keyset_from_base_key
from pydantic import Field, create_model
from pydantic_core import PydanticUndefined

from tasks.quality.approval import Who
from tasks.quality.handwritten import as_written
from tasks.quality.ledger import canonical
from tasks.quality.model import Action, Answer, Option, Remember, Verdict
from tasks.quality.question import Choice, Question, grouped, values_of
from tasks.quality.registry import find_remedy
from tasks.quality.wording import plural
from tasks.sign import EVIDENCE_SHOWN, Claim

MOST_SELECTS = 40
"""Issues that get a select of their own; the rest follow one rule (more make the form unusable)."""

OUTLOOKS_SHOWN = 4
"""Options of an issue whose outlook stands beside its select; the others' are in the text above and in the report."""

WHY = {
    "never": "Why; written into the ledger",
    "against": "Why; needed when you choose something else where an action is recommended",
    "always": "Why; needed",
}

REMEMBER = (
    "Do the same without asking from now on: for how long, e.g. 30d (empty: no). You are asked again when more than "
    "twice as much is affected. Or: {for: 30d, rate: 5 %, issues: [typo-city]}"
)


HOLD, HOLDING = "Stop at the next stage", "Ask me again before the next stage begins"


def others(count: int) -> str:
    """What the issues that are not asked about one by one are called."""
    return f"{plural(count, 'other issue')} that {'matters' if count == 1 else 'matter'} less"


def signs(question: Question) -> str:
    """What the next code at a gate is, and what it says."""
    return f"Six digits from your authenticator. With them you sign: {question.who.meaning(len(question.agreed))}"


class GateForm(RunInput):
    """Base of every gate's form. It can be saved twice: a killed run asks again under the same key."""

    @classmethod
    def save(cls, keyset: Keyset, flow_run_id: Any = None) -> None:
        """Store the form's schema and description, unless they are stored already."""
        if read_flow_run_input(keyset["schema"], flow_run_id=flow_run_id) is None:
            super().save(keyset, flow_run_id)


@dataclass(frozen=True)
class Submitted:
    """A form as it came, and who says to have filled it in."""

    form: GateForm
    claim: Claim


def form(question: Question, problem: str = "", shown: str = "") -> type[GateForm]:
    """The form for a question: verdict, name, comment, and one select per issue.

    Args:
        question: what is asked.
        problem: why the previous answer was not taken, shown first.
        shown: hash of the question as it is shown; a form that is signed carries it.
    """
    fields: dict[str, Any] = {
        "verdict": (
            Literal[tuple(verdict.value for verdict in question.verdicts)],
            Field(title="Verdict", description=" · ".join(f"{k}: {v}" for k, v in question.meaning.items())),
        ),
        "answered_by": (str, Field(min_length=1, max_length=200, title="Your name", description=_whom(question.who))),
        **(_signing(question, shown) if question.who.signed else {}),
        "comment": (str, Field(default="", title="Comment", description=WHY[question.comment])),
    }
    asked = question.choices[:MOST_SELECTS]
    fields |= {_field(choice): _select(choice) for group in grouped(asked).values() for choice in group}
    if more := len(question.choices) - len(asked):
        hint = "Take what is recommended, or leave them as they are. To choose for each: gonogo answers"
        rule = Field(
            default="recommended",
            title=others(more),
            description=hint,
        )
        fields["rest"] = (Literal["recommended", "keep"], rule)
    if asked:
        hint = (
            "Only for actions that need a value, a line each: missing-value-price: 0. To edit a table of values: "
            "issue: {exclude: [Bon], change: {Koln: Köln}}"
        )
        fields["values"] = (str, Field(default="", title="Values", description=hint))
    if question.memory is not None:
        fields["remember"] = (str, Field(default="", title="Remember", description=REMEMBER))
    if Verdict.CONFIRM not in question.verdicts:
        fields["hold"] = (bool, Field(default=False, title=HOLD, description=HOLDING))
    model = create_model("Answer", __base__=GateForm, **fields)
    refusal = f"> **Not taken:** {problem}\n\n" if problem else ""
    model._description = refusal + question.text  # noqa: SLF001  (Prefect's own hook)
    return model


def said_in(question: Question, submitted: GateForm) -> dict[str, Any]:
    """What a submitted form says, in the words that `answer_of` takes.

    Raises:
        AnswerError: the typed values cannot be read.
    """
    given = submitted.model_dump(mode="json")
    return said(question, given, lambda _number, choice: str(given[_field(choice)]))


def said(question: Question, given: Mapping[str, Any], chosen: Callable[[int, Choice], str]) -> dict[str, Any]:
    """What was filled in, in the words that `answer_of` takes.

    Args:
        question: what was asked.
        given: what is in the fields, by their names.
        chosen: gives the action for an issue that was asked about by itself, by its number.

    Raises:
        AnswerError: the typed values cannot be read.
    """
    told = {name: given[name] for name in ("verdict", "answered_by", "comment") if name in given}
    if told["verdict"] == Verdict.NO_GO:
        return told
    values = values_of(question, given.get("values", ""))
    actions: dict[str, Any] = {}
    for number, choice in enumerate(question.choices[:MOST_SELECTS]):
        actions[choice.issue] = {"action": chosen(number, choice), **values.pop(choice.issue, {})}
    return told | {
        "rest": given.get("rest") or "recommended",
        "actions": actions | values,
        "hold": bool(given.get("hold")),
        "remember": remembered(question, given.get("remember", "")),
    }


def remembered(question: Question, text: str) -> Any:
    """What was typed to be remembered: a length of time, or YAML.

    Raises:
        AnswerError: it cannot be read.
    """
    return as_written(text, f"{question.gate}, remember")


def submission(question: Question, answer: Answer) -> dict[str, Any]:
    """An answer given elsewhere, as the form would send it."""
    sent: dict[str, Any] = {
        "verdict": answer.verdict.value,
        "answered_by": answer.answered_by,
        "comment": answer.comment,
    }
    if answer.hold:
        sent["hold"] = True
    if answer.remember:
        sent["remember"] = json.dumps(_wanted(answer.remember))
    if answer.verdict is Verdict.NO_GO or not question.choices:
        return sent
    said = {action.issue: _said(question.choice(action.issue), action) for action in answer.actions}
    return sent | {"values": json.dumps({issue: values for issue, values in said.items() if values})}


def _wanted(remember: Remember) -> dict[str, Any]:
    told = {"for": f"{int(remember.seconds)}s", "rate": remember.rate, "issues": list(remember.issues)}
    return told | {"columns": "any" if remember.any_column else "same"}


def _said(choice: Choice, action: Action) -> dict[str, Any]:
    option = choice.option(action.option)
    unsaid = defaults(option)
    changed = {k: v for k, v in action.parameters.items() if k in option.needs or unsaid.get(k, v) != v}
    return changed | ({} if option.key == choice.recommended else {"action": option.key})


def defaults(option: Option) -> dict[str, Any]:
    """The parameters that an option has when the pilot says nothing about them."""
    fields = find_remedy(option.remedy).parameters.model_fields
    plain = {name: field.get_default(call_default_factory=True) for name, field in fields.items()}
    own = {**{name: value for name, value in plain.items() if value is not PydanticUndefined}, **option.parameters}
    return dict(json.loads(canonical(own)))


def submitted(run_id: str, model: type[GateForm], key: str) -> Submitted | None:
    """What was submitted to the form of this key, if anything was."""
    prefix = keyset_from_base_key(f"suspended-{key}")["response"]
    with get_client(sync_client=True) as client:
        came = client.filter_flow_run_input(UUID(run_id), key_prefix=prefix, limit=1, exclude_keys=set())
    if not came or came[0].created is None:
        return None
    filled = model(**came[0].decoded_value)
    given = filled.model_dump(mode="json")
    named = {name: str(given.get(name, "")) for name in ("verdict", "comment", "code", "seen")}
    return Submitted(filled, Claim(name=given["answered_by"], purpose=f"{run_id} {key}", at=came[0].created, **named))


def seen(shown: str) -> str:
    """What a signed form carries of the hash of what it shows."""
    return shown.removeprefix("sha256:")[:EVIDENCE_SHOWN]


def _whom(who: Who) -> str:
    return f"For {who.told}" if who.strict else "Written into the ledger"


def _signing(question: Question, shown: str) -> dict[str, Any]:
    """The fields of a form that is signed."""
    proof = "What you sign is what is shown here; leave this as it is"
    return {
        "code": (str, Field(min_length=6, max_length=9, title="Code", description=signs(question))),
        "seen": (str, Field(default=seen(shown), title="Evidence", description=proof)),
    }


def _field(choice: Choice) -> str:
    return "issue_" + choice.issue.replace("-", "_")


def _select(choice: Choice) -> tuple[Any, Any]:
    labels = tuple(option.label for option in choice.options)
    told = [f"{option.label}: {brief}" for option in choice.options if (brief := choice.outlooks.get(option.key))]
    title = f"{choice.group}: {choice.title}" if choice.group else choice.title
    hint = " · ".join([choice.hint, *told[:OUTLOOKS_SHOWN]])
    return Literal[labels], Field(default=labels[0], title=title, description=hint)
