"""Where an assessment's time goes: per kind of issue, and whether it is spent planning, in the engine or in Python.

Planning is Ibis compiling an expression to SQL; the engine is DuckDB running it. What is computed once and shared
(`tasks.quality.queries.kept`) counts for the kind that asks first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

PLANNING, ENGINE = "planning", "engine"

SHOWN = 400
"""Characters of a statement that are kept."""


@dataclass
class Clock:
    """Seconds by (step, what): each moment counts once, for the innermost step and activity."""

    seconds: dict[tuple[str, str, str], float] = field(default_factory=dict)
    calls: dict[tuple[str, str], int] = field(default_factory=dict)
    statements: list[tuple[float, str, str]] = field(default_factory=list)
    compiled: str = ""
    _steps: list[tuple[str, str]] = field(default_factory=lambda: [("other", "")])
    _doing: list[str] = field(default_factory=lambda: ["python"])
    _since: float = field(default_factory=time.perf_counter)

    def _settle(self) -> None:
        now = time.perf_counter()
        key = (*self._steps[-1], self._doing[-1])
        self.seconds[key] = self.seconds.get(key, 0.0) + now - self._since
        self._since = now

    @contextmanager
    def step(self, step: str, what: str = "") -> Iterator[None]:
        """Time spent inside counts for this step."""
        self._settle()
        self._steps.append((step, what))
        self.calls[step, what] = self.calls.get((step, what), 0) + 1
        try:
            yield
        finally:
            self._settle()
            self._steps.pop()

    @contextmanager
    def doing(self, activity: str, statement: str = "") -> Iterator[None]:
        """Time spent inside is this activity; of the engine's, the statement is kept, or what was compiled for it."""
        self._settle()
        self._doing.append(activity)
        started = self._since
        try:
            yield
        finally:
            self._settle()
            self._doing.pop()
            if activity not in self._doing and activity == ENGINE:
                step = " ".join(self._steps[-1]).strip()
                self.statements.append(
                    (self._since - started, step, " ".join((statement or self.compiled).split())[:SHOWN])
                )

    def slowest(self, most: int = 25) -> list[dict[str, Any]]:
        """The statements that took longest."""
        top = sorted(self.statements, key=lambda told: -told[0])[:most]
        return [{"seconds": round(seconds, 3), "step": step, "sql": sql} for seconds, step, sql in top]

    def plain(self) -> list[dict[str, Any]]:
        """A record for each step, the longest first."""
        self._settle()
        steps = {key[:2] for key in self.seconds}
        records = [
            {
                "step": step,
                "what": what,
                "calls": self.calls.get((step, what), 1),
                **{
                    activity: round(self.seconds.get((step, what, activity), 0.0), 3)
                    for activity in (ENGINE, PLANNING, "python")
                },
            }
            for step, what in steps
        ]
        return sorted(records, key=lambda r: (-(r[ENGINE] + r[PLANNING] + r["python"]), r["step"], r["what"]))


@contextmanager
def timed() -> Iterator[Clock]:
    """A clock that runs through every detector, recommendation and preview while this is open."""
    from ibis.backends.duckdb import Backend

    from tasks.quality import detect, registry, universal, whatif

    clock = Clock()

    def around(owner: Any, name: str, enter: Callable[..., Any]) -> Any:
        inner = getattr(owner, name)

        def run(*args: Any, **more: Any) -> Any:
            with enter(*args):
                return inner(*args, **more)

        return mock.patch.object(owner, name, run)

    def step(name: str, place: int | None = None) -> Callable[..., Any]:
        return lambda *args: clock.step(name, "" if place is None else _named(args[place]))

    def asked(_backend: Any, what: Any = "", *_more: Any) -> Any:
        return clock.doing(ENGINE, what if isinstance(what, str) else "")

    def compiled(*args: Any, **more: Any) -> Any:
        with clock.doing(PLANNING):
            clock.compiled = compile_(*args, **more)
        return clock.compiled

    compile_ = Backend.compile

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(registry, "_KINDS", _KindsOnTheClock(registry, clock)))
        for name, place in (("_issue", 1), ("_recommended", 1), ("_previewed", 1), ("_suspect_rows", 1)):
            stack.enter_context(around(detect, name, step(_STEPS[name], place)))
        for name in ("weigh", "watched", "score"):
            stack.enter_context(around(detect, name, step(_STEPS[name])))
        stack.enter_context(around(universal, "options", step("universal options", 1)))
        stack.enter_context(mock.patch.object(Backend, "compile", compiled))
        for name in ("raw_sql", "create_table", "create_view", "_register_in_memory_table", "sql"):
            stack.enter_context(around(Backend, name, asked))
        stack.enter_context(around(Backend, "to_pyarrow", asked))
        stack.enter_context(around(whatif.Engine, "rows", asked))
        yield clock


_STEPS = {
    "_issue": "evidence", "_recommended": "recommend", "_previewed": "write options", "_suspect_rows": "suspect rows",
    "weigh": "previews with consequences", "watched": "previews: what to watch", "score": "score",
}  # fmt: skip


def _named(thing: Any) -> str:
    """The kind's name, of a kind or of an issue."""
    return str(getattr(thing, "kind", None) or thing.name)


def _KindsOnTheClock(registry: Any, clock: Clock) -> dict[str, Any]:  # noqa: N802
    registry.kinds()
    return {name: replace(kind, detect=_on_the_clock(kind, clock)) for name, kind in registry._KINDS.items()}


def _on_the_clock(kind: Any, clock: Clock) -> Callable[[Any, Any], Iterator[Any]]:
    def detect(data: Any, settings: Any) -> Iterator[Any]:
        with clock.step("detect", kind.name):
            found = iter(kind.detect(data, settings))
        while True:
            with clock.step("detect", kind.name):
                finding = next(found, None)
            if finding is None:
                return
            yield finding

    return detect
