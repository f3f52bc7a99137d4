"""Batches of texts of unequal length that hold little padding.

Stored texts are rows of one width, filled up with a token that means nothing. A batch is as wide
as its longest row only; and in training, rows of about the same length come together: the epoch's
random order is cut into pools of many batches, each pool is sorted by length and cut into batches,
and the batches are shuffled. So a batch is still a random sample, of a random length. Everything is
a function of the seed and the epoch.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.core.protocols import Batch
from cartograd.data.dataset.plan import Plan, generator, order
from cartograd.data.decode.stored import as_target

POOL = 32
"""Batches whose examples are sorted together."""

IGNORED = -100
"""The target of positions that are ignored."""


def lengths(rows: Int[Tensor, "n t"], padding_id: int, /) -> Int[Tensor, " n"]:
    """The length of each row without its padding.

    >>> lengths(torch.tensor([[5, 0, 7, 0], [0, 0, 0, 0]]), 0).tolist()
    [3, 0]
    """
    position = torch.arange(1, rows.shape[1] + 1, dtype=torch.int32, device=rows.device)
    return ((rows != padding_id) * position).amax(1).long()


@dataclass(frozen=True)
class TextBatches:
    """Batches of padded texts.

    Each input is trimmed to its own width. Targets of one number for each position of the last
    input are trimmed with it.

    Attributes:
        texts: the stored inputs, each with the token that fills it up.
        targets: one, or one row, for each example.
        plan: which examples come together.
    """

    texts: list[tuple[Tensor, int]]
    targets: Tensor
    plan: Plan
    _lengths: list[Int[Tensor, " n"]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lengths", [lengths(*pair) for pair in self.texts])

    def __len__(self) -> int:
        return len(self.plan)

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from batch `start` on, without making the earlier ones."""
        targets = self.targets
        aligned = targets.ndim == 2 and targets.shape[1] == self.texts[-1][0].shape[1]
        for index in self._chosen(number, seed)[start:]:
            index = index.to(targets.device)
            widths = [max(1, int(length[index].max())) for length in self._lengths]
            inputs = [
                stored[:, :width].index_select(0, index).long()
                for (stored, _), width in zip(self.texts, widths, strict=True)
            ]
            goals = targets[:, : widths[-1]] if aligned else targets
            yield *inputs, as_target(goals.index_select(0, index))

    def _chosen(self, number: int, seed: int) -> list[Int[Tensor, " b"]]:
        """The indices of each batch of an epoch."""
        plan = self.plan
        if not plan.shuffle:
            return list(plan.epoch(number, seed=seed))
        index = order(plan.examples, seed=seed, epoch=number)
        total = torch.stack([length.cpu() for length in self._lengths]).sum(0)[index]
        pool = torch.arange(plan.examples) // (POOL * plan.batch_size)
        place = torch.argsort(pool * (int(total.max()) + 1) + total, stable=True)
        batches = index[place].split(plan.batch_size)[: len(plan)]
        shuffled = torch.randperm(len(batches), generator=generator(seed, "batches", number))
        return [batches[i] for i in shuffled.tolist()]
