"""What attacks on privacy found, as PNG files: a function for each sort of findings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cartograd.apps.report import png
from cartograd.apps.report.studies import table
from cartograd.apps.report.theme import BLUE, LINE, MUTED
from cartograd.apps.results.leakage import Leakage
from cartograd.core.ports import Port
from cartograd.frontier.privacy.rebuilt import Rebuilt
from cartograd.frontier.privacy.regained import Regained
from cartograd.frontier.privacy.told import Told

MOST = 20
"""Classes in a picture."""


def leak(path: str | Path, told: Leakage, /) -> Path:
    """Whatever was found; of a user's own sort its table."""
    painter = PAINTERS.get(type(told.found), table)
    return png.write(painter(told.found, told.port), Path(path))


def _told(found: Told, _: Port) -> Figure:
    """The ROC curve with both axes in logarithms, as the low end is what counts."""
    figure = Figure(figsize=(5, 4.6), layout="constrained")
    axes: Axes = figure.subplots()
    least = 0.5 / max(found.leak.others, found.leak.members)
    axes.plot([least, 1], [least, 1], color=MUTED, dashes=(4, 4), linewidth=1, label="by chance")
    alarms, hits = (one.clamp(min=least).numpy() for one in (found.alarms, found.found))
    axes.step(alarms, hits, where="post", color=BLUE, label=f"area {found.value:.3f}")
    for rate in (0.001, 0.01):
        if rate > least:
            axes.axvline(rate, color=LINE, linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlim=(least, 1), ylim=(least, 1.1))
    axes.set_xlabel("others that are taken for members (false alarms)", fontsize=8)
    axes.set_ylabel("members that are found", fontsize=8)
    axes.set_title(f"{found.leak.members} members, {found.leak.others} others", fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    return figure


def _rebuilt(found: Rebuilt, port: Port) -> Figure:
    """A picture of each class that was made, beside the mean member."""
    if port.kind != "image":
        return table(found, port)
    first = [int((found.classes == k).nonzero()[0]) for k in found.classes.unique()][:MOST]
    figure, grid = png.grid_of(len(first), 2, across=4, width=1.3, height=1.6)
    for (left, right), at in zip(grid, first, strict=True):
        name = found.labels[int(found.classes[at])]
        said = found.labels[int(found.said[at])]
        right_one = "" if said == name else f" (as {said[:8]})"
        png.picture(left, found.pictures[at], port, f"{name[:10]}{right_one}")
        png.picture(right, found.usual[at], port, "mean member")
    return figure


def _regained(found: Regained, port: Port) -> Figure:
    """Examples beside what came of their gradients, without and with noise."""
    if port.kind != "image":
        return table(found, port)
    figure, grid = png.grid_of(len(found.real), 3, across=2, width=1.4, height=1.7)
    for panels, x, made, hidden, clear, noisy in zip(
        grid, found.real, found.made, found.hidden, found.decibels.tolist(),
        found.noised.tolist(), strict=True,
    ):  # fmt: skip
        png.picture(panels[0], x, port, "example")
        png.picture(panels[1], made, port, f"{clear:.0f} dB")
        png.picture(panels[2], hidden, port, f"noise: {noisy:.0f} dB")
    return figure


PAINTERS: dict[type, Callable[[Any, Port], Figure]] = {
    Rebuilt: _rebuilt,
    Regained: _regained,
    Told: _told,
}
"""How each sort of findings is drawn."""
