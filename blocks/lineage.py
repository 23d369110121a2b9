"""The door to an OpenLineage backend: an HTTP endpoint or a file, from the pipeline or from the environment.

The environment's names are those of OpenLineage itself: OPENLINEAGE_URL, OPENLINEAGE_ENDPOINT, OPENLINEAGE_API_KEY,
OPENLINEAGE_NAMESPACE, and OPENLINEAGE_DISABLED=true to send nothing. What the pipeline says holds instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from blocks.variables import resolved
from tasks.quality.errors import Unavailable
from tasks.quality.secrets import mask

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

ENDPOINT = "api/v1/lineage"
NAMESPACE = "gonogo"
TIMEOUT_SECONDS = 5.0


class Lineage(BaseModel):
    """Where OpenLineage events go; by default where the environment says, if it says so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = Field(default=None, description="of an OpenLineage backend, e.g. http://marquez.example.org:5000")
    endpoint: str = Field(default=ENDPOINT, description="path that takes events")
    api_key: str | None = Field(default=None, description="write it as ${NAME} of an environment variable")
    file: str | None = Field(default=None, description="events are appended to this file, one JSON object a line")
    namespace: str | None = Field(default=None, description="of the job; by default OPENLINEAGE_NAMESPACE or 'gonogo'")

    @model_validator(mode="after")
    def _one_place(self) -> Lineage:
        if self.url and self.file:
            raise ValueError("name 'url' or 'file', not both")
        return self


@dataclass(frozen=True)
class Receiver:
    """Where events go.

    Attributes:
        name: for people, without secrets.
        namespace: of the jobs.
    """

    name: str
    namespace: str
    send: Callable[[RunEvent], None] = field(repr=False)


def receiver(lineage: Lineage, base: Path) -> Receiver | None:
    """The receiver that the pipeline or the environment names; None when neither does.

    Raises:
        SpecError: a variable that the pipeline names is not set.
    """
    if os.environ.get("OPENLINEAGE_DISABLED", "").lower() in ("true", "1"):
        return None
    namespace = lineage.namespace or os.environ.get("OPENLINEAGE_NAMESPACE") or NAMESPACE
    if lineage.file:
        path = base / Path(resolved(lineage.file, "lineage.file")).expanduser()
        return Receiver(str(path), namespace, lambda event: _append(path, event))
    if lineage.url:
        key = resolved(lineage.api_key, "lineage.api_key") if lineage.api_key else ""
        return _over_http(resolved(lineage.url, "lineage.url"), lineage.endpoint, key, namespace)
    if url := os.environ.get("OPENLINEAGE_URL"):
        endpoint = os.environ.get("OPENLINEAGE_ENDPOINT") or ENDPOINT
        return _over_http(url, endpoint, os.environ.get("OPENLINEAGE_API_KEY", ""), namespace)
    return None


def _over_http(url: str, endpoint: str, key: str, namespace: str) -> Receiver:
    host = urlsplit(url)
    name = mask(f"{host.scheme}://{host.hostname}{f':{host.port}' if host.port else ''}")
    return Receiver(name, namespace, lambda event: _post(url, endpoint, key, name, event))


def _post(url: str, endpoint: str, key: str, name: str, event: RunEvent) -> None:
    from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider

    auth = ApiKeyTokenProvider({"apiKey": key}) if key else TokenProvider({})
    once = {"total": 0, "read": 0, "connect": 0}  # a run does not wait for its lineage: it is sent again at its end
    config = HttpConfig(url=url, endpoint=endpoint, timeout=TIMEOUT_SECONDS, auth=auth, retry=once)
    try:
        HttpTransport(config).emit(event)
    except Exception as error:  # whatever a transport raises, the run goes on
        raise Unavailable(f"{name} did not take the event: {mask(_told(error))}") from error


def _append(path: Path, event: RunEvent) -> None:
    from openlineage.client.transport.file import FileConfig, FileTransport

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        FileTransport(FileConfig(log_file_path=str(path), append=True)).emit(event)
    except (OSError, RuntimeError) as error:
        raise Unavailable(f"{path} did not take the event: {mask(str(error))}") from error


def _told(error: Exception) -> str:
    """What went wrong, without the address, which may hold a secret."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return f"status {status}" if status else type(error).__name__
