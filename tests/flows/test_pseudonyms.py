"""Tokens are made with a key that lies beside the staged data and nowhere else; a renamed column comes last."""

from __future__ import annotations

import sqlite3

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
