"""What every destination promises: the rows as they are, wholly, once, and a receipt that tells."""

import datetime as dt
import json
from dataclasses import asdict, replace

import pytest
from pydantic import TypeAdapter

from blocks.destinations import DestinationSpec, Receipt
from tasks.quality.errors import DestinationError
from tests.destinations.places import batch

ODD = {
    "order by": ["1; DROP TABLE out; --"],
    '"quoted"': ["he said \"no\", 'never'"],
    "a.b:c(d)%s %(e)s {f}": ["100 % :x ?"],
    "<b>html</b>": ["<script>alert(1)</script>"],
    "**md** | `x`": ["| a | b |\n|---|---|"],
    "emoji 🦔": ["🦔 naïve Ωμέγα 漢字"],
    "tab\tnew\nline": ["a\tb\r\nc\\N"],
    "select": ["  spaces are kept  "],
}
TYPED = {
    "n": ["1", "-42", "9223372036854775807", None],
    "x": ["1.5", "-0.1", "1e30", " "],
    "day": ["2024-02-29", "1970-01-01", "9999-12-31", ""],
    "at": ["2024-02-29T12:30:45.123456", "1999-12-31 23:59", "0001-01-01", None],
    "yes": ["true", "no", "Y", None],
    "zip": ["00501", "1", "", None],
}
TYPES = {"n": "integer", "x": "number", "day": "date", "at": "timestamp", "yes": "boolean"}


def test_a_load_holds_exactly_the_rows_and_columns_of_the_batch(place):
    receipt = place.load(batch({"id": ["1", "2"], "name": ["ann", None]}))
    assert place.columns() == ["id", "name"]
    assert place.rows() == [("1", "ann"), ("2", None)]
    assert (receipt.rows_written, receipt.rows_before, receipt.rows_after) == (2, 0, 2)
    assert (receipt.mode, receipt.already_loaded, receipt.as_text) == (place.mode, False, ())


def test_the_next_run_replaces_the_rows(table):
    table.load(batch({"id": ["1", "2"]}))
    table.load(batch({"id": ["3"]}, run="run-2"))
    assert table.rows() == [("3",)]


def test_the_next_run_may_have_other_columns_and_types(table):
    table.load(batch({"id": ["1", "2"]}))
    table.load(batch({"name": ["ann"], "id": ["7"]}, {"id": "integer"}, run="run-2"))
    assert table.columns() == ["name", "id"]
    assert table.rows() == [("ann", 7 if table.keeps_numbers else "7")]


def test_a_second_load_of_the_same_run_changes_nothing_and_gives_the_same_receipt(place):
    first = place.load(batch({"id": ["1"]}, {"id": "integer"}))
    again = place.load(batch({"id": ["2"]}, {"id": "integer"}))
    assert again == replace(first, already_loaded=True)
    assert [str(row[0]) for row in place.rows()] == ["1"]


def test_what_was_loaded_can_be_read_back_and_a_change_of_it_shows(place):
    receipt = place.load(batch(TYPED | {"id": ["a", "b", "c", None]}, TYPES))
    assert place.destination().read_back("run-1", place.folder) == receipt.fingerprint
    place.alter()
    assert place.destination().read_back("run-1", place.folder) != receipt.fingerprint
    place.load(batch({"n": ["3"]}, run="run-2"))
    assert place.destination().read_back("run-1", place.folder) != receipt.fingerprint


def test_a_destination_that_is_not_there_any_more_reads_back_as_nothing(place):
    assert place.destination().read_back("run-1", place.folder) is None


def test_types_survive_the_way(place):
    place.load(batch(TYPED, TYPES))
    if not place.keeps_types:
        assert len(place.rows()) == 4
        return
    assert sorted(place.rows(), key=lambda row: row[0] or 0) == [
        (-42, -0.1, dt.date(1970, 1, 1), dt.datetime.fromisoformat("1999-12-31T23:59"), False, "1"),
        (None, None, None, None, None, None),
        (1, 1.5, dt.date(2024, 2, 29), dt.datetime.fromisoformat("2024-02-29T12:30:45.123456"), True, "00501"),
        (9223372036854775807, 1e30, dt.date(9999, 12, 31), dt.datetime.fromisoformat("0001-01-01T00:00"), True, None),
    ]


def test_times_with_an_offset_are_loaded_in_utc(place):
    given = ["2026-07-03T10:11:12+02:00", "2026-07-03 10:11:12.5-0530", "2026-07-03T10:11:12Z", "2026-07-03 10:11:12"]
    place.load(batch({"id": list("1234"), "at": given}, {"at": "timestamp"}))
    found = [dt.datetime.fromisoformat(str(row[1])) for row in sorted(place.rows())]
    assert [moment.isoformat(" ", "milliseconds") for moment in found] == [
        "2026-07-03 08:11:12.000",
        "2026-07-03 15:41:12.500",
        "2026-07-03 10:11:12.000",
        "2026-07-03 10:11:12.000",
    ]


def test_dates_are_read_in_the_format_that_the_contract_gives(place):
    place.load(batch({"day": ["03/04/2024"]}, {"day": "date"}, formats={"day": "%d/%m/%Y"}))
    assert str(place.rows()[0][0]) == "2024-04-03"


def test_odd_names_and_values_are_kept_as_they_are_and_nothing_is_executed(place):
    odd = ODD
    if not place.allows_all_names:
        with pytest.raises(DestinationError, match="the column name has '🦔', which mysql cannot have; rename it"):
            place.load(batch(ODD))
        odd = {name.replace("🦔", "ω").replace("\n", " "): values for name, values in ODD.items()}
    place.load(batch(odd))
    assert place.columns() == list(odd)
    assert place.rows() == [tuple(values[0] for values in odd.values())]
    place.load(batch(odd, run="run-2"))
    assert len(place.rows()) == (1 if place.mode == "replace" else 2)


def test_five_hundred_columns(place):
    place.load(batch({f"c{i}": [str(i), None] for i in range(500)}, {f"c{i}": "integer" for i in range(0, 500, 2)}))
    assert len(place.columns()) == 500
    assert len(place.rows()) == 2


def test_a_table_without_rows_is_loaded_as_such(place):
    receipt = place.load(batch({"id": [], "name": []}, {"id": "integer"}))
    assert place.rows() == []
    assert receipt.rows_after == 0
    if place.keeps_columns:
        assert place.columns() == ["id", "name"]


def test_a_table_without_columns_is_refused(place):
    with pytest.raises(DestinationError, match="no column is left to load"):
        place.load(batch({}))


def test_more_rows_than_go_in_one_chunk(place):
    receipt = place.load(batch({"id": [str(i) for i in range(12_001)]}, {"id": "integer"}))
    assert receipt.rows_after == len({row[0] for row in place.rows()}) == 12_001


LOSSY = {
    "codes": ("number", "12345678901234567890", "1.5"),
    "digits": ("number", "123456789012345678", "0.5"),
    "big": ("integer", "99999999999999999999", "1"),
    "nanoseconds": ("timestamp", "2024-01-01T00:00:00.123456789", "2024-01-01T00:00:00"),
    "year nought": ("date", "0000-01-01", "2024-01-01"),
    "words": ("boolean", "maybe", "true"),
}


@pytest.mark.parametrize("name", LOSSY)
def test_a_column_whose_values_would_not_survive_its_type_is_text(place, name):
    type, lost, kept = LOSSY[name]
    receipt = place.load(batch({"c": [lost, kept]}, {"c": type}))
    assert sorted(row[0] for row in place.rows()) == sorted([lost, kept])
    assert receipt.as_text == ()


@pytest.mark.parametrize("value", ["0.1", "0.30000000000000004", "0.10000000000000001", "1e-5", "9007199254740993e0"])
def test_numbers_are_numbers_where_their_digits_survive(place, value):
    place.load(batch({"c": [value]}, {"c": "number"}))
    expected = value if value.startswith("9007") else float(value)
    if place.keeps_numbers:
        assert place.rows() == [(expected,)]


def test_a_receipt_says_which_columns_of_the_contract_are_text_after_all(place):
    receipt = place.load(batch({"n": ["1", "n/a", "?"]}, {"n": "integer"}, declared=("n",)))
    assert receipt.as_text == (("n", 2),)
    assert sorted(row[0] for row in place.rows()) == ["1", "?", "n/a"]


def test_values_not_of_the_contracts_type_can_be_refused_and_nothing_is_loaded(place):
    place.load(batch({"n": ["5"]}, {"n": "integer"}))
    said = r"2 values of 'n' are no integer without loss, e.g. 'n/a' in row 1; .*nothing was loaded"
    with pytest.raises(DestinationError, match=said):
        place.load(
            batch({"n": ["1", "n/a", "?"]}, {"n": "integer"}, declared=("n",), run="run-2"), wrong_types="refuse"
        )
    assert [str(row[0]) for row in place.rows()] == ["5"]


def test_a_receipt_is_plain_data(place):
    receipt = place.load(batch({"id": ["x"]}, {"id": "integer"}, declared=("id",)))
    assert TypeAdapter(Receipt).validate_python(json.loads(json.dumps(asdict(receipt)))) == receipt


def test_a_destination_comes_from_plain_settings_and_goes_back(place):
    spec = TypeAdapter(DestinationSpec)
    settings = place.destination().model_dump(mode="json")
    assert spec.validate_python(settings) == place.destination()


def test_the_same_rows_have_the_same_fingerprint_and_others_another(database):
    first = database.load(batch(TYPED, TYPES))
    turned = {name: [*reversed(values)] for name, values in TYPED.items()}
    assert database.load(batch(turned, TYPES, run="run-2")).fingerprint == first.fingerprint
    changed = TYPED | {"zip": ["00502", "1", "", None]}
    assert database.load(batch(changed, TYPES, run="run-3")).fingerprint != first.fingerprint


# --- undo ---------------------------------------------------------------------------------------------------------


def test_the_last_load_is_taken_back_and_what_it_replaced_is_there_again(table):
    table.load(batch({"id": ["1", "2"], "name": ["ann", None]}))
    table.load(batch({"id": ["3"], "name": ["cid"]}, run="run-2"))
    taken = table.undo("run-2")
    assert table.rows() == [("1", "ann"), ("2", None)]
    assert (taken.rows_removed, taken.rows_restored, taken.rows_after) == (1, 2, 2)
    assert table.undo("run-2") == taken, "taken back once"
    assert table.rows() == [("1", "ann"), ("2", None)]


def test_with_the_first_load_taken_back_nothing_is_there(table):
    table.load(batch({"id": ["1", "2"]}))
    taken = table.undo("run-1")
    assert (taken.rows_removed, taken.rows_restored, taken.rows_after) == (2, 0, 0)
    assert not table.exists()


def test_a_load_into_other_columns_is_taken_back(table):
    table.load(batch({"id": ["1", "2"]}, {"id": "integer"}))
    before = table.rows()
    table.load(batch({"name": ["ann"]}, run="run-2"))
    table.undo("run-2")
    assert (table.columns(), table.rows()) == (["id"], before)


def test_what_was_changed_since_is_not_taken_back(table):
    table.load(batch({"id": ["1", "2"]}))
    table.load(batch({"id": ["3"]}, run="run-2"))
    table.alter()
    there = table.rows()
    with pytest.raises(DestinationError, match=r"what was loaded was changed since .*nothing was changed"):
        table.undo("run-2")
    assert table.rows() == there


def test_only_the_last_load_is_taken_back(table):
    table.load(batch({"id": ["1"]}))
    table.load(batch({"id": ["2"]}, run="run-2"))
    table.load(batch({"id": ["2"]}, run="run-3"))
    with pytest.raises(DestinationError, match=r"another run was loaded since|is not loaded there"):
        table.undo("run-2")
    with pytest.raises(DestinationError, match=r"run nonesuch is not loaded there.*nothing to take back"):
        table.undo("nonesuch")
    assert table.rows() == [("2",)]


def test_a_run_that_was_taken_back_is_not_loaded_again(table):
    table.load(batch({"id": ["1"]}))
    table.undo("run-1")
    with pytest.raises(DestinationError, match=r"the load of run run-1 was taken back .*start another run"):
        table.load(batch({"id": ["1"]}))
    table.load(batch({"id": ["2"]}, run="run-2"))
    assert table.rows() == [("2",)]
