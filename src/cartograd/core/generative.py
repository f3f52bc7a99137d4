"""The protocols of generative models: what draws examples, what denoises them, and what samples."""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError


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
        start: of all levels of a path: how large the noise is that sampling begins with, where it
            is not the first level's sigma.
    """

    alpha: Float[Tensor, "*b"]
    sigma: Float[Tensor, "*b"]
    time: Float[Tensor, "*b"]
    start: float | None = None


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


@dataclass(frozen=True)
class Likelihood:
    """How likely examples are, and in which sense.

    Attributes:
        nats: log-density (of levels: log-probability) of each example.
        kind: `exact`; a bound below it: `elbo`, `iwae`, `vlb` or `bound` (of noise that fills the
            gaps between levels); or `ode`, by following a flow in steps.
        dims: numbers of an example.
        error: standard error of each, where it was estimated by random numbers.
    """

    nats: Float[Tensor, " b"]
    kind: str
    dims: int
    error: Float[Tensor, " b"] | None = None

    @property
    def bits_per_dim(self) -> Float[Tensor, " b"]:
        """Bits of each number of an example."""
        return -self.nats / (self.dims * math.log(2))


@runtime_checkable
class Codes(Protocol):
    """A model that has a code for an example, and an example for a code; standardised both."""

    def encode(self, x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
        """The code of each example."""
        ...

    def decode(self, z: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
        """The example of each code."""
        ...


@runtime_checkable
class DrawsCodes(Protocol):
    """A model that denoises small codes of examples; standardised both."""

    def begun(self, noise: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
        """Noise as codes are shaped, of that which an example is made of."""
        ...

    def coded(self, x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
        """The code of each example."""
        ...

    def decoded(self, z: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
        """The example of each code."""
        ...


@runtime_checkable
class Rebuilds(Protocol):
    """A model that makes examples again of codes that cannot hold all of them; standardised both.

    One that knows classes takes them as a second argument.
    """

    def reconstruct(self, x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
        """Each example again, of the examples' shape."""
        ...


@runtime_checkable
class Fills(Protocol):
    """A model that makes up what is missing of an example."""

    def inpaint(
        self,
        x: Float[Tensor, "b ..."],
        known: Float[Tensor, "b ..."],
        generator: torch.Generator,
        /,
    ) -> Float[Tensor, "b ..."]:
        """Whole examples; 1 in `known` marks numbers that stay as they are."""
        ...


@runtime_checkable
class Truncates(Protocol):
    """A generator whose examples can be drawn to the usual one, more alike and less strange.

    One that knows classes takes them as a third argument.
    """

    def truncated(self, noise: Float[Tensor, "b d"], psi: float, /) -> Float[Tensor, "b ..."]:
        """One example for each row, standardised; 1 is the model's own, 0 the same for all."""
        ...


class NotSupported(UsageError):  # noqa: N818
    """A model cannot do this; the message says why."""


@runtime_checkable
class Lacks(Protocol):
    """A model that says why it cannot do something, by the name of what that is."""

    lacks: dict[str, str]
