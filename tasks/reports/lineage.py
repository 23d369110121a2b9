"""A run as an OpenLineage event: datasets with schema, quality and column lineage, and the decisions as a facet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import attr
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.generated.base import RunFacet
from openlineage.client.generated.column_lineage_dataset import (
    ColumnLineageDatasetFacet,
    Fields,
    InputField,
    Transformation,
)
from openlineage.client.generated.data_quality_assertions_dataset import Assertion, DataQualityAssertionsDatasetFacet
from openlineage.client.generated.data_quality_metrics_dataset import (
    ColumnMetrics as OutputColumn,
)
from openlineage.client.generated.data_quality_metrics_dataset import DataQualityMetricsDatasetFacet
from openlineage.client.generated.data_quality_metrics_input_dataset import (
    ColumnMetrics,
    DataQualityMetricsInputDatasetFacet,
)
from openlineage.client.generated.documentation_job import DocumentationJobFacet
from openlineage.client.generated.error_message_run import ErrorMessageRunFacet
from openlineage.client.generated.job_type_job import JobTypeJobFacet
from openlineage.client.generated.output_statistics_output_dataset import OutputStatisticsOutputDatasetFacet
from openlineage.client.generated.processing_engine_run import ProcessingEngineRunFacet
from openlineage.client.generated.schema_dataset import SchemaDatasetFacet, SchemaDatasetFacetFields

if TYPE_CHECKING:
    from tasks.quality.checks import ContractCheck
    from tasks.quality.model import ColumnProfile, Profile

PRODUCER = "urn:gonogo"
DECISIONS = "gonogo_decisions"
"""The name of the facet with the decisions."""

Moment = Literal["START", "COMPLETE", "ABORT", "FAIL"]


@attr.define
class DecisionsRunFacet(RunFacet):
    """Who decided what, on which evidence, and what it did; and the head of the ledger that proves it."""

    decisions: list[dict[str, Any]] = attr.field(factory=list)
    outcome: str = attr.field(default="")
    note: str = attr.field(default="")
    ledgerHead: str = attr.field(default="")  # noqa: N815  (as OpenLineage writes names)

    @staticmethod
    def _get_schema() -> str:
        return f"{PRODUCER}:decisions-run-facet:1"


@dataclass(frozen=True)
class Place:
    """A dataset by its names in OpenLineage."""

    namespace: str
    name: str


@dataclass(frozen=True)
class Column:
    """A column of the output: its source's column ("" when it has none), and what was done to it.

    Attributes:
        changes: what was decided, in words, for each decision that changed it.
        beside: other columns of the source that those decisions looked at.
    """

    name: str
    source: str
    changes: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """What an event tells; of a run that has only begun, datasets and decisions are known by name only, or not yet."""

    run_id: str
    at: str
    namespace: str
    pipeline: str
    description: str
    version: str
    inputs: tuple[Place, ...]
    output: Place
    before: Profile | None = None
    after: Profile | None = None
    checks_before: tuple[ContractCheck, ...] = ()
    checks_after: tuple[ContractCheck, ...] = ()
    columns: tuple[Column, ...] = ()
    rows_loaded: int | None = None
    decisions: tuple[dict[str, Any], ...] = ()
    outcome: str = ""
    note: str = ""
    head: str = ""


def event(moment: Moment, told: Told) -> RunEvent:
    """The event of this moment of a run."""
    return RunEvent(
        eventType=RunState[moment],
        eventTime=told.at,
        producer=PRODUCER,
        run=Run(told.run_id, _run_facets(moment, told)),
        job=Job(told.namespace, told.pipeline, _job_facets(told)),
        inputs=[_input(place, told) for place in told.inputs],
        outputs=[_output(told)],
    )


def _run_facets(moment: Moment, told: Told) -> dict[str, Any]:
    facets: dict[str, Any] = {
        "processing_engine": ProcessingEngineRunFacet(told.version, "gonogo", producer=PRODUCER),
    }
    if moment == "FAIL":
        facets["errorMessage"] = ErrorMessageRunFacet(told.note, "python", producer=PRODUCER)
    if moment != "START":
        facets[DECISIONS] = DecisionsRunFacet(
            decisions=list(told.decisions),
            outcome=told.outcome,
            note=told.note,
            ledgerHead=told.head,
            producer=PRODUCER,
        )
    return facets


def _job_facets(told: Told) -> dict[str, Any]:
    facets: dict[str, Any] = {"jobType": JobTypeJobFacet("BATCH", "GONOGO", "PIPELINE", producer=PRODUCER)}
    if told.description:
        facets["documentation"] = DocumentationJobFacet(told.description, producer=PRODUCER)
    return facets


def _input(place: Place, told: Told) -> InputDataset:
    if told.before is None:
        return InputDataset(place.namespace, place.name)
    alone = len(told.inputs) == 1  # the profile is of all inputs together
    metrics: dict[str, Any] = {"dataQualityMetrics": _metrics(told.before)} if alone else {}
    if alone and told.checks_before:
        metrics["dataQualityAssertions"] = _assertions(told.checks_before)
    return InputDataset(place.namespace, place.name, metrics, facets={"schema": _schema(told.before)})


def _output(told: Told) -> OutputDataset:
    place, facets, statistics = told.output, dict[str, Any](), dict[str, Any]()
    if told.after is not None:
        facets = {"schema": _schema(told.after), "columnLineage": _column_lineage(told)}
        columns = {c.name: OutputColumn(**_figures(c)) for c in told.after.columns}
        facets["dataQualityMetrics"] = DataQualityMetricsDatasetFacet(
            columnMetrics=columns, rowCount=told.after.rows, producer=PRODUCER
        )
        if told.checks_after:
            facets["dataQualityAssertions"] = _assertions(told.checks_after)
    if told.rows_loaded is not None:
        statistics["outputStatistics"] = OutputStatisticsOutputDatasetFacet(told.rows_loaded, producer=PRODUCER)
    return OutputDataset(place.namespace, place.name, statistics, facets=facets)


def _schema(profile: Profile) -> SchemaDatasetFacet:
    fields = [SchemaDatasetFacetFields(c.name, c.kind, ordinal_position=i) for i, c in enumerate(profile.columns, 1)]
    return SchemaDatasetFacet(fields, producer=PRODUCER)


def _metrics(profile: Profile) -> DataQualityMetricsInputDatasetFacet:
    columns = {c.name: ColumnMetrics(**_figures(c)) for c in profile.columns}
    return DataQualityMetricsInputDatasetFacet(columns, profile.rows, producer=PRODUCER)


def _figures(column: ColumnProfile) -> dict[str, Any]:
    """Counts and bounds of a column; no value of it that is no number."""
    return {
        "nullCount": column.missing_count,
        "distinctCount": column.distinct_count,
        "count": column.present_count,
        "min": column.minimum,
        "max": column.maximum,
    }


def _assertions(checks: Sequence[ContractCheck]) -> DataQualityAssertionsDatasetFacet:
    told = [
        Assertion(
            assertion=check.name,
            success=check.passed,
            column=check.columns[0] if len(check.columns) == 1 else None,
            description=check.title,
            expected="0 fail",
            actual=check.problem or f"{check.failures} fail",
        )
        for check in checks
    ]
    return DataQualityAssertionsDatasetFacet(told, producer=PRODUCER)


def _column_lineage(told: Told) -> ColumnLineageDatasetFacet:
    fields = {column.name: Fields(_input_fields(column, told.inputs)) for column in told.columns if column.source}
    return ColumnLineageDatasetFacet(fields, producer=PRODUCER)


def _input_fields(column: Column, inputs: Sequence[Place]) -> list[InputField]:
    found = []
    for place in inputs:
        kind = "TRANSFORMATION" if column.changes else "IDENTITY"
        direct = Transformation("DIRECT", kind, "; ".join(column.changes) or None)
        found.append(InputField(place.namespace, place.name, column.source, [direct]))
        for other in column.beside:
            looked_at = [Transformation("INDIRECT", "CONDITIONAL")]
            found.append(InputField(place.namespace, place.name, other, looked_at))
    return found
