"""Databases that SQLAlchemy knows: append, replace, merge on a key, or keep the history of every row (SCD2).

Everything happens in one transaction, and the commit marker (a row in `gonogo_commits`, in the table's schema) is
written in the same one: other readers see the old table or the new one, and a second load of the same run into the
same table finds the marker and does nothing. A replaced table that already has the same columns is emptied and
filled, so that its grants, indexes and views survive; with other columns it is dropped and made anew. Numbers are
stored as double precision.

MySQL and MariaDB end a transaction where a table is made or altered. A load that needs that works on another table,
`gonogo_new_<table>`, whose comment names the run; its marker is written as pending, one RENAME TABLE makes it the
table, and the marker is confirmed. A load that is killed before the RENAME never was; one that is killed after it is
found by the table's comment.

What a load replaced is kept until the next one in `gonogo_former_<table>`, so that it can be taken back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from blocks.databases import PATIENCE_SECONDS, connected, database_url
from blocks.destinations.base import DestinationModel, LoadBatch, Lost, Receipt, TakenBack, names
from blocks.destinations.tables import present, table
from blocks.destinations.target import Validity
from blocks.probe import Probe, may_write
from blocks.refusals import LOADING, told
from tasks.quality.errors import DestinationError, GonogoError, did_you_mean
from tasks.quality.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

    from blocks.destinations.loading import TableLoad

LONGEST_NAME_BYTES = {"postgresql": 63, "mysql": 64, "mariadb": 64}
_LAST_IN_NAMES = 0xFFFF  # of MySQL; and SQLAlchemy does not find columns again that have a line break in their name
KEYED = ("merge", "history")


class DatabaseDestination(DestinationModel):
    """A table of a database: PostgreSQL, MySQL and MariaDB, SQLite, DuckDB and others that SQLAlchemy knows."""

    HIDDEN: ClassVar = ("url",)
    EXAMPLE: ClassVar = """
kind: database
url: postgresql+psycopg://loader:${WAREHOUSE_PASSWORD}@db.example.org/warehouse
table: orders
schema: sales
mode: merge             # or append, replace, history (SCD2)
key: [order_id]
"""

    kind: Literal["database"] = "database"
    url: str = Field(min_length=1, description="SQLAlchemy URL; write passwords as ${NAME} of an environment variable")
    table: str = Field(min_length=1)
    schema_name: str | None = Field(default=None, alias="schema")
    mode: Literal["append", "replace", "merge", "history"] = Field(
        default="replace", description="append, replace, merge on the key, or history: every version of a row (SCD2)"
    )
    key: tuple[str, ...] = Field(
        default=(), description="columns that tell rows apart; needed to merge, and for history"
    )
    validity: Validity = Field(default=Validity(), description="of mode history: its columns, and what absence means")
    keep_former: bool = Field(
        default=True, description="keep what a load replaces until the next one, so that it can be taken back"
    )

    patience_seconds: float = Field(
        default=PATIENCE_SECONDS, gt=0, description="how long the database may say nothing while it is waited for"
    )

    @field_validator("key", mode="before")
    @classmethod
    def _one_or_many(cls, key: object) -> object:
        return (key,) if isinstance(key, str) else key

    @model_validator(mode="after")
    def _has_key(self) -> DatabaseDestination:
        if self.mode in KEYED and not self.key:
            raise ValueError(f"mode {self.mode} needs 'key': the columns that tell rows apart")
        return self

    def describe(self) -> str:
        """The destination in words, without its password."""
        return f"table {self.name()} in {mask(self.url) if '://' in self.url else 'a database'}"

    @property
    def replaces(self) -> bool:
        """Whether all that the destination has, or holds for valid, gives way to what is loaded."""
        return self.mode == "replace" or (self.mode == "history" and self.validity.absent == "end")

    def name(self) -> str:
        """The table's name, with its schema."""
        return f"{self.schema_name}.{self.table}" if self.schema_name else self.table

    def probe(self, base: Path) -> Iterator[Probe]:
        """Whether the database answers, what is in the table's place, and whether a table may be made there."""
        what = f"connect to {self._where()}"
        try:
            url = self._url(base)
            if url.get_backend_name() in ("sqlite", "duckdb") and not Path(str(url.database)).exists():
                yield may_write(Path(str(url.database)))
                return
            with self._open(url) as connection:
                yield Probe(what, True, f"{url.get_backend_name()} answers")
                what = f"look for the table {self.name()}"
                there = present(connection, self.table, self.schema_name)
                yield Probe(what, True, f"columns {', '.join(there)}" if there else "it would be made")
                what = "make a table, and take it back"
                table("gonogo_probe", {"a": "integer"}, prefixes=["TEMPORARY"]).create(connection)
                connection.rollback()
                yield Probe(what, True, "allowed")
        except GonogoError as error:
            yield Probe(what, False, error.message)

    def load(self, batch: LoadBatch, base: Path) -> Receipt:
        """Take the batch wholly and once.

        Its values have been refined, so that hardly one is lost as its type: PostgreSQL, whose transactions hold
        whatever is done in them, looks for such values while it loads, and begins anew when it finds one.
        """
        if self._url(base).get_backend_name() == "postgresql":
            with suppress(Lost):
                return super().load(replace(batch, trusted=True), base)
        return super().load(batch, base)

    @contextmanager
    def prepare(self, batch: LoadBatch, base: Path) -> Iterator[TableLoad]:
        """Be alone in a transaction, and look whether the run was loaded and whether the batch fits.

        Raises:
            DestinationError: the table and the batch do not fit, or the database refuses the rows.
            Unavailable: the database cannot be reached.
            TryAgain: it is locked or its disk is full.
        """
        from blocks.destinations.loading import TableLoad, alone

        url = self._url(base)
        self._check_names(names(batch), url.get_backend_name())
        with self._open(url) as connection, alone(connection, self.name()):
            under_way = TableLoad(self, connection, batch)
            try:
                yield under_way
            finally:
                under_way.leave()

    def read_back(self, run_id: str, base: Path) -> str | None:
        """The fingerprint of the rows that a run brought, as the table holds them now; None when they are gone.

        Raises:
            ChangedSince: what they began or ended in a history is not as the run left it.
            DestinationError: they cannot be told from the others any more.
            Unavailable: the database cannot be reached.
        """
        from blocks.destinations.unloading import fingerprint_now

        url = self._url(base)
        if url.get_backend_name() in ("sqlite", "duckdb") and not Path(str(url.database)).exists():
            return None
        with self._open(url) as connection:
            return fingerprint_now(self, connection, run_id)

    def undo(self, run_id: str, base: Path) -> TakenBack:
        """Take back what a run loaded: its rows go, and those that it had replaced come back.

        Raises:
            DestinationError: it was not loaded, was changed since, or what was there before is not kept any more.
            Unavailable: the database cannot be reached.
            TryAgain: it is locked or its disk is full.
        """
        from blocks.destinations.loading import alone
        from blocks.destinations.unloading import taken_back

        with self._open(self._url(base)) as connection, alone(connection, self.name()):
            return taken_back(self, connection, run_id)

    @contextmanager
    def _open(self, url: URL) -> Iterator[Connection]:
        """A connection that takes moments for what they are, in UTC, wherever its user lives."""
        with told(self.describe(), LOADING), connected(url, "destination.url", self.patience_seconds) as connection:
            if url.get_backend_name() == "postgresql":
                connection.exec_driver_sql("SET timezone = 'UTC'")
                connection.commit()
            yield connection

    def _url(self, base: Path) -> URL:
        return database_url(self.url, base, "destination.url")

    def _where(self) -> str:
        return mask(self.url) if "://" in self.url else "the database"

    def _check_names(self, columns: Sequence[str], backend: str) -> None:
        for name in self.key:
            if name not in columns:
                todo = did_you_mean(name, columns)
                raise DestinationError(f"no key column '{name}'", where=self.name(), available=columns, todo=todo)
        taken = (self.validity.since, self.validity.until) if self.mode == "history" else ()
        for name in taken:
            if name in columns:
                todo = "name another under 'validity'"
                raise DestinationError(f"the data has a column '{name}' already", where=self.name(), todo=todo)
        longest = LONGEST_NAME_BYTES.get(backend)
        for what, name in (("table", self.table), *(("column", name) for name in columns)):
            if longest and len(name.encode()) > longest:
                raise DestinationError(
                    f"the {what} name '{name[:40]}…' is longer than {longest} bytes", where=backend, todo="rename it"
                )
            if backend in ("mysql", "mariadb") and (odd := _odd(name)):
                raise DestinationError(f"the {what} name has {odd}, which {backend} cannot have", todo="rename it")
        if self.table.lower().startswith("gonogo_"):
            raise DestinationError("tables that begin with 'gonogo_' keep which runs were loaded", todo="name another")


def _odd(name: str) -> str:
    """What MySQL cannot have in a name, or an empty string."""
    found = next((c for c in name if ord(c) > _LAST_IN_NAMES or c in "\r\n"), "")
    return "a line break" if found and found in "\r\n" else f"'{found}'" if found else ""
