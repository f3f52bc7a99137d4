"""Monotone functions of single numbers, whose parameters a network says: parts of couplings.

A bend maps a number by a rising function with a few parameters. A coupling lets half of the numbers
say the parameters of the others; an autoregressive layer lets each say those of the later ones.
Whoever says them, the Jacobian is triangular and the bend's slopes are its diagonal.

    additive   y = x + t
    affine     y = x exp(s) + t,   |s| <= bound, so that the inverse is finite everywhere

Shapes: numbers `b ...`, parameters `b m ...` with `m` = `count` for each number; a bend gives the
image and the logarithm of the slope, both `b ...`.

References:
    Laurent Dinh, David Krueger, Yoshua Bengio. NICE: non-linear independent components estimation.
    ICLR workshop 2015. https://arxiv.org/abs/1410.8516
    Laurent Dinh, Jascha Sohl-Dickstein, Samy Bengio. Density estimation using Real NVP. ICLR 2017.
    https://arxiv.org/abs/1605.08803
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Bend(Protocol):
    """A rising function of one number, and how many parameters it has."""

    @property
    def count(self) -> int:
        """Parameters for each number."""
        ...

    def __call__(
        self, x: Float[Tensor, "b ..."], p: Float[Tensor, "b m ..."], /
    ) -> tuple[Float[Tensor, "b ..."], Float[Tensor, "b ..."]]:
        """The image of each number, and the logarithm of the slope there."""
        ...

    def inverse(
        self, y: Float[Tensor, "b ..."], p: Float[Tensor, "b m ..."], /
    ) -> Float[Tensor, "b ..."]:
        """The numbers that are mapped to `y`."""
        ...


@dataclass(frozen=True)
class Additive:
    """A shift, which leaves volumes as they are."""

    count: int = 1

    def __call__(
        self, x: Float[Tensor, "b ..."], p: Float[Tensor, "b m ..."], /
    ) -> tuple[Float[Tensor, "b ..."], Float[Tensor, "b ..."]]:
        """Slope 1."""
        return x + p[:, 0], torch.zeros_like(x)

    def inverse(
        self, y: Float[Tensor, "b ..."], p: Float[Tensor, "b m ..."], /
    ) -> Float[Tensor, "b ..."]:
        """The shift back."""
        return y - p[:, 0]


@dataclass(frozen=True)
class Affine:
    """A scale and a shift.

    Attributes:
        bound: the most that the logarithm of a scale may be, either way.
    """

    bound: float = 2.0
    count: int = 2

    def __call__(
        self, x: Float[Tensor, "b ..."], p: Float[Tensor, "b m ..."], /
    ) -> tuple[Float[Tensor, "b ..."], Float[Tensor, "b ..."]]:
        """The slope is the scale."""
        s, shift = p.unbind(1)
        s = bounded(s, self.bound)
        return x * s.exp() + shift, s

    def inverse(
        self, y: Float[Tensor, "b ..."], p: Float[Tensor, "b m ..."], /
    ) -> Float[Tensor, "b ..."]:
        """The shift back, then the scale."""
        return (y - p[:, 1]) * (-bounded(p[:, 0], self.bound)).exp()


def bounded(s: Float[Tensor, "*b"], bound: float, /) -> Float[Tensor, "*b"]:
    """The number itself near zero, never more than the bound."""
    return bound * (s / bound).tanh()
