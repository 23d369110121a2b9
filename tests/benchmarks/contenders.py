"""What `speed.py` measures, each in a process of its own: `contenders.py NAME TABLE.parquet` prints one JSON line.

Imports are not measured; reading the table is. Those of the product's that are compared with peers do what the flow
does, in the flow's order, from the snapshot on disk to the records that the flow keeps.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from blocks.staging import Staging
    from tasks.quality.model import Action, Assessment, Issue, Snapshot

RUN = "benchmark"
REMEDIES = 10
PAIRS = 1000
FOUND = ".found.json"
"""What the assessment found is kept beside the table, for the remedies."""


class NotInstalled(Exception):
    """A peer that is not here."""


@dataclass
class Measured:
    """One run of one contender.

    Attributes:
        parts: what took how long, in seconds.
        peak_mb: most memory that was resident.
        said: what it did, in a few words.
    """

    seconds: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)
    peak_mb: float = 0.0
    said: str = ""

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time a part, which counts for the whole."""
        started = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - started
            self.parts[name] = self.parts.get(name, 0.0) + took
            self.seconds += took


Contender = Callable[[Path, Measured], None]

# --- the product ----------------------------------------------------------------------------------------------------


@contextmanager
def _staged(path: Path) -> Iterator[tuple[Staging, Snapshot]]:
    """The table as a snapshot in a staging area of its own."""
    import pyarrow.parquet as pq

    from blocks.staging import Staging
    from tasks.quality.model import ROW, Snapshot

    with tempfile.TemporaryDirectory(prefix="gonogo-speed-", dir=path.parent) as folder:
        staging = Staging(folder)
        uri = staging.folder(RUN) / "source.parquet"
        uri.hardlink_to(path)
        file = pq.ParquetFile(path)
        columns = tuple(name for name in file.schema_arrow.names if name != ROW)
        yield staging, Snapshot("source", str(uri), f"sha256:{path.stem}", file.metadata.num_rows, columns)


def assessment(path: Path, measured: Measured) -> None:
    """Value domains, statistics, every detector, mining, recommendations, previews of every option."""
    from blocks.staging import connected, encoded
    from tasks.quality.contract import Contract
    from tasks.quality.detect import assess
    from tasks.quality.model import Dataset
    from tasks.quality.profile import domains, profile
    from tasks.quality.registry import kinds

    with connected():  # a run has made connections, and knows the kinds, before it assesses
        kinds()
    with _staged(path) as (staging, snapshot):
        with measured.part("domains"), staging.open(snapshot) as tables:
            staging.write_domains(RUN, snapshot, domains(tables.table("snapshot")))
        with measured.part("statistics"), staging.open(snapshot) as tables:
            statistics = profile(tables.table("snapshot"), tables.table("domains"), snapshot.fingerprint)
        with measured.part("assess"), staging.open(snapshot) as tables:
            table, values = tables.table("snapshot"), tables.table("domains")
            data = Dataset(table, values, statistics, Contract(), encoded=partial(encoded, snapshot))
            found = assess(data, snapshot)
    _keep(path, found)
    options = sum(len(issue.options) for issue in found.issues)
    failed = [issue.title for issue in found.issues if issue.failed]
    measured.said = f"{len(found.issues)} issues, {options} options previewed" + "".join(f"; {t}" for t in failed)


def _keep(path: Path, found: Assessment) -> None:
    from pydantic import TypeAdapter

    from tasks.quality.model import Assessment

    path.with_suffix(FOUND).write_bytes(TypeAdapter(Assessment).dump_json(found))


def _recall(path: Path) -> Assessment:
    from pydantic import TypeAdapter

    from tasks.quality.model import Assessment

    if not path.with_suffix(FOUND).is_file():
        assessment(path, Measured())
    return TypeAdapter(Assessment).validate_json(path.with_suffix(FOUND).read_bytes())


def remedies(path: Path, measured: Measured) -> None:
    """Ten remedies one after the other, each accounted for and the table measured again; then one new snapshot."""
    from tasks.quality.carry import carry_out, in_order
    from tasks.quality.contract import Contract
    from tasks.quality.errors import PilotMustDecide
    from tasks.steps import Steps

    found = _recall(path)
    wanted = in_order(found, _ten(found))

    done: list[str] = []
    with _staged(path) as (staging, snapshot), staging.open(snapshot) as tables:
        with measured.part("measure again"):
            steps = Steps(tables)
            data = steps.data(Contract(), found.snapshot.fingerprint)
        for number, (issue, action) in enumerate(wanted, start=1):
            option = issue.option(action.option)
            with measured.part("carry out"):
                try:
                    applied = carry_out(data, issue, option.remedy, action.parameters, number)
                except PilotMustDecide:
                    continue
                steps.carried_out(staging, RUN, f"decision-{number}", number, applied)
            with measured.part("measure again"):
                data = steps.data(Contract(), found.snapshot.fingerprint)
            done.append(option.remedy)
        with measured.part("snapshot"):
            staging.write(RUN, "refined", tables.table("snapshot"), parent=snapshot)
    measured.said = f"{len(done)} remedies: {', '.join(done)}"


def _ten(found: Assessment) -> list[Action]:
    """What is recommended, then other options that write cells, to ten; one for each issue."""
    from tasks.quality.model import Action

    def written(issue: Issue) -> list[str]:
        own = [o for o in issue.options if not o.needs and o.preview and o.preview.cells_changed]
        return [o.key for o in own if not (o.preview and (o.preview.columns_dropped or o.preview.columns_added))]

    recommended = [(issue, issue.recommended) for issue in found.issues if issue.recommended != "keep"]
    others = [(i, keys[0]) for i in found.issues if i.recommended == "keep" and (keys := written(i))]
    chosen = (recommended + others)[:REMEDIES]
    return [Action(issue.id, key, issue.option(key).parameters) for issue, key in chosen]


def value_map(path: Path, measured: Measured) -> None:
    """A value map of a thousand pairs, applied and written as a new snapshot."""
    import pandas as pd  # noqa: F401  (a run has it long before; Ibis would load it while a value map is applied)

    from tasks.quality.contract import Contract
    from tasks.quality.effects import apply
    from tasks.quality.model import Dataset, Profile, ValueMap

    with _staged(path) as (staging, snapshot), staging.open(snapshot) as tables:
        column = snapshot.columns[1]
        listed = tables.raw_sql(f'SELECT DISTINCT "{column}" v FROM snapshot ORDER BY v LIMIT {PAIRS}').fetchall()
        pairs = tuple((value, f"{value} (new)") for (value,) in listed)
        table = tables.table("snapshot")
        data = Dataset(table, table, Profile("", snapshot.rows, ()), Contract())
        with measured.part("apply and write"):
            staging.write(RUN, "refined", apply(data, [ValueMap(column, pairs)]).table, parent=snapshot)
    measured.said = f"{len(pairs):,} pairs in {column}"


# --- what it is measured against ------------------------------------------------------------------------------------


def summarize(path: Path, measured: Measured) -> None:
    """DuckDB's SUMMARIZE of the same file: the unit of all ratios."""
    import duckdb

    with duckdb.connect() as connection, measured.part("summarize"):
        columns = connection.execute(f"SUMMARIZE SELECT * EXCLUDE (_row) FROM read_parquet('{path}')").fetchall()
    measured.said = f"{len(columns)} columns"


def rewrite(path: Path, measured: Measured) -> None:
    """The file read and written again by DuckDB as a snapshot is written, and made durable."""
    import duckdb

    from blocks.row_file import GROUP_ROWS

    copy = path.with_name(f"{path.stem}.copy")
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP_ROWS}"
    with duckdb.connect() as connection, measured.part("rewrite"):
        connection.execute(f"COPY (SELECT * FROM read_parquet('{path}')) TO '{copy}' ({options})")
        with copy.open("rb+") as file:
            os.fsync(file.fileno())
    copy.unlink()
    measured.said = "Parquet, zstd"


def profiling(path: Path, measured: Measured) -> None:
    """fg-data-profiling in minimal mode, to its HTML page."""
    os.environ["YDATA_PROFILING_NO_ANALYTICS"] = "true"
    os.environ["YDATA_SUPPRESS_BANNER"] = "true"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import matplotlib as mpl

        mpl.use("agg")
        from data_profiling import ProfileReport

        with measured.part("profile"):
            page = ProfileReport(_frame(path), minimal=True, progress_bar=False).to_html()
    measured.said = f"a page of {len(page) / 1e6:.1f} MB"


def pandas(path: Path, measured: Measured) -> None:
    """A straightforward assessment in pandas: what one writes in a notebook."""
    from plain_pandas import assess

    with measured.part("assess"):
        found = assess(_frame(path))
    measured.said = f"{len(found)} findings"


def pandera(path: Path, measured: Measured) -> None:
    """Comparable checks of every column in pandera, all failures collected."""
    import pandera.pandas as pa

    with measured.part("validate"):
        frame = _frame(path)
        columns = {name: pa.Column(str, _pandera_checks(name), nullable=True) for name in frame.columns}
        schema = pa.DataFrameSchema(columns, unique=[frame.columns[0]])
        try:
            schema.validate(frame, lazy=True)
            failures = 0
        except pa.errors.SchemaErrors as errors:
            failures = len(errors.failure_cases)
    checks = sum(len(column.checks) for column in columns.values())
    measured.said = f"{checks} checks, {failures:,} failures"


def _pandera_checks(name: str) -> list[Any]:
    import pandera.pandas as pa

    checks = [pa.Check.str_matches(r"^\S(.*\S)?$"), pa.Check.notin(list(NULL_WORDS))]
    if pattern := PATTERNS.get(base_name(name)):
        checks.append(pa.Check.str_matches(pattern))
    if allowed := ALLOWED.get(base_name(name)):
        checks.append(pa.Check.isin(allowed))
    return checks


def great_expectations(path: Path, measured: Measured) -> None:
    """The same checks in Great Expectations, where it is installed."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    try:
        import great_expectations as gx  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise NotInstalled("Great Expectations is not installed here (--gx PYTHON names one that has it)") from error
    import logging

    logging.disable(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("speed").add_dataframe_asset("table")
    definition = asset.add_batch_definition_whole_dataframe("whole")
    with warnings.catch_warnings(), measured.part("validate"):
        warnings.simplefilter("ignore")
        frame = _frame(path)
        expectations = [e for name in frame.columns for e in _expectations(name, first=name == frame.columns[0])]
        suite = gx.ExpectationSuite(name="speed", expectations=expectations)
        result = definition.get_batch({"dataframe": frame}).validate(suite)
    failed = sum(not each.success for each in result.results)
    measured.said = f"{len(expectations)} expectations, {failed} not met"


def _expectations(name: str, *, first: bool) -> Iterator[Any]:
    from great_expectations import expectations as gxe  # type: ignore[import-not-found, unused-ignore]

    yield gxe.ExpectColumnValuesToNotBeNull(column=name)
    yield gxe.ExpectColumnValuesToMatchRegex(column=name, regex=r"^\S(.*\S)?$")
    yield gxe.ExpectColumnValuesToNotBeInSet(column=name, value_set=list(NULL_WORDS))
    if pattern := PATTERNS.get(base_name(name)):
        yield gxe.ExpectColumnValuesToMatchRegex(column=name, regex=pattern)
    if allowed := ALLOWED.get(base_name(name)):
        yield gxe.ExpectColumnValuesToBeInSet(column=name, value_set=allowed)
    if first:
        yield gxe.ExpectColumnValuesToBeUnique(column=name)


NULL_WORDS = ("N/A", "NULL", "-", "none", "")
PATTERNS = {
    "order_id": r"^O-\d{8,}$", "customer_id": r"^C\d{6,}$", "email": r"^[^@\s]+@[^@\s]+\.[a-z]+$",
    "phone": r"^\+\d\d \d+ \d+$", "zip": r"^\d{5}$", "sku": r"^SKU-\d{4}$", "quantity": r"^\d+$",
    "unit_price": r"^\d+\.\d\d$", "total": r"^\d+\.\d\d$", "weight": r"^\d+\.\d$", "discount": r"^\d+$",
    "ordered_at": r"^\d{4}-\d\d-\d\d$", "delivered_at": r"^\d{4}-\d\d-\d\d$", "updated_at": r"^\d{4}-\d\d-\d\d ",
}  # fmt: skip
ALLOWED = {
    "status": ["shipped", "delivered", "open", "returned", "cancelled"],
    "channel": ["web", "phone", "shop", "partner"],
    "category": ["kitchen", "office", "garden", "lighting", "furniture", "gifts"],
}


def base_name(column: str) -> str:
    """The column's name without the number of its block.

    >>> base_name("unit_price_2"), base_name("order_id")
    ('unit_price', 'order_id')
    """
    return column.rstrip("0123456789").removesuffix("_")


def _frame(path: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(path).drop(columns="_row")


CONTENDERS: dict[str, Contender] = {
    each.__name__: each
    for each in (
        summarize, assessment, remedies, rewrite, value_map, profiling, pandas, pandera, great_expectations,
    )
}  # fmt: skip

# --- one run --------------------------------------------------------------------------------------------------------


def peak_mb() -> float:
    """Most memory that this process had resident since it began to run this program."""
    status = Path("/proc/self/status")
    if status.exists():
        high = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(high.split()[1]) / 1024
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def main() -> int:
    """Run one contender once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(CONTENDERS))
    parser.add_argument("table", type=Path)
    parser.add_argument("--profile", action="store_true", help="say which kind of issue takes how long (assessment)")
    given = parser.parse_args()
    measured = Measured()
    told: dict[str, Any] = {}
    try:
        if given.profile:
            from timing import timed

            with timed() as clock:
                CONTENDERS[given.name](given.table, measured)
            told |= {"profile": clock.plain(), "statements": clock.slowest()}
        else:
            CONTENDERS[given.name](given.table, measured)
    except NotInstalled as problem:
        told["skipped"] = str(problem)
    measured.peak_mb = round(peak_mb(), 1)
    print(json.dumps({**asdict(measured), **told}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
