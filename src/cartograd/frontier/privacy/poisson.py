"""Batches that each example joins by a draw of its own, as accounts of privacy take for granted.

Batches of a fixed size, cut from a shuffled order, are not covered by the amplification that the
accounts count on: an example would be in exactly one batch of each epoch.

References:
    Martin Abadi and others. Deep learning with differential privacy, section 2.2. CCS 2016.
    https://arxiv.org/abs/1607.00133
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from cartograd.core.protocols import Batch
from cartograd.data.dataset.augment import Chain
from cartograd.data.dataset.dataset import Examples
from cartograd.engine.device.randomness import mixed


@dataclass(frozen=True)
class PoissonBatches:
    """Batches `(inputs, ..., target, joined)`; `joined` says which rows are in the batch.

    A batch that no example joined has one row, which is not in it.

    Attributes:
        part: the examples.
        rate: chance of an example to join a batch.
        steps: batches in an epoch.
        secret: what the draws come from, besides the epoch and the number of the batch.
        augment: what changes the examples.
    """

    part: Examples
    rate: float
    steps: int
    secret: Callable[[], int]
    augment: Chain | None = None

    def __len__(self) -> int:
        return self.steps

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from batch `start` on; `seed` is that of augmentation alone."""
        for place in range(start, self.steps):
            step = number * self.steps + place
            draw = torch.Generator().manual_seed(mixed(self.secret(), step))
            chosen = (torch.rand(len(self.part), generator=draw) < self.rate).nonzero()[:, 0]
            joined = torch.ones(max(1, len(chosen)), dtype=torch.bool)
            if not len(chosen):
                chosen, joined = torch.zeros(1, dtype=torch.int64), ~joined
            batches = self.part.select(chosen).batches(
                batch_size=len(chosen), shuffle=False, augment=self.augment
            )
            yield (*next(iter(batches.epoch(step, seed=seed))), joined)
