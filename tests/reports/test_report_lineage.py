"""What is told of a run is what OpenLineage's own models hold, and no value of the data is in it."""

from __future__ import annotations

import importlib
import json

import pytest
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.serde import Serde

from tasks.quality.checks import ContractCheck
from tasks.quality.model import ColumnProfile, Profile
from tasks.reports.lineage import Column, DecisionsRunFacet, Place, Told, event

MODELS = {
    "schema": ("schema_dataset", "SchemaDatasetFacet"),
    "columnLineage": ("column_lineage_dataset", "ColumnLineageDatasetFacet"),
    "dataQualityAssertions": ("data_quality_assertions_dataset", "DataQualityAssertionsDatasetFacet"),
    "outputStatistics": ("output_statistics_output_dataset", "OutputStatisticsOutputDatasetFacet"),
    "processing_engine": ("processing_engine_run", "ProcessingEngineRunFacet"),
    "jobType": ("job_type_job", "JobTypeJobFacet"),
    "errorMessage": ("error_message_run", "ErrorMessageRunFacet"),
    "documentation": ("documentation_job", "DocumentationJobFacet"),
    "gonogo_decisions": (None, DecisionsRunFacet),
}
METRICS = {
    "inputFacets": ("data_quality_metrics_input_dataset", "DataQualityMetricsInputDatasetFacet"),
    "facets": ("data_quality_metrics_dataset", "DataQualityMetricsDatasetFacet"),
}


def rebuilt(name: str, plain: dict, where: str):
    """A facet made again by OpenLineage's own model from what was sent."""
    module, model = METRICS[where] if name == "dataQualityMetrics" else MODELS[name]
    if module:
        model = getattr(importlib.import_module(f"openlineage.client.generated.{module}"), model)
    said = {key: value for key, value in plain.items() if not key.startswith("_")}
    return model(**said, producer=plain["_producer"])


def check_against_the_models(sent: dict) -> None:
    """Raise when what was sent is not what the models make of it."""

    def facets(where: str, found: dict) -> dict:
        return {name: rebuilt(name, plain, where) for name, plain in found.get(where, {}).items()}

    def dataset(model, own: str, found: dict):
        return model(found["namespace"], found["name"], facets(own, found), facets=facets("facets", found))

    again = RunEvent(
        eventType=RunState[sent["eventType"]],
        eventTime=sent["eventTime"],
        producer=sent["producer"],
        run=Run(sent["run"]["runId"], facets("facets", sent["run"])),
        job=Job(sent["job"]["namespace"], sent["job"]["name"], facets("facets", sent["job"])),
        inputs=[dataset(InputDataset, "inputFacets", each) for each in sent["inputs"]],
        outputs=[dataset(OutputDataset, "outputFacets", each) for each in sent["outputs"]],
    )
    assert Serde.to_dict(again) == sent


def profile() -> Profile:
    price = ColumnProfile("price", 10, 1, 1, 7, numeric_count=8, minimum=1.0, maximum=9.0, top=(("secret", 3),))
    return Profile("sha256:s", 10, (price, ColumnProfile("city", 10, 0, 0, 3, top=(("Ulm", 5),))))


def told(**more) -> Told:
    common = {
        "run_id": "6f2d1c3a-0000-4000-8000-00000000abcd",
        "at": "2026-01-02T03:04:05.000000+00:00",
        "namespace": "gonogo",
        "pipeline": "orders",
        "description": "Orders.",
        "version": "0.1.0",
        "inputs": (Place("file", "/in/orders.csv"),),
        "output": Place("postgres://db:5432", "shop.sales.orders"),
    }
    return Told(**common | more)


def ended(**more) -> Told:
    check = ContractCheck("minimum", "price is at least 0", ("price",), 2, 10)
    columns = (
        Column("price", "price", ("write plain numbers",), ("city",)),
        Column("town", "city"),
        Column("flag", ""),
    )
    facts = {
        "rows_loaded": 9,
        "decisions": ({"number": 1, "decidedBy": "ann"},),
        "outcome": "loaded",
        "head": "sha256:h",
    }
    both = {"before": profile(), "after": profile(), "checks_before": (check,), "checks_after": (check,)}
    return told(columns=columns, **facts, **both, **more)


@pytest.mark.parametrize(
    ("moment", "what"),
    [
        ("START", told()),
        ("COMPLETE", ended()),
        ("ABORT", told(outcome="no-go")),
        ("FAIL", told(outcome="failed", note="the source is away")),
    ],
)
def test_every_event_is_what_the_models_make_of_it(moment, what):
    sent = json.loads(Serde.to_json(event(moment, what)))
    check_against_the_models(sent)
    assert (sent["eventType"], sent["run"]["runId"]) == (moment, what.run_id)


def test_columns_lead_to_the_source_with_what_was_decided_and_what_was_looked_at():
    sent = Serde.to_dict(event("COMPLETE", ended()))
    fields = sent["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert set(fields) == {"price", "town"}, "a column that was added comes from none"
    direct, beside = fields["price"]["inputFields"]
    assert (direct["name"], direct["field"]) == ("/in/orders.csv", "price")
    assert direct["transformations"] == [
        {"type": "DIRECT", "subtype": "TRANSFORMATION", "description": "write plain numbers"}
    ]
    assert (beside["field"], beside["transformations"][0]["type"]) == ("city", "INDIRECT")
    (same,) = fields["town"]["inputFields"]
    assert (same["field"], same["transformations"][0]["subtype"]) == ("city", "IDENTITY")


def test_quality_and_decisions_are_told_and_values_of_the_data_are_not():
    sent = Serde.to_dict(event("COMPLETE", ended()))
    metrics = sent["inputs"][0]["inputFacets"]["dataQualityMetrics"]
    assert (metrics["rowCount"], metrics["columnMetrics"]["price"]["distinctCount"]) == (10, 7)
    (assertion,) = sent["outputs"][0]["facets"]["dataQualityAssertions"]["assertions"]
    assert (assertion["success"], assertion["column"], assertion["actual"]) == (False, "price", "2 fail")
    facet = sent["run"]["facets"]["gonogo_decisions"]
    assert (facet["decisions"][0]["decidedBy"], facet["ledgerHead"]) == ("ann", "sha256:h")
    assert sent["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 9
    assert "secret" not in json.dumps(sent)
