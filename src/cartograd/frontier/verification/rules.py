"""Rules of operations: how intervals and lines go through them.

An affine operation f(x) = W x + c turns an interval of middle m and radius r into one of middle
W m + c and radius |W| r. A curve that rises turns it into one from f(low) to f(high), and lies
between two lines there:

    lower_slope x + lower <= f(x) <= upper_slope x + upper        for low <= x <= high

ReLU lies below its chord and above any line through 0 of slope 0 to 1; of these the one of slope 1
is taken where high > -low, which encloses the least area.

References:
    Huan Zhang, Tsui-Wei Weng, Pin-Yu Chen, Cho-Jui Hsieh, Luca Daniel. Efficient neural network
    robustness certification with general activation functions. NeurIPS 2018.
    https://arxiv.org/abs/1811.00866
    Gagandeep Singh, Timon Gehr, Markus Puschel, Martin Vechev. An abstract domain for certifying
    neural networks. POPL 2019. https://doi.org/10.1145/3290354
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


class Round(NamedTuple):
    """Balls: how far all numbers of an example may be from its own, as a distance (l2)."""

    centre: Float[Tensor, "b ..."]
    radius: Float[Tensor, " b"]


class Box(NamedTuple):
    """The least and the largest value of each number; perhaps of a ball, too."""

    low: Float[Tensor, "b ..."]
    high: Float[Tensor, "b ..."]
    ball: Round | None = None

    def around(self) -> tuple[Float[Tensor, "b ..."], Float[Tensor, "b ..."]]:
        """Middles and radii."""
        return (self.low + self.high) / 2, (self.high - self.low) / 2

    def widened(self, slack: Tensor, /) -> "Box":
        """The same with more room at both ends."""
        return Box(self.low - slack, self.high + slack)

    def size(self) -> Float[Tensor, "b ..."]:
        """The largest absolute value of each number."""
        return torch.maximum(self.low.abs(), self.high.abs())

    def of(self, rows: Tensor | slice, /) -> "Box":
        """The boxes of some of the examples."""
        ball = None if self.ball is None else Round(*(part[rows] for part in self.ball))
        return Box(self.low[rows], self.high[rows], ball)


class Lines(NamedTuple):
    """Two lines with a curve between them, for each number."""

    lower_slope: Tensor
    lower: Tensor
    upper_slope: Tensor
    upper: Tensor


@runtime_checkable
class Rule(Protocol):
    """How an operation is computed, and how boxes go through it."""

    @property
    def terms(self) -> int:
        """How many roundings a number of the result goes through at most."""
        ...

    def value(self, *inputs: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The result for each example."""
        ...

    def interval(self, *boxes: Box) -> Box:
        """What the results lie within, before any rounding."""
        ...

    def size(self, *boxes: Box) -> Tensor:
        """The absolute values of all that is summed up, which rounding is in proportion to."""
        ...


@runtime_checkable
class Curved(Protocol):
    """A rule of each number alone, with lines below and above."""

    def lines(self, box: Box, /) -> Lines:
        """The lines over a box."""
        ...


@dataclass(frozen=True)
class Affine:
    """An operation that is affine in all its inputs together.

    Attributes:
        function: the operation.
        spread: the same of the absolute values of its weights, without constants.
        terms: how many roundings a number goes through; none of numbers that are only moved.
        transpose: of weights of results of inputs of a shape, the weights of the inputs; by default
            the gradient.
        summed: of absolute values of the inputs, all that is summed up, where that is more than
            what the weights spread and the constant.
    """

    function: Callable[..., Tensor]
    spread: Callable[..., Tensor]
    terms: int
    summed: Callable[..., Tensor] | None = None
    transpose: Callable[[Tensor, tuple[int, ...]], Tensor] | None = None

    def value(self, *inputs: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The result for each example."""
        return self.function(*inputs)

    def constant(self, *inputs: Float[Tensor, "b ..."]) -> Tensor:
        """The result of zeros, for one example."""
        return self.function(*(torch.zeros_like(x[:1]) for x in inputs))

    def interval(self, *boxes: Box) -> Box:
        """The image of the middle, as far around it as the weights spread the radii."""
        middle = self.function(*((box.high + box.low) / 2 for box in boxes))
        radius = self.spread(*((box.high - box.low) / 2 for box in boxes))
        return Box(middle - radius, middle + radius)

    def size(self, *boxes: Box) -> Tensor:
        """|W| |x| + |c|."""
        if self.summed is not None:
            return self.summed(*(box.size() for box in boxes))
        constants = self.constant(*(box.low for box in boxes)).abs()
        return self.spread(*(box.size() for box in boxes)) + constants

    def back(
        self, weights: Float[Tensor, "b s ..."], *inputs: Float[Tensor, "b ..."]
    ) -> tuple[tuple[Tensor, ...], Float[Tensor, "b s"]]:
        """Weights of the result as weights of each input, and what the constants add.

        The transpose of a linear map is its gradient.
        """
        b, s = weights.shape[:2]
        rows = weights.flatten(0, 1)
        if self.transpose is not None:
            pulled = (self.transpose(rows, (b * s, *inputs[0].shape[1:])),)
        else:
            learning = weights.requires_grad or torch.is_grad_enabled()
            with torch.enable_grad():
                at = [x.new_zeros(b * s, *x.shape[1:]).requires_grad_() for x in inputs]
                pulled = torch.autograd.grad(self.function(*at), at, rows, create_graph=learning)
        constant = self.constant(*inputs)
        return (
            tuple(one.reshape(b, s, *one.shape[1:]) for one in pulled),
            (weights * constant).flatten(2).sum(2),
        )


@dataclass(frozen=True)
class Ramp:
    """ReLU, or a leaky one: x above zero, and so many times x below.

    Attributes:
        negative: the slope below zero, from 0 to 1.
    """

    negative: float = 0.0

    @property
    def terms(self) -> int:
        """ReLU rounds nothing."""
        return 1 if self.negative else 0

    def value(self, *inputs: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The curve at each number."""
        return F.leaky_relu(inputs[0], self.negative)

    def interval(self, *boxes: Box) -> Box:
        """The curve rises."""
        return Box(self.value(boxes[0].low), self.value(boxes[0].high))

    def size(self, *boxes: Box) -> Tensor:
        """No more than what came in."""
        return boxes[0].size()

    def lines(self, box: Box, /, *, slope: Tensor | None = None) -> Lines:
        """The chord above; below a line through 0 of the slope that is given, or the best one."""
        low, high = box.low, box.high
        flat, zero = torch.full_like(low, self.negative), torch.zeros_like(low)
        width = (high - low).clamp(min=torch.finfo(low.dtype).tiny)
        chord = (high - self.negative * low) / width
        best = torch.where(high > -low, 1.0, flat)
        under = best if slope is None else slope
        crossing, above = self.crosses(box), low >= 0
        straight = torch.where(above, 1.0, flat)
        return Lines(
            torch.where(crossing, under, straight),
            zero,
            torch.where(crossing, chord, straight),
            torch.where(crossing, (1 - chord) * high, zero),
        )

    def crosses(self, box: Box, /) -> Tensor:
        """Which numbers may be on either side of zero."""
        return (box.low < 0) & (box.high > 0)


@dataclass(frozen=True)
class LargestOf:
    """The largest number of each window.

    Attributes:
        function: the pool.
        windows: of maps `b c y x` the numbers of each window, `b c n v`; minus infinity outside.
    """

    function: Callable[[Tensor], Tensor]
    windows: Callable[[Tensor], Tensor]
    terms: int = 0

    def value(self, *inputs: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The pooled maps."""
        return self.function(inputs[0])

    def interval(self, *boxes: Box) -> Box:
        """The pool rises with each number."""
        return Box(self.function(boxes[0].low), self.function(boxes[0].high))

    def size(self, *boxes: Box) -> Tensor:
        """Nothing is summed."""
        return self.function(boxes[0].size())

    def back(
        self, weights: Float[Tensor, "b s ..."], *boxes: Box
    ) -> tuple[tuple[Tensor, ...], Float[Tensor, "b s"]]:
        """Weights of the result as weights of the maps, and what constants add.

        The largest is at least the number whose low end is highest; it is that number where no
        other reaches it, and else at most the highest end.
        """
        (box,) = boxes
        low, high = self.windows(box.low), self.windows(box.high)
        best = low.argmax(2, keepdim=True)
        others = high.scatter(2, best, -torch.inf).amax(2)
        certain = others <= low.gather(2, best)[:, :, 0]
        b, s = weights.shape[:2]
        flat = weights.reshape(b, s, *certain.shape[1:])
        over = torch.where(certain[:, None], flat, flat.clamp(min=0))
        constant = torch.where(certain[:, None], 0.0, flat.clamp(max=0)) * high.amax(2)[:, None]
        places = torch.arange(box.low[0, 0].numel()).to(box.low)
        places = self.windows(places.reshape(1, 1, *box.low.shape[2:]))
        index = places.expand_as(low).gather(2, best)[:, :, 0].long()  # b c v
        empty = over.new_zeros(b, s, *box.low.shape[1:]).flatten(3)
        pulled = empty.scatter_add(3, index[:, None].expand_as(over), over)
        return (pulled.reshape(b, s, *box.low.shape[1:]),), constant.flatten(2).sum(2)
