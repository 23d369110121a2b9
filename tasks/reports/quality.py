"""The quality report: one assessment as a page, as JSON, and as Markdown for artifacts and forms.

It renders what was found and judges nothing; the issues stand in the order in which they are given.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tasks.quality.model import (
    Assessment,
    Cell,
    ChangeSet,
    Decision,
    Issue,
    Option,
    Preview,
    Severity,
)
from tasks.quality.secrets import mask
from tasks.quality.wording import plural, rate, score_text
from tasks.reports import numbers
from tasks.reports.escape import markdown, safe_url, visible
from tasks.reports.outlook import Teller
from tasks.reports.page import render
from tasks.reports.records import BadLine, Link, RowAccount, Seal, account, rows_of

if TYPE_CHECKING:
    from tasks.insights.goals import Goal
    from tasks.quality.checks import ContractCheck

KEEP = "keep"
EVIDENCE_ROWS = 8
EVIDENCE_COLUMNS = 12
MANY_ISSUES = 100
"""From here on each issue shows half of its evidence, so that the page stays light."""
REMARKS = 5
"""Remarks in Markdown; the page has all of them."""
SQL_BUDGET = 1_000_000
"""Characters of SQL in one page; the JSON report always holds all of it."""


@dataclass(frozen=True)
class QualityReport:
    """One look at the data.

    Attributes:
        generated: the label of the moment, made by the caller: a page has no clock.
        previous: the assessment before the last decisions, for before → after.
        malformed: lines of the source that are no rows; they are in quarantine.
        rows_read: rows and malformed lines that the source held, when known.
        renames: (name in the source, name here) of every column that had to be renamed.
        checks: the contract against the snapshot.
        goals: what the user wants to know, for the units of the figures in previews.
        returned: rows that came back from quarantine.
        remarks: what in the pipeline had no effect, a sentence each.
        formula: how the score is computed, in words; empty for that of `tasks.quality.score`.
    """

    run: str
    pipeline: str
    source: str
    generated: str
    assessment: Assessment
    previous: Assessment | None = None
    malformed: int = 0
    malformed_sample: tuple[BadLine, ...] = ()
    rows_read: int | None = None
    renames: tuple[tuple[str, str], ...] = ()
    checks: tuple[ContractCheck, ...] = ()
    goals: tuple[Goal, ...] = ()
    remarks: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    changes: tuple[ChangeSet, ...] = ()
    returned: int = 0
    links: tuple[Link, ...] = ()
    seal: Seal = field(default_factory=Seal)
    formula: str = ""

    @property
    def account(self) -> RowAccount:
        """Where every row of the source is now."""
        rows, gone = self.assessment.snapshot.rows, {"malformed": self.malformed, "returned": self.returned}
        return account(rows, self.changes, read=self.rows_read, **gone)


def quality_html(report: QualityReport) -> str:
    """The report as one self-contained page."""
    assessment, previous = report.assessment, report.previous
    return render(
        "quality.html",
        report=report,
        assessment=assessment,
        profile=assessment.profile,
        headline=headline(report),
        lead=lead(report),
        steps=next_steps(assessment.issues),
        account=report.account,
        formula=formula(report),
        dimensions=dimension_rows(assessment, previous),
        issues=_all_shown(assessment.issues, previous),
        cleared=cleared(assessment, previous),
        severities=severity_counts(assessment.issues),
        decisions=rows_of(report.decisions, report.changes),
        removed_rows=removed_rows,
        teller=Teller(assessment, report.goals),
        sql_limit=max(1000, min(20_000, SQL_BUDGET // max(len(assessment.issues), 1))),
    )


def quality_json(report: QualityReport) -> str:
    """The report as JSON with sorted keys, rates and row account; the same input gives the same text."""
    payload = _plain(asdict(report)) | {"source": mask(report.source), "formula": formula(report)}
    payload["account"] = asdict(report.account) | {"balanced": report.account.balanced}
    payload["headline"] = headline(report)
    for plain, issue in zip(payload["assessment"]["issues"], report.assessment.issues, strict=True):
        plain["rate"] = issue.rate
    for plain, check in zip(payload["checks"], report.checks, strict=True):
        plain["passed"] = check.passed
    text = json.dumps(payload, sort_keys=True, ensure_ascii=False, indent=2, allow_nan=False)
    return text.encode("utf-8", "replace").decode() + "\n"


def quality_markdown(report: QualityReport, *, issues: int = 40, limit: int = 16_000) -> str:
    """Summary, next steps and the issues as a table; every value is escaped.

    Args:
        report: what to tell.
        issues: issues listed at most; the rest is counted.
        limit: characters at most; other options, then issues are left out, from the end, until it fits.
    """
    found = report.assessment.issues
    most = min(issues, len(found))
    with_options = ((most, most), (most, most // 2), (most, most // 4))
    for shown, detailed in (*with_options, *((n, 0) for n in range(most, -1, -1))):
        text = _markdown(report, found[:shown], detailed)
        if len(text) <= limit:
            return text
    return text[: limit - 1] + "…"


def issues_table(report: QualityReport) -> list[dict[str, str | int]]:
    """One row per issue for a table artifact: plain text, one line each, in the report's order."""
    return [
        {
            "severity": "could not check" if issue.failed else issue.severity.value,
            "issue": visible(issue.title, 160),
            "columns": visible(", ".join(issue.columns), 120),
            "dimension": issue.dimension.value,
            "count": "unknown" if issue.failed else issue.count,
            "rate": numbers.NOTHING if issue.failed else rate(issue.rate),
            "recommended": visible(_recommendation(issue), 120),
        }
        for issue in report.assessment.issues
    ]


# --- what the first glance says ---------------------------------------------------------------------------


def headline(report: QualityReport) -> str:
    """How good the data is, in one line."""
    now = report.assessment.score.overall
    if report.previous is None:
        return f"Quality {score_text(now)} of 100"
    before = report.previous.score.overall
    if score_text(before) == score_text(now):
        return f"Quality unchanged at {score_text(now)} of 100"
    return f"Quality {'rose' if now > before else 'fell'} from {score_text(before)} to {score_text(now)}"


def formula(report: QualityReport) -> str:
    """How the score is computed, in words."""
    from tasks.quality.score import FORMULA

    return report.formula or FORMULA


def lead(report: QualityReport) -> str:
    """What was looked at and what was found, in one sentence or two."""
    snapshot, issues = report.assessment.snapshot, report.assessment.issues
    where = f"{plural(snapshot.rows, 'row')} and {plural(len(snapshot.columns), 'column')}"
    if not issues:
        return f"No issues found in {where}."
    by = ", ".join(f"{numbers.count(n)} {name}" for name, n in severity_counts(issues) if n)
    text = f"{plural(len(issues), 'issue')} in {where}: {by}."
    gone = cleared(report.assessment, report.previous)
    return text + (f" {plural(len(gone), 'issue')} cleared since the last look." if gone else "")


def next_steps(issues: Sequence[Issue]) -> list[tuple[str, str]]:
    """What there is to do, as (imperative, explanation), in the order in which a pilot would do it."""
    failed = [i for i in issues if i.failed]
    ready = [i for i in issues if not i.failed and i.recommended != KEEP]
    noted = [i for i in issues if not i.failed and i.recommended == KEEP and i.severity is Severity.INFO]
    open_ = [i for i in issues if not (i.failed or i in ready or i in noted)]
    steps = [
        (f"Accept {plural(len(ready), 'recommended repair')}", _effect(ready)) if ready else None,
        (f"Decide on {plural(len(open_), 'issue')}", "no repair is safe to choose for you") if open_ else None,
        (f"Look into {plural(len(failed), 'failed check')}", "nothing is known about what it looks for")
        if failed
        else None,
        (f"Note {plural(len(noted), 'observation')}", "for information, not counted") if noted else None,
    ]
    return [step for step in steps if step] or [("Go", "nothing stands against it")]


def _effect(issues: Sequence[Issue]) -> str:
    previews = [p for i in issues for o in i.options if o.key == i.recommended and (p := o.preview)]
    if not previews:
        return "nothing was previewed"
    cells, rows = sum(p.cells_changed for p in previews), sum(p.rows_removed for p in previews)
    parts = [f"changes up to {plural(cells, 'cell')}"] if cells else []
    parts += [f"removes up to {plural(rows, 'row')}"] if rows else []
    return ", ".join(parts) or "changes nothing"


def severity_counts(issues: Sequence[Issue]) -> list[tuple[str, int]]:
    """Issues per severity, the gravest first; crashed checks are counted apart."""
    counts = [(s.value, sum(i.severity is s and not i.failed for i in issues)) for s in Severity]
    return [*counts, ("could not check", sum(i.failed for i in issues))]


def cleared(now: Assessment, previous: Assessment | None) -> list[Issue]:
    """Issues of the previous assessment that are gone."""
    left = {issue.id for issue in now.issues}
    return [issue for issue in previous.issues if issue.id not in left] if previous else []


@dataclass(frozen=True)
class DimensionRow:
    """One dimension's score now and before."""

    name: str
    score: float
    before: float | None
    suspect_cells: int
    suspect_rows: int


def dimension_rows(now: Assessment, previous: Assessment | None) -> list[DimensionRow]:
    """The score per dimension, with the score before where there is one."""
    before = {d.dimension: d.score for d in previous.score.dimensions} if previous else {}
    return [
        DimensionRow(d.dimension.value, d.score, before.get(d.dimension), d.suspect_cells, d.suspect_rows)
        for d in now.score.dimensions
    ]


# --- one issue --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evidence:
    """A sample of suspect cells as a table: one line per row, one column per column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[Cell | None, ...]], ...]
    left_out: int


@dataclass(frozen=True)
class ShownIssue:
    """An issue with what the page shows of it."""

    issue: Issue
    options: tuple[Option, ...]
    recommendation: str
    evidence: Evidence
    before: int | None
    new: bool


def _all_shown(issues: Sequence[Issue], previous: Assessment | None) -> list[ShownIssue]:
    counts = {i.id: i.count for i in previous.issues} if previous else None
    most = EVIDENCE_ROWS if len(issues) < MANY_ISSUES else EVIDENCE_ROWS // 2
    return [_shown(issue, counts, most) for issue in issues]


def _shown(issue: Issue, counts: Mapping[str, int] | None, most: int) -> ShownIssue:
    options = tuple(sorted(issue.options, key=lambda option: option.key != issue.recommended))
    before = counts.get(issue.id) if counts else None
    is_new = counts is not None and before is None
    return ShownIssue(issue, options, _recommendation(issue), evidence(issue.sample, most), before, is_new)


def _recommendation(issue: Issue) -> str:
    return next((o.label for o in issue.options if o.key == issue.recommended), "keep as it is")


def evidence(sample: Sequence[Cell], most: int = EVIDENCE_ROWS) -> Evidence:
    """The sample as a table of at most `most` rows and `EVIDENCE_COLUMNS` columns, in the order given."""
    columns = tuple(dict.fromkeys(c.column for c in sample if c.column))[:EVIDENCE_COLUMNS]
    rows: dict[int, dict[str, Cell]] = {}
    for cell in sample:
        rows.setdefault(cell.row, {})[cell.column] = cell
    lines = [(row, tuple(cells.get(column) for column in columns)) for row, cells in rows.items()]
    return Evidence(columns, tuple(lines[:most]), max(len(lines) - most, 0))


# --- Markdown and JSON ------------------------------------------------------------------------------------


def _markdown(report: QualityReport, shown: Sequence[Issue], detailed: int) -> str:
    teller = Teller(report.assessment, report.goals)
    parts = [
        f"## {markdown(headline(report))}",
        markdown(lead(report), 400),
        "\n".join(f"- **{what}**: {why}" for what, why in next_steps(report.assessment.issues)),
        _markdown_dimensions(report),
        _markdown_issues(shown, len(report.assessment.issues) - len(shown), teller),
        _markdown_options(shown[:detailed], teller),
        "\n".join(f"> {markdown(remark, 200)}" for remark in report.remarks[:REMARKS]),
        _markdown_rows(report),
        " · ".join(_markdown_link(link) for link in report.links),
        _markdown_proof(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_dimensions(report: QualityReport) -> str:
    rows = dimension_rows(report.assessment, report.previous)
    cells = [(r.name, score_text(r.score) if r.before is None else _arrow(r.before, r.score)) for r in rows]
    return " · ".join(f"{name} **{value}**" for name, value in cells)


def _arrow(before: float, now: float) -> str:
    return f"{score_text(before)} {numbers.ARROW} {score_text(now)}"


def _markdown_issues(shown: Sequence[Issue], left_out: int, teller: Teller) -> str:
    if not shown:
        return f"{plural(left_out, 'issue')}: see the report." if left_out else ""
    lines = ["| Severity | Issue | Count | Rate | Recommended | It would |", "|---|---|---:|---:|---|---|"]
    lines += [_markdown_line(issue, teller) for issue in shown]
    return "\n".join(lines) + (f"\n\n… and {plural(left_out, 'more issue')}: see the report." if left_out else "")


def _markdown_line(issue: Issue, teller: Teller) -> str:
    severity = "could not check" if issue.failed else issue.severity.value
    counted = (
        f"unknown | {numbers.NOTHING}"
        if issue.failed
        else f"{plural(issue.count, issue.unit)} | {markdown(rate(issue.rate))}"
    )
    recommendation = numbers.NOTHING if issue.failed else markdown(_recommendation(issue), 100)
    safe = recommendation and issue.recommended != KEEP
    chosen = f"**{recommendation}**" if safe else recommendation
    brief = markdown(teller.outlook(issue.id, issue.option(issue.recommended)).brief, 160) if safe else ""
    return f"| {severity} | {markdown(issue.title, 140) or issue.kind} | {counted} | {chosen} | {brief} |"


def _markdown_options(issues: Sequence[Issue], teller: Teller) -> str:
    """What else could be done about these issues, and what each would bring."""
    told = [(i, [o for o in i.options if o.key not in (i.recommended, KEEP)]) for i in issues if not i.failed]
    lines = [
        f"- {markdown(issue.title, 140) or issue.kind}\n"
        + "\n".join(
            f"  - {markdown(option.label, 100)}: {markdown(teller.outlook(issue.id, option).brief, 200)}"
            for option in others
        )
        for issue, others in told
        if others
    ]
    if not lines:
        return ""
    return "<details><summary>The other options</summary>\n\n" + "\n".join(lines) + "\n\n</details>"


def _markdown_rows(report: QualityReport) -> str:
    a = report.account
    terms = " + ".join(f"{numbers.count(part.value)} {part.label}" for part in a.parts("here"))
    return f"Rows: {numbers.count(a.read)} read {'=' if a.balanced else '≠'} {terms}"


def _markdown_link(link: Link) -> str:
    url = quote(safe_url(link.url), safe="/:?#@&=+,;%~").replace("&", "&amp;")
    return f"[{markdown(link.label)}]({url})" if url else markdown(link.label)


def _markdown_proof(report: QualityReport) -> str:
    head = f" · ledger head `{_code(report.seal.ledger_head)}`" if report.seal.ledger_head else ""
    return f"Data `{_code(report.assessment.snapshot.fingerprint)}`{head}"


def _code(text: str) -> str:
    return "".join(c for c in visible(text, 90) if c.isalnum() or c in ":-_.…")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(inner) for inner in value), key=repr)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, (str, int, float, bool)) or value is None else _record(value)


def _record(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return _plain(dump(mode="json")) if dump else str(value)


def removed_rows(preview: Preview, most: int = 12) -> str:
    """The first removed row numbers as text."""
    shown = ", ".join(map(str, preview.removed[:most]))
    left = preview.rows_removed - min(len(preview.removed), most)
    return f"{shown}, … and {numbers.count(left)} more" if left > 0 and shown else shown
