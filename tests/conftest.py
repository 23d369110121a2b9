"""What all tests share."""

from pathlib import Path

import pytest

pytest_plugins = ["tests.services.fixtures"]

TOGETHER = ("flows", "up")
"""Folders whose tests share a Prefect server: one process runs them when several run the tests."""


def pytest_collection_modifyitems(items):
    for item in items:
        folder = Path(item.path).parent.name
        item.add_marker(pytest.mark.xdist_group(folder if folder in TOGETHER else str(item.path)))
