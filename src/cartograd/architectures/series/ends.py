"""What all forecasters share: the scale of a window, and the ends of intervals.

A window is brought to mean 0 and standard deviation 1 of its own target, so that a series that has
grown looks as before, and the answer is brought back. The low and the high end lie a positive width
below and above the middle, so that they never cross. How wide the intervals have to be is learned,
and at the end of a training set right by examples that were held back: each step's widths are
stretched by one factor, with which they hold the promised share of the values.

    s_i = max((middle_i - y_i) / below_i, (y_i - middle_i) / above_i)
    stretch = the ceil((n + 1) level)-th smallest of s_1 ... s_n

Where the examples held back are like those to come, in any order, intervals so stretched hold the
value with probability `level` at least, whatever the model (split conformal prediction).

References:
    Yaniv Romano, Evan Patterson, Emmanuel Candès. Conformalized quantile regression. NeurIPS 2019.
    https://arxiv.org/abs/1905.03222
    Danijel Kivaranovic, Kory Johnson, Hannes Leeb. Adaptive, distribution-free prediction intervals
    for deep networks. AISTATS 2020. https://arxiv.org/abs/1905.10634 (scores over widths)
    Taesung Kim et al. Reversible instance normalization for accurate time-series forecasting
    against distribution shift. ICLR 2022. https://openreview.net/forum?id=cGDAkQo1C0p

>>> x = torch.tensor([[[1.0, 2.0, 3.0]]])
>>> scaled(x)[0].std(unbiased=False).round(decimals=3)
tensor(1.)
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

SMALL = 1e-5
"""Added to the spread of a window, which may be constant."""


def scaled(
    x: Float[Tensor, "b c s"], /
) -> tuple[Float[Tensor, "b c s"], Float[Tensor, "b 1"], Float[Tensor, "b 1"]]:
    """The window with its target at mean 0 and deviation 1; that mean, and that deviation."""
    level = x[:, 0].mean(1, keepdim=True)
    spread = (x[:, 0] - level).square().mean(1, keepdim=True).sqrt() + SMALL
    target = (x[:, :1] - level[:, :, None]) / spread[:, :, None]
    return torch.cat([target, x[:, 1:]], 1), level, spread


class Ends(nn.Module):
    """The ends of the interval of each step.

    Args:
        horizon: steps to come.

    Attributes:
        stretch: factor on the widths of each step.
    """

    stretch: Tensor

    def __init__(self, horizon: int, /):
        super().__init__()
        self.register_buffer("stretch", torch.ones(horizon))

    def forward(
        self,
        said: Float[Tensor, "b t 3"],
        level: Float[Tensor, "b 1"],
        spread: Float[Tensor, "b 1"],
        /,
    ) -> Float[Tensor, "b t 3"]:
        """Low end, middle and high end in the unit of the series.

        Args:
            said: width below, middle and width above of the scaled window; any numbers.
            level: of the window.
            spread: of the window.
        """
        below, middle, above = said.unbind(2)
        low = middle - self.stretch * F.softplus(below)
        high = middle + self.stretch * F.softplus(above)
        ends = torch.stack([low, middle, high], 2)
        return level[:, :, None] + spread[:, :, None] * ends

    @torch.no_grad()
    def calibrate(
        self,
        outputs: Float[Tensor, "n t 3"],
        right: Float[Tensor, "n t"],
        /,
        *,
        level: float,
    ) -> None:
        """Stretch the widths of each step until they hold the value as often as they promise.

        Args:
            outputs: intervals of examples that were held back.
            right: their values.
            level: how often an interval is to hold the value.
        """
        self.stretch.mul_(factors(outputs, right, level=level).to(self.stretch))


def factors(
    outputs: Float[Tensor, "n t 3"], right: Float[Tensor, "n t"], /, *, level: float
) -> Float[Tensor, " t"]:
    """By how much the widths of each step are to be stretched.

    Args:
        outputs: intervals of examples that were held back.
        right: their values.
        level: how often an interval is to hold the value.
    """
    low, middle, high = outputs.double().unbind(2)
    scores = ((middle - right) / (middle - low)).maximum((right - middle) / (high - middle))
    rank = min(len(scores), math.ceil((len(scores) + 1) * level))
    return scores.sort(0).values[rank - 1].clamp(min=SMALL)
