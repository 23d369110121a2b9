"""The auditor's bundle says the same as a PDF, as a page and as JSON, and data in it is never markup."""

from __future__ import annotations

import io
import json

import pytest
from pypdf import PdfReader

from tasks.quality.ledger import Entry, broken, link
from tasks.quality.verify import Check
from tasks.reports.audit import Answered, Audit, Decided, Kept, audit_html, audit_json
from tasks.reports.audit_pdf import audit_pdf
from tasks.reports.records import RowAccount

ODD = '<b>|Ω 漢\n"=1+1"'
AT = "2026-01-02T03:04:05+00:00"
HASH = "sha256:" + "ab" * 32


def entries() -> tuple[Entry, ...]:
    first = link(None, run_id="r", key="opened", kind="opened", payload={"name": ODD}, actor=ODD, method="m", at=AT)
    long = {"sql": "SELECT " + "x, " * 2_000}
    return first, link(first, run_id="r", key="stage-a", kind="stage", payload=long, actor="gonogo", method="m", at=AT)


@pytest.fixture(scope="module")
def bundle() -> Audit:
    return Audit(
        run="orders-1",
        run_id="r",
        pipeline="orders",
        source=ODD,
        destination="table orders",
        outcome="loaded",
        note=ODD,
        opened=AT,
        ended=AT,
        generated="2026-01-02 03:05 UTC",
        verdict="1 of 3 checks fail",
        checks=(
            Check("ledger chain", True, 2, "2 entries"),
            Check("destination", True, 0, "0 loads read back", "the database cannot be reached"),
            Check("evidence", False, 1, "evidence of quality-1"),
        ),
        answers=(Answered("quality-1", "go", ODD, "signed code", "approved", AT, HASH, ODD),),
        decisions=(
            Decided(
                1,
                "quality-1",
                "typo-city",
                ODD,
                (ODD,),
                "{}",
                "ann",
                "signed code",
                AT,
                "carried out",
                10,
                9,
                1,
                cells=3,
                cells_by_column=((ODD, 3),),
            ),
        ),
        account=RowAccount(10, 9, dropped=1),
        origins=((ODD, 10, 0, HASH),),
        snapshots=(Kept("source", HASH, 10), Kept("rules-1", HASH, 9, HASH)),
        pages=(Kept("receipt.html", HASH),),
        receipts=(
            {
                "destination": ODD,
                "mode": "append",
                "rows_written": 9,
                "rows_before": 0,
                "rows_after": 9,
                "seconds": 1.25,
                "added": [ODD],
                "at": AT,
                "fingerprint": HASH,
            },
        ),
        versions={"gonogo": "0.1.0"},
        entries=entries(),
    )


def test_the_pdf_tells_it_all_with_the_head_on_every_page(bundle):
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(audit_pdf(bundle))).pages]
    assert all(f"ledger head {bundle.head} · page {n} of {len(pages)}" in text for n, text in enumerate(pages, 1))
    text = "".join(pages).replace("\n", "")
    for said in ("1 of 3 checks fail", "BROKEN", "could not check", "approved", "signed code", "typo-city", HASH):
        assert said in text, said
    assert "10 read = 9 loaded + 1 dropped" in text
    assert "Ω [U+6F22]" in text, "a character that the font has not is told by its code"
    assert text.count("x, ") >= 2_000, "an entry is told in full"
    assert all(entry.hash in text for entry in bundle.entries)


def test_the_page_tells_the_same_and_holds_no_markup_of_the_data(bundle):
    page = audit_html(bundle)
    assert "<b>|" not in page
    for said in ("1 of 3 checks fail", "BROKEN", "approved", "typo-city", bundle.head, bundle.entries[0].hash):
        assert said in page, said


def test_the_json_holds_entries_whose_hashes_can_be_computed_again(bundle):
    told = json.loads(audit_json(bundle))
    again = [Entry(**entry) for entry in told["entries"]]
    assert broken(again, told["head"]) is None
    assert (told["format"], told["answers"][0]["meaning"]) == ("gonogo-audit/1", "approved")
