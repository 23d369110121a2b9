"""The people who may answer: added, listed, removed and enrolled again at the terminal; each is written down."""

from __future__ import annotations

import getpass
import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.home import Home
from tasks.quality.errors import PilotMustDecide

if TYPE_CHECKING:
    from blocks.approvers import Approver

CHAIN = "~approvers"
"""The ledger's chain that says who was made an approver, by whom, and when."""


def add(name: str, *, full_name: str, roles: Sequence[str], email: str, slack: str) -> None:
    """Make somebody an approver and show the QR code that enrols their authenticator.

    Raises:
        PilotMustDecide: the name or a role cannot be one, or the name is taken.
    """
    from blocks.approvers import Approver

    for word in (name, *roles):
        _check(word)
    _check_member(slack)
    home = Home.here()
    with home.approvers() as approvers:
        if approvers.find(name):
            todo = f"gonogo approvers re-enrol {name}, or remove it first"
            raise PilotMustDecide(f"there is an approver {name} already", todo=todo)
        approver = Approver(name, full_name, tuple(dict.fromkeys(roles)), email, slack)
        address = approvers.enrol(approver)
    _write_down(home, approver, "added")
    _show(approver, address)


def re_enrol(name: str) -> None:
    """Give an approver a new secret."""
    home = Home.here()
    with home.approvers() as approvers:
        approver = approvers.named(name)
        address = approvers.enrol(approver)
    _write_down(home, approver, "enrolled again")
    _show(approver, address)


def give_slack(name: str, member: str) -> None:
    """Say which Slack member an approver is, so that what they press there counts as theirs.

    Raises:
        PilotMustDecide: that is no member's id, or somebody else's.
    """
    _check_member(member)
    home = Home.here()
    with home.approvers() as approvers:
        approver = approvers.give_slack(name, member)
    _write_down(home, approver, f"is Slack member {member}" if member else "is no Slack member any more")
    told = f"is Slack member {member}" if member else "can't answer from Slack any more"
    Console(highlight=False).print(f"{escape(approver.name)} {told}.")


def remove(name: str) -> None:
    """Let somebody answer no more."""
    home = Home.here()
    with home.approvers() as approvers:
        gone = approvers.remove(name)
    _write_down(home, gone, "removed")
    Console(highlight=False).print(f"{escape(gone.name)} may answer no more; what they signed stays.")


def list_all() -> None:
    """List everybody who may answer, and whose answers wait after too many failed attempts."""
    console, now = Console(highlight=False), datetime.now(UTC)
    table = Table(box=None, header_style="dim", pad_edge=False)
    for heading in ("name", "full name", "roles", "e-mail", "Slack", "enrolled", ""):
        table.add_column(heading)
    with Home.here().approvers() as approvers:
        everybody = approvers.all()
        for each in everybody:
            until = approvers.blocked_until(each.name, now)
            waits = f"[red]waits until {until:%H:%M} UTC: too many failed attempts[/]" if until else ""
            told = (each.name, each.full_name, ", ".join(each.roles), each.email, each.slack, each.enrolled_at[:10])
            table.add_row(*(escape(text) for text in told), waits)
    console.print(table if everybody else "There are no approvers yet: gonogo approvers add NAME")


def _check(word: str) -> None:
    from blocks.spec import NAME

    if not re.fullmatch(NAME, word):
        todo = "lower-case letters, digits, and . _ - @ between them, e.g. 'ann.smith'"
        raise PilotMustDecide(f"'{word}' cannot be the name of an approver or role", todo=todo)


def _check_member(member: str) -> None:
    if member and not re.fullmatch(r"[UW][A-Z0-9]{2,20}", member):
        todo = "in Slack: the person's profile, ⋮, Copy member ID, e.g. U024BE7LH"
        raise PilotMustDecide(f"'{member}' is not the id of a Slack member", todo=todo)


def _write_down(home: Home, approver: Approver, what: str) -> None:
    """Say in the ledger what was done to an approver; addresses and secrets are not told."""
    from blocks.ledger import Ledger

    payload: dict[str, Any] = {"name": approver.name, "full_name": approver.full_name, "roles": approver.roles}
    with Ledger(home.ledger_url) as ledger:
        number, who = len(ledger.entries(CHAIN)) + 1, getpass.getuser()
        key, method = f"approver-{number}", "operating-system user"
        ledger.append(CHAIN, key, "approver", payload | {"what": what}, actor=who, method=method)


def _show(approver: Approver, address: str) -> None:
    """Show the QR code, and the secret for those who cannot scan it, once."""
    import segno
    from pyotp import parse_uri

    drawn = io.StringIO()
    segno.make(address, micro=False).terminal(drawn, compact=True)
    print(drawn.getvalue(), end="")  # noqa: T201  (the code's own colours and spaces)
    secret = str(parse_uri(address).secret)
    console = Console(highlight=False)
    console.print(f"{escape(approver.person.printed)}: scan this with an authenticator app, now.")
    console.print(f"It is not shown again. Typed by hand: {' '.join(re.findall('.{1,4}', secret))}", soft_wrap=True)
