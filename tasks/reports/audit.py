"""What an auditor gets: everything about one run as tables, which a page, a PDF and JSON all tell alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tasks.quality.ledger import Entry, canonical
from tasks.quality.secrets import mask
from tasks.quality.verify import Check
from tasks.quality.wording import plural
from tasks.reports import numbers
from tasks.reports.escape import visible
from tasks.reports.page import render
from tasks.reports.receipt import equation
from tasks.reports.records import RowAccount, Seal, landed
from tasks.reports.trace import moment

FORMAT = "gonogo-audit/1"
TEXT_CHARACTERS = 2_000
"""Of one value in a table; payloads of ledger entries are told in full."""


@dataclass(frozen=True)
class Answered:
    """One answer at a gate, or one that was not taken.

    Attributes:
        verdict: "go", "resolve", "no-go", or "refused" with the reason in `comment`.
        meaning: of the signature, where the gate names one.
        evidence: hash of what was shown.
    """

    gate: str
    verdict: str
    who: str
    method: str
    meaning: str
    at: str
    evidence: str
    comment: str


@dataclass(frozen=True)
class Decided:
    """One decision and what it did; `status` says why it does not stand, if it does not."""

    number: int
    gate: str
    issue: str
    action: str
    columns: tuple[str, ...]
    parameters: str
    who: str
    method: str
    at: str
    status: str
    rows_in: int | None = None
    rows_out: int | None = None
    dropped: int = 0
    quarantined: int = 0
    merged: int = 0
    cells: int = 0
    cells_by_column: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Kept:
    """A file that the run keeps: a snapshot, a change set or a report page."""

    name: str
    fingerprint: str
    rows: int | None = None
    parent: str = ""


@dataclass(frozen=True)
class Audit:
    """Everything about one run."""

    run: str
    run_id: str
    pipeline: str
    source: str
    destination: str
    outcome: str
    note: str
    opened: str
    ended: str
    generated: str
    verdict: str
    checks: tuple[Check, ...]
    answers: tuple[Answered, ...]
    decisions: tuple[Decided, ...]
    account: RowAccount | None
    origins: tuple[tuple[str, int, int, str], ...]
    snapshots: tuple[Kept, ...]
    pages: tuple[Kept, ...]
    receipts: tuple[Mapping[str, Any], ...]
    versions: Mapping[str, str]
    entries: tuple[Entry, ...]

    @property
    def head(self) -> str:
        """The ledger's head."""
        return self.entries[-1].hash


@dataclass(frozen=True)
class Section:
    """One table; `numeric` columns are set flush right, `hashes` in a type of fixed width."""

    title: str
    note: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[str] = frozenset()
    hashes: frozenset[str] = frozenset()


def audit_json(audit: Audit) -> str:
    """The bundle as JSON; the entries' hashes can be computed again from it (`tasks.quality.ledger`)."""
    plain = {"format": FORMAT, **json.loads(canonical(asdict(audit))), "head": audit.head}
    return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n"


def audit_html(audit: Audit) -> str:
    """The bundle as one self-contained page."""
    told = {"title": title(audit), "facts": facts(audit), "sections": sections(audit), "seal": Seal(audit.head)}
    told |= {"tones": {"holds": "ok", "could not check": "held", "BROKEN": "no"}}
    return render("audit.html", audit=audit, entries=[(e, pretty(e)) for e in audit.entries], **told)


def title(audit: Audit) -> str:
    """What the bundle is about."""
    return f"Audit of {visible(audit.run, 80)}"


def pretty(entry: Entry) -> str:
    """An entry's payload, to be read."""
    return json.dumps(entry.payload, indent=1, sort_keys=True, ensure_ascii=False)


def facts(audit: Audit) -> list[tuple[str, str]]:
    """What stands first."""
    equal = equation(audit.account) if audit.account else "nothing was read"
    return [
        ("Verification", audit.verdict),
        ("Outcome", f"{audit.outcome}{': ' + visible(audit.note, 300) if audit.note else ''}"),
        ("Rows", equal),
        ("Pipeline", visible(audit.pipeline, 80)),
        ("Source", visible(mask(audit.source), 300)),
        ("Destination", visible(mask(audit.destination), 300)),
        ("Opened", moment(audit.opened)),
        ("Ended", moment(audit.ended) or "under way"),
        ("Run", audit.run_id),
        ("Ledger head", audit.head),
        ("Made with", ", ".join(f"{name} {version}" for name, version in sorted(audit.versions.items()))),
    ]


def sections(audit: Audit) -> list[Section]:
    """The tables, in the order in which an auditor asks."""
    return [
        _checks(audit.checks),
        _answers(audit.answers),
        _decisions(audit.decisions),
        _conservation(audit.decisions),
        _cells(audit.decisions),
        _origins(audit),
        _kept("Snapshots", "every state of the table, with the SHA-256 of its file", audit.snapshots),
        _receipts(audit.receipts),
        _kept("Reports", "the run's pages, with the SHA-256 of their files", audit.pages),
    ]


def _checks(checks: Sequence[Check]) -> Section:
    words = [("holds" if c.ok and not c.unchecked else "could not check" if c.ok else "BROKEN") for c in checks]
    rows = tuple(
        (check.name, word, f"{check.checked:,}", _text("; ".join(filter(None, (check.detail, check.unchecked)))))
        for check, word in zip(checks, words, strict=True)
    )
    headings = ("Check", "Result", "Looked at", "What")
    return Section("Verification", "made when this was written", headings, rows, frozenset({"Looked at"}))


def _answers(answers: Sequence[Answered]) -> Section:
    rows = tuple(
        (a.gate, a.verdict, _text(a.who), _text(a.method), a.meaning, moment(a.at), a.evidence, _text(a.comment))
        for a in answers
    )
    headings = ("Gate", "Verdict", "Who", "Known by", "Meaning", "When", "Evidence", "Comment")
    return Section(
        "Answers", "who answered which gate, on which evidence", headings, rows, hashes=frozenset({"Evidence"})
    )


def _decisions(decisions: Sequence[Decided]) -> Section:
    rows = tuple(
        (
            str(d.number),
            d.issue,
            _text(d.action),
            _text(", ".join(d.columns)),
            _text(d.who),
            _text(d.method),
            moment(d.at),
            _text(d.status),
        )
        for d in decisions
    )
    headings = ("No.", "Issue", "Action", "Columns", "Who", "Known by", "When", "Status")
    return Section("Decisions", "nothing else has changed the data", headings, rows, frozenset({"No."}))


def _conservation(decisions: Sequence[Decided]) -> Section:
    done = [d for d in decisions if d.rows_in is not None]
    rows = tuple(
        tuple(map(str, (d.number, *(f"{n:,}" for n in (d.rows_in, d.rows_out, d.dropped, d.quarantined, d.merged)))))
        for d in done
    )
    headings = ("No.", "Rows in", "Rows out", "Dropped", "Quarantined", "Merged")
    note = "rows in = rows out + dropped + quarantined + merged, for every decision that was carried out"
    return Section("Conservation of rows", note, headings, rows, frozenset(headings))


def _cells(decisions: Sequence[Decided]) -> Section:
    rows = tuple((str(d.number), _text(column), f"{n:,}") for d in decisions for column, n in d.cells_by_column)
    total = sum(d.cells for d in decisions)
    note = f"{plural(total, 'cell')} changed; each of them: gonogo export --changes"
    return Section("Changed cells", note, ("No.", "Column", "Cells"), rows, frozenset({"No.", "Cells"}))


def _origins(audit: Audit) -> Section:
    rows = tuple((_text(name), f"{n:,}", f"{bad:,}", print) for name, n, bad, print in audit.origins)
    headings = ("Origin", "Rows", "Malformed", "Fingerprint")
    numeric = frozenset({"Rows", "Malformed"})
    return Section("Source", "what was read", headings, rows, numeric, frozenset({"Fingerprint"}))


def _kept(title: str, note: str, kept: Sequence[Kept]) -> Section:
    parents = any(each.parent for each in kept)
    counted = any(each.rows is not None for each in kept)
    headings = ("Name", *(["Rows"] if counted else []), "Fingerprint", *(["Made from"] if parents else []))
    rows = tuple(
        (
            _text(each.name),
            *([f"{each.rows:,}"] if each.rows is not None else [""] if counted else []),
            each.fingerprint,
            *([each.parent] if parents else []),
        )
        for each in kept
    )
    return Section(title, note, headings, rows, frozenset({"Rows"}), frozenset({"Fingerprint", "Made from"}))


def _receipts(receipts: Sequence[Mapping[str, Any]]) -> Section:
    rows = tuple(
        (
            _text(mask(str(each["destination"]))),
            str(each["mode"]),
            f"{each['rows_written']:,}",
            landed(each).took or numbers.NOTHING,
            _text(", ".join(each.get("added", ())) or numbers.NOTHING),
            moment(str(each["at"])),
            str(each["fingerprint"]),
        )
        for each in receipts
    )
    headings = ("Destination", "Mode", "Rows", "Took", "New columns", "When", "Fingerprint, read back")
    hashes = frozenset({"Fingerprint, read back"})
    return Section("Receipts", "what the destination holds", headings, rows, frozenset({"Rows"}), hashes)


def _text(value: str) -> str:
    return visible(value, TEXT_CHARACTERS)
