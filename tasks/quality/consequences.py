"""What every option would clear and create elsewhere: queries asked again of a table that does not exist.

`clears` and `creates` say by how much the query of each issue, and of each promise of the contract, would select fewer
or more cells or rows if the option were carried out on the table as it is. No table is made for it. What a query looks
at (`tasks.quality.watched`) decides how it is asked:

- of values: a query that judges single values is asked once of every value that any option would write or replace;
- of rows that leave: which issues suspect the same rows is counted once for all of them;
- of the table as it would be, for queries that compare rows or columns, as long as the work stays below `MOST_CELLS`;
  recommended options come first. What is left out is named in `Preview.unknown`: "not computed".

`goals` says what each of the user's goals would come to, asked likewise, with work of its own up to `MOST_CELLS`.

A query that lists row numbers is about what was found in these rows: one that is changed, taken out or kept as the
survivor of a merge is not counted any more.

The sample of changes holds the `FREQUENT` most frequent ones and, of the others, the `SURPRISING` ones: those with the
largest edit distance relative to the longer text (of its first `COMPARED` characters), the rarest first, then in the
order of columns and values.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from tasks.quality.figures import Figures
from tasks.quality.model import ROW, Change, Dataset, Effect, Issue, Option, Preview, ValueMap
from tasks.quality.queries import quoted
from tasks.quality.watched import CONTRACT, Reach, Watched
from tasks.quality.whatif import Engine, Plan, SharedRows, by_name

FREQUENT = 5
SURPRISING = 3
COMPARED = 60

MOST_CELLS = 12_000_000
"""Cells that all queries asked of tables as they would be may read together; rows × columns each."""

LEAST_CELLS, CELLS_PER_CHARACTER = 400_000, 20
"""What such a query counts for at least, and by its length: even on a tiny table it takes its time to plan."""

MOST_SUSPECTS = 30_000_000
"""Suspect cells, of all issues together, up to which it is counted which of them share their rows."""

MOST_NAMED = 50
"""Issues named per option, those that change most."""

TAKE_SUSPECTS = ("quarantine", "drop")
"""Remedies that take out an issue's suspect rows; they have the same consequences."""

Column = dict[str | None, None]


def weigh(
    data: Dataset,
    issues: Sequence[Issue],
    effects: Mapping[tuple[str, str], tuple[Effect, ...]],
    queries: Sequence[Watched],
    metrics: Mapping[str, str],
) -> tuple[tuple[Issue, ...], dict[str, float | None]]:
    """The issues with the consequences of every option in its preview, and what the metrics come to now.

    Args:
        data: the table.
        issues: with their options; one without a preview, that only writes, gets one.
        effects: (issue, option) → what the option would write.
        queries: what to watch (`tasks.quality.watched.watched`).
        metrics: goal → the expression that measures it.
    """
    plans, engine = tuple(_plans(issues, effects)), Engine(data)
    figures = Figures(data, metrics, engine)
    found = _Weighing(data, plans, queries, engine, figures).found()
    told = {(p.issue.id, key): each for p, each in zip(plans, found, strict=True) for key in p.keys}
    weighed = tuple(
        replace(issue, options=tuple(_told(option, told.get((issue.id, option.key))) for option in issue.options))
        for issue in issues
    )
    return weighed, figures.now


def goal_effect(issue: Issue, now: Mapping[str, float | None]) -> float:
    """How far an issue's recommended option moves the goal that it moves most, relative to its value now.

    A goal that is nothing now, or has no value, and gets one moves without bound, as does one that loses its value.
    """
    option = next((option for option in issue.options if option.key == issue.recommended), None)
    goals = option.preview.goals if option and option.preview else {}
    return max((_moved(now.get(name), value) for name, value in goals.items()), default=0.0)


def _moved(before: float | None, after: float | None) -> float:
    if before is None or after is None or (not before and after):
        return 0.0 if before is after else math.inf
    return round(abs(after - before) / abs(before), 9) if before else 0.0


def _plans(issues: Sequence[Issue], effects: Mapping[tuple[str, str], tuple[Effect, ...]]) -> Iterator[Plan]:
    for issue in issues:
        for option in issue.options:
            if written := effects.get((issue.id, option.key)):
                rank, previewed = int(option.key != issue.recommended), option.preview is not None
                yield Plan(issue, (option.key,), rank, written, previewed=previewed)
        if keys := tuple(option.key for option in issue.options if option.remedy in TAKE_SUSPECTS):
            yield Plan(issue, keys, 2, suspects=True)


@dataclass
class _Consequence:
    """What one plan comes to: by the place of each query how many more it selects, and what could not be said."""

    more: Counter[int] = field(default_factory=Counter)
    unknown: set[int] = field(default_factory=set)
    absent: tuple[str, ...] = ()
    goals: dict[str, float | None] = field(default_factory=dict)
    unmeasured: tuple[str, ...] = ()
    rows: int | None = None
    preview: Preview | None = None
    frequent: list[Change] = field(default_factory=list)
    surprising: list[Change] = field(default_factory=list)

    def told(self, preview: Preview, names: Sequence[str]) -> Preview:
        """The preview with these consequences."""
        known = {place: n for place, n in self.more.items() if place not in self.unknown}
        return replace(
            preview,
            changes=tuple(self.frequent) or preview.changes,
            surprising=tuple(self.surprising),
            clears=by_name(known, names, -1, MOST_NAMED),
            creates=by_name(known, names, 1, MOST_NAMED) | dict.fromkeys(self.absent, 1),
            goals=self.goals,
            unknown=(*(names[place] for place in sorted(self.unknown)), *self.unmeasured),
        )


def _told(option: Option, found: tuple[_Consequence, Sequence[str]] | None) -> Option:
    if found is None:
        return option
    consequence, names = found
    preview = option.preview or consequence.preview
    return replace(option, preview=consequence.told(preview, names)) if preview else option


@dataclass(frozen=True)
class _Pair:
    """Cells of one column that a plan changes alike."""

    plan: int
    column: str
    before: str | None
    after: str | None
    cells: int
    row: int | None = None


class _Weighing:
    """One table, its plans and queries, and what was found out so far."""

    def __init__(
        self, data: Dataset, plans: Sequence[Plan], queries: Sequence[Watched], engine: Engine, figures: Figures
    ) -> None:
        self._data, self._plans, self._queries = data, plans, queries
        self._engine, self._figures = engine, figures
        self._left = self._left_for_goals = MOST_CELLS
        self._results = [_Consequence() for _ in plans]

    def found(self) -> list[tuple[_Consequence, Sequence[str]]]:
        """The consequences of each plan, and the names of the queries that it counts."""
        self._count_shared_rows()
        pairs = self._mapped()
        order = sorted(range(len(self._plans)), key=lambda p: (self._plans[p].rank, p))
        for place in (place for place in order if not self._plans[place].rank):
            self._ask(place, own=True)
        for place in order:
            self._settle_drops(self._plans[place], self._results[place])
            self._settle_adds(self._plans[place], self._results[place])
            self._ask(place, own=False)
            self._measure(self._plans[place], self._results[place])
            pairs += self._paired(place)
        self._judge(pairs)
        self._sample(pairs)
        names = [query.name for query in self._queries]
        return [(result, names) for result in self._results]

    # --- which queries a plan may alter --------------------------------------------------------------------

    def _altered(self, plan: Plan) -> Iterator[tuple[int, Watched]]:
        """The queries that a plan may alter and that are not settled by what it drops."""
        for place, query in enumerate(self._queries):
            selects = plan.takes_rows and query.count
            if not plan.dropped & query.reads and (selects or plan.touched & query.reads):
                yield place, query

    def _by_table(self, plan: Plan, query: Watched) -> bool:
        """Whether a query has to be asked of the table as it would be."""
        return query.reach is Reach.TABLE or (query.reach is Reach.ROW and bool(plan.touched & query.reads))

    def _by_rows(self, plan: Plan, query: Watched) -> bool:
        """Whether a query has to be asked which of its rows a plan does anything to."""
        return query.reach is Reach.LISTED and (plan.merges or bool(plan.touched & query.reads))

    def _settle_drops(self, plan: Plan, result: _Consequence) -> None:
        """A query about nothing but dropped columns selects nothing any more; of others it cannot be said."""
        for place, query in enumerate(self._queries):
            if query.about and plan.dropped.issuperset(query.about):
                result.more[place] -= query.count
            elif plan.dropped & query.reads:
                result.unknown.add(place)
        promised = self._data.contract.columns
        result.absent = tuple(f"{CONTRACT}{name} is there" for name in sorted(plan.dropped) if name in promised)

    def _settle_adds(self, plan: Plan, result: _Consequence) -> None:
        """A query that a missing column is the reason of selects nothing any more once the table has the column."""
        lacking = {p.issue.id for p in self._plans if p.issue.kind == plan.issue.kind and p.issue.about in plan.added}
        for place, query in enumerate(self._queries):
            if query.name in lacking:
                result.more[place] -= query.count

    # --- rows that leave -----------------------------------------------------------------------------------

    def _count_shared_rows(self) -> None:
        """Count for all plans that take rows out how many suspects of each issue are in these rows."""
        leaving = [p for p, plan in enumerate(self._plans) if plan.takes_rows]
        alone = [q for q, w in enumerate(self._queries) if w.count and w.reach is not Reach.TABLE]
        here = {p: set(alone) & set(self._by_leaving(self._plans[p])) for p in leaving}
        if not leaving or not alone:
            return
        if sum(self._queries[q].count for q in alone) > MOST_SUSPECTS:
            for p, altered in here.items():
                self._results[p].unknown |= altered
            return
        shared = SharedRows(self._engine)
        cells = {q: shared.add(self._queries[q].sql, self._queries[q].columns) for q in alone}
        known = {self._queries[q].name: bits for q, bits in cells.items()}
        rows = {p: self._leaving(self._plans[p], shared, known) for p in leaving}
        for p, counts in zip(rows, shared.counted(list(rows.values()), list(cells.values())), strict=True):
            for q, count in zip(cells, counts, strict=True):
                self._results[p].more[q] -= count if q in here[p] else 0

    def _by_leaving(self, plan: Plan) -> Iterator[int]:
        for q, query in self._altered(plan):
            if not self._by_table(plan, query) and not self._by_rows(plan, query):
                yield q

    def _leaving(self, plan: Plan, shared: SharedRows, known: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        if plan.suspects:
            return known.get(plan.issue.id) or shared.add(plan.issue.sql)
        return tuple(bit for e in plan.exits for bit in shared.add(self._engine.sql(e.rows)))

    # --- the table as it would be --------------------------------------------------------------------------

    def _ask(self, place: int, *, own: bool) -> None:
        """Ask the queries that only the table as it would be can answer; of recommended options their own first."""
        plan, result = self._plans[place], self._results[place]
        first = {q for q, w in enumerate(self._queries) if w.name == plan.issue.id and not plan.rank}
        altered = [(q, w) for q, w in self._altered(plan) if (q in first) is own]
        tables = self._affordable(result, [(q, w) for q, w in altered if self._by_table(plan, w)])
        listed = self._affordable(result, [(q, w) for q, w in altered if self._by_rows(plan, w)])
        try:
            if tables:
                self._ask_table(plan, result, tables)
            if listed:
                met = self._engine.count_met(plan, [query.sql for _q, query in listed])
                result.more.subtract(dict(zip((q for q, _w in listed), met, strict=True)))
        except Exception:  # noqa: BLE001  (whatever the engine refuses is said to be unknown; the option stands)
            result.unknown |= {q for q, _w in (*tables, *listed)}

    def _affordable(self, result: _Consequence, wanted: Sequence[tuple[int, Watched]]) -> list[tuple[int, Watched]]:
        asked = [(q, query) for q, query in wanted if self._afford(len(query.reads), len(query.sql))]
        result.unknown |= {q for q, _w in wanted} - {q for q, _w in asked}
        return asked

    def _afford(self, columns: int, characters: int = 0) -> bool:
        cost = max(self._data.profile.rows * max(columns, 1), LEAST_CELLS, characters * CELLS_PER_CHARACTER)
        if cost > self._left:
            return False
        self._left -= cost
        return True

    def _ask_table(self, plan: Plan, result: _Consequence, wanted: Sequence[tuple[int, Watched]]) -> None:
        for votes in (True, False):
            self._count_afterwards(plan, result, [w for w in wanted if self._engine.votes(w[1].sql) is votes])

    def _count_afterwards(self, plan: Plan, result: _Consequence, wanted: Sequence[tuple[int, Watched]]) -> None:
        if not wanted:
            return
        names = [c for c in self._data.columns if any(c in query.reads for _q, query in wanted)]
        domains = any(query.domains for _q, query in wanted)
        found = self._engine.count_afterwards(plan, names, [query.sql for _q, query in wanted], domains=domains)
        for (q, query), count in zip(wanted, found, strict=True):
            result.more[q] += count - query.count

    def _measure(self, plan: Plan, result: _Consequence) -> None:
        """What the goals that a plan may move come to."""
        moved, cost = self._figures.moved_by(plan), max(self._figures.cells(plan), LEAST_CELLS)
        if not moved:
            return
        if cost > self._left_for_goals:
            result.unmeasured = tuple(m.name for m in moved)
            return
        self._left_for_goals -= cost
        try:
            result.goals = self._figures.after(plan)
        except Exception:  # noqa: BLE001  (whatever the engine refuses is said to be unknown; the option stands)
            result.unmeasured = tuple(m.name for m in moved)

    # --- values that are written ---------------------------------------------------------------------------

    def _mapped(self) -> list[_Pair]:
        """The pairs of every plan that is one value map, with the cells that hold the old ones, from the domains."""
        maps = [(p, e) for p, plan in enumerate(self._plans) if isinstance(e := plan.one_column, ValueMap)]
        pairs = [(p, e.column, old, new) for p, e in maps for old, new in dict(reversed(e.pairs)).items() if old != new]
        if not pairs:
            return []
        names, types = ("plan", "column", "before", "after"), (pa.int64(), pa.string(), pa.string(), pa.string())
        arrays = [pa.array(values, type) for values, type in zip(zip(*pairs, strict=True), types, strict=True)]
        known = 'SELECT m.*, d.n FROM _pairs AS m JOIN domains AS d ON d."column" = m."column" AND d.value = m.before'
        nulls = {c.name: c.null_count for c in self._data.profile.columns}
        found = [
            _Pair(*row) for row in self._engine.rows(known, _pairs=pa.table(dict(zip(names, arrays, strict=True))))
        ]
        return found + [_Pair(p, c, b, a, nulls[c]) for p, c, b, a in pairs if b is None and nulls[c]]

    def _paired(self, place: int) -> list[_Pair]:
        """The pairs of a plan that writes by row; always where nothing else tells how much it changes."""
        plan = self._plans[place]
        if not plan.touched or isinstance(plan.one_column, ValueMap):
            return []
        values = {q for q, w in self._altered(plan) if w.reach is Reach.VALUE and plan.touched & w.reads}
        if plan.previewed and not (values and self._afford(2 * len(plan.touched))):
            self._results[place].unknown |= values
            return []
        try:
            alike, self._results[place].rows = self._engine.changes(plan)
            return [_Pair(place, *told) for told in alike]
        except Exception:  # noqa: BLE001  (whatever the engine refuses is said to be unknown; the option stands)
            self._results[place].unknown |= values
            return []

    def _judge(self, pairs: Sequence[_Pair]) -> None:
        """Ask every query that judges values of all values that are written or replaced."""
        values: dict[str, Column] = defaultdict(dict)
        for pair in pairs:
            values[pair.column] |= {pair.before: None, pair.after: None}
        worth = {column: list(self._suspect_values(column, list(distinct))) for column, distinct in values.items()}
        for pair in pairs:
            for q, suspect in worth[pair.column]:
                after = suspect[pair.before if self._misspelt_still(q, pair) else pair.after]
                self._results[pair.plan].more[q] += (after - suspect[pair.before]) * pair.cells

    def _misspelt_still(self, place: int, pair: _Pair) -> bool:
        return self._queries[place].misspelt and _letters(pair.before) == _letters(pair.after)

    def _suspect_values(self, column: str, values: list[str | None]) -> Iterator[tuple[int, Counter[str | None]]]:
        """Per query of this column's values: how often it selects a row that holds the value."""
        queries = {q: w.sql for q, w in enumerate(self._queries) if w.reach is Reach.VALUE and w.reads == {column}}
        if not queries:
            return
        table = pa.table({"place": pa.array(range(len(values)), pa.int64()), "value": pa.array(values, pa.string())})
        parts = " UNION ALL ".join(f"SELECT {q}, {quoted(ROW)} FROM ({sql})" for q, sql in queries.items())
        snapshot = f"SELECT place AS {quoted(ROW)}, value AS {quoted(column)} FROM _values"
        told: dict[int, Counter[str | None]] = {q: Counter() for q in queries}
        for q, place in self._engine.rows(f"WITH snapshot AS ({snapshot}) {parts}", _values=table):
            told[q][values[place]] += 1
        yield from told.items()

    # --- what is shown -------------------------------------------------------------------------------------

    def _sample(self, pairs: Sequence[_Pair]) -> None:
        """The most frequent and the most surprising changes of each plan, and the preview of those that have none."""
        totals: Counter[int] = Counter()
        for pair in pairs:
            totals[pair.plan] += pair.cells
        for p, plan in enumerate(self._plans):
            if not plan.previewed:
                rows = self._results[p].rows
                self._results[p].preview = Preview(totals[p] if rows is None else rows, totals[p])
        shown = self._shown(pairs) if pairs else []
        first = self._first_rows([pair for _kind, pair in shown if pair.row is None])
        for kind, pair in shown:
            row = first[pair.column][pair.before] if pair.row is None else pair.row
            change = Change(row, pair.column, pair.before, pair.after, pair.cells)
            result = self._results[pair.plan]
            (result.frequent if kind == "frequent" else result.surprising).append(change)

    def _shown(self, pairs: Sequence[_Pair]) -> list[tuple[str, _Pair]]:
        position = {name: n for n, name in enumerate(self._data.columns)}
        numbers = {
            "place": range(len(pairs)),
            "plan": [p.plan for p in pairs],
            "position": [position[p.column] for p in pairs],
            "cells": [p.cells for p in pairs],
        }
        texts = {"before": [p.before for p in pairs], "after": [p.after for p in pairs]}
        columns = {name: pa.array(values, pa.int64()) for name, values in numbers.items()}
        columns |= {name: pa.array(values, pa.string()) for name, values in texts.items()}
        return [(kind, pairs[place]) for kind, place in self._engine.rows(_SAMPLE, _pairs=pa.table(columns))]

    def _first_rows(self, pairs: Sequence[_Pair]) -> dict[str, dict[str | None, int]]:
        wanted: dict[str, Column] = defaultdict(dict)
        for pair in pairs:
            wanted[pair.column][pair.before] = None
        return {column: self._engine.first_rows(column, values) for column, values in wanted.items()}


def _letters(value: str | None) -> str:
    """A value whatever its case and spaces."""
    return "".join((value or "").casefold().split())


_SAMPLE = f"""
WITH cut AS (
  SELECT *, left(coalesce(before, ''), {COMPARED}) AS was, left(coalesce(after, ''), {COMPARED}) AS now FROM _pairs
), judged AS (
  SELECT *, levenshtein(was, now) / greatest(strlen(was), strlen(now), 1) AS surprise,
    row_number() OVER (PARTITION BY plan ORDER BY cells DESC, position, before NULLS FIRST, after NULLS FIRST) AS often
  FROM cut
), rest AS (
  SELECT *, row_number() OVER (
    PARTITION BY plan ORDER BY surprise DESC, cells, position, before NULLS FIRST, after NULLS FIRST
  ) AS odd FROM judged WHERE often > {FREQUENT}
)
SELECT kind, place FROM (
  SELECT 'frequent' AS kind, place, plan, often AS rank FROM judged WHERE often <= {FREQUENT}
  UNION ALL SELECT 'surprising', place, plan, odd FROM rest WHERE odd <= {SURPRISING}
) ORDER BY plan, kind, rank
"""
