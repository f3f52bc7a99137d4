"""Mu-law: sounds in 256 steps that are fine near silence and coarse where it is loud.

    f(x) = sign(x) log(1 + mu |x|) / log(1 + mu),    mu = levels - 1

References:
    ITU-T Recommendation G.711. Pulse code modulation of voice frequencies. 1988.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


def coded(x: Float[Tensor, "*b"], levels: int, /) -> Int[Tensor, "*b"]:
    """The step that each sample of [-1, 1] falls into.

    >>> coded(torch.tensor([-1.0, 0.0, 1.0]), 256)
    tensor([  0, 128, 255])
    """
    mu = levels - 1
    bent = x.sign() * (mu * x.abs()).log1p() / math.log1p(mu)
    return ((bent + 1) / 2 * mu + 0.5).long().clamp(0, mu)


def sounded(step: Int[Tensor, "*b"], levels: int, /) -> Float[Tensor, "*b"]:
    """The sample in the middle of each step."""
    mu = levels - 1
    bent = 2 * step / mu - 1
    return bent.sign() * torch.expm1(bent.abs() * math.log1p(mu)) / mu
