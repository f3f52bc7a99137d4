"""The arithmetic of a fair comparison: ratios within rounds, quartiles, equality, quiet rounds."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

QUIET = 0.10
"""How far the probe may be off before a round does not count."""


@dataclass(frozen=True)
class Ratio:
    """How many times ours the rival takes: the median over rounds, and the quartiles."""

    median: float
    low: float
    high: float
    rounds: int


def ratio(ours: Sequence[float], rival: Sequence[float], /) -> Ratio:
    """The rival's time over ours, paired round by round.

    >>> ratio([1.0, 2.0, 1.0], [3.0, 4.0, 2.0])
    Ratio(median=2.0, low=2.0, high=2.5, rounds=3)
    """
    each = [b / a for a, b in zip(ours, rival, strict=True)]
    low, high = quartiles(each)
    return Ratio(statistics.median(each), low, high, len(each))


def quartiles(values: Sequence[float], /) -> tuple[float, float]:
    """The first and the third quartile, ends included; of a single value, itself twice."""
    if len(values) < 2:
        return values[0], values[0]
    cuts = statistics.quantiles(values, n=4, method="inclusive")
    return cuts[0], cuts[2]


def difference(ours: Sequence[float], rival: Sequence[float], /) -> float:
    """The largest difference between two answers, relative to the largest number of ours.

    Infinite where the answers differ in length, or one of them is not a number.

    >>> difference([1.0, -4.0], [1.0, -4.4])
    0.10000000000000009
    """
    if len(ours) != len(rival) or not all(map(math.isfinite, [*ours, *rival])):
        return math.inf
    scale = max(map(abs, ours), default=0.0) or 1.0
    return max((abs(a - b) for a, b in zip(ours, rival, strict=True)), default=0.0) / scale


def spread(readings: Sequence[float], /) -> float:
    """How far readings are apart: (largest - smallest) / median."""
    return (max(readings) - min(readings)) / statistics.median(readings)


def quiet(readings: Sequence[float], typical: float, /) -> bool:
    """Whether every reading taken around a round is within `QUIET` of the typical one."""
    return all(abs(reading - typical) <= QUIET / 2 * typical for reading in readings)
