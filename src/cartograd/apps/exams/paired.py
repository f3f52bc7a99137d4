"""Two models on the same items: by how much one is better, and which items only one gets right.

Shares have Tango's interval and McNemar's test, others an interval by the influence of each item.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.exams.exam import LOWER
from cartograd.practice.metrics.influence import few, of_sums, skewed, uneven
from cartograd.practice.metrics.paired import mcnemar
from cartograd.practice.metrics.paired_share import bounds


@dataclass(frozen=True)
class Paired:
    """A figure of two models on the same items.

    Attributes:
        name: of the figure.
        value: the first model's less the other's.
        low, high: its 95 % interval.
        p: McNemar's p-value, of shares.
        won, lost: the items, from 1, that only the first model gets right, and only the other.
        doubt: why the interval may hold the true difference less often than it states.
    """

    name: str
    value: float
    low: float
    high: float
    p: float | None = None
    won: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()
    doubt: str = ""

    @property
    def real(self) -> bool:
        """Whether the difference is beyond what noise makes."""
        return self.p < 0.05 if self.p is not None else not self.low <= 0 <= self.high

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return vars(self) | {"beyond_noise": self.real}


def paired(name: str, first: Sequence[Any], other: Sequence[Any], /) -> Paired:
    """By how much the first model's figure is above the other's.

    Args:
        name: of the figure.
        first: what counts in each item for one model.
        other: the same of the other model, in the same order.
    """
    one, two = (torch.tensor(values, dtype=torch.float64) for values in (first, other))
    if name in LOWER:
        (value, moves), (less, others) = _influence(name, one), _influence(name, two)
        apart = moves - others
        return Paired(name, value - less, *skewed(value - less, apart), doubt=uneven(apart))
    apart = one - two
    mean = float(apart.mean())
    if not bool(((torch.cat([one, two]) == 0) | (torch.cat([one, two]) == 1)).all()):
        return Paired(name, mean, *skewed(mean, apart - mean), doubt=uneven(apart - mean))
    won, lost = ((apart == side).nonzero()[:, 0].add(1).tolist() for side in (1, -1))
    low, high = bounds(len(won), len(lost), len(apart), level=0.975)
    p = mcnemar(len(lost), len(won))
    return Paired(name, mean, low, high, p, tuple(won), tuple(lost), few(len(apart)))


def _influence(name: str, rows: Tensor) -> tuple[float, Float[Tensor, " n"]]:
    """A perplexity, or bits for each byte, and how much each item moves it."""
    if name == "perplexity":
        rate = float(-rows.mean())
        return math.exp(rate), math.exp(rate) * (rows.mean() - rows)
    rate = float(-rows[:, 0].sum() / rows[:, 1].sum())
    moves = of_sums(lambda sums: -sums[..., 0] / sums[..., 1], rows)
    if name == "bits_per_byte":
        return rate / math.log(2), moves / math.log(2)
    return math.exp(rate), math.exp(rate) * moves
