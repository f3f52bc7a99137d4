"""Batches in which each class is as frequent as any other, drawn with replacement.

Which example stands where is a function of the seed, the epoch and the place in the epoch alone
(`counter_random`): an example of a class with n_c of n examples has the chance 1 / (k n_c) at each
place. An epoch has as many places as there are examples.

>>> weights = chances(torch.tensor([0, 0, 0, 1]))
>>> [round(one, 3) for one in weights.tolist()]
[0.167, 0.167, 0.167, 0.5]
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.protocols import Batch
from cartograd.data.dataset.augment import Augment, Chain
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.data.dataset.dataset import Examples

PLACE = 7_311
"""Tells these numbers from those of augmentations."""


def chances(targets: Int[Tensor, " n"], /) -> Float[Tensor, " n"]:
    """The chance of each example at each place: the same for each class that there is."""
    counts = torch.bincount(targets)
    weights = 1 / counts[targets].double()
    return weights / weights.sum()


@dataclass(frozen=True)
class BalancedBatches:
    """Batches of drawn examples.

    Attributes:
        examples: to draw from.
        batch_size: examples in a batch; the last one holds what is left.
        augment: what changes the inputs; an example that is drawn twice is changed twice.
    """

    examples: Examples
    batch_size: int
    augment: Chain | None = None

    def __len__(self) -> int:
        return -(-len(self.examples) // self.batch_size)

    def drawn(self, number: int, /, *, seed: int) -> Int[Tensor, " n"]:
        """The examples of an epoch, in their order."""
        ends = chances(self.examples.targets).cumsum(0)
        places = CounterRandom(torch.arange(len(self.examples)), seed, number, (PLACE,))
        found = torch.searchsorted(ends, places.uniform(1)[:, 0] * ends[-1], right=True)
        return found.clamp_max(len(self.examples) - 1)

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from batch `start` on, without making the earlier ones."""
        order = self.drawn(number, seed=seed)
        changes = None
        if self.augment is not None:
            changes = Augment(self.augment, self.examples.signature.input)
        for batch in range(start, len(self)):
            here = slice(batch * self.batch_size, (batch + 1) * self.batch_size)
            some = self.examples.select(order[here])
            whole = some.batches(batch_size=len(some), shuffle=False)
            inputs, *rest = next(iter(whole.epoch(0, seed=0)))
            if changes is not None:
                places = torch.arange(len(order))[here]
                inputs = changes(inputs, places, seed=seed, epoch=number)
            yield inputs, *rest
