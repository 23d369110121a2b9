from __future__ import annotations

import gc
import weakref

import ibis
import pytest
from ibis import _

from blocks.engine import Engine
from blocks.staging import connected


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    monkeypatch.setattr(Engine, "_written", {})


def asked(table: ibis.Table) -> ibis.Table:
    return table.filter(_.value != "b").group_by("value").agg(n=_.count()).order_by("value")


def told(values: list[str]) -> list[tuple[str, int]]:
    with connected() as tables:
        tables.raw_sql(f"CREATE TABLE snapshot AS SELECT unnest({values}) AS value")
        return [(record["value"], record["n"]) for record in asked(tables.table("snapshot")).to_pyarrow().to_pylist()]


def test_a_second_connection_asks_the_same_of_its_own_rows():
    assert told(["a", "b", "a"]) == [("a", 2)]
    written = dict(Engine._written)
    assert told(["a", "c"]) == [("a", 1), ("c", 1)]
    assert written
    assert written == Engine._written


def test_what_differs_in_any_part_is_written_anew():
    with connected() as tables, connected() as others:
        tables.raw_sql("CREATE TABLE snapshot AS SELECT 'a' AS value, 1 AS n")
        others.raw_sql("CREATE TABLE snapshot AS SELECT 'a' AS value, 'text' AS n")
        table, other = tables.table("snapshot"), others.table("snapshot")
        queries = [table, other, table.value, table.n == 1, table.n == 2, table.n.cast("string"), table.n.cast("int8")]
        texts = [tables.compile(query.as_table()) for query in queries]
        texts += [tables.compile(table, pretty=True), tables.compile(table, limit=3)]
        assert texts == [ibis.duckdb.connect().compile(query.as_table()) for query in queries] + texts[-2:]
        assert len(set(texts)) == len(texts) - 1  # of both tables, all is asked alike


def test_values_that_lie_in_memory_are_let_go():
    with connected() as tables:
        lent = ibis.memtable({"value": ["a"]})
        assert tables.to_pyarrow(lent.filter(_.value == "a")).num_rows == 1
        data = weakref.ref(lent.op())
        del lent
        gc.collect()
        assert data() is None


def test_it_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr("blocks.engine._MOST_QUERIES", 10)
    monkeypatch.setattr("blocks.engine._LONGEST_QUERY", 1_000)
    with connected() as tables:
        tables.raw_sql("CREATE TABLE snapshot AS SELECT 1 AS n")
        table = tables.table("snapshot")
        for n in range(25):
            assert tables.to_pyarrow(table.filter(_.n == n)).num_rows == (n == 1)
            assert len(Engine._written) <= 10
        tables.compile(table.filter(_.n.isin(list(range(1_000)))))
        assert max(len(query) for query in Engine._written.values()) <= 1_000
