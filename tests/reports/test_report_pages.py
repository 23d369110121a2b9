"""Every page: what it says, that it is safe with any value, loads nothing, and can be read by anyone."""

import base64
import hashlib
import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from tasks.quality.model import Assessment, Profile, Snapshot
from tasks.reports.index import index_html
from tasks.reports.insight import insight_html
from tasks.reports.quality import issues_table, quality_html, quality_json, quality_markdown
from tasks.reports.receipt import receipt_html, receipt_markdown, receipt_text

GOLDEN = Path(__file__).parent / "golden"
UPDATE = os.environ.get("GONOGO_UPDATE_GOLDEN") == "1"
VOID = {"meta", "link", "img", "br", "input", "hr", "base"}
ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "script",
    "body",
    "a",
    "header",
    "div",
    "span",
    "svg",
    "circle",
    "nav",
    "button",
    "main",
    "footer",
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "ol",
    "li",
    "b",
    "small",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "dl",
    "dt",
    "dd",
    "section",
    "details",
    "summary",
    "label",
    "input",
    "select",
    "option",
    "bdi",
    "br",
    "pre",
    "code",
    "rect",
    "text",
    "path",
    "line",
}


class Page(HTMLParser):
    """The elements of a page in order, with their attributes and text, and whether tags are balanced."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.unbalanced, self.policy = [], [], [], ""
        self.feed(text)
        self.close()
        self.unbalanced += self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture
def pages(first_look, second_look, hostile, shop):
    return {
        "quality-first": quality_html(first_look),
        "quality-second": quality_html(second_look),
        "quality-hostile": quality_html(hostile),
        "insight": insight_html(shop.insight()),
        "insight-hostile": insight_html(shop.hostile_insight()),
        "receipt": receipt_html(shop.receipt()),
        "receipt-hostile": receipt_html(shop.hostile_receipt()),
        "index": index_html(shop.RUNS),
        "index-hostile": index_html(shop.HOSTILE_RUNS),
        "index-empty": index_html(()),
    }


def golden(name, text):
    path = GOLDEN / name
    if UPDATE:
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text, f"{name} changed; look at it, then run with GONOGO_UPDATE_GOLDEN=1"


def test_pages_are_as_reviewed(pages):
    for name, text in pages.items():
        if "hostile" not in name:
            body = re.sub(r"(?s)<style>.*?</style>|<script>.*?</script>|<meta http-equiv.*?>", "", text)
            golden(f"{name}.html", body)


def test_markdown_json_and_text_are_as_reviewed(first_look, second_look, hostile, shop):
    golden("quality-first.md", quality_markdown(first_look))
    golden("quality-second.md", quality_markdown(second_look))
    golden("quality-hostile.md", quality_markdown(hostile))
    golden("quality-first.json", quality_json(first_look))
    golden("receipt.md", receipt_markdown(shop.receipt()))
    golden("receipt.txt", receipt_text(shop.receipt()))


def test_the_same_report_gives_the_same_bytes(first_look, shop):
    assert quality_html(first_look) == quality_html(shop.orders())
    assert quality_json(first_look) == quality_json(shop.orders())


def test_no_element_or_attribute_comes_from_data(pages):
    for name, text in pages.items():
        page = Page(text)
        assert not page.unbalanced, name
        assert {tag for tag, _ in page.elements} <= ALLOWED, name
        for tag, attrs in page.elements:
            assert not [a for a in attrs if a.startswith("on") or a in ("style", "srcdoc", "formaction")], (
                name,
                tag,
                attrs,
            )
        assert len(page.all("script")) == 1, name
        assert len(page.all("style")) == 1, name


def test_hostile_pages_have_the_structure_of_harmless_ones(hostile, shop):
    harmless = shop.tamed(hostile)
    assert [tag for tag, _ in Page(quality_html(hostile)).elements] == [
        tag for tag, _ in Page(quality_html(harmless)).elements
    ]


def test_links_lead_nowhere_dangerous(pages):
    for name, text in pages.items():
        for attrs in Page(text).all("a"):
            scheme = re.match(r"\s*([a-z][a-z0-9+.-]*):", attrs["href"], re.IGNORECASE)
            assert not scheme or scheme[1] in ("http", "https", "file"), (name, attrs)


def test_pages_load_nothing(pages):
    for name, text in pages.items():
        page = Page(text)
        assert not page.all("link"), name
        assert not page.all("img"), name
        assert not [attrs for _, attrs in page.elements if "src" in attrs or "xlink:href" in attrs], name
        assert "@import" not in text, name
        assert not re.search(r"url\(\s*['\"]?(https?:)?//", text), name


def test_the_policy_allows_exactly_the_inline_style_and_script(pages):
    for text in pages.values():
        metas = Page(text).all("meta")
        policy = next(m["content"] for m in metas if m.get("http-equiv") == "Content-Security-Policy")
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        for tag in ("style", "script"):
            inline = re.search(rf"(?s)<{tag}>(.*?)</{tag}>", text)[1]
            digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy


def test_pages_can_be_read_by_anyone(pages):
    for name, text in pages.items():
        page = Page(text)
        assert page.all("html") == [{"lang": "en"}], name
        assert len(page.all("h1")) == 1, name
        assert len(page.all("main")) == 1, name
        assert all("scope" in th for th in page.all("th")), name
        ids = [attrs["id"] for _, attrs in page.elements if attrs.get("id")]
        assert len(ids) == len(set(ids)), name
        labelled = {attrs.get("for") for attrs in page.all("label")}
        assert all(attrs["id"] in labelled for attrs in page.all("input") + page.all("select")), name
        assert all(attrs.get("aria-hidden") or attrs.get("role") == "img" for attrs in page.all("svg")), name
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
        assert all(b - a <= 1 for a, b in pairwise(levels)), (name, levels)
        assert text.count('role="img"') == len(re.findall(r'role="img"[^>]*><title>[^<]+</title>', text)), name


def _luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(a, b):
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, -1])
def test_text_stands_out_from_its_ground(theme):
    css = (
        (Path(__file__).parents[2] / "tasks/reports/assets/report.css").read_text("utf-8").partition("@media print")[0]
    )
    colours = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r"[{]([^{}]*--ink: [^{}]*)[}]", css)
    ][theme]
    for ground in ("sheet", "raised"):
        for ink in ("ink", "soft", "faint", "accent", "good", "fair", "poor"):
            assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for tone in ("good", "fair", "poor", "accent"):
        assert _contrast(colours[tone], colours[f"{tone}-soft"]) >= 4.5, tone
    assert _contrast(colours["soft"], colours["track"]) >= 4.5


def test_the_first_glance_says_how_good_it_is_and_what_to_do(first_look, second_look):
    text = quality_html(first_look)
    assert "<h1>Quality 82.0 of 100</h1>" in text
    assert "Accept 3 recommended repairs" in text
    assert "changes up to 245 cells, removes up to 24 rows" in text
    assert "<h1>Quality rose from 82.0 to 98.4</h1>" in quality_html(second_look)


def test_a_crashed_detector_is_never_shown_as_nothing_found(first_look):
    row = next(row for row in issues_table(first_look) if row["severity"] == "could not check")
    assert row["count"] == "unknown"
    assert "Look into 1 failed check" in quality_html(first_look)
    assert "| could not check |" in quality_markdown(first_look)


def test_a_missing_row_is_said(shop):
    assert "1 row missing" in quality_html(shop.orders(rows_read=3251))
    assert "2 rows too many" in quality_html(shop.orders(rows_read=3248))
    assert "every row accounted for" in quality_html(shop.orders())


def test_json_is_sorted_and_whole(first_look):
    payload = json.loads(quality_json(first_look))
    assert list(payload) == sorted(payload)
    assert payload["assessment"]["issues"][0]["rate"] == 245 / 3214
    assert payload["assessment"]["issues"][0]["sql"] == first_look.assessment.issues[0].sql
    assert payload["account"]["balanced"] is True


def test_json_holds_numbers_that_json_does_not_know(shop):
    issue = replace(shop.ISSUES[0], facts={"mean": float("nan"), "bounds": (1, float("inf")), "words": {"b", "a"}})
    report = shop.orders(assessment=replace(shop.ASSESSMENT, issues=(issue,)))
    facts = json.loads(quality_json(report))["assessment"]["issues"][0]["facts"]
    assert facts == {"mean": "nan", "bounds": [1, "inf"], "words": ["a", "b"]}


@pytest.mark.parametrize("limit", [200, 800, 2000, 16_000])
def test_markdown_keeps_to_its_limit_and_says_what_it_left_out(hostile, limit):
    text = quality_markdown(hostile, limit=limit)
    assert len(text) <= limit
    if 800 <= limit < 16_000:
        assert "more issue" in text or "see the report" in text


def test_an_empty_table_has_a_report(shop):
    snapshot = Snapshot("e", "e", "sha256:e", 0, ())
    empty = Assessment(
        snapshot, Profile("e", 0, ()), (), replace(shop.ASSESSMENT.score, cells=0, rows=0, overall=100.0)
    )
    report = shop.orders(assessment=empty, malformed=0, rows_read=0, malformed_sample=())
    assert "No issues found in 0 rows and 0 columns." in quality_html(report)
    assert "No issues found" in quality_markdown(report)
    assert issues_table(report) == []


def test_500_columns_and_300_issues_stay_usable(shop):
    report = shop.wide(columns=500, issues=300)
    text = quality_html(report)
    assert len(text.encode()) < 5_000_000
    assert text.count('<details class="issue"') == 300
    assert '<details class="issue" open' not in text
    assert len(quality_markdown(report)) <= 16_000


def test_issues_stand_in_the_order_given(first_look):
    order = [issue.id for issue in first_look.assessment.issues]
    assert re.findall(r'<details class="issue" id="([^"]+)"', quality_html(first_look)) == order


def test_the_recommended_option_is_marked_and_comes_first(first_look):
    body = (
        quality_html(first_look)
        .partition('id="disguised-missing-email"')[2]
        .partition('</details>\n<details class="issue"')[0]
    )
    options = re.findall(r'<div class="option( chosen)?">', body)
    assert options[0] == " chosen"
    assert options.count(" chosen") == 1


def test_the_receipt_of_a_no_go_says_that_nothing_was_loaded(shop):
    stopped = shop.receipt(outcome="no-go", note="Prices are from last year.")
    assert "nothing was loaded" in receipt_html(stopped)
    assert "Prices are from last year." in receipt_markdown(stopped)
    assert receipt_text(stopped).startswith("No-go: nothing was loaded")


def test_receipt_text_has_one_fact_a_line_whatever_the_values(shop):
    calm, wild = receipt_text(shop.receipt()), receipt_text(shop.hostile_receipt())
    assert "\x1b" not in wild
    assert all(line.isprintable() for line in wild.splitlines()), calm


def test_a_goal_that_could_not_be_computed_says_why(shop):
    gone = shop.measured(shop.REVENUE_GOAL, None, 0, 0, status="undefined", problem="no column 'price'")
    text = insight_html(shop.insight(shop.compare((shop.REVENUE_BEFORE,), (gone,))))
    assert '<p class="notice bad">no column &#39;price&#39;</p>' in text
    assert "undefined" in text
    assert "<h1>The target is not met</h1>" in text


def test_the_receipt_counts_targets_as_the_insight_page_does(shop):
    undefined = replace(shop.GOALS[1], after=replace(shop.GOALS[1].after, status="undefined"))
    untargeted = replace(shop.GOALS[1], after=replace(shop.GOALS[1].after, status="no target"))
    goals = (shop.GOALS[0], undefined, untargeted)
    lines = tuple(shop.GoalLine(goal.goal.name, goal.sentence, goal.after.status) for goal in goals)
    receipt = receipt_html(shop.receipt(goals=lines))
    assert "<h1>1 of 2 targets met</h1>" in insight_html(shop.insight(goals))
    assert "<p>1 of 2 targets met</p>" in receipt
    assert [status for status in ("met", "undefined", "no target") if f">{status}</span>" in receipt] == [
        "met",
        "undefined",
        "no target",
    ]


def test_the_line_of_a_trend_is_broken_where_periods_are_absent(shop):
    months = (("2026-01", 4.0), ("2026-02", 5.0), ("2026-08", 6.0), ("2026-09", 7.0))
    now = shop.measured(shop.REVENUE_GOAL, 22.0, 4, 0, status="missed", months=months)
    text = insight_html(shop.insight(shop.compare((now,), (now,))))
    (path,) = re.findall(r'<path class="line" d="([^"]+)"', text)
    assert (path.count("M"), path.count("L")) == (2, 2)
    assert ">2026-05</text>" in text
    assert '<th scope="row">2026-05</th>' not in text


def test_without_goals_the_page_says_how_to_name_one(shop):
    assert "Name what matters under &#39;goals&#39;" in insight_html(shop.insight(()))


def test_every_figure_of_a_goal_carries_its_query(shop):
    text = insight_html(shop.insight())
    for sql in ("SELECT SUM(&#34;price&#34; * &#34;quantity&#34;)", "SELECT 1", "SELECT 2", "SELECT 3"):
        assert sql in text


def test_a_broken_promise_comes_first_with_its_query(first_look):
    contract = quality_html(first_look).partition('id="contract"')[2].partition("</section>")[0]
    assert "1 of 3 promises kept" in contract
    assert re.findall(r'chip (?:ok|failed)">([^<]+)<', contract) == ["broken", "could not check", "kept"]
    assert "SELECT 9" in contract


def test_no_password_reaches_a_page(shop):
    url = "postgresql://ann:s3cret@db/shop"
    report, receipt = shop.orders(source=url), shop.receipt(source=url, destination=url)
    texts = (
        quality_html(report),
        quality_json(report),
        quality_markdown(report),
        insight_html(shop.insight(source=url)),
        receipt_html(receipt),
        receipt_markdown(receipt),
        receipt_text(receipt),
    )
    assert not [text for text in texts if "s3cret" in text]
