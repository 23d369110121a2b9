"""The guide tells every kind, setting and remedy there is, from where they are defined."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field

from tasks.quality.errors import SpecError
from tasks.quality.guide import UNIVERSAL, _entries, documented, guide
from tasks.quality.registry import KindSettings, kinds, remedies
from tasks.reports.kinds import kinds_html, kinds_markdown


class Base(KindSettings):
    """Attributes: share: how many, 0 to 1; often: how often: at least twice."""

    share: float = Field(0.5, ge=0, lt=1)
    often: int = 2


class Derived(Base):
    """More of it.

    Attributes:
        mode: what to do; nothing
            at all.
        words: which ones.
    """

    mode: Literal["a", "b"] = "a"
    words: tuple[str, ...] = ()
    undocumented: bool


def test_both_spellings_of_attributes_are_read_and_inherited():
    assert documented(Derived) == {
        "share": "how many, 0 to 1",
        "often": "how often: at least twice.",
        "mode": "what to do; nothing at all.",
        "words": "which ones.",
    }


def test_what_a_setting_takes_is_said_in_words():
    told = {entry.name: (entry.takes, entry.default) for entry in _entries(Derived)}
    assert told == {
        "share": ("number, ≥ 0, < 1", "0.5"),
        "often": ("whole number", "2"),
        "mode": ('"a" | "b"', '"a"'),
        "words": ("list of text", "[]"),
        "undocumented": ("true or false", ""),
    }


def test_every_setting_of_every_kind_is_documented():
    undocumented = [
        f"{told.kind.name}.{setting.name}"
        for module in guide()
        for told in module.kinds
        for setting in told.settings
        if not setting.doc
    ]
    assert undocumented == []


def test_every_kind_and_every_remedy_is_told_once():
    told = guide()
    assert [each.kind for module in told for each in module.kinds] == list(kinds())
    found = [each.remedy.name for module in told for each in module.remedies]
    assert sorted(found) == sorted(remedy.name for remedy in remedies())
    assert all(module.title and module.doc for module in told)


def test_one_kind_or_module_can_be_told_alone():
    (missing, universal) = guide("missing_value")
    assert [each.kind.name for each in missing.kinds] == ["missing_value"]
    assert universal.name == UNIVERSAL
    assert [module.name for module in guide("duplicates")] == ["duplicates", UNIVERSAL]
    with pytest.raises(SpecError, match=r"unknown kind 'missing_valeu'.*Did you mean 'missing_value'"):
        guide("missing_valeu")


def test_the_page_and_the_markdown_tell_every_kind_and_setting():
    page, text = kinds_html(guide()), kinds_markdown(guide())
    for module in guide():
        for told in module.kinds:
            assert f'id="{told.kind.name}"' in page
            assert f"### `{told.kind.name}`" in text
            for setting in told.settings:
                assert f"<code>{setting.name}</code>" in page
                assert f"| `{setting.name}` |" in text
    assert "http" not in page.replace("http-equiv", ""), "the page loads and links nothing outside"


def test_the_example_in_the_guide_is_taken_as_settings():
    import yaml

    from tasks.quality.detect import configure
    from tasks.reports.kinds import EXAMPLE

    for kind, given in yaml.safe_load(EXAMPLE)["settings"].items():
        configure(kind, given)
