"""Predicted against true values, and what is left over."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.report.parts import Section, Table, chart
from cartograd.apps.report.theme import BLUE, MUTED, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.data.dataset.dataset import Examples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS = 800
"""More points than this say nothing new and make the page heavy."""


def regression(examples: Examples, outputs: Float[Tensor, "n 1"], /) -> Section | None:
    """Scatter of predicted against true values beside the distribution of the residuals.

    Args:
        examples: what was predicted, in the order of `outputs`.
        outputs: predicted values, in the target's unit.
    """
    if len(examples) == 0:
        return None
    name = examples.signature.output.name
    said, true = (v.detach().double().cpu().numpy()[:, 0] for v in (outputs, examples.targets))
    left = said - true
    chosen = np.unique(np.linspace(0, len(true) - 1, _POINTS).round().astype(int))
    chosen = np.argsort(true, kind="stable")[chosen]

    def paint(figure: "Figure") -> None:
        scatter, residuals = figure.subplots(1, 2, width_ratios=(1, 1))
        _scatter(scatter, true[chosen], said[chosen], name)
        _residuals(residuals, left, name)

    quantiles = np.quantile(left, (0.05, 0.25, 0.5, 0.75, 0.95))
    rows = [
        [label, units.number(value)]
        for label, value in zip(("5 %", "25 %", "50 %", "75 %", "95 %"), quantiles, strict=True)
    ]
    worst = np.argsort(-np.abs(left), kind="stable")[:10]
    far = [
        [examples.name(i), *(units.number(float(column[i])) for column in (said, true, left))]
        for i in worst.tolist()
    ]
    lead = (
        f"Half of the predictions are within {units.number(float(np.median(np.abs(left))))} of the "
        f"true value; {units.number(100 * float((left > 0).mean()))} % are too high."
    )
    if len(true) > _POINTS:
        lead += f" The scatter shows {_POINTS} of {len(true):,} examples, evenly over the range."
    twin = [
        Table(["share of residuals below", name], rows, "Residuals: predicted minus true"),
        Table(["example", "predicted", "true", "residual"], far, "The largest residuals"),
    ]
    drawing = draw("regression", (860, 380), paint, alt=f"Predicted against true {name}. {lead}")
    return Section("regression", "Predicted and true", lead, chart(drawing, twin=twin))


def _scatter(axes: "Axes", true: np.ndarray, said: np.ndarray, name: str) -> None:
    ends = (min(true.min(), said.min()), max(true.max(), said.max()))
    axes.plot(ends, ends, color=MUTED, linewidth=1, dashes=(4, 4))
    axes.plot(true, said, "o", color=BLUE, markersize=5, alpha=0.35, markeredgewidth=0)
    axes.set(xlabel=f"true {name}", ylabel=f"predicted {name}", aspect="equal")
    quiet(axes, grid="both")


def _residuals(axes: "Axes", left: np.ndarray, name: str) -> None:
    reach = np.quantile(np.abs(left), 0.995) or 1.0
    axes.hist(
        left.clip(-reach, reach), np.linspace(-reach, reach, 32).tolist(), color=BLUE, rwidth=0.9
    )
    axes.axvline(0, color=MUTED, linewidth=1, dashes=(4, 4))
    axes.set(xlabel=f"residual of {name}", ylabel="examples")
    quiet(axes)
