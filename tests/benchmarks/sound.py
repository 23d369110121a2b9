"""What is altered in tables that are right, when a pilot accepts every recommendation (`piloted`).

Each changed cell, and each cell of a row that left, is an error.

    python tests/benchmarks/sound.py [--seeds 3] [--rows 800] [--tables NAME …] [--json] [FILE.csv …]

Status: 1 when more than ten of ten thousand cells of some table are altered, or some detector failed.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from piloted import Piloted, pilot, rounds_by_default
from scoring import Table, altered, normal, read
from sound_tables import TABLES

MOST_ALTERED = 10
"""Cells of ten thousand that may be altered in a table never seen before."""

TINY = (5, 12, 30, 50)


@dataclass(frozen=True)
class Altered:
    """What was altered in a table that was right."""

    name: str
    cells: int
    altered: int
    left: int
    told: tuple[str, ...]
    failed: tuple[str, ...]

    @property
    def per_10000(self) -> float:
        """Altered cells of ten thousand."""
        return 10_000 * self.altered / self.cells if self.cells else 0.0


def accept(name: str, path: Path) -> Altered:
    """Let a pilot accept every recommendation on a table that is right."""
    table, done = read(path), pilot(path, rounds_by_default())
    done.table = dict(zip(table, done.table.values(), strict=True))
    cells = sum(len(values) for values in table.values())
    wrong = altered(table, done.table, done.left)
    return Altered(name, cells, len(wrong), len(done.left), tuple(_told(table, done)), done.failed)


def _told(table: Table, done: Piloted) -> list[str]:
    counts: Counter[str] = Counter()
    for (kind, column), written in done.written.items():
        name = column if column in table else next(n for n in table if n.strip() == column)
        for row, value in written.items():
            if normal(value) != normal(table[name][row]):
                counts[f"{kind} in {column}: {table[name][row][:60]!r} written {value[:60]!r}"] += 1
    return [f"{n:,} × {text}" for text, n in sorted(counts.items(), key=lambda each: (-each[1], each[0]))]


def made(folder: Path, seeds: int, rows: int, names: Sequence[str]) -> list[tuple[str, Path]]:
    """Write every table for every seed, once with so many rows and once with a few; their names and files."""
    files = []
    for seed in range(1, seeds + 1):
        for name in names:
            for size in (rows, TINY[seed % len(TINY)]):
                table = TABLES[name](random.Random(f"{name}-{seed}-{size}"), size)
                path = folder / f"{name}-{seed}-{size}.csv"
                with path.open("w", encoding="utf-8", newline="") as file:
                    writer = csv.writer(file)
                    writer.writerow(table)
                    writer.writerows(zip(*table.values(), strict=True))
                files.append((path.stem, path))
    return files


def main(argv: Sequence[str] | None = None) -> int:
    """Say what is altered, table by table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.csv", help="tables that are right")
    parser.add_argument("--seeds", type=int, default=0, help="how often each table is made (default: 1 without files)")
    parser.add_argument("--rows", type=int, default=800, help="of the larger tables (default: 800)")
    parser.add_argument("--tables", nargs="+", choices=sorted(TABLES), default=list(TABLES), metavar="NAME")
    parser.add_argument("--json", action="store_true", help="print one object, keyed by table")
    given = parser.parse_args(argv)
    found: list[Altered] = []
    with tempfile.TemporaryDirectory(prefix="gonogo-sound-") as folder:
        files = [(path.stem, path) for path in given.files]
        files += made(Path(folder), given.seeds or (not given.files), given.rows, given.tables)
        for name, path in files:
            found.append(accept(name, path))
            if not given.json:
                print("\n".join(_spoken(found[-1])), flush=True)
    if given.json:
        print(
            json.dumps(
                {
                    each.name: {
                        "altered_per_10000": round(each.per_10000, 2),
                        "altered": each.altered,
                        "changes": each.told,
                    }
                    for each in found
                },
                indent=1,
            )
        )
    return 1 if any(each.per_10000 > MOST_ALTERED or each.failed for each in found) else 0


def _spoken(one: Altered) -> list[str]:
    left = f", {one.left:,} rows left" if one.left else ""
    head = f"{one.name:22s} {one.per_10000:8.2f} of 10,000 ({one.altered:,} of {one.cells:,}{left})"
    return [head, *(f"    {told}" for told in one.told[:8]), *(f"    COULD NOT CHECK {said}" for said in one.failed)]


if __name__ == "__main__":
    sys.exit(main())
