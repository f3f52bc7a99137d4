"""How well a class is ranked above the rest: the ROC and the precision-recall curve.

Each point is a threshold. Left, the share of the class that is found against the share of the
rest that is taken for it, whose area is the metric `roc-auc`. Right, the share of what is taken
that is right: it says more where a class is rare, for a few of many others spoil it.

References:
    Takaya Saito, Marc Rehmsmeier. The precision-recall plot is more informative than the ROC plot
    when evaluating binary classifiers on imbalanced datasets. 2015.
    https://doi.org/10.1371/journal.pone.0118432
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.report.parts import Section, Table, chart
from cartograd.apps.report.theme import BLUE, INK, MUTED, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.practice.metrics import given
from cartograd.practice.metrics.roc_auc import Curve, roc_curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 400
"""A drawn curve has at most so many; its area is that of all."""


class Ranked(NamedTuple):
    """One class against the rest."""

    label: str
    curve: Curve
    share: float
    """Of the examples, that are of the class."""

    @property
    def area(self) -> float:
        """Under the ROC curve, by its points."""
        return torch.trapezoid(self.curve.found, self.curve.false).item()

    @property
    def precision(self) -> Tensor:
        """Share of what is taken for the class that is of it, at each point but the first."""
        right = self.curve.found[1:] * self.share
        return right / (right + self.curve.false[1:] * (1 - self.share))

    @property
    def average(self) -> float:
        """Average precision: each step of what is found, by the precision there."""
        return (self.curve.found.diff() * self.precision).sum().item()


def ranking(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, " n"], labels: Sequence[str], /
) -> Section | None:
    """Both curves, of two classes those of the second, else of each class against the rest.

    Args:
        outputs: logits.
        targets: true classes.
        labels: names of the classes; of none their numbers.
    """
    classes = _ranked(outputs, targets, labels)
    if not classes:
        return None

    def paint(figure: "Figure") -> None:
        left, right = figure.subplots(1, 2)
        left.plot([0, 1], [0, 1], color=MUTED, linewidth=1, dashes=(4, 4))
        one = len(classes) == 1
        style = {"color": BLUE, "linewidth": 2 if one else 1, "alpha": 1 if one else 0.5}
        for ranked in classes:
            keep = _some(len(ranked.curve.false))
            left.plot(ranked.curve.false[keep], ranked.curve.found[keep], **style)
            found, precision = ranked.curve.found[1:], ranked.precision
            keep = _some(len(found))
            right.step(found[keep], precision[keep], where="pre", **style)
            right.axhline(ranked.share, color=MUTED, linewidth=1, dashes=(4, 4))
        left.set(title="ROC", xlabel="of the rest, taken for it", ylabel="of the class, found")
        right.set(title="Precision-recall", xlabel="of the class, found", ylabel="is right")
        for axes in (left, right):
            quiet(axes, grid="both")
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
            axes.tick_params(colors=INK)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")

    rows = [
        [one.label, units.percent(one.share), f"{one.area:.3f}", f"{one.average:.3f}"]
        for one in classes
    ]
    head = ["class", "of the examples", "area under ROC", "average precision"]
    mean = sum(one.area for one in classes) / len(classes)
    of = f"class {classes[0].label!r}" if len(classes) == 1 else "each class against the rest"
    lead = (
        f"One point per threshold, of {of}. The area under the ROC curve is "
        f"{mean:.3f}{'' if len(classes) == 1 else ' on average'}: how often a random example of "
        "the class is ranked above a random one of the rest. Dashed: no better than chance."
    )
    alt = f"ROC and precision-recall curves: area under the ROC curve {mean:.3f}."
    drawing = draw("ranking", (760, 380), paint, alt=alt)
    return Section("ranking", "Ranking", lead, chart(drawing, twin=[Table(head, rows)]))


def _ranked(outputs: Tensor, targets: Tensor, labels: Sequence[str], /) -> list[Ranked]:
    """The classes of which there are examples, and others."""
    logits, right = given.classes(outputs, targets)
    count = logits.shape[1]
    present = right.unique().tolist()
    asked = [1] if count == 2 else present
    if len(present) < 2:
        return []
    return [
        Ranked(
            labels[k] if labels else str(k),
            roc_curve(outputs, targets, positive=k),
            (right == k).double().mean().item(),
        )
        for k in asked
    ]


def _some(count: int, /) -> Tensor:
    """Positions to draw: all of a short curve, the ends and an even choice of a long one."""
    return torch.linspace(0, count - 1, min(count, POINTS)).round().long()
