"""Small tables opened for the kernel: a connection with the views `snapshot` and `domains`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache

import ibis
import pyarrow as pa

from blocks.engine import Engine
from tasks.quality.contract import Contract
from tasks.quality.model import ROW, Dataset, Snapshot
from tasks.quality.profile import domains, profile
from tasks.quality.pseudonyms import lend

KEY = b"only for tests, and not secret"


@contextmanager
def opened(columns: Mapping[str, Sequence[str | None]], contract: Contract | None = None) -> Iterator[Dataset]:
    backend = Engine().connect()
    try:
        yield dataset(backend, columns, contract)
    finally:
        backend.disconnect()


def dataset(backend, columns, contract=None) -> Dataset:
    rows = len(next(iter(columns.values()), ()))
    arrays = {ROW: pa.array(range(rows), pa.int64())}
    arrays |= {name: pa.array(values, pa.string()) for name, values in columns.items()}
    return _profiled(_lent(backend, pa.table(arrays)), contract or Contract())


def again(data: Dataset, table) -> Dataset:
    """The table as a dataset of its own, as the next decision sees it."""
    return _profiled(unprofiled(table), data.contract)


def contents(table) -> str:
    """All that a table holds, as text: decisions that lead to the same table lead to the same numbers."""
    return repr(table.order_by(ROW).to_pyarrow().to_pydict())


def unprofiled(table):
    """A connection with the views of a table, of which nothing is known."""
    rows = table.order_by(ROW).to_pyarrow().to_pydict()
    kept = pa.table({name: pa.array(v, pa.int64() if name == ROW else pa.string()) for name, v in rows.items()})
    return _lent(Engine().connect(), kept)


def _lent(backend, arrow: pa.Table):
    lend(backend, KEY)
    backend.con.register("arriving", arrow)
    backend.raw_sql("CREATE TABLE snapshot AS SELECT * FROM arriving")
    backend.raw_sql(f"CREATE TABLE domains AS {_domains_sql(tuple(arrow.column_names))}")
    return backend


@cache
def _domains_sql(columns: tuple[str, ...]) -> str:
    schema = {name: "int64" if name == ROW else "string" for name in columns}
    return ibis.to_sql(domains(ibis.table(schema, name="snapshot")), dialect="duckdb")


def _profiled(backend, contract: Contract) -> Dataset:
    table, values = backend.table("snapshot"), backend.table("domains")
    return Dataset(table, values, profile(table, values, "test"), contract)


def snapshot(data: Dataset) -> Snapshot:
    return Snapshot("test", "nowhere", "test", data.profile.rows, data.columns)


def values(table, column: str) -> list[str | None]:
    return table.order_by(ROW).to_pyarrow()[column].to_pylist()


def records(table) -> list[dict]:
    return table.to_pyarrow().to_pylist()
