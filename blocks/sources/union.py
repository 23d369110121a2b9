"""Several sources, one after the other, as one table; a column says which of them a row came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator

from blocks.probe import Probe
from blocks.sources.base import Batch, Origin, Outcome, Reading, SourceModel, staged_names
from blocks.sources.pieces import BATCH_ROWS
from blocks.staging import connected
from tasks.quality.errors import NothingNew
from tasks.quality.model import ROW
from tasks.quality.queries import quoted, text

if TYPE_CHECKING:
    from blocks.sources import Member

FEWEST = 2


class UnionSource(SourceModel):
    """Sources by name; columns are united by name, and null where a source lacks one."""

    EXAMPLE: ClassVar = """
kind: union
origin: channel         # the column that says which source a row came from
sources:
  shop: {kind: file, path: shop.csv}
  web: {kind: file, path: web.ndjson}
"""

    kind: Literal["union"] = "union"
    sources: Mapping[str, Member] = Field(description="name → source; the name is what the origin column says")
    origin: str = Field(default="origin", min_length=1, description="name of the column that says the source")

    @field_validator("sources")
    @classmethod
    def _several(cls, sources: Mapping[str, Member]) -> Mapping[str, Member]:
        if len(sources) < FEWEST:
            raise ValueError("name two sources or more; one alone needs no union")
        return sources

    def describe(self) -> str:
        """The sources in words, without secrets."""
        return " and ".join(f"{name}: {source.describe()}" for name, source in self.sources.items())

    def read(self, reading: Reading) -> Batch:
        """Read every source, and unite what they gave.

        Raises:
            NothingNew: none of them has anything that was not read before.
        """
        batches: dict[str, Batch] = {}
        notes: list[str] = []
        for name, source in self.sources.items():
            try:
                batches[name] = source.read(self._own(reading, name))
            except NothingNew as nothing:
                notes.append(f"{name}: {nothing.message}")
        if not batches:
            raise NothingNew("no source has anything new: " + "; ".join(notes))
        return self._united(batches, notes, reading)

    def acknowledge(self, batch: Batch, reading: Reading) -> None:
        """Tell every source that gave something that it is durably staged."""
        for name, own in self._parts(batch).items():
            self.sources[name].acknowledge(own, self._own(reading, name))
            reading.staging.forget(reading.run_id, self._own(reading, name).name)

    def unread(self, batch: Batch, reading: Reading) -> bool:
        """Let every source that gave something give it again; False when one of them cannot."""
        parts = self._parts(batch)
        done = [self.sources[name].unread(own, self._own(reading, name)) for name, own in parts.items()]
        return all(done)

    def settle(self, batch: Batch, outcome: Outcome, reading: Reading) -> str:
        """Tell every source that gave something what became of it."""
        told = (
            (name, self.sources[name].settle(own, outcome, self._own(reading, name)))
            for name, own in self._parts(batch).items()
        )
        return "; ".join(f"{name}: {done}" for name, done in told if done)

    def place(self, origin: Origin, number: int, base: Path) -> str:
        """As the source that the record came from tells it."""
        name, _, own = origin.name.partition(": ")
        return self.sources[name].place(replace(origin, name=own), number, base)

    def probe(self, base: Path) -> Iterator[Probe]:
        """Try every source."""
        for name, source in self.sources.items():
            yield from (replace(probe, what=f"{name}: {probe.what}") for probe in source.probe(base))

    def _own(self, reading: Reading, name: str) -> Reading:
        """The reading of one source."""
        return replace(reading, name=f"{reading.name}-{list(self.sources).index(name) + 1}")

    def _parts(self, batch: Batch) -> dict[str, Batch]:
        """Each source's own part of a united batch."""
        parts = {}
        for name in self.sources:
            start = f"{name}: "
            origins = tuple(
                replace(origin, name=origin.name.removeprefix(start))
                for origin in batch.origins
                if origin.name.startswith(start)
            )
            if origins:
                since, position = batch.since.get(name, {}), batch.position.get(name, {})
                parts[name] = replace(batch, origins=origins, since=since, position=position)
        return parts

    def _united(self, batches: Mapping[str, Batch], notes: list[str], reading: Reading) -> Batch:
        given = list(dict.fromkeys(column for batch in batches.values() for column in batch.snapshot.columns))
        (origin, *columns), renamed = staged_names([self.origin, *given])
        first, starts, origins = 0, {}, list[Origin]()
        for name, batch in batches.items():
            starts[name] = first
            for each in batch.origins:
                origins.append(replace(each, name=f"{name}: {each.name}", first_row=first + each.first_row))
            first += batch.snapshot.rows
            lacking = [column for column in given if column not in batch.snapshot.columns]
            notes += [f"{name} lacks {', '.join(lacking)}; null there"] if lacking else []
            notes += [f"{name}: {note}" for note in batch.notes]
        staging, run = reading.staging, reading.run_id
        with connected() as tables:
            known_as = dict(zip(given, columns, strict=True))
            rows = (
                rows
                for name, batch in batches.items()
                for rows in tables.con.sql(_select(batch, name, origin, known_as)).to_arrow_reader(BATCH_ROWS)
            )
            snapshot = staging.write_rows(run, reading.name, (origin, *columns), rows, source=self.describe())
            quarantine, places = (
                self._aside(batches, starts, what, tables, reading) for what in ("quarantine", "places")
            )
        return Batch(
            snapshot,
            tuple(origins),
            sum(batch.quarantined for batch in batches.values()),
            quarantine,
            tuple(dict.fromkeys((*renamed, *(r for batch in batches.values() for r in batch.renames)))),
            {column: type for batch in batches.values() for column, type in batch.types.items()},
            tuple(dict.fromkeys(notes)),
            {name: batch.since for name, batch in batches.items() if batch.since},
            {name: batch.position for name, batch in batches.items() if batch.position},
            places,
        )

    def _aside(
        self, batches: Mapping[str, Batch], starts: Mapping[str, int], what: str, tables: Any, reading: Reading
    ) -> str:
        """What lies beside the rows of the sources, united: `quarantine` or `places`; the address, or nothing."""
        parts = []
        for name, batch in batches.items():
            if uri := getattr(batch, what):
                row = f'"{ROW}" + {starts[name]} AS "{ROW}", ' if what == "places" else ""
                named = f"* EXCLUDE ({ROW}) " if row else "* "
                origin = f"REPLACE ({text(name + ': ')} || origin AS origin)"
                parts.append(f"SELECT {row}{named}{origin} FROM read_parquet({text(uri)})")
        if not parts:
            return ""
        name = f"{reading.name}.{what}"
        return reading.staging.write_aux(reading.run_id, name, tables.sql(" UNION ALL ".join(parts)))[0]


def _select(batch: Batch, name: str, origin: str, columns: Mapping[str, str]) -> str:
    """The query of a source's rows, which lie in their order."""
    there = set(batch.snapshot.columns)
    picked = (
        f"{quoted(given) if given in there else 'NULL::VARCHAR'} AS {quoted(staged)}"
        for given, staged in columns.items()
    )
    return f"SELECT {text(name)} AS {quoted(origin)}, {', '.join(picked)} FROM read_parquet({text(batch.snapshot.uri)})"
