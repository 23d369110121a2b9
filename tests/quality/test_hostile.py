"""Cells made to break things are handled in bounded time, and rows may come in any order."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.quality.detect import assess, flagged_cells
from tasks.quality.registry import kinds
from tests.quality.opened import opened, records, snapshot
from tests.quality.remedied import every
from tests.quality.test_kinds_contract import TABLES

SECONDS = 60
"""Far more than any of these takes, far less than a backtracking expression or a quadratic comparison would."""

HOSTILE = {
    "repeated letters": "a" * 100_000 + "!",
    "nested groups": "(" * 5_000 + "a" * 5_000 + ")" * 5_000,
    "many spaces": " " * 100_000 + "x",
    "many digits": "9" * 100_000,
    "beyond 64 bits": "-170141183460469231731687303715884105729",
    "an exponent": "1e999999999",
    "thousands": "1," + "000," * 20_000 + "000",
    "a long date": "2024-01-01" * 10_000,
    "an e-mail address": "a" * 50_000 + "@" + "b." * 50_000,
    "entities": "&amp;" * 50_000,
    "NUL": "a\0b\0",
    "marks": "e" + "\u0301" * 50_000,
    "directions": "\u202e\u2066abc\ufeff",
}
TEN_MEGABYTES = "word " * 2_000_000


@pytest.mark.parametrize("hostile", [list(HOSTILE.values()), [TEN_MEGABYTES]], ids=["odd cells", "ten megabytes"])
def test_hostile_cells_are_handled_in_bounded_time(hostile):
    started, rows = time.perf_counter(), 20 * len(HOSTILE)
    columns = {"text": [*(f"name {n % 7}" for n in range(rows)), *hostile]}
    if len(hostile) > 1:
        columns["number"] = [*(str(n) for n in range(rows)), *hostile]
        columns["day"] = [*(f"2024-01-{n % 28 + 1:02}" for n in range(rows)), *hostile]
    with opened(columns) as data:
        assessment = assess(data, snapshot(data))
        assert [issue.why for issue in assessment.issues if issue.failed] == []
        flagged = records(flagged_cells(data, assessment.issues))
        assert all(cell["value"] == columns[cell["column"]][cell["row"]] for cell in flagged)
        assert {cell["row"] for cell in flagged} & set(range(rows, rows + len(hostile))), "what is odd is noticed"
    assert time.perf_counter() - started < SECONDS


@pytest.mark.parametrize("name", ["customers", "sales"])
@settings(max_examples=1, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6))
def test_the_order_of_rows_changes_nothing_but_their_numbers(name, seed):
    make, contract = TABLES[name]
    columns = make()
    rows = list(range(len(next(iter(columns.values())))))
    random.Random(seed).shuffle(rows)
    shuffled = {column: [values[row] for row in rows] for column, values in columns.items()}
    with opened(columns, contract) as data, opened(shuffled, contract) as other:
        assert findings(data) == findings(other)


def findings(data):
    """What is found and recommended, but for the numbers of rows."""
    issues = [issue for kind in kinds() for issue in every(data, kind.name)]
    return sorted(
        (i.id, i.count, i.checked, i.why, i.confidence, i.recommended, *(o.key for o in i.options)) for i in issues
    )
