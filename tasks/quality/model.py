"""The words the kernel speaks: frozen records that pass between stages.

Everything but `Dataset`, `Finding` and the effects is plain data: it goes through JSON unharmed, so it can be
a Prefect result, a ledger payload and a report's input. Tables are never inside; a `Snapshot` says where
one is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tasks.quality.approval import Signature

if TYPE_CHECKING:
    import ibis
    import pyarrow as pa

    from tasks.quality.contract import Contract

ROW = "_row"
"""Name of the column that carries a row's 0-based position in the source."""


class Dimension(StrEnum):
    """Data quality dimensions (DAMA DMBOK2, ch. 13; confidentiality from ISO/IEC 25012)."""

    COMPLETENESS = "completeness"
    UNIQUENESS = "uniqueness"
    VALIDITY = "validity"
    CONSISTENCY = "consistency"
    ACCURACY = "accuracy"
    TIMELINESS = "timeliness"
    INTEGRITY = "integrity"
    CONFIDENTIALITY = "confidentiality"


class Severity(StrEnum):
    """How much an issue matters. `INFO` never lowers a score and is never recommended against."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


class Verdict(StrEnum):
    """What a pilot can say at a gate; the last two only about what another one said."""

    GO = "go"
    RESOLVE = "resolve"
    NO_GO = "no-go"
    CONFIRM = "confirm"
    REJECT = "reject"


class Disposition(StrEnum):
    """Where a row went that is no longer in the table."""

    DROPPED = "dropped"
    QUARANTINED = "quarantined"
    MERGED = "merged"


@dataclass(frozen=True)
class Snapshot:
    """An immutable table in staging: `_row` (int64) and text columns, sorted by `_row`."""

    id: str
    uri: str
    fingerprint: str
    rows: int
    columns: tuple[str, ...]
    parent: str | None = None


@dataclass(frozen=True)
class Pattern:
    """One way in which values of a column are written: `9` stands for digits, `a` for letters, in runs.

    Attributes:
        values: distinct values written so.
        rows: rows that hold one of them.
    """

    text: str
    values: int
    rows: int


@dataclass(frozen=True)
class ColumnProfile:
    """Statistics of one column from one scan; counts are of rows.

    Attributes:
        patterns: the most frequent patterns first, blank values aside; not all when there are very many.
        pattern_count: how many there are.
    """

    name: str
    rows: int
    null_count: int
    blank_count: int
    distinct_count: int
    numeric_count: int = 0
    integer_count: int = 0
    date_count: int = 0
    boolean_count: int = 0
    min_length: int = 0
    max_length: int = 0
    mean_length: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    median: float | None = None
    top: tuple[tuple[str, int], ...] = ()
    histogram: tuple[tuple[float, float, int], ...] = ()
    patterns: tuple[Pattern, ...] = ()
    pattern_count: int = 0

    @property
    def missing_count(self) -> int:
        """Rows that hold nothing: null, or nothing but white space."""
        return self.null_count + self.blank_count

    @property
    def present_count(self) -> int:
        """Rows that hold something."""
        return self.rows - self.missing_count

    @property
    def missing_rate(self) -> float:
        """Share of rows that hold nothing, 0 to 1."""
        return self.missing_count / self.rows if self.rows else 0.0

    @property
    def kind(self) -> Literal["empty", "integer", "number", "date", "boolean", "text"]:
        """The type that every present value can be read as."""
        present = self.present_count
        if not present:
            return "empty"
        if self.integer_count == present:
            return "integer"
        if self.numeric_count == present:
            return "number"
        if self.date_count == present:
            return "date"
        return "boolean" if self.boolean_count == present else "text"


@dataclass(frozen=True)
class Profile:
    """Statistics of every column of one snapshot."""

    snapshot: str
    rows: int
    columns: tuple[ColumnProfile, ...]

    def column(self, name: str) -> ColumnProfile:
        """The profile of one column.

        Raises:
            KeyError: no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True)
class Cell:
    """One suspect value, as evidence."""

    row: int
    column: str
    value: str | None


@dataclass(frozen=True)
class Change:
    """One cell before and after a remedy.

    Attributes:
        cells: how many cells change in just this way, of which `row` holds the first; 0 where it was not counted.
    """

    row: int
    column: str
    before: str | None
    after: str | None
    cells: int = 0


@dataclass(frozen=True)
class Preview:
    """What a remedy would do, computed before anyone decides.

    Attributes:
        changes: the most frequent changes.
        surprising: of the others, those that a reader would expect least (`tasks.quality.consequences`).
        clears: issue id, or `contract: ` and a promise → suspect cells or rows fewer, by its own query.
        creates: the same → more; an issue id that is not in the assessment is one that the change would raise.
        goals: goal → its value afterwards, for the goals that the change can move.
        unknown: issues, promises and goals that it may alter, but by how much was not computed: the table is too
            large for it, or a column that the query needs is dropped.
    """

    rows_changed: int = 0
    cells_changed: int = 0
    rows_removed: int = 0
    columns_dropped: tuple[str, ...] = ()
    columns_added: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    removed: tuple[int, ...] = ()
    surprising: tuple[Change, ...] = ()
    clears: Mapping[str, int] = field(default_factory=dict)
    creates: Mapping[str, int] = field(default_factory=dict)
    goals: Mapping[str, float | None] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    columns_renamed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Option:
    """One thing a pilot can do about an issue.

    Attributes:
        key: unique within the issue, `[a-z0-9-]+`; what an answer names.
        remedy: the registered remedy that does it.
        parameters: its parameters, already filled in.
        label: what a person reads, e.g. "fill with the median (12)".
        why: the evidence for it.
        leaves: what it would not fix.
        confidence: how sure it is that what it writes is right, 0 to 1, by the measure that its module documents;
            None where nothing is written or nobody can know.
        safe: may be pre-selected; at most one option of an issue is.
        needs: parameters that only the pilot can supply.
    """

    key: str
    remedy: str
    label: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    leaves: str = ""
    confidence: float | None = None
    safe: bool = False
    needs: tuple[str, ...] = ()
    preview: Preview | None = None


@dataclass(frozen=True)
class Issue:
    """Suspect cells or rows of one snapshot, and the query that says which.

    Attributes:
        id: `[a-z0-9-]+`, unique within an assessment and the same in every run over the same columns.
        count: suspect cells (`unit` "cell") or rows (`unit` "row"), out of `checked`.
        sql: selects `_row`, `column`, `value` of every suspect cell from the tables `snapshot` and `domains`;
            for row issues `column` and `value` are null.
        facts: what the detector learned and the remedies need.
        confidence: how sure it is that a suspect cell is wrong, 0 to 1, by the measure that the kind documents;
            0 where the issue is that something is missing, repeated or worth a look.
        failed: the detector itself crashed: nothing is known ("could not check").
        about: what it says of the table as a whole, e.g. which column is missing: its rows stand for the table, and
            the score counts it as one column's cells; empty where cells or rows themselves are suspect.
    """

    id: str
    kind: str
    module: str
    dimension: Dimension
    severity: Severity
    columns: tuple[str, ...]
    count: int
    checked: int
    unit: Literal["cell", "row"]
    title: str
    why: str
    sql: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    sample: tuple[Cell, ...] = ()
    options: tuple[Option, ...] = ()
    recommended: str = "keep"
    confidence: float = 0.0
    failed: bool = False
    about: str = ""

    @property
    def rate(self) -> float:
        """`count` out of `checked`, 0 to 1."""
        return self.count / self.checked if self.checked else 0.0

    def option(self, key: str) -> Option:
        """The option with this key.

        Raises:
            KeyError: the issue offers no such option.
        """
        for option in self.options:
            if option.key == key:
                return option
        raise KeyError(key)


@dataclass(frozen=True)
class DimensionScore:
    """One dimension's score and the counts it was computed from."""

    dimension: Dimension
    score: float
    suspect_cells: int
    suspect_rows: int


@dataclass(frozen=True)
class Score:
    """Quality from 0 (worst) to 100, overall and per dimension; the formula is in `tasks.quality.score`."""

    overall: float
    dimensions: tuple[DimensionScore, ...]
    cells: int
    rows: int


@dataclass(frozen=True)
class Muted:
    """A finding that the pipeline's settings say not to raise; `count` is of suspect cells or rows."""

    kind: str
    columns: tuple[str, ...]
    count: int
    reason: str
    until: dt.date | None = None


@dataclass(frozen=True)
class Note:
    """Something worth knowing about the data that is no issue.

    Attributes:
        figures: the numbers it tells, by name.
        sql: the query of `snapshot` and `domains` that gives one row with them; empty where it could not be computed.
    """

    kind: Literal["unchanged", "key", "dependency", "correlation", "skew", "high cardinality", "failed"]
    columns: tuple[str, ...]
    text: str
    figures: Mapping[str, float]
    sql: str


@dataclass(frozen=True)
class Assessment:
    """Everything found in one snapshot.

    Attributes:
        goals: what the user's goals come to in it, by name.
    """

    snapshot: Snapshot
    profile: Profile
    issues: tuple[Issue, ...]
    score: Score
    muted: tuple[Muted, ...] = ()
    notes: tuple[Note, ...] = ()
    goals: Mapping[str, float | None] = field(default_factory=dict)

    def issue(self, id: str) -> Issue:
        """The issue with this id.

        Raises:
            KeyError: no such issue.
        """
        for issue in self.issues:
            if issue.id == id:
                return issue
        raise KeyError(id)


@dataclass(frozen=True)
class Action:
    """The pilot's choice for one issue."""

    issue: str
    option: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Remember:
    """What a pilot asks to be remembered of an answer.

    Attributes:
        seconds: for how long.
        rate: the largest share, 0 to 1, that may be affected; None: twice the present one.
        issues: which; none named: all, and that the gate goes on when nothing else is to be decided.
        any_column: whether it holds for other columns, too.
    """

    seconds: float
    rate: float | None = None
    issues: tuple[str, ...] = ()
    any_column: bool = False

    @classmethod
    def recalled(cls, said: Mapping[str, Any] | None) -> Remember | None:
        """From plain data, as the ledger keeps it."""
        return cls(**{**said, "issues": tuple(said["issues"])}) if said else None


@dataclass(frozen=True)
class Answer:
    """What was said at a gate, by whom, and how we know.

    Attributes:
        signatures: those of a strict gate.
        remember: for how long the same is to be done without asking.
        hold: whether the run is to hold again before its next stage.
    """

    gate: str
    verdict: Verdict
    answered_by: str
    method: str
    comment: str = ""
    actions: tuple[Action, ...] = ()
    signatures: tuple[Signature, ...] = ()
    remember: Remember | None = None
    hold: bool = False


@dataclass(frozen=True)
class Decision:
    """One remedy that was decided, numbered within the run from 1."""

    number: int
    gate: str
    issue: str
    kind: str
    module: str
    remedy: str
    option: str
    label: str
    columns: tuple[str, ...]
    parameters: Mapping[str, Any]
    facts: Mapping[str, Any]
    sql: str
    answered_by: str

    @property
    def round(self) -> int:
        """Of the assessment that was decided on."""
        return int(self.gate.rpartition("-")[2])


@dataclass(frozen=True)
class ChangeSet:
    """What one decision did; the cells and rows themselves are in the Parquet files it names.

    `cells_uri` holds `_row`, `column`, `before`, `after`, `decision`; `rows_uri` holds `_row`, `disposition`,
    `into`, `reason`, `decision` and the columns of the row as it was when it left.
    """

    decision: int
    cells_changed: int
    rows_changed: int
    rows_in: int
    rows_out: int
    dropped: int
    quarantined: int
    merged: int
    columns_dropped: tuple[str, ...]
    columns_added: tuple[str, ...]
    cells_uri: str
    cells_fingerprint: str
    rows_uri: str
    rows_fingerprint: str
    columns_renamed: tuple[tuple[str, str], ...] = ()


# --- what lives only inside one computation: these hold Ibis expressions and never leave a task ---------


@dataclass(frozen=True)
class Dataset:
    """A snapshot opened for computing.

    Attributes:
        table: `snapshot`: `_row` and text columns.
        domains: `domains`: `column`, `value`, `n`: every distinct value that is not null, with its count.
        before: the statistics of the last run that was loaded, if there is one.
        today: the day of the assessment, for promises about age; the earliest there is means that no one asks.
        encoded: reads columns of the table as dictionaries beside `_row`, part by part, where it lies in a file that
            has them so already.
        kept: results of queries that are asked again and again (`tasks.quality.queries.kept`).
    """

    table: ibis.Table
    domains: ibis.Table
    profile: Profile
    contract: Contract
    before: Profile | None = None
    today: dt.date = dt.date.min
    encoded: Callable[[Sequence[str]], Iterable[pa.Table]] | None = field(default=None, compare=False)
    kept: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The data columns, without `_row`."""
        return tuple(c for c in self.table.columns if c != ROW)


@dataclass(frozen=True)
class Finding:
    """What a detector returns; `tasks.quality.detect` makes an `Issue` of it.

    Attributes:
        cells: `_row`, `column`, `value` of the suspect cells (rows: `column` and `value` null), as an expression or
            as a query of `snapshot` and `domains`.
        sql: the same as such a query, where `cells` reads what was kept of it.
        about: what it says of the table as a whole (`Issue.about`); its id names it, and no suspect is needed.
    """

    columns: tuple[str, ...]
    cells: ibis.Table | str
    count: int
    checked: int
    why: str
    severity: Severity = Severity.MEDIUM
    unit: Literal["cell", "row"] = "cell"
    title: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    confidence: float = 0.0
    sql: str = ""
    about: str = ""


@dataclass(frozen=True)
class ValueMap:
    """Write `new` wherever `column` holds `old`, for each (old, new)."""

    column: str
    pairs: tuple[tuple[str | None, str | None], ...]


@dataclass(frozen=True)
class CellWrites:
    """Write `after` to `column` in the rows `_row`; `values` has exactly those two columns."""

    column: str
    values: ibis.Table


@dataclass(frozen=True)
class RowExits:
    """Take rows out; `rows` has `_row` and `into` (the surviving row of a merge, else null)."""

    disposition: Disposition
    rows: ibis.Table
    reason: str


@dataclass(frozen=True)
class ColumnDrop:
    """Take a column out."""

    column: str


@dataclass(frozen=True)
class ColumnAdd:
    """Add a text column that is `value` in the rows `_row` of `rows` and `otherwise` elsewhere."""

    column: str
    rows: ibis.Table
    value: str | None
    otherwise: str | None


@dataclass(frozen=True)
class ColumnRename:
    """Give a column another name, after everything else; its cells stay as they are."""

    column: str
    to: str


Effect: TypeAlias = ValueMap | CellWrites | RowExits | ColumnDrop | ColumnAdd | ColumnRename
