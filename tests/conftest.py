"""What all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

UNASKED = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
settings.register_profile("busy", deadline=None, suppress_health_check=UNASKED)
settings.load_profile("busy")  # how long an example takes says how busy the machine is

pytest_plugins = ["tests.services.fixtures"]

SHARING = {"flows": 2, "up": 1}
"""Folders whose tests share a Prefect server, and in how many parts, each with a server of its own, they run when
several processes run the tests."""


def pytest_xdist_auto_num_workers(config):
    """How many processes run the tests: what one waits for keeps no core busy."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores * 3 // 2)


def pytest_collection_modifyitems(items):
    files = sorted({item.path for item in items})
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item.path, files.index(item.path))))


def _group(path: Path, place: int) -> str:
    folder = path.parent.name
    return f"{folder}-{place % SHARING[folder]}" if folder in SHARING else str(path)
