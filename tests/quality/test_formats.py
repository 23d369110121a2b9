"""How values are written is read without guessing, and only what keeps the meaning is recommended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.quality.contract import Contract
from tasks.quality.dates import read_date
from tasks.quality.numerals import decimal_mark, digits, read_numeral, shortest
from tests.quality.opened import opened
from tests.quality.remedied import found, recommended_values

UNITS = [f"{n % 9 + 10}.0 {u}" for n, u in enumerate(["oz", "oz.", "ounce", "OZ"] * 10)]


def test_units_that_a_whole_column_shares_become_plain_numbers():
    with opened({"size": UNITS}) as data:
        issue = found(data, "mixed_number_format")
        assert issue.recommended == "canonical"
        assert recommended_values(data, issue, "size") == [u.partition(".")[0] for u in UNITS]


def test_what_most_numbers_are_written_like_is_how_the_few_are_written():
    most = [f"{n},{n % 10}50" for n in range(10, 60)]
    with opened({"votes": [*most, "12345", "7"]}) as data:
        after = recommended_values(data, found(data, "mixed_number_format"), "votes")
    assert after == [*most, "12,345", "7"]


def test_other_units_of_the_same_quantity_are_converted_when_they_are_few_and_fit():
    with opened({"length": [f"{n + 60} min" for n in range(60)] + ["1.5 h"]}) as data:
        after = recommended_values(data, found(data, "mixed_number_format"), "length")
    assert after[-2:] == ["119 min", "90 min"]


def test_numbers_that_change_size_with_their_unit_are_not_recommended():
    with opened({"weight": [f"{n + 1}" for n in range(40)] + [f"{(n + 1) * 1000} g" for n in range(20)]}) as data:
        assert found(data, "mixed_number_format").recommended == "keep"


def test_a_percent_sign_that_changes_nothing_is_taken_off_and_noise_of_binary_fractions_with_it():
    plain = [f"0.0{n % 5 + 3}" for n in range(40)]
    with opened({"rate": [*plain, "0.05%", "0.055999999999999994%"]}) as data:
        after = recommended_values(data, found(data, "mixed_number_format"), "rate")
    assert after == [*plain, "0.05", "0.056"]


@pytest.mark.parametrize("column", [["007", "12", "13 kg"], ["AB-1", "AB-2"], ["1.5", "2.25", "3.00"]])
def test_codes_names_and_fixed_decimals_are_no_mixed_numbers(column):
    with opened({"a": column * 20}) as data:
        assert found(data, "mixed_number_format", missing_ok=True) is None


def test_the_decimal_mark_is_the_columns():
    assert decimal_mark([("1.5", 3), ("1,234.5", 1)]) == "."
    assert decimal_mark([("1,5", 9), ("1.234,5", 1)]) == ","
    assert decimal_mark([("1.5", 5), ("1,5", 5)]) is None
    assert digits("1,234", ".") == "1234"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9))
def test_a_shortened_number_is_the_same_number(value):
    from decimal import Decimal

    assert Decimal(shortest(f"{value:f}")) == value


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text):
    numeral, date = read_numeral(text), read_date(text)
    assert numeral is None or any(c.isdigit() for c in numeral.body)
    assert date is None or date.days


def test_a_date_that_can_be_two_days_is_an_issue_and_never_a_conversion():
    with opened({"day": [f"{n % 12 + 1}/{n % 11 + 1}/14" for n in range(40)]}) as data:
        issue = found(data, "mixed_dates")
        assert "Ambiguous" in issue.title
        assert issue.recommended == "keep"
        assert {"as-dmy", "as-mdy"} <= {option.key for option in issue.options}


def test_the_order_of_day_and_month_is_the_columns_when_enough_dates_show_it():
    with opened({"day": [f"{n % 12 + 1}/{n % 28 + 1}/2014" for n in range(60)]}) as data:
        assert found(data, "mixed_dates", missing_ok=True) is None


def test_the_few_dates_in_other_formats_are_written_like_the_others():
    most = [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(60)]
    with opened({"day": [*most, "5 Mar 2024", "March 7, 2024", "25.12.2024"]}) as data:
        after = recommended_values(data, found(data, "mixed_dates"), "day")
    assert after == [*most, "2024-03-05", "2024-03-07", "2024-12-25"]


def test_letters_read_in_the_wrong_encoding_are_decoded_again_and_lost_ones_stay():
    with opened({"name": ["caf\u00c3\u00a9", "na\u00efve", "gar\ufffdon", "plain"]}) as data:
        issue = found(data, "encoding_damage")
        assert issue.count == 2
        assert recommended_values(data, issue, "name") == ["caf\u00e9", "na\u00efve", "gar\ufffdon", "plain"]


def test_a_value_that_stands_in_its_neighbour_is_moved_back():
    town = [f"{['Bend', 'Salem', 'New York'][n % 3]}{' OR' if n % 8 == 1 else ''}" for n in range(40)]
    state: list[str | None] = [None if n % 8 == 1 else ["OR", "NY"][n % 2] for n in range(40)]
    with opened({"town": town, "state": state}) as data:
        issue = found(data, "spilled_value")
        assert recommended_values(data, issue, "town") == [t.removesuffix(" OR") for t in town]
        assert recommended_values(data, issue, "state") == [s or "OR" for s in state]


def test_two_cells_that_hold_each_others_values_change_places():
    code, town = [f"C{n % 6}" for n in range(60)], [["Bonn", "Kiel", "Ulm"][n % 3] for n in range(60)]
    dirty = (["Kiel", *code[1:]], [code[0], *town[1:]])
    with opened({"code": dirty[0], "town": dirty[1]}) as data:
        issue = found(data, "swapped_values")
        assert recommended_values(data, issue, "code") == ["C0", *code[1:]]
        assert recommended_values(data, issue, "town") == ["Kiel", *town[1:]]


def test_a_rare_pattern_is_suspect_where_digits_are_usual_and_names_are_left_alone():
    names = ["Anna Smith"] * 40 + ["Anna-Lena von Berg", "Ö"]
    with opened({"code": [f"AB-{n}" for n in range(41)] + ["AB4x"], "name": names}) as data:
        issues = [i for i in _all(data) if i.kind == "pattern_violation"]
    assert [(i.columns, i.count) for i in issues] == [(("code",), 1)]


def test_the_contracts_type_is_what_counts():
    contract = Contract.model_validate({"columns": {"n": {"type": "integer"}}})
    with opened({"n": ["1", "two", None, "N/A"]}, contract) as data:
        issue = found(data, "wrong_type")
        assert (issue.count, issue.confidence) == (1, 0.95)


def _all(data):
    from tests.quality.remedied import issues

    return issues(data)
