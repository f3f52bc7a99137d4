"""The ball: inputs near an input that are valid ones, too.

An attack may change an input by eps at most, and what comes out has to be an input still: pixels
stay within black and white, and of a row of a table a category, a date and whether a cell is
missing stay as they are, since no small change of these makes sense.

    linf: |z_i - x_i| <= eps for every number,    l2: |z - x| <= eps
    low <= z <= high

Of linf these are the two corners of a box, rounded towards x, so that no number moves by more than
eps, not even by the last bit.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.errors import unknown
from cartograd.core.ports import Port

Norm = Literal["linf", "l2"]


class Ball:
    """The valid inputs within eps of each input."""

    def __init__(self, x: Tensor, low: Tensor, high: Tensor, /, *, eps: float, norm: Norm):
        self.centre, self.eps = x, eps
        self.norm: Norm = check(norm)
        if norm == "linf":
            most = torch.tensor(eps, dtype=x.dtype, device=x.device)
            low = torch.maximum(low, torch.nextafter(x - most, x))
            high = torch.minimum(high, torch.nextafter(x + most, x))
        self.low, self.high = low, high

    def of(self, rows: Int[Tensor, " n"], /) -> "Ball":
        """The balls of some of the examples."""
        chosen = object.__new__(Ball)
        chosen.eps, chosen.norm = self.eps, self.norm
        chosen.centre, chosen.low, chosen.high = self.centre[rows], self.low[rows], self.high[rows]
        return chosen

    def project(self, point: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
        """The points pulled back into the balls."""
        if self.norm == "l2":
            change = point - self.centre
            size = sizes(change, "l2").clamp(min=self.eps or 1.0)
            point = self.centre + change * each(self.eps / size, change)
        return torch.minimum(torch.maximum(point, self.low), self.high)

    def direction(self, gradient: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
        """The change of unit size that the gradient favours most, of numbers that can move."""
        if self.norm == "l2":
            gradient = gradient * (self.high > self.low)
        return direction(gradient, self.norm)

    def drawn(self, generator: torch.Generator, /) -> Float[Tensor, "b ..."]:
        """Points drawn uniformly; on the processor, so that they are the same on any device."""
        return self.project(self.centre + noise(self.centre, self.eps, self.norm, generator))


def check(norm: Norm, /) -> Norm:
    """The norm.

    Raises:
        UsageError: there is no such one.
    """
    if norm not in ("linf", "l2"):
        raise unknown("norm", norm, ("linf", "l2"))
    return norm


def noise(
    x: Float[Tensor, "b ..."], eps: float, norm: Norm, generator: torch.Generator, /
) -> Float[Tensor, "b ..."]:
    """Changes drawn uniformly from balls of radius eps."""
    if norm == "linf":
        drawn = torch.rand(x.shape, generator=generator) * 2 - 1
    else:
        drawn = torch.randn(x.shape, generator=generator)
        share = torch.rand(len(x), generator=generator) ** (1 / x[0].numel())
        drawn *= each(share / sizes(drawn, "l2"), drawn)
    return eps * drawn.to(x)


def direction(gradient: Float[Tensor, "b ..."], norm: Norm, /) -> Float[Tensor, "b ..."]:
    """The change of unit size that the gradient favours most."""
    if norm == "linf":
        return gradient.sign()
    tiny = torch.finfo(gradient.dtype).tiny
    return gradient / each(sizes(gradient, "l2").clamp(min=tiny), gradient)


def sizes(change: Float[Tensor, "b ..."], norm: Norm, /) -> Float[Tensor, " b"]:
    """How large each example's change is."""
    return change.flatten(1).norm(float("inf") if norm == "linf" else 2, dim=1)


def each(numbers: Tensor, like: Tensor, /) -> Tensor:
    """One number for each example, in a shape to multiply examples with."""
    return numbers.reshape(-1, *[1] * (like.ndim - 1))


def movable(port: Port, x: Float[Tensor, "b ..."], /) -> Tensor:
    """Which numbers of each example an attack may move.

    Of a table these are the numbers of its cells: not its categories and dates, and not the cells
    that are missing.
    """
    free = torch.ones(x.shape, dtype=torch.bool, device=x.device)
    start = 0
    for column in port.columns:
        end = start + column.width
        if not column.numeric:
            free[:, start:end] = False
        elif column.indicator:
            free[:, start] = x[:, start + 1] == 0
            free[:, start + 1] = False
        start = end
    return free
