"""A schema registry of the tests' own: it speaks the part of Confluent's REST protocol that readers need.

It is no Confluent product; `python -m tests.services.registry` starts an empty one. Schemas are put in with `put`.
Protobuf schemas are given as file descriptors, as a registry that was asked for `format=serialized` gives them.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.services.process import serve


@dataclass
class Registry:
    """What the registry holds.

    Attributes:
        url: its address.
        refuse: an HTTP status that it answers everything with.
        asked: the paths that were asked for.
    """

    url: str = ""
    refuse: int = 0
    asked: list[str] = field(default_factory=list)
    _schemas: list[dict[str, Any]] = field(default_factory=list)

    def put(self, subject: str, schema: object, references: Sequence[tuple[str, str]] = ()) -> int:
        """Put a schema (Avro: JSON; Protobuf: a FileDescriptorProto) under a subject; gives its number.

        Args:
            references: (name, subject) of other schemas.
        """
        refers = [{"name": name, "subject": other, "version": 1} for name, other in references]
        given = {"subject": subject, "version": 1, "id": len(self._schemas) + 1, "references": refers}
        if hasattr(schema, "SerializeToString"):
            given |= {"schemaType": "PROTOBUF", "schema": base64.b64encode(schema.SerializeToString()).decode()}
        else:
            given |= {"schema": json.dumps(schema)}
        self._schemas.append(given)
        return len(self._schemas)

    def answer(self, path: str, query: str) -> tuple[int, Any]:
        """Status and JSON for a GET."""
        self.asked.append(path)
        if self.refuse:
            return self.refuse, {"error_code": self.refuse, "message": "refused"}
        match path.strip("/").split("/"):
            case ["subjects"]:
                return 200, [each["subject"] for each in self._schemas]
            case ["schemas", "ids", number]:
                found = [each for each in self._schemas if str(each["id"]) == number]
            case ["subjects", subject, "versions", _]:
                found = [each for each in self._schemas if each["subject"] == unquote(subject)]
            case _:
                found = []
        if not found:
            return 404, {"error_code": 40403, "message": "Schema not found"}
        if found[0].get("schemaType") == "PROTOBUF" and query != "format=serialized":
            return 200, found[0] | {"schema": 'syntax = "proto3"; // as text'}
        return 200, found[0]


@contextlib.contextmanager
def registry() -> Iterator[Registry]:
    """Yields an empty registry."""
    held = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            address = urlsplit(self.path)
            status, body = held.answer(address.path, address.query)
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        held.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield held
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def _address() -> Iterator[str]:
    with registry() as held:
        yield held.url


if __name__ == "__main__":
    serve(_address)
