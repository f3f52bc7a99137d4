"""Rules of what mixes numbers and is not affine: products and softmax.

Each lies between two affine functions of all that it is made of, over the boxes that these are in.

    product   f(x, y) is within f(r_x, r_y) of  f(m_x, y) + f(x, m_y) - f(m_x, m_y)
    softmax   p_i = 1 / S_i,  S_i = sum_j exp(x_j - x_i):  chords and tangents of both curves

Of a softmax a line gives way to the end of the interval where that is nearer in the middle of the
box.

References:
    Zhouxing Shi, Huan Zhang, Kai-Wei Chang, Minlie Huang, Cho-Jui Hsieh. Robustness verification
    for transformers. ICLR 2020. https://arxiv.org/abs/2002.06622
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cartograd.frontier.verification.rules import Box, Lines

Pulled = tuple[tuple[Tensor, ...], Tensor]
"""Weights of each input, and what constants add."""


@runtime_checkable
class Relaxed(Protocol):
    """A rule with affine functions below and above."""

    def back(self, weights: Float[Tensor, "b s ..."], *boxes: Box) -> Pulled:
        """Weights of the result as weights of the inputs, and a constant."""
        ...


def through(lines: Lines, weights: Float[Tensor, "b s ..."], /) -> tuple[Tensor, Tensor]:
    """Weights of each number's curve as weights of the number, and a constant.

    >>> one = torch.ones(1, 1)
    >>> lines = Lines(0 * one, one, 2 * one, 3 * one)
    >>> [part.tolist() for part in through(lines, torch.tensor([[[2.0], [-1.0]]]))]
    [[[[0.0], [-2.0]]], [[2.0, -3.0]]]
    """
    lower_slope, lower, upper_slope, upper = (one[:, None] for one in lines)
    up, down = weights.clamp(min=0), weights.clamp(max=0)
    constant = summed(up, lower) + summed(down, upper)
    return up * lower_slope + down * upper_slope, constant


def summed(weights: Tensor, numbers: Tensor, /) -> Tensor:
    """The weighted sums of one row of numbers for each box."""
    return (weights.flatten(2) @ numbers.flatten(2).transpose(1, 2))[:, :, 0]


@dataclass(frozen=True)
class Product:
    """What is linear in each of two inputs, without negative weights: products of numbers, rows.

    Attributes:
        function: of both.
        terms: how many roundings a number goes through.
        apart: whether each number of the result is of one number of each.
    """

    function: Callable[[Tensor, Tensor], Tensor]
    terms: int
    apart: bool = False

    def value(self, *inputs: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The product for each example."""
        return self.function(*inputs)

    def interval(self, *boxes: Box) -> Box:
        """Of numbers the least and the largest of the corners; of sums of products around it."""
        one, two = boxes
        if self.apart:
            ends = [self.function(a, b) for a in one[:2] for b in two[:2]]
            return Box(
                torch.stack(ends).amin(0),
                torch.stack(ends).amax(0),
            )
        (m1, r1), (m2, r2) = one.around(), two.around()
        middle, f = self.function(m1, m2), self.function
        radius = f(m1.abs(), r2) + f(r1, m2.abs()) + f(r1, r2)
        return Box(middle - radius, middle + radius)

    def size(self, *boxes: Box) -> Tensor:
        """The product of the absolute values."""
        return self.function(*(box.size() for box in boxes))

    def back(self, weights: Float[Tensor, "b s ..."], *boxes: Box) -> Pulled:
        """Each input with the middle of the other, and both radii."""
        (m1, r1), (m2, r2) = (box.around() for box in boxes)
        b, s = weights.shape[:2]
        rows = weights.flatten(0, 1)
        learning = weights.requires_grad or torch.is_grad_enabled()
        with torch.enable_grad():
            one, two = (m.repeat_interleave(s, 0) for m in (m1, m2))
            at = [x if x.requires_grad else x.requires_grad_() for x in (one, two)]
            found = self.function(*at)
            pulled = torch.autograd.grad(found, at, rows, create_graph=learning)
        constant = -summed(weights, self.function(m1, m2)[:, None])
        constant = constant - summed(weights.abs(), self.function(r1, r2)[:, None])
        return tuple(one.reshape(b, s, *one.shape[1:]) for one in pulled), constant


@dataclass(frozen=True)
class Softmax:
    """The softmax along the last dimension.

    Attributes:
        count: how many numbers are along it.
        seen: which of these count; all, if none are named. The rest gets zeros.
    """

    count: int
    seen: Bool[Tensor, "..."] | None = None

    @property
    def terms(self) -> int:
        """Those of the sum, the exponentials and the quotient."""
        return self.count + 32

    def value(self, *inputs: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The shares."""
        if self.seen is None:
            return inputs[0].softmax(-1)
        return inputs[0].masked_fill(~self.seen, -torch.inf).softmax(-1)

    def interval(self, *boxes: Box) -> Box:
        """A share grows with its own number, and falls with any other."""
        least, most, _, _ = self._sums(boxes[0])
        return Box(self._shown(1 / most), self._shown(1 / least))

    def size(self, *boxes: Box) -> Tensor:
        """A share, times what an exponent may be rounded by."""
        reach = boxes[0].size()
        if self.seen is not None:
            reach = reach.masked_fill(~self.seen, 0.0)
        return self.interval(*boxes).high * (1 + 4 * reach.amax(-1, keepdim=True))

    def back(self, weights: Float[Tensor, "b s ..."], *boxes: Box) -> Pulled:
        """Lines of 1 / S, with lines of each exponential in S."""
        least, most, low, high = self._sums(boxes[0])
        middle = (low + high) / 2
        width = (high - low).clamp(min=1e-9)
        # S is at most a sum of chords, and at least one of tangents
        chord = torch.where(high - low > 1e-9, (high.exp() - low.exp()) / width, high.exp())
        tangent = middle.exp()
        over, under = high.exp() - chord * high, tangent * (1 - middle)
        if self.seen is not None:
            unseen = ~self.seen[..., None, :]
            chord, tangent, over, under = (
                one.masked_fill(unseen, 0.0) for one in (chord, tangent, over, under)
            )
        root = (least * most).sqrt()
        steep = {"lower": 1 / root.square(), "upper": 1 / (least * most)}
        ends = {"lower": 2 / root, "upper": 1 / least + 1 / most}
        slopes, constants = [], []
        for which, slope, rest in (("lower", chord, over), ("upper", tangent, under)):
            factor = -steep[which]
            constant = ends[which] + factor * rest.sum(-1)
            own = factor[..., None] * slope
            here = constant + (own * middle).sum(-1)
            flat = 1 / most if which == "lower" else 1 / least
            good = here > flat if which == "lower" else here < flat
            slopes.append(torch.where(good[..., None], own, 0.0))
            constants.append(self._shown(torch.where(good, constant, flat)))
        up, down = self._shown(weights.clamp(min=0)), self._shown(weights.clamp(max=0))
        pulled = torch.zeros_like(weights)
        for part, own in ((up, slopes[0]), (down, slopes[1])):
            pulled = pulled + (part[..., None, :] @ own[:, None])[..., 0, :]
            pulled = pulled - part * own.sum(-1)[:, None]
        total = summed(up, constants[0][:, None]) + summed(down, constants[1][:, None])
        return (pulled,), total

    def _sums(self, box: Box) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Ends of S for each number, and of the differences x_j - x_i, `... i j`."""
        low, high = box.low, box.high
        least = low[..., None, :] - high[..., :, None]
        most = high[..., None, :] - low[..., :, None]
        own = torch.eye(self.count, dtype=torch.bool, device=low.device)
        least, most = least.masked_fill(own, 0.0), most.masked_fill(own, 0.0)
        sums = [one.exp() for one in (least, most)]
        if self.seen is not None:
            sums = [one.masked_fill(~self.seen[..., None, :], 0.0) for one in sums]
            sums = [torch.where(self.seen, one.sum(-1), torch.ones(()).to(one)) for one in sums]
        else:
            sums = [one.sum(-1) for one in sums]
        return sums[0], sums[1], least, most

    def _shown(self, shares: Tensor) -> Tensor:
        return shares if self.seen is None else shares.masked_fill(~self.seen, 0.0)
