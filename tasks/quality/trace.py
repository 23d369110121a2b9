"""The story of one cell, or of one row: where it came from, each change with its decision and person, where it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Happening: TypeAlias = Literal[
    "suspected", "changed", "dropped", "quarantined", "merged", "came back", "took in", "column added",
    "column dropped", "column renamed",
]  # fmt: skip
"""What can become of a cell or its row."""

LEFT = ("dropped", "quarantined", "merged")
"""What takes a row out of the table."""


@dataclass(frozen=True)
class Place:
    """Where a row came from: file, table, topic or page, and the place in it; `fingerprint` is of its content."""

    origin: str
    place: str
    fingerprint: str


@dataclass(frozen=True)
class Who:
    """The person behind a decision, how we know, when it was made, and why."""

    name: str
    method: str
    at: str
    gate: str
    evidence: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Step:
    """One thing that became of a cell or its row.

    Attributes:
        column: the cell's, by its name then; empty when it is about the whole row.
        before: the value, for a change of a cell; or the former name of a renamed column.
        decision: its number, 0 where nothing was decided.
        issue: the issue's id, or what was suspected.
        action: what was decided, or why it was suspected.
        into: the row that took this one in, or that this one took in.
        undone: why it does not stand any more, empty when it does.
    """

    happened: Happening
    column: str
    before: str | None = None
    after: str | None = None
    decision: int = 0
    issue: str = ""
    action: str = ""
    into: int | None = None
    who: Who | None = None
    at: str = ""
    undone: str = ""


@dataclass(frozen=True)
class Delivered:
    """What the destination was given of a row, and who let it go; and who took it back, if somebody did."""

    destination: str
    at: str
    who: Who | None
    receipt: str
    taken_back: Who | None = None


@dataclass(frozen=True)
class Story:
    """The story of a cell, or of all cells of a row.

    Attributes:
        column: the cell's column as it is called last; empty for the whole row.
        came: name in the source and value of the cell, or of every cell of the row, as they came.
        stands: the same as they are now; empty when the row has left.
        delivered: empty when the row was not loaded.
    """

    run: str
    row: int
    column: str
    place: Place
    came: tuple[tuple[str, str | None], ...]
    steps: tuple[Step, ...]
    stands: tuple[tuple[str, str | None], ...]
    delivered: tuple[Delivered, ...] = ()
    head: str = ""

    @property
    def left(self) -> Step | None:
        """The step that took the row out, if it is not in the table."""
        gone = None
        for step in self.steps:
            if step.undone:
                continue
            gone = step if step.happened in LEFT else None if step.happened == "came back" else gone
        return gone

    @property
    def adds_up(self) -> bool:
        """Whether each change begins with the value that the one before it left, from the source to now."""
        now = dict(self.came)
        for step in self.steps:
            if step.undone:
                continue
            if step.happened == "column renamed":
                now[step.after or ""] = now.pop(step.before or "", None)
            elif step.happened == "column added":
                now[step.column] = step.after
            elif step.happened == "column dropped":
                now.pop(step.column, None)
            elif step.happened == "changed":
                if now.get(step.column) != step.before:
                    return False
                now[step.column] = step.after
        return self.left is not None or now == dict(self.stands)


def column_path(first: str, renames: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The names that a column has had, from the first, through these renames in their order.

    >>> column_path("a", [("x", "y"), ("a", "b"), ("b", "c")])
    ('a', 'b', 'c')
    """
    names = [first]
    for old, new in renames:
        if old == names[-1]:
            names.append(new)
    return tuple(names)
