"""Distributions over evenly spaced levels, whose parameters a network answers with.

A softmax has a logit for each level and knows nothing of their order. A mixture of logistic
distributions has three numbers for each component: each level gets what lies within half a step of
it, and the outermost ones all that is beyond them, so that the levels sum to one.

    p(v) = sum_k w_k (sigmoid((v + h - m_k) / s_k) - sigmoid((v - h - m_k) / s_k)),  v in [-1, 1]

Departures: the authors fall back to the density at the middle of a level where the difference is
too small for float32; ours is the product that it is equal to, which needs no such case.

References:
    Tim Salimans, Andrej Karpathy, Xi Chen, Diederik Kingma. PixelCNN++: improving the PixelCNN with
    discretized logistic mixture likelihood and other modifications. ICLR 2017.
    https://arxiv.org/abs/1701.05517

>>> import torch
>>> table = level_distribution(levels=256, components=3).table(torch.randn(5, 9).double())
>>> bool((table.exp().sum(1) - 1).abs().max() < 1e-12)
True
"""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.errors import UsageError

LEAST = -7.0
"""Logarithm of the least scale of a logistic distribution, as the authors have it."""


@runtime_checkable
class LevelDistribution(Protocol):
    """A distribution over levels.

    Attributes:
        levels: how many.
        size: how many parameters it has.
    """

    levels: int
    size: int

    def log_prob(
        self, parameters: Float[Tensor, "*b d"], level: Int[Tensor, "*b"], /
    ) -> Float[Tensor, "*b"]:
        """The logarithm of the probability of each level."""
        ...

    def table(self, parameters: Float[Tensor, "*b d"], /) -> Float[Tensor, "*b k"]:
        """The logarithms of the probabilities of all levels."""
        ...


def level_distribution(*, levels: int, components: int) -> LevelDistribution:
    """A mixture of so many logistic distributions, or a softmax if there are none.

    Raises:
        UsageError: there are fewer than two levels.
    """
    if levels < 2:
        raise UsageError(
            f"levels={levels}: the model knows numbers of evenly spaced levels from 0 to 1, as "
            "pictures have them; for real numbers take real-nvp"
        )
    return Logistics(levels, components) if components else Softmax(levels)


def nearest(x: Float[Tensor, "*b"], levels: int, /) -> Int[Tensor, "*b"]:
    """The number of the level next to each value."""
    return (x * (levels - 1)).round().long().clamp(0, levels - 1)


class Softmax:
    """A logit for each level."""

    def __init__(self, levels: int, /):
        self.levels = self.size = levels

    def log_prob(
        self, parameters: Float[Tensor, "*b d"], level: Int[Tensor, "*b"], /
    ) -> Float[Tensor, "*b"]:
        """As `LevelDistribution` has it."""
        return self.table(parameters).gather(-1, level[..., None])[..., 0]

    def table(self, parameters: Float[Tensor, "*b d"], /) -> Float[Tensor, "*b k"]:
        """As `LevelDistribution` has it."""
        return parameters.log_softmax(-1)


class Logistics:
    """Weights, means and log-scales of some logistic distributions."""

    def __init__(self, levels: int, components: int, /):
        self.levels, self.size = levels, 3 * components

    def log_prob(
        self, parameters: Float[Tensor, "*b d"], level: Int[Tensor, "*b"], /
    ) -> Float[Tensor, "*b"]:
        """As `LevelDistribution` has it."""
        weights = parameters.chunk(3, dim=-1)[0]
        return (weights.log_softmax(-1) + self.of_each(parameters, level)).logsumexp(-1)

    def of_each(
        self, parameters: Float[Tensor, "*b d"], level: Int[Tensor, "*b"], /
    ) -> Float[Tensor, "*b k"]:
        """The logarithm of the probability of each level by each of the distributions."""
        _, means, scales = parameters.chunk(3, dim=-1)
        inverse, level = (-scales.clamp(min=LEAST)).exp(), level[..., None]
        half = 1 / (self.levels - 1)
        value = level.to(means.dtype) * (2 * half) - 1
        above, below = (value + half - means) * inverse, (value - half - means) * inverse
        upper, lower = nn.functional.logsigmoid(above), nn.functional.logsigmoid(-below)
        inner = upper + lower + (-torch.expm1(-2 * half * inverse)).log()
        return torch.where(level == 0, upper, torch.where(level == self.levels - 1, lower, inner))

    def table(self, parameters: Float[Tensor, "*b d"], /) -> Float[Tensor, "*b k"]:
        """As `LevelDistribution` has it."""
        shape = *parameters.shape[:-1], self.levels
        level = torch.arange(self.levels, device=parameters.device).expand(shape)
        return self.log_prob(parameters[..., None, :].expand(*shape, -1), level)


def picked(
    table: Float[Tensor, "b k"], u: Float[Tensor, " b"], /, *, temperature: float = 1.0
) -> Int[Tensor, " b"]:
    """A level for each row of log-probabilities, by a number between 0 and 1.

    The probabilities are those of `p^(1/T)`; at zero it is the likeliest.

    >>> picked(torch.tensor([[0.2, 0.5, 0.3]]).log(), torch.tensor([0.6]))
    tensor([1])
    """
    if temperature == 0:
        return table.argmax(1)
    chances = (table.double() / temperature).softmax(1).cumsum(1)
    return (chances < u.double()[:, None] * chances[:, -1:]).sum(1)
