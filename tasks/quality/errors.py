"""Every error gonogo raises on purpose, grouped by how one recovers from it.

`TryAgain`: the world was not ready; the same step may succeed later.
`PilotMustDecide`: the data or the answer is not what was expected; a person has to choose.
`Abort`: going on would break a promise; nothing may be changed or loaded.
`NothingNew`: there is nothing to do, which is no fault.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GonogoError(Exception):
    """What went wrong, where, what was available, and what to do about it.

    Args:
        what: the fault in one clause, e.g. "column 'prise' not found".
        where: file, pipeline path, table or gate.
        available: what could have been named instead.
        todo: the next step for the reader.
    """

    def __init__(self, what: str, *, where: str = "", available: Iterable[str] = (), todo: str = "") -> None:
        self.what, self.where, self.available, self.todo = what, where, tuple(available), todo
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The whole story as one line."""
        parts = [self.what + (f" in {self.where}" if self.where else "")]
        if self.available:
            parts.append("available: " + ", ".join(self.available))
        if self.todo:
            parts.append(self.todo)
        return "; ".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.available, self.todo)


def _rebuild(cls: type[GonogoError], what: str, where: str, available: tuple[str, ...], todo: str) -> GonogoError:
    return cls(what, where=where, available=available, todo=todo)


class TryAgain(GonogoError):
    """The world was not ready: a server is away, a lock is held, a disk is full."""


class PilotMustDecide(GonogoError):
    """A person has to choose before anything goes on."""


class Abort(GonogoError):
    """Going on would break a promise."""


class SpecError(PilotMustDecide):
    """A pipeline's YAML does not say what gonogo needs."""


class SourceError(PilotMustDecide):
    """The source is there but cannot be read as described."""


class AnswerError(PilotMustDecide):
    """An answer that the gate cannot take; it will be asked again."""


class DestinationError(PilotMustDecide):
    """The destination refused the data; it was left as it was."""


class ChangedSince(DestinationError):
    """What the destination took is there no more as it was left."""


class Unavailable(TryAgain):
    """A service or file could not be reached."""


class NothingNew(GonogoError):
    """The source has nothing that was not read before; the run has nothing to do."""


class ConservationError(Abort):
    """rows in != rows loaded + quarantined + dropped + merged."""


class TamperError(Abort):
    """A stored record no longer matches its fingerprint or its chain."""


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """A suggestion for a mistyped name, or an empty string.

    >>> did_you_mean("prise", ["price", "qty"])
    "Did you mean 'price'?"
    """
    close = difflib.get_close_matches(name, list(candidates), n=1)
    return f"Did you mean '{close[0]}'?" if close else ""
