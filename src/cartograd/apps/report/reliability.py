"""The reliability diagram: whether the model is right as often as it says.

Predictions are put into bins by the probability given to the predicted class. A calibrated
model that says 80 % is right four times out of five: its points lie on the diagonal.

References:
    Guo et al., "On Calibration of Modern Neural Networks", 2017. https://arxiv.org/abs/1706.04599
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.apps import units
from cartograd.apps.report.parts import Section, Table, chart
from cartograd.apps.report.theme import BLUE, INK, MUTED, quiet
from cartograd.apps.report.theme import chart as draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def reliability(
    outputs: Float[Tensor, "n k"], targets: Int[Tensor, " n"], /, *, bins: int = 10
) -> Section | None:
    """Accuracy against stated confidence, with 95 % intervals, and how confident it is.

    Args:
        outputs: logits.
        targets: true classes.
        bins: how many bins of equal width the confidence is cut into.
    """
    if len(targets) == 0:
        return None
    confidence, predicted = outputs.double().softmax(-1).max(-1)
    right = (predicted == targets).cpu().numpy()
    said = confidence.cpu().numpy()
    where = (said * bins).astype(int).clip(0, bins - 1)
    count = np.bincount(where, minlength=bins)
    full = count > 0
    mean = np.bincount(where, said, bins)[full] / count[full]
    share = np.bincount(where, right, bins)[full] / count[full]
    low, high = _wilson(share, count[full])
    gap = float((count[full] * np.abs(mean - share)).sum() / len(said))

    def paint(figure: "Figure") -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        top.plot([0, 1], [0, 1], color=MUTED, linewidth=1, dashes=(4, 4))
        top.vlines(mean, low, high, color=BLUE, alpha=0.4, linewidth=3)
        top.plot(mean, share, "o", color=BLUE, markersize=7)
        top.text(0.03, 0.97, "too careful", color=MUTED, va="top")
        top.text(0.97, 0.03, "too sure", color=MUTED, ha="right")
        top.set(xlim=(0, 1.01), ylim=(0, 1.02), ylabel="is right")
        edges = np.arange(bins) / bins
        bottom.bar(edges, count / len(said), 0.9 / bins, align="edge", color=MUTED, alpha=0.5)
        bottom.set(xlabel="says it is sure", ylabel="share of\nexamples")
        for axes in (top, bottom):
            quiet(axes)
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
            axes.tick_params(axis="x", colors=INK if axes is bottom else MUTED)
        bottom.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")

    rows = [
        [f"{100 * i // bins} to {100 * (i + 1) // bins} %", int(count[i]), units.percent(mean[at]),
         units.percent(share[at]), f"{units.percent(low[at])} to {units.percent(high[at])}"]
        for at, i in enumerate(np.flatnonzero(full))
    ]  # fmt: skip
    head = ["confidence", "examples", "says", "is right", "95 % interval"]
    sure = "surer than it should be" if said.mean() > right.mean() else "less sure than it could be"
    lead = (
        f"Points on the diagonal: the model is right as often as it says. On average it is "
        f"{units.percent(gap)} away from that (the calibration error), and {sure}."
    )
    alt = f"Reliability diagram: calibration error {units.percent(gap)}."
    drawing = draw("reliability", (520, 460), paint, alt=alt)
    return Section("reliability", "Calibration", lead, chart(drawing, twin=[Table(head, rows)]))


def _wilson(share: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's 95 % interval of a share."""
    z = 1.959964
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    spread = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return (middle - spread).clip(0, 1), (middle + spread).clip(0, 1)
