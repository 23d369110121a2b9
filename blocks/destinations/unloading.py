"""What a load brought into a table of a database: read again, or taken back, so that what it replaced comes back.

Only what is as the load left it is taken back: the fingerprint of its rows is read again first. Former rows are kept of
one load only, the last one that replaced any.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from blocks.destinations import tables
from blocks.destinations.base import Receipt, TakenBack, changed_since, loaded_since, not_loaded
from blocks.destinations.markers import DONE, MARKERS, PENDING, UNDOING, UNDONE, Markers, receipt_in
from blocks.destinations.tables import DDL_COMMITS, FORMER, KEYS, beside
from blocks.destinations.target import Target
from tasks.quality.errors import ChangedSince, DestinationError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table


def taken_back(of: Target, connection: Connection, run_id: str) -> TakenBack:
    """Take back what a run loaded.

    Raises:
        DestinationError: it was not loaded, was changed since, or what was there before is not kept any more.
    """
    markers = Markers(connection, of.table, of.schema_name)
    markers.make()
    marker = markers.read(run_id)
    if marker is None or marker["state"] == PENDING:
        raise not_loaded(of.describe(), run_id)
    if marker["state"] == UNDONE:
        return TakenBack(**marker["taken"])
    return _Loaded(of, connection, markers, run_id, marker).taken_back()


def fingerprint_now(of: Target, connection: Connection, run_id: str) -> str | None:
    """The fingerprint of what a run loaded, as the table holds it now; None when it is gone.

    Raises:
        ChangedSince: what it began or ended in a history is not as it left it.
        DestinationError: it cannot be told from the rest any more.
    """
    if tables.present(connection, MARKERS, of.schema_name) is None:
        return None
    markers = Markers(connection, of.table, of.schema_name)
    marker = markers.read(run_id)
    if marker is None or marker["state"] != DONE:
        return None
    return _Loaded(of, connection, markers, run_id, marker).fingerprint()


class _Loaded:
    """What a run loaded, by its marker."""

    def __init__(
        self, of: Target, connection: Connection, markers: Markers, run_id: str, marker: Mapping[str, Any]
    ) -> None:
        self._of, self._connection, self._markers, self._run_id = of, connection, markers, run_id
        self._undo: Mapping[str, Any] = marker["undo"]
        self._receipt: Receipt = receipt_in(marker)
        self._marker = marker
        self._there = tables.present(connection, of.table, of.schema_name) or {}
        self._by_name = connection.dialect.name in DDL_COMMITS

    def fingerprint(self) -> str | None:
        if any(name not in self._there for name in self._undo["types"]):
            return None
        table = self._table()
        if (mine := self._mine(table)) is None:
            todo = "compare them by hand"
            raise DestinationError("its rows cannot be told from others any more", where=self._of.describe(), todo=todo)
        if "at" in self._undo:
            self._check_versions(table)
        return tables.fingerprint(self._connection, self._data(table).where(mine))

    def taken_back(self) -> TakenBack:
        how = "rows" if self._others_joined() else str(self._undo["how"])
        if how == "none":
            raise self._impossible(str(self._undo["why"]))
        if how in ("drop", "rename") and self._by_name:
            return self._renamed_back()
        if how in ("former", "merge") and self._markers.owner() != self._run_id:
            raise self._impossible("another run was loaded since, and only the last one's former rows are kept")
        ways = {
            "drop": self._dropped,
            "former": self._replaced_back,
            "rows": self._rows_removed,
            "merge": self._unmerged,
            "history": self._versions_removed,
        }
        taken = ways[how]()
        self._markers.change(self._run_id, state=UNDONE, taken=asdict(taken))
        self._connection.commit()
        return taken

    def _others_joined(self) -> bool:
        """Whether the load made the table, and others appended to it since: then only its own rows go."""
        told = self._receipt.mode == "append" and ("xid" in self._undo or "after" in self._undo)
        if self._undo["how"] != "drop" or not told:
            return False
        table = tables.named(self._of.table, (), self._of.schema_name)
        return tables.count(self._connection, table) > self._receipt.rows_after

    # --- ways -------------------------------------------------------------------------------------------------------

    def _dropped(self) -> TakenBack:
        table = self._table()
        self._check(self._data(table))
        table.drop(self._connection)
        return self._told(removed=self._receipt.rows_after, restored=0, after=0)

    def _replaced_back(self) -> TakenBack:
        table, name = self._table(), beside(self._of.table, FORMER)
        self._check(self._data(table))
        former = tables.present(self._connection, name, self._of.schema_name) or {}
        old = tables.named(name, list(former), self._of.schema_name)
        if {n: str(t) for n, t in former.items()} == {n: str(t) for n, t in self._there.items()}:
            self._connection.execute(table.delete())
        else:
            tables.copy_empty(self._connection, self._of.table, name, former, self._of.schema_name)
        back = tables.named(self._of.table, list(former), self._of.schema_name)
        self._connection.execute(back.insert().from_select(list(former), old.select()))
        after = tables.count(self._connection, back)
        return self._told(removed=self._receipt.rows_after, restored=after, after=after)

    def _rows_removed(self) -> TakenBack:
        table = self._table()
        mine = self._checked(table)
        removed = self._connection.execute(table.delete().where(mine)).rowcount
        return self._told(removed=removed, restored=0)

    def _unmerged(self) -> TakenBack:
        table = self._table()
        mine, name = self._checked(table), beside(self._of.table, FORMER)
        columns = list(tables.present(self._connection, name, self._of.schema_name) or {})
        former = tables.named(name, columns, self._of.schema_name)
        self._connection.execute(table.delete().where(mine))
        self._connection.execute(table.insert().from_select(columns, former.select()))
        restored = tables.count(self._connection, former)
        return self._told(removed=self._receipt.rows_written, restored=restored)

    def _versions_removed(self) -> TakenBack:
        table, at = self._table(), self._at()
        mine, until = self._checked(table), table.c[self._of.validity.until]
        if self._connection.execute(table.select().where(mine, until.is_not(None)).limit(1)).first() is not None:
            raise self._changed()
        removed = self._connection.execute(table.delete().where(mine)).rowcount
        opened = self._connection.execute(table.update().where(until == at).values({until: None})).rowcount
        return self._told(removed=removed, restored=opened)

    def _renamed_back(self) -> TakenBack:
        """Where making a table ends the transaction: say what is to come, do it in one step, say that it is done."""
        of, connection = self._of, self._connection
        mine = tables.comment(connection, of.table, of.schema_name) == f"gonogo {self._run_id}"
        if self._marker["state"] == UNDOING and not mine:
            return self._finished(TakenBack(**self._marker["taken"]))
        table = self._table()
        name = beside(of.table, FORMER)
        former, gone = (tables.named(each, (), of.schema_name) for each in (name, beside(of.table, tables.GONE)))
        if self._undo["how"] == "rename" and self._markers.owner() != self._run_id:
            raise self._impossible("another run was loaded since, and only the last one's former rows are kept")
        if not mine:
            raise self._changed()
        self._check(self._data(table))
        restored = tables.count(connection, former) if self._undo["how"] == "rename" else 0
        taken = self._told(removed=self._receipt.rows_after, restored=restored, after=restored)
        self._markers.change(self._run_id, state=UNDOING, taken=asdict(taken))
        connection.commit()
        tables.drop(connection, gone.name, of.schema_name)
        moves = [(former, tables.named(of.table, (), of.schema_name))] if self._undo["how"] == "rename" else []
        tables.rename(connection, [(table, gone), *moves])
        tables.drop(connection, gone.name, of.schema_name)
        return self._finished(taken)

    # --- what they share --------------------------------------------------------------------------------------------

    def _finished(self, taken: TakenBack) -> TakenBack:
        self._markers.change(self._run_id, state=UNDONE)
        self._connection.commit()
        return taken

    def _check_versions(self, table: Table) -> None:
        """Check that the versions that the load ended are as it left them, and that what it began is current alone.

        Raises:
            ChangedSince: not so.
        """
        from sqlalchemy import and_, exists, select

        other, validity, at = table.alias("other"), self._of.validity, self._at()
        alike = and_(*(other.c[name] == table.c[name] for name in self._of.key))
        beside_it = exists().where(alike, other.c[validity.until].is_(None), other.c[validity.since] != at)
        current = and_(table.c[validity.since] == at, table.c[validity.until].is_(None))
        keys = select(*(table.c[name] for name in self._of.key)).where(current, beside_it).limit(1)
        if twice := self._connection.execute(keys).first():
            named = ", ".join(f"{name}={value}" for name, value in zip(self._of.key, twice, strict=True))
            raise ChangedSince(f"two versions of {named} are current", where=self._of.describe())
        ended = self._data(table).where(table.c[validity.until] == at)
        if "ended" in self._undo and tables.fingerprint(self._connection, ended) != self._undo["ended"]:
            raise ChangedSince("the versions that it ended are not as it left them", where=self._of.describe())

    def _table(self) -> Table:
        """The table as it is now; the columns that came with the load have the types that they came with."""
        from sqlalchemy import Column

        types = self._undo["types"]
        if not self._there or any(name not in self._there for name in types):
            raise self._changed()
        table = tables.table(self._of.table, types, self._of.schema_name)
        for name in self._there:
            if name not in types:
                table.append_column(Column(name))
        return table

    def _data(self, table: Table) -> Any:
        """The query of the columns that came with the load."""
        from sqlalchemy import select

        return select(*(table.c[name] for name in self._undo["types"]))

    def _mine(self, table: Table) -> Any:
        """The condition that is true for the rows of this load; None when nothing tells them from others any more."""
        from sqlalchemy import and_, exists, true

        if self._undo["how"] == "rename":  # its fingerprint is the whole table's, as long as nobody has loaded since
            same = self._markers.owner() == self._run_id and (
                self._receipt.mode != "append" or tables.count(self._connection, table) == self._receipt.rows_after
            )
            return true() if same or self._receipt.mode == "replace" else None
        if "at" in self._undo:
            return table.c[self._of.validity.since] == self._at()
        if self._undo["how"] == "merge":
            if self._markers.owner() != self._run_id:
                return None
            key, keys = self._undo["key"], tables.named(beside(self._of.table, KEYS), self._undo["key"], table.schema)
            return exists().where(and_(*(table.c[name] == keys.c[name] for name in key)))
        if "xid" in self._undo or "after" in self._undo:
            return tables.rows_since(self._undo, self._receipt.rows_written)
        first = not self._receipt.rows_before and tables.count(self._connection, table) <= self._receipt.rows_after
        return true() if first or self._receipt.mode == "replace" else None

    def _at(self) -> Any:
        from sqlalchemy import DateTime, literal

        return literal(dt.datetime.fromisoformat(self._undo["at"]), DateTime())

    def _checked(self, table: Table) -> Any:
        """The condition that is true for the rows of this load, which are as it left them."""
        if (mine := self._mine(table)) is None:
            raise self._changed()
        self._check(self._data(table).where(mine))
        return mine

    def _check(self, rows: Any) -> None:
        if tables.fingerprint(self._connection, rows) != self._receipt.fingerprint:
            raise self._changed()

    def _told(self, *, removed: int, restored: int, after: int | None = None) -> TakenBack:
        """Say what was done, once the columns that came with the load are gone, too."""
        table = tables.named(self._of.table, (), self._of.schema_name)
        if after is None:
            tables.drop_columns(self._connection, table, self._undo.get("added", ()))
            after = tables.count(self._connection, table)
        return TakenBack(self._of.describe(), removed, restored, after)

    def _changed(self) -> DestinationError:
        where = self._of.describe()
        return loaded_since(where) if self._markers.later(self._run_id) else changed_since(where)

    def _impossible(self, why: str) -> DestinationError:
        todo = "correct it there by hand; nothing was changed"
        return DestinationError(f"the load cannot be taken back: {why}", where=self._of.describe(), todo=todo)
