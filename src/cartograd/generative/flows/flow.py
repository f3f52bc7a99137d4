"""What flows share: a chain of invertible layers, from examples to standard normal numbers.

By the change of variables, the density of an example is that of its code, times how much the
chain spreads space there.

    log p(x) = log N(f(x); 0, I) + log |det df/dx|

A layer maps `b d` (or `b c y x`) to its image and the logarithm of the determinant ` b`; its
`inverse` goes back. The chain may change the shape of what passes, never the count of numbers.

References:
    Laurent Dinh, David Krueger, Yoshua Bengio. NICE: non-linear independent components estimation.
    ICLR workshop 2015. https://arxiv.org/abs/1410.8516
"""

import math
from collections.abc import Iterable
from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.generative.flows.class_prior import ClassPrior
from cartograd.generative.flows.levels import Levels, Noise


class Invertible(Protocol):
    """A layer of a flow; what the functions here take, in an `nn.ModuleList` or any iterable."""

    def __call__(self, x: Float[Tensor, "b ..."], /) -> tuple[Tensor, Float[Tensor, " b"]]:
        """Its image, and the logarithm of the absolute determinant of the Jacobian."""
        ...

    def inverse(self, z: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
        """What is mapped to `z`."""
        ...


def through(
    layers: Iterable[Any], x: Float[Tensor, "b ..."], /
) -> tuple[Tensor, Float[Tensor, " b"]]:
    """The code of each example, and the logarithm of the determinant of the whole chain."""
    total = x.flatten(1)[:, 0] * 0
    for layer in layers:
        x, one = layer(x)
        total = total + one
    return x, total


def back(layers: Iterable[Any], z: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
    """The examples of these codes."""
    for layer in list(layers)[::-1]:
        z = layer.inverse(z)
    return z


def log_density(layers: Iterable[Any], x: Float[Tensor, "b ..."], /) -> Float[Tensor, " b"]:
    """The logarithm of the density of each example, in nats.

    >>> log_density([], torch.zeros(1, 2)).item()
    -1.8378770351409912
    """
    z, total = through(layers, x)
    return log_normal(z) + total


def log_normal(z: Float[Tensor, "b ..."], /) -> Float[Tensor, " b"]:
    """The logarithm of the standard normal density of each row, in nats."""
    return -0.5 * (z.square() + math.log(2 * math.pi)).flatten(1).sum(1)


class Flow(nn.Module):
    """A density model of a chain of layers.

    Noise between levels makes the answers bounds. `draws` may be set to more of them, for a tighter
    one by importance weights: `log P(x) >= log (1/k) sum_i p(x + u_i) / q(u_i | x)`.

    Args:
        layers: from examples to codes, which have the shape `b d` at the end.
        shape: of an example.
        levels: how many evenly spaced values from 0 to 1 a number takes; 0 if it is any.
        classes: how many there are, if the model is told of them.
        noise: what fills the gaps between levels; even noise if left out.
    """

    def __init__(
        self,
        layers: Iterable[nn.Module],
        /,
        *,
        shape: tuple[int, ...],
        levels: int = 0,
        classes: int | None = None,
        noise: Noise | None = None,
    ):
        super().__init__()
        self.shape, self.dims, self.levels, self.draws = shape, math.prod(shape), levels, 1
        first = [Levels(shape, levels=levels, noise=noise)] if levels else []
        self.layers = nn.ModuleList([*first, *layers])
        self.prior = None if classes is None else ClassPrior(classes, self.dims)

    @property
    def likelihood(self) -> str:
        """What the answers are: exact, or which bound."""
        return "exact" if not self.levels else "bound" if self.draws == 1 else "iwae"

    def forward(
        self, x: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, " b"]:
        """The logarithm of the density of each example (among those of its class), in nats."""
        if self.likelihood == "iwae":
            each = [self._nats(x, y, number) for number in range(self.draws)]
            return torch.stack(each).logsumexp(0) - math.log(self.draws)
        return self._nats(x, y)

    def encode(
        self, x: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b d"]:
        """The code of each example: standard normal if the flow is right."""
        return self._through(x, y)[0]

    def decode(
        self, z: Float[Tensor, "b d"], y: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b ..."]:
        """The example of each code."""
        return back(self.layers, z if self.prior is None else self.prior.inverse(z, y))

    def sample(
        self,
        count: int,
        generator: torch.Generator,
        /,
        *,
        temperature: float = 1.0,
        y: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b ..."]:
        """Examples of the flow's distribution; below 1 the temperature keeps to likely ones."""
        like = next(self.parameters())
        shape = count, self.dims
        noise = torch.randn(shape, generator=generator, device=generator.device, dtype=like.dtype)
        return self.decode(temperature * noise.to(like.device), y)

    def _nats(self, x: Tensor, y: Tensor | None, number: int = 0) -> Float[Tensor, " b"]:
        z, total = self._through(x, y, number)
        return log_normal(z) + total

    def _through(self, x: Tensor, y: Tensor | None, number: int = 0) -> tuple[Tensor, Tensor]:
        x, gain, layers = x.reshape(x.shape[0], *self.shape), 0.0, self.layers
        if number:  # the first layer is the one that adds noise
            (x, gain), layers = layers[0](x, number), layers[1:]
        z, total = through(layers, x)
        total = total + gain
        if self.prior is not None:
            z, one = self.prior(z, y)
            total = total + one
        return z, total
