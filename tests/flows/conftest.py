"""One Prefect server for all flow tests, and a pilot who carries runs through in the test's own process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.piloting import Pilot

ORDERS = """id,customer,price,quantity,total
1,ann,10,2,20
2,bob,N/A,1,10
3,cid,5,3,15
4,dan,,2,8
5,eve,7,n/a,7
6,fay,9,1,9
6,fay,9,1,9
7,gus,11,2,22
8,hal,12,1,12
"""


@pytest.fixture(scope="session")
def prefect_server():
    from prefect.events.worker import EventsWorker
    from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    quiet = {PREFECT_LOGGING_TO_API_ENABLED: False}
    with prefect_test_harness(server_startup_timeout=120), temporary_settings(quiet):
        yield PREFECT_API_URL.value()
        EventsWorker.drain_all(timeout=10)  # events for servers that are gone would be waited for without end


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GONOGO_REPORTS_URL", raising=False)
    return tmp_path / "home"


@pytest.fixture
def pilot(prefect_server, home, tmp_path) -> Pilot:
    return Pilot(tmp_path, home)


@pytest.fixture
def orders(tmp_path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS)
    return path
