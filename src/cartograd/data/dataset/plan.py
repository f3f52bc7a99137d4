"""Which examples each batch of an epoch holds: a function of the seed and the epoch only."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.core.errors import UsageError


@dataclass(frozen=True)
class Plan:
    """Which examples each batch of an epoch holds.

    >>> plan = Plan(5, batch_size=2, shuffle=True, drop_last=False)
    >>> [len(batch) for batch in plan.epoch(0, seed=0)]
    [2, 2, 1]
    """

    examples: int
    batch_size: int
    shuffle: bool
    drop_last: bool

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise UsageError(f"batch_size={self.batch_size} is out of range; expected at least 1")
        if self.drop_last and 0 < self.examples < self.batch_size:
            raise UsageError(
                f"drop_last leaves nothing of {self.examples} examples at "
                f"batch_size={self.batch_size}; make it smaller"
            )

    def __len__(self) -> int:
        full, rest = divmod(self.examples, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Int[Tensor, " b"]]:
        """The indices of each batch, from batch `start` on."""
        indices = (
            order(self.examples, seed=seed, epoch=number)
            if self.shuffle
            else torch.arange(self.examples)
        )
        for batch in range(start, len(self)):
            yield indices[batch * self.batch_size : (batch + 1) * self.batch_size]


def order(examples: int, /, *, seed: int, epoch: int) -> Int[Tensor, " n"]:
    """A permutation that is a function of the seed and the epoch only.

    >>> order(4, seed=0, epoch=1).tolist() == order(4, seed=0, epoch=1).tolist()
    True
    """
    return torch.randperm(examples, generator=generator(seed, "order", epoch))


def generator(*key: int | str) -> torch.Generator:
    """A generator seeded by the key; torch's global generator is not touched."""
    text = "/".join(map(str, key)).encode()
    number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1
    return torch.Generator().manual_seed(number)
