"""Whether two models differ beyond noise, judged on the very same examples.

Two models meet the same examples, so what both get right (or wrong) says nothing of which is
better: only the examples on which they disagree do. That sees differences far smaller than two
intervals side by side would.

    McNemar, exact: p = P(|X - n/2| >= |a - n/2|),  X ~ Binomial(n, 1/2),  n = a + b

where only the first model is right on a examples, and only the second on b. The interval of a
difference is made from how much each example moves it (`influence`). Where only the answers count
(accuracy, precision, recall, F1), two imagined examples are added, on which one model is right and
the other wrong, one each way: few disagreements then leave doubt (Bonett and Price). A difference
of roots is that of their squares over their sum: r - q = (r^2 - q^2) / (r + q). The calibration
error, whose estimate is biased, gets its from both models' own intervals.

References:
    Quinn McNemar. Note on the sampling error of the difference between correlated proportions or
    percentages. Psychometrika 12, 1947. https://doi.org/10.1007/BF02295996
    Douglas Bonett, Robert Price. Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data. Journal of Educational and Behavioral Statistics 37, 2012.
    https://doi.org/10.3102/1076998611411915

>>> round(mcnemar(9, 1), 4)
0.0215
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.errors import UsageError
from cartograd.practice.metrics import given
from cartograd.practice.metrics.influence import few, influence, skewed, uneven
from cartograd.practice.metrics.interval import DRAWN, bootstrap, interval, moved, twin


def mcnemar(first: int, second: int, /) -> float:
    """The exact two-sided p-value that two models are right equally often.

    Args:
        first: examples that only the first model gets right.
        second: examples that only the second one gets right.

    Raises:
        UsageError: a count is below 0.
    """
    if min(first, second) < 0:
        raise UsageError(f"{min(first, second)} examples; a count is at least 0")
    n, least = first + second, min(first, second)
    if n == 0:
        return 1.0
    logs = [
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2)
        for i in range(least + 1)
    ]
    return min(1.0, 2 * math.fsum(math.exp(item) for item in logs))


def difference(
    metric: Callable[..., float],
    first: Float[Tensor, "n ..."],
    second: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """The interval of a metric's difference, second less first, on the same examples.

    Args:
        metric: any function of outputs and targets.
        first: one model's outputs.
        second: the other's, for the same examples.
        targets: the right answers.
        level: how often the interval should hold the true difference.
        resamples: number of bootstrap resamples, for a function of your own.
        seed: of the bootstrap.
    """
    more: Any = {"level": level, "resamples": resamples, "seed": seed}
    return doubted(metric, first, second, targets, **more)[0]


def doubted(
    metric: Callable[..., float],
    first: Float[Tensor, "n ..."],
    second: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[tuple[float, float], str]:
    """The difference's interval, and why it may hold the true one less often than it states."""
    first, second, targets = (one.detach().cpu() for one in (first, second, targets))
    if twin(metric, "ANSWERS") and not given.several(first, targets):
        return _of_answers(metric, first, second, targets, level), few(len(targets))
    if twin(metric, "BIASED"):
        return _of_two(metric, first, second, targets, level), few(len(targets))
    moves = [moved(metric, outputs, targets) for outputs in (first, second)]
    if moves[0] is not None and moves[1] is not None:
        values = [float(metric(outputs, targets)) for outputs in (first, second)]
        if twin(metric, "SCALE") == "square":
            return _of_roots((values[0], values[1]), (moves[0], moves[1]), level)
        apart = moves[1] - moves[0]
        return skewed(values[1] - values[0], apart, level=level), uneven(apart)
    both = torch.stack([first, second], 1)
    ends = bootstrap(
        lambda pairs, right: float(metric(pairs[:, 1], right)) - float(metric(pairs[:, 0], right)),
        both, targets, level=level, resamples=resamples, seed=seed,
    )  # fmt: skip
    return ends, DRAWN


def _of_roots(
    values: tuple[float, float], moves: tuple[Tensor, Tensor], level: float
) -> tuple[tuple[float, float], str]:
    """By the difference of the squares, which are means, over the sum of both roots."""
    first, second = (2 * value * one for value, one in zip(values, moves, strict=True))
    low, high = skewed(values[1] ** 2 - values[0] ** 2, second - first, level=level)
    both = sum(values) or 1.0
    return (low / both, high / both), uneven(second - first)


def _of_two(
    metric: Callable[..., float], first: Tensor, second: Tensor, targets: Tensor, level: float
) -> tuple[float, float]:
    """From the nearest to the farthest ends of both intervals: wide, whatever the biases are."""
    (low, high), (least, most) = (
        interval(metric, outputs, targets, level=level) for outputs in (first, second)
    )
    return least - high, most - low


def _of_answers(
    metric: Callable[..., float], first: Tensor, second: Tensor, targets: Tensor, level: float
) -> tuple[float, float]:
    """By the influence of the examples and of two imagined ones, shared out among the classes."""
    sides = [given.classes(outputs, targets)[0].double() for outputs in (first, second)]
    k, weighed = sides[0].shape[1], twin(metric, "weighed")
    own = torch.arange(k)
    right, wrong = (F.one_hot(classes, k).double() for classes in (own, (own + 1) % k))
    sides = [torch.cat(rows) for rows in ((sides[0], right, wrong), (sides[1], wrong, right))]
    targets = torch.cat([targets, own, own])
    ones = torch.ones(1, len(first), dtype=torch.float64)
    weights = torch.cat([ones, torch.full((1, 2 * k), 1 / k, dtype=torch.float64)], 1)

    def apart(weights: Tensor) -> Tensor:
        one, other = (weighed(outputs, targets, weights) for outputs in sides)
        return other - one

    value, slopes = apart(weights).item(), influence(apart, weights)
    error = math.sqrt(float(weights[0] @ slopes.square()))
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    return value - reach, value + reach
