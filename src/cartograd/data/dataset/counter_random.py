"""Counter-based random numbers of single examples: functions of seed, epoch and index only.

Whatever the batch, its order, the number of loader processes or the step at which a run was
resumed: the same example gets the same random numbers in the same epoch. There is no state; a
number is a hash of the counters, computed for all examples of a batch at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.hashing import fractions, mixed, scrambled

_STEP = 0x1E3779B97F4A7C15
"""An odd number without pattern: the step between the counters of an example."""


@dataclass(frozen=True)
class CounterRandom:
    """A counter-based random number generator, with a stream for each example.

    Attributes:
        index: indices of the batch's examples in their dataset.
        seed: of the run.
        epoch: how often the dataset has been gone through.
        place: numbers that tell apart the parts of a method, or the methods of a chain.

    >>> first = CounterRandom(torch.tensor([5, 6]), seed=1, epoch=2).uniform(3)
    >>> torch.equal(first[1:], CounterRandom(torch.tensor([6]), seed=1, epoch=2).uniform(3))
    True
    """

    index: Int[Tensor, " b"]
    seed: int = 0
    epoch: int = 0
    place: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.index)

    def within(self, number: int, /) -> "CounterRandom":
        """An independent stream, for a part of a method."""
        return replace(self, place=(*self.place, number))

    def of(self, rows: Int[Tensor, " n"], /) -> "CounterRandom":
        """The generator of some of the examples."""
        return replace(self, index=self.index[rows])

    def uniform(self, count: int, /) -> Float[Tensor, "b n"]:
        """So many numbers in [0, 1) for each example, in float64."""
        start = mixed(self.seed, self.epoch, *self.place)
        keys = scrambled(scrambled(self.index.cpu().long()) ^ start)
        return fractions(scrambled(keys[:, None] + (torch.arange(count) * _STEP)))

    def between(self, low: float, high: float, /, number: int = 0) -> Float[Tensor, " b"]:
        """One number for each example between two limits; `number` tells several apart."""
        return low + (high - low) * self.within(number).uniform(1)[:, 0]

    def integers(self, high: int, /, number: int = 0) -> Int[Tensor, " b"]:
        """One whole number from 0 to `high` - 1 for each example."""
        return (self.within(number).uniform(1)[:, 0] * high).long()

    def happens(self, probability: float, /, number: int = 0) -> Tensor:
        """Whether something that has this probability happens, for each example."""
        return self.within(number).uniform(1)[:, 0] < probability

    def normal(self, count: int, /) -> Float[Tensor, "b n"]:
        """So many numbers of mean 0 and variance 1 for each example, by Box and Muller."""
        half = (count + 1) // 2
        u1, u2 = self.uniform(2 * half).split(half, dim=1)
        radius, angle = (-2 * (1 - u1).log()).sqrt(), 2 * torch.pi * u2
        return torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)[:, :count]

    def dirichlet(self, concentration: Sequence[float], /) -> Float[Tensor, "b n"]:
        """Positive numbers that sum to 1 for each example, from a Dirichlet distribution."""
        from scipy.special import gammaincinv

        shape = torch.tensor(concentration, dtype=torch.float64)
        parts = torch.from_numpy(gammaincinv(shape.numpy(), self.uniform(len(shape)).numpy()))
        parts = parts.clamp_min(torch.finfo(torch.float64).tiny)
        return parts / parts.sum(1, keepdim=True)
