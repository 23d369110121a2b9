"""The pages in a real browser: nothing runs that is not ours, nothing is fetched, and the tools work."""

import pytest

from tasks.reports.index import index_html
from tasks.reports.insight import insight_html
from tasks.reports.profile_page import profile_html
from tasks.reports.quality import quality_html
from tasks.reports.receipt import receipt_html

pytestmark = [
    pytest.mark.service,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def visit(browser, tmp_path):
    """Open a page; gives the tab, and what it asked for and complained about."""
    tab, seen = browser.new_page(viewport={"width": 1280, "height": 900}), []
    tab.on("dialog", lambda dialog: (seen.append(f"dialog {dialog.message}"), dialog.dismiss()))
    tab.on("console", lambda message: seen.append(message.text))
    tab.on("pageerror", lambda error: seen.append(str(error)))

    def go(html):
        (tmp_path / "page.html").write_text(html, "utf-8")
        tab.on("request", lambda request: seen.append(request.url) if "page.html" not in request.url else None)
        tab.goto((tmp_path / "page.html").as_uri())
        return tab, seen

    yield go
    tab.close()


def test_hostile_values_run_nothing_and_fetch_nothing(visit, hostile, shop):
    import pandas as pd

    frame = pd.DataFrame({name: list(shop.HOSTILE) for name in shop.HOSTILE})
    pages = (
        quality_html(hostile),
        insight_html(shop.hostile_insight()),
        receipt_html(shop.hostile_receipt()),
        index_html(shop.HOSTILE_RUNS),
        profile_html(frame, shop.HOSTILE[0], shop.HOSTILE[1]),
    )
    for page in pages:
        tab, seen = visit(page)
        tab.locator("body").hover()
        assert seen == []


def test_a_cell_of_the_evidence_leads_to_its_story_or_to_the_command_that_tells_it(visit, first_look):
    tab, seen = visit(quality_html(first_look))
    tab.locator(".issue summary").first.click()
    row, cell = tab.locator(".issue[open] table.data tbody tr").first.locator("a").all()[:2]
    assert row.get_attribute("href") == f"trace?row={row.inner_text()}"
    assert "&column=" in cell.get_attribute("href")
    cell.click()
    assert seen == ["dialog In a terminal:"]
    assert cell.get_attribute("title").startswith(f"gonogo trace {first_look.run} --row {row.inner_text()} --column '")


def test_a_page_never_scrolls_sideways_on_a_phone(visit, first_look, shop):
    for page in (
        quality_html(first_look),
        insight_html(shop.insight()),
        receipt_html(shop.receipt()),
        index_html(shop.RUNS),
    ):
        tab, _ = visit(page)
        tab.set_viewport_size({"width": 390, "height": 844})
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390


def test_issues_can_be_filtered_searched_sorted_and_opened(visit, first_look):
    tab, seen = visit(quality_html(first_look))
    tab.click("[data-severity-filter=high]")
    assert tab.locator(".issue:visible").count() == 2
    tab.fill("#search", "order_id")
    assert tab.locator(".issue:visible").count() == 1
    tab.fill("#search", "")
    tab.click("[data-severity-filter=high]")
    tab.select_option("#sort", "most")
    assert tab.locator(".issue h3").first.inner_text() == "note holds nothing"
    tab.click("#fold")
    assert tab.locator(".issue[open]").count() == 6
    assert seen == []


def test_the_theme_follows_the_system_and_can_be_changed(visit, first_look):
    tab, _ = visit(quality_html(first_look))
    ground = "getComputedStyle(document.body).backgroundColor"
    tab.emulate_media(color_scheme="light")
    light = tab.evaluate(ground)
    tab.emulate_media(color_scheme="dark")
    dark = tab.evaluate(ground)
    assert light != dark
    tab.click("#theme")
    assert tab.evaluate(ground) == light


def test_paper_shows_the_evidence_on_white_in_any_theme(visit, first_look):
    tab, _ = visit(quality_html(first_look))
    tab.emulate_media(media="print", color_scheme="dark")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert tab.locator(".issue[open]").count() == 6
    assert not tab.locator("#theme").is_visible()
    tab.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert tab.locator(".issue[open]").count() == 0


def test_everything_can_be_read_without_scripts(browser, first_look, tmp_path):
    (tmp_path / "page.html").write_text(quality_html(first_look), "utf-8")
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    assert not tab.locator("#search").is_visible()
    tab.locator(".issue summary").first.click()
    assert tab.get_by_text("a null word carries no address").is_visible()
    context.close()
