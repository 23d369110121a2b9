"""What if: another run that starts from a table of this one, and loads nothing but a file of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from blocks.staging import write_text
from tasks.quality.model import ROW
from tasks.rewind import table_at
from tasks.run import Run
from tasks.steps import escaped

FREE = {"who": {}, "people": 1, "signed": False, "remember": "never"}
"""A what-if loads nothing that anybody relies on, so that whoever tries it answers it."""


def branch(run: Run, start: str, folder: Path, parts: Mapping[str, Any]) -> Path:
    """Write the pipeline of a what-if run, and the table that it starts from.

    Args:
        run: that it branches off.
        start: where from, as `tasks.rewind.places` says.
        folder: that the what-if is kept in; made new.
        parts: sections of the pipeline that are another way in it.

    Returns:
        The pipeline's file.

    Raises:
        PilotMustDecide: the run was never there.
    """
    table = table_at(run, start)
    folder.mkdir(parents=True)
    data = folder / "table.parquet"
    with run.open_staging().open(table) as tables:
        query = f"SELECT * EXCLUDE ({ROW}) FROM snapshot ORDER BY {ROW}"
        tables.raw_sql(f"COPY ({query}) TO '{escaped(str(data))}' (FORMAT parquet)")
    spec = run.spec().model_copy(update=dict(parts))
    said = spec.model_dump(mode="json", exclude_none=True, exclude={"folder", "schedule", "notify", "source"})
    said["name"] = f"{spec.name}-what-if"[:63]
    said["source"] = {"kind": "file", "path": str(data)}
    said["destination"] = {"kind": "file", "path": str(folder / "refined.parquet")}
    said["gates"] = {name: {**gate, **FREE} for name, gate in said["gates"].items()}
    said["lookups"] = {name: _absolute(lookup, spec.base()) for name, lookup in said.get("lookups", {}).items()}
    write_text(folder / "pipeline.yaml", yaml.safe_dump(said, sort_keys=False, allow_unicode=True))
    return folder / "pipeline.yaml"


def _absolute(lookup: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """A lookup whose file is found from anywhere."""
    path = str(lookup.get("path", ""))
    return dict(lookup) | ({"path": str(base / path)} if path and "://" not in path else {})
