"""What the report pages are given besides the kernel's own records: all frozen, all plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.quality.model import ChangeSet, Decision
from tasks.quality.wording import plural
from tasks.reports import numbers
from tasks.reports.charts import Part

TONES = {"met": "ok", "missed": "no", "undefined": "held"}
"""The colour of each status of a goal; "no target" is grey."""


@dataclass(frozen=True)
class Link:
    """A link to another page of the run; anything but http, https, file and relative addresses is shown unlinked."""

    label: str
    url: str


@dataclass(frozen=True)
class BadLine:
    """A line of the source that could not be read as a row, with its 1-based line number."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class RowAccount:
    """Where every row of the source is; `malformed` lines were never rows of the table."""

    read: int
    here: int
    malformed: int = 0
    quarantined: int = 0
    dropped: int = 0
    merged: int = 0

    @property
    def accounted(self) -> int:
        """Rows whose whereabouts are known."""
        return self.here + self.malformed + self.quarantined + self.dropped + self.merged

    @property
    def balanced(self) -> bool:
        """Whether no row is missing and none appeared."""
        return self.read == self.accounted

    def parts(self, here: str) -> list[Part]:
        """Where the rows are, the table (called `here`) first, without what holds none."""
        gone = [
            Part("quarantined", self.quarantined, "fair"),
            Part("dropped", self.dropped, "poor"),
            Part("merged", self.merged, "was"),
            Part("malformed lines in quarantine", self.malformed, "mark"),
        ]
        return [Part(here, self.here), *(part for part in gone if part.value)]


@dataclass(frozen=True)
class Landed:
    """What a destination says of a load.

    Attributes:
        seconds: how long the load took; 0 where nobody knows, as it was found done.
        fingerprint: of the load's rows, as read back from the destination.
        added: columns that the table got with it.
        as_text: columns that are text although the contract types them, and how many values are not so.
    """

    mode: str
    rows_written: int
    rows_before: int
    rows_after: int
    fingerprint: str
    seconds: float = 0.0
    added: tuple[str, ...] = ()
    as_text: tuple[tuple[str, int], ...] = ()

    @property
    def took(self) -> str:
        """How long it took, e.g. `0.4 s`; an empty string where nobody knows."""
        return f"{numbers.number(round(self.seconds, 1)) if self.seconds >= 0.1 else '<0.1'} s" if self.seconds else ""  # noqa: PLR2004

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """What there is to say beside the rows, each by its name."""
        text = ", ".join(f"{name} ({plural(n, 'value')} not of its type)" for name, n in self.as_text)
        told = (
            ("mode", self.mode),
            ("took", self.took),
            ("rows there", f"{numbers.count(self.rows_before)} {numbers.ARROW} {numbers.count(self.rows_after)}"),
            ("new columns", ", ".join(self.added)),
            ("as text", text),
            ("fingerprint", self.fingerprint),
        )
        return tuple((name, value) for name, value in told if value)


def landed(receipt: Mapping[str, Any]) -> Landed:
    """What a destination says of a load, from its receipt as the ledger or staging keeps it."""
    return Landed(
        str(receipt["mode"]),
        int(receipt["rows_written"]),
        int(receipt["rows_before"]),
        int(receipt["rows_after"]),
        str(receipt["fingerprint"]),
        float(receipt.get("seconds", 0.0)),
        tuple(receipt.get("added", ())),
        tuple((str(name), int(n)) for name, n in receipt.get("as_text", ())),
    )


@dataclass(frozen=True)
class Seal:
    """What lets a reader prove a page: the ledger's head when it was made, and the versions that made it."""

    ledger_head: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


def account(
    here: int, changes: tuple[ChangeSet, ...], *, malformed: int = 0, read: int | None = None, returned: int = 0
) -> RowAccount:
    """The row account after these change sets, when `returned` rows came back from quarantine.

    Without `read` the rows read are those accounted for.
    """
    gone = {name: sum(getattr(c, name) for c in changes) for name in ("quarantined", "dropped", "merged")}
    gone["quarantined"] -= returned
    known = here + malformed + sum(gone.values())
    return RowAccount(known if read is None else read, here, malformed, **gone)


def rows_of(decisions: tuple[Decision, ...], changes: tuple[ChangeSet, ...]) -> list[tuple[Decision, ChangeSet | None]]:
    """Each decision with the change set that it made, if it was carried out."""
    made = {change.decision: change for change in changes}
    return [(decision, made.get(decision.number)) for decision in decisions]


def tally(statuses: Sequence[str]) -> str:
    """How many targets are met, from the status of every goal.

    >>> tally(["met", "undefined", "no target"]), tally(["met", "met"]), tally(["missed"])
    ('1 of 2 targets met', 'All 2 targets are met', 'The target is not met')
    """
    judged = [status for status in statuses if status != "no target"]
    met = judged.count("met")
    if not judged:
        return f"{plural(len(statuses), 'goal')} without a target"
    if len(judged) == 1:
        return f"The target is {'met' if met else 'not met'}"
    return f"{met} of {plural(len(judged), 'target')} met" if met < len(judged) else f"All {met} targets are met"
