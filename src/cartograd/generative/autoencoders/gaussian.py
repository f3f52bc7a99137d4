"""Normal distributions of codes: draws that gradients pass through, densities, divergences.

    z = m + s e,  e ~ N(0, I)
    KL(N(m, s^2) || N(0, I)) = (m^2 + s^2 - 1 - log s^2) / 2

References:
    Diederik Kingma, Max Welling. Auto-encoding variational Bayes. ICLR 2014.
    https://arxiv.org/abs/1312.6114
"""

import math

from jaxtyping import Float
from torch import Tensor


def drawn(
    mean: Float[Tensor, "#b d"], log_var: Float[Tensor, "#b d"], noise: Float[Tensor, "#b d"], /
) -> Float[Tensor, "n d"]:
    """A code of each distribution, by standard normal noise."""
    return mean + (log_var / 2).exp() * noise


def divergence(
    mean: Float[Tensor, "b d"], log_var: Float[Tensor, "b d"], /
) -> Float[Tensor, "b d"]:
    """Kullback and Leibler's, from the standard normal distribution, of each number, in nats.

    >>> import torch
    >>> divergence(torch.tensor([[0.0, 2.0]]), torch.zeros(1, 2))
    tensor([[0., 2.]])
    """
    return (mean.square() + log_var.exp() - 1 - log_var) / 2


def log_density(
    z: Float[Tensor, "b d"], mean: Float[Tensor, "#b d"], log_var: Float[Tensor, "#b d"], /
) -> Float[Tensor, " b"]:
    """The logarithm of the density of each code, in nats."""
    square = (z - mean).square() * (-log_var).exp()
    return -(square + log_var + math.log(2 * math.pi)).sum(1) / 2
