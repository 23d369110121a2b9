"""What there is to connect to, and whether a connection works, at the terminal."""

from __future__ import annotations

import pytest
import yaml
from typer.testing import CliRunner

from flows.cli import app
from flows.connections import destinations, sources

KINDS = [("source", kind, model) for kind, model in sources().items()]
KINDS += [("destination", kind, model) for kind, model in destinations().items()]


@pytest.mark.parametrize(("side", "kind", "model"), KINDS, ids=[f"{side} {kind}" for side, kind, _ in KINDS])
def test_every_kind_has_an_example_that_is_valid_and_words_for_its_settings(side, kind, model):
    made = model.model_validate(yaml.safe_load(model.EXAMPLE))
    assert made.kind == kind
    assert made.describe()
    shown = CliRunner().invoke(app, [f"{side}s", kind])
    assert shown.exit_code == 0
    assert model.EXAMPLE.strip() in shown.output, "as it is, to be copied"
    for name, field in model.model_fields.items():
        assert (field.alias or name) in shown.output


def test_a_kind_that_is_not_there_is_said_with_those_that_are():
    refused = CliRunner().invoke(app, ["sources", "ftpx"])
    assert "no kind 'ftpx'" in refused.exception.message
    assert "file" in refused.exception.message


def tried(tmp_path, source, destination):
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump({"name": "p", "source": source, "destination": destination}))
    return CliRunner().invoke(app, ["test-connection", str(path)])


def test_a_pipeline_that_works_is_tried_and_nothing_is_made(tmp_path):
    (tmp_path / "a.csv").write_text("id\n1\n")
    told = tried(
        tmp_path,
        {"kind": "file", "path": "a.csv"},
        {"kind": "database", "url": "sqlite:///deep/out.db", "table": "t"},
    )
    assert told.exit_code == 0, told.output
    assert told.output.count("✓") == 3
    assert "it would be made" in told.output
    assert not (tmp_path / "deep").exists()


def test_what_does_not_work_is_said_without_secrets_and_by_the_exit_status(tmp_path):
    url = "postgresql+psycopg://ann:s3cret-Passw0rd@127.0.0.1:9/x"
    told = tried(tmp_path, {"kind": "file", "path": "absent.csv"}, {"kind": "database", "url": url, "table": "t"})
    assert told.exit_code == 1
    assert "no file 'absent.csv'" in told.output
    assert "the database cannot be reached" in told.output
    assert "s3cret" not in told.output


@pytest.mark.service
def test_a_server_is_asked_what_is_there_and_what_is_allowed(tmp_path, postgres_url):
    (tmp_path / "a.csv").write_text("id\n1\n")
    told = tried(
        tmp_path, {"kind": "file", "path": "a.csv"}, {"kind": "database", "url": postgres_url, "table": "no such"}
    )
    assert told.exit_code == 0, told.output
    for said in ("postgresql answers", "it would be made", "make a table, and take it back: allowed"):
        assert said in told.output
    assert "s3cret" not in told.output
