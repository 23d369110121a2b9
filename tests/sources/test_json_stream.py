"""JSON that is read piece by piece says what it says when it is read as a whole, mistakes and their places included."""

from __future__ import annotations

import json
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blocks.sources import json_stream
from blocks.sources.json_stream import ExtraData, Found, NotJson, elements
from blocks.sources.json_values import parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=4),
    max_leaves=12,
)
WINDOWS = st.sampled_from([1, 2, 3, 7, 64])


@st.composite
def documents(draw):
    """JSON, and JSON with a character too many, too few, or another."""
    text = json.dumps(draw(VALUES), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    place, length = draw(st.integers(0, len(text))), draw(st.integers(0, 1))
    return text[:place] + draw(st.sampled_from(["", "", *'[]{}",:\\e1- \n'])) + text[place + length :]


def streamed(text: str, window: int, path: tuple[str, ...] = ()) -> tuple[list, Found]:
    found = Found()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_WINDOW_CHARACTERS", window)
        file = Path(folder, "a.json")
        file.write_text(text, "utf-8")
        return list(elements(file, path, found)), found


def whole(text: str) -> tuple[list, list[str], dict, bool] | str:
    """Elements of lists, the lists' names, all else of an object, and whether there is one; or what is wrong."""
    try:
        value = parse(text)
    except ValueError as wrong:
        return str(wrong)
    if isinstance(value, list):
        return value, [""], {}, False
    members = value if isinstance(value, dict) else {}
    lists = {name: item for name, item in members.items() if isinstance(item, list)}
    rest = {name: item for name, item in members.items() if name not in lists}
    return [each for item in lists.values() for each in item], list(lists), rest, isinstance(value, dict)


@settings(max_examples=400)
@given(documents(), WINDOWS)
@example("[1e+5, 12.50, -0, NaN, -Infinity]", 1)
@example('{"a": 1, "a": 2}', 1)
@example('[{"a": 1, "a": 2}]', 1)
@example('{"a": [1], "b": [2], "c": {"d": []}} \n', 3)
@example("[1,\n 2,\n\n  x]", 1)
@example("[1]\n[2]", 1)
@example("", 1)
@example("[1,]", 1)
@example("{,}", 1)
def test_what_is_read_piece_by_piece_is_what_is_read_at_once(text, window):
    expected = whole(text)
    if isinstance(expected, str):
        with pytest.raises(NotJson) as raised:
            streamed(text, window)
        if "stands twice" not in str(raised.value):  # found before what may be wrong behind it
            assert str(raised.value) == expected
        assert isinstance(raised.value, ExtraData) == ("Extra data" in str(raised.value))
    else:
        items, found = streamed(text, window)
        assert (items, found.lists, found.members, found.is_object) == expected


@pytest.mark.parametrize(
    ("path", "items", "lacking"),
    [
        (("b", "c"), ["1", {"d": "2"}], None),
        (("b", "x"), [], ("x", ["c", "e"])),
        (("a", "x"), [], ("x", [])),
        (("x",), [], ("x", ["a", "b"])),
    ],
)
def test_a_path_leads_to_the_list(path, items, lacking):
    text = '{"a": 1, "b": {"c": [1, {"d": 2}], "e": [3]}}'
    assert (streamed(text, 3, path)[0], streamed(text, 3, path)[1].lacking) == (items, lacking)


def test_what_is_held_in_memory_does_not_grow_with_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "_WINDOW_CHARACTERS", 1 << 16)
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"of": "today", "items": [{"id": n, "note": "x" * 100} for n in range(30_000)]}))
    list(elements(file, (), Found()))  # what is made once is there
    tracemalloc.start()
    assert sum(1 for _ in elements(file, (), Found())) == 30_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < file.stat().st_size / 4
