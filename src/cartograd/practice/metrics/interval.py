"""Confidence intervals of metrics: they hold the true value in most repetitions.

A proportion (accuracy, precision or recall of one class) gets Wilson's score interval: the
proportions p that the observed one would not contradict. Any other metric gets the percentile
bootstrap: the examples are resampled with replacement many times, the metric is computed on each
resample, and the interval is between two percentiles. A metric whose estimate is biased brings its
own `limits` (calibration error).

    Wilson: (p + z^2 / 2n  -+  z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)

Both assume that the examples are independent samples of what the model will meet, and tell nothing
of what another training run would have given.

References:
    Edwin Wilson. Probable inference, the law of succession, and statistical inference. JASA 22,
    1927. https://doi.org/10.1080/01621459.1927.10502953
    Bradley Efron, Robert Tibshirani. An introduction to the bootstrap. 1993.

>>> tuple(round(limit, 4) for limit in wilson(90, 100))
(0.8256, 0.9448)
"""

import functools
import inspect
import math
from collections.abc import Callable, Iterator
from statistics import NormalDist
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec

CHUNK = 2**22
"""Most weights held at once: 32 MB."""


def interval(
    metric: str | Spec | Callable[..., float],
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """The interval of a metric: Wilson's for a proportion, the bootstrap's otherwise.

    Args:
        metric: `"f1:average=weighted"`, or any function of outputs and targets.
        outputs: logits or values of all examples.
        targets: the right answers.
        level: how often the interval should hold the true value.
        resamples: number of bootstrap resamples.
        seed: of the bootstrap.

    Raises:
        UsageError: unknown metric, or outputs and targets that it cannot take.
    """
    measure = build(metric, kind="metric") if isinstance(metric, str | Spec) else metric
    trials = _twin(measure, "trials")
    proportion = trials(outputs, targets) if trials else None
    if proportion is not None:
        return wilson(*proportion, level=level)
    limits = _twin(measure, "limits")
    if limits:
        return limits(outputs, targets, level=level, resamples=resamples, seed=seed)
    return bootstrap(measure, outputs, targets, level=level, resamples=resamples, seed=seed)


def wilson(successes: int, trials: int, /, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion; from 0 to 1 where there were no trials.

    Raises:
        UsageError: more successes than trials, or a negative number of them.
    """
    if not 0 <= successes <= trials:
        raise UsageError(f"{successes} successes of {trials} trials; expected 0 to {trials}")
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    p, shrink = successes / trials, z * z / trials
    middle = p + shrink / 2
    reach = z * math.sqrt(p * (1 - p) / trials + shrink / (4 * trials))
    low, high = (middle - reach) / (1 + shrink), (middle + reach) / (1 + shrink)
    # At the ends rounding leaves 1e-17 where the formula gives 0 or 1 exactly.
    return 0.0 if successes == 0 else low, 1.0 if successes == trials else high


def bootstrap(
    metric: Callable[..., float],
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """The percentile bootstrap's interval.

    Cartograd's metrics take many resamples at once, as weights; any other function is called once
    per resample. Resamples on which the metric is undefined (NaN) are left out.
    """
    outputs, targets = outputs.detach().cpu(), targets.detach().cpu()
    weighed = _twin(metric, "weighed")
    generator = torch.Generator().manual_seed(seed)
    estimates = []
    for counts in draws(len(targets), resamples, generator):
        if weighed:
            estimates.append(weighed(outputs, targets, counts.double()))
            continue
        for count in counts:
            rows = torch.arange(len(targets)).repeat_interleave(count)
            value = float(metric(outputs[rows], targets[rows]))
            estimates.append(torch.tensor([value], dtype=torch.float64))
    values = torch.cat(estimates)
    sides = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = values.nanquantile(sides).tolist()
    return low, high


def draws(n: int, resamples: int, generator: torch.Generator) -> Iterator[Tensor]:
    """How often each example is in each resample of n with replacement, some at a time."""
    rows = max(1, min(resamples, CHUNK // n))
    for start in range(0, resamples, rows):
        number = min(rows, resamples - start)
        chosen = torch.randint(n, (number, n), generator=generator)
        chosen += torch.arange(number)[:, None] * n
        yield chosen.flatten().bincount(minlength=number * n).reshape(number, n)


def _twin(metric: Callable[..., float], name: str) -> Callable[..., Any] | None:
    """Another form of one of our metrics, from the same file and with the same arguments."""
    bound = metric if isinstance(metric, functools.partial) else functools.partial(metric)
    home = inspect.getmodule(bound.func)
    if home is None or not home.__name__.startswith("cartograd.practice.metrics."):
        return None
    twin = vars(home).get(name)
    return None if twin is None else functools.partial(twin, **bound.keywords)
