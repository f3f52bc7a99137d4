"""Calls timed in turns, so that all of them meet the same machine, and the ratios of their times.

The ratio is of calls of one round, which follow each other: what slows the machine down for a while
slows all of them. Its interval is that of a median: between values of ranks that half of all are
below, exact for any distribution of times.
"""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from cartograd.practice.metrics.proportion import exact

SECONDS, LEAST, MOST = 0.5, 11, 400
"""How long each is timed at most, and how often it is asked at least and at most."""

WARM = 3
"""Calls before the first that counts."""

Ratio = tuple[float, float, float]
"""A median, and the ends of its 95 % interval."""


def in_turns(
    calls: Sequence[Callable[[], Any]], /, *, seconds: float = SECONDS
) -> list[tuple[float, Ratio]]:
    """Median seconds of each call, and how many times as long as the first one it took.

    Args:
        calls: the first is what the others are compared with.
        seconds: how long each is timed, at most.
    """
    spent: list[list[float]] = [[] for _ in calls]
    for call in calls:
        for _ in range(WARM):
            call()
    end, number = time.perf_counter() + seconds * len(calls), 0
    while number < LEAST or (time.perf_counter() < end and number < MOST):
        order = range(len(calls)) if number % 2 else reversed(range(len(calls)))
        for place in order:
            start = time.perf_counter()
            calls[place]()
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
