"""Intervals of proportions that hold what they state, however few trials there are.

Clopper and Pearson's interval is of those proportions p under which neither so many successes nor
so few would be rarer than 2.5 %. It holds the true one at least as often as it states, for every p
and every n, where shorter ones (Wilson's) hold it so often on average over p only: of 30 trials at
p = 0.995 Wilson's does in 86 of 100.

    low = B(0.025; s, n - s + 1),    high = B(0.975; s + 1, n - s)      quantiles of the beta

A mean over classes of such proportions gets its ends by Zou's and Donner's method: each end is as
far from the mean as the distances of the classes' own ends make it, by the variance formula, with
the correlation between them.

    high = mean + sqrt(sum_jk c_j c_k r_jk (high_j - p_j) (high_k - p_k)),    low alike

References:
    Charles Clopper, Egon Pearson. The use of confidence or fiducial limits illustrated in the case
    of the binomial. Biometrika 26, 1934. https://doi.org/10.1093/biomet/26.4.404
    Edward Korn, Barry Graubard. Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data. Survey Methodology 24, 1998 (rows of positions).
    Guang Yong Zou, Allan Donner. Construction of confidence limits about effect measures: a
    general approach. Statistics in Medicine 27, 2008. https://doi.org/10.1002/sim.3095

>>> tuple(round(end, 4) for end in exact(90, 100))
(0.8238, 0.951)
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError


def exact(successes: float, trials: float, /, *, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval; from 0 to 1 where there were no trials.

    Raises:
        UsageError: more successes than trials, or a negative number of them.
    """
    from scipy.special import betaincinv

    if not 0 <= successes <= trials:
        raise UsageError(f"{successes} successes of {trials} trials; expected 0 to {trials}")
    least, most, failures = (1 - level) / 2, (1 + level) / 2, trials - successes
    low = float(betaincinv(successes, failures + 1, least)) if successes else 0.0
    high = float(betaincinv(successes + 1, failures, most)) if failures else 1.0
    return low, high


def of_rows(
    share: float, moves: Float[Tensor, " n"], total: float, /, *, level: float = 0.95
) -> tuple[float, float]:
    """The interval of a share of positions that are not independent within their rows.

    They count for as many independent ones as would have that variance (Korn and Graubard), and
    for no more than there are; where all are alike, only the rows count.

    Args:
        share: of all positions.
        moves: the influence of each row.
        total: how many positions there are.
        level: how often the interval should hold the true share.
    """
    rows = len(moves)
    variance = float(moves.square().sum()) / max(1, rows - 1) / rows
    trials = share * (1 - share) / variance if variance > 0 else float(rows)
    trials = min(trials, total)
    return exact(min(share * trials, trials), trials, level=level)


def of_classes(
    shares: Float[Tensor, " k"],
    low: Float[Tensor, " k"],
    high: Float[Tensor, " k"],
    /,
    *,
    counted: Float[Tensor, " k"] | None = None,
    together: Float[Tensor, "k k"] | None = None,
    drift: float = 0.0,
) -> tuple[float, float]:
    """The interval of the mean of the classes' shares, from the interval of each.

    Args:
        shares: one for each class.
        low: the low end of each.
        high: the high end of each.
        counted: how much each class counts, if not all alike.
        together: their correlations; none where the classes do not depend on each other.
        drift: how far the mean may be off because the examples were drawn from which `counted`
            comes. It is added as it stands: one example more of a hard class lowers both.
    """
    together = torch.eye(len(shares), dtype=shares.dtype) if together is None else together
    counted = torch.ones_like(shares) if counted is None else counted
    counted = counted / counted.sum()
    mean = float(counted @ shares)
    sides = (counted * (shares - low), counted * (high - shares))
    down, up = (float((side @ together @ side).clamp(min=0).sqrt()) for side in sides)
    return max(0.0, mean - down - drift), min(1.0, mean + up + drift)
