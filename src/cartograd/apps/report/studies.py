"""Studies as PNG files: a function for each sort of findings."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cartograd.apps.report import png
from cartograd.apps.report.theme import BLUE, LINE, MUTED, RED
from cartograd.apps.results.studied import Studied
from cartograd.core.ports import Port
from cartograd.frontier.explain.studies.activation_maximisation import Preferred
from cartograd.frontier.explain.studies.activation_patching import Patched
from cartograd.frontier.explain.studies.embedding_view import View
from cartograd.frontier.explain.studies.interventions import Interventions
from cartograd.frontier.explain.studies.prototypes import Prototypes
from cartograd.frontier.explain.studies.tcav import Concepts
from cartograd.frontier.explain.trees.surrogate import SurrogateTree
from cartograd.frontier.security.detectors.neural_cleanse import Triggers

MOST = 40
"""Bars or nodes in a picture."""


def study(path: str | Path, told: Studied, /) -> Path:
    """Whatever was found; of a user's own sort its table."""
    painter = PAINTERS.get(type(told.found), table)
    return png.write(painter(told.found, told.port), Path(path))


def _view(found: View, _: Port) -> Figure:
    figure = Figure(figsize=(6.5, 5.5), layout="constrained")
    axes: Axes = figure.subplots()
    x, y = found.places.numpy().T
    if found.classes:
        own, colours = np.array(found.classes), _colours(len(found.labels))
        for number, name in enumerate(found.labels):
            here = own == number
            axes.scatter(x[here], y[here], s=9, color=colours[number], label=name[:24])
        if len(found.labels) <= MOST:
            axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    else:
        figure.colorbar(axes.scatter(x, y, s=9, c=found.values or None))
    told = "  ".join(f"{name} {value:.3f}" for name, value in list(found.figures.items())[:2])
    axes.set_title(f"{found.form} of {found.layer}\n{told}", fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    return figure


def _colours(count: int) -> np.ndarray:
    from matplotlib import colormaps

    return colormaps["tab10" if count <= 10 else "turbo"](
        np.arange(count) if count <= 10 else np.linspace(0, 1, count)
    )


def _concepts(found: Concepts, _: Port) -> Figure:
    tests = sorted(found.tests, key=lambda one: one.p)[:MOST][::-1]
    figure = Figure(figsize=(6.5, 1.2 + 0.24 * len(tests)), layout="constrained")
    axes: Axes = figure.subplots()
    place = np.arange(len(tests))
    axes.barh(
        place, [one.score for one in tests], 0.6, xerr=[one.error for one in tests],
        color=[BLUE if one.p < 0.05 else LINE for one in tests], ecolor=MUTED,
    )  # fmt: skip
    axes.scatter([one.chance for one in tests], place, marker="|", s=90, color=RED)
    axes.set_yticks(place, [f"{one.concept} → {one.target}" for one in tests], fontsize=7)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share whose answer rises along the concept (red: random sets)", fontsize=8)
    axes.set_title(f"TCAV in {found.layer}; blue where p < 0.05, corrected", fontsize=9)
    return figure


def _preferred(found: Preferred, port: Port) -> Figure:
    if port.kind == "image":
        figure, grid = png.grid_of(len(found.units), 2, across=4, width=1.3, height=1.6)
        each = zip(grid, found.units, found.found, found.nearest, strict=True)
        for (left, right), name, made, real in each:
            png.picture(left, made, port, f"{name[:14]}: made")
            png.picture(right, real, port, "best example")
        return figure
    figure = Figure(figsize=(6.5, 1.5 + 1.2 * len(found.units)), layout="constrained")
    for axes, name, made, real in zip(
        figure.subplots(len(found.units), 1, squeeze=False).flat,
        found.units, found.found, found.nearest, strict=True,
    ):  # fmt: skip
        axes.plot(made.flatten().cpu(), color=RED, label="made")
        axes.plot(real.flatten().cpu(), color=BLUE, label="best example")
        axes.set_title(name, fontsize=8)
    return figure


def _tree(found: SurrogateTree, _: Port) -> Figure:
    shown = found.questions[: 2 * MOST]
    deepest = max(one.level for one in shown)
    figure = Figure(figsize=(4.5 + 0.5 * deepest, 0.8 + 0.22 * len(shown)), layout="constrained")
    axes: Axes = figure.subplots()
    for row, one in enumerate(shown):
        text = f"{one.way}   {one.says} ({one.sure:.0%} of {one.examples})"
        axes.text(one.level, -row, text, fontsize=7, va="center")
        if one.level:
            parent = max(r for r in range(row) if shown[r].level == one.level - 1)
            axes.plot([one.level - 0.6] * 2, [-parent - 0.4, -row], color=LINE, lw=0.8)
            axes.plot([one.level - 0.6, one.level - 0.1], [-row] * 2, color=LINE, lw=0.8)
    axes.set_xlim(-0.2, deepest + 5)
    axes.set_ylim(-len(shown), 1)
    axes.axis("off")
    axes.set_title("; ".join(f"{name} {told}" for name, told in found.notes), fontsize=9)
    return figure


def _interventions(found: Interventions, _: Port) -> Figure:
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    axes: Axes = figure.subplots()
    axes.plot(found.corrected, found.unsure, color=BLUE, marker="o", label="least sure first")
    axes.plot(found.corrected, found.drawn, color=RED, marker="o", label="at random")
    axes.set_xlabel("concepts set right")
    axes.set_ylabel("accuracy")
    axes.legend(frameon=False)
    return figure


def _prototypes(found: Prototypes, port: Port) -> Figure:
    count = min(len(found.labels), MOST)
    figure, grid = png.grid_of(count, 2, across=4, width=1.3, height=1.6)
    for (left, right), picture, box, near, label, weight in zip(
        grid, found.pictures, found.boxes.tolist(), found.nearest, found.labels, found.weights,
        strict=False,
    ):  # fmt: skip
        png.picture(left, picture, port, f"{label[:14]} ({weight:.1f})")
        top, bottom, first, last = box
        left.add_patch(
            Rectangle(
                (first - 0.5, top - 0.5), last - first + 1, bottom - top + 1,
                fill=False, color=RED, lw=1.5,
            )
        )  # fmt: skip
        png.picture(right, near, port, "nearest example")
    return figure


def _triggers(found: Triggers, port: Port) -> Figure:
    order = sorted(range(len(found.norms)), key=found.norms.__getitem__)[:MOST]
    if port.kind != "image":
        return table(found, port)
    figure, grid = png.grid_of(len(order), 2, across=4, width=1.3, height=1.6)
    for (left, right), k in zip(grid, order, strict=True):
        sign = " (!)" if k in found.suspects else ""
        png.picture(left, found.masks[k], replace(port, dims=tuple(found.masks[k].shape)),
                    f"{found.labels[k][:14]}: {found.norms[k]:.1f}{sign}")  # fmt: skip
        png.picture(right, found.masks[k] * found.patterns[k], port, "its pattern")
    return figure


def _patched(found: Patched, _: Port) -> Figure:
    order = list(range(len(found.names)))
    if found.layer:
        order = found.effects.argsort(descending=True, stable=True).tolist()
    shown = order[:MOST][::-1]
    figure = Figure(figsize=(6.5, 1.2 + 0.24 * len(shown)), layout="constrained")
    axes: Axes = figure.subplots()
    place = np.arange(len(shown))
    axes.barh(
        place, found.effects[shown].numpy(), 0.6, xerr=found.errors[shown].numpy(), color=BLUE,
        ecolor=MUTED,
    )  # fmt: skip
    axes.scatter(found.controls[shown].numpy(), place, marker="|", s=90, color=RED)
    axes.set_yticks(place, [found.names[at] for at in shown], fontsize=7)
    axes.axvline(0, color=LINE)
    axes.set_xlabel("share of the difference that a swap restores (red: control)", fontsize=8)
    axes.set_title(f"{found.pairs} pairs of different answers", fontsize=9)
    return figure


def table(found: Any, _: Port, /) -> Figure:
    """The rows of findings."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes: Axes = figure.subplots()
    axes.axis("off")
    axes.table(cellText=[list(row) for row in found.rows()[:MOST]], colLabels=list(found.columns))
    return figure


PAINTERS: dict[type, Callable[[Any, Port], Figure]] = {
    Concepts: _concepts,
    Interventions: _interventions,
    Patched: _patched,
    Preferred: _preferred,
    Prototypes: _prototypes,
    SurrogateTree: _tree,
    Triggers: _triggers,
    View: _view,
}
"""How each sort of findings is drawn."""
