"""A table of old and new values that the pilot edits, in a file, at the terminal or in the form; then carried out."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from flows.editor import Editor
from flows.maps import corrections, table_csv
from tasks.edits import Line
from tasks.quality.errors import AnswerError

TABLE = {"Koln": "Köln", "Bon": "Bonn", 'say "hi", twice': "say hi", "nil": None}
LINES = tuple(Line(old, new, n) for n, (old, new) in enumerate(TABLE.items(), start=1))


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "corrected.csv"


def test_a_table_that_comes_back_as_it_went_changes_nothing(file):
    file.write_text(table_csv(LINES), "utf-8")
    assert corrections(file, TABLE) == {"exclude": [], "change": {}}


@pytest.mark.parametrize("raw", [False, True])
def test_values_that_a_spreadsheet_would_run_come_back_as_they_are(file, raw):
    table = {"=1+1": "@x", "'=1": None, "-5": "5"}
    lines = [Line(old, new, 1) for old, new in table.items()]
    file.write_text(table_csv(lines, raw=raw), "utf-8")
    assert ("\n=1+1," in file.read_text()) is raw
    assert corrections(file, table) == {"exclude": [], "change": {}}


def test_lines_left_out_are_excluded_and_new_targets_are_changes(file):
    file.write_text("\ufeffNEW,Old\r\nCologne,Koln\r\n,Bon\r\n\r\n", "utf-8")
    edits = corrections(file, TABLE)
    assert edits == {"exclude": ['say "hi", twice', "nil"], "change": {"Koln": "Cologne", "Bon": None}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"old,new\nKoln,Cologne\nBonn,x\n", r"'Bonn' is not among.*corrected.csv, line 3; available: Bon.*'Bon'"),
        (b"old,new\nKoln,K\xf6ln\n", "not UTF-8 in .*line 2"),
        (b"old,neu\nKoln,x\n", "no column 'new' in .*line 1; available: old, neu; Did you mean 'neu'"),
        (b"", "no column 'old' in .*line 1"),
        (b"old,new,why\nKoln,x,y\n", "unknown column 'why' in .*line 1"),
        (b"old,new\nKoln,x\nKoln,y\n", "'Koln' is in line 2 already in .*line 3"),
        (b'old,new\n"Koln\n",x\nBon\n', r"'Koln\n' is not among.*line 2"),
        (b"old,new\nKoln\n", "1 field where 2 are needed in .*line 2"),
        (b'old,new\n"Koln"x,y\n', "not CSV.*line 2"),
    ],
)
def test_a_file_that_does_not_fit_says_in_which_line_and_what_would(file, content, message):
    file.write_bytes(content)
    with pytest.raises(AnswerError, match="(?s)" + message):
        corrections(file, TABLE)


def test_a_file_that_is_not_there_is_named(file):
    with pytest.raises(AnswerError, match=r"cannot read .*corrected.csv: No such file"):
        corrections(file, TABLE)


def edited(*typed: str, shown: tuple[Line, ...] | None = None) -> tuple[dict, str]:
    waiting, screen = iter(typed), io.StringIO()
    console = Console(file=screen, width=100)
    return Editor(console, lambda prompt: next(waiting, None), LINES, shown).edits(), screen.getvalue()


def test_at_the_terminal_lines_are_left_out_and_targets_changed():
    edits, screen = edited("x 2, 3", "1 = Cologne", "4=", "x 3", "")
    assert edits == {"exclude": ["Bon"], "change": {"Koln": "Cologne"}}
    assert "left out" in screen
    assert "Cologne" in screen


def test_at_the_terminal_a_corrected_file_can_be_taken(file):
    file.write_text("old,new\nBon,Bonn am Rhein\n", "utf-8")
    edits, _ = edited(f"f {file}", "")
    assert edits == {"exclude": ["Koln", 'say "hi", twice', "nil"], "change": {"Bon": "Bonn am Rhein"}}


def test_what_cannot_be_read_at_the_terminal_is_said_and_asked_again():
    edits, screen = edited("y", "x 9", "7 = z", "f /no/such/file.csv", "")
    assert edits == {}
    for message in ("'y' is none of the answers", "no line '9'", "no line '7'", "cannot read /no/such/file.csv"):
        assert message in screen


def test_at_the_terminal_personal_data_is_stars_until_it_is_asked_for():
    stars = tuple(Line("***", line.new and "####", line.rows) for line in LINES)
    edits, screen = edited("x 2", "1 = Cologne", "", shown=stars)
    assert edits == {"exclude": ["Bon"], "change": {"Koln": "Cologne"}}, "numbers stand for what the stars hide"
    assert not any(value in screen for value in ("Koln", "Köln", "Bon"))
    _, screen = edited("--personal", "", shown=stars)
    assert "Koln" in screen
    assert "--personal" not in edited("")[1]


CITIES = "id,city,price\n" + "".join(
    f"{n},{city},{n}\n"
    for n, city in enumerate(["Heidelberg"] * 30 + ["Frankfurt"] * 30 + ["Heidelbreg", "Frankfurrt", "Frankfurrt"])
)


@pytest.fixture
def held(pilot, tmp_path):
    """A run held at its quality gate, and the issue and action whose table is edited."""
    data = tmp_path / "cities.csv"
    data.write_text(CITIES)
    pilot.start(pilot.pipeline(data, gates={"quality": {"rounds": 1}}))
    pilot.go()
    found = [
        (issue.id, option.key)
        for issue in pilot.record().assessment(1).issues
        for option in issue.options
        if issue.columns == ("city",) and option.remedy == "map_values" and option.preview.cells_changed == 3
    ]
    return pilot, *found[0]


def cities(pilot) -> list[str]:
    with pilot.record().open_staging().open(pilot.record().snapshots()[-1]) as tables:
        return tables.table("snapshot").order_by("_row").to_pyarrow()["city"].to_pylist()[-3:]


def test_the_whole_table_is_written_and_its_correction_is_taken_recorded_and_carried_out(held, tmp_path, capsys):
    from flows.answers import AnswersFile
    from flows.commands import write_map
    from flows.drive import hand_in, question_of
    from tasks.edits import tables

    pilot, issue, option = held
    out = tmp_path / "map.csv"
    write_map(str(pilot.id), issue, option, out, raw=False)
    assert out.read_text() == "old,new,rows\nFrankfurrt,Frankfurt,2\nHeidelbreg,Heidelberg,1\n"
    write_map(str(pilot.id), issue, option, None, raw=False)
    assert out.read_text() in capsys.readouterr().out

    out.write_text("old,new,rows\nFrankfurrt,Frankfurt am Main,2\n")
    answers = tmp_path / "answers.yaml"
    action = {issue: {"action": option, "file": "map.csv"}}
    answers.write_text(
        yaml.safe_dump({"quality": {"verdict": "go", "rest": "keep", "actions": action, "comment": "so"}})
    )
    with pilot._client() as client:
        question = question_of(pilot.home, pilot.run)
        answer = AnswersFile(answers)(question, tables(pilot.record(), question.round))
        hand_in(client, pilot.home, pilot.run, answer)
    assert pilot.go() == "Suspended"
    (decision,) = pilot.entries("decision")
    assert decision.payload["parameters"]["exclude"] == ["Heidelbreg"]
    assert decision.payload["parameters"]["change"] == {"Frankfurrt": "Frankfurt am Main"}
    assert decision.payload["label"].endswith(" (without 'Heidelbreg'; 'Frankfurrt' becomes 'Frankfurt am Main')")
    assert decision.method == "operating-system user, answers file answers.yaml"
    assert cities(pilot) == ["Heidelbreg", "Frankfurt am Main", "Frankfurt am Main"]


def test_the_form_takes_the_same_edits_and_refuses_what_is_not_in_the_table(held):
    from flows.drive import refusal

    pilot, issue, option = held
    pilot.submit(verdict="go", answered_by="ann", values=f"{issue}: {{action: {option}, exclude: [Heidelberg]}}")
    assert pilot.go() == "Suspended"
    assert pilot.gate == "quality-1"
    told = refusal(pilot.home, pilot.run)
    assert "'Heidelberg' is not among the values that are replaced" in told
    assert "Did you mean 'Heidelbreg'" in told
    assert pilot.entries("decision") == []
    pilot.submit(verdict="go", answered_by="ann", values=f"{issue}: {{action: {option}, exclude: [Heidelbreg]}}")
    assert pilot.go() == "Suspended"
    assert cities(pilot) == ["Heidelbreg", "Frankfurt", "Frankfurt"]


def test_a_table_is_asked_of_an_issue_and_action_that_have_one(held):
    from flows.commands import write_map

    pilot, issue, _option = held
    with pytest.raises(AnswerError, match=rf"no issue '{issue}x'.*Did you mean '{issue}'"):
        write_map(str(pilot.id), issue + "x", "", None, raw=False)
    with pytest.raises(AnswerError, match="'drop' is no table of values"):
        write_map(str(pilot.id), issue, "drop", None, raw=False)
