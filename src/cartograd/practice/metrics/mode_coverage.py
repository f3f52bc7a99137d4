"""Mode coverage: whether drawn points are on the clouds of a grid, on all of them, and evenly.

Each of three figures alone can be cheated: all points in one cloud are all of high quality, points
everywhere meet all clouds. So the metric is the share of points of high quality (within three
standard deviations of a centre) times e^-KL, where KL is how far their shares among the clouds are
from even: 1 for the data's own points but for the 1.1 % beyond three deviations, 1/k where all are
in one of k clouds.

    share of high quality * exp(-sum_i p_i log(k p_i))

Shapes: drawn points `n d` and real ones `m d` with d = 2.

Departures: the papers give the three figures (see `modes`), not a product.

References:
    Akash Srivastava and others. VEEGAN: reducing mode collapse in GANs using implicit variational
    learning. NeurIPS 2017. https://arxiv.org/abs/1705.07761

>>> import torch
>>> found = modes(torch.zeros(10, 2))
>>> found.count, found.high_quality, round(found.kl, 3)
(1, 1.0, 3.219)
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.data.sources.gaussian_grid import centres

CARD = Card(
    name="mode-coverage",
    kind="sample-metric",
    entry="mode_coverage",
    nodes=("gan/vanilla",),
    title="Mode coverage",
    short="coverage",
    zh="模式覆盖率",
    better="higher",
    unit="%",
    paper="VEEGAN: reducing mode collapse in GANs using implicit variational learning",
    year=2017,
    url="https://arxiv.org/abs/1705.07761",
    proofs=(
        "law: the data's own points have it but for the tail beyond three deviations, to 1 %",
        "law: points in m of k clouds have m / k of it, to 1e-9",
    ),
)

REACH = 3.0
"""Standard deviations within which a point is of high quality."""

SURE = 0.9
"""Share of the real points that are of high quality at least."""

ENOUGH = 1000
"""One point of high quality in so many makes a cloud one that was met."""


@dataclass(frozen=True)
class Modes:
    """Where points are.

    Attributes:
        count: clouds that were met: by a thousandth of the points.
        high_quality: share of points within three standard deviations of a centre.
        kl: nats from their shares among the clouds to even shares; infinite if there are none.
    """

    count: int
    high_quality: float
    kl: float


def modes(drawn: Float[Tensor, "n d"], /, *, side: int = 5, noise: float = 0.05) -> Modes:
    """The three figures.

    Args:
        drawn: points in the grid's unit.
        side: clouds along each side.
        noise: standard deviation of each cloud.

    Raises:
        UsageError: the points are not of two numbers.
    """
    if drawn.ndim != 2 or drawn.shape[1] != 2:
        raise UsageError(
            f"mode-coverage is of points of a gaussian-grid, which have 2 numbers; these have "
            f"{tuple(drawn.shape[1:])}"
        )
    away, nearest = torch.cdist(drawn.double(), centres(side).double()).min(1)
    good = nearest[away <= REACH * noise]
    counts = good.bincount(minlength=side**2).double()
    met = int((counts >= max(1, len(drawn) / ENOUGH)).sum())
    shares = counts[counts > 0] / max(1, len(good))
    kl = (shares * (shares * side**2).log()).sum().item() if len(good) else math.inf
    return Modes(met, len(good) / len(drawn), kl)


def mode_coverage(
    drawn: Float[Tensor, "n d"],
    real: Float[Tensor, "m d"],
    /,
    *,
    side: int = 5,
    noise: float = 0.05,
) -> float:
    """The share of high quality, lowered by how unevenly the clouds are met.

    Args:
        drawn: points in the grid's unit.
        real: points of the grid, by which it is seen that it is this one.
        side: clouds along each side.
        noise: standard deviation of each cloud.

    Raises:
        UsageError: the real points are not those of such a grid.
    """
    if modes(real, side=side, noise=noise).high_quality < SURE:
        raise UsageError(
            f"the real points are not those of gaussian-grid:side={side},noise={noise}; give "
            "mode-coverage the side= and noise= of the data"
        )
    found = modes(drawn, side=side, noise=noise)
    return found.high_quality * math.exp(-found.kl)
