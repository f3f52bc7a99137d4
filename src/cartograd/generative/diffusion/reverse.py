"""A step back along a path: what is known of the cleaner example behind a noisier one.

Given the example itself the cleaner one is normal, and so a model's step is taken to be, with its
guess in the place of the example. With r = alpha_t / alpha_s and b = sigma_t^2 - r^2 sigma_s^2, the
variance of the noise between the two levels:

    mean = (r sigma_s^2 x_t + alpha_s b x) / sigma_t^2,    variance = b sigma_s^2 / sigma_t^2

This variance is right for examples that are known exactly, and b itself for examples that are
noise; a network may learn where it lies in between, on a logarithmic scale.

Departures: the last step, which leaves no noise, has the variance b, the larger of DDPM's two
choices; nothing is learned there.

References:
    Jonathan Ho, Ajay Jain, Pieter Abbeel. Denoising diffusion probabilistic models. NeurIPS 2020.
    https://arxiv.org/abs/2006.11239
    Alex Nichol, Prafulla Dhariwal. Improved denoising diffusion probabilistic models. ICML 2021.
    https://arxiv.org/abs/2102.09672
"""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.generative import Level
from cartograd.generative.diffusion.paths import wide


@runtime_checkable
class Reverses(Protocol):
    """A denoiser that says how sure it is of a step."""

    def levels(self, steps: int, /) -> Level:
        """See `Denoises`."""
        ...

    def reverse(
        self, x: Float[Tensor, "b ..."], now: Level, then: Level, /
    ) -> tuple[Float[Tensor, "b ..."], Float[Tensor, "..."]]:
        """The guessed examples, and the logarithm of the variance of the step."""
        ...


def mean_back(
    x: Float[Tensor, "b ..."], guess: Float[Tensor, "b ..."], now: Level, then: Level, /
) -> Float[Tensor, "b ..."]:
    """The mean of the cleaner example, if `guess` is behind the noisier one."""
    between = noise_between(now, then)
    kept = now.alpha / then.alpha * then.sigma**2 / now.sigma**2
    return wide(kept, x) * x + wide(then.alpha * between / now.sigma**2, x) * guess


def noise_between(now: Level, then: Level, /) -> Float[Tensor, "*b"]:
    """The variance of the noise that comes in from the cleaner level to the noisier one."""
    return now.sigma**2 - (now.alpha / then.alpha * then.sigma) ** 2


def log_variances(now: Level, then: Level, /) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b"]]:
    """The logarithms of the least and of the largest variance of a step."""
    large = noise_between(now, then).log()
    small = large + 2 * (then.sigma / now.sigma).log()
    return torch.where(then.sigma > 0, small, large), large
