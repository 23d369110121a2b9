"""Answers without a person at the gate: from a file, or whatever is recommended. Both are labelled so."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from blocks.spec_file import missing_file
from flows.maps import corrections
from tasks.quality.errors import AnswerError, SpecError, did_you_mean
from tasks.quality.handwritten import as_written
from tasks.quality.model import Answer, Option, Verdict
from tasks.quality.question import GATES, KEEP, Choice, Question, Tables, answer_of, check_keys, grouped, is_table
from tasks.reports.escape import visible

ACCEPTED = "automatic, --accept-recommended"


def accept_recommended(question: Question, tables: Tables | None = None) -> Answer | None:  # noqa: ARG001
    """Go, with what is recommended; measure again for as long as something is recommended and rounds are left.

    A gate at which nothing can be recommended, such as a load that has just failed, is left to a person; so is one that
    says who may answer.
    """
    if question.needs_person or question.who.strict:
        return None
    wanted = any(choice.recommended != KEEP for choice in question.choices)
    again = wanted and Verdict.RESOLVE in question.verdicts
    verdict = Verdict.RESOLVE if again else Verdict.GO
    return answer_of(question, {"verdict": verdict.value, "answered_by": getpass.getuser()}, method=ACCEPTED)


def template(question: Question, run: str) -> str:
    """A commented answers file for a question: every issue with its options and what they would bring."""
    meanings = "; ".join(f"{verdict.value}: {question.meaning.get(verdict.value, '')}" for verdict in question.verdicts)
    why = {"against": "needed when you choose something else where an action is recommended", "always": "needed"}
    lines = [
        f"# {_line(question.title)}",
        f"# {_line(question.summary)}",
        f"# Correct this file, then: gonogo decide {run} --answers FILE.yaml",
        f"answered_by: {_scalar(getpass.getuser())}",
        f"{question.gate}:",
        f"  # {_line(meanings)}",
        f"  verdict: {question.verdicts[0].value}",
        f'  comment: ""  # why; {why.get(question.comment, "written into the ledger")}',
        f"  evidence: {question.evidence}  # what this file was written for; it answers nothing else",
    ]
    lines += ["  # hold: true  # hold again before the next stage begins"]
    if question.memory is not None:
        lines += [
            "  # remember: 30d  # do the same without asking; or {for: 30d, rate: 5 %, issues: [ISSUE], columns: any}"
        ]
    if question.choices:
        lines += ["  rest: recommended  # what becomes of issues that are not under 'actions': recommended, or keep"]
        lines += ["  actions:", *_actions(question)]
    return "\n".join(lines) + "\n"


def _actions(question: Question) -> Iterator[str]:
    for group, asked in grouped(question.choices).items():
        yield f"    # ——— {_line(group)} ———"
        for choice in asked:
            yield f"    # {_line(choice.title)}: {_line(choice.hint)}"
            yield from (f"    #   {_option(choice, option)}" for option in choice.options)
            yield f"    {choice.issue}: {choice.options[0].key}"


def _option(choice: Choice, option: Option) -> str:
    brief = choice.outlooks.get(option.key, "")
    needs = (
        f" (write {{action: {option.key}, {', '.join(f'{need}: …' for need in option.needs)}}})" if option.needs else ""
    )
    advised = ", recommended" if option.key == choice.recommended != KEEP else ""
    return _line(f"{option.key}{advised}: {option.label}{needs}" + (f" — {brief}" if brief else ""))


def _line(text: str) -> str:
    return visible(" ".join(text.split()), 400)


def _scalar(text: str) -> str:
    return yaml.safe_dump(text, default_flow_style=True, allow_unicode=True).splitlines()[0]


class AnswersFile:
    """Answers by gate from a YAML file.

    A key is a gate ("quality-2") or a family of gates ("quality"); a family's value may be a list, one answer for
    each of its gates in turn. `answered_by` at the top names who answers. An action that is a table of values takes
    `exclude` and `change`, or `file`: a corrected table (`flows.maps`), from the folder of the answers file.

    Raises:
        SpecError: the file is missing, or cannot be read.
        AnswerError: it is not a YAML mapping of gates to answers, whatever is asked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        said = as_written(_text(path), str(path))
        if not isinstance(said, Mapping):
            todo = "write e.g. 'load: {verdict: go}'"
            raise AnswerError("no mapping of gates to answers", where=str(path), todo=todo)
        self._said = dict(said)
        for gate in self.gates:
            self._check(gate)

    def __call__(self, question: Question, tables: Tables | None = None) -> Answer | None:
        """The answer to a question, or None when the file has none for its gate.

        Args:
            question: what is asked.
            tables: the values that actions replace, for those that are corrected by a file.

        Raises:
            AnswerError: the file's answer cannot be taken.
        """
        said = self._of(question.gate)
        if said is None:
            return None
        said = {key: value for key, value in said.items() if key != "evidence"} if self._seen(question, said) else said
        user = getpass.getuser()
        wanted = {"answered_by": self._said.get("answered_by") or user, **said}
        known = "operating-system user" if wanted["answered_by"] == user else "unverified"
        if isinstance(wanted.get("actions"), Mapping):
            wanted["actions"] = {i: self._corrected(question, i, a, tables) for i, a in wanted["actions"].items()}
        return answer_of(question, wanted, method=f"{known}, answers file {self.path.name}", tables=tables)

    @property
    def gates(self) -> tuple[str, ...]:
        """The gates, or families of gates, that the file has answers for."""
        return tuple(str(key) for key in self._said if key != "answered_by")

    def _check(self, gate: str) -> None:
        family, _, number = gate.partition("-")
        if family not in GATES or (number and not number.isdecimal()):
            todo = did_you_mean(gate, GATES) or "gonogo answers RUN > FILE.yaml writes one for what a run asks"
            raise AnswerError(f"no gate is called '{gate}'", where=str(self.path), available=GATES, todo=todo)
        said, where = self._said[gate], f"{self.path}: {gate}"
        for answer in said if isinstance(said, list) and not number else [said]:
            if answer is None:
                continue
            if not isinstance(answer, Mapping):
                raise AnswerError(f"'{answer}' is not an answer", where=where, todo="write e.g. {verdict: go}")
            check_keys([key for key in answer if key != "evidence"], where)

    def _seen(self, question: Question, said: Mapping[str, Any]) -> bool:
        """Whether the file says what it was written for, and it is this question.

        Raises:
            AnswerError: it was another one.
        """
        if "evidence" in said and said["evidence"] != question.evidence:
            todo = "write it anew: gonogo answers RUN > FILE.yaml"
            raise AnswerError(f"{self.path.name} answers other evidence", where=question.gate, todo=todo)
        return "evidence" in said

    def _corrected(self, question: Question, issue: object, action: Any, tables: Tables | None) -> Any:
        """An action whose corrected file is read: what it excludes and changes."""
        if not isinstance(action, Mapping) or "file" not in action or tables is None:
            return action
        choice = question.choice(str(issue))
        option = choice.option(str(action.get("action", choice.recommended)))
        if not is_table(option):
            raise AnswerError(f"'{option.label}' is no table of values", where=choice.issue, todo="leave 'file' out")
        file = self.path.parent / str(action["file"])
        edits = corrections(file, tables(choice.issue, option.key), personal=choice.personal)
        return {**{k: v for k, v in action.items() if k != "file"}, **edits}

    def _of(self, gate: str) -> Mapping[str, Any] | None:
        family, _, number = gate.rpartition("-")
        said: Any = self._said.get(gate, self._said.get(family))
        if isinstance(said, list):
            said = said[int(number) - 1] if int(number) <= len(said) else None
        return said  # type: ignore[no-any-return]


def _text(path: Path) -> str:
    """What a file says.

    Raises:
        SpecError: it is not there, or cannot be read.
    """
    if not path.exists():
        raise missing_file(path)
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror}", todo="check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path} is not UTF-8", todo="save it with UTF-8 encoding") from error
