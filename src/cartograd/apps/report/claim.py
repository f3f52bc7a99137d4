"""The picture of a claim: what each seed gave, the mean and its interval; or curves."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cartograd.apps.report.theme import BLUE, GOLD, INK, LINE, MUTED, RED, chart, quiet, variables
from cartograd.evidence.estimate import mean, ratio
from cartograd.evidence.experiment import Outcome
from cartograd.evidence.verdict import Check

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (BLUE, RED, GOLD, MUTED, INK)
DASHES = ("-", "--", ":")
POINTS = 200
"""Most points of a curve."""


def picture(outcome: Outcome, /) -> str:
    """A standalone SVG, right on light and dark pages."""
    claim = outcome.claim
    size = (620, 330) if outcome.curves else (620, 130 + 34 * len(_names(outcome)))
    title = "\n".join(textwrap.wrap(claim.en, 68)) + f"\nverdict: {outcome.verdict}"

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        axes.set_title(title, fontsize=12)
        (_curves if outcome.curves else _dots)(axes, outcome)
        axes.set_xlabel(claim.axes[0])
        axes.set_ylabel(claim.axes[1])

    alt = f"{claim.en} Verdict: {outcome.verdict}."
    drawn = str(chart(claim.id, size, paint, alt=alt))
    style = f"<style>{variables()} text{{font-family:DejaVu Sans,Arial,sans-serif}}</style>"
    paper = '<rect width="100%" height="100%" style="fill: var(--paper,#fbfaf7)"/>'
    head, tail = drawn.split(">", 1)
    return f"{head}>{style}{paper}{tail}\n"


def _names(outcome: Outcome) -> Sequence[str]:
    """The figures of the picture: those of the claim, or those of its checks."""
    if outcome.claim.draw:
        return outcome.claim.draw
    checks = map(Check.parse, outcome.claim.rule)
    return tuple(dict.fromkeys(x for check in checks for x in check.figures(list(outcome.figures))))


def _curves(axes: "Axes", outcome: Outcome) -> None:
    """The mean of each curve over seeds, and the range of all seeds around it."""
    names = outcome.claim.draw or tuple(outcome.curves)
    scale = outcome.claim.scale
    for rank, name in enumerate(names):
        each = outcome.curves[name]
        length = min(len(curve.y) for curve in each)
        step = max(1, length // POINTS)
        rows = [[curve.y[i] for curve in each] for i in range(0, length, step)]
        rows = [[y for y in row if math.isfinite(y)] or [math.nan] for row in rows]
        x = list(each[0].x[:length:step])
        colour, dash = COLOURS[rank % len(COLOURS)], DASHES[rank // len(COLOURS) % len(DASHES)]
        middle = [math.fsum(row) / len(row) for row in rows]
        axes.plot(x, middle, dash, color=colour, label=name)
        if len(each) > 1:
            low, high = [min(row) for row in rows], [max(row) for row in rows]
            axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    _scale(axes, scale)
    axes.legend(frameon=False, fontsize=10, labelcolor=INK)
    quiet(axes)


def _dots(axes: "Axes", outcome: Outcome) -> None:
    """A row for each figure: a dot for each seed, the mean and its interval above them."""
    names = _names(outcome)
    hows = {check.figure: check.how for check in map(Check.parse, outcome.claim.rule)}
    for row, name in enumerate(names):
        values = outcome.figures[name]
        axes.plot(values, [row] * len(values), "o", color=BLUE, alpha=0.45, markersize=5)
        found = (ratio if hows.get(name) == "ratio" else mean)(values)
        if len(values) > 1 and math.isfinite(found.value):
            axes.plot([found.low, found.high], [row - 0.22] * 2, color=RED)
            axes.plot([found.value], [row - 0.22], "D", color=RED, markersize=6)
    for check in map(Check.parse, outcome.claim.rule):
        if check.figure in names:
            row = names.index(check.figure)
            axes.plot([check.bound] * 2, [row - 0.42, row + 0.42], ":", color=MUTED)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.axhline(len(names) - 0.4, color=LINE, linewidth=0.8)
    _scale(axes, outcome.claim.scale)
    quiet(axes, grid="x")


def _scale(axes: "Axes", scale: str) -> None:
    if "x" in scale:
        axes.set_xscale("log")
    if "y" in scale:
        axes.set_yscale("log")
