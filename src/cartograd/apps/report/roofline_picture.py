"""A roofline as a picture: bandwidth by the size of the working set, and work under the roof."""

from pathlib import Path
from typing import TYPE_CHECKING

from cartograd.apps.answers import units
from cartograd.apps.report.png import write
from cartograd.apps.report.theme import BLUE, GOLD, MUTED, RED, STYLE, as_svg, quiet
from cartograd.core.files import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cartograd.apps.results.costs import Costs
    from cartograd.engine.device.roofline import Roofline


def roofline_picture(path: Path, costs: "Costs", /) -> Path:
    """Write the picture.

    Args:
        path: a .svg or .png file; an older one is replaced.
        costs: with the roofline, and the models that are drawn under it.

    Raises:
        UsageError: it ends otherwise, or cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from cartograd.apps.results.costs import check_picture

    check_picture(path)
    with mpl.rc_context({**STYLE, "figure.facecolor": "white"}):
        figure = Figure(figsize=(11, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        _bandwidths(left, costs.roofline)
        _roof(right, costs)
        if path.suffix.lower() == ".svg":
            return write_file(path, as_svg(figure))
        return write(figure, path)


def _bandwidths(axes: "Axes", roof: "Roofline") -> None:
    """Bytes a second against the bytes of the working set."""
    sizes = [one.size for one in roof.levels]
    axes.plot(sizes, [one.bandwidth / 1e9 for one in roof.levels], "o-", color=BLUE)
    axes.set(xscale="log", yscale="log", ylabel="GB/s", title="from caches to memory")
    axes.set_xticks(sizes[::2], [units.size(one) for one in sizes[::2]])
    axes.minorticks_off()
    quiet(axes)


def _roof(axes: "Axes", costs: "Costs") -> None:
    """Operations a second against operations for each byte: the roof, and what is under it."""
    roof = costs.roofline
    points = [(one.name, one.intensity, one.reached, GOLD) for one in roof.works]
    for one in costs.models:
        if one.multiply_adds is not None and one.moved:
            operations = 2.0 * one.multiply_adds * one.best.batch
            moved = one.moved[one.timed.index(one.best)]
            points.append((one.name, operations / moved, operations / one.best.seconds, RED))
    places = [x for _, x, _, _ in points]
    ends = [min(places) / 4, max(*places, roof.peak / roof.levels[-1].bandwidth) * 4]
    for level, style in ((roof.levels[0], (0, (2, 2))), (roof.levels[-1], "-")):
        ridge = roof.peak / level.bandwidth
        xs = sorted({*ends, min(max(ridge, ends[0]), ends[1])})
        ys = [min(roof.peak, x * level.bandwidth) / 1e9 for x in xs]
        axes.plot(xs, ys, color=BLUE, linestyle=style)
        axes.text(xs[0], ys[0], f" {units.size(level.size)}", color=MUTED, va="bottom")
    for name, x, y, colour in points:
        axes.plot([x], [y / 1e9], "o", color=colour)
        axes.annotate(name, (x, y / 1e9), xytext=(5, -12), textcoords="offset points")
    axes.set(xscale="log", yscale="log", xlabel="operations for each byte", ylabel="GFLOP/s",
             title="work under the roof")  # fmt: skip
    quiet(axes, grid="both")
