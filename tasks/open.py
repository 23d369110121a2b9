"""Opening a run: its spec is read once, so that later edits of the YAML never reach a run under way."""

from __future__ import annotations

import os
from pathlib import Path

from prefect import runtime

from tasks.announce import Happened, tagged_pipeline
from tasks.lineage import tell_begin
from tasks.record import once, tell
from tasks.run import Run

NAMED = "named"
"""Tag of a run that somebody gave its name."""


def run_name() -> str:
    """What people call the run, in every replay: the name it was given, else its pipeline and the start of its id."""
    run, start = runtime.flow_run, f"-{str(runtime.flow_run.id)[:6]}"
    if NAMED in run.tags or str(run.name).endswith(start):
        return str(run.name)
    file = Path(str(run.parameters.get("pipeline", "")))
    return f"{tagged_pipeline(run.tags) or file.name.partition('.')[0] or 'run'}{start}"


@once("open")
def open_run(pipeline: str, home: str) -> Run:
    """Read the pipeline, keep its spec with the run, and write the run's first ledger entry.

    Args:
        pipeline: a pipeline's YAML, or a data file to run with sensible defaults.
        home: folder of staging, reports and the ledger.

    Raises:
        SpecError: the pipeline cannot be read; the message names the lines and the fixes.
    """
    from blocks.spec import load_or_default, write_opened

    spec, id = load_or_default(pipeline), str(runtime.flow_run.id)
    reports = Path(home) / "reports" / id
    url = os.environ.get("GONOGO_REPORTS_URL")
    run = Run(
        id=id,
        name=str(runtime.flow_run.name),
        pipeline=spec.name,
        source=spec.source.describe(),
        spec_uri=str(Path(home) / "staging" / id / "pipeline.json"),
        staging=str(Path(home) / "staging"),
        ledger=os.environ.get("GONOGO_LEDGER") or f"sqlite:///{Path(home) / 'ledger.db'}",
        reports=str(reports),
        reports_url=f"{url}/{id}" if url else reports.as_uri(),
    )
    write_opened(spec, run.spec_uri)
    run.keep("run", run)
    with run.open_ledger() as ledger:
        told = {"name": run.name, "pipeline": spec.name, "source": run.source, "spec": spec.to_public()}
        ledger.append(id, "opened", "opened", told)
    tell_begin(run)
    tell(run, Happened.RUN_OPENED, "opened", f"{run.name}: {run.source}")
    return run
