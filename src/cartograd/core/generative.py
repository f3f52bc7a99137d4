"""The protocols of generative models: what draws examples, what denoises them, and what samples."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Draws(Protocol):
    """A model of densities that draws examples itself; what `sample` calls.

    One that knows classes takes them as `y`, ` b`.
    """

    def sample(
        self, count: int, generator: torch.Generator, /, *, temperature: float = 1.0
    ) -> Float[Tensor, "b ..."]:
        """So many examples, standardised as the model's are."""
        ...


@dataclass(frozen=True)
class Level:
    """How much of an example is left, and how much noise is in it: `alpha x + sigma noise`.

    Attributes:
        alpha, sigma: one pair, or one for each example, in float64.
        time: what the network is told of it.
    """

    alpha: Float[Tensor, "*b"]
    sigma: Float[Tensor, "*b"]
    time: Float[Tensor, "*b"]


@runtime_checkable
class Denoises(Protocol):
    """A model that guesses the example behind a noisy one; what samplers call."""

    def levels(self, steps: int, /) -> Level:
        """`steps` + 1 levels from pure noise down to none.

        Raises:
            UsageError: there are not so many.
        """
        ...

    def denoise(self, x: Float[Tensor, "b ..."], level: Level, /) -> Float[Tensor, "b ..."]:
        """The mean of what may be behind `x`."""
        ...


@runtime_checkable
class Sampler(Protocol):
    """New examples from a generative model: pictures, sounds, rows.

    Kind `sampler`; texts are written token by token with methods of kind `token-sampler`. The
    random numbers come from the generator only, so that a seed gives the same examples.
    """

    def __call__(
        self, model: Denoises, noise: Float[Tensor, "b ..."], generator: torch.Generator, /
    ) -> Float[Tensor, "b ..."]:
        """One example for each row of standard normal numbers, standardised as the model's are."""
        ...
