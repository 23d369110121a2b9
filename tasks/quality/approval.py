"""Who may answer a gate, how many people have to, and what each of them signs.

A gate that names people, roles, several people or a signature is *strict*: only approvers that are known answer it, and
each answer is written down as a signature of its own before the gate is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from tasks.quality.ledger import Entry, digest

Meaning: TypeAlias = Literal["reviewed", "approved", "responsible"]
"""What a signature means (21 CFR Part 11 §11.50 (a)(3))."""

MEANINGS: tuple[Meaning, ...] = get_args(Meaning)
SIGNED = "signed code"
"""How we know who it is: by a code of their authenticator."""

SLACK = "Slack"
"""How we know who it is: by the member whom Slack says to have clicked."""

UNVERIFIED = "form, unverified"
"""How we know who it is: by what they typed."""

DEADLINE = "automatic, the gate's deadline"
STOPPING = "operating-system user, gonogo stop"
WITHOUT_LEAVE = (DEADLINE, STOPPING)
"""How a no-go may come from nobody who may answer: a deadline's is the pipeline's own, and anyone may stop a run."""


@dataclass(frozen=True)
class Person:
    """Somebody who may answer.

    Attributes:
        name: the short name that they answer by.
        full_name: as it is printed beside what they sign.
    """

    name: str
    full_name: str = ""
    roles: tuple[str, ...] = ()

    @property
    def printed(self) -> str:
        """The name as reports print it."""
        return self.full_name or self.name


@dataclass(frozen=True)
class Who:
    """Who has to answer a gate.

    Attributes:
        names: people who may; with `roles` both may.
        roles: roles whose people may. Without names and roles, every approver may.
        people: how many different people have to agree.
        signed: whether each of them has to give a code of their authenticator.
        meanings: what the first, second … signature means; the last holds for all further ones.
    """

    names: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    people: int = 1
    signed: bool = False
    meanings: tuple[Meaning, ...] = ("approved",)

    @property
    def strict(self) -> bool:
        """Whether only approvers may answer."""
        return bool(self.names or self.roles or self.signed or self.people > 1)

    def meaning(self, number: int) -> Meaning:
        """What the signature of this number (from 0) means."""
        return self.meanings[min(number, len(self.meanings) - 1)]

    @property
    def told(self) -> str:
        """Who may answer, in words.

        >>> Who(names=("ann",), roles=("finance",), people=2).told
        'ann, or anyone who is finance; 2 different people'
        """
        roles = f"anyone who is {' or '.join(self.roles)}" if self.roles else ""
        may = ", or ".join(part for part in (" or ".join(self.names), roles) if part) or "any approver"
        return may + (f"; {self.people} different people" if self.people > 1 else "")

    def bars(self, person: Person) -> str:
        """Why this person may not answer, or an empty string."""
        named = person.name in self.names or set(person.roles) & set(self.roles)
        if named or not (self.names or self.roles):
            return ""
        return f"{person.name} may not answer this gate; it is for {self.told}"


ANYBODY = Who()
"""Whoever answers first."""


@dataclass(frozen=True)
class Signature:
    """What one person said at a strict gate.

    Attributes:
        name: of the approver.
        full_name: as it is printed.
        method: how we know who it is.
        verdict: what they said.
        meaning: what it means that they signed; empty where the gate asks for no signature.
        signed_at: UTC, ISO 8601: when it was handed in.
        evidence: SHA-256 of the substance they were shown.
        shown: SHA-256 of the question exactly as they were shown it.
        answer: SHA-256 of the answer that they gave, confirmed or rejected.
        seal: HMAC of all this, under the key that the ledger's database does not hold.
    """

    name: str
    full_name: str
    method: str
    verdict: str
    comment: str
    meaning: str
    signed_at: str
    evidence: str
    shown: str
    answer: str
    seal: str = ""

    @property
    def line(self) -> str:
        """The signature as reports print it: name, meaning, moment, and how we know."""
        printed = f"{self.full_name} ({self.name})" if self.full_name not in ("", self.name) else self.name
        moment = f"{self.signed_at[:19].replace('T', ' ')} UTC"
        return f"{printed}, {self.meaning or self.verdict}, {moment}, {self.method}"


@dataclass(frozen=True)
class Standing:
    """How far a gate is: what was said so far, and what came of the last attempt.

    Attributes:
        tries: submissions that were dealt with, whatever came of them.
        signatures: those that agree, the first the one that answers.
        given: the first one's answer, as the ledger keeps it.
        problem: why the last submission did not end the matter; shown to whoever answers next.
        stopped: the signature of somebody who said no-go, which needs nobody to agree.
    """

    tries: int = 0
    signatures: tuple[Signature, ...] = ()
    given: Any = None
    problem: str = ""
    stopped: Signature | None = None


def standing(entries: Sequence[Entry], gate: str) -> Standing:
    """How far a gate is, by a run's diary."""
    now = Standing()
    for entry in entries:
        if entry.kind in ("refused", "signature") and entry.payload["gate"] == gate:
            now = _after(now, entry)
    return now


def _after(before: Standing, entry: Entry) -> Standing:
    tries = before.tries + 1
    if entry.kind == "refused":
        return Standing(tries, before.signatures, before.given, str(entry.payload["reason"]))
    signature = signature_of(entry)
    if signature.verdict == "no-go":
        return Standing(tries, (signature,), entry.payload["given"], stopped=signature)
    if signature.verdict == "reject":
        whose = " and ".join(each.name for each in before.signatures)
        return Standing(tries, problem=f"{signature.name} rejected what {whose} said: {signature.comment}")
    given = before.given if before.signatures else entry.payload["given"]
    return Standing(tries, (*before.signatures, signature), given)


def signature_of(entry: Entry) -> Signature:
    """The signature that a ledger entry holds."""
    return Signature(**entry.payload["signature"])


def complete(who: Who, now: Standing) -> bool:
    """Whether enough different people agree, or one has stopped the run."""
    return bool(now.stopped) or len(now.signatures) >= who.people


def sealable(signature: Signature, run_id: str, gate: str) -> str:
    """What a signature's seal covers."""
    said = {name: value for name, value in vars(signature).items() if name != "seal"}
    return digest([run_id, gate, said])
