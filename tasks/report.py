"""Report: the quality-issues report as a page, as JSON and as Prefect artifacts, with links to all of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from blocks.sources import Batch
from tasks.quality.checks import ContractCheck
from tasks.quality.detect import expired, without_column
from tasks.quality.model import Assessment
from tasks.record import stage, write_page
from tasks.reports.discreet import decided, discreet, retold
from tasks.reports.quality import QualityReport, issues_table, quality_html, quality_json, quality_markdown
from tasks.reports.records import BadLine, Link, Seal
from tasks.run import Examined, Run

MALFORMED_SHOWN = 10


def _says(examined: Examined) -> str:
    return f"quality report of round {examined.round} written"


def _records(examined: Examined) -> Mapping[str, Any]:
    return {"pages": [examined.page.rpartition("/")[2]], "snapshot": examined.snapshot.fingerprint}


@stage("report", doing="writing the quality report", says=_says, records=_records)
def report(run: Run, examined: Examined, *, round: int) -> Examined:
    """Write the report's page and JSON, and show it in the Prefect UI."""
    told = quality_report(run, examined)
    write_page(run, f"quality-{round}.html", quality_html(told))
    write_page(run, f"quality-{round}.json", quality_json(told))
    _show(told, round)
    return examined


def quality_report(run: Run, examined: Examined) -> QualityReport:
    """Everything that the report of a round tells."""
    batch, spec, round = run.recall(Batch, "batch"), run.spec(), examined.round
    hidden = frozenset().union(*(run.hidden_columns(run.assessment(each)) for each in range(1, round + 1)))
    return QualityReport(
        run=run.name,
        pipeline=run.pipeline,
        source=run.source,
        generated=now(),
        assessment=_told(run, round),
        previous=_told(run, round - 1) if round > 1 else None,
        malformed=batch.quarantined,
        malformed_sample=_malformed(run, batch),
        rows_read=batch.rows_read,
        renames=batch.renames,
        checks=run.recall_all(ContractCheck, f"checks-{round}"),
        goals=spec.goals,
        remarks=(
            *without_column(spec.settings, [*run.snapshots()[0].columns, *examined.snapshot.columns]),
            *expired(spec.settings, run.assessment(round).issues),
        ),
        decisions=tuple(decided(decision, hidden) for decision in run.decisions()),
        changes=run.changes(),
        returned=run.history().rows_returned,
        links=(Link("Column profile", f"profile-{round}.html"),),
        seal=seal(run),
    )


def shown(run: Run, round: int) -> Assessment:
    """The assessment of a round as people see it: without what personal data says, unless the pipeline shows it."""
    found = run.assessment(round)
    return discreet(found, run.hidden_columns(found))


def _told(run: Run, round: int) -> Assessment:
    found = run.assessment(round)
    return retold(found, run.hidden_columns(found))


def seal(run: Run) -> Seal:
    """What proves a page: the ledger's head as it is now, and the versions at work."""
    with run.open_ledger() as ledger:
        head = ledger.head(run.id)
    return Seal(head, {name: version(name) for name in ("gonogo", "duckdb", "ibis-framework")})


def now() -> str:
    """The moment as a page shows it."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _malformed(run: Run, batch: Batch) -> tuple[BadLine, ...]:
    if not batch.quarantine:
        return ()
    with run.open_staging().open(batch.snapshot, {"bad": batch.quarantine}) as tables:
        bad = tables.table("bad").order_by("origin", "line").limit(MALFORMED_SHOWN).to_pyarrow().to_pylist()
    return tuple(BadLine(b["line"], b["reason"], b["bytes"].decode("utf-8", "backslashreplace")) for b in bad)


def _show(told: QualityReport, round: int) -> None:
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    create_markdown_artifact(quality_markdown(told), key="quality-report", description=f"Quality, round {round}")
    create_table_artifact(issues_table(told), key="quality-issues", description=f"Issues, round {round}")
