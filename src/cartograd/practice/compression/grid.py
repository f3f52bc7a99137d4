"""Grids of whole numbers, onto which weights and activations are rounded.

A grid of `b` bits has at most `2^b` numbers, a scale between neighbours, and a whole number that
stands for zero. Scale and zero broadcast over what is rounded, so that a grid may be that of a
whole tensor, of each channel, or of each group within a row.

    q = clip(round(x / s + z), low, high),   x ~ s (q - z)

    symmetric    low = -(2^(b-1) - 1), high = -low, z = 0, s = max |x| / high
    asymmetric   low = 0, high = 2^b - 1, s = (max x - min x) / high, z = round(-min x / s)

References:
    Benoit Jacob et al. Quantization and training of neural networks for efficient
    integer-arithmetic-only inference. CVPR 2018. https://arxiv.org/abs/1712.05877
    Yoshua Bengio, Nicholas Léonard, Aaron Courville. Estimating or propagating gradients through
    stochastic neurons for conditional computation. 2013. https://arxiv.org/abs/1308.3432
    (the gradient of rounding is taken to be one)

>>> weight = torch.tensor([[0.7, -1.4], [3.5, 0.4]])
>>> grid = grid_of(*extents(weight, each=(0,)), bits=4)
>>> grid.quantised(weight).tolist()
[[4, -7], [7, 1]]
>>> grid.dequantised(grid.quantised(weight)).tolist()
[[0.800000011920929, -1.399999976158142], [3.5, 0.5]]
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Integer, Shaped
from torch import Tensor

LEAST = torch.finfo(torch.float32).eps
"""The smallest scale, where all numbers are zero."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Whole numbers from `low` to `high`, and what they stand for.

    Attributes:
        scale: between neighbours; broadcasts over what is rounded.
        zero: what stands for zero, of the same shape; a whole number where zero has to be exact.
        low: the least number.
        high: the largest one.
    """

    scale: Float[Tensor, "..."]
    zero: Tensor
    low: int
    high: int

    def quantised(self, x: Float[Tensor, "..."], /) -> Integer[Tensor, "..."]:
        """Whole numbers, in eight bits: signed where the grid has negative ones."""
        numbers = (x / self.scale + self.zero).round().clamp(self.low, self.high)
        return numbers.to(torch.int8 if self.low < 0 else torch.uint8)

    def dequantised(self, numbers: Integer[Tensor, "..."], /) -> Float[Tensor, "..."]:
        """What whole numbers stand for."""
        return (numbers.to(self.scale.dtype) - self.zero) * self.scale

    def nearest(self, x: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
        """Each number rounded to the grid, in floats.

        The gradient passes as if nothing were rounded, except where a number is cut off: there it
        is zero (the straight-through estimator).
        """
        numbers = straight(x / self.scale + self.zero).clamp(self.low, self.high)
        return (numbers - self.zero) * self.scale


def straight(x: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """Rounded, with the gradient of what is not."""
    return x + (x.round() - x).detach()


def levels(bits: int, /, *, symmetric: bool = True) -> tuple[int, int]:
    """The least and the largest whole number of a grid.

    >>> levels(8), levels(4, symmetric=False)
    ((-127, 127), (0, 15))
    """
    return (1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1) if symmetric else (0, 2**bits - 1)


def grid_of(
    low: Float[Tensor, "..."], high: Float[Tensor, "..."], /, *, bits: int, symmetric: bool = True
) -> Grid:
    """The grid that reaches from the least to the largest number, zero among its numbers.

    Args:
        low: the least number of each tensor, channel or group.
        high: the largest.
        bits: of a number, 2 to 8.
        symmetric: whether it is even about zero.
    """
    least, most = levels(bits, symmetric=symmetric)
    low, high = low.clamp(max=0), high.clamp(min=0)
    if symmetric:
        scale = torch.maximum(-low, high).div(most).clamp(min=LEAST)
        return Grid(scale, torch.zeros_like(scale), least, most)
    scale = (high - low).div(most).clamp(min=LEAST)
    return Grid(scale, (-low / scale).round().clamp(least, most), least, most)


def extents(
    x: Float[Tensor, "..."], /, *, each: Sequence[int] = ()
) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
    """The least and the largest number, with dimensions kept, so that both broadcast.

    Args:
        x: a weight or an activation.
        each: dimensions along which each has its own: `(0,)` for channels, `(0, 1)` for groups
            of `in_groups`; none for the whole tensor.
    """
    kept = {dim % x.ndim for dim in each}
    rest = tuple(dim for dim in range(x.ndim) if dim not in kept)
    return (x.amin(rest, keepdim=True), x.amax(rest, keepdim=True)) if rest else (x, x)


def in_groups(weight: Shaped[Tensor, "d2 d"], size: int, /) -> Shaped[Tensor, "d2 n1 n2"]:
    """Rows cut into groups of neighbours; the size has to divide the rows' length."""
    return weight.unflatten(1, (-1, size))
