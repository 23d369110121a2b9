"""What cannot be is found, what is only far away is shown, and nothing is recommended that nobody can know."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.quality.contract import Contract
from tasks.quality.detect import _advised, _detected, configure
from tasks.quality.effects import apply
from tasks.quality.fences import fences, quantiles
from tasks.quality.model import Severity
from tasks.quality.ranges import ClippedAt, clip_at, widened
from tasks.quality.registry import find_kind, find_remedy
from tasks.quality.sequences import by_chance
from tests.quality.opened import again, opened, values


def issues(data, kind, **chosen):
    """The kind's issues with their options, and nothing else looked at."""
    return [_advised(data, issue, {}) for issue in _detected(find_kind(kind), data, configure(kind, chosen)[0])]


def rows(data, issue):
    return sorted({row for (row,) in data.table.get_backend().raw_sql(f"SELECT _row FROM ({issue.sql})").fetchall()})


def remedied(data, issue, key):
    option = issue.option(key)
    chosen = find_remedy(option.remedy)
    return apply(data, chosen.effects(data, issue, chosen.parameters(**option.parameters))).table


def column(**promised):
    return Contract.model_validate({"columns": promised})


AMOUNTS = [f"{n % 37 + 1}.50" for n in range(200)]


# --- bounds of the contract --------------------------------------------------------------------------------------


def test_what_is_beyond_the_contract_s_bounds_is_wrong_and_may_be_clipped():
    with opened(
        {"n": ["-5", "0", "7.25", "100", "100.5", "x", None]}, column(n={"minimum": 0, "maximum": 100})
    ) as data:
        (issue,) = issues(data, "out_of_range")
        assert rows(data, issue) == [0, 4]
        assert (issue.severity, issue.confidence, issue.recommended) == (Severity.HIGH, 0.95, "keep")
        assert values(remedied(data, issue, "clip"), "n") == ["0", "0", "7.25", "100", "100", "x", None]
        assert values(remedied(data, issue, "absolute"), "n")[0] == "5"
        assert values(remedied(data, issue, "to-null"), "n") == [None, "0", "7.25", "100", None, "x", None]


@pytest.mark.parametrize(
    ("promised", "cells", "wider"),
    [
        ({"minimum": 0, "maximum": 50}, ["-3", "7", "72.5"], {"minimum": -3, "maximum": 72.5}),
        ({"minimum": 0}, ["-3", "7"], {"minimum": -3, "maximum": None}),
        (
            {"type": "date", "minimum": "2024-01-01", "maximum": "2024-06-30"},
            ["2023-11-05", "2024-02-02"],
            {"minimum": "2023-11-05", "maximum": "2024-06-30"},
        ),
        (
            {"type": "timestamp", "maximum": "2024-06-30"},
            ["2024-02-02 10:00", "2024-08-01 12:30:05"],
            {"minimum": None, "maximum": "2024-08-01"},
        ),
    ],
    ids=["both", "one", "days", "times"],
)
def test_bounds_can_be_widened_to_what_is_there(promised, cells, wider):
    contract = column(n=promised)
    with opened({"n": cells}, contract) as data:
        (issue,) = issues(data, "out_of_range")
        option = issue.option("widen")
        assert option.parameters == wider
        assert values(remedied(data, issue, "widen"), "n") == cells
    with opened({"n": cells}, widened(contract, "n", **option.parameters)) as data:
        assert issues(data, "out_of_range") == []


def test_outliers_can_be_clipped_at_another_k():
    numbers = [f"{n % 21 + 40}" for n in range(60)]
    with opened({"n": [*numbers, "95", "400"]}) as data:
        (issue,) = issues(data, "outlier", k=1.5)
        assert rows(data, issue) == [60, 61]
        effects = clip_at(data, issue, ClippedAt(k=5))
        after = values(apply(data, effects).table, "n")
    assert after[:61] == [*numbers, "95"], "not so far away"
    assert 95 < int(after[61]) < 400


def test_a_bound_is_written_as_the_column_s_numbers_are():
    with opened({"n": ["1.50", "2.25", "99.00"]}, column(n={"maximum": 9})) as data:
        (issue,) = issues(data, "out_of_range")
        assert values(remedied(data, issue, "clip"), "n") == ["1.50", "2.25", "9.00"]


def test_dates_are_clipped_in_the_contract_s_format():
    promised = {"type": "date", "format": "%d.%m.%Y", "minimum": dt.date(2024, 1, 1)}
    with opened({"d": ["31.12.2023", "01.02.2024", "?"]}, column(d=promised)) as data:
        (issue,) = issues(data, "out_of_range")
        assert rows(data, issue) == [0]
        assert values(remedied(data, issue, "clip"), "d") == ["01.01.2024", "01.02.2024", "?"]


# --- negative numbers --------------------------------------------------------------------------------------------


def test_a_lone_negative_amount_is_shown_but_may_be_a_correction():
    with opened({"price": [*AMOUNTS, "-7.50"]}) as data:
        (issue,) = issues(data, "out_of_range")
        assert rows(data, issue) == [200]
        assert (issue.severity, issue.recommended) == (Severity.LOW, "keep")
        assert issue.confidence < 0.5
        assert values(remedied(data, issue, "absolute"), "price")[-1] == "7.50"


@pytest.mark.parametrize(
    "columns",
    [
        {"balance": [*AMOUNTS, "-7.50"]},
        {"deltaT": [*AMOUNTS, "-7.50"]},
        {"price": [*AMOUNTS, *["-7.50"] * 9]},
        {"reading": [f"{n % 61 - 0.3:.1f}" for n in range(200)]},
        {"price": [*AMOUNTS, "-9999"]},
        {"price": [*AMOUNTS, "-0.01"]},
        {"price": [*AMOUNTS[:20], "-7.50"]},
    ],
    ids=["a balance", "a difference", "many", "through zero", "a sentinel", "just below zero", "too few to tell"],
)
def test_columns_in_which_numbers_may_be_negative_are_left_alone(columns):
    with opened(columns) as data:
        assert issues(data, "out_of_range") == []


# --- impossible dates ---------------------------------------------------------------------------------------------

DAYS = [(dt.date(2022, 1, 1) + dt.timedelta(days=5 * n)) for n in range(150)]


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ("%Y-%m-%d", "2023-02-30"),
        ("%Y-%m-%d", "3020-05-01"),
        ("%Y-%m-%d", "0202-05-01"),
        ("%Y-%m-%d", "2023-13-45"),
        ("%Y-%m-%d", "0000-00-00"),
        ("%Y-%m-%dT10:00:00", "2023-02-30T10:00:00"),
        ("%d/%m/%Y", "31/02/2023"),
        ("%m/%d/%Y", "02/31/2023"),
        ("%d.%m.%Y", "05.01.3020"),
        ("%Y-%m-%d", "2203-05-01"),
        ("%Y-%m-%d", "1850-05-01"),
    ],
)
def test_a_day_or_year_that_cannot_be_is_found_in_every_format(form, wrong):
    with opened({"day": [*(day.strftime(form) for day in DAYS), wrong]}) as data:
        (issue,) = issues(data, "out_of_range")
        assert rows(data, issue) == [150]
        assert issue.confidence >= 0.5
        assert issue.recommended == "keep"


@pytest.mark.parametrize("fine", ["1989-05-01", "2060-01-01", "9999-12-31", "1900-01-01", "2024-02-29", "tomorrow"])
def test_a_day_that_may_be_meant_is_left_alone(fine):
    with opened({"day": [*(day.isoformat() for day in DAYS), fine]}) as data:
        assert issues(data, "out_of_range") == []


def test_wide_ranges_of_years_have_no_far_ones():
    born = [f"{1920 + n % 90}-0{n % 9 + 1}-11" for n in range(180)]
    with opened({"born": [*born, "1801-01-01"]}) as data:
        assert issues(data, "out_of_range") == []


def test_a_day_without_month_and_day_order_is_read_either_way():
    with opened({"day": [f"{n % 12 + 1}/{n % 28 + 1}/2023" for n in range(100)]}) as data:
        assert issues(data, "out_of_range") == []


# --- start after end ----------------------------------------------------------------------------------------------


def spans(first, last, shift=3):
    """Dates in two columns, the second `shift` days after the first."""
    start = [day.isoformat() for day in DAYS]
    end = [(day + dt.timedelta(days=shift)).isoformat() for day in DAYS]
    return {first: start, last: end}


def test_an_end_before_its_start_is_found_where_all_others_are_in_order():
    columns = spans("start", "end")
    columns["end"][7] = "2021-12-24"
    with opened(columns) as data:
        (issue,) = issues(data, "start_after_end")
        assert (issue.columns, rows(data, issue), issue.count) == (("start", "end"), [7], 2)
        assert issue.recommended == "keep"
        assert issue.confidence < 0.5, "one of the two is right"
        swapped = remedied(data, issue, "swap")
        assert (values(swapped, "start")[7], values(swapped, "end")[7]) == ("2021-12-24", columns["start"][7])
        assert issues(again(data, swapped), "start_after_end") == []


def test_dates_of_one_period_that_are_always_in_order_need_no_telling_names():
    columns = spans("a", "b")
    columns["b"][7] = "2021-12-24"
    with opened(columns) as data:
        (issue,) = issues(data, "start_after_end")
        assert issue.columns == ("a", "b")
        assert "by chance" in issue.why


def test_dates_of_different_periods_are_in_order_by_chance():
    columns = spans("a", "b", shift=4000)
    columns["b"][7] = "2021-12-24"
    with opened(columns) as data:
        assert issues(data, "start_after_end") == []


def test_an_order_that_is_broken_often_is_no_order():
    columns = spans("start", "end")
    for n in range(5):
        columns["end"][n] = "2021-12-24"
    with opened(columns) as data:
        assert issues(data, "start_after_end") == []


def test_numbers_are_in_order_only_where_their_names_say_so():
    low, high = [str(n) for n in range(150)], [str(n + 1 + n % 3) for n in range(150)]
    high[5] = "1"
    with opened({"min_load": low, "max_load": high}) as data:
        (issue,) = issues(data, "start_after_end")
        assert rows(data, issue) == [5]
    with opened({"quantity": low, "price": high}) as data:
        assert issues(data, "start_after_end") == []


def test_the_contract_s_order_holds_for_every_row():
    contract = Contract.model_validate({"orders": [["a", "b"]]})
    with opened({"a": ["z", "y"], "b": ["b", "a"]}, contract) as data:
        assert issues(data, "start_after_end") == [], "texts that are neither dates nor numbers are not compared"
    columns = {"a": ["2024-01-02", "2024-01-01", "x"], "b": ["2024-01-01", "2024-01-01", "2024-01-01"]}
    with opened(columns, contract) as data:
        (issue,) = issues(data, "start_after_end")
        assert (rows(data, issue), issue.severity, issue.confidence) == ([0], Severity.HIGH, 0.5)


def test_dates_in_the_columns_own_formats_are_compared():
    columns = {
        "ordered": [day.strftime("%d/%m/%Y") for day in DAYS],
        "shipped": [(day + dt.timedelta(days=9)).strftime("%m/%d/%y") for day in DAYS],
    }
    columns["shipped"][3] = "12/31/21"
    with opened(columns) as data:
        (issue,) = issues(data, "start_after_end")
        assert rows(data, issue) == [3]


@given(st.dictionaries(st.integers(0, 20), st.integers(1, 5), min_size=1), st.dictionaries(
    st.integers(0, 20), st.integers(1, 5), min_size=1))  # fmt: skip
def test_chance_counts_every_pair_of_rows(first, last):
    pairs = [(a, b) for a, n in first.items() for _ in range(n) for b, m in last.items() for _ in range(m)]
    assert by_chance(first, last) == pytest.approx(sum(a <= b for a, b in pairs) / len(pairs))


# --- outliers ----------------------------------------------------------------------------------------------------

NEAR = [f"{50 + n % 21}" for n in range(100)]


def test_an_outlier_is_information_and_no_error():
    with opened({"n": [*NEAR, "900", "-400"]}) as data:
        (issue,) = issues(data, "outlier")
        assert rows(data, issue) == [100, 101]
        assert (issue.severity, issue.confidence, issue.recommended) == (Severity.INFO, 0, "keep")
        assert values(remedied(data, issue, "winsorise"), "n")[-2:] == ["70", "50"]
        assert (issue.facts["first"], issue.facts["last"]) == (54, 65)
        assert values(remedied(data, issue, "clip"), "n")[-2:] == ["98", "21"]
        assert values(remedied(data, issue, "median"), "n")[-2:] == ["59.5", "59.5"]
        for key in ("winsorise", "clip", "median", "to-null"):
            assert issues(again(data, remedied(data, issue, key)), "outlier") == []


def test_modified_z_scores_and_how_far_is_far_are_settings():
    with opened({"n": [*NEAR, "100"]}) as data:
        assert issues(data, "outlier", k=3) != []
        assert issues(data, "outlier", k=6) == []
        (issue,) = issues(data, "outlier", method="mad", k=3.5)
        middle, spread = 60, 5
        assert issue.facts["high"] == pytest.approx(middle + 3.5 / 0.6745 * spread)


def test_an_outlier_of_its_group_need_not_be_one_of_the_column():
    size = ["small"] * 60 + ["large"] * 60
    load = [str(5 + n % 4) for n in range(60)] + [str(500 + n % 40) for n in range(60)]
    load[3] = "500"
    with opened({"size": size, "load": load}) as data:
        assert issues(data, "outlier") == []
        (issue,) = issues(data, "outlier", columns={"load": {"group": "size"}})
        assert rows(data, issue) == [3]
        assert values(remedied(data, issue, "to-null"), "load")[3] is None


def test_codes_measure_nothing():
    with opened({"zip": [*(f"{35000 + n}" for n in range(100)), "99508"]}) as data:
        assert issues(data, "outlier") == []


def test_a_column_whose_middle_half_is_one_number_has_no_outliers():
    with opened({"n": [*["0"] * 80, *(str(n) for n in range(20))]}) as data:
        assert issues(data, "outlier") == []


numbers = st.lists(st.floats(-1e9, 1e9).map(lambda x: round(x, 2)), min_size=1, max_size=120)


@settings(max_examples=40)
@given(numbers, st.sampled_from([0.05, 0.25, 0.5, 0.75, 0.9]))
def test_quantiles_are_exact_wherever_the_histogram_puts_them(drawn, share):
    with opened({"n": [str(x) for x in drawn]}) as data:
        (found,) = quantiles(data, ["n"], [share])["n"]
    ordered = sorted(float(str(x)) for x in drawn)
    assert found == next(x for i, x in enumerate(ordered, 1) if i >= share * len(ordered) - 1e-9)


@settings(max_examples=25)
@given(st.permutations(range(60)))
def test_fences_do_not_depend_on_the_order_of_rows(order):
    base = [f"{n * n % 97}.{n % 7}" for n in range(60)]
    with opened({"n": base}) as data, opened({"n": [base[i] for i in order]}) as shuffled:
        chosen = {"n": ("iqr", 1.5)}
        assert fences(data, chosen) == fences(shuffled, chosen)


# --- infinite and cut off -----------------------------------------------------------------------------------------


def test_marks_of_failed_computations_are_recommended_to_become_null():
    with opened({"ratio": [*NEAR, "#DIV/0!", "-nan"]}) as data:
        (issue,) = issues(data, "truncated")
        assert rows(data, issue) == [100, 101]
        assert issue.recommended == "to-null"


@pytest.mark.parametrize("word", ["inf", "-Infinity", "∞", "1e999"])
def test_infinity_may_mean_that_there_is_no_limit(word):
    with opened({"limit": [*NEAR, word]}) as data:
        (issue,) = issues(data, "truncated")
        assert (rows(data, issue), issue.recommended) == ([100], "keep")


def test_the_word_is_left_alone_where_columns_hold_texts():
    with opened({"name": [*(f"name {n}" for n in range(50)), "Inf"]}) as data:
        assert issues(data, "truncated") == []


def test_many_texts_of_exactly_the_greatest_length_were_cut_off():
    texts = ["x" * (n % 40 + 1) + str(n) for n in range(200)]
    cut = [f"{n:02}" + "y" * 48 for n in range(30)]
    with opened({"note": [*texts, *cut]}) as data:
        (issue,) = issues(data, "truncated")
        assert rows(data, issue) == list(range(200, 230))
        assert issue.recommended == "keep"
        assert issue.confidence > 0.9


@pytest.mark.parametrize(
    "texts",
    [
        [f"{n:040}" for n in range(100)],
        ["x" * (n % 50) for n in range(200)],
        ["the same long text, over and over again"] * 50 + ["short"],
        [*("x" * (n % 30) for n in range(100)), *("y" * 30 for _ in range(100))],
    ],
    ids=["codes", "of every length", "one text", "one text at the end"],
)
def test_texts_that_end_where_they_do_are_left_alone(texts):
    with opened({"note": texts}) as data:
        assert issues(data, "truncated") == []


# --- hostile tables -----------------------------------------------------------------------------------------------

HOSTILE = [
    "9" * 5000,
    "-" + "9" * 400,
    "1e308",
    "-1e308",
    "5e-324",
    "\x00",
    "a" * 100_000,
    "١٢٣",
    "--1",
    "0000-00-00",
    "’",
]


@pytest.mark.parametrize("kind", ["out_of_range", "start_after_end", "outlier", "truncated"])
def test_hostile_cells_are_looked_at_in_bounded_time(kind):
    near = [str(n) for n in range(60)]
    dates = [day.isoformat() for day in DAYS[:60]]
    with opened({"min a": [*near, *HOSTILE], "max a": [*HOSTILE, *near], "d": [*dates, *HOSTILE]}) as data:
        for issue in issues(data, kind):
            assert not issue.failed, issue.why
            assert len(rows(data, issue)) <= issue.count


class Cell(str):
    """A cell that a report of a failed test shows shortened: whole, hypothesis would refuse to show it at all."""

    __slots__ = ()

    def __repr__(self):
        return super().__repr__() if len(self) <= 40 else f"{self[0]!r} * {len(self)}"


cells = (
    st.none() | st.sampled_from([*map(Cell, HOSTILE)]) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
)
cells |= st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31)).map(str) | st.floats().map(repr)


@settings(max_examples=25)
@given(st.lists(cells, min_size=40, max_size=60), st.lists(cells, min_size=40, max_size=60))
def test_any_cells_can_be_looked_at_and_every_count_is_what_its_query_gives(first, last):
    n = min(len(first), len(last))
    columns = {"start": first[:n], "end": last[:n], "near": NEAR[:n]}
    with opened(columns, Contract.model_validate({"orders": [["start", "end"]]})) as data:
        for kind in ("out_of_range", "start_after_end", "outlier", "truncated"):
            for issue in issues(data, kind):
                assert not issue.failed, issue.why
                found = data.table.get_backend().raw_sql(f"SELECT count(*) FROM ({issue.sql})").fetchone()[0]
                assert found == issue.count <= issue.checked
