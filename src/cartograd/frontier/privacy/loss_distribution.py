"""The privacy loss of many steps, exactly: distributions of losses, added up by Fourier transforms.

How much an answer speaks for the presence of an example is a random number, its privacy loss; the
losses of several steps add up, so the distribution of the sum is a convolution. A curve delta(eps)
of one step is a distribution of losses: connecting its values on a grid by lines in exp(eps) gives
one on the grid that is never better than the true one, so what is computed is a bound.

    delta(eps) = p_inf + sum_j p_j (1 - exp(eps - l_j))_+,    l_j = j h
    q_j = s_j - s_(j-1),  p_j = q_j exp(l_j),   s_j: slope of delta in exp(eps) from l_j to l_(j+1)

Shapes: distributions are arrays over the grid.

Departures: tails of 1e-13 at either end count as an infinite loss.

References:
    Vadym Doroshenko, Badih Ghazi, Pritish Kamath, Ravi Kumar, Pasin Manurangsi. Connect the dots:
    tighter discrete approximations of privacy loss distributions. PETS 2022.
    https://arxiv.org/abs/2207.04380
    Antti Koskela, Joonas Jälkö, Antti Honkela. Computing tight differential privacy guarantees
    using FFT. AISTATS 2020. https://arxiv.org/abs/1906.03049
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.fft import next_fast_len
from scipy.special import logsumexp

from cartograd.frontier.privacy.sampled_gaussian import Curve, curves

TAIL = 1e-13
"""Of the mass of a distribution, what may lie beyond either end of its grid."""
STEP, MOST = 1e-4, 2**21
"""Distance of the grid's losses, and how many there are at most; else the distance grows."""


@dataclass(frozen=True)
class Losses:
    """A distribution of losses on a grid.

    Attributes:
        first: number of the first loss of the grid, in steps from 0.
        step: distance of two.
        mass: of each.
        infinite: mass of an infinite loss.
    """

    first: int
    step: float
    mass: np.ndarray
    infinite: float

    @property
    def values(self) -> np.ndarray:
        """The losses of the grid."""
        return (self.first + np.arange(len(self.mass))) * self.step

    def times(self, count: int, /) -> "Losses":
        """The distribution of the sum of so many independent losses."""
        if count == 1:
            return self
        low, high = (self._reach(count, sign) for sign in (-1, 1))
        first, last = math.floor(-low / self.step), math.ceil(high / self.step)
        size = int(next_fast_len(max(last - first + 1, len(self.mass)), real=True) or 0)
        mass = np.zeros(size)
        mass[: len(self.mass)] = self.mass
        summed = np.fft.irfft(np.fft.rfft(mass) ** count, size)
        # The ring's place k stands for the loss count * self.first + k, modulo its size.
        moved = np.roll(summed, (count * self.first - first) % size)
        finite = (1 - self.infinite) ** count
        beyond = 2 * TAIL + 1 - finite
        return Losses(first, self.step, np.maximum(moved[: last - first + 1], 0), beyond)

    def _reach(self, count: int, sign: int) -> float:
        """A loss that the sum passes (in this direction) with chance TAIL at most, by Chernoff."""
        some = self.mass > 0
        values, logs = sign * self.values[some], np.log(self.mass[some])
        powers = np.geomspace(1e-2, 1e3, 12)
        rises = np.array([logsumexp(power * values + logs) for power in powers])
        return float(((count * rises - math.log(TAIL)) / powers).min())

    def epsilon(self, delta: float, /) -> float:
        """The least eps for this delta; infinite where the infinite losses have more mass."""
        if self.infinite >= delta:
            return math.inf
        losses = self.values
        above = np.cumsum(self.mass[::-1])[::-1]
        weighed = np.cumsum((self.mass * np.exp(-losses))[::-1])[::-1]
        # delta(l_i) counts the losses from i + 1 on.
        curve = self.infinite + above[1:] - np.exp(losses[:-1]) * weighed[1:]
        inside = np.flatnonzero(curve > delta)
        place = int(inside[-1]) + 1 if len(inside) else 0
        share = (self.infinite + above[place] - delta) / weighed[place]
        return max(0.0, math.log(share)) if share > 0 else 0.0


def of_curve(curve: Curve, low: float, high: float, /, *, step: float) -> Losses:
    """Losses on a grid from `low` to `high` whose curve is nowhere below the given one."""
    first, last = math.floor(low / step), math.ceil(high / step)
    losses = np.arange(first, last + 1) * step
    delta = curve(losses)
    slope = np.diff(delta) / (np.exp(losses[:-1]) * math.expm1(step))
    # Below the grid the curve goes on as the line from (0, 1), above it stays as it is.
    start = (delta[0] - 1) / math.exp(losses[0])
    share = np.diff(slope, prepend=start, append=0.0)
    return Losses(first, step, np.maximum(share, 0) * np.exp(losses), float(delta[-1]))


def epsilon(*, rate: float, noise: float, steps: int, delta: float) -> float:
    """Eps of so many steps of the Gaussian mechanism on random samples (see `sampled_gaussian`).

    It covers data that differ by one example more or less.

    Args:
        rate: chance of an example to be in a batch.
        noise: spread of the noise, in units of the clipping norm.
        steps: how many batches were drawn.
        delta: chance with which more may be told.

    >>> round(epsilon(rate=0.04, noise=1.5, steps=2250, delta=1e-5), 2)
    6.77
    """
    if steps == 0:
        return 0.0
    if noise == 0:
        return math.inf
    return max(_one(curve, noise).times(steps).epsilon(delta) for curve in curves(rate, noise))


def _one(curve: Curve, noise: float) -> Losses:
    """One step's losses: as far out as the noise goes with a chance that counts."""
    far = 9.0 / noise + 0.5 / noise**2  # the loss (2 x - 1) / (2 sigma^2) at x = 1 + 9 sigma
    step = max(STEP, 2 * far / MOST)
    return of_curve(curve, -far, far, step=step)
