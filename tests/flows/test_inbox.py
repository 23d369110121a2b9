"""Several runs wait; they are listed, and answered at once, each by itself."""

from __future__ import annotations

import json

import pytest
import typer
import yaml

from tests.flows.piloting import Pilot


def test_answers_to_several_runs_are_independent(pilot, prefect_server, orders, tmp_path, capsys, monkeypatch):
    from flows.commands import decide_run
    from flows.inbox import each_apart, list_pending

    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    monkeypatch.setenv("COLUMNS", "200")
    other = Pilot(tmp_path, pilot.home.path)
    clean = tmp_path / "clean.csv"
    clean.write_text("id,price\n1,2\n2,3\n3,5\n")
    pilot.start(pilot.pipeline(orders)).go()
    other.start(other.pipeline(clean, gates={"quality": {"ask": "always"}}), name="a clean one").go()
    list_pending(as_json=True)
    told = {each["run_id"]: each for each in json.loads(capsys.readouterr().out)}
    assert set(told) == {str(pilot.id), str(other.id)}
    assert told[str(other.id)]["run"] == other.record().name == "a clean one"
    assert (told[str(pilot.id)]["gate"], told[str(pilot.id)]["for_whom"]) == ("quality-1", "anybody")
    assert told[str(pilot.id)]["blocks"].startswith("measuring the goals, and the load into table orders")

    answers = tmp_path / "a.yaml"
    go = {"verdict": "go", "actions": {"disguised-missing-price": "keep"}, "rest": "keep", "comment": "known"}
    answers.write_text(yaml.safe_dump({"answered_by": "ann", "quality": go, "load": {"verdict": "go"}}))
    names = [str(other.id), "nobody", str(pilot.id)]
    with pytest.raises(typer.Exit) as exit:
        each_apart(names, lambda run: decide_run(run, accepts=False, answers=answers))
    assert exit.value.exit_code == 1
    said = capsys.readouterr().out
    assert "no issue 'disguised-missing-price'" in said, "the clean table has no such issue"
    assert "no run 'nobody'" in said
    assert (other.run.state_name, pilot.run.state_name) == ("Suspended", "Completed")
