"""Rule of rows that are standardised: layer and RMS normalisation.

A row less its mean is multiplied by a factor that falls with its variance. Over a small box both
move a little, and the product of two that move is off by the product of both radii; over a wide one
the factor is taken to be anywhere in its interval, or the result in its own: a row may have a
variance of nearly zero, but no standardised number is above the root of how many there are.

    z_i = r c_i,   r = (mean_j c_j^2 + eps)^(-1/2)
    r c is within |r_c r_r| of  m_r c + m_c r - m_c m_r,   and r between lines of its own

References:
    Zhouxing Shi, Huan Zhang, Kai-Wei Chang, Minlie Huang, Cho-Jui Hsieh. Robustness verification
    for transformers. ICLR 2020. https://arxiv.org/abs/2002.06622
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.frontier.verification.relaxed import Pulled, summed, through
from cartograd.frontier.verification.rules import Box, Lines


@dataclass(frozen=True)
class Standardised:
    """Rows less their mean, divided by their standard deviation (layer and RMS normalisation).

    Attributes:
        count: numbers of a row.
        eps: added to the variance.
        centred: whether the mean is taken off.
    """

    count: int
    eps: float
    centred: bool = True

    @property
    def terms(self) -> int:
        """Those of both means, a root and a quotient."""
        return 2 * self.count + 32

    def value(self, *inputs: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The standardised rows."""
        x = self._centred(inputs[0])
        return x * (x.square().mean(-1, keepdim=True) + self.eps).rsqrt()

    def interval(self, *boxes: Box) -> Box:
        """A number grows with itself, and shrinks as the others grow."""
        return self._looked(boxes[0])[0]

    def size(self, *boxes: Box) -> Tensor:
        """What is taken off and divided, by the least deviation."""
        _, _, most = self._looked(boxes[0])
        return (boxes[0].size().amax(-1, keepdim=True) * most).expand_as(boxes[0].low)

    def back(self, weights: Float[Tensor, "b s ..."], *boxes: Box) -> Pulled:
        """As a product of two that move, or with the factor in its interval, which is nearer."""
        (ends, least, most), (low, high) = self._looked(boxes[0]), self._spread(boxes[0])
        centre, reach = (low + high) / 2, (high - low) / 2
        factor, room = (least + most) / 2, (most - least) / 2
        slopes, constants = self._factor(low, high, least, most)
        apart = [(slope * centre).sum(-1, keepdim=True) + constant for slope, constant in
                 zip(slopes, constants, strict=True)]  # fmt: skip
        gap = 2 * reach * room + centre.abs() * (apart[1] - apart[0])
        lines = self._lines(ends, least, most, low, high)
        usual = (lines.upper_slope - lines.lower_slope) * centre + lines.upper - lines.lower
        near = (gap < usual).to(weights)[:, None]
        own, rest = weights * near, weights * (1 - near)
        pulled, constant = through(lines, rest)
        pulled = pulled + own * factor[:, None]
        constant = constant - summed(own, (factor * centre)[:, None])
        constant = constant - summed(own.abs(), (room * reach)[:, None])
        total = (own * centre[:, None]).sum(-1, keepdim=True)  # of the factor
        for part, slope, end in zip((total.clamp(min=0), total.clamp(max=0)), slopes, constants,
                                    strict=True):  # fmt: skip
            pulled, constant = pulled + part * slope[:, None], constant + summed(part, end[:, None])
        return (self._centred(pulled),), constant

    def _factor(
        self, low: Tensor, high: Tensor, least: Tensor, most: Tensor
    ) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Slopes and constants below and above the factor: of its curve, and of squares in it.

        It falls with the variance, which lies between tangents and chords of squares.
        """
        first, last = most.pow(-2), least.pow(-2)  # ends of the variance
        middle = (first + last) / 2
        tangent = -middle.pow(-1.5) / 2
        chord = (least - most) / (last - first).clamp(min=1e-12)
        own = (low + high) / self.count
        chords = -(low * high).mean(-1, keepdim=True) + self.eps
        tangents = -((low + high) / 2).square().mean(-1, keepdim=True) + self.eps
        below = middle.pow(-0.5) + tangent * (chords - middle)
        above = most + chord * (tangents - first)
        return (tangent * own, chord * own), (below, above)

    def _lines(self, ends: Box, least: Tensor, most: Tensor, low: Tensor, high: Tensor) -> Lines:
        """Lines of each centred number, times a factor of an interval."""
        width, middle = (high - low).clamp(min=1e-12), (low + high) / 2

        def chord(below: Tensor, above: Tensor) -> tuple[Tensor, Tensor]:
            first, last = (end * torch.where(end < 0, below, above) for end in (low, high))
            slope = (last - first) / width
            return slope, (first + last) / 2 - slope * middle

        (lower_slope, lower), (upper_slope, upper) = chord(most, least), chord(least, most)
        under = lower_slope * middle + lower > ends.low
        over = upper_slope * middle + upper < ends.high
        return Lines(
            torch.where(under, lower_slope, 0.0), torch.where(under, lower, ends.low),
            torch.where(over, upper_slope, 0.0), torch.where(over, upper, ends.high),
        )  # fmt: skip

    def _centred(self, x: Tensor) -> Tensor:
        return x - x.mean(-1, keepdim=True) if self.centred else x

    def _spread(self, box: Box) -> tuple[Tensor, Tensor]:
        """Ends of the centred numbers."""
        middle, radius = box.around()
        if self.centred:
            own = abs(1 - 1 / self.count) - 1 / self.count
            middle, radius = self._centred(middle), own * radius + radius.mean(-1, keepdim=True)
        return middle - radius, middle + radius

    def _looked(self, box: Box) -> tuple[Box, Tensor, Tensor]:
        """The box of the results, and the ends of the factor."""
        low, high = self._spread(box)
        most = torch.maximum(low.square(), high.square())
        least = torch.where((low < 0) & (high > 0), 0.0, torch.minimum(low.square(), high.square()))
        every = [one.sum(-1, keepdim=True) for one in (least, most)]
        others = [
            (whole - one).clamp(min=0) for whole, one in zip(every, (least, most), strict=True)
        ]

        def ratio(end: Tensor, beside: Tensor) -> Tensor:
            return end * ((end.square() + beside) / self.count + self.eps).rsqrt()

        ends = Box(
            ratio(low, torch.where(low < 0, others[0], others[1])),
            ratio(high, torch.where(high < 0, others[1], others[0])),
        )
        factors = [(one / self.count + self.eps).rsqrt() for one in every]
        return ends, factors[1], factors[0]
