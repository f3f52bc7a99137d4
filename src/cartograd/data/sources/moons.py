"""Two moons: interleaved half circles with Gaussian noise.

Class 0 lies on the upper half of the unit circle, class 1 on the lower half of the unit circle
around (1, 1/2); angles are uniform. No line separates them, a small network does.

Density: log p(x) = log 1/2 sum_k int_0^1 N(x; m_k(t), noise^2 I) dt with
m_0(t) = (cos pi t, sin pi t) and m_1(t) = (1 - cos pi t, 1/2 - sin pi t); the integral is taken by
Gauss-Legendre quadrature on pieces as long as the noise.
Shapes: inputs `n d` with d = 2, targets `n` in {0, 1}.

Departures: angles are drawn at random where scikit-learn's `make_moons` spaces them evenly, so
that the density is exact.

References:
    F. Pedregosa et al.: Scikit-learn: Machine Learning in Python, JMLR 12, 2011.
    https://jmlr.org/papers/v12/pedregosa11a.html

>>> moons(examples=100).train.inputs.shape
torch.Size([100, 2])
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.mixture import around, drawn, log_mixture, quadrature, turns

CARD = Card(
    name="moons",
    kind="data",
    entry="moons",
    title="Two moons",
    zh="双月牙",
    paper="Pedregosa et al., Scikit-learn: Machine Learning in Python",
    year=2011,
    url="https://jmlr.org/papers/v12/pedregosa11a.html",
    proofs=("law: the density integrates to 1, and the points fall as it says",),
    tiny={"examples": 32},
)


def moons(*, examples: int = 1000, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Points around two interleaved half circles.

    Args:
        examples: training points; validation and test have half as many each.
        noise: standard deviation around the half circles, whose radius is 1.
        seed: of the random numbers.
    """

    def draw(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        moon = turns(count, 2)
        position = torch.rand(count, generator=generator)
        return around(_curve(position, moon), noise, generator), moon

    return drawn("moons", draw, examples=examples, classes=2, seed=seed)


def log_density(x: Float[Tensor, "n d"], /, *, noise: float = 0.1) -> Float[Tensor, " n"]:
    """Log density of the points, whatever their class.

    Raises:
        UsageError: `noise` is not positive.
    """
    nodes, weights = quadrature(math.pi, noise)
    both = [_curve(nodes, torch.full(nodes.shape, moon)) for moon in range(2)]
    return log_mixture(x, torch.cat(both), torch.cat([weights, weights]) / 2, noise=noise)


def _curve(place: Tensor, moon: Tensor) -> Tensor:
    """The point at `place` in [0, 1] of each moon."""
    angle = math.pi * place
    upper = torch.stack([angle.cos(), angle.sin()], dim=1)
    lower = torch.stack([1 - angle.cos(), 0.5 - angle.sin()], dim=1)
    return torch.where(moon[:, None] == 0, upper, lower)
