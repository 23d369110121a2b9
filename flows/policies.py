"""Standing decisions at the terminal: list them, look at one, let one hold no more."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from blocks.ledger import Ledger
from flows.home import Home
from tasks.policies import CHAIN, policy_of, revoke
from tasks.quality.policy import Policy, policies_of
from tasks.quality.wording import plural
from tasks.reports.discreet import starred

MOST_TOLD = 20
"""Values that a standing decision is told to know."""


def list_policies(*, everything: bool) -> None:
    """List the standing decisions that hold now, or all there ever were."""
    console, today = Console(highlight=False), datetime.now(UTC).date()
    with Ledger(Home.here().ledger_url) as ledger:
        known = policies_of(ledger.entries(CHAIN))
    shown = [policy for policy in known if everything or policy.in_force(today)]
    table = Table(box=None, header_style="dim", pad_edge=False)
    for heading in ("no.", "pipeline", "about", "columns", "does", "up to", "until", "by"):
        table.add_column(heading)
    for each in shown:
        until = each.until if each.in_force(today) else f"[dim]{_ended(each)}[/]"
        about = (str(each.number), each.pipeline, each.kind, ", ".join(each.columns) or "any", each.label)
        table.add_row(*(escape(text) for text in about), f"{each.most:.2%}", until, escape(each.by))
    nothing = "There are no standing decisions; an answer with 'remember: 30d' makes some."
    console.print(table if shown else nothing)


def show_policy(number: int, *, personal: bool = False) -> None:
    """Tell one standing decision, and the case that it was made for.

    Args:
        number: which.
        personal: whether values of columns with personal data are told, too.
    """
    with Ledger(Home.here().ledger_url) as ledger:
        policy = policy_of(ledger, number)
    then, hidden = policy.then, policy.personal and not personal
    facts = {
        "pipeline": policy.pipeline,
        "about": f"{policy.kind} in {', '.join(policy.columns) or 'any columns'}",
        "does": f"{policy.label} ({policy.option})",
        "with": ", ".join(f"{n} = {starred(str(v)) if hidden else v}" for n, v in policy.parameters.items()),
        "knows": _known(policy, hidden=hidden),
        "up to": f"{policy.most:.2%} affected",
        "until": policy.until if not policy.revoked else _ended(policy),
        "by": f"{policy.by} ({policy.method})",
        "made for": ", ".join(f"{name} {value}" for name, value in then.items() if name != "evidence"),
        "evidence": str(then.get("evidence", "")),
    }
    console = Console(highlight=False)
    console.print(f"[bold]policy {policy.number}[/]")
    for name, fact in facts.items():
        if fact:
            console.print(f"  {name:10} {escape(fact)}", soft_wrap=True)


def _known(policy: Policy, *, hidden: bool) -> str:
    if hidden and policy.known:
        return f"{plural(len(policy.known), 'value')} of personal data (--personal tells them)"
    return ", ".join(policy.known[:MOST_TOLD]) + (" …" if len(policy.known) > MOST_TOLD else "")


def revoke_policy(number: int, comment: str) -> None:
    """Let a standing decision hold no more; the gate asks again."""
    with Ledger(Home.here().ledger_url) as ledger:
        policy = revoke(ledger, number, getpass.getuser(), "operating-system user", comment)
    console = Console(highlight=False)
    console.print(f"{escape(policy.told)}, holds no more: {escape(policy.pipeline)} asks again.", soft_wrap=True)


def _ended(policy: Policy) -> str:
    return f"revoked by {policy.revoked}" if policy.revoked else f"ended {policy.until}"
