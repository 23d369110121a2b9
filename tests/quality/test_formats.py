"""How values are written is read without guessing, and only what keeps the meaning is recommended."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.quality.clocks import Clock, model, read_clock, written_like
from tasks.quality.contract import Contract
from tasks.quality.dates import read_date
from tasks.quality.layouts import ParsedDates
from tasks.quality.model import Severity
from tasks.quality.numerals import decimal_mark, digits, read_numeral, shortest
from tasks.quality.queries import suspects
from tasks.quality.tidying import INVISIBLE, LONGEST, SPACES, Tidy, tidied
from tasks.quality.times import WrittenTimes
from tasks.quality.values import has_letter, telling_values
from tests.quality.opened import opened, records
from tests.quality.remedied import chosen_values, every, found, recommended_values

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


@pytest.mark.parametrize(
    ("odd", "after"),
    [
        (["1,671", "7,250"], ["1.671", "7.250"]),  # as thousands they would be far larger than all others
        (["1,671", "912,345"], ["1,671", "912,345"]),  # as decimals 912 would be larger than all others
        (["1,671", "1,234.500"], ["1,671.000", "1,234.500"]),  # one more separator tells what the comma is
    ],
    ids=["decimals", "left alone", "thousands"],
)
def test_a_comma_before_three_digits_is_read_as_what_fits_the_other_numbers(odd, after):
    plain = [f"{n / 8:.3f}" for n in range(1, 81)]
    with opened({"a": [*plain, "3.5 kg", *odd]}) as data:
        found_ = chosen_values(data, found(data, "mixed_number_format"), "canonical", "a")
    assert found_[-2:] == after
    assert found_[:80] == plain


@pytest.mark.parametrize(
    ("most", "odd", "after"),
    [
        ([f"{n},345" for n in range(10, 90)], ["12345", "7.234"], ["12,345", "7.234"]),
        ([f"{n}%" for n in range(10, 90)], ["45", "0.67", "88 %"], ["45%", "0.67", "88%"]),
        ([str(n) for n in range(1940, 2020)], ["1999 ", "(1999)", "-1999"], ["1999", "(1999)", "-1999"]),
        ([f"{n}.50" for n in range(10, 90)], ["(12.50)", "$7.50", "1,200.00"], ["-12.50", "7.50", "1,200.00"]),
        (
            [f"{n}.5" for n in range(10, 90)],
            ["'12.5", '"7.5"', "'-3.5'", "\u201c8.5\u201d"],
            ["12.5", "7.5", "-3.5", "8.5"],
        ),
        ([str(n) for n in range(1940, 2020)], ["'98", "1999 "], ["'98", "1999"]),
        (["0.30000000000000004", *map(str, range(10, 90))], ["$1.5000000000000002"], ["1.5000000000000002"]),
    ],
    ids=[
        "thousands that most have",
        "a share amid percentages",
        "a year in brackets",
        "accounts",
        "quotes and apostrophes",
        "a short year",
        "noise that others have",
    ],
)
def test_odd_numbers_are_written_as_most_are_or_left_alone(most, odd, after):
    with opened({"a": [*most, *odd, "16 pcs"]}) as data:
        issue = found(data, "mixed_number_format")
        assert chosen_values(data, issue, "canonical", "a")[:-1] == [*most, *after]


def test_an_l_behind_a_few_numbers_may_be_a_one_that_was_misread():
    plain = [f"{n / 8:.3f}" for n in range(1, 81)]
    with opened({"a": [*plain, "2.99l", "0.7l"]}) as data:
        assert found(data, "mixed_number_format", missing_ok=True) is None
    with opened({"a": [f"{n}.5{n % 3 * ' '}l" for n in range(80)]}) as data:
        assert len(found(data, "mixed_number_format").facts["classes"]) == 3


def test_a_few_digits_that_became_letters_do_not_keep_units_from_being_taken_off():
    plain = [str(n) for n in range(1, 81)]
    with opened({"stock": [*plain, "12 g", "7 G", "3x", "1O"]}) as data:
        after = recommended_values(data, found(data, "mixed_number_format"), "stock")
    assert after == [*plain, "12", "7", "3x", "1O"]


def test_frequent_words_behind_numbers_are_no_slips_of_each_other():
    months = [f"{n} mois" for n in range(40)] + [f"{n} moys" for n in range(20)] + ["7 moiz"]
    with opened({"a": months}) as data:
        issue = found(data, "mixed_number_format")
        assert "moys" in issue.facts["others"]
        assert chosen_values(data, issue, "canonical", "a")[40:] == [*months[40:60], "7 mois"]


def test_a_percent_sign_that_changes_nothing_is_taken_off_and_noise_of_binary_fractions_with_it():
    plain = [f"0.0{n % 5 + 3}" for n in range(40)]
    with opened({"rate": [*plain, "0.05%", "0.055999999999999994%"]}) as data:
        after = recommended_values(data, found(data, "mixed_number_format"), "rate")
    assert after == [*plain, "0.05", "0.056"]


@pytest.mark.parametrize(
    "column",
    [
        [repr(math.log(n / 8)) for n in range(1, 40)],  # 14 to 17 digits, each of which says something
        [*(f"{n / 7:.14f}" for n in range(1, 40)), "2"],  # more decimals than a remedy may be told
        [*(f"{n - 20}.{n % 9 + 1}" for n in range(40)), "4.18e-06", "-2.31E-18", "1e+22"],
        [*(f"{n}.481" for n in range(100, 130)), "98.7", "210", "2324.598", "2088.468"],  # no thousands are separated
        [*(f"0.{n % 9 + 1}" for n in range(30)), "0.9000000000000004", "-0.2999999999999998"],
    ],
    ids=["every digit", "many decimals", "exponents", "three decimals", "noise of binary fractions"],
)
def test_numbers_as_programs_write_them_are_no_mixed_numbers(column):
    with opened({"a": column * 8}) as data:
        assert found(data, "mixed_number_format", missing_ok=True) is None


@pytest.mark.parametrize(
    "column",
    [
        ["007", "12", "13 kg"],
        ["AB-1", "AB-2"],
        ["1.5", "2.25", "3.00"],
        ["1st class", "2nd class", "3rd class", "3rd  class", "2nd_class"],
    ],
)
def test_codes_names_and_fixed_decimals_are_no_mixed_numbers(column):
    with opened({"a": column * 20}) as data:
        assert found(data, "mixed_number_format", missing_ok=True) is None


def test_letters_behind_a_few_numbers_are_no_unit_unless_they_are_a_known_one():
    quarters = [str(n % 4 + 1) for n in range(120)]
    for glued, known in (("1OT", False), ("1 h", True), ("1 EUR", True), ("€1", True), ("1 USD", True)):
        with opened({"quarter": [*quarters, *[glued] * 7]}) as data:
            assert (found(data, "mixed_number_format").recommended == "canonical") is known


def test_how_large_numbers_are_is_told_by_their_rows_so_a_few_large_ones_do_not_count():
    stock = ["7", "12", "18", "26"] * 40 + [str(n) for n in range(800, 840)]
    with opened({"stock": [*stock, "9 g", "14g"]}) as data:
        assert recommended_values(data, found(data, "mixed_number_format"), "stock") == [*stock, "9", "14"]


CELSIUS = [f"{n % 40 - 10}.{n % 7}" for n in range(120)]


@pytest.mark.parametrize(
    ("odd", "after"),
    [
        (["17.7°C", "-4.1 °C", "9.5 ℃", "3.5 degrees Celsius"], ["17.7", "-4.1", "9.5", "3.5"]),
        (["17.7 °C", "68.5 °F"] * 4, None),
        (["68.5 °F", "75.2 °F", "88.0 °F"], None),  # as Celsius they would be larger than all others
        (["17.7 K", "9.5 K"] * 4, None),  # kelvins, or thousands
    ],
    ids=["Celsius", "two scales", "the other scale", "a letter that says several things"],
)
def test_degrees_are_taken_off_where_all_are_of_one_scale_and_as_large_as_the_others(odd, after):
    with opened({"temperature": [*CELSIUS, *odd]}) as data:
        issue = found(data, "mixed_number_format")
        assert issue.recommended == ("keep" if after is None else "canonical")
        if after:
            assert recommended_values(data, issue, "temperature") == [*CELSIUS, *after]


def test_the_two_scales_of_temperature_are_never_one_unit_even_if_one_is_rare_or_looks_like_a_slip():
    odd = ["68.5 °F", "11.5°C"]
    with opened({"temperature": [*(f"{text} °C" for text in CELSIUS), *odd]}) as data:
        issue = found(data, "mixed_number_format")
        assert recommended_values(data, issue, "temperature")[-2:] == ["68.5 °F", "11.5 °C"]
        assert {option.key for option in issue.options} == {"canonical"}
    doses = [*(f"{n % 60 + 70} mg/dL" for n in range(120)), "90 mg/L", "95mg/dL"]
    with opened({"sugar": doses}) as data:
        assert recommended_values(data, found(data, "mixed_number_format"), "sugar")[-2:] == ["90 mg/L", "95 mg/dL"]


@pytest.mark.parametrize(
    ("odd", "recommended", "after"),
    [
        (["45,0508", "47.1234° N", "48.5 °N"], "canonical", ["45.0508", "47.1234", "48.5"]),
        (["45,0508", *["47.1234° S"] * 5], "bare", ["45.0508", *["47.1234° S"] * 5]),
        (["45,0508", *["47.1234 old"] * 5], "bare", ["45.0508", *["47.1234 old"] * 5]),
        (["45,0508", *["4.12%"] * 5], "bare", ["45.0508", *["4.12%"] * 5]),
    ],
    ids=["north", "south is negative", "a word", "a share"],
)
def test_what_is_certain_is_recommended_without_the_rest(odd, recommended, after):
    plain = [f"{n + 45}.{n % 90 + 10}51" for n in range(45)] * 3
    with opened({"latitude": [*plain, *odd]}) as data:
        issue = found(data, "mixed_number_format")
        assert issue.recommended == recommended
        assert recommended_values(data, issue, "latitude") == [*plain, *after]
    with opened({"latitude": [*plain, *after]}) as data:
        again = found(data, "mixed_number_format", missing_ok=True)
        assert again is None or again.recommended == "keep"


def test_how_sure_it_is_that_numbers_are_miswritten_is_weighed_by_the_share_that_is_certain():
    plain = [f"{n + 45}.{n % 90 + 10}51" for n in range(45)] * 3
    with opened({"a": [*plain, "45,0508", "45,0708", "45,0908", *["47.1234 old"] * 5]}) as data:
        issue = found(data, "mixed_number_format")
        assert (issue.count, issue.confidence) == (8, 0.7875)
        assert [option.confidence for option in issue.options] == [0.3, 0.95]


def test_gigabytes_may_be_1024_megabytes_so_they_are_offered_both_ways_and_stay():
    sizes = [f"{n + 300} MB" for n in range(60)]
    with opened({"size": [*sizes, "444MB", "0.5 GB"]}) as data:
        issue = found(data, "mixed_number_format")
        assert (issue.recommended, issue.count) == ("canonical", 2)
        assert recommended_values(data, issue, "size") == [*sizes, "444 MB", "0.5 GB"]
        assert chosen_values(data, issue, "convert-1000", "size")[-1] == "500 MB"
        assert chosen_values(data, issue, "convert-1024", "size")[-1] == "512 MB"
    with opened({"size": [*sizes, "0.5 GB"]}) as data:
        assert found(data, "mixed_number_format").recommended == "keep", "nothing else would change"
    with opened({"size": [*sizes, "444MB", "310", "0.5 GB"]}) as data:
        assert found(data, "mixed_number_format").recommended == "keep", "the one without a unit may have either"


def test_words_behind_a_unit_are_kept_where_not_all_have_the_same():
    drinks = [*(f"{n % 9 + 8} oz" for n in range(60)), *(f"{n * 10} ml" for n in range(20))]
    with opened({"size": [*drinks, "12oz"]}) as data:
        assert recommended_values(data, found(data, "mixed_number_format"), "size") == [*drinks, "12 oz"]
    with opened({"size": [*drinks, "12oz", "9 oz bottle"]}) as data:
        assert found(data, "mixed_number_format").recommended == "keep"


@pytest.mark.parametrize(
    ("most", "odd", "after"),
    [
        (
            [f"${n + 1},{n:03}.{n % 90 + 10}" for n in range(60)],
            ["31234.5", "$ 2,345.10", "$3456.10", "($1,200.50)", "$4,567", "$-7,000.25"],
            ["$31,234.50", "$2,345.10", "$3,456.10", "-$1,200.50", "$4,567", "-$7,000.25"],
        ),
        ([f"€{n}.{n % 90 + 10}" for n in range(60)], ["12,34 €", "EUR 7.50", "9.99"], ["€12.34", "€7.50", "€9.99"]),
        (
            [f"EUR {n},{n % 90 + 10}" for n in range(60)],
            ["€ 12,34", "7.50", "9,99"],
            ["EUR 12,34", "EUR 7,50", "EUR 9,99"],
        ),
        ([f"${n}.{n % 90 + 10}" for n in range(60)], ["€12.34", "$ 7.50"], ["€12.34", "$7.50"]),
    ],
)
def test_the_few_amounts_without_the_usual_sign_get_it(most, odd, after):
    with opened({"price": [*most, *odd]}) as data:
        issue = found(data, "mixed_number_format")
        assert recommended_values(data, issue, "price")[60:] == after
        assert issue.count == sum(one != other for one, other in zip(odd, after, strict=True))
    for kept in ([*most, "9000000"], [*most, "€1.50", "2.50"]):
        with opened({"price": kept}) as data:
            issue = found(data, "mixed_number_format", missing_ok=True)
            assert issue is None or issue.recommended == "keep", "of another size, or either currency"


def test_what_is_told_in_two_units_is_written_in_the_one_that_most_have():
    lengths = [f"{n + 70} min" for n in range(60)]
    with opened({"length": [*lengths, "1h 32m", "2 hrs. 5 min", "1 hour and 1 minute", "1h 75m"]}) as data:
        after = recommended_values(data, found(data, "mixed_number_format"), "length")
        assert after[60:] == ["92 min", "125 min", "61 min", "1h 75m"]
    for most, odd in (
        ([f"{n % 3 + 1}h {n % 60}m" for n in range(90)], ["95 min"]),
        ([f"{n + 150} cm" for n in range(60)], ["5'11\""]),
        ([f"{n + 1} h" for n in range(60)], ["1h 32m"]),
        ([str(n + 70) for n in range(60)], ["1h 32m"]),
    ):
        with opened({"length": [*most, *odd]}) as data:
            issue = found(data, "mixed_number_format", missing_ok=True)
            assert issue is None or issue.recommended == "keep" or recommended_values(data, issue, "length")[-1:] == odd


def test_one_of_a_unit_is_written_otherwise_than_several():
    days = [f"{n % 20 + 2} days" for n in range(60)]
    with opened({"stay": [*days, "1 day", "7 Days", "3days"]}) as data:
        after = recommended_values(data, found(data, "mixed_number_format"), "stay")
    assert after == [*days, "1 day", "7 days", "3 days"]
    weights = [f"{n % 20 + 2} kg" for n in range(60)]
    with opened({"weight": [*weights, "9 kgs", "8 kilos"]}) as data:
        after = recommended_values(data, found(data, "mixed_number_format"), "weight")
    assert after == [*weights, "9 kg", "8 kg"], "a short form has no plural of its own"


@pytest.mark.parametrize(
    ("most", "odd", "after"),
    [
        ([f"{n - 40}.25" for n in range(90)] + ["1234.5", "5432.1"], ["123.45-", "1,234.50-"], ["-123.45", "-1234.50"]),
        ([f"{n}.25" for n in range(90)], ["123.45-", "(7.50)"], ["-123.45", "-7.50"]),
        ([str(n - 40) for n in range(90)], ["123-", "7-"], ["-123", "-7"]),
        ([str(n) for n in range(100, 190)], ["100-", "12-"], None),
        ([str(n) for n in range(90)], ["65-", "-18"], None),
        ([str(n) for n in range(1920, 2010)], ["1999-"], None),
        ([f"{n}.25" for n in range(90)], ["-12.45-", "(12.45-)", "12.45-13.45", "C-"], None),
    ],
    ids=["sums", "no others below zero", "whole numbers", "codes", "open ranges", "years", "no signs of numbers"],
)
def test_a_minus_behind_a_number_is_a_sign_where_it_can_be_nothing_else(most, odd, after):
    with opened({"balance": [*most, *odd]}) as data:
        issue = found(data, "mixed_number_format", missing_ok=True)
        assert (issue is None) is (after is None)
        if issue:
            assert recommended_values(data, issue, "balance") == [*most, *after]


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f", "'"])
def test_what_separates_thousands_in_most_numbers_separates_them_in_all(space):
    mark = "." if space == "'" else ","
    most = [f"{n * 37 % 9 + 1}{space}{n * 113 % 900 + 100}{mark}5{n % 10}" for n in range(90)]
    small = [f"{n}{mark}08" for n in range(500, 530)]
    with opened({"net": [*most, *small]}) as data:
        assert found(data, "mixed_number_format", missing_ok=True) is None
    other = "." if mark == "," else ","
    odd = {f"2345{mark}60": f"2{space}345{mark}60", f"1{other}234{mark}56": f"1{space}234{mark}56"}
    with opened({"net": [*most, *small, *odd]}) as data:
        after = recommended_values(data, found(data, "mixed_number_format"), "net")
    assert after == [*most, *small, *odd.values()]


@pytest.mark.parametrize(
    ("most", "odd", "after"),
    [
        ([str(n % 5 + 1) for n in range(120)], ["3/5", "4 / 5", "5/5"], ["3", "4", "5"]),
        ([f"{n % 5}.{n % 10}" for n in range(120)], ["3.5/5", "4/5", "1.2/5"], ["3.5", "4", "1.2"]),
        ([str(n % 5 + 1) for n in range(120)], ["3/5", "1/2", "4/5", "2/3"], None),
        ([str(n % 5 + 1) for n in range(120)], ["3/5", "4/5"], None),
        ([str(n % 12 + 1) for n in range(120)], ["3/5", "4/5", "9/5"], None),
        ([str(n % 5 + 1) for n in range(120)], ["3/100", "4/100", "5/100"], None),
        ([str(n % 30 + 1) for n in range(120)], ["1/2", "2/2", "3/2"], None),
    ],
    ids=["points", "halves of points", "fractions", "two only", "days of May", "another scale", "parts"],
)
def test_points_out_of_the_scale_that_a_column_is_on_are_the_points(most, odd, after):
    with opened({"rating": [*most, *odd]}) as data:
        issue = found(data, "mixed_number_format", missing_ok=True)
        assert (issue is None) is (after is None)
        if issue:
            assert recommended_values(data, issue, "rating") == [*most, *after]


@pytest.mark.parametrize(
    ("most", "odd", "after"),
    [
        ([str(n % 5 + 1) for n in range(120)], ["three", "Two", "4.0"], ["3", "2", "4"]),
        ([str(n % 5 + 1) for n in range(120)], ["three", "ten"], None),  # no other number is so large
        ([f"{n % 5}.{n % 9 + 1}" for n in range(120)], ["three"], None),
    ],
    ids=["counts", "too large", "measures"],
)
def test_numbers_in_words_are_written_in_digits_amid_counts(most, odd, after):
    with opened({"rooms": [*most, *odd]}) as data:
        issue = found(data, "mixed_number_format", missing_ok=True)
        assert (issue is None) is (after is None)
        if issue:
            assert recommended_values(data, issue, "rooms") == [*most, *after]


def test_a_comma_amid_whole_numbers_may_separate_two_of_them():
    whole = [str(n % 23) for n in range(200)]
    with opened({"source": [*whole, "4,6", "20,22", "14,15"]}) as data:
        issue = found(data, "mixed_number_format")
        assert (issue.recommended, issue.confidence) == ("keep", 0.3)
    with opened({"price": [*(f"{n},{n % 9 + 1}" for n in range(100)), *whole]}) as data:
        assert found(data, "mixed_number_format", missing_ok=True) is None  # it is how the column writes numbers


def test_the_decimal_mark_is_the_columns():
    assert decimal_mark([("1.5", 3), ("1,234.5", 1)]) == "."
    assert decimal_mark([("1,5", 9), ("1.234,5", 1)]) == ","
    assert decimal_mark([("1.5", 5), ("1,5", 5)]) is None
    assert decimal_mark([("0.125", 9), ("1.125", 9), ("0,125", 1)]) == "."
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
    with opened({"day": [*most, "5 Mar 2024", "March 7, 2024", "25.12.2024", '"2024-01-31"', "'2024-02-01"]}) as data:
        after = recommended_values(data, found(data, "mixed_dates"), "day")
    assert after == [*most, "2024-03-05", "2024-03-07", "2024-12-25", "2024-01-31", "2024-02-01"]


def test_years_of_two_digits_are_of_the_century_that_the_other_years_are_in():
    most = [f"{n % 12 + 1:02}/{n % 28 + 1:02}/{1950 + n % 58}" for n in range(116)]
    odd = ["05/14/98", "05/14/62", "05/14/03", "05/14/30", "05/14/62 08:00", "7 Mar 71"]
    with opened({"born": [*most, *odd]}) as data:
        after = recommended_values(data, found(data, "mixed_dates"), "born")
        assert after[116:] == ["05/14/1998", "05/14/1962", "05/14/2003", "05/14/30", "05/14/1962 08:00", "03/07/1971"]
    old = [f"{n % 12 + 1:02}/{n % 28 + 1:02}/{1850 + n}" for n in range(150)]
    with opened({"born": [*old, "05/14/98", "05/14/30"]}) as data:
        after = recommended_values(data, found(data, "mixed_dates"), "born")
        assert after[150:] == ["05/14/98", "05/14/1930"], "1898 or 1998"
    short = [f"{n % 12 + 1:02}/{n % 28 + 1:02}/{50 + n % 49}" for n in range(116)]
    with opened({"born": [*short, "05/14/1998"]}) as data:
        assert recommended_values(data, found(data, "mixed_dates"), "born")[116:] == ["05/14/98"]


def test_numbers_that_a_spreadsheet_writes_for_days_are_days_where_they_are_among_the_others():
    most = [f"2023-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(116)]
    with opened({"day": [*most, "45123", "45000", "12345", "9"]}) as data:
        after = recommended_values(data, found(data, "mixed_dates"), "day")
    assert after[116:] == ["2023-07-16", "2023-03-15", "12345", "9"]
    german = [f"{n % 28 + 1:02}.{n % 12 + 1:02}.2023" for n in range(116)]
    with opened({"day": [*german, "45123"]}) as data:
        assert recommended_values(data, found(data, "mixed_dates"), "day")[116:] == ["16.07.2023"]
    timed = [f"{day} 10:00" for day in most]
    with opened({"at": [*timed, "45123"]}) as data:
        assert found(data, "mixed_dates", missing_ok=True) is None


def test_tabs_unseen_characters_and_tags_are_taken_for_what_they_look_like_where_they_are_rare():
    names = [f"Ann Lee {n}" for n in range(56)]
    odd = ["Bob\u00a0Ray", "Cy\tFox", "Di\u200b Poe", "<b>Ed Roe</b>", "Al<br/>Fay", "a < b", "\ufeffEve"]
    with opened({"name": [*names, *odd]}) as data:
        issue = found(data, "untidy_text")
        assert (issue.facts["odd"], issue.facts["tags"], issue.count) == (4, 2, 6)
        after = recommended_values(data, issue, "name")
    assert after[56:] == ["Bob Ray", "Cy Fox", "Di Poe", "Ed Roe", "Al Fay", "a < b", "Eve"]
    with opened({"text": [f"<p>{name}</p>" for name in names]}) as data:
        assert found(data, "untidy_text").recommended == "keep", "they are how it is written"


def test_addresses_to_which_no_mail_would_come_are_mended_where_it_is_clear_how():
    good = [f"ann.{n}@{['gmail.com', 'web.de', 'posteo.de'][n % 3]}" for n in range(90)]
    odd = {
        "bob (at) web.de": "bob@web.de",
        "mailto:cy@web.de": "cy@web.de",
        "di@web,de": "di@web.de",
        "Ed Roe <ed@web.de>": "ed@web.de",
        "fay@@web..de": "fay@web.de",
        "gus at posteo dot de": "gus@posteo.de",
        "Hal@gmial.com": "Hal@gmail.com",
        "ida@ymail.com": "ida@ymail.com",
        "jo@gmail": "jo@gmail",
        "kim@web.de, lou@web.de": "kim@web.de, lou@web.de",
        "none": None,
    }
    with opened({"mail": [*good, *odd]}) as data:
        issue = found(data, "broken_address")
        assert issue.count == 7
        after = recommended_values(data, issue, "mail")
    assert [new for new, old in zip(after[90:], odd, strict=True) if old != "none"] == [v for v in odd.values() if v]
    with opened({"note": ["call ann@web.de or (at) bob", *(f"note {n}" for n in range(90))]}) as data:
        assert found(data, "broken_address", missing_ok=True) is None


def test_percentages_amid_parts_of_one_are_divided_where_they_are_as_large_then():
    shares = [f"0.{n % 90 + 10}" for n in range(90)]
    with opened({"share": [*shares, "22%", "7.5%"]}) as data:
        issue = found(data, "mixed_number_format")
        assert recommended_values(data, issue, "share")[90:] == ["0.22", "0.075"]
    whole = [str(n % 90 + 10) for n in range(90)]
    with opened({"share": [*whole, "22%"]}) as data:
        assert recommended_values(data, found(data, "mixed_number_format"), "share")[90:] == ["22"]


def test_letters_read_in_the_wrong_encoding_are_decoded_again_and_lost_ones_stay():
    with opened({"name": ["caf\u00c3\u00a9", "na\u00efve", "gar\ufffdon", "plain"]}) as data:
        issue = found(data, "encoding_damage")
        assert issue.count == 2
        assert recommended_values(data, issue, "name") == ["caf\u00e9", "na\u00efve", "gar\ufffdon", "plain"]


def test_of_a_damaged_letter_nothing_is_tidied_away():
    """Of an i with an accent, one half is a sign that nobody sees."""
    damaged = ["Rodr\u00c3\u00adguez", "voil\u00c3\u00a0", "soft\u00adly"]
    with opened({"name": [*damaged, *["Rodr\u00edguez", "voil\u00e0", "softly"] * 80]}) as data:
        tidied = recommended_values(data, found(data, "untidy_text"), "name")
        assert tidied[:3] == [*damaged[:2], "softly"]
        assert recommended_values(data, found(data, "encoding_damage"), "name")[:2] == ["Rodr\u00edguez", "voil\u00e0"]


def test_a_value_that_stands_in_its_neighbour_is_moved_back():
    town = [f"{['Bend', 'Salem', 'New York'][n % 3]}{' OR' if n % 8 == 1 else ''}" for n in range(40)]
    state: list[str | None] = [None if n % 8 == 1 else ["OR", "NY"][n % 2] for n in range(40)]
    with opened({"town": town, "state": state}) as data:
        issue = found(data, "spilled_value")
        assert recommended_values(data, issue, "town") == [t.removesuffix(" OR") for t in town]
        assert recommended_values(data, issue, "state") == [s or "OR" for s in state]


def test_a_club_that_is_called_after_its_town_was_no_birthplace():
    towns = ["Paris", "Lyon", "Nice", "Lens"]
    club = [f"{['FC', 'Inter'][n // 4 % 2]} {towns[n % 4]}" for n in range(80)]
    born = [None if n % 13 == 5 else towns[n * 7 % 11 % 4] for n in range(80)]
    with opened({"club": club, "born": born}) as data:
        assert found(data, "spilled_value", missing_ok=True) is None


def test_two_cells_that_hold_each_others_values_change_places():
    code, town = [f"C{n % 6}" for n in range(60)], [["Bonn", "Kiel", "Ulm"][n % 3] for n in range(60)]
    dirty = (["Kiel", *code[1:]], [code[0], *town[1:]])
    with opened({"code": dirty[0], "town": dirty[1]}) as data:
        issue = found(data, "swapped_values")
        assert recommended_values(data, issue, "code") == ["C0", *code[1:]]
        assert recommended_values(data, issue, "town") == ["Kiel", *town[1:]]


@pytest.mark.parametrize("rows", [1, 2])
def test_a_way_back_may_be_meant_so_but_not_twice(rows):
    start, end = [["Ulm", "Jena", "Kiel"][n % 3] for n in range(60)], [f"Shop {'ABCD'[n % 4]}" for n in range(60)]
    with opened({"from": [*start, *["Shop A"] * rows], "to": [*end, *["Kiel"] * rows]}) as data:
        assert found(data, "swapped_values").recommended == ("keep" if rows == 1 else "swap")


def test_a_code_of_digits_and_a_name_change_places():
    code, town = ["10115", "20095", "50667"] * 20, ["Kiel", "Ulm", "Bonn", "Trier", "Essen"] * 12
    with opened({"zip": ["Kiel", *code[1:], "2O095"], "town": ["10115", *town[1:], "Ulm"]}) as data:
        issue = found(data, "swapped_values")
        assert recommended_values(data, issue, "zip") == [*code, "2O095"]
        assert recommended_values(data, issue, "town") == [*town, "Ulm"]


def test_words_for_null_and_numbers_are_strangers_in_no_column():
    group, town = ["a", "b", "c"] * 30, ["Bonn", "Kiel", "NA"] * 30
    with opened({"group": ["NA", *group], "town": ["a", *town]}) as data:
        assert found(data, "swapped_values", missing_ok=True) is None
    digit, size = [str(n % 3) for n in range(60)], [f"{n % 7 + 4}" for n in range(60)]
    odd = {"digit": ["5", *digit, "l", "O2", "1x"], "size": ["0", *size, "l7", "9l", "8x"]}
    with opened(odd) as data:
        assert found(data, "swapped_values", missing_ok=True) is None


def test_a_rare_pattern_is_suspect_where_digits_are_usual_and_names_are_left_alone():
    names = ["Anna Smith"] * 40 + ["Anna-Lena von Berg", "Ö"]
    with opened({"code": [f"AB-{n}" for n in range(41)] + ["AB4x"], "name": names}) as data:
        issues = [i for i in _all(data) if i.kind == "pattern_violation"]
    assert [(i.columns, i.count) for i in issues] == [(("code",), 1)]


def test_numbers_with_a_sign_in_place_of_a_digit_are_surely_wrong_and_lose_no_sign_of_it():
    odd = ["1#4", "x10", "2o", "#7", "9#", "3l"]
    with opened({"price": [str(100 + n % 37) for n in range(94)] + odd, "at": [str(n) for n in range(100)]}) as data:
        issue = found(data, "wrong_type")
        assert (issue.count, issue.confidence, issue.recommended) == (6, 0.9, "keep")
        assert found(data, "unusual_signs", missing_ok=True) is None
    with opened({"price": [str(100 + n % 37) for n in range(96)] + ["#104", "#108"]}) as data:
        assert recommended_values(data, found(data, "unusual_signs"), "price")[96:] == ["104", "108"]


def test_the_contracts_type_is_what_counts():
    contract = Contract.model_validate({"columns": {"n": {"type": "integer"}}})
    with opened({"n": ["1", "two", None, "N/A"]}, contract) as data:
        issue = found(data, "wrong_type")
        assert (issue.count, issue.confidence) == (1, 0.95)


def test_what_is_of_the_wrong_type_becomes_null_or_the_number_in_it_is_kept():
    contract = Contract.model_validate({"columns": {"n": {"type": "integer"}}})
    with opened({"n": ["12", "€7", None, "n/a", "x-"]}, contract) as data:
        issue = found(data, "wrong_type")
        assert chosen_values(data, issue, "to-null", "n") == ["12", None, None, "n/a", None]
        assert chosen_values(data, issue, "strip", "n") == ["12", "7", None, "n/a", "x-"]


def test_what_breaks_the_contracts_pattern_becomes_null_or_the_part_that_is_found_is_kept():
    contract = Contract.model_validate({"columns": {"n": {"pattern": "[0-9]+"}}})
    with opened({"n": ["12", "€7", None, "n/a"]}, contract) as data:
        issue = found(data, "pattern_violation")
        assert chosen_values(data, issue, "to-null", "n") == ["12", None, None, None]
        assert chosen_values(data, issue, "extract", "n", pattern="[0-9]+") == ["12", "7", None, "n/a"]


def test_spaces_and_every_entity_that_is_found_are_tidied_and_the_pilot_edits_the_table():
    messy = [" Bonn", "R&amp;D", "it&#39;s", "&#x41;&nbsp;B", "&amp;lt;", "&#0;", "a  b", "fine", None, " "]
    with opened({"a": messy}) as data:
        issue = found(data, "untidy_text")
        assert issue.count == 7
        tidy = ["Bonn", "R&D", "it's", "A B", "&lt;", "&#0;", "a  b", "fine", None, " "]
        assert recommended_values(data, issue, "a") == tidy
        assert chosen_values(data, issue, "collapse", "a") == [*tidy[:6], "a b", *tidy[7:]]
        assert chosen_values(data, issue, "upper", "a")[-4:] == ["A  B", "FINE", None, " "]
        edits = {"exclude": (" Bonn",), "change": {"R&amp;D": None}}
        assert chosen_values(data, issue, "tidy", "a", **edits) == [" Bonn", None, *tidy[2:]]


@given(st.text(st.sampled_from("ab&;#39 \t\u2003") | st.characters(exclude_categories=["Cs"])))
def test_a_tidy_text_is_left_alone_and_keeps_its_words(text):
    tidy = tidied(text, Tidy(collapse=True))
    assert tidied(tidy, Tidy(collapse=True)) == tidy
    assert tidy.translate(dict.fromkeys(map(ord, SPACES))) == text.translate(dict.fromkeys(map(ord, SPACES)))


def test_values_too_long_for_a_table_stay_as_they_are_and_are_told():
    with opened({"a": ["x ", "&amp; " * LONGEST, "y"]}) as data:
        issue = found(data, "untidy_text")
        assert (issue.count, issue.option("tidy").leaves) == (2, "1 cell of more than 100,000 characters")
        assert recommended_values(data, issue, "a") == ["x", "&amp; " * LONGEST, "y"]
    with opened({"a": ["&amp; " * LONGEST, "y"]}) as data:
        assert found(data, "untidy_text").recommended == "keep", "nothing would change"


def test_the_engine_and_the_remedy_mean_the_same_by_a_space():
    signs = [chr(code) for code in range(1, 0x10FFFF) if not 0xD800 <= code <= 0xDFFF and not chr(code).isalnum()]
    with opened({"a": [f"a{sign}" for sign in signs]}) as data:
        (issue,) = [i for i in _all(data) if i.kind == "untidy_text"]
        suspect = {row["value"] for row in records(suspects(data, issue))}
    assert suspect == {f"a{sign}" for sign in SPACES + INVISIBLE}
    with opened({"a": [f"a{sign}b" for sign in signs]}) as data:
        (issue,) = [i for i in _all(data) if i.kind == "untidy_text"]
        suspect = {row["value"] for row in records(suspects(data, issue))}
    assert suspect == {text for sign in signs if tidied(text := f"a{sign}b", Tidy(plain=True)) != text}


def test_words_for_null_say_nothing_about_a_column():
    with opened({"a": ["b", "N/A", None, " ", "c", "c"], "empty": [None] * 6}) as data:
        assert telling_values(data, ["a", "empty"]) == {"a": {"b": 1, "c": 2}, "empty": {}}
        assert list(telling_values(data, ["a"], has_letter, frequent_first=True)["a"]) == ["c", "b"]
        assert telling_values(data, []) == {}


def _all(data):
    from tests.quality.remedied import issues

    return issues(data)


def test_times_stay_as_they_are_written_and_so_do_the_dates_that_most_are_like():
    usual = [f"{n % 12 + 1:02}/{n % 17 + 13}/2024 0{n % 9 + 1}:30" for n in range(60)]
    with opened({"at": [*usual, "Apr 4, 2024 07:15", "Apr 5, 2024 7:15 PM"]}) as data:
        issue = found(data, "mixed_dates")
        after = recommended_values(data, issue, "at")
        assert after == [*usual, "04/04/2024 07:15", "Apr 5, 2024 7:15 PM"]
        assert issue.option("as-most").leaves.startswith("1 ")


def test_dates_of_an_unsettled_order_are_no_example_for_others():
    usual = [f"{n % 12 + 1:02}/{n % 11 + 1:02}/2024" for n in range(60)]
    with opened({"on": [*usual, "Apr 4, 2024"]}) as data:
        issue = next(i for i in every(data, "mixed_dates") if not i.facts["ambiguous"])
        assert issue.recommended == "keep"
        assert "as-most" not in {option.key for option in issue.options}


def test_a_few_dates_whose_day_and_month_were_turned_are_told_from_the_others():
    usual = [f"{n % 28 + 1:02}/{n % 12 + 1:02}/2024 07:15" for n in range(60)]
    with opened({"due": [*usual, "03/24/2024 07:15", "7/30/2024 23:59"]}) as data:
        issue = found(data, "turned_dates")
        assert recommended_values(data, issue, "due") == [*usual, "24/03/2024 07:15", "30/07/2024 23:59"]
        assert found(data, "mixed_dates", missing_ok=True) is None, "the others show what 03/04/2024 means"
    many = [f"{n % 12 + 1:02}/{n % 16 + 13}/2024" for n in range(9)]
    with opened({"due": [*(day[:10] for day in usual), *many]}) as data:
        assert found(data, "turned_dates", missing_ok=True) is None
        assert found(data, "mixed_dates").facts["ambiguous"]


@pytest.mark.parametrize("text", ["12a", "1950s", "3b"])
def test_what_is_glued_to_a_number_may_be_its_name(text):
    with opened({"house": [*(str(n % 70 + 1910) for n in range(300)), text]}) as data:
        issue = found(data, "mixed_number_format", missing_ok=True)
        assert issue is None or issue.recommended == "keep"


def test_values_of_the_wrong_type_are_read_where_they_have_one_reading():
    contract = Contract.model_validate({"columns": {"n": {"type": "integer"}, "on": {"type": "date"}}})
    columns = {
        "n": ["4", "1,234 pcs", "twelve", "(7)", None],
        "on": ["2024-01-02", "3 Feb 2024", "03/04/2024", "soon", None],
    }
    with opened(columns, contract) as data:
        numbers, dates = every(data, "wrong_type")
        assert chosen_values(data, numbers, "cast", "n") == ["4", "1234", "twelve", "-7", None]
        assert chosen_values(data, dates, "cast", "on", on_failure="null") == [
            "2024-01-02", "2024-02-03", None, None, None,
        ]  # fmt: skip
        assert chosen_values(data, numbers, "strip", "n", characters="pcs ,")[1] == "1234"


def test_an_address_without_the_signs_of_all_others_breaks_their_pattern():
    words = ["mill", "bay", "elm", "oak", "ash", "fir", "fig", "yew", "box", "bee"]
    sites = [f"https://www.{one}{two}.com" for one in words for two in words]
    with opened({"site": [*sites, "www.elmelm.com", "https://elm-elm.com/"]}) as data:
        issue = found(data, "pattern_violation")
        assert (issue.count, issue.sample[0].value) == (1, "www.elmelm.com")
    with opened(
        {"name": [f"{one} {two}".title() for one in words for two in words] + ["O'Neil", "Ann-Marie Fox"]}
    ) as data:
        assert found(data, "pattern_violation", missing_ok=True) is None


def test_spaces_too_many_are_untidy_and_break_no_pattern():
    with opened({"code": [*(f"AB {n}" for n in range(60)), "AB  60", " AB 61", "AB 62x"]}) as data:
        assert [cell.value for cell in found(data, "pattern_violation").sample] == ["AB 62x"]


def test_a_number_of_another_size_breaks_no_pattern_where_numbers_are_usual():
    with opened({"size": [f"{n}.{n}" for n in range(90)] + ["8.3e-05", "1E+3"]}) as data:
        assert found(data, "pattern_violation", missing_ok=True) is None
    with opened({"years": ["some", "2"] * 60 + ["0.5"]}) as data:
        assert found(data, "pattern_violation", missing_ok=True) is None


def test_odd_values_are_written_with_the_usual_signs():
    several = [(f"AB-{n:03}", f"{n:03}/AB", f"AB.{n:03}.C")[n % 3] for n in range(90)]
    with opened({"code": [*several, "AB 077", "AB 078", "x"]}) as data:
        issue = found(data, "pattern_violation")
        assert chosen_values(data, issue, "normalise", "code")[-3:] == ["AB-077", "AB-078", "x"]


def test_the_usual_signs_are_recommended_where_the_same_digits_and_letters_are_as_usual():
    phones = [f"{100 + n}-{7 * n % 10000:04}" for n in range(240)]
    odd = ["341 0041", "342.0042", "3430043", "34-10041", "34 10041", "34100"]
    with opened({"phone": [*phones, *odd]}) as data:
        issue = found(data, "unusual_signs")
        assert recommended_values(data, issue, "phone")[240:] == ["341-0041", "342-0042", "343-0043", *odd[3:]]
        assert chosen_values(data, issue, "map", "phone")[-2:] == ["34-10041", "34100"]
        assert issue.confidence == 0.675, "three of four"
        (left,) = every(data, "pattern_violation")
        assert [cell.value for cell in left.sample] == ["34100"]
    orders = [f"AB-{2020 + n % 5}-{n:05}" for n in range(240)]
    with opened({"order": [*orders, "AB/2020/00007", "AB - 2021 - 00008"]}) as data:
        assert recommended_values(data, found(data, "unusual_signs"), "order")[240:] == [
            "AB-2020-00007",
            "AB-2021-00008",
        ]
    with opened({"score": [f"{n % 7}:{n % 5}" for n in range(240)] + ["3-1"] * 40}) as data:
        assert found(data, "unusual_signs", missing_ok=True) is None, "two ways that are both frequent"
        assert found(data, "pattern_violation", missing_ok=True) is None


@pytest.mark.parametrize(
    "column",
    [
        [f"2024-01-{1 + n % 28:02}" for n in range(240)] + ["01/02/2024"] * 3,
        [f"May {1 + n % 28}, 2024" for n in range(240)] + ["May-3-2024"],
        [f"{n}.{n % 10}" for n in range(240)] + ["12,5"],
        [f"{n}-{n + 9}" for n in range(240)] + ["110"],
        [f"{n % 9 + 1}.{n:03}e-12" for n in range(240)] + ["-1.025e-12", "1.025e+12"],
        [f"m{n % 9}^-{n % 7}" for n in range(240)] + ["m1^2"],
        [f"https://www.mill.com/{n}" for n in range(240)] + ["https://www.mill.com/7/"],
        [f"{'AB-' if n % 2 else 'A B C'}{n}" for n in range(240)] + ["AB7"],
    ],
)
def test_dates_numbers_and_ranges_have_signs_of_their_own(column):
    with opened({"a": column}) as data:
        issue = found(data, "unusual_signs", missing_ok=True)
        assert issue is None or issue.recommended == "keep"


def test_whole_numbers_lose_what_is_around_them_unless_it_may_be_a_minus():
    with opened(
        {"n": [*(str(100 + n) for n in range(90)), '"123"', "'124", "125*", "[126]", "(127)", "1*2", "'7"]}
    ) as data:
        issue = found(data, "unusual_signs")
        assert recommended_values(data, issue, "n")[90:] == ["123", "124", "125", "126", "(127)", "1*2", "'7"]
    with opened({"year": [*(str(1950 + n % 60) for n in range(90)), "(1999)", "'99"]}) as data:
        assert recommended_values(data, found(data, "unusual_signs"), "year")[90:] == ["1999", "'99"]


def test_brackets_that_come_back_are_put_there_on_purpose():
    inferred = ["[1879]", "[1886]", "[1886]", "[1901]"]
    with opened({"year": [*(str(1850 + n % 60) for n in range(120)), *inferred]}) as data:
        issue = found(data, "unusual_signs")
        assert (issue.recommended, issue.count) == ("keep", 4)
        assert {option.key for option in issue.options} == {"map"}


def test_numbers_are_written_with_the_decimal_comma_that_most_of_them_have():
    grades = [f"{n % 5 + 1},{n % 9 + 1}" for n in range(150)]
    with opened({"grade": [*grades, "1.8", "12,50", "3"]}) as data:
        assert recommended_values(data, found(data, "mixed_number_format"), "grade") == [*grades, "1,8", "12,50", "3"]
    with opened({"grade": [each.replace(",", ".") for each in grades] + ["1,8"]}) as data:
        assert recommended_values(data, found(data, "mixed_number_format"), "grade")[-1] == "1.8"


def test_a_plus_beside_numbers_below_zero_stays():
    lenses = [f"{'+' if n % 2 else '-'}{n % 4 + 1}.25" for n in range(120)]
    with opened({"lens": [*lenses, "2.50 ", "+0,75"]}) as data:
        assert recommended_values(data, found(data, "mixed_number_format"), "lens") == [*lenses, "2.50", "+0.75"]
    with opened({"floor": [*(str(n % 9 + 1) for n in range(120)), "+4", "-1"]}) as data:
        assert recommended_values(data, found(data, "mixed_number_format"), "floor")[-2:] == ["4", "-1"]


def test_addresses_are_written_without_slips_of_signs():
    names = ["mill", "bay", "elm", "oak", "ash", "fir", "fig", "yew", "box", "bee"]
    mails = [f"{one}.{two}@mail.com" for one in names for two in names]
    odd = ["a.b @mail.com", "a.b@@mail.com", "a.b@mail,com", "a.bmail.com", "ab@mail.co.uk", "a;b@mail.com"]
    with opened({"mail": [*mails, *odd]}) as data:
        after = recommended_values(data, found(data, "unusual_signs"), "mail")
        assert after == [*mails, *["a.b@mail.com"] * 3, *odd[3:]]


def test_codes_that_a_spreadsheet_made_numbers_of_are_read_again_where_all_digits_are_there():
    codes = [f"{4006381000000 + 7919 * n}" for n in range(90)]
    odd = ["4 006381 333931", "4006381-333931", "4.006381333931E+12", "4.00638E+12", "12.5", "4E+3"]
    with opened({"ean": [*codes, *odd]}) as data:
        issue = found(data, "broken_codes")
        assert recommended_values(data, issue, "ean")[90:] == ["4006381333931"] * 3 + odd[3:]
        assert (issue.count, issue.severity) == (4, Severity.HIGH)
        assert chosen_values(data, issue, "to-null", "ean")[90:] == [None] * 4 + odd[4:]
    with opened(
        {"ean": [*codes, "0001234567890", "0001234567891", "0001234567892", "1.234567891E+9", "1.2E+9"]}
    ) as data:
        assert recommended_values(data, found(data, "broken_codes"), "ean")[-2:] == ["0001234567891", "1.2E+9"]
    with opened({"population": [str(7919 * n * n) for n in range(1, 90)] + ["1 234 567", "1.2E+6"]}) as data:
        assert found(data, "broken_codes", missing_ok=True) is None, "numbers are of any length"


CODES = [f"{n:05}" for n in (501, 714, 1907, 2134, 2289, 4708, 10003, 33101, 60614, 94105)] * 20


def test_codes_that_lost_their_zeros_get_them_back_where_others_have_them():
    short = [code.lstrip("0") if n % 29 == 0 else code for n, code in enumerate(CODES)]
    with opened({"zip": short}) as data:
        issue = found(data, "lost_leading_zeros")
        assert (issue.recommended, issue.count) == ("pad", sum(map(str.__ne__, short, CODES)))
        assert recommended_values(data, issue, "zip") == CODES
    with opened({"zip": short}, Contract.model_validate({"columns": {"zip": {"type": "integer"}}})) as data:
        assert found(data, "lost_leading_zeros", missing_ok=True) is None


@pytest.mark.parametrize(
    "column",
    [
        [str(n * 37 % 4000) for n in range(400)],  # numbers
        [*CODES, "1213", "777"],  # a digit may be lost elsewhere
        [*(str(n % 90) for n in range(400)), "05", "07"],  # padded by accident
    ],
)
def test_digits_that_are_shorter_for_other_reasons_get_no_zeros(column):
    with opened({"n": column}) as data:
        issue = found(data, "lost_leading_zeros", missing_ok=True)
        assert issue is None or issue.recommended == "keep"


def test_months_are_read_and_written_in_the_column_s_language():
    names = ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober"]
    most = [f"{n % 27 + 1}. {names[n % 10]} 2024" for n in range(60)]
    with opened({"day": [*most, "2024-03-05", "25.12.2024"]}) as data:
        issue = found(data, "mixed_dates")
        assert recommended_values(data, issue, "day") == [*most, "5. März 2024", "25. Dezember 2024"]
        assert chosen_values(data, issue, "iso", "day")[:3] == ["2024-01-01", "2024-02-02", "2024-03-03"]


@pytest.mark.parametrize(
    ("text", "locale", "day"),
    [
        ("5 févr. 2024", "fr", "2024-02-05"),
        ("1 août 2024", "fr", "2024-08-01"),
        ("5 de marzo de 2024", "es", "2024-03-05"),
        ("12 ottobre 2024", "it", "2024-10-12"),
        ("3 mrt 2024", "nl", "2024-03-03"),
        ("3 out 2024", "pt", "2024-10-03"),
        ("7 maj 2024", "sv", "2024-05-07"),
        ("7 maj 2024", "en", None),
        ("7 jui 2024", "fr", None),
    ],
)
def test_a_month_has_the_names_of_its_language(text, locale, day):
    read = read_date(text, locale)
    assert (read and {d.isoformat() for d in read.days}) == (day and {day})


def test_times_become_moments_of_the_time_zone_that_the_pilot_names():
    days = [f"2024-07-{n % 28 + 1:02}" for n in range(60)]
    times = ["1/8/2024 1:30 PM", "30/7/2024 13:30", "2024-07-05 13:30:00+02:00", "27/10/2024 2:30", "31/3/2024 02:30"]
    told = [f"{n % 17 + 13}/7/2024 10:00" for n in range(40)]
    with opened({"at": [*days, *told, *times]}) as data:
        issue = next(i for i in every(data, "mixed_dates") if not i.facts["ambiguous"])
        after = chosen_values(data, issue, "utc", "at", timezone="Europe/Berlin")
    assert after[:60] == days, "a day has no time zone"
    assert after[60] == "2024-07-13T08:00:00Z"
    assert after[100:] == [
        "1/8/2024 1:30 PM",
        "2024-07-30T11:30:00Z",
        "2024-07-05T11:30:00Z",
        "27/10/2024 2:30",
        "31/3/2024 02:30",
    ], "what can be two days, and what clocks show twice or never, stays"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"timezone": "Europe/Berln"}, "no time zone 'Europe/Berln'; Did you mean 'Europe/Berlin'"),
        ({"timezone": "UTC", "layout": "0/0/0"}, "written in ISO 8601: leave layout '0/0/0' out"),
        ({"locale": "xx"}, "'en', 'de', 'fr'"),
    ],
)
def test_a_zone_or_a_language_that_is_not_known_is_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        ParsedDates(**given)


def test_the_part_that_is_written_as_most_are_can_be_kept():
    days = [f"2024-07-{n % 28 + 1:02}" for n in range(60)]
    with opened({"day": [*days, "2024-03-05T10:00", "2024-03-06 11:15", "7 Mar 2024"]}) as data:
        issue = found(data, "mixed_dates")
        assert issue.option("extract").label == "keep only the part that is written as most are (2024-07-01)"
        assert chosen_values(data, issue, "extract", "day") == [*days, "2024-03-05", "2024-03-06", "7 Mar 2024"]


def test_letters_are_decoded_again_from_the_encodings_that_the_pilot_names():
    with opened({"said": ["it\u0092s", "na\u00efve", "gar\ufffdon"]}) as data:
        issue = found(data, "encoding_damage")
        after = chosen_values(data, issue, "redecode-as", "said", read_as="latin-1", written_in="cp1252")
    assert after == ["it\u2019s", "na\u00efve", "gar\ufffdon"], "what is sound, and what is lost, stays"


DAY = [f"{n % 24:02}:{n * 7 % 60:02}" for n in range(100)]
MOMENTS = [f"2024-07-{n % 28 + 1:02}T{n % 24:02}:{n % 60:02}:{n * 7 % 60:02}Z" for n in range(100)]
HALVES = [f"{n % 12 + 1}:{n * 7 % 60:02} {'a.m.' if n % 2 else 'p.m.'}" for n in range(100)]


@pytest.mark.parametrize(
    ("most", "odd", "after"),
    [
        (
            DAY,
            ["11:45 PM", "9:05 a.m.", "12:15AM", "23:45:00", "23h45", "9:05", "25:70", "24:00", "13:00 PM"],
            ["23:45", "09:05", "00:15", "23:45", "23:45", "09:05", "25:70", "24:00", "13:00 PM"],
        ),
        (DAY, ["23:45:00", "23:45:30", "11:45 PM"], ["23:45:00", "23:45:30", "23:45"]),
        ([f"{text}:00" for text in DAY], ["23:45", "9:05 PM"], ["23:45:00", "21:05:00"]),
        ([f"{text}:{n % 60:02}" for n, text in enumerate(DAY)], ["23:45", "9:05:10"], ["23:45", "09:05:10"]),
        ([text.removeprefix("0") for text in DAY], ["09:05", "9:05 PM"], ["9:05", "21:05"]),
        (HALVES, ["9:05 PM", "09:05 A.M.", "19:10", "0:10", "9:10", "12:30"],
                 ["9:05 p.m.", "9:05 a.m.", "7:10 p.m.", "12:10 a.m.", "9:10", "12:30"]),
    ],
    ids=["24 hours", "seconds that say something", "seconds of zero", "lost seconds", "no zeros", "12 hours"],
)  # fmt: skip
def test_times_of_day_are_written_as_most_are_where_they_are_surely_the_same(most, odd, after):
    with opened({"at": [*most, *odd]}) as data:
        issue = found(data, "mixed_times")
        assert recommended_values(data, issue, "at") == [*most, *after]


@pytest.mark.parametrize(
    ("most", "odd", "after"),
    [
        (
            MOMENTS,
            ["2024-05-03T10:11:12+00:00", "2024-05-03T10:11:12.000Z", "2024-05-03 10:11:12Z", "2016-12-31T23:59:60+00"],
            ["2024-05-03T10:11:12Z", "2024-05-03T10:11:12Z", "2024-05-03T10:11:12Z", "2016-12-31T23:59:60Z"],
        ),
        ([text.removesuffix("Z") for text in MOMENTS], ["2024-05-03 10:11:12"], ["2024-05-03T10:11:12"]),
        ([text.replace("Z", "+02:00") for text in MOMENTS], ["2024-05-03T10:11:12Z"], ["2024-05-03T10:11:12+00:00"]),
        ([text.replace("Z", ".000Z") for text in MOMENTS], ["2024-05-03T10:11:12Z"], ["2024-05-03T10:11:12.000Z"]),
    ],
    ids=["UTC", "no zone", "offsets", "fractions of zero"],
)
def test_moments_are_written_as_most_are_where_they_are_surely_the_same(most, odd, after):
    with opened({"at": [*most, *odd]}) as data:
        assert recommended_values(data, found(data, "mixed_times"), "at") == [*most, *after]


@pytest.mark.parametrize(
    ("most", "odd"),
    [
        (MOMENTS, ["2024-05-03 10:11:12", "2024-05-03T10:11:12+02:00", "2024-05-03T10:11:12-00:00"]),
        (MOMENTS, ["2024-05-03T10:11Z", "2024-05-03 10:11Z"]),
        ([text.removesuffix("Z") for text in MOMENTS], ["2024-05-03T10:11:12Z"]),
        (DAY, ["23:45:30", "23:46:00"]),
        (HALVES, ["9:10", "09:10"]),
    ],
    ids=["zones", "lost seconds", "a zone amid none", "seconds", "no half of the day"],
)
def test_times_that_may_be_others_are_told_and_not_written_anew(most, odd):
    with opened({"at": [*most, *odd]}) as data:
        issue = found(data, "mixed_times")
        assert (issue.recommended, issue.count) == ("keep", len(odd))
        assert "as-most" not in {option.key for option in issue.options}


@pytest.mark.parametrize(
    "column",
    [
        [*(f"{n % 9}:{n * 7 % 60:02}" for n in range(100)), "1:02:00", "12:00:00", "09:00"],
        [*DAY, "36:10", "23:45:00", "9:05"],
        [*(f"{n % 9 + 1}:{n * 7 % 60:02}" for n in range(100)), "7:00 PM"],
        [f"{n % 22}:{n * 3 % 22}" for n in range(100)],
        [f"1:{n % 90 + 10}" for n in range(100)],
        [*DAY, "10:00-11:30", "9:00-10:15"],
        [text.replace("Z", ["+01:00", "+02:00"][n % 2]) for n, text in enumerate(MOMENTS)],
        [text.replace("Z", ["", ".5", ".25", ".000"][n % 4] + "Z") for n, text in enumerate(MOMENTS)],
        MOMENTS,
        HALVES,
        [*(f"{n % 24}:{n * 7 % 60:02}" for n in range(100)), None, "n/a"],
    ],
    ids=[
        "minutes and hours", "a length of time", "12 hours without halves", "scores", "ratios", "spans",
        "summer and winter", "fractions", "moments", "halves", "hours without zeros",
    ],
)  # fmt: skip
def test_lengths_of_time_scores_and_what_is_written_in_one_way_are_no_mixed_times(column):
    with opened({"a": column}) as data:
        assert found(data, "mixed_times", missing_ok=True) is None


def test_two_ways_that_are_both_common_are_told_and_left_to_the_pilot():
    with opened({"at": [*DAY, *HALVES[:40]]}) as data:
        issue = found(data, "mixed_times")
        assert (issue.recommended, issue.confidence, issue.count) == ("keep", 0.4, 40)
        assert chosen_values(data, issue, "as-most", "at")[100:102] == ["13:00", "02:07"]


def test_times_of_other_offsets_and_lost_seconds_are_the_pilots_to_write():
    odd = ["2024-05-03T00:30:12+02:00", "2024-05-03T10:11+00:00", "2016-12-31T23:59:60+01:00", "2024-05-03 10:11:12"]
    with opened({"at": [*MOMENTS, *odd]}) as data:
        issue = found(data, "mixed_times")
        assert chosen_values(data, issue, "utc", "at")[100:] == ["2024-05-02T22:30:12Z", *odd[1:]]
        assert chosen_values(data, issue, "seconds", "at")[100:] == [odd[0], "2024-05-03T10:11:00Z", *odd[2:]]
        assert issue.option("utc").leaves == "which time it was where it was is lost"


def test_mixed_times_are_the_same_in_any_order_of_rows_and_once_they_are_mended_there_are_none():
    odd = ["11:45 PM", "23:45:00", "23h45", "9:05"]
    with opened({"at": [*DAY, *odd]}) as data, opened({"at": [*odd, *DAY[::-1]]}) as turned:
        issue, other = found(data, "mixed_times"), found(turned, "mixed_times")
        assert (issue.facts, issue.why, issue.count) == (other.facts, other.why, other.count)
        assert len(records(suspects(data, issue))) == issue.count == 4
        after = recommended_values(data, issue, "at")
    with opened({"at": after}) as mended:
        assert found(mended, "mixed_times", missing_ok=True) is None


CLOCKS = st.builds(
    Clock,
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(["", "00", "59", "60"]),
    mark=st.sampled_from([":", "h"]),
    half=st.sampled_from(["", " AM", "a.m."]),
    zone=st.sampled_from(["", "Z", "+00:00", "+0530", " -03"]),
    padded=st.booleans(),
)


@given(CLOCKS, CLOCKS)
def test_a_time_in_another_way_is_the_same_time_and_written_so_again_it_stays(clock, like):
    like = model(like.layout)
    text = written_like(clock, like)
    if text is None:
        return
    read = read_clock(text)
    assert (read.hour, read.minute, read.second) == (clock.hour, clock.minute, clock.second)
    assert (read.half, read.mark) == (like.half, like.mark)
    assert written_like(read, like) == text


@pytest.mark.parametrize("layout", ["", "T", "12:30", "00:00 PM", "00:00-00:00", "hh:mm"])
def test_what_is_no_way_of_writing_times_is_refused(layout):
    with pytest.raises(ValidationError, match="is no way of writing times; write e"):
        WrittenTimes(layout=layout)
