"""How likely an example is, given what a decoder says: a normalised distribution for each kind.

Two levels have a Bernoulli distribution, more levels a discretised logistic one with a scale of
each number's own, real numbers a normal one. All are normalised: a cross-entropy of greys is no
log-likelihood, and would compare with nothing.

References:
    Diederik Kingma and others. Improving variational inference with inverse autoregressive flow.
    NeurIPS 2016, appendix. https://arxiv.org/abs/1606.04934
"""

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.generative.level_distributions import LEAST, Logistics, nearest


@runtime_checkable
class Observation(Protocol):
    """The distribution of examples around what a decoder says."""

    def log_prob(self, x: Float[Tensor, "b d"], said: Float[Tensor, "b d"], /) -> Tensor:
        """The logarithm of the probability (of real numbers: density) of each example, ` b`."""
        ...

    def mean(self, said: Float[Tensor, "b d"], /) -> Float[Tensor, "b d"]:
        """The mean of the distribution, in the units of the examples."""
        ...


def observation(features: int, /, *, levels: int) -> Observation:
    """The distribution for numbers of so many levels; 0 for real ones."""
    if levels == 2:
        return Bernoulli()
    return Grey(features, levels) if levels else Normal(features)


class Bernoulli(nn.Module):
    """The decoder says logits of ones."""

    def log_prob(
        self, x: Float[Tensor, "b d"], said: Float[Tensor, "b d"], /
    ) -> Float[Tensor, " b"]:
        """As `Observation` has it."""
        return nn.functional.logsigmoid(torch.where(x > 0.5, said, -said)).sum(1)

    def mean(self, said: Float[Tensor, "b d"], /) -> Float[Tensor, "b d"]:
        """As `Observation` has it."""
        return said.sigmoid()


class Grey(nn.Module):
    """The decoder says the middle of a discretised logistic distribution, on a scale of -1 to 1.

    The middle may lie beyond the ends, so that black can be as good as certain; the mean cannot.
    """

    def __init__(self, features: int, levels: int, /):
        super().__init__()
        self.distribution = Logistics(levels, 1)
        self.log_scale = nn.Parameter(torch.full((features,), -1.5))

    def log_prob(
        self, x: Float[Tensor, "b d"], said: Float[Tensor, "b d"], /
    ) -> Float[Tensor, " b"]:
        """As `Observation` has it."""
        given = torch.stack([torch.zeros_like(said), said, self.log_scale.expand_as(said)], -1)
        level = nearest(x, self.distribution.levels)
        return self.distribution.log_prob(given, level).sum(1)

    def mean(self, said: Float[Tensor, "b d"], /) -> Float[Tensor, "b d"]:
        """As `Observation` has it; what is beyond an end counts as the end.

        The integral of the chance to be above, from end to end.
        """
        scale = self.log_scale.clamp(min=LEAST).exp()
        above, below = (nn.functional.softplus((said - end) / scale) for end in (-1, 1))
        return (scale * (above - below) / 2).clamp(0, 1)


class Normal(nn.Module):
    """The decoder says the mean."""

    def __init__(self, features: int, /):
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(features))

    def log_prob(
        self, x: Float[Tensor, "b d"], said: Float[Tensor, "b d"], /
    ) -> Float[Tensor, " b"]:
        """As `Observation` has it."""
        z = (x - said) * (-self.log_scale).exp()
        return -(z.square() / 2 + self.log_scale + math.log(2 * math.pi) / 2).sum(1)

    def mean(self, said: Float[Tensor, "b d"], /) -> Float[Tensor, "b d"]:
        """As `Observation` has it."""
        return said
