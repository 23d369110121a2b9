"""Personal data: tokens whose key is written nowhere, and stars wherever nobody asked for the data itself."""

from __future__ import annotations

import io
import os
import sqlite3
import sys

import pytest
import typer
import yaml
from rich.console import Console

from tasks.quality.pseudonyms import expected


def test_a_column_is_tokenised_and_then_renamed_and_the_key_is_written_nowhere(pilot, tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("id,E Mail\n" + "".join(f"{n},p{n}@example.org\n" for n in range(30)))
    file = pilot.pipeline(people, contract={"columns": {"id": {}, "e_mail": {}}})
    pilot.start(file).go()
    actions = {"personal-data-e-mail": "tokenise", "schema-drift-e-mail": "rename-1"}
    assert pilot.answer(actions=actions, rest="keep") == "Suspended"
    assert pilot.to_the_end() == "Completed"
    assert [e.payload["module"] for e in pilot.entries("decision")] == ["privacy", "schema"]
    assert pilot.entries("failed") == []
    key = (pilot.home.staging / "pseudonyms.key").read_bytes()
    with sqlite3.connect(tmp_path / "out.db") as loaded:
        rows = loaded.execute('SELECT id, "e_mail" FROM orders ORDER BY CAST(id AS INTEGER)').fetchall()
    assert [token for _id, token in rows] == [f"email-{expected(key, f'p{n}@example.org')[:16]}" for n in range(30)]
    for path in pilot.home.path.rglob("*"):
        if path.is_file() and path.name != "pseudonyms.key":
            said = path.read_bytes()
            assert key not in said, path
            assert key.hex().encode() not in said, path


def test_personal_data_is_stars_in_the_profile_and_in_tables_of_values_unless_asked_for(pilot, tmp_path, capsys):
    from flows.commands import write_map

    names = [f"person{n % 9}" for n in range(60)]
    people = tmp_path / "people.csv"
    people.write_text(
        "id,mail\n" + "".join(f"{n},{'' if n % 7 else ' '}{v}@example.org\n" for n, v in enumerate(names))
    )
    pilot.start(pilot.pipeline(people)).go()
    (page,) = pilot.home.path.rglob("profile-1.html")
    assert "#9" in page.read_text()
    assert "person" not in page.read_text().replace("personal data", "")
    assert pilot.record().recall(dict, "personal-1")["mail"]["email_rows"] == 60, "the assessment counts no more"

    found = pilot.record().assessment(1)
    (issue,) = [i.id for i in found.issues if i.columns == ("mail",) and i.kind == "untidy_text"]
    write_map(str(pilot.id), issue, "", None)
    told = capsys.readouterr()
    assert "person" not in told.out
    assert "--personal" in told.err
    write_map(str(pilot.id), issue, "", None, personal=True)
    assert " person0@example.org,person0@example.org,1" in capsys.readouterr().out


MAILS = [f"{' ' if n % 7 else ''}person{n % 9}@example.org" for n in range(60)]


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("id,mail,surname\n" + "".join(f"{n},{mail},Miller{n % 5}\n" for n, mail in enumerate(MAILS)))
    return path


def test_a_sample_of_the_source_has_stars_for_what_is_personal_by_its_form_or_by_the_contract(pilot, people):
    from flows.drive import question_of

    contract = {"columns": {"id": {}, "mail": {}, "surname": {"personal": True}}}
    sections = {"gates": {"source": "always"}, "contract": contract}
    for more, personal in (({}, False), ({"show_personal_data": True}, True)):
        pilot.start(pilot.pipeline(people, **sections, **more)).go()
        asked = question_of(pilot.home, pilot.run).text
        assert "| 1 | " in asked
        assert ("person" in asked, "Miller" in asked) == (personal, personal)


def test_a_refused_edit_tells_nothing_of_personal_data(pilot, people, tmp_path):
    from flows.answers import AnswersFile
    from flows.drive import question_of, refusal
    from tasks.edits import tables
    from tasks.quality.errors import AnswerError

    pilot.start(pilot.pipeline(people)).go()
    (issue,) = [i.id for i in pilot.record().assessment(1).issues if i.columns == ("mail",) and i.kind == "untidy_text"]
    pilot.submit(verdict="go", answered_by="ann", values=f"{issue}: {{exclude: [person@example.org]}}")
    assert pilot.go() == "Suspended"
    assert f"which are personal data in {issue}" in refusal(pilot.home, pilot.run)
    assert not [e for e in pilot.entries("refused") if "person" in str(e.payload).replace("personal", "")]

    (tmp_path / "mails.csv").write_text("old,new\nperson0@example.net,x\n")
    answers = tmp_path / "a.yaml"
    answers.write_text(yaml.safe_dump({"quality": {"verdict": "go", "actions": {issue: {"file": "mails.csv"}}}}))
    question = question_of(pilot.home, pilot.run)
    with pytest.raises(AnswerError, match=r"mails\.csv, line 2") as refused:
        AnswersFile(answers)(question, tables(pilot.record(), question.round))
    assert "person" not in refused.value.message.replace("personal", "")

    assert pilot.answer(actions={issue: {"exclude": [" person1@example.org"]}}) == "Suspended"
    labels = [e.payload["label"] for e in pilot.entries("decision") if e.payload["issue"] == issue]
    assert [label.endswith(" (without '…')") for label in labels] == [True]


def test_at_the_terminal_personal_data_is_stars(pilot, people, monkeypatch):
    from flows.commands import Cockpit, carry_on

    pilot.start(pilot.pipeline(people)).go()
    keyboard, line = os.openpty()
    monkeypatch.setattr(sys, "stdin", os.fdopen(line))
    screen = io.StringIO()
    numbers = [n for n, issue in enumerate(pilot.record().assessment(1).issues, 1) if "mail" in issue.columns]
    assert numbers
    os.write(keyboard, "".join(f"{number}\n\n" for number in numbers).encode() + b"q\n")
    with pilot._client() as client, pytest.raises(typer.Exit):
        carry_on(Cockpit(pilot.home, client, Console(file=screen, force_terminal=True, width=200)), pilot.id)
    os.close(keyboard)
    shown = screen.getvalue()
    assert "@*******.*rg" in shown, "the examples are there"
    assert "person" not in shown.replace("personal", "").replace("Personal", "")
