"""What samplers share: one level of many, and the noise that a denoised example leaves."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.generative import Level


def pairs(levels: Level, /) -> Iterator[tuple[Level, Level]]:
    """Each level and the next, from pure noise on."""
    ones = [
        Level(levels.alpha[i], levels.sigma[i], levels.time[i]) for i in range(len(levels.alpha))
    ]
    return pairwise(ones)


def noise_in(
    x: Float[Tensor, "b ..."], denoised: Float[Tensor, "b ..."], level: Level, /
) -> Float[Tensor, "b ..."]:
    """The noise of `x`, if `denoised` is the example behind it."""
    return (x - level.alpha.to(x) * denoised) / level.sigma.to(x)


def begin(noise: Float[Tensor, "b ..."], levels: Level, /) -> Float[Tensor, "b ..."]:
    """Noise of the first level's size, or of the size that the path begins with."""
    return noise * (levels.sigma[0].to(noise) if levels.start is None else levels.start)


def fresh(like: Float[Tensor, "b ..."], generator: torch.Generator, /) -> Float[Tensor, "b ..."]:
    """New noise, the same on every device."""
    drawn = torch.randn(
        like.shape, generator=generator, device=generator.device, dtype=torch.float32
    )
    return drawn.to(like)
