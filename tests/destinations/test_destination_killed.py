"""kill -9 at every step of a load and of its undoing: the old rows or the new ones, and each load once."""

import os
import signal

import pytest

from tests.destinations.conftest import BY_BLOCK, DATABASES, named
from tests.destinations.killing import MANY, Killing
from tests.destinations.places import Bucket, Database, batch

OLD = {"id": ["1", "2"], "name": ["old", "old"]}
TABLES, MARKERS, FILE = "blocks.destinations.tables", "blocks.destinations.markers:Markers", "blocks.destinations.file"
LOADING = "blocks.destinations.loading:TableLoad"


def cases(place) -> list[tuple[str, str, str, int]]:
    """What is done, into which columns, when it dies, and how many rows are there then."""
    new = len(MANY)
    if isinstance(place, Bucket):
        own = "blocks.destinations.s3:"
        moments = [f"{own}write_table", f"after {own}S3Load._bring", f"{own}S3Destination.publish"]
        loads = [("load", "other", moment, 2) for moment in moments]
        loads += [("load", "other", f"after {own}S3Destination.publish", new), ("known", "", "", new)]
        return [*loads, ("undo", "", f"{own}S3Destination.publish", new)]
    if not isinstance(place, Database):
        writing = [f"{FILE}:write_table", f"after {FILE}:_pack", f"{FILE}:write_text", f"after {FILE}:write_text"]
        loads = [("load", "other", moment, 2) for moment in writing]
        undo = [("undo", "", f"{FILE}:write_text", new), ("undo", "", f"after {FILE}:write_text", new)]
        return [*loads, ("load", "other", f"after {FILE}:FileLoad.commit", new), ("known", "", "", new), *undo]
    writing = [f"{TABLES}:fill", f"after {TABLES}:fill", f"{MARKERS}.write", f"after {MARKERS}.write"]
    loads = [("load", "other", moment, 2) for moment in writing]
    loads += [("load", "same", f"after {MARKERS}.write", 2)]
    if "mysql" not in place.url:
        undo = [("undo", "", f"{MARKERS}.change", new), ("undo", "", f"after {MARKERS}.change", new)]
        return [*loads, ("load", "other", f"after {LOADING}.commit", new), ("known", "", "", new), *undo]
    before, after = f"{TABLES}:rename", f"after {TABLES}:rename"
    loads += [("load", "other", before, 2), ("load", "other", after, new)]
    return [*loads, ("known", "", "", new), ("undo", "", before, new), ("undo", "", after, 2)]


@pytest.fixture(
    params=[*DATABASES, "out.parquet", "out.csv.gz", pytest.param("s3", marks=pytest.mark.service), *BY_BLOCK]
)
def killed(request):
    return named(request, request.param)


@pytest.fixture(scope="module")
def killing(prefect_server):
    """A child has none of the settings that are this process's own: where saved blocks are looked up, it is told."""
    made = Killing({**os.environ, "PREFECT_API_URL": prefect_server})
    yield made
    made.close()


def test_what_is_killed_never_was_or_is_done_and_nothing_is_done_twice(killed, killing):
    place = killed
    place.load(batch(OLD))
    expected = cases(place)
    about = {"place": place.spec, "folder": str(place.folder)}
    told = [about | {"verb": verb, "columns": columns, "moment": moment} for verb, columns, moment, _rows in expected]
    seen = dict(zip([case[:3] for case in expected], killing.of(told), strict=True))
    dies = {case[:3]: [0 if case[0] == "known" else -signal.SIGKILL, case[3]] for case in expected}
    assert seen == dies
    place.undo("run-2")
    assert place.rows() == [("1", "old"), ("2", "old")]
