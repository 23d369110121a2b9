"""What was sent to Slack and what came from there, kept in the ledger's database: nothing is sent or taken twice.

A message is noted before it is sent and again when Slack has it: one that is noted only once may be there or not, and
is looked for before it is sent again. A click is noted before Slack hears that it arrived, and struck off when it was
handed in; one-time codes go with that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from blocks.ledger_database import LedgerDatabase

if TYPE_CHECKING:
    from sqlalchemy import Table


@dataclass(frozen=True)
class Sent:
    """One message.

    Attributes:
        ts: Slack's name for it, or empty when nobody knows whether it was sent.
        printed: fingerprint of what it says.
        since: when it was first tried to be sent, in seconds since 1970.
    """

    key: str
    ts: str
    printed: str
    since: float


class SlackMemory(LedgerDatabase):
    """What one app has sent and received.

    Args:
        url: of the ledger's database.
        app: the name that it was saved under.
    """

    def __init__(self, url: str, app: str) -> None:
        super().__init__(url)
        self._app = app

    def sent(self, run_id: str) -> dict[str, Sent]:
        """A run's messages by their keys."""
        table, _ = _tables()
        own = table.select().where(table.c.app == self._app, table.c.run_id == run_id)
        with self._transaction(write=False) as connection:
            return {row.key: Sent(row.key, row.ts, row.printed, row.since) for row in connection.execute(own)}

    def note(self, run_id: str, key: str, ts: str = "", printed: str = "") -> None:
        """Note that a message is about to be sent, or what became of it."""
        table, _ = _tables()
        here = (table.c.app == self._app, table.c.run_id == run_id, table.c.key == key)
        with self._transaction() as connection:
            if connection.execute(table.update().where(*here).values(ts=ts, printed=printed)).rowcount:
                return
            new = {"app": self._app, "run_id": run_id, "key": key, "ts": ts, "printed": printed}
            connection.execute(table.insert().values(**new, since=datetime.now(UTC).timestamp()))

    def followed(self) -> tuple[str, ...]:
        """Runs that have a thread which is not over."""
        table, _ = _tables()
        over = table.select().with_only_columns(table.c.run_id).where(table.c.app == self._app, table.c.key == "over")
        own = table.select().with_only_columns(table.c.run_id).distinct()
        own = own.where(table.c.app == self._app, table.c.run_id != "", table.c.run_id.not_in(over))
        with self._transaction(write=False) as connection:
            return tuple(connection.execute(own).scalars())

    def position(self) -> int | None:
        """The number of the last announcement that was dealt with; None when the app is new."""
        there = self.sent("").get("position")
        return int(there.ts) if there else None

    def take(self, id: str, body: Mapping[str, Any]) -> bool:
        """Note a click; False when it is known already."""
        _, inbox = _tables()
        with self._transaction() as connection:
            if connection.execute(inbox.select().where(inbox.c.id == id)).first():
                return False
            at = datetime.now(UTC).isoformat(timespec="microseconds")
            connection.execute(inbox.insert().values(id=id, app=self._app, body=json.dumps(body), at=at))
            return True

    def knows(self, id: str) -> bool:
        """Whether a click came before."""
        _, inbox = _tables()
        with self._transaction(write=False) as connection:
            return connection.execute(inbox.select().where(inbox.c.id == id)).first() is not None

    def waiting(self) -> dict[str, Any]:
        """Clicks that were not handed in, the oldest first."""
        _, inbox = _tables()
        own = inbox.select().where(inbox.c.app == self._app, inbox.c.body != "").order_by(inbox.c.at)
        with self._transaction(write=False) as connection:
            return {row.id: json.loads(row.body) for row in connection.execute(own)}

    def strike(self, id: str) -> None:
        """Strike a click off; that it came is remembered, what it said is not."""
        _, inbox = _tables()
        with self._transaction() as connection:
            connection.execute(inbox.update().where(inbox.c.id == id).values(body=""))

    def _tables(self) -> Iterable[Table]:
        return _tables()


@cache
def _tables() -> tuple[Table, Table]:
    from sqlalchemy import Column, Float, MetaData, String, Table, Text

    own = MetaData()
    sent = Table(
        "gonogo_slack_sent",
        own,
        Column("app", String(100), primary_key=True),
        Column("run_id", String(64), primary_key=True),
        Column("key", String(200), primary_key=True),
        Column("ts", String(100), nullable=False),
        Column("printed", String(80), nullable=False),
        Column("since", Float, nullable=False),
    )
    inbox = Table(
        "gonogo_slack_inbox",
        own,
        Column("id", String(200), primary_key=True),
        Column("app", String(100), nullable=False),
        Column("body", Text, nullable=False),
        Column("at", Text, nullable=False),
    )
    return sent, inbox
