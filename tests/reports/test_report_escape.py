"""Escaping: what a renderer shows is the value, and nothing but the value."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tasks.reports.escape import JOINER, bare, markdown, printable, safe_url, slack, visible

NASTY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from([*"<>&\"'`*_{}[]()#+-.!|~$^=:/@\\ \n\t\r0123456789", "\u202e", "\x00", "\u2028"]),
    ),
    max_size=60,
)
FRAGMENTS = st.lists(
    st.sampled_from(
        [
            "<script>",
            "</td>",
            "[x](javascript:1)",
            "![i](u)",
            "http://e.example",
            "www.e.example",
            "a@e.example",
            "`",
            "**",
            "__",
            "|",
            "\n\n",
            "# ",
            "- ",
            "1. ",
            "> ",
            "    ",
            "---",
            "===",
            "```",
            "~~~",
            "&lt;",
            "&#60;",
            "\\",
            "<!--",
            "<https://e>",
            "[^1]",
            ":x:",
            "$x$",
        ]
    ),
    max_size=6,
).map("".join)
RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def shown(text):
    return text.replace(JOINER, "")


def expected(value):
    return re.sub(r" +", " ", shown(visible(value)).strip())


@given(st.one_of(NASTY, FRAGMENTS))
def test_markdown_shows_the_value_as_plain_text(value):
    tokens = RENDERER.parse(markdown(value))
    if not markdown(value):
        assert tokens == []
        return
    assert [t.type for t in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert {t.type for t in tokens[1].children} <= {"text", "text_special"}
    assert re.sub(r" +", " ", shown("".join(t.content for t in tokens[1].children))) == expected(value)


@given(st.one_of(NASTY, FRAGMENTS))
def test_markdown_stays_in_its_table_cell(value):
    tokens = RENDERER.parse(f"| a | b |\n|---|---|\n| {markdown(value)} | next |\n")
    cells = [tokens[i + 1] for i, t in enumerate(tokens) if t.type == "td_open"]
    assert len(cells) == 2
    assert cells[1].content == "next"
    assert {t.type for t in cells[0].children} <= {"text", "text_special"}


@given(st.one_of(NASTY, FRAGMENTS))
def test_no_renderer_finds_an_address_to_link(value):
    for text in (markdown(value), slack(value)):
        assert not re.search(r"://|www\.|@\w|javascript:", text.replace("\\", ""))


@given(st.one_of(NASTY, FRAGMENTS))
def test_slack_gets_no_mention_link_or_formatting(value):
    text = slack(value)
    assert not re.search(r"[<>*`~\n\r]", text)
    assert not re.search(r"&(?!amp;|lt;|gt;)", text)
    assert not re.search(r"(^|\W)_|_(\W|$)", text)


def test_a_chat_whose_sender_escapes_gets_nothing_to_escape_and_no_link():
    text = bare("<!channel> a & b <@U1> [x](https://evil.example) *b*")
    assert text.replace(JOINER, "") == "‹!channel› a & b ‹@U1› [x](https://evil.example) ∗b∗"
    assert "](" not in text
    assert "https://" not in text


@given(st.text())
def test_visible_text_is_one_printable_line_within_its_limit_of_characters(value):
    text = visible(value, limit=1000)
    assert len(text.splitlines()) <= 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)


@given(st.text())
def test_printable_text_can_be_written_and_is_stable(value):
    text = printable(value)
    text.encode("utf-8")
    assert printable(text) == text


def test_plain_words_are_left_as_they_are():
    for escape in (visible, markdown, slack, printable):
        assert (
            escape("Plain words, 12.5% of 1,000 (or so)".replace("(or so)", ""))
            == "Plain words, 12.5% of 1,000 "[: -1 if escape is markdown else None]
        )
    assert slack("order_id") == "order_id"
    assert visible("naïve café 日本 👩‍👩‍👧") == "naïve café 日本 👩‍👩‍👧"


@pytest.mark.parametrize(
    "url",
    ["quality.html", "../r/1.html#x", "https://a.example/x?y=1", "http://127.0.0.1:4200/runs", "file:///tmp/x", "#top"],
)
def test_ordinary_addresses_are_linked(url):
    assert safe_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "JaVaScRiPt:x",
        "java\tscript:x",
        "data:text/html,x",
        "vbscript:x",
        "\x01javascript:x",
        "&#106;avascript:x",
    ],
)
def test_other_addresses_are_not(url):
    assert safe_url(url) == ""
