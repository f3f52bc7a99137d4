"""A torch DataLoader as `Batches`, each batch a function of the seed, the epoch and its number."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from cartograd.core.protocols import Batch
from cartograd.engine.device.randomness import mixed, seed_all
from cartograd.engine.files.tensor_files import as_tuple


class Loaded:
    """A DataLoader whose order and augmentation do not depend on what was drawn before.

    Before a batch is made, in a worker process or in this one, the generators of torch, numpy and
    `random` are set from (seed, epoch, number of the batch). So a dataset may draw from any of
    them, with any number of workers, persistent or not, and a run that goes on in the middle of an
    epoch starts there without making the earlier batches. The samplers' order comes from the seed
    and the epoch.

    Args:
        loader: over a dataset with `__getitem__`; see `takes`.
    """

    def __init__(self, loader: DataLoader[Any], /) -> None:
        self.loader = loader
        self.places = _Places()
        self._generator = torch.Generator()
        batched = loader.batch_sampler is not None
        self._exact = DataLoader(
            _Seeded(loader.dataset),
            batch_size=1 if batched else None,
            sampler=None if batched else self.places,
            batch_sampler=cast("Any", self.places) if batched else None,
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
            pin_memory=loader.pin_memory,
            timeout=loader.timeout,
            worker_init_fn=_Begin(loader.worker_init_fn),
            multiprocessing_context=loader.multiprocessing_context,
            generator=self._generator,
            prefetch_factor=loader.prefetch_factor,
            persistent_workers=loader.persistent_workers,
            in_order=loader.in_order,
        )

    @staticmethod
    def takes(source: Any, /) -> bool:
        """Whether this is a DataLoader that we know how to make exact."""
        if not isinstance(source, DataLoader) or isinstance(source.dataset, IterableDataset):
            return False
        try:
            len(source)
        except TypeError:  # its sampler may have no end
            return False
        return type(source).__iter__ is DataLoader.__iter__

    @property
    def workers(self) -> int:
        """How many processes it starts."""
        return self.loader.num_workers

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from batch `start` on, without making the earlier ones."""
        order_seed = mixed(seed, number)
        order = self.loader.batch_sampler or self.loader.sampler
        begin_order(self.loader, order_seed, number)
        self._generator.manual_seed(order_seed)
        self.places.found = [(order_seed + i, indices) for i, indices in enumerate(order)][start:]
        return map(as_tuple, self._exact)

    def __len__(self) -> int:
        return len(self.loader)


def begin_order(loader: DataLoader[Any], place: int, epoch: int, /) -> None:
    """Set everything that a loader's samplers draw from."""
    seed_all(place)
    inner = getattr(loader.batch_sampler, "sampler", None)
    for part in (loader, loader.sampler, loader.batch_sampler, inner):
        generator = getattr(part, "generator", None)
        if isinstance(generator, torch.Generator):
            generator.manual_seed(place)
        set_epoch = getattr(part, "set_epoch", None)
        if callable(set_epoch):
            set_epoch(epoch)


class _Places:
    """The sampler: for each batch the number that its randomness comes from, and its indices."""

    def __init__(self) -> None:
        self.found: list[tuple[int, Any]] = []

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)


class _Seeded(Dataset[Any]):
    """A dataset that sets the generators before it makes a batch."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __getitem__(self, place: tuple[int, Any]) -> Any:
        number, index = place
        seed_all(number)
        return self.dataset[index]

    def __getitems__(self, place: tuple[int, Any]) -> list[Any]:
        number, indices = place
        seed_all(number)
        fetch = getattr(self.dataset, "__getitems__", None)  # as torch's own fetcher does
        if fetch is not None:
            return fetch(indices)
        return [self.dataset[index] for index in indices]


class _Begin:
    """Starts a worker as its user wants; `get_worker_info().dataset` is the user's own."""

    def __init__(self, users: Callable[[int], None] | None) -> None:
        self.users = users

    def __call__(self, worker: int) -> None:
        info = get_worker_info()
        assert info is not None
        assert isinstance(info.dataset, _Seeded)
        object.__setattr__(info, "dataset", info.dataset.dataset)
        if self.users is not None:
            self.users(worker)
