"""Calls timed in turns, so that all of them meet the same machine, and the ratios of their times.

A call alone is timed the same way: every time that the package tells of a model comes from here,
from so many calls that one of them does not count, with its spread. The ratio is of calls of one
round, which follow each other: what slows the machine down for a while slows all of them. Its
interval is that of a median: between values of ranks that half of all are below, exact for any
distribution of times.
"""

import time
from collections.abc import Callable, Sequence
from statistics import median, quantiles
from typing import Any, NamedTuple

from cartograd.practice.metrics.proportion import exact

SECONDS, CALLS = 0.2, 30
"""How long each is timed at least, and how often it is asked at least ..."""

PATIENCE, LEAST = 2.0, 7
"""... but for slow ones: no longer than so many seconds each, once it was asked so often."""

WARM = 3
"""Calls before the first that counts."""

Ratio = tuple[float, float, float]
"""A median, and the ends of its 95 % interval."""


class Spent(NamedTuple):
    """What a call took.

    Attributes:
        seconds: the median of all calls.
        ratio: how many times as long as the first of the calls.
        half: the quartiles: half of all calls were between.
        surely: the 95 % interval of the median.
        calls: how often it was asked.
    """

    seconds: float
    ratio: Ratio
    half: tuple[float, float]
    surely: tuple[float, float]
    calls: int


def in_turns(calls: Sequence[Callable[[], Any]], /) -> list[Spent]:
    """What each call took, and how many times as long as the first one.

    Args:
        calls: the first is what the others are compared with.
    """
    spent: list[list[float]] = [[] for _ in calls]
    for call in calls:
        for _ in range(WARM):
            call()
    began, number = time.perf_counter(), 0
    while _goes_on(number, (time.perf_counter() - began) / len(calls)):
        order = range(len(calls)) if number % 2 else reversed(range(len(calls)))
        for place in order:
            start = time.perf_counter()
            calls[place]()
            spent[place].append(time.perf_counter() - start)
        number += 1
    return [_of(times, [b / a for a, b in zip(spent[0], times, strict=True)]) for times in spent]


def _goes_on(number: int, seconds: float) -> bool:
    """Whether more calls are needed, or a slow one has been asked for long enough."""
    wanted = number < CALLS or seconds < SECONDS
    return number < LEAST or (wanted and seconds < PATIENCE)


def _of(times: Sequence[float], ratios: Sequence[float]) -> Spent:
    low, _, high = quantiles(times, n=4, method="inclusive")
    middle, *ends = of_median(times)
    return Spent(middle, of_median(ratios), (low, high), (ends[0], ends[1]), len(times))


def of_median(values: Sequence[float], /) -> Ratio:
    """A median and its exact interval: between the values of ranks that half of all are below.

    >>> of_median([1.0] * 20)
    (1.0, 1.0, 1.0)
    """
    n, ordered = len(values), sorted(values)
    low, high = exact(n / 2, n)
    ends = ordered[max(0, int(low * n) - 1)], ordered[min(n - 1, int(high * n) + 1)]
    return (median(ordered), *ends)
