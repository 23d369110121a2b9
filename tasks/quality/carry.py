"""Carrying out what was decided: which decision comes first, and what one does to a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tasks.quality.effects import Applied, apply
from tasks.quality.model import Action, Assessment, Dataset, Issue
from tasks.quality.question import KEEP
from tasks.quality.registry import MODULES, find_remedy, kinds


def in_order(assessment: Assessment, actions: Iterable[Action]) -> list[tuple[Issue, Action]]:
    """The actions that do something with their issues, in the order in which they are carried out.

    Modules come in the order of `MODULES`, kinds in that of their file, issues in that of the assessment.
    """
    names = [kind.name for kind in kinds()]
    chosen = [(assessment.issue(action.issue), action) for action in actions if action.option != KEEP]
    return sorted(chosen, key=lambda pair: (MODULES.index(pair[0].module), names.index(pair[0].kind)))


def carry_out(data: Dataset, issue: Issue, remedy: str, parameters: Mapping[str, Any], number: int = 0) -> Applied:
    """What a remedy makes of the table as it is now; `number` is the decision's.

    Raises:
        PilotMustDecide: it cannot be carried out on this table, e.g. because an earlier decision dropped its column.
    """
    chosen = find_remedy(remedy)
    return apply(data, chosen.effects(data, issue, chosen.parameters(**parameters)), number)
