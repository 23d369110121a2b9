"""A source that is saved as a Prefect block, named in a pipeline instead of written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from blocks.probe import Probe
from blocks.saved import kinds, loaded
from blocks.sources.base import Batch, Origin, Outcome, Reading, Source, SourceModel
from tasks.quality.errors import GonogoError


class SavedSource(SourceModel):
    """A source whose settings were saved in the Prefect UI; what the pipeline sets as well holds instead."""

    EXAMPLE: ClassVar = """
kind: saved
name: shop-files        # as it is called under Blocks in the Prefect UI
settings:               # instead of what is saved
  path: in/2026/*.csv
"""

    kind: Literal["saved"] = "saved"
    name: str = Field(pattern=r"^[a-z0-9-]+$", description="the block's name")
    settings: Mapping[str, Any] = Field(default_factory=dict, description="they hold instead of what is saved")

    def describe(self) -> str:
        """The source in words."""
        return f"saved source {self.name}"

    def identity(self) -> str:
        """What the source itself says."""
        return self.source.identity()

    def read(self, reading: Reading) -> Batch:
        """Read from the source that was saved.

        Raises:
            SpecError: no source is saved by this name, or its settings don't fit.
            Unavailable: the Prefect server is away.
        """
        return self.source.read(reading)

    def acknowledge(self, batch: Batch, reading: Reading) -> None:
        """Tell the source that its batch is durably staged."""
        self.source.acknowledge(batch, reading)

    def unread(self, batch: Batch, reading: Reading) -> bool:
        """Let the next read of the saved source begin where this one did; False where that cannot be."""
        return self.source.unread(batch, reading)

    def settle(self, batch: Batch, outcome: Outcome, reading: Reading) -> str:
        """Tell the source what became of its batch."""
        return self.source.settle(batch, outcome, reading)

    def place(self, origin: Origin, number: int, base: Path) -> str:
        """Where the saved source says that the record is; its number, where the block cannot be looked up."""
        try:
            return self.source.place(origin, number, base)
        except GonogoError:
            return f"record {number:,}"

    def probe(self, base: Path) -> Iterator[Probe]:
        """Look the block up, then try the source."""
        what = f"look up the block {self.name}"
        try:
            source = self.source
        except GonogoError as error:
            yield Probe(what, False, error.message)
        else:
            yield Probe(what, True, source.describe())
            yield from source.probe(base)

    @cached_property
    def source(self) -> Source:
        """The source itself; raises as `read` does."""
        from blocks.sources import Single

        source: Source = loaded("source", self.name, kinds(Single), self.settings)
        return source
