"""What the pilot allows in a run holds for the rest of it; what is to be extracted again is read by the next one."""

from __future__ import annotations

from tests.flows.test_quarantine import exported, failing, give_back

GATES = {"source": "never"}
CONTRACT = {"columns": {"size": {"allowed": ["small", "large"]}, "price": {"minimum": 0, "maximum": 50}}}


def test_values_and_bounds_that_the_pilot_allows_are_no_issue_any_more(pilot, tmp_path):
    data = tmp_path / "sizes.csv"
    data.write_text("id,size,price\n1,small,10\n2,huge,20\n3,large,72.5\n4,small,30\n5,medium,40\n")
    pilot.start(pilot.pipeline(data, contract=CONTRACT, gates=GATES)).go()
    first = pilot.record().assessment(1)
    assert {"not-allowed-size", "out-of-range-price"} <= {issue.id for issue in first.issues}
    assert first.issue("out-of-range-price").option("widen").label == "allow all between 0 and 72.5"
    said = {"not-allowed-size": {"action": "extend", "values": ["huge"]}, "out-of-range-price": "widen"}
    assert pilot.answer(verdict="resolve", actions=said, rest="keep") == "Suspended"
    assert pilot.gate == "quality-2"
    run = pilot.record()
    assert run.contract(1).column("size").allowed == ("small", "large"), "as the first look found it"
    contract = run.contract(2)
    assert contract.column("size").allowed == ("small", "large", "huge")
    assert (contract.column("price").minimum, contract.column("price").maximum) == (0, 72.5)
    now = run.assessment(2)
    assert now.issue("not-allowed-size").count == 1, "medium is not allowed"
    assert "out-of-range-price" not in {issue.id for issue in now.issues}
    assert [entry.payload["cells_changed"] for entry in pilot.entries("changes")] == [0, 0]
    pilot.answer(actions={"not-allowed-size": "quarantine"}, rest="keep")
    assert pilot.gate == "load-1"
    rows = exported(pilot, tmp_path)
    rows.write_text(rows.read_text().replace("medium", "huge"))
    assert give_back(pilot, rows).rows == 1, "what the pilot allowed breaks no promise"
    assert failing(pilot) == []
    assert pilot.to_the_end() == "Completed"
    assert [row[1] for row in pilot.loaded()] == ["small", "huge", "large", "small", "huge"]


def test_what_is_to_be_extracted_again_is_read_by_the_next_run(pilot, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "monday.csv").write_text("id,price\n1,10\n2,20\n")
    source = {"kind": "file", "path": f"{folder}/*.csv", "once": True}
    contract = {"columns": {"id": {}, "tax": {}}}
    pipeline = pilot.pipeline(folder / "orders.csv", source=source, contract=contract, gates=GATES)
    pilot.start(pipeline).go()
    assert pilot.answer(actions={"schema-drift-tax": "extract-again"}, rest="keep", comment="half of it") == "Completed"
    (outcome,) = pilot.entries("outcome")
    assert outcome.payload["outcome"] == "no-go"
    assert "to be extracted again: Column tax is missing. half of it" in outcome.payload["note"]
    assert [e.payload["done"] for e in pilot.entries("settled")] == ["the next run reads the same again"]
    assert not (pilot.folder / "out.db").exists()
    (folder / "monday.csv").write_text("id,price,tax\n1,10,2\n2,20,4\n")
    pilot.start(pipeline)
    assert pilot.to_the_end() == "Completed"
    assert [(row[0], row[2]) for row in pilot.loaded()] == [(1, 2), (2, 4)]
