"""Findings whose remedy is a table of old and new values: what they say, and the lines that are recommended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tasks.quality.model import Dataset, Finding, Issue, Option, Severity
from tasks.quality.queries import cells_in
from tasks.quality.wording import plural


def mapped(
    data: Dataset,
    name: str,
    pairs: Mapping[str, str],
    certain: Mapping[str, str],
    counts: Mapping[str, int],
    differ: tuple[str, str],
    confidence: float,
    sure: float,
) -> Finding:
    """What is found about a column of which some values should be others.

    Args:
        data: the table.
        name: the column.
        pairs: old value → new value.
        certain: those of the pairs that are recommended.
        counts: value → its rows.
        differ: what is wrong with one value, and with several.
        confidence: how sure it is that the old values are wrong, 0 to 1.
        sure: how sure the certain lines are, 0 to 1.
    """
    olds = sorted(pairs)
    column = data.profile.column(name)
    return Finding(
        (name,),
        cells_in(name, olds),
        sum(counts[old] for old in olds),
        column.rows,
        f"{plural(len(olds), *differ)}: {_shown(pairs, counts)}",
        Severity.MEDIUM if certain else Severity.LOW,
        facts={
            "pairs": dict(sorted(pairs.items())),
            "certain": dict(sorted(certain.items())),
            "counts": {old: counts[old] for old in olds},
            "sure": sure,
        },
        confidence=confidence,
    )


def _shown(pairs: Mapping[str, str], counts: Mapping[str, int]) -> str:
    most = sorted(pairs, key=lambda old: (-counts[old], old))[:3]
    more = f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""  # noqa: PLR2004
    return ", ".join(f"'{old}' {counts[old]:,}× for '{pairs[old]}'" for old in most) + more


def map_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    """The certain lines, and all of them for the pilot to look at."""
    facts = issue.facts
    certain, every = facts["certain"], facts["pairs"]
    if certain:
        left = issue.count - sum(facts["counts"][old] for old in certain)
        leaves = plural(left, "cell that is less certain", "cells that are less certain") if left else ""
        label = f"write the usual value for {plural(len(certain), 'that is certain', 'that are certain')}"
        why = _shown(certain, facts["counts"])
        yield Option("map-certain", "map_values", label, {"values": certain}, why, leaves, facts["sure"], True)
    if len(certain) < len(every):
        label = f"write the usual value for all {len(every):,}"
        why = "look at each line: some may be names of their own"
        yield Option("map", "map_values", label, {"values": every}, why)
