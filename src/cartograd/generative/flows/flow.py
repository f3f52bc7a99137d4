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
from jaxtyping import Float
from torch import Tensor


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


def drawn(
    layers: Iterable[Any],
    shape: tuple[int, ...],
    generator: torch.Generator,
    /,
    *,
    temperature: float = 1.0,
    like: Tensor,
) -> Float[Tensor, "b ..."]:
    """Examples of random codes; below 1 the temperature keeps these nearer to the middle."""
    noise = torch.randn(shape, generator=generator, device=generator.device, dtype=like.dtype)
    return back(layers, temperature * noise.to(like.device))
