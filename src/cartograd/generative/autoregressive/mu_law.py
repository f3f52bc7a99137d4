"""Mu-law: sounds in 256 steps that are fine near silence and coarse where it is loud.

    f(x) = sign(x) log(1 + mu |x|) / log(1 + mu),    mu = levels - 1

References:
    ITU-T Recommendation G.711. Pulse code modulation of voice frequencies. 1988.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


def bent(x: Float[Tensor, "*b"], levels: int, /) -> Float[Tensor, "*b"]:
    """Samples of [-1, 1] on the scale on which the steps are equally wide, from -1 to 1.

    >>> bent(torch.tensor([-1.0, 0.0, 0.1, 1.0]), 256)
    tensor([-1.0000,  0.0000,  0.5910,  1.0000])
    """
    mu = levels - 1
    return x.sign() * (mu * x.abs()).log1p() / math.log1p(mu)


def coded(x: Float[Tensor, "*b"], levels: int, /) -> Int[Tensor, "*b"]:
    """The step that each sample of [-1, 1] falls into.

    >>> coded(torch.tensor([-1.0, 0.0, 1.0]), 256)
    tensor([  0, 128, 255])
    """
    mu = levels - 1
    return ((bent(x, levels) + 1) / 2 * mu + 0.5).long().clamp(0, mu)


def sounded(step: Int[Tensor, "*b"], levels: int, /) -> Float[Tensor, "*b"]:
    """The sample in the middle of each step."""
    mu = levels - 1
    place = 2 * step / mu - 1
    return place.sign() * torch.expm1(place.abs() * math.log1p(mu)) / mu
