"""One decision is undone: the table is as if it had never been made, what was decided after it stands or is asked."""

from __future__ import annotations

import pytest

from tasks.quality.errors import PilotMustDecide
from tasks.replay import replay
from tasks.undo import Doubt, undo
from tasks.verify import verify

ORDERS = """id,city,price,quantity,total
1,Bonn,10,2,20
2,Bonn,N/A,1,10
3,Ulm,5,3,15
4,Ulm,,2,8
5,Kiel,7,n/a,7
6,Kiel,9,1,9
6,Kiel,9,1,9
7,Bonn,11,2,22
8,Bonn,12,1,12
"""
DECIDED = {
    "disguised-missing-price": "to-null",
    "disguised-missing-quantity": "quarantine",
    "exact-duplicate-rows-id-city-price": "keep-first",
}


def never(doubt: Doubt) -> bool:
    raise AssertionError(doubt.why)


@pytest.fixture
def decided(pilot, tmp_path):
    """A run held at its second quality gate, with three decisions carried out."""
    data = tmp_path / "orders.csv"
    data.write_text(ORDERS)
    pilot.start(pilot.pipeline(data))
    pilot.go()
    issues = pilot.record().assessment(1).issues
    assert set(DECIDED) <= {issue.id for issue in issues}
    assert pilot.answer(verdict="resolve", rest="keep", actions=DECIDED) == "Suspended"
    assert pilot.gate == "quality-2"
    return pilot


def number_of(pilot, issue: str) -> int:
    return next(d.number for d in pilot.record().decisions() if d.issue == issue)


def table(pilot) -> list[dict]:
    run = pilot.record()
    with run.open_staging().open(run.snapshots()[-1]) as tables:
        return tables.table("snapshot").order_by("_row").to_pyarrow().to_pylist()


def reopened(pilot) -> str:
    from flows.drive import reopen

    with pilot._client() as client:
        reopen(client, pilot.run)
    return pilot.go()


def taken_back(pilot, issue: str, ask=never, gate: str = "quality-2"):
    return undo(pilot.record(), number_of(pilot, issue), ask, who="ann", method="test", gate=gate, comment="a mistake")


def failing(pilot) -> list[str]:
    return [f"{check.name}: {check.detail}" for check in verify(pilot.record()) if not check.ok]


def test_the_table_is_as_if_the_decision_had_not_been_made_and_the_run_asks_again(decided):
    assert len(table(decided)) == 7
    undone = taken_back(decided, "disguised-missing-quantity")
    assert [row["id"] for row in table(decided)] == ["1", "2", "3", "4", "5", "6", "7", "8"]
    assert table(decided)[4]["quantity"] == "n/a"
    assert table(decided)[1]["price"] is None, "the other decisions stand"
    assert undone.dropped == ()
    assert reopened(decided) == "Suspended"
    assert decided.gate == "quality-3"
    record = decided.record()
    assert record.assessment(record.rounds()).snapshot.id == undone.snapshot.id
    assert "disguised-missing-quantity" in {i.id for i in record.assessment(record.rounds()).issues}
    assert failing(decided) == []
    (entry,) = decided.entries("undone")
    assert (entry.actor, entry.payload["comment"]) == ("ann", "a mistake")


def test_an_undone_run_goes_on_to_its_load_and_everything_holds(decided):
    taken_back(decided, "disguised-missing-quantity")
    reopened(decided)
    assert decided.answer(rest="keep") == "Suspended"
    assert decided.answer() == "Completed"
    assert len(decided.loaded()) == 8
    assert failing(decided) == []
    standing = [d.issue for d in decided.record().decisions()]
    assert "disguised-missing-quantity" not in standing
    assert len(standing) == 2


def test_a_decision_can_be_undone_at_the_load_and_the_run_goes_back_to_the_quality_gate(decided):
    decided.answer(rest="keep")
    assert decided.gate == "load-1"
    taken_back(decided, "exact-duplicate-rows-id-city-price", gate="load-1")
    assert reopened(decided) == "Suspended"
    assert decided.gate == "quality-3"
    assert decided.answer(rest="keep") == "Suspended"
    assert decided.gate == "load-2"
    assert decided.answer() == "Completed"
    assert len(decided.loaded()) == 8
    assert failing(decided) == []


def test_two_decisions_can_be_undone_one_after_the_other(decided):
    taken_back(decided, "disguised-missing-quantity")
    taken_back(decided, "disguised-missing-price")
    assert len(table(decided)) == 8
    assert table(decided)[1]["price"] == "N/A"
    assert failing(decided) == []
    with pytest.raises(PilotMustDecide, match="does not stand any more: undone by ann"):
        undo(decided.record(), decided.entries("undone")[0].payload["decision"], never, who="ann", method="test")


def test_a_later_decision_whose_issue_selects_other_cells_is_asked_about(pilot, tmp_path):
    """Filling a gap depends on the word that became one: without the first decision the second finds fewer."""
    data = tmp_path / "orders.csv"
    data.write_text(ORDERS)
    pilot.start(pilot.pipeline(data))
    pilot.go()
    pilot.answer(verdict="resolve", rest="keep", actions={"disguised-missing-price": "to-null"})
    fill = {"missing-value-price": {"action": "constant", "value": "5"}}
    pilot.answer(verdict="resolve", rest="keep", actions=fill)
    assert [row["price"] for row in table(pilot)][1:4] == ["5", "5", "5"]
    first = number_of(pilot, "disguised-missing-price")
    assert taken_back(pilot, "disguised-missing-price", gate=pilot.gate).dropped == ()
    assert [row["price"] for row in table(pilot)][1:4] == ["N/A", "5", "5"], "only in the row that was undone"
    assert failing(pilot) == []
    assert all(redone.same for redone in replay(pilot.record()))
    assert first == 1


def test_what_depends_on_the_whole_table_is_in_doubt(decided):
    """An issue that was found in other rows because of the undone decision is not carried out blindly."""
    from dataclasses import replace

    import tasks.undo

    record, asked = decided.record(), []
    number = number_of(decided, "disguised-missing-price")
    later = number_of(decided, "exact-duplicate-rows-id-city-price")
    real = tasks.run.Run.decisions
    whole = "(SELECT count(price) FROM snapshot) > 6"
    everything = f'SELECT _row, NULL AS "column", NULL AS value FROM snapshot WHERE {whole}'

    def decisions(run, *before):
        return tuple(replace(d, sql=everything) if d.number == later else d for d in real(run, *before))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tasks.run.Run, "decisions", decisions)
        undone = undo(
            record, number, lambda doubt: bool(asked.append(doubt)), who="ann", method="test", gate="quality-2"
        )
    assert [doubt.decision.number for doubt in asked] == [later]
    assert "selects" in asked[0].why
    assert asked[0].possible
    assert [doubt.decision.number for doubt in undone.dropped] == [later]
    assert len(table(decided)) == 8, "the duplicate is back, because its decision went"
    assert failing(decided) == []


def test_what_cannot_be_undone_says_why_and_changes_nothing(decided):
    before = [entry.hash for entry in decided.entries()]
    with pytest.raises(PilotMustDecide, match=r"no decision 9.*available: 1 \("):
        undo(decided.record(), 9, never, who="ann", method="test")
    assert [entry.hash for entry in decided.entries()] == before
    decided.to_the_end()
    with pytest.raises(PilotMustDecide, match=r"was loaded into table orders.*.*gonogo unload"):
        taken_back(decided, "disguised-missing-price")
    assert decided.entries("undone") == []


def test_nothing_is_undone_while_the_run_is_being_executed(decided, prefect_server, monkeypatch):
    from flows.locks import holding
    from flows.revise import undo_decision

    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    number = number_of(decided, "disguised-missing-price")
    with (
        holding(decided.home, str(decided.id), "flow"),
        pytest.raises(PilotMustDecide, match=r"is being executed; gonogo hold"),
    ):
        undo_decision(str(decided.id), number, keep=False, drop=True, comment="")
    assert decided.entries("undone") == []


def test_a_decision_of_a_stopped_run_is_undone_where_it_is(decided, capsys):
    from flows.revise import undo_decision

    decided.answer(verdict="no-go")
    undo_decision(str(decided.id), number_of(decided, "disguised-missing-price"), keep=False, drop=True, comment="")
    assert table(decided)[1]["price"] == "N/A"
    assert "is undone" in capsys.readouterr().out
    assert failing(decided) == []
