"""A straightforward assessment of a table in pandas, as one writes it in a notebook: the yardstick, not the product.

It looks for what the product looks for, column by column over all rows: gaps and words for null, types, patterns,
white space, spellings, typos of frequent values, outliers, repeated rows, dependencies; and previews what a repair
would change.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pandas as pd
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

NULL_WORDS = {"", "n/a", "na", "null", "none", "-", "?", "unknown", "nan", "missing"}
FREQUENT = 200
"""Values that typos are looked for among."""

Finding = tuple[str, str, int, pd.DataFrame]
"""Kind, column, cells, and the most frequent changes that a repair would make."""


def assess(frame: pd.DataFrame) -> list[Finding]:
    """Everything found in a frame of text."""
    found = [finding for name in frame.columns for finding in _column(frame[name])]
    found += _rows(frame)
    found += _dependencies(frame)
    return [finding for finding in found if finding[2]]


def _column(values: pd.Series) -> Iterator[Finding]:
    name = str(values.name)
    trimmed = values.str.strip()
    missing = values.isna() | (trimmed == "")
    yield "missing", name, int(missing.sum()), _preview(values, values.mask(missing))
    disguised = ~missing & trimmed.str.lower().isin(NULL_WORDS)
    yield "disguised", name, int(disguised.sum()), _preview(values, values.mask(disguised))
    present = values[~missing & ~disguised]
    yield "white space", name, int((present != present.str.strip()).sum()), _preview(present, present.str.strip())
    yield from _types(present)
    yield from _spellings(present)
    yield from _typos(present)


def _types(present: pd.Series) -> Iterator[Finding]:
    name = str(present.name)
    plain = pd.to_numeric(present, errors="coerce")
    if plain.notna().mean() > 0.5:
        numbers = pd.to_numeric(present.str.replace(r"[^\d.eE+-]", "", regex=True), errors="coerce")
        yield "number", name, int(plain.isna().sum()), _preview(present, numbers.astype(str))
        low, high = numbers.quantile([0.25, 0.75])
        far = (numbers < low - 3 * (high - low)) | (numbers > high + 3 * (high - low))
        yield "outlier", name, int(far.sum()), _preview(present, numbers.clip(low, high).astype(str))
    dates = pd.to_datetime(present, errors="coerce", format="%Y-%m-%d")
    if 0.5 < dates.notna().mean() < 1:
        mixed = pd.to_datetime(present, errors="coerce", format="mixed", dayfirst=True)
        yield "date", name, int(dates.isna().sum()), _preview(present, mixed.dt.strftime("%Y-%m-%d"))
    pattern = present.str.replace(r"\d+", "9", regex=True).str.replace(r"[^\W\d_]+", "a", regex=True)
    shares = pattern.value_counts(normalize=True)
    rare = pattern.isin(shares[shares < 0.05].index)
    yield "pattern", name, int(rare.sum()) if shares.max() > 0.9 else 0, _preview(present, present.mask(rare))


def _spellings(present: pd.Series) -> Iterator[Finding]:
    name = str(present.name)
    key = present.str.lower().str.replace(r"[\W_]+", "", regex=True)
    counts = present.groupby([key, present]).size().sort_values(ascending=False)
    best = dict(reversed(list(counts.index)))
    usual = key.map(best)
    yield "spelling", name, int((usual != present).sum()), _preview(present, usual)


def _typos(present: pd.Series) -> Iterator[Finding]:
    name = str(present.name)
    if present.head(100).str.contains(r"\d").mean() > 0.5:
        return
    counts = present.value_counts()
    often, rare = counts[counts >= counts.sum() / 1000].head(FREQUENT), counts[counts < counts.sum() / 1000]
    if not len(often) or len(rare) > 20 * FREQUENT:
        return
    words = [str(value) for value in often.index]
    found = {}
    for value in rare.index:
        near = process.extractOne(str(value), words, scorer=DamerauLevenshtein.distance, score_cutoff=2)
        if near and len(str(value)) > 4:
            found[value] = near[0]
    yield "typo", name, int(counts[list(found)].sum()), _preview(present, present.map(found).fillna(present))


def _rows(frame: pd.DataFrame) -> Iterator[Finding]:
    repeated = frame.duplicated()
    yield "duplicate", "", int(repeated.sum()), frame[repeated].head()
    for name in frame.columns:
        if 0.95 < frame[name].nunique() / max(1, len(frame)) < 1:
            again = frame[name].duplicated()
            yield "key", str(name), int(again.sum()), frame[again].head()


def _dependencies(frame: pd.DataFrame) -> Iterator[Finding]:
    codes = {name: pd.factorize(frame[name])[0] for name in frame.columns}
    few = [name for name in frame.columns if 1 < codes[name].max() + 1 < len(frame) / 2]
    for one, other in itertools.permutations(few, 2):
        width = codes[other].max() + 2
        pairs = pd.Series(codes[one] * width + codes[other] + 1).value_counts()
        groups = pd.Series(pairs.index // width)
        first = ~groups.duplicated().to_numpy()
        if 0.95 < pairs[first].sum() / len(frame) < 1:
            usual = pd.Series(pairs.index % width, index=groups)[first]
            differs = codes[other] + 1 != usual.reindex(codes[one]).to_numpy()
            names = pd.Series(frame[other].unique())
            repaired = pd.Series(names.reindex(usual.reindex(codes[one]).to_numpy() - 1).to_numpy(), index=frame.index)
            yield "dependency", f"{one} → {other}", int(differs.sum()), _preview(frame[other], repaired)


def _preview(before: pd.Series, after: pd.Series) -> pd.DataFrame:
    """The most frequent changes."""
    changed = before.notna() & (before != after)
    both = pd.DataFrame({"before": before[changed], "after": after[changed]})
    return both.value_counts(dropna=False).head(10).reset_index()
