"""Sources and destinations that are saved in Prefect are used by their name, and what they hide stays hidden."""

from __future__ import annotations

import json

import pytest
import yaml

from tasks.quality.errors import SpecError


@pytest.fixture
def saved(saved_blocks):
    return saved_blocks.save


def pipeline(pilot, **sections):
    path = pilot.folder / "saved.yaml"
    path.write_text(yaml.safe_dump({"name": "saved", "gates": {"quality": "never", "load": "never"}, **sections}))
    return path


def test_a_run_reads_from_and_loads_into_what_is_saved(pilot, saved, tmp_path):
    (tmp_path / "in.csv").write_text("id,price\n1,10\n2,20\n")
    secret = f"sqlite:///{tmp_path / 'out.db'}?password=s3cret-Passw0rd"
    saved("source", "file", "shop", path="absent.csv")
    saved("destination", "database", "warehouse", url=secret.partition("?")[0], table="other")
    source = {"kind": "saved", "name": "shop", "settings": {"path": str(tmp_path / "in.csv")}}
    destination = {"kind": "saved", "name": "warehouse", "settings": {"table": "orders"}}
    pilot.start(pipeline(pilot, source=source, destination=destination))
    assert pilot.go() == "Completed"
    assert [row[0] for row in pilot.loaded()] == [1, 2]
    assert pilot.record().source == "saved source shop"
    assert str(tmp_path / "out.db") not in (tmp_path / "home/staging" / str(pilot.id) / "pipeline.json").read_text()


def test_secrets_are_hidden_in_the_saved_block(pilot, saved, tmp_path):
    from prefect.client.orchestration import get_client

    saved("destination", "database", "hidden", url="postgresql://ann:s3cret-Passw0rd@db/x", table="t")
    with get_client(sync_client=True) as client:
        shown = client.read_block_document_by_name("hidden", "gonogo-destination-database", include_secrets=False)
    assert "s3cret" not in json.dumps(shown.data)
    assert shown.data["table"] == "t"


def test_what_an_api_is_asked_with_is_hidden_and_found_again(pilot, saved):
    from prefect.client.orchestration import get_client

    from blocks.sources import SavedSource

    with get_client(sync_client=True) as client:
        bearer = "{kind: bearer, token: s3cret-Passw0rd}"
        saved("source", "api", "shop-api", url="https://api.example.org/orders", authentication=bearer)
        shown = client.read_block_document_by_name("shop-api", "gonogo-source-api", include_secrets=False)
    assert "s3cret" not in json.dumps(shown.data)
    assert SavedSource(name="shop-api").source.authentication.token == "s3cret-Passw0rd"


def test_a_name_that_nothing_is_saved_by_is_said_with_what_there_is(pilot, saved, tmp_path):
    from blocks.sources import SavedSource

    saved("source", "file", "shop-files", path="a.csv")
    with pytest.raises(SpecError, match=r"no source is saved as 'shop-file'.*available: shop-files.*Did you mean"):
        _ = SavedSource(name="shop-file").source
    with pytest.raises(SpecError, match=r"'pth': Extra inputs are not permitted in source 'shop-files'"):
        _ = SavedSource(name="shop-files", settings={"pth": "b.csv"}).source
    probes = list(SavedSource(name="shop-files").probe(tmp_path))
    assert [probe.ok for probe in probes] == [True, False]
    assert "no file 'a.csv'" in probes[1].said
