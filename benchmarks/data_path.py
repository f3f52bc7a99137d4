"""Batches per second of data that fits in memory, against torch's DataLoader on the same tensors.

One epoch in a new order, without a model. A batch of ours is one gather on the whole tensor; a
DataLoader fetches examples one by one and stacks them, unless it is told to fetch by lists of
indices. Each side's order is its own, so what must agree are sums over the epoch that do not
depend on the order, and an epoch that is not shuffled, batch by batch.
"""

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.case import Case, Timer

EXAMPLES, BATCH, EPOCHS = 20_000, 64, 3

Make = Callable[[Any, Any, bool], Iterable[Any]]
"""(images, classes, shuffle): batches of one epoch each time it is iterated."""


def _images() -> tuple[Any, Any]:
    import torch

    generator = torch.Generator().manual_seed(5)
    x = torch.randint(0, 256, (EXAMPLES, 1, 28, 28), generator=generator, dtype=torch.uint8)
    return x, torch.randint(0, 10, (EXAMPLES,), generator=generator)


def _floats() -> tuple[Any, Any]:
    x, y = _images()
    return x.float().div_(255), y


def _side(data: Callable[[], tuple[Any, Any]], make: Make) -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        x, y = data()
        batches = make(x, y, True)
        _drain(batches)  # what is loaded lazily
        with clock(EPOCHS * len(range(0, EXAMPLES, BATCH))):
            for _ in range(EPOCHS):
                _drain(batches)
        return [*_sums(batches), *_trace(make(x, y, False))]

    return side


def _drain(batches: Iterable[Any]) -> None:
    for _ in batches:
        pass


def _sums(batches: Iterable[Any]) -> list[float]:
    """Sums over an epoch that tie each image to its class, in whole numbers."""
    pixels = classes = both = 0
    for x, y in batches:
        levels = (x.double() * 255).round().sum((1, 2, 3)).long()
        pixels, classes = pixels + levels.sum(), classes + y.sum()
        both += (levels * y).sum()
    return [float(pixels), float(classes), float(both)]


def _trace(batches: Iterable[Any]) -> list[float]:
    return [float((x.double().sum((1, 2, 3)) * (y + 1)).sum()) for x, y in batches]


class _Ours:
    def __init__(self, x: Any, y: Any, shuffle: bool) -> None:
        from cartograd.data.dataset.tensors import tensors

        data = tensors(x, y, valid=0.0, test=0.0, standardise=False)
        self.batches = data.train.batches(batch_size=BATCH, shuffle=shuffle)

    def __iter__(self) -> Any:
        return self.batches.epoch(0, seed=0)


def _loader(x: Any, y: Any, shuffle: bool) -> Any:
    from torch.utils.data import DataLoader, TensorDataset

    return DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=shuffle)


def _listed(x: Any, y: Any, shuffle: bool) -> Any:
    """A DataLoader that hands whole lists of indices to the dataset."""
    from torch.utils.data import (
        BatchSampler,
        DataLoader,
        RandomSampler,
        SequentialSampler,
        TensorDataset,
    )

    dataset = TensorDataset(x, y)
    order = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
    return DataLoader(dataset, sampler=BatchSampler(order, BATCH, drop_last=False), batch_size=None)


def _converting(x: Any, y: Any, shuffle: bool) -> Any:
    """Images kept as bytes and made floats one by one, as the usual transform does."""
    from torch.utils.data import DataLoader, Dataset

    class Bytes(Dataset):
        def __len__(self) -> int:
            return len(x)

        def __getitem__(self, i: int) -> Any:
            return x[i].float().div_(255), y[i]

    return DataLoader(Bytes(), batch_size=BATCH, shuffle=shuffle)


CASES = (
    Case(
        name="float tensors",
        what=f"{EXAMPLES:,} images of 28x28 as float32, batches of {BATCH}.",
        unit="batch",
        sides={
            "cartograd": _side(_floats, _Ours),
            "DataLoader": _side(_floats, _loader),
            "DataLoader, lists of indices": _side(_floats, _listed),
        },
        asked={"DataLoader": 3.0, "DataLoader, lists of indices": 1.0},
        tolerance=1e-12,
    ),
    Case(
        name="bytes",
        what="The same images kept as bytes and made floats in [0, 1] on the way: a quarter of the "
        "memory.",
        unit="batch",
        sides={
            "cartograd": _side(_images, _Ours),
            "DataLoader": _side(_images, _converting),
        },
        asked={"DataLoader": 3.0},
        tolerance=1e-12,
    ),
)
