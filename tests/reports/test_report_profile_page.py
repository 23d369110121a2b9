"""The ydata profile: offline, harmless, repeatable, and honest where there is nothing to show."""

import re
import socket
from html.parser import HTMLParser

import pandas as pd
import pytest

from tasks.reports.profile_page import profile_html, sample_step, typed


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("the profile reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "_row": range(40),
            "price": [f"{i}.50" for i in range(40)],
            "zip": [f"0{i:04}" for i in range(40)],
            "city": ["Berlin", "Hamburg"] * 20,
            "note": [None, " "] * 20,
        }
    )


def test_the_profile_is_one_page_that_loads_nothing(frame, offline):
    page = profile_html(frame, "orders", "every 2nd of 80 rows")
    assert "default-src 'none'" in page
    assert not re.search(r"<(?:script|img|iframe|link)[^>]+(?:src|href)=[\"']?(?:https?:)?//", page)
    assert "@import" not in page
    assert "every 2nd of 80 rows" in page
    assert "_row" not in page.partition("<body")[2]


def test_the_same_frame_gives_the_same_page(frame):
    assert profile_html(frame, "orders") == profile_html(frame.copy(), "orders")


def test_hostile_names_and_values_stay_text(shop):
    values = shop.HOSTILE
    wild = pd.DataFrame({name: [values[(i + j) % len(values)] for j in range(20)] for i, name in enumerate(values)})
    wild["x" * 4999] = "y"
    page = profile_html(wild, values[0], values[1])
    elements = Elements(page).elements
    assert [tag for tag, _ in elements].count("script") == 2
    assert not [attrs for _, attrs in elements if any(name.startswith("on") or name == "srcdoc" for name in attrs)]
    links = [value for _, attrs in elements for name in ("href", "src", "xlink:href") if (value := attrs.get(name))]
    assert all(re.match(r"#|https://|data:image/", link) for link in links), links
    assert not re.search(r"(?i)<script>alert|<img src=x|<svg onload|onmouseover='alert\(1\)\"", page)
    assert page.count("<script") == 2
    assert not re.search("[\x00\x1b\u202e]", page)


def test_text_that_is_wholly_numbers_becomes_numbers_without_loss(frame):
    kinds = typed(frame.drop(columns="_row")).dtypes
    assert kinds["price"] == "float64"
    assert kinds["zip"] == "object"
    assert str(kinds["city"]) == "category"


def test_blank_is_missing_in_a_column_of_numbers():
    column = typed(pd.DataFrame({"n": ["1", None, " ", "4"]}))["n"]
    assert column.tolist()[::3] == [1.0, 4.0]
    assert column.isna().sum() == 2


@pytest.mark.parametrize("text", ["007", "1,5", "12345678901234567890", "0x1F", "nan", "inf", "1_000", "١٢"])
def test_what_a_float_would_change_stays_text(text):
    assert typed(pd.DataFrame({"n": ["1", "2", text]}))["n"].tolist() == ["1", "2", text]


@pytest.mark.parametrize("dtype", ["object", "string", "string[pyarrow]"])
def test_every_kind_of_text_frame_is_profiled(frame, dtype):
    assert "Number of observations" in profile_html(frame.drop(columns="_row").astype(dtype), "orders")


@pytest.mark.parametrize(
    "empty", [pd.DataFrame({"a": []}, dtype="object"), pd.DataFrame(), pd.DataFrame({"_row": [1]})]
)
def test_an_empty_table_gets_a_page_that_says_why(empty):
    page = profile_html(empty, "<b>orders</b>")
    assert "nothing to profile" in page
    assert "&lt;b&gt;orders" in page


def test_a_fault_of_the_profiler_is_told_on_the_page(frame, monkeypatch):
    import data_profiling

    def fail(*_args, **_kwargs):
        raise ValueError("odd <data>")

    monkeypatch.setattr(data_profiling, "ProfileReport", fail)
    page = profile_html(frame, "orders")
    assert "ValueError: odd &lt;data&gt;" in page


def test_samples_never_exceed_the_limit():
    assert all(-(-rows // sample_step(rows, 100)) <= 100 for rows in range(1, 2000))
