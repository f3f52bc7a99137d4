"""A picture of accuracy against what a network costs."""

import io

AXES = {
    "parameters": ("parameters", 1.0),
    "operations": ("million multiply-adds an image", 1e-6),
    "seconds": ("CPU seconds of a run", 1.0),
    "milliseconds": ("milliseconds of one example", 1.0),
}
"""What a network may cost, its title and unit; a row tells some of them."""


def picture(front: dict[str, dict[str, float]], /) -> bytes:
    """Accuracy over what the networks' costs are told in, as SVG; the front is drawn through."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    told = [key for key in AXES if all(key in row for row in front.values())]
    with rc_context({"svg.hashsalt": "front", "font.size": 8}):
        figure = Figure(figsize=(2 + 3 * len(told), 3.6), layout="constrained")
        places = figure.subplots(1, len(told), squeeze=False)[0]
        for axes, key in zip(places, told, strict=True):
            title, unit = AXES[key]
            points = [(row[key] * unit, row["accuracy"], name) for name, row in front.items()]
            for x, y, name in points:
                axes.plot(x, y, "o", label=name)
            best = [p for p in points if not any(q[0] < p[0] and q[1] >= p[1] for q in points)]
            xs, ys = zip(*[(x, y) for x, y, _ in sorted(best)], strict=True)
            axes.plot(xs, ys, color="#999999", linewidth=0.8, zorder=0)
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xlabel(title)
            axes.set_ylabel("test accuracy, %")
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right upper")
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()
