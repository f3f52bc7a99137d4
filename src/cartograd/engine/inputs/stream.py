"""What `fit` accepts as data: our `Batches`, a torch DataLoader, or any iterable of batches."""

import warnings
from collections.abc import Iterable, Iterator, Sized
from itertools import chain, count, islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from cartograd.core.batch_error import BatchError
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Batches
from cartograd.engine.device.randomness import mixed, seed_all
from cartograd.engine.device.signals import Stop
from cartograd.engine.files.tensor_files import as_tuple, same_device
from cartograd.engine.inputs.loader import Loaded, begin_order


class Iterated:
    """Any iterable of batches as `Batches`.

    The generators of torch, numpy and `random` are set from (seed, epoch, number of the batch)
    before each batch is asked for, so what an iterable draws in this process is the same again. To
    start in the middle of an epoch the earlier batches are made and dropped. Where batches are
    made elsewhere (the worker processes of a DataLoader over an `IterableDataset`), they have to be
    functions of `torch.initial_seed()` in a worker, and workers must not be persistent.

    Args:
        source: gives batches each time it is iterated.
    """

    def __init__(self, source: Iterable[Any], /) -> None:
        if isinstance(source, Iterator):
            raise UsageError(
                "this iterator is spent after one epoch; give a list, a DataLoader or an object "
                "whose __iter__ starts anew"
            )
        if not isinstance(source, Iterable):
            raise UsageError(
                f"expected batches, got {type(source).__name__}; give data.train.batches(), a "
                "DataLoader or a list of tuples of tensors"
            )
        self.source = source
        self._begun: tuple[int, list[Batch], Iterator[Batch]] | None = None

    def first(self, *, seed: int) -> Any:
        """The first batch of epoch 0, which that epoch still has; None if there is none.

        A source may give it only once.

        A warning says where the workers of a loader each read the whole stream.
        """
        if self._begun is None or self._begun[0] != seed:
            source = self._from_front(0, seed)
            workers = self.source.num_workers if isinstance(self.source, DataLoader) else 0
            read = list(islice(source, 2 if workers > 1 else 1))
            if len(read) > 1 and all(map(torch.equal, *map(_tensors, read))):
                warnings.warn(
                    f"the {workers} workers of this loader give the same examples, as each reads "
                    "the whole stream; take a part in each (torch.utils.data.get_worker_info), or "
                    "num_workers=1",
                    stacklevel=4,
                )
            self._begun = seed, read, source
        read = self._begun[1]
        return _copied(read[0]) if read else None

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from batch `start` on."""
        begun, self._begun = self._begun, None
        if begun is not None and number == 0 and begun[0] == seed:
            source = chain(begun[1], begun[2])
        else:
            source = self._from_front(number, seed)
        return islice(source, start, None)

    def _from_front(self, number: int, seed: int) -> Iterator[Batch]:
        order_seed = mixed(seed, number)
        if isinstance(self.source, DataLoader):
            begin_order(self.source, order_seed, number)
        seed_all(order_seed)
        source = iter(self.source)
        for i in count():
            seed_all(order_seed + i)
            try:
                batch = next(source)
            except StopIteration:
                return
            yield as_tuple(batch)

    def __len__(self) -> int:
        if not isinstance(self.source, Sized):
            raise TypeError("this iterable has no length")
        return len(self.source)


def _tensors(batch: Any) -> list[Tensor]:
    """What of a batch can be compared."""
    items = batch.values() if isinstance(batch, dict) else batch
    return [item for item in items if isinstance(item, Tensor)]


def _copied(batch: Any) -> Any:
    """A batch that may be changed in place."""
    if isinstance(batch, dict):
        return {key: _copied(item) for key, item in batch.items()}
    if isinstance(batch, tuple):
        return tuple(map(_copied, batch))
    return batch.clone() if isinstance(batch, Tensor) else batch


def as_batches(source: Any, /) -> Batches:
    """Our `Batches` as they are, a DataLoader or anything else that can be iterated wrapped.

    Raises:
        UsageError: it cannot be iterated, or only once.
    """
    if callable(getattr(source, "epoch", None)):
        return source
    return Loaded(source) if Loaded.takes(source) else Iterated(source)


def draws(batches: Batches, /) -> bool:
    """Whether making batches sets numpy's generator and `random`, which a step draws from, too.

    Where they are after a batch depends on the process that made it, so a step sets them anew.
    """
    return isinstance(batches, Loaded | Iterated)


def length(batches: Batches, /) -> int | None:
    """Batches per epoch, or None where that is not known.

    Raises:
        UsageError: there are none.
    """
    try:
        count = len(batches)
    except TypeError:
        return None
    if count == 0:
        raise UsageError("there are no batches to train on; is the batch larger than the data?")
    return count


def spent(epoch: int, /) -> str:
    """What to say of an epoch (from 0) that has no batches."""
    if epoch == 0:
        return "there are no batches to train on"
    return (
        f"epoch {epoch + 1} has no batches, as the stream was spent in those before; give epochs="
        f"{epoch}, or an object whose __iter__ starts anew"
    )


def examples(batch: Any, /) -> int:
    """How many examples a batch holds: the length of its first tensor."""
    items = batch.values() if isinstance(batch, dict) else batch
    for item in items:
        if isinstance(item, Tensor) and item.ndim:
            return item.size(0)  # `len` of a tensor is Python, and asked at each step
    return 1


def fetched(source: Iterator[Any], number: int, stop: Stop, /) -> list[Any]:
    """The next batches for one step; none at the end of the epoch, or of the run."""
    try:
        return list(islice(source, number))
    except (
        RuntimeError,
        BatchError,
    ):  # Ctrl-C reaches a loader's worker processes too and ends them
        if stop.asked:
            return []
        raise


def moved(source: Iterator[Batch], device: Any, /) -> Iterator[Batch]:
    """The batches on a device; those for the CPU pass untouched."""
    return source if device.type == "cpu" else (same_device(batch, device) for batch in source)
