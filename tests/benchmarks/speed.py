"""How fast gonogo is, side by side with peers, on a messy table of orders (`messy`).

Each contender runs in a process of its own (`contenders`), the contenders in turn and the turns several times over,
so that what else the machine does falls on all alike; the median of the runs counts, beside the largest peak of
resident memory. All times are told as multiples of DuckDB's SUMMARIZE of the same file.

    python tests/benchmarks/speed.py                              # a million rows × 20 columns
    python tests/benchmarks/speed.py --rows 100000 1000000 10000000 --columns 20
    python tests/benchmarks/speed.py --rows 100000 --columns 20 50 100 200
    python tests/benchmarks/speed.py --rows 1000000 --profile     # which kind of issue takes how long
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from pathlib import Path
from typing import Any

from contenders import FOUND

HERE = Path(__file__).parent
UNIT = "summarize"
OURS = ("assessment", "remedies", "value_map")
PEERS = ("profiling", "pandas", "pandera", "great_expectations")
NAMES = (UNIT, "assessment", "remedies", "rewrite", "value_map", *PEERS)

GOALS = {
    "assessment": ("at most 4 × SUMMARIZE", UNIT, 4.0),
    "value_map": ("at most 1.5 × one Parquet rewrite", "rewrite", 1.5),
}
"""Contender → goal in words, what it is measured by, and the largest ratio."""

SHOWN = 160
"""Characters of a statement."""

TENTH = 0.1
"""Of the pandas version's time, at most, for the assessment."""

MOST_MB = 1536
"""Peak memory at ten million rows."""


@dataclass
class Outcome:
    """The runs of one contender on one table."""

    seconds: list[float] = field(default_factory=list)
    peaks_mb: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)
    said: str = ""
    skipped: str = ""
    profile: list[dict[str, Any]] = field(default_factory=list)
    statements: list[dict[str, Any]] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        """Median of the seconds."""
        return statistics.median(self.seconds) if self.seconds else None

    def add(self, told: Mapping[str, Any]) -> None:
        """One run as it was told."""
        self.skipped = told.get("skipped", "")
        self.profile, self.statements = told.get("profile", []), told.get("statements", [])
        if self.skipped:
            return
        self.seconds.append(told["seconds"])
        self.peaks_mb.append(told["peak_mb"])
        self.said = told["said"]
        for name, seconds in told["parts"].items():
            self.parts.setdefault(name, []).append(seconds)


@dataclass(frozen=True)
class Size:
    """One table, and what became of every contender on it."""

    rows: int
    columns: int
    file_mb: float
    outcomes: Mapping[str, Outcome]

    def ratio(self, name: str, to: str = UNIT) -> float | None:
        """A contender's median over another's."""
        own, other = (self.outcomes[n].median if n in self.outcomes else None for n in (name, to))
        return own / other if own and other else None

    def plain(self) -> dict[str, Any]:
        """As `--json` prints it."""
        told = {name: _plain(outcome, self.ratio(name)) for name, outcome in self.outcomes.items()}
        return {"rows": self.rows, "columns": self.columns, "file_mb": round(self.file_mb, 1), "contenders": told}


def _plain(outcome: Outcome, ratio: float | None) -> dict[str, Any]:
    if outcome.median is None:
        return {"skipped": outcome.skipped}
    told: dict[str, Any] = {
        "seconds": round(outcome.median, 3),
        "runs": [round(seconds, 3) for seconds in outcome.seconds],
        "peak_mb": round(max(outcome.peaks_mb)),
        "times_summarize": None if ratio is None else round(ratio, 2),
        "parts": {name: round(statistics.median(each), 3) for name, each in outcome.parts.items()},
        "said": outcome.said,
    }
    return told | ({"profile": outcome.profile, "statements": outcome.statements} if outcome.profile else {})


@dataclass(frozen=True)
class Plan:
    """What is measured, how often, and for how long at most.

    Attributes:
        peers_cells: peers run on tables up to this many cells.
        enough_seconds: a contender that took so long in all is not run again.
        timeout_seconds: a run that takes longer is ended.
        interpreters: contender → the Python that has it, where it isn't this one.
    """

    names: Sequence[str]
    repeat: int
    peers_cells: int
    enough_seconds: float
    timeout_seconds: float
    profile: bool
    interpreters: Mapping[str, str] = field(default_factory=dict)


def measured(table: Path, rows: int, columns: int, plan: Plan, progress: Callable[[str], None]) -> Size:
    """Run every contender on a table, in turns."""
    outcomes = {name: Outcome() for name in plan.names}
    table.with_suffix(FOUND).unlink(missing_ok=True)
    for name in PEERS:
        if name in outcomes and rows * columns > plan.peers_cells:
            outcomes[name].skipped = f"peers run on up to {plan.peers_cells:,} cells (--peers-cells)"
    for turn in range(plan.repeat):
        for name, outcome in outcomes.items():
            if outcome.skipped or sum(outcome.seconds) >= plan.enough_seconds:
                continue
            progress(f"{rows:,} × {columns}: {name}, run {turn + 1} of {plan.repeat}")
            outcome.add(_run(name, table, plan))
    return Size(rows, columns, table.stat().st_size / 1e6, outcomes)


def _run(name: str, table: Path, plan: Plan) -> dict[str, Any]:
    """One contender in a process of its own.

    Raises:
        RuntimeError: it failed; the message is what it said.
    """
    interpreter = plan.interpreters.get(name, sys.executable)
    command = [interpreter, str(HERE / "contenders.py"), name, str(table)]
    command += ["--profile"] if plan.profile and name == "assessment" else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=plan.timeout_seconds, check=False)
    except subprocess.TimeoutExpired:
        return {"skipped": f"took more than {plan.timeout_seconds:,.0f} s"}
    if done.returncode:
        raise RuntimeError(f"{name} failed on {table.name}:\n{done.stderr.strip()[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def _written(folder: Path, rows: int, columns: int, seed: int) -> Path:
    """The table's file, made when it is not there; in a process of its own, as this one stays small."""
    path = folder / f"orders-{rows}-{columns}-{seed}.parquet"
    if not path.is_file():
        partial = path.with_suffix(".partial")
        code = "import sys, pathlib, messy; messy.write(pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:]))"
        command = [sys.executable, "-c", code, str(partial), str(rows), str(columns), str(seed)]
        subprocess.run(command, cwd=HERE, check=True)
        partial.replace(path)
    return path


# --- what a person reads ------------------------------------------------------------------------------------------


def report(size: Size) -> Iterator[str]:
    """One table: every contender with its median, ratio and memory, then the parts of ours."""
    yield f"{size.rows:,} rows × {size.columns} columns, {size.file_mb:,.1f} MB of Parquet"
    yield f"  {'':18s} {'seconds':>9s} {'runs':>5s} {'× SUMMARIZE':>12s} {'peak MB':>8s}"
    for name, outcome in size.outcomes.items():
        if outcome.median is None:
            yield f"  {name:18s} {'–':>9s}  {outcome.skipped}"
            continue
        ratio = size.ratio(name)
        times = "" if ratio is None else f"{ratio:.2f}"
        figures = f"{outcome.median:9.2f} {len(outcome.seconds):5d} {times:>12s} {max(outcome.peaks_mb):8,.0f}"
        yield f"  {name:18s} {figures}   {outcome.said}"
    for name in OURS:
        if name in size.outcomes and len(size.outcomes[name].parts) > 1:
            parts = size.outcomes[name].parts.items()
            yield f"  {name}: " + ", ".join(f"{part} {statistics.median(each):.2f} s" for part, each in parts)
    yield from _goals(size)
    if "assessment" in size.outcomes:
        yield from _profiled(size.outcomes["assessment"].profile)
        yield from _statements(size.outcomes["assessment"].statements)


def _goals(size: Size) -> Iterator[str]:
    """Which goals are met."""
    for name, (goal, by, most) in GOALS.items():
        if (ratio := size.ratio(name, by)) is not None:
            yield f"  {_verdict(ratio <= most)} {name}: {goal}; it is {ratio:.2f}"
    if (ratio := size.ratio("assessment", "pandas")) is not None:
        yield f"  {_verdict(ratio <= TENTH)} assessment: at most a tenth of the pandas version; it is {ratio:.2f} of it"
    if "assessment" in size.outcomes and size.outcomes["assessment"].peaks_mb:
        peak = max(size.outcomes["assessment"].peaks_mb)
        yield f"  {_verdict(peak <= MOST_MB)} assessment: within {MOST_MB:,} MB; it is {peak:,.0f}"


def _verdict(met: bool) -> str:  # noqa: FBT001
    return "met    " if met else "NOT MET"


def _profiled(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The steps of an assessment, the longest first."""
    if not records:
        return
    activities = ("engine", "planning", "python")
    whole = sum(record[activity] for record in records for activity in activities)
    yield f"  where the time goes, {whole:.2f} s in all:"
    yield f"  {'':58s} {'calls':>6s} {'seconds':>8s} {'engine':>8s} {'planning':>9s} {'python':>8s}"
    for record in records:
        seconds = [record[activity] for activity in activities]
        if sum(seconds) >= whole / 500:
            step = f"{record['step']} {record['what']}".strip()
            rest = f"{seconds[0]:8.2f} {seconds[1]:9.2f} {seconds[2]:8.2f}"
            yield f"    {step:56s} {record['calls']:6d} {sum(seconds):8.2f} {rest}"


def _statements(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The slowest statements."""
    if records:
        yield "  slowest statements:"
    for record in records:
        yield f"    {record['seconds']:6.2f} s  {record['step']}: {record['sql'][:SHOWN]}"


def growth(sizes: Sequence[Size]) -> Iterator[str]:
    """How ours grow from one table to a larger one, beside how much larger it is."""
    for smaller, larger in pairwise(sizes):
        cells = larger.rows * larger.columns / (smaller.rows * smaller.columns)
        names = [name for name in (UNIT, *OURS) if name in smaller.outcomes and name in larger.outcomes]
        told = [
            f"{name} ×{later / first:.1f}"
            for name in names
            if (first := smaller.outcomes[name].median) and (later := larger.outcomes[name].median)
        ]
        sides = (f"{size.rows:,} × {size.columns}" for size in (smaller, larger))
        yield f"from {' to '.join(sides)}: cells ×{cells:.1f}; {', '.join(told)}"
        before, after = (
            size.outcomes["assessment"].median if "assessment" in names else None for size in (smaller, larger)
        )
        if before and after:
            yield f"  {_verdict(after / before <= cells)} assessment: no faster than rows × columns"


def machine() -> dict[str, Any]:
    """Where it ran."""
    from importlib.metadata import version

    packages = ("duckdb", "ibis-framework", "pandas", "pandera", "fg-data-profiling")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "load_before": None if load is None else round(load, 2),
        **{name: version(name) for name in packages},
    }


# --- the command --------------------------------------------------------------------------------------------------


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--rows", type=int, nargs="+", default=[1_000_000], help="default: 1000000")
    add("--columns", type=int, nargs="+", default=[20], help="default: 20")
    add("--only", nargs="+", choices=NAMES, metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)")
    add("--repeat", type=int, default=3, help="runs of each contender at most (default: 3)")
    add("--enough", type=float, default=15.0, metavar="SECONDS", help="run again only what took less (default: 15)")
    add("--timeout", type=float, default=900.0, metavar="SECONDS", help="end a run after this long (default: 900)")
    add("--peers-cells", type=int, default=20_000_000, help="largest table for peers, in cells (default: 20000000)")
    add("--gx", metavar="PYTHON", help="a Python that has Great Expectations, which needs other packages than Prefect")
    add("--seed", type=int, default=1, help="of the table (default: 1)")
    add("--data", type=Path, metavar="DIR", help="keep the tables here, and use those that are here")
    add("--profile", action="store_true", help="say which kind of issue takes how long; slows it down a little")
    add("--json", action="store_true", help="print one object")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and tell."""
    given = _arguments(argv)
    names = tuple(name for name in NAMES if not given.only or name in (*given.only, UNIT))
    elsewhere = {"great_expectations": given.gx} if given.gx else {}
    plan = Plan(names, given.repeat, given.peers_cells, given.enough, given.timeout, given.profile, elsewhere)
    about, sizes = machine(), []

    def progress(text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="gonogo-speed-") as scratch:
        folder = given.data or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for rows, columns in product(given.rows, given.columns):
            progress(f"{rows:,} × {columns}: writing the table")
            sizes.append(measured(_written(folder, rows, columns, given.seed), rows, columns, plan, progress))
            progress("")
            for line in () if given.json else report(sizes[-1]):
                print(line)
    if given.json:
        print(json.dumps({"machine": about, "sizes": [size.plain() for size in sizes]}, indent=1))
        return 0
    for line in growth(sizes):
        print(line)
    print("; ".join(f"{name} {value}" for name, value in about.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
