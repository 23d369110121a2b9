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
