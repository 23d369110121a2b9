"""The contract of every source: read a bounded batch into staging, acknowledge it once staging is durable.

A new kind of source is one file with a pydantic model that has `kind`, `describe`, `read` and `acknowledge`,
and a line in `blocks/sources/__init__.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict

from tasks.quality.model import ROW, Snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from blocks.staging import Staging

Progress = Callable[[str, int, int], None]
"""Told what is being read, how far, and out of how much (0: unknown)."""


@dataclass(frozen=True)
class Origin:
    """One file, page or partition that rows came from.

    Attributes:
        first_row: `_row` of its first row; its rows follow one another.
        quarantined: records that could not be read.
    """

    name: str
    fingerprint: str
    first_row: int
    rows: int
    quarantined: int


@dataclass(frozen=True)
class Batch:
    """What one read put into staging.

    Attributes:
        snapshot: `_row` and text columns.
        renames: (name in the source, name in staging) of columns that could not keep their name.
        quarantine: address of a Parquet file with `origin`, `line`, `bytes`, `reason`; empty when all was read.
        types: type in the source per column, where the source has types.
        notes: what a pilot should know about how it was read.
    """

    snapshot: Snapshot
    origins: tuple[Origin, ...]
    quarantined: int
    quarantine: str = ""
    renames: tuple[tuple[str, str], ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def rows_read(self) -> int:
        """Records met in the source: staged or quarantined."""
        return self.snapshot.rows + self.quarantined


class Source(Protocol):
    """What a source can do."""

    kind: Any

    def describe(self) -> str:
        """The source in words, without secrets."""
        ...

    def read(self, staging: Staging, run_id: str, base: Path, progress: Progress) -> Batch:
        """Read one bounded batch into staging; `base` is the folder that relative addresses start from."""
        ...

    def acknowledge(self, batch: Batch) -> None:
        """Tell the source that its batch is durably staged."""
        ...


class SourceModel(BaseModel):
    """Base of the sources' settings as a pipeline's YAML gives them."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def staged_names(names: list[str]) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    """Names that staging can hold for these column names, and which were renamed.

    Empty names are numbered, names that differ only in case get a number, `_row` is staged as `_row_source`, and
    white space around a name and NUL in it are left out.

    >>> staged_names(["id", "ID", "", "_row"])
    (['id', 'ID_2', 'column_3', '_row_source'], (('ID', 'ID_2'), ('', 'column_3'), ('_row', '_row_source')))
    """
    taken: set[str] = {ROW}
    staged: list[str] = []
    for position, name in enumerate(names, start=1):
        wanted = name.replace("\0", "").strip() or f"column_{position}"
        wanted = f"{ROW}_source" if wanted.casefold() == ROW else wanted
        candidate, number = wanted, 2
        while candidate.casefold() in taken:
            candidate, number = f"{wanted}_{number}", number + 1
        taken.add(candidate.casefold())
        staged.append(candidate)
    return staged, tuple((old, new) for old, new in zip(names, staged, strict=True) if old != new)
