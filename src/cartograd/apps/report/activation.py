"""An activation drawn: its value, its slope, and where it is saturated.

Where the slope is a small part of the largest one, hardly any gradient passes: the unit learns
little there, and through several layers nothing.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from cartograd.apps.report import png
from cartograd.apps.report.theme import BLUE, LINE, MUTED, RED
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec

REACH, POINTS = 8.0, 800
"""Inputs from minus to plus this, and how many of them on each side."""

FLAT = 0.05
"""Saturated is where the slope is less than this share of the largest one."""


class Drawn(NamedTuple):
    """An activation along its inputs."""

    z: Tensor
    value: Tensor
    slope: Tensor

    @property
    def saturated(self) -> list[tuple[float, float]]:
        """From where to where it is."""
        flat = (self.slope.abs() < FLAT * self.slope.abs().max()).tolist()
        edges = [i for i in range(len(flat)) if flat[i] and not (i and flat[i - 1])]
        ends = [i for i in range(len(flat)) if flat[i] and not (i + 1 < len(flat) and flat[i + 1])]
        places = self.z.tolist()
        return [(places[i], places[j]) for i, j in zip(edges, ends, strict=True)]

    def to_json(self) -> dict[str, Any]:
        """Where it is saturated, and its largest slope."""
        return {"saturated": self.saturated, "largest_slope": self.slope.max().item()}


def sampled(spec: str | Spec, /) -> Drawn:
    """An activation and its slope, by automatic differentiation.

    Raises:
        UsageError: no such activation, or one that mixes its inputs.
    """
    function = build(spec, kind="activation")
    places = torch.arange(-POINTS, POINTS + 1, dtype=torch.float64) * (REACH / POINTS)
    z = places.requires_grad_()
    value = function(z)
    with torch.no_grad():
        if not torch.allclose(function(z[:, None])[:, 0], value):
            raise UsageError(f"{spec} takes all its inputs together, so it is no curve to draw")
    slope = torch.zeros_like(value)
    if value.requires_grad:
        (slope,) = torch.autograd.grad(value.sum(), z)
    return Drawn(z.detach(), value.detach(), slope)


def activation(path: Path, spec: str | Spec, /) -> Drawn:
    """Write the picture of an activation, its saturated parts in grey.

    Raises:
        UsageError: as `sampled`, or the file cannot be written.
    """
    found = sampled(spec)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for low, high in found.saturated:
        axes.axvspan(low, high, color=LINE, alpha=0.5, linewidth=0)
    axes.plot(found.z, found.value, color=BLUE, label="value")
    axes.plot(found.z, found.slope, color=RED, label="slope")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_title(f"{spec}; grey: slope below {FLAT:.0%} of its largest", fontsize=10)
    axes.set_xlabel("input")
    axes.legend(frameon=False)
    png.write(figure, path)
    return found
