"""A story adds up when every change begins with the value that the one before it left."""

from __future__ import annotations

import pytest

from tasks.quality.trace import Delivered, Place, Step, Story, Who
from tasks.reports.trace import trace_html, trace_lines

ANN = Who("ann", "signed code", "2026-01-02T03:04:05+00:00", "quality-1", "sha256:e", "as agreed")
PLACE = Place("orders.csv", "line 3", "sha256:" + "a" * 64)


def story(*steps, came="250 g", stands="0.25", column="weight"):
    now = () if stands is None else ((column, stands),)
    return Story("orders-1", 1, column, PLACE, (("weight", came),), steps, now)


def changed(before, after, **more):
    more = {"column": "weight", "decision": 3, "issue": "mixed", "action": "plain numbers", "who": ANN, **more}
    return Step("changed", before=before, after=after, **more)


def test_a_chain_of_changes_adds_up_and_a_gap_in_it_does_not():
    assert story(changed("250 g", "250"), changed("250", "0.25")).adds_up
    assert not story(changed("251 g", "0.25")).adds_up
    assert not story().adds_up
    assert any(line.what == "does not add up" for line in trace_lines(story()))


def test_what_was_undone_is_told_and_counts_for_nothing():
    told = story(changed("250 g", "9", undone="undone by bob"), changed("250 g", "0.25"))
    assert told.adds_up
    (undone,) = [line for line in trace_lines(told) if line.undone]
    assert "undone by bob" in undone.text


def test_a_column_is_followed_through_its_names_and_out_of_the_table():
    renamed = Step("column renamed", "kg", before="weight", after="kg", decision=4)
    assert story(changed("250 g", "0.25"), renamed, column="kg").adds_up
    dropped = Step("column dropped", "weight", decision=4)
    gone = story(changed("250 g", None), dropped, stands=None)
    assert gone.adds_up
    assert ("is", "no column any more") in [(line.what, line.text) for line in trace_lines(gone)]


@pytest.mark.parametrize(("left", "into"), [("dropped", None), ("quarantined", None), ("merged", 7)])
def test_a_row_that_left_says_why_and_one_that_came_back_is_in_the_table(left, into):
    gone = Step(left, "", decision=5, action="repeats the first", into=into, who=ANN)
    assert story(gone, stands=None).left == gone
    assert f"{left}, not in the table" in [line.text for line in trace_lines(story(gone, stands=None))]
    back = Step("came back", "", action="corrected in rows.csv", who=ANN)
    assert story(gone, back, changed("250 g", "0.25")).left is None


def test_each_line_names_the_decision_the_person_how_they_are_known_when_where_and_why():
    told = [line for line in trace_lines(story(changed("250 g", "0.25"))) if line.what == "changed"]
    assert told[0].text == "weight: '250 g' → '0.25'; decision 3: plain numbers [mixed]"
    assert told[0].detail == "ann (signed code), 2026-01-02 03:04 UTC, at quality-1: as agreed"


def test_nothing_of_the_data_is_markup_in_the_page():
    odd = "<script>alert(1)</script>"
    delivered = (Delivered(odd, ANN.at, ANN, "sha256:c"),)
    page = trace_html(
        Story(odd, 1, odd, Place(odd, odd, odd), ((odd, odd),), (changed(odd, odd, action=odd),), (), delivered)
    )
    assert "alert(1)" in page
    assert odd not in page
