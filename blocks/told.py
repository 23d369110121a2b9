"""What was announced, kept in the ledger's database: whoever tells it on can be killed, or away, and miss nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from blocks.ledger_database import LedgerDatabase

if TYPE_CHECKING:
    from sqlalchemy import Row, Table


@dataclass(frozen=True)
class Telling:
    """One announcement.

    Attributes:
        number: they are told in this order.
        key: unique within the run.
        at: UTC, ISO 8601.
    """

    number: int
    run_id: str
    key: str
    happened: str
    title: str
    text: str
    gate: str
    report_url: str
    head: str
    at: str


class Told(LedgerDatabase):
    """Every announcement that was made.

    Args:
        url: of the ledger's database.
    """

    def add(self, run_id: str, key: str, said: Mapping[str, str]) -> None:
        """Keep an announcement, unless the run has one under this key."""
        table = _table()
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        with self._transaction() as connection:
            there = table.select().where(table.c.run_id == run_id, table.c.key == key)
            if connection.execute(there).first() is None:
                row = {"run_id": run_id, "key": key, "said": json.dumps(dict(said), ensure_ascii=False), "at": at}
                connection.execute(table.insert().values(row))

    def after(self, number: int) -> tuple[tuple[int, str], ...]:
        """Number and run of every announcement after this one."""
        table = _table()
        wanted = table.select().where(table.c.number > number).order_by(table.c.number)
        with self._transaction(write=False) as connection:
            return tuple((row.number, row.run_id) for row in connection.execute(wanted))

    def last(self) -> int:
        """The number of the last announcement; 0 before the first one."""
        from sqlalchemy import func, select

        with self._transaction(write=False) as connection:
            return int(connection.execute(select(func.max(_table().c.number))).scalar() or 0)

    def of(self, run_id: str) -> tuple[Telling, ...]:
        """A run's announcements in order."""
        table = _table()
        wanted = table.select().where(table.c.run_id == run_id).order_by(table.c.number)
        with self._transaction(write=False) as connection:
            return tuple(_telling(row) for row in connection.execute(wanted))

    def _tables(self) -> Iterable[Table]:
        return (_table(),)


def _telling(row: Row[Any]) -> Telling:
    return Telling(row.number, row.run_id, row.key, **json.loads(row.said), at=row.at)


@cache
def _table() -> Table:
    from sqlalchemy import Column, Integer, MetaData, String, Table, Text, UniqueConstraint

    return Table(
        "gonogo_told",
        MetaData(),
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("run_id", String(64), nullable=False, index=True),
        Column("key", String(200), nullable=False),
        Column("said", Text, nullable=False),
        Column("at", Text, nullable=False),
        UniqueConstraint("run_id", "key"),
    )
