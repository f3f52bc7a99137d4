"""Random numbers of an example, as a hash of its noise: a batch always gives the same ones.

>>> x = torch.randn(500, 4)
>>> drawn = normal(x, 6, purpose=1)
>>> drawn.shape, bool(drawn.std().sub(1).abs() < 0.1), torch.equal(drawn, normal(x, 6, purpose=1))
(torch.Size([500, 6]), True, True)
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.hashing import fractions, scrambled

SEEN = 4
"""Numbers of an example's noise that the hash is made of."""


def even(x: Float[Tensor, "b ..."], count: int, /, *, purpose: int) -> Float[Tensor, "b n"]:
    """So many numbers in [0, 1) for each example, in float64.

    Args:
        x: noise.
        count: how many.
        purpose: other numbers for another one.
    """
    seen = x.detach().flatten(1)[:, :SEEN].double().contiguous().view(torch.int64)
    key = torch.full((len(x),), purpose, dtype=torch.int64, device=x.device)
    for column in seen.unbind(1):
        key = scrambled(key ^ scrambled(column))
    places = scrambled(torch.arange(count, device=x.device))
    return fractions(scrambled(key[:, None] ^ places))


def normal(x: Float[Tensor, "b ..."], count: int, /, *, purpose: int) -> Float[Tensor, "b n"]:
    """So many standard normal numbers for each example, by Box and Muller; see `even`."""
    half = (count + 1) // 2
    radius, angle = even(x, 2 * half, purpose=purpose).chunk(2, dim=1)
    radius, angle = (-2 * (1 - radius).log()).sqrt(), 2 * math.pi * angle
    both = torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)
    return both[:, :count].to(x)
