"""Charts and numbers: well-formed for any input, and never kinder than the data."""

import math
import re
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from tasks.quality.wording import rate, score_text
from tasks.reports import numbers
from tasks.reports.charts import Part, Point, bar, bullet, histogram, ring, stacked, ticks, trend

ANY = st.floats(-1e12, 1e12, allow_nan=False)
SCORE = st.floats(0, 100, allow_nan=False)
MAYBE = st.none() | ANY
LABEL = st.text(max_size=20)


def sound(markup):
    """The chart as XML, once it is known to hold finite numbers, a title and nothing negative in size."""
    root = ET.fromstring(str(markup))
    assert root.get("role") == "img"
    assert root.find("title") is not None
    for element in root.iter():
        for name, value in element.attrib.items():
            if name in ("x", "y", "width", "height", "cx", "cy", "r", "rx", "x1", "x2", "y1", "y2"):
                assert math.isfinite(float(value))
                assert name not in ("width", "height") or float(value) >= 0
    return root


@given(SCORE, st.none() | SCORE)
def test_rings_and_bars_are_sound(value, before):
    sound(ring(value, before))
    sound(bar(value, "a bar", mark=before))


@given(st.lists(st.tuples(LABEL, st.integers(0, 10**9)), max_size=6))
def test_stacked_bars_are_sound(parts):
    root = sound(stacked([Part(*part) for part in parts], "where the rows are"))
    assert len(root.findall("rect")) == sum(n > 0 for _, n in parts)


@given(st.lists(st.tuples(ANY, ANY, st.integers(0, 10**9)), max_size=30))
def test_histograms_are_sound(bins):
    root = sound(histogram(tuple(bins), "a histogram"))
    assert all(float(rect.get("height")) <= 28 for rect in root.findall("rect"))


@given(ANY, st.lists(ANY, min_size=1, max_size=2), MAYBE, st.booleans())
def test_bullets_are_sound_and_stay_inside(value, targets, before, met):
    root = sound(bullet(value, [(target, "<goal>") for target in targets], "a bullet", before=before, met=met))
    for rect in root.findall("rect"):
        assert -2 <= float(rect.get("x")) <= 1002
        assert float(rect.get("x")) + float(rect.get("width")) <= 1003


@given(st.lists(st.tuples(LABEL, MAYBE, MAYBE), max_size=30))
def test_trends_are_sound_and_stay_inside(points):
    root = sound(trend([Point(*p) for p in points], "a trend"))
    for dot in root.findall("circle"):
        assert 110 <= float(dot.get("cx")) <= 990
        assert 9 <= float(dot.get("cy")) <= 215
    assert len(root.findall("circle")) == sum(after is not None for _, _, after in points)


@given(ANY, ANY)
def test_ticks_cover_their_range_evenly(a, b):
    low, high = sorted((a, b))
    marks = ticks(low, high)
    slack = 1e-6 * (abs(low) + abs(high)) + 1e-9
    assert marks[0] <= low + slack
    assert marks[-1] >= high - slack
    assert len(marks) <= 8


@given(st.floats(0, 1))
def test_only_all_is_a_hundred_per_cent_and_only_none_is_zero(share):
    text = rate(share)
    assert (text == "100%") == (share == 1)
    assert (text in ("0%", "0.0%")) == (share == 0)
    assert re.fullmatch(r"<0\.1%|\d{1,3}(\.\d)?%", text)


@given(SCORE)
def test_a_score_is_rounded_and_only_100_is_100(value):
    text = score_text(value)
    assert abs(float(text) - value) <= (0.05 if value < 99.95 else 0.1) + 1e-9
    assert (text == "100") == (value == 100)


@given(ANY, ANY)
def test_a_change_has_the_sign_of_the_difference(before, after):
    text = numbers.change(before, after)
    if abs(after - before) > 1e-3:
        assert text[0] == ("+" if after > before else numbers.MINUS)
