"""Several trainings of a model on the same examples: their mean, and whether two means differ.

What a model reaches varies by the seed of its training and by the examples that it happens to be
measured on, and an interval over one of the two tells nothing of the other. The trainings of an arm
meet the very same n examples (a crossed design), so the error of the mean of R trainings has two
parts, and that of the difference of two arms three:

    se^2 = s_R^2 / R + s_n^2 / n                      of one arm
    se^2 = s_R^2 / R + s_Q^2 / Q + s_d^2 / n          of second less first

with s_R, s_Q the spread of the trainings' figures, s_n that of the examples' influences, averaged
over the trainings, and s_d that of how much these differ between the arms. What comes of trainings
and examples together is in both parts, so that the interval is a little too wide, never too narrow
on that account. Student's t has the degrees of freedom that fit the sum (Satterthwaite). Of an arm
of one training nothing is known of other seeds; the interval then is of the examples alone, and
`seen` says so.

References:
    Franklin Satterthwaite. An approximate distribution of estimates of variance components.
    Biometrics Bulletin 2, 1946. https://doi.org/10.2307/3002019
    Art Owen. The pigeonhole bootstrap. Annals of Applied Statistics 1, 2007.
    https://doi.org/10.1214/07-AOAS122
    Donald Schuirmann. A comparison of the two one-sided tests procedure and the power approach for
    assessing the equivalence of average bioavailability. 1987. https://doi.org/10.1007/BF01068419

>>> few = Arm((0.8, 0.9, 0.85))
>>> low, high = mean(few).interval()
>>> round(low, 3), round(high, 3)
(0.726, 0.974)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError

BOTH = "seeds and examples"


@dataclass(frozen=True)
class Arm:
    """The trainings of one arm.

    Attributes:
        values: the metric of each.
        moves: the influence of each example on it, a row for each training; None of a metric that
            has none, whose interval is then over the trainings alone.
    """

    values: tuple[float, ...]
    moves: Float[Tensor, "... n"] | None = None

    @property
    def value(self) -> float:
        """The mean of the trainings."""
        return math.fsum(self.values) / len(self.values)

    @property
    def spread(self) -> float | None:
        """The standard deviation of the trainings; None of a single one."""
        if len(self.values) < 2:
            return None
        apart = [(one - self.value) ** 2 for one in self.values]
        return math.sqrt(math.fsum(apart) / (len(self.values) - 1))


@dataclass(frozen=True)
class Estimate:
    """A mean, or a difference of two.

    Attributes:
        value: the estimate.
        error: its standard error.
        freedom: degrees of freedom of Student's t.
        seen: what the error is over: `seeds and examples`, `seeds`, `examples` or nothing.
    """

    value: float
    error: float
    freedom: float
    seen: str

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Student's interval; without end where nothing is known of the error."""
        reach = self._quantile((1 + level) / 2) * self.error if self.seen else math.inf
        return self.value - reach, self.value + reach

    @property
    def p(self) -> float:
        """How often a difference as large would come of noise: two-sided."""
        from scipy.special import stdtr

        if not self.error:
            return 1.0 if not (self.value and self.seen) else 0.0
        return 2 * float(stdtr(self.freedom, -abs(self.value) / self.error))

    def within(self, margin: float, /, *, level: float = 0.95) -> bool:
        """Whether it is surely no larger than the margin, either way (two one-sided tests)."""
        low, high = self.interval(2 * level - 1)
        return -margin < low and high < margin

    def _quantile(self, share: float) -> float:
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, share))


def mean(arm: Arm, /) -> Estimate:
    """The mean of an arm."""
    return _estimate(arm.value, [arm], _apart(None, arm))


def difference(first: Arm, second: Arm, /) -> Estimate:
    """Second less first, on the same examples.

    Raises:
        UsageError: the arms were measured on another number of examples.
    """
    return _estimate(second.value - first.value, [first, second], _apart(first, second))


def holm(chances: Sequence[float], /) -> list[float]:
    """p-values of several comparisons at once, so that one false find is as rare as stated.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    least, found = 0.0, dict[int, float]()
    for rank, index in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        least = max(least, min(1.0, (len(chances) - rank) * chances[index]))
        found[index] = least
    return [found[index] for index in range(len(chances))]


def _apart(first: Arm | None, second: Arm) -> Tensor | None:
    """How much each example moves the figure; None where that is not known."""
    if second.moves is None or (first is not None and first.moves is None):
        return None
    moves = second.moves.double().mean(0)
    if first is None or first.moves is None:
        return moves
    if first.moves.shape[1] != second.moves.shape[1]:
        raise UsageError(
            f"{first.moves.shape[1]} and {second.moves.shape[1]} examples; expected the same"
        )
    return moves - first.moves.double().mean(0)


def _estimate(value: float, arms: list[Arm], moves: Tensor | None) -> Estimate:
    """The variances of seeds and examples together, with the degrees of freedom that fit."""
    parts: list[tuple[float, int]] = []  # a variance, and its degrees of freedom
    known = all(arm.spread is not None for arm in arms)
    for arm in arms if known else []:
        assert arm.spread is not None
        parts.append((arm.spread**2 / len(arm.values), len(arm.values) - 1))
    counted = moves is not None and len(moves) > 1
    if counted:
        assert moves is not None
        parts.append((float(torch.var(moves)) / len(moves), len(moves) - 1))
    whole = math.fsum(variance for variance, _ in parts)
    below = math.fsum(variance**2 / freedom for variance, freedom in parts)
    freedom = whole**2 / below if below else float(max((n for _, n in parts), default=1))
    seen = BOTH if known and counted else "seeds" if known else "examples" if counted else ""
    return Estimate(value, math.sqrt(whole), freedom, seen)
