"""What is missing is found, nothing is invented, and only what can mean nothing else is recommended."""

from __future__ import annotations

import pytest

from tasks.quality.contract import Contract
from tasks.quality.detect import assess
from tasks.quality.effects import apply
from tasks.quality.errors import AnswerError
from tasks.quality.model import Severity
from tasks.quality.registry import find_remedy
from tests.quality.opened import again, opened, snapshot, values


def issues(data, settings=None):
    return {issue.id: issue for issue in assess(data, snapshot(data), settings).issues}


def remedied(data, issue, remedy, **parameters):
    chosen = find_remedy(remedy)
    return apply(data, chosen.effects(data, issue, chosen.parameters(**parameters))).table


def test_null_and_white_space_are_missing():
    with opened({"a": ["x", None, " ", "\u00a0\t", "y"]}) as data:
        issue = issues(data)["missing-value-a"]
        assert (issue.count, issue.checked) == (3, 5)
        assert [cell.row for cell in issue.sample] == [1, 2, 3]
        assert issue.recommended == "keep", "a guess is never recommended"


def test_a_threshold_holds_per_column():
    columns = {"a": ["x", None, "y", "z"], "b": ["x", None, "y", "z"]}
    with opened(columns) as data:
        found = issues(data, {"missing_value": {"threshold": 0.5, "columns": {"b": {"threshold": 0.1}}}})
        assert "missing-value-b" in found
        assert "missing-value-a" not in found


def test_what_the_contract_requires_is_severe():
    contract = Contract.model_validate({"columns": {"a": {"required": True}}})
    with opened({"a": ["x", None, *"abcdefgh"]}, contract) as data:
        assert issues(data)["missing-value-a"].severity is Severity.HIGH


@pytest.mark.parametrize("word", ["N/A", " null ", "NaN", "-", "#N/A", "(null)"])
def test_words_that_can_only_mean_null_are_recommended_to_become_null(word):
    with opened({"a": ["x", word, "y", word]}) as data:
        issue = issues(data)["disguised-missing-a"]
        assert issue.recommended == "to-null"
        option = issue.option("to-null")
        assert values(remedied(data, issue, option.remedy, **option.parameters), "a") == ["x", None, "y", None]


def test_a_code_amid_others_of_as_many_capitals_is_a_value():
    airports = [code for code in ("LHR", "CDG", "NAN", "OSL") for _ in range(5)]
    with opened({"airport": [*airports, None]}) as data:
        assert issues(data)["disguised-missing-airport"].recommended == "keep"
    with opened({"airport": [*airports, "EGLL", None]}) as data:
        assert issues(data)["disguised-missing-airport"].recommended == "to-null"


def test_a_code_in_small_letters_that_names_one_thing_is_a_value():
    languages = [a + b + c for a in "abcde" for b in "aeiou" for c in "lr"]
    with opened({"code": [*languages, "nan"], "n": [str(n) for n in range(51)]}) as data:
        assert issues(data)["disguised-missing-code"].recommended == "keep"
    with opened({"code": [*languages, *languages, "nan"]}) as data:
        assert issues(data)["disguised-missing-code"].recommended == "to-null"


@pytest.mark.parametrize("word", ["none", "Unknown", "NA", "empty"])
def test_words_that_can_be_values_are_offered_only(word):
    with opened({"a": ["x", word, "y", word]}) as data:
        assert issues(data)["disguised-missing-a"].recommended == "keep"
    with opened({"a": ["1", word, "2", "3"]}) as data:
        assert issues(data)["disguised-missing-a"].recommended == "to-null", "amid numbers it is no value"


def test_a_sentinel_is_found_where_it_stands_out():
    with opened({"n": ["1", "9999", "2", "9999", "3", "4", "5", "6"]}) as data:
        issue = issues(data)["disguised-missing-n"]
        assert issue.facts["values"] == {"9999": 2}
        assert issue.recommended == "keep"


@pytest.mark.parametrize(
    "column",
    [
        ["-1", "-1", "-3", "2", "4", "5", "6", "7"],
        ["9998", "9999", "9999", "10001", "9997", "9000", "8000", "9500"],
        ["99", "99", "98", "100", "97", "50", "60", "70"],
    ],
)
def test_a_number_amid_its_like_is_no_sentinel(column):
    with opened({"n": column}) as data:
        assert "disguised-missing-n" not in issues(data)


def test_empty_and_constant_columns_are_told_apart():
    with opened({"e": [None, " ", None], "c": ["k", "k", "k"], "v": ["a", "b", "c"]}) as data:
        found = issues(data)
        assert found["empty-or-constant-column-e"].title == "Empty column e"
        assert found["empty-or-constant-column-c"].severity is Severity.INFO
        assert "missing-value-e" not in found


def product(rows=40, gaps=(3, 17)):
    quantity = [str(n % 7 + 1) for n in range(rows)]
    price = [f"{n % 11 + 0.5:.2f}" for n in range(rows)]
    total = [f"{int(q) * float(p):.2f}" for q, p in zip(quantity, price, strict=True)]
    return {
        "quantity": quantity,
        "price": price,
        "total": [None if n in gaps else t for n, t in enumerate(total)],
    }, total


def test_a_value_that_two_others_determine_is_computed():
    columns, total = product()
    with opened(columns) as data:
        issue = issues(data)["conditional-missing-total"]
        assert issue.recommended == "derive"
        option = issue.option("derive")
        table = remedied(data, issue, option.remedy, **option.parameters)
        assert [float(v) for v in values(table, "total")] == [float(t) for t in total]


def test_a_formula_that_often_fails_is_not_recommended():
    columns, _ = product()
    columns["total"] = [t and (t if n % 9 else "1.00") for n, t in enumerate(columns["total"])]
    with opened(columns) as data:
        assert "conditional-missing-total" not in issues(data)


def test_columns_that_are_filled_together_show_where_one_is_not():
    there = [n % 3 != 0 for n in range(60)]
    street = [f"s{n}" if t else None for n, t in enumerate(there)]
    town = [f"t{n % 5}" if t and n != 7 else None for n, t in enumerate(there)]
    with opened({"street": street, "town": town}) as data:
        issue = issues(data)["conditional-missing-town-street"]
        assert (issue.count, issue.sample[0].row) == (1, 7)


FILLS = {"k": ["a", "a", "b", "b", "a"], "n": ["1", None, "10", None, "3"]}


@pytest.mark.parametrize(
    ("remedy", "parameters", "expected"),
    [
        ("constant", {"value": "0"}, ["1", "0", "10", "0", "3"]),
        ("forward_fill", {}, ["1", "1", "10", "10", "3"]),
        ("back_fill", {}, ["1", "10", "10", "3", "3"]),
        ("forward_fill", {"group": "k"}, ["1", "1", "10", "10", "3"]),
        ("back_fill", {"group": "k"}, ["1", "3", "10", None, "3"]),
        ("by_group", {"statistic": "mean", "group": "k"}, ["1", "2", "10", "10", "3"]),
        ("by_group", {"statistic": "mode", "group": "k"}, ["1", "1", "10", "10", "3"]),
    ],
)
def test_fills_write_into_gaps_only(remedy, parameters, expected):
    with opened(FILLS) as data:
        issue = issues(data)["missing-value-n"]
        table = remedied(data, issue, remedy, **parameters)
        assert values(table, "n") == expected
        assert values(table, "k") == FILLS["k"]
        if None not in expected:
            assert "missing-value-n" not in issues(again(data, table)), "nothing is left to do a second time"


def test_the_median_that_is_offered_is_the_one_that_is_written():
    with opened({"n": ["1", "2", None, "9"]}) as data:
        option = issues(data)["missing-value-n"].option("median")
        assert option.label == "fill with the median (2)"
        assert option.parameters == {"value": "2"}
        assert option.preview.cells_changed == 1


def test_a_fill_by_a_column_that_is_not_there_says_what_there_is():
    with opened(FILLS) as data:
        issue = issues(data)["missing-value-n"]
        with pytest.raises(AnswerError, match=r"no column 'kk'.*k, n"):
            remedied(data, issue, "by_group", statistic="mean", group="kk")


def test_a_column_without_a_value_is_empty_even_in_one_row_and_severe_when_required():
    contract = Contract.model_validate({"columns": {"a": {"required": True}}})
    with opened({"a": [None], "b": ["x"]}, contract) as data:
        found = issues(data)
        assert found["empty-or-constant-column-a"].severity is Severity.HIGH
        assert "empty-or-constant-column-b" not in found, "one row is no evidence of a constant"


def test_a_constant_column_may_have_gaps():
    with opened({"a": ["x", None, "x", " "]}) as data:
        issue = issues(data)["empty-or-constant-column-a"]
        assert (issue.count, issue.checked, issue.severity) == (2, 4, Severity.INFO)
        assert "that hold anything" in issue.why


@pytest.mark.parametrize(
    ("column", "safe"),
    [
        (["+", "-", "+", "-"], False),
        (["A", "-", "B", "-"], True),
        (["Nan", "Ida", "Eve", "Ada"], False),
        (["nan", "Ida", "Eve", "NaN"], True),
        (["12", "Null", "13", "14"], True),
    ],
)
def test_signs_amid_signs_and_words_written_like_names_are_not_certain(column, safe):
    with opened({"a": column}) as data:
        assert issues(data)["disguised-missing-a"].recommended == ("to-null" if safe else "keep")


def test_words_that_the_pilot_names_are_certain_in_their_column():
    settings = {"disguised_missing": {"columns": {"a": {"words": ["k.A."]}}}}
    with opened({"a": ["x", "k.a.", "y"], "b": ["x", "k.A.", "y"]}) as data:
        found = issues(data, settings)
        assert found["disguised-missing-a"].option("to-null").parameters == {"values": ["k.a."]}
        assert "disguised-missing-b" not in found


@pytest.mark.parametrize(("rows", "recommended"), [(19, "to-null"), (21, "keep")])
def test_a_number_that_most_rows_have_is_offered_as_a_sentinel_and_not_recommended(rows, recommended):
    with opened({"limit": [*(str(n) for n in range(1, 21)), *["999"] * rows]}) as data:
        issue = issues(data)["disguised-missing-limit"]
        assert issue.facts["values"] == {"999": rows}
        assert issue.recommended == recommended


@pytest.mark.parametrize(("lowest", "there"), [("-1.2", True), ("-99.8", True), ("-120.5", False)])
def test_minus_999_stands_out_far_below_other_negative_numbers(lowest, there):
    with opened({"score": [lowest, *(f"{n / 8 - 1:.3f}" for n in range(40)), *["-999"] * 4]}) as data:
        assert ("disguised-missing-score" in issues(data)) == there


@pytest.mark.parametrize(("number", "recommended"), [("-999", "to-null"), ("9", None), ("99", None), ("-1", None)])
def test_amid_two_values_only_what_is_far_below_all_is_a_sentinel(number, recommended):
    with opened({"urgent": ["0", "1"] * 50 + [number] * 8}) as data:
        issue = issues(data).get("disguised-missing-urgent")
        assert (issue.recommended if issue else None) == recommended


def test_sentinels_are_found_however_they_are_written():
    numbers = ["-1.0", "-1.0", "1.5", "2.5", "3.5", "4.5", "5.5"]
    days = ["1900-01-01 00:00:00"] * 2 + [f"2024-03-0{n} 10:00:00" for n in range(1, 6)]
    with opened({"n": numbers, "d": days}) as data:
        found = issues(data)
        assert found["disguised-missing-n"].facts["values"] == {"-1.0": 2}
        assert found["disguised-missing-d"].facts["values"] == {"1900-01-01 00:00:00": 2}
        off = {"disguised_missing": {"sentinels": False}}
        assert not any(id.startswith("disguised") for id in issues(data, off))


@pytest.mark.parametrize(
    ("values_", "median", "mean"),
    [
        (["1", "2", None], "1.5", "1.5"),
        (["1", "2", "4", None], "2", "2.33"),
        (["1.50", "2.50", "3.10", None], "2.50", "2.37"),
        (["1.5", "2.25", None], "1.88", "1.88"),
    ],
)
def test_computed_numbers_are_written_as_the_column_writes_them(values_, median, mean):
    with opened({"n": values_}) as data:
        issue = issues(data)["missing-value-n"]
        assert issue.option("median").parameters == {"value": median}
        assert issue.option("mean").parameters == {"value": mean}


def test_a_whole_number_by_contract_is_filled_with_a_whole_number():
    contract = Contract.model_validate({"columns": {"n": {"type": "integer"}}})
    with opened({"n": ["1", "2", "4", None]}, contract) as data:
        assert issues(data)["missing-value-n"].option("mean").parameters == {"value": "2"}


def test_statistics_are_offered_only_where_every_value_is_a_number():
    with opened({"n": ["1", "2", "x", None]}) as data:
        keys = {option.key for option in issues(data)["missing-value-n"].options}
        assert not keys & {"median", "mean", "median-by-group"}
        assert {"constant", "forward-fill", "back-fill"} <= keys


def test_the_most_frequent_value_is_one_that_says_something():
    with opened({"n": [" ", " ", " ", "N/A", "N/A", "x", "x", "y"]}) as data:
        assert issues(data)["missing-value-n"].option("mode").parameters == {"value": "x"}


def test_an_order_of_numbers_is_an_order_of_numbers():
    with opened({"n": ["ten", None, "two"], "at": ["10", "9", "2"]}) as data:
        issue = issues(data)["missing-value-n"]
        assert values(remedied(data, issue, "forward_fill", order="at"), "n") == ["ten", "two", "two"]
        assert values(remedied(data, issue, "back_fill", order="at"), "n") == ["ten", "ten", "two"]


@pytest.mark.parametrize(
    ("remedy", "parameters"),
    [
        ("forward_fill", {"group": "g"}),
        ("back_fill", {"group": "g"}),
        ("by_group", {"statistic": "mode", "group": "g"}),
    ],
)
def test_rows_without_a_group_are_no_group(remedy, parameters):
    with opened({"n": ["x", None, "y"], "g": [None, None, " "]}) as data:
        issue = issues(data)["missing-value-n"]
        assert values(remedied(data, issue, remedy, **parameters), "n") == ["x", None, "y"]


def test_fills_are_counted_for_hundreds_of_columns_too():
    columns = {f"c{n}": [None, "x", None, "y", None, None] for n in range(40)}
    with opened(columns) as data:
        issue = issues(data)["missing-value-c0"]
        assert issue.option("forward-fill").preview.cells_changed == 3
        assert issue.option("back-fill").preview.cells_changed == 2


@pytest.mark.parametrize(
    ("target", "formula"),
    [
        ("total", "price × quantity"),
        ("price", "total ÷ quantity"),
        ("change", "paid − total"),
        ("paid", "change + total"),
    ],
)
def test_whatever_three_numbers_determine_is_derived(target, formula):
    columns, total = product(rows=60, gaps=())
    columns["paid"] = [f"{float(t) + n % 13:.2f}" for n, t in enumerate(total)]
    columns["change"] = [f"{n % 13}.00" for n in range(60)]
    expected = columns[target]
    columns[target] = [None if n in (5, 50) else v for n, v in enumerate(expected)]
    with opened(columns) as data:
        issue = issues(data)[f"conditional-missing-{target}"]
        assert issue.recommended == "derive"
        option = issue.option("derive")
        left, sign, right = formula.split()
        assert option.label.endswith((f"{target} = {left} {sign} {right}", f"{target} = {right} {sign} {left}"))
        assert values(remedied(data, issue, "derive", **option.parameters), target) == expected


def test_nothing_is_derived_by_a_division_by_nothing():
    parameters = {"target": "c", "left": "a", "operator": "/", "right": "b", "decimals": 2}
    with opened({"a": ["1", "3"], "b": ["0", "2"], "c": [None, None]}) as data:
        issue = issues(data)["empty-or-constant-column-c"]
        assert values(remedied(data, issue, "derive", **parameters), "c") == [None, "1.5"]


@pytest.mark.parametrize("name", ["_group", "_value", "_place", "_after", "_written_row", "group", "order by"])
def test_fills_do_not_mind_what_columns_are_called(name):
    with opened({name: ["1", None, "3"], "_number": ["a", "a", "a"]}) as data:
        issue = next(i for i in assess(data, snapshot(data)).issues if i.kind == "missing_value")
        assert values(remedied(data, issue, "forward_fill", group="_number"), name) == ["1", "1", "3"]
        assert values(remedied(data, issue, "by_group", statistic="median", group="_number"), name) == ["1", "2", "3"]


def test_a_column_is_dropped_where_so_much_of_it_is_missing():
    with opened({"id": ["1", "2", "3", "4"], "note": [None, " ", None, "x"]}) as data:
        issue = issues(data)["missing-value-note"]
        assert remedied(data, issue, "drop_column", rate=0.75).columns == ("_row", "id")
        assert remedied(data, issue, "drop_column", rate=0.8).columns == ("_row", "id", "note")


def test_gaps_are_computed_from_other_columns_by_the_pilots_expression():
    columns = {"net": ["1", "2", "x"], "tax": ["1", "3", "5"], "gross": ["2", None, None]}
    with opened(columns) as data:
        option = issues(data)["missing-value-gross"].option("compute")
        assert (option.parameters, option.needs) == ({"column": "gross"}, ("expression",))
        parameters = {**option.parameters, "expression": "tax + tax"}
        after = remedied(data, issues(data)["missing-value-gross"], option.remedy, **parameters)
        assert values(after, "gross") == ["2", "6", "10"], "what is there stays"


def test_a_word_that_the_contract_allows_is_a_value():
    contract = Contract.model_validate({"columns": {"size": {"allowed": ["small", "N/A"]}}})
    columns = {"size": ["small", "N/A", "null"] * 10, "other": ["x", "N/A", "y"] * 10}
    with opened(columns, contract) as data:
        found = issues(data)
        assert found["disguised-missing-size"].facts["values"] == {"null": 10}
        assert found["disguised-missing-other"].facts["values"] == {"N/A": 10}


@pytest.mark.parametrize(
    ("promised", "safe"), [({"allowed": ["a", "b"]}, True), ({"type": "boolean"}, True), ({}, False)]
)
def test_words_that_may_be_values_are_certain_where_the_contract_says_that_they_are_none(promised, safe):
    contract = Contract.model_validate({"columns": {"tag": promised}})
    with opened({"tag": ["a", "None", "b"] * 10}, contract) as data:
        assert [o.safe for o in issues(data)["disguised-missing-tag"].options if o.remedy == "to_null"] == [safe]


def test_words_amid_values_with_digits_are_null_where_gaps_are_left_empty():
    """'empty' amid percentages may be what a table writes on purpose; beside real gaps it is not."""
    shares = [f"{n % 90}%" for n in range(60)]
    names = [f"Anna {n}" if n % 2 else "Anna" for n in range(60)]
    strange = ["empty", "empty", ".", None]
    columns = {"kept": [*shares, *strange[:3], "5%"], "gaps": [*shares, *strange], "name": [*names, *strange]}
    with opened(columns) as data:
        found = issues(data)
        assert found["disguised-missing-kept"].facts["certain"] == ["."]
        assert found["disguised-missing-gaps"].facts["certain"] == [".", "empty"]
        assert found["disguised-missing-name"].facts["certain"] == ["."]
