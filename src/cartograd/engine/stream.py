"""What `fit` accepts as data: our `Batches`, a torch DataLoader, or any iterable of batches."""

from collections.abc import Iterable, Iterator, Sized
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Batches
from cartograd.engine.randomness import mixed
from cartograd.engine.tensors import same_device


class Iterated:
    """Any iterable of batches as `Batches`.

    Torch's generator is set from the seed and the epoch before the iteration starts, so a
    DataLoader that shuffles with it gives the same order again. To start in the middle of an epoch
    the earlier batches are made and dropped. Where the data draws on other random numbers
    (numpy's, say), a resumed run may see other data than an unbroken one.

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

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from batch `start` on."""
        torch.default_generator.manual_seed(mixed(seed, number))
        source = iter(self.source)
        # A DataLoader draws its order when the first batch is asked for: it has to be now, before
        # the generator is set anew for the first step.
        ready = list(islice(source, max(start, 1)))
        return map(as_tuple, chain(ready[start:], source))

    def __len__(self) -> int:
        if not isinstance(self.source, Sized):
            raise TypeError("this iterable has no length")
        return len(self.source)


def as_batches(source: Any, /) -> Batches:
    """Our `Batches` as they are, anything else that can be iterated wrapped.

    Raises:
        UsageError: it cannot be iterated, or only once.
    """
    return source if callable(getattr(source, "epoch", None)) else Iterated(source)


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


def as_tuple(batch: Any, /) -> Any:
    """A lone tensor as a tuple of one, a list as a tuple; a dict stays one."""
    if isinstance(batch, Tensor):
        return (batch,)
    return tuple(batch) if isinstance(batch, list) else batch


def examples(batch: Any, /) -> int:
    """How many examples a batch holds: the length of its first tensor."""
    items = batch.values() if isinstance(batch, dict) else batch
    return next((len(item) for item in items if isinstance(item, Tensor) and item.ndim), 1)


def moved(source: Iterator[Batch], device: Any, /) -> Iterator[Batch]:
    """The batches on a device; those for the CPU pass untouched."""
    return source if device.type == "cpu" else (same_device(batch, device) for batch in source)
