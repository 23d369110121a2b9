"""A pilot who accepts every recommendation: what the flow does to a file, in one process and without Prefect.

The file goes through the product's source into staging, is assessed (`tasks.quality.detect.assess`), and what is
recommended is carried out in the flow's order and by the flow's code (`tasks.quality.carry`), each decision on the
table as the one before left it; then it is assessed again, for as long as something is recommended and rounds are
left.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scoring import Cell, Table, Unusable

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

    from tasks.quality.model import Action, Assessment, Dataset, Issue, Snapshot

CERTAIN = 0.5
"""Confidence from which a suspect cell counts as detected."""

Trusted = Mapping[str, str]
"""Source column → the source whose word the pilot takes, where sources disagree."""


@dataclass(frozen=True)
class Suspicion:
    """The cells that one issue of the first round holds for wrong."""

    issue: str
    kind: str
    confidence: float
    cells: tuple[Cell, ...]

    @property
    def certain(self) -> bool:
        """Whether they count as detected."""
        return self.confidence >= CERTAIN

    def renamed(self, names: Mapping[str, str]) -> Suspicion:
        """The same under other names of columns."""
        return replace(self, cells=tuple((row, names.get(column, column)) for row, column in self.cells))


@dataclass
class Piloted:
    """What became of one table.

    Attributes:
        table: column → values, every row of the input in its order; a row that left is as it was when it left.
        left: rows that are no longer in the table.
        suspicions: what was found in the first round, in cells.
        written: (kind, column) → row → the value that was written last by a decision of that kind.
        failed: what could not be checked, and why.
    """

    table: Table = field(default_factory=dict)
    left: frozenset[int] = frozenset()
    suspicions: tuple[Suspicion, ...] = ()
    written: dict[tuple[str, str], dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    failed: tuple[str, ...] = ()
    decisions: int = 0
    rounds: int = 0
    seconds: float = 0.0

    @property
    def flagged(self) -> frozenset[Cell]:
        """The cells that some issue of the first round holds for wrong with enough confidence."""
        return frozenset(cell for suspicion in self.suspicions if suspicion.certain for cell in suspicion.cells)


def rounds_by_default() -> int:
    """How often a pipeline asks about its quality at most when its spec does not say."""
    from blocks.spec import QualityGate

    return QualityGate().rounds


def pilot(path: Path, rounds: int, trusted: Trusted | None = None) -> Piloted:
    """Read a file, assess it and accept every recommendation, until there is none or no round is left.

    Args:
        path: a CSV file whose first record names the columns.
        rounds: how often it is assessed at most.
        trusted: what the pilot says where sources disagree, instead of what is recommended.

    Raises:
        Unusable: some records cannot be read, so the rows would not be those of the other file.
    """
    from blocks.sources import FileSource, Reading
    from blocks.staging import Staging

    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="gonogo-benchmark-") as folder:
        staging = Staging(folder)
        source = FileSource(path=str(path.absolute()), header=True)
        batch = source.read(Reading(staging, "benchmark", "benchmark", path.parent))
        if batch.quarantined:
            raise Unusable(f"{path}: {batch.quarantined:,} malformed records; a pair needs every row in both files")
        with staging.open(batch.snapshot) as tables:
            outcome = _Pilot(tables, batch.snapshot, trusted or {}).fly(rounds)
    outcome.seconds = time.perf_counter() - started
    return outcome


class _Pilot:
    """The table while it is being refined, and what was noted on the way."""

    def __init__(self, tables: Backend, snapshot: Snapshot, trusted: Trusted) -> None:
        from tasks.steps import Steps

        self._tables = tables
        self._snapshot = snapshot
        self._trusted = trusted
        self._gone: dict[int, dict[str, Any]] = {}
        self._noted = Piloted()
        self._steps = Steps(tables)

    @property
    def _data(self) -> Dataset:
        """The table as it is now."""
        from tasks.quality.contract import Contract

        return self._steps.data(Contract(), self._snapshot.fingerprint)

    def fly(self, rounds: int) -> Piloted:
        """Assess and accept, until nothing is recommended."""
        from tasks.quality.carry import in_order
        from tasks.quality.detect import assess

        for number in range(rounds):
            found = assess(self._data, self._snapshot)
            self._noted.failed += tuple(f"{i.title}: {i.why}" for i in found.issues if i.failed)
            if number == 0:
                self._noted.suspicions = tuple(self._suspicions(found))
            decided = in_order(found, [self._choice(issue) for issue in found.issues])
            if not decided:
                break
            self._noted.rounds += 1
            for issue, action in decided:
                self._carry_out(issue, action)
        self._noted.table = self._refined()
        self._noted.left = frozenset(self._gone)
        return self._noted

    def _choice(self, issue: Issue) -> Action:
        """What is recommended, but for a source that the pilot trusts."""
        from tasks.quality.model import Action

        for option in issue.options:
            source = str(option.parameters.get("source", ""))
            if "trusted" in option.needs and source in self._trusted:
                return Action(issue.id, option.key, {**option.parameters, "trusted": self._trusted[source]})
        return Action(issue.id, issue.recommended, issue.option(issue.recommended).parameters)

    def _carry_out(self, issue: Issue, action: Action) -> None:
        """Carry out one decision; as in the flow, one that cannot be carried out changes nothing."""
        from tasks.quality.carry import carry_out
        from tasks.quality.errors import PilotMustDecide
        from tasks.quality.model import ROW

        try:
            applied = carry_out(self._data, issue, issue.option(action.option).remedy, action.parameters)
        except PilotMustDecide:
            return
        for cell in applied.cells.to_pyarrow().to_pylist():
            self._noted.written[issue.kind, cell["column"]][cell[ROW]] = cell["after"] or ""
        self._gone |= {row[ROW]: row for row in applied.rows.to_pyarrow().to_pylist()}
        self._noted.decisions += 1
        self._steps.take(applied)

    def _suspicions(self, found: Assessment) -> Iterator[Suspicion]:
        for issue in found.issues:
            if issue.unit == "cell" and issue.confidence > 0:
                cells = self._tables.sql(issue.sql).to_pyarrow().to_pylist()
                where = tuple((cell["_row"], cell["column"]) for cell in cells)
                yield Suspicion(issue.id, issue.kind, issue.confidence, where)

    def _refined(self) -> Table:
        """Every row; a column that was dropped is empty, a cell that holds nothing is empty text."""
        from tasks.quality.model import ROW

        after = {row[ROW]: row for row in self._data.table.to_pyarrow().to_pylist()}
        rows = range(self._snapshot.rows)
        if lost := [row for row in rows if row not in after and row not in self._gone]:
            raise AssertionError(f"rows {lost[:5]} are neither in the table nor accounted for")
        return {
            column: [(after[r].get(column) if r in after else self._gone[r][f"was:{column}"]) or "" for r in rows]
            for column in self._snapshot.columns
        }
