"""A check says what it looked at, what is wrong first, and what it could not look at."""

from __future__ import annotations

from tasks.quality.ledger import link
from tasks.quality.verify import Unknown, printed, same


def test_the_first_difference_is_told_and_equal_things_are_counted():
    assert same("counts", [("a", 1, 1), ("b", 2, 2)], "counts").detail == "2 counts"
    check = same("counts", [("a", 1, 1), ("b", 2, 3), ("c", 4, 5)], "counts")
    assert (check.ok, check.checked, check.detail) == (False, 3, "b: recorded 2, found 3")


def test_what_could_not_be_looked_at_is_neither_right_nor_wrong():
    check = same("loads", [("orders", "rows:1", Unknown("the database cannot be reached")), ("b", 1, 1)], "loads")
    assert (check.ok, check.checked) == (True, 1)
    assert check.unchecked == "orders: the database cannot be reached"
    broken = same("loads", [("orders", 1, Unknown("away")), ("b", 1, 2), ("c", 1, Unknown("away"))], "loads")
    assert not broken.ok
    assert broken.unchecked == "orders: away; and 1 more"


def test_a_printed_head_that_no_entry_has_tells_of_a_ledger_written_anew():
    entry = link(None, run_id="r", key="opened", kind="opened", payload={}, actor="a", method="m", at="now")
    assert printed([entry], [("receipt.html", entry.hash)]).ok
    check = printed([entry], [("receipt.html", "sha256:" + "0" * 64)])
    assert not check.ok
    assert check.detail.startswith("receipt.html prints sha256:000000000000…, which is not in the ledger")
