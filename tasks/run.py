"""A run as every stage receives it: who it is and where its memory lies; nothing in it is a secret."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from tasks.quality.errors import PilotMustDecide, TamperError, Unavailable
from tasks.quality.history import History, history, revision_at, snapshots
from tasks.quality.model import Assessment, ChangeSet, Decision, Profile, Snapshot
from tasks.reports.discreet import personal_columns

if TYPE_CHECKING:
    from blocks.approvers import Approvers
    from blocks.ledger import Ledger
    from blocks.sources.base import Progress, Reading
    from blocks.spec import PipelineSpec
    from blocks.staging import Staging
    from blocks.told import Told
    from tasks.quality.contract import Contract
    from tasks.quality.ledger import Entry

T = TypeVar("T")

_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def adapter(kind: type[T]) -> TypeAdapter[T]:
    """What reads and writes records of a kind; it is made once, which takes far longer than a record."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


@dataclass(frozen=True)
class Run:
    """One pipeline run.

    Attributes:
        id: the Prefect flow run's id.
        name: what people call it, e.g. "orders-7f3a".
        source: the source in words, without secrets.
        spec_uri: the pipeline's spec as it was when the run was opened; later edits don't reach the run.
        staging: folder of all runs' snapshots, change sets and assessments.
        ledger: the ledger database's address.
        reports: folder of the run's report pages.
        reports_url: where that folder is served, or its file address.
    """

    id: str
    name: str
    pipeline: str
    source: str
    spec_uri: str
    staging: str
    ledger: str
    reports: str
    reports_url: str

    def open_staging(self) -> Staging:
        """The staging area."""
        from blocks.staging import Staging

        return Staging(self.staging)

    def open_ledger(self) -> Ledger:
        """The ledger; use as a context manager."""
        from blocks.ledger import Ledger

        return Ledger(self.ledger)

    def open_told(self) -> Told:
        """What was announced; use as a context manager."""
        from blocks.told import Told

        return Told(self.ledger)

    def open_approvers(self) -> Approvers:
        """The people who may answer; use as a context manager."""
        from blocks.approvers import KEY_FILE, Approvers

        return Approvers(self.ledger, Path(self.staging).parent / KEY_FILE)

    def spec(self, before: int | None = None) -> PipelineSpec:
        """The pipeline's spec as it was when the run was opened, or as a pilot changed it when the run went back.

        Args:
            before: the number of a ledger entry: as it was then; by default as it is now.
        """
        from blocks.spec import read_opened

        with self.open_ledger() as ledger:
            if before is None:
                changed = ledger.last(self.id, "rewound")
            else:
                rewound = [e for e in ledger.entries(self.id) if e.kind == "rewound" and e.seq < before]
                changed = rewound[-1] if rewound else None
        path = Path(self.spec_uri)
        return read_opened(path.with_name(str(changed.payload["spec"])) if changed else path)

    def reading(self, progress: Progress | None = None) -> Reading:
        """What the run's source is given to read with."""
        from blocks.sources.base import Reading, no_progress

        return Reading(self.open_staging(), self.id, self.pipeline, self.spec().base(), progress or no_progress)

    def recall(self, kind: type[T], name: str) -> T:
        """A record of this kind that an earlier stage kept under this name.

        Raises:
            Unavailable: there is none.
            TamperError: it is another kind of record.
        """
        return _read(kind, self.open_staging().read_json(self.id, name), name)

    def keep(self, name: str, record: Any) -> None:
        """Keep a record for later stages and for whoever looks."""
        self.open_staging().write_json(self.id, name, adapter(type(record)).dump_python(record, mode="json"))

    def keep_all(self, name: str, records: Sequence[Any]) -> None:
        """Keep records of one kind in their order."""
        plain = [adapter(type(record)).dump_python(record, mode="json") for record in records]
        self.open_staging().write_json(self.id, name, plain)

    def recall_all(self, kind: type[T], name: str) -> tuple[T, ...]:
        """Records of this kind that an earlier stage kept under this name."""
        return _read(tuple[kind, ...], self.open_staging().read_json(self.id, name), name)  # type: ignore[valid-type]

    def assessment(self, round: int) -> Assessment:
        """What was found in this round."""
        return self.recall(Assessment, f"assessment-{round}")

    def hidden_columns(self, found: Assessment) -> frozenset[str]:
        """The columns whose values people are not shown: those with personal data, unless the pipeline shows it."""
        spec = self.spec()
        return frozenset() if spec.show_personal_data else personal_columns(found, spec.contract)

    def profile(self, round: int) -> Profile:
        """The column statistics of this round."""
        return self.recall(Profile, f"profile-{round}")

    def decisions(self, before: int | None = None) -> tuple[Decision, ...]:
        """Every decision so far, or before a ledger entry, that was not undone, by number."""
        return self._records(self.history(before).decisions, Decision)

    def contract(self, round: int, *, before: int | None = None, without: int = 0) -> Contract:
        """The contract with the values and bounds that pilots had allowed in this run when a round was assessed.

        Args:
            round: of the assessment.
            before: the number of a ledger entry: as it was then; by default as it is now.
            without: the number of a decision that does not count.
        """
        from tasks.quality.categories import extend_set, extended
        from tasks.quality.ranges import widen, widened

        contract = self.spec(before).contract
        for decision in self.decisions(before):
            if decision.round >= round or decision.number == without:
                continue
            if decision.remedy == extend_set.__name__:
                contract = extended(contract, decision.columns[0], decision.parameters["values"])
            elif decision.remedy == widen.__name__:
                contract = widened(contract, decision.columns[0], **decision.parameters)
        return contract

    def changes(self) -> tuple[ChangeSet, ...]:
        """What every decision that stands did when it was last carried out, by number."""
        return self._records(self.history().changes, ChangeSet)

    def history(self, before: int | None = None) -> History:
        """What stands of the run so far, or stood before the ledger entry of this number."""
        return history([entry for entry in self.entries() if before is None or entry.seq < before])

    def rounds(self) -> int:
        """How many assessments there are."""
        with self.open_ledger() as ledger:
            return sum(entry.key.startswith("stage-assess-") for entry in ledger.entries(self.id))

    def is_staged(self) -> bool:
        """Whether the source was told that its batch is here."""
        with self.open_ledger() as ledger:
            return ledger.find(self.id, "stage-stage") is not None

    def staged(self) -> Snapshot:
        """The source's snapshot.

        Raises:
            PilotMustDecide: the source had nothing new, so that there is none.
            Unavailable: it is not in staging.
        """
        read = next((e.payload for e in self.entries() if e.key == "stage-extract"), {})
        if "why" in read:
            todo = f"gonogo show {self.name}"
            raise PilotMustDecide(f"the run had nothing to read: {read['why']}", where=self.name, todo=todo)
        return self.recall(Snapshot, "snapshot-source")

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Every snapshot in the order in which they were made, the source's first."""
        return (self.staged(), *(self.recall(Snapshot, f"snapshot-{name}") for name in snapshots(self.entries())))

    def revised(self, gate: str) -> Snapshot | None:
        """The table that a pilot made of the one that this gate was asking about, if one did."""
        entry = revision_at(self.entries(), gate)
        return self.recall(Snapshot, f"snapshot-{entry.payload['snapshot']}") if entry else None

    def looks_again(self, gate: str) -> bool:
        """Whether a pilot had the run look at a table again instead of answering this gate."""
        entry = revision_at(self.entries(), gate)
        return entry is not None and entry.kind == "rewound"

    def page(self, name: str) -> str:
        """The address of one report page; where it is served, as a link that opens it for some days."""
        from blocks.links import VALID_SECONDS, key_in, signed

        address = f"{self.reports_url}/{name}"
        if not address.startswith("http"):
            return address
        return signed(address, key_in(Path(self.staging).parent), self.id, int(time.time()) + VALID_SECONDS)

    def page_file(self, name: str) -> Path:
        """The file of one report page."""
        return Path(self.reports) / name

    def entries(self) -> tuple[Entry, ...]:
        """The run's diary."""
        with self.open_ledger() as ledger:
            return ledger.entries(self.id)

    def committed(self, receipt: Mapping[str, Any]) -> dict[str, Any]:
        """A load's receipt as the ledger has it, and how long the load took where that is kept.

        The same input and answers give the same ledger, so a measured time is not in it.
        """
        try:
            kept = self.recall(dict, "receipt")
        except Unavailable:
            return dict(receipt)
        same = kept["fingerprint"] == receipt["fingerprint"]
        return {**receipt, **({"seconds": kept["seconds"]} if same else {})}

    @staticmethod
    def _records(payloads: Sequence[Mapping[str, Any]], record: type[T]) -> tuple[T, ...]:
        return tuple(
            adapter(record).validate_python({k: v for k, v in p.items() if k in record.__annotations__})
            for p in payloads
        )


def recall_run(staging: str, run_id: str) -> Run:
    """A run by its id, from staging.

    Raises:
        Unavailable: staging doesn't know it.
        TamperError: what staging has of it is no record of a run.
    """
    from blocks.staging import Staging

    return _read(Run, Staging(staging).read_json(run_id, "run"), "run")


def _read(kind: type[T], plain: object, name: str) -> T:
    try:
        return adapter(kind).validate_python(plain)
    except ValidationError as error:
        raise TamperError(f"{name}.json was changed: it is no such record any more", todo="restore it") from error


@dataclass(frozen=True)
class Nothing:
    """The source had nothing new, and why we think so."""

    why: str


@dataclass(frozen=True)
class Profiled:
    """A snapshot whose columns were measured; the statistics are kept as `profile-<round>`."""

    snapshot: Snapshot
    round: int
    domains: str
    page: str


@dataclass(frozen=True)
class Examined:
    """A snapshot in which issues were looked for; what was found is kept as `assessment-<round>`.

    Attributes:
        found: id, count and SQL of each issue.
        page: address of the quality report.
    """

    snapshot: Snapshot
    round: int
    score: float
    issues: int
    recommended: int
    checks_failed: int
    found: tuple[tuple[str, int, str], ...]
    page: str
    profile_page: str


@dataclass(frozen=True)
class Loaded:
    """What became of a load: the receipt is kept as `receipt` when it succeeded.

    Attributes:
        problem: why the destination refused; it was left as it was.
        new_columns: that its table lacks; a pilot who says go now lets them be added.
    """

    loaded: bool
    rows: int = 0
    destination: str = ""
    problem: str = ""
    new_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Goals:
    """What the goals came to; the comparison of before and after is kept as `goals`.

    Attributes:
        figures: goal, value, SQL and snapshot fingerprint of each figure.
    """

    goals: int
    targets: int
    met: int
    figures: tuple[tuple[str, float | None, str, str], ...]
    page: str
