"""The three questions of a run: is this the data you meant, what shall be done about it, shall it be loaded?

Each is made once, from what is in staging, so that a replay asks exactly the same, and sealed with the hash of
the evidence that it shows. A gate that the pipeline does not ask says so in `unasked`, and is passed with that reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from blocks.sources import Batch
from blocks.spec import Below, Gate
from tasks.ask import GO_MEANS
from tasks.assess import failing
from tasks.insights.compare import Comparison
from tasks.policies import in_force
from tasks.quality.checks import ContractCheck
from tasks.quality.history import REVISIONS, loads
from tasks.quality.model import ROW, Snapshot, Verdict
from tasks.quality.policy import Match, Policy, gate_differs, match
from tasks.quality.privacy import personal_among
from tasks.quality.question import KEEP, RECOMMENDED, Question, as_remembered, choices, sealed
from tasks.quality.wording import plural, score_text
from tasks.record import once
from tasks.report import quality_report, shown
from tasks.reports.discreet import starred
from tasks.reports.escape import markdown, visible
from tasks.reports.outlook import Teller
from tasks.reports.quality import quality_markdown
from tasks.run import Examined, Goals, Loaded, Run

QUALITY_MEANS = {
    "go": "carry out the actions below and go on",
    "resolve": "carry them out, measure again and ask again",
    "no-go": "stop here; everything is kept, nothing is loaded",
}
GO_OR_NOT = (Verdict.GO, Verdict.NO_GO)
CHECKS_SHOWN = 20
SAMPLE_ROWS = 5
SAMPLE_COLUMNS = 8
POLICIES_NAMED = 3


@once("ask about the source")
def source_question(run: Run, snapshot: Snapshot) -> Question:
    """Ask whether this is the data that was meant: rows, columns, a sample."""
    batch, gate = run.recall(Batch, "batch"), run.spec().gates.source
    bad = f", {plural(batch.quarantined, 'malformed record')} in quarantine" if batch.quarantined else ""
    summary = f"{plural(snapshot.rows, 'row')} and {plural(len(snapshot.columns), 'column')} from {run.source}{bad}."
    notes = [f"- {markdown(note)}" for note in batch.notes]
    renamed = [f"- column {markdown(old or '(no name)')} is here {markdown(new)}" for old, new in batch.renames]
    return sealed(
        Question(
            gate="source",
            title=f"Is this the data you meant? {run.name}",
            text="\n\n".join([f"**{markdown(summary)}**", "\n".join([*notes, *renamed]), _sample(run, snapshot)]),
            summary=visible(summary),
            verdicts=GO_OR_NOT,
            meaning=GO_MEANS,
            unasked=_unasked(gate, None),
            **_rules(gate),
        ),
        *source_substance(run, snapshot),
    )


@once("ask about the quality")
def quality_question(run: Run, examined: Examined, *, round: int) -> Question:
    """Ask what shall be done about each issue; in the last round there is no further one to ask for."""
    gate, found = run.spec().gates.quality, shown(run, examined.round)
    last = round >= gate.rounds
    issues, failed = plural(examined.issues, "issue"), failing(examined.checks_failed)
    asked = (Verdict.GO, Verdict.NO_GO) if last else (Verdict.GO, Verdict.RESOLVE, Verdict.NO_GO)
    summary = (
        f"Score {score_text(examined.score)} of 100: {issues} in {plural(examined.snapshot.rows, 'row')}, "
        f"{examined.recommended} with a safe recommendation.{f' {failed}.' if failed else ''}"
    )
    teller = Teller(found, run.spec().goals)
    policies = _standing(run, gate)
    put = choices(found.issues, lambda issue, option: teller.outlook(issue, option).brief, run.hidden_columns(found))
    matches = {c.issue: match(policies, found.issue(c.issue), personal=c.personal) for c in put}
    asked_about = tuple(as_remembered(choice, matches[choice.issue]) for choice in put)
    question = sealed(
        Question(
            gate=f"quality-{round}",
            title=f"{issues} in {run.name}: what shall be done?" if found.issues else f"No issue in {run.name}: go on?",
            text=_links(examined) + quality_markdown(replace(quality_report(run, examined), links=())),
            summary=summary,
            verdicts=asked,
            meaning={verdict.value: QUALITY_MEANS[verdict.value] for verdict in asked},
            choices=asked_about,
            memory=gate.memory,
            comment=gate.comment,
            report_url=examined.page,
            round=examined.round,
            unasked=_unasked(gate, examined.score),
            **_rules(gate),
        ),
        *quality_substance(run, examined.round),
    )
    return question if question.unasked or _intervened(run) else _remembered(question, matches, policies)


@once("ask about the load")
def load_question(run: Run, seen: Sequence[Examined], measured: Goals, before: Loaded, *, attempt: int) -> Question:
    """Ask whether the refined rows shall be loaded: score before and after, goals, what was changed.

    Args:
        run: whose rows they are.
        seen: the tables that were looked at.
        measured: what the goals came to.
        before: what became of the attempt before.
        attempt: the number of this one.
    """
    problem, adding = before.problem, ", ".join(before.new_columns)
    means = f"add {adding} to the table, and load" if adding else "load the refined rows"
    first, last, gate = seen[0], seen[-1], run.spec().gates.load
    destination = run.spec().destination.describe()
    goals = run.recall_all(Comparison, "goals")
    changes = run.changes()
    cells = sum(change.cells_changed for change in changes)
    gone = first.snapshot.rows - last.snapshot.rows
    failed = f"The load failed and the destination is as it was: {problem}. " if problem else ""
    not_done = _not_carried_out(run)
    empties = not last.snapshot.rows and run.spec().destination.replaces
    emptied = "There is no row: what the destination has gives way to nothing. " if empties else ""
    again = _again(run, last.snapshot)
    told = f"{measured.met} of {plural(measured.targets, 'target')} {'is' if measured.met == 1 else 'are'} met"
    met = f" {told}." if measured.targets else ""
    summary = (
        f"{failed}{emptied}{again}{plural(last.snapshot.rows, 'row')} for {destination}. "
        f"Score {score_text(first.score)} → {score_text(last.score)}; {plural(len(changes), 'decision')} changed "
        f"{plural(cells, 'cell')}, {plural(gone, 'row')} left the table.{not_done}{met}"
    )
    lines = [f"- {markdown(goal.sentence, 400)}" for goal in goals]
    broken = _broken(run, last.round)[:CHECKS_SHOWN]
    lines += [f"- contract: {markdown(c.title, 200)}: {c.problem or f'{c.failures:,} fail'}" for c in broken]
    links = f"[Insight report]({run.page('insight.html')}) · [Quality report]({last.page})\n\n"
    missed = measured.targets - measured.met
    wary = bool(problem or empties or not_done)
    case = {"rate": gone / max(first.snapshot.rows, 1), "score": last.score, "missed": float(missed)}
    question = sealed(
        Question(
            gate=f"load-{attempt}",
            title=f"Load {run.name}?",
            text="\n\n".join([links + f"**{markdown(summary, 600)}**", "\n".join(lines)]),
            summary=visible(summary, 600),
            verdicts=GO_OR_NOT,
            meaning={"go": means, "no-go": "do not load; everything is kept"},
            report_url=run.page("insight.html"),
            needs_person=wary,
            failed=bool(problem),
            memory=None if empties or not_done else gate.memory,
            case=case,
            unasked="" if wary else _unasked(gate, last.score),
            **_rules(gate),
        ),
        *load_substance(run, last.round, measured.figures),
    )
    if question.unasked or question.needs_person or again or _intervened(run):
        return question
    return _load_remembered(question, _standing(run, gate))


def _again(run: Run, snapshot: Snapshot) -> str:
    """A sentence on the run that has added the same rows to the destination already, where one has."""
    to = run.spec().destination
    if getattr(to, "mode", "append") != "append":
        return ""
    with run.open_ledger() as ledger:
        others = [other for other in ledger.loads_of(snapshot.fingerprint) if other != run.id]
        found = [ledger.entries(other) for other in others] if snapshot.rows else []
    for entries in found:
        if any(
            (each.receipt["destination"], each.receipt["mode"]) == (to.describe(), "append") for each in loads(entries)
        ):
            return f"The same rows are there already, from {entries[0].payload['name']}: they would be added again. "
    return ""


def _not_carried_out(run: Run) -> str:
    """A sentence on the decisions that stand and could not be carried out, where there are any."""
    failed = {entry.payload["decision"] for entry in run.entries() if entry.kind == "failed"}
    count = sum(decision.number in failed for decision in run.decisions())
    return f" {plural(count, 'decision')} could not be carried out." if count else ""


def _remembered(question: Question, matches: Mapping[str, Match | None], policies: Sequence[Policy]) -> Question:
    """The question, passed when standing decisions say everything that it would ask."""
    own = [matches[choice.issue] for choice in question.choices]
    held = [found.policy for found in own if found and not found.differs]
    whole = [policy for policy in policies if policy.kind == "quality"]
    if len(held) < len(own) or not (held or whole):
        return question
    doing = any(choice.recommended != KEEP for choice in question.choices)
    verdict = Verdict.RESOLVE if doing and Verdict.RESOLVE in question.verdicts else Verdict.GO
    passes = {"verdict": verdict.value, "rest": RECOMMENDED}
    return replace(question, unasked=_by_policies(held or whole[-1:]), passes=passes)


def _standing(run: Run, gate: Gate) -> tuple[Policy, ...]:
    """The standing decisions that may answer a gate."""
    return in_force(run, datetime.now(UTC).date(), signed=gate.signed) if gate.memory else ()


def _intervened(run: Run) -> bool:
    """Whether somebody went back, undid or returned something in this run: they want to be asked."""
    return any(entry.kind in REVISIONS for entry in run.entries())


def _by_policies(policies: Sequence[Policy]) -> str:
    """How a gate is answered that standing decisions answer."""
    told = list(dict.fromkeys(policy.told for policy in policies))
    more = f" and {len(told) - POLICIES_NAMED} more" if len(told) > POLICIES_NAMED else ""
    return f"automatic: {'; '.join(told[:POLICIES_NAMED])}{more}"


def _load_remembered(question: Question, policies: Sequence[Policy]) -> Question:
    """The question about the load, passed when it is as it was when somebody had it remembered."""
    about = [(policy, gate_differs(policy, question.case)) for policy in reversed(policies) if policy.kind == "load"]
    for policy, differs in about:
        if not differs:
            return replace(question, unasked=_by_policies([policy]))
    if not about:
        return question
    policy, differs = about[0]
    told = f"Not the same as in {policy.told}: {differs}."
    return replace(question, text=f"**{markdown(told, 400)}**\n\n{question.text}", summary=f"{told} {question.summary}")


def source_substance(run: Run, snapshot: Snapshot) -> tuple[Any, ...]:
    """What the evidence of the question about the source is made of."""
    batch = run.recall(Batch, "batch")
    return ((snapshot.fingerprint, batch.origins, batch.quarantined, batch.renames),)


def quality_substance(run: Run, round: int) -> tuple[Any, ...]:
    """What the evidence of a question about the quality is made of."""
    found = run.assessment(round)
    told = (found.snapshot.fingerprint, found.profile, found.issues, found.score)
    return told, run.recall_all(ContractCheck, f"checks-{round}")


def load_substance(run: Run, round: int, figures: Sequence[Any]) -> tuple[Any, ...]:
    """What the evidence of the question about the load is made of, when this was the last look at the table."""
    looks = [run.assessment(1), run.assessment(round)]
    scores = [value for look in looks for value in (look.snapshot.fingerprint, look.score.overall)]
    return ((*scores, figures, _broken(run, round)),)


def _broken(run: Run, round: int) -> list[ContractCheck]:
    return [check for check in run.recall_all(ContractCheck, f"checks-{round}") if not check.passed]


def _unasked(gate: Gate, score: float | None) -> str:
    """Why the pipeline passes a gate without asking, or an empty string when it asks."""
    if gate.asks(score):
        return ""
    if isinstance(gate.ask, Below):
        return f"automatic: the pipeline asks below {gate.ask.below:g}, the score is {score_text(score or 0.0)}"
    return "automatic: the pipeline never asks here"


def _rules(gate: Gate) -> dict[str, Any]:
    """Who has to answer, and by when."""
    return {"who": gate.approval, "times": gate.times}


def _links(examined: Examined) -> str:
    return f"[Quality report]({examined.page}) · [Column profile]({examined.profile_page})\n\n"


def _sample(run: Run, snapshot: Snapshot) -> str:
    """The first rows, with stars for what is personal by the contract or by its form: nothing was measured yet."""
    columns, spec = snapshot.columns[:SAMPLE_COLUMNS], run.spec()
    with run.open_staging().open(snapshot) as tables:
        first = tables.table("snapshot").select(ROW, *columns).order_by(ROW).limit(SAMPLE_ROWS)
        rows = first.to_pyarrow().to_pylist()
        formed = personal_among(tables.con, (row[name] for row in rows for name in columns))
    known = {name for name in columns if spec.contract.column(name).personal}

    def cell(row: Mapping[str, Any], name: str) -> str:
        hidden = not spec.show_personal_data and (name in known or row[name] in formed)
        return markdown((starred(row[name]) if hidden else row[name]) or "", 40)

    more = len(snapshot.columns) - len(columns)
    heading = f"| {' | '.join(markdown(name, 40) for name in columns)} |\n|{'---|' * len(columns)}\n"
    body = "\n".join("| " + " | ".join(cell(row, name) for name in columns) + " |" for row in rows)
    return heading + body + (f"\n\n… and {plural(more, 'more column')}" if more > 0 else "")
