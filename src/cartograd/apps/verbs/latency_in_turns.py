"""How long several models take for one example, asked in turns so that all meet one machine."""

import time
from collections.abc import Sequence
from statistics import median

from torch import Tensor

from cartograd.core.eval_mode import inferring
from cartograd.core.signed import Signed
from cartograd.practice.metrics.proportion import exact

SECONDS, LEAST, MOST = 0.5, 11, 400
"""How long each is timed at most, and how often it is asked at least and at most."""

Ratio = tuple[float, float, float]
"""A median, and the ends of its 95 % interval."""


def latency_in_turns(
    models: Sequence[Signed], x: tuple[Tensor, ...], /
) -> list[tuple[float, Ratio]]:
    """Median seconds of each model, and how many times as long as the first one it took.

    The ratio is of calls of one round, which follow each other: what slows the machine down for a
    while slows all of them.

    Args:
        models: the first is what the others are compared with.
        x: one example.
    """
    spent: list[list[float]] = [[] for _ in models]
    with inferring(*models):
        for model in models:
            for _ in range(3):
                model(*x)
        end, number = time.perf_counter() + SECONDS * len(models), 0
        while number < LEAST or (time.perf_counter() < end and number < MOST):
            order = range(len(models)) if number % 2 else reversed(range(len(models)))
            for place in order:
                start = time.perf_counter()
                models[place](*x)
                spent[place].append(time.perf_counter() - start)
            number += 1
    ratios = [[b / a for a, b in zip(spent[0], times, strict=True)] for times in spent]
    return [(median(times), of_median(each)) for times, each in zip(spent, ratios, strict=True)]


def of_median(values: Sequence[float], /) -> Ratio:
    """A median and its exact interval: between the values of ranks that half of all are below.

    >>> of_median([1.0] * 20)
    (1.0, 1.0, 1.0)
    """
    n, ordered = len(values), sorted(values)
    low, high = exact(n / 2, n)
    ends = ordered[max(0, int(low * n) - 1)], ordered[min(n - 1, int(high * n) + 1)]
    return (median(ordered), *ends)
