"""What the README shows works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

README = Path(__file__).parents[1] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def test_the_kind_that_the_readme_adds_is_found_by_the_assessment(monkeypatch):
    import tasks.quality.missing as module
    from tasks.quality import registry
    from tasks.quality.detect import assess
    from tests.quality.opened import opened, snapshot

    registry.kinds()
    monkeypatch.setattr(registry, "_KINDS", dict(registry._KINDS))
    (code,) = blocks("python")
    names = {**vars(module), "Dimension": module.Dimension}
    exec(compile(code, "missing.py", "exec"), names)
    with opened({"a": ["QUIET", "quiet", "Loud"]}) as data:
        found = [issue for issue in assess(data, snapshot(data)).issues if issue.kind == "shouting"]
    assert [(issue.id, issue.count) for issue in found] == [("shouting-a", 1)]


def test_the_answers_file_that_the_readme_shows_is_understood(tmp_path):
    from flows.answers import AnswersFile

    text, _ = blocks("yaml")
    assert yaml.safe_load(text)["answered_by"] == "ann"
    path = tmp_path / "a.yaml"
    path.write_text(text)
    assert AnswersFile(path)._of("quality-2") == {"verdict": "go", "rest": "keep", "comment": "known at the shop"}
    assert AnswersFile(path)._of("load-1")["verdict"] == "go"


def test_the_gate_that_the_readme_shows_is_understood():
    from blocks.spec import Gates

    _, text = blocks("yaml")
    load = Gates.model_validate(yaml.safe_load(text)["gates"]).load
    assert load.approval.meaning(1) == "approved"
    assert load.times.remind_seconds == 4 * 3600
    assert load.memory.roles == ("head",)


def test_every_command_that_the_readme_names_exists():
    from typer.main import get_command

    from flows.cli import app

    known = set(get_command(app).commands)
    words = "run|up|pending|decide|show|hold|stop|resume|verify|export|kinds|suggest|map|undo|quarantine|"
    words += "answers|approvers|policies|jump|branch|compare|check"
    words += "|trace|replay|history|audit"
    named = set(re.findall(rf"gonogo ({words})\b", README.read_text("utf-8")))
    assert named == set(words.split("|"))
    assert named <= known


def test_the_contract_validates_in_the_users_own_code_as_the_readme_shows(monkeypatch):
    import pytest
    from pandera.errors import SchemaErrors

    from tests.quality.opened import opened

    monkeypatch.chdir(README.parent)
    (code,) = blocks("py")
    from blocks.spec import load_pipeline

    names = list(load_pipeline("deployments/pipelines/orders.yaml").contract.columns)
    columns = {name: ["A-00001" if name == "order_id" else "nonsense"] for name in names}
    with opened(columns) as data, pytest.raises(SchemaErrors) as failed:
        exec(compile(code, "user.py", "exec"), {"table": data.table})
    assert "order_id" not in {error.schema.name for error in failed.value.schema_errors}
