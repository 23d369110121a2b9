"""A pilot who carries runs through in the test's own process."""

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
