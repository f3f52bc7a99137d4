"""The reliability diagram: whether the model is right as often as it says.

Predictions are put into bins by the probability given to the predicted class. A calibrated
model that says 80 % is right four times out of five: its points lie on the diagonal.

References:
    Guo et al., "On Calibration of Modern Neural Networks", 2017. https://arxiv.org/abs/1706.04599
"""

from typing import TYPE_CHECKING

from jaxtyping import Float, Int
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.report.parts import Section, Table, chart
from cartograd.apps.report.theme import BLUE, INK, MUTED, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.practice.metrics import ece
from cartograd.practice.metrics.proportion import exact

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def reliability(
    outputs: Float[Tensor, "n k"], targets: Int[Tensor, " n"], /, *, bins: int = 15
) -> Section | None:
    """Accuracy against stated confidence, with 95 % intervals, and how confident it is.

    Args:
        outputs: logits.
        targets: true classes.
        bins: how many bins of equal width the confidence is cut into.
    """
    if len(targets) == 0:
        return None
    curve = ece.reliability(outputs, targets, bins=bins)
    full = curve.count > 0
    count, mean, share = (
        part[full].numpy() for part in (curve.count, curve.confidence, curve.accuracy)
    )
    hits = (share * count).round().astype(int)
    low, high = zip(*(exact(int(k), int(n)) for k, n in zip(hits, count, strict=True)), strict=True)
    weight = count / count.sum()
    gap = float((weight * abs(mean - share)).sum())
    left = curve.edges[:-1][full].numpy()

    def paint(figure: "Figure") -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        top.plot([0, 1], [0, 1], color=MUTED, linewidth=1, dashes=(4, 4))
        top.vlines(mean, low, high, color=BLUE, alpha=0.4, linewidth=3)
        top.plot(mean, share, "o", color=BLUE, markersize=7)
        top.text(0.03, 0.97, "too careful", color=MUTED, va="top")
        top.text(0.97, 0.03, "too sure", color=MUTED, ha="right")
        top.set(xlim=(0, 1.01), ylim=(0, 1.02), ylabel="is right")
        bottom.bar(left, weight, 0.9 / bins, align="edge", color=MUTED, alpha=0.5)
        bottom.set(xlabel="says it is sure", ylabel="share of\nexamples")
        for axes in (top, bottom):
            quiet(axes)
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
            axes.tick_params(axis="x", colors=INK if axes is bottom else MUTED)
        bottom.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")

    rows = [
        [f"{100 * left[i]:.0f} to {100 * (left[i] + 1 / bins):.0f} %", int(count[i]),
         units.percent(mean[i]), units.percent(share[i]),
         f"{units.percent(low[i])} to {units.percent(high[i])}"]
        for i in range(len(count))
    ]  # fmt: skip
    head = ["confidence", "examples", "says", "is right", "95 % interval"]
    over = float((weight * (mean - share)).sum())
    sure = "surer than it should be" if over > 0 else "less sure than it could be"
    lead = (
        f"Points on the diagonal: the model is right as often as it says. On average it is "
        f"{units.percent(gap)} away from that (the calibration error), and {sure}."
    )
    alt = f"Reliability diagram: calibration error {units.percent(gap)}."
    drawing = draw("reliability", (520, 460), paint, alt=alt)
    return Section("reliability", "Calibration", lead, chart(drawing, twin=[Table(head, rows)]))
