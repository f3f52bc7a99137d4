"""The process group of several processes: their rows, their gradients, what all do next.

All that the processes have to agree on is part of the all-reduce of the counts at each step: how
many examples there were, whether a signal came, whether the lead wants to read the losses or save.
So they stop, read and save after the same step, with one message.
"""

import pickle
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Batches
from cartograd.engine.device.signals import Stop
from cartograd.engine.distributed import gradients, join, norms, rows
from cartograd.engine.distributed.broadcast import broadcast, modules_of
from cartograd.engine.distributed.merged import merged
from cartograd.engine.inputs.stream import examples, moved

T = TypeVar("T")


class DistributedGroup:
    """This process among several; made on all of them, and its methods are collective calls.

    Args:
        mode: `ddp`, `fsdp` or `tensor`.
        norm: `global` if batch normalisation takes the statistics of the whole batch.

    Attributes:
        idle: whether the present batch is a padding batch.
        seed_rank: 0 where all processes need the same random numbers.
    """

    def __init__(self, mode: str, norm: str) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.lead = self.rank == 0
        self.mode, self.norm = mode, norm
        self.sharded = mode != "ddp"
        self.seed_rank = 0 if mode == "tensor" else self.rank
        self.group = join.control()
        self._stop = Stop(alone=False)
        self.idle = False
        self._wish = self._told = False, False
        self._restore: list[Callable[[], None]] = []
        self._prepared: list[nn.Module] = []

    def stop(self) -> Stop:
        """What notes the signals, of any process."""
        return self._stop

    def device(self, place: torch.device, /) -> torch.device:
        """This process's own device."""
        return join.own_device(place)

    def prepare(self, objective: Any, place: torch.device, /) -> Any:
        """The objective to train: with the lead's weights, or a sharded copy.

        Raises:
            UsageError: it cannot be sharded over this many processes.
        """
        with self._explained():
            for module in modules_of(objective):
                module.to(place)
                with torch.no_grad():
                    broadcast([*module.parameters(), *module.buffers()])
            if self.sharded:
                from cartograd.engine.distributed import shard

                objective = shard.spread(objective, self.mode, place)
        self._prepared = modules_of(objective)
        return objective

    def check(self, source: Batches, seed: int, /, *, autotune: bool, nonfinite: str) -> None:
        """Refuse what several processes cannot do.

        Raises:
            UsageError: the first batch has fewer rows than there are processes, or each of them
                would choose for itself.
        """
        if autotune:
            raise UsageError("autotune times the steps of one process; train several without it")
        if nonfinite == "rollback":
            raise UsageError(
                "nonfinite=rollback goes back in one process only; use skip or stop, and resume"
            )
        if self.mode != "tensor":
            first = next(iter(source.epoch(0, seed=seed)), None)
            if first is not None and examples(first) < self.size:
                raise rows.too_few(examples(first), self.size)

    def finish(self, trained: Any, objective: Any, /) -> None:
        """Copy the trained weights back into the objective that was given, on every process."""
        if self.sharded:
            from cartograd.engine.distributed import shard

            shard.gather(trained, objective)

    def batches(
        self, source: Batches, number: int, /, *, seed: int, start: int, device: torch.device
    ) -> Iterator[Batch]:
        """This process's rows of each batch of an epoch, on the device."""
        if self.mode == "tensor":
            return moved(iter(source.epoch(number, seed=seed, start=start)), device)
        where = {"seed": seed, "start": start, "device": device}
        return rows.shares(source, number, self.rank, self.size, **where)

    def turns(self, source: Iterator[Batch], /) -> Iterator[tuple[int | None, Batch]]:
        """Whole batches in turn, so that their outputs are those of a single process.

        Where weights are sharded all processes have to run the model at the same time: one without
        a batch in the last round gets a padding batch (its number is None).
        """
        if self.mode == "tensor":
            yield from self._polled(enumerate(source))
            return
        for first, batches in self._polled(rows.rounds(source, self.size)):
            if self.rank < len(batches):
                yield first + self.rank, batches[self.rank]
            elif self.sharded:
                yield None, batches[0]

    def _polled(self, source: Iterator[T]) -> Iterator[T]:
        """Before each item ask whether a signal came to anyone."""
        for item in source:
            self._agree([])
            yield item
            if self._stop.asked:
                return

    def in_order(self, items: list[tuple[int, T]], /) -> list[T]:
        """The outputs of all processes, in the order of the batches."""
        if self.mode == "tensor":
            return [item for _, item in items]
        by_number = dict(pair for part in self._all(items) for pair in part)
        return [by_number[number] for number in sorted(by_number)]

    def merged(self, records: list[Any], /) -> list[Any]:
        """Means and weights by step and name, over all processes."""
        if self.mode == "tensor":
            return records
        return merged(self._all(records))

    def ask(self, *, read: bool, save: bool) -> None:
        """Request what follows the next step: the lead decides, and whoever got a SIGUSR1."""
        self._wish = read and self.lead, (save and self.lead) or self._stop.save
        self._told = False, False

    def told(self) -> tuple[bool, bool]:
        """What all processes agreed to do now: read the losses, save."""
        return self._told

    def reduce(self, params: list[Any], count: float | Tensor | None, /) -> float:
        """All-reduce the gradients by their sum; return the sum of the counts, or 1 if it is 0.

        Raises:
            UsageError: a gradient is sparse.
        """
        present = [float(p.grad is not None) for p in params] if self.mode == "ddp" else []
        # Under tensor parallelism all processes have the same rows, which count once.
        own = float(count or 0) if self.lead or self.mode != "tensor" else 0.0
        total, *present = self._agree([own, *present])
        if self.mode == "ddp":
            gradients.add([p for p, there in zip(params, present, strict=True) if there])
        return total if total > 0 else 1.0

    def _agree(self, numbers: list[float]) -> list[float]:
        """All-reduce of counts, and of the requests to stop, read or save."""
        signals = [float(self._stop.noted == number.name) for number in Stop.SIGNALS]
        sums = torch.tensor([*signals, *map(float, self._wish), *numbers], dtype=torch.float64)
        dist.all_reduce(sums, group=self.group)
        totals = sums.tolist()
        for number, asked in zip(Stop.SIGNALS, totals, strict=False):
            if asked and self._stop.asked is None:
                self._stop.asked = self._stop.noted = number.name
        read, save, *rest = totals[len(signals) :]
        self._told = self._told[0] or read > 0, self._told[1] or save > 0
        return rest

    def _all(self, value: T) -> list[T]:
        """The values of all processes."""
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self.group)
        return values

    def any(self, asked: bool, /) -> bool:
        """Whether any process asks for it; all of them call this at the same place."""
        return self._agree([float(asked)])[0] > 0

    def union(self, words: set[str], /) -> set[str]:
        """The words of all processes."""
        return set().union(*self._all(words))

    def lead_says(self, value: T, /) -> T:
        """The lead's value, broadcast to all processes."""
        box = [value if self.lead else None]
        dist.broadcast_object_list(box, src=0, group=self.group)
        return box[0]  # type: ignore[return-value]

    def lead_does(self, work: Callable[[], T], /) -> T:
        """Run something on the lead only; its result or error is that of all processes.

        Raises:
            UsageError: the lead's work raised one.
        """
        result, mistake, failed = None, None, None
        if self.lead:
            try:
                result = work()
            except UsageError as error:
                mistake = str(error)
            except BaseException as error:
                failed = error
        sent = self.lead_says((_plain(result), mistake, failed is not None))
        if failed is not None:
            raise failed
        if sent[2]:
            raise join.LostError("the first process failed; its message says why")
        if sent[1] is not None:
            raise UsageError(sent[1])
        return result if self.lead else sent[0]  # type: ignore[return-value]

    def same_buffers(self, objective: Any, /) -> None:
        """Broadcast the lead's buffers."""
        if self.mode == "ddp":
            for module in modules_of(objective):
                broadcast(list(module.buffers()))

    def whole(self, tensor: Tensor, /) -> Tensor:
        """The full tensor, gathered on each process."""
        if not self.sharded:
            return tensor
        from cartograd.engine.distributed import shard

        return shard.whole(tensor)

    def placed(self, value: Any, like: Any, /) -> Any:
        """A full tensor, sharded as another one is."""
        if not self.sharded:
            return value
        from cartograd.engine.distributed import shard

        return shard.placed(value, like)

    def __enter__(self) -> "DistributedGroup":
        if self.norm == "global" and self.mode != "tensor":
            for module in self._prepared:
                self._restore += norms.share(module, self)
        return self

    def __exit__(self, *error: object) -> None:
        while self._restore:
            self._restore.pop()()
        if self.sharded:
            from cartograd.engine.distributed import shard

            shard.spread_mesh.clear()
        self._explain(error[1])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            self._explain(error)
            raise

    def _explain(self, error: object) -> None:
        """Raise a clear error in the place of one that torch raised for a reason known to us."""
        if isinstance(error, RuntimeError) and join.lost(error):
            told = re.sub(r"\[[^\]]*\]\s*", "", str(error).split("\n")[0]).strip(" .")
            raise join.LostError(
                f"process {self.rank + 1} of {self.size} lost another process of the run ({told}); "
                "resume from the newest checkpoint"
            ) from error
        if isinstance(error, RuntimeError) and "mixed torch.Tensor and DTensor" in str(error):
            raise UsageError(
                "this objective combines spread weights with others by itself, which only "
                "parallel='ddp' allows"
            ) from error


def _plain(value: Any) -> Any:
    """A result that can be sent; others stay with the lead."""
    try:
        pickle.dumps(value)
    except (pickle.PicklingError, TypeError, AttributeError):
        return None
    return value
