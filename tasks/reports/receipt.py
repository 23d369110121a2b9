"""The receipt: what was loaded where, by which decisions, and the proof that no row was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tasks.quality.approval import Signature
from tasks.quality.model import ChangeSet, Decision
from tasks.quality.secrets import mask
from tasks.quality.wording import plural, score_text
from tasks.reports import numbers
from tasks.reports.escape import markdown, visible
from tasks.reports.page import render
from tasks.reports.records import TONES, Landed, Link, RowAccount, Seal, rows_of, tally


@dataclass(frozen=True)
class GoalLine:
    """One goal's outcome: what is to be said of it, and its status against its target."""

    name: str
    sentence: str
    status: str = "no target"


@dataclass(frozen=True)
class ReceiptReport:
    """One finished run.

    Attributes:
        outcome: "loaded", "no-go", "stopped" …: what came of it.
        destination: where the table is, without any secret.
        account: the conservation equation; `here` are the rows loaded.
        landed: what the destination says of the load, if there was one.
        signatures: (gate, what a person said there) of the gates that say who may answer.
        before: score before the first decision, None when nothing was assessed.
    """

    run: str
    pipeline: str
    source: str
    generated: str
    outcome: str
    destination: str
    account: RowAccount
    landed: Landed | None = None
    columns: int = 0
    note: str = ""
    before: float | None = None
    after: float | None = None
    decisions: tuple[Decision, ...] = ()
    changes: tuple[ChangeSet, ...] = ()
    goals: tuple[GoalLine, ...] = ()
    signatures: tuple[tuple[str, Signature], ...] = ()
    links: tuple[Link, ...] = ()
    seal: Seal = field(default_factory=Seal)


def receipt_html(receipt: ReceiptReport) -> str:
    """The receipt as one self-contained page."""
    return render(
        "receipt.html",
        receipt=receipt,
        headline=headline(receipt),
        decisions=rows_of(receipt.decisions, receipt.changes),
        totals=totals(receipt.changes),
        loaded=is_loaded(receipt),
        gained=gained(receipt.before, receipt.after),
        tally=tally([goal.status for goal in receipt.goals]),
        tones=TONES,
    )


def receipt_markdown(receipt: ReceiptReport, *, limit: int = 16_000) -> str:
    """The receipt as Markdown of at most `limit` characters; every value is escaped."""
    lines = rows_of(receipt.decisions, receipt.changes)
    for shown in range(len(lines), -1, -1):
        text = _markdown(receipt, lines[:shown])
        if len(text) <= limit:
            return text
    return text[: limit - 1] + "…"


def receipt_text(receipt: ReceiptReport) -> str:
    """The receipt as plain lines for a terminal: one fact a line, controls made visible."""
    lines = [
        headline(receipt),
        *(f"  {name:<12}{visible(value, 400)}" for name, value in _landed(receipt)),
        f"  rows        {equation(receipt.account)}",
        f"  quality     {_scores(receipt)}",
        *(f"  goal        {visible(_goal(goal), 400)}" for goal in receipt.goals),
        *(
            f"  decision    {_told(decision, change)}"
            for decision, change in rows_of(receipt.decisions, receipt.changes)
        ),
        *(f"  signed      {visible(gate)}: {visible(each.line, 300)}" for gate, each in receipt.signatures),
        f"  source      {visible(mask(receipt.source), 400)}",
        f"  ledger      {visible(receipt.seal.ledger_head) or numbers.NOTHING}",
        *(f"  {visible(link.label, 10).lower():<11} {visible(link.url, 400)}" for link in receipt.links),
    ]
    return "\n".join(lines) + "\n"


def _landed(receipt: ReceiptReport) -> tuple[tuple[str, str], ...]:
    return receipt.landed.facts if receipt.landed else ()


def headline(receipt: ReceiptReport) -> str:
    """What happened, in one line."""
    where = visible(mask(receipt.destination), 300)
    if is_loaded(receipt):
        return f"{plural(receipt.account.here, 'row')} loaded into {where}"
    return f"{visible(receipt.outcome).capitalize() or 'Ended'}: nothing was loaded{' into ' + where if where else ''}"


def gained(before: float | None, after: float | None) -> str:
    """The difference of two scores as they are shown, so that a reader who subtracts gets the same.

    >>> gained(81.96, 98.4)
    '+16.4'
    """
    if before is None or after is None:
        return ""
    return numbers.change(float(score_text(before)), float(score_text(after)))


def is_loaded(receipt: ReceiptReport) -> bool:
    """Whether the destination holds the data."""
    return receipt.outcome == "loaded"


def equation(account: RowAccount) -> str:
    """Conservation in one line: every row read is somewhere.

    >>> equation(RowAccount(10, 7, malformed=1, dropped=2))
    '10 read = 7 loaded + 2 dropped + 1 malformed lines in quarantine'
    """
    terms = " + ".join(f"{numbers.count(part.value)} {part.label}" for part in account.parts("loaded"))
    return f"{numbers.count(account.read)} read {'=' if account.balanced else '≠'} {terms}"


@dataclass(frozen=True)
class Totals:
    """What all change sets did together."""

    cells: int
    removed: int


def totals(changes: Sequence[ChangeSet]) -> Totals:
    """Cells changed and rows removed over all decisions."""
    removed = sum(c.dropped + c.quarantined + c.merged for c in changes)
    return Totals(sum(c.cells_changed for c in changes), removed)


def _markdown(receipt: ReceiptReport, lines: Sequence[tuple[Decision, ChangeSet | None]]) -> str:
    left_out = len(receipt.decisions) - len(lines)
    parts = [
        f"## {markdown(headline(receipt), 400)}",
        markdown(receipt.note, 400),
        "\n".join(f"- {name}: {markdown(value, 400)}" for name, value in _landed(receipt)),
        f"Rows: {markdown(equation(receipt.account), 400)}\n\nQuality: {_scores(receipt)}",
        "\n".join(f"- {markdown(_goal(goal), 400)}" for goal in receipt.goals),
        _markdown_decisions(lines),
        "\n".join(f"- {markdown(gate)}: {markdown(each.line, 300)}" for gate, each in receipt.signatures),
        f"… and {plural(left_out, 'more decision')}" if left_out else "",
        f"Ledger head: {markdown(receipt.seal.ledger_head)}" if receipt.seal.ledger_head else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_decisions(lines: Sequence[tuple[Decision, ChangeSet | None]]) -> str:
    if not lines:
        return ""
    head = "| No. | Issue | Remedy | Who | Cells changed | Rows removed |\n|---:|---|---|---|---:|---:|"
    return "\n".join([head, *(_markdown_line(decision, change) for decision, change in lines)])


def _markdown_line(decision: Decision, change: ChangeSet | None) -> str:
    told = f"{markdown(decision.issue, 80)} | {markdown(decision.label, 100)} | {markdown(decision.answered_by, 60)}"
    done = totals([change]) if change else None
    figures = (
        f"{numbers.count(done.cells)} | {numbers.count(done.removed)}"
        if done
        else f"{numbers.NOTHING} | {numbers.NOTHING}"
    )
    return f"| {decision.number} | {told} | {figures} |"


def _told(decision: Decision, change: ChangeSet | None) -> str:
    done = totals([change]) if change else Totals(0, 0)
    effect = f"{plural(done.cells, 'cell')} changed, {plural(done.removed, 'row')} removed"
    who = visible(decision.answered_by)
    return f"{decision.number}. {visible(decision.issue)}: {visible(decision.label)} ({who}): {effect}"


def _goal(goal: GoalLine) -> str:
    return f"{goal.name}: {goal.sentence}"


def _scores(receipt: ReceiptReport) -> str:
    scores = [score_text(value) for value in (receipt.before, receipt.after) if value is not None]
    return f" {numbers.ARROW} ".join(scores) or "not assessed"
