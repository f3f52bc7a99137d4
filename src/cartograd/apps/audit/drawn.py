"""The two pictures that sections share: figures as a row of intervals, and curves with bands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from cartograd.apps.answers import units
from cartograd.apps.audit.figure import Figure, said, spread
from cartograd.apps.report.parts import Table, chart
from cartograd.apps.report.theme import BLUE, GOLD, INK, MUTED, RED, quiet
from cartograd.apps.report.theme import chart as draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

COLOURS = {"pass": BLUE, "warn": GOLD, "fail": RED, "": MUTED}
LINES = (BLUE, RED, GOLD, INK, "#7a5195", "#2a9d8f", "#a05a2c")
HEAD = ("", "value", "95 % interval", "control", "n")


@dataclass(frozen=True)
class Curve:
    """Shares by a size, with their intervals."""

    name: str
    values: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    quiet: bool = False
    """Whether it is a control."""


def intervals(name: str, figures: Sequence[Figure], /, *, axis: str) -> Markup:
    """Shares, a line each: the number, its interval, and a tick where its control is.

    Args:
        name: unique in the page.
        figures: from above to below.
        axis: what the shares are of.
    """

    def paint(canvas: "Canvas") -> None:
        axes = canvas.subplots()
        for at, one in enumerate(figures[::-1]):
            colour = COLOURS[one.mark]
            axes.hlines(at, one.low, one.high, color=colour, alpha=0.35, linewidth=8)
            axes.plot(one.value, at, "o", color=colour, markersize=6)
            axes.plot(one.control, at, "|", color=INK, markersize=13, markeredgewidth=1.5)
        axes.set_yticks(range(len(figures)), [one.title[:36] for one in figures[::-1]])
        axes.set(xlim=(-0.01, 1.01), xlabel=axis, ylim=(-0.6, len(figures) - 0.4))
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        quiet(axes, grid="x")

    alt = f"{axis}: " + ", ".join(f"{one.title} {said(one, one.value)}" for one in figures)
    drawing = draw(name, (640, 26 * len(figures) + 70), paint, alt=alt)
    rows = [
        [one.title, said(one, one.value), spread(one), said(one, one.control), f"{one.n:,}"]
        for one in figures
    ]
    return chart(
        drawing, caption="Bars are 95 % intervals; the black tick is the control.",
        twin=[Table(HEAD, rows)],
    )  # fmt: skip


def pairs(name: str, both: Sequence[tuple[Figure, Figure]], names: tuple[str, str], /) -> Markup:
    """Shares of two cards, one above the other on each line, with their intervals.

    Args:
        name: unique in the page.
        both: the figures of this card and of the other.
        names: of the two.
    """

    def paint(canvas: "Canvas") -> None:
        axes = canvas.subplots()
        for at, two in enumerate(both[::-1]):
            for one, colour, shift in zip(two, (BLUE, GOLD), (0.16, -0.16), strict=True):
                axes.hlines(at + shift, one.low, one.high, color=colour, alpha=0.35, linewidth=6)
                axes.plot(one.value, at + shift, "o", color=colour, markersize=5)
        for word, colour in zip(names, (BLUE, GOLD), strict=True):
            axes.plot([], [], "o", color=colour, label=word)
        axes.set_yticks(range(len(both)), [own.title[:36] for own, _ in both[::-1]])
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.6, len(both) - 0.4))
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        quiet(axes, grid="x")

    alt = "; ".join(
        f"{own.title}: {said(own, own.value)} and {said(other, other.value)}" for own, other in both
    )
    return chart(draw(name, (760, 34 * len(both) + 60), paint, alt=alt))


def curves(
    name: str,
    at: Sequence[float],
    lines: Sequence[Curve],
    /,
    *,
    across: str,
    floor: float = math.nan,
    caption: str = "",
) -> Markup:
    """Shares by size, each with the band of its intervals.

    Args:
        name: unique in the page.
        at: the sizes.
        lines: as many values each.
        across: what the sizes are.
        floor: the share that needs no model, as a dashed line.
        caption: a sentence below.
    """

    def paint(canvas: "Canvas") -> None:
        axes = canvas.subplots()
        if not math.isnan(floor):
            axes.axhline(floor, color=MUTED, linewidth=1, dashes=(4, 4))
        for number, line in enumerate(lines):
            colour = MUTED if line.quiet else LINES[number % len(LINES)]
            axes.fill_between(at, line.low, line.high, color=colour, alpha=0.1, linewidth=0)
            axes.plot(
                at, line.values, "--" if line.quiet else "-", color=colour, marker="o",
                markersize=4, label=line.name,
            )  # fmt: skip
        axes.set(xlabel=across, ylabel="right", ylim=(0, 1.05), yticks=(0, 0.5, 1))
        axes.set_xticks(at, [units.number(size) for size in at])
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        quiet(axes)

    cells = [
        [line.name, *(f"{units.percent(value)} ({units.percent(low, digits=0)} to "
                      f"{units.percent(high, digits=0)})"
                      for value, low, high in zip(line.values, line.low, line.high, strict=True))]
        for line in lines
    ]  # fmt: skip
    alt = "; ".join(f"{line.name}: {units.percent(line.values[-1])} at the end" for line in lines)
    head = ["", *map(units.number, at)]
    return chart(draw(name, (720, 320), paint, alt=alt), caption=caption, twin=[Table(head, cells)])
