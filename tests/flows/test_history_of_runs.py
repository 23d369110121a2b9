"""A run is compared with the last one of its pipeline that was loaded, and what is accepted is not asked again."""

from __future__ import annotations

from tasks.run import recall_run


def assessed(pilot, round=1):
    return recall_run(str(pilot.home.staging), str(pilot.id)).assessment(round)


def test_a_column_that_the_last_loaded_run_had_is_missed_until_the_pilot_accepts(pilot, orders):
    file = pilot.pipeline(orders)
    assert pilot.start(file).to_the_end() == "Completed"
    assert [i for i in assessed(pilot).issues if i.kind == "schema_drift"] == []
    whole = orders.read_text()
    orders.write_text("\n".join(",".join([*line.split(",")[:-1], "x"]) for line in whole.splitlines()))
    pilot.start(file).go()
    drift = {i.about or i.columns[0]: i for i in assessed(pilot).issues if i.kind == "schema_drift"}
    assert set(drift) == {"total", "x"}
    accepted = {i.id: "accept" for i in drift.values()}
    pilot.answer(verdict="resolve", actions=accepted, rest="keep")
    assert [i for i in assessed(pilot, 2).issues if i.kind == "schema_drift"] == []
    assert pilot.to_the_end() == "Completed"


def test_a_run_that_was_not_loaded_is_no_measure(pilot, orders):
    file = pilot.pipeline(orders)
    pilot.start(file).go()
    pilot.answer(verdict="no-go")
    orders.write_text(orders.read_text().replace("customer", "client"))
    pilot.start(file).go()
    assert [i for i in assessed(pilot).issues if i.kind == "schema_drift"] == []
