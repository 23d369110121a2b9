"""Sources: typed doors through which data comes in. `SourceSpec` is any of them, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from blocks.probe import Probe
from blocks.sources.api import ApiSource
from blocks.sources.base import Batch, Origin, Outcome, Reading, Source
from blocks.sources.database import DatabaseSource
from blocks.sources.file import FileSource
from blocks.sources.s3 import S3Source
from blocks.sources.saved import SavedSource
from blocks.sources.stream import StreamSource
from blocks.sources.union import UnionSource

Single: TypeAlias = ApiSource | DatabaseSource | FileSource | S3Source | StreamSource
"""A source whose settings are its own."""

Member: TypeAlias = Annotated[Single | SavedSource, Field(discriminator="kind")]
"""A source that is not made of others."""

UnionSource.model_rebuild(_types_namespace={"Member": Member})

SourceSpec: TypeAlias = Annotated[Single | SavedSource | UnionSource, Field(discriminator="kind")]

__all__ = [
    "ApiSource",
    "Batch",
    "DatabaseSource",
    "FileSource",
    "Member",
    "Origin",
    "Outcome",
    "Probe",
    "Reading",
    "S3Source",
    "SavedSource",
    "Single",
    "Source",
    "SourceSpec",
    "StreamSource",
    "UnionSource",
]
