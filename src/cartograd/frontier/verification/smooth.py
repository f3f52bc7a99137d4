"""Rules of smooth curves: sigmoid and tanh, GELU and SiLU.

An S-shaped curve lies between its chord and a tangent where it bends one way, and elsewhere between
two lines of the smaller slope of both ends. Of any other one it helps that a curve whose
second derivative is at most C strays from the straight lines between points that are h apart by no
more than C h^2 / 8: what it does over an interval is known from some points of it, and it lies
between two lines of the slope of its chord.

    |f(x) - p(x)| <= C h^2 / 8,   p straight between the points
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from cartograd.frontier.verification.rules import Box, Lines

POINTS = 32
"""Into how many parts an interval is cut."""

ROOM = 1e-12
"""For the least value, whose place is known to some digits."""


@dataclass(frozen=True)
class Bend:
    """An S-shaped curve that rises, bent upwards below zero and downwards above.

    Attributes:
        function: the curve.
        slope: its derivative.
    """

    function: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    terms: int = 16
    """Units of rounding that libraries stay within for such curves, with room."""

    def value(self, *inputs: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The curve at each number."""
        return self.function(inputs[0])

    def interval(self, *boxes: Box) -> Box:
        """The curve rises."""
        return Box(self.function(boxes[0].low), self.function(boxes[0].high))

    def size(self, *boxes: Box) -> Tensor:
        """The results are at most 1."""
        return torch.ones_like(boxes[0].low)

    def lines(self, box: Box, /) -> Lines:
        """A chord and a tangent where the curve bends one way, else two lines of one slope."""
        low, high = box.low, box.high
        middle, width = (low + high) / 2, high - low
        ends, tangent = (self.function(low), self.function(high)), self.slope(middle)
        least = torch.minimum(self.slope(low), self.slope(high))
        chord = torch.where(width > 1e-9, (ends[1] - ends[0]) / width.clamp(min=1e-9), least)
        up, down = high <= 0, low >= 0
        over = torch.where(up, chord, torch.where(down, tangent, least))
        under = torch.where(down, chord, torch.where(up, tangent, least))
        touch = self.function(middle)
        return Lines(
            under,
            torch.where(up, touch - under * middle, ends[0] - under * low),
            over,
            torch.where(down, touch - over * middle, ends[1] - over * high),
        )


@dataclass(frozen=True)
class Smooth:
    """A curve that falls to its least value and rises from there.

    Attributes:
        function: the curve.
        bend: the most that its second derivative may be, either way.
        bottom: where it is least.
    """

    function: Callable[[Tensor], Tensor]
    bend: float
    bottom: float
    terms: int = 32
    """Units of rounding that libraries stay within for such curves, with room."""

    def value(self, *inputs: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The curve at each number."""
        return self.function(inputs[0])

    def interval(self, *boxes: Box) -> Box:
        """Least at the bottom, or at the end that is nearest; largest at an end."""
        low, high = boxes[0].low, boxes[0].high
        least = torch.maximum(low, torch.minimum(high, torch.full_like(low, self.bottom)))
        ends = torch.maximum(self.function(low), self.function(high))
        return Box(self.function(least) - ROOM, ends)

    def size(self, *boxes: Box) -> Tensor:
        """What came in: the results are no larger."""
        return boxes[0].size()

    def lines(self, box: Box, /) -> Lines:
        """Lines of the chord's slope, moved to where no point of the curve is beyond."""
        low, width = box.low, box.high - box.low
        parts = torch.linspace(0, 1, POINTS + 1, dtype=low.dtype, device=low.device)
        x = low[..., None] + width[..., None] * parts
        y = self.function(x)
        slope = (y[..., -1] - y[..., 0]) / width.clamp(min=1e-12)
        apart = y - slope[..., None] * x
        room = self.bend * (width / POINTS).square() / 8
        lower, upper = apart.amin(-1) - room, apart.amax(-1) + room
        return Lines(slope, lower, slope, upper)


def sigmoid() -> Bend:
    """The sigmoid."""
    return Bend(torch.sigmoid, lambda z: torch.sigmoid(z) * torch.sigmoid(-z))


def tanh() -> Bend:
    """The hyperbolic tangent."""
    return Bend(torch.tanh, lambda z: 1 - torch.tanh(z).square())


def gelu(*, tanh: bool) -> Smooth:
    """GELU, exact or in its form with tanh.

    The second derivative of the exact one is (2 - x^2) times the density of a normal number, at
    most twice that at zero; that of the other form differs by less than .02.
    """
    form = "tanh" if tanh else "none"
    bottom = -0.752461421919 if tanh else -0.751791524694
    return Smooth(lambda x: F.gelu(x, approximate=form), 2 / math.sqrt(2 * math.pi) + 0.02, bottom)


def silu() -> Smooth:
    """SiLU, x s(x), whose second derivative is at most that at zero, one half."""
    return Smooth(F.silu, 0.5, -1.278464542761)
