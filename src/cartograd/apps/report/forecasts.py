"""Forecasts beside what came: some windows, and the figures of each step of the horizon."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.report.parts import Section, Table, chart
from cartograd.apps.report.theme import BLUE, INK, MUTED, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.core.build import build
from cartograd.data.dataset.dataset import Examples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WINDOWS = 3
"""Windows that are drawn: the first, the last, and one between."""

OF_STEPS = ("mase", "smape", "mae", "rmse", "pinball", "interval-coverage")
"""What is told of each step."""


def forecasts(
    examples: Examples, outputs: Float[Tensor, "n t 3"], targets: Float[Tensor, "n t 3"], /
) -> Section | None:
    """Pictures of some windows, and a table of the figures of each step to come.

    Args:
        examples: windows, in the order of `outputs`.
        outputs: low end, middle and high end of each step.
        targets: values, and those of a season before.
    """
    if len(examples) == 0 or outputs.ndim != 3:
        return None
    chosen = np.unique(np.linspace(0, len(outputs) - 1, WINDOWS).round().astype(int)).tolist()
    past = examples.select(chosen).batches(batch_size=WINDOWS, shuffle=False)
    before = next(iter(past.epoch(0, seed=0)))[0][:, 0].numpy()
    of_steps = figures_of_steps(outputs, targets)

    def paint(figure: "Figure") -> None:
        panels = figure.subplots(1, len(chosen) + 1, squeeze=False)[0]
        for axes, index, history in zip(panels, chosen, before, strict=False):
            _window(axes, history, outputs[index].numpy(), targets[index, :, 0].numpy())
            axes.set_title(examples.name(index), fontsize=10)
        _steps(panels[-1], of_steps)

    alt = "Forecasts with their intervals beside the values, and the error of each step to come."
    head = ["step", *(units.heading(name) for name in OF_STEPS), "MASE of seasonal naive"]
    rows = [
        [str(step), *(units.metric(name, of_steps[name][step - 1]) for name in OF_STEPS),
         units.number(of_steps["seasonal"][step - 1])]
        for step in range(1, outputs.shape[1] + 1)
    ]  # fmt: skip
    lead = (
        "Black is what came, blue what was forecast, with the interval that is to hold 80 % of the "
        "values; grey in the last picture is the forecast by the season before."
    )
    table = Table(head, rows, "Figures of each step to come")
    drawing = draw("forecasts", (980, 300), paint, alt=alt)
    return Section("forecasts", "Forecasts", lead, chart(drawing, twin=[table]))


def figures_of_steps(
    outputs: Float[Tensor, "n t 3"], targets: Float[Tensor, "n t 3"], /
) -> dict[str, list[float]]:
    """Each metric of each step, and the MASE of the season before as `seasonal`."""
    steps = [(outputs[:, [i]], targets[:, [i]]) for i in range(outputs.shape[1])]
    found = {name: [build(name, kind="metric")(*one) for one in steps] for name in OF_STEPS}
    plain = build("mase", kind="metric")
    return found | {"seasonal": [plain(y[:, :, 1:2].expand(-1, -1, 3), y) for _, y in steps]}


def _window(axes: "Axes", past: np.ndarray, ends: np.ndarray, right: np.ndarray) -> None:
    past = past[-4 * len(right) :]
    steps = np.arange(1, len(right) + 1)
    axes.fill_between(steps, ends[:, 0], ends[:, 2], color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(np.arange(1 - len(past), len(right) + 1), np.append(past, right), color=INK)
    axes.plot(steps, ends[:, 1], color=BLUE)
    quiet(axes)


def _steps(axes: "Axes", found: dict[str, list[float]]) -> None:
    steps = range(1, len(found["mase"]) + 1)
    axes.plot(steps, found["seasonal"], color=MUTED)
    axes.plot(steps, found["mase"], color=BLUE)
    axes.set(xlabel="step", ylim=(0, None))
    axes.set_title("MASE of each step", fontsize=10)
    quiet(axes)
