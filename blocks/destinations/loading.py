"""A load into a table of a database, step by step."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from blocks.destinations import tables
from blocks.destinations.base import LoadBatch, Receipt, Typed, may_add, names, taken_back_before, typed
from blocks.destinations.markers import DONE, PENDING, UNDOING, UNDONE, Markers, receipt_in
from blocks.destinations.room import check_room
from blocks.destinations.tables import DDL_COMMITS, FORMER, KEYS, NEW, beside
from blocks.destinations.target import Target
from tasks.quality.errors import DestinationError, TryAgain
from tasks.quality.typed import ColumnType
from tasks.quality.wording import plural

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table


WAIT_SECONDS = 30
_PREFIX_LETTERS = 100
_ONE_AT_A_TIME = threading.Lock()
"""DuckDB lets one process in; within it, transactions that meet are refused."""


@contextmanager
def alone(connection: Connection, name: str) -> Iterator[None]:
    """Be the only load: two loads of one run come one after the other, and the second finds the first one's marker."""
    backend = connection.dialect.name
    if backend == "duckdb":
        with _ONE_AT_A_TIME:
            yield
        return
    if backend == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif backend == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7407647)")
        _wait_so_long(connection)
    elif backend in ("mysql", "mariadb"):
        _take_lock(connection, name)
        _wait_so_long(connection)
    yield


def _wait_so_long(connection: Connection) -> None:
    """Give up on a table that somebody else locked: databases would wait for it without end, or a day."""
    if connection.dialect.name == "postgresql":
        own = "SELECT set_config('lock_timeout', %s, true) WHERE current_setting('lock_timeout') = '0'"
        connection.exec_driver_sql(own, (f"{WAIT_SECONDS}s",))
        return
    for limit in ("lock_wait_timeout", "innodb_lock_wait_timeout"):
        connection.exec_driver_sql(f"SET SESSION {limit} = LEAST(@@{limit}, {WAIT_SECONDS})")


def _take_lock(connection: Connection, name: str) -> None:
    from sqlalchemy import func, select

    lock = beside(name, "gonogo_lock_")
    if connection.execute(select(func.get_lock(lock, WAIT_SECONDS))).scalar_one() != 1:
        raise TryAgain("another load is under way", where=name, todo="wait for it, then load again")


class TableLoad:
    """A load under way; left without a commit, nothing was changed."""

    def __init__(self, to: Target, connection: Connection, batch: LoadBatch) -> None:
        self._to, self._connection, self._batch = to, connection, batch
        self._by_name = connection.dialect.name in DDL_COMMITS
        """Whether a table that is made has to be brought in by renaming it."""
        self._markers = Markers(connection, to.table, to.schema_name)
        self._markers.make()
        self._renamed: Table | None = None
        self._undo: dict[str, Any] = {}
        self._added: tuple[str, ...] = ()
        self._written = self._before = 0
        self._at = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        self._known = self._found()

    @property
    def known(self) -> Receipt | None:
        """The receipt of this run, if it was loaded into this table before."""
        return self._known

    def write(self) -> None:
        """Bring the rows into the table, or into one that takes its place, within the transaction."""
        there = tables.present(self._connection, self._to.table, self._to.schema_name)
        self._ready = self._typed(there)
        self._target = self._made_ready(there)
        if self._to.mode in ("merge", "history"):
            self._stage = self._staged()
            self._written = self._merged() if self._to.mode == "merge" else self._kept_in_history()
        elif self._to.mode == "append" and not self._tells_rows():
            self._stage = self._staged()
            self._insert(self._stage)
        else:
            self._written = tables.fill(self._connection, self._columns(self._target), self._ready)

    def commit(self) -> Receipt:
        """Read back what was loaded, and make it and its marker visible."""
        after = tables.count(self._connection, self._target)
        found = tables.fingerprint(self._connection, self._loaded_rows())
        receipt = Receipt(
            self._to.describe(),
            self._to.mode,
            self._written,
            self._before,
            after,
            found,
            self._ready.as_text,
            added=self._added,
        )
        self._undo["types"] = self._ready.types
        if self._renamed is not None:
            return self._brought_in(receipt)
        self._markers.write(self._batch, receipt, self._undo)
        self._connection.commit()
        return receipt

    def leave(self) -> None:
        """Undo what was not committed."""
        from sqlalchemy.exc import DBAPIError

        with suppress(DBAPIError):  # the connection was lost: what went wrong before is to be told
            self._connection.rollback()
        if self._renamed is not None and not self._connection.invalidated:  # else another load may be at it by now
            tables.drop(self._connection, self._renamed.name, self._to.schema_name)

    # --- before anything is written -------------------------------------------------------------------------------

    def _found(self) -> Receipt | None:
        marker = self._markers.read(self._batch.run_id)
        if marker and marker["state"] == PENDING:
            if tables.comment(self._connection, self._to.table, self._to.schema_name) != self._mark():
                self._markers.forget(self._batch.run_id)
                return None
            self._confirm()
        if marker and marker["state"] in (UNDOING, UNDONE):
            raise taken_back_before(self._to.describe(), self._batch.run_id)
        return receipt_in(marker, already_loaded=True) if marker else None

    def _typed(self, there: Mapping[str, Any] | None) -> Typed:
        fixed = {} if self._to.mode == "replace" or there is None else self._agreeing(there)
        return typed(self._batch, self._to.wrong_types, fixed, tables.beyond(self._connection))

    def _agreeing(self, there: Mapping[str, Any]) -> dict[str, ColumnType]:
        """The types that the table's columns have; the data brings all of them, and others only if they may be added.

        Raises:
            DestinationError: the table and the data do not fit.
        """
        columns, own = names(self._batch), self._validity()
        lacks = [name for name in columns if name not in there]
        missing = [name for name in there if name not in columns and name not in own]
        if missing:
            parts = ["the table lacks " + ", ".join(lacks)] if lacks else []
            what = "; ".join([*parts, f"the data lacks {', '.join(missing)}"])
            todo = "use mode replace, or make the columns agree; nothing was changed"
            raise DestinationError(what, where=self._to.name(), available=tuple(there), todo=todo)
        if unkept := [name for name in own if name not in there]:
            todo = "name the columns that it has under 'validity', or another table; nothing was changed"
            what = f"the table keeps no history: it has no {' and no '.join(unkept)}"
            raise DestinationError(what, where=self._to.name(), available=tuple(there), todo=todo)
        if lacks:
            may_add(self._batch, lacks, self._to.name())
            self._added = tuple(lacks)
        held = {name: type for name in columns if name in there and (type := tables.held(there[name]))}
        if self._connection.dialect.name != "sqlite":  # which keeps whatever it is given
            check_room(self._batch, there, held, self._to.name())
        return held

    def _validity(self) -> dict[str, ColumnType]:
        given = self._to.validity
        return {given.since: "timestamp", given.until: "timestamp"} if self._to.mode == "history" else {}

    # --- the table --------------------------------------------------------------------------------------------------

    def _made_ready(self, there: Mapping[str, Any] | None) -> Table:
        """The table that takes the rows, with its columns; what the load replaces is kept."""
        to, connection = self._to, self._connection
        types = {**self._ready.types, **self._validity()}
        wanted = tables.table(to.table, types, to.schema_name, **tables.exactly(connection))
        replaces = to.mode == "replace"
        self._before = tables.count(connection, wanted) if there is not None else 0
        other = there is None or bool(self._added) or (replaces and not tables.same_columns(connection, there, wanted))
        if other and self._by_name:
            return self._new(there, wanted)
        if there is None:
            wanted.create(connection)
            self._undo = {"how": "drop"}
            return wanted
        if replaces:
            self._keep_all(there)
            if other:
                wanted.drop(connection)
                wanted.create(connection)
            else:
                connection.execute(wanted.delete())
            return wanted
        tables.add_columns(connection, wanted, self._added)
        return wanted

    def _keep_all(self, there: Mapping[str, Any]) -> None:
        if (former := self._former(there)) is not None:
            old = tables.named(self._to.table, list(there), self._to.schema_name)
            self._connection.execute(former.insert().from_select(list(there), old.select()))
            self._undo = {"how": "former"}

    def _former(self, there: Mapping[str, Any]) -> Table | None:
        """An empty table for former rows, which from now on are this run's; none when they are not to be kept."""
        to, connection = self._to, self._connection
        name, schema = beside(to.table, FORMER), to.schema_name
        if not to.keep_former:
            self._undo = {"how": "none", "why": "keep_former is false"}
            return None
        if self._by_name:
            self._markers.own("")
            connection.commit()
        tables.copy_empty(connection, name, to.table, there, schema)
        self._markers.own(self._batch.run_id)
        return tables.named(name, list(there), schema)

    def _new(self, there: Mapping[str, Any] | None, wanted: Table) -> Table:
        """A table beside the one that is there, to take its place by being renamed."""
        to, connection = self._to, self._connection
        name = beside(to.table, NEW)
        new = wanted.to_metadata(wanted.metadata.__class__(), name=name)
        if there is not None and self._added:
            tables.copy_empty(connection, name, to.table, there, to.schema_name)
            tables.add_columns(connection, new, self._added)
            old = tables.named(to.table, list(there), to.schema_name)
            connection.execute(new.insert().from_select(list(there), old.select()))
        else:
            tables.drop(connection, name, to.schema_name)
            new.create(connection)
        tables.set_comment(connection, new, self._mark())
        self._renamed = new
        self._undo = {"how": "rename" if there is not None else "drop"}
        return new

    def _mark(self) -> str:
        return f"gonogo {self._batch.run_id}"

    def _brought_in(self, receipt: Receipt) -> Receipt:
        """Write the marker as pending, rename, confirm: a load killed on the way was made wholly or not at all."""
        to, connection, new = self._to, self._connection, self._renamed
        assert new is not None  # noqa: S101  (the caller looked)
        self._markers.write(self._batch, receipt, self._undo, PENDING)
        self._markers.own("")
        connection.commit()
        old = tables.named(to.table, (), to.schema_name)
        former = tables.named(beside(to.table, FORMER), (), to.schema_name)
        tables.drop(connection, former.name, to.schema_name)
        moves = [(old, former)] if self._undo["how"] == "rename" else []
        tables.rename(connection, [*moves, (new, old)])
        self._renamed = None
        self._confirm()
        return receipt

    def _confirm(self) -> None:
        self._markers.own(self._batch.run_id)
        self._markers.change(self._batch.run_id, state=DONE)
        self._connection.commit()

    # --- the rows -----------------------------------------------------------------------------------------------------

    def _columns(self, of: Table) -> Table:
        """The table with the data's columns in the data's order."""
        return tables.table(of.name, self._ready.types, of.schema)

    def _tells_rows(self) -> bool:
        """Whether the database tells which rows came with this load; then they need not be kept a second time."""
        told = tables.before_rows(self._connection, self._target)
        if self._undo.get("how") is None:
            self._undo = {"how": "rows"} if told or not self._before else {"how": "none", "why": _UNTOLD}
            self._undo |= {"added": list(self._added)}
        self._undo |= told
        return bool(told) or self._before == 0

    def _staged(self) -> Table:
        """The rows in a table of the transaction's own."""
        name = f"gonogo_stage_{self._batch.run_id.replace('-', '')[:12]}"
        exactly = tables.exactly(self._connection)
        stage = tables.table(name, self._ready.types, prefixes=["TEMPORARY"], **exactly)
        stage.create(self._connection)
        self._written = tables.fill(self._connection, stage, self._ready)
        if self._to.key and self._connection.dialect.name in ("sqlite", "mysql", "mariadb"):
            self._index(stage)
        return stage

    def _index(self, stage: Table) -> None:
        from sqlalchemy import Index

        cut = {name: _PREFIX_LETTERS for name in self._to.key if self._ready.types[name] == "text"}
        keys = [stage.c[name] for name in self._to.key]
        Index(f"{stage.name}_key", *keys, mysql_length=cut, mariadb_length=cut).create(self._connection)

    def _insert(self, stage: Table) -> None:
        columns = [c.name for c in stage.c]
        self._connection.execute(self._target.insert().from_select(columns, stage.select()))

    def _merged(self) -> int:
        """Rows whose key is there replace the old ones, the others are added."""
        self._check_keys(self._stage)
        if self._undo.get("how") is None:
            self._keep_replaced()
        self._connection.execute(self._target.delete().where(self._alike(self._stage, self._target)))
        self._insert(self._stage)
        return self._written

    def _keep_replaced(self) -> None:
        from sqlalchemy import select

        there = tables.present(self._connection, self._to.table, self._to.schema_name) or {}
        former = self._former(there)
        if former is None:
            return
        old = tables.named(self._to.table, list(there), self._to.schema_name)
        rows = old.select().where(self._alike(self._stage, old))
        keys = self._keys()
        self._connection.execute(former.insert().from_select(list(there), rows))
        picked = select(*(self._stage.c[name] for name in self._to.key))
        self._connection.execute(keys.insert().from_select(list(self._to.key), picked))
        self._undo = {"how": "merge", "key": list(self._to.key), "added": list(self._added)}

    def _keys(self) -> Table:
        types = {name: self._ready.types[name] for name in self._to.key}
        exactly = tables.exactly(self._connection)
        keys = tables.table(beside(self._to.table, KEYS), types, self._to.schema_name, **exactly)
        tables.drop(self._connection, keys.name, keys.schema)
        keys.create(self._connection)
        return keys

    def _kept_in_history(self) -> int:
        """End the versions that changed, and add the new ones; rows that are as they were are left alone."""
        from sqlalchemy import and_, exists, literal, null, or_, select

        self._check_keys(self._stage)
        stage, target, at = self._stage, self._target, self._at
        since, until = target.c[self._to.validity.since], target.c[self._to.validity.until]
        data = [name for name in self._ready.types if name not in self._to.key]
        alike = and_(*(target.c[name] == stage.c[name] for name in self._to.key))
        differs = (
            or_(*(target.c[name].is_distinct_from(stage.c[name]) for name in data)) if data else literal(value=False)
        )
        ends: Any = exists().where(and_(alike, differs))
        if self._to.validity.absent == "end":
            ends = or_(ends, ~exists().where(alike))
        self._connection.execute(target.update().where(until.is_(None), ends).values({until: at}))
        current = exists().where(and_(alike, until.is_(None)))
        new = select(*stage.c, literal(at, since.type), null()).where(~current)
        columns = [*stage.c.keys(), since.name, until.name]
        self._connection.execute(target.insert().from_select(columns, new))
        self._check_moment(since)
        if self._undo.get("how") is None:
            self._undo = {"how": "history", "added": list(self._added)}
        ended = select(*(target.c[name] for name in self._ready.types)).where(until == at)
        self._undo |= {"at": at.isoformat(), "ended": tables.fingerprint(self._connection, ended)}
        return self._written

    def _check_moment(self, since: Any) -> None:
        """Check that the versions are known by their moment, as the table holds it.

        Raises:
            DestinationError: it holds another one, e.g. without parts of seconds.
        """
        from sqlalchemy import func, select

        added = tables.count(self._connection, self._target) - self._before
        if self._connection.execute(select(func.count()).where(since == self._at)).scalar_one() != added:
            todo = "give it parts of seconds, e.g. DATETIME(6); nothing was changed"
            raise DestinationError(f"'{since.name}' does not hold moments exactly", where=self._to.name(), todo=todo)

    def _alike(self, stage: Table, target: Table) -> Any:
        from sqlalchemy import and_, exists

        return exists().where(and_(*(target.c[name] == stage.c[name] for name in self._to.key)))

    def _check_keys(self, stage: Table) -> None:
        """Check that every row has a key, and each key one row.

        Raises:
            DestinationError: not so.
        """
        from sqlalchemy import func, select

        keys = [stage.c[name] for name in self._to.key]
        for name, column in zip(self._to.key, keys, strict=True):
            if empty := self._connection.execute(select(func.count()).where(column.is_(None))).scalar_one():
                raise DestinationError(
                    f"{plural(empty, 'row has', 'rows have')} no '{name}', a key column",
                    where=self._to.name(),
                    todo="resolve them",
                )
        twice = self._connection.execute(
            select(*keys, func.count()).group_by(*keys).having(func.count() > 1).limit(1)
        ).first()
        if twice is not None:
            raise DestinationError(
                f"the key {', '.join(self._to.key)} is not unique: {tuple(twice[:-1])} is there {twice[-1]} times",
                where=self._to.name(),
                todo="resolve the key duplicates",
            )

    def _loaded_rows(self) -> Any:
        """The query of this load's rows, as they are in the table now."""
        from sqlalchemy import select

        rows, how = select(*(self._target.c[name] for name in self._ready.types)), self._undo["how"]
        if how in WHOLE or self._to.mode == "replace":
            return rows
        if self._to.mode == "merge":
            return rows.where(self._alike(self._stage, self._target))
        if self._to.mode == "history":
            return rows.where(self._target.c[self._to.validity.since] == self._at)
        return rows.where(tables.rows_since(self._undo)) if how == "rows" else self._stage.select()


WHOLE = ("drop", "rename", "former")
"""Ways of taking a load back that concern the whole table."""

_UNTOLD = "this kind of database does not tell which rows came with which load"
