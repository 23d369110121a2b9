"""The people who may answer: their names, roles and authenticator secrets, and the codes that they used.

They are in the ledger's database, sealed (Fernet) under a key that is not in it: `approvers.key` in GONOGO_HOME,
readable by its owner only, or GONOGO_APPROVERS_KEY. Whoever reads the database learns no secret; whoever writes into it
can make nobody an approver. Prefect knows neither: its blocks are given in clear to everyone who reaches its API.
Codes are never stored; the last time step that an approver used is, so that no code counts twice.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.ledger_database import LedgerDatabase
from tasks.quality.approval import Person
from tasks.quality.errors import AnswerError, PilotMustDecide, TamperError, did_you_mean

if TYPE_CHECKING:
    from cryptography.fernet import Fernet
    from sqlalchemy import Connection, Table

KEY_FILE = "approvers.key"
KEY_VARIABLE = "GONOGO_APPROVERS_KEY"
ISSUER = "gonogo"
STEP_SECONDS = 30
DRIFT_STEPS = 1
"""A code of the step before or after counts, too: clocks differ (RFC 6238, section 5.2)."""

MOST_FAILURES = 5
FAILURE_WINDOW = timedelta(minutes=15)
"""After so many failed attempts in a name within this time, its answers wait until the time is over."""


@dataclass(frozen=True)
class Approver:
    """One person who may answer."""

    name: str
    full_name: str = ""
    roles: tuple[str, ...] = ()
    email: str = ""
    slack: str = ""
    enrolled_at: str = ""

    @property
    def person(self) -> Person:
        """What a gate has to know."""
        return Person(self.name, self.full_name, self.roles)


class Approvers(LedgerDatabase):
    """Everybody who may answer.

    Args:
        url: of the ledger's database.
        key_file: of the key that seals the records; made with the first approver.
    """

    def __init__(self, url: str, key_file: Path) -> None:
        super().__init__(url)
        self._key_file = key_file

    def enrol(self, approver: Approver) -> str:
        """Make somebody an approver, or give one a new secret; the old one counts no more.

        Returns:
            The address (otpauth://) that an authenticator scans; it is told this once.

        Raises:
            PilotMustDecide: somebody else has the same Slack id.
        """
        from pyotp import TOTP, random_base32

        secret = random_base32()
        sealed = self._seal(replace(approver, enrolled_at=datetime.now(UTC).isoformat(timespec="seconds")), secret)
        table, _ = _tables()
        with self._transaction() as connection:
            self._check_slack(connection, approver.name, approver.slack)
            connection.execute(table.delete().where(table.c.name == approver.name))
            connection.execute(table.insert().values(name=approver.name, sealed=sealed, last_step=0, last_use=""))
        return str(TOTP(secret).provisioning_uri(name=approver.name, issuer_name=ISSUER))

    def give_slack(self, name: str, member: str) -> Approver:
        """Say which Slack member an approver is; the authenticator stays as it is.

        Raises:
            PilotMustDecide: there is no such approver, or somebody else is that member.
        """
        table, _ = _tables()
        known = self.named(name)
        with self._transaction() as connection:
            self._check_slack(connection, known.name, member)
            row = connection.execute(table.select().where(table.c.name == known.name)).one()
            approver, secret = self._unsealed(row.name, row.sealed)
            now = replace(approver, slack=member)
            connection.execute(table.update().where(table.c.name == now.name).values(sealed=self._seal(now, secret)))
        return now

    def remove(self, name: str) -> Approver:
        """Let somebody answer no more; what they signed stays.

        Raises:
            PilotMustDecide: there is no such approver.
        """
        gone = self.named(name)
        table, _ = _tables()
        with self._transaction() as connection:
            connection.execute(table.delete().where(table.c.name == gone.name))
        return gone

    def all(self) -> tuple[Approver, ...]:
        """Everybody, by name."""
        table, _ = _tables()
        with self._transaction(write=False) as connection:
            rows = connection.execute(table.select().order_by(table.c.name)).all()
        return tuple(self._unsealed(row.name, row.sealed)[0] for row in rows)

    def find(self, name: str) -> Approver | None:
        """The approver of this name, in whatever case it is written."""
        table, _ = _tables()
        with self._transaction(write=False) as connection:
            row = connection.execute(table.select().where(table.c.name == name.strip().lower())).first()
        return self._unsealed(row.name, row.sealed)[0] if row else None

    def in_slack(self, member: str) -> Approver | None:
        """The approver who is this member of Slack, by the id that Slack gives, e.g. "U024BE7LH"."""
        return next((each for each in self.all() if member and each.slack == member), None)

    def named(self, name: str) -> Approver:
        """The approver of this name.

        Raises:
            PilotMustDecide: there is none.
        """
        if found := self.find(name):
            return found
        names = [approver.name for approver in self.all()]
        todo = did_you_mean(name, names) or f"gonogo approvers add {name}"
        raise PilotMustDecide(f"no approver '{name}'", available=names, todo=todo)

    def use(self, name: str, code: str, purpose: str, at: datetime) -> None:
        """Take a code, once, at this moment.

        Args:
            name: the approver's.
            code: six digits.
            purpose: the one submission that it came with; taken again for that it counts as taken, so that a flow
                that was killed in between goes on.
            at: when it was handed in.

        Raises:
            AnswerError: it is wrong, or was used already.
        """
        from pyotp import TOTP

        table, _ = _tables()
        with self._transaction() as connection:
            row = connection.execute(table.select().where(table.c.name == name)).one()
            if row.last_use == purpose:
                return
            totp, now = TOTP(self._unsealed(row.name, row.sealed)[1]), int(at.timestamp()) // STEP_SECONDS
            steps = range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1)
            step = next((n for n in steps if hmac.compare_digest(totp.generate_otp(n), _digits(code))), None)
            if step is None:
                todo = "take the one that the authenticator shows now, and see that its clock is right"
                raise AnswerError(f"the code for {name} is wrong or too old", todo=todo)
            if step <= row.last_step:
                raise AnswerError(f"{name} has used that code already", todo="wait for the next one")
            used = {"last_step": step, "last_use": purpose}
            connection.execute(table.update().where(table.c.name == name).values(**used))

    def failed(self, name: str, at: datetime) -> None:
        """Remember a failed attempt in somebody's name."""
        _, attempts = _tables()
        with self._transaction() as connection:
            old = (at - FAILURE_WINDOW).timestamp()
            connection.execute(attempts.delete().where(attempts.c.at < old))
            connection.execute(attempts.insert().values(name=name.strip().lower()[:200], at=at.timestamp()))

    def blocked_until(self, name: str, at: datetime) -> datetime | None:
        """Until when answers in this name wait, after too many failed ones; None when they don't."""
        _, attempts = _tables()
        since = (at - FAILURE_WINDOW).timestamp()
        own = attempts.select().where(attempts.c.name == name.strip().lower()[:200], attempts.c.at > since)
        with self._transaction(write=False) as connection:
            moments = sorted(row.at for row in connection.execute(own))
        if len(moments) < MOST_FAILURES:
            return None
        return datetime.fromtimestamp(moments[-MOST_FAILURES], UTC) + FAILURE_WINDOW

    def seal(self, text: str) -> str:
        """A proof that whoever wrote this had the key."""
        key = hmac.digest(self._key(), b"gonogo signatures", hashlib.sha256)
        return "hmac-sha256:" + hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    def _check_slack(self, connection: Connection, name: str, member: str) -> None:
        """Raise when somebody else is this member of Slack."""
        table, _ = _tables()
        for row in connection.execute(table.select().where(table.c.name != name)) if member else ():
            other, _secret = self._unsealed(row.name, row.sealed)
            if other.slack == member:
                todo = "give each person their own: Slack, profile, ⋮, Copy member ID"
                raise PilotMustDecide(f"Slack member {member} is {other.name} already", todo=todo)

    def _seal(self, approver: Approver, secret: str) -> str:
        return self._fernet(make=True).encrypt(json.dumps({**vars(approver), "secret": secret}).encode()).decode()

    def _unsealed(self, name: str, sealed: str) -> tuple[Approver, str]:
        from cryptography.fernet import InvalidToken

        try:
            told = json.loads(self._fernet().decrypt(sealed.encode()))
        except InvalidToken as error:
            what = f"the record of approver {name} is not sealed with this key"
            todo = f"put back the right {self._key_file}, or enrol again: gonogo approvers re-enrol {name}"
            raise TamperError(what, where=str(self._key_file), todo=todo) from error
        secret = str(told.pop("secret"))
        approver = Approver(**{**told, "roles": tuple(told["roles"])})
        if approver.name != name:
            raise TamperError(f"the record of approver {name} is {approver.name}'s", where="gonogo_approvers")
        return approver, secret

    def _fernet(self, *, make: bool = False) -> Fernet:
        from cryptography.fernet import Fernet

        return Fernet(self._key(make=make))

    def _key(self, *, make: bool = False) -> bytes:
        if given := os.environ.get(KEY_VARIABLE):
            return given.encode()
        if make:
            _make_key(self._key_file)
        try:
            return self._key_file.read_bytes().strip()
        except FileNotFoundError as error:
            todo = f"put it back, or set {KEY_VARIABLE}"
            raise PilotMustDecide(
                "the key of the approvers is not there", where=str(self._key_file), todo=todo
            ) from error

    def _tables(self) -> Iterable[Table]:
        return _tables()


def _make_key(path: Path) -> None:
    """Make the key file, unless it is there: whole or not at all, for its owner only."""
    from cryptography.fernet import Fernet

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _digits(code: str) -> str:
    return "".join(code.split())


@cache
def _tables() -> tuple[Table, Table]:
    from sqlalchemy import Column, Float, Integer, MetaData, String, Table, Text

    own = MetaData()
    approvers = Table(
        "gonogo_approvers",
        own,
        Column("name", String(200), primary_key=True),
        Column("sealed", Text, nullable=False),
        Column("last_step", Integer, nullable=False),
        Column("last_use", Text, nullable=False),
    )
    attempts = Table(
        "gonogo_attempts",
        own,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("name", String(200), nullable=False, index=True),
        Column("at", Float, nullable=False),
    )
    return approvers, attempts
