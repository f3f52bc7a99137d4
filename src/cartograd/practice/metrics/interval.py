"""Confidence intervals of metrics: they hold the true value as often as they state.

A proportion (accuracy; precision, recall and F1 of one class) gets Clopper and Pearson's exact
interval, a mean over classes what follows from those (`class_limits`), the area under the ROC
curve and the calibration error one of their own (`auc_limits`, `ece`). Any other metric of ours is
a mean, or nearly: it gets Student's interval, mended for skewness (`influence`). For a function of
your own the examples are drawn with replacement many times, and the interval is between two
percentiles, moved outwards as Student's is against the normal one.

All assume that the examples are independent samples of what the model will meet, and tell nothing
of what another training run would have given. How often they hold is measured on data of known
truths: `python -m tools.intervals`, docs/results/intervals.md. Where it is not what
they state, `doubted` says so: of few examples, in all or of a class where each counts by itself,
and of losses most of which a few examples make.

    Wilson: (p + z^2 / 2n  -+  z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)

References:
    Edwin Wilson. Probable inference, the law of succession, and statistical inference. JASA 22,
    1927. https://doi.org/10.1080/01621459.1927.10502953
    Bradley Efron, Robert Tibshirani. An introduction to the bootstrap. 1993.
    Tim Hesterberg. What teachers should know about the bootstrap. The American Statistician 69,
    2015. https://doi.org/10.1080/00031305.2015.1089789

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
from cartograd.practice.metrics import given
from cartograd.practice.metrics.influence import (
    few,
    left_out,
    of_examples,
    scarce,
    skewed,
    uneven,
)
from cartograd.practice.metrics.proportion import exact

CHUNK = 2**22
"""Most examples drawn at once."""

DRAWN = "examples drawn again, which makes it too narrow where they are few"
"""What is to be said of the bootstrap's interval."""


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
    """The interval of a metric.

    Args:
        metric: `"f1:average=weighted"`, or any function of outputs and targets.
        outputs: logits or values of all examples.
        targets: the right answers.
        level: how often the interval should hold the true value.
        resamples: number of bootstrap resamples, for a function of your own.
        seed: of the bootstrap.

    Raises:
        UsageError: unknown metric, or outputs and targets that it cannot take.
    """
    more: Any = {"level": level, "resamples": resamples, "seed": seed}
    return doubted(metric, outputs, targets, **more)[0]


def doubted(
    metric: str | Spec | Callable[..., float],
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[tuple[float, float], str]:
    """The interval, and why it may hold the true value less often than it states, if so."""
    measure = build(metric, kind="metric") if isinstance(metric, str | Spec) else metric
    outputs, targets = outputs.detach().cpu(), targets.detach().cpu()
    trials, limits = twin(measure, "trials"), twin(measure, "limits")
    if trials:
        return exact(*trials(outputs, targets), level=level), ""
    found = limits(outputs, targets, level=level) if limits else None
    if found is not None:
        of_each = twin(measure, "OF_EACH")
        return found, few(len(targets)) or (
            scarce(given.classes(outputs, targets)[1]) if of_each else ""
        )
    moves = moved(measure, outputs, targets)
    if moves is None:
        more: Any = {"level": level, "resamples": resamples, "seed": seed}
        return bootstrap(measure, outputs, targets, **more), DRAWN
    value = float(measure(outputs, targets))
    scale = twin(measure, "SCALE") or "mean"
    return skewed(value, moves, scale=scale, level=level), uneven(moves)


def moved(
    metric: Callable[..., float], outputs: Tensor, targets: Tensor, /
) -> Float[Tensor, " n"] | None:
    """The influence of each example on one of our metrics; None of another function."""
    weighed = twin(metric, "weighed")
    if not weighed:
        return None
    tried = twin(metric, "SCALE") == "log of 1 -" or twin(metric, "TRIED")
    slopes = left_out if tried else of_examples
    return slopes(lambda weights: weighed(outputs, targets, weights), len(targets))


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
    """The percentile bootstrap's interval, as much wider as Student's is than the normal one.

    Resamples on which the metric is undefined (NaN) are left out.
    """
    n = len(targets)
    generator = torch.Generator().manual_seed(seed)
    values = torch.tensor(
        [
            float(metric(outputs[rows], targets[rows]))
            for counts in draws(n, resamples, generator)
            for rows in (torch.arange(n).repeat_interleave(count) for count in counts)
        ],
        dtype=torch.float64,
    )
    low, high = values.nanquantile(torch.tensor(sides(n, level), dtype=torch.float64)).tolist()
    return low, high


def sides(n: int, level: float, /) -> tuple[float, float]:
    """Between which shares of the resamples of n examples the interval is (Hesterberg, 2015)."""
    from scipy.special import stdtrit

    reach = math.sqrt(n / max(1, n - 1)) * float(stdtrit(max(1, n - 1), (1 + level) / 2))
    most = NormalDist().cdf(reach)
    return 1 - most, most


def draws(n: int, resamples: int, generator: torch.Generator) -> Iterator[Tensor]:
    """How often each example is in each resample of n with replacement, some at a time."""
    rows = max(1, min(resamples, CHUNK // n))
    for start in range(0, resamples, rows):
        number = min(rows, resamples - start)
        chosen = torch.randint(n, (number, n), generator=generator)
        chosen += torch.arange(number)[:, None] * n
        yield chosen.flatten().bincount(minlength=number * n).reshape(number, n)


def twin(metric: Callable[..., float], name: str, /) -> Any:
    """What goes with one of our metrics, from its file: a form with its arguments, or a word."""
    bound = metric if isinstance(metric, functools.partial) else functools.partial(metric)
    home = inspect.getmodule(bound.func)
    if home is None or not home.__name__.startswith("cartograd.practice.metrics."):
        return None
    found = vars(home).get(name)
    return functools.partial(found, **bound.keywords) if callable(found) else found
