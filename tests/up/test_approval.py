"""The approval as a person meets it: a notification, its link, the form in the Prefect UI, and the run goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyotp
import pytest

from blocks.approvers import Approver
from flows.home import Home

REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.service

PIPELINE = """
name: orders
source: {kind: file, path: orders.csv}
destination: {kind: database, url: "sqlite:///out.db", table: orders}
gates: {load: {who: ada, signed: true, meaning: responsible}}
"""
HOSTILE = "<img src=x onerror=alert(1)>|**bold**|[x](javascript:alert(1))"
ORDERS = (
    "id,customer,price\n"
    + "".join(f"{n},c{n % 17},{n % 7 + 1}\n" for n in range(60))
    + f'61,"{HOSTILE}",N/A\n62,,N/A\n'
)


def until(found, seconds=240, *, what):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds} s for {what}")


@pytest.fixture
def site(tmp_path):
    """`gonogo up` with one pipeline, in a process of its own; gives its folder and the server's addresses."""
    home = tmp_path / "home"
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "orders.yaml").write_text(PIPELINE)
    (tmp_path / "pipelines" / "orders.csv").write_text(ORDERS)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "GONOGO_"))}
    environment |= {"GONOGO_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "flows.cli", "up", "--pipelines", str(tmp_path / "pipelines"), "--port", "0"]
    with (tmp_path / "up.log").open("w") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
        try:
            said = (tmp_path / "up.log").read_text
            until(lambda: "Ctrl-C stops everything" in said() or process.poll() is not None, what="gonogo up")
            assert process.poll() is None, said()
            yield home, json.loads((home / "server.json").read_text())
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0


def notifications(home: Path) -> list[str]:
    outbox = home / "outbox.jsonl"
    return outbox.read_text().splitlines() if outbox.exists() else []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_started_in_the_ui_is_approved_from_the_link_in_its_notification(site, browser, tmp_path):
    from prefect.client.base import PrefectHttpxSyncClient

    home, addresses = site
    codes = pyotp.parse_uri(Home(home).approvers().enrol(Approver("ada", "Ada Lovelace")))
    api = PrefectHttpxSyncClient(base_url=addresses["api"], timeout=120, trust_env=False)  # asks a busy server again
    deployment = api.get("/deployments/name/gonogo/orders").json()
    run = api.post(f"/deployments/{deployment['id']}/create_flow_run", json={}).json()["id"]

    def state():
        return api.get(f"/flow_runs/{run}").json()["state"]

    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    page.set_default_timeout(120_000)  # a busy machine takes its time
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for round, gate in enumerate(("quality-1", "load-1"), start=1):
        until(lambda: (state()["state_details"].get("pause_key") or "").startswith(gate), what=f"gate {gate}")
        asked = until(
            lambda: [n for n in notifications(home) if "Decision needed" in n and run in n][round - 1 :], what="mail"
        )
        link = re.search(r"http://127\.0\.0\.1:\d+/runs/flow-run/[0-9a-f-]+", asked[-1])[0]
        assert run in link
        page.goto(link)
        page.get_by_role("button", name="Resume").click()
        form = page.locator(".p-modal").last
        form.get_by_text("of 100").or_(form.get_by_text("Score")).first.wait_for()
        page.screenshot(path=tmp_path / f"form-{gate}.png")
        answer_form(page, form, *("Ada <b>Approver</b>",) if gate == "quality-1" else ("ada", codes.now()))
        page.screenshot(path=tmp_path / f"filled-{gate}.png")
        until(lambda: submitted(page, form), what="the form to be sent")
    until(lambda: state()["type"] in ("COMPLETED", "FAILED", "CRASHED"), what="the end of the run")
    assert state()["type"] == "COMPLETED", state()
    assert dialogs == [], "a value from the data was executed"
    from blocks.ledger import Ledger

    with Ledger(f"sqlite:///{home / 'ledger.db'}") as ledger:
        answers = {e.payload["gate"]: e for e in ledger.entries(run) if e.kind == "answer"}
    assert answers["quality-1"].actor == "Ada <b>Approver</b>"
    assert answers["quality-1"].method == "form, unverified"
    (signed,) = answers["load-1"].payload["signatures"]
    assert (signed["full_name"], signed["method"], signed["meaning"]) == ("Ada Lovelace", "signed code", "responsible")
    assert (tmp_path / "pipelines" / "out.db").exists()
    link = re.compile(r"http://127\.0\.0\.1:\d+/[0-9a-f-]+/quality-1\.html\?[\w=&-]+")
    pages = until(lambda: link.findall("\n".join(notifications(home))), what="the report's link")[-1]
    page.goto(pages.partition("?")[0])
    assert page.get_by_role("heading", name=re.compile("Quality")).count() == 0, "it takes a signed link"
    page.goto(pages)
    page.get_by_role("heading", name=re.compile("Quality")).first.wait_for()
    page.close()


def submitted(page, form) -> bool:
    """A click while the form still moves is lost, so it may take another."""
    if form.is_visible():
        form.get_by_role("button", name="Submit").click()
        page.wait_for_timeout(3000)
    return not form.is_visible()


def answer_form(page, form, *typed: str) -> None:
    verdict = form.locator("button.p-select-button__control").first
    go = page.locator(".p-select-option__text").filter(has_text=re.compile(r"^\s*go\s*$"))

    def opened() -> bool:
        """The list closes when the description arrives and moves the form, so it may have to be opened again."""
        if not go.count():
            verdict.focus()
            page.keyboard.press("ArrowDown")
            page.wait_for_timeout(500)
        return go.count() > 0

    until(opened, 90, what="the verdicts")
    go.first.click()
    for number, text in enumerate(typed):
        form.locator("textarea").nth(number).fill(text)
