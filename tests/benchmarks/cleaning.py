"""How well gonogo finds and repairs errors: a pilot who accepts every recommendation, on dirty/clean pairs.

For each directory with `dirty.csv` and `clean.csv` the dirty table goes through the product (`piloted`), and the
refined table and the flagged cells are scored (`scoring`). Flagged are the cells that some issue of the first round
holds for wrong with a confidence of ½ or more. The clean table goes through the same, to count what is altered though
nothing is wrong. Where `types.csv` names the kind of dirt of each cell, recall is told for each kind.

    python tests/benchmarks/cleaning.py DIR [DIR …] [--json] [--eq strict|lenient] [--out DIR] [--why]
    python tests/benchmarks/cleaning.py --generated 3              # tables and dirt of our own, seeds 1 to 3
    python tests/benchmarks/cleaning.py DIR --trust source=NAME    # where sources disagree, the pilot believes NAME

Status: 0, 1 when some detector failed, 2 when a directory cannot be scored.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from piloted import Piloted, Trusted, pilot, rounds_by_default
from scoring import Cell, Measure, Scores, Table, Unusable, altered, normal, read, scored

SHOWN = 3
"""Examples per line of `--why`."""

WIDTH = 48
"""Characters of a value that are shown."""


@dataclass(frozen=True)
class Pair:
    """A dirty table and its truth.

    Attributes:
        types: the kind of dirt of each cell, empty where there is none; None where nobody knows.
        generated: it is one of our own.
    """

    name: str
    directory: Path
    dirty: Table
    clean: Table
    types: Table | None
    generated: bool = False

    @property
    def cells(self) -> int:
        """How many cells each of its tables has."""
        return sum(len(values) for values in self.dirty.values())


@dataclass(frozen=True)
class Result:
    """What a run made of a pair."""

    pair: Pair
    scores: Scores
    piloted: Piloted
    clean: Piloted
    altered: frozenset[Cell]

    @property
    def altered_per_10000(self) -> float:
        """Cells altered though nothing was wrong, of ten thousand."""
        return 10_000 * len(self.altered) / self.pair.cells if self.pair.cells else 0.0

    @property
    def failed(self) -> tuple[str, ...]:
        """What could not be checked."""
        return tuple(dict.fromkeys(self.piloted.failed + self.clean.failed))

    def by_dirt(self) -> dict[str, tuple[int, int, int]]:
        """Kind of dirt → errors, how many of them were detected, how many repaired."""
        counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        types = self.pair.types or {}
        for row, column in self.scores.errors if types else ():
            told = counts[types[column][row] or "untyped"]
            told[0] += 1
            told[1] += (row, column) in self.scores.detected
            told[2] += (row, column) in self.scores.correct
        return {kind: (n, found, fixed) for kind, (n, found, fixed) in sorted(counts.items())}

    def plain(self) -> dict[str, Any]:
        """As `--json` prints it."""
        told: dict[str, Any] = {
            "detection": _plain(self.scores.detection),
            "repair": _plain(self.scores.repair),
            "damaged": self.scores.damaged,
            "altered_per_10000_when_clean": round(self.altered_per_10000, 2),
            "seconds": round(self.piloted.seconds, 2),
        }
        if self.pair.generated:
            told["by_dirt"] = {
                kind: {"errors": n, "detection_R": round(found / n, 4), "repair_R": round(fixed / n, 4)}
                for kind, (n, found, fixed) in self.by_dirt().items()
            }
        return told | ({"could_not_check": list(self.failed)} if self.failed else {})


def _plain(measure: Measure) -> dict[str, float]:
    return {"P": round(measure.precision, 4), "R": round(measure.recall, 4), "F1": round(measure.f1, 4)}


def pair_in(directory: Path, name: str, *, generated: bool = False) -> Pair:
    """The tables in a directory.

    Raises:
        Unusable: a file is missing or unreadable, or the two have not the same number of columns and rows.
    """
    files = [directory / name for name in ("dirty.csv", "clean.csv")]
    if missing := [file.name for file in files if not file.is_file()]:
        there = sorted(p.name for p in directory.iterdir()) if directory.is_dir() else ["no such directory"]
        raise Unusable(f"no {' and no '.join(missing)} in {directory}; there is: {', '.join(there) or 'nothing'}")
    dirty, clean = (read(file) for file in files)
    types = read(directory / "types.csv") if (directory / "types.csv").is_file() else None
    for other, what in ((clean, "clean.csv"), (types, "types.csv")):
        if other is not None and _shape(other) != _shape(dirty):
            raise Unusable(f"{directory}: dirty.csv is {_shape(dirty)}, {what} is {_shape(other)}")
    return Pair(name, directory, dirty, _named_as(dirty, clean), types and _named_as(dirty, types), generated)


def _shape(table: Table) -> str:
    return f"{len(next(iter(table.values()), ())):,} rows × {len(table):,} columns"


def _named_as(names: Iterable[str], table: Table) -> dict[str, Sequence[str]]:
    """The table under other names, column by column: the product may rename what it cannot call so."""
    return dict(zip(names, table.values(), strict=True))


def score(pair: Pair, *, eq: str, rounds: int, trusted: Trusted | None = None, out: Path | None = None) -> Result:
    """Pilot both tables of a pair and score what came of it; keep the refined table and flagged cells in `out`."""
    dirty = _renamed(pilot(pair.directory / "dirty.csv", rounds, trusted), pair)
    clean = _renamed(pilot(pair.directory / "clean.csv", rounds), pair)
    if out is not None:
        _keep(out / pair.name, dirty)
    scores = scored(pair.dirty, pair.clean, dirty.table, dirty.flagged, eq=eq)
    return Result(pair, scores, dirty, clean, altered(pair.clean, clean.table, clean.left))


def _renamed(piloted: Piloted, pair: Pair) -> Piloted:
    """The outcome under the dirty file's names of columns."""
    names = dict(zip(piloted.table, pair.dirty, strict=True))
    if all(old == new for old, new in names.items()):
        return piloted
    piloted.table = _named_as(pair.dirty, piloted.table)
    piloted.suspicions = tuple(s.renamed(names) for s in piloted.suspicions)
    for kind, column in list(piloted.written):
        piloted.written[kind, names.get(column, column)] = piloted.written.pop((kind, column))
    return piloted


def _keep(folder: Path, piloted: Piloted) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    columns = list(piloted.table)
    with (folder / "refined.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["_row", *columns])
        writer.writerows([i, *row] for i, row in enumerate(zip(*piloted.table.values(), strict=True)))
    with (folder / "flagged.csv").open("w", encoding="utf-8", newline="") as file:
        flagged = sorted(piloted.flagged, key=lambda cell: (cell[0], columns.index(cell[1])))
        writer = csv.writer(file)
        writer.writerow(["row", "column"])
        writer.writerows(flagged)


# --- what a person reads ------------------------------------------------------------------------------------------


def report(result: Result) -> Iterator[str]:
    """One pair's scores."""
    s, run = result.scores, result.piloted
    yield f"{result.pair.name}: {_shape(result.pair.dirty)}, {len(s.errors):,} errors; {run.seconds:.1f} s"
    for name, m in (("detection", s.detection), ("repair", s.repair)):
        yield f"  {name:9s}  P {m.precision:.4f}  R {m.recall:.4f}  F1 {m.f1:.4f}"
    wrong = len((s.changed & s.errors) - s.correct)
    yield (
        f"  changed {len(s.changed):,}: correct {len(s.correct):,}, miscorrected {wrong:,}, damaged {s.damaged:,}; "
        f"{run.decisions} decisions in {run.rounds} rounds, {len(run.left):,} rows left the table"
    )
    left = f", {len(result.clean.left):,} rows left" if result.clean.left else ""
    yield f"  altered when clean: {result.altered_per_10000:.2f} of 10,000 cells ({len(result.altered):,}{left})"
    for kind, (n, found, fixed) in result.by_dirt().items():
        yield f"    {kind:24s} {n:6,} errors   detected {found / n:5.3f}   repaired {fixed / n:5.3f}"
    for problem in result.failed:
        yield f"  COULD NOT CHECK {problem}"


def why(result: Result) -> Iterator[str]:
    """Per kind of issue and column what was flagged and written, and how much of it rightly; then what was missed."""
    yield from _kinds(result)
    yield from _missed(result)
    yield from _altered(result)


def _kinds(result: Result) -> Iterator[str]:
    """`sure` is the issue's confidence; `right` are errors among the flagged; `correct` is what was written so."""
    errors, clean, dirty = result.scores.errors, result.pair.clean, result.pair.dirty
    flagged: dict[tuple[str, str], dict[Cell, float]] = defaultdict(dict)
    for suspicion in result.piloted.suspicions:
        for cell in suspicion.cells:
            known = flagged[suspicion.kind, cell[1]]
            known[cell] = max(known.get(cell, 0.0), suspicion.confidence)
    written = result.piloted.written
    yield f"  {'kind: column':46s} {'sure':>5s} {'flagged':>8s} {'right':>7s} {'written':>8s} {'correct':>8s} damaged"
    for key in sorted({*flagged, *written}):
        kind, column = key
        cells, new = flagged.get(key, {}), written.get(key, {})
        right = sum(cell in errors for cell in cells)
        differ = {row: value for row, value in new.items() if normal(value) != normal(dirty[column][row])}
        good = [row for row, value in differ.items() if normal(value) == normal(clean[column][row])]
        bad = [row for row in differ if (row, column) not in errors and row not in set(good)]
        sure = f"{max(cells.values()):.2f}" if cells else ""
        counts = f"{sure:>5s} {len(cells):8,} {right:7,} {len(differ):8,} {len(good):8,} {len(bad):7,}"
        yield f"  {_short(f'{kind}: {column}', 46):46s} {counts}"
        alarms = [f"{_cell(result, c)}" for c in cells if c not in errors and max(cells.values()) >= 0.5]
        yield from _examples("false alarm", alarms)
        wrong = [f"{_cell(result, (r, column))} written {_quoted(differ[r])}" for r in differ if r not in set(good)]
        yield from _examples("wrongly written", wrong)


def _missed(result: Result) -> Iterator[str]:
    """What was neither flagged nor changed, then what was noticed but not repaired, by column."""
    s = result.scores
    for title, cells in (("not noticed", s.errors - s.detected), ("noticed, not repaired", s.errors & s.detected)):
        by_column: dict[str, list[Cell]] = defaultdict(list)
        for cell in sorted(cells - s.correct):
            by_column[cell[1]].append(cell)
        for column, found in sorted(by_column.items(), key=lambda pair: -len(pair[1])):
            yield f"  {title}: {len(found):,} in {column}"
            yield from _examples("", [_cell(result, cell) for cell in found])


def _altered(result: Result) -> Iterator[str]:
    """What was written though the table was clean."""
    clean = result.pair.clean
    for (kind, column), new in sorted(result.clean.written.items()):
        wrong = [r for r, value in new.items() if normal(value) != normal(clean[column][r])]
        if wrong:
            yield f"  altered when clean: {len(wrong):,} by {kind} in {column}"
            yield from _examples("", [f"{_quoted(clean[column][r])} written {_quoted(new[r])}" for r in wrong])


def _cell(result: Result, cell: Cell) -> str:
    row, column = cell
    was, truth = result.pair.dirty[column][row], result.pair.clean[column][row]
    kind = result.pair.types[column][row] if result.pair.types else ""
    right = "" if normal(was) == normal(truth) else f" for {_quoted(truth)}"
    return f"{_quoted(was)}{right}{f' [{kind}]' if kind else ''}"


def _examples(title: str, found: Sequence[str]) -> Iterator[str]:
    """The most frequent ones, with their counts."""
    for text, n in sorted(Counter(found).items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN]:
        yield f"      {f'{title}: ' if title else ''}{n:,} × {text}"


def _quoted(value: str) -> str:
    return repr(_short(value, WIDTH))


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def summary(results: Sequence[Result]) -> Iterator[str]:
    """All pairs, one line each; then each kind of generated dirt over all of them."""
    width = max(len(result.pair.name) for result in results)
    yield f"{'':{width}s}  detection P    R     F1   repair P    R     F1    damaged  altered/10,000  seconds"
    for result in results:
        d, r = result.scores.detection, result.scores.repair
        yield (
            f"{result.pair.name:{width}s}    {d.precision:.3f}  {d.recall:.3f}  {d.f1:.3f}"
            f"    {r.precision:.3f}  {r.recall:.3f}  {r.f1:.3f}"
            f"   {result.scores.damaged:7,}  {result.altered_per_10000:14.2f}  {result.piloted.seconds:7.1f}"
        )
    yield from _over_all([result for result in results if result.pair.generated])


def _over_all(results: Sequence[Result]) -> Iterator[str]:
    if len(results) <= 1:
        return
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for result in results:
        for kind, counts in result.by_dirt().items():
            totals[kind] = [a + b for a, b in zip(totals[kind], counts, strict=True)]
    changed = sum(len(result.scores.changed) for result in results)
    correct = sum(len(result.scores.correct) for result in results)
    cells = sum(result.pair.cells for result in results)
    per_10000 = 10_000 * sum(len(result.altered) for result in results) / cells
    precision = f"{correct / changed:.4f}" if changed else "–"
    yield f"generated, together: repair P {precision}; altered when clean {per_10000:.2f} of 10,000 cells"
    for kind, (n, found, fixed) in sorted(totals.items()):
        yield f"    {kind:24s} {n:6,} errors   detected {found / n:5.3f}   repaired {fixed / n:5.3f}"


# --- the command --------------------------------------------------------------------------------------------------


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("directories", nargs="*", type=Path, metavar="DIR", help="has dirty.csv and clean.csv")
    add("--json", action="store_true", help="print one object, keyed by directory name")
    add("--eq", choices=["strict", "lenient"], default="strict", help="how values are compared (default: strict)")
    add("--out", type=Path, metavar="DIR", help="keep NAME/refined.csv and NAME/flagged.csv here")
    add("--rounds", type=int, metavar="N", help="how often to assess and accept (default: as a pipeline's)")
    add("--why", action="store_true", help="say what each kind of issue flagged and wrote, and what was missed")
    add("--trust", action="append", default=[], metavar="COLUMN=SOURCE", help="whom to believe where sources disagree")
    add("--generated", type=int, nargs="?", const=1, default=0, metavar="SEEDS", help="add dirt of our own, per seed")
    add("--domains", nargs="+", metavar="DOMAIN", help="only these of our own (default: all)")
    add("--rows", type=int, default=1000, help="rows of each generated table (default: 1000)")
    given = parser.parse_args(argv)
    if not given.directories and not given.generated:
        parser.error("name a directory with dirty.csv and clean.csv, or --generated")
    if bad := [said for said in given.trust if "=" not in said]:
        parser.error(f"--trust {bad[0]}: say COLUMN=SOURCE")
    return given


def _names(directories: Sequence[Path]) -> list[str]:
    """Each directory's own name, with its parents' where two would have the same."""
    paths = [directory.resolve() for directory in directories]
    depth = 1
    while len({path.parts[-depth:] for path in paths}) < len(set(paths)):
        depth += 1
    return ["/".join(path.parts[-depth:]) for path in paths]


def _pairs(given: argparse.Namespace, folder: Path) -> Iterator[Pair]:
    """The directories' pairs, all checked before any is run; then the generated ones."""
    named = zip(given.directories, _names(given.directories), strict=True)
    yield from [pair_in(directory, name) for directory, name in named]
    if given.generated:
        from dirt import write_pairs

        for seed in range(1, given.generated + 1):
            for directory in write_pairs(folder, given.rows, seed, given.domains):
                yield pair_in(directory, directory.name, generated=True)


def main(argv: Sequence[str] | None = None, say: Callable[[str], None] = print) -> int:
    """Score every directory that is named, and what is generated."""
    given = _arguments(argv)
    trusted: Mapping[str, str] = dict(said.split("=", 1) for said in given.trust)
    rounds = given.rounds or rounds_by_default()
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="gonogo-dirt-") as folder:
        try:
            for pair in _pairs(given, Path(folder)):
                results.append(score(pair, eq=given.eq, rounds=rounds, trusted=trusted, out=given.out))
                lines = () if given.json else (*report(results[-1]), *(why(results[-1]) if given.why else ()))
                for line in lines:
                    say(line)
        except Unusable as problem:
            print(f"cannot be scored: {problem}", file=sys.stderr)
            return 2
    if given.json:
        say(json.dumps({result.pair.name: result.plain() for result in results}, indent=1))
    elif len(results) > 1:
        for line in summary(results):
            say(line)
    return 1 if any(result.failed for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
