"""The process group of a run, as the loop sees it; here, that of a single process.

`process_group()` gives the one that fits: a single process, or one of several when torch's process
group has been initialised or torchrun's environment says that there will be one.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from cartograd.core.errors import UsageError, unknown
from cartograd.core.protocols import Batch, Batches
from cartograd.core.spec import Spec
from cartograd.engine.device.signals import Stop
from cartograd.engine.distributed.distributed_group import DistributedGroup
from cartograd.engine.distributed.join import join
from cartograd.engine.inputs.stream import moved

T = TypeVar("T")

MODES = ("ddp", "fsdp", "tensor")
NORMS = ("global", "process")


class SingleProcess:
    """The process group of a single process: no communication, at no cost.

    Attributes:
        rank, size: this process and how many there are.
        lead: whether this process (rank 0) writes and prints.
        mode: how the work is divided: `ddp`, `fsdp` or `tensor`.
        seed_rank: processes that need different random numbers have different ones.
        sharded: whether weights are spread over the processes.
    """

    rank = 0
    size = 1
    lead = True
    mode = "ddp"
    seed_rank = 0
    sharded = False
    idle = False

    def stop(self) -> Stop:
        """What notes the signals."""
        return Stop()

    def device(self, place: torch.device, /) -> torch.device:
        """This process's own device."""
        return place

    def prepare(self, objective: Any, place: torch.device, /) -> Any:
        """The objective to train: the one given, or a sharded copy."""
        del place
        return objective

    def check(self, source: Batches, seed: int, /, *, autotune: bool, nonfinite: str) -> None:
        """Refuse what several processes cannot do."""

    def finish(self, trained: Any, objective: Any, /) -> None:
        """Copy the trained weights back into the objective that was given."""

    def batches(
        self, source: Batches, number: int, /, *, seed: int, start: int, device: torch.device
    ) -> Iterator[Batch]:
        """This process's part of each batch of an epoch, on the device."""
        return moved(iter(source.epoch(number, seed=seed, start=start)), device)

    def turns(self, source: Iterator[Batch], /) -> Iterator[tuple[int | None, Batch]]:
        """The batches that this process evaluates, with their numbers."""
        return enumerate(source)

    def in_order(self, items: list[tuple[int, T]], /) -> list[T]:
        """The outputs of all processes, in the order of the batches."""
        return [item for _, item in items]

    def merged(self, records: list[Any], /) -> list[Any]:
        """Means and weights by step and name, over all processes."""
        return records

    def ask(self, *, read: bool, save: bool) -> None:
        """Request what this process needs after the next step."""
        self._told = read, save

    def told(self) -> tuple[bool, bool]:
        """What all processes agreed to do now: read the losses, save."""
        return self._told

    def reduce(self, params: list[Any], count: float | Tensor | None, /) -> float | Tensor | None:
        """All-reduce the gradients by their sum; return the sum of the counts."""
        del params
        return count

    def any(self, asked: bool, /) -> bool:
        """Whether any process asks for it."""
        return asked

    def union(self, words: set[str], /) -> set[str]:
        """The words of all processes."""
        return words

    def lead_says(self, value: T, /) -> T:
        """The lead's value, broadcast to all processes."""
        return value

    def lead_does(self, work: Callable[[], T], /) -> T:
        """Run something on the lead only; its result or error is that of all processes."""
        return work()

    def same_buffers(self, objective: Any, /) -> None:
        """Broadcast the lead's buffers."""

    def whole(self, tensor: Tensor, /) -> Tensor:
        """The full tensor, gathered on each process."""
        return tensor

    def placed(self, value: Any, like: Any, /) -> Any:
        """A full tensor, sharded as another one is."""
        del like
        return value

    def __enter__(self) -> "SingleProcess":
        return self

    def __exit__(self, *error: object) -> None:
        pass


ProcessGroup = SingleProcess | DistributedGroup
"""One process or several; both have the same methods."""


def expected() -> bool:
    """Whether this process is one of several."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_world_size() > 1
    return world_size() > 1


def world_size() -> int:
    """The number of processes by the environment (WORLD_SIZE)."""
    text = os.environ.get("WORLD_SIZE", "1")
    if not text.isdigit():
        raise UsageError(f"WORLD_SIZE={text!r} is not a number of processes")
    return int(text)


def leads() -> bool:
    """Whether this process is the one that writes and prints."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank() == 0
    return world_size() < 2 or os.environ.get("RANK", "0") == "0"


def process_group(parallel: str = "ddp", device: torch.device | None = None, /) -> ProcessGroup:
    """The processes of this run.

    Args:
        parallel: `ddp` (each process has all weights), `fsdp` (weights, gradients and moments are
            sharded), `tensor` (layers are split as the model's `shard_plan()` says);
            with `ddp:norm=process` batch normalisation takes its own process's rows only.
        device: of this process.

    Raises:
        UsageError: the mode is unknown, or the processes do not find each other.
    """
    mode, norm = parsed(parallel)
    if not expected():
        return SingleProcess()
    join(device or torch.device("cpu"))
    return DistributedGroup(mode, norm)


def parsed(parallel: str, /) -> tuple[str, str]:
    """The mode, and the rows that batch normalisation takes its statistics of.

    Raises:
        UsageError: one of them is unknown.
    """
    spec = Spec.parse(parallel)
    if spec.name not in MODES:
        raise unknown("way to go parallel", spec.name, MODES)
    args: Mapping[str, Any] = spec.args
    for key in args:
        if key != "norm" or spec.name == "tensor":
            raise unknown(
                f"argument of {spec.name}", key, () if spec.name == "tensor" else ("norm",)
            )
    norm = args.get("norm", "global")
    if norm not in NORMS:
        raise unknown("norm", str(norm), NORMS)
    return spec.name, norm
