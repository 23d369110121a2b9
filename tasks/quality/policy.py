"""Decision memory: what a pilot decided once and wants done again without being asked, within a band.

A standing decision holds for one pipeline and one kind of issue in the same columns (or any), until its day, while no
larger share is affected than it says, and, where it writes a table of values, while no value appears that it doesn't
know. Outside of that the gate asks, and shows how this case differs from the remembered one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.quality.ledger import Entry, digest
from tasks.quality.model import Issue, Option
from tasks.quality.wording import plural, score_text

MARGIN = 2.0
"""A standing decision that names no rate holds up to so many times the share that it was made for."""

GATES = ("quality", "load")
"""Gates that can be remembered as a whole: that the run goes on when nothing else is to be decided."""


@dataclass(frozen=True)
class Memory:
    """Which answers of a gate may be remembered.

    Attributes:
        roles: of those who may have something remembered; none: whoever answers.
        longest_seconds: for how long at most.
        most: the largest share that may be named, 0 to 1.
    """

    roles: tuple[str, ...] = ()
    longest_seconds: float = 365 * 86400.0
    most: float = 1.0


@dataclass(frozen=True)
class Policy:
    """A standing decision.

    Attributes:
        number: its place in the ledger's chain of policies.
        kind: of issue; "quality" or "load" for a gate as a whole.
        columns: that it holds for; none: any.
        option: what is done; `parameters` are those that the pilot gave.
        known: old values that it replaces, where it is a table of values.
        most: the largest share that may be affected, 0 to 1.
        until: the last day, ISO 8601.
        then: the remembered case: run, gate, count, checked, rate, score.
        seal: of one that a signed answer made; a signed gate is passed by no other (`sealable`).
        personal: whether what its columns hold is not to be shown.
    """

    number: int
    pipeline: str
    kind: str
    columns: tuple[str, ...]
    option: str
    label: str
    most: float
    until: str
    by: str
    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    then: Mapping[str, Any] = field(default_factory=dict)
    seal: str = ""
    revoked: str = ""
    personal: bool = False

    @property
    def told(self) -> str:
        """The policy as an automatic answer names it."""
        return f"policy {self.number} by {self.by}, until {self.until}"

    def in_force(self, today: dt.date) -> bool:
        """Whether it holds on this day."""
        return not self.revoked and today <= dt.date.fromisoformat(self.until)


@dataclass(frozen=True)
class Match:
    """A policy that is about an issue: what it says to do, or why it does not hold this time."""

    policy: Policy
    option: str
    differs: str = ""


def policies_of(entries: Sequence[Entry]) -> tuple[Policy, ...]:
    """Every policy there was, by the chain of policies."""
    found: dict[int, Policy] = {}
    for entry in entries:
        said = entry.payload
        if entry.kind == "policy":
            lists = {name: tuple(said[name]) for name in ("columns", "known")}
            found[entry.seq] = Policy(**{**said, **lists}, number=entry.seq, by=entry.actor, method=entry.method)
        elif entry.kind == "revoked" and said["policy"] in found:
            old = found[said["policy"]]
            found[old.number] = Policy(**{**vars(old), "revoked": f"{entry.actor}, {entry.at[:10]}"})
    return tuple(found.values())


def sealable(by: str, payload: Mapping[str, Any]) -> str:
    """What the seal of a policy covers."""
    return digest([by, {name: value for name, value in payload.items() if name != "seal"}])


def match(policies: Sequence[Policy], issue: Issue, *, personal: bool = False) -> Match | None:
    """The newest of these policies that is about an issue, and whether it holds; one that holds goes first.

    Args:
        policies: standing decisions, the oldest first.
        issue: what was found.
        personal: whether no value of its columns is to be quoted.
    """
    found = [m for policy in reversed(policies) if (m := _matched(policy, issue, personal=personal))]
    return next((m for m in found if not m.differs), found[0] if found else None)


def _matched(policy: Policy, issue: Issue, *, personal: bool) -> Match | None:
    if policy.kind != issue.kind or policy.columns not in ((), issue.columns):
        return None
    option = next((option for option in issue.options if option.key == policy.option), None)
    if option is None:
        return Match(policy, "", f"'{policy.label}' is not offered this time")
    return Match(policy, option.key, "; ".join(_differences(policy, issue, option, personal=personal)))


def _differences(policy: Policy, issue: Issue, option: Option, *, personal: bool) -> Iterator[str]:
    then = policy.then
    if issue.rate > policy.most:
        was = f"then {then.get('count', 0):,} of {then.get('checked', 0):,}, now {issue.count:,} of {issue.checked:,}"
        yield f"{issue.rate:.2%} affected, at most {policy.most:.2%} remembered ({was})"
    if issue.failed:
        yield "it could not be checked this time"
    new = [value for value in values_in(option) if value not in policy.known]
    if new:
        quoted = ", ".join(repr(value) for value in new[:_SHOWN]) + (" …" if len(new) > _SHOWN else "")
        yield f"{plural(len(new), 'value')} that it does not know" + ("" if personal else f": {quoted}")


_SHOWN = 3


def values_in(option: Option) -> tuple[str, ...]:
    """The old values that an option replaces, where they are named in it."""
    values = option.parameters.get("values")
    return tuple(str(old) for old in values) if isinstance(values, Mapping) else ()


def gate_differs(policy: Policy, case: Mapping[str, float]) -> str:
    """How a load (rate of rows that left, score, targets missed) differs beyond what its policy allows."""
    then, parts = policy.then, []
    if case["rate"] > policy.most:
        parts.append(f"{case['rate']:.2%} of the rows left the table, at most {policy.most:.2%} remembered")
    if case["score"] < then["score"]:
        parts.append(f"score {score_text(case['score'])}, remembered {score_text(then['score'])}")
    if case["missed"] > then["missed"]:
        parts.append(f"{plural(int(case['missed']), 'target')} missed, remembered {then['missed']:g}")
    return "; ".join(parts)
