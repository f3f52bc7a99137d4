"""Try an objective on a batch, before a run and without side effects."""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from cartograd.core.eval_mode import evaluating
from cartograd.core.protocols import Batches, Loss
from cartograd.engine.device.randomness import preserved
from cartograd.engine.inputs.stream import Iterated, moved
from cartograd.engine.loop.attributes import DEEP, is_own


def unnoticed(objective: Any, /) -> AbstractContextManager[None]:
    """Restore an objective and its players afterwards, as `unchanged` says."""
    return unchanged(objective, *objective.players.values())


@contextmanager
def unchanged(*objects: Any) -> Iterator[None]:
    """Restore buffers, modes, plain attributes and random states afterwards.

    Plain are the numbers, words, lists, dictionaries, sets and generators that an object or a
    module in it holds as attributes. Parameters are not copied: what runs here must not step, nor
    call `backward()`.
    """
    parts = list({id(part): part for one in objects for part in _parts(one)}.values())
    buffers = [(buffer, buffer.clone()) for part in parts for buffer in _buffers(part)]
    undo = [_attributes(part) for part in parts]
    places = [tensor.device for part in parts for tensor in _tensors(part)]
    device = next((place for place in places if place.type == "cuda"), torch.device("cpu"))
    with preserved(device):
        try:
            yield
        finally:
            for back in undo:
                back()
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)


def losses(objective: Any, batch: Any, /) -> list[Loss]:
    """The losses of a batch in evaluation mode, without any step between them."""
    parts = (objective, *objective.players.values())
    with unnoticed(objective), evaluating(*parts), torch.enable_grad():
        return list(objective.losses(batch))


def first(batches: Batches, device: torch.device, /, *, seed: int) -> Any:
    """The first batch of the first epoch, or None if there is none."""
    with preserved(device):
        if isinstance(batches, Iterated):  # a stream may give a batch only once
            source = iter(() if (batch := batches.first(seed=seed)) is None else (batch,))
        else:
            source = iter(batches.epoch(0, seed=seed))
        return next(moved(source, device), None)


@runtime_checkable
class Trial(Protocol):
    """Batches that have one of less work, where a whole one would be a large part of the run."""

    def trial(self) -> Any:
        """A batch to try."""
        ...


def tried(batches: Batches, device: torch.device, /, *, seed: int) -> Any:
    """A batch to rehearse with: the first one, or one of less work; None if there is none."""
    if isinstance(batches, Trial):
        return next(moved(iter((batches.trial(),)), device))
    return first(batches, device, seed=seed)


class One:
    """A single batch as `Batches`."""

    def __init__(self, batch: Any, /) -> None:
        self.batch = batch

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Any]:  # noqa: ARG002
        """The batch."""
        yield self.batch

    def __len__(self) -> int:
        return 1


def shapes(batch: Any, /) -> str:
    """Types and shapes of a batch's tensors.

    >>> shapes((torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64)))
    'float32 2x3, int64 2'
    """
    items = batch.values() if isinstance(batch, dict) else batch
    words = [
        f"{str(item.dtype).removeprefix('torch.')} {'x'.join(map(str, item.shape))}".strip()
        if isinstance(item, Tensor)
        else type(item).__name__
        for item in items
    ]
    return ", ".join(words)


def _parts(one: Any, deep: int = 0) -> Iterator[Any]:
    """An object, or a module and all that are in it, and what they hold of the user's own."""
    for part in one.modules() if isinstance(one, nn.Module) else (one,):
        yield part
        held = vars(part).values() if deep < DEEP and "__dict__" in dir(part) else ()
        for value in [*held]:
            if is_own(value) and not isinstance(value, nn.Module):
                yield from _parts(value, deep + 1)


def _buffers(part: Any) -> list[torch.Tensor]:
    found = part.buffers(recurse=False) if isinstance(part, nn.Module) else ()
    return [buffer for buffer in found if not is_lazy(buffer)]


def _tensors(part: Any) -> list[torch.Tensor]:
    own = list(part.parameters(recurse=False)) if isinstance(part, nn.Module) else []
    return own + _buffers(part)


def _attributes(part: Any) -> Callable[[], None]:
    """What puts an object's attributes back, and the contents of those that are plain.

    A lazy module becomes another one at its first call, and stays that.
    """
    kind = type(part)
    held = vars(part) if "__dict__" in dir(part) else {}  # an objective of users may have slots
    before = dict(held)
    contents = [undo for value in before.values() if (undo := _content(value)) is not None]

    def back() -> None:
        if type(part) is not kind:
            return
        for key in held.keys() - before.keys():
            del held[key]
        held.update(before)
        for undo in contents:
            undo()

    return back


def _content(value: Any) -> Callable[[], object] | None:
    """What puts the content of a plain container or a generator back; None for all else."""
    if isinstance(value, list):
        items = list(value)
        return lambda: value.__setitem__(slice(None), items)
    if isinstance(value, dict | set):
        kept = value.copy()
        return lambda: (value.clear(), value.update(kept))
    if isinstance(value, torch.Generator):
        state = value.get_state()
        return lambda: value.set_state(state)
    if isinstance(value, random.Random):
        own = value.getstate()
        return lambda: value.setstate(own)
    if isinstance(value, np.random.Generator):
        bits = value.bit_generator.state
        return lambda: setattr(value.bit_generator, "state", bits)
    return None
