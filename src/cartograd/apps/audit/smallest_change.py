"""How far each example is from being answered otherwise: the smallest change that is found.

DDN looks for the shortest change (l2) of each example that is answered rightly. The control needs
no model: half the distance to the nearest example of another class, which is how far a classifier
by nearest neighbours would hold. The interval of the median is that of its order statistics.
"""

import math
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from markupsafe import Markup
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.audit.figure import Figure
from cartograd.apps.audit.subject import Subject
from cartograd.apps.report.parts import Table, chart
from cartograd.apps.report.theme import BLUE, INK, MUTED, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.apps.verbs.attack import attack, bounded

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

METHOD = "ddn:steps=40"
MOST = 1000
"""Examples at most: the control compares each with each."""


def smallest_change(subject: Subject, /) -> tuple[Figure, Markup] | None:
    """The median and a histogram; None where no answer is right."""
    subject = subject.few(MOST)
    x, y, right = subject.examples.inputs, subject.examples.targets, subject.right()
    if not bool(right.any()):
        return None
    moved = attack(subject.model, x, y, method=bounded(METHOD, subject.model, x)).cpu()
    fell = subject.said(moved) != y
    lengths = (moved - x).double().flatten(1).norm(dim=1)
    lengths = torch.where(fell, lengths, torch.inf)[right]
    held = half_way(x, y)[right]
    value, low, high = median(lengths)
    control = median(held)[0] if bool(held.isfinite().all()) else math.nan
    figure = Figure(
        "smallest_change", value, low, high, len(lengths), "smallest change (l2), median",
        control, "half way to the nearest example of another class", "higher",
    )  # fmt: skip
    return figure, _drawn(lengths[lengths.isfinite()], value, control, int(fell[right].sum()))


def half_way(x: Float[Tensor, "n ..."], y: Int[Tensor, " n"], /) -> Float[Tensor, " n"]:
    """Half the distance of each example to the nearest of another class; infinity of none.

    >>> half_way(torch.tensor([[0.0], [1.0], [4.0]]), torch.tensor([0, 0, 1])).tolist()
    [2.0, 1.5, 1.5]
    """
    flat = x.double().flatten(1)
    apart = torch.cdist(flat, flat)
    return apart.masked_fill(y[:, None] == y[None], torch.inf).amin(1) / 2


def median(values: Float[Tensor, " n"], /) -> tuple[float, float, float]:
    """The median and the ends of its 95 % interval, by order statistics.

    >>> median(torch.arange(1.0, 102.0))
    (51.0, 41.0, 61.0)
    """
    from scipy.stats import binom

    ranked, n = values.sort().values, len(values)
    below = max(0, int(binom.ppf(0.025, n, 0.5)) - 1)
    return (float(ranked[(n - 1) // 2]), float(ranked[below]), float(ranked[n - 1 - below]))


def _drawn(found: Float[Tensor, " n"], value: float, control: float, count: int) -> Markup:
    lengths = found.tolist()

    def paint(canvas: "Canvas") -> None:
        axes = canvas.subplots()
        axes.hist(lengths, bins=24, color=BLUE, alpha=0.5)
        for at, colour, word in ((value, INK, "median"), (control, MUTED, "control")):
            if math.isfinite(at):
                axes.axvline(at, color=colour, linewidth=1.5, dashes=(4, 3), label=word)
        axes.set(xlabel="length of the change (l2)", ylabel="examples")
        axes.legend(frameon=False)
        quiet(axes)

    shares = [0.05, 0.25, 0.5, 0.75, 0.95]
    ends = torch.tensor(shares, dtype=torch.float64)
    rows = (
        [[units.percent(share, digits=0), units.number(end)]
         for share, end in zip(shares, found.quantile(ends).tolist(), strict=True)]
        if len(lengths) else []
    )  # fmt: skip
    alt = f"Lengths of the smallest changes; the median is {units.number(value)}."
    heading = Markup("<h3>How little it takes</h3><p class='lead'>{}</p>").format(
        f"The shortest change that turns each answer, of {count:,} that fell to {METHOD}. The "
        "control is half way to the nearest example of another class."
    )
    twin = [Table(["share of examples", "fall to a change up to"], rows)]
    return heading + chart(draw("smallest", (620, 240), paint, alt=alt), twin=twin)
