"""What one step of DP-SGD may tell of an example: the Gaussian mechanism on a random sample.

Each example joins a batch with chance q, by a draw of its own; the sum of what the examples say,
each of length 1 at most, is told with normal noise of spread sigma. Somebody who knows all other
examples sees a draw of P if the example is among the data, and of Q if it is not:

    P = (1 - q) N(0, sigma^2) + q N(1, sigma^2),    Q = N(0, sigma^2)

How well the two can be told apart is a curve (the hockey-stick divergence), in both directions.

    delta(eps) = sup_A P(A) - exp(eps) Q(A),   and with P and Q exchanged

References:
    Borja Balle, Yu-Xiang Wang. Improving the Gaussian mechanism for differential privacy. ICML
    2018. https://arxiv.org/abs/1805.06530
    Yuqing Zhu, Jinshuo Dong, Yu-Xiang Wang. Optimal accounting of differential privacy via
    characteristic function. AISTATS 2022. https://arxiv.org/abs/2106.08567
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

Curve = Callable[[np.ndarray], np.ndarray]
"""delta at each eps."""


def curves(rate: float, noise: float, /) -> tuple[Curve, Curve]:
    """The curve of an example taken away, and that of one added.

    Args:
        rate: chance q of an example to be in a batch.
        noise: spread sigma of the noise, in units of the longest that an example can say.
    """

    def bound(odds: np.ndarray) -> np.ndarray:
        """Where log(1 - q + q exp((2 x - 1) / (2 sigma^2))) is log(odds); -inf if never."""
        share = (odds - 1 + rate) / rate
        with np.errstate(divide="ignore"):
            return np.where(share > 0, 0.5 + noise**2 * np.log(np.maximum(share, 0)), -np.inf)

    def mixed(x: np.ndarray) -> np.ndarray:
        return (1 - rate) * ndtr(x / noise) + rate * ndtr((x - 1) / noise)

    def removed(eps: np.ndarray) -> np.ndarray:
        at = bound(np.exp(eps))
        above = (1 - rate) * ndtr(-at / noise) + rate * ndtr((1 - at) / noise)
        return np.maximum(above - np.exp(eps) * ndtr(-at / noise), 0)

    def added(eps: np.ndarray) -> np.ndarray:
        at = bound(np.exp(-eps))
        return np.maximum(ndtr(at / noise) - np.exp(eps) * mixed(at), 0)

    return removed, added


def gaussian_delta(eps: float, mu: float, /) -> float:
    """Delta of a Gaussian mechanism with mean mu = sqrt(steps) / sigma, no sampling: closed form.

    >>> round(gaussian_delta(1.0, 0.5), 5)
    0.00683
    """
    first, second = mu / 2 - eps / mu, -mu / 2 - eps / mu
    return float(ndtr(first)) - math.exp(eps) * float(ndtr(second))
