"""Append, merge and history in every kind of database: what they do, how they are taken back, and new columns."""

import datetime as dt
from dataclasses import replace

import pytest
from pydantic import ValidationError

from blocks.destinations import DatabaseDestination, NewColumns
from tasks.quality.errors import ChangedSince, DestinationError
from tests.destinations.places import batch

INTEGER = {"id": "integer"}


def people(ids: str, name: str, run: str, **more):
    return batch({"id": list(ids), "name": [name] * len(ids), **more}, INTEGER, run=run)


def versions(database) -> list[tuple]:
    """id, name, whether a version ended, by when it began."""
    rows = database.execute('SELECT "id", "name", "valid_to" IS NULL FROM {out} ORDER BY "id", "valid_from"')
    return [(row[0], row[1], bool(row[2])) for row in rows]


# --- history ------------------------------------------------------------------------------------------------------


def test_history_keeps_every_version_of_a_row_and_leaves_alone_what_is_as_it_was(database):
    database.load(people("123", "old", "run-1"), mode="history", key="id")
    later = batch({"id": ["1", "2", "4"], "name": ["old", "new", "four"]}, INTEGER, run="run-2")
    receipt = database.load(later, mode="history", key="id")
    assert versions(database) == [
        (1, "old", True),
        (2, "old", False),
        (2, "new", True),
        (3, "old", True),
        (4, "four", True),
    ]
    assert (receipt.mode, receipt.rows_before, receipt.rows_written, receipt.rows_after) == ("history", 3, 3, 5)
    ended, began = database.execute(
        'SELECT a."valid_to", b."valid_from" FROM {out} a JOIN {out} b ON a."id" = b."id" AND a."id" = 2 '
        'WHERE a."valid_to" IS NOT NULL AND b."valid_to" IS NULL'
    )[0]
    assert ended == began


def test_history_can_end_rows_that_the_data_lacks_and_begins_them_again(database):
    given = {"mode": "history", "key": "id", "validity": {"since": "from_then", "until": "to_then", "absent": "end"}}
    for run, ids in (("run-1", "12"), ("run-2", "1"), ("run-3", "12")):
        database.load(people(ids, "x", run), **given)
    rows = database.execute('SELECT "id", "to_then" IS NULL FROM {out} ORDER BY "id", "from_then"')
    assert [(row[0], bool(row[1])) for row in rows] == [(1, True), (2, False), (2, True)]


@pytest.mark.parametrize(("absent", "gives_way"), [("keep", False), ("end", True)])
def test_a_load_ends_all_versions_where_absence_ends_them(absent, gives_way):
    given = {"mode": "history", "key": "id", "validity": {"absent": absent}}
    assert DatabaseDestination(url="sqlite:///out.db", table="out", **given).replaces is gives_way


def test_a_load_of_history_is_taken_back_version_by_version(database):
    database.load(people("12", "old", "run-1"), mode="history", key="id")
    before = database.rows()
    database.load(people("23", "new", "run-2"), mode="history", key="id")
    taken = database.undo("run-2", mode="history", key="id")
    assert (taken.rows_removed, taken.rows_restored, taken.rows_after) == (2, 1, 2)
    assert database.rows() == before


@pytest.mark.parametrize(
    ("run", "change", "why"),
    [
        ("run-1", "UPDATE {out} SET valid_to = NULL WHERE id = 2", "two versions of id=2 are current"),
        ("run-2", "UPDATE {out} SET valid_to = NULL WHERE id = 2", "two versions of id=2 are current"),
        ("run-2", "UPDATE {out} SET valid_to = NULL WHERE id = 1", "the versions that it ended are not as it left"),
        ("run-2", "UPDATE {out} SET name = 'x' WHERE id = 2 AND valid_to IS NOT NULL", "the versions that it ended"),
        ("run-2", "DELETE FROM {out} WHERE id = 1", "the versions that it ended are not as it left them"),
    ],
)
def test_a_history_that_somebody_wrote_to_is_told_from_what_loads_left(database, run, change, why):
    given = {"mode": "history", "key": "id", "validity": {"absent": "end"}}
    told = {}
    for number, (ids, name) in enumerate((("12", "old"), ("23", "new"), ("234", "later")), start=1):
        told[f"run-{number}"] = database.load(people(ids, name, f"run-{number}"), **given).fingerprint
    place = database.destination(**given)
    assert told == {each: place.read_back(each, database.folder) for each in told}
    database.undo("run-3", **given)
    assert place.read_back("run-2", database.folder) == told["run-2"]
    database.execute(change)
    with pytest.raises(ChangedSince, match=why):
        place.read_back(run, database.folder)


def test_history_needs_a_key_and_columns_of_its_own(database):
    with pytest.raises(ValidationError, match="mode history needs 'key'"):
        DatabaseDestination(url="sqlite:///out.db", table="out", mode="history")
    database.load(people("1", "x", "run-1"))
    with pytest.raises(DestinationError, match=r"keeps no history: it has no valid_from and no valid_to"):
        database.load(people("1", "x", "run-2"), mode="history", key="id")
    with pytest.raises(DestinationError, match=r"the data has a column 'valid_to' already .*name another"):
        database.load(people("1", "x", "run-3", valid_to=["x"]), mode="history", key="id")


# --- undo ---------------------------------------------------------------------------------------------------------


def test_appended_rows_are_taken_back_and_no_others_although_they_look_the_same(database):
    database.load(people("12", "x", "run-1"), mode="append")
    database.load(people("2", "x", "run-2"), mode="append")
    if "mysql" in database.url:
        with pytest.raises(DestinationError, match=r"does not tell which rows came with which load"):
            database.undo("run-2", mode="append")
        return
    database.load(people("3", "z", "run-3"), mode="append")
    taken = database.undo("run-2", mode="append")
    assert (taken.rows_removed, taken.rows_restored, taken.rows_after) == (1, 0, 3)
    assert database.rows() == [(1, "x"), (2, "x"), (3, "z")]
    assert database.undo("run-1", mode="append").rows_after == 1, "although it made the table"
    assert database.rows() == [(3, "z")]
    assert database.undo("run-3", mode="append").rows_after == 0


def test_a_load_that_another_one_built_upon_is_left_and_the_reason_told(database):
    database.load(people("12", "old", "run-1"), mode="merge", key="id")
    database.load(people("23", "new", "run-2"), mode="merge", key="id")
    with pytest.raises(DestinationError, match=r"another run was loaded since .*take that one back first"):
        database.undo("run-1", mode="merge", key="id")
    database.undo("run-2", mode="merge", key="id")
    database.execute("DELETE FROM {out} WHERE id = 2")
    with pytest.raises(DestinationError, match="what was loaded was changed since"):
        database.undo("run-1", mode="merge", key="id")


def test_merged_rows_are_taken_back_and_their_former_versions_are_there_again(database):
    database.load(people("12", "old", "run-1"), mode="merge", key="id")
    database.load(people("23", "new", "run-2"), mode="merge", key="id")
    database.execute("INSERT INTO {out} VALUES (9, 'theirs')")
    taken = database.undo("run-2", mode="merge", key="id")
    assert (taken.rows_removed, taken.rows_restored, taken.rows_after) == (2, 1, 3)
    assert database.rows() == [(1, "old"), (2, "old"), (9, "theirs")]


@pytest.mark.parametrize("mode", ["merge", "history"])
def test_rows_that_others_changed_are_left_as_they_are(database, mode):
    database.load(people("12", "old", "run-1"), mode=mode, key="id")
    database.load(people("23", "new", "run-2"), mode=mode, key="id")
    database.execute("UPDATE {out} SET name = 'theirs' WHERE id = 3")
    there = database.rows()
    with pytest.raises(DestinationError, match="what was loaded was changed since"):
        database.undo("run-2", mode=mode, key="id")
    assert database.rows() == there


def test_nothing_is_kept_for_taking_back_where_that_is_not_wanted(database):
    database.load(people("1", "old", "run-1"))
    database.load(people("2", "new", "run-2"), keep_former=False)
    with pytest.raises(DestinationError, match="cannot be taken back: keep_former is false"):
        database.undo("run-2")
    assert "gonogo_former_out" not in database.tables()


# --- columns that the table lacks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["append", "merge", "history"])
def test_columns_are_added_where_the_contract_lets_the_table_evolve(database, mode):
    database.load(people("12", "old", "run-1"), mode=mode, key="id")
    before = database.rows()
    more = replace(people("3", "new", "run-2", city=["Ulm"]), additions="evolve")
    receipt = database.load(more, mode=mode, key="id")
    assert receipt.added == ("city",)
    assert database.execute("SELECT id, name, city FROM {out} ORDER BY id") == [
        (1, "old", None),
        (2, "old", None),
        (3, "new", "Ulm"),
    ]
    database.undo("run-2", mode=mode, key="id")
    assert database.rows() == before


@pytest.mark.parametrize("mode", ["append", "merge", "history"])
def test_a_load_that_added_columns_is_read_back_and_a_change_of_it_shows(database, mode):
    place = database.destination(mode=mode, key="id")
    database.load(people("12", "old", "run-1"), mode=mode, key="id")
    more = replace(people("23", "new", "run-2", city=["Ulm", "Bonn"]), additions="evolve")
    told = database.load(more, mode=mode, key="id").fingerprint
    assert place.read_back("run-2", database.folder) == told
    database.execute("UPDATE {out} SET city = 'Kiel' WHERE city = 'Bonn'")
    assert place.read_back("run-2", database.folder) != told


def test_columns_are_not_added_where_the_contract_freezes_the_table(database):
    database.load(people("1", "old", "run-1"), mode="append")
    with pytest.raises(DestinationError, match=r"the table lacks city .*additions: evolve.*nothing was changed"):
        database.load(people("2", "new", "run-2", city=["Ulm"]), mode="append")
    assert database.rows() == [(1, "old")]


def test_the_pilot_is_asked_and_only_what_was_agreed_is_added(database):
    database.load(people("1", "old", "run-1"), mode="append")
    asked = replace(people("2", "new", "run-2", city=["Ulm"]), additions="ask")
    with pytest.raises(NewColumns, match=r"the table lacks city .*go adds what it lacks") as raised:
        database.load(asked, mode="append")
    assert raised.value.columns == ("city",)
    with pytest.raises(NewColumns):
        database.load(replace(asked, agreed=("country",)), mode="append")
    assert database.rows() == [(1, "old")]
    assert database.load(replace(asked, agreed=("city",)), mode="append").added == ("city",)
    assert len(database.rows()) == 2


@pytest.mark.service
@pytest.mark.parametrize("server", ["postgres", "mariadb"])
def test_history_needs_columns_that_hold_its_moments_exactly(request, server):
    place = request.getfixturevalue(server)
    place.execute("CREATE TABLE {out} (id BIGINT, name TEXT, valid_from TIMESTAMP(0) NULL, valid_to TIMESTAMP(0) NULL)")
    with pytest.raises(DestinationError, match=r"'valid_from' does not hold moments exactly in .*out; .*DATETIME\(6\)"):
        place.load(people("12", "old", "run-1"), mode="history", key="id")
    assert place.execute("SELECT count(*) FROM {out}") == [(0,)]


def test_times_of_versions_are_in_utc_and_exact(database):
    before = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    database.load(people("1", "x", "run-1"), mode="history", key="id")
    (row,) = database.rows()
    assert before <= row[2] <= dt.datetime.now(dt.UTC).replace(tzinfo=None)
