"""A destination that is saved as a Prefect block, named in a pipeline instead of written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from blocks.destinations.base import Destination, Load, LoadBatch, Receipt, TakenBack
from blocks.probe import Probe
from blocks.saved import kinds, loaded
from tasks.quality.errors import GonogoError


class SavedDestination(BaseModel):
    """A destination whose settings were saved in the Prefect UI; what the pipeline sets as well holds instead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    EXAMPLE: ClassVar = """
kind: saved
name: warehouse         # as it is called under Blocks in the Prefect UI
settings:               # instead of what is saved
  table: orders
"""

    kind: Literal["saved"] = "saved"
    name: str = Field(pattern=r"^[a-z0-9-]+$", description="the block's name")
    settings: Mapping[str, Any] = Field(default_factory=dict, description="they hold instead of what is saved")

    def describe(self) -> str:
        """The destination in words."""
        return f"saved destination {self.name}"

    @property
    def replaces(self) -> bool:
        """Whether all that it has may give way to what is loaded: what was saved is not looked up for it."""
        return True

    def prepare(self, batch: LoadBatch, base: Path) -> AbstractContextManager[Load]:
        """Prepare the destination that was saved; raises as `destination` does."""
        return self.destination.prepare(batch, base)

    def load(self, batch: LoadBatch, base: Path) -> Receipt:
        """Load into the destination that was saved; raises as `destination` does."""
        return self.destination.load(batch, base)

    def undo(self, run_id: str, base: Path) -> TakenBack:
        """Take a load of the destination that was saved back; raises as `destination` does."""
        return self.destination.undo(run_id, base)

    def read_back(self, run_id: str, base: Path) -> str | None:
        """What the saved destination holds now of a load; raises as `destination` does."""
        return self.destination.read_back(run_id, base)

    def probe(self, base: Path) -> Iterator[Probe]:
        """Look the block up, then try the destination."""
        what = f"look up the block {self.name}"
        try:
            destination = self.destination
        except GonogoError as error:
            yield Probe(what, False, error.message)
        else:
            yield Probe(what, True, destination.describe())
            yield from destination.probe(base)

    @cached_property
    def destination(self) -> Destination:
        """The destination itself.

        Raises:
            SpecError: no destination is saved by this name, or its settings don't fit.
            Unavailable: the Prefect server is away.
        """
        from blocks.destinations import Single

        destination: Destination = loaded("destination", self.name, kinds(Single), self.settings)
        return destination
