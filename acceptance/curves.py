"""A picture of curves with their intervals: what is measured over a size."""

import io
from dataclasses import dataclass, field

Point = tuple[float, float, float, float]
"""A size, what is measured there, and its interval."""


@dataclass
class Curves:
    """Curves beside one another, over the logarithm of a size.

    Attributes:
        x, y: what the axes show.
        panels: of each panel its curves by name; all have the axis of what is measured in common.
        within: of a panel, up to which size a model was trained; drawn as a ground.
    """

    x: str
    y: str
    panels: dict[str, dict[str, list[Point]]] = field(default_factory=dict)
    within: dict[str, float] = field(default_factory=dict)


def drawn(curves: Curves, /) -> bytes:
    """Curves as SVG."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, NullLocator

    with rc_context({"svg.hashsalt": "curves", "font.size": 8}):
        figure = Figure(figsize=(1.5 + 2.6 * len(curves.panels), 3.2), layout="constrained")
        places = figure.subplots(1, len(curves.panels), squeeze=False, sharey=True)[0]
        for axes, (title, own) in zip(places, curves.panels.items(), strict=True):
            axes.set_xscale("log")
            for name, points in own.items():
                xs, ys, lows, highs = zip(*points, strict=True)
                spread = [[y - low for y, low in zip(ys, lows, strict=True)],
                          [high - y for y, high in zip(ys, highs, strict=True)]]  # fmt: skip
                axes.errorbar(
                    xs, ys, yerr=spread, marker="o", markersize=3, capsize=2, linewidth=0.9,
                    label=name,
                )  # fmt: skip
            sizes = sorted({point[0] for points in own.values() for point in points})
            if title in curves.within:
                axes.axvspan(sizes[0] / 1.2, curves.within[title] * 1.2, color="#eeeeee", zorder=0)
            if len(sizes) <= 6:
                axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
                axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set(title=title, xlabel=curves.x)
        places[0].set_ylabel(curves.y)
        places[-1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()
