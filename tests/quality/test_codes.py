"""Columns as numbers: what is computed on codes is what the engine's own queries say of the text."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from operator import itemgetter
from random import Random

import ibis
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.quality.ballot import Voter
from tasks.quality.codes import codes, count_single_pairs, numbers, suspect_rows
from tasks.quality.detect import MANY_ROWS, assess
from tasks.quality.doubts import Ballot, count_suspects, votes_on
from tasks.quality.lettering import beginnings, patterns
from tasks.quality.model import ROW, ValueMap
from tasks.quality.profile import BLANK, PATTERN_LENGTH, may_hold, number, pattern_of
from tasks.quality.whatif import Engine, Plan
from tests.quality.opened import again, opened, snapshot

FEW = st.sampled_from(["a", "b", "B", "", " ", "ab", "ba", " Not_available", None])
ROWS = st.lists(st.tuples(FEW, FEW, FEW, FEW), min_size=3, max_size=40)
ASCII = st.text(st.characters(max_codepoint=127), max_size=12)
VOTERS = (
    Voter(("a",), 0.9, ("b", "d"), strict=True),
    Voter(("b",), 0.8, ("a", "d")),
    Voter(("a", "b"), 0.7, ("d",), strict=True),
)
BALLOT = Ballot("c", VOTERS, frozenset({"a", "c"}), 0.5)
OTHER = Ballot(
    "d", (Voter(("a",), 0.9, ("c", "b"), strict=True), Voter(("b",), 0.8, ("c",), promised=True)), BALLOT.blank, 0.5
)
"""Its voters are witnesses of the first one's, and the other way round."""


def columns(rows):
    return {name: list(cells) for name, cells in zip("abcd", zip(*rows, strict=True), strict=True)}


def said(table):
    return sorted(table.to_pyarrow().to_pylist(), key=lambda cell: cell[ROW])


def read(coded, name):
    column = coded.columns[name]
    return dict(zip(coded.rows.tolist(), column.told(column.codes).to_pylist(), strict=True))


@given(ROWS, st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_codes_are_in_the_order_of_row_numbers_whatever_the_order_of_the_rows(rows, random):
    with opened(columns(rows)) as data:
        shuffled = list(range(len(rows)))
        random.shuffle(shuffled)
        data.table.get_backend().con.register("places", pa.table({ROW: range(len(rows)), "place": shuffled}))
        mixed = data.table.get_backend().sql("SELECT snapshot.* FROM snapshot JOIN places USING (_row) ORDER BY place")
        expected, found = codes(data).of("abc"), codes(replace(data, table=mixed, kept={})).of("abc")
        assert found.rows.tolist() == list(range(len(rows)))
        for name in "abc":
            assert found.columns[name].codes.tolist() == expected.columns[name].codes.tolist()
            assert read(found, name) == dict(enumerate(columns(rows)[name]))


@pytest.mark.parametrize("rows", [127, 128, 129])
def test_row_numbers_are_as_small_as_they_can_be_and_found_again(rows):
    with opened({"a": ["x"] * rows}) as data:
        table = codes(data).of("a")
        assert table.rows.itemsize == (1 if rows <= 128 else 2)
        wanted = pa.array([0, rows - 1], pa.int64()).to_numpy()
        assert codes(data).places(wanted).tolist() == wanted.tolist()
        assert table.numbered(wanted).tolist() == wanted.tolist()
        assert table.without(wanted).rows.tolist() == list(range(1, rows - 1))
        assert table.without(wanted + 256).rows.tolist() == list(range(rows))  # as in a byte, but not there


@given(ROWS)
@settings(max_examples=20)
def test_a_table_that_is_read_in_parts_has_the_same_codes(rows):
    with opened(columns(rows)) as data, pytest.MonkeyPatch.context() as patch:
        whole = codes(data).of("abc")
        patch.setattr("tasks.quality.codes.PART_ROWS", 4)
        patch.setattr("tasks.quality.codes.CELLS_AT_ONCE", 1)
        parts = codes(replace(data, kept={})).of("abc")
        for name in "abc":
            assert parts.columns[name].codes.tolist() == whole.columns[name].codes.tolist()
            assert parts.columns[name].values == whole.columns[name].values


@given(ROWS, st.booleans())
@example([("a", "a", " Not_available", "a")] * 3 + [("a", "a", "b", "a")], False)
@example([("a", "a", "b", "a")] * 3 + [("a", "a", None, "a")], True)
@example([("a", "a", "b", "a")] * 3 + [("a", "a", "ab", "a")] + [("b", "b", "ab", "b")] * 3, False)  # known
@example([("a", "a", "b", "a")] * 3 + [("a", "b", "ab", "b")] + [("b", "B", "ab", "B")] * 3, False)  # a stranger
@settings(max_examples=100)
def test_votes_on_codes_are_those_of_the_query_that_is_kept(rows, gaps_at_home):
    with opened(columns(rows)) as data:
        for ballot in (replace(each, gaps_at_home=gaps_at_home) for each in (BALLOT, OTHER)):
            votes = votes_on(data, ballot)
            told = zip(votes.rows, votes.before, votes.after, votes.confidence, strict=True)
            found = [(int(row), before.as_py(), after.as_py(), float(sure)) for row, before, after, sure in told]
            assert found == sorted(data.table.get_backend().con.execute(ballot.sql).fetchall(), key=itemgetter(0))


@given(ROWS, st.dictionaries(FEW, FEW, max_size=4), st.sets(st.integers(0, 39), max_size=5))
@settings(max_examples=30)
def test_suspects_after_a_change_are_those_of_the_changed_table(rows, pairs, gone):
    with opened(columns(rows)) as data:
        votes_on(data, BALLOT)  # what groups say is counted of the table as it is, and not of the changed one
        coded = codes(data).of("abcd").mapped("c", pairs)
        assert read(coded, "c") == {n: pairs.get(c, c) for n, (_a, _b, c, _d) in enumerate(rows)}
        at = pa.array(sorted(gone & set(range(len(rows)))), pa.int64()).to_numpy()
        coded = coded.overwritten("a", at, pa.array(["ab"] * len(at), pa.string())).without(at[:2])
        changed = [
            (("ab" if n in at else a), b, pairs.get(c, c), d) for n, (a, b, c, d) in enumerate(rows) if n not in at[:2]
        ]
        if not changed:
            return
        with opened(columns(changed)) as after:
            votes = after.table.get_backend().sql(BALLOT.sql)
            expected = votes.filter(votes.confidence >= BALLOT.least).count().to_pyarrow().as_py()
        assert count_suspects(data, BALLOT, coded) == expected
        assert count_suspects(data, BALLOT, codes(data).of("abcd")) == sum(votes_on(data, BALLOT).confidence >= 0.5)


@given(ROWS, st.dictionaries(st.integers(0, 39), FEW, max_size=8))
@settings(max_examples=60)
def test_changes_are_counted_alike_with_the_first_of_their_rows(rows, written):
    with opened(columns(rows)) as data:
        values = pa.array(list(written.values()), pa.string())
        at = pa.array(list(written), pa.int64()).to_numpy()
        found = {told[1:3]: told[3:] for told in codes(data).of("c").changed("c", at, values).alike}
    expected = {}
    for row, after in sorted(written.items()):
        if row < len(rows) and rows[row][2] != after:
            n, first = expected.get((rows[row][2], after), (0, row))
            expected[rows[row][2], after] = n + 1, first
    assert found == expected


@given(ROWS)
@settings(max_examples=20)
def test_the_first_row_of_a_value_is_told_of_values_that_are_there(rows):
    with opened(columns(rows)) as data:
        cells = [c for _a, _b, c, _d in rows]
        wanted = [None, "", "ab", "elsewhere", *cells]
        assert codes(data).of("c").first_rows("c", wanted) == {value: cells.index(value) for value in set(cells)}


def test_values_are_numbers_as_the_engine_reads_them():
    cells = ["1", " 1", "-2.50", "1e3", "1e999", "007", "", "abc", None, "1"]
    with opened({"a": cells, "b": [None] * len(cells)}) as data:
        table = codes(data).of("ab")
        read, nothing = numbers(data, [table.columns[name] for name in "ab"])
        found = [None if math.isnan(n) else n for n in read[table.columns["a"].codes].tolist()]
        assert found == data.table.order_by(ROW).select(n=number(data.table.a)).to_pyarrow()["n"].to_pylist()
        assert found == [1.0, None, -2.5, 1000.0, None, None, None, None, None, 1.0]
        assert all(math.isnan(n) for n in nothing[table.columns["b"].codes].tolist())


@given(ROWS)
@settings(max_examples=20)
def test_pairs_that_one_row_holds_are_counted_with_nulls(rows):
    pairs = [(a, b) for a, b, _c, _d in rows]
    with opened(columns(rows)) as data:
        coded = codes(data).of("ab").columns
        assert count_single_pairs(coded["a"], coded["b"]) == sum(pairs.count(pair) == 1 for pair in pairs)


@pytest.mark.parametrize("least", [0, 15_000, 28_000, 36_000])
def test_pairs_of_a_long_table_are_counted_as_long_as_they_can_be_enough(least):
    random = Random(1)
    one, other = ([str(random.randrange(n)) for _ in range(40_000)] for n in (5_000, 20))
    true = sum(n == 1 for n in Counter(zip(one, other, strict=True)).values())
    with opened({"a": one, "b": other}) as data:
        coded = codes(data).of("ab").columns
        found = count_single_pairs(coded["a"], coded["b"], least)
        assert found == true if true >= least else found < least


@given(ROWS)
@settings(max_examples=20)
def test_a_query_that_judges_values_selects_the_same_when_it_is_asked_of_the_values(rows):
    with opened(columns(rows)) as data:
        blank = (
            f"""SELECT "_row", 'a' AS "column", "a" AS "value" FROM "snapshot" WHERE regexp_matches("a", '{BLANK}')"""
        )
        for sql in (blank, blank + ' OR "a" IS NULL'):
            expected = said(data.table.get_backend().sql(sql))
            assert sorted(suspect_rows(data, "a", sql).to_pylist(), key=lambda cell: cell[ROW]) == expected


@given(st.lists(ASCII, min_size=1, max_size=20))
@settings(max_examples=100)
def test_texts_read_as_bytes_say_what_regular_expressions_say(texts):
    whole = pa.array(["skipped", *texts])
    runs = [re.sub("[A-Za-z]+", "a", re.sub("[0-9]+", "9", text)) for text in texts]
    assert patterns(whole)[1:].to_pylist() == patterns(whole[1:]).to_pylist() == runs
    plain = [re.sub("[^a-z0-9]+", "", text.lower())[:6] for text in texts]
    starts = [start.to_bytes(6, "little").rstrip(b"\0").decode() for start in beginnings(whole[1:], 6).tolist()]
    assert starts == plain


def test_patterns_of_all_sorts_of_values_are_counted_together():
    long = "x1" * PATTERN_LENGTH
    with opened({"a": ["ab 1", "é 22", "c 3", " ", "", "\u2003", None, long, "ab 1"]}) as data:
        found = {p.text: (p.values, p.rows) for p in data.profile.column("a").patterns}
    assert found == {"a 9": (3, 4), "a9" * (PATTERN_LENGTH // 2): (1, 1)}


def test_an_option_is_weighed_on_codes_as_on_the_table_that_it_makes():
    rows = [("x", str(n % 5), "no" if n in (7, 12) else f"v{n % 5}", "y") for n in range(60)]
    ballot = replace(BALLOT, voters=(Voter(("b",), 0.9),), blank=frozenset())
    with opened(columns(rows)) as data:
        engine, plan = Engine(data), Plan(issue=None, keys=(), rank=0, effects=(ValueMap("c", (("no", "v2"),)),))
        coded = engine._coded_afterwards(plan, codes(data).of(ballot.columns))
        after = again(data, data.table.mutate(c=data.table.c.replace("no", "v2")))
        votes = after.table.get_backend().sql(ballot.sql)
        expected = votes.filter(votes.confidence >= ballot.least).count().to_pyarrow().as_py()
        assert count_suspects(data, ballot, coded) == expected == 0


def test_no_row_of_a_long_table_is_judged_by_a_regular_expression_when_its_values_come_back(monkeypatch):
    rows = MANY_ROWS + 1
    amounts = [f"{n % 90}.50 EUR" if n % 40 == 0 else f"{n % 90}.50" for n in range(rows)]
    names = [f"  name {n % 97}" if n % 50 == 0 else f"name {n % 97}" for n in range(rows)]
    asked = []
    with opened({"amount": amounts, "name": names, "number": [f"{n:07d}" for n in range(rows)]}) as data:
        backend = type(data.table.get_backend())
        inner = backend.raw_sql
        monkeypatch.setattr(
            backend, "raw_sql", lambda self, sql, **more: asked.append(str(sql)) or inner(self, sql, **more)
        )
        found = assess(data, snapshot(data))
    cells = [sql for sql in asked if "CREATE TEMP TABLE" in sql and "JOIN" not in sql]
    judged = [sql for sql in cells if "REGEXP" in sql.upper() and '"snapshot"' in sql]
    assert {"untidy_text", "mixed_number_format"} <= {issue.kind for issue in found.issues}
    assert not judged


@pytest.mark.parametrize("width", [4, 12])
def test_a_wider_table_asks_hardly_more_statements(width, monkeypatch):
    asked = []
    with opened({f"c{i}": [f"{n * (i + 3) % 50}" for n in range(100)] for i in range(width)}) as data:
        backend = type(data.table.get_backend())
        for name in ("raw_sql", "to_pyarrow"):
            inner = getattr(backend, name)

            def count(self, *args, _inner=inner, **more):
                asked.append(name)
                return _inner(self, *args, **more)

            monkeypatch.setattr(backend, name, count)
        assess(data, snapshot(data))
    assert len(asked) < 60 + 4 * width


def test_the_engine_reads_no_more_columns_than_are_encoded(monkeypatch):
    with opened({"a": ["x"], "b": ["y"]}) as data:
        asked = []
        inner = ibis.expr.types.Table.to_pyarrow_batches
        monkeypatch.setattr(
            ibis.expr.types.Table,
            "to_pyarrow_batches",
            lambda self, **m: asked.append(ibis.to_sql(self)) or inner(self, **m),
        )
        codes(data).of(["a"])
    assert len(asked) == 1
    assert '"b"' not in asked[0]
    assert "*" not in asked[0]


@given(st.lists(ASCII, min_size=1, max_size=30))
@settings(max_examples=60)
def test_a_column_may_hold_what_a_value_is_written_like(texts):
    with opened({"a": texts}) as data:
        column = data.profile.column("a")
        for text in filter(str.strip, texts):
            assert may_hold(column, lambda pattern, text=text: pattern == pattern_of(text))
        assert may_hold(column, lambda _pattern: False) == (not any(p.text for p in column.patterns))
