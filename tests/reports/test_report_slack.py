"""Messages and modals keep to what Slack takes, however much there is to ask, and say nothing that it would mark up."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from flows.modal import modal, note, said_in
from tasks.quality.approval import Who
from tasks.quality.errors import AnswerError
from tasks.quality.model import Option, Verdict
from tasks.quality.question import Choice, Question
from tasks.reports.escape import JOINER
from tasks.reports.picture import score_png
from tasks.reports.slack import Asked, gate, leg, line, link, plain, quick, root
from tests.services.slack import _check_blocks, _checked, _checked_view, _texts, words

WHERE = "0" * 8 + "-0000-0000-0000-" + "0" * 12 + " quality-1 " + "0" * 16
LINKS = ("<https://ui.example/r|Review in Prefect>", "")


def question(issues=3, text="values", **more):
    options = (Option("drop", "drop", text, {}, text), Option("keep", "keep", text, {}, text))
    choices = tuple(
        Choice(f"issue-{n}", text, text, options, "drop" if n % 2 else "keep", f"{text} {n // 4}", {"drop": text})
        for n in range(issues)
    )
    verdicts = (Verdict.GO, Verdict.RESOLVE, Verdict.NO_GO)
    means = {verdict.value: text for verdict in verdicts}
    asked = Question("quality-1", text, text, verdicts, means, summary=text, choices=choices, comment="against")
    return replace(asked, **more)


@pytest.mark.parametrize("issues", [0, 1, 40, 41, 400])
@pytest.mark.parametrize("text", ["a", "values " * 900, "<!channel> & *b* " * 300, "\n\x00\u202e"], ids=str.__len__)
def test_however_much_is_asked_slack_takes_it(issues, text):
    asked = question(issues, text, who=Who(roles=("finance",), people=2, signed=True))
    _checked_view(modal(asked, WHERE, LINKS, "go"))
    _checked_view(note(text, text))
    for who in (asked.who, Who()):
        for over in ("", text):
            shown = replace(asked, who=who)
            message = gate(Asked(shown, text, WHERE, LINKS, problem=text, over=over, buttons=True))
            _checked({"text": message.text, "blocks": message.blocks}, most=50)
    for message in (root(text, text, text, text, LINKS), leg("k", [text] * 60), line("k", text, text, LINKS)):
        _checked({"text": message.text, "blocks": message.blocks}, most=50)


def test_the_double_refuses_what_slack_refuses():
    from tests.services.slack import RefusedError

    for wrong in (
        {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}},
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}},
        {"type": "picture"},
    ):
        with pytest.raises(RefusedError):
            _check_blocks([wrong], 50)
    with pytest.raises(RefusedError):
        _check_blocks([{"type": "divider", "block_id": "a"}] * 2, 50)


@seed(7407646)
@given(st.text(max_size=60))
def test_no_text_is_a_mention_a_link_or_markup(text):
    message = gate(Asked(question(2, text), text, WHERE, LINKS, problem=text, buttons=True))
    view = modal(question(2, text), WHERE, LINKS)
    for part in _texts([message.blocks, view["blocks"]]):
        if part["type"] == "mrkdwn":
            assert part["verbatim"] is True
            bare = part["text"].replace(LINKS[0], "")
            assert not re.search(r"[<>`~]", bare)
        else:
            assert part["emoji"] is False


def test_a_link_goes_where_it_says_and_nowhere_else():
    assert link("https://x.example/a|b>c?d=1&e=2", "<Report>").replace(JOINER, "") == (
        "<https://x.example/a%7Cb%3Ec?d=1&amp;e=2|&lt;Report&gt;>"
    )
    assert link("javascript:alert(1)", "x") == ""
    assert link("file:///home/ann/report.html", "x") == ""


def test_buttons_answer_only_what_needs_neither_code_nor_comment():
    assert [each.action for each in quick(question())] == ["recommended", "no-go"]
    assert quick(question())[0].said == {"verdict": "resolve", "rest": "recommended"}
    assert [each.action for each in quick(question(0))] == ["go", "no-go"]
    assert quick(question(comment="always")) == ()
    assert quick(question(who=Who(signed=True))) == ()
    confirm = question(0, verdicts=(Verdict.CONFIRM, Verdict.REJECT, Verdict.NO_GO))
    assert [each.action for each in quick(confirm)] == ["confirm", "no-go"]


def test_a_submitted_modal_is_read_as_the_form_is():
    asked = question(42)
    state = {
        "verdict": {"said": {"type": "radio_buttons", "selected_option": {"value": "go"}}},
        **{f"issue-{n}": {"said": {"selected_option": {"value": "keep"}}} for n in range(40)},
        "rest": {"said": {"selected_option": {"value": "keep"}}},
        "values": {"said": {"value": "issue-3: 7"}},
        "comment": {"said": {"value": "so it is"}},
        "remember": {"said": {"value": None}},
        "hold": {"said": {"selected_options": [{"value": "hold"}]}},
        "code": {"said": {"value": "123 456"}},
    }
    said, code = said_in(asked, state)
    assert (said["verdict"], said["comment"], said["rest"], said["hold"], code) == (
        "go",
        "so it is",
        "keep",
        True,
        "123 456",
    )
    assert said["actions"]["issue-3"] == {"action": "keep", "": "7"}
    assert len(said["actions"]) == 40
    state["values"]["said"]["value"] = "nonsense: [1"
    with pytest.raises(AnswerError, match="not YAML"):
        said_in(asked, state)
    state["verdict"]["said"]["selected_option"]["value"] = "no-go"
    assert said_in(asked, state)[0] == {"verdict": "no-go", "comment": "so it is"}


def test_a_chart_says_every_dimension_in_numbers_that_can_be_seen():
    from tasks.quality.model import Assessment, Dimension, DimensionScore, Score

    def look(overall, each):
        scores = tuple(DimensionScore(dimension, each, 0, 0) for dimension in Dimension)
        return Assessment(None, None, (), Score(overall, scores, 1, 1))

    first, second = score_png("Quality $x$", look(70.0, 50.0)), score_png("Quality", look(90.0, 99.0), look(70.0, 50.0))
    for picture in (first, second):
        assert picture.startswith(b"\x89PNG\r\n")
        assert len(picture) < 200_000
    assert first == score_png("Quality $x$", look(70.0, 50.0))
    assert first != second


def test_plain_text_is_never_empty():
    assert plain("  ", 10)["text"] == "–"
    assert words({"text": "a", "blocks": [{"text": plain("b", 3)}]}) == "a\nb"
