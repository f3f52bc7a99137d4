"""The interval of the area under the ROC curve, also near 1 and for a rare class.

Two intervals, of which each is right where the other fails, and the wider one of both at each end.
Newcombe's asks which areas would not contradict the one observed, by the variance V that areas
have where scores of both classes are spread alike; it holds at an area of 1, too. DeLong's takes
the variance from the ranks themselves, so that unequal spreads do not mislead it, on the scale of
the area's log-odds; as it is estimated from the few examples of each class, its quantile is that of
Student's t with the degrees of freedom of both estimates together, as Brunner's and Munzel's test
has it.

    Newcombe: |A - a| <= z sqrt(V(a)),   N = (m + n) / 2 - 1
    V(a) = a (1 - a) (1 + N (1 - a) / (2 - a) + N a / (1 + a)) / (m n)
    DeLong: logit(A) -+ t_f sqrt(s_m^2 / m + s_n^2 / n) / (A (1 - A))
    f = (s_m^2 / m + s_n^2 / n)^2 / ((s_m^2 / m)^2 / (m - 1) + (s_n^2 / n)^2 / (n - 1))

for m examples of the class and n others.

References:
    Robert Newcombe. Confidence intervals for an effect size measure based on the Mann-Whitney
    statistic, part 2. Statistics in Medicine 25, 2006, method 5. https://doi.org/10.1002/sim.2324
    Elizabeth DeLong, David DeLong, Daniel Clarke-Pearson. Comparing the areas under two or more
    correlated receiver operating characteristic curves. Biometrics 44, 1988.
    https://doi.org/10.2307/2531595
    Edgar Brunner, Ullrich Munzel. The nonparametric Behrens-Fisher problem: asymptotic theory and a
    small-sample approximation. Biometrical Journal 42, 2000.
    https://doi.org/10.1002/(SICI)1521-4036(200001)42:1%3C17::AID-BIMJ17%3E3.0.CO;2-U
"""

import math
from statistics import NormalDist

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def limits(
    area: float,
    moves: Float[Tensor, " n"],
    positive: Bool[Tensor, " n"],
    /,
    *,
    level: float = 0.95,
) -> tuple[float, float]:
    """The interval of one class's area.

    Args:
        area: under the curve.
        moves: the influence of each example.
        positive: which examples are of the class.
        level: how often the interval should hold the true area.
    """
    from scipy.special import stdtrit

    z = NormalDist().inv_cdf((1 + level) / 2)
    m = int(positive.sum())
    ends = _newcombe(area, m, len(positive) - m, z)
    if not 0 < area < 1:
        return ends
    error, freedom = spread(moves, positive)
    if not error:
        return ends
    reach = float(stdtrit(freedom, (1 + level) / 2)) * error / (area * (1 - area))
    odds = math.log(area / (1 - area))
    low, high = (0.5 + 0.5 * math.tanh(end / 2) for end in (odds - reach, odds + reach))
    return min(low, ends[0]), max(high, ends[1])


def spread(moves: Float[Tensor, " n"], positive: Bool[Tensor, " n"], /) -> tuple[float, float]:
    """The standard error of an area, and the degrees of freedom of its estimate.

    Args:
        moves: the influence of each example.
        positive: which examples are of the class.
    """
    parts = (moves[positive], moves[~positive])
    each = [float(one.square().sum()) * len(one) / max(1, len(one) - 1) for one in parts]
    variance = sum(each)
    own = sum(v * v / max(1, len(one) - 1) for v, one in zip(each, parts, strict=True))
    return math.sqrt(variance) / len(positive), variance**2 / own if own else 1.0


def correlations(moves: Float[Tensor, "k n"], /) -> Float[Tensor, "k k"]:
    """Between the areas of the classes; those below 0 count as none, which widens the interval."""
    shared = moves @ moves.T
    spread = shared.diagonal().sqrt()
    found = shared / (spread[:, None] * spread).clamp(min=1e-300)
    return found.clamp(min=0).where(~torch.eye(len(found), dtype=torch.bool), 1.0)


def _newcombe(area: float, m: int, n: int, z: float) -> tuple[float, float]:
    """The areas that the observed one does not contradict, by halving."""
    half = (m + n) / 2 - 1

    def held(a: float) -> bool:
        inner = 1 + half * ((1 - a) / (2 - a) + a / (1 + a))
        return (area - a) ** 2 <= z * z * a * (1 - a) * inner / (m * n)

    ends = []
    for outside in (0.0, 1.0):
        inside = area
        for _ in range(50 if area != outside else 0):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if held(middle) else (inside, middle)
        ends.append(inside)
    return ends[0], ends[1]
