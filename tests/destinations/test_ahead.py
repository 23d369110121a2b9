"""Parts that are made in a thread ahead of whoever takes them."""

from __future__ import annotations

from contextlib import closing

import pytest

from blocks.ahead import ahead


def test_parts_keep_their_order_and_no_more_are_made_than_a_few_ahead():
    made = []

    def parts():
        for number in range(100):
            made.append(number)
            yield number

    with closing(ahead(parts())) as coming:
        assert [next(coming) for _ in range(3)] == [0, 1, 2]
    assert 3 <= len(made) <= 6
    assert list(ahead(range(100))) == list(range(100))


def test_what_goes_wrong_is_raised_where_its_part_would_have_come():
    def parts():
        yield 1
        raise ValueError("the second part is broken")

    coming = ahead(parts())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="the second part is broken"):
        next(coming)
