"""A batch split over the processes by rows, and whole batches distributed in turn.

The first processes get one row more where the rows do not divide. A process that gets no row of a
last, short batch runs on a padding batch that does not count, since all have to take part in the
collective calls.
"""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Batches
from cartograd.engine.files.tensor_files import same_device
from cartograd.engine.inputs.stream import examples


@runtime_checkable
class Divisible(Protocol):
    """Batches of which a process loads only its own rows."""

    def part(self, rank: int, size: int, /) -> Batches:
        """The rows of each batch that `span` gives to one of `size` processes."""
        ...


class PaddingBatch(tuple):
    """A padding batch: it is run but does not count."""


class PaddingDict(dict):
    """A padding batch that is a dictionary."""


def is_padding(batch: Any, /) -> bool:
    """Whether a batch is padding."""
    return isinstance(batch, PaddingBatch | PaddingDict)


def as_padding(batch: Any, /) -> Any:
    """The same batch as padding."""
    return PaddingDict(batch) if isinstance(batch, dict) else PaddingBatch(batch)


def span(number: int, rank: int, size: int, /) -> slice:
    """The rows of one process.

    >>> [span(7, rank, 3) for rank in range(3)]
    [slice(0, 3, None), slice(3, 5, None), slice(5, 7, None)]
    """
    each, rest = divmod(number, size)
    start = rank * each + min(rank, rest)
    return slice(start, start + each + (rank < rest))


def taken(batch: Any, chosen: slice, total: int, /) -> Any:
    """Some rows of a batch; what has no rows (a number) is kept as it is."""

    def part(item: Any) -> Any:
        return (
            item[chosen] if isinstance(item, Tensor) and item.ndim and len(item) == total else item
        )

    if isinstance(batch, dict):
        return {key: part(item) for key, item in batch.items()}
    return tuple(part(item) for item in batch)


def shares(
    source: Batches,
    number: int,
    rank: int,
    size: int,
    /,
    *,
    seed: int,
    start: int,
    device: torch.device,
) -> Iterator[Batch]:
    """One process's rows of the batches of an epoch.

    Args:
        source: the batches; one with a method `part(rank, size)` makes only the rows asked for.
        number: of the epoch.
        rank: of the process.
        size: how many processes there are.
        seed: of the order.
        start: the first batch.
        device: to which the rows are moved.

    Raises:
        UsageError: the first batch has fewer rows than there are processes.
    """
    if isinstance(source, Divisible):
        parts = source.part(rank, size).epoch(number, seed=seed, start=start)
    else:
        parts = _sliced(source.epoch(number, seed=seed, start=start), rank, size)
    for place, mine in enumerate(parts, start):
        if examples(mine):
            yield mine if device.type == "cpu" else same_device(mine, device)
            continue
        whole = next(iter(source.epoch(number, seed=seed, start=place)))
        if place == 0:
            raise too_few(examples(whole), size)
        padding = same_device(taken(whole, slice(0, 1), examples(whole)), device)
        yield as_padding(padding)


def _sliced(source: Iterator[Batch], rank: int, size: int) -> Iterator[Batch]:
    for batch in source:
        total = examples(batch)
        yield taken(batch, span(total, rank, size), total)


def too_few(rows: int, size: int, /) -> UsageError:
    """The error for a batch with fewer rows than processes."""
    return UsageError(
        f"batches of {rows} examples cannot be split over {size} processes; make batch_size at "
        f"least {size}, or use fewer processes"
    )


def rounds(source: Iterator[Batch], size: int, /) -> Iterator[tuple[int, list[Batch]]]:
    """The batches `size` at a time, with the number of the first."""
    first, held = 0, []
    for batch in source:
        held.append(batch)
        if len(held) == size:
            yield first, held
            first, held = first + size, []
    if held:
        yield first, held
