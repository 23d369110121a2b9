"""What columns say about one another: who is to blame is voted on, and formulas are broken by nobody in particular."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.quality import codes, mining
from tasks.quality.contract import Contract
from tasks.quality.effects import apply
from tasks.quality.errors import AnswerError
from tasks.quality.mining import ROWS_TO_MINE, dependencies
from tasks.quality.rules import Adjusted, adjust
from tests.quality.opened import again, opened, values
from tests.quality.remedied import chosen_values, every, found, recommended_values

ROWS = 240
BRANCH = [f"B{n % 6}" for n in range(ROWS)]
TOWN = [["Hamburg", "Bremen", "Kassel", "Potsdam", "Dresden", "Leipzig"][n % 6] for n in range(ROWS)]
ZIP = [f"{10000 + 1111 * (n % 6)}" for n in range(ROWS)]


def changed(values, row, value):
    return [*values[:row], value, *values[row + 1 :]]


def test_dependencies_hold_but_for_errors_and_coincidence_is_none():
    size = [["small", "large"][n * 7 % 11 % 2] for n in range(ROWS)]
    with opened({"branch": BRANCH, "town": changed(TOWN, 9, "Bremn"), "size": size}) as data:
        found_ = {(d.determinant, d.dependent) for d in dependencies(data)}
    assert found_ == {("branch", "town"), ("town", "branch")}


def test_a_cell_that_all_its_determinants_contradict_is_to_blame():
    with opened({"branch": BRANCH, "town": changed(TOWN, 9, "Ulm"), "zip": ZIP}) as data:
        issue = found(data, "broken_dependency")
        assert (issue.columns[0], issue.count) == ("town", 1)
        assert recommended_values(data, issue, "town") == TOWN


def test_a_total_that_one_row_in_thirty_gets_wrong_is_checked():
    net = [(n * 3719) % 90000 + 5000 for n in range(200)]
    vat = [round(each * 0.19) for each in net]
    gross = [a + b + (900 if n % 33 == 9 else 0) for n, (a, b) in enumerate(zip(net, vat, strict=True))]
    columns = {
        name: [f"{n / 100:.2f}" for n in cents] for name, cents in (("net", net), ("vat", vat), ("gross", gross))
    }
    with opened(columns) as data:
        issue = found(data, "cross_field_rule")
        assert (issue.title, issue.count) == ("6 rows in which gross = net + vat does not hold", 6)


def test_what_differs_from_a_promised_dependency_is_suspect_whatever_it_is():
    four = ["Berlin", "Hamburg", "Munich", "Cologne"]
    zips = [str(10115 + n % 4) for n in range(400)]
    towns = [four[n % 4] for n in range(400)]
    towns[7], towns[100], towns[201], towns[302] = "Hamburg", "Bremen", "Bremen", "Bremen"
    odd = [(n, town) for n, town in enumerate(towns) if town != four[n % 4]]
    contract = Contract.model_validate({"dependencies": [{"column": "town", "of": "zip"}]})
    with opened({"zip": zips, "town": towns}, contract) as data:
        issue = found(data, "broken_dependency")
        assert [(cell.row, cell.value) for cell in issue.sample] == odd
        assert (issue.recommended, issue.columns[0]) == ("keep", "town"), "the zip may be the wrong one"


def test_a_part_of_a_town_is_no_slip_of_its_name():
    for odd, slip in (("Hamburg-Altona", False), ("Alt Hamburg", False), ("Hambrg", True), ("Hamburx", True)):
        with opened({"zip": ZIP, "town": changed(TOWN, 12, odd)}) as data:
            issue = found(data, "broken_dependency", missing_ok=True)
            written = issue is not None and recommended_values(data, issue, "town") == TOWN
            assert written is slip


def test_the_determinant_is_to_blame_when_the_others_agree_with_the_cell():
    street = [f"{t} Street" for t in TOWN]
    with opened({"branch": changed(BRANCH, 9, "B5"), "town": TOWN, "zip": ZIP, "street": street}) as data:
        issue = found(data, "broken_dependency")
        assert issue.columns[0] == "branch"
        assert recommended_values(data, issue, "branch") == BRANCH


def test_gaps_are_filled_where_they_are_few_and_words_for_nothing_replace_no_value():
    for each, filled in ((60, True), (5, False)):
        gaps = ["" if n % each == 3 else town for n, town in enumerate(TOWN)]
        with opened({"branch": BRANCH, "town": gaps, "zip": ZIP}) as data:
            issue = found(data, "broken_dependency", missing_ok=True)
            assert (issue is not None and recommended_values(data, issue, "town") == TOWN) is filled
    agents = ["not_applicable" if branch in ("B0", "B1") else f"Agent {branch}" for branch in BRANCH]
    with opened({"branch": BRANCH, "agent": changed(agents, 6, "Agent X"), "zip": ZIP}) as data:
        assert found(data, "broken_dependency", missing_ok=True) is None


def teams(rows=600):
    """Matches of forty players: each is born in a year and a town, and their clubs change."""
    player = [f"Player {n * 17 % 40}" for n in range(rows)]
    year = [f"{1980 + n * 17 % 40 * 7 % 23}" for n in range(rows)]
    town = [f"{TOWN[n * 17 % 40 // 7]} {n * 17 % 40 % 7}" for n in range(rows)]
    club = [f"Club {n * 17 % 40 * 3 % 11 if n < rows / 2 else n * 17 % 40 * 5 % 13}" for n in range(rows)]
    return {"player": player, "year": year, "town": town, "club": club}


def test_values_at_home_elsewhere_are_errors_where_they_come_at_random_and_the_others_know_the_row():
    clean = teams()
    odd = {row: (row + 1) % 600 for row in range(11, 590, 61)}
    town = [clean["town"][odd.get(n, n)] for n in range(600)]
    same = {
        row for row, other in odd.items() if clean["year"][row] == clean["year"][other]
    }  # the town's, or the player?
    with opened({**clean, "town": town}) as data:
        assert found(data, "broken_dependency", missing_ok=True) is None, "errors are not in one column alone"
    year = [clean["year"][n + 1 if n % 80 == 5 else n] for n in range(600)]
    with opened({**clean, "town": town, "year": year}) as data:
        issue = next(issue for issue in every(data, "broken_dependency") if issue.columns[0] == "town")
        assert {d["columns"][0] for d in issue.facts["determinants"] if d["strict"]} == {"player"}
        assert len(same) == 2
        assert recommended_values(data, issue, "town") == [
            value if row in same else clean["town"][row] for row, value in enumerate(town)
        ]


def test_a_price_that_was_reduced_for_once_is_no_error():
    product = [f"Product {n * 7 % 30}" for n in range(600)]
    group = [f"Group {n * 7 % 30 // 3}" for n in range(600)]
    price = [f"{n * 7 % 30 * 13 % 29 + 9}.90" for n in range(600)]
    for n in range(5, 600, 61):
        group[n + 4], price[n] = group[n + 2], f"{n * 7 % 30 * 13 % 29 + 9 - n % 4}.40"
    with opened({"product": product, "group": group, "price": price}) as data:
        assert ("product", "price") in {(d.determinant, d.dependent) for d in dependencies(data) if d.strict}
        issues = {issue.columns[0]: issue for issue in every(data, "broken_dependency")}
        assert "price" not in issues or recommended_values(data, issues["price"], "price") == price


def test_a_town_to_which_somebody_moved_is_no_error():
    clean = teams()
    moved = [
        "Bremen 1" if player in ("Player 3", "Player 4", "Player 5") and n > 520 else town
        for n, (player, town) in enumerate(zip(clean["player"], clean["town"], strict=True))
    ]
    with opened({**clean, "town": moved}) as data:
        assert not any(d.strict for d in dependencies(data))
        issue = found(data, "broken_dependency", missing_ok=True)
        assert issue is None or recommended_values(data, issue, "town") == moved


def test_the_values_of_somebody_else_are_written_into_no_strangers_row():
    rows = [(f"P{n % 40}", f"Ann {n % 40}", f"Street {n % 40}", f"19{n % 40 + 30}-01-01") for n in range(160)]
    stranger = ("P99", None, "Street 5a", "1935-01-01")  # born on the day of P5
    names = ("id", "name", "street", "born")
    columns = dict(zip(names, map(list, zip(*rows, stranger, strict=True)), strict=True))
    with opened(columns) as data:
        assert {(d.determinant, d.dependent) for d in dependencies(data)} >= {("born", "name"), ("born", "street")}
        assert found(data, "broken_dependency", missing_ok=True) is None


def test_no_letter_is_a_slip_of_another():
    """Hotels give another room than the one that was booked for once; each is one edit away from the other."""
    booked = ["adgf"[n % 4] for n in range(400)]
    given = [("b" if n % 4 == 0 and n % 50 == 0 else room) for n, room in enumerate(booked)]
    with opened({"booked": booked, "given": given}) as data:
        assert all(issue.recommended == "keep" for issue in every(data, "broken_dependency"))


def test_a_formula_that_only_gives_the_usual_number_is_none():
    sent = [str(n % 2) for n in range(300)]
    with opened({"id": [str(1000 + n) for n in range(300)], "sent": sent, "urgent": ["0"] * 295 + ["1"] * 5}) as data:
        assert found(data, "cross_field_rule", missing_ok=True) is None


def test_a_value_that_comes_back_speaks_for_itself():
    town = ["Ulm" if n in (9, 15, 21) else t for n, t in enumerate(TOWN)]
    with opened({"branch": BRANCH, "town": town}) as data:
        assert found(data, "broken_dependency", missing_ok=True) is None


def test_rows_that_differ_because_of_another_column_are_no_errors():
    land = ["de"] * ROWS + ["ch"] * 6
    columns = {"branch": [*BRANCH, *(f"B{n}" for n in range(6))], "fee": [*(f"{z} EUR" for z in ZIP)], "land": land}
    columns["fee"] += [f"{10000 + 1111 * n} CHF" for n in range(6)]
    with opened(columns) as data:
        assert found(data, "broken_dependency", missing_ok=True) is None


@pytest.mark.parametrize("values", [7, 900])
def test_a_dependency_of_a_long_table_is_found_in_some_of_its_rows(values):
    rows = 3 * ROWS_TO_MINE
    shelf = [f"S{n * 7919 % values}" for n in range(rows)]
    aisle = [f"aisle {n * 7919 % values * 31 % 887}" for n in range(rows)]
    number = [f"{n}" for n in range(rows)]
    with opened({"number": number, "shelf": shelf, "aisle": changed(aisle, 9, "aisle X")}) as data:
        assert {(d.determinant, d.dependent) for d in dependencies(data)} >= {("shelf", "aisle")}


@pytest.mark.parametrize("wide_rows", [0, codes.WIDE_ROWS])
def test_a_column_with_a_value_for_most_rows_is_determined_by_one_whose_values_all_come_back(monkeypatch, wide_rows):
    monkeypatch.setattr(codes, "WIDE_ROWS", wide_rows)
    groups, rows = 2 * mining.FEWEST_VALUES, 12 * mining.FEWEST_VALUES
    batch = [f"{n * 7 % groups}" if n % 2 else None for n in range(rows)]
    stamp = [f"batch {key}" if key else f"{n}" for n, key in enumerate(batch)]
    kind = [["small", "large"][n * 7 % 11 % 2] for n in range(rows)]
    with opened({"batch": batch, "stamp": changed(stamp, 9, "5"), "kind": kind}) as data:
        assert {(d.determinant, d.dependent) for d in dependencies(data)} == {("batch", "stamp")}


def test_the_query_of_a_broken_dependency_selects_what_was_found():
    with opened({"branch": BRANCH, "town": changed(TOWN, 9, "Ulm"), "zip": ZIP}) as data:
        issue = found(data, "broken_dependency")
        (cell,) = data.table.get_backend().raw_sql(issue.sql).fetchall()
    assert cell == (9, "town", "Ulm") == (issue.sample[0].row, issue.sample[0].column, issue.sample[0].value)


@settings(max_examples=5)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(random):
    rows = list(zip(BRANCH, changed(TOWN, 9, "Ulm"), ZIP, strict=True))
    random.shuffle(rows)
    columns = dict(zip(("branch", "town", "zip"), map(list, zip(*rows, strict=True)), strict=True))
    with opened(columns) as data:
        issue = found(data, "broken_dependency")
        after = recommended_values(data, issue, "town")
    assert issue.confidence == _confidence()
    assert after == [TOWN[BRANCH.index(branch)] for branch in columns["branch"]]


def _confidence():
    with opened({"branch": BRANCH, "town": changed(TOWN, 9, "Ulm"), "zip": ZIP}) as data:
        return found(data, "broken_dependency").confidence


def test_a_formula_that_holds_nearly_always_is_broken_by_the_row_and_offered_three_ways():
    q, p = [str(n % 7 + 1) for n in range(ROWS)], [f"{n % 11 + 0.5:.2f}" for n in range(ROWS)]
    total = [f"{int(a) * float(b):.2f}" for a, b in zip(q, p, strict=True)]
    with opened({"q": q, "p": p, "total": changed(total, 50, "1.00")}) as data:
        issue = found(data, "cross_field_rule")
        assert (issue.count, issue.recommended) == (1, "keep")
        assert set(issue.facts["solutions"]) == {"q", "p", "total"}


def test_the_strictest_form_of_a_formula_is_checked_where_a_rounded_one_would_not_see_the_error():
    q, p = [str(n % 7 + 1) for n in range(ROWS)], [f"{n % 11 + 20.5:.2f}" for n in range(ROWS)]
    off = range(5, ROWS, 40)
    total = [f"{int(q[n]) * float(p[n]) + (7 if n in off else 0):.2f}" for n in range(ROWS)]
    with opened({"q": q, "p": p, "total": total}) as data:
        issue = found(data, "cross_field_rule")
        assert issue.title == f"{len(off)} rows in which total = q × p does not hold"


def test_a_rule_of_the_contract_can_be_computed_again():
    contract = Contract.model_validate({"rules": [{"name": "sum", "expression": "c = a + b"}]})
    with opened({"a": ["1", "2"], "b": ["1", "1"], "c": ["2", "9"]}, contract) as data:
        issue = found(data, "cross_field_rule")
        option = next(o for o in issue.options if o.parameters.get("column") == "c")
        assert option.parameters["expression"] == "a + b"


def test_orphans_and_control_totals():
    contract = Contract.model_validate(
        {"references": [{"column": "boss", "to": "id"}], "totals": [{"column": "pay", "equals": 30}]}
    )
    columns = {"id": ["A1", "B2", "C3"], "boss": ["A1", "a-1", "Z9"], "pay": ["10", "10", "9"]}
    with opened(columns, contract) as data:
        from tests.quality.remedied import issues

        orphans, total = (i for i in issues(data) if i.kind == "unreconciled")
        assert (orphans.count, orphans.facts["nearest"]) == (2, {"a-1": "A1"})
        assert "29.00" in total.why


def total_of(pay, key="adjust", **given):
    """The column after an adjustment to the control total of 30, and the sum of it."""
    contract = Contract.model_validate({"totals": [{"column": "pay", "equals": 30}]})
    with opened({"id": ["A1", "B2", "C3"], "pay": pay}, contract) as data:
        return chosen_values(data, found(data, "unreconciled"), key, "pay", **given)


def test_a_control_total_is_reconciled_by_the_row_that_the_pilot_names():
    assert total_of(["10", "10", "9.5"], row=2, reason="cash") == ["10", "10", "10"]
    assert total_of(["10.00", "12.50", "9.00"], row=1, reason="cash") == ["10.00", "11.00", "9.00"]


def test_what_was_adjusted_is_not_adjusted_twice_and_a_row_must_hold_a_number():
    contract = Contract.model_validate({"totals": [{"column": "pay", "equals": 30}]})
    with opened({"pay": ["10", "10", "9"]}, contract) as data:
        issue = found(data, "unreconciled")
        option = issue.option("adjust")
        assert option.parameters == {"difference": 1.0}
        assert set(option.needs) == {"row", "reason"}
        given = Adjusted(difference=1, row=0, reason="cash")
        after = again(data, apply(data, adjust(data, issue, given)).table)
        assert values(after.table, "pay") == ["11", "10", "9"]
        assert adjust(after, issue, given) == ()
    with pytest.raises(AnswerError, match="row 1 has no number in pay; name a row"):
        total_of(["10", "ten", "9"], row=1, reason="cash")
    with pytest.raises(ValidationError, match="reason"):
        Adjusted(difference=1, row=0, reason="")


def test_another_amount_is_no_slip_of_the_usual_one():
    """0 % where 20 % is usual: one edit away, and a decision that somebody took."""
    country = [["fr", "at", "de", "ch"][n % 4] for n in range(ROWS)]
    rate = [{"fr": "20%", "at": "20%", "de": "19%", "ch": "8%"}[c] for c in country]
    for row in (0, 1, 40, 81):
        rate[row] = "0%"
    customer = [f"c{n % 12}" for n in range(ROWS)]
    with opened({"customer": customer, "country": country, "rate": rate}) as data:
        issue = found(data, "broken_dependency", missing_ok=True)
        assert issue is None or issue.recommended == "keep"
