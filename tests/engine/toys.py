"""Small data and models for the tests of the engine."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn


class Toy:
    """Tensors in memory as `Batches`; the order is a function of (seed, epoch) alone."""

    def __init__(self, *tensors: Tensor, batch_size: int = 32, shuffle: bool = True) -> None:
        self.tensors, self.batch_size, self.shuffle = tensors, batch_size, shuffle

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        order = torch.arange(len(self.tensors[0]))
        if self.shuffle:
            generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
            order = torch.randperm(len(order), generator=generator)
        for chosen in order.split(self.batch_size)[start:]:
            yield tuple(tensor[chosen] for tensor in self.tensors)

    def __len__(self) -> int:
        return -(-len(self.tensors[0]) // self.batch_size)


def quadrants(n: int = 400, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Points of the plane; the class says whether the coordinates have the same sign."""
    x = torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))
    return x, (x[:, 0] * x[:, 1] > 0).long()


def mlp(*widths: int, dropout: float = 0.0, seed: int = 0) -> nn.Sequential:
    """Linear layers with ReLU (and dropout) between them, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts: list[nn.Module] = []
        for i, o in pairwise(widths):
            parts += [nn.Linear(i, o), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*parts[:-2])
