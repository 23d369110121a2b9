"""What a gate asks, and what counts as an answer: the same for the form, the terminal and an answers file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from pydantic import ValidationError

from tasks.quality.approval import ANYBODY, Signature, Who
from tasks.quality.errors import AnswerError, did_you_mean
from tasks.quality.handwritten import as_written
from tasks.quality.ledger import digest
from tasks.quality.model import Action, Answer, Issue, Option, Remember, Verdict
from tasks.quality.policy import Match, Memory
from tasks.quality.registry import Parameters, find_remedy, module_title
from tasks.quality.timing import NOTHING_DUE, Times, duration
from tasks.quality.universal import Edits, Replacements, edited

KEEP = "keep"
RECOMMENDED = "recommended"

GATES = ("source", "quality", "load", "hold")
"""Families of gates; all but the first are numbered, as in "quality-2"."""

_KEYS = ("verdict", "answered_by", "comment", "actions", "rest", "remember", "hold")
"""What an answer says."""

_YES_OR_NO = dict.fromkeys(("yes", "true", "on", "y"), True) | dict.fromkeys(("no", "false", "off", "n"), False)

Tables: TypeAlias = Callable[[str, str], Mapping[str, str | None]]
"""(issue, option key) → old value → new value, of an action that is a table of values."""


@dataclass(frozen=True)
class Choice:
    """One issue as it is put to the pilot: its options, the recommended one first.

    Attributes:
        group: what it is shown together with, e.g. "Missing values".
        outlooks: option key → what it would bring, in a line.
        personal: whether what its columns hold is not to be shown.
    """

    issue: str
    title: str
    hint: str
    options: tuple[Option, ...]
    recommended: str
    group: str = ""
    outlooks: Mapping[str, str] = field(default_factory=dict)
    personal: bool = False

    def option(self, said: str) -> Option:
        """The option with this key or label.

        Raises:
            AnswerError: the issue offers no such option.
        """
        for option in self.options:
            if said in (option.key, option.label):
                return option
        keys = [option.key for option in self.options]
        raise AnswerError(f"unknown action '{said}'", where=self.issue, available=keys, todo=did_you_mean(said, keys))


@dataclass(frozen=True)
class Question:
    """A gate's question.

    Attributes:
        gate: `[a-z0-9-]+`, unique within the run, e.g. "quality-1".
        title: the question in one line.
        text: Markdown with the evidence; values from data are escaped already.
        summary: the same in one or two plain sentences, for a notification.
        round: of the assessment that the choices come from; 0 without choices.
        times: what happens when while nobody answers.
        needs_person: nothing is recommended here; automatic answers leave the gate held.
        failed: what was asked about failed; the summary says why, and may quote rows.
        comment: when an answer has to say why: "against" a recommendation, "always" or "never".
        who: who has to answer.
        agreed: what others have signed already, which this question asks to confirm.
        memory: which answers may be remembered; None: none.
        case: figures of the whole that a remembered answer is compared by.
        passes: what is said for a gate that is passed without asking; empty: go, and nothing is changed.
        unasked: why the gate is passed without asking anybody; empty when it asks.
        evidence: SHA-256 of what can be answered and of the substance shown (`sealed`).
    """

    gate: str
    title: str
    text: str
    verdicts: tuple[Verdict, ...]
    meaning: Mapping[str, str]
    summary: str = ""
    choices: tuple[Choice, ...] = ()
    report_url: str = ""
    needs_person: bool = False
    failed: bool = False
    times: Times = NOTHING_DUE
    unasked: str = ""
    round: int = 0
    evidence: str = ""
    comment: str = "never"
    who: Who = ANYBODY
    agreed: tuple[Signature, ...] = ()
    memory: Memory | None = None
    case: Mapping[str, float] = field(default_factory=dict)
    passes: Mapping[str, str] = field(default_factory=dict)

    def choice(self, issue: str) -> Choice:
        """The choice for this issue.

        Raises:
            AnswerError: the gate does not ask about it.
        """
        for choice in self.choices:
            if choice.issue == issue:
                return choice
        issues = [choice.issue for choice in self.choices]
        raise AnswerError(f"no issue '{issue}'", where=self.gate, available=issues, todo=did_you_mean(issue, issues))


def choices(
    issues: Sequence[Issue],
    told: Callable[[str, Option], str] | None = None,
    personal: AbstractSet[str] = frozenset(),
) -> tuple[Choice, ...]:
    """The issues that leave a choice, in the order given; the recommended option comes first.

    Args:
        issues: the most important first.
        told: (issue, option) → what it would bring, in a line.
        personal: columns whose values are not to be shown.
    """
    return tuple(
        Choice(
            issue.id,
            issue.title,
            issue.why,
            tuple(sorted(issue.options, key=lambda option: option.key != issue.recommended)),
            issue.recommended,
            module_title(issue.module).removesuffix(" Module"),
            {option.key: told(issue.id, option) for option in issue.options} if told else {},
            not personal.isdisjoint(issue.columns),
        )
        for issue in issues
        if len(issue.options) > 1
    )


def grouped(asked: Sequence[Choice]) -> dict[str, list[Choice]]:
    """The choices by group; the group of the most important one first, and so within each."""
    groups: dict[str, list[Choice]] = {}
    for choice in asked:
        groups.setdefault(choice.group, []).append(choice)
    return groups


def against(question: Question, actions: Sequence[Action]) -> tuple[Choice, ...]:
    """Issues for which something else is chosen than what is recommended."""
    chosen = {action.issue: action.option for action in actions}
    advised = (choice for choice in question.choices if choice.recommended != KEEP)
    return tuple(choice for choice in advised if chosen.get(choice.issue, choice.recommended) != choice.recommended)


def sealed(question: Question, *substance: Any) -> Question:
    """The question with the hash of its evidence.

    The hash covers what can be answered, every option, and the substance that is shown: what was found, counted and
    computed. The run's name, addresses and moments are not part of it, so the same data gives the same evidence.
    """
    asked = (question.gate, question.verdicts, question.meaning, question.choices, question.who)
    return replace(question, evidence=digest([*asked, *substance]))


def is_table(option: Option) -> bool:
    """Whether what an option does is a table of old and new values, which the pilot may edit."""
    return issubclass(find_remedy(option.remedy).parameters, Edits)


def answer_of(question: Question, said: Mapping[str, Any], *, method: str, tables: Tables | None = None) -> Answer:
    """The answer that `said` stands for.

    Args:
        question: what was asked.
        said: `verdict` (required), `answered_by` (required), `comment`, `actions` (issue → option key, label,
            or a mapping with `action` and parameters), `rest` ("recommended" or "keep": what to do about the
            issues not named; default "recommended"), `remember` (for how long to do the same unasked: "30d", or a
            mapping with `for`, `rate`, `issues`, `columns`), `hold` (true: hold again before the next stage).
        method: how the answer arrived and how its giver was identified.
        tables: gives the values that an action replaces, which edits (`exclude`, `change`) must name; without it
            only those are checked whose values are in the option itself.

    Raises:
        AnswerError: something in it cannot be taken; nothing has been recorded.
    """
    check_keys(said, question.gate)
    verdict = _verdict(question, said.get("verdict"))
    name = str(said.get("answered_by") or "").strip()
    if not name:
        raise AnswerError("nobody is named", where=question.gate, todo="say who answers in 'answered_by'")
    actions = () if verdict is Verdict.NO_GO else tuple(_actions(question, said, tables))
    comment = str(said.get("comment") or "").strip()
    if not comment:
        _check_comment(question, actions)
    remember = None if verdict is Verdict.NO_GO else remember_of(question, said.get("remember"))
    hold = _holds(question, said.get("hold")) and verdict is not Verdict.NO_GO
    return Answer(question.gate, verdict, name, method, comment, actions, remember=remember, hold=hold)


def _holds(question: Question, said: object) -> bool:
    """Whether the run shall hold again before its next stage."""
    word = str(said or "no").casefold()
    if word not in _YES_OR_NO:
        what = f"'{said}' is neither yes nor no"
        raise AnswerError(what, where=f"{question.gate}, hold", available=("true", "false"))
    return _YES_OR_NO[word]


def check_keys(said: Iterable[object], where: str) -> None:
    """Check what an answer says by its keys, before there is a question.

    Raises:
        AnswerError: one is unknown.
    """
    if unknown := sorted(str(key) for key in said if key not in _KEYS):
        todo = did_you_mean(unknown[0], _KEYS)
        raise AnswerError(f"unknown key '{unknown[0]}'", where=where, available=_KEYS, todo=todo)


def remember_of(question: Question, said: object) -> Remember | None:
    """What is to be remembered: "30d", or a mapping with `for`, `rate`, `issues` and `columns: any`.

    Raises:
        AnswerError: it is neither.
    """
    if said in (None, "", False, "no"):
        return None
    wanted = dict(said) if isinstance(said, Mapping) else {"for": said}
    allowed, where = ("for", "rate", "issues", "columns"), f"{question.gate}, remember"
    if unknown := sorted(set(wanted) - set(allowed)):
        raise AnswerError(f"unknown key '{unknown[0]}'", where=where, available=allowed)
    try:
        length = duration(str(wanted.get("for", "")))
    except ValueError as error:
        raise AnswerError(str(error), where=where) from error
    issues: Any = wanted.get("issues") or ()
    named = (issues,) if isinstance(issues, str) else tuple(str(issue) for issue in issues)
    for issue in named:
        question.choice(issue)
    anywhere = str(wanted.get("columns", "same")) == "any"
    return Remember(length.total_seconds(), _share(where, wanted.get("rate")), named, anywhere)  # type: ignore[attr-defined]


def _share(where: str, said: object) -> float | None:
    """A share written as 0.05 or as 5 %."""
    if said is None:
        return None
    text = str(said).strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise AnswerError(f"'{said}' is no share", where=where, todo="write e.g. rate: 0.05, or rate: 5 %")
    return share


def as_remembered(choice: Choice, found: Match | None) -> Choice:
    """The choice with what its standing decision says: that comes first when it holds, else how this case differs."""
    if found is None:
        return choice
    if found.differs:
        return replace(choice, hint=f"{choice.hint}. Not the same as in {found.policy.told}: {found.differs}")
    first = choice.option(found.option)
    first = replace(first, parameters={**first.parameters, **found.policy.parameters}, needs=())
    others = (option for option in choice.options if option.key != first.key)
    hint = f"{choice.hint}. Same as last time: {found.policy.told}"
    return replace(choice, options=(first, *others), recommended=first.key, hint=hint)


def _check_comment(question: Question, actions: Sequence[Action]) -> None:
    """Raise when an answer has to say why, and doesn't."""
    if question.comment == "always":
        raise AnswerError("no comment", where=question.gate, todo="say why in 'comment'")
    others = against(question, actions) if question.comment == "against" else ()
    if others:
        first, more = others[0], len(others) - 1
        what = f"no comment says why '{first.options[0].label}' is not done about {first.issue}"
        also = f", nor about {more} more that something is recommended for" if more else ""
        raise AnswerError(what + also, where=question.gate, todo="say why in 'comment', or take what is recommended")


def wants_again(question: Question, answer: Answer) -> str:
    """Why the source is to be read again in another run, when the answer wants that; else an empty string."""
    asked = [question.choice(action.issue) for action in answer.actions if _extracts(question, action)]
    said = f". {answer.comment}" if answer.comment and asked else ""
    return f"to be extracted again: {'; '.join(choice.title for choice in asked)}{said}" if asked else ""


def _extracts(question: Question, action: Action) -> bool:
    return question.choice(action.issue).option(action.option).remedy == "extract_again"


def values_of(question: Question, text: str) -> dict[str, dict[str, Any]]:
    """Parameters that a pilot typed, per issue, as they are written: YAML lines such as `missing-value-price: 0`.

    Raises:
        AnswerError: not a YAML mapping, or it names an issue that the gate does not ask about.
    """
    typed = as_written(text, f"{question.gate}, values") or {}
    if not isinstance(typed, dict):
        raise AnswerError("the values are not 'issue: value' lines", where=question.gate, todo="one per line")
    return {
        question.choice(str(issue)).issue: value if isinstance(value, dict) else {"": value}
        for issue, value in typed.items()
    }


def _verdict(question: Question, said: object) -> Verdict:
    allowed = [verdict.value for verdict in question.verdicts]
    if said is None:
        raise AnswerError("no verdict", where=question.gate, available=allowed, todo="choose one")
    if str(said) not in allowed:
        todo = did_you_mean(str(said), allowed)
        raise AnswerError(f"unknown verdict '{said}'", where=question.gate, available=allowed, todo=todo)
    return Verdict(str(said))


def _actions(question: Question, said: Mapping[str, Any], tables: Tables | None) -> Iterator[Action]:
    rest = str(said.get("rest") or RECOMMENDED)
    if rest not in (RECOMMENDED, KEEP):
        raise AnswerError(f"unknown rest '{rest}'", where=question.gate, available=(RECOMMENDED, KEEP))
    named = said.get("actions") or {}
    if not isinstance(named, Mapping):
        raise AnswerError("'actions' is not a mapping", where=question.gate, todo="write 'issue: action' lines")
    for issue in named:
        question.choice(str(issue))
    for choice in question.choices:
        default = choice.recommended if rest == RECOMMENDED else KEEP
        yield _action(choice, named.get(choice.issue, default), tables)


def _action(choice: Choice, said: object, tables: Tables | None) -> Action:
    given = dict(said) if isinstance(said, Mapping) else {"action": said}
    if given.get("action", "") is None:
        keys = [option.key for option in choice.options]
        raise AnswerError("no action is written", where=choice.issue, available=keys, todo="write one, or leave it out")
    option = choice.option(str(given.pop("action", choice.recommended)))
    if "file" in given:
        todo = "name it in an answers file or at a terminal; here write 'exclude' and 'change'"
        raise AnswerError("a file cannot be read from here", where=choice.issue, todo=todo)
    if "" in given:
        given = _named(choice, option, given)
    parameters = {**option.parameters, **given}
    for name in option.needs:
        if parameters.get(name) in (None, ""):
            raise AnswerError(
                f"'{option.label}' needs '{name}'",
                where=choice.issue,
                todo=f"write '{choice.issue}: {{action: {option.key}, {name}: …}}', or '{choice.issue}: …' in the form",
            )
    checked = _checked(choice, option, parameters)
    _check_edits(choice, option, checked, tables)
    return Action(choice.issue, option.key, checked.model_dump(mode="json"))


def _check_edits(choice: Choice, option: Option, parameters: Parameters, tables: Tables | None) -> None:
    """Raise when an edit names a value that the action does not replace."""
    if not isinstance(parameters, Edits) or not (parameters.exclude or parameters.change):
        return
    if isinstance(parameters, Replacements):
        edited(choice.issue, parameters.values, parameters, personal=choice.personal)
    elif tables is not None:
        edited(choice.issue, tables(choice.issue, option.key), parameters, personal=choice.personal)


def _named(choice: Choice, option: Option, given: dict[str, Any]) -> dict[str, Any]:
    if len(option.needs) != 1:
        raise AnswerError(
            f"'{option.label}' takes no single value",
            where=choice.issue,
            available=option.needs,
            todo="leave the value out, or name the parameter",
        )
    value = given.pop("")
    return {**given, option.needs[0]: value}


def _checked(choice: Choice, option: Option, parameters: dict[str, Any]) -> Parameters:
    model = find_remedy(option.remedy).parameters
    try:
        return model(**parameters)
    except ValidationError as error:
        first = error.errors()[0]
        name, told = ".".join(str(part) for part in first["loc"]), first["msg"].removeprefix("Value error, ")
        what = f"'{name}' is wrong: {told}" if name else told
        raise AnswerError(what, where=choice.issue, available=tuple(model.model_fields)) from error
