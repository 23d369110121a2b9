"""Sources: typed doors through which data comes in. `SourceSpec` is any of them, told apart by `kind`.

Today a source is a file; APIs, streams, databases and S3 take their place in the union beside it.
"""

from __future__ import annotations

from typing import TypeAlias

from blocks.sources.base import Batch, Origin, Outcome, Probe, Reading, Source
from blocks.sources.file import FileSource

SourceSpec: TypeAlias = FileSource

__all__ = ["Batch", "FileSource", "Origin", "Outcome", "Probe", "Reading", "Source", "SourceSpec"]
