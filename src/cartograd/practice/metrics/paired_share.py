"""By how much two models' shares of right answers differ on the same examples: Tango's interval.

A difference d of two shares of the same n examples is held possible while its score is not too
large. The score asks how far b - c, the examples that only the second model gets right less those
that only the first does, is from n d, in standard deviations as they would be if d were true: with
q the likeliest share of examples that only the first gets right, given d.

    T(d) = (b - c - n d) / sqrt(n (2 q + d (1 - d)))
    q = (sqrt(B^2 - 4 A C) - B) / 2 A,  A = 2 n,  B = (2 n - b + c) d - b - c,  C = -c d (1 - d)

The distance is taken half an example shorter (Yates). Summed over all outcomes of 20 to 300
examples, a difference that is not there is then claimed in at most 4.5 of 100 samples where it may
be in 5; without it in up to 5.8.

References:
    Toshiro Tango. Equivalence test and confidence interval for the difference in proportions for
    the paired-sample design. Statistics in Medicine 17, 1998.
    https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8%3C891::AID-SIM780%3E3.0.CO;2-B

>>> [round(end, 4) for end in bounds(8, 5, 200)]
[-0.0189, 0.0509]
"""

import math
from collections.abc import Callable
from statistics import NormalDist

from cartograd.core.errors import UsageError

CLOSE = 1e-9
"""How near an end of the interval is found."""


def bounds(
    second: float, first: float, examples: float, /, *, level: float = 0.95
) -> tuple[float, float]:
    """The one-sided bounds of the second model's share less the first's, each of this level.

    Args:
        second: examples that only the second model gets right.
        first: examples that only the first one gets right.
        examples: all of them.
        level: how often the true difference is at least the lower bound, and how often it is at
            most the upper one.

    Raises:
        UsageError: a count is below 0, or there are fewer examples than these.
    """
    if min(second, first) < 0 or examples <= 0 or second + first > examples * (1 + 1e-12):
        raise UsageError(
            f"{second} and {first} of {examples} examples; expected counts from 0, together at "
            "most all examples"
        )
    z = NormalDist().inv_cdf(level)
    low = _crossing(lambda d: score(second, first, examples, d) - z)
    high = -_crossing(lambda d: score(first, second, examples, d) - z)
    return low, high


def score(second: float, first: float, examples: float, d: float, /) -> float:
    """How far above `d` the difference was found, in standard deviations; 0 where it is below."""
    n = examples
    far = second - first - n * d - 0.5
    if far <= 0:
        return 0.0
    B = (2 * n - second + first) * d - second - first
    C = -first * d * (1 - d)
    q = (math.sqrt(max(0.0, B * B - 8 * n * C)) - B) / (4 * n)
    spread = n * (2 * q + d * (1 - d))
    return far / math.sqrt(spread) if spread > 0 else math.inf


def _crossing(above: Callable[[float], float]) -> float:
    """The least difference whose score is not too large; the score falls as it rises."""
    low, high = -1.0, 1.0
    while high - low > CLOSE:
        middle = (low + high) / 2
        low, high = (middle, high) if above(middle) > 0 else (low, middle)
    return (low + high) / 2
