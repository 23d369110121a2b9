"""Destinations: typed doors through which refined data goes out, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from blocks.destinations.base import Destination, Load, LoadBatch, NewColumns, Receipt, TakenBack
from blocks.destinations.database import DatabaseDestination
from blocks.destinations.file import FileDestination
from blocks.destinations.s3 import S3Destination
from blocks.destinations.saved import SavedDestination
from blocks.destinations.stream import StreamDestination

Single: TypeAlias = DatabaseDestination | FileDestination | S3Destination | StreamDestination
"""A destination whose settings are its own."""

DestinationSpec: TypeAlias = Annotated[Single | SavedDestination, Field(discriminator="kind")]

__all__ = [
    "DatabaseDestination",
    "Destination",
    "DestinationSpec",
    "FileDestination",
    "Load",
    "LoadBatch",
    "NewColumns",
    "Receipt",
    "S3Destination",
    "SavedDestination",
    "Single",
    "StreamDestination",
    "TakenBack",
]
