"""What a database remembers of loads: a row per run and table in `gonogo_commits`."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from blocks.destinations.base import LoadBatch, Receipt, read_receipt

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

MARKERS = "gonogo_commits"

DONE, PENDING, UNDOING, UNDONE = "done", "pending", "undoing", "undone"
"""States of a load. Where making a table ends the transaction, a load is pending before it and done after it."""

_OWNER = "former rows"


class Markers:
    """The markers of one table, in its schema; they are part of the connection's transaction."""

    def __init__(self, connection: Connection, table: str, schema: str | None) -> None:
        from sqlalchemy import Column, DateTime, MetaData, String, Table, Text
        from sqlalchemy.dialects.mysql import LONGTEXT

        self._connection, self._target = connection, f"{schema}.{table}" if schema else table
        long = Text().with_variant(LONGTEXT(), "mysql", "mariadb")
        self._table: Table = Table(
            MARKERS,
            MetaData(),
            Column("run_id", String(64), primary_key=True),
            Column("target", String(200), primary_key=True),
            Column("pipeline", Text),
            Column("snapshot", Text),
            Column("receipt", long),
            Column("loaded_at", DateTime),
            schema=schema,
        )

    def make(self) -> None:
        """Make the table of markers where it isn't there."""
        self._table.create(self._connection, checkfirst=True)

    def read(self, run_id: str) -> dict[str, Any] | None:
        """What is remembered of a run: `receipt`, `state`, and `undo`: how it can be taken back."""
        from sqlalchemy import select

        found = self._connection.execute(select(self._table.c.receipt).where(self._is(run_id))).scalar_one_or_none()
        return json.loads(found) if found else None

    def write(self, batch: LoadBatch, receipt: Receipt, undo: Mapping[str, Any], state: str = DONE) -> None:
        """Remember a load, in place of what was remembered of the run."""
        said = {"receipt": asdict(replace(receipt, seconds=0.0)), "undo": dict(undo), "state": state}
        said["moment"] = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")  # columns may keep seconds only
        self._put(batch.run_id, said, pipeline=batch.pipeline, snapshot=batch.fingerprint)

    def change(self, run_id: str, **said: Any) -> None:
        """Remember something else of a run."""
        known = json.dumps((self.read(run_id) or {}) | said)
        self._connection.execute(self._table.update().where(self._is(run_id)).values(receipt=known))

    def forget(self, run_id: str) -> None:
        """Forget a run that was not loaded after all."""
        self._connection.execute(self._table.delete().where(self._is(run_id)))

    def later(self, run_id: str) -> bool:
        """Whether another run was loaded since, and is not taken back."""
        from sqlalchemy import select

        own, at = self._table.alias("own"), self._table.c.loaded_at
        began = select(own.c.loaded_at).where(own.c.run_id == run_id, own.c.target == self._target).scalar_subquery()
        known = self._table.c.run_id.not_in([run_id, _OWNER]) & (self._table.c.target == self._target) & (at >= began)
        found = self._connection.execute(select(self._table.c.receipt).where(known)).scalars()
        moment = (self.read(run_id) or {}).get("moment", "")
        return any(each["state"] == DONE and each.get("moment", "") >= moment for each in map(json.loads, found))

    def owner(self) -> str:
        """The run whose former rows are kept; an empty string when none are."""
        return str((self.read(_OWNER) or {}).get("run", ""))

    def own(self, run_id: str) -> None:
        """Say whose former rows are kept from now on."""
        self._put(_OWNER, {"run": run_id})

    def _put(self, run_id: str, said: Mapping[str, Any], **more: Any) -> None:
        self.forget(run_id)
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0)
        row = {"run_id": run_id, "target": self._target, "receipt": json.dumps(said), "loaded_at": now}
        self._connection.execute(self._table.insert().values(**row, **more))

    def _is(self, run_id: str) -> Any:
        return (self._table.c.run_id == run_id) & (self._table.c.target == self._target)


def receipt_in(marker: Mapping[str, Any], **more: Any) -> Receipt:
    """The receipt that a marker holds."""
    return read_receipt({**marker["receipt"], **more})
