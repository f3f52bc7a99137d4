"""How much each example moves a metric, and the interval that follows from it.

The influence of an example is the slope of the metric along the example's weight; the mean of
their squares is the variance of the metric times n (the infinitesimal jackknife). Losses are
skewed: a few surprises make most of a mean, and a sample that has met none of them is too sure.
Student's statistic is therefore brought to a normal one by Hall's transformation, which is
monotone, so that it can be turned round, and removes what the skewness g does to its first order:

    u(x) = x + c x^2 / 3 + c^2 x^3 / 27 + c / 6,    c = g / sqrt(n),   x = (estimate - truth) / se

It is second-order correct for a mean. A metric that is a function of a mean (the root of one, its
exponential) is taken back to that mean first. 1 - R^2 is a quotient of two variances: of its
logarithm the influence is tried by leaving each example out (the jackknife), which counts the
examples that lie far off for more, and Student's interval is taken as it is.

References:
    Peter Hall. On the removal of skewness by transformation. Journal of the Royal Statistical
    Society B 54, 1992. https://doi.org/10.1111/j.2517-6161.1992.tb01876.x
    Bradley Efron, Robert Tibshirani. An introduction to the bootstrap, chapter 11 and 12. 1993.

>>> losses = torch.tensor([0.1, 0.1, 0.2, 0.1, 3.0], dtype=torch.float64)
>>> low, high = skewed(losses.mean().item(), losses - losses.mean())
>>> round(low, 2), round(high, 1)
(-0.35, 5.8)
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.learning import learning, plain

Scale = Literal["mean", "square", "log", "log of 1 -"]
"""What of a metric its interval is made of: itself, its square, a logarithm."""

LEAST = 30
"""Of fewer independent examples no interval of this kind is promised to hold what it states."""

OF_A_CLASS = 5
"""Where an interval rests on the examples of each class, it is not promised of fewer in one."""

STEADY = 10.0
"""So many examples for each unit of squared skewness; with fewer the mending is not enough."""

GROUPS = 1000
"""Most parts that are left out, one at a time, where the slope has to be tried."""

ROOM = 2**22
"""Most weights held at once: 32 MB."""


def influence(
    weighed: Callable[[Float[Tensor, "1 n"]], Float[Tensor, " 1"]], weights: Float[Tensor, "1 n"], /
) -> Float[Tensor, " n"]:
    """The slope of a metric along each weight; times n it is the influence where all weigh one.

    Args:
        weighed: the metric under a weighting of the examples.
        weights: the weighting at which.
    """
    with learning():
        weights = plain(weights.detach()).double().requires_grad_()
        (slope,) = torch.autograd.grad(weighed(weights).sum(), weights)
    return slope[0]


def of_examples(
    weighed: Callable[[Float[Tensor, "1 n"]], Float[Tensor, " 1"]], n: int, /
) -> Float[Tensor, " n"]:
    """The influence of each of n examples on a metric, which takes their weights."""
    return n * influence(weighed, torch.ones(1, n))


def of_sums(
    whole: Callable[[Float[Tensor, "... m"]], Float[Tensor, "..."]], rows: Float[Tensor, "n m"], /
) -> Float[Tensor, " n"]:
    """The influence of each row on a metric of the sums of rows, such as a quotient of two."""
    return of_examples(lambda weights: whole(weights @ rows), len(rows))


def left_out(
    weighed: Callable[[Float[Tensor, "b n"]], Float[Tensor, " b"]], n: int, /
) -> Float[Tensor, " n1"]:
    """The influence of each example (or of each of `GROUPS` groups), tried by leaving it out.

    Args:
        weighed: the metric under many weightings of the examples.
        n: how many examples there are.
    """
    groups = min(n, GROUPS)
    group_of = torch.arange(n) % groups
    some = torch.arange(groups).split(max(1, ROOM // n))
    found = torch.cat([weighed((group_of != part[:, None]).double()) for part in some])
    return (groups - 1) * (found.mean() - found)


def skewed(
    value: float,
    moves: Float[Tensor, " n"],
    /,
    *,
    scale: Scale = "mean",
    level: float = 0.95,
) -> tuple[float, float]:
    """The interval of a metric by the influence of its examples; the value where none moves it.

    Args:
        value: of the metric.
        moves: the influence of each example.
        scale: on which the interval is made.
        level: how often it should hold the true value.
    """
    if not math.isfinite(value) or len(moves) < 2 or not bool(moves.any()):
        return value, value
    if scale == "square":
        low, high = _turned_round(2 * value * moves, level)
        return math.sqrt(max(0.0, value**2 + low)), math.sqrt(value**2 + high)
    if scale == "log":
        low, high = _turned_round(moves / value, level)
        return value * math.exp(low), value * math.exp(min(high, 700.0))
    if scale == "log of 1 -":
        low, high = _turned_round(moves / (1 - value), level, bend=0.0)
        return 1 - (1 - value) * math.exp(min(-low, 700.0)), 1 - (1 - value) * math.exp(-high)
    low, high = _turned_round(moves, level)
    return value + low, value + high


def skewness(moves: Float[Tensor, " n"], /) -> float:
    """Third moment of the influences over the cube of their standard deviation."""
    apart = moves.double() - moves.double().mean()
    spread = float(apart.square().mean())
    return float(apart.pow(3).mean()) / spread**1.5 if spread > 0 else 0.0


def few(n: int, /) -> str:
    """What to say of an interval from n independent examples; nothing where they are enough."""
    return f"{n} examples, and {LEAST} are the least" if n < LEAST else ""


def scarce(classes: Int[Tensor, " n"], /) -> str:
    """What to say of an interval that rests on each class; nothing where all have enough.

    >>> scarce(torch.tensor([0, 0, 0, 0, 0, 1, 1]))
    'a class has 2 examples, and 5 are the least'
    """
    least = int(classes.unique(return_counts=True)[1].min()) if len(classes) else 0
    word = "example" if least == 1 else "examples"
    return f"a class has {least} {word}, and {OF_A_CLASS} are the least" * (least < OF_A_CLASS)


def uneven(moves: Float[Tensor, " n"], /) -> str:
    """What to say of an interval by these influences; nothing where it holds what it states."""
    n = len(moves)
    if not bool(moves.any()):
        return "the examples do not differ"
    if skewness(moves) ** 2 > n / STEADY:
        return "a few examples make most of it"
    return few(n)


def _turned_round(
    moves: Float[Tensor, " n"], level: float, bend: float | None = None
) -> tuple[float, float]:
    """The ends' distances from the estimate; without a bend they are Student's."""
    from scipy.special import stdtrit

    n = len(moves)
    error = float(moves.double().std()) / math.sqrt(n)
    bend = skewness(moves) / math.sqrt(n) if bend is None else bend
    reach = float(stdtrit(n - 1, (1 + level) / 2))
    ends = []
    for z in (reach, -reach):
        shifted = z - bend / 6
        straight = abs(bend) < 1e-6
        x = shifted if straight else 3 / bend * (math.cbrt(1 + bend * shifted) - 1)
        ends.append(-error * x)
    return ends[0], ends[1]
