"""Databases that SQLAlchemy knows: SQLite, PostgreSQL and others; append, replace, or merge on a key.

Everything happens in one transaction, and the commit marker (a row in `gonogo_commits`, in the table's schema) is
written in the same one: other readers see the old table or the new one, and a second load of the same run into the
same table finds the marker and does nothing. A replaced table that already has the same columns is emptied and
filled, so that its grants, indexes and views survive; with other columns it is dropped and made anew. The rows go
through a stage table of the same transaction, so a batch that cannot be taken leaves no trace. (MySQL and Oracle end a
transaction at DDL: there this holds once table and marker table are there.) Numbers are stored as double precision.
"""

from __future__ import annotations

import datetime as dt
import json
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from blocks.databases import connected, database_url
from blocks.destinations.base import (
    DestinationModel,
    LoadBatch,
    Receipt,
    content_fingerprint,
    names,
    read_receipt,
    row_digest,
    summed,
    typed,
)
from blocks.probe import Probe, may_write
from blocks.refusals import LOADING, told
from tasks.quality.errors import DestinationError, GonogoError, did_you_mean
from tasks.quality.secrets import mask
from tasks.quality.typed import ColumnType

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

MARKERS = "gonogo_commits"
CHUNK_ROWS = 5_000
LONGEST_NAME_BYTES = {"postgresql": 63, "mysql": 64, "mariadb": 64}


class DatabaseDestination(DestinationModel):
    """A table of a database."""

    HIDDEN: ClassVar = ("url",)
    EXAMPLE: ClassVar = """
kind: database
url: postgresql+psycopg://loader:${WAREHOUSE_PASSWORD}@db.example.org/warehouse
table: orders
schema: sales
mode: merge             # append, replace, or merge on the key
key: [order_id]
"""

    kind: Literal["database"] = "database"
    url: str = Field(min_length=1, description="SQLAlchemy URL; write passwords as ${NAME} of an environment variable")
    table: str = Field(min_length=1)
    schema_name: str | None = Field(default=None, alias="schema")
    mode: Literal["append", "replace", "merge"] = "replace"
    key: tuple[str, ...] = Field(default=(), description="columns that tell rows apart; needed to merge")

    @field_validator("key", mode="before")
    @classmethod
    def _one_or_many(cls, key: object) -> object:
        return (key,) if isinstance(key, str) else key

    @model_validator(mode="after")
    def _merge_has_key(self) -> DatabaseDestination:
        if self.mode == "merge" and not self.key:
            raise ValueError("mode merge needs 'key': the columns that tell rows apart")
        return self

    def describe(self) -> str:
        """The destination in words, without its password."""
        return f"table {self._name()} in {mask(self.url) if '://' in self.url else 'a database'}"

    def probe(self, base: Path) -> Iterator[Probe]:
        """Whether the database answers, what is in the table's place, and whether a table may be made there."""
        what = f"connect to {mask(self.url) if '://' in self.url else 'the database'}"
        try:
            url = database_url(self.url, base, "destination.url")
            if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
                yield may_write(Path(str(url.database)))
                return
            with told(self.describe(), LOADING), connected(url, "destination.url") as connection:
                yield Probe(what, True, f"{url.get_backend_name()} answers")
                what = f"look for the table {self._name()}"
                present = self._present(connection)
                yield Probe(what, True, f"columns {', '.join(present)}" if present else "it would be made")
                what = "make a table, and take it back"
                stage = _table("gonogo_probe", {"a": "integer"}, prefixes=["TEMPORARY"])
                stage.create(connection)
                connection.rollback()
                yield Probe(what, True, "allowed")
        except GonogoError as error:
            yield Probe(what, False, error.message)

    def load(self, batch: LoadBatch, base: Path) -> Receipt:
        """Load the batch in one transaction.

        Raises:
            DestinationError: the table and the batch do not fit, or the database refuses the rows.
            Unavailable: the database cannot be reached.
            TryAgain: it is locked or its disk is full.
        """
        url = database_url(self.url, base, "destination.url")
        self._check_names(names(batch), url.get_backend_name())
        with told(self.describe(), LOADING), connected(url, "destination.url") as connection, connection.begin():
            _begin(connection)
            if known := self._loaded_before(connection, batch.run_id):
                return known
            return self._loaded(connection, batch)

    def read_back(self, batch: LoadBatch, base: Path) -> str | None:
        """The fingerprint of the batch's rows as the table holds them now; None when the table is gone.

        A table that is replaced holds one batch. In others the batch's rows are told by their values, or by their key.

        Raises:
            Unavailable: the database cannot be reached.
        """
        url = database_url(self.url, base, "destination.url")
        if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
            return None
        with told(self.describe(), LOADING), connected(url, "destination.url") as connection:
            present = self._present(connection)
            if present is None or any(name not in present for name in names(batch)):
                return None
            return self._fingerprint_now(connection, batch, present)

    def _fingerprint_now(self, connection: Connection, batch: LoadBatch, present: Mapping[str, Any]) -> str:
        from sqlalchemy import select

        types = {name: _held(present[name]) or "text" for name in names(batch)}
        target = _table(self.table, types, schema=self.schema_name)
        rows = connection.execute(select(*target.c).execution_options(yield_per=CHUNK_ROWS))
        if self.mode == "replace":
            return content_fingerprint(rows)
        columns = list(types) if self.mode == "append" else list(self.key)
        places = [list(types).index(name) for name in columns]
        wanted = Counter(map(row_digest, _in(typed(batch, "text", self._fixed(present, batch)).table.select(*columns))))
        return summed(row_digest(row) for row in rows if _taken(wanted, row_digest([row[i] for i in places])))

    def _fixed(self, present: Mapping[str, Any], batch: LoadBatch) -> dict[str, ColumnType]:
        return {name: type for name in names(batch) if (type := _held(present[name]))}

    def _loaded(self, connection: Connection, batch: LoadBatch) -> Receipt:
        from sqlalchemy import func, select

        present = self._present(connection)
        fixed = {} if self.mode == "replace" or present is None else self._agreeing(present, names(batch))
        ready = typed(batch, self.wrong_types, fixed)
        types = ready.types
        stage = _table(f"gonogo_stage_{batch.run_id.replace('-', '')[:12]}", types, prefixes=["TEMPORARY"])
        stage.create(connection)
        written = _fill(connection, stage, ready.table)
        target, before = self._target(connection, types, present)
        if self.mode == "merge":
            self._merge(connection, stage, target)
        else:
            connection.execute(target.insert().from_select(list(types), select(*stage.c)))
        after = connection.execute(select(func.count()).select_from(target)).scalar_one()
        rows = self._loaded_rows(stage, target, types).execution_options(yield_per=CHUNK_ROWS)
        fingerprint = content_fingerprint(connection.execute(rows))
        stage.drop(connection)
        receipt = Receipt(self.describe(), self.mode, written, before, after, fingerprint, ready.as_text)
        _mark(connection, self._markers(), self._name(), batch, receipt)
        return receipt

    def _loaded_rows(self, stage: Table, target: Table, types: Mapping[str, str]) -> Any:
        from sqlalchemy import select

        if self.mode == "append":  # among the old rows nothing tells which are new: read the stage table
            return select(*stage.c)
        rows = select(*(target.c[name] for name in types))
        return rows.where(self._alike(stage, target)) if self.mode == "merge" else rows

    def _present(self, connection: Connection) -> dict[str, Any] | None:
        """The columns and types of the table, if it is there."""
        from sqlalchemy import inspect
        from sqlalchemy.exc import SAWarning

        inspector = inspect(connection)
        if not inspector.has_table(self.table, schema=self.schema_name):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # of types that it doesn't know: they are none of ours
            columns = inspector.get_columns(self.table, schema=self.schema_name)
        return {column["name"]: column["type"] for column in columns}

    def _target(
        self, connection: Connection, types: Mapping[str, str], present: Mapping[str, Any] | None
    ) -> tuple[Table, int]:
        """The table to write to, with the columns of the batch, and how many rows it had."""
        from sqlalchemy import func, select

        target = _table(self.table, types, schema=self.schema_name)
        if present is None:
            target.create(connection)
            return target, 0
        before = int(connection.execute(select(func.count()).select_from(target)).scalar_one())
        if self.mode == "replace":
            if _same_columns(connection, present, target):
                connection.execute(target.delete())
            else:
                target.drop(connection)
                target.create(connection)
        return target, before

    def _merge(self, connection: Connection, stage: Table, target: Table) -> None:
        """Rows whose key is there replace the old ones, the others are added; the batch's keys must be unique."""
        from sqlalchemy import func, select

        keys = [stage.c[name] for name in self.key]
        for name, column in zip(self.key, keys, strict=True):
            if empty := connection.execute(select(func.count()).where(column.is_(None))).scalar_one():
                raise DestinationError(
                    f"{empty:,} rows have no '{name}', a key column", where=self._name(), todo="resolve them"
                )
        twice = connection.execute(
            select(*keys, func.count()).group_by(*keys).having(func.count() > 1).limit(1)
        ).first()
        if twice is not None:
            raise DestinationError(
                f"the key {', '.join(self.key)} is not unique: {tuple(twice[:-1])} is there {twice[-1]} times",
                where=self._name(),
                todo="resolve the key duplicates",
            )
        connection.execute(target.delete().where(self._alike(stage, target)))
        connection.execute(target.insert().from_select([c.name for c in stage.c], select(*stage.c)))

    def _alike(self, stage: Table, target: Table) -> Any:
        from sqlalchemy import and_, exists

        return exists().where(and_(*(target.c[name] == stage.c[name] for name in self.key)))

    def _agreeing(self, present: Mapping[str, Any], columns: Sequence[str]) -> dict[str, ColumnType]:
        """The types that the table's columns have, where the table and the data have the same columns.

        Raises:
            DestinationError: they have not.
        """
        lacks = [name for name in columns if name not in present]
        extra = [name for name in present if name not in columns]
        if not lacks and not extra:
            return {name: type for name in columns if (type := _held(present[name]))}
        parts = [f"the table lacks {', '.join(lacks)}"] if lacks else []
        parts += [f"the data lacks {', '.join(extra)}"] if extra else []
        todo = "use mode replace, or make the columns agree; nothing was changed"
        raise DestinationError("; ".join(parts), where=self._name(), available=tuple(present), todo=todo)

    def _loaded_before(self, connection: Connection, run_id: str) -> Receipt | None:
        from sqlalchemy import select

        markers = self._markers()
        markers.create(connection, checkfirst=True)
        of_run = (markers.c.run_id == run_id) & (markers.c.target == self._name())
        found = connection.execute(select(markers.c.receipt).where(of_run)).scalar_one_or_none()
        return read_receipt(json.loads(found) | {"already_loaded": True}) if found else None

    def _markers(self) -> Table:
        from sqlalchemy import Column, DateTime, MetaData, String, Table, Text

        return Table(
            MARKERS,
            MetaData(),
            Column("run_id", String(64), primary_key=True),
            Column("target", String(200), primary_key=True),
            Column("pipeline", Text),
            Column("snapshot", Text),
            Column("receipt", Text),
            Column("loaded_at", DateTime),
            schema=self.schema_name,
        )

    def _check_names(self, columns: Sequence[str], backend: str) -> None:
        for name in self.key:
            if name not in columns:
                todo = did_you_mean(name, columns)
                raise DestinationError(f"no key column '{name}'", where=self._name(), available=columns, todo=todo)
        longest = LONGEST_NAME_BYTES.get(backend)
        for what, name in (("table", self.table), *(("column", name) for name in columns)):
            if longest and len(name.encode()) > longest:
                raise DestinationError(
                    f"the {what} name '{name[:40]}…' is longer than {longest} bytes", where=backend, todo="rename it"
                )
        if self.table.lower() == MARKERS:
            raise DestinationError(f"'{MARKERS}' keeps which runs were loaded", todo="name another table")

    def _name(self) -> str:
        return f"{self.schema_name}.{self.table}" if self.schema_name else self.table


def _table(name: str, types: Mapping[str, str], **more: Any) -> Table:
    from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Double, MetaData, Table, Text

    kinds = {"integer": BigInteger, "number": Double, "date": Date, "timestamp": DateTime, "boolean": Boolean}
    return Table(name, MetaData(), *(Column(c, kinds.get(type, Text)()) for c, type in types.items()), **more)


def _held(type: Any) -> ColumnType | None:
    """The type of a table's column as one of ours; none for kinds that the database itself must judge."""
    from sqlalchemy import Boolean, Date, DateTime, Integer, Numeric, String

    known: tuple[tuple[Any, ColumnType], ...] = (
        (Boolean, "boolean"),
        (Integer, "integer"),
        (Numeric, "number"),
        (DateTime, "timestamp"),
        (Date, "date"),
        (String, "text"),
    )
    return next((ours for theirs, ours in known if isinstance(type, theirs)), None)


def _mark(connection: Connection, markers: Table, target: str, batch: LoadBatch, receipt: Receipt) -> None:
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    row = {"run_id": batch.run_id, "target": target, "pipeline": batch.pipeline, "snapshot": batch.fingerprint}
    connection.execute(markers.insert().values(**row, receipt=json.dumps(asdict(receipt)), loaded_at=now))


def _fill(connection: Connection, stage: Table, table: Any) -> int:
    written = 0
    for batch in table.to_pyarrow_batches(chunk_size=CHUNK_ROWS):
        if not batch.num_rows:
            continue
        if connection.dialect.driver == "psycopg":
            _copy(connection, stage, batch, written)
        else:
            connection.execute(stage.insert(), [dict(zip(stage.c.keys(), row, strict=True)) for row in _rows(batch)])
        written += batch.num_rows
    return written


def _copy(connection: Connection, stage: Table, batch: Any, first: int) -> None:
    """PostgreSQL's fast path; `first` is the position of the batch's first row."""
    from psycopg import Error, sql
    from sqlalchemy.exc import DatabaseError

    target = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(stage.name))
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor().copy(target) as copy:
            for row in _rows(batch):
                copy.write_row(row)
    except Error as error:
        _refuse_nul(batch, first)
        raise DatabaseError(None, None, error) from error


def _refuse_nul(batch: Any, first: int) -> None:
    """Say where the one character is that PostgreSQL's text cannot hold."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        for i, value in enumerate(column.to_pylist()):
            if isinstance(value, str) and "\x00" in value:
                raise DestinationError(
                    f"'{name}' has a NUL character in loaded row {first + i:,}, which PostgreSQL cannot hold",
                    todo="remove it; nothing was loaded",
                )


def _in(table: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of an Ibis table."""
    for batch in table.to_pyarrow_batches(chunk_size=CHUNK_ROWS):
        yield from _rows(batch)


def _taken(wanted: Counter[bytes], row: bytes) -> bool:
    """Whether a row is one of those wanted that were not met yet."""
    wanted[row] -= 1
    return wanted[row] >= 0


def _rows(batch: Any) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _same_columns(connection: Connection, present: Mapping[str, Any], target: Table) -> bool:
    from sqlalchemy.exc import CompileError

    dialect = connection.dialect
    wanted = {c.name: c.type.compile(dialect) for c in target.c}
    try:
        return wanted == {name: type.compile(dialect) for name, type in present.items()}
    except CompileError:  # a type that SQLAlchemy doesn't know, and so not one of ours
        return False


def _begin(connection: Connection) -> None:
    """Be alone: two loads of one run come one after the other, and the second finds the first one's marker."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7407647)")
