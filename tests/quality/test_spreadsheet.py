"""No exported cell runs in a spreadsheet, and every text comes back as it was."""

from __future__ import annotations

import ibis
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.quality.spreadsheet import escaped, escaped_column, unescaped

DANGEROUS = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1+1",
    '=HYPERLINK("http://x")',
]
HARMLESS = ["plain", "", "-5", "+4.20", "1,234.5", "-1e5", "12 %", "it's", "'tis", "a=b"]


@pytest.mark.parametrize("text", DANGEROUS)
def test_what_a_spreadsheet_would_run_is_made_text(text):
    assert escaped(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_everything_else_is_left_as_it_is(text):
    assert escaped(text) == text == unescaped(text)


@given(st.text(alphabet=st.sampled_from("'=+-@\t\r\n05.ea ＝"), max_size=8))
@example("''=1")
def test_every_text_comes_back_and_nothing_that_was_escaped_runs(text):
    safe = escaped(text)
    assert unescaped(safe) == text
    assert safe == text or safe[0] == "'"


def test_a_column_is_escaped_like_a_text():
    texts = [*DANGEROUS, *HARMLESS, "'=1", None]
    table = ibis.memtable(pd.DataFrame({"n": range(len(texts)), "a": texts}))
    found = table.select("n", a=escaped_column(table.a)).order_by("n").to_pyarrow()["a"].to_pylist()
    assert found == [None if text is None else escaped(text) for text in texts]
