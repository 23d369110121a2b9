"""A Prefect server of the tests' own, and blocks saved in it as the Prefect UI does."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.services.process import folder

_UNNEEDED = (
    "CANCELLATION_CLEANUP",
    "CLEANUP_RECONCILER",
    "EVENT_PERSISTER",
    "FOREMAN",
    "LATE_RUNS",
    "PAUSE_EXPIRATIONS",
    "REPOSSESSOR",
    "SCHEDULER",
    "TASK_RUN_RECORDER",
    "TRIGGERS",
)
"""What the server does beside answering, and no run that a test pilots has need of; servers of `tests/up` do all."""


@contextlib.contextmanager
def prefect() -> Iterator[str]:
    from prefect.events.worker import EventsWorker
    from prefect.settings import (
        PREFECT_API_SSL_CERT_FILE,
        PREFECT_API_URL,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )
    from prefect.testing.utilities import prefect_test_harness

    from flows.local import one_certificate

    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        certificates = str(one_certificate(stack.enter_context(folder("gonogo-prefect-"))))
        patch.setenv("PREFECT_API_SSL_CERT_FILE", certificates)  # of other processes that work with it
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        for service in _UNNEEDED:
            patch.setenv(f"PREFECT_SERVER_SERVICES_{service}_ENABLED", "false")
        stack.enter_context(prefect_test_harness(server_startup_timeout=120))
        own = {PREFECT_LOGGING_TO_API_ENABLED: False, PREFECT_API_SSL_CERT_FILE: certificates}
        stack.enter_context(temporary_settings(own))
        yield PREFECT_API_URL.value()
        EventsWorker.drain_all(timeout=10)  # events for servers that are gone would be waited for without end


class SavedBlocks:
    """Sources and destinations that are saved in the server, whose types it learns first."""

    def __init__(self) -> None:
        from prefect.client.orchestration import get_client

        from blocks import destinations, sources
        from blocks.saved import kinds, register

        self._sides = {"source": kinds(sources.Single), "destination": kinds(destinations.Single)}
        self._made: set[tuple[str, str]] = set()
        with get_client(sync_client=True) as client:
            for side, models in self._sides.items():
                list(register(client, side, models))
                assert list(register(client, side, models)) == [], "known already"

    def save(self, side: str, kind: str, name: str, **settings: Any) -> None:
        """Save a block as the form does: what it hides is text."""
        from blocks.saved import block_type

        block = block_type(side, self._sides[side][kind])
        hidden = {name for name, field in block.model_fields.items() if "SecretStr" in str(field.annotation)}
        texts = {n: json.dumps(v) for n, v in settings.items() if n in hidden and not isinstance(v, str)}
        block(**settings | texts).save(name, overwrite=True)
        self._made.add((name, block.get_block_type_slug()))

    def clear(self) -> None:
        """Remove all that was saved."""
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            while self._made:
                name, slug = self._made.pop()
                client.delete_block_document(client.read_block_document_by_name(name, slug).id)
