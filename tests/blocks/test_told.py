"""What was announced and what went to Slack and came from there is kept once, in order, and survives."""

from __future__ import annotations

import threading

from blocks.slack_memory import SlackMemory
from blocks.told import Told

SAID = {
    "happened": "gonogo.stage.completed",
    "title": "t",
    "text": "",
    "gate": "",
    "report_url": "",
    "head": "sha256:1",
}


def test_an_announcement_is_kept_once_and_told_in_order(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with Told(url) as told:
        assert told.last() == 0
        for key in ("a", "b", "a"):
            told.add("run", key, {**SAID, "title": f"{key} <é>"})
        told.add("other", "a", SAID)
    with Told(url) as again:
        assert [(each.key, each.title, each.happened) for each in again.of("run")] == [
            ("a", "a <é>", "gonogo.stage.completed"),
            ("b", "b <é>", "gonogo.stage.completed"),
        ]
        assert [run for _, run in again.after(1)] == ["run", "other"]
        assert again.last() == 3


def test_a_message_is_noted_before_and_after_it_is_sent_by_each_app_for_itself(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with SlackMemory(url, "shop") as memory, SlackMemory(url, "other") as other:
        assert memory.position() is None
        memory.note("run", "run")
        assert (memory.sent("run")["run"].ts, other.sent("run")) == ("", {})
        since = memory.sent("run")["run"].since
        memory.note("run", "run", "17.1", "sha256:1")
        again = memory.sent("run")["run"]
        assert (again.ts, again.printed, again.since) == ("17.1", "sha256:1", since)
        assert memory.followed() == ("run",)
        memory.note("run", "over", "1")
        memory.note("", "position", "7")
        assert (memory.followed(), memory.position(), other.position()) == ((), 7, None)


def test_a_click_is_taken_once_however_many_bring_it_and_forgotten_when_it_was_handed_in(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    taken, ready = [], threading.Barrier(4)

    def bring():
        with SlackMemory(url, "shop") as memory:
            ready.wait(30)
            taken.append(memory.take("click 1", {"code": "123456"}))

    threads = [threading.Thread(target=bring) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False, False, False, True]
    with SlackMemory(url, "shop") as memory:
        assert memory.waiting() == {"click 1": {"code": "123456"}}
        memory.strike("click 1")
        assert memory.waiting() == {}
        assert memory.knows("click 1")
        assert not memory.take("click 1", {})
    assert b"123456" not in (tmp_path / "ledger.db").read_bytes()
