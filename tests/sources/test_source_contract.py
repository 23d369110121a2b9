"""What every source promises: each record staged once as it was, whatever is killed, slow, full, absent or refused."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace

import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

import blocks.databases
import blocks.s3
import blocks.sources.remote
import blocks.streams
from blocks.sources import Batch, Reading, SourceSpec
from blocks.staging import Staging
from flows.connections import sources
from tasks.quality.detect import _detected, configure
from tasks.quality.errors import Abort, GonogoError, NothingNew, PilotMustDecide, TryAgain
from tasks.quality.model import ROW
from tasks.quality.registry import find_kind
from tests.quality.opened import opened
from tests.sources.carrier import ORIGIN, Carrier
from tests.sources.places import PLACES, SECRET, WRONG, Sqlite

FIRST = ({"id": "1", "city": "Bremen"}, {"id": "2", "city": "Kiel"}), ({"id": "3", "city": "Jena"},)
LATER = {"id": "4", "city": "Ulm"}
ROWS = (("1", "Bremen"), ("2", "Kiel"), ("3", "Jena"))


@pytest.fixture(scope="module")
def carrier():
    made = Carrier()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Nobody is waited for longer than a test can."""
    monkeypatch.setattr(blocks.databases, "CONNECT_SECONDS", 2)
    monkeypatch.setattr(blocks.streams, "CONNECT_SECONDS", 2)
    monkeypatch.setattr(blocks.sources.remote, "_SECONDS", 0.5)
    monkeypatch.setattr(blocks.s3, "ATTEMPTS", 1)


@pytest.fixture
def filled(place):
    for rows in FIRST:
        place.add(*rows)
    return place


def reading(place, run="r1", progress=lambda *_told: None):
    return Reading(Staging(str(place.folder / "staging")), run, "orders", place.folder, progress)


def rows(batch):
    """The staged rows by name, so that neither their order nor new columns matter."""
    return [
        {k: v for k, v in row.items() if k not in (ROW, ORIGIN)}
        for row in pq.read_table(batch.snapshot.uri).to_pylist()
    ]


def records(batch):
    return tuple((row["id"], row["city"]) for row in rows(batch))


def test_every_kind_of_source_is_held_to_this():
    assert {place.kind for place in PLACES} == set(sources())


def test_what_is_there_is_staged_as_text_and_numbered_and_every_row_has_an_origin(filled):
    batch = filled.source().read(reading(filled))
    assert records(batch) == ROWS
    assert pq.read_table(batch.snapshot.uri)[ROW].to_pylist() == [0, 1, 2]
    assert [name for name, type in zip(*_schema(batch), strict=True) if type != "string"] == [ROW]
    assert sum(origin.rows for origin in batch.origins) == 3
    assert [origin.first_row for origin in batch.origins] == [
        sum(before.rows for before in batch.origins[:number]) for number in range(len(batch.origins))
    ]
    assert all(origin.name and origin.fingerprint for origin in batch.origins)


def _schema(batch):
    schema = pq.read_schema(batch.snapshot.uri)
    return schema.names, list(map(str, schema.types))


def test_settings_are_plain_and_come_back(filled):
    source = filled.source()
    assert TypeAdapter(SourceSpec).validate_python(json.loads(source.model_dump_json())) == source


def test_a_read_ends_though_more_comes_and_the_next_one_has_what_the_first_had_not(filled):
    late = [LATER]

    def more_comes(*_told):
        if late:
            filled.add(late.pop())

    source, first, second = filled.source(), reading(filled, "r1", more_comes), reading(filled, "r2")
    batch = source.read(first)
    source.acknowledge(batch, first)
    found = [*records(batch)]
    try:
        found += records(source.read(second))
    except NothingNew:
        assert len(found) == 4
    assert sorted(found) == [*ROWS, ("4", "Ulm")]


def test_an_attempt_made_again_gives_the_same_batch(filled):
    source = filled.source()
    assert source.read(reading(filled)) == source.read(reading(filled))


def test_only_what_was_acknowledged_counts_as_read(filled):
    source = filled.source()
    source.read(reading(filled, "r1"))
    batch = source.read(reading(filled, "r2"))
    assert records(batch) == ROWS
    source.acknowledge(batch, reading(filled, "r2"))
    source.acknowledge(batch, reading(filled, "r2"))
    with pytest.raises(NothingNew):
        source.read(reading(filled, "r3"))
    filled.add(LATER)
    assert records(source.read(reading(filled, "r4"))) == (("4", "Ulm"),)


def test_of_two_runs_that_read_the_same_one_is_acknowledged(filled):
    source = filled.source()
    first, second = (source.read(reading(filled, run)) for run in ("r1", "r2"))
    source.acknowledge(first, reading(filled, "r1"))
    with pytest.raises(Abort, match="meanwhile"):
        source.acknowledge(second, reading(filled, "r2"))


def test_what_is_to_be_read_again_is_or_it_is_said_that_it_cannot_be(filled):
    source = filled.source()
    for run, new, there in (("r1", (), ROWS), ("r2", (LATER,), (("4", "Ulm"),))):
        for row in new:
            filled.add(row)
        batch = source.read(reading(filled, run))
        source.acknowledge(batch, reading(filled, run))
        if source.unread(batch, reading(filled, run)):
            assert source.unread(batch, reading(filled, run)), "told twice"
            again = source.read(reading(filled, f"{run}-again"))
            assert records(again) == there
            source.acknowledge(again, reading(filled, f"{run}-again"))
        else:
            assert run == "r1", "only where nothing was known before"
            with pytest.raises(NothingNew):
                source.read(reading(filled, f"{run}-again"))


def test_killed_before_any_step_each_record_is_staged_once(filled, carrier):
    how = {"steps": filled.steps, "prefect_server": filled.prefect_server}
    whole = carrier.carry(filled.source("whole"), filled.folder, "r1", "r2", root="whole", **how)
    assert whole.said == ("staged", "nothing new")
    assert whole.rows == (ROWS,)
    assert whole.steps >= 4
    for step in range(1, whole.steps + 1):
        root = f"killed-{step}"
        source = filled.source(root)
        killed = carrier.carry(source, filled.folder, "r1", "r2", root=root, kill_at=step, **how)
        assert killed.status == -9, f"step {step} of {whole.steps}: {killed}"
        ended = carrier.carry(source, filled.folder, "r1", "r2", root=root, **how)
        assert (ended.said, ended.rows) == (whole.said, whole.rows), f"killed before step {step} of {whole.steps}"


def test_on_a_full_disk_nothing_is_acknowledged_and_it_goes_on_when_there_is_room(filled, carrier):
    how = {"steps": filled.steps, "prefect_server": filled.prefect_server}
    full = carrier.carry(filled.source(), filled.folder, "r1", most_bytes=300, **how)
    assert re.match(r"(TryAgain|Unavailable): .*(write|disk).*; .+", full.said[0]), full
    ended = carrier.carry(filled.source(), filled.folder, "r1", "r2", **how)
    assert (ended.said, ended.rows) == (("staged", "nothing new"), (ROWS,))


def test_what_is_no_record_is_in_quarantine_with_its_bytes_and_its_place(filled):
    if not filled.has_bad_records:
        assert isinstance(filled, Sqlite), "whatever a database gives is a record"
        return
    filled.spoil()
    batch = filled.source().read(reading(filled))
    (bad,) = pq.read_table(batch.quarantine).to_pylist()
    assert b"spoilt" in bad["bytes"]
    assert bad["reason"]
    assert bad["origin"] in {origin.name for origin in batch.origins}
    assert bad["line"] >= 1
    assert (batch.quarantined, batch.rows_read) == (1, batch.snapshot.rows + 1)
    assert sum(origin.quarantined for origin in batch.origins) == 1
    assert set(ROWS) <= set(records(batch))


def test_a_new_column_is_staged_and_announced(filled):
    source = filled.source()
    before = source.read(reading(filled, "r1"))
    source.acknowledge(before, reading(filled, "r1"))
    filled.add({**LATER, "colour": "red"})
    after = source.read(reading(filled, "r2"))
    assert rows(after) == [{**LATER, "colour": "red"}]
    with opened(_columns(before)) as last, opened(_columns(after)) as now:
        data = replace(now, before=replace(last.profile, snapshot="of the last run"))
        drift = [issue.title for issue in _detected(find_kind("schema_drift"), data, configure("schema_drift", {})[0])]
    assert "colour" in " ".join(drift)


def _columns(batch):
    return {name: [row[name] for row in rows(batch)] for name in batch.snapshot.columns if name != ORIGIN}


def test_nothing_that_is_kept_or_shown_holds_a_secret(filled):
    source = filled.source()
    batch = source.read(reading(filled))
    source.acknowledge(batch, reading(filled))
    shown = [source.describe(), source.identity(), repr(asdict(batch)), *map(repr, source.probe(filled.folder))]
    kept = [path for path in (filled.folder / "staging").rglob("*") if path.is_file()]
    assert len(kept) > 2
    assert all(SECRET not in text for text in shown)
    assert all(SECRET.encode() not in path.read_bytes() for path in kept)


def test_a_probe_changes_nothing_and_says_what_works(filled):
    steps = list(filled.source().probe(filled.folder))
    assert steps
    assert all(step.ok and step.what and step.said for step in steps), steps
    assert not (filled.folder / "staging").exists()
    assert records(filled.source().read(reading(filled))) == ROWS


WHOSE = {"absent": TryAgain, "slow": TryAgain, "full": TryAgain, "refuses": PilotMustDecide}


@pytest.mark.parametrize("name", WHOSE)
def test_what_is_wrong_is_said_with_what_to_do(filled, name, monkeypatch):
    if name not in filled.troubles:
        assert not filled.service, "a server can be all of these"
        return
    if name != "refuses":
        monkeypatch.setattr(blocks.streams, "CONNECT_SECONDS", 1)  # nobody is there who could be slow
    source = filled.trouble(name)
    with pytest.raises(GonogoError) as raised:
        source.read(reading(filled))
    assert isinstance(raised.value, WHOSE[name]), raised.value.message
    assert raised.value.todo or raised.value.available
    *_, last = source.probe(filled.folder)
    assert not last.ok
    for secret in (SECRET, WRONG):
        assert secret not in raised.value.message + last.said + source.describe() + source.identity()
    assert not (filled.folder / "staging" / "r1" / "source.parquet").exists()


def test_a_batch_is_plain_data(filled):
    batch = filled.source().read(reading(filled))
    assert TypeAdapter(Batch).validate_python(json.loads(json.dumps(asdict(batch)))) == batch
