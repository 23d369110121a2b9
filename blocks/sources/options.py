"""How files of records are read."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from blocks.sources.base import SourceModel


class FileOptions(SourceModel):
    """How files are read; what is not set is sniffed."""

    format: Literal["csv", "json", "ndjson", "parquet", "excel"] | None = Field(
        default=None, description="by default the one that the file's name tells"
    )
    delimiter: str | None = Field(default=None, min_length=1, max_length=1, description="by default sniffed")
    encoding: str | None = Field(default=None, description="by default sniffed; any name that Python knows")
    header: bool | None = Field(
        default=None, description="whether the first record names the columns; by default sniffed"
    )
    sheet: str | None = Field(default=None, description="Excel sheet; by default the first")
    records: str | None = Field(default=None, description="JSON: name of the list of records, e.g. 'data.items'")
