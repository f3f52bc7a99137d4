"""Whether two models differ beyond noise, judged on the very same examples.

Two models meet the same examples, so what both get right (or wrong) says nothing of which is
better: only the examples on which they disagree do. That sees differences far smaller than two
intervals side by side would.

    McNemar, exact: p = P(|X - n/2| >= |a - n/2|),  X ~ Binomial(n, 1/2),  n = a + b

where only the first model is right on a examples, and only the second on b. For any other metric
the examples are resampled with replacement, both models are measured on each resample, and the
interval is between two percentiles of the differences.

References:
    Quinn McNemar. Note on the sampling error of the difference between correlated proportions or
    percentages. Psychometrika 12, 1947. https://doi.org/10.1007/BF02295996
    Bradley Efron, Robert Tibshirani. An introduction to the bootstrap. 1993.

>>> round(mcnemar(9, 1), 4)
0.0215
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.practice.metrics.interval import draws


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
    """The interval of a metric's difference, second less first, on the same bootstrap resamples.

    Args:
        metric: any function of outputs and targets.
        first: one model's outputs.
        second: the other's, for the same examples.
        targets: the right answers.
        level: how often the interval should hold the true difference.
        resamples: number of bootstrap resamples.
        seed: of the bootstrap.
    """
    generator = torch.Generator().manual_seed(seed)
    differences = []
    for counts in draws(len(targets), resamples, generator):
        for count in counts:
            rows = torch.arange(len(targets)).repeat_interleave(count)
            pair = (metric(outputs[rows], targets[rows]) for outputs in (second, first))
            one, other = pair
            differences.append(float(one) - float(other))
    values = torch.tensor(differences, dtype=torch.float64)
    sides = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = values.nanquantile(sides).tolist()
    return low, high
