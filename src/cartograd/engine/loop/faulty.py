"""A batch in the middle of a run that cannot be made or used, told in a line; nothing is lost.

The rehearsal has tried the first batch. A later one may still hold a class that there is none of,
have another shape or type, or not be made at all (a file that cannot be read, examples that cannot
be stacked). Then the line says which batch it is, what was found and what was expected, and where
the checkpoint of all that was learned before it is. An error that a batch does not explain stays
as it is: it is one of the program.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from cartograd.core.batch_error import BatchError, made
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batches
from cartograd.core.signed import Signed
from cartograd.engine.checkpoint.manager import CheckpointManager
from cartograd.engine.distributed.process_group import ProcessGroup
from cartograd.engine.loop.config import RunConfig
from cartograd.engine.loop.probe import first, shapes, tried
from cartograd.engine.loop.run_state import State
from cartograd.engine.optim.player import Player

IGNORED = -100
"""The target of a position without one, as in torch's losses."""


@runtime_checkable
class Learning(Protocol):
    """The parts of a run that has met such a batch."""

    players: dict[str, Player]
    manager: CheckpointManager | None
    processes: ProcessGroup

    @property
    def state(self) -> State:
        """Where it is."""
        ...

    def save(self) -> None:
        """Write a checkpoint."""
        ...


@runtime_checkable
class Inspecting(Protocol):
    """The parts of a run whose batches are looked at."""

    batches: Batches
    validate: Batches | None
    model: nn.Module | None
    device: torch.device
    config: RunConfig
    processes: ProcessGroup


@contextmanager
def used(
    batches: Sequence[Any], at: State, usual: Sequence[Any], model: nn.Module | None
) -> Iterator[None]:
    """Within the block these batches are used.

    Args:
        batches: one, or several for one step.
        at: how many batches of which epoch were before them.
        usual: the outline of a batch that could be used.
        model: may say which classes there are.

    Raises:
        BatchError: what is wrong with one of them, where the block failed because of it.
    """
    try:
        yield
    except (UsageError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        for place, batch in enumerate(batches, start=at.batch + 1):
            if told := strange(batch, usual, model):
                at.step -= 1  # it was not taken
                raise BatchError(f"epoch {at.epoch + 1}: batch {place} {told}") from error
        raise


class Inspected:
    """Batches that are looked at before they go to a device on which a wrong class ends everything.

    A GPU that is asked for a class that there is none of fails as a whole: no weight can be read
    from it any more. A processor says so and goes on, so there nothing is looked at beforehand.

    Args:
        batches: on the processor.
        model: may say which classes there are.
        where: they are, like `epoch 1`; None for the number of the epoch.
    """

    def __init__(
        self, batches: Batches, model: nn.Module | None, where: str | None = None, /
    ) -> None:
        self.batches, self.model, self.where = batches, model, where
        self.usual: list[Any] = []

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Any]:
        """The batches of an epoch.

        Raises:
            BatchError: what is wrong with one of them.
        """
        source = self.batches.epoch(number, seed=seed, start=start)
        for place, batch in enumerate(source, start=start + 1):
            self.usual = self.usual or outline(batch)
            if told := strange(batch, self.usual, self.model):
                where = self.where or f"epoch {number + 1}"
                raise BatchError(f"{where}: batch {place} {told}")
            yield batch

    def __len__(self) -> int:
        return len(self.batches)


def inspected(batches: Batches, loop: Inspecting, where: str | None = None, /) -> Batches:
    """The batches, looked at beforehand where the device asks for it."""
    looks = loop.device.type == "cuda" and loop.processes.size == 1
    return Inspected(batches, loop.model, where) if looks else batches


def inspect_first(loop: Inspecting, /) -> None:
    """The same of what a rehearsal runs.

    Raises:
        UsageError: what is wrong with a batch.
    """
    if loop.device.type != "cuda":
        return
    seed, here = loop.config.seed, torch.device("cpu")
    parts = ("training", loop.batches, tried), ("validation", loop.validate, first)
    for part, batches, get in parts:
        batch = None
        if batches is not None:
            with suppress(Exception):  # the rehearsal says why one cannot be made
                batch = get(batches, here, seed=seed)
        if batch is not None and (told := strange(batch, outline(batch), loop.model)):
            raise UsageError(f"the first batch of the {part} part {told}")


class _Watched:
    """Batches of the validation part, the last of which is remembered."""

    def __init__(self, batches: Batches) -> None:
        self.batches, self.number, self.last = batches, 0, None
        self.usual: list[Any] = []

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Any]:
        source = self.batches.epoch(number, seed=seed, start=start)
        for batch in made(source, "validation", start=start):
            self.number, self.last = self.number + 1, batch
            self.usual = self.usual or outline(batch)
            yield batch

    def __len__(self) -> int:
        return len(self.batches)


@contextmanager
def watched(batches: Batches, model: nn.Module | None, /) -> Iterator[Batches]:
    """The batches of the validation part, to be used within the block.

    Raises:
        BatchError: one cannot be made or used.
    """
    seen = _Watched(batches)
    try:
        yield seen
    except (UsageError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        told = "" if seen.last is None else strange(seen.last, seen.usual, model)
        if not told:
            raise
        raise BatchError(f"validation: batch {seen.number} {told}") from error


def outline(batch: Any, /) -> list[Any]:
    """The shapes and types of a batch, which take no memory."""
    return [item.to("meta") if isinstance(item, Tensor) else item for item in _items(batch)]


def strange(batch: Any, usual: Sequence[Any], model: nn.Module | None, /) -> str:
    """What is wrong with a batch: empty where nothing is seen.

    >>> usual = [torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64)]
    >>> strange((torch.zeros(4, 2), usual[1]), usual, None)
    'holds float32 4x2, int64 4; expected float32 4x3, int64 4 but for the number of rows'
    """
    kinds, known = _kinds(batch), _kinds(usual)
    if kinds != known:
        return f"holds {shapes(batch)}; expected {shapes(usual)} but for the number of rows"
    items = [item for item in _items(batch) if isinstance(item, Tensor)]
    signature = model.signature if isinstance(model, Signed) else None
    if signature is None or signature.target != "class" or not items:
        return ""
    target, count = items[-1], signature.classes or 0
    if target.is_floating_point() or not target.ndim:
        return ""
    wrong = ((target < 0) & (target != IGNORED)) | (target >= count)
    if not wrong.any():
        return ""
    row = wrong.nonzero()[0].tolist()
    found = int(target[tuple(row)])
    return f"has the class {found} in its row {row[0] + 1}; expected 0 to {count - 1}"


def _items(batch: Any) -> list[Any]:
    return list(batch.values() if isinstance(batch, dict) else batch)


def _kinds(batch: Any) -> list[Any]:
    return [
        (item.dtype, item.shape[1:]) if isinstance(item, Tensor) else type(item)
        for item in _items(batch)
    ]


def kept(loop: Learning, error: BatchError, /) -> BatchError:
    """The error with a word on what was learned before, which is saved if it can be."""
    manager = loop.manager
    if manager is None:
        return error
    # A step of several players may be half done; of one alone, the weights are those before it.
    if len(loop.players) == 1 and loop.processes.size == 1 and loop.state.step:
        if not manager.has(loop.state.step):
            loop.save()
        manager.join()
    newest = manager.newest()
    if newest is None:
        return error
    return BatchError(
        f"{error}; the checkpoint of step {newest} is kept in {manager.folder.path}: mend the data "
        "and go on from there (resume=True, exact=False)"
    )
