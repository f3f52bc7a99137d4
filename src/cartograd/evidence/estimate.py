"""An estimate from a few figures, the interval around it, and the effect it could have seen.

The figures are one for each seed, or one for each task: whichever the statement speaks of is the
unit. An interval that reaches to both sides of a bound shows nothing; what it could have shown is
the smallest true distance from the bound that four of five such experiments, with as many units
and as much spread, would have found to be there (power 0.8).

    power(d) = P(T > t) with T noncentral Student of n - 1 degrees, centre d / (s / sqrt(n))

References:
    Jacob Cohen. Statistical power analysis for the behavioral sciences. 2nd edition, 1988.
    Edwin Wilson. Probable inference, the law of succession, and statistical inference. JASA 22,
    1927. https://doi.org/10.1080/01621459.1927.10502953

>>> found = mean([1.0, 2.0, 3.0])
>>> [round(number, 3) for number in (found.value, found.low, found.high)]
[2.0, -0.484, 4.484]
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

POWER = 0.8
"""How often an effect as large as the one that could have been seen would be found."""


@dataclass(frozen=True)
class Interval:
    """An estimate and the interval around it.

    Attributes:
        value: the estimate.
        low, high: the interval; both equal to the value where there is none.
        method: how it was made.
        reach: the smallest true distance from a bound that would mostly have been found: a
            difference, for `ratio` a factor; None where that cannot be said.
    """

    value: float
    low: float
    high: float
    method: str
    reach: float | None = None


def mean(values: Sequence[float], /, *, level: float = 0.95, unit: str = "seeds") -> Interval:
    """The mean and Student's interval, which takes the figures of units as normal."""
    from scipy import stats

    n = len(values)
    method = f"mean of {n} {unit}, Student's t, {level:.0%}"
    if not all(map(math.isfinite, values)):
        return Interval(math.nan, -math.inf, math.inf, method)
    value = math.fsum(values) / n
    if n < 2:
        return Interval(value, -math.inf, math.inf, f"one {unit.removesuffix('s')}: no interval")
    spread = math.sqrt(math.fsum((one - value) ** 2 for one in values) / (n - 1) / n)
    width = float(stats.t.ppf((1 + level) / 2, n - 1)) * spread
    return Interval(value, value - width, value + width, method, _centre(n, level) * spread)


def ratio(values: Sequence[float], /, *, level: float = 0.95, unit: str = "seeds") -> Interval:
    """The geometric mean of positive figures and its interval, by Student's t on the logarithms."""
    method = f"geometric mean of {len(values)} {unit}, Student's t on logarithms, {level:.0%}"
    if not all(0 < one < math.inf for one in values):
        return Interval(math.nan, 0.0, math.inf, method)
    found = mean([math.log(one) for one in values], level=level, unit=unit)
    value, low, high = (math.exp(min(one, 700.0)) for one in (found.value, found.low, found.high))
    reach = None if found.reach is None else math.exp(min(found.reach, 700.0))
    return Interval(value, low, high, method if len(values) > 1 else found.method, reach)


def share(
    values: Sequence[float], /, *, bound: float = 0.0, level: float = 0.95, unit: str = "seeds"
) -> Interval:
    """The share of figures other than 0, and Wilson's interval; its reach is from the bound."""
    from cartograd.practice.metrics.interval import wilson

    hits, n = sum(bool(one) for one in values), len(values)
    limits = wilson(hits, n, level=level)
    method = f"{hits} of {n} {unit}, Wilson, {level:.0%}"
    return Interval(hits / n, *limits, method, _share_apart(n, bound, level))


@cache
def _centre(n: int, level: float) -> float:
    """How many standard errors from the bound the truth has to be, to be found with `POWER`."""
    from scipy import optimize, stats

    least = stats.t.ppf((1 + level) / 2, n - 1)

    def short(centre: float) -> float:
        return float(stats.nct.sf(least, n - 1, centre)) - POWER

    return float(optimize.root_scalar(short, bracket=(0.0, 200.0)).root)


@cache
def _share_apart(n: int, bound: float, level: float) -> float | None:
    """The least distance above or below the bound at which a share is found with `POWER`."""
    from scipy import stats

    from cartograd.practice.metrics.interval import wilson

    limits = [wilson(hits, n, level=level) for hits in range(n + 1)]
    for step in range(1, 101):
        for truth in (bound + step / 100, bound - step / 100):
            if 0 <= truth <= 1:
                seen = [low > bound if truth > bound else high < bound for low, high in limits]
                chance = stats.binom.pmf(range(n + 1), n, truth)
                if math.fsum(p for p, found in zip(chance, seen, strict=True) if found) >= POWER:
                    return step / 100
    return None
