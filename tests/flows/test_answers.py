"""The answers file that gonogo writes: it tells every issue with its options, and answers as it stands."""

from __future__ import annotations

import pytest
import yaml

from flows.answers import AnswersFile, template
from tasks.quality.detect import assess
from tasks.quality.errors import AnswerError, SpecError
from tasks.quality.model import Verdict
from tasks.quality.question import Question, choices, sealed
from tests.quality.opened import opened, snapshot
from tests.quality.test_kinds_contract import TABLES


@pytest.fixture(scope="module")
def question():
    columns, contract = TABLES["orders"]
    with opened(columns(), contract) as data:
        found = assess(data, snapshot(data))
    asked = choices(found.issues, lambda issue, option: f"outlook of {option.key}\n{issue}")
    verdicts = (Verdict.GO, Verdict.RESOLVE, Verdict.NO_GO)
    return sealed(Question("quality-1", "t: what?", "", verdicts, {}, "s", asked, comment="against"))


def test_it_names_every_issue_and_option_and_answers_with_what_is_recommended(question, tmp_path):
    written = template(question, "orders-1")
    for choice in question.choices:
        assert f"\n    {choice.issue}: {choice.options[0].key}\n" in written
        assert all(f"#   {option.key}" in written for option in choice.options)
    assert f"outlook of {question.choices[0].options[0].key} {question.choices[0].issue}" in written
    path = tmp_path / "a.yaml"
    path.write_text(written)
    answer = AnswersFile(path)(question)
    assert {a.issue: a.option for a in answer.actions} == {c.issue: c.recommended for c in question.choices}


def test_it_is_taken_for_nothing_else_than_what_it_was_written_for(question, tmp_path):
    said = yaml.safe_load(template(question, "orders-1"))
    path = tmp_path / "a.yaml"
    path.write_text(yaml.safe_dump(said).replace(question.evidence, "sha256:" + "0" * 64))
    with pytest.raises(AnswerError, match=r"answers other evidence.*gonogo answers RUN"):
        AnswersFile(path)(question)


def test_it_names_the_gates_that_it_answers_for_whom_it_has_no_answer(question, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(template(question, "orders-1").replace("quality-1:", "quality-9:"))
    file = AnswersFile(path)
    assert (file(question), file.gates) == (None, ("quality-9",))


def test_values_are_those_that_are_written(question, tmp_path):
    issue, action = next((c.issue, o.key) for c in question.choices for o in c.options if o.needs == ("value",))
    path, actions = tmp_path / "a.yaml", f"{{{issue}: {{action: {action}, value: NO}}}}"
    path.write_text(f"quality: {{verdict: go, rest: keep, comment: 3, actions: {actions}}}")
    answer = AnswersFile(path)(question)
    assert answer.comment == "3"
    assert next(a.parameters for a in answer.actions if a.issue == issue) == {"value": "NO"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- go", "no mapping of gates to answers"),
        ("qualty: {verdict: go}", "no gate is called 'qualty' .*Did you mean 'quality'"),
        ("quality-first: {verdict: go}", "no gate is called 'quality-first'"),
        ("quality: go", "'go' is not an answer .*quality"),
        ("load-1: [{verdict: go}]", r"'\[.*\]' is not an answer"),
        ("load: [{verdict: go}, go]", "'go' is not an answer .*load"),
        ("load: {verdct: go}", "unknown key 'verdct' .*Did you mean 'verdict'"),
        ("load: {verdict: go}\nload: {verdict: no-go}", "'load' is there twice, line 2"),
        ("load: {verdict: go", "line 1"),
    ],
)
def test_a_file_that_answers_no_gate_is_refused_before_anything_runs(tmp_path, text, told):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(AnswerError, match=told):
        AnswersFile(path)


def test_a_file_that_is_not_there_or_unreadable_says_so(tmp_path):
    (tmp_path / "answers.yaml").write_bytes("answered_by: Jörg".encode("latin-1"))
    for name, told in (
        ("answer.yaml", "Did you mean 'answers.yaml'"),
        ("answers.yaml", "not UTF-8"),
        ("", "directory"),
    ):
        with pytest.raises(SpecError, match=told):
            AnswersFile(tmp_path / name)


def test_what_comes_from_the_data_cannot_write_into_it(question):
    from dataclasses import replace

    hostile = replace(
        question.choices[0], title="x\nverdict: no-go\u2028evil: 1", hint="\x1b[2J", group="g\r\nrest: keep"
    )
    written = template(replace(question, choices=(hostile,), title="t\nanswered_by: eve"), "orders-1")
    assert set(yaml.safe_load(written)) == {"answered_by", "quality-1"}
    assert yaml.safe_load(written)["quality-1"]["verdict"] == "go"
    assert "\x1b" not in written
