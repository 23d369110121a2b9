"""A standing decision holds in its band, and otherwise says how this case differs."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from tasks.quality.errors import AnswerError
from tasks.quality.ledger import link
from tasks.quality.model import Dimension, Issue, Option, Remember, Severity
from tasks.quality.policy import Policy, gate_differs, match, policies_of
from tasks.quality.question import as_remembered, choices, remember_of
from tests.quality.test_question import TWINS, question  # noqa: F401

FILL = Option("constant", "constant", "fill with a value of yours", needs=("value",))
MAP = Option("map", "map_values", "map 1 value", {"values": {"Koln": "Köln"}})
KEEP = Option("keep", "keep", "keep as it is")
MISSING = Issue(
    id="missing-value-price", kind="missing_value", module="missing", dimension=Dimension.COMPLETENESS,
    severity=Severity.LOW, columns=("price",), count=37, checked=3000, unit="cell", title="t", why="37 hold nothing",
    sql="", options=(FILL, MAP, KEEP),
)  # fmt: skip
ZERO = Policy(
    3, "orders", "missing_value", ("price",), "constant", "fill with a value of yours", 0.02, "2026-12-31", "ann",
    "signed code", {"value": "0"}, (), {"count": 30, "checked": 3000},
)  # fmt: skip


def test_in_its_band_it_says_what_is_done_and_comes_first():
    found = match([ZERO], MISSING)
    assert (found.option, found.differs) == ("constant", "")
    (choice,) = choices([MISSING])
    put = as_remembered(choice, found)
    assert (put.recommended, put.options[0].parameters, put.options[0].needs) == ("constant", {"value": "0"}, ())
    assert "Same as last time: policy 3 by ann, until 2026-12-31" in put.hint


@pytest.mark.parametrize(
    ("policy", "issue", "why"),
    [
        (
            ZERO,
            replace(MISSING, count=90),
            "3.00% affected, at most 2.00% remembered (then 30 of 3,000, now 90 of 3,000)",
        ),
        (replace(ZERO, option="gone"), MISSING, "'fill with a value of yours' is not offered this time"),
        (replace(ZERO, option="map"), MISSING, "1 value that it does not know: 'Koln'"),
        (ZERO, replace(MISSING, failed=True), "it could not be checked this time"),
    ],
)
def test_out_of_its_band_it_says_how_this_case_differs(policy, issue, why):
    found = match([policy], issue)
    assert found.differs == why
    (choice,) = choices([issue])
    put = as_remembered(choice, found)
    assert put.recommended == choice.recommended
    assert f"Not the same as in policy 3 by ann, until 2026-12-31: {why}" in put.hint


def test_values_of_personal_data_that_it_does_not_know_are_counted_and_not_quoted():
    assert match([replace(ZERO, option="map")], MISSING, personal=True).differs == "1 value that it does not know"


def test_it_is_about_its_kind_and_columns_only_unless_it_holds_for_any():
    assert match([ZERO], replace(MISSING, kind="other")) is None
    assert match([ZERO], replace(MISSING, columns=("total",))) is None
    assert match([replace(ZERO, columns=())], replace(MISSING, columns=("total",))).differs == ""
    assert match([replace(ZERO, option="map", known=("Koln",))], MISSING).differs == ""


def test_the_newest_that_holds_is_taken():
    newer = replace(ZERO, number=5, most=0.001)
    assert match([ZERO, newer], MISSING).policy.number == 3
    assert match([ZERO, replace(newer, most=0.5)], MISSING).policy.number == 5


def test_it_ends_on_its_day_or_when_it_is_revoked():
    assert ZERO.in_force(dt.date(2026, 12, 31))
    assert not ZERO.in_force(dt.date(2027, 1, 1))
    assert not replace(ZERO, revoked="bob").in_force(dt.date(2026, 1, 1))


def test_policies_are_read_from_their_chain():
    said = {n: v for n, v in vars(ZERO).items() if n not in ("number", "by", "method", "revoked")}
    envelope = {"run_id": "~policies", "method": "signed code", "at": "2026-05-04T12:00:00+00:00"}
    made = link(None, key="a", kind="policy", payload=said, actor="ann", **envelope)
    assert policies_of([made]) == (replace(ZERO, number=1),)
    gone = link(made, key="b", kind="revoked", payload={"policy": 1, "comment": ""}, actor="bob", **envelope)
    assert policies_of([made, gone])[0].revoked == "bob, 2026-05-04"


def test_a_load_that_is_worse_than_the_remembered_one_is_asked_about():
    policy = replace(ZERO, kind="load", most=0.02, then={"rate": 0.01, "score": 91.0, "missed": 1})
    assert gate_differs(policy, {"rate": 0.02, "score": 91.0, "missed": 1}) == ""
    assert gate_differs(policy, {"rate": 0.03, "score": 90.0, "missed": 2}) == (
        "3.00% of the rows left the table, at most 2.00% remembered; score 90.0, remembered 91.0; "
        "2 targets missed, remembered 1"
    )


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (None, None),
        ("", None),
        ("30d", Remember(30 * 86400)),
        ({"for": "1w", "rate": "5 %", "issues": TWINS.issue}, Remember(7 * 86400, 0.05, (TWINS.issue,))),
        ({"for": "1d", "rate": 0.5, "columns": "any"}, Remember(86400, 0.5, (), True)),
    ],
)
def test_what_is_to_be_remembered_is_a_length_of_time_or_a_mapping(question, said, wanted):  # noqa: F811
    assert remember_of(question, said) == wanted


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("soon", "'soon' is no length of time"),
        ({"for": "1d", "rat": 1}, "unknown key 'rat'"),
        ({"for": "1d", "rate": 7}, "'7' is no share"),
        ({"for": "1d", "issues": ["nope"]}, "no issue 'nope'"),
    ],
)
def test_what_cannot_be_remembered_is_said(question, said, why):  # noqa: F811
    with pytest.raises(AnswerError, match=why):
        remember_of(question, said)
