"""Gaussian grid: narrow clouds on a square grid, by which dropped modes are counted.

A generator that makes only some of the clouds, or points between them, is found out at once: the
centres are known. 25 clouds is the usual number.

Density: log p(x) = log 1/k sum_i N(x; c_i, noise^2 I), k = side^2 centres 2 apart around 0.
Shapes: inputs `n d` with d = 2, targets `n` in 0..k-1.

Departures: the points are in the grid's own unit; the papers divide them by 2.828, and here the
signature standardises them.

References:
    Akash Srivastava and others. VEEGAN: reducing mode collapse in GANs using implicit variational
    learning. NeurIPS 2017. https://arxiv.org/abs/1705.07761

>>> gaussian_grid(examples=100, side=2).train.targets.bincount().tolist()
[25, 25, 25, 25]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.mixture import around, drawn, log_mixture, turns

CARD = Card(
    name="gaussian-grid",
    aliases=("25-gaussians",),
    kind="data",
    entry="gaussian_grid",
    title="Gaussian clouds on a grid",
    zh="网格上的高斯点云",
    paper="VEEGAN: reducing mode collapse in GANs using implicit variational learning",
    year=2017,
    url="https://arxiv.org/abs/1705.07761",
    proofs=("law: the density integrates to 1, and the points fall as it says",),
    tiny={"examples": 32, "side": 2},
)

SPACING = 2.0
"""Between neighbouring centres."""


def gaussian_grid(
    *, examples: int = 10_000, side: int = 5, noise: float = 0.05, seed: int = 0
) -> Dataset:
    """Points around the centres of a square grid.

    Args:
        examples: training points; validation and test have half as many each.
        side: clouds along each side.
        noise: standard deviation of each cloud; centres are 2 apart.
        seed: of the random numbers.
    """

    def draw(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        cloud = turns(count, side**2)
        return around(centres(side)[cloud], noise, generator), cloud

    return drawn("gaussian-grid", draw, examples=examples, classes=side**2, seed=seed)


def log_density(
    x: Float[Tensor, "n d"], /, *, side: int = 5, noise: float = 0.05
) -> Float[Tensor, " n"]:
    """Log density of the points, whatever their class.

    Raises:
        UsageError: `noise` is not positive.
    """
    shares = torch.full((side**2,), 1 / side**2, dtype=torch.float64)
    return log_mixture(x, centres(side), shares, noise=noise)


def centres(side: int, /) -> Float[Tensor, "k d"]:
    """The middle of each cloud.

    >>> centres(2).tolist()
    [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    places = SPACING * (torch.arange(side) - (side - 1) / 2)
    return torch.cartesian_prod(places, places).reshape(side**2, 2)
