"""Rényi accountant: a bound on the privacy of many steps from the moments of their losses.

The Rényi divergence of order alpha between what is told with an example and without it adds up over
steps; each order gives an eps for a delta, and the best order counts. It is quicker and looser than
the distribution of the losses itself (`loss_distribution`).

    A(alpha) = E_(x ~ N(0, s^2)) (1 - q + q exp((2 x - 1) / (2 s^2)))^alpha
    rho = log A(alpha) / (alpha - 1)
    eps = steps rho + log((alpha - 1) / alpha) - (log delta + log alpha) / (alpha - 1)

Departures: whole orders only, of which 2 to 512 are looked at.

References:
    Ilya Mironov, Kunal Talwar, Li Zhang. Rényi differential privacy of the sampled Gaussian
    mechanism. 2019. https://arxiv.org/abs/1908.10530
    Borja Balle, Gilles Barthe, Marco Gaboardi, Justin Hsu, Tetsuya Sato. Hypothesis testing
    interpretations and Rényi differential privacy. AISTATS 2020. https://arxiv.org/abs/1905.09982
"""

import math
from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp

ORDERS = (*range(2, 65), *range(68, 129, 4), *range(144, 513, 16))


def divergence(order: int, rate: float, noise: float, /) -> float:
    """The divergence of a step, of a whole order from 2 on.

    >>> divergence(2, 1.0, 2.0) == 2 / (2 * 2.0**2)
    True
    """
    if rate == 1:
        return order / (2 * noise**2)
    k = np.arange(order + 1)
    binomial = gammaln(order + 1) - gammaln(k + 1) - gammaln(order - k + 1)
    moments = binomial + k * math.log(rate) + (order - k) * math.log1p(-rate)
    summed: Any = logsumexp(moments + (k * k - k) / (2 * noise**2))
    return float(summed) / (order - 1)


def epsilon(*, rate: float, noise: float, steps: int, delta: float) -> float:
    """Eps of so many steps (see `loss_distribution.epsilon`), never below the true one.

    >>> round(epsilon(rate=0.04, noise=1.5, steps=2250, delta=1e-5), 2)
    7.33
    """
    if steps == 0:
        return 0.0
    if noise == 0:
        return math.inf
    found = (
        steps * divergence(order, rate, noise)
        + math.log1p(-1 / order)
        - math.log(delta * order) / (order - 1)
        for order in ORDERS
    )
    return max(0.0, min(found))
