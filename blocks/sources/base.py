"""The contract of every source: read a bounded batch into staging, acknowledge it once staging is durable.

A new kind of source is one file with a model that has `kind`, `describe` and `read`, and a line in
`blocks/sources/__init__.py`. What it read up to goes into its batch as `position`; the next run of the pipeline
finds it as `Reading.position`, but only once the batch was acknowledged, so nothing is left out and nothing is
staged twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from blocks.probe import Probe
from tasks.quality.model import ROW, Snapshot

if TYPE_CHECKING:
    from blocks.staging import Staging

Progress = Callable[[str, int, int], None]
"""Told what is being read, how far, and out of how much (0: unknown)."""


def no_progress(_doing: str, _done: int, _total: int) -> None:
    """For reads that nobody watches."""


@dataclass(frozen=True)
class Origin:
    """One file, page or partition that rows came from.

    Attributes:
        fingerprint: of its content, or what the source knows it by (ETag, offsets).
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
        since: the position that the read began from, empty when there was none.
        position: where the next read goes on, as JSON values; empty for a source that has no such thing.
        places: address of a Parquet file with `_row`, `origin` and `place` of every row, where a row's place in its
            origin is more than its number.
        lookups: fingerprint of the values that references may refer to, empty without such.
    """

    snapshot: Snapshot
    origins: tuple[Origin, ...]
    quarantined: int
    quarantine: str = ""
    renames: tuple[tuple[str, str], ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    since: Mapping[str, Any] = field(default_factory=dict)
    position: Mapping[str, Any] = field(default_factory=dict)
    places: str = ""
    lookups: str = ""

    @property
    def rows_read(self) -> int:
        """Records met in the source: staged or quarantined."""
        return self.snapshot.rows + self.quarantined


@dataclass(frozen=True)
class Reading:
    """For whom a source reads, and where to.

    Attributes:
        base: the folder that relative addresses start from.
        name: of the snapshot to be written.
    """

    staging: Staging
    run_id: str
    pipeline: str
    base: Path
    progress: Progress = no_progress
    name: str = "source"

    def landing(self) -> Path:
        """A folder for what was fetched; a read that was killed finds it again, and it goes once all is staged."""
        folder = self.staging.folder(self.run_id) / f"{self.name}.landing"
        folder.mkdir(exist_ok=True)
        return folder

    def clear(self) -> None:
        """Remove what was fetched, as it is staged."""
        for folder in self.staging.folder(self.run_id).glob(f"{self.name}*.landing"):
            shutil.rmtree(folder)

    def position(self, identity: str) -> Mapping[str, Any]:
        """Where the pipeline's last acknowledged read of this source ended; empty when there was none."""
        return self.staging.position(self.pipeline, identity)


@dataclass(frozen=True)
class Outcome:
    """What became of a batch.

    Attributes:
        loaded: False when a pilot stopped the run.
        rows: how many rows were loaded.
        destination: where to, in words.
    """

    run_id: str
    pipeline: str
    loaded: bool
    rows: int
    destination: str


class Source(Protocol):
    """What a source can do."""

    kind: Any

    def describe(self) -> str:
        """The source in words, without secrets."""
        ...

    def identity(self) -> str:
        """What tells this source from others: positions are kept by it."""
        ...

    def read(self, reading: Reading) -> Batch:
        """Read one bounded batch into staging."""
        ...

    def acknowledge(self, batch: Batch, reading: Reading) -> None:
        """Tell the source that its batch is durably staged; may be told more than once."""
        ...

    def unread(self, batch: Batch, reading: Reading) -> bool:
        """Let the next read begin where this one did; False where that cannot be. May be told more than once."""
        ...

    def settle(self, batch: Batch, outcome: Outcome, reading: Reading) -> str:
        """Tell the source what became of its batch, and say what was done there; may be told more than once."""
        ...

    def place(self, origin: Origin, number: int, base: Path) -> str:
        """Where in its origin the `number`th record (from 1) is, if the batch has no places."""
        ...

    def probe(self, base: Path) -> Iterator[Probe]:
        """Try the connection step by step, changing nothing."""
        ...


class SourceModel(BaseModel):
    """Base of the sources' settings as a pipeline's YAML gives them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    HIDDEN: ClassVar[tuple[str, ...]] = ()
    """Settings that may hold a password although their names do not say so."""

    EXAMPLE: ClassVar[str] = ""
    """YAML of such a source."""

    def describe(self) -> str:
        """The source in words, without secrets."""
        raise NotImplementedError

    def identity(self) -> str:
        """What tells this source from others: positions are kept by it."""
        return self.describe()

    def acknowledge(self, batch: Batch, reading: Reading) -> None:
        """Keep where the next read goes on.

        Raises:
            Abort: another run has read from the same position meanwhile, and was acknowledged.
        """
        if batch.position:
            reading.staging.advance(
                reading.pipeline, self.identity(), reading.run_id, since=batch.since, position=batch.position
            )

    def unread(self, batch: Batch, reading: Reading) -> bool:
        """Let the next read begin where this one did; a source without positions is read whole every time."""
        if not batch.position:
            return True
        return reading.staging.retreat(reading.pipeline, self.identity(), reading.run_id, since=batch.since)

    def settle(self, batch: Batch, outcome: Outcome, reading: Reading) -> str:  # noqa: ARG002  (for those who care)
        """Tell the source what became of its batch: most need not know."""
        return ""

    def place(self, origin: Origin, number: int, base: Path) -> str:  # noqa: ARG002  (for those who can look)
        """Where in its origin the `number`th record (from 1) is, if the batch has no places."""
        return f"record {number:,}"


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
