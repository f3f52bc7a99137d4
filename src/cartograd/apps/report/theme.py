"""How reports look: one palette for light and dark, and charts that follow it.

Charts are drawn by matplotlib's object interface in the light colours, then each colour of
the palette is replaced by a CSS variable, so that the same chart is right in a dark page.
"""

import re
from collections.abc import Callable
from io import StringIO
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIGHT = {
    "ink": "#1c2328",
    "muted": "#5b6771",
    "line": "#d8dcdf",
    "paper": "#fbfaf7",
    "surface": "#fffffe",
    "blue": "#2462a6",
    "red": "#c2432a",
    "gold": "#8f6209",
}
DARK = {
    "ink": "#e7eaec",
    "muted": "#9aa7b2",
    "line": "#333c45",
    "paper": "#11161b",
    "surface": "#181f26",
    "blue": "#7db5f0",
    "red": "#f28a70",
    "gold": "#deb663",
}
INK, MUTED, LINE, SURFACE = LIGHT["ink"], LIGHT["muted"], LIGHT["line"], LIGHT["surface"]
BLUE, RED, GOLD = LIGHT["blue"], LIGHT["red"], LIGHT["gold"]

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "cartograd",
    "figure.facecolor": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 12,
    "text.color": INK,
    "axes.facecolor": "none",
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 12,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 1,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "xtick.major.pad": 7,
    "ytick.major.pad": 7,
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
}
_VARIABLE = {value: f"var(--{name},{value})" for name, value in LIGHT.items()}


def variables() -> Markup:
    """The palette as CSS variables: light, dark on demand, light again on paper."""
    light, dark = (
        ";".join(f"--{name}:{value}" for name, value in palette.items())
        for palette in (LIGHT, DARK)
    )
    return Markup(
        f":root{{{light};color-scheme:light dark}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    )


def chart(
    name: str, size: tuple[int, int], draw: "Callable[[Figure], None]", /, *, alt: str
) -> Markup:
    """An inline SVG of `size` CSS pixels, drawn by `draw` on an empty figure.

    Args:
        name: unique in its page; the ids inside of the SVG begin with it.
        size: width and height.
        draw: fills the figure; may use the colours of `LIGHT`.
        alt: what the chart shows, in words.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(size[0] / 72, size[1] / 72), layout="constrained")
        draw(figure)
        return _inline(written(figure), name, size, alt)


def as_svg(figure: "Figure", /) -> str:
    """A figure as matplotlib writes it."""
    buffer = StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


written = as_svg
"""How a figure is written; nearly all of a chart's time."""


def _inline(text: str, name: str, size: tuple[int, int], alt: str) -> Markup:
    """Only the drawing: no header, no global style, ids that are unique in the page."""
    text = text[text.index("<svg") :]
    text = re.sub(
        r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.S
    )
    text = re.sub(r"^<svg.*?>", "", text, count=1, flags=re.S).removesuffix("</svg>\n")
    used = set(re.findall(r"#([mp][0-9a-f]{10})\b", text))
    text = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r"#([mp][0-9a-f]{10})\b", rf"#{name}-\1", text).replace("xlink:href", "href")
    text = re.sub(r' ?font-family: [^;"]*;?', "", text)
    text = re.sub(r' transform="rotate\(-0 [^"]*"', "", text)
    text = re.sub(r"#[0-9a-f]{6}\b", lambda m: _VARIABLE.get(m[0], m[0]), text)
    # Hundredths of a pixel are enough for positions; what is written is not touched.
    text = re.sub(r"<[^>]+>", lambda m: re.sub(r"(\d+\.\d{2})\d+", r"\1", m[0]), text)
    text = re.sub(r"\s*\n\s*", " ", text)
    width, height = size
    return Markup(
        f'<svg role="img" aria-label="{escape(alt)}" viewBox="0 0 {width} {height}" '
        f'style="max-width:{width}px" xmlns="http://www.w3.org/2000/svg">{text}</svg>'
    )


def quiet(axes: "Axes", /, *, grid: str = "y") -> None:
    """Light lines on one axis (`x`, `y`, `both` or nothing) and no frame on the other."""
    if grid:
        axes.grid(axis=grid)  # type: ignore[arg-type]
    if grid in ("y", "both"):
        axes.spines["left"].set_visible(False)
    if grid in ("x", "both"):
        axes.spines["bottom"].set_visible(False)
