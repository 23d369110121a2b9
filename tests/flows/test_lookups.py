"""Keys that refer to another table are looked up in it."""

from __future__ import annotations

CUSTOMERS = "id,name\nC-1,ann\nC-2,bob\nC-3,cid\n"
ORDERS = "order,customer\n1,C-1\n2,C-2\n3,c1\n4,C-9\n5,C-3\n"


def pipeline(pilot, tmp_path, to="customers.id", **customers):
    (tmp_path / "customers.csv").write_text(CUSTOMERS)
    orders = tmp_path / "bought.csv"
    orders.write_text(ORDERS)
    return pilot.pipeline(
        orders,
        lookups={"customers": {"kind": "file", "path": str(tmp_path / "customers.csv"), **customers}},
        contract={"references": [{"column": "customer", "to": to}]},
    )


def test_orphans_of_another_table_are_found_mapped_and_verified(pilot, tmp_path):
    from tasks.verify import verify

    pilot.start(pipeline(pilot, tmp_path))
    assert pilot.go() == "Suspended"
    (issue,) = [i for i in pilot.record().assessment(1).issues if i.kind == "unreconciled"]
    assert (issue.count, issue.facts["nearest"], issue.recommended) == (2, {"c1": "C-1"}, "nearest")
    (extracted,) = [e for e in pilot.entries("stage") if e.payload["stage"] == "extract"]
    assert any("looked up id in customers: 3 rows of file" in note for note in extracted.payload["notes"])
    assert pilot.answer(verdict="go") == "Suspended"
    assert pilot.answer() == "Completed"
    assert [row[1] for row in pilot.loaded()] == ["C-1", "C-2", "C-1", "C-9", "C-3"]
    assert not [check for check in verify(pilot.record()) if not check.ok]
    folder = tmp_path / "home" / "staging" / str(pilot.id)
    assert not list(folder.glob("*lookup-*"))
    (folder / "lookups.parquet").write_bytes(b"tampered with")
    assert any("lookups" in check.detail for check in verify(pilot.record()) if not check.ok)


def test_a_lookup_or_column_that_is_not_there_is_said_before_anything_is_asked(pilot, tmp_path):
    for to, said in (("custmers.id", "no lookup 'custmers'"), ("customers.nr", "no column 'nr' in lookup customers")):
        pilot.start(pipeline(pilot, tmp_path, to))
        assert pilot.go() == "Failed"
        assert said in pilot.run.state.message
