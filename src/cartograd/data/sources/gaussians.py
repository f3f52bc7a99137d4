"""Gaussians: one round cloud of points for each class, their centres on a circle.

The best possible classifier is known: it takes the nearest centre. With two classes, whose
centres are 2 r apart, it errs with probability Phi(-r / noise).

Density: log p(x) = log 1/k sum_i N(x; c_i, noise^2 I), c_i on the circle of radius r = 2.
Shapes: inputs `n d` with d = 2, targets `n` in 0..k-1.

References:
    R. A. Fisher: The Use of Multiple Measurements in Taxonomic Problems, Annals of Eugenics 7,
    1936. https://doi.org/10.1111/j.1469-1809.1936.tb02137.x

>>> gaussians(examples=90, classes=3).train.targets.bincount().tolist()
[30, 30, 30]
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.mixture import around, drawn, log_mixture, turns

CARD = Card(
    name="gaussians",
    kind="data",
    entry="gaussians",
    title="Gaussian clouds on a circle",
    zh="圆周上的高斯点云",
    paper="Fisher, The Use of Multiple Measurements in Taxonomic Problems",
    year=1936,
    url="https://doi.org/10.1111/j.1469-1809.1936.tb02137.x",
    proofs=("law: the density integrates to 1, and the points fall as it says",),
    tiny={"examples": 32},
)

RADIUS = 2.0
"""Of the circle of centres."""


def gaussians(
    *, examples: int = 1000, classes: int = 8, noise: float = 0.2, seed: int = 0
) -> Dataset:
    """Points around centres that are spaced evenly on a circle.

    Args:
        examples: training points; validation and test have half as many each.
        classes: how many clouds; at least two.
        noise: standard deviation of each cloud; the circle's radius is 2.
        seed: of the random numbers.

    Raises:
        UsageError: there are fewer than two classes.
    """
    if classes < 2:
        raise UsageError(f"classes={classes} is out of range; expected at least 2")

    def draw(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        cloud = turns(count, classes)
        return around(_centres(classes)[cloud], noise, generator), cloud

    return drawn("gaussians", draw, examples=examples, classes=classes, seed=seed)


def log_density(
    x: Float[Tensor, "n d"], /, *, classes: int = 8, noise: float = 0.2
) -> Float[Tensor, " n"]:
    """Log density of the points, whatever their class.

    Raises:
        UsageError: `noise` is not positive.
    """
    shares = torch.full((classes,), 1 / classes, dtype=torch.float64)
    return log_mixture(x, _centres(classes), shares, noise=noise)


def _centres(classes: int) -> Tensor:
    angle = 2 * math.pi * torch.arange(classes) / classes
    return RADIUS * torch.stack([angle.cos(), angle.sin()], dim=1)
