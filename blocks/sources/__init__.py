"""Sources: typed doors through which data comes in. `SourceSpec` is any of them, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from blocks.sources.base import Batch, Origin, Outcome, Probe, Reading, Source
from blocks.sources.file import FileSource
from blocks.sources.union import UnionSource

Single: TypeAlias = FileSource
"""A source that is not made of others."""

UnionSource.model_rebuild(_types_namespace={"Single": Single})

SourceSpec: TypeAlias = Annotated[Single | UnionSource, Field(discriminator="kind")]

__all__ = [
    "Batch",
    "FileSource",
    "Origin",
    "Outcome",
    "Probe",
    "Reading",
    "Single",
    "Source",
    "SourceSpec",
    "UnionSource",
]
