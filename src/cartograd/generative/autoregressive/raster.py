"""Pictures number by number: how likely they are, how they are drawn, and how they are completed.

    log p(x) = sum_i log p(x_i | x_1, ..., x_(i-1))

A network answers with the parameters of every number's distribution at once, each given the numbers
before it in raster order. Drawing goes number by number, and asks for those of one pixel alone.

References:
    Aäron van den Oord, Nal Kalchbrenner, Koray Kavukcuoglu. Pixel recurrent neural networks. ICML
    2016. https://arxiv.org/abs/1601.06759
    Prajit Ramachandran and others. Fast generation for convolutional autoregressive models. ICLR
    workshop 2017. https://arxiv.org/abs/1704.06001
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.generative import NotSupported
from cartograd.generative.level_distributions import LevelDistribution, nearest, picked

Network = Callable[[Float[Tensor, "b c y x"]], Float[Tensor, "b c y x d"]]
"""From pictures to the parameters of each number's distribution."""

Pixel = Callable[[int, int], Float[Tensor, "b c d"]]
"""From a row and a column, in raster order, to the parameters of that pixel's numbers."""

Pixels = Callable[[Float[Tensor, "b c y x"]], Pixel]
"""From pictures that fill up in place; what is known of them is read at each call."""


def rows_so_far(network: Network, /) -> Pixels:
    """Pixels of a network that keeps nothing: all rows down to theirs pass through it again."""
    return lambda x: lambda row, column: network(x[:, :, : row + 1])[:, :, -1, column]


def log_prob(
    network: Network, distribution: LevelDistribution, x: Float[Tensor, "b c y x"], /
) -> Float[Tensor, " b"]:
    """The logarithm of the probability of each picture, in nats."""
    level = nearest(x, distribution.levels)
    return distribution.log_prob(network(x), level).flatten(1).sum(1)


def completed(
    pixels: Pixels,
    distribution: LevelDistribution,
    x: Float[Tensor, "b c y x"],
    known: Float[Tensor, "b c y x"],
    generator: torch.Generator,
    /,
    *,
    temperature: float = 1.0,
) -> Float[Tensor, "b c y x"]:
    """Pictures whose unknown numbers are drawn one by one.

    Args:
        pixels: answers with parameters, pixel by pixel.
        distribution: that they are of.
        x: pictures; what is unknown of them does not matter.
        known: 1 for numbers that stay.
        generator: of the random numbers.
        temperature: below 1 keeps to likelier levels.

    Raises:
        NotSupported: something known comes after something unknown.
    """
    kept, x = prefix(known), x * (known > 0)
    _, channels, high, wide = x.shape
    u = torch.rand(
        (len(x), high, wide, channels), generator=generator, device=generator.device,
        dtype=torch.float64,
    ).to(x.device)  # fmt: skip
    pixel = pixels(x)
    for place in range(high * wide * channels):
        row, column, channel = place // channels // wide, place // channels % wide, place % channels
        table = distribution.table(pixel(row, column)[:, channel])
        level = picked(table, u[:, row, column, channel], temperature=temperature)
        new = level.to(x.dtype) / (distribution.levels - 1)
        x[:, channel, row, column] = torch.where(kept > place, x[:, channel, row, column], new)
    return x


def prefix(known: Float[Tensor, "b c y x"], /) -> Int[Tensor, " b"]:
    """How many numbers of each picture are known, from its first one.

    Raises:
        NotSupported: they are not the first ones.
    """
    order = (known > 0).permute(0, 2, 3, 1).flatten(1).long()
    if bool((order.diff(dim=1) > 0).any()):
        raise NotSupported(
            "an autoregressive model completes what comes first in raster order (rows from above, "
            "each from the left); the mask has something known after something unknown"
        )
    return order.sum(1)
