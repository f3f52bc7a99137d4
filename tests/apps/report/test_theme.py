import re
from pathlib import Path

import matplotlib as mpl
import pytest

from cartograd.apps.report.theme import BLUE, DARK, LIGHT, chart, variables

pytestmark = pytest.mark.chart  # what they look at


def line(figure):
    figure.subplots().plot([0, 1], [2, 3], color=BLUE, marker="o")


def luminance(colour: str) -> float:
    """As WCAG 2.2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_is_readable_on_both_grounds():
    for palette in (LIGHT, DARK):
        for ground in ("paper", "surface"):
            assert contrast(palette["ink"], palette[ground]) >= 7
            for colour in ("muted", "blue", "red", "gold"):
                assert contrast(palette[colour], palette[ground]) >= 4.5, (colour, ground)


def test_every_colour_of_a_chart_follows_the_page():
    drawing = chart("line", (300, 200), line, alt="a line that rises")
    assert f"var(--blue,{BLUE})" in drawing
    left = set(re.findall(r"(?<!,)#[0-9a-f]{6}\b", drawing))
    assert not left, f"colours that stay the same in the dark: {left}"
    for name in re.findall(r"var\(--(\w+)", drawing):
        assert f"--{name}:" in variables()


def test_ids_are_unique_and_point_at_something():
    page = chart("one", (300, 200), line, alt="") + chart("two", (300, 200), line, alt="")
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:href="|url\()#([^")]*)', page)
    assert used
    assert set(used) <= set(ids)


def test_a_chart_says_in_words_what_it_shows():
    drawing = chart("line", (300, 200), line, alt='a "line" that rises')
    assert 'role="img"' in drawing
    assert 'aria-label="a &#34;line&#34; that rises"' in drawing


def test_drawing_twice_gives_the_same_and_changes_no_global_style():
    before = dict(mpl.rcParams)
    assert chart("a", (300, 200), line, alt="") == chart("a", (300, 200), line, alt="")
    assert dict(mpl.rcParams) == before


def test_no_global_figure_is_left_and_pyplot_is_not_used():
    folder = Path(__file__).parents[3] / "src/cartograd/apps/report"
    assert all("pyplot" not in file.read_text() for file in folder.glob("*.py"))
