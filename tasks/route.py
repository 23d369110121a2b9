"""Routing: which module carries out which of an answer's decisions, in which order."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from itertools import groupby

from tasks.quality.carry import in_order
from tasks.quality.model import Answer, Assessment, Decision
from tasks.quality.wording import plural, with_own
from tasks.record import once
from tasks.reports.discreet import discreet, unquoted
from tasks.run import Examined, Run


@dataclass(frozen=True)
class Leg:
    """The decisions that one module carries out in one round."""

    module: str
    round: int
    decisions: tuple[Decision, ...]

    @property
    def summary(self) -> str:
        """How much there is to do, for the subflow's name."""
        return f"round {self.round}, {plural(len(self.decisions), 'decision')}"


@once("route")
def route(run: Run, examined: Examined, answer: Answer) -> tuple[Leg, ...]:
    """Number the decisions of an answer, write them and their routing into the ledger."""
    assessment = run.assessment(examined.round)
    signatures = [asdict(signature) for signature in answer.signatures]
    with run.open_ledger() as ledger:
        before = sum(e.kind == "decision" and e.payload["gate"] != answer.gate for e in ledger.entries(run.id))
        decisions = tuple(_decisions(assessment, run.hidden_columns(assessment), answer, before + 1))
        for decision in decisions:
            payload = asdict(decision) | ({"signatures": signatures} if signatures else {})
            ledger.append(
                run.id,
                f"decision-{decision.number}",
                "decision",
                payload,
                actor=answer.answered_by,
                method=answer.method,
            )
        legs = tuple(_legs(examined.round, decisions))
        plan = [{"module": leg.module, "decisions": [decision.number for decision in leg.decisions]} for leg in legs]
        ledger.append(run.id, f"routing-{answer.gate}", "routing", {"gate": answer.gate, "legs": plan})
    return legs


def _decisions(assessment: Assessment, hidden: AbstractSet[str], answer: Answer, first: int) -> Iterator[Decision]:
    shown = discreet(assessment, hidden)
    for number, (issue, action) in enumerate(in_order(assessment, answer.actions), start=first):
        option = issue.option(action.option)
        label = with_own(shown.issue(issue.id).option(option.key).label, action.parameters, option.needs)
        yield Decision(
            number=number,
            gate=answer.gate,
            issue=issue.id,
            kind=issue.kind,
            module=issue.module,
            remedy=option.remedy,
            option=option.key,
            label=unquoted(label) if hidden & set(issue.columns) else label,
            columns=issue.columns,
            parameters=action.parameters,
            facts=issue.facts,
            sql=issue.sql,
            answered_by=answer.answered_by,
        )


def _legs(round: int, decisions: tuple[Decision, ...]) -> Iterator[Leg]:
    for module, of_module in groupby(decisions, key=lambda decision: decision.module):
        yield Leg(module, round, tuple(of_module))
