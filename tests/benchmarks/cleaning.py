"""How well gonogo finds and repairs errors: a pilot who accepts every recommendation, on dirty/clean pairs.

For each directory with `dirty.csv` and `clean.csv` the dirty table is read, assessed, and every recommendation is
carried out, in as many rounds as a pipeline has by default; then the refined table and the flagged cells are scored
(`tests.benchmarks.scoring`). The clean table goes through the same, to count what is altered though nothing is wrong.
Flagged are the cells that some detector of the first round holds for wrong with a confidence of ½ or more.

    python tests/benchmarks/cleaning.py DIR [DIR …] [--json] [--eq strict|lenient] [--out DIR] [--why]
    python tests/benchmarks/cleaning.py --generated 3        # tables and dirt of our own, seeds 1 to 3
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.scoring import Cell, Scores, Table, altered_per_10000, scored

CERTAIN = 0.5
"""Confidence from which a suspect cell counts as detected."""


class Unusable(Exception):
    """A directory that cannot be scored, and why."""


@dataclass
class Cleaned:
    """What became of one table.

    Attributes:
        table: column → values, with the rows of the input in their order; rows that left are as they were then.
        flagged: cell → issues that hold it for wrong.
        written: (kind, column) → the cells that its recommendations wrote.
    """

    table: Table
    flagged: dict[Cell, list[str]]
    written: dict[tuple[str, str], set[Cell]] = field(default_factory=dict)
    seconds: float = 0.0


def read(path: Path) -> dict[str, list[str]]:
    """A CSV file as columns of text."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    if not rows:
        raise Unusable(f"{path} is empty")
    return {name: [row[i] if i < len(row) else "" for row in rows[1:]] for i, name in enumerate(rows[0])}


def clean(path: Path, rounds: int) -> Cleaned:
    """Read a file, assess it and accept every recommendation, until there is none."""
    from blocks.sources.file import FileSource
    from blocks.staging import Staging

    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="gonogo-benchmark-") as folder:
        staging = Staging(folder)
        source = FileSource(path=str(path), header=True)
        batch = source.read(staging, "benchmark", path.parent, lambda *_args, **_more: None)
        if batch.quarantined:
            raise Unusable(f"{path}: {batch.quarantined} malformed records; a pair must have every row in both files")
        with staging.open(batch.snapshot) as tables:
            cleaned = _accepted(tables, batch.snapshot, rounds)
    cleaned.seconds = time.perf_counter() - started
    return cleaned


def _accepted(tables: Any, snapshot: Any, rounds: int) -> Cleaned:
    from tasks.quality.carry import carry_out, in_order
    from tasks.quality.contract import Contract
    from tasks.quality.detect import assess
    from tasks.quality.errors import PilotMustDecide
    from tasks.quality.model import ROW, Action, Dataset
    from tasks.quality.profile import domains, profile

    def measured(name: str) -> Dataset:
        table = tables.table(name)
        tables.create_table(f"{name}_domains", domains(table), temp=True)
        tables.raw_sql(f'CREATE OR REPLACE TEMP VIEW domains AS SELECT * FROM "{name}_domains"')
        values = tables.table("domains")
        return Dataset(tables.table("snapshot"), values, profile(table, values, snapshot.fingerprint), Contract())

    tables.raw_sql("CREATE TEMP TABLE step_0 AS SELECT * FROM snapshot")
    tables.raw_sql("CREATE OR REPLACE TEMP VIEW snapshot AS SELECT * FROM step_0")
    data, steps, left = measured("step_0"), 0, {}
    cleaned = Cleaned({}, {})
    for number in range(rounds):
        found = assess(data, snapshot)
        if failed := [issue for issue in found.issues if issue.failed]:
            raise Unusable(f"a detector failed: {failed[0].title}: {failed[0].why}")
        if number == 0:
            cleaned.flagged = _flagged(tables, found)
        accepted = [Action(i.id, i.recommended, i.option(i.recommended).parameters) for i in found.issues]
        decided = in_order(found, accepted)
        if not decided:
            break
        for issue, action in decided:
            try:
                applied = carry_out(data, issue, issue.option(action.option).remedy, action.parameters)
            except PilotMustDecide:
                continue
            for cell in applied.cells.to_pyarrow().to_pylist():
                cleaned.written.setdefault((issue.kind, cell["column"]), set()).add((cell[ROW], cell["column"]))
            left |= {row[ROW]: row for row in applied.rows.to_pyarrow().to_pylist()}
            steps += 1
            tables.create_table(f"step_{steps}", applied.table, temp=True)
            tables.raw_sql(f'CREATE OR REPLACE TEMP VIEW snapshot AS SELECT * FROM "step_{steps}"')
            data = measured(f"step_{steps}")
    after = {row[ROW]: row for row in data.table.to_pyarrow().to_pylist()}
    for column in snapshot.columns:
        cells = [after[r].get(column) if r in after else left[r][f"was:{column}"] for r in range(snapshot.rows)]
        cleaned.table = {**cleaned.table, column: [cell or "" for cell in cells]}
    return cleaned


def _flagged(tables: Any, found: Any) -> dict[Cell, list[str]]:
    cells: dict[Cell, list[str]] = defaultdict(list)
    for issue in found.issues:
        if issue.unit == "cell" and issue.confidence >= CERTAIN:
            for cell in tables.sql(issue.sql).to_pyarrow().to_pylist():
                cells[cell["_row"], cell["column"]].append(issue.id)
    return cells


@dataclass(frozen=True)
class Result:
    """One pair's scores."""

    scores: Scores
    cleaned: Cleaned
    altered: float
    by_kind: Mapping[str, tuple[int, int, int]]

    def plain(self) -> dict[str, Any]:
        """As `--json` prints it."""
        sides = {
            name: {"P": round(m.precision, 4), "R": round(m.recall, 4), "F1": round(m.f1, 4)}
            for name, m in (("detection", self.scores.detection), ("repair", self.scores.repair))
        }
        told = {
            **sides,
            "damaged": self.scores.damaged,
            "altered_per_10000_when_clean": round(self.altered, 2),
            "seconds": round(self.cleaned.seconds, 2),
        }
        if self.by_kind:
            told["by_kind_of_dirt"] = {
                kind: {"errors": n, "detection_R": round(d / n, 3), "repair_R": round(k / n, 3)}
                for kind, (n, d, k) in self.by_kind.items()
            }
        return told


def score(directory: Path, *, eq: str, rounds: int, out: Path | None = None) -> Result:
    """Clean a directory's dirty and clean tables and score what came of it.

    Raises:
        Unusable: a file is missing, or the two do not have the same columns and rows.
    """
    for name in ("dirty.csv", "clean.csv"):
        if not (directory / name).is_file():
            there = sorted(p.name for p in directory.iterdir()) if directory.is_dir() else []
            raise Unusable(f"no {name} in {directory}; there is: {', '.join(there) or 'no such directory'}")
    dirty, truth = read(directory / "dirty.csv"), read(directory / "clean.csv")
    if [len(v) for v in dirty.values()] != [len(v) for v in truth.values()]:
        raise Unusable(f"{directory}: dirty.csv and clean.csv have not the same number of columns and rows")
    truth = dict(zip(dirty, truth.values(), strict=True))
    cleaned = clean(directory / "dirty.csv", rounds)
    repaired = dict(zip(dirty, cleaned.table.values(), strict=True))
    names = dict(zip(cleaned.table, dirty, strict=True))
    cleaned.flagged = {(row, names[column]): ids for (row, column), ids in cleaned.flagged.items() if column in names}
    again = clean(directory / "clean.csv", rounds)
    altered = altered_per_10000(truth, dict(zip(dirty, again.table.values(), strict=True)))
    found = scored(dirty, truth, repaired, cleaned.flagged, eq=eq)
    if out is not None:
        _write(out / directory.name, repaired, cleaned.flagged)
    return Result(found, cleaned, altered, _by_kind(directory / "types.csv", found))


def _by_kind(path: Path, found: Scores) -> dict[str, tuple[int, int, int]]:
    """Per kind of dirt, where a file says which: errors, detected, repaired."""
    if not path.is_file():
        return {}
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    types = read(path)
    for row, column in found.errors:
        told = counts[types[column][row] or "other"]
        told[0] += 1
        told[1] += (row, column) in found.detected
        told[2] += (row, column) in found.correct
    return {kind: (n, d, k) for kind, (n, d, k) in sorted(counts.items())}


def _write(folder: Path, table: Table, flagged: Mapping[Cell, Sequence[str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    columns = list(table)
    with (folder / "refined.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["_row", *columns])
        writer.writerows([i, *row] for i, row in enumerate(zip(*table.values(), strict=True)))
    with (folder / "flagged.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "column"])
        writer.writerows(sorted(flagged, key=lambda cell: (cell[0], columns.index(cell[1]))))


def why(directory: Path, result: Result) -> Iterator[str]:
    """Per issue and per kind and column: how many cells it flagged or wrote, and how many of them rightly."""
    errors, correct = result.scores.errors, result.scores.correct
    by_issue: dict[str, list[Cell]] = defaultdict(list)
    for cell, ids in result.cleaned.flagged.items():
        for id_ in ids:
            by_issue[id_].append(cell)
    for id_, cells in sorted(by_issue.items()):
        yield f"    flagged {len(cells):6,}  wrong {sum(c in errors for c in cells):6,}  {id_}"
    for (kind, column), cells in sorted(result.cleaned.written.items()):
        right = sum(c in correct for c in cells)
        wrong = sum(c in errors for c in cells)
        yield f"    written {len(cells):6,}  wrong {wrong:6,}  repaired {right:6,}  {kind}: {column}"
    dirty, truth = read(directory / "dirty.csv"), read(directory / "clean.csv")
    names = dict(zip(dirty, truth, strict=True))
    missed: dict[str, list[Cell]] = defaultdict(list)
    for cell in sorted(errors - result.scores.detected):
        missed[cell[1]].append(cell)
    for column, cells in missed.items():
        shown = ", ".join(f"{dirty[column][r]!r} for {truth[names[column]][r]!r}" for r, _c in cells[:3])
        yield f"    missed  {len(cells):6,}  {column}: {shown}"


def report(name: str, result: Result) -> str:
    """One pair's scores as a block of text."""
    d, r = result.scores.detection, result.scores.repair
    lines = [
        f"{name}: {len(result.scores.errors):,} errors, {result.cleaned.seconds:.1f} s",
        f"    detection  P {d.precision:.3f}  R {d.recall:.3f}  F1 {d.f1:.3f}",
        f"    repair     P {r.precision:.3f}  R {r.recall:.3f}  F1 {r.f1:.3f}   damaged {result.scores.damaged:,}",
        f"    altered when clean: {result.altered:.1f} of 10,000 cells",
    ]
    for kind, (n, found, fixed) in result.by_kind.items():
        lines.append(f"    {kind:28s} {n:5,} errors  detected {found / n:.2f}  repaired {fixed / n:.2f}")
    return "\n".join(lines)


@contextmanager
def _generated(seeds: int, rows: int) -> Iterator[list[Path]]:
    """Directories with tables of our own, one per domain and seed."""
    from tests.benchmarks.dirt import write_pairs

    with tempfile.TemporaryDirectory(prefix="gonogo-dirt-") as folder:
        yield [path for seed in range(1, seeds + 1) for path in write_pairs(Path(folder), rows, seed)] if seeds else []


def main(argv: Sequence[str] | None = None, say: Callable[[str], None] = print) -> int:
    """Score every directory named, and what is generated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directories", nargs="*", type=Path, metavar="DIR", help="has dirty.csv and clean.csv")
    parser.add_argument("--json", action="store_true", help="print one object, keyed by directory name")
    parser.add_argument("--eq", choices=["strict", "lenient"], default="strict", help="how values are compared")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the refined tables and flagged cells here")
    parser.add_argument("--rounds", type=int, default=5, help="how often to assess and accept at most (default: 5)")
    parser.add_argument("--why", action="store_true", help="say which issue flagged and wrote what")
    parser.add_argument("--generated", type=int, default=0, metavar="SEEDS", help="add tables with dirt of our own")
    parser.add_argument("--rows", type=int, default=1500, help="rows of generated tables (default: 1500)")
    given = parser.parse_args(argv)
    if not given.directories and not given.generated:
        parser.error("name a directory with dirty.csv and clean.csv, or --generated SEEDS")
    plain = {}
    with _generated(given.generated, given.rows) as made:
        for directory in [*given.directories, *made]:
            try:
                result = score(directory, eq=given.eq, rounds=given.rounds, out=given.out)
            except Unusable as problem:
                print(f"cannot be scored: {problem}", file=sys.stderr)
                return 2
            plain[directory.resolve().name] = result.plain()
            if not given.json:
                say(report(directory.resolve().name, result))
                for line in why(directory, result) if given.why else ():
                    say(line)
    if given.json:
        say(json.dumps(plain, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
